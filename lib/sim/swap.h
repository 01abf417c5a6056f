/* swap.h - requests that were driven out and keep what they computed: their blocks go to the host's
 * memory, and come back before any new request is admitted. vLLM before v1 with --preemption-mode
 * swap.
 *
 * The next step waits until its blocks have moved. Who finds no room in the host's memory restarts
 * instead, where vLLM gives up. Source: vLLM 0.2 to 0.6, core/scheduler.py, block_manager.py.
 * Inside this domain only.
 */
#ifndef SIM_SWAP_H
#define SIM_SWAP_H

#include "sim/engine.h"

/* Out of the GPU, or to the queue's front, to be computed anew. It must not be in r->running any
 * more. */
int drive_out(struct replica *r, uint32_t request, struct err *e);
/* Those that went last come first, as long as there is a block for each one's next token beside its
 * own and the watermark; one that is alone needs but what it takes. They join the batch. */
int swap_in(struct replica *r, struct err *e);
/* One that waits there leaves. */
void swap_leave(struct replica *r, uint32_t request);
/* Every block of the host's memory is free, or of somebody that waits there. For --check. */
bool swap_consistent(const struct replica *r);

#endif
