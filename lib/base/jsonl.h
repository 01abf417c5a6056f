/* jsonl.h - a pull scanner for one line of JSON Lines: hands out spans, decodes only what is asked.
 *
 * A line is validated while it is scanned (RFC 8259 grammar; at most JSONL_DEPTH objects and arrays
 * open at once, the line's own object counted), but values that nobody asks for stay raw bytes:
 * numbers keep their digits, strings their escapes. Raw bytes 0x80-0xff pass as they are, valid
 * UTF-8 or not; \u0000 decodes to a NUL byte; a lone surrogate escape becomes its 3-byte form
 * (WTF-8), a pair one 4-byte character. Raw control characters below 0x20 inside strings are an
 * error, as the standard says. Repeated names are handed out as often as they stand there.
 *
 *     struct jsonl j;
 *     struct jsonl_member m;
 *     jsonl_begin(&j, line, len);
 *     while ((rc = jsonl_next(&j, &m, e)) > 0)
 *         ...
 *
 * Errors   ERR_INPUT with "...at byte N" (from 1) of the line; the caller adds file and line. N is
 *          where the offending thing begins: for an unclosed string, its opening quote.
 * Memory   spans point into the caller's line; nothing is read outside it.
 * Cost     one pass; the inside of long strings goes 16 or 64 bytes at a time.
 */
#ifndef BASE_JSONL_H
#define BASE_JSONL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"

enum { JSONL_DEPTH = 128 };

enum jsonl_type { JSONL_NULL, JSONL_BOOL, JSONL_NUMBER, JSONL_STRING, JSONL_ARRAY, JSONL_OBJECT };

struct jsonl_span {
    const char *p; /* raw bytes; for strings without the quotes, escapes as they stand */
    size_t len;
    enum jsonl_type type;
    bool escaped; /* a string that holds at least one backslash */
};

struct jsonl_member {
    struct jsonl_span key;   /* type JSONL_STRING */
    struct jsonl_span value; /* arrays and objects: the whole raw value with its brackets */
};

struct jsonl { /* private */
    const char *start, *p, *end;
    int state;
};

/* Is there nothing on the line? */
bool jsonl_is_blank(const char *line, size_t len);
/* The line must be one JSON object, blanks around it allowed, and a byte order mark before it.
 * Calls after an end or an error repeat it. */
void jsonl_begin(struct jsonl *j, const char *line, size_t len);
/* 1 and a member; 0 at the object's end, the rest of the line checked to be blank; ERR_INPUT. */
int jsonl_next(struct jsonl *j, struct jsonl_member *m, struct err *e);

/* All of a line: the values of the members with these names; the last, of one that is repeated; p
 * is NULL where there is none. */
int jsonl_members(const char *line, size_t len, const char *const *names, struct jsonl_span *v,
                  size_t n, struct err *e);
/* The items of an array that jsonl_next() validated, one after the other: *at is NULL before the
 * first. False after the last. Arrays and objects among them are one item each, raw. */
bool jsonl_item(const struct jsonl_span *array, const char **at, struct jsonl_span *item);
/* Does the (possibly escaped) string span equal the plain bytes s? Never, if it is no string. */
bool jsonl_equals(const struct jsonl_span *v, const char *s, size_t len);
/* Appends the decoded bytes of a string span that jsonl_next() validated (and any other span's raw
 * bytes). They are never more than v->len. 0 or ERR_MEM. */
int jsonl_decode(const struct jsonl_span *v, struct buf *out, struct err *e);
/* Appends p[0..len) as the inside of a JSON string, without quotes. Every byte that is no part of
 * valid UTF-8 (utf8.h) becomes one U+FFFD, since JSON has no bytes; control characters, quote and
 * backslash are escaped, all else stands as it is. 0 or ERR_MEM. */
int jsonl_encode(const char *p, size_t len, struct buf *out, struct err *e);
/* The same for a line that is kept, not shown: what is not UTF-8 stays as it is too, so that
 * jsonl_decode() gives all bytes back. */
int jsonl_escape(const char *p, size_t len, struct buf *out, struct err *e);

#endif
