/* where_parse.c - a predicate's text becomes a tree of tests, `not` carried down to them: where.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ann/where_int.h"
#include "ann/where_lex.h"
#include "base/mem.h"

struct parse {
    const struct attrs *a;
    struct lex l;
    struct where_tree *made;
    unsigned depth;
    size_t nodes;
    bool no; /* under an odd number of nots */
};

/* ---- trees ---- */

static struct where_tree *new_tree(struct parse *p, enum where_kind kind, struct err *e)
{
    struct where_tree *t = ++p->nodes <= WHERE_OPS_MOST ? mem_zero(1, sizeof *t, e) : NULL;

    if (p->nodes > WHERE_OPS_MOST)
        lex_wrong(&p->l, p->l.from, e, "there are more than %d tests", WHERE_OPS_MOST);
    if (!t)
        return NULL;
    t->kind = kind;
    t->made = p->made;
    p->made = t;
    return t;
}

static int add_range(struct where_tree *t, uint32_t lo, uint32_t hi, struct err *e)
{
    if (lo > hi)
        return 0;
    if (mem_reserve(&t->range, &t->cap, t->n + 2, sizeof *t->range, e) < 0)
        return e->code;
    t->range[t->n++] = (struct attr_range){lo, hi};
    return 0;
}

static int by_low(const void *a, const void *b)
{
    const struct attr_range *x = a, *y = b;

    return (x->lo > y->lo) - (x->lo < y->lo);
}

size_t where_settle_ranges(struct attr_range *r, size_t n)
{
    size_t m = 0;

    if (n > 1)
        qsort(r, n, sizeof *r, by_low);
    for (size_t i = 0; i < n; i++) {
        if (m > 0 && r[i].lo <= (uint64_t)r[m - 1].hi + 1)
            r[m - 1].hi = r[i].hi > r[m - 1].hi ? r[i].hi : r[m - 1].hi;
        else
            r[m++] = r[i];
    }
    return m;
}

int where_complement(struct where_tree *t, uint32_t from, uint32_t to, struct err *e)
{
    struct where_tree other = {0};
    uint64_t next = from;
    int rc = 0;

    for (size_t i = 0; i < t->n && rc == 0; i++) {
        if (t->range[i].lo > next)
            rc = add_range(&other, (uint32_t)next, t->range[i].lo - 1, e);
        next = t->range[i].hi + 1ull;
    }
    if (rc == 0 && next <= to)
        rc = add_range(&other, (uint32_t)next, to, e);
    free(t->range);
    t->range = other.range;
    t->n = other.n;
    t->cap = other.cap;
    return rc;
}

/* ---- words ---- */

/* The sign, if it compares; 0: none. */
static const char *comparison(const struct lex *l)
{
    return l->type == LEX_SIGN && strchr("=!<>", *l->is) ? l->is : NULL;
}

static int wanted(const struct parse *p, const char *what, struct err *e)
{
    char text[LEX_SHOWN];

    return lex_wrong(&p->l, p->l.from, e, "%s is wanted here, not %s", what,
                     lex_shown(&p->l, text));
}

static int expect(struct parse *p, const char *is, struct err *e)
{
    char what[16];

    if (lex_is(&p->l, is))
        return lex_next(&p->l, e);
    snprintf(what, sizeof what, "'%s'", is);
    return wanted(p, what, e);
}

/* If it stands there, it is passed: 1; 0: it does not; or an error. */
static int accept(struct parse *p, const char *is, struct err *e)
{
    if (!lex_is(&p->l, is))
        return 0;
    return lex_next(&p->l, e) < 0 ? e->code : 1;
}

/* The column that is named, and the word is passed. */
static int take_column(struct parse *p, uint32_t *column, struct err *e)
{
    const struct lex *l = &p->l;
    uint32_t near;

    if (l->type != LEX_NAME)
        return wanted(p, "a column's name", e);
    *column = attrs_find(p->a, l->p, l->size);
    if (*column != ATTRS_NO_COLUMN)
        return lex_next(&p->l, e);
    near = attrs_near(p->a, l->p, l->size);
    if (near != ATTRS_NO_COLUMN)
        return lex_wrong(l, l->from, e, "there is no column '%.*s': is '%s' meant?",
                         (int)(l->size < 40 ? l->size : 40), l->p, p->a->column[near].name);
    return lex_wrong(l, l->from, e, "there is no column '%.*s'%s",
                     (int)(l->size < 40 ? l->size : 40), l->p,
                     p->a->n ? "" : ": the index has no attributes");
}

