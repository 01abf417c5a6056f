/* bench_vec.c - exact search and its kernels, in one process: lines "name value".
 *
 *   bench_vec knn BASE QUERIES N THREADS     all rows against N queries at a time: queries_per_s,
 *                                            gops (2 a multiply-add), gb_per_s of the base, and
 *                                            read_gb_per_s of plain reading by as many threads
 *   bench_vec sketch BASE QUERIES SKETCH N   N queries, each alone: by all rows, and by SKETCH:
 *                                            scan_gb_per_s, sketch_gb_per_s (as if rows were read),
 *                                            ratio; the answers are compared
 *   bench_vec tile DIM                       the tiles of a piece in cache: f32_gflops, u8_gops
 *   bench_vec gen ROWS DIM FILE              normal rows, as fbin
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "base/mem.h"
#include "base/rand.h"
#include "read.h"
#include "vec/knn.h"
#include "vec/sketch.h"
#include "vec/vec.h"

enum { K = 10 };

static struct err err;

static void must(int rc)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "bench_vec: %s\n", err.msg);
    exit(1);
}

/* A plain file's rows in huge pages, without gaps. */
static struct vec_rows load(const char *path, struct vec_reader **r)
{
    struct vec_rows rows;
    unsigned char *p;
    size_t size;

    must(vec_open(r, path, NULL, &err));
    if (!vec_mapped(*r, &rows, NULL))
        exit(1);
    size = rows.dim * vec_type_size(rows.type);
    p = mem_map(rows.rows * size, &err);
    if (!p)
        exit(1);
    for (uint64_t i = 0; i < rows.rows; i++)
        memcpy(p + i * size, vec_row(&rows, i), size);
    rows.p = p;
    rows.stride = size;
    return rows;
}

static enum vec_metric metric_of(const char *path)
{
    return strstr(path, "glove") ? VEC_IP : VEC_L2;
}

/* The base in parts, as others use the machine: the best time of each is what counts. */
enum { PARTS = 32, TRIES = 5 };

static void no_times(double *took)
{
    for (int i = 0; i < PARTS; i++)
        took[i] = INFINITY;
}

static double sum_of(const double *took)
{
    double sum = 0;

    for (int i = 0; i < PARTS; i++)
        sum += took[i] < INFINITY ? took[i] : 0;
    return sum;
}

/* One search of n queries from `at` on. took: PARTS times, which become less. */
static void once(const struct vec_rows *base, const struct vec_rows *queries, uint64_t at,
                 uint64_t n, enum vec_metric metric, int threads, const struct sketch *sketch,
                 uint64_t *id, float *score, double *took)
{
    struct knn_opts o = {metric, K, threads, cpu_detect(), 0};
    struct vec_rows q = *queries, part = *base;
    uint64_t rows = base->rows / PARTS + 1;
    struct knn *s;
    double t;

    q.p += at * q.stride;
    q.rows = n;
    must(knn_open(&s, &o, &q, base->type, &err));
    if (sketch)
        must(knn_use_sketch(s, sketch, &err));
    for (uint64_t first = 0; first < base->rows; first += rows) {
        part.p = base->p + first * base->stride;
        part.rows = base->rows - first < rows ? base->rows - first : rows;
        t = bench_now();
        must(knn_feed(s, &part, first, NULL, &err));
        t = bench_now() - t;
        took[first / rows] = t < took[first / rows] ? t : took[first / rows];
    }
    knn_results(s, id, score);
    knn_close(s);
}

/* The same bytes, only read. */
static void read_once(const struct vec_rows *base, int threads, double *took)
{
    enum { WORDS = 1 << 15 };
    size_t words = base->rows * base->stride / PARTS / (8 * WORDS) * WORDS, part;
    uint64_t sum = 0, (*reads)(const uint64_t *, size_t) = fastest_read();

    for (part = 0; part < PARTS; part++) {
        const uint64_t *p = (const uint64_t *)(const void *)base->p + part * words;
        double t = bench_now();

#pragma omp parallel for num_threads(threads) reduction(+ : sum) schedule(dynamic, 1)
        for (size_t i = 0; i < words; i += WORDS)
            sum += reads(p + i, WORDS);
        t = (bench_now() - t) / (double)(words * PARTS) * (double)(base->rows * base->stride / 8);
        took[part] = t < took[part] && sum != 1 ? t : took[part];
    }
}

static void knn(char **arg)
{
    struct vec_reader *rb, *rq;
    struct vec_rows base = load(arg[0], &rb), queries = load(arg[1], &rq);
    uint64_t n = strtoull(arg[2], NULL, 10), done = 0;
    int threads = atoi(arg[3]);
    uint64_t *id = malloc(n * K * sizeof *id);
    float *score = malloc(n * K * sizeof *score);
    double took[PARTS], reading[PARTS], all, began = bench_now();

    if (!id || !score || n > queries.rows || base.rows < PARTS)
        exit(1);
    no_times(took);
    no_times(reading);
    for (int r = 0; r < 200 && (r < 3 || bench_now() - began < 2); r++) {
        once(&base, &queries, done % (queries.rows - n + 1), n, metric_of(arg[0]), threads, NULL,
             id, score, took);
        read_once(&base, threads, reading);
        done += n;
    }
    all = sum_of(took);
    printf("queries_per_s %.1f\ngops %.1f\ngb_per_s %.2f\nread_gb_per_s %.2f\n", (double)n / all,
           2e-9 * (double)n * (double)base.rows * base.dim / all,
           1e-9 * (double)base.rows * (double)base.stride / all,
           1e-9 * (double)base.rows * (double)base.stride / sum_of(reading));
}

