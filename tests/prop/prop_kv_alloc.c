/* prop_kv_alloc.c - allocators of KV blocks, operation by operation. Groups against the rules of
 * kv_groups.c on a map of all blocks that is searched from end to end; single blocks against a
 * stack; of all that no block is two requests', none is lost, and that all is one again at the end.
 *
 *     prop_kv_alloc [CASES [SEED]]
 */
#include "../unit/t.h"

#include "sim/kv_alloc.h"

enum { BLOCKS_MOST = 300, REQUESTS = 24, FREE = -1 };

static unsigned long long rng;

static int below(int n)
{
    return (int)(t_rand(&rng) % (unsigned)n);
}

/* ---- groups, by searching ---- */

struct group {
    int start, len;
};

struct naive {
    int total, preferred, most_aside;
    int held[BLOCKS_MOST];  /* whose block this is, or FREE */
    int aside[BLOCKS_MOST]; /* the start of the group that it is set aside for, or FREE */
    struct group v[REQUESTS][BLOCKS_MOST];
    int n[REQUESTS];
};

static bool is_free(const struct naive *s, int b)
{
    return s->held[b] == FREE && s->aside[b] == FREE;
}

static int count_aside(const struct naive *s)
{
    int n = 0;

    for (int b = 0; b < s->total; b++)
        n += s->aside[b] != FREE;
    return n;
}

/* From b on, blocks that are free, or set aside for the same group. */
static int run_at(const struct naive *s, int b)
{
    int n = 0;

    for (int i = b; i < s->total && s->held[i] == FREE && s->aside[i] == s->aside[b]; i++)
        n++;
    return n;
}

static bool begins(const struct naive *s, int b, bool aside)
{
    if (s->held[b] != FREE || (s->aside[b] != FREE) != aside)
        return false;
    return b == 0 || s->held[b - 1] != FREE || s->aside[b - 1] != s->aside[b];
}

/* The first of the shortest runs of at least len; -1: none. */
static int best_fit(const struct naive *s, int len)
{
    int best = -1;

    for (int b = 0; b < s->total; b++)
        if (begins(s, b, false) && run_at(s, b) >= len &&
            (best < 0 || run_at(s, b) < run_at(s, best)))
            best = b;
    return best;
}

static int longest(const struct naive *s, bool aside)
{
    int best = -1;

    for (int b = 0; b < s->total; b++)
        if (begins(s, b, aside) && (best < 0 || run_at(s, b) > run_at(s, best)))
            best = b;
    return best;
}

static int extra(const struct naive *s, int len)
{
    int up = (len + s->preferred - 1) / s->preferred * s->preferred - len;
    int room = s->most_aside - count_aside(s);

    if (room <= 0)
        return 0;
    return up < room / 8 ? up : room / 8;
}

/* The request's last group goes on over the next n blocks, which are its or nobody's. */
static void lengthen(struct naive *s, int request, int n)
{
    struct group *g = &s->v[request][s->n[request] - 1];

    for (; n > 0; n--) {
        s->held[g->start + g->len] = request;
        s->aside[g->start + g->len++] = FREE;
    }
}

