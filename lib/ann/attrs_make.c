/* attrs_make.c - rows are told their attributes: attrs.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ann/attrs_make.h"
#include "base/mem.h"
#include "base/utf8.h"

/* ---- columns ---- */

int attrs_make(struct attrs_maker **m, struct err *e)
{
    *m = mem_zero(1, sizeof **m, e);
    return *m ? 0 : e->code;
}

void attrs_make_free(struct attrs_maker *m)
{
    for (uint32_t i = 0; m && i < m->n; i++) {
        struct make_column *c = &m->column[i];

        free(c->name);
        names_free(c->values);
        free(c->number);
        free(c->member);
        free(c->pair_row);
        free(c->last);
    }
    if (m) {
        free(m->column);
        free(m->touched);
        free(m);
    }
}

enum attr_type attrs_make_type(const struct attrs_maker *m, uint32_t column)
{
    return m->column[column].type;
}

const char *attrs_make_name(const struct attrs_maker *m, uint32_t column)
{
    return m->column[column].name;
}

uint32_t attrs_make_find(const struct attrs_maker *m, const char *name, size_t len)
{
    for (uint32_t i = 0; i < m->n; i++)
        if (m->column[i].name_len == len && memcmp(m->column[i].name, name, len) == 0)
            return i;
    return ATTRS_NO_COLUMN;
}

static int check_name(const struct attrs_maker *m, const char *name, size_t len, struct err *e)
{
    if (len == 0)
        return err_set(e, ERR_INPUT, "a column has no name");
    if (len > ATTRS_NAME_MOST || memchr(name, '\0', len) || !utf8_valid(name, len))
        return err_set(e, ERR_INPUT, "a name of a column is more than %d bytes, or no UTF-8",
                       ATTRS_NAME_MOST);
    if (attrs_make_find(m, name, len) != ATTRS_NO_COLUMN)
        return err_set(e, ERR_INPUT, "there are two columns '%.*s'", (int)len, name);
    if (m->fixed)
        return err_set(e, ERR_INPUT, "this index has no column '%.*s'", (int)len, name);
    if (m->n == ATTRS_COLUMNS_MOST)
        return err_set(e, ERR_INPUT, "there are more than %d columns", ATTRS_COLUMNS_MOST);
    return 0;
}

int attrs_make_column(struct attrs_maker *m, const char *name, size_t len, enum attr_type type,
                      uint32_t *column, struct err *e)
{
    struct make_column *c;

    if (check_name(m, name, len, e) < 0 ||
        mem_reserve(&m->column, &m->cap, m->n + 1u, sizeof *m->column, e) < 0 ||
        mem_reserve(&m->touched, &m->touched_cap, m->n + 1u, sizeof *m->touched, e) < 0)
        return e->code;
    c = &m->column[m->n];
    *c = (struct make_column){.type = type, .declared = type != ATTR_NONE, .name_len = len};
    c->name = mem_array(len + 1, 1, e);
    if (!c->name || names_new(&c->values, e) < 0) {
        free(c->name);
        return e->code;
    }
    memcpy(c->name, name, len);
    c->name[len] = '\0';
    *column = m->n++;
    return 0;
}

/* ---- values of the row under way ---- */

static int take(struct attrs_maker *m, uint32_t column, uint32_t now)
{
    m->column[column].now = now;
    m->touched[m->n_touched++] = column;
    return 0;
}

/* The key's number, 1 and up. */
static int number_of(struct make_column *c, const char *key, size_t len, uint32_t *number,
                     struct err *e)
{
    uint64_t at;

    *number = 0;
    if (names_add(c->values, key, len, &at, e) < 0)
        return e->code;
    *number = (uint32_t)at + 1;
    return 0;
}

static int wrong_type(const struct make_column *c, enum attr_type is, struct err *e)
{
    static const char *const one[] = {
        "nothing", "true or false", "an integer", "a number with a fraction", "a string", "a set"};

    return err_set(e, ERR_INPUT, "it is of type %s, and this is %s", attr_type_name(c->type),
                   one[is]);
}

/* Can a whole number that came as a float be one of integers? */
static bool is_whole(double v)
{
    return fabs(v) <= 9007199254740992.0 && v == rint(v); /* 2^53 */
}

/* The column's type, now that this comes: from none any, and from integers floats. */
static int settle_type(struct attrs_maker *m, struct make_column *c, const struct attr_value *v,
                       struct err *e)
{
    uint32_t at;

    if (c->type == ATTR_NONE)
        c->type = v->type;
    if (c->type == v->type || (c->type == ATTR_FLOAT && v->type == ATTR_INT))
        return 0;
    if (c->type != ATTR_INT || v->type != ATTR_FLOAT)
        return wrong_type(c, v->type, e);
    if (!c->declared && !m->fixed)
        return make_convert(c, ATTR_FLOAT, &at, e);
    return is_whole(v->as.f) ? 0 : wrong_type(c, v->type, e);
}

