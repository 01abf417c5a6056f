/* walk.c - runs a command again and again, and lets each of its calls fail in turn.
 *
 *     walk [OPTION]... FOLDER -- COMMAND...
 *
 *   -n NAME     what to call it in the report
 *   -k KINDS    of fault.h's kinds those, with commas (all)
 *   -f FIRST    of calls of a kind the first so many (50), and
 *   -s SAMPLE   so many of those after, further and further apart (20)
 *   -e          the command writes several files: each is old or new, not all are of one sort
 *   -1          once it has done its work it cannot do it again: an append
 *   -t          what it writes has times in it: is not compared
 *   -a          standard output cannot be sought, as if it were a pipe
 *   -i FILE     its standard input
 *   -x          kill it instead: before each such call, and at as many random moments as -s says
 *   -T          the same with SIGTERM, after which nothing is left to be taken away but what -A says
 *   -L PATTERN  what a kill may leave for the next run to take away, beside ".NAME.new"
 *   -A PATTERN  what a failure may leave for it, if it is more than empty folders
 *   -o KIND:N:HOW:WHEN  that one fault only, and say who made the call
 *
 * The command runs in FOLDER, first without a fault: that is what it should do. Then with a fault
 * in each run, and after each it holds that
 *   - it exits 0 and has done all as without the fault, where what failed can be done without: an
 *     allocation, a look at the machine, but nothing of what brings output to its place; or exits 1
 *     with one sentence that names the cause, the folder being what it was, without a stray file,
 *     and no more on standard output than the beginning of the whole;
 *   - it is neither ended by a signal nor hangs;
 *   - a full disk behind its standard output is such a failure; a closed pipe one without words;
 *   - signals (EINTR) and calls that do a part of their work are no failures at all.
 * Two exceptions. When the sync of the folder fails, the last step, the new file is in place. Where
 * OpenMP or OpenBLAS gets no memory or no thread, it ends the process by itself: exit 1 with their
 * words is counted apart, the folder has to be as it was all the same.
 */
#include "fault.h"
#include "folder.h"

#include <fnmatch.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "base/num.h"
#include "base/rand.h"

extern char **environ;

enum { TIMEOUT_S = 60, SHOWN = 12 /* defects of a command */ };

struct walk {
    const char *name, *kinds, *input, *leftover, *allowed, *one;
    uint64_t first, sample;
    bool each, once, timed, append, kills, terms;
    char **command;
    struct fault_page *page;
    int out, err; /* of the command: files in memory, from the beginning each time */
    int to;       /* the former, as it is to be written only */
    struct folder before, after;
    char *said, *printed; /* without a fault */
    size_t said_len, printed_len;
    double took_s;
    uint64_t calls[FAULT_KINDS];
    uint64_t runs, passed, refused, foreign, bad;
    uint64_t rand;
};

/* How calls of a kind fail. */
struct mode {
    enum fault_kind kind;
    uint32_t how, when;
};

static const struct mode modes[] = {
    {FAULT_WRITE, ENOSPC, FAULT_ONCE},       {FAULT_WRITE, EIO, FAULT_ON},
    {FAULT_WRITE, FAULT_SHORT, FAULT_ON},    {FAULT_WRITE, EINTR, FAULT_EVERY_OTHER},
    {FAULT_SYNC, EIO, FAULT_ONCE},           {FAULT_SYNC, EINTR, FAULT_EVERY_OTHER},
    {FAULT_FOLDER, EIO, FAULT_ONCE},         {FAULT_FOLDER, EINTR, FAULT_EVERY_OTHER},
    {FAULT_NAME, ENOSPC, FAULT_ONCE},        {FAULT_NAME, EACCES, FAULT_ON},
    {FAULT_CREATE, EACCES, FAULT_ONCE},      {FAULT_CREATE, EMFILE, FAULT_ON},
    {FAULT_OPEN, EIO, FAULT_ONCE},           {FAULT_OPEN, EMFILE, FAULT_ON},
    {FAULT_SIZE, ENOSPC, FAULT_ONCE},        {FAULT_SIZE, EINTR, FAULT_EVERY_OTHER},
    {FAULT_MEMORY, ENOMEM, FAULT_ONCE},      {FAULT_MEMORY, ENOMEM, FAULT_ON},
    {FAULT_MAP, ENOMEM, FAULT_ONCE},         {FAULT_MAP, ENOMEM, FAULT_ON},
    {FAULT_READ, EIO, FAULT_ONCE},           {FAULT_READ, FAULT_SHORT, FAULT_ON},
    {FAULT_READ, EINTR, FAULT_EVERY_OTHER},  {FAULT_CLOSE, EIO, FAULT_ONCE},
    {FAULT_CLOSE, EINTR, FAULT_EVERY_OTHER}, {FAULT_MODE, EPERM, FAULT_ONCE},
    {FAULT_MODE, EINTR, FAULT_EVERY_OTHER},  {FAULT_START, EAGAIN, FAULT_ONCE},
    {FAULT_RING, EIO, FAULT_ONCE},           {FAULT_RING, FAULT_SHORT, FAULT_ON},
    {FAULT_RING, EINTR, FAULT_ONCE},
};

