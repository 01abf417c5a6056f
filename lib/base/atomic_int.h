/* atomic_int.h - what out.c, vec/counted.c, vec/zoo_get.c, fm/parts.c and the tests need of atomic.c. */
#ifndef BASE_ATOMIC_INT_H
#define BASE_ATOMIC_INT_H

#include <sys/types.h>

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
/* Is what was locked still what has that name? Its last owner may have removed it. */
bool atomic_is_named(int fd, const char *path);

/* Between the two SIGINT, SIGTERM and SIGHUP wait, in all threads: around the making, or the renaming,
 * of something and the word that it goes, or stays, when they come. For what takes no time. They nest. */
void atomic_hold(void);
void atomic_release(void); /* keeps errno */

/* A folder of files that are wanted no longer than the process. From _begin() on, where SIGINT,
 * SIGTERM, SIGHUP or an exit() from within ends it, the files in the folder that `ours` says yes to
 * are removed, and then the folder, if it is empty. Between atomic_hold() and atomic_release(), as
 * the folder's making. The struct and the path, which must lead there
 * from the working folder, stay until _end(). A signal handler calls ours(). ERR_IO. */
struct atomic_folder {
    const char *path;
    bool (*ours)(const char *name);
    const char *lock; /* what is removed last, as who has it locked has the folder; or NULL */
    int dir;          /* the rest is private */
    pid_t owner;      /* it is not a forked process's to remove */
};
int atomic_folder_begin(struct atomic_folder *f, struct err *e);
void atomic_folder_end(struct atomic_folder *f); /* no-op on one that has not begun: {0} */
/* Now, and _end(). Takes no memory and no descriptor. ERR_IO. */
int atomic_folder_remove(struct atomic_folder *f, struct err *e);

/* atomic_open() as on a file system without O_TMPFILE: the data is ".NAME.new" from the start. */
int atomic_open_named(struct atomic_file **out, const char *path, struct err *e);

#endif
