/* counted.h - a file that begins with a header, which holds a count that is known at the end only.
 *
 * Where the target can be sought the header's place is left free and filled at the end. Else (a
 * pipe), what follows the header waits in an unnamed temporary file. Where the header is known
 * beforehand everything goes straight through, whatever the target.
 *
 * A named file appears whole at counted_commit() or not at all (atomic.h).
 *
 * Errors   ERR_IO with the path, or the folder of the temporary file; a closed pipe is ERR_IO with
 *          an empty sentence. ERR_MEM. After a failed call a writer can only be aborted.
 * Memory   holds 1 MB.
 * Threads  one writer, one thread.
 */
#ifndef VEC_COUNTED_H
#define VEC_COUNTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct counted;

/* `path` NULL or "-": standard output. spool_dir NULL: /tmp. header_len may be 0; `header` NULL:
 * not known yet, counted_commit() will be given it. */
int counted_open(struct counted **out, const char *path, const void *header, size_t header_len,
                 const char *spool_dir, struct err *e);
int counted_write(struct counted *c, const void *p, size_t len, struct err *e);
/* Room for `len` bytes (at most COUNTED_ROOM), for the caller to fill and then to
 * counted_wrote(); NULL with *e filled. */
enum { COUNTED_ROOM = 64 << 10 };
unsigned char *counted_room(struct counted *c, size_t len, struct err *e);
void counted_wrote(struct counted *c, size_t len);
const char *counted_name(const struct counted *c); /* for messages */
/* `header` (header_len bytes) where it was not known; else it is not looked at. Frees *c either
 * way. */
int counted_commit(struct counted **c, const void *header, struct err *e);
void counted_abort(struct counted **c); /* no-op on NULL */

#endif
