/* knn_lists.c - the best of each query, and those that may become it: see knn_int.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "vec/knn_int.h"

enum {
    CAP_LEAST = 32,
    RUN = 8,
    ASK_BYTES = 512, /* of a row: from there on the processor sees a stream */
};

int knn_lists_init(struct knn_lists *l, size_t queries, uint32_t k, bool ints, struct err *e)
{
    size_t whole = (queries + PANEL - 1) / PANEL * PANEL, places, waiting;

    *l = (struct knn_lists){.queries = queries, .k = k, .cap = k < CAP_LEAST ? CAP_LEAST : k};
    if (__builtin_mul_overflow(queries, (size_t)k, &places) ||
        __builtin_mul_overflow(queries, (size_t)l->cap, &waiting))
        return err_set(e, ERR_MEM, "%u neighbours of %zu queries do not fit into memory", k,
                       queries);
    l->best = mem_array(places, sizeof *l->best, e);
    l->cand = mem_array(waiting, sizeof *l->cand, e);
    l->have = mem_zero(queries, sizeof *l->have, e);
    l->wait = mem_zero(queries, sizeof *l->wait, e);
    l->limit = mem_array(whole, sizeof *l->limit, e);
    l->key = ints ? mem_array(waiting, sizeof *l->key, e) : NULL;
    if (!l->best || !l->cand || !l->have || !l->wait || !l->limit || (ints && !l->key)) {
        knn_lists_free(l);
        return e->code;
    }
    for (size_t q = 0; q < whole; q++)
        l->limit[q] = q < queries ? INFINITY : -INFINITY;
    return 0;
}

void knn_lists_free(struct knn_lists *l)
{
    free(l->best);
    free(l->cand);
    free(l->have);
    free(l->wait);
    free(l->limit);
    free(l->key);
    *l = (struct knn_lists){0};
}

static inline bool before(const struct knn_best *a, const struct knn_best *b)
{
    return a->key < b->key || (a->key == b->key && a->row < b->row);
}

static void insertion(struct knn_best *v, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct knn_best x = v[i];
        size_t j = i;

        for (; j && before(&x, &v[j - 1]); j--)
            v[j] = v[j - 1];
        v[j] = x;
    }
}

/* The first `most` of two sorted lists; returns how many there are. */
static size_t merge(const struct knn_best *a, size_t na, const struct knn_best *b, size_t nb,
                    struct knn_best *out, size_t most)
{
    size_t i = 0, j = 0, n = 0;

    while (n < most && (i < na || j < nb))
        out[n++] = j == nb || (i < na && before(&a[i], &b[j])) ? a[i++] : b[j++];
    return n;
}

/* Runs of RUN, then merges of twice, four times... the length between v and spare. */
static void sort(struct knn_best *v, size_t n, struct knn_best *spare)
{
    struct knn_best *from = v, *to = spare;

    for (size_t i = 0; i < n; i += RUN)
        insertion(v + i, n - i < RUN ? n - i : RUN);
    for (size_t len = RUN; len < n; len *= 2) {
        struct knn_best *swap = from;

        for (size_t i = 0; i < n; i += 2 * len) {
            size_t na = n - i < len ? n - i : len, nb = n - i - na < len ? n - i - na : len;
            merge(from + i, na, from + i + na, nb, to + i, na + nb);
        }
        from = to;
        to = swap;
    }
    if (from != v)
        memcpy(v, from, n * sizeof *v);
}

double knn_key(const struct vec_ops *ops, enum vec_metric metric, const void *row, const float *q,
               uint32_t dim, double norm)
{
    double d;

    if (metric == VEC_L2)
        return ops->l2_f64(row, q, dim);
    d = ops->dot_f64(row, q, dim);
    if (metric == VEC_IP)
        return 0.0 - d;
    d = 1 - d / (sqrt(ops->dot_f64(row, row, dim)) * norm);
    return d > 0 ? d : 0;
}

