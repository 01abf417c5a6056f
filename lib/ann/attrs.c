/* attrs.c - columns of attributes are opened, looked at and asked for rows: attrs.h. */
#include "ann/attrs.h"

#include <math.h>
#include <stdlib.h>

#include "ann/attrs_int.h"
#include "vec/types.h"

const char *attr_type_name(enum attr_type t)
{
    static const char *const names[] = {"none", "bool", "int", "float", "string", "set"};

    return names[t];
}

enum { PASSES_MOST = 4 }; /* over all codes, before a table of them is sooner made */

static const struct attrs_ops *ops_for(enum cpu_level level)
{
    return CPU_CHOICE(attrs_ops, level);
}

/* ---- opening ---- */

/* A section, of which parts are taken one after the other. */
struct part {
    const uint8_t *p;
    uint64_t len, at;
};

/* NULL: there are no such many bytes left. */
static const uint8_t *take(struct part *s, uint64_t bytes)
{
    const uint8_t *p = s->p + s->at;
    uint64_t left = s->len - s->at;

    if (bytes > left || (bytes + 63) / 64 * 64 > left)
        return NULL;
    s->at += (bytes + 63) / 64 * 64;
    return p;
}

struct opening {
    struct part head, dict, codes, lists;
    uint64_t name; /* bytes of names that were given to columns */
};

static bool meta_is_right(const struct attrs_meta *m, uint64_t rows)
{
    bool text = attrs_is_text((enum attr_type)m->type);
    uint64_t most = m->type == ATTR_SET ? UINT64_MAX : rows;

    if (m->type > ATTR_SET || m->value_bits > 64 || (m->value_bits > 57 && m->value_bits < 64))
        return false;
    if (m->type == ATTR_FLOAT && m->value_bits != 32 && m->value_bits != 64)
        return false;
    if (m->nulls > rows || m->distinct > ATTRS_DISTINCT_MOST || m->distinct > m->pairs ||
        m->pairs > most || m->name == 0 || m->name > ATTRS_NAME_MOST)
        return false;
    if (!text && m->text > 0)
        return false;
    return m->type == ATTR_SET ? m->pairs / 8 <= m->lists : m->pairs == rows - m->nulls;
}

static bool open_column(struct attrs_column *c, const struct attrs_meta *m, struct opening *o)
{
    uint64_t values = (uint64_t)m->distinct + attrs_is_text(c->type), ends = m->distinct + 1ull;

    c->values = take(&o->dict, attrs_bytes(values, c->value_bits));
    c->text = (const char *)(attrs_is_text(c->type) ? take(&o->dict, m->text) : o->dict.p);
    c->codes = take(&o->codes, attrs_bytes(c->rows, c->bits));
    c->sums = take(&o->lists, attrs_bytes(ends, c->sum_bits));
    c->places = take(&o->lists, attrs_bytes(ends, c->place_bits));
    c->lists = take(&o->lists, m->lists);
    return c->values && c->text && c->codes && c->sums && c->places && c->lists;
}

static bool open_columns(struct attrs *a, struct opening *o, const struct attrs_head *h)
{
    const char *names = (const char *)o->head.p + sizeof *h +
                        h->columns * sizeof(struct attrs_meta);
    uint64_t used = 0;

    for (uint32_t i = 0; i < a->n; i++) {
        struct attrs_column *c = &a->column[i];
        uint64_t before = o->dict.at + o->codes.at + o->lists.at;
        struct attrs_meta m;

        memcpy(&m, o->head.p + sizeof *h + i * sizeof m, sizeof m);
        if (!meta_is_right(&m, a->rows) || h->names - used < m.name + 1u ||
            names[used + m.name] != '\0')
            return false;
        *c = (struct attrs_column){.name = names + used,
                                   .type = (enum attr_type)m.type,
                                   .distinct = m.distinct,
                                   .nulls = m.nulls,
                                   .rows = a->rows,
                                   .bits = m.type == ATTR_SET ? 2 : attrs_width(m.distinct),
                                   .value_bits = m.value_bits,
                                   .sum_bits = attrs_width(m.pairs),
                                   .place_bits = attrs_width(m.lists),
                                   .base = m.base,
                                   .text_bytes = m.text,
                                   .list_bytes = m.lists,
                                   .pairs = m.pairs};
        if (!open_column(c, &m, o))
            return false;
        used += m.name + 1u;
        c->bytes = o->dict.at + o->codes.at + o->lists.at - before + sizeof m + m.name + 1;
    }
    return used == h->names;
}

static bool ends_right(const struct part *p)
{
    return p->len - p->at == ATTRS_SLACK;
}

