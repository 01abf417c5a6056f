/* tenant_search.c - best first through the tree, by what is the tenant's: tenant.h. */
#include <math.h>
#include <stdlib.h>

#include "ann/tenant.h"
#include "ann/tenant_code.h"
#include "vec/ops.h"

enum {
    CHUNK = 128,      /* rows compared at once */
    BLOCKS = 8,       /* of all queries, of up to */
    BLOCK_MOST = 64,  /* each */
    POOL_LEAST = 4096 /* candidates that there is room for */
};

/* A node to come; what of the tenant's lists may be below it, [from, to). */
struct visit {
    float key;
    uint32_t node, from, to;
};

struct seeker {
    const struct ann *a;
    const struct tenant_index *v;
    size_t k;
    double reach;
    cells_keys *row_keys;
    struct exact exact;
    float *x, *point, *room;
    int8_t *node_weights, *row_weights;
    struct visit *heap; /* the least key first */
    size_t heaped, heap_cap;
    uint32_t *id; /* [the most children, or TENANT_FLAT, or CHUNK] */
    float *key;
    uint64_t *pool; /* candidates, as places (place.h) */
    size_t pooled, pool_cap;
    struct best *near, *found; /* heaps of [k]: by estimates; exact */
    size_t n_near, n_found;
    /* of this query */
    struct ivf_asked in;
    struct cells_query node_query;
    struct form_query row_query;
    uint32_t tenant;
    float limit; /* of keys of cells: candidates have no more */
    uint64_t keys, lists, exacts;
};

/* ---- the heap ---- */

static void push(struct seeker *t, struct visit v)
{
    struct visit *h = t->heap;
    size_t i = t->heaped;

    if (i == t->heap_cap)
        return; /* only of a damaged file */
    t->heaped++;
    for (; i > 0 && v.key < h[(i - 1) / 2].key; i = (i - 1) / 2)
        h[i] = h[(i - 1) / 2];
    h[i] = v;
}

static struct visit pop(struct seeker *t)
{
    struct visit *h = t->heap, top = h[0], last = h[--t->heaped];
    size_t i = 0, child;

    while ((child = 2 * i + 1) < t->heaped) {
        child += child + 1 < t->heaped && h[child + 1].key < h[child].key;
        if (!(h[child].key < last.key))
            break;
        h[i] = h[child];
        i = child;
    }
    h[i] = last;
    return top;
}

/* ---- keys ---- */

/* What no row of a node is expected below, in the space; `key` as its cells give it. */
static float least_of(const struct seeker *t, const struct tenant_node *node, float key)
{
    double r = (double)node->radius, d2;

    if (t->a->form.metric == VEC_IP)
        return (float)((double)key - t->reach * sqrt(t->in.square) * r);
    d2 = fmax(0, (double)key + t->in.square);
    return (float)(d2 + r * r - 2 * t->reach * sqrt(d2) * r);
}

/* Of the rows' cells, as a true key. */
static double true_key(const struct seeker *t, float key)
{
    return t->row_query.add + t->row_query.mul * (double)key;
}

/* How far an estimate may be off. */
static double width(const struct seeker *t, double key)
{
    double by = t->a->form.metric == VEC_IP ? t->exact.now.norm : sqrt(fmax(0, key));

    return (double)t->v->head.spread * by + (double)t->v->head.noise;
}

static bool full(const struct seeker *t)
{
    return t->n_near == t->k;
}

/* The k-th estimate so far. */
static double kth(const struct seeker *t)
{
    return t->near[0].key;
}

/* Is what lies at `key` of the space, or beyond, too far? */
static bool beyond(const struct seeker *t, float key)
{
    if (!full(t) || t->in.far)
        return false;
    return t->in.mul * (double)key + t->in.add > true_key(t, (float)kth(t));
}

static void set_limit(struct seeker *t)
{
    double key;

    t->limit = INFINITY;
    if (!full(t) || !(t->row_query.mul > 0))
        return;
    key = true_key(t, (float)kth(t));
    key = (key + 2 * width(t, key) - t->row_query.add) / t->row_query.mul;
    t->limit = isfinite(key) ? (float)key : INFINITY;
}

/* ---- candidates ---- */

/* Those within the limit stay; if they still fill it, the nearest. */
static void thin_pool(struct seeker *t)
{
    size_t kept = 0;

    for (size_t i = 0; i < t->pooled; i++) {
        t->pool[kept] = t->pool[i];
        kept += place_key(t->pool[i]) <= t->limit;
    }
    t->pooled = kept;
    if (kept > t->pool_cap / 2) {
        places_select(t->pool, kept, t->pool_cap / 2);
        t->pooled = t->pool_cap / 2;
    }
}

