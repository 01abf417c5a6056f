/* prop_form.c - forms of codes against their description: what the cells of a row stand for lies
 * within half a step of the row, norms are sums of squares, keys are distances to what the cells
 * stand for, and maps keep lengths; for all sorts of cells, metrics and clouds.
 */
#include "ann_data.h"

#include "ann/form.h"

enum { ROWS = 700, QUERIES = 9, ROWS_SEEN = 60 };

/* A row in steps of its own sorts, cell by cell as ann-index(5) has them, and their sizes. */
static void decode(const struct form *f, const uint8_t *row, double *y, double *step, double *edge)
{
    size_t half = form_stride(f) - CELLS_NORM;
    bool mixed = form_is_mixed(f);

    for (uint32_t k = 0; k < form_cells(f); k++) {
        size_t at = k < half ? k : k - half + f->wide;

        if (f->bits == 8 || (mixed && k < f->wide)) {
            step[k] = (double)(mixed ? f->broad : f->step);
            edge[k] = 127 * step[k];
            y[k] = (row[k] - 128) * step[k];
        } else {
            step[k] = (double)f->step;
            edge[k] = 7 * step[k];
            y[k] = ((k < half ? row[at] & 15 : row[at] >> 4) - 7.5) * step[k];
        }
    }
}

static void try_rows(const struct form *f, const struct vec_rows *base, const uint8_t *rows)
{
    static float x[2000], y[2000];
    static double got[2000], step[2000], edge[2000];
    uint32_t n = form_cells(f);
    struct err e = {0};

    for (size_t i = 0; i < ROWS_SEEN; i++) {
        const uint8_t *row = rows + i * form_stride(f);
        double norm = 0, kept;

        T_CHECK(form_steps(f, base, i, 1, x, y, &e) == 0);
        decode(f, row, got, step, edge);
        for (uint32_t k = 0; k < n; k++) {
            double off = fabs(got[k] - (double)y[k]);

            norm += got[k] * got[k];
            T_CHECKF(off <= step[k] * 0.501 || fabs((double)y[k]) > edge[k],
                     "component %u of row %zu: %g for %g, step %g", k, i, got[k], (double)y[k],
                     step[k]);
        }
        kept = (double)cells_norm(row, form_stride(f)) * (double)f->step * (double)f->step;
        T_CHECKF(fabs(kept - norm) <= 1e-5 * norm, "norm %g for %g", kept, norm);
    }
}

/* A key is that of the query, in the components that are kept, and what the cells stand for;
 * weights are off by half a unit. */
static void try_keys(const struct form *f, const float *q, const uint8_t *rows)
{
    static double got[2000], step[2000], edge[2000];
    struct form_query fq[QUERIES];
    float *room = data_need(malloc(form_room(f, QUERIES) * sizeof *room));
    int8_t *weights = aligned_alloc(64, QUERIES * form_weights(f));
    const struct cells_ops *ops = cells_ops_for(cpu_detect());
    uint32_t cells = f->kept;

    form_queries(f, q, QUERIES, room, weights, fq);
    for (size_t i = 0; i < QUERIES; i++)
        for (uint32_t r = 0; r < ROWS_SEEN; r++) {
            const float *y = room + QUERIES * f->dim + i * cells; /* in steps, times `ratio` */
            double want = 0, most = 0, slack = 0, key;
            float at;

            (f->bits == 8       ? ops->keys8
             : form_is_mixed(f) ? ops->keys84
                                : ops->keys4)(&fq[i].cells, rows, form_stride(f), &r, 1, &at);
            key = fq[i].add + fq[i].mul * (double)at;
            decode(f, rows + r * form_stride(f), got, step, edge);
            for (uint32_t k = 0; k < cells; k++) {
                double v = (double)y[k] * (double)f->step * ((double)f->step / step[k]);

                want += (v - got[k]) * (v - got[k]);
                most = fmax(most, fabs(v * step[k]));
            }
            for (uint32_t k = 0; k < cells; k++)
                slack += fabs(got[k]) / step[k] * most / 127;
            if (f->metric == VEC_COSINE)
                key *= 2;
            T_CHECKF(fabs(key - want) <= 1.02 * slack + 1e-4 * want,
                     "%u bits of %u, wide %u: %g for %g", f->bits, f->dim, f->wide, key, want);
        }
    free(room);
    free(weights);
}

