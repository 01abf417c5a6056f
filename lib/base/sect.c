/* sect.c - see sect.h, which has the byte diagram.
 *
 * The writer streams: sections go out in order through one buffer while they are hashed, the header
 * comes last, at offset 0. The reader believes nothing before it was checked, in this order: magic,
 * header checksum, kind, version, size, table checksum, rows.
 */
#include "base/sect.h"

#include "base/atomic.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEADER = 64, HEADER_SUM = 56, ROW = 32, BUFFER = 1 << 20 };
#define KNOWN_FLAGS ((uint32_t)(SECT_REQUIRED | SECT_APART))

static const unsigned char magic[8] = {0x89, 'S', 'L', 'U', 'I', 'C', 'E', '\n'};

static void put32(unsigned char *p, uint32_t v)
{
    v = htole32(v);
    memcpy(p, &v, sizeof v);
}

static void put64(unsigned char *p, uint64_t v)
{
    v = htole64(v);
    memcpy(p, &v, sizeof v);
}

static uint32_t get32(const unsigned char *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
    return le32toh(v);
}

static uint64_t get64(const unsigned char *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return le64toh(v);
}

/* ---- writing ---- */

struct sect_writer {
    struct atomic_file *file;
    struct hasher *hash; /* of the section being written */
    unsigned char *buf;
    size_t used;
    uint64_t at; /* offset of the next byte, those in buf counted */
    char kind[4];
    uint16_t major, minor;
    bool open; /* between sect_begin() and sect_end() */
    size_t count;
    struct sect_row rows[SECT_MAX];
};

static int flush(struct sect_writer *w, struct err *e)
{
    size_t n = w->used;

    w->used = 0;
    return n > 0 ? atomic_write(w->file, w->buf, n, e) : 0;
}

/* Pieces as large as the buffer do not go through it. */
static int put(struct sect_writer *w, const void *p, size_t len, struct err *e)
{
    w->at += len;
    if (len > BUFFER - w->used && flush(w, e) < 0)
        return e->code;
    if (len >= BUFFER)
        return atomic_write(w->file, p, len, e);
    if (len > 0)
        memcpy(w->buf + w->used, p, len);
    w->used += len;
    return 0;
}

static int put_padding(struct sect_writer *w, unsigned align, struct err *e)
{
    static const unsigned char zero[SECT_APART_ALIGN];

    return put(w, zero, (size_t)(-w->at % align), e);
}

static int create(struct sect_writer *w, const char *path, struct err *e)
{
    static const unsigned char zero[HEADER];

    if (atomic_open(&w->file, path, e) < 0)
        return e->code;
    if (!atomic_can_seek(w->file))
        return err_set(e, ERR_IO, "cannot write '%s': this format needs a regular file", path);
    w->buf = mem_array(BUFFER, 1, e);
    if (!w->buf || hasher_new(&w->hash, e) < 0)
        return e->code;
    return put(w, zero, HEADER, e);
}

int sect_create(struct sect_writer **out, const char *path, const char kind[4], uint16_t major,
                uint16_t minor, struct err *e)
{
    struct sect_writer *w = mem_zero(1, sizeof *w, e);

    *out = NULL;
    if (!w)
        return e->code;
    memcpy(w->kind, kind, 4);
    w->major = major;
    w->minor = minor;
    if (create(w, path, e) < 0)
        sect_abort(&w);
    *out = w;
    return w ? 0 : e->code;
}

static const struct sect_row *find_row(const struct sect_row *rows, size_t n, const char id[4])
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(rows[i].id, id, 4) == 0)
            return &rows[i];
    return NULL;
}

int sect_begin(struct sect_writer *w, const char id[4], uint32_t flags, struct err *e)
{
    struct sect_row *r = &w->rows[w->count];

    assert(!w->open && !find_row(w->rows, w->count, id) && (flags & ~KNOWN_FLAGS) == 0);
    if (w->count == SECT_MAX)
        return err_set(e, ERR_USAGE, "more than %d sections in one file", SECT_MAX);
    if (put_padding(w, flags & SECT_APART ? SECT_APART_ALIGN : SECT_ALIGN, e) < 0)
        return e->code;
    *r = (struct sect_row){.flags = flags, .offset = w->at};
    memcpy(r->id, id, 4);
    hasher_reset(w->hash);
    w->open = true;
    return 0;
}