static const char *const kind_name[FAULT_KINDS] = {FAULT_NAMES};

/* ---- one run ---- */

static volatile sig_atomic_t running; /* the process that an alarm is for */
static volatile sig_atomic_t alarmed;

static void on_alarm(int sig)
{
    (void)sig;
    alarmed = 1;
    if (running > 0)
        kill(running, SIGKILL);
}

static void set_alarm(double s)
{
    struct itimerval t = {.it_value = {(time_t)s, (suseconds_t)((s - (double)(time_t)s) * 1e6)}};

    setitimer(ITIMER_REAL, &t, NULL);
}

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void rewind_file(int fd)
{
    if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0)
        broken("cannot empty a file");
}

/* With the fault m at call n, or none, its standard output going to `out`; killed after kill_s
 * unless that is 0. Its wait status. */
static int run_to(struct walk *w, int out, const struct mode *m, uint64_t n, double kill_s)
{
    struct fault_page *p = w->page;
    posix_spawn_file_actions_t files;
    pid_t pid;
    int status, rc;

    memset(p, 0, sizeof *p);
    if (m) {
        p->kind = m->kind;
        p->how = m->how;
        p->when = m->when;
        p->nth = n;
    }
    rewind_file(w->out);
    lseek(w->to, 0, SEEK_SET);
    rewind_file(w->err);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, w->input, O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, out, 1);
    posix_spawn_file_actions_adddup2(&files, w->err, 2);
    alarmed = 0;
    rc = posix_spawnp(&pid, w->command[0], &files, NULL, w->command, environ);
    posix_spawn_file_actions_destroy(&files);
    if (rc != 0) {
        errno = rc;
        broken(w->command[0]);
    }
    running = pid;
    set_alarm(kill_s > 0 ? kill_s : TIMEOUT_S);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            broken("waitpid");
    running = 0;
    set_alarm(0);
    w->runs++;
    return status;
}

static int run(struct walk *w, const struct mode *m, uint64_t n, double kill_s)
{
    return run_to(w, w->to, m, n, kill_s);
}

/* ---- what became of it ---- */

static void show(struct walk *w, const struct mode *m, uint64_t n, const char *what)
{
    size_t len;
    char *said;

    if (w->bad++ >= SHOWN)
        return;
    said = slurp(w->err, &len);
    printf("NOT OK %s: %s %s:%llu:%u:%u (by %s)\n", w->name, what,
           m && m->kind < FAULT_KINDS ? kind_name[m->kind] : "-", (unsigned long long)n,
           m ? m->how : 0, m ? m->when : 0, w->page->object);
    if (len)
        printf("#    %.300s%s", said, said[len - 1] == '\n' ? "" : "\n");
    free(said);
    fflush(stdout);
}

static bool is_leftover(const struct walk *w, const char *path, const char *pattern, bool fresh_too)
{
    if (folder_find(&w->before, path) || folder_find(&w->after, path))
        return false;
    return fnmatch(pattern, path, 0) == 0 || (fresh_too && fnmatch(".*.new", path, 0) == 0);
}

/* Without what the next run will take away, or go on with: what is new and matches, as ".NAME.new"
 * does when `fresh_too`, unless it is but empty folders. */
