/* merge.h - the index of A's documents followed by B's, out of the indexes of both: the same bytes
 * as one build of all of them. The text is not needed.
 *
 * Memory   out of the room that *o has, and in files where that has no more: a bit a row and
 *          sixteen bytes a sample of B; then a bit a row, eight bytes a sample of B and five of
 *          all; then thirteen bytes a sample; all the time 24 to 40 bytes a document. Beside it
 *          some MB, and less than .003 bytes a row.
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
 * layout, threads, room and progress count. */
int merge_write(const struct shard *a, const struct shard *b, const struct index_opts *o,
                struct sect_writer *w, struct err *e);

#endif
