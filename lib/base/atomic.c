/* atomic.c - see atomic.h.
 *
 * ".NAME.new" is locked (flock) by the writer it belongs to for as long as it has that name. Who
 * finds it there tries the lock: when it can be had, the owner is dead and the file is removed. A
 * file is also looked up again after it was locked, as it may have been renamed or removed between
 * open and flock. Where flock does not work, a leftover is reported, never removed on a guess.
 *
 * The table of unfinished named files and the signal dispositions found before ours are the only
 * mutable static state of the library, but for a mark of json.c: a signal handler has no other way
 * to know what to remove. Nor has exit(), which OpenMP calls.
 */
#include "base/atomic_int.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct atomic_file {
    int fd;      /* the data */
    int dir;     /* the target's folder (O_PATH); -1 when the target is written directly */
    char *path;  /* as the caller gave it, for messages */
    char *name;  /* of the target in its folder */
    char *fresh; /* ".NAME.new" */
    mode_t mode; /* the old file's permissions, when there is one: `replaces` */
    bool replaces;
    struct stat was; /* what alone it may replace, where `only` is set */
    bool only;
    bool named;  /* `fresh` exists and is ours */
    pid_t owner; /* `fresh` is not a forked process's to remove */
};

/* ---- removal on signals, and on exits from within ---- */

/* One more than so many at once is not removed on a signal. */
enum { UNFINISHED = 16, FOLDERS = 4 };

static const int deadly[] = {SIGINT, SIGTERM, SIGHUP};
static struct sigaction before[3];
static _Atomic(struct atomic_file *) unfinished[UNFINISHED];
static _Atomic(struct atomic_folder *) folders[FOLDERS];
static pthread_once_t handlers_once = PTHREAD_ONCE_INIT;
static atomic_int holding; /* calls of atomic_hold() without their atomic_release() */
static atomic_int held;    /* the signal that came meanwhile */

/* Removes what is ours of what stands in the folder, but for its lock: readdir() would take memory.
 * Was there anything? */
static bool empty_folder(const struct atomic_folder *f)
{
    _Alignas(8) char names[4096];
    bool any = false;
    long n;

    lseek(f->dir, 0, SEEK_SET);
    while ((n = syscall(SYS_getdents64, f->dir, names, sizeof names)) > 0)
        for (long at = 0; at < n;) {
            const struct dirent64 *d = (const void *)(names + at);
            if (f->ours(d->d_name) && !(f->lock && strcmp(d->d_name, f->lock) == 0))
                any |= unlinkat(f->dir, d->d_name, 0) == 0;
            at += d->d_reclen;
        }
    return any;
}

/* Again, if the thread that works there has made a file meanwhile. Once the lock is gone the folder
 * may be another's. */
static int remove_folder(const struct atomic_folder *f)
{
    for (int i = 0; i < 8 && empty_folder(f); i++)
        ;
    if (f->lock)
        unlinkat(f->dir, f->lock, 0);
    return rmdir(f->path);
}

