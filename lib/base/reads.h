/* reads.h - many scattered reads of one file at once: by io_uring, or one after the other by pread.
 *
 * A caller keeps some reads under way and takes them as they end, in any order. Where the kernel
 * has no io_uring, or a container forbids it (ENOSYS, EPERM), and where the program was built
 * without liburing, each read is a pread() when it is asked for; results are the same. Short reads
 * are gone on with, EINTR is no error.
 *
 * Cost     of a read of a few pages: some 4 us of the thread's time.
 * Errors   ERR_IO, ERR_MEM; ERR_CORRUPT where the file ends before what is wanted.
 * Threads  one, that which made it.
 */
#ifndef BASE_READS_H
#define BASE_READS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/reads_by.h"

struct reads;

/* Up to `most` at once. fd and name outlive it. ERR_IO with READS_URING where there is none. */
int reads_new(struct reads **out, int fd, const char *name, unsigned most, enum reads_by by,
              struct err *e);
/* No read may be under way. NULL is fine. */
void reads_free(struct reads *r);

/* Asks for `len` bytes at `at`, of which the first `need` must be there. Fewer than `most` are
 * under way. `tag` is below `most`, and of no other read under way. */
void reads_ask(struct reads *r, unsigned tag, uint64_t at, void *to, size_t len, size_t need);
unsigned reads_under_way(const struct reads *r);
/* Waits until one that is under way has ended: its tag. */
int reads_take(struct reads *r, unsigned *tag, struct err *e);
/* After an error: waits for the others, whatever becomes of them. Until then the kernel may write
 * to where they go. */
void reads_drain(struct reads *r);

#endif
