/* kv_buddy.c - KV blocks in pieces of powers of two, each aligned to its length, halved and joined
 * again as Knowlton's buddies are (1965): what FastSwitch's groups are compared with. A request
 * gets, for what it asks, the next power of two, or the least piece; what of its last piece is not
 * used is its own, and lost to others.
 *
 * Cost     O(log n) a piece. Memory: 16 bytes a block.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "sim/kv_alloc.h"

enum { ORDERS = 32, HELD = ORDERS };

struct buddy_block {
    uint32_t next, prev; /* free: of its order; held: the next piece of the request */
    uint32_t used;       /* blocks of a piece that hold something */
    uint8_t order;       /* of a piece that begins here: free; else HELD + its order */
};

struct buddy {
    struct kv_alloc a;
    uint8_t least;         /* order of a piece */
    uint32_t free[ORDERS]; /* heads of lists */
    struct buddy_block b[];
};

static uint32_t size_of(uint8_t order)
{
    return UINT32_C(1) << order;
}

static void push(struct buddy *s, uint32_t at, uint8_t order)
{
    uint32_t next = s->free[order];

    s->b[at] = (struct buddy_block){.next = next, .prev = KV_NONE, .order = order};
    if (next != KV_NONE)
        s->b[next].prev = at;
    s->free[order] = at;
}

static void unlink_free(struct buddy *s, uint32_t at)
{
    const struct buddy_block *x = &s->b[at];

    if (x->prev == KV_NONE)
        s->free[x->order] = x->next;
    else
        s->b[x->prev].next = x->next;
    if (x->next != KV_NONE)
        s->b[x->next].prev = x->prev;
}

/* The order of what has room for n blocks. */
static uint8_t order_for(const struct buddy *s, uint32_t n)
{
    uint8_t order = s->least;

    while (order < ORDERS - 1 && size_of(order) < n)
        order++;
    return order;
}

/* A piece of the order, halved from a longer one; or, where there is none, of the largest order
 * below it. KV_NONE: nothing is free. */
static uint32_t take_piece(struct buddy *s, uint8_t *order)
{
    uint8_t from = *order;
    uint32_t at;

    while (from < ORDERS && s->free[from] == KV_NONE)
        from++;
    if (from == ORDERS) {
        while (*order > 0 && s->free[*order] == KV_NONE)
            --*order;
        from = *order;
    }
    at = s->free[from];
    if (at == KV_NONE)
        return at;
    unlink_free(s, at);
    while (from-- > *order)
        push(s, at + size_of(from), from);
    return at;
}

static void give_piece(struct buddy *s, uint32_t at, uint8_t order)
{
    uint32_t other = at ^ size_of(order);

    while (order < ORDERS - 1 && other < s->a.total && s->b[other].order == order) {
        unlink_free(s, other);
        s->b[at > other ? at : other].order = 2 * HELD; /* it begins no piece */
        at &= ~size_of(order++);
        other = at ^ size_of(order);
    }
    push(s, at, order);
}

static uint32_t use_last(struct buddy *s, struct kv_held *h, uint32_t more)
{
    struct buddy_block *x = &s->b[h->last];
    uint32_t room = size_of(x->order - HELD) - x->used, n = more < room ? more : room;

    x->used += n;
    h->blocks += n;
    s->a.unused -= n;
    return n;
}

static void add_piece(struct buddy *s, struct kv_held *h, uint32_t at, uint8_t order)
{
    s->b[at] = (struct buddy_block){.next = KV_NONE, .order = (uint8_t)(HELD + order)};
    if (h->last == KV_NONE)
        h->first = at;
    else
        s->b[h->last].next = at;
    h->last = at;
    h->pieces++;
    s->a.left -= size_of(order);
    s->a.unused += size_of(order);
}

static uint32_t room_of(const struct buddy *s, const struct kv_held *h)
{
    return h->last == KV_NONE ? 0 : size_of(s->b[h->last].order - HELD) - s->b[h->last].used;
}

static bool grow(struct kv_alloc *a, struct kv_held *h, uint32_t more)
{
    struct buddy *s = (struct buddy *)a;

    if (more > (uint64_t)a->left + room_of(s, h))
        return false;
    while (more > 0) {
        uint8_t order = order_for(s, more);
        uint32_t at;

        if (room_of(s, h) > 0) {
            more -= use_last(s, h, more);
            continue;
        }
        at = take_piece(s, &order);
        add_piece(s, h, at, order);
    }
    return true;
}

static void release(struct kv_alloc *a, struct kv_held *h)
{
    struct buddy *s = (struct buddy *)a;

    for (uint32_t at = h->first; at != KV_NONE;) {
        uint32_t next = s->b[at].next;
        uint8_t order = (uint8_t)(s->b[at].order - HELD);

        a->left += size_of(order);
        a->unused -= size_of(order) - s->b[at].used;
        give_piece(s, at, order);
        at = next;
    }
    *h = KV_HELD_NONE;
}

static uint32_t length(const struct kv_alloc *a, const struct kv_held *h, uint32_t piece)
{
    (void)h;
    return ((const struct buddy *)a)->b[piece].used;
}

static uint32_t next(const struct kv_alloc *a, const struct kv_held *h, uint32_t piece)
{
    (void)h;
    return ((const struct buddy *)a)->b[piece].next;
}

static void close_buddy(struct kv_alloc *a)
{
    free(a);
}

/* Memory that is no power of two begins as pieces of falling length. */
static int open_buddy(struct kv_alloc **out, const struct kv_alloc_opts *o, struct err *e)
{
    struct buddy *s = mem_zero(1, sizeof *s + o->blocks * sizeof *s->b, e);
    uint32_t at = 0;

    if (!s)
        return e->code;
    s->a = (struct kv_alloc){.kind = &kv_alloc_buddy, .total = o->blocks, .left = o->blocks};
    while (size_of(s->least) < o->group && s->least < ORDERS - 2)
        s->least++;
    for (uint8_t i = 0; i < ORDERS; i++)
        s->free[i] = KV_NONE;
    for (uint32_t b = 0; b < o->blocks; b++)
        s->b[b].order = 2 * HELD;
    for (uint8_t i = ORDERS; i-- > 0;)
        if (o->blocks >> i & 1) {
            push(s, at, i);
            at += size_of(i);
        }
    *out = &s->a;
    return 0;
}

const struct kv_alloc_kind kv_alloc_buddy = {.name = "buddy",
                                             .open = open_buddy,
                                             .close = close_buddy,
                                             .grow = grow,
                                             .release = release,
                                             .length = length,
                                             .next = next};