/* False: the parts contradict each other. */
static int open_parts(struct attrs *a, struct opening *o, bool *right, struct err *e)
{
    struct attrs_head h;

    *right = false;
    if (o->head.len < sizeof h || o->dict.len < ATTRS_SLACK || o->codes.len < ATTRS_SLACK ||
        o->lists.len < ATTRS_SLACK)
        return 0;
    memcpy(&h, o->head.p, sizeof h);
    if (h.rows != a->rows || h.columns == 0 || h.columns > ATTRS_COLUMNS_MOST ||
        o->head.len != sizeof h + h.columns * sizeof(struct attrs_meta) + h.names)
        return 0;
    a->column = mem_zero(h.columns, sizeof *a->column, e);
    if (!a->column)
        return e->code;
    a->n = h.columns;
    *right = open_columns(a, o, &h) && ends_right(&o->dict) && ends_right(&o->codes) &&
             ends_right(&o->lists);
    return 0;
}

int attrs_open(struct attrs *a, const struct sect_file *s, uint64_t rows, enum cpu_level cpu,
               struct err *e)
{
    struct opening o = {0};
    bool right;

    *a = (struct attrs){.rows = rows, .ops = ops_for(cpu)};
    o.head.p = sect_get(s, "ATTH", &o.head.len);
    if (!o.head.p)
        return 0;
    if (sect_verify(s, "ATTH", e) < 0)
        return e->code;
    o.dict.p = sect_get(s, "ATTD", &o.dict.len);
    o.codes.p = sect_get(s, "ATTC", &o.codes.len);
    o.lists.p = sect_get(s, "ATTL", &o.lists.len);
    if (open_parts(a, &o, &right, e) < 0)
        return e->code;
    return right ? 0 : sect_bad(s, "ATTH", "it contradicts the other sections of attributes", e);
}

static struct part part_of(const struct buf *b)
{
    return (struct part){.p = (const uint8_t *)b->p, .len = b->len};
}

int attrs_open_made(struct attrs *a, struct attrs_made *made, uint64_t rows, enum cpu_level cpu,
                    struct err *e)
{
    struct opening o = {.head = part_of(&made->head),
                        .dict = part_of(&made->dict),
                        .codes = part_of(&made->codes),
                        .lists = part_of(&made->lists)};
    bool right;

    *a = (struct attrs){.rows = rows, .ops = ops_for(cpu), .made = made};
    if (open_parts(a, &o, &right, e) < 0)
        return e->code;
    return right ? 0 : err_set(e, ERR_MEM, "attributes are larger than they can be");
}

void attrs_close(struct attrs *a)
{
    if (a->made) {
        buf_free(&a->made->head);
        buf_free(&a->made->dict);
        buf_free(&a->made->codes);
        buf_free(&a->made->lists);
        free(a->made);
    }
    free(a->column);
    *a = (struct attrs){0};
}

int attrs_save(const struct attrs *a, struct sect_writer *w, struct err *e)
{
    const struct attrs_made *m = a->made;

    if (a->n == 0)
        return 0;
    if (sect_put(w, "ATTH", SECT_REQUIRED, m->head.p, m->head.len, e) < 0 ||
        sect_put(w, "ATTD", SECT_REQUIRED, m->dict.p, m->dict.len, e) < 0 ||
        sect_put(w, "ATTC", SECT_REQUIRED, m->codes.p, m->codes.len, e) < 0)
        return e->code;
    return sect_put(w, "ATTL", SECT_REQUIRED, m->lists.p, m->lists.len, e);
}

/* ---- names ---- */

uint32_t attrs_find(const struct attrs *a, const char *name, size_t len)
{
    for (uint32_t i = 0; i < a->n; i++)
        if (strlen(a->column[i].name) == len && memcmp(a->column[i].name, name, len) == 0)
            return i;
    return ATTRS_NO_COLUMN;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* How many bytes are put in, left out, changed or swapped with the next, of either case. */
static unsigned distance(const char *a, size_t n, const char *b, size_t m)
{
    unsigned row[3][ATTRS_NAME_MOST + 1], *before = row[0], *last = row[1], *now = row[2];

    for (unsigned j = 0; j <= m; j++)
        last[j] = j;
    for (size_t i = 1; i <= n; i++) {
        unsigned *next = before;

        now[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned d = last[j - 1] + (lower(a[i - 1]) != lower(b[j - 1]));

            d = last[j] + 1 < d ? last[j] + 1 : d;
            d = now[j - 1] + 1 < d ? now[j - 1] + 1 : d;
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1]) && before[j - 2] + 1 < d)
                d = before[j - 2] + 1;
            now[j] = d;
        }
        before = last;
        last = now;
        now = next;
    }
    return last[m];
}

uint32_t attrs_near(const struct attrs *a, const char *name, size_t len)
{
    uint32_t best = ATTRS_NO_COLUMN;
    unsigned least = len < 3 ? 1 : len < 8 ? 2 : 3;

    for (uint32_t i = 0; i < a->n && len <= ATTRS_NAME_MOST; i++) {
        unsigned d = distance(name, len, a->column[i].name, strlen(a->column[i].name));

        if (d < least + (best == ATTRS_NO_COLUMN) && d < len) {
            best = i;
            least = d;
        }
    }
    return best;
}

