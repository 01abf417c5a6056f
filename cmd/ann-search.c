/* ann-search - approximate nearest neighbours of queries, by an index of ann-build. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ann/ann.h"
#include "base/cli.h"
#include "base/mem.h"
#include "base/par.h"
#include "base/progress.h"
#include "base/sort.h"
#include "base/stream.h"
#include "vec/vec.h"

static const struct cli_prog prog = {
    "ann-search", "IDX QUERIES",
    "Find near neighbours of every query in an index made by ann-build.", 2, 2};

enum { BATCH_BYTES = 32 << 20, WHOLE_BYTES = 1 << 30 };
#define NOT_GIVEN UINT64_MAX

struct asked {
    struct cli_common co;
    uint64_t k, ef, nprobe, reach, keep, rerank, share, factor, engine;
    double slack, recall, near; /* 0: not given */
    int to, from, io;
    const char *field, *index, *queries, *where, *where_file;
    const char *tenant, *tenants; /* its name, or a file of names */
    struct lines *lines;          /* that file */
    bool load, stats, explain, batch;
    struct neigh_write_opts write;
    struct ann_search_opts o;
};

/* What chooses the rows that may be found: one predicate for all queries, or a file of them. */
struct choice {
    struct ann_predicates *predicates; /* NULL: all rows may be found */
    struct ann_predicate_file *file;
    struct ann_allowed one, *each; /* [queries of a batch] */
};

/* A batch of queries and what is found; `us` of all so far. */
struct batch {
    const char *name; /* of their file */
    struct vec_matrix q;
    struct neigh found;
    uint32_t *tenant; /* of each query */
    float *us;
    size_t us_cap;
    uint64_t done, strangers; /* strangers: queries of tenants that there are none of */
    struct ann_search_stats stats;
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
        {"--keep", a->keep, 100},
        {"--factor", a->factor, ANN_FACTOR_MOST},
        {"--engine", a->engine, ANN_FAN_MOST},
        {"--share", a->share, ANN_SHARE_MOST},
    };

    for (size_t i = 0; i < sizeof from_1 / sizeof *from_1; i++)
        if (from_1[i].value != NOT_GIVEN &&
            (from_1[i].value < 1 || from_1[i].value > (uint64_t)from_1[i].most))
            cli_misuse("'%s' is 1 to %d", from_1[i].option, from_1[i].most);
    if (a->near != 0 && !(a->near >= 1))
        cli_misuse("'--near' is 1 and above");
    if (a->rerank > ANN_EFFORT_MOST)
        cli_misuse("'--rerank' is up to %d", ANN_EFFORT_MOST);
    if (!(a->slack >= 0 && a->slack <= ANN_SLACK_MOST))
        cli_misuse("'--slack' is 0 to %d", ANN_SLACK_MOST);
    if (!(a->recall >= 0 && a->recall <= 1))
        cli_misuse("'--recall' is above 0, at most 1");
}

/* Options that rule each other out. */
static void check_pairs(const struct asked *a)
{
    if (a->tenant && a->tenants)
        cli_misuse("'--tenant' is for all queries, '--tenants-file' for each: not both");
    if (a->recall > 0 && (a->ef != NOT_GIVEN || a->nprobe != NOT_GIVEN || a->reach != NOT_GIVEN ||
                          a->keep != NOT_GIVEN || a->rerank > 0 || a->slack > 0))
        cli_misuse("'--recall' takes the index's settings, and others are given");
    if (a->where && a->where_file)
        cli_misuse("'--where' is for all queries, '--where-file' for each: one of them");
    if (a->explain && !a->where && !a->where_file)
        cli_misuse("'--explain' tells of '--where' or '--where-file'");
    cli_std_once((const char *[]){a->queries, a->where_file, a->tenants}, 3);
    if (cli_is_std(a->index))
        cli_misuse("an index is a file, not standard input");
}

/* What is written, and where. */
static void settle_output(struct asked *a)
{
    enum neigh_format to = a->to >= 0 ? (enum neigh_format)(a->to + 1) : NEIGH_AUTO;

    a->write.path = a->co.out;
    if (to == NEIGH_AUTO)
        to = a->co.json ? NEIGH_JSONL : a->write.path ? neigh_format_of(a->write.path) : NEIGH_TSV;
    if (a->co.json && to != NEIGH_JSONL)
        cli_misuse("'--json' is '--to jsonl', and the output is to be another");
    if (a->write.distances && to != NEIGH_IVECS && to != NEIGH_IBIN)
        cli_misuse("'--distances' stands beside ivecs or ibin");
    if (to >= NEIGH_IVECS && cli_is_std(a->write.path) && isatty(STDOUT_FILENO))
        cli_misuse("binary is not written to a terminal");
    a->write.to = to;
    a->write.k = (uint32_t)a->k;
}

