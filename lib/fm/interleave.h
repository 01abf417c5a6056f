/* interleave.h - where the rows of one index stand among those of another: the work of merging two
 * BWTs (Ferragina, Gagie & Manzini 2012; Siren 2016; documents here are strings of their own).
 *
 * For the documents of A followed by those of B, a row of B stands behind the rows of A that sort
 * below it, equal ones too, as A's documents end first. Every document of B is walked backward from
 * its end, by LF in B and by the same bytes in A: row r in B and rank k in A give row r + k of
 * both. Many walks advance in lock step; each thread has its own.
 *
 * A long document is walked in stretches at once. In the middle of a document the rank is not
 * known, but a walk that begins farther right with all ranks, [0, n], narrows the range by a byte a
 * step, and where it has become one rank, that is it. A stretch whose range stays wider (its text
 * is in A) is walked by its right neighbour.
 *
 * Cost     a step in A and one in B a byte of B.
 * Memory   out of the room: a bit a row of both, set at random, and 16 bytes a sample of B. Beside
 *          it 16 bytes for every 2^16 rows, and 40 for every 2^15 of B.
 * Threads  the result does not depend on their number.
 */
#ifndef FM_INTERLEAVE_H
#define FM_INTERLEAVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "fm/shard.h"
#include "fm/write.h"

struct interleave {
    uint64_t n, words;       /* rows of both; words of `of_b` */
    uint64_t *of_b;          /* a bit a row: it is one of B's */
    uint64_t *b_before;      /* by superblock, and one more: rows of B before it */
    uint64_t *sample;        /* B's samples, superblock after superblock: row's low 16 bits << 32 |
                                number of the sample in the text of both */
    uint64_t *sample_before; /* by superblock, and one more */
    struct spool bits, samples; /* where of_b and sample lie */
};

/* ERR_CORRUPT when one of them is damaged; then, too, *il is freed by interleave_free(). */
int interleave_make(struct interleave *il, const struct shard *a, const struct shard *b,
                    const struct index_opts *o, struct err *e);
/* The rows of one index of n rows, which stand among no others. */
int interleave_alone(struct interleave *il, uint64_t n, struct spool_room *room, struct err *e);
void interleave_free(struct interleave *il);

static inline bool interleave_of_b(const struct interleave *il, uint64_t row)
{
    return il->of_b[row >> 6] >> (row & 63) & 1;
}

#endif