static const void *in_huge_pages(const void *from, size_t size)
{
    void *p = mem_map(size, &err);

    if (!p)
        exit(1);
    return memcpy(p, from, size);
}

/* A sketch's rows where load() puts those of the base. */
static struct sketch loaded(const struct sketch *s)
{
    struct sketch to = *s;
    size_t rows = s->head.rows, floats = rows * sizeof(float);

    to.code = in_huge_pages(s->code, rows * s->head.dim);
    to.lo = in_huge_pages(s->lo, floats);
    to.step = in_huge_pages(s->step, floats);
    to.norm = in_huge_pages(s->norm, floats);
    return to;
}

static void sketch(char **arg)
{
    struct vec_reader *rb, *rq;
    struct vec_rows base = load(arg[0], &rb), queries = load(arg[1], &rq);
    uint64_t n = strtoull(arg[3], NULL, 10), id[2][K], seed = 7;
    float score[2][K];
    struct sketch s;
    double took[2] = {0, 0}, bytes = (double)n * (double)base.rows * (double)base.stride;
    int differ = 0;

    must(sketch_open(&s, arg[2], rb, ops_for(cpu_detect()), NULL, NULL, &err));
    s = loaded(&s);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t at = rand_below(&seed, queries.rows);
        double part[2][PARTS];
        no_times(part[0]);
        no_times(part[1]);
        for (int again = 0; again < 2 * TRIES; again++) {
            int way = again % 2;
            once(&base, &queries, at, 1, metric_of(arg[0]), 1, way ? &s : NULL, id[way], score[way],
                 part[way]);
        }
        took[0] += sum_of(part[0]);
        took[1] += sum_of(part[1]);
        differ += memcmp(id[0], id[1], sizeof id[0]) || memcmp(score[0], score[1], sizeof score[0]);
    }
    printf("scan_gb_per_s %.2f\nsketch_gb_per_s %.2f\nratio %.2f\ndiffer %d\n",
           bytes / took[0] / 1e9, bytes / took[1] / 1e9, took[0] / took[1], differ);
}

static void tile(char **arg)
{
    const struct vec_ops *o = ops_for(cpu_detect());
    uint32_t dim = (uint32_t)atoi(arg[0]);
    size_t n = 56, stride = dim * sizeof(float);
    void *rows = mem_map(n * stride, &err), *panel = mem_map(stride * PANEL, &err);
    void *out = mem_map(n * PANEL * 4, &err);

    if (!rows || !panel || !out)
        exit(1);
    for (int bytes = 0; bytes < 2; bytes++) {
        double best = 0;
        long reps = (long)(2e10 / (2.0 * (double)n * PANEL * dim)) + 1;
        for (int r = 0; r < 5; r++) {
            double t = bench_now();
            for (long i = 0; i < reps; i++) {
                if (bytes)
                    o->tile_us(rows, dim, n, panel, dim, NULL, out);
                else
                    o->tile_f32(rows, stride, n, panel, dim, out);
            }
            t = 2e-9 * (double)reps * (double)n * PANEL * dim / (bench_now() - t);
            best = t > best ? t : best;
        }
        printf("%s %.1f\n", bytes ? "u8_gops" : "f32_gflops", best);
    }
}

static void gen(char **arg)
{
    uint64_t rows = strtoull(arg[0], NULL, 10), seed = 1;
    uint32_t dim = (uint32_t)atoi(arg[1]);
    struct vec_write_opts o = {.type = VEC_F32, .dim = dim, .rows = rows};
    struct vec_writer *w;
    float *row = malloc(dim * sizeof *row);

    if (!row)
        exit(1);
    must(vec_create(&w, arg[2], &o, &err));
    for (uint64_t i = 0; i < rows; i++) {
        for (uint32_t k = 0; k < dim; k++)
            row[k] = (float)rand_normal(&seed);
        must(vec_write(w, row, 1, &err));
    }
    must(vec_commit(&w, &err));
    free(row);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int args;
        void (*run)(char **arg);
    } verb[] = {{"knn", 4, knn}, {"sketch", 4, sketch}, {"tile", 1, tile}, {"gen", 3, gen}};

    for (size_t i = 0; i < sizeof verb / sizeof *verb; i++)
        if (argc == verb[i].args + 2 && strcmp(argv[1], verb[i].name) == 0) {
            verb[i].run(argv + 2);
            return 0;
        }
    fprintf(stderr, "usage: bench_vec knn|sketch|tile|gen ...\n");
    return 2;
}
