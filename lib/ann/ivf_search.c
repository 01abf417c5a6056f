/* ivf_search.c - queries of a block meet lists together: ivf.h.
 *
 * Each query's nearest lists are found, and then visited in rounds: the nearest, then about twice
 * as many in each round, so that bounds soon are good ones. In a round all queries of a list stand
 * together: its codes are scanned for TEAM of them at once, and vectors that two of them want
 * are in the cache.
 *
 * Where only some rows are allowed, queries go one by one: ivf_allowed.c.
 *
 * Which rows are looked at depends on the order of all that, but blocks and rounds are the same for
 * any number of threads.
 */
#include <math.h>
#include <stdlib.h>

#include "ann/ivf_seek.h"
#include "base/mem.h"
#include "vec/ops.h"

enum {
    BLOCK_MOST = 4096, /* queries, or what BLOCK_BYTES hold */
    BLOCK_BYTES = 64 << 20,
    AHEAD = 4, /* vectors asked for before they are read */
    MORE = 32, /* lists that are kept more than is needed, for a while */
};

static const double rounding = 3;    /* standard deviations of what tables lose */
static const double slack = 0x1p-18; /* of squares, for the rounding of all else */

/* Query number and its visit. */
struct visiting {
    uint32_t query, visit;
};

/* ---- rows that may be near ---- */

/* The bound of a query in a list, of the k-th key so far. */
static struct ivf_limit limit_of(const struct seeker *t, const struct asker *q,
                                 const struct visit *l)
{
    double spread = t->v->head.spread, centre = (double)t->v->norm[l->list], most, width;

    if (!ivf_full(t, q) || q->in.far)
        return (struct ivf_limit){t->bare ? 0 : q->tables, 0, INFINITY};
    most = (q->best[0].key - q->in.add) / q->in.mul;
    if (t->a->form.metric == VEC_IP) {
        width = spread * sqrt(q->in.square);
        most += slack * (fabs(most) + sqrt(q->in.square * centre)) - (double)l->key;
    } else {
        most = fmax(0, most);
        width = 2 * spread * sqrt(most);
        most += slack * (most + q->in.square + centre) - (q->in.square + (double)l->key);
    }
    if (t->bare)
        return (struct ivf_limit){0, 0, (float)most};
    return (struct ivf_limit){q->tables, (float)width, (float)most};
}

/* The key that a code gives: its bound without any width. */
static double code_key(const struct seeker *t, const struct asker *q, const struct visit *l,
                       float bound)
{
    double centre = (double)l->key + (t->a->form.metric == VEC_IP ? 0 : q->in.square);
    double key = q->in.mul * (centre + (double)bound) + q->in.add;

    return isfinite(key) ? key : (double)INFINITY;
}

/* The key of a row at a place; exact, or of finer codes. */
static double row_key(const struct seeker *t, const struct asker *q, uint64_t place)
{
    uint32_t id = (uint32_t)place;
    float key = 0;

    if (t->a->vectors)
        return exact_key(&t->exact, id);
    cells_keys_of(t->a->ops, form_bits(&t->a->form))(&q->cells.cells, t->v->cells,
                                                     t->v->cells_stride, &id, 1, &key);
    return q->cells.add + q->cells.mul * (double)key;
}

void ivf_ask(const struct seeker *t, uint64_t place)
{
    __builtin_prefetch(t->v->row + place);
    if (t->a->vectors)
        exact_ask(&t->exact, (uint32_t)place);
    else if (t->v->cells)
        for (size_t at = 0; at < t->v->cells_stride; at += CELLS_LINE)
            __builtin_prefetch(t->v->cells + place * t->v->cells_stride + at);
}

void ivf_compare(struct seeker *t, struct asker *q, uint64_t place)
{
    double key = row_key(t, q, place);

    t->exacts++;
    if (!ivf_full(t, q) || key <= q->best[0].key) /* else its number need not be read */
        best_offer(q->best, &q->n, t->o.k, (struct best){key, t->v->row[place]});
}

static float bound_in(const struct piece *p, const struct ivf_limit *l, const float *key, size_t i)
{
    return ivf_bound(l, key[i], p->factor[i], p->factor[p->lanes + i], p->factor[2 * p->lanes + i]);
}

