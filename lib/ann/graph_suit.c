/* graph_suit.c - a graph made to suit queries of which there is a sample, as those may lie where no
 * rows are (texts among words, words among pictures): then the rows of one answer are not each
 * other's neighbours, and a walk that follows nearness goes a long way round.
 *
 * Each query of the sample is searched in the finished graph, and of its LIST best rows
 *   entries   walks begin, besides where they did, at the rows that are in most lists; after each
 *             pick the lists that hold it count no more (the greedy cover)
 *   links     the TOP best of a list are linked with each other: a row gives up to a quarter of its
 *             links, the last chosen, to the rows that it is found together with most often
 * The idea is RoarGraph's (Chen et al. 2024), which links rows through queries from the start; here
 * the graph of the base stays what it is for the rest. Same bytes for any number of threads: the
 * searches are independent, all else is one thread's work.
 *
 * Cost     a search a query, then counts: n TOP^2 pairs of 8 bytes, sorted.
 */
#include <omp.h>
#include <stdlib.h>

#include "ann/graph.h"
#include "ann/graph_suit.h"
#include "base/mem.h"

enum {
    LIST = 32,
    TOP = 10,
    PART = 4,        /* one link of so many */
    ENTRIES = 128,   /* at most, with those there were, */
    COVERS_LEAST = 2 /* and each for so many lists */
};

#define NONE UINT32_MAX

struct suit {
    const struct graph_sample *s;
    struct graph *g;
    struct graph_made *m;
    uint32_t *list;   /* [s->n][LIST] rows, the nearest first; NONE behind the last */
    uint32_t *count;  /* [rows] */
    uint8_t *covered; /* [s->n] */
    uint64_t *pair;   /* (row, row found with it) */
};

/* ---- lists ---- */

struct hand {
    struct graph_walker w;
    float *room;
    int8_t *weights;
    struct form_query q[FORM_BLOCK];
};

static void hand_free(struct hand *h)
{
    graph_walker_free(&h->w);
    free(h->room);
    free(h->weights);
}

static int hand_init(struct hand *h, const struct suit *t, struct err *e)
{
    const struct form *f = t->s->form;

    *h = (struct hand){.room = mem_array(form_room(f, FORM_BLOCK), sizeof *h->room, e),
                       .weights = aligned_alloc(CELLS_LINE, FORM_BLOCK * form_weights(f))};
    if (!h->weights)
        err_set(e, ERR_MEM, "out of memory for a graph");
    if (h->room && h->weights &&
        graph_walker_init(&h->w, t->g->rows, t->s->beam > LIST ? t->s->beam : LIST, 0, e) == 0)
        return 0;
    free(h->room);
    free(h->weights);
    return e->code;
}

/* Queries [at, at + n). */
static void search(const struct suit *t, struct hand *h, uint64_t at, size_t n)
{
    const struct form *f = t->s->form;

    form_queries(f, t->s->x + at * f->dim, n, h->room, h->weights, h->q);
    for (size_t i = 0; i < n; i++) {
        uint32_t *list = t->list + (at + i) * LIST;

        graph_walk(t->g, &h->q[i].cells, &h->w);
        for (size_t k = 0; k < LIST; k++)
            list[k] = k < h->w.n ? cand_row(h->w.pool[k]) : NONE;
    }
}

static int search_all(const struct suit *t, struct err *e)
{
    int threads = t->s->threads > 0 ? t->s->threads : 1, rc = 0;

#pragma omp parallel num_threads(threads)
    {
        struct err mine = {0};
        struct hand h;
        int good = hand_init(&h, t, &mine);

#pragma omp for schedule(dynamic)
        for (uint64_t at = 0; at < t->s->n; at += FORM_BLOCK)
            if (good == 0)
                search(t, &h, at, t->s->n - at < FORM_BLOCK ? (size_t)(t->s->n - at) : FORM_BLOCK);
        if (good == 0)
            hand_free(&h);
        else
#pragma omp critical
        {
            *e = mine;
            rc = good;
        }
    }
    return rc;
}

/* ---- entries ---- */

/* The row that is in most lists not covered yet, the smallest of equals; *covers: how many. */
static uint32_t most_common(const struct suit *t, uint32_t *covers)
{
    uint32_t best = 0;

    memset(t->count, 0, t->g->rows * sizeof *t->count);
    for (uint64_t q = 0; q < t->s->n; q++)
        for (size_t k = 0; k < LIST && !t->covered[q]; k++)
            if (t->list[q * LIST + k] != NONE)
                t->count[t->list[q * LIST + k]]++;
    for (uint64_t i = 1; i < t->g->rows; i++)
        best = t->count[i] > t->count[best] ? (uint32_t)i : best;
    *covers = t->count[best];
    return best;
}

