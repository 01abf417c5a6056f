/* osq.h - the parts of osqB: what training finds out (osq_train.c), and the kernels of codec_osq.c,
 * a table a CPU level. Inside this domain only.
 */
#ifndef VEC_OSQ_H
#define VEC_OSQ_H

#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"
#include "base/err.h"

enum {
    OSQ_BITS_MAX = 8,
    OSQ_NARROW = 4, /* bits up to which two dimensions share a byte of a packed list */
    OSQ_LANES = 16, /* columns of a packed list are padded to so many codes */
};

/* bit[0..d): each of `budget` bits in turn goes to the dimension of the largest variance / 4^bits,
 * the first of equals, and none to one that has 8 or has no variance. variance: largest first. */
void osq_share_bits(const double *variance, uint32_t d, uint64_t budget, uint8_t *bit);

/* The cells of one dimension by Lloyd's algorithm in one dimension (Lloyd 1957): border[2^bits + 1]
 * in increasing order, the first and last a little outside of the sample, and point[2^bits], the
 * means between them. x: n >= 1 values; it is sorted. ERR_MEM. */
int osq_cells(float *x, size_t n, unsigned bits, float *border, float *point, struct err *e);

/* Puts n floats into increasing order. ERR_MEM. */
int osq_sort(float *x, size_t n, struct err *e);

/* A packed list: a column a dimension of more than 4 bits, a byte a code; then a column two
 * dimensions, the first in the low half. */
struct osq_shape {
    const uint8_t *bit;    /* of each dimension, never increasing */
    uint32_t wide, narrow; /* dimensions of more than 4 bits; of 1 to 4 */
};

/* Entries of a look-up table of a dimension: one of 4 bits when it is narrow. */
static inline size_t osq_table(unsigned bits)
{
    return (size_t)1 << (bits > OSQ_NARROW ? bits : OSQ_NARROW);
}

struct osq_ops {
    /* sum[i] = the sum of table entries of code i, in the order of dimensions, for n codes, a
     * multiple of OSQ_LANES, of a list whose columns lie `ld` bytes apart. The tables follow each
     * other; of an odd number of narrow dimensions the last has a table of zeros behind it. All
     * levels give the same bits. */
    void (*sums)(const struct osq_shape *s, const float *table, const uint8_t *packed, size_t ld,
                 size_t n, float *sum);
};

extern const struct osq_ops osq_portable;
#if defined(__x86_64__)
extern const struct osq_ops osq_avx2, osq_avx512;
#endif

#endif
