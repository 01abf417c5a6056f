/* write.h - the sections of an index, in the order in which they stand in the file: records, rows,
 * then the tables that are complete only when the rows are, and the head. Every way to make an
 * index ends here, so that the same documents give the same bytes.
 */
#ifndef FM_WRITE_H
#define FM_WRITE_H

#include "base/err.h"
#include "base/sect.h"
#include "fm/encode.h"
#include "fm/shard.h"
#include "fm/store.h"
#include "fm/tables.h"

/* What the index is of, beside its documents. */
struct index_opts {
    const struct rank_layout *layout;
    unsigned rate;
    enum text_rule normalize;
    const char *field, *id_field; /* not NULL */
    int threads;
    struct spool_room *room; /* memory for all that grows with the rows; NULL: no bound */
    progress_fn *progress;   /* NULL: none */
    void *progress_ctx;
};

enum { INDEX_THREADS_MAX = 256 };

/* How many of the threads asked for are used. */
static inline int index_threads(int asked)
{
    return asked < 1 ? 1 : asked > INDEX_THREADS_MAX ? INDEX_THREADS_MAX : asked;
}

/* Of a bound of memory, what buffers and code take whatever the input is: 16 MB, or where that
 * would be much of it a quarter. */
static inline uint64_t index_reserve(uint64_t bound)
{
    const uint64_t most = 16 << 20;

    return bound / 4 < most ? bound / 4 : most;
}

/* First the records: RBLK RIDX MBLK MIDX. */
int write_records(struct sect_writer *w, struct store_writer *raw, struct store_writer *meta,
                  struct err *e);
/* Then the rows, which alone need the text or the indexes merged. *enc is the caller's to free. */
int write_rows(struct sect_writer *w, const struct row_source *rows, const struct index_opts *o,
               struct encoded *enc, struct err *e);
/* Then the rest. Sorts t->id. */
int write_rest(struct sect_writer *w, struct tables *t, const struct alphabet *al,
               struct encoded *enc, const struct index_opts *o, struct err *e);

#endif
