/* cand.h - a candidate in 64 bits: its key in the upper half, as a whole number of the same order,
 * then its row; so candidates are compared as numbers, and equal keys go by row.
 */
#ifndef ANN_CAND_H
#define ANN_CAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Below the row, the lowest bit is a mark of the kind's own: cand_mark(). */
static inline uint64_t cand_of(float key, uint32_t row)
{
    uint32_t bits;

    memcpy(&bits, &key, sizeof bits);
    bits ^= bits >> 31 ? 0xffffffff : 0x80000000;
    return (uint64_t)bits << 32 | row << 1;
}

static inline float cand_key(uint64_t cand)
{
    uint32_t bits = (uint32_t)(cand >> 32);
    float key;

    bits ^= bits >> 31 ? 0x80000000 : 0xffffffff;
    memcpy(&key, &bits, sizeof key);
    return key;
}

static inline uint32_t cand_row(uint64_t cand)
{
    return (uint32_t)cand >> 1;
}

static inline uint64_t cand_mark(uint64_t cand)
{
    return cand | 1;
}

static inline bool cand_is_marked(uint64_t cand)
{
    return cand & 1;
}

/* How many of n >= 1, in order, are below v: halving without branches to guess. */
static inline size_t cands_below(const uint64_t *cand, size_t n, uint64_t v)
{
    const uint64_t *at = cand;

    for (; n > 1; n -= n / 2)
        at += at[n / 2 - 1] < v ? n / 2 : 0;
    return (size_t)(at - cand) + (*at < v);
}

/* cand.c: in order, by insertion: for few, or such as are nearly so. */
void cands_sort(uint64_t *cand, size_t n);
void cands_order(uint64_t *cand, size_t n); /* the same of any */
/* The k smallest of n come first, in no order (Hoare's selection). */
void cands_select(uint64_t *cand, size_t n, size_t k);

#endif
