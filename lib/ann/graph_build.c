/* graph_build.c - a graph by insertion in batches: ParlayANN's way (Manohar et al. 2024) to the
 * graph of DiskANN (Subramanya et al. 2019), the same bytes for any number of threads.
 *
 * Rows come in a random order of a fixed seed, the one nearest to the mean first. A batch is as
 * large as all before it, up to a fiftieth of the rows. Each of its rows walks through the graph as
 * it was before the batch, and of the rows that its walk left, those become neighbours that no
 * chosen one is nearer to by `alpha`:
 *
 *   candidates by distance; the nearest is chosen; all c with alpha^2 d(chosen, c) <= d(row, c) are
 *   dropped (d squared); again, until there are `degree`
 *
 * Then the links back are sorted by the row that they start from, and each such row takes its own:
 * while there is room for a quarter more than `degree`, else by the same rule. What is more than
 * `degree` at the end is dropped by it as well. Nothing depends on who did it or when; distances
 * are those of cells of 8 bits, sums of integers, the same on every level of CPU.
 *
 * Cost     a walk and a choice a row, and about a choice for the links back: for 100 components
 *          some 60 us together. Memory: graph_make_bytes().
 */
#include <math.h>
#include <omp.h>
#include <stdlib.h>

#include "ann/graph_int.h"
#include "base/mem.h"
#include "base/rand.h"

enum {
    BATCH_PART = 50, /* a batch is at most 1 / this of the rows, */
    BATCH_LEAST = 1000,
    LEFT_PER_BEAM = 4,    /* rows that a walk remembers to have left, per place of the pool */
    BACK_CHUNK = 256,     /* links back that a row looks at together */
    ENTRIES = 16,         /* at most, */
    ROWS_PER_ENTRY = 256, /* and one for so many rows */
    FEW = 4,              /* a row with fewer links than this takes dropped ones */
    DIGIT = 11,           /* bits of a pass of the sort */
};

static uint64_t batch_most(uint64_t rows)
{
    uint64_t part = rows / BATCH_PART;

    return part > BATCH_LEAST ? part : BATCH_LEAST;
}

static size_t link_bytes(uint64_t rows, uint32_t degree)
{
    return (size_t)(rows * degree + 1) * sizeof(uint32_t); /* of no row, too */
}

static uint32_t wide_of(uint32_t degree)
{
    uint32_t wide = degree + degree / 4;

    return wide < GRAPH_DEGREE_MAX ? wide : GRAPH_DEGREE_MAX;
}

/* ---- choosing ---- */

static inline const uint8_t *row_of(const struct graph *g, uint32_t row)
{
    return g->cells + row * g->stride;
}

/* Of n candidates in h->id with distances h->d, in order, those behind the first that it does not
 * make needless; what it does goes behind h->id + cap, `dropped` are there. */
static size_t thin(const struct builder *b, struct hand *h, size_t n, uint32_t *lost,
                   size_t *n_lost)
{
    const struct graph *g = b->g;
    const uint8_t *first = row_of(g, h->id[0]);
    float norm = cells_norm(first, g->stride);
    struct cells_query q;
    size_t kept = 0;

    cells_query_row(first, g->stride, h->room + g->stride, &q);
    g->ops->keys8(&q, g->cells, g->stride, h->id + 1, n - 1, h->key);
    for (size_t i = 1; i < n; i++) {
        double between = (double)h->key[i - 1] + (double)norm;

        if (b->alpha2 * (between > 0 ? between : 0) <= (double)h->d[i]) {
            if (*n_lost < FEW)
                lost[(*n_lost)++] = h->id[i];
            continue;
        }
        h->id[kept] = h->id[i];
        h->d[kept++] = h->d[i];
    }
    return kept;
}

/* Chooses of n sorted candidates of a row into h->chosen; how many. */
static uint32_t choose(const struct builder *b, struct hand *h, uint32_t row, size_t n)
{
    float norm = cells_norm(row_of(b->g, row), b->g->stride);
    uint32_t lost[FEW] = {0}, got = 0;
    size_t n_lost = 0;

    for (size_t i = 0; i < n; i++) {
        h->id[i] = cand_row(h->cand[i]);
        h->d[i] = cand_key(h->cand[i]) + norm;
    }
    while (n > 0 && got < b->o->degree) {
        h->chosen[got++] = h->id[0];
        n = thin(b, h, n, lost, &n_lost);
    }
    for (size_t i = 0; i < n_lost && got < FEW && got < b->o->degree; i++)
        h->chosen[got++] = lost[i];
    return got;
}

