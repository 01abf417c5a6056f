/* vec-decode - codes in, the vectors that they stand for out. */
#include <stdlib.h>

#include "base/cli.h"
#include "base/mem.h"
#include "base/par.h"
#include "base/progress.h"
#include "vec/vec.h"

static const struct cli_prog prog = {"vec-decode", "CODEC CODES|-",
                                     "Turn the codes of a codec back into vectors, nearly.", 2, 2};

struct job {
    const struct codec *c;
    struct codes_reader *in;
    struct vec_writer *to;
    enum vec_type type; /* that is written */
    uint8_t *code;      /* a block of codes, its vectors, and these in the type */
    float *x;
    void *out;
    uint64_t block;
    int threads;
    struct progress *progress;
};

static int room(struct job *j, struct err *e)
{
    j->block = codes_batch(j->c, j->threads);
    j->code = mem_array(j->block, j->c->code_bytes, e);
    j->x = mem_array(j->block, j->c->dim * sizeof *j->x, e);
    j->out = mem_array(j->block, j->c->dim * vec_type_size(j->type), e);
    return j->code && j->x && j->out ? 0 : e->code;
}

static int write_block(struct job *j, uint64_t done, uint64_t n, struct err *e)
{
    size_t all = n * j->c->dim, fit;

    if (j->type == VEC_F32)
        return vec_write(j->to, j->x, n, e);
    fit = vec_convert(VEC_F32, j->x, j->type, j->out, all);
    if (fit < all)
        return err_set(e, ERR_INPUT, "%s: row %llu: %g is beyond the range of %s",
                       codes_name(j->in), (unsigned long long)(done + fit / j->c->dim),
                       (double)j->x[fit], vec_type_name(j->type));
    return vec_write(j->to, j->out, n, e);
}

static int decode_all(struct job *j, struct err *e)
{
    uint64_t done = 0;
    int64_t n;

    while ((n = codes_read(j->in, j->code, j->block, e)) > 0) {
        if (codec_decode(j->c, j->code, (size_t)n, j->x, j->threads, e) < 0)
            return err_prefix(e, "%s: rows from %llu", codes_name(j->in), (unsigned long long)done);
        if (write_block(j, done, (uint64_t)n, e) < 0)
            return e->code;
        done += (uint64_t)n;
        progress_report(j->progress, "decoding", done, codes_rows(j->in));
    }
    return (int)n;
}

static int run(struct job *j, const char *path, struct vec_write_opts *wo, const char *out,
               struct err *e)
{
    int rc = codes_open(&j->in, path, j->c, e);

    if (rc < 0)
        return rc;
    wo->rows = codes_rows(j->in);
    wo->dim = j->c->dim;
    wo->type = j->type = vec_format_type(wo->format, VEC_F32);
    rc = room(j, e);
    if (rc == 0)
        rc = vec_create(&j->to, out, wo, e);
    if (rc == 0)
        rc = decode_all(j, e);
    if (rc == 0)
        rc = vec_commit(&j->to, e);
    vec_abort(&j->to);
    free(j->code);
    free(j->x);
    free(j->out);
    return rc;
}

int main(int argc, char **argv)
{
    struct job j = {0};
    struct vec_write_opts wo = {0};
    const char *out = NULL;
    bool quiet = false, verbose = false;
    const struct cli_opt opts[] = {
        CLI_OUT(&out),
        CLI_KIND(0, "to", &wo.format, VEC_FORMAT_NAMES,
                 "format of the output (default: by its name)"),
        CLI_STR(0, "field", &wo.field, "NAME", "jsonl: the member (default embedding)"),
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

    if (wo.format == VEC_AUTO && !cli_is_std(out))
        wo.format = vec_format_of(out);
    if (wo.format == VEC_AUTO)
        cli_misuse("option '--to' is required: the name of the output does not say its format");
    if (!vec_format_is_text(wo.format))
        cli_not_on_terminal(out, vec_format_name(wo.format));
    cli_files(&out, 1, (const char *const *)argv + first, 2);
    j.threads = par_threads(j.threads);
    progress_init(&progress, quiet);
    j.progress = &progress;
    rc = codec_open(&c, argv[first], cli_cpu(), &e);
    j.c = c;
    if (rc == 0)
        rc = run(&j, argv[first + 1], &wo, out, &e);
    progress_end(&progress);
    codes_close(j.in);
    codec_free(c);
    cli_finish(verbose);
    return rc < 0 ? cli_fail(&e) : CLI_DONE;
}
