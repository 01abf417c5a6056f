/* cand.c - see cand.h. */
#include "ann/cand.h"

#include <stdlib.h>

enum { FEW = 12 /* that are sorted by insertion */ };

void cands_sort(uint64_t *p, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        uint64_t v = p[i];
        size_t j = i;

        for (; j > 0 && p[j - 1] > v; j--)
            p[j] = p[j - 1];
        p[j] = v;
    }
}

static int by_place(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

void cands_order(uint64_t *p, size_t n)
{
    if (n > 1)
        qsort(p, n, sizeof *p, by_place);
}

static uint64_t median(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t low = a < b ? a : b, high = a < b ? b : a;

    return c < low ? low : c > high ? high : c;
}

void cands_select(uint64_t *p, size_t n, size_t k)
{
    while (k > 0 && k < n && n > FEW) {
        uint64_t middle = median(p[0], p[n / 2], p[n - 1]);
        size_t below = 0, i = 0, above = n;

        /* [0, below) < middle, [below, i) equal, [above, n) > middle */
        while (i < above) {
            uint64_t v = p[i];

            if (v < middle) {
                p[i++] = p[below];
                p[below++] = v;
            } else if (v > middle) {
                p[i] = p[--above];
                p[above] = v;
            } else {
                i++;
            }
        }
        if (k < below) {
            n = below;
        } else if (k > above) {
            p += above;
            n -= above;
            k -= above;
        } else {
            return;
        }
    }
    if (k > 0 && k < n)
        cands_sort(p, n);
}