void graph_put_links(const struct builder *b, uint32_t row, const uint32_t *to, uint32_t n)
{
    uint32_t *link = b->link + (size_t)row * b->wide;

    for (uint32_t i = 0; i < b->wide; i++)
        link[i] = i < n ? to[i] : row;
}

uint32_t graph_count_links(const struct builder *b, uint32_t row)
{
    const uint32_t *link = b->link + (size_t)row * b->wide;
    uint32_t n = 0;

    while (n < b->wide && link[n] != row)
        n++;
    return n;
}

/* ---- one row of a batch ---- */

static void insert(const struct builder *b, struct hand *h, uint32_t row)
{
    size_t n = 0;

    cells_query_row(row_of(b->g, row), b->g->stride, h->room, &h->q);
    graph_walk(b->g, &h->q, &h->w);
    for (size_t i = 0; i < h->w.n_left; i++)
        if (cand_row(h->w.left[i]) != row)
            h->cand[n++] = h->w.left[i] & ~UINT64_C(1);
    cands_sort(h->cand, n);
    graph_put_links(b, row, h->chosen, choose(b, h, row, n));
}

/* ---- links back ---- */

void graph_link_anew(const struct builder *b, struct hand *h, uint32_t row, size_t n,
                     size_t nearest)
{
    cells_query_row(row_of(b->g, row), b->g->stride, h->room, &h->q);
    b->g->ops->keys8(&h->q, b->g->cells, b->g->stride, h->id, n, h->key);
    for (size_t i = 0; i < n; i++)
        h->cand[i] = cand_of(h->key[i], h->id[i]);
    cands_order(h->cand, n);
    graph_put_links(b, row, h->chosen, choose(b, h, row, n < nearest ? n : nearest));
}

static void take_back(const struct builder *b, struct hand *h, const uint64_t *back, size_t n)
{
    uint32_t row = (uint32_t)(back[0] >> 32);
    uint32_t *link = b->link + (size_t)row * b->wide;

    for (size_t at = 0, some; at < n; at += some) {
        uint32_t have = graph_count_links(b, row);

        some = n - at < BACK_CHUNK ? n - at : BACK_CHUNK;
        if (have + some <= b->wide) {
            for (size_t i = 0; i < some; i++)
                link[have + i] = (uint32_t)back[at + i];
            continue;
        }
        memcpy(h->id, link, have * sizeof *link);
        for (size_t i = 0; i < some; i++)
            h->id[have + i] = (uint32_t)back[at + i];
        graph_link_anew(b, h, row, have + some, have + some);
    }
}

/* By `to`, in the order of the batch; the sorted ones are returned. */
static uint64_t *sort_back(const struct builder *b, size_t n)
{
    uint64_t *from = b->back, *to = b->sorted;

    for (unsigned shift = 32; shift < 64 && b->g->rows >> (shift - 32); shift += DIGIT) {
        size_t at[(1 << DIGIT) + 1] = {0};
        uint64_t *t = from;

        for (size_t i = 0; i < n; i++)
            at[(from[i] >> shift & ((1 << DIGIT) - 1)) + 1]++;
        for (size_t i = 0; i < 1 << DIGIT; i++)
            at[i + 1] += at[i];
        for (size_t i = 0; i < n; i++)
            to[at[from[i] >> shift & ((1 << DIGIT) - 1)]++] = from[i];
        from = to;
        to = t;
    }
    return from;
}

static void link_back(const struct builder *b, const uint32_t *rows, uint64_t n)
{
    uint64_t *sorted;
    size_t pairs = 0, groups = 0;

    for (uint64_t i = 0; i < n; i++) {
        const uint32_t *link = b->link + (size_t)rows[i] * b->wide;

        for (uint32_t k = 0; k < b->wide && link[k] != rows[i]; k++)
            b->back[pairs++] = (uint64_t)link[k] << 32 | rows[i];
    }
    sorted = sort_back(b, pairs);
    for (size_t i = 0; i < pairs; i++)
        if (i == 0 || sorted[i] >> 32 != sorted[i - 1] >> 32)
            b->group[groups++] = i;
    b->group[groups] = pairs;
#pragma omp parallel for schedule(dynamic, 16) num_threads(b->threads) if (n > 1)
    for (size_t i = 0; i < groups; i++)
        take_back(b, &b->hand[omp_get_thread_num()], sorted + b->group[i],
                  b->group[i + 1] - b->group[i]);
}

