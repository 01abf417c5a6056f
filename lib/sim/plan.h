/* plan.h - how GPUs may serve a model together: in replicas of the whole, each a pipeline of
 * stages, in each of which attention and feed-forward are shared by heads, columns and experts, or
 * stand there in several copies.
 *
 * The space is APEX's (arXiv 2411.17651): replicas divide the GPUs, stages those of a replica and
 * the layers, copies of a cell the GPUs of a stage; numbers of copies have no common divisor, which
 * were replicas of the stage, and one is a multiple of the other, so that it is known who sends to
 * whom. Every part lies within a machine, or is of whole machines. A GPU has a head, a column or an
 * expert at least of each cell that it shares.
 */
#ifndef SIM_PLAN_H
#define SIM_PLAN_H

#include "sim/card.h"
#include "sim/cost.h"

struct plan {
    uint32_t replicas; /* of the model */
    struct cost_split split;
};

/* All for so many GPUs, node_gpus of them in each machine: *v is to be freed. ERR_USAGE if the
 * machines are not equally large, or the model's cells are not whole. Replicas come in increasing
 * order, then stages, copies of the attention, of the feed-forward; by experts after by columns. */
int plan_list(struct plan **v, size_t *n, const struct model_card *m, uint32_t gpus,
              uint32_t node_gpus, struct err *e);

enum { PLAN_GPUS_MOST = 1 << 14, PLAN_NAME = 96 };

/* "dp2.pp2.tp2", or "dp1.pp1.attn2x4.ffn1x8", copies and GPUs of each; "ep" for "ffn" is by
 * experts. Returns text, of PLAN_NAME bytes. */
const char *plan_name(const struct plan *p, char *text);

static inline uint32_t plan_gpus(const struct plan *p)
{
    return p->replicas * p->split.stages * p->split.gpus;
}
/* Requests run apart in so many engines: a pipeline has as many batches under way as stages, and
 * each copy of the attention has its own. */
static inline uint32_t plan_engines(const struct plan *p)
{
    return p->replicas * p->split.stages * p->split.attn_copies;
}

/* What is done without a search: all GPUs of a machine share the layers, and machines are stages.
 */
bool plan_is_usual(const struct plan *p, uint32_t gpus);

#endif
