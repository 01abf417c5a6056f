/* par.h - how many threads.
 *
 * Threads  safe from any.
 */
#ifndef BASE_PAR_H
#define BASE_PAR_H

/* CPUs this process may use, at least 1: its affinity mask, and the CPU quota of its cgroup (v2)
 * and of those above it, rounded up, where they can be read. */
int par_cpus(void);
/* `asked` when it is positive, else par_cpus(). */
int par_threads(int asked);

#endif
