/* attrs_data.h - tables of attributes as plain cells, made at random, and columns of them. */
#ifndef TESTS_ATTRS_DATA_H
#define TESTS_ATTRS_DATA_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "../unit/t.h"
#include "ann/attrs.h"
#include "base/mem.h"

enum { CELL_TEXT = 24, CELL_SET = 4, TABLE_COLUMNS = 9 };

/* A value; of type ATTR_NONE: NULL. Of a set: n strings, of which two may be the same. */
struct cell {
    enum attr_type type;
    bool b;
    int64_t i;
    double f;
    char s[CELL_TEXT];
    char set[CELL_SET][CELL_TEXT];
    int n;
};

struct table {
    size_t rows;
    struct cell *cell; /* [rows][TABLE_COLUMNS] */
};

static const struct table_column {
    const char *name;
    enum attr_type type;
} table_columns[TABLE_COLUMNS] = {
    {"live", ATTR_BOOL},   {"year", ATTR_INT},     {"big", ATTR_INT},
    {"score", ATTR_FLOAT}, {"genre", ATTR_STRING}, {"key", ATTR_STRING},
    {"tags", ATTR_SET},    {"nothing", ATTR_NONE}, {"odd name", ATTR_INT}};

static unsigned long long table_seed = 88172645463325252ULL;

static inline unsigned table_rand(unsigned n)
{
    return (unsigned)(t_rand(&table_seed) >> 33) % n;
}

static inline void *table_need(void *p)
{
    if (!p) {
        perror("memory");
        exit(1);
    }
    return p;
}

static const int64_t table_bigs[] = {INT64_MIN,
                                     INT64_MIN + 1,
                                     -(INT64_C(1) << 53) - 1,
                                     -(INT64_C(1) << 53),
                                     -1,
                                     0,
                                     1,
                                     (INT64_C(1) << 53) - 1,
                                     INT64_C(1) << 53,
                                     (INT64_C(1) << 53) + 1,
                                     (INT64_C(1) << 53) + 2,
                                     INT64_MAX - 1,
                                     INT64_MAX};
static const double table_floats[] = {
    -INFINITY, -1e300, -2.5, -1, -0.0, 0.0, 0.1, 0.5, 1, 2, 9007199254740992.0, 1e300, INFINITY};
static const char *const table_words[] = {
    "",     "a",     "b",    "ab",   "rock",      "jazz",   "Jazz", "caf\xc3\xa9", "\xe6\xbc\xa2",
    "it's", "\"q\"", "a\\b", "x\ty", "new\nline", "ok\x01", "zz"};
#define TABLE_SOME(a) ((a)[table_rand(sizeof(a) / sizeof *(a))])

/* A value of a column's kind; `distinct` bounds how many there are of some. */
static inline struct cell table_cell(size_t column, size_t row, unsigned distinct)
{
    struct cell c = {.type = table_columns[column].type};

    switch (column) {
    case 0:
        c.b = table_rand(3) == 0;
        break;
    case 1:
        c.i = 1990 + (int64_t)table_rand(distinct);
        break;
    case 2:
        c.i = TABLE_SOME(table_bigs);
        break;
    case 3:
        c.f = table_rand(2) ? TABLE_SOME(table_floats) : (double)table_rand(distinct) / 8;
        break;
    case 4:
        snprintf(c.s, sizeof c.s, "%s", TABLE_SOME(table_words));
        break;
    case 5:
        snprintf(c.s, sizeof c.s, "key%zu", row * 7919 % 100003);
        break;
    case 6:
        for (c.n = 0; c.n < (int)table_rand(CELL_SET + 1); c.n++)
            snprintf(c.set[c.n], CELL_TEXT, "%s",
                     table_rand(20) ? TABLE_SOME(table_words) : table_words[c.n]);
        for (int i = 0; i < c.n; i++)
            if (table_rand(30) == 0)
                snprintf(c.set[i], CELL_TEXT, "rare%u", table_rand(50));
        break;
    case 7:
        break;
    default:
        c.i = table_rand(40) == 0 ? (int64_t)table_rand(7) : 3;
    }
    return c;
}

static inline struct table table_make(size_t rows, unsigned distinct)
{
    struct table t = {rows, table_need(calloc(rows + 1, TABLE_COLUMNS * sizeof *t.cell))};

    for (size_t r = 0; r < rows; r++)
        for (size_t k = 0; k < TABLE_COLUMNS; k++)
            if (table_rand(6) > 0)
                t.cell[r * TABLE_COLUMNS + k] = table_cell(k, r, distinct);
    return t;
}

static inline const struct cell *table_at(const struct table *t, size_t row, size_t column)
{
    return &t->cell[row * TABLE_COLUMNS + column];
}

/* The row under way is told one cell. */
static inline int table_tell(struct attrs_maker *m, uint32_t column, const struct cell *c,
                             struct err *e)
{
    struct attr_value v = {.type = c->type};

