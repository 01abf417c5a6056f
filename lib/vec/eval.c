/* eval.c - see eval.h: what a codec loses and what it finds. The stopwatch is in eval_speed.c. */
#include "vec/eval.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "vec/eval_int.h"
#include "vec/knn.h"
#include "vec/neigh.h"

enum { PAIR_QUERIES = 100 };

/* The key in double, in one fixed order: l2, or minus the product. */
static double true_key(enum vec_metric m, const float *x, const float *q, uint32_t dim)
{
    double part[4] = {0};
    uint32_t j = 0;

    for (; j + 4 <= dim; j += 4)
        for (int l = 0; l < 4; l++) {
            double a = x[j + (uint32_t)l], b = q[j + (uint32_t)l];

            part[l] += m == VEC_L2 ? (a - b) * (a - b) : -a * b;
        }
    for (; j < dim; j++) {
        double a = x[j], b = q[j];

        part[0] += m == VEC_L2 ? (a - b) * (a - b) : -a * b;
    }
    return (part[0] + part[1]) + (part[2] + part[3]);
}

/* ---- prepared queries ---- */

int eval_prepare(struct eval_queries *s, const struct codec *c, enum vec_metric m, const float *q,
                 size_t n, struct err *e)
{
    size_t bytes = (codec_query_bytes(c) + 63) / 64 * 64;

    *s = (struct eval_queries){.bytes = bytes, .n = n};
    s->p = codec_array(n, bytes, e);
    s->at = mem_array(n, sizeof *s->at, e);
    if (!s->p || !s->at) {
        eval_forget(s);
        return e->code;
    }
    for (size_t i = 0; i < n; i++) {
        s->at[i] = s->p + i * bytes;
        codec_query(c, m, q + i * c->dim, s->p + i * bytes);
    }
    return 0;
}

void eval_forget(struct eval_queries *s)
{
    free(s->p);
    free(s->at);
    *s = (struct eval_queries){0};
}

/* ---- what decoding loses ---- */

static int squared_error(struct eval_result *r, const struct eval *v, struct err *e)
{
    const struct codec *c = v->c;
    size_t batch = (size_t)v->o->threads * CODEC_BLOCK, dim = c->dim;
    float *back = mem_array(batch, dim * sizeof *back, e);
    double error = 0, energy = 0;
    int rc = back ? 0 : e->code;

    for (uint64_t from = 0; rc == 0 && from < v->d->rows; from += batch) {
        size_t n = v->d->rows - from < batch ? v->d->rows - from : batch;
        const float *x = v->d->base + from * dim;

        rc = codec_decode(c, v->codes + from * c->code_bytes, n, back, v->o->threads, e);
        for (size_t i = 0; i < n * dim; i++) {
            double off = (double)x[i] - (double)back[i];

            error += off * off;
            energy += (double)x[i] * (double)x[i];
        }
    }
    free(back);
    r->mse = v->d->rows ? error / (double)v->d->rows : NAN;
    r->mse_rel = error / energy;
    return rc;
}

/* ---- inner products and bounds, of pairs ---- */

/* Sums over pairs: products t, estimates t + e, lengths |q| |x|. */
struct sums {
    double n, t, tt, e, ee, te, len2;
    double bounds, broken;
};

struct sample {
    float *x; /* [n][dim] of the base, and its codes */
    uint8_t *codes;
    size_t n;
    float *q; /* [nq][dim] */
    size_t nq;
    struct codec_list list;
};

static void sample_free(struct sample *s)
{
    free(s->x);
    free(s->codes);
    free(s->q);
    codec_list_free(&s->list);
}

/* Evenly spread queries and vectors. */
static int sample_init(struct sample *s, const struct eval *v, struct err *e)
{
    const struct codec *c = v->c;
    const struct eval_data *d = v->d;
    size_t row = c->dim * sizeof(float);
    uint64_t each;

    *s = (struct sample){.nq = d->n_queries < PAIR_QUERIES ? d->n_queries : PAIR_QUERIES};
    each = s->nq ? (v->o->pairs + s->nq - 1) / s->nq : 0;
    s->n = each < d->rows ? each : d->rows;
    s->x = mem_array(s->n, row, e);
    s->q = mem_array(s->nq, row, e);
    s->codes = mem_array(s->n, c->code_bytes, e);
    if (!s->x || !s->q || !s->codes)
        return e->code;
    for (uint64_t i = 0; i < s->n; i++) {
        uint64_t at = (uint64_t)((__uint128_t)i * d->rows / s->n);

        memcpy(s->x + i * c->dim, d->base + at * c->dim, row);
        memcpy(s->codes + i * c->code_bytes, v->codes + at * c->code_bytes, c->code_bytes);
    }
    for (uint64_t i = 0; i < s->nq; i++)
        memcpy(s->q + i * c->dim, d->queries + i * d->n_queries / s->nq * c->dim, row);
    return codec_list_init(&s->list, c, s->codes, s->n, v->o->threads, e);
}