/* Is it what is open that has this name? */
static bool is_named_at(int fd, int dir, const char *name, int flags)
{
    struct stat ours, named;

    return fstat(fd, &ours) == 0 && fstatat(dir, name, &named, flags) == 0 &&
           ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

/* Is it still our open file that has the name ".NAME.new"? */
static bool is_named(const struct atomic_file *f)
{
    return is_named_at(f->fd, f->dir, f->fresh, AT_SYMLINK_NOFOLLOW);
}

/* Only async-signal-safe calls. */
static void remove_unfinished(void)
{
    for (int i = 0; i < UNFINISHED; i++) {
        const struct atomic_file *f = atomic_load(&unfinished[i]);
        if (f && f->owner == getpid() && is_named(f)) /* not yet renamed: another may have it */
            unlinkat(f->dir, f->fresh, 0);
    }
    for (int i = 0; i < FOLDERS; i++) {
        const struct atomic_folder *f = atomic_load(&folders[i]);
        if (f && f->owner == getpid())
            remove_folder(f);
    }
}

/* The signal raised again is delivered when this handler returns. It is noted before `holding` is
 * looked at, and atomic_release() looks at it after: one of the two sees the other. */
static void on_signal(int sig)
{
    int saved = errno;

    atomic_store(&held, sig);
    if (atomic_load(&holding) > 0 || !atomic_exchange(&held, 0))
        return;
    remove_unfinished();
    for (int i = 0; i < 3; i++)
        if (deadly[i] == sig)
            sigaction(sig, &before[i], NULL);
    raise(sig);
    errno = saved;
}

static void install_handlers(void)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    atexit(remove_unfinished); /* OpenMP exits when it has no memory or no thread */
    sigemptyset(&sa.sa_mask);
    for (int i = 0; i < 3; i++) {
        sigaction(deadly[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN) /* nohup, or a background job: stays so */
            sigaction(deadly[i], &sa, NULL);
    }
}

void atomic_hold(void)
{
    pthread_once(&handlers_once, install_handlers);
    atomic_fetch_add(&holding, 1);
}

void atomic_release(void)
{
    if (atomic_fetch_sub(&holding, 1) > 1)
        return;
    int sig = atomic_exchange(&held, 0), saved = errno;
    if (sig)
        raise(sig);
    errno = saved;
}

/* Between atomic_hold() and atomic_release(), as what is there already. */
static void remember(struct atomic_file *f)
{
    f->owner = getpid();
    for (int i = 0; i < UNFINISHED; i++) {
        struct atomic_file *none = NULL;
        if (atomic_compare_exchange_strong(&unfinished[i], &none, f))
            return;
    }
}

static void forget(struct atomic_file *f)
{
    for (int i = 0; i < UNFINISHED; i++) {
        struct atomic_file *mine = f;
        if (atomic_compare_exchange_strong(&unfinished[i], &mine, NULL))
            return;
    }
}

int atomic_folder_begin(struct atomic_folder *f, struct err *e)
{
    f->owner = getpid();
    f->dir = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->dir < 0) {
        err_sys(e, "cannot open", f->path);
        *f = (struct atomic_folder){0};
        return e->code;
    }
    for (int i = 0; i < FOLDERS; i++) {
        struct atomic_folder *none = NULL;
        if (atomic_compare_exchange_strong(&folders[i], &none, f))
            break;
    }
    return 0;
}

void atomic_folder_end(struct atomic_folder *f)
{
    if (!f->path)
        return;
    for (int i = 0; i < FOLDERS; i++) {
        struct atomic_folder *mine = f;
        if (atomic_compare_exchange_strong(&folders[i], &mine, NULL))
            break;
    }
    close(f->dir);
    *f = (struct atomic_folder){0};
}

int atomic_folder_remove(struct atomic_folder *f, struct err *e)
{
    int rc = remove_folder(f) < 0 ? err_sys(e, "cannot remove", f->path) : 0;

    atomic_folder_end(f);
    return rc;
}

/* ---- finding the target ---- */

/* Follows links in the last component, also one that points at nothing yet: it says where the file
 * is wanted. A malloc'd path, or NULL with errno. */
static char *follow(const char *path)
{
    char *p = strdup(path), target[PATH_MAX];

    for (int hops = 0; p && hops < 40; hops++) {
        char *slash = strrchr(p, '/'), *next = NULL;
        ssize_t n = readlink(p, target, sizeof target);

        if (n < 0)
            return p;
        int dir_len = slash && target[0] != '/' ? (int)(slash - p) + 1 : 0;
        if (asprintf(&next, "%.*s%.*s", dir_len, p, (int)n, target) < 0)
            next = NULL;
        free(p);
        p = next;
    }
    errno = p ? ELOOP : ENOMEM;
    free(p); /* keeps errno */
    return NULL;
}

/* Names of things already open, not of files. */
static bool is_handle(const char *path)
{
    static const char *const prefix[] = {"/dev/std", "/dev/fd/", "/proc/"};

    for (size_t i = 0; i < sizeof prefix / sizeof *prefix; i++)
        if (strncmp(path, prefix[i], strlen(prefix[i])) == 0)
            return true;
    return false;
}

static int fail(const struct atomic_file *f, struct err *e)
{
    return err_sys(e, "cannot write", f->path);
}

