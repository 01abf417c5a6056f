/* codec.h - quantizers: vectors to codes of a fixed size, back, and searched as they are.
 *
 * A codec is made of a spec (below) by training on a sample, or read from a file; each kind is one
 * file codec_NAME.c behind the table struct codec_kind, and one line of the registry in codec.c. A
 * code is code_bytes bytes, one a vector, without gaps in a stream (codes.h).
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
 * Searching: a query is prepared once (query_init), codes are packed into a list (pack; many kinds
 * keep them as they are), and a scan gives a key for each code of the list: an estimate of the
 * squared distance (l2) or of minus the inner product (ip); smaller is nearer. Cosine is ip of
 * vectors that the caller has made unit length. Scans may differ between CPU levels in the last
 * bits where a kind says so; encoding and decoding never do.
 *
 * Codes come from files, so any bytes may be one: decode() refuses those that encode() never makes,
 * or makes some vector of them, and pack() and scan() get through them, with any key.
 *
 * Errors   0 or a negative ERR_* with a sentence.
 * Memory   what a codec needs is its own: it outlives the file it was read from.
 * Threads  a trained codec is immutable: share it. encode, decode, query_init, pack and scan
 *          may run on many threads at once.
 */
#ifndef VEC_CODEC_H
#define VEC_CODEC_H

#include "base/mem.h"
#include "base/progress.h"
#include "base/sect.h"
#include "vec/ops.h"

struct codec_kind;

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

struct codec_kind {
    const char *name;  /* what a spec begins with */
    const char *forms; /* "lvq8, lvq4, lvq4x8": for messages and the manual */
    const char *what;  /* in a few words, for `vec-train --list` */
    /* ERR_USAGE when vectors of dim cannot be coded so ("pq7x4: 24 dimensions are not a multiple of
     * 7"); inner codecs are checked by their own kind. */
    int (*check)(const struct codec_spec *s, uint32_t dim, struct err *e);
    /* Fills c->state and c->code_bytes; spec, dim, cpu and ops are there. The sample is finite.
     * ERR_INPUT when it is too small, and says how many there must be. On failure `free` follows.
     */
    int (*train)(struct codec *c, const struct codec_train *t, struct err *e);
    void (*free)(void *state); /* NULL is fine; and what is half made */
    const char *sections;      /* what save writes, three letters each: "LOWSTP" */
    /* Sections after MET0; load checks lengths and values, as a file may be damaged or hostile, and
     * sets what train sets. `level` is 0, or 1 for the codec inside another: it is the last letter
     * of the section's id, codec_id("MEA", level). */
    int (*save)(const struct codec *c, int level, struct sect_writer *w, struct err *e);
    int (*load)(struct codec *c, int level, const struct sect_file *f, struct err *e);
    /* n vectors to codes and back; n is at most CODEC_BLOCK. */
    int (*encode)(const struct codec *c, const float *x, size_t n, uint8_t *code, struct err *e);
    int (*decode)(const struct codec *c, const uint8_t *code, size_t n, float *x, struct err *e);
    /* A prepared query: query_bytes(c) bytes, 64-byte aligned. */
    size_t (*query_bytes)(const struct codec *c);
    void (*query_init)(const struct codec *c, enum vec_metric m, const float *q, void *query);
    /* Codes in the form in which they are scanned, 64-byte aligned; NULL: as they are. At most
     * CODEC_LIST codes, `stride` bytes apart, are packed in one piece, and any number of pieces at
     * once. What follows a piece up to a multiple of 64 bytes may be read. */
    size_t (*packed_bytes)(const struct codec *c, size_t n);
    void (*pack)(const struct codec *c, const uint8_t *code, size_t stride, size_t n,
                 uint8_t *packed);
    /* The n codes of a piece again, code_bytes apart; NULL: this kind cannot. */
    void (*unpack)(const struct codec *c, const uint8_t *packed, size_t n, uint8_t *code);
    /* key[j * ld + i]: of query j and the i-th code of a list of n. With low not NULL, a lower
     * bound of the true key in the same place; kinds without `bounds` are never asked for it. */
    void (*scan)(const struct codec *c, const void *const *query, size_t nq, const uint8_t *packed,
                 size_t n, float *key, float *low, size_t ld);
    bool bounds;
    /* The standard deviation of what rounding the query's tables adds to a key; NULL: nothing. */
    float (*rounding)(const struct codec *c, const void *query);
};

