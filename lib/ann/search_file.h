/* search_file.h - all queries of a file, and what is found of them to another: in batches, so that
 * both may be of any length.
 */
#ifndef ANN_SEARCH_FILE_H
#define ANN_SEARCH_FILE_H

#include "ann/choice.h"
#include "vec/neigh.h"

struct ann_file_opts {
    struct ann_search_opts o; /* but for what the choice says; o.batch: all queries at once, as far
                                 as 1 GiB holds them */
    uint32_t fan;             /* ann_search_tree(); 0: ann_search() */
    bool times;               /* report->p50, p99 */
    progress_fn *progress;    /* NULL: none */
    void *progress_ctx;
};

struct ann_file_report {
    uint64_t queries;
    struct ann_search_stats stats; /* of all; `us` is NULL */
    float p50, p99;                /* microseconds of a query that so many of 100 stay below */
};

/* Queries that are searched at once, of `rows` (VEC_UNKNOWN) that there are: what a choice is told
 * as `most`. */
uint64_t ann_file_batch(const struct ann *a, const struct ann_file_opts *o, uint64_t rows);
/* ERR_INPUT names the file and what is wrong with its queries. 1: see ann_search_tree(). */
int ann_search_file(const struct ann *a, const struct ann_file_opts *o, struct ann_choice *c,
                    struct vec_reader *r, struct neigh_writer *w, struct ann_file_report *report,
                    struct err *e);

#endif
