/* tenant_search.c - best first through the tree, by what is the tenant's: tenant.h. */
#include <math.h>
#include <stdlib.h>

#include "ann/allowed.h"
#include "ann/allowed.h"
#include "ann/places.h"
#include "ann/tenant.h"
#include "vec/ops.h"

enum {
    WAIT = 256,               /* rows that may wait to be compared */
    TOGETHER = 64,            /* rows that wait, from which on comparing is worth it */
    BINS = 256,               /* by which lists are sorted */
    AHEAD = 12,               /* lists that are asked for before one is read */
    AHEAD_EXACT = 6,          /* vectors, likewise */
    BLOCKS = 8,               /* blocks that all queries are cut into, at least */
    BLOCK_MOST = 64,          /* queries of a block */
    POOL_LEAST = 4096,        /* candidates that there is room for, with k few */
    SOME = 64 + ALLOWED_ROOM, /* rows that are looked up together */
};

/* A node to come; what of the tenant's lists may be below it, [from, to). */
struct visit {
    float key;
    uint32_t node, from, to;
};

/* Lists of the tenant to come, by their places among its lists. */
struct coming {
    uint32_t list[TENANT_FLAT];
    float key[TENANT_FLAT];
};

struct seeker {
    const struct ann *a;
    const struct tenant_index *v;
    size_t k;
    double reach;
    cells_keys *row_keys;
    const struct allowed_ops *allowed;
    struct exact exact;
    float *x, *point, *room;
    int8_t *node_weights, *row_weights;
    struct visit *heap; /* nodes to come, the least key first */
    size_t heaped, heap_cap;
    uint32_t *id; /* of nodes, as many as are looked at together */
    float *key, *radius;
    struct coming gathered, sorted;
    size_t n_gathered;
    uint32_t *wait; /* [WAIT]: places of rows to be compared */
    float *wait_key;
    size_t waiting;
    uint64_t *pool; /* candidates (cand.h); `near` has seen the first `offered` */
    size_t pooled, pool_cap, offered;
    struct best *near, *found; /* heaps of [k]: by estimates; exact */
    size_t n_near, n_found;
    /* of this query */
    struct ivf_asked in;
    struct cells_query node_query;
    struct form_query row_query;
    uint32_t tenant;
    const uint64_t *bits; /* of rows that may be found; NULL: all */
    float limit;          /* of keys of cells: candidates have no more */
    uint64_t most;        /* what `keys` may come to before it is enough */
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

/* n nodes, t->id: what no row of them is expected below, in the space. */
static void node_keys(struct seeker *t, size_t n, float *key)
{
    const float square = (float)t->in.square, b = TENANT_ORDER, length = b * sqrtf(square);

    t->a->ops->keys8(&t->node_query, t->v->cells, t->v->cells_stride, t->id, n, key);
    for (size_t i = 0; i < n; i++)
        t->radius[i] = t->v->radius[t->id[i]];
    if (t->a->form.metric == VEC_IP) {
        for (size_t i = 0; i < n; i++)
            key[i] -= length * t->radius[i];
        return;
    }
    for (size_t i = 0; i < n; i++) {
        float d2 = key[i] + square, r = t->radius[i];

        d2 = d2 > 0 ? d2 : 0;
        key[i] = d2 + r * (r - 2 * b * sqrtf(d2));
    }
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
        kept += cand_key(t->pool[i]) <= t->limit;
    }
    t->pooled = kept;
    if (kept > t->pool_cap / 2) {
        cands_select(t->pool, kept, t->pool_cap / 2);
        t->pooled = t->pool_cap / 2;
    }
    t->offered = t->pooled;
}

/* Candidates that are new: the limit comes down. */
static void offer_near(struct seeker *t)
{
    for (size_t i = t->offered; i < t->pooled; i++) {
        float key = cand_key(t->pool[i]);

        if (!full(t) || (double)key < kth(t))
            best_offer(t->near, &t->n_near, t->k, (struct best){(double)key, cand_row(t->pool[i])});
    }
    t->offered = t->pooled;
    set_limit(t);
}

