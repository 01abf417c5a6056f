/* test_stream.c - lib/base/stream.c with what is under it, zst.c and gz.c. Compressed files are
 * made by libzstd (through zst.h) and zlib here, and by the zstd and gzip commands. */
#include "t.h"
#include "tmp.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <zlib.h>

#include "base/mem.h"
#include "base/stream.h"
#include "base/zst.h"

/* ---- making files ---- */

static void put(struct buf *b, const void *p, size_t len)
{
    struct err e;

    if (buf_add(b, p, len, &e) < 0)
        abort();
}

static void put_zstd(struct buf *b, const void *p, size_t len)
{
    size_t cap = zst_bound(len);
    char *out = malloc(cap);
    struct err e;
    int64_t n = out ? zst_compress(out, cap, p, len, 3, &e) : -1;

    if (n < 0)
        abort();
    put(b, out, (size_t)n);
    free(out);
}

static void put_gzip(struct buf *b, const void *p, size_t len)
{
    uLong cap = compressBound(len) + 64;
    Bytef *out = malloc(cap);
    z_stream z = {.next_in = (Bytef *)(uintptr_t)p, .avail_in = (uInt)len, .next_out = out};

    z.avail_out = (uInt)cap;
    if (!out || deflateInit2(&z, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
        deflate(&z, Z_FINISH) != Z_STREAM_END)
        abort();
    put(b, out, z.total_out);
    deflateEnd(&z);
    free(out);
}

/* Text that compresses about as prose does. */
static char *make_text(size_t len, unsigned long long seed)
{
    static const char *const words[] = {"the ",   "quick ", "brown ", "fox\n",
                                        "jumps ", "over ",  "7"};
    char *p = malloc(len + 16);

    if (!p)
        abort();
    for (size_t n = 0; n < len;) {
        const char *word = words[t_rand(&seed) >> 20 & 7 ? t_rand(&seed) % 7 : 6];
        memcpy(p + n, word, strlen(word));
        n += strlen(word);
    }
    return p;
}

/* ---- reading ---- */

/* Reads it all with reads of cap bytes; returns the last answer. */
static int64_t slurp(const char *path, size_t cap, struct buf *b, struct err *e)
{
    struct stream *s;
    int64_t n;

    b->len = 0;
    if (stream_open(&s, path, e) < 0)
        return e->code;
    do {
        if (buf_reserve(b, cap, e) < 0)
            abort();
        n = stream_read(s, b->p + b->len, cap, e);
        T_CHECK(n <= (int64_t)cap);
        b->len += n > 0 ? (size_t)n : 0;
    } while (n > 0);
    for (int i = 0; i < 20; i++) { /* an end and an error stay */
        struct err again = {0};
        char c;
        T_CHECK(stream_read(s, &c, 1, &again) == n && (n == 0 || !strcmp(again.msg, e->msg)));
    }
    stream_close(s);
    return n;
}

static void holds(const char *path, const void *want, size_t len, const char *note)
{
    static const size_t caps[] = {1 << 20, 65536, 1000, 1};
    struct buf b = {0};
    struct err e = {0};

    for (size_t i = 0; i < (len > 100000 ? 3 : 4); i++) {
        T_CHECKF(slurp(path, caps[i], &b, &e) == 0, "%s, by %zu: %s", note, caps[i], e.msg);
        T_CHECKF(b.len == len && (len == 0 || memcmp(b.p, want, len) == 0), "%s, by %zu: %zu bytes",
                 note, caps[i], b.len);
    }
    buf_free(&b);
}

/* The file x is refused with this sentence, after a part of the text at most. */
static void damaged(const struct buf *file, const char *text, size_t len, const char *sentence,
                    const char *note)
{
    struct buf b = {0};
    struct err e = {0};

    tmp_put("x", file->p, file->len);
    T_CHECKF(slurp("x", 100, &b, &e) == ERR_INPUT, "%s", note);
    T_CHECKF(strstr(e.msg, sentence) != NULL, "%s: %s", note, e.msg);
    T_CHECKF(b.len <= len && (b.len == 0 || memcmp(b.p, text, b.len) == 0), "%s", note);
    buf_free(&b);
}

/* ---- tests ---- */

static void test_kinds(void)
{
    static const size_t sizes[] = {0, 1, 2, 3, 4, 5, 100, 131072, 262143, 262144, 262145, 1500000};
    struct buf b = {0};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *text = make_text(sizes[i], i + 1);
        tmp_put("x", text, sizes[i]);
        holds("x", text, sizes[i], "plain");
        b.len = 0;
        put_zstd(&b, text, sizes[i]);
        tmp_put("x", b.p, b.len);
        holds("x", text, sizes[i], "zstd");
        b.len = 0;
        put_gzip(&b, text, sizes[i]);
        tmp_put("x", b.p, b.len);
        holds("x", text, sizes[i], "gzip");
        free(text);
    }
    buf_free(&b);
}

