/* trace-plot - pictures of replays, as SVG. */
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/mem.h"
#include "base/out.h"
#include "sim/plot.h"

static const struct cli_prog prog = {
    "trace-plot", "REPLAY...",
    "Draw latencies or load of replays and measured runs, several in one picture, as SVG.", 1, -1};

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

static int load_all(const struct asked *a, struct plot_run *runs, struct err *e)
{
    for (size_t i = 0; i < a->n; i++) {
        runs[i].name = name_of(a, i);
        if (times_load(&runs[i].times, a->path[i], e) < 0)
            return e->code;
    }
    return 0;
}

static int plot(const struct asked *a, struct err *e)
{
    struct plot_run *runs = mem_zero(a->n, sizeof *runs, e);
    struct out_opts to = {.path = a->out};
    struct buf picture = {0};
    struct out *o = NULL;
    int rc = runs ? load_all(a, runs, e) : e->code;

    if (rc == 0)
        rc = plot_draw(&picture, (enum plot_what)a->what, runs, a->n, a->tail, e);
    if (rc == 0)
        rc = out_open(&o, &to, e);
    if (rc == 0) {
        out_raw(o, picture.p, picture.len);
        rc = out_commit(&o, e);
    }
    for (size_t i = 0; runs && i < a->n; i++)
        times_free(&runs[i].times);
    free(runs);
    buf_free(&picture);
    return rc;
}

int main(int argc, char **argv)
{
    struct asked a = {0};
    const struct cli_opt opts[] = {
        CLI_CHOICE(0, "what", &a.what, PLOT_NAMES, "what is drawn (default ttft)"),
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
    rc = plot(&a, &e);
    cli_finish(a.verbose);
    cli_list_free(&a.names);
    return rc == 0 ? CLI_DONE : cli_fail(&e);
}
