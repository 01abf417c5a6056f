/* ann-build - an index of vectors for approximate nearest neighbours. */
#include <string.h>

#include "ann/ann.h"
#include "base/cli.h"
#include "base/num.h"
#include "base/par.h"
#include "base/progress.h"
#include "base/ram.h"
#include "base/stream.h"
#include "vec/base.h"
#include "vec/vec.h"

enum { QUERIES_MOST = 100000, LEAF_MOST = 1 << 30 };

static const struct cli_prog prog = {
    "ann-build", "BASE", "Make an index of vectors for approximate nearest neighbours.", 1, 1};

#define NOT_GIVEN UINT64_MAX

struct asked {
    struct cli_common co;
    int kind, metric;
    struct vec_read_opts read; /* the base */
    uint64_t degree, beam, lists, leaf, replicas, memory;
    double alpha;
    const char *path, *queries, *ids, *attrs, *columns, *tenants, *wheres, *workload;
    struct ann_build_opts o;
};

/* What the index is to suit. */
static void settle_workload(struct asked *a)
{
    if (a->leaf == NOT_GIVEN)
        a->leaf = 0;
    else
        cli_count_in("--leaf", a->leaf, 1, LEAF_MOST);
    if (a->kind != ANN_HQI && (a->leaf || a->wheres || a->workload))
        cli_misuse("'--leaf', '--where-file' and '--workload' are for '-t hqi'");
    if (a->workload && (a->wheres || a->queries))
        cli_misuse("'--workload' has both queries and predicates: it goes without '--queries' and "
                   "'--where-file'");
    if (a->workload && cli_is_std(a->workload))
        cli_misuse("'--workload' is read twice: a file, not standard input");
    if (a->workload)
        a->queries = a->wheres = a->workload;
    a->o.least = (uint32_t)a->leaf;
}

static void check_files(const struct asked *a)
{
    const char *const in[] = {a->path, a->ids, a->attrs, a->queries, a->tenants, a->wheres};

    cli_files(&a->co.out, 1, in, 6);
}

static void settle(struct asked *a, struct progress *p)
{
    if (!a->co.out)
        cli_misuse("'-o FILE' is needed: an index is a file");
    if (cli_is_std(a->co.out))
        cli_misuse("an index is a file: it cannot be written to standard output");
    if (a->degree)
        cli_count_in("-R", a->degree, ANN_DEGREE_LEAST, ANN_DEGREE_MOST);
    if (a->beam == NOT_GIVEN)
        a->beam = 0;
    else
        cli_count_in("-L", a->beam, 1, ANN_BEAM_MOST);
    if (a->alpha != 0)
        cli_number_in("--alpha", a->alpha, 1, 10);
    if (a->lists == NOT_GIVEN)
        a->lists = 0;
    else
        cli_count_in("--lists", a->lists, 1, ANN_LISTS_MOST);
    if (a->lists && (a->kind == ANN_GRAPH || a->kind == ANN_TENANT))
        cli_misuse("'--lists' is for '-t ivf', '-t spann', '-t hqi' and '-t osq'");
    if (a->lists > ANN_PARTS_MOST && a->kind == ANN_OSQ)
        cli_misuse("'--lists' is up to %d for '-t osq'", ANN_PARTS_MOST);
    if (a->replicas == NOT_GIVEN)
        a->replicas = 0;
    else
        cli_count_in("--replicas", a->replicas, 1, ANN_REPLICAS_MOST);
    if (a->replicas && a->kind != ANN_SPANN)
        cli_misuse("'--replicas' is for '-t spann'");
    if (a->o.resident && a->kind != ANN_SPANN)
        cli_misuse("'--resident' is for '-t spann'");
    if (a->o.resident && a->o.no_vectors)
        cli_misuse(
            "'--resident' leaves only vectors on the disk, and '--no-vectors' not even those");
    if (a->queries && a->kind != ANN_GRAPH && a->kind != ANN_HQI)
        cli_misuse("'--queries' is for '-t graph' and '-t hqi'");
    settle_workload(a);
    if (a->kind != ANN_GRAPH && (a->degree || a->beam || a->alpha > 0))
        cli_misuse("'-R', '-L' and '--alpha' are for '-t graph'");
    if (a->columns && !a->attrs)
        cli_misuse("'--columns' are some of '--attrs'");
    if ((a->kind == ANN_TENANT) != (a->tenants != NULL))
        cli_misuse("'-t tenant' and '--tenants FILE' go together");
    check_files(a);
    a->o.kind = (enum ann_kind_name)a->kind;
    a->o.metric = (enum vec_metric)a->metric;
    a->o.degree = (uint32_t)a->degree;
    a->o.beam = (uint32_t)a->beam;
    a->o.alpha = a->alpha;
    a->o.lists = (uint32_t)a->lists;
    a->o.replicas = (uint32_t)a->replicas;
    a->o.threads = par_threads(a->co.threads);
    a->o.cpu = cli_cpu();
    a->o.progress = progress_report;
    a->o.progress_ctx = p;
}

