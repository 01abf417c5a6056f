/* osq_train.c - see osq.h: a codec of a sample. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "vec/linalg.h"
#include "vec/osq.h"

enum {
    SAMPLE_ROWS = 1 << 16, /* of which cells are made, at most */
    CLASS_SAMPLE = 4096    /* rows from which a sample is shared out to classes */
};

/* Room around the longest of the sample. */
static const double radius_room = 1.25;

/* Row i of m that stand for n. */
static const float *sample_row(const struct codec_train *t, uint32_t d, size_t i, size_t m)
{
    return t->x + (size_t)((double)i * ((double)t->n / (double)m)) * d;
}

/* Rows of the sample less the mean. */
static void centred_rows(const struct codec *c, const struct codec_train *t, size_t from, size_t n,
                         size_t m, float *rows)
{
    const struct osq *q = c->state;

    for (size_t i = 0; i < n; i++) {
        const float *x = sample_row(t, c->dim, from + i, m);

        for (uint32_t j = 0; j < c->dim; j++)
            rows[i * c->dim + j] = x[j] - q->mean[j];
    }
}

/* What one of several threads could not do. */
static void fail(const struct err *mine, int *rc, struct err *e)
{
#pragma omp critical(osq_error)
    {
        *e = *mine;
        *rc = mine->code;
    }
}

/* The measures of the sample. */
static int measure_sample(const struct codec *c, const struct codec_train *t, size_t m,
                          struct osq_measures *s, struct err *e)
{
    size_t ld = (size_t)osq_panels(c->state) * PANEL, blocks = (m + OSQ_BLOCK - 1) / OSQ_BLOCK;
    int rc = 0;

#pragma omp parallel for num_threads(t->threads) if (t->threads > 1)
    for (size_t b = 0; b < blocks; b++) {
        size_t from = b * OSQ_BLOCK, n = m - from < OSQ_BLOCK ? m - from : OSQ_BLOCK;
        struct err mine = {0};
        float *rows = mem_array(OSQ_BLOCK * (c->dim + ld), sizeof *rows, &mine);

        if (rows) {
            float *z = rows + (size_t)OSQ_BLOCK * c->dim;

            centred_rows(c, t, from, n, m, rows);
            osq_turn_rows(c, rows, n, z);
            for (size_t i = 0; i < n; i++)
                s[from + i] = osq_measure(c, rows + i * c->dim, z + i * ld);
        } else {
            fail(&mine, &rc, e);
        }
        free(rows);
    }
    return rc;
}

/* Radii, and classes of equal numbers of vectors. */
static int set_measures(struct osq *q, struct osq_measures *s, size_t m, struct err *e)
{
    float *energy = mem_array(m, sizeof *energy, e);
    double all = 0, rest = 0;
    int rc = energy ? 0 : ERR_MEM;

    for (size_t i = 0; rc == 0 && i < m; i++) {
        energy[i] = s[i].energy;
        all = fmax(all, s[i].norm);
        rest = fmax(rest, s[i].rest);
    }
    q->radius[0] = (float)(radius_room * sqrt(all));
    q->radius[1] = (float)(radius_room * sqrt(rest));
    if (rc == 0 && q->classes > 1)
        rc = osq_sort(energy, m, e);
    for (unsigned k = 1; rc == 0 && k < q->classes; k++)
        q->first[k] = energy[k * m / q->classes];
    for (size_t i = 0; rc == 0 && i < m; i++)
        s[i].class = (uint8_t)osq_class_of(q, s[i].energy);
    free(energy);
    return rc;
}

/* The components of one panel: value[k * m + i]. */
static void panel_values(const struct codec *c, const struct codec_train *t, size_t m,
                         uint32_t panel, float *rows, float *value)
{
    float z[OSQ_BLOCK * PANEL];

    for (size_t from = 0; from < m; from += OSQ_BLOCK) {
        size_t n = m - from < OSQ_BLOCK ? m - from : OSQ_BLOCK;

        centred_rows(c, t, from, n, m, rows);
        osq_turn_panel(c, rows, n, panel, z);
        for (size_t i = 0; i < n; i++)
            for (uint32_t k = 0; k < PANEL; k++)
                value[k * m + from + i] = z[i * PANEL + k];
    }
}

/* Cells of one dimension for every class; the points of dimensions before it are `at`. A class
 * without a vector, as all may have one energy, has the cells of all. */