static void settle(struct asked *a)
{
    check_ranges(a);
    check_pairs(a);
    settle_output(a);
    a->o.k = (uint32_t)a->k;
    a->o.rerank = (uint32_t)a->rerank;
    a->o.slack = (float)a->slack;
    a->o.near_lists = (float)a->near;
    a->o.factor = a->factor == NOT_GIVEN ? 0 : (uint32_t)a->factor;
    a->o.share = a->share == NOT_GIVEN ? 0 : (uint32_t)a->share;
    a->o.io = (enum reads_by)a->io;
    a->o.batch = a->batch;
    a->o.threads = par_threads(a->co.threads);
}

/* all: how many queries there are, or VEC_UNKNOWN. */
static int batch_init(struct batch *b, const struct asked *how, uint32_t dim, uint64_t all,
                      struct err *e)
{
    uint32_t k = how->o.k;
    uint64_t each = 4 * (uint64_t)dim + 12 * (uint64_t)k,
             rows = (how->batch ? WHOLE_BYTES : BATCH_BYTES) / each;

    if (!how->batch && rows > 1 << 16)
        rows = 1 << 16;
    if (rows < 64)
        rows = 64;
    if (how->batch && all != VEC_UNKNOWN && all < rows)
        rows = all > 0 ? all : 1;
    if (vec_matrix_init(&b->q, rows, dim, e) < 0 ||
        !(b->tenant = mem_array(rows, sizeof *b->tenant, e)))
        return e->code;
    return neigh_init(&b->found, rows, k, true, e);
}

static void batch_free(struct batch *b)
{
    vec_matrix_free(&b->q);
    neigh_free(&b->found);
    free(b->tenant);
    free(b->us);
}

/* As many queries as fit, or all that are left: how many. */
static int64_t fill(struct batch *b, struct vec_reader *r, struct err *e)
{
    uint64_t n = 0;
    int64_t got = 1;

    while (got > 0 && n < b->q.rows) {
        got = vec_read_f32(r, vec_matrix_row(&b->q, n), b->q.rows - n, e);
        n += got > 0 ? (uint64_t)got : 0;
    }
    return got < 0 ? got : (int64_t)n;
}

/* ---- tenants ---- */

/* A tenant that is none sees nothing: its queries find no row, and that is said. */
static uint32_t tenant_of(const struct ann *a, const struct asked *how, struct batch *b,
                          const char *name, size_t len)
{
    uint32_t t = ann_tenant(a, name, len);

    if (t == ANN_NO_TENANT && b->strangers++ == 0)
        cli_note(how->co.quiet, "%s has no tenant '%.*s', who sees nothing", how->index, (int)len,
                 name);
    return t;
}

/* Those of n queries, a line each. */
static int take_tenants(const struct ann *a, struct asked *how, struct batch *b, uint64_t n,
                        struct err *e)
{
    const char *line;
    size_t len;
    int rc = 1;

    for (uint64_t i = 0; i < n && rc > 0; i++) {
        rc = lines_next(how->lines, &line, &len, e);
        if (rc > 0)
            b->tenant[i] = tenant_of(a, how, b, line, len);
    }
    if (rc == 0)
        return err_set(e, ERR_INPUT, "%s: it ends after line %llu, and there are more queries",
                       how->tenants, (unsigned long long)lines_number(how->lines));
    return rc < 0 ? rc : 0;
}

/* All queries were read: no tenant may be left over. */
static int end_tenants(const struct asked *how, const struct batch *b, struct err *e)
{
    const char *line;
    size_t len;
    int rc = how->lines ? lines_next(how->lines, &line, &len, e) : 0;

    if (rc > 0)
        return err_set(e, ERR_INPUT, "%s:%llu: a tenant more than the %llu queries", how->tenants,
                       (unsigned long long)lines_number(how->lines), (unsigned long long)b->done);
    if (b->strangers > 1 && how->lines)
        cli_note(how->co.quiet, "%llu queries are of tenants whom %s does not know",
                 (unsigned long long)b->strangers, how->index);
    return rc;
}