/* Splits the target into folder and name, and opens the folder. */
static int open_folder(struct atomic_file *f, struct err *e)
{
    char *real = follow(f->path), *slash;
    const char *dir;
    int rc = 0;

    if (!real)
        return fail(f, e);
    slash = strrchr(real, '/');
    f->name = strdup(slash ? slash + 1 : real);
    if (slash)
        slash[slash == real] = '\0';
    dir = slash ? real : ".";
    if (!f->name || asprintf(&f->fresh, ".%.*s.new", NAME_MAX - 5, f->name) < 0) {
        f->fresh = NULL;
        rc = err_set(e, ERR_MEM, "out of memory");
    } else if (f->name[0] == '\0') {
        errno = EISDIR;
        rc = fail(f, e);
    } else if ((f->dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0) {
        rc = err_set(e, ERR_IO, "cannot write '%s': folder '%s': %s", f->path, dir,
                     strerror(errno));
    }
    free(real);
    return rc;
}

int atomic_lock_fd(int fd, int how)
{
    int rc;

    do
        rc = flock(fd, how);
    while (rc < 0 && errno == EINTR);
    return rc;
}

bool atomic_is_named(int fd, const char *path)
{
    return is_named_at(fd, AT_FDCWD, path, 0);
}

int atomic_sync_fd(int fd)
{
    int rc;

    do
        rc = fsync(fd);
    while (rc < 0 && errno == EINTR);
    return rc;
}

/* ---- the two ways to hold the data ---- */

/* Removes a ".NAME.new" whose writer is dead. With `wait` a living one is waited for. */
static int take_away(const struct atomic_file *f, bool wait, struct err *e)
{
    int fd = openat(f->dir, f->fresh, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int rc = 0;

    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0 || atomic_lock_fd(fd, wait ? LOCK_EX : LOCK_EX | LOCK_NB) < 0 ||
        (is_named_at(fd, f->dir, f->fresh, AT_SYMLINK_NOFOLLOW) &&
         unlinkat(f->dir, f->fresh, 0) < 0))
        rc = err_set(e, ERR_IO, "cannot write '%s': '%s' is in the way: %s", f->path, f->fresh,
                     errno == EWOULDBLOCK ? "another process is writing it" : strerror(errno));
    if (fd >= 0)
        close(fd);
    return rc;
}

/* Makes ".NAME.new", to go on a signal: -1 with errno. */
static int create_fresh(struct atomic_file *f)
{
    atomic_hold();
    f->fd = openat(f->dir, f->fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
                   f->replaces ? 0600 : 0666);
    if (f->fd >= 0)
        remember(f);
    atomic_release();
    return f->fd;
}

static int open_named(struct atomic_file *f, struct err *e)
{
    for (;;) {
        if (create_fresh(f) < 0) {
            if (errno != EEXIST)
                return fail(f, e);
            if (take_away(f, false, e) < 0)
                return e->code;
            continue;
        }
        atomic_lock_fd(f->fd, LOCK_EX); /* without locks others stop at the name */
        f->named = is_named(f);
        if (f->named)
            return 0;
        forget(f); /* taken for a dead writer's before the lock was ours */
        close(f->fd);
    }
}

static void proc_name(int fd, char name[40])
{
    snprintf(name, 40, "/proc/self/fd/%d", fd);
}

/* 1 when done, 0 when this file system or kernel cannot (or /proc, needed later, is missing). */
static int open_unnamed(struct atomic_file *f, struct err *e)
{
    char proc[40];

    f->fd = openat(f->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, f->replaces ? 0600 : 0666);
    if (f->fd < 0)
        return errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL || errno == ENOENT
                   ? 0
                   : fail(f, e);
    proc_name(f->fd, proc);
    if (access(proc, F_OK) < 0) {
        close(f->fd);
        f->fd = -1;
        return 0;
    }
    atomic_lock_fd(f->fd, LOCK_EX); /* held when it gets the name ".NAME.new" */
    return 1;
}

static int open_direct(struct atomic_file *f, bool append, struct err *e)
{
    f->fd = open(f->path, O_WRONLY | O_CLOEXEC | O_NOCTTY | (append ? O_APPEND : 0));
    return f->fd < 0 ? fail(f, e) : 0;
}

static int open_file(struct atomic_file *f, bool want_unnamed, struct err *e)
{
    struct stat st;
    int rc;

    f->replaces = stat(f->path, &st) == 0;
    if (!f->replaces && errno != ENOENT)
        return fail(f, e);
    if (f->replaces && (!S_ISREG(st.st_mode) || is_handle(f->path)))
        return open_direct(f, S_ISREG(st.st_mode), e); /* a folder fails here, with EISDIR */
    f->mode = f->replaces ? st.st_mode & 0777 : 0;
    if (open_folder(f, e) < 0)
        return e->code;
    rc = want_unnamed ? open_unnamed(f, e) : 0;
    return rc == 0 ? open_named(f, e) : rc < 0 ? rc : 0;
}

static int open_either(struct atomic_file **out, const char *path, bool want_unnamed, struct err *e)
{
    struct atomic_file *f = mem_zero(1, sizeof *f, e);
    int rc;

    *out = NULL;
    if (!f)
        return e->code;
    f->fd = f->dir = -1;
    f->path = strdup(path);
    rc = f->path ? open_file(f, want_unnamed, e) : err_set(e, ERR_MEM, "out of memory");
    if (rc < 0)
        atomic_abort(&f);
    *out = f;
    return rc;
}

int atomic_open(struct atomic_file **out, const char *path, struct err *e)
{
    return open_either(out, path, true, e);
}

int atomic_open_named(struct atomic_file **out, const char *path, struct err *e)
{
    return open_either(out, path, false, e);
}

/* ---- writing ---- */

int atomic_fd(const struct atomic_file *f)
{
    return f->fd;
}

bool atomic_can_seek(const struct atomic_file *f)
{
    return !(fcntl(f->fd, F_GETFL) & O_APPEND) && lseek(f->fd, 0, SEEK_CUR) >= 0;
}

static int write_error(const char *name, struct err *e)
{
    return errno == EPIPE ? err_set(e, ERR_IO, "%s", "") : err_sys(e, "cannot write", name);
}

int atomic_write_fd(int fd, const char *name, const void *p, size_t len, struct err *e)
{
    for (const char *c = p; len > 0;) {
        ssize_t n = write(fd, c, len);

        if (n < 0 && errno != EINTR)
            return write_error(name, e);
        if (n > 0) {
            c += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

int atomic_write(struct atomic_file *f, const void *p, size_t len, struct err *e)
{
    return atomic_write_fd(f->fd, f->path, p, len, e);
}

int atomic_pwrite(struct atomic_file *f, const void *p, size_t len, uint64_t at, struct err *e)
{
    for (const char *c = p; len > 0;) {
        ssize_t n = pwrite(f->fd, c, len, (off_t)at);

        if (n < 0 && errno != EINTR)
            return write_error(f->path, e);
        if (n > 0) {
            c += n;
            len -= (size_t)n;
            at += (uint64_t)n;
        }
    }
    return 0;
}

/* ---- what is replaced ---- */

static bool is_unchanged(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int was_changed(const char *path, struct err *e)
{
    return err_set(e, ERR_INPUT, "%s was changed by another meanwhile, and is left as it is", path);
}

/* The folder of a path that follow() gave, and the name in it. */
static const char *look_up_folder(char *path, struct stat *folder)
{
    char *slash = strrchr(path, '/');
    int rc;

    if (!slash)
        rc = stat(".", folder);
    else if (slash == path)
        rc = stat("/", folder);
    else {
        *slash = '\0';
        rc = stat(path, folder);
    }
    return rc < 0 ? NULL : slash ? slash + 1 : path;
}

bool atomic_same_target(const char *a, const char *b)
{
    char *path[2] = {follow(a), follow(b)};
    const char *name[2] = {NULL, NULL};
    struct stat folder[2];

    for (int i = 0; i < 2; i++)
        if (path[i])
            name[i] = look_up_folder(path[i], &folder[i]);
    bool same = name[0] && name[1] && strcmp(name[0], name[1]) == 0 &&
                folder[0].st_dev == folder[1].st_dev && folder[0].st_ino == folder[1].st_ino;
    free(path[0]);
    free(path[1]);
    return same;
}

void atomic_replaces(struct atomic_file *f, const char *old, const struct stat *was)
{
    f->was = *was;
    f->only = atomic_same_target(f->path, old);
}

int atomic_unchanged(const char *path, const char *old, const struct stat *was, struct err *e)
{
    struct stat now;

    if (!atomic_same_target(path, old) || (stat(path, &now) == 0 && is_unchanged(&now, was)))
        return 0;
    return was_changed(path, e);
}

/* ---- the end ---- */

/* The folder, to be synced: -1 where there is none to be had. One that may be written but not read
 * cannot be opened for it: that is as good as it gets. */
static int open_to_sync(const struct atomic_file *f, int *fd, struct err *e)
{
    *fd = openat(f->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *fd < 0 && errno != EACCES ? fail(f, e) : 0;
}

/* Some file systems cannot sync a folder and say EINVAL. */
static int sync_folder(const struct atomic_file *f, int fd, struct err *e)
{
    return fd >= 0 && atomic_sync_fd(fd) < 0 && errno != EINVAL ? fail(f, e) : 0;
}

/* While ".NAME.new" is ours nobody else gives NAME to a file. */
static int check_replaced(const struct atomic_file *f, struct err *e)
{
    struct stat now;

    if (!f->only ||
        (fstatat(f->dir, f->name, &now, AT_SYMLINK_NOFOLLOW) == 0 && is_unchanged(&now, &f->was)))
        return 0;
    return was_changed(f->path, e);
}

static int rename_fresh(struct atomic_file *f, struct err *e)
{
    if (check_replaced(f, e) < 0)
        return e->code;
    if (renameat(f->dir, f->fresh, f->dir, f->name) < 0)
        return fail(f, e);
    f->named = false;
    forget(f);
    return 0;
}

/* Gives the unnamed file the name ".NAME.new", to go on a signal: -1 with errno. */
static int link_fresh(struct atomic_file *f, const char *proc)
{
    atomic_hold();
    f->named = linkat(AT_FDCWD, proc, f->dir, f->fresh, AT_SYMLINK_FOLLOW) == 0;
    if (f->named)
        remember(f);
    atomic_release();
    return f->named ? 0 : -1;
}

/* Gives the unnamed file its name: at once when that is free, else by way of ".NAME.new". */
static int link_unnamed(struct atomic_file *f, struct err *e)
{
    char proc[40];

    proc_name(f->fd, proc);
    if (!f->only && linkat(AT_FDCWD, proc, f->dir, f->name, AT_SYMLINK_FOLLOW) == 0)
        return 0;
    if (!f->only && errno != EEXIST)
        return fail(f, e);
    while (link_fresh(f, proc) < 0) {
        if (errno != EEXIST)
            return fail(f, e);
        if (take_away(f, true, e) < 0) /* a living writer is as short as we are */
            return e->code;
    }
    return rename_fresh(f, e);
}

/* Whatever can fail comes before the file has its name, but for the sync of that. */
static int publish(struct atomic_file *f, struct err *e)
{
    int folder = -1, rc = 0;

    if (f->replaces && fchmod(f->fd, f->mode) < 0)
        return fail(f, e);
    if (atomic_sync_fd(f->fd) < 0)
        return fail(f, e);
    if (open_to_sync(f, &folder, e) < 0)
        return e->code;
    rc = f->named ? rename_fresh(f, e) : link_unnamed(f, e);
    if (rc == 0)
        rc = sync_folder(f, folder, e);
    if (folder >= 0)
        close(folder);
    return rc;
}

int atomic_ask_stdout(struct err *e)
{
    int fd = dup(STDOUT_FILENO);

    return fd < 0 || (close(fd) < 0 && errno != EINTR) ? err_sys(e, "cannot write", "stdout") : 0;
}

/* Some errors of a direct target come only with close (NFS, quotas). */
static int close_direct(struct atomic_file *f, struct err *e)
{
    int fd = f->fd;

    f->fd = -1;
    return close(fd) < 0 && errno != EINTR ? fail(f, e) : 0;
}

int atomic_commit(struct atomic_file **pf, struct err *e)
{
    int rc = (*pf)->dir < 0 ? close_direct(*pf, e) : publish(*pf, e);

    atomic_abort(pf);
    return rc;
}

void atomic_abort(struct atomic_file **pf)
{
    struct atomic_file *f = *pf;

    *pf = NULL;
    if (!f)
        return;
    if (f->named) {
        unlinkat(f->dir, f->fresh, 0);
        forget(f);
    }
    if (f->fd >= 0)
        close(f->fd);
    if (f->dir >= 0)
        close(f->dir);
    free(f->path);
    free(f->name);
    free(f->fresh);
    free(f);
}
