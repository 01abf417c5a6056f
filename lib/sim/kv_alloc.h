/* kv_alloc.h - which blocks of the KV cache a request gets: allocators of numbered blocks behind
 * one table of functions. kv.h counts blocks; here they have places, and a copy of many that lie
 * side by side is one.
 *
 *   block  any free one, as vLLM takes them: the one that was given back last
 *   group  contiguous groups that grow where they are (kv_groups.c)
 *   buddy  runs of powers of two, each aligned to its length (kv_buddy.c)
 *
 * Memory   4 to 20 bytes a block, all of it taken at the beginning.
 * Threads  one allocator, one thread.
 */
#ifndef SIM_KV_ALLOC_H
#define SIM_KV_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define KV_NONE UINT32_MAX

/* What a request holds: pieces, in the order of its tokens. KV_HELD_NONE is nothing. */
struct kv_held {
    uint32_t first, last; /* pieces, by their first blocks */
    uint32_t blocks;      /* that it asked for */
    uint32_t pieces;
};
#define KV_HELD_NONE ((struct kv_held){KV_NONE, KV_NONE, 0, 0})

struct kv_alloc_opts {
    uint32_t blocks;
    uint32_t group; /* group: blocks of one, and a piece's multiple; buddy: the least of a piece */
    double spare_share; /* group: the most that is set aside for groups to grow, of all blocks */
};

struct kv_alloc {
    const struct kv_alloc_kind *kind;
    uint32_t total;
    uint32_t left;   /* blocks that can still be asked for */
    uint32_t unused; /* that are held, or set aside, and hold nothing */
};

struct kv_alloc_kind {
    const char *name;
    bool single; /* each block is copied by itself, whatever lies beside it */
    int (*open)(struct kv_alloc **out, const struct kv_alloc_opts *o, struct err *e);
    void (*close)(struct kv_alloc *a);
    /* `more` blocks to what h holds. False, and nothing has changed: there are not so many. */
    bool (*grow)(struct kv_alloc *a, struct kv_held *h, uint32_t more);
    void (*release)(struct kv_alloc *a, struct kv_held *h);
    /* Blocks of a piece that hold something; the piece after it, or KV_NONE. */
    uint32_t (*length)(const struct kv_alloc *a, const struct kv_held *h, uint32_t piece);
    uint32_t (*next)(const struct kv_alloc *a, const struct kv_held *h, uint32_t piece);
};

enum { KV_GROUP_MOST = 4096 };

#define KV_ALLOC_NAMES "group|block|buddy"
enum { KV_ALLOC_GROUP, KV_ALLOC_BLOCK, KV_ALLOC_BUDDY, KV_ALLOC_KINDS };

extern const struct kv_alloc_kind kv_alloc_group, kv_alloc_block, kv_alloc_buddy;
const struct kv_alloc_kind *kv_alloc_kind_at(size_t i); /* as KV_ALLOC_NAMES has them */

int kv_alloc_open(struct kv_alloc **out, const struct kv_alloc_kind *kind,
                  const struct kv_alloc_opts *o, struct err *e);
void kv_alloc_close(struct kv_alloc *a); /* NULL is fine */

static inline bool kv_alloc_grow(struct kv_alloc *a, struct kv_held *h, uint32_t more)
{
    return a->kind->grow(a, h, more);
}
static inline void kv_alloc_release(struct kv_alloc *a, struct kv_held *h)
{
    a->kind->release(a, h);
}
static inline uint32_t kv_alloc_length(const struct kv_alloc *a, const struct kv_held *h,
                                       uint32_t piece)
{
    return a->kind->length(a, h, piece);
}
static inline uint32_t kv_alloc_next(const struct kv_alloc *a, const struct kv_held *h,
                                     uint32_t piece)
{
    return a->kind->next(a, h, piece);
}

/* The request's blocks [from, to) lie in so many runs of blocks side by side. */
uint32_t kv_alloc_runs(const struct kv_alloc *a, const struct kv_held *h, uint32_t from,
                       uint32_t to);
/* Copies that move them: one a run, or one a block. */
uint32_t kv_alloc_copies(const struct kv_alloc *a, const struct kv_held *h, uint32_t from,
                         uint32_t to);

#endif
