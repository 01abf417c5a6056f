/* ready.h - requests that wait for others to end, and when they may start. */
#ifndef SIM_READY_H
#define SIM_READY_H

#include "sim/events.h"
#include "sim/load.h"

struct ready { /* {0}: nothing waits */
    const struct trace_set *trace;
    uint32_t *open;                /* [n]: how many that it waits for have not ended */
    int64_t *t_ns;                 /* [n]: when it may start, as far as that is known */
    uint32_t *waiter_end, *waiter; /* by the request that is waited for */
    struct events free;            /* those that nothing keeps any more; `order`: the request */
};

int ready_init(struct ready *r, const struct trace_set *t, struct err *e);
/* Does it wait for others? */
bool ready_waits(const struct ready *r, uint32_t request);
/* A request has ended (or been rejected): those that waited for it alone join the heap. */
int ready_ended(struct ready *r, uint32_t request, int64_t end_ns, struct err *e);
void ready_free(struct ready *r);

#endif
