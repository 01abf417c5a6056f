/* bench_ann.c - recall against queries a second of one index, one thread, ef by ef: to stand beside
 * ann_hnswlib.cpp.
 *
 *   bench_ann IDX QUERIES TRUTH [EF[/RERANK[/SLACK]]...]
 */
#include <stdio.h>
#include <stdlib.h>

#include "ann/ann.h"
#include "vec/vec.h"

enum { K = 10, PASSES = 3 };

static int fail(const struct err *e)
{
    fprintf(stderr, "bench_ann: %s\n", e->msg);
    return 1;
}

static double recall(const struct neigh *t, const uint64_t *id)
{
    uint64_t hit = 0;

    for (uint64_t q = 0; q < t->queries; q++)
        for (unsigned i = 0; i < K; i++)
            for (unsigned j = 0; j < K; j++)
                hit += t->id[q * t->k + j] == id[q * K + i];
    return (double)hit / (double)(K * t->queries);
}

static int setting(const struct ann *a, const struct vec_matrix *q, const struct neigh *t,
                   const char *arg, struct err *e)
{
    unsigned ef = 0, rerank = 0;
    struct ann_search_opts o = {.k = K, .threads = 1};
    struct ann_search_stats best = {.seconds = 1e9};
    uint64_t *id = malloc(q->rows * K * sizeof *id);
    float *score = malloc(q->rows * K * sizeof *score);
    int rc = 0;

    sscanf(arg, "%u/%u/%f", &ef, &rerank, &o.slack);
    o.effort = ef;
    o.rerank = rerank;
    for (int pass = 0; pass < PASSES && rc == 0; pass++) {
        struct ann_search_stats s = {0};

        rc = ann_search(a, &o, q->v, q->rows, id, score, &s, e);
        best = s.seconds < best.seconds ? s : best;
    }
    if (rc == 0)
        printf("ef %s  recall@10 %.4f  qps %.0f  keys %.0f  hops %.1f  exact %.1f\n", arg,
               recall(t, id), (double)q->rows / best.seconds, (double)best.keys / (double)q->rows,
               (double)best.hops / (double)q->rows, (double)best.exact / (double)q->rows);
    free(id);
    free(score);
    return rc;
}

int main(int argc, char **argv)
{
    struct err e = {0};
    struct ann *a = NULL;
    struct vec_matrix q = {0};
    struct neigh t = {0};
    int rc = 0;

    if (argc < 4) {
        fprintf(stderr, "usage: bench_ann IDX QUERIES TRUTH [EF[/RERANK[/SLACK]]...]\n");
        return 2;
    }
    if (ann_load(&a, argv[1], cpu_detect(), 1, &e) < 0 ||
        vec_load_f32(&q, argv[2], NULL, 0, false, &e) < 0 ||
        neigh_load(&t, argv[3], NEIGH_AUTO, &e) < 0)
        return fail(&e);
    for (int i = 4; i < argc && rc == 0; i++)
        rc = setting(a, &q, &t, argv[i], &e);
    neigh_free(&t);
    vec_matrix_free(&q);
    ann_close(a);
    return rc ? fail(&e) : 0;
}
