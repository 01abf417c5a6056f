/* sched_batchllm.c - BatchLLM: requests that are all there at the beginning, in groups that share a
 * prefix (group.h): the trace's hashes make them, or a file. A group's prefix is computed once, by
 * its first request that gets to run, kept as long as the group has requests that have not ended,
 * and read by all; one that is alone is a group whose prefix is empty.
 *
 * A step takes a token of each running request past its prompt; then, while the budget lasts,
 * pieces of prompts whose prefix is there, those that run before those that wait; then prefixes,
 * the same. Each must leave the watermark, but for the first of a step; no number of requests
 * bounds it. The first piece that finds no blocks is the step's last. The queue is in the order of
 * groups, behind requests that had to restart.
 *
 * Where nothing can run something is given up for the piece that would be first: the prefix of the
 * last group that no running request reads, else the last request to have been admitted.
 *
 * Source   arXiv 2412.03594, sections 5.1 and 5.2; what to do when nothing can run is ours. The
 *          fused attention over a shared prefix is left out: each decode reads all of its context.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "sim/group.h"
#include "sim/prefix.h"
#include "sim/sched.h"

enum team_state { TEAM_NEW, TEAM_PREFIX /* is being computed */, TEAM_READY };

/* A group, or a request that is alone; numbered in the order in which they go. */
struct team {
    struct kv_list kv;      /* the prefix, once it is there */
    uint32_t prefix_blocks; /* of whole blocks, which no member ends with */
    uint32_t unfinished;    /* members that have come */
    uint32_t waiting;       /* of them */
    uint32_t leader;        /* computes the prefix */
    enum team_state state;
};

struct place {
    uint32_t team, request;
};

struct batchllm {
    struct team *team;
    uint32_t teams;
    uint32_t *of;   /* [n]: a request's team */
    uint32_t came;  /* requests at the queue's end, not in order yet */
    uint32_t ready; /* waiting requests whose prefix is there */
    uint32_t stuck; /* the request that found no blocks, or UINT32_MAX */
    struct place *places;
    size_t places_cap;
};

static struct batchllm *state_of(const struct replica *r)
{
    return r->state;
}

static struct team *team_of(const struct replica *r, uint32_t request)
{
    struct batchllm *b = state_of(r);

    return &b->team[b->of[request]];
}

/* ---- beginning and end ---- */

static void end(struct replica *r)
{
    struct batchllm *b = state_of(r);

    if (!b)
        return;
    for (uint32_t i = 0; b->team && i < b->teams; i++)
        free(b->team[i].kv.id);
    free(b->team);
    free(b->of);
    free(b->places);
    free(b);
}

/* Where a group, or one that is alone, comes. */
struct turn {
    uint64_t computed;
    uint32_t leader, group; /* UINT32_MAX: alone */
};

static int sooner(const void *a, const void *b)
{
    const struct turn *x = a, *y = b;

    if (x->computed != y->computed)
        return x->computed < y->computed ? -1 : 1;
    return x->leader < y->leader ? -1 : x->leader > y->leader;
}

/* All that are in no group, and all groups, in their order; *n of them. */
static struct turn *turns_of(const struct trace_set *t, const struct groups *g, uint32_t *n,
                             struct err *e)
{
    struct turn *v = mem_array((size_t)t->n + g->n, sizeof *v, e);
    bool *grouped = mem_zero(t->n, sizeof *grouped, e);

    *n = 0;
    for (size_t i = 0; v && grouped && i < g->members; i++)
        grouped[g->member[i]] = true;
    for (uint32_t i = 0; v && i < g->n; i++)
        v[(*n)++] = (struct turn){g->v[i].computed, g->v[i].leader, i};
    for (uint32_t i = 0; v && grouped && i < t->n; i++)
        if (!grouped[i])
            v[(*n)++] = (struct turn){t->prompt[i], i, UINT32_MAX};
    if (v && grouped)
        qsort(v, *n, sizeof *v, sooner);
    else
        free(v);
    v = grouped ? v : NULL;
    free(grouped);
    return v;
}