static void test_beginnings_of_magics(void)
{
    static const char *const heads[] = {"\x28\xB5\x2F\xFD", "\x50\x2A\x4D\x18", "\x5F\x2A\x4D\x18",
                                        "\x1F\x8B"};

    for (size_t i = 0; i < 4; i++) {
        for (size_t n = 0; n < strlen(heads[i]); n++) {
            tmp_put("x", heads[i], n);
            holds("x", heads[i], n, "beginning of a magic");
        }
    }
    tmp_put("x", "\x28\xB5\x2F\xFCplain", 9);
    holds("x", "\x28\xB5\x2F\xFCplain", 9, "nearly a magic");
    tmp_put("x", "\x60\x2A\x4D\x18plain", 9);
    holds("x", "\x60\x2A\x4D\x18plain", 9, "nearly a skippable frame");
}

static void put_skippable(struct buf *b, unsigned char nibble, const char *p)
{
    const unsigned char head[8] = {(unsigned char)(0x50 | nibble), 0x2A, 0x4D, 0x18,
                                   (unsigned char)strlen(p)};

    put(b, head, sizeof head);
    put(b, p, strlen(p));
}

static void test_concatenated(void)
{
    char *text = make_text(300000, 3);
    static const char zeros[600];
    struct buf b = {0};

    put_skippable(&b, 0, "seek table");
    put_zstd(&b, text, 200000);
    put_zstd(&b, text, 0);
    put_skippable(&b, 15, "");
    put_zstd(&b, text + 200000, 100000);
    put_skippable(&b, 7, "the end");
    tmp_put("x", b.p, b.len);
    holds("x", text, 300000, "zstd frames");

    b.len = 0;
    put_skippable(&b, 1, "nothing");
    tmp_put("x", b.p, b.len);
    holds("x", text, 0, "a skippable frame alone");

    b.len = 0;
    put_gzip(&b, text, 200000);
    put_gzip(&b, text, 0);
    put_gzip(&b, text + 200000, 100000);
    tmp_put("x", b.p, b.len);
    holds("x", text, 300000, "gzip members");
    put(&b, zeros, sizeof zeros);
    tmp_put("x", b.p, b.len);
    holds("x", text, 300000, "gzip members and padding");

    put(&b, "x", 1);
    damaged(&b, text, 300000, "x: garbage after the end of the compressed data", "after padding");
    b.len = 0;
    put_gzip(&b, text, 1000);
    put(&b, "garbage", 7);
    damaged(&b, text, 1000, "x: garbage after the end of the compressed data", "after a member");
    b.len = 0;
    put_zstd(&b, text, 1000);
    put(&b, "garbage", 7);
    damaged(&b, text, 1000, "x: compressed data is damaged (zstd: ", "after a frame");
    b.len = 0;
    put_zstd(&b, text, 1000);
    put_gzip(&b, text, 1000);
    damaged(&b, text, 1000, "x: compressed data is damaged (zstd: ", "gzip after zstd");
    buf_free(&b);
    free(text);
}

static void test_truncated(void)
{
    char *text = make_text(700, 4);
    struct buf b = {0};
    size_t full;

    put_zstd(&b, text, 700);
    full = b.len;
    put_zstd(&b, text, 0);
    for (size_t n = b.len - 1; n >= 4; n--) {
        struct buf cut = {.p = b.p, .len = n};
        if (n != full) /* there the first frame ends */
            damaged(&cut, text, 700, "x: compressed data is truncated", "zstd");
    }
    b.len = 0;
    put_gzip(&b, text, 700);
    full = b.len;
    put_gzip(&b, text, 0);
    for (size_t n = b.len - 1; n >= 2; n--) {
        struct buf cut = {.p = b.p, .len = n};
        if (n != full)
            damaged(&cut, text, 700, "x: compressed data is truncated", "gzip");
    }
    buf_free(&b);
    free(text);
}

