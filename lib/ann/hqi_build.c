/* hqi_build.c - an index for a workload is made (hqi.h): cells of space, the tree, lists of each
 * leaf, and what is seen in each node. The same bytes for any number of threads.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ann/hqi.h"
#include "ann/hqi_work.h"
#include "base/mem.h"
#include "base/rand.h"
#include "vec/kmeans.h"
#include "vec/nearest.h"

enum {
    SAMPLE = 16384, /* rows that find the cells */
    ROUNDS = 12,    /* of k-means */
    POINTS = 64,    /* rows that find a centroid of a list, at most */
    LIST_ROWS = 64, /* of a list, by default */
    ALONE = 8192,   /* a leaf of fewer rows is done before threads begin */
    CHUNK = 84,     /* rows at once */
};
static const double even = 0.06;      /* kmeans.h: balance */
static const double lists_root = 2.5; /* lists of a leaf are at most so many roots of its rows */

/* ---- rows of a place ---- */

/* Some rows: n of those of `row`, or from 0 on. */
struct rows {
    const struct ivf_made *v;
    const struct vec_rows *base;
    const uint32_t *row;
    uint64_t n;
    int threads;
};

static uint64_t row_at(const struct rows *r, uint64_t i)
{
    return r->row ? r->row[i] : i;
}

/* `want` of them, or all, evenly. */
static float *take(const struct rows *r, uint64_t want, uint64_t *n, struct err *e)
{
    size_t padded = r->v->space.padded;
    float *x;

    *n = want < r->n ? want : r->n;
    x = codec_array(*n * padded, sizeof *x, e);
    for (uint64_t i = 0; x && i < *n; i++)
        ivf_row(&r->v->space, r->base, row_at(r, i * r->n / *n), x + i * padded);
    return x;
}

/* Of each row the nearest of k centroids, into to[row], where it is `first` + that. */
static int assign(const struct rows *r, const float *centroid, const float *penalty, uint32_t k,
                  uint32_t first, uint32_t *to, struct err *e)
{
    size_t padded = r->v->space.padded;
    struct nearest near;
    bool failed = false;

    if (nearest_init(&near, r->v->space.ops, centroid, k, (uint32_t)padded, e) < 0)
        return e->code;
    nearest_add(&near, penalty);
#pragma omp parallel num_threads(r->threads)
    {
        struct err mine = {0};
        float *x = mem_array(CHUNK * padded, sizeof *x, &mine);
        uint32_t best[CHUNK];

        if (!x)
#pragma omp atomic write
            failed = true;
#pragma omp for schedule(dynamic)
        for (uint64_t at = 0; at < r->n; at += CHUNK) {
            size_t n = r->n - at < CHUNK ? (size_t)(r->n - at) : CHUNK;

            for (size_t i = 0; x && i < n; i++)
                ivf_row(&r->v->space, r->base, row_at(r, at + i), x + i * padded);
            if (x)
                nearest_find(&near, x, n, best);
            for (size_t i = 0; x && i < n; i++)
                to[row_at(r, at + i)] = first + best[i];
        }
        free(x);
    }
    nearest_free(&near);
    return failed ? err_set(e, ERR_MEM, "out of memory for an index") : 0;
}

/* k centroids of at most `want` of the rows, by which all are assigned. */
static int divide(const struct rows *r, uint32_t k, uint64_t want, uint32_t first, float *centroid,
                  float *penalty, uint32_t *to, struct err *e)
{
    struct kmeans_opts how = {.ops = r->v->space.ops,
                              .k = k,
                              .iterations = ROUNDS,
                              .seed = 1,
                              .balance = even,
                              .penalty = penalty,
                              .threads = r->threads};
    uint64_t n;
    float *x = r->n > 0 ? take(r, want > k ? want : k, &n, e) : NULL;
    int rc = 0;

    if (r->n == 0)
        return 0;
    rc = x ? kmeans(x, n, r->v->space.padded, &how, centroid, NULL, NULL, e) : e->code;
    free(x);
    return rc < 0 ? rc : assign(r, centroid, penalty, k, first, to, e);
}

