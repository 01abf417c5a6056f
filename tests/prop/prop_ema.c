/* prop_ema.c - lib/sim/ema.c against lists of all times between tokens, and averages of them that
 * are summed anew for each; under every scheduler that a trace of its own can run, with little
 * memory, so that requests restart, and steps that repeat.
 *
 *     prop_ema [TRACES [SEED]]
 */
#include "../unit/t.h"

#include <math.h>

#include "base/mem.h"
#include "sim/sim.h"

enum { REQUESTS = 40, OUTPUT = 30 };

static unsigned long long rng;

static uint32_t below(uint32_t n)
{
    return (uint32_t)(t_rand(&rng) % n);
}

static double step_us(const struct cost_shape *s)
{
    return 1 + (3 * s->tokens + 7 * s->kv_sum + 5 * s->n_pieces) % 97;
}

#include "test_cost.h"

/* ---- what was, token by token ---- */

struct watch {
    const struct flight *flight;
    uint32_t n;
    int64_t last[REQUESTS], gap[REQUESTS][OUTPUT];
    int gaps[REQUESTS];
};

/* Tokens of the step before this: where a request's last token is another than it was. */
static void look(struct watch *w)
{
    for (uint32_t i = 0; i < w->n; i++) {
        int64_t at = w->flight[i].last_ns;

        if (at == w->last[i])
            continue;
        if (w->last[i] != FLIGHT_NEVER)
            w->gap[i][w->gaps[i]++] = at - w->last[i];
        w->last[i] = at;
    }
}

static void look_step(void *ctx, const struct replica *r)
{
    struct watch *w = ctx;

    w->flight = r->flight;
    look(w);
}

static void ema_hook(void *ctx, const struct replica *r)
{
    ema_step(ctx, r);
}

/* The largest of a request's averages. */
static double largest(const struct watch *w, uint32_t i)
{
    double most = 0;

    for (int n = 1; n <= w->gaps[i]; n++) {
        double sum = 0, weight = 0;

        for (int k = 0; k < n; k++) {
            sum += pow(15.0 / 17, n - 1 - k) * (double)w->gap[i][k];
            weight += pow(15.0 / 17, n - 1 - k);
        }
        most = fmax(most, sum / weight);
    }
    return most;
}

/* ---- traces ---- */

static uint32_t prompt[REQUESTS], output[REQUESTS];
static int64_t t_ns[REQUESTS];
static char ids[REQUESTS];
static uint64_t id_end[REQUESTS];

static struct trace_set make_trace(void)
{
    struct trace_set t = {.n = 1 + below(REQUESTS),
                          .t_ns = t_ns,
                          .prompt = prompt,
                          .output = output,
                          .ids = ids,
                          .id_end = id_end};
    int64_t at = 0;

    for (uint32_t i = 0; i < t.n; i++) {
        at += 1000 * below(below(3) ? 400 : 4);
        t_ns[i] = at;
        prompt[i] = 1 + below(60);
        output[i] = below(4) ? 1 + below(OUTPUT) : 1;
        ids[i] = 'a';
        id_end[i] = i + 1;
    }
    return t;
}

static void check_bound(const struct ema *m, const struct watch *w, const struct replay *p)
{
    for (uint32_t i = 0; i < w->n; i++) {
        double most = largest(w, i);

        if (p->flight[i].status != FLIGHT_ENDED || fabs(most / m->bound_ns - 1) < 1e-9)
            continue;
        T_CHECKF(ema_met(m, i) == (most < m->bound_ns), "request %u: %g, %g", i, most, m->bound_ns);
    }
}

static void check_trace(void)
{
    struct trace_set t = make_trace();
    const struct sched *sched = sched_at(below(3) ? below(10) : 0);
    struct replay_opts o = {.sched = sched ? sched : sched_at(0),
                            .engine = {.kv_blocks = 30 + below(60),
                                       .block_tokens = 4,
                                       .most_requests = 1 + below(20),
                                       .most_tokens = 120,
                                       .no_repeats = true}};
    struct watch w = {.n = t.n};
    struct replay p;
    struct err e = {0};

    for (uint32_t i = 0; i < t.n; i++)
        w.last[i] = FLIGHT_NEVER;
    o.step = look_step;
    o.step_ctx = &w;
    if (replay_run(&p, &t, &test_cost, &o, &e) == 0) {
        look(&w);
        for (int k = 0; k < 6; k++) {
            struct ema m;
            struct replay again;

            T_CHECK(ema_init(&m, k < 5 ? 1000.0 * (1 + below(200)) : 5e9, t.n, &e) == 0);
            o.step = ema_hook;
            o.step_ctx = &m;
            o.engine.no_repeats = k % 2;
            T_CHECK(replay_run(&again, &t, &test_cost, &o, &e) == 0);
            check_bound(&m, &w, &again);
            replay_free(&again);
            ema_free(&m);
        }
    }
    replay_free(&p);
}

int main(int argc, char **argv)
{
    int traces = argc > 1 ? atoi(argv[1]) : 400;

    rng = argc > 2 ? strtoull(argv[2], NULL, 10) : 3;
    for (int i = 0; i < traces; i++)
        check_trace();
    return t_done("prop_ema");
}