static void add_products(struct sums *s, const struct sample *p, const float *q, const float *key,
                         uint32_t dim)
{
    double q2 = vec_norm2(q, dim);

    for (size_t i = 0; i < p->n; i++) {
        const float *x = p->x + i * dim;
        double t = -true_key(VEC_IP, x, q, dim), off = -(double)key[i] - t;

        s->n++;
        s->t += t;
        s->tt += t * t;
        s->e += off;
        s->ee += off * off;
        s->te += t * off;
        s->len2 += q2 * vec_norm2(x, dim);
    }
}

static void add_bounds(struct sums *s, const struct sample *p, enum vec_metric m, const float *q,
                       const float *low, uint32_t dim)
{
    for (size_t i = 0; i < p->n; i++) {
        s->bounds++;
        s->broken += (double)low[i] > true_key(m, p->x + i * dim, q, dim);
    }
}

/* Of one query; `low` is NULL where there are no bounds. */
static void sum_query(struct sums *s, const struct eval *v, const struct sample *p, size_t i,
                      const struct eval_queries *ip, const struct eval_queries *own, float *key,
                      float *low)
{
    const float *q = p->q + i * v->c->dim;

    codec_list_scan(v->c, &p->list, &ip->at[i], 1, key, NULL);
    add_products(s, p, q, key, v->c->dim);
    if (!low)
        return;
    codec_list_scan(v->c, &p->list, &own->at[i], 1, key, low);
    add_bounds(s, p, v->metric, q, low, v->c->dim);
}

/* Sums a query each, so that the threads do not matter. */
static int sum_pairs(struct sums *s, const struct eval *v, const struct sample *p,
                     const struct eval_queries *ip, const struct eval_queries *own, struct err *e)
{
    int team = v->o->threads;
    float *keys = mem_array((size_t)team * p->n, 2 * sizeof *keys, e);

    if (!keys)
        return e->code;
#pragma omp parallel for schedule(dynamic) num_threads(team)
    for (size_t i = 0; i < p->nq; i++) {
        float *key = keys + (size_t)omp_get_thread_num() * 2 * p->n;

        sum_query(&s[i], v, p, i, ip, own, key, v->c->spec.kind->bounds ? key + p->n : NULL);
    }
    free(keys);
    return 0;
}

static void judge_pairs(struct eval_result *r, const struct sums *s, size_t nq)
{
    struct sums a = {0};

    for (size_t i = 0; i < nq; i++) {
        a.n += s[i].n;
        a.t += s[i].t;
        a.tt += s[i].tt;
        a.e += s[i].e;
        a.ee += s[i].ee;
        a.te += s[i].te;
        a.len2 += s[i].len2;
        a.bounds += s[i].bounds;
        a.broken += s[i].broken;
    }
    r->ip_rms = sqrt(a.ee / a.n);
    r->ip_rel = r->ip_rms / sqrt(a.len2 / a.n);
    r->ip_bias = a.e / a.n / sqrt(a.len2 / a.n);
    r->ip_slope = 1 + (a.n * a.te - a.e * a.t) / (a.n * a.tt - a.t * a.t);
    r->low_bad = a.bounds > 0 ? a.broken / a.bounds : NAN;
}

static int pair_errors(struct eval_result *r, const struct eval *v, struct err *e)
{
    struct eval_queries ip = {0}, own = {0};
    struct sums *s = mem_zero(PAIR_QUERIES, sizeof *s, e);
    struct sample p = {0};
    int rc = s ? sample_init(&p, v, e) : e->code;

    if (rc == 0)
        rc = eval_prepare(&ip, v->c, VEC_IP, p.q, p.nq, e);
    if (rc == 0)
        rc = eval_prepare(&own, v->c, v->metric, p.q, p.nq, e);
    if (rc == 0)
        rc = sum_pairs(s, v, &p, &ip, &own, e);
    if (rc == 0)
        judge_pairs(r, s, p.nq);
    eval_forget(&ip);
    eval_forget(&own);
    sample_free(&p);
    free(s);
    return rc;
}

