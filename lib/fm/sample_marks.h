/* sample_marks.h - the marks of one block of rows: see sample.h. For sample*.c. */
#ifndef FM_SAMPLE_MARKS_H
#define FM_SAMPLE_MARKS_H

#include "fm/bits.h"
#include "fm/sample.h"

static inline size_t upper_words(size_t k, unsigned low_bits)
{
    return (k + ((size_t)SAMPLE_BLOCK >> low_bits) + 63) / 64;
}

static inline size_t lower_words(size_t k, unsigned low_bits)
{
    return (k * low_bits + 63) / 64;
}

/* The marks of one block of rows. */
struct marks {
    const unsigned char *upper, *lower;
    uint64_t first;
    uint32_t k;
    size_t words; /* of upper; 0 when the directory is damaged */
};

static inline struct marks block_marks(const struct samples *s, uint64_t block)
{
    const uint32_t *d = s->dir + 2 * block;
    struct marks m = {.first = d[0], .k = d[2] - d[0]};
    uint64_t words = upper_words(m.k, s->low_bits);

    if (m.k <= SAMPLE_BLOCK && d[1] + words + lower_words(m.k, s->low_bits) <= s->mark_words) {
        m.words = words;
        m.upper = s->marks + 8 * (uint64_t)d[1];
        m.lower = m.upper + 8 * words;
    }
    return m;
}

static inline uint64_t sample_at(const struct samples *s, uint64_t j)
{
    uint64_t k = j < s->count ? packed_get(s->perm, j, s->bits) : 0;

    return k < s->count ? k : 0;
}

#endif
