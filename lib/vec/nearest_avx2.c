/* nearest_avx2.c - the kernels of nearest.c in 256-bit vectors. */
#if defined(__x86_64__)
#include "vec/nearest_body.h"

const struct nearest_ops nearest_avx2 = {offer, settle};
#else
typedef int nearest_avx2_is_for_x86;
#endif