/* Free blocks behind it are set aside for it. */
static void set_aside(struct naive *s, int request, int n)
{
    const struct group *g = &s->v[request][s->n[request] - 1];

    for (int i = 0; i < n && g->start + g->len + i < s->total && is_free(s, g->start + g->len + i);
         i++)
        s->aside[g->start + g->len + i] = g->start;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

static int grow_last(struct naive *s, int request, int more)
{
    const struct group *g = s->n[request] > 0 ? &s->v[request][s->n[request] - 1] : NULL;
    int done = 0, more_free;

    for (; g && done < more && g->start + g->len < s->total &&
           s->aside[g->start + g->len] == g->start;
         done++)
        lengthen(s, request, 1);
    if (!g || done == more || g->start + g->len >= s->total || !is_free(s, g->start + g->len))
        return done;
    more_free = least(more - done, run_at(s, g->start + g->len));
    lengthen(s, request, more_free);
    set_aside(s, request, extra(s, g->len));
    return done + more_free;
}

static int grow_new(struct naive *s, int request, int more)
{
    int at = best_fit(s, more + extra(s, more)), aside = longest(s, true), n, want;

    at = at < 0 ? best_fit(s, more) : at;
    at = at < 0 ? longest(s, false) : at;
    n = at < 0 ? 0 : run_at(s, at);
    if (n < more && aside >= 0 && run_at(s, aside) > n) {
        n = least(more, run_at(s, aside));
        at = aside + run_at(s, aside) - n;
        s->v[request][s->n[request]++] = (struct group){at, 0};
        lengthen(s, request, n);
        return n;
    }
    n = least(n, more);
    want = extra(s, n);
    s->v[request][s->n[request]++] = (struct group){at, 0};
    lengthen(s, request, n);
    set_aside(s, request, want);
    return n;
}

static void naive_grow(struct naive *s, int request, int more)
{
    more -= grow_last(s, request, more);
    while (more > 0)
        more -= grow_new(s, request, more);
}

static void naive_release(struct naive *s, int request)
{
    for (int b = 0; b < s->total; b++) {
        for (int k = 0; k < s->n[request]; k++)
            if (s->aside[b] == s->v[request][k].start)
                s->aside[b] = FREE;
        if (s->held[b] == request)
            s->held[b] = FREE;
    }
    s->n[request] = 0;
}

/* ---- what a case is ---- */

struct one {
    struct kv_alloc *a;
    struct kv_alloc_opts o;
    struct kv_held h[REQUESTS];
    struct naive naive; /* of groups */
    int stack[BLOCKS_MOST], depth;
    int mine[REQUESTS][BLOCKS_MOST]; /* of single blocks */
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

        if ((int)h->pieces != c->naive.n[r])
            return false;
        for (int k = 0; k < c->naive.n[r]; k++, p = kv_alloc_next(c->a, h, p))
            if ((int)p != c->naive.v[r][k].start ||
                (int)kv_alloc_length(c->a, h, p) != c->naive.v[r][k].len)
                return false;
    }
    return count_aside(&c->naive) == (int)c->a->unused;
}

static bool same_blocks(const struct one *c)
{
    for (int r = 0; r < REQUESTS; r++) {
        const struct kv_held *h = &c->h[r];
        uint32_t p = h->first;

        for (uint32_t i = 0; i < h->blocks; i++, p = kv_alloc_next(c->a, h, p))
            if ((int)p != c->mine[r][i])
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
    if (c->a->kind == &kv_alloc_group)
        naive_grow(&c->naive, r, more);
    for (int i = 0; i < more && c->a->kind == &kv_alloc_block; i++)
        c->mine[r][before + (uint32_t)i] = c->stack[--c->depth];
}

static void release(struct one *c, int r)
{
    for (uint32_t i = 0; i < c->h[r].blocks && c->a->kind == &kv_alloc_block; i++)
        c->stack[c->depth++] = c->mine[r][i];
    kv_alloc_release(c->a, &c->h[r]);
    naive_release(&c->naive, r);
    T_CHECK(c->h[r].first == KV_NONE && c->h[r].blocks == 0 && c->h[r].pieces == 0);
}

static bool agrees(const struct one *c)
{
    bool same = is_sound(c);

    if (c->a->kind == &kv_alloc_group)
        same = same && same_groups(c);
    if (c->a->kind == &kv_alloc_block)
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
    c->naive = (struct naive){.total = (int)c->o.blocks,
                              .preferred = (int)c->o.group,
                              .most_aside = (int)(c->o.spare_share * c->o.blocks)};
    for (int b = 0; b < BLOCKS_MOST; b++)
        c->naive.held[b] = c->naive.aside[b] = FREE;
    for (int b = (int)c->o.blocks; b-- > 0;)
        c->stack[c->depth++] = b;
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
    for (unsigned long long seed = from; c && seed < from + (unsigned long long)cases; seed++)
        for (size_t i = 0; kv_alloc_kind_at(i); i++) {
            rng = seed * KV_ALLOC_KINDS + i + 1;
            try(c, kv_alloc_kind_at(i), seed);
        }
    free(c);
    return t_done("prop_kv_alloc");
}
