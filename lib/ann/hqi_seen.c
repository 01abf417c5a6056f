/* hqi_seen.c - what is known of the codes of some rows, and what a predicate is of them: hqi.h. */
#include <stdlib.h>

#include "ann/attrs_int.h"
#include "ann/hqi.h"
#include "base/mem.h"

/* Sorts of codes: those before `first` are of rows without any. */
struct sorts {
    uint32_t codes;
    unsigned first, n;
};

enum { NO_VALUE = 0, EMPTY_SET = 1, ALL = 64 * HQI_SEEN_WORDS };

static struct sorts sorts_of(const struct attrs_column *c)
{
    unsigned first = c->type == ATTR_SET ? EMPTY_SET + 1 : NO_VALUE + 1;

    return (struct sorts){c->distinct, first, ALL - first};
}

static unsigned sort_of(const struct sorts *s, uint32_t code)
{
    return s->first + (unsigned)((uint64_t)(code - 1) * s->n / s->codes);
}

/* The first code of a sort that has some. */
static uint32_t first_of(const struct sorts *s, unsigned sort)
{
    return 1 + (uint32_t)(((uint64_t)(sort - s->first) * s->codes + s->n - 1) / s->n);
}

/* ---- what is seen ---- */

static void add_sort(struct hqi_seen *s, unsigned sort)
{
    s->bits[sort / 64] |= UINT64_C(1) << sort % 64;
}

static void add_code(struct hqi_seen *s, const struct sorts *sorts, uint32_t code)
{
    add_sort(s, sort_of(sorts, code));
    s->lo = code < s->lo ? code : s->lo;
    s->hi = code > s->hi ? code : s->hi;
}

static void join_seen(struct hqi_seen *s, const struct hqi_seen *with)
{
    for (int i = 0; i < HQI_SEEN_WORDS; i++)
        s->bits[i] |= with->bits[i];
    s->lo = with->lo < s->lo ? with->lo : s->lo;
    s->hi = with->hi > s->hi ? with->hi : s->hi;
}

/* A column of the leaves: leaf of row i is node[leaf[i]], whose column is seen[leaf[i] * columns].
 * room: [rows]. */
static void look_at(const struct attrs_column *c, const uint32_t *leaf, struct hqi_seen *seen,
                    size_t columns, uint32_t *room)
{
    struct sorts s = sorts_of(c);

    for (uint64_t i = 0; i < c->rows; i++) {
        uint32_t code = attrs_code(c, i);

        if (code == 0)
            add_sort(&seen[leaf[i] * columns], NO_VALUE);
        else if (c->type != ATTR_SET)
            add_code(&seen[leaf[i] * columns], &s, code);
        else if (code == ATTR_SET_EMPTY)
            add_sort(&seen[leaf[i] * columns], EMPTY_SET);
    }
    for (uint32_t code = 1; c->type == ATTR_SET && code <= c->distinct; code++) {
        uint64_t n = list_rows(c, code, room);

        for (uint64_t i = 0; i < n; i++)
            add_code(&seen[leaf[room[i]] * columns], &s, code);
    }
}

int hqi_look(const struct attrs *a, const struct hqi_node *node, uint32_t nodes,
             const uint32_t *leaf, struct hqi_seen *seen, struct err *e)
{
    size_t columns = a->n;
    uint32_t *room = mem_array(a->rows, sizeof *room, e);

    if (!room)
        return e->code;
    for (size_t i = 0; i < nodes * columns; i++)
        seen[i] = (struct hqi_seen){.lo = UINT32_MAX};
    for (size_t k = 0; k < columns; k++)
        look_at(&a->column[k], leaf, seen + k, columns, room);
    for (uint32_t i = nodes; i-- > 0;)
        for (size_t k = 0; node[i].size > 1 && k < columns; k++) {
            uint32_t left = i + 1, right = left + node[left].size;

            join_seen(&seen[i * columns + k], &seen[left * columns + k]);
            join_seen(&seen[i * columns + k], &seen[right * columns + k]);
        }
    free(room);
    return 0;
}

static bool has_sort(const struct hqi_seen *s, unsigned sort)
{
    return s->bits[sort / 64] >> sort % 64 & 1;
}

/* ---- tests ---- */

/* Codes lo .. hi, of which some rows may be: are they in the ranges, ascending and apart? */
static enum hqi_truth stretch(const struct attr_range *r, size_t n, uint32_t lo, uint32_t hi)
{
    size_t from = 0, to = n;

    while (from < to) { /* the first that does not end before */
        size_t mid = from + (to - from) / 2;

        if (r[mid].hi < lo)
            from = mid + 1;
        else
            to = mid;
    }
    if (from == n || r[from].lo > hi)
        return HQI_NONE;
    return r[from].lo <= lo && hi <= r[from].hi ? HQI_ALL : HQI_SOME;
}

