/* sample.c - see sample.h: a heap whose top is the worst of the n best so far. */
#include "vec/sample.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rand.h"

struct pick {
    uint64_t draw, number;
    uint64_t place; /* of the row in `rows` */
};

struct vec_sample {
    uint64_t want, seen, random, seed;
    size_t row_bytes;
    struct pick *pick;
    size_t count, cap;
    unsigned char *rows;
    size_t rows_cap; /* in rows */
};

int vec_sample_new(struct vec_sample **out, uint64_t n, size_t row_bytes, uint64_t seed,
                   struct err *e)
{
    struct vec_sample *s = mem_zero(1, sizeof *s, e);

    *out = s;
    if (!s)
        return e->code;
    s->want = n;
    s->row_bytes = row_bytes;
    s->random = s->seed = seed;
    return 0;
}

/* Does a lose against b? Of equal draws the later row does. */
static bool worse(const struct pick *a, const struct pick *b)
{
    return a->draw != b->draw ? a->draw > b->draw : a->number > b->number;
}

/* Lets heap[at] sink to its place among n. */
static void sink(struct pick *heap, size_t at, size_t n)
{
    struct pick v = heap[at];

    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        child += child + 1 < n && worse(&heap[child + 1], &heap[child]);
        if (!worse(&heap[child], &v))
            break;
        heap[at] = heap[child];
    }
    heap[at] = v;
}

static int append(struct vec_sample *s, const struct pick *p, const void *row, struct err *e)
{
    if (mem_reserve(&s->pick, &s->cap, s->count + 1, sizeof *s->pick, e) < 0)
        return e->code;
    if (s->row_bytes && mem_reserve(&s->rows, &s->rows_cap, s->count + 1, s->row_bytes, e) < 0)
        return e->code;
    if (s->row_bytes)
        memcpy(s->rows + s->count * s->row_bytes, row, s->row_bytes);
    s->pick[s->count] = *p;
    s->pick[s->count].place = s->count;
    s->count++;
    if (s->count == s->want)
        for (size_t i = s->count / 2; i-- > 0;)
            sink(s->pick, i, s->count);
    return 0;
}

static void replace_worst(struct vec_sample *s, const struct pick *p, const void *row)
{
    uint64_t place = s->pick[0].place;

    if (s->row_bytes)
        memcpy(s->rows + place * s->row_bytes, row, s->row_bytes);
    s->pick[0] = *p;
    s->pick[0].place = place;
    sink(s->pick, 0, s->count);
}

int vec_sample_add(struct vec_sample *s, const void *rows, uint64_t n, struct err *e)
{
    const unsigned char *row = rows;

    for (uint64_t i = 0; i < n; i++) {
        struct pick p = {rand_u64(&s->random), s->seen++, 0};

        if (s->count < s->want) {
            if (append(s, &p, row, e) < 0)
                return e->code;
        } else if (s->want && worse(&s->pick[0], &p)) {
            replace_worst(s, &p, row);
        }
        if (s->row_bytes)
            row += s->row_bytes;
    }
    return 0;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = ((const struct pick *)a)->number, y = ((const struct pick *)b)->number;

    return (x > y) - (x < y);
}

void vec_sample_sort(struct vec_sample *s)
{
    if (s->count)
        qsort(s->pick, s->count, sizeof *s->pick, by_number);
}

void vec_sample_shuffle(struct vec_sample *s)
{
    uint64_t random = ~s->seed;

    vec_sample_sort(s);
    for (size_t i = s->count; i > 1; i--) {
        size_t k = rand_below(&random, i);
        struct pick t = s->pick[k];
        s->pick[k] = s->pick[i - 1];
        s->pick[i - 1] = t;
    }
}

uint64_t vec_sample_count(const struct vec_sample *s)
{
    return s->count;
}

uint64_t vec_sample_number(const struct vec_sample *s, uint64_t i)
{
    return s->pick[i].number;
}

const void *vec_sample_row(const struct vec_sample *s, uint64_t i)
{
    return s->rows + s->pick[i].place * s->row_bytes;
}

void vec_sample_free(struct vec_sample *s)
{
    if (!s)
        return;
    free(s->pick);
    free(s->rows);
    free(s);
}