    if (c->type == ATTR_NONE)
        return 0;
    if (c->type == ATTR_SET) {
        int rc = attrs_make_set(m, column, e);

        for (int i = 0; i < c->n && rc == 0; i++)
            rc = attrs_make_member(m, column, c->set[i], strlen(c->set[i]), e);
        return rc;
    }
    if (c->type == ATTR_BOOL) {
        v.as.b = c->b;
    } else if (c->type == ATTR_INT) {
        v.as.i = c->i;
    } else if (c->type == ATTR_FLOAT) {
        v.as.f = c->f;
    } else {
        v.as.s.p = c->s;
        v.as.s.len = strlen(c->s);
    }
    return attrs_make_value(m, column, &v, e);
}

/* Rows from .. to - 1 of a table, told; columns that are not there are made. */
static inline void table_tell_rows(struct attrs_maker *m, const struct table *t, size_t from,
                                   size_t to)
{
    struct err e = {0};

    for (size_t k = 0; k < TABLE_COLUMNS; k++) {
        const char *name = table_columns[k].name;
        uint32_t column = attrs_make_find(m, name, strlen(name));

        if (column == ATTRS_NO_COLUMN)
            T_CHECKF(attrs_make_column(m, name, strlen(name), table_columns[k].type, &column, &e) ==
                         0,
                     "%s", e.msg);
    }
    for (size_t r = from; r < to; r++) {
        for (size_t k = 0; k < TABLE_COLUMNS; k++)
            T_CHECKF(table_tell(m, (uint32_t)k, table_at(t, r, k), &e) == 0, "%s", e.msg);
        T_CHECK(attrs_make_row(m, &e) == 0);
    }
}

static inline void table_end(struct attrs_maker *m, struct attrs *a, enum cpu_level cpu)
{
    struct err e = {0};
    uint64_t row;

    T_CHECKF(attrs_make_end(m, a, cpu, &row, &e) == 0, "%s", e.msg);
    attrs_make_free(m);
}

/* The table as columns. */
static inline void table_attrs(const struct table *t, struct attrs *a, enum cpu_level cpu)
{
    struct attrs_maker *m = NULL;
    struct err e = {0};

    T_CHECK(attrs_make(&m, &e) == 0);
    table_tell_rows(m, t, 0, t->rows);
    table_end(m, a, cpu);
}

/* Written to a file of its own and opened again; *s is what it lies in. */
static inline void table_file(const struct attrs *a, struct attrs *again, struct sect_file **s,
                              const char *path, enum cpu_level cpu)
{
    struct sect_writer *w = NULL;
    struct err e = {0};

    T_CHECK(sect_create(&w, path, "test", 1, 0, &e) == 0);
    T_CHECK(attrs_save(a, w, &e) == 0);
    T_CHECK(sect_commit(&w, &e) == 0);
    T_CHECK(sect_open(s, path, "test", 1, &e) == 0);
    T_CHECKF(attrs_open(again, *s, a->rows, cpu, &e) == 0, "%s", e.msg);
}

/* ---- what columns hold ---- */

static inline bool table_same_value(const struct attrs_column *c, uint32_t code,
                                    const struct cell *cell)
{
    const char *p;
    size_t len;

    switch (cell->type) {
    case ATTR_BOOL:
        return attrs_bool(c, code) == cell->b;
    case ATTR_INT:
        return attrs_int(c, code) == cell->i;
    case ATTR_FLOAT:
        return attrs_float(c, code) == cell->f && !(cell->f == 0 && signbit(attrs_float(c, code)));
    case ATTR_STRING:
        p = attrs_string(c, code, &len);
        return len == strlen(cell->s) && memcmp(p, cell->s, len) == 0;
    case ATTR_SET:
        return code == (cell->n ? ATTR_SET_SOME : ATTR_SET_EMPTY);
    case ATTR_NONE:
        break;
    }
    return code == 0;
}

static inline void table_holds(const struct attrs *a, const struct table *t)
{
    T_CHECK(a->n == TABLE_COLUMNS && a->rows == t->rows);
    for (uint32_t k = 0; k < a->n; k++) {
        const struct attrs_column *c = &a->column[k];
        uint64_t nulls = 0, wrong = 0;

        T_CHECK(strcmp(c->name, table_columns[k].name) == 0 &&
                attrs_find(a, c->name, strlen(c->name)) == k);
        for (size_t r = 0; r < t->rows; r++) {
            nulls += table_at(t, r, k)->type == ATTR_NONE;
            wrong += !table_same_value(c, attrs_code(c, r), table_at(t, r, k));
        }
        T_CHECKF(wrong == 0 && nulls == c->nulls, "%s: %llu wrong", c->name,
                 (unsigned long long)wrong);
        T_CHECK(c->distinct == 0 ||
                attrs_count(c, (struct attr_range){1, c->distinct}) == c->pairs);
    }
}

/* ---- as text ---- */

enum table_format { TABLE_TSV, TABLE_CSV, TABLE_JSONL };

