/* types.h - what a vector is made of, how near two are, and rows of them in memory.
 *
 * A set of vectors is `rows` rows of `dim` components of one type, components little-endian. f16 is
 * IEEE binary16. i32 is for ids (ivecs, ibin) and is never searched.
 */
#ifndef VEC_TYPES_H
#define VEC_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum vec_type { VEC_F32, VEC_F16, VEC_U8, VEC_I8, VEC_I32 };
#define VEC_TYPE_NAMES "f32|f16|u8|i8|i32" /* in the order of the enum */

/* How near: what is compared, and what is printed.
 *   l2      squared Euclidean distance; smaller is nearer
 *   ip      inner product; larger is nearer
 *   cosine  1 - cosine, never below 0; smaller is nearer; a zero vector is an error
 * Inside, everything is ranked by a key of which smaller is nearer: for ip, minus the product.
 * Equal keys: the smaller row number first. */
enum vec_metric { VEC_L2, VEC_IP, VEC_COSINE };
#define VEC_METRIC_NAMES "l2|ip|cosine"

#define VEC_DIM_MAX  (1u << 20)
#define VEC_ROWS_MAX UINT64_C(0x7fffffff00) /* file sizes stay far from 2^63 */

static inline size_t vec_type_size(enum vec_type t)
{
    static const uint8_t size[] = {4, 2, 1, 1, 4};

    return size[t];
}

const char *vec_type_name(enum vec_type t);
const char *vec_metric_name(enum vec_metric m);

/* Rows in memory: row i begins at p + i * stride (bytes; any alignment). */
struct vec_rows {
    const unsigned char *p;
    uint64_t rows;
    uint32_t dim;
    enum vec_type type;
    size_t stride;
};

static inline const void *vec_row(const struct vec_rows *v, uint64_t i)
{
    return v->p + i * v->stride;
}

/* n * dim components of `type` at `src` become f32 at `dst`: exact, but for i32 beyond 2^24. */
void vec_to_f32(enum vec_type type, const void *src, size_t n, float *dst);

/* A matrix of f32 of this process, row-major without gaps, 64-byte aligned, in huge pages. */
struct vec_matrix {
    float *v;
    uint64_t rows;
    uint32_t dim;
    size_t bytes; /* of the mapping */
};

/* Zeroed. {0} is an empty one; vec_matrix_free() leaves it empty again. */
int vec_matrix_init(struct vec_matrix *m, uint64_t rows, uint32_t dim, struct err *e);
void vec_matrix_free(struct vec_matrix *m);

static inline float *vec_matrix_row(const struct vec_matrix *m, uint64_t i)
{
    return m->v + i * m->dim;
}

#endif
