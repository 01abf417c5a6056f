/* update_read.c - changes of an index from JSON Lines, and rows to add from a file of vectors.
 *
 *   {"op":"add","id":"a","vector":[1,2.5,3],"attrs":{"year":2020,"tags":["x"]}}
 *   {"op":"delete","id":"a"}
 *
 * Ids are strings where rows have names, else the row's number, which may be left out of what is
 * added, as it is the next one. Other members are passed over, and of one that stands there twice
 * the first counts. Rights and tenants are of no kind of index yet: a line that asks for them is
 * refused, not skipped.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ann/kind.h"
#include "base/jsonl.h"
#include "base/stream.h"
#include "vec/base.h"
#include "vec/decimal.h"

enum { LINE_MAX_BYTES = 1 << 28 };

/* What a line says; type JSONL_NULL: nothing. */
struct said {
    struct jsonl_span op, id, vector, attrs, tenant;
};

struct reading {
    struct ann_update *u;
    struct ann_info of;
    struct buf id;
    float *x; /* [dim] */
};

static int take_members(struct said *s, const char *line, size_t len, struct err *e)
{
    struct jsonl j;
    struct jsonl_member m;
    struct {
        const char *name;
        struct jsonl_span *to;
        bool taken;
    } known[] = {{"op", &s->op, false},
                 {"id", &s->id, false},
                 {"vector", &s->vector, false},
                 {"attrs", &s->attrs, false},
                 {"tenant", &s->tenant, false}};
    int rc;

    *s = (struct said){0};
    jsonl_begin(&j, line, len);
    while ((rc = jsonl_next(&j, &m, e)) > 0)
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            if (!known[i].taken && jsonl_equals(&m.key, known[i].name, strlen(known[i].name))) {
                *known[i].to = m.value;
                known[i].taken = true;
            }
    return rc;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The array's numbers into r->x. */
static int take_vector(struct reading *r, const struct jsonl_span *v, struct err *e)
{
    const char *p = v->p, *end;
    uint32_t n = 0;

    if (v->type != JSONL_ARRAY)
        return err_set(e, ERR_INPUT, "'vector' is no array of numbers");
    for (;; n++) {
        float x;

        for (p++; is_blank(*p);)
            p++;
        if (*p == ']')
            break; /* of nothing */
        if (!(*p == '-' || (*p >= '0' && *p <= '9')) || !(end = decimal_get_f32(p, &x)))
            return err_set(e, ERR_INPUT, "component %u is no number", n);
        if (n < r->of.dim)
            r->x[n] = x;
        for (p = end; is_blank(*p);)
            p++;
        if (*p == ',')
            continue;
        n++;
        break;
    }
    if (n != r->of.dim)
        return err_set(e, ERR_INPUT, "a vector of %u components, and the index has %u", n,
                       r->of.dim);
    return 0;
}

static int take_number(const struct jsonl_span *v, uint64_t *n, struct err *e)
{
    bool good = v->type == JSONL_NUMBER && v->len <= 18;

    *n = 0;
    for (size_t i = 0; i < v->len && good; i++) {
        good = v->p[i] >= '0' && v->p[i] <= '9';
        *n = *n * 10 + (uint64_t)(v->p[i] - '0');
    }
    return good ? 0
                : err_set(e, ERR_INPUT,
                          "'id' is no row number, and rows of this index have no "
                          "other ids");
}

static int take_name(struct reading *r, const struct jsonl_span *v, struct err *e)
{
    if (v->type != JSONL_STRING)
        return err_set(e, ERR_INPUT, "'id' is no string, and rows of this index have such ids");
    r->id.len = 0;
    return jsonl_decode(v, &r->id, e);
}

static int add(struct reading *r, const struct said *s, struct err *e)
{
    uint64_t row = ann_update_next(r->u);

    if (r->of.ids && take_name(r, &s->id, e) < 0)
        return e->code;
    if (!r->of.ids && s->id.type != JSONL_NULL && take_number(&s->id, &row, e) < 0)
        return e->code;
    if (row != ann_update_next(r->u))
        return err_set(e, ERR_INPUT, "the next row added is number %llu, not %llu",
                       (unsigned long long)ann_update_next(r->u), (unsigned long long)row);
    if (take_vector(r, &s->vector, e) < 0)
        return e->code;
    if (s->attrs.type != JSONL_NULL && ann_update_attrs(r->u, s->attrs.p, s->attrs.len, e) < 0)
        return e->code;
    return ann_update_add(r->u, r->of.ids ? r->id.p : NULL, r->id.len, r->x, e);
}

static int delete (struct reading *r, const struct said *s, struct err *e)
{
    uint64_t row;

    if (r->of.ids)
        return take_name(r, &s->id, e) < 0 ? e->code
                                           : ann_update_delete(r->u, r->id.p, r->id.len, e);
    return take_number(&s->id, &row, e) < 0 ? e->code : ann_update_delete_row(r->u, row, e);
}

static int one_line(struct reading *r, const char *line, size_t len, struct err *e)
{
    struct said s;

    if (take_members(&s, line, len, e) < 0)
        return e->code;
    if (jsonl_equals(&s.op, "grant", 5) || jsonl_equals(&s.op, "revoke", 6) ||
        s.tenant.type != JSONL_NULL)
        return err_set(e, ERR_USAGE, "this index has no tenants, to whom rows could belong");
    if (jsonl_equals(&s.op, "add", 3))
        return add(r, &s, e);
    if (jsonl_equals(&s.op, "delete", 6))
        return delete (r, &s, e);
    return err_set(e, ERR_INPUT, "'op' is not add, delete, grant or revoke");
}

static bool says_nothing(const char *line, size_t len)
{
    while (len > 0 && is_blank(line[len - 1]))
        len--;
    return len == 0;
}

static int reading_init(struct reading *r, struct ann_update *u, struct err *e)
{
    *r = (struct reading){.u = u};
    ann_info(ann_update_index(u), &r->of);
    r->x = mem_array(r->of.dim, sizeof *r->x, e);
    return r->x && buf_reserve(&r->id, 1, e) == 0 ? 0 : e->code;
}

static void reading_free(struct reading *r)
{
    buf_free(&r->id);
    free(r->x);
}

static int read_lines(struct reading *r, struct lines *l, bool skip_bad, uint64_t *skipped,
                      struct err *e)
{
    const char *line;
    size_t len;
    int rc;

    while ((rc = lines_next(l, &line, &len, e)) > 0) {
        rc = says_nothing(line, len) ? 0 : one_line(r, line, len, e);
        if (rc == ERR_INPUT && skip_bad)
            ++*skipped;
        else if (rc < 0)
            return err_prefix(e, "%s:%llu", stream_name(lines_stream(l)),
                              (unsigned long long)lines_number(l));
    }
    return rc;
}

int ann_update_read(struct ann_update *u, const char *path, bool skip_bad, uint64_t *skipped,
                    struct err *e)
{
    struct lines *l = NULL;
    struct reading r;
    int rc = reading_init(&r, u, e);

    *skipped = 0;
    if (rc == 0)
        rc = lines_open(&l, path, '\n', LINE_MAX_BYTES, e);
    if (rc == 0)
        rc = read_lines(&r, l, skip_bad, skipped, e);
    lines_close(l);
    reading_free(&r);
    return rc;
}

/* ---- a file of vectors ---- */

static int check_file(const struct ann_info *of, const struct vec_rows *rows, const char *path,
                      const char *ids, struct err *e)
{
    if (rows->rows > 0 && rows->dim != of->dim)
        return err_set(e, ERR_INPUT, "%s has %u components a vector, the index %u", path, rows->dim,
                       of->dim);
    if (of->ids && !ids)
        return err_set(e, ERR_USAGE, "rows of this index have ids: those of '%s' need some, too",
                       path);
    if (!of->ids && ids)
        return err_set(e, ERR_USAGE,
                       "rows of this index have numbers: no ids can be given to them");
    return 0;
}

static int add_rows(struct reading *r, const struct vec_rows *rows, const struct ann_ids *ids,
                    const char *path, struct err *e)
{
    for (uint64_t i = 0; i < rows->rows; i++) {
        struct id id = ids ? ids_made(ids, i) : (struct id){0};

        vec_to_f32(rows->type, vec_row(rows, i), rows->dim, r->x);
        if (ann_update_add(r->u, id.p, id.len, r->x, e) < 0)
            return err_prefix(e, "%s: row %llu", path, (unsigned long long)i);
    }
    return 0;
}

int ann_update_add_file(struct ann_update *u, const char *path, const struct vec_read_opts *how,
                        const char *ids, const char *attrs, const char *only, struct err *e)
{
    struct ann_ids *names = NULL;
    struct ann_attrs *told = NULL;
    struct vec_base b = {0};
    struct reading r;
    int rc = reading_init(&r, u, e);

    if (rc == 0)
        rc = vec_base_load(&b, path, how, e);
    if (rc == 0)
        rc = check_file(&r.of, &b.rows, path, ids, e);
    if (rc == 0 && ids)
        rc = ann_ids_load(&names, ids, b.rows.rows, e);
    if (rc == 0)
        rc = add_rows(&r, &b.rows, names, path, e);
    if (rc == 0 && attrs)
        rc = ann_attrs_load(&told, attrs, only, b.rows.rows, CPU_PORTABLE, e);
    if (rc == 0 && attrs && (rc = ann_update_attrs_last(u, told, e)) < 0)
        err_prefix(e, "%s", attrs);
    ann_attrs_free(told);
    ann_ids_free(names);
    vec_base_free(&b);
    reading_free(&r);
    return rc;
}
