/* bench_sufsort.c - speed of the suffix sorter beside libdivsufsort's.
 *
 *     bench_sufsort [-c] [-d] [-n BYTES] [-t 1,2] FILE
 *
 * FILE holds documents, each ended by a 0x00 byte. -c checks the result in linear time, -d skips
 * divsufsort, -n takes only the first BYTES (cut back to a document's end). Each sort runs in a
 * child process, so that its peak memory is its own: text + array, and what the sorter adds. All
 * pages are touched before the clock starts.
 */
#include <divsufsort.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "fm/sufsort.h"

static double now(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

/* See tests/prop/prop_sufsort.c. */
static bool in_order(const uint8_t *t, const int32_t *sa, int64_t n)
{
    struct err e;
    uint32_t *rank = mem_map((size_t)n * sizeof *rank, &e);
    bool ok = rank != NULL;

    for (int64_t i = 0; i < n && ok; i++) {
        ok = sa[i] >= 0 && sa[i] < n && rank[sa[i]] == 0;
        if (ok)
            rank[sa[i]] = (uint32_t)i + 1;
    }
    for (int64_t i = 1; i < n && ok; i++) {
        int32_t a = sa[i - 1], b = sa[i];
        ok = t[a] < t[b] || (t[a] == t[b] && (t[a] ? rank[a + 1] < rank[b + 1] : a < b));
    }
    mem_unmap(rank, (size_t)n * sizeof *rank);
    return ok;
}

/* threads == 0: divsufsort. Returns the exit code. */
static int sort_once(const char *path, int64_t n, int threads, bool check)
{
    struct err e = {0};
    uint8_t *t = mem_map((size_t)n, &e);
    int32_t *sa = mem_map(((size_t)n + FM_SUFSORT_EXTRA) * sizeof *sa, &e);
    FILE *f = fopen(path, "rb");
    struct rusage ru;

    if (!t || !sa || !f || fread(t, 1, (size_t)n, f) != (size_t)n) {
        fprintf(stderr, "cannot read %s\n", path);
        return 1;
    }
    fclose(f);
    while (n > 0 && t[n - 1] != 0)
        n--;
    memset(sa, 0xff, ((size_t)n + FM_SUFSORT_EXTRA) * sizeof *sa);
    double t0 = now(CLOCK_MONOTONIC), c0 = now(CLOCK_PROCESS_CPUTIME_ID);
    int rc = threads ? fm_sufsort8(t, sa, n, threads, &e) : divsufsort(t, sa, (int32_t)n);
    double s = now(CLOCK_MONOTONIC) - t0, cpu = now(CLOCK_PROCESS_CPUTIME_ID) - c0;
    getrusage(RUSAGE_SELF, &ru);
    if (rc < 0) {
        fprintf(stderr, "failed: %s\n", threads ? e.msg : "divsufsort");
        return 1;
    }
    printf("%-12s %d thread%s  %7.2f s (CPU %.2f s)  %6.2f MB/s  peak %.3f bytes/symbol",
           threads ? "fm_sufsort8" : "divsufsort", threads ? threads : 1, threads > 1 ? "s" : " ",
           s, cpu, (double)n / s / 1e6, (double)ru.ru_maxrss * 1024 / (double)n);
    if (check && threads && !in_order(t, sa, n)) {
        printf("  WRONG\n");
        return 1;
    }
    printf("%s\n", check && threads ? "  checked" : "");
    return 0;
}

static int in_child(const char *path, int64_t n, int threads, bool check)
{
    int status = 1;

    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        int rc = sort_once(path, n, threads, check);
        fflush(stdout);
        _exit(rc);
    }
    return pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0;
}

int main(int argc, char **argv)
{
    bool check = false, divsuf = true;
    int64_t limit = INT64_MAX, n;
    const char *threads = "1,2";
    int opt, failed = 0;

    while ((opt = getopt(argc, argv, "cdn:t:")) != -1) {
        if (opt == 'c')
            check = true;
        else if (opt == 'd')
            divsuf = false;
        else if (opt == 'n')
            limit = strtoll(optarg, NULL, 10);
        else if (opt == 't')
            threads = optarg;
        else
            return 2;
    }
    if (optind + 1 != argc) {
        fprintf(stderr, "usage: bench_sufsort [-c] [-d] [-n BYTES] [-t 1,2] FILE\n");
        return 2;
    }
    FILE *f = fopen(argv[optind], "rb");
    if (!f || fseeko(f, 0, SEEK_END) != 0 || (n = ftello(f)) < 0) {
        fprintf(stderr, "cannot read %s\n", argv[optind]);
        return 1;
    }
    fclose(f);
    n = n < limit ? n : limit;
    printf("%s: %lld bytes\n", argv[optind], (long long)n);
    for (const char *p = threads; *p; p += strcspn(p, ","), p += *p == ',')
        failed |= in_child(argv[optind], n, atoi(p), check);
    if (divsuf)
        failed |= in_child(argv[optind], n, 0, false);
    return failed;
}
