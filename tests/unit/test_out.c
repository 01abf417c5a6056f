/* test_out.c - lib/base/out.c: what rows look like, and that no failure is lost. */
#include "t.h"
#include "tmp.h"

#include "base/out.h"

#include <fcntl.h>
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const path = "x.out"; /* in a folder of our own */
static char got[8 << 20];
static size_t got_len;

static bool load(const char *name)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, got, sizeof got - 1);

    if (fd >= 0)
        close(fd);
    got_len = n > 0 ? (size_t)n : 0;
    got[got_len] = '\0';
    return n >= 0;
}

static bool same(const char *want, size_t len)
{
    if (got_len == len && memcmp(got, want, len) == 0)
        return true;
    printf("got  <%s>\nwant <%.*s>\n", got, (int)len, want);
    return false;
}

typedef void rows_fn(struct out *);

static void check(rows_fn *rows, bool json, bool nul, const char *want, size_t len)
{
    struct out_opts opts = {path, json, nul};
    struct err e = {0};
    struct out *o;

    unlink(path);
    T_CHECK(out_open(&o, &opts, &e) == 0);
    rows(o);
    T_CHECK(!out_failed(o) && access(path, F_OK) < 0);
    T_CHECK(out_commit(&o, &e) == 0 && !o && load(path));
    T_CHECK(same(want, len));
}

#define TSV(rows, want)  check(rows, false, false, want, sizeof want - 1)
#define JSON(rows, want) check(rows, true, false, want, sizeof want - 1)
#define NUL(rows, want)  check(rows, false, true, want, sizeof want - 1)

static void nothing(struct out *o)
{
    (void)o;
}

static void numbers(struct out *o)
{
    out_header(o, "a b c");
    out_row(o);
    out_u64(o, "zero", 0);
    out_u64(o, "ten", 10);
    out_u64(o, "max", UINT64_MAX);
    out_i64(o, "n", -7);
    out_i64(o, "min", INT64_MIN);
    out_i64(o, "imax", INT64_MAX);
    out_bool(o, "t", true);
    out_bool(o, "f", false);
    out_end_row(o);
    out_row(o);
    out_end_row(o);
}

static void doubles(struct out *o)
{
    out_row(o);
    out_double(o, "a", 1.5, 0);
    out_double(o, "b", -2.25, 3);
    out_double(o, "c", NAN, 3);
    out_double(o, "d", INFINITY, 3);
    out_double(o, "e", -INFINITY, 3);
    out_double(o, "f", 1e22, 1);
    out_end_row(o);
}

static void strings(struct out *o)
{
    out_row(o);
    out_str(o, "s", "a\tb\nc\rd\\e\0f\"\x01\x7f", 14);
    out_cstr(o, "empty", "");
    out_str(o, "none", NULL, 0);
    out_cstr(o, "utf\"8", "\xc3\xa9\xf0\x9f\x98\x80");
    out_cstr(o, "bad", "x\xff y");
    out_end_row(o);
}

static void nested(struct out *o)
{
    out_row(o);
    out_u64(o, "a", 1);
    out_array(o, "v");
    out_u64(o, NULL, 2);
    out_array(o, NULL);
    out_close_array(o);
    out_object(o, NULL);
    out_cstr(o, "k", "x");
    out_bool(o, "l", true);
    out_double(o, "m", 0.5, 1);
    out_close_object(o);
    out_i64(o, NULL, -3);
    out_close_array(o);
    out_object(o, "w");
    out_close_object(o);
    out_u64(o, "z", 9);
    out_end_row(o);
}

static void comments(struct out *o)
{
    out_comment(o, "%d of %s", 3, "a\nb");
    out_header(o, "one");
    out_row(o);
    out_cstr(o, "one", "x\ty");
    out_u64(o, "two", 2);
    out_end_row(o);
    out_comment(o, "%s", "");
}

