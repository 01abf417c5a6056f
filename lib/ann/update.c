/* update.c - rows are deleted from an index and added to it, in memory; then a new index is
 * written.
 *
 * A change is looked at when it is told: whatever is wrong with it is found there, by who knows its
 * line. Nothing is done to the codes and links before all are known. What was read is checked
 * first, so that no damage gets a right checksum.
 *
 * Added vectors get the codes that the index has: its mean, directions and step. Where the index
 * holds vectors, all rows are coded anew by a form made for those that there are now, when that is
 * called for: more rows came than stayed, or the steps suit no longer, or an inner product met a
 * vector longer than all, to which all are evened (form.h). Without vectors what lies beyond the
 * steps is clamped, and a longer vector refused. Lists have codes of their own (ivf_update.c).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ann/kind.h"
#include "base/mem.h"
#include "base/num.h"
#include "vec/ops.h"

enum {
    SAMPLE = 16384,    /* live rows by which a form is looked at */
    LOOK_EVERY = 1024, /* added rows: is there still room? */
    ID_BYTES = 28,     /* of a row's id beside its text, while ids are sorted */
    ATTRS_TIMES = 4,   /* what attributes take in the file, while they are made anew */
    GRANT_BYTES = 24,  /* of a right: as it was, as it comes, sorted, in a list */
};

struct ann_update {
    struct ann *a;
    enum cpu_level cpu;
    uint64_t rows, deleted; /* rows: of the index and added */
    uint64_t *dead;         /* bits, of all of them */
    size_t dead_cap;
    struct buf vectors;   /* added, in the index's type */
    struct ann_ids added; /* their ids */
    struct ids_table table;
    float *x;                  /* [dim] */
    struct attrs_maker *attrs; /* of the added; NULL: the index has none */
    bool told;                 /* those of the row that is added next */
    bool uneven;               /* ip: lengths that the form was not made for */
    struct ann_grants was;     /* of a kind with tenants: who may see what, before `changes`, */
    struct grants_changes changes;
    uint64_t granted, revoked; /* and how many these are */
    uint64_t most;             /* bytes that all may take, 0: no bound */
    int threads;
};

/* ---- memory ---- */

/* What the kind makes: as a build of all rows does, and where these stand in an order of its own,
 * a copy of the vectors. */
static uint64_t kind_bytes(const struct ann_update *u)
{
    const struct ann *a = u->a;
    const struct vec_rows all = {NULL, u->rows, a->form.dim, a->form.type, a->vector_bytes};
    struct ann_build_opts o = {.metric = a->form.metric,
                               .no_vectors = !a->vectors,
                               .grants = &u->was,
                               .threads = u->threads};
    struct ann_plan plan;
    struct ann_info i;
    uint64_t bytes;

    ann_info(a, &i);
    o.codec = i.codec;
    o.lists = i.lists;
    if (i.has_links) {
        o.degree = a->meta.degree;
        o.beam = a->meta.beam;
    }
    a->kind->plan(&plan, &all, &o);
    bytes = plan.memory_bytes + u->rows * 5; /* bits and marks of rows, and new numbers */
    if (a->kind->rows_at)
        bytes += u->rows * (16 + (a->vectors ? a->vector_bytes : 0));
    return bytes;
}

static uint64_t attrs_bytes(const struct ann_update *u)
{
    uint64_t bytes = 0;

    for (size_t i = 0; u->attrs && i < sect_count(u->a->file); i++) {
        struct sect_row row = sect_row(u->a->file, i);

        if (memcmp(row.id, "ATT", 3) == 0)
            bytes += row.len;
    }
    return u->a->rows ? (uint64_t)((double)bytes * (double)u->rows / (double)u->a->rows) : bytes;
}

/* About what the update takes with what it was told so far, beside the index itself, which is
 * mapped. */
static uint64_t bytes_of(const struct ann_update *u)
{
    const struct ann *a = u->a;
    uint64_t rights = u->was.settled ? u->was.start[u->was.settled] : 0, bytes;

    bytes = kind_bytes(u) + u->vectors.len + SAMPLE * (uint64_t)a->vector_bytes;
    bytes += ATTRS_TIMES * attrs_bytes(u) + GRANT_BYTES * (rights + u->changes.slots);
    if (a->ids.text)
        bytes += a->ids.text_len + 2 * u->added.text.len + ID_BYTES * u->rows +
                 sizeof *u->table.slot * u->table.slots + 8 * u->added.n;
    return bytes;
}