/* Whole blocks of the prefix, but for the last token of every prompt, which gives an answer. */
static uint32_t shared_blocks(const struct replica *r, const struct groups *g,
                              const struct group *v)
{
    uint32_t blocks = v->prefix / r->o->block_tokens;

    for (uint64_t i = v->at; i < v->at + v->n; i++) {
        uint32_t most = (r->trace->prompt[g->member[i]] - 1) / r->o->block_tokens;

        blocks = most < blocks ? most : blocks;
    }
    return v->n > 1 ? blocks : 0;
}

static int make_teams(struct replica *r, const struct groups *g, struct err *e)
{
    struct batchllm *b = state_of(r);
    struct turn *turn = turns_of(r->trace, g, &b->teams, e);

    b->of = mem_array(r->trace->n, sizeof *b->of, e);
    if (turn && b->of)
        b->team = mem_zero(b->teams, sizeof *b->team, e);
    for (uint32_t i = 0; b->team && i < b->teams; i++) {
        const struct group *v = turn[i].group == UINT32_MAX ? NULL : &g->v[turn[i].group];

        b->team[i].prefix_blocks = v ? shared_blocks(r, g, v) : 0;
        for (uint64_t k = 0; k < (v ? v->n : 0); k++)
            b->of[g->member[v->at + k]] = i;
        if (!v)
            b->of[turn[i].leader] = i;
    }
    free(turn);
    return b->team ? 0 : ERR_MEM;
}

static int begin(struct replica *r, struct err *e)
{
    struct groups made = {0};
    bool make = r->o->prefix_cache && !r->o->groups;
    const struct groups *g = r->o->prefix_cache && r->o->groups ? r->o->groups : &made;
    int rc;

    if (!(r->state = mem_zero(1, sizeof(struct batchllm), e)))
        return e->code;
    rc = make ? groups_of_trace(&made, r->trace, e) : 0;
    if (rc == 0)
        rc = make_teams(r, g, e);
    groups_free(&made);
    return rc;
}

/* ---- prefixes ---- */

static void set_state(struct replica *r, struct team *t, enum team_state state)
{
    struct batchllm *b = state_of(r);

    b->ready -= t->state == TEAM_READY ? t->waiting : 0;
    b->ready += state == TEAM_READY ? t->waiting : 0;
    t->state = state;
}

static void drop_prefix(struct replica *r, struct team *t)
{
    kv_give_back(&r->kv, &t->kv);
    set_state(r, t, TEAM_NEW);
}

/* Is it the one that computes its group's prefix? */
static bool leads(const struct replica *r, uint32_t request)
{
    const struct team *t = team_of(r, request);

    return t->state == TEAM_PREFIX && t->leader == request;
}

/* Prefixes that the last step completed are their groups' from now on. */
static int keep_prefixes(struct replica *r, struct err *e)
{
    for (size_t i = 0; i < r->n_running; i++) {
        struct team *t = team_of(r, r->running[i]);
        const struct flight *f = flight_of(r, r->running[i]);

        if (!leads(r, r->running[i]) || f->computed < t->prefix_blocks * r->kv.tokens)
            continue;
        if (kv_join(&r->kv, &t->kv, &f->kv, t->prefix_blocks, e) < 0)
            return e->code;
        set_state(r, t, TEAM_READY);
    }
    return 0;
}

/* ---- the queue ---- */

static void count_waiting(struct replica *r, uint32_t request, uint32_t more)
{
    struct batchllm *b = state_of(r);
    struct team *t = team_of(r, request);

    t->waiting += more;
    b->ready += t->state == TEAM_READY ? more : 0;
}

static void arrived(struct replica *r, uint32_t request)
{
    state_of(r)->came++;
    team_of(r, request)->unfinished++;
    count_waiting(r, request, 1);
}

/* With the last of those that have come the prefix goes. */
static int ended(struct replica *r, uint32_t request, struct err *e)
{
    struct team *t = team_of(r, request);

    (void)e;
    if (--t->unfinished == 0)
        drop_prefix(r, t);
    return 0;
}

/* The first n of the queue have just restarted. */
static void note_restarts(struct replica *r, uint64_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t request = deque_at(&r->waiting, i);

        if (leads(r, request))
            set_state(r, team_of(r, request), TEAM_NEW);
        count_waiting(r, request, 1);
    }
}

