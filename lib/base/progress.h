/* progress.h - what is being done, how far it is, how fast, how long still: on stderr, only on a
 * terminal and in the foreground, after a second, a few times a second.
 *
 * Commands make one and hand progress_report() down as a callback; the library only calls it.
 *
 * Threads  one thread at a time.
 */
#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H

#include <stdbool.h>

#include "base/progress_fn.h"

struct progress {
    bool on, shown;
    double began_s, last_s;
    char phase[48];
};

void progress_init(struct progress *p, bool quiet);
void progress_report(void *p, const char *phase, uint64_t done, uint64_t total);
void progress_end(struct progress *p); /* wipes the line */

#endif
