/* place.h - a candidate in 64 bits: its key in the upper half, as a whole number of the same order,
 * then its row; so places are compared as numbers, and equal keys go by row.
 */
#ifndef ANN_PLACE_H
#define ANN_PLACE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

/* The row and, lowest, a mark of the kind's own. */
static inline uint64_t place_of(float key, uint32_t row)
{
    uint32_t bits;

    memcpy(&bits, &key, sizeof bits);
    bits ^= bits >> 31 ? 0xffffffff : 0x80000000;
    return (uint64_t)bits << 32 | row << 1;
}

static inline float place_key(uint64_t place)
{
    uint32_t bits = (uint32_t)(place >> 32);
    float key;

    bits ^= bits >> 31 ? 0x80000000 : 0xffffffff;
    memcpy(&key, &bits, sizeof key);
    return key;
}

static inline uint32_t place_row(uint64_t place)
{
    return (uint32_t)place >> 1;
}

/* place.c: in order, by insertion: for few, or such as are nearly so. */
void places_sort(uint64_t *place, size_t n);
void places_order(uint64_t *place, size_t n); /* the same of any */
/* The k smallest of n come first, in no order (Hoare's selection). */
void places_select(uint64_t *place, size_t n, size_t k);

/* Where rows stand: *at becomes [rows], (*at)[row[i]] = i, unless it is there already. The first
 * who wants it makes it, for all threads. */
int places_of_rows(_Atomic(uint32_t *) *at, const uint32_t *row, uint64_t rows, struct err *e);

#endif
