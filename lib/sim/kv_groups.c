/* kv_groups.c - KV blocks in contiguous groups, so that what a request holds moves in few copies:
 * the Dynamic Block Group Manager of FastSwitch (arXiv 2411.18424), a real one.
 *
 * Memory is cut into runs. A group is a run that a request holds, and behind it, as long as there
 * is memory, a run set aside for it to grow into; all else is free, and free runs never touch. A
 * request that needs `more` blocks gets, until it has them all:
 *
 *   1. what is set aside behind its last group, from the front
 *   2. the free run behind its last group, in place
 *   3. a new group from the shortest free run that has room for it and for what is set aside; else
 *      from the shortest that has room for it alone; else the whole of the longest
 *   4. where there is no free run, or only shorter ones: the end of the longest run that is set
 *      aside for somebody else
 *
 * In 2 and 3 as much is set aside as makes the group a multiple of the preferred size, but no more
 * than an eighth of what may still be, which is a share of all blocks: nobody is refused for it, as
 * 4 takes it back. What is given back joins the free runs beside it.
 *
 *        |<- group -->|<- aside ->|<- free ->|<- group ->|
 *   slot  first   last first  last first last ...           each run's ends know its length
 *
 * Of several free runs of the same length the first in memory is taken, of those set aside the one
 * that was last changed, so that what happens depends on nothing but what was asked. The paper says
 * no more of its manager than what is above in words: the order of 1 to 4, the eighth and the share
 * are ours.
 *
 * Cost     O(log n) expected a group; a few instructions for blocks that are set aside.
 * Memory   20 bytes a block.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "sim/kv_runs.h"

enum { ASIDE_PART = 8 };

struct groups {
    struct kv_alloc a;
    uint32_t preferred, most_aside;
    struct kv_runs free;
    struct kv_short_runs aside;
    struct kv_slot slot[];
};

static void close_groups(struct kv_alloc *a)
{
    free(a);
}

/* ---- runs ---- */

static void mark(struct groups *g, uint32_t run, uint32_t len, enum kv_run_kind kind)
{
    g->slot[run].len = g->slot[run + len - 1].len = len;
    g->slot[run].kind = g->slot[run + len - 1].kind = kind;
}

static void add_free(struct groups *g, uint32_t run, uint32_t len)
{
    if (len == 0)
        return;
    mark(g, run, len, RUN_FREE);
    kv_runs_add(&g->free, run);
}

/* Behind a group that ends where the run begins. */
static void add_aside(struct groups *g, uint32_t run, uint32_t len, uint32_t group)
{
    if (len == 0)
        return;
    mark(g, run, len, RUN_SPARE);
    g->slot[run].group = group;
    g->a.unused += len;
    kv_short_add(&g->aside, run);
}

static void remove_aside(struct groups *g, uint32_t run)
{
    kv_short_remove(&g->aside, run);
    g->a.unused -= g->slot[run].len;
}

/* The run behind a group, if it is of this kind; KV_NONE. */
static uint32_t behind(const struct groups *g, uint32_t group, enum kv_run_kind kind)
{
    uint32_t run = group + g->slot[group].len;

    return run < g->a.total && g->slot[run].kind == kind ? run : KV_NONE;
}

/* Such a run is the group's own, as one that is set aside always follows whose it is. */
static uint32_t aside_of(const struct groups *g, uint32_t group)
{
    return behind(g, group, RUN_SPARE);
}

/* ---- growing ---- */

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Blocks of a group that holds `len` to be set aside: so never more than most_aside are. */
static uint32_t to_set_aside(const struct groups *g, uint32_t len)
{
    uint32_t missing = g->preferred - 1 - (len - 1) % g->preferred;
    uint32_t most = (g->most_aside - g->a.unused) / ASIDE_PART;

    return smaller(missing, most);
}

/* The last group has its end `more` blocks on. */
static void lengthen(struct groups *g, struct kv_held *h, uint32_t more)
{
    mark(g, h->last, g->slot[h->last].len + more, RUN_HELD);
    h->blocks += more;
}

static uint32_t take_aside(struct groups *g, struct kv_held *h, uint32_t more)
{
    uint32_t run = aside_of(g, h->last), len, taken;

    if (run == KV_NONE)
        return 0;
    len = g->slot[run].len;
    taken = smaller(more, len);
    remove_aside(g, run);
    lengthen(g, h, taken);
    add_aside(g, run + taken, len - taken, h->last);
    return taken;
}

/* The beginning of a free run, that is where the last group ends, becomes the group's. */
static uint32_t take_free(struct groups *g, struct kv_held *h, uint32_t run, uint32_t more)
{
    uint32_t len = g->slot[run].len, taken = smaller(more, len), aside;

    kv_runs_remove(&g->free, run);
    lengthen(g, h, taken);
    aside = smaller(len - taken, to_set_aside(g, g->slot[h->last].len));
    add_aside(g, run + taken, aside, h->last);
    add_free(g, run + taken + aside, len - taken - aside);
    return taken;
}