static void take(struct seeker *t, float key, uint32_t place)
{
    key = key < INFINITY ? key : 0x1p127f; /* of what cannot be compared, NaN too */
    if (full(t) && key > t->limit)
        return;
    if (t->pooled == t->pool_cap)
        thin_pool(t);
    t->pool[t->pooled++] = place_of(key, place);
    if (!full(t) || (double)key < kth(t))
        best_offer(t->near, &t->n_near, t->k, (struct best){(double)key, place});
}

static void scan(struct seeker *t, const struct tenant_list *list)
{
    const struct tenant_index *v = t->v;
    const struct tenant_node *node = &v->node[list->node];
    uint64_t at = v->from[t->tenant].code + list->at;
    struct tenant_code c;
    size_t n;

    if (at > v->bits_len || !tenant_code_begin(&c, v->bits + at, v->bits_len - at, node->rows))
        return;
    while ((n = tenant_code_next(&c, node->start, t->id, CHUNK)) > 0) {
        for (size_t i = 0; i < n; i++)
            __builtin_prefetch(v->code + t->id[i] * v->code_stride);
        t->row_keys(&t->row_query.cells, v->code, v->code_stride, t->id, n, t->key);
        for (size_t i = 0; i < n; i++)
            take(t, t->key[i], t->id[i]);
        t->keys += n;
    }
    t->lists++;
    set_limit(t);
}

/* ---- the walk ---- */

