/* trace-gen - a made-up serving trace. */
#include "base/cli.h"
#include "base/mem.h"
#include "base/out.h"
#include "base/progress.h"
#include "sim/gen.h"
#include "sim/sim.h"

static const struct cli_prog prog = {
    "trace-gen", "", "Make up a serving trace: arrivals, lengths, shared prefixes, sessions.", 0,
    0};

struct asked {
    const char *out, *prompt, *output, *turns, *tool, *lengths, *sharing, *prefix_tokens;
    bool quiet, verbose;
    int arrivals;
    struct gen_opts o;
};

static void parse_dist(struct dist *d, const char *option, const char *text)
{
    if (!dist_parse(d, text))
        cli_misuse("'%s' is " DIST_FORMS ", not '%s'", option, text);
}

static void settle(struct asked *a)
{
    struct gen_opts *o = &a->o;

    o->arrivals = (enum gen_arrivals)a->arrivals;
    parse_dist(&o->prompt, "--prompt", a->prompt);
    parse_dist(&o->output, "--answer", a->output);
    parse_dist(&o->turns, "--turns", a->turns);
    parse_dist(&o->tool_s, "--tool", a->tool);
    parse_dist(&o->prefix_tokens, "--prefix-tokens", a->prefix_tokens);
    o->shared = a->sharing != NULL;
    if (o->shared)
        parse_dist(&o->sharing, "--sharing", a->sharing);
    if (o->shared && o->prefixes > 0)
        cli_misuse("'--sharing' and '--prefixes' do not go together");
    if (o->in_order && !o->shared)
        cli_misuse("'--in-order' goes with '--sharing'");
    cli_count_in("-n", o->sessions, 1, UINT32_MAX);
    if (!(o->rate > 0 && o->rate < 1e9))
        cli_misuse("'--rate' is a number of sessions a second, above 0 and below 1e9");
    if (!(o->cv > 0 && o->cv <= 100))
        cli_misuse("'--cv' is above 0 and up to 100");
    if (!(o->on_s > 0 && o->off_s >= 0))
        cli_misuse("'--on' is above 0, '--off' 0 or more");
    if (!(o->period_s > 0 && o->swing >= 0 && o->swing <= 1))
        cli_misuse("'--period' is above 0, '--swing' 0 to 1");
    if (o->block < 1 || o->block > TRACE_TOKENS_MOST || o->common_tokens > TRACE_TOKENS_MOST)
        cli_misuse("'--block' and '--common-tokens' are up to %d", TRACE_TOKENS_MOST);
    if (o->prefixes > UINT32_MAX || !(o->prefix_zipf >= 0 && o->prefix_zipf <= 100))
        cli_misuse("'--prefixes' is up to 4294967295, '--prefix-zipf' up to 100");
}

static int write_all(const struct asked *a, struct progress *p, struct err *e)
{
    struct out_opts to = {.path = a->out, .json = true};
    struct trace_record rec;
    struct buf line = {0};
    struct gen *g = NULL;
    struct out *o = NULL;
    uint64_t done = 0;
    int rc = gen_new(&g, &a->o, e);

    if (rc == 0)
        rc = out_open(&o, &to, e);
    while (rc >= 0 && (rc = gen_next(g, &rec, e)) > 0 && !out_failed(o)) {
        line.len = 0;
        if ((rc = trace_append(&line, &rec, e)) < 0)
            break;
        out_raw(o, line.p, line.len);
        progress_report(p, "generating", ++done, 0);
    }
    if (rc >= 0)
        rc = out_commit(&o, e);
    out_abort(&o);
    buf_free(&line);
    gen_free(g);
    return rc;
}

static int generate(struct asked *a, struct progress *p, struct err *e)
{
    struct trace_load_opts how = {.read = {.format = TRACE_AUTO}, .any_times = true};
    struct trace_set lengths = {0};
    uint64_t bad;
    int rc = a->lengths ? trace_load(&lengths, a->lengths, &how, &bad, e) : 0;

    if (rc == 0 && a->lengths && lengths.n == 0)
        rc = err_set(e, ERR_INPUT, "%s holds no request", a->lengths);
    a->o.lengths = a->lengths ? &lengths : NULL;
    if (rc == 0)
        rc = write_all(a, p, e);
    trace_set_free(&lengths);
    return rc;
}

int main(int argc, char **argv)
{
    struct asked a = {.prompt = "lognormal:1000,1000",
                      .output = "lognormal:200,200",
                      .turns = "1",
                      .tool = "exp:1",
                      .prefix_tokens = "1024",
                      .o = {.sessions = 1000,
                            .rate = 1,
                            .cv = 2,
                            .on_s = 10,
                            .off_s = 30,
                            .period_s = 86400,
                            .swing = 0.5,
                            .prefix_zipf = 1,
                            .block = 16,
                            .seed = 1}};
    const struct cli_opt opts[] = {
        CLI_U64('n', "sessions", &a.o.sessions, "N", "how many (default 1000)"),
        CLI_CHOICE(0, "arrivals", &a.arrivals, GEN_ARRIVALS, "the process (default poisson)"),
        CLI_DOUBLE(0, "rate", &a.o.rate, "R", "sessions a second on average (default 1)"),
        CLI_DOUBLE(0, "cv", &a.o.cv, "X", "gamma: deviation over mean of the gaps (default 2)"),
        CLI_DOUBLE(0, "on", &a.o.on_s, "S", "bursts: mean seconds of one (default 10)"),
        CLI_DOUBLE(0, "off", &a.o.off_s, "S", "bursts: mean seconds between (default 30)"),
        CLI_DOUBLE(0, "period", &a.o.period_s, "S", "diurnal: seconds of a day (default 86400)"),
        CLI_DOUBLE(0, "swing", &a.o.swing, "X", "diurnal: how far the rate goes (default 0.5)"),
        CLI_STR(0, "prompt", &a.prompt, "DIST", "new tokens of a turn (lognormal:1000,1000)"),
        CLI_STR(0, "answer", &a.output, "DIST", "tokens of its output (lognormal:200,200)"),
        CLI_STR(0, "lengths", &a.lengths, "TRACE", "draw both from the requests of a trace"),
        CLI_STR(0, "turns", &a.turns, "DIST", "turns of a session (default 1)"),
        CLI_STR(0, "tool", &a.tool, "DIST", "seconds between turns (default exp:1)"),
        CLI_U64(0, "prefixes", &a.o.prefixes, "N", "prefixes that prompts share (default 0)"),
        CLI_STR(0, "prefix-tokens", &a.prefix_tokens, "DIST", "tokens of one (default 1024)"),
        CLI_DOUBLE(0, "prefix-zipf", &a.o.prefix_zipf, "S",
                   "how much more the first are used (default 1)"),
        CLI_STR(0, "sharing", &a.sharing, "DIST",
                "instead: how many sessions share a prefix, in random order"),
        CLI_FLAG(0, "in-order", &a.o.in_order, "sharing: those of a prefix in a row"),
        CLI_U64(0, "common-tokens", &a.o.common_tokens, "N",
                "tokens that all prefixes begin with (default 0)"),
        CLI_U64(0, "block", &a.o.block, "N", "tokens that a hash stands for (default 16)"),
        CLI_SEED(&a.o.seed),
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
    cli_inputs_stay(&a.out, 1, &a.lengths, 1);
    progress_init(&progress, a.quiet);
    rc = generate(&a, &progress, &e);
    progress_end(&progress);
    cli_finish(a.verbose);
    return rc == 0 ? CLI_DONE : cli_fail(&e);
}
