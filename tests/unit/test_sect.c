/* test_sect.c - lib/base/sect.c: what is written is read back, and nothing else is believed. */
#include "t.h"
#include "tmp.h"

#include "base/hash.h"
#include "base/sect.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TABLE_AT = 24, COUNT_AT = 32, SIZE_AT = 16 }; /* header fields */

static const char *const path = "x.sl"; /* in a folder of our own */
static unsigned long long seed = 20240607;

/* A file in memory, exactly as long as it should be, so that ASan sees a read past its end. */
struct image {
    unsigned char *p;
    size_t len;
};

static struct image load(const char *name)
{
    struct image m = {0};
    struct stat st;
    int fd = open(name, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st) < 0)
        abort();
    m.len = (size_t)st.st_size;
    m.p = aligned_alloc(64, (m.len + 63) / 64 * 64);
    if (!m.p || read(fd, m.p, m.len) != (ssize_t)m.len)
        abort();
    close(fd);
    return m;
}

/* Opens and checks a copy of p[0..len) with not a byte to spare. */
static int judge(const unsigned char *p, size_t len, struct err *e)
{
    unsigned char *copy = malloc(len ? len : 1);
    struct sect_file *f;

    if (!copy)
        abort();
    memcpy(copy, p, len);
    int rc = sect_open_mem(&f, copy, len, "mem", "test", 2, e);
    if (rc == 0) {
        rc = sect_check(f, e);
        sect_close(f);
    } else {
        T_CHECK(!f);
    }
    free(copy);
    return rc;
}

static bool says(const struct err *e, const char *sentence)
{
    if (e->code == ERR_CORRUPT && strcmp(e->msg, sentence) == 0)
        return true;
    printf("the error was %d: %s\n", e->code, e->msg);
    return false;
}

static void fill(unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (unsigned char)(t_rand(&seed) >> 56);
}

static int small_file(void)
{
    struct sect_writer *w;
    struct err e = {0};
    unsigned char data[200];

    fill(data, sizeof data);
    if (sect_create(&w, path, "test", 2, 5, &e) < 0 ||
        sect_put(w, "AAAA", SECT_REQUIRED, data, 200, &e) < 0 ||
        sect_put(w, "NONE", 0, NULL, 0, &e) < 0 || sect_put(w, "B b ", 0, data, 64, &e) < 0)
        abort();
    return sect_commit(&w, &e);
}

/* ---- round trips ---- */

static size_t random_len(void)
{
    static const size_t edge[] = {0, 1, 63, 64, 65, (1 << 20) - 64, 1 << 20, (1 << 20) + 1};
    unsigned long long r = t_rand(&seed) >> 32;

    return r % 4 ? r % 3000 : r % 64 ? edge[r / 4 % 5] : edge[r / 64 % 8];
}

static void add_in_pieces(struct sect_writer *w, const unsigned char *p, size_t len)
{
    struct err e = {0};

    while (len > 0) {
        size_t n = 1 + (t_rand(&seed) >> 33) % len;
        T_CHECK(sect_add(w, p, n, &e) == 0);
        p += n;
        len -= n;
    }
}

static void round_trip(unsigned round)
{
    static unsigned char data[6][(1 << 20) + 1];
    struct sect_writer *w;
    struct sect_file *f;
    struct err e = {0};
    size_t len[6], n = (t_rand(&seed) >> 33) % 7;
    char id[5] = "sec0";

    T_CHECK(sect_create(&w, path, "test", 2, 7, &e) == 0);
    for (size_t i = 0; i < n; i++) {
        len[i] = random_len();
        fill(data[i], len[i]);
        id[3] = (char)('0' + i);
        T_CHECK(sect_begin(w, id, i % 2, &e) == 0);
        add_in_pieces(w, data[i], len[i]);
        T_CHECK(sect_end(w, &e) == 0);
    }
    T_CHECK(sect_commit(&w, &e) == 0 && !w);

    T_CHECKF((round % 2 ? sect_load(&f, path, "test", 2, 2, &e)
                        : sect_open(&f, path, "test", 2, &e)) == 0,
             "round %u: %s", round, e.msg);
    T_CHECK(sect_count(f) == n && sect_minor(f) == 7 && strcmp(sect_path(f), path) == 0);
    T_CHECKF(sect_check(f, &e) == 0, "round %u: %s", round, e.msg);
    for (size_t i = 0; i < n; i++) {
        uint64_t got;
        const void *p;

        id[3] = (char)('0' + i);
        p = sect_get(f, id, &got);
        T_CHECK(p && got == len[i] && memcmp(p, data[i], got) == 0 && (uintptr_t)p % 64 == 0);
        struct sect_row r = sect_row(f, i);
        T_CHECK(strcmp(r.id, id) == 0 && r.flags == i % 2 && r.len == len[i]);
        T_CHECK(r.sum == hash64(data[i], len[i]));
    }
    sect_close(f);
}

