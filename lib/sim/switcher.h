/* switcher.h - requests out of the GPU and back in, with the places of their blocks, copies in the
 * host's memory, and the two ways of the link between, each of which copies one request after the
 * other. Part of sched_fastswitch.c.
 *
 * Without `async` the next step waits for all copies. With it a request that comes back joins the
 * steps when it is there, and blocks of one that goes are free at once; who gets some of them
 * before they are copied waits: a step, if it is to write them, or the copy of who comes back.
 *
 * The host's side of a copy is taken to be contiguous.
 */
#ifndef SIM_SWITCHER_H
#define SIM_SWITCHER_H

#include "sim/engine.h"
#include "sim/host_copy.h"
#include "sim/kv_alloc.h"

struct coming {
    uint32_t request;
    int64_t ready_ns;
};

struct switcher {
    const struct switch_opts *o;
    struct switch_counts count;
    struct kv_alloc *alloc;
    struct kv_held *held;  /* [n] */
    int64_t *leaving_ns;   /* [blocks]: until when each is on its way out */
    int64_t out_ns, in_ns; /* when each way of the link is free */
    int64_t wait_ns;       /* until when the step under way to be formed must wait; 0: need not */
    struct host_copies host;
    struct deque out;      /* driven out */
    struct coming *coming; /* on their way in, in their order */
    size_t n_coming, coming_cap;
};

int switcher_init(struct switcher *s, const struct replica *r, struct err *e);
void switcher_close(struct switcher *s);

/* Blocks that a request needs for its prompt, or its next token. */
static inline uint32_t blocks_due(const struct replica *r, const struct flight *f)
{
    return kv_blocks(&r->kv, is_prompt(f) ? f->need : (uint64_t)f->computed + 1);
}

/* Blocks for all that is due, which there are, to a request that runs. */
int switcher_take(struct switcher *s, struct replica *r, uint32_t request, struct err *e);
/* Out, or, where the host has no room, to be computed anew. It must not be in r->running. */
int switch_out(struct switcher *s, struct replica *r, uint32_t request, struct err *e);
/* From s->out, which it has left, or a prompt from the queue the beginning of which is in a copy:
 * to the end of s->coming. It has blocks for all that is due. */
int switch_in(struct switcher *s, struct replica *r, uint32_t request, struct err *e);
/* The first of those that come is there, and leaves the list: it is to run. */
uint32_t switch_land(struct switcher *s, struct replica *r);
/* So many tokens of a prompt that waits are in a copy, and are worth moving: not the last. */
uint32_t switch_copied(const struct switcher *s, const struct flight *f, uint32_t request);

const char *switcher_wrong(const struct switcher *s, const struct replica *r);

#endif
