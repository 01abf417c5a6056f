/* attrs_end.c - what was told becomes columns: types are settled, keys sorted to codes, sections
 * made; and rows of others are copied: attrs.h. */
#include <endian.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ann/attrs_int.h"
#include "ann/attrs_make.h"

/* ---- another type ---- */

/* A key of the column as a value of another type; false: it is none. */
static bool value_as(const struct make_column *c, uint32_t number, enum attr_type to,
                     struct attr_value *v)
{
    size_t len;
    const char *p = names_of(c->values, number, &len);

    if (c->text)
        return attr_parse(to, p, len, v);
    *v = (struct attr_value){.type = ATTR_INT, .as.i = key_int(p)};
    return true;
}

/* The number, among the new, of each old one, from 1; 0: NULL. */
static int new_numbers(const struct make_column *c, enum attr_type to, struct names *now,
                       uint32_t *number, uint32_t *at, struct err *e)
{
    size_t n = names_count(c->values);

    for (uint32_t i = 0; i < n; i++) {
        struct attr_value v;
        char key[KEY];
        const char *p;
        uint64_t found;
        size_t len;

        *at = i + 1;
        if (!value_as(c, i, to, &v))
            return err_set(e, ERR_INPUT, "it is none");
        number[i + 1] = 0;
        p = v.type == ATTR_NONE ? NULL : key_of(to, &v, key, &len);
        if (!p)
            continue;
        if (names_add(now, p, len, &found, e) < 0)
            return e->code;
        number[i + 1] = (uint32_t)found + 1;
    }
    return 0;
}

int make_convert(struct make_column *c, enum attr_type to, uint32_t *at, struct err *e)
{
    uint32_t *number = mem_zero(names_count(c->values) + 1, sizeof *number, e);
    struct names *now = NULL;
    int rc = number ? names_new(&now, e) : e->code;

    if (rc == 0)
        rc = new_numbers(c, to, now, number, at, e);
    if (rc == 0) {
        struct names *old = c->values;

        for (size_t i = 0; i < c->rows; i++)
            c->number[i] = number[c->number[i]];
        c->now = number[c->now];
        c->values = now;
        c->type = to;
        c->text = false;
        now = old;
    }
    names_free(now);
    free(number);
    return rc;
}

/* ---- types of texts ---- */

/* What one text can be, as bits of 1 << type. A NaN is any number, but makes no column one. */
static unsigned can_be(const char *p, size_t len, bool *number)
{
    struct attr_value v;
    bool digits = len > 0;

    if (attr_parse(ATTR_BOOL, p, len, &v))
        return 1u << ATTR_BOOL;
    for (size_t i = *p == '-'; i < len && digits; i++)
        digits = p[i] >= '0' && p[i] <= '9';
    if (!attr_parse(ATTR_FLOAT, p, len, &v))
        return 0;
    *number |= v.type == ATTR_FLOAT && isfinite(v.as.f);
    return digits ? 1u << ATTR_INT | 1u << ATTR_FLOAT : 1u << ATTR_FLOAT;
}

static enum attr_type type_of_texts(const struct make_column *c)
{
    unsigned all = 1u << ATTR_BOOL | 1u << ATTR_INT | 1u << ATTR_FLOAT;
    bool number = false;

    if (names_count(c->values) == 0)
        return ATTR_NONE;
    for (uint32_t i = 0; i < names_count(c->values) && all; i++) {
        size_t len;
        const char *p = names_of(c->values, i, &len);

        all &= can_be(p, len, &number);
    }
    if (all & 1u << ATTR_BOOL)
        return ATTR_BOOL;
    if (!number)
        return ATTR_STRING;
    return all & 1u << ATTR_INT ? ATTR_INT : all ? ATTR_FLOAT : ATTR_STRING;
}

/* Where it fails, *row is one that has the text of which it does. */
static int settle_texts(struct make_column *c, uint64_t *row, struct err *e)
{
    enum attr_type to = type_of_texts(c);
    uint32_t at = 0;
    const char *p;
    size_t len;

    if (to == ATTR_STRING || to == ATTR_NONE) {
        c->type = to;
        return 0;
    }
    if (make_convert(c, to, &at, e) == 0)
        return 0;
    if (e->code != ERR_INPUT)
        return e->code;
    for (*row = 0; *row < c->rows && c->number[*row] != at;)
        ++*row;
    p = names_of(c->values, at - 1, &len);
    return err_set(e, ERR_INPUT,
                   "column '%s' is of integers, and %.*s has more than 64 bits: name the column "
                   "'%s:float' or '%s:string'",
                   c->name, (int)(len < 40 ? len : 40), p, c->name, c->name);
}

/* ---- codes ---- */

