/* prop_where.c - predicates against what is plain: random trees of tests are written as text in
 * every spelling, and looked at row by row, in SQL's three values, on cells that never were
 * columns. All levels of CPU; and texts that are wrong, with the place that is to be named.
 */
#include <strings.h>

#include "../unit/tmp.h"
#include "ann/where.h"
#include "attrs_data.h"
#include "base/mem.h"

enum { NO, YES, UNKNOWN };

/* A predicate written into *text as it is made. */
struct expr {
    enum {
        AND,
        OR,
        NOT,
        COMPARE,
        IN,
        BETWEEN,
        IS_NULL,
        IS_EMPTY,
        HAS,
        ANY,
        ALL,
        ALONE,
        CONST
    } kind;
    bool no; /* not in, is not ... */
    size_t column;
    int sign; /* 0 .. 5: = != < <= > >= */
    struct cell value[4];
    int values;
    struct expr *a, *b;
};

static struct buf text;
static struct err err;

static void put(const char *s)
{
    T_CHECK(buf_adds(&text, s, &err) == 0);
}

static void put_word(const char *s)
{
    bool upper = table_rand(4) == 0;

    put(table_rand(3) ? " " : "  \n\t");
    for (; *s; s++)
        T_CHECK(buf_addc(&text, upper && *s >= 'a' && *s <= 'z' ? (char)(*s - 32) : *s, &err) == 0);
    put(" ");
}

static void put_column(size_t column)
{
    bool ticks = strchr(table_columns[column].name, ' ') || table_rand(5) == 0;

    put(ticks ? "`" : "");
    put(table_columns[column].name);
    put(ticks ? "`" : "");
}

static void put_text(const char *s)
{
    char quote = table_rand(2) ? '"' : '\'', c[8];

    snprintf(c, sizeof c, "%c", quote);
    put(c);
    for (; *s; s++) {
        unsigned way = table_rand(3);

        if (*s == quote)
            snprintf(c, sizeof c, way ? "%c%c" : "\\%c%c", *s, way ? *s : '\0');
        else if (*s == '\\')
            snprintf(c, sizeof c, "\\\\");
        else if (*s == '\n' && way)
            snprintf(c, sizeof c, "\\n");
        else if ((unsigned char)*s < 128 && way == 1)
            snprintf(c, sizeof c, "\\u%04X", (unsigned)*s);
        else
            snprintf(c, sizeof c, "%c", *s);
        put(c);
    }
    snprintf(c, sizeof c, "%c", quote);
    put(c);
}

static void put_value(const struct cell *c)
{
    char s[40];

    if (c->type == ATTR_STRING) {
        put_text(c->s);
        return;
    }
    if (c->type == ATTR_BOOL)
        snprintf(s, sizeof s, "%s", c->b ? "true" : "False");
    else if (c->type == ATTR_INT)
        snprintf(s, sizeof s, "%s%lld", c->i >= 0 && table_rand(9) == 0 ? "+" : "",
                 (long long)c->i);
    else
        snprintf(s, sizeof s, "%.17g", c->f);
    put(s);
}

/* A value to compare a column with: often one that is there. */
static struct cell some_value(const struct table *t, size_t column)
{
    struct cell c = {0};

    if (t->rows && table_rand(3))
        c = *table_at(t, table_rand((unsigned)t->rows), column);
    if (c.type == ATTR_NONE)
        c = table_cell(column, table_rand(1000), 40);
    if (c.type == ATTR_SET) {
        snprintf(c.s, sizeof c.s, "%s", c.n ? c.set[0] : "b");
        c.type = ATTR_STRING;
    }
    if (c.type == ATTR_NONE)
        c.type = ATTR_INT;
    if (c.type == ATTR_FLOAT && !isfinite(c.f))
        c.f = 0.25;
    if (column == 3 && table_rand(6) == 0) {
        c.type = ATTR_INT;
        c.i = TABLE_SOME(table_bigs);
    }
    if (c.type == ATTR_INT && table_rand(5) == 0) {
        c.type = ATTR_FLOAT;
        c.f = (double)c.i + (table_rand(2) ? 0.5 : 0);
    } else if (c.type == ATTR_FLOAT && table_rand(5) == 0 && fabs(c.f) < 1e15) {
        c.type = ATTR_INT;
        c.i = (int64_t)c.f;
    }
    return c;
}