/* Row i of a piece may be near: here one that must not be found would be left out. */
static void look(struct seeker *t, struct asker *q, const struct piece *p, const float *keys,
                 size_t i)
{
    const struct ivf_limit none = {0};
    uint64_t place = p->place + i;
    double key;

    if (!t->bare) {
        ivf_compare(t, q, place);
        return;
    }
    key = code_key(t, q, p->visit, bound_in(p, &none, keys, i));
    if (!ivf_full(t, q) || key <= q->best[0].key)
        best_offer(q->best, &q->n, t->o.k, (struct best){key, t->v->row[place]});
}

static bool is_allowed(const struct seeker *t, const struct piece *p, size_t i)
{
    uint32_t row;

    if (p->mask)
        return p->mask[i / ALLOWED_LANES] >> i % ALLOWED_LANES & 1;
    if (!p->bits)
        return true;
    row = t->v->row[p->place + i];
    return allowed_row(p->bits, row) && !ann_is_dead(t->a->dead, row);
}

/* A query without k rows looks at those that seem nearest; their keys become infinite. */
static void fill(struct seeker *t, struct asker *q, const struct piece *p, float *key)
{
    struct ivf_limit l = limit_of(t, q, p->visit);
    size_t want = t->o.k - q->n, n = 0;

    for (size_t i = 0; i < p->n; i++) {
        t->cand[n] = cand_of(bound_in(p, &l, key, i), (uint32_t)i);
        n += is_allowed(t, p, i);
    }
    cands_select(t->cand, n, want);
    for (size_t i = 0; i < n && i < want; i++)
        ivf_ask(t, p->place + cand_row(t->cand[i]));
    for (size_t i = 0; i < n && i < want; i++) {
        uint32_t at = cand_row(t->cand[i]);

        look(t, q, p, key, at);
        key[at] = INFINITY;
    }
}

/* Hits that are not allowed are left out: how many remain. */
static size_t drop_hits(const struct seeker *t, const struct piece *p, uint16_t *hit, size_t hits)
{
    size_t kept = 0;

    for (size_t i = 0; i < hits; i++) {
        hit[kept] = hit[i];
        kept += is_allowed(t, p, hit[i]);
    }
    return kept;
}

void ivf_settle(struct seeker *t, struct asker *q, const struct piece *p, float *key)
{
    struct ivf_limit l;
    bool nearer = false; /* than when the hits were found */
    size_t hits;

    t->exact.now = q->exact;
    if (!ivf_full(t, q))
        fill(t, q, p, key);
    l = limit_of(t, q, p->visit);
    hits = t->ops->near(&l, key, p->factor, p->lanes, p->n, t->hit);
    if (p->bits)
        hits = drop_hits(t, p, t->hit, hits);
    for (size_t i = 0; i < hits && i < AHEAD; i++)
        ivf_ask(t, p->place + t->hit[i]);
    for (size_t i = 0; i < hits; i++) {
        double worst = ivf_full(t, q) ? q->best[0].key : (double)INFINITY;

        if (i + AHEAD < hits)
            ivf_ask(t, p->place + t->hit[i + AHEAD]);
        if (key[t->hit[i]] == INFINITY || (nearer && bound_in(p, &l, key, t->hit[i]) > l.most))
            continue;
        look(t, q, p, key, t->hit[i]);
        if (ivf_full(t, q) && q->best[0].key < worst) {
            l = limit_of(t, q, p->visit);
            nearer = true;
        }
    }
}

static struct visit *visit_of(const struct seeker *t, const struct visiting *who)
{
    return &t->visit[(size_t)who->query * t->nprobe + who->visit];
}

static struct asker *asker_of(const struct seeker *t, const struct visiting *who)
{
    return &t->asker[t->first + who->query];
}

