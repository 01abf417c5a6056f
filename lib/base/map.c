/* map.c - see map.h. */
#include "base/map.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int map_fd(struct map *m, int fd, const char *path, struct err *e)
{
    struct stat st;
    void *p;

    if (fstat(fd, &st) < 0)
        return err_sys(e, "cannot read", path);
    if (S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        return err_sys(e, "cannot read", path);
    }
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_IO, "cannot map '%s': not a regular file", path);
    m->p = (const unsigned char *)"";
    m->len = (size_t)st.st_size;
    if (m->len == 0) /* mmap refuses a length of 0 */
        return 0;
    p = mmap(NULL, m->len, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) {
        *m = (struct map){0};
        return err_sys(e, "cannot map", path);
    }
    m->p = p;
    return 0;
}

int map_open(struct map *m, const char *path, struct err *e)
{
    int fd, rc;

    *m = (struct map){0};
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hold us up */
    if (fd < 0)
        return err_sys(e, "cannot open", path);
    rc = map_fd(m, fd, path, e);
    close(fd);
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

void map_close(struct map *m)
{
    if (m->len > 0)
        munmap(mapped(m), m->len);
    *m = (struct map){0};
}
