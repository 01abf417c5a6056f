/* rank.c - see rank.h: sizes, and the table of layouts. */
#include "fm/rank.h"

static const struct rank_layout *const layouts[] = {&rank_fast, &rank_small};

uint64_t rank_blocks(const struct rank_layout *l, uint64_t n)
{
    return (n >> l->block_log) + 1;
}

uint64_t rank_supers(uint64_t n)
{
    return (n >> RANK_SUPER_LOG) + 1;
}

uint64_t rank_hypers(uint64_t n)
{
    return (n >> RANK_HYPER_LOG) + 1;
}

const struct rank_layout *rank_layout_of(uint32_t id)
{
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
        if (layouts[i]->id == id)
            return layouts[i];
    return NULL;
}