struct sorted {
    uint64_t first; /* bytes of the key */
    uint32_t number;
};

static int by_key(const void *a, const void *b, void *values)
{
    const struct sorted *x = a, *y = b;

    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return names_compare(values, x->number, y->number);
}

/* What a column is made of: its keys that rows have, sorted. */
struct packing {
    const struct make_column *c;
    struct sorted *value; /* [distinct] */
    uint32_t distinct;
    uint32_t *code; /* of a number, from 1 */
    uint32_t *now;  /* codes of the rows, or of the pairs of a set column */
    struct attrs_meta meta;
};

static bool is_set(const struct packing *p)
{
    return p->c->type == ATTR_SET;
}

static void mark_used(struct packing *p)
{
    const struct make_column *c = p->c;

    for (size_t i = 0; is_set(p) && i < c->pairs; i++)
        p->code[c->member[i]] = 1;
    for (size_t i = 0; !is_set(p) && i < c->rows; i++)
        p->code[c->number[i]] = 1;
}

static int sort_values(struct packing *p, struct err *e)
{
    size_t n = names_count(p->c->values);

    p->code = mem_zero(n + 1, sizeof *p->code, e);
    p->value = mem_array(n, sizeof *p->value, e);
    if (!p->code || !p->value)
        return e->code;
    mark_used(p);
    for (uint32_t i = 0; i < n; i++) {
        size_t len;
        const char *key = names_of(p->c->values, i, &len);
        char first[8] = {0};

        if (!p->code[i + 1])
            continue;
        memcpy(first, key, len < 8 ? len : 8);
        p->value[p->distinct].number = i;
        memcpy(&p->value[p->distinct].first, first, sizeof first);
        p->value[p->distinct].first = be64toh(p->value[p->distinct].first);
        p->distinct++;
    }
    qsort_r(p->value, p->distinct, sizeof *p->value, by_key, p->c->values);
    p->code[0] = 0;
    for (uint32_t i = 0; i < p->distinct; i++)
        p->code[p->value[i].number + 1] = i + 1;
    return 0;
}

/* Codes of what was numbered. */
static int to_codes(struct packing *p, const uint32_t *number, size_t n, struct err *e)
{
    p->now = mem_array(n, sizeof *p->now, e);
    for (size_t i = 0; p->now && i < n; i++)
        p->now[i] = p->code[number[i]];
    return p->now ? 0 : e->code;
}

/* ---- dictionaries ---- */

static const char *key_at(const struct packing *p, uint32_t i, size_t *len)
{
    return names_of(p->c->values, p->value[i].number, len);
}

/* f32 where each is one: then of 32 bits. */
static void float_values(struct packing *p, uint64_t *v)
{
    bool narrow = true;

    for (uint32_t i = 0; i < p->distinct; i++) {
        size_t len;
        double d = key_float(key_at(p, i, &len));

        narrow &= (double)(float)d == d;
        memcpy(&v[i], &d, sizeof d);
    }
    p->meta.value_bits = narrow ? 32 : 64;
    for (uint32_t i = 0; narrow && i < p->distinct; i++) {
        double d;
        float f;
        uint32_t low;

        memcpy(&d, &v[i], sizeof d);
        f = (float)d;
        memcpy(&low, &f, sizeof low);
        v[i] = low;
    }
}

static void int_values(struct packing *p, uint64_t *v)
{
    size_t len;

    if (p->distinct > 0)
        p->meta.base = key_int(key_at(p, 0, &len));
    for (uint32_t i = 0; i < p->distinct; i++)
        v[i] = (uint64_t)key_int(key_at(p, i, &len)) - (uint64_t)p->meta.base;
    p->meta.value_bits = (uint8_t)attrs_width(p->distinct ? v[p->distinct - 1] : 0);
}

static int pack_strings(struct packing *p, uint64_t *end, struct buf *b, struct err *e)
{
    struct buf text = {0};
    int rc = 0;

    end[0] = 0;
    for (uint32_t i = 0; i < p->distinct && rc == 0; i++) {
        size_t len;
        const char *key = key_at(p, i, &len);

        rc = buf_add(&text, key, len, e);
        end[i + 1] = text.len;
    }
    p->meta.value_bits = (uint8_t)attrs_width(text.len);
    p->meta.text = text.len;
    if (rc == 0)
        rc = attrs_pack_u64(b, end, p->distinct + 1ull, p->meta.value_bits, e);
    if (rc == 0)
        rc = attrs_pack_text(b, text.p, text.len, e);
    buf_free(&text);
    return rc;
}

