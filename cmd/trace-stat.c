/* trace-stat - what is in a serving trace: rates, lengths, shared prefixes. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/out.h"
#include "base/progress.h"
#include "sim/plot_trace.h"
#include "sim/reuse.h"
#include "sim/sim.h"

static const struct cli_prog prog = {
    "trace-stat", "TRACE", "Print a serving trace's rates, lengths and shared prefixes.", 1, 1};

enum { SIZES_MOST = 256 };

struct asked {
    const char *out, *path, *sizes, *svg;
    bool json, skip_bad, quiet, verbose;
    int from;
    uint64_t block;
    double size[SIZES_MOST];
    size_t n_sizes;
};

/* A column of all requests. */
struct column {
    double *v;
    size_t n, cap;
};

struct stat {
    struct column prompt, output, gap, at; /* at: arrivals, for a picture */
    uint64_t requests, bad, waiting, hashed, block;
    int64_t first_ns, last_ns;
    bool timed;
    struct reuse *reuse;
};

/* ---- reading ---- */

static int add(struct column *c, double v, struct err *e)
{
    if (mem_reserve(&c->v, &c->cap, c->n + 1, sizeof *c->v, e) < 0)
        return e->code;
    c->v[c->n++] = v;
    return 0;
}

static int take_time(struct stat *s, int64_t t_ns, struct err *e)
{
    if (t_ns == TRACE_ABSENT)
        return 0;
    if (s->timed && t_ns < s->last_ns)
        return err_set(e, ERR_INPUT,
                       "it comes %" PRId64 " ns before the record above it ('trace-convert --sort' "
                       "puts them in order)",
                       s->last_ns - t_ns);
    if (s->timed && add(&s->gap, (double)(t_ns - s->last_ns), e) < 0)
        return e->code;
    if (add(&s->at, (double)t_ns, e) < 0)
        return e->code;
    s->first_ns = s->timed ? s->first_ns : t_ns;
    s->last_ns = t_ns;
    s->timed = true;
    return 0;
}

static int take(struct stat *s, const struct trace_record *rec, struct err *e)
{
    if (take_time(s, rec->t_ns, e) < 0)
        return e->code;
    s->requests++;
    s->waiting += rec->n_after > 0;
    s->hashed += rec->n_hashes > 0;
    s->block = rec->block ? rec->block : s->block;
    if (add(&s->prompt, (double)rec->prompt, e) < 0 || add(&s->output, (double)rec->output, e) < 0)
        return e->code;
    return reuse_add(s->reuse, rec->hashes, rec->n_hashes, e);
}

static int read_all(const struct asked *a, struct stat *s, struct progress *p, struct err *e)
{
    struct trace_read_opts how = {.format = (enum trace_format)a->from, .block = a->block};
    struct trace_reader *r = NULL;
    struct trace_record rec;
    int rc = reuse_new(&s->reuse, e);

    if (rc == 0)
        rc = trace_open(&r, a->path, &how, e);
    while (rc >= 0 && (rc = trace_read(r, &rec, e)) != 0) {
        if (rc > 0 && (rc = take(s, &rec, e)) == ERR_INPUT)
            err_prefix(e, "%s: line %" PRIu64, trace_name(r), trace_line(r));
        if (rc == ERR_INPUT && a->skip_bad) {
            s->bad++;
            rc = 0;
        }
        progress_report(p, "reading", trace_pos(r), trace_size(r));
    }
    trace_close(r);
    return rc;
}

/* ---- writing ---- */

static void lengths(struct out *o, const char *what, struct column *c)
{
    struct distribution d;
    char name[40];

    distribution_of(&d, c->v, c->n);
    snprintf(name, sizeof name, "%s_mean", what);
    out_value(o, name, d.mean, 1);
    for (int p = 0; p < METRIC_POINTS; p++) {
        snprintf(name, sizeof name, "%s_%s", what, metric_point_names[p]);
        out_value(o, name, d.point[p], 0);
    }
    snprintf(name, sizeof name, "%s_max", what);
    out_value(o, name, d.most, 0);
}

/* Standard deviation of the times between arrivals, over their mean: 1 of a Poisson process. */
static double burstiness(const struct column *gap)
{
    double mean = 0, square = 0;

    for (size_t i = 0; i < gap->n; i++)
        mean += gap->v[i] / (double)gap->n;
    for (size_t i = 0; i < gap->n; i++)
        square += (gap->v[i] - mean) * (gap->v[i] - mean) / (double)gap->n;
    return mean > 0 ? sqrt(square) / mean : 0;
}

static void times(struct out *o, const struct stat *s)
{
    double span = 1e-9 * (double)(s->last_ns - s->first_ns);

    if (!s->timed)
        return;
    out_value(o, "span_s", span, 3);
    out_value(o, "rate_per_s", span > 0 ? (double)(s->requests - 1) / span : 0, 4);
    out_value(o, "burstiness", burstiness(&s->gap), 3);
}

static void reuse_row(struct out *o, const struct stat *s, const char *blocks, uint64_t n)
{
    uint64_t asked = reuse_asked(s->reuse), hits = reuse_hits(s->reuse, n);

    out_table_row(o);
    out_cstr(o, "blocks", blocks);
    out_u64(o, "hits", hits);
    out_double(o, "share", asked ? (double)hits / (double)asked : 0, 6);
    out_end_table_row(o);
}

