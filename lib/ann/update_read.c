/* update_read.c - changes of an index from JSON Lines, and rows to add from a file of vectors.
 *
 *   {"op":"add","id":"a","vector":[1,2.5,3],"attrs":{"year":2020,"tags":["x"]}}
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
#include "vec/decimal.h"
#include "vec/file.h"

/* What a line says; type JSONL_NULL: nothing. */
struct said {
    struct jsonl_span op, id, vector, attrs, tenant;
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

static int look_at_right(void *ctx, struct id tenant, struct err *e)
{
    struct right *to = ctx;

    return to->revoke ? ann_update_may_revoke(to->u, to->row, tenant.p, tenant.len, e)
                      : grants_good(tenant, e);
}

/* Can it be done for all of them? Nothing is done yet. */
static int look_at_tenants(struct reading *r, const struct said *s, uint64_t row, bool revoke,
                           struct err *e)
{
    struct right to = {r->u, row, revoke};

    return grants_names(&s->tenant, &r->tenant, look_at_right, &to, e);
}

static int change_right(void *ctx, struct id tenant, struct err *e)
{
    struct right *to = ctx;
    struct err twice = {0};

    if (!to->revoke)
        return ann_update_grant(to->u, to->row, tenant.p, tenant.len, e);
    if (ann_update_may_revoke(to->u, to->row, tenant.p, tenant.len, &twice) < 0)
        return 0; /* who stands there twice */
    return ann_update_revoke(to->u, to->row, tenant.p, tenant.len, e);
}

/* After look_at_tenants(). */
static int each_tenant(struct reading *r, const struct said *s, uint64_t row, bool revoke,
                       struct err *e)
{
    struct right to = {r->u, row, revoke};

    return grants_names(&s->tenant, &r->tenant, change_right, &to, e);
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
    if (s->attrs.type != JSONL_NULL && s->attrs.type != JSONL_OBJECT)
        return err_set(e, ERR_INPUT, "'attrs' is no object");
    if (take_vector(r, &s->vector, e) < 0 ||
        (s->tenant.type != JSONL_NULL && look_at_tenants(r, s, row, false, e) < 0) ||
        (s->attrs.type != JSONL_NULL && ann_update_attrs(r->u, s->attrs.p, s->attrs.len, e) < 0) ||
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

    if (row_of(r, s, &row, e) < 0 || look_at_tenants(r, s, row, revoke, e) < 0)
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
        rc = jsonl_is_blank(line, len) ? 0 : one_line(r, line, len, e);
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
        rc = lines_open(&l, path, '\n', 0, e);
    if (rc == 0)
        rc = read_lines(&r, l, skip_bad, skipped, e);
    lines_close(l);
    reading_free(&r);
    return rc;
}

/* ---- a file of vectors ---- */

struct adding {
    struct reading r;
    struct vec_reader *v;
    struct lines *ids; /* NULL: rows have none */
    bool skip_bad;
    uint64_t skipped, added;
    struct buf passed; /* words of bits: rows of the file that were not added */
};

/* Rows up to `row` of the file, itself not, are not in the index, but for those that are. */
static int pass_over(struct adding *a, uint64_t row, struct err *e)
{
    static const uint64_t none;

    while (a->passed.len / 8 <= row / 64)
        if (buf_add(&a->passed, &none, 8, e) < 0)
            return e->code;
    for (uint64_t i = a->added + a->skipped; i < row; i++)
        ((uint64_t *)(void *)a->passed.p)[i / 64] |= UINT64_C(1) << i % 64;
    a->skipped = row - a->added;
    return 0;
}

static int check_file(const struct ann_info *of, struct vec_reader *v, const char *ids,
                      struct err *e)
{
    const char *path = vec_reader_name(v);

