/* leave.h - requests that leave a replica before they end, or come to one with what they have
 * computed elsewhere; and a replica that loses all it has. Between steps, but for replica_lose().
 * Inside this domain only.
 */
#ifndef SIM_LEAVE_H
#define SIM_LEAVE_H

#include "sim/engine.h"

/* Blocks were given back between two of its steps, or during one: who was refused may fit now, so
 * the next step does not just repeat. */
static inline void replica_ask_again(struct replica *r)
{
    r->steady.refused = false;
}
/* Those of a list that are set aside there are free again. */
void replica_give_aside(struct replica *r, struct kv_list *l);
/* KV blocks that it holds, whatever is settled. */
uint32_t held_blocks(const struct replica *r, const struct flight *f);

/* One that is past its prompt runs no more, but keeps its blocks, which are set aside. */
void replica_take_out(struct replica *r, uint32_t request);
/* One whose blocks are set aside here runs, behind those that do. */
int replica_let_in(struct replica *r, uint32_t request, struct err *e);

/* Breaks a step off, and begins with nothing; what it has done stays counted. The requests that it
 * had are appended to v[*n], which has room for them: those that run, were swapped out, wait. */
int replica_lose(struct replica *r, uint32_t *v, size_t *n, struct err *e);

#endif
