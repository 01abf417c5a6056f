/* hqi_tree.c - the tree of hqi.h: rows are cut in two by what the workload asks, again and again.
 *
 * Rows of which all bitmaps say the same, and that are in the same cell of space, are never cut
 * apart: they are a heap, and the tree is made of heaps, which are few where predicates are.
 */
#include <stdlib.h>
#include <string.h>

#include "ann/hqi.h"
#include "base/mem.h"
#include "base/names.h"

enum {
    WORDS_MOST = HQI_BITMAPS / 64, /* of the bits of a heap */
    LARGE = 32,                    /* least leaves that a node has rows for to be cut by cells */
};

struct heap {
    uint64_t rows;
    unsigned cell;
};

/* What is on one side of a cut, or in a node. */
struct side {
    uint64_t rows, cells;
    uint64_t bits[WORDS_MOST]; /* what is true of any row */
};

struct making {
    const struct hqi_cuts *c;
    struct hqi_tree *t;
    size_t cap, words;
    struct names *keys; /* a heap's words and its cell: its number */
    struct heap *heap;
    uint64_t *bits; /* [heaps][words] */
    size_t heaps, heap_cap, bits_cap;
    uint32_t *of_row;  /* [rows]: heap */
    uint32_t *order;   /* [heaps]: those of a node stand together */
    uint32_t *leaf_of; /* [heaps] */
    uint32_t *spare;   /* [heaps] */
    struct side *side; /* [cuts][2] */
    uint32_t *query;   /* queries that reach a node, behind those that reach the ones above it */
    size_t query_cap;
};

/* ---- heaps ---- */

static const uint64_t *bits_of(const struct making *m, uint32_t heap)
{
    return m->bits + heap * m->words;
}

static int new_heap(struct making *m, const uint64_t *key, struct err *e)
{
    size_t n = m->heaps;

    if (mem_reserve(&m->heap, &m->heap_cap, n + 1, sizeof *m->heap, e) < 0 ||
        mem_reserve(&m->bits, &m->bits_cap, (n + 1) * m->words + 1, sizeof *m->bits, e) < 0)
        return e->code;
    m->heap[n] = (struct heap){.cell = (unsigned)key[m->words]};
    memcpy(m->bits + n * m->words, key, m->words * sizeof *key);
    m->order[n] = (uint32_t)n;
    m->heaps++;
    return 0;
}

static int add_row(struct making *m, uint64_t row, struct err *e)
{
    uint64_t key[WORDS_MOST + 1] = {0}, number;

    for (uint32_t b = 0; b < m->c->bitmaps; b++)
        key[b / 64] |= (m->c->bits[b][row / 64] >> row % 64 & 1) << b % 64;
    key[m->words] = m->c->cell[row];
    if (names_add(m->keys, (const char *)key, (m->words + 1) * sizeof *key, &number, e) < 0 ||
        (number == m->heaps && new_heap(m, key, e) < 0))
        return e->code;
    m->heap[number].rows++;
    m->of_row[row] = (uint32_t)number;
    return 0;
}

static int make_heaps(struct making *m, struct err *e)
{
    if (names_new(&m->keys, e) < 0)
        return e->code;
    for (uint64_t i = 0; i < m->c->rows; i++)
        if (add_row(m, i, e) < 0)
            return e->code;
    return 0;
}

/* ---- cuts ---- */

/* Cut number i is by a bitmap, or by a set of cells. */
static bool is_left(const struct making *m, uint32_t cut, uint32_t heap)
{
    if (cut < m->c->bitmaps)
        return bits_of(m, heap)[cut / 64] >> cut % 64 & 1;
    return m->c->near[cut - m->c->bitmaps] >> m->heap[heap].cell & 1;
}

static void add_heap(const struct making *m, struct side *s, uint32_t heap)
{
    const uint64_t *bits = bits_of(m, heap);

    s->rows += m->heap[heap].rows;
    s->cells |= UINT64_C(1) << m->heap[heap].cell;
    for (size_t w = 0; w < m->words; w++)
        s->bits[w] |= bits[w];
}

static bool reaches(const struct hqi_query *q, const struct side *s)
{
    return (q->predicate == UINT32_MAX || s->bits[q->predicate / 64] >> q->predicate % 64 & 1) &&
           (q->near & s->cells) != 0;
}

/* Rows that a cut saves queries of a node to look at. */
static double saved(const struct making *m, const struct side *s, const uint32_t *query, size_t n)
{
    uint64_t all = s[0].rows + s[1].rows, look = 0;

    if (s[0].rows < m->c->least || s[1].rows < m->c->least)
        return 0;
    for (size_t i = 0; i < n; i++) {
        const struct hqi_query *q = &m->c->query[query[i]];

        look += (reaches(q, &s[0]) ? s[0].rows : 0) + (reaches(q, &s[1]) ? s[1].rows : 0);
    }
    return (double)all * (double)n - (double)look;
}

/* How even the sides are: 1/2 at best. */
static double evenness(const struct side *s)
{
    uint64_t all = s[0].rows + s[1].rows, few = s[0].rows < s[1].rows ? s[0].rows : s[1].rows;

    return all ? (double)few / (double)all : 0;
}

/* What heaps order[from, to) are on either side of cuts [cut, last). */
static void try_cuts(const struct making *m, size_t from, size_t to, uint32_t cut, uint32_t last)
{
    memset(m->side + 2 * cut, 0, 2 * (size_t)(last - cut) * sizeof *m->side);
    for (size_t i = from; i < to; i++)
        for (uint32_t k = cut; k < last; k++)
            add_heap(m, &m->side[2 * k + !is_left(m, k, m->order[i])], m->order[i]);
}

