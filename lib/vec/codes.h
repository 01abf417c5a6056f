/* codes.h - codes as a stream: what vec-encode writes and vec-decode reads.
 *
 *   0   8  magic: 0x89 'S' 'L' 'C' 'O' 'D' 'E' '\n'
 *   8   4  version, 1             12  4  bytes of a code
 *   16  8  rows                   24  8  the codec's checksum (struct codec .id)
 *   32 24  zero                   56  8  XXH3 of the 56 bytes before
 *   64     rows codes, without gaps; the end of the stream
 * All little-endian. A compressed stream (.zst, .gz) is read as it is. A row may be any bytes: what
 * no vector is encoded to, decoding refuses or makes some vector of.
 *
 * Errors   ERR_INPUT names the file: no such magic, another codec's codes, an end before the last
 *          row or bytes after it.
 * Threads  one thread.
 */
#ifndef VEC_CODES_H
#define VEC_CODES_H

#include "vec/codec.h"

/* Rows to handle at a time: some blocks for every thread, in bounded memory. */
uint64_t codes_batch(const struct codec *c, int threads);

struct codes_reader;

/* The codec must be the one that made them. */
int codes_open(struct codes_reader **out, const char *path, const struct codec *c, struct err *e);
void codes_close(struct codes_reader *r); /* NULL is fine */
uint64_t codes_rows(const struct codes_reader *r);
const char *codes_name(const struct codes_reader *r); /* for messages */
/* Up to n codes; how many, 0 at the end, or a negative ERR_*. */
int64_t codes_read(struct codes_reader *r, uint8_t *code, uint64_t n, struct err *e);

struct codes_writer;

/* rows: how many there will be, or VEC_UNKNOWN: as vec_create() (file.h), and so is spool_dir. */
int codes_create(struct codes_writer **out, const char *path, const struct codec *c, uint64_t rows,
                 const char *spool_dir, struct err *e);
int codes_write(struct codes_writer *w, const uint8_t *code, uint64_t n, struct err *e);
int codes_commit(struct codes_writer **w, struct err *e); /* frees *w either way */
void codes_abort(struct codes_writer **w);                /* no-op on NULL */

#endif
