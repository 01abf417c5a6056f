/* bench_pq.c - look-ups of product quantization beside what the machine can do: byte shuffles a
 * second, and bytes read from memory a second, measured in the same run.
 *
 *     bench_pq [SPEC ...]      of 8 dimensions a part; by default pq98x4, pq50x4, pq196x4, pq98x8
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "base/rand.h"
#include "vec/codec_kind.h"
#include "vec/vec.h"

enum { SUB = 8, SAMPLE = 1024, LIST = 1 << 14, QUERIES = 32, MEMORY_BYTES = 1 << 28 };

static void die(const struct err *e)
{
    fprintf(stderr, "bench_pq: %s\n", e->msg);
    exit(1);
}

/* ---- what the machine can do ---- */

#if defined(__x86_64__)
#define ONE(OP, R, I) OP " %%" R "mm8, %%" R "mm9, %%" R "mm" #I "\n"
#define EIGHT(OP, R) \
    ONE(OP, R, 0)    \
    ONE(OP, R, 1)    \
    ONE(OP, R, 2) ONE(OP, R, 3) ONE(OP, R, 4) ONE(OP, R, 5) ONE(OP, R, 6) ONE(OP, R, 7)
#define CLOBBERS "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9"

/* Independent shuffles, nothing else; bytes looked up, in G a second. */
static double peak_look_ups(enum cpu_level cpu, bool across)
{
    enum { ROUNDS = 1 << 15 };
    double best = 1e9;

    for (int again = 0; again < 100; again++) {
        double t = bench_now();

        for (int i = 0; i < ROUNDS; i++) {
            if (cpu < CPU_AVX512)
                __asm__ volatile(EIGHT("vpshufb", "y")::: CLOBBERS);
            else if (across)
                __asm__ volatile(EIGHT("vpermb", "z")::: CLOBBERS);
            else
                __asm__ volatile(EIGHT("vpshufb", "z")::: CLOBBERS);
        }
        t = bench_now() - t;
        best = t < best ? t : best;
    }
    return ROUNDS * 8.0 * (cpu < CPU_AVX512 ? 32 : 64) / best / 1e9;
}

static void read_lines(enum cpu_level cpu, const uint8_t *p)
{
    if (cpu < CPU_AVX512)
        __asm__ volatile("vmovdqa (%0), %%ymm0\nvmovdqa 32(%0), %%ymm1\n"
                         "vmovdqa 64(%0), %%ymm2\nvmovdqa 96(%0), %%ymm3\n"
                         "vmovdqa 128(%0), %%ymm4\nvmovdqa 160(%0), %%ymm5\n"
                         "vmovdqa 192(%0), %%ymm6\nvmovdqa 224(%0), %%ymm7\n"
                         :
                         : "r"(p)
                         : CLOBBERS, "memory");
    else
        __asm__ volatile("vmovdqa64 (%0), %%zmm0\nvmovdqa64 64(%0), %%zmm1\n"
                         "vmovdqa64 128(%0), %%zmm2\nvmovdqa64 192(%0), %%zmm3\n"
                         :
                         : "r"(p)
                         : CLOBBERS, "memory");
}
#endif

/* Seconds of reading `bytes`, a multiple of 256, once. */
static double read_s(enum cpu_level cpu, const uint8_t *p, size_t bytes)
{
    double t = bench_now();

#if defined(__x86_64__)
    for (size_t i = 0; i < bytes; i += 256)
        read_lines(cpu, p + i);
#else
    static volatile uint8_t sink;

    for (size_t i = 0; i < bytes; i += 8)
        sink = p[i];
    (void)cpu;
#endif
    return bench_now() - t;
}

/* ---- ours ---- */

struct bench {
    struct codec *c;
    float *x;      /* [SAMPLE][dim] */
    uint8_t *code; /* [LIST] of any bits */
    void *query[QUERIES];
    float *key;
    uint32_t dim;
    double peak;
};

static void begin(struct bench *b, const char *spec, enum cpu_level cpu)
{
    struct codec_train t = {.x = b->x, .n = SAMPLE, .seed = 1, .threads = 2};
    struct err e = {0};

    if (codec_train(&b->c, spec, b->dim, cpu, &t, &e) < 0)
        die(&e);
    for (size_t i = 0; i < QUERIES; i++) {
        b->query[i] = bench_need(aligned_alloc(64, b->c->spec.kind->query_bytes(b->c)));
        b->c->spec.kind->query_init(b->c, VEC_L2, b->x + i * b->dim, b->query[i]);
    }
}

static double lists_s(const struct bench *b, const struct codec_list *l, size_t nq, int rounds,
                      int tries)
{
    double best = 1e9;

    for (int again = 0; again < tries; again++) {
        double t = bench_now();

        for (int i = 0; i < rounds; i++)
            codec_list_scan(b->c, l, (const void *const *)b->query, nq, b->key, NULL);
        t = (bench_now() - t) / rounds;
        best = t < best ? t : best;
    }
    return best;
}

/* Lists that stay in the cache: look-ups a second, of parts that there are. */
static void cached(const struct bench *b, size_t n, size_t nq)
{
    struct codec_list l;
    struct err e = {0};
    double s, rate;

    if (codec_list_init(&l, b->c, b->code, n, 1, &e) < 0)
        die(&e);
    s = lists_s(b, &l, nq, (int)(1 << 16) / (int)(n * nq) + 1, 300);
    rate = (double)n * (double)nq * b->c->spec.a / s / 1e9;
    printf("  %5zu codes, %2zu quer%s %7.1f G look-ups/s", n, nq, nq == 1 ? "y:  " : "ies:", rate);
    if (b->peak > 0)
        printf(", %3.0f %% of the peak", 100 * rate / b->peak);
    printf("\n");
    codec_list_free(&l);
}

