/* probe.c - see probe.h.
 *
 * Texts repeat their short strings: the ranges of the last few bytes, which are the widest and so
 * the dearest to come by, are remembered.
 */
#include "fm/probe.h"

#include <stdlib.h>
#include <string.h>

#include "base/par.h"
#include "fm/bits.h"

enum {
    CLIENT_LEAST = 4,
    CLIENT_CHUNK = 64,
    MEMO_LENGTHS = 3,
    MEMO_SLOTS_LOG = 16,
    MEMO_SLOTS_LOG_LEAST = 8,
    MEMO_WORDS_MAX = 1 << 19, /* 4 MB a thread */
};

/* So many bytes of text are a key; the longest that is known is taken. */
static const uint8_t memo_len[MEMO_LENGTHS] = {7, 4, 2};

/* slot: the key, then lo and hi of each shard. A range is kept only if it is not empty. */
struct memo {
    uint64_t *slot; /* NULL: too many shards */
    size_t words;   /* of a slot */
    unsigned log;   /* of the number of slots */
};

/* Clients are handed out one by one, to whichever thread has a lane free. */
struct queue {
    char *client;
    size_t size;
    uint64_t n, next;
    probe_next_fn *ask;
};

/* The probes under way: each has a range in every shard. */
struct lane {
    struct probe probe;
    void *client;
    struct probe_hits next; /* with one byte more */
};

struct lanes {
    const struct fm *fm;
    struct lane lane[RANK_BATCH];
    size_t n;
    uint64_t *lo, *hi; /* [shard][lane] */
    struct memo memo;
};

static int memo_init(struct memo *m, size_t shards, struct err *e)
{
    *m = (struct memo){.words = 1 + 2 * shards, .log = MEMO_SLOTS_LOG};
    while (m->log >= MEMO_SLOTS_LOG_LEAST && m->words << m->log > MEMO_WORDS_MAX)
        m->log--;
    if (m->log < MEMO_SLOTS_LOG_LEAST)
        return 0;
    m->slot = mem_zero(m->words << m->log, sizeof *m->slot, e);
    return m->slot ? 0 : e->code;
}

/* The last bytes of a stretch, and how many they are. */
static uint64_t memo_key(const struct probe *p, size_t len)
{
    uint64_t key = 0;

    memcpy(&key, p->text + p->to - len, len);
    return key | (uint64_t)len << 56;
}

static uint64_t *memo_slot(const struct memo *m, uint64_t key)
{
    return m->slot + m->words * ((key * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - m->log));
}

static void add_hits(struct lane *x, size_t shard, uint64_t lo, uint64_t hi)
{
    if (lo >= hi)
        return;
    if (!x->next.count) {
        x->next.shard = shard;
        x->next.row = lo;
    }
    x->next.count += hi - lo;
}

/* The hits with one byte more are in: false when the answer is there. */
static bool goes_on(struct lane *x)
{
    if (!x->next.count)
        return false;
    x->probe.hits = x->next;
    x->probe.at--;
    return x->probe.at > x->probe.from;
}

static bool is_key(uint64_t len)
{
    for (size_t i = 0; i < MEMO_LENGTHS; i++)
        if (len == memo_len[i])
            return true;
    return false;
}

/* The lane's ranges go to the memo when they are those of a key. */
static void remember(struct lanes *l, size_t i)
{
    const struct probe *p = &l->lane[i].probe;
    uint64_t len = p->to - p->at, *slot;

    if (!l->memo.slot || !is_key(len))
        return;
    slot = memo_slot(&l->memo, memo_key(p, len));
    slot[0] = memo_key(p, len);
    for (size_t s = 0; s < l->fm->n_shards; s++) {
        slot[1 + 2 * s] = l->lo[s * RANK_BATCH + i];
        slot[2 + 2 * s] = l->hi[s * RANK_BATCH + i];
    }
}