int sect_add(struct sect_writer *w, const void *p, size_t len, struct err *e)
{
    assert(w->open);
    hasher_add(w->hash, p, len);
    return put(w, p, len, e);
}

int sect_end(struct sect_writer *w, struct err *e)
{
    struct sect_row *r = &w->rows[w->count];

    (void)e; /* cannot fail today */
    assert(w->open);
    r->len = w->at - r->offset;
    r->sum = hasher_value(w->hash);
    w->open = false;
    w->count++;
    return 0;
}

int sect_put(struct sect_writer *w, const char id[4], uint32_t flags, const void *p, size_t len,
             struct err *e)
{
    if (sect_begin(w, id, flags, e) < 0 || sect_add(w, p, len, e) < 0)
        return e->code;
    return sect_end(w, e);
}

static int put_table(struct sect_writer *w, struct err *e)
{
    unsigned char table[SECT_MAX * ROW + 8];
    size_t len = w->count * ROW;

    for (size_t i = 0; i < w->count; i++) {
        unsigned char *p = table + i * ROW;

        memcpy(p, w->rows[i].id, 4);
        put32(p + 4, w->rows[i].flags);
        put64(p + 8, w->rows[i].offset);
        put64(p + 16, w->rows[i].len);
        put64(p + 24, w->rows[i].sum);
    }
    put64(table + len, hash64(table, len));
    return put(w, table, len + 8, e);
}

static int put_header(struct sect_writer *w, uint64_t table_at, struct err *e)
{
    unsigned char h[HEADER] = {0};

    memcpy(h, magic, sizeof magic);
    memcpy(h + 8, w->kind, 4);
    put32(h + 12, w->major | (uint32_t)w->minor << 16);
    put64(h + 16, w->at);
    put64(h + 24, table_at);
    put32(h + 32, (uint32_t)w->count);
    put64(h + HEADER_SUM, hash64(h, HEADER_SUM));
    return atomic_pwrite(w->file, h, HEADER, 0, e);
}

