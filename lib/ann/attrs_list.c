/* attrs_list.c - rows of a value, as few bits as they can be, and read in one pass: attrs_int.h. */
#include "ann/attrs_int.h"

enum list_form { LIST_NONE, LIST_ROWS, LIST_BITS };

/* Of a value of c rows of n. */
static enum list_form list_form(uint64_t c, uint64_t n, bool set)
{
    if (c == 0 || (!set && c * LIST_SHARE > n))
        return LIST_NONE;
    return set && c * LIST_MAP >= n ? LIST_BITS : LIST_ROWS;
}

/* floor(log2(n / c)); 1 <= c <= n. */
static unsigned low_bits(uint64_t c, uint64_t n)
{
    return 63 - (unsigned)__builtin_clzll(n / c);
}

uint64_t list_size(uint64_t c, uint64_t n, bool set)
{
    unsigned low;

    switch (list_form(c, n, set)) {
    case LIST_NONE:
        return 0;
    case LIST_BITS:
        return ATTRS_WORDS(n) * sizeof(uint64_t);
    case LIST_ROWS:
        break;
    }
    low = low_bits(c, n);
    return (c * low + c + (n >> low) + 1 + 7) / 8;
}

void list_make(const uint32_t *row, uint64_t c, uint64_t n, bool set, uint8_t *p)
{
    enum list_form form = list_form(c, n, set);
    unsigned low = form == LIST_ROWS ? low_bits(c, n) : 0;

    for (uint64_t i = 0; form == LIST_BITS && i < c; i++)
        p[row[i] / 8] |= (uint8_t)(1u << row[i] % 8);
    for (uint64_t i = 0; form == LIST_ROWS && i < c; i++) {
        attrs_put_at(p, i * low, row[i] & attrs_mask(low));
        attrs_put_at(p, c * low + (row[i] >> low) + i, 1);
    }
}

/* A list as it lies in its section. */
struct list {
    const uint8_t *p;
    uint64_t c, n;
    unsigned low;
};

static enum list_form find(const struct attrs_column *c, uint32_t code, struct list *l)
{
    bool set = c->type == ATTR_SET;
    uint64_t at, size;
    enum list_form form;

    if (code == 0 || code > c->distinct)
        return LIST_NONE;
    l->n = c->rows;
    l->c = attrs_count(c, (struct attr_range){code, code});
    if (l->c > l->n)
        return LIST_NONE;
    form = list_form(l->c, l->n, set);
    at = attrs_get(c->places, c->place_bits, code - 1);
    size = list_size(l->c, l->n, set);
    if (at > c->list_bytes || size > c->list_bytes - at)
        return LIST_NONE;
    l->p = c->lists + at;
    l->low = form == LIST_ROWS ? low_bits(l->c, l->n) : 0;
    return form;
}

/* Rows of a list one after the other: `at` is where the ones are looked for next. */
struct walk {
    const struct list *l;
    uint64_t i, at, end, word; /* word: ones not yet taken of those from `at` on */
};

enum { STEP = 56 };

static inline void walk_begin(struct walk *w, const struct list *l)
{
    uint64_t from = l->c * l->low;

    *w = (struct walk){.l = l, .at = from, .end = from + l->c + (l->n >> l->low) + 1};
    w->word = attrs_load(l->p, w->at) & attrs_mask(STEP);
}

/* False at the end; rows that are not there are passed over. */
static inline bool walk_next(struct walk *w, uint64_t *row)
{
    const struct list *l = w->l;

    while (w->i < l->c) {
        uint64_t at;

        while (w->word == 0) {
            w->at += STEP;
            if (w->at >= w->end)
                return false;
            w->word = attrs_load(l->p, w->at) & attrs_mask(STEP);
        }
        at = w->at + (unsigned)__builtin_ctzll(w->word);
        w->word &= w->word - 1;
        if (at >= w->end)
            return false;
        *row = ((at - l->c * l->low - w->i) << l->low) | attrs_get(l->p, l->low, w->i);
        w->i++;
        if (*row < l->n)
            return true;
    }
    return false;
}

void list_or(const struct attrs_column *c, uint32_t code, uint64_t *bits)
{
    uint64_t words = ATTRS_WORDS(c->rows), row;
    struct list l;
    struct walk w;

    switch (find(c, code, &l)) {
    case LIST_NONE:
        return;
    case LIST_BITS:
        for (uint64_t i = 0; i < words; i++)
            bits[i] |= attrs_load(l.p, 64 * i);
        bits[words - 1] &= attrs_last(c->rows);
        return;
    case LIST_ROWS:
        for (walk_begin(&w, &l); walk_next(&w, &row);)
            bits[row / 64] |= UINT64_C(1) << row % 64;
    }
}

uint64_t list_rows(const struct attrs_column *c, uint32_t code, uint32_t *row)
{
    uint64_t n = 0, at;
    struct list l;
    struct walk w;
    enum list_form form = find(c, code, &l);

    if (form == LIST_ROWS)
        for (walk_begin(&w, &l); walk_next(&w, &at);)
            row[n++] = (uint32_t)at;
    for (at = 0; form == LIST_BITS && at < l.n && n < l.c; at++)
        if (l.p[at / 8] >> at % 8 & 1)
            row[n++] = (uint32_t)at;
    return n;
}
