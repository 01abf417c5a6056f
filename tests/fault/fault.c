/* fault.c - a library to preload, which makes one system call or allocation after another fail.
 *
 * $FAULT_FD is a descriptor of a struct fault_page, which says what is to fail and in which every
 * call is counted; walk.c is who gives it. $FAULT_NAMED, set to anything, makes every file system
 * one without unnamed files (O_TMPFILE), as NFS is. $FAULT_LATE, set to anything, makes opendir()
 * wait a third of a second, in which others can change what was there. $FAULT_KEEP, set to
 * anything, lets no file and no folder be removed.
 *
 * Calls count from the beginning of main(): what the constructors of OpenBLAS and libgomp do is
 * not ours. What the C library writes or opens within itself is not seen, but for its allocations,
 * which come through here; the functions of stdio that our programs call are.
 */
#include "fault.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#ifdef SLUICE_URING
#include <liburing.h>
#endif

static struct fault_page *page; /* NULL until main() begins */
static bool no_tmpfile;
static bool late;
static bool keeps;

/* ---- what is to fail ---- */

static void who(void *caller)
{
    void *frame[16];
    Dl_info at, program;
    int n;

    if (atomic_fetch_add(&page->fired, 1) > 0)
        return;
    page->kind = FAULT_KINDS; /* backtrace() and dladdr() may come through here */
    dladdr(caller, &at);
    strncpy(page->object,
            strrchr(at.dli_fname, '/') ? strrchr(at.dli_fname, '/') + 1 : at.dli_fname,
            sizeof page->object - 1);
    if (!getenv("FAULT_TRACE"))
        return;
    n = backtrace(frame, 16);
    for (int i = 2; i < n; i++)
        if (dladdr(frame[i], &program))
            page->frame[page->frames++] = (uint64_t)((char *)frame[i] - (char *)program.dli_fbase) -
                                          1;
}

/* 0: this call goes on. Otherwise an errno, which is set, or FAULT_SHORT. */
static int strike(enum fault_kind kind, void *caller)
{
    uint64_t n;
    bool hit;

    if (!page)
        return 0;
    n = atomic_fetch_add(&page->count[kind], 1) + 1;
    if (page->how == 0 || kind != page->kind || n < page->nth)
        return 0;
    hit = n == page->nth || page->when == FAULT_ON ||
          (page->when == FAULT_EVERY_OTHER && (n - page->nth) % 2 == 0);
    if (!hit)
        return 0;
    if (page->how == FAULT_KILL)
        raise(SIGKILL);
    if (page->how == FAULT_TERM) {
        page->how = 0;
        raise(SIGTERM);
        return 0; /* it waits for a better moment */
    }
    who(caller);
    page->kind = kind;
    if (page->how < FAULT_SHORT)
        errno = (int)page->how;
    return (int)page->how;
}

#define STRIKE(kind) strike(kind, __builtin_return_address(0))

typedef int main_fn(int, char **, char **);
static main_fn *real_main;

static int armed_main(int argc, char **argv, char **env)
{
    const char *fd = getenv("FAULT_FD");
    long p;

    no_tmpfile = getenv("FAULT_NAMED") != NULL;
    late = getenv("FAULT_LATE") != NULL;
    keeps = getenv("FAULT_KEEP") != NULL;
    if (fd) {
        p = syscall(SYS_mmap, NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, atoi(fd), 0);
        if (p != -1)
            page = (struct fault_page *)p;
    }
    return real_main(argc, argv, env);
}

/* The C library's own declaration is in no header. */
int __libc_start_main(main_fn *, int, char **, void (*)(void), void (*)(void), void (*)(void),
                      void *);
int __libc_start_main(main_fn *m, int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*loader_fini)(void), void *stack)
{
    int (*real)(main_fn *, int, char **, void (*)(void), void (*)(void), void (*)(void), void *);

    *(void **)&real = dlsym(RTLD_NEXT, "__libc_start_main");
    real_main = m;
    return real(armed_main, argc, argv, init, fini, loader_fini, stack);
}

/* ---- bytes out and in ---- */

static size_t half(size_t n, int how)
{
    return how == FAULT_SHORT && n > 1 ? n / 2 : n;
}

ssize_t write(int fd, const void *p, size_t n)
{
    int how = fd == STDERR_FILENO ? 0 : STRIKE(FAULT_WRITE);

    return how && how != FAULT_SHORT ? -1 : syscall(SYS_write, fd, p, half(n, how));
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
    int how = STRIKE(FAULT_WRITE);

    return how && how != FAULT_SHORT ? -1 : syscall(SYS_pwrite64, fd, p, half(n, how), at);
}

