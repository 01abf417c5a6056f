/* example.c - a program of somebody else's that links libsluice.a: how often does a string occur in
 * an indexed corpus, and which vectors are near to others?
 *
 *   cc example.c $(pkg-config --cflags --libs --static sluice) -o example
 *   ./example INDEX PATTERN NEW_ANN_INDEX
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sluice/ann/ann.h>
#include <sluice/fm/fm.h>

static int count(const char *path, const char *pattern, struct err *e)
{
    struct fm_open_opts how = {.cpu = cpu_detect()};
    struct fm_text text = {pattern, strlen(pattern)};
    struct fm *fm = NULL;
    uint64_t n;

    if (fm_open(&fm, path, &how, e) < 0)
        return e->code;
    fm_count(fm, &text, 1, &n, 1);
    printf("'%s' occurs %" PRIu64 " times in %" PRIu64 " documents\n", pattern, n, fm_docs(fm));
    fm_close(fm);
    return 0;
}

/* 1,000 points on lines; the nearest of one of them is itself. */
static int near(const char *path, struct err *e)
{
    enum { N = 1000, DIM = 4, K = 3, QUERIES = 2 };
    static float x[N][DIM];
    struct vec_rows base = {(unsigned char *)x, N, DIM, VEC_F32, sizeof x[0]};
    struct ann_build_opts make = {.threads = 1, .cpu = cpu_detect()};
    struct ann_search_opts how = {.k = K, .threads = 1};
    struct ann_build_report report;
    uint64_t id[QUERIES * K];
    float score[QUERIES * K];
    struct ann *a = NULL;

    for (int i = 0; i < N * DIM; i++)
        x[i / DIM][i % DIM] = (float)(i / DIM + i / DIM * (i % DIM) % 7);
    if (ann_build(path, &base, &make, &report, e) < 0 || ann_open(&a, path, make.cpu, e) < 0)
        return e->code;
    int rc = ann_search(a, &how, x[100], QUERIES, id, score, NULL, e);
    for (int i = 0; rc == 0 && i < QUERIES * K; i++)
        printf("row %d: %" PRIu64 " at %g\n", 100 + i / K, id[i], score[i]);
    ann_close(a);
    return rc;
}

int main(int argc, char **argv)
{
    struct err e = {0};

    if (argc != 4)
        return 2;
    if (count(argv[1], argv[2], &e) == 0 && near(argv[3], &e) == 0)
        return 0;
    fprintf(stderr, "example: %s\n", e.msg);
    return 1;
}