static int read_at(int fd, const char *path, uint64_t at, void *p, size_t len, struct err *e)
{
    for (unsigned char *to = p; len > 0;) {
        ssize_t n = pread(fd, to, len, (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, "cannot read", path);
        if (n == 0)
            return err_set(e, ERR_CORRUPT, "%s: file is truncated: it has become shorter", path);
        to += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
    return 0;
}

int sect_reread(struct sect_writer *w, const char id[4], uint64_t at, void *p, size_t len,
                struct err *e)
{
    const struct sect_row *r = find_row(w->rows, w->count, id);

    assert(r && at <= r->len && len <= r->len - at);
    if (r->offset + at + len > w->at - w->used && flush(w, e) < 0)
        return e->code;
    return read_at(atomic_fd(w->file), "what is being written", r->offset + at, p, len, e);
}

int sect_commit(struct sect_writer **pw, struct err *e)
{
    struct sect_writer *w = *pw;
    uint64_t table_at;
    int rc;

    assert(!w->open);
    rc = put_padding(w, SECT_ALIGN, e);
    table_at = w->at;
    if (rc == 0)
        rc = put_table(w, e);
    if (rc == 0)
        rc = flush(w, e);
    if (rc == 0)
        rc = put_header(w, table_at, e);
    if (rc == 0)
        rc = atomic_commit(&w->file, e);
    sect_abort(pw);
    return rc;
}

void sect_abort(struct sect_writer **pw)
{
    struct sect_writer *w = *pw;

    *pw = NULL;
    if (!w)
        return;
    atomic_abort(&w->file);
    hasher_free(w->hash);
    free(w->buf);
    free(w);
}

/* ---- reading ---- */

struct sect_file {
    struct map map;  /* mapped or loaded; {0} when the bytes are the caller's */
    struct stat was; /* the file, as it was opened */
    int fd;          /* of the file, while a section stands apart; else -1 */
    const unsigned char *p;
    uint64_t size, table_at;
    char *path;
    uint16_t minor;
    size_t count;
    struct sect_row rows[SECT_MAX];
};

static int bad(const struct sect_file *f, const char *what, struct err *e)
{
    return err_set(e, ERR_CORRUPT, "%s: %s", f->path, what);
}

/* Names reach messages and terminals. */
static bool is_name(const void *p)
{
    const unsigned char *c = p;

    for (int i = 0; i < 4; i++)
        if (c[i] < 0x20 || c[i] > 0x7e)
            return false;
    return true;
}

static int check_kind(const struct sect_file *f, const char kind[4], uint16_t major, struct err *e)
{
    const unsigned char *h = f->p;
    unsigned found = get32(h + 12) & 0xffff;

    if (!is_name(h + 8))
        return bad(f, "header is damaged: its kind is not four letters", e);
    if (memcmp(h + 8, kind, 4) != 0)
        return err_set(e, ERR_CORRUPT, "%s: is a sluice '%.4s' file, not '%.4s'", f->path,
                       (const char *)h + 8, kind);
    if (found != major)
        return err_set(e, ERR_CORRUPT, "%s: format version %u is %s than this program's %u",
                       f->path, found, found > major ? "newer" : "older", major);
    return 0;
}

static int check_header(struct sect_file *f, const char kind[4], uint16_t major, struct err *e)
{
    const unsigned char *h = f->p;
    uint64_t size;

    if (f->size < sizeof magic || memcmp(h, magic, sizeof magic) != 0)
        return bad(f, "not a sluice file", e);
    if (f->size < HEADER)
        return bad(f, "file is truncated within its header", e);
    if (get64(h + HEADER_SUM) != hash64(h, HEADER_SUM))
        return bad(f, "header is damaged: checksum differs", e);
    if (check_kind(f, kind, major, e) < 0)
        return e->code;
    size = get64(h + 16);
    if (size != f->size)
        return err_set(e, ERR_CORRUPT, "%s: file is %s (header says %llu bytes, has %llu)", f->path,
                       size > f->size ? "truncated" : "too long", (unsigned long long)size,
                       (unsigned long long)f->size);
    f->minor = (uint16_t)(get32(h + 12) >> 16);
    f->table_at = get64(h + 24);
    f->count = get32(h + 32);
    return 0;
}

/* `end` is where the section before ends. */
static int read_row(struct sect_file *f, size_t i, uint64_t end, struct err *e)
{
    const unsigned char *p = f->p + f->table_at + i * ROW;
    struct sect_row *r = &f->rows[i];

    if (!is_name(p))
        return bad(f, "section table is damaged: an id is not four letters", e);
    memcpy(r->id, p, 4);
    r->flags = get32(p + 4);
    r->offset = get64(p + 8);
    r->len = get64(p + 16);
    r->sum = get64(p + 24);
    if (find_row(f->rows, i, r->id))
        return sect_bad(f, r->id, "it is in the table twice", e);
    if (r->flags & ~KNOWN_FLAGS)
        return sect_bad(f, r->id, "it has flags that this program does not know", e);
    if (r->offset % SECT_ALIGN != 0)
        return sect_bad(f, r->id, "its offset is not a multiple of 64", e);
    if (r->flags & SECT_APART && r->offset % SECT_APART_ALIGN != 0)
        return sect_bad(f, r->id, "it stands apart, and its offset is not a multiple of 4096", e);
    if (r->offset < end)
        return sect_bad(f, r->id, "it overlaps what is before it", e);
    if (r->offset > f->table_at || r->len > f->table_at - r->offset)
        return sect_bad(f, r->id, "it does not end before the section table", e);
    return 0;
}

static int check_table(struct sect_file *f, struct err *e)
{
    uint64_t end = HEADER, rows_len = f->count * ROW;

    if (f->count > SECT_MAX)
        return bad(f, "header is damaged: too many sections", e);
    if (f->table_at % SECT_ALIGN != 0 || f->table_at < HEADER || f->table_at > f->size ||
        f->size - f->table_at != rows_len + 8)
        return bad(f, "header is damaged: the section table does not fit the file", e);
    if (get64(f->p + f->table_at + rows_len) != hash64(f->p + f->table_at, rows_len))
        return bad(f, "section table is damaged: checksum differs", e);
    for (size_t i = 0; i < f->count; i++) {
        if (read_row(f, i, end, e) < 0)
            return e->code;
        end = f->rows[i].offset + f->rows[i].len;
    }
    return 0;
}

static int new_file(struct sect_file **out, const char *name, struct err *e)
{
    struct sect_file *f = mem_zero(1, sizeof *f, e);

    *out = f;
    if (!f)
        return e->code;
    f->fd = -1;
    f->path = strdup(name);
    return f->path ? 0 : err_set(e, ERR_MEM, "out of memory");
}

static int open_bytes(struct sect_file *f, const void *p, uint64_t len, const char kind[4],
                      uint16_t major, struct err *e)
{
    f->p = p;
    f->size = len;
    if (check_header(f, kind, major, e) < 0)
        return e->code;
    return check_table(f, e);
}

/* The end of both ways to open: on failure nothing is left open. */
static int opened(struct sect_file **out, struct sect_file *f, int rc)
{
    if (rc < 0) {
        sect_close(f);
        f = NULL;
    }
    *out = f;
    return rc;
}

/* What stands apart is mapped no more, and the file is kept open for it. */
static void set_apart(struct sect_file *f, int fd)
{
    for (size_t i = 0; i < f->count; i++) {
        if (!(f->rows[i].flags & SECT_APART))
            continue;
        map_punch(&f->map, f->rows[i].offset, f->rows[i].len);
        f->fd = fd;
    }
    if (f->fd < 0)
        close(fd);
}

int sect_open(struct sect_file **out, const char *path, const char kind[4], uint16_t major,
              struct err *e)
{
    struct sect_file *f;
    int rc = new_file(&f, path, e), fd = -1;

    if (rc == 0)
        rc = map_open_fd(&f->map, &fd, path, e);
    if (rc == 0 && fstat(fd, &f->was) < 0)
        rc = err_sys(e, "cannot read", path);
    if (rc == 0)
        rc = open_bytes(f, f->map.p, f->map.len, kind, major, e);
    if (rc == 0)
        set_apart(f, fd);
    else if (fd >= 0)
        close(fd);
    return opened(out, f, rc);
}

/* Of a file with sections that stand apart all others. */
static int load_rest(struct sect_file *f, struct err *e)
{
    unsigned char *p = mem_map(f->size, e);
    uint64_t end = HEADER;

    if (!p)
        return e->code;
    memcpy(p, f->p, HEADER);
    for (size_t i = 0; i < f->count; i++) {
        const struct sect_row *r = &f->rows[i];

        if (!(r->flags & SECT_APART))
            memcpy(p + r->offset, f->p + r->offset, r->len);
        end = r->offset + r->len;
    }
    memcpy(p + end, f->p + end, f->size - end);
    map_close(&f->map);
    f->map = (struct map){p, f->size};
    f->p = p;
    for (size_t i = 0; i < f->count; i++)
        if (f->rows[i].flags & SECT_APART)
            map_punch(&f->map, f->rows[i].offset, f->rows[i].len);
    return 0;
}

/* Opened first, so that a file that is none of ours is not read as a whole. */
int sect_load(struct sect_file **out, const char *path, const char kind[4], uint16_t major,
              int threads, struct err *e)
{
    struct sect_file *f;
    struct map mapped;
    int rc = sect_open(&f, path, kind, major, e);

    if (rc == 0 && f->fd >= 0)
        return opened(out, f, load_rest(f, e));
    if (rc == 0) {
        mapped = f->map;
        rc = map_load(&f->map, path, threads, e);
        map_close(&mapped);
    }
    if (rc == 0) /* by this name there may be another file now */
        rc = open_bytes(f, f->map.p, f->map.len, kind, major, e);
    return opened(out, f, rc);
}

int sect_open_mem(struct sect_file **out, const void *p, uint64_t len, const char *name,
                  const char kind[4], uint16_t major, struct err *e)
{
    struct sect_file *f;
    int rc = new_file(&f, name, e);

    if (rc == 0)
        rc = open_bytes(f, p, len, kind, major, e);
    return opened(out, f, rc);
}

/* Is id among ids? */
static bool among(const char *ids, const char id[4])
{
    for (; *ids; ids += 4)
        if (memcmp(ids, id, 4) == 0)
            return true;
    return false;
}

int sect_known(const struct sect_file *f, const char *ids, struct err *e)
{
    for (size_t i = 0; i < f->count; i++) {
        const struct sect_row *r = &f->rows[i];

        if ((r->flags & SECT_REQUIRED) && !among(ids, r->id))
            return err_set(e, ERR_CORRUPT, "%s: needs a newer program, that knows section '%s'",
                           f->path, r->id);
    }
    return 0;
}

/* Is the section mapped, loaded, or the caller's? */
static bool is_here(const struct sect_file *f, const struct sect_row *r)
{
    return f->fd < 0 || !(r->flags & SECT_APART);
}

const void *sect_get(const struct sect_file *f, const char id[4], uint64_t *len)
{
    const struct sect_row *r = find_row(f->rows, f->count, id);

    if (r && !is_here(f, r))
        r = NULL;
    *len = r ? r->len : 0;
    return r ? f->p + r->offset : NULL;
}

int sect_need(const struct sect_file *f, const char id[4], uint64_t n, uint64_t size,
              const void **p, struct err *e)
{
    const struct sect_row *r = find_row(f->rows, f->count, id);
    uint64_t want;

    *p = NULL;
    if (!r)
        return err_set(e, ERR_CORRUPT, "%s: section '%.4s' is missing", f->path, id);
    if (!is_here(f, r))
        return sect_bad(f, id, "it stands apart from those that are mapped", e);
    if (__builtin_mul_overflow(n, size, &want) || want != r->len)
        return err_set(e, ERR_CORRUPT,
                       "%s: section '%s' is damaged: it has %llu bytes, not %llu x %llu", f->path,
                       r->id, (unsigned long long)r->len, (unsigned long long)n,
                       (unsigned long long)size);
    *p = f->p + r->offset;
    return 0;
}

bool sect_find(const struct sect_file *f, const char id[4], struct sect_row *row)
{
    const struct sect_row *r = find_row(f->rows, f->count, id);

    if (r)
        *row = *r;
    return r != NULL;
}

int sect_fd(const struct sect_file *f)
{
    return f->fd;
}

int sect_read(const struct sect_file *f, const char id[4], uint64_t at, void *p, size_t len,
              struct err *e)
{
    const struct sect_row *r = find_row(f->rows, f->count, id);

    if (!is_here(f, r))
        return read_at(f->fd, f->path, r->offset + at, p, len, e);
    memcpy(p, f->p + r->offset + at, len);
    return 0;
}

size_t sect_count(const struct sect_file *f)
{
    return f->count;
}

struct sect_row sect_row(const struct sect_file *f, size_t i)
{
    return f->rows[i];
}

const char *sect_path(const struct sect_file *f)
{
    return f->path;
}

uint64_t sect_size(const struct sect_file *f)
{
    return f->size;
}

uint16_t sect_minor(const struct sect_file *f)
{
    return f->minor;
}

void sect_random(const struct sect_file *f)
{
    map_random(&f->map);
}

int sect_bad(const struct sect_file *f, const char id[4], const char *what, struct err *e)
{
    return err_set(e, ERR_CORRUPT, "%s: section '%.4s' is damaged: %s", f->path, id, what);
}

/* Padding may be any number of bytes, as a hostile writer likes. */
static bool all_zero(const unsigned char *p, uint64_t len)
{
    return len == 0 || (p[0] == 0 && memcmp(p, p + 1, len - 1) == 0);
}

/* A section's checksum; where it stands apart, in pieces, so that it passes through memory once. */
static int sum_of(const struct sect_file *f, const struct sect_row *r, uint64_t *sum, struct err *e)
{
    struct hasher *h = NULL;
    unsigned char *buf;
    int rc = 0;

    if (is_here(f, r)) {
        *sum = hash64(f->p + r->offset, r->len);
        return 0;
    }
    if (!(buf = mem_array(BUFFER, 1, e)) || hasher_new(&h, e) < 0) {
        free(buf);
        return e->code;
    }
    hasher_reset(h);
    for (uint64_t at = 0, n; rc == 0 && at < r->len; at += n) {
        n = r->len - at < BUFFER ? r->len - at : BUFFER;
        rc = sect_read(f, r->id, at, buf, (size_t)n, e);
        if (rc == 0)
            hasher_add(h, buf, (size_t)n);
    }
    *sum = hasher_value(h);
    hasher_free(h);
    free(buf);
    return rc;
}

static int verify(const struct sect_file *f, const struct sect_row *r, struct err *e)
{
    uint64_t sum = 0;

    if (sum_of(f, r, &sum, e) < 0)
        return e->code;
    return sum == r->sum ? 0 : sect_bad(f, r->id, "checksum differs", e);
}

int sect_verify(const struct sect_file *f, const char id[4], struct err *e)
{
    const struct sect_row *r = find_row(f->rows, f->count, id);

    return r ? verify(f, r, e) : 0;
}

int sect_check(const struct sect_file *f, struct err *e)
{
    uint64_t end = HEADER;

    for (size_t i = 0; i <= f->count; i++) {
        const struct sect_row *r = i < f->count ? &f->rows[i] : NULL;
        uint64_t start = r ? r->offset : f->table_at;

        if (!all_zero(f->p + end, start - end))
            return r ? sect_bad(f, r->id, "the padding before it is not zero", e)
                     : bad(f, "section table is damaged: the padding before it is not zero", e);
        if (!r)
            break;
        if (verify(f, r, e) < 0)
            return e->code;
        end = r->offset + r->len;
    }
    return 0;
}

static int copy_bytes(struct sect_writer *w, const struct sect_file *f, const struct sect_row *r,
                      unsigned char *buf, struct err *e)
{
    for (uint64_t at = 0, n; at < r->len; at += n) {
        n = r->len - at < BUFFER ? r->len - at : BUFFER;
        if (!is_here(f, r)) {
            if (sect_read(f, r->id, at, buf, (size_t)n, e) < 0 ||
                sect_add(w, buf, (size_t)n, e) < 0)
                return e->code;
        } else if (sect_add(w, f->p + r->offset + at, (size_t)n, e) < 0) {
            return e->code;
        }
    }
    return 0;
}

/* In pieces, so that a large section passes through memory once. */
static int copy_section(struct sect_writer *w, const struct sect_file *f, const struct sect_row *r,
                        struct err *e)
{
    unsigned char *buf = is_here(f, r) ? NULL : mem_array(BUFFER, 1, e);
    int rc;

    if (!is_here(f, r) && !buf)
        return e->code;
    rc = sect_begin(w, r->id, r->flags, e);
    if (rc == 0)
        rc = copy_bytes(w, f, r, buf, e);
    free(buf);
    if (rc < 0 || sect_end(w, e) < 0)
        return e->code;
    return w->rows[w->count - 1].sum == r->sum ? 0 : sect_bad(f, r->id, "checksum differs", e);
}

int sect_copy(struct sect_writer *w, const struct sect_file *f, const char *without, struct err *e)
{
    for (size_t i = 0; i < f->count; i++)
        if (!among(without, f->rows[i].id) && copy_section(w, f, &f->rows[i], e) < 0)
            return e->code;
    return 0;
}

void sect_replaces(struct sect_writer *w, const struct sect_file *f)
{
    atomic_replaces(w->file, f->path, &f->was);
}

int sect_unchanged(const struct sect_file *f, const char *path, struct err *e)
{
    return atomic_unchanged(path, f->path, &f->was, e);
}

void sect_close(struct sect_file *f)
{
    if (!f)
        return;
    map_close(&f->map);
    if (f->fd >= 0)
        close(f->fd);
    free(f->path);
    free(f);
}