/* The kinds there are, from 0; NULL after the last. */
const struct codec_kind *codec_kind_at(size_t i);

enum {
    CODEC_BLOCK = 1024, /* vectors of one call of encode and decode */
    CODEC_LIST = 1024,  /* codes of one call of scan, at most; lists are pieces of so many */
};

/* Trains: checks the spec against dim, calls the kind. The caller owns *out. */
int codec_train(struct codec **out, const char *spec, uint32_t dim, enum cpu_level cpu,
                const struct codec_train *t, struct err *e);
void codec_free(struct codec *c);

int codec_save(const struct codec *c, const char *path, struct err *e);
/* Verifies every checksum, and refuses a file with a section that must be known and is not. */
int codec_open(struct codec **out, const char *path, enum cpu_level cpu, struct err *e);

/* As sections of another kind of file: "MET0" and the kind's own, whose names end in "0". */
int codec_put_all(const struct codec *c, struct sect_writer *w, struct err *e);
int codec_take_all(struct codec **out, const struct sect_file *f, enum cpu_level cpu,
                   struct err *e);

/* Any number of vectors, in blocks, on `threads`. */
int codec_encode(const struct codec *c, const float *x, size_t n, uint8_t *code, int threads,
                 struct err *e);
int codec_decode(const struct codec *c, const uint8_t *code, size_t n, float *x, int threads,
                 struct err *e);

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
/* Keys of all codes: key[j * l->n + i] as in codec_kind.scan. low may be NULL. */
void codec_list_scan(const struct codec *c, const struct codec_list *l, const void *const *query,
                     size_t nq, float *key, float *low);
/* The same of piece i alone, whose codes are i * CODEC_LIST and on: key[j * ld + ...]; how many
 * they are. For searches, whose keys then stay in the cache. */
size_t codec_list_piece(const struct codec *c, const struct codec_list *l, size_t i,
                        const void *const *query, size_t nq, float *key, float *low, size_t ld);

/* ---- for the kinds ---- */

/* "MEA" and level 1: "MEA1". In a buffer of the caller's. */
struct codec_id {
    char s[5];
};
struct codec_id codec_id(const char name[3], int level);

/* Writes one section; reads one, of exactly n * size bytes, into memory of the caller's or (out
 * NULL at first, codec_take) new memory. */
int codec_put(struct sect_writer *w, const char name[3], int level, const void *p, size_t n,
              size_t size, struct err *e);
int codec_get(const struct sect_file *f, const char name[3], int level, void *p, size_t n,
              size_t size, struct err *e);
/* The same into new memory, 64-byte aligned, released with free(). */
void *codec_take(const struct sect_file *f, const char name[3], int level, size_t n, size_t size,
                 struct err *e);
/* n * size bytes, 64-byte aligned, zeroed; released with free(). */
void *codec_array(size_t n, size_t size, struct err *e);
/* ERR_CORRUPT when one of n floats is not finite. */
int codec_finite(const struct sect_file *f, const char name[3], int level, const float *p, size_t n,
                 struct err *e);

/* A codec inside another: trained (ERR_INPUT when its sample is not finite), saved and loaded as a
 * part of it. */
int codec_train_inner(struct codec **out, const struct codec *outer, uint32_t dim,
                      const struct codec_train *t, struct err *e);
int codec_save_inner(const struct codec *c, int level, struct sect_writer *w, struct err *e);
int codec_load_inner(struct codec **out, const struct codec *outer, uint32_t dim, int level,
                     const struct sect_file *f, struct err *e);

#endif
