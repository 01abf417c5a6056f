/* knn.c - see knn.h: queries made ready, and blocks shared out among threads. */
#include "vec/knn.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "vec/knn_int.h"

enum {
    SHARE_PANELS = 16, /* that one thread takes at a time through a whole block */
    ROW_PIECES = 4,    /* pieces of a block a thread, where rows are shared out */
};

/* ---- queries ---- */

/* Whole numbers that a byte type holds? VEC_F32: no. */
static enum vec_type byte_type(const float *v, size_t n)
{
    bool u8 = true, i8 = true;

    for (size_t i = 0; i < n && (u8 || i8); i++) {
        bool whole = v[i] >= -128 && v[i] <= 255 && v[i] == (float)(int)v[i];
        u8 = u8 && whole && v[i] >= 0;
        i8 = i8 && whole && v[i] <= 127;
    }
    return u8 ? VEC_U8 : i8 ? VEC_I8 : VEC_F32;
}

static int norms(struct knn *s, struct err *e)
{
    for (size_t i = 0; i < s->queries; i++) {
        const float *q = vec_matrix_row(&s->q, i);
        double n2 = s->ops->dot_f64(q, q, s->dim);

        if (!isfinite(n2))
            return err_set(e, ERR_INPUT, "query %llu has a component that is not finite",
                           (unsigned long long)(s->o.first_query + i));
        if (n2 == 0 && s->o.metric == VEC_COSINE)
            return err_set(e, ERR_INPUT, "query %llu is a zero vector, which has no cosine",
                           (unsigned long long)(s->o.first_query + i));
        s->norm2[i] = n2;
        s->norm[i] = sqrt(n2);
        s->scale[i] = n2 > 0 ? ldexp(1, ilogb(s->norm[i]) + 1) : 1;
    }
    return 0;
}

/* What a product is multiplied by: see knn_int.h. */
static float mul_of(const struct knn *s, size_t q)
{
    double scale = s->query_type == VEC_F32 ? s->scale[q] : 1; /* of the products */

    if (s->o.metric == VEC_L2)
        return (float)(-2 * scale);
    return (float)-(scale / (s->o.metric == VEC_IP ? s->scale[q] : s->norm[q]));
}

static int scale_queries(struct knn *s, struct err *e)
{
    if (vec_matrix_init(&s->scaled, s->queries, s->dim, e) < 0)
        return e->code;
    for (size_t i = 0; i < s->queries; i++)
        for (uint32_t k = 0; k < s->dim; k++)
            vec_matrix_row(&s->scaled,
                           i)[k] = (float)((double)vec_matrix_row(&s->q, i)[k] / s->scale[i]);
    return 0;
}

static int byte_queries(struct knn *s, struct err *e)
{
    unsigned char *to = s->bytes = mem_array(s->queries * s->dim, 1, e);

    if (!to)
        return e->code;
    for (size_t i = 0; i < s->queries * s->dim; i++)
        to[i] = (unsigned char)(int)s->q.v[i];
    return 0;
}

/* Panels, or few queries' strips, of what scaled or bytes hold; the scaled are needed no longer. */
static void pack_queries(struct knn *s)
{
    bool bytes = s->query_type != VEC_F32;
    unsigned char flip = ops_panel_flip(s->base_type, s->query_type);

    if (knn_is_few(s)) {
        s->ops->dots_pack(bytes ? s->bytes : s->scaled.v, s->query_type, s->queries, s->dim,
                          s->packed);
        return;
    }
    for (size_t p = 0; p < s->panels; p++) {
        size_t q = p * PANEL, n = s->queries - q < PANEL ? s->queries - q : PANEL;
        void *to = s->packed + p * s->panel_size;

        if (bytes)
            panel_pack_bytes((unsigned char *)s->bytes + q * s->dim, s->dim, n, s->dim, flip, to);
        else
            panel_pack_f32(vec_matrix_row(&s->scaled, q), s->dim * sizeof(float), n, s->dim, to);
    }
}

static int pack(struct knn *s, struct err *e)
{
    s->panel_size = s->query_type != VEC_F32 ? panel_bytes(s->dim)
                                             : (size_t)s->dim * PANEL * sizeof(float);
    s->packed_size = knn_is_few(s) ? dots_size(s->query_type, s->queries, s->dim)
                                   : s->panels * s->panel_size;
    s->packed = mem_map(s->packed_size, e);
    if (!s->packed)
        return e->code;
    pack_queries(s);
    vec_matrix_free(&s->scaled);
    return 0;
}

