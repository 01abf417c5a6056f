/* prop_kv_alloc.c - allocators of KV blocks, operation by operation. Groups against the rules of
 * kv_groups.c on a map of all blocks that is searched from end to end; single blocks against a
 * stack; of all that no block is two requests', none is lost, and that all is one again at the end.
 *
 *     prop_kv_alloc [CASES [SEED]]
 */
#include "../unit/t.h"
#include "naive_map.h"

#include "sim/kv_alloc.h"
#include "sim/kv_runs.h"

enum { BLOCKS_MOST = 300, REQUESTS = 24 };

static unsigned long long rng;

static int below(int n)
{
    return (int)(t_rand(&rng) % (unsigned)n);
}

/* ---- what a case is ---- */

struct one {
    struct kv_alloc *a;
    struct kv_alloc_opts o;
    struct kv_held h[REQUESTS];
    struct map map; /* of groups, or single blocks */
};

static int left(const struct one *c)
{
    return (int)c->a->left;
}

/* Every block is at most one request's, and as many as each asked for. */
static bool is_sound(const struct one *c)
{
    bool taken[BLOCKS_MOST] = {false};
    int all = 0, free = 0;

    for (int r = 0; r < REQUESTS; r++) {
        const struct kv_held *h = &c->h[r];
        uint32_t blocks = 0, pieces = 0;

        for (uint32_t p = h->first; p != KV_NONE; p = kv_alloc_next(c->a, h, p), pieces++) {
            uint32_t len = kv_alloc_length(c->a, h, p);

            for (uint32_t b = p; b < p + len; b++) {
                if (b >= c->o.blocks || taken[b])
                    return false;
                taken[b] = true;
            }
            blocks += len;
        }
        if (blocks != h->blocks || pieces != h->pieces)
            return false;
        all += (int)blocks;
    }
    for (uint32_t b = 0; b < c->o.blocks; b++)
        free += !taken[b];
    /* What a buddy rounds up is nobody else's. */
    if (c->a->kind == &kv_alloc_buddy)
        return all + left(c) + (int)c->a->unused == (int)c->o.blocks;
    return free == left(c) && c->a->unused <= c->a->left;
}

static bool same_groups(const struct one *c)
{
    for (int r = 0; r < REQUESTS; r++) {
        const struct kv_held *h = &c->h[r];
        uint32_t p = h->first;

        if ((int)h->pieces != c->map.n[r])
            return false;
        for (int k = 0; k < c->map.n[r]; k++, p = kv_alloc_next(c->a, h, p))
            if ((int)p != c->map.v[r][k].start ||
                (int)kv_alloc_length(c->a, h, p) != c->map.v[r][k].len)
                return false;
    }
    return map_count_aside(&c->map) == (int)c->a->unused;
}

/* The same blocks in the same order. */
static bool same_blocks(const struct one *c)
{
    for (int r = 0; r < REQUESTS; r++) {
        const struct kv_held *h = &c->h[r];
        int want[MAP_BLOCKS], n = map_blocks(&c->map, r, want), i = 0;

        for (uint32_t p = h->first; p != KV_NONE; p = kv_alloc_next(c->a, h, p))
            for (uint32_t b = p; b < p + kv_alloc_length(c->a, h, p); b++)
                if (i == n || (int)b != want[i++])
                    return false;
        if (i != n)
            return false;
    }
    return true;
}

/* Runs of blocks [from, to) of the request, block by block. */
static uint32_t count_copies(const struct one *c, const struct kv_held *h, uint32_t from,
                             uint32_t to)
{
    uint32_t at = 0, n = 0, last = KV_NONE;

    for (uint32_t p = h->first; p != KV_NONE; p = kv_alloc_next(c->a, h, p))
        for (uint32_t b = p; b < p + kv_alloc_length(c->a, h, p); b++, at++) {
            bool joins = last != KV_NONE && b == last + 1 && c->a->kind != &kv_alloc_block;

            if (at < from || at >= to)
                continue;
            n += !joins;
            last = b;
        }
    return n;
}

static void grow(struct one *c, int r, int more)
{
    uint32_t before = c->h[r].blocks;
    bool could = more <= left(c), did;

    if (c->a->kind == &kv_alloc_buddy)
        could = true; /* its last piece may have room */
    did = kv_alloc_grow(c->a, &c->h[r], (uint32_t)more);
    T_CHECK(did ? could : more > left(c));
    T_CHECK(c->h[r].blocks == before + (did ? (uint32_t)more : 0));
    if (!did)
        return;
    if (c->a->kind != &kv_alloc_buddy)
        map_grow(&c->map, r, more);
}

static void release(struct one *c, int r)
{
    kv_alloc_release(c->a, &c->h[r]);
    map_release(&c->map, r);
    T_CHECK(c->h[r].first == KV_NONE && c->h[r].blocks == 0 && c->h[r].pieces == 0);
}

static bool agrees(const struct one *c)
{
    bool same = is_sound(c);

    if (c->a->kind == &kv_alloc_group)
        same = same && same_groups(c);
    if (c->a->kind != &kv_alloc_buddy)
        same = same && same_blocks(c);
    return same;
}

/* All that is free is one again: a request for everything is as few pieces as it was at first. */
static void check_joined(struct one *c)
{
    struct kv_held all = KV_HELD_NONE;
    uint32_t pieces = 1;

    for (int r = 0; r < REQUESTS; r++)
        release(c, r);
    T_CHECK(c->a->left == c->o.blocks && c->a->unused == 0);
    T_CHECK(kv_alloc_grow(c->a, &all, c->o.blocks));
    if (c->a->kind == &kv_alloc_block)
        pieces = c->o.blocks;
    if (c->a->kind == &kv_alloc_buddy)
        pieces = (uint32_t)__builtin_popcount(c->o.blocks);
    T_CHECKF(all.pieces == pieces, "%s: %u pieces of %u blocks", c->a->kind->name, all.pieces,
             c->o.blocks);
    kv_alloc_release(c->a, &all);
}

