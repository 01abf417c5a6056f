/* tenant_make.c - what an index of kind "tenant" will hold, for a build and after changes:
 * tenant.h.
 *
 * A build makes a tree, by which its rows stand. An update asks the tree that is there which leaf
 * each new row belongs to, and puts all rows in the order of the leaves, by number within one. From
 * there on the two are the same: rows are coded, errors measured, and everybody's lists made.
 */
#include <stdlib.h>

#include "ann/tenant.h"

/* ---- rows in the order of the tree ---- */

static int begin(struct tenant_made *v, const struct ann_maker *m, uint64_t rows, struct err *e)
{
    const struct form *f = &m->form;

    if (rows > GRANTS_ROWS_MAX)
        return err_set(e, ERR_USAGE, "an index of kind tenant has up to %llu rows",
                       (unsigned long long)GRANTS_ROWS_MAX);
    if (f->dim >= CELLS_DIM_MAX)
        return err_set(e, ERR_USAGE, "an index of kind tenant has up to %d components",
                       CELLS_DIM_MAX - 1);
    v->rows = rows;
    v->mean = mem_zero(f->dim, sizeof *v->mean, e);
    v->space = (struct ivf_space){.ops = f->ops,
                                  .metric = f->metric,
                                  .type = f->type,
                                  .dim = f->dim,
                                  .padded = f->dim,
                                  .scale = 1,
                                  .mean = v->mean};
    return v->mean ? 0 : e->code;
}

/* Codes of all rows, in their order: those that were, if they are to stay, are copied. */
static int encode(struct tenant_made *v, const struct ann_maker *m, struct err *e)
{
    const struct ann_change *c = m->change;
    const struct tenant_index *was = c ? c->a->state : NULL;
    size_t stride = form_stride(&m->form);
    int threads = m->o->threads > 1 ? m->o->threads : 1;
    uint64_t bad = UINT64_MAX, before = c ? c->a->rows : 0;

    v->code_bytes = v->rows * stride;
    if (!(v->code = mem_map(v->code_bytes + 1, e)))
        return e->code;
#pragma omp parallel for schedule(dynamic, 256) num_threads(threads)
    for (uint64_t i = 0; i < v->rows; i++) {
        uint32_t at = v->order[i];
        struct vec_rows one = *m->base;
        struct err mine = {0};

        if (at < before && !c->recode) {
            memcpy(v->code + i * stride, was->code + at * stride, stride);
            continue;
        }
        one.p = ann_vector_at(m, at);
        one.rows = 1;
        if (form_encode(&m->form, &one, 0, 1, false, v->code + i * stride, &mine) < 0)
#pragma omp critical
            if (at < bad) {
                bad = at;
                *e = mine;
            }
    }
    return bad == UINT64_MAX ? 0 : e->code;
}

/* ROWS from the numbers of all that `order` tells of; place: of each number, if it has one. */
static int finish(struct tenant_made *v, struct ann_maker *m, const uint32_t *place, struct err *e)
{
    m->order = v->order;
    if (encode(v, m, e) < 0)
        return e->code;
    if ((!m->change || m->change->recode) && tenant_errors(v, m, e) < 0)
        return e->code;
    return tenant_lists(v, m->grants, place, m->o->threads > 1 ? m->o->threads : 1, e);
}

int tenant_make(struct ann_maker *m, struct err *e)
{
    struct tenant_made *v = m->state = mem_zero(1, sizeof *v, e);
    uint32_t *place = NULL;
    int rc;

    if (!v || begin(v, m, m->base->rows, e) < 0 || ivf_check_rows(&v->space, m->base, e) < 0 ||
        tenant_tree(v, m, m->base, e) < 0)
        return e->code;
    v->row = mem_array(v->rows, sizeof *v->row, e);
    place = mem_array(v->rows, sizeof *place, e);
    for (uint64_t i = 0; v->row && place && i < v->rows; i++) {
        v->row[i] = v->order[i];
        place[v->order[i]] = (uint32_t)i;
    }
    rc = v->row && place ? finish(v, m, place, e) : e->code;
    free(place);
    return rc;
}

/* ---- an update ---- */

