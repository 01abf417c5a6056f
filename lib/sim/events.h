/* events.h - a heap of moments, each with two numbers; of equal ones the smaller `order` first. */
#ifndef SIM_EVENTS_H
#define SIM_EVENTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct event {
    int64_t t_ns;
    uint64_t order; /* no two are the same in both */
    uint32_t what;
};

struct events { /* {0}: none */
    struct event *v;
    size_t n, cap;
};

static inline int64_t events_next(const struct events *h)
{
    return h->n > 0 ? h->v[0].t_ns : INT64_MAX;
}

int events_push(struct events *h, struct event x, struct err *e);
struct event events_pop(struct events *h); /* n > 0 */
void events_free(struct events *h);

#endif
