/* codec.h - quantizers: vectors to codes of a fixed size, back, and searched as they are.
 *
 * A codec is made of a spec (below) by training on a sample, or read from a file; each kind is one
 * file codec_NAME.c behind the table struct codec_kind (codec_kind.h). A code is code_bytes bytes,
 * one a vector, without gaps in a stream (codes.h).
 *
 *   sq8 sq4            uniform steps, a range a dimension
 *   lvq8 lvq4 lvq4x8   a range a vector (LVQ, Aguerrebere et al. 2023); two levels
 *   pqMxB opqMxB       product quantization, M parts of B bits (Jegou et al. 2011; Ge et al. 2013)
 *   rabitqB            1 to 8 bits after a random rotation, unbiased (Gao & Long 2024, 2025)
 *   osqB               bits by variance, packed (SQUASH 2025)
 *   qavq, qavqC        one of C (4096) centroids, trained under the queries (A2ATS 2025)
 *   leanvecD+CODEC     D dimensions by two linear maps (LeanVec 2024); leanvecD:METHOD+CODEC
 *   w4gG               4-bit weights in groups of G (MARLIN 2025)
 *
 * Searching: a query is prepared once (codec_query), codes are packed into a list (many kinds keep
 * them as they are), and a scan gives a key for each code of the list: an estimate of the
 * squared distance (l2) or of minus the inner product (ip); smaller is nearer. Cosine is ip of
 * vectors that the caller has made unit length. Scans may differ between CPU levels in the last
 * bits where a kind says so; encoding and decoding never do.
 *
 * Codes come from files, so any bytes may be one: decoding refuses those that encoding never makes,
 * or makes some vector of them, and lists and scans get through them, with any key.
 *
 * Errors   0 or a negative ERR_* with a sentence.
 * Memory   what a codec needs is its own: it outlives the file it was read from.
 * Threads  a trained codec is immutable: share it.
 */
#ifndef VEC_CODEC_H
#define VEC_CODEC_H

#include "base/cpu.h"
#include "base/progress_fn.h"
#include "vec/types.h"

struct codec_kind;
struct vec_ops;

enum { CODEC_SPEC_MAX = 96 };

/* NAME [A ["x" B]] [":" WORD] ["+" INNER]: "opq98x4", "leanvec50:es+lvq8". */
struct codec_spec {
    const struct codec_kind *kind;
    bool has_a, has_b;
    uint32_t a, b;
    char word[16];              /* "" when there is none */
    char inner[CODEC_SPEC_MAX]; /* "" when there is none */
    char text[CODEC_SPEC_MAX];  /* all of it */
};

/* ERR_USAGE with what is wrong, and the names that there are. */
int codec_parse(const char *text, struct codec_spec *s, struct err *e);

struct codec {
    struct codec_spec spec;
    uint32_t dim;
    uint32_t code_bytes;
    enum cpu_level cpu;
    const struct vec_ops *ops; /* of that level */
    uint64_t id;               /* checksum of the file it was read from; 0: of no file */
    void *state;               /* the kind's own */
};

/* A sample to train on. */
struct codec_train {
    const float *x; /* [n][dim] */
    size_t n;
    const float *queries; /* [n_queries][dim], or NULL: for kinds that know the queries */
    size_t n_queries;
    uint64_t seed;
    int threads;
    progress_fn *progress; /* NULL: none */
    void *progress_ctx;
};

enum {
    CODEC_LIST = 1024, /* codes of a piece of a list */
};

/* Trains: checks the spec against dim, calls the kind. The caller owns *out. */
int codec_train(struct codec **out, const char *spec, uint32_t dim, enum cpu_level cpu,
                const struct codec_train *t, struct err *e);
void codec_free(struct codec *c);

int codec_save(const struct codec *c, const char *path, struct err *e);
/* Verifies every checksum, and refuses a file with a section that must be known and is not. */
int codec_open(struct codec **out, const char *path, enum cpu_level cpu, struct err *e);

/* Any number of vectors, in blocks, on `threads`. */
int codec_encode(const struct codec *c, const float *x, size_t n, uint8_t *code, int threads,
                 struct err *e);
/* Which of n vectors that codec_encode() refused is the first that cannot be coded; code: room for
 * one. */
size_t codec_first_bad(const struct codec *c, const float *x, size_t n, uint8_t *code);
int codec_decode(const struct codec *c, const uint8_t *code, size_t n, float *x, int threads,
                 struct err *e);

/* A prepared query: so many bytes, 64-byte aligned. */
size_t codec_query_bytes(const struct codec *c);
void codec_query(const struct codec *c, enum vec_metric m, const float *q, void *query);

/* A list of codes, packed in pieces of CODEC_LIST, ready to be scanned. */
struct codec_list {
    uint8_t *p;
    size_t bytes; /* of the mapping */
    size_t piece; /* bytes between pieces, a multiple of 64 */
    size_t n;
};

int codec_list_init(struct codec_list *l, const struct codec *c, const uint8_t *code, size_t n,
                    int threads, struct err *e);
void codec_list_free(struct codec_list *l);
/* Keys of all codes: key[j * l->n + i] is of query j and code i. low: NULL, or where lower bounds
 * of the true keys go; of kinds that have them (lvq, rabitq, osq). */
void codec_list_scan(const struct codec *c, const struct codec_list *l, const void *const *query,
                     size_t nq, float *key, float *low);
/* The same of piece i alone, whose codes are i * CODEC_LIST and on: key[j * ld + ...]; how many
 * they are. For searches, whose keys then stay in the cache. */
size_t codec_list_piece(const struct codec *c, const struct codec_list *l, size_t i,
                        const void *const *query, size_t nq, float *key, float *low, size_t ld);

#endif