static struct folder without_leftovers(const struct walk *w, const struct folder *now,
                                       const char *pattern, bool fresh_too)
{
    struct folder kept = {0};
    bool any = fresh_too;

    for (size_t i = 0; i < now->n; i++)
        any |= is_leftover(w, now->v[i].path, pattern, fresh_too) &&
               now->v[i].path[strlen(now->v[i].path) - 1] != '/';
    for (size_t i = 0; i < now->n; i++) {
        const struct entry *from = &now->v[i];
        if (any && is_leftover(w, from->path, pattern, fresh_too))
            continue;
        struct entry *x = folder_add(&kept, from->path);
        x->len = from->len;
        if (from->data && (x->data = malloc(from->len + 1)))
            memcpy(x->data, from->data, from->len + 1);
    }
    return kept;
}

/* Nothing is there that is neither of before nor of after, and each file is as in one of them. */
static const char *each_is_whole(const struct walk *w, const struct folder *now)
{
    static char what[300];

    for (size_t i = 0; i < now->n; i++) {
        const struct entry *x = &now->v[i], *a = folder_find(&w->before, x->path),
                           *b = folder_find(&w->after, x->path);

        if (!a && !b)
            snprintf(what, sizeof what, "leaves '%.200s' behind", x->path);
        else if (!entry_same(x, a) && !entry_same(x, b) && !(w->timed && b))
            snprintf(what, sizeof what, "'%.200s' is neither old nor new", x->path);
        else
            continue;
        return what;
    }
    for (size_t i = 0; i < w->before.n; i++)
        if (!folder_find(now, w->before.v[i].path) && folder_find(&w->after, w->before.v[i].path)) {
            snprintf(what, sizeof what, "'%.200s' is gone", w->before.v[i].path);
            return what;
        }
    return NULL;
}

static bool is_sentence(const char *said)
{
    size_t tool = strspn(said, "abcdefghijklmnopqrstuvwxyz-");
    const char *end = strchr(said, '\n');

    return tool > 0 && strncmp(said + tool, ": ", 2) == 0 && end && end[1] == '\0';
}

static bool names_cause(const char *said, const struct mode *m)
{
    if (m->how == ENOMEM && strstr(said, "out of memory"))
        return true;
    if (m->kind == FAULT_WRITE && strstr(said, "ended before it had answered"))
        return true; /* a process of the tool cannot tell it the cause, then */
    if (!strstr(said, strerror((int)m->how)))
        return false;
    return m->kind == FAULT_MEMORY || m->kind == FAULT_START || strchr(said, '\'') ||
           strstr(said, "the answer of ");
}

static bool is_foreign(const struct walk *w, const char *said)
{
    return strstr(said, "libgomp: ") ||
           (strstr(said, "OpenBLAS") && strstr(w->page->object, "blas"));
}

static bool all_as_without(const struct walk *w, const struct folder *now, const char *said,
                           const char *printed, size_t printed_len)
{
    if (w->timed)
        return now->n == w->after.n;
    return folder_same(now, &w->after) && printed_len == w->printed_len &&
           memcmp(printed, w->printed, printed_len) == 0 && strcmp(said, w->said) == 0;
}

/* Without it nobody knows whether the output is where it should be. */
static bool is_vital(const struct mode *m)
{
    return m->how < FAULT_SHORT && m->how != EINTR &&
           (m->kind == FAULT_WRITE || m->kind == FAULT_SYNC || m->kind == FAULT_FOLDER ||
            m->kind == FAULT_NAME || m->kind == FAULT_SIZE || m->kind == FAULT_CLOSE);
}

