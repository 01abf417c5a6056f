/* choice.c - see choice.h. */
#include "ann/choice.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/stream.h"

struct ann_choice {
    const struct ann *a;
    struct ann_choice_opts o;
    struct ann_predicates *predicates; /* NULL: all rows may be found */
    struct ann_predicate_file *file;
    const struct ann_predicate *text; /* [taken], of the file */
    struct ann_allowed one, *each;
    struct lines *tenants;
    uint32_t *tenant; /* [1], or of a file [most]; NULL: there are none */
    uint64_t before, taken, given, strangers;
    bool told; /* of the one predicate */
};

/* ---- tenants ---- */

/* A tenant that is none sees nothing: its queries find no row. */
static uint32_t tenant_of(struct ann_choice *c, const char *name, size_t len)
{
    uint32_t t = ann_tenant(c->a, name, len);

    if (t == ANN_NO_TENANT && c->strangers++ == 0 && c->o.stranger)
        c->o.stranger(c->o.ctx, name, len);
    return t;
}

static int take_tenants(struct ann_choice *c, uint64_t n, struct err *e)
{
    const char *line;
    size_t len;
    int rc = 1;

    for (uint64_t i = 0; i < n && rc > 0; i++) {
        rc = lines_next_text(c->tenants, &line, &len, e);
        if (rc > 0)
            c->tenant[i] = tenant_of(c, line, len);
    }
    if (rc == 0)
        return err_set(e, ERR_INPUT, "%s: it ends after line %llu, and there are more queries",
                       stream_name(lines_stream(c->tenants)),
                       (unsigned long long)lines_number(c->tenants));
    return rc < 0 ? rc : 0;
}

static int end_tenants(struct ann_choice *c, struct err *e)
{
    const char *line;
    size_t len;
    int rc = lines_next_text(c->tenants, &line, &len, e);

    if (rc > 0)
        return err_set(e, ERR_INPUT, "%s:%llu: a tenant more than the %llu queries",
                       stream_name(lines_stream(c->tenants)),
                       (unsigned long long)lines_number(c->tenants),
                       (unsigned long long)(c->before + c->taken));
    return rc;
}

static int open_tenants(struct ann_choice *c, struct err *e)
{
    if (!c->o.tenant && !c->o.tenants)
        return 0;
    if (!(c->tenant = mem_array(c->o.tenants ? c->o.most : 1, sizeof *c->tenant, e)))
        return e->code;
    if (c->o.tenants)
        return lines_open(&c->tenants, c->o.tenants, '\n', 0, e);
    c->tenant[0] = tenant_of(c, c->o.tenant, strlen(c->o.tenant));
    return 0;
}

/* ---- predicates ---- */

static int open_predicates(struct ann_choice *c, struct err *e)
{
    const struct ann_predicate text = {c->o.where, c->o.where ? strlen(c->o.where) : 0};
    uint64_t done;

    if (!c->o.where && !c->o.where_file)
        return 0;
    if (ann_predicates_new(&c->predicates, c->a, c->o.where ? 1 : 0, c->o.threads, e) < 0)
        return e->code;
    if (c->o.where)
        return ann_predicates_rows(c->predicates, &text, 1, &c->one, &done, e) < 0
                   ? err_prefix(e, "%s", c->o.where_name)
                   : 0;
    if (!(c->each = mem_array(c->o.most, sizeof *c->each, e)))
        return e->code;
    return ann_predicate_file_open(&c->file, c->o.where_file, e);
}

static int take_predicates(struct ann_choice *c, uint64_t n, struct err *e)
{
    int64_t got = ann_predicate_file_read(c->file, n, &c->text, e);

    if (got < 0)
        return (int)got;
    if ((uint64_t)got < n)
        return err_set(e, ERR_USAGE, "%s has %llu predicates, and there are more queries",
                       stream_name_of(c->o.where_file),
                       (unsigned long long)(c->before + (uint64_t)got));
    return 0;
}

