/* trace-convert - serving traces of the public formats, as JSON Lines of trace(5). */
#include <inttypes.h>
#include <math.h>

#include "base/cli.h"
#include "base/fixed.h"
#include "base/out.h"
#include "base/progress.h"
#include "sim/trace.h"
#include "sim/trace_sort.h"

static const struct cli_prog prog = {
    "trace-convert", "TRACE...", "Convert serving traces to JSON Lines, and change them.", 1, -1};

#define NOT_GIVEN (-HUGE_VAL) /* of an option's number: no text is it */

struct asked {
    const char *out;
    const char *const *paths;
    size_t n;
    int from;
    uint64_t block, clip, seed;
    double scale, rate, sample;
    bool merge, sort, skip_bad, quiet, verbose;
};

struct counts {
    uint64_t read, bad, clipped, left_out;
};

/* Where records go. */
struct sink {
    struct out *out;
    struct buf line;
    struct trace_sort sort;
    struct trace_sample sample;
    int64_t last_ns;
};

static void settle(struct asked *a)
{
    if (a->n > 1 && !a->merge)
        cli_misuse("several traces become one with '--merge'");
    cli_std_once(a->paths, a->n);
    if (a->clip < 2)
        cli_misuse("'--clip' is 2 or more: a prompt and an output have a token each");
    if (!(a->scale > 0 && a->scale < 1e18))
        cli_misuse("'--scale-time' is a number above 0");
    if (a->rate != NOT_GIVEN && !(a->rate > 0 && a->rate < 1e9))
        cli_misuse("'--rate' is a number of requests a second, above 0 and below 1e9");
    if (!(a->sample > 0 && a->sample <= 1))
        cli_misuse("'--sample' is a share above 0 and up to 1");
    cli_count_in("--block", a->block, 0, TRACE_TOKENS_MOST);
}

/* Puts the record's place before the sentence. */
static int at_line(const struct trace_reader *r, struct err *e)
{
    if (trace_format(r) == TRACE_HEXGEN)
        return err_prefix(e, "%s", trace_name(r));
    return err_prefix(e, "%s: line %" PRIu64, trace_name(r), trace_line(r));
}

static int put(const struct asked *a, struct sink *s, const struct trace_record *rec, struct err *e)
{
    if (a->sort)
        return trace_sort_add(&s->sort, rec, e);
    s->line.len = 0;
    if (trace_append(&s->line, rec, e) < 0)
        return e->code;
    out_raw(s->out, s->line.p, s->line.len);
    return 0;
}

/* A deadline stays as far behind the arrival as it was. */
static int new_arrival(struct trace_poisson *arrivals, struct trace_record *rec, struct err *e)
{
    int64_t was_ns = rec->t_ns;

    if (trace_poisson(arrivals, rec, e) < 0)
        return e->code;
    if (was_ns == TRACE_ABSENT || rec->deadline_ns == TRACE_ABSENT)
        return 0;
    if (__builtin_add_overflow(rec->deadline_ns, rec->t_ns - was_ns, &rec->deadline_ns))
        return err_set(e, ERR_USAGE, "its deadline is beyond 292 years when it is moved");
    return 0;
}

/* ERR_INPUT: as trace(5) has it, the record is a bad one. */
static int check_time(const struct asked *a, struct sink *s, const struct trace_record *rec,
                      struct err *e)
{
    if (rec->t_ns == TRACE_ABSENT)
        return err_set(e, ERR_INPUT, "it has no time: '--rate' gives the trace arrivals");
    if (!a->sort && rec->t_ns < s->last_ns)
        return err_set(e, ERR_INPUT,
                       "it comes %" PRId64 " ns before the record above it ('--sort' "
                       "puts them in order)",
                       s->last_ns - rec->t_ns);
    s->last_ns = rec->t_ns;
    return 0;
}

/* One record through all changes. */
static int change(const struct asked *a, struct trace_poisson *arrivals, struct counts *c,
                  struct sink *s, struct trace_record *rec, struct err *e)
{
    int in = a->sample < 1 ? trace_sampled(&s->sample, rec, e) : 1;

    c->left_out += in == 0;
    if (in <= 0)
        return in;
    if (a->rate != NOT_GIVEN && new_arrival(arrivals, rec, e) < 0)
        return e->code;
    if (check_time(a, s, rec, e) < 0) {
        c->bad += a->skip_bad;
        return a->skip_bad ? 0 : e->code;
    }
    if (!fixed_scale(&rec->t_ns, a->scale) ||
        (rec->deadline_ns != TRACE_ABSENT && !fixed_scale(&rec->deadline_ns, a->scale)))
        return err_set(e, ERR_USAGE,
                       "its time, or deadline, is beyond 292 years when it is scaled");
    c->clipped += trace_clip(rec, a->clip);
    if (c->clipped && rec->joins > 0)
        return err_set(e, ERR_INPUT,
                       "it goes on from others, and it or one above was cut: its prompt would not "
                       "be what they gave");
    return put(a, s, rec, e);
}

