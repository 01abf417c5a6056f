/* ef.h - Elias-Fano: a growing sequence of n numbers below `universe` in about 2 + log2(universe/n)
 * bits each (Elias 1974, Fano 1971), with constant-time access and predecessor search.
 *
 *   packed low halves (bits.h), padded to 8 bytes
 *   u64 words of the unary high halves: a one for each number, a zero for each step of the high
 *     part
 *   u64 the position of every 256th one: where access begins to count
 *
 * A damaged sequence gives wrong numbers below `universe`, never a wild read.
 */
#ifndef FM_EF_H
#define FM_EF_H

#include <stdint.h>

#include "base/err.h"
#include "base/spool.h"

struct ef {
    uint64_t n, universe, words;
    unsigned low_bits;
    const unsigned char *low;
    const unsigned char *high;
    const unsigned char *hints;
};

/* Size in bytes of the sequence: depends on n and universe alone, a multiple of 8. */
uint64_t ef_bytes(uint64_t n, uint64_t universe);
/* Appends the encoding of v[0..n), not decreasing and below universe. */
int ef_encode(const uint64_t *v, uint64_t n, uint64_t universe, struct spool *out, struct err *e);
/* A view on ef_bytes(n, universe) bytes. */
void ef_view(struct ef *f, const void *p, uint64_t n, uint64_t universe);

uint64_t ef_get(const struct ef *f, uint64_t i); /* the i-th number, i < n */
/* How many numbers are <= v. */
uint64_t ef_count_to(const struct ef *f, uint64_t v);

#endif
