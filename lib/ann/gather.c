/* gather.c - see gather.h. */
#include "ann/gather.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

enum {
    CHUNK = 512, /* rows whose codes are asked for before they are read */
    AHEAD = 8,   /* vectors, likewise */
    MORE = 32,   /* rows beside k whose vectors are read in any case, */
    POOL = 8,    /* and so many times as many are kept */
};

/* Rows as they come, by their places. */
struct source {
    const struct gather *g;
    struct allowed_at at;
    const uint32_t *list; /* or NULL: the rows that `at` gives */
    uint64_t next, n;     /* of the list */
};

static struct source source_of(const struct gather *g, const struct ann_allowed *m)
{
    return (struct source){
        .g = g,
        .at = {.bits = m->bits, .dead = g->a->dead, .rows = g->a->rows},
        .list = m == g->shared_of ? g->shared : NULL,
        .n = g->n_shared,
    };
}

static size_t next(struct source *s, uint32_t *id)
{
    const struct gather *g = s->g;
    size_t n;

    if (s->list) {
        n = s->n - s->next < CHUNK ? (size_t)(s->n - s->next) : CHUNK;
        memcpy(id, s->list + s->next, n * sizeof *id);
        s->next += n;
    } else {
        n = g->ops->next(&s->at, id, CHUNK);
    }
    for (size_t i = 0; i < n && g->place; i++)
        id[i] = g->place[id[i]];
    return n;
}

/* ---- by vectors ---- */

/* A row's key; it is among the best if it is as near. */
static double look(struct gather *g, uint32_t place, struct best *best, size_t *n)
{
    double key = exact_key(g->exact, place);

    g->exacts++;
    if (*n < g->k || key <= best[0].key)
        best_offer(best, n, g->k, (struct best){key, g->row ? g->row[place] : place});
    return key;
}

static size_t by_vectors(struct gather *g, struct source s, struct best *best)
{
    size_t found = 0, n;

    while ((n = next(&s, g->id)) > 0) {
        for (size_t i = 0; i < n && i < AHEAD; i++)
            exact_ask(g->exact, g->id[i]);
        for (size_t i = 0; i < n; i++) {
            if (i + AHEAD < n)
                exact_ask(g->exact, g->id[i + AHEAD]);
            look(g, g->id[i], best, &found);
        }
    }
    return found;
}

/* ---- by codes ---- */

/* Keys of the next rows; how many. */
static size_t compute(struct gather *g, struct source *s, const struct cells_query *q)
{
    size_t n = next(s, g->id);

    for (size_t i = 0; i < n; i++)
        for (size_t at = 0; at < g->stride; at += CELLS_LINE)
            __builtin_prefetch(g->cells + g->id[i] * g->stride + at);
    cells_keys_of(g->a->ops, form_bits(&g->a->form))(q, g->cells, g->stride, g->id, n, g->key);
    g->keys += n;
    return n;
}

static uint64_t most_of(const uint64_t *pool, size_t n)
{
    uint64_t most = 0;

    for (size_t i = 0; i < n; i++)
        most = pool[i] > most ? pool[i] : most;
    return most;
}

/* The g->keep nearest by codes, or more, into the pool: how many. *last: the farthest of them, or
 * UINT64_MAX where all are there. */
static size_t nearest(struct gather *g, struct source s, const struct cells_query *q,
                      uint64_t *last)
{
    size_t n, got = 0;

    *last = UINT64_MAX;
    while ((n = compute(g, &s, q)) > 0) {
        if (got + n > g->cap) {
            cands_select(g->pool, got, g->keep);
            got = g->keep;
            *last = most_of(g->pool, got);
        }
        for (size_t i = 0; i < n; i++) {
            g->pool[got] = cand_of(g->key[i], g->id[i]);
            got += g->pool[got] <= *last;
        }
    }
    return got;
}

static double true_key(const struct form_query *q, uint64_t cand)
{
    return q->add + q->mul * (double)cand_key(cand);
}

/* n candidates get their distances; the root mean square of what codes were off. */
static double look_at(struct gather *g, const struct form_query *q, const uint64_t *cand, size_t n,
                      struct best *best, size_t *found)
{
    double squares = 0;

    for (size_t i = 0; i < n && i < AHEAD; i++)
        exact_ask(g->exact, cand_row(cand[i]));
    for (size_t i = 0; i < n; i++) {
        double off;

        if (i + AHEAD < n)
            exact_ask(g->exact, cand_row(cand[i + AHEAD]));
        off = look(g, cand_row(cand[i]), best, found) - true_key(q, cand[i]);
        squares += off * off;
    }
    return n ? sqrt(squares / (double)n) : 0;
}

