/* vec_data.h - vectors of many kinds, for tests of what codes them and what finds them. */
#ifndef TESTS_VEC_DATA_H
#define TESTS_VEC_DATA_H

#include "../unit/t.h"
#include "../unit/tmp.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

static unsigned long long data_seed = 88172645463325252ULL;

static inline void *data_need(void *p)
{
    if (!p)
        abort();
    return p;
}

static inline double data_unit(void)
{
    return (double)(t_rand(&data_seed) >> 11) * 0x1p-53;
}

static inline double data_normal(void)
{
    return sqrt(-2 * log(1 - data_unit())) * cos(6.283185307179586 * data_unit());
}

enum data_kind {
    DATA_NORMAL,   /* independent, of one variance */
    DATA_DECAY,    /* variances fall */
    DATA_SPIKES,   /* few components count */
    DATA_BYTES,    /* whole numbers of a small range: ties and duplicates */
    DATA_CONSTANT, /* all vectors equal */
    DATA_SOME,     /* half of the dimensions are constant */
    DATA_OFFSET,   /* a mean far from zero */
    DATA_KINDS
};

static inline float data_component(enum data_kind kind, uint32_t j)
{
    switch (kind) {
    case DATA_DECAY:
        return (float)(data_normal() * pow(1 + j, -0.7));
    case DATA_SPIKES:
        return data_unit() < 0.1 ? (float)(10 * data_normal()) : 0;
    case DATA_BYTES:
        return (float)(t_rand(&data_seed) % 4);
    case DATA_CONSTANT:
        return 3.25F;
    case DATA_SOME:
        return j % 2 ? 7 : (float)data_normal();
    case DATA_OFFSET:
        return (float)(100 + data_normal());
    default:
        return (float)data_normal();
    }
}

/* n vectors; the second is the first again. */
static inline float *data_make(enum data_kind kind, size_t n, uint32_t d)
{
    float *x = data_need(malloc(n * d * sizeof *x));

    for (size_t i = 0; i < n * d; i++)
        x[i] = data_component(kind, (uint32_t)(i % d));
    if (n > 1)
        memcpy(x + d, x, d * sizeof *x);
    return x;
}

#endif