/* Facts, a table among them, and more facts. */
static void facts(struct out *o)
{
    out_facts(o);
    out_word(o, "name", "a\tb");
    out_count(o, "n", UINT64_MAX);
    out_table(o, "parts", "part share");
    for (int i = 0; i < 2; i++) {
        out_table_row(o);
        out_u64(o, "part", (uint64_t)i);
        out_double(o, "share", .5, 2);
        out_end_table_row(o);
    }
    out_end_table(o);
    out_value(o, "x", .25, 3);
    out_end_facts(o);
}

static void test_forms(void)
{
    TSV(facts, "# what\tvalue\nname\ta\\tb\nn\t18446744073709551615\n# part\tshare\n0\t0.50\n"
               "1\t0.50\nx\t0.250\n");
    JSON(facts, "{\"name\":\"a\\tb\",\"n\":18446744073709551615,\"parts\":[{\"part\":0,\"share\":"
                "0.50},{\"part\":1,\"share\":0.50}],\"x\":0.250}\n");
    TSV(nothing, "");
    JSON(nothing, "");
    TSV(numbers, "# a\tb\tc\n"
                 "0\t10\t18446744073709551615\t-7\t-9223372036854775808\t9223372036854775807\t"
                 "true\tfalse\n\n");
    JSON(numbers, "{\"zero\":0,\"ten\":10,\"max\":18446744073709551615,\"n\":-7,"
                  "\"min\":-9223372036854775808,\"imax\":9223372036854775807,"
                  "\"t\":true,\"f\":false}\n{}\n");
    TSV(doubles, "2\t-2.250\tnan\tinf\t-inf\t10000000000000000000000.0\n");
    JSON(doubles, "{\"a\":2,\"b\":-2.250,\"c\":null,\"d\":null,\"e\":null,"
                  "\"f\":10000000000000000000000.0}\n");
    TSV(strings, "a\\tb\\nc\\rd\\\\e\0f\"\x01\x7f\t\t\t\xc3\xa9\xf0\x9f\x98\x80\tx\xff y\n");
    JSON(strings, "{\"s\":\"a\\tb\\nc\\rd\\\\e\\u0000f\\\"\\u0001\x7f\",\"empty\":\"\","
                  "\"none\":\"\",\"utf\\\"8\":\"\xc3\xa9\xf0\x9f\x98\x80\","
                  "\"bad\":\"x\xef\xbf\xbd y\"}\n");
    NUL(strings, "a\tb\nc\rd\\e\0f\"\x01\x7f\t\t\t\xc3\xa9\xf0\x9f\x98\x80\tx\xff y\0");
    TSV(nested, "1\t9\n");
    JSON(nested, "{\"a\":1,\"v\":[2,[],{\"k\":\"x\",\"l\":true,\"m\":0.5},-3],\"w\":{},\"z\":9}\n");
    TSV(comments, "# 3 of a\\nb\n# one\nx\\ty\t2\n# \n");
    JSON(comments, "{\"one\":\"x\\ty\",\"two\":2}\n");
    NUL(comments, "x\ty\t2\0");
}

static void widest(struct out *o)
{
    out_row(o);
    out_double(o, "x", -DBL_MAX, 99);
    out_end_row(o);
}

static void test_widest(void)
{
    char want[400];
    int n = snprintf(want, sizeof want, "%.40f\n", -DBL_MAX);

    check(widest, false, false, want, (size_t)n);
}

/* Random bit patterns, ordinary numbers and ties: the digits must be printf's. */
static double random_double(unsigned long long *seed, int i)
{
    unsigned long long bits = t_rand(seed);
    double v;

    memcpy(&v, &bits, sizeof v);
    if (i % 4 == 1)
        v = (double)(long long)bits * 0x1p-63; /* -1 to 1 */
    else if (i % 4 == 2)
        v = (double)(long long)(bits >> 30) / (double)(1ull << (bits % 40)); /* ties abound */
    else if (i % 4 == 3)
        v = (double)(long long)(bits % 20001 - 10000) / 1000; /* near ties */
    return isfinite(v) ? v : 0;
}

