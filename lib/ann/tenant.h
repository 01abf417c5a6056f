/* tenant.h - rows of many tenants in one index: each may see some of them, and a row may be seen by
 * many. After Curator (Jin et al. 2024): one tree of clusters of all rows, and in it, for each
 * tenant, the short lists of what is the tenant's.
 *
 * Tree. k-means from the root down, until a node has few rows. Rows stand in the order of the
 * leaves, at `places`, so that a node is a range of places; nodes stand level by level, the
 * children of one together. Of a node its mean c is kept, in cells of 8 bits (cells.h), and r, the
 * root of the mean square of the distances of its rows to c.
 *
 * Short lists. On the way down a tenant's rows are cut at the first node where they are at most
 * TENANT_LIST, or at a leaf. A list is the places of its rows within the range of its node, by
 * Elias-Fano (tenant_code.h): about 2 + log2(rows / the tenant's) bits each. A tenant is thus an
 * array of nodes and where their lists are, in the order of places: a subtree has a range of it.
 * There is no list that a tenant shares, and no check of rights: what a tenant may not see is not
 * in its lists.
 *
 * Filters. A node knows which tenants have rows at or below it that are not in a list above: a
 * Bloom filter, or bits by number where they are as few. A wrong yes costs a look.
 *
 * Search. The rows of a node at distance d from the query lie at about d^2 + r^2 (Pythagoras: in
 * many dimensions a row's offset is across), and few much below; so nodes come in the order of
 *
 *   d^2 + r^2 - 2 b d r          under ip:  -<q, c> - b |q| r          b = TENANT_ORDER
 *
 * First down the tree, best first, past the filters, until TENANT_FLAT of the tenant's lists are
 * below what was met (those of a smaller tenant are below the root): these are sorted by their
 * nodes' keys, and their rows compared, until `reach` times the fourth root of the tenant's rows
 * were, one number for tenants of all sizes. Until there are k rows nothing ends it: who may see k
 * rows gets k.
 *
 * Rows are compared by their codes (form.h). How far those are off was measured when the index was
 * made: a true key lies within spread * sqrt(key) + noise of the estimate, but for one in
 * TENANT_RISK; under ip within spread * |q|. So which vectors must be read is known: no k' is to be
 * guessed.
 *
 * Other rows. Where only some rows may be found, those of a list are looked up by their numbers,
 * and only those that may be are compared and count: `reach` then goes by how many of them the
 * tenant is expected to have. Where they are so few that looking at each costs less than passing
 * through the tenant's lists, each is looked for in the one list that could hold it.
 *
 * Changes. What was in the tree stays, new rows go to the leaf that a search would come to first;
 * then all lists and filters are made anew. When more rows came than were there, so is the tree.
 *
 * Files. Sections beside those of the form and VECS, which are in the order of places:
 *   TNTH  struct tenant_head           MIDP  f32 [dim]: the mean (ivf.h: the space)
 *   NODE  struct tenant_node [nodes]   CELL  cells of the nodes
 *   BLOM  u64: filters                 ROWS  u32 [rows]: the row at each place
 *   CODE  cells of the rows            TNST, TNSO, TNSP: names of tenants (ids.h)
 *   TNFR  struct tenant_from [tenants + 1]: where lists and codes of each tenant begin
 *   TNLS  struct tenant_list [lists]   LIST  codes, and 8 bytes of 0
 *
 * Threads  immutable while it is searched.
 */
#ifndef ANN_TENANT_H
#define ANN_TENANT_H

#include "ann/ivf.h"
#include "ann/kind.h"
#include "ann/tenant_code.h"

enum {
    TENANT_LEAF = 48,   /* rows that a leaf should have */
    TENANT_FAN = 16,    /* children of a node, about */
    TENANT_DEPTH = 24,  /* of the tree at most */
    TENANT_LIST = 48,   /* rows of a short list */
    TENANT_FLAT = 800,  /* lists that are sorted at once */
    TENANT_REACH = 200, /* the default */
    TENANT_RISK = 100,  /* rows of which one may be farther off than its bound says */
    TENANT_FILTER = 8,  /* bits of a Bloom filter for each tenant */
    TENANT_HASHES = 4,
};
#define TENANT_ORDER 0.65f

struct tenant_head {
    uint64_t nodes, tenants, lists, grants;
    float scale; /* of the space */
    float step;  /* of the nodes' cells */
    float spread, noise;
    uint32_t made; /* rows that the tree was made of */
    uint32_t zero;
};
_Static_assert(sizeof(struct tenant_head) == 56, "TNTH has no holes");

struct tenant_node {
    uint32_t first, count; /* children */
    uint32_t start, rows;  /* places */
    float radius;          /* in the space */
    uint32_t filter;       /* its first word in BLOM, */
    uint32_t words;        /* and how many */
    uint32_t zero;
};
_Static_assert(sizeof(struct tenant_node) == 32, "NODE has no holes");

struct tenant_list {
    uint32_t node, at; /* its codes begin so many bytes after the tenant's first */
};

/* Where a tenant's lists and codes begin, and how many rows it has. */
struct tenant_from {
    uint64_t list, code, rows;
};

