/* limits.c - what this machine can do at all, so that the figures that follow can be read: memory
 * bandwidth and latency of one thread, on ordinary and on huge pages; with an argument, instead,
 * the peaks of arithmetic and the bandwidth of one thread and of two as lines "name value". */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "bench.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "base/par.h"
#include "read.h"

enum { WORDS = 1 << 25 }; /* 256 MiB */

static double read_gb_per_s(const uint64_t *a)
{
    double t = bench_now();
    uint64_t sum = read_words(a, WORDS);

    t = bench_now() - t;
    return sum == 1 ? 0 : WORDS * 8.0 / t / 1e9;
}

/* One chain of dependent reads through all lines, in random order (Sattolo's cycle). */
static double latency_ns(uint64_t *a)
{
    enum { STRIDE = 8, LINES = WORDS / STRIDE, STEPS = 1 << 21 };
    uint64_t seed = 1, at = 0;

    for (uint64_t i = 0; i < LINES; i++)
        a[i * STRIDE] = i;
    for (uint64_t i = LINES - 1; i > 0; i--) {
        uint64_t j, swap;
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        j = (seed >> 33) % i;
        swap = a[i * STRIDE];
        a[i * STRIDE] = a[j * STRIDE];
        a[j * STRIDE] = swap;
    }
    double t = bench_now();
    for (int i = 0; i < STEPS; i++)
        at = a[at * STRIDE];
    t = bench_now() - t;
    return at == LINES ? 0 : t / STEPS * 1e9;
}

static uint64_t *map_words(int advice)
{
    void *p = mmap(NULL, WORDS * 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        exit(1);
    madvise(p, WORDS * 8, advice);
    return p;
}

#if defined(__x86_64__)
#include <immintrin.h>

/* Sixteen independent chains of one instruction: G results a second, `lanes` an instruction. */
#define PEAK(name, lanes, start, op)                                                         \
    __attribute__((target("avx512f,avx512bw,avx512vnni"))) static double name(void)          \
    {                                                                                        \
        __m512i v[16], a = _mm512_set1_epi32(0x3e4ccccd), b = _mm512_set1_epi32(0x3e99999a); \
        double best = 0;                                                                     \
                                                                                             \
        for (int i = 0; i < 16; i++)                                                         \
            v[i] = start;                                                                    \
        for (int r = 0; r < 5; r++) {                                                        \
            double t = bench_now();                                                          \
            for (int n = 0; n < 4000000; n++) {                                              \
                _Pragma("GCC unroll 16") for (int i = 0; i < 16; i++) v[i] = op;             \
                __asm__ volatile("" : "+v"(a), "+v"(b));                                     \
            }                                                                                \
            t = 4000000 * 16.0 * (lanes) / (bench_now() - t) / 1e9;                          \
            best = t > best ? t : best;                                                      \
        }                                                                                    \
        for (int i = 1; i < 16; i++)                                                         \
            v[0] = _mm512_xor_si512(v[0], v[i]);                                             \
        return _mm512_reduce_add_epi32(v[0]) == 12345 ? 0 : best;                            \
    }

PEAK(fma_peak, 32, _mm512_setzero_si512(),
     _mm512_castps_si512(_mm512_fmadd_ps(_mm512_castsi512_ps(a), _mm512_castsi512_ps(b),
                                         _mm512_castsi512_ps(v[i]))))
PEAK(vnni_peak, 128, _mm512_setzero_si512(), _mm512_dpbusd_epi32(v[i], a, b))
PEAK(shuffle_peak, 64, _mm512_set1_epi32(i), _mm512_shuffle_epi8(v[i], a))

static void print_peaks(void)
{
    if (cpu_detect() < CPU_AVX512)
        return;
    printf("fma_gflops %.1f\nvnni_gops %.1f\nshuffle_glookups %.1f\n", fma_peak(), vnni_peak(),
           shuffle_peak());
}
#else
static void print_peaks(void)
{
}
#endif

/* As fast as memory gives it: the best of some passes over each part, as others use the machine. */
static double best_gb(const uint64_t *a, int threads)
{
    enum { PARTS = 32, PASSES = 12, PART = WORDS / PARTS, SHARE = 1 << 15 };
    double best[PARTS], all = 0;
    uint64_t sum = 0, (*reads)(const uint64_t *, size_t) = fastest_read();

    for (int p = 0; p < PARTS; p++)
        best[p] = 1e9;
    for (int r = 0; r < PASSES; r++)
        for (int p = 0; p < PARTS; p++) {
            double t = bench_now();
#pragma omp parallel for num_threads(threads) reduction(+ : sum) schedule(dynamic, 1)
            for (size_t i = 0; i < PART; i += SHARE)
                sum += reads(a + (size_t)p * PART + i, SHARE);
            t = bench_now() - t;
            best[p] = t < best[p] ? t : best[p];
        }
    for (int p = 0; p < PARTS; p++)
        all += best[p];
    return sum == 1 ? 0 : WORDS * 8.0 / all / 1e9;
}

static void print_bandwidth(void)
{
    uint64_t *a = map_words(MADV_HUGEPAGE);

    for (size_t i = 0; i < WORDS; i += 8)
        a[i] = i;
    printf("read_gb %.1f\nread_two_gb %.1f\n", best_gb(a, 1), best_gb(a, 2));
    munmap(a, WORDS * 8);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        print_peaks();
        print_bandwidth();
        return 0;
    }
    uint64_t *small = map_words(MADV_NOHUGEPAGE), *huge = map_words(MADV_HUGEPAGE);
    double small_ns = latency_ns(small), huge_ns = latency_ns(huge);

    printf("machine: %d CPUs, %s, read %.1f GB/s, latency over 256 MiB %.0f ns (4 KiB pages), %.0f "
           "ns (huge pages)\n",
           par_cpus(), cpu_name(cpu_detect()), read_gb_per_s(huge), small_ns, huge_ns);
    munmap(small, WORDS * 8);
    munmap(huge, WORDS * 8);
    return 0;
}
