/* held.c - see held.h. */
#include "ann/held.h"

#include <stdlib.h>

#include "ann/cand.h"
#include "base/mem.h"

int held_init(struct held *h, uint64_t lists, uint64_t kept, enum cpu_level cpu, struct err *e)
{
    h->ops = allowed_ops_for(cpu);
    h->count = mem_zero(lists, sizeof *h->count, e);
    h->list = mem_array(lists, sizeof *h->list, e);
    h->kept = kept;
    h->row = mem_array(kept + HELD_ROWS, sizeof *h->row, e);
    h->in = mem_array(kept, sizeof *h->in, e);
    return h->count && h->list && h->row && h->in ? 0 : e->code;
}

void held_free(struct held *h)
{
    free(h->count);
    free(h->list);
    free(h->row);
    free(h->in);
}

/* A row of a list more. */
static void add(struct held *h, uint32_t list)
{
    if (h->count[list]++ == 0)
        h->list[h->n++] = list;
}

void held_count(struct held *h, struct allowed_at at, const uint32_t *list_of, uint64_t lists)
{
    size_t n;

    if (h->of == at.bits)
        return;
    for (size_t i = 0; i < h->n; i++)
        h->count[h->list[i]] = 0;
    h->n = 0;
    h->rows = 0;
    h->of = at.bits;
    while ((n = h->ops->next(&at, h->row + (h->kept ? h->rows : 0), HELD_ROWS)) > 0) {
        uint32_t *row = h->row + (h->kept ? h->rows : 0), list;

        for (size_t i = 0; i < n; i++) {
            list = list_of[row[i]];
            if (list < lists)
                add(h, list);
            if (h->rows + i < h->kept)
                h->in[h->rows + i] = list;
        }
        h->rows += n;
        if (h->kept && h->rows >= h->kept)
            break;
    }
}

/* About how many lists are needed. */
static size_t expected(const struct held *h, const struct held_need *need)
{
    double each = h->n ? (double)h->rows / (double)h->n : 1, n = 1.25 * need->seen / each + 8;

    n = n > (double)need->lists ? n : (double)need->lists;
    return n < (double)h->n ? (size_t)n : h->n;
}

size_t held_enough(const struct held *h, uint64_t *near, const struct held_need *need)
{
    size_t n = 0, ready = 0, want = expected(h, need);
    uint64_t rows = 0;

    while (n < h->n && ((double)rows < need->seen || n < need->lists || rows < need->rows)) {
        if (n == ready) {
            want = want < h->n - ready ? want : h->n - ready;
            cands_select(near + ready, h->n - ready, want);
            cands_order(near + ready, want);
            ready += want;
            want = ready / 2 + 1;
        }
        rows += h->count[cand_row(near[n++])];
    }
    return n;
}
