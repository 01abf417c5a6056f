/* merge.h - the index of A's documents followed by B's, out of the indexes of both: the same bytes
 * as one build of all of them. The text is not needed.
 *
 * Memory   a bit a row, sixteen bytes a sample of B, eight a sample of all, twelve a document.
 */
#ifndef FM_MERGE_H
#define FM_MERGE_H

#include "base/err.h"
#include "base/sect.h"
#include "fm/shard.h"
#include "fm/write.h"

/* ERR_INPUT when they were made with other options, and so one build could not have made both; or,
 * for a set, cannot be searched as one. */
int merge_check(const struct shard *a, const struct shard *b, bool for_set, struct err *e);
/* Everything but the commit. b == NULL: the rows of A alone, in the layout that *o says. Of *o only
 * layout, threads and progress count. */
int merge_write(const struct shard *a, const struct shard *b, const struct index_opts *o,
                struct sect_writer *w, struct err *e);

#endif
