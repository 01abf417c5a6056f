/* sample.h - from rows to text positions and back: suffix-array samples in text order.
 *
 * Every s-th text position is a sample (s is the rate). The rows of the samples are marked, block
 * by block of 2^14 rows, by Elias-Fano; the j-th marked row holds sample perm[j], that is, text
 * position s * perm[j]. So a walk by LF meets a mark, or its document's start, within s - 1 steps.
 *
 * The way back, from a text position to its row, is the same permutation inverted: every eighth
 * element of a cycle points eight back along it (Munro, Raman, Raman & Rao 2003), so an inverse
 * costs about twelve steps and the pointers an eighth of what storing it would.
 *
 * Sections:
 *   MDIR  a block of rows, and one more: u32 marks before it, u32 offset of its marks in words
 *   MARK  a block's marks: a one for each mark, a zero for each bucket of 2^b rows (2^b is the
 *         greatest power of two up to s), as words (u64); then the marks' places in their buckets,
 *         b bits each, as words
 *   SAMP  perm, packed (bits.h), bits_for(samples - 1) bits each
 *   SINV  bits that tell which elements have a pointer, as words; u32 pointers before each
 *         group of 512 bits, padded to 8 bytes; the pointers, packed as in SAMP
 *
 * A damaged section gives wrong numbers inside [0, samples), never a wild read or an endless walk.
 */
#ifndef FM_SAMPLE_H
#define FM_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cpu.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/spool.h"

enum {
    SAMPLE_RATE_MIN = 4,
    SAMPLE_RATE_MAX = 4096,
    SAMPLE_RATE_DEFAULT = 60,
    SAMPLE_BLOCK_LOG = 14, /* rows whose marks stand together */
    SAMPLE_BLOCK = 1 << SAMPLE_BLOCK_LOG,
};

struct samples;

/* Is the row marked? Then *pos is its text position. */
typedef bool samples_find_fn(const struct samples *s, uint64_t row, uint64_t *pos);

samples_find_fn samples_find_portable, samples_find_avx2, samples_find_avx512;
samples_find_fn *samples_find_for(enum cpu_level level); /* all give the same answers */

struct samples {
    uint64_t n;     /* rows = text positions */
    uint64_t count; /* samples: ceil(n / s) */
    unsigned rate;
    unsigned low_bits;   /* of a mark: samples_low_bits(rate) */
    unsigned fields;     /* marks' low bits that one load has at least */
    uint64_t field;      /* the lowest bit of each */
    unsigned bits;       /* of one element of perm */
    const uint32_t *dir; /* pairs */
    const unsigned char *marks;
    uint64_t mark_words;
    const unsigned char *perm;
    const unsigned char *has_back; /* SINV */
    const unsigned char *back_rank;
    const unsigned char *back;
    uint64_t backs;
    samples_find_fn *find;
};

uint64_t samples_blocks(uint64_t n); /* at least one: position n has a block too */
uint64_t samples_count(uint64_t n, unsigned rate);
unsigned samples_low_bits(unsigned rate);
/* Sets n, and what follows from it and the rate. */
void samples_init(struct samples *s, uint64_t n, unsigned rate);
unsigned samples_bits(uint64_t count);

/* The marked rows of one block (rel[0..k), growing, relative to the block's start), appended. */
int samples_encode_block(const uint16_t *rel, size_t k, unsigned low_bits, struct buf *out,
                         struct err *e);
/* SAMP and SINV from the permutation; what this takes besides is of sinv's room. */
int samples_encode_perm(const uint32_t *perm, uint64_t count, struct spool *samp,
                        struct spool *sinv, struct err *e);
/* Size of SINV for `backs` pointers. */
uint64_t samples_inverse_bytes(uint64_t count, uint64_t backs);
void samples_view_inverse(struct samples *s, const void *sinv, uint64_t backs);

/* Asks for the memory that s->find(s, row) will touch. */
void samples_fetch(const struct samples *s, uint64_t row);
/* The samples of rows [from, to): the rows (u64) and the numbers of their samples (u32), appended.
 */
int samples_list(const struct samples *s, uint64_t from, uint64_t to, struct buf *rows,
                 struct buf *numbers, struct err *e);
/* The row of text position k * rate; k < count. */
uint64_t samples_row(const struct samples *s, uint64_t k);

#endif
