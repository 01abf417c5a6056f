/* blocks_int.h - the parts of a run of blocks.h, which its files share. */
#ifndef SIM_BLOCKS_INT_H
#define SIM_BLOCKS_INT_H

#include "sim/blocks.h"
#include "sim/events.h"
#include "sim/ready.h"

#define BLOCKS_NONE    UINT32_MAX
#define BLOCKS_NS_MOST (INT64_C(1) << 42) /* of a batch, or a hop: 73 minutes */

/* Requests one after the other, by walk.next. */
struct line {
    uint32_t first, last, n;
};

struct list {
    uint32_t *v;
    size_t n, cap;
};

/* A block in a device's memory. */
struct instance {
    uint32_t block, device;
    uint32_t place; /* in the device's list */
    bool live;
    bool ready; /* its parameters are there */
    int64_t ready_ns, used_ns;
    uint32_t plans;           /* that have it */
    uint32_t visits;          /* requests on their way to it, or in it */
    uint32_t coming;          /* requests on their way to it */
    struct line line[2];      /* that wait: tokens that come back; prompts */
    uint64_t tokens, context; /* of those that wait */
    int64_t work_ns;          /* of them, as one batch */
};

struct device {
    uint32_t server;
    uint64_t parameters, kv; /* bytes */
    int64_t load_ns;         /* when the last load is done */
    int64_t end_ns;          /* of the batch */
    int64_t queued_ns;       /* work_ns of all its instances */
    int64_t wave_ns;         /* a batch of each instance that is in plans, of a token a plan */
    bool busy;
    uint32_t running; /* the instance */
    struct list inst; /* by rank, then block */
    uint64_t *marked; /* a bit each: requests wait for it, or are on their way */
    size_t marked_cap;
    uint32_t homes; /* plans that begin here */
    uint32_t *batch;
    size_t n_batch, batch_cap;
};

/* A request on its way along the chain. */
struct walk {
    uint32_t app, pos;
    uint32_t tokens; /* of this pass: the prompt, or one */
    uint32_t *plan;  /* [chain] instances, from admission to the end */
    uint32_t home;
    uint32_t inst;       /* where it is, or is going; BLOCKS_NONE before the first hop */
    uint32_t next;       /* in a line */
    int64_t joined_ns;   /* since when */
    int64_t verified_ns; /* no token before that */
    int64_t more_ns;     /* that its next batch takes for it alone: KV computed again */
    bool redo;           /* the block before was guessed wrong: this one runs twice */
};

struct blocks_state {
    const struct block_set *s;
    const struct blocks_opts *o;
    const struct trace_set *t;
    struct blocks_run *out;
    struct ready ready;
    struct events events;
    struct instance *inst;
    size_t n_inst, inst_cap;
    struct list *alike;  /* [blocks]: instances of the blocks that are equivalent to the first */
    uint32_t *on_device; /* [devices * blocks]: the instance, or BLOCKS_NONE */
    struct device *device;
    uint32_t devices;
    struct walk *walk;          /* [requests] */
    struct line *waiting;       /* [apps], to be admitted */
    bool *tried;                /* [apps]: the first of them cannot be, until something ends */
    struct block_app *distinct; /* [apps]: the blocks of each, once */
    bool *wanted;               /* [blocks]: of the application that is looked at */
    uint64_t parameters, kv;    /* in all devices */
    uint64_t limit;             /* of parameters in a device */
    uint64_t *need;             /* [devices]: of a plan */
    uint32_t *plan[2];          /* [longest chain]: one that is made, and the best so far */
    uint32_t next;              /* of the trace, to arrive */
    uint32_t active;            /* requests that were admitted, and have not ended */
    int64_t now;
    struct err *e;
};

/* At one moment in this order: a request arrives; a batch ends; a block is loaded; a request is
 * where it was sent; leaves a block early; its last token is sure. */
enum blocks_event { EVENT_ARRIVE, EVENT_BATCH, EVENT_LOADED, EVENT_COME, EVENT_LEAVE, EVENT_TOKEN };