/* ---- cells ---- */

static int find_space(struct ivf_made *v, const struct ann_maker *m, struct err *e)
{
    uint64_t n = v->rows < SAMPLE ? v->rows : SAMPLE, state = 1;
    uint64_t *row = mem_array(n, sizeof *row, e);
    int rc = 0;

    if (!row)
        return e->code;
    rand_choose(&state, v->rows, n, row);
    if (n > 0)
        rc = ivf_find_space(&v->space, v->mean, m->base, row, n, e);
    free(row);
    return rc;
}

/* Of each row its cell, and of queries those near to them. */
static int find_cells(struct hqi_work *w, const struct rows *all, const struct ann_maker *m,
                      struct err *e)
{
    const struct ivf_made *v = all->v;
    uint32_t cells = all->n < HQI_CELLS ? (uint32_t)all->n : HQI_CELLS;
    float *centroid = codec_array(HQI_CELLS * (size_t)v->space.padded, sizeof *centroid, e);
    float penalty[HQI_CELLS] = {0};
    uint32_t *of = mem_zero(all->n, sizeof *of, e);
    int rc = centroid && of ? divide(all, cells, SAMPLE, 0, centroid, penalty, of, e) : e->code;

    if (rc == 0)
        rc = hqi_work_cells(w, &v->space, centroid, cells, of, m->o, e);
    free(centroid);
    free(of);
    return rc;
}

/* ---- lists of leaves ---- */

/* Rows leaf by leaf, and where each leaf's begin: [leaves + 1]. */
static int by_leaf(const struct hqi_made *h, uint32_t **row, uint64_t **start, struct err *e)
{
    const struct hqi_tree *t = &h->tree;
    uint64_t rows = h->ivf.rows, *at = *start = mem_zero(t->leaves + 2ull, sizeof *at, e);

    *row = mem_array(rows, sizeof **row, e);
    if (!at || !*row)
        return e->code;
    for (uint64_t i = 0; i < rows; i++)
        at[t->leaf[i] + 2]++;
    for (uint32_t l = 0; l < t->leaves; l++)
        at[l + 2] += at[l + 1];
    for (uint64_t i = 0; i < rows; i++)
        (*row)[at[t->leaf[i] + 1]++] = (uint32_t)i;
    return 0;
}

static uint32_t lists_of(uint64_t rows, double list_rows)
{
    double n = (double)rows / list_rows, most = lists_root * sqrt((double)rows);

    n = n < most ? n : most;
    return n < 1 ? 1 : (uint32_t)n;
}

/* Each node's lists: those of leaves, in their order; how many in all. */
static uint64_t number_lists(struct hqi_tree *t, double list_rows)
{
    uint64_t lists = 0;

    for (uint32_t i = 0; i < t->nodes; i++)
        if (t->node[i].size == 1) {
            t->node[i].first = (uint32_t)lists;
            t->node[i].lists = lists_of(t->node[i].rows, list_rows);
            lists += t->node[i].lists;
        }
    for (uint32_t i = t->nodes; i-- > 0;)
        if (t->node[i].size > 1) {
            const struct hqi_node *left = &t->node[i + 1], *right = left + left->size;

            t->node[i].first = left->first;
            t->node[i].lists = left->lists + right->lists;
        }
    return lists;
}