enum { DOUBLES = 40000 };

static void many_doubles(struct out *o)
{
    unsigned long long seed = 99;

    for (int i = 0; i < DOUBLES; i++) {
        out_row(o);
        out_double(o, "x", random_double(&seed, i), i % 12);
        out_end_row(o);
    }
}

static void test_doubles(void)
{
    unsigned long long seed = 99;
    char *want = malloc(DOUBLES * 400u);
    size_t n = 0;

    if (!want)
        abort();
    for (int i = 0; i < DOUBLES; i++)
        n += (size_t)snprintf(want + n, 400, "%.*f\n", i % 12, random_double(&seed, i));
    check(many_doubles, false, false, want, n);
    free(want);
}

static size_t long_len;

/* Rows around and above the buffer's size, and raw bytes between them. */
static void long_rows(struct out *o)
{
    static char text[200000];

    memset(text, 'x', sizeof text);
    for (int i = 0; i < 3; i++) {
        out_row(o);
        out_str(o, "s", text, long_len);
        out_u64(o, "n", 5);
        out_end_row(o);
        out_raw(o, text, long_len / 2);
        out_raw(o, "\n\t", 2);
    }
}

static void test_long(void)
{
    static const size_t lens[] = {0, 100, 65535, 65536, 65537, 131072, 200000};
    char *want = malloc(sizeof got);

    if (!want)
        abort();
    for (size_t k = 0; k < sizeof lens / sizeof *lens; k++) {
        size_t n = 0;

        long_len = lens[k];
        for (int i = 0; i < 3; i++) {
            memset(want + n, 'x', long_len);
            n += long_len;
            memcpy(want + n, "\t5\n", 3);
            n += 3;
            memset(want + n, 'x', long_len / 2);
            n += long_len / 2;
            memcpy(want + n, "\n\t", 2);
            n += 2;
        }
        check(long_rows, false, false, want, n);
    }
    free(want);
}

/* Runs f with standard output on fd; its exit code. */
static int with_stdout(int fd, int (*f)(void))
{
    int status = 0;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        dup2(fd, STDOUT_FILENO);
        _exit(f());
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

enum { RIGHT = 7 }; /* not what a crash or a failed T_CHECK would give */

static int write_two_rows(void)
{
    struct out_opts opts = {"-", false, false};
    struct err e = {0};
    struct out *o;
    struct stat st;

    if (out_open(&o, &opts, &e) < 0)
        return 1;
    out_row(o);
    out_u64(o, "a", 1);
    out_end_row(o);
    if (fstat(1, &st) < 0 || st.st_size != 0 || out_flush(o, &e) < 0 || fstat(1, &st) < 0 ||
        st.st_size != 2)
        return 2;
    out_row(o);
    out_u64(o, "a", 2);
    out_end_row(o);
    return out_commit(&o, &e) == 0 && !o ? RIGHT : 3;
}

static int write_until_it_fails(const char *want)
{
    struct out_opts opts = {NULL, true, false};
    struct err e = {0}, e2 = {0};
    struct out *o;
    long rows = 0;

    if (out_open(&o, &opts, &e) < 0)
        return 1;
    for (; !out_failed(o) && rows < 1000000; rows++) {
        out_row(o);
        out_u64(o, "a", 1);
        out_array(o, "b");
        out_cstr(o, NULL, "c");
        out_close_array(o);
        out_end_row(o);
    }
    if (rows == 1000000 || out_flush(o, &e2) != ERR_IO || strcmp(e2.msg, want) != 0)
        return 2;
    out_comment(o, "after the end");
    out_raw(o, want, strlen(want));
    return out_commit(&o, &e) == ERR_IO && !o && strcmp(e.msg, want) == 0 ? RIGHT : 3;
}

static int into_full(void)
{
    return write_until_it_fails("cannot write 'stdout': No space left on device");
}

static int into_closed_pipe(void)
{
    return write_until_it_fails("");
}

static int one_row_fails_at_commit(void)
{
    struct out_opts opts = {NULL, false, false};
    struct err e = {0};
    struct out *o;

    if (out_open(&o, &opts, &e) < 0)
        return 1;
    out_row(o);
    out_u64(o, "a", 1);
    out_end_row(o);
    return !out_failed(o) && out_commit(&o, &e) == ERR_IO && strstr(e.msg, "'stdout'") ? RIGHT : 2;
}

static int no_stdout(void)
{
    close(STDOUT_FILENO);
    return one_row_fails_at_commit();
}

static void test_stdout(void)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), ends[2];

    T_CHECK(with_stdout(fd, write_two_rows) == RIGHT);
    close(fd);
    T_CHECK(load(path) && same("1\n2\n", 4));

    fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    T_CHECK(with_stdout(fd, into_full) == RIGHT);
    T_CHECK(with_stdout(fd, one_row_fails_at_commit) == RIGHT);
    T_CHECK(with_stdout(fd, no_stdout) == RIGHT);
    close(fd);

    T_CHECK(pipe(ends) == 0);
    close(ends[0]);
    T_CHECK(with_stdout(ends[1], into_closed_pipe) == RIGHT);
    close(ends[1]);
}