/* n <= TEAM queries in their list. */
static void scan(struct seeker *t, const struct visiting *who, size_t n)
{
    const struct ivf *v = t->v;
    const void *table[TEAM];
    const struct visit *at_visit = visit_of(t, who);
    const struct ivf_some *some = t->some;
    uint32_t list = at_visit->list, mask = some ? some->mask[at_visit->slot] : IVF_WHOLE;
    const uint8_t *code = v->fast + v->fast_at[list];
    uint64_t size = v->start[list + 1] - v->start[list];
    size_t lanes = ivf_factors(size) / 3;

    for (size_t j = 0; j < n; j++)
        table[j] = asker_of(t, &who[j])->table;
    for (uint64_t at = 0; at < size; at += CODEC_LIST) {
        size_t rows = size - at < CODEC_LIST ? (size_t)(size - at) : CODEC_LIST;

        v->codec->spec.kind->scan(v->codec, table, n, code, rows, t->key, NULL, CODEC_LIST);
        code += ivf_packed(v->codec, rows);
        for (size_t j = 0; j < n; j++) {
            struct piece p = {.visit = visit_of(t, &who[j]),
                              .factor = v->factor + v->factor_at[list] + at,
                              .lanes = lanes,
                              .n = rows,
                              .place = v->start[list] + at};

            if (mask != IVF_WHOLE) {
                p.bits = some->bits;
                p.mask = some->masks + mask + at / ALLOWED_LANES;
            }
            ivf_settle(t, asker_of(t, &who[j]), &p, t->key + j * CODEC_LIST);
        }
    }
    t->keys += size * n;
    t->lists += n;
}

/* Visits [from, to) of all queries, those of a list together. */
static void round_of(struct seeker *t, size_t n, uint32_t from, uint32_t to)
{
    uint32_t lists = t->some ? t->some->n : t->v->head.lists, *at = t->at_list, begin = 0;

    memset(at, 0, (lists + 1) * sizeof *at);
    for (size_t i = 0; i < n; i++)
        for (uint32_t r = from; r < to; r++)
            at[t->visit[i * t->nprobe + r].slot + 1]++;
    for (uint32_t l = 0; l < lists; l++)
        at[l + 1] += at[l];
    for (size_t i = 0; i < n; i++)
        for (uint32_t r = from; r < to; r++)
            t->order[at[t->visit[i * t->nprobe + r].slot]++] = (struct visiting){(uint32_t)i, r};
    for (uint32_t l = 0; l < lists; begin = at[l++]) /* at[l] is now where l ends */
        for (uint32_t i = begin; i < at[l]; i += TEAM)
            scan(t, t->order + i, at[l] - i < TEAM ? at[l] - i : TEAM);
}

/* ---- the nearest lists ---- */

static float most_of(const uint64_t *cand, size_t n)
{
    uint64_t most = cand[0];

    for (size_t i = 1; i < n; i++)
        most = cand[i] > most ? cand[i] : most;
    return cand_key(most);
}

/* The `want` nearest lists come first, of them the nearer half, and so on. `have` has room for
 * twice as many, and some. */
static void nearest(uint64_t *have, uint32_t want, const float *key, size_t n)
{
    size_t got = 0, room = 2 * (size_t)want + MORE;
    float most = INFINITY;

    for (size_t i = 0; i < n; i++) {
        have[got] = cand_of(key[i], (uint32_t)i);
        got += !(key[i] > most); /* nor is NaN, of damaged centroids */
        if (got == room) {
            cands_select(have, got, want);
            got = want;
            most = most_of(have, got);
        }
    }
    for (; want > 0; got = want, want /= 2)
        cands_select(have, got, want);
}

size_t ivf_centres(struct seeker *t, size_t i, size_t n)
{
    const struct ivf *v = t->v;
    bool ip = t->a->form.metric == VEC_IP;
    size_t panels = linmap_panels(&v->centroids), wide = panels * PANEL;
    float tile[TILE * PANEL] __attribute__((aligned(64)));

    if (t->some)
        panels = t->some->panels;
    for (size_t m = 0; m < panels; m++) {
        size_t p = t->some ? t->some->panel[m] : m;

        linmap_tile(&v->centroids, p, t->q + i * v->space.padded, n, tile);
        for (size_t j = 0; j < n; j++)
            for (size_t k = 0; k < PANEL; k++)
                t->centre_key[j * wide + p * PANEL + k] = ip ? -tile[j * PANEL + k]
                                                             : v->norm[p * PANEL + k] -
                                                                   2 * tile[j * PANEL + k];
    }
    return wide;
}

/* Keys of the lists that may be visited, of all of them: key. */
static const float *some_keys(struct seeker *t, const float *key)
{
    if (!t->some)
        return key;
    for (uint32_t i = 0; i < t->some->n; i++)
        t->some_key[i] = key[t->some->list[i]];
    return t->some_key;
}