/* The nodes and cells that are there, and their space. */
static int keep_tree(struct tenant_made *v, const struct tenant_index *was, struct err *e)
{
    v->nodes = was->head.nodes;
    v->head = was->head;
    v->head.lists = 0;
    v->node = mem_array(v->nodes, sizeof *v->node, e);
    v->cells_stride = was->cells_stride;
    v->cells = v->node ? codec_array(v->nodes, v->cells_stride, e) : NULL;
    if (!v->cells)
        return e->code;
    memcpy(v->node, was->node, v->nodes * sizeof *v->node);
    memcpy(v->cells, was->cells, v->nodes * v->cells_stride);
    memcpy(v->mean, was->space.mean, v->space.dim * sizeof *v->mean);
    v->space.scale = was->space.scale;
    return 0;
}

/* The leaf of each row: of those that were by their place, of new ones by a walk. */
static int find_leaves(const struct ann_maker *m, const struct tenant_made *v, uint32_t *leaf,
                       struct err *e)
{
    const struct tenant_index *was = m->change->a->state;
    float *x = codec_array(v->space.padded, sizeof *x, e);
    int8_t *weights = codec_array(v->cells_stride, 1, e);

    for (size_t i = 0; i < v->nodes; i++)
        for (uint32_t p = v->node[i].start, end = p + v->node[i].rows;
             v->node[i].count == 0 && p < end; p++)
            leaf[was->row[p]] = (uint32_t)i;
    for (uint64_t i = 0; x && weights && i < m->base->rows; i++) {
        struct cells_query q;

        ivf_row(&v->space, m->base, i, x);
        q = tenant_query(&v->space, x, v->head.step, weights, v->cells_stride);
        leaf[was->rows + i] = tenant_leaf(was, m->ops, &q);
    }
    free(x);
    free(weights);
    return x && weights ? 0 : e->code;
}

/* Where nodes begin and end, by the rows of the leaves: *at is the next place. */
static void set_ranges(struct tenant_made *v, uint32_t at, uint32_t *place)
{
    struct tenant_node *node = &v->node[at];

    node->start = *place;
    if (node->count == 0)
        *place += node->rows;
    for (uint32_t c = node->first; c < node->first + node->count; c++)
        set_ranges(v, c, place);
    node->rows = *place - node->start;
}

/* Is row i in the file that will be? */
static bool stays(const struct ann_change *c, uint64_t i)
{
    return !(c->compact && ann_is_dead(c->dead, i));
}

/* Rows in the order of leaves: v->row their new numbers, v->order where they are now, place[i]
 * where row i will be. */
static int arrange(struct tenant_made *v, const struct ann_maker *m, const uint32_t *leaf,
                   uint32_t *place, struct err *e)
{
    const struct ann_change *c = m->change;
    const struct tenant_index *was = c->a->state;
    uint32_t *at = mem_array(was->rows, sizeof *at, e); /* the place of each row as it is now */
    uint32_t n = 0;

    v->row = mem_array(v->rows, sizeof *v->row, e);
    v->order = mem_array(v->rows, sizeof *v->order, e);
    if (at && v->row && v->order) {
        for (size_t i = 0; i < v->nodes; i++)
            v->node[i].rows = 0;
        for (uint64_t i = 0; i < c->rows; i++)
            v->node[leaf[i]].rows += stays(c, i);
        set_ranges(v, 0, &n);
        n = 0;
        for (uint64_t p = 0; p < was->rows; p++)
            at[was->row[p]] = (uint32_t)p;
        for (uint64_t i = 0; i < c->rows; i++) {
            place[i] = UINT32_MAX;
            if (!stays(c, i))
                continue;
            place[i] = v->node[leaf[i]].start++;
            v->order[place[i]] = i < was->rows ? at[i] : (uint32_t)i;
            v->row[place[i]] = n++;
        }
        for (size_t i = 0; i < v->nodes; i++) /* leaves began where they end by now */
            v->node[i].start -= v->node[i].count == 0 ? v->node[i].rows : 0;
    }
    free(at);
    return at && v->row && v->order ? 0 : e->code;
}

static int put_in_tree(struct tenant_made *v, struct ann_maker *m, uint32_t *place, struct err *e)
{
    uint32_t *leaf = mem_array(m->change->rows, sizeof *leaf, e);
    int rc = leaf ? find_leaves(m, v, leaf, e) : e->code;

    if (rc == 0)
        rc = arrange(v, m, leaf, place, e);
    free(leaf);
    return rc;
}

/* What stays, by its new numbers. */
struct stayers {
    unsigned char *vectors; /* a copy */
    uint32_t *from;         /* [rows]: in terms of ann_maker's `order` */
};

