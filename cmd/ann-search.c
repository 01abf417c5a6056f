/* ann-search - approximate nearest neighbours of queries, by an index of ann-build. */
#include <string.h>
#include <unistd.h>

#include "ann/search_file.h"
#include "base/cli.h"
#include "base/par.h"
#include "base/progress.h"
#include "vec/vec.h"

static const struct cli_prog prog = {
    "ann-search", "IDX QUERIES",
    "Find near neighbours of every query in an index made by ann-build.", 2, 2};

#define NOT_GIVEN UINT64_MAX

struct asked {
    struct cli_common co;
    uint64_t k, ef, nprobe, reach, keep, rerank, share, factor, engine;
    double slack, recall, near; /* 0: not given */
    int io;
    const char *index, *queries;
    struct vec_read_opts read; /* the queries */
    bool load, explain;
    struct neigh_write_opts write;
    struct ann_choice_opts choice;
    struct ann_file_opts file;
};

static void check_ranges(const struct asked *a)
{
    const struct {
        const char *option;
        uint64_t value;
        int most;
    } from_1[] = {
        {"-k", a->k, ANN_EFFORT_MOST},
        {"--ef", a->ef, ANN_EFFORT_MOST},
        {"--nprobe", a->nprobe, ANN_EFFORT_MOST},
        {"--reach", a->reach, ANN_EFFORT_MOST},
        {"--keep", a->keep, ANN_KEEP_MOST},
        {"--factor", a->factor, ANN_FACTOR_MOST},
        {"--engine", a->engine, ANN_FAN_MOST},
        {"--share", a->share, ANN_SHARE_MOST},
    };

    for (size_t i = 0; i < sizeof from_1 / sizeof *from_1; i++)
        if (from_1[i].value != NOT_GIVEN)
            cli_count_in(from_1[i].option, from_1[i].value, 1, (uint64_t)from_1[i].most);
    if (a->near != 0 && !(a->near >= 1))
        cli_misuse("'--near' is 1 and above");
    cli_count_in("--rerank", a->rerank, 0, ANN_EFFORT_MOST);
    cli_number_in("--slack", a->slack, 0, ANN_SLACK_MOST);
    if (!(a->recall >= 0 && a->recall <= 1))
        cli_misuse("'--recall' is above 0, at most 1");
}

/* Each is read or written once, and by itself. */
static void check_files(const struct asked *a)
{
    const char *const in[] = {a->queries, a->choice.where_file, a->choice.tenants, a->index};
    const char *const out[] = {a->co.out ? a->co.out : "-", a->write.distances};

    cli_outputs_once(out, 2, "ids and distances");
    cli_files(out, 2, in, 4);
}

/* Options that rule each other out. */
static void check_pairs(const struct asked *a)
{
    if (a->choice.tenant && a->choice.tenants)
        cli_misuse("'--tenant' is for all queries, '--tenants-file' for each: not both");
    if (a->recall > 0 && (a->ef != NOT_GIVEN || a->nprobe != NOT_GIVEN || a->reach != NOT_GIVEN ||
                          a->keep != NOT_GIVEN || a->rerank > 0 || a->slack > 0))
        cli_misuse("'--recall' takes the index's settings, and others are given");
    if (a->choice.where && a->choice.where_file)
        cli_misuse("'--where' is for all queries, '--where-file' for each: one of them");
    if (a->explain && !a->choice.where && !a->choice.where_file)
        cli_misuse("'--explain' tells of '--where' or '--where-file'");
    if (cli_is_std(a->index))
        cli_misuse("an index is a file, not standard input");
}

/* What is written, and where. */
static void settle_output(struct asked *a)
{
    const char *wrong;

    a->write.path = a->co.out;
    if ((wrong = neigh_write_settle(&a->write, a->co.json)))
        cli_misuse("%s", wrong);
    check_files(a);
    if (neigh_is_binary(a->write.to))
        cli_not_on_terminal(a->write.path, "binary");
    a->write.k = (uint32_t)a->k;
}

