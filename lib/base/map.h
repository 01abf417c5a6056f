/* map.h - a regular file mapped read-only. An empty file maps to len 0 (and p that is not NULL).
 *
 * The mapping shares the file: who replaces the file by rename (atomic.h) does not disturb it, who
 * truncates it in place makes later reads die of SIGBUS.
 *
 * Errors   ERR_IO with the path; a folder or a device is refused. On failure *m is {0}.
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
void map_random(const struct map *m); /* MADV_RANDOM: no read-ahead for scattered reads */
void map_close(struct map *m);        /* leaves {0}; fine on {0} */

#endif