/* place[i]: the new number of row i, UINT32_MAX if it does not stay. */
static int copy_stayers(const struct tenant_made *v, const struct ann_maker *m, struct stayers *s,
                        uint32_t *place, struct err *e)
{
    const struct ann_change *c = m->change;
    const struct tenant_index *was = c->a->state;
    size_t bytes = c->a->vector_bytes;
    uint32_t *was_at = mem_array(c->rows, sizeof *was_at, e), n = 0; /* of each row */

    s->vectors = mem_map(v->rows * bytes + 1, e);
    s->from = mem_array(v->rows, sizeof *s->from, e);
    if (!was_at || !s->vectors || !s->from) {
        free(was_at);
        return e->code;
    }
    for (uint64_t p = 0; p < c->rows; p++)
        was_at[p < was->rows ? was->row[p] : p] = (uint32_t)p;
    for (uint64_t i = 0; i < c->rows; i++) {
        place[i] = UINT32_MAX;
        if (!stays(c, i))
            continue;
        memcpy(s->vectors + n * bytes, ann_vector_at(m, was_at[i]), bytes);
        place[i] = n;
        s->from[n++] = was_at[i];
    }
    free(was_at);
    return 0;
}

/* The tree has given `order` by new numbers: it is told as the maker wants it, and place becomes
 * where each row stands. */
static int renumber(struct tenant_made *v, const struct stayers *s, uint64_t rows, uint32_t *place,
                    struct err *e)
{
    uint32_t *place_of = mem_array(v->rows, sizeof *place_of, e); /* of each new number */

    v->row = mem_array(v->rows, sizeof *v->row, e);
    for (uint64_t i = 0; place_of && v->row && i < v->rows; i++) {
        v->row[i] = v->order[i];
        place_of[v->row[i]] = (uint32_t)i;
        v->order[i] = s->from[v->row[i]];
    }
    for (uint64_t i = 0; place_of && v->row && i < rows; i++)
        place[i] = place[i] == UINT32_MAX ? UINT32_MAX : place_of[place[i]];
    free(place_of);
    return place_of && v->row ? 0 : e->code;
}

/* A new tree of all that stays, of a copy in the order of their numbers. */
static int plant_anew(struct tenant_made *v, struct ann_maker *m, uint32_t *place, struct err *e)
{
    const struct ann_change *c = m->change;
    size_t bytes = c->a->vector_bytes;
    struct stayers s;
    struct vec_rows all;
    int rc = copy_stayers(v, m, &s, place, e);

    all = (struct vec_rows){s.vectors, v->rows, v->space.dim, v->space.type, bytes};
    if (rc == 0)
        rc = tenant_tree(v, m, &all, e);
    if (rc == 0)
        rc = renumber(v, &s, c->rows, place, e);
    if (s.vectors)
        mem_unmap(s.vectors, v->rows * bytes + 1);
    free(s.from);
    return rc;
}

/* Are there so many rows by now that the tree is worth making anew, and can it be? */
static bool outgrown(const struct ann_change *c)
{
    const struct tenant_index *was = c->a->state;

    return c->a->vectors ? c->live > 2 * (uint64_t)was->head.made : was->rows == 0;
}

int tenant_update(struct ann_maker *m, struct err *e)
{
    const struct ann_change *c = m->change;
    const struct tenant_index *was = c->a->state;
    struct tenant_made *v = m->state = mem_zero(1, sizeof *v, e);
    uint32_t *place = mem_array(c->rows, sizeof *place, e);
    int rc;

    if (!v || !place || begin(v, m, m->meta.rows, e) < 0) {
        free(place);
        return e->code;
    }
    v->head.spread = was->head.spread;
    v->head.noise = was->head.noise;
    if (outgrown(c))
        rc = plant_anew(v, m, place, e);
    else if ((rc = keep_tree(v, was, e)) == 0)
        rc = put_in_tree(v, m, place, e);
    if (rc == 0)
        rc = finish(v, m, place, e);
    free(place);
    return rc;
}

void tenant_made_free(void *state)
{
    struct tenant_made *v = state;

    if (!v)
        return;
    if (v->code)
        mem_unmap(v->code, v->code_bytes + 1);
    buf_free(&v->bits);
    free(v->mean);
    free(v->node);
    free(v->centre);
    free(v->cells);
    free(v->order);
    free(v->row);
    free(v->filter);
    free(v->from);
    free(v->list);
    free(v);
}
