/* hqi_work.h - a workload becomes what a tree is cut by (hqi.h): its predicates, their tests, and
 * which cells of space are near to its queries. Of predicates that are many those that are asked
 * most often count; the others' queries may find any row.
 */
#ifndef ANN_HQI_WORK_H
#define ANN_HQI_WORK_H

#include "ann/hqi.h"

struct hqi_work {
    struct hqi_cuts cuts;
    uint32_t cells;
    /* its own */
    uint64_t **bits;
    uint32_t *predicate; /* [wheres]: which of them, by text */
    uint32_t *rank;      /* of a predicate: its bitmap, or UINT32_MAX */
    struct hqi_query *query;
    uint64_t *near;
    uint8_t *cell;
};

/* The workload of m->o: {0} becomes what hqi_work_free() frees also on failure. ERR_USAGE: a
 * predicate is none, as where.h says, or there are not as many as queries. */
int hqi_work(struct hqi_work *w, const struct ann_maker *m, struct err *e);
/* The rest: of: [rows], each row's cell of `cells` whose centroids are given. */
int hqi_work_cells(struct hqi_work *w, const struct ivf_space *s, const float *centroid,
                   uint32_t cells, const uint32_t *of, const struct ann_build_opts *o,
                   struct err *e);
void hqi_work_free(struct hqi_work *w);

#endif