static void test_bit_flips(void)
{
    char *text = make_text(300, 5);
    struct buf b = {0}, out = {0};
    struct err e = {0};

    put_gzip(&b, text, 300);
    for (size_t i = 10; i < b.len; i++) { /* behind the header, whose time stamp may be anything */
        b.p[i] ^= 4;
        tmp_put("x", b.p, b.len);
        T_CHECKF(slurp("x", 1000, &out, &e) == ERR_INPUT, "gzip, byte %zu", i);
        T_CHECKF(strncmp(e.msg, "x: ", 3) == 0, "%s", e.msg);
        b.p[i] ^= 4;
    }
    buf_free(&b);
    buf_free(&out);
    free(text);
}

/* A frame of five raw bytes that asks for a window of 1 << log bytes. */
static void test_long_windows(void)
{
    unsigned char frame[] = {0x28, 0xB5, 0x2F, 0xFD, 0,   0,   5 << 3 | 1,
                             0,    0,    'h',  'e',  'l', 'l', 'o'};

    for (unsigned log = 27; log <= 31; log += 2) {
        frame[5] = (unsigned char)((log - 10) << 3);
        tmp_put("x", frame, sizeof frame);
        holds("x", "hello", 5, "long window");
    }
}

static void test_commands(void)
{
    static const char *const makers[] = {"zstd -q -1 --check -c", "zstd -q -7 --long=28 -c",
                                         "gzip -c -1", "gzip -c -9"};
    char *text = make_text(2000000, 6), command[100];

    tmp_put("plain", text, 2000000);
    for (size_t i = 0; i < 4; i++) {
        snprintf(command, sizeof command, "%s plain >made", makers[i]);
        T_CHECKF(system(command) == 0, "%s", command);
        holds("made", text, 2000000, makers[i]);
    }
    free(text);
}

static void test_open_errors(void)
{
    struct stream *s;
    struct err e = {0};

    T_CHECK(stream_open(&s, "absent", &e) == ERR_IO && s == NULL);
    T_CHECKF(strcmp(e.msg, "cannot open 'absent': No such file or directory") == 0, "%s", e.msg);
    T_CHECK(stream_open(&s, "/tmp", &e) == ERR_IO && s == NULL);
    T_CHECKF(strcmp(e.msg, "cannot read '/tmp': it is a directory") == 0, "%s", e.msg);
    stream_close(NULL);
    lines_close(NULL);
}

static void test_standard_input(void)
{
    struct stream *s;
    struct err e = {0};
    char got[16];
    int saved = dup(0), fd;

    tmp_put("x", "skip this", 9);
    fd = open("x", O_RDONLY);
    T_CHECK(dup2(fd, 0) == 0 && lseek(0, 5, SEEK_SET) == 5);
    T_CHECK(stream_open(&s, "-", &e) == 0);
    T_CHECK(strcmp(stream_name(s), "stdin") == 0);
    T_CHECK(stream_raw_size(s) == 4 && stream_raw_pos(s) == 0);
    T_CHECK(stream_read(s, got, sizeof got, &e) == 4 && memcmp(got, "this", 4) == 0);
    T_CHECK(stream_raw_pos(s) == 4);
    stream_close(s);
    T_CHECK(lseek(0, 0, SEEK_CUR) == 9); /* still open */
    dup2(saved, 0);
    close(saved);
    close(fd);
}

/* A writer that gives the pipe a few bytes at a time. */
static pid_t drip(const char *fifo, const char *p, size_t len, size_t piece)
{
    pid_t child = fork();

    if (child != 0)
        return child;
    int fd = open(fifo, O_WRONLY);
    for (size_t n; fd >= 0 && len > 0; p += n, len -= n) {
        n = len < piece ? len : piece;
        if (write(fd, p, n) != (ssize_t)n)
            _exit(1);
    }
    _exit(fd < 0);
}

static void test_pipe(void)
{
    char *text = make_text(5000, 7);
    struct buf files[3] = {{0}}, b = {0};
    struct err e = {0};
    int status = -1;

    put(&files[0], text, 5000);
    put_zstd(&files[1], text, 5000);
    put_gzip(&files[2], text, 5000);
    if (mkfifo("fifo", 0600) < 0)
        abort();
    for (size_t i = 0; i < 3; i++) {
        pid_t child = drip("fifo", files[i].p, files[i].len, 1 + i);
        T_CHECKF(slurp("fifo", 1 << 16, &b, &e) == 0, "%s", e.msg);
        T_CHECK(b.len == 5000 && memcmp(b.p, text, 5000) == 0);
        T_CHECK(waitpid(child, &status, 0) == child && status == 0);
        buf_free(&files[i]);
    }
    buf_free(&b);
    free(text);
}

