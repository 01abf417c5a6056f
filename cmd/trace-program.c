/* trace-program - a made-up trace of programs: requests that fork, join, race, go on from each
 * other. */
#include "base/cli.h"
#include "base/mem.h"
#include "base/out.h"
#include "base/progress.h"
#include "sim/gen_program.h"
#include "sim/sim.h"

static const struct cli_prog prog = {
    "trace-program", "", "Make up a trace of programs: parallel paths, sleep-time, pruned context.",
    0, 0};

struct asked {
    const char *out, *prompt, *path, *answer, *queries, *wait, *question;
    bool quiet, verbose;
    int arrivals;
    struct program_opts o;
};

struct writer {
    struct out *out;
    struct buf line;
    struct progress *progress;
    uint64_t done;
};

static void parse_dist(struct dist *d, const char *option, const char *text)
{
    if (!dist_parse(d, text))
        cli_misuse("'%s' is " DIST_FORMS ", not '%s'", option, text);
}

static void parse_dists(struct asked *a)
{
    struct program_opts *o = &a->o;

    parse_dist(&o->gen.prompt, "--prompt", a->prompt);
    parse_dist(&o->path, "--path", a->path);
    parse_dist(&o->answer, "--answer", a->answer);
    parse_dist(&o->queries, "--queries", a->queries);
    parse_dist(&o->wait_s, "--wait", a->wait);
    parse_dist(&o->question, "--question", a->question);
    parse_dist(&o->gen.output, "--answer", "1");
    parse_dist(&o->gen.turns, "--answer", "1");
}

static bool is_tokens(uint64_t v)
{
    return v >= 1 && v <= TRACE_TOKENS_MOST;
}

static void settle(struct asked *a)
{
    struct program_opts *o = &a->o;

    parse_dists(a);
    if (o->kind == PROGRAM_SLEEP && o->queries.kind == DIST_FIXED && o->queries.a < 0.5)
        cli_misuse("'--queries' is 1 or more: without any there is nothing to think ahead for");
    o->gen.arrivals = (enum gen_arrivals)a->arrivals;
    cli_count_in("-n", o->gen.sessions, 1, UINT32_MAX);
    if (!(o->gen.rate > 0 && o->gen.rate < 1e9))
        cli_misuse("'--rate' is a number of programs a second, above 0 and below 1e9");
    cli_count_in("--paths", o->paths, 1, 4096);
    if (!is_tokens(o->sleep) || !is_tokens(o->before) || !is_tokens(o->after))
        cli_misuse("'--sleep', '--before' and '--after' are 1 to %d", TRACE_TOKENS_MOST);
    cli_number_in("--useful", o->useful, 0, 1);
    if (!(o->weight >= 0))
        cli_misuse("'--weight' is 0 or more");
    cli_count_in("--tasks", o->tasks, 1, 4096);
    cli_count_in("--depth", o->depth, 0, 12);
    cli_count_in("--fanout", o->fanout, 1, 16);
    if (o->thought > TRACE_TOKENS_MOST || o->leaf > TRACE_TOKENS_MOST || o->thought + o->leaf < 1 ||
        !is_tokens(o->conclusion))
        cli_misuse("'--thought', '--leaf' and '--conclusion' are up to %d tokens, the last at "
                   "least 1, the first two together",
                   TRACE_TOKENS_MOST);
    if (o->buffer != UINT64_MAX)
        cli_count_in("--buffer", o->buffer, 0, 1 << 20);
}

static int write_record(void *ctx, const struct trace_record *rec, struct err *e)
{
    struct writer *w = ctx;

    w->line.len = 0;
    if (trace_append(&w->line, rec, e) < 0)
        return e->code;
    out_raw(w->out, w->line.p, w->line.len);
    progress_report(w->progress, "generating", ++w->done, 0);
    return 0;
}

static int generate(const struct asked *a, struct progress *p, struct err *e)
{
    struct out_opts to = {.path = a->out, .json = true};
    struct writer w = {.progress = p};
    int rc = out_open(&w.out, &to, e);

    if (rc == 0)
        rc = program_generate(&a->o, write_record, &w, e);
    if (rc == 0 && w.done == 0)
        rc = err_set(e, ERR_USAGE,
                     "no context has a query, so that the trace is empty: '--queries'");
    if (rc == 0)
        rc = out_commit(&w.out, e);
    out_abort(&w.out);
    buf_free(&w.line);
    return rc;
}