static void settle(struct asked *a)
{
    struct ann_search_opts *o = &a->file.o;

    check_ranges(a);
    check_pairs(a);
    settle_output(a);
    o->k = (uint32_t)a->k;
    o->rerank = (uint32_t)a->rerank;
    o->slack = (float)a->slack;
    o->near_lists = (float)a->near;
    o->factor = a->factor == NOT_GIVEN ? 0 : (uint32_t)a->factor;
    o->share = a->share == NOT_GIVEN ? 0 : (uint32_t)a->share;
    o->io = (enum reads_by)a->io;
    o->threads = a->choice.threads = par_threads(a->co.threads);
    a->file.fan = a->engine == NOT_GIVEN ? 0 : (uint32_t)a->engine;
}

/* --ef, --nprobe, --reach or --keep, to an index that takes it, and what goes with them. */
static int set_effort(struct asked *how, const struct ann_info *i, struct err *e)
{
    const struct {
        const char *name;
        uint64_t value;
    } given[] = {
        {"ef", how->ef}, {"nprobe", how->nprobe}, {"reach", how->reach}, {"keep", how->keep}};

    for (size_t g = 0; g < sizeof given / sizeof *given; g++) {
        if (given[g].value == NOT_GIVEN)
            continue;
        if (strcmp(given[g].name, i->effort) != 0)
            return err_set(e, ERR_USAGE, "%s is of kind %s, which takes '--%s', not '--%s'",
                           how->index, i->kind, i->effort, given[g].name);
        how->file.o.effort = (uint32_t)given[g].value;
    }
    if ((how->file.o.direct || how->io > 0 || how->share != NOT_GIVEN) && i->apart == 0)
        return err_set(
            e, ERR_USAGE,
            "%s is of kind %s, which is in memory: '--direct', '--io' and '--share' are for spann",
            how->index, i->kind);
    if (how->rerank && !i->rerank)
        return err_set(e, ERR_USAGE,
                       "%s is of kind %s, which knows without '--rerank' what to read", how->index,
                       i->kind);
    if (!i->parts && (how->near > 0 || how->factor != NOT_GIVEN || how->engine != NOT_GIVEN))
        return err_set(e, ERR_USAGE, "%s is of kind %s, which takes no '--%s'", how->index, i->kind,
                       how->near > 0              ? "near"
                       : how->factor != NOT_GIVEN ? "factor"
                                                  : "engine");
    return 0;
}

/* --recall, from an index that was tuned. */
static int set_recall(struct asked *how, const struct ann *a, struct err *e)
{
    struct ann_setting s;

    if (!(how->recall > 0))
        return 0;
    if (ann_setting_for(a, how->recall, how->file.o.k, &s, e) < 0)
        return e->code;
    how->file.o.effort = s.effort;
    how->file.o.rerank = s.rerank;
    how->file.o.slack = s.slack;
    return 0;
}

/* ---- which rows ---- */

static void say_stranger(void *ctx, const char *name, size_t len)
{
    const struct asked *how = ctx;

    cli_note(how->co.quiet, "%s has no tenant '%.*s', who sees nothing", how->index, (int)len,
             name);
}

static void say_plan(void *ctx, uint64_t query, const struct ann_explained *x)
{
    (void)ctx;
    if (query == ANN_ALL_QUERIES)
        cli_note(false, "all queries: %s: %s", x->plan, x->why);
    else
        cli_note(false, "query %llu: %s: %s", (unsigned long long)query, x->plan, x->why);
}

/* Tenants are told if, and only if, the index has some. */
static int choose(struct asked *how, const struct ann *a, const struct ann_info *i,
                  struct ann_choice **c, struct err *e)
{
    bool told = how->choice.tenant || how->choice.tenants;

    if (told && !i->has_tenants)
        return err_set(e, ERR_USAGE, "%s is of kind %s, which has no tenants", how->index, i->kind);
    if (!told && i->has_tenants)
        return err_set(e, ERR_USAGE,
                       "%s is of kind %s: '--tenant' or '--tenants-file' says whose rows are "
                       "searched",
                       how->index, i->kind);
    how->choice.where_name = "--where";
    how->choice.ctx = how;
    how->choice.explained = how->explain ? say_plan : NULL;
    how->choice.stranger = say_stranger;
    return ann_choice_open(c, a, &how->choice, e);
}

