/* allowed_avx2.c - the kernels of allowed.h, with what counts bits. */
#if defined(__x86_64__)
#include "ann/allowed_body.h"

const struct allowed_ops allowed_avx2 = {
    .name = "avx2", .next = next, .links = links, .mask = mask};
#else
typedef int allowed_avx2_is_for_x86;
#endif