/* ---- values ---- */

uint32_t attrs_code(const struct attrs_column *c, uint64_t row)
{
    uint32_t code = (uint32_t)attrs_get(c->codes, c->bits, row);
    uint32_t most = c->type == ATTR_SET ? ATTR_SET_SOME : c->distinct;

    return code <= most ? code : most;
}

/* From 0, inside the dictionary; that has one at least. */
static uint64_t place(const struct attrs_column *c, uint32_t code)
{
    return code == 0 ? 0 : code > c->distinct ? c->distinct - 1u : code - 1u;
}

int64_t attrs_int(const struct attrs_column *c, uint32_t code)
{
    if (c->distinct == 0)
        return 0;
    return (int64_t)((uint64_t)c->base + attrs_get(c->values, c->value_bits, place(c, code)));
}

bool attrs_bool(const struct attrs_column *c, uint32_t code)
{
    return attrs_int(c, code) != 0;
}

double attrs_float(const struct attrs_column *c, uint32_t code)
{
    uint64_t v = c->distinct ? attrs_get(c->values, c->value_bits, place(c, code)) : 0;
    uint32_t low = (uint32_t)v;
    double d;
    float f;

    memcpy(&d, &v, sizeof d);
    memcpy(&f, &low, sizeof f);
    return c->value_bits == 32 ? (double)f : d;
}

const char *attrs_string(const struct attrs_column *c, uint32_t code, size_t *len)
{
    uint64_t i = c->distinct ? place(c, code) : 0, from, to;

    *len = 0;
    if (c->distinct == 0)
        return c->text;
    from = attrs_get(c->values, c->value_bits, i);
    to = attrs_get(c->values, c->value_bits, i + 1);
    if (from > to || to > c->text_bytes)
        return c->text;
    *len = (size_t)(to - from);
    return c->text + from;
}

static int compare_mixed(int64_t i, double d)
{
    int64_t whole;

    if (d >= 0x1p63)
        return -1;
    if (d < -0x1p63)
        return 1;
    whole = (int64_t)d;
    if (i != whole)
        return i < whole ? -1 : 1;
    return ((double)whole > d) - ((double)whole < d);
}

static int compare_text(const struct attrs_column *c, uint32_t code, const struct attr_value *v)
{
    size_t len, n = v->as.s.len;
    const char *p = attrs_string(c, code, &len);
    int order = memcmp(p, v->as.s.p, len < n ? len : n);

    return order ? order : (len > n) - (len < n);
}

int attr_order(const struct attrs_column *c, uint32_t code, const struct attr_value *v)
{
    if (attrs_is_text(c->type))
        return compare_text(c, code, v);
    if (c->type == ATTR_FLOAT) {
        double d = attrs_float(c, code);

        return v->type == ATTR_INT ? -compare_mixed(v->as.i, d) : (d > v->as.f) - (d < v->as.f);
    } else {
        int64_t i = attrs_int(c, code), other = v->type == ATTR_BOOL ? v->as.b : v->as.i;

        return v->type == ATTR_FLOAT ? compare_mixed(i, v->as.f) : (i > other) - (i < other);
    }
}

