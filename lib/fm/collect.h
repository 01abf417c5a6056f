/* collect.h - the documents of an index to be, in memory: their text in one piece, and what is kept
 * beside it. First step of a build. */
#ifndef FM_COLLECT_H
#define FM_COLLECT_H

#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "fm/fm.h"
#include "fm/store.h"

struct id_row {
    uint32_t hash;
    uint64_t doc;
};

struct corpus {
    struct buf text; /* documents one after the other, a byte 0 behind each */
    uint64_t *start; /* docs + 1 positions in it */
    size_t start_cap;
    uint64_t docs, raw_bytes, skipped;
    uint64_t freq[256]; /* of each byte in the documents */
    struct store_writer meta, raw;
    struct id_row *id;
    size_t ids, id_cap;
    struct buf runs, paths; /* section RUNS */
};

int corpus_read(struct corpus *c, const char *const *paths, size_t n, const struct fm_build_opts *o,
                struct err *e);
/* Memory that reading leaves behind unused is given back. */
void corpus_trim(struct corpus *c);
/* The text alone, when it is no longer needed. */
void corpus_free_text(struct corpus *c);
void corpus_free(struct corpus *c);

/* What the index keeps of a record: varint length of `head`, head, tail (docs.h). */
int record_encode(const struct doc *d, const struct docs_opts *o, struct buf *out, struct err *e);

#endif
