/* overlap.h - how long a step takes where operators bound by different resources run side by side,
 * on shares of the device, in nano-batches: NanoFlow's pipeline (OSDI'25, arXiv 2408.12757).
 *
 * Structure  fixed, that of its plan for 70B models: a layer is a product, decode attention
 *            (memory), a product, an all-reduce (network), products, an all-reduce, twice, for 768
 *            of 2,048 tokens and for the rest. An operator begins when the one before it in its
 *            nano-batch has ended and no other is at its resource: the one farther back goes first.
 *            A step is as long as a layer in the midst of many.
 * Splitting  products lose 13.2 % of their throughput: what the paper measured of a whole step.
 * Shares     an operator bound by memory or network has the share R of the device, and runs at
 *            P(R); products run at what is left. Published of decode attention are P(.2) = .3 and
 *            P(.4) = .8. The curve is our own fit: lines through these and (1, 1), the lowest curve
 *            that is concave wherever it is above 0, which begins at R = .08; the network has the
 *            same, for want of points. At best R / P is a half: what is hidden costs products half
 *            its time. The two R, of a grid of tenths, are those of the shortest step.
 *
 * Cost       some 50 us.
 */
#ifndef SIM_OVERLAP_H
#define SIM_OVERLAP_H

#include "sim/cost.h"

struct overlap {
    double split_us;      /* nano-batches one after the other */
    double overlapped_us; /* side by side, at the best shares; no longer than that */
};

/* all_us: the sum of the parts, and what is in none of them, which is taken as products. */
void overlap_plan(struct overlap *o, const struct cost_parts *parts, double all_us);

#endif
