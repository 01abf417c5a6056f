/* encode.h - from rows, wherever they come from, to the sections of the BWT and its samples.
 *
 * The rows are cut in superblocks, which threads encode independently; a window of them at a time
 * is then put in order. The blocks go to the file at once; what stands behind them there, and is
 * smaller, is gathered in spools, of which memory may be bounded.
 */
#ifndef FM_ENCODE_H
#define FM_ENCODE_H

#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/progress_fn.h"
#include "base/sect.h"
#include "base/spool.h"
#include "fm/rank.h"

/* One superblock of rows. The buffers are appended to, in row order. */
struct rows {
    uint8_t sym[RANK_SUPER]; /* storage codes (alphabet.h) */
    struct buf mark;         /* u16: rows, from the superblock's first, that hold a sample */
    struct buf perm;         /* u32: which sample */
    struct buf doc_order;    /* u64: documents of the rows whose symbol is an end */
    struct buf ends;         /* u64: these rows, only when a byte shares the end's code */
};

/* Where rows come from: a suffix array (sorted.h), or two indexes (merge.c). The user of the first
 * embeds it. */
struct row_source {
    uint64_t n;
    unsigned sigma;
    /* Fills in rows [from, from + len) of one superblock. Called from many threads at once. */
    int (*fill)(const struct row_source *s, uint64_t from, size_t len, struct rows *out,
                struct err *e);
};

struct encode_opts {
    const struct rank_layout *layout;
    unsigned rate;
    int threads;
    struct spool_room *room; /* of what is gathered; NULL: no bound */
    progress_fn *progress;   /* NULL: none */
    void *progress_ctx;
};

/* What encode_rows() gathers; the caller frees it with encoded_free(). */
struct encoded {
    struct spool super, dir, mark_dir, marks; /* SUPR, BDIR, MDIR, MARK */
    struct spool perm;                        /* u32 sample numbers in row order */
    struct spool doc_order;                   /* u64 documents in row order */
    struct spool ends;                        /* u64 rows whose symbol is an end, if shared */
    struct spool hyper; /* u64 [hyperblock][sigma]: occurrences before, without C */
};

/* Writes section BLKS to w and fills in *out. */
int encode_rows(const struct row_source *rows, const struct encode_opts *o, struct sect_writer *w,
                struct encoded *out, struct err *e);
void encoded_free(struct encoded *x);

#endif
