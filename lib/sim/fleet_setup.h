/* fleet_setup.h - what commands are asked of the life of a fleet: migration, auto-scaling,
 * failures. FLEET_OPTIONS in the tool's table (cli.h), beside those of setup.h.
 */
#ifndef SIM_FLEET_SETUP_H
#define SIM_FLEET_SETUP_H

#include "sim/fleet.h"
#include "sim/migrate.h"
#include "sim/scale.h"

struct fleet_setup {
    struct migrate_opts migrate;
    struct scale_opts scale;
    const char *autoscale, *fail;
    double notice_s;
    uint64_t headroom;
    /* Made of it: */
    struct failure *failure;
    size_t failures, cap;
};

#define FLEET_SETUP_INIT                             \
    {                                                \
        .migrate = MIGRATE_INIT, .scale = SCALE_INIT \
    }

#define FLEET_OPTIONS(f)                                                                   \
    CLI_U64(0, "headroom", &(f)->headroom, "N",                                            \
            "tokens to keep free beside requests of high priority (default 0)"),           \
        CLI_CHOICE(0, "migrate", &(f)->migrate.policy, MIGRATE_NAMES,                      \
                   "requests move between replicas while they run (default off)"),         \
        CLI_DOUBLE(0, "migrate-interval", &(f)->migrate.interval_s, "S",                   \
                   "seconds between looks at who should (default 0.05)"),                  \
        CLI_CHOICE(0, "migrate-request", &(f)->migrate.rule, MIGRATE_RULE_NAMES,           \
                   "of the lowest priority the shortest, longest, last one (default sr)"), \
        CLI_DOUBLE(0, "migrate-out", &(f)->migrate.out, "X",                               \
                   "from replicas of a freeness below (default 3)"),                       \
        CLI_DOUBLE(0, "migrate-in", &(f)->migrate.in, "X", "to those above (default 3)"),  \
        CLI_DOUBLE(0, "migrate-link-gbs", &(f)->migrate.link_gbs, "X",                     \
                   "GB/s between replicas (default 8)"),                                   \
        CLI_DOUBLE(0, "migrate-downtime-ms", &(f)->migrate.downtime_ms, "X",               \
                   "of the last stage, beside its copy (default 30)"),                     \
        CLI_U64(0, "migrate-last-blocks", &(f)->migrate.last_blocks, "N",                  \
                "KV blocks of the last stage, at most (default 16)"),                      \
        CLI_U64(0, "migrate-stages", &(f)->migrate.stages, "N", "at most (default 3)"),    \
        CLI_STR(0, "autoscale", &(f)->autoscale, "MIN:MAX",                                \
                "as many replicas as the load needs; --replicas at first"),                \
        CLI_DOUBLE(0, "scale-interval", &(f)->scale.interval_s, "S",                       \
                   "seconds between looks at that (default 10)"),                          \
        CLI_DOUBLE(0, "scale-up", &(f)->scale.up, "X",                                     \
                   "one more below this mean freeness (default 10)"),                      \
        CLI_DOUBLE(0, "scale-down", &(f)->scale.down, "X", "one less above (default 60)"), \
        CLI_DOUBLE(0, "startup", &(f)->scale.startup_s, "S",                               \
                   "seconds that a replica takes to start (default 30)"),                  \
        CLI_STR(0, "fail", &(f)->fail, "LIST",                                             \
                "REPLICA@SECONDS[+SECONDS],...: one fails, and is back after so long"),    \
        CLI_DOUBLE(0, "fail-notice", &(f)->notice_s, "S",                                  \
                   "seconds before that from which it takes no more (default 0)")

/* Fills o, whose n replicas were asked for (0: so many as there must be), or are all the machines
 * that there are. ERR_USAGE: a sentence for misuse. */
int fleet_setup(struct fleet_setup *f, struct fleet_opts *o, bool all, struct err *e);
void fleet_setup_free(struct fleet_setup *f);

#endif