/* ---- what searching finds ---- */

struct cand {
    double key;
    uint64_t row;
};

/* The best so far, in order; all of `most` once they are full. */
struct best {
    struct cand *v;
    size_t n, most;
};

static bool before(double key, uint64_t row, const struct cand *c)
{
    return key < c->key || (key == c->key && row < c->row);
}

static void offer(struct best *b, double key, uint64_t row)
{
    size_t at = b->n;

    if (at == b->most) {
        if (!before(key, row, &b->v[at - 1]))
            return;
        at--;
    } else {
        b->n++;
    }
    for (; at > 0 && before(key, row, &b->v[at - 1]); at--)
        b->v[at] = b->v[at - 1];
    b->v[at] = (struct cand){key, row};
}

/* How many of the true k are among the first k of b. */
static uint64_t hits(const struct best *b, const uint64_t *truth, uint32_t k)
{
    uint64_t found = 0;

    for (uint32_t i = 0; i < k && truth[i] != NEIGH_NONE; i++)
        for (size_t j = 0; j < b->n && j < k; j++)
            found += b->v[j].row == truth[i];
    return found;
}

/* What one query finds: by keys alone at [0], after that by each re-ranking. */
static void judge_query(const struct eval *v, uint64_t query, const struct best *b,
                        struct best *again, uint64_t *found)
{
    const struct eval_data *d = v->d;
    const uint64_t *truth = d->truth + query * d->truth_k;
    const float *q = d->queries + query * v->c->dim;

    found[0] += hits(b, truth, v->o->k);
    for (size_t r = 0; r < v->o->reranks; r++) {
        again->n = 0;
        for (size_t i = 0; i < b->n && i < v->o->rerank[r]; i++) {
            uint64_t row = b->v[i].row;

            offer(again, true_key(v->metric, d->base + row * v->c->dim, q, v->c->dim), row);
        }
        found[1 + r] += hits(again, truth, v->o->k);
    }
}

struct searcher {
    struct best best[EVAL_BATCH], again;
    float *key; /* [EVAL_BATCH][CODEC_LIST] */
    struct cand *room;
};

static void searcher_free(struct searcher *s)
{
    free(s->key);
    free(s->room);
}

static int searcher_init(struct searcher *s, const struct eval_opts *o, struct err *e)
{
    size_t most = o->k;

    for (size_t r = 0; r < o->reranks; r++)
        most = o->rerank[r] > most ? o->rerank[r] : most;
    s->key = codec_array((size_t)EVAL_BATCH * CODEC_LIST, sizeof *s->key, e);
    s->room = mem_array((EVAL_BATCH + 1) * most, sizeof *s->room, e);
    if (!s->key || !s->room) {
        searcher_free(s);
        return e->code;
    }
    for (size_t i = 0; i < EVAL_BATCH; i++)
        s->best[i] = (struct best){s->room + i * most, 0, most};
    s->again = (struct best){s->room + EVAL_BATCH * most, 0, o->k};
    return 0;
}

static void search_pieces(struct searcher *s, const struct eval *v, const struct eval_queries *q)
{
    for (size_t j = 0; j < q->n; j++)
        s->best[j].n = 0;
    for (uint64_t from = 0, piece = 0; from < v->d->rows; piece++) {
        size_t n = codec_list_piece(v->c, &v->list, piece, q->at, q->n, s->key, NULL, CODEC_LIST);

        for (size_t j = 0; j < q->n; j++) {
            struct best *b = &s->best[j];
            const float *key = s->key + j * CODEC_LIST;

            for (size_t i = 0; i < n; i++)
                if (b->n < b->most || (double)key[i] < b->v[b->n - 1].key)
                    offer(b, (double)key[i], from + i);
        }
        from += n;
    }
}

/* One batch of queries from `first` on. */
static int search_batch(const struct eval *v, uint64_t first, uint64_t *found, struct err *e)
{
    const struct eval_data *d = v->d;
    size_t n = d->n_queries - first < EVAL_BATCH ? d->n_queries - first : EVAL_BATCH;
    struct eval_queries q = {0};
    struct searcher s = {0};
    int rc = searcher_init(&s, v->o, e);

    if (rc == 0)
        rc = eval_prepare(&q, v->c, v->metric, d->queries + first * v->c->dim, n, e);
    if (rc == 0) {
        search_pieces(&s, v, &q);
        for (size_t j = 0; j < n; j++)
            judge_query(v, first + j, &s.best[j], &s.again, found);
        searcher_free(&s);
    }
    eval_forget(&q);
    return rc;
}

