/* par.h - how many threads.
 *
 * Threads  safe from any.
 */
#ifndef BASE_PAR_H
#define BASE_PAR_H

#include <stdint.h>

/* CPUs this process may use, at least 1: its affinity mask, and the CPU quota of its cgroup (v2)
 * and of those above it, rounded up, where they can be read. */
int par_cpus(void);
/* `asked` when it is positive, else par_cpus(). */
int par_threads(int asked);

/* How `n` items of work are shared out: the size of a chunk, at least `least` and at most `most`,
 * so that small work stays with one thread (waking others costs more) and large work is even. */
struct par_chunks {
    uint64_t size; /* of a chunk */
    int64_t count; /* of chunks */
    int team;      /* threads worth starting: at least 1 */
};

struct par_chunks par_split(uint64_t n, uint64_t least, uint64_t most, int threads);

#endif