static void test_need(void)
{
    struct sect_file *f;
    struct err e = {0};
    const void *p;
    uint64_t len = 1;

    T_CHECK(small_file() == 0);
    T_CHECK(sect_open(&f, path, "test", 2, &e) == 0);
    T_CHECK(sect_need(f, "AAAA", 25, 8, &p, &e) == 0 && p == sect_get(f, "AAAA", &len) &&
            len == 200);
    T_CHECK(sect_need(f, "NONE", 0, 8, &p, &e) == 0 && p);
    T_CHECK(!sect_get(f, "nope", &len) && len == 0);
    T_CHECK(sect_need(f, "nope", 1, 8, &p, &e) < 0 && !p);
    T_CHECK(says(&e, "x.sl: section 'nope' is missing"));
    T_CHECK(sect_need(f, "AAAA", 26, 8, &p, &e) < 0 && !p);
    T_CHECK(says(&e, "x.sl: section 'AAAA' is damaged: it has 200 bytes, not 26 x 8"));
    /* 2^61 + 25 objects of 8 bytes are 200 bytes, modulo 2^64 */
    T_CHECK(sect_need(f, "AAAA", (1ull << 61) + 25, 8, &p, &e) == ERR_CORRUPT);
    T_CHECK(sect_bad(f, "AAAA", "it is green", &e) == ERR_CORRUPT);
    T_CHECK(says(&e, "x.sl: section 'AAAA' is damaged: it is green"));
    T_CHECK(sect_known(f, "XXXXAAAA", &e) == 0);
    T_CHECK(sect_known(f, "XXXXNONE", &e) < 0);
    T_CHECK(says(&e, "x.sl: needs a newer program, that knows section 'AAAA'"));
    sect_random(f);
    T_CHECK(sect_check(f, &e) == 0);
    sect_close(f);
    sect_close(NULL);
}

/* ---- damage ---- */

static void test_flips(const struct image *m)
{
    struct err e = {0};

    T_CHECK(judge(m->p, m->len, &e) == 0 && m->len < 1024);
    for (size_t i = 0; i < m->len * 8; i++) {
        m->p[i / 8] ^= (unsigned char)(1u << i % 8);
        T_CHECKF(judge(m->p, m->len, &e) == ERR_CORRUPT, "bit %zu of byte %zu", i % 8, i / 8);
        m->p[i / 8] ^= (unsigned char)(1u << i % 8);
    }
    T_CHECK(judge(m->p, m->len, &e) == 0);
}

static void test_lengths(const struct image *m)
{
    struct err e = {0};
    unsigned char *more = calloc(m->len + 64, 1);

    if (!more)
        abort();
    memcpy(more, m->p, m->len);
    for (size_t n = 0; n < m->len; n++)
        T_CHECKF(judge(m->p, n, &e) == ERR_CORRUPT, "cut to %zu bytes", n);
    for (size_t n = m->len + 1; n <= m->len + 64; n++)
        T_CHECKF(judge(more, n, &e) == ERR_CORRUPT, "grown to %zu bytes", n);
    free(more);
}

static void put(struct image *m, size_t at, uint64_t v, size_t bytes)
{
    memcpy(m->p + at, &v, bytes);
}

static uint64_t get(const struct image *m, size_t at, size_t bytes)
{
    uint64_t v = 0;

    memcpy(&v, m->p + at, bytes);
    return v;
}

