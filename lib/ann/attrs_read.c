/* attrs_read.c - attributes from a file: TSV or CSV, whose first line names the columns, or JSON
 * Lines; compressed or not.
 *
 *   year  genre  tags:set  score:float      a name, and a type where it is not to be found out
 *   2001  rock   a,b       0.5
 *         jazz                              an empty field: NULL
 *
 * A type is int, float, bool, string or set; without one a column is what all its fields are: int,
 * float, bool (true, false), else string. Digits behind a zero (02139) are a string. A field of a
 * set is split at commas, or at the character behind the word (tags:set|); parts that are empty are
 * left out, so that a comma alone is the empty set. In TSV \t \n \r \\ stand for their characters.
 * In CSV a field may be quoted, its quotes doubled; an empty one in quotes is the empty string. A
 * '#' before the first name is left out.
 *
 * In JSON Lines each member of a line is the value of a column: true, number, string, an array of
 * strings for a set; null or absent: NULL.
 */
#include <stdlib.h>
#include <string.h>

#include "ann/kind.h"
#include "base/jsonl.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/stream.h"

enum format { ANY, TSV, CSV, JSONL }; /* any: the first line says */

/* A column of a table. */
struct field {
    uint32_t column;     /* ATTRS_NO_COLUMN: none that is asked for */
    enum attr_type type; /* ATTR_NONE: to be found out */
    char between;        /* of the parts of a set */
};

struct reading {
    struct attrs_maker *m;
    enum format format;
    struct field *field;
    size_t fields, field_cap;
    struct buf text, part; /* a field as it is meant */
    const char *only;      /* NULL, or the columns that are asked for */
    uint64_t rows;         /* that there should be */
};

/* ---- columns that are asked for ---- */

static bool is_asked_for(const struct reading *r, const char *name, size_t len)
{
    const char *p = r->only, *one;
    size_t n;

    while ((one = list_item(&p, &n)))
        if (n == len && memcmp(one, name, n) == 0)
            return true;
    return !r->only;
}

/* Has a file all that is asked for? In JSON a column is there that has a value. */
static int check_only(const struct reading *r, struct err *e)
{
    const char *p = r->only, *name;
    size_t len;

    if (p && !*p)
        return err_set(e, ERR_INPUT, "no column is asked for");
    while ((name = list_item(&p, &len))) {
        uint32_t column = attrs_make_find(r->m, name, len);

        if (column == ATTRS_NO_COLUMN ||
            (r->format == JSONL && attrs_make_type(r->m, column) == ATTR_NONE))
            return err_set(e, ERR_INPUT, "there is no column '%.*s'", (int)len, name);
    }
    return 0;
}

/* ---- fields of a line ---- */

/* The next field from *p on, without its separator; *p is moved behind that, to NULL at the end.
 * CSV: what the quotes are around is r->text. */
static int next_field(struct reading *r, const char **p, const char *end, const char **field,
                      size_t *len, bool *quoted, struct err *e)
{
    char comma = r->format == CSV ? ',' : '\t';
    const char *from = *p, *at;

    *quoted = r->format == CSV && from < end && *from == '"';
    if (!*quoted) {
        at = memchr(from, comma, (size_t)(end - from));
        *field = from;
        *len = (size_t)((at ? at : end) - from);
        *p = at ? at + 1 : NULL;
        return 0;
    }
    r->text.len = 0;
    for (at = from + 1; at < end && (*at != '"' || (at + 1 < end && at[1] == '"')); at++) {
        at += *at == '"';
        if (buf_addc(&r->text, *at, e) < 0)
            return e->code;
    }
    if (at == end)
        return err_set(e, ERR_INPUT, "a quote is not closed on its line");
    if (at + 1 < end && at[1] != comma)
        return err_set(e, ERR_INPUT, "there is more behind a quoted field");
    if (buf_reserve(&r->text, 1, e) < 0)
        return e->code;
    *field = r->text.p;
    *len = r->text.len;
    *p = at + 1 < end ? at + 2 : NULL;
    return 0;
}

/* With \t \n \r \\ as what they stand for, in *b if there are any. */
static int unescape(const char **p, size_t *len, struct buf *b, struct err *e)
{
    static const char from[] = "tnr\\", to[] = "\t\n\r\\";

    if (*len == 0 || !memchr(*p, '\\', *len))
        return 0;
    b->len = 0;
    for (size_t i = 0; i < *len; i++) {
        const char *known = (*p)[i] == '\\' && i + 1 < *len ? strchr(from, (*p)[i + 1]) : NULL;

        if (buf_addc(b, known && *known ? to[known - from] : (*p)[i], e) < 0)
            return e->code;
        i += known && *known;
    }
    *p = b->p;
    *len = b->len;
    return 0;
}

