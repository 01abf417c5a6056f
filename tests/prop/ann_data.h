/* ann_data.h - bases of many kinds for tests of indexes, their truth by looking at every pair, and
 * indexes made of them. */
#ifndef TESTS_ANN_DATA_H
#define TESTS_ANN_DATA_H

#include "vec_data.h"

#include "ann/ann.h"
#include "base/mem.h"
#include "vec/file.h"
#include "vec/neigh.h"

/* Rows of one type, made of floats. */
struct ann_base {
    struct vec_rows rows;
    float *x; /* what the components are, as floats */
    void *p;
};

static inline struct ann_base ann_base_of(enum data_kind kind, enum vec_type type, size_t n,
                                          uint32_t dim)
{
    struct ann_base b = {.x = data_make(kind, n ? n : 1, dim)};
    size_t cells = n * dim, size = vec_type_size(type);

    b.p = data_need(malloc((cells ? cells : 1) * size));
    for (size_t i = 0; i < cells && (type == VEC_U8 || type == VEC_I8); i++) {
        float v = rintf(b.x[i] * 20 + (type == VEC_U8 ? 100 : 0));

        b.x[i] = fminf(fmaxf(v, type == VEC_U8 ? 0 : -128), type == VEC_U8 ? 255 : 127);
    }
    T_CHECK(vec_convert(VEC_F32, b.x, type, b.p, cells) == cells);
    vec_to_f32(type, b.p, cells, b.x);
    b.rows = (struct vec_rows){b.p, n, dim, type, dim * size};
    return b;
}

static inline void ann_base_free(struct ann_base *b)
{
    free(b->x);
    free(b->p);
}

static inline double ann_key(enum vec_metric m, const float *q, const float *x, uint32_t dim)
{
    double l2 = 0, dot = 0, qq = 0, xx = 0;

    for (uint32_t k = 0; k < dim; k++) {
        double a = (double)q[k], b = (double)x[k];

        l2 += (a - b) * (a - b);
        dot += a * b;
        qq += a * a;
        xx += b * b;
    }
    return m == VEC_L2 ? l2 : m == VEC_IP ? -dot : 1 - dot / sqrt(qq * xx);
}

/* The k-th smallest key of all, by insertion; infinity when there are fewer. */
static inline double ann_kth(const struct ann_base *b, enum vec_metric m, const float *q, size_t k)
{
    double *best = data_need(malloc((k + 1) * sizeof *best)), last;
    size_t n = 0;

    for (size_t i = 0; i < b->rows.rows; i++) {
        double key = ann_key(m, q, b->x + i * b->rows.dim, b->rows.dim);
        size_t j = n < k ? n++ : k;

        for (; j > 0 && best[j - 1] > key; j--)
            if (j < k)
                best[j] = best[j - 1];
        if (j < k)
            best[j] = key;
    }
    last = n < k || k == 0 ? (double)INFINITY : best[k - 1];
    free(best);
    return last;
}

static inline struct ann *ann_need(const char *path, enum cpu_level cpu)
{
    struct ann *a = NULL;
    struct err e = {0};

    T_CHECKF(ann_open(&a, path, cpu, &e) == 0, "%s", e.msg);
    if (!a)
        exit(t_done("cannot go on"));
    return a;
}

static inline void ann_make(const char *path, const struct ann_base *b,
                            const struct ann_build_opts *o)
{
    struct ann_build_report report;
    struct err e = {0};

    T_CHECKF(ann_build(path, &b->rows, o, &report, &e) == 0, "%s", e.msg);
}

/* All of a file. */
static inline struct buf ann_bytes(const char *path)
{
    struct buf b = {0};
    struct err e;
    FILE *f = fopen(path, "rb");
    size_t got;

    if (!f)
        exit(1);
    do {
        if (buf_reserve(&b, 1 << 16, &e) < 0)
            exit(1);
        got = fread(b.p + b.len, 1, 1 << 16, f);
        b.len += got;
    } while (got > 0);
    fclose(f);
    return b;
}

#endif