/* ---- values ---- */

struct value {
    struct attr_value v;
    size_t from; /* in the text */
};

static bool is_value(const struct lex *l)
{
    return l->type == LEX_NUMBER || l->type == LEX_TEXT || lex_is(l, "true") || lex_is(l, "false");
}

/* The word as a value, which is not passed: a text lies in its room. */
static int read_value(struct parse *p, struct value *v, struct err *e)
{
    const struct lex *l = &p->l;

    *v = (struct value){.from = l->from};
    if (lex_is(l, "null"))
        return lex_wrong(l, l->from, e, "null is no value: 'is null' asks for it");
    if (!is_value(l))
        return wanted(p, l->type == LEX_NAME ? "a value (a text stands in quotes)" : "a value", e);
    if (l->type == LEX_TEXT)
        v->v = (struct attr_value){.type = ATTR_STRING, .as.s = {l->p, l->size}};
    else if (l->type == LEX_WORD)
        v->v = (struct attr_value){.type = ATTR_BOOL, .as.b = *l->is == 't'};
    else if (!attr_parse(ATTR_INT, l->p, l->size, &v->v) &&
             !attr_parse(ATTR_FLOAT, l->p, l->size, &v->v))
        return wanted(p, "a number", e);
    return 0;
}

static int check_value(const struct parse *p, uint32_t column, const struct value *v, struct err *e)
{
    const struct attrs_column *c = &p->a->column[column];
    const char *is = v->v.type == ATTR_STRING ? "a text"
                     : v->v.type == ATTR_BOOL ? "true or false"
                                              : "a number";

    if (attrs_comparable(c->type, v->v.type))
        return 0;
    return lex_wrong(&p->l, v->from, e, "column '%.60s' is of type %s, and this is %s", c->name,
                     attr_type_name(c->type), is);
}

/* ---- tests ---- */

/* Codes whose value is in the relation to v, as a range of t. */
static int add_compared(struct where_tree *t, const struct attrs_column *c, const char *sign,
                        const struct attr_value *v, struct err *e)
{
    bool there;
    uint32_t below = c->type == ATTR_NONE ? 0 : attrs_below(c, v, &there), upto;

    if (c->type == ATTR_NONE)
        return 0;
    upto = below + there;
    if (*sign == '<')
        return add_range(t, 1, sign[1] ? upto : below, e);
    if (*sign == '>')
        return add_range(t, (sign[1] ? below : upto) + 1, c->distinct, e);
    if (*sign == '=')
        return add_range(t, below + 1, upto, e);
    return add_range(t, 1, below, e) < 0 ? e->code : add_range(t, upto + 1, c->distinct, e);
}

/* The test is all that it says: its codes, or if `no` the others of rows that have a value. */
static int settle(const struct parse *p, struct where_tree *t, bool no, struct err *e)
{
    const struct attrs_column *c = &p->a->column[t->column];

    t->n = where_settle_ranges(t->range, t->n);
    if (!no)
        return 0;
    if (c->type != ATTR_SET)
        return where_complement(t, 1, c->distinct, e);
    t->kind = WHERE_LACKS;
    return 0;
}

static int compared(struct parse *p, struct where_tree *t, const char *sign, const struct value *v,
                    size_t sign_at, struct err *e)
{
    const struct attrs_column *c = &p->a->column[t->column];

    if (c->type == ATTR_SET)
        return lex_wrong(&p->l, sign_at, e, "column '%.60s' is a set: 'has' asks for what is in it",
                         c->name);
    if (check_value(p, t->column, v, e) < 0)
        return e->code;
    if (c->type == ATTR_BOOL && *sign != '=' && *sign != '!')
        return lex_wrong(&p->l, sign_at, e, "true and false have no order");
    return add_compared(t, c, sign, &v->v, e) < 0 ? e->code : settle(p, t, p->no, e);
}

