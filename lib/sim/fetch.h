/* fetch.h - prefixes that a replica gets from the KV cache of another before a request begins
 * there: the request waits for the copy, and the blocks stay in its cache as if it had computed
 * them, so that a prefix which is asked for often comes to be on many replicas.
 *
 * Source   Mooncake (FAST'25), Algorithm 1. Inside this domain only.
 */
#ifndef SIM_FETCH_H
#define SIM_FETCH_H

#include "sim/fleet.h"

/* The request waits for the first `blocks` blocks of its prompt, which take so long; then it goes
 * to the replica, or is sent anew, if that is not open any more. */
int fetch_begin(struct fleet *c, uint32_t request, uint32_t replica, uint32_t blocks, double us,
                struct err *e);
/* They are there. */
int fetch_done(struct fleet *c, uint32_t slot, struct err *e);
void fetch_free(struct fleet *c);

#endif
