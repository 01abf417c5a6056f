/* codec_leanvec.c - leanvecD+CODEC: D dimensions of dim by two linear maps, and a codec of those
 * (LeanVec, Tepper et al. 2024; the maps are lean.h's).
 *
 * With mu the mean of the sample, <q, x> = <q, mu> + <q, x - mu> ~ <q, mu> + <Aq, B(x - mu)>: the
 * first part is one number a query, so the maps need to keep only what tells vectors apart (the
 * paper leaves the mean in). Squared distances do not change when mu is taken from both: |x - q|^2
 * ~ |x - mu|^2 + |q - mu|^2 - 2 <A(q - mu), B(x - mu)>, of which the first is stored. So the codec
 * inside is always scanned for inner products.
 *
 *   code      0  m  the code of B(x - mu), of the codec inside       m  4  |x - mu|^2, f32
 *   packed    0  p  the packed codes inside, to a multiple of 64     p 4n  |x - mu|^2
 *   MEA  dim f32  mu       MPA  [D][dim] f32  A       MPB  [D][dim] f32  B
 *   and the sections of the codec inside, one level deeper.
 *
 * Maps are made in double and kept in f32; vectors go through B by the exact chains of ops.h, so
 * codes are the same on all levels and for any number of threads. Decoding gives mu + A^T y, of
 * which <q, .> is what is searched for.
 *
 * The codec inside gets finite numbers only: a vector that is mapped beyond f32 is refused; of a
 * query that is, as maps of a damaged file do it, every <Aq, y> is 0.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "vec/codec_kind.h"
#include "vec/lean.h"
#include "vec/linmap.h"

enum { CHUNK = 84, QUERIES = 32 }; /* rows, queries that are handled at once */

struct lean_codec {
    uint32_t r;                       /* D */
    float *mean;                      /* [dim] */
    float *a, *b;                     /* [r][dim] */
    struct linmap to_a, to_b, from_a; /* A x, B x, A^T y */
    struct codec *inner;
};

/* ---- the spec ---- */

static const char *const methods[] = {"pca", "es", "fw", "sphering", "near"};
enum { METHODS = sizeof methods / sizeof *methods };

/* METHODS when there is no such. */
static unsigned method_of(const char *word)
{
    unsigned m = 0;

    while (m < METHODS && strcmp(word, methods[m]) != 0)
        m++;
    return m;
}

static int leanvec_check(const struct codec_spec *s, uint32_t dim, struct err *e)
{
    struct codec_spec inner;

    if (!s->has_a || s->has_b || !s->inner[0])
        return err_set(e, ERR_USAGE,
                       "%s: a codec like leanvec50+lvq8 is leanvec, the dimensions to "
                       "keep, and after + the codec of those",
                       s->text);
    if (s->word[0] && method_of(s->word) == METHODS)
        return err_set(e, ERR_USAGE, "%s: the maps are made by " LEAN_METHOD_NAMES, s->text);
    if (s->a == 0 || s->a > dim || dim > LA_DIM_MAX)
        return err_set(e, ERR_USAGE,
                       "%s: of %u dimensions, 1 to %u can be kept (and vectors of up "
                       "to %d mapped)",
                       s->text, dim, dim, LA_DIM_MAX);
    if (codec_parse(s->inner, &inner, e) < 0)
        return e->code;
    if (inner.kind == s->kind)
        return err_set(e, ERR_USAGE, "%s: a leanvec inside another maps no better", s->text);
    return inner.kind->check(&inner, s->a, e);
}

/* ---- maps ---- */

static int pack_maps(struct codec *c, struct err *e)
{
    struct lean_codec *l = c->state;
    float *turned = codec_array((size_t)l->r * c->dim, sizeof *turned, e);
    int rc;

    if (!turned)
        return e->code;
    for (size_t i = 0; i < l->r; i++)
        for (size_t j = 0; j < c->dim; j++)
            turned[j * l->r + i] = l->a[i * c->dim + j];
    rc = linmap_init(&l->to_a, c->ops, l->a, l->r, c->dim, e);
    if (rc == 0)
        rc = linmap_init(&l->to_b, c->ops, l->b, l->r, c->dim, e);
    if (rc == 0)
        rc = linmap_init(&l->from_a, c->ops, turned, c->dim, l->r, e);
    free(turned);
    return rc;
}

