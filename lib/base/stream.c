/* stream.c - see stream.h.
 *
 * Plain input goes by read(2) straight into the caller's memory; only the few bytes that decided
 * what the input is pass through the stream's own buffer. Compressed input is read into that buffer
 * and decoded from there into the caller's memory, so decoded bytes are copied once.
 *
 * The line reader keeps a window of the input in one buffer, small enough to stay in the second
 * level cache: memchr finds the delimiter, '\0' is written over it, and the bytes of a line that
 * spans two reads move to the front. The search goes on where it stopped, so that the cost of a
 * long line is linear; the buffer grows by half, so that the copying is too.
 */
#include "base/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/gz.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "base/zst.h"

enum { RAW_BYTES = 256 << 10, LINES_BYTES = 256 << 10, MAGIC_BYTES = 4 };

struct stream {
    int fd;
    char *name;
    uint64_t raw_pos, raw_size;
    off_t began; /* of a regular file: where reading began */
    bool detected;
    bool at_eof;          /* the input has no more bytes */
    struct zst_reader *z; /* at most one of the two; neither: plain */
    struct gz_reader *g;
    unsigned char *raw; /* bytes read and not yet used are raw[raw_at..raw_len) */
    size_t raw_at, raw_len;
    uint64_t block;    /* of compressed input: where raw began in it */
    struct err failed; /* the first error, to be repeated */
};

static int open_path(const char *path)
{
    int fd;

    if (strcmp(path, "-") == 0)
        return STDIN_FILENO;
    do
        fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd < 0 && errno == EINTR); /* a FIFO waits for its writer */
    return fd;
}

