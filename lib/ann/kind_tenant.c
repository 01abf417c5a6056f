/* kind_tenant.c - the kind "tenant": its sections (tenant.h), checked before they are used. */
#include <math.h>
#include <stdlib.h>

#include "ann/tenant.h"

/* ---- writing ---- */

static int save(const struct ann_maker *m, struct sect_writer *w, struct err *e)
{
    const struct tenant_made *v = m->state;
    const struct ann_ids no_names = {0};
    const struct {
        const char *id;
        const void *p;
        size_t len;
    } part[] = {
        {"TNTH", &v->head, sizeof v->head},
        {"MIDP", v->mean, v->space.dim * sizeof *v->mean},
        {"NODE", v->node, v->nodes * sizeof *v->node},
        {"CELL", v->cells, v->nodes * v->cells_stride},
        {"BLOM", v->filter, v->filter_words * sizeof *v->filter},
        {"ROWS", v->row, v->rows * sizeof *v->row},
        {"CODE", v->code, v->code_bytes},
        {"TNFR", v->from, (v->head.tenants + 1) * sizeof *v->from},
        {"TNLS", v->list, v->head.lists * sizeof *v->list},
        {"LIST", v->bits.p, v->bits.len},
    };

    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        if (sect_put(w, part[i].id, SECT_REQUIRED, part[i].p, part[i].len, e) < 0)
            return e->code;
    return ids_save(m->grants ? &m->grants->names : &no_names, "TN", w, e);
}

/* ---- opening ---- */

static void close_tenant(void *state)
{
    struct tenant_index *v = state;

    if (v) {
        free(v->radius);
        free(atomic_load(&v->place));
    }
    free(v);
}

static int open_head(struct ann *a, struct tenant_index *v, struct err *e)
{
    const void *head;

    if (sect_need(a->file, "TNTH", 1, sizeof v->head, &head, e) < 0)
        return e->code;
    memcpy(&v->head, head, sizeof v->head);
    v->space = (struct ivf_space){.ops = a->form.ops,
                                  .metric = a->form.metric,
                                  .type = a->form.type,
                                  .dim = a->form.dim,
                                  .padded = a->form.dim,
                                  .scale = v->head.scale};
    v->cells_stride = cells_row_bytes(a->form.dim, a->form.dim);
    v->code_stride = form_stride(&a->form);
    if (a->rows > GRANTS_ROWS_MAX || a->form.dim >= CELLS_DIM_MAX || v->head.nodes < 1 ||
        v->head.nodes > UINT32_MAX || v->head.tenants > GRANTS_TENANTS_MAX ||
        v->head.lists > (uint64_t)UINT32_MAX * UINT32_MAX || !(v->head.scale > 0) ||
        !isfinite(v->head.scale) || !(v->head.step > 0) || !isfinite(v->head.step) ||
        !(v->head.spread >= 0) || !(v->head.noise >= 0))
        return sect_bad(a->file, "TNTH", "its numbers contradict each other", e);
    return 0;
}

/* Children come behind their parents, in order, each once, and share out its places. */
static int check_tree(const struct ann *a, struct tenant_index *v, struct err *e)
{
    uint8_t *depth = mem_zero(v->head.nodes, 1, e);
    uint64_t next = 1;
    int rc = depth ? 0 : e->code;

    for (uint64_t i = 0; rc == 0 && i < v->head.nodes; i++) {
        const struct tenant_node *n = &v->node[i];
        uint64_t at = n->start;

        if ((i > 0 && i >= next) || n->start > v->rows || n->rows > v->rows - n->start ||
            n->filter > v->filter_words || n->words > v->filter_words - n->filter ||
            !(n->radius >= 0) || !isfinite(n->radius) ||
            (n->count > 0 &&
             (n->first != next || n->count > v->head.nodes - next || depth[i] == TENANT_DEPTH)))
            rc = sect_bad(a->file, "NODE", "a node's numbers contradict each other", e);
        for (uint64_t c = 0; rc == 0 && c < n->count; c++) {
            depth[next + c] = depth[i] + 1;
            if (v->node[next + c].start != at)
                rc = sect_bad(a->file, "NODE", "children do not share out their parent's rows", e);
            at += v->node[next + c].rows;
        }
        if (rc == 0 && n->count > 0 && at != (uint64_t)n->start + n->rows)
            rc = sect_bad(a->file, "NODE", "children do not share out their parent's rows", e);
        next += n->count;
        v->most_children = n->count > v->most_children ? n->count : v->most_children;
        v->depth = rc == 0 && depth[i] > v->depth ? depth[i] : v->depth;
    }
    if (rc == 0 && (v->node->start != 0 || v->node->rows != v->rows))
        rc = sect_bad(a->file, "NODE", "it is no tree of all rows", e);
    free(depth);
    return rc;
}

