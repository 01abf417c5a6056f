/* kind_graph.c - the kind "graph": sections CODE (rows of cells), LINK and ENTR. */
#include <math.h>
#include <stdlib.h>

#include "ann/graph_file.h"
#include "ann/graph_search.h"
#include "ann/graph_suit.h"
#include "base/mem.h"

enum { ENCODE_CHUNK = 1008 }; /* rows that a thread takes at once: blocks of form.h */

/* What was made and is to be written. */
struct making {
    uint64_t rows, room;   /* room: rows that there is memory for */
    uint8_t *cells, *fine; /* those of the file; those the graph is made with, often the same */
    size_t stride, fine_stride;
    struct graph graph;
    struct graph_made made;
};

static struct graph_opts graph_opts_of(const struct ann_build_opts *o, bool mapped)
{
    uint32_t degree = mapped ? ANN_DEGREE_MAPPED : ANN_DEGREE_DEFAULT;

    return (struct graph_opts){.degree = o->degree ? o->degree : degree,
                               .beam = o->beam ? o->beam : ANN_BEAM_DEFAULT,
                               .alpha = o->alpha > 0 ? o->alpha : ANN_ALPHA_DEFAULT,
                               .threads = o->threads > 0 ? o->threads : 1,
                               .progress = o->progress,
                               .progress_ctx = o->progress_ctx};
}

/* ---- making ---- */

static void made_free(void *state)
{
    struct making *g = state;

    if (!g)
        return;
    if (g->fine && g->fine != g->cells)
        mem_unmap(g->fine, g->room * g->fine_stride + 1);
    if (g->cells)
        mem_unmap(g->cells, g->room * g->stride + 1);
    graph_made_free(&g->made);
    free(g);
}

/* Rows as cells, on all threads; the error is that of the first row that has one. */
static int encode(const struct ann_maker *m, const struct vec_rows *base, bool fine, uint8_t *cells,
                  struct err *e)
{
    size_t stride = fine ? form_fine_stride(&m->form) : form_stride(&m->form);
    uint64_t rows = base->rows, bad = UINT64_MAX;
    int threads = m->o->threads > 0 ? m->o->threads : 1;

#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (uint64_t at = 0; at < rows; at += ENCODE_CHUNK) {
        uint64_t n = rows - at < ENCODE_CHUNK ? rows - at : ENCODE_CHUNK;
        struct err mine = {0};

        if (form_encode(&m->form, base, at, n, fine, cells + at * stride, &mine) < 0)
#pragma omp critical
            if (at < bad) {
                bad = at;
                *e = mine;
            }
    }
    return bad == UINT64_MAX ? 0 : e->code;
}

/* Of an update: the rows that were, then those that came. The first keep their codes if those are
 * of the form, and without vectors codes are all there is to make others of. */
static int encode_all(const struct ann_maker *m, const struct making *g, bool fine, uint8_t *cells,
                      struct err *e)
{
    const struct ann *a = m->change ? m->change->a : NULL;
    size_t stride = fine ? form_fine_stride(&m->form) : form_stride(&m->form);
    uint64_t before = a ? a->rows : 0;
    struct vec_rows old;

    if (a && fine && !a->vectors) {
        form_refine(&m->form, g->cells, g->rows, cells);
        return 0;
    }
    if (a && !fine && !m->change->recode) {
        memcpy(cells, ((const struct graph *)a->state)->cells, before * stride);
    } else if (before > 0) {
        old = (struct vec_rows){a->vectors, before, a->form.dim, a->form.type, a->vector_stride};
        if (encode(m, &old, fine, cells, e) < 0)
            return e->code;
    }
    return encode(m, m->base, fine, cells + before * stride, e);
}

static int encode_both(struct ann_maker *m, struct making *g, struct err *e)
{
    g->stride = form_stride(&m->form);
    g->fine_stride = form_fine_stride(&m->form);
    if (!(g->cells = mem_map(g->rows * g->stride + 1, e)) ||
        encode_all(m, g, false, g->cells, e) < 0)
        return e->code;
    if (m->form.bits == 8) {
        g->fine = g->cells;
        return 0;
    }
    if (!(g->fine = mem_map(g->rows * g->fine_stride + 1, e)))
        return e->code;
    return encode_all(m, g, true, g->fine, e);
}