/* The best cut of heaps order[from, to), or as many as there are cuts: none is worth it. Cells come
 * where predicates save nothing more. */
static uint32_t best_cut(const struct making *m, size_t from, size_t to, uint64_t rows,
                         const uint32_t *query, size_t n)
{
    uint32_t cuts = m->c->bitmaps + m->c->n_near, best = cuts;
    double most = 0;

    try_cuts(m, from, to, 0, m->c->bitmaps);
    for (uint32_t cut = 0; cut < m->c->bitmaps; cut++) {
        double is = saved(m, &m->side[2 * cut], query, n);

        best = is > most ? cut : best;
        most = is > most ? is : most;
    }
    if (best < cuts || rows < LARGE * m->c->least)
        return best;
    try_cuts(m, from, to, m->c->bitmaps, cuts);
    for (uint32_t cut = m->c->bitmaps; cut < cuts; cut++) {
        double is = saved(m, &m->side[2 * cut], query, n) * evenness(&m->side[2 * cut]);

        best = is > most ? cut : best;
        most = is > most ? is : most;
    }
    return best;
}

/* Heaps of the left side come first, all in their order: where the right ones begin. */
static size_t part(const struct making *m, size_t from, size_t to, uint32_t cut)
{
    size_t left = from, right = 0;

    for (size_t i = from; i < to; i++) {
        if (is_left(m, cut, m->order[i]))
            m->order[left++] = m->order[i];
        else
            m->spare[right++] = m->order[i];
    }
    memcpy(m->order + left, m->spare, right * sizeof *m->order);
    return left;
}

/* ---- nodes ---- */

/* Queries [from, to) of m->query that reach what is in s, behind `to`: how many, or an error. */
static int64_t reaching(struct making *m, const struct side *s, size_t from, size_t to,
                        struct err *e)
{
    size_t n = to;

    if (mem_reserve(&m->query, &m->query_cap, 2 * to - from, sizeof *m->query, e) < 0)
        return e->code;
    for (size_t i = from; i < to; i++) {
        m->query[n] = m->query[i];
        n += reaches(&m->c->query[m->query[i]], s);
    }
    return (int64_t)(n - to);
}

/* A node of heaps order[from, to), and all that are below it. Queries as of reaching(). Nodes are
 * as deep as HQI_DEPTH_MOST. */
static int add_node(struct making *m, size_t from, size_t to, uint32_t depth, size_t q_from,
                    size_t q_to, struct err *e)
{
    struct hqi_tree *t = m->t;
    uint32_t number = t->nodes, cuts = m->c->bitmaps + m->c->n_near, cut = cuts;
    struct side s = {0};
    int64_t n;

    for (size_t i = from; i < to; i++)
        add_heap(m, &s, m->order[i]);
    n = reaching(m, &s, q_from, q_to, e);
    if (n < 0 || mem_reserve(&t->node, &m->cap, number + 1ull, sizeof *t->node, e) < 0)
        return e->code;
    t->node[t->nodes++] = (struct hqi_node){.depth = depth, .rows = s.rows, .cells = s.cells};
    t->depth = depth > t->depth ? depth : t->depth;
    if (s.rows >= 2 * m->c->least && depth < HQI_DEPTH_MOST)
        cut = best_cut(m, from, to, s.rows, m->query + q_to, (size_t)n);
    if (cut < cuts) {
        size_t middle = part(m, from, to, cut);

        if (add_node(m, from, middle, depth + 1, q_to, q_to + (size_t)n, e) < 0 ||
            add_node(m, middle, to, depth + 1, q_to, q_to + (size_t)n, e) < 0)
            return e->code;
    } else {
        for (size_t i = from; i < to; i++)
            m->leaf_of[m->order[i]] = t->leaves;
        t->leaves++;
    }
    t->node[number].size = t->nodes - number;
    return 0;
}

static int room(struct making *m, struct err *e)
{
    size_t cuts = (size_t)m->c->bitmaps + m->c->n_near, rows = m->c->rows;

    m->of_row = mem_array(rows, sizeof *m->of_row, e);
    m->order = mem_array(rows, sizeof *m->order, e);
    m->leaf_of = mem_array(rows, sizeof *m->leaf_of, e);
    m->spare = mem_array(rows, sizeof *m->spare, e);
    m->side = mem_array(2 * cuts, sizeof *m->side, e);
    m->t->leaf = mem_array(rows, sizeof *m->t->leaf, e);
    return m->of_row && m->order && m->leaf_of && m->spare && m->side && m->t->leaf &&
                   mem_reserve(&m->query, &m->query_cap, m->c->queries + 1, sizeof *m->query, e) ==
                       0
               ? 0
               : e->code;
}

int hqi_tree(struct hqi_tree *t, const struct hqi_cuts *c, struct err *e)
{
    struct making m = {.c = c, .t = t, .words = (c->bitmaps + 63) / 64};
    int rc = room(&m, e);

    for (size_t i = 0; rc == 0 && i < c->queries; i++)
        m.query[i] = (uint32_t)i;
    if (rc == 0)
        rc = make_heaps(&m, e);
    if (rc == 0)
        rc = add_node(&m, 0, m.heaps, 0, 0, c->queries, e);
    for (uint64_t i = 0; rc == 0 && i < c->rows; i++)
        t->leaf[i] = m.leaf_of[m.of_row[i]];
    names_free(m.keys);
    free(m.heap);
    free(m.bits);
    free(m.of_row);
    free(m.order);
    free(m.leaf_of);
    free(m.spare);
    free(m.side);
    free(m.query);
    return rc;
}

void hqi_tree_free(struct hqi_tree *t)
{
    free(t->node);
    free(t->leaf);
    *t = (struct hqi_tree){0};
}
