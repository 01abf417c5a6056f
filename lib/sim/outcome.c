/* outcome.c - see outcome.h. */
#include "sim/outcome.h"

#include <stdlib.h>

#include "base/mem.h"
#include "sim/setup.h"

static uint64_t given(uint32_t number)
{
    return number ? number : SETUP_NONE;
}

static int settle(struct setup *s, const struct trace_machine *m, struct err *e)
{
    *s = (struct setup)SETUP_INIT;
    s->table = m->cost;
    s->cost_opts.model = m->model;
    s->cost_opts.gpu = m->gpu;
    s->cost_opts.tp = m->gpus ? m->gpus : 1;
    s->budget = given(m->step_tokens);
    s->seqs = given(m->step_requests);
    s->kv_blocks = given(m->kv_blocks);
    s->replay.fleet.n = m->replicas;
    if (!m->cost)
        return err_set(e, ERR_USAGE, "a machine needs a cost model");
    if (m->sched && setup_scheds(m->sched, &s->sched, 1) != 1)
        return err_set(e, ERR_USAGE, "no scheduler is called '%s': there are %s", m->sched,
                       SCHED_NAMES);
    if (m->replicas > FLEET_MOST)
        return err_set(e, ERR_USAGE, "there may be %d replicas, not %u", FLEET_MOST, m->replicas);
    return setup_wrong(s) ? err_set(e, ERR_USAGE, "%s", setup_wrong(s)) : 0;
}

static int take(struct trace_outcome *out, const struct replay *p, struct err *e)
{
    out->request = mem_array(p->trace->n, sizeof *out->request, e);
    if (!out->request)
        return e->code;
    out->n = p->trace->n;
    out->rejected = p->rejected;
    out->steps = p->total.steps;
    out->end_ns = p->end_ns;
    for (uint32_t i = 0; i < out->n; i++) {
        const struct flight *f = &p->flight[i];
        bool gave = flight_gave(f);

        out->request[i] = (struct trace_times){.arrival_ns = replay_arrival(p, i),
                                               .start_ns = gave ? f->start_ns : -1,
                                               .first_ns = gave ? f->first_ns : -1,
                                               .last_ns = gave ? f->last_ns : -1,
                                               .hit_tokens = f->hit_tokens,
                                               .preemptions = f->preemptions};
    }
    return 0;
}

int trace_outcome(struct trace_outcome *out, const struct trace_set *t,
                  const struct trace_machine *m, struct err *e)
{
    struct setup s;
    struct replay p = {0};
    int rc = settle(&s, m, e);

    *out = (struct trace_outcome){0};
    if (rc == 0)
        rc = setup_open(&s, e);
    if (rc == 0)
        rc = replay_run(&p, t, s.cost, &s.replay, e);
    if (rc == 0)
        rc = take(out, &p, e);
    replay_free(&p);
    setup_close(&s);
    return rc;
}

void trace_outcome_free(struct trace_outcome *o)
{
    free(o->request);
    *o = (struct trace_outcome){0};
}
