/* attrs_check.c - is every byte of the attributes of an index what it must be? Codes and values are
 * looked at one by one; sums, places and lists must be those that are made of them.
 */
#include <math.h>
#include <stdlib.h>

#include "ann/attrs_int.h"
#include "base/utf8.h"

struct check {
    const struct attrs_column *c;
    const struct sect_file *s;
    uint32_t *code; /* [rows] */
};

static int bad(const struct check *k, const char *section, const char *what, struct err *e)
{
    char text[ATTRS_NAME_MOST + 100];
    struct err why = {0};

    err_set(&why, ERR_CORRUPT, "column '%s': %s", k->c->name, what);
    memcpy(text, why.msg, sizeof text - 1);
    text[sizeof text - 1] = '\0';
    return sect_bad(k->s, section, text, e);
}

/* The value of a code, as a predicate would ask for it; false: none that can be. */
static bool value_of(const struct attrs_column *c, uint32_t code, struct attr_value *v)
{
    *v = (struct attr_value){.type = c->type == ATTR_SET ? ATTR_STRING : c->type};
    switch (c->type) {
    case ATTR_NONE:
        return false;
    case ATTR_BOOL:
        v->as.b = attrs_bool(c, code);
        return attrs_int(c, code) == v->as.b;
    case ATTR_INT:
        v->as.i = attrs_int(c, code);
        return v->as.i >= c->base;
    case ATTR_FLOAT:
        v->as.f = attrs_float(c, code);
        return !isnan(v->as.f) && !(v->as.f == 0 && signbit(v->as.f));
    case ATTR_STRING:
    case ATTR_SET:
        break;
    }
    v->as.s.p = attrs_string(c, code, &v->as.s.len);
    return utf8_valid(v->as.s.p, v->as.s.len);
}

static int check_text(const struct check *k, struct err *e)
{
    const struct attrs_column *c = k->c;
    uint64_t before = 0;

    for (uint64_t i = 0; i <= c->distinct; i++) {
        uint64_t end = attrs_get(c->values, c->value_bits, i);

        if (end < before || end > c->text_bytes || (i == 0 && end > 0))
            return bad(k, "ATTD", "strings do not lie one behind the other", e);
        before = end;
    }
    return before == c->text_bytes ? 0 : bad(k, "ATTD", "strings do not fill their place", e);
}

static int check_values(const struct check *k, struct err *e)
{
    const struct attrs_column *c = k->c;

    if (attrs_is_text(c->type) && check_text(k, e) < 0)
        return e->code;
    for (uint32_t code = 1; code <= c->distinct; code++) {
        struct attr_value v;

        if (!value_of(c, code, &v))
            return bad(k, "ATTD", "a value is none of its type", e);
        if (attr_order(c, code, &v) != 0 || (code > 1 && attr_order(c, code - 1, &v) >= 0))
            return bad(k, "ATTD", "values do not ascend", e);
    }
    return 0;
}

/* Codes into k->code. */
static int check_codes(const struct check *k, struct err *e)
{
    const struct attrs_column *c = k->c;
    uint32_t most = c->type == ATTR_SET ? ATTR_SET_SOME : c->distinct;
    uint64_t nulls = 0;

    for (uint64_t i = 0; i < c->rows; i++) {
        k->code[i] = (uint32_t)attrs_get(c->codes, c->bits, i);
        if (k->code[i] > most)
            return bad(k, "ATTC", "a row has a value that is not there", e);
        nulls += k->code[i] == 0;
    }
    return nulls == c->nulls ? 0 : bad(k, "ATTC", "there are other rows without a value", e);
}

/* Pairs of a set column, from its lists; each row that has some is in one, no other is. */
static int check_sets(const struct check *k, uint32_t *code, uint32_t *row, struct err *e)
{
    const struct attrs_column *c = k->c;
    uint64_t n = 0;

    for (uint32_t i = 1; i <= c->distinct; i++) {
        uint64_t want = attrs_count(c, (struct attr_range){i, i}), from = n;

        if (want == 0 || want > c->pairs - n || list_rows(c, i, row + n) != want)
            return bad(k, "ATTL", "a list has other rows than it should", e);
        for (n += want; from < n; from++) {
            code[from] = i;
            if (from > n - want && row[from] <= row[from - 1])
                return bad(k, "ATTL", "rows of a list do not ascend", e);
            if (k->code[row[from]] == ATTR_SET_SOME)
                k->code[row[from]] = ATTR_SET_SOME + 1;
            if (k->code[row[from]] != ATTR_SET_SOME + 1)
                return bad(k, "ATTL", "a row without a set is in a list", e);
        }
    }
    for (uint64_t i = 0; i < c->rows; i++)
        if (k->code[i] == ATTR_SET_SOME)
            return bad(k, "ATTL", "a row with a set is in no list", e);
    return n == c->pairs ? 0 : bad(k, "ATTL", "lists are of fewer rows than there are", e);
}

static int check_lists(const struct check *k, const struct rows_of *o, struct err *e)
{
    const struct attrs_column *c = k->c;
    struct buf made = {0};
    uint64_t len = 0;
    int rc;

    for (uint32_t i = 0; i < o->distinct; i++)
        if (o->start[i] == o->start[i + 1])
            return bad(k, "ATTC", "a value is that of no row", e);
    rc = attrs_pack_lists(&made, o, c->rows, c->type == ATTR_SET, &len, e);
    if (rc == 0 && (len != c->list_bytes || memcmp(made.p, c->sums, made.len) != 0))
        rc = bad(k, "ATTL", "sums or lists are not those of the rows", e);
    buf_free(&made);
    return rc;
}

static int check_column(const struct check *k, struct err *e)
{
    const struct attrs_column *c = k->c;
    bool set = c->type == ATTR_SET;
    uint32_t *code = NULL, *row = NULL;
    struct rows_of o = {0};
    int rc = check_values(k, e);

    if (rc == 0)
        rc = check_codes(k, e);
    if (rc == 0 && set) {
        code = mem_array(c->pairs, sizeof *code, e);
        row = mem_array(c->pairs, sizeof *row, e);
        rc = code && row ? check_sets(k, code, row, e) : e->code;
    }
    if (rc == 0)
        rc = set ? rows_of_codes(&o, code, row, c->pairs, c->distinct, e)
                 : rows_of_codes(&o, k->code, NULL, c->rows, c->distinct, e);
    if (rc == 0)
        rc = check_lists(k, &o, e);
    rows_of_free(&o);
    free(code);
    free(row);
    return rc;
}

int attrs_check(const struct attrs *a, const struct sect_file *s, struct err *e)
{
    uint32_t *code = mem_array(a->rows, sizeof *code, e);
    int rc = code ? 0 : e->code;

    for (uint32_t i = 0; i < a->n && rc == 0; i++) {
        struct check k = {&a->column[i], s, code};

        for (uint32_t j = 0; j < i && rc == 0; j++)
            if (strcmp(a->column[j].name, k.c->name) == 0)
                rc = bad(&k, "ATTH", "there are two of this name", e);
        if (rc == 0 && !utf8_valid(k.c->name, strlen(k.c->name)))
            rc = sect_bad(s, "ATTH", "a name is no UTF-8", e);
        if (rc == 0)
            rc = check_column(&k, e);
    }
    free(code);
    return rc;
}