/* NULL: it is as it should be. */
static const char *judge(struct walk *w, const struct mode *m, int status, const struct folder *now)
{
    size_t said_len, printed_len;
    char *said = slurp(w->err, &said_len), *printed = slurp(w->out, &printed_len);
    const char *bad = NULL;
    static char what[80];
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    bool may_be_done = m->kind == FAULT_FOLDER || w->each || w->timed;

    if (alarmed) {
        bad = "hangs";
    } else if (code < 0) {
        snprintf(what, sizeof what, "ended by signal %d", WTERMSIG(status));
        bad = what;
    } else if (code == 0) {
        w->passed++;
        if (is_vital(m))
            bad = "exit 0, as if nothing had failed";
        else if (!all_as_without(w, now, said, printed, printed_len))
            bad = "exit 0, and not all is done";
    } else if (m->how == FAULT_SHORT || m->how == EINTR) {
        bad = "fails";
    } else if ((bad = each_is_whole(w, now))) {
    } else if (!may_be_done && !folder_same(now, &w->before)) {
        bad = "fails, and the folder is another";
    } else if (is_foreign(w, said)) {
        w->foreign++;
    } else {
        w->refused++;
        if (code != 1)
            bad = "exit 2 or more";
        else if (!w->timed &&
                 (printed_len > w->printed_len || memcmp(printed, w->printed, printed_len) != 0))
            bad = "its output is not the beginning of the whole";
        else if (!is_sentence(said))
            bad = "not one sentence";
        else if (!names_cause(said, m))
            bad = "the cause is not named";
    }
    free(said);
    free(printed);
    return bad;
}

/* Another run, without a fault, which finds what a failed one has left. */
static void try_again(struct walk *w, const struct mode *m, uint64_t n)
{
    struct folder now;
    int status = run(w, NULL, 0, 0);

    folder_read(&now);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        show(w, m, n, "the next run fails");
    else if (w->timed ? now.n != w->after.n : !folder_same(&now, &w->after))
        show(w, m, n, "the next run leaves another folder");
    folder_restore(&now, &w->before);
    folder_free(&now);
}

/* Standard output is a full disk, or a pipe that nobody reads: that is no news for anyone. */
static void lose_output(struct walk *w)
{
    static const struct mode full = {FAULT_KINDS, ENOSPC, FAULT_ON};
    int end[2], disk = open("/dev/full", O_WRONLY | O_CLOEXEC);
    bool each = w->each;
    struct folder now;
    const char *bad;
    size_t len;
    char *said;
    int status;

    if (w->printed_len == 0)
        return;
    if (disk < 0 || pipe2(end, O_CLOEXEC) < 0)
        broken("pipe");
    close(end[0]);
    status = run_to(w, end[1], NULL, 0, 0);
    said = slurp(w->err, &len);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 1 || len > 0)
        show(w, NULL, 0, "a closed pipe is not met with silence and exit 1");
    free(said);
    folder_read(&now);
    if ((bad = each_is_whole(w, &now)))
        show(w, NULL, 0, bad);
    folder_restore(&now, &w->before);
    folder_free(&now);
    status = run_to(w, disk, NULL, 0, 0);
    folder_read(&now);
    w->each = true; /* files may be complete before standard output is */
    bad = judge(w, &full, status, &now);
    w->each = each;
    if (bad || !WIFEXITED(status) || WEXITSTATUS(status) != 1)
        show(w, &full, 0, bad ? bad : "a full disk is no failure");
    folder_restore(&now, &w->before);
    folder_free(&now);
    close(disk);
    close(end[1]);
}

static void print_frames(const struct walk *w)
{
    printf("# addr2line -fipe PROGRAM");
    for (uint32_t i = 0; i < w->page->frames; i++)
        printf(" 0x%llx", (unsigned long long)w->page->frame[i]);
    printf("\n");
}

/* One fault, and the folder is put back. */
static void try_fault(struct walk *w, const struct mode *m, uint64_t n)
{
    struct folder now, kept;
    int status = run(w, m, n, 0);
    const char *bad;

    folder_read(&now);
    kept = without_leftovers(w, &now, w->allowed, false);
    if ((bad = judge(w, m, status, &kept)))
        show(w, m, n, bad);
    if (w->one) {
        printf("# exit %d, signal %d, fired %u times\n", WEXITSTATUS(status),
               WIFSIGNALED(status) ? WTERMSIG(status) : 0, w->page->fired);
        print_frames(w);
    }
    if (kept.n < now.n && folder_same(&kept, &w->before))
        try_again(w, m, n);
    else
        folder_restore(&now, &w->before);
    folder_free(&kept);
    folder_free(&now);
}

/* ---- kills and signals ---- */