static int make_lists(struct hqi_made *h, const struct ann_maker *m, struct err *e)
{
    struct ivf_made *v = &h->ivf;
    const struct hqi_tree *t = &h->tree;
    struct rows r = {.v = v, .base = m->base};
    uint32_t *row = NULL, leaf = 0;
    uint64_t *start = NULL;
    int rc = by_leaf(h, &row, &start, e);

    for (uint32_t i = 0; rc == 0 && i < t->nodes; i++) {
        const struct hqi_node *n = &t->node[i];

        if (n->size > 1)
            continue;
        r.row = row + start[leaf];
        r.n = n->rows;
        r.threads = n->rows < ALONE || m->o->threads < 1 ? 1 : m->o->threads;
        rc = divide(&r, n->lists, (uint64_t)POINTS * n->lists, n->first,
                    v->centroid + n->first * (size_t)v->space.padded, v->penalty + n->first,
                    v->assign, e);
        if (m->o->progress)
            m->o->progress(m->o->progress_ctx, "lists of leaves", ++leaf, t->leaves);
        else
            leaf++;
    }
    free(row);
    free(start);
    return rc;
}

/* ---- what is in nodes ---- */

static int look(struct hqi_made *h, const struct attrs *a, struct err *e)
{
    const struct hqi_tree *t = &h->tree;
    uint32_t *node = mem_array(t->leaves, sizeof *node, e), leaf = 0;
    uint32_t *of = mem_array(h->ivf.rows, sizeof *of, e);
    int rc = 0;

    h->seen = mem_array((size_t)t->nodes * h->head.columns, sizeof *h->seen, e);
    if (!node || !of || !h->seen)
        rc = e->code;
    for (uint32_t i = 0; rc == 0 && i < t->nodes; i++)
        if (t->node[i].size == 1)
            node[leaf++] = i;
    for (uint64_t i = 0; rc == 0 && i < h->ivf.rows; i++)
        of[i] = node[t->leaf[i]];
    if (rc == 0 && a)
        rc = hqi_look(a, t->node, t->nodes, of, h->seen, e);
    free(node);
    free(of);
    return rc;
}

/* ---- all ---- */

static int plant(struct hqi_made *h, const struct ann_maker *m, struct err *e)
{
    const struct rows all = {&h->ivf, m->base, NULL, h->ivf.rows,
                             m->o->threads > 1 ? m->o->threads : 1};
    struct hqi_work w = {0};
    int rc = hqi_work(&w, m, e);

    if (rc == 0)
        rc = find_cells(&w, &all, m, e);
    w.cuts.least = h->head.least;
    if (rc == 0)
        rc = hqi_tree(&h->tree, &w.cuts, e);
    h->head.cells = w.cells;
    hqi_work_free(&w);
    return rc;
}

int hqi_make(struct hqi_made *h, const struct ann_maker *m, struct err *e)
{
    const struct ann_build_opts *o = m->o;
    uint64_t rows = m->base->rows, queries = o->n_wheres ? o->n_wheres : o->n_queries, lists;
    struct ivf_plan p;

    if (ivf_plan(&p, o, rows, m->base->dim, e) < 0 || ivf_start(&h->ivf, m, &p, e) < 0)
        return e->code;
    h->head = (struct hqi_head){.columns = m->attrs ? m->attrs->n : 0,
                                .least = o->least ? o->least : HQI_LEAST,
                                .queries = queries};
    if (find_space(&h->ivf, m, e) < 0 || plant(h, m, e) < 0)
        return e->code;
    h->head.nodes = h->tree.nodes;
    h->head.leaves = h->tree.leaves;
    h->head.depth = h->tree.depth;
    lists = number_lists(&h->tree, o->lists ? (double)rows / (double)o->lists : LIST_ROWS);
    if (lists > ANN_LISTS_MOST)
        return err_set(e, ERR_USAGE, "leaves of %u rows and more have %llu lists, more than %d",
                       h->head.least, (unsigned long long)lists, ANN_LISTS_MOST);
    if (ivf_list_room(&h->ivf, (uint32_t)lists, e) < 0 || make_lists(h, m, e) < 0 ||
        look(h, m->attrs, e) < 0)
        return e->code;
    return ivf_finish(&h->ivf, m, &p, e);
}

void hqi_made_free(struct hqi_made *h)
{
    ivf_made_free(&h->ivf);
    hqi_tree_free(&h->tree);
    free(h->seen);
}
