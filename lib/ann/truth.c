/* truth.c - the true neighbours of queries, by the vectors that an index holds: of all rows, or of
 * those of tenants.
 */
#include <stdlib.h>

#include "ann/each.h"
#include "ann/kind.h"
#include "base/mem.h"
#include "vec/knn.h"
#include "vec/neigh.h"

static bool is_live(const struct ann *a, uint64_t place)
{
    uint64_t row = place;

    if (a->kind->rows_at)
        a->kind->rows_at(a, place, 1, &row);
    return !ann_deleted(a, row);
}

/* From place `at` on, rows without a deleted one among them: the first, and how many, at most
 * `most`. */
static uint64_t live_run(const struct ann *a, uint64_t *at, uint64_t most)
{
    uint64_t n = 0;

    while (*at < a->rows && !is_live(a, *at))
        ++*at;
    while (n < most && *at + n < a->rows && is_live(a, *at + n))
        n++;
    return n;
}

/* Are the vectors in the file, but not in memory? A kind that does not keep them apart has not
 * looked at a section of this name. */
static bool stand_apart(const struct ann *a)
{
    struct sect_row row;

    return !a->vectors && sect_find(a->file, "VECS", &row) && row.len % a->vector_bytes == 0 &&
           row.len / a->vector_bytes == a->rows;
}

/* All vectors, some at a time with the numbers of their rows. */
static int feed(const struct ann *a, struct knn *s, struct err *e)
{
    enum { BLOCK = 4096 };
    bool apart = stand_apart(a);
    uint64_t *row = mem_array(BLOCK, sizeof *row, e), n;
    unsigned char *room = mem_array(apart ? BLOCK : 0, a->vector_bytes, e);
    int rc = row && room ? 0 : e->code;

    for (uint64_t at = 0; rc == 0 && (n = live_run(a, &at, BLOCK)) > 0; at += n) {
        struct vec_rows rows = {.p = apart ? room : a->vectors + at * a->vector_stride,
                                .rows = n,
                                .dim = a->form.dim,
                                .type = a->form.type,
                                .stride = a->vector_stride};

        if (a->kind->rows_at)
            a->kind->rows_at(a, at, rows.rows, row);
        if (apart)
            rc = sect_read(a->file, "VECS", at * a->vector_bytes, room, n * a->vector_bytes, e);
        if (rc == 0)
            rc = knn_feed(s, &rows, at, a->kind->rows_at ? row : NULL, e);
    }
    free(row);
    free(room);
    return rc;
}

static int no_vectors(const struct ann *a, struct err *e)
{
    return err_set(e, ERR_USAGE, "%s holds no vectors to compute the truth from",
                   sect_path(a->file));
}

int ann_truth(const struct ann *a, const float *queries, uint64_t n, uint32_t k, int threads,
              struct neigh *truth, struct err *e)
{
    struct knn_opts o = {.metric = a->form.metric, .k = k, .threads = threads, .cpu = a->cpu};
    struct vec_rows q = {.p = (const unsigned char *)queries,
                         .rows = n,
                         .dim = a->form.dim,
                         .type = VEC_F32,
                         .stride = a->form.dim * sizeof *queries};
    struct knn *s = NULL;
    int rc;

    if (!a->vectors && !stand_apart(a))
        return no_vectors(a, e);
    rc = neigh_init(truth, n, k, true, e);
    if (rc == 0)
        rc = knn_open(&s, &o, &q, a->form.type, e);
    if (rc == 0)
        rc = feed(a, s, e);
    if (rc == 0)
        knn_results(s, truth->id, truth->score);
    knn_close(s);
    return rc;
}

/* ---- of tenants ---- */

/* Where the vector of each row stands. */
static uint32_t *places(const struct ann *a, struct err *e)
{
    uint32_t *place = mem_zero(a->rows, sizeof *place, e);

    for (uint64_t i = 0; place && i < a->rows; i++) {
        uint64_t row = i;

        if (a->kind->rows_at)
            a->kind->rows_at(a, i, 1, &row);
        place[row] = (uint32_t)i;
    }
    return place;
}

struct looking {
    const struct ann *a;
    const struct ann_grants *g;
    const struct ann_asked *q;
    const uint32_t *place;
    struct neigh *truth;
};

/* A thread's. */
struct look {
    struct exact x;
    struct best *best; /* [k] */
};

static int begin_look(void *room, void *ctx, struct err *e)
{
    const struct looking *l = ctx;
    struct look *t = room;

    t->best = mem_array(l->truth->k, sizeof *t->best, e);
    return t->best ? exact_init(&t->x, l->a, e) : e->code;
}

static void end_look(void *room)
{
    struct look *t = room;

    exact_free(&t->x);
    free(t->best);
}

/* The best of what query i's tenant may see. */
static int look(void *ctx, uint64_t i, void *room, struct err *e)
{
    const struct looking *l = ctx;
    const struct ann_grants *g = l->g;
    uint32_t t = l->q->tenant[i], k = l->truth->k;
    struct look *at = room;
    size_t found = 0;

    (void)e;
    exact_query(&at->x, l->q->x + i * l->a->form.dim);
    for (uint64_t r = t < g->settled ? g->start[t] : 0; t < g->settled && r < g->start[t + 1]; r++)
        best_offer(at->best, &found, k,
                   (struct best){exact_key(&at->x, l->place[g->row[r]]), g->row[r]});
    best_sort(at->best, found, k);
    best_give(at->best, found, k, l->a->form.metric, l->truth->id + i * k, l->truth->score + i * k);
    return 0;
}

int ann_truth_of(const struct ann *a, const struct ann_asked *q, uint32_t k, int threads,
                 struct neigh *truth, struct err *e)
{
    struct ann_grants g = {0};
    uint32_t *place = NULL;
    int rc;

    if (!q->tenant)
        return ann_truth(a, q->x, q->n, k, threads, truth, e);
    if (!a->vectors)
        return no_vectors(a, e);
    rc = neigh_init(truth, q->n, k, true, e);
    if (rc == 0)
        rc = a->kind->grants(a, &g, e);
    if (rc == 0 && !(place = places(a, e)))
        rc = e->code;
    if (rc == 0)
        rc = each(&(struct each){.n = q->n,
                                 .threads = threads,
                                 .ctx = &(struct looking){a, &g, q, place, truth},
                                 .room = sizeof(struct look),
                                 .begin = begin_look,
                                 .end = end_look,
                                 .one = look},
                  e);
    grants_free(&g);
    free(place);
    return rc;
}