static double key_of(const struct knn *s, struct knn_work *w, const struct vec_rows *rows, size_t q,
                     uint32_t at)
{
    const void *row = vec_row(rows, at);
    const float *query = vec_matrix_row(&s->q, q);

    if (rows->type != VEC_F32 || s->o.metric == VEC_COSINE) {
        ops_to_f32(s->ops, rows->type, row, s->dim, w->row);
        row = w->row;
    }
    return knn_key(s->ops, s->o.metric, row, query, s->dim, s->norm[q]);
}

/* Above which lower bound (knn_int.h) a pair cannot belong to the best, which are k. */
static float limit_of(const struct knn *s, size_t q, double worst)
{
    double norm = s->norm[q], scale = s->scale[q], limit;

    if (scale > 0x1p100 || scale < 0x1p-100)
        return INFINITY;
    if (s->o.metric == VEC_L2) {
        limit = worst - norm * norm;
        limit += 4 * s->error * norm * norm + 2 * scale * OPS_DOT_TINY(s->dim) +
                 0x1p-40 * (fabs(worst) + norm * norm);
    } else if (s->o.metric == VEC_IP) {
        limit = worst / scale;
        limit += OPS_DOT_TINY(s->dim) + 0x1p-40 * fabs(limit);
    } else {
        limit = worst - 1 + 4 * s->error;
    }
    return nextafterf((float)limit, INFINITY);
}

void knn_settle(const struct knn *s, struct knn_lists *l, struct knn_work *w,
                const struct knn_block *b, size_t q)
{
    struct knn_best *best = l->best + q * l->k, *end = best + l->k - 1;
    const uint32_t *cand = l->cand + q * l->cap;
    uint32_t have = l->have[q];
    size_t n = 0;

    for (uint32_t i = 0; i < l->wait[q]; i++) {
        struct knn_best x = {l->key ? l->key[q * l->cap + i] : key_of(s, w, &b->rows, q, cand[i]),
                             b->ids ? b->ids[cand[i]] : b->first + cand[i]};
        if (have < l->k || before(&x, end))
            w->fresh[n++] = x;
    }
    l->wait[q] = 0;
    if (!n)
        return;
    sort(w->fresh, n, w->merged);
    l->have[q] = (uint32_t)merge(best, have, w->fresh, n, w->merged, l->k);
    memcpy(best, w->merged, l->have[q] * sizeof *best);
    if (l->have[q] == l->k)
        l->limit[q] = limit_of(s, q, end->key);
}

/* A row that only its code has brought near, and that will be computed soon. */
static void ask_for(const struct vec_rows *rows, uint32_t at)
{
    const unsigned char *row = vec_row(rows, at);
    size_t size = rows->dim * vec_type_size(rows->type);

    for (size_t k = 0; k < size && k < ASK_BYTES; k += 64)
        __builtin_prefetch(row + k);
}

void knn_candidate(const struct knn *s, struct knn_lists *l, struct knn_work *w,
                   const struct knn_block *b, size_t q, uint32_t at, double key)
{
    if (s->sketch)
        ask_for(&b->rows, at);
    if (l->key)
        l->key[q * l->cap + l->wait[q]] = key;
    l->cand[q * l->cap + l->wait[q]++] = at;
    if (l->wait[q] == l->cap)
        knn_settle(s, l, w, b, q);
}

void knn_join(struct knn *s, size_t q)
{
    struct knn_lists *to = &s->lists[0];
    struct knn_best *best = to->best + q * to->k, *merged = s->work[0].merged;

    for (int t = 1; t < s->teams; t++) {
        const struct knn_lists *l = &s->lists[t];

        to->have[q] = (uint32_t)merge(best, to->have[q], l->best + q * l->k, l->have[q], merged,
                                      to->k);
        memcpy(best, merged, to->have[q] * sizeof *best);
        s->lists[t].have[q] = 0;
    }
    if (to->have[q] == to->k)
        to->limit[q] = limit_of(s, q, best[to->k - 1].key);
}
