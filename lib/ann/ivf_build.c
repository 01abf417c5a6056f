/* ivf_build.c - lists are made: where rows stand, centroids, who is nearest to which, codes with
 * their factors, and how far bounds have to reach (ivf.h). The same bytes for any number of
 * threads: what runs in parallel is a list's or a block's own. */
#include <math.h>
#include <stdlib.h>

#include "ann/each.h"
#include "ann/ivf.h"
#include "base/rand.h"
#include "base/sort.h"
#include "vec/kmeans.h"
#include "vec/nearest.h"
#include "vec/ops.h"

enum {
    ROWS_A_LIST = 8,      /* at least, by default */
    POINTS = 64,          /* rows that find a centroid */
    POINTS_LEAST = 20000, /* or so many in all */
    ROUNDS = 12,          /* of k-means */
    CODE_SAMPLE = 32768,  /* rows that the codec is trained on */
    CODE_LEAST = 256,     /* repeated to so many */
    CHUNK = 84,           /* rows at once */
    WIDE_DIM = 400,       /* from here on parts have 4 components by default, else 2 */
    TRIED_LISTS = 64,     /* for `spread`: lists, and rows of each, all pairs */
    TRIED_ROWS = 64,
    TRIED_LEAST = 2000, /* pairs that say something */
};

static const double lists_a_root = 2.5; /* of the rows: lists by default */
static const double straight = 0.25;    /* <r^, r> / |r|^2 from which a code counts */

/* ---- how ---- */

static int plan_codec(struct ivf_plan *p, const char *text, uint32_t dim, struct err *e)
{
    struct codec_spec s;
    size_t n;

    if (codec_parse(text, &s, e) < 0)
        return e->code;
    p->turned = strcmp(s.kind->name, "opq") == 0;
    if (!p->turned && strcmp(s.kind->name, "pq") != 0)
        return err_set(e, ERR_USAGE, "%s: lists are coded by pqMxB or opqMxB", text);
    if (!s.has_a || s.a < 1 || s.a > dim)
        return err_set(e, ERR_USAGE, "%s: there are 1 to %u parts", text, dim);
    p->parts = s.a;
    p->padded = (dim + s.a - 1) / s.a * s.a;
    n = strcspn(text, "+");
    memcpy(p->spec, text, n < sizeof p->spec ? n : 0);
    if (codec_parse(p->spec, &s, e) < 0)
        return e->code;
    return s.kind->check(&s, p->padded, e);
}

uint32_t ivf_lists_of(uint64_t rows)
{
    double lists = lists_a_root * sqrt((double)rows), most = (double)(rows / ROWS_A_LIST);

    lists = lists < most ? lists : most;
    return lists < 1 ? 1 : lists > ANN_LISTS_MOST ? ANN_LISTS_MOST : (uint32_t)lists;
}

int ivf_plan(struct ivf_plan *p, const struct ann_build_opts *o, uint64_t rows, uint32_t dim,
             struct err *e)
{
    uint32_t parts = dim < WIDE_DIM ? (dim + 1) / 2 : (dim + 3) / 4;
    const char *finer = o->codec ? strchr(o->codec, '+') : NULL;
    struct err text = {0};

    *p = (struct ivf_plan){.finer = finer ? finer + 1 : NULL,
                           .bare = o->no_vectors && o->codec && !finer};
    p->lists = o->lists ? o->lists : ivf_lists_of(rows);
    p->lists = p->lists < rows ? p->lists : rows > 0 ? (uint32_t)rows : 1;
    p->lists = p->lists < ANN_LISTS_MOST ? p->lists : ANN_LISTS_MOST;
    if (finer && !o->no_vectors)
        return err_set(e, ERR_USAGE, "%s: finer codes stand in for vectors that are left out",
                       o->codec);
    err_set(&text, 0, "pq%ux4", parts);
    return plan_codec(p, o->codec ? o->codec : text.msg, dim, e);
}

/* ---- where rows stand ---- */

/* Some of the rows, all equally likely. */
struct chosen {
    uint64_t *row;
    uint64_t n;
};

static int choose(struct chosen *c, uint64_t rows, uint64_t n, uint64_t seed, struct err *e)
{
    c->n = n < rows ? n : rows;
    if (!(c->row = mem_array(c->n, sizeof *c->row, e)))
        return e->code;
    rand_choose(&seed, rows, c->n, c->row);
    return 0;
}

