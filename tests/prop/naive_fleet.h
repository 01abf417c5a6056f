/* naive_fleet.h - several of naive_run.h's replicas and a dispatcher above them, slow and plain;
 * some fail, and are back or not. `board` has what became of every request, wherever it went.
 */
#ifndef TESTS_NAIVE_FLEET_H
#define TESTS_NAIVE_FLEET_H

#include "base/rand.h"
#include "naive_run.h"

enum { REPLICAS_MOST = 5, CRASHES_MOST = 4 };

enum dispatch {
    ROUND_ROBIN,
    RANDOM,
    LEAST_OUTSTANDING,
    SHORTEST_QUEUE,
    SHORTEST_TOKENS,
    FREE_MEMORY,
    LLUMNIX,
    DISPATCHES
};

/* A replica loses all it has. */
struct crash {
    int replica;
    int64_t at, back; /* back: -1: never */
};

struct naive_fleet {
    struct naive *board, *replica; /* replica: [n] */
    int n, next;
    enum dispatch dispatch;
    int headroom; /* tokens */
    uint64_t seed;
    int where[REQUESTS_MOST];
    bool touched[REPLICAS_MOST];
    struct crash crash[CRASHES_MOST];
    int crashes;
    bool down[REPLICAS_MOST];
    int by[REPLICAS_MOST]; /* the crash that it is down by */
    struct queue held;     /* no replica is up */
    int restarted;
};

/* ---- what dispatchers see ---- */

static int tokens_to_compute(const struct naive *s, const struct queue *q)
{
    int n = 0;

    for (int i = 0; i < q->n; i++)
        if (is_prefill(&s->r[q->v[i]]))
            n += s->r[q->v[i]].need - s->r[q->v[i]].computed;
    return n;
}

static int wanted_blocks(const struct naive *s)
{
    int n = 0;

    for (int i = 0; i < s->waiting.n; i++)
        n += blocks_of(s, s->r[s->waiting.v[i]].need);
    return n;
}

/* One that some other request of the trace comes after. */
static bool goes_high(const struct naive *s, int request)
{
    for (int i = 0; s->o.priorities && i < s->n; i++)
        if (s->r[i].priority > s->r[request].priority)
            return true;
    return false;
}

static bool shelters(const struct naive *s)
{
    for (int i = 0; i < s->running.n; i++)
        if (goes_high(s, s->running.v[i]))
            return true;
    for (int i = 0; i < s->waiting.n; i++)
        if (goes_high(s, s->waiting.v[i]))
            return true;
    return false;
}

static double naive_freeness(const struct naive *s, int headroom)
{
    int left = free_blocks(s), n = s->running.n;

    if (s->waiting.n > 0) {
        left -= blocks_of(s, s->r[s->waiting.v[first_waiting(s)]].need);
        n++;
    }
    if (headroom > 0 && shelters(s))
        left -= blocks_of(s, headroom);
    return (double)left / (n > 0 ? n : 1);
}

/* The less the better. */
static double load_of(const struct naive_fleet *f, int k, int request)
{
    const struct naive *s = &f->replica[k];
    double free;

    switch (f->dispatch) {
    case LEAST_OUTSTANDING:
        return s->waiting.n + s->running.n + s->swapped.n;
    case SHORTEST_QUEUE:
        return s->waiting.n;
    case SHORTEST_TOKENS:
        return tokens_to_compute(s, &s->waiting) + tokens_to_compute(s, &s->running);
    case FREE_MEMORY:
        return wanted_blocks(s) - free_blocks(s);
    default:
        free = naive_freeness(s, f->headroom);
        /* Before all that have no such request. */
        if (f->headroom > 0 && free > 0 && goes_high(s, request) && shelters(s))
            return -1e6 - free;
        return -free;
    }
}

static int replicas_up(const struct naive_fleet *f, int up[REPLICAS_MOST])
{
    int n = 0;

    for (int k = 0; k < f->n; k++)
        if (!f->down[k])
            up[n++] = k;
    return n;
}