static double scan_pieces_s(const struct bench *b, const uint8_t *p, size_t piece, size_t pieces)
{
    double t = bench_now();

    for (size_t i = 0; i < pieces; i++)
        b->c->spec.kind->scan(b->c, (const void *const *)b->query, 1, p + i * piece, CODEC_LIST,
                              b->key, NULL, CODEC_LIST);
    return bench_now() - t;
}

static void keep_less(double *best, double t)
{
    *best = t < *best ? t : *best;
}

/* One query, codes from memory; keys are used piece by piece. In turns with plain reading, and the
 * best of each part of the memory, as others use the machine too. */
static void from_memory(const struct bench *b, enum cpu_level cpu)
{
    enum { PARTS = 64, TRIES = 20 };
    double scan[PARTS], read[PARTS], scan_s = 0, read_all_s = 0;
    struct codec_list one;
    struct err e = {0};
    size_t part, pieces, bytes;
    uint8_t *p;

    if (codec_list_init(&one, b->c, b->code, CODEC_LIST, 1, &e) < 0)
        die(&e);
    pieces = MEMORY_BYTES / PARTS / one.piece;
    part = pieces * one.piece;
    bytes = part * PARTS;
    p = mem_map(bytes, &e);
    if (!p)
        die(&e);
    for (size_t i = 0; i < pieces * PARTS; i++)
        memcpy(p + i * one.piece, one.p, one.piece);
    for (int again = 0; again < TRIES; again++) {
        for (size_t i = 0; i < PARTS; i++) {
            scan[i] = again ? scan[i] : 1e9;
            keep_less(&scan[i], scan_pieces_s(b, p + i * part, one.piece, pieces));
        }
        for (size_t i = 0; i < PARTS; i++) {
            read[i] = again ? read[i] : 1e9;
            keep_less(&read[i], read_s(cpu, p + i * part, part / 256 * 256));
        }
    }
    for (size_t i = 0; i < PARTS; i++) {
        scan_s += scan[i];
        read_all_s += read[i];
    }
    printf("  one query over %zu MB: %5.1f GB/s of codes, %3.0f %% of %.1f GB/s read\n",
           bytes >> 20, (double)bytes / scan_s / 1e9, 100 * read_all_s / scan_s,
           (double)bytes / read_all_s / 1e9);
    codec_list_free(&one);
    mem_unmap(p, bytes);
}

static void coding(const struct bench *b)
{
    uint8_t *code = bench_need(malloc((size_t)SAMPLE * b->c->code_bytes));
    struct err e = {0};
    double t = bench_now(), init;
    int rounds = 0;

    for (; bench_now() - t < 0.3; rounds++)
        if (codec_encode(b->c, b->x, SAMPLE, code, 1, &e) < 0)
            die(&e);
    t = (bench_now() - t) / rounds;
    init = bench_now();
    for (int i = 0; i < 100; i++)
        b->c->spec.kind->query_init(b->c, VEC_L2, b->x, b->query[0]);
    init = (bench_now() - init) / 100;
    printf("  encode %.0f vectors/s; a query is prepared in %.2f us\n", SAMPLE / t, init * 1e6);
    free(code);
}

static void run(const char *spec, enum cpu_level cpu, double peak)
{
    struct bench b = {.peak = peak};
    struct codec_spec s;
    struct err e = {0};
    uint64_t seed = 1;

    if (codec_parse(spec, &s, &e) < 0)
        die(&e);
    b.dim = s.a * SUB;
    b.x = bench_need(malloc(sizeof *b.x * SAMPLE * b.dim));
    for (size_t i = 0; i < (size_t)SAMPLE * b.dim; i++)
        b.x[i] = (float)rand_unit(&seed);
    begin(&b, spec, cpu);
    b.code = bench_need(malloc((size_t)LIST * b.c->code_bytes));
    for (size_t i = 0; i < (size_t)LIST * b.c->code_bytes; i++)
        b.code[i] = (uint8_t)rand_u64(&seed);
    b.key = bench_need(aligned_alloc(64, sizeof *b.key * LIST * QUERIES));
    printf("%s, %s\n", spec, cpu_name(cpu));
    for (size_t n = 1024; n <= LIST; n *= 4)
        for (size_t nq = 1; nq <= QUERIES; nq = nq == 1 ? 8 : 2 * nq)
            cached(&b, n, nq);
    from_memory(&b, cpu);
    coding(&b);
    for (size_t i = 0; i < QUERIES; i++)
        free(b.query[i]);
    codec_free(b.c);
    free(b.x);
    free(b.code);
    free(b.key);
}

int main(int argc, char **argv)
{
    static const char *const usual[] = {"pq98x4", "pq50x4", "pq196x4", "pq98x8"};
    enum cpu_level cpu = cpu_detect(), capped;
    const char *cap = getenv("SLUICE_CPU");
    double peak = 0;

    if (cap && cpu_parse(cap, &capped) == 0 && capped < cpu)
        cpu = capped;
#if defined(__x86_64__)
    if (cpu >= CPU_AVX2) {
        double shuffle = peak_look_ups(cpu, false), across = peak_look_ups(cpu, true);

        printf("peak: %.0f G bytes looked up a second by vpshufb", shuffle);
        if (cpu == CPU_AVX512)
            printf(", %.0f by vpermb", across);
        printf("\n");
        peak = shuffle > across ? shuffle : across;
    }
#endif
    for (int i = 1; i < argc; i++)
        run(argv[i], cpu, peak);
    for (size_t i = 0; argc < 2 && i < sizeof usual / sizeof *usual; i++)
        run(usual[i], cpu, peak);
    return 0;
}
