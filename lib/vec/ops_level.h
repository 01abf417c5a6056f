/* ops_level.h - the tables of ops.h, a file each. Inside this domain only. */
#ifndef VEC_OPS_LEVEL_H
#define VEC_OPS_LEVEL_H

#include "vec/ops.h"

extern const struct vec_ops ops_portable;
#if defined(__x86_64__)
extern const struct vec_ops ops_avx2, ops_avx512;
#endif

/* dots_pack() of levels that want queries as they are. */
void dots_pack_plain(const void *q, enum vec_type t, size_t nq, uint32_t dim, void *to);

#endif