static struct visit visit_at(const struct seeker *t, float key, uint32_t slot)
{
    return (struct visit){key, t->some ? t->some->list[slot] : slot, slot};
}

/* Of up to TILE queries from i on. */
static void find_lists(struct seeker *t, size_t i, size_t n)
{
    size_t wide = ivf_centres(t, t->first + i, n), lists = t->some ? t->some->n : t->v->head.lists;

    for (size_t j = 0; j < n; j++) {
        struct visit *to = t->visit + (i + j) * t->nprobe;

        nearest(t->near_lists, t->nprobe, some_keys(t, t->centre_key + j * wide), lists);
        for (uint32_t r = 0; r < t->nprobe; r++)
            to[r] = visit_at(t, cand_key(t->near_lists[r]), cand_row(t->near_lists[r]));
    }
}

/* ---- a block ---- */

void ivf_prepare(struct seeker *t, const struct ann_queries *q)
{
    const struct form *f = &t->a->form;
    const struct codec *c = t->v->codec;

    for (size_t i = 0; i < q->n; i++) {
        struct asker *s = &t->asker[i];
        float *raw = t->raw + i * t->raw_dim;

        memcpy(raw, q->x + i * f->dim, f->dim * sizeof *raw);
        *s = (struct asker){.best = t->best + i * t->o.k,
                            .q = t->q + i * t->v->space.padded,
                            .table = t->table + i * t->table_bytes};
        s->in = ivf_query(&t->v->space, raw, s->q);
        s->exact = exact_prepare(t->a, raw, t->bytes + i * f->dim);
        c->spec.kind->query_init(c, VEC_IP, s->q, s->table);
        if (c->spec.kind->rounding)
            s->tables = (float)rounding * c->spec.kind->rounding(c, s->table);
        if (!t->a->vectors && t->v->cells)
            form_queries(f, raw, 1, t->form_room, t->weights + i * form_weights(f), &s->cells);
    }
}

/* Lists in rounds. */
void ivf_search_some(struct seeker *t, size_t first, size_t n)
{
    t->first = first;
    for (size_t i = 0; i < n; i += TILE)
        find_lists(t, i, n - i < TILE ? n - i : TILE);
    for (uint32_t from = 0, shift = 31; from < t->nprobe; shift--) {
        uint32_t to = t->nprobe >> shift;

        if (to > from)
            round_of(t, n, from, to);
        from = to;
    }
}

void ivf_search_every(struct seeker *t, size_t query)
{
    const struct visiting who = {0, 0};

    t->first = query;
    ivf_centres(t, query, 1);
    for (uint32_t i = 0; i < t->some->n; i++) {
        t->visit[0] = visit_at(t, t->centre_key[t->some->list[i]], i);
        scan(t, &who, 1);
    }
}

void ivf_give(struct seeker *t, const struct ann_queries *q)
{
    uint32_t k = t->o.k;

    for (size_t i = 0; i < q->n; i++) {
        best_sort(t->asker[i].best, t->asker[i].n, k);
        best_give(t->asker[i].best, t->asker[i].n, k, t->a->form.metric, q->id + i * k,
                  q->score + i * k);
    }
}

void ivf_search(void *searcher, const struct ann_queries *q)
{
    struct seeker *t = searcher;
    double began = q->us ? now_s() : 0;

    ivf_prepare(t, q);
    if (q->allowed)
        ivf_search_allowed(t, q);
    else
        ivf_search_some(t, 0, q->n);
    ivf_give(t, q);
    for (size_t i = 0; q->us && i < q->n; i++)
        q->us[i] = (float)(1e6 * (now_s() - began) / (double)q->n);
}

static uint32_t nprobe_of(const struct ann *a, const struct ann_search_opts *o)
{
    const struct ivf *v = a->state;

    return o->effort < v->head.lists ? o->effort : v->head.lists;
}

uint64_t ivf_block(const struct ann *a, const struct ann_search_opts *o, uint64_t n)
{
    const struct ivf *v = a->state;
    uint64_t each = v->codec->spec.kind->query_bytes(v->codec) + 9 * (uint64_t)v->space.padded +
                    (sizeof(struct visit) + sizeof(struct visiting)) * nprobe_of(a, o) +
                    sizeof(struct best) * (uint64_t)o->k + sizeof(struct asker);

    return ann_block(&(struct ann_blocks){BLOCK_MOST, BLOCK_BYTES, each}, n);
}

