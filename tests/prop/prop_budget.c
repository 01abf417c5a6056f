/* prop_budget.c - budgets of programs (lib/sim/budget.c) against the definitions, walked
 * recursively; the workload dispatcher against what the rows of a finished replay say was where
 * when each call came; queues by urgency against the calls' latest beginnings; tuning (tune.c)
 * against replays under each alpha; parts of traces (pick.c) against lists of what was kept.
 *
 *     prop_budget [ROUNDS [SEED]]
 */
#include "../unit/t.h"

#include <math.h>

#include "base/mem.h"
#include "sim/pick.h"
#include "sim/sim.h"
#include "sim/alpha.h"

enum { CALLS = 60, PROGRAMS = 9, STAGES = 4, FLEET = 4, LINKS = 3 };

static unsigned long long rng;

static uint32_t below(uint32_t n)
{
    return (uint32_t)(t_rand(&rng) % n);
}

/* Linear in tokens and contexts, so that times are told by hand. */
static double step_us(const struct cost_shape *s)
{
    return 1000 + 10.0 * s->tokens + 2.0 * (double)s->kv_sum;
}

#include "test_cost.h"

/* ---- a trace ---- */

struct columns {
    int64_t t_ns[CALLS], tool_ns[CALLS];
    uint32_t prompt[CALLS], output[CALLS], session[CALLS], category[CALLS];
    uint32_t after_end[CALLS], after[LINKS * CALLS];
    uint64_t id_end[CALLS], hash_end[CALLS], hashes[2 * CALLS];
    char ids[4 * CALLS];
    struct trace_program program[CALLS];
};

/* Calls wait for some above of their own program; a few are of no program, or no stage. */
static void make_trace(struct columns *c, struct trace_set *t)
{
    uint32_t links = 0, hashes = 0;
    int64_t now = 0;

    *t = (struct trace_set){.n = 1 + below(CALLS), .sessions = PROGRAMS, .categories = STAGES};
    for (uint32_t i = 0; i < t->n; i++) {
        now += below(3) ? below(200000000) : 0;
        c->t_ns[i] = now;
        c->tool_ns[i] = below(2) ? 1 + below(90000000) : 0;
        c->prompt[i] = 1 + below(90);
        c->output[i] = 1 + below(30);
        c->session[i] = below(10) ? below(PROGRAMS) : UINT32_MAX;
        c->category[i] = below(12) ? below(STAGES) : UINT32_MAX;
        for (uint32_t k = 0; k < i && c->session[i] != UINT32_MAX && below(4) < LINKS; k++) {
            uint32_t to = below(i);

            if (c->session[to] == c->session[i] && links < LINKS * CALLS)
                c->after[links++] = to;
        }
        c->after_end[i] = links;
        c->ids[2 * i] = (char)('a' + i % 26);
        c->ids[2 * i + 1] = (char)('a' + i / 26);
        c->id_end[i] = 2 * ((uint64_t)i + 1);
        for (uint32_t k = below(3); k-- > 0;)
            c->hashes[hashes++] = t_rand(&rng);
        c->hash_end[i] = hashes;
    }
    t->t_ns = c->t_ns;
    t->tool_ns = c->tool_ns;
    t->prompt = c->prompt;
    t->output = c->output;
    t->session = c->session;
    t->category = below(5) ? c->category : NULL;
    t->after_end = c->after_end;
    t->after = c->after;
    t->ids = c->ids;
    t->id_end = c->id_end;
}

/* ---- definitions ---- */

static uint32_t stage(const struct trace_set *t, uint32_t i)
{
    return t->category && t->category[i] != UINT32_MAX ? t->category[i] : STAGES;
}

/* Of calls of stage s, on a machine so much slower whose prompts go 64 tokens a step. */
static double naive_time(const struct trace_set *t, uint32_t s, double slower)
{
    double n = 0, prompt = 0, output = 0, us = 0;
    uint32_t p;

    for (uint32_t i = 0; i < t->n; i++)
        if ((t->category ? stage(t, i) : 0) == (t->category ? s : 0)) {
            n++;
            prompt += t->prompt[i];
            output += t->output[i];
        }
    if (n == 0)
        return 0;
    p = (uint32_t)(prompt / n);
    for (uint32_t at = 0; at < p; at += 64)
        us += 1000 + 10.0 * (p - at < 64 ? p - at : 64);
    us += (1000 + 10 + 2 * (floor((prompt + output / 2) / n) + 1)) * (output / n - 1);
    return 1e-6 * slower * us;
}

static double naive_mean(const struct trace_set *t, uint32_t s, const double *slower, uint32_t n)
{
    double sum = 0;

    for (uint32_t i = 0; i < n; i++)
        sum += naive_time(t, s, slower[i]);
    return sum / n;
}

