/* knn_scan.c - all pairs of some rows and some queries, and the few that pass: see knn_int.h.
 *
 * Rows go by in pieces that stay in the second-level cache while every panel meets them; TILE_ROWS
 * of them at a time, so that the products of a tile are still in the first level when the filter
 * reads them.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "vec/knn_int.h"

enum {
    SUB_BYTES = 256 << 10,
    TILE_ROWS = 56,            /* whole micro-tiles of 14 */
    SUB_LEAST = 2 * TILE_ROWS, /* and whole groups of 16 */
    SUB_MOST = TILE_ROWS * 64,
    FEW_ROWS = 4 *
               SUB_LEAST, /* that few queries meet: the filter, which lets memory wait, is short */
};

/* The next part of `bytes` bytes, at a multiple of 64; base NULL: only counted. */
static void *part(unsigned char *base, size_t *at, size_t bytes)
{
    unsigned char *p = base ? base + *at : NULL;

    *at += (bytes + 63) / 64 * 64;
    return p;
}

/* Lays the parts out from `base`; returns their size. */
static size_t lay(struct knn_work *w, const struct knn *s, unsigned char *base)
{
    size_t at = 0, n = w->sub, cap = s->o.k < 32 ? 32 : s->o.k,
           lines = knn_is_few(s) ? s->queries : 0;
    size_t products = lines * n > TILE_ROWS * PANEL ? lines * n : (size_t)TILE_ROWS * PANEL;
    int convert = s->query_type == VEC_F32 && s->base_type != VEC_F32;

    w->rows = part(base, &at, convert ? n * s->dim * sizeof(float) : 0);
    w->a = part(base, &at, n * sizeof(float));
    w->b = part(base, &at, n * sizeof(float));
    w->norm2 = part(base, &at, n * sizeof(float));
    w->sum = part(base, &at, n * sizeof(int32_t));
    w->first = part(base, &at, n * sizeof(int32_t));
    w->inorm2 = part(base, &at, n * sizeof(int32_t));
    w->products = part(base, &at, products * 4);
    w->hits = part(base, &at, n * sizeof *w->hits);
    w->fresh = part(base, &at, cap * sizeof *w->fresh);
    w->merged = part(base, &at, cap * sizeof *w->merged);
    w->row = part(base, &at, s->dim * sizeof(float));
    return at;
}

int knn_work_init(struct knn_work *w, const struct knn *s, struct err *e)
{
    size_t row = s->dim * (s->query_type == VEC_F32 ? sizeof(float) : 1), n = SUB_BYTES / row;

    *w = (struct knn_work){.bad = UINT64_MAX, .t = 1};
    n = n / SUB_LEAST * SUB_LEAST;
    w->sub = n < SUB_LEAST ? SUB_LEAST : n > SUB_MOST ? SUB_MOST : n;
    w->base_size = lay(w, s, NULL);
    w->base = mem_map(w->base_size, e);
    if (!w->base)
        return e->code;
    lay(w, s, w->base);
    for (size_t i = 0; i < w->sub; i++)
        w->a[i] = 1; /* for ever, but where angles count */
    return 0;
}

void knn_work_free(struct knn_work *w)
{
    if (w->base)
        mem_unmap(w->base, w->base_size);
    *w = (struct knn_work){0};
}

/* ---- rows ---- */

/* A piece of the block, ready to be multiplied. */
struct piece {
    const unsigned char *p;
    size_t stride, n;
    uint32_t at; /* its first row in the block */
};

static struct piece take(const struct knn *s, struct knn_work *w, const struct knn_block *b,
                         uint32_t at, size_t n)
{
    const unsigned char *p = vec_row(&b->rows, at);
    struct piece piece = {p, b->rows.stride, n, at};

    if (s->query_type != VEC_F32 || b->rows.type == VEC_F32)
        return piece;
    for (size_t i = 0; i < n; i++)
        ops_to_f32(s->ops, b->rows.type, p + i * b->rows.stride, s->dim, w->rows + i * s->dim);
    piece.p = (const unsigned char *)w->rows;
    piece.stride = s->dim * sizeof(float);
    return piece;
}

/* Norms that are no ordinary numbers: is it the row (bad), or only its size (computed in double)?
 */
static void odd_rows(const struct knn *s, struct knn_work *w, const struct piece *p, size_t from,
                     size_t to)
{
    for (size_t i = from; i < to; i++) {
        const unsigned char *row = p->p + i * p->stride;
        bool finite = true, zero = true;

        if (w->norm2[i] < 0x1p120f && (w->norm2[i] > 0x1p-100f || s->o.metric != VEC_COSINE))
            continue;
        for (uint32_t k = 0; s->query_type == VEC_F32 && k < s->dim; k++) {
            float v;
            memcpy(&v, row + 4 * (size_t)k, 4);
            finite = finite && isfinite(v);
            zero = zero && v == 0;
        }
        if ((!finite || (zero && s->o.metric == VEC_COSINE)) && p->at + i < w->bad)
            w->bad = p->at + i;
        w->b[i] = NAN;
    }
}