static int test_compare(struct parse *p, struct where_tree *t, struct err *e)
{
    size_t at = p->l.from;
    struct value v;
    char sign[12];

    memcpy(sign, p->l.is, sizeof sign);
    if (lex_next(&p->l, e) < 0 || read_value(p, &v, e) < 0 || compared(p, t, sign, &v, at, e) < 0)
        return e->code;
    return lex_next(&p->l, e);
}

/* A test of its own, first among the children of `all`. */
static struct where_tree *child_of(struct parse *p, struct where_tree *all, uint32_t column,
                                   struct err *e)
{
    struct where_tree *one = new_tree(p, WHERE_CODES, e);

    if (!one)
        return NULL;
    one->column = column;
    one->next = all->child;
    all->child = one;
    return one;
}

/* ( value, ... ), each of which t is to be equal to; or, where `all` is given, a child of it. */
static int values(struct parse *p, struct where_tree *t, struct where_tree *all, struct err *e)
{
    const struct attrs_column *c = &p->a->column[t->column];

    if (expect(p, "(", e) < 0)
        return e->code;
    for (;;) {
        struct where_tree *to = all ? child_of(p, all, t->column, e) : t;
        struct value v;

        if (!to || read_value(p, &v, e) < 0 || check_value(p, t->column, &v, e) < 0 ||
            add_compared(to, c, "=", &v.v, e) < 0 || lex_next(&p->l, e) < 0)
            return e->code;
        if (all && settle(p, to, all->kind == WHERE_OR, e) < 0)
            return e->code;
        if (!lex_is(&p->l, ","))
            return expect(p, ")", e);
        if (lex_next(&p->l, e) < 0)
            return e->code;
    }
}

static int test_in(struct parse *p, struct where_tree *t, bool no, struct err *e)
{
    if (p->a->column[t->column].type == ATTR_SET)
        return lex_wrong(&p->l, p->l.from, e,
                         "column '%.60s' is a set: 'has any' asks for one of some",
                         p->a->column[t->column].name);
    if (lex_next(&p->l, e) < 0 || values(p, t, NULL, e) < 0)
        return e->code;
    return settle(p, t, p->no != no, e);
}

/* What is at least the first value and at most the second. */
static int test_between(struct parse *p, struct where_tree *t, bool no, struct err *e)
{
    size_t at = p->l.from;
    struct where_tree most = {.column = t->column};
    struct value v;
    bool was = p->no;
    int rc;

    p->no = false;
    if (lex_next(&p->l, e) < 0 || read_value(p, &v, e) < 0 || compared(p, t, ">=", &v, at, e) < 0 ||
        lex_next(&p->l, e) < 0 || expect(p, "and", e) < 0 || read_value(p, &v, e) < 0)
        return e->code;
    rc = compared(p, &most, "<=", &v, at, e);
    p->no = was;
    if (rc == 0 && (t->n == 0 || most.n == 0 || most.range->hi < t->range->lo))
        t->n = 0;
    else if (rc == 0)
        t->range->hi = most.range->hi;
    free(most.range);
    if (rc < 0 || lex_next(&p->l, e) < 0)
        return e->code;
    return settle(p, t, p->no != no, e);
}

static int state(struct where_tree *t, uint32_t lo, uint32_t hi, struct err *e)
{
    t->kind = WHERE_STATE;
    return add_range(t, lo, hi, e);
}

static int test_null(const struct parse *p, struct where_tree *t, bool no, struct err *e)
{
    const struct attrs_column *c = &p->a->column[t->column];

    if (c->type == ATTR_SET)
        return no ? state(t, ATTR_SET_EMPTY, ATTR_SET_SOME, e)
                  : state(t, ATTR_SET_NULL, ATTR_SET_NULL, e);
    return no ? add_range(t, 1, c->distinct, e) : add_range(t, 0, 0, e);
}

