/* trace-plot - pictures of replays, as SVG. */
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/mem.h"
#include "base/out.h"
#include "sim/plot.h"
#include "sim/plot_steps.h"

/* What is drawn of steps, not of requests, stands behind plot.h's. */
#define WHAT_NAMES PLOT_NAMES "|batch"
enum { WHAT_BATCH = PLOT_LOAD + 1 };

static const struct cli_prog prog = {
    "trace-plot", "REPLAY...",
    "Draw latencies, load or batches of replays and measured runs, several in one picture, as SVG.",
    1, -1};

struct asked {
    const char *out;
    struct cli_list names;
    bool tail, quiet, verbose;
    int what;
    char **path;
    size_t n;
};

/* The file's name without its folders, unless --name said another. */
static const char *name_of(const struct asked *a, size_t i)
{
    const char *slash = strrchr(a->path[i], '/');

    return i < a->names.n ? a->names.v[i] : slash ? slash + 1 : a->path[i];
}

static int draw_times(const struct asked *a, struct buf *picture, struct err *e)
{
    struct plot_run *runs = mem_zero(a->n, sizeof *runs, e);
    int rc = runs ? 0 : e->code;

    for (size_t i = 0; rc == 0 && i < a->n; i++) {
        runs[i].name = name_of(a, i);
        rc = times_load(&runs[i].times, a->path[i], e);
    }
    if (rc == 0)
        rc = plot_draw(picture, (enum plot_what)a->what, runs, a->n, a->tail, e);
    for (size_t i = 0; runs && i < a->n; i++)
        times_free(&runs[i].times);
    free(runs);
    return rc;
}

static int draw_batches(const struct asked *a, struct buf *picture, struct err *e)
{
    struct plot_steps *runs = mem_zero(a->n, sizeof *runs, e);
    int rc = runs ? 0 : e->code;

    for (size_t i = 0; rc == 0 && i < a->n; i++) {
        runs[i].name = name_of(a, i);
        rc = plot_steps_load(&runs[i], a->path[i], e);
    }
    if (rc == 0)
        rc = plot_steps_draw(picture, runs, a->n, e);
    for (size_t i = 0; runs && i < a->n; i++)
        plot_steps_free(&runs[i]);
    free(runs);
    return rc;
}

static int plot(const struct asked *a, struct err *e)
{
    struct buf picture = {0};
    int rc = a->what == WHAT_BATCH ? draw_batches(a, &picture, e) : draw_times(a, &picture, e);

    if (rc == 0)
        rc = out_bytes(a->out, picture.p, picture.len, e);
    buf_free(&picture);
    return rc;
}

int main(int argc, char **argv)
{
    struct asked a = {0};
    const struct cli_opt opts[] = {
        CLI_CHOICE(0, "what", &a.what, WHAT_NAMES, "what is drawn (default ttft)"),
        CLI_FLAG(0, "tail", &a.tail, "shares of .9, .99, .999 are equally far apart"),
        CLI_LIST(0, "name", &a.names, "NAME", "what the legend calls the first, the second ..."),
        CLI_OUT(&a.out),
        CLI_QUIET(&a.quiet),
        CLI_VERBOSE(&a.verbose),
        CLI_END,
    };
    int first = cli_parse(&prog, opts, argc, argv), rc;
    struct err e = {0};

    a.path = argv + first;
    a.n = (size_t)(argc - first);
    if (a.names.n > a.n)
        cli_misuse("there are more names than replays");
    if (a.tail && a.what >= PLOT_LOAD)
        cli_misuse("'--tail' is of shares of requests");
    cli_files(&a.out, 1, (const char *const *)a.path, a.n);
    rc = plot(&a, &e);
    cli_finish(a.verbose);
    cli_list_free(&a.names);
    return rc == 0 ? CLI_DONE : cli_fail(&e);
}
