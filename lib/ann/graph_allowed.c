/* graph_allowed.c - the walk of graph.h where only some rows are allowed.
 *
 * Where nearly all are it is walked as without a filter, keeping so many more that about ef of them
 * are allowed, unless those near the query are not.
 *
 * Else most of its time goes to the links of rows that are passed over, which come from far away in
 * memory: so TEAM rows of the pool are left together, whose links are asked for at once. Of a row
 * that is passed over the nearer links are looked at only.
 */
#include <stdlib.h>

#include "ann/graph_around.h"
#include "ann/graph_hop.h"

enum {
    TEAM = 2,      /* rows that are left together */
    SCOUT = 8,     /* rows that the walk before keeps */
    SEEDS = 32,    /* allowed rows to begin with, besides */
    VIA_AHEAD = 6, /* rows whose links are asked for before they are read */
};
static const double ef_even = 0.4; /* of ef, where few rows are allowed and as often near a query */
static const double ef_more = 0.3; /* times their share, for there is less to look through */
static const double even = 0.5;    /* so often, compared, is as often */
static const double fewer = 0.8;   /* so often, compared, is not by chance */
static const double plain = 0.75;  /* from this share on all rows are walked */

/* A row that is left, and how many of its links are looked at. */
struct leave {
    uint32_t row, links;
};

static struct graph_marks begin_allowed(struct graph_walker *w)
{
    struct graph_marks m;

    if (w->turn >= 254) { /* room for two */
        memset(w->met, 0, w->rows);
        w->turn = 0;
    }
    graph_walker_begin(w);
    m.scouted = w->turn++;
    m.done = w->turn;
    return m;
}

struct scout {
    uint64_t pool[SCOUT + 1];
    size_t n;
    bool left; /* a row, at last */
};

static void scout_take(struct scout *s, const struct graph_walker *w, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t p = cand_of(w->key[i], w->id[i]);
        size_t at = s->n;

        if (at == SCOUT && p >= s->pool[SCOUT - 1])
            continue;
        at -= at == SCOUT;
        for (; at > 0 && s->pool[at - 1] > p; at--)
            s->pool[at] = s->pool[at - 1];
        s->pool[at] = p;
        s->n += s->n < SCOUT;
    }
}

/* The links of the next rows to be left are asked for. */
static void ask_next(const struct graph *g, const uint64_t *pool, size_t n)
{
    for (size_t i = 0, asked = 0; i < n && asked < TEAM; i++)
        if (!cand_is_marked(pool[i])) {
            graph_ask_links(g, cand_row(pool[i]));
            asked++;
        }
}

/* Leaves up to TEAM rows: the rows that are met, in w->id. */
static size_t scout_leave(const struct graph *g, struct graph_walker *w, struct scout *s)
{
    size_t n = 0, left = 0;

    for (size_t i = 0; i < s->n && left < TEAM; i++) {
        if (cand_is_marked(s->pool[i]))
            continue;
        s->pool[i] = cand_mark(s->pool[i]);
        n = graph_meet(g, w, cand_row(s->pool[i]), (struct graph_part){0, g->degree}, n);
        left++;
    }
    w->hops += left;
    s->left = left > 0;
    return n;
}

/* Rows in w->id, n of them, get their keys, are the scout's and, if allowed, the walk's: how many
 * are. */
static size_t scout_meet(const struct graph *g, const struct cells_query *q, struct graph_walker *w,
                         struct scout *s, const uint64_t *bits, size_t n)
{
    graph_compute(g, q, w, n);
    scout_take(s, w, n);
    graph_around_met(w, n);
    ask_next(g, s->pool, s->n);
    n = graph_keep_allowed(w, bits, n);
    graph_take(w, w->id, w->key, n);
    return n;
}

/* Are few of the nearest that it met allowed, if a share `near` of all these is? A look at the
 * nearest of all, and where few rows are allowed at this share, says mostly no. */
static bool is_bare(const struct scout *s, struct graph_walker *w, const uint64_t *bits,
                    double near, double share)
{
    size_t in = 0;

    for (size_t i = 0; i < s->n; i++)
        in += allowed_row(bits, cand_row(s->pool[i]));
    return (share >= GRAPH_DENSE || near < fewer * share) &&
           (double)in < GRAPH_BARE * share * (double)s->n && graph_around_bare(w, bits, share);
}

