/* migrate.h - live migration: requests that run move from replicas that are full to those that are
 * free, with their KV cache, while they go on decoding but for the last moment.
 *
 * Every interval replicas of a freeness (freeness.h) below `out` are paired with those above `in`,
 * the fullest with the freest and so on. Each of the former chooses, at its next step's end, the
 * request of the lowest priority, and of those by a rule, and copies it in stages:
 *
 *   running      |-- step --|-- step --|-- step --|- paused -|    |-- step --|   at the other one
 *   copied       stage 1: whole blocks |... what came since  |commit
 *
 * A stage copies the blocks that were not copied yet, but for the one that is being filled; when no
 * more than `last_blocks` are left the request leaves the batch, the rest is copied, and it joins
 * the other replica at the end of the step that is under way there. The blocks of a stage are taken
 * there before it begins. It is given up if the request has ended or was driven out meanwhile, if
 * there is no room, after `stages` stages, or if a replica fails. A replica sends one request at a
 * time.
 *
 * Cost     of simulated time: a block's bytes over the link, and `downtime` for the last stage.
 * Source   Llumnix (OSDI'24, arXiv 2406.03243), and its code.
 */
#ifndef SIM_MIGRATE_H
#define SIM_MIGRATE_H

#include "sim/fleet.h"

#define MIGRATE_NAMES      "off|defrag|balanced"
#define MIGRATE_RULE_NAMES "sr|lr|lcr"
enum migrate_policy {
    MIGRATE_OFF,
    MIGRATE_DEFRAG,
    MIGRATE_BALANCED /* pairs whose difference of freeness shrinks */
};
/* Of the running requests the shortest, the longest, the last to have been admitted. */
enum migrate_rule { MIGRATE_SHORTEST, MIGRATE_LONGEST, MIGRATE_LAST };

struct migrate_opts {
    int policy, rule;
    double interval_s, link_gbs, downtime_ms, out, in;
    uint64_t last_blocks, stages;
};

#define MIGRATE_INIT                                                             \
    {                                                                            \
        .interval_s = 0.05, .link_gbs = 8, .downtime_ms = 30, .out = 3, .in = 3, \
        .last_blocks = 16, .stages = 3                                           \
    }

int migrate_init(struct fleet *c, struct err *e);
void migrate_free(struct fleet *c);

/* The interval is over. */
void migrate_pair(struct fleet *c);
/* A stage of the request that replica `from` sends is over. */
void migrate_copied(struct fleet *c, uint32_t from);
/* The replica is between two steps: what comes joins it, what goes leaves it. */
int migrate_pass(struct fleet *c, struct replica *r, struct err *e);
/* Is there a request that could join it now? */
bool migrate_joins(const struct fleet *c, const struct replica *r);
/* The replica is about to lose all it has. Requests that are lost with it are appended to v. */
void migrate_lose(struct fleet *c, const struct replica *r, uint32_t *v, size_t *n);
/* Does a request come to it or go? */
bool migrate_has(const struct fleet *c, uint32_t replica);

#endif
