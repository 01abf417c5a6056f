/* pq.h - product quantization from inside: the codebooks, the training, and the kernels of
 * codec_pq.c (which has the diagrams), a table a CPU level. Inside this domain only.
 *
 * All kernels give the same bits on all levels: searching is integer sums of bytes and one fma,
 * and what else is floating point is multiplications and additions in a fixed order.
 */
#ifndef VEC_PQ_H
#define VEC_PQ_H

#include "vec/codec.h"
#include "vec/linear.h"

enum {
    PQ_BITS_MAX = 8,
    PQ_NIBBLE = 4, /* codes of up to so many bits a part are scanned as nibbles */
    PQ_K_MAX = 1 << PQ_BITS_MAX,
    PQ_TABLE = 16,        /* entries of the table of a part that is scanned as nibbles */
    PQ_BYTE_TABLE = 256,  /* as bytes */
    PQ_LINE = 64,         /* bytes of packed codes that are read at once */
    PQ_LINE_PARTS = 4,    /* of nibbles: parts of a line */
    PQ_NIBBLE_CODES = 32, /* codes of a packed block */
    PQ_BYTE_CODES = 64,
    PQ_QUERIES = 8,        /* of one pass over nibbles */
    PQ_PARTS_MAX = 65536,  /* 255 times as many is exact in f32 */
    PQ_ROTATED_MAX = 8192, /* dimensions of opq: training takes their third power */
};

#define PQ_PAIR_STEPS 253.9F /* of both parts of a pair: rounded they are 255 at most */

struct pq {
    uint32_t dim, parts, bits, sub; /* sub: dimensions of a part */
    uint32_t k;                     /* centroids of a part */
    uint32_t cols;                  /* columns of its panels: k, at least PANEL */
    float *centroids;               /* [parts][k][sub] */
    float *panels;                  /* [parts][cols / PANEL][sub][PANEL] (ops.h) */
    float *norm;                    /* [parts][cols] |centroid|^2; beyond the last, infinity */
    float *rotation;                /* [dim][dim], or NULL */
    struct linear there, back;      /* with a rotation: it, and its transpose */
    const struct pq_ops *ops;
};

static inline size_t pq_lines(const struct pq *p)
{
    return ((size_t)p->parts + PQ_LINE_PARTS - 1) / PQ_LINE_PARTS;
}

static inline const float *pq_part_panels(const struct pq *p, uint32_t part)
{
    return p->panels + (size_t)part * p->cols * p->sub;
}

/* The rotation; p->rotation has room. The centroids that it leaves are nothing to keep. */
int pq_train_rotation(struct pq *p, const struct vec_ops *ops, const struct codec_train *t,
                      struct err *e);
/* The centroids, by k-means in each part; with a rotation, p->there is packed. */
int pq_train_centroids(struct pq *p, const struct vec_ops *ops, const struct codec_train *t,
                       struct err *e);
/* Makes panels and norms of the centroids. p->panels and p->norm have room. */
void pq_prepare(struct pq *p);
/* best[i]: the nearest centroid of columns [part * sub, (part + 1) * sub) of n rows of dim, n <=
 * PQ_ROWS. */
void pq_assign(const struct pq *p, const struct vec_ops *ops, const float *x, size_t n,
               uint32_t part, uint8_t *best);
enum { PQ_ROWS = 64 };

/* A query: key = fma(sum over parts of table[code], scale, bias). A scale of 0: all centroids are
 * equally far, or too far for f32. */
struct pq_query {
    float scale, bias;
    float pad[14];
    uint8_t table[]; /* [lines * PQ_LINE_PARTS][PQ_TABLE], or [parts][PQ_BYTE_TABLE] */
};

struct pq_ops {
    const char *name;
    /* Offers the first `cols` columns of a tile of products (ops.h), which are the centroids from
     * `first` on: the smallest key, norm - 2 * product, and the first column that has it. Keys that
     * are no number count as infinity. */
    void (*nearest)(const float *tile, size_t n, const float *norm, uint32_t first, uint32_t cols,
                    uint8_t *best, float *key);
    /* t[j], j < k: squared distance (or minus the product) of q and column j; k a multiple of
     * PQ_TABLE. */
    void (*table)(bool l2, const float *q, const float *panels, uint32_t sub, uint32_t k, float *t);
    void (*range)(const float *t, uint32_t k, float *least, float *most);
    /* out[j] = (t[j] - least) * inverse, rounded */
    void (*steps)(const float *t, uint32_t k, float least, float inverse, uint8_t *out);
    /* key[j * ld + i] of nq <= PQ_QUERIES queries and n codes in packed blocks. */
    void (*nibbles)(const struct pq_query *const *q, size_t nq, const uint8_t *packed, size_t lines,
                    size_t n, float *key, size_t ld);
    /* key[i] of one query; with `fetch` the codes may have to come from memory. */
    void (*bytes)(const struct pq_query *q, const uint8_t *packed, size_t parts, size_t n,
                  bool fetch, float *key);
};

/* The tables, a file each. */
extern const struct pq_ops pq_portable;
#if defined(__x86_64__)
extern const struct pq_ops pq_avx2, pq_avx512;
#endif
const struct pq_ops *pq_ops_for(enum cpu_level level);

#endif