static int check_now(const struct make_column *c, struct err *e)
{
    return c->now > 0 ? err_set(e, ERR_INPUT, "a row has two values") : 0;
}

static int check_text(const char *p, size_t len, struct err *e)
{
    return utf8_valid(p, len) ? 0 : err_set(e, ERR_INPUT, "a string is no UTF-8");
}

int attrs_make_value(struct attrs_maker *m, uint32_t column, const struct attr_value *v,
                     struct err *e)
{
    struct make_column *c = &m->column[column];
    uint32_t number;
    const char *p;
    char key[KEY];
    size_t len;

    if (check_now(c, e) < 0)
        return e->code;
    if (v->type == ATTR_FLOAT && isnan(v->as.f))
        return 0;
    /* The type last: it stays, and a row that fails before is as if it had not been. */
    if ((v->type == ATTR_STRING && check_text(v->as.s.p, v->as.s.len, e) < 0) ||
        settle_type(m, c, v, e) < 0)
        return e->code;
    p = key_of(c->type, v, key, &len);
    if (number_of(c, p, len, &number, e) < 0)
        return e->code;
    return take(m, column, number);
}

int attrs_make_text(struct attrs_maker *m, uint32_t column, const char *p, size_t len,
                    struct err *e)
{
    struct attr_value v = {.type = ATTR_STRING, .as.s = {p, len}};

    m->column[column].text = true;
    return attrs_make_value(m, column, &v, e);
}

int attrs_make_set(struct attrs_maker *m, uint32_t column, struct err *e)
{
    struct make_column *c = &m->column[column];

    if (check_now(c, e) < 0)
        return e->code;
    if (c->type == ATTR_NONE)
        c->type = ATTR_SET;
    return c->type == ATTR_SET ? take(m, column, ATTR_SET_EMPTY) : wrong_type(c, ATTR_SET, e);
}

int make_pair(struct make_column *c, uint32_t number, uint32_t row, struct err *e)
{
    if (mem_reserve(&c->member, &c->member_cap, c->pairs + 1, sizeof *c->member, e) < 0 ||
        mem_reserve(&c->pair_row, &c->pair_cap, c->pairs + 1, sizeof *c->pair_row, e) < 0)
        return e->code;
    c->member[c->pairs] = number;
    c->pair_row[c->pairs++] = row;
    return 0;
}

int attrs_make_member(struct attrs_maker *m, uint32_t column, const char *p, size_t len,
                      struct err *e)
{
    struct make_column *c = &m->column[column];
    size_t had = c->last_cap;
    uint32_t number;

    if (check_text(p, len, e) < 0 || number_of(c, p, len, &number, e) < 0 ||
        mem_reserve(&c->last, &c->last_cap, number, sizeof *c->last, e) < 0)
        return e->code;
    if (c->last_cap > had)
        memset(c->last + had, 0, (c->last_cap - had) * sizeof *c->last);
    c->now = ATTR_SET_SOME;
    if (c->last[number - 1] == m->rows + 1)
        return 0;
    c->last[number - 1] = (uint32_t)(m->rows + 1);
    return make_pair(c, number, (uint32_t)m->rows, e);
}

int make_fill(struct make_column *c, uint64_t rows, struct err *e)
{
    if (mem_reserve(&c->number, &c->cap, rows, sizeof *c->number, e) < 0)
        return e->code;
    for (; c->rows < rows; c->rows++)
        c->number[c->rows] = 0;
    return 0;
}

int attrs_make_row(struct attrs_maker *m, struct err *e)
{
    if (m->rows == UINT32_MAX - 1)
        return err_set(e, ERR_INPUT, "there are more than 2^32 - 2 rows, which attributes are for");
    for (size_t i = 0; i < m->n_touched; i++) {
        struct make_column *c = &m->column[m->touched[i]];

        if (make_fill(c, m->rows + 1, e) < 0)
            return e->code;
        c->number[m->rows] = c->now;
        c->now = 0;
        c->settled = c->pairs;
    }
    m->n_touched = 0;
    m->rows++;
    return 0;
}

uint64_t attrs_make_rows(const struct attrs_maker *m)
{
    return m->rows;
}

void attrs_make_undo(struct attrs_maker *m)
{
    for (size_t i = 0; i < m->n_touched; i++) {
        struct make_column *c = &m->column[m->touched[i]];

        for (; c->pairs > c->settled; c->pairs--)
            c->last[c->member[c->pairs - 1] - 1] = 0;
        c->now = 0;
        if (c->rows == 0 && !c->declared)
            c->type = ATTR_NONE;
    }
    m->n_touched = 0;
}

void attrs_make_fix(struct attrs_maker *m)
{
    m->fixed = true;
}

void attrs_make_pick(struct attrs_maker *m)
{
    m->picks = true;
}

bool attrs_make_picks(const struct attrs_maker *m)
{
    return m->picks;
}
