/* progress_fn.h - how the library says how far it is: it calls who asked. Commands hand down
 * progress_report() of progress.h.
 */
#ifndef BASE_PROGRESS_FN_H
#define BASE_PROGRESS_FN_H

#include <stdint.h>

/* ctx: the caller's own; phase: in a word or two; total 0: unknown. A NULL function is none. */
typedef void progress_fn(void *ctx, const char *phase, uint64_t done, uint64_t total);

#endif
