/* route_setup.h - what commands are asked of the dispatcher, of programs, and of pools of replicas:
 * ROUTE_OPTIONS in the tool's table (cli.h), beside those of setup.h.
 */
#ifndef SIM_ROUTE_SETUP_H
#define SIM_ROUTE_SETUP_H

#include "sim/fleet.h"
#include "sim/handoff.h"
#include "sim/metrics.h"
#include "sim/route.h"

enum route_queue { QUEUE_SCHEDULER, QUEUE_URGENCY };
#define ROUTE_QUEUE_NAMES "scheduler|urgency"

struct route_setup {
    int dispatch, queue;
    const char *alpha, *pools;
    uint64_t seed;
    double window_s, program_s, program_scale, overlap_weight, temperature, fetch_ratio, fetch_gbs;
    bool refuse_late;
    struct handoff_opts handoff;
    uint8_t *role; /* made of pools */
};

#define ROUTE_SETUP_INIT                                                           \
    {                                                                              \
        .alpha = "0.4", .window_s = 1500, .overlap_weight = 1, .fetch_ratio = 1.2, \
        .fetch_gbs = 25, .handoff = HANDOFF_INIT                                   \
    }

#define ROUTE_OPTIONS(r)                                                                     \
    CLI_CHOICE(0, "dispatch", &(r)->dispatch, ROUTE_NAMES,                                   \
               "how requests are dealt to them (default round-robin)"),                      \
        CLI_U64(0, "seed", &(r)->seed, "N", "of what is drawn (default 0)"),                 \
        CLI_DOUBLE(0, "overlap-weight", &(r)->overlap_weight, "X",                           \
                   "prefix: a block to compute costs so many that are held (default 1)"),    \
        CLI_DOUBLE(0, "temperature", &(r)->temperature, "X",                                 \
                   "prefix: of the draw by cost (default 0: the least)"),                    \
        CLI_DOUBLE(0, "fetch-ratio", &(r)->fetch_ratio, "X",                                 \
                   "conductor: fetch a prefix that is so many times as long (default 1.2)"), \
        CLI_DOUBLE(0, "fetch-gbs", &(r)->fetch_gbs, "X", "conductor: at GB/s (default 25)"), \
        CLI_FLAG(0, "refuse-late", &(r)->refuse_late,                                        \
                 "conductor: refuse what would miss --slo's ttft or tbt"),                   \
        CLI_STR(0, "alpha", &(r)->alpha, "X",                                                \
                "workload: how much a machine's speed weighs, or auto (default 0.4)"),       \
        CLI_DOUBLE(0, "alpha-window", &(r)->window_s, "S",                                   \
                   "workload: seconds between tunings of alpha (default 1500)"),             \
        CLI_CHOICE(0, "queue", &(r)->queue, ROUTE_QUEUE_NAMES,                               \
                   "the order of queues: the scheduler's (default), or by budgets"),         \
        CLI_DOUBLE(0, "program-slo", &(r)->program_s, "S",                                   \
                   "the objective of a session (default: as long as it would take alone)"),  \
        CLI_DOUBLE(0, "program-slo-scale", &(r)->program_scale, "X", "so many times that"),  \
        CLI_STR(0, "pools", &(r)->pools, "P:D",                                              \
                "of --replicas P compute prompts, and D others decode"),                     \
        CLI_DOUBLE(0, "handoff-gbs", &(r)->handoff.link_gbs, "X",                            \
                   "GB/s from the ones to the others (default 25)"),                         \
        CLI_DOUBLE(0, "handoff-us", &(r)->handoff.link_us, "X",                              \
                   "and the latency of a copy (default 1000)")

/* Fills o but for what fleet_setup.h does; o->n is how many replicas there are, which may have
 * roles already. ERR_USAGE: a sentence for misuse. */
int route_setup(struct route_setup *r, struct fleet_opts *o, const struct slo *slo, struct err *e);
void route_setup_free(struct route_setup *r);

#endif
