/* graph.h - a graph of near rows, and the walk through it: best first, with the best `ef` rows so
 * far in a sorted pool (the beam search of HNSW, NSG and DiskANN).
 *
 * Row i has `degree` links of `width` bytes (2, 3 or 4), little-endian, without gaps; a link to
 * itself is none. Whatever the bytes, a link leads to a row: what is too large is the last one.
 *
 * One hop takes the nearest row of the pool that has not been left yet, asks memory for the cells
 * of all its neighbours that were not met before, and then computes their keys in one call.
 *
 * A search may end sooner (Al-Jazzazi et al. 2025, distance-adaptive beam search): with d_k the
 * k-th best squared distance so far, rows beyond (1 + slack) d_k are not followed and, once there
 * are `keep`, not kept. So a query with many rows at about d_k goes on, and one whose neighbours
 * stand apart ends soon. Ours beside it: of a row at d_k + t slack d_k, t in 0..1, only the share
 * 1 - t^2 of its links is looked at, the first of them, which takes a further twentieth of the keys
 * away at the same recall. And of the nearest row of all 8 links are looked at first, then as many
 * again, and the walk goes on from what is nearer as soon as there is such: on the way to the query
 * most rows are soon behind it, and their other links, of the pool's no more, are never looked at.
 * That is a tenth of the keys where a walk is short.
 *
 * Where only some rows are allowed, only these are in the pool, and neighbours of neighbours that
 * are not allowed stand in for those (ACORN-1, Patel et al. 2024): of a row that is left, the
 * allowed neighbours, then those of its other neighbours, nearest first, until there are as many as
 * a row has on average; each row that is not allowed is passed but once. Ours beside it: walks
 * begin where a short walk without any filter ends, of which all allowed rows count, and at allowed
 * rows from all over the bits, so that clusters are found to which nothing near the query leads.
 * The pool is smaller than ef, as a walk through so few rows is easier than one through all; but
 * not where rows near the query are more seldom allowed than others, as the first walk has seen;
 * where they hardly are, graph_around.h.
 *
 * Threads  a graph is immutable while it is walked; a walker belongs to one thread.
 */
#ifndef ANN_GRAPH_H
#define ANN_GRAPH_H

#include <stdbool.h>

#include "ann/allowed.h"
#include "ann/cells.h"
#include "ann/cand.h"
#include "ann/row_bytes.h"
#include "base/err.h"
#include "base/progress_fn.h"

enum {
    GRAPH_DEGREE_MAX = 256,
    GRAPH_ENTRIES_MAX = 256,
    GRAPH_LINKS_LEAST = 4,             /* of a row, that are looked at with a slack */
    GRAPH_LINKS_PART = 8,              /* of the nearest row, at first, with a slack */
    GRAPH_MEET = 4 * GRAPH_DEGREE_MAX, /* rows of a hop, and one more */
};
#define GRAPH_ROWS_MAX UINT64_C(0x7fffffff) /* a row and a mark in 32 bits */

struct graph {
    uint64_t rows, live;  /* live: those that are not dead; all links are to such */
    const uint64_t *dead; /* bits; NULL: none is */
    uint32_t degree;
    unsigned width;
    const uint8_t *links;
    const uint32_t *entries; /* where walks begin; each below rows */
    uint32_t n_entries;
    unsigned bits; /* of the cells: 8, 4, or CELLS_MIXED */
    const uint8_t *cells;
    size_t stride;
    const struct cells_ops *ops;
    const struct allowed_ops *allowed; /* of walks among allowed rows only */
};

static inline bool graph_is_dead(const struct graph *g, uint64_t row)
{
    return g->dead && g->dead[row / 64] >> row % 64 & 1;
}

static inline uint32_t graph_link(const struct graph *g, uint64_t row, uint32_t i)
{
    uint32_t to = row_read(g->links + (row * g->degree + i) * g->width, g->width);

    return to < g->rows ? to : (uint32_t)(g->rows - 1);
}

enum { GRAPH_WIDER = 2 };