/* Rows that wait are compared: what is within the limit goes to the pool. */
static void compare(struct seeker *t)
{
    size_t n = t->waiting, hits;
    uint16_t hit[WAIT];

    if (n == 0)
        return;
    t->row_keys(&t->row_query.cells, t->v->code, t->v->code_stride, t->wait, n, t->wait_key);
    t->keys += n;
    t->waiting = 0;
    if (t->pooled + n > t->pool_cap)
        thin_pool(t);
    hits = t->a->ops->within(t->wait_key, n, t->limit, hit);
    for (size_t i = 0; i < hits; i++) {
        float key = t->wait_key[hit[i]];

        t->pool[t->pooled++] = cand_of(key < INFINITY ? key : 0x1p127f, t->wait[hit[i]]);
    }
    offer_near(t);
}

/* Of n places those whose rows may be found. */
static size_t pick(const struct seeker *t, uint32_t *place, size_t n)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        place[kept] = place[i];
        kept += allowed_row(t->bits, t->v->row[place[i]]);
    }
    return kept;
}

/* Rows of a list begin to wait. */
static void scan(struct seeker *t, const struct tenant_list *list)
{
    const struct tenant_index *v = t->v;
    struct tenant_code c;
    size_t n;

    if (!tenant_code_of(v, t->tenant, list, &c))
        return;
    t->lists++;
    while ((n = tenant_code_next(&c, v->node[list->node].start, t->wait + t->waiting,
                                 WAIT - t->waiting)) > 0) {
        if (t->bits)
            n = pick(t, t->wait + t->waiting, n);
        for (size_t i = 0; i < n; i++)
            __builtin_prefetch(v->code + t->wait[t->waiting + i] * v->code_stride);
        t->waiting += n;
        if (t->waiting == WAIT)
            compare(t);
    }
    if (t->waiting >= TOGETHER || !full(t))
        compare(t);
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

/* The tenant's lists [from, to) are looked at by their nodes. */
static void gather_lists(struct seeker *t, uint32_t from, uint32_t to)
{
    const struct tenant_list *list = t->v->list + t->v->from[t->tenant].list;
    uint32_t n = to - from;

    for (uint32_t i = 0; i < n; i++) {
        t->id[i] = list[from + i].node;
        t->gathered.list[t->n_gathered + i] = from + i;
    }
    node_keys(t, n, t->gathered.key + t->n_gathered);
    t->n_gathered += n;
}

/* Children that may have rows of the tenant, whose lists are in [from, to). */
static void push_children(struct seeker *t, const struct tenant_node *node, uint32_t from,
                          uint32_t to)
{
    const struct tenant_index *v = t->v;
    size_t n = 0;

    for (uint32_t c = node->first; c < node->first + node->count; c++) {
        const struct tenant_node *child = &v->node[c];

        if (tenant_may_be(v->filter + child->filter, child->words, v->head.tenants, t->tenant))
            t->id[n++] = c;
    }
    node_keys(t, n, t->key);
    for (size_t i = 0; i < n; i++)
        push(t, (struct visit){t->key[i], t->id[i], from, to});
}

/* Down the tree, until there are as many lists as there is room for, or all. */
static void gather(struct seeker *t)
{
    const struct tenant_list *list = t->v->list + t->v->from[t->tenant].list;

    while (t->heaped > 0 && t->n_gathered < TENANT_FLAT) {
        struct visit at = pop(t);
        const struct tenant_node *node = &t->v->node[at.node];

        if (at.node > 0) { /* all are below the root */
            at.from = first_at(t->v, list, at.from, at.to, node->start);
            at.to = first_at(t->v, list, at.from, at.to, node->start + node->rows);
        }
        if (at.to - at.from <= TENANT_FLAT - t->n_gathered)
            gather_lists(t, at.from, at.to);
        else
            push_children(t, node, at.from, at.to);
    }
}

/* Lists that were gathered come in the order of their keys, but for those of one bin. */
static void sort_lists(struct seeker *t)
{
    const float *key = t->gathered.key;
    uint32_t at[BINS + 1] = {0};
    uint8_t of[TENANT_FLAT];
    float least = INFINITY, most = -INFINITY, by;
    size_t n = t->n_gathered;

    for (size_t i = 0; i < n; i++) {
        least = key[i] < least ? key[i] : least;
        most = key[i] > most ? key[i] : most;
    }
    by = most > least && most - least < INFINITY ? (float)(BINS - 1) / (most - least) : 0;
    for (size_t i = 0; i < n; i++) {
        float bin = (key[i] - least) * by;

        of[i] = bin > 0 && bin < BINS ? (uint8_t)bin : 0; /* NaN: of a damaged file */
        at[of[i] + 1]++;
    }
    for (size_t b = 1; b < BINS; b++)
        at[b] += at[b - 1];
    for (size_t i = 0; i < n; i++) {
        uint32_t to = at[of[i]]++;

        t->sorted.list[to] = t->gathered.list[i];
        t->sorted.key[to] = key[i];
    }
}

/* What a list will need is asked for. */
static void ask_list(const struct seeker *t, uint32_t which)
{
    const struct tenant_from *from = &t->v->from[t->tenant];
    const struct tenant_list *list = &t->v->list[from->list + which];

    __builtin_prefetch(t->v->bits + from->code + list->at);
    __builtin_prefetch(&t->v->node[list->node]);
}

/* As much as was asked for was seen, and there are k rows. */
static bool enough(const struct seeker *t)
{
    return full(t) && t->keys + t->waiting >= t->most && !t->in.far;
}

/* Lists that were gathered, the nearest first. False: enough was seen. While there are nodes to
 * come, no further than the next of these, or half of the lists. */
static bool scan_gathered(struct seeker *t)
{
    const struct tenant_list *list = t->v->list + t->v->from[t->tenant].list;
    size_t at = 0;

    sort_lists(t);
    for (; at < t->n_gathered; at++) {
        if (at + AHEAD < t->n_gathered)
            ask_list(t, t->sorted.list[at + AHEAD]);
        if (enough(t))
            return false;
        if (t->heaped > 0 && at >= TENANT_FLAT / 2 && t->sorted.key[at] > t->heap[0].key)
            break;
        scan(t, &list[t->sorted.list[at]]);
    }
    t->n_gathered -= at;
    memcpy(t->gathered.list, t->sorted.list + at, t->n_gathered * sizeof *t->gathered.list);
    memcpy(t->gathered.key, t->sorted.key + at, t->n_gathered * sizeof *t->gathered.key);
    return true;
}

/* share: of the tenant's rows, those that may be found, about. */
static void walk(struct seeker *t, double share)
{
    const struct tenant_from *from = &t->v->from[t->tenant];
    double most = t->reach * sqrt(sqrt((double)from->rows * share));

    t->most = t->keys + (uint64_t)fmin(most, (double)from->rows);
    push(t, (struct visit){0, 0, 0, (uint32_t)(from[1].list - from->list)});
    do
        gather(t);
    while (scan_gathered(t) && (t->heaped > 0 || t->n_gathered > 0));
    compare(t);
}

/* ---- few rows that may be found ---- */

/* May the tenant see what stands at a place? Only one of its lists could have it. */
static bool sees(const struct seeker *t, uint32_t place)
{
    const struct tenant_index *v = t->v;
    const struct tenant_from *from = &v->from[t->tenant];
    const struct tenant_list *list = v->list + from->list;
    uint32_t i = first_at(v, list, 0, (uint32_t)(from[1].list - from->list), place + 1), got[SOME];
    const struct tenant_node *node;
    struct tenant_code c;
    size_t n;

    if (i == 0)
        return false;
    node = &v->node[list[i - 1].node];
    if (place - node->start >= node->rows || !tenant_code_of(v, t->tenant, &list[i - 1], &c))
        return false;
    while ((n = tenant_code_next(&c, node->start, got, SOME)) > 0)
        for (size_t j = 0; j < n; j++)
            if (got[j] == place)
                return true;
    return false;
}

/* Each row that may be found, if the tenant sees it. */
static void look_up(struct seeker *t)
{
    struct allowed_at at = {.bits = t->bits, .dead = t->a->dead, .rows = t->v->rows};
    const uint32_t *place = atomic_load(&t->v->place);
    uint32_t row[SOME];
    size_t n;

    while ((n = t->allowed->next(&at, row, SOME)) > 0)
        for (size_t i = 0; i < n; i++) {
            if (!sees(t, place[row[i]]))
                continue;
            t->wait[t->waiting++] = place[row[i]];
            if (t->waiting == WAIT)
                compare(t);
        }
    compare(t);
}

/* All rows (m is NULL), or some. */
static void find(struct seeker *t, const struct ann_allowed *m)
{
    struct filter_case c = {.kind = FILTER_RIGHTS,
                            .rows = t->v->rows,
                            .count = m ? m->count : t->v->rows,
                            .k = (uint32_t)t->k,
                            .own = tenant_rows(t->v, t->tenant)};
    enum filter_how how = m ? filter_plan(&c).how : FILTER_ALL;

    t->bits = how == FILTER_ALL ? NULL : m->bits;
    if (how == FILTER_EXACT)
        look_up(t);
    else if (how != FILTER_NONE)
        walk(t, t->bits ? ann_allowed_share(t->a, c.count) : 1);
}

/* ---- vectors ---- */

/* A row is found. None that was deleted is, whatever a damaged list says. */
static void give(struct seeker *t, double key, uint32_t place)
{
    uint32_t row = t->v->row[place];

    if (!ann_is_dead(t->a->dead, row))
        best_offer(t->found, &t->n_found, t->k, (struct best){key, row});
}

/* May the candidate be among the best k, by its code? */
static bool may_be_best(const struct seeker *t, uint64_t candidate)
{
    double key = true_key(t, cand_key(candidate));

    return t->n_found < t->k || !(key - width(t, key) > t->found[0].key);
}

/* Candidates [from, to) by their vectors. */
static void look(struct seeker *t, size_t from, size_t to)
{
    for (size_t i = from; i < to && i < from + AHEAD_EXACT; i++)
        exact_ask(&t->exact, cand_row(t->pool[i]));
    for (size_t i = from; i < to; i++) {
        uint32_t place = cand_row(t->pool[i]);

        if (i + AHEAD_EXACT < to)
            exact_ask(&t->exact, cand_row(t->pool[i + AHEAD_EXACT]));
        if (!may_be_best(t, t->pool[i]))
            continue;
        give(t, exact_key(&t->exact, place), place);
        t->exacts++;
    }
}

/* Of the candidates the k nearest by their codes come first, and such as are as near: how many. */
static size_t nearest_first(struct seeker *t)
{
    uint64_t last = full(t) ? cand_of((float)kth(t), t->near[0].row) : UINT64_MAX;
    size_t first = 0;

    for (size_t i = 0; i < t->pooled; i++) {
        uint64_t cand = t->pool[i];

        t->pool[i] = t->pool[first];
        t->pool[first] = cand;
        first += cand <= last;
    }
    return first;
}

/* The best k of the candidates, by their vectors if there are any: first of the k nearest, then of
 * others that may be as near. */
static void settle(struct seeker *t)
{
    size_t first, rest;

    thin_pool(t);
    first = rest = nearest_first(t);
    if (!t->a->vectors) {
        for (size_t i = 0; i < first; i++)
            give(t, true_key(t, cand_key(t->pool[i])), cand_row(t->pool[i]));
        return;
    }
    look(t, 0, first);
    for (size_t i = first; i < t->pooled; i++) {
        t->pool[rest] = t->pool[i];
        rest += may_be_best(t, t->pool[i]);
    }
    look(t, first, rest);
}

static void search_one(struct seeker *t, const float *q, const struct ann_allowed *m, uint64_t *id,
                       float *score)
{
    const struct form *f = &t->a->form;

    t->heaped = t->pooled = t->offered = t->waiting = t->n_gathered = t->n_near = t->n_found = 0;
    t->limit = INFINITY;
    if (t->tenant < t->v->head.tenants) {
        memcpy(t->x, q, f->dim * sizeof *q);
        exact_query(&t->exact, t->x);
        t->in = ivf_query(&t->v->space, t->x, t->point);
        t->node_query = tenant_query(&t->v->space, t->point, t->v->head.step, t->node_weights,
                                     t->v->cells_stride);
        form_queries(f, t->x, 1, t->room, t->row_weights, &t->row_query);
        find(t, m);
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
        search_one(t, q->x + i * t->a->form.dim, q->allowed ? q->allowed + (q->each ? i : 0) : NULL,
                   q->id + i * t->k, q->score + i * t->k);
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
    free(t->wait);
    free(t->radius);
    free(t->wait_key);
    free(t->pool);
    free(t->near);
    free(t->found);
    free(t);
}

static int make_room(struct seeker *t, struct err *e)
{
    const struct ann *a = t->a;
    const struct tenant_index *v = t->v;
    size_t most = v->most_children > TENANT_FLAT ? v->most_children : TENANT_FLAT;

    t->x = codec_array(a->form.dim, sizeof *t->x, e);
    t->point = codec_array(v->space.padded, sizeof *t->point, e);
    t->room = codec_array(form_room(&a->form, 1), sizeof *t->room, e);
    t->node_weights = codec_array(v->cells_stride, 1, e);
    t->row_weights = codec_array(form_weights(&a->form), 1, e);
    t->heap = mem_array(t->heap_cap, sizeof *t->heap, e);
    t->id = mem_array(most, sizeof *t->id, e);
    t->key = mem_array(most, sizeof *t->key, e);
    t->radius = mem_array(most, sizeof *t->radius, e);
    t->wait = mem_array(WAIT, sizeof *t->wait, e);
    t->wait_key = mem_array(WAIT, sizeof *t->wait_key, e);
    t->pool = mem_array(t->pool_cap, sizeof *t->pool, e);
    t->near = mem_array(t->k, sizeof *t->near, e);
    t->found = mem_array(t->k, sizeof *t->found, e);
    return t->x && t->point && t->room && t->node_weights && t->row_weights && t->heap && t->id &&
                   t->key && t->radius && t->wait && t->wait_key && t->pool && t->near && t->found
               ? 0
               : e->code;
}

int tenant_searcher_new(void **searcher, const struct ann *a, const struct ann_search_opts *o,
                        uint64_t block, struct err *e)
{
    struct seeker *t = *searcher = mem_zero(1, sizeof *t, e);

    (void)block;
    if (!t)
        return e->code;
    t->a = a;
    t->v = a->state;
    t->k = o->k;
    t->reach = o->effort;
    t->row_keys = cells_keys_of(a->ops, form_bits(&a->form));
    t->heap_cap = t->v->head.nodes;
    t->pool_cap = POOL_LEAST + 8 * t->k;
    t->allowed = allowed_ops_for(a->cpu);
    if (o->allowed) {
        struct tenant_index *v = a->state;

        if (places_of_rows(&v->place, v->row, v->rows, e) < 0)
            return e->code;
    }
    return make_room(t, e) < 0 ? e->code : exact_init(&t->exact, a, e);
}