static void cover(const struct suit *t, uint32_t row)
{
    for (uint64_t q = 0; q < t->s->n; q++)
        for (size_t k = 0; k < LIST; k++)
            t->covered[q] |= t->list[q * LIST + k] == row;
}

static void add_entries(const struct suit *t)
{
    for (uint32_t i = 0; i < t->g->n_entries; i++)
        cover(t, t->m->entry[i]);
    while (t->g->n_entries < ENTRIES) {
        uint32_t covers, row = most_common(t, &covers);

        if (covers < COVERS_LEAST)
            break;
        cover(t, row);
        t->m->entry[t->g->n_entries++] = row;
    }
}

/* ---- links ---- */

static size_t make_pairs(const struct suit *t)
{
    size_t n = 0;

    for (uint64_t q = 0; q < t->s->n; q++) {
        const uint32_t *list = t->list + q * LIST;

        for (size_t a = 0; a < TOP; a++)
            for (size_t b = 0; b < TOP; b++)
                if (a != b && list[a] != NONE && list[b] != NONE)
                    t->pair[n++] = (uint64_t)list[a] << 32 | list[b];
    }
    cands_order(t->pair, n);
    return n;
}

/* The `want` rows that come most often in n pairs of one row, which are sorted, most often first;
 * how many there are. */
static uint32_t most_often(const uint64_t *pair, size_t n, uint32_t want, uint32_t *rows)
{
    uint32_t times[GRAPH_DEGREE_MAX] = {0}, got = 0;

    for (size_t i = 0, next; i < n; i = next) {
        uint32_t many, at = got;

        for (next = i; next < n && pair[next] == pair[i];)
            next++;
        many = (uint32_t)(next - i);
        while (at > 0 && times[at - 1] < many)
            at--;
        if (at == want)
            continue;
        got += got < want;
        for (uint32_t j = at + 1; j < got; j++) { /* the last falls out where all are taken */
            uint32_t k = got + at - j;

            times[k] = times[k - 1];
            rows[k] = rows[k - 1];
        }
        times[at] = many;
        rows[at] = (uint32_t)pair[i];
    }
    return got;
}

/* `row` gives links to `rows`: they stand first, then those it had. */
static void give_links(const struct suit *t, uint32_t row, const uint32_t *rows, uint32_t n)
{
    uint32_t degree = t->g->degree, *link = t->m->link + (size_t)row * degree,
             had[GRAPH_DEGREE_MAX];

    memcpy(had, link, degree * sizeof *link);
    memcpy(link, rows, n * sizeof *link);
    for (uint32_t i = 0; i < degree && n < degree; i++) {
        bool is = had[i] == row;

        for (uint32_t k = 0; k < n && !is; k++)
            is = link[k] == had[i];
        if (!is)
            link[n++] = had[i];
    }
    while (n < degree)
        link[n++] = row;
}

static void add_links(const struct suit *t)
{
    uint32_t rows[GRAPH_DEGREE_MAX], want = t->g->degree / PART;
    size_t n = make_pairs(t);

    for (size_t i = 0, next; i < n && want > 0; i = next) {
        uint32_t row = (uint32_t)(t->pair[i] >> 32);

        for (next = i; next < n && t->pair[next] >> 32 == row;)
            next++;
        give_links(t, row, rows, most_often(t->pair + i, next - i, want, rows));
    }
}

uint64_t graph_suit_bytes(uint64_t rows, uint64_t queries)
{
    return 4 * rows + queries * (1 + 4 * LIST + 8 * TOP * TOP);
}

int graph_suit(struct graph_made *m, struct graph *g, const struct graph_sample *s, struct err *e)
{
    struct suit t = {.s = s, .g = g, .m = m};
    int rc;

    if (g->rows == 0 || s->n == 0)
        return 0;
    t.list = mem_array(s->n * LIST, sizeof *t.list, e);
    t.count = mem_array(g->rows, sizeof *t.count, e);
    t.covered = mem_zero(s->n, 1, e);
    t.pair = mem_array(s->n * TOP * TOP, sizeof *t.pair, e);
    rc = t.list && t.count && t.covered && t.pair ? search_all(&t, e) : e->code;
    if (rc == 0) {
        add_entries(&t);
        add_links(&t);
    }
    free(t.list);
    free(t.count);
    free(t.covered);
    free(t.pair);
    return rc;
}