/* After one: what is there is whole, and another run does its work and leaves nothing of it. */
static void try_kill(struct walk *w, const struct mode *m, uint64_t n, double after_s)
{
    struct folder now, kept;
    const char *bad;

    int status = run(w, m, n, after_s);
    folder_read(&now);
    kept = without_leftovers(w, &now, w->terms ? w->allowed : w->leftover, !w->terms);
    if ((bad = each_is_whole(w, &kept)))
        show(w, m, n, bad);
    if (w->terms && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) && w->page->how == 0)
        show(w, m, n, "is not ended by the signal");
    if (w->once && folder_same(&kept, &w->after))
        folder_restore(&now, &w->before);
    else
        try_again(w, m, n);
    folder_free(&kept);
    folder_free(&now);
    w->passed++;
}

static bool wanted(const struct walk *w, enum fault_kind kind)
{
    size_t len = strlen(kind_name[kind]);
    const char *at = w->kinds;

    while (at) {
        if (strncmp(at, kind_name[kind], len) == 0 && (at[len] == ',' || at[len] == '\0'))
            return true;
        at = strchr(at, ',');
        at += at != NULL;
    }
    return !*w->kinds;
}

/* The call to try after n, of `count`: the first ones all, then further and further apart. */
static uint64_t next_call(struct walk *w, uint64_t n, uint64_t count)
{
    if (n < w->first || count <= w->first)
        return n + 1;
    if (w->sample == 0)
        return count + 1;
    double grow = pow((double)count / (double)w->first, 1 / (double)w->sample) - 1;
    return n + 1 + (uint64_t)(rand_unit(&w->rand) * 2 * (double)n * grow);
}

static void kill_all_over(struct walk *w)
{
    static const enum fault_kind at[] = {FAULT_WRITE,  FAULT_SYNC, FAULT_FOLDER, FAULT_NAME,
                                         FAULT_CREATE, FAULT_SIZE, FAULT_CLOSE,  FAULT_MODE,
                                         FAULT_START,  FAULT_OPEN, FAULT_READ};
    const uint32_t how = w->terms ? FAULT_TERM : FAULT_KILL;

    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        const struct mode m = {at[i], how, FAULT_ONCE};
        for (uint64_t n = 1; wanted(w, at[i]) && n <= w->calls[at[i]];
             n = next_call(w, n, w->calls[at[i]]))
            try_kill(w, &m, n, 0);
    }
    /* By the clock, and as that is no measure on a busy machine, by allocations too. */
    for (uint64_t i = 0; i < w->sample; i++) {
        const struct mode m = {FAULT_MEMORY, how, FAULT_ONCE};

        if (i % 2 == 0 && !w->terms)
            try_kill(w, NULL, i, 1e-4 + rand_unit(&w->rand) * w->took_s * 1.05);
        else
            try_kill(w, &m, 1 + rand_below(&w->rand, w->calls[FAULT_MEMORY]), 0);
    }
}

/* ---- all faults ---- */

static bool all_at_once(const struct mode *m)
{
    return m->how == FAULT_SHORT || m->when == FAULT_EVERY_OTHER;
}

static void fail_all_over(struct walk *w)
{
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        const struct mode *m = &modes[i];
        uint64_t count = w->calls[m->kind];

        if (!wanted(w, m->kind))
            continue;
        for (uint64_t n = 1; n <= count && !(all_at_once(m) && n > 2); n = next_call(w, n, count))
            try_fault(w, m, n);
    }
}

/* Without a fault: what should be, and how many calls there are. */
static void learn(struct walk *w)
{
    double began;
    int status;

    folder_read(&w->before);
    run(w, NULL, 0, 0); /* the disk's cache is filled */
    folder_read(&w->after);
    folder_restore(&w->after, &w->before);
    folder_free(&w->after);
    began = now_s();
    status = run(w, NULL, 0, 0);
    w->took_s = now_s() - began;
    folder_read(&w->after);
    w->said = slurp(w->err, &w->said_len);
    w->printed = slurp(w->out, &w->printed_len);
    for (int k = 0; k < FAULT_KINDS; k++)
        w->calls[k] = w->page->count[k];
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        show(w, NULL, 0, "fails without a fault");
        exit(1);
    }
    if (w->calls[FAULT_MEMORY] == 0) {
        show(w, NULL, 0, "fault.so is not loaded");
        exit(1);
    }
    folder_restore(&w->after, &w->before);
}