/* Says what it will take, and refuses what there is no room for. */
static int announce(const struct asked *a, const struct vec_rows *base, struct err *e)
{
    uint64_t have = a->memory ? a->memory : ram_available();
    char need[NUM_HUMAN], file[NUM_HUMAN], room[NUM_HUMAN];
    struct ann_plan plan;

    ann_plan(&plan, base, &a->o);
    num_human_bytes(plan.memory_bytes, need);
    num_human_bytes(plan.file_bytes, file);
    if (have && plan.memory_bytes > have)
        return err_set(e, ERR_MEM, "%s: an index needs about %s of memory, and there are %s",
                       stream_name_of(a->path), need, num_human_bytes(have, room));
    cli_note(a->co.quiet,
             "%llu vectors of %u components: about %s of memory and %.0f s for a file of %s",
             (unsigned long long)base->rows, base->dim, need, plan.seconds, file);
    return 0;
}

/* ---- what is read beside the base ---- */

struct beside {
    struct ann_ids *ids;
    struct ann_attrs *attrs;
    struct ann_grants *grants;
    struct vec_matrix queries;
    struct ann_predicate_file *wheres;
};

/* The sample of queries, or as much of it as helps. */
static int load_queries(struct asked *a, struct vec_matrix *q, uint32_t dim, struct err *e)
{
    struct vec_read_opts how = {.format = a->workload ? VEC_JSONL : VEC_AUTO,
                                .field = a->workload ? "vector" : NULL};

    if (!a->queries)
        return 0;
    if (vec_load_f32(q, a->queries, &how, QUERIES_MOST, !a->wheres, e) < 0)
        return e->code;
    if (q->rows && q->dim != dim)
        return err_set(e, ERR_INPUT, "%s: queries of %u components for a base of %u", a->queries,
                       q->dim, dim);
    a->o.queries = q->v;
    a->o.n_queries = q->rows;
    return 0;
}

/* Their predicates, of as many. */
static int load_wheres(struct asked *a, struct ann_predicate_file **f, struct err *e)
{
    int64_t n;

    if (!a->wheres)
        return 0;
    if (ann_predicate_file_open(f, a->wheres, e) < 0)
        return e->code;
    n = ann_predicate_file_read(*f, QUERIES_MOST, &a->o.wheres, e);
    a->o.n_wheres = n > 0 ? (uint64_t)n : 0;
    return n < 0 ? (int)n : 0;
}

/* Of a base of these rows. What there is of it goes into the options of the index. */
static int load_beside(struct asked *a, struct beside *b, const struct vec_rows *base,
                       struct err *e)
{
    int rc = a->ids ? ann_ids_load(&b->ids, a->ids, base->rows, e) : 0;

    if (rc == 0 && a->attrs)
        rc = ann_attrs_load(&b->attrs, a->attrs, a->columns, base->rows, a->o.cpu, e);
    if (rc == 0 && a->tenants)
        rc = ann_grants_load(&b->grants, a->tenants, base->rows, b->ids, e);
    a->o.ids = b->ids;
    a->o.attrs = b->attrs;
    a->o.grants = b->grants;
    if (rc == 0)
        rc = load_queries(a, &b->queries, base->dim, e);
    return rc == 0 ? load_wheres(a, &b->wheres, e) : rc;
}

static void free_beside(struct beside *b)
{
    ann_predicate_file_close(b->wheres);
    vec_matrix_free(&b->queries);
    ann_grants_free(b->grants);
    ann_attrs_free(b->attrs);
    ann_ids_free(b->ids);
}

/* ---- the index ---- */

static void say_repaired(const struct asked *a, const struct ann_build_report *r)
{
    if (r->repaired)
        cli_note(a->co.quiet, "%llu rows were linked anew, as no walk reached them",
                 (unsigned long long)r->repaired);
}

/* What the index needs beside its heads is a third of what may be had; the rest is files. */
static int set_memory(struct asked *a, const struct vec_rows *base, struct err *e)
{
    uint64_t have = a->memory ? a->memory : ram_available();
    struct ann_plan plan;

    if (base->rows == VEC_UNKNOWN) {
        a->o.memory = have / 2;
        return 0;
    }
    if (announce(a, base, e) < 0)
        return e->code;
    ann_plan(&plan, base, &a->o);
    a->o.memory = have ? (have - plan.memory_bytes) / 2 + 1 : 0;
    return 0;
}

/* Of a stream: the base need not fit into memory. */
static int build_stream(struct asked *a, struct err *e)
{
    struct ann_build_report report = {0};
    struct beside beside = {0};
    struct vec_reader *r = NULL;
    struct vec_rows base = {0};
    int rc = vec_open(&r, a->path, &a->read, e);

    if (rc == 0) {
        base.rows = vec_reader_rows(r);
        base.dim = vec_reader_dim(r);
        base.type = vec_reader_type(r);
        rc = set_memory(a, &base, e);
    }
    if (rc == 0)
        rc = load_beside(a, &beside, &base, e);
    if (rc == 0 && (rc = ann_build_stream(a->co.out, r, &a->o, &report, e)) == ERR_INPUT &&
        strncmp(e->msg, vec_reader_name(r), strlen(vec_reader_name(r))) != 0)
        err_prefix(e, "%s", stream_name_of(a->path));
    if (rc == 0)
        say_repaired(a, &report);
    free_beside(&beside);
    vec_close(r);
    return rc;
}

