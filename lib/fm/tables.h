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
#include "base/mem.h"
#include "fm/shard.h"

struct id_row {
    uint32_t hash;
    uint64_t doc;
};

struct tables {
    uint64_t *start; /* docs + 1 text positions, document ends counted */
    size_t start_cap;
    uint64_t docs, raw_bytes;
    uint64_t freq[256]; /* of each byte in the documents */
    struct id_row *id;
    size_t ids, id_cap;
    struct buf runs, paths; /* section RUNS */
};

int tables_init(struct tables *t, struct err *e);
void tables_free(struct tables *t);

/* One more document, of `len` searchable bytes and `raw_len` as they came in. The caller sees to
 * its id, its place and freq, before. */
int tables_add(struct tables *t, uint64_t len, uint64_t raw_len, struct err *e);
/* The next document's id; and that it stood on that line of that file, line 0 meaning none. */
int tables_add_id(struct tables *t, uint32_t hash, struct err *e);
int tables_add_place(struct tables *t, uint64_t line, const char *path, size_t path_len,
                     struct err *e);
/* All documents of an index. ERR_CORRUPT when it is damaged. */
int tables_add_shard(struct tables *t, const struct shard *s, struct err *e);

#endif