static int look_at_room(const struct ann_update *u, struct err *e)
{
    uint64_t need = u->most ? bytes_of(u) : 0;
    char text[2][NUM_HUMAN];

    if (need <= u->most)
        return 0;
    return err_set(e, ERR_MEM, "%s: with %llu rows the update needs about %s of memory, not %s",
                   sect_path(u->a->file), (unsigned long long)u->rows,
                   num_human_bytes(need, text[0]), num_human_bytes(u->most, text[1]));
}

int ann_update_bound(struct ann_update *u, uint64_t bytes, int threads, struct err *e)
{
    u->most = bytes;
    u->threads = threads;
    return look_at_room(u, e);
}

/* ---- ids of added rows ---- */

/* The row that has the id and is not deleted, or IDS_NO_ROW. */
static uint64_t find(const struct ann_update *u, struct id id)
{
    uint64_t row = IDS_NO_ROW;

    if (u->table.used && *ids_slot(&u->table, &u->added, id))
        row = u->a->rows + *ids_slot(&u->table, &u->added, id) - 1;
    else if (u->a->ids.live)
        row = ids_find(&u->a->ids, id);
    return row != IDS_NO_ROW && ann_is_dead(u->dead, row) ? IDS_NO_ROW : row;
}

/* ---- one change ---- */

static int not_good(const struct ann_update *u, uint32_t k, float v, struct err *e)
{
    if (!isfinite(v))
        return err_set(e, ERR_INPUT, "component %u is not finite", k);
    return err_set(e, ERR_INPUT, "component %u is %.9g, and the index holds %s", k, (double)v,
                   vec_type_name(u->a->form.type));
}

/* x as the index holds it into u->vectors, behind what is there, and back into u->x. */
static int convert(struct ann_update *u, const float *x, struct err *e)
{
    const struct form *f = &u->a->form;
    bool whole = f->type == VEC_U8 || f->type == VEC_I8;
    void *to;
    size_t n;

    for (uint32_t k = 0; k < f->dim; k++)
        if (!isfinite(x[k]) || (whole && rintf(x[k]) != x[k]))
            return not_good(u, k, x[k], e);
    if (buf_reserve(&u->vectors, u->a->vector_bytes, e) < 0)
        return e->code;
    to = u->vectors.p + u->vectors.len;
    n = vec_convert(VEC_F32, x, f->type, to, f->dim);
    if (n < f->dim)
        return not_good(u, (uint32_t)n, x[n], e);
    vec_to_f32(f->type, to, f->dim, u->x);
    return 0;
}

/* Its length, where that matters. */
static int check_length(struct ann_update *u, bool *uneven, struct err *e)
{
    const struct form *f = &u->a->form;
    double norm2 = f->ops->dot_f64(u->x, u->x, f->dim);

    *uneven = false;
    if (f->metric == VEC_COSINE && !(norm2 > 0))
        return err_set(e, ERR_INPUT, "a zero vector has no cosine");
    if (f->metric != VEC_IP || u->a->rows == 0)
        return 0;
    *uneven = f->longer ? norm2 > f->most : fabs(norm2 - f->most) > FORM_EVEN * f->most;
    if (*uneven && !u->a->vectors)
        return err_set(e, ERR_INPUT,
                       "its length is %.6g, that of others %s%.6g: only an index with vectors can "
                       "take it",
                       sqrt(norm2), f->longer ? "at most " : "", sqrt(f->most));
    return 0;
}

static int check_id(const struct ann_update *u, struct id id, struct err *e)
{
    if (!u->a->ids.text)
        return id.p ? err_set(e, ERR_INPUT, "rows of this index have numbers, and no other ids")
                    : 0;
    if (!id.p)
        return err_set(e, ERR_INPUT, "rows of this index have ids: one is missing");
    if (ids_good(id, e) < 0)
        return e->code;
    if (find(u, id) != IDS_NO_ROW)
        return err_set(e, ERR_INPUT, "the id '%.*s' is there already", (int)id.len, id.p);
    return 0;
}

/* Room for the bit of one more row, which is 0. */
static int grow_dead(struct ann_update *u, struct err *e)
{
    if (u->rows % 64)
        return 0;
    if (mem_reserve(&u->dead, &u->dead_cap, u->rows / 64 + 1, sizeof *u->dead, e) < 0)
        return e->code;
    u->dead[u->rows / 64] = 0;
    return 0;
}