static int end_predicates(struct ann_choice *c, struct err *e)
{
    int64_t got = ann_predicate_file_read(c->file, 1, &c->text, e);

    if (got > 0)
        return err_set(e, ERR_USAGE, "%s has more predicates than the %llu queries",
                       stream_name_of(c->o.where_file), (unsigned long long)(c->before + c->taken));
    return (int)got;
}

/* The rows of the predicates of queries from c->given on, of *done of them. */
static int next_rows(struct ann_choice *c, uint64_t *done, struct err *e)
{
    if (ann_predicates_rows(c->predicates, c->text + c->given, *done, c->each, done, e) < 0)
        return err_prefix(e, "%s:%llu", stream_name_of(c->o.where_file),
                          (unsigned long long)(c->before + c->given + *done + 1));
    return 0;
}

/* ---- */

int ann_choice_open(struct ann_choice **out, const struct ann *a, const struct ann_choice_opts *o,
                    struct err *e)
{
    struct ann_choice *c = *out = mem_zero(1, sizeof *c, e);

    if (!c)
        return e->code;
    c->a = a;
    c->o = *o;
    if (open_tenants(c, e) == 0 && open_predicates(c, e) == 0)
        return 0;
    ann_choice_close(c);
    *out = NULL;
    return e->code;
}

void ann_choice_close(struct ann_choice *c)
{
    if (!c)
        return;
    ann_predicate_file_close(c->file);
    ann_predicates_free(c->predicates);
    lines_close(c->tenants);
    free(c->each);
    free(c->tenant);
    free(c);
}

int ann_choice_take(struct ann_choice *c, uint64_t n, struct err *e)
{
    c->before += c->taken;
    c->taken = n;
    c->given = 0;
    if (c->tenants && take_tenants(c, n, e) < 0)
        return e->code;
    return c->file ? take_predicates(c, n, e) : 0;
}

static void explain(const struct ann_choice *c, const struct ann_search_opts *s, uint64_t query,
                    uint64_t at, const struct ann_allowed *m)
{
    struct ann_search_opts own = *s;
    struct ann_explained x;

    if (s->tenant && s->tenant_each)
        own.tenant += at;
    ann_explain(c->a, &own, m->count, &x);
    c->o.explained(c->o.ctx, query, &x);
}

/* A predicate for all is told of once, but for tenants a query, who differ. */
static void explain_all(struct ann_choice *c, const struct ann_search_opts *s, uint64_t n)
{
    bool same = !c->file && !c->tenants;

    if (!c->o.explained || !c->predicates || (same && c->told))
        return;
    c->told = true;
    for (uint64_t i = 0; i < (same ? 1 : n); i++)
        explain(c, s, same ? ANN_ALL_QUERIES : c->before + c->given + i, i,
                c->file ? &c->each[i] : &c->one);
}

int ann_choice_next(struct ann_choice *c, struct ann_search_opts *s, uint64_t *done, struct err *e)
{
    *done = c->taken - c->given;
    if (c->file && next_rows(c, done, e) < 0)
        return e->code;
    s->allowed = c->file ? c->each : c->predicates ? &c->one : NULL;
    s->allowed_each = c->file != NULL;
    s->tenant = c->tenants ? c->tenant + c->given : c->tenant;
    s->tenant_each = c->tenants != NULL;
    explain_all(c, s, *done);
    c->given += *done;
    return 0;
}

int ann_choice_end(struct ann_choice *c, struct err *e)
{
    if (c->file && end_predicates(c, e) < 0)
        return e->code;
    return c->tenants ? end_tenants(c, e) : 0;
}

struct ann_choice_stats ann_choice_stats(const struct ann_choice *c)
{
    struct ann_choice_stats s = {.predicates = c->predicates != NULL, .strangers = c->strangers};

    if (c->predicates)
        ann_predicates_stats(c->predicates, &s.evaluated, &s.seconds);
    return s;
}
