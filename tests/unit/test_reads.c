/* test_reads.c - scattered reads by io_uring and by pread give the file's bytes, whatever order
 * they end in; short files are an error, signals are none. */
#include "t.h"
#include "tmp.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/reads.h"

enum { SIZE = 300000, MOST = 16, LEN = 5000 };

static unsigned char data[SIZE];
static volatile sig_atomic_t signals;

static void on_alarm(int sig)
{
    (void)sig;
    signals++;
}

/* Signals that interrupt what waits. */
static void alarms(long us)
{
    struct sigaction sa = {.sa_handler = on_alarm};
    struct itimerval every = {{0, us}, {0, us}};

    sigaction(SIGALRM, &sa, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
}

static int make_file(void)
{
    unsigned long long seed = 3;
    int fd = open("f", O_RDWR | O_CREAT, 0600);

    for (size_t i = 0; i < SIZE; i++)
        data[i] = (unsigned char)t_rand(&seed);
    T_CHECK(write(fd, data, SIZE) == SIZE);
    return fd;
}

struct asked {
    uint64_t at;
    size_t len, need;
};

static void ask(struct reads *r, unsigned tag, struct asked *a, unsigned char *to,
                unsigned long long *seed)
{
    a->at = t_rand(seed) % SIZE;
    a->len = 1 + t_rand(seed) % LEN;
    a->need = a->len < SIZE - a->at ? a->len : SIZE - a->at;
    reads_ask(r, tag, a->at, to, a->len, a->need);
}

static void many(int fd, enum reads_by by)
{
    static unsigned char room[MOST][LEN];
    struct asked a[MOST];
    struct reads *r = NULL;
    struct err e = {0};
    unsigned long long seed = 9;
    unsigned tag;

    T_CHECKF(reads_new(&r, fd, "f", MOST, by, &e) == 0, "%s", e.msg);
    for (tag = 0; tag < MOST; tag++)
        ask(r, tag, &a[tag], room[tag], &seed);
    for (int i = 0; i < 20000; i++) {
        T_CHECK(reads_under_way(r) == MOST);
        T_CHECKF(reads_take(r, &tag, &e) == 0, "%s", e.msg);
        T_CHECK(tag < MOST && memcmp(room[tag], data + a[tag].at, a[tag].need) == 0);
        ask(r, tag, &a[tag], room[tag], &seed);
    }
    for (int i = 0; i < MOST; i++)
        T_CHECK(reads_take(r, &tag, &e) == 0);
    T_CHECK(reads_under_way(r) == 0);
    reads_free(r);
}

static void beyond(int fd, enum reads_by by)
{
    unsigned char room[100];
    struct reads *r = NULL;
    struct err e = {0};
    unsigned tag;

    for (uint64_t at = SIZE - 99; at < SIZE + 50; at += 33) {
        T_CHECK(reads_new(&r, fd, "f", 2, by, &e) == 0);
        reads_ask(r, 1, at, room, 100, 100);
        T_CHECK(reads_take(r, &tag, &e) == ERR_CORRUPT && strstr(e.msg, "f: file is truncated"));
        reads_free(r);
    }
    T_CHECK(reads_new(&r, -1, "none", 1, by, &e) == 0);
    reads_ask(r, 0, 0, room, 1, 1);
    T_CHECK(reads_take(r, &tag, &e) == ERR_IO && strstr(e.msg, "'none'"));
    reads_free(r);
    reads_free(NULL);
}

/* One of some fails, and the others are waited for. */
static void drained(int fd, enum reads_by by)
{
    static unsigned char room[MOST][LEN];
    struct reads *r = NULL;
    struct err e = {0};
    unsigned tag;
    int rc = 0;

    memset(room, 0, sizeof room);
    T_CHECK(reads_new(&r, fd, "f", MOST, by, &e) == 0);
    for (tag = 0; tag < MOST; tag++)
        reads_ask(r, tag, tag == 3 || tag == 9 ? SIZE : tag * LEN, room[tag], LEN, LEN);
    while (rc == 0)
        rc = reads_take(r, &tag, &e);
    T_CHECK(rc == ERR_CORRUPT && reads_under_way(r) > 0 && reads_under_way(r) < MOST);
    reads_drain(r);
    T_CHECK(reads_under_way(r) == 0);
    for (tag = 0; tag < MOST; tag++)
        T_CHECK(tag == 3 || tag == 9 || memcmp(room[tag], data + tag * LEN, LEN) == 0);
    reads_drain(r);
    reads_free(r);
}

int main(void)
{
    int fd;

    tmp_enter();
    fd = make_file();
    alarms(300);
    for (enum reads_by by = READS_AUTO; by <= READS_PREAD; by += READS_PREAD) {
        many(fd, by);
        beyond(fd, by);
        drained(fd, by);
    }
    T_CHECK(signals > 0);
    alarms(0);
    close(fd);
    tmp_leave();
    return t_done("reads");
}