static int convert_all(const struct asked *a, struct trace_merge *m, struct counts *c,
                       struct sink *s, struct progress *p, struct err *e)
{
    struct trace_poisson arrivals = {.rate = a->rate, .seed = a->seed};
    struct trace_reader *from;
    struct trace_record rec;
    int rc;

    while ((rc = trace_merge_next(m, &rec, &from, e)) != 0) {
        if (rc == ERR_INPUT && a->skip_bad) {
            c->bad++;
            continue;
        }
        if (rc < 0)
            return rc;
        c->read++;
        if (change(a, &arrivals, c, s, &rec, e) < 0)
            return at_line(from, e);
        if (out_failed(s->out))
            return 0;
        progress_report(p, "converting", trace_pos(from), trace_size(from));
    }
    return 0;
}

static void put_sorted(struct sink *s)
{
    trace_sort_end(&s->sort);
    for (size_t i = 0; i < s->sort.n && !out_failed(s->out); i++) {
        size_t len;
        const char *line = trace_sort_line(&s->sort, i, &len);

        out_raw(s->out, line, len);
    }
}

/* Nothing is changed, or left out, without a word. */
static void say(const struct asked *a, const struct counts *c)
{
    if (c->bad)
        cli_note(a->quiet, "%" PRIu64 " bad records were left out", c->bad);
    if (c->left_out)
        cli_note(a->quiet, "%" PRIu64 " of %" PRIu64 " requests are not in the sample", c->left_out,
                 c->read);
    if (c->clipped)
        cli_note(a->quiet, "%" PRIu64 " of %" PRIu64 " requests were cut to %" PRIu64 " tokens",
                 c->clipped, c->read, a->clip);
}

static int convert(const struct asked *a, struct progress *p, struct err *e)
{
    struct trace_read_opts how = {.format = (enum trace_format)a->from, .block = a->block};
    struct out_opts to = {.path = a->out, .json = true};
    struct trace_merge *m = NULL;
    struct counts c = {0};
    struct sink s = {.sample = {a->sample, a->seed, NULL}};
    int rc = trace_merge_open(&m, a->paths, a->n, &how, e);

    if (rc == 0)
        rc = out_open(&s.out, &to, e);
    if (rc == 0)
        rc = convert_all(a, m, &c, &s, p, e);
    if (rc == 0)
        put_sorted(&s);
    if (rc == 0 && (rc = out_commit(&s.out, e)) == 0)
        say(a, &c);
    out_abort(&s.out);
    trace_sort_free(&s.sort);
    trace_sample_free(&s.sample);
    buf_free(&s.line);
    trace_merge_close(m);
    return rc;
}

int main(int argc, char **argv)
{
    struct asked a = {.from = TRACE_AUTO,
                      .clip = UINT64_MAX,
                      .scale = 1,
                      .rate = NOT_GIVEN,
                      .sample = 1,
                      .seed = 1};
    const struct cli_opt opts[] = {
        CLI_CHOICE(0, "from", &a.from, TRACE_FORMAT_NAMES,
                   "the format (default: by the first line)"),
        CLI_U64(0, "block", &a.block, "N",
                "tokens that a hash stands for (default: by format and lengths)"),
        CLI_DOUBLE(0, "scale-time", &a.scale, "X", "multiply arrivals and deadlines by X"),
        CLI_DOUBLE(0, "rate", &a.rate, "R", "draw new arrivals, R a second on average (Poisson)"),
        CLI_U64(0, "clip", &a.clip, "N", "cut prompts so that prompt and output are N tokens"),
        CLI_DOUBLE(0, "sample", &a.sample, "SHARE", "keep a random share of sessions or requests"),
        CLI_FLAG(0, "merge", &a.merge, "several traces as one, by time"),
        CLI_FLAG(0, "sort", &a.sort, "put records in the order of time (held in memory)"),
        CLI_FLAG(0, "skip-bad", &a.skip_bad, "leave bad records out, and count them"),
        CLI_SEED(&a.seed),
        CLI_OUT(&a.out),
        CLI_QUIET(&a.quiet),
        CLI_VERBOSE(&a.verbose),
        CLI_END,
    };
    int first = cli_parse(&prog, opts, argc, argv), rc;
    struct progress progress;
    struct err e = {0};

    a.paths = (const char *const *)(argv + first);
    a.n = (size_t)(argc - first);
    settle(&a);
    progress_init(&progress, a.quiet);
    rc = convert(&a, &progress, &e);
    progress_end(&progress);
    cli_finish(a.verbose);
    return rc == 0 ? CLI_DONE : cli_fail(&e);
}