static int build(struct asked *a, struct err *e)
{
    struct ann_build_report report = {0};
    struct beside beside = {0};
    struct vec_base base = {0};
    int rc = vec_base_load(&base, a->path, &a->read, e);

    if (rc == 0)
        rc = load_beside(a, &beside, &base.rows, e);
    if (rc == 0)
        rc = announce(a, &base.rows, e);
    if (rc == 0 && (rc = ann_build(a->co.out, &base.rows, &a->o, &report, e)) == ERR_INPUT)
        err_prefix(e, "%s", stream_name_of(a->path));
    if (rc == 0)
        say_repaired(a, &report);
    free_beside(&beside);
    vec_base_free(&base);
    return rc;
}

int main(int argc, char **argv)
{
    struct asked a = {
        .beam = NOT_GIVEN, .lists = NOT_GIVEN, .leaf = NOT_GIVEN, .replicas = NOT_GIVEN};
    const struct cli_opt opts[] = {
        CLI_CHOICE('t', "type", &a.kind, ANN_KIND_NAMES, "the kind of index (default graph)"),
        CLI_CHOICE(0, "metric", &a.metric, VEC_METRIC_NAMES, "how near is measured (default l2)"),
        CLI_STR('c', "codec", &a.o.codec, "SPEC",
                "codes to search by: graph: int8 or leanvec248+int4, say; ivf, hqi: pqMx4, opqMx4; "
                "spann: lvq8, say; osq: osq1 to osq8 (default: by the base; osq4)"),
        CLI_U64('R', "degree", &a.degree, "N",
                "graph: links of a row (default 64, or 32 with leanvec)"),
        CLI_U64('L', "beam", &a.beam, "N",
                "graph: rows kept on the way while linking (default 160)"),
        CLI_DOUBLE(0, "alpha", &a.alpha, "X",
                   "graph: how far links may reach, from 1 (default 1.06)"),
        CLI_U64(0, "lists", &a.lists, "N",
                "lists (default: ivf: 2.5 times the root of the rows; spann: one for 50 rows, or "
                "200 with --resident; hqi: for 64; osq: for 32768)"),
        CLI_U64(0, "replicas", &a.replicas, "N",
                "spann: lists of a row, at most (default 3, or 1 with --resident)"),
        CLI_FLAG(0, "resident", &a.o.resident,
                 "spann: keep the codes in memory, and read only vectors from the disk"),
        CLI_U64(0, "leaf", &a.leaf, "N", "hqi: rows of a leaf, at least (default 64)"),
        CLI_STR(0, "workload", &a.workload, "FILE",
                "hqi: queries that it will suit: JSON Lines, {\"where\":\"...\",\"vector\":[...]}"),
        CLI_STR(0, "where-file", &a.wheres, "FILE",
                "hqi: the predicates of --queries, as of ann-search"),
        CLI_STR(0, "queries", &a.queries, "FILE",
                "graph, hqi: a sample of the queries to come, which it will suit"),
        CLI_STR(0, "ids", &a.ids, "FILE",
                "names of the vectors, one a line, for ann-search to print"),
        CLI_STR(0, "attrs", &a.attrs, "FILE",
                "attributes of the vectors, for ann-search --where: TSV, CSV or JSON Lines"),
        CLI_STR(0, "columns", &a.columns, "NAMES",
                "only these columns of --attrs, with commas between"),
        CLI_STR(0, "tenants", &a.tenants, "FILE",
                "tenant: who may see what: lines of a row (or id), a tab and a tenant; or jsonl"),
        CLI_FLAG(0, "no-vectors", &a.o.no_vectors,
                 "leave the vectors out: smaller, and scores are estimates"),
        VEC_READ_OPTIONS(&a.read, "the base's format"),
        CLI_SIZE('m', "memory", &a.memory, "SIZE",
                 "refuse what needs more; spann: use files beyond (default: what is available)"),
        CLI_OUT(&a.co.out),
        CLI_THREADS(&a.co.threads),
        CLI_QUIET(&a.co.quiet),
        CLI_VERBOSE(&a.co.verbose),
        CLI_END,
    };
    struct progress progress;
    struct err e = {0};
    int ok;

    a.path = argv[cli_parse(&prog, opts, argc, argv)];
    settle(&a, &progress);
    progress_init(&progress, a.co.quiet);
    ok = (a.kind == ANN_SPANN ? build_stream(&a, &e) : build(&a, &e)) == 0;
    progress_end(&progress);
    cli_finish(a.co.verbose);
    return ok ? CLI_DONE : cli_fail_shown(&e);
}
