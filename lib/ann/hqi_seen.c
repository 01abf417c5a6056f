/* hqi_seen.c - what is known of the codes of some rows, and what a predicate is of them: hqi.h. */
#include "ann/hqi.h"

enum { SORTS = 64 * HQI_SEEN_WORDS - 1 }; /* of codes that are not NULL */

/* Codes of a column's rows: of a set those are ATTR_SET_*. */
static uint32_t codes_of(const struct attrs_column *c)
{
    return c->type == ATTR_SET ? ATTR_SET_SOME : c->distinct;
}

static unsigned sort_of(uint32_t codes, uint32_t code)
{
    return code == 0 ? 0 : 1 + (unsigned)((uint64_t)(code - 1) * SORTS / codes);
}

/* The first code of a sort from 1 on. */
static uint32_t first_of(uint32_t codes, unsigned sort)
{
    return 1 + (uint32_t)(((uint64_t)(sort - 1) * codes + SORTS - 1) / SORTS);
}

struct hqi_seen hqi_seen_none(void)
{
    return (struct hqi_seen){.lo = UINT32_MAX};
}

void hqi_seen_code(struct hqi_seen *s, const struct attrs_column *c, uint32_t code)
{
    unsigned sort = sort_of(codes_of(c), code);

    s->bits[sort / 64] |= UINT64_C(1) << sort % 64;
    if (code == 0)
        return;
    s->lo = code < s->lo ? code : s->lo;
    s->hi = code > s->hi ? code : s->hi;
}

void hqi_seen_join(struct hqi_seen *s, const struct hqi_seen *with)
{
    for (int i = 0; i < HQI_SEEN_WORDS; i++)
        s->bits[i] |= with->bits[i];
    s->lo = with->lo < s->lo ? with->lo : s->lo;
    s->hi = with->hi > s->hi ? with->hi : s->hi;
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

/* Rows with values, of which there are some. */
static enum hqi_truth values(const struct hqi_seen *s, uint32_t codes, const struct attr_range *r,
                             size_t n)
{
    enum hqi_truth whole = stretch(r, n, s->lo, s->hi), is = HQI_NONE;
    bool first = true;

    if (whole != HQI_SOME)
        return whole;
    for (unsigned sort = sort_of(codes, s->lo); sort <= sort_of(codes, s->hi); sort++) {
        uint32_t lo = first_of(codes, sort), hi = first_of(codes, sort + 1) - 1;
        enum hqi_truth part;

        if (!has_sort(s, sort))
            continue;
        part = stretch(r, n, lo < s->lo ? s->lo : lo, hi > s->hi ? s->hi : hi);
        is = first ? part : beside(is, part);
        first = false;
    }
    return first ? HQI_SOME : is; /* nothing is told by bits that contradict lo and hi */
}

static enum hqi_truth codes(const struct hqi_seen *s, uint32_t codes, const struct attr_range *r,
                            size_t n)
{
    enum hqi_truth null, is;
    bool some = s->lo <= s->hi && s->lo >= 1 && s->hi <= codes;

    if (!some && s->lo <= s->hi) /* damage */
        return HQI_SOME;
    is = some ? values(s, codes, r, n) : HQI_NONE;
    if (!has_sort(s, 0))
        return is;
    null = stretch(r, n, 0, 0);
    return some ? beside(null, is) : null;
}

static enum hqi_truth test(const struct where *w, const struct where_node *n,
                           const struct hqi_seen *s)
{
    const struct attrs_column *c = &w->attrs->column[n->column];
    const struct attr_range some = {ATTR_SET_SOME, ATTR_SET_SOME},
                            any = {ATTR_SET_EMPTY, ATTR_SET_SOME};
    enum hqi_truth is;

    if (n->kind != WHERE_CODES || c->type != ATTR_SET) {
        if (n->kind != WHERE_LACKS)
            return codes(s, codes_of(c), w->range + n->first, n->ranges);
        is = codes(s, ATTR_SET_SOME, &some, 1);
        return is == HQI_NONE ? codes(s, ATTR_SET_SOME, &any, 1) : HQI_SOME;
    }
    return codes(s, ATTR_SET_SOME, &some, 1) == HQI_NONE ? HQI_NONE : HQI_SOME;
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
