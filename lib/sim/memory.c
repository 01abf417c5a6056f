/* memory.c - see memory.h. */
#include "sim/memory.h"

#include <math.h>

#include "sim/card.h"

/* Vidur keeps a tenth free, and room for max_tokens of every request of the largest batch. */
static double vidur_blocks(const struct cost_memory *m, const struct memory_opts *o)
{
    double slot = 2 * 2 * m->head_dim * m->kv_heads * o->max_tokens * m->layers;
    double slots = floor((m->gpu_bytes * 0.9 - m->parameter_bytes) / slot);

    return slots * floor((double)o->max_tokens / o->block_tokens);
}

int memory_blocks(uint32_t *blocks, const struct cost *c, const struct memory_opts *o,
                  struct err *e)
{
    struct cost_memory m;
    struct gpu_card g;
    double n;

    cost_memory(c, &m);
    if (o->gpu && card_gpu(&g, o->gpu, e) < 0)
        return e->code;
    if (o->gpu)
        m.gpu_bytes = g.memory_gib * 0x1p30;
    if (!(m.gpu_bytes > 0))
        return err_set(e, ERR_USAGE,
                       "the cost table does not say how much memory there is: '--gpu' "
                       "or '--kv-blocks' is needed");
    if (!(m.kv_bytes > 0) || !(m.parameter_bytes > 0))
        return err_set(e, ERR_USAGE,
                       "the cost table does not say how large the model is: "
                       "'--kv-blocks' is needed");
    n = o->vidur
            ? vidur_blocks(&m, o)
            : floor((m.gpu_bytes * o->utilization - m.parameter_bytes - o->reserve_gib * 0x1p30) /
                    (m.kv_bytes * o->block_tokens));
    if (!(n >= 1))
        return err_set(e, ERR_USAGE,
                       "the GPU's %.1f GiB have no room for KV blocks beside %.1f GiB "
                       "of parameters",
                       m.gpu_bytes / 0x1p30, m.parameter_bytes / 0x1p30);
    *blocks = n < 1e9 ? (uint32_t)n : 1000000000;
    return 0;
}