static const char *const signs[] = {"=", "!=", "<", "<=", ">", ">="};
static const char *const spelt[] = {"==", "<>", "<", "<=", ">", ">="};
static const int turned[] = {0, 1, 4, 5, 2, 3};

static void put_values(struct expr *x, const struct table *t)
{
    x->values = 1 + (int)table_rand(4);
    put(" (");
    for (int i = 0; i < x->values; i++) {
        put(i ? "," : "");
        x->value[i] = some_value(t, x->column);
        put_value(&x->value[i]);
    }
    put(")");
}

static void put_compare(struct expr *x, const struct table *t)
{
    const char *const *how = table_rand(3) ? signs : spelt;

    x->kind = COMPARE;
    x->sign = (int)table_rand(x->column == 0 ? 2 : 6);
    x->value[0] = some_value(t, x->column);
    if (table_rand(5) == 0) {
        put_value(&x->value[0]);
        put(how[turned[x->sign]]);
        put_column(x->column);
    } else {
        put_column(x->column);
        put(how[x->sign]);
        put_value(&x->value[0]);
    }
}

static void put_set(struct expr *x, const struct table *t)
{
    x->no = table_rand(3) == 0;
    put_column(x->column);
    x->kind = table_rand(4) == 0 ? IS_EMPTY : HAS;
    if (x->kind == IS_EMPTY) {
        put_word("is");
        put_word(x->no ? "not" : "");
        put_word("empty");
        return;
    }
    put_word(x->no ? "not" : "");
    put_word(table_rand(2) ? "has" : "contains");
    x->values = 1;
    x->value[0] = some_value(t, x->column);
    switch (table_rand(3)) {
    case 0:
        put_value(&x->value[0]);
        return;
    case 1:
        x->kind = ANY;
        put_word("any");
        break;
    default:
        x->kind = ALL;
        put_word("all");
    }
    put_values(x, t);
}

static void put_test(struct expr *x, const struct table *t)
{
    unsigned way = table_rand(8);

    x->column = table_rand(TABLE_COLUMNS);
    if (way == 0) {
        x->kind = CONST;
        x->value[0].b = table_rand(2);
        put_word(x->value[0].b ? "true" : "false");
    } else if (way == 1) {
        x->kind = IS_NULL;
        x->no = table_rand(2);
        put_column(x->column);
        put_word("is");
        put_word(x->no ? "not" : "");
        put_word("null");
    } else if (x->column == 6 || (x->column == 7 && way == 2)) {
        put_set(x, t);
    } else if (way == 3 && (x->column == 0 || x->column == 7)) {
        x->kind = ALONE;
        put_column(x->column);
    } else if (way <= 4) {
        x->no = table_rand(2);
        put_column(x->column);
        put_word(x->no ? "not" : "");
        put_word(way == 4 && x->column > 0 ? "between" : "in");
        x->kind = way == 4 && x->column > 0 ? BETWEEN : IN;
        if (x->kind == IN) {
            put_values(x, t);
            return;
        }
        x->value[0] = some_value(t, x->column);
        x->value[1] = some_value(t, x->column);
        put_value(&x->value[0]);
        put_word("and");
        put_value(&x->value[1]);
    } else {
        put_compare(x, t);
    }
}

static struct expr *make(const struct table *t, int depth)
{
    struct expr *x = table_need(calloc(1, sizeof *x));
    unsigned way = depth > 0 ? table_rand(4) : 3;

    if (way == 3) {
        put_test(x, t);
        return x;
    }
    put(way == 2 ? "" : "(");
    if (way == 2) {
        x->kind = NOT;
        put_word("not");
        put("(");
        x->a = make(t, depth - 1);
        put(")");
        return x;
    }
    x->kind = way == 0 ? AND : OR;
    x->a = make(t, depth - 1);
    put_word(way == 0 ? "and" : "or");
    x->b = make(t, depth - 1);
    put(")");
    return x;
}

/* So few rows are left by its first half that the other's tests are made of each of them. */
static struct expr *make_rare(const struct table *t)
{
    struct expr *x = table_need(calloc(1, sizeof *x)), *few = table_need(calloc(1, sizeof *few));

