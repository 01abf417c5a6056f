/* test_base.c - the small parts of lib/base: memory, errors, maps, hashes, threads, CPU levels. */
#include "t.h"
#include "tmp.h"

#include "base/cpu.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/par.h"
#include "base/ram.h"
#include "base/sort.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Sanitizers ask these of the program: a refused allocation is to be NULL, as it is elsewhere. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

/* A number that the compiler cannot see: impossible sizes are the point here. */
static size_t opaque(size_t n)
{
    volatile size_t v = n;

    return v;
}

static bool all(const unsigned char *p, size_t n, unsigned char c)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != c)
            return false;
    return true;
}

static void test_mem(void)
{
    struct err e = {0};
    unsigned char *p;

    T_CHECK((p = mem_array(10, 10, &e)) != NULL);
    memset(p, 1, 100);
    free(p);
    T_CHECK((p = mem_zero(1000, 10, &e)) && all(p, 10000, 0));
    free(p);
    T_CHECK((p = mem_array(0, 8, &e)) != NULL);
    free(p);
    T_CHECK((p = mem_zero(0, 8, &e)) != NULL);
    free(p);
    T_CHECK((p = mem_zero(8, 0, &e)) != NULL);
    free(p);
    T_CHECK(e.code == 0);
    T_CHECK(!mem_array(opaque(SIZE_MAX / 2), 3, &e) && e.code == ERR_MEM);
    e.code = 0;
    T_CHECK(!mem_array(opaque(SIZE_MAX / 8 + 2), 8, &e) && e.code == ERR_MEM); /* 8, modulo 2^64 */
    e.code = 0;
    T_CHECK(!mem_zero(opaque(SIZE_MAX / 8 + 2), 8, &e) && e.code == ERR_MEM && e.msg[0]);
}

static void test_reserve(void)
{
    struct err e = {0};
    uint32_t *v = NULL, *old;
    size_t cap = 0, grown = 0;

    for (uint32_t i = 0; i < 100000; i++) {
        old = v;
        T_CHECK(mem_reserve(&v, &cap, i + 1, sizeof *v, &e) == 0 && cap > i);
        grown += v != old;
        v[i] = i * 3;
    }
    T_CHECKF(grown < 40, "%zu moves", grown); /* by half each time, not by one */
    for (uint32_t i = 0; i < 100000; i++)
        if (v[i] != i * 3)
            T_CHECKF(false, "element %u", i);
    old = v;
    grown = cap;
    T_CHECK(mem_reserve(&v, &cap, 5, sizeof *v, &e) == 0 && cap == grown && v == old);
    T_CHECK(mem_reserve(&v, &cap, opaque(SIZE_MAX / 2), sizeof *v, &e) == ERR_MEM);
    T_CHECK(v == old && cap == grown && v[99999] == 99999 * 3);
    free(v);
}

static void test_mem_map(void)
{
    struct err e = {0};
    size_t n = (5u << 20) + 1;
    unsigned char *p = mem_map(n, &e);

    T_CHECK(p && all(p, n, 0));
    memset(p, 7, n);
    T_CHECK(all(p, n, 7));
    mem_unmap(p, n);
    T_CHECK((p = mem_map(0, &e)) != NULL);
    mem_unmap(p, 0);
    mem_unmap(NULL, 5);
    T_CHECK(!mem_map(opaque(SIZE_MAX / 2), &e) && e.code == ERR_MEM);
}

static void test_buf(void)
{
    struct buf b = {0};
    struct err e = {0};

    T_CHECK(buf_add(&b, NULL, 0, &e) == 0 && b.len == 0);
    T_CHECK(buf_adds(&b, "abc", &e) == 0 && buf_addc(&b, '\0', &e) == 0);
    T_CHECK(buf_printf(&b, &e, "%d-%s", 42, "x") == 0);
    T_CHECK(b.len == 8 && memcmp(b.p, "abc\00042-x", 8) == 0);
    for (int i = 0; i < 10000; i++)
        T_CHECK(buf_addc(&b, (char)i, &e) == 0);
    T_CHECK(b.len == 10008 && b.p[8] == 0 && b.p[10007] == (char)9999);
    size_t cap = b.cap;
    T_CHECK(buf_reserve(&b, cap - b.len, &e) == 0 && b.cap == cap);
    T_CHECK(buf_reserve(&b, opaque(SIZE_MAX), &e) == ERR_MEM && b.len == 10008 && b.cap == cap);
    buf_free(&b);
    T_CHECK(!b.p && b.len == 0 && b.cap == 0);
    buf_free(&b);
    T_CHECK(buf_printf(&b, &e, "%s", "") == 0 && b.len == 0);
    buf_free(&b);
}

