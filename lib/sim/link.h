/* link.h - KV blocks from one replica to another, and what it would be to have them there. Inside
 * this domain only. */
#ifndef SIM_LINK_H
#define SIM_LINK_H

#include "sim/fleet.h"

/* How long a block takes, which is of the same size in every replica. ERR_USAGE: it is not, or it
 * is not known, or a scheduler keeps memory for the longest request. */
int link_block_us(const struct fleet *c, double gbs, double *us, struct err *e);

/* How long a step of all that run there would be, and of `coming` others, and of one more of such a
 * context; theirs are taken to be as long as the blocks that are held say. */
int link_step_us(const struct replica *r, uint32_t coming, uint32_t context, double *us,
                 struct err *e);

/* All is copied to *l, which is set aside at `to`: the request is there from now on, and what it
 * had is given back. */
void link_hand_over(struct fleet *c, uint32_t request, uint32_t to, struct kv_list *l);

/* So many free blocks, beyond the watermark. */
static inline bool link_has_room(const struct replica *r, uint32_t blocks)
{
    return r->kv.free >= blocks + (uint32_t)(r->o->watermark * r->kv.total);
}

#endif
