/* kind_hqi.c - the kind "hqi": its sections (hqi.h), checked before they are used. */
#include <stdlib.h>
#include <string.h>

#include "ann/hqi.h"
#include "base/mem.h"

/* ---- making ---- */

static void made_free(void *state)
{
    if (state)
        hqi_made_free(state);
    free(state);
}

static int make(struct ann_maker *m, struct err *e)
{
    struct hqi_made *h = m->state = mem_zero(1, sizeof *h, e);

    if (!h || hqi_make(h, m, e) < 0)
        return e->code;
    m->order = h->ivf.order;
    return 0;
}

static int save(const struct ann_maker *m, struct sect_writer *w, struct err *e)
{
    const struct hqi_made *h = m->state;
    size_t nodes = h->head.nodes;

    if (ivf_save(&h->ivf, w, e) < 0 ||
        sect_put(w, "HQIH", SECT_REQUIRED, &h->head, sizeof h->head, e) < 0 ||
        sect_put(w, "HQIT", SECT_REQUIRED, h->tree.node, nodes * sizeof *h->tree.node, e) < 0)
        return e->code;
    return sect_put(w, "HQID", SECT_REQUIRED, h->seen, nodes * h->head.columns * sizeof *h->seen,
                    e);
}

/* ---- opening ---- */

static void close_hqi(void *state)
{
    struct hqi *h = state;

    if (h)
        ivf_close(&h->ivf);
    free(h);
}

/* Of the node at i: it has one node below it, or two that fill it; lists and rows are theirs. */
static bool is_node(const struct hqi *h, uint32_t i)
{
    const struct hqi_node *n = &h->node[i], *left = n + 1, *right;
    const struct ivf *v = &h->ivf;

    if (n->size == 0 || n->size > h->head.nodes - i || n->size == 2 || n->first > v->head.lists ||
        n->lists > v->head.lists - n->first || n->depth > HQI_DEPTH_MOST)
        return false;
    if (n->size == 1)
        return n->rows == v->start[n->first + n->lists] - v->start[n->first];
    if (left->size == 0 || left->size > n->size - 2)
        return false;
    right = left + left->size;
    return right->size == n->size - 1 - left->size && left->depth == n->depth + 1 &&
           right->depth == n->depth + 1 && left->first == n->first &&
           right->first == (uint64_t)n->first + left->lists &&
           n->lists == (uint64_t)left->lists + right->lists && left->rows <= n->rows &&
           right->rows == n->rows - left->rows;
}

static int open_tree(struct ann *a, struct hqi *h, struct err *e)
{
    const void *head, *node, *seen;
    uint32_t leaves = 0, depth = 0;

    if (sect_need(a->file, "HQIH", 1, sizeof h->head, &head, e) < 0)
        return e->code;
    memcpy(&h->head, head, sizeof h->head);
    if (h->head.nodes == 0 || h->head.columns != a->attrs.n || h->head.cells > HQI_CELLS)
        return sect_bad(a->file, "HQIH", "its numbers contradict each other", e);
    if (sect_need(a->file, "HQIT", h->head.nodes, sizeof *h->node, &node, e) < 0 ||
        sect_need(a->file, "HQID", (uint64_t)h->head.nodes * h->head.columns, sizeof *h->seen,
                  &seen, e) < 0)
        return e->code;
    h->node = node;
    h->seen = seen;
    for (uint32_t i = 0; i < h->head.nodes; i++) {
        if (!is_node(h, i))
            return sect_bad(a->file, "HQIT", "a node's numbers contradict each other", e);
        leaves += h->node[i].size == 1;
        depth = h->node[i].depth > depth ? h->node[i].depth : depth;
    }
    if (h->node->size != h->head.nodes || h->node->depth != 0 || h->node->first != 0 ||
        h->node->lists != h->ivf.head.lists || leaves != h->head.leaves || depth != h->head.depth)
        return sect_bad(a->file, "HQIT", "its tree does not hold all lists", e);
    return 0;
}

static int open_hqi(struct ann *a, struct err *e)
{
    struct hqi *h = a->state = mem_zero(1, sizeof *h, e);

    if (!h || ivf_open(a, &h->ivf, e) < 0)
        return e->code;
    return open_tree(a, h, e);
}

/* ---- looking at it ---- */

static void info(const struct ann *a, struct ann_info *i)
{
    const struct hqi *h = a->state;

    ivf_info(a, i);
    i->leaves = h->head.leaves;
    i->depth = h->head.depth;
    i->workload = h->head.queries;
    i->leaf_least = UINT64_MAX;
    for (uint32_t k = 0; k < h->head.nodes; k++)
        if (h->node[k].size == 1) {
            i->leaf_least = h->node[k].rows < i->leaf_least ? h->node[k].rows : i->leaf_least;
            i->leaf_most = h->node[k].rows > i->leaf_most ? h->node[k].rows : i->leaf_most;
        }
}

/* The leaf of each row, as a node. */
static uint32_t *leaves_of(const struct ann *a, const struct hqi *h, struct err *e)
{
    uint32_t *leaf = mem_zero(a->rows, sizeof *leaf, e);

    for (uint32_t i = 0; leaf && i < h->head.nodes; i++) {
        const struct hqi_node *n = &h->node[i];

        for (uint64_t r = h->ivf.start[n->first];
             n->size == 1 && r < h->ivf.start[n->first + n->lists]; r++)
            leaf[h->ivf.row[r]] = i;
    }
    return leaf;
}

static int check(const struct ann *a, struct err *e)
{
    const struct hqi *h = a->state;
    size_t all = (size_t)h->head.nodes * h->head.columns;
    struct hqi_seen *seen = mem_array(all, sizeof *seen, e);
    uint32_t *leaf = seen ? leaves_of(a, h, e) : NULL;
    int rc = leaf ? ivf_check(a, e) : e->code;

    if (rc == 0)
        rc = hqi_look(&a->attrs, h->node, h->head.nodes, leaf, seen, e);
    if (rc == 0 && all > 0 && memcmp(seen, h->seen, all * sizeof *seen) != 0)
        rc = sect_bad(a->file, "HQID", "a node says other codes than its rows have", e);
    free(seen);
    free(leaf);
    return rc;
}

/* Beside what lists take: bitmaps of the workload. */
static void plan(struct ann_plan *p, const struct vec_rows *base, const struct ann_build_opts *o)
{
    ivf_cost(p, base, o);
    p->memory_bytes += base->rows * (HQI_BITMAPS / 8 + 20);
    p->seconds += (double)base->rows * 2e-6;
}

const struct ann_kind ann_kind_hqi = {
    .rows_at = ivf_rows_at,
    .name = "hqi",
    .id = {'h', 'q', 'i', ' '},
    .sections = ANN_SECTIONS IVF_SECTIONS "HQIHHQITHQID",
    .effort = "nprobe",
    .effort_default = HQI_NPROBE,
    .effort_most = ANN_EFFORT_MOST,
    .filter = FILTER_LEAVES,
    .attrs_inside = true,
    .form_part = ivf_form_part,
    .make = make,
    .save = save,
    .made_free = made_free,
    .open = open_hqi,
    .close = close_hqi,
    .block = ivf_block,
    .searcher_new = hqi_searcher_new,
    .search = hqi_search,
    .count = hqi_count,
    .searcher_free = hqi_searcher_free,
    .lists = ivf_lists,
    .check = check,
    .info = info,
    .plan = plan,
};
