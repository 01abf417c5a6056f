/* osq.h - the parts of osqB, whose idea and formats are codec_osq.c's. Inside this domain only.
 *
 *   codec_osq.c   the spec, files, encoding and decoding; the table of the kind
 *   osq.c         what a codec holds; turning vectors, and what else they are coded by
 *   osq_train.c   a codec of a sample
 *   osq_cells.c   of that: sharing bits, the cells of one dimension
 *   osq_list.c    queries, packed lists, scans with lower bounds
 *   osq_portable.c, osq_avx2.c, osq_avx512.c   the kernel of scans
 */
#ifndef VEC_OSQ_H
#define VEC_OSQ_H

#include "vec/codec_kind.h"

enum {
    OSQ_BITS_MAX = 8,
    OSQ_NARROW = 4, /* bits up to which two dimensions share a byte of a packed list */
    OSQ_LANES = 16, /* columns of a packed list are padded to so many codes */
    OSQ_BLOCK = 64, /* vectors that are turned together */
    OSQ_CLASS_BITS = 2,
    OSQ_CLASSES = 1 << OSQ_CLASS_BITS,
    OSQ_CLASS_BUDGET = 256 /* bits of a code from which OSQ_CLASS_BITS are well spent */
};

/* ---- cells ---- */

/* bit[0..d): each of `budget` bits in turn goes to the dimension of the largest variance / 4^bits,
 * the first of equals, and none to one that has 8 or has no variance. variance: largest first. */
void osq_share_bits(const double *variance, uint32_t d, uint64_t budget, uint8_t *bit);

/* The cells of one dimension by Lloyd's algorithm in one dimension (Lloyd 1957): border[2^bits + 1]
 * in increasing order, the first and last a little outside of the sample, and point[2^bits], the
 * means between them. x: n >= 1 values; it is sorted. ERR_MEM. */
int osq_cells(float *x, size_t n, unsigned bits, float *border, float *point, struct err *e);

/* Puts n floats into increasing order. ERR_MEM. */
int osq_sort(float *x, size_t n, struct err *e);

/* ---- the kernel ---- */

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

extern const struct osq_ops osq_portable, osq_avx2, osq_avx512;

/* ---- a codec ---- */

struct osq {
    uint8_t *bit;             /* [dim] */
    uint32_t active;          /* dimensions with bits */
    struct osq_shape shape;   /* of these */
    float *mean;              /* [dim] */
    float *turn;              /* [active][dim] */
    float *panels;            /* the same, packed (ops.h) */
    float *weight;            /* [active]: 1 / variance */
    unsigned classes;         /* 1 or OSQ_CLASSES */
    float first[OSQ_CLASSES]; /* the energy from which on a vector belongs to a class */
    float *border, *point;    /* of each class, of each active dimension, one after the other */
    size_t borders, points;   /* how many of a class */
    size_t tables;            /* entries of a query's tables of a class, padded */
    float radius[2];          /* of all; of the dimensions without bits */
    double gross, stretch;    /* G and s of codec_osq.c */
    const struct osq_ops *ops;
};

/* c->state, empty but for what the spec says. */
struct osq *osq_new(struct codec *c, struct err *e);
void osq_free(void *state);

static inline unsigned osq_class_bits(const struct osq *q)
{
    return q->classes > 1 ? OSQ_CLASS_BITS : 0;
}

static inline uint32_t osq_panels(const struct osq *q)
{
    return (q->active + PANEL - 1) / PANEL;
}

/* Bits of cells: all but one and the class. */
uint64_t osq_budget(const struct codec *c);
/* In this order, as each needs what is before it: what follows from `bit`, room for `turn`,
 * `weight` and cells, `panels` of `turn`. */
void osq_set_shape(struct codec *c);
int osq_make_room(struct codec *c, struct err *e);
int osq_make_panels(struct codec *c, struct err *e);

/* z[i * PANEL + k]: products of n <= OSQ_BLOCK centred rows with one panel. */
void osq_turn_panel(const struct codec *c, const float *rows, size_t n, uint32_t panel, float *z);
/* All components: z[i * ld + j], ld whole panels. */
void osq_turn_rows(const struct codec *c, const float *rows, size_t n, float *z);

/* What a vector is coded by besides its components. */
struct osq_measures {
    double norm;  /* |x - mean|^2 */
    double rest;  /* of it in dimensions without bits */
    float energy; /* which tells classes apart */
    uint8_t class;
};

/* Of a centred row; all but the class. */
struct osq_measures osq_measure(const struct codec *c, const float *row, const float *z);
unsigned osq_class_of(const struct osq *q, float energy);
/* ERR_INPUT when a norm's square is too large. */
int osq_too_far(const struct codec *c, double norm, struct err *e);

/* ---- of the kind's table (codec.h) ---- */

int osq_train(struct codec *c, const struct codec_train *t, struct err *e);
size_t osq_query_bytes(const struct codec *c);
void osq_query_init(const struct codec *c, enum vec_metric m, const float *x, void *query);
size_t osq_packed_bytes(const struct codec *c, size_t n);
void osq_pack(const struct codec *c, const uint8_t *code, size_t stride, size_t n, uint8_t *packed);
void osq_scan(const struct codec *c, const void *const *query, size_t nq, const uint8_t *packed,
              size_t n, float *key, float *low, size_t ld);

#endif