static int open_tree(struct ann *a, struct tenant_index *v, struct err *e)
{
    const void *mean, *node, *cells, *filter, *row, *code;
    uint64_t len;

    filter = sect_get(a->file, "BLOM", &len);
    v->filter_words = len / sizeof *v->filter;
    if (sect_need(a->file, "MIDP", a->form.dim, sizeof(float), &mean, e) < 0 ||
        sect_need(a->file, "NODE", v->head.nodes, sizeof *v->node, &node, e) < 0 ||
        sect_need(a->file, "CELL", v->head.nodes, v->cells_stride, &cells, e) < 0 ||
        sect_need(a->file, "BLOM", v->filter_words, sizeof *v->filter, &filter, e) < 0 ||
        sect_need(a->file, "ROWS", v->rows, sizeof *v->row, &row, e) < 0 ||
        sect_need(a->file, "CODE", v->rows, v->code_stride, &code, e) < 0)
        return e->code;
    v->space.mean = mean;
    v->node = node;
    v->cells = cells;
    v->filter = filter;
    v->row = row;
    v->code = code;
    if (!(v->radius = mem_array(v->head.nodes, sizeof *v->radius, e)))
        return e->code;
    for (uint64_t i = 0; i < v->head.nodes; i++)
        v->radius[i] = v->node[i].radius;
    for (uint64_t i = 0; i < v->rows; i++)
        if (v->row[i] >= v->rows)
            return sect_bad(a->file, "ROWS", "a place holds a row that is not there", e);
    return check_tree(a, v, e);
}

/* Tenants' lists and codes follow each other, and lists are of nodes. */
static int open_lists(struct ann *a, struct tenant_index *v, struct err *e)
{
    const void *from, *list;
    uint64_t len;

    v->bits = sect_get(a->file, "LIST", &len);
    if (!v->bits || len < TENANT_CODE_PAD)
        return sect_bad(a->file, "LIST", "it is missing, or too short", e);
    v->bits_len = len - TENANT_CODE_PAD;
    if (sect_need(a->file, "TNFR", v->head.tenants + 1, sizeof *v->from, &from, e) < 0 ||
        sect_need(a->file, "TNLS", v->head.lists, sizeof *v->list, &list, e) < 0 ||
        ids_open(&v->names, a->file, "TN", v->head.tenants, v->head.tenants, e) < 0)
        return e->code;
    v->from = from;
    v->list = list;
    if (!v->names.text)
        return sect_bad(a->file, "TNST", "it is missing", e);
    for (uint64_t t = 0; t <= v->head.tenants; t++) {
        const struct tenant_from *f = &v->from[t], *last = t ? f - 1 : f;

        if (f->list < last->list || f->code < last->code || f->list > v->head.lists ||
            f->list - last->list > v->head.nodes || f->code > v->bits_len || f->rows > v->rows ||
            (t == 0 && (f->list > 0 || f->code > 0)) ||
            (t == v->head.tenants && (f->list < v->head.lists || f->code < v->bits_len)))
            return sect_bad(a->file, "TNFR", "tenants' lists do not follow each other", e);
    }
    for (uint64_t i = 0; i < v->head.lists; i++)
        if (v->list[i].node >= v->head.nodes)
            return sect_bad(a->file, "TNLS", "a list is of no node", e);
    return 0;
}

static int open_tenant(struct ann *a, struct err *e)
{
    struct tenant_index *v = a->state = mem_zero(1, sizeof *v, e);

    if (!v)
        return e->code;
    v->rows = a->rows;
    if (open_head(a, v, e) < 0 || open_tree(a, v, e) < 0 || open_lists(a, v, e) < 0)
        return e->code;
    if (form_holds_vectors(&a->form)) {
        a->vectors = v->code;
        a->vector_stride = v->code_stride;
    }
    return 0;
}

/* ---- what is the tenants' ---- */

static uint32_t tenant(const struct ann *a, struct id name)
{
    const struct tenant_index *v = a->state;
    uint64_t t = ids_find(&v->names, name);

    return t == IDS_NO_ROW || t >= v->head.tenants ? ANN_NO_TENANT : (uint32_t)t;
}

static int list_grants(const struct tenant_index *v, uint32_t t, uint64_t i, struct ann_grants *g,
                       struct err *e)
{
    struct tenant_code c;
    uint32_t place[64];
    size_t n;

