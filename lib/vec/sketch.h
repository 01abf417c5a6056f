/* sketch.h - a base in a quarter of its bytes, through which few queries are searched exactly.
 *
 * Each row x is coded in bytes between its least and its greatest component: r = lo + step * c,
 * with |x - r| <= kappa * step for one kappa of all rows. A query is coded with signs: q^ = s * t,
 * t in -127..127. Then by Cauchy and Schwarz
 *   |<q, x> - <q^, r>| <= |q^| * |x - r| + |q - q^| * |x|
 * and <q^, r> = s * (lo * sum t + step * <t, c>), <t, c> exact in integers. So a scan of the codes
 * gives each row a lower bound of its key, and only rows whose bound does not exceed the k-th best
 * key so far are read and computed in double (knn.h): the answer is exact, and the memory read is
 * dim + 12 bytes a row instead of 4 * dim.
 *
 * The file is sectioned (sect.h), kind "vskt": HEAD, CODE (rows * dim bytes), LOWS, STEP, NORM (f32
 * a row). HEAD is struct sketch_head; it says of which file it is the sketch, by size and time of
 * change, and sketch_open() makes it anew when that is another; also when the base's entry was
 * changed (st_ctime) after the sketch was there, or the codes of 64 rows, evenly spread, are not
 * what the sketch has.
 *
 * Cost     making: one pass over the base.
 * Errors   as knn.h and sect.h.
 * Threads  read-only: share it.
 */
#ifndef VEC_SKETCH_H
#define VEC_SKETCH_H

#include "base/progress_fn.h"
#include "vec/file.h"
#include "vec/ops.h"

struct sketch_head {
    uint64_t rows, file_size, changed_s, changed_ns;
    uint64_t first_zero; /* lowest row without length; UINT64_MAX: none */
    uint32_t dim, type;
    double kappa;
};

struct sketch {
    struct sketch_head head;
    const uint8_t *code;
    const float *lo, *step, *norm;
    struct sect_file *file;
};

/* The sketch at `path` of the plain binary file that `base` reads; it is made, and written, where
 * there is none that fits. ERR_USAGE when the base is no such file, or is of bytes already. */
int sketch_open(struct sketch *s, const char *path, struct vec_reader *base,
                const struct vec_ops *ops, progress_fn *progress, void *ctx, struct err *e);
void sketch_close(struct sketch *s); /* leaves {0}; fine on {0} */

/* A query, coded. */
struct sketch_query {
    float scale;       /* s */
    float sum;         /* s * sum t */
    float norm, error; /* |q^| and |q - q^|, rounded up */
    float length;      /* |q|, rounded up */
};

/* t: dim bytes. */
void sketch_query(struct sketch_query *sq, const float *q, uint32_t dim, int8_t *t);

/* Fills b, and returns the a, of rows [row, row + n), such that fma(<t, c>, mul * a, b) with the
 * mul of sketch_mul() is the lower bound of knn_int.h; `unit` is what ip's keys are divided by.
 * `own` is room for those a that the sketch does not hold already. */
const float *sketch_weigh(const struct sketch *s, const struct vec_ops *ops,
                          const struct sketch_query *sq, enum vec_metric metric, double unit,
                          uint64_t row, size_t n, float *own, float *b);
float sketch_mul(const struct sketch_query *sq, enum vec_metric metric, double unit);

#endif
