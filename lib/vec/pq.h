/* pq.h - product quantization from inside: the codebooks, the training, and the kernels of
 * codec_pq.c (which has the diagrams), a table a CPU level. Inside this domain only.
 *
 * All kernels give the same bits on all levels: searching is integer sums of bytes and one fma,
 * and what else is floating point is multiplications and additions in a fixed order.
 */
#ifndef VEC_PQ_H
#define VEC_PQ_H

#include "vec/codec_kind.h"
#include "vec/nearest.h"

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
    PQ_HIGH_BITS = 7,      /* a high byte counts 2^7, */
    PQ_BYTE_HIGH_BITS = 8, /* or 2^8 steps */
    PQ_QUERIES = 8,        /* of one pass over nibbles */
    PQ_PARTS_MAX = 65536,  /* sums of steps stay below 2^31 */
    PQ_ROTATED_MAX = 8192, /* dimensions of opq: training takes their third power */
};

struct pq {
    uint32_t dim, parts, bits, sub; /* sub: dimensions of a part */
    uint32_t k;                     /* centroids of a part */
    float *centroids;               /* [parts][k][sub] */
    struct nearest *near;           /* [parts], of max(k, PQ_TABLE) centroids: see pq_prepare() */
    float *rotation;                /* [dim][dim], or NULL */
    struct linmap there, back;      /* with a rotation: it, and its transpose */
    uint32_t *wide;                 /* [wides] parts whose tables have high bytes, */
    bool *is_wide;                  /* [parts] */
    uint32_t wides;                 /* as codec_pq.c says */
    const struct pq_ops *ops;
};

/* Lines of nibbles that so many parts take. */
static inline size_t pq_lines(size_t parts)
{
    return (parts + PQ_LINE_PARTS - 1) / PQ_LINE_PARTS;
}

/* Entries of a part's table that are filled: k, and at least PQ_TABLE. */
static inline uint32_t pq_filled(const struct pq *p)
{
    return p->k > PQ_TABLE ? p->k : PQ_TABLE;
}

/* The rotation; p->rotation has room. The centroids that it leaves are nothing to keep. */
int pq_train_rotation(struct pq *p, const struct vec_ops *ops, const struct codec_train *t,
                      struct err *e);
/* The centroids, by k-means in each part; with a rotation, p->there is packed. */
int pq_train_centroids(struct pq *p, const struct vec_ops *ops, const struct codec_train *t,
                       struct err *e);
/* Makes p->near, an array that is there, of the centroids. With fewer of these than PQ_TABLE the
 * first is repeated, which changes neither the nearest nor a table's range. */
int pq_prepare(struct pq *p, const struct vec_ops *ops, struct err *e);
/* best[i]: the nearest centroid to the part of n rows of dim. `own` has room for PQ_ROWS * sub. */
void pq_assign(const struct pq *p, const float *x, size_t n, uint32_t part, float *own,
               uint32_t *best);
enum { PQ_ROWS = 84 }; /* of a block: whole groups of every level's tile */

/* A query: key = fma(sum over parts of table[code], scale, bias). A scale of 0: all centroids are
 * equally far, or too far for f32. */
struct pq_query {
    float scale, bias;
    float pad[14];
    uint8_t table[]; /* [lines * PQ_LINE_PARTS][PQ_TABLE], or [wides + parts][PQ_BYTE_TABLE] */
};

struct pq_ops {
    const char *name;
    /* t[j], j < k: squared distance (or minus the product) of q and column j; k a multiple of
     * PQ_TABLE. */
    void (*table)(bool l2, const float *q, const float *panels, uint32_t sub, uint32_t k, float *t);
    /* What is not finite counts as infinity: NaN is in no order. */
    void (*range)(const float *t, uint32_t k, float *least, float *most);
    /* out[j] = (t[j] - least) * inverse, rounded */
    void (*steps)(const float *t, uint32_t k, float least, float inverse, uint8_t *out);
    /* key[j * ld + i] of nq <= PQ_QUERIES queries and n codes in packed blocks; of the lines of a
     * block the first `high` count 2^PQ_HIGH_BITS-fold. */
    void (*nibbles)(const struct pq_query *const *q, size_t nq, const uint8_t *packed, size_t high,
                    size_t lines, size_t n, float *key, size_t ld);
    /* key[i] of one query; the first `high` parts count 2^PQ_BYTE_HIGH_BITS-fold. With `fetch` the
     * codes may have to come from memory. */
    void (*bytes)(const struct pq_query *q, const uint8_t *packed, size_t high, size_t parts,
                  size_t n, bool fetch, float *key);
};

/* The tables, a file each. */
extern const struct pq_ops pq_portable;
#if defined(__x86_64__)
extern const struct pq_ops pq_avx2, pq_avx512;
#endif
const struct pq_ops *pq_ops_for(enum cpu_level level);

#endif
