/* ann-bench - the curve of recall against queries a second of indexes: rows, and a picture. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ann/sweep.h"
#include "base/atomic.h"
#include "base/cli.h"
#include "base/list.h"
#include "base/out.h"
#include "base/par.h"
#include "base/progress.h"
#include "vec/vec.h"

static const struct cli_prog prog = {
    "ann-bench", "IDX... QUERIES TRUTH",
    "Measure recall against queries a second of indexes made by ann-build.", 3, -1};

enum { SETTINGS_MOST = 256, ROUNDS_MOST = 1000 };
/* Curves of an index, by what their settings are. */
enum { BY_EFFORT, BY_SLACK, TUNED, CURVES };
enum { EF, NPROBE, KEEP, REACH, SLACK, SETS };
static const char *const curve_name[CURVES] = {"", ", by slack", ", tuned"};

/* Settings as they were given, for the kinds that take them. */
struct settings {
    const char *name;
    double most;
    const char *given;
    double v[SETTINGS_MOST];
    size_t n;
    bool used;
};

struct asked {
    struct cli_common co;
    uint64_t k, rounds;
    struct settings set[SETS];
    struct vec_read_opts read; /* the queries */
    enum neigh_format truth_from;
    const char *svg, *tenant;
    bool load, tuned;
    bool has_tenants; /* some index */
    uint32_t whose;   /* the tenant's number in the index at hand */
    char **index;
    size_t indexes;
    const char *queries, *truth;
    struct sweep_opts o;
    struct vec_matrix q;
    struct neigh t;
    struct sweep *sweep; /* [indexes][CURVES] */
    struct sweep_setting setting[ANN_SETTINGS_MOST];
};

/* ---- what was asked ---- */

static void settle_settings(struct settings *s, bool whole)
{
    if (!s->given)
        return;
    s->n = list_numbers(s->given, s->v, SETTINGS_MOST);
    if (s->n == 0)
        cli_misuse("'--%s' are up to %d numbers with commas between them, not '%s'", s->name,
                   SETTINGS_MOST, s->given);
    for (size_t i = 0; i < s->n; i++) {
        if (whole && (s->v[i] < 1 || s->v[i] > s->most || s->v[i] != (uint32_t)s->v[i]))
            cli_misuse("'--%s' is 1 to %g", s->name, s->most);
        if (!(s->v[i] > 0 && s->v[i] <= s->most))
            cli_misuse("'--%s' is above 0, at most %g", s->name, s->most);
    }
}

static void check_files(const struct asked *a)
{
    const char *const read[] = {a->queries, a->truth};
    const char *const out[] = {a->co.out ? a->co.out : "-", a->svg};

    cli_outputs_once(out, 2, "rows and picture");
    cli_files(out, 2, read, 2);
    cli_inputs_stay(out, 2, (const char *const *)a->index, a->indexes);
}

static void settle(struct asked *a)
{
    cli_count_in("-k", a->k, 1, ANN_EFFORT_MOST);
    cli_count_in("--rounds", a->rounds, 1, ROUNDS_MOST);
    for (int i = 0; i < SETS; i++)
        settle_settings(&a->set[i], i != SLACK);
    for (size_t i = 0; i < a->indexes; i++)
        if (strcmp(a->index[i], "-") == 0)
            cli_misuse("an index is a file, not standard input");
    if (a->svg && strcmp(a->svg, "-") == 0)
        cli_misuse("'--svg' is a file, as rows go to standard output");
    check_files(a);
    a->o.k = (uint32_t)a->k;
    a->o.rounds = (uint32_t)a->rounds;
    a->o.threads = par_threads(a->co.threads);
}

/* ---- rows ---- */

static void put_header(const struct asked *a, struct out *o)
{
    char names[200];

    snprintf(names, sizeof names,
             "index setting recall@%u qps p50_us p99_us effort kind codec keys bytes_per_vector "
             "slack rerank exact target",
             a->o.k);
    out_header(o, names);
}

static void put_point(const struct asked *a, const struct sweep *s, const struct sweep_point *p,
                      struct out *o)
{
    char recall[32];

    snprintf(recall, sizeof recall, "recall@%u", a->o.k);
    out_row(o);
    out_cstr(o, "index", s->name);
    out_u64(o, "setting", p->setting.effort);
    out_double(o, recall, p->recall, 5);
    out_double(o, "qps", p->qps, 1);
    out_double(o, "p50_us", p->p50_us, 1);
    out_double(o, "p99_us", p->p99_us, 1);
    out_cstr(o, "effort", s->info.effort);
    out_cstr(o, "kind", s->info.kind);
    out_cstr(o, "codec", s->info.codec);
    out_double(o, "keys", p->keys, 1);
    out_double(o, "bytes_per_vector",
               s->info.rows ? (double)s->info.bytes / (double)s->info.rows : 0, 1);
    out_double(o, "slack", (double)p->setting.slack, 5);
    out_u64(o, "rerank", p->setting.rerank);
    out_double(o, "exact", p->exact, 1);
    out_double(o, "target", p->setting.target, 5);
    out_end_row(o);
}

/* ---- the work ---- */

