/* vec-eval - how good are codecs: what they lose, what they find, how fast they are? */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cli.h"
#include "base/num.h"
#include "base/out.h"
#include "base/par.h"
#include "base/progress.h"
#include "vec/vec.h"

enum { SAMPLE = 1 << 16, QUERIES = 1000, PAIRS = 1000000 };

static const struct cli_prog prog = {
    "vec-eval", "[CODEC] BASE QUERIES [TRUTH]",
    "Measure codecs on a base and queries: size, error, bias, recall, speed; a row a codec.", 2, 4};

struct job {
    struct out *out;
    struct cli_list codecs; /* specs and files */
    const char *base_name, *rerank, *train_queries;
    struct vec_read_opts read;
    uint64_t sample, limit, k, seed;
    struct vec_matrix base, queries, train, known; /* train: of base, to train on */
    struct neigh truth;
    struct eval_data data;
    struct eval_opts opts;
};

/* ---- vectors ---- */

/* Every row becomes unit length. */
static int normalize(struct vec_matrix *m, const char *path, struct err *e)
{
    for (uint64_t i = 0; i < m->rows; i++) {
        float *x = vec_matrix_row(m, i);
        double by = sqrt(vec_norm2(x, m->dim));

        if (by <= 0)
            return err_set(e, ERR_INPUT, "%s: row %llu is zero: it has no cosine", path,
                           (unsigned long long)i);
        for (uint32_t k = 0; k < m->dim; k++)
            x[k] = (float)(x[k] / by);
    }
    return 0;
}

static int load(const struct job *j, struct vec_matrix *m, const char *path, uint64_t most,
                bool spread, struct err *e)
{
    if (vec_load_f32(m, path, &j->read, most, spread, e) < 0)
        return e->code;
    if (m->rows == 0)
        return err_set(e, ERR_INPUT, "%s: there are no vectors", path);
    if (m != &j->base && m->dim != j->base.dim)
        return err_set(e, ERR_INPUT, "%s: the vectors have %u dimensions, those of the base %u",
                       path, m->dim, j->base.dim);
    return j->data.metric == VEC_COSINE ? normalize(m, path, e) : 0;
}

/* The base's rows, evenly spread. */
static int draw_sample(struct job *j, struct err *e)
{
    uint64_t n = j->sample && j->sample < j->base.rows ? j->sample : j->base.rows;

    if (vec_matrix_init(&j->train, n, j->base.dim, e) < 0)
        return e->code;
    for (uint64_t i = 0; i < n; i++)
        memcpy(vec_matrix_row(&j->train, i),
               vec_matrix_row(&j->base, (uint64_t)((__uint128_t)i * j->base.rows / n)),
               j->base.dim * sizeof *j->base.v);
    return 0;
}

/* ---- one codec ---- */