static int take_id(struct ann_update *u, struct id id, struct err *e)
{
    uint32_t *slot;

    if (!id.p)
        return 0;
    if (ids_table_room(&u->table, &u->added, e) < 0)
        return e->code;
    slot = ids_slot(&u->table, &u->added, id);
    if (ids_add(&u->added, id, e) < 0)
        return e->code;
    u->table.used += *slot == 0;
    *slot = (uint32_t)u->added.n;
    return 0;
}

static int no_attrs(struct err *e)
{
    return err_set(e, ERR_INPUT, "rows of this index have no attributes");
}

/* Of added rows, those before the last n have what they were told. */
static int catch_up(struct ann_update *u, uint64_t n, struct err *e)
{
    while (attrs_make_rows(u->attrs) + n < u->rows - u->a->rows)
        if (attrs_make_row(u->attrs, e) < 0)
            return e->code;
    return 0;
}

int ann_update_attrs(struct ann_update *u, const char *p, size_t len, struct err *e)
{
    if (!u->attrs)
        return no_attrs(e);
    if (catch_up(u, 0, e) < 0 || attrs_read_object(u->attrs, p, len, e) < 0)
        return e->code;
    u->told = true;
    return 0;
}

int ann_update_attrs_last(struct ann_update *u, const struct ann_attrs *attrs, uint64_t added,
                          const uint64_t *without, struct err *e)
{
    struct attrs_copy how = {.from = &attrs->attrs, .dead = without, .compact = true};

    if (!u->attrs)
        return no_attrs(e);
    return catch_up(u, added, e) < 0 ? e->code : attrs_make_copy(u->attrs, &how, e);
}

static int add(struct ann_update *u, struct id name, const float *vector, bool *uneven,
               struct err *e)
{
    if (u->rows % LOOK_EVERY == 0 && look_at_room(u, e) < 0)
        return e->code;
    if (check_id(u, name, e) < 0 || convert(u, vector, e) < 0 || check_length(u, uneven, e) < 0 ||
        grow_dead(u, e) < 0)
        return e->code;
    return take_id(u, name, e);
}

int ann_update_add(struct ann_update *u, const char *id, size_t len, const float *vector,
                   struct err *e)
{
    bool uneven = false;

    if (add(u, (struct id){id, len}, vector, &uneven, e) < 0 ||
        (u->told && attrs_make_row(u->attrs, e) < 0)) {
        if (u->told)
            attrs_make_undo(u->attrs);
        u->told = false;
        return e->code;
    }
    u->told = false;
    u->vectors.len += u->a->vector_bytes;
    u->uneven |= uneven;
    u->rows++;
    return 0;
}

int ann_update_delete_row(struct ann_update *u, uint64_t row, struct err *e)
{
    if (row >= u->rows)
        return err_set(e, ERR_INPUT, "there is no row %llu", (unsigned long long)row);
    if (ann_is_dead(u->dead, row))
        return err_set(e, ERR_INPUT, "row %llu was deleted already", (unsigned long long)row);
    u->dead[row / 64] |= UINT64_C(1) << row % 64;
    u->deleted++;
    return 0;
}

int ann_update_delete(struct ann_update *u, const char *id, size_t len, struct err *e)
{
    uint64_t row = u->a->ids.text ? find(u, (struct id){id, len}) : IDS_NO_ROW;

    if (row == IDS_NO_ROW)
        return err_set(e, ERR_INPUT, "there is no row of the id '%.*s'", (int)len, id);
    return ann_update_delete_row(u, row, e);
}

uint64_t ann_update_next(const struct ann_update *u)
{
    return u->rows;
}

const struct ann *ann_update_index(const struct ann_update *u)
{
    return u->a;
}

uint64_t ann_update_find(const struct ann_update *u, const char *id, size_t len)
{
    return u->a->ids.text ? find(u, (struct id){id, len}) : IDS_NO_ROW;
}

/* ---- rights ---- */

static int check_right(const struct ann_update *u, uint64_t row, struct err *e)
{
    if (!u->a->kind->grants)
        return err_set(e, ERR_USAGE, "this index has no tenants, to whom rows could belong");
    if (row >= u->rows)
        return err_set(e, ERR_INPUT, "there is no row %llu", (unsigned long long)row);
    if (ann_is_dead(u->dead, row))
        return err_set(e, ERR_INPUT, "row %llu was deleted", (unsigned long long)row);
    return 0;
}

