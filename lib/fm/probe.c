/* probe.c - see probe.h. */
#include "fm/probe.h"

#include <stdlib.h>
#include <string.h>

#include "base/par.h"

enum { CLIENT_LEAST = 4, CLIENT_CHUNK = 64, FIRST_STEP = 16 };

/* The probes under way: each has a range in every shard. */
struct lane {
    struct probe probe;
    void *client;
    bool alive; /* some shard's range is not empty */
};

struct lanes {
    const struct fm *fm;
    struct lane lane[RANK_BATCH];
    size_t n;
    uint64_t *lo, *hi; /* [shard][lane] */
};

static void enter(struct lanes *l, size_t i)
{
    struct lane *x = &l->lane[i];

    x->probe.at = x->probe.to;
    for (size_t s = 0; s < l->fm->n_shards; s++) {
        l->lo[s * RANK_BATCH + i] = 0;
        l->hi[s * RANK_BATCH + i] = l->fm->shard[s]->head.n;
    }
}

/* One byte back in one shard, for the lanes that are alive there. */
static void step_shard(struct lanes *l, size_t s)
{
    uint64_t *lo = l->lo + s * RANK_BATCH, *hi = l->hi + s * RANK_BATCH;
    uint64_t lane_lo[RANK_BATCH], lane_hi[RANK_BATCH];
    uint8_t byte[RANK_BATCH], which[RANK_BATCH];
    size_t k = 0;

    for (size_t i = 0; i < l->n; i++) {
        const struct probe *p = &l->lane[i].probe;
        if (lo[i] >= hi[i])
            continue;
        byte[k] = (uint8_t)p->text[p->at - 1];
        lane_lo[k] = lo[i];
        lane_hi[k] = hi[i];
        which[k++] = (uint8_t)i;
    }
    shard_step(l->fm->shard[s], k, byte, lane_lo, lane_hi);
    for (size_t j = 0; j < k; j++) {
        lo[which[j]] = lane_lo[j];
        hi[which[j]] = lane_hi[j];
        l->lane[which[j]].alive |= lane_lo[j] < lane_hi[j];
    }
}

static void move_lane(struct lanes *l, size_t to, size_t from)
{
    l->lane[to] = l->lane[from];
    for (size_t s = 0; s < l->fm->n_shards; s++) {
        l->lo[s * RANK_BATCH + to] = l->lo[s * RANK_BATCH + from];
        l->hi[s * RANK_BATCH + to] = l->hi[s * RANK_BATCH + from];
    }
}

/* A client that has something to ask enters lane i. */
static bool take_client(struct lanes *l, size_t i, char **client, const char *end, size_t size,
                        probe_next_fn *next)
{
    for (; *client < end; *client += size) {
        l->lane[i].probe = (struct probe){0};
        if (next(*client, &l->lane[i].probe, true)) {
            l->lane[i].client = *client;
            *client += size;
            enter(l, i);
            return true;
        }
    }
    return false;
}

static void run_lanes(struct lanes *l, char *client, size_t n, size_t size, probe_next_fn *next)
{
    const char *end = client + n * size;

    l->n = 0;
    while (l->n < RANK_BATCH && take_client(l, l->n, &client, end, size, next))
        l->n++;
    while (l->n) {
        for (size_t i = 0; i < l->n; i++)
            l->lane[i].alive = false;
        for (size_t s = 0; s < l->fm->n_shards; s++)
            step_shard(l, s);
        for (size_t i = l->n; i-- > 0;) {
            struct lane *x = &l->lane[i];
            x->probe.at -= x->alive;
            if (x->alive && x->probe.at > x->probe.from)
                continue;
            if (next(x->client, &x->probe, false))
                enter(l, i);
            else if (!take_client(l, i, &client, end, size, next))
                move_lane(l, i, --l->n);
        }
    }
}

int probe_run(const struct fm *fm, void *clients, size_t n, size_t size, probe_next_fn *next,
              int threads, struct err *e)
{
    struct par_chunks c = par_split(n, CLIENT_LEAST, CLIENT_CHUNK, threads);
    size_t slots = fm->n_shards * RANK_BATCH;
    int rc = 0;

#pragma omp parallel num_threads(c.team) if (c.team > 1)
    {
        struct err mine = {0};
        struct lanes l = {.fm = fm};
        l.lo = mem_array(2 * slots, sizeof *l.lo, &mine);
        l.hi = l.lo + slots;
        if (!l.lo) {
#pragma omp critical(probe_error)
            {
                *e = mine;
                rc = mine.code;
            }
        }
#pragma omp for schedule(dynamic)
        for (int64_t i = 0; i < c.count; i++) {
            size_t from = (size_t)i * c.size, k = n - from < c.size ? n - from : c.size;
            if (l.lo)
                run_lanes(&l, (char *)clients + from * size, k, size, next);
        }
        free(l.lo);
    }
    return rc;
}

void extend_begin(struct extend *x, uint64_t start, uint64_t present, uint64_t limit)
{
    *x = (struct extend){start, present, limit + 1, FIRST_STEP};
}

bool extend_ask(struct extend *x, struct probe *p)
{
    uint64_t room = x->absent - x->present - 1; /* ends that may still be present */

    if (room == 0)
        return false;
    if (x->step > room)
        x->step = (room + 1) / 2;
    p->from = x->start;
    p->to = x->present + x->step;
    return true;
}

void extend_answer(struct extend *x, const struct probe *p)
{
    if (p->at == p->from) {
        x->present = p->to;
        x->step *= 2;
    } else {
        x->absent = p->to;
        x->step = (x->absent - x->present) / 2;
        x->step += x->step == 0;
    }
}
