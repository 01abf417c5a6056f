/* hqi.h - an index that is made for a workload: queries with predicates (where.h), of which many
 * ask the same (HQI, Mohoney et al. 2023, "High-throughput vector similarity search in knowledge
 * graphs").
 *
 * Tree. Rows are cut in two, and again, as a qd-tree does it (Yang et al. 2020): what is cut by are
 * predicates of the workload and the tests in them. Of each cut it is known what the queries of the
 * workload would have to look at: a query goes where there are rows that its predicate is true of.
 * The cut that saves most is taken, and none that leaves less than `least` rows on a side. That the
 * larger side counts against it, as the paper has it, does harm: rows of rare predicates are then
 * scattered before it is their turn.
 * Where no such cut saves anything and there still are many rows, they are cut by space, of which
 * k-means makes cells: by sets of near cells, where a query goes to the HQI_QUERY_CELLS nearest to
 * it, and evenness counts. hqi_tree.c
 *
 * Rows that a predicate is not true of stand on the other side, also those of which it is not false
 * (NULL). Each node says of each column which codes its rows have: the least, the largest, and
 * which of 256 sorts there are (0 is NULL, the others are even stretches of codes; of a set column
 * codes are those of strings, and 1 is the empty set). So of any predicate, seen before or not, it
 * is told of a node that it is true of no row, of all, or that it is not known. hqi_seen.c
 *
 * Leaves hold lists of their own (ivf.h), one after the other; so all codes, bounds and sections
 * of the kind "ivf" are here, too.
 *
 * Search. Queries that stand together and may find the same rows are a group: the tree is looked
 * through once, and rows of leaves of which it is not known are looked up once. Lists without any
 * such row are left out, and lists whose rows all are need no look at any. Of what is left each
 * query scans the nearest lists, those of a list together, and more of them where lists hold few
 * such rows: by the root of their share. Cells serve the cuts alone: which leaves are near is told
 * by the centroids of their lists, so that nothing is lost by them. Where all lists are to be
 * scanned, each row is compared by its vector. hqi_search.c
 *
 * A query that may find any row meets lists of all leaves, and pays for the cuts: near rows, which
 * few lists of an ivf hold, stand in as many leaves as attributes have nothing to do with space. Of
 * 200,000 rows in 567 leaves 48,000 codes are compared for a recall of .87, of the ivf's 6,300, and
 * no order of the lists helps: each leaf's nearest list holds its own near rows. Lists over all
 * beside those of leaves would be a second index, without its vectors.
 *
 * Files: sections of the kind "ivf", and
 *   HQIH  struct hqi_head
 *   HQIT  struct hqi_node [nodes]: a node before its children, the left one before the right one
 *   HQID  struct hqi_seen [nodes][columns]
 *
 * Cost  of the tree: rows * different tests * depth, and of each node cuts * queries.
 * Threads  immutable while it is searched.
 */
#ifndef ANN_HQI_H
#define ANN_HQI_H

#include "ann/ivf.h"
#include "ann/where.h"

enum {
    HQI_CELLS = 64,      /* of space, at most: bits of a number */
    HQI_DEPTH_MOST = 48, /* of the tree */
    HQI_SEEN_WORDS = 4,  /* of bits for codes */
    HQI_BITMAPS = 256,   /* of predicates and tests, at most */
    HQI_NPROBE = 96,     /* the default */
    HQI_LEAST = 64,      /* rows of a leaf, by default */
    HQI_QUERY_CELLS = 4, /* that a query counts as near */
    HQI_QUERIES = 4096,  /* that the tree is made by, at most */
};

struct hqi_head {
    uint32_t nodes, columns, leaves, depth;
    uint32_t cells, least;
    uint64_t queries; /* of the workload */
};
_Static_assert(sizeof(struct hqi_head) == 32, "HQIH has no holes");

struct hqi_node {
    uint32_t size;         /* nodes below it, itself too: 1 is a leaf */
    uint32_t depth;        /* 0: the root */
    uint32_t first, lists; /* lists of its leaves */
    uint64_t rows, cells;  /* cells: bits of those that rows are in */
};
_Static_assert(sizeof(struct hqi_node) == 32, "HQIT has no holes");

/* Codes of some rows in a column; lo > hi: they have none. */
struct hqi_seen {
    uint32_t lo, hi;
    uint64_t bits[HQI_SEEN_WORDS];
};
_Static_assert(sizeof(struct hqi_seen) == 40, "HQID has no holes");

/* ---- hqi_seen.c ---- */

/* What rows of each node have: seen[nodes][a->n]. leaf: [rows], the node that is a row's leaf. */
int hqi_look(const struct attrs *a, const struct hqi_node *node, uint32_t nodes,
             const uint32_t *leaf, struct hqi_seen *seen, struct err *e);

enum hqi_truth { HQI_NONE, HQI_SOME, HQI_ALL }; /* of a node's rows; HQI_SOME: it is not known */

/* seen: [columns]. room: [w->nodes]. */
enum hqi_truth hqi_truth(const struct where *w, const struct hqi_seen *seen, uint8_t *room);

/* ---- hqi_tree.c ---- */

/* A workload, as the tree is cut by it: bitmaps of rows, those of predicates first, then of their
 * tests; and queries. */
struct hqi_query {
    uint32_t predicate; /* UINT32_MAX: of no bitmap, so it may find any row */
    uint64_t near;      /* bits of cells */
};

struct hqi_cuts {
    uint64_t rows, least;
    uint32_t bitmaps;
    uint64_t *const *bits; /* [bitmaps][ATTRS_WORDS(rows)] */
    const uint8_t *cell;   /* [rows] */
    uint32_t n_near;
    const uint64_t *near; /* [n_near]: sets of cells to cut by */
    const struct hqi_query *query;
    size_t queries;
};

struct hqi_tree {
    struct hqi_node *node;
    uint32_t nodes, leaves, depth;
    uint32_t *leaf; /* [rows]: the number of each row's leaf, as leaves come among nodes */
};

int hqi_tree(struct hqi_tree *t, const struct hqi_cuts *c, struct err *e);
void hqi_tree_free(struct hqi_tree *t); /* {0} is fine */

/* ---- hqi_build.c ---- */

struct hqi_made {
    struct ivf_made ivf;
    struct hqi_head head;
    struct hqi_tree tree;
    struct hqi_seen *seen;
};

int hqi_make(struct hqi_made *h, const struct ann_maker *m, struct err *e);
void hqi_made_free(struct hqi_made *h);

/* ---- an index ---- */

struct hqi {
    struct ivf ivf; /* first */
    struct hqi_head head;
    const struct hqi_node *node;
    const struct hqi_seen *seen;
};

/* ---- hqi_search.c ---- */

int hqi_searcher_new(void **searcher, const struct ann *a, const struct ann_search_opts *o,
                     uint64_t block, struct err *e);
void hqi_search(void *searcher, const struct ann_queries *q);
void hqi_count(const void *searcher, struct ann_search_stats *s);
void hqi_searcher_free(void *searcher);

#endif
