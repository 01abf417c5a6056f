/* build.c - an index is made and written: the form, what the kind makes of it, the vectors. */
#include "ann/kind.h"
#include "base/mem.h"

static bool left_out(const struct ann_maker *m, uint64_t row)
{
    return m->change && m->change->compact && ann_is_dead(m->change->dead, row);
}

const void *ann_vector_at(const struct ann_maker *m, uint64_t i)
{
    uint64_t before = m->change && !m->base_is_all ? m->change->a->rows : 0;

    return i < before ? m->change->a->vectors + i * m->change->a->vector_stride
                      : vec_row(m->base, i - before);
}

static int save_vectors(const struct ann_maker *m, struct sect_writer *w, struct err *e)
{
    size_t bytes = m->base->dim * vec_type_size(m->base->type);
    uint64_t rows = m->order ? m->meta.rows : m->change ? m->change->rows : m->base->rows;

    if (m->meta.vectors == 0)
        return 0;
    if (sect_begin(w, "VECS", SECT_REQUIRED, e) < 0)
        return e->code;
    for (uint64_t i = 0; i < rows; i++)
        if ((m->order || !left_out(m, i)) &&
            sect_add(w, ann_vector_at(m, m->order ? m->order[i] : i), bytes, e) < 0)
            return e->code;
    return sect_end(w, e);
}

/* What only an index that was there may have: deleted rows, and settings that were tuned. */
static int save_rest(const struct ann_change *c, struct sect_writer *w, struct err *e)
{
    uint64_t len;
    const void *tuned = sect_get(c->a->file, "TUNE", &len);

    if (c->live < c->rows && !c->compact &&
        sect_put(w, "DEAD", SECT_REQUIRED, c->dead, (c->rows + 63) / 64 * sizeof *c->dead, e) < 0)
        return e->code;
    for (size_t i = 0; tuned && i < sect_count(c->a->file); i++) {
        struct sect_row row = sect_row(c->a->file, i);

        if (memcmp(row.id, "TUNE", 4) == 0)
            return sect_put(w, "TUNE", row.flags, tuned, len, e);
    }
    return 0;
}

int ann_write(struct sect_writer **w, const char *path, const struct ann_kind *kind,
              const struct ann_maker *m, struct err *e)
{
    int rc = sect_create(w, path, "ann ", 1, 0, e);

    if (rc == 0)
        rc = sect_put(*w, "META", SECT_REQUIRED, &m->meta, sizeof m->meta, e);
    if (rc == 0)
        rc = form_save(&m->form, *w, e);
    if (rc == 0)
        rc = kind->save(m, *w, e);
    if (rc == 0)
        rc = save_vectors(m, *w, e);
    if (rc == 0 && m->ids)
        rc = ids_save(m->ids, "ID", *w, e);
    if (rc == 0 && m->attrs)
        rc = attrs_save(m->attrs, *w, e);
    if (rc == 0 && m->change)
        rc = save_rest(m->change, *w, e);
    if (rc < 0)
        sect_abort(w);
    return rc;
}

static int64_t read_file(void *ctx, void *rows, uint64_t n, struct err *e)
{
    return vec_read(ctx, rows, n, e);
}

int ann_build_stream(const char *path, struct vec_reader *base, const struct ann_build_opts *o,
                     struct ann_build_report *report, struct err *e)
{
    const struct ann_kind *kind = ann_kinds[o->kind];
    struct ann_stream s = {vec_reader_dim(base), vec_reader_type(base), base, read_file};

    *report = (struct ann_build_report){0};
    if (!kind->stream)
        return err_set(e, ERR_USAGE, "an index of kind %s is made of a base in memory", kind->name);
    return kind->stream(path, &s, o, report, e);
}

/* Rows in memory as a stream. */
struct passing {
    const struct vec_rows *base;
    uint64_t at;
};

static int64_t read_rows(void *ctx, void *rows, uint64_t n, struct err *e)
{
    struct passing *p = ctx;
    size_t bytes = p->base->dim * vec_type_size(p->base->type);
    uint64_t i = 0;

    (void)e;
    for (; i < n && p->at < p->base->rows; i++)
        memcpy((unsigned char *)rows + i * bytes, vec_row(p->base, p->at++), bytes);
    return (int64_t)i;
}

int ann_build(const char *path, const struct vec_rows *base, const struct ann_build_opts *o,
              struct ann_build_report *report, struct err *e)
{
    const struct ann_kind *kind = ann_kinds[o->kind];
    struct ann_maker m = {.o = o,
                          .base = base,
                          .ids = o->ids,
                          .attrs = o->attrs ? &o->attrs->attrs : NULL,
                          .grants = o->grants,
                          .ops = cells_ops_for(o->cpu)};
    struct form_opts how = {.spec = o->codec,
                            .vectors = !o->no_vectors,
                            .metric = o->metric,
                            .cpu = o->cpu,
                            .threads = o->threads > 0 ? o->threads : 1};
    struct sect_writer *w = NULL;
    double began = now_s();
    int rc;

    *report = (struct ann_build_report){.rows = base->rows};
    if (kind->stream) {
        struct passing p = {base, 0};
        struct ann_stream in = {base->dim, base->type, &p, read_rows};

        return kind->stream(path, &in, o, report, e);
    }
    if (base->dim == 0)
        return err_set(e, ERR_INPUT, "it holds no vector, and does not say of what dimension");
    if (kind->form_part && kind->form_part(o, base->dim, &how.spec, e) < 0)
        return e->code;
    rc = form_make(&m.form, &how, base, e);
    if (rc < 0)
        return rc;
    m.meta.rows = base->rows;
    memcpy(m.meta.kind, kind->id, sizeof kind->id);
    m.meta.vectors = !o->no_vectors && !form_holds_vectors(&m.form);
    m.meta.form = form_head(&m.form);
    rc = kind->make(&m, e);
    if (rc == 0)
        rc = ann_write(&w, path, kind, &m, e);
    if (rc == 0)
        rc = sect_commit(&w, e);
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