static int take_parts(struct reading *r, const struct field *f, const char *p, size_t len,
                      struct err *e)
{
    const char *end = p + len;

    if (attrs_make_set(r->m, f->column, e) < 0)
        return e->code;
    while (p && p < end) {
        const char *at = memchr(p, f->between, (size_t)(end - p)), *part = p;
        size_t n = (size_t)((at ? at : end) - p);

        if (r->format == TSV && unescape(&part, &n, &r->part, e) < 0)
            return e->code;
        if (n > 0 && attrs_make_member(r->m, f->column, part, n, e) < 0)
            return e->code;
        p = at ? at + 1 : NULL;
    }
    return 0;
}

static int take_field(struct reading *r, const struct field *f, const char *p, size_t len,
                      struct err *e)
{
    struct attr_value v;

    if (f->type == ATTR_SET)
        return take_parts(r, f, p, len, e);
    if (r->format == TSV && unescape(&p, &len, &r->part, e) < 0)
        return e->code;
    if (f->type == ATTR_NONE)
        return attrs_make_text(r->m, f->column, p, len, e);
    if (!attr_parse(f->type, p, len, &v))
        return err_set(e, ERR_INPUT, "'%.*s' is no %s", (int)(len < 40 ? len : 40), p,
                       f->type == ATTR_INT ? "integer of 64 bits" : attr_type_name(f->type));
    return v.type == ATTR_NONE ? 0 : attrs_make_value(r->m, f->column, &v, e);
}

static int table_row(struct reading *r, const char *line, size_t len, struct err *e)
{
    const char *p = line, *end = line + len;
    size_t n = 0;

    for (; p; n++) {
        const char *field;
        size_t size;
        bool quoted;

        if (next_field(r, &p, end, &field, &size, &quoted, e) < 0)
            return e->code;
        if (n < r->fields && (size > 0 || quoted) && r->field[n].column != ATTRS_NO_COLUMN &&
            take_field(r, &r->field[n], field, size, e) < 0)
            return err_prefix(e, "column '%s'", attrs_make_name(r->m, r->field[n].column));
    }
    if (n != r->fields)
        return err_set(e, ERR_INPUT, "%zu fields, and the first line names %zu columns", n,
                       r->fields);
    return attrs_make_row(r->m, e);
}

/* ---- the first line ---- */

/* "NAME:TYPE" to its parts; *len becomes that of the name. */
static struct field field_of(const char *p, size_t *len)
{
    struct field f = {.type = ATTR_NONE, .between = ','};
    const char *colon = memrchr(p, ':', *len);
    size_t left = colon ? (size_t)(p + *len - colon) - 1 : 0;

    for (enum attr_type t = ATTR_BOOL; colon && t <= ATTR_SET; t++) {
        const char *word = attr_type_name(t);
        size_t n = strlen(word);
        bool between = t == ATTR_SET && left == n + 1;

        if ((left != n && !between) || memcmp(colon + 1, word, n) != 0)
            continue;
        f.type = t;
        f.between = between ? colon[1 + n] : ',';
        *len = (size_t)(colon - p);
    }
    return f;
}

static int first_line(struct reading *r, const char *line, size_t len, struct err *e)
{
    const char *p = line, *end = line + len;

    p += p < end && *p == '#';
    p += p > line && p[-1] == '#' && p < end && *p == ' ';
    while (p) {
        const char *field;
        struct field f;
        size_t size;
        bool quoted;

        if (next_field(r, &p, end, &field, &size, &quoted, e) < 0 ||
            mem_reserve(&r->field, &r->field_cap, r->fields + 1, sizeof *r->field, e) < 0)
            return e->code;
        f = field_of(field, &size);
        f.column = ATTRS_NO_COLUMN;
        if (is_asked_for(r, field, size) &&
            attrs_make_column(r->m, field, size, f.type, &f.column, e) < 0)
            return e->code;
        r->field[r->fields++] = f;
    }
    return check_only(r, e);
}

/* ---- JSON ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Strings of an array that is one. */
static int take_array(struct attrs_maker *m, uint32_t column, const struct jsonl_span *v,
                      struct buf *text, struct err *e)
{
    const char *p = v->p + 1;

    if (attrs_make_set(m, column, e) < 0)
        return e->code;
    for (;; p++) {
        struct jsonl_span s = {.type = JSONL_STRING};

        while (is_blank(*p) || *p == ',')
            p++;
        if (*p == ']')
            return 0;
        if (*p != '"')
            return err_set(e, ERR_INPUT,
                           "an array is a set, and here is something else than a "
                           "string in it");
        for (s.p = ++p; *p != '"'; p++) {
            s.escaped |= *p == '\\';
            p += *p == '\\';
        }
        s.len = (size_t)(p - s.p);
        text->len = 0;
        if (jsonl_decode(&s, text, e) < 0 || buf_reserve(text, 1, e) < 0 ||
            attrs_make_member(m, column, text->p, text->len, e) < 0)
            return e->code;
    }
}