/* They are told if, and only if, the index has some. */
static int set_tenants(struct asked *how, const struct ann_info *i, struct err *e)
{
    bool told = how->tenant || how->tenants;

    if (told && !i->has_tenants)
        return err_set(e, ERR_USAGE, "%s is of kind %s, which has no tenants", how->index, i->kind);
    if (!told && i->has_tenants)
        return err_set(e, ERR_USAGE,
                       "%s is of kind %s: '--tenant' or '--tenants-file' says whose rows are "
                       "searched",
                       how->index, i->kind);
    how->o.tenant_each = how->tenants != NULL;
    return how->tenants ? lines_open(&how->lines, how->tenants, '\n', 0, e) : 0;
}

/* ---- searching ---- */

/* What is to be done with rows so many, if that is asked for. `whose` are the queries. */
static void explain(const struct ann *a, const struct asked *how, const char *whose,
                    const uint32_t *tenant, uint64_t count)
{
    struct ann_search_opts o = how->o;
    struct ann_explained x;

    o.tenant = tenant;
    if (!how->explain)
        return;
    ann_explain(a, &o, count, &x);
    cli_note(false, "%s: %s: %s", whose, x.plan, x.why);
}

/* n queries from the batch's query `from` on. */
static int search_some(const struct ann *a, struct asked *how, struct batch *b, uint64_t from,
                       uint64_t n, struct err *e)
{
    uint64_t k = how->o.k;
    int rc;

    if (how->stats)
        b->stats.us = b->us + b->done;
    how->o.first_query = b->done;
    b->done += n;
    if (how->engine == NOT_GIVEN)
        rc = ann_search(a, &how->o, vec_matrix_row(&b->q, from), n, b->found.id + from * k,
                        b->found.score + from * k, &b->stats, e);
    else
        rc = ann_search_tree(a, &how->o, (uint32_t)how->engine, vec_matrix_row(&b->q, from), n,
                             b->found.id + from * k, b->found.score + from * k, &b->stats, e);
    if (rc > 0) /* a process of the tree, which is done */
        _exit(CLI_DONE);
    return rc == ERR_INPUT ? err_prefix(e, "%s", b->name) : rc;
}

/* Queries whose predicates are text[0..n), as many at once as there is room for their rows. */
static int search_each(const struct ann *a, struct asked *how, struct batch *b, struct choice *c,
                       const struct ann_predicate *text, uint64_t n, struct err *e)
{
    int rc = 0;

    for (uint64_t at = 0, done = 0; at < n && rc == 0; at += done) {
        rc = ann_predicates_rows(c->predicates, text + at, n - at, c->each, &done, e);
        if (rc < 0)
            return err_prefix(e, "%s:%llu", how->where_file,
                              (unsigned long long)(b->done + done + 1));
        for (uint64_t i = 0; i < done && rc == 0; i++) {
            char whose[32];

            snprintf(whose, sizeof whose, "query %llu", (unsigned long long)(b->done + i));
            explain(a, how, whose,
                    how->o.tenant ? how->o.tenant + (how->tenants ? at + i : 0) : NULL,
                    c->each[i].count);
        }
        how->o.allowed = c->each;
        how->o.allowed_each = true;
        if (rc == 0)
            rc = search_some(a, how, b, at, done, e);
    }
    return rc;
}

static int search_batch(const struct ann *a, struct asked *how, struct batch *b, struct choice *c,
                        uint64_t n, struct err *e)
{
    const struct ann_predicate *text;
    int64_t got;

    if (how->stats && mem_reserve(&b->us, &b->us_cap, b->done + n, sizeof *b->us, e) < 0)
        return e->code;
    if (how->lines && take_tenants(a, how, b, n, e) < 0)
        return e->code;
    if (!c->file)
        return search_some(a, how, b, 0, n, e);
    got = ann_predicate_file_read(c->file, n, &text, e);
    if (got < 0)
        return (int)got;
    if ((uint64_t)got < n)
        return err_set(e, ERR_USAGE, "%s has %llu predicates, and there are more queries",
                       how->where_file, (unsigned long long)b->done + (unsigned long long)got);
    return search_each(a, how, b, c, text, n, e);
}

static float percentile(const struct batch *b, double p)
{
    uint64_t at = (uint64_t)(p * (double)b->done);

    return b->done ? b->us[at < b->done ? at : b->done - 1] : 0;
}