/* The centroids; of few rows some are the same. */
static int find_centroids(struct ivf_made *v, const struct ann_maker *m, double even, struct err *e)
{
    struct kmeans_opts how = {.ops = v->space.ops,
                              .k = v->head.lists,
                              .iterations = ROUNDS,
                              .seed = 1,
                              .balance = even,
                              .penalty = v->penalty,
                              .threads = m->o->threads,
                              .progress = m->o->progress,
                              .progress_ctx = m->o->progress_ctx};
    uint64_t want = (uint64_t)v->head.lists * POINTS;
    struct chosen c = {0};
    float *x = NULL;
    int rc = choose(&c, v->rows, want > POINTS_LEAST ? want : POINTS_LEAST, 1, e);

    if (rc == 0)
        rc = ivf_find_space(&v->space, v->mean, m->base, c.row, c.n, e);
    if (rc == 0 && !(x = mem_map(c.n * v->space.padded * sizeof *x + 1, e)))
        rc = e->code;
    for (uint64_t i = 0; rc == 0 && i < c.n; i++)
        ivf_row(&v->space, m->base, c.row[i], x + i * v->space.padded);
    if (rc == 0 && v->rows > 0)
        rc = kmeans(x, c.n, v->space.padded, &how, v->centroid, NULL, NULL, e);
    if (x)
        mem_unmap(x, c.n * v->space.padded * sizeof *x + 1);
    free(c.row);
    return rc;
}

/* ---- who is in which list ---- */

int ivf_assign(struct ivf_made *v, const struct ann_maker *m, uint64_t from, struct err *e)
{
    size_t padded = v->space.padded;
    struct nearest near;
    int rc = nearest_init(&near, v->space.ops, v->centroid, v->head.lists, (uint32_t)padded, e);
    bool failed = false;

    if (rc < 0)
        return rc;
    nearest_add(&near, v->penalty);
#pragma omp parallel num_threads(m->o->threads > 1 ? m->o->threads : 1)
    {
        struct err mine = {0};
        float *x = mem_array(CHUNK * padded, sizeof *x, &mine);

        if (!x)
#pragma omp atomic write
            failed = true;
#pragma omp for schedule(dynamic)
        for (uint64_t at = from; at < v->rows; at += CHUNK) {
            size_t n = v->rows - at < CHUNK ? (size_t)(v->rows - at) : CHUNK;

            for (size_t i = 0; x && i < n; i++)
                ivf_row(&v->space, m->base, at + i, x + i * padded);
            if (x)
                nearest_find(&near, x, n, v->assign + at);
        }
        free(x);
    }
    nearest_free(&near);
    return failed ? err_set(e, ERR_MEM, "out of memory for an index") : 0;
}

/* Rows in the order of lists, and where lists begin. */
void ivf_group(struct ivf_made *v)
{
    uint32_t lists = v->head.lists;

    for (uint64_t i = 0; i < v->rows; i++)
        v->size[v->assign[i]]++;
    for (uint32_t l = 0; l < lists; l++)
        v->start[l + 1] = v->start[l] + v->size[l];
    for (uint64_t i = 0; i < v->rows; i++)
        v->order[v->start[v->assign[i]]++] = (uint32_t)i;
    memmove(v->start + 1, v->start, lists * sizeof *v->start); /* ends became starts */
    v->start[0] = 0;
    for (uint64_t i = v->rows; i < v->all_rows; i++)
        v->order[i] = (uint32_t)i;
}

/* ---- codes ---- */

/* The residual of the row at a place of list l. False: the row has no place there. */
static bool residual(const struct ivf_made *v, const struct vec_rows *base, uint32_t l,
                     uint64_t place, float *r)
{
    const float *c = v->centroid + (size_t)l * v->space.padded;
    bool in = ivf_row(&v->space, base, v->order[place], r);

    for (uint32_t k = 0; k < v->space.padded; k++)
        r[k] -= c[k];
    return in;
}

static int train_codec(struct ivf_made *v, const struct ann_maker *m, const char *spec,
                       struct err *e)
{
    size_t padded = v->space.padded;
    struct chosen c = {0};
    struct codec_train t = {.seed = 1, .threads = m->o->threads > 1 ? m->o->threads : 1};
    float *x = NULL;
    int rc = choose(&c, v->rows, CODE_SAMPLE, 2, e);

