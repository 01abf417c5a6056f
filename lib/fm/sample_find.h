/* sample_find.h - is a row marked, compiled once per instruction set. The including file defines
 * count_word(w), the ones of a word, and select_word(w, k), the place of its k-th one (from 0).
 */
#ifndef FM_SAMPLE_FIND_H
#define FM_SAMPLE_FIND_H

#include "fm/sample_marks.h"

/* The place, among the upper bits, right behind the zero number `bucket` - 1; all words when there
 * is none. */
static inline size_t bucket_start(const struct marks *m, unsigned bucket)
{
    unsigned zeros;
    uint64_t w;

    if (bucket == 0)
        return 0;
    bucket--;
    for (size_t i = 0; i < m->words; i++) {
        w = ~load_u64(m->upper + 8 * i);
        zeros = count_word(w);
        if (bucket < zeros)
            return 64 * i + select_word(w, bucket) + 1;
        bucket -= zeros;
    }
    return 64 * m->words;
}

static inline bool find_mark(const struct samples *s, uint64_t row, uint64_t *pos)
{
    struct marks m = block_marks(s, row >> SAMPLE_BLOCK_LOG);
    unsigned rel = row & (SAMPLE_BLOCK - 1), bucket = rel >> s->low_bits;
    unsigned low = rel & ((1u << s->low_bits) - 1);
    size_t at = bucket_start(&m, bucket);

    for (; at < 64 * m.words && bit_get(m.upper, at); at++) {
        uint64_t i = at - bucket;
        if (i >= m.k)
            return false;
        if (packed_get(m.lower, i, s->low_bits) == low) {
            *pos = sample_at(s, m.first + i) * s->rate;
            return true;
        }
    }
    return false;
}

#endif