static bool goes_before(struct place a, struct place b)
{
    return a.team != b.team ? a.team < b.team : a.request < b.request;
}

static int by_place(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    return goes_before(*x, *y) ? -1 : goes_before(*y, *x);
}

static struct place place_of(const struct replica *r, uint32_t request)
{
    return (struct place){state_of(r)->of[request], request};
}

/* How many of the first n of the queue, which are in order, stay before x: who has restarted does.
 */
static size_t count_before(const struct replica *r, size_t n, struct place x)
{
    size_t from = 0;

    while (from < n) {
        size_t mid = from + (n - from) / 2;
        uint32_t request = deque_at(&r->waiting, mid);

        if (flight_of(r, request)->preemptions > 0 || !goes_before(x, place_of(r, request)))
            from = mid + 1;
        else
            n = mid;
    }
    return from;
}

/* Those that came last to their places among the others. */
static int sort_queue(struct replica *r, struct err *e)
{
    struct batchllm *b = state_of(r);
    struct deque *d = &r->waiting;
    size_t came = b->came, old = d->n - came, to = d->n;

    b->came = 0;
    if (came == 0)
        return 0;
    if (mem_reserve(&b->places, &b->places_cap, came, sizeof *b->places, e) < 0)
        return e->code;
    for (size_t i = 0; i < came; i++)
        b->places[i] = place_of(r, deque_at(d, old + i));
    qsort(b->places, came, sizeof *b->places, by_place);
    while (came > 0) {
        struct place x = b->places[--came];

        for (size_t before = count_before(r, old, x); old > before; old--)
            *deque_place(d, --to) = deque_at(d, old - 1);
        *deque_place(d, --to) = x.request;
    }
    return 0;
}

/* ---- a step ---- */

/* Blocks for a piece: do they leave the watermark? */
static bool fits(struct replica *r, uint32_t request, uint32_t more)
{
    uint32_t reserve = r->n_batch > 0 ? (uint32_t)(r->o->watermark * r->kv.total) : 0;
    bool good = (uint64_t)more + reserve <= r->kv.free;

    if (!good)
        state_of(r)->stuck = request;
    return good;
}

/* A piece of a running request's prompt, no further than its group's prefix if that is what it
 * computes: 1, or 0 if there is no room. */
static int go_on(struct replica *r, uint32_t request, struct err *e)
{
    struct flight *f = flight_of(r, request);
    uint32_t left = sched_left(r), more;
    uint32_t goal = leads(r, request) ? team_of(r, request)->prefix_blocks * r->kv.tokens : f->need;

    left = goal - f->computed < left ? goal - f->computed : left;
    more = blocks_more(r, f, (uint64_t)f->computed + left);
    if (left == 0 || !fits(r, request, more))
        return 0;
    if (kv_take(&r->kv, &f->kv, more, e) < 0 || batch_add(r, request, left, e) < 0)
        return e->code;
    return 1;
}

/* The same of one that waits, at place i of the queue, behind its group's prefix or to compute it.
 */
static int admit(struct replica *r, size_t i, struct err *e)
{
    uint32_t request = deque_at(&r->waiting, i), shared, goal, left = sched_left(r);
    struct team *t = team_of(r, request);
    struct flight *f = flight_of(r, request);
    bool leads_on = t->state == TEAM_NEW && t->prefix_blocks > 0;

    shared = leads_on ? 0 : t->prefix_blocks;
    goal = leads_on ? t->prefix_blocks * r->kv.tokens : f->need;
    if (goal - shared * r->kv.tokens < left)
        left = goal - shared * r->kv.tokens;
    if (left == 0 || r->n_running >= r->o->most_requests ||
        !fits(r, request, kv_blocks(&r->kv, left)))
        return 0;
    deque_drop(&r->waiting, i);
    count_waiting(r, request, UINT32_MAX); /* - 1 */
    if (t->state == TEAM_NEW)
        set_state(r, t, leads_on ? TEAM_PREFIX : TEAM_READY);
    if (leads_on)
        t->leader = request;
    if (kv_join(&r->kv, &f->kv, &t->kv, shared, e) < 0 || running_add(r, request, e) < 0)
        return e->code;
    f->computed = shared * r->kv.tokens;
    r->due_tokens -= f->computed;
    prefix_count(r, f);
    return go_on(r, request, e);
}

