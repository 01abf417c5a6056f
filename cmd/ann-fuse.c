/* ann-fuse - several ranked lists of neighbours for the same questions become one. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ann/fuse.h"
#include "base/cli.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/progress.h"

static const struct cli_prog prog = {
    "ann-fuse", "RESULT...",
    "Fuse lists of neighbours of several searches, or of several queries for one question.", 1, -1};

enum { WEIGHTS_MOST = 1024, GROUP_MOST = 1 << 20 };

struct asked {
    struct cli_common co;
    int method, norm, metric;
    uint64_t k, depth;
    const char *weights;
    double weight[WEIGHTS_MOST];
    const char *scores;
    char *names; /* of these, one behind the other */
    const char *score[WEIGHTS_MOST];
    struct fuse_opts o;
    struct fuse_files files;
    struct neigh_write_opts write;
};

/* Of the i-th result. */
static enum neigh_format format_of(const struct asked *a, size_t i)
{
    return a->files.from == NEIGH_AUTO ? neigh_format_of(a->files.path[i]) : a->files.from;
}

/* Of `files` files, each with a weight, or of one whose queries in a group have. */
static void settle_weights(struct asked *a)
{
    size_t files = a->files.files, want = files > 1 || a->files.map ? files : a->files.group;

    if (!a->weights)
        return;
    if (a->o.method == FUSE_TURNS)
        cli_misuse("'--method turns' takes no weights");
    if (list_numbers(a->weights, a->weight, WEIGHTS_MOST) != want)
        cli_misuse("'--weights' are %zu numbers with commas between them, not '%s'", want,
                   a->weights);
    for (size_t i = 0; i < want; i++)
        if (a->weight[i] < 0)
            cli_misuse("a weight is not negative, as %g is", a->weight[i]);
    a->files.weights = a->weight;
}

static void settle_method(struct asked *a)
{
    bool scores = a->method == FUSE_SCORE || a->method == FUSE_MAX;

    if (!isnan(a->o.rrf_k) && a->method != FUSE_RRF)
        cli_misuse("'--rrf-k' goes with '--method rrf'");
    if (a->o.rrf_k < 0)
        cli_misuse("'--rrf-k' is not negative");
    if ((a->norm >= 0 || a->metric >= 0) && !scores)
        cli_misuse("'--norm' and '--metric' go with '--method score' and 'max'");
    if (a->norm == FUSE_AS_IS && a->metric < 0)
        cli_misuse("'--norm none' needs a '--metric'");
    a->o.method = (enum fuse_method)a->method;
    a->o.norm = a->norm < 0 ? FUSE_MINMAX : (enum fuse_norm)a->norm;
    a->o.near = a->metric < 0 ? FUSE_BY_ORDER : a->metric == VEC_IP ? FUSE_LARGER : FUSE_SMALLER;
    a->o.rrf_k = isnan(a->o.rrf_k) ? FUSE_RRF_K : a->o.rrf_k;
}

static void settle_inputs(struct asked *a)
{
    if (a->files.group && a->files.map)
        cli_misuse("'--group' and '--map' exclude each other");
    if (a->files.group > GROUP_MOST)
        cli_misuse("'--group' is 1 to %d", GROUP_MOST);
    if (!a->files.group && !a->files.map)
        a->files.group = 1;
    a->files.depth = (uint32_t)a->depth;
    for (size_t i = 0; i < a->files.files; i++) {
        const char *path = a->files.path[i];

        if (a->files.names && neigh_is_binary(format_of(a, i)))
            cli_misuse("'--names' are in tsv and jsonl only, not in '%s'", path);
    }
}

/* Names between commas, one of each file, which may be empty. */
static void settle_scores(struct asked *a)
{
    char *name = a->names = a->scores ? strdup(a->scores) : NULL;
    size_t n = 0;

    while (name && n < WEIGHTS_MOST) {
        char *comma = strchr(name, ',');

        if (comma)
            *comma = 0;
        a->score[n++] = *name ? name : NULL;
        name = comma ? comma + 1 : NULL;
    }
    if (a->scores && (name || n != a->files.files))
        cli_misuse("'--scores' are %zu files with commas between them, one of each RESULT",
                   a->files.files);
    for (size_t i = 0; i < n; i++) {
        enum neigh_format f = format_of(a, i);

        if (a->score[i] && f != NEIGH_IVECS && f != NEIGH_IBIN)
            cli_misuse("'--scores' stand beside ivecs or ibin, and '%s' is no such file",
                       a->files.path[i]);
    }
    a->files.scores = n ? a->score : NULL;
}

