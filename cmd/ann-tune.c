/* ann-tune - the cheapest settings of an index for recalls, found and stored in it. */
#include <stdlib.h>
#include <string.h>

#include "ann/choice.h"
#include "base/cli.h"
#include "base/mem.h"
#include "base/out.h"
#include "base/par.h"
#include "base/progress.h"
#include "vec/vec.h"

static const struct cli_prog prog = {
    "ann-tune", "IDX QUERIES [TRUTH]",
    "Find the cheapest settings for a recall, and store them in an index made by ann-build.", 2, 3};

enum { TARGETS_MOST = 64 };

struct asked {
    struct cli_common co;
    uint64_t k, sample;
    struct vec_read_opts read; /* the queries */
    enum neigh_format truth_from;
    const char *recall, *index, *queries, *truth;
    const char *tenant, *tenants; /* its name, or a file of names */
    double target[TARGETS_MOST];
    struct ann_tune_opts o;
};

static void parse_targets(struct asked *a)
{
    const char *p = a->recall;
    char *end;

    for (;; p = end + 1) {
        double v = strtod(p, &end);

        if (end == p || (*end && *end != ',') || !(v > 0 && v <= 1))
            cli_misuse("'--recall' is a list of numbers above 0, at most 1: 0.9,0.95");
        if (a->o.n_targets > 0 && v <= a->target[a->o.n_targets - 1])
            cli_misuse("the numbers of '--recall' go up");
        if (a->o.n_targets == TARGETS_MOST)
            cli_misuse("'--recall' is a list of up to %d numbers", TARGETS_MOST);
        a->target[a->o.n_targets++] = v;
        if (!*end)
            break;
    }
    a->o.targets = a->target;
}

static void settle(struct asked *a, struct progress *p)
{
    const char *const in[] = {a->queries, a->truth, a->tenants};

    cli_count_in("-k", a->k, 1, ANN_EFFORT_MOST);
    if (a->sample < 2)
        cli_misuse("'--sample' is at least 2");
    if (strcmp(a->index, "-") == 0)
        cli_misuse("an index is a file, not standard input");
    if (a->co.out && strcmp(a->co.out, "-") == 0)
        cli_misuse("an index is a file, not standard output");
    if (a->tenant && a->tenants)
        cli_misuse("'--tenant' is for all queries, '--tenants-file' for each: not both");
    cli_files((const char *[]){a->co.out ? a->co.out : a->index}, 1, in, 3);
    parse_targets(a);
    a->o.k = (uint32_t)a->k;
    a->o.threads = par_threads(a->co.threads);
    a->o.progress = progress_report;
    a->o.progress_ctx = p;
}

/* Of more queries than `most`, that many evenly spread ones, their truth and tenants. */
static void thin_out(struct vec_matrix *q, struct neigh *truth, uint32_t *tenant, uint64_t most)
{
    if (q->rows <= most)
        return;
    for (uint64_t i = 0; i < most; i++) {
        uint64_t from = (uint64_t)((double)i * (double)q->rows / (double)most);

        memmove(vec_matrix_row(q, i), vec_matrix_row(q, from), q->dim * sizeof *q->v);
        if (tenant)
            tenant[i] = tenant[from];
        if (truth->id)
            memmove(truth->id + i * truth->k, truth->id + from * truth->k,
                    truth->k * sizeof *truth->id);
    }
    q->rows = most;
    truth->queries = truth->id ? most : 0;
}

/* Another program's scores are not compared with ours. */
static int load_truth(const struct asked *a, struct neigh *truth, uint64_t queries, struct err *e)
{
    if (neigh_load(truth, a->truth, a->truth_from, e) < 0)
        return e->code;
    free(truth->score);
    truth->score = NULL;
    if (truth->queries != queries)
        return err_set(e, ERR_INPUT, "%s is of %llu queries, and %s holds %llu", a->truth,
                       (unsigned long long)truth->queries, a->queries, (unsigned long long)queries);
    if (truth->k < a->o.k)
        return err_set(e, ERR_INPUT, "%s has %u neighbours a query, and '-k' is %u", a->truth,
                       truth->k, a->o.k);
    return 0;
}

static int load_queries(const struct asked *a, const struct ann_info *i, struct vec_matrix *q,
                        struct err *e)
{
    if (vec_load_f32(q, a->queries, &a->read, 0, false, e) < 0)
        return e->code;
    if (q->rows > 0 && q->dim != i->dim)
        return err_set(e, ERR_INPUT, "%s has %u components a vector, the index '%s' %u", a->queries,
                       q->dim, a->index, i->dim);
    return 0;
}

static void say_stranger(void *ctx, const char *name, size_t len)
{
    const struct asked *a = ctx;

    cli_note(a->co.quiet, "%s has no tenant '%.*s', who sees nothing", a->index, (int)len, name);
}

/* Those of the queries, [rows]. */
static int load_tenants(struct asked *a, const struct ann *ann, uint64_t rows, uint32_t *tenant,
                        struct err *e)
{
    struct ann_choice_opts o = {.tenant = a->tenant,
                                .tenants = a->tenants,
                                .most = rows,
                                .ctx = a,
                                .stranger = say_stranger};
    struct ann_search_opts s = {0};
    struct ann_choice *c = NULL;
    uint64_t done = 0;
    int rc;

    if (a->tenant && ann_tenant(ann, a->tenant, strlen(a->tenant)) == ANN_NO_TENANT)
        return err_set(e, ERR_INPUT, "%s has no tenant '%s'", a->index, a->tenant);
    rc = ann_choice_open(&c, ann, &o, e);
    if (rc == 0)
        rc = ann_choice_take(c, rows, e);
    if (rc == 0)
        rc = ann_choice_next(c, &s, &done, e);
    for (uint64_t i = 0; i < done && rc == 0; i++)
        tenant[i] = s.tenant[s.tenant_each ? i : 0];
    if (rc == 0)
        rc = ann_choice_end(c, e);
    ann_choice_close(c);
    return rc;
}

