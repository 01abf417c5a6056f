/* spool.c - see spool.h. */
#include "base/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"

enum { LEAST = 1 << 16 /* bytes of a mapping, and what all are a multiple of */ };

/* What a mapping of `cap` bytes takes out of its room. */
static size_t charge(size_t cap)
{
    return cap > LEAST ? cap : 0;
}

static int no_memory(size_t bytes, struct err *e)
{
    return err_set(e, ERR_MEM, "out of memory (%zu bytes)", bytes);
}

/* ---- the file ---- */

/* Where the file system has no files without a name (NFS), one that loses it at once. */
static int open_unlinked(const char *folder)
{
    char *name;
    int fd;

    if (asprintf(&name, "%s/.spool-XXXXXX", folder) < 0) {
        errno = ENOMEM;
        return -1;
    }
    fd = mkostemp(name, O_CLOEXEC);
    if (fd >= 0)
        unlink(name);
    free(name);
    return fd;
}

static int open_unnamed(const char *folder)
{
    int fd = open(folder, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL || errno == ENOENT))
        fd = open_unlinked(folder);
    return fd;
}

/* Blocks for bytes [from, to) of the file. */
static int allot(const struct spool *s, int fd, size_t from, size_t to, struct err *e)
{
    int error;

    do
        error = posix_fallocate(fd, (off_t)from, (off_t)(to - from));
    while (error == EINTR);
    if (error == 0)
        return 0;
    errno = error;
    return err_sys(e, "cannot write a temporary file in", s->room->folder);
}

static int move_to_file(struct spool *s, size_t cap, struct err *e)
{
    int fd = open_unnamed(s->room->folder);
    char *p = MAP_FAILED;

    if (fd < 0)
        return err_sys(e, "cannot make a temporary file in", s->room->folder);
    if (allot(s, fd, 0, cap, e) == 0) {
        p = mmap(NULL, cap, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED)
            no_memory(cap, e);
    }
    if (p == MAP_FAILED) {
        close(fd);
        return e->code;
    }
    if (s->len)
        memcpy(p, s->p, s->len);
    mem_unmap(s->p, s->cap);
    s->room->left += charge(s->cap);
    s->p = p;
    s->cap = cap;
    s->in_file = true;
    s->fd = fd;
    return 0;
}

/* ---- growing ---- */

static int remap(struct spool *s, size_t cap, struct err *e)
{
    void *p = s->p ? mremap(s->p, s->cap, cap, MREMAP_MAYMOVE) : mem_map(cap, e);

    if (!p || p == MAP_FAILED)
        return no_memory(cap, e);
    if (s->room && !s->in_file)
        s->room->left -= charge(cap) - charge(s->cap);
    s->p = p;
    s->cap = cap;
    return 0;
}

static int grow(struct spool *s, size_t cap, struct err *e)
{
    if (s->in_file && allot(s, s->fd, s->cap, cap, e) < 0)
        return e->code;
    if (s->room && !s->in_file && charge(cap) - charge(s->cap) > s->room->left)
        return move_to_file(s, cap, e);
    return remap(s, cap, e);
}

int spool_reserve(struct spool *s, size_t extra, struct err *e)
{
    size_t need, cap = s->cap + s->cap / 2;

    if (extra <= s->cap - s->len && s->p)
        return 0;
    if (__builtin_add_overflow(s->len, extra, &need) || need > SIZE_MAX / 2)
        return no_memory(SIZE_MAX, e);
    if (cap < need)
        cap = need;
    return grow(s, (cap / LEAST + 1) * LEAST, e);
}

int spool_add(struct spool *s, const void *p, size_t n, struct err *e)
{
    if (n > s->cap - s->len && spool_reserve(s, n, e) < 0)
        return e->code;
    if (n)
        memcpy(s->p + s->len, p, n);
    s->len += n;
    return 0;
}

int spool_zero(struct spool *s, size_t n, size_t size, struct err *e)
{
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes))
        return no_memory(SIZE_MAX, e);
    if (spool_reserve(s, bytes, e) < 0)
        return e->code;
    s->len += bytes;
    return 0;
}

void spool_free(struct spool *s)
{
    if (s->p)
        munmap(s->p, s->cap);
    if (s->in_file)
        close(s->fd);
    else if (s->room)
        s->room->left += charge(s->cap);
    *s = (struct spool){.room = s->room};
}