/* May the row be among the best? What is no number may. */
static bool near(const struct form_query *q, uint64_t cand, const struct best *best, double off)
{
    return !(true_key(q, cand) > best[0].key + GATHER_SURE * off);
}

/* The rows behind the pool, those after `last`. */
static void look_behind(struct gather *g, struct source s, const struct form_query *q,
                        uint64_t last, double off, struct best *best, size_t *found)
{
    size_t n;

    while ((n = compute(g, &s, &q->cells)) > 0)
        for (size_t i = 0; i < n; i++) {
            uint64_t p = cand_of(g->key[i], g->id[i]);

            if (p > last && near(q, p, best, off))
                look(g, g->id[i], best, found);
        }
}

static size_t by_codes(struct gather *g, struct source s, const struct form_query *q,
                       struct best *best)
{
    size_t found = 0, n, more = 0;
    uint64_t last, *rest;
    double off;

    n = nearest(g, s, &q->cells, &last);
    cands_select(g->pool, n, g->first);
    rest = g->pool + (n < g->first ? n : g->first);
    off = look_at(g, q, g->pool, (size_t)(rest - g->pool), best, &found);
    for (size_t i = g->first; i < n; i++) {
        rest[more] = g->pool[i];
        more += near(q, g->pool[i], best, off);
    }
    look_at(g, q, rest, more, best, &found);
    if (last != UINT64_MAX && near(q, last, best, off))
        look_behind(g, s, q, last, off, best, &found);
    return found;
}

/* Codes are all there is. */
static size_t by_codes_alone(struct gather *g, struct source s, const struct form_query *q,
                             struct best *best)
{
    size_t found = 0, n;
    uint64_t last;

    n = nearest(g, s, &q->cells, &last);
    for (size_t i = 0; i < n; i++) {
        uint32_t place = cand_row(g->pool[i]);

        best_offer(best, &found, g->k,
                   (struct best){true_key(q, g->pool[i]), g->row ? g->row[place] : place});
    }
    return found;
}

static size_t gather_of(struct gather *g, struct source s, const struct form_query *codes,
                        struct best *best)
{
    if (!g->cells)
        return by_vectors(g, s, best);
    return g->a->vectors ? by_codes(g, s, codes, best) : by_codes_alone(g, s, codes, best);
}

size_t gather(struct gather *g, const struct ann_allowed *m, const struct form_query *codes,
              struct best *best)
{
    return gather_of(g, source_of(g, m), codes, best);
}

size_t gather_rows(struct gather *g, const uint32_t *row, size_t n, const struct form_query *codes,
                   struct best *best)
{
    return gather_of(g, (struct source){.g = g, .list = row, .n = n}, codes, best);
}

/* ---- */

static int gather_shared(struct gather *g, const struct ann_allowed *m, struct err *e)
{
    struct allowed_at at = {.bits = m->bits, .dead = g->a->dead, .rows = g->a->rows};
    uint64_t room = (m->count < g->a->rows ? m->count : g->a->rows) + ALLOWED_ROOM;

    if (!(g->shared = mem_array(room, sizeof *g->shared, e)))
        return e->code;
    g->n_shared = g->ops->next(&at, g->shared, room);
    g->shared_of = m;
    return 0;
}

int gather_init(struct gather *g, const struct ann_search_opts *o, struct err *e)
{
    const struct ann_allowed *m = o->allowed;

    g->k = o->k;
    g->ops = allowed_ops_for(g->a->cpu);
    g->first = g->a->vectors ? (size_t)g->k + MORE : g->k;
    g->keep = g->a->vectors ? POOL * g->first : g->first;
    g->keep = g->keep < g->a->rows + 1 ? g->keep : (size_t)g->a->rows + 1;
    g->cap = 2 * g->keep + 2 * (size_t)CHUNK;
    g->id = mem_array(CHUNK, sizeof *g->id, e);
    g->key = mem_array(CHUNK, sizeof *g->key, e);
    g->pool = mem_array(g->cap + 1, sizeof *g->pool, e);
    if (!g->id || !g->key || !g->pool)
        return e->code;
    if (o->allowed_each || ann_filter_plan(g->a, o, m->count).how != FILTER_EXACT)
        return 0;
    return gather_shared(g, m, e);
}

void gather_free(struct gather *g)
{
    free(g->id);
    free(g->key);
    free(g->pool);
    free(g->shared);
}
