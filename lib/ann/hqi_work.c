/* hqi_work.c - see hqi_work.h. */
#include "ann/hqi_work.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/names.h"

enum { PREDICATES = HQI_BITMAPS / 2 }; /* at most */
/* Sets of cells to cut by: of each cell it and the nearest, one in so many of all. */
static const uint32_t shares[] = {2, 4, 8};
enum { SHARES = sizeof shares / sizeof *shares };

/* ---- predicates ---- */

struct counted {
    uint64_t times;
    uint32_t number;
};

static int by_times(const void *a, const void *b)
{
    const struct counted *x = a, *y = b;

    if (x->times != y->times)
        return x->times > y->times ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

/* Which predicate each query has, and which of them are asked most: order, [n], n of them. */
static int count(struct hqi_work *w, const struct ann_build_opts *o, struct names *texts,
                 struct counted **order, uint64_t *n, struct err *e)
{
    struct counted *c;

    for (uint64_t i = 0; i < o->n_wheres; i++) {
        uint64_t number;

        if (names_add(texts, o->wheres[i].p, o->wheres[i].len, &number, e) < 0)
            return e->code;
        w->predicate[i] = (uint32_t)number;
    }
    *n = names_count(texts);
    c = *order = mem_zero(*n, sizeof *c, e);
    w->rank = mem_array(*n, sizeof *w->rank, e);
    if (!c || !w->rank)
        return e->code;
    for (uint64_t i = 0; i < *n; i++) {
        c[i].number = (uint32_t)i;
        w->rank[i] = UINT32_MAX;
    }
    for (uint64_t i = 0; i < o->n_wheres; i++)
        c[w->predicate[i]].times++;
    qsort(c, *n, sizeof *c, by_times);
    return 0;
}

static int add_bitmap(struct hqi_work *w, const struct where *p, struct where_space *space,
                      struct err *e)
{
    uint64_t found, *bits = mem_zero(ATTRS_WORDS(p->attrs->rows) + 1, sizeof *bits, e);

    if (!bits)
        return e->code;
    w->bits[w->cuts.bitmaps++] = bits;
    return where_run(p, space, NULL, bits, &found, e);
}

/* The tests of a program that were in none before. */
static int add_tests(struct hqi_work *w, const struct where *p, struct names *tests,
                     struct where_space *space, bool known, struct err *e)
{
    for (size_t i = 0; i < p->nodes && w->cuts.bitmaps < HQI_BITMAPS; i++) {
        struct where_node n = p->node[i];
        struct where one = {p->attrs, &n, 1, p->range, p->n_ranges, 0};
        uint32_t what[2] = {n.kind, n.column};
        uint64_t number, before = names_count(tests);
        struct buf key = {0};
        int rc;

        if (n.kind == WHERE_AND || n.kind == WHERE_OR)
            continue;
        rc = buf_add(&key, what, sizeof what, e);
        if (rc == 0 && n.ranges > 0)
            rc = buf_add(&key, p->range + n.first, n.ranges * sizeof *p->range, e);
        if (rc == 0)
            rc = names_add(tests, key.p, key.len, &number, e);
        if (rc == 0 && number == before && !known)
            rc = add_bitmap(w, &one, space, e);
        buf_free(&key);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Bitmaps of predicates first: then those of their tests that are no predicate alone. */
static int add_bitmaps(struct hqi_work *w, struct where *const *p, uint32_t n, struct err *e)
{
    struct where_space space = {0};
    struct names *tests = NULL;
    int rc = names_new(&tests, e);

    for (uint32_t i = 0; rc == 0 && i < n; i++) {
        rc = add_bitmap(w, p[i], &space, e);
        if (rc == 0 && p[i]->nodes == 1)
            rc = add_tests(w, p[i], tests, &space, true, e);
    }
    for (uint32_t i = 0; rc == 0 && i < n; i++)
        rc = add_tests(w, p[i], tests, &space, false, e);
    names_free(tests);
    where_space_free(&space);
    return rc;
}

/* Programs of all predicates, so that a wrong one is told of whichever it is; those that are asked
 * most are kept. */
static int compile(struct hqi_work *w, const struct ann_maker *m, const struct names *texts,
                   const struct counted *order, uint64_t n, struct where **kept, uint32_t *n_kept,
                   struct err *e)
{
    const struct attrs none = {.rows = m->base->rows};

    for (uint64_t i = 0; i < n; i++) {
        struct where *p;
        size_t len;
        const char *text = names_of(texts, order[i].number, &len);
        uint64_t first = 0;

        if (where_compile(&p, m->attrs ? m->attrs : &none, text, len, e) < 0) {
            while (w->predicate[first] != order[i].number)
                first++;
            return err_prefix(e, "predicate %llu of the workload", (unsigned long long)first + 1);
        }
        if (*n_kept < PREDICATES && m->attrs) {
            w->rank[order[i].number] = *n_kept;
            kept[(*n_kept)++] = p;
        } else {
            where_free(p);
        }
    }
    return 0;
}

static int predicates(struct hqi_work *w, const struct ann_maker *m, struct err *e)
{
    struct where *kept[PREDICATES] = {NULL};
    struct names *texts = NULL;
    struct counted *order = NULL;
    uint32_t n_kept = 0;
    uint64_t n = 0;
    int rc = names_new(&texts, e);

    if (rc == 0)
        rc = count(w, m->o, texts, &order, &n, e);
    if (rc == 0)
        rc = compile(w, m, texts, order, n, kept, &n_kept, e);
    if (rc == 0)
        rc = add_bitmaps(w, kept, n_kept, e);
    for (uint32_t i = 0; i < n_kept; i++)
        where_free(kept[i]);
    names_free(texts);
    free(order);
    return rc;
}

int hqi_work(struct hqi_work *w, const struct ann_maker *m, struct err *e)
{
    const struct ann_build_opts *o = m->o;
    uint64_t n = o->n_wheres ? o->n_wheres : o->n_queries;

    w->cuts.rows = m->base->rows;
    if (o->n_wheres && o->n_queries && o->n_wheres != o->n_queries)
        return err_set(e, ERR_USAGE, "the workload has %llu predicates for %llu queries",
                       (unsigned long long)o->n_wheres, (unsigned long long)o->n_queries);
    w->cuts.queries = n < HQI_QUERIES ? n : HQI_QUERIES;
    w->bits = mem_zero(HQI_BITMAPS, sizeof *w->bits, e);
    w->predicate = mem_array(o->n_wheres, sizeof *w->predicate, e);
    w->query = mem_array(w->cuts.queries, sizeof *w->query, e);
    w->near = mem_array((size_t)SHARES * HQI_CELLS, sizeof *w->near, e);
    w->cell = mem_zero(w->cuts.rows, 1, e);
    if (!w->bits || !w->predicate || !w->query || !w->near || !w->cell ||
        (o->n_wheres && predicates(w, m, e) < 0))
        return e->code;
    w->cuts.bits = w->bits;
    w->cuts.cell = w->cell;
    w->cuts.near = w->near;
    w->cuts.query = w->query;
    return 0;
}

/* ---- cells ---- */

struct centres {
    const struct ivf_space *s;
    const float *centroid;
    uint32_t n;
    bool ip; /* of the keys */
};

/* Bits of the `want` cells that are nearest to x. */
static uint64_t nearest(const struct centres *c, const float *x, uint32_t want)
{
    uint64_t cand[HQI_CELLS], bits = 0;
    uint32_t dim = c->s->padded;

    if (want == 0 || want >= c->n)
        return want ? UINT64_MAX : 0;
    for (uint32_t i = 0; i < c->n; i++) {
        const float *at = c->centroid + (size_t)i * dim;

        cand[i] = cand_of(
            (float)(c->ip ? -c->s->ops->dot_f64(x, at, dim) : c->s->ops->l2_f64(x, at, dim)), i);
    }
    cands_select(cand, c->n, want);
    for (uint32_t i = 0; i < want; i++)
        bits |= UINT64_C(1) << cand_row(cand[i]);
    return bits;
}

static void near_queries(struct hqi_work *w, const struct centres *c,
                         const struct ann_build_opts *o, float *raw, float *x)
{
    uint64_t n = o->n_wheres ? o->n_wheres : o->n_queries;

    for (size_t i = 0; i < w->cuts.queries; i++) {
        uint64_t at = i * n / w->cuts.queries;
        struct hqi_query q = {UINT32_MAX, UINT64_MAX};

        if (o->n_wheres)
            q.predicate = w->rank[w->predicate[at]];
        if (o->n_queries) {
            memcpy(raw, o->queries + at * c->s->dim, c->s->dim * sizeof *raw);
            ivf_query(c->s, raw, x);
            q.near = nearest(c, x, HQI_QUERY_CELLS);
        }
        w->query[i] = q;
    }
}

int hqi_work_cells(struct hqi_work *w, const struct ivf_space *s, const float *centroid,
                   uint32_t cells, const uint32_t *of, const struct ann_build_opts *o,
                   struct err *e)
{
    struct centres c = {s, centroid, cells, false};
    float *raw = codec_array(s->dim, sizeof *raw, e), *x = codec_array(s->padded, sizeof *x, e);

    w->cells = cells;
    for (uint64_t i = 0; i < w->cuts.rows; i++)
        w->cell[i] = (uint8_t)of[i];
    for (uint32_t i = 0; i < cells && o->n_queries; i++)
        for (uint32_t k = 0; k < SHARES; k++)
            w->near[w->cuts.n_near++] = nearest(&c, centroid + (size_t)i * s->padded,
                                                cells / shares[k]);
    c.ip = s->metric == VEC_IP;
    if (raw && x)
        near_queries(w, &c, o, raw, x);
    free(raw);
    free(x);
    return raw && x ? 0 : e->code;
}

void hqi_work_free(struct hqi_work *w)
{
    for (uint32_t i = 0; w->bits && i < w->cuts.bitmaps; i++)
        free(w->bits[i]);
    free(w->bits);
    free(w->predicate);
    free(w->rank);
    free(w->query);
    free(w->near);
    free(w->cell);
}
