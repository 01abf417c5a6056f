/* knn.h - exact nearest neighbours of a block of queries in a base that passes by in blocks.
 *
 * What is returned is exact: the k rows of smallest (key, row number), the key computed in double
 * in one fixed order of summation (ops.h: l2_f64, dot_f64), so the same on every CPU level, with
 * any number of threads and any blocks. How: f32 (or integer) products of blocks of rows and
 * queries at the speed of the machine give each pair a lower bound of its key, the products' error
 * taken off; pairs whose bound does not exceed the query's k-th best key so far are computed in
 * double from the row itself. Bases of bytes with queries of whole numbers that fit are multiplied
 * as integers.
 *
 * Keys (types.h): l2 <q - x, q - x>; ip -<q, x>; cosine max(0, 1 - <q, x> / (|q| * |x|)).
 *
 * Cost     2 * rows * queries * dim operations; rows are computed in double about k * ln(rows / k)
 *          times a query when they come in random order.
 * Memory   for queries: 8 * dim bytes and, a thread where queries are few, 16 * k + 4 * max(k, 32).
 * Errors   ERR_INPUT names the row, or "query N": NaN, infinity, a zero vector under cosine.
 * Threads  one caller; opts.threads work inside.
 */
#ifndef VEC_KNN_H
#define VEC_KNN_H

#include "base/cpu.h"
#include "vec/types.h"

struct knn_opts {
    enum vec_metric metric;
    uint32_t k; /* at least 1 */
    int threads;
    enum cpu_level cpu;
    uint64_t first_query; /* its number, for messages */
};

struct knn;

/* queries: of any type but VEC_I32, copied. The base will be of `type` and the same dim. */
int knn_open(struct knn **out, const struct knn_opts *o, const struct vec_rows *queries,
             enum vec_type type, struct err *e);
/* Searches through a sketch of the base: then its rows, all and in order, must be fed, at most
 * KNN_SKETCH_QUERIES queries must have been given, and numbers as `ids` cannot be. ERR_INPUT when
 * the metric is cosine and a row is a zero vector. */
enum { KNN_SKETCH_QUERIES = 16 };
struct sketch;
int knn_use_sketch(struct knn *s, const struct sketch *sketch, struct err *e);
/* The next rows of the base; ids[i] is row i's number, NULL: first + i. Numbers are different, and
 * in any order. */
int knn_feed(struct knn *s, const struct vec_rows *rows, uint64_t first, const uint64_t *ids,
             struct err *e);
/* [queries][k], best first; where there were fewer rows NEIGH_NONE and NaN. Scores as printed. */
void knn_results(struct knn *s, uint64_t *id, float *score);
void knn_close(struct knn *s); /* NULL is fine */

struct vec_ops;
/* The key of one pair of f32, as above; `norm` is |q|, sqrt(dot_f64(q, q)). A row that is used as a
 * query (cosine: x's own length) stands at a multiple of 4. */
double knn_key(const struct vec_ops *ops, enum vec_metric metric, const void *row, const float *q,
               uint32_t dim, double norm);

/* Bytes that a search holds for each query, what was handed in and the results among them. */
uint64_t knn_query_bytes(const struct knn_opts *o, uint32_t dim);

#endif