/* A line shorter than a magic is handed out while its writer waits. */
static void test_interactive(void)
{
    int ends[2], saved = dup(0);
    const char *p;
    size_t len;
    struct lines *l;
    struct err e = {0};

    T_CHECK(pipe(ends) == 0 && dup2(ends[0], 0) == 0);
    T_CHECK(fcntl(0, F_SETFL, O_NONBLOCK) == 0);
    T_CHECK(lines_open(&l, "-", '\n', 0, &e) == 0);
    for (int i = 0; i < 3; i++) {
        T_CHECK(write(ends[1], "a\n", 2) == 2);
        T_CHECK(lines_next(l, &p, &len, &e) == 1 && len == 1 && *p == 'a');
    }
    T_CHECK(stream_raw_size(lines_stream(l)) == 0 && stream_raw_pos(lines_stream(l)) == 6);
    pid_t child = fork();
    if (child == 0) { /* the reader finds nothing yet, and must wait for it */
        usleep(50000);
        _exit(write(ends[1], "late\n", 5) != 5);
    }
    T_CHECKF(lines_next(l, &p, &len, &e) == 1 && len == 4, "%s", e.msg);
    waitpid(child, NULL, 0);
    lines_close(l);
    dup2(saved, 0);
    close(saved);
    close(ends[0]);
    close(ends[1]);
}

/* Compares with cutting the text in memory. */
static void cut_lines(const char *path, const char *text, size_t len, char delim)
{
    struct lines *l;
    struct err e = {0};
    const char *p;
    size_t n, at = 0;
    uint64_t number = 0;
    int rc;

    T_CHECK(lines_open(&l, path, delim, 0, &e) == 0);
    T_CHECK(lines_number(l) == 0);
    while ((rc = lines_next(l, &p, &n, &e)) > 0 && at < len) {
        const char *end = memchr(text + at, delim, len - at);
        size_t want = end ? (size_t)(end - text) - at : len - at;
        T_CHECKF(n == want && memcmp(p, text + at, n) == 0, "line %llu: %zu bytes, not %zu",
                 (unsigned long long)number + 1, n, want);
        T_CHECK(p[n] == '\0' && lines_number(l) == ++number);
        at += want + 1;
    }
    T_CHECKF(rc == 0 && at >= len, "%d at %zu of %zu: %s", rc, at, len, e.msg);
    T_CHECK(lines_next(l, &p, &n, &e) == 0 && lines_number(l) == number);
    lines_close(l);
}

static void test_lines(void)
{
    static const char *const small[] = {"",    "\n",    "a",      "a\n",        "\n\n",
                                        "\na", "a\n\n", "a\r\nb", "a\nbb\nccc", "x\n\ny\n"};
    unsigned long long seed = 8;
    size_t len = 3000000;
    char *text = make_text(len, 8);
    struct buf b = {0};

    for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
        tmp_put("x", small[i], strlen(small[i]));
        cut_lines("x", small[i], strlen(small[i]), '\n');
    }
    for (int round = 0; round < 6; round++) {
        /* Lines of all lengths: up to 16 bytes, and by turns up to a megabyte and more. */
        for (size_t i = 0; i < len; i++)
            text[i] = text[i] == '\n' ? ' ' : text[i];
        for (size_t i = 0; i < len;
             i += t_rand(&seed) % (t_rand(&seed) % 2 ? 16 : 16ULL << 4 * round) + 1)
            text[i] = round % 2 ? '\n' : '\0';
        tmp_put("x", text, len);
        cut_lines("x", text, len, round % 2 ? '\n' : '\0');
        b.len = 0;
        put_zstd(&b, text, len - 1);
        tmp_put("x", b.p, b.len);
        cut_lines("x", text, len - 1, round % 2 ? '\n' : '\0');
    }
    buf_free(&b);
    free(text);
}

/* One line longer than the buffer by much, through a pipe, and lines that just fill the buffer. */
static void test_long_lines(void)
{
    size_t len = 2000000;
    char *text = make_text(len, 9);

    for (size_t i = 0; i < len; i++)
        text[i] = text[i] == '\n' ? '_' : text[i];
    pid_t child = drip("fifo", text, len, 50000);
    cut_lines("fifo", text, len, '\n');
    waitpid(child, NULL, 0);
    for (size_t n = (256 << 10) - 3; n < (256 << 10) + 3; n++) {
        text[n] = '\n';
        tmp_put("x", text, n + 1);
        cut_lines("x", text, n + 1, '\n');
        tmp_put("x", text, n);
        cut_lines("x", text, n, '\n');
        text[n] = '_';
    }
    free(text);
}