/* Makes the checksums right again, as one who means harm would. */
static void seal(struct image *m)
{
    uint64_t table = get(m, TABLE_AT, 8), rows = get(m, COUNT_AT, 4) * 32;

    if (table < m->len && rows < m->len - table && m->len - table - rows >= 8)
        put(m, table + rows, hash64(m->p + table, rows), 8);
    put(m, 56, hash64(m->p, 56), 8);
}

struct forgery {
    size_t at; /* in the file, or in the table */
    bool in_table;
    uint64_t value;
    size_t bytes;
    const char *sentence;
};

/* Row 0 is AAAA (64, 200), row 1 NONE (320, 0), row 2 "B b " (320, 64); table at 384, size 488. */
static const struct forgery forgeries[] = {
    {0, false, 0, 1, "mem: not a sluice file"},
    {8, false, 0x206d66, 3, "mem: is a sluice 'fm t' file, not 'test'"},
    {8, false, 0x1b, 1, "mem: header is damaged: its kind is not four letters"},
    {12, false, 3, 2, "mem: format version 3 is newer than this program's 2"},
    {12, false, 1, 2, "mem: format version 1 is older than this program's 2"},
    {SIZE_AT, false, 489, 8, "mem: file is truncated (header says 489 bytes, has 488)"},
    {SIZE_AT, false, UINT64_MAX, 8,
     "mem: file is truncated (header says 18446744073709551615 bytes, has 488)"},
    {SIZE_AT, false, 487, 8, "mem: file is too long (header says 487 bytes, has 488)"},
    {TABLE_AT, false, 385, 8, "mem: header is damaged: the section table does not fit the file"},
    {TABLE_AT, false, 0, 8, "mem: header is damaged: the section table does not fit the file"},
    {TABLE_AT, false, 448, 8, "mem: header is damaged: the section table does not fit the file"},
    {TABLE_AT, false, 512, 8, "mem: header is damaged: the section table does not fit the file"},
    {TABLE_AT, false, -64ull, 8, "mem: header is damaged: the section table does not fit the file"},
    {COUNT_AT, false, 2, 4, "mem: header is damaged: the section table does not fit the file"},
    {COUNT_AT, false, 4, 4, "mem: header is damaged: the section table does not fit the file"},
    {COUNT_AT, false, 257, 4, "mem: header is damaged: too many sections"},
    {COUNT_AT, false, UINT32_MAX, 4, "mem: header is damaged: too many sections"},
    {32 + 0, true, 0x41414141, 4, "mem: section 'AAAA' is damaged: it is in the table twice"},
    {32 + 0, true, '\n', 1, "mem: section table is damaged: an id is not four letters"},
    {32 + 3, true, 0x80, 1, "mem: section table is damaged: an id is not four letters"},
    {32 + 4, true, 4, 4,
     "mem: section 'NONE' is damaged: it has flags that this program does not know"},
    {32 + 4, true, 2, 4,
     "mem: section 'NONE' is damaged: it stands apart, and its offset is not a multiple of 4096"},
    {0 + 8, true, 0, 8, "mem: section 'AAAA' is damaged: it overlaps what is before it"},
    {0 + 8, true, 65, 8, "mem: section 'AAAA' is damaged: its offset is not a multiple of 64"},
    {32 + 8, true, 256, 8, "mem: section 'NONE' is damaged: it overlaps what is before it"},
    {64 + 8, true, 64, 8, "mem: section 'B b ' is damaged: it overlaps what is before it"},
    {64 + 8, true, 448, 8,
     "mem: section 'B b ' is damaged: it does not end before the section table"},
    {64 + 8, true, -64ull, 8,
     "mem: section 'B b ' is damaged: it does not end before the section table"},
    {64 + 16, true, 65, 8,
     "mem: section 'B b ' is damaged: it does not end before the section table"},
    {64 + 16, true, -320ull, 8,
     "mem: section 'B b ' is damaged: it does not end before the section table"},
    {0 + 16, true, UINT64_MAX, 8,
     "mem: section 'AAAA' is damaged: it does not end before the section table"},
    {0 + 16, true, 199, 8, "mem: section 'AAAA' is damaged: checksum differs"},
    {0 + 24, true, 1, 8, "mem: section 'AAAA' is damaged: checksum differs"},
    {64, false, 1, 8, "mem: section 'AAAA' is damaged: checksum differs"},
    {64 + 200, false, 1, 1, "mem: section 'NONE' is damaged: the padding before it is not zero"},
    {319, false, 1, 1, "mem: section 'NONE' is damaged: the padding before it is not zero"},
};

