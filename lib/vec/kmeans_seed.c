/* kmeans_seed.c - k-means++ (Arthur & Vassilvitskii 2007) a panel at a time.
 *
 * Each next centroid is a row drawn with probability proportional to its squared distance to those
 * that there are. Drawn one by one that is k passes over the rows, bound by memory. Here a round
 * draws a panel of candidates from the distances as they are, and one pass of products measures all
 * of them. Then either
 *   few centroids (FEW)  the candidate that leaves the least sum of distances is taken: the greedy
 *                        form, which misses no cluster that stands apart; or
 *   many                 one after the other is taken with probability (its distance now) / (its
 *                        distance when it was drawn): rejection, so what is taken is distributed as
 *                        if drawn one by one.
 * A sample of 8 k rows (SAMPLE_LEAST at least) is enough, and costs a fraction of an iteration.
 */
#include "vec/kmeans_seed.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rand.h"

enum {
    FEW = 32,
    TRIALS = 8,
    SAMPLE_LEAST = 4096,
    BLOCK = 84,           /* rows that meet a panel together */
    WORTH_THREADS = 65536 /* components that are multiplied */
};

struct seeding {
    const struct kmeans_opts *o;
    uint32_t dim;
    struct vec_matrix rows; /* the sample */
    struct vec_matrix far;  /* [PANEL][sample]: distances of the candidates */
    float *norm;            /* |row|^2 */
    float *now;             /* distance to the nearest centroid */
    double *until;          /* running sums of `now` */
    float *panel;
    uint64_t *pick;
    uint64_t state;
};

static int make(struct seeding *s, const float *x, size_t n, struct err *e)
{
    size_t want = (size_t)s->o->k * 8 > SAMPLE_LEAST ? (size_t)s->o->k * 8 : SAMPLE_LEAST;
    size_t m = n < want ? n : want;

    if (vec_matrix_init(&s->rows, m, s->dim, e) < 0 ||
        vec_matrix_init(&s->far, PANEL, (uint32_t)m, e) < 0)
        return e->code;
    s->norm = mem_array(m, sizeof *s->norm, e);
    s->now = mem_array(m, sizeof *s->now, e);
    s->until = mem_array(m, sizeof *s->until, e);
    s->pick = mem_array(m, sizeof *s->pick, e);
    s->panel = aligned_alloc(64, (size_t)s->dim * PANEL * sizeof *s->panel);
    if (!s->norm || !s->now || !s->until || !s->pick || !s->panel)
        return err_set(e, ERR_MEM, "out of memory for the beginning of k-means");
    memset(s->panel, 0, (size_t)s->dim * PANEL * sizeof *s->panel);
    rand_choose(&s->state, n, m, s->pick);
    for (size_t i = 0; i < m; i++) {
        memcpy(vec_matrix_row(&s->rows, i), x + s->pick[i] * s->dim, s->dim * sizeof *x);
        s->norm[i] = (float)vec_norm2(vec_matrix_row(&s->rows, i), s->dim);
        s->now[i] = __builtin_inff();
    }
    return 0;
}

static void unmake(struct seeding *s)
{
    vec_matrix_free(&s->rows);
    vec_matrix_free(&s->far);
    free(s->norm);
    free(s->now);
    free(s->until);
    free(s->pick);
    free(s->panel);
}

static void measure_block(struct seeding *s, const uint64_t *candidate, size_t nc, size_t from,
                          size_t n)
{
    float tile[BLOCK * PANEL];

    s->o->ops->tile_f32(vec_matrix_row(&s->rows, from), s->dim * sizeof *tile, n, s->panel, s->dim,
                        tile);
    for (size_t j = 0; j < nc; j++) {
        float *far = vec_matrix_row(&s->far, j) + from, norm = s->norm[candidate[j]];

        for (size_t i = 0; i < n; i++) {
            float d = s->norm[from + i] + norm - 2 * tile[i * PANEL + j];

            far[i] = d > 0 ? d : 0;
        }
    }
}