/* Those that are read, NULL where one is not given: how many. */
static size_t list_inputs(const struct asked *a, const char **in)
{
    size_t n = 0;

    for (size_t i = 0; i < a->files.files; i++)
        in[n++] = a->files.path[i];
    for (size_t i = 0; a->files.scores && i < a->files.files; i++)
        in[n++] = a->files.scores[i];
    in[n++] = a->files.map;
    return n;
}

static void check_files(const struct asked *a)
{
    const char *const out[] = {a->co.out ? a->co.out : "-", a->write.distances};
    struct err e = {0};
    const char **in = mem_array(2 * a->files.files + 1, sizeof *in, &e);
    size_t n;

    if (!in)
        exit(cli_fail(&e));
    n = list_inputs(a, in);
    cli_outputs_once(out, 2, "ids and distances");
    cli_files(out, 2, in, n);
    free(in);
}

static void settle_output(struct asked *a)
{
    const char *wrong;

    a->write.path = a->co.out;
    if ((wrong = neigh_write_settle(&a->write, a->co.json)))
        cli_misuse("%s", wrong);
    check_files(a);
    if (neigh_is_binary(a->write.to) && a->files.names)
        cli_misuse("'--names' are written to tsv and jsonl only");
    if (neigh_is_binary(a->write.to))
        cli_not_on_terminal(a->write.path, "binary");
    a->write.k = (uint32_t)a->k;
}

static void settle(struct asked *a)
{
    cli_count_in("-k", a->k, 1, VEC_DIM_MAX);
    cli_count_in("--depth", a->depth, 0, VEC_DIM_MAX);
    settle_method(a);
    settle_inputs(a);
    settle_weights(a);
    settle_scores(a);
    settle_output(a);
}

int main(int argc, char **argv)
{
    static struct asked a = {.k = 10, .norm = -1, .metric = -1, .o = {.rrf_k = NAN}};
    const struct cli_opt opts[] = {
        CLI_U64('k', "neighbours", &a.k, "K", "how many of each question (default 10)"),
        CLI_CHOICE(0, "method", &a.method, FUSE_METHOD_NAMES, "how lists are fused (default rrf)"),
        CLI_DOUBLE(0, "rrf-k", &a.o.rrf_k, "X", "rrf: a rank counts 1 / (X + rank) (default 60)"),
        CLI_CHOICE(0, "norm", &a.norm, FUSE_NORM_NAMES,
                   "score, max: how scores of a list are normalised (default minmax)"),
        CLI_CHOICE(0, "metric", &a.metric, VEC_METRIC_NAMES,
                   "score, max: what scores are (default: as the order of a list tells)"),
        CLI_STR(0, "weights", &a.weights, "W,W...",
                "how much each RESULT counts (default: the same)"),
        CLI_U64(0, "depth", &a.depth, "N", "read the first N of each list (default: all)"),
        CLI_U64(0, "group", &a.files.group, "N", "each N queries in a row are one question"),
        CLI_STR(0, "map", &a.files.map, "FILE", "line by line, a query's question by number"),
        CLI_FLAG(0, "names", &a.files.names, "ids are names, not row numbers"),
        CLI_KIND(0, "from", &a.files.from, NEIGH_FORMAT_NAMES,
                 "the results' format (default: by their names, else tsv)"),
        CLI_STR(0, "scores", &a.scores, "FILE,FILE...",
                "scores beside each RESULT of ivecs or ibin, as '--distances' writes them"),
        NEIGH_WRITE_OPTIONS(&a.write),
        CLI_OUT(&a.co.out),
        CLI_JSON(&a.co.json),
        CLI_QUIET(&a.co.quiet),
        CLI_VERBOSE(&a.co.verbose),
        CLI_END,
    };
    int first = cli_parse(&prog, opts, argc, argv);
    struct progress progress;
    struct err e = {0};
    int ok;

    a.files.path = (const char *const *)argv + first;
    a.files.files = (size_t)(argc - first);
    settle(&a);
    progress_init(&progress, a.co.quiet);
    a.files.progress = progress_report;
    a.files.progress_ctx = &progress;
    ok = fuse_run(&a.files, &a.o, &a.write, &e) == 0;
    progress_end(&progress);
    free(a.names);
    cli_finish(a.co.verbose);
    return ok ? CLI_DONE : cli_fail(&e);
}