static double naive_rest(const struct trace_set *t, uint32_t i, const double *slower, uint32_t n)
{
    double most = 0;

    for (uint32_t j = i + 1; j < t->n; j++)
        for (uint32_t k = t->after_end[j - 1]; k < t->after_end[j]; k++)
            if (t->after[k] == i)
                most = fmax(most, naive_rest(t, j, slower, n));
    return most + naive_mean(t, stage(t, i), slower, n);
}

static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-5 * (1e-6 + fabs(a) + fabs(b));
}

/* ---- a fleet ---- */

struct cluster_case {
    struct engine_opts engine[FLEET];
    struct replica_kind kind[FLEET];
    const struct replica_kind *of[FLEET];
    double slower[FLEET];
    struct replay_opts o;
};

static void make_cluster(struct cluster_case *c)
{
    uint32_t n = 2 + below(FLEET - 1);

    for (uint32_t i = 0; i < n; i++) {
        c->slower[i] = 1 + 0.25 * below(8);
        c->engine[i] = (struct engine_opts){.kv_blocks = 60 + below(100),
                                            .block_tokens = 4,
                                            .most_requests = 1 + below(5),
                                            .most_tokens = 64,
                                            .slower = c->slower[i]};
        c->kind[i] = (struct replica_kind){&c->engine[i], sched_at(below(2) ? 2 : 3), &test_cost};
        c->of[i] = &c->kind[i];
    }
    c->o = (struct replay_opts){.check = true,
                                .fleet = {.n = n,
                                          .kind = c->of,
                                          .route = &route_workload,
                                          .route_opts = {.alpha = 0.1 * below(11)},
                                          .urgency = below(2),
                                          .program_s = below(2) ? 1 + below(30) : 0,
                                          .program_scale = 0.5 * below(5)}};
}

static void check_budgets(const struct trace_set *t, const struct cluster_case *c,
                          const struct replay *p)
{
    const struct budgets *b = &p->fleet.budgets;
    const struct fleet_opts *f = &c->o.fleet;
    double scale = f->program_scale > 0 ? f->program_scale : 1;

    for (uint32_t i = 0; i < t->n; i++) {
        double mean = naive_mean(t, stage(t, i), c->slower, f->n), rest, objective, spent = 0,
               start;
        int64_t came = p->fleet.flight[i].came_ns, first = INT64_MAX;

        rest = naive_rest(t, i, c->slower, f->n);
        objective = scale * rest;
        for (uint32_t j = 0; j < t->n; j++)
            if (j != i && t->session[i] != UINT32_MAX && t->session[j] == t->session[i])
                objective = fmax(objective, scale * naive_rest(t, j, c->slower, f->n));
        objective = f->program_s > 0 ? f->program_s : objective;
        T_CHECKF(near(objective, budgets_objective_s(b, i)), "call %u", i);
        for (uint32_t j = 0; t->session[i] != UINT32_MAX && j < t->n; j++)
            if (t->session[j] == t->session[i] && replay_arrival(p, j) < first)
                first = replay_arrival(p, j);
        spent = first == INT64_MAX ? 0 : 1e-9 * (double)(came - first);
        start = 1e-9 * (double)came + (objective - spent) * mean / rest -
                naive_time(t, stage(t, i), c->slower[p->flight[i].replica]);
        T_CHECKF(fabs(start - 1e-9 * (double)b->start_by[i]) < 1e-5 * (1 + fabs(start)),
                 "call %u: %g, not %g", i, 1e-9 * (double)b->start_by[i], start);
    }
}

/* Who was where when call i came: those sent before that end later. Not to be told where one ended
 * in that moment. */
static bool work_then(const struct trace_set *t, const struct cluster_case *c,
                      const struct replay *p, uint32_t i, double *work)
{
    int64_t now = replay_arrival(p, i);

    for (uint32_t g = 0; g < c->o.fleet.n; g++)
        work[g] = 0;
    for (uint32_t j = 0; j < t->n; j++) {
        const struct flight *f = &p->flight[j];

        if (j == i || f->status != FLIGHT_ENDED || replay_arrival(p, j) > now)
            continue;
        if (replay_arrival(p, j) == now || f->last_ns == now)
            return false;
        if (f->last_ns > now)
            work[f->replica] += naive_time(t, stage(t, j), c->slower[f->replica]);
    }
    return true;
}