    t.n = c.n < CODE_LEAST ? CODE_LEAST : c.n;
    if (rc == 0 && !(x = mem_map(t.n * padded * sizeof *x, e)))
        rc = e->code;
    for (size_t i = 0, l = 0; rc == 0 && i < c.n; i++) {
        while (c.row[i] >= v->start[l + 1])
            l++;
        residual(v, m->base, (uint32_t)l, c.row[i], x + i * padded);
    }
    for (size_t i = c.n; rc == 0 && i < t.n && c.n > 0; i++)
        memcpy(x + i * padded, x + i % c.n * padded, padded * sizeof *x);
    t.x = x;
    if (rc == 0)
        rc = codec_train(&v->codec, spec, (uint32_t)padded, m->o->cpu, &t, e);
    if (x)
        mem_unmap(x, t.n * padded * sizeof *x);
    free(c.row);
    return rc;
}

/* What a code says of r, as ivf.h has it. */
struct factors {
    double longer; /* F */
    float g, c, e;
};

static const struct factors unknown = {0, 0, -INFINITY, 0};

static struct factors factors_of(const struct ivf_made *v, const float *r, const float *coded,
                                 const float *centroid)
{
    const struct vec_ops *ops = v->space.ops;
    uint32_t dim = v->space.padded;
    bool ip = v->space.metric == VEC_IP;
    double rr = ops->dot_f64(r, r, dim), cr = ops->dot_f64(coded, r, dim),
           cc = ops->dot_f64(coded, coded, dim);
    double longer = cr >= straight * rr && cr > 0 ? rr / cr : 0, error;

    if (longer == 0 && rr > 0)
        return unknown;
    error = sqrt(fmax(0, rr - 2 * longer * cr + longer * longer * cc));
    if (ip) /* with room for the rounding of keys; under l2 near rows have it of ivf_search.c */
        return (struct factors){longer, (float)longer, 0, (float)(error + 0x1p-18 * sqrt(rr))};
    return (struct factors){longer, (float)(2 * longer),
                            (float)(rr + 2 * longer * ops->dot_f64(coded, centroid, dim)),
                            (float)error};
}

/* A thread's room. */
struct coder {
    float *r, *coded; /* [CHUNK][padded] */
    bool in[CHUNK];
    uint8_t *code; /* [CODEC_LIST] */
    uint8_t *was;  /* codes of a list that was, [the longest of all] */
};

static uint64_t longest(const struct ivf_was *was)
{
    uint64_t most = 0;

    for (uint32_t l = 0; l < was->lists; l++)
        most = was->v->size[l] > most ? was->v->size[l] : most;
    return most;
}

struct coding {
    struct ivf_made *v;
    const struct vec_rows *base;
};

static int coder_init(void *room, void *ctx, struct err *e)
{
    const struct ivf_made *v = ((const struct coding *)ctx)->v;
    struct coder *t = room;
    size_t floats = CHUNK * (size_t)v->space.padded;

    *t = (struct coder){.r = codec_array(floats, sizeof *t->r, e),
                        .coded = codec_array(floats, sizeof *t->coded, e),
                        .code = mem_array(CODEC_LIST, v->codec->code_bytes, e),
                        .was = mem_array(longest(&v->was), v->codec->code_bytes, e)};
    return t->r && t->coded && t->code && t->was ? 0 : e->code;
}

static void coder_free(void *room)
{
    struct coder *t = room;

    free(t->r);
    free(t->coded);
    free(t->code);
    free(t->was);
}

/* Codes of n <= CHUNK rows from a place of list l on, and their residuals and what these become. */
static int code_rows(const struct ivf_made *v, const struct vec_rows *base, uint32_t l,
                     uint64_t place, size_t n, struct coder *t, uint8_t *code, struct err *e)
{
    const struct codec_kind *kind = v->codec->spec.kind;

    for (size_t i = 0; i < n; i++)
        t->in[i] = residual(v, base, l, place + i, t->r + i * v->space.padded);
    if (kind->encode(v->codec, t->r, n, code, e) < 0)
        return e->code;
    return kind->decode(v->codec, code, n, t->coded, e);
}

