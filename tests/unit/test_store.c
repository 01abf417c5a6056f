/* test_store.c - lib/fm/store.c: records come back in any order, and a damaged store gives an error
 * or a wrong record, nothing worse.
 */
#include "t.h"
#include "tmp.h"

#include "base/zst.h"
#include "fm/store.h"

#include <stdbool.h>

enum { LEVEL = 3 };

static const char *const path = "store.sl"; /* in a folder of our own */
static unsigned long long seed = 5;

static uint64_t below(uint64_t n)
{
    return t_rand(&seed) % n;
}

/* ---- records made from their number, so that none need be kept ---- */

struct shape {
    uint64_t records;
    size_t limit_bytes;
    size_t (*len)(uint64_t record);
};

static size_t len_empty(uint64_t r)
{
    (void)r;
    return 0;
}

static size_t len_small(uint64_t r)
{
    return r * 7919 % 50;
}

static size_t len_varint(uint64_t r) /* around the lengths that need one byte more */
{
    static const size_t len[] = {126, 127, 128, 129, 0, 16383, 16384, 16385};

    return len[r % 8];
}

static size_t len_huge(uint64_t r)
{
    return r == 1 ? 100000 : r == 2 ? 0 : 3;
}

static size_t len_last(uint64_t r) /* empty but for one */
{
    return r == 999 ? 1 : 0;
}

static size_t len_one(uint64_t r) /* the same, but it does not stand last */
{
    return r == 0 ? 5 : 0;
}

static unsigned char byte_of(uint64_t record, size_t i)
{
    return (unsigned char)((record + 1) * 31 + i * (record % 5 + 1) + i / 251);
}

static bool same(uint64_t record, const char *p, size_t len, size_t want)
{
    if (len != want)
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)p[i] != byte_of(record, i))
            return false;
    return true;
}

/* Writes the records between two sections of others. */
static void write_store(const struct shape *s)
{
    struct store_writer w = {.limit_bytes = s->limit_bytes, .level = LEVEL};
    struct sect_writer *f;
    struct err e = {0};
    int rc = sect_create(&f, path, "test", 1, 0, &e);

    rc |= sect_put(f, "FRST", 0, "first", 5, &e);
    for (uint64_t r = 0; r < s->records; r++) {
        size_t len = s->len(r);
        char *p = malloc(len + 1);
        if (!p)
            abort();
        for (size_t i = 0; i < len; i++)
            p[i] = (char)byte_of(r, i);
        rc |= store_add(&w, p, len, &e);
        free(p);
    }
    rc |= store_write(&w, f, "XIDX", "XBLK", &e);
    rc |= sect_put(f, "LAST", 0, "last", 4, &e);
    rc |= sect_commit(&f, &e);
    store_writer_free(&w);
    T_CHECKF(rc == 0, "%s", e.msg);
}

static struct sect_file *open_store(struct store *s, uint64_t records)
{
    struct sect_file *f;
    struct err e = {0};

    T_CHECKF(sect_open(&f, path, "test", 1, &e) == 0, "%s", e.msg);
    T_CHECKF(store_open(s, f, "XIDX", "XBLK", records, &e) == 0, "%s", e.msg);
    return f;
}

static uint64_t wrong_record(struct store_cursor *c, const struct store *s, uint64_t record,
                             const struct shape *shape)
{
    const char *p;
    size_t len;
    struct err e = {0};

    return store_get(c, s, record, &p, &len, &e) < 0 || !same(record, p, len, shape->len(record));
}

