/* fuse.h - several ranked lists for one question become one: the hybrid of a vector and a text
 * search, results of shards, rewrites of one question (Toolshed's multi-query fusion, arXiv
 * 2410.14594, which joins the results of three or more variants of each sub-question).
 *
 *   rrf    reciprocal rank fusion (Cormack, Clarke & Buettcher 2009): the sum over the lists of
 *          weight / (K + rank), rank from 1. Scores are not looked at, so that lists of any origin
 *          go together.
 *   score  the weighted sum of the scores, normalised in each list (CombSUM, Fox & Shaw 1994)
 *   max    the largest of the weighted normalised scores (CombMAX)
 *   turns  the first of each list, then the second of each, and so on: every list gets its winners
 *          in, as for sub-questions that each need an answer. The score is 1 / (1 + turn).
 *
 * Scores are turned so that larger is nearer, and then normalised:
 *   minmax  the list's smallest to 0, the largest to 1; equal ones are all 1; a row that the list
 *           does not name counts 0
 *   z       mean 0, standard deviation 1; equal ones are all 0; a row that is not there counts -2,
 *           or as the list's last if that is less
 *   none    as they are, of one metric; a row that is not there counts as the list's last. The
 *           fused scores are the metric's: distances stay distances, smallest first.
 * Under max a list that does not name the row does not count, and an empty list never does.
 *
 * Sums are made in double, in the order of the lists, and compared as they are printed, in float:
 * what is equal but for rounding is a tie. Ties: the smaller row number first, or the smaller name,
 * byte by byte. A row that a list names twice counts once, where it is better.
 */
#ifndef ANN_FUSE_H
#define ANN_FUSE_H

#include "base/progress_fn.h"
#include "vec/neigh.h"

enum fuse_method { FUSE_RRF, FUSE_SCORE, FUSE_MAX, FUSE_TURNS };
#define FUSE_METHOD_NAMES "rrf|score|max|turns"
enum fuse_norm { FUSE_MINMAX, FUSE_Z, FUSE_AS_IS };
#define FUSE_NORM_NAMES "minmax|z|none"
/* Which scores are near: as the order of a list tells, or as said. */
enum fuse_near { FUSE_BY_ORDER, FUSE_SMALLER, FUSE_LARGER };

#define FUSE_RRF_K 60

struct fuse_opts {
    enum fuse_method method;
    enum fuse_norm norm;
    enum fuse_near near; /* FUSE_AS_IS needs one that is said */
    double rrf_k;        /* at least 0 */
};

struct fuse;

int fuse_new(struct fuse **out, const struct fuse_opts *o, struct err *e);
void fuse_free(struct fuse *f); /* NULL is fine */
/* One more list for the question. ERR_INPUT, of score and max: a list without scores, with one that
 * is not finite, or in no order. */
int fuse_add(struct fuse *f, const struct neigh_list *l, double weight, struct err *e);
/* The best k: id and score [k], as neigh.h has them; what was added is forgotten. names: of rows,
 * for ties, or NULL. */
int fuse_take(struct fuse *f, uint32_t k, const struct names *names, uint64_t *id, float *score,
              struct err *e);

/* ---- files ---- */

struct fuse_files {
    const char *const *path; /* at most one of them "-" */
    size_t files;
    enum neigh_format from;
    /* Of each file the scores that stand beside it, a row a query, in any format of vec/file.h;
     * NULL, or NULL of one: it has its own, or none. */
    const char *const *scores;
    const double *weights; /* of the files, or of the `group` queries of one; NULL: all 1 */
    uint32_t depth;        /* how many of each list; 0: all */
    uint64_t group;        /* so many queries in a row are one question; 0: by `map` */
    const char *map;       /* a file: in line i the question's number of query i */
    bool names;            /* ids are strings */
    progress_fn *progress; /* NULL: none */
    void *progress_ctx;
};

/* Reads the files side by side and writes a list a question; holds as many questions as are begun
 * and not ended. w->queries, metric and name are set by it. */
int fuse_run(const struct fuse_files *files, const struct fuse_opts *o,
             const struct neigh_write_opts *w, struct err *e);

#endif
