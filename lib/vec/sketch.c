/* sketch.c - see sketch.h. */
#include "vec/sketch.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sect.h"

enum { LEVELS = 255, SIGNED_LEVELS = 127, PIECE = 4096, MAJOR = 1, LOOKED_AT = 64 };

/* ---- rows ---- */

/* What a row's three numbers become; its code to `code`. Returns |x - r| / step, 0 with step 0. */
static double code_row(const float *x, uint32_t dim, uint8_t *code, float *lo, float *step)
{
    float least = x[0], most = x[0];
    double error = 0, inverse;

    for (uint32_t k = 1; k < dim; k++) {
        least = x[k] < least ? x[k] : least;
        most = x[k] > most ? x[k] : most;
    }
    *lo = least;
    *step = nextafterf((float)(((double)most - (double)least) / LEVELS), INFINITY);
    if (most == least || !isfinite(*step)) {
        memset(code, 0, dim);
        *lo = most == least ? least : NAN; /* no bound: such a row is always computed */
        *step = 0;
        return 0;
    }
    inverse = 1 / (double)*step;
    for (uint32_t k = 0; k < dim; k++) {
        double c = ((double)x[k] - (double)least) * inverse;
        code[k] = (uint8_t)(c + 0.5);
        c -= code[k];
        error += c * c;
    }
    return sqrt(error);
}

/* What the file has of a row, beside its code. */
struct coded {
    float lo, step, norm;
    double norm2, error;
};

/* `x` is room for a row. norm2 is not finite where the row is not. */
static void code_of(const struct vec_rows *rows, uint64_t at, const struct vec_ops *ops, float *x,
                    uint8_t *code, struct coded *c)
{
    ops_to_f32(ops, rows->type, vec_row(rows, at), rows->dim, x);
    c->norm2 = ops->dot_f64(x, x, rows->dim);
    if (!isfinite(c->norm2))
        return;
    c->error = code_row(x, rows->dim, code, &c->lo, &c->step);
    c->norm = (float)sqrt(c->norm2);
    if (!(c->norm2 < 0x1p120) || !(c->norm2 > 0x1p-100 || c->norm2 == 0))
        c->lo = NAN;
}

/* A file being made. */
struct making {
    struct sect_writer *w;
    struct sketch_head head;
    uint8_t *code; /* of PIECE rows */
    float *row, *lo, *step, *norm;
};

static int code_rows(struct making *m, const struct vec_rows *rows, const struct vec_ops *ops,
                     uint64_t from, uint64_t n, const char *name, struct err *e)
{
    for (uint64_t i = 0; i < n; i++) {
        uint64_t at = from + i;
        struct coded c;

        code_of(rows, at, ops, m->row, m->code + i * rows->dim, &c);
        if (!isfinite(c.norm2))
            return err_set(e, ERR_INPUT, "%s: row %llu has a component that is not finite", name,
                           (unsigned long long)at);
        if (c.norm2 == 0 && m->head.first_zero > at)
            m->head.first_zero = at;
        m->lo[at] = c.lo;
        m->step[at] = c.step;
        m->norm[at] = c.norm;
        m->head.kappa = c.error > m->head.kappa ? c.error : m->head.kappa;
    }
    return sect_add(m->w, m->code, n * rows->dim, e);
}

static int write_parts(struct making *m, struct err *e)
{
    size_t bytes = m->head.rows * sizeof(float);

    m->head.kappa *= 1 + 0x1p-30; /* what the sum of squares was rounded by */
    if (sect_put(m->w, "LOWS", SECT_REQUIRED, m->lo, bytes, e) < 0 ||
        sect_put(m->w, "STEP", SECT_REQUIRED, m->step, bytes, e) < 0 ||
        sect_put(m->w, "NORM", SECT_REQUIRED, m->norm, bytes, e) < 0)
        return e->code;
    return sect_put(m->w, "HEAD", SECT_REQUIRED, &m->head, sizeof m->head, e);
}

static int write_sketch(struct making *m, const struct vec_rows *rows, const struct vec_ops *ops,
                        const char *name, progress_fn *progress, void *ctx, struct err *e)
{
    if (sect_begin(m->w, "CODE", SECT_REQUIRED, e) < 0)
        return e->code;
    for (uint64_t at = 0; at < rows->rows; at += PIECE) {
        uint64_t n = rows->rows - at < PIECE ? rows->rows - at : PIECE;

        if (code_rows(m, rows, ops, at, n, name, e) < 0)
            return e->code;
        if (progress)
            progress(ctx, "sketch", at, rows->rows);
    }
    if (sect_end(m->w, e) < 0 || write_parts(m, e) < 0)
        return e->code;
    return sect_commit(&m->w, e);
}