static void thin_out(const struct builder *b)
{
#pragma omp parallel for schedule(dynamic, 64) num_threads(b->threads)
    for (uint64_t row = 0; row < b->g->rows; row++) {
        struct hand *h = &b->hand[omp_get_thread_num()];
        uint32_t n = graph_count_links(b, (uint32_t)row);

        if (n <= b->o->degree)
            continue;
        memcpy(h->id, b->link + row * b->wide, n * sizeof *h->id);
        graph_link_anew(b, h, (uint32_t)row, n, n);
    }
}

/* ---- the whole ---- */

int graph_middle(const struct graph *g, uint32_t *middle, struct err *e)
{
    uint64_t *sum = mem_zero(g->stride, sizeof *sum, e), best = UINT64_MAX;
    uint8_t *mean = mem_array(g->stride, 2, e);
    struct cells_query q;

    *middle = 0;
    for (uint64_t i = 0; i < g->rows && sum && mean; i++) {
        if (graph_is_dead(g, i))
            continue;
        for (size_t k = 0; k < g->stride; k++)
            sum[k] += row_of(g, (uint32_t)i)[k];
    }
    if (sum && mean) {
        for (size_t k = 0; k < g->stride; k++)
            mean[k] = (uint8_t)((sum[k] + g->live / 2) / g->live);
        cells_query_row(mean, g->stride, (int8_t *)mean + g->stride, &q);
    }
    for (uint64_t i = 0; i < g->rows && sum && mean; i++) {
        uint32_t row = (uint32_t)i;
        uint64_t cand;
        float key;

        if (graph_is_dead(g, i))
            continue;
        cells_portable.keys8(&q, g->cells, g->stride, &row, 1, &key);
        cand = cand_of(key, row);
        best = cand < best ? cand : best;
    }
    if (best != UINT64_MAX)
        *middle = cand_row(best);
    free(sum);
    free(mean);
    return sum && mean ? 0 : e->code;
}

static int set_order(struct builder *b, struct err *e)
{
    uint64_t seed = GRAPH_SEED, n = 0;
    uint32_t middle;

    if (graph_middle(b->g, &middle, e) < 0)
        return e->code;
    for (uint64_t i = 0; i < b->g->rows; i++)
        if (!graph_is_dead(b->g, i))
            b->order[n++] = (uint32_t)i;
    for (uint64_t i = 0; b->order[0] != middle; i++)
        if (b->order[i] == middle) {
            b->order[i] = b->order[0];
            b->order[0] = middle;
        }
    for (uint64_t i = n - 1; i > 1; i--) {
        uint64_t j = 1 + rand_below(&seed, i);
        uint32_t t = b->order[i];

        b->order[i] = b->order[j];
        b->order[j] = t;
    }
    return 0;
}

void graph_insert(struct builder *b, uint64_t from, uint64_t n)
{
    uint64_t most = batch_most(b->g->live), size;

    for (uint64_t done = from; done < n; done += size) {
        size = done < most ? done : most;
        size = size > 0 ? size : 1;
        size = size < n - done ? size : n - done;
#pragma omp parallel for schedule(dynamic, 8) num_threads(b->threads) if (size > 1)
        for (uint64_t i = done; i < done + size; i++)
            insert(b, &b->hand[omp_get_thread_num()], b->order[i]);
        link_back(b, b->order + done, size);
        if (b->o->progress)
            b->o->progress(b->o->progress_ctx, "linking", done + size, n);
    }
}

static int hand_init(const struct builder *b, struct hand *h, struct err *e)
{
    if (graph_walker_init(&h->w, b->g->rows, b->o->beam, LEFT_PER_BEAM * (size_t)b->o->beam, e) < 0)
        return e->code;
    h->room = aligned_alloc(CELLS_LINE, 2 * b->g->stride);
    h->cand = mem_array(b->cand_cap, sizeof *h->cand, e);
    h->d = mem_array(b->cand_cap, sizeof *h->d, e);
    h->id = mem_array(b->cand_cap, sizeof *h->id, e);
    h->key = mem_array(b->cand_cap, sizeof *h->key, e);
    h->chosen = mem_array(GRAPH_DEGREE_MAX, sizeof *h->chosen, e);
    if (!h->room)
        return err_set(e, ERR_MEM, "out of memory for a graph");
    return h->cand && h->d && h->id && h->key && h->chosen ? 0 : e->code;
}

void graph_builder_free(struct builder *b)
{
    for (int t = 0; t < b->threads && b->hand; t++) {
        struct hand *h = &b->hand[t];

        graph_walker_free(&h->w);
        free(h->room);
        free(h->cand);
        free(h->d);
        free(h->id);
        free(h->key);
        free(h->chosen);
    }
    free(b->hand);
    free(b->order);
    free(b->back);
    free(b->sorted);
    free(b->group);
    if (b->link)
        mem_unmap(b->link, link_bytes(b->g->rows, b->wide));
}

