/* test_outcome.c - what a program that links the library is told of a replay is what the tools say:
 * times by replay_run() as trace-replay sets it up; defaults, limits, and what cannot be.
 */
#include "sim/outcome.h"

#include "base/mem.h"
#include "sim/setup.h"
#include "t.h"

enum { N = 40 };

/* A request every 10 ms; every eighth has a long prompt. */
static void make(struct trace_set *t)
{
    struct err e = {0};

    *t = (struct trace_set){.n = N};
    t->t_ns = mem_array(N, sizeof *t->t_ns, &e);
    t->prompt = mem_array(N, sizeof *t->prompt, &e);
    t->output = mem_array(N, sizeof *t->output, &e);
    t->id_end = mem_zero(N, sizeof *t->id_end, &e);
    for (uint32_t i = 0; i < N; i++) {
        t->t_ns[i] = (int64_t)i * 10000000;
        t->prompt[i] = i % 8 ? 100 + i : 3000;
        t->output[i] = 1 + i % 20;
    }
}

static const struct trace_machine llama = {
    .cost = "roofline", .model = "Llama-2-7B", .gpu = "A100-80GB"};

/* As `m` says, by the options that trace-replay has for it. */
static void compare(const struct trace_set *t, const struct trace_machine *m, int sched)
{
    struct setup s = SETUP_INIT;
    struct replay p;
    struct trace_outcome o;
    struct err e = {0};
    uint32_t wrong = 0, late = 0;

    s.table = "roofline";
    s.cost_opts.model = "Llama-2-7B";
    s.cost_opts.gpu = "A100-80GB";
    s.cost_opts.tp = m->gpus;
    s.sched = sched;
    if (m->step_tokens)
        s.budget = m->step_tokens;
    if (m->step_requests)
        s.seqs = m->step_requests;
    if (m->kv_blocks)
        s.kv_blocks = m->kv_blocks;
    s.replay.fleet.n = m->replicas;
    T_CHECK(setup_open(&s, &e) == 0);
    T_CHECKF(replay_run(&p, t, s.cost, &s.replay, &e) == 0, "%s", e.msg);
    T_CHECKF(trace_outcome(&o, t, m, &e) == 0, "%s", e.msg);
    T_CHECK(o.n == N && o.rejected == p.rejected && o.end_ns == p.end_ns);
    T_CHECK(o.steps == p.total.steps && o.steps > 0);
    for (uint32_t i = 0; i < o.n; i++) {
        const struct trace_times *x = &o.request[i];
        const struct flight *f = &p.flight[i];

        if (f->status == FLIGHT_REJECTED) {
            wrong += x->start_ns != -1 || x->first_ns != -1 || x->last_ns != -1;
            continue;
        }
        wrong += x->arrival_ns != t->t_ns[i] || x->start_ns != f->start_ns ||
                 x->first_ns != f->first_ns || x->last_ns != f->last_ns ||
                 x->preemptions != f->preemptions;
        late += x->start_ns > x->arrival_ns;
    }
    T_CHECKF(wrong == 0, "%u of %s", wrong, m->sched);
    T_CHECK(late > 0);
    trace_outcome_free(&o);
    T_CHECK(!o.request && !o.n);
    replay_free(&p);
    setup_close(&s);
}

static void refused(const struct trace_set *t, const struct trace_machine *m, const char *says)
{
    struct trace_outcome o;
    struct err e = {0};

    T_CHECK(trace_outcome(&o, t, m, &e) < 0);
    T_CHECKF(strstr(e.msg, says) != NULL, "'%s', not '%s'", e.msg, says);
    trace_outcome_free(&o);
}

int main(void)
{
    struct trace_set t;
    struct trace_machine m = llama;

    make(&t);
    compare(&t, &m, SCHED_DEFAULT);
    m.sched = "sarathi", m.step_tokens = 256, m.step_requests = 4;
    compare(&t, &m, SCHED_AT_sarathi);
    m.sched = "vllm1", m.step_tokens = 0, m.gpus = 2, m.replicas = 3;
    compare(&t, &m, SCHED_AT_vllm1);
    m = llama, m.kv_blocks = 100; /* too few for the long ones */
    compare(&t, &m, SCHED_DEFAULT);

    m = llama, m.cost = NULL;
    refused(&t, &m, "needs a cost model");
    m = llama, m.sched = "vllm9";
    refused(&t, &m, "no scheduler is called 'vllm9'");
    m = llama, m.sched = "vllm0,vllm1";
    refused(&t, &m, "no scheduler is called");
    m = llama, m.replicas = UINT32_MAX;
    refused(&t, &m, "replicas, not 4294967295");
    m = llama, m.step_requests = UINT32_MAX;
    refused(&t, &m, "'--max-num-seqs' is 1 to");
    m = llama, m.gpu = "none";
    refused(&t, &m, "none");
    trace_set_free(&t);
    return t_done("outcome");
}
