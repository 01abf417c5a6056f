/* tier.c - see tier.h. */
#include "sim/tier.h"

#include <stdlib.h>

#include "base/mem.h"

int tier_init(struct tier *t, uint32_t blocks, struct err *e)
{
    *t = (struct tier){.most = blocks};
    if (blocks == 0)
        return 0;
    for (t->buckets = 64; t->buckets < 2 * (size_t)blocks;)
        t->buckets *= 2;
    t->place = mem_zero((size_t)blocks + 1, sizeof *t->place, e);
    t->bucket = mem_zero(t->buckets, sizeof *t->bucket, e);
    if (!t->place || !t->bucket)
        return e->code;
    t->place[blocks].prev = t->place[blocks].next = blocks;
    return 0;
}

void tier_close(struct tier *t)
{
    free(t->place);
    free(t->bucket);
    *t = (struct tier){0};
}

static uint32_t *bucket_of(const struct tier *t, uint64_t hash)
{
    return &t->bucket[tier_spread(hash, t->buckets)];
}

/* 1 + the place, or 0. */
static uint32_t find(const struct tier *t, uint64_t hash)
{
    uint32_t p = t->n > 0 ? *bucket_of(t, hash) : 0;

    while (p && t->place[p - 1].hash != hash)
        p = t->place[p - 1].same;
    return p;
}

static void take_out(struct tier *t, uint32_t p)
{
    struct tier_place *x = &t->place[p];

    t->place[x->prev].next = x->next;
    t->place[x->next].prev = x->prev;
}

static void append(struct tier *t, uint32_t p)
{
    uint32_t ends = t->most, last = t->place[ends].prev;

    t->place[p].prev = last;
    t->place[p].next = ends;
    t->place[last].next = p;
    t->place[ends].prev = p;
}

static void forget(struct tier *t, uint32_t p)
{
    uint32_t *at = bucket_of(t, t->place[p].hash);

    while (*at != p + 1)
        at = &t->place[*at - 1].same;
    *at = t->place[p].same;
}

bool tier_has(const struct tier *t, uint64_t hash)
{
    return find(t, hash) != 0;
}

bool tier_touch(struct tier *t, uint64_t hash)
{
    uint32_t p = find(t, hash);

    if (p == 0)
        return false;
    take_out(t, p - 1);
    append(t, p - 1);
    return true;
}

bool tier_put(struct tier *t, uint64_t hash, uint64_t *out)
{
    bool full = t->n == t->most;
    uint32_t p, *at;

    if (t->most == 0) {
        *out = hash;
        return true;
    }
    if (tier_touch(t, hash))
        return false;
    p = full ? t->place[t->most].next : t->n++;
    if (full) {
        *out = t->place[p].hash;
        take_out(t, p);
        forget(t, p);
    }
    at = bucket_of(t, hash);
    t->place[p].hash = hash;
    t->place[p].same = *at;
    *at = p + 1;
    append(t, p);
    return full;
}

bool tier_consistent(const struct tier *t)
{
    uint32_t n = 0;

    if (t->most == 0)
        return t->n == 0;
    for (uint32_t p = t->place[t->most].next; p != t->most && n <= t->n; p = t->place[p].next, n++)
        if (find(t, t->place[p].hash) != p + 1)
            return false;
    return n == t->n && n <= t->most;
}