/* The efforts that were given for this kind of index: how many. */
static size_t set_efforts(struct asked *a, const struct ann_info *i)
{
    for (int which = 0; which < SLACK; which++) {
        struct settings *s = &a->set[which];

        if (strcmp(s->name, i->effort) != 0)
            continue;
        for (size_t k = 0; k < s->n; k++)
            a->setting[k] = (struct sweep_setting){.effort = (uint32_t)s->v[k]};
        s->used = true;
        return s->n;
    }
    return 0;
}

static size_t set_slacks(struct asked *a, const struct ann *index, const struct ann_info *i)
{
    struct settings *s = &a->set[SLACK];

    if (!i->slack)
        return 0;
    for (size_t k = 0; k < s->n; k++)
        a->setting[k] = (struct sweep_setting){.effort = ann_slack_effort(index, a->o.k),
                                               .slack = (float)s->v[k]};
    s->used = true;
    return s->n;
}

/* Those that `ann-search --recall` would take. */
static int set_tuned(struct asked *a, const struct ann *index, size_t *n, struct err *e)
{
    const struct ann_setting *s;
    size_t all, i = 0;

    *n = 0;
    if (ann_settings(index, &s, &all, e) < 0)
        return e->code;
    while (i < all && s[i].k < a->o.k)
        i++;
    for (size_t first = i; i < all && s[i].k == s[first].k; i++)
        if (s[i].effort > 0)
            a->setting[(*n)++] = (struct sweep_setting){s[i].effort, s[i].rerank, s[i].slack,
                                                        s[i].target};
    if (*n == 0)
        return err_set(e, ERR_INPUT,
                       "ann-tune stored no setting that can be taken for %u "
                       "neighbours",
                       a->o.k);
    return 0;
}

/* Of an index the curve of n settings; 0: of its own choice. */
static int bench_curve(struct asked *a, const struct ann *index, struct sweep *s, size_t n,
                       struct out *o, struct err *e)
{
    int rc;

    a->o.setting = n ? a->setting : NULL;
    a->o.settings = n;
    rc = sweep_run(s, index, &a->o, &a->q, &a->t, e);
    if (rc == ERR_INPUT)
        err_prefix(e, "%s", a->queries);
    for (size_t i = 0; i < s->n && rc == 0; i++)
        put_point(a, s, &s->point[i], o);
    return rc;
}

/* Whose rows are searched, where that must be told. */
static int set_tenant(struct asked *a, const struct ann *index, const struct ann_info *i,
                      const char *name, struct err *e)
{
    a->o.tenant = NULL;
    if (!i->has_tenants)
        return 0;
    a->has_tenants = true;
    if (!a->tenant)
        return err_set(e, ERR_USAGE, "%s is of kind %s: '--tenant' says whose rows are searched",
                       name, i->kind);
    a->whose = ann_tenant(index, a->tenant, strlen(a->tenant));
    if (a->whose == ANN_NO_TENANT)
        return err_set(e, ERR_INPUT, "%s has no tenant '%s'", name, a->tenant);
    a->o.tenant = &a->whose;
    return 0;
}

static int bench_curves(struct asked *a, const struct ann *index, struct sweep *s, struct out *o,
                        struct err *e)
{
    struct ann_info info;
    size_t n;
    int rc = 0;

    ann_info(index, &info);
    if (set_tenant(a, index, &info, s->name, e) < 0)
        return e->code;
    if ((n = set_efforts(a, &info)) > 0 || !(a->tuned || (info.slack && a->set[SLACK].n)))
        rc = bench_curve(a, index, &s[BY_EFFORT], n, o, e);
    if (rc == 0 && (n = set_slacks(a, index, &info)) > 0)
        rc = bench_curve(a, index, &s[BY_SLACK], n, o, e);
    if (rc == 0 && a->tuned) {
        rc = set_tuned(a, index, &n, e);
        if (rc < 0)
            return err_prefix(e, "%s", s->name);
        rc = bench_curve(a, index, &s[TUNED], n, o, e);
    }
    return rc;
}

static int bench_index(struct asked *a, size_t at, struct out *o, struct err *e)
{
    struct sweep *s = &a->sweep[at * CURVES];
    struct ann *index = NULL;
    int rc = a->load ? ann_load(&index, a->index[at], cli_cpu(), a->o.threads, e)
                     : ann_open(&index, a->index[at], cli_cpu(), e);

    for (int i = 0; i < CURVES; i++) {
        s[i].name = a->index[at];
        s[i].what = curve_name[i];
    }
    if (rc == 0)
        rc = bench_curves(a, index, s, o, e);
    ann_close(index);
    return rc < 0 ? rc : out_flush(o, e);
}

static int bench_all(struct asked *a, struct out *o, struct err *e)
{
    int rc = 0;

    put_header(a, o);
    for (size_t i = 0; i < a->indexes && rc == 0; i++)
        rc = bench_index(a, i, o, e);
    for (int i = 0; i < SETS && rc == 0; i++)
        if (a->set[i].n && !a->set[i].used)
            rc = err_set(e, ERR_USAGE, "no index here takes '--%s'", a->set[i].name);
    if (rc == 0 && a->tenant && !a->has_tenants)
        rc = err_set(e, ERR_USAGE, "no index here takes '--tenant'");
    return rc;
}

