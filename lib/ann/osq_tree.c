/* osq_tree.c - lists are searched by a process each (base/tree.h). Which lists each query visits is
 * found before they start; each process then looks for the queries of its list, and what it and its
 * children have found goes up as records in order, the best k of each query.
 */
#include <stdlib.h>

#include "ann/osq_seek.h"
#include "base/mem.h"
#include "base/tree.h"
#include "vec/neigh.h"

struct record {
    double key;
    uint32_t query, row;
};
_Static_assert(sizeof(struct record) == 16, "a record has no holes");

struct counts {
    uint64_t keys, hops, exact, bytes, signs;
};

struct share {
    const struct ann *a;
    const struct ann_search_opts *o;
    const float *queries;
    uint64_t n;
    struct osq_visit *visit; /* by list, and in that by query */
    size_t *at_list;         /* [lists + 1] */
    struct record *found;    /* by query, then by key and row; at most k of a query */
    size_t n_found;
    struct counts counts;
};

/* ---- which lists ---- */

/* Visits of all queries, by query. */
static int find_visits(const struct share *s, struct osq_visit **visit, size_t *n, struct err *e)
{
    uint64_t block = osq_block(s->a, s->o, s->n);
    void *searcher = NULL;
    size_t cap = 0;
    int rc = osq_searcher_new(&searcher, s->a, s->o, block, e);
    struct osq_seeker *t = searcher;

    for (uint64_t at = 0; at < s->n && rc == 0; at += block) {
        struct ann_queries q = {.x = s->queries + at * s->a->form.dim,
                                .n = s->n - at < block ? s->n - at : block,
                                .allowed = s->o->allowed,
                                .each = s->o->allowed_each};

        q.allowed += q.allowed && q.each ? at : 0;
        osq_prepare(t, &q, false);
        for (size_t i = 0; i < q.n && rc == 0; i++) {
            uint32_t lists = osq_find_lists(t, &t->asker[i]);

            rc = mem_reserve(visit, &cap, *n + lists, sizeof **visit, e);
            for (uint32_t r = 0; r < lists && rc == 0; r++)
                (*visit)[(*n)++] = (struct osq_visit){(uint32_t)(at + i), cand_row(t->near[r])};
        }
    }
    osq_searcher_free(searcher);
    return rc;
}

static int share_out(struct share *s, struct err *e)
{
    const struct osq_index *v = s->a->state;
    uint32_t lists = v->head.lists;
    struct osq_visit *visit = NULL;
    size_t n = 0, *end;
    int rc = find_visits(s, &visit, &n, e);

    if (rc == 0 && (!(s->visit = mem_array(n, sizeof *s->visit, e)) ||
                    !(s->at_list = mem_zero((size_t)lists + 2, sizeof *s->at_list, e))))
        rc = e->code;
    end = s->at_list + 1; /* [l] moves from where l begins to where it ends */
    for (size_t i = 0; rc == 0 && i < n; i++)
        end[visit[i].list + 1]++;
    for (uint32_t l = 0; rc == 0 && l < lists; l++)
        end[l + 1] += end[l];
    for (size_t i = 0; rc == 0 && i < n; i++)
        s->visit[end[visit[i].list]++] = visit[i];
    free(visit);
    return rc;
}

/* ---- what is found ---- */

/* Two lists of records become one, of a query k at most. */
static int merge(struct share *s, const struct record *b, size_t nb, struct err *e)
{
    const struct record *a = s->found;
    size_t na = s->n_found, n = 0, i = 0, j = 0, of_query = 0;
    struct record *to = mem_array(na + nb, sizeof *to, e);

    if (!to)
        return e->code;
    while (i < na || j < nb) {
        const struct record *r;
        bool first = j == nb || (i < na && (a[i].query < b[j].query ||
                                            (a[i].query == b[j].query &&
                                             best_before(&(struct best){a[i].key, a[i].row},
                                                         &(struct best){b[j].key, b[j].row}))));

        r = first ? &a[i++] : &b[j++];
        of_query = n > 0 && to[n - 1].query == r->query ? of_query : 0;
        if (of_query < s->o->k)
            to[n++] = *r;
        of_query++;
    }
    free(s->found);
    s->found = to;
    s->n_found = n;
    return 0;
}

static int take(void *ctx, const void *p, size_t len, struct err *e)
{
    struct share *s = ctx;
    const char *at = p;
    struct counts c;
    struct record *r;
    size_t n;
    int rc = 0;

    if (len < sizeof c || (len - sizeof c) % sizeof *r != 0)
        return err_set(e, ERR_CORRUPT, "a process gave an answer that cannot be one");
    memcpy(&c, p, sizeof c);
    n = (len - sizeof c) / sizeof *r;
    s->counts.keys += c.keys;
    s->counts.hops += c.hops;
    s->counts.exact += c.exact;
    s->counts.bytes += c.bytes;
    s->counts.signs += c.signs;
    if (!(r = mem_array(n, sizeof *r, e)))
        return e->code;
    memcpy(r, at + sizeof c, n * sizeof *r);
    rc = merge(s, r, n, e);
    free(r);
    return rc;
}

