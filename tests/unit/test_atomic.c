/* test_atomic.c - lib/base/atomic.c, each check with unnamed files and with named ones. */
#include "t.h"
#include "tmp.h"

#include "base/atomic_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef int open_fn(struct atomic_file **, const char *, struct err *);

static const char *path = "target", *const fresh = ".target.new";

static int entries(void)
{
    DIR *d = opendir(".");
    int n = 0;

    if (!d)
        return -1;
    for (const struct dirent *x; (x = readdir(d));)
        n += strcmp(x->d_name, ".") != 0 && strcmp(x->d_name, "..") != 0;
    closedir(d);
    return n;
}

static const char *slurp(const char *name)
{
    static char text[4096];
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return "(absent)";
    n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static bool is(const char *text)
{
    return strcmp(slurp(path), text) == 0;
}

static int put(open_fn *open_it, const char *text)
{
    struct atomic_file *f;
    struct err e = {0};

    if (open_it(&f, path, &e) < 0 || atomic_write(f, text, strlen(text), &e) < 0) {
        atomic_abort(&f);
        return e.code;
    }
    return atomic_commit(&f, &e);
}

static mode_t mode_of(const char *name)
{
    struct stat st;

    return stat(name, &st) == 0 ? st.st_mode & 07777 : 0;
}

static void test_commit(open_fn *open_it)
{
    struct atomic_file *f;
    struct err e = {0};

    T_CHECK(open_it(&f, path, &e) == 0);
    T_CHECK(atomic_can_seek(f));
    T_CHECK(atomic_write(f, "XXXX world", 10, &e) == 0);
    T_CHECK(access(path, F_OK) < 0); /* not before commit */
    T_CHECK(atomic_pwrite(f, "long", 4, 0, &e) == 0);
    T_CHECK(atomic_commit(&f, &e) == 0);
    T_CHECK(!f && is("long world"));
    T_CHECK(mode_of(path) == 0640); /* 0666 less the umask that main() sets */
    T_CHECK(entries() == 1);

    T_CHECK(chmod(path, 0604) == 0);
    T_CHECK(open_it(&f, path, &e) == 0);
    T_CHECK(atomic_write(f, "new", 3, &e) == 0);
    T_CHECK(is("long world"));
    T_CHECK(atomic_commit(&f, &e) == 0);
    T_CHECK(is("new") && mode_of(path) == 0604);
    T_CHECK(entries() == 1);

    T_CHECK(open_it(&f, path, &e) == 0);
    T_CHECK(atomic_write(f, "never seen", 10, &e) == 0);
    atomic_abort(&f);
    T_CHECK(!f && is("new") && entries() == 1);
    atomic_abort(&f);
    T_CHECK(unlink(path) == 0);
}

/* A file made between open and commit is replaced like any other. */
static void test_late_target(open_fn *open_it)
{
    struct atomic_file *f;
    struct err e = {0};

    T_CHECK(open_it(&f, path, &e) == 0);
    tmp_put(path, "early", 5);
    T_CHECK(atomic_write(f, "late", 4, &e) == 0);
    T_CHECK(atomic_commit(&f, &e) == 0);
    T_CHECK(is("late") && entries() == 1);
    unlink(path);
}

static void test_links(open_fn *open_it)
{
    struct stat st;

    T_CHECK(mkdir("sub", 0700) == 0 && symlink("sub/there", "link") == 0);
    T_CHECK(symlink("link", path) == 0);
    T_CHECK(put(open_it, "made through dangling links") == 0);
    T_CHECK(strcmp(slurp("sub/there"), "made through dangling links") == 0);
    T_CHECK(put(open_it, "replaced") == 0);
    T_CHECK(strcmp(slurp("sub/there"), "replaced") == 0);
    T_CHECK(lstat(path, &st) == 0 && S_ISLNK(st.st_mode));
    T_CHECK(lstat("link", &st) == 0 && S_ISLNK(st.st_mode));
    T_CHECK(lstat("sub/there", &st) == 0 && S_ISREG(st.st_mode));
    T_CHECK(unlink("sub/there") == 0 && unlink("link") == 0 && rmdir("sub") == 0);
    T_CHECK(symlink("link", "link") == 0 && put(open_it, "in circles") == ERR_IO);
    T_CHECK(unlink("link") == 0 && unlink(path) == 0 && entries() == 0);
}

/* A link with an absolute target in another folder, reached by a relative path, and back. */
static void test_absolute(open_fn *open_it)
{
    char here[PATH_MAX], name[PATH_MAX + 16];

    T_CHECK(getcwd(here, sizeof here) != NULL);
    snprintf(name, sizeof name, "%s/target", here);
    T_CHECK(mkdir("sub", 0700) == 0 && symlink(name, "sub/link") == 0);
    path = "sub/link";
    T_CHECK(put(open_it, "from below") == 0 && strcmp(slurp("target"), "from below") == 0);
    path = name;
    T_CHECK(put(open_it, "from above") == 0 && strcmp(slurp("target"), "from above") == 0);
    path = "target";
    T_CHECK(unlink("sub/link") == 0 && rmdir("sub") == 0 && unlink(path) == 0 && entries() == 0);
}

static void test_refused(open_fn *open_it)
{
    char name[301];
    struct atomic_file *f;
    struct err e = {0};

    T_CHECK(open_it(&f, "absent/x", &e) == ERR_IO && !f);
    T_CHECKF(strcmp(e.msg, "cannot write 'absent/x': folder 'absent': No such file or directory") ==
                 0,
             "%s", e.msg);
    T_CHECK(open_it(&f, ".", &e) == ERR_IO && strstr(e.msg, "Is a directory"));
    T_CHECK(open_it(&f, "", &e) == ERR_IO && open_it(&f, "x/", &e) == ERR_IO);
    T_CHECK(open_it(&f, "/", &e) == ERR_IO);
    memset(name, 'n', 300);
    name[300] = '\0';
    T_CHECK(open_it(&f, name, &e) == ERR_IO);
    T_CHECK(entries() == 0);
}

/* The longest legal name leaves no room for ".NAME.new" uncut. */
static void test_long_name(open_fn *open_it)
{
    char name[256];

    memset(name, 'n', 255);
    name[255] = '\0';
    path = name;
    T_CHECK(put(open_it, "a") == 0 && put(open_it, "b") == 0 && is("b"));
    T_CHECK(unlink(path) == 0 && entries() == 0);
    path = "target";
}

static void test_direct(open_fn *open_it)
{
    struct atomic_file *f;
    struct err e = {0};
    int ends[2];
    char name[64], got[8] = "";

    T_CHECK(open_it(&f, "/dev/full", &e) == 0);
    bool failed = atomic_write(f, "x", 1, &e) < 0;
    failed = atomic_commit(&f, &e) < 0 || failed;
    T_CHECKF(failed && e.code == ERR_IO && strstr(e.msg, "'/dev/full'"), "%s", e.msg);

    T_CHECK(pipe(ends) == 0);
    snprintf(name, sizeof name, "/dev/fd/%d", ends[1]);
    T_CHECK(open_it(&f, name, &e) == 0 && !atomic_can_seek(f));
    T_CHECK(atomic_write(f, "pipe", 4, &e) == 0 && atomic_commit(&f, &e) == 0);
    T_CHECK(read(ends[0], got, sizeof got) == 4 && memcmp(got, "pipe", 4) == 0);
    T_CHECK(open_it(&f, name, &e) == 0);
    close(ends[0]);
    T_CHECK(atomic_write(f, "pipe", 4, &e) == ERR_IO && e.msg[0] == '\0'); /* its reader has gone */
    atomic_abort(&f);
    close(ends[1]);

    /* An open regular file by its /dev/fd name is appended to, not replaced. */
    T_CHECK(put(open_it, "first ") == 0);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    snprintf(name, sizeof name, "/dev/fd/%d", fd);
    T_CHECK(open_it(&f, name, &e) == 0 && !atomic_can_seek(f));
    T_CHECK(atomic_write(f, "second", 6, &e) == 0 && atomic_commit(&f, &e) == 0);
    T_CHECK(is("first second"));
    close(fd);
    unlink(path);
    T_CHECK(entries() == 0);
}

/* Runs a child that writes half a file and dies of sig; returns the wait status. */
static int killed_writer(open_fn *open_it, int sig)
{
    int status = 0, ready[2];
    char c;

    T_CHECK(pipe(ready) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct atomic_file *f;
        struct err e;
        if (open_it(&f, path, &e) < 0 || atomic_write(f, "half", 4, &e) < 0)
            _exit(1);
        if (write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    T_CHECK(read(ready[0], &c, 1) == 1);
    close(ready[0]);
    kill(pid, sig);
    waitpid(pid, &status, 0);
    return status;
}

static void test_kill(open_fn *open_it)
{
    static const int sigs[] = {SIGINT, SIGTERM, SIGHUP, SIGKILL};

    T_CHECK(put(open_it, "old") == 0);
    for (int i = 0; i < 4; i++) {
        int status = killed_writer(open_it, sigs[i]);
        T_CHECK(WIFSIGNALED(status) && WTERMSIG(status) == sigs[i]);
        T_CHECK(is("old"));
        /* Nothing is left, but for a named file killed without warning: the next writer's to do. */
        T_CHECK(entries() == 1 + (open_it == atomic_open_named && sigs[i] == SIGKILL));
    }
    T_CHECK(put(open_it, "newer") == 0 && is("newer") && entries() == 1);
    unlink(path);
}

static bool is_any(const char *name)
{
    (void)name;
    return true;
}

/* A folder is made while signals wait. One comes, and an inner hold that ends does not let it in. */
static void make_folder_signalled(void)
{
    struct atomic_folder f = {.path = "folder", .ours = is_any};
    struct err e = {0};

    atomic_hold();
    if (mkdir(f.path, 0777) < 0 || raise(SIGTERM) != 0)
        _exit(1);
    atomic_hold();
    atomic_release();
    if (atomic_folder_begin(&f, &e) < 0)
        _exit(2);
    tmp_put("folder/file", "x", 1);
    atomic_release();
    _exit(3);
}

static void test_hold(void)
{
    int status = 0;

    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        make_folder_signalled();
    waitpid(pid, &status, 0);
    T_CHECKF(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "status %d", status);
    T_CHECK(entries() == 0);
    /* No signal, no end; what errno says stays. */
    atomic_hold();
    errno = EEXIST;
    atomic_release();
    T_CHECK(errno == EEXIST);
}

static volatile sig_atomic_t caught;

static void on_caught(int sig)
{
    (void)sig;
    caught++;
}

/* The handler that was there before gets a signal once, and goes on: nothing is held back for later. */
static void test_caught(void)
{
    int status = 0;

    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct sigaction sa = {.sa_handler = on_caught};
        if (sigaction(SIGTERM, &sa, NULL) < 0)
            _exit(9);
        atomic_hold(); /* the handlers are installed */
        atomic_release();
        raise(SIGTERM);
        atomic_hold();
        atomic_release();
        _exit(caught);
    }
    waitpid(pid, &status, 0);
    T_CHECKF(WIFEXITED(status) && WEXITSTATUS(status) == 1, "status %d", status);
}

/* A signal removes ".NAME.new" only where that is ours. */
static void test_other_of_that_name(void)
{
    struct atomic_file *f;
    struct err e = {0};
    int status = 0;

    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (atomic_open_named(&f, path, &e) < 0 || rename(fresh, path) < 0)
            _exit(1);
        tmp_put(fresh, "other", 5);
        raise(SIGTERM);
        _exit(2);
    }
    waitpid(pid, &status, 0);
    T_CHECKF(WIFSIGNALED(status), "status %d", status);
    T_CHECK(strcmp(slurp(fresh), "other") == 0 && entries() == 2);
    unlink(fresh);
    unlink(path);
}

/* OpenMP ends a process from within: what that was writing goes, and nothing of its parent's. */
static void test_exit(open_fn *open_it)
{
    struct atomic_file *ours, *f;
    struct err e = {0};
    int status = 0, before;

    T_CHECK(open_it(&ours, path, &e) == 0 && atomic_write(ours, "ours", 4, &e) == 0);
    before = entries();
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (open_it(&f, "theirs", &e) < 0 || atomic_write(f, "half", 4, &e) < 0)
            _exit(1);
        exit(3);
    }
    waitpid(pid, &status, 0);
    T_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    T_CHECK(entries() == before);
    T_CHECK(atomic_commit(&ours, &e) == 0 && is("ours") && entries() == 1);
    unlink(path);
}