static void say_stats(struct batch *b, const struct ann_predicates *predicates)
{
    uint64_t evaluated = 0;
    double seconds = 0;
    double n = b->done ? (double)b->done : 1;

    if (predicates) {
        ann_predicates_stats(predicates, &evaluated, &seconds);
        cli_note(false, "%llu predicates evaluated, %.1f us each", (unsigned long long)evaluated,
                 evaluated ? 1e6 * seconds / (double)evaluated : 0);
        b->stats.seconds += seconds;
    }
    if (b->done)
        sort_floats(b->us, b->done);
    cli_note(false,
             "%llu queries, %.0f queries/s; a query: %.1f codes compared, %.1f hops, %.1f vectors "
             "read, %.0f bytes, %.1f us at p50, %.1f us at p99",
             (unsigned long long)b->done, b->stats.seconds > 0 ? n / b->stats.seconds : 0,
             (double)b->stats.keys / n, (double)b->stats.hops / n, (double)b->stats.exact / n,
             (double)b->stats.bytes / n, (double)percentile(b, .5), (double)percentile(b, .99));
}

/* Of what is not in memory. */
static void say_reads(const struct batch *b)
{
    double n = b->done ? (double)b->done : 1;

    if (b->stats.lists)
        cli_note(false, "a query: %.1f lists, %.1f pages of 4096 bytes from the disk",
                 (double)b->stats.lists / n, (double)b->stats.pages / n);
}

/* Every query had a predicate: has every predicate a query? */
static int end_of_choice(const struct asked *how, const struct batch *b, struct choice *c,
                         struct err *e)
{
    const struct ann_predicate *text;
    int64_t got = c->file ? ann_predicate_file_read(c->file, 1, &text, e) : 0;

    if (got > 0)
        return err_set(e, ERR_USAGE, "%s has more predicates than the %llu queries",
                       how->where_file, (unsigned long long)b->done);
    return (int)got;
}

static int search_all(const struct ann *a, struct asked *how, struct choice *c,
                      struct vec_reader *r, struct neigh_writer *w, struct progress *p,
                      struct err *e)
{
    struct batch b = {0};
    struct ann_info i;
    int64_t n = 1;
    int rc;

    ann_info(a, &i);
    if (vec_reader_dim(r) != i.dim && vec_reader_rows(r) != 0)
        return err_set(e, ERR_INPUT, "%s has %u components a vector, the index '%s' %u",
                       vec_reader_name(r), vec_reader_dim(r), how->index, i.dim);
    b.name = vec_reader_name(r);
    rc = batch_init(&b, how, i.dim, vec_reader_rows(r), e);
    if (rc == 0 && c->file && !(c->each = mem_array(b.q.rows, sizeof *c->each, e)))
        rc = e->code;
    if (rc == 0 && how->tenant)
        b.tenant[0] = tenant_of(a, how, &b, how->tenant, strlen(how->tenant));
    how->o.tenant = i.has_tenants ? b.tenant : NULL;
    if (rc == 0 && how->where && !how->tenants)
        explain(a, how, "all queries", how->o.tenant, c->one.count);
    while (rc == 0 && vec_reader_rows(r) != 0 && (n = fill(&b, r, e)) != 0) {
        rc = n < 0 ? (int)n : search_batch(a, how, &b, c, (uint64_t)n, e);
        if (rc == 0)
            rc = neigh_write(w, b.found.id, b.found.score, (uint64_t)n, e);
        progress_report(p, "searching", b.done,
                        vec_reader_rows(r) == VEC_UNKNOWN ? 0 : vec_reader_rows(r));
    }
    if (rc == 0)
        rc = end_of_choice(how, &b, c, e);
    if (rc == 0)
        rc = end_tenants(how, &b, e);
    if (rc == 0 && how->stats) {
        say_stats(&b, c->predicates);
        say_reads(&b);
    }
    batch_free(&b);
    return rc;
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
        how->o.effort = (uint32_t)given[g].value;
    }
    if ((how->o.direct || how->io > 0 || how->share != NOT_GIVEN) && i->apart == 0)
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
    if (ann_setting_for(a, how->recall, how->o.k, &s, e) < 0)
        return e->code;
    how->o.effort = s.effort;
    how->o.rerank = s.rerank;
    how->o.slack = s.slack;
    return 0;
}

/* --where and --where-file. */
static int choose(struct asked *how, const struct ann *a, struct choice *c, struct err *e)
{
    const struct ann_predicate text = {how->where, how->where ? strlen(how->where) : 0};
    uint64_t done;

    if (!how->where && !how->where_file)
        return 0;
    if (ann_predicates_new(&c->predicates, a, how->o.threads, e) < 0)
        return e->code;
    if (how->where_file)
        return ann_predicate_file_open(&c->file, how->where_file, e);
    if (ann_predicates_rows(c->predicates, &text, 1, &c->one, &done, e) < 0)
        return err_prefix(e, "--where");
    how->o.allowed = &c->one;
    return 0;
}

static const char *name_of(const void *ann, uint64_t row, size_t *len)
{
    return ann_id(ann, row, len);
}