static int pack_values(struct packing *p, struct buf *b, struct err *e)
{
    uint64_t *v = mem_array(p->distinct + 1ull, sizeof *v, e);
    int rc = v ? 0 : e->code;

    if (rc == 0 && attrs_is_text(p->c->type)) {
        rc = pack_strings(p, v, b, e);
    } else if (rc == 0) {
        if (p->c->type == ATTR_FLOAT)
            float_values(p, v);
        else
            int_values(p, v);
        rc = attrs_pack_u64(b, v, p->distinct, p->meta.value_bits, e);
    }
    free(v);
    return rc;
}

/* ---- one column ---- */

static int pack_rows(struct packing *p, uint64_t rows, struct attrs_made *made, struct err *e)
{
    const struct make_column *c = p->c;
    unsigned bits = is_set(p) ? 2 : attrs_width(p->distinct);
    struct rows_of o;
    int rc;

    for (uint64_t i = 0; i < rows; i++)
        p->meta.nulls += c->number[i] == 0;
    if (attrs_pack_u32(&made->codes, is_set(p) ? c->number : p->now, rows, bits, e) < 0)
        return e->code;
    rc = is_set(p) ? rows_of_codes(&o, p->now, c->pair_row, c->pairs, p->distinct, e)
                   : rows_of_codes(&o, p->now, NULL, rows, p->distinct, e);
    if (rc < 0)
        return rc;
    p->meta.pairs = o.start[p->distinct];
    rc = attrs_pack_lists(&made->lists, &o, rows, is_set(p), &p->meta.lists, e);
    rows_of_free(&o);
    return rc;
}

static int pack_column(struct make_column *c, uint64_t rows, struct attrs_made *made, struct err *e)
{
    struct packing p = {.c = c, .meta = {.type = (uint8_t)c->type, .name = (uint16_t)c->name_len}};
    int rc = make_fill(c, rows, e);

    if (rc == 0)
        rc = sort_values(&p, e);
    if (rc == 0)
        rc = pack_values(&p, &made->dict, e);
    p.meta.distinct = p.distinct;
    if (rc == 0)
        rc = is_set(&p) ? to_codes(&p, c->member, c->pairs, e) : to_codes(&p, c->number, rows, e);
    if (rc == 0)
        rc = pack_rows(&p, rows, made, e);
    if (rc == 0)
        rc = buf_add(&made->head, &p.meta, sizeof p.meta, e);
    free(p.value);
    free(p.code);
    free(p.now);
    return rc;
}

/* ---- all of them ---- */

static int slack(struct buf *b, struct err *e)
{
    static const char zero[ATTRS_SLACK];

    return buf_add(b, zero, sizeof zero, e);
}

static int pack_all(struct attrs_maker *m, struct attrs_made *made, uint64_t *row, struct err *e)
{
    struct attrs_head h = {.rows = m->rows, .columns = m->n};
    int rc;

    for (uint32_t i = 0; i < m->n; i++)
        h.names += (uint32_t)m->column[i].name_len + 1;
    rc = buf_add(&made->head, &h, sizeof h, e);
    for (uint32_t i = 0; i < m->n && rc == 0; i++) {
        if (m->column[i].text)
            rc = settle_texts(&m->column[i], row, e);
        if (rc == 0)
            rc = pack_column(&m->column[i], m->rows, made, e);
    }
    for (uint32_t i = 0; i < m->n && rc == 0; i++)
        rc = buf_add(&made->head, m->column[i].name, m->column[i].name_len + 1, e);
    if (rc < 0 || slack(&made->dict, e) < 0 || slack(&made->codes, e) < 0)
        return rc < 0 ? rc : e->code;
    return slack(&made->lists, e);
}

int attrs_make_end(struct attrs_maker *m, struct attrs *a, enum cpu_level cpu, uint64_t *row,
                   struct err *e)
{
    struct attrs_made *made = mem_zero(1, sizeof *made, e);
    int rc;

    *row = 0;
    *a = (struct attrs){.rows = m->rows, .made = made};
    if (!made)
        return e->code;
    rc = m->n > 0 ? pack_all(m, made, row, e) : 0;
    if (rc == 0 && m->n > 0)
        rc = attrs_open_made(a, made, m->rows, cpu, e);
    if (rc < 0)
        attrs_close(a);
    return rc;
}

/* ---- rows of others ---- */

struct copying {
    const struct attrs_column *from;
    struct make_column *to;
    uint32_t *row;    /* where a row goes; UINT32_MAX: nowhere */
    uint32_t *number; /* of a code */
    uint32_t *list;   /* [rows], of sets */
};

/* The key of a code of another column for one of the type `to`. */
static const char *key_of_code(const struct attrs_column *c, uint32_t code, enum attr_type to,
                               char key[KEY], size_t *len)
{
    struct attr_value v = {.type = c->type};

    if (attrs_is_text(c->type))
        return attrs_string(c, code, len);
    if (c->type == ATTR_FLOAT)
        v.as.f = attrs_float(c, code);
    else
        v = (struct attr_value){.type = ATTR_INT, .as.i = attrs_int(c, code)};
    return key_of(to, &v, key, len);
}