/* The share of allowed rows among those that it met; *bare: hardly any near the query. */
static double scout(const struct graph *g, const struct cells_query *q, struct graph_walker *w,
                    const uint64_t *bits, struct graph_marks m, double share, bool *bare)
{
    struct scout s = {.n = 0};
    uint64_t before = w->keys;
    size_t n = 0, in;
    double near;

    w->turn = m.scouted;
    w->n_around = 0;
    for (uint32_t i = 0; i < g->n_entries; i++) {
        uint32_t row = g->entries[i];

        if (w->met[row] == m.scouted)
            continue;
        w->met[row] = m.scouted;
        graph_ask_row(g, row);
        w->id[n++] = row;
    }
    in = scout_meet(g, q, w, &s, bits, n);
    do {
        n = scout_leave(g, w, &s);
        in += scout_meet(g, q, w, &s, bits, n);
    } while (s.left);
    for (size_t i = 0; i < s.n; i++) /* all of their links are met */
        w->met[cand_row(s.pool[i])] = m.done;
    w->turn = m.done;
    near = w->keys > before ? (double)in / (double)(w->keys - before) : 0;
    *bare = w->around && is_bare(&s, w, bits, near, share);
    return near;
}

/* How many rows to keep where a share of them is allowed and another one near the query. */
static size_t ef_for(const struct graph_walker *w, double near, double share)
{
    double least = ef_even + ef_more * share;
    double part = near > 0 ? ef_even * share / near : 1, ef;

    part = part < least ? least : part;
    part = part > 1 ? 1 : part;
    ef = ceil(part * (double)w->ef);
    return ef > (double)w->ef_least ? (size_t)ef : w->ef_least;
}

/* Allowed rows from all over. */
static void seed(const struct graph *g, const struct cells_query *q, struct graph_walker *w,
                 const uint64_t *bits, struct graph_marks m)
{
    const struct allowed_at all = {.bits = bits, .dead = g->dead, .rows = g->rows};
    size_t n = 0;

    for (uint64_t i = 0; i < SEEDS; i++) {
        uint64_t first = allowed_first(&all, i * g->rows / SEEDS);
        uint32_t row = (uint32_t)first;

        if (first == g->rows)
            break;
        if (w->met[row] == m.scouted || w->met[row] == m.done)
            continue;
        w->met[row] = m.done;
        graph_ask_row(g, row);
        w->id[n++] = row;
    }
    graph_compute(g, q, w, n);
    graph_take(w, w->id, w->key, n);
}

/* Of a row's first n_links links those to allowed rows that were not met go behind the n in w->id;
 * those to rows not allowed that were not passed, into via: how many. */
static inline __attribute__((always_inline)) size_t
meet_here(const struct graph *g, struct graph_walker *w, const uint64_t *bits, struct graph_marks m,
          const struct leave *l, size_t *n, uint32_t *via, const unsigned width)
{
    const uint8_t *p = g->links + (size_t)l->row * g->degree * width;
    const uint32_t last = (uint32_t)(g->rows - 1);
    uint8_t *met = w->met;
    uint32_t *id = w->id;
    size_t got = *n, v = 0;

    for (uint32_t i = 0; i < l->links; i++, p += width) {
        uint32_t to = row_read(p, width);

        to = to < last ? to : last;
        if (allowed_row(bits, to)) {
            if (met[to] == m.done || met[to] == m.scouted)
                continue;
            met[to] = m.done;
            id[got++] = to;
        } else {
            via[v] = to;
            v += met[to] != m.done;
        }
    }
    *n = got;
    return v;
}

/* The same of a row that is passed, but for via. */
static inline size_t pass(const struct graph *g, struct graph_walker *w, const uint64_t *bits,
                          struct graph_marks m, uint32_t row, size_t n)
{
    uint32_t links = g->degree - g->degree / 4;
    size_t got = g->allowed->links(bits, g->links + (size_t)row * g->degree * g->width, g->width,
                                   links, (uint32_t)(g->rows - 1), w->to);
    uint8_t *met = w->met;

    met[row] = m.done;
    for (size_t i = 0; i < got; i++) {
        uint32_t to = w->to[i];

        w->id[n] = to;
        n += met[to] != m.done && met[to] != m.scouted;
        met[to] = m.done;
    }
    w->links += links;
    return n;
}

/* The allowed rows to go to from n_left rows, not met before: how many, in w->id. */
static inline __attribute__((always_inline)) size_t
meet_beyond(const struct graph *g, struct graph_walker *w, const uint64_t *bits,
            struct graph_marks m, const struct leave *l, size_t n_left, const unsigned width)
{
    const size_t want = g->degree / 2;
    size_t n = 0, vias[TEAM], asked = 0;

