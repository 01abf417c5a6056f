/* atomic.h - a file appears whole or not at all.
 *
 * The data goes to an unnamed file (O_TMPFILE) in the target's folder; commit syncs it, gives it
 * the name, and syncs the folder. Whoever opens the path sees the old file or the new one, and a
 * process killed at any time leaves nothing behind. Replacing an existing file needs a name for
 * the moment between link and rename: ".NAME.new", which the next writer of NAME takes away if a
 * kill fell in that moment. Where the file system has no O_TMPFILE (NFS), that name is used from
 * the start, and removed on abort, on exit() and on SIGINT/SIGTERM/SIGHUP; two such writers of one
 * NAME at the same time: the second is refused. (Long NAMEs are cut to make ".NAME.new" a legal
 * name.)
 *
 * A new file gets the permissions 0666 less the umask, a replaced one keeps the old file's. A
 * symbolic link is followed, dangling or not: the file it points at is replaced, or made.
 *
 * Targets that exist and are no regular file (/dev/full, a FIFO) are written directly, and so is
 * whatever /dev/stdout, /dev/stderr, /dev/fd/N and /proc/... stand for: an open file is appended
 * to.
 *
 * Errors   ERR_IO with the path; a closed pipe is ERR_IO with an empty sentence. A missing folder
 *          or one that may not be written is found by atomic_open().
 * Threads  an atomic_file belongs to one thread; different ones may be used at the same time.
 */
#ifndef BASE_ATOMIC_H
#define BASE_ATOMIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct atomic_file;

int atomic_open(struct atomic_file **out, const char *path, struct err *e);
int atomic_fd(const struct atomic_file *f); /* open for reading too, unless written directly */
/* May atomic_pwrite() be used? Not on pipes, terminals, and files that are appended to. */
bool atomic_can_seek(const struct atomic_file *f);
/* Writes everything or fails; partial writes and EINTR are dealt with. */
int atomic_write(struct atomic_file *f, const void *p, size_t len, struct err *e);
int atomic_pwrite(struct atomic_file *f, const void *p, size_t len, uint64_t at, struct err *e);
/* Sync, name, sync the folder. On failure nothing is left and the old file stands, except that a
 * failed sync of the folder, the last step, finds the new file in place. Frees *f either way and
 * clears it. */
int atomic_commit(struct atomic_file **f, struct err *e);
void atomic_abort(struct atomic_file **f); /* no-op on NULL: call it after commit freely */

#endif
