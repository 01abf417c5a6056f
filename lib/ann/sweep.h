/* sweep.h - the curve of recall against queries a second: an index searched with one setting after
 * the other.
 *
 * A setting is the kind's effort, or a slack, or what ann_tune() found (ann.h). Each is searched
 * `rounds` times with all queries in one call, and the fastest counts: its queries a second, and
 * the time of a query that half, and 99 of 100, stay below. (What queries prepare together, a few
 * microseconds, is in the first alone.)
 *
 * Without given settings they grow by the square root of 2, from k for ef and 1 for others, until
 * the recall is SWEEP_ENOUGH, or has not grown in four settings, or the setting is as large as the
 * index, or keep all.
 *
 * Errors   those of ann_search() and recall_compute(); ERR_USAGE: queries of another dimension, a
 *          truth of another number of queries.
 */
#ifndef ANN_SWEEP_H
#define ANN_SWEEP_H

#include "ann/ann.h"
#include "base/mem.h"
#include "vec/neigh.h"

#define SWEEP_ENOUGH .999

struct sweep_setting {
    uint32_t effort, rerank; /* ann_search_opts */
    float slack;
    double target; /* the recall that it was tuned for; 0: it was not */
};

struct sweep_opts {
    uint32_t k;
    int threads;
    uint32_t rounds;                     /* at least 1 */
    const struct sweep_setting *setting; /* NULL: as above */
    size_t settings;
    const uint32_t *tenant; /* of a kind with tenants: whose rows are searched; NULL: of others */
    progress_fn *progress;  /* NULL: none */
    void *progress_ctx;
};

struct sweep_point {
    struct sweep_setting setting;
    double recall, qps, p50_us, p99_us;
    double keys, exact; /* codes compared and vectors read, a query */
};

/* An index and its curve. */
struct sweep {
    const char *name; /* the index's, as it was given: the caller's */
    const char *what; /* behind it in the picture: the caller's */
    struct ann_info info;
    struct sweep_point *point;
    size_t n, cap;
};

/* Searches a; {0} becomes a curve, of which sweep_free() frees the points, after a failure too. */
int sweep_run(struct sweep *s, const struct ann *a, const struct sweep_opts *o,
              const struct vec_matrix *queries, const struct neigh *truth, struct err *e);
void sweep_free(struct sweep *s);

/* Curves of the same queries as a picture, SVG: appended to *out. */
int sweep_draw(const struct sweep *s, size_t n, const struct sweep_opts *o, struct buf *out,
               struct err *e);

#endif