static void test_err(void)
{
    char longer[2000];
    struct err e = {0};

    T_CHECK(err_set(&e, ERR_INPUT, "line %d", 3) == ERR_INPUT && e.code == ERR_INPUT);
    T_CHECK(strcmp(e.msg, "line 3") == 0);
    T_CHECK(err_prefix(&e, "%s", "file.txt") == ERR_INPUT);
    T_CHECK(strcmp(e.msg, "file.txt: line 3") == 0);
    errno = ENOENT;
    T_CHECK(err_sys(&e, "cannot open", "x") == ERR_IO && e.code == ERR_IO);
    T_CHECK(strcmp(e.msg, "cannot open 'x': No such file or directory") == 0);

    memset(longer, 'y', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    T_CHECK(err_set(&e, ERR_MEM, "%s", longer) == ERR_MEM);
    T_CHECK(strlen(e.msg) == sizeof e.msg - 1);
    T_CHECK(err_prefix(&e, "p") == ERR_MEM && strlen(e.msg) == sizeof e.msg - 1);
    T_CHECK(memcmp(e.msg, "p: yyy", 6) == 0);
    T_CHECK(err_prefix(&e, "%s", longer) == ERR_MEM && strlen(e.msg) == sizeof e.msg - 1);
}

/* Loads 9 MB and a bit, in more than two pieces, by `threads`. */
static void load_large(const unsigned char *data, size_t len, int threads)
{
    struct map m;
    struct err e = {0};

    T_CHECK(map_load(&m, "large", threads, &e) == 0 && m.len == len);
    T_CHECK(m.p && memcmp(m.p, data, len) == 0);
    map_close(&m);
    T_CHECK(!m.p && m.len == 0);
}

/* With no room for another mapping. */
static void load_without_memory(void)
{
    struct rlimit was, none;
    struct map m;
    struct err e = {0};

    T_CHECK(getrlimit(RLIMIT_AS, &was) == 0);
    none = (struct rlimit){1, was.rlim_max};
    T_CHECK(setrlimit(RLIMIT_AS, &none) == 0);
    T_CHECK(map_load(&m, "large", 1, &e) == ERR_MEM && !m.p && m.len == 0);
    T_CHECK(setrlimit(RLIMIT_AS, &was) == 0);
    T_CHECK(strcmp(e.msg, "cannot load 'large': out of memory (9000007 bytes)") == 0);
}

static void test_load(void)
{
    enum { LEN = 9000007 };
    unsigned char *data = malloc(LEN);
    unsigned long long seed = 9;
    struct map m;
    struct err e = {0};

    for (size_t i = 0; data && i < LEN; i++)
        data[i] = (unsigned char)(t_rand(&seed) >> 56);
    tmp_put("large", data, LEN);
    for (int threads = 0; threads <= 3; threads++)
        load_large(data, LEN, threads);
    load_without_memory();
    tmp_put("x", "", 0);
    T_CHECK(map_load(&m, "x", 2, &e) == 0 && m.len == 0 && m.p);
    map_close(&m);
    tmp_put("x", "hello", 5);
    T_CHECK(map_load(&m, "x", 2, &e) == 0 && m.len == 5);
    T_CHECK(truncate("x", 0) == 0 && memcmp(m.p, "hello", 5) == 0); /* it is a copy */
    map_close(&m);
    T_CHECK(map_load(&m, "absent", 1, &e) == ERR_IO && !m.p && strstr(e.msg, "No such file"));
    T_CHECK(map_load(&m, ".", 1, &e) == ERR_IO && !m.p);
    T_CHECK(map_load(&m, "/dev/null", 1, &e) == ERR_IO && !m.p);
    /* a regular file, of some length, that has nothing to read */
    T_CHECK(map_load(&m, "/sys/kernel/mm/transparent_hugepage/enabled", 1, &e) == ERR_IO && !m.p);
    T_CHECK(strstr(e.msg, "has become shorter") || strstr(e.msg, "cannot open"));
    free(data);
}

static void test_map(void)
{
    struct map m = {0};
    struct err e = {0};

    tmp_enter();
    map_close(&m);
    tmp_put("x", "", 0);
    T_CHECK(map_open(&m, "x", &e) == 0 && m.len == 0 && m.p);
    map_random(&m);
    map_close(&m);
    tmp_put("x", "hello", 5);
    T_CHECK(map_open(&m, "x", &e) == 0 && m.len == 5 && memcmp(m.p, "hello", 5) == 0);
    map_random(&m);
    unlink("x");
    T_CHECK(memcmp(m.p, "hello", 5) == 0);
    map_close(&m);
    T_CHECK(!m.p && m.len == 0);
    map_close(&m);

    T_CHECK(map_open(&m, "x", &e) == ERR_IO && !m.p && strstr(e.msg, "No such file"));
    T_CHECK(map_open(&m, "/tmp", &e) == ERR_IO && !m.p);
    T_CHECK(strcmp(e.msg, "cannot read '/tmp': Is a directory") == 0);
    T_CHECK(map_open(&m, "/dev/null", &e) == ERR_IO && !m.p);
    T_CHECK(strcmp(e.msg, "cannot map '/dev/null': not a regular file") == 0);
    T_CHECK(mkfifo("x", 0600) == 0 && map_open(&m, "x", &e) == ERR_IO); /* and does not hang */
    T_CHECK(map_load(&m, "x", 1, &e) == ERR_IO && unlink("x") == 0);
    test_load();
    tmp_leave();
}

/* Values from libxxhash 0.8.1, one for each of its code paths; byte i is i % 251. */
static void test_hash(void)
{
    static const struct {
        size_t len;
        uint64_t value;
    } known[] = {{16, 0x8355e3a6f61770db},   {128, 0x85c6174c7ff4c46b},
                 {240, 0x375a384d957fe865},  {241, 0x02e8cd95421c6d02},
                 {1024, 0xe5d78bafa45b2aa5}, {100000, 0x42c23aeead96750d}};
    static unsigned char data[100000];
    unsigned long long seed = 5;
    struct hasher *h;
    struct err e = {0};

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i % 251);
    T_CHECK(hash64("", 0) == 0x2d06800538d394c2 && hash64("abc", 3) == 0x78af5f94892f3950);
    T_CHECK(hash64(NULL, 0) == hash64("", 0));
    T_CHECK(hasher_new(&h, &e) == 0);
    T_CHECK(hasher_value(h) == hash64("", 0));
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        T_CHECK(hash64(data, known[i].len) == known[i].value);
        hasher_reset(h);
        for (size_t at = 0; at < known[i].len;) {
            size_t n = t_rand(&seed) % 700 % (known[i].len - at + 1);
            hasher_add(h, data + at, n);
            at += n;
        }
        T_CHECK(hasher_value(h) == known[i].value && hasher_value(h) == known[i].value);
    }
    hasher_add(h, NULL, 0);
    T_CHECK(hasher_value(h) == known[5].value);
    hasher_free(h);
    hasher_free(NULL);
}

