/* vec-knn - the exact nearest neighbours of queries in a base of vectors. */
#include <string.h>

#include "base/cli.h"
#include "base/par.h"
#include "base/progress.h"
#include "vec/vec.h"

static const struct cli_prog prog = {
    "vec-knn", "BASE QUERIES",
    "Find the exact nearest neighbours of every query in a base of vectors.", 2, 2};

/* What was asked for, as the options say it. */
struct asked {
    struct cli_common co;
    uint64_t k;
    int metric;
    enum vec_format from, queries_from;
    enum allow_format allow_format;
    const char *allow, *field;
};

struct search {
    struct knn_files f;
    struct neigh_write_opts write;
    struct vec_read_opts base_how, query_how;
    struct allow allow;
    struct sketch sketched;
    const char *base, *queries, *sketch;
};

static void check_usage(struct search *s, const struct asked *a)
{
    const char *wrong = neigh_write_settle(&s->write, a->co.json);
    const char *const in[] = {s->base, s->queries, a->allow};
    const char *const out[] = {a->co.out ? a->co.out : "-", s->write.distances, s->sketch};

    cli_count_in("-k", a->k, 1, VEC_DIM_MAX);
    if (s->sketch && (cli_is_std(s->base) || a->allow))
        cli_misuse("'--sketch' needs a base in a file, all of whose rows are allowed");
    if (wrong)
        cli_misuse("%s", wrong);
    cli_outputs_once(out, 3, "ids, distances and sketch");
    cli_files(out, 2, in, 3); /* what is no sketch stays anyway */
    if (neigh_is_binary(s->write.to))
        cli_not_on_terminal(s->write.path, "binary");
}

static void settle(struct search *s, const struct asked *a, struct progress *p)
{
    check_usage(s, a);
    s->f.knn.metric = (enum vec_metric)a->metric;
    s->f.knn.k = (uint32_t)a->k;
    s->f.knn.threads = par_threads(a->co.threads);
    s->f.knn.cpu = cli_cpu();
    s->f.progress = progress_report;
    s->f.progress_ctx = p;
    s->base_how = (struct vec_read_opts){.format = a->from, .field = a->field};
    s->query_how = (struct vec_read_opts){.format = a->queries_from, .field = a->field};
    if (cli_is_std(s->queries) &&
        a->queries_from == VEC_AUTO) { /* --from speaks of standard input */
        s->query_how.format = a->from;
        s->base_how.format = VEC_AUTO;
    }
    s->write.k = s->f.knn.k;
    s->write.metric = s->f.knn.metric;
}

static int search(struct search *s, const struct asked *a, struct err *e)
{
    struct vec_reader *base = NULL, *queries = NULL;
    struct neigh_writer *w = NULL;
    int rc = 0;

    if (vec_open(&queries, s->queries, &s->query_how, e) < 0 ||
        vec_open(&base, s->base, &s->base_how, e) < 0)
        rc = e->code;
    if (rc == 0 && a->allow) {
        rc = allow_load(&s->allow, a->allow, a->allow_format, vec_reader_rows(base), e);
        s->f.allow = &s->allow;
    }
    if (rc == 0 && s->sketch) {
        rc = sketch_open(&s->sketched, s->sketch, base, ops_for(s->f.knn.cpu), s->f.progress,
                         s->f.progress_ctx, e);
        s->f.sketch = &s->sketched;
    }
    if (rc == 0) {
        s->write.queries = vec_reader_rows(queries);
        rc = neigh_create(&w, &s->write, e);
    }
    if (rc == 0)
        rc = knn_files(&s->f, base, queries, w, e);
    if (rc == 0)
        rc = neigh_commit(&w, e);
    neigh_abort(&w);
    sketch_close(&s->sketched);
    vec_close(base);
    vec_close(queries);
    allow_free(&s->allow);
    return rc;
}

int main(int argc, char **argv)
{
    struct asked a = {.k = 10};
    struct search s = {.f.memory = UINT64_C(512) << 20};
    const struct cli_opt opts[] = {
        CLI_U64('k', "neighbours", &a.k, "K", "how many of each query (default 10)"),
        CLI_CHOICE(0, "metric", &a.metric, VEC_METRIC_NAMES, "how near is measured (default l2)"),
        CLI_STR(0, "allow", &a.allow, "FILE", "only the rows of the base that FILE names"),
        CLI_KIND(0, "allow-format", &a.allow_format, ALLOW_FORMAT_NAMES,
                 "what FILE is (default: by its name, else text)"),
        CLI_STR(0, "sketch", &s.sketch, "FILE",
                "search few queries through 8-bit codes kept in FILE, made if need be"),
        NEIGH_WRITE_OPTIONS(&s.write),
        CLI_KIND(0, "from", &a.from, VEC_FORMAT_NAMES,
                 "the base's format; the queries', if they are standard input"),
        CLI_KIND(0, "queries-from", &a.queries_from, VEC_FORMAT_NAMES, "the queries' format"),
        CLI_STR(0, "field", &a.field, "NAME", "jsonl: the member (default embedding)"),
        CLI_SIZE('m', "memory", &s.f.memory, "SIZE",
                 "memory to use, about (default 512M): queries go in blocks that fit"),
        CLI_COMMON(&a.co),
        CLI_END,
    };
    int first = cli_parse(&prog, opts, argc, argv);
    struct progress progress;
    struct err e = {0};
    int ok;

    s.base = argv[first];
    s.queries = argv[first + 1];
    s.write.path = a.co.out;
    settle(&s, &a, &progress);
    progress_init(&progress, a.co.quiet);
    ok = search(&s, &a, &e) == 0;
    progress_end(&progress);
    cli_finish(a.co.verbose);
    return ok ? CLI_DONE : cli_fail(&e);
}
