/* record.c - ids, texts and records of documents. See fm.h, "records".
 *
 * A document's META record is a varint and two spans of its JSON line: `head`, up to and with the
 * text's opening quote, and `tail`, from the closing quote on (docs.h). Head and tail together are
 * a JSON object with an empty text, in which the id is looked up; with the text between them, they
 * are the input line again.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/jsonl.h"
#include "base/num.h"
#include "fm/bits.h"
#include "fm/set.h"

struct fm_reader {
    const struct fm *fm;
    struct store_cursor meta, raw;
    struct buf text, line;
};

int fm_reader_new(struct fm_reader **out, const struct fm *fm, struct err *e)
{
    *out = mem_zero(1, sizeof **out, e);
    if (!*out)
        return e->code;
    (*out)->fm = fm;
    return 0;
}

void fm_reader_free(struct fm_reader *r)
{
    if (!r)
        return;
    store_cursor_free(&r->meta);
    store_cursor_free(&r->raw);
    buf_free(&r->text);
    buf_free(&r->line);
    free(r);
}

struct skeleton {
    const char *head, *tail;
    size_t head_len, tail_len;
};

static int get_skeleton(struct fm_reader *r, const struct shard *s, uint64_t local,
                        struct skeleton *k, struct err *e)
{
    const char *p;
    size_t len, at = 0;
    uint64_t head_len = 0;

    *k = (struct skeleton){"", "", 0, 0};
    if (store_get(&r->meta, &s->meta, local, &p, &len, e) < 0)
        return e->code;
    if (len == 0)
        return 0;
    if (!varint_get(p, len, &at, &head_len) || head_len > len - at)
        return sect_bad(s->file, "MBLK", "is damaged", e);
    *k = (struct skeleton){p + at, p + at + head_len, head_len, len - at - head_len};
    return 0;
}

/* ---- ids ---- */

static uint64_t run_field(const struct shard *s, uint64_t run, unsigned field)
{
    return load_u64(s->runs + run * FM_RUN_BYTES + 8 * field);
}

/* "PATH:LINE" of a document, or its number where that is all there is. */
static int id_from_place(const struct shard *s, uint64_t local, struct buf *out, struct err *e)
{
    uint64_t lo = 0, hi = s->head.runs, path_at, path_len;

    while (lo < hi) { /* the first run past it */
        uint64_t mid = lo + (hi - lo) / 2;
        if (run_field(s, mid, 0) <= local)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == 0)
        return buf_printf(out, e, "%llu", (unsigned long long)local);
    path_at = run_field(s, lo - 1, 2);
    path_len = run_field(s, lo - 1, 3);
    if (path_at > s->paths_len || path_len > s->paths_len - path_at)
        return sect_bad(s->file, "RUNS", "is damaged", e);
    if (buf_add(out, s->paths + path_at, path_len, e) < 0)
        return e->code;
    return buf_printf(
        out, e, ":%llu",
        (unsigned long long)(run_field(s, lo - 1, 1) + (local - run_field(s, lo - 1, 0))));
}

/* The id in a record's JSON: 1 and appended, 0 when it has none. */
static int id_from_record(struct fm_reader *r, const struct shard *s, const struct skeleton *k,
                          struct buf *out, struct err *e)
{
    struct jsonl j;
    struct jsonl_member m;
    int rc;

    r->line.len = 0;
    if (buf_add(&r->line, k->head, k->head_len, e) < 0 ||
        buf_add(&r->line, k->tail, k->tail_len, e) < 0)
        return e->code;
    jsonl_begin(&j, r->line.p, r->line.len);
    while ((rc = jsonl_next(&j, &m, e)) > 0) {
        if (!jsonl_equals(&m.key, s->id_field, strlen(s->id_field)))
            continue;
        if (m.value.type == JSONL_STRING)
            return jsonl_decode(&m.value, out, e) < 0 ? e->code : 1;
        if (m.value.type == JSONL_NUMBER)
            return buf_add(out, m.value.p, m.value.len, e) < 0 ? e->code : 1;
        return 0;
    }
    return rc < 0 ? sect_bad(s->file, "MBLK", "is damaged", e) : 0;
}

static int local_id(struct fm_reader *r, const struct shard *s, uint64_t local, struct buf *out,
                    struct err *e)
{
    struct skeleton k;
    int rc = get_skeleton(r, s, local, &k, e);

    if (rc == 0 && k.head_len)
        rc = id_from_record(r, s, &k, out, e);
    if (rc < 0)
        return rc;
    return rc > 0 ? 0 : id_from_place(s, local, out, e);
}

int fm_reader_id(struct fm_reader *r, uint64_t doc, struct buf *out, struct err *e)
{
    uint64_t local;
    size_t shard = fm_shard_of(r->fm, doc, &local);

    return local_id(r, r->fm->shard[shard], local, out, e);
}

