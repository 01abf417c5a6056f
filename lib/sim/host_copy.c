/* host_copy.c - see host_copy.h. */
#include "sim/host_copy.h"

#include <stdlib.h>

#include "base/mem.h"

int host_copies_init(struct host_copies *h, uint32_t n, uint32_t blocks, uint32_t block_tokens,
                     struct err *e)
{
    *h = (struct host_copies){
        .total = blocks, .free = blocks, .block_tokens = block_tokens, .n = n};
    if (!(h->copy = mem_zero((size_t)n + 1, sizeof *h->copy, e)))
        return e->code;
    h->copy[n].prev = h->copy[n].next = n;
    return 0;
}

void host_copies_close(struct host_copies *h)
{
    free(h->copy);
    *h = (struct host_copies){0};
}

/* ---- the order of those that may go ---- */

static void pin(struct host_copies *h, uint32_t request)
{
    struct host_copy *c = &h->copy[request];

    if (!c->spare)
        return;
    h->copy[c->prev].next = c->next;
    h->copy[c->next].prev = c->prev;
    h->spare -= c->blocks;
    c->spare = false;
}

void host_copy_spare(struct host_copies *h, uint32_t request)
{
    struct host_copy *c = &h->copy[request];

    pin(h, request);
    if (c->blocks == 0)
        return;
    c->prev = h->copy[h->n].prev;
    c->next = h->n;
    h->copy[c->prev].next = h->copy[h->n].prev = request;
    h->spare += c->blocks;
    c->spare = true;
}

/* ---- sizes ---- */

static void resize(struct host_copies *h, struct host_copy *c, uint32_t blocks)
{
    h->free += c->blocks - blocks;
    h->spare += c->spare ? blocks - c->blocks : 0;
    c->blocks = blocks;
}

static uint32_t blocks_of(const struct host_copies *h, uint32_t tokens)
{
    return (uint32_t)(((uint64_t)tokens + h->block_tokens - 1) / h->block_tokens);
}

void host_copy_cut(struct host_copies *h, uint32_t request, uint32_t tokens)
{
    struct host_copy *c = &h->copy[request];

    if (tokens >= c->tokens)
        return;
    c->tokens = tokens;
    resize(h, c, blocks_of(h, tokens));
    if (c->blocks == 0)
        pin(h, request);
}

/* So many blocks go, of which there are as many. */
static void make_room(struct host_copies *h, uint32_t blocks)
{
    h->lost += blocks;
    while (blocks > 0) {
        uint32_t first = h->copy[h->n].next, has = h->copy[first].blocks;
        uint32_t less = blocks < has ? blocks : has;

        host_copy_cut(h, first, (has - less) * h->block_tokens);
        blocks -= less;
    }
}

bool host_copy_hold(struct host_copies *h, uint32_t request, uint32_t tokens)
{
    struct host_copy *c = &h->copy[request];
    uint32_t own = c->spare ? c->blocks : 0, more = blocks_of(h, tokens) - c->blocks;

    if (more > (uint64_t)h->free + h->spare - own)
        return false;
    pin(h, request);
    if (more > h->free)
        make_room(h, more - h->free);
    resize(h, c, c->blocks + more);
    c->tokens = tokens;
    return true;
}

void host_copy_pass(struct host_copies *h, uint32_t from, uint32_t to)
{
    struct host_copy *a = &h->copy[from], *b = &h->copy[to];

    pin(h, from);
    b->tokens = a->tokens;
    b->blocks = a->blocks;
    b->ready_ns = a->ready_ns;
    *a = (struct host_copy){0};
    host_copy_spare(h, to);
}

bool host_copies_consistent(const struct host_copies *h)
{
    uint64_t held = 0, spare = 0, listed = 0;
    bool whole = true;

    for (uint32_t i = 0; i < h->n; i++) {
        const struct host_copy *c = &h->copy[i];

        held += c->blocks;
        spare += c->spare ? c->blocks : 0;
        whole = whole && c->tokens <= (uint64_t)c->blocks * h->block_tokens;
    }
    for (uint32_t i = h->copy[h->n].next; i != h->n && listed <= h->total; i = h->copy[i].next)
        listed += h->copy[i].blocks;
    return whole && held + h->free == h->total && spare == h->spare && listed == spare;
}