ssize_t writev(int fd, const struct iovec *v, int n)
{
    int how = STRIKE(FAULT_WRITE);

    return how && how != FAULT_SHORT ? -1 : syscall(SYS_writev, fd, v, n);
}

int fflush(FILE *f)
{
    int (*real)(FILE *);

    *(void **)&real = dlsym(RTLD_NEXT, "fflush");
    /* what it has written by halves, or been kept from by a signal, is the C library's affair */
    int how = f == stdout ? STRIKE(FAULT_WRITE) : 0;
    return how && how != FAULT_SHORT && how != EINTR ? EOF : real(f);
}

ssize_t read(int fd, void *p, size_t n)
{
    int how = STRIKE(FAULT_READ);

    return how && how != FAULT_SHORT ? -1 : syscall(SYS_read, fd, p, half(n, how));
}

ssize_t pread(int fd, void *p, size_t n, off_t at)
{
    int how = STRIKE(FAULT_READ);

    return how && how != FAULT_SHORT ? -1 : syscall(SYS_pread64, fd, p, half(n, how), at);
}

struct dirent *readdir(DIR *d)
{
    struct dirent *(*real)(DIR *);

    *(void **)&real = dlsym(RTLD_NEXT, "readdir");
    int before = errno, how = STRIKE(FAULT_READ);
    if (how && how != FAULT_SHORT && how != EINTR)
        return NULL;
    errno = before; /* it tells the end from an error */
    return real(d);
}

/* ---- names that go ---- */

