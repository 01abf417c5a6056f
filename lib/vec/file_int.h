/* file_int.h - what the files that read and write vectors share. Inside this domain only. */
#ifndef VEC_FILE_INT_H
#define VEC_FILE_INT_H

#include "base/jsonl.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/stream.h"
#include "vec/counted.h"
#include "vec/file.h"

/* How rows lie in a format. */
enum vec_layout {
    VEC_PREFIXED, /* each after its dimension */
    VEC_HEADED,   /* after a header that tells their number */
    VEC_TEXT,
};

enum vec_layout vec_layout_of(enum vec_format f);
/* Of a binary format but npy, which holds any. */
enum vec_type vec_only_type(enum vec_format f);

/* The index of the first of n components that is NaN or infinite; n if none is. */
size_t vec_first_bad(enum vec_type type, const void *p, size_t n);

/* ---- npy.c ---- */

enum { NPY_HEADER = 128 /* what is written */ };

struct npy {
    enum vec_type type;
    bool f8; /* components are f64, and become f32 */
    uint64_t rows;
    uint32_t dim;
};

/* "\x93NUMPY" and the version are 8 bytes: how many bytes of header length follow (2 or 4), or an
 * error. */
int npy_length_bytes(const unsigned char head[8], const char *name, struct err *e);
/* The dictionary. */
int npy_parse(const char *p, size_t len, const char *name, struct npy *out, struct err *e);
void npy_make(const struct npy *h, unsigned char out[NPY_HEADER]);

/* ---- reading ---- */

struct vec_reader {
    char *path, *field;
    enum vec_format format;
    enum vec_type type; /* handed out */
    bool f8;            /* stored as f64 */
    bool skip_bad, raw_ids, at_end;
    uint32_t dim;
    uint64_t rows, next, skipped;
    uint64_t stop;    /* nothing from this row on is handed out */
    uint64_t data_at; /* binary: offset of row 0 */
    size_t row_bytes; /* binary: as stored, with the dimension before it */
    /* Consumes at most n rows of the file; hands out those that are good, or with `rows` NULL none,
     * unseen. Returns how many are handed out, sets at_end when no more will come. */
    int64_t (*step)(struct vec_reader *r, void *rows, uint64_t n, struct err *e);
    struct stream *s; /* binary */
    unsigned char *buf;
    bool jumped;         /* the next rows may be few: no more is read than they take */
    size_t at, len, cap; /* buf[at..len) is read and not yet used */
    unsigned char *wide; /* rows of f64 */
    size_t wide_cap;
    struct lines *l; /* text */
    float *row;      /* text: the last row, of `found` components; i32 where ids are wanted */
    size_t found, row_cap;
    bool waits; /* `row` is the first one, not asked for yet */
    struct map map;
    unsigned char *conv; /* rows on their way to f32 */
};

int vec_read_text_open(struct vec_reader *r, struct err *e);

static inline uint32_t le32(const unsigned char *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline void put_le32(unsigned char *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (unsigned char)(v >> 8 * i);
}

/* ---- writing ---- */

struct vec_writer {
    enum vec_format format;
    enum vec_type type;
    uint32_t dim;
    uint64_t rows, written; /* promised, or VEC_UNKNOWN */
    struct counted *out;
    struct buf key; /* jsonl: what stands before the numbers of a row */
};

int vec_write_text(struct vec_writer *w, const void *rows, uint64_t n, struct err *e);

#endif