static void begin(struct one *c, const struct kv_alloc_kind *kind)
{
    struct err e = {0};

    memset(c, 0, sizeof *c);
    c->o = (struct kv_alloc_opts){.blocks = (uint32_t)(below(8) ? 1 + below(BLOCKS_MOST) : 1),
                                  .group = (uint32_t)(1 + below(below(2) ? 4 : 40)),
                                  .spare_share = below(101) / 100.0};
    if (below(4) == 0)
        c->o.spare_share = 0.05;
    T_CHECK(kv_alloc_open(&c->a, kind, &c->o, &e) == 0);
    map_begin(&c->map, (int)c->o.blocks, (int)c->o.group, (int)(c->o.spare_share * c->o.blocks),
              kind == &kv_alloc_block);
    for (int r = 0; r < REQUESTS; r++)
        c->h[r] = KV_HELD_NONE;
}

static void try(struct one *c, const struct kv_alloc_kind *kind, unsigned long long seed)
{
    int size, full;
    bool good = true;

    begin(c, kind);
    size = 1 + below(below(2) ? 4 : (int)c->o.blocks);
    full = below(3); /* seldom, sometimes, mostly */
    for (int i = 0; i < 200 && good; i++) {
        int r = below(REQUESTS);
        uint32_t from, to;

        if (below(6) > full)
            release(c, r);
        else
            grow(c, r, below(2) ? 1 : below(size + 1));
        good = agrees(c);
        T_CHECKF(good, "%s, seed %llu, %u blocks in groups of %u, %g aside: operation %d",
                 kind->name, seed, c->o.blocks, c->o.group, c->o.spare_share, i);
        from = (uint32_t)below((int)c->h[r].blocks + 2);
        to = (uint32_t)below((int)c->h[r].blocks + 2);
        T_CHECK(kv_alloc_copies(c->a, &c->h[r], from, to) == count_copies(c, &c->h[r], from, to));
    }
    check_joined(c);
    kv_alloc_close(c->a);
}

/* ---- runs of any length, by themselves ---- */

enum { RUNS = 300 };

struct known {
    bool there;
    long added;
};

/* By length, then by what is first: in memory, or the last to be added. */
static uint32_t search(const struct kv_slot *slot, const struct known *k, uint32_t least, bool most,
                       bool last_added)
{
    uint32_t best = KV_NONE;

    for (uint32_t i = 0; i < RUNS; i++) {
        uint32_t len = slot[i].len, its = best == KV_NONE ? 0 : slot[best].len;

        if (!k[i].there || len < least)
            continue;
        if (best == KV_NONE || (most ? len > its : len < its) ||
            (len == its && last_added && k[i].added > k[best].added))
            best = i;
    }
    return best;
}

static void try_runs(uint32_t lengths)
{
    static struct kv_slot slot[RUNS];
    static struct known tree[RUNS], list[RUNS];
    struct kv_runs t = {slot, KV_NONE};
    static struct kv_short_runs few;
    bool good = true;

    memset(tree, 0, sizeof tree);
    memset(list, 0, sizeof list);
    few = (struct kv_short_runs){.slot = slot};
    for (long i = 0; i < 3000 && good; i++) {
        uint32_t run = (uint32_t)below(RUNS), least = 1 + (uint32_t)below((int)lengths);
        struct known *k = run % 2 ? &tree[run] : &list[run];

        if (k->there)
            run % 2 ? kv_runs_remove(&t, run) : kv_short_remove(&few, run);
        else
            slot[run].len = 1 + (uint32_t)below((int)lengths);
        if (!k->there)
            run % 2 ? kv_runs_add(&t, run) : kv_short_add(&few, run);
        *k = (struct known){!k->there, i};
        good = kv_runs_fit(&t, least) == search(slot, tree, least, false, false) &&
               kv_runs_longest(&t) == search(slot, tree, 0, true, false) &&
               kv_short_longest(&few) == search(slot, list, 0, true, true);
        T_CHECKF(good, "runs of up to %u: operation %ld", lengths, i);
    }
}

static void check_limits(void)
{
    struct kv_alloc *a;
    struct err e = {0};

    for (size_t i = 0; kv_alloc_kind_at(i); i++) {
        struct kv_alloc_opts o = {.blocks = 0};

        T_CHECK(kv_alloc_open(&a, kv_alloc_kind_at(i), &o, &e) == ERR_USAGE && !a);
        o.blocks = KV_NONE;
        T_CHECK(kv_alloc_open(&a, kv_alloc_kind_at(i), &o, &e) == ERR_USAGE && !a);
    }
    kv_alloc_close(NULL);
}

int main(int argc, char **argv)
{
    int cases = argc > 1 ? atoi(argv[1]) : 2000;
    unsigned long long from = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    struct one *c = malloc(sizeof *c);

    check_limits();
    rng = from;
    for (uint32_t lengths = 1; lengths < KV_SHORT; lengths = 3 * lengths + 1)
        try_runs(lengths);
    try_runs(KV_SHORT - 1);
    for (unsigned long long seed = from; c && seed < from + (unsigned long long)cases; seed++)
        for (size_t i = 0; kv_alloc_kind_at(i); i++) {
            rng = seed * KV_ALLOC_KINDS + i + 1;
            try(c, kv_alloc_kind_at(i), seed);
        }
    free(c);
    return t_done("prop_kv_alloc");
}
