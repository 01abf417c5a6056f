/* kv_single.c - blocks one by one, the one that was given back last first: vLLM's BlockAllocator.
 * Cost: a few instructions a block. Memory: 4 bytes a block: the next free one, or the request's.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "sim/kv_alloc.h"

struct single {
    struct kv_alloc a;
    uint32_t free;
    uint32_t next[];
};

static void close_single(struct kv_alloc *a)
{
    free(a);
}

static int open_single(struct kv_alloc **out, const struct kv_alloc_opts *o, struct err *e)
{
    struct single *s = mem_array(1, sizeof *s + o->blocks * sizeof *s->next, e);

    if (!s)
        return e->code;
    s->a = (struct kv_alloc){.kind = &kv_alloc_block, .total = o->blocks, .left = o->blocks};
    s->free = 0;
    for (uint32_t b = 0; b < o->blocks; b++)
        s->next[b] = b + 1 < o->blocks ? b + 1 : KV_NONE;
    *out = &s->a;
    return 0;
}

static bool grow(struct kv_alloc *a, struct kv_held *h, uint32_t more)
{
    struct single *s = (struct single *)a;

    if (more > a->left)
        return false;
    a->left -= more;
    h->blocks += more;
    h->pieces += more;
    for (; more > 0; more--) {
        uint32_t b = s->free;

        s->free = s->next[b];
        if (h->last == KV_NONE)
            h->first = b;
        else
            s->next[h->last] = b;
        h->last = b;
    }
    return true;
}

/* The request's last block is the next to be taken, as vLLM's list has it. */
static void release(struct kv_alloc *a, struct kv_held *h)
{
    struct single *s = (struct single *)a;

    a->left += h->blocks;
    for (uint32_t b = h->first; h->blocks > 0; h->blocks--) {
        uint32_t next = s->next[b];

        s->next[b] = s->free;
        s->free = b;
        b = next;
    }
    *h = KV_HELD_NONE;
}

static uint32_t length(const struct kv_alloc *a, const struct kv_held *h, uint32_t piece)
{
    (void)a, (void)h, (void)piece;
    return 1;
}

static uint32_t next(const struct kv_alloc *a, const struct kv_held *h, uint32_t piece)
{
    return piece == h->last ? KV_NONE : ((const struct single *)a)->next[piece];
}

const struct kv_alloc_kind kv_alloc_block = {.name = "block",
                                             .single = true,
                                             .open = open_single,
                                             .close = close_single,
                                             .grow = grow,
                                             .release = release,
                                             .length = length,
                                             .next = next};
