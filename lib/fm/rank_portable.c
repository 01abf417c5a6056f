/* rank_portable.c - the rank kernels without any instruction set beyond the compiler's baseline:
 * the oracle of the others. */
#include "fm/rank_scalar.h"

#include "fm/rank_body.h"

const struct rank_ops rank_fast_portable = {"portable", rank_step, rank_lf, rank_map};
