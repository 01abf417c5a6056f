/* osq_build.c - an index of the kind "osq" is made: lists as those of ivf, but more even; a codec
 * of a sample of rows; codes and signs. The same bytes for any number of threads: what runs in
 * parallel is a block's own, and sums over rows are over blocks in their order. */
#include <math.h>
#include <stdlib.h>

#include "ann/each.h"
#include "ann/osq_index.h"
#include "base/rand.h"
#include "vec/ops.h"

enum {
    ROWS_A_LIST = 1 << 15, /* by default */
    CODE_SAMPLE = 1 << 16, /* rows that the codec is trained on */
    CODE_LEAST = 256,      /* repeated to so many */
};

static const char default_codec[] = "osq4";
static const double even = 0.5; /* kmeans.h: balance */

/* ---- how ---- */

int osq_plan(struct osq_plan *p, const struct ann_build_opts *o, uint64_t rows, uint32_t dim,
             struct err *e)
{
    const char *text = o->codec ? o->codec : default_codec;
    uint64_t lists = o->lists ? o->lists : (rows + ROWS_A_LIST - 1) / ROWS_A_LIST;
    struct codec_spec s;

    lists = lists < rows ? lists : rows;
    lists = lists < ANN_PARTS_MOST ? lists : ANN_PARTS_MOST;
    *p = (struct osq_plan){.lists = lists ? (uint32_t)lists : 1};
    if (codec_parse(text, &s, e) < 0)
        return e->code;
    if (strcmp(s.kind->name, "osq") != 0)
        return err_set(e, ERR_USAGE, "%s: an index of kind osq is coded by osq1 to osq8", text);
    if (o->no_vectors)
        return err_set(e, ERR_USAGE,
                       "an index of kind osq looks at vectors in the end: they cannot be left out");
    memcpy(p->spec, s.text, sizeof p->spec);
    return s.kind->check(&s, dim, e);
}

/* ---- the codec ---- */

static int no_place(uint64_t row, struct err *e)
{
    return err_set(e, ERR_INPUT, "row %llu is too far from all others to be coded with them",
                   (unsigned long long)row);
}

/* Rows as the codec sees them, all equally likely, into x. */
static int sample(const struct osq_made *v, const struct vec_rows *base, uint64_t n, float *x,
                  struct err *e)
{
    const struct ivf_space *s = &v->lists.space;
    uint64_t *row = mem_array(n, sizeof *row, e), seed = 2;
    int rc = row ? 0 : e->code;

    if (rc == 0)
        rand_choose(&seed, base->rows, n, row);
    for (uint64_t i = 0; rc == 0 && i < n; i++)
        if (!ivf_row(s, base, row[i], x + i * s->dim))
            rc = no_place(row[i], e);
    free(row);
    return rc;
}

static int train(struct osq_made *v, const struct ann_maker *m, const char *spec, struct err *e)
{
    size_t dim = v->lists.space.dim;
    uint64_t n = m->base->rows < CODE_SAMPLE ? m->base->rows : CODE_SAMPLE;
    struct codec_train t = {.n = n < CODE_LEAST ? CODE_LEAST : n,
                            .seed = 1,
                            .threads = m->o->threads > 1 ? m->o->threads : 1};
    float *x = mem_map(t.n * dim * sizeof *x, e);
    int rc = x ? sample(v, m->base, n, x, e) : e->code;

    for (uint64_t i = n; rc == 0 && n > 0 && i < t.n; i++)
        memcpy(x + i * dim, x + i % n * dim, dim * sizeof *x);
    t.x = x;
    if (rc == 0)
        rc = codec_train(&v->lists.codec, spec, (uint32_t)dim, m->o->cpu, &t, e);
    if (x)
        mem_unmap(x, t.n * dim * sizeof *x);
    return rc;
}

/* ---- rows ---- */

/* Of a list's rows: the square of the longest, and squares of distances from the centroid. */
struct sums {
    double longest, away;
};

/* A thread's room. */
struct coder {
    float *x, *away; /* [CODEC_BLOCK][dim], [dim] */
};

struct coding {
    const struct osq_made *v;
    const struct vec_rows *base;
    struct sums *s; /* [lists] */
};

static int coder_init(void *room, void *ctx, struct err *e)
{
    size_t dim = ((const struct coding *)ctx)->v->lists.space.dim;
    struct coder *t = room;

    *t = (struct coder){.x = codec_array(CODEC_BLOCK * dim, sizeof *t->x, e),
                        .away = codec_array(dim, sizeof *t->away, e)};
    return t->x && t->away ? 0 : e->code;
}

static void coder_free(void *room)
{
    struct coder *t = room;

    free(t->x);
    free(t->away);
}

static void put_row(const struct osq_made *v, uint64_t place)
{
    row_write(v->row + place * v->head.width, v->head.width, v->lists.order[place]);
}