/* ---- what it cost ---- */

static void say_stats(const struct ann_file_report *r, const struct ann_choice_stats *c)
{
    double n = r->queries ? (double)r->queries : 1, seconds = r->stats.seconds + c->seconds;

    if (c->predicates)
        cli_note(false, "%llu predicates evaluated, %.1f us each", (unsigned long long)c->evaluated,
                 c->evaluated ? 1e6 * c->seconds / (double)c->evaluated : 0);
    cli_note(false,
             "%llu queries, %.0f queries/s; a query: %.1f codes compared, %.1f hops, %.1f vectors "
             "read, %.0f bytes, %.1f us at p50, %.1f us at p99",
             (unsigned long long)r->queries, seconds > 0 ? n / seconds : 0,
             (double)r->stats.keys / n, (double)r->stats.hops / n, (double)r->stats.exact / n,
             (double)r->stats.bytes / n, (double)r->p50, (double)r->p99);
    if (r->stats.lists)
        cli_note(false, "a query: %.1f lists scanned, %.1f pages of 4096 bytes from the disk",
                 (double)r->stats.lists / n, (double)r->stats.pages / n);
}

static void say_end(const struct asked *how, const struct ann_file_report *r,
                    const struct ann_choice *c)
{
    struct ann_choice_stats s = ann_choice_stats(c);

    if (s.strangers > 1)
        cli_note(how->co.quiet, "%llu queries are of tenants whom %s does not know",
                 (unsigned long long)s.strangers, how->index);
    if (how->file.times)
        say_stats(r, &s);
}

/* ---- */

static const char *name_of(const void *ann, uint64_t row, size_t *len)
{
    return ann_id(ann, row, len);
}

/* The index is open. */
static int search(struct asked *how, const struct ann *a, const struct ann_info *i,
                  struct vec_reader *r, struct err *e)
{
    struct ann_file_report report;
    struct neigh_writer *w = NULL;
    struct ann_choice *c = NULL;
    int rc;

    if (vec_reader_dim(r) != i->dim && vec_reader_rows(r) != 0)
        return err_set(e, ERR_INPUT, "%s has %u components a vector, the index '%s' %u",
                       vec_reader_name(r), vec_reader_dim(r), how->index, i->dim);
    how->write.metric = i->metric;
    how->write.name = i->ids ? name_of : NULL;
    how->write.name_ctx = a;
    how->write.queries = vec_reader_rows(r);
    how->choice.most = ann_file_batch(a, &how->file, vec_reader_rows(r));
    rc = choose(how, a, i, &c, e);
    if (rc == 0)
        rc = neigh_create(&w, &how->write, e);
    if (rc == 0)
        rc = ann_search_file(a, &how->file, c, r, w, &report, e);
    if (rc > 0) /* a process of the tree, which is done */
        _exit(CLI_DONE);
    if (rc == 0)
        rc = neigh_commit(&w, e);
    if (rc == 0)
        say_end(how, &report, c);
    neigh_abort(&w);
    ann_choice_close(c);
    return rc;
}

static int open_and_search(struct asked *how, struct err *e)
{
    struct vec_reader *r = NULL;
    struct ann *a = NULL;
    struct ann_info i;
    int rc = how->load ? ann_load(&a, how->index, cli_cpu(), how->file.o.threads, e)
                       : ann_open(&a, how->index, cli_cpu(), e);

    if (rc == 0) {
        ann_info(a, &i);
        rc = set_effort(how, &i, e);
    }
    if (rc == 0)
        rc = set_recall(how, a, e);
    if (rc == 0)
        rc = vec_open(&r, how->queries, &how->read, e);
    if (rc == 0)
        rc = search(how, a, &i, r, e);
    vec_close(r);
    ann_close(a);
    return rc;
}