static void test_forgeries(struct image *m)
{
    size_t table = get(m, TABLE_AT, 8);
    unsigned char *keep = malloc(m->len);
    struct err e = {0};

    if (!keep)
        abort();
    memcpy(keep, m->p, m->len);
    T_CHECK(table == 384 && m->len == 488);
    for (size_t i = 0; i < sizeof forgeries / sizeof *forgeries; i++) {
        const struct forgery *x = &forgeries[i];
        put(m, x->at + (x->in_table ? table : 0), x->value, x->bytes);
        seal(m);
        T_CHECKF(judge(m->p, m->len, &e) < 0 && says(&e, x->sentence), "want: %s", x->sentence);
        memcpy(m->p, keep, m->len);
    }
    /* Table offset and count that agree with the size: modulo 2^64, and over the header. */
    for (size_t i = 0; i < 2; i++) {
        put(m, TABLE_AT, i == 0 ? -64ull : 0, 8);
        put(m, COUNT_AT, i == 0 ? 17 : 15, 4);
        seal(m);
        T_CHECK(judge(m->p, m->len, &e) < 0);
        T_CHECK(says(&e, "mem: header is damaged: the section table does not fit the file"));
        memcpy(m->p, keep, m->len);
    }
    put(m, 36, 1, 1); /* reserved bytes are a later minor version's */
    seal(m);
    T_CHECK(judge(m->p, m->len, &e) == 0);
    memcpy(m->p, keep, m->len);
    free(keep);
}

/* Padding longer than it need be is legal; a section may not hide in it. */
static void test_padding(struct image *m)
{
    unsigned char *keep = malloc(m->len);
    struct err e = {0};

    if (!keep)
        abort();
    memcpy(keep, m->p, m->len);
    memset(m->p + 320, 0, 64); /* "B b " becomes empty, at the table */
    put(m, 384 + 64 + 8, 384, 8);
    put(m, 384 + 64 + 16, 0, 8);
    put(m, 384 + 64 + 24, hash64("", 0), 8);
    seal(m);
    T_CHECKF(judge(m->p, m->len, &e) == 0, "%s", e.msg);
    m->p[350] = 1;
    T_CHECK(judge(m->p, m->len, &e) < 0);
    T_CHECK(says(&e, "mem: section 'B b ' is damaged: the padding before it is not zero"));
    m->p[350] = 0;
    put(m, 384 + 64 + 8, 320, 8);
    m->p[383] = 1;
    seal(m);
    T_CHECK(judge(m->p, m->len, &e) < 0);
    T_CHECK(says(&e, "mem: section table is damaged: the padding before it is not zero"));
    memcpy(m->p, keep, m->len);
    free(keep);
}

/* Random changes with right checksums: whatever opens must be readable to its last byte. */
static void test_storm(const struct image *m)
{
    static const uint64_t nasty[] = {0, 1, 63, 64, 128, 384, 448, 488, UINT32_MAX, UINT64_MAX};
    struct image x = {malloc(m->len), m->len};
    unsigned opened = 0;

    for (int round = 0; x.p && round < 20000; round++) {
        struct sect_file *f;
        struct err e = {0};

        memcpy(x.p, m->p, m->len);
        for (unsigned k = 1 + (unsigned)(t_rand(&seed) >> 62); k > 0; k--) {
            unsigned long long r = t_rand(&seed) >> 20;
            size_t at = r % 2 ? 8 + r / 2 % 48 : 384 + r / 2 % 96;
            put(&x, at / 4 * 4, nasty[r / 512 % 10], at < 48 ? 8 : 4);
        }
        seal(&x);
        if (sect_open_mem(&f, x.p, x.len, "mem", "test", 2, &e) < 0) {
            T_CHECKF(e.code == ERR_CORRUPT && e.msg[0], "round %d", round);
            continue;
        }
        opened++;
        for (size_t i = 0; i < sect_count(f); i++) {
            uint64_t len;
            const unsigned char *p = sect_get(f, sect_row(f, i).id, &len);
            T_CHECK(p >= x.p && len <= x.len && (size_t)(p - x.p) <= x.len - len);
        }
        sect_check(f, &e);
        sect_close(f);
    }
    T_CHECK(opened > 0);
    free(x.p);
}

