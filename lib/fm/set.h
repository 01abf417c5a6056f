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

/* ---- the file (set.c) ---- */

/* Does the file begin as a set does? 1 or 0; ERR_IO when it cannot be read. */
int set_is(const char *path, struct err *e);

typedef int set_member_fn(void *ctx, const char *path, struct err *e);

/* Calls member() for every index that the set names, in its order; an error of it ends the reading
 * and gets the set's name and line before it. */
int set_read(const char *path, set_member_fn *member, void *ctx, struct err *e);

/* One range of rows of one shard: fm_hits are made of them. */
struct hit_range {
    size_t shard;
    struct fm_range rows;
};

/* Places of the hits first, first + 1, ..., first + n - 1, in the order of their rows. */
void hits_locate_some(const struct fm_hits *h, uint64_t first, uint64_t n, struct fm_place *place,
                      int threads);

#endif