int ann_update_grant(struct ann_update *u, uint64_t row, const char *tenant, size_t len,
                     struct err *e)
{
    uint32_t t;

    if (check_right(u, row, e) < 0 || grants_tenant(&u->was, (struct id){tenant, len}, &t, e) < 0)
        return e->code;
    u->granted += !grants_now(&u->changes, &u->was, t, row);
    return grants_change(&u->changes, t, row, true, e);
}

int ann_update_may_revoke(const struct ann_update *u, uint64_t row, const char *tenant, size_t len,
                          struct err *e)
{
    uint32_t t;

    if (check_right(u, row, e) < 0)
        return e->code;
    t = grants_find_tenant(&u->was, (struct id){tenant, len});
    if (t == ANN_NO_TENANT || !grants_now(&u->changes, &u->was, t, row))
        return err_set(e, ERR_INPUT, "the tenant '%.*s' does not have row %llu", (int)len, tenant,
                       (unsigned long long)row);
    return 0;
}

int ann_update_revoke(struct ann_update *u, uint64_t row, const char *tenant, size_t len,
                      struct err *e)
{
    if (ann_update_may_revoke(u, row, tenant, len, e) < 0)
        return e->code;
    u->revoked++;
    return grants_change(&u->changes, grants_find_tenant(&u->was, (struct id){tenant, len}), row,
                         false, e);
}

/* ---- opening ---- */

/* Columns that added rows may have values in: those of the index. */
static int start_attrs(struct ann_update *u, struct err *e)
{
    const struct attrs *a = &u->a->attrs;
    uint32_t column;

    if (a->n == 0)
        return 0;
    if (attrs_make(&u->attrs, e) < 0)
        return e->code;
    for (uint32_t i = 0; i < a->n; i++)
        if (attrs_make_column(u->attrs, a->column[i].name, strlen(a->column[i].name),
                              a->column[i].type, &column, e) < 0)
            return e->code;
    attrs_make_fix(u->attrs);
    return 0;
}

static int start(struct ann_update *u, struct err *e)
{
    size_t words = (u->a->rows + 63) / 64;

    if (!u->a->kind->update)
        return err_set(e, ERR_USAGE,
                       "%s: an index of kind '%s' cannot be changed, only made anew with ann-build",
                       sect_path(u->a->file), u->a->kind->name);
    if (ann_check(u->a, e) < 0)
        return e->code;
    if (u->a->kind->grants && u->a->kind->grants(u->a, &u->was, e) < 0)
        return e->code;
    u->rows = u->a->rows;
    if (start_attrs(u, e) < 0)
        return e->code;
    u->x = mem_array(u->a->form.dim, sizeof *u->x, e);
    if (!u->x || mem_reserve(&u->dead, &u->dead_cap, words + 1, sizeof *u->dead, e) < 0)
        return e->code;
    memset(u->dead, 0, (words + 1) * sizeof *u->dead);
    if (u->a->dead)
        memcpy(u->dead, u->a->dead, words * sizeof *u->dead);
    return 0;
}

int ann_update_open(struct ann_update **out, const char *path, enum cpu_level cpu, struct err *e)
{
    struct ann_update *u = mem_zero(1, sizeof *u, e);
    int rc;

    *out = NULL;
    if (!u)
        return e->code;
    u->cpu = cpu;
    rc = ann_open(&u->a, path, cpu, e);
    if (rc == 0)
        rc = start(u, e);
    if (rc == 0)
        *out = u;
    else
        ann_update_close(u);
    return rc;
}

void ann_update_close(struct ann_update *u)
{
    if (!u)
        return;
    ann_close(u->a);
    free(u->dead);
    buf_free(&u->vectors);
    ids_free(&u->added);
    attrs_make_free(u->attrs);
    free(u->table.slot);
    grants_free(&u->was);
    grants_changes_free(&u->changes);
    free(u->x);
    free(u);
}

/* ---- writing ---- */

static uint64_t count_live(const struct ann_update *u, uint64_t from, uint64_t to)
{
    uint64_t n = 0;

    for (; from < to; from++)
        n += !ann_is_dead(u->dead, from);
    return n;
}

