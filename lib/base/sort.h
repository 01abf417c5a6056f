/* sort.h - numbers in order, the smallest first, and what is found among such; none is NaN. */
#ifndef BASE_SORT_H
#define BASE_SORT_H

#include <stddef.h>
#include <string.h>

void sort_doubles(double *v, size_t n);
void sort_floats(float *v, size_t n);
/* Of n in order, the one that a share p of them stays below: v[floor(p n)], or the last; 0 of none.
 */
float sorted_at(const float *v, size_t n, double p);

/* Of things [lo, hi] in an array, of `size` bytes, each with a double of its own first and in the
 * order of these: the first whose double is not below x, or hi. */
static inline size_t sorted_from(const void *v, size_t size, size_t lo, size_t hi, double x)
{
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        double key;

        memcpy(&key, (const char *)v + mid * size, sizeof key);
        if (key < x)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

#endif