    few->kind = COMPARE;
    few->column = 1;
    few->value[0] = some_value(t, few->column);
    *x = (struct expr){.kind = AND, .a = few};
    put_column(few->column);
    put("=");
    put_value(&few->value[0]);
    put_word("and");
    put("(");
    x->b = make(t, (int)table_rand(3));
    put(")");
    return x;
}

static void expr_free(struct expr *x)
{
    if (x) {
        expr_free(x->a);
        expr_free(x->b);
        free(x);
    }
}

/* ---- row by row ---- */

/* Exact also where a double is not: of integers and doubles of up to 80 bits' mantissa. */
static int compare(const struct cell *a, const struct cell *b)
{
    if (a->type == ATTR_STRING)
        return strcmp(a->s, b->s);
    if (a->type == ATTR_BOOL)
        return a->b - b->b;
    long double x = a->type == ATTR_INT ? (long double)a->i : (long double)a->f;
    long double y = b->type == ATTR_INT ? (long double)b->i : (long double)b->f;

    return (x > y) - (x < y);
}

static int known(bool is)
{
    return is ? YES : NO;
}

static int not3(int v)
{
    return v == UNKNOWN ? UNKNOWN : 1 - v;
}

static bool set_has(const struct cell *c, const char *s)
{
    for (int i = 0; i < c->n; i++)
        if (strcmp(c->set[i], s) == 0)
            return true;
    return false;
}

static bool holds(const struct expr *x, const struct cell *c)
{
    int order = compare(c, &x->value[0]), found = 0;

    switch (x->kind) {
    case COMPARE:
        return x->sign == 0   ? order == 0
               : x->sign == 1 ? order != 0
               : x->sign == 2 ? order < 0
               : x->sign == 3 ? order <= 0
               : x->sign == 4 ? order > 0
                              : order >= 0;
    case IN:
        for (int i = 0; i < x->values; i++)
            found += compare(c, &x->value[i]) == 0;
        return found > 0;
    case BETWEEN:
        return order >= 0 && compare(c, &x->value[1]) <= 0;
    default:
        return c->b;
    }
}

static bool set_holds(const struct expr *x, const struct cell *c)
{
    int found = 0;

    for (int i = 0; i < x->values; i++)
        found += set_has(c, x->value[i].s);
    return x->kind == IS_EMPTY ? c->n == 0 : x->kind == ALL ? found == x->values : found > 0;
}

static int look(const struct expr *x, const struct table *t, size_t row)
{
    const struct cell *c = table_at(t, row, x->column);
    int a, b;

    switch (x->kind) {
    case NOT:
        return not3(look(x->a, t, row));
    case AND:
    case OR:
        a = look(x->a, t, row);
        b = look(x->b, t, row);
        if (x->kind == AND)
            return a == NO || b == NO ? NO : a == UNKNOWN || b == UNKNOWN ? UNKNOWN : YES;
        return a == YES || b == YES ? YES : a == UNKNOWN || b == UNKNOWN ? UNKNOWN : NO;
    case CONST:
        return known(x->value[0].b);
    case IS_NULL:
        return known((c->type == ATTR_NONE) != x->no);
    default:
        break;
    }
    if (c->type == ATTR_NONE)
        return UNKNOWN;
    return known((c->type == ATTR_SET ? set_holds(x, c) : holds(x, c)) != x->no);
}

/* ---- both ---- */

/* Of every AND the argument that fewest rows fulfil is the last, which a run begins with. */
static bool is_in_order(const struct where *w)
{
    bool right = true;

    for (const struct where_node *n = w->node; n < w->node + w->nodes; n++) {
        const struct where_node *c = n - 1;
        uint64_t before = 0;

        for (uint32_t i = 0; i < n->args && n->kind == WHERE_AND; i++, c -= c->size) {
            right &= c->most >= before;
            before = c->most;
        }
    }
    return right;
}

