/* clock.h - the simulated clock, which counts whole nanoseconds up to 146 years. Inside this domain
 * only.
 */
#ifndef SIM_CLOCK_H
#define SIM_CLOCK_H

#include <stdint.h>

#include "base/err.h"

#define CLOCK_NS_MOST 0x1p62 /* differences of two times have room too */

/* When KV blocks are there that are on their way from from_ns on and take `us`, in *ns. ERR_USAGE:
 * not in 146 years. */
int clock_moved(int64_t from_ns, double us, int64_t *ns, struct err *e);

#endif
