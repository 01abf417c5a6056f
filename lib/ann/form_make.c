/* form_make.c - which form suits a base: its mean, its main directions, the steps that lose least.
 *
 * All of it from rows that lie evenly over the base, in fixed order and in double: the same for any
 * number of threads and on every level of CPU.
 */
#include <math.h>
#include <stdlib.h>

#include "ann/form.h"
#include "base/mem.h"
#include "base/num.h"
#include "vec/lean.h"
#include "vec/linalg.h"

enum {
    SEED = 3,
    SAMPLE = 16384, /* rows for the mean and the directions */
    STEP_ROWS = 2016,
    CLIPS = 40,     /* steps that are tried, each CLIP times the one before */
    WIDE = 252,     /* more components than this are mapped, unless asked otherwise: 4 lines */
    TWO_LINES = 248 /* components that fit, by 4 bits: to so many; by 8 bits to half of them */
};

#define CLIP  0.94
#define SUITS 1.5 /* what a form may lose, in what the best step would */

/* ---- the spec ---- */

static int unknown(const char *spec, struct err *e)
{
    return err_set(e, ERR_USAGE,
                   "'%s' is no form of codes: there are int8, int4, leanvecD+int8, leanvecD+int4, "
                   "leanvecD+int8xN+int4 with D components to keep, N of them by 8 bits, and bytes",
                   spec);
}

/* NAME, a number from 1 and "+": what follows them; NULL: no such. */
static const char *prefix(const char *spec, const char *name, uint64_t *number)
{
    const char *plus = strchr(spec, '+');
    char digits[16] = {0};
    size_t skip = strlen(name), n;

    if (strncmp(spec, name, skip) != 0 || !plus)
        return NULL;
    n = (size_t)(plus - spec) - skip;
    if (n >= sizeof digits)
        return NULL;
    memcpy(digits, spec + skip, n);
    return num_u64(digits, number) && *number ? plus + 1 : NULL;
}

static int read_spec(struct form *f, const char *spec, struct err *e)
{
    uint64_t kept = f->dim, wide = 0;
    const char *cells = prefix(spec, "leanvec", &kept), *rest = NULL;

    f->mapped = cells != NULL;
    if (!cells)
        cells = spec;
    else
        rest = prefix(cells, "int8x", &wide);
    if (strcmp(cells, "int8") == 0)
        f->bits = 8;
    else if (strcmp(rest ? rest : cells, "int4") == 0)
        f->bits = 4;
    else if (strcmp(spec, "bytes") == 0)
        f->bytes = true;
    else
        return unknown(spec, e);
    if (kept > f->dim)
        return err_set(e, ERR_USAGE, "'%s' of %u components", spec, f->dim);
    if (wide >= kept)
        return err_set(e, ERR_USAGE, "'%s' leaves none for 4 bits", spec);
    f->kept = (uint32_t)kept;
    f->wide = (uint32_t)wide;
    return 0;
}

static bool may_be_bytes(const struct form *f)
{
    return f->metric == VEC_L2 && (f->type == VEC_U8 || f->type == VEC_I8);
}

/* What is searched fastest where the vectors themselves rank the best again: 8 bits, or 4 if that
 * saves lines. */
static unsigned fast_bits(uint32_t dim, bool vectors)
{
    return vectors && cells_row_bytes(dim, 0) < cells_row_bytes(dim, dim) ? 4 : 8;
}

static int settle(struct form *f, const char *spec, bool vectors, uint64_t rows, struct err *e)
{
    f->kept = f->dim;
    f->bits = 8;
    if (spec) {
        if (read_spec(f, spec, e) < 0)
            return e->code;
    } else if (f->dim > WIDE && f->dim <= LA_DIM_MAX && rows > WIDE) {
        f->mapped = true;
        f->bits = vectors ? 4 : 8;
        f->kept = vectors ? TWO_LINES : TWO_LINES / 2;
    } else {
        f->bytes = may_be_bytes(f);
        f->bits = f->bytes ? 8 : fast_bits(f->dim, vectors);
    }
    if (f->bytes && !may_be_bytes(f))
        return err_set(e, ERR_USAGE, "'bytes' is for bases of u8 or i8 and metric l2");
    if (f->mapped && f->dim > LA_DIM_MAX)
        return err_set(e, ERR_USAGE, "vectors of up to %d components can be mapped", LA_DIM_MAX);
    if (f->kept >= CELLS_DIM_MAX)
        return err_set(e, ERR_USAGE,
                       "rows of cells have up to %d components: fewer must be kept, as with "
                       "leanvec256+int8",
                       CELLS_DIM_MAX - 1);
    return 0;
}

/* ---- what the sample says ---- */

/* The i-th of n rows that lie evenly. */
static uint64_t spread(const struct vec_rows *base, uint64_t n, uint64_t i)
{
    return n < base->rows ? (uint64_t)((double)i * (double)base->rows / (double)n) : i;
}