/* Norms, and `first` of the tiles of bytes. */
static void take_norms(const struct knn *s, struct knn_work *w, const struct piece *p, size_t from,
                       size_t to)
{
    const unsigned char *rows = p->p + from * p->stride;

    if (s->query_type == VEC_F32) {
        s->ops->norms_f32(rows, p->stride, to - from, s->dim, w->norm2 + from);
        return;
    }
    s->ops->norms_bytes(rows, s->base_type, p->stride, to - from, s->dim, w->sum + from,
                        w->inorm2 + from);
    for (size_t i = from; i < to; i++) {
        w->norm2[i] = (float)w->inorm2[i];
        w->first[i] = ops_tile_first(s->base_type, s->query_type, w->sum[i]);
    }
}

/* b is by * norm2 - off (knn_int.h), with t where products count. */
static void factors(const struct knn *s, float t, float *by, float *off)
{
    const float c4 = (float)(4 * s->error), tiny = (float)OPS_DOT_TINY(s->dim);

    *by = s->o.metric == VEC_L2 ? 1 - c4 : s->o.metric == VEC_IP ? -c4 / (2 * t) : 0;
    *off = s->o.metric == VEC_L2 ? tiny : s->o.metric == VEC_IP ? c4 / 2 * t + tiny : 0;
}

/* a and b of a piece's rows [from, to), whose norms are there. */
static void weigh(const struct knn *s, struct knn_work *w, const struct piece *p, size_t from,
                  size_t to)
{
    const float *norm2 = w->norm2 + from;
    size_t n = to - from;
    float by, off;
    bool odd;

    w->t = sqrtf(s->ops->longest(norm2, n, &odd)) + 0x1p-49f;
    factors(s, w->t, &by, &off);
    s->ops->bounds(norm2, n, by, off, w->b + from);
    if (s->o.metric == VEC_COSINE)
        s->ops->inverse_roots(norm2, n, w->a + from);
    if (odd)
        odd_rows(s, w, p, from, to);
}

/* ---- products ---- */

/* The key of query q and row i of a piece, whose product is p: of integers, which double holds as
 * they are, so it is what knn_key() gives. */
static double int_key(const struct knn *s, const struct knn_work *w, size_t q, size_t i, int32_t p)
{
    double d, n2 = (double)w->inorm2[i];

    if (s->o.metric == VEC_L2)
        return n2 - 2.0 * p + s->norm2[q];
    if (s->o.metric == VEC_IP)
        return 0.0 - p;
    d = 1 - p / (sqrt(n2) * s->norm[q]);
    return d > 0 ? d : 0;
}

/* Query q meets line `at` of a tile whose first row is row i of the piece. */
static void tile_candidate(const struct knn *s, struct knn_lists *l, struct knn_work *w,
                           const struct knn_block *b, const struct piece *p, size_t i, size_t at,
                           size_t q)
{
    const int32_t *products = w->products;
    double key = l->key ? int_key(s, w, q, i + at, products[at * PANEL + q % PANEL]) : 0;

    knn_candidate(s, l, w, b, q, p->at + (uint32_t)(i + at), key);
}

static void tile(const struct knn *s, struct knn_lists *l, struct knn_work *w,
                 const struct knn_block *b, const struct piece *p, size_t panel, bool fresh)
{
    const void *packed = s->packed + panel * s->panel_size;
    const float *mul = s->mul + panel * PANEL, *limit = l->limit + panel * PANEL;

    for (size_t i = 0; i < p->n; i += TILE_ROWS) {
        size_t n = p->n - i < TILE_ROWS ? p->n - i : TILE_ROWS, found;
        const unsigned char *rows = p->p + i * p->stride;

        if (fresh) {
            take_norms(s, w, p, i, i + n);
            weigh(s, w, p, i, i + n);
        }
        if (w->bad != UINT64_MAX)
            return;
        if (s->query_type == VEC_F32)
            s->ops->tile_f32(rows, p->stride, n, packed, s->dim, w->products);
        else if (s->base_type == VEC_U8)
            s->ops->tile_us(rows, p->stride, n, packed, s->dim, w->first + i, w->products);
        else
            s->ops->tile_su(rows, p->stride, n, packed, s->dim, w->first + i, w->products);
        found = (s->query_type == VEC_F32) ? s->ops->tile_below_f32(w->products, n, w->a + i,
                                                                    w->b + i, mul, limit, w->hits)
                                           : s->ops->tile_below_i32(w->products, n, w->a + i,
                                                                    w->b + i, mul, limit, w->hits);
        for (size_t h = 0; h < found; h++)
            for (uint32_t lanes = w->hits[h].lanes; lanes; lanes &= lanes - 1) {
                size_t q = panel * PANEL + (unsigned)__builtin_ctz(lanes);
                if (q < s->queries)
                    tile_candidate(s, l, w, b, p, i, w->hits[h].at, q);
            }
    }
}