    if (vec_reader_dim(v) != of->dim && vec_reader_rows(v) != 0)
        return err_set(e, ERR_INPUT, "%s has %u components a vector, the index %u", path,
                       vec_reader_dim(v), of->dim);
    if (of->ids && !ids)
        return err_set(e, ERR_USAGE, "rows of this index have ids: those of '%s' need some, too",
                       path);
    if (!of->ids && ids)
        return err_set(e, ERR_USAGE,
                       "rows of this index have numbers: no ids can be given to them");
    return 0;
}

/* The ids end after `line`: with how many vectors is said when all were read. */
static int too_few_ids(struct adding *a, uint64_t line, struct err *e)
{
    int64_t got;

    while ((got = vec_read_f32(a->v, a->r.x, 1, e)) > 0)
        ;
    return got < 0
               ? (int)got
               : err_set(e, ERR_INPUT, "%s: it ends after line %llu, and there are %llu vectors",
                         stream_name(lines_stream(a->ids)), (unsigned long long)line,
                         (unsigned long long)vec_reader_next(a->v));
}

/* Line `line` of the ids, from 1; what comes before belongs to vectors that were passed over. */
static int find_id(struct adding *a, uint64_t line, const char **id, size_t *len, struct err *e)
{
    while (lines_number(a->ids) < line) {
        uint64_t before = lines_number(a->ids);
        int rc = lines_next_text(a->ids, id, len, e);

        if (rc <= 0)
            return rc < 0 ? rc : too_few_ids(a, before, e);
    }
    return 0;
}

/* All lines of ids were vectors'. */
static int end_ids(struct adding *a, struct err *e)
{
    uint64_t rows = vec_reader_next(a->v);
    const char *id;
    size_t len;
    int rc = find_id(a, rows, &id, &len, e);

    if (rc == 0 && (rc = lines_next_text(a->ids, &id, &len, e)) > 0)
        return err_set(e, ERR_INPUT, "%s:%llu: an id more than the %llu vectors",
                       stream_name(lines_stream(a->ids)), (unsigned long long)lines_number(a->ids),
                       (unsigned long long)rows);
    return rc;
}

static int add_rows(struct adding *a, struct err *e)
{
    int64_t got;

    while ((got = vec_read_f32(a->v, a->r.x, 1, e)) > 0) {
        uint64_t row = vec_reader_next(a->v) - 1;
        const char *id = NULL;
        size_t len = 0;
        int rc = a->ids ? find_id(a, row + 1, &id, &len, e) : 0;

        if (rc < 0 || (rc = pass_over(a, row, e)) < 0)
            return rc;
        rc = ann_update_add(a->r.u, id, len, a->r.x, e);
        if (rc == 0)
            a->added++;
        else if (rc != ERR_INPUT || !a->skip_bad)
            return err_prefix(e, "%s: row %llu", vec_reader_name(a->v), (unsigned long long)row);
    }
    if (got < 0 || pass_over(a, vec_reader_next(a->v), e) < 0)
        return e->code;
    return a->ids ? end_ids(a, e) : 0;
}

static int add_attrs(struct adding *a, const struct ann_add_file *from, struct err *e)
{
    struct ann_attrs *told = NULL;
    int rc = ann_attrs_load(&told, from->attrs, from->only, a->added + a->skipped, CPU_PORTABLE, e);

    if (rc == 0 && (rc = ann_update_attrs_last(a->r.u, told, a->added,
                                               (uint64_t *)(void *)a->passed.p, e)) < 0)
        err_prefix(e, "%s", from->attrs);
    ann_attrs_free(told);
    return rc;
}

int ann_update_add_file(struct ann_update *u, const struct ann_add_file *from, uint64_t *skipped,
                        struct err *e)
{
    struct adding a = {.skip_bad = from->how->skip_bad};
    int rc = reading_init(&a.r, u, e);

    if (rc == 0)
        rc = vec_open(&a.v, from->path, from->how, e);
    if (rc == 0)
        rc = check_file(&a.r.of, a.v, from->ids, e);
    if (rc == 0 && from->ids)
        rc = lines_open(&a.ids, from->ids, '\n', 0, e);
    if (rc == 0)
        rc = add_rows(&a, e);
    if (rc == 0 && from->attrs)
        rc = add_attrs(&a, from, e);
    *skipped = rc == 0 ? a.skipped : 0;
    buf_free(&a.passed);
    lines_close(a.ids);
    vec_close(a.v);
    reading_free(&a.r);
    return rc;
}