int unlink(const char *path)
{
    if (keeps)
        errno = EIO;
    return keeps ? -1 : (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int rmdir(const char *path)
{
    if (keeps)
        errno = EIO;
    return keeps ? -1 : (int)syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
}

/* ---- files ---- */

static int open_it(int dir, const char *path, int flags, mode_t mode, void *caller)
{
    bool creates = (flags & O_ACCMODE) != O_RDONLY && !(flags & O_PATH);

    if (no_tmpfile && (flags & O_TMPFILE) == O_TMPFILE) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return strike(creates ? FAULT_CREATE : FAULT_OPEN, caller)
               ? -1
               : (int)syscall(SYS_openat, dir, path, flags, mode);
}

static mode_t mode_of(int flags, va_list ap)
{
    return flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? va_arg(ap, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
    va_list ap;

    va_start(ap, flags);
    mode_t mode = mode_of(flags, ap);
    va_end(ap);
    return open_it(AT_FDCWD, path, flags, mode, __builtin_return_address(0));
}

int openat(int dir, const char *path, int flags, ...)
{
    va_list ap;

    va_start(ap, flags);
    mode_t mode = mode_of(flags, ap);
    va_end(ap);
    return open_it(dir, path, flags, mode, __builtin_return_address(0));
}

int mkostemp(char *name, int flags)
{
    int (*real)(char *, int);

    *(void **)&real = dlsym(RTLD_NEXT, "mkostemp");
    return STRIKE(FAULT_CREATE) ? -1 : real(name, flags);
}

int dup(int fd)
{
    return STRIKE(FAULT_CREATE) ? -1 : (int)syscall(SYS_dup, fd);
}

FILE *fopen(const char *path, const char *mode)
{
    FILE *(*real)(const char *, const char *);

    *(void **)&real = dlsym(RTLD_NEXT, "fopen");
    return STRIKE(FAULT_OPEN) ? NULL : real(path, mode);
}

DIR *opendir(const char *path)
{
    DIR *(*real)(const char *);

    *(void **)&real = dlsym(RTLD_NEXT, "opendir");
    if (late)
        syscall(SYS_nanosleep, &(struct timespec){.tv_nsec = 333333333}, NULL);
    return STRIKE(FAULT_OPEN) ? NULL : real(path);
}

/* Not a pipe between processes of the tool: whether that is closed well is of no account. */
static bool is_only_written(int fd)
{
    long flags = syscall(SYS_fcntl, fd, F_GETFL, 0);
    struct stat st;

    if (fstat(fd, &st) < 0 || S_ISFIFO(st.st_mode))
        return false;
    return flags >= 0 && (flags & O_ACCMODE) == O_WRONLY && !(flags & O_PATH);
}

/* As Linux does it, the descriptor is gone whatever close() says. */
int close(int fd)
{
    int how = page && is_only_written(fd) ? STRIKE(FAULT_CLOSE) : 0;
    long rc = syscall(SYS_close, fd);

    if (how)
        errno = how;
    return how ? -1 : (int)rc;
}

static bool is_folder(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

int fsync(int fd)
{
    return STRIKE(is_folder(fd) ? FAULT_FOLDER : FAULT_SYNC) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return STRIKE(FAULT_SYNC) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int ftruncate(int fd, off_t len)
{
    return STRIKE(FAULT_SIZE) ? -1 : (int)syscall(SYS_ftruncate, fd, len);
}

int posix_fallocate(int fd, off_t at, off_t len)
{
    int how = STRIKE(FAULT_SIZE);

    if (how)
        return how;
    return syscall(SYS_fallocate, fd, 0, at, len) < 0 ? errno : 0;
}

int rename(const char *from, const char *to)
{
    return STRIKE(FAULT_NAME) ? -1 : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    return STRIKE(FAULT_NAME) ? -1 : (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, 0);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
    return STRIKE(FAULT_NAME) ? -1 : (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
}

int mkdir(const char *path, mode_t mode)
{
    return STRIKE(FAULT_NAME) ? -1 : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

int fchmod(int fd, mode_t mode)
{
    int how = STRIKE(FAULT_MODE);

    return how && how != EINTR ? -1 : (int)syscall(SYS_fchmod, fd, mode); /* no signal stops it */
}

int flock(int fd, int how)
{
    return STRIKE(FAULT_MODE) ? -1 : (int)syscall(SYS_flock, fd, how);
}

/* ---- memory ---- */

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

void *malloc(size_t n)
{
    return STRIKE(FAULT_MEMORY) ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return STRIKE(FAULT_MEMORY) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    return STRIKE(FAULT_MEMORY) ? NULL : __libc_realloc(p, n);
}

void *memalign(size_t align, size_t n);
void *memalign(size_t align, size_t n)
{
    return STRIKE(FAULT_MEMORY) ? NULL : __libc_memalign(align, n);
}

void *aligned_alloc(size_t align, size_t n)
{
    return STRIKE(FAULT_MEMORY) ? NULL : __libc_memalign(align, n);
}

int posix_memalign(void **p, size_t align, size_t n)
{
    void *got = STRIKE(FAULT_MEMORY) ? NULL : __libc_memalign(align, n);

    if (!got)
        return ENOMEM;
    *p = got;
    return 0;
}

void *mmap(void *at, size_t len, int prot, int flags, int fd, off_t from)
{
    if (STRIKE(FAULT_MAP))
        return MAP_FAILED;
    return (void *)syscall(SYS_mmap, at, len, prot, flags, fd, from);
}

void *mremap(void *p, size_t len, size_t new_len, int flags, ...)
{
    if (STRIKE(FAULT_MAP))
        return MAP_FAILED;
    return (void *)syscall(SYS_mremap, p, len, new_len, flags);
}

/* ---- processes, threads ---- */

pid_t fork(void)
{
    pid_t (*real)(void);

    *(void **)&real = dlsym(RTLD_NEXT, "fork");
    return STRIKE(FAULT_START) ? -1 : real();
}

int pipe2(int end[2], int flags)
{
    return STRIKE(FAULT_START) ? -1 : (int)syscall(SYS_pipe2, end, flags);
}

int pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*run)(void *), void *arg)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    int how = STRIKE(FAULT_START);

    *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    return how ? how : real(t, a, run, arg);
}

/* ---- io_uring: liburing makes its system calls itself, so that it is met at its functions ---- */

#ifdef SLUICE_URING

int io_uring_queue_init_params(unsigned n, struct io_uring *ring, struct io_uring_params *p)
{
    int (*real)(unsigned, struct io_uring *, struct io_uring_params *);
    int how = STRIKE(FAULT_RING);

    *(void **)&real = dlsym(RTLD_NEXT, "io_uring_queue_init_params");
    return how ? -how : real(n, ring, p);
}

/* Reads that have ended, and of which the caller does not know yet, get another end. */
static void strike_ended(struct io_uring *ring, void *caller)
{
    unsigned head = *ring->cq.khead, tail = io_uring_smp_load_acquire(ring->cq.ktail);

    for (; head != tail; head++) {
        struct io_uring_cqe *c = &ring->cq.cqes[head & ring->cq.ring_mask];
        int how = strike(FAULT_RING, caller);

        if (how == FAULT_SHORT && c->res > 1)
            c->res /= 2;
        else if (how && how != FAULT_SHORT)
            c->res = -how;
    }
}

int io_uring_submit_and_wait(struct io_uring *ring, unsigned wait)
{
    int (*real)(struct io_uring *, unsigned);
    int how = STRIKE(FAULT_RING), rc;

    if (how && how != FAULT_SHORT)
        return -how;
    *(void **)&real = dlsym(RTLD_NEXT, "io_uring_submit_and_wait");
    rc = real(ring, wait);
    strike_ended(ring, __builtin_return_address(0));
    return rc;
}

#endif
