/* store.c - see store.h. */
#include "fm/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/zst.h"
#include "fm/bits.h"

enum { PLAIN_MAX = 1 << 30 }; /* a block's plain bytes: more is damage */

int varint_add(struct buf *b, uint64_t v, struct err *e)
{
    char bytes[10];
    size_t n = 0;

    for (; v >= 0x80; v >>= 7)
        bytes[n++] = (char)(v | 0x80);
    bytes[n++] = (char)v;
    return buf_add(b, bytes, n, e);
}

bool varint_get(const char *p, size_t len, size_t *at, uint64_t *v)
{
    uint64_t x = 0;

    for (unsigned shift = 0; *at < len && shift < 64; shift += 7) {
        unsigned char c = (unsigned char)p[(*at)++];
        x |= (uint64_t)(c & 0x7f) << shift;
        if (c < 0x80) {
            *v = x;
            return true;
        }
    }
    return false;
}

static int add_index_row(struct store_writer *w, struct err *e)
{
    uint64_t row[2] = {w->block_records, w->gone + w->blocks.len};

    return buf_add(&w->index, row, sizeof row, e);
}

static int close_block(struct store_writer *w, struct err *e)
{
    uint32_t len = (uint32_t)w->plain.len;
    size_t bound = zst_bound(w->plain.len);
    int64_t n;

    if (w->plain.len > PLAIN_MAX)
        return err_set(e, ERR_INPUT, "a block of records of %zu bytes is too large", w->plain.len);
    if (add_index_row(w, e) < 0 || buf_add(&w->blocks, &len, sizeof len, e) < 0 ||
        buf_reserve(&w->blocks, bound, e) < 0)
        return e->code;
    n = zst_compress(w->blocks.p + w->blocks.len, bound, w->plain.p, w->plain.len, w->level, e);
    if (n < 0)
        return (int)n;
    w->blocks.len += (size_t)n;
    w->plain.len = 0;
    w->block_records = w->records;
    if (!w->sink)
        return 0;
    w->gone += w->blocks.len;
    n = sect_add(w->sink, w->blocks.p, w->blocks.len, e);
    w->blocks.len = 0;
    return (int)n;
}

int store_stream(struct store_writer *w, struct sect_writer *s, const char blk[4], struct err *e)
{
    w->sink = s;
    return sect_begin(s, blk, SECT_REQUIRED, e);
}

int store_add(struct store_writer *w, const void *p, size_t len, struct err *e)
{
    if (varint_add(&w->plain, len, e) < 0 || buf_add(&w->plain, p, len, e) < 0)
        return e->code;
    w->any |= len > 0;
    w->records++;
    return w->plain.len >= w->limit_bytes ? close_block(w, e) : 0;
}

int store_write(struct store_writer *w, struct sect_writer *s, const char idx[4], const char blk[4],
                struct err *e)
{
    if (!w->any)
        return 0;
    if ((w->plain.len > 0 && close_block(w, e) < 0) || add_index_row(w, e) < 0)
        return e->code;
    if ((w->sink ? sect_end(s, e)
                 : sect_put(s, blk, SECT_REQUIRED, w->blocks.p, w->blocks.len, e)) < 0)
        return e->code;
    return sect_put(s, idx, SECT_REQUIRED, w->index.p, w->index.len, e);
}

void store_writer_free(struct store_writer *w)
{
    buf_free(&w->plain);
    buf_free(&w->index);
    buf_free(&w->blocks);
}

static uint64_t index_at(const struct store *s, uint64_t block, unsigned field)
{
    return load_u64(s->index + 16 * block + 8 * field);
}

int store_open(struct store *s, const struct sect_file *f, const char idx[4], const char blk[4],
               uint64_t records, struct err *e)
{
    uint64_t len;

    *s = (struct store){.file = f, .name = blk, .records = records};
    s->index = sect_get(f, idx, &len);
    s->blocks = sect_get(f, blk, &s->blocks_len);
    if (!s->index && !s->blocks)
        return 0;
    if (!s->index || !s->blocks || len < 16 || len % 16)
        return sect_bad(f, idx, "has a wrong length", e);
    s->n_blocks = len / 16 - 1;
    if (index_at(s, 0, 0) != 0 || index_at(s, s->n_blocks, 0) != records ||
        index_at(s, s->n_blocks, 1) != s->blocks_len)
        return sect_bad(f, idx, "does not fit its blocks", e);
    return 0;
}

/* The last block whose first record is at most `record`. */
static uint64_t block_of(const struct store *s, uint64_t record)
{
    uint64_t lo = 0, hi = s->n_blocks;

    while (hi - lo > 1) {
        uint64_t mid = lo + (hi - lo) / 2;
        if (index_at(s, mid, 0) <= record)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

static int load_block(struct store_cursor *c, const struct store *s, uint64_t block, struct err *e)
{
    uint64_t from = index_at(s, block, 1), to = index_at(s, block + 1, 1);
    uint32_t len;

    c->block = 0;
    c->store = s;
    if (from > to || to > s->blocks_len || to - from < 4)
        return sect_bad(s->file, s->name, "has a block out of place", e);
    len = load_u32(s->blocks + from);
    if (len > PLAIN_MAX)
        return sect_bad(s->file, s->name, "has a block of impossible length", e);
    c->plain.len = 0;
    if (buf_reserve(&c->plain, len, e) < 0)
        return e->code;
    if (zst_decompress(c->plain.p, len, s->blocks + from + 4, to - from - 4, e) < 0)
        return e->code == ERR_MEM ? e->code : sect_bad(s->file, s->name, "is damaged", e);
    c->plain.len = len;
    c->block = block + 1;
    return 0;
}

int store_get(struct store_cursor *c, const struct store *s, uint64_t record, const char **p,
              size_t *len, struct err *e)
{
    uint64_t block, n;

    *p = "";
    *len = 0;
    if (s->n_blocks == 0)
        return 0;
    block = block_of(s, record);
    if (c->store != s || c->block != block + 1) {
        if (load_block(c, s, block, e) < 0)
            return e->code;
        c->next = UINT64_MAX;
    }
    if (c->next > record) { /* from the block's beginning */
        c->next = index_at(s, block, 0);
        c->at = 0;
    }
    for (;;) {
        if (!varint_get(c->plain.p, c->plain.len, &c->at, &n) || n > c->plain.len - c->at) {
            c->block = 0;
            return sect_bad(s->file, s->name, "is damaged", e);
        }
        *p = c->plain.p + c->at;
        *len = (size_t)n;
        c->at += (size_t)n;
        if (c->next++ == record)
            return 0;
    }
}

int store_copy(struct store_writer *w, const struct store *s, struct err *e)
{
    struct store_cursor c = {0};
    const char *p;
    size_t len;
    int rc = 0;

    for (uint64_t i = 0; rc == 0 && i < s->records; i++)
        if ((rc = store_get(&c, s, i, &p, &len, e)) == 0)
            rc = store_add(w, p, len, e);
    store_cursor_free(&c);
    return rc;
}

void store_cursor_free(struct store_cursor *c)
{
    buf_free(&c->plain);
    *c = (struct store_cursor){0};
}