/* The graph is made to suit a sample of queries, which are searched by the cells that are kept. */
static int suit(struct ann_maker *m, struct making *g, const struct graph_opts *o, struct err *e)
{
    struct graph_sample s = {&m->form, m->o->queries, m->o->n_queries, o->beam, o->threads};
    struct graph kept = g->graph;
    uint64_t repaired;

    kept.bits = form_bits(&m->form);
    kept.cells = g->cells;
    kept.stride = g->stride;
    if (graph_suit(&g->made, &kept, &s, e) < 0)
        return e->code;
    g->graph.n_entries = kept.n_entries;
    if (graph_repair(&g->graph, g->made.link, o->beam, &repaired, e) < 0)
        return e->code;
    g->made.repaired += repaired;
    return 0;
}

/* Room and codes of `rows` rows, and the graph that they will have. */
static int begin(struct ann_maker *m, uint64_t rows, struct err *e)
{
    struct making *g = m->state = mem_zero(1, sizeof *g, e);

    if (!g)
        return e->code;
    g->rows = g->room = rows;
    if (rows > GRAPH_ROWS_MAX)
        return err_set(e, ERR_USAGE, "a graph has up to %llu rows",
                       (unsigned long long)GRAPH_ROWS_MAX);
    if (encode_both(m, g, e) < 0)
        return e->code;
    g->graph = (struct graph){.rows = rows,
                              .live = rows,
                              .bits = 8,
                              .cells = g->fine,
                              .stride = g->fine_stride,
                              .ops = m->ops};
    return 0;
}

static void set_meta(struct ann_maker *m, const struct graph_opts *o)
{
    const struct making *g = m->state;

    m->repaired = g->made.repaired;
    m->meta.degree = o->degree;
    m->meta.width = row_width(g->rows);
    m->meta.entries = g->graph.n_entries;
    m->meta.beam = o->beam;
    m->meta.alpha = o->alpha;
}

static int make(struct ann_maker *m, struct err *e)
{
    struct graph_opts o = graph_opts_of(m->o, m->form.mapped);
    struct making *g;

    if (begin(m, m->base->rows, e) < 0)
        return e->code;
    g = m->state;
    if (graph_make(&g->made, &g->graph, &o, e) < 0 || (m->o->n_queries && suit(m, g, &o, e) < 0))
        return e->code;
    set_meta(m, &o);
    return 0;
}

/* ---- changing ---- */

/* Dead rows are left out, and the others move up. */
static int squeeze(struct making *g, const uint64_t *dead, struct err *e)
{
    uint32_t degree = g->graph.degree, *to = mem_array(g->rows, sizeof *to, e), n = 0;

    if (!to)
        return e->code;
    for (uint64_t i = 0; i < g->rows; i++) {
        to[i] = n;
        n += !ann_is_dead(dead, i);
    }
    for (uint64_t i = 0; i < g->rows; i++) {
        const uint32_t *from = g->made.link + i * degree;
        uint32_t *link = g->made.link + (size_t)to[i] * degree;

        if (ann_is_dead(dead, i))
            continue;
        memmove(g->cells + to[i] * g->stride, g->cells + i * g->stride, g->stride);
        for (uint32_t k = 0; k < degree; k++)
            link[k] = to[from[k]];
    }
    for (uint32_t i = 0; i < g->graph.n_entries; i++)
        g->made.entry[i] = to[g->made.entry[i]];
    free(to);
    g->rows = n;
    return 0;
}

static int update(struct ann_maker *m, struct err *e)
{
    struct graph_opts o = graph_opts_of(m->o, m->form.mapped);
    const struct ann_change *c = m->change;
    struct making *g;

    if (begin(m, c->rows, e) < 0)
        return e->code;
    g = m->state;
    g->graph.live = c->live;
    g->graph.dead = c->live < c->rows ? c->dead : NULL;
    if (graph_update(&g->made, &g->graph, c->a->state, &o, e) < 0 ||
        (c->compact && squeeze(g, c->dead, e) < 0))
        return e->code;
    set_meta(m, &o);
    return 0;
}