static int dimension_cells(const struct osq *q, const float *value, const struct osq_measures *s,
                           size_t m, uint32_t j, size_t at, float *work, struct err *e)
{
    int rc = 0;

    for (unsigned k = 0; rc == 0 && k < q->classes; k++) {
        size_t n = 0;

        for (size_t i = 0; i < m; i++)
            if (s[i].class == k)
                work[n++] = value[i];
        if (n == 0)
            memcpy(work, value, (n = m) * sizeof *work);
        rc = osq_cells(work, n, q->bit[j], q->border + k * q->borders + at + j,
                       q->point + k * q->points + at, e);
    }
    return rc;
}

/* Cells of the dimensions of one panel. */
static int panel_cells(const struct codec *c, const struct codec_train *t, size_t m, uint32_t panel,
                       const struct osq_measures *s, struct err *e)
{
    const struct osq *q = c->state;
    float *value = mem_array((PANEL + 1) * m + (size_t)OSQ_BLOCK * c->dim, sizeof *value, e);
    uint32_t first = panel * PANEL, end = q->active < first + PANEL ? q->active : first + PANEL;
    size_t at = 0;
    int rc = value ? 0 : ERR_MEM;

    for (uint32_t j = 0; j < first; j++)
        at += (size_t)1 << q->bit[j];
    if (rc == 0)
        panel_values(c, t, m, panel, value + (PANEL + 1) * m, value);
    for (uint32_t j = first; rc == 0 && j < end; j++) {
        rc = dimension_cells(q, value + (j - first) * m, s, m, j, at, value + PANEL * m, e);
        at += (size_t)1 << q->bit[j];
    }
    free(value);
    return rc;
}

static int find_cells(struct codec *c, const struct codec_train *t, struct err *e)
{
    struct osq *q = c->state;
    size_t m = t->n < SAMPLE_ROWS ? t->n : SAMPLE_ROWS;
    struct osq_measures *s = mem_array(m, sizeof *s, e);
    int rc = s ? measure_sample(c, t, m, s, e) : ERR_MEM;

    if (rc == 0)
        rc = set_measures(q, s, m, e);
#pragma omp parallel for num_threads(t->threads) schedule(dynamic) if (t->threads > 1)
    for (uint32_t p = 0; p < osq_panels(q); p++) {
        struct err mine = {0};

        if (s && panel_cells(c, t, m, p, s, &mine) < 0)
            fail(&mine, &rc, e);
    }
    free(s);
    return rc;
}

/* Mean, and the directions of the largest variance with their bits. */
static int find_turn(struct codec *c, const struct codec_train *t, struct err *e)
{
    struct osq *q = c->state;
    uint32_t d = c->dim;
    double *mean = mem_array(d, sizeof *mean, e), *variance = mem_array(d, sizeof *variance, e);
    double *v = mem_array((size_t)d * d, sizeof *v, e);
    int rc = mean && variance && v ? la_mean(t->x, t->n, d, mean, e) : ERR_MEM;

    if (rc == 0)
        rc = la_moment(t->x, t->n, d, mean, v, t->threads, e);
    if (rc == 0)
        rc = la_eigen(v, d, variance, e);
    if (rc == 0) {
        q->classes = t->n >= CLASS_SAMPLE && d * c->spec.a >= OSQ_CLASS_BUDGET ? OSQ_CLASSES : 1;
        osq_share_bits(variance, d, osq_budget(c), q->bit);
        osq_set_shape(c);
        rc = osq_make_room(c, e);
    }
    for (uint32_t j = 0; rc == 0 && j < d; j++)
        q->mean[j] = (float)mean[j];
    for (uint32_t j = 0; rc == 0 && j < q->active; j++)
        q->weight[j] = (float)fmin(1 / variance[j], (double)FLT_MAX);
    for (size_t i = 0; rc == 0 && i < (size_t)q->active * d; i++)
        q->turn[i] = (float)v[i];
    free(mean);
    free(variance);
    free(v);
    return rc;
}

int osq_train(struct codec *c, const struct codec_train *t, struct err *e)
{
    struct osq *q = osq_new(c, e);

    if (!q || !(q->mean = codec_array(c->dim, sizeof *q->mean, e)) ||
        !(q->bit = codec_array(c->dim, 1, e)) || find_turn(c, t, e) < 0 ||
        osq_make_panels(c, e) < 0 || find_cells(c, t, e) < 0)
        return e->code;
    return osq_too_far(c, (double)q->radius[0] * (double)q->radius[0], e);
}
