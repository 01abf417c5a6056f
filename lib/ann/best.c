/* best.c - the best rows of a query, sorted and handed out. */
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "ann/kind.h"
#include "vec/neigh.h"

double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_key(const void *a, const void *b)
{
    const struct best *x = a, *y = b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

bool best_before(const struct best *a, const struct best *b)
{
    return a->key < b->key || (a->key == b->key && a->row < b->row);
}

static void sink(struct best *b, size_t n)
{
    for (size_t i = 0, child; (child = 2 * i + 1) < n; i = child) {
        struct best v;

        child += child + 1 < n && best_before(&b[child], &b[child + 1]);
        if (!best_before(&b[i], &b[child]))
            return;
        v = b[i];
        b[i] = b[child];
        b[child] = v;
    }
}

void best_offer(struct best *b, size_t *n, size_t k, struct best v)
{
    size_t i = *n;

    if (i == k) {
        if (best_before(&v, &b[0])) {
            b[0] = v;
            sink(b, k);
        }
        return;
    }
    ++*n;
    for (; i > 0 && best_before(&b[(i - 1) / 2], &v); i = (i - 1) / 2)
        b[i] = b[(i - 1) / 2];
    b[i] = v;
}

/* Few are sorted, of many that are not needed. */
void best_sort(struct best *b, size_t n, size_t k)
{
    size_t have = k < n ? k : n;

    qsort(b, have, sizeof *b, by_key);
    for (size_t i = have; i < n; i++) {
        struct best v = b[i];
        size_t j;

        if (have == 0 || !best_before(&v, &b[have - 1]))
            continue;
        for (j = have - 1; j > 0 && best_before(&v, &b[j - 1]); j--)
            b[j] = b[j - 1];
        b[j] = v;
    }
}

/* A key as it is printed. */
static float score_of(enum vec_metric m, double key)
{
    if (m == VEC_IP)
        return (float)(0.0 - key);
    return (float)(key > 0 ? key : 0);
}

void best_give(const struct best *b, size_t n, size_t k, enum vec_metric m, uint64_t *id,
               float *score)
{
    for (size_t i = 0; i < k; i++) {
        id[i] = i < n ? b[i].row : NEIGH_NONE;
        score[i] = i < n ? score_of(m, b[i].key) : NAN;
    }
}
