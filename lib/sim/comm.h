/* comm.h - how long GPUs take to send each other what they must, where several serve a model.
 * Inside this domain only.
 */
#ifndef SIM_COMM_H
#define SIM_COMM_H

#include "sim/card.h"
#include "sim/cost.h"

struct comm_links {
    double gbs, us;           /* between GPUs of a machine: bytes a ns, latency of an operation */
    double node_gbs, node_us; /* of a GPU, between machines */
    double node_gpus;         /* of a machine; 0: all */
};

enum comm {
    COMM_ALL_REDUCE,     /* all have the sum of `bytes` */
    COMM_REDUCE_SCATTER, /* each has its part of the sum */
    COMM_ALL_GATHER,     /* all have the parts of all, `bytes` together */
    COMM_ALL_TO_ALL,     /* each has its part of what each other had; `bytes` of all together */
    COMM_SEND            /* from one GPU to one of the next stage; gpus: of both stages */
};

/* What the options say, else the card, of a model on so many GPUs. ERR_USAGE where nothing does. */
int comm_links_of(struct comm_links *l, const struct gpu_card *g, const struct cost_opts *o,
                  double gpus, struct err *e);

/* Among `gpus` whose numbers are in a row; 0 where there is just one. */
double comm_us(const struct comm_links *l, enum comm what, double gpus, double bytes);

#endif