/* y = B(x - mu); norm (or NULL) = |x - mu|^2. room: [CHUNK][dim]. */
static void map_base(const struct codec *c, const float *x, size_t n, float *room, float *y,
                     float *norm)
{
    const struct lean_codec *l = c->state;

    for (size_t from = 0; from < n; from += CHUNK) {
        size_t rows = n - from < CHUNK ? n - from : CHUNK;

        for (size_t i = 0; i < rows; i++) {
            for (size_t j = 0; j < c->dim; j++)
                room[i * c->dim + j] = x[(from + i) * c->dim + j] - l->mean[j];
            if (norm)
                norm[from + i] = (float)vec_norm2(room + i * c->dim, c->dim);
        }
        linmap_apply(&l->to_b, room, rows, y + from * l->r);
    }
}

/* ---- making ---- */

static void leanvec_free(void *state)
{
    struct lean_codec *l = state;

    if (!l)
        return;
    free(l->mean);
    free(l->a);
    free(l->b);
    linmap_free(&l->to_a);
    linmap_free(&l->to_b);
    linmap_free(&l->from_a);
    codec_free(l->inner);
    free(l);
}

static struct lean_codec *leanvec_new(struct codec *c, struct err *e)
{
    struct lean_codec *l = c->state = mem_zero(1, sizeof *l, e);

    if (l)
        l->r = c->spec.a;
    return l;
}

/* The sample's moments, and the maps by them. */
struct making {
    double *mean, *kq, *kx, *a, *b;
};

static int fit_near(const struct codec *c, const struct codec_train *t, struct making *k,
                    struct err *e)
{
    const struct lean_sample s = {.x = t->x,
                                  .q = t->queries,
                                  .rows = t->n,
                                  .queries = t->n_queries,
                                  .mean = k->mean,
                                  .seed = t->seed,
                                  .threads = t->threads,
                                  .cpu = c->cpu};

    return lean_near(&s, c->dim, c->spec.a, k->a, k->b, e);
}

static int make_maps(struct codec *c, const struct codec_train *t, enum lean_method m,
                     struct making *k, struct err *e)
{
    struct lean_codec *l = c->state;
    size_t cells = (size_t)l->r * c->dim;

    if (la_mean(t->x, t->n, c->dim, k->mean, e) < 0)
        return e->code;
    for (size_t j = 0; j < c->dim; j++)
        k->mean[j] = (double)(l->mean[j] = (float)k->mean[j]);
    if (la_moment(t->x, t->n, c->dim, k->mean, k->kx, t->threads, e) < 0)
        return e->code;
    if (m != LEAN_PCA &&
        la_moment(t->queries, t->n_queries, c->dim, NULL, k->kq, t->threads, e) < 0)
        return e->code;
    if (lean_maps(m, k->kq, k->kx, c->dim, l->r, k->a, k->b, e) < 0)
        return e->code;
    if (m == LEAN_NEAR && fit_near(c, t, k, e) < 0)
        return e->code;
    for (size_t i = 0; i < cells; i++) {
        l->a[i] = (float)k->a[i];
        l->b[i] = (float)k->b[i];
    }
    return 0;
}

static int train_maps(struct codec *c, const struct codec_train *t, enum lean_method m,
                      struct err *e)
{
    struct lean_codec *l = c->state;
    size_t cells = (size_t)l->r * c->dim, moment = (size_t)c->dim * c->dim;
    struct making k = {0};
    int rc;

    k.mean = mem_array(c->dim, sizeof *k.mean, e);
    k.kq = mem_array(moment, sizeof *k.kq, e);
    k.kx = mem_array(moment, sizeof *k.kx, e);
    k.a = mem_array(cells, sizeof *k.a, e);
    k.b = mem_array(cells, sizeof *k.b, e);
    l->mean = codec_array(c->dim, sizeof *l->mean, e);
    l->a = codec_array(cells, sizeof *l->a, e);
    l->b = codec_array(cells, sizeof *l->b, e);
    if (k.mean && k.kq && k.kx && k.a && k.b && l->mean && l->a && l->b)
        rc = make_maps(c, t, m, &k, e);
    else
        rc = e->code;
    free(k.mean);
    free(k.kq);
    free(k.kx);
    free(k.a);
    free(k.b);
    return rc;
}