static int copy_values(struct copying *p, struct err *e)
{
    p->number[0] = 0;
    for (uint32_t code = 1; code <= p->from->distinct; code++) {
        uint64_t number;
        char key[KEY];
        size_t len;
        const char *k = key_of_code(p->from, code, p->to->type, key, &len);

        if (!k)
            return err_set(e, ERR_CORRUPT, "column '%s' holds a NaN", p->from->name);
        if (names_add(p->to->values, k, len, &number, e) < 0)
            return e->code;
        p->number[code] = (uint32_t)number + 1;
    }
    return 0;
}

static int copy_pairs(struct copying *p, struct err *e)
{
    for (uint32_t code = 1; code <= p->from->distinct; code++) {
        uint64_t n = list_rows(p->from, code, p->list);

        for (uint64_t i = 0; i < n; i++)
            if (p->row[p->list[i]] != UINT32_MAX &&
                make_pair(p->to, p->number[code], p->row[p->list[i]], e) < 0)
                return e->code;
    }
    p->to->settled = p->to->pairs;
    return 0;
}

static int copy_column(struct copying *p, uint64_t rows, struct err *e)
{
    bool set = p->from->type == ATTR_SET;

    if (make_fill(p->to, rows, e) < 0 || copy_values(p, e) < 0)
        return e->code;
    for (uint64_t i = 0; i < p->from->rows; i++) {
        uint32_t code = attrs_code(p->from, i);

        if (p->row[i] != UINT32_MAX)
            p->to->number[p->row[i]] = set ? code : p->number[code];
    }
    return set ? copy_pairs(p, e) : 0;
}

/* The column that takes another's rows, made where there is none. */
static int column_for(struct attrs_maker *m, const struct attrs_column *c, struct make_column **to,
                      struct err *e)
{
    size_t len = strlen(c->name);
    uint32_t i = attrs_make_find(m, c->name, len);

    if (i == ATTRS_NO_COLUMN && attrs_make_column(m, c->name, len, ATTR_NONE, &i, e) < 0)
        return e->code;
    *to = &m->column[i];
    if ((*to)->type == ATTR_NONE)
        (*to)->type = c->type;
    if (c->type == (*to)->type || c->type == ATTR_NONE ||
        (c->type == ATTR_INT && (*to)->type == ATTR_FLOAT))
        return 0;
    return err_set(e, ERR_INPUT, "column '%s' is of type %s, and this one of type %s", c->name,
                   attr_type_name((*to)->type), attr_type_name(c->type));
}

/* Where rows go; returns how many go anywhere at all, or are empty. */
static uint64_t place_rows(const struct attrs_copy *how, uint64_t first, uint32_t *row)
{
    uint64_t n = 0;

    for (uint64_t i = 0; i < how->from->rows; i++) {
        uint64_t bit = how->first + i;
        bool dead = how->dead && how->dead[bit / 64] >> bit % 64 & 1;

        row[i] = dead ? UINT32_MAX : (uint32_t)(first + n);
        n += !(dead && how->compact);
    }
    return n;
}

static int copy_columns(struct attrs_maker *m, const struct attrs_copy *how, uint32_t *row,
                        uint64_t rows, struct err *e)
{
    uint64_t most = how->from->rows;
    int rc = 0;

    for (uint32_t i = 0; i < how->from->n && rc == 0; i++) {
        struct copying p = {.from = &how->from->column[i], .row = row};

        p.number = mem_array(p.from->distinct + 1ull, sizeof *p.number, e);
        p.list = mem_array(p.from->type == ATTR_SET ? most : 0, sizeof *p.list, e);
        rc = p.number && p.list ? column_for(m, p.from, &p.to, e) : e->code;
        if (rc == 0 && p.from->type != ATTR_NONE)
            rc = copy_column(&p, rows, e);
        free(p.number);
        free(p.list);
    }
    return rc;
}

int attrs_make_copy(struct attrs_maker *m, const struct attrs_copy *how, struct err *e)
{
    uint32_t *row = mem_array(how->from->rows, sizeof *row, e);
    uint64_t n;
    int rc;

    if (!row)
        return e->code;
    n = place_rows(how, m->rows, row);
    if (m->rows + n > UINT32_MAX - 1)
        rc = err_set(e, ERR_INPUT, "there are more than 2^32 - 2 rows, which attributes are for");
    else
        rc = copy_columns(m, how, row, m->rows + n, e);
    m->rows += n;
    free(row);
    return rc;
}
