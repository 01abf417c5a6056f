/* index.c - an index is opened, looked at and checked. */
#include <math.h>
#include <stdlib.h>

#include "ann/kind.h"
#include "base/mem.h"

static int find_kind(struct ann *a, struct err *e)
{
    for (size_t i = 0; i < ANN_KIND_COUNT; i++)
        if (memcmp(ann_kinds[i]->id, a->meta.kind, sizeof a->meta.kind) == 0)
            a->kind = ann_kinds[i];
    if (!a->kind)
        return sect_bad(a->file, "META", "it is of no kind that this version knows", e);
    return sect_known(a->file, a->kind->sections, e);
}

static int open_vectors(struct ann *a, struct err *e)
{
    const void *p;

    a->vector_bytes = a->vector_stride = a->form.dim * vec_type_size(a->form.type);
    if (a->meta.vectors == 0)
        return 0;
    if (sect_need(a->file, "VECS", a->rows, a->vector_bytes, &p, e) < 0)
        return e->code;
    a->vectors = p;
    return 0;
}

/* Bits of the last word that no row has are 0. */
static int open_dead(struct ann *a, struct err *e)
{
    uint64_t words = (a->rows + 63) / 64, len;
    const void *dead;

    a->live = a->rows;
    if (!sect_get(a->file, "DEAD", &len))
        return 0;
    if (sect_need(a->file, "DEAD", words, sizeof *a->dead, &dead, e) < 0)
        return e->code;
    a->dead = dead;
    if (a->rows % 64 && a->dead[words - 1] >> a->rows % 64)
        return sect_bad(a->file, "DEAD", "there are more bits than rows", e);
    for (uint64_t i = 0; i < words; i++)
        a->live -= (uint64_t)__builtin_popcountll(a->dead[i]);
    return 0;
}

static int open_parts(struct ann *a, enum cpu_level cpu, struct err *e)
{
    const void *meta;

    if (sect_need(a->file, "META", 1, sizeof a->meta, &meta, e) < 0 ||
        sect_verify(a->file, "META", e) < 0)
        return e->code;
    memcpy(&a->meta, meta, sizeof a->meta);
    if (find_kind(a, e) < 0)
        return e->code;
    if (a->meta.rows > VEC_ROWS_MAX || a->meta.vectors > 1)
        return sect_bad(a->file, "META", "its numbers contradict each other", e);
    a->rows = a->meta.rows;
    a->cpu = cpu;
    a->ops = cells_ops_for(cpu);
    if (form_load(&a->form, &a->meta.form, a->file, cpu, e) < 0 || open_vectors(a, e) < 0 ||
        open_dead(a, e) < 0 || ids_open(&a->ids, a->file, "ID", a->rows, a->live, e) < 0 ||
        attrs_open(&a->attrs, a->file, a->rows, cpu, e) < 0)
        return e->code;
    return a->kind->open(a, e);
}

static int finish(struct ann **out, struct ann *a, int rc, enum cpu_level cpu, struct err *e)
{
    if (rc == 0)
        rc = open_parts(a, cpu, e);
    if (rc < 0) {
        ann_close(a);
        return rc;
    }
    *out = a;
    return 0;
}

int ann_open(struct ann **out, const char *path, enum cpu_level cpu, struct err *e)
{
    struct ann *a = mem_zero(1, sizeof *a, e);
    int rc = a ? sect_open(&a->file, path, "ann ", 1, e) : e->code;

    if (!a)
        return rc;
    if (rc == 0)
        sect_random(a->file);
    return finish(out, a, rc, cpu, e);
}

int ann_load(struct ann **out, const char *path, enum cpu_level cpu, int threads, struct err *e)
{
    struct ann *a = mem_zero(1, sizeof *a, e);

    if (!a)
        return e->code;
    return finish(out, a, sect_load(&a->file, path, "ann ", 1, threads, e), cpu, e);
}

void ann_close(struct ann *a)
{
    if (!a)
        return;
    if (a->kind)
        a->kind->close(a->state);
    form_free(&a->form);
    attrs_close(&a->attrs);
    sect_close(a->file);
    free(a);
}

