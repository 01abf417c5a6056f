/* allowed_portable.c - the kernels of allowed.h in plain C, and the choice. */
#include "ann/allowed_body.h"

const struct allowed_ops allowed_portable = {
    .name = "portable", .next = next, .links = links, .mask = mask};

const struct allowed_ops *allowed_ops_for(enum cpu_level level)
{
    return CPU_CHOICE(allowed, level);
}
