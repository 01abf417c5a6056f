/* grants_read.c - a file of who may see what: a line a row's number, or its id where rows have ids,
 * a tab and a tenant; or JSON Lines, which the first byte '{' tells:
 *
 *   {"id":17,"tenant":"a"}      {"id":"x","tenant":["a","b"]}
 */
#include <stdlib.h>
#include <string.h>

#include "ann/grants.h"
#include "base/stream.h"

enum { DIGITS_MAX = 18 };

bool grants_row(const char *p, size_t len, uint64_t *row)
{
    bool good = len > 0 && len <= DIGITS_MAX;

    *row = 0;
    for (size_t i = 0; i < len && good; i++) {
        good = p[i] >= '0' && p[i] <= '9';
        *row = *row * 10 + (uint64_t)(p[i] - '0');
    }
    return good;
}

static int one_name(const struct jsonl_span *v, struct buf *room, grants_each *each, void *ctx,
                    struct err *e)
{
    room->len = 0;
    if (buf_reserve(room, 1, e) < 0 || jsonl_decode(v, room, e) < 0)
        return e->code;
    return each(ctx, (struct id){room->p, room->len}, e);
}

/* The array is one that jsonl.h has looked at: it is well formed, and ends in ']'. */
static int each_in_array(const struct jsonl_span *v, struct buf *room, grants_each *each, void *ctx,
                         struct err *e)
{
    const char *p = v->p + 1;

    for (;; p++) {
        struct jsonl_span name = {.type = JSONL_STRING};

        if (*p == ']')
            return 0;
        if (*p == ',' || *p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')
            continue;
        if (*p != '"')
            return err_set(e, ERR_INPUT, "'tenant' holds what is no string");
        for (name.p = ++p; *p != '"'; p++)
            if (*p == '\\') {
                name.escaped = true;
                p++;
            }
        name.len = (size_t)(p - name.p);
        if (one_name(&name, room, each, ctx, e) < 0)
            return e->code;
    }
}

int grants_names(const struct jsonl_span *v, struct buf *room, grants_each *each, void *ctx,
                 struct err *e)
{
    if (v->type == JSONL_STRING)
        return one_name(v, room, each, ctx, e);
    if (v->type == JSONL_ARRAY)
        return each_in_array(v, room, each, ctx, e);
    return err_set(e, ERR_INPUT, "'tenant' is no string, and no array of strings");
}

/* ---- a file ---- */

struct reading {
    struct ann_grants *g;
    uint64_t rows, row; /* row: of this line */
    const struct ann_ids *ids;
    struct buf id, name;
};

static int find_row(struct reading *r, struct id id, struct err *e)
{
    if (r->ids) {
        r->row = ids_find_made(r->ids, id);
        if (r->row == IDS_NO_ROW)
            return err_set(e, ERR_INPUT, "there is no row of the id '%.*s'", (int)id.len, id.p);
        return 0;
    }
    if (!grants_row(id.p, id.len, &r->row))
        return err_set(e, ERR_INPUT, "'%.*s' is no row number, and rows have no other ids",
                       (int)id.len, id.p);
    if (r->row >= r->rows)
        return err_set(e, ERR_INPUT, "there is no row %llu", (unsigned long long)r->row);
    return 0;
}

static int take_name(void *ctx, struct id name, struct err *e)
{
    struct reading *r = ctx;
    uint32_t tenant;

    return grants_tenant(r->g, name, &tenant, e) < 0 ? e->code
                                                     : grants_add(r->g, tenant, r->row, e);
}

static int take_text(struct reading *r, const char *line, size_t len, struct err *e)
{
    const char *tab = memchr(line, '\t', len);
    size_t behind = tab ? len - (size_t)(tab + 1 - line) : 0;

    if (!tab || memchr(tab + 1, '\t', behind))
        return err_set(e, ERR_INPUT, "there is not one tab, between a row and its tenant");
    if (find_row(r, (struct id){line, (size_t)(tab - line)}, e) < 0)
        return e->code;
    return take_name(r, (struct id){tab + 1, behind}, e);
}

static int take_json(struct reading *r, const char *line, size_t len, struct err *e)
{
    struct jsonl_span id = {0}, tenant = {0};
    struct jsonl j;
    struct jsonl_member m;
    int rc;

    jsonl_begin(&j, line, len);
    while ((rc = jsonl_next(&j, &m, e)) > 0) {
        if (jsonl_equals(&m.key, "id", 2))
            id = m.value;
        if (jsonl_equals(&m.key, "tenant", 6))
            tenant = m.value;
    }
    if (rc < 0)
        return rc;
    if (id.type != (r->ids ? JSONL_STRING : JSONL_NUMBER))
        return err_set(e, ERR_INPUT, "'id' is no %s",
                       r->ids ? "string, and rows have such ids" : "row number");
    r->id.len = 0;
    if (buf_reserve(&r->id, 1, e) < 0 || jsonl_decode(&id, &r->id, e) < 0 ||
        find_row(r, (struct id){r->id.p, r->id.len}, e) < 0)
        return e->code;
    return grants_names(&tenant, &r->name, take_name, r, e);
}

static int take_lines(struct reading *r, struct lines *l, struct err *e)
{
    const char *line;
    bool json = false;
    size_t len;
    int rc;

    while ((rc = lines_next_text(l, &line, &len, e)) > 0) {
        if (lines_number(l) == 1)
            json = len > 0 && line[0] == '{';
        if (len == 0)
            continue;
        rc = json ? take_json(r, line, len, e) : take_text(r, line, len, e);
        if (rc < 0)
            return err_prefix(e, "%s:%llu", stream_name(lines_stream(l)),
                              (unsigned long long)lines_number(l));
    }
    return rc;
}

int ann_grants_load(struct ann_grants **out, const char *path, uint64_t rows,
                    const struct ann_ids *ids, struct err *e)
{
    struct ann_grants *g = mem_zero(1, sizeof *g, e);
    struct reading r = {.g = g, .rows = rows, .ids = ids};
    struct lines *l = NULL;
    int rc = g ? lines_open(&l, path, '\n', 0, e) : e->code;

    *out = NULL;
    if (rc == 0)
        rc = take_lines(&r, l, e);
    if (rc == 0)
        rc = grants_settle(g, e);
    lines_close(l);
    buf_free(&r.id);
    buf_free(&r.name);
    if (rc == 0)
        *out = g;
    else
        ann_grants_free(g);
    return rc;
}