static bool is_spec(const char *name)
{
    struct codec_spec s;
    struct err e = {0};

    return codec_parse(name, &s, &e) == 0;
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Trained, where it is a spec; else read. */
static int get_codec(const struct job *j, const char *name, struct codec **c, double *train_s,
                     struct err *e)
{
    struct codec_train t = {.x = j->train.v,
                            .n = j->train.rows,
                            .queries = j->known.v,
                            .n_queries = j->known.rows,
                            .seed = j->seed,
                            .threads = j->opts.threads,
                            .progress = j->opts.progress,
                            .progress_ctx = j->opts.progress_ctx};
    double began = seconds();
    int rc;

    *train_s = NAN;
    if (!is_spec(name)) {
        rc = codec_open(c, name, cli_cpu(), e);
        if (rc == 0 && (*c)->dim != j->base.dim)
            rc = err_set(e, ERR_INPUT, "%s: the codec has %u dimensions, the base %u", name,
                         (*c)->dim, j->base.dim);
        return rc;
    }
    rc = codec_train(c, name, j->base.dim, cli_cpu(), &t, e);
    *train_s = seconds() - began;
    return rc == ERR_INPUT ? err_prefix(e, "training on rows of %s", j->base_name) : rc;
}

static void header(const struct job *j)
{
    char names[600];
    int n = snprintf(names, sizeof names,
                     "codec bytes mse mse_rel ip_rms ip_rel ip_bias ip_slope low_bad recall@%u",
                     j->opts.k);

    for (size_t i = 0; i < j->opts.reranks; i++)
        n += snprintf(names + n, sizeof names - (size_t)n, " recall@%u_rerank%u", j->opts.k,
                      j->opts.rerank[i]);
    if (j->opts.speed)
        snprintf(names + n, sizeof names - (size_t)n,
                 " train_s encode_vps encode_MBps prepare_us scan_vps scan_GBps batch_vps"
                 " batch_GBps");
    out_header(j->out, names);
}

static void print_recalls(const struct job *j, const struct eval_result *r)
{
    char key[64];

    snprintf(key, sizeof key, "recall@%u", j->opts.k);
    out_double(j->out, key, r->recall, 4);
    for (size_t i = 0; i < j->opts.reranks; i++) {
        snprintf(key, sizeof key, "recall@%u_rerank%u", j->opts.k, j->opts.rerank[i]);
        out_double(j->out, key, r->recall_rerank[i], 4);
    }
}

static void print_speeds(const struct job *j, const struct codec *c, const struct eval_result *r,
                         double train_s)
{
    out_double(j->out, "train_s", train_s, 2);
    out_double(j->out, "encode_vps", r->encode_vps, 0);
    out_double(j->out, "encode_MBps", r->encode_vps * c->dim * sizeof(float) / 1e6, 1);
    out_double(j->out, "prepare_us", r->prepare_us, 2);
    out_double(j->out, "scan_vps", r->scan_vps, 0);
    out_double(j->out, "scan_GBps", r->scan_vps * c->code_bytes / 1e9, 2);
    out_double(j->out, "batch_vps", r->batch_vps, 0);
    out_double(j->out, "batch_GBps", r->batch_vps * c->code_bytes / 1e9, 2);
}

/* Small numbers keep their digits: six of them that count. */
static void out_digits(struct out *o, const char *key, double v)
{
    int places = v != 0 && isfinite(v) ? 5 - (int)floor(log10(fabs(v))) : 0;

    out_double(o, key, v, places < 0 ? 0 : places > 40 ? 40 : places);
}

static void print(const struct job *j, const char *name, const struct codec *c,
                  const struct eval_result *r, double train_s)
{
    out_row(j->out);
    out_cstr(j->out, "codec", name);
    out_u64(j->out, "bytes", c->code_bytes);
    out_digits(j->out, "mse", r->mse);
    out_digits(j->out, "mse_rel", r->mse_rel);
    out_digits(j->out, "ip_rms", r->ip_rms);
    out_digits(j->out, "ip_rel", r->ip_rel);
    out_digits(j->out, "ip_bias", r->ip_bias);
    out_double(j->out, "ip_slope", r->ip_slope, 5);
    out_digits(j->out, "low_bad", r->low_bad);
    print_recalls(j, r);
    if (j->opts.speed)
        print_speeds(j, c, r, train_s);
    out_end_row(j->out);
}

static int measure(const struct job *j, const char *name, struct err *e)
{
    struct codec *c = NULL;
    struct eval_result r;
    double train_s;
    int rc = get_codec(j, name, &c, &train_s, e);

    if (rc == 0 && (rc = eval_codec(&r, c, &j->data, &j->opts, e)) == ERR_INPUT)
        err_prefix(e, "%s", j->base_name);
    if (rc == 0) {
        progress_end(j->opts.progress_ctx);
        print(j, name, c, &r, train_s);
        rc = out_flush(j->out, e);
    }
    codec_free(c);
    return rc;
}

/* ---- all of it ---- */

/* Of the file, or computed. */
static int get_truth(struct job *j, const char *path, struct err *e)
{
    const struct eval_data *d = &j->data;
    int rc;

    if (path) {
        rc = neigh_load(&j->truth, path, NEIGH_AUTO, e);
        if (rc == 0 && (j->truth.queries < d->n_queries || j->truth.k < j->opts.k))
            rc = err_set(e, ERR_INPUT, "%s: it has %u neighbours of %llu queries, not %u of %llu",
                         path, j->truth.k, (unsigned long long)j->truth.queries, j->opts.k,
                         (unsigned long long)d->n_queries);
    } else {
        rc = neigh_init(&j->truth, d->n_queries, j->opts.k, false, e);
        if (rc == 0)
            rc = eval_truth(j->truth.id, d, j->opts.k, cli_cpu(), j->opts.threads, e);
    }
    j->data.truth = j->truth.id;
    j->data.truth_k = j->truth.k;
    return rc;
}

static int run(struct job *j, char **operand, int operands, struct err *e)
{
    int rc = load(j, &j->base, operand[0], 0, false, e);

    j->base_name = operand[0];
    if (rc == 0)
        rc = load(j, &j->queries, operand[1], j->limit, false, e);
    if (rc == 0 && j->train_queries)
        rc = load(j, &j->known, j->train_queries, j->sample, true, e);
    if (rc == 0)
        rc = draw_sample(j, e);
    if (rc < 0)
        return rc;
    j->data.base = j->base.v;
    j->data.rows = j->base.rows;
    j->data.queries = j->queries.v;
    j->data.n_queries = j->queries.rows;
    j->data.dim = j->base.dim;
    rc = get_truth(j, operands > 2 ? operand[2] : NULL, e);
    header(j);
    for (size_t i = 0; rc == 0 && i < j->codecs.n; i++)
        rc = measure(j, j->codecs.v[i], e);
    return rc;
}

/* "20,100" to numbers. */
static void parse_reranks(struct job *j)
{
    char word[24];
    uint64_t v;

    for (const char *p = j->rerank; *p; p += *p == ',') {
        size_t n = strcspn(p, ",");

        if (snprintf(word, sizeof word, "%.*s", (int)n, p) >= (int)sizeof word ||
            !num_u64(word, &v) || v == 0 || v > 100000 || j->opts.reranks == EVAL_RERANKS)
            cli_misuse("option '--rerank' wants up to %d numbers with commas between, not '%s'",
                       EVAL_RERANKS, j->rerank);
        for (size_t i = 0; i < j->opts.reranks; i++)
            if (j->opts.rerank[i] == v)
                cli_misuse("option '--rerank' names %llu twice", (unsigned long long)v);
        j->opts.rerank[j->opts.reranks++] = (uint32_t)v;
        p += n;
    }
}

/* The operands that are not the codec. */
static int take_codec(struct job *j, char **argv, int first, int argc)
{
    const char **v;

    if (j->codecs.n == 0) {
        if (argc - first < 3)
            cli_misuse("CODEC, BASE and QUERIES are wanted, or '--codec', BASE and QUERIES");
        v = realloc(j->codecs.v, sizeof *v);
        if (!v)
            cli_misuse("out of memory");
        j->codecs.v = v;
        v[j->codecs.n++] = argv[first++];
    }
    if (argc - first > 3)
        cli_misuse("too many operands: BASE, QUERIES and TRUTH are wanted");
    return first;
}

static void check_files(const struct job *j, char **operand, int operands, const char *out)
{
    const char *const in[] = {operand[0], operand[1], operands > 2 ? operand[2] : NULL,
                              j->train_queries};

    cli_files(&out, 1, in, 4);
    cli_inputs_stay(&out, 1, j->codecs.v, j->codecs.n);
}

static void check_numbers(struct job *j)
{
    cli_count_in("--neighbours", j->k, 1, 100000);
    j->opts.k = (uint32_t)j->k;
    parse_reranks(j);
}

static void job_free(struct job *j)
{
    cli_list_free(&j->codecs);
    vec_matrix_free(&j->base);
    vec_matrix_free(&j->queries);
    vec_matrix_free(&j->train);
    vec_matrix_free(&j->known);
    neigh_free(&j->truth);
    out_abort(&j->out);
}

int main(int argc, char **argv)
{
    struct job j = {.rerank = "100",
                    .sample = SAMPLE,
                    .limit = QUERIES,
                    .k = 10,
                    .seed = 1,
                    .opts = {.pairs = PAIRS}};
    struct cli_common co = {0};
    bool no_speed = false;
    int metric = VEC_L2;
    const struct cli_opt opts[] = {
        CLI_LIST('c', "codec", &j.codecs, "SPEC|FILE",
                 "a codec to train on BASE, or a codec's file; may be repeated"),
        CLI_CHOICE(0, "metric", &metric, VEC_METRIC_NAMES, "how near is measured (default l2)"),
        CLI_U64('k', "neighbours", &j.k, "K", "recall of so many neighbours (default 10)"),
        CLI_STR(0, "rerank", &j.rerank, "N,N...",
                "and with the best N by key ordered again, exactly (default 100)"),
        CLI_U64(0, "limit", &j.limit, "N", "use the first N queries (default 1000; 0: all)"),
        CLI_U64(0, "pairs", &j.opts.pairs, "N",
                "take errors of products of N pairs (default 1000000)"),
        CLI_FLAG(0, "no-speed", &no_speed, "leave out times and speeds"),
        CLI_STR(0, "train-queries", &j.train_queries, "FILE",
                "queries, for codecs that are trained for them"),
        CLI_U64('n', "sample", &j.sample, "N",
                "train on so many rows at most, evenly spread (default 65536; 0: all)"),
        CLI_SEED(&j.seed),
        VEC_READ_OPTIONS(&j.read, "format of the vectors (default: by their names)"),
        CLI_COMMON(&co),
        CLI_END,
    };
    int first = cli_parse(&prog, opts, argc, argv);
    struct progress progress;
    struct err e = {0};
    int ok;

    first = take_codec(&j, argv, first, argc);
    check_files(&j, argv + first, argc - first, co.out);
    check_numbers(&j);
    j.data.metric = (enum vec_metric)metric;
    j.opts.speed = !no_speed;
    j.opts.threads = par_threads(co.threads);
    progress_init(&progress, co.quiet);
    j.opts.progress = progress_report;
    j.opts.progress_ctx = &progress;
    ok = out_open(&j.out, &(struct out_opts){co.out, co.json, false}, &e) == 0 &&
         run(&j, argv + first, argc - first, &e) == 0;
    progress_end(&progress);
    ok = ok && out_commit(&j.out, &e) == 0;
    job_free(&j);
    cli_finish(co.verbose);
    return ok ? CLI_DONE : cli_fail(&e);
}
