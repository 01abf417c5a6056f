/* card_int.h - the cards that come with the tools. Inside this domain only. */
#ifndef SIM_CARD_INT_H
#define SIM_CARD_INT_H

#include "sim/card.h"

extern const struct model_card card_models[];
extern const size_t card_models_n;
extern const struct gpu_card card_gpus[];
extern const size_t card_gpus_n;

/* Measured linear layers of a pair. */
struct card_pair {
    const char *model, *gpu;
    const struct card_point *point;
    size_t n;
};
extern const struct card_pair card_pairs[];
extern const size_t card_pairs_n;

#endif
