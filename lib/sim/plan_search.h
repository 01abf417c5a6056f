/* plan_search.h - which plan serves a trace best: each that fits is replayed, and they are ranked;
 * or how many copies of each it takes to meet an objective.
 *
 * Energy is estimated from the cards: every GPU draws idle_w all the time, and what busy_w is more
 * while its stage has a batch. It costs its hour's price from the first arrival to the last token.
 *
 * Errors   each try keeps its own; the first in their order is the search's.
 * Cost     a replay a try; of a size a dozen. Tries are independent: `threads` at once, and what
 *          comes of them does not depend on how many.
 */
#ifndef SIM_PLAN_SEARCH_H
#define SIM_PLAN_SEARCH_H

#include "sim/plan.h"
#include "sim/setup.h"

enum { PLAN_CLUSTER_NAME = 1024 };

/* Machines of GPUs of one kind. It stays where it is. */
struct plan_cluster {
    char name[PLAN_CLUSTER_NAME];
    const char *card; /* in name: of gpu, a name or a file */
    struct gpu_card gpu;
    uint32_t gpus, node_gpus;
};

enum plan_fit { PLAN_FITS, PLAN_PARAMETERS, PLAN_KV, PLAN_TABLE, PLAN_OBJECTIVE, PLAN_FITS_N };
/* "fits", or why not: its GPUs have no room for their parameters; beside them none for the KV
 * blocks of the longest request; no cost table is of it; of a size, it does not meet the
 * objective even where requests come one by one. */
extern const char *const plan_fit_names[PLAN_FITS_N];

/* A plan, and what came of it. */
struct plan_try {
    const struct plan_cluster *cluster;
    struct plan plan;
    int sched;
    const char *table; /* the cost model; NULL: there is none for it */
    enum plan_fit fit;
    uint32_t kv_blocks; /* of each engine */
    struct summary summary;
    double busy_share; /* of the GPUs' time */
    double step_ns;    /* mean, of a batch in a stage */
    double energy_j, price;
    double hour_price; /* of all its GPUs */
    bool met;          /* of a size: the objective is */
    struct err err;
};

struct plan_task {
    const struct setup *setup; /* but for what a try says */
    struct fleet_opts fleet;   /* how requests are dispatched */
    const struct trace_set *trace;
    struct slo slo; /* its ema is the search's own */
    /* Of a size: */
    double good_share; /* of the requests that meet slo; 0: plans are tried as they are */
    uint32_t most;     /* replicas */
    int threads;
    progress_fn *progress;
    void *progress_ctx;
};

/* Replays all tries; with a good_share each with the fewest replicas that meet the objective, or
 * with `most`. */
int plan_search(struct plan_try *v, size_t n, const struct plan_task *task, struct err *e);

#define PLAN_GOAL_NAMES "time|latency|cost|energy|slo"
enum plan_goal { PLAN_TIME, PLAN_LATENCY, PLAN_COST, PLAN_ENERGY, PLAN_SLO, PLAN_HOUR };

/* What the goal wants small: time, s; mean time to the last token, s; money; J; share of requests
 * that are not good; money an hour. */
double plan_value(const struct plan_try *p, enum plan_goal goal);
/* order[i]: which comes i-th. With PLAN_HOUR those that meet the objective first; then the rest,
 * then what did not fit. Equal values by time, then as they are. *ranked: how many fit. */
int plan_rank(uint32_t *order, size_t *ranked, const struct plan_try *v, size_t n,
              enum plan_goal goal, struct err *e);

#endif
