/* chunk.h - documents in memory become an index: their suffixes sorted, the rows encoded.
 *
 * Memory   the text and four bytes a symbol for its suffix array while it is sorted and encoded
 *          (the text twice as wide if all 256 byte values occur), then the small sections.
 */
#ifndef FM_CHUNK_H
#define FM_CHUNK_H

#include <stdbool.h>

#include "base/err.h"
#include "base/sect.h"
#include "fm/collect.h"
#include "fm/write.h"

/* Bytes of memory that chunk_write() needs. */
uint64_t chunk_memory(const struct chunk_size *size, unsigned rate);

/* Everything but the commit. The chunk's text is used up. */
int chunk_write(struct corpus *c, const struct index_opts *o, struct sect_writer *w, struct err *e);

#endif
