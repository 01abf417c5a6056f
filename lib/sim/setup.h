/* setup.h - what a replay is asked for, as commands take it: a scheduler, a cost model, memory. One
 * set of options for every tool that replays: SETUP_OPTIONS in the tool's table (cli.h).
 */
#ifndef SIM_SETUP_H
#define SIM_SETUP_H

#include "sim/cost.h"
#include "sim/metrics.h"
#include "sim/replay.h"
#include "sim/sched.h"

#define SETUP_NONE UINT64_MAX /* of a number that was not given */

enum setup_compat { COMPAT_NONE, COMPAT_VIDUR };
#define SETUP_COMPAT_NAMES "none|vidur"

/* Of fastswitch. */
struct setup_switching {
    int alloc, mode, pattern;
    uint64_t group, seed;
    double spare_share, frequency, dispatch_us, gbs, half_kib;
    bool reuse;
};

#define SETUP_SWITCHING_INIT                                                               \
    {                                                                                      \
        .group = 60, .spare_share = 0.04, .frequency = 0.04, .dispatch_us = 10, .gbs = 32, \
        .half_kib = 64, .mode = 1                                                          \
    }
#define SETUP_SWAP_MODES "sync|async"
#define SETUP_ALLOCS     "group|block" /* of KV_ALLOC_NAMES, none that loses blocks */

enum setup_preemption { PREEMPTION_RECOMPUTE, PREEMPTION_SWAP };
#define SETUP_PREEMPTION_NAMES "recompute|swap"

struct setup {
    /* As given: */
    const char *table;
    int sched, compat, preemption;
    uint64_t budget, seqs, block, kv_blocks, max_length, host_blocks, disk_blocks, background;
    double utilization, reserve_gib, overhead_us, swap_gib, host_gbs, disk_gbs;
    double slower; /* of a kind of a cluster: 1 as the cost model says */
    bool no_prefix_cache, check;
    struct cost_opts cost_opts;
    struct setup_switching switching;
    /* Made of it: */
    struct cost *cost;
    struct replay_opts replay;
};

#define SETUP_INIT                                                                       \
    {                                                                                    \
        .sched = SCHED_DEFAULT, .budget = SETUP_NONE, .seqs = SETUP_NONE, .block = 16,   \
        .kv_blocks = SETUP_NONE, .max_length = SETUP_NONE, .cost_opts = {.tp = 1},       \
        .background = 1, .utilization = 0.9, .swap_gib = 4, .slower = 1, .host_gbs = 25, \
        .disk_gbs = 5, .switching = SETUP_SWITCHING_INIT                                 \
    }

#define SETUP_OPTIONS(s)                                                                           \
    CLI_STR(0, "cost", &(s)->table, "TABLE",                                                       \
            "the cost model: a table, a folder of tables, or roofline"),                           \
        CLI_CHOICE(0, "sched", &(s)->sched, SCHED_NAMES,                                           \
                   "the scheduler (default vllm0, of plans vllm1)"),                               \
        CLI_CHOICE(0, "compat", &(s)->compat, SETUP_COMPAT_NAMES,                                  \
                   "another simulator's quirks (default none)"),                                   \
        CLI_STR(0, "model", &(s)->cost_opts.model, "CARD",                                         \
                "the model: for roofline, and where tables are of a layer"),                       \
        CLI_STR(0, "gpu", &(s)->cost_opts.gpu, "CARD",                                             \
                "the GPU: for roofline, and where a table does not say its memory"),               \
        CLI_DOUBLE(0, "tp", &(s)->cost_opts.tp, "N",                                               \
                   "roofline: GPUs that share the model (default 1)"),                             \
        CLI_U64(0, "budget", &(s)->budget, "N", "the same as --max-num-batched-tokens"),           \
        CLI_U64(0, "max-num-batched-tokens", &(s)->budget, "N",                                    \
                "tokens of a step (default: the scheduler's)"),                                    \
        CLI_U64(0, "max-num-seqs", &(s)->seqs, "N",                                                \
                "requests of a step (default: the scheduler's)"),                                  \
        CLI_U64(0, "max-model-len", &(s)->max_length, "N", "reject what is longer"),               \
        CLI_U64(0, "block-size", &(s)->block, "N", "tokens of a KV block (default 16)"),           \
        CLI_U64(0, "kv-blocks", &(s)->kv_blocks, "N",                                              \
                "KV blocks (default: what memory has room for)"),                                  \
        CLI_DOUBLE(0, "gpu-memory-utilization", &(s)->utilization, "X",                            \
                   "share of the memory that is used (default 0.9)"),                              \
        CLI_DOUBLE(0, "reserve-gib", &(s)->reserve_gib, "X",                                       \
                   "memory for other things (default 0)"),                                         \
        CLI_FLAG(0, "no-prefix-cache", &(s)->no_prefix_cache, "share no prefixes"),                \
        CLI_U64(0, "host-kv-blocks", &(s)->host_blocks, "N",                                       \
                "blocks of the host's memory behind the prefix cache (default 0)"),                \
        CLI_U64(0, "disk-kv-blocks", &(s)->disk_blocks, "N", "and of a disk behind that"),         \
        CLI_DOUBLE(0, "host-gbs", &(s)->host_gbs, "X",                                             \
                   "GB/s between a GPU and the host (default 25)"),                                \
        CLI_DOUBLE(0, "disk-gbs", &(s)->disk_gbs, "X", "GB/s from the disk (default 5)"),          \
        CLI_CHOICE(0, "preemption-mode", &(s)->preemption, SETUP_PREEMPTION_NAMES,                 \
                   "vllm0: what becomes of who is driven out (default recompute)"),                \
        CLI_DOUBLE(0, "swap-space", &(s)->swap_gib, "GIB",                                         \
                   "memory of the host for swap, of a GPU (default 4)"),                           \
        CLI_DOUBLE(0, "step-overhead-us", &(s)->overhead_us, "X",                                  \
                   "host time of every step (default 0)"),                                         \
        CLI_U64(0, "background", &(s)->background, "N",                                            \
                "requests of a step up to which those in the background join (default 1)"),        \
        CLI_FLAG(0, "extrapolate", &(s)->cost_opts.extrapolate, "go on beyond what was measured"), \
        CLI_DOUBLE(0, "link-gbs", &(s)->cost_opts.link_gbs, "X",                                   \
                   "GB/s between GPUs, where a table has no all-reduce"),                          \
        CLI_DOUBLE(0, "link-us", &(s)->cost_opts.link_us, "X", "and its latency"),                 \
        CLI_FLAG(0, "check", &(s)->check, "assert the invariants at every step")