/* How many rows of list l, its first, have codes that can be taken over; those are in t->was. */
static size_t take_over(const struct ivf_made *v, uint32_t l, struct coder *t)
{
    const struct ivf *was = v->was.v;
    uint64_t at = v->start[l];

    if (l >= v->was.lists || v->was.split[l])
        return 0;
    for (uint64_t i = 0, n; i < was->size[l]; i += n) {
        n = was->size[l] - i < CODEC_LIST ? was->size[l] - i : CODEC_LIST;
        was->codec->spec.kind->unpack(was->codec,
                                      was->fast + was->fast_at[l] + ivf_packed(was->codec, i),
                                      (size_t)n, t->was + i * was->codec->code_bytes);
    }
    while (at < v->start[l + 1] && v->order[at] < v->was.rows)
        at++;
    return (size_t)(at - v->start[l]);
}

/* n rows of list l from its row `at` on, taken over: codes, and factors, of three sorts. */
static void take_rows(const struct ivf_made *v, uint32_t l, size_t at, size_t n,
                      const struct coder *t, uint8_t *code, float *factor)
{
    const struct ivf *was = v->was.v;
    size_t lanes = ivf_factors(v->size[l]) / 3, lanes_were = ivf_factors(was->size[l]) / 3,
           cb = v->codec->code_bytes;

    for (size_t i = 0; i < n; i++) {
        uint64_t from = v->was.place[v->order[v->start[l] + at + i]] - was->start[l];

        memcpy(code + i * cb, t->was + from * cb, cb);
        for (size_t sort = 0; sort < 3; sort++)
            factor[sort * lanes + at + i] =
                was->factor[was->factor_at[l] + sort * lanes_were + from];
    }
}

/* The same of rows that are coded. */
static int make_rows(const struct ivf_made *v, const struct vec_rows *base, uint32_t l, size_t at,
                     size_t n, struct coder *t, uint8_t *code, float *factor, struct err *e)
{
    const float *centroid = v->centroid + (size_t)l * v->space.padded;
    size_t lanes = ivf_factors(v->size[l]) / 3;

    if (code_rows(v, base, l, v->start[l] + at, n, t, code, e) < 0)
        return e->code;
    for (size_t i = 0; i < n; i++) {
        size_t from = i * v->space.padded;
        struct factors f = t->in[i] ? factors_of(v, t->r + from, t->coded + from, centroid)
                                    : unknown;

        factor[at + i] = f.g;
        factor[lanes + at + i] = f.c;
        factor[2 * lanes + at + i] = f.e;
    }
    return 0;
}

/* List l, whole. */
static int code_list(struct ivf_made *v, const struct vec_rows *base, uint32_t l, struct coder *t,
                     struct err *e)
{
    size_t size = v->size[l], cb = v->codec->code_bytes, taken = take_over(v, l, t);
    float *factor = v->factor + v->factor_at[l];

    for (size_t at = 0, n; at < size; at += n) {
        size_t in = at % CODEC_LIST, end = at < taken ? taken : size;

        n = end - at < CHUNK ? end - at : CHUNK;
        n = n < CODEC_LIST - in ? n : CODEC_LIST - in;
        if (at < taken)
            take_rows(v, l, at, n, t, t->code + in * cb, factor);
        else if (make_rows(v, base, l, at, n, t, t->code + in * cb, factor, e) < 0)
            return e->code;
        if (in + n == CODEC_LIST || at + n == size)
            v->codec->spec.kind->pack(v->codec, t->code, cb, in + n,
                                      v->fast + v->fast_at[l] + ivf_packed(v->codec, at - in));
    }
    return 0;
}

static int code_one(void *ctx, uint64_t i, void *room, struct err *e)
{
    const struct coding *c = ctx;

    return code_list(c->v, c->base, (uint32_t)i, room, e);
}

static int code_all(struct ivf_made *v, const struct ann_maker *m, struct err *e)
{
    struct coding c = {v, m->base};

    return each(&(struct each){.n = v->head.lists,
                               .threads = m->o->threads,
                               .ctx = &c,
                               .room = sizeof(struct coder),
                               .begin = coder_init,
                               .end = coder_free,
                               .one = code_one},
                e);
}

static int make_room(struct ivf_made *v, struct err *e)
{
    uint32_t lists = v->head.lists;

    for (uint32_t l = 0; l < lists; l++) {
        v->fast_at[l + 1] = v->fast_at[l] + ivf_packed(v->codec, v->size[l]);
        v->factor_at[l + 1] = v->factor_at[l] + ivf_factors(v->size[l]);
    }
    v->fast_bytes = v->fast_at[lists];
    v->fast = mem_map(v->fast_bytes + 1, e);
    v->factor = v->fast ? mem_map(v->factor_at[lists] * sizeof *v->factor + 1, e) : NULL;
    return v->factor ? 0 : e->code;
}

