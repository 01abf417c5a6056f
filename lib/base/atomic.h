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
 * Who made the new file of the old one tells so (atomic_replaces()): then it takes the place of that
 * file alone. Everybody who replaces a file has the name ".NAME.new" for a moment, so whoever has it
 * can look at NAME and then rename, and nobody comes between.
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
#include <sys/stat.h>

#include "base/err.h"

struct atomic_file;

int atomic_open(struct atomic_file **out, const char *path, struct err *e);
int atomic_fd(const struct atomic_file *f); /* open for reading too, unless written directly */
/* May atomic_pwrite() be used? Not on pipes, terminals, and files that are appended to. */
bool atomic_can_seek(const struct atomic_file *f);
/* Writes everything or fails; partial writes and EINTR are dealt with. */
int atomic_write(struct atomic_file *f, const void *p, size_t len, struct err *e);
int atomic_pwrite(struct atomic_file *f, const void *p, size_t len, uint64_t at, struct err *e);
/* What is written was made of the file `old`, which was found as `was`. Where it is to take its
 * place, the commit fails with ERR_INPUT, and does nothing, when by then the name is another file's,
 * or nobody's. `was` is still open or mapped, so that no other file can have its number. */
void atomic_replaces(struct atomic_file *f, const char *old, const struct stat *was);
/* Would it fail now, if it went to `path`? */
int atomic_unchanged(const char *path, const char *old, const struct stat *was, struct err *e);
/* Would a file written to one path take the place of one written to the other? Links are followed,
 * and none of the two need be there. */
bool atomic_same_target(const char *a, const char *b);
/* Sync, name, sync the folder. On failure nothing is left and the old file stands, except that a
 * failed sync of the folder, the last step, finds the new file in place. Frees *f either way and
 * clears it. */
int atomic_commit(struct atomic_file **f, struct err *e);
void atomic_abort(struct atomic_file **f); /* no-op on NULL: call it after commit freely */

#endif
