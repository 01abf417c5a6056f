/* set.h - what fm_open() opens: one index, or the shards of a set as if they were one. Inside this
 * domain only. */
#ifndef FM_SET_H
#define FM_SET_H

#include "fm/fm.h"
#include "fm/shard.h"

struct fm {
    struct shard **shard;
    uint64_t *first_doc; /* n_shards + 1 */
    size_t n_shards;
    uint64_t bytes;
};

/* The shard that holds a document of the set, and its number there. */
size_t fm_shard_of(const struct fm *fm, uint64_t doc, uint64_t *local);

/* One range of rows of one shard: fm_hits are made of them. */
struct hit_range {
    size_t shard;
    struct fm_range rows;
};

/* Places of the hits first, first + 1, ..., first + n - 1, in the order of their rows. */
void hits_locate_some(const struct fm_hits *h, uint64_t first, uint64_t n, struct fm_place *place,
                      int threads);

#endif