/* The row from its centroid. */
static void from_centre(const struct osq_made *v, const float *x, uint32_t l, float *away)
{
    uint32_t dim = v->lists.space.dim;
    const float *c = v->lists.centroid + (size_t)l * dim;

    for (uint32_t j = 0; j < dim; j++)
        away[j] = x[j] - c[j];
}

/* Its signs. */
static void put_signs(const struct osq_made *v, float *away, uint64_t place)
{
    uint32_t dim = v->lists.space.dim;
    uint8_t *to = v->sign + place * osq_sign_bytes(dim);

    osq_turn(away, dim);
    for (uint32_t j = 0; j < dim; j++)
        to[j / 8] |= (uint8_t)((away[j] > 0) << j % 8);
}

/* Rows [at, at + n) of list l. */
static int code_rows(const struct osq_made *v, const struct vec_rows *base, uint32_t l, uint64_t at,
                     size_t n, struct coder *t, struct sums *s, struct err *e)
{
    const struct ivf_space *space = &v->lists.space;
    const struct codec *c = v->lists.codec;

    for (size_t i = 0; i < n; i++) {
        float *x = t->x + i * c->dim;

        if (!ivf_row(space, base, v->lists.order[at + i], x))
            return no_place(v->lists.order[at + i], e);
        s->longest = fmax(s->longest, space->ops->dot_f64(x, x, c->dim));
        put_row(v, at + i);
        from_centre(v, x, l, t->away);
        s->away += space->ops->dot_f64(t->away, t->away, c->dim);
        put_signs(v, t->away, at + i);
    }
    return c->spec.kind->encode(c, t->x, n, v->code + at * c->code_bytes, e);
}

static int code_list(const struct osq_made *v, const struct vec_rows *base, uint32_t l,
                     struct coder *t, struct sums *s, struct err *e)
{
    uint64_t end = v->lists.start[l + 1];
    int rc = 0;

    for (uint64_t at = v->lists.start[l]; rc == 0 && at < end; at += CODEC_BLOCK)
        rc = code_rows(v, base, l, at, end - at < CODEC_BLOCK ? (size_t)(end - at) : CODEC_BLOCK, t,
                       s, e);
    return rc;
}

static int code_one(void *ctx, uint64_t i, void *room, struct err *e)
{
    const struct coding *c = ctx;

    return code_list(c->v, c->base, (uint32_t)i, room, &c->s[i], e);
}

/* All lists; sums of each in s[list]. */
static int code_lists(const struct osq_made *v, const struct ann_maker *m, struct sums *s,
                      struct err *e)
{
    struct coding c = {v, m->base, s};

    return each(&(struct each){.n = v->head.lists,
                               .threads = m->o->threads,
                               .ctx = &c,
                               .room = sizeof(struct coder),
                               .begin = coder_init,
                               .end = coder_free,
                               .one = code_one},
                e);
}

static int code_all(struct osq_made *v, const struct ann_maker *m, struct err *e)
{
    struct sums *s = mem_zero(v->head.lists, sizeof *s, e);
    int rc = s ? code_lists(v, m, s, e) : e->code;

    for (uint32_t l = 0; rc == 0 && l < v->head.lists; l++) {
        v->head.longest = fmax(v->head.longest, sqrt(s[l].longest));
        v->away[l] = v->lists.size[l] ? (float)(s[l].away / v->lists.size[l]) : 0;
    }
    free(s);
    return rc;
}

/* ---- all ---- */

static int make_room(struct osq_made *v, struct err *e)
{
    uint64_t rows = v->lists.rows;
    const struct codec *c = v->lists.codec;

    v->row = mem_map(rows * v->head.width + 1, e);
    v->code = v->row ? mem_map(rows * c->code_bytes + 1, e) : NULL;
    v->sign = v->code ? mem_map(rows * osq_sign_bytes(c->dim) + 1, e) : NULL;
    v->away = v->sign ? mem_zero(v->head.lists, sizeof *v->away, e) : NULL;
    return v->away ? 0 : e->code;
}

int osq_make(struct osq_made *v, const struct ann_maker *m, const struct osq_plan *p, struct err *e)
{
    struct ivf_plan lists = {.lists = p->lists, .padded = m->base->dim};

    if (ivf_make_lists(&v->lists, m, &lists, even, e) < 0)
        return e->code;
    ivf_group(&v->lists);
    if (train(v, m, p->spec, e) < 0)
        return e->code;
    v->head = (struct osq_head){
        .lists = p->lists, .width = row_width(v->lists.rows), .scale = v->lists.space.scale};
    if (make_room(v, e) < 0)
        return e->code;
    return code_all(v, m, e);
}

void osq_made_free(struct osq_made *v)
{
    uint64_t rows = v->lists.rows;

    if (v->row)
        mem_unmap(v->row, rows * v->head.width + 1);
    if (v->code)
        mem_unmap(v->code, rows * v->lists.codec->code_bytes + 1);
    if (v->sign)
        mem_unmap(v->sign, rows * osq_sign_bytes(v->lists.codec->dim) + 1);
    free(v->away);
    ivf_made_free(&v->lists);
}
