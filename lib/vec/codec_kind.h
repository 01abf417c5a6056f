/* codec_kind.h - what a kind of codec brings, and the kinds that there are, a file each. Inside the
 * library only; codec.h is for everybody.
 *
 * Threads  encode, decode, query_init, pack and scan may run on many threads at once.
 */
#ifndef VEC_CODEC_KIND_H
#define VEC_CODEC_KIND_H

#include "base/mem.h"
#include "base/sect.h"
#include "vec/codec.h"
#include "vec/ops.h"

/* Every kind: codec_NAME is the table of NAME. A new one is a word here. */
#define CODEC_KINDS(X) X(sq) X(lvq) X(pq) X(opq) X(rabitq) X(osq) X(qavq) X(leanvec) X(w4g)

enum { CODEC_BLOCK = 1024 }; /* vectors of one call of encode and decode */

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
    /* n vectors to codes and back; n is at most CODEC_BLOCK. Vectors and queries are finite: a kind
     * that maps them for another sees to it that they still are. */
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

#define CODEC_DECLARE(name) extern const struct codec_kind codec_##name;
CODEC_KINDS(CODEC_DECLARE)
#undef CODEC_DECLARE

/* The kinds there are, from 0; NULL after the last. */
const struct codec_kind *codec_kind_at(size_t i);

/* As sections of another kind of file: "MET0" and the kind's own, whose names end in "0". */
int codec_put_all(const struct codec *c, struct sect_writer *w, struct err *e);
int codec_take_all(struct codec **out, const struct sect_file *f, enum cpu_level cpu,
                   struct err *e);

/* An empty codec of a spec, for who fills it. */
struct codec *codec_new(const struct codec_spec *s, uint32_t dim, enum cpu_level cpu,
                        struct err *e);

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

/* Is each of n floats a finite number? */
bool codec_all_finite(const float *p, size_t n);

/* A codec inside another: trained (ERR_INPUT when its sample is not finite), saved and loaded as a
 * part of it. */
int codec_train_inner(struct codec **out, const struct codec *outer, uint32_t dim,
                      const struct codec_train *t, struct err *e);
int codec_save_inner(const struct codec *c, int level, struct sect_writer *w, struct err *e);
int codec_load_inner(struct codec **out, const struct codec *outer, uint32_t dim, int level,
                     const struct sect_file *f, struct err *e);

#endif