    for (size_t j = 0; j < n_left; j++) {
        uint32_t *via = w->via + j * GRAPH_DEGREE_MAX;
        size_t before = n;

        vias[j] = meet_here(g, w, bits, m, &l[j], &n, via, width);
        for (size_t i = 0; i < vias[j] && i < VIA_AHEAD && n - before < want; i++)
            graph_ask_links(g, via[i]);
        w->links += l[j].links;
    }
    for (; asked < n; asked++)
        graph_ask_row(g, w->id[asked]);
    for (size_t j = 0; j < n_left; j++) {
        const uint32_t *via = w->via + j * GRAPH_DEGREE_MAX;

        for (size_t i = 0; i < vias[j] && n < want * (j + 1); i++) {
            if (i + VIA_AHEAD < vias[j])
                graph_ask_links(g, via[i + VIA_AHEAD]);
            if (w->met[via[i]] != m.done)
                n = pass(g, w, bits, m, via[i], n);
            for (; asked < n; asked++)
                graph_ask_row(g, w->id[asked]);
        }
    }
    return n;
}

static size_t meet_allowed(const struct graph *g, struct graph_walker *w, const uint64_t *bits,
                           struct graph_marks m, const struct leave *l, size_t n_left)
{
    return g->width == 2   ? meet_beyond(g, w, bits, m, l, n_left, 2)
           : g->width == 3 ? meet_beyond(g, w, bits, m, l, n_left, 3)
                           : meet_beyond(g, w, bits, m, l, n_left, 4);
}

/* The nearest rows of the pool from *at on that were not left are, up to TEAM: how many. *at: the
 * place behind them. */
static size_t leave(const struct graph *g, struct graph_walker *w, struct leave *l, size_t *at)
{
    float far = graph_follow_limit(w);
    size_t n = 0;

    for (; *at < w->n && n < TEAM; ++*at) {
        float key = cand_key(w->pool[*at]);

        if (key > far)
            break;
        if (cand_is_marked(w->pool[*at]))
            continue;
        w->pool[*at] = cand_mark(w->pool[*at]);
        l[n++] = (struct leave){cand_row(w->pool[*at]), graph_links_of(g, w, key, far)};
    }
    return n;
}

/* All rows are walked, and those that are allowed kept; false: they were too few. */
static bool walk_all(const struct graph *g, const struct cells_query *q, struct graph_walker *w,
                     const uint64_t *bits, double share)
{
    size_t ef = w->ef, most = (size_t)ceil((double)ef / share), kept = 0;

    w->ef = most < w->room ? most : w->room;
    graph_walk(g, q, w);
    w->ef = ef;
    for (size_t i = 0; i < w->n; i++) {
        w->pool[kept] = w->pool[i];
        kept += allowed_row(bits, cand_row(w->pool[i]));
    }
    w->n = kept < ef ? kept : ef;
    return kept >= ef - ef / 4;
}

/* From one allowed row to the next; near: the share of them near the query. */
static void walk_among(const struct graph *g, const struct cells_query *q, struct graph_walker *w,
                       const uint64_t *bits, struct graph_marks m, double near, double share)
{
    size_t at = 0, ef = w->ef, n_left;
    struct leave l[TEAM];

    w->ef = ef_for(w, near, share);
    w->n = w->n < w->ef ? w->n : w->ef;
    if (near < even * share)
        seed(g, q, w, bits, m);
    while ((n_left = leave(g, w, l, &at)) > 0) {
        size_t n = meet_allowed(g, w, bits, m, l, n_left), first;

        ask_next(g, w->pool + at, w->n - at);
        graph_compute(g, q, w, n);
        w->hops += n_left;
        first = graph_take(w, w->id, w->key, n);
        at = first < at ? first : at;
    }
    w->ef = ef;
}

void graph_walk_allowed(const struct graph *g, const struct cells_query *q, struct graph_walker *w,
                        const uint64_t *bits, double share)
{
    struct graph_marks m;
    double near;
    bool bare;

    w->n_ring = 0;
    if (share >= plain && w->k == 0 && walk_all(g, q, w, bits, share))
        return;
    m = begin_allowed(w);
    near = scout(g, q, w, bits, m, share, &bare);
    if (bare && graph_around_walk(g, q, w, bits, m, share))
        return;
    if (!bare || share < GRAPH_DENSE)
        walk_among(g, q, w, bits, m, near, share);
    if (bare && (share >= GRAPH_DENSE || graph_around_missed(g, q, w, bits, m, share)))
        w->n = 0;
}
