/* map.h - a regular file mapped or loaded, read-only. An empty file has len 0 (and p that is not
 * NULL).
 *
 * The mapping shares the file: who replaces the file by rename (atomic.h) does not disturb it, who
 * truncates it in place makes later reads die of SIGBUS. What is loaded is a copy of this process,
 * in memory that asks for huge pages (mem.h): scattered reads miss the TLB less often.
 *
 * Errors   ERR_IO with the path; a folder or a device is refused. ERR_MEM when there is no room to
 *          load. On failure *m is {0}.
 * Threads  a mapping is read-only: share it.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct map {
    const unsigned char *p;
    size_t len;
};

int map_open(struct map *m, const char *path, struct err *e);
/* The same, and the file stays open at *fd, for reads beside the mapping. */
int map_open_fd(struct map *m, int *fd, const char *path, struct err *e);
/* Whole pages within [at, at + len) are the file's no more, and must not be touched. */
void map_punch(const struct map *m, uint64_t at, uint64_t len);
/* Reads the whole file; several threads are faster, from memory and from most disks. */
int map_load(struct map *m, const char *path, int threads, struct err *e);
void map_random(const struct map *m); /* MADV_RANDOM: no read-ahead for scattered reads */
void map_close(struct map *m);        /* leaves {0}; fine on {0} */

#endif