static void check_places(const struct trace_set *t, const struct cluster_case *c,
                         const struct replay *p)
{
    double work[FLEET], alpha = c->o.fleet.route_opts.alpha;

    for (uint32_t i = 0; i < t->n; i++) {
        double t0 = naive_time(t, stage(t, i), c->slower[0]), best = -INFINITY, here = -INFINITY;

        if (p->flight[i].status != FLIGHT_ENDED || !work_then(t, c, p, i, work))
            continue;
        for (uint32_t g = 0; g < c->o.fleet.n; g++) {
            double tg = naive_time(t, stage(t, i), c->slower[g]), x;

            if (!replica_can_run(&p->fleet.replica[g], i))
                continue;
            x = alpha * t0 / tg - (1 - alpha) * (work[g] + tg) / (work[0] + t0);
            best = fmax(best, x);
            here = g == p->flight[i].replica ? x : here;
        }
        T_CHECKF(here >= best - 1e-6 * (1 + fabs(best)), "call %u at %u: %g of %g", i,
                 p->flight[i].replica, here, best);
    }
}

static void check_queue(void *ctx, const struct replica *r)
{
    (void)ctx;
    for (size_t i = 1; r->start_by && i < r->waiting.n; i++)
        T_CHECK(r->start_by[deque_at(&r->waiting, i - 1)] <= r->start_by[deque_at(&r->waiting, i)]);
}

static void check_replay(struct columns *columns)
{
    struct cluster_case c;
    struct trace_set t;
    struct replay p;
    struct err e = {0};
    int rc;

    make_trace(columns, &t);
    make_cluster(&c);
    c.o.step = check_queue;
    rc = replay_run(&p, &t, NULL, &c.o, &e);
    T_CHECKF(rc == 0, "%s", e.msg);
    if (rc == 0 && p.rejected == 0) {
        check_budgets(&t, &c, &p);
        check_places(&t, &c, &p);
    }
    replay_free(&p);
}

/* Calls that were rejected are none that ended; of a program that came before, none is looked at.
 */
static void known(const struct trace_set *t, const struct replay *p, int64_t from_ns, bool *keep)
{
    for (uint32_t i = 0; i < t->n; i++) {
        int64_t came = replay_arrival(p, i);

        for (uint32_t j = 0; t->session[i] != UINT32_MAX && j < t->n; j++)
            if (t->session[j] == t->session[i] && replay_arrival(p, j) < came)
                came = replay_arrival(p, j);
        keep[i] = p->flight[i].status == FLIGHT_ENDED && came >= from_ns;
    }
}

static double tail_under(const struct cluster_case *c, const struct trace_set *t, double alpha)
{
    struct replay_opts o = c->o;
    struct slo none = {0};
    struct summary s = {0};
    struct replay p;
    struct err e = {0};

    o.fleet.route_opts.alpha = alpha;
    o.fleet.programs = true;
    T_CHECKF(replay_run(&p, t, NULL, &o, &e) == 0, "%s", e.msg);
    T_CHECKF(summarize(&s, &p, &none, &e) == 0, "%s", e.msg);
    replay_free(&p);
    return s.program.n > 0 ? s.program.point[METRIC_P95] : INFINITY;
}

static double best_alpha(const struct cluster_case *c, const struct trace_set *t, double alpha)
{
    double now = tail_under(c, t, alpha), tail, least = INFINITY, best = alpha;

    for (int i = 0; i <= 10; i++)
        if ((tail = tail_under(c, t, 0.05 * i)) < least) {
            least = tail;
            best = 0.05 * i;
        }
    return least < 0.95 * now ? best : alpha;
}

/* Tuning at the end of a replay, against replays of what is known then. */
static void check_tuning(struct columns *columns)
{
    struct cluster_case c;
    struct trace_set t, some;
    struct replay p;
    struct err e = {0};
    bool keep[CALLS];
    int64_t from_ns;
    double alpha, tuned;

    make_trace(columns, &t);
    make_cluster(&c);
    for (uint32_t i = 0; i < FLEET; i++)
        c.engine[i].max_length = 80;
    T_CHECKF(replay_run(&p, &t, NULL, &c.o, &e) == 0, "%s", e.msg);
    from_ns = below(2) ? 0 : t.t_ns[below(t.n)];
    known(&t, &p, from_ns, keep);
    T_CHECK(trace_pick(&some, &t, keep, &e) == 0);
    tuned = alpha = 0.1 * below(11);
    T_CHECKF(alpha_tune(&p.fleet, from_ns, &tuned, &e) == 0, "%s", e.msg);
    alpha = some.n > 0 ? best_alpha(&c, &some, alpha) : alpha;
    T_CHECKF(tuned >= alpha && tuned <= alpha, "%g, not %g", tuned, alpha);
    trace_set_free(&some);
    replay_free(&p);
}

/* Where clients send one call after the other it tunes by the times at which calls came: those of
 * the trace, or that there are none, make no difference. */
