/* kv.c - see kv.h. */
#include "sim/kv.h"

#include <stdlib.h>

#include "base/mem.h"

static uint32_t ends(const struct kv *k)
{
    return k->total;
}

static void unlink_free(struct kv *k, uint32_t b)
{
    struct kv_block *x = &k->block[b];

    k->block[x->prev].next = x->next;
    k->block[x->next].prev = x->prev;
    k->free--;
}

/* To the end of the queue. */
static void append_free(struct kv *k, uint32_t b)
{
    uint32_t last = k->block[ends(k)].prev;

    k->block[b].prev = last;
    k->block[b].next = ends(k);
    k->block[last].next = b;
    k->block[ends(k)].prev = b;
    k->free++;
}

int kv_init(struct kv *k, uint32_t blocks, uint32_t tokens, bool sharing, struct err *e)
{
    *k = (struct kv){.total = blocks, .free = blocks, .tokens = tokens, .sharing = sharing};
    if (!sharing) {
        kv_queue_join(&k->queue, blocks);
        return 0;
    }
    for (k->buckets = 64; k->buckets < 2 * (size_t)blocks;)
        k->buckets *= 2;
    k->block = mem_zero((size_t)blocks + 1, sizeof *k->block, e);
    k->bucket = mem_zero(k->buckets, sizeof *k->bucket, e);
    if (!k->block || !k->bucket)
        return e->code;
    k->free = 0;
    k->block[ends(k)].prev = k->block[ends(k)].next = ends(k);
    for (uint32_t b = 0; b < blocks; b++)
        append_free(k, b);
    return 0;
}

int kv_add_tiers(struct kv *k, uint32_t host_blocks, uint32_t disk_blocks, struct err *e)
{
    return tier_init(&k->tier[KV_HOST], host_blocks, e) < 0
               ? e->code
               : tier_init(&k->tier[KV_DISK], disk_blocks, e);
}

void kv_close(struct kv *k)
{
    for (int i = 0; i < KV_TIERS; i++)
        tier_close(&k->tier[i]);
    kv_queue_free(&k->queue);
    free(k->block);
    free(k->bucket);
    *k = (struct kv){0};
}

/* ---- hashes ---- */

static size_t bucket_of(const struct kv *k, uint64_t hash)
{
    return tier_spread(hash, k->buckets);
}

/* 1 + the block, or 0. */
static uint32_t find(const struct kv *k, uint64_t hash)
{
    uint32_t b = k->bucket[bucket_of(k, hash)];

    while (b && k->block[b - 1].hash != hash)
        b = k->block[b - 1].same;
    return b;
}

enum kv_tier kv_beside(const struct kv *k, uint64_t hash)
{
    for (int i = 0; i < KV_TIERS; i++)
        if (tier_has(&k->tier[i], hash))
            return (enum kv_tier)i;
    return KV_NOWHERE;
}

/* To the host, and what has to go there for it to the disk. */
static void spill(struct kv *k, uint64_t hash)
{
    for (int i = 0; i < KV_TIERS && tier_put(&k->tier[i], hash, &hash); i++)
        ;
}

static void forget(struct kv *k, uint32_t b)
{
    uint32_t *at = &k->bucket[bucket_of(k, k->block[b].hash)];

    while (*at != b + 1)
        at = &k->block[*at - 1].same;
    *at = k->block[b].same;
    k->block[b].findable = false;
}

static void name(struct kv *k, uint32_t b, uint64_t hash)
{
    uint32_t *at = &k->bucket[bucket_of(k, hash)];

    while (*at)
        at = &k->block[*at - 1].same;
    *at = b + 1;
    k->block[b].hash = hash;
    k->block[b].same = 0;
    k->block[b].findable = true;
}

uint32_t kv_find(const struct kv *k, const uint64_t *hashes, uint32_t n)
{
    uint32_t i = 0;

    while (k->sharing && i < n && find(k, hashes[i]))
        i++;
    return i;
}

uint32_t kv_find_free(const struct kv *k, const uint64_t *hashes, uint32_t n)
{
    uint32_t idle = 0;

    for (uint32_t i = 0; i < n; i++)
        idle += k->block[find(k, hashes[i]) - 1].holders == 0;
    return idle;
}