int ivf_code(struct ivf_made *v, const struct ann_maker *m, struct err *e)
{
    return make_room(v, e) < 0 ? e->code : code_all(v, m, e);
}

/* ---- how far bounds reach ---- */

/* Of n rows of a list, each with each as a query: the error as a share of what it is at most. */
static size_t try_list(const struct ivf_made *v, uint32_t l, size_t n, const struct coder *t,
                       float *share)
{
    const struct vec_ops *ops = v->space.ops;
    size_t padded = v->space.padded, got = 0;
    const float *centroid = v->centroid + l * padded;
    float *to = t->r, *error = t->coded; /* in place of what is not needed any more */

    for (size_t i = 0; i < n; i++) {
        struct factors f = factors_of(v, to + i * padded, error + i * padded, centroid);

        for (size_t k = 0; k < padded; k++) {
            error[i * padded + k] = (float)((double)to[i * padded + k] -
                                            f.longer * (double)error[i * padded + k]);
            if (v->space.metric == VEC_IP) /* queries are as rows, from zero */
                to[i * padded + k] += centroid[k] +
                                      (k < v->space.dim ? v->mean[k] * v->space.scale : 0);
        }
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            const float *x = to + i * padded, *q = to + j * padded, *err = error + i * padded;
            bool ip = v->space.metric == VEC_IP;
            double far = ip ? ops->dot_f64(q, q, (uint32_t)padded)
                            : ops->l2_f64(q, x, (uint32_t)padded);
            double most = sqrt(far * ops->dot_f64(err, err, (uint32_t)padded));
            double is = ops->dot_f64(q, err, (uint32_t)padded) -
                        (ip ? 0 : ops->dot_f64(x, err, (uint32_t)padded));

            if (i != j && most > 0)
                share[got++] = (float)(is / most);
        }
    return got;
}

static int find_spread(struct ivf_made *v, const struct ann_maker *m, struct err *e)
{
    uint32_t lists = v->head.lists, step = lists > TRIED_LISTS ? lists / TRIED_LISTS : 1;
    float *share = mem_array((size_t)TRIED_LISTS * TRIED_ROWS * TRIED_ROWS, sizeof *share, e);
    struct coding c = {v, m->base};
    struct coder t;
    int rc = coder_init(&t, &c, e);
    size_t got = 0;

    for (uint32_t i = 0; rc == 0 && share && i < TRIED_LISTS && i * step < lists; i++) {
        uint32_t l = i * step;
        size_t n = v->size[l] < TRIED_ROWS ? v->size[l] : TRIED_ROWS;

        rc = code_rows(v, m->base, l, v->start[l], n, &t, t.code, e);
        if (rc == 0)
            got += try_list(v, l, n, &t, share + got);
    }
    v->head.spread = 1;
    if (rc == 0 && share && got >= TRIED_LEAST) {
        sort_floats(share, got);
        v->head.spread = fmin(1, fmax(0, (double)share[got - 1 - got / IVF_RISK]));
    }
    coder_free(&t);
    free(share);
    return share ? rc : e->code;
}

/* ---- finer codes ---- */

/* Those of a row of the base, coded or taken over. */
static int make_cell(const struct ivf_made *v, const struct ann_maker *m, uint32_t row,
                     uint8_t *cells, struct err *e)
{
    uint32_t was = v->was.v ? v->was.place[row] : IVF_NEW;

    if (was == IVF_NEW)
        return form_encode(&m->form, m->base, row, 1, false, cells, e);
    memcpy(cells, v->was.v->cells + was * v->cells_stride, v->cells_stride);
    return 0;
}

int ivf_make_cells(struct ivf_made *v, const struct ann_maker *m, struct err *e)
{
    size_t stride = form_stride(&m->form);
    int threads = m->o->threads > 1 ? m->o->threads : 1;
    uint64_t bad = UINT64_MAX;

    v->cells_stride = stride;
    v->cells_bytes = v->all_rows * stride;
    if (!(v->cells = mem_map(v->cells_bytes + 1, e)))
        return e->code;
#pragma omp parallel for schedule(dynamic, 256) num_threads(threads)
    for (uint64_t i = 0; i < v->all_rows; i++) {
        struct err mine = {0};

        if (make_cell(v, m, v->order[i], v->cells + i * stride, &mine) < 0)
#pragma omp critical
            if (v->order[i] < bad) {
                bad = v->order[i];
                *e = mine;
            }
    }
    return bad == UINT64_MAX ? 0 : e->code;
}

