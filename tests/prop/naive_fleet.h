/* naive_fleet.h - several of naive_run.h's replicas and a dispatcher above them, slow and plain.
 * `board` has what became of every request, wherever it went.
 */
#ifndef TESTS_NAIVE_FLEET_H
#define TESTS_NAIVE_FLEET_H

#include "base/rand.h"
#include "naive_run.h"

enum { REPLICAS_MOST = 5 };

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

struct naive_fleet {
    struct naive *board, *replica; /* replica: [n] */
    int n, next;
    enum dispatch dispatch;
    int headroom; /* tokens */
    uint64_t seed;
    int where[REQUESTS_MOST];
    bool touched[REPLICAS_MOST];
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

static int dispatch_to(struct naive_fleet *f, int request)
{
    int best = 0;

    if (f->n == 1)
        return 0;
    if (f->dispatch == ROUND_ROBIN) {
        best = f->next;
        f->next = (f->next + 1) % f->n;
        return best;
    }
    if (f->dispatch == RANDOM)
        return (int)rand_below(&f->seed, (uint64_t)f->n);
    for (int k = 1; k < f->n; k++)
        if (load_of(f, k, request) < load_of(f, best, request))
            best = k;
    return best;
}

/* ---- events ---- */

static void note_end(struct naive *board)
{
    board->done[board->n_done++] = board->now;
}

static void fleet_arrivals(struct naive_fleet *f)
{
    struct naive *board = f->board;

    for (int i = 0; i < board->n; i++) {
        int64_t t = arrival_of(board, &board->r[i]);
        struct naive *s;
        struct request *r;

        if (board->r[i].state != AHEAD || t < 0 || t > board->now)
            continue;
        f->where[i] = dispatch_to(f, i);
        s = &f->replica[f->where[i]];
        f->touched[f->where[i]] = true;
        r = &s->r[i];
        r->arrival = s->now = board->now;
        r->came = ++s->clock;
        r->need = r->prompt;
        r->state = can_ever_run(s, r) ? WAITING : REJECTED;
        r->end = board->now;
        board->r[i] = *r;
        if (r->state == WAITING) {
            queue_insert(&s->waiting, s->waiting.n, i);
            turn_arrives(s, i);
        } else {
            note_end(board);
            i = -1;
        }
    }
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

static int64_t fleet_next(const struct naive_fleet *f)
{
    int64_t next = next_moment(f->board);

    for (int k = 0; k < f->n; k++)
        if (f->replica[k].busy && (next < 0 || f->replica[k].step_end < next))
            next = f->replica[k].step_end;
    return next;
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

    for (int i = 0; i < board->n; i++) {
        board->r[i].start = board->r[i].first = board->r[i].last = -1;
        f->where[i] = -1;
    }
    for (int k = 0; k < f->n; k++) {
        f->replica[k] = *board;
        for (int i = 0; i < board->o.blocks; i++)
            f->replica[k].block[i] = (struct block){.freed_at = ++f->replica[k].clock};
    }
    while ((board->now = fleet_next(f)) >= 0) {
        memset(f->touched, 0, sizeof f->touched);
        for (int k = 0; k < f->n; k++)
            f->replica[k].now = board->now;
        fleet_arrivals(f);
        for (int k = 0; k < f->n; k++)
            if (f->replica[k].busy && f->replica[k].step_end == board->now)
                fleet_end_step(f, k);
        fleet_arrivals(f);
        for (int k = 0; k < f->n; k++) {
            if (!f->touched[k] || f->replica[k].busy)
                continue;
            form(&f->replica[k]);
            if (f->replica[k].n_batch > 0)
                begin_step(&f->replica[k]);
        }
    }
    add_up(f);
}

#endif