/* The products of all queries with a piece, a line a query, and the norms. */
static void lines(const struct knn *s, struct knn_work *w, const struct piece *p)
{
    if (s->query_type == VEC_F32) {
        s->ops->dots_f32(p->p, p->stride, p->n, s->packed, s->queries, s->dim, w->products, p->n,
                         w->norm2);
        return;
    }
    s->ops->dots_bytes(p->p, s->base_type, p->stride, p->n, s->packed, s->query_type, s->queries,
                       s->dim, w->products, p->n);
    take_norms(s, w, p, 0, p->n);
}

/* Query q's products with n rows from `at` on: which pass? */
static void pass_line(const struct knn *s, struct knn_lists *l, struct knn_work *w,
                      const struct knn_block *b, uint32_t at, size_t n, size_t q, const float *a,
                      float mul, bool ints)
{
    const float *products = (const float *)w->products + q * n;
    size_t found = ints ? s->ops->line_below_i32((const int32_t *)(const void *)products, n, a,
                                                 w->b, mul, l->limit[q], w->hits)
                        : s->ops->line_below_f32(products, n, a, w->b, mul, l->limit[q], w->hits);

    for (size_t h = 0; h < found; h++)
        for (uint32_t lanes = w->hits[h].lanes; lanes; lanes &= lanes - 1) {
            uint32_t i = w->hits[h].at + (uint32_t)__builtin_ctz(lanes);
            double key = l->key ? int_key(s, w, q, i, ((const int32_t *)w->products)[q * n + i])
                                : 0;

            knn_candidate(s, l, w, b, q, at + i, key);
        }
}

/* Few queries and the rows of a piece. Mostly none passes, which takes one look at the products. */
static void scan_few(const struct knn *s, struct knn_lists *l, struct knn_work *w,
                     const struct knn_block *b, const struct piece *p)
{
    const float *a = s->o.metric == VEC_COSINE ? w->a : NULL;
    uint32_t found = ~0u;
    float by, off;

    lines(s, w, p);
    if (s->query_type == VEC_F32) {
        if (a)
            s->ops->inverse_roots(w->norm2, p->n, w->a);
        factors(s, w->t, &by, &off);
        found = s->ops->any_below(w->products, p->n, s->queries, w->norm2, a, by, off, s->mul,
                                  l->limit);
        if (!found)
            return;
    }
    weigh(s, w, p, 0, p->n);
    for (size_t q = 0; w->bad == UINT64_MAX && q < s->queries; q++)
        if (found >> q & 1) {
            pass_line(s, l, w, b, p->at, p->n, q, w->a, s->mul[q], s->query_type != VEC_F32);
            if (s->query_type == VEC_F32)
                knn_settle(s, l, w, b, q); /* while the rows are near, and limits help the next */
        }
}

static void ask_for(const float *p, size_t n)
{
    for (size_t i = 0; i < n; i += 16)
        __builtin_prefetch(p + i);
}

/* The same of a sketch's codes. What belongs to rows comes while their codes are multiplied. */
static void scan_sketch(const struct knn *s, struct knn_lists *l, struct knn_work *w,
                        const struct knn_block *b, uint32_t at, size_t n)
{
    const struct sketch *k = s->sketch;
    enum vec_metric metric = s->o.metric;
    uint64_t row = b->first + at;

    ask_for(k->lo + row, n);
    ask_for(k->step + row, n);
    ask_for(k->norm + row, n);
    s->ops->dots_bytes(k->code + row * s->dim, VEC_U8, s->dim, n, s->signs, VEC_I8, s->queries,
                       s->dim, w->products, n);
    for (size_t q = 0; q < s->queries; q++) {
        const float *a = sketch_weigh(k, s->ops, &s->coded[q], metric, s->scale[q], row, n, w->a,
                                      w->b);
        pass_line(s, l, w, b, at, n, q, a, sketch_mul(&s->coded[q], metric, s->scale[q]), true);
    }
}

void knn_scan(const struct knn *s, struct knn_lists *l, struct knn_work *w,
              const struct knn_block *b, uint32_t from, uint32_t to, size_t p0, size_t p1)
{
    bool few = knn_is_few(s) && s->query_type == VEC_F32;
    size_t most = few && w->sub > FEW_ROWS ? FEW_ROWS : w->sub;

    for (uint32_t at = from; at < to;) {
        size_t start = at - from < l->cap ? l->cap : at - from; /* which gives the first limits */
        size_t want = few && start < most ? start : most, n = to - at < want ? to - at : want;
        uint32_t next = at + (uint32_t)n;
        struct piece p;

        if (s->sketch) {
            scan_sketch(s, l, w, b, at, n);
            at = next;
            continue;
        }
        p = take(s, w, b, at, n);
        if (knn_is_few(s))
            scan_few(s, l, w, b, &p);
        for (size_t panel = p0; !knn_is_few(s) && panel < p1; panel++)
            tile(s, l, w, b, &p, panel, panel == p0);
        if (w->bad != UINT64_MAX)
            return;
        at = next;
    }
}