/* The sample as the codec inside sees it, queries with it. */
static int map_sample(const struct codec *c, const struct codec_train *t, float *y, float *q,
                      struct err *e)
{
    const struct lean_codec *l = c->state;
    size_t blocks = (t->n + CODEC_BLOCK - 1) / CODEC_BLOCK;
    int rc = 0;

#pragma omp parallel for num_threads(t->threads) if (t->threads > 1)
    for (size_t b = 0; b < blocks; b++) {
        size_t from = b * CODEC_BLOCK, n = t->n - from < CODEC_BLOCK ? t->n - from : CODEC_BLOCK;
        float *room = malloc(CHUNK * c->dim * sizeof *room);

        if (room)
            map_base(c, t->x + from * c->dim, n, room, y + from * l->r, NULL);
        else
#pragma omp atomic write
            rc = ERR_MEM;
        free(room);
    }
    if (t->n_queries)
        linmap_apply(&l->to_a, t->queries, t->n_queries, q);
    return rc == 0 ? 0 : err_set(e, rc, "out of memory for the sample's map");
}

static int train_inner(struct codec *c, const struct codec_train *t, struct err *e)
{
    struct lean_codec *l = c->state;
    struct codec_train inside = *t;
    float *y = mem_array(t->n, l->r * sizeof *y, e);
    float *q = mem_array(t->n_queries, l->r * sizeof *q, e);
    int rc = y && q ? map_sample(c, t, y, q, e) : e->code;

    inside.x = y;
    inside.queries = t->n_queries ? q : NULL;
    if (rc == 0)
        rc = codec_train_inner(&l->inner, c, l->r, &inside, e);
    free(y);
    free(q);
    return rc;
}

/* What follows from the codec inside. */
static void set_size(struct codec *c)
{
    c->code_bytes = ((const struct lean_codec *)c->state)->inner->code_bytes + 4;
}

static int leanvec_train(struct codec *c, const struct codec_train *t, struct err *e)
{
    bool queries = t->queries && t->n_queries > 0;
    bool many = queries && t->n_queries >= LEAN_NEAR_QUERIES && t->n >= LEAN_NEAR_ROWS;
    enum lean_method m = many ? LEAN_NEAR : queries ? LEAN_SPHERING : LEAN_PCA;

    if (c->spec.word[0])
        m = (enum lean_method)method_of(c->spec.word);
    if (m != LEAN_PCA && !queries)
        return err_set(e, ERR_USAGE,
                       "%s: '%s' needs a sample of queries (--queries FILE); without "
                       "one there is leanvec%u:pca",
                       c->spec.text, methods[m], c->spec.a);
    if (m == LEAN_NEAR && !many)
        return err_set(e, ERR_INPUT,
                       "%s: 'near' needs %d vectors and %d queries, and there are %zu and %zu",
                       c->spec.text, LEAN_NEAR_ROWS, LEAN_NEAR_QUERIES, t->n, t->n_queries);
    if (!leanvec_new(c, e) || train_maps(c, t, m, e) < 0 || pack_maps(c, e) < 0 ||
        train_inner(c, t, e) < 0)
        return e->code;
    set_size(c);
    return 0;
}

/* ---- files ---- */

static int leanvec_save(const struct codec *c, int level, struct sect_writer *w, struct err *e)
{
    const struct lean_codec *l = c->state;
    size_t cells = (size_t)l->r * c->dim;

    if (codec_put(w, "MEA", level, l->mean, c->dim, sizeof *l->mean, e) < 0 ||
        codec_put(w, "MPA", level, l->a, cells, sizeof *l->a, e) < 0 ||
        codec_put(w, "MPB", level, l->b, cells, sizeof *l->b, e) < 0)
        return e->code;
    return codec_save_inner(l->inner, level, w, e);
}