static int take_queries(struct knn *s, const struct vec_rows *rows, struct err *e)
{
    size_t whole = s->panels * PANEL;

    s->norm = mem_array(s->queries, sizeof *s->norm, e);
    s->norm2 = mem_array(s->queries, sizeof *s->norm2, e);
    s->scale = mem_array(s->queries, sizeof *s->scale, e);
    s->mul = mem_zero(whole, sizeof *s->mul, e);
    if (!s->norm || !s->norm2 || !s->scale || !s->mul ||
        vec_matrix_init(&s->q, s->queries, s->dim, e) < 0)
        return e->code;
    for (size_t i = 0; i < s->queries; i++)
        ops_to_f32(s->ops, rows->type, vec_row(rows, i), s->dim, vec_matrix_row(&s->q, i));
    if (norms(s, e) < 0)
        return e->code;
    if ((s->base_type == VEC_U8 || s->base_type == VEC_I8) && s->dim <= DOT_I32_DIM_MAX)
        s->query_type = byte_type(s->q.v, s->queries * s->dim);
    s->error = s->query_type == VEC_F32 ? OPS_DOT_ERROR(s->dim) : OPS_DOT_ERROR(0);
    for (size_t i = 0; i < s->queries; i++)
        s->mul[i] = mul_of(s, i);
    if ((s->query_type == VEC_F32 ? scale_queries(s, e) : byte_queries(s, e)) < 0)
        return e->code;
    return pack(s, e);
}

/* ---- life ---- */

static int set_up(struct knn *s, const struct vec_rows *queries, struct err *e)
{
    int threads = s->o.threads;

    if (take_queries(s, queries, e) < 0)
        return e->code;
    s->lists = mem_zero((size_t)s->teams, sizeof *s->lists, e);
    s->work = mem_zero((size_t)threads, sizeof *s->work, e);
    if (!s->lists || !s->work)
        return e->code;
    for (int t = 0; t < s->teams; t++)
        if (knn_lists_init(&s->lists[t], s->queries, s->o.k, s->query_type != VEC_F32, e) < 0)
            return e->code;
    for (int t = 0; t < threads; t++)
        if (knn_work_init(&s->work[t], s, e) < 0)
            return e->code;
    return 0;
}

int knn_open(struct knn **out, const struct knn_opts *o, const struct vec_rows *queries,
             enum vec_type type, struct err *e)
{
    struct knn *s = mem_zero(1, sizeof *s, e);

    *out = NULL;
    if (!s)
        return e->code;
    s->o = *o;
    if (s->o.threads < 1)
        s->o.threads = 1;
    s->ops = ops_for(o->cpu);
    s->dim = queries->dim;
    s->queries = queries->rows;
    s->panels = (s->queries + PANEL - 1) / PANEL;
    s->base_type = type;
    s->query_type = VEC_F32;
    s->teams = s->panels >= 4 * (size_t)s->o.threads ? 1 : s->o.threads;
    if (set_up(s, queries, e) < 0) {
        knn_close(s);
        return e->code;
    }
    *out = s;
    return 0;
}

int knn_use_sketch(struct knn *s, const struct sketch *sketch, struct err *e)
{
    int8_t *signs;

    if (s->o.metric == VEC_COSINE && sketch->head.first_zero != UINT64_MAX)
        return err_set(e, ERR_INPUT, "row %llu is a zero vector, which has no cosine",
                       (unsigned long long)sketch->head.first_zero);
    s->coded = mem_array(s->queries, sizeof *s->coded, e);
    signs = mem_array(s->queries, s->dim, e);
    s->signs_size = dots_size(VEC_I8, s->queries, s->dim);
    s->signs = mem_map(s->signs_size, e);
    if (!s->coded || !signs || !s->signs) {
        free(signs);
        return e->code;
    }
    for (size_t q = 0; q < s->queries; q++)
        sketch_query(&s->coded[q], vec_matrix_row(&s->q, q), s->dim, signs + q * s->dim);
    s->ops->dots_pack(signs, VEC_I8, s->queries, s->dim, s->signs);
    free(signs);
    s->sketch = sketch;
    return 0;
}

void knn_close(struct knn *s)
{
    if (!s)
        return;
    for (int t = 0; s->lists && t < s->teams; t++)
        knn_lists_free(&s->lists[t]);
    for (int t = 0; s->work && t < s->o.threads; t++)
        knn_work_free(&s->work[t]);
    if (s->packed)
        mem_unmap(s->packed, s->packed_size);
    if (s->signs)
        mem_unmap(s->signs, s->signs_size);
    vec_matrix_free(&s->q);
    vec_matrix_free(&s->scaled);
    free(s->bytes);
    free(s->coded);
    free(s->norm);
    free(s->norm2);
    free(s->scale);
    free(s->mul);
    free(s->lists);
    free(s->work);
    free(s);
}

uint64_t knn_query_bytes(const struct knn_opts *o, uint32_t dim)
{
    uint64_t k = o->k, cap = k < 32 ? 32 : k;

    return 16 * (uint64_t)dim + 64 + k * sizeof(struct knn_best) + cap * 12 + k * 12;
}