static int take_number(struct attrs_maker *m, uint32_t column, const struct jsonl_span *v,
                       struct err *e)
{
    bool digits = !memchr(v->p, '.', v->len) && !memchr(v->p, 'e', v->len) &&
                  !memchr(v->p, 'E', v->len);
    struct attr_value n;

    if (!attr_parse(digits ? ATTR_INT : ATTR_FLOAT, v->p, v->len, &n))
        return err_set(e, ERR_INPUT, "%.*s is too large a number", (int)(v->len < 40 ? v->len : 40),
                       v->p);
    return attrs_make_value(m, column, &n, e);
}

static int take_member(struct attrs_maker *m, uint32_t column, const struct jsonl_span *v,
                       struct buf *text, struct err *e)
{
    struct attr_value b = {.type = ATTR_BOOL, .as.b = *v->p == 't'}, s = {.type = ATTR_STRING};

    switch (v->type) {
    case JSONL_NULL:
        return 0;
    case JSONL_BOOL:
        return attrs_make_value(m, column, &b, e);
    case JSONL_NUMBER:
        return take_number(m, column, v, e);
    case JSONL_ARRAY:
        return take_array(m, column, v, text, e);
    case JSONL_OBJECT:
        return err_set(e, ERR_INPUT, "an object is no value of a column");
    case JSONL_STRING:
        break;
    }
    text->len = 0;
    if (jsonl_decode(v, text, e) < 0 || buf_reserve(text, 1, e) < 0)
        return e->code;
    s.as.s.p = text->p;
    s.as.s.len = text->len;
    return attrs_make_value(m, column, &s, e);
}

/* The column that a member is of, made if it is not there; ATTRS_NO_COLUMN: it is not wanted. */
static int column_of(struct attrs_maker *m, const struct jsonl_span *key, struct buf *text,
                     uint32_t *column, struct err *e)
{
    text->len = 0;
    if (jsonl_decode(key, text, e) < 0 || buf_reserve(text, 1, e) < 0)
        return e->code;
    *column = attrs_make_find(m, text->p, text->len);
    if (*column != ATTRS_NO_COLUMN || attrs_make_picks(m))
        return 0;
    return attrs_make_column(m, text->p, text->len, ATTR_NONE, column, e);
}

int attrs_read_object(struct attrs_maker *m, const char *p, size_t len, struct err *e)
{
    struct buf text = {0};
    struct jsonl_member k;
    struct jsonl j;
    uint32_t column;
    int rc;

    jsonl_begin(&j, p, len);
    while ((rc = jsonl_next(&j, &k, e)) > 0) {
        rc = column_of(m, &k.key, &text, &column, e);
        if (rc == 0 && column != ATTRS_NO_COLUMN &&
            (rc = take_member(m, column, &k.value, &text, e)) == ERR_INPUT)
            err_prefix(e, "column '%s'", attrs_make_name(m, column));
        if (rc < 0)
            break;
    }
    buf_free(&text);
    if (rc < 0)
        attrs_make_undo(m);
    return rc;
}

/* ---- a file ---- */

/* By the name; ANY: it does not say. */
static enum format format_of(const char *path)
{
    if (stream_name_ends(path, "jsonl") || stream_name_ends(path, "ndjson") ||
        stream_name_ends(path, "json"))
        return JSONL;
    if (stream_name_ends(path, "csv"))
        return CSV;
    return stream_name_ends(path, "tsv") ? TSV : ANY;
}

static enum format format_by_line(const char *line, size_t len)
{
    while (len > 0 && is_blank(*line)) {
        line++;
        len--;
    }
    return len > 0 && *line == '{' ? JSONL : TSV;
}

/* JSON has no first line: the columns that are asked for are there from the beginning. */
static int make_only(struct reading *r, struct err *e)
{
    const char *p = r->only, *name;
    uint32_t column;
    size_t len;

    while ((name = list_item(&p, &len)))
        if (attrs_make_find(r->m, name, len) == ATTRS_NO_COLUMN &&
            attrs_make_column(r->m, name, len, ATTR_NONE, &column, e) < 0)
            return e->code;
    if (r->only)
        attrs_make_pick(r->m);
    return 0;
}

static int one_line(struct reading *r, uint64_t number, const char *line, size_t len, struct err *e)
{
    if (number == 1 && r->format == ANY)
        r->format = format_by_line(line, len);
    if (r->format == JSONL) {
        if (number == 1 && make_only(r, e) < 0)
            return e->code;
        if (jsonl_is_blank(line, len))
            return 0;
        return attrs_read_object(r->m, line, len, e) < 0 ? e->code : attrs_make_row(r->m, e);
    }
    return number == 1 ? first_line(r, line, len, e) : table_row(r, line, len, e);
}