/* What a kill between link and rename leaves does not stop the next writer. */
static void test_leftover(open_fn *open_it)
{
    T_CHECK(put(open_it, "old") == 0);
    tmp_put(fresh, "left", 4);
    T_CHECK(entries() == 2);
    T_CHECK(put(open_it, "new") == 0 && is("new") && entries() == 1);
    unlink(path);
}

static void test_second_writer(void)
{
    struct atomic_file *a, *b;
    struct err e = {0};

    T_CHECK(atomic_open_named(&a, path, &e) == 0);
    T_CHECK(atomic_open_named(&b, path, &e) == ERR_IO && !b);
    T_CHECKF(strstr(e.msg, "another process"), "%s", e.msg);
    T_CHECK(atomic_write(a, "first", 5, &e) == 0 && atomic_commit(&a, &e) == 0);
    T_CHECK(is("first") && entries() == 1);
    unlink(path);
}

/* nohup's choice stays: an ignored signal neither kills nor removes. */
static void test_ignored_signal(void)
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        struct atomic_file *f;
        struct err e;
        signal(SIGHUP, SIG_IGN);
        if (atomic_open_named(&f, path, &e) < 0 || raise(SIGHUP) != 0 ||
            atomic_write(f, "kept", 4, &e) < 0)
            _exit(1);
        _exit(atomic_commit(&f, &e) < 0);
    }
    waitpid(pid, &status, 0);
    T_CHECK(status == 0 && is("kept") && entries() == 1);
    unlink(path);
}

