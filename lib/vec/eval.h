/* eval.h - how good a codec is: what it loses, what it finds, how fast it is.
 *
 * Errors of inner products are those of scans under ip, over pairs of a query and a vector that are
 * evenly spread samples. Searches scan all codes, take the best by key and, to re-rank, order so
 * many of them by the exact distance, in double; equal ones by row number.
 *
 * Speeds are of one thread, each measured for some tenths of a second.
 *
 * Cost     one encoding of the base, a scan of it a query.
 * Memory   the codes, twice.
 */
#ifndef VEC_EVAL_H
#define VEC_EVAL_H

#include "vec/codec.h"

enum { EVAL_RERANKS = 8, EVAL_BATCH = 32 };

struct eval_data {
    uint32_t dim;
    const float *base; /* [rows][dim]; under cosine of unit length, and queries too */
    uint64_t rows;
    const float *queries; /* [n_queries][dim] */
    uint64_t n_queries;
    enum vec_metric metric;
    const uint64_t *truth; /* [n_queries][truth_k], nearest first; NEIGH_NONE: no more */
    uint32_t truth_k;
};

struct eval_opts {
    uint32_t k;                    /* neighbours; at most truth_k */
    uint32_t rerank[EVAL_RERANKS]; /* how many candidates are ordered again */
    size_t reranks;
    uint64_t pairs; /* of a query and a vector, about */
    bool speed;     /* measure it too */
    int threads;
    progress_fn *progress; /* NULL: none */
    void *progress_ctx;
};

/* What was not measured, or is not there, is NaN. */
struct eval_result {
    double mse;      /* mean squared error of decoded vectors, */
    double mse_rel;  /* and that sum by the sum of squares */
    double ip_rms;   /* root of the mean squared error of inner products, */
    double ip_rel;   /* and by the root of the mean of (|q| |x|)^2 */
    double ip_bias;  /* mean error, by the same */
    double ip_slope; /* of the line of estimates over products: 1 is without bias */
    double low_bad;  /* share of lower bounds, under the metric, that are above the true key */
    double recall;   /* share of the true k found by keys alone, */
    double recall_rerank[EVAL_RERANKS];
    double encode_vps;          /* vectors a second */
    double prepare_us;          /* a query */
    double scan_vps, batch_vps; /* codes a second, of one query; of EVAL_BATCH, all added */
};

/* The k nearest of every query, exactly, where nobody knows them. d's own truth is not looked at;
 * `truth` is [n_queries][k]. */
int eval_truth(uint64_t *truth, const struct eval_data *d, uint32_t k, enum cpu_level cpu,
               int threads, struct err *e);

int eval_codec(struct eval_result *r, const struct codec *c, const struct eval_data *d,
               const struct eval_opts *o, struct err *e);

#endif