/* Caches as they were asked for, or of 100, 200, 500, 1000 ... blocks; and one that holds all. */
static void reuse_table(struct out *o, const struct asked *a, const struct stat *s)
{
    static const uint64_t steps[] = {1, 2, 5};
    uint64_t unique = reuse_unique(s->reuse);
    char name[24];

    out_table(o, "reuse", "blocks hits share");
    for (size_t i = 0; i < a->n_sizes; i++) {
        uint64_t size = (uint64_t)a->size[i];

        snprintf(name, sizeof name, "%" PRIu64, size);
        reuse_row(o, s, name, size);
    }
    for (uint64_t i = 0, ten = 100; a->n_sizes == 0 && steps[i] * ten < unique;
         i = (i + 1) % 3, ten = i ? ten : 10 * ten) {
        snprintf(name, sizeof name, "%" PRIu64, steps[i] * ten);
        reuse_row(o, s, name, steps[i] * ten);
    }
    reuse_row(o, s, "all", unique);
    out_end_table(o);
}

static void print(struct out *o, const struct asked *a, struct stat *s)
{
    out_facts(o);
    out_value(o, "requests", (double)s->requests, 0);
    times(o, s);
    out_value(o, "waiting_for_others", (double)s->waiting, 0);
    lengths(o, "prompt", &s->prompt);
    lengths(o, "output", &s->output);
    if (s->hashed) {
        out_value(o, "block", (double)s->block, 0);
        out_value(o, "hashes", (double)reuse_asked(s->reuse), 0);
        out_value(o, "hashes_unique", (double)reuse_unique(s->reuse), 0);
        reuse_table(o, a, s);
    }
    out_end_facts(o);
}

/* Of the lengths in order, as print() leaves them. */
static int draw(const struct asked *a, const struct stat *s, struct err *e)
{
    const struct plot_trace t = {.arrival_ns = s->at.v,
                                 .n_arrivals = s->at.n,
                                 .prompt = s->prompt.v,
                                 .output = s->output.v,
                                 .n = s->prompt.n,
                                 .reuse = s->hashed ? s->reuse : NULL};
    struct buf picture = {0};
    int rc = plot_trace_draw(&picture, &t, e);

    if (rc == 0)
        rc = out_bytes(a->svg, picture.p, picture.len, e);
    buf_free(&picture);
    return rc;
}

static int write_stat(const struct asked *a, struct stat *s, struct err *e)
{
    struct out_opts to = {.path = a->out, .json = a->json};
    struct out *o = NULL;

    if (out_open(&o, &to, e) < 0)
        return e->code;
    print(o, a, s);
    if (a->svg && draw(a, s, e) < 0) {
        out_abort(&o);
        return e->code;
    }
    return out_commit(&o, e);
}

static int stat_trace(const struct asked *a, struct progress *p, struct err *e)
{
    struct stat s = {0};
    int rc = read_all(a, &s, p, e);

    if (rc == 0)
        rc = write_stat(a, &s, e);
    if (rc == 0 && s.bad)
        cli_note(a->quiet, "%" PRIu64 " bad records were left out", s.bad);
    free(s.prompt.v);
    free(s.output.v);
    free(s.gap.v);
    free(s.at.v);
    reuse_free(s.reuse);
    return rc;
}

static void settle(struct asked *a)
{
    cli_outputs_once((const char *const[]){a->svg, a->out ? a->out : "-"}, 2,
                     "numbers and picture");
    cli_inputs_stay((const char *const[]){a->svg, a->out}, 2, &a->path, 1);
    if (a->sizes && !(a->n_sizes = list_numbers(a->sizes, a->size, SIZES_MOST)))
        cli_misuse("'--blocks' is a list of up to %d numbers, not '%s'", SIZES_MOST, a->sizes);
    for (size_t i = 0; i < a->n_sizes; i++)
        if (!(a->size[i] >= 0 && a->size[i] <= 1e15 && a->size[i] == floor(a->size[i])))
            cli_misuse("'--blocks' are whole numbers from 0 to 1e15");
}

int main(int argc, char **argv)
{
    struct asked a = {.from = TRACE_AUTO};
    const struct cli_opt opts[] = {
        CLI_STR(0, "blocks", &a.sizes, "LIST", "sizes of prefix caches (default: 100, 200, ...)"),
        CLI_CHOICE(0, "from", &a.from, TRACE_FORMAT_NAMES,
                   "the format (default: by the first line)"),
        CLI_U64(0, "block", &a.block, "N",
                "tokens that a hash stands for (default: by format and lengths)"),
        CLI_STR(0, "svg", &a.svg, "FILE", "draw arrivals, lengths and prefix reuse too, as SVG"),
        CLI_FLAG(0, "skip-bad", &a.skip_bad, "leave bad records out, and count them"),
        CLI_OUT(&a.out),
        CLI_JSON(&a.json),
        CLI_QUIET(&a.quiet),
        CLI_VERBOSE(&a.verbose),
        CLI_END,
    };
    struct progress progress;
    struct err e = {0};
    int rc;

    a.path = argv[cli_parse(&prog, opts, argc, argv)];
    settle(&a);
    progress_init(&progress, a.quiet);
    rc = stat_trace(&a, &progress, &e);
    progress_end(&progress);
    cli_finish(a.verbose);
    return rc == 0 ? CLI_DONE : cli_fail(&e);
}
