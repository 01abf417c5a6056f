/* tenant_tree.c - a tree of clusters from the root down, level by level: tenant.h.
 *
 * Nodes of a level are split by several threads, or a single one by all; what becomes of a node is
 * its own, and numbers are given in order, so the tree is the same for any number of threads.
 */
#include <math.h>
#include <stdlib.h>

#include "ann/tenant.h"
#include "base/rand.h"
#include "vec/codec_kind.h"
#include "vec/kmeans.h"
#include "vec/nearest.h"
#include "vec/ops.h"

enum {
    POINTS = 64,       /* rows that find a centroid */
    ROUNDS = 12,       /* of k-means */
    CHUNK = 84,        /* rows at once */
    SPACE_ROWS = 20000 /* that say where the space is */
};

static const double even = 0.06; /* kmeans.h: balance */

/* ---- one node ---- */

/* Its children. */
struct split {
    uint32_t n;
    uint32_t *rows; /* [n] */
    float *radius;  /* [n] */
    float *centre;  /* [n][padded] */
};

static void split_free(struct split *s)
{
    free(s->rows);
    free(s->radius);
    free(s->centre);
}

/* The smallest number of children by which `rows` come down to leaves in the fewest levels. */
static uint32_t fan(uint64_t rows)
{
    uint64_t most = TENANT_LEAF, got;
    uint32_t levels = 0, n = 1;

    for (; most < rows; most *= TENANT_FAN)
        levels++;
    do {
        n++;
        got = TENANT_LEAF;
        for (uint32_t l = 0; l < levels && got < rows; l++)
            got *= n;
    } while (got < rows);
    return n;
}

/* Some of the rows at [start, start + n) of the order, as points; *got how many. */
static float *sample(const struct tenant_made *v, const struct vec_rows *base, uint32_t start,
                     uint64_t n, uint64_t want, uint64_t *got, struct err *e)
{
    size_t padded = v->space.padded;
    uint64_t seed = start, *at;
    float *x;

    *got = want < n ? want : n;
    at = mem_array(*got, sizeof *at, e);
    x = at ? codec_array(*got * padded, sizeof *x, e) : NULL;
    if (x) {
        rand_choose(&seed, n, *got, at);
        for (uint64_t i = 0; i < *got; i++)
            ivf_row(&v->space, base, v->order[start + at[i]], x + i * padded);
    }
    free(at);
    return x;
}

/* The nearest of k centroids of each of a node's rows. */
static int assign(const struct tenant_made *v, const struct vec_rows *base,
                  const struct tenant_node *node, const struct nearest *near, int threads,
                  uint32_t *to)
{
    bool failed = false;

#pragma omp parallel num_threads(threads)
    {
        struct err mine = {0};
        float *x = codec_array(CHUNK * (size_t)v->space.padded, sizeof *x, &mine);

        if (!x)
#pragma omp atomic write
            failed = true;
#pragma omp for schedule(dynamic)
        for (uint32_t at = 0; at < node->rows; at += CHUNK) {
            size_t n = node->rows - at < CHUNK ? node->rows - at : CHUNK;

            for (size_t i = 0; x && i < n; i++)
                ivf_row(&v->space, base, v->order[node->start + at + i], x + i * v->space.padded);
            if (x)
                nearest_find(near, x, n, to + at);
        }
        free(x);
    }
    return failed ? ERR_MEM : 0;
}

/* Sums of the rows of each child, and of their squares. */
struct sums {
    double *sum;    /* [k][padded] */
    double *square; /* [k] */
    uint32_t *rows; /* [k] */
    float *x;       /* [padded] */
};

static int sums_init(struct sums *s, uint32_t k, size_t padded, struct err *e)
{
    s->sum = mem_zero(k * padded, sizeof *s->sum, e);
    s->square = mem_zero(k, sizeof *s->square, e);
    s->rows = mem_zero(k, sizeof *s->rows, e);
    s->x = codec_array(padded, sizeof *s->x, e);
    return s->sum && s->square && s->rows && s->x ? 0 : e->code;
}

static void sums_free(struct sums *s)
{
    free(s->sum);
    free(s->square);
    free(s->rows);
    free(s->x);
}

static void sum_rows(const struct tenant_made *v, const struct vec_rows *base,
                     const struct tenant_node *node, const uint32_t *to, struct sums *s)
{
    uint32_t padded = v->space.padded;

    for (uint32_t i = 0; i < node->rows; i++) {
        double *sum = s->sum + (size_t)to[i] * padded;

        ivf_row(&v->space, base, v->order[node->start + i], s->x);
        for (uint32_t k = 0; k < padded; k++)
            sum[k] += (double)s->x[k];
        s->square[to[i]] += v->space.ops->dot_f64(s->x, s->x, padded);
        s->rows[to[i]]++;
    }
}

