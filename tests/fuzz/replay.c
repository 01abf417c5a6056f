/* replay.c - a fuzz target without a fuzzer: every input that is kept in the tree, once.
 *
 *   fuzz_NAME            tests/fuzz/corpus/NAME and tests/fuzz/crashes/NAME, from the tree's root
 *   fuzz_NAME FILE...    these files and folders
 *
 * An input may take 2 s of processor time; all together 300 MB, or with sanitizers, which keep what
 * was freed, 1 GB. The last line says how many there were; none is a failure.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#ifdef __SANITIZE_ADDRESS__
enum { SECONDS_MOST = 10, MEGABYTES_MOST = 1024 };
#else
enum { SECONDS_MOST = 2, MEGABYTES_MOST = 300 };
#endif

/* What there is no memory for is told by NULL, as without sanitizers. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static unsigned inputs, failures;

static double cpu_s(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static void run(const char *path)
{
    FILE *f = fuzz_need(fopen(path, "rb"));
    struct stat st;
    uint8_t *p;
    double from;

    FUZZ_CHECK(fstat(fileno(f), &st) == 0);
    p = fuzz_need(malloc((size_t)st.st_size + (st.st_size == 0)));
    FUZZ_CHECK(fread(p, 1, (size_t)st.st_size, f) == (size_t)st.st_size);
    fclose(f);
    fprintf(stderr, "%s\n", path); /* shown when it is the last */
    from = cpu_s();
    LLVMFuzzerTestOneInput(p, (size_t)st.st_size);
    if (cpu_s() - from > SECONDS_MOST) {
        printf("%s: took %.1f s\n", path, cpu_s() - from);
        failures++;
    }
    inputs++;
    free(p);
}

/* A file, or all of a folder, in the order of their names; what is not there is nothing. */
static void run_all(const char *path)
{
    struct dirent **v;
    char name[4096];
    int n = scandir(path, &v, NULL, alphasort);

    if (n < 0 && errno == ENOTDIR)
        run(path);
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%s/%s", path, v[i]->d_name);
        if (v[i]->d_name[0] != '.')
            run_all(name);
        free(v[i]);
    }
    if (n >= 0)
        free(v);
}

int main(int argc, char **argv)
{
    const char *name = strrchr(argv[0], '_');
    struct rusage used;
    char path[4096];

    FUZZ_CHECK(name);
    for (int i = 1; i < argc; i++)
        run_all(argv[i]);
    if (argc == 1) {
        snprintf(path, sizeof path, "tests/fuzz/corpus/%s", name + 1);
        run_all(path);
        snprintf(path, sizeof path, "tests/fuzz/crashes/%s", name + 1);
        run_all(path);
    }
    getrusage(RUSAGE_SELF, &used);
    if (used.ru_maxrss > MEGABYTES_MOST * 1024L) {
        printf("%ld MB of memory were used\n", used.ru_maxrss / 1024);
        failures++;
    }
    printf("fuzz_%s: %u inputs, %u too slow or too large\n", name + 1, inputs, failures);
    return failures > 0 || inputs == 0;
}
