/* form.h - what becomes of a vector before it is cells (cells.h), and of a query.
 *
 *   y = B (x - mean)     cells = y in steps, clamped
 *
 * With cosine x is first made of length 1. B is left out, or holds the main directions of the base
 * (LeanVec, Tepper et al. 2024, without a sample of queries: principal components), so that what
 * tells vectors apart fits into few cells. They are turned at random among themselves, by which all
 * vary alike and one step suits all: cells of 4 bits lose about a hundredth of what y holds, those
 * of 8 next to nothing, and the distance of two rows is a sum of products of small integers. Of
 * mixed cells the first `wide` directions have 8 bits and the others, that matter less, 4; either
 * sort is turned by itself and has its own step. Bytes may be kept as they are, steps of 1.
 *
 * The inner product is the squared distance when all rows have the same length. When they have not,
 * each gets one more component, sqrt(most - |x|^2) of the largest square there is, by which all
 * become as long (Bachrach et al. 2014): so the graph is made. It counts nothing in a query.
 *
 * Specs    [leanvecD+]int8, [leanvecD+]int4, leanvecD+int8xN+int4 (mixed, N of 8 bits), and `bytes`
 *          for bases of u8 and i8.
 * Errors   ERR_INPUT names the row that has no cosine; ERR_USAGE what cannot be.
 * Threads  immutable once made: share it.
 */
#ifndef ANN_FORM_H
#define ANN_FORM_H

#include "ann/cells.h"
#include "base/sect.h"
#include "vec/linmap.h"
#include "vec/types.h"

enum { FORM_SPEC_MAX = 32, FORM_BLOCK = 84 /* vectors mapped at once */ };

struct form {
    const struct vec_ops *ops;
    enum vec_metric metric;
    enum vec_type type; /* of the base */
    uint32_t dim, kept; /* components before and after B */
    unsigned bits;      /* of a cell; 4 if they are mixed */
    uint32_t wide;      /* cells of 8 bits, the first ones */
    bool mapped, bytes;
    bool longer;             /* with the component that evens lengths */
    float step, fine;        /* of the cells kept, and of the 8-bit cells to build with */
    float broad;             /* of the first `wide`, where they are mixed */
    double most, extra_mean; /* `longer` */
    float *mean;             /* [dim] */
    float *b;                /* [kept][dim], or NULL */
    struct linmap to;
};

/* Cells of a row. */
static inline uint32_t form_cells(const struct form *f)
{
    return f->kept + f->longer;
}

static inline bool form_is_mixed(const struct form *f)
{
    return f->bits == 4 && f->wide > 0;
}

/* As cells_keys_of() takes them. */
static inline unsigned form_bits(const struct form *f)
{
    return form_is_mixed(f) ? CELLS_MIXED : f->bits;
}

/* Bytes of a row of cells as they are kept, and of 8 bits. */
static inline size_t form_stride(const struct form *f)
{
    return cells_row_bytes(form_cells(f), f->wide);
}

static inline size_t form_fine_stride(const struct form *f)
{
    return cells_row_bytes(form_cells(f), form_cells(f));
}

/* Are the cells the components themselves? */
static inline bool form_holds_vectors(const struct form *f)
{
    return f->bytes && f->type == VEC_U8;
}

struct form_opts {
    const char *spec; /* NULL: by the base */
    bool vectors;     /* they are kept beside the cells */
    enum vec_metric metric;
    enum cpu_level cpu;
    int threads;
    const struct vec_rows *all; /* ip: n_all bases whose lengths count; NULL: those of the base */
    size_t n_all;
};

/* The numbers that form_make() would settle on; with a spec that cannot be, the default's. */
void form_plan(struct form *f, const struct vec_rows *base, const char *spec, bool vectors,
               enum vec_metric metric);
int form_make(struct form *f, const struct form_opts *o, const struct vec_rows *base,
              struct err *e);
/* Do its steps code these rows about as well as any would? */
int form_suits(const struct form *f, const struct vec_rows *rows, bool *suits, struct err *e);
#define FORM_EVEN 1e-4 /* squares of lengths that differ by no more of the largest are the same */
void form_free(struct form *f); /* {0} is fine */
void form_spec(const struct form *f, char spec[FORM_SPEC_MAX]);

/* Rows [from, from + n) as the cells that are kept, or as those of 8 bits to build with. */
int form_encode(const struct form *f, const struct vec_rows *base, uint64_t from, uint64_t n,
                bool fine, uint8_t *rows, struct err *e);

/* n rows of the form's cells, of 4 bits or mixed, as cells of 8 to build with, where there are no
 * vectors. */
void form_refine(const struct form *f, const uint8_t *rows, uint64_t n, uint8_t *fine);

/* n rows, at most FORM_BLOCK, as what is counted in steps: y[i * form_cells()]. x: room of [n][dim]
 * floats. */
int form_steps(const struct form *f, const struct vec_rows *base, uint64_t from, size_t n, float *x,
               float *y, struct err *e);

/* Floats of room that n queries need, and bytes of weights that one has. */
static inline size_t form_room(const struct form *f, size_t n)
{
    return n * ((size_t)f->dim + f->kept);
}

static inline size_t form_weights(const struct form *f)
{
    return form_stride(f) * (f->bits == 8 ? 1 : form_is_mixed(f) ? 3 : 2);
}

struct form_query {
    struct cells_query cells;
    double add, mul; /* the true key is about add + mul * key of the cells */
};

/* n queries, finite, at most FORM_BLOCK, each at a multiple of 4: q[i], and its weights at weights
 * + i * form_weights(). */
void form_queries(const struct form *f, const float *x, size_t n, float *room, int8_t *weights,
                  struct form_query *q);

/* Sections MEAN and MAPB; all else stands in struct form_head, which the index keeps. */
struct form_head {
    uint32_t dim, kept;
    uint8_t metric, type, bits, mapped, bytes, longer, zero[2];
    float step, fine;
    double most, extra_mean;
    uint32_t wide;
    float broad;
};

struct form_head form_head(const struct form *f);
int form_save(const struct form *f, struct sect_writer *w, struct err *e);
/* The head may hold anything. */
int form_load(struct form *f, const struct form_head *h, const struct sect_file *s,
              enum cpu_level cpu, struct err *e);

#endif