static void one_fault(struct walk *w)
{
    unsigned how, when;
    unsigned long long n;
    char kind[16];
    struct mode m = {0};

    if (sscanf(w->one, "%15[a-z]:%llu:%u:%u", kind, &n, &how, &when) != 4)
        broken("-o wants KIND:N:HOW:WHEN");
    while (m.kind < FAULT_KINDS && strcmp(kind_name[m.kind], kind) != 0)
        m.kind++;
    m.how = how;
    m.when = when;
    setenv("FAULT_TRACE", "1", 1);
    try_fault(w, &m, n);
}

static void report(const struct walk *w)
{
    printf("%s %s: %llu runs: %llu done, %llu refused", w->bad ? "NOT OK" : "ok", w->name,
           (unsigned long long)w->runs, (unsigned long long)w->passed,
           (unsigned long long)w->refused);
    if (w->foreign)
        printf(", %llu ended by OpenMP or OpenBLAS", (unsigned long long)w->foreign);
    printf("; calls:");
    for (int k = 0; k < FAULT_KINDS; k++)
        if (w->calls[k])
            printf(" %s %llu", kind_name[k], (unsigned long long)w->calls[k]);
    printf("\n");
}

/* ---- the command line ---- */

static int shared_file(int flags)
{
    int fd = memfd_create("walk", 0);

    if (fd < 0 || fcntl(fd, F_SETFL, O_RDWR | flags) < 0)
        broken("memfd");
    return fd;
}

static void prepare(struct walk *w)
{
    int fd = shared_file(0);
    char number[16], out[40];
    struct sigaction sa = {.sa_handler = on_alarm};

    if (ftruncate(fd, sizeof *w->page) < 0)
        broken("memfd");
    w->page = mmap(NULL, sizeof *w->page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (w->page == MAP_FAILED)
        broken("mmap");
    snprintf(number, sizeof number, "%d", fd);
    setenv("FAULT_FD", number, 1);
    w->out = shared_file(0);
    snprintf(out, sizeof out, "/proc/self/fd/%d", w->out);
    w->to = open(out, O_WRONLY | O_CLOEXEC | (w->append ? O_APPEND : 0));
    if (w->to < 0)
        broken(out);
    w->err = shared_file(O_APPEND);
    fcntl(w->out, F_SETFD, FD_CLOEXEC);
    fcntl(w->err, F_SETFD, FD_CLOEXEC);
    sigaction(SIGALRM, &sa, NULL);
    setenv("LD_PRELOAD", getenv("FAULT_LIB"), 1);
}

int main(int argc, char **argv)
{
    struct walk w = {.name = "walk",
                     .kinds = "",
                     .input = "/dev/null",
                     .leftover = "",
                     .allowed = "",
                     .first = 50,
                     .sample = 20,
                     .rand = 1};
    int c;

    while ((c = getopt(argc, argv, "+n:k:f:s:e1tai:xTL:A:o:")) != -1) {
        if (c == 'n')
            w.name = optarg;
        else if (c == 'k')
            w.kinds = optarg;
        else if (c == 'i')
            w.input = optarg;
        else if (c == 'L')
            w.leftover = optarg;
        else if (c == 'A')
            w.allowed = optarg;
        else if (c == 'o')
            w.one = optarg;
        else if (c == 'e')
            w.each = true;
        else if (c == '1')
            w.once = true;
        else if (c == 't')
            w.timed = true;
        else if (c == 'a')
            w.append = true;
        else if (c == 'x')
            w.kills = true;
        else if (c == 'T')
            w.kills = w.terms = true;
        else if ((c != 'f' && c != 's') || !num_u64(optarg, c == 'f' ? &w.first : &w.sample))
            return 2;
    }
    if (argc - optind < 3 || strcmp(argv[optind + 1], "--") != 0 || !getenv("FAULT_LIB") ||
        chdir(argv[optind]) < 0) {
        fprintf(stderr, "usage: FAULT_LIB=fault.so walk [OPTION]... FOLDER -- COMMAND...\n");
        return 2;
    }
    w.command = argv + optind + 2;
    prepare(&w);
    learn(&w);
    if (w.one)
        one_fault(&w);
    else if (w.kills)
        kill_all_over(&w);
    else
        fail_all_over(&w);
    if (!w.one && !w.kills)
        lose_output(&w);
    report(&w);
    return w.bad > 0;
}
