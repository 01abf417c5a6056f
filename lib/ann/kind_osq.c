/* kind_osq.c - the kind "osq": its sections (osq_index.h), checked before they are used. */
#include <math.h>
#include <stdlib.h>

#include "ann/osq_index.h"
#include "base/mem.h"
#include "vec/ops.h"

/* The codec is not the form's. */
static int form_part(const struct ann_build_opts *o, uint32_t dim, const char **spec, struct err *e)
{
    struct osq_plan p;

    *spec = NULL;
    return osq_plan(&p, o, 0, dim, e);
}

/* ---- making ---- */

static void made_free(void *state)
{
    if (state)
        osq_made_free(state);
    free(state);
}

static int make(struct ann_maker *m, struct err *e)
{
    struct osq_made *v = m->state = mem_zero(1, sizeof *v, e);
    struct osq_plan p;

    if (!v || osq_plan(&p, m->o, m->base->rows, m->base->dim, e) < 0 || osq_make(v, m, &p, e) < 0)
        return e->code;
    m->meta.vectors = 1; /* also where a form holds them */
    m->order = v->lists.order;
    return 0;
}

static int save(const struct ann_maker *m, struct sect_writer *w, struct err *e)
{
    const struct osq_made *v = m->state;
    const struct codec *c = v->lists.codec;
    uint64_t rows = v->lists.rows, lists = v->head.lists;
    const struct {
        const char *id;
        const void *p;
        size_t len;
    } s[] = {
        {"OSQH", &v->head, sizeof v->head},
        {"MIDP", v->lists.mean, c->dim * sizeof *v->lists.mean},
        {"CENT", v->lists.centroid, lists * c->dim * sizeof *v->lists.centroid},
        {"LIST", v->lists.size, lists * sizeof *v->lists.size},
        {"AWAY", v->away, lists * sizeof *v->away},
        {"OROW", v->row, rows * v->head.width},
        {"CODE", v->code, rows * c->code_bytes},
        {"SIGN", v->sign, rows * osq_sign_bytes(c->dim)},
    };

    for (size_t i = 0; i < sizeof s / sizeof *s; i++)
        if (sect_put(w, s[i].id, SECT_REQUIRED, s[i].p, s[i].len, e) < 0)
            return e->code;
    return codec_put_all(c, w, e);
}

/* ---- opening ---- */

static void close_osq(void *state)
{
    struct osq_index *v = state;

    if (!v)
        return;
    codec_free(v->codec);
    linmap_free(&v->centroids);
    free(v->norm);
    free(v->turned);
    free(v->start);
    free(v);
}

static int open_head(struct ann *a, struct osq_index *v, struct err *e)
{
    const struct form *f = &a->form;
    const void *head;

    if (sect_need(a->file, "OSQH", 1, sizeof v->head, &head, e) < 0)
        return e->code;
    memcpy(&v->head, head, sizeof v->head);
    if (v->rows > IVF_ROWS_MAX || v->head.lists < 1 || v->head.lists > ANN_PARTS_MOST ||
        v->head.width != row_width(v->rows) || !(v->head.scale > 0) || !isfinite(v->head.scale) ||
        !(v->head.longest >= 0) || !isfinite(v->head.longest))
        return sect_bad(a->file, "OSQH", "its numbers contradict each other", e);
    if (!a->vectors)
        return sect_bad(a->file, "META", "this kind of index has vectors", e);
    v->space = (struct ivf_space){.ops = f->ops,
                                  .metric = f->metric,
                                  .type = f->type,
                                  .dim = f->dim,
                                  .padded = f->dim,
                                  .scale = v->head.scale};
    return 0;
}

static int open_lists(struct ann *a, struct osq_index *v, struct err *e)
{
    uint32_t lists = v->head.lists;
    const void *size;

    if (sect_need(a->file, "LIST", lists, sizeof *v->size, &size, e) < 0 ||
        !(v->start = mem_zero((size_t)lists + 1, sizeof *v->start, e)))
        return e->code;
    v->size = size;
    for (uint32_t l = 0; l < lists; l++) {
        if (v->size[l] > v->rows - v->start[l])
            return sect_bad(a->file, "LIST", "its lists hold more rows than there are", e);
        v->start[l + 1] = v->start[l] + v->size[l];
        v->largest = v->size[l] > v->largest ? v->size[l] : v->largest;
    }
    if (v->start[lists] != v->rows)
        return sect_bad(a->file, "LIST", "its lists hold fewer rows than there are", e);
    return 0;
}

/* Centroids, before and after they are turned. */
static int open_centroids(struct ann *a, struct osq_index *v, struct err *e)
{
    uint32_t lists = v->head.lists, dim = a->form.dim;
    size_t room = ((size_t)lists + PANEL - 1) / PANEL * PANEL;
    const void *centroid, *mean, *away;

    if (sect_need(a->file, "MIDP", dim, sizeof(float), &mean, e) < 0 ||
        sect_need(a->file, "CENT", lists, (uint64_t)dim * sizeof(float), &centroid, e) < 0 ||
        sect_need(a->file, "AWAY", lists, sizeof *v->away, &away, e) < 0 ||
        linmap_init(&v->centroids, v->space.ops, centroid, lists, dim, e) < 0 ||
        !(v->norm = mem_array(room, sizeof *v->norm, e)) ||
        !(v->turned = mem_array(lists, dim * sizeof *v->turned, e)))
        return e->code;
    v->space.mean = mean;
    v->centroid = centroid;
    v->away = away;
    for (size_t l = 0; l < room; l++)
        v->norm[l] = l < lists ? (float)vec_norm2(v->centroid + l * dim, dim) : INFINITY;
    for (size_t l = 0; l < lists; l++)
        osq_turn(memcpy(v->turned + l * dim, v->centroid + l * dim, dim * sizeof *v->turned), dim);
    return 0;
}

