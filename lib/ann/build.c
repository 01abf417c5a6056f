/* build.c - an index is made and written: the form, what the kind makes of it, the vectors. */
#include "ann/kind.h"
#include "base/mem.h"

static int save_vectors(const struct ann_maker *m, struct sect_writer *w, struct err *e)
{
    size_t bytes = m->base->dim * vec_type_size(m->base->type);

    if (m->meta.vectors == 0)
        return 0;
    if (sect_begin(w, "VECS", SECT_REQUIRED, e) < 0)
        return e->code;
    for (uint64_t i = 0; i < m->base->rows; i++)
        if (sect_add(w, vec_row(m->base, i), bytes, e) < 0)
            return e->code;
    return sect_end(w, e);
}

static int save(const char *path, const struct ann_kind *kind, const struct ann_maker *m,
                struct err *e)
{
    struct sect_writer *w = NULL;
    int rc = sect_create(&w, path, "ann ", 1, 0, e);

    if (rc == 0)
        rc = sect_put(w, "META", SECT_REQUIRED, &m->meta, sizeof m->meta, e);
    if (rc == 0)
        rc = form_save(&m->form, w, e);
    if (rc == 0)
        rc = kind->save(m, w, e);
    if (rc == 0)
        rc = save_vectors(m, w, e);
    if (rc == 0)
        return sect_commit(&w, e);
    sect_abort(&w);
    return rc;
}

int ann_build(const char *path, const struct vec_rows *base, const struct ann_build_opts *o,
              struct ann_build_report *report, struct err *e)
{
    const struct ann_kind *kind = ann_kinds[o->kind];
    struct ann_maker m = {.o = o, .base = base, .ops = cells_ops_for(o->cpu)};
    struct form_opts how = {.spec = o->codec,
                            .vectors = !o->no_vectors,
                            .metric = o->metric,
                            .cpu = o->cpu,
                            .threads = o->threads > 0 ? o->threads : 1};
    double began = now_s();
    int rc;

    *report = (struct ann_build_report){.rows = base->rows};
    if (base->dim == 0)
        return err_set(e, ERR_INPUT, "it holds no vector, and does not say of what dimension");
    rc = form_make(&m.form, &how, base, e);
    if (rc < 0)
        return rc;
    m.meta.rows = base->rows;
    memcpy(m.meta.kind, kind->id, sizeof kind->id);
    m.meta.vectors = !o->no_vectors && !form_holds_vectors(&m.form);
    m.meta.form = form_head(&m.form);
    rc = kind->make(&m, e);
    if (rc == 0)
        rc = save(path, kind, &m, e);
    kind->made_free(m.state);
    form_free(&m.form);
    report->repaired = m.repaired;
    report->seconds = now_s() - began;
    return rc;
}

void ann_plan(struct ann_plan *p, const struct vec_rows *base, const struct ann_build_opts *o)
{
    ann_kinds[o->kind]->plan(p, base, o);
}