enum { WRITERS = 3, ROUNDS = 300, LEN = 3000 };

static void write_rounds(open_fn *open_it, char letter)
{
    char text[LEN + 1];

    memset(text, letter, LEN);
    text[LEN] = '\0';
    for (int i = 0; i < ROUNDS; i++)
        if (put(open_it, text) < 0 && open_it != atomic_open_named)
            _exit(1);
    _exit(0);
}

/* Writers of one name at once: whoever reads sees one whole file. Named writers may be refused. */
static void test_race(open_fn *open_it)
{
    pid_t pid[WRITERS];
    int left = WRITERS, status;

    T_CHECK(put(open_it, "aaa") == 0);
    for (int i = 0; i < WRITERS; i++)
        if ((pid[i] = fork()) == 0)
            write_rounds(open_it, (char)('a' + i));
    while (left > 0) {
        const char *text = slurp(path);
        size_t n = strlen(text);
        if ((n != LEN && n != 3) || strspn(text, (char[]){text[0], 0}) != n)
            T_CHECKF(false, "half a file: %zu bytes, %.20s", n, text);
        for (int i = 0; i < WRITERS; i++)
            if (pid[i] > 0 && waitpid(pid[i], &status, WNOHANG) == pid[i]) {
                T_CHECK(status == 0);
                pid[i] = 0;
                left--;
            }
    }
    T_CHECK(strlen(slurp(path)) == LEN && entries() == 1);
    unlink(path);
}

