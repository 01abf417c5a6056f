/* nearest_level.h - the kernels of nearest.c, a file each. Inside this domain only. */
#ifndef VEC_NEAREST_LEVEL_H
#define VEC_NEAREST_LEVEL_H

#include "vec/ops.h"

struct nearest_ops {
    /* Lines of PANEL products, of n rows, meet centroids first, first + 1 ...: key and best are the
     * lanes' best so far. fresh: there are none yet. */
    void (*offer)(const float *tile, size_t n, const float *norm, uint32_t first, bool fresh,
                  float *key, uint32_t *best);
    /* The best of each row's lanes. */
    void (*settle)(const float *key, const uint32_t *best, size_t n, uint32_t *out);
};

extern const struct nearest_ops nearest_portable, nearest_avx2, nearest_avx512;

#endif