/* Fills s->far for up to PANEL candidates. */
static void measure(struct seeding *s, const uint64_t *candidate, size_t nc)
{
    size_t m = s->rows.rows;

    for (size_t j = 0; j < nc; j++) /* a column each, what is in the others does not matter */
        for (uint32_t k = 0; k < s->dim; k++)
            s->panel[(size_t)k * PANEL + j] = vec_matrix_row(&s->rows, candidate[j])[k];
#pragma omp parallel for num_threads(s->o->threads) if (s->o->threads > 1 && \
                                                        m * s->dim > WORTH_THREADS)
    for (size_t from = 0; from < m; from += BLOCK)
        measure_block(s, candidate, nc, from, m - from < BLOCK ? m - from : BLOCK);
    for (size_t j = 0; j < nc; j++)
        vec_matrix_row(&s->far, j)[candidate[j]] = 0;
}

static void take(struct seeding *s, uint64_t row, const float *far, float *centroid)
{
    for (size_t i = 0; i < s->rows.rows; i++)
        s->now[i] = far[i] < s->now[i] ? far[i] : s->now[i];
    memcpy(centroid, vec_matrix_row(&s->rows, row), s->dim * sizeof *centroid);
}

/* nc rows by their distances; false when all are 0. */
static bool draw(struct seeding *s, uint64_t *candidate, size_t nc)
{
    size_t m = s->rows.rows;
    double sum = 0;

    for (size_t i = 0; i < m; i++)
        s->until[i] = sum += (double)s->now[i];
    for (size_t j = 0; sum > 0 && j < nc; j++) {
        double at = rand_unit(&s->state) * sum;
        size_t low = 0, high = m - 1; /* the first whose running sum is above `at` */

        while (low < high) {
            size_t mid = low + (high - low) / 2;

            if (s->until[mid] > at)
                high = mid;
            else
                low = mid + 1;
        }
        candidate[j] = low;
    }
    return sum > 0;
}

static double left_by(const struct seeding *s, const float *far)
{
    double sum = 0;

    for (size_t i = 0; i < s->rows.rows; i++)
        sum += (double)(far[i] < s->now[i] ? far[i] : s->now[i]);
    return sum;
}

static uint32_t take_best(struct seeding *s, const uint64_t *candidate, float *centroid)
{
    size_t best = 0;
    double least = left_by(s, vec_matrix_row(&s->far, 0));

    for (size_t j = 1; j < TRIALS; j++) {
        double left = left_by(s, vec_matrix_row(&s->far, j));

        if (left < least) {
            least = left;
            best = j;
        }
    }
    take(s, candidate[best], vec_matrix_row(&s->far, best), centroid);
    return 1;
}

/* Up to `most` of the candidates; the first is always taken. */
static uint32_t take_many(struct seeding *s, const uint64_t *candidate, uint32_t most,
                          float *centroids)
{
    float drawn[PANEL];
    uint32_t n = 0;

    for (size_t j = 0; j < PANEL; j++)
        drawn[j] = s->now[candidate[j]];
    for (size_t j = 0; j < PANEL && n < most; j++)
        if (rand_unit(&s->state) * (double)drawn[j] < (double)s->now[candidate[j]])
            take(s, candidate[j], vec_matrix_row(&s->far, j), centroids + n++ * (size_t)s->dim);
    return n;
}

static void seed(struct seeding *s, float *centroids)
{
    uint32_t k = s->o->k, c = 1;
    uint64_t candidate[PANEL] = {rand_below(&s->state, s->rows.rows)};

    measure(s, candidate, 1);
    take(s, candidate[0], vec_matrix_row(&s->far, 0), centroids);
    while (c < k && draw(s, candidate, k <= FEW ? TRIALS : PANEL)) {
        float *next = centroids + (size_t)c * s->dim;

        measure(s, candidate, k <= FEW ? TRIALS : PANEL);
        c += k <= FEW ? take_best(s, candidate, next) : take_many(s, candidate, k - c, next);
    }
    for (; c < k; c++) /* there are no more different rows */
        memcpy(centroids + (size_t)c * s->dim, vec_matrix_row(&s->rows, c),
               s->dim * sizeof *centroids);
}

int kmeans_seed(const float *x, size_t n, uint32_t dim, const struct kmeans_opts *o,
                float *centroids, struct err *e)
{
    struct seeding s = {.o = o, .dim = dim, .state = o->seed};
    int rc = make(&s, x, n, e);

    if (rc == 0)
        seed(&s, centroids);
    unmake(&s);
    return rc;
}
