/* names.h - strings that stand for numbers: each distinct one, of any bytes, gets the next number,
 * from 0.
 *
 * Cost     a hash and a probe; memory: the name, and about 20 bytes.
 * Errors   ERR_MEM, also for more than 2^32 - 2 names.
 */
#ifndef BASE_NAMES_H
#define BASE_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct names;

#define NAMES_NONE UINT64_MAX

int names_new(struct names **out, struct err *e);
void names_free(struct names *n); /* NULL is fine */
/* The number of p[0..len), old or new. */
int names_add(struct names *n, const char *p, size_t len, uint64_t *number, struct err *e);
/* The same, if it was added; else NAMES_NONE. */
uint64_t names_find(const struct names *n, const char *p, size_t len);
size_t names_count(const struct names *n);
/* The name of a number, with a NUL behind it, until the next is added. (vec/neigh.h takes this
 * function and the set.) */
const char *names_of(const void *names, uint64_t number, size_t *len);
/* Byte by byte, as memcmp() and then by length. */
int names_compare(const struct names *n, uint64_t a, uint64_t b);

#endif