uint32_t attrs_below(const struct attrs_column *c, const struct attr_value *v, bool *there)
{
    uint32_t lo = 0, hi = c->distinct; /* of codes 1 .. lo all are less, of hi + 1 .. none */

    *there = false;
    while (lo < hi) {
        uint32_t middle = lo + (hi - lo) / 2;
        int order = attr_order(c, middle + 1, v);

        *there |= order == 0;
        if (order < 0)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

bool attrs_comparable(enum attr_type column, enum attr_type value)
{
    switch (column) {
    case ATTR_NONE:
        return true;
    case ATTR_BOOL:
        return value == ATTR_BOOL;
    case ATTR_INT:
    case ATTR_FLOAT:
        return value == ATTR_INT || value == ATTR_FLOAT;
    case ATTR_STRING:
    case ATTR_SET:
        break;
    }
    return value == ATTR_STRING;
}

/* ---- rows ---- */

uint64_t attrs_count(const struct attrs_column *c, struct attr_range r)
{
    uint64_t n = 0, from, to;

    if (r.lo == 0 && c->type != ATTR_SET)
        n = c->nulls;
    if (r.hi == 0)
        return n;
    from = attrs_get(c->sums, c->sum_bits, r.lo ? r.lo - 1 : 0);
    to = attrs_get(c->sums, c->sum_bits, r.hi);
    return n + (to > from ? to - from : 0);
}

/* Are the lists of these codes sooner walked than the codes of all rows compared? To begin a list
 * takes as long as ten of its rows. */
static bool few_rows(const struct attrs_column *c, const struct attr_range *r, size_t n)
{
    uint64_t rows = 0, lists = 0;

    for (size_t i = 0; i < n; i++) {
        rows += attrs_count(c, r[i]);
        lists += r[i].hi - r[i].lo + 1ull;
    }
    return rows <= c->rows / LIST_SHARE && rows + 10 * lists <= c->rows / 20 + 100;
}

static void fill(uint64_t *bits, size_t words, uint64_t rows, bool all, enum attrs_put put)
{
    for (size_t i = 0; i < words; i++)
        bits[i] = attrs_join(bits[i], all ? UINT64_MAX : 0, put);
    if (words > 0)
        bits[words - 1] &= attrs_last(rows);
}

static void walk_lists(const struct attrs_column *c, const struct attr_range *r, size_t n,
                       enum attrs_put put, uint64_t *bits, uint64_t *spare)
{
    size_t words = ATTRS_WORDS(c->rows);
    uint64_t *to = put == ATTRS_AND ? spare : bits;

    if (put != ATTRS_OR)
        memset(to, 0, words * sizeof *to);
    for (size_t i = 0; i < n; i++)
        for (uint64_t code = r[i].lo; code <= r[i].hi; code++)
            list_or(c, (uint32_t)code, to);
    for (size_t i = 0; put == ATTRS_AND && i < words; i++)
        bits[i] &= spare[i];
}

/* More ranges than a kernel takes: a table of codes. */
static void scan_table(const struct attrs_column *c, const struct attr_range *r, size_t n,
                       enum attrs_put put, uint64_t *bits, uint64_t *table)
{
    memset(table, 0, ATTRS_WORDS(c->distinct + 1ull) * sizeof *table);
    for (size_t i = 0; i < n; i++)
        for (uint64_t code = r[i].lo; code <= r[i].hi; code++)
            table[code / 64] |= UINT64_C(1) << code % 64;
    for (uint64_t at = 0; at < c->rows; at += 64) {
        unsigned many = c->rows - at < 64 ? (unsigned)(c->rows - at) : 64;
        uint64_t hit = 0;

        for (unsigned i = 0; i < many; i++) {
            uint32_t code = attrs_code(c, at + i);

            hit |= (table[code / 64] >> code % 64 & 1) << i;
        }
        bits[at / 64] = attrs_join(bits[at / 64], hit, put);
    }
}

/* Passes of as many ranges as a kernel takes. */
static void scan_passes(const struct attrs *a, const struct attrs_column *c,
                        const struct attr_range *r, size_t n, enum attrs_put put, uint64_t *bits,
                        uint64_t *spare)
{
    uint64_t *to = put == ATTRS_AND && n > ATTRS_RANGES_MOST ? spare : bits;
    enum attrs_put each = to == spare ? ATTRS_SET : put;

    for (size_t i = 0; i < n; i += ATTRS_RANGES_MOST) {
        size_t some = n - i < ATTRS_RANGES_MOST ? n - i : ATTRS_RANGES_MOST;

        a->ops->scan(c->codes, c->bits, c->rows, r + i, some, i == 0 ? each : ATTRS_OR, to);
    }
    for (size_t i = 0; to == spare && i < ATTRS_WORDS(c->rows); i++)
        bits[i] &= spare[i];
}

static void scan(const struct attrs *a, const struct attrs_column *c, const struct attr_range *r,
                 size_t n, enum attrs_put put, uint64_t *bits, uint64_t *spare)
{
    if (n == 0 || c->bits == 0)
        fill(bits, ATTRS_WORDS(c->rows), c->rows, n > 0 && r[0].lo == 0, put);
    else if (n <= PASSES_MOST * ATTRS_RANGES_MOST)
        scan_passes(a, c, r, n, put, bits, spare);
    else
        scan_table(c, r, n, put, bits, spare);
}

void attrs_rows(const struct attrs *a, uint32_t column, const struct attr_range *r, size_t n,
                enum attrs_put put, uint64_t *bits, uint64_t *spare)
{
    const struct attrs_column *c = &a->column[column];
    bool null = n > 0 && r[0].lo == 0;

    if (c->type == ATTR_SET || (!null && few_rows(c, r, n)))
        walk_lists(c, r, n, put, bits, spare);
    else
        scan(a, c, r, n, put, bits, spare);
}

void attrs_rows_state(const struct attrs *a, uint32_t column, struct attr_range r,
                      enum attrs_put put, uint64_t *bits)
{
    scan(a, &a->column[column], &r, 1, put, bits, NULL);
}

uint64_t attrs_popcount(const struct attrs *a, const uint64_t *bits)
{
    return a->ops->count(bits, ATTRS_WORDS(a->rows));
}