/* As floats, of length 1 with cosine. */
static float *sample(const struct form *f, const struct vec_rows *base, uint64_t n, struct err *e)
{
    float *x = mem_array((size_t)n * f->dim, sizeof *x, e);

    for (uint64_t i = 0; x && i < n; i++) {
        float *at = x + i * f->dim;
        double length = 1;

        ops_to_f32(f->ops, f->type, vec_row(base, spread(base, n, i)), f->dim, at);
        if (f->metric == VEC_COSINE)
            length = sqrt(f->ops->dot_f64(at, at, f->dim));
        for (uint32_t k = 0; k < f->dim && length > 0; k++)
            at[k] = (float)(at[k] / length);
    }
    return x;
}

/* Rows [from, from + n) of b are turned at random among themselves. */
static int turn(const struct form *f, double *b, uint32_t from, uint32_t n, struct err *e)
{
    double *r = mem_array((size_t)n * n, sizeof *r, e);
    double *was = mem_array((size_t)n * f->dim, sizeof *was, e);
    int rc = r && was ? la_orthogonal(r, n, SEED, e) : e->code;

    if (rc == 0) {
        memcpy(was, b + (size_t)from * f->dim, (size_t)n * f->dim * sizeof *was);
        la_product(false, false, n, f->dim, n, 1, r, was, 0, b + (size_t)from * f->dim);
    }
    free(r);
    free(was);
    return rc;
}

static int directions(struct form *f, const float *x, uint64_t n, double *mean, int threads,
                      struct err *e)
{
    size_t cells = (size_t)f->kept * f->dim;
    double *k = mem_array((size_t)f->dim * f->dim, sizeof *k, e);
    double *a = mem_array(cells, sizeof *a, e), *b = mem_array(cells, sizeof *b, e);
    int rc = k && a && b ? la_moment(x, n, f->dim, mean, k, threads, e) : e->code;

    if (rc == 0)
        rc = lean_maps(LEAN_PCA, NULL, k, f->dim, f->kept, a, b, e);
    if (rc == 0 && form_is_mixed(f))
        rc = turn(f, b, 0, f->wide, e);
    if (rc == 0) {
        uint32_t from = form_is_mixed(f) ? f->wide : 0;

        rc = turn(f, b, from, f->kept - from, e);
    }
    if (rc == 0 && !(f->b = mem_array(cells, sizeof *f->b, e)))
        rc = e->code;
    for (size_t i = 0; i < cells && rc == 0; i++)
        f->b[i] = (float)b[i];
    free(k);
    free(a);
    free(b);
    return rc < 0 ? rc : linmap_init(&f->to, f->ops, f->b, f->kept, f->dim, e);
}

static int moments(struct form *f, const struct vec_rows *base, int threads, struct err *e)
{
    uint64_t n = base->rows < SAMPLE ? base->rows : SAMPLE;
    double *mean = mem_zero(f->dim, sizeof *mean, e);
    float *x = NULL;
    int rc = mean ? 0 : e->code;

    if (rc == 0 && n > 0 && !(x = sample(f, base, n, e)))
        rc = e->code;
    if (rc == 0 && n > 0)
        rc = la_mean(x, n, f->dim, mean, e);
    for (uint32_t k = 0; k < f->dim && rc == 0; k++)
        mean[k] = (double)(f->mean[k] = (float)mean[k]);
    if (rc == 0 && f->mapped)
        rc = directions(f, x, n, mean, threads, e);
    free(mean);
    free(x);
    return rc;
}

/* Adds up what the largest square leaves each row. */
static double missing(const struct form *f, const struct vec_rows *base, float *x)
{
    double sum = 0;

    for (uint64_t i = 0; i < base->rows; i++) {
        ops_to_f32(f->ops, f->type, vec_row(base, i), f->dim, x);
        sum += sqrt(fmax(0, f->most - f->ops->dot_f64(x, x, f->dim)));
    }
    return sum;
}

/* Have all rows the same length, nearly? Else what evens them. */
static void lengths(struct form *f, const struct vec_rows *base, size_t n, float *x)
{
    double least = INFINITY, sum = 0;
    uint64_t rows = 0;

    f->most = 0;
    for (size_t b = 0; b < n; b++)
        for (uint64_t i = 0; i < base[b].rows; i++) {
            double norm2;

            ops_to_f32(f->ops, f->type, vec_row(&base[b], i), f->dim, x);
            norm2 = f->ops->dot_f64(x, x, f->dim);
            f->most = norm2 > f->most ? norm2 : f->most;
            least = norm2 < least ? norm2 : least;
        }
    f->longer = f->most - least > FORM_EVEN * f->most;
    for (size_t b = 0; b < n && f->longer; b++) {
        sum += missing(f, &base[b], x);
        rows += base[b].rows;
    }
    f->extra_mean = f->longer ? sum / (double)rows : 0;
}

/* ---- steps ---- */

/* The square of what cells lose of v, which is in steps. */
static inline double lost(double v, unsigned bits)
{
    double edge = bits == 8 ? 127 : 7.5;
    double c = bits == 8 ? floor(v + 0.5) : floor(v) + 0.5;

    c = c > edge ? edge : c < -edge ? -edge : c;
    return (v - c) * (v - c);
}

/* Components [from, to) of n rows of `row` floats, which have cells of `bits`. */
struct sort {
    float *y;
    size_t n, row, from, to;
    unsigned bits;
};

