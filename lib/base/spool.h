/* spool.h - arrays that grow in memory as far as a bound allows, and beyond it in files.
 *
 * What takes its memory out of a room lies in an anonymous mapping as long as the room has so much
 * left; then it moves, with what it holds, into a file without a name, mapped and shared, and stays
 * there. (64 KB are always memory, and taken out of no room.) The file's pages are the page
 * cache's, which the kernel writes out and takes away as it needs them. Its blocks are allotted
 * before they are touched: a full disk is an error, not a signal. However a process ends, nothing
 * of such a file is left.
 *
 * Cost     growing by half, by moving pages and not bytes; the move to a file copies once.
 * Errors   ERR_MEM, ERR_IO with the folder.
 * Threads  growing belongs to one thread, and so does a room; what is there may be read and written
 *          by all.
 */
#ifndef BASE_SPOOL_H
#define BASE_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct spool_room {
    const char *folder; /* where files are made */
    uint64_t left;      /* bytes of memory that may still be taken */
};

/* {0} is an empty one, without a bound. */
struct spool {
    char *p; /* a multiple of the page size; moves as it grows */
    size_t len, cap;
    struct spool_room *room; /* NULL: always memory */
    bool in_file;
    int fd; /* if in_file */
};

int spool_reserve(struct spool *s, size_t extra, struct err *e); /* room past len, all of it zero */
int spool_add(struct spool *s, const void *p, size_t n, struct err *e);
/* `n` objects of `size` bytes more, all of them zero. */
int spool_zero(struct spool *s, size_t n, size_t size, struct err *e);
void spool_free(struct spool *s); /* an empty one of the same room is left */

#endif
