/* rand.h - random numbers that are the same everywhere: splitmix64 (Steele, Lea & Flood 2014). Not
 * for secrets.
 *
 * The state is one number, the seed: any value will do.
 */
#ifndef BASE_RAND_H
#define BASE_RAND_H

#include <stdint.h>

uint64_t rand_u64(uint64_t *state);
/* Below n (at least 1), without bias worth the name while n is far below 2^64. */
uint64_t rand_below(uint64_t *state, uint64_t n);
double rand_unit(uint64_t *state);   /* in [0, 1), 53 bits */
double rand_normal(uint64_t *state); /* mean 0, variance 1 (Marsaglia's polar method) */
/* k of the numbers below n, each set of k equally likely, in increasing order (Vitter 1984 has
 * faster ways; this one is a pass over n): for k <= n. */
void rand_choose(uint64_t *state, uint64_t n, uint64_t k, uint64_t *out);

#endif
