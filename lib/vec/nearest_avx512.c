/* nearest_avx512.c - the kernels of nearest.c in 512-bit vectors. */
#if defined(__x86_64__)
#include "vec/nearest_body.h"

const struct nearest_ops nearest_avx512 = {offer, settle};
#else
typedef int nearest_avx512_is_for_x86;
#endif
