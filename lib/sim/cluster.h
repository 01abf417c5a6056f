/* cluster.h - a fleet of several kinds of replicas, as a JSON file says it: a list, each with how
 * many there are of it and what differs from the options of the command,
 *
 *   [{"count": 2, "cost": "a100.csv"}, {"count": 6, "gpu": "A10", "kv_blocks": 850}]
 *
 * Members are named as options are, with _ for -: cost, sched, model, gpu, tp, budget,
 * max_num_seqs, max_model_len, block_size, kv_blocks, gpu_memory_utilization, reserve_gib,
 * step_overhead_us, link_gbs, link_us; and
 * slower, how many times as long as by the cost model a step takes. Replicas are numbered in the
 * order of the list.
 *
 * Errors   ERR_INPUT names file, kind and member.
 */
#ifndef SIM_CLUSTER_H
#define SIM_CLUSTER_H

#include "sim/setup.h"

struct json;

struct cluster { /* {0} is none */
    struct json *root;
    struct setup *setup;            /* [kinds] */
    struct replica_kind *kind;      /* [kinds] */
    size_t kinds, opened;           /* opened: of the setups */
    const struct replica_kind **of; /* [n], of each replica */
    uint32_t n;
};

/* `usual` is what a kind is where it does not say; it need not be open. */
int cluster_open(struct cluster *c, const char *path, const struct setup *usual, struct err *e);
void cluster_close(struct cluster *c);

#endif
