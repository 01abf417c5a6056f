/* zoo_near.c - the cosine of two arrays of parameters. */
#include <math.h>

#include "vec/file.h"
#include "vec/zoo_int.h"

enum { RUN = 64, RUNS = 64, CHUNK = 4096 };

/* What runs of components come to. */
struct sums {
    double xy, xx, yy;
};

static void add_run(struct sums *s, const struct vec_rows *x, const struct vec_rows *y, uint64_t at,
                    size_t n)
{
    float a[CHUNK], b[CHUNK];
    size_t size = vec_type_size(x->type);

    vec_to_f32(x->type, x->p + at * size, n, a);
    vec_to_f32(y->type, y->p + at * size, n, b);
    for (size_t i = 0; i < n; i++) {
        s->xy += (double)a[i] * b[i];
        s->xx += (double)a[i] * a[i];
        s->yy += (double)b[i] * b[i];
    }
}

static double cosine_of(const struct sums *s)
{
    return s->xx > 0 && s->yy > 0 ? s->xy / sqrt(s->xx * s->yy) : -2;
}

/* Of all, or -2 when 64 runs of 64 say that it is far below the bound. */
static double compare(const struct vec_rows *x, const struct vec_rows *y, double bound)
{
    uint64_t n = x->rows * x->dim;
    struct sums some = {0}, all = {0};

    if (n > 4 * RUN * RUNS) {
        for (uint64_t k = 0; k < RUNS; k++)
            add_run(&some, x, y, k * (n / RUNS), RUN);
        if (cosine_of(&some) < bound - 0.1)
            return -2;
    }
    for (uint64_t at = 0; at < n; at += CHUNK)
        add_run(&all, x, y, at, n - at < CHUNK ? (size_t)(n - at) : CHUNK);
    return cosine_of(&all);
}

int zoo_cosine(const char *a, const char *b, double bound, double *cosine, struct err *e)
{
    const struct vec_read_opts npy = {.format = VEC_NPY};
    struct vec_reader *x = NULL, *y = NULL;
    struct vec_rows v, w;
    struct err unread = {0};

    *cosine = -2;
    /* Other files, and arrays of more axes or other types, have no cosine. */
    if (vec_open(&x, a, &npy, &unread) == 0 && vec_open(&y, b, &npy, &unread) == 0 &&
        vec_mapped(x, &v, &unread) && vec_mapped(y, &w, &unread) && v.type == w.type &&
        v.rows == w.rows && v.dim == w.dim)
        *cosine = compare(&v, &w, bound);
    vec_close(x);
    vec_close(y);
    if (unread.code != ERR_MEM && unread.code != ERR_IO)
        return 0;
    *e = unread;
    return e->code;
}
