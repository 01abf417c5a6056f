/* test_spool.c - lib/base/spool.c: whatever a room has left, a spool holds what a plain array
 * would, its room is taken and given back, and a disk without space is an error.
 */
#include "t.h"
#include "tmp.h"

#include "base/spool.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { KB = 1 << 10, MB = 1 << 20, SMALL = 64 * KB, MOST = 3 * MB };

static unsigned long long seed = 5;

static size_t below(size_t n)
{
    return (size_t)(t_rand(&seed) % n);
}

/* ---- the oracle: an array that is large enough ---- */

static char expected[MOST];

static void add_some(struct spool *s, size_t n)
{
    struct err e = {0};

    for (size_t i = 0; i < n; i++)
        expected[s->len + i] = (char)below(256);
    T_CHECKF(spool_add(s, expected + s->len, n, &e) == 0, "%s", e.msg);
}

static void add_zeros(struct spool *s, size_t n)
{
    struct err e = {0};

    memset(expected + s->len, 0, 2 * n);
    T_CHECKF(spool_zero(s, n, 2, &e) == 0, "%s", e.msg);
}

static bool is_expected(const struct spool *s)
{
    return s->len <= s->cap && memcmp(s->p, expected, s->len) == 0;
}

/* Bytes of anonymous memory that a spool must have been charged for. */
static uint64_t charged(const struct spool *s)
{
    return s->in_file || s->cap <= SMALL ? 0 : s->cap;
}

static void fill(struct spool *s, size_t len)
{
    uint64_t had = s->room ? s->room->left : 0;
    bool was_in_file = false;

    while (s->len < len) {
        size_t left = len - s->len, n = 1 + below(left < 200 * KB ? left : 200 * KB);
        if (below(4))
            add_some(s, n);
        else
            add_zeros(s, n / 2);
        T_CHECK(is_expected(s));
        T_CHECKF(!s->room || s->room->left == had - charged(s), "%zu bytes", s->len);
        T_CHECK(s->in_file || !was_in_file);
        was_in_file = s->in_file;
    }
}

static void check(size_t len, struct spool_room *room)
{
    struct spool s = {.room = room};
    uint64_t had = room ? room->left : 0;

    fill(&s, len);
    T_CHECKF(s.in_file == (room && s.cap > SMALL && s.cap > had), "%zu of %zu bytes", s.cap,
             (size_t)had);
    spool_free(&s);
    T_CHECK(!room || room->left == had);
    T_CHECK(!s.p && !s.len && !s.cap && s.room == room && !s.in_file);
    fill(&s, len / 2); /* it can be used again */
    spool_free(&s);
}

static void test_contents(void)
{
    struct spool_room room = {.folder = "."};

    for (int trial = 0; trial < 60; trial++) {
        size_t len = below(below(2) ? MOST : 3 * SMALL);
        room.left = below(3) ? below(MOST) : 0;
        check(len, below(5) ? &room : NULL);
    }
}

/* Two share a room: the second gets what the first has left. */
static void test_shared_room(void)
{
    struct spool_room room = {.folder = ".", .left = MB};
    struct spool a = {.room = &room}, b = a;
    struct err e = {0};

    T_CHECK(spool_zero(&a, 900 * KB, 1, &e) == 0 && !a.in_file);
    T_CHECK(spool_zero(&b, 200 * KB, 1, &e) == 0 && b.in_file);
    spool_free(&b);
    spool_free(&a);
    T_CHECK(spool_zero(&b, 200 * KB, 1, &e) == 0 && !b.in_file);
    spool_free(&b);
    T_CHECK(room.left == MB);
}

static void test_empty(void)
{
    struct spool s = {0};
    struct err e = {0};

    T_CHECK(spool_add(&s, NULL, 0, &e) == 0 && s.len == 0);
    T_CHECK(spool_zero(&s, 0, 8, &e) == 0 && s.len == 0 && s.p);
    spool_free(&s);
    spool_free(&s);
}

/* ---- errors leave the spool as it was ---- */

static void refused(struct spool *s, size_t n, size_t size, int code, const char *says)
{
    uint64_t had = s->room ? s->room->left : 0;
    struct err e = {0};

    T_CHECK(spool_zero(s, n, size, &e) == code);
    T_CHECKF(strstr(e.msg, says), "%s", e.msg);
    T_CHECK(is_expected(s) && (!s->room || s->room->left == had));
}

static void test_errors(void)
{
    struct spool_room room = {.folder = "no/such/folder", .left = 0};
    struct spool s = {.room = &room};
    struct rlimit small = {100 * KB, RLIM_INFINITY}, old;

    add_some(&s, 1000);
    refused(&s, SMALL, 1, ERR_IO, "no/such/folder");
    refused(&s, SIZE_MAX / 2, 4, ERR_MEM, "memory");
    refused(&s, SIZE_MAX - 10, 1, ERR_MEM, "memory");
    room.folder = ".";
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    setrlimit(RLIMIT_FSIZE, &small);
    refused(&s, 200 * KB, 1, ERR_IO, "temporary file");
    T_CHECK(!s.in_file);
    small.rlim_cur = 300 * KB;
    setrlimit(RLIMIT_FSIZE, &small);
    fill(&s, 150 * KB);
    T_CHECK(s.in_file);
    refused(&s, 400 * KB, 1, ERR_IO, "temporary file");
    setrlimit(RLIMIT_FSIZE, &old);
    fill(&s, MB);
    spool_free(&s);
}

/* While spools are open, too. */
static void test_no_names(void)
{
    struct spool_room room = {.folder = ".", .left = 0};
    struct spool s = {.room = &room};
    DIR *d;
    int names = 0;

    add_some(&s, MB);
    T_CHECK(s.in_file);
    d = opendir(".");
    for (struct dirent *f; d && (f = readdir(d));)
        names += f->d_name[0] != '.' || strlen(f->d_name) > 2;
    T_CHECKF(d && names == 0, "%d names", names);
    if (d)
        closedir(d);
    spool_free(&s);
}

int main(void)
{
    tmp_enter();
    test_contents();
    test_shared_room();
    test_empty();
    test_errors();
    test_no_names();
    tmp_leave();
    return t_done("spool");
}
