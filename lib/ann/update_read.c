/* update_read.c - changes of an index from JSON Lines, and rows to add from a file of vectors.
 *
 *   {"op":"add","id":"a","vector":[1,2.5,3]}
 *   {"op":"delete","id":"a"}
 *   {"op":"grant","id":"a","tenant":"t"}    {"op":"revoke","id":"a","tenant":["t","u"]}
 *
 * Ids are strings where rows have names, else the row's number, which may be left out of what is
 * added, as it is the next one. Other members are passed over, and of one that stands there twice
 * the first counts. What is added may have a tenant or an array of some, too. A line that asks for
 * them where the index has no tenants is refused, not skipped.
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
    struct jsonl_span op, id, vector, tenant;
};

struct reading {
    struct ann_update *u;
    struct ann_info of;
    struct buf id, tenant;
    float *x; /* [dim] */
};

/* A row and what is to be done for tenants. */
struct right {
    struct ann_update *u;
    uint64_t row;
    bool revoke;
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
    if (v->type == JSONL_NUMBER && grants_row(v->p, v->len, n))
        return 0;
    return err_set(e, ERR_INPUT, "'id' is no row number, and rows of this index have no other ids");
}

static int take_name(struct reading *r, const struct jsonl_span *v, struct err *e)
{
    if (v->type != JSONL_STRING)
        return err_set(e, ERR_INPUT, "'id' is no string, and rows of this index have such ids");
    r->id.len = 0;
    return jsonl_decode(v, &r->id, e);
}

/* ---- tenants ---- */

static int change_right(void *ctx, struct id tenant, struct err *e)
{
    struct right *to = ctx;

    return to->revoke ? ann_update_revoke(to->u, to->row, tenant.p, tenant.len, e)
                      : ann_update_grant(to->u, to->row, tenant.p, tenant.len, e);
}

static int each_tenant(struct reading *r, const struct said *s, uint64_t row, bool revoke,
                       struct err *e)
{
    struct right to = {r->u, row, revoke};

    return grants_names(&s->tenant, &r->tenant, change_right, &to, e);
}

static int look_at_name(void *ctx, struct id tenant, struct err *e)
{
    (void)ctx;
    return grants_good(tenant, e);
}

/* Are they names? Nothing is done yet. */
static int look_at_tenants(struct reading *r, const struct said *s, struct err *e)
{
    return grants_names(&s->tenant, &r->tenant, look_at_name, NULL, e);
}

/* ---- lines ---- */

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
    if (take_vector(r, &s->vector, e) < 0 ||
        (s->tenant.type != JSONL_NULL && look_at_tenants(r, s, e) < 0) ||
        ann_update_add(r->u, r->of.ids ? r->id.p : NULL, r->id.len, r->x, e) < 0)
        return e->code;
    return s->tenant.type == JSONL_NULL ? 0 : each_tenant(r, s, row, false, e);
}

static int delete (struct reading *r, const struct said *s, struct err *e)
{
    uint64_t row;

    if (r->of.ids)
        return take_name(r, &s->id, e) < 0 ? e->code
                                           : ann_update_delete(r->u, r->id.p, r->id.len, e);
    return take_number(&s->id, &row, e) < 0 ? e->code : ann_update_delete_row(r->u, row, e);
}

static int row_of(struct reading *r, const struct said *s, uint64_t *row, struct err *e)
{
    if (!r->of.ids)
        return take_number(&s->id, row, e);
    if (take_name(r, &s->id, e) < 0)
        return e->code;
    *row = ann_update_find(r->u, r->id.p, r->id.len);
    if (*row == IDS_NO_ROW)
        return err_set(e, ERR_INPUT, "there is no row of the id '%.*s'", (int)r->id.len, r->id.p);
    return 0;
}

static int right(struct reading *r, const struct said *s, bool revoke, struct err *e)
{
    uint64_t row;

    if (row_of(r, s, &row, e) < 0 || look_at_tenants(r, s, e) < 0)
        return e->code;
    return each_tenant(r, s, row, revoke, e);
}

static int one_line(struct reading *r, const char *line, size_t len, struct err *e)
{
    struct said s;
    bool grant, revoke;

    if (take_members(&s, line, len, e) < 0)
        return e->code;
    grant = jsonl_equals(&s.op, "grant", 5);
    revoke = jsonl_equals(&s.op, "revoke", 6);
    if (!r->of.has_tenants && (grant || revoke || s.tenant.type != JSONL_NULL))
        return err_set(e, ERR_USAGE, "this index has no tenants, to whom rows could belong");
    if (jsonl_equals(&s.op, "add", 3))
        return add(r, &s, e);
    if (jsonl_equals(&s.op, "delete", 6))
        return delete (r, &s, e);
    if (grant || revoke)
        return right(r, &s, revoke, e);
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
    buf_free(&r->tenant);
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
                        const char *ids, struct err *e)
{
    struct ann_ids *names = NULL;
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
    ann_ids_free(names);
    vec_base_free(&b);
    reading_free(&r);
    return rc;
}