/* Running requests that compute prefixes, or those that do not. */
static int fill_running(struct replica *r, bool prefixes, struct err *e)
{
    int more = 1;

    for (size_t i = 0; i < r->n_running && more > 0; i++)
        if (is_prompt(flight_of(r, r->running[i])) && leads(r, r->running[i]) == prefixes)
            more = go_on(r, r->running[i], e);
    return more;
}

/* Those of the queue whose prefix is there. */
static int fill_ready(struct replica *r, struct err *e)
{
    int more = 1;

    for (size_t i = 0; state_of(r)->ready > 0 && more > 0;)
        if (team_of(r, deque_at(&r->waiting, i))->state == TEAM_READY)
            more = admit(r, i, e);
        else
            i++;
    return more;
}

/* And those whose group begins with them. */
static int fill_new(struct replica *r, struct err *e)
{
    int more = 1;

    for (size_t i = 0; i < r->waiting.n && more > 0;)
        if (team_of(r, deque_at(&r->waiting, i))->state == TEAM_PREFIX)
            i++;
        else
            more = admit(r, i, e);
    return more;
}

/* 1, or 0 where something found no room. */
static int fill(struct replica *r, struct err *e)
{
    int more;

    state_of(r)->stuck = UINT32_MAX;
    if ((more = fill_running(r, false, e)) > 0 && (more = fill_ready(r, e)) > 0 &&
        (more = fill_running(r, true, e)) > 0)
        more = fill_new(r, e);
    return more;
}

/* The last of those that run, but for the one that needs room, restarts: 1, or 0 if there is none.
 */
static int restart_last(struct replica *r, struct err *e)
{
    size_t i = r->n_running;
    uint32_t request;

    while (i > 0 && r->running[i - 1] == state_of(r)->stuck)
        i--;
    if (i == 0)
        return 0;
    request = r->running[i - 1];
    running_drop(r, request);
    if (restart(r, request, e) < 0)
        return e->code;
    note_restarts(r, 1);
    return 1;
}

/* Something that holds blocks goes, for the one who finds none: 1, or 0 if there is no such. It is
 * the first that may go on, and stays so until it has its prompt, as what goes comes back behind
 * it: so there is an end to this. */
static int give_up(struct replica *r, struct err *e)
{
    struct batchllm *b = state_of(r);

    if (b->stuck == UINT32_MAX)
        return 0;
    for (uint32_t i = b->teams; i-- > 0;) {
        struct team *t = &b->team[i];

        if (t->kv.n > 0 && t->unfinished == t->waiting && t != team_of(r, b->stuck)) {
            drop_prefix(r, t);
            return 1;
        }
    }
    return restart_last(r, e);
}

static int form(struct replica *r, struct err *e)
{
    uint64_t before = r->total.preemptions;
    int rc = 1;

    if (keep_prefixes(r, e) < 0 || sort_queue(r, e) < 0 || sched_decode(r, e) < 0)
        return e->code;
    note_restarts(r, r->total.preemptions - before);
    if (fill(r, e) < 0)
        return e->code;
    while (r->n_batch == 0 && rc > 0)
        if ((rc = give_up(r, e)) < 0 || (rc > 0 && fill(r, e) < 0))
            return e->code;
    return 0;
}

/* Blocks that groups hold. */
static uint64_t held(const struct replica *r)
{
    const struct batchllm *b = state_of(r);
    uint64_t n = 0;

    for (uint32_t i = 0; i < b->teams; i++)
        n += b->team[i].kv.n;
    return n;
}

const struct sched sched_batchllm = {.name = "batchllm",
                                     .most_requests = 1 << 20,
                                     .most_tokens = 2048,
                                     .watermark = 0.1,
                                     .groups = true,
                                     .begin = begin,
                                     .end = end,
                                     .arrived = arrived,
                                     .keep = ended,
                                     .held = held,
                                     .form = form};