struct tenant_index {
    struct tenant_head head;
    struct ivf_space space;
    uint64_t rows;
    const struct tenant_node *node;
    const uint8_t *cells; /* of the nodes */
    size_t cells_stride;
    const uint64_t *filter;
    const uint32_t *row; /* ROWS */
    const uint8_t *code; /* CODE */
    size_t code_stride;
    const struct tenant_from *from;
    const struct tenant_list *list;
    const uint8_t *bits; /* LIST */
    uint64_t bits_len;   /* without the zeros behind */
    uint64_t filter_words;
    float *radius; /* [nodes]: theirs, one after the other */
    uint32_t most_children, depth;
    struct ids names;
    _Atomic(uint32_t *) place; /* [rows]: of each row; NULL until a filter wants it */
};

static inline uint64_t tenant_rows(const struct tenant_index *v, uint32_t tenant)
{
    return tenant < v->head.tenants ? v->from[tenant].rows : 0;
}

/* The code of one of the tenant's lists. False: it is damaged. */
static inline bool tenant_code_of(const struct tenant_index *v, uint32_t tenant,
                                  const struct tenant_list *list, struct tenant_code *c)
{
    uint64_t at = v->from[tenant].code + list->at;

    return at <= v->bits_len &&
           tenant_code_begin(c, v->bits + at, v->bits_len - at, v->node[list->node].rows);
}

/* ---- filters ---- */

/* Words that n of `tenants` tenants take, and the bits of one of them: by its number where that
 * takes no more. */
static inline uint64_t tenant_words(uint64_t n, uint64_t tenants)
{
    uint64_t words = (n * TENANT_FILTER + 63) / 64, direct = (tenants + 63) / 64;

    return words < direct ? words : direct;
}

static inline bool tenant_is_direct(uint64_t words, uint64_t tenants)
{
    return words * 64 >= tenants;
}

/* Bit i of TENANT_HASHES. */
static inline uint64_t tenant_bit(uint32_t tenant, unsigned i, uint64_t words)
{
    uint64_t h = (tenant + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15);
    uint32_t at;

    h = (h ^ h >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    h ^= h >> 32;
    at = (uint32_t)h + i * (uint32_t)(h >> 32 | 1);
    return (uint64_t)at * (words * 64) >> 32;
}

static inline bool tenant_may_be(const uint64_t *word, uint64_t words, uint64_t tenants,
                                 uint32_t tenant)
{
    if (words == 0)
        return false;
    if (tenant_is_direct(words, tenants))
        return word[tenant / 64] >> tenant % 64 & 1;
    for (unsigned i = 0; i < TENANT_HASHES; i++) {
        uint64_t bit = tenant_bit(tenant, i, words);

        if (!(word[bit / 64] >> bit % 64 & 1))
            return false;
    }
    return true;
}

/* ---- points ---- */

/* A point of the space, [padded], as a query of the nodes' cells; weights: [stride], aligned. */
struct cells_query tenant_query(const struct ivf_space *s, const float *x, float step,
                                int8_t *weights, size_t stride);
/* The leaf that a walk comes to, by the nearest child. */
uint32_t tenant_leaf(const struct tenant_index *v, const struct cells_ops *ops,
                     const struct cells_query *q);

/* ---- making ---- */

struct tenant_made {
    struct tenant_head head;
    struct ivf_space space;
    float *mean;
    struct tenant_node *node;
    size_t nodes, nodes_cap;
    float *centre; /* [nodes][dim] of a tree that is made now; NULL: `cells` are there */
    size_t centre_cap;
    uint8_t *cells;
    size_t cells_stride;
    uint64_t rows;
    uint32_t *order; /* [rows]: what stands at each place, as ann_maker's `order` */
    uint32_t *row;   /* [rows]: ROWS */
    uint8_t *code;
    size_t code_bytes;
    uint64_t *filter;
    size_t filter_words;
    struct tenant_from *from;
    struct tenant_list *list;
    struct buf bits;
};

/* tenant_make.c: of kind.h. */
int tenant_make(struct ann_maker *m, struct err *e);
int tenant_update(struct ann_maker *m, struct err *e);
void tenant_made_free(void *state);
/* tenant_tree.c: nodes, cells and `order` of a new tree over the rows of a base. */
int tenant_tree(struct tenant_made *v, const struct ann_maker *m, const struct vec_rows *base,
                struct err *e);
/* tenant_lists.c: lists and filters; place: [rows of the grants], UINT32_MAX for those left out. */
int tenant_lists(struct tenant_made *v, const struct ann_grants *g, const uint32_t *place,
                 int threads, struct err *e);
/* tenant_error.c: spread and noise, by code and order. */
int tenant_errors(struct tenant_made *v, const struct ann_maker *m, struct err *e);

/* ---- searching: tenant_search.c ---- */

uint64_t tenant_block(const struct ann *a, const struct ann_search_opts *o, uint64_t n);
int tenant_searcher_new(void **searcher, const struct ann *a, const struct ann_search_opts *o,
                        uint64_t block, struct err *e);
void tenant_search(void *searcher, const struct ann_queries *q);
void tenant_count(const void *searcher, struct ann_search_stats *s);
void tenant_searcher_free(void *searcher);

#endif