static int make(const char *path, const struct sketch_head *head, const struct vec_rows *rows,
                const struct vec_ops *ops, const char *name, progress_fn *progress, void *ctx,
                struct err *e)
{
    struct making m = {.head = *head};
    int rc = 0;

    m.head.first_zero = UINT64_MAX;
    m.code = mem_array(PIECE, rows->dim, e);
    m.row = mem_array(rows->dim, sizeof *m.row, e);
    m.lo = mem_array(rows->rows, sizeof *m.lo, e);
    m.step = mem_array(rows->rows, sizeof *m.step, e);
    m.norm = mem_array(rows->rows, sizeof *m.norm, e);
    if (!m.code || !m.row || !m.lo || !m.step || !m.norm ||
        sect_create(&m.w, path, "vskt", MAJOR, 0, e) < 0)
        rc = e->code;
    if (rc == 0)
        rc = write_sketch(&m, rows, ops, name, progress, ctx, e);
    sect_abort(&m.w);
    free(m.code);
    free(m.row);
    free(m.lo);
    free(m.step);
    free(m.norm);
    return rc;
}

/* ---- files ---- */

static int open_parts(struct sketch *s, struct err *e)
{
    const void *p;
    uint64_t rows;

    if (sect_need(s->file, "HEAD", 1, sizeof s->head, &p, e) < 0)
        return e->code;
    memcpy(&s->head, p, sizeof s->head);
    rows = s->head.rows;
    if (s->head.dim > VEC_DIM_MAX || rows > VEC_ROWS_MAX ||
        !(s->head.kappa >= 0 && s->head.kappa <= VEC_DIM_MAX))
        return sect_bad(s->file, "HEAD", "no such counts", e);
    if (sect_need(s->file, "CODE", rows, s->head.dim, &p, e) < 0)
        return e->code;
    s->code = p;
    if (sect_need(s->file, "LOWS", rows, sizeof(float), &p, e) < 0)
        return e->code;
    s->lo = p;
    if (sect_need(s->file, "STEP", rows, sizeof(float), &p, e) < 0)
        return e->code;
    s->step = p;
    if (sect_need(s->file, "NORM", rows, sizeof(float), &p, e) < 0)
        return e->code;
    s->norm = p;
    return 0;
}

static int open_file(struct sketch *s, const char *path, struct err *e)
{
    *s = (struct sketch){0};
    if (sect_open(&s->file, path, "vskt", MAJOR, e) < 0)
        return e->code;
    if (open_parts(s, e) < 0) {
        sketch_close(s);
        return e->code;
    }
    return 0;
}

static bool fits(const struct sketch_head *a, const struct sketch_head *b)
{
    return a->rows == b->rows && a->dim == b->dim && a->type == b->type &&
           a->file_size == b->file_size && a->changed_s == b->changed_s &&
           a->changed_ns == b->changed_ns;
}

/* Was the base's entry changed after the sketch was there? By a rename, say, or by who sets the time
 * of change back. */
static bool is_older(const char *path, const struct stat *base)
{
    struct stat own;

    if (stat(path, &own) < 0)
        return true;
    return own.st_ctim.tv_sec != base->st_ctim.tv_sec ? own.st_ctim.tv_sec < base->st_ctim.tv_sec
                                                      : own.st_ctim.tv_nsec < base->st_ctim.tv_nsec;
}

/* The row's code is the one that the sketch has. */
static bool is_coded(const struct sketch *s, const struct vec_rows *rows, uint64_t at,
                     const struct vec_ops *ops, float *x, uint8_t *code)
{
    struct coded c;

    code_of(rows, at, ops, x, code, &c);
    return isfinite(c.norm2) && c.error <= s->head.kappa &&
           memcmp(code, s->code + at * rows->dim, rows->dim) == 0 &&
           memcmp(&c.lo, &s->lo[at], sizeof c.lo) == 0 &&
           memcmp(&c.step, &s->step[at], sizeof c.step) == 0 &&
           memcmp(&c.norm, &s->norm[at], sizeof c.norm) == 0;
}

/* Some rows, the first and the last among them: 1 if the sketch is theirs. ERR_MEM. */
static int is_theirs(const struct sketch *s, const struct vec_rows *rows, const struct vec_ops *ops,
                     struct err *e)
{
    uint64_t n = rows->rows < LOOKED_AT ? rows->rows : LOOKED_AT;
    float *x = mem_array(rows->dim, sizeof *x, e);
    uint8_t *code = mem_array(rows->dim, 1, e);
    int rc = x && code ? 1 : e->code;

    for (uint64_t i = 0; i < n && rc == 1; i++)
        rc = is_coded(s, rows, n > 1 ? i * (rows->rows - 1) / (n - 1) : 0, ops, x, code);
    free(x);
    free(code);
    return rc;
}