static int load(struct asked *a, struct err *e)
{
    a->sweep = mem_zero(a->indexes * CURVES, sizeof *a->sweep, e);
    if (!a->sweep || vec_load_f32(&a->q, a->queries, &a->read, 0, false, e) < 0)
        return e->code;
    return neigh_load(&a->t, a->truth, a->truth_from, e);
}

static int draw(struct asked *a, struct atomic_file **svg, struct err *e)
{
    struct buf picture = {0};
    size_t n = 0;
    int rc;

    for (size_t i = 0; i < a->indexes * CURVES; i++) /* those that there are come first */
        if (a->sweep[i].n > 0) {
            struct sweep s = a->sweep[i];

            a->sweep[i] = (struct sweep){0};
            a->sweep[n++] = s;
        }
    rc = sweep_draw(a->sweep, n, &a->o, &picture, e);
    if (rc == 0)
        rc = atomic_write(*svg, picture.p, picture.len, e);
    if (rc == 0)
        rc = atomic_commit(svg, e);
    buf_free(&picture);
    return rc;
}

/* Files are opened before the long work, which a folder that is not there would make vain. */
static int bench(struct asked *a, struct err *e)
{
    const struct out_opts to = {.path = a->co.out, .json = a->co.json};
    struct atomic_file *svg = NULL;
    struct out *o = NULL;
    int rc = a->svg ? atomic_open(&svg, a->svg, e) : 0;

    if (rc == 0)
        rc = out_open(&o, &to, e);
    if (rc == 0)
        rc = load(a, e);
    if (rc == 0)
        rc = bench_all(a, o, e);
    if (rc == 0 && svg)
        rc = draw(a, &svg, e);
    if (rc == 0)
        rc = out_commit(&o, e);
    out_abort(&o);
    atomic_abort(&svg);
    for (size_t i = 0; a->sweep && i < a->indexes * CURVES; i++)
        sweep_free(&a->sweep[i]);
    free(a->sweep);
    vec_matrix_free(&a->q);
    neigh_free(&a->t);
    return rc;
}

int main(int argc, char **argv)
{
    static struct asked a = {.k = 10,
                             .rounds = 3,
                             .set = {[EF] = {.name = "ef", .most = ANN_EFFORT_MOST},
                                     [NPROBE] = {.name = "nprobe", .most = ANN_EFFORT_MOST},
                                     [KEEP] = {.name = "keep", .most = ANN_KEEP_MOST},
                                     [REACH] = {.name = "reach", .most = ANN_EFFORT_MOST},
                                     [SLACK] = {.name = "slack", .most = ANN_SLACK_MOST}},
                             .co = {.threads = 1}};
    const struct cli_opt opts[] = {
        CLI_U64('k', "neighbours", &a.k, "K", "how many of each query (default 10)"),
        CLI_STR(0, "ef", &a.set[EF].given, "N,N...", "settings of indexes that take ef"),
        CLI_STR(0, "nprobe", &a.set[NPROBE].given, "N,N...",
                "settings of indexes that take nprobe"),
        CLI_STR(0, "keep", &a.set[KEEP].given, "N,N...", "settings of indexes that take keep"),
        CLI_STR(0, "reach", &a.set[REACH].given, "N,N...", "settings of indexes that take reach"),
        CLI_STR(0, "slack", &a.set[SLACK].given, "X,X...", "slacks of indexes that take one"),
        CLI_STR(0, "tenant", &a.tenant, "NAME", "tenant: whose rows are searched"),
        CLI_FLAG(0, "tuned", &a.tuned, "the settings that ann-tune stored in each index"),
        CLI_U64(0, "rounds", &a.rounds, "N", "the fastest of N rounds counts (default 3)"),
        CLI_STR(0, "svg", &a.svg, "FILE", "draw the curves into FILE"),
        VEC_READ_OPTIONS(&a.read, "the queries' format"),
        CLI_KIND(0, "truth-from", &a.truth_from, NEIGH_FORMAT_NAMES, "the truth's format"),
        CLI_LOAD(&a.load),
        CLI_OUT(&a.co.out),
        CLI_JSON(&a.co.json),
        CLI_INT('T', "threads", &a.co.threads, "N", "search with N threads (default 1)"),
        CLI_QUIET(&a.co.quiet),
        CLI_VERBOSE(&a.co.verbose),
        CLI_END,
    };
    int first = cli_parse(&prog, opts, argc, argv);
    struct progress progress;
    struct err e = {0};
    int ok;

    a.index = argv + first;
    a.indexes = (size_t)(argc - first - 2);
    a.queries = argv[argc - 2];
    a.truth = argv[argc - 1];
    settle(&a);
    progress_init(&progress, a.co.quiet);
    a.o.progress = progress_report;
    a.o.progress_ctx = &progress;
    ok = bench(&a, &e) == 0;
    progress_end(&progress);
    cli_finish(a.co.verbose);
    return ok ? CLI_DONE : cli_fail(&e);
}
