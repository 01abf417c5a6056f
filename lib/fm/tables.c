/* tables.c - see tables.h. */
#include "fm/tables.h"

#include <string.h>

#include "fm/bits.h"

int tables_init(struct tables *t, struct spool_room *room, struct err *e)
{
    const struct spool empty = {.room = room};

    *t = (struct tables){.starts = empty, .ids = empty, .runs = empty, .paths = empty};
    return spool_zero(&t->starts, 1, sizeof(uint64_t), e);
}

void tables_free(struct tables *t)
{
    spool_free(&t->starts);
    spool_free(&t->ids);
    spool_free(&t->runs);
    spool_free(&t->paths);
    *t = (struct tables){0};
}

int tables_add(struct tables *t, uint64_t len, uint64_t raw_len, struct err *e)
{
    uint64_t end = tables_start(t)[t->docs] + len + 1;

    if (spool_add(&t->starts, &end, sizeof end, e) < 0)
        return e->code;
    t->docs++;
    t->raw_bytes += raw_len;
    return 0;
}

static int put_id(struct tables *t, uint32_t hash, uint64_t doc, struct err *e)
{
    struct id_row row = {.hash = hash, .doc = doc};

    return spool_add(&t->ids, &row, sizeof row, e);
}

int tables_add_id(struct tables *t, uint32_t hash, struct err *e)
{
    return put_id(t, hash, t->docs, e);
}

/* One row for a stretch of documents on consecutive lines of a file. */
struct run_row {
    uint64_t doc, line, path_at, path_len;
};

static struct run_row last_run(const struct tables *t)
{
    struct run_row r;

    memcpy(&r, t->runs.p + t->runs.len - sizeof r, sizeof r);
    return r;
}

static int put_place(struct tables *t, uint64_t doc, uint64_t line, const char *path, size_t len,
                     struct err *e)
{
    struct run_row r = {doc, line, t->paths.len, len};

    if (line == 0)
        return 0;
    if (t->runs.len) {
        struct run_row old = last_run(t);
        bool same = old.path_len == len && memcmp(t->paths.p + old.path_at, path, len) == 0;
        if (same && old.line + (doc - old.doc) == line)
            return 0;
        if (same)
            r.path_at = old.path_at;
    }
    if (r.path_at == t->paths.len && spool_add(&t->paths, path, len, e) < 0)
        return e->code;
    return spool_add(&t->runs, &r, sizeof r, e);
}

int tables_add_place(struct tables *t, uint64_t line, const char *path, size_t path_len,
                     struct err *e)
{
    return put_place(t, t->docs, line, path, path_len, e);
}

/* ---- out of a finished index ---- */

static int add_starts(struct tables *t, const struct shard *s, struct err *e)
{
    uint64_t docs = s->head.docs, before = 0;

    for (uint64_t d = 0; d < docs; d++) {
        uint64_t end = shard_doc_start(s, d + 1);
        if (end <= before || end > s->head.n)
            return sect_bad(s->file, "DOCS", "does not grow", e);
        if (tables_add(t, end - before - 1, 0, e) < 0)
            return e->code;
        before = end;
    }
    if (before != s->head.n)
        return sect_bad(s->file, "DOCS", "does not fit the text", e);
    t->raw_bytes += s->head.raw_bytes;
    return 0;
}

static int add_id(struct tables *t, const struct shard *s, uint64_t i, uint64_t first_doc,
                  struct err *e)
{
    uint64_t doc = packed_get(s->id_doc, i, s->doc_bits);

    if (doc >= s->head.docs)
        return sect_bad(s->file, "IDHS", "is damaged", e);
    return put_id(t, load_u32(s->id_hash + 4 * i), first_doc + doc, e);
}

/* By hash, then by document, as both have them. */
static int merge_ids(struct tables *t, const struct shard *a, const struct shard *b, struct err *e)
{
    uint64_t i = 0, k = 0, ids_b = b ? b->head.ids : 0;

    while (i < a->head.ids || k < ids_b) {
        bool of_a = k == ids_b || (i < a->head.ids &&
                                   load_u32(a->id_hash + 4 * i) <= load_u32(b->id_hash + 4 * k));
        if ((of_a ? add_id(t, a, i++, 0, e) : add_id(t, b, k++, a->head.docs, e)) < 0)
            return e->code;
    }
    return 0;
}

static int add_places(struct tables *t, const struct shard *s, uint64_t first_doc, struct err *e)
{
    struct run_row r;

    for (uint64_t i = 0; i < s->head.runs; i++) {
        memcpy(&r, s->runs + i * sizeof r, sizeof r);
        if (r.path_at > s->paths_len || r.path_len > s->paths_len - r.path_at)
            return sect_bad(s->file, "RUNS", "is damaged", e);
        if (put_place(t, first_doc + r.doc, r.line, s->paths + r.path_at, r.path_len, e) < 0)
            return e->code;
    }
    return 0;
}

static int add_shard(struct tables *t, const struct shard *s, struct err *e)
{
    uint64_t freq[256];

    if (add_places(t, s, t->docs, e) < 0 || add_starts(t, s, e) < 0)
        return e->code;
    shard_byte_counts(s, freq);
    for (unsigned b = 0; b < 256; b++)
        t->freq[b] += freq[b];
    return 0;
}

int tables_add_shards(struct tables *t, const struct shard *a, const struct shard *b, struct err *e)
{
    if (merge_ids(t, a, b, e) < 0 || add_shard(t, a, e) < 0)
        return e->code;
    return b ? add_shard(t, b, e) : 0;
}