/* Where none is up, one that can never run goes anywhere. */
static int dispatch_to(struct naive_fleet *f, int request)
{
    int up[REPLICAS_MOST], n = replicas_up(f, up), best = 0;

    if (f->n == 1)
        return 0;
    if (f->dispatch == RANDOM) {
        best = (int)rand_below(&f->seed, n > 0 ? (uint64_t)n : 1);
        return n > 0 ? up[best] : 0;
    }
    if (n == 0)
        return 0;
    if (f->dispatch == ROUND_ROBIN) {
        while (f->down[f->next])
            f->next = (f->next + 1) % f->n;
        best = f->next;
        f->next = (f->next + 1) % f->n;
        return best;
    }
    for (int i = 1; i < n; i++)
        if (load_of(f, up[i], request) < load_of(f, up[best], request))
            best = i;
    return up[best];
}

/* ---- events ---- */

static void note_end(struct naive *board)
{
    board->done[board->n_done++] = board->now;
}

/* A request comes, or comes again with the tokens that it gave. False: it can never run. */
static bool fleet_take(struct naive_fleet *f, int i)
{
    struct request *r = &f->board->r[i];
    int up[REPLICAS_MOST];
    struct naive *s = &f->replica[0];

    if (replicas_up(f, up) == 0 && can_ever_run(s, r)) {
        queue_insert(&f->held, f->held.n, i);
        r->state = HELD;
        return true;
    }
    f->where[i] = dispatch_to(f, i);
    s = &f->replica[f->where[i]];
    f->touched[f->where[i]] = true;
    r->came = ++s->clock;
    r->need = r->prompt + r->given;
    r->computed = 0;
    r->state = can_ever_run(s, r) ? WAITING : REJECTED;
    r->end = s->now = f->board->now;
    s->r[i] = *r;
    if (r->state == REJECTED)
        return false;
    queue_insert(&s->waiting, s->waiting.n, i);
    turn_arrives(s, i);
    return true;
}

static void fleet_arrivals(struct naive_fleet *f)
{
    struct naive *board = f->board;

    for (int i = 0; i < board->n; i++) {
        int64_t t = arrival_of(board, &board->r[i]);

        if (board->r[i].state != AHEAD || t < 0 || t > board->now)
            continue;
        board->r[i].arrival = board->now;
        if (fleet_take(f, i))
            continue;
        note_end(board);
        i = -1;
    }
}

/* ---- crashes ---- */

static void begin_anew(struct naive *s)
{
    s->waiting.n = s->running.n = s->swapped.n = s->late.n = 0;
    s->n_aside[0] = s->n_aside[1] = s->n_pins = s->n_tools = s->n_batch = 0;
    s->moving_us = s->waited_s = s->waited_tokens = 0;
    s->since_prompts = s->vain = 0;
    s->busy = false;
    for (int i = 0; i < s->o.blocks; i++)
        s->block[i] = (struct block){.freed_at = ++s->clock};
}

static void crash(struct naive_fleet *f, int c)
{
    int k = f->crash[c].replica;
    struct naive *s = &f->replica[k];
    bool lost[REQUESTS_MOST] = {false};

    f->down[k] = true;
    f->by[k] = c;
    for (int i = 0; i < s->n; i++)
        if (queue_find(&s->waiting, i) >= 0 || queue_find(&s->running, i) >= 0 ||
            queue_find(&s->swapped, i) >= 0) {
            lost[i] = true;
            s->r[i].n_blocks = s->r[i].named = 0;
            f->board->r[i] = s->r[i];
        }
    begin_anew(s);
    for (int i = 0; i < s->n; i++)
        if (lost[i]) {
            f->restarted += s->r[i].start >= 0;
            fleet_take(f, i);
        }
}

/* In the order in which they went down. */
static void come_back(struct naive_fleet *f)
{
    for (int c = 0; c < f->crashes; c++) {
        int k = f->crash[c].replica, n = f->held.n;

        if (!f->down[k] || f->by[k] != c || f->crash[c].back != f->board->now)
            continue;
        f->down[k] = false;
        f->held.n = 0;
        for (int i = 0; i < n; i++)
            fleet_take(f, f->held.v[i]);
    }
}

