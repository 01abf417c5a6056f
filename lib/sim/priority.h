/* priority.h - priorities that are drawn anew every so many steps, as no public trace has them: the
 * patterns of FastSwitch (arXiv 2411.18424), which does not publish its own.
 *
 *   random   each of a session's priorities has nothing to do with the last
 *   markov   it stays with probability 3/4, else it is drawn: who is served stays so for a while
 *
 * A priority is a function of seed, session and epoch alone, whoever else is there.
 */
#ifndef SIM_PRIORITY_H
#define SIM_PRIORITY_H

#include <stdint.h>

#define PRIORITY_PATTERNS "random|markov"
enum priority_pattern { PRIORITY_RANDOM, PRIORITY_MARKOV };

/* Smaller is better. key: of a session, or of a request that is of none. */
uint32_t priority_drawn(enum priority_pattern pattern, uint64_t seed, uint64_t key, uint64_t epoch);

#endif