/* Refuses folders; learns the size, counted from where a shell may have left standard input. */
static int look_at(struct stream *s, struct err *e)
{
    struct stat st;

    if (fstat(s->fd, &st) < 0)
        return err_sys(e, "cannot open", s->name);
    if (S_ISDIR(st.st_mode))
        return err_set(e, ERR_IO, "cannot read '%s': it is a directory", s->name);
    if (S_ISREG(st.st_mode)) {
        off_t at = lseek(s->fd, 0, SEEK_CUR);
        if (at >= 0 && st.st_size > at) {
            s->raw_size = (uint64_t)(st.st_size - at);
            s->began = at;
        }
        posix_fadvise(s->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    }
    return 0;
}

const char *stream_name_of(const char *path)
{
    return strcmp(path, "-") == 0 ? "stdin" : path;
}

int stream_open(struct stream **out, const char *path, struct err *e)
{
    struct stream *s = mem_zero(1, sizeof *s, e);

    *out = NULL;
    if (!s)
        return e->code;
    s->name = strdup(stream_name_of(path));
    s->raw = mem_array(RAW_BYTES, 1, e);
    s->fd = s->name && s->raw ? open_path(path) : -1;
    if (!s->name)
        err_set(e, ERR_MEM, "out of memory");
    else if (s->raw && s->fd < 0)
        err_sys(e, "cannot open", path);
    if (s->fd < 0 || look_at(s, e) < 0) {
        stream_close(s);
        return e->code;
    }
    *out = s;
    return 0;
}

/* read(2) that deals with signals and with a terminal or socket that somebody made non-blocking. */
static int64_t read_fd(struct stream *s, void *p, size_t cap, struct err *e)
{
    ssize_t n;

    while ((n = read(s->fd, p, cap)) < 0) {
        if (errno == EAGAIN) {
            struct pollfd wait = {.fd = s->fd, .events = POLLIN};
            poll(&wait, 1, -1);
        } else if (errno != EINTR) {
            return err_sys(e, "cannot read", s->name);
        }
    }
    s->at_eof = n == 0;
    s->raw_pos += (uint64_t)n;
    return n;
}

/* More bytes into raw, behind those not used yet: of a regular file as many as there is room for,
 * so that its blocks lie where they lay the last time; else as many as come at once. */
static int fill(struct stream *s, struct err *e)
{
    int64_t n;

    memmove(s->raw, s->raw + s->raw_at, s->raw_len - s->raw_at);
    s->raw_len -= s->raw_at;
    s->raw_at = 0;
    s->block = s->raw_pos - s->raw_len;
    do {
        n = read_fd(s, s->raw + s->raw_len, RAW_BYTES - s->raw_len, e);
        if (n < 0)
            return e->code;
        s->raw_len += (size_t)n;
    } while (s->raw_size && n > 0 && s->raw_len < RAW_BYTES);
    return 0;
}

enum magic { PLAIN, ZSTD, GZIP, TOO_SHORT };

/* What do the first n bytes begin? TOO_SHORT while more bytes could still make it a magic. */
static enum magic magic_of(const unsigned char *p, size_t n)
{
    static const unsigned char frame[MAGIC_BYTES] = {0x28, 0xB5, 0x2F, 0xFD};
    static const unsigned char skippable[MAGIC_BYTES] = {0x50, 0x2A, 0x4D, 0x18};
    static const unsigned char gzip[2] = {0x1F, 0x8B};
    unsigned char head[MAGIC_BYTES] = {0};

    n = n < MAGIC_BYTES ? n : MAGIC_BYTES;
    memcpy(head, p, n);
    if (memcmp(head, gzip, n < 2 ? n : 2) == 0)
        return n < 2 ? TOO_SHORT : GZIP;
    if (memcmp(head, frame, n) == 0)
        return n < MAGIC_BYTES ? TOO_SHORT : ZSTD;
    head[0] &= 0xF0; /* 50..5F */
    if (memcmp(head, skippable, n) == 0)
        return n < MAGIC_BYTES ? TOO_SHORT : ZSTD;
    return PLAIN;
}

static int detect(struct stream *s, struct err *e)
{
    enum magic m;

    /* Waits for no byte more than it needs: an interactive line may be shorter than a magic. */
    while ((m = magic_of(s->raw, s->raw_len)) == TOO_SHORT && !s->at_eof)
        if (fill(s, e) < 0)
            return e->code;
    if (m == ZSTD && zst_reader_new(&s->z, e) < 0)
        return err_prefix(e, "%s", s->name);
    if (m == GZIP && gz_reader_new(&s->g, e) < 0)
        return err_prefix(e, "%s", s->name);
    s->detected = true;
    return 0;
}

static int64_t read_plain(struct stream *s, void *p, size_t cap, struct err *e)
{
    size_t left = s->raw_len - s->raw_at;

    if (left == 0)
        return s->at_eof ? 0 : read_fd(s, p, cap, e);
    cap = cap < left ? cap : left;
    memcpy(p, s->raw + s->raw_at, cap);
    s->raw_at += cap;
    return (int64_t)cap;
}

static int decode_step(struct stream *s, size_t *used, void *p, size_t cap, size_t *n,
                       struct err *e)
{
    const unsigned char *in = s->raw + s->raw_at;
    size_t in_len = s->raw_len - s->raw_at;

    return s->z ? zst_reader_step(s->z, in, in_len, used, p, cap, n, e)
                : gz_reader_step(s->g, in, in_len, used, p, cap, n, e);
}

static int64_t read_decoded(struct stream *s, void *p, size_t cap, struct err *e)
{
    size_t used, n;

    for (;;) {
        if (decode_step(s, &used, p, cap, &n, e) < 0)
            return err_prefix(e, "%s", s->name);
        s->raw_at += used;
        if (n > 0)
            return (int64_t)n;
        if (used > 0)
            continue; /* a header, or the last bytes of a frame */
        if (s->at_eof)
            break;
        if (fill(s, e) < 0) /* bytes are left if the decoder wants more in one piece */
            return e->code;
    }
    if (s->z ? zst_reader_at_end(s->z) : gz_reader_at_end(s->g))
        return 0;
    return err_set(e, ERR_INPUT, "%s: compressed data is truncated", s->name);
}

int64_t stream_read(struct stream *s, void *p, size_t cap, struct err *e)
{
    int64_t n = 0;

    if (s->failed.code < 0) {
        *e = s->failed;
        return e->code;
    }
    if (!s->detected)
        n = detect(s, e);
    if (n == 0)
        n = s->z || s->g ? read_decoded(s, p, cap, e) : read_plain(s, p, cap, e);
    if (n < 0)
        s->failed = *e;
    return n;
}

const char *stream_name(const struct stream *s)
{
    return s->name;
}

uint64_t stream_raw_pos(const struct stream *s)
{
    return s->raw_pos;
}

uint64_t stream_raw_size(const struct stream *s)
{
    return s->raw_size;
}

/* Of the byte that is handed out next: lines_place(). */
static uint64_t place_of(const struct stream *s)
{
    return s->z || s->g ? s->block : s->raw_pos - (s->raw_len - s->raw_at);
}

bool stream_can_seek(const struct stream *s)
{
    return s->detected && !s->z && !s->g && s->raw_size > 0;
}

int stream_seek(struct stream *s, uint64_t at, struct err *e)
{
    if (lseek(s->fd, s->began + (off_t)at, SEEK_SET) < 0)
        return err_sys(e, "cannot read", s->name);
    s->raw_pos = at;
    s->raw_at = s->raw_len = 0;
    s->at_eof = false;
    return 0;
}

void stream_close(struct stream *s)
{
    if (!s)
        return;
    if (s->fd > STDIN_FILENO)
        close(s->fd);
    zst_reader_free(s->z);
    gz_reader_free(s->g);
    free(s->raw);
    free(s->name);
    free(s);
}

/* Without the endings of compressed files. */
static size_t plain_len(const char *path)
{
    size_t len = strlen(path);

    if (len > 4 && strcasecmp(path + len - 4, ".zst") == 0)
        return len - 4;
    if (len > 3 && strcasecmp(path + len - 3, ".gz") == 0)
        return len - 3;
    return len;
}

bool stream_name_is_packed(const char *path)
{
    return plain_len(path) < strlen(path);
}

bool stream_name_ends(const char *path, const char *ending)
{
    size_t len = plain_len(path), n = strlen(ending);

    return len > n + 1 && path[len - n - 1] == '.' && path[len - n - 2] != '/' &&
           strncasecmp(path + len - n, ending, n) == 0;
}

struct lines {
    struct stream *s;
    char delim;
    bool at_end;
    size_t max_len;
    uint64_t number;
    /* The window buf[start..end) is not handed out yet, and has no delimiter before `scanned`. */
    char *buf;
    size_t cap, start, scanned, end;
};

int lines_open(struct lines **out, const char *path, char delim, size_t max_len, struct err *e)
{
    struct lines *l = mem_zero(1, sizeof *l, e);

    *out = NULL;
    if (!l)
        return e->code;
    l->delim = delim;
    l->max_len = max_len ? max_len : LINES_MOST;
    if (mem_reserve(&l->buf, &l->cap, LINES_BYTES, 1, e) < 0 || stream_open(&l->s, path, e) < 0) {
        lines_close(l);
        return e->code;
    }
    *out = l;
    return 0;
}

/* Reads more bytes behind the window; 0, with at_end set when there are none, or a negative ERR_*.
 * The read that finds the end had room for a byte, which the '\0' after a last line can take. */
static int refill(struct lines *l, struct err *e)
{
    size_t kept = l->end - l->start;

    if (l->start > 0) { /* once a line, however many reads it takes */
        memmove(l->buf, l->buf + l->start, kept);
        l->scanned -= l->start;
        l->start = 0;
        l->end = kept;
    }
    if (kept > l->cap / 4 * 3 && mem_reserve(&l->buf, &l->cap, l->cap + 1, 1, e) < 0)
        return err_prefix(e, "%s:%llu", stream_name(l->s), (unsigned long long)l->number + 1);
    int64_t n = stream_read(l->s, l->buf + l->end, l->cap - l->end, e);
    if (n < 0)
        return e->code;
    l->end += (size_t)n;
    l->at_end = n == 0;
    return 0;
}

static int too_long(const struct lines *l, struct err *e)
{
    return err_set(e, ERR_INPUT, "%s:%llu: line is longer than %zu bytes", stream_name(l->s),
                   (unsigned long long)l->number + 1, l->max_len);
}

int lines_next(struct lines *l, const char **p, size_t *len, struct err *e)
{
    char *hit;

    while (!(hit = memchr(l->buf + l->scanned, l->delim, l->end - l->scanned))) {
        l->scanned = l->end;
        if (l->end - l->start > l->max_len)
            return too_long(l, e);
        if (!l->at_end && refill(l, e) < 0)
            return e->code;
        if (!l->at_end)
            continue;
        if (l->start == l->end)
            return 0;
        hit = l->buf + l->end++; /* as if the missing delimiter were there */
        break;
    }
    *p = l->buf + l->start;
    *len = (size_t)(hit - *p);
    if (*len > l->max_len) {
        l->scanned = (size_t)(hit - l->buf); /* to find, and refuse, the same line again */
        return too_long(l, e);
    }
    *hit = '\0';
    l->start = l->scanned = (size_t)(hit - l->buf) + 1;
    l->number++;
    return 1;
}

int lines_next_text(struct lines *l, const char **p, size_t *len, struct err *e)
{
    int rc = lines_next(l, p, len, e);
    size_t mark = rc > 0 && l->number == 1 ? utf8_mark(*p, *len) : 0;

    *p += mark;
    *len -= mark;
    if (rc > 0 && *len > 0 && (*p)[*len - 1] == '\r')
        l->buf[(size_t)(*p - l->buf) + --*len] = '\0';
    return rc;
}

uint64_t lines_number(const struct lines *l)
{
    return l->number;
}

uint64_t lines_place(const struct lines *l)
{
    bool plain = !l->s->z && !l->s->g;

    return place_of(l->s) - (plain ? l->end - l->start : 0);
}

const struct stream *lines_stream(const struct lines *l)
{
    return l->s;
}

void lines_close(struct lines *l)
{
    if (!l)
        return;
    stream_close(l->s);
    free(l->buf);
    free(l);
}
