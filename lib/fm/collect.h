/* collect.h - the documents of an index to be, in memory: their text in one piece, and what is kept
 * beside it. First step of a build. All of the input at once, or chunk after chunk.
 */
#ifndef FM_COLLECT_H
#define FM_COLLECT_H

#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "fm/fm.h"
#include "fm/store.h"
#include "fm/tables.h"

struct corpus {
    const struct fm_build_opts *o;
    struct docs *docs;
    struct doc next; /* read, but not yet taken into a chunk */
    bool has_next;
    struct buf record;
    /* of the chunk: */
    struct buf text; /* documents one after the other, a byte 0 behind each */
    struct tables tables;
    struct store_writer meta, raw;
    const char *path; /* of its last document, and the line; 0: the document is the file */
    uint64_t line;
};

/* *o is kept. The first `skip` documents are passed over: an earlier run has them. */
int corpus_open(struct corpus *c, const char *const *paths, size_t n, const struct fm_build_opts *o,
                uint64_t skip, struct err *e);
struct chunk_size {
    uint64_t text, docs; /* bytes, document ends counted */
    bool wide;           /* all 256 byte values occur */
};

/* The next chunk, in place of the last: documents as long as fits() says that there is room for the
 * next one too; at least one. 1: there are more; 0: these were the last. */
typedef bool corpus_fits_fn(const void *ctx, const struct chunk_size *size);
int corpus_read(struct corpus *c, corpus_fits_fn *fits, const void *ctx, struct err *e);
struct chunk_size corpus_size(const struct corpus *c); /* of the chunk */
uint64_t corpus_skipped(const struct corpus *c);       /* bad records so far */
/* Memory that reading leaves behind unused is given back. */
void corpus_trim(struct corpus *c);
/* The text alone, when it is no longer needed. */
void corpus_free_text(struct corpus *c);
void corpus_close(struct corpus *c);

#endif