static void one_predicate(const struct table *t, const struct attrs *levels, size_t n,
                          const uint64_t *without)
{
    size_t words = ATTRS_WORDS(t->rows), len;
    uint64_t *bits = table_need(malloc((words + 1) * sizeof *bits));
    struct where_space space = {0};
    struct expr *x;

    text.len = 0;
    x = table_rand(3) ? make(t, (int)table_rand(5)) : make_rare(t);
    len = text.len;
    put("x"); /* what stands behind it is not looked at */
    T_CHECK(buf_addc(&text, '\0', &err) == 0);
    for (size_t k = 0; k < n; k++) {
        struct where *w = NULL;
        uint64_t count = 0, want = 0, wrong = 0;

        T_CHECKF(where_compile(&w, &levels[k], text.p, len, &err) == 0, "%.*s: %s", (int)len,
                 text.p, err.msg);
        if (!w)
            break;
        T_CHECK(where_run(w, &space, without, bits, &count, &err) == 0);
        for (size_t r = 0; r < 64 * words; r++) {
            bool dead = without && r < t->rows && without[r / 64] >> r % 64 & 1;
            bool yes = r < t->rows && !dead && look(x, t, r) == YES;

            want += yes;
            wrong += yes != (bits[r / 64] >> r % 64 & 1);
        }
        T_CHECKF(wrong == 0 && count == want, "%s: %.*s: %llu wrong, count %llu, not %llu",
                 levels[k].ops ? "level" : "", (int)len, text.p, (unsigned long long)wrong,
                 (unsigned long long)count, (unsigned long long)want);
        T_CHECK(w->node[w->nodes - 1].most >= want);
        T_CHECKF(is_in_order(w), "%.*s", (int)len, text.p);
        where_free(w);
    }
    where_space_free(&space);
    expr_free(x);
    free(bits);
}

static void one_table(size_t rows, unsigned distinct, int predicates)
{
    struct table t = table_make(rows, distinct);
    size_t words = ATTRS_WORDS(rows), n = 0;
    uint64_t *dead = table_need(calloc(words + 1, sizeof *dead));
    struct attrs a[CPU_AVX512 + 2];
    struct sect_file *s = NULL;

    for (enum cpu_level cpu = CPU_PORTABLE; cpu <= cpu_detect(); cpu++)
        table_attrs(&t, &a[n++], cpu);
    table_file(&a[0], &a[n], &s, "t.sect", cpu_detect());
    T_CHECKF(attrs_check(&a[n], s, &err) == 0, "%s", err.msg);
    n++;
    for (size_t r = 0; r < rows; r += 1 + table_rand(9))
        dead[r / 64] |= UINT64_C(1) << r % 64;
    for (int i = 0; i < predicates; i++)
        one_predicate(&t, a, n, i % 4 == 0 ? dead : NULL);
    for (size_t k = 0; k < n; k++)
        attrs_close(&a[k]);
    sect_close(s);
    free(dead);
    free(t.cell);
}

/* So many tests of one column become one, of as many ranges; `with` stands before them. */
static void many_tests(const struct table *t, const struct attrs *a, int n, bool no,
                       const char *with)
{
    struct where *w = NULL;
    struct where_space space = {0};
    uint64_t bits[ATTRS_WORDS(3000)], count;
    size_t wrong = 0;

    text.len = 0;
    T_CHECK(buf_printf(&text, &err, "%s (", with) == 0);
    for (int i = 0; i < n; i++)
        T_CHECK(buf_printf(&text, &err, "%s year %s %d",
                           i == 0 ? ""
                           : no   ? " and"
                                  : "\nor",
                           no ? "!=" : "=", 1990 + i * 3) == 0);
    put(")");
    T_CHECK(where_compile(&w, a, text.p, text.len, &err) == 0);
    T_CHECK(w->nodes <= 3 && w->n_ranges >= (n < 100 ? (size_t)n : 100));
    T_CHECK(where_run(w, &space, NULL, bits, &count, &err) == 0);
    for (size_t r = 0; r < t->rows; r++) {
        const struct cell *c = table_at(t, r, 1), *live = table_at(t, r, 0);
        bool is = c->type && ((c->i - 1990) % 3 == 0 && c->i - 1990 < 3 * n) != no;
        bool first = live->type && live->b;

        is = !*with ? is : strstr(with, "or") ? is || first : is && first;
        wrong += is != (bits[r / 64] >> r % 64 & 1);
    }
    T_CHECKF(wrong == 0, "%d tests, %s: %zu", n, with, wrong);
    where_free(w);
    where_space_free(&space);
}