/* ---- writing ---- */

static int save(const struct ann_maker *m, struct sect_writer *w, struct err *e)
{
    const struct making *g = m->state;
    struct graph_kept kept = {g->cells, g->stride, g->rows, m->meta.width};

    return graph_put(w, &g->graph, &g->made, &kept, e);
}

/* ---- opening ---- */

static int open_graph(struct ann *a, struct err *e)
{
    const struct ann_meta *m = &a->meta;
    struct graph *g = a->state = mem_zero(1, sizeof *g, e);

    if (!g)
        return e->code;
    *g = (struct graph){.rows = m->rows,
                        .live = a->live,
                        .dead = a->dead,
                        .degree = m->degree,
                        .width = m->width,
                        .n_entries = m->entries,
                        .bits = form_bits(&a->form),
                        .stride = form_stride(&a->form),
                        .ops = a->ops,
                        .allowed = allowed_ops_for(a->cpu)};
    if (m->beam < 1 || m->beam > ANN_BEAM_MOST) /* an update takes room for as many rows */
        return sect_bad(a->file, "META", "no walk keeps so many rows", e);
    if (graph_open(g, a->file, e) < 0)
        return e->code;
    if (form_holds_vectors(&a->form)) {
        a->vectors = g->cells;
        a->vector_stride = g->stride;
    }
    return 0;
}

/* ---- looking at it ---- */

static int links(const struct ann *a, struct ann_links *l, struct err *e)
{
    const struct graph *g = a->state;

    *l = (struct ann_links){.least = g->live ? g->degree : 0};
    for (uint64_t row = 0; row < g->rows; row++) {
        uint32_t n = 0;

        if (graph_is_dead(g, row))
            continue;
        for (uint32_t i = 0; i < g->degree; i++)
            n += graph_link(g, row, i) != row;
        l->links += n;
        l->none += n == 0;
        l->least = n < l->least ? n : l->least;
        l->most = n > l->most ? n : l->most;
        l->by_degree[n]++;
    }
    return graph_reach(g, &l->reached, e);
}

static int check(const struct ann *a, struct err *e)
{
    return graph_check(a->state, a->file, e);
}

/* Seconds are measured ones of a core of 2024 (Zen 5, 2.6 GHz), shared out. */
static void plan(struct ann_plan *p, const struct vec_rows *base, const struct ann_build_opts *o)
{
    struct form f;
    struct graph_opts g;
    uint64_t cells, fine;
    double row;

    form_plan(&f, base, o->codec, !o->no_vectors, o->metric);
    g = graph_opts_of(o, f.mapped);
    cells = form_stride(&f);
    fine = f.bits == 8 ? 0 : form_fine_stride(&f);
    row = 1e-6 * g.beam * (0.3 + 0.002 * (double)(fine ? fine : cells));

    p->memory_bytes = base->rows * (cells + fine) + graph_make_bytes(base->rows, &g);
    if (o->n_queries)
        p->memory_bytes += graph_suit_bytes(base->rows, o->n_queries);
    p->file_bytes = base->rows * (cells + (uint64_t)g.degree * row_width(base->rows));
    p->seconds = (double)base->rows * row / g.threads;
    if (!o->no_vectors && !form_holds_vectors(&f))
        p->file_bytes += base->rows * base->dim * vec_type_size(base->type);
}

const struct ann_kind ann_kind_graph = {
    .name = "graph",
    .id = {'g', 'r', 'p', 'h'},
    .sections = ANN_SECTIONS "ENTRCODELINK",
    .make = make,
    .update = update,
    .save = save,
    .made_free = made_free,
    .open = open_graph,
    .close = free,
    .effort = "ef",
    .effort_default = 64,
    .effort_most = ANN_EFFORT_MOST,
    .filter = FILTER_WALK,
    .slack_effort = ANN_SLACK_EFFORT_LEAST,
    .slack_effort_k = ANN_SLACK_EFFORT,
    .pool = true,
    .rerank = true,
    .block = graph_search_block,
    .searcher_new = graph_searcher_new,
    .search = graph_search,
    .count = graph_search_count,
    .searcher_free = graph_searcher_free,
    .links = links,
    .check = check,
    .plan = plan,
};
