/* counted.c - see counted.h.
 *
 * The kernel is asked to begin writing a large file to the disk while it is still being made, so
 * that the sync at the end finds little to do.
 */
#include "vec/counted.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic_int.h"
#include "base/mem.h"

enum { BUFFER_BYTES = 1 << 20, BEHIND_BYTES = 8 << 20 };

struct counted {
    char *name;
    struct atomic_file *file; /* NULL: standard output */
    int fd, spool;            /* spool -1: none is needed */
    off_t at;                 /* where the header goes, in fd */
    size_t header_len;
    bool fill; /* the header is to be filled in at the end */
    bool behind;
    uint64_t written, started; /* bytes given to the kernel, and to the disk */
    unsigned char *buf;
    size_t len;
};

static int open_spool(struct counted *c, const char *dir, struct err *e)
{
    char path[4096];

    dir = dir ? dir : "/tmp";
    c->spool = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (c->spool >= 0)
        return 0;
    if (snprintf(path, sizeof path, "%s/sluice-XXXXXX", dir) >= (int)sizeof path)
        errno = ENAMETOOLONG;
    else if ((c->spool = mkostemp(path, O_CLOEXEC)) >= 0)
        return unlink(path) < 0 ? err_sys(e, "cannot remove", path) : 0;
    return err_set(e, ERR_IO, "cannot make a temporary file in '%s': %s", dir, strerror(errno));
}

/* Only where a byte may be rewritten at its place: no pipe, no terminal, nothing appended to. */
static bool can_seek(const struct counted *c)
{
    return !(fcntl(c->fd, F_GETFL) & O_APPEND) && c->at >= 0;
}

static int open_target(struct counted *c, const char *path, struct err *e)
{
    struct stat st;

    c->name = strdup(path ? path : "stdout");
    if (!c->name)
        return err_set(e, ERR_MEM, "out of memory");
    if (path && atomic_open(&c->file, path, e) < 0)
        return e->code;
    c->fd = path ? atomic_fd(c->file) : STDOUT_FILENO;
    c->at = lseek(c->fd, 0, SEEK_CUR);
    c->behind = path && fstat(c->fd, &st) == 0 && S_ISREG(st.st_mode);
    return 0;
}

static int begin(struct counted *c, const void *header, const char *spool_dir, struct err *e)
{
    static const unsigned char zeros[256];

    c->fill = c->header_len && !header;
    if (c->fill && !can_seek(c))
        return open_spool(c, spool_dir, e);
    if (header)
        return counted_write(c, header, c->header_len, e);
    for (size_t left = c->header_len, n; left; left -= n) {
        n = left < sizeof zeros ? left : sizeof zeros;
        if (counted_write(c, zeros, n, e) < 0)
            return e->code;
    }
    return 0;
}

int counted_open(struct counted **out, const char *path, const void *header, size_t header_len,
                 const char *spool_dir, struct err *e)
{
    struct counted *c = mem_zero(1, sizeof *c, e);

    *out = NULL;
    if (!c)
        return e->code;
    c->spool = -1;
    c->header_len = header_len;
    c->buf = mem_array(BUFFER_BYTES, 1, e);
    if (path && strcmp(path, "-") == 0)
        path = NULL;
    if (!c->buf || open_target(c, path, e) < 0 || begin(c, header, spool_dir, e) < 0) {
        counted_abort(&c);
        return e->code;
    }
    *out = c;
    return 0;
}

static int put(struct counted *c, const void *p, size_t len, struct err *e)
{
    int rc = c->spool >= 0 ? atomic_write_fd(c->spool, "temporary file", p, len, e)
                           : atomic_write_fd(c->fd, c->name, p, len, e);

    c->written += len;
    if (rc == 0 && c->behind && c->written - c->started >= BEHIND_BYTES) {
        sync_file_range(c->fd, (off_t)c->started, (off_t)(c->written - c->started),
                        SYNC_FILE_RANGE_WRITE); /* a wish */
        c->started = c->written;
    }
    return rc;
}

static int flush(struct counted *c, struct err *e)
{
    size_t len = c->len;

    c->len = 0;
    return put(c, c->buf, len, e);
}

int counted_write(struct counted *c, const void *p, size_t len, struct err *e)
{
    if (len == 0)
        return 0;
    if (len > BUFFER_BYTES - c->len && flush(c, e) < 0)
        return e->code;
    if (len >= BUFFER_BYTES / 4 && c->len == 0) /* large enough to be worth no copy */
        return put(c, p, len, e);
    memcpy(c->buf + c->len, p, len);
    c->len += len;
    return 0;
}

unsigned char *counted_room(struct counted *c, size_t len, struct err *e)
{
    if (len > BUFFER_BYTES - c->len && flush(c, e) < 0)
        return NULL;
    return c->buf + c->len;
}

void counted_wrote(struct counted *c, size_t len)
{
    c->len += len;
}

const char *counted_name(const struct counted *c)
{
    return c->name;
}

static int write_at(const struct counted *c, const unsigned char *p, struct err *e)
{
    for (size_t done = 0; done < c->header_len;) {
        ssize_t n = pwrite(c->fd, p + done, c->header_len - done, c->at + (off_t)done);
        if (n < 0 && errno != EINTR)
            return err_sys(e, "cannot write", c->name);
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* The header, and what waited for it. */
static int pour(struct counted *c, const void *header, struct err *e)
{
    int rc = atomic_write_fd(c->fd, c->name, header, c->header_len, e);
    ssize_t n = 1;
    off_t at = 0;

    while (rc == 0 && n != 0) {
        n = pread(c->spool, c->buf, BUFFER_BYTES, at);
        if (n > 0)
            rc = atomic_write_fd(c->fd, c->name, c->buf, (size_t)n, e);
        else if (n < 0 && errno != EINTR)
            rc = err_sys(e, "cannot read", "temporary file");
        at += n > 0 ? n : 0;
    }
    return rc;
}

int counted_commit(struct counted **pc, const void *header, struct err *e)
{
    struct counted *c = *pc;
    int rc = flush(c, e);

    if (rc == 0 && c->fill)
        rc = c->spool >= 0 ? pour(c, header, e) : write_at(c, header, e);
    if (rc == 0)
        rc = c->file ? atomic_commit(&c->file, e) : atomic_ask_stdout(e);
    counted_abort(pc);
    return rc;
}

void counted_abort(struct counted **pc)
{
    struct counted *c = *pc;

    *pc = NULL;
    if (!c)
        return;
    atomic_abort(&c->file);
    if (c->spool >= 0)
        close(c->spool);
    free(c->buf);
    free(c->name);
    free(c);
}
