/* tmp.h - a folder of the test's own to write files in: tmp_enter() first, tmp_leave() last. */
#ifndef TESTS_TMP_H
#define TESTS_TMP_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char tmp_folder[] = "/tmp/sluice-test-XXXXXX";

static void tmp_enter(void)
{
    if (!mkdtemp(tmp_folder) || chdir(tmp_folder) < 0) {
        perror("cannot make a temporary folder");
        exit(1);
    }
}

static int tmp_remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static void tmp_leave(void)
{
    if (chdir("/") == 0)
        nftw(tmp_folder, tmp_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* In place: of a file that is first cut to nothing, as fopen() does, some file systems write every
 * version to the disk, and there are tests that write a hundred thousand. */
static inline void tmp_put(const char *name, const void *p, size_t len)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    size_t done = 0;
    ssize_t n = 0;

    while (fd >= 0 && done < len && (n = write(fd, (const char *)p + done, len - done)) > 0)
        done += (size_t)n;
    if (fd < 0 || done < len || ftruncate(fd, (off_t)len) < 0 || close(fd) < 0) {
        perror(name);
        exit(1);
    }
}

#endif