static int test_is(struct parse *p, struct where_tree *t, struct err *e)
{
    const struct attrs_column *c = &p->a->column[t->column];
    int no;

    if (lex_next(&p->l, e) < 0 || (no = accept(p, "not", e)) < 0)
        return e->code;
    no = (no == 1) != p->no;
    if (lex_is(&p->l, "empty")) {
        if (c->type != ATTR_SET && c->type != ATTR_NONE)
            return lex_wrong(&p->l, p->l.from, e, "column '%.60s' is no set", c->name);
        if (c->type == ATTR_SET && state(t, no ? ATTR_SET_SOME : ATTR_SET_EMPTY,
                                         no ? ATTR_SET_SOME : ATTR_SET_EMPTY, e) < 0)
            return e->code;
    } else if (!lex_is(&p->l, "null")) {
        return wanted(p, "'null', 'not null' or 'empty'", e);
    } else if (test_null(p, t, no, e) < 0) {
        return e->code;
    }
    return lex_next(&p->l, e);
}

/* has "x", has any ( ), has all ( ); the last makes another tree of *t. */
static int test_has(struct parse *p, struct where_tree **t, bool no, struct err *e)
{
    const struct attrs_column *c = &p->a->column[(*t)->column];
    struct where_tree *all;
    struct value v;

    no = no != p->no;
    if (c->type != ATTR_SET && c->type != ATTR_NONE)
        return lex_wrong(&p->l, p->l.from, e, "column '%.60s' is of type %s, and 'has' asks a set",
                         c->name, attr_type_name(c->type));
    if (lex_next(&p->l, e) < 0)
        return e->code;
    if (lex_is(&p->l, "all")) {
        all = new_tree(p, no ? WHERE_OR : WHERE_AND, e);
        if (!all || lex_next(&p->l, e) < 0 || values(p, *t, all, e) < 0)
            return e->code;
        *t = all;
        return 0;
    }
    if (lex_is(&p->l, "any")) {
        if (lex_next(&p->l, e) < 0 || values(p, *t, NULL, e) < 0)
            return e->code;
        return settle(p, *t, no, e);
    }
    if (read_value(p, &v, e) < 0 || check_value(p, (*t)->column, &v, e) < 0 ||
        add_compared(*t, c, "=", &v.v, e) < 0 || lex_next(&p->l, e) < 0)
        return e->code;
    return settle(p, *t, no, e);
}

/* A column alone, of type bool. */
static int test_alone(struct parse *p, struct where_tree *t, size_t from, struct err *e)
{
    const struct attrs_column *c = &p->a->column[t->column];
    struct attr_value yes = {.type = ATTR_BOOL, .as.b = true};

    if (c->type != ATTR_BOOL && c->type != ATTR_NONE)
        return lex_wrong(&p->l, p->l.type == LEX_END ? from : p->l.from, e,
                         "column '%.60s' is of type %s: a comparison is wanted", c->name,
                         attr_type_name(c->type));
    return add_compared(t, c, "=", &yes, e) < 0 ? e->code : settle(p, t, p->no, e);
}

/* The same relation, seen from the other side. */
static const char *turned(const char *sign)
{
    static const char *const turn[][2] = {{"<", ">"}, {"<=", ">="}, {">", "<"}, {">=", "<="}};

    for (size_t i = 0; i < sizeof turn / sizeof *turn; i++)
        if (strcmp(sign, turn[i][0]) == 0)
            return turn[i][1];
    return sign;
}

/* value sign column; the value has been read. */
static int test_turned(struct parse *p, struct where_tree *t, const struct value *v, struct err *e)
{
    size_t at = p->l.from;
    char sign[12];

    if (!comparison(&p->l))
        return wanted(p, "a comparison with a column", e);
    memcpy(sign, p->l.is, sizeof sign);
    if (lex_next(&p->l, e) < 0 || take_column(p, &t->column, e) < 0)
        return e->code;
    return compared(p, t, turned(sign), v, at, e);
}

