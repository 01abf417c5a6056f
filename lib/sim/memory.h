/* memory.h - how many KV blocks a GPU has room for. */
#ifndef SIM_MEMORY_H
#define SIM_MEMORY_H

#include "sim/cost.h"

struct memory_opts {
    const char *gpu;    /* a card; NULL: what the cost table says */
    double utilization; /* share of the memory that is the engine's */
    double reserve_gib; /* of it, for activations and the like */
    uint32_t block_tokens;
    bool vidur; /* Vidur's rule: slots of max_tokens each, and parameters twice */
    uint32_t max_tokens;
};

/* floor((memory x utilization - parameters - reserve) / bytes of a block). ERR_USAGE if neither
 * table nor card says how much memory there is, or there is too little. */
int memory_blocks(uint32_t *blocks, const struct cost *c, const struct memory_opts *o,
                  struct err *e);

#endif
