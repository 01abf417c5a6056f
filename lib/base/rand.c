/* rand.c - see rand.h. */
#include "base/rand.h"

#include <math.h>

__extension__ typedef unsigned __int128 u128;

uint64_t rand_u64(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint64_t rand_below(uint64_t *state, uint64_t n)
{
    return (uint64_t)((u128)rand_u64(state) * n >> 64);
}

double rand_unit(uint64_t *state)
{
    return (double)(rand_u64(state) >> 11) * 0x1p-53;
}

double rand_normal(uint64_t *state)
{
    double x, y, s;

    do {
        x = 2 * rand_unit(state) - 1;
        y = 2 * rand_unit(state) - 1;
        s = x * x + y * y;
    } while (s >= 1 || s == 0);
    return x * sqrt(-2 * log(s) / s);
}

void rand_choose(uint64_t *state, uint64_t n, uint64_t k, uint64_t *out)
{
    for (uint64_t i = 0; k > 0; i++)
        if (rand_below(state, n - i) < k) {
            *out++ = i;
            k--;
        }
}
