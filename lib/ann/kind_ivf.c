/* kind_ivf.c - the kind "ivf": its sections (ivf.h), checked before they are used. */
#include <math.h>
#include <stdlib.h>

#include "ann/ivf.h"
#include "base/mem.h"
#include "vec/ops.h"

int ivf_form_part(const struct ann_build_opts *o, uint32_t dim, const char **spec, struct err *e)
{
    struct ivf_plan p;

    if (ivf_plan(&p, o, 0, dim, e) < 0)
        return e->code;
    *spec = p.finer;
    return 0;
}

/* ---- making ---- */

static void made_free(void *state)
{
    if (state)
        ivf_change_free(state);
    free(state);
}

static int make(struct ann_maker *m, struct err *e)
{
    struct ivf_change *c = m->state = mem_zero(1, sizeof *c, e);
    struct ivf_plan p;

    if (!c || ivf_plan(&p, m->o, m->base->rows, m->base->dim, e) < 0 ||
        ivf_make(&c->made, m, &p, e) < 0)
        return e->code;
    m->order = c->made.order;
    m->meta.entries = m->meta.beam = (uint32_t)m->base->rows;
    return 0;
}

static int update(struct ann_maker *m, struct err *e)
{
    struct ivf_change *c = m->state = mem_zero(1, sizeof *c, e);

    return c ? ivf_update(c, m, e) : e->code;
}

static int save_rows(const struct ivf_made *v, struct sect_writer *w, struct err *e)
{
    if (!v->number)
        return sect_put(w, "ROWS", SECT_REQUIRED, v->order, v->rows * sizeof *v->order, e);
    if (sect_begin(w, "ROWS", SECT_REQUIRED, e) < 0)
        return e->code;
    for (uint64_t i = 0; i < v->all_rows; i++)
        if (sect_add(w, &v->number[v->order[i]], sizeof *v->number, e) < 0)
            return e->code;
    return sect_end(w, e);
}

int ivf_save(const struct ivf_made *v, struct sect_writer *w, struct err *e)
{
    uint32_t lists = v->head.lists;
    const struct {
        const char *id;
        const void *p;
        size_t len;
    } s[] = {
        {"IVFH", &v->head, sizeof v->head},
        {"MIDP", v->mean, v->space.dim * sizeof *v->mean},
        {"CENT", v->centroid, (size_t)lists * v->space.padded * sizeof *v->centroid},
        {"LIST", v->size, lists * sizeof *v->size},
        {"FAST", v->fast, v->fast_bytes},
        {"FACT", v->factor, v->factor_at[lists] * sizeof *v->factor},
    };

    for (size_t i = 0; i < sizeof s / sizeof *s; i++)
        if (sect_put(w, s[i].id, SECT_REQUIRED, s[i].p, s[i].len, e) < 0)
            return e->code;
    if (save_rows(v, w, e) < 0)
        return e->code;
    if (v->cells && sect_put(w, "CODE", SECT_REQUIRED, v->cells, v->cells_bytes, e) < 0)
        return e->code;
    return codec_put_all(v->codec, w, e);
}

static int save(const struct ann_maker *m, struct sect_writer *w, struct err *e)
{
    const struct ivf_change *c = m->state;

    return ivf_save(&c->made, w, e);
}

/* ---- opening ---- */

uint64_t ivf_packed(const struct codec *c, uint64_t n)
{
    const struct codec_kind *kind = c->spec.kind;
    uint64_t whole = (kind->packed_bytes(c, CODEC_LIST) + 63) / 64 * 64,
             rest = (kind->packed_bytes(c, n % CODEC_LIST) + 63) / 64 * 64;

    return n / CODEC_LIST * whole + (n % CODEC_LIST ? rest : 0);
}

void ivf_close(struct ivf *v)
{
    codec_free(v->codec);
    linmap_free(&v->centroids);
    free(v->norm);
    free(v->start);
    free(v->fast_at);
    free(v->factor_at);
    free(atomic_load(&v->place));
    free(atomic_load(&v->list));
}

static void close_state(void *state)
{
    if (state)
        ivf_close(state);
    free(state);
}

static int open_head(struct ann *a, struct ivf *v, struct err *e)
{
    const struct form *f = &a->form;
    const void *head;

    if (sect_need(a->file, "IVFH", 1, sizeof v->head, &head, e) < 0)
        return e->code;
    memcpy(&v->head, head, sizeof v->head);
    if (v->rows > IVF_ROWS_MAX || v->head.lists < 1 || v->head.lists > ANN_LISTS_MOST ||
        v->head.padded < f->dim || v->head.padded > VEC_DIM_MAX || v->head.cells > 1 ||
        v->head.cells + a->meta.vectors > 1 || !(v->head.spread >= 0 && v->head.spread <= 1) ||
        !(v->head.scale > 0) || !isfinite(v->head.scale))
        return sect_bad(a->file, "IVFH", "its numbers contradict each other", e);
    v->space = (struct ivf_space){.ops = f->ops,
                                  .metric = f->metric,
                                  .type = f->type,
                                  .dim = f->dim,
                                  .padded = v->head.padded,
                                  .scale = v->head.scale};
    return 0;
}