static int test_column(struct parse *p, struct where_tree **t, struct err *e)
{
    size_t from = p->l.from;
    int no;

    if (take_column(p, &(*t)->column, e) < 0)
        return e->code;
    if (comparison(&p->l))
        return test_compare(p, *t, e);
    if (lex_is(&p->l, "is"))
        return test_is(p, *t, e);
    if ((no = accept(p, "not", e)) < 0)
        return e->code;
    if (lex_is(&p->l, "in"))
        return test_in(p, *t, no, e);
    if (lex_is(&p->l, "between"))
        return test_between(p, *t, no, e);
    if (lex_is(&p->l, "has") || lex_is(&p->l, "contains"))
        return test_has(p, t, no, e);
    return no ? wanted(p, "'in', 'between' or 'has'", e) : test_alone(p, *t, from, e);
}

/* A value to be compared, or true or false alone. */
static int test_value(struct parse *p, struct where_tree *t, struct err *e)
{
    struct value v;

    if (read_value(p, &v, e) < 0 || lex_next(&p->l, e) < 0)
        return e->code;
    if (v.v.type != ATTR_BOOL || comparison(&p->l))
        return test_turned(p, t, &v, e);
    t->kind = v.v.as.b != p->no ? WHERE_AND : WHERE_OR; /* of nothing */
    return 0;
}

static int test(struct parse *p, struct where_tree **t, struct err *e)
{
    *t = new_tree(p, WHERE_CODES, e);
    if (!*t)
        return e->code;
    return is_value(&p->l) ? test_value(p, *t, e) : test_column(p, t, e);
}

/* ---- what joins tests ---- */

static int or_ed(struct parse *p, struct where_tree **t, struct err *e);

static int deeper(struct parse *p, struct err *e)
{
    if (++p->depth > WHERE_DEPTH_MOST)
        return lex_wrong(&p->l, p->l.from, e, "there are more than %d open here", WHERE_DEPTH_MOST);
    return lex_next(&p->l, e);
}

static int factor(struct parse *p, struct where_tree **t, struct err *e)
{
    int rc;

    if (lex_is(&p->l, "not")) {
        if (deeper(p, e) < 0)
            return e->code;
        p->no = !p->no;
        rc = factor(p, t, e);
        p->no = !p->no;
    } else if (lex_is(&p->l, "(")) {
        if (deeper(p, e) < 0 || or_ed(p, t, e) < 0)
            return e->code;
        rc = expect(p, ")", e);
    } else {
        return test(p, t, e);
    }
    p->depth--;
    return rc;
}

/* One or more of what `part` reads, with a word between. */
static int joined(struct parse *p, const char *word, enum where_kind kind,
                  int (*part)(struct parse *, struct where_tree **, struct err *),
                  struct where_tree **t, struct err *e)
{
    struct where_tree *all = NULL, **end = t;
    int more = 1;

    while (more > 0) {
        if (part(p, end, e) < 0)
            return e->code;
        end = &(*end)->next;
        if ((more = accept(p, word, e)) < 0)
            return e->code;
        if (more && !all && !(all = new_tree(p, kind, e)))
            return e->code;
    }
    if (all) {
        all->child = *t;
        *t = all;
    }
    return 0;
}

static int and_ed(struct parse *p, struct where_tree **t, struct err *e)
{
    return joined(p, "and", p->no ? WHERE_OR : WHERE_AND, factor, t, e);
}

static int or_ed(struct parse *p, struct where_tree **t, struct err *e)
{
    return joined(p, "or", p->no ? WHERE_AND : WHERE_OR, and_ed, t, e);
}

int where_parse(struct where_tree **root, struct where_tree **all, const struct attrs *a,
                const char *text, size_t len, struct err *e)
{
    struct parse p = {.a = a};
    int rc;

    *root = NULL;
    lex_begin(&p.l, text, len);
    if (len > WHERE_TEXT_MOST)
        rc = err_set(e, ERR_USAGE, "a predicate has %zu bytes, more than %d", len, WHERE_TEXT_MOST);
    else
        rc = lex_next(&p.l, e);
    if (rc == 0)
        rc = or_ed(&p, root, e);
    if (rc == 0 && p.l.type != LEX_END)
        rc = wanted(&p, "'and', 'or' or the end", e);
    *all = p.made;
    lex_free(&p.l);
    return rc;
}