int main(int argc, char **argv)
{
    struct asked a = {.k = 10,
                      .ef = NOT_GIVEN,
                      .nprobe = NOT_GIVEN,
                      .reach = NOT_GIVEN,
                      .keep = NOT_GIVEN,
                      .factor = NOT_GIVEN,
                      .engine = NOT_GIVEN,
                      .share = NOT_GIVEN};
    const struct cli_opt opts[] = {
        CLI_U64('k', "neighbours", &a.k, "K", "how many of each query (default 10)"),
        CLI_U64(0, "ef", &a.ef, "N",
                "graph: candidates kept on the way, more find more (default 64)"),
        CLI_U64(0, "nprobe", &a.nprobe, "N",
                "ivf, spann, hqi: lists scanned, more find more (default 32; hqi: 96)"),
        CLI_U64(0, "reach", &a.reach, "N",
                "tenant: rows compared, times the fourth root of the tenant's (default 200)"),
        CLI_STR(0, "tenant", &a.choice.tenant, "NAME",
                "tenant: whose rows are searched, of all queries"),
        CLI_STR(0, "tenants-file", &a.choice.tenants, "FILE", "tenant: whose, a line a query"),
        CLI_U64(0, "keep", &a.keep, "N",
                "osq: percent of a list's rows that stay by their signs, more find more "
                "(default 10)"),
        CLI_DOUBLE(0, "near", &a.near, "X",
                   "osq: lists are searched that are up to X times as far as the nearest "
                   "(default 1.15)"),
        CLI_U64(0, "factor", &a.factor, "N",
                "osq: in a list up to N K rows get their distance from the vectors (default 2)"),
        CLI_U64(0, "engine", &a.engine, "F",
                "osq: each list in a process of its own, of which each starts F others"),
        CLI_U64(
            0, "rerank", &a.rerank, "N",
            "graph, spann: candidates whose distance is computed from the vectors (default: all; "
            "4 K with --slack; spann: a few more than K, or than 2 K where it is resident)"),
        CLI_DOUBLE(
            0, "slack", &a.slack, "X",
            "graph, spann: end by distance, follow what is up to (1 + X) times as far, squared, "
            "as the K-th best"),
        CLI_DOUBLE(0, "recall", &a.recall, "X",
                   "the settings that ann-tune stored in the index for a recall of X"),
        CLI_STR(0, "where", &a.choice.where, "TEXT",
                "find only rows for whose attributes this is true: year>=2020 and not live"),
        CLI_STR(0, "where-file", &a.choice.where_file, "FILE",
                "the same for each query: JSON Lines, a string each"),
        CLI_FLAG(0, "batch", &a.file.o.batch,
                 "all queries at once: those with the same predicate search together"),
        CLI_FLAG(0, "explain", &a.explain,
                 "say on stderr how many rows a predicate leaves, how they are searched and why"),
        NEIGH_WRITE_OPTIONS(&a.write),
        VEC_READ_OPTIONS(&a.read, "the queries' format"),
        CLI_FLAG(0, "direct", &a.file.o.direct, "spann: read past the page cache (O_DIRECT)"),
        CLI_CHOICE(0, "io", &a.io, READS_BY_NAMES, "spann: how the disk is read (default auto)"),
        CLI_U64(0, "share", &a.share, "N",
                "spann: queries that are searched together and share reads (default 1024)"),
        CLI_FLAG(0, "stats", &a.file.times, "end with what a query cost, on stderr"),
        CLI_LOAD(&a.load),
        CLI_COMMON(&a.co),
        CLI_END,
    };
    int first = cli_parse(&prog, opts, argc, argv);
    struct progress progress;
    struct err e = {0};
    int ok;

    a.index = argv[first];
    a.queries = argv[first + 1];
    settle(&a);
    progress_init(&progress, a.co.quiet);
    a.file.progress = progress_report;
    a.file.progress_ctx = &progress;
    ok = open_and_search(&a, &e) == 0;
    progress_end(&progress);
    cli_finish(a.co.verbose);
    return ok ? CLI_DONE : cli_fail_shown(&e);
}
