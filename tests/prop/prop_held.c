/* prop_held.c - which lists hold the rows of a filter, and how many of the nearest are enough,
 * against counting all rows and sorting all lists: rows of no list, deleted ones, lists without
 * any, distances that tie, rows that are kept or not, one held for several filters.
 */
#include "../unit/t.h"
#include "ann/held.h"
#include "ann/cand.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 3000, LISTS = 300 };

static unsigned long long seed = 1;

static uint32_t below(uint32_t n)
{
    return (uint32_t)(t_rand(&seed) >> 33) % n;
}

/* A filter of about one row in `one_in`, and what it comes to. */
static struct {
    uint64_t rows, lists;
    uint64_t bits[ROWS / 64 + 1], dead[ROWS / 64 + 1];
    uint32_t list_of[ROWS];
    uint32_t count[LISTS];
    uint64_t total, held;
} f;

static void make_filter(uint32_t one_in, bool deleted)
{
    memset(f.bits, 0, sizeof f.bits);
    memset(f.count, 0, sizeof f.count);
    f.total = f.held = 0;
    for (uint64_t i = 0; i < f.rows; i++) {
        if (below(one_in) > 0)
            continue;
        f.bits[i / 64] |= UINT64_C(1) << i % 64;
        if (deleted && f.dead[i / 64] >> i % 64 & 1)
            continue;
        f.total++;
        if (f.list_of[i] < f.lists)
            f.held += f.count[f.list_of[i]]++ == 0;
    }
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void try_enough(const struct held *h)
{
    uint64_t near[LISTS], sorted[LISTS], rows = 0;
    const struct held_need need = {below(4) ? below((uint32_t)f.total + 2) : (double)INFINITY,
                                   below((uint32_t)h->n + 2), below(40)};
    size_t want = 0, got;

    for (size_t i = 0; i < h->n; i++)
        near[i] = cand_of((float)below(50), h->list[i]);
    memcpy(sorted, near, sizeof near);
    qsort(sorted, h->n, sizeof *sorted, by_number);
    while (want < h->n && ((double)rows < need.seen || want < need.lists || rows < need.rows))
        rows += f.count[cand_row(sorted[want++])];
    got = held_enough(h, near, &need);
    T_CHECKF(got == want, "%zu lists, not %zu", got, want);
    T_CHECK(memcmp(near, sorted, want * sizeof *near) == 0);
    qsort(near, h->n, sizeof *near, by_number);
    T_CHECK(memcmp(near, sorted, h->n * sizeof *near) == 0);
}

static void try_filter(struct held *h, bool deleted)
{
    struct allowed_at at = {.bits = f.bits, .dead = deleted ? f.dead : NULL, .rows = f.rows};
    uint64_t last = UINT64_MAX;

    h->of = NULL; /* the bits are at the same place, and others */
    held_count(h, at, f.list_of, f.lists);
    held_count(h, at, f.list_of, f.lists);
    T_CHECKF(h->rows == f.total && h->n == f.held, "%llu rows of %zu lists, not %llu of %llu",
             (unsigned long long)h->rows, h->n, (unsigned long long)f.total,
             (unsigned long long)f.held);
    for (uint64_t l = 0; l < f.lists; l++)
        T_CHECK(h->count[l] == f.count[l]);
    for (size_t i = 0; i < h->n; i++)
        T_CHECK(h->list[i] < f.lists && h->count[h->list[i]] > 0);
    for (uint64_t i = 0; h->kept > 0 && i < h->rows; i++) {
        T_CHECK(allowed_row(f.bits, h->row[i]) && (last == UINT64_MAX || h->row[i] > last));
        T_CHECK(h->in[i] == f.list_of[h->row[i]]);
        last = h->row[i];
    }
    for (int i = 0; i < 5; i++)
        try_enough(h);
}

static void try_lists(uint64_t rows, uint32_t lists, bool keep, enum cpu_level cpu)
{
    struct held h = {0};
    struct err e = {0};

    f.rows = rows;
    f.lists = lists;
    for (uint64_t i = 0; i < rows; i++) {
        f.list_of[i] = below(2) ? below(lists) : below(lists + 1) / 4;
        if (below(50) == 0)
            f.list_of[i] = keep ? lists - 1 : lists + below(9);
        f.dead[i / 64] = f.dead[i / 64] << 1 | (below(9) == 0);
    }
    T_CHECKF(held_init(&h, lists, keep ? rows + 1 : 0, cpu, &e) == 0, "%s", e.msg);
    for (uint32_t one_in = 1; one_in < 1000; one_in *= 3) {
        bool deleted = below(2);

        make_filter(one_in, deleted);
        try_filter(&h, deleted);
    }
    held_free(&h);
}

int main(void)
{
    static const uint64_t rows[] = {1, 63, 64, 700, ROWS};
    static const uint32_t lists[] = {1, 2, 40, LISTS};

    for (enum cpu_level cpu = 0; cpu <= cpu_detect(); cpu++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
                try_lists(rows[i], lists[k], false, cpu);
                try_lists(rows[i], lists[k], true, cpu);
            }
    return t_done("prop_held");
}