uint32_t ann_slack_effort(const struct ann *a, uint32_t k)
{
    uint64_t most = (uint64_t)a->kind->slack_effort_k * k;

    most = most > a->kind->slack_effort ? most : a->kind->slack_effort;
    return most < ANN_EFFORT_MOST ? (uint32_t)most : ANN_EFFORT_MOST;
}

void ann_info(const struct ann *a, struct ann_info *i)
{
    const struct ann_meta *m = &a->meta;

    *i = (struct ann_info){.kind = a->kind->name,
                           .effort = a->kind->effort,
                           .slack = a->kind->slack_effort > 0,
                           .rerank = a->kind->rerank,
                           .parts = a->kind->parts,
                           .effort_default = a->kind->effort_default,
                           .effort_most = a->kind->effort_most,
                           .has_links = a->kind->links != NULL,
                           .has_lists = a->kind->lists != NULL,
                           .has_tenants = a->kind->tenants != NULL,
                           .rows = a->rows,
                           .live = a->live,
                           .bytes = sect_size(a->file),
                           .dim = a->form.dim,
                           .type = a->form.type,
                           .metric = a->form.metric,
                           .vectors = a->vectors != NULL,
                           .ids = a->ids.text != NULL,
                           .columns = a->attrs.n,
                           .code_bytes = (uint32_t)form_stride(&a->form),
                           .link_bytes = m->degree * m->width,
                           .degree = m->degree,
                           .beam = m->beam,
                           .entries = m->entries,
                           .alpha = m->alpha};
    form_spec(&a->form, i->codec);
    if (a->kind->info)
        a->kind->info(a, i);
}

const char *ann_id(const struct ann *a, uint64_t row, size_t *len)
{
    struct id id = ids_of(&a->ids, row);

    *len = id.len;
    return id.p;
}

bool ann_deleted(const struct ann *a, uint64_t row)
{
    return ann_is_dead(a->dead, row);
}

struct ann_column ann_column(const struct ann *a, uint32_t i)
{
    const struct attrs_column *c = &a->attrs.column[i];

    return (struct ann_column){.name = c->name,
                               .type = attr_type_name(c->type),
                               .distinct = c->distinct,
                               .nulls = c->nulls,
                               .bytes = c->bytes};
}

bool ann_section(const struct ann *a, size_t i, struct ann_section *s)
{
    struct sect_row row;

    if (i >= sect_count(a->file))
        return false;
    row = sect_row(a->file, i);
    memcpy(s->id, row.id, sizeof s->id);
    s->offset = row.offset;
    s->len = row.len;
    return true;
}

int ann_links(const struct ann *a, struct ann_links *l, struct err *e)
{
    return a->kind->links(a, l, e);
}

void ann_lists(const struct ann *a, struct ann_lists *l)
{
    a->kind->lists(a, l);
}

void ann_tenants(const struct ann *a, struct ann_tenants *t)
{
    a->kind->tenants(a, t);
}

uint32_t ann_tenant(const struct ann *a, const char *name, size_t len)
{
    return a->kind->tenant ? a->kind->tenant(a, (struct id){name, len}) : ANN_NO_TENANT;
}

int ann_check(const struct ann *a, struct err *e)
{
    const struct ann_setting *s;
    size_t n;

    if (sect_check(a->file, e) < 0 || ann_settings(a, &s, &n, e) < 0 ||
        ids_check(&a->ids, a->file, a->dead, e) < 0 || attrs_check(&a->attrs, a->file, e) < 0)
        return e->code;
    return a->kind->check(a, e);
}

void ann_lists_of(struct ann_lists *l, const uint32_t *size, uint32_t n)
{
    double squares = 0, rows = 0;

    *l = (struct ann_lists){.least = UINT64_MAX};
    for (uint32_t i = 0; i < n; i++) {
        squares += (double)size[i] * (double)size[i];
        rows += (double)size[i];
        l->least = size[i] < l->least ? size[i] : l->least;
        l->most = size[i] > l->most ? size[i] : l->most;
        l->none += size[i] == 0;
    }
    l->least = n ? l->least : 0;
    l->mean = n ? rows / n : 0;
    l->imbalance = rows > 0 ? squares * n / (rows * rows) : 1;
}