int sketch_open(struct sketch *s, const char *path, struct vec_reader *base,
                const struct vec_ops *ops, progress_fn *progress, void *ctx, struct err *e)
{
    const char *name = vec_reader_name(base);
    struct vec_rows rows;
    struct sketch_head head = {0};
    struct err why = {0};
    struct stat st;
    int rc = 0;

    *s = (struct sketch){0};
    if (!vec_mapped(base, &rows, &why)) {
        if (why.code == 0)
            err_set(&why, ERR_USAGE, "%s: only of a plain binary file is a sketch made", name);
        *e = why;
        return e->code;
    }
    if (stat(name, &st) < 0)
        return err_sys(e, "cannot read", name);
    if (rows.type == VEC_U8 || rows.type == VEC_I8)
        return err_set(e, ERR_USAGE, "%s: its vectors are of bytes already", name);
    head.rows = rows.rows;
    head.dim = rows.dim;
    head.type = (uint32_t)rows.type;
    head.file_size = (uint64_t)st.st_size;
    head.changed_s = (uint64_t)st.st_mtim.tv_sec;
    head.changed_ns = (uint64_t)st.st_mtim.tv_nsec;
    if (access(path, F_OK) == 0) {
        if (open_file(s, path, e) < 0)
            return e->code; /* another's file is not overwritten */
        if (fits(&s->head, &head) && !is_older(path, &st) &&
            (rc = is_theirs(s, &rows, ops, e)) == 1)
            return 0;
        sketch_close(s);
        if (rc < 0)
            return rc;
    }
    if (make(path, &head, &rows, ops, name, progress, ctx, e) < 0)
        return e->code;
    return open_file(s, path, e);
}

void sketch_close(struct sketch *s)
{
    sect_close(s->file);
    *s = (struct sketch){0};
}

/* ---- queries ---- */

static float up(double v)
{
    return nextafterf((float)(v * (1 + 0x1p-40)), INFINITY);
}

void sketch_query(struct sketch_query *sq, const float *q, uint32_t dim, int8_t *t)
{
    double most = 0, sum = 0, coded = 0, error = 0, length = 0, scale;

    for (uint32_t k = 0; k < dim; k++)
        most = fmax(most, fabs((double)q[k]));
    sq->scale = (float)(most / SIGNED_LEVELS);
    scale = (double)sq->scale;
    for (uint32_t k = 0; k < dim; k++) {
        double v = scale > 0 ? nearbyint((double)q[k] / scale) : 0, left;

        v = fmin(fmax(v, -SIGNED_LEVELS), SIGNED_LEVELS);
        t[k] = (int8_t)v;
        left = (double)q[k] - scale * v;
        sum += v;
        coded += v * v;
        error += left * left;
        length += (double)q[k] * (double)q[k];
    }
    sq->sum = (float)(scale * sum);
    sq->norm = up(scale * sqrt(coded));
    sq->error = up(sqrt(error));
    sq->length = up(sqrt(length));
}

float sketch_mul(const struct sketch_query *sq, enum vec_metric metric, double unit)
{
    if (metric == VEC_L2)
        return -2 * sq->scale;
    return -(float)((double)sq->scale / (metric == VEC_IP ? unit : (double)sq->length));
}

/* The roundings of what follows, each of a number that is at most sqrt(dim) |q| |x|, are taken off
 * as `loss` times |q| |x|, or the halves of the squares. */
const float *sketch_weigh(const struct sketch *s, const struct vec_ops *ops,
                          const struct sketch_query *sq, enum vec_metric metric, double unit,
                          uint64_t row, size_t n, float *own, float *b)
{
    const float *lo = s->lo + row, *step = s->step + row, *norm = s->norm + row;
    float loss = (float)(32 * (sqrt((double)s->head.dim) + 4)) * 0x1p-24f;
    float far = sq->norm * (float)s->head.kappa * (1 + 0x1p-20f), u = (float)(1 / unit);
    float off = sq->error + loss * sq->length;
    const float l2[4] = {1 - loss, -2 * off, -2 * sq->sum, -2 * far};
    const float ip[4] = {0, -off * u, -sq->sum * u, -far * u};

    if (metric != VEC_COSINE) {
        ops->sketch_bounds(lo, step, norm, n, metric == VEC_L2 ? l2 : ip, b);
        return step;
    }
    for (size_t i = 0; i < n; i++) {
        float inverse = 1 / norm[i];
        own[i] = step[i] * inverse;
        b[i] = -((lo[i] * sq->sum + far * step[i]) * inverse + off) / sq->length;
    }
    return own;
}
