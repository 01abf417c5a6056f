/* priority.c - see priority.h. */
#include "sim/priority.h"

#include <stdbool.h>

#include "base/rand.h"

static uint64_t draw(uint64_t seed, uint64_t key, uint64_t epoch)
{
    uint64_t state = seed;

    state = rand_u64(&state) ^ key;
    state = rand_u64(&state) ^ epoch;
    return rand_u64(&state);
}

/* The lowest bits of a draw say whether it is one. */
static bool stays(uint64_t drawn)
{
    return (drawn & 3) != 0;
}

uint32_t priority_drawn(enum priority_pattern pattern, uint64_t seed, uint64_t key, uint64_t epoch)
{
    uint64_t drawn = draw(seed, key, epoch);

    while (pattern == PRIORITY_MARKOV && epoch > 0 && stays(drawn))
        drawn = draw(seed, key, --epoch);
    return (uint32_t)(drawn >> 32);
}
