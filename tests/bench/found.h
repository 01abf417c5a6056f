/* found.h - searches of an index by queries whose truth is known. */
#ifndef BENCH_FOUND_H
#define BENCH_FOUND_H

#include "ann/ann.h"
#include "bench.h"
#include "vec/neigh.h"
#include "vec/vec.h"

enum { FOUND_PASSES = 5 };

/* The first `most` queries of a file. */
static inline void found_queries(struct vec_matrix *q, const char *path, uint64_t most)
{
    struct err e = {0};

    if (vec_load_f32(q, path, NULL, 0, false, &e) < 0)
        bench_stop(e.msg);
    q->rows = q->rows < most ? q->rows : most;
}

/* Of the true neighbours of n queries, the first k of each row of `stride`, the share in id[n][k].
 */
static inline double found_share(const uint64_t *truth, size_t stride, const uint64_t *id,
                                 uint64_t n, unsigned k)
{
    uint64_t hit = 0, all = 0;

    for (uint64_t q = 0; q < n; q++)
        for (unsigned i = 0; i < k; i++) {
            uint64_t t = truth[q * stride + i];

            all += t != NEIGH_NONE;
            for (unsigned j = 0; j < k; j++)
                hit += t != NEIGH_NONE && t == id[q * k + j];
        }
    return (double)hit / (double)all;
}

/* The fastest of some passes over all queries; what it found is left in id[rows][o->k]. */
static inline struct ann_search_stats found_best(const struct ann *a,
                                                 const struct ann_search_opts *o,
                                                 const struct vec_matrix *q, uint64_t *id)
{
    float *score = bench_need(malloc(q->rows * o->k * sizeof *score));
    struct ann_search_stats best = {.seconds = 1e9};
    struct err e = {0};

    for (int pass = 0; pass < FOUND_PASSES; pass++) {
        struct ann_search_stats s = {0};

        if (ann_search(a, o, q->v, q->rows, id, score, &s, &e) < 0)
            bench_stop(e.msg);
        best = s.seconds < best.seconds ? s : best;
    }
    free(score);
    return best;
}

#endif