    if (!tenant_code_of(v, t, &v->list[i], &c))
        return 0;
    while ((n = tenant_code_next(&c, v->node[v->list[i].node].start, place, 64)) > 0)
        for (size_t k = 0; k < n; k++)
            if (grants_add(g, t, v->row[place[k]], e) < 0)
                return e->code;
    return 0;
}

static int grants(const struct ann *a, struct ann_grants *g, struct err *e)
{
    const struct tenant_index *v = a->state;
    uint32_t number;

    for (uint32_t t = 0; t < v->head.tenants; t++) {
        if (grants_tenant(g, ids_of(&v->names, t), &number, e) < 0)
            return e->code;
        for (uint64_t i = v->from[t].list; i < v->from[t + 1].list; i++)
            if (list_grants(v, t, i, g, e) < 0)
                return e->code;
    }
    return grants_settle(g, e);
}

/* ---- looking at it ---- */

static void info(const struct ann *a, struct ann_info *i)
{
    const struct tenant_index *v = a->state;

    i->spread = (double)v->head.spread;
}

static void tenants(const struct ann *a, struct ann_tenants *s)
{
    const struct tenant_index *v = a->state;
    uint64_t set = 0;

    *s = (struct ann_tenants){.tenants = v->head.tenants,
                              .grants = v->head.grants,
                              .nodes = v->head.nodes,
                              .depth = v->depth,
                              .lists = v->head.lists,
                              .list_bytes = v->bits_len + v->head.lists * sizeof *v->list +
                                            (v->head.tenants + 1) * sizeof *v->from,
                              .filter_bits = v->filter_words * 64};
    for (uint64_t i = 0; i < v->head.nodes; i++)
        if (v->node[i].count == 0) {
            s->leaves++;
            s->leaf_most = v->node[i].rows > s->leaf_most ? v->node[i].rows : s->leaf_most;
        }
    for (uint32_t t = 0; t < v->head.tenants; t++)
        for (uint64_t i = v->from[t].list; i < v->from[t + 1].list; i++) {
            struct tenant_code c;

            if (tenant_code_of(v, t, &v->list[i], &c))
                s->list_most = c.n > s->list_most ? c.n : s->list_most;
        }
    for (uint64_t i = 0; i < v->filter_words; i++)
        set += (uint64_t)__builtin_popcountll(v->filter[i]);
    s->filter_fill = v->filter_words ? (double)set / (64.0 * (double)v->filter_words) : 0;
}

/* Each row is at one place. */
static int check_rows(const struct ann *a, const struct tenant_index *v, struct err *e)
{
    uint8_t *met = mem_zero((size_t)v->rows, 1, e);
    int rc = met ? 0 : e->code;

    for (uint64_t i = 0; rc == 0 && i < v->rows; i++)
        if (met[v->row[i]]++)
            rc = sect_bad(a->file, "ROWS", "a row is at two places", e);
    free(met);
    return rc;
}

/* The places of list i ascend, are none of deleted rows, and their code ends where the next
 * begins. */
static int check_list(const struct ann *a, uint32_t t, uint64_t i, uint64_t *grants, struct err *e)
{
    const struct tenant_index *v = a->state;
    const struct tenant_node *node = &v->node[v->list[i].node];
    uint64_t at = v->from[t].code + v->list[i].at, got = 0;
    uint64_t end = i + 1 < v->from[t + 1].list ? v->from[t].code + v->list[i + 1].at
                                               : v->from[t + 1].code;
    struct tenant_code c;
    uint32_t place, last = 0;

    if (!tenant_code_of(v, t, &v->list[i], &c) || at + tenant_code_bytes(&c, v->bits + at) != end ||
        (node->count > 0 && c.n > TENANT_LIST))
        return sect_bad(a->file, "LIST", "a list is none", e);
    while (tenant_code_next(&c, node->start, &place, 1) > 0) {
        if (got++ > 0 && place <= last)
            return sect_bad(a->file, "LIST", "a list does not ascend", e);
        if (ann_is_dead(a->dead, v->row[place]))
            return sect_bad(a->file, "LIST", "it holds a deleted row", e);
        last = place;
    }
    if (got != c.n)
        return sect_bad(a->file, "LIST", "a list ends too early", e);
    *grants += got;
    return 0;
}

