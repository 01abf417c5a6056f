/* trace-compare - a replay beside what was measured. */
#include <math.h>
#include <stdlib.h>

#include "base/cli.h"
#include "base/out.h"
#include "sim/sim.h"
#include "sim/times.h"

static const struct cli_prog prog = {
    "trace-compare", "REPLAY MEASURED",
    "Print a replay's latencies beside measured ones, with relative errors.", 2, 2};

struct asked {
    const char *out, *replay, *measured;
    bool json, quiet, verbose;
    double fail_above;
};

/* The largest error. */
struct worst {
    const char *metric, *what;
    double error;
};

static void row(struct out *o, const char *metric, const char *what, double ours, double theirs,
                struct worst *worst)
{
    double error = theirs > 0 ? ours / theirs - 1 : ours > 0 ? INFINITY : 0;

    if (fabs(error) > fabs(worst->error))
        *worst = (struct worst){metric, what, error};
    out_row(o);
    out_cstr(o, "metric", metric);
    out_cstr(o, "what", what);
    out_double(o, "replay_s", 1e-9 * ours, 6);
    out_double(o, "measured_s", 1e-9 * theirs, 6);
    out_double(o, "error", error, 4);
    out_end_row(o);
}

static void metric(struct out *o, const char *name, double *a, size_t n, double *b, size_t m,
                   struct worst *worst)
{
    struct distribution x, y;

    if (n == 0 || m == 0)
        return;
    distribution_of(&x, a, n);
    distribution_of(&y, b, m);
    row(o, name, "mean", x.mean, y.mean, worst);
    for (int p = 0; p < METRIC_POINTS; p++)
        row(o, name, metric_point_names[p], x.point[p], y.point[p], worst);
}

static int compare(const struct asked *a, struct worst *worst, struct err *e)
{
    struct out_opts to = {.path = a->out, .json = a->json};
    struct times x = {0}, y = {0};
    struct out *o = NULL;
    int rc = times_load(&x, a->replay, e);

    if (rc == 0)
        rc = times_load(&y, a->measured, e);
    if (rc == 0 && x.n != y.n)
        cli_note(a->quiet, "%zu requests are replayed, %zu measured", x.n, y.n);
    if (rc == 0)
        rc = out_open(&o, &to, e);
    if (rc == 0) {
        out_header(o, "metric what replay_s measured_s error");
        metric(o, "ttft", x.ttft, x.n, y.ttft, y.n, worst);
        metric(o, "tpot", x.tpot, x.n_tpot, y.tpot, y.n_tpot, worst);
        metric(o, "e2e", x.e2e, x.n, y.e2e, y.n, worst);
        rc = out_commit(&o, e);
    }
    times_free(&x);
    times_free(&y);
    return rc;
}

int main(int argc, char **argv)
{
    struct asked a = {.fail_above = INFINITY};
    const struct cli_opt opts[] = {
        CLI_DOUBLE(0, "fail-above", &a.fail_above, "X", "exit 1 if any error is above X"),
        CLI_OUT(&a.out),
        CLI_JSON(&a.json),
        CLI_QUIET(&a.quiet),
        CLI_VERBOSE(&a.verbose),
        CLI_END,
    };
    int first = cli_parse(&prog, opts, argc, argv);
    struct err e = {0};
    struct worst worst = {0};
    int rc;

    if (!(a.fail_above >= 0))
        cli_misuse("'--fail-above' is 0 or more");
    a.replay = argv[first];
    a.measured = argv[first + 1];
    cli_files(&a.out, 1, (const char *const *)argv + first, 2);
    rc = compare(&a, &worst, &e);
    if (rc == 0 && fabs(worst.error) > a.fail_above)
        rc = err_set(&e, ERR_INPUT, "the error of %s %s is %.4f", worst.metric, worst.what,
                     worst.error);
    cli_finish(a.verbose);
    return rc == 0 ? CLI_DONE : cli_fail(&e);
}
