/* test_capacity.c - the search for the largest rate, from however low a rate it begins: at the
 * lowest of them the last requests would come when the clock has ended.
 */
#include "sim/capacity.h"

#include <math.h>

#include "base/mem.h"
#include "sim/setup.h"
#include "t.h"

enum { N = 60 };

static void make(struct trace_set *t)
{
    struct err e = {0};

    *t = (struct trace_set){.n = N};
    t->t_ns = mem_zero(N, sizeof *t->t_ns, &e);
    t->prompt = mem_array(N, sizeof *t->prompt, &e);
    t->output = mem_array(N, sizeof *t->output, &e);
    t->id_end = mem_zero(N, sizeof *t->id_end, &e);
    for (uint32_t i = 0; i < N; i++) {
        t->prompt[i] = 1000 + 10 * i;
        t->output[i] = 1 + i % 20;
    }
}

static double find(const struct trace_set *t, const struct setup *s, double least)
{
    const struct capacity_opts o = {
        .objective.ttft_p99_ns = 1e9, .seed = 1, .precision = 0.01, .least = least, .most = 1e6};
    struct capacity c;
    struct err e = {0};

    T_CHECKF(capacity_find(&c, t, s->cost, &s->replay, &o, &e) == 0, "%s", e.msg);
    return c.rate;
}

int main(void)
{
    struct trace_set t;
    struct setup s = SETUP_INIT;
    struct err e = {0};
    double rate;

    make(&t);
    s.table = "roofline";
    s.cost_opts.model = "Llama-2-7B";
    s.cost_opts.gpu = "A100-80GB";
    T_CHECKF(setup_open(&s, &e) == 0, "%s", e.msg);
    rate = find(&t, &s, 0x1p-10);
    T_CHECKF(rate > 0.1 && rate < 100, "%g", rate);
    for (int power = -20; power >= -200; power -= 20) {
        double again = find(&t, &s, ldexp(1, power));

        T_CHECKF(fabs(again - rate) < 1e-9, "from 2^%d: %g, not %g", power, again, rate);
    }
    setup_close(&s);
    trace_set_free(&t);
    return t_done("capacity");
}
