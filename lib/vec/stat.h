/* stat.h - what is in a set of vectors: lengths, ranges, repeats, how many dimensions it really
 * has.
 *
 * One pass over the rows, and a sample of them (sample.h) for what takes more than a pass:
 *
 *   spectrum    eigenvalues of the sample's covariance; how many of the largest hold 90, 95 and
 *               99 % of the variance
 *   two_nn      intrinsic dimension by the ratio of each row's distances to its second and first
 *               nearest neighbours (Facco, d'Errico, Rodriguez & Laio 2017), equal rows left out
 *   repeats     rows that equal an earlier one, byte by byte as the reader hands them out, told by
 *               their XXH3. Where the hashes of all rows do not fit into `memory`, those are
 *               counted whose hash ends in enough zero bits, and the count is scaled up: an
 *               estimate that is right on average, as equal rows are counted together or not at
 *               all.
 *
 * Memory   `memory` for the hashes, the sample (at most STAT_SAMPLE_BYTES), and three times the
 *          square of the dimension or of the sample's rows, whichever is smaller, for the spectrum,
 *          which takes STAT_SPECTRUM_MAX rows when there are more of both.
 * Errors   the reader's; ERR_MEM.
 */
#ifndef VEC_STAT_H
#define VEC_STAT_H

#include "base/progress_fn.h"
#include "vec/file.h"
#include "vec/ops.h"

enum { STAT_SAMPLE_BYTES = 256 << 20, STAT_SPECTRUM_MAX = 4096 };

struct vec_stat_opts {
    uint64_t sample, seed, memory;
    int threads;
    const struct vec_ops *ops;
    progress_fn *progress; /* may be NULL */
    void *ctx;
};

struct vec_stat {
    uint64_t rows, zero_rows; /* zero: of length 0 */
    uint32_t dim;
    double norm_min, norm_mean, norm_max, norm_sd;
    float *least, *most;             /* [dim] */
    double *mean;                    /* [dim] */
    uint64_t repeats, largest_group; /* of equal rows; 1: none is repeated, 0: no rows */
    bool estimated;                  /* repeats is; then largest_group is the largest counted */
    uint64_t sampled;
    double *norms; /* [sampled], in increasing order */
    uint32_t spectrum_len;
    double *spectrum; /* shares of the variance, largest first; all zero where there is none */
    uint32_t dims90, dims95, dims99;
    double two_nn; /* NaN: too few different rows */
};

/* All rows that the reader has left. On failure *s is {0}. */
int vec_stat(struct vec_stat *s, struct vec_reader *r, const struct vec_stat_opts *o,
             struct err *e);
void vec_stat_free(struct vec_stat *s);

/* Its parts, of n rows of f32 without gaps whose lengths and products are no more than a float
 * holds; x is centred on the way. */
int stat_spectrum(float *x, size_t n, uint32_t dim, const struct vec_ops *ops, int threads,
                  double **shares, uint32_t *len, struct err *e);
int stat_two_nn(const float *x, size_t n, uint32_t dim, const struct vec_ops *ops, int threads,
                double *out, struct err *e);

#endif