static float *take_finite(const struct sect_file *f, const char name[3], int level, size_t n,
                          struct err *e)
{
    float *p = codec_take(f, name, level, n, sizeof *p, e);

    if (p && codec_finite(f, name, level, p, n, e) == 0)
        return p;
    free(p);
    return NULL;
}

static int leanvec_load(struct codec *c, int level, const struct sect_file *f, struct err *e)
{
    struct lean_codec *l = leanvec_new(c, e);
    size_t cells = l ? (size_t)l->r * c->dim : 0;

    if (!l || !(l->mean = take_finite(f, "MEA", level, c->dim, e)) ||
        !(l->a = take_finite(f, "MPA", level, cells, e)) ||
        !(l->b = take_finite(f, "MPB", level, cells, e)) ||
        codec_load_inner(&l->inner, c, l->r, level, f, e) < 0 || pack_maps(c, e) < 0)
        return e->code;
    set_size(c);
    return 0;
}

/* ---- coding ---- */

/* The codes inside, of m bytes, out of ours. */
static void gather(const uint8_t *code, size_t stride, size_t n, size_t m, uint8_t *inside)
{
    for (size_t i = 0; i < n; i++)
        memcpy(inside + i * m, code + i * stride, m);
}

static int encode_mapped(const struct codec *c, const float *x, size_t n, float *room,
                         uint8_t *inside, uint8_t *code, struct err *e)
{
    const struct lean_codec *l = c->state;
    size_t m = l->inner->code_bytes;
    float *y = room + (size_t)CHUNK * c->dim, *norm = y + n * l->r;

    map_base(c, x, n, room, y, norm);
    if (!codec_all_finite(y, n * l->r))
        return err_set(e, ERR_INPUT, "%s: a vector is too large to be mapped", c->spec.text);
    if (l->inner->spec.kind->encode(l->inner, y, n, inside, e) < 0)
        return e->code;
    for (size_t i = 0; i < n; i++) {
        memcpy(code + i * (m + 4), inside + i * m, m);
        memcpy(code + i * (m + 4) + m, &norm[i], 4);
    }
    return 0;
}

static int leanvec_encode(const struct codec *c, const float *x, size_t n, uint8_t *code,
                          struct err *e)
{
    const struct lean_codec *l = c->state;
    float *room = mem_array((size_t)CHUNK * c->dim + n * ((size_t)l->r + 1), sizeof *room, e);
    uint8_t *inside = mem_array(n, l->inner->code_bytes, e);
    int rc = room && inside ? encode_mapped(c, x, n, room, inside, code, e) : e->code;

    free(room);
    free(inside);
    return rc;
}

static int leanvec_decode(const struct codec *c, const uint8_t *code, size_t n, float *x,
                          struct err *e)
{
    const struct lean_codec *l = c->state;
    size_t m = l->inner->code_bytes;
    float *y = mem_array(n, l->r * sizeof *y, e);
    uint8_t *inside = mem_array(n, m, e);
    int rc = y && inside ? 0 : e->code;

    if (rc == 0) {
        gather(code, m + 4, n, m, inside);
        rc = l->inner->spec.kind->decode(l->inner, inside, n, y, e);
    }
    if (rc == 0)
        linmap_apply(&l->from_a, y, n, x);
    for (size_t i = 0; rc == 0 && i < n * c->dim; i++)
        x[i] += l->mean[i % c->dim];
    free(y);
    free(inside);
    return rc;
}

/* ---- searching ---- */

/* A query: its head, q (less mu), Aq, the query of the codec inside. */
struct head {
    float add; /* to each key: |q - mu|^2, or -<q, mu> */
    bool l2;
};
enum { HEAD_BYTES = 64 };

static size_t round_64(size_t n)
{
    return (n + 63) / 64 * 64;
}

static size_t mapped_bytes(const struct codec *c)
{
    const struct lean_codec *l = c->state;

    return round_64(((size_t)c->dim + l->r) * sizeof(float));
}

static size_t leanvec_query_bytes(const struct codec *c)
{
    const struct lean_codec *l = c->state;

    return HEAD_BYTES + mapped_bytes(c) + l->inner->spec.kind->query_bytes(l->inner);
}