/* Rows of B have length 1 and are at right angles. */
static void try_map(const struct form *f)
{
    for (uint32_t i = 0; i < f->kept; i++)
        for (uint32_t j = 0; j <= i; j++) {
            double dot = 0;

            for (uint32_t k = 0; k < f->dim; k++)
                dot += (double)f->b[i * f->dim + k] * (double)f->b[j * f->dim + k];
            T_CHECKF(fabs(dot - (i == j)) < 1e-5, "rows %u and %u: %g", i, j, dot);
        }
}

/* All components of one sort vary alike, and the first `wide` hold more than the others. */
static void try_turned(const struct form *f, const struct vec_rows *base)
{
    static float x[2000], y[2000];
    static double square[2000];
    double wide = 0, narrow = 0;
    struct err e = {0};

    memset(square, 0, sizeof square);
    for (uint64_t i = 0; i < base->rows; i++) {
        T_CHECK(form_steps(f, base, i, 1, x, y, &e) == 0);
        for (uint32_t k = 0; k < f->kept; k++)
            square[k] += (double)y[k] * (double)y[k];
    }
    for (uint32_t k = 0; k < f->kept; k++)
        *(k < f->wide ? &wide : &narrow) += square[k];
    if (form_is_mixed(f))
        T_CHECKF(wide / f->wide >= 1.5 * narrow / (f->kept - f->wide), "%g of %u, %g of %u", wide,
                 f->wide, narrow, f->kept - f->wide);
    for (uint32_t k = 0; k < f->kept && f->wide >= 20; k++)
        T_CHECKF(square[k] < 12 * (k < f->wide ? wide / f->wide : narrow / (f->kept - f->wide)),
                 "component %u holds %g", k, square[k]);
}

static void try_form(enum data_kind kind, enum vec_type type, uint32_t dim, enum vec_metric m,
                     const char *spec)
{
    struct ann_base b = ann_base_of(kind, type, ROWS, dim);
    struct ann_base q = ann_base_of(kind, VEC_F32, QUERIES, dim);
    struct form_opts o = {.spec = spec, .metric = m, .cpu = cpu_detect(), .threads = 2};
    char name[FORM_SPEC_MAX];
    struct form f;
    struct err e = {0};
    uint8_t *rows;

    T_CHECKF(form_make(&f, &o, &b.rows, &e) == 0, "%s: %s", spec, e.msg);
    form_spec(&f, name);
    T_CHECKF(strcmp(name, spec) == 0, "%s for %s", name, spec);
    rows = aligned_alloc(64, ROWS * form_stride(&f));
    T_CHECK(form_encode(&f, &b.rows, 0, ROWS, false, rows, &e) == 0);
    try_rows(&f, &b.rows, rows);
    if (m != VEC_IP)
        try_keys(&f, q.x, rows);
    if (f.mapped) {
        try_map(&f);
        if (kind == DATA_DECAY && m == VEC_L2)
            try_turned(&f, &b.rows);
    }
    free(rows);
    form_free(&f);
    ann_base_free(&b);
    ann_base_free(&q);
}

int main(void)
{
    tmp_enter();
    for (enum vec_metric m = VEC_L2; m <= VEC_COSINE; m++) {
        try_form(DATA_DECAY, VEC_F32, 90, m, "int8");
        try_form(DATA_NORMAL, VEC_F32, 61, m, "int4");
        try_form(DATA_DECAY, VEC_F32, 90, m, "leanvec80+int8");
        try_form(DATA_DECAY, VEC_F16, 200, m, "leanvec121+int4");
        try_form(DATA_DECAY, VEC_F32, 90, m, "leanvec90+int8x30+int4");
        try_form(DATA_DECAY, VEC_F32, 190, m, "leanvec180+int8x64+int4");
        try_form(DATA_NORMAL, VEC_U8, 33, m, "leanvec3+int8x2+int4");
        try_form(DATA_OFFSET, VEC_F32, 140, m, "leanvec139+int8x138+int4");
        try_form(DATA_NORMAL, VEC_F32, 2, m, "leanvec2+int8x1+int4");
    }
    tmp_leave();
    return t_done("form");
}