/* Filters let the tenant pass from the root to a list. */
static int check_way(const struct ann *a, uint32_t t, uint32_t to, struct err *e)
{
    const struct tenant_index *v = a->state;
    uint32_t at = 0, place = v->node[to].start;

    for (;;) {
        const struct tenant_node *node = &v->node[at];
        uint32_t c = node->first;

        if (!tenant_may_be(v->filter + node->filter, node->words, v->head.tenants, t))
            return sect_bad(a->file, "BLOM", "a filter stops a tenant who has rows there", e);
        if (at == to)
            return 0;
        while (c < node->first + node->count &&
               (place < v->node[c].start || place >= v->node[c].start + v->node[c].rows))
            c++;
        if (c == node->first + node->count)
            return sect_bad(a->file, "TNLS", "a list is of a node that has no rows", e);
        at = c;
    }
}

static int check_tenant(const struct ann *a, uint32_t t, uint64_t *grants, struct err *e)
{
    const struct tenant_index *v = a->state;
    uint64_t next = 0, before = *grants;

    for (uint64_t i = v->from[t].list; i < v->from[t + 1].list; i++) {
        const struct tenant_node *node = &v->node[v->list[i].node];

        if (node->rows == 0 || node->start < next || (i == v->from[t].list && v->list[i].at != 0))
            return sect_bad(a->file, "TNLS", "lists are not in order", e);
        next = (uint64_t)node->start + node->rows;
        if (check_list(a, t, i, grants, e) < 0 || check_way(a, t, v->list[i].node, e) < 0)
            return e->code;
    }
    if (*grants - before != v->from[t].rows)
        return sect_bad(a->file, "TNFR", "a tenant has another number of rows", e);
    return 0;
}

static int check(const struct ann *a, struct err *e)
{
    const struct tenant_index *v = a->state;
    uint64_t grants = 0;

    if (check_rows(a, v, e) < 0 || ids_check(&v->names, a->file, NULL, e) < 0)
        return e->code;
    for (uint32_t t = 0; t < v->head.tenants; t++)
        if (check_tenant(a, t, &grants, e) < 0)
            return e->code;
    if (grants != v->head.grants)
        return sect_bad(a->file, "TNTH", "lists hold another number of rows", e);
    return 0;
}

static void filter_more(const struct ann *a, const struct ann_search_opts *o, struct filter_case *c)
{
    c->own = o->tenant ? tenant_rows(a->state, *o->tenant) : 0;
}

/* Vectors stand in the order of places. */
static void rows_at(const struct ann *a, uint64_t from, uint64_t n, uint64_t *row)
{
    const struct tenant_index *v = a->state;

    for (uint64_t i = 0; i < n; i++)
        row[i] = v->row[from + i];
}

/* Seconds are measured ones of a core of 2024 (Zen 5, 2.6 GHz), shared out. */
static void plan(struct ann_plan *p, const struct vec_rows *base, const struct ann_build_opts *o)
{
    uint64_t rows = base->rows, grants = 0, cells, nodes = rows / TENANT_LEAF * 9 / 8 + 1;
    uint64_t node = cells_row_bytes(base->dim, base->dim) + sizeof(struct tenant_node);
    int threads = o->threads > 0 ? o->threads : 1;
    struct form f;

    if (o->grants && o->grants->settled)
        grants = o->grants->start[o->grants->settled];
    form_plan(&f, base, o->codec, !o->no_vectors, o->metric);
    cells = form_stride(&f);
    p->memory_bytes = rows * (cells + 12) + grants * 6 + nodes * (node + base->dim * 4);
    p->file_bytes = rows * (cells + 4) + grants * 2 + nodes * node;
    if (!o->no_vectors && !form_holds_vectors(&f))
        p->file_bytes += rows * base->dim * vec_type_size(base->type);
    p->seconds = ((double)rows * base->dim * 1e-7 + (double)grants * 2e-7) / threads;
}

const struct ann_kind ann_kind_tenant = {
    .name = "tenant",
    .id = {'t', 'e', 'n', 't'},
    .sections = ANN_SECTIONS "TNTHMIDPNODECELLBLOMROWSCODETNFRTNLSLISTTNSTTNSOTNSP",
    .effort = "reach",
    .effort_default = TENANT_REACH,
    .effort_most = ANN_EFFORT_MOST,
    .filter = FILTER_RIGHTS,
    .filter_more = filter_more,
    .rows_at = rows_at,
    .make = tenant_make,
    .update = tenant_update,
    .save = save,
    .made_free = tenant_made_free,
    .open = open_tenant,
    .close = close_tenant,
    .block = tenant_block,
    .searcher_new = tenant_searcher_new,
    .search = tenant_search,
    .count = tenant_count,
    .searcher_free = tenant_searcher_free,
    .tenants = tenants,
    .tenant = tenant,
    .grants = grants,
    .check = check,
    .info = info,
    .plan = plan,
};
