/* kv_runs.h - runs of blocks in the order of their lengths, those of one length in the order of
 * memory: the shortest run that is long enough, and the longest, in O(log n) expected steps and
 * without memory of their own. Part of kv_groups.c.
 *
 * A treap whose nodes are the blocks that runs begin with; a node's weight is a hash of its number,
 * so that the tree depends on nothing but the runs that are in it.
 */
#ifndef SIM_KV_RUNS_H
#define SIM_KV_RUNS_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/kv_alloc.h"

enum kv_run_kind { RUN_HELD, RUN_SPARE, RUN_FREE };

/* A block: what it says counts where it is the first of a run, and kind and len where it is the
 * last, too. */
struct kv_slot {
    uint32_t len;
    uint32_t left, right; /* free: in the tree; spare: before and after it in a list; or KV_NONE */
    uint32_t group;       /* held: the next one of the request; spare: whose it is */
    enum kv_run_kind kind;
};

struct kv_runs {
    struct kv_slot *slot; /* of all blocks */
    uint32_t root;
};

/* Its length is in the slot. */
void kv_runs_add(struct kv_runs *t, uint32_t run);
void kv_runs_remove(struct kv_runs *t, uint32_t run);
/* Of those of at least `len` blocks the shortest, the first in memory; KV_NONE: there is none. */
uint32_t kv_runs_fit(const struct kv_runs *t, uint32_t len);
/* The longest, the first in memory. */
uint32_t kv_runs_longest(const struct kv_runs *t);

/* Runs of less than KV_SHORT blocks, in a list for each length: the longest that was added last, in
 * a few instructions. */
enum { KV_SHORT_WORDS = 64, KV_SHORT = 64 * KV_SHORT_WORDS };

struct kv_short_runs {
    struct kv_slot *slot;
    uint64_t words;                /* which of the next have a bit */
    uint64_t word[KV_SHORT_WORDS]; /* which lengths there are */
    uint32_t first[KV_SHORT];
};

void kv_short_add(struct kv_short_runs *t, uint32_t run);
void kv_short_remove(struct kv_short_runs *t, uint32_t run);
uint32_t kv_short_longest(const struct kv_short_runs *t);

#endif
