/* rank.c - see rank.h: sizes, and the table of layouts. */
#include "fm/rank.h"

#include "fm/bits.h"

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

uint64_t rank_hint_bytes(const struct rank *r)
{
    return (r->last_line + 1 + RANK_HINTS_AHEAD) * sizeof *r->hint;
}

void rank_fill_hints(const struct rank *r, uint16_t *hint, int threads)
{
#pragma omp parallel for num_threads(threads) if (threads > 1)
    for (uint64_t i = 0; i <= r->last_line; i++)
        hint[i] = load_u16(r->blocks + i * RANK_LINE);
}

const struct rank_layout *rank_layout_of(uint32_t id)
{
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
        if (layouts[i]->id == id)
            return layouts[i];
    return NULL;
}