static void many_ranges(void)
{
    static const int n[] = {1, 5, 16, 17, 40, 64, 65, 100, 20000};
    struct table t = table_make(3000, 300);
    struct attrs a;

    table_attrs(&t, &a, cpu_detect());
    for (size_t i = 0; i < sizeof n / sizeof *n; i++)
        for (int no = 0; no < 2; no++) {
            many_tests(&t, &a, n[i], no, "");
            many_tests(&t, &a, n[i], no, "live and");
            many_tests(&t, &a, n[i], no, "live or");
        }
    attrs_close(&a);
    free(t.cell);
}

/* ---- what is wrong ---- */

static void refused(const struct attrs *a, const char *p, size_t column, const char *why)
{
    struct where *w = NULL;
    struct err e = {0};
    char place[40], caret[160];
    const char *at;

    T_CHECKF(where_compile(&w, a, p, strlen(p), &e) == ERR_USAGE && !w, "%s", p);
    snprintf(place, sizeof place, "column %zu: ", column);
    T_CHECKF(strncmp(e.msg, place, strlen(place)) == 0, "%s: %s", p, e.msg);
    T_CHECKF(strstr(e.msg, why) != NULL, "%s: %s", p, e.msg);
    at = strrchr(e.msg, '\n');
    if (column < 40) {
        snprintf(caret, sizeof caret, "\n  %*s^", (int)column - 1, "");
        T_CHECKF(at && strcmp(at, caret) == 0, "%s: %s", p, e.msg);
    }
    where_free(w);
}

static void many(char *p, const char *part, int n, const char *end)
{
    for (*p = '\0'; n-- > 0; p += strlen(part))
        memcpy(p, part, strlen(part) + 1);
    memcpy(p, end, strlen(end) + 1);
}

static void wrong_texts(void)
{
    struct table t = table_make(50, 10);
    struct attrs a, none = {0};
    char p[3000];

    table_attrs(&t, &a, cpu_detect());
    refused(&a, "", 1, "a column's name is wanted here, not the end");
    refused(&a, "yaer>=2020", 1, "there is no column 'yaer': is 'year' meant?");
    refused(&a, "live and (Genres = 'x')", 11, "'Genres': is 'genre' meant?");
    refused(&a, "xyzzy = 3", 1, "there is no column 'xyzzy'\n");
    refused(&none, "x = 3", 1, "the index has no attributes");
    refused(&a, "year >= ", 9, "a value is wanted here, not the end");
    refused(&a, "year >= genre", 9, "a text stands in quotes");
    refused(&a, "year >= 'x'", 9, "column 'year' is of type int, and this is a text");
    refused(&a, "genre = 5", 9, "column 'genre' is of type string, and this is a number");
    refused(&a, "live = 1", 8, "of type bool, and this is a number");
    refused(&a, "live > true", 6, "no order");
    refused(&a, "year = null", 8, "is null");
    refused(&a, "year in (1, NULL)", 13, "is null");
    refused(&a, "year in (1, 2", 14, "')' is wanted here, not the end");
    refused(&a, "year in 1", 9, "'(' is wanted");
    refused(&a, "year not 3", 10, "'in', 'between' or 'has' is wanted");
    refused(&a, "year between 1 or 2", 16, "'and' is wanted here, not 'or'");
    refused(&a, "year is 3", 9, "'null', 'not null' or 'empty' is wanted");
    refused(&a, "year is empty", 9, "no set");
    refused(&a, "year", 1, "of type int: a comparison is wanted");
    refused(&a, "year and live", 6, "of type int: a comparison is wanted");
    refused(&a, "tags = 'a'", 6, "'has' asks");
    refused(&a, "tags in ('a')", 6, "'has any' asks");
    refused(&a, "tags has 3", 10, "of type set, and this is a number");
    refused(&a, "genre has 'a'", 7, "'has' asks a set");
    refused(&a, "live live", 6, "'and', 'or' or the end is wanted here, not 'live'");
    refused(&a, "(live", 6, "')' is wanted");
    refused(&a, "live)", 5, "'and', 'or' or the end is wanted here, not ')'");
    refused(&a, "genre = 'abc", 9, "the quote is not closed");
    refused(&a, "genre = \"\\q\"", 10, "no such escape");
    refused(&a, "genre = '\\u12x4'", 10, "four digits");
    refused(&a, "genre = '\xe6\xbc\xa2\xe6\xbc\xa2' or yaer=1", 17, "'yaer'");
    refused(&a, "genre = '\\ud834\\uzzzz'", 16, "four digits");
    refused(&a, "genre = '\\", 10, "no such escape");
    refused(&a, "year = 007", 8, "a number is wanted here, not '007'");
    refused(&a, "year = 5x", 8, "a number is wanted here, not '5x'");
    refused(&a, "year = --5", 8, "no meaning");
    refused(&a, "year & 5", 6, "no meaning");
    refused(&a, "year ! 5", 6, "no meaning");
    refused(&a, "'x' = genre2", 7, "'genre2': is 'genre' meant?");
    refused(&a, "3 year", 3, "a comparison with a column is wanted");
    many(p, "(", WHERE_DEPTH_MOST + 1, "live");
    refused(&a, p, WHERE_DEPTH_MOST + 1, "more than 64");
    many(p, "not ", WHERE_DEPTH_MOST + 1, "live");
    refused(&a, p, 4 * WHERE_DEPTH_MOST + 1, "more than 64");
    many(p, "live or ", 300, "gerne='a'");
    refused(&a, p, 2401, "'genre'");
    many(p, "\xe6\xbc\xa2", 200, "=1");
    refused(&a, p, 1, "no column");
    attrs_close(&a);
    free(t.cell);
}