/* ---- blocks ---- */

/* Queries are many: each thread takes some panels through all rows. */
static void share_panels(struct knn *s, const struct knn_block *b)
{
    size_t threads = (size_t)s->o.threads, share = s->panels / (4 * threads);
    int64_t shares;

    share = share < 1 ? 1 : share > SHARE_PANELS ? SHARE_PANELS : share;
    shares = (int64_t)((s->panels + share - 1) / share);
#pragma omp parallel num_threads(s->o.threads) if (s->o.threads > 1)
    {
        struct knn_work *w = &s->work[omp_get_thread_num()];

#pragma omp for schedule(dynamic, 1)
        for (int64_t i = 0; i < shares; i++) {
            size_t p0 = (size_t)i * share, p1 = p0 + share < s->panels ? p0 + share : s->panels;

            knn_scan(s, &s->lists[0], w, b, 0, (uint32_t)b->rows.rows, p0, p1);
            for (size_t q = p0 * PANEL; q < p1 * PANEL && q < s->queries; q++)
                knn_settle(s, &s->lists[0], w, b, q);
        }
    }
}

/* Queries are few: each thread takes some rows to all of them, with lists of its own. */
static void share_rows(struct knn *s, const struct knn_block *b)
{
    uint64_t rows = b->rows.rows;
    size_t sub = s->work[0].sub;
    uint64_t size = rows / ((uint64_t)s->o.threads * ROW_PIECES) / sub * sub;
    int64_t pieces;

    size = s->o.threads == 1 ? rows : size < sub ? sub : size;
    pieces = (int64_t)((rows + size - 1) / size);
#pragma omp parallel num_threads(s->o.threads) if (s->o.threads > 1)
    {
        struct knn_work *w = &s->work[omp_get_thread_num()];
        struct knn_lists *l = &s->lists[omp_get_thread_num()];

#pragma omp for schedule(dynamic, 1)
        for (int64_t i = 0; i < pieces; i++) {
            uint64_t from = (uint64_t)i * size, to = rows - from < size ? rows : from + size;

            knn_scan(s, l, w, b, (uint32_t)from, (uint32_t)to, 0, s->panels);
        }
        for (size_t q = 0; q < s->queries; q++)
            knn_settle(s, l, w, b, q);
    }
}

/* The first row that is not fit: some thread met one. */
static int first_bad(const struct knn *s, const struct knn_block *b, struct err *e)
{
    for (uint64_t i = 0; i < b->rows.rows; i++) {
        uint64_t row = b->ids ? b->ids[i] : b->first + i;
        double n2;

        ops_to_f32(s->ops, b->rows.type, vec_row(&b->rows, i), s->dim, s->work[0].row);
        n2 = s->ops->dot_f64(s->work[0].row, s->work[0].row, s->dim);
        if (!isfinite(n2))
            return err_set(e, ERR_INPUT, "row %llu has a component that is not finite",
                           (unsigned long long)row);
        if (n2 == 0 && s->o.metric == VEC_COSINE)
            return err_set(e, ERR_INPUT, "row %llu is a zero vector, which has no cosine",
                           (unsigned long long)row);
    }
    return 0;
}

int knn_feed(struct knn *s, const struct vec_rows *rows, uint64_t first, const uint64_t *ids,
             struct err *e)
{
    struct knn_block b = {*rows, first, ids};

    while (b.rows.rows > UINT32_MAX) {
        struct vec_rows part = b.rows;

        part.rows = UINT32_MAX;
        if (knn_feed(s, &part, b.first, b.ids, e) < 0)
            return e->code;
        b.rows.p += part.rows * part.stride;
        b.rows.rows -= part.rows;
        b.first += part.rows;
        b.ids = b.ids ? b.ids + part.rows : NULL;
    }
    if (!b.rows.rows || !s->queries)
        return 0;
    if (s->teams == 1)
        share_panels(s, &b);
    else
        share_rows(s, &b);
    for (int t = 0; t < s->o.threads; t++)
        if (s->work[t].bad != UINT64_MAX)
            return first_bad(s, &b, e);
    return 0;
}

void knn_results(struct knn *s, uint64_t *id, float *score)
{
    const struct knn_lists *l = &s->lists[0];
    uint32_t k = s->o.k;

    for (size_t q = 0; q < s->queries; q++) {
        knn_join(s, q);
        for (uint32_t i = 0; i < k; i++) {
            const struct knn_best *x = &l->best[q * k + i];
            bool is = i < l->have[q];

            id[q * k + i] = is ? x->row : NEIGH_NONE;
            score[q * k + i] = !is ? NAN : (float)(s->o.metric == VEC_IP ? 0.0 - x->key : x->key);
        }
    }
}