int main(int argc, char **argv)
{
    struct asked a = {.prompt = "lognormal:300,200",
                      .path = "lognormal:4000,3000",
                      .answer = "lognormal:300,100",
                      .queries = "10",
                      .wait = "exp:30",
                      .question = "50",
                      .o = {.gen = {.sessions = 100,
                                    .rate = 1,
                                    .cv = 2,
                                    .on_s = 10,
                                    .off_s = 30,
                                    .period_s = 86400,
                                    .swing = 0.5,
                                    .block = 16,
                                    .seed = 1},
                            .paths = 8,
                            .sleep = 4000,
                            .before = 200,
                            .after = 40,
                            .useful = 1,
                            .weight = 10,
                            .tasks = 4,
                            .depth = 3,
                            .fanout = 3,
                            .thought = 60,
                            .leaf = 200,
                            .conclusion = 40,
                            .buffer = UINT64_MAX}};
    struct program_opts *o = &a.o;
    const struct cli_opt opts[] = {
        CLI_CHOICE(0, "kind", &o->kind, PROGRAM_KINDS, "what they are (default parathink)"),
        CLI_U64('n', "programs", &o->gen.sessions, "N", "how many (default 100)"),
        CLI_CHOICE(0, "arrivals", &a.arrivals, GEN_ARRIVALS, "the process (default poisson)"),
        CLI_DOUBLE(0, "rate", &o->gen.rate, "R", "programs a second on average (default 1)"),
        CLI_STR(0, "prompt", &a.prompt, "DIST", "tokens of a prompt (lognormal:300,200)"),
        CLI_U64(0, "paths", &o->paths, "P", "parathink: paths that fork (default 8)"),
        CLI_STR(0, "path", &a.path, "DIST", "tokens of one (lognormal:4000,3000)"),
        CLI_CHOICE(0, "stop", &o->stop, PROGRAM_STOPS, "when the others stop (default last)"),
        CLI_CHOICE(0, "summary", &o->summary, PROGRAM_SUMMARIES,
                   "how paths are read (default reuse)"),
        CLI_STR(0, "answer", &a.answer, "DIST", "tokens of the summary (lognormal:300,100)"),
        CLI_STR(0, "queries", &a.queries, "DIST", "sleep: queries of a context (default 10)"),
        CLI_STR(0, "wait", &a.wait, "DIST", "seconds before each (default exp:30)"),
        CLI_STR(0, "question", &a.question, "DIST", "tokens beside the context (default 50)"),
        CLI_U64(0, "sleep", &o->sleep, "N", "tokens of thinking ahead (default 4000)"),
        CLI_U64(0, "before", &o->before, "N", "of an answer without it (default 200)"),
        CLI_U64(0, "after", &o->after, "N", "and with it (default 40)"),
        CLI_DOUBLE(0, "useful", &o->useful, "X", "share of queries that are foreseen (default 1)"),
        CLI_DOUBLE(0, "weight", &o->weight, "X", "of a token that is waited for (default 10)"),
        CLI_CHOICE(0, "policy", &o->policy, PROGRAM_POLICIES, "who thinks ahead (default rho)"),
        CLI_U64(0, "tasks", &o->tasks, "N", "prune: tasks at the top (default 4)"),
        CLI_U64(0, "depth", &o->depth, "N", "levels below (default 3)"),
        CLI_U64(0, "fanout", &o->fanout, "N", "parts of each (default 3)"),
        CLI_U64(0, "thought", &o->thought, "N", "tokens before its parts (default 60)"),
        CLI_U64(0, "leaf", &o->leaf, "N", "of one that has none (default 200)"),
        CLI_U64(0, "conclusion", &o->conclusion, "N", "and after them (default 40)"),
        CLI_U64(0, "buffer", &o->buffer, "B", "closed lists that stay (default: all)"),
        CLI_SEED(&o->gen.seed),
        CLI_OUT(&a.out),
        CLI_QUIET(&a.quiet),
        CLI_VERBOSE(&a.verbose),
        CLI_END,
    };
    struct progress progress;
    struct err e = {0};
    int rc;

    cli_parse(&prog, opts, argc, argv);
    settle(&a);
    progress_init(&progress, a.quiet);
    rc = generate(&a, &progress, &e);
    progress_end(&progress);
    cli_finish(a.verbose);
    return rc == 0 ? CLI_DONE : cli_fail(&e);
}
