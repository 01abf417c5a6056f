/* build.c - documents in, index out: read (collect.c), sort and encode (chunk.c), and where they
 * are too many for the bound of memory, chunk after chunk, merged (parts.c). */
#include <string.h>
#include <sys/stat.h>

#include "base/stream.h"
#include "fm/chunk.h"
#include "fm/fm.h"
#include "fm/parts.h"
#include "fm/set.h"
#include "fm/sufsort.h"

struct build {
    struct fm_build_opts o; /* an index appended to has its say */
    struct index_opts io;
    struct buf names; /* io's field names, when they are an index's */
    struct buf state;
    struct corpus corpus;
    bool read_once; /* an input is standard input */
    struct parts_opts po;
    struct parts *parts;
    uint64_t base_docs; /* of the index appended to */
    struct sect_writer *w;
};

/* ---- options ---- */

/* What could not be sorted in the bound by far need not be read. */
static size_t longest_line(uint64_t memory_bytes)
{
    const uint64_t least = 64 << 20;

    if (memory_bytes == 0 || memory_bytes >= DOCS_LINE_MAX)
        return DOCS_LINE_MAX;
    return (size_t)(memory_bytes > least ? memory_bytes : least);
}

static int check_opts(struct build *b, struct err *e)
{
    const struct fm_build_opts *o = &b->o;

    b->io = (struct index_opts){
        .layout = rank_layout_of(o->layout ? o->layout : FM_LAYOUT_FAST),
        .rate = o->rate ? o->rate : SAMPLE_RATE_DEFAULT,
        .normalize = o->normalize,
        .field = o->docs.field ? o->docs.field : "text",
        .id_field = o->docs.id_field ? o->docs.id_field : "id",
        .threads = index_threads(o->threads),
        .progress = o->progress,
        .progress_ctx = o->progress_ctx,
    };
    b->o.docs.most = longest_line(o->memory_bytes);
    if (b->io.rate < SAMPLE_RATE_MIN || b->io.rate > SAMPLE_RATE_MAX)
        return err_set(e, ERR_USAGE, "the sample rate must be from %d to %d", SAMPLE_RATE_MIN,
                       SAMPLE_RATE_MAX);
    return 0;
}

/* What the index appended to was made with is what its documents to come are read with. */
static int take_opts(struct build *b, const struct shard *s, struct err *e)
{
    const struct fm_build_opts *o = &b->o;
    size_t id_at;

    if ((o->rate && o->rate != s->head.rate) ||
        (o->normalize != TEXT_NONE && (uint32_t)o->normalize != s->head.normalize) ||
        (o->docs.field && strcmp(o->docs.field, s->field) != 0) ||
        (o->docs.id_field && strcmp(o->docs.id_field, s->id_field) != 0))
        return err_set(e, ERR_INPUT, "'%s' was built with other options", o->append);
    if (buf_add(&b->names, s->field, strlen(s->field) + 1, e) < 0)
        return e->code;
    id_at = b->names.len;
    if (buf_add(&b->names, s->id_field, strlen(s->id_field) + 1, e) < 0)
        return e->code;
    b->o.docs.field = b->io.field = b->names.p;
    b->o.docs.id_field = b->io.id_field = b->names.p + id_at;
    b->o.normalize = b->io.normalize = (enum text_rule)s->head.normalize;
    b->io.rate = s->head.rate;
    if (!o->layout)
        b->io.layout = s->layout;
    b->base_docs = s->head.docs;
    return 0;
}

static int read_base(struct build *b, struct err *e)
{
    struct shard *s;
    int rc;

    if (!b->o.append)
        return 0;
    rc = set_is(b->o.append, e);
    if (rc > 0)
        return err_set(e, ERR_INPUT,
                       "'%s' is a set: append to one of its indexes, or build another and name it "
                       "in the set",
                       b->o.append);
    if (rc < 0 || shard_open(&s, b->o.append, NULL, e) < 0)
        return e->code;
    rc = take_opts(b, s, e);
    shard_close(s);
    return rc;
}

/* ---- what the build is of, to know it again ---- */

static int add_file(struct buf *out, const char *path, struct err *e)
{
    struct stat st = {0};

    if (strcmp(path, "-") != 0 && stat(path, &st) < 0)
        return err_sys(e, "cannot open", path);
    return buf_printf(out, e, "%llu bytes, changed at %lld.%09ld: %s\n",
                      (unsigned long long)st.st_size, (long long)st.st_mtim.tv_sec,
                      st.st_mtim.tv_nsec, path);
}

static int describe(struct build *b, const char *const *paths, size_t n, struct err *e)
{
    const struct fm_build_opts *o = &b->o;

    if (buf_printf(&b->state, e,
                   PARTS_STATE "rate %u, normalize %d, format %d, skip-bad %d, shard %llu of "
                               "%llu\nfield %s\nid-field %s\n",
                   b->io.rate, (int)b->io.normalize, (int)o->docs.format, o->docs.skip_bad,
                   (unsigned long long)o->docs.shard, (unsigned long long)o->docs.shards,
                   b->io.field, b->io.id_field) < 0)
        return e->code;
    if (o->append &&
        (buf_adds(&b->state, "append to ", e) < 0 || add_file(&b->state, o->append, e) < 0))
        return e->code;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(paths[i], "-") == 0)
            b->read_once = true;
        if (add_file(&b->state, paths[i], e) < 0)
            return e->code;
    }
    if (o->resume && b->read_once)
        return err_set(e, ERR_USAGE,
                       "standard input cannot be read again: a build of it cannot be "
                       "resumed");
    return buf_addc(&b->state, '\0', e);
}