static int open_rows(struct ann *a, struct osq_index *v, struct err *e)
{
    const void *row, *code, *sign;

    if (sect_need(a->file, "OROW", v->rows, v->head.width, &row, e) < 0 ||
        sect_need(a->file, "CODE", v->rows, v->codec->code_bytes, &code, e) < 0 ||
        sect_need(a->file, "SIGN", v->rows, osq_sign_bytes(a->form.dim), &sign, e) < 0)
        return e->code;
    v->row = row;
    v->code = code;
    v->sign = sign;
    for (uint64_t i = 0; i < v->rows; i++)
        if (osq_row(v, i) >= v->rows)
            return sect_bad(a->file, "OROW", "a list holds a row that is not there", e);
    return 0;
}

static int open_osq(struct ann *a, struct err *e)
{
    struct osq_index *v = a->state = mem_zero(1, sizeof *v, e);

    if (!v)
        return e->code;
    v->rows = a->rows;
    if (open_head(a, v, e) < 0 || codec_take_all(&v->codec, a->file, a->cpu, e) < 0)
        return e->code;
    if (strcmp(v->codec->spec.kind->name, "osq") != 0 || v->codec->dim != a->form.dim)
        return sect_bad(a->file, "MET0", "this is not the codec of its lists", e);
    if (open_lists(a, v, e) < 0 || open_centroids(a, v, e) < 0)
        return e->code;
    return open_rows(a, v, e);
}

/* ---- looking at it ---- */

static void info(const struct ann *a, struct ann_info *i)
{
    const struct osq_index *v = a->state;
    struct err text = {0};

    err_set(&text, 0, "%s", v->codec->spec.text);
    memcpy(i->codec, text.msg, sizeof i->codec - 1);
    i->codec[sizeof i->codec - 1] = 0;
    i->code_bytes = v->codec->code_bytes + (uint32_t)osq_sign_bytes(a->form.dim) + v->head.width;
    i->lists = v->head.lists;
}

static void lists(const struct ann *a, struct ann_lists *l)
{
    const struct osq_index *v = a->state;

    ann_lists_of(l, v->size, v->head.lists);
}

/* Each row is in one list. */
static int check(const struct ann *a, struct err *e)
{
    const struct osq_index *v = a->state;
    uint8_t *met = mem_zero((size_t)v->rows, 1, e);
    int rc = met ? 0 : e->code;

    for (uint64_t i = 0; rc == 0 && i < v->rows; i++)
        if (met[osq_row(v, i)]++)
            rc = sect_bad(a->file, "OROW", "a row is in two lists", e);
    free(met);
    return rc;
}

/* Seconds are measured ones of a core of 2024 (Zen 5, 2.6 GHz), shared out. */
static void plan(struct ann_plan *p, const struct vec_rows *base, const struct ann_build_opts *o)
{
    struct ann_build_opts own = *o;
    struct osq_plan how;
    struct codec_spec s;
    struct err e = {0};
    double rows = (double)base->rows, dim = base->dim;
    uint64_t row;

    if (osq_plan(&how, o, base->rows, base->dim, &e) < 0) { /* which the build will say */
        own.codec = NULL;
        own.no_vectors = false;
        osq_plan(&how, &own, base->rows, base->dim, &e);
    }
    row = base->dim / 8 + 1 + row_width(base->rows);
    row += codec_parse(how.spec, &s, &e) == 0 ? ((uint64_t)base->dim * s.a + 7) / 8 : 0;
    p->memory_bytes = base->rows * (row + 8) + (UINT64_C(1) << 16) * base->dim * 8 +
                      24 * (uint64_t)base->dim * base->dim;
    p->file_bytes = base->rows * (row + base->dim * vec_type_size(base->type)) +
                    ((uint64_t)how.lists + base->dim) * base->dim * 4;
    p->seconds = (rows * dim * (2e-9 * dim + 1.2e-8) + 65536 * dim * (dim * 1e-9 + 1e-6)) /
                 (o->threads > 0 ? o->threads : 1);
}

/* Vectors stand list after list. */
static void rows_at(const struct ann *a, uint64_t from, uint64_t n, uint64_t *row)
{
    const struct osq_index *v = a->state;

    for (uint64_t i = 0; i < n; i++)
        row[i] = osq_row(v, from + i);
}

const struct ann_kind ann_kind_osq = {
    .rows_at = rows_at,
    .name = "osq",
    .id = {'o', 's', 'q', ' '},
    .sections = ANN_SECTIONS "OSQHMIDPCENTLISTAWAYOROWCODESIGNMET0MEA0BIT0ROT0WGT0CLS0BRD0PNT0RAD0",
    .effort = "keep",
    .effort_default = OSQ_KEEP,
    .effort_most = ANN_KEEP_MOST,
    .parts = true,
    .filter = FILTER_LISTS,
    .form_part = form_part,
    .make = make,
    .save = save,
    .made_free = made_free,
    .open = open_osq,
    .close = close_osq,
    .block = osq_block,
    .searcher_new = osq_searcher_new,
    .search = osq_search,
    .count = osq_count,
    .searcher_free = osq_searcher_free,
    .lists = lists,
    .check = check,
    .info = info,
    .plan = plan,
};
