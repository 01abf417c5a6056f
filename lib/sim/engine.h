/* engine.h - a replica: requests that wait and run, a KV cache, and a step after the other, each as
 * long as the cost model says of its batch. Inside this domain only.
 *
 * A scheduler (sched.h) forms the batch of a step; the engine computes how long it takes and what
 * it brings. A request needs `need` tokens computed before it gives a token (its prompt; after a
 * restart all that it had); each step after that computes one token, the last that it gave, and
 * gives the next. The first token counts as output: a request of output 1 ends with its prompt.
 *
 * Clock: whole nanoseconds; a step's time is rounded to one.
 */
#ifndef SIM_ENGINE_H
#define SIM_ENGINE_H

#include "sim/cost.h"
#include "sim/gaps.h"
#include "sim/kv.h"
#include "sim/load.h"
#include "sim/switch.h"

#define FLIGHT_NEVER INT64_MIN

/* A request on its way. */
struct flight {
    int64_t came_ns;                     /* to the dispatcher */
    int64_t start_ns, first_ns, last_ns; /* first in a batch; first token; last token so far */
    uint32_t need, computed, given;      /* tokens; given: of the output */
    uint32_t preemptions;
    uint32_t hit_tokens; /* of the prompt, found when it was first admitted */
    uint32_t named;      /* blocks that the cache can find */
    uint32_t left;       /* of those that it gave back when it had to restart (prefix.h) */
    uint8_t status;
    uint32_t replica; /* where it is, or was last */
    uint64_t left_at; /* the place in the queue of the first of them */
    struct kv_list kv;
};

enum flight_status {
    FLIGHT_AHEAD,
    FLIGHT_WAITING,
    FLIGHT_RUNNING,
    FLIGHT_SWAPPED,
    FLIGHT_ENDED,
    FLIGHT_REJECTED, /* it can never run */
    FLIGHT_REFUSED,  /* a dispatcher did not want it */
    FLIGHT_MOVING,   /* from one replica to another, and in no batch (migrate.h) */
    FLIGHT_PAUSED,   /* background.h */
    FLIGHT_STOPPED   /* before it had given all of its output, or any (programs.h) */
};

/* Has it ended, with all of its output or some? */
static inline bool flight_gave(const struct flight *f)
{
    return f->status == FLIGHT_ENDED || (f->status == FLIGHT_STOPPED && f->given > 0);
}

/* Of a request that goes on with the KV of others, or they with its (kin.h). */
struct kin {
    uint32_t heirs;          /* to come */
    uint32_t common, reuse;  /* of its trace_program, as things went */
    uint32_t blocks, tokens; /* that it took over */
    uint32_t holes;          /* places of those blocks for none of them */
    uint32_t solid;          /* tokens behind which there is no hole */
    uint32_t next_kept;      /* 1 + the next in replica.kept; 0: there is none */
    bool listed;             /* it is in that */
    bool tail;               /* the last block is not full, and it has not written to it yet */
};

/* A queue with two ends. */
struct deque {
    uint32_t *v;
    size_t cap, first, n; /* cap: a power of two */
};

static inline uint32_t deque_front(const struct deque *d)
{
    return d->v[d->first];
}
/* Where the i-th from the front stands. */
static inline uint32_t *deque_place(const struct deque *d, size_t i)
{
    return &d->v[(d->first + i) & (d->cap - 1)];
}
static inline uint32_t deque_at(const struct deque *d, size_t i)
{
    return *deque_place(d, i);
}
static inline uint32_t deque_pop_front(struct deque *d)
{
    uint32_t x = d->v[d->first];

    d->first = (d->first + 1) & (d->cap - 1);
    d->n--;
    return x;
}

static inline uint32_t deque_pop_back(struct deque *d)
{
    d->n--;
    return deque_at(d, d->n);
}

int deque_push_front(struct deque *d, uint32_t x, struct err *e);
int deque_push_back(struct deque *d, uint32_t x, struct err *e);
/* The i-th to the front; the others keep their order. */
void deque_raise(struct deque *d, size_t i);
/* False: it is not there. */
bool deque_take_out(struct deque *d, uint32_t x);
/* The i-th is no more in it. */
void deque_drop(struct deque *d, size_t i);