/* An empty group for the request's last. */
static void begin_group(struct groups *g, struct kv_held *h, uint32_t run)
{
    if (h->last == KV_NONE)
        h->first = run;
    else
        g->slot[h->last].group = run;
    h->last = run;
    h->pieces++;
}

/* From the end of what is set aside for somebody else. */
static uint32_t split_aside(struct groups *g, struct kv_held *h, uint32_t run, uint32_t more)
{
    uint32_t len = g->slot[run].len, taken = smaller(more, len), group = g->slot[run].group;

    remove_aside(g, run);
    add_aside(g, run, len - taken, group);
    begin_group(g, h, run + len - taken);
    mark(g, h->last, taken, RUN_HELD);
    h->blocks += taken;
    return taken;
}

static uint32_t length_of(const struct groups *g, uint32_t run)
{
    return run == KV_NONE ? 0 : g->slot[run].len;
}

static uint32_t take_new(struct groups *g, struct kv_held *h, uint32_t more)
{
    uint32_t run = kv_runs_fit(&g->free, more + to_set_aside(g, more)), aside, taken;

    if (run == KV_NONE)
        run = kv_runs_fit(&g->free, more);
    if (run == KV_NONE) {
        run = kv_runs_longest(&g->free);
        aside = kv_short_longest(&g->aside);
        if (length_of(g, aside) > length_of(g, run))
            return split_aside(g, h, aside, more);
    }
    taken = smaller(more, g->slot[run].len);
    begin_group(g, h, run);
    aside = smaller(g->slot[run].len - taken, to_set_aside(g, taken));
    more = g->slot[run].len - taken - aside;
    kv_runs_remove(&g->free, run);
    mark(g, run, taken, RUN_HELD);
    h->blocks += taken;
    add_aside(g, run + taken, aside, run);
    add_free(g, run + taken + aside, more);
    return taken;
}

static bool grow(struct kv_alloc *a, struct kv_held *h, uint32_t more)
{
    struct groups *g = (struct groups *)a;

    if (more > a->left)
        return false;
    a->left -= more;
    if (more > 0 && h->last != KV_NONE)
        more -= take_aside(g, h, more);
    if (more > 0 && h->last != KV_NONE) {
        uint32_t run = behind(g, h->last, RUN_FREE);

        if (run != KV_NONE)
            more -= take_free(g, h, run, more);
    }
    while (more > 0)
        more -= take_new(g, h, more);
    return true;
}

/* ---- giving back ---- */

/* It joins the free runs on both sides. */
static void give_back(struct groups *g, uint32_t run, uint32_t len)
{
    uint32_t end = run + len;

    if (run > 0 && g->slot[run - 1].kind == RUN_FREE) {
        run -= g->slot[run - 1].len;
        kv_runs_remove(&g->free, run);
    }
    if (end < g->a.total && g->slot[end].kind == RUN_FREE) {
        kv_runs_remove(&g->free, end);
        end += g->slot[end].len;
    }
    add_free(g, run, end - run);
}

static void release(struct kv_alloc *a, struct kv_held *h)
{
    struct groups *g = (struct groups *)a;

    a->left += h->blocks;
    for (uint32_t group = h->first; h->pieces > 0; h->pieces--) {
        uint32_t next = g->slot[group].group, len = g->slot[group].len, aside = aside_of(g, group);

        if (aside != KV_NONE) {
            len += g->slot[aside].len;
            remove_aside(g, aside);
        }
        give_back(g, group, len);
        group = next;
    }
    *h = KV_HELD_NONE;
}

/* ---- the table ---- */

static uint32_t length(const struct kv_alloc *a, const struct kv_held *h, uint32_t piece)
{
    (void)h;
    return ((const struct groups *)a)->slot[piece].len;
}

static uint32_t next(const struct kv_alloc *a, const struct kv_held *h, uint32_t piece)
{
    return piece == h->last ? KV_NONE : ((const struct groups *)a)->slot[piece].group;
}

static int open_groups(struct kv_alloc **out, const struct kv_alloc_opts *o, struct err *e)
{
    struct groups *g = mem_zero(1, sizeof *g + o->blocks * sizeof *g->slot, e);

    if (!g)
        return e->code;
    g->a = (struct kv_alloc){.kind = &kv_alloc_group, .total = o->blocks, .left = o->blocks};
    g->preferred = o->group > 0 ? smaller(o->group, KV_SHORT) : 1;
    g->most_aside = (uint32_t)(o->spare_share * o->blocks);
    g->free = (struct kv_runs){.slot = g->slot, .root = KV_NONE};
    g->aside.slot = g->slot;
    add_free(g, 0, o->blocks);
    *out = &g->a;
    return 0;
}

const struct kv_alloc_kind kv_alloc_group = {.name = "group",
                                             .open = open_groups,
                                             .close = close_groups,
                                             .grow = grow,
                                             .release = release,
                                             .length = length,
                                             .next = next};
