/* names.h - strings that stand for numbers: each distinct one, of any bytes, gets the next number,
 * from 0.
 *
 * Memory   about 70 bytes and the name, each; names live until names_free().
 */
#ifndef VEC_NAMES_H
#define VEC_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct names;

int names_new(struct names **out, struct err *e);
void names_free(struct names *n); /* NULL is fine */
/* The number of p[0..len), old or new. */
int names_add(struct names *n, const char *p, size_t len, uint64_t *number, struct err *e);
/* The name of a number, with a NUL behind it. (neigh.h takes this function and the set.) */
const char *names_of(const void *names, uint64_t number, size_t *len);
/* Byte by byte, as memcmp() and then by length. */
int names_compare(const struct names *n, uint64_t a, uint64_t b);

#endif
