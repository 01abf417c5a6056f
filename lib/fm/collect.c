/* collect.c - see collect.h. */
#include "fm/collect.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/jsonl.h"
#include "fm/shard.h"

enum { REPORT_EVERY = 1024 };

static int add_name(struct buf *out, const char *name, struct err *e)
{
    if (buf_addc(out, '"', e) < 0 || jsonl_escape(name, strlen(name), out, e) < 0)
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
        jsonl_escape(d->id, d->id_len, &head, e) == 0 && buf_adds(&head, "\",", e) == 0 &&
        add_name(&head, o->field ? o->field : "text", e) == 0 &&
        varint_add(out, head.len, e) == 0 && buf_add(out, head.p, head.len, e) == 0 &&
        buf_adds(out, "\"}", e) == 0)
        rc = 0;
    buf_free(&head);
    return rc < 0 ? e->code : 0;
}

/* What the index keeps of a record: varint length of `head`, head, tail (docs.h). */
static int encode_record(const struct doc *d, const struct docs_opts *o, struct buf *out,
                         struct err *e)
{
    if (!d->head_len && d->id)
        return file_record(d, o, out, e);
    if (!d->head_len)
        return 0;
    if (varint_add(out, d->head_len, e) < 0 || buf_add(out, d->head, d->head_len, e) < 0)
        return e->code;
    return buf_add(out, d->tail, d->tail_len, e);
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

static int add_doc(struct corpus *c, const struct doc *d, struct err *e)
{
    enum text_rule rule = c->o->normalize;
    struct tables *t = &c->tables;
    size_t at = c->text.len;

    c->path = d->path;
    c->line = d->line;
    if (fm_normalize_text(rule, (struct fm_text){d->text, d->text_len}, &c->text, e) < 0)
        return e->code;
    if (rule != TEXT_NONE && store_add(&c->raw, d->text, d->text_len, e) < 0)
        return e->code;
    count_bytes(t->freq, c->text.p + at, c->text.len - at);
    c->record.len = 0;
    if (buf_addc(&c->text, '\0', e) < 0 || encode_record(d, &c->o->docs, &c->record, e) < 0 ||
        store_add(&c->meta, c->record.p, c->record.len, e) < 0)
        return e->code;
    if (d->id && tables_add_id(t, (uint32_t)hash64(d->id, d->id_len), e) < 0)
        return e->code;
    if (tables_add_place(t, d->line, d->path, strlen(d->path), e) < 0)
        return e->code;
    return tables_add(t, c->text.len - at - 1, d->text_len, e);
}

static int read_next(struct corpus *c, struct err *e)
{
    int rc = docs_next(c->docs, &c->next, e);

    c->has_next = rc > 0;
    return rc < 0 ? rc : 0;
}

int corpus_open(struct corpus *c, const char *const *paths, size_t n, const struct fm_build_opts *o,
                uint64_t skip, struct err *e)
{
    *c = (struct corpus){.o = o};
    if (docs_open(&c->docs, paths, n, &o->docs, e) < 0 || read_next(c, e) < 0)
        return e->code;
    for (; skip && c->has_next; skip--)
        if (read_next(c, e) < 0)
            return e->code;
    if (skip)
        return err_set(e, ERR_INPUT, "the input has fewer documents than the interrupted build");
    return 0;
}

static int begin_chunk(struct corpus *c, struct err *e)
{
    tables_free(&c->tables);
    store_writer_free(&c->meta);
    store_writer_free(&c->raw);
    c->text.len = 0;
    c->meta = (struct store_writer){.limit_bytes = META_BLOCK_BYTES, .level = META_LEVEL};
    c->raw = (struct store_writer){.limit_bytes = RAW_BLOCK_BYTES, .level = RAW_LEVEL};
    return tables_init(&c->tables, NULL, e);
}

/* Do the chunk's bytes with those of `d` take all 256 values? */
static bool all_values(const struct corpus *c, const struct doc *d)
{
    bool seen[256];
    unsigned left = 0;

    for (unsigned b = 0; b < 256; b++)
        left += !(seen[b] = c->tables.freq[b] > 0);
    for (size_t i = 0; left && i < d->text_len; i++) {
        left -= !seen[(unsigned char)d->text[i]];
        seen[(unsigned char)d->text[i]] = true;
    }
    return left == 0;
}

int corpus_read(struct corpus *c, corpus_fits_fn *fits, const void *ctx, struct err *e)
{
    const struct fm_build_opts *o = c->o;

    if (begin_chunk(c, e) < 0)
        return e->code;
    while (c->has_next) {
        struct chunk_size with = {
            .text = c->text.len + c->next.text_len + 3, /* normalising adds two blanks */
            .docs = c->tables.docs + 1,
            .wide = all_values(c, &c->next),
        };
        if (c->tables.docs && !fits(ctx, &with))
            return 1;
        if (add_doc(c, &c->next, e) < 0 || read_next(c, e) < 0)
            return e->code;
        if (o->progress && c->tables.docs % REPORT_EVERY == 0)
            o->progress(o->progress_ctx, "reading", docs_raw_pos(c->docs), docs_raw_size(c->docs));
    }
    return 0;
}

struct chunk_size corpus_size(const struct corpus *c)
{
    struct chunk_size size = {c->text.len, c->tables.docs, true};

    for (unsigned b = 0; b < 256; b++)
        size.wide = size.wide && c->tables.freq[b];
    return size;
}

uint64_t corpus_skipped(const struct corpus *c)
{
    return docs_skipped(c->docs);
}

void corpus_trim(struct corpus *c)
{
    char *p = realloc(c->text.p, c->text.len ? c->text.len : 1);

    if (p) {
        c->text.p = p;
        c->text.cap = c->text.len;
    }
    mem_trim();
}

void corpus_free_text(struct corpus *c)
{
    buf_free(&c->text);
}

void corpus_close(struct corpus *c)
{
    corpus_free_text(c);
    tables_free(&c->tables);
    store_writer_free(&c->meta);
    store_writer_free(&c->raw);
    buf_free(&c->record);
    docs_close(c->docs);
    c->docs = NULL;
}