static void leanvec_query_init(const struct codec *c, enum vec_metric m, const float *q,
                               void *query)
{
    const struct lean_codec *l = c->state;
    struct head *h = query;
    float *centred = (float *)query + HEAD_BYTES / sizeof(float), *y = centred + c->dim;
    double along = 0;

    for (size_t j = 0; j < c->dim; j++) {
        along += (double)q[j] * (double)l->mean[j];
        centred[j] = m == VEC_L2 ? q[j] - l->mean[j] : q[j];
    }
    if (m == VEC_L2)
        *h = (struct head){(float)vec_norm2(centred, c->dim), true};
    else
        *h = (struct head){(float)-along, false};
    linmap_apply(&l->to_a, centred, 1, y);
    if (!codec_all_finite(y, l->r)) /* too large to be mapped: nothing tells vectors apart */
        memset(y, 0, l->r * sizeof *y);
    l->inner->spec.kind->query_init(l->inner, VEC_IP, y,
                                    (uint8_t *)query + HEAD_BYTES + mapped_bytes(c));
}

static size_t inner_packed(const struct codec *c, size_t n)
{
    const struct codec *inner = ((const struct lean_codec *)c->state)->inner;
    const struct codec_kind *k = inner->spec.kind;

    return round_64(k->packed_bytes ? k->packed_bytes(inner, n) : n * inner->code_bytes);
}

static size_t leanvec_packed_bytes(const struct codec *c, size_t n)
{
    return inner_packed(c, n) + n * sizeof(float);
}

static void leanvec_pack(const struct codec *c, const uint8_t *code, size_t stride, size_t n,
                         uint8_t *packed)
{
    const struct lean_codec *l = c->state;
    const struct codec_kind *k = l->inner->spec.kind;
    size_t m = l->inner->code_bytes;
    uint8_t *norm = packed + inner_packed(c, n);

    for (size_t i = 0; i < n; i++)
        memcpy(norm + 4 * i, code + i * stride + m, 4);
    if (k->pack)
        k->pack(l->inner, code, stride, n, packed);
    else
        gather(code, stride, n, m, packed);
}

static void scan_some(const struct codec *c, const void *const *query, size_t nq,
                      const uint8_t *packed, size_t n, float *key, size_t ld)
{
    const struct lean_codec *l = c->state;
    const float *norm = (const float *)(const void *)(packed + inner_packed(c, n));
    const void *inside[QUERIES];

    for (size_t k = 0; k < nq; k++)
        inside[k] = (const uint8_t *)query[k] + HEAD_BYTES + mapped_bytes(c);
    l->inner->spec.kind->scan(l->inner, inside, nq, packed, n, key, NULL, ld);
    for (size_t k = 0; k < nq; k++, key += ld) {
        const struct head h = *(const struct head *)query[k];

        if (h.l2)
            for (size_t i = 0; i < n; i++)
                key[i] = h.add + norm[i] + 2 * key[i];
        else
            for (size_t i = 0; i < n; i++)
                key[i] += h.add;
    }
}

static void leanvec_scan(const struct codec *c, const void *const *query, size_t nq,
                         const uint8_t *packed, size_t n, float *key, float *low, size_t ld)
{
    (void)low;
    for (size_t k = 0; k < nq; k += QUERIES)
        scan_some(c, query + k, nq - k < QUERIES ? nq - k : QUERIES, packed, n, key + k * ld, ld);
}

const struct codec_kind codec_leanvec = {
    .name = "leanvec",
    .forms = "leanvecD+CODEC, leanvecD:" LEAN_METHOD_NAMES "+CODEC",
    .what = "fewer dimensions by linear maps, then another codec",
    .sections = "MEAMPAMPB",
    .check = leanvec_check,
    .train = leanvec_train,
    .free = leanvec_free,
    .save = leanvec_save,
    .load = leanvec_load,
    .encode = leanvec_encode,
    .decode = leanvec_decode,
    .query_bytes = leanvec_query_bytes,
    .query_init = leanvec_query_init,
    .packed_bytes = leanvec_packed_bytes,
    .pack = leanvec_pack,
    .scan = leanvec_scan,
};