/* The ranges of the last *len bytes, as many as the memo has, or NULL. */
static const uint64_t *recall(const struct lanes *l, const struct probe *p, size_t *len)
{
    for (size_t i = 0; l->memo.slot && i < MEMO_LENGTHS; i++) {
        *len = memo_len[i];
        if (p->to - p->from < *len)
            continue;
        const uint64_t *slot = memo_slot(&l->memo, memo_key(p, *len));
        if (slot[0] == memo_key(p, *len))
            return slot + 1;
    }
    return NULL;
}

/* Begins with the ranges of the last bytes, or of the last byte: these cost nothing. */
static bool enter(struct lanes *l, size_t i)
{
    struct lane *x = &l->lane[i];
    size_t len;
    const uint64_t *known = recall(l, &x->probe, &len);

    x->probe.at = x->probe.to - (known ? len - 1 : 0);
    x->next.count = 0;
    for (size_t s = 0; s < l->fm->n_shards; s++) {
        struct fm_range r = known ? (struct fm_range){known[2 * s], known[2 * s + 1]}
                                  : shard_first(l->fm->shard[s],
                                                (uint8_t)x->probe.text[x->probe.to - 1]);
        l->lo[s * RANK_BATCH + i] = r.lo;
        l->hi[s * RANK_BATCH + i] = r.hi;
        add_hits(x, s, r.lo, r.hi);
    }
    return goes_on(x);
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
        add_hits(&l->lane[which[j]], s, lane_lo[j], lane_hi[j]);
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

static void *take_client(struct queue *q)
{
    uint64_t i;

#pragma omp atomic capture
    i = q->next++;
    return i < q->n ? q->client + i * q->size : NULL;
}

/* The lane's client, or the next one that has something to ask, until a probe is to be run. */
static bool refill(struct lanes *l, size_t i, struct queue *q)
{
    struct lane *x = &l->lane[i];

    for (;;) {
        bool first = !x->client;
        if (first) {
            x->client = take_client(q);
            if (!x->client)
                return false;
            x->probe = (struct probe){0};
        }
        if (!q->ask(x->client, &x->probe, first))
            x->client = NULL;
        else if (enter(l, i))
            return true;
    }
}

static void run_lanes(struct lanes *l, size_t most, struct queue *q)
{
    for (l->n = 0; l->n < most; l->n++) {
        l->lane[l->n].client = NULL;
        if (!refill(l, l->n, q))
            break;
    }
    while (l->n) {
        for (size_t i = 0; i < l->n; i++)
            l->lane[i].next.count = 0;
        for (size_t s = 0; s < l->fm->n_shards; s++)
            step_shard(l, s);
        for (size_t i = l->n; i-- > 0;) {
            bool on = goes_on(&l->lane[i]);
            if (l->lane[i].next.count)
                remember(l, i);
            if (!on && !refill(l, i, q))
                move_lane(l, i, --l->n);
        }
    }
}

int probe_run(const struct fm *fm, void *clients, size_t n, size_t size, probe_next_fn *next,
              int threads, struct err *e)
{
    int team = par_split(n, CLIENT_LEAST, CLIENT_CHUNK, threads).team;
    size_t slots = fm->n_shards * RANK_BATCH, most = n / (size_t)team + 1;
    size_t batch = fm->shard[0]->layout->batch;
    struct queue q = {clients, size, n, 0, next};
    int rc = 0;

#pragma omp parallel num_threads(team) if (team > 1)
    {
        struct err mine = {0};
        struct lanes l = {.fm = fm};
        l.lo = mem_array(2 * slots, sizeof *l.lo, &mine);
        if (l.lo && memo_init(&l.memo, fm->n_shards, &mine) == 0) {
            l.hi = l.lo + slots;
            run_lanes(&l, most < batch ? most : batch, &q);
        } else {
#pragma omp critical(probe_error)
            {
                *e = mine;
                rc = mine.code;
            }
        }
        free(l.memo.slot);
        free(l.lo);
    }
    return rc;
}

void extend_begin(struct extend *x, uint64_t start, uint64_t present, uint64_t limit, uint64_t step)
{
    *x = (struct extend){start, present, limit + 1, step};
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