static int search(struct asked *how, struct progress *p, struct err *e)
{
    struct vec_read_opts read = {
        .format = how->from < 0 ? VEC_AUTO : (enum vec_format)(how->from + 1), .field = how->field};
    struct vec_reader *r = NULL;
    struct neigh_writer *w = NULL;
    struct choice c = {0};
    struct ann *a = NULL;
    struct ann_info i;
    int rc = how->load ? ann_load(&a, how->index, cli_cpu(), how->o.threads, e)
                       : ann_open(&a, how->index, cli_cpu(), e);

    if (rc == 0) {
        ann_info(a, &i);
        rc = set_effort(how, &i, e);
    }
    if (rc == 0)
        rc = set_tenants(how, &i, e);
    if (rc == 0)
        rc = set_recall(how, a, e);
    if (rc == 0)
        rc = choose(how, a, &c, e);
    if (rc == 0)
        rc = vec_open(&r, how->queries, &read, e);
    if (rc == 0) {
        how->write.metric = i.metric;
        how->write.name = i.ids ? name_of : NULL;
        how->write.name_ctx = a;
        how->write.queries = vec_reader_rows(r);
        rc = neigh_create(&w, &how->write, e);
    }
    if (rc == 0)
        rc = search_all(a, how, &c, r, w, p, e);
    if (rc == 0)
        rc = neigh_commit(&w, e);
    neigh_abort(&w);
    vec_close(r);
    ann_predicate_file_close(c.file);
    ann_predicates_free(c.predicates);
    free(c.each);
    lines_close(how->lines);
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
                      .share = NOT_GIVEN,
                      .to = -1,
                      .from = -1};
    const struct cli_opt opts[] = {
        CLI_U64('k', "neighbours", &a.k, "K", "how many of each query (default 10)"),
        CLI_U64(0, "ef", &a.ef, "N",
                "graph: candidates kept on the way, more find more (default 64)"),
        CLI_U64(0, "nprobe", &a.nprobe, "N",
                "ivf, spann, hqi: lists scanned, more find more (default 32; hqi: 96)"),
        CLI_U64(0, "reach", &a.reach, "N",
                "tenant: rows compared, times the fourth root of the tenant's (default 200)"),
        CLI_STR(0, "tenant", &a.tenant, "NAME", "tenant: whose rows are searched, of all queries"),
        CLI_STR(0, "tenants-file", &a.tenants, "FILE", "tenant: whose, a line a query"),
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
        CLI_U64(0, "rerank", &a.rerank, "N",
                "graph: candidates whose distance is computed from the vectors (default: all; 4 K "
                "with --slack)"),
        CLI_DOUBLE(0, "slack", &a.slack, "X",
                   "graph: end by distance, follow what is up to (1 + X) times as far, squared, as "
                   "the K-th best"),
        CLI_DOUBLE(0, "recall", &a.recall, "X",
                   "the settings that ann-tune stored in the index for a recall of X"),
        CLI_STR(0, "where", &a.where, "TEXT",
                "find only rows for whose attributes this is true: year>=2020 and not live"),
        CLI_STR(0, "where-file", &a.where_file, "FILE",
                "the same for each query: JSON Lines, a string each"),
        CLI_FLAG(0, "batch", &a.batch,
                 "all queries at once: those with the same predicate search together"),
        CLI_FLAG(0, "explain", &a.explain,
                 "say on stderr how many rows a predicate leaves, how they are searched and why"),
        CLI_CHOICE(0, "to", &a.to, NEIGH_FORMAT_NAMES,
                   "the output's format (default: by its name, else tsv)"),
        CLI_STR(0, "distances", &a.write.distances, "FILE",
                "scores of ivecs or ibin, as fvecs beside them"),
        CLI_CHOICE(0, "from", &a.from, VEC_FORMAT_NAMES, "the queries' format"),
        CLI_STR(0, "field", &a.field, "NAME", "jsonl: the member (default embedding)"),
        CLI_FLAG(0, "direct", &a.o.direct, "spann: read past the page cache (O_DIRECT)"),
        CLI_CHOICE(0, "io", &a.io, READS_BY_NAMES, "spann: how the disk is read (default auto)"),
        CLI_U64(0, "share", &a.share, "N",
                "spann: queries that are searched together and share reads (default 1024)"),
        CLI_FLAG(0, "stats", &a.stats, "end with what a query cost, on stderr"),
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
    ok = search(&a, &progress, &e) == 0;
    progress_end(&progress);
    cli_finish(a.co.verbose);
    return ok ? CLI_DONE : cli_fail_shown(&e);
}