static int read_lines(struct reading *r, struct lines *l, struct err *e)
{
    const char *name = stream_name(lines_stream(l)), *line;
    size_t len;
    int rc;

    while ((rc = lines_next_text(l, &line, &len, e)) > 0)
        if (one_line(r, lines_number(l), line, len, e) < 0)
            return err_prefix(e, "%s:%llu", name, (unsigned long long)lines_number(l));
    if (rc < 0)
        return rc;
    if (lines_number(l) == 0 && r->rows != 0)
        return err_set(e, ERR_INPUT, "%s: it is empty, and there are vectors", name);
    if (r->rows != VEC_UNKNOWN && attrs_make_rows(r->m) != r->rows)
        return err_set(e, ERR_INPUT,
                       "%s:%llu: attributes of %llu rows end here, and there are %llu vectors",
                       name, (unsigned long long)lines_number(l),
                       (unsigned long long)attrs_make_rows(r->m), (unsigned long long)r->rows);
    return check_only(r, e) < 0 ? err_prefix(e, "%s", name) : 0;
}

static int finish(struct reading *r, struct attrs *a, const char *name, enum cpu_level cpu,
                  struct err *e)
{
    uint64_t row;
    int rc = attrs_make_end(r->m, a, cpu, &row, e);

    return rc == ERR_INPUT ? err_prefix(e, "%s:%llu", name, (unsigned long long)row + 2) : rc;
}

/* Between all commas are names. */
static int check_names(const char *only, struct err *e)
{
    if (!only || !*only || (*only != ',' && only[strlen(only) - 1] != ',' && !strstr(only, ",,")))
        return 0;
    return err_set(e, ERR_INPUT, "a column without a name is asked for: '%s'", only);
}

int attrs_read(struct attrs *a, const char *path, const char *only, uint64_t rows,
               enum cpu_level cpu, struct err *e)
{
    struct reading r = {.format = format_of(path), .only = only, .rows = rows};
    struct lines *l = NULL;
    int rc = attrs_make(&r.m, e);

    *a = (struct attrs){0};
    if (rc == 0)
        rc = check_names(only, e);
    if (rc == 0)
        rc = lines_open(&l, path, '\n', 0, e);
    if (rc == 0)
        rc = read_lines(&r, l, e);
    if (rc == 0)
        rc = finish(&r, a, stream_name(lines_stream(l)), cpu, e);
    lines_close(l);
    attrs_make_free(r.m);
    buf_free(&r.text);
    buf_free(&r.part);
    free(r.field);
    return rc;
}

int ann_attrs_load(struct ann_attrs **out, const char *path, const char *only, uint64_t rows,
                   enum cpu_level cpu, struct err *e)
{
    struct ann_attrs *a = mem_zero(1, sizeof *a, e);
    int rc = a ? attrs_read(&a->attrs, path, only, rows, cpu, e) : e->code;

    *out = NULL;
    if (rc == 0)
        *out = a;
    else
        ann_attrs_free(a);
    return rc;
}

/* All of the file but its attributes, and these. */
static int write_attrs(const struct ann *a, const char *path, const struct attrs *attrs,
                       struct err *e)
{
    struct sect_writer *w = NULL;
    int rc = sect_create(&w, path, "ann ", 1, sect_minor(a->file), e);

    if (rc == 0)
        sect_replaces(w, a->file);
    if (rc == 0)
        rc = sect_copy(w, a->file, ATTRS_SECTIONS, e);
    if (rc == 0)
        rc = attrs_save(attrs, w, e);
    if (rc == 0)
        rc = sect_commit(&w, e);
    sect_abort(&w);
    return rc;
}

int ann_save_attrs(const struct ann *a, const char *path, const struct ann_attrs *attrs,
                   struct err *e)
{
    struct attrs_copy how = {.from = &attrs->attrs, .dead = a->dead};
    struct attrs_maker *m = NULL;
    struct attrs live = {0}; /* deleted rows have none */
    uint64_t row;
    int rc;

    if (a->kind->attrs_inside)
        return err_set(e, ERR_USAGE, "%s is of kind %s, which is made of its attributes",
                       sect_path(a->file), a->kind->name);
    rc = attrs_make(&m, e);
    if (rc == 0)
        rc = attrs_make_copy(m, &how, e);
    if (rc == 0)
        rc = attrs_make_end(m, &live, a->cpu, &row, e);
    if (rc == 0)
        rc = write_attrs(a, path, &live, e);
    attrs_close(&live);
    attrs_make_free(m);
    return rc;
}

void ann_attrs_free(struct ann_attrs *a)
{
    if (a)
        attrs_close(&a->attrs);
    free(a);
}
