/* names.h - strings that stand for numbers: each distinct one gets the next number, from 0.
 *
 * Memory   about 60 bytes and the name, each. A name lives until names_free(), the array of them,
 *          names_all(), until the next names_add().
 */
#ifndef VEC_NAMES_H
#define VEC_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct names;

int names_new(struct names **out, struct err *e);
void names_free(struct names *n); /* NULL is fine */
/* The number of p[0..len), old or new. ERR_INPUT: there is a NUL in it. */
int names_add(struct names *n, const char *p, size_t len, uint64_t *number, struct err *e);
const char *const *names_all(const struct names *n);

#endif
