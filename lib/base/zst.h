/* zst.h - zstd behind a few calls, so that one file alone includes its header.
 *
 * Errors   ERR_INPUT for a damaged stream, ERR_CORRUPT for a damaged block, ERR_MEM.
 * Threads  a reader belongs to one thread; the block calls share nothing.
 */
#ifndef BASE_ZST_H
#define BASE_ZST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Streaming decompression, for stream.c. Feed compressed bytes, take plain bytes; frames, skippable
 * ones too, may follow each other. Windows up to the format's 2 GB (--long=31) are read. */
struct zst_reader;
int zst_reader_new(struct zst_reader **out, struct err *e);
/* Takes *in_used bytes of in, gives *out_len bytes of out. Both 0 means that it wants more input.
 * After an error the reader can only be freed. */
int zst_reader_step(struct zst_reader *z, const void *in, size_t in_len, size_t *in_used, void *out,
                    size_t out_cap, size_t *out_len, struct err *e);
bool zst_reader_at_end(const struct zst_reader *z); /* no frame is half read */
void zst_reader_free(struct zst_reader *z);         /* NULL is fine */

/* Whole blocks, for sections of our files. zst_bound(len) bytes of room are always enough. */
size_t zst_bound(size_t len);
/* Returns the compressed size, or a negative ERR_*. */
int64_t zst_compress(void *out, size_t out_cap, const void *in, size_t len, int level,
                     struct err *e);
/* The result must be exactly out_len bytes: anything else is ERR_CORRUPT. */
int zst_decompress(void *out, size_t out_len, const void *in, size_t len, struct err *e);

#endif
