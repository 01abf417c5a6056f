/* kin.h - requests that go on with the KV of others: of one (the next turn, a fork) or several (a
 * join), of all their tokens or the first ones (what follows a part that was dropped is computed
 * again). Inside this domain only.
 *
 * A request that ends keeps its blocks until all its heirs have come; an heir holds them from when
 * it comes, as references: nothing is copied but a last block that is not full and that others
 * still hold, when the heir first writes to it (copy on write; the copy itself takes no time). So P
 * forks of a prompt hold it once. A join lists the blocks of the first, then of each other those
 * that are not the same: the copied beginning of a path's first block, and the open end of its
 * last, are holes in what the join holds.
 *
 *     prompt    [p p p p][p p . .]
 *     path 1    [p p p p][p p 1 1][1 . . .]       the first block is the prompt's own
 *     path 2    [p p p p][p p 2 2]                its last is a copy
 *     join      [p p p p][p p 1 1][1 . . .][- - 2 2][j j . .]    five holes
 *
 * An heir goes into the queue before those that hold nothing. A request that restarts keeps, of
 * what it took over, what others hold too. What is kept by those that wait or for those that are to
 * come is kept as long as nobody wants it: before a step in which those that run (a block each) and
 * the next in the queue lack blocks it is given up, that of the last request of the trace first, if
 * some of it is nobody else's; and all of it, one after the other, where nothing could run. Those
 * who kept it compute it themselves.
 *
 * Where a text is cut (trace_program.reuse) inside what somebody joined, nothing of that one is
 * taken over: only behind its joins its blocks are known to be full.
 *
 * Cost     a reference a block; an id of 4 bytes a block that is held.
 */
#ifndef SIM_KIN_H
#define SIM_KIN_H

#include "sim/engine.h"

/* The request comes to the queue, and holds what it takes over. */
int kin_arrive(struct replica *r, uint32_t request, struct err *e);
/* `more` blocks, as blocks_more() has them, to what it holds, before it computes. */
int kin_take(struct replica *r, struct flight *f, uint32_t more, struct err *e);
/* It still holds, of what it took over, the first blocks that others hold too; all others are given
 * back. How many tokens it has in them. */
uint32_t kin_restart(struct replica *r, uint32_t request);
/* It has ended: does it keep its blocks for heirs? */
bool kin_keeps(struct replica *r, uint32_t request);
/* They have come. */
void kin_release(struct replica *r, uint32_t request);
/* Before a step: where those that run and the next in the queue lack blocks, others give up such as
 * nobody else holds. */
void kin_make_way(struct replica *r);
/* Nothing can run: something of what is kept for those that wait is given up. False: nothing is. */
bool kin_give_up(struct replica *r);

#endif