/* ---- the way through files ---- */

static void test_files(const struct image *m)
{
    struct sect_writer *w;
    struct sect_file *f;
    struct err e = {0};

    T_CHECK(sect_open(&f, "absent", "test", 2, &e) == ERR_IO && !f);
    T_CHECK(strcmp(e.msg, "cannot open 'absent': No such file or directory") == 0);
    T_CHECK(sect_open(&f, ".", "test", 2, &e) == ERR_IO &&
            sect_open(&f, "/dev/null", "test", 2, &e) == ERR_IO);
    tmp_put("y", "", 0);
    T_CHECK(sect_open(&f, "y", "test", 2, &e) < 0 && says(&e, "y: not a sluice file"));
    tmp_put("y", m->p, 40);
    T_CHECK(sect_open(&f, "y", "test", 2, &e) < 0);
    T_CHECK(says(&e, "y: file is truncated within its header"));
    tmp_put("y", m->p, 300);
    T_CHECK(sect_open(&f, "y", "test", 2, &e) < 0);
    T_CHECK(says(&e, "y: file is truncated (header says 488 bytes, has 300)"));
    T_CHECK(sect_load(&f, "y", "test", 2, 1, &e) < 0 && !f);
    T_CHECK(says(&e, "y: file is truncated (header says 488 bytes, has 300)"));
    T_CHECK(sect_load(&f, "absent", "test", 2, 1, &e) == ERR_IO && !f);

    /* The old file stands until commit, and after abort. */
    T_CHECK(sect_create(&w, path, "test", 2, 0, &e) == 0);
    T_CHECK(sect_put(w, "NEW ", 0, "new", 3, &e) == 0);
    T_CHECK(sect_open(&f, path, "test", 2, &e) == 0 && sect_count(f) == 3);
    sect_close(f);
    sect_abort(&w);
    T_CHECK(!w && sect_open(&f, path, "test", 2, &e) == 0 && sect_check(f, &e) == 0);
    /* Who has the old file open keeps it. */
    T_CHECK(sect_create(&w, path, "test", 2, 0, &e) == 0 && sect_commit(&w, &e) == 0);
    T_CHECK(sect_count(f) == 3 && sect_check(f, &e) == 0);
    sect_close(f);
    T_CHECK(sect_open(&f, path, "test", 2, &e) == 0 && sect_count(f) == 0 && sect_size(f) == 72);
    T_CHECK(sect_check(f, &e) == 0);
    sect_close(f);

    T_CHECK(sect_create(&w, "absent/x", "test", 2, 0, &e) == ERR_IO && !w);
    T_CHECK(sect_create(&w, "/dev/full", "test", 2, 0, &e) == 0);
    T_CHECK(sect_put(w, "DATA", 0, "x", 1, &e) == 0 && sect_commit(&w, &e) == ERR_IO && !w);
    T_CHECK(strcmp(e.msg, "cannot write '/dev/full': No space left on device") == 0);
    sect_abort(&w);
}

static void test_pipe(void)
{
    struct sect_writer *w;
    struct err e = {0};
    int ends[2];
    char name[64];

    T_CHECK(pipe(ends) == 0);
    snprintf(name, sizeof name, "/dev/fd/%d", ends[1]);
    T_CHECK(sect_create(&w, name, "test", 2, 0, &e) == ERR_IO && !w);
    T_CHECKF(strstr(e.msg, "regular file"), "%s", e.msg);
    close(ends[0]);
    close(ends[1]);
}