/* Where lists begin, in rows, codes and factors. */
static int open_lists(struct ann *a, struct ivf *v, struct err *e)
{
    uint32_t lists = v->head.lists;
    const void *size, *row;

    if (sect_need(a->file, "LIST", lists, sizeof *v->size, &size, e) < 0 ||
        sect_need(a->file, "ROWS", v->rows, sizeof *v->row, &row, e) < 0)
        return e->code;
    v->size = size;
    v->row = row;
    v->start = mem_zero((size_t)lists + 1, sizeof *v->start, e);
    v->fast_at = mem_zero((size_t)lists + 1, sizeof *v->fast_at, e);
    v->factor_at = mem_zero((size_t)lists + 1, sizeof *v->factor_at, e);
    if (!v->start || !v->fast_at || !v->factor_at)
        return e->code;
    for (uint32_t l = 0; l < lists; l++) {
        if (v->size[l] > v->live - v->start[l])
            return sect_bad(a->file, "LIST", "its lists hold more rows than there are", e);
        v->start[l + 1] = v->start[l] + v->size[l];
        v->fast_at[l + 1] = v->fast_at[l] + ivf_packed(v->codec, v->size[l]);
        v->factor_at[l + 1] = v->factor_at[l] + ivf_factors(v->size[l]);
    }
    if (v->start[lists] != v->live)
        return sect_bad(a->file, "LIST", "its lists hold fewer rows than there are", e);
    return 0;
}

static int open_centroids(struct ann *a, struct ivf *v, struct err *e)
{
    uint32_t lists = v->head.lists, padded = v->head.padded;
    size_t room = ((size_t)lists + PANEL - 1) / PANEL * PANEL;
    const void *centroid, *mean;

    if (sect_need(a->file, "MIDP", a->form.dim, sizeof(float), &mean, e) < 0 ||
        sect_need(a->file, "CENT", lists, (uint64_t)padded * sizeof(float), &centroid, e) < 0 ||
        linmap_init(&v->centroids, v->space.ops, centroid, lists, padded, e) < 0 ||
        !(v->norm = mem_array(room, sizeof *v->norm, e)))
        return e->code;
    v->space.mean = mean;
    v->centroid = centroid;
    for (size_t l = 0; l < room; l++)
        v->norm[l] = l < lists ? (float)vec_norm2(v->centroid + l * padded, padded) : INFINITY;
    return 0;
}

/* Section CODE, where there is no section VECS; cells may be the vectors. */
static int open_cells(struct ann *a, struct ivf *v, struct err *e)
{
    const void *code;

    v->cells_stride = form_stride(&a->form);
    if (v->head.cells == 0)
        return 0;
    if (sect_need(a->file, "CODE", v->rows, v->cells_stride, &code, e) < 0)
        return e->code;
    v->cells = code;
    if (form_holds_vectors(&a->form)) {
        a->vectors = code;
        a->vector_stride = v->cells_stride;
    }
    return 0;
}

int ivf_open(struct ann *a, struct ivf *v, struct err *e)
{
    const void *fast, *factor;

    v->rows = a->rows;
    v->live = a->live;
    if (open_head(a, v, e) < 0 || codec_take_all(&v->codec, a->file, a->cpu, e) < 0)
        return e->code;
    if (v->codec->dim != v->head.padded || (strcmp(v->codec->spec.kind->name, "pq") != 0 &&
                                            strcmp(v->codec->spec.kind->name, "opq") != 0))
        return sect_bad(a->file, "MET0", "this is not the codec of its lists", e);
    if (open_lists(a, v, e) < 0 || open_centroids(a, v, e) < 0 ||
        sect_need(a->file, "FAST", v->fast_at[v->head.lists], 1, &fast, e) < 0 ||
        sect_need(a->file, "FACT", v->factor_at[v->head.lists], sizeof(float), &factor, e) < 0)
        return e->code;
    v->fast = fast;
    v->factor = factor;
    for (uint64_t i = 0; i < v->rows; i++)
        if (v->row[i] >= v->rows)
            return sect_bad(a->file, "ROWS", "a list holds a row that is not there", e);
        else if (ann_deleted(a, v->row[i]) != (i >= v->live))
            return sect_bad(a->file, "ROWS", "a list holds a deleted row", e);
    return open_cells(a, v, e);
}

