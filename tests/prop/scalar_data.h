/* scalar_data.h - what prop_sq.c and prop_lvq.c try their codecs on. */
#ifndef TESTS_SCALAR_DATA_H
#define TESTS_SCALAR_DATA_H

#include "codec_data.h"

enum { ROWS = 83, QUERIES = 11 };

/* Below, at and above every size of a group, a lane, a chunk. */
static const uint32_t scalar_dims[] = {1,  2,  3,  4,  5,  7,   8,   9,   12,  15,  16,
                                       17, 31, 33, 63, 64, 100, 255, 256, 257, 784, 1500};
enum { SCALAR_DIMS = sizeof scalar_dims / sizeof *scalar_dims };

/* ROWS vectors, QUERIES queries, a codec trained on the vectors. */
struct scalar_case {
    float *x, *q;
    struct codec *c;
};

static struct scalar_case scalar_make(const char *spec, uint32_t dim, enum data_kind kind)
{
    struct scalar_case s = {data_make(kind, ROWS, dim), data_make(kind, QUERIES, dim), NULL};

    s.c = codec_of(spec, cpu_detect(), s.x, ROWS, dim, 1);
    memcpy(s.q, s.x + 5 * dim, dim * sizeof *s.q); /* one that is there */
    memset(s.q + dim, 0, dim * sizeof *s.q);
    s.q[2 * dim + dim / 2] = 1e4F; /* one component outweighs the others */
    return s;
}

/* Levels, threads, files and lists change no bit; then it is released. */
static void scalar_end(struct scalar_case *s)
{
    check_levels(s->c->spec.text, s->x, ROWS, s->c->dim, s->q, QUERIES);
    check_lists(s->c, s->x, ROWS, s->q, QUERIES);
    free(s->x);
    free(s->q);
    codec_free(s->c);
}

static void scalar_bad_specs(const char *const *bad, size_t n)
{
    const struct codec_train t = {.x = (const float[]){1}, .n = 1, .threads = 1};
    struct codec *c;
    struct err e;

    for (size_t i = 0; i < n; i++)
        T_CHECKF(codec_train(&c, bad[i], 1, CPU_PORTABLE, &t, &e) == ERR_USAGE && !c, "%s", bad[i]);
}

#endif
