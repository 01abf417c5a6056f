/* vec-recall - how much of the true neighbours a search found. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/out.h"
#include "vec/vec.h"

static const struct cli_prog prog = {
    "vec-recall", "RESULT TRUTH", "Print which share of the true neighbours a result holds.", 2, 2};

struct job {
    struct cli_common co;
    uint64_t k;
    int metric;
    enum neigh_format from, truth_from;
    const char *base, *queries; /* for ties */
    bool per_query;
    double least; /* --fail-below */
};

static void print_queries(const struct recall *r, struct out *o)
{
    out_header(o, "query hits of recall");
    for (uint64_t q = 0; q < r->queries; q++) {
        out_row(o);
        out_u64(o, "query", q);
        out_u64(o, "hits", r->hits[q]);
        out_u64(o, "of", r->of[q]);
        out_double(o, "recall", r->of[q] ? (double)r->hits[q] / r->of[q] : NAN, 6);
        out_end_row(o);
    }
}

static int print_summary(const struct recall *r, uint32_t k, struct out *o, struct err *e)
{
    static const struct {
        const char *name;
        double p;
    } at[] = {{"min", 0},   {"p1", .01}, {"p5", .05}, {"p10", .1},
              {"p25", .25}, {"p50", .5}, {"p75", .75}};
    double *sorted = recall_sort(r, e);
    uint64_t perfect = 0;

    if (!sorted)
        return e->code;
    for (uint64_t i = 0; i < r->counted; i++)
        perfect += sorted[i] >= 1;
    out_facts(o);
    out_count(o, "queries", r->counted);
    out_count(o, "k", k);
    out_value(o, "recall", r->mean, 6);
    for (size_t i = 0; i < sizeof at / sizeof *at; i++)
        out_value(o, at[i].name, recall_percentile(sorted, r->counted, at[i].p), 6);
    out_count(o, "perfect", perfect);
    out_count(o, "without_truth", r->queries - r->counted);
    out_end_facts(o);
    free(sorted);
    return 0;
}

static int print(const struct job *j, const struct recall *r, struct err *e)
{
    struct out_opts oo = {.path = j->co.out, .json = j->co.json};
    struct out *o;
    int rc = out_open(&o, &oo, e);

    if (rc == 0 && j->per_query)
        print_queries(r, o);
    else if (rc == 0)
        rc = print_summary(r, (uint32_t)j->k, o, e);
    if (rc == 0)
        rc = out_commit(&o, e);
    out_abort(&o);
    return rc;
}

/* Base and queries for ties: the base where it lies, or read into memory where it cannot be mapped.
 */
struct vectors {
    struct recall_ties ties;
    struct vec_reader *reader;
    struct vec_matrix base, queries;
};

static int load_vectors(struct vectors *v, const struct job *j, struct err *e)
{
    static const struct vec_read_opts how;

    v->ties.ops = ops_for(cli_cpu());
    v->ties.metric = (enum vec_metric)j->metric;
    v->ties.queries = &v->queries;
    if (vec_load_f32(&v->queries, j->queries, &how, 0, false, e) < 0 ||
        vec_open(&v->reader, j->base, &how, e) < 0)
        return e->code;
    if (vec_mapped(v->reader, &v->ties.base, NULL))
        return 0;
    if (vec_load_f32(&v->base, j->base, &how, 0, false, e) < 0)
        return e->code;
    v->ties.base = (struct vec_rows){(const unsigned char *)v->base.v, v->base.rows, v->base.dim,
                                     VEC_F32, v->base.dim * sizeof(float)};
    return 0;
}

static void free_vectors(struct vectors *v)
{
    vec_close(v->reader);
    vec_matrix_free(&v->base);
    vec_matrix_free(&v->queries);
}

static int compare(const struct job *j, char **file, struct recall *r, struct err *e)
{
    struct neigh result = {0}, truth = {0};
    struct vectors v = {0};
    int rc = neigh_load(&result, file[0], j->from, e);

    if (rc == 0)
        rc = neigh_load(&truth, file[1], j->truth_from, e);
    if (rc == 0 && j->base)
        rc = load_vectors(&v, j, e);
    if (rc == 0)
        rc = recall_compute(r, &result, &truth, (uint32_t)j->k, j->base ? &v.ties : NULL, e);
    free_vectors(&v);
    neigh_free(&result);
    neigh_free(&truth);
    return rc;
}

static void check_files(const struct job *j, char **file)
{
    const char *const in[] = {file[0], file[1], j->base, j->queries};

    cli_files(&j->co.out, 1, in, 4);
}

int main(int argc, char **argv)
{
    struct job j = {.k = 10, .least = -1};
    const struct cli_opt opts[] = {
        CLI_U64('k', "neighbours", &j.k, "K", "of the first K neighbours (default 10)"),
        CLI_STR(0, "ties-base", &j.base, "FILE",
                "count rows that are as near as true ones: the base"),
        CLI_STR(0, "ties-queries", &j.queries, "FILE", "the same: the queries"),
        CLI_CHOICE(0, "metric", &j.metric, VEC_METRIC_NAMES,
                   "the same: how near is measured (default l2)"),
        CLI_KIND(0, "from", &j.from, NEIGH_FORMAT_NAMES,
                 "the result's format (default: by its name, else tsv)"),
        CLI_KIND(0, "truth-from", &j.truth_from, NEIGH_FORMAT_NAMES, "the truth's format"),
        CLI_FLAG(0, "per-query", &j.per_query, "a row a query instead of the summary"),
        CLI_DOUBLE(0, "fail-below", &j.least, "X", "exit 1 when the recall is below X"),
        CLI_OUT(&j.co.out),
        CLI_JSON(&j.co.json),
        CLI_QUIET(&j.co.quiet),
        CLI_VERBOSE(&j.co.verbose),
        CLI_END,
    };
    int first = cli_parse(&prog, opts, argc, argv);
    struct recall r = {0};
    struct err e = {0};
    int ok;

    cli_count_in("-k", j.k, 1, VEC_DIM_MAX);
    if (!j.base != !j.queries)
        cli_misuse("'--ties-base' and '--ties-queries' go together");
    check_files(&j, argv + first);
    ok = compare(&j, argv + first, &r, &e) == 0 && print(&j, &r, &e) == 0;
    if (ok && j.least >= 0 && r.counted == 0)
        ok = err_set(&e, ERR_INPUT, "no query has a true neighbour: there is no recall@%llu",
                     (unsigned long long)j.k) == 0;
    else if (ok && r.mean < j.least)
        ok = err_set(&e, ERR_INPUT, "recall@%llu is %.6f, below %g", (unsigned long long)j.k,
                     r.mean, j.least) == 0;
    recall_free(&r);
    cli_finish(j.co.verbose);
    return ok ? CLI_DONE : cli_fail(&e);
}
