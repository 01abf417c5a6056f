/* gz.h - gzip decompression behind four calls, so that one file alone includes zlib's header.
 *
 * The same shape as zst_reader: feed compressed bytes, take plain bytes. Members may follow each
 * other, as cat makes them; zero bytes after the last one are padding (tapes, block devices), any
 * other bytes there are an error, and so are a wrong checksum and a wrong length.
 *
 * Errors   ERR_INPUT for damaged data, ERR_MEM.
 * Threads  a reader belongs to one thread.
 */
#ifndef BASE_GZ_H
#define BASE_GZ_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct gz_reader;
int gz_reader_new(struct gz_reader **out, struct err *e);
/* Takes *in_used bytes of in, gives *out_len bytes of out. Both 0 means that it wants more input.
 * After an error the reader can only be freed. */
int gz_reader_step(struct gz_reader *g, const void *in, size_t in_len, size_t *in_used, void *out,
                   size_t out_cap, size_t *out_len, struct err *e);
bool gz_reader_at_end(const struct gz_reader *g); /* no member is half read */
void gz_reader_free(struct gz_reader *g);         /* NULL is fine */

#endif