/* Both are of some of the rows. */
static enum hqi_truth beside(enum hqi_truth a, enum hqi_truth b)
{
    return a == b ? a : HQI_SOME;
}

/* Codes, of which there are some. */
static enum hqi_truth values(const struct hqi_seen *s, const struct sorts *sorts,
                             const struct attr_range *r, size_t n)
{
    enum hqi_truth whole = stretch(r, n, s->lo, s->hi), is = HQI_NONE;
    bool first = true;

    if (whole != HQI_SOME)
        return whole;
    for (unsigned sort = sort_of(sorts, s->lo); sort <= sort_of(sorts, s->hi); sort++) {
        uint32_t lo = first_of(sorts, sort), hi = first_of(sorts, sort + 1) - 1;
        enum hqi_truth part;

        if (!has_sort(s, sort))
            continue;
        part = stretch(r, n, lo < s->lo ? s->lo : lo, hi > s->hi ? s->hi : hi);
        is = first ? part : beside(is, part);
        first = false;
    }
    return first ? HQI_SOME : is; /* nothing is told by bits that contradict lo and hi */
}

/* A test of a column that has one value a row. */
static enum hqi_truth one(const struct hqi_seen *s, const struct sorts *sorts, bool some,
                          const struct attr_range *r, size_t n)
{
    enum hqi_truth is = some ? values(s, sorts, r, n) : HQI_NONE, null;

    if (!has_sort(s, NO_VALUE))
        return is;
    null = stretch(r, n, 0, 0);
    return some ? beside(null, is) : null;
}

/* Of rows without a set, with an empty one, with others, whose codes are ATTR_SET_*: are those that
 * there are in the ranges? */
static enum hqi_truth states(const struct hqi_seen *s, bool some, const struct attr_range *r,
                             size_t n)
{
    const bool there[] = {has_sort(s, NO_VALUE), has_sort(s, EMPTY_SET), some};
    enum hqi_truth is = HQI_NONE;
    bool first = true;

    for (uint32_t state = ATTR_SET_NULL; state <= ATTR_SET_SOME; state++)
        if (there[state]) {
            is = first ? stretch(r, n, state, state) : beside(is, stretch(r, n, state, state));
            first = false;
        }
    return is;
}

/* Of sets it is known which strings rows have, not which of them have one. */
static enum hqi_truth test_set(const struct hqi_seen *s, const struct sorts *sorts, bool some,
                               const struct where_node *n, const struct attr_range *r)
{
    const struct attr_range any = {ATTR_SET_EMPTY, ATTR_SET_SOME};
    bool none = !some || values(s, sorts, r, n->ranges) == HQI_NONE;

    if (n->kind == WHERE_STATE)
        return states(s, some, r, n->ranges);
    if (n->kind == WHERE_CODES)
        return none ? HQI_NONE : HQI_SOME;
    return none ? states(s, some, &any, 1) : HQI_SOME;
}

static enum hqi_truth test(const struct where *w, const struct where_node *n,
                           const struct hqi_seen *s)
{
    const struct attrs_column *c = &w->attrs->column[n->column];
    const struct attr_range *r = w->range + n->first;
    struct sorts sorts = sorts_of(c);
    bool some = s->lo <= s->hi;

    if (some && (s->lo < 1 || s->hi > c->distinct)) /* damage */
        return HQI_SOME;
    if (c->type == ATTR_SET)
        return test_set(s, &sorts, some, n, r);
    return one(s, &sorts, some, r, n->ranges);
}

/* The arguments of a node, that stand before it. */
static enum hqi_truth join(const struct where_node *n, const uint8_t *known)
{
    enum hqi_truth end = n->kind == WHERE_AND ? HQI_NONE : HQI_ALL,
                   all = n->kind == WHERE_AND ? HQI_ALL : HQI_NONE;
    const struct where_node *c = n - 1;
    const uint8_t *at = known - 1;

    for (uint32_t i = 0; i < n->args; i++) {
        if (*at == end)
            return end;
        if (*at == HQI_SOME)
            all = HQI_SOME;
        at -= c->size;
        c -= c->size;
    }
    return all;
}

enum hqi_truth hqi_truth(const struct where *w, const struct hqi_seen *seen, uint8_t *room)
{
    for (size_t i = 0; i < w->nodes; i++) {
        const struct where_node *n = &w->node[i];

        room[i] = (uint8_t)(n->kind == WHERE_AND || n->kind == WHERE_OR
                                ? join(n, room + i)
                                : test(w, n, &seen[n->column]));
    }
    return (enum hqi_truth)room[w->nodes - 1];
}
