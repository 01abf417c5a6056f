/* tier.h - memory behind the GPU's for KV blocks that it gave up: hosts' memory, or a disk. It
 * keeps the blocks that were put or touched last, by the hashes of the text up to their end.
 *
 * Cost     a hash probe a call. Memory: 32 bytes a block, once it is used.
 */
#ifndef SIM_TIER_H
#define SIM_TIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct tier_place {
    uint64_t hash;
    uint32_t prev, next; /* in the order of use */
    uint32_t same;       /* the next of its bucket */
};

struct tier { /* {0} has no room */
    uint32_t most, n;
    struct tier_place *place; /* [most + 1]; the last is the order's ends */
    uint32_t *bucket;         /* [buckets]: 1 + a place, or 0 */
    size_t buckets;
};

int tier_init(struct tier *t, uint32_t blocks, struct err *e);
void tier_close(struct tier *t);

bool tier_has(const struct tier *t, uint64_t hash);
/* It is the one used last. False if it is not there. */
bool tier_touch(struct tier *t, uint64_t hash);
/* The same, and it is there. True if a block had to go for it, or it found no room itself: *out. */
bool tier_put(struct tier *t, uint64_t hash, uint64_t *out);
/* As many are in order as there are, and all can be found. For --check. */
bool tier_consistent(const struct tier *t);

/* Hashes of traces are often small numbers: a table's index needs them spread (splitmix64's last
 * step). */
static inline size_t tier_spread(uint64_t hash, size_t buckets)
{
    hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
    return (size_t)(hash ^ hash >> 31) & (buckets - 1);
}

#endif
