/* allowed.h - bitmaps of rows, and the kernels that look into them: rows in their order, and which
 * of some rows are in.
 *
 * Threads  kernels have no state. All levels of CPU give the same.
 */
#ifndef ANN_ALLOWED_H
#define ANN_ALLOWED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"

enum {
    ALLOWED_ROOM = 128, /* of rows, that is enough for the next */
    ALLOWED_LANES = 32, /* rows of a word of a mask */
};

static inline bool allowed_row(const uint64_t *bits, uint64_t row)
{
    return bits[row / 64] >> row % 64 & 1;
}

/* Where in the bits one is. With `word` 0 at the beginning. */
struct allowed_at {
    const uint64_t *bits;
    const uint64_t *dead; /* bits of rows that are not given; NULL: none */
    uint64_t rows;        /* bits there are */
    uint64_t word;        /* the next one */
};

struct allowed_ops {
    const char *name;
    /* The next rows: how many; 0: there are no more. room: at least ALLOWED_ROOM, not all of which
     * it may use. */
    size_t (*next)(struct allowed_at *s, uint32_t *row, size_t room);
    /* Of n links of 2, 3 or 4 bytes those whose bits are set, in their order, into `to`, which has
     * room for all; what is above `last` is `last`. */
    size_t (*links)(const uint64_t *bits, const uint8_t *link, unsigned width, uint32_t n,
                    uint32_t last, uint32_t *to);
    /* Of n rows those whose bits are set: how many, and the bits of `mask`. */
    size_t (*mask)(const uint64_t *bits, const uint32_t *row, size_t n, uint32_t *mask);
};

/* The level's table; a level that this build lacks gives the next lower. */
const struct allowed_ops *allowed_ops_for(enum cpu_level level);

extern const struct allowed_ops allowed_portable, allowed_avx2, allowed_avx512;

static inline uint64_t allowed_word(const struct allowed_at *s, uint64_t word)
{
    uint64_t rest = s->rows - word * 64, bits = s->bits[word];

    if (s->dead)
        bits &= ~s->dead[word];
    return rest < 64 ? bits & ((UINT64_C(1) << rest) - 1) : bits;
}

/* The first row from `from` on; `rows` if there is none. */
static inline uint64_t allowed_first(const struct allowed_at *s, uint64_t from)
{
    for (uint64_t word = from / 64; word < (s->rows + 63) / 64; word++) {
        uint64_t bits = allowed_word(s, word);

        if (word == from / 64)
            bits = bits >> from % 64 << from % 64;
        if (bits)
            return word * 64 + (unsigned)__builtin_ctzll(bits);
    }
    return s->rows;
}

/* Of n rows and their mask: the bits of dead rows are taken from it, so many. */
static inline size_t allowed_drop(const uint64_t *dead, const uint32_t *row, size_t n,
                                  uint32_t *mask)
{
    size_t dropped = 0;

    for (size_t i = 0; i < n; i++) {
        uint32_t is = mask[i / ALLOWED_LANES] >> i % ALLOWED_LANES & allowed_row(dead, row[i]);

        mask[i / ALLOWED_LANES] ^= is << i % ALLOWED_LANES;
        dropped += is;
    }
    return dropped;
}

#endif