static int give(void *ctx, struct buf *out, struct err *e)
{
    const struct share *s = ctx;

    if (buf_add(out, &s->counts, sizeof s->counts, e) < 0)
        return e->code;
    return buf_add(out, s->found, s->n_found * sizeof *s->found, e);
}

/* ---- a process's list ---- */

/* Queries of a block, gathered. */
struct gathered {
    float *x;
    struct ann_allowed *allowed;
};

static int look_at(struct share *s, struct osq_seeker *t, const struct osq_visit *visit, size_t n,
                   const struct gathered *g, struct buf *found, struct err *e)
{
    size_t dim = s->a->form.dim;
    struct ann_queries q = {.x = g->x, .n = n, .allowed = s->o->allowed};
    int rc = 0;

    for (size_t i = 0; i < n; i++) {
        memcpy(g->x + i * dim, s->queries + visit[i].query * dim, dim * sizeof *g->x);
        if (q.allowed && s->o->allowed_each)
            g->allowed[i] = s->o->allowed[visit[i].query];
    }
    if (q.allowed && s->o->allowed_each) {
        q.allowed = g->allowed;
        q.each = true;
    }
    osq_prepare(t, &q, true);
    for (size_t i = 0; i < n && rc == 0; i++) {
        struct osq_asker *asker = &t->asker[i];

        osq_look(t, asker, visit[i].list);
        best_sort(asker->best, asker->n, asker->n);
        for (size_t r = 0; r < asker->n && rc == 0; r++) {
            struct record one = {asker->best[r].key, visit[i].query, asker->best[r].row};

            rc = buf_add(found, &one, sizeof one, e);
        }
    }
    return rc;
}

static int work(void *ctx, uint32_t node, struct err *e)
{
    struct share *s = ctx;
    size_t from = s->at_list[node - 1], n = s->at_list[node] - from;
    uint64_t block = osq_block(s->a, s->o, n);
    struct gathered g = {mem_array(block * s->a->form.dim, sizeof *g.x, e),
                         mem_array(block, sizeof *g.allowed, e)};
    struct ann_search_stats stats = {0};
    struct buf found = {0};
    void *searcher = NULL;
    int rc = g.x && g.allowed ? osq_searcher_new(&searcher, s->a, s->o, block, e) : e->code;

    for (size_t at = 0; at < n && rc == 0; at += block)
        rc = look_at(s, searcher, s->visit + from + at, n - at < block ? n - at : block, &g, &found,
                     e);
    if (rc == 0) {
        osq_count(searcher, &stats);
        s->counts = (struct counts){stats.keys, stats.hops, stats.exact, stats.bytes, stats.signs};
        s->found = (struct record *)(void *)found.p;
        s->n_found = found.len / sizeof *s->found;
    } else {
        buf_free(&found);
    }
    osq_searcher_free(searcher);
    free(g.x);
    free(g.allowed);
    return rc;
}

/* ---- all ---- */

/* Records as searches give them. */
static int hand_out(const struct share *s, uint64_t *id, float *score, struct err *e)
{
    uint32_t k = s->o->k;
    struct best *best = mem_array(k, sizeof *best, e);
    size_t at = 0;

    if (!best)
        return e->code;
    for (uint64_t i = 0; i < s->n; i++) {
        size_t n = 0;

        for (; at < s->n_found && s->found[at].query == i && n < k; at++)
            best[n++] = (struct best){s->found[at].key, s->found[at].row};
        best_give(best, n, k, s->a->form.metric, id + i * k, score + i * k);
    }
    free(best);
    return 0;
}

static void add_stats(const struct share *s, double began, struct ann_search_stats *stats)
{
    double seconds = now_s() - began;

    stats->keys += s->counts.keys;
    stats->hops += s->counts.hops;
    stats->exact += s->counts.exact;
    stats->bytes += s->counts.bytes;
    stats->signs += s->counts.signs;
    stats->seconds += seconds;
    for (uint64_t i = 0; stats->us && i < s->n; i++)
        stats->us[i] = (float)(1e6 * seconds / (double)s->n);
}

int ann_search_tree(const struct ann *a, const struct ann_search_opts *o, uint32_t fan,
                    const float *queries, uint64_t n, uint64_t *id, float *score,
                    struct ann_search_stats *stats, struct err *e)
{
    struct ann_search_opts own = *o;
    struct share s = {.a = a, .o = &own, .queries = queries, .n = n};
    struct tree t = {
        .fan = fan, .what = "list", .ctx = &s, .work = work, .take = take, .give = give};
    double began = now_s();
    int rc;

    if (!a->kind->parts)
        return err_set(e, ERR_USAGE, "an index of kind %s has no lists to be searched apart",
                       a->kind->name);
    if (n > UINT32_MAX)
        return err_set(e, ERR_USAGE, "too many queries at once");
    own.effort = o->effort ? o->effort : a->kind->effort_default;
    t.nodes = ((const struct osq_index *)a->state)->head.lists + 1;
    rc = ann_check_search(a, o, queries, n, e);
    if (rc == 0)
        rc = share_out(&s, e);
    if (rc == 0)
        rc = tree_run(&t, e);
    if (rc == 0)
        rc = hand_out(&s, id, score, e);
    if (rc == 0 && stats)
        add_stats(&s, began, stats);
    free(s.visit);
    free(s.at_list);
    free(s.found);
    return rc;
}
