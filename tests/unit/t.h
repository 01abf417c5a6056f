/* t.h - the smallest test harness: each T_CHECK prints a line when it fails, t_done() the count.
 *
 *     int main(void) { T_CHECK(1 + 1 == 2); return t_done("arith"); }
 */
#ifndef TESTS_T_H
#define TESTS_T_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int t_passed, t_failed;

#define T_CHECK(cond)                                                       \
    do {                                                                    \
        if (cond) {                                                         \
            t_passed++;                                                     \
        } else {                                                            \
            t_failed++;                                                     \
            printf("%s:%d: check failed: %s\n", __FILE__, __LINE__, #cond); \
        }                                                                   \
    } while (0)

/* The same with a printf-style note on what was being tried (a seed, a length). */
#define T_CHECKF(cond, ...)                                                 \
    do {                                                                    \
        if (cond) {                                                         \
            t_passed++;                                                     \
        } else {                                                            \
            t_failed++;                                                     \
            printf("%s:%d: check failed: %s: ", __FILE__, __LINE__, #cond); \
            printf(__VA_ARGS__);                                            \
            printf("\n");                                                   \
        }                                                                   \
    } while (0)

/* Last line of every test program; the exit code. A program that checked nothing has failed. */
static inline int t_done(const char *name)
{
    printf("%s: %d checks passed, %d failed\n", name, t_passed, t_failed);
    return t_failed > 0 || t_passed == 0;
}

/* xorshift64*: the same numbers everywhere. */
static inline unsigned long long t_rand(unsigned long long *s)
{
    *s ^= *s >> 12;
    *s ^= *s << 25;
    *s ^= *s >> 27;
    return *s * 2685821657736338717ULL;
}

#endif