/* Rows in the order of their children. to: becomes their places. */
static int regroup(struct tenant_made *v, const struct tenant_node *node, uint32_t k,
                   const uint32_t *rows, const uint32_t *to, struct err *e)
{
    uint32_t *order = v->order + node->start, *was = mem_array(node->rows, sizeof *was, e);
    uint32_t *at = mem_zero((size_t)k + 1, sizeof *at, e);

    if (was && at) {
        memcpy(was, order, node->rows * sizeof *was);
        for (uint32_t c = 0; c < k; c++)
            at[c + 1] = at[c] + rows[c];
        for (uint32_t i = 0; i < node->rows; i++)
            order[at[to[i]]++] = was[i];
    }
    free(was);
    free(at);
    return was && at ? 0 : e->code;
}

/* Children that have rows, with their means. */
static int take_children(const struct tenant_made *v, const struct sums *s, uint32_t k,
                         struct split *out, struct err *e)
{
    uint32_t padded = v->space.padded;

    out->rows = mem_array(k, sizeof *out->rows, e);
    out->radius = mem_array(k, sizeof *out->radius, e);
    out->centre = mem_array((size_t)k * padded, sizeof *out->centre, e);
    if (!out->rows || !out->radius || !out->centre)
        return e->code;
    for (uint32_t c = 0; c < k; c++) {
        float *centre = out->centre + (size_t)out->n * padded;
        double n = s->rows[c], square = 0;

        if (s->rows[c] == 0)
            continue;
        for (uint32_t i = 0; i < padded; i++) {
            double mean = s->sum[(size_t)c * padded + i] / n;

            centre[i] = (float)mean;
            square += mean * mean;
        }
        out->radius[out->n] = (float)sqrt(fmax(0, s->square[c] / n - square));
        out->rows[out->n++] = s->rows[c];
    }
    return 0;
}

static int cluster(const struct tenant_made *v, const struct vec_rows *base,
                   const struct tenant_node *node, uint32_t k, int threads, uint32_t *to,
                   struct err *e)
{
    float *penalty = mem_zero(k, sizeof *penalty, e);
    float *centre = codec_array((size_t)k * v->space.padded, sizeof *centre, e), *x = NULL;
    struct kmeans_opts how = {.ops = v->space.ops,
                              .k = k,
                              .iterations = ROUNDS,
                              .seed = 1,
                              .balance = even,
                              .penalty = penalty,
                              .threads = threads};
    struct nearest near = {0};
    uint64_t got;
    int rc = penalty && centre ? 0 : e->code;

    if (rc == 0 && !(x = sample(v, base, node->start, node->rows, (uint64_t)k * POINTS, &got, e)))
        rc = e->code;
    if (rc == 0)
        rc = kmeans(x, got, v->space.padded, &how, centre, NULL, NULL, e);
    if (rc == 0)
        rc = nearest_init(&near, v->space.ops, centre, k, v->space.padded, e);
    if (rc == 0) {
        nearest_add(&near, penalty);
        if (assign(v, base, node, &near, threads, to) < 0)
            rc = err_set(e, ERR_MEM, "out of memory for an index");
    }
    nearest_free(&near);
    free(x);
    free(centre);
    free(penalty);
    return rc;
}

/* A node's rows are shared out to its children; none: it stays a leaf. */
static int split_node(struct tenant_made *v, const struct vec_rows *base,
                      const struct tenant_node *node, int threads, struct split *out, struct err *e)
{
    struct sums s = {0};
    uint32_t k, *to;
    int rc;

    *out = (struct split){0};
    if (node->rows <= TENANT_LEAF * 3 / 2)
        return 0;
    k = fan(node->rows);
    to = mem_array(node->rows, sizeof *to, e);
    rc = to ? cluster(v, base, node, k, threads, to, e) : e->code;
    if (rc == 0)
        rc = sums_init(&s, k, v->space.padded, e);
    if (rc == 0) {
        sum_rows(v, base, node, to, &s);
        rc = take_children(v, &s, k, out, e);
    }
    if (rc == 0 && out->n == 1)
        out->n = 0; /* all of them equal */
    else if (rc == 0)
        rc = regroup(v, node, k, s.rows, to, e);
    sums_free(&s);
    free(to);
    return rc;
}

/* ---- all levels ---- */

static int add_node(struct tenant_made *v, const struct tenant_node *node, const float *centre,
                    struct err *e)
{
    size_t padded = v->space.padded;

    if (mem_reserve(&v->node, &v->nodes_cap, v->nodes + 1, sizeof *v->node, e) < 0 ||
        mem_reserve(&v->centre, &v->centre_cap, (v->nodes + 1) * padded, sizeof *v->centre, e) < 0)
        return e->code;
    if (centre)
        memcpy(v->centre + v->nodes * padded, centre, padded * sizeof *centre);
    else
        memset(v->centre + v->nodes * padded, 0, padded * sizeof *centre);
    v->node[v->nodes++] = *node;
    return 0;
}

static int add_children(struct tenant_made *v, size_t parent, const struct split *s, struct err *e)
{
    uint32_t start = v->node[parent].start;

    v->node[parent].first = s->n ? (uint32_t)v->nodes : 0;
    v->node[parent].count = s->n;
    for (uint32_t c = 0; c < s->n; c++) {
        struct tenant_node node = {.start = start, .rows = s->rows[c], .radius = s->radius[c]};

        if (add_node(v, &node, s->centre + (size_t)c * v->space.padded, e) < 0)
            return e->code;
        start += s->rows[c];
    }
    return 0;
}

