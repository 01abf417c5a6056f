/* ttl.h - how long the KV cache of a session is worth keeping while a tool runs (Continuum).
 *
 * Of all lengths tau that the tool took before, and 0, the one with the largest
 *
 *     P(tool ends within tau) x (what a lost cache costs) - tau
 *
 * P from the last durations of the same tool; of all tools, while those are few; of an exponential
 * distribution, while all are. Source: arXiv 2511.02230.
 */
#ifndef SIM_TTL_H
#define SIM_TTL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { TTL_WINDOW = 512, TTL_FEW = 100 };

/* The last durations, in seconds. */
struct ttl_history {
    double v[TTL_WINDOW];
    size_t n, next;
};

struct ttl {                  /* {0} knows nothing */
    struct ttl_history *tool; /* [tools] */
    size_t tools;
    struct ttl_history all;
};

int ttl_init(struct ttl *t, size_t tools, struct err *e);
void ttl_close(struct ttl *t);
/* tool: below tools, or SIZE_MAX where it has no name. */
void ttl_learn(struct ttl *t, size_t tool, double seconds);
/* lost_s: what the next turn pays if the cache is gone. */
double ttl_choose(const struct ttl *t, size_t tool, double lost_s);

#endif
