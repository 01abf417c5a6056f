/* graph_around.h - where hardly a row near the query is allowed, though elsewhere they are: rows
 * that were seen before, or those of all others. The nearest allowed rows then stand around the
 * query on all sides, and a walk from one to the next finds those of one side.
 *
 * So the rows that are not allowed are left, too, nearest first, until the nearest is farther than
 * what is kept: as HNSW does it in any case. All allowed rows that were met then are a ring about
 * which codes do not say enough, for many are about as near: they are compared as where few rows
 * are allowed (gather.h). The cost goes by the rows in between; where a look at all allowed rows is
 * not much dearer, it is given up.
 */
#ifndef ANN_GRAPH_AROUND_H
#define ANN_GRAPH_AROUND_H

#include "ann/graph.h"

enum { AROUND_MOST = 1 << 16 /* rows that are met at most */ };

/* From this share on rows are missed by a walk that begins where none is allowed. */
#define GRAPH_DENSE 0.5
/* So often, compared with all rows, are allowed ones few. */
#define GRAPH_BARE 0.25

/* Marks of rows that were met: `scouted` where only their keys were looked at, `done` where all of
 * their links were. */
struct graph_marks {
    uint8_t scouted, done;
};

/* Of n rows whose keys are there the allowed ones come first: how many. */
static inline size_t graph_keep_allowed(struct graph_walker *w, const uint64_t *bits, size_t n)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        w->id[kept] = w->id[i];
        w->key[kept] = w->key[i];
        kept += allowed_row(bits, w->id[i]);
    }
    return kept;
}

/* Rows in w->id, n of them, were met, and have their keys. */
void graph_around_met(struct graph_walker *w, size_t n);
/* Of the nearest rows that were met, are far fewer allowed than of all, a share? */
bool graph_around_bare(struct graph_walker *w, const uint64_t *bits, double share);
/* The walk: were all rows left that are nearer than what is kept? Then w->ring has the allowed rows
 * that were met. */
bool graph_around_walk(const struct graph *g, const struct cells_query *q, struct graph_walker *w,
                       const uint64_t *bits, struct graph_marks m, double share);
/* After another walk: of a sample of all allowed rows, was one missed that is nearer than the
 * w->ef_least-th? */
bool graph_around_missed(const struct graph *g, const struct cells_query *q, struct graph_walker *w,
                         const uint64_t *bits, struct graph_marks m, double share);

#endif
