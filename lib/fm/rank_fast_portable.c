/* rank_fast_portable.c - the kernels of "fast" without any instruction set beyond the compiler's
 * baseline: the oracle of the others. */
#include "fm/rank_scalar.h"

#define RANK_BITS_H "fm/rank_fast_bits.h"
#include "fm/rank_body.h"

const struct rank_ops rank_fast_portable = {"portable", rank_step, rank_seek, rank_lf, rank_map};
