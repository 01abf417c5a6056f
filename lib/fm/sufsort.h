/* sufsort.h - sorts all suffixes of a collection of documents.
 *
 * The text is the documents one after the other, each ended by symbol 0, which occurs nowhere else.
 * Document ends are ordered by their place: the end of document 0 is the smallest symbol, then that
 * of document 1, and so on, all below every other symbol. So two suffixes are compared up to their
 * document's end and then by document number; the order is total, no comparison crosses a document,
 * and the suffix array of a sequence of documents is unique.
 *
 * Method   induced sorting from a sorted sample of the suffixes; see sufsort.c.
 * Errors   ERR_MEM; ERR_USAGE when n exceeds FM_SUFSORT_MAX, when the last symbol is not 0, when
 *          one is above 256. Nothing else fails.
 * Memory   sa is the caller's: n + FM_SUFSORT_EXTRA entries. Beside it 3 MB per thread and, with
 *          more than one, 0.06 n bytes. Text and sa are read at random, so memory from mem_map()
 *          (huge pages) serves best.
 * Threads  the result does not depend on `threads`: below 1 is 1, at most 256 are used.
 */
#ifndef FM_SUFSORT_H
#define FM_SUFSORT_H

#include <stdint.h>

#include "base/err.h"

#define FM_SUFSORT_MAX ((int64_t)0x7fffff00)
enum { FM_SUFSORT_EXTRA = 1024 };

/* text: n symbols; the last is 0 (or n is 0). sa[0..n) receives text positions in suffix order; the
 * first `documents` of them are the document ends, in order. */
int fm_sufsort8(const uint8_t *text, int32_t *sa, int64_t n, int threads, struct err *e);
/* The same for an alphabet of 257 (all byte values and the document end): symbols 0..256. */
int fm_sufsort16(const uint16_t *text, int32_t *sa, int64_t n, int threads, struct err *e);

#endif