static int open_state(struct ann *a, struct err *e)
{
    a->state = mem_zero(1, sizeof(struct ivf), e);
    return a->state ? ivf_open(a, a->state, e) : e->code;
}

/* ---- looking at it ---- */

void ivf_info(const struct ann *a, struct ann_info *i)
{
    const struct ivf *v = a->state;
    struct err text = {0};

    if (v->cells && !a->vectors)
        err_set(&text, 0, "%s+%s", v->codec->spec.text, i->codec);
    else
        err_set(&text, 0, "%s", v->codec->spec.text);
    memcpy(i->codec, text.msg, sizeof i->codec - 1);
    i->codec[sizeof i->codec - 1] = 0;
    i->code_bytes = v->codec->code_bytes + 3 * (uint32_t)sizeof(float) +
                    (v->cells ? (uint32_t)v->cells_stride : 0);
    i->lists = v->head.lists;
    i->spread = v->head.spread;
}

void ivf_lists(const struct ann *a, struct ann_lists *l)
{
    const struct ivf *v = a->state;

    ann_lists_of(l, v->size, v->head.lists);
}

/* Each row is in one list. */
int ivf_check(const struct ann *a, struct err *e)
{
    const struct ivf *v = a->state;
    uint8_t *met = mem_zero((size_t)v->rows, 1, e);
    int rc = met ? 0 : e->code;

    for (uint64_t i = 0; rc == 0 && i < v->rows; i++)
        if (met[v->row[i]]++)
            rc = sect_bad(a->file, "ROWS", "a row is in two lists", e);
    free(met);
    return rc;
}

/* Seconds are measured ones of a core of 2024 (Zen 5, 2.6 GHz), shared out. */
void ivf_cost(struct ann_plan *p, const struct vec_rows *base, const struct ann_build_opts *o)
{
    struct ann_build_opts own = *o;
    struct ivf_plan how;
    struct err e = {0};
    struct form f;
    double rows = (double)base->rows, dim;
    uint64_t row, cells, points;

    if (ivf_plan(&how, o, base->rows, base->dim, &e) < 0) {
        own.codec = NULL;
        own.lists = 0;
        ivf_plan(&how, &own, base->rows, base->dim, &e);
    }
    form_plan(&f, base, how.finer, !o->no_vectors, o->metric);
    cells = (o->no_vectors && !how.bare) || (!o->no_vectors && form_holds_vectors(&f))
                ? form_stride(&f)
                : 0;
    dim = how.padded;
    row = how.parts / 2 + 1 + 12 + 4 + cells;
    points = 64 * (uint64_t)how.lists < base->rows ? 64 * (uint64_t)how.lists : base->rows;
    p->memory_bytes = base->rows * (row + 4) + points * (how.padded * 4 + 28) +
                      2 * (uint64_t)how.lists * how.padded * 4;
    p->file_bytes = base->rows * row + (uint64_t)how.lists * how.padded * 4;
    if (!o->no_vectors && !cells)
        p->file_bytes += base->rows * base->dim * vec_type_size(base->type);
    p->seconds = (how.lists * dim * ((double)points * 13 + rows) / 4e10 +
                  rows * dim * 1.2e-8 * 10) /
                 (o->threads > 0 ? o->threads : 1);
}

/* Vectors stand list after list. */
void ivf_rows_at(const struct ann *a, uint64_t from, uint64_t n, uint64_t *row)
{
    const struct ivf *v = a->state;

    for (uint64_t i = 0; i < n; i++)
        row[i] = v->row[from + i];
}

static void filter_more(const struct ann *a, const struct ann_search_opts *o, struct filter_case *c)
{
    (void)a;
    (void)o;
    c->counts = true;
}

const struct ann_kind ann_kind_ivf = {
    .rows_at = ivf_rows_at,
    .name = "ivf",
    .id = {'i', 'v', 'f', ' '},
    .sections = ANN_SECTIONS IVF_SECTIONS,
    .effort = "nprobe",
    .effort_default = IVF_NPROBE,
    .effort_most = ANN_EFFORT_MOST,
    .filter = FILTER_LISTS,
    .filter_more = filter_more,
    .form_part = ivf_form_part,
    .own_codes = true,
    .make = make,
    .update = update,
    .save = save,
    .made_free = made_free,
    .open = open_state,
    .close = close_state,
    .block = ivf_block,
    .searcher_new = ivf_searcher_new,
    .search = ivf_search,
    .count = ivf_count,
    .searcher_free = ivf_searcher_free,
    .lists = ivf_lists,
    .check = ivf_check,
    .info = ivf_info,
    .plan = ivf_cost,
};
