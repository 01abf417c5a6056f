/* sched.h - schedulers: which requests compute how many tokens in the next step. Each is one file
 * behind this table. Inside this domain only.
 */
#ifndef SIM_SCHED_H
#define SIM_SCHED_H

#include "sim/engine.h"

struct sched {
    const char *name;
    uint32_t most_requests, most_tokens; /* defaults of engine_opts; 0: none of its own */
    double watermark;
    bool prefix_cache; /* it can use one */
    bool repeats;    /* a step of one token each, with none admitted, is followed by the same until
                        one ends, one arrives at an empty queue, or blocks run out */
    bool reserves;   /* memory for the longest request is kept for each */
    bool spare_slot; /* a decode needs a free block even where its last one has room, unless it is
                        alone: vLLM's can_append_slots() */
    bool priorities; /* the queue is in their order */
    bool groups;     /* prefixes are shared by groups, not found by their hashes */
    bool swaps;      /* who is driven out may keep what it has computed (swap.h) */
    /* Fills r->batch; moves requests between r->waiting and r->running. An empty batch: nothing can
     * run now. */
    int (*form)(struct replica *r, struct err *e);
    /* A step's time from its parts and their sum, where operators overlap; NULL: the sum. */
    double (*overlap)(const struct cost_parts *parts, double all_us);
    /* Where a scheduler has a state of its own, r->state; NULL: it has none. `end` gets it half
     * made too. */
    int (*begin)(struct replica *r, struct err *e);
    void (*end)(struct replica *r);
    /* A request has joined the queue. */
    void (*arrived)(struct replica *r, uint32_t request);
    /* A request has ended, and its blocks are about to be given back: 1 if the scheduler has taken
     * them over (its flight's list is empty then), 0, or an error. */
    int (*keep)(struct replica *r, uint32_t request, struct err *e);
    /* How many blocks the scheduler holds itself, a block as often as it does; NULL: what it keeps
     * is not known. For --check. */
    uint64_t (*held)(const struct replica *r);
    /* Requests that are in lists of its own, neither waiting nor running: how many, and into v,
     * unless that is NULL, which. */
    size_t (*own)(const struct replica *r, uint32_t *v);
    /* Of one that switches contexts, and so neither hands requests to other replicas nor knows
     * programs: what that came to. NULL: it does not. */
    const struct switch_counts *(*switched)(const struct replica *r);
    /* What is wrong with a state of its own, or NULL. For --check. */
    const char *(*wrong)(const struct replica *r);
};

/* Every scheduler: sched_NAME is its table. A new one is an entry here. */
#define SCHEDS(X, SEP)    \
    X(static) SEP X(orca) \
    SEP X(vllm0)          \
    SEP X(vllm1)          \
    SEP X(sarathi)        \
    SEP X(splitfuse)      \
    SEP X(lightllm)       \
    SEP X(continuum)      \
    SEP X(nanoflow)       \
    SEP X(batchllm)       \
    SEP X(fastswitch)

#define SCHED_STRING(name) #name
#define SCHED_NAMES        SCHEDS(SCHED_STRING, "|")

#define SCHED_ENTRY(name) SCHED_AT_##name,
enum { SCHEDS(SCHED_ENTRY, ) SCHED_COUNT };
enum { SCHED_DEFAULT = SCHED_AT_vllm0, SCHED_VLLM1 = SCHED_AT_vllm1 };
#undef SCHED_ENTRY

#define SCHED_DECLARE(name) extern const struct sched sched_##name;
SCHEDS(SCHED_DECLARE, )
#undef SCHED_DECLARE

const struct sched *sched_at(size_t i); /* as SCHED_NAMES has them; NULL after the last */

/* ---- what several do ---- */

/* One token of every running request whose prompt is done, each with a slot for it; where
 * there is no free block the last of r->running is driven out, until there is, or the request
 * itself has gone. */
int sched_decode(struct replica *r, struct err *e);

/* All that run: what is left of a prompt, or a token. Their blocks are theirs already. */
int sched_all(struct replica *r, struct err *e);

/* The head of the queue with blocks for the longest request into r->running: 1, or 0 if there are
 * not so many. */
int sched_reserve(struct replica *r, struct err *e);

/* What of the budget is left; and how much of what a request is due goes into that. */
static inline uint32_t sched_left(const struct replica *r)
{
    return r->shape.tokens < r->o->most_tokens ? r->o->most_tokens - r->shape.tokens : 0;
}
static inline uint32_t sched_piece(const struct replica *r, const struct flight *f)
{
    uint32_t due = tokens_due(f), left = sched_left(r);

    return due < left ? due : left;
}

/* Can the head of the queue have all of its prompt's blocks now, and leave the watermark? */
bool sched_fits(const struct replica *r, uint32_t request);
/* Takes it out of the queue, with those blocks, into r->running and the batch. */
int sched_admit(struct replica *r, uint32_t tokens, struct err *e);

/* Would there be room at every step to come with the queue's head among those that run, each giving
 * `output` tokens; 0: as many as the trace says? 1, 0, or an error. */
int sched_has_room(struct replica *r, uint64_t output, struct err *e);

/* How long tokens [from, to) of a prompt alone take, a budget at a time. */
int sched_prefill_us(const struct replica *r, uint32_t from, uint32_t to, double *us,
                     struct err *e);

/* The halves of vLLM v1's step (sched_vllm1.c): running requests go on, within *budget; *preempted:
 * some had to restart. The queue's head is admitted: 1, or 0 if there is no room. */
int vllm1_continue(struct replica *r, uint32_t *budget, bool *preempted, struct err *e);
int vllm1_admit(struct replica *r, uint32_t *budget, struct err *e);

#endif