static double lost_by(const struct sort *s, double step)
{
    double sum = 0;

    for (size_t i = 0; i < s->n; i++)
        for (const float *v = s->y + i * s->row + s->from; v < s->y + i * s->row + s->to; v++)
            sum += lost((double)*v / step, s->bits);
    return sum * step * step;
}

static float best_step(const struct sort *s)
{
    double most = 0, best = INFINITY, step = 1, edge = s->bits == 8 ? 127 : 7.5;

    for (size_t i = 0; i < s->n; i++)
        for (const float *v = s->y + i * s->row + s->from; v < s->y + i * s->row + s->to; v++)
            most = fmax(most, fabs((double)*v));
    if (!(most >= 0x1p-120 && most <= 0x1p120))
        return most > 1 ? 0x1p113f : 1;
    for (int t = 0; t < CLIPS; t++, most *= CLIP) {
        double sum = lost_by(s, most / edge);

        if (sum < best) {
            best = sum;
            step = most / edge;
        }
    }
    return (float)step;
}

/* Rows that lie evenly, as what is counted in steps. */
static int step_sample(const struct form *f, const struct vec_rows *base, struct sort *s,
                       struct err *e)
{
    uint64_t rows = base->rows < STEP_ROWS ? base->rows : STEP_ROWS;
    size_t out = form_cells(f);
    float *x = mem_array(f->dim, sizeof *x, e), *y = mem_array(rows * out, sizeof *y, e);
    int rc = x && y ? 0 : e->code;

    for (uint64_t i = 0; i < rows && rc == 0; i++)
        rc = form_steps(f, base, spread(base, rows, i), 1, x, y + i * out, e);
    free(x);
    *s = (struct sort){.y = y, .n = rows, .row = out, .to = out, .bits = 8};
    if (rc < 0)
        free(y);
    return rc;
}

/* All cells as those of 8 bits to build with; the narrow ones that are kept, and the wide. */
static struct sort narrow_of(const struct form *f, struct sort s)
{
    s.from = f->bits == 8 ? 0 : f->wide;
    s.bits = f->bits;
    return s;
}

static struct sort wide_of(const struct form *f, struct sort s)
{
    s.to = f->wide;
    return s;
}

static int steps(struct form *f, const struct vec_rows *base, struct err *e)
{
    struct sort all, narrow, wide;

    if (step_sample(f, base, &all, e) < 0)
        return e->code;
    narrow = narrow_of(f, all);
    wide = wide_of(f, all);
    f->fine = best_step(&all);
    f->step = f->bits == 8 ? f->fine : best_step(&narrow);
    f->broad = form_is_mixed(f) ? best_step(&wide) : 1;
    free(all.y);
    return 0;
}

static bool step_suits(const struct sort *s, float step)
{
    return lost_by(s, (double)step) <= SUITS * lost_by(s, (double)best_step(s));
}

int form_suits(const struct form *f, const struct vec_rows *rows, bool *suits, struct err *e)
{
    struct sort all, narrow, wide;

    *suits = true;
    if (f->bytes)
        return 0;
    if (step_sample(f, rows, &all, e) < 0)
        return e->code;
    narrow = narrow_of(f, all);
    wide = wide_of(f, all);
    *suits = step_suits(&all, f->fine) && step_suits(&narrow, f->step) &&
             (!form_is_mixed(f) || step_suits(&wide, f->broad));
    free(all.y);
    return 0;
}

void form_plan(struct form *f, const struct vec_rows *base, const char *spec, bool vectors,
               enum vec_metric metric)
{
    struct err none;

    *f = (struct form){.metric = metric, .type = base->type, .dim = base->dim};
    if (settle(f, spec, vectors, base->rows, &none) < 0)
        settle(f, NULL, vectors, base->rows, &none);
    f->wide = f->bits == 8 ? f->kept : f->wide;
}

int form_make(struct form *f, const struct form_opts *o, const struct vec_rows *base, struct err *e)
{
    float *x = NULL;
    int rc;

    *f = (struct form){.ops = ops_for(o->cpu),
                       .metric = o->metric,
                       .type = base->type,
                       .dim = base->dim,
                       .step = 1,
                       .fine = 1,
                       .broad = 1};
    rc = settle(f, o->spec, o->vectors, base->rows, e);
    if (rc == 0 && !((f->mean = mem_zero(f->dim, sizeof *f->mean, e)) &&
                     (x = mem_array(f->dim, sizeof *x, e))))
        rc = e->code;
    if (rc == 0 && f->metric == VEC_IP)
        lengths(f, o->all ? o->all : base, o->all ? o->n_all : 1, x);
    if (f->bits == 8)
        f->wide = form_cells(f);
    if (rc == 0 && f->bytes)
        for (uint32_t k = 0; k < f->dim; k++)
            f->mean[k] = f->type == VEC_U8 ? 128 : 0;
    else if (rc == 0)
        rc = moments(f, base, o->threads, e);
    if (rc == 0 && !f->bytes)
        rc = steps(f, base, e);
    free(x);
    if (rc < 0)
        form_free(f);
    return rc;
}