static inline int blocks_at(struct blocks_state *b, int64_t t_ns, enum blocks_event what,
                            uint32_t of)
{
    if (t_ns > 3 * (TRACE_NS_MOST / 2))
        return err_set(b->e, ERR_USAGE, "it takes more than 146 years");
    return events_push(
        &b->events, (struct event){.t_ns = t_ns, .order = (uint64_t)what << 32 | of, .what = what},
        b->e);
}

static inline struct flight *blocks_flight(const struct blocks_state *b, uint32_t request)
{
    return &b->out->times.flight[request];
}

static inline const struct block *block_of(const struct blocks_state *b, const struct instance *i)
{
    return &b->s->block[i->block];
}

static inline uint64_t kv_free(const struct blocks_state *b, uint32_t device)
{
    return b->o->memory - b->device[device].parameters - b->device[device].kv;
}

/* Of all that it will have, in one block. */
static inline uint64_t kv_need(const struct blocks_state *b, uint32_t request,
                               const struct block *block)
{
    uint64_t tokens = (uint64_t)b->t->prompt[request] + b->t->output[request], bytes;

    return __builtin_mul_overflow(tokens, block->kv_bytes, &bytes) ? UINT64_MAX : bytes;
}

/* ---- blocks_route.c ---- */

/* The device's mark of an instance, as it should be. */
void blocks_mark(struct blocks_state *b, const struct instance *i);
/* The first that is marked from place `from` on; inst.n: there is none. */
size_t blocks_marked(const struct device *d, size_t from);
/* How long a block takes for so many tokens, of which returning ones read so much context. */
int64_t block_ns(const struct block *k, uint64_t tokens, uint64_t context);
/* The same of its surrogate. */
int64_t block_guess_ns(const struct block *k, uint64_t tokens);
/* A hop; from BLOCKS_NONE: the first. */
int64_t blocks_travel(const struct blocks_state *b, uint32_t from, uint32_t to, uint64_t tokens);
/* Until such an instance is ready, and its device has done what goes before a block of this rank.
 */
int64_t blocks_wait(const struct blocks_state *b, const struct instance *i, uint32_t rank);
/* Sends the request to the block where it stands. */
int blocks_go(struct blocks_state *b, uint32_t request);
/* An instance has one request more that waits. */
void blocks_join(struct blocks_state *b, uint32_t inst, uint32_t request);
/* work_ns and queued_ns, after those that wait have changed. */
void blocks_recount(struct blocks_state *b, struct instance *i);
void line_add(struct blocks_state *b, struct line *l, uint32_t request);
uint32_t line_take(struct blocks_state *b, struct line *l);

/* Tokens that it computes in the block where it is: twice what it brings, if they were guessed. */
static inline uint64_t pass_tokens(const struct walk *w)
{
    return (uint64_t)w->tokens << w->redo;
}

/* ---- blocks_place.c ---- */

/* Before the first request: parameters into devices. */
int blocks_place(struct blocks_state *b);
/* Loads the application's chain on a device, where idle blocks may have to go: 1, or 0 if there is
 * no such device. spare: only copies that nobody has needed for long go. */
int blocks_provide(struct blocks_state *b, uint32_t app, bool spare);
/* Does every block of it have an instance? */
bool blocks_provided(const struct blocks_state *b, uint32_t app);

/* ---- blocks_admit.c ---- */

/* The application whose first that waits came first; untried: of those that may be let in now.
 * BLOCKS_NONE: nobody waits. */
uint32_t blocks_first_app(const struct blocks_state *b, bool untried);
/* Lets in who waits and can be. */
int blocks_admit(struct blocks_state *b);
/* A request has ended: what it kept is free. */
void blocks_release(struct blocks_state *b, uint32_t request);
/* A plan's owner becomes another one. */
void blocks_replan(struct blocks_state *b, uint32_t request, uint32_t inst);

#endif
