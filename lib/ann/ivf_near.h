/* ivf_near.h - the kernel that looks which rows of a list may be near: ivf.h. */
#ifndef ANN_IVF_NEAR_H
#define ANN_IVF_NEAR_H

#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"

/* Of a query and a list. */
struct ivf_limit {
    float shift; /* what keys may be too large by */
    float width; /* that many errors count */
    float most;
};

/* A row's bound, of its key s: the one order of operations on all levels. */
static inline float ivf_bound(const struct ivf_limit *l, float key, float g, float c, float e)
{
    return __builtin_fmaf(-l->width, e, __builtin_fmaf(g, key - l->shift, c));
}

struct ivf_ops {
    const char *name;
    /* The rows of n whose bound is not above l->most (NaN is not): hit has room for n, at most
     * 65536; how many. `factor`: G, C, E of the rows, `lanes` floats apart. */
    size_t (*near)(const struct ivf_limit *l, const float *key, const float *factor, size_t lanes,
                   size_t n, uint16_t *hit);
};

extern const struct ivf_ops ivf_portable, ivf_avx2, ivf_avx512;

/* The level's table; a level that this build lacks gives the next lower. */
const struct ivf_ops *ivf_ops_for(enum cpu_level level);

#endif