/* The first of the tenant's lists [from, to) whose node begins at `place` or behind it. */
static uint32_t first_at(const struct tenant_index *v, const struct tenant_list *list,
                         uint32_t from, uint32_t to, uint32_t place)
{
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;

        if (v->node[list[middle].node].start < place)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* n nodes, t->id, of which each has lists in [from, to); or, alone, the i-th of these. */
static void push_nodes(struct seeker *t, size_t n, uint32_t from, uint32_t to, bool alone)
{
    t->a->ops->keys8(&t->node_query, t->v->cells, t->v->cells_stride, t->id, n, t->key);
    for (size_t i = 0; i < n; i++) {
        float least = least_of(t, &t->v->node[t->id[i]], t->key[i]);
        uint32_t first = alone ? from + (uint32_t)i : from;

        push(t, (struct visit){least, t->id[i], first, alone ? first + 1 : to});
    }
}

static void visit(struct seeker *t, struct visit at)
{
    const struct tenant_index *v = t->v;
    const struct tenant_node *node = &v->node[at.node];
    const struct tenant_list *list = v->list + v->from[t->tenant].list;
    size_t n = 0;

    at.from = first_at(v, list, at.from, at.to, node->start);
    at.to = first_at(v, list, at.from, at.to, node->start + node->rows);
    if (at.from == at.to)
        return;
    if (list[at.from].node == at.node) {
        scan(t, &list[at.from]);
    } else if (at.to - at.from <= TENANT_FLAT) {
        for (uint32_t i = at.from; i < at.to; i++)
            t->id[n++] = list[i].node;
        push_nodes(t, n, at.from, at.to, true);
    } else {
        for (uint32_t c = node->first; c < node->first + node->count; c++) {
            const struct tenant_node *child = &v->node[c];

            if (tenant_may_be(v->filter + child->filter, child->words, v->head.tenants, t->tenant))
                t->id[n++] = c;
        }
        push_nodes(t, n, at.from, at.to, false);
    }
}

static void walk(struct seeker *t)
{
    const struct tenant_from *from = &t->v->from[t->tenant];

    push(t, (struct visit){0, 0, 0, (uint32_t)(from[1].list - from->list)});
    while (t->heaped > 0) {
        struct visit next = pop(t);

        if (beyond(t, next.key))
            break;
        visit(t, next);
    }
}

/* ---- vectors ---- */

static void look(struct seeker *t, size_t i, size_t n)
{
    uint32_t place = place_row(t->pool[i]);

    if (i + 4 < n)
        exact_ask(&t->exact, place_row(t->pool[i + 4]));
    best_offer(t->found, &t->n_found, t->k,
               (struct best){exact_key(&t->exact, place), t->v->row[place]});
    t->exacts++;
}

/* The best k of the candidates, by their vectors if there are any. */
static void settle(struct seeker *t)
{
    size_t first;

    thin_pool(t);
    first = t->pooled < t->k ? t->pooled : t->k;
    places_select(t->pool, t->pooled, first);
    for (size_t i = 0; i < first; i++)
        if (t->a->vectors)
            look(t, i, first);
        else
            best_offer(t->found, &t->n_found, t->k,
                       (struct best){true_key(t, place_key(t->pool[i])),
                                     t->v->row[place_row(t->pool[i])]});
    for (size_t i = first; i < t->pooled && t->a->vectors; i++) {
        double key = true_key(t, place_key(t->pool[i]));

        if (!(key - width(t, key) > t->found[0].key))
            look(t, i, i);
    }
}

static void search_one(struct seeker *t, const float *q, uint64_t *id, float *score)
{
    const struct form *f = &t->a->form;

    t->heaped = t->pooled = t->n_near = t->n_found = 0;
    t->limit = INFINITY;
    if (t->tenant < t->v->head.tenants) {
        memcpy(t->x, q, f->dim * sizeof *q);
        exact_query(&t->exact, t->x);
        t->in = ivf_query(&t->v->space, t->x, t->point);
        t->node_query = tenant_query(&t->v->space, t->point, t->v->head.step, t->node_weights,
                                     t->v->cells_stride);
        form_queries(f, t->x, 1, t->room, t->row_weights, &t->row_query);
        walk(t);
        settle(t);
    }
    best_sort(t->found, t->n_found, t->k);
    best_give(t->found, t->n_found, t->k, f->metric, id, score);
}

void tenant_search(void *searcher, const struct ann_queries *q)
{
    struct seeker *t = searcher;

    for (size_t i = 0; i < q->n; i++) {
        double began = q->us ? now_s() : 0;

        t->tenant = q->tenant[q->tenant_each ? i : 0];
        search_one(t, q->x + i * t->a->form.dim, q->id + i * t->k, q->score + i * t->k);
        if (q->us)
            q->us[i] = (float)(1e6 * (now_s() - began));
    }
}

/* ---- a searcher ---- */

uint64_t tenant_block(const struct ann *a, const struct ann_search_opts *o, uint64_t n)
{
    uint64_t block = (n + BLOCKS - 1) / BLOCKS;

    (void)a;
    (void)o;
    return block < 1 ? 1 : block < BLOCK_MOST ? block : BLOCK_MOST;
}

void tenant_count(const void *searcher, struct ann_search_stats *s)
{
    const struct seeker *t = searcher;

    s->keys += t->keys;
    s->hops += t->lists;
    s->exact += t->exacts;
    s->bytes += t->keys * t->v->code_stride + t->exacts * t->a->vector_bytes;
}

void tenant_searcher_free(void *searcher)
{
    struct seeker *t = searcher;

    if (!t)
        return;
    exact_free(&t->exact);
    free(t->x);
    free(t->point);
    free(t->room);
    free(t->node_weights);
    free(t->row_weights);
    free(t->heap);
    free(t->id);
    free(t->key);
    free(t->pool);
    free(t->near);
    free(t->found);
    free(t);
}

int tenant_searcher_new(void **searcher, const struct ann *a, const struct ann_search_opts *o,
                        uint64_t block, struct err *e)
{
    struct seeker *t = *searcher = mem_zero(1, sizeof *t, e);
    const struct tenant_index *v = a->state;
    size_t most = v->most_children > CHUNK ? v->most_children : CHUNK;

    (void)block;
    if (!t)
        return e->code;
    t->a = a;
    t->v = v;
    t->k = o->k;
    t->reach = o->effort / 100.0;
    t->row_keys = cells_keys_of(a->ops, form_bits(&a->form));
    t->heap_cap = 2 * v->head.nodes;
    t->pool_cap = POOL_LEAST + 8 * t->k;
    t->x = codec_array(a->form.dim, sizeof *t->x, e);
    t->point = codec_array(v->space.padded, sizeof *t->point, e);
    t->room = codec_array(form_room(&a->form, 1), sizeof *t->room, e);
    t->node_weights = codec_array(v->cells_stride, 1, e);
    t->row_weights = codec_array(form_weights(&a->form), 1, e);
    t->heap = mem_array(t->heap_cap, sizeof *t->heap, e);
    t->id = mem_array(most, sizeof *t->id, e);
    t->key = mem_array(most, sizeof *t->key, e);
    t->pool = mem_array(t->pool_cap, sizeof *t->pool, e);
    t->near = mem_array(t->k, sizeof *t->near, e);
    t->found = mem_array(t->k, sizeof *t->found, e);
    if (!t->x || !t->point || !t->room || !t->node_weights || !t->row_weights || !t->heap ||
        !t->id || !t->key || !t->pool || !t->near || !t->found)
        return e->code;
    return exact_init(&t->exact, a, e);
}
_Static_assert((int)TENANT_FLAT <= (int)CHUNK, "ids of lists have room");
