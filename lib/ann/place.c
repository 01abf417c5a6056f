/* place.c - see place.h. */
#include "ann/place.h"

#include <stdlib.h>

#include "base/mem.h"

enum { FEW = 12 /* that are sorted by insertion */ };

void places_sort(uint64_t *p, size_t n)
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

void places_order(uint64_t *p, size_t n)
{
    if (n > 1)
        qsort(p, n, sizeof *p, by_place);
}

static uint64_t median(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t low = a < b ? a : b, high = a < b ? b : a;

    return c < low ? low : c > high ? high : c;
}

void places_select(uint64_t *p, size_t n, size_t k)
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
        places_sort(p, n);
}

int places_of_rows(_Atomic(uint32_t *) *at, const uint32_t *row, uint64_t rows, struct err *e)
{
    uint32_t *place, *none = NULL;

    if (atomic_load(at))
        return 0;
    if (!(place = mem_zero((size_t)rows, sizeof *place, e)))
        return e->code;
    for (uint64_t i = 0; i < rows; i++)
        place[row[i]] = (uint32_t)i;
    if (!atomic_compare_exchange_strong(at, &none, place))
        free(place); /* another was faster */
    return 0;
}