struct graph_walker {
    uint64_t *pool;     /* [room + 1]; best first once walked */
    size_t n, ef, room; /* ef: at most `room` */
    size_t ef_least;    /* of walks among allowed rows, which choose: at most ef */
    uint64_t *left;     /* rows left, in that order; NULL: not kept */
    size_t n_left, left_cap;
    uint8_t *met; /* [rows]: == turn when met */
    uint64_t rows;
    uint8_t turn; /* this walk's */
    uint32_t *id; /* [GRAPH_MEET] */
    float *key;
    uint32_t *via, *to;         /* the same */
    uint64_t *around;           /* graph_around.h: rows met, [AROUND_MOST], or NULL */
    uint32_t *ring;             /* [AROUND_MOST]: those of them that are allowed */
    size_t n_around, n_ring;    /* n_ring > 0: the last walk went around */
    uint64_t keys, hops, links; /* of all walks so far; links looked at */
    uint64_t parts;             /* of them, goes at a row's links but for the last */
    size_t k, keep;             /* k 0: a walk ends when the whole pool was left; keep >= k */
    float slack;
    float zero; /* of the query: key + zero is its squared distance, times anything */
};

/* ef: at least 1; no more than rows are kept; room is the same. `left` is kept up to left_cap rows.
 * k is 0. */
int graph_walker_init(struct graph_walker *w, uint64_t rows, size_t ef, size_t left_cap,
                      struct err *e);
/* For walks among allowed rows. */
int graph_walker_around(struct graph_walker *w, struct err *e);
void graph_walker_free(struct graph_walker *w); /* {0} is fine */

void graph_walk(const struct graph *g, const struct cells_query *q, struct graph_walker *w);
/* The same among the rows whose bits are set, a share of the live ones; deleted rows may be found
 * if theirs are. None is where it is better to look at all of them. Best with a room of
 * GRAPH_WIDER * ef, and after graph_walker_around(). */
void graph_walk_allowed(const struct graph *g, const struct cells_query *q, struct graph_walker *w,
                        const uint64_t *bits, double share);
/* No row has been met: done by every walk; for who marks rows by hand. */
void graph_walker_begin(struct graph_walker *w);

/* ---- making (graph_build.c, graph_update.c, graph_repair.c) ---- */

struct graph_opts {
    uint32_t degree; /* links of a row at most, 2 to GRAPH_DEGREE_MAX */
    uint32_t beam;   /* rows of the pool while building */
    double alpha;    /* at least 1: how much nearer a neighbour's neighbour must be */
    int threads;
    progress_fn *progress; /* NULL: none */
    void *progress_ctx;
};

/* Links of 4 bytes for the cells of *g (of 8 bits; rows, live, dead, stride, cells, ops are set),
 * and entries; *g points to them. All rows can be reached from the first entry, but for dead ones,
 * which have no links and to which none leads. */
struct graph_made {
    uint32_t *link; /* [rows][degree], of this mapping */
    size_t bytes;
    uint32_t entry[GRAPH_ENTRIES_MAX];
    uint64_t repaired; /* rows that could not be reached at first */
};

int graph_make(struct graph_made *m, struct graph *g, const struct graph_opts *o, struct err *e);
/* The same from a graph that was: *was has links and entries, and the first rows of *g are its
 * rows, some of them dead now. What was linked to those is linked anew near them, what is not in
 * *was is inserted. */
int graph_update(struct graph_made *m, struct graph *g, const struct graph *was,
                 const struct graph_opts *o, struct err *e);
void graph_made_free(struct graph_made *m); /* {0} is fine */

/* Bytes that making takes, beside the cells. */
uint64_t graph_make_bytes(uint64_t rows, const struct graph_opts *o);

/* How many rows can be reached from the first entry. */
int graph_reach(const struct graph *g, uint64_t *reached, struct err *e);
/* Links to rows that cannot be reached, from near ones that can, so that all can. link is g's. */
int graph_repair(const struct graph *g, uint32_t *link, size_t beam, uint64_t *repaired,
                 struct err *e);

#endif
