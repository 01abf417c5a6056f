/* encode.h - from a suffix array to the sections of the BWT and its samples.
 *
 * The rows are cut in superblocks, which threads encode independently; a window of them at a time
 * is then put in order. What is small is gathered in memory; the blocks go to the file at once.
 */
#ifndef FM_ENCODE_H
#define FM_ENCODE_H

#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/sect.h"
#include "fm/shard.h"

/* The sorted text. Symbols are codes that sort as the bytes do, 0 the document end: in text8, or in
 * text16 when the bytes use all 256 values. */
struct sorted {
    const uint8_t *text8;
    const uint16_t *text16;
    const int32_t *sa;
    uint64_t n;
    const uint64_t *start; /* docs + 1 text positions */
    uint64_t docs;
    uint8_t store_code[257]; /* by symbol: its storage code */
};

/* What encode_rows() gathers; the caller frees it with encoded_free(). */
struct encoded {
    struct buf super, dir, mark_dir, marks; /* SUPR, BDIR, MDIR, MARK */
    struct buf perm;                        /* u32 sample numbers in row order */
    struct buf doc_order;                   /* u64 documents in row order */
    struct buf ends;                        /* u64 rows whose symbol is an end; only for text16 */
    struct buf hyper; /* u64 [hyperblock][sigma]: occurrences before, without C */
};

/* Writes section BLKS to w and fills in *out. */
int encode_rows(const struct sorted *t, unsigned sigma, unsigned rate_log, int threads,
                struct sect_writer *w, struct encoded *out, progress_fn *progress, void *ctx,
                struct err *e);
void encoded_free(struct encoded *x);

#endif
