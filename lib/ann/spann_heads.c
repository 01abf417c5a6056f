/* spann_heads.c - heads by balanced hierarchical clustering: rows are split by k-means into parts
 * that share out the heads by their sizes, and each part again. A part of the first split is one
 * thread's, so that threads do not matter. */
#include <stdlib.h>
#include <string.h>

#include "ann/each.h"
#include "ann/spann.h"
#include "vec/kmeans.h"

enum {
    BRANCH = 32, /* parts of a split, at most */
    ROUNDS = 10, /* of k-means */
};
static const double even = 0.06; /* kmeans.h: balance */

/* A part: rows [from, from + n) and heads [head, head + heads). */
struct part {
    size_t from, n;
    uint32_t head, heads;
};

struct split {
    struct part part[BRANCH];
    uint32_t parts;
};

/* Of n rows heads for each part by its size; none without rows, and no more than rows. */
static void share_heads(struct split *s, const struct part *whole)
{
    uint64_t before = 0, head = 0;

    for (uint32_t i = 0; i < s->parts; i++) {
        struct part *p = &s->part[i];
        uint64_t to;

        before += p->n;
        to = before * whole->heads / whole->n; /* as many as rows at most, where whole has */
        p->head = whole->head + (uint32_t)head;
        p->heads = (uint32_t)(to - head);
        head = to;
    }
}

/* Rows that are all in one part cannot be told apart: they are cut into runs. */
static void spread_same(uint32_t *to, size_t n, uint32_t parts)
{
    for (size_t i = 1; i < n; i++)
        if (to[i] != to[0])
            return;
    for (size_t i = 0; i < n; i++)
        to[i] = (uint32_t)(i * parts / n);
}

/* Rows in the order of their parts, by a copy. */
static int reorder(const struct spann_tree *t, float *x, const uint32_t *to, struct split *s,
                   const struct part *whole, struct err *e)
{
    size_t row = t->dim * sizeof *x, at[BRANCH], from = 0;
    float *copy = mem_array(whole->n, row, e);

    if (!copy)
        return e->code;
    memcpy(copy, x, whole->n * row);
    memset(at, 0, sizeof at);
    for (size_t i = 0; i < whole->n; i++)
        at[to[i]]++;
    for (uint32_t p = 0; p < s->parts; p++) {
        s->part[p] = (struct part){.from = whole->from + from, .n = at[p]};
        at[p] = from;
        from += s->part[p].n;
    }
    for (size_t i = 0; i < whole->n; i++)
        memcpy(x + at[to[i]]++ * t->dim, copy + i * t->dim, row);
    free(copy);
    return 0;
}

/* Splits a part; or all its heads, when they are few. */
static int split(const struct spann_tree *t, float *all, const struct part *whole, int threads,
                 float *heads, struct split *s, struct err *e)
{
    float *x = all + whole->from * t->dim, penalty[BRANCH];
    bool last = whole->heads <= BRANCH;
    uint32_t k = last ? whole->heads : BRANCH;
    struct kmeans_opts how = {.ops = t->ops,
                              .k = k,
                              .iterations = ROUNDS,
                              .seed = 1,
                              .balance = even,
                              .penalty = penalty,
                              .threads = threads};
    float *c = last ? heads + (size_t)whole->head * t->dim : mem_array(k, t->dim * sizeof *c, e);
    uint32_t *to = mem_array(whole->n, sizeof *to, e);
    int rc = c && to ? kmeans(x, whole->n, t->dim, &how, c, to, NULL, e) : e->code;

    s->parts = last ? 0 : k;
    if (rc == 0 && !last)
        spread_same(to, whole->n, k);
    if (rc == 0 && !last)
        rc = reorder(t, x, to, s, whole, e);
    if (rc == 0 && !last)
        share_heads(s, whole);
    free(to);
    if (!last)
        free(c);
    return rc;
}

static int part_heads(const struct spann_tree *t, float *x, const struct part *p, float *heads,
                      struct err *e)
{
    struct split s;

    if (p->heads == 0)
        return 0;
    if (split(t, x, p, 1, heads, &s, e) < 0)
        return e->code;
    for (uint32_t i = 0; i < s.parts; i++)
        if (part_heads(t, x, &s.part[i], heads, e) < 0)
            return e->code;
    return 0;
}

/* The parts of the first split. */
struct parts {
    const struct spann_tree *t;
    float *x, *heads;
    struct split s;
    uint32_t done;
};

static int one_part(void *ctx, uint64_t i, void *room, struct err *e)
{
    struct parts *p = ctx;
    int rc = part_heads(p->t, p->x, &p->s.part[i], p->heads, e);

    (void)room;
    if (p->t->progress)
#pragma omp critical
        p->t->progress(p->t->progress_ctx, "heads", ++p->done, p->s.parts);
    return rc;
}

int spann_heads(const struct spann_tree *t, float *x, size_t n, float *heads, struct err *e)
{
    struct part whole = {.n = n, .heads = t->heads};
    struct parts p = {.t = t, .x = x, .heads = heads};

    if (n == 0)
        return 0;
    if (split(t, x, &whole, t->threads, heads, &p.s, e) < 0)
        return e->code;
    return each(&(struct each){.n = p.s.parts, .threads = t->threads, .ctx = &p, .one = one_part},
                e);
}