/* In a child bound to one CPU there is one, whatever the machine has. */
static int bound_to_one(void)
{
    cpu_set_t all_of_us, one;

    if (sched_getaffinity(0, sizeof all_of_us, &all_of_us) < 0)
        return 1; /* more than 1024 CPUs: nothing to compare with here */
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &all_of_us)) {
            CPU_SET(i, &one);
            break;
        }
    return sched_setaffinity(0, sizeof one, &one) < 0 ? -1 : par_cpus();
}

static void test_par(void)
{
    cpu_set_t set;
    int status = 0;
    pid_t pid;

    T_CHECK(par_cpus() >= 1);
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        T_CHECK(par_cpus() <= CPU_COUNT(&set));
    T_CHECK(par_threads(7) == 7 && par_threads(1) == 1 && par_threads(1000000) <= 4096);
    T_CHECK(par_threads(0) == par_cpus() && par_threads(-3) == par_cpus());
    if ((pid = fork()) == 0)
        _exit(bound_to_one());
    waitpid(pid, &status, 0);
    T_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

/* The kernel's list of what it lets programs use, "" when /proc/cpuinfo cannot be read. */
static const char *kernel_flags(void)
{
    static char line[8192];
    FILE *f = fopen("/proc/cpuinfo", "re");
    bool found = false;

    while (f && !found && fgets(line, sizeof line, f))
        found = strncmp(line, "flags", 5) == 0;
    if (f)
        fclose(f);
    line[strcspn(line, "\n")] = ' ';
    return found ? line : "";
}

static bool has_all(const char *flags, const char *const *names, size_t n)
{
    char word[32];

    for (size_t i = 0; i < n; i++) {
        snprintf(word, sizeof word, " %s ", names[i]);
        if (!strstr(flags, word))
            return false;
    }
    return true;
}

/* Not every kernel lists it (a virtual machine's, "abm"); where there is none, BSR is what runs,
 * which counts from the other end. */
static bool has_lzcnt(void)
{
#ifdef __x86_64__
    uint32_t one = 1, zeros;

    __asm__("lzcnt %1, %0" : "=r"(zeros) : "r"(one) : "cc");
    return zeros == 31;
#else
    return false;
#endif
}

static void test_cpu(void)
{
    static const char *const need[] = {"avx2",     "bmi1",     "bmi2",
                                       "popcnt",   "avx512f",  "avx512bw",
                                       "avx512vl", "avx512dq", "avx512_vpopcntdq"};
    const char *flags = kernel_flags();
    enum cpu_level level = cpu_detect(), want = CPU_PORTABLE;

    if (has_all(flags, need, 4) && has_lzcnt())
        want = has_all(flags, need, 9) ? CPU_AVX512 : CPU_AVX2;
    if (*flags)
        T_CHECKF(level == want, "detected %s, the kernel says %s", cpu_name(level), cpu_name(want));
    for (int i = CPU_PORTABLE; i <= CPU_AVX512; i++) {
        level = (enum cpu_level)(CPU_AVX512 - i);
        T_CHECK(cpu_parse(cpu_name((enum cpu_level)i), &level) == 0 && (int)level == i);
    }
    level = CPU_AVX2;
    T_CHECK(strcmp(cpu_name(level), "avx2") == 0);
    T_CHECK(cpu_parse("", &level) == -1 && cpu_parse("AVX2", &level) == -1 &&
            cpu_parse("avx", &level) == -1 && cpu_parse("avx512f", &level) == -1);
    T_CHECK(level == CPU_AVX2);
}

static uint64_t total_memory(void)
{
    return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* A limit of its own lowers what a process may take; a sanitizer has used up any such limit. */
static void test_ram(void)
{
    struct rlimit limit = {(rlim_t)1 << 30, RLIM_INFINITY};
    int status = 1;
    pid_t pid;

    T_CHECK(ram_available() > 0 && ram_available() <= total_memory());
    fflush(stdout);
    pid = fork();
    if (pid == 0)
        _exit(setrlimit(RLIMIT_AS, &limit) == 0 && ram_available() < (uint64_t)1 << 30 ? 0 : 1);
    waitpid(pid, &status, 0);
    T_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Of numbers of both signs and all sizes, of whole ones, of ones that are nearly equal. */
static double some_number(unsigned long long *rng, int kind)
{
    static const double odd[] = {0, INFINITY, -INFINITY, 5e-324, -5e-324, 1.7e308, -1.7e308};
    double x = (double)(t_rand(rng) >> 11);

    switch (kind) {
    case 0:
        return ldexp(t_rand(rng) & 1 ? x : -x, (int)(t_rand(rng) % 2000) - 1050);
    case 1:
        return (double)(t_rand(rng) % 1000);
    case 2:
        return 1 + x * 0x1p-105;
    default:
        return odd[t_rand(rng) % 7];
    }
}

static void test_sort(void)
{
    static const size_t sizes[] = {0, 1, 2, 100, 4095, 4096, 9000};
    static double v[9000], want[9000];
    unsigned long long rng = 5;

    for (int kind = 0; kind < 4; kind++)
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            size_t n = sizes[k], wrong = 0;

            for (size_t i = 0; i < n; i++)
                v[i] = want[i] = some_number(&rng, kind);
            qsort(want, n, sizeof *want, rising);
            sort_doubles(v, n);
            for (size_t i = 0; i < n; i++)
                wrong += v[i] != want[i];
            T_CHECK(wrong == 0);
        }
}

static void test_sorted_at(void)
{
    static const float v[] = {1, 2, 3, 4};

    T_CHECK(sorted_at(v, 0, .5) == 0 && sorted_at(v, 1, .99) == 1);
    T_CHECK(sorted_at(v, 4, 0) == 1 && sorted_at(v, 4, .5) == 3 && sorted_at(v, 3, .5) == 2);
    T_CHECK(sorted_at(v, 4, .74) == 3 && sorted_at(v, 4, .99) == 4 && sorted_at(v, 4, 1) == 4);
}

int main(void)
{
    test_sorted_at();
    test_sort();
    test_ram();
    test_mem();
    test_reserve();
    test_mem_map();
    test_buf();
    test_err();
    test_map();
    test_hash();
    test_par();
    test_cpu();
    return t_done("base");
}