/* The number in the file, and 1: into the file `to` if it is still the one that was read. */
static int change_number(open_fn *open_it, const char *to, const char *old)
{
    int fd = open(old, O_RDONLY | O_CLOEXEC), rc, n;
    char text[16] = "";
    struct atomic_file *f;
    struct err e = {0};
    struct stat was;

    if (fd < 0 || fstat(fd, &was) < 0 || read(fd, text, sizeof text - 1) <= 0)
        _exit(255);
    if (open_it(&f, to, &e) < 0) {
        close(fd);
        return e.code;
    }
    atomic_replaces(f, old, &was);
    n = snprintf(text, sizeof text, "%d", atoi(text) + 1);
    rc = atomic_write(f, text, (size_t)n, &e) < 0 ? e.code : atomic_commit(&f, &e);
    atomic_abort(&f);
    close(fd);
    return rc;
}

/* Of changes at once none is lost: each that was done is in the number. */
static void test_changes_at_once(open_fn *open_it)
{
    static const char *const spelled[WRITERS] = {"target", "./target", "link"};
    pid_t pid[WRITERS];
    int status, done = 0;

    tmp_put(path, "0", 1);
    T_CHECK(symlink(path, "link") == 0);
    for (int i = 0; i < WRITERS; i++)
        if ((pid[i] = fork()) == 0) {
            int ok = 0;

            for (int k = 0; k < 80; k++)
                ok += change_number(open_it, spelled[i], spelled[(i + 1) % WRITERS]) == 0;
            _exit(ok);
        }
    for (int i = 0; i < WRITERS; i++)
        if (waitpid(pid[i], &status, 0) == pid[i] && WIFEXITED(status))
            done += WEXITSTATUS(status);
    T_CHECK(done > 0);
    if (atoi(slurp(path)) != done)
        T_CHECKF(false, "%d changes were done, and %s are there", done, slurp(path));
    T_CHECK(entries() == 2);
    unlink("link");
    unlink(path);
}

