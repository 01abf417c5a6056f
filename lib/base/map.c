/* map.c - see map.h. */
#include "base/map.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/par.h"

enum { LOAD_CHUNK = 4 << 20 };

/* A regular file's descriptor and its size. */
static int open_file(const char *path, size_t *len, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hold us up */
    struct stat st;
    int rc = 0;

    if (fd < 0)
        return err_sys(e, "cannot open", path);
    if (fstat(fd, &st) < 0) {
        rc = err_sys(e, "cannot read", path);
    } else if (S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        rc = err_sys(e, "cannot read", path);
    } else if (!S_ISREG(st.st_mode)) {
        rc = err_set(e, ERR_IO, "cannot map '%s': not a regular file", path);
    }
    if (rc < 0) {
        close(fd);
        return rc;
    }
    *len = (size_t)st.st_size;
    return fd;
}

int map_open_fd(struct map *m, int *fd, const char *path, struct err *e)
{
    size_t len = 0;
    void *p;

    *m = (struct map){0};
    *fd = open_file(path, &len, e);
    if (*fd < 0)
        return e->code;
    p = len ? mmap(NULL, len, PROT_READ, MAP_SHARED, *fd, 0) : (void *)(uintptr_t) "";
    if (p == MAP_FAILED) {
        err_sys(e, "cannot map", path);
        close(*fd);
        *fd = -1;
        return e->code;
    }
    *m = (struct map){p, len};
    return 0;
}

int map_open(struct map *m, const char *path, struct err *e)
{
    int fd;

    if (map_open_fd(m, &fd, path, e) < 0)
        return e->code;
    close(fd);
    return 0;
}

/* Bytes [at, at + len) of the file: 0, an errno, or -1 when the file ends before. */
static int read_at(int fd, unsigned char *p, size_t at, size_t len)
{
    while (len) {
        ssize_t n = pread(fd, p, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n ? errno : -1;
        p += n;
        at += (size_t)n;
        len -= (size_t)n;
    }
    return 0;
}

/* Whoever touches a page first has it zeroed: that too is done by all threads. */
static int read_whole(int fd, unsigned char *p, size_t len, int threads, const char *path,
                      struct err *e)
{
    struct par_chunks c = par_split(len, LOAD_CHUNK, LOAD_CHUNK, threads);
    int failed = 0;

#pragma omp parallel for num_threads(c.team) schedule(dynamic) if (c.team > 1)
    for (int64_t i = 0; i < c.count; i++) {
        size_t at = (size_t)i * c.size, n = len - at < c.size ? len - at : c.size;
        int rc = read_at(fd, p + at, at, n);
        if (rc) {
#pragma omp atomic write
            failed = rc;
        }
    }
    if (failed < 0)
        return err_set(e, ERR_IO, "cannot read '%s': it has become shorter", path);
    if (failed) {
        errno = failed;
        return err_sys(e, "cannot read", path);
    }
    return 0;
}

int map_load(struct map *m, const char *path, int threads, struct err *e)
{
    size_t len = 0;
    int fd = open_file(path, &len, e), rc = 0;
    unsigned char *p = NULL;

    *m = (struct map){0};
    if (fd < 0)
        return fd;
    if (len && !(p = mem_map(len, e)))
        rc = err_set(e, ERR_MEM, "cannot load '%s': out of memory (%zu bytes)", path, len);
    else if (len)
        rc = read_whole(fd, p, len, threads, path, e);
    close(fd);
    if (rc < 0)
        mem_unmap(p, len);
    else
        *m = (struct map){p ? p : (const unsigned char *)"", len};
    return rc;
}

/* munmap and madvise want a pointer without const. */
static void *mapped(const struct map *m)
{
    return (void *)(uintptr_t)m->p;
}

void map_random(const struct map *m)
{
    if (m->len > 0)
        madvise(mapped(m), m->len, MADV_RANDOM); /* a wish: reading works without it */
}

void map_punch(const struct map *m, uint64_t at, uint64_t len)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), from = (at + page - 1) / page * page,
             to = (at + len) / page * page;

    /* not munmap(): what others map there meanwhile would go with the rest */
    if (from < to)
        mmap((unsigned char *)mapped(m) + from, to - from, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

void map_close(struct map *m)
{
    if (m->len > 0)
        munmap(mapped(m), m->len);
    *m = (struct map){0};
}