void ivf_count(const void *searcher, struct ann_search_stats *s)
{
    const struct seeker *t = searcher;
    const struct ivf *v = t->v;
    uint64_t row = t->a->vectors ? t->a->vector_bytes : v->cells_stride; /* bare: none is read */

    s->keys += t->keys + t->gather.keys;
    s->hops += t->lists;
    s->exact += t->exacts + t->gather.exacts;
    s->bytes += t->keys * (v->codec->code_bytes + 3 * sizeof(float)) +
                (t->exacts + t->gather.exacts + t->gather.keys) * row;
}

void ivf_searcher_free(void *searcher)
{
    struct seeker *t = searcher;

    if (!t)
        return;
    exact_free(&t->exact);
    gather_free(&t->gather);
    free(t->mask);
    held_free(&t->held);
    free(t->held_at);
    free(t->held_place);
    free(t->asker);
    free(t->best);
    free(t->q);
    free(t->table);
    free(t->raw);
    free(t->bytes);
    free(t->weights);
    free(t->form_room);
    free(t->visit);
    free(t->near_lists);
    free(t->centre_key);
    free(t->some_key);
    free(t->at_list);
    free(t->order);
    free(t->key);
    free(t->hit);
    free(t->cand);
    free(t);
}

static int make_room(struct seeker *t, struct err *e)
{
    const struct ivf *v = t->v;
    const struct form *f = &t->a->form;
    size_t cap = t->cap, lists = linmap_panels(&v->centroids) * PANEL;

    t->asker = mem_array(cap, sizeof *t->asker, e);
    t->best = mem_array(cap * t->o.k, sizeof *t->best, e);
    t->q = codec_array(cap * v->space.padded, sizeof *t->q, e);
    t->table = codec_array(cap, t->table_bytes, e);
    t->raw = codec_array(cap * t->raw_dim, sizeof *t->raw, e);
    t->bytes = mem_array(cap, f->dim, e);
    t->weights = codec_array(t->a->vectors ? 0 : cap, form_weights(f), e);
    t->form_room = codec_array(form_room(f, 1), sizeof *t->form_room, e);
    t->visits = cap * t->nprobe > lists ? cap * t->nprobe : lists;
    t->visit = mem_array(t->visits, sizeof *t->visit, e);
    t->near_lists = mem_array(3 * lists + MORE + 1, sizeof *t->near_lists, e);
    t->some_key = mem_array(lists, sizeof *t->some_key, e);
    t->centre_key = mem_array(TILE * lists, sizeof *t->centre_key, e);
    t->at_list = mem_array((size_t)v->head.lists + 1, sizeof *t->at_list, e);
    t->order = mem_array(t->visits, sizeof *t->order, e);
    t->key = codec_array(TEAM * (size_t)CODEC_LIST, sizeof *t->key, e);
    t->hit = mem_array(CODEC_LIST, sizeof *t->hit, e);
    t->cand = mem_array(CODEC_LIST, sizeof *t->cand, e);
    return t->asker && t->best && t->q && t->table && t->raw && t->bytes && t->weights &&
                   t->form_room && t->visit && t->near_lists && t->centre_key && t->some_key &&
                   t->at_list && t->order && t->key && t->hit && t->cand
               ? 0
               : e->code;
}

int ivf_searcher_new(void **searcher, const struct ann *a, const struct ann_search_opts *o,
                     uint64_t block, struct err *e)
{
    struct seeker *t = *searcher = mem_zero(1, sizeof *t, e);

    if (!t)
        return e->code;
    t->a = a;
    t->v = a->state;
    t->o = *o;
    t->nprobe = nprobe_of(a, o);
    t->bare = !a->vectors && !t->v->cells;
    t->cap = block;
    t->ops = ivf_ops_for(t->v->codec->cpu);
    t->table_bytes = t->v->codec->spec.kind->query_bytes(t->v->codec);
    t->raw_dim = ((size_t)a->form.dim + 15) / 16 * 16;
    if (make_room(t, e) < 0)
        return e->code;
    if (exact_init(&t->exact, a, e) < 0)
        return e->code;
    return o->allowed ? ivf_allowed_init(t, e) : 0;
}