/* The file is another's or nobody's, or it was written to: refused. Elsewhere that is no matter. */
static void test_replaces(open_fn *open_it)
{
    struct atomic_file *f;
    struct err e = {0};
    struct stat was;

    for (int what = 0; what < 4; what++) {
        tmp_put(path, "old", 3);
        T_CHECK(stat(path, &was) == 0 && open_it(&f, what == 3 ? "other" : path, &e) == 0);
        atomic_replaces(f, path, &was);
        T_CHECK(atomic_unchanged("./target", path, &was, &e) == 0);
        T_CHECK(atomic_write(f, "mine", 4, &e) == 0);
        if (what > 0)
            tmp_put("new", "theirs", 6);
        if (what == 1)
            unlink(path);
        if (what >= 2)
            rename("new", path);
        T_CHECK((atomic_unchanged("./target", path, &was, &e) == 0) == (what == 0));
        T_CHECK(atomic_commit(&f, &e) == (what % 3 ? ERR_INPUT : 0));
        T_CHECK(is(what == 0 ? "mine" : what == 1 ? "(absent)" : "theirs"));
        unlink("new");
        unlink("other");
        unlink(path);
        T_CHECK(entries() == 0);
    }
}

int main(void)
{
    signal(SIGINT, SIG_DFL); /* ignored in what a shell starts in the background */
    signal(SIGHUP, SIG_DFL); /* and this under nohup */
    open_fn *const ways[] = {atomic_open, atomic_open_named};

    umask(0026);
    signal(SIGPIPE, SIG_IGN);
    tmp_enter();
    test_caught();         /* in a process of its own, before they are installed here */
    test_ignored_signal(); /* first: the handlers are installed once */
    for (int i = 0; i < 2; i++) {
        test_commit(ways[i]);
        test_late_target(ways[i]);
        test_links(ways[i]);
        test_absolute(ways[i]);
        test_refused(ways[i]);
        test_long_name(ways[i]);
        test_direct(ways[i]);
        test_kill(ways[i]);
        test_exit(ways[i]);
        test_leftover(ways[i]);
        test_race(ways[i]);
        test_replaces(ways[i]);
        test_changes_at_once(ways[i]);
    }
    test_second_writer();
    test_hold();
    test_other_of_that_name();
    tmp_leave();
    return t_done("atomic");
}
