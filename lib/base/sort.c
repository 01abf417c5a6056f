/* sort.c - see sort.h. Many doubles go by digits of eleven bits, the last first, of numbers that
 * are in the order of the doubles; a digit that is the same in all costs nothing.
 */
#include "base/sort.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { DIGIT_BITS = 11, DIGITS = 6, VALUES = 1 << DIGIT_BITS, BY_DIGITS_FROM = 4096 };

static int by_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static int by_float(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

/* Of negative numbers all bits are turned over, of others the sign. */
static void to_keys(uint64_t *key, const double *v, size_t n)
{
    memcpy(key, v, n * sizeof *v);
    for (size_t i = 0; i < n; i++)
        key[i] ^= key[i] >> 63 ? UINT64_MAX : UINT64_C(1) << 63;
}

static void from_keys(double *v, uint64_t *key, size_t n)
{
    for (size_t i = 0; i < n; i++)
        key[i] ^= key[i] >> 63 ? UINT64_C(1) << 63 : UINT64_MAX;
    memcpy(v, key, n * sizeof *v);
}

static unsigned digit_of(uint64_t key, int digit)
{
    return key >> (digit * DIGIT_BITS) & (VALUES - 1);
}

/* By one digit, in order otherwise: false if all have the same, and `to` is not filled. */
static bool by_digit(uint64_t *to, const uint64_t *from, size_t n, int digit)
{
    size_t at[VALUES] = {0}, sum = 0;

    for (size_t i = 0; i < n; i++)
        at[digit_of(from[i], digit)]++;
    if (at[digit_of(from[0], digit)] == n)
        return false;
    for (int d = 0; d < VALUES; d++) {
        size_t these = at[d];

        at[d] = sum;
        sum += these;
    }
    for (size_t i = 0; i < n; i++)
        to[at[digit_of(from[i], digit)]++] = from[i];
    return true;
}

static void by_digits(double *v, uint64_t *scratch, size_t n)
{
    uint64_t *from = scratch, *to = scratch + n;

    to_keys(from, v, n);
    for (int d = 0; d < DIGITS; d++)
        if (by_digit(to, from, n, d)) {
            uint64_t *sorted = to;

            to = from;
            from = sorted;
        }
    from_keys(v, from, n);
}

void sort_doubles(double *v, size_t n)
{
    uint64_t *scratch = n >= BY_DIGITS_FROM && n <= SIZE_MAX / 2 / sizeof *scratch
                            ? malloc(2 * n * sizeof *scratch)
                            : NULL;

    if (scratch)
        by_digits(v, scratch, n);
    else if (n > 0)
        qsort(v, n, sizeof *v, by_double);
    free(scratch);
}

void sort_floats(float *v, size_t n)
{
    if (n > 0)
        qsort(v, n, sizeof *v, by_float);
}

float sorted_at(const float *v, size_t n, double p)
{
    size_t at = (size_t)(p * (double)n);

    return n ? v[at < n ? at : n - 1] : 0;
}