struct groups;

struct engine_opts {
    uint32_t kv_blocks, block_tokens;
    uint32_t most_requests; /* of a batch */
    uint32_t most_tokens;   /* of a batch: the budget */
    uint32_t max_length;    /* of prompt and output; 0: no bound */
    double watermark;       /* share of the blocks that admitting leaves */
    double step_overhead_us;
    double slower; /* times as long a step takes; 0: as the cost model says */
    bool prefix_cache;
    const struct groups *groups;    /* of batchllm; NULL: those that the trace's hashes make */
    uint32_t tier_blocks[KV_TIERS]; /* memory beside the GPU, for its prefix cache */
    double tier_block_us[KV_TIERS]; /* to load one */
    uint32_t swap_blocks;           /* memory beside it, for who is driven out; 0: all restart */
    double swap_block_us;           /* to move one, either way */
    struct switch_opts switching;   /* of a scheduler that does */
    bool vidur;                     /* Vidur's quirks */
    uint32_t background;            /* requests of a step up to which such join (background.h) */
    bool no_repeats;                /* ask the scheduler for every step */
};

/* Steps that repeat the last one (steady.c). */
struct steady {
    uint32_t left; /* steps that may come */
    uint32_t done; /* that have begun, and are not settled */
    bool refused;  /* the scheduler's last batch left requests in the queue */
    uint32_t *due; /* [block_tokens]: running requests by tokens in their last block, at first */
};

struct batch_entry {
    uint32_t request, tokens;
};

struct sched;
struct sched_course;

/* What a replica has done. */
struct engine_totals {
    uint64_t steps, preemptions, tokens, hit_tokens, asked_tokens;
    uint64_t swaps;                 /* of the preemptions */
    uint64_t tier_tokens[KV_TIERS]; /* of hit_tokens */
    double busy_us, kv_block_us;    /* kv_block_us: blocks held, times how long */
    double kv_us;                   /* blocks that there are, times how long it was busy */
    double moved_us;                /* of busy_us, for KV blocks to move */
    uint64_t reused_tokens;         /* of prompts, whose KV was taken over */
    uint64_t kv_peak;               /* blocks held, at most */
};

/* What it does of a request (handoff.h). */
enum replica_role { ROLE_BOTH, ROLE_PREFILL, ROLE_DECODE };

struct replica {
    uint32_t number;
    enum replica_role role;
    bool closed; /* no more requests are sent to it */
    const struct engine_opts *o;
    const struct sched *sched;
    const struct cost *cost;
    const struct trace_set *trace;
    struct flight *flight;   /* [trace->n], of all replicas */
    struct kin *kin;         /* the same; NULL: none goes on with others' KV */
    uint32_t kept;           /* 1 + the first of a list: of those that keep blocks, and others */
    const int64_t *start_by; /* [trace->n]: the queue is in the order of these; NULL: it is not */
    struct deque waiting;
    struct deque swapped;    /* driven out, but not to restart (swap.h) */
    struct deque background; /* waits, but for room that others leave (background.h) */
    struct deque paused;     /* of those, between two steps */
    uint32_t *offered;       /* [n_offered] of them to the scheduler, for this step */
    size_t n_offered, offered_cap;
    uint32_t n_background; /* of those that run, in the step formed last */
    uint32_t swap_free;
    uint32_t *running; /* [n_running], in the scheduler's order */
    size_t n_running, running_cap;
    struct kv kv;
    bool finds;      /* blocks by their hashes: the prefix cache is on */
    bool own_prefix; /* it is, but the trace has no hashes (prefix.h) */
    bool tiers;      /* there is memory beside the GPU */
    uint64_t *hashes;
    size_t hashes_cap;
    struct sched_course *course; /* of those that run, and one more (sched_has_room()) */
    size_t course_cap;
    void *state; /* the scheduler's own */
    /* The step: */
    struct batch_entry *batch;
    size_t n_batch, batch_cap;
    struct cost_piece *pieces;
    size_t pieces_cap;
    struct cost_shape shape;
    double transfer_us;       /* that the next waits for KV blocks to move */
    int64_t transfer_ns;      /* that the one under way does */
    int64_t now;              /* the moment */
    int64_t began_ns, end_ns; /* of the step under way */
    bool busy;
    bool queued; /* requests waited when it began */
    struct steady steady;
    uint32_t longest;      /* tokens of the longest request that is not too long */
    uint32_t since_prompt; /* steps, of a scheduler that counts them */
    /* What waits: */
    uint64_t due_tokens;    /* of prompts, to be computed yet, those of running requests too */
    uint64_t queued_blocks; /* that the prompts of waiting requests want */
    uint32_t aside;         /* blocks that are held for requests that come or leave (leave.h) */
    /* Of all replicas: */
    struct gaps *gaps;       /* between tokens */
    struct gaps *step_times; /* marked: while requests waited that could not join them */
    struct engine_totals total;
};

