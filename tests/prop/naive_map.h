/* naive_map.h - who has which block of the KV cache: the rules of kv_groups.c on a map of all
 * blocks that is searched from end to end, and single blocks on a stack. The oracle of
 * prop_kv_alloc.c, and of prop_sched.c where requests are moved. Nothing here was taken from
 * lib/sim.
 */
#ifndef TESTS_NAIVE_MAP_H
#define TESTS_NAIVE_MAP_H

#include <stdbool.h>

enum { MAP_BLOCKS = 512, MAP_REQUESTS = 200, FREE = -1 };

struct run_of {
    int start, len;
};

struct map {
    bool single; /* blocks one by one: the one that came back last */
    int stack[MAP_BLOCKS], depth;
    int mine[MAP_REQUESTS][MAP_BLOCKS], n_mine[MAP_REQUESTS];
    int total, preferred, most_aside;
    int held[MAP_BLOCKS];            /* whose block this is, or FREE */
    int aside[MAP_BLOCKS];           /* the start of the group that it is set aside for, or FREE */
    long changed[MAP_BLOCKS], clock; /* when what is set aside for that group last did */
    struct run_of v[MAP_REQUESTS][MAP_BLOCKS];
    int n[MAP_REQUESTS];
};

static bool map_is_free(const struct map *s, int b)
{
    return s->held[b] == FREE && s->aside[b] == FREE;
}

static int map_count_aside(const struct map *s)
{
    int n = 0;

    for (int b = 0; b < s->total; b++)
        n += s->aside[b] != FREE;
    return n;
}

/* From b on, blocks that are free, or set aside for the same group. */
static int map_run(const struct map *s, int b)
{
    int n = 0;

    for (int i = b; i < s->total && s->held[i] == FREE && s->aside[i] == s->aside[b]; i++)
        n++;
    return n;
}

static bool map_begins(const struct map *s, int b, bool aside)
{
    if (s->held[b] != FREE || (s->aside[b] != FREE) != aside)
        return false;
    return b == 0 || s->held[b - 1] != FREE || s->aside[b - 1] != s->aside[b];
}

/* The first of the shortest runs of at least len; -1: none. */
static int map_best_fit(const struct map *s, int len)
{
    int best = -1;

    for (int b = 0; b < s->total; b++)
        if (map_begins(s, b, false) && map_run(s, b) >= len &&
            (best < 0 || map_run(s, b) < map_run(s, best)))
            best = b;
    return best;
}

/* Of free runs the first in memory, of what is set aside what last changed. */
static int map_longest(const struct map *s, bool aside)
{
    int best = -1;

    for (int b = 0; b < s->total; b++)
        if (map_begins(s, b, aside) && (best < 0 || map_run(s, b) > map_run(s, best) ||
                                        (aside && map_run(s, b) == map_run(s, best) &&
                                         s->changed[s->aside[b]] > s->changed[s->aside[best]])))
            best = b;
    return best;
}

static int map_extra(const struct map *s, int len)
{
    int up = (len + s->preferred - 1) / s->preferred * s->preferred - len;
    int room = s->most_aside - map_count_aside(s);

    if (room <= 0)
        return 0;
    return up < room / 8 ? up : room / 8;
}

/* The request's last group goes on over the next n blocks, which are its or nobody's. */
static void map_lengthen(struct map *s, int request, int n)
{
    struct run_of *g = &s->v[request][s->n[request] - 1];

    for (; n > 0; n--) {
        s->held[g->start + g->len] = request;
        s->aside[g->start + g->len++] = FREE;
    }
}

/* Free blocks behind it are set aside for it. */
static void map_set_aside(struct map *s, int request, int n)
{
    const struct run_of *g = &s->v[request][s->n[request] - 1];

    for (int i = 0;
         i < n && g->start + g->len + i < s->total && map_is_free(s, g->start + g->len + i); i++)
        s->aside[g->start + g->len + i] = g->start;
    s->changed[g->start] = ++s->clock;
}

static int map_least(int a, int b)
{
    return a < b ? a : b;
}

static int map_grow_last(struct map *s, int request, int more)
{
    const struct run_of *g = s->n[request] > 0 ? &s->v[request][s->n[request] - 1] : NULL;
    int done = 0, more_free;

    for (; g && done < more && g->start + g->len < s->total &&
           s->aside[g->start + g->len] == g->start;
         done++)
        map_lengthen(s, request, 1);
    if (done > 0)
        s->changed[g->start] = ++s->clock;
    if (!g || done == more || g->start + g->len >= s->total || !map_is_free(s, g->start + g->len))
        return done;
    more_free = map_least(more - done, map_run(s, g->start + g->len));
    map_lengthen(s, request, more_free);
    map_set_aside(s, request, map_extra(s, g->len));
    return done + more_free;
}

static int map_grow_new(struct map *s, int request, int more)
{
    int at = map_best_fit(s, more + map_extra(s, more)), aside = map_longest(s, true), n, want;

    at = at < 0 ? map_best_fit(s, more) : at;
    at = at < 0 ? map_longest(s, false) : at;
    n = at < 0 ? 0 : map_run(s, at);
    if (n < more && aside >= 0 && map_run(s, aside) > n) {
        n = map_least(more, map_run(s, aside));
        at = aside + map_run(s, aside) - n;
        s->changed[s->aside[aside]] = ++s->clock;
        s->v[request][s->n[request]++] = (struct run_of){at, 0};
        map_lengthen(s, request, n);
        return n;
    }
    n = map_least(n, more);
    want = map_extra(s, n);
    s->v[request][s->n[request]++] = (struct run_of){at, 0};
    map_lengthen(s, request, n);
    map_set_aside(s, request, want);
    return n;
}

static void map_grow(struct map *s, int request, int more)
{
    for (; s->single && more > 0; more--)
        s->mine[request][s->n_mine[request]++] = s->stack[--s->depth];
    more -= map_grow_last(s, request, more);
    while (more > 0)
        more -= map_grow_new(s, request, more);
}

static void map_release(struct map *s, int request)
{
    for (int i = 0; i < s->n_mine[request]; i++)
        s->stack[s->depth++] = s->mine[request][i];
    s->n_mine[request] = 0;
    for (int b = 0; b < s->total; b++) {
        for (int k = 0; k < s->n[request]; k++)
            if (s->aside[b] == s->v[request][k].start)
                s->aside[b] = FREE;
        if (s->held[b] == request)
            s->held[b] = FREE;
    }
    s->n[request] = 0;
}

/* The request's blocks in their order: how many. */
static int map_blocks(const struct map *s, int request, int *v)
{
    int n = 0;

    for (; n < s->n_mine[request]; n++)
        v[n] = s->mine[request][n];
    for (int k = 0; k < s->n[request]; k++)
        for (int i = 0; i < s->v[request][k].len; i++)
            v[n++] = s->v[request][k].start + i;
    return n;
}

static void map_begin(struct map *s, int total, int preferred, int most_aside, bool single)
{
    s->total = total;
    s->preferred = preferred;
    s->most_aside = most_aside;
    s->single = single;
    s->depth = 0;
    for (int b = total; b-- > 0;) {
        s->held[b] = s->aside[b] = FREE;
        s->stack[s->depth++] = b;
    }
    for (int i = 0; i < MAP_REQUESTS; i++)
        s->n[i] = s->n_mine[i] = 0;
}

#endif