int graph_builder_init(struct builder *b, struct graph *g, const struct graph_opts *o, size_t most,
                       struct err *e)
{
    uint64_t n = g->rows, pairs = batch_most(g->live) * o->degree;
    size_t left = LEFT_PER_BEAM * (size_t)o->beam, back = BACK_CHUNK + GRAPH_DEGREE_MAX;
    int rc = 0;

    *b = (struct builder){.g = g,
                          .o = o,
                          .wide = wide_of(o->degree),
                          .cand_cap = left > back ? left : back,
                          .alpha2 = o->alpha * o->alpha,
                          .threads = o->threads > 0 ? o->threads : 1};
    b->cand_cap = b->cand_cap > most ? b->cand_cap : most;
    b->link = mem_map(link_bytes(n, b->wide), e);
    b->order = mem_array(n, sizeof *b->order, e);
    b->back = mem_array(pairs, sizeof *b->back, e);
    b->sorted = mem_array(pairs, sizeof *b->sorted, e);
    b->group = mem_array(pairs + 1, sizeof *b->group, e);
    b->hand = mem_zero((size_t)b->threads, sizeof *b->hand, e);
    if (!b->link || !b->order || !b->back || !b->sorted || !b->group || !b->hand)
        return e->code;
    for (int t = 0; t < b->threads && rc == 0; t++)
        rc = hand_init(b, &b->hand[t], e);
    g->width = sizeof *b->link;
    g->degree = b->wide;
    g->links = (const uint8_t *)b->link;
    return rc;
}

uint64_t graph_make_bytes(uint64_t rows, const struct graph_opts *o)
{
    uint64_t a_row = 4 * ((uint64_t)wide_of(o->degree) + o->degree + 1) + (uint64_t)o->threads;

    return rows * a_row + 24 * batch_most(rows) * o->degree;
}

void graph_made_free(struct graph_made *m)
{
    if (m->link)
        mem_unmap(m->link, m->bytes);
    *m = (struct graph_made){0};
}

/* The links that are there in rows of `degree`. */
static int hand_over(const struct builder *b, struct graph_made *m, struct err *e)
{
    uint32_t degree = b->o->degree;

    m->bytes = link_bytes(b->g->rows, degree);
    if (!(m->link = mem_map(m->bytes, e)))
        return e->code;
    for (uint64_t i = 0; i < b->g->rows; i++)
        memcpy(m->link + i * degree, b->link + i * b->wide, degree * sizeof *m->link);
    return 0;
}

/* Walks begin at the middle and at some rows of any kind, of which one is nearer: the first that
 * were inserted, whose links are the longest. */
void graph_fill_entries(const struct builder *b, struct graph_made *m, uint64_t from, uint64_t n)
{
    uint64_t want = 1 + b->g->live / ROWS_PER_ENTRY;

    want = want < ENTRIES ? want : ENTRIES;
    for (uint64_t i = from; i < n && b->g->n_entries < want; i++)
        m->entry[b->g->n_entries++] = b->order[i];
}

int graph_finish(struct builder *b, struct graph_made *m, struct err *e)
{
    struct graph *g = b->g;

    thin_out(b);
    if (hand_over(b, m, e) < 0)
        return e->code;
    g->degree = b->o->degree;
    g->links = (const uint8_t *)m->link;
    return graph_repair(g, m->link, b->o->beam, &m->repaired, e);
}

int graph_make(struct graph_made *m, struct graph *g, const struct graph_opts *o, struct err *e)
{
    struct builder b;
    int rc;

    *m = (struct graph_made){0};
    g->entries = m->entry;
    g->n_entries = 0;
    rc = graph_builder_init(&b, g, o, 0, e);
    if (rc == 0 && g->live > 0)
        rc = set_order(&b, e);
    if (rc == 0 && g->live > 0) {
        graph_put_links(&b, b.order[0], b.order, 0);
        m->entry[0] = b.order[0];
        g->n_entries = 1;
        graph_insert(&b, 1, g->live);
        graph_fill_entries(&b, m, 1, g->live);
    }
    for (uint64_t i = 0; i < g->rows && rc == 0; i++)
        if (graph_is_dead(g, i))
            graph_put_links(&b, (uint32_t)i, b.order, 0);
    if (rc == 0)
        rc = graph_finish(&b, m, e);
    graph_builder_free(&b);
    return rc;
}