int replica_init(struct replica *r, const struct engine_opts *o, struct err *e);
void replica_free(struct replica *r);
/* Adds what it has done to `sum`. */
void engine_totals_add(struct engine_totals *sum, const struct engine_totals *of);

static inline double replica_slower(const struct replica *r)
{
    return r->o->slower > 0 ? r->o->slower : 1;
}
/* Is there room for such a request, were it alone? */
bool replica_can_run(const struct replica *r, uint32_t request);
/* Of requests that are there. */
size_t replica_requests(const struct replica *r);
/* A request comes, to be computed from its beginning; what another replica made it give stays
 * given. One that can never run is rejected. */
int replica_arrive(struct replica *r, uint32_t request, struct err *e);
/* Forms a batch at r->now and begins its step: 1, or 0 if there is nothing to do. */
int replica_step(struct replica *r, struct err *e);
typedef void replica_ended(void *ctx, uint32_t request);
/* The step's end, at r->end_ns. ended: called for each request that ends; NULL: nobody. */
int replica_finish(struct replica *r, replica_ended *ended, void *ctx, struct err *e);

/* A request that has come, and has not ended, leaves with what it has given; it is in no step that
 * is under way. */
void replica_stop(struct replica *r, uint32_t request);

/* ---- for schedulers ---- */

static inline struct flight *flight_of(const struct replica *r, uint32_t request)
{
    return &r->flight[request];
}

static inline bool is_prompt(const struct flight *f)
{
    return f->computed < f->need;
}

/* Tokens of its prompt that it still has to compute; of all, before it gives the next. */
static inline uint32_t prompt_due(const struct flight *f)
{
    return is_prompt(f) ? f->need - f->computed : 0;
}
static inline uint32_t tokens_due(const struct flight *f)
{
    return is_prompt(f) ? prompt_due(f) : 1;
}

/* Of the next token, or of the whole prompt, counted from the beginning. */
static inline uint32_t blocks_more(const struct replica *r, const struct flight *f, uint64_t tokens)
{
    const struct kin *k = r->kin ? &r->kin[f - r->flight] : NULL;
    uint32_t blocks = kv_blocks(&r->kv, tokens + (k ? k->holes : 0));
    uint32_t copy = k && k->tail && kv_is_shared(&r->kv, f->kv.id[f->kv.n - 1]);

    return (blocks > f->kv.n ? blocks - f->kv.n : 0) + copy;
}

int batch_add(struct replica *r, uint32_t request, uint32_t tokens, struct err *e);
int running_add(struct replica *r, uint32_t request, struct err *e);
/* Out of r->running, if it is there; the others keep their order. */
void running_drop(struct replica *r, uint32_t request);
/* Gives its blocks back and puts it at the queue's front, to be computed anew. It must not be in
 * r->running any more. */
int restart(struct replica *r, uint32_t request, struct err *e);

/* ---- steady.c ---- */

int steady_init(struct replica *r, struct err *e);
/* After a step in which every running request got a token, and that admitted none: looks how often
 * it may repeat. */
void steady_begin(struct replica *r);
/* Is the next step such? Then r->shape is its. */
bool steady_next(struct replica *r);
/* Does to each request what the steps did, r->end_ns being the last one's end. */
void steady_settle(struct replica *r);

#endif