static void check_tuning_of_clients(struct columns *columns)
{
    struct cluster_case c;
    struct trace_set t;
    struct replay p[2];
    struct err e = {0};

    make_trace(columns, &t);
    make_cluster(&c);
    c.o.fleet.route_opts = (struct route_opts){.alpha = ROUTE_TUNES, .window_s = 0.3};
    c.o.clients = 1 + below(6);
    t.after_end = t.after = NULL;
    T_CHECKF(replay_run(&p[0], &t, NULL, &c.o, &e) == 0, "%s", e.msg);
    for (uint32_t i = 0; i < t.n; i++)
        t.t_ns[i] = TRACE_ABSENT;
    T_CHECKF(replay_run(&p[1], &t, NULL, &c.o, &e) == 0, "%s", e.msg);
    for (uint32_t i = 0; i < t.n; i++)
        T_CHECK(p[0].flight[i].replica == p[1].flight[i].replica &&
                p[0].flight[i].last_ns == p[1].flight[i].last_ns);
    replay_free(&p[0]);
    replay_free(&p[1]);
}

/* ---- parts of a trace ---- */

/* What keeps its meaning among those that are kept, and nothing else. */
static void check_program(const struct trace_set *t, uint32_t i, const struct trace_program *got,
                          const bool *keep)
{
    const struct trace_program *p = &t->program[i];
    uint32_t joins = 0;

    for (uint32_t a = i ? t->after_end[i - 1] : 0, k = 0; k < p->joins; a++, k++)
        joins += keep[t->after[a]];
    T_CHECK(got->joins == joins && got->common == p->common && got->reuse == p->reuse &&
            got->background == p->background);
    T_CHECK(got->race == 0 && got->winners == 0 && got->if_ended == 0 && got->then_output == 0);
}

static void check_picked(const struct trace_set *t, const struct trace_set *got, const bool *keep)
{
    uint32_t number[CALLS], n = 0;

    for (uint32_t i = 0; i < t->n; i++)
        number[i] = keep[i] ? n++ : UINT32_MAX;
    T_CHECK(got->n == n);
    for (uint32_t i = 0; i < t->n; i++) {
        uint32_t k = number[i], at, links = 0;
        uint64_t from = i ? t->hash_end[i - 1] : 0;

        if (!keep[i])
            continue;
        at = k ? got->after_end[k - 1] : 0;
        T_CHECK(got->t_ns[k] == t->t_ns[i] && got->prompt[k] == t->prompt[i] &&
                got->output[k] == t->output[i] && got->session[k] == t->session[i] &&
                got->tool_ns[k] == t->tool_ns[i] && !got->priority);
        T_CHECK(!t->category ? !got->category : got->category[k] == t->category[i]);
        for (uint32_t a = i ? t->after_end[i - 1] : 0; a < t->after_end[i]; a++)
            if (keep[t->after[a]])
                T_CHECK(got->after[at + links++] == number[t->after[a]]);
        T_CHECK(got->after_end[k] == at + links);
        T_CHECK(got->hash_end[k] - (k ? got->hash_end[k - 1] : 0) == t->hash_end[i] - from);
        for (uint64_t h = from; h < t->hash_end[i]; h++)
            T_CHECK(got->hashes[got->hash_end[k] - t->hash_end[i] + h] == t->hashes[h]);
        check_program(t, i, &got->program[k], keep);
        T_CHECK(memcmp(got->ids + (k ? got->id_end[k - 1] : 0), t->ids + 2 * (size_t)i, 2) == 0);
    }
}

static void make_programs(struct columns *c, struct trace_set *t)
{
    for (uint32_t i = 0; i < t->n; i++) {
        uint32_t links = t->after_end[i] - (i ? t->after_end[i - 1] : 0);

        c->program[i] = (struct trace_program){.joins = below(links + 1),
                                               .common = below(9),
                                               .reuse = below(9),
                                               .race = below(3),
                                               .winners = below(3),
                                               .if_ended = below(i + 1),
                                               .then_output = below(9),
                                               .background = below(2)};
    }
    t->program = c->program;
    t->races = 2;
}

static void check_pick(struct columns *columns)
{
    struct trace_set t, got;
    struct err e = {0};
    bool keep[CALLS];
    uint32_t share = below(4);

    make_trace(columns, &t);
    t.hash_end = columns->hash_end;
    t.hashes = columns->hashes;
    make_programs(columns, &t);
    for (uint32_t i = 0; i < CALLS; i++)
        keep[i] = below(3) < share;
    T_CHECK(trace_pick(&got, &t, keep, &e) == 0);
    check_picked(&t, &got, keep);
    trace_set_free(&got);
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 150;
    struct columns *columns = malloc(sizeof *columns);

    rng = argc > 2 ? strtoull(argv[2], NULL, 10) : 5;
    for (int i = 0; columns && i < rounds; i++) {
        check_replay(columns);
        check_tuning(columns);
        check_tuning_of_clients(columns);
        check_pick(columns);
    }
    free(columns);
    return t_done("prop_budget");
}