static void check(const struct shape *shape, const char *what)
{
    struct store_cursor c = {0};
    struct store s;
    struct sect_file *f;
    uint64_t n = shape->records, wrong = 0;

    write_store(shape);
    f = open_store(&s, n);
    for (uint64_t r = 0; r < n; r++)
        wrong += wrong_record(&c, &s, r, shape);
    T_CHECKF(wrong == 0, "%s forwards: %llu", what, (unsigned long long)wrong);
    wrong = 0;
    for (uint64_t r = n; r-- > 0;)
        wrong += wrong_record(&c, &s, r, shape);
    T_CHECKF(wrong == 0, "%s backwards: %llu", what, (unsigned long long)wrong);
    wrong = 0;
    for (int i = 0; n && i < 100; i++) {
        uint64_t r = below(n);
        wrong += wrong_record(&c, &s, r, shape);
        wrong += wrong_record(&c, &s, r, shape); /* the same again */
        wrong += wrong_record(&c, &s, r + 2 < n ? r + below(3) : r, shape);
    }
    T_CHECKF(wrong == 0, "%s at random: %llu", what, (unsigned long long)wrong);
    store_cursor_free(&c);
    T_CHECK(!c.plain.p && !c.store);
    sect_close(f);
}

static void test_shapes(void)
{
    static const struct shape none = {0, 100, len_empty}, empty = {1000, 100, len_empty},
                              one = {1, 100, len_varint}, small = {2000, 200, len_small},
                              at_once = {600, 1 << 20, len_small}, each = {300, 0, len_small},
                              varint = {40, 20000, len_varint}, huge = {5, 100, len_huge},
                              last = {1000, 100, len_last}, first = {1000, 100, len_one},
                              two = {2, 2, len_one};
    struct store s;
    struct sect_file *f;

    check(&none, "none");
    check(&empty, "empty");
    f = open_store(&s, 1000);
    T_CHECK(sect_count(f) == 2); /* no sections are written for nothing */
    sect_close(f);
    check(&one, "one");
    check(&small, "small");
    check(&at_once, "one block");
    f = open_store(&s, 600);
    T_CHECK(s.n_blocks == 1 && sect_count(f) == 4);
    sect_close(f);
    check(&each, "a block each");
    f = open_store(&s, 300);
    T_CHECK(s.n_blocks == 300);
    sect_close(f);
    check(&varint, "lengths of 1, 2 and 3 bytes");
    check(&huge, "huge");
    check(&last, "empty but for the last");
    check(&first, "empty but for the first");
    check(&two, "the last block an empty record");
}

/* A cursor goes from store to store, and several read one store. */
static void test_cursors(void)
{
    static const struct shape a = {500, 100, len_small}, b = {40, 100, len_varint};
    struct store sa, sb;
    struct sect_file *fa, *fb;
    struct store_cursor c = {0}, d = {0};
    uint64_t wrong = 0;

    write_store(&a);
    fa = open_store(&sa, a.records);
    write_store(&b); /* replaces the file; the open one stays as it was */
    fb = open_store(&sb, b.records);
    for (uint64_t i = 0; i < 200; i++) {
        wrong += wrong_record(&c, i % 2 ? &sa : &sb, i % 40, i % 2 ? &a : &b);
        wrong += wrong_record(&d, &sa, 2 * i, &a);
    }
    T_CHECKF(wrong == 0, "%llu", (unsigned long long)wrong);
    store_cursor_free(&c);
    store_cursor_free(&d);
    sect_close(fa);
    sect_close(fb);
}

static void test_same_bytes(void)
{
    static const struct shape s = {700, 300, len_small};
    unsigned char first[200000], again[200000];
    size_t len[2] = {0, 0};

    for (int i = 0; i < 2; i++) {
        FILE *f;
        write_store(&s);
        f = fopen(path, "rb");
        if (!f)
            abort();
        len[i] = fread(i ? again : first, 1, sizeof first, f);
        fclose(f);
    }
    T_CHECK(len[0] == len[1] && len[0] < sizeof first && memcmp(first, again, len[0]) == 0);
}

/* ---- numbers ---- */