/* ---- blocks ---- */

static int room(struct kv_list *l, uint32_t more, struct err *e)
{
    size_t cap = l->cap;

    if (mem_reserve(&l->id, &cap, (size_t)l->n + more, sizeof *l->id, e) < 0)
        return e->code;
    l->cap = (uint32_t)cap;
    return 0;
}

int kv_share(struct kv *k, struct kv_list *l, const uint64_t *hashes, uint32_t n, struct err *e)
{
    if (n == 0)
        return 0;
    if (room(l, n, e) < 0)
        return e->code;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t b = find(k, hashes[i]) - 1;

        if (k->block[b].holders++ == 0)
            unlink_free(k, b);
        l->id[l->n++] = b;
    }
    return 0;
}

int kv_join(struct kv *k, struct kv_list *l, const struct kv_list *of, uint32_t n, struct err *e)
{
    if (n > 0 && room(l, n, e) < 0)
        return e->code;
    for (uint32_t i = 0; i < n; i++) {
        k->block[of->id[i]].holders++;
        l->id[l->n++] = of->id[i];
    }
    return 0;
}

int kv_regain(struct kv *k, struct kv_list *l, uint64_t from, uint32_t n, struct err *e)
{
    l->n += n;
    k->free -= n;
    return n > 0 ? kv_queue_pull(&k->queue, from, from + n, e) : 0;
}

/* The free block that has been so for longest; what it held goes aside. */
static uint32_t take_free(struct kv *k)
{
    uint32_t b = k->block[ends(k)].next;

    unlink_free(k, b);
    if (k->block[b].findable) {
        forget(k, b);
        spill(k, k->block[b].hash);
    }
    k->block[b].holders = 1;
    return b;
}

int kv_take(struct kv *k, struct kv_list *l, uint32_t more, struct err *e)
{
    if (!k->sharing) {
        kv_count_out(k, more);
        l->n += more;
        return 0;
    }
    if (more > 0 && room(l, more, e) < 0)
        return e->code;
    for (uint32_t i = 0; i < more; i++)
        l->id[l->n++] = take_free(k);
    return 0;
}

int kv_refer(struct kv *k, struct kv_list *l, const struct kv_list *of, uint32_t from, uint32_t to,
             struct err *e)
{
    if (from < to && room(l, to - from, e) < 0)
        return e->code;
    for (uint32_t i = from; i < to; i++) {
        k->block[of->id[i]].holders++;
        l->id[l->n++] = of->id[i];
    }
    return 0;
}

void kv_copy_last(struct kv *k, struct kv_list *l)
{
    k->block[l->id[l->n - 1]].holders--;
    l->id[l->n - 1] = take_free(k);
}

void kv_name(struct kv *k, const struct kv_list *l, uint32_t from, uint32_t to,
             const uint64_t *hashes)
{
    for (uint32_t i = from; i < to; i++)
        if (!k->block[l->id[i]].findable)
            name(k, l->id[i], hashes[i]);
}

void kv_cut(struct kv *k, struct kv_list *l, uint32_t n)
{
    if (!k->sharing && l->n > n) {
        k->free += l->n - n;
        kv_queue_join(&k->queue, l->n - n);
        l->n = n;
    }
    while (l->n > n)
        if (--k->block[l->id[--l->n]].holders == 0)
            append_free(k, l->id[l->n]);
}

void kv_give_back(struct kv *k, struct kv_list *l)
{
    kv_cut(k, l, 0);
    free(l->id);
    *l = (struct kv_list){0};
}

bool kv_consistent(const struct kv *k)
{
    uint32_t idle = 0, queued = 0;

    if (!k->sharing)
        return k->free <= k->total && kv_queue_length(&k->queue) == k->free;
    for (uint32_t b = 0; b < k->total; b++)
        idle += k->block[b].holders == 0;
    for (uint32_t b = k->block[ends(k)].next; b != ends(k) && queued <= k->total;
         b = k->block[b].next)
        queued++;
    return idle == k->free && queued == k->free;
}