/* ---- all ---- */

static int row_arrays(struct ivf_made *v, struct err *e)
{
    v->all_rows = v->all_rows > v->rows ? v->all_rows : v->rows;
    v->mean = mem_zero(v->space.dim, sizeof *v->mean, e);
    v->space.mean = v->mean;
    v->assign = mem_array(v->rows, sizeof *v->assign, e);
    v->order = mem_array(v->all_rows, sizeof *v->order, e);
    return v->mean && v->assign && v->order ? 0 : e->code;
}

int ivf_list_room(struct ivf_made *v, uint32_t lists, struct err *e)
{
    size_t n = lists;

    v->head.lists = lists;
    v->centroid = codec_array(n * v->space.padded, sizeof *v->centroid, e);
    v->penalty = mem_zero(n, sizeof *v->penalty, e);
    v->size = mem_zero(n, sizeof *v->size, e);
    v->start = mem_zero(n + 1, sizeof *v->start, e);
    v->fast_at = mem_zero(n + 1, sizeof *v->fast_at, e);
    v->factor_at = mem_zero(n + 1, sizeof *v->factor_at, e);
    return v->centroid && v->penalty && v->size && v->start && v->fast_at && v->factor_at ? 0
                                                                                          : e->code;
}

int ivf_arrays(struct ivf_made *v, uint32_t lists, struct err *e)
{
    return row_arrays(v, e) < 0 ? e->code : ivf_list_room(v, lists, e);
}

int ivf_start(struct ivf_made *v, const struct ann_maker *m, const struct ivf_plan *p,
              struct err *e)
{
    v->rows = m->base->rows;
    v->head.padded = p->padded;
    v->space = (struct ivf_space){.ops = m->form.ops,
                                  .metric = m->form.metric,
                                  .type = m->form.type,
                                  .dim = m->form.dim,
                                  .padded = p->padded,
                                  .scale = 1};
    if (v->rows > IVF_ROWS_MAX)
        return err_set(e, ERR_USAGE, "lists hold up to %llu rows",
                       (unsigned long long)IVF_ROWS_MAX);
    return row_arrays(v, e) < 0 ? e->code : ivf_check_rows(&v->space, m->base, e);
}

int ivf_finish(struct ivf_made *v, const struct ann_maker *m, const struct ivf_plan *p,
               struct err *e)
{
    ivf_group(v);
    if (train_codec(v, m, p->spec, e) < 0 || ivf_code(v, m, e) < 0 || find_spread(v, m, e) < 0)
        return e->code;
    v->head.scale = v->space.scale;
    v->head.cells = !m->meta.vectors && !p->bare;
    return v->head.cells ? ivf_make_cells(v, m, e) : 0;
}

int ivf_make_lists(struct ivf_made *v, const struct ann_maker *m, const struct ivf_plan *p,
                   double even, struct err *e)
{
    if (ivf_start(v, m, p, e) < 0 || ivf_list_room(v, p->lists, e) < 0 ||
        find_centroids(v, m, even, e) < 0)
        return e->code;
    return ivf_assign(v, m, 0, e);
}

int ivf_make(struct ivf_made *v, const struct ann_maker *m, const struct ivf_plan *p, struct err *e)
{
    return ivf_make_lists(v, m, p, IVF_EVEN, e) < 0 ? e->code : ivf_finish(v, m, p, e);
}

void ivf_made_free(struct ivf_made *v)
{
    if (v->fast)
        mem_unmap(v->fast, v->fast_bytes + 1);
    if (v->factor)
        mem_unmap(v->factor, v->factor_at[v->head.lists] * sizeof *v->factor + 1);
    if (v->cells)
        mem_unmap(v->cells, v->cells_bytes + 1);
    codec_free(v->codec);
    free(v->mean);
    free(v->centroid);
    free(v->penalty);
    free(v->assign);
    free(v->order);
    free(v->number);
    free(v->size);
    free(v->start);
    free(v->fast_at);
    free(v->factor_at);
}