static void crashes_now(struct naive_fleet *f)
{
    for (int c = 0; c < f->crashes; c++)
        if (f->crash[c].at == f->board->now)
            crash(f, c);
    come_back(f);
}

/* Of what is to come, the first after `now`, which is -1 before all. */
static int64_t next_crash(const struct naive_fleet *f, int64_t now)
{
    int64_t next = -1;

    for (int c = 0; c < f->crashes; c++) {
        int64_t at = f->crash[c].at, back = f->crash[c].back;

        if (at > now && (next < 0 || at < next))
            next = at;
        if (back > now && (next < 0 || back < next))
            next = back;
    }
    return next;
}

static void fleet_end_step(struct naive_fleet *f, int k)
{
    struct naive *s = &f->replica[k];

    end_step(s);
    f->touched[k] = true;
    for (int i = 0; i < s->n_batch; i++) {
        int request = s->batch[i];

        if (s->r[request].state == ENDED)
            note_end(f->board);
        f->board->r[request] = s->r[request];
    }
}

/* Crashes alone do not go on, but for those who wait for one to be back. */
static int64_t fleet_next(const struct naive_fleet *f, int64_t now)
{
    int64_t next = next_moment(f->board), other = next_crash(f, now);
    bool back = false;

    for (int k = 0; k < f->n; k++)
        if (f->replica[k].busy && (next < 0 || f->replica[k].step_end < next))
            next = f->replica[k].step_end;
    for (int c = 0; c < f->crashes; c++)
        back = back || f->crash[c].back > now;
    if (next < 0 && !(f->held.n > 0 && back))
        return -1;
    return other >= 0 && (next < 0 || other < next) ? other : next;
}

/* What each did, together. */
static void add_up(struct naive_fleet *f)
{
    struct naive *board = f->board;

    for (int k = 0; k < f->n; k++) {
        const struct naive *s = &f->replica[k];

        board->steps += s->steps;
        board->preemptions += s->preemptions;
        board->computed += s->computed;
        board->swaps += s->swaps;
        board->peak += s->peak;
        for (int i = 0; i < TIERS; i++)
            board->tier_tokens[i] += s->tier_tokens[i];
        memcpy(&board->gap[board->gaps], s->gap, (size_t)s->gaps * sizeof *s->gap);
        board->gaps += s->gaps;
        board->stuck = board->stuck || s->waiting.n + s->running.n + s->swapped.n > 0;
        for (int i = 0; i < s->n; i++)
            if (f->where[i] == k)
                board->r[i] = s->r[i];
    }
}

static void naive_fleet_run(struct naive_fleet *f)
{
    struct naive *board = f->board;

    begin_requests(board);
    for (int i = 0; i < board->n; i++)
        f->where[i] = -1;
    for (int k = 0; k < f->n; k++) {
        f->replica[k] = *board;
        for (int i = 0; i < board->o.blocks; i++)
            f->replica[k].block[i] = (struct block){.freed_at = ++f->replica[k].clock};
    }
    for (int64_t now = -1; (now = fleet_next(f, now)) >= 0;) {
        board->now = now;
        memset(f->touched, 0, sizeof f->touched);
        for (int k = 0; k < f->n; k++)
            f->replica[k].now = board->now;
        fleet_arrivals(f);
        for (int k = 0; k < f->n; k++)
            if (f->replica[k].busy && f->replica[k].step_end == board->now)
                fleet_end_step(f, k);
        fleet_arrivals(f);
        crashes_now(f);
        for (int k = 0; k < f->n; k++) {
            if (!f->touched[k] || f->replica[k].busy)
                continue;
            form(&f->replica[k]);
            if (f->replica[k].n_batch > 0)
                begin_step(&f->replica[k]);
        }
    }
    add_up(f);
    board->stuck = board->stuck || f->held.n > 0;
}

#endif