/* How many neighbours there are to be found. */
static double wanted(const struct eval *v)
{
    double n = 0;

    for (uint64_t q = 0; q < v->d->n_queries; q++)
        for (uint32_t i = 0; i < v->o->k; i++)
            n += v->d->truth[q * v->d->truth_k + i] != NEIGH_NONE;
    return n;
}

static int recalls(struct eval_result *r, const struct eval *v, struct err *e)
{
    uint64_t batches = (v->d->n_queries + EVAL_BATCH - 1) / EVAL_BATCH, done = 0;
    uint64_t found[1 + EVAL_RERANKS] = {0};
    int rc = 0;

#pragma omp parallel for schedule(dynamic) num_threads(v->o->threads)
    for (uint64_t b = 0; b < batches; b++) {
        uint64_t mine[1 + EVAL_RERANKS] = {0};
        struct err why = {0};
        int bad = search_batch(v, b * EVAL_BATCH, mine, &why);

#pragma omp critical(eval)
        {
            if (bad < 0) {
                rc = bad;
                *e = why;
            }
            for (size_t i = 0; i <= v->o->reranks; i++)
                found[i] += mine[i];
            done++;
            if (v->o->progress)
                v->o->progress(v->o->progress_ctx, "searching", done * EVAL_BATCH, v->d->n_queries);
        }
    }
    r->recall = (double)found[0] / wanted(v);
    for (size_t i = 0; i < v->o->reranks; i++)
        r->recall_rerank[i] = (double)found[1 + i] / wanted(v);
    return rc;
}

/* ---- the truth ---- */

static struct vec_rows rows_of(const float *x, uint64_t rows, uint32_t dim)
{
    return (struct vec_rows){(const void *)x, rows, dim, VEC_F32, dim * sizeof *x};
}

int eval_truth(uint64_t *truth, const struct eval_data *d, uint32_t k, enum cpu_level cpu,
               int threads, struct err *e)
{
    struct vec_rows base = rows_of(d->base, d->rows, d->dim);
    struct vec_rows queries = rows_of(d->queries, d->n_queries, d->dim);
    struct knn_opts o = {
        .metric = d->metric == VEC_L2 ? VEC_L2 : VEC_IP, .k = k, .threads = threads, .cpu = cpu};
    float *score = mem_array(d->n_queries, k * sizeof *score, e);
    struct knn *s = NULL;
    int rc = score ? knn_open(&s, &o, &queries, VEC_F32, e) : e->code;

    if (rc == 0)
        rc = knn_feed(s, &base, 0, NULL, e);
    if (rc == 0)
        knn_results(s, truth, score);
    knn_close(s);
    free(score);
    return rc;
}

/* ---- all of it ---- */

static int encode(struct eval *v, struct err *e)
{
    v->codes = mem_array(v->d->rows, v->c->code_bytes, e);
    if (!v->codes)
        return e->code;
    if (codec_encode(v->c, v->d->base, v->d->rows, v->codes, v->o->threads, e) < 0) {
        size_t row = codec_first_bad(v->c, v->d->base, v->d->rows, v->codes);

        return e->code == ERR_INPUT ? err_prefix(e, "row %zu", row) : e->code;
    }
    return codec_list_init(&v->list, v->c, v->codes, v->d->rows, v->o->threads, e);
}

int eval_codec(struct eval_result *r, const struct codec *c, const struct eval_data *d,
               const struct eval_opts *o, struct err *e)
{
    struct eval v = {.c = c, .d = d, .o = o, .metric = d->metric == VEC_L2 ? VEC_L2 : VEC_IP};
    int rc = encode(&v, e);

    r->encode_vps = r->prepare_us = r->scan_vps = r->batch_vps = NAN;
    if (rc == 0)
        rc = squared_error(r, &v, e);
    if (rc == 0)
        rc = pair_errors(r, &v, e);
    if (rc == 0)
        rc = recalls(r, &v, e);
    if (rc == 0 && o->speed)
        rc = eval_speed(r, &v, e);
    free(v.codes);
    codec_list_free(&v.list);
    return rc;
}