/* Nodes [from, to) become parents. */
static int next_level(struct tenant_made *v, const struct ann_maker *m, const struct vec_rows *base,
                      size_t from, size_t to, struct err *e)
{
    struct split *split = mem_zero(to - from, sizeof *split, e);
    int threads = m->o->threads > 1 ? m->o->threads : 1, rc = split ? 0 : e->code;
    bool few = to - from < (size_t)threads;
    size_t bad = SIZE_MAX;

    if (!split)
        return rc;
#pragma omp parallel for schedule(dynamic) num_threads(few ? 1 : threads)
    for (size_t i = from; i < to; i++) {
        struct err mine = {0};

        if (split_node(v, base, &v->node[i], few ? threads : 1, &split[i - from], &mine) < 0)
#pragma omp critical
            if (i < bad) {
                bad = i;
                *e = mine;
            }
    }
    rc = bad == SIZE_MAX ? 0 : e->code;
    for (size_t i = from; i < to; i++) {
        if (rc == 0)
            rc = add_children(v, i, &split[i - from], e);
        split_free(&split[i - from]);
    }
    free(split);
    return rc;
}

/* Means of nodes as cells of 8 bits, in steps that hold the largest. */
static int make_cells(struct tenant_made *v, struct err *e)
{
    uint32_t padded = v->space.padded;
    size_t stride = v->cells_stride = cells_row_bytes(padded, padded);
    float most = 0;

    for (size_t i = 0; i < v->nodes * padded; i++)
        most = fmaxf(most, fabsf(v->centre[i]));
    v->head.step = most > 0 ? most / 127 : 1;
    if (!(v->cells = codec_array(v->nodes, stride, e)))
        return e->code;
    memset(v->cells, 0x80, v->nodes * stride);
    for (size_t i = 0; i < v->nodes; i++) {
        uint8_t *row = v->cells + i * stride;
        int64_t norm = 0;
        float sum;

        for (uint32_t k = 0; k < padded; k++) {
            int32_t c = (int32_t)lrintf(v->centre[i * padded + k] / v->head.step);

            row[k] = (uint8_t)(128 + c);
            norm += c * c;
        }
        sum = (float)norm;
        memcpy(row + stride - CELLS_NORM, &sum, CELLS_NORM);
    }
    return 0;
}

static int find_space(struct tenant_made *v, const struct vec_rows *base, struct err *e)
{
    uint64_t n = base->rows < SPACE_ROWS ? base->rows : SPACE_ROWS, seed = 1;
    uint64_t *row = mem_array(n, sizeof *row, e);
    int rc = row ? 0 : e->code;

    if (rc == 0) {
        rand_choose(&seed, base->rows, n, row);
        rc = ivf_find_space(&v->space, v->mean, base, row, n, e);
    }
    free(row);
    v->head.scale = v->space.scale;
    return rc;
}

int tenant_tree(struct tenant_made *v, const struct ann_maker *m, const struct vec_rows *base,
                struct err *e)
{
    struct tenant_node root = {.rows = (uint32_t)base->rows};
    size_t from = 0, depth = 0;

    v->order = mem_array(base->rows, sizeof *v->order, e);
    if (!v->order || find_space(v, base, e) < 0 || add_node(v, &root, NULL, e) < 0)
        return e->code;
    for (uint64_t i = 0; i < base->rows; i++)
        v->order[i] = (uint32_t)i;
    for (size_t to; from < (to = v->nodes) && depth < TENANT_DEPTH; from = to, depth++)
        if (next_level(v, m, base, from, to, e) < 0)
            return e->code;
    v->head.made = (uint32_t)base->rows;
    return make_cells(v, e);
}

/* ---- walking down it ---- */

struct cells_query tenant_query(const struct ivf_space *s, const float *x, float step,
                                int8_t *weights, size_t stride)
{
    float most = 0, unit;
    int32_t sum = 0;

    for (uint32_t k = 0; k < s->padded; k++)
        most = fmaxf(most, fabsf(x[k]));
    unit = most > 0 ? most / 127 : 1;
    memset(weights, 0, stride);
    for (uint32_t k = 0; k < s->padded; k++)
        sum += weights[k] = (int8_t)lrintf(x[k] / unit);
    return (struct cells_query){.weights = weights,
                                .middle = 128 * sum,
                                .take = s->metric == VEC_IP ? 0 : step * step,
                                .scale = s->metric == VEC_IP ? -unit * step : -2 * unit * step};
}

uint32_t tenant_leaf(const struct tenant_index *v, const struct cells_ops *ops,
                     const struct cells_query *q)
{
    uint32_t at = 0;

    while (v->node[at].count > 0) {
        const struct tenant_node *node = &v->node[at];
        float best = INFINITY;

        at = node->first;
        for (uint32_t c = node->first; c < node->first + node->count; c++) {
            float key;

            ops->keys8(q, v->cells, v->cells_stride, &c, 1, &key);
            if (key < best) {
                best = key;
                at = c;
            }
        }
    }
    return at;
}