/* What is read for it, where these are names of files: to be kept from being written over. */
#define SETUP_FILES(s) (s)->table, (s)->cost_opts.model, (s)->cost_opts.gpu

/* For tools that have them. */
#define SETUP_SWITCHING_OPTIONS(s)                                                                \
    CLI_DOUBLE(0, "priority-frequency", &(s)->switching.frequency, "F",                           \
               "fastswitch: draws of priorities a step (default 0.04)"),                          \
        CLI_CHOICE(0, "priority-pattern", &(s)->switching.pattern, PRIORITY_PATTERNS,             \
                   "how they change (default random)"),                                           \
        CLI_CHOICE(0, "alloc", &(s)->switching.alloc, SETUP_ALLOCS,                               \
                   "how blocks have places (default group)"),                                     \
        CLI_U64(0, "group", &(s)->switching.group, "N", "blocks of a group (default 60)"),        \
        CLI_DOUBLE(0, "spare", &(s)->switching.spare_share, "X",                                  \
                   "share of the blocks set aside for groups to grow (default 0.04)"),            \
        CLI_CHOICE(0, "swap", &(s)->switching.mode, SETUP_SWAP_MODES,                             \
                   "copies before a step, or beside it (default async)"),                         \
        CLI_FLAG(0, "swap-reuse", &(s)->switching.reuse, "keep host copies, add what is new"),    \
        CLI_DOUBLE(0, "swap-dispatch-us", &(s)->switching.dispatch_us, "X",                       \
                   "to begin a copy (default 10)"),                                               \
        CLI_DOUBLE(0, "swap-gbs", &(s)->switching.gbs, "X", "GB/s of a large copy (default 32)"), \
        CLI_DOUBLE(0, "swap-half-kib", &(s)->switching.half_kib, "X",                             \
                   "KiB of a copy at half of that (default 64)")

/* What is wrong with the numbers given, as a sentence for misuse; NULL: nothing. */
const char *setup_wrong(const struct setup *s);
const char *setup_cost_wrong(const struct cost_opts *o); /* the same of these alone */
/* The same of cards, where one of these tables, with commas between them, is roofline. */
const char *setup_cards_wrong(const char *tables, const struct cost_opts *o);
/* Of prompt and output; 0: no bound. */
static inline uint32_t setup_max_length(const struct setup *s)
{
    return s->max_length != SETUP_NONE ? (uint32_t)s->max_length : 0;
}
/* Opens the cost model and makes s->replay of all. */
int setup_open(struct setup *s, struct err *e);
void setup_close(struct setup *s);
/* KV blocks that memory has room for, of an open one. */
int setup_blocks(const struct setup *s, uint32_t *blocks, struct err *e);

/* Names of schedulers, with commas between them, as numbers: how many; 0: one is none, or there are
 * more than `most`. */
size_t setup_scheds(const char *list, int *v, size_t most);
#define SETUP_SCHEDS_WRONG "'--scheds' is a list of " SCHED_NAMES ", not '%s'"

/* "ttft=0.5,tbt=0.1,e2e=30", seconds, and "prompt_rate=512,ema_rate=4", tokens a second; NULL:
 * none. False if it is not like that. */
bool setup_slo(struct slo *slo, const char *text);

#define SETUP_SLO_OPTION(text)      \
    CLI_STR(0, "slo", text, "LIST", \
            "objectives: ttft=0.5,tbt=0.1,e2e=30,prompt_rate=512,ema_rate=4")
#define SETUP_SLO_WRONG                                                                    \
    "'--slo' is like ttft=0.5,tbt=0.1,e2e=30, in seconds, or prompt_rate=512,ema_rate=4, " \
    "in tokens a second"

#endif
