/* prefix.h - what of a request's text the KV cache has when it is admitted: whole blocks from its
 * beginning, of all but the last token, which is computed in any case. First those in the GPU's
 * memory; then, where there is memory beside it (tier.h), blocks that are loaded from there, if
 * that is shorter than to compute them: of the points up to which to load, before each change of
 * tier and at the end, the one with the least time for loading and computing together.
 *
 * Loading takes its time before the step in which the request is admitted, as with LMCache and
 * vLLM; writing to the tiers goes on beside steps and takes none. What was loaded stays in its tier
 * too, as used last, the beginning of the text after its end.
 *
 * A block that the trace has no hash for is like no other: only its own request finds it, after a
 * restart. Where no block has one, places in the queue of free blocks tell what is left of it
 * (kv_queue.h). Inside this domain only.
 */
#ifndef SIM_PREFIX_H
#define SIM_PREFIX_H

#include "sim/engine.h"

struct prefix {
    const uint64_t *hashes; /* until the next call */
    uint32_t most;          /* blocks that could be there */
    uint32_t shared;        /* that the GPU has */
    uint32_t idle;          /* of them nobody holds */
    uint32_t loaded[KV_TIERS];
    double load_us;
};

/* All but what is loaded. */
int prefix_find(struct replica *r, uint32_t request, struct prefix *p, struct err *e);
/* How many blocks after the shared ones are loaded. */
int prefix_choose(struct replica *r, uint32_t request, struct prefix *p, struct err *e);
/* The request, which has no block, holds what is shared; all of it counts as computed, though
 * blocks of what is loaded must be taken yet. */
int prefix_hold(struct replica *r, uint32_t request, const struct prefix *p, struct err *e);
/* What is computed of a request counts as found, if it has not been in a step yet. */
void prefix_count(struct replica *r, struct flight *f);
/* Blocks that are full once `tokens` are computed can be found from now on, in this step even. */
int prefix_name_more(struct replica *r, uint32_t request, uint32_t tokens, struct err *e);
static inline int prefix_name(struct replica *r, uint32_t request, uint32_t tokens, struct err *e)
{
    uint64_t next = ((uint64_t)flight_of(r, request)->named + 1) * r->kv.tokens;

    return tokens < next ? 0 : prefix_name_more(r, request, tokens, e);
}
/* The first so many blocks of its prompt are in the cache from now on, as far as free ones are
 * enough: nobody holds them. */
int prefix_put(struct replica *r, uint32_t request, uint32_t blocks, struct err *e);
/* Its blocks have been given back: what can be found of them. */
void prefix_leave(struct replica *r, uint32_t request);

#endif
