/* tenant_code.h - n numbers below `range`, ascending, as bytes: Elias (1974) and Fano (1971).
 *
 * n as seven bits a byte, the lowest first and bit 7 set but in the last; the `low` lower bits of
 * each number, packed, with low = floor(log2(range / n)); then, at a new byte, for each number its
 * other bits: number i sets bit (v >> low) + i. All bits from the lowest of a byte up.
 *
 * Reading takes up to 8 bytes more than a code has: they are there behind all codes. Whatever the
 * bytes, no more than `avail` + 8 are read and no number is `range` or more.
 */
#ifndef ANN_TENANT_CODE_H
#define ANN_TENANT_CODE_H

#include "base/mem.h"

enum { TENANT_CODE_PAD = 8 };

struct tenant_code {
    const uint8_t *low, *high, *end; /* end: of the higher bits */
    uint64_t word;                   /* bits of the higher that are not read yet */
    uint64_t bit, i, n;              /* bit: of `word`'s lowest; i: read */
    uint32_t range;
    unsigned low_bits;
};

/* Appends v[n], n >= 1. */
int tenant_code_put(struct buf *b, const uint32_t *v, size_t n, uint32_t range, struct err *e);
/* A code that has at most `avail` bytes. False: it is none. c->n says how many there are. */
bool tenant_code_begin(struct tenant_code *c, const uint8_t *p, uint64_t avail, uint32_t range);
/* Up to `most` of them, each plus `plus`; 0: there are no more. */
size_t tenant_code_next(struct tenant_code *c, uint32_t plus, uint32_t *v, size_t most);
/* Bytes that it takes from its first on. */
uint64_t tenant_code_bytes(const struct tenant_code *c, const uint8_t *p);

#endif