/* First entry of the sorted hashes that is not below `hash`. */
static uint64_t hash_lower_bound(const struct shard *s, uint32_t hash)
{
    uint64_t lo = 0, hi = s->head.ids;

    while (lo < hi) {
        uint64_t mid = lo + (hi - lo) / 2;
        if (load_u32(s->id_hash + 4 * mid) < hash)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

struct found_ids {
    uint64_t *docs;
    size_t n, cap;
};

/* Takes a document if its id is this one. */
static int add_if_named(struct fm_reader *r, size_t shard, uint64_t local, const char *id,
                        size_t len, struct found_ids *f, struct err *e)
{
    r->text.len = 0;
    if (local_id(r, r->fm->shard[shard], local, &r->text, e) < 0)
        return e->code;
    if (r->text.len != len || (len && memcmp(r->text.p, id, len) != 0))
        return 0;
    if (mem_reserve(&f->docs, &f->cap, f->n + 1, sizeof *f->docs, e) < 0)
        return e->code;
    f->docs[f->n++] = r->fm->first_doc[shard] + local;
    return 0;
}

static int find_by_hash(struct fm_reader *r, size_t shard, const char *id, size_t len,
                        struct found_ids *f, struct err *e)
{
    const struct shard *s = r->fm->shard[shard];
    uint32_t hash = (uint32_t)hash64(id, len);

    for (uint64_t i = hash_lower_bound(s, hash);
         i < s->head.ids && load_u32(s->id_hash + 4 * i) == hash; i++) {
        uint64_t local = packed_get(s->id_doc, i, s->doc_bits);
        if (local >= s->head.docs)
            return sect_bad(s->file, "IDHS", "is damaged", e);
        if (add_if_named(r, shard, local, id, len, f, e) < 0)
            return e->code;
    }
    return 0;
}

/* "PATH:LINE" names a document without an id of its own. */
static int find_by_place(struct fm_reader *r, size_t shard, const char *id, size_t len,
                         struct found_ids *f, struct err *e)
{
    const struct shard *s = r->fm->shard[shard];
    const char *colon = memrchr(id, ':', len);
    char digits[24] = "";
    size_t n_digits = colon ? len - (size_t)(colon + 1 - id) : 0;
    uint64_t line;

    if (!colon || n_digits >= sizeof digits)
        return 0;
    memcpy(digits, colon + 1, n_digits);
    if (!num_u64(digits, &line))
        return 0;
    for (uint64_t i = 0; i < s->head.runs; i++) {
        uint64_t doc = run_field(s, i, 0), first = run_field(s, i, 1);
        uint64_t end = i + 1 < s->head.runs ? run_field(s, i + 1, 0) : s->head.docs;
        if (doc >= end || end > s->head.docs || line < first || line - first >= end - doc)
            continue;
        if (add_if_named(r, shard, doc + (line - first), id, len, f, e) < 0)
            return e->code;
    }
    return 0;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* Growing, each once: a document may have the name of its place as its own. */
static void put_in_order(struct found_ids *f)
{
    size_t n = 0;

    if (f->n > 1)
        qsort(f->docs, f->n, sizeof *f->docs, by_number);
    for (size_t i = 0; i < f->n; i++)
        if (i == 0 || f->docs[i] != f->docs[n - 1])
            f->docs[n++] = f->docs[i];
    f->n = n;
}

int64_t fm_reader_find_id(struct fm_reader *r, const char *id, size_t len, uint64_t **docs,
                          struct err *e)
{
    struct found_ids f = {0};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < r->fm->n_shards; i++)
        rc = find_by_hash(r, i, id, len, &f, e);
    for (size_t i = 0; rc == 0 && i < r->fm->n_shards; i++)
        rc = find_by_place(r, i, id, len, &f, e);
    put_in_order(&f);
    if (rc < 0) {
        free(f.docs);
        f = (struct found_ids){0};
    }
    *docs = f.docs;
    return rc < 0 ? rc : (int64_t)f.n;
}

/* ---- texts and records ---- */

int fm_reader_text(struct fm_reader *r, uint64_t doc, struct buf *out, struct err *e)
{
    uint64_t local, len;
    const struct shard *s = r->fm->shard[fm_shard_of(r->fm, doc, &local)];
    struct shard_piece piece = {.doc = local};
    const char *raw;
    size_t raw_len;

    if (s->head.normalize != TEXT_NONE) {
        if (store_get(&r->raw, &s->raw, local, &raw, &raw_len, e) < 0)
            return e->code;
        return buf_add(out, raw, raw_len, e);
    }
    len = shard_doc_len(s, local);
    if (buf_reserve(out, len, e) < 0)
        return e->code;
    piece.len = len;
    piece.dst = out->p + out->len;
    shard_read(s, &piece, 1);
    out->len += len;
    return 0;
}

static int short_record(struct fm_reader *r, uint64_t doc, struct buf *out, struct err *e)
{
    struct buf id = {0};
    int rc = fm_reader_id(r, doc, &id, e);

    if (rc == 0 && buf_adds(out, "{\"id\":\"", e) == 0 && jsonl_encode(id.p, id.len, out, e) == 0 &&
        buf_adds(out, "\",\"text\":\"", e) == 0 &&
        jsonl_encode(r->text.p, r->text.len, out, e) == 0)
        rc = buf_adds(out, "\"}", e);
    else
        rc = e->code;
    buf_free(&id);
    return rc;
}

int fm_reader_record(struct fm_reader *r, uint64_t doc, bool meta, struct buf *out, struct err *e)
{
    uint64_t local;
    const struct shard *s = r->fm->shard[fm_shard_of(r->fm, doc, &local)];
    struct skeleton k;

    r->text.len = 0;
    if (fm_reader_text(r, doc, &r->text, e) < 0)
        return e->code;
    if (!meta)
        return short_record(r, doc, out, e);
    if (get_skeleton(r, s, local, &k, e) < 0)
        return e->code;
    if (k.head_len == 0)
        return short_record(r, doc, out, e);
    if (buf_add(out, k.head, k.head_len, e) < 0 || jsonl_encode(r->text.p, r->text.len, out, e) < 0)
        return e->code;
    return buf_add(out, k.tail, k.tail_len, e);
}