/* Some of the live rows that lie evenly, as the index holds them: *rows, in *p. */
static int sample(const struct ann_update *u, uint64_t live, struct vec_rows *rows, void **p,
                  struct err *e)
{
    const struct ann *a = u->a;
    uint64_t n = live < SAMPLE ? live : SAMPLE, seen = 0, got = 0;
    unsigned char *to = *p = mem_array(n, a->vector_bytes, e);

    if (!to)
        return e->code;
    for (uint64_t i = 0; i < u->rows; i++) {
        const void *from = i < a->rows ? (const void *)(a->vectors + i * a->vector_stride)
                                       : u->vectors.p + (i - a->rows) * a->vector_bytes;
        uint64_t row = i;

        if (i < a->rows && a->kind->rows_at)
            a->kind->rows_at(a, i, 1, &row);
        if (ann_is_dead(u->dead, row))
            continue;
        if (seen++ * n / live == got && got < n)
            memcpy(to + got++ * a->vector_bytes, from, a->vector_bytes);
    }
    *rows = (struct vec_rows){to, n, a->form.dim, a->form.type, a->vector_bytes};
    return 0;
}

/* A form as it would be made for the rows that there are now. */
static int make_form(const struct ann_update *u, const struct vec_rows *rows,
                     const struct vec_rows *came, int threads, struct form *f, struct err *e)
{
    const struct ann *a = u->a;
    const struct vec_rows all[2] = {
        {a->vectors, a->rows, a->form.dim, a->form.type, a->vector_stride}, *came};
    char spec[FORM_SPEC_MAX];
    struct form_opts how = {.spec = spec,
                            .vectors = a->vectors != NULL,
                            .metric = a->form.metric,
                            .cpu = u->cpu,
                            .threads = threads,
                            .all = all,
                            .n_all = 2};

    form_spec(&a->form, spec);
    return form_make(f, &how, rows, e);
}

/* *f is the index's own form, or another one to be freed: then c->recode is set. */
static int settle_form(struct ann_update *u, const struct vec_rows *came, int threads,
                       struct ann_change *c, struct form *f, struct err *e)
{
    const struct ann *a = u->a;
    uint64_t kept = count_live(u, 0, a->rows);
    struct vec_rows some;
    void *p = NULL;
    bool suits = true;
    int rc;

    *f = a->form;
    c->recode = false;
    if (c->live == kept || (a->vectors && a->kind->own_codes) || (!a->vectors && a->rows > 0))
        return 0;
    rc = sample(u, c->live, &some, &p, e);
    if (rc == 0)
        rc = form_suits(f, &some, &suits, e);
    c->recode = rc == 0 && (!suits || u->uneven || c->live - kept > kept);
    if (c->recode)
        rc = make_form(u, &some, came, threads, f, e);
    free(p);
    c->recode &= rc == 0; /* else there is nothing to free */
    return rc;
}

/* Names of all rows as they will be written. */
static int gather_ids(const struct ann_update *u, bool compact, struct ann_ids *ids, struct err *e)
{
    uint64_t same[2];

    for (uint64_t row = 0; row < u->rows; row++) {
        bool is_dead = ann_is_dead(u->dead, row);
        struct id id = row < u->a->rows ? ids_of(&u->a->ids, row)
                                        : ids_made(&u->added, row - u->a->rows);

        if (is_dead)
            id.len = 0;
        if (!(is_dead && compact) && ids_add(ids, id, e) < 0)
            return e->code;
    }
    return ids_sort(ids, same, e);
}

/* Attributes of all rows as they will be written; a deleted row has none. */
static int gather_attrs(struct ann_update *u, bool compact, struct attrs *all, struct err *e)
{
    struct attrs_copy was = {.from = &u->a->attrs, .dead = u->dead, .compact = compact};
    struct attrs_copy came = {.dead = u->dead, .first = u->a->rows, .compact = compact};
    struct attrs_maker *m = NULL;
    struct attrs added;
    uint64_t row;
    int rc = catch_up(u, 0, e);

    if (rc < 0 || attrs_make_end(u->attrs, &added, u->cpu, &row, e) < 0)
        return e->code;
    came.from = &added;
    rc = attrs_make(&m, e);
    if (rc == 0)
        rc = attrs_make_copy(m, &was, e);
    if (rc == 0)
        rc = attrs_make_copy(m, &came, e);
    if (rc == 0)
        rc = attrs_make_end(m, all, u->cpu, &row, e);
    attrs_make_free(m);
    attrs_close(&added);
    return rc;
}

