/* reuse.c - see reuse.h. Each hash has the time of its last use; a tree of counts over times
 * (Fenwick) tells how many hashes were used since, which is how far down the LRU list it is. When
 * times run out those in use are numbered anew, from 0.
 */
#include "sim/reuse.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct entry {
    uint64_t hash;
    uint32_t time;
};

struct reuse {
    uint32_t *slot; /* [slots]: 1 + entry, or 0 */
    size_t slots;
    struct entry *entry;
    size_t n, cap;
    uint32_t *owner; /* [times]: 1 + the entry whose last use it is, or 0 */
    uint32_t *count; /* [times + 1]: the tree */
    uint32_t times, now;
    uint64_t *depth; /* [depths]: hits that need a cache of so many blocks */
    size_t depths;
    uint64_t asked;
};

enum { FIRST_TIMES = 1 << 12, FIRST_SLOTS = 1 << 10 };

int reuse_new(struct reuse **out, struct err *e)
{
    struct reuse *r = *out = mem_zero(1, sizeof *r, e);

    if (!r)
        return e->code;
    r->slots = FIRST_SLOTS;
    r->times = FIRST_TIMES;
    r->slot = mem_zero(r->slots, sizeof *r->slot, e);
    r->owner = mem_zero(r->times, sizeof *r->owner, e);
    r->count = mem_zero((size_t)r->times + 1, sizeof *r->count, e);
    if (r->slot && r->owner && r->count)
        return 0;
    reuse_free(r);
    *out = NULL;
    return e->code;
}

void reuse_free(struct reuse *r)
{
    if (!r)
        return;
    free(r->slot);
    free(r->entry);
    free(r->owner);
    free(r->count);
    free(r->depth);
    free(r);
}

/* ---- times ---- */

static void count_add(struct reuse *r, uint32_t time, uint32_t by)
{
    for (uint32_t i = time + 1; i <= r->times; i += i & -i)
        r->count[i] += by;
}

/* Hashes whose last use was at `time` or before. */
static uint32_t count_upto(const struct reuse *r, uint32_t time)
{
    uint32_t sum = 0;

    for (uint32_t i = time + 1; i > 0; i -= i & -i)
        sum += r->count[i];
    return sum;
}

/* Numbers the times in use from 0, with as much room again as they take. */
static int renumber(struct reuse *r, struct err *e)
{
    uint64_t times = 2 * (uint64_t)r->n > FIRST_TIMES ? 2 * (uint64_t)r->n : FIRST_TIMES;
    uint32_t *owner, *count, n = 0;

    if (times > UINT32_MAX / 2)
        return err_set(e, ERR_MEM, "more than 2^30 hashes differ");
    owner = mem_zero(times, sizeof *owner, e);
    count = mem_zero(times + 1, sizeof *count, e);
    if (!owner || !count) {
        free(owner);
        free(count);
        return e->code;
    }
    for (uint32_t t = 0; t < r->now; t++)
        if (r->owner[t]) {
            r->entry[r->owner[t] - 1].time = n;
            owner[n++] = r->owner[t];
        }
    free(r->owner);
    free(r->count);
    r->owner = owner;
    r->count = count;
    r->times = (uint32_t)times;
    r->now = n;
    for (uint32_t t = 0; t < n; t++)
        count_add(r, t, 1);
    return 0;
}

static int use_now(struct reuse *r, uint32_t entry, struct err *e)
{
    if (r->now == r->times && renumber(r, e) < 0)
        return e->code;
    r->entry[entry].time = r->now;
    r->owner[r->now] = entry + 1;
    count_add(r, r->now++, 1);
    return 0;
}

/* ---- hashes ---- */

static uint32_t *slot_of(const struct reuse *r, uint64_t hash)
{
    uint64_t h = hash * UINT64_C(0x9e3779b97f4a7c15);
    size_t at = (size_t)(h ^ h >> 32) & (r->slots - 1);

    while (r->slot[at] && r->entry[r->slot[at] - 1].hash != hash)
        at = (at + 1) & (r->slots - 1);
    return &r->slot[at];
}

static int grow(struct reuse *r, struct err *e)
{
    uint32_t *slot = mem_zero(2 * r->slots, sizeof *slot, e);

    if (!slot)
        return e->code;
    free(r->slot);
    r->slot = slot;
    r->slots *= 2;
    for (uint32_t i = 0; i < r->n; i++)
        *slot_of(r, r->entry[i].hash) = i + 1;
    return 0;
}

static int add_entry(struct reuse *r, uint64_t hash, struct err *e)
{
    if (2 * r->n >= r->slots && grow(r, e) < 0)
        return e->code;
    if (mem_reserve(&r->entry, &r->cap, r->n + 1, sizeof *r->entry, e) < 0)
        return e->code;
    r->entry[r->n] = (struct entry){.hash = hash};
    *slot_of(r, hash) = (uint32_t)++r->n;
    return use_now(r, (uint32_t)(r->n - 1), e);
}

/* How far down the list it was, from 1; then it is at the front. */
static int touch(struct reuse *r, uint32_t entry, uint32_t *depth, struct err *e)
{
    uint32_t time = r->entry[entry].time;

    *depth = (uint32_t)r->n - count_upto(r, time) + 1;
    r->owner[time] = 0;
    count_add(r, time, UINT32_MAX); /* - 1 */
    return use_now(r, entry, e);
}

static int count_hit(struct reuse *r, uint32_t depth, struct err *e)
{
    size_t had = r->depths, cap = had;

    if (depth >= had) {
        if (mem_reserve(&r->depth, &cap, (size_t)depth + 1, sizeof *r->depth, e) < 0)
            return e->code;
        memset(r->depth + had, 0, (cap - had) * sizeof *r->depth);
        r->depths = cap;
    }
    r->depth[depth]++;
    return 0;
}

int reuse_add(struct reuse *r, const uint64_t *hashes, size_t n, struct err *e)
{
    uint32_t deepest = 0;
    bool unbroken = true;

    r->asked += n;
    for (size_t i = 0; i < n; i++) {
        uint32_t entry = *slot_of(r, hashes[i]), depth;

        if (entry == 0) {
            unbroken = false;
            if (add_entry(r, hashes[i], e) < 0)
                return e->code;
            continue;
        }
        if (touch(r, entry - 1, &depth, e) < 0)
            return e->code;
        deepest = depth > deepest ? depth : deepest;
        if (unbroken && count_hit(r, deepest, e) < 0)
            return e->code;
    }
    return 0;
}

uint64_t reuse_asked(const struct reuse *r)
{
    return r->asked;
}

uint64_t reuse_unique(const struct reuse *r)
{
    return r->n;
}

uint64_t reuse_hits(const struct reuse *r, uint64_t blocks)
{
    uint64_t sum = 0;

    for (uint64_t d = 1; d < r->depths && d <= blocks; d++)
        sum += r->depth[d];
    return sum;
}