static void test_too_many(void)
{
    struct sect_writer *w;
    struct sect_file *f = NULL;
    struct err e = {0};
    char id[8];

    T_CHECK(sect_create(&w, path, "test", 2, 0, &e) == 0);
    for (int i = 0; i < SECT_MAX; i++) {
        snprintf(id, sizeof id, "%04d", i);
        T_CHECK(sect_put(w, id, 0, id, 4, &e) == 0);
    }
    T_CHECK(sect_begin(w, "more", 0, &e) == ERR_USAGE);
    T_CHECK(sect_commit(&w, &e) == 0 && sect_open(&f, path, "test", 2, &e) == 0);
    T_CHECK(sect_count(f) == SECT_MAX && sect_check(f, &e) == 0);
    sect_close(f);
}

/* Copies x.sl to y.sl but for `without`, and puts NONE where that was left out. */
static int copy(const char *without, struct err *e)
{
    struct sect_writer *w = NULL;
    struct sect_file *f;
    int rc = sect_open(&f, path, "test", 2, e);

    if (rc == 0)
        rc = sect_create(&w, "y.sl", "test", 2, sect_minor(f), e);
    if (rc == 0)
        rc = sect_copy(w, f, without, e);
    if (rc == 0 && without[0])
        rc = sect_put(w, "NONE", SECT_REQUIRED, "new", 3, e);
    sect_close(f);
    if (rc == 0)
        return sect_commit(&w, e);
    sect_abort(&w);
    return rc;
}

static void test_copy(void)
{
    struct image m, c;
    struct sect_file *f;
    struct err e = {0};
    uint64_t len;

    for (unsigned i = 0; i < 20; i++) {
        round_trip(i);
        T_CHECKF(copy("", &e) == 0, "%s", e.msg);
        m = load(path);
        c = load("y.sl");
        T_CHECK(m.len == c.len && memcmp(m.p, c.p, m.len) == 0);
        free(m.p);
        free(c.p);
    }
    T_CHECK(small_file() == 0 && copy("B b NONE", &e) == 0);
    T_CHECK(sect_open(&f, "y.sl", "test", 2, &e) == 0 && sect_check(f, &e) == 0);
    T_CHECK(sect_count(f) == 2 && sect_row(f, 0).flags == SECT_REQUIRED && sect_minor(f) == 5);
    T_CHECK(sect_get(f, "AAAA", &len) && len == 200 && !sect_get(f, "B b ", &len));
    T_CHECK(memcmp(sect_get(f, "NONE", &len), "new", 3) == 0 && len == 3);
    sect_close(f);
    unlink("y.sl");
    m = load(path);
    m.p[70] ^= 1;
    tmp_put(path, m.p, m.len);
    T_CHECK(copy("B b NONE", &e) == ERR_CORRUPT && access("y.sl", F_OK) != 0);
    T_CHECK(says(&e, "x.sl: section 'AAAA' is damaged: checksum differs"));
    T_CHECKF(copy("AAAANONE", &e) == 0, "%s", e.msg);
    free(m.p);
}

/* ---- sections that stand apart ---- */

enum { APART = 300000 };

static unsigned char apart_data[APART];

static void make_apart(void)
{
    static const char less[] = "a few bytes";
    struct sect_writer *w = NULL;
    struct err e = {0};
    char got[5];

    for (size_t i = 0; i < APART; i++)
        apart_data[i] = (unsigned char)(i * 7 + i / 251);
    T_CHECK(sect_create(&w, path, "test", 2, 0, &e) == 0);
    T_CHECK(sect_put(w, "FRST", SECT_REQUIRED, less, sizeof less, &e) == 0);
    T_CHECK(sect_put(w, "DATA", SECT_REQUIRED | SECT_APART, apart_data, APART, &e) == 0);
    T_CHECK(sect_reread(w, "DATA", APART - 5, got, 5, &e) == 0 &&
            memcmp(got, apart_data + APART - 5, 5) == 0);
    T_CHECK(sect_put(w, "LAST", SECT_REQUIRED, less, sizeof less, &e) == 0);
    T_CHECK(sect_reread(w, "FRST", 2, got, 3, &e) == 0 && memcmp(got, less + 2, 3) == 0);
    T_CHECK(sect_put(w, "NULL", SECT_APART, less, 0, &e) == 0);
    T_CHECK(sect_commit(&w, &e) == 0);
}