static void test_varint(void)
{
    struct buf b = {0};
    struct err e = {0};
    uint64_t v;
    size_t at = 0;

    for (unsigned bits = 0; bits < 64; bits++)
        for (int d = -1; d <= 1; d++)
            T_CHECK(varint_add(&b, (UINT64_C(1) << bits) + (uint64_t)(int64_t)d, &e) == 0);
    for (unsigned bits = 0; bits < 64; bits++)
        for (int d = -1; d <= 1; d++)
            T_CHECKF(varint_get(b.p, b.len, &at, &v) &&
                         v == (UINT64_C(1) << bits) + (uint64_t)(int64_t)d,
                     "2^%u %+d", bits, d);
    T_CHECK(at == b.len && !varint_get(b.p, b.len, &at, &v));
    buf_free(&b);
    T_CHECK(varint_add(&b, UINT64_MAX, &e) == 0 && b.len == 10);
    for (size_t len = 0; len < b.len; len++) { /* cut short */
        at = 0;
        T_CHECKF(!varint_get(b.p, len, &at, &v), "%zu", len);
    }
    at = 0;
    T_CHECK(varint_get(b.p, b.len, &at, &v) && v == UINT64_MAX);
    buf_free(&b);
    at = 0;
    T_CHECK(!varint_get("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 12, &at, &v));
    at = 0;
    T_CHECK(varint_get("\x00\x01", 2, &at, &v) && v == 0 && at == 1);
}

/* ---- damage ---- */

struct image {
    unsigned char *p;
    size_t len, idx_at, idx_len, blk_at, blk_len;
};

static struct image load(void)
{
    struct image m = {0};
    struct sect_file *f;
    struct err e = {0};
    FILE *in = fopen(path, "rb");

    T_CHECK(sect_open(&f, path, "test", 1, &e) == 0);
    m.len = sect_size(f);
    for (size_t i = 0; i < sect_count(f); i++) {
        struct sect_row r = sect_row(f, i);
        if (strcmp(r.id, "XIDX") == 0) {
            m.idx_at = r.offset;
            m.idx_len = r.len;
        } else if (strcmp(r.id, "XBLK") == 0) {
            m.blk_at = r.offset;
            m.blk_len = r.len;
        }
    }
    sect_close(f);
    m.p = aligned_alloc(64, (m.len + 63) / 64 * 64);
    if (!m.p || !in || fread(m.p, 1, m.len, in) != m.len)
        abort();
    fclose(in);
    return m;
}

/* What a reader meets; sections are not checked. Returns how many records are as they were. */
static uint64_t read_damaged(const struct image *m, const struct shape *shape, const char *what,
                             size_t at)
{
    struct store_cursor c = {0};
    struct sect_file *f;
    struct store s;
    struct err e = {0};
    uint64_t good = 0, sum = 0, odd = 0;

    if (sect_open_mem(&f, m->p, m->len, "mem", "test", 1, &e) < 0)
        abort();
    if (store_open(&s, f, "XIDX", "XBLK", shape->records, &e) < 0) {
        T_CHECKF(e.code == ERR_CORRUPT && strstr(e.msg, "XIDX"), "%s at %zu: %s", what, at, e.msg);
        sect_close(f);
        return 0;
    }
    for (uint64_t i = 0; i < 2 * shape->records; i++) {
        uint64_t r = i < shape->records ? i : below(shape->records);
        const char *p;
        size_t len;
        if (store_get(&c, &s, r, &p, &len, &e) < 0) {
            odd += e.code != ERR_CORRUPT || !strstr(e.msg, "XBLK");
            continue;
        }
        for (size_t k = 0; k < len; k++) /* all of it can be read */
            sum += (unsigned char)p[k];
        good += i < shape->records && same(r, p, len, shape->len(r));
    }
    T_CHECKF(odd == 0 && sum < UINT64_MAX, "%s at %zu: %s", what, at, e.msg);
    store_cursor_free(&c);
    sect_close(f);
    return good;
}

static void damage(const struct shape *shape, const char *what)
{
    struct image m;
    uint64_t n = shape->records, better = 0;

    write_store(shape);
    m = load();
    T_CHECK(read_damaged(&m, shape, what, 0) == n);
    for (size_t i = 0; i < m.idx_len + m.blk_len; i++) {
        size_t at = i < m.idx_len ? m.idx_at + i : m.blk_at + i - m.idx_len;
        unsigned char old = m.p[at];
        m.p[at] ^= i % 2 ? 0x81 : (unsigned char)(1u << below(8));
        read_damaged(&m, shape, what, at);
        m.p[at] = old;
    }
    for (int trial = 0; trial < 300; trial++) { /* more than one */
        struct image d = m;
        d.p = aligned_alloc(64, (m.len + 63) / 64 * 64);
        if (!d.p)
            abort();
        memcpy(d.p, m.p, m.len);
        for (uint64_t k = 2 + below(5); k; k--)
            d.p[below(2) ? m.idx_at + below(m.idx_len) : m.blk_at + below(m.blk_len)] =
                (unsigned char)below(256);
        better += read_damaged(&d, shape, what, (size_t)trial) > n;
        free(d.p);
    }
    T_CHECK(better == 0);
    free(m.p);
}

/* Index rows that are all in order but for what the blocks hold. */
static void test_wrong_index(void)
{
    static const struct shape s = {60, 150, len_small};
    struct image m;
    struct sect_file *f;
    struct store store;
    struct err e = {0};
    uint64_t row = 0;

    write_store(&s);
    m = load();
    T_CHECK(m.idx_len > 64);
    memcpy(&row, m.p + m.idx_at + 16, 8);
    row++; /* the second block is said to begin a record later */
    memcpy(m.p + m.idx_at + 16, &row, 8);
    T_CHECK(read_damaged(&m, &s, "first record", 16) < 60);
    tmp_put(path, m.p, m.len);
    T_CHECK(sect_open(&f, path, "test", 1, &e) == 0 && sect_check(f, &e) == ERR_CORRUPT);
    T_CHECK(store_open(&store, f, "XIDX", "XBLK", 59, &e) == ERR_CORRUPT);
    T_CHECK(store_open(&store, f, "XIDX", "XBLK", 61, &e) == ERR_CORRUPT);
    T_CHECK(store_open(&store, f, "XIDX", "LAST", 60, &e) == ERR_CORRUPT);
    T_CHECK(store_open(&store, f, "XIDX", "NONE", 60, &e) == ERR_CORRUPT);
    T_CHECK(store_open(&store, f, "NONE", "XBLK", 60, &e) == ERR_CORRUPT);
    T_CHECK(store_open(&store, f, "LAST", "XBLK", 60, &e) == ERR_CORRUPT);
    sect_close(f);
    free(m.p);
}

/* ---- sections written by hand ---- */

/* A file of the two sections as they are given, and a store of it. */
static int open_raw(struct sect_file **f, struct store *s, const uint64_t *index, size_t index_len,
                    const struct buf *blocks, uint64_t records)
{
    struct sect_writer *w;
    struct err e = {0};

    if (sect_create(&w, path, "test", 1, 0, &e) < 0 ||
        sect_put(w, "XIDX", 0, index, index_len, &e) < 0 ||
        sect_put(w, "XBLK", 0, blocks->p, blocks->len, &e) < 0 || sect_commit(&w, &e) < 0 ||
        sect_open(f, path, "test", 1, &e) < 0)
        abort();
    return store_open(s, *f, "XIDX", "XBLK", records, &e);
}

/* A block of `plain` that says it is `len` long. */
static void add_block(struct buf *blocks, const struct buf *plain, uint32_t len)
{
    char frame[1000];
    struct err e = {0};
    int64_t n = zst_compress(frame, sizeof frame, plain->p, plain->len, LEVEL, &e);

    if (n < 0 || buf_add(blocks, &len, sizeof len, &e) < 0 ||
        buf_add(blocks, frame, (size_t)n, &e) < 0)
        abort();
}

static void test_index_sizes(void)
{
    static const uint64_t zero[4] = {0};
    static const struct buf none = {0};
    struct sect_file *f;
    struct store s;

    for (size_t len = 0; len <= 32; len += 4) {
        T_CHECKF(open_raw(&f, &s, zero, len, &none, 0) == (len % 16 || !len ? ERR_CORRUPT : 0),
                 "%zu", len);
        sect_close(f);
    }
}

/* A record's length that leads out of its block, and lengths of the block that are not its own. */
static void test_lengths(void)
{
    static const uint32_t block_len[] = {0, 11, 13, 1u << 20, (1u << 30) + 1, UINT32_MAX};
    static const uint64_t record_len[] = {2, 3, 1000, INT64_MAX, UINT64_MAX, UINT64_MAX - 3};
    struct sect_file *f;
    struct store s;
    struct err e = {0};
    const char *p;
    size_t len;

    for (size_t i = 0; i < 12; i++) {
        struct buf plain = {0}, blocks = {0};
        struct store_cursor c = {0};
        uint64_t index[4] = {0, 0, 1, 0};
        if (varint_add(&plain, i < 6 ? record_len[i] : 2, &e) < 0 || buf_adds(&plain, "ab", &e) < 0)
            abort();
        add_block(&blocks, &plain, i < 6 ? (uint32_t)plain.len : block_len[i - 6]);
        index[3] = blocks.len;
        T_CHECK(open_raw(&f, &s, index, sizeof index, &blocks, 1) == 0);
        T_CHECKF(store_get(&c, &s, 0, &p, &len, &e) == (i ? ERR_CORRUPT : 0), "%zu", i);
        T_CHECK(i || (len == 2 && memcmp(p, "ab", 2) == 0));
        T_CHECKF(i < 10 || strstr(e.msg, "impossible"), "%s", e.msg);
        store_cursor_free(&c);
        sect_close(f);
        buf_free(&plain);
        buf_free(&blocks);
    }
}

/* Blocks out of place, and a good block read after a damaged one with the same cursor. */
static void test_places(void)
{
    struct buf plain = {0}, blocks = {0};
    struct sect_file *f;
    struct store s;
    struct store_cursor c = {0};
    struct err e = {0};
    const char *p;
    size_t len;

    if (buf_add(&plain, "\1a\1b\1c", 6, &e) < 0)
        abort();
    add_block(&blocks, &plain, 6);
    uint64_t second = blocks.len;
    add_block(&blocks, &plain, 5);
    uint64_t index[6] = {0, 0, 3, second, 6, blocks.len};
    T_CHECK(open_raw(&f, &s, index, sizeof index, &blocks, 6) == 0);
    T_CHECK(store_get(&c, &s, 0, &p, &len, &e) == 0 && len == 1 && *p == 'a');
    T_CHECK(store_get(&c, &s, 4, &p, &len, &e) == ERR_CORRUPT);
    T_CHECK(store_get(&c, &s, 1, &p, &len, &e) == 0 && len == 1 && *p == 'b');
    sect_close(f);
    store_cursor_free(&c);                /* it must not outlive the store */
    for (uint64_t at = 0; at < 4; at++) { /* too short for a length */
        index[3] = at;
        T_CHECK(open_raw(&f, &s, index, sizeof index, &blocks, 6) == 0);
        T_CHECK(store_get(&c, &s, 0, &p, &len, &e) == ERR_CORRUPT);
        sect_close(f);
        store_cursor_free(&c); /* it must not outlive the store */
        index[3] = blocks.len - at;
        T_CHECK(open_raw(&f, &s, index, sizeof index, &blocks, 6) == 0);
        T_CHECK(store_get(&c, &s, 5, &p, &len, &e) == ERR_CORRUPT);
        sect_close(f);
        store_cursor_free(&c); /* it must not outlive the store */
    }
    store_cursor_free(&c);
    buf_free(&plain);
    buf_free(&blocks);
}

static void test_damage(void)
{
    static const struct shape small = {60, 150, len_small}, one = {3, 1000, len_small};

    damage(&small, "small");
    damage(&one, "one block");
}

int main(void)
{
    tmp_enter();
    test_varint();
    test_shapes();
    test_cursors();
    test_same_bytes();
    test_wrong_index();
    test_index_sizes();
    test_lengths();
    test_places();
    test_damage();
    tmp_leave();
    return t_done("store");
}
