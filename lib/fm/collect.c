/* collect.c - see collect.h. */
#include "fm/collect.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/jsonl.h"
#include "fm/bits.h"
#include "fm/shard.h"

enum { REPORT_EVERY = 1024 };

static int add_name(struct buf *out, const char *name, struct err *e)
{
    if (buf_addc(out, '"', e) < 0 || jsonl_encode(name, strlen(name), out, e) < 0)
        return e->code;
    return buf_adds(out, "\":\"", e);
}

/* A plain file has no record: it gets the one that would have its id. */
static int file_record(const struct doc *d, const struct docs_opts *o, struct buf *out,
                       struct err *e)
{
    struct buf head = {0};
    int rc = -1;

    if (buf_addc(&head, '{', e) == 0 && add_name(&head, o->id_field ? o->id_field : "id", e) == 0 &&
        jsonl_encode(d->id, d->id_len, &head, e) == 0 && buf_adds(&head, "\",", e) == 0 &&
        add_name(&head, o->field ? o->field : "text", e) == 0 &&
        varint_add(out, head.len, e) == 0 && buf_add(out, head.p, head.len, e) == 0 &&
        buf_adds(out, "\"}", e) == 0)
        rc = 0;
    buf_free(&head);
    return rc < 0 ? e->code : 0;
}

int record_encode(const struct doc *d, const struct docs_opts *o, struct buf *out, struct err *e)
{
    if (!d->head_len && d->id)
        return file_record(d, o, out, e);
    if (!d->head_len)
        return 0;
    if (varint_add(out, d->head_len, e) < 0 || buf_add(out, d->head, d->head_len, e) < 0)
        return e->code;
    return buf_add(out, d->tail, d->tail_len, e);
}

static int add_id(struct corpus *c, const struct doc *d, struct err *e)
{
    if (!d->id)
        return 0;
    if (mem_reserve(&c->id, &c->id_cap, c->ids + 1, sizeof *c->id, e) < 0)
        return e->code;
    c->id[c->ids++] = (struct id_row){(uint32_t)hash64(d->id, d->id_len), c->docs};
    return 0;
}

/* Where a document came from: one row for a stretch of documents on consecutive lines of a file. */
struct run_row {
    uint64_t doc, line, path_at, path_len;
};

static struct run_row last_run(const struct corpus *c)
{
    struct run_row r;

    memcpy(&r, c->runs.p + c->runs.len - sizeof r, sizeof r);
    return r;
}

static int add_run(struct corpus *c, const struct doc *d, struct err *e)
{
    struct run_row r = {c->docs, d->line, c->paths.len, strlen(d->path)};

    if (d->line == 0)
        return 0;
    if (c->runs.len) {
        struct run_row old = last_run(c);
        bool same = old.path_len == r.path_len &&
                    memcmp(c->paths.p + old.path_at, d->path, r.path_len) == 0;
        if (same && old.line + (c->docs - old.doc) == d->line)
            return 0;
        if (same)
            r.path_at = old.path_at;
    }
    if (r.path_at == c->paths.len && buf_add(&c->paths, d->path, r.path_len, e) < 0)
        return e->code;
    return buf_add(&c->runs, &r, sizeof r, e);
}

static void count_bytes(uint64_t freq[256], const char *p, size_t len)
{
    uint32_t part[4][256] = {{0}}; /* four, as equal neighbours would wait for one counter */

    while (len) {
        size_t n = len < UINT32_MAX ? len : UINT32_MAX, i = 0;
        for (; i + 4 <= n; i += 4)
            for (unsigned k = 0; k < 4; k++)
                part[k][(unsigned char)p[i + k]]++;
        for (; i < n; i++)
            part[0][(unsigned char)p[i]]++;
        for (unsigned b = 0; b < 256; b++)
            for (unsigned k = 0; k < 4; k++) {
                freq[b] += part[k][b];
                part[k][b] = 0;
            }
        p += n;
        len -= n;
    }
}

static int add_doc(struct corpus *c, const struct doc *d, const struct fm_build_opts *o,
                   struct buf *record, struct err *e)
{
    enum text_rule rule = o->normalize;
    size_t at = c->text.len;

    if (mem_reserve(&c->start, &c->start_cap, c->docs + 2, sizeof *c->start, e) < 0)
        return e->code;
    c->start[c->docs] = at;
    if (fm_normalize_text(rule, (struct fm_text){d->text, d->text_len}, &c->text, e) < 0)
        return e->code;
    if (rule != TEXT_NONE && store_add(&c->raw, d->text, d->text_len, e) < 0)
        return e->code;
    count_bytes(c->freq, c->text.p + at, c->text.len - at);
    record->len = 0;
    if (buf_addc(&c->text, '\0', e) < 0 || record_encode(d, &o->docs, record, e) < 0 ||
        store_add(&c->meta, record->p, record->len, e) < 0 || add_id(c, d, e) < 0 ||
        add_run(c, d, e) < 0)
        return e->code;
    c->raw_bytes += d->text_len;
    c->start[++c->docs] = c->text.len;
    return 0;
}

int corpus_read(struct corpus *c, const char *const *paths, size_t n, const struct fm_build_opts *o,
                struct err *e)
{
    struct docs *docs = NULL;
    struct buf record = {0};
    struct doc d;
    int rc;

    *c = (struct corpus){
        .meta = {.limit_bytes = META_BLOCK_BYTES, .level = META_LEVEL},
        .raw = {.limit_bytes = RAW_BLOCK_BYTES, .level = RAW_LEVEL},
    };
    c->start = mem_zero(1, sizeof *c->start, e);
    c->start_cap = 1;
    if (!c->start || docs_open(&docs, paths, n, &o->docs, e) < 0)
        return e->code;
    while ((rc = docs_next(docs, &d, e)) > 0) {
        if ((rc = add_doc(c, &d, o, &record, e)) < 0)
            break;
        if (o->progress && c->docs % REPORT_EVERY == 0)
            o->progress(o->progress_ctx, "reading", docs_raw_pos(docs), docs_raw_size(docs));
    }
    c->skipped = docs_skipped(docs);
    docs_close(docs);
    buf_free(&record);
    return rc;
}

void corpus_trim(struct corpus *c)
{
    char *p = realloc(c->text.p, c->text.len ? c->text.len : 1);

    if (p) {
        c->text.p = p;
        c->text.cap = c->text.len;
    }
}

void corpus_free_text(struct corpus *c)
{
    buf_free(&c->text);
}

void corpus_free(struct corpus *c)
{
    corpus_free_text(c);
    free(c->start);
    free(c->id);
    buf_free(&c->runs);
    buf_free(&c->paths);
    store_writer_free(&c->meta);
    store_writer_free(&c->raw);
}
