/* json.h - a small JSON document in memory: cards, lists of programs. JSON Lines go through
 * jsonl.h.
 *
 * A value is handed out as a pointer into its document, which lives until json_free(). Asking an
 * absent value (NULL) or one of another type gives what "absent" gives, so chains need one check.
 *
 * Errors   ERR_INPUT names the line; ERR_IO, ERR_MEM.
 * Threads  a document that nobody frees may be read by many.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { JSON_BYTES_MOST = 32 << 20 }; /* the document in memory takes up to 50 times as much */

struct json; /* a value, a document's root among them */

/* At most JSON_BYTES_MOST. */
int json_parse(struct json **out, const char *p, size_t len, struct err *e);
/* A whole file, of no more either; sentences name it. */
int json_load(struct json **out, const char *path, struct err *e);
void json_free(struct json *root); /* NULL is fine */

/* Of an object: its member, or NULL. */
const struct json *json_get(const struct json *v, const char *key);
/* Of an array: how many (0 of anything else), and one of them. */
size_t json_len(const struct json *v);
const struct json *json_at(const struct json *v, size_t i);
/* Of an object: members from 0, in the document's order; NULL after the last. */
const struct json *json_member(const struct json *v, size_t i, const char **key);

bool json_none(const struct json *v); /* absent, or null */
/* False, and *out as it was, if it is none. */
bool json_i64(const struct json *v, int64_t *out);
bool json_double(const struct json *v, double *out);               /* whole numbers too */
bool json_text(const struct json *v, const char **p, size_t *len); /* of the document */

#endif