/* What the format has no way to say is said otherwise. */
static inline void table_fit(struct table *t, enum table_format f)
{
    for (size_t i = 0; i < t->rows * TABLE_COLUMNS; i++) {
        struct cell *c = &t->cell[i];

        if (c->type == ATTR_STRING && f == TABLE_TSV && !*c->s)
            c->type = ATTR_NONE;
        for (char *p = c->s; *p && f == TABLE_CSV; p++)
            *p = *p == '\n' ? ' ' : *p;
        for (int k = 0; k < c->n; k++) {
            for (char *p = c->set[k]; *p && f == TABLE_CSV; p++)
                *p = *p == '\n' ? ' ' : *p;
            if (f != TABLE_JSONL && !*c->set[k])
                snprintf(c->set[k], CELL_TEXT, "full");
        }
        if (c->type == ATTR_FLOAT && f == TABLE_JSONL && isinf(c->f))
            c->f = 7;
    }
}

static inline void table_put_text(struct buf *b, const char *s, enum table_format f)
{
    struct err e;
    static const char from[] = "\t\n\r\\", to[] = "tnr\\";

    for (; *s; s++) {
        const char *known = f == TABLE_TSV ? strchr(from, *s) : NULL;

        if (f == TABLE_CSV && *s == '"')
            buf_addc(b, '"', &e);
        if (known)
            buf_addc(b, '\\', &e);
        if (f == TABLE_JSONL && ((unsigned char)*s < ' ' || *s == '"' || *s == '\\'))
            buf_printf(b, &e, "\\u%04x", (unsigned)*s);
        else
            buf_addc(b, known ? to[known - from] : *s, &e);
    }
}

static inline void table_put_set(struct buf *b, const struct cell *c, enum table_format f)
{
    struct err e;

    buf_adds(b, f == TABLE_JSONL ? "[" : f == TABLE_CSV ? "\"" : "", &e);
    for (int i = 0; i < c->n; i++) {
        buf_adds(b, i == 0 ? "" : f == TABLE_JSONL ? " , " : ",", &e);
        buf_adds(b, f == TABLE_JSONL ? "\"" : "", &e);
        table_put_text(b, c->set[i], f);
        buf_adds(b, f == TABLE_JSONL ? "\"" : "", &e);
    }
    if (f != TABLE_JSONL && c->n == 0)
        buf_adds(b, ",", &e);
    buf_adds(b, f == TABLE_JSONL ? "]" : f == TABLE_CSV ? "\"" : "", &e);
}

static inline void table_put_cell(struct buf *b, const struct cell *c, enum table_format f)
{
    struct err e;

    switch (c->type) {
    case ATTR_NONE:
        buf_adds(b, f == TABLE_JSONL ? "null" : "", &e);
        break;
    case ATTR_BOOL:
        buf_adds(b, c->b ? "true" : "false", &e);
        break;
    case ATTR_INT:
        buf_printf(b, &e, "%lld", (long long)c->i);
        break;
    case ATTR_FLOAT:
        buf_printf(b, &e, "%.17g", c->f);
        break;
    case ATTR_STRING:
        buf_adds(b, f == TABLE_TSV ? "" : "\"", &e);
        table_put_text(b, c->s, f);
        buf_adds(b, f == TABLE_TSV ? "" : "\"", &e);
        break;
    case ATTR_SET:
        table_put_set(b, c, f);
    }
}

static inline void table_put_row(struct buf *b, const struct table *t, size_t row,
                                 enum table_format f)
{
    struct err e;

    buf_adds(b, f == TABLE_JSONL ? "{" : "", &e);
    for (size_t k = 0; k < TABLE_COLUMNS; k++) {
        buf_adds(b, k == 0 ? "" : f == TABLE_TSV ? "\t" : ",", &e);
        if (f == TABLE_JSONL)
            buf_printf(b, &e, "\"%s\":", table_columns[k].name);
        table_put_cell(b, table_at(t, row, k), f);
    }
    buf_adds(b, f == TABLE_JSONL ? " }" : "", &e);
}

static inline void table_put(struct buf *b, const struct table *t, enum table_format f,
                             bool declare)
{
    struct err e;

    b->len = 0;
    for (size_t k = 0; k < TABLE_COLUMNS && f != TABLE_JSONL; k++) {
        bool type = table_columns[k].type == ATTR_SET || (declare && k != 7);

        buf_printf(b, &e, "%s%s%s%s",
                   k == 0           ? ""
                   : f == TABLE_TSV ? "\t"
                                    : ",",
                   table_columns[k].name, type ? ":" : "",
                   type ? attr_type_name(table_columns[k].type) : "");
    }
    buf_adds(b, f != TABLE_JSONL ? table_rand(2) ? "\n" : "\r\n" : "", &e);
    for (size_t r = 0; r < t->rows; r++) {
        table_put_row(b, t, r, f);
        buf_adds(b, table_rand(2) ? "\n" : "\r\n", &e);
    }
}

#endif
