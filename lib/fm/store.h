/* store.h - numbered records in compressed blocks: what an index keeps of its documents beside the
 * searchable text.
 *
 * Two sections:
 *   ?IDX  a block, and one more: u64 number of its first record, u64 its offset in ?BLK
 *   ?BLK  a block: u32 length of its plain bytes, then one zstd frame. Plain: the records, each a
 *         varint (LEB128) of its length and its bytes.
 *
 * A block is closed when its plain bytes reach the limit, so blocks depend on the records alone.
 *
 * Errors   ERR_CORRUPT for a damaged block; ERR_MEM.
 * Threads  a struct store is immutable; a cursor belongs to one thread.
 */
#ifndef FM_STORE_H
#define FM_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/sect.h"

struct store_writer {
    size_t limit_bytes;
    int level;
    struct buf plain, index, blocks;
    uint64_t records, block_records; /* in all; before the open block */
    uint64_t gone;                   /* bytes of blocks written already */
    struct sect_writer *sink;        /* where blocks go at once; NULL: they are kept */
    bool any;                        /* a record was not empty */
};

int store_add(struct store_writer *w, const void *p, size_t len, struct err *e);
/* From now on blocks go to the section as they are closed, and memory does not grow with them. For
 * records of which one at least is not empty. */
int store_stream(struct store_writer *w, struct sect_writer *s, const char blk[4], struct err *e);
/* Closes the last block and writes both sections, or none when every record is empty. */
int store_write(struct store_writer *w, struct sect_writer *s, const char idx[4], const char blk[4],
                struct err *e);
void store_writer_free(struct store_writer *w);

struct store {
    const struct sect_file *file;
    const char *name; /* of the block section, for messages */
    const unsigned char *index, *blocks;
    uint64_t n_blocks, blocks_len, records;
};

/* A store of `records` records; without the sections every record is empty. */
int store_open(struct store *s, const struct sect_file *f, const char idx[4], const char blk[4],
               uint64_t records, struct err *e);

struct store_cursor {
    const struct store *store;
    uint64_t block; /* the decompressed block, plus one; 0: none */
    uint64_t next;  /* number of the record at `at` */
    size_t at;
    struct buf plain;
};

/* The record, a span that lives until the next call with this cursor. Cheap when records are asked
 * for in growing order, or are near each other. A cursor must not outlive the stores it was used
 * with: it knows them by their addresses. */
int store_get(struct store_cursor *c, const struct store *s, uint64_t record, const char **p,
              size_t *len, struct err *e);
/* Appends all records of a store. */
int store_copy(struct store_writer *w, const struct store *s, struct err *e);
void store_cursor_free(struct store_cursor *c);

/* LEB128 numbers, for whoever writes records. */
int varint_add(struct buf *b, uint64_t v, struct err *e);
bool varint_get(const char *p, size_t len, size_t *at, uint64_t *v);

#endif
