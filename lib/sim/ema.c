/* ema.c - see ema.h. */
#include "sim/ema.h"

#include <stdlib.h>

#include "base/mem.h"

#define SPAN 16
#define KEPT (1 - 2.0 / (SPAN + 1))

struct ema_request {
    int64_t last_ns;    /* of its last token; FLIGHT_NEVER: there is none */
    double sum, weight; /* of its times between tokens, weighted */
    bool late;
};

int ema_init(struct ema *m, double bound_ns, uint32_t requests, struct err *e)
{
    *m = (struct ema){.bound_ns = bound_ns, .v = mem_zero(requests, sizeof *m->v, e)};
    if (!m->v)
        return e->code;
    for (uint32_t i = 0; i < requests; i++)
        m->v[i].last_ns = FLIGHT_NEVER;
    return 0;
}

static void give_token(struct ema *m, uint32_t request, int64_t now)
{
    struct ema_request *q = &m->v[request];

    if (q->last_ns != FLIGHT_NEVER) {
        q->sum = (double)(now - q->last_ns) + KEPT * q->sum;
        q->weight = 1 + KEPT * q->weight;
        q->late = q->late || q->sum >= m->bound_ns * q->weight;
    }
    q->last_ns = now;
}

void ema_step(struct ema *m, const struct replica *r)
{
    /* A step that repeats the last has no batch of its own: all that run get a token. */
    if (r->steady.done > 0)
        for (size_t i = 0; i < r->n_running; i++)
            give_token(m, r->running[i], r->end_ns);
    else
        for (size_t i = 0; i < r->n_batch; i++) {
            const struct flight *f = flight_of(r, r->batch[i].request);

            if (f->computed + r->batch[i].tokens >= f->need)
                give_token(m, r->batch[i].request, r->end_ns);
        }
}

bool ema_met(const struct ema *m, uint32_t request)
{
    return !m->v[request].late;
}

void ema_free(struct ema *m)
{
    free(m->v);
    *m = (struct ema){0};
}