static void test_files(void)
{
    struct out_opts opts = {"absent/x", false, false};
    struct err e = {0};
    struct out *o;

    T_CHECK(out_open(&o, &opts, &e) == ERR_IO && !o);
    T_CHECKF(strstr(e.msg, "'absent/x'"), "%s", e.msg);
    opts.path = "/dev/full";
    T_CHECK(out_open(&o, &opts, &e) == 0);
    out_raw(o, "x", 1);
    T_CHECK(out_commit(&o, &e) == ERR_IO && !o);
    T_CHECK(strcmp(e.msg, "cannot write '/dev/full': No space left on device") == 0);

    tmp_put(path, "old", 3);
    opts.path = path;
    T_CHECK(out_open(&o, &opts, &e) == 0);
    out_raw(o, "never seen", 10);
    out_abort(&o);
    T_CHECK(!o && load(path) && same("old", 3));
    out_abort(&o);
}

/* What a terminal gets is read from its other side while it is written. */
static void *read_master(void *arg)
{
    int fd = *(int *)arg;
    ssize_t n;

    got_len = 0;
    while ((n = read(fd, got + got_len, sizeof got - got_len)) > 0)
        got_len += (size_t)n;
    return NULL;
}

/* Pieces that end within characters, 200 KB of them: no character is torn where the buffer ends. */
static void test_terminal(void)
{
    static const char one[] = "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80|";
    enum { LEN = sizeof one - 1, TIMES = 20000 };
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    struct out_opts opts = {0};
    struct err e = {0};
    struct out *o;
    pthread_t reader;
    bool whole = true;

    T_CHECK(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    opts.path = ptsname(master);
    T_CHECKF(opts.path && out_open(&o, &opts, &e) == 0, "%s", e.msg);
    T_CHECK(pthread_create(&reader, NULL, read_master, &master) == 0);
    for (size_t i = 0; i < TIMES * LEN; i++)
        out_raw(o, one + i % LEN, 1);
    out_raw(o, "\x1B\xE2", 2); /* half a character comes last: it is none */
    T_CHECK(out_commit(&o, &e) == 0);
    pthread_join(reader, NULL); /* the last to have it open has closed it */
    close(master);
    T_CHECKF(got_len == TIMES * LEN + 2, "%zu bytes", got_len);
    for (size_t i = 0; i < TIMES; i++)
        whole &= memcmp(got + i * LEN, one, LEN) == 0;
    T_CHECK(whole && memcmp(got + TIMES * LEN, "??", 2) == 0);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    tmp_enter();
    test_forms();
    test_widest();
    test_doubles();
    test_long();
    test_stdout();
    test_files();
    test_terminal();
    tmp_leave();
    return t_done("out");
}