static void test_max_len(void)
{
    static const char text[] = "1234\n12345\n123456\n1\n";
    struct lines *l;
    struct err e = {0};
    const char *p;
    size_t n;

    for (size_t len = 15; len < sizeof text;
         len++) { /* the third line grows to 6 bytes, and ends */
        tmp_put("x", text, len);
        T_CHECK(lines_open(&l, "x", '\n', 5, &e) == 0);
        T_CHECK(lines_next(l, &p, &n, &e) == 1 && n == 4);
        T_CHECK(lines_next(l, &p, &n, &e) == 1 && n == 5);
        if (len <= 16) {
            T_CHECK(lines_next(l, &p, &n, &e) == 1 && n == len - 11);
        } else {
            for (int i = 0; i < 3; i++)
                T_CHECK(lines_next(l, &p, &n, &e) == ERR_INPUT);
            T_CHECKF(strcmp(e.msg, "x:3: line is longer than 5 bytes") == 0, "%s", e.msg);
        }
        lines_close(l);
    }
}

/* A line far too long is refused before it has been read whole. */
static void test_max_len_bounds_memory(void)
{
    size_t cap = 8 << 20, n;
    char *text = malloc(cap);
    struct lines *l;
    struct err e = {0};
    const char *p;

    if (!text)
        abort();
    memset(text, 'x', cap);
    tmp_put("x", text, cap);
    T_CHECK(lines_open(&l, "x", '\n', 100000, &e) == 0);
    T_CHECK(lines_next(l, &p, &n, &e) == ERR_INPUT);
    T_CHECK(stream_raw_pos(lines_stream(l)) < cap / 8);
    lines_close(l);
    free(text);
}

static void test_lines_of_damaged_file(void)
{
    struct buf b = {0};
    struct lines *l;
    struct err e = {0};
    const char *p;
    size_t n;
    int rc, seen = 0;

    put_gzip(&b, "one\ntwo\nthr", 11);
    tmp_put("x.gz", b.p, b.len - 8);
    T_CHECK(lines_open(&l, "x.gz", '\n', 0, &e) == 0);
    while ((rc = lines_next(l, &p, &n, &e)) > 0)
        seen++;
    T_CHECK(rc == ERR_INPUT && seen == 2); /* and not the third, which may go on */
    T_CHECKF(strcmp(e.msg, "x.gz: compressed data is truncated") == 0, "%s", e.msg);
    T_CHECK(lines_next(l, &p, &n, &e) == ERR_INPUT);
    lines_close(l);
    buf_free(&b);
}

static void test_blocks(void)
{
    char *text = make_text(100000, 10), *out = malloc(100001);
    struct buf b = {0};
    struct err e = {0};

    for (size_t len = 0; len <= 100000; len = len * 3 + 1) {
        b.len = 0;
        put_zstd(&b, text, len);
        T_CHECK(zst_decompress(out, len, b.p, b.len, &e) == 0 && memcmp(out, text, len) == 0);
        T_CHECK(zst_decompress(out, len + 1, b.p, b.len, &e) == ERR_CORRUPT);
        if (len > 0)
            T_CHECK(zst_decompress(out, len - 1, b.p, b.len, &e) == ERR_CORRUPT);
        T_CHECK(zst_decompress(out, len, b.p, b.len - 1, &e) == ERR_CORRUPT);
        T_CHECK(zst_compress(out, 3, text, len, 3, &e) < 0);
    }
    T_CHECK(zst_decompress(out, 100, text, 100, &e) == ERR_CORRUPT);
    buf_free(&b);
    free(text);
    free(out);
}

int main(void)
{
    tmp_enter();
    test_kinds();
    test_beginnings_of_magics();
    test_concatenated();
    test_truncated();
    test_bit_flips();
    test_long_windows();
    test_commands();
    test_open_errors();
    test_standard_input();
    test_pipe();
    test_interactive();
    test_lines();
    test_long_lines();
    test_max_len();
    test_max_len_bounds_memory();
    test_lines_of_damaged_file();
    test_blocks();
    tmp_leave();
    return t_done("stream");
}
