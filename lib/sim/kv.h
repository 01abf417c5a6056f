/* kv.h - the KV cache of a replica: blocks of tokens, counted; or, where prefixes are shared, each
 * with the hash of the text up to its end.
 *
 * With sharing it is vLLM v1's: a block that nobody holds stays findable until it is needed; free
 * blocks are a queue, and those that a request gives back go to its end, the last of the request
 * first, so that the tail of a text goes before its beginning. Several blocks may have the same
 * hash; the oldest is found. What a block held that is taken goes to the host's memory, and what
 * has to go there to a disk, where they have room (tier.h). Only full blocks are found, and one
 * that several lists hold is copied before it is written (kin.h), so none is ever written that
 * others read.
 *
 * Source   vLLM v1, core/kv_cache_manager.py and block_pool.py.
 * Cost     without sharing a few additions; with it a hash probe a block.
 */
#ifndef SIM_KV_H
#define SIM_KV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "sim/kv_queue.h"
#include "sim/tier.h"

/* What a request holds. {0} is nothing. */
struct kv_list {
    uint32_t n, cap;
    uint32_t *id; /* [n], with sharing */
};

struct kv_block {
    uint64_t hash;
    uint32_t holders;
    uint32_t prev, next; /* in the queue of free ones */
    uint32_t same;       /* the next of its bucket */
    bool findable;
};

enum kv_tier { KV_HOST, KV_DISK, KV_TIERS, KV_NOWHERE = KV_TIERS };

struct kv {
    uint32_t total, free;
    uint32_t tokens; /* of a block */
    bool sharing;
    struct tier tier[KV_TIERS];
    struct kv_queue queue;  /* of the free ones, without sharing */
    struct kv_block *block; /* [total + 1]; the last is the queue's ends */
    uint32_t *bucket;       /* [buckets]: 1 + a block, or 0 */
    size_t buckets;
};

int kv_init(struct kv *k, uint32_t blocks, uint32_t tokens, bool sharing, struct err *e);
/* What is beside the GPU; before anything is taken, with sharing. */
int kv_add_tiers(struct kv *k, uint32_t host_blocks, uint32_t disk_blocks, struct err *e);
void kv_close(struct kv *k);

static inline uint32_t kv_blocks(const struct kv *k, uint64_t tokens)
{
    return (uint32_t)((tokens + k->tokens - 1) / k->tokens);
}

/* How many of the blocks with these hashes are there, up to the first that is not. */
uint32_t kv_find(const struct kv *k, const uint64_t *hashes, uint32_t n);
/* How many of the first n of them are free ones: taking them leaves fewer for others. */
uint32_t kv_find_free(const struct kv *k, const uint64_t *hashes, uint32_t n);
/* l, which is empty, holds the first n of them. */
int kv_share(struct kv *k, struct kv_list *l, const uint64_t *hashes, uint32_t n, struct err *e);
/* With sharing: l, which is empty, holds the first n of another list's too. */
int kv_join(struct kv *k, struct kv_list *l, const struct kv_list *of, uint32_t n, struct err *e);
/* Without sharing: l, which is empty, holds n blocks again that stand in the queue from place
 * `from` on. */
int kv_regain(struct kv *k, struct kv_list *l, uint64_t from, uint32_t n, struct err *e);
/* Where a block is that the GPU has not. */
enum kv_tier kv_beside(const struct kv *k, uint64_t hash);
/* Without sharing: so many free blocks have gone to somebody. */
static inline void kv_count_out(struct kv *k, uint32_t blocks)
{
    k->free -= blocks;
    kv_queue_take(&k->queue, blocks);
}
/* `more` free blocks, which there are, to l's. */
int kv_take(struct kv *k, struct kv_list *l, uint32_t more, struct err *e);
/* Blocks [from, to) of l are full, and have these hashes. */
void kv_name(struct kv *k, const struct kv_list *l, uint32_t from, uint32_t to,
             const uint64_t *hashes);
/* l's blocks from place n on are given back, the last first. */
void kv_cut(struct kv *k, struct kv_list *l, uint32_t n);
/* All of l's are given back. */
void kv_give_back(struct kv *k, struct kv_list *l);

/* ---- blocks of several lists, with sharing ---- */

/* l holds blocks [from, to) of `of` too. */
int kv_refer(struct kv *k, struct kv_list *l, const struct kv_list *of, uint32_t from, uint32_t to,
             struct err *e);
static inline bool kv_is_shared(const struct kv *k, uint32_t block)
{
    return k->block[block].holders > 1;
}
/* A free block, which there is, in the place of l's last. */
void kv_copy_last(struct kv *k, struct kv_list *l);

/* Every block is free or held, as often as the queue and the counts say. For --check. */
bool kv_consistent(const struct kv *k);

#endif
