/* build.c - documents in, index out: read (collect.c), sort and encode (chunk.c). */
#include <string.h>

#include "fm/chunk.h"
#include "fm/fm.h"
#include "fm/sufsort.h"

struct build {
    const struct fm_build_opts *o;
    struct index_opts io;
    struct corpus corpus;
    struct sect_writer *w;
};

static bool fits(const void *ctx, uint64_t text, bool wide)
{
    const struct build *b = ctx;

    return text <= (uint64_t)FM_SUFSORT_MAX &&
           (!b->o->memory_bytes || chunk_memory(text, wide) <= b->o->memory_bytes);
}

static int check_opts(struct build *b, struct err *e)
{
    const struct fm_build_opts *o = b->o;

    b->io = (struct index_opts){
        .layout = &rank_fast,
        .rate_log = o->rate_log ? o->rate_log : SAMPLE_RATE_LOG_DEFAULT,
        .normalize = o->normalize,
        .field = o->docs.field ? o->docs.field : "text",
        .id_field = o->docs.id_field ? o->docs.id_field : "id",
        .threads = o->threads > 0 ? o->threads : 1,
        .progress = o->progress,
        .progress_ctx = o->progress_ctx,
    };
    if (b->io.rate_log < SAMPLE_RATE_LOG_MIN || b->io.rate_log > SAMPLE_RATE_LOG_MAX)
        return err_set(e, ERR_USAGE, "the sample rate must be a power of two from %d to %d",
                       1 << SAMPLE_RATE_LOG_MIN, 1 << SAMPLE_RATE_LOG_MAX);
    if (strcmp(b->io.field, b->io.id_field) == 0)
        return err_set(e, ERR_USAGE, "one field cannot be both the text and the id");
    return 0;
}

static int build_index(struct build *b, const char *const *paths, size_t n,
                       struct fm_build_report *r, struct err *e)
{
    struct corpus *c = &b->corpus;
    int rc;

    if (corpus_open(c, paths, n, b->o, 0, e) < 0)
        return e->code;
    rc = corpus_read(c, fits, b, e);
    if (rc > 0)
        return err_set(e, ERR_USAGE, "more");
    if (rc == 0)
        rc = chunk_write(c, &b->io, b->w, e);
    *r = (struct fm_build_report){c->tables.docs, c->tables.start[c->tables.docs] - c->tables.docs,
                                  corpus_skipped(c)};
    return rc < 0 ? rc : sect_commit(&b->w, e);
}

int fm_build(const char *index, const char *const *paths, size_t n, const struct fm_build_opts *o,
             struct fm_build_report *r, struct err *e)
{
    struct build b = {.o = o};
    int rc;

    /* The target is opened first: a folder that cannot be written is known before hours of work. */
    if (check_opts(&b, e) < 0 || sect_create(&b.w, index, FM_KIND, FM_MAJOR, FM_MINOR, e) < 0)
        return e->code;
    rc = build_index(&b, paths, n, r, e);
    sect_abort(&b.w);
    corpus_close(&b.corpus);
    return rc;
}
