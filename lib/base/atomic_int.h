/* atomic_int.h - what out.c, vec/counted.c, fm/parts.c and the tests need of atomic.c. */
#ifndef BASE_ATOMIC_INT_H
#define BASE_ATOMIC_INT_H

#include "base/atomic.h"

/* All of p[0..len) to fd, or ERR_IO naming `name` ("cannot write 'NAME': reason"); a closed pipe is
 * ERR_IO with an empty sentence. */
int atomic_write_fd(int fd, const char *name, const void *p, size_t len, struct err *e);

/* Some file systems tell of a full disk only at close (NFS, quotas): closing a copy of standard
 * output asks them. */
int atomic_ask_stdout(struct err *e);

/* fsync and flock, done again when a signal interrupts them. */
int atomic_sync_fd(int fd);
int atomic_lock_fd(int fd, int how);

/* atomic_open() as on a file system without O_TMPFILE: the data is ".NAME.new" from the start. */
int atomic_open_named(struct atomic_file **out, const char *path, struct err *e);

#endif
