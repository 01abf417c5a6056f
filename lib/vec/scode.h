/* scode.h - scalar codes: a small integer for each component, and how lists of them are scanned.
 * Inside this domain only: sq (steps a dimension) and lvq (steps a vector) stand on it.
 *
 * A vector is coded by cells, integers of 4 bits, of 8, or of both (two levels: 255 times the first
 * and the second). All that a search needs of them is <w, cell> with weights made of the query, so
 * weights become integers too: 8 bits for cells of 4, else 16. Then
 *   - every level of CPU gives the same sum, bit for bit;
 *   - VNNI multiplies four weights with four cells a lane (16 bits are two planes of 8);
 *   - AVX2 has vpmaddwd for 16 bits, and vpmaddubsw, which cannot saturate with cells of 4.
 * A weight is off by at most half a unit. Cells are far from 0 on average, so the sum is taken of
 * cells less the middle of their range: what is lost is then <error, cell - middle>, without bias,
 * and at most middle * |error|_1. 8 bits are 16 times finer than the cells of 4 that they meet, 16
 * bits 256 times finer than those of 8. The unit is chosen so that no sum exceeds 31 bits.
 *
 * Blocks   a list is packed in blocks of 16 vectors, the last one filled up with zeros:
 *            0   64  f32 norms: of the vector as decoded, squared, seen from where l2 needs it
 *                32  bf16 lows      only where a vector has a range of its own
 *                32  bf16 steps
 *                    4-bit cells    [ceil(dim / 8)][16 vectors][4 bytes]; byte b of the four is
 *                                   components 2b and 2b + 1, low nibble first
 *                    8-bit cells    [ceil(dim / 4)][16 vectors][4 bytes]
 *          so that one broadcast of 4 weights serves 16 vectors and no sum crosses lanes.
 *
 * Keys     key = base + norm + u * low + step * (v + w * (first + second / 255)), all f32, in this
 *          order, unfused: the same bits on every level. l2 is never below 0.
 * Bounds   low = key - (a0 + a1 |low| + a2 step + a3 norm) for ip; for l2 the square of what its
 *          root exceeds r1 |low| + r2 step by.
 */
#ifndef VEC_SCODE_H
#define VEC_SCODE_H

#include "vec/codec_kind.h"

enum {
    SCODE_ROWS = 16,  /* vectors of a block */
    SCODE_BLOCKS = 2, /* of a tile: 32 vectors meet some queries; at d = 784 they stay in L1 */
    SCODE_TILE = SCODE_ROWS * SCODE_BLOCKS,
    SCODE_RANGE = 4,   /* bytes of a code before its cells, where a vector has a range */
    SCODE_CHUNK = 256, /* cells at a time: a sum of their squares stays below 2^32 */
};

struct scode_shape {
    uint32_t dim;
    bool four, eight; /* the levels that there are */
    bool ranged;      /* a range a vector */
    uint32_t groups4, groups8;
    size_t code, block;    /* bytes */
    size_t at4, at8;       /* of the cells in a block */
    size_t plane, weights; /* bytes of 8-bit weights; of all weights of a query */
};

struct scode_shape scode_shape(uint32_t dim, bool four, bool eight, bool ranged);

/* A prepared query: this and then, at a multiple of 64, planes of `plane` bytes: for 4-bit cells
 * one, or two (high, low) if there are 8-bit cells as well; for 8-bit cells high, low and, in two
 * planes, both as i16. The components of a group of 8 stand as 0 2 4 6 1 3 5 7 for 4-bit cells, in
 * the i16 those of 4 as 0 2 1 3. */
struct scode_query {
    float base, u, v, w;
    float a0, a1, a2, a3, r1, r2;
    uint32_t l2;
    int32_t middle4, middle8; /* sum of weights * middle, rounded down */
    int8_t *plane;            /* behind this */
};
enum { SCODE_QUERY_BYTES = 64 }; /* before the planes */

/* Bytes of a prepared query, which end with room for its dim weights before they are integers. */
static inline size_t scode_query_bytes(const struct scode_shape *s)
{
    return SCODE_QUERY_BYTES + s->weights + s->dim * sizeof(double);
}

static inline double *scode_query_weights(const struct scode_shape *s, void *query)
{
    return (double *)(void *)((uint8_t *)query + SCODE_QUERY_BYTES + s->weights);
}

/* What quantizing the weights came to. */
struct scode_weights {
    double unit;
    double lost;         /* |weights - unit * integers|_1 */
    double rest4, rest8; /* what the middles were rounded by */
};

/* Quantizes dim weights into the planes behind q, and sets plane and middles. */
struct scode_weights scode_weights(const struct scode_shape *s, const double *w,
                                   struct scode_query *q);

/* m cells, from component `from` (even) on, of the cells of one code. */
void scode_cells(const struct scode_shape *s, const uint8_t *cells, uint32_t from, uint32_t m,
                 uint16_t *out);

/* n codes into blocks but for the norms, zeros behind the last. */
void scode_pack(const struct scode_shape *s, const uint8_t *code, size_t stride, size_t n,
                uint8_t *packed);
/* Where the norm of the i-th vector of a list of blocks stands. */
float *scode_norm(uint8_t *packed, size_t block, size_t i);

static inline size_t scode_packed_bytes(const struct scode_shape *s, size_t n)
{
    return (n + SCODE_ROWS - 1) / SCODE_ROWS * s->block;
}

/* The kernels: scode_body.h compiled a level. */
struct scode_ops {
    const char *name;
    /* As codec_kind.scan; bounds only of ranged codes. */
    void (*scan)(const struct scode_shape *s, const void *const *query, size_t nq,
                 const uint8_t *packed, size_t n, float *key, float *low, size_t ld);
    /* y = x - mean, and its smallest and largest. */
    void (*centre)(const float *x, const float *mean, uint32_t dim, float *y, float *low,
                   float *high);
    /* cell = round((y - low) / step) in 0..most, ties to even, for a step above 0. */
    void (*quantize)(const float *y, uint32_t dim, float low, float step, float most,
                     uint8_t *cell);
    /* The same with a low and a step for each component. */
    void (*quantize_each)(const float *x, const float *low, const float *step, uint32_t dim,
                          float most, uint8_t *cell);
    /* The second level: round((y - (low + step * cell)) / step * 255 + 127.5) in 0..255. */
    void (*refine)(const float *y, const uint8_t *cell, uint32_t dim, float low, float step,
                   uint8_t *second);
    /* Two cells a byte; with dim odd the last byte's high half is 0. */
    void (*halve)(const uint8_t *cell, uint32_t dim, uint8_t *out);
};

const struct scode_ops *scode_ops_for(enum cpu_level level);

extern const struct scode_ops scode_portable, scode_avx2, scode_avx512;

#endif
