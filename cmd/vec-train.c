/* vec-train - makes a codec of a sample of vectors. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cli.h"
#include "base/out.h"
#include "base/par.h"
#include "base/progress.h"
#include "vec/codec_kind.h"
#include "vec/vec.h"

enum { SAMPLE = 1 << 16 };

static const struct cli_prog prog = {"vec-train", "-c SPEC SAMPLE -o CODEC",
                                     "Make a codec, which vec-encode uses, of a sample of vectors.",
                                     0, 1};

struct job {
    const char *spec, *queries, *codec;
    struct vec_read_opts read;
    uint64_t sample; /* rows at most; 0: all */
    struct codec_train train;
    struct vec_matrix x, q;
    uint64_t skipped; /* bad rows of both */
};

/* Every kind of codec there is. */
static int list(struct err *e)
{
    struct out *o = NULL;
    const struct codec_kind *k;

    if (out_open(&o, &(struct out_opts){0}, e) < 0)
        return e->code;
    out_header(o, "specs what");
    for (size_t i = 0; (k = codec_kind_at(i)); i++) {
        out_row(o);
        out_cstr(o, "specs", k->forms);
        out_cstr(o, "what", k->what);
        out_end_row(o);
    }
    return out_commit(&o, e);
}

static int load(struct job *j, const char *sample, struct err *e)
{
    if (vec_load_f32(&j->x, sample, &j->read, j->sample, true, e) < 0)
        return e->code;
    if (j->x.rows == 0)
        return err_set(e, ERR_INPUT, "%s: there are no vectors to train on", sample);
    if (!j->queries)
        return 0;
    if (vec_load_f32(&j->q, j->queries, &j->read, j->sample, true, e) < 0)
        return e->code;
    if (j->q.dim != j->x.dim)
        return err_set(e, ERR_INPUT, "%s: the queries have %u dimensions, those of '%s' %u",
                       j->queries, j->q.dim, sample, j->x.dim);
    return 0;
}

/* Is a row's number that in the file? */
static bool all_rows(const struct job *j)
{
    return (j->sample == 0 || j->x.rows < j->sample) && j->skipped == 0;
}

static int make(struct job *j, const char *sample, bool verbose, struct err *e)
{
    struct codec *c = NULL;
    int rc = load(j, sample, e);

    if (rc < 0)
        return rc;
    j->train.x = j->x.v;
    j->train.n = j->x.rows;
    j->train.queries = j->q.v;
    j->train.n_queries = j->q.rows;
    rc = codec_train(&c, j->spec, j->x.dim, cli_cpu(), &j->train, e);
    if (rc == ERR_INPUT)
        err_prefix(e, all_rows(j) ? "training on %s" : "training on rows of %s", sample);
    if (rc == 0)
        rc = codec_save(c, j->codec, e);
    if (rc == 0 && verbose) {
        progress_end(j->train.progress_ctx);
        cli_note(false, "%s: %u dimensions in %u bytes, of %llu vectors", j->spec, c->dim,
                 c->code_bytes, (unsigned long long)j->x.rows);
    }
    codec_free(c);
    return rc;
}

/* What can be said before anything is read. */
static void check(const struct job *j, int operands)
{
    struct codec_spec s;
    struct err e = {0};

    if (!j->spec)
        cli_misuse("option '--codec' is required: vec-train --list shows what there is");
    if (codec_parse(j->spec, &s, &e) < 0)
        cli_wrong(&e);
    if (operands != 1)
        cli_misuse("one SAMPLE is wanted");
    if (!j->codec)
        cli_misuse("option '--output' is required");
    if (strcmp(j->codec, "-") == 0)
        cli_misuse("a codec needs a name: it cannot be written to standard output");
}

static void check_files(const struct job *j, const char *sample)
{
    const char *const in[] = {sample, j->queries};

    cli_files(&j->codec, 1, in, 2);
}

int main(int argc, char **argv)
{
    struct job j = {.sample = SAMPLE, .train = {.seed = 1}};
    bool show = false, quiet = false, verbose = false;
    const struct cli_opt opts[] = {
        CLI_STR('c', "codec", &j.spec, "SPEC", "what to make: sq8, pq98x4, ... (--list)"),
        CLI_FLAG(0, "list", &show, "print every codec there is, and do nothing else"),
        CLI_STR('o', "output", &j.codec, "CODEC", "the file to write, whole or not at all"),
        CLI_STR(0, "queries", &j.queries, "FILE", "queries, for codecs that are trained for them"),
        CLI_U64('n', "sample", &j.sample, "N",
                "train on so many rows at most, evenly spread (default 65536; 0: all)"),
        CLI_SEED(&j.train.seed),
        VEC_READ_OPTIONS(&j.read, "format of the input (default: by its name)"),
        CLI_FLAG(0, "skip-bad", &j.read.skip_bad, "pass over rows with NaN or another dimension"),
        CLI_THREADS(&j.train.threads),
        CLI_QUIET(&quiet),
        CLI_VERBOSE(&verbose),
        CLI_END,
    };
    int first = cli_parse(&prog, opts, argc, argv);
    struct progress progress;
    struct err e = {0};
    int rc;

    if (show)
        return list(&e) < 0 ? cli_fail(&e) : CLI_DONE;
    check(&j, argc - first);
    check_files(&j, argv[first]);
    j.read.skipped = &j.skipped;
    j.train.threads = par_threads(j.train.threads);
    progress_init(&progress, quiet);
    j.train.progress = progress_report;
    j.train.progress_ctx = &progress;
    rc = make(&j, argv[first], verbose, &e);
    progress_end(&progress);
    if (j.skipped)
        cli_note(quiet, "%llu bad rows were passed over", (unsigned long long)j.skipped);
    vec_matrix_free(&j.x);
    vec_matrix_free(&j.q);
    cli_finish(verbose);
    return rc < 0 ? cli_fail(&e) : CLI_DONE;
}
