/* vec-encode - vectors in, the codes of a codec out. */
#include <stdlib.h>

#include "base/cli.h"
#include "base/mem.h"
#include "base/par.h"
#include "base/progress.h"
#include "vec/vec.h"

static const struct cli_prog prog = {"vec-encode", "CODEC VECTORS|-",
                                     "Turn vectors into the codes of a codec, a stream.", 2, 2};

struct job {
    const struct codec *c;
    struct vec_reader *in;
    struct codes_writer *to;
    float *x; /* a block of rows, and its codes */
    uint8_t *code;
    uint64_t block;
    int threads;
    struct progress *progress;
};

/* A full block, or what is left. */
static int64_t fill(struct job *j, struct err *e)
{
    uint64_t n = 0;

    while (n < j->block) {
        int64_t got = vec_read_f32(j->in, j->x + n * j->c->dim, j->block - n, e);

        if (got < 0)
            return got;
        if (got == 0)
            break;
        n += (uint64_t)got;
    }
    return (int64_t)n;
}

/* The row, among the n of the last block, that cannot be coded. Bad rows passed over in that block
 * lie before it or behind it. */
static int name_row(const struct job *j, uint64_t n, uint64_t passed, struct err *e)
{
    uint64_t row = vec_reader_next(j->in) - passed - n + codec_first_bad(j->c, j->x, n, j->code);

    if (passed)
        return err_prefix(e, "%s: one of rows %llu to %llu", vec_reader_name(j->in),
                          (unsigned long long)row, (unsigned long long)(row + passed));
    return err_prefix(e, "%s: row %llu", vec_reader_name(j->in), (unsigned long long)row);
}

static int encode_all(struct job *j, struct err *e)
{
    uint64_t passed = 0; /* bad rows, before the block */
    int64_t n;

    j->block = codes_batch(j->c, j->threads);
    j->x = mem_array(j->block, j->c->dim * sizeof *j->x, e);
    j->code = mem_array(j->block, j->c->code_bytes, e);
    if (!j->x || !j->code)
        return e->code;
    while ((n = fill(j, e)) > 0) {
        uint64_t bad = vec_reader_skipped(j->in);

        if (codec_encode(j->c, j->x, (size_t)n, j->code, j->threads, e) < 0)
            return e->code == ERR_INPUT ? name_row(j, (uint64_t)n, bad - passed, e) : e->code;
        passed = bad;
        if (codes_write(j->to, j->code, (uint64_t)n, e) < 0)
            return e->code;
        progress_report(j->progress, "encoding", vec_reader_pos(j->in), vec_reader_size(j->in));
    }
    return (int)n;
}

/* Rows that will come: told by the caller, or by the file if none is passed over. */
static uint64_t rows_to_come(const struct job *j, uint64_t told, bool skip_bad)
{
    return told != VEC_UNKNOWN || skip_bad ? told : vec_reader_rows(j->in);
}

static int run(struct job *j, const char *path, const struct vec_read_opts *ro, const char *out,
               uint64_t rows, struct err *e)
{
    int rc = vec_open(&j->in, path, ro, e);

    if (rc == 0 && vec_reader_dim(j->in) != j->c->dim && vec_reader_dim(j->in))
        rc = err_set(e, ERR_INPUT, "%s: row 0 has %u dimensions, the codec %u",
                     vec_reader_name(j->in), vec_reader_dim(j->in), j->c->dim);
    if (rc == 0)
        rc = codes_create(&j->to, out, j->c, rows_to_come(j, rows, ro->skip_bad), getenv("TMPDIR"),
                          e);
    if (rc == 0)
        rc = encode_all(j, e);
    if (rc == 0)
        rc = codes_commit(&j->to, e);
    codes_abort(&j->to);
    free(j->x);
    free(j->code);
    return rc;
}

int main(int argc, char **argv)
{
    struct job j = {0};
    struct vec_read_opts ro = {0};
    const char *out = NULL;
    bool quiet = false, verbose = false;
    uint64_t rows = VEC_UNKNOWN;
    const struct cli_opt opts[] = {
        CLI_OUT(&out),
        VEC_READ_OPTIONS(&ro, "format of the input (default: by its name)"),
        CLI_FLAG(0, "skip-bad", &ro.skip_bad, "leave out rows with NaN or another dimension"),
        CLI_U64(0, "rows-total", &rows, "N",
                "there will be N rows: nothing need wait for the count"),
        CLI_THREADS(&j.threads),
        CLI_QUIET(&quiet),
        CLI_VERBOSE(&verbose),
        CLI_END,
    };
    int first = cli_parse(&prog, opts, argc, argv);
    struct progress progress;
    struct codec *c = NULL;
    struct err e = {0};
    int rc;

    cli_not_on_terminal(out, "codes");
    cli_files(&out, 1, (const char *const *)argv + first, 2);
    j.threads = par_threads(j.threads);
    progress_init(&progress, quiet);
    j.progress = &progress;
    rc = codec_open(&c, argv[first], cli_cpu(), &e);
    j.c = c;
    if (rc == 0)
        rc = run(&j, argv[first + 1], &ro, out, rows, &e);
    progress_end(&progress);
    if (j.in && vec_reader_skipped(j.in))
        cli_note(quiet, "%llu bad rows were left out: those after them have smaller numbers",
                 (unsigned long long)vec_reader_skipped(j.in));
    vec_close(j.in);
    codec_free(c);
    cli_finish(verbose);
    return rc < 0 ? cli_fail(&e) : CLI_DONE;
}