static void look_apart(const struct sect_file *f, bool in_memory)
{
    unsigned char got[100];
    struct sect_row row;
    struct err e = {0};
    const void *p;
    uint64_t len;

    T_CHECK(sect_find(f, "DATA", &row) && row.offset % SECT_APART_ALIGN == 0 && row.len == APART);
    T_CHECK(!sect_find(f, "NONE", &row));
    T_CHECK((sect_fd(f) < 0) == in_memory && sect_check(f, &e) == 0);
    T_CHECK((sect_get(f, "DATA", &len) != NULL) == in_memory && (len == APART) == in_memory);
    T_CHECK((sect_need(f, "DATA", APART, 1, &p, &e) == 0) == in_memory);
    T_CHECK(in_memory || strstr(e.msg, "section 'DATA' is damaged: it stands apart"));
    T_CHECK(sect_need(f, "FRST", 12, 1, &p, &e) == 0 && memcmp(p, "a few bytes", 12) == 0);
    T_CHECK(sect_need(f, "LAST", 12, 1, &p, &e) == 0 && memcmp(p, "a few bytes", 12) == 0);
    for (uint64_t at = 0; at + sizeof got <= APART; at += 4999)
        T_CHECK(sect_read(f, "DATA", at, got, sizeof got, &e) == 0 &&
                memcmp(got, apart_data + at, sizeof got) == 0);
}

/* What is mapped while a file is open, maybe where a section is not, outlives it. */
static void map_meanwhile(void)
{
    enum { MANY = 60, PAGE = 4096 };
    unsigned char *p[MANY];
    struct sect_file *f = NULL;
    struct err e = {0};

    T_CHECK(sect_open(&f, path, "test", 2, &e) == 0);
    for (int i = 0; i < MANY; i++) {
        p[i] = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        T_CHECK(p[i] != MAP_FAILED);
        p[i][i] = (unsigned char)(i + 1);
    }
    sect_close(f);
    for (int i = 0; i < MANY; i++) {
        T_CHECK(msync(p[i], PAGE, MS_ASYNC) == 0); /* still mapped */
        T_CHECK(p[i][i] == i + 1);
        munmap(p[i], PAGE);
    }
}

static void test_apart(void)
{
    struct sect_file *f = NULL;
    struct err e = {0};
    struct image m;

    make_apart();
    T_CHECKF(sect_open(&f, path, "test", 2, &e) == 0, "%s", e.msg);
    look_apart(f, false);
    sect_close(f);
    map_meanwhile();
    T_CHECKF(sect_load(&f, path, "test", 2, 2, &e) == 0, "%s", e.msg);
    look_apart(f, false);
    sect_close(f);
    T_CHECKF(copy("NONE", &e) == 0, "%s", e.msg);
    unlink("y.sl");
    m = load(path);
    T_CHECK(sect_open_mem(&f, m.p, m.len, "mem", "test", 2, &e) == 0);
    look_apart(f, true);
    sect_close(f);
    m.p[SECT_APART_ALIGN + 70000] ^= 1;
    tmp_put(path, m.p, m.len);
    T_CHECK(sect_open(&f, path, "test", 2, &e) == 0);
    T_CHECK(sect_check(f, &e) == ERR_CORRUPT && strstr(e.msg, "section 'DATA' is damaged"));
    T_CHECK(sect_verify(f, "DATA", &e) == ERR_CORRUPT && sect_verify(f, "LAST", &e) == 0);
    T_CHECK(truncate(path, 90000) == 0);
    T_CHECK(sect_verify(f, "DATA", &e) == ERR_CORRUPT && strstr(e.msg, "truncated"));
    sect_close(f);
    T_CHECK(sect_open(&f, path, "test", 2, &e) == ERR_CORRUPT);
    free(m.p);
}

int main(void)
{
    struct image m;

    tmp_enter();
    for (unsigned i = 0; i < 150; i++)
        round_trip(i);
    test_need();
    m = load(path);
    test_flips(&m);
    test_lengths(&m);
    test_forgeries(&m);
    test_padding(&m);
    test_storm(&m);
    test_files(&m);
    test_pipe();
    test_too_many();
    test_copy();
    test_apart();
    free(m.p);
    tmp_leave();
    return t_done("sect");
}
