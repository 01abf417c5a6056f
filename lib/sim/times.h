/* times.h - per-request times of a replay or a measured run, from a file of any of these forms,
 * which its first line tells:
 *
 *   rows of trace-replay       TSV with its header line
 *   what vLLM measured         JSON Lines of queued_ts, first_token_ts, last_token_ts (seconds),
 *                              output_toks
 *   Vidur's request metrics    CSV of output_tokens, ttft_s, e2e_s
 *
 * Errors   ERR_INPUT names file and line.
 */
#ifndef SIM_TIMES_H
#define SIM_TIMES_H

#include <stddef.h>

#include "base/err.h"

/* ns. Requests that were rejected or refused, or stopped before their first token, are not among
 * them. */
struct times {
    double *ttft, *e2e; /* [n] */
    double *came;       /* [n]: arrivals; of Vidur's, which do not say, 0 */
    double *tpot;       /* [n_tpot]: of outputs of 2 tokens and more */
    size_t n, n_tpot, cap;
};

int times_load(struct times *t, const char *path, struct err *e);
void times_free(struct times *t); /* {0} is fine */

#endif