static int open_parts(struct build *b, const char *index, struct err *e)
{
    b->po = (struct parts_opts){.target = index,
                                .state = b->state.p,
                                .resume = b->o.resume,
                                .keep = !b->read_once,
                                .memory_bytes = b->o.memory_bytes,
                                .io = &b->io};
    if (parts_open(&b->parts, &b->po, e) < 0)
        return e->code;
    if (b->o.append && parts_borrow(b->parts, b->o.append, e) < 0)
        return e->code;
    return parts_resume(b->parts, e);
}

/* ---- the work ---- */

static bool fits(const void *ctx, const struct chunk_size *size)
{
    const struct build *b = ctx;
    uint64_t bound = b->o.memory_bytes;

    return size->text <= (uint64_t)FM_SUFSORT_MAX &&
           (!bound || chunk_memory(size, b->io.rate) <= bound - index_reserve(bound));
}

/* A single document that is too large is read all the same. */
static int check_chunk(const struct build *b, struct err *e)
{
    const struct corpus *c = &b->corpus;
    const struct chunk_size size = corpus_size(c);
    uint64_t need = chunk_memory(&size, b->io.rate);

    if (fits(b, &size))
        return 0;
    need += index_reserve(need / 3 * 4 + 4); /* a quarter of the sum, if not the most */
    err_set(e, ERR_INPUT, "a document of %llu bytes: to sort it takes %llu bytes of memory%s",
            (unsigned long long)(size.text - size.docs), (unsigned long long)need,
            size.text > (uint64_t)FM_SUFSORT_MAX ? ", and 2 GiB are the most"
                                                 : ", more than --memory allows");
    return c->line ? err_prefix(e, "%s:%llu", stream_name_of(c->path), (unsigned long long)c->line)
                   : err_prefix(e, "%s", stream_name_of(c->path));
}

/* The next chunk; 1 when there are more behind it. */
static int read_chunk(struct build *b, struct err *e)
{
    int rc = corpus_read(&b->corpus, fits, b, e);

    if (rc >= 0 && check_chunk(b, e) < 0)
        return e->code;
    return rc;
}

static int add_part(struct build *b, struct err *e)
{
    struct sect_writer *w = NULL;
    int rc = parts_begin(b->parts, &w, e);

    if (rc == 0)
        rc = chunk_write(&b->corpus, &b->io, w, e);
    if (rc == 0)
        rc = parts_end(b->parts, &w, e);
    sect_abort(&w);
    mem_trim(); /* merging may come next */
    return rc;
}

static int build_in_parts(struct build *b, int more, struct fm_build_report *r, struct err *e)
{
    for (;;) {
        if (b->corpus.tables.docs && add_part(b, e) < 0)
            return e->code;
        if (!more)
            break;
        if (parts_settle(b->parts, e) < 0 || (more = read_chunk(b, e)) < 0)
            return e->code;
    }
    r->docs = parts_docs(b->parts);
    r->bytes = parts_rows(b->parts) - r->docs;
    return parts_finish(b->parts, &b->w, e);
}

static int build_at_once(struct build *b, struct fm_build_report *r, struct err *e)
{
    const struct tables *t = &b->corpus.tables;

    r->docs = t->docs;
    r->bytes = tables_start(t)[t->docs] - t->docs;
    if (chunk_write(&b->corpus, &b->io, b->w, e) < 0)
        return e->code;
    return sect_commit(&b->w, e);
}

static int build_index(struct build *b, const char *const *paths, size_t n,
                       struct fm_build_report *r, struct err *e)
{
    uint64_t have = parts_docs(b->parts);
    int more;

    if (corpus_open(&b->corpus, paths, n, &b->o, have - b->base_docs, e) < 0 ||
        (more = read_chunk(b, e)) < 0)
        return e->code;
    if ((more || parts_rows(b->parts) || b->o.append ? build_in_parts(b, more, r, e)
                                                     : build_at_once(b, r, e)) < 0)
        return e->code;
    r->skipped = corpus_skipped(&b->corpus);
    return 0;
}

int fm_build(const char *index, const char *const *paths, size_t n, const struct fm_build_opts *o,
             struct fm_build_report *r, struct err *e)
{
    struct build b = {.o = *o};
    int rc = check_opts(&b, e);

    *r = (struct fm_build_report){0};
    if (rc == 0)
        rc = read_base(&b, e);
    if (rc == 0 && strcmp(b.io.field, b.io.id_field) == 0)
        rc = err_set(e, ERR_USAGE, "one field cannot be both the text and the id");
    if (rc == 0)
        rc = describe(&b, paths, n, e);
    if (rc == 0)
        rc = open_parts(&b, index, e);
    /* The target is opened first: a folder that cannot be written is known before hours of work. */
    if (rc == 0)
        rc = sect_create(&b.w, index, FM_KIND, FM_MAJOR, FM_MINOR, e);
    if (rc == 0) {
        rc = build_index(&b, paths, n, r, e);
        r->parts_left = parts_left(b.parts);
    }
    sect_abort(&b.w);
    corpus_close(&b.corpus);
    parts_close(b.parts);
    buf_free(&b.names);
    buf_free(&b.state);
    return rc;
}
