/* fuzz.c - files of fuzz targets: in memory where there is /dev/shm. */
#include "fuzz.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATHS = 24, PATH_MOST = 128 };

static char folder[64];
static char paths[PATHS][PATH_MOST];

static int drop(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static void leave(void)
{
    nftw(folder, drop, 8, FTW_DEPTH | FTW_PHYS);
}

static void enter(void)
{
    const char *where = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

    snprintf(folder, sizeof folder, "%s/sluice-fuzz.XXXXXX", where);
    FUZZ_CHECK(mkdtemp(folder));
    atexit(leave);
}

void fuzz_drop(const char *name)
{
    nftw(fuzz_path(name), drop, 8, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_path(const char *name)
{
    char path[PATH_MOST];
    size_t i = 0;

    if (!*folder)
        enter();
    snprintf(path, sizeof path, "%s/%s", folder, name);
    while (i < PATHS - 1 && *paths[i] && strcmp(paths[i], path) != 0)
        i++; /* the last one is for all others */
    memcpy(paths[i], path, sizeof path);
    return paths[i];
}

const char *fuzz_file(const char *name, const void *p, size_t len)
{
    const char *path = fuzz_path(name);
    int fd;

    unlink(path);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FUZZ_CHECK(fd >= 0 && (len == 0 || write(fd, p, len) == (ssize_t)len));
    close(fd);
    return path;
}
