/* tables.h - what an index keeps of its documents beside their text, while it is being made: where
 * each begins, its id, where it came from. (Records go through store.h.)
 *
 * Documents come in order, from a reader (collect.c) or out of finished indexes (merge.c); what is
 * written of them depends on the documents alone.
 */
#ifndef FM_TABLES_H
#define FM_TABLES_H

#include <stdint.h>

#include "base/err.h"
#include "base/spool.h"
#include "fm/shard.h"

struct id_row {
    uint32_t hash;
    uint64_t doc;
};

struct tables {
    struct spool starts, ids; /* tables_start(), tables_id() */
    uint64_t docs, raw_bytes;
    uint64_t freq[256];       /* of each byte in the documents */
    struct spool runs, paths; /* section RUNS */
};

/* room: for what grows with the documents; NULL: no bound. */
int tables_init(struct tables *t, struct spool_room *room, struct err *e);
void tables_free(struct tables *t);

/* One more document, of `len` searchable bytes and `raw_len` as they came in. The caller sees to
 * its id, its place and freq, before. */
int tables_add(struct tables *t, uint64_t len, uint64_t raw_len, struct err *e);
/* The next document's id; and that it stood on that line of that file, line 0 meaning none. */
int tables_add_id(struct tables *t, uint32_t hash, struct err *e);
int tables_add_place(struct tables *t, uint64_t line, const char *path, size_t path_len,
                     struct err *e);
/* All documents of A, then, if B is not NULL, of B, into empty tables: ids come sorted, as those of
 * both are. ERR_CORRUPT when one is damaged. */
int tables_add_shards(struct tables *t, const struct shard *a, const struct shard *b,
                      struct err *e);

/* docs + 1 text positions, document ends counted. */
static inline const uint64_t *tables_start(const struct tables *t)
{
    return (const uint64_t *)(const void *)t->starts.p;
}

static inline struct id_row *tables_id(const struct tables *t)
{
    return (struct id_row *)(void *)t->ids.p;
}

static inline uint64_t tables_ids(const struct tables *t)
{
    return t->ids.len / sizeof(struct id_row);
}

#endif