/* Characters by their numbers, and quotes doubled or escaped. */
static void escapes(void)
{
    static const char *const same[] = {"\"\\ud83D\\ude00\\u6f22\\n\\\"'\"",
                                       "'\xf0\x9f\x98\x80\xe6\xbc\xa2\\n\"'''",
                                       "\"\xf0\x9f\x98\x80\\u6F22\n\"\"\\'\""};
    struct table t = table_make(1, 1);
    struct where_space space = {0};
    struct attrs a;

    t.cell[4] = (struct cell){.type = ATTR_STRING, .s = "\xf0\x9f\x98\x80\xe6\xbc\xa2\n\"'"};
    table_attrs(&t, &a, cpu_detect());
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        struct where *w = NULL;
        uint64_t bits, count = 0;

        text.len = 0;
        put("genre=");
        put(same[i]);
        T_CHECKF(where_compile(&w, &a, text.p, text.len, &err) == 0, "%s", err.msg);
        if (w)
            T_CHECK(where_run(w, &space, NULL, &bits, &count, &err) == 0 && count == 1);
        where_free(w);
    }
    where_space_free(&space);
    attrs_close(&a);
    free(t.cell);
}

/* Parts of predicates in any order come back, with a place inside the text. */
static void noise(void)
{
    static const char *const part[] = {
        "year", "live",   "tags",  "`odd name`", " and ", " or ", " not ", "(",    ")",
        "=",    "<",      ">=",    "5",          "-1e3",  "'x'",  "\"",    "'",    " in ",
        " is ", " null ", " has ", " any ",      ",",     "\\",   "\xff",  "\xc3", " between ",
        "true", "`",      "\n",    "all",        ".",     "+",    "\x01"};
    struct table t = table_make(70, 10);
    struct attrs a;

    table_attrs(&t, &a, cpu_detect());
    for (int i = 0; i < 20000; i++) {
        struct where *w = NULL;
        struct err e = {0};

        text.len = 0;
        for (unsigned n = table_rand(12); n > 0; n--)
            put(TABLE_SOME(part));
        if (where_compile(&w, &a, text.p, text.len, &e) < 0) {
            size_t column = 0;

            T_CHECKF(sscanf(e.msg, "column %zu: ", &column) == 1 && column >= 1 &&
                         column <= text.len + 1,
                     "%s", e.msg);
        }
        where_free(w);
    }
    attrs_close(&a);
    free(t.cell);
}

int main(void)
{
    static const size_t rows[] = {0, 1, 2, 63, 64, 65, 200, 1000, 5000};

    tmp_enter();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        one_table(rows[i], i % 2 ? 30 : 700, 300);
    one_table(20000, 5000, 60);
    many_ranges();
    wrong_texts();
    escapes();
    noise();
    buf_free(&text);
    tmp_leave();
    return t_done("prop_where");
}