static int write_map(const struct ann_update *u, struct vec_writer *w, struct err *e)
{
    int32_t n = 0;
    int rc = 0;

    for (uint64_t row = 0; row < u->rows && rc == 0; row++) {
        int32_t to = ann_is_dead(u->dead, row) ? -1 : n++;

        rc = vec_write(w, &to, 1, e);
    }
    return rc;
}

/* The map first: an index without it could not be understood. */
static int commit(const struct ann_update *u, struct sect_writer **w, const char *path,
                  const char *map, struct err *e)
{
    enum vec_format format = map ? vec_format_of(map) : VEC_AUTO;
    struct vec_write_opts how = {.format = format == VEC_AUTO ? VEC_TSV : format,
                                 .type = VEC_I32,
                                 .dim = 1,
                                 .rows = u->rows};
    struct vec_writer *to = NULL;
    int rc = 0;

    if (sect_unchanged(u->a->file, path, e) < 0)
        return e->code;
    sect_replaces(*w, u->a->file);
    if (map)
        rc = vec_create(&to, map, &how, e);
    if (rc == 0 && map)
        rc = write_map(u, to, e);
    if (rc == 0 && map)
        rc = vec_commit(&to, e);
    vec_abort(&to);
    return rc < 0 ? rc : sect_commit(w, e);
}

static int write_changed(struct ann_update *u, struct ann_maker *m, const char *path,
                         const struct ann_update_opts *o, struct err *e)
{
    const struct ann_kind *kind = u->a->kind;
    struct sect_writer *w = NULL;
    struct ann_ids ids = {0};
    struct attrs attrs = {0};
    struct ann_grants grants = {0};
    int rc = u->a->ids.text ? gather_ids(u, o->compact, &ids, e) : 0;

    if (rc == 0 && u->attrs)
        rc = gather_attrs(u, o->compact, &attrs, e);
    if (rc == 0 && kind->grants)
        rc = grants_changed(&u->changes, &u->was, u->dead, &grants, e);
    m->grants = kind->grants ? &grants : NULL;
    m->ids = u->a->ids.text ? &ids : NULL;
    m->attrs = u->attrs ? &attrs : NULL;
    m->meta = u->a->meta;
    m->meta.rows = o->compact ? m->change->live : m->change->rows;
    m->meta.form = form_head(&m->form);
    if (rc == 0)
        rc = kind->update(m, e);
    if (rc == 0)
        rc = ann_write(&w, path, kind, m, e);
    if (rc == 0)
        rc = commit(u, &w, path, o->map, e);
    sect_abort(&w);
    kind->made_free(m->state);
    ids_free(&ids);
    attrs_close(&attrs);
    grants_free(&grants);
    return rc;
}

int ann_update_write(struct ann_update *u, const char *path, const struct ann_update_opts *o,
                     struct ann_update_report *report, struct err *e)
{
    const struct ann *a = u->a;
    const struct ann_build_opts how = {.degree = a->meta.degree,
                                       .beam = a->meta.beam,
                                       .alpha = a->meta.alpha,
                                       .threads = o->threads > 0 ? o->threads : 1,
                                       .cpu = u->cpu,
                                       .progress = o->progress,
                                       .progress_ctx = o->progress_ctx};
    const struct vec_rows came = {(const unsigned char *)u->vectors.p, u->rows - a->rows,
                                  a->form.dim, a->form.type, a->vector_bytes};
    struct ann_change c = {.a = a,
                           .dead = u->dead,
                           .rows = u->rows,
                           .live = count_live(u, 0, u->rows),
                           .compact = o->compact};
    struct ann_maker m = {.o = &how, .base = &came, .change = &c, .ops = a->ops};
    double began = now_s();
    int rc = look_at_room(u, e) < 0 ? e->code : settle_form(u, &came, how.threads, &c, &m.form, e);

    if (rc == 0)
        rc = write_changed(u, &m, path, o, e);
    if (c.recode)
        form_free(&m.form);
    *report = (struct ann_update_report){.first = a->rows,
                                         .added = came.rows,
                                         .deleted = u->deleted,
                                         .granted = u->granted,
                                         .revoked = u->revoked,
                                         .rows = m.meta.rows,
                                         .live = c.live,
                                         .seconds = now_s() - began};
    return rc;
}