/* One that is not reached has no effort, rerank and slack. */
static void put_setting(struct out *o, const struct ann_setting *s)
{
    out_row(o);
    out_double(o, "target", s->target, 4);
    out_u64(o, "k", s->k);
    out_double(o, "recall", s->recall, 4);
    out_u64(o, "effort", s->effort);
    out_u64(o, "rerank", s->rerank);
    out_double(o, "slack", (double)s->slack, 4);
    out_double(o, "codes", s->keys, 1);
    out_double(o, "vectors", s->exact, 1);
    out_end_row(o);
}

static int show(const struct asked *a, const struct ann_setting *s, struct err *e)
{
    struct out *o;

    if (out_open(&o, &(struct out_opts){NULL, a->co.json, false}, e) < 0)
        return e->code;
    out_header(o, "target k recall effort rerank slack codes vectors");
    for (size_t i = 0; i < a->o.n_targets; i++) {
        put_setting(o, &s[i]);
        if (s[i].effort == 0)
            cli_note(a->co.quiet, "recall %g is not reached: %.4f was the most in %u queries%s",
                     s[i].target, s[i].recall, s[i].queries,
                     s[i].recall >= s[i].target ? ", too few to be sure of it" : "");
    }
    return out_commit(&o, e);
}

static int check_index(const struct asked *a, const struct ann_info *i, struct err *e)
{
    bool told = a->tenant || a->tenants;

    if (told && !i->has_tenants)
        return err_set(e, ERR_USAGE, "%s is of kind %s, which has no tenants", a->index, i->kind);
    if (!told && i->has_tenants)
        return err_set(e, ERR_USAGE,
                       "%s is of kind %s: '--tenant' or '--tenants-file' says whose queries these "
                       "are",
                       a->index, i->kind);
    if (!a->truth && !i->vectors)
        return err_set(e, ERR_USAGE,
                       "%s holds no vectors: the true neighbours are needed as TRUTH (vec-knn)",
                       a->index);
    return 0;
}

/* The queries, their truth, and their tenants, where there are some. */
struct sample {
    struct vec_matrix q;
    struct neigh truth;
    uint32_t *tenant;
};

static int load(struct asked *a, const struct ann *ann, const struct ann_info *i, struct sample *s,
                struct err *e)
{
    if (load_queries(a, i, &s->q, e) < 0 ||
        (a->truth && load_truth(a, &s->truth, s->q.rows, e) < 0))
        return e->code;
    if (i->has_tenants && (!(s->tenant = mem_array(s->q.rows, sizeof *s->tenant, e)) ||
                           load_tenants(a, ann, s->q.rows, s->tenant, e) < 0))
        return e->code;
    thin_out(&s->q, &s->truth, s->tenant, a->sample);
    a->o.tenant = s->tenant;
    return a->truth ? 0
                    : ann_truth_of(ann, &(struct ann_asked){s->q.v, s->q.rows, s->tenant}, a->o.k,
                                   a->o.threads, &s->truth, e);
}

static int tune(struct asked *a, const struct ann *ann, struct sample *sample, struct err *e)
{
    struct ann_setting s[TARGETS_MOST];
    struct ann_info i;

    ann_info(ann, &i);
    if (check_index(a, &i, e) < 0 || load(a, ann, &i, sample, e) < 0 ||
        ann_tune(ann, &a->o, sample->q.v, sample->q.rows, &sample->truth, s, e) < 0 ||
        ann_save_settings(ann, a->co.out ? a->co.out : a->index, s, a->o.n_targets, e) < 0)
        return e->code;
    return show(a, s, e);
}

int main(int argc, char **argv)
{
    struct asked a = {.k = 10, .sample = 4000, .recall = "0.8,0.9,0.95,0.99"};
    const struct cli_opt opts[] = {
        CLI_U64('k', "neighbours", &a.k, "K", "of the first K neighbours (default 10)"),
        CLI_STR(0, "recall", &a.recall, "LIST", "the targets (default 0.8,0.9,0.95,0.99)"),
        CLI_U64(0, "sample", &a.sample, "N", "of more queries than N, take N (default 4000)"),
        CLI_STR(0, "tenant", &a.tenant, "NAME", "tenant: whose rows all queries search"),
        CLI_STR(0, "tenants-file", &a.tenants, "FILE", "tenant: whose, a line a query"),
        VEC_READ_OPTIONS(&a.read, "the queries' format"),
        CLI_KIND(0, "truth-from", &a.truth_from, NEIGH_FORMAT_NAMES, "the truth's format"),
        CLI_COMMON(&a.co),
        CLI_END,
    };
    int first = cli_parse(&prog, opts, argc, argv), ok;
    struct sample sample = {0};
    struct progress progress;
    struct ann *ann = NULL;
    struct err e = {0};

    a.index = argv[first];
    a.queries = argv[first + 1];
    a.truth = argc - first > 2 ? argv[first + 2] : NULL;
    settle(&a, &progress);
    progress_init(&progress, a.co.quiet);
    ok = ann_open(&ann, a.index, cli_cpu(), &e) == 0 && tune(&a, ann, &sample, &e) == 0;
    progress_end(&progress);
    neigh_free(&sample.truth);
    vec_matrix_free(&sample.q);
    free(sample.tenant);
    ann_close(ann);
    cli_finish(a.co.verbose);
    return ok ? CLI_DONE : cli_fail(&e);
}
