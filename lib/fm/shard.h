/* shard.h - one opened index file: its sections as structures, and the BWT as bytes and documents.
 *
 * Inside this domain only. The text is the documents one after the other, each ended by an end
 * symbol that sorts below every byte, the end of an earlier document below that of a later one. So
 * row d < docs is the end of document d, and text position p counts these ends too: document d
 * begins at starts[d] and its end symbol stands at starts[d + 1] - 1. Documents are strings of
 * their own: before a document's first byte stands its own end, and LF is not followed across.
 *
 * Storage codes: alphabet.h. When a byte shares code 0 with the end, section ZROW lists the rows
 * whose symbol is an end, and the shared byte's ranks are what is left.
 */
#ifndef FM_SHARD_H
#define FM_SHARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cpu.h"
#include "base/err.h"
#include "base/sect.h"
#include "fm/alphabet.h"
#include "fm/ef.h"
#include "fm/fm.h"
#include "fm/rank.h"
#include "fm/sample.h"
#include "fm/store.h"

#define FM_KIND "fm  "

enum {
    FM_MAJOR = 2,
    FM_MINOR = 0,
    META_BLOCK_BYTES = 32 << 10,
    META_LEVEL = 9,
    RAW_BLOCK_BYTES = 128 << 10,
    RAW_LEVEL = 3,
    FM_ROWS_LOG = 40,  /* an index has less than 2^40 rows */
    FM_RUN_BYTES = 32, /* a row of RUNS: u64 first document, first line, path's offset, length */
};

/* Section HEAD, byte for byte. */
struct fm_head {
    uint64_t n; /* rows: bytes and document ends */
    uint64_t docs;
    uint64_t raw_bytes; /* of the documents as they came in; n - docs unless normalised */
    uint64_t shared_c;  /* first row of the shared byte */
    uint64_t backs;     /* pointers in SINV */
    uint64_t ids;       /* documents with an id of their own */
    uint64_t runs;      /* rows of RUNS */
    uint32_t layout;    /* id of a struct rank_layout */
    uint32_t rate;
    uint32_t normalize; /* enum fm_normalize */
    uint32_t shared;    /* the byte that shares code 0, or FM_NOT_SHARED */
    uint8_t present[32];
    uint8_t zero[24];
};

struct shard {
    struct sect_file *file;
    struct fm_head head;
    struct alphabet al;
    uint64_t first_row[256]; /* by byte: rows that begin with a smaller one, or an end */
    struct rank rank;
    const struct rank_layout *layout;
    const struct rank_ops *ops;
    void *tables; /* of rank, copied into huge pages; NULL: they are the file's */
    size_t tables_bytes;
    uint16_t *hints; /* of rank, when it is loaded */
    struct samples samples;
    struct ef starts; /* docs + 1 text positions */
    struct ef ends;   /* rows with an end as their symbol; n == 0 unless a byte is shared */
    const unsigned char *doc_order; /* document of the k-th row whose symbol is an end, packed */
    unsigned doc_bits;
    struct store meta, raw;
    const unsigned char *id_hash, *id_doc; /* sorted u32 hashes; their documents, packed */
    const char *field, *id_field;
    const unsigned char *runs; /* section RUNS: rows, then the paths */
    const char *paths;
    uint64_t paths_len;
};

int shard_open(struct shard **out, const char *path, const struct fm_open_opts *o, struct err *e);
void shard_close(struct shard *s);

/* The rows that begin with a byte: the first step of a search, which costs nothing. */
struct fm_range shard_first(const struct shard *s, uint8_t byte);
/* rank_step and rank_lf in bytes. A byte that does not occur empties its range. */
void shard_step(const struct shard *s, size_t k, const uint8_t *byte, uint64_t *lo, uint64_t *hi);
/* Steps of one search by byte[n - 1], byte[n - 2] and on, until none is left or the range is empty.
 */
void shard_seek(const struct shard *s, const uint8_t *byte, size_t n, uint64_t *lo, uint64_t *hi);
/* rank_map of single positions: pos[i] becomes the row where byte[i] followed by what stands before
 * row pos[i] would be put. */
void shard_map(const struct shard *s, size_t k, const uint8_t *byte, uint64_t *pos);
/* end[i] tells that the row's symbol is a document's end; then row[i] becomes its number among
 * these and byte[i] is without meaning. */
void shard_lf(const struct shard *s, size_t k, uint64_t *row, uint8_t *byte, bool *end);

/* Ends of documents among the symbols of the first `row` rows. */
uint64_t shard_ends_before(const struct shard *s, uint64_t row);
/* The symbols of rows [from, from + len): 0 an end, else byte + 1. */
void shard_symbols(const struct shard *s, uint64_t from, size_t len, uint16_t *sym);
/* freq[b] = how often byte b occurs. */
void shard_byte_counts(const struct shard *s, uint64_t freq[256]);

uint64_t shard_doc_of_end(const struct shard *s, uint64_t k);  /* doc_order, clamped */
uint64_t shard_doc_at(const struct shard *s, uint64_t pos);    /* whose text holds position pos */
uint64_t shard_doc_start(const struct shard *s, uint64_t doc); /* doc <= docs */
uint64_t shard_doc_len(const struct shard *s, uint64_t doc);   /* bytes, without the end */

/* search.c: ranges of rows that begin with each pattern; one thread. */
void shard_search(const struct shard *s, const struct fm_text *pat, size_t n, struct fm_range *out);
/* locate.c: text position of each row; one thread. */
void shard_locate(const struct shard *s, const uint64_t *rows, size_t n, uint64_t *pos);
/* read.c: bytes [from, from + len) of a document, inside it, into dst; one thread. */
struct shard_piece {
    uint64_t doc, from, len;
    char *dst;
};
void shard_read(const struct shard *s, const struct shard_piece *pieces, size_t n);

#endif
