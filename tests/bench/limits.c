/* limits.c - what this machine can do at all, so that the figures that follow can be read: memory
 * bandwidth and latency of one thread, on ordinary and on huge pages. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "base/par.h"

enum { WORDS = 1 << 25 }; /* 256 MiB */

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double read_gb_per_s(const uint64_t *a)
{
    uint64_t sum[8] = {0};
    double t = now_s();

    for (size_t i = 0; i < WORDS; i += 8)
        for (int k = 0; k < 8; k++)
            sum[k] += a[i + k];
    t = now_s() - t;
    return sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7] == 1
               ? 0
               : WORDS * 8.0 / t / 1e9;
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
    double t = now_s();
    for (int i = 0; i < STEPS; i++)
        at = a[at * STRIDE];
    t = now_s() - t;
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

int main(void)
{
    uint64_t *small = map_words(MADV_NOHUGEPAGE), *huge = map_words(MADV_HUGEPAGE);
    double small_ns = latency_ns(small), huge_ns = latency_ns(huge);

    printf("machine: %d CPUs, %s, read %.1f GB/s, latency over 256 MiB %.0f ns (4 KiB pages), %.0f "
           "ns (huge pages)\n",
           par_cpus(), cpu_name(cpu_detect()), read_gb_per_s(huge), small_ns, huge_ns);
    munmap(small, WORDS * 8);
    munmap(huge, WORDS * 8);
    return 0;
}
