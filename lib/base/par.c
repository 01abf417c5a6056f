/* par.c - see par.h.
 *
 * A container or a batch job is often held to a few CPUs by a quota (cpu.max) and not by a mask:
 * starting a thread for every CPU of the host then only makes them wait for each other.
 */
#include "base/par.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>

#include "base/cgroup.h"

/* The mask's size is the kernel's business: EINVAL says that ours was too small. */
static int affinity_cpus(void)
{
    for (size_t max = 1024; max <= 1 << 20; max *= 2) {
        size_t bytes = CPU_ALLOC_SIZE(max);
        cpu_set_t *set = CPU_ALLOC(max);
        int n = 0;

        if (!set)
            break;
        if (sched_getaffinity(0, bytes, set) == 0)
            n = CPU_COUNT_S(bytes, set);
        else if (errno == EINVAL)
            n = -1;
        CPU_FREE(set);
        if (n >= 0)
            return n > 0 ? n : 1;
    }
    return 1;
}

/* cpu.max: "QUOTA PERIOD" in microseconds, or "max PERIOD". CPUs rounded up. */
static void lower_to_quota(void *ctx, const char *folder)
{
    int *n = ctx;
    char name[PATH_MAX + 64];
    long long quota, period;
    FILE *f;

    snprintf(name, sizeof name, "%s/cpu.max", folder);
    f = fopen(name, "re");
    if (!f)
        return;
    if (fscanf(f, "%lld %lld", &quota, &period) == 2 && quota > 0 && period > 0 &&
        (quota - 1) / period < *n)
        *n = (int)((quota - 1) / period) + 1;
    fclose(f);
}

int par_cpus(void)
{
    int n = affinity_cpus();

    cgroup_visit(lower_to_quota, &n);
    return n;
}

/* OpenMP keeps a record of each thread on the stack: a hundred thousand of them end the process. */
enum { THREADS_MOST = 4096 };

int par_threads(int asked)
{
    if (asked <= 0)
        return par_cpus();
    return asked < THREADS_MOST ? asked : THREADS_MOST;
}

struct par_chunks par_split(uint64_t n, uint64_t least, uint64_t most, int threads)
{
    uint64_t t = threads > 0 ? (uint64_t)threads : 1, size = n / t + (n % t != 0);
    struct par_chunks c;

    size = size < least ? least : size;
    c.size = size > most ? most : size;
    c.count = (int64_t)(n / c.size + (n % c.size != 0));
    c.team = (uint64_t)c.count < t ? (int)c.count : (int)t;
    c.team += c.team == 0;
    return c;
}
