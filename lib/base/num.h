/* num.h - strict numbers: the whole string must be the number, and it must fit.
 *
 * No sign for unsigned values, no blanks, no empty string, no trailing junk, no octal.
 * On false *v is as it was.
 */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stdbool.h>
#include <stdint.h>

bool num_u64(const char *s, uint64_t *v);  /* decimal digits */
bool num_double(const char *s, double *v); /* finite; decimal notation, exponent allowed */
/* A byte size: digits, alone or with a unit K, M, G or T (powers of 1024, either case) and an
 * optional "B" or "iB" after it: "64", "64K", "2GiB"; "64B" too. With a unit, a point and more
 * digits may follow the first: "1.5G", rounded down to a byte. */
bool num_size(const char *s, uint64_t *v);

/* "1.5 GiB" and the like, for people. Returns p, which holds at least NUM_HUMAN bytes. */
enum { NUM_HUMAN = 32 };
const char *num_human_bytes(uint64_t v, char *p);

#endif
