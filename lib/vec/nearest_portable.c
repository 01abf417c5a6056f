/* nearest_portable.c - the kernels of nearest.c for any processor. */
#include "vec/nearest_body.h"

const struct nearest_ops nearest_portable = {offer, settle};
