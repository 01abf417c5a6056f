/* metrics.h - what a replay, or a measured run, comes to: latencies and rates.
 *
 *   TTFT  first token - arrival          TPOT  (last token - first) / (output - 1), of outputs of 2
 *   e2e   last token - arrival                 and more
 *   TBT   every time between two tokens  delay start - arrival
 *   step  every step of an engine
 *   job   of sessions of which all ended: the last one's last token - the first one's arrival
 *
 * A percentile p of n sorted values is the one at min(n - 1, floor(p n)).
 */
#ifndef SIM_METRICS_H
#define SIM_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "sim/ema.h"
#include "sim/replay.h"

enum metric {
    METRIC_TTFT,
    METRIC_TBT,
    METRIC_TPOT,
    METRIC_E2E,
    METRIC_DELAY,
    METRIC_STEP,
    METRIC_JOB,
    METRICS
};
extern const char *const metric_names[METRICS];

enum { METRIC_P50, METRIC_P90, METRIC_P95, METRIC_P99, METRIC_P999, METRIC_POINTS };
extern const double metric_points[METRIC_POINTS];           /* .5 .9 .95 .99 .999 */
extern const char *const metric_point_names[METRIC_POINTS]; /* "p50" ... */

/* Of times in ns, or of whatever was given. */
struct distribution {
    uint64_t n;
    double mean, least, most, point[METRIC_POINTS]; /* 0 where n is 0 */
};

/* Objectives; 0: none. A request is good if it meets all. tbt: its largest gap is not kept, so it
 * is its mean, TPOT, that must meet it. The last two are DeepSpeed-FastGen's: the first token comes
 * within the prompt's length over a rate, and the moving average of the times between tokens is
 * always below one over a rate. */
struct slo {
    double ttft_ns, tbt_ns, e2e_ns;
    double prompt_rate;    /* tokens a second */
    double ema_rate;       /* the same; for who watches the replay */
    const struct ema *ema; /* that watched it; NULL: none did */
};

struct summary {
    uint64_t requests, ended, preemptions, steps;
    uint64_t rejected; /* they could never run */
    uint64_t refused;  /* by a dispatcher */
    uint64_t prompt_tokens, output_tokens, computed_tokens, hit_tokens, asked_tokens;
    uint64_t stopped, reused_tokens;        /* of programs: programs.h, kin.h */
    uint64_t background, background_tokens; /* that ended; all that follows is of the others */
    uint64_t kv_peak;                       /* blocks held, at most */
    int64_t span_ns;                        /* from the first arrival to the last token */
    double busy_share, kv_share;            /* of the time; of the blocks, over the busy time */
    double replica_s;                       /* that replicas were on, of all */
    double requests_a_s, output_tokens_a_s;
    uint64_t good;
    double goodput; /* good requests a second */
    struct distribution metric[METRICS];
    struct distribution
        program;  /* their times over their objectives (budget.h), if they have any */
    uint64_t met; /* programs that met theirs */
};

int summarize(struct summary *s, const struct replay *p, const struct slo *slo, struct err *e);

/* Sorts v. */
void distribution_of(struct distribution *d, double *v, size_t n);

#endif
