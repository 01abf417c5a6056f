/* sample_find.h - is a row marked, compiled once per instruction set.
 *
 * The including file defines bucket_start(m, bucket): the place, among the upper bits, right behind
 * the zero number `bucket` - 1; all of them when there is none.
 *
 * A walk asks this at each step, and nearly always the answer is no: so the places of a bucket's
 * marks are compared all at once, as fields of a word, without a branch on how many they are.
 */
#ifndef FM_SAMPLE_FIND_H
#define FM_SAMPLE_FIND_H

#include "fm/sample_marks.h"

/* Which of the n <= s->fields marks from number i on have these low bits: the highest bit of each
 * one's field. */
static inline uint64_t equal_places(const struct samples *s, const struct marks *m, uint64_t i,
                                    uint64_t n, unsigned low)
{
    uint64_t at = i * s->low_bits, top = s->field << (s->low_bits - 1);
    uint64_t rest = (s->field << s->low_bits) - s->field - top; /* all but the highest bits */
    uint64_t x = load_u64(m->lower + (at >> 3)) >> (at & 7) ^ low * s->field;
    uint64_t not_0 = ((x & rest) + rest) | x;

    return ~not_0 & top & ((UINT64_C(1) << n * s->low_bits) - 1);
}

static inline bool find_mark(const struct samples *s, uint64_t row, uint64_t *pos)
{
    struct marks m = block_marks(s, row >> SAMPLE_BLOCK_LOG);
    unsigned rel = row & (SAMPLE_BLOCK - 1), bucket = rel >> s->low_bits;
    unsigned low = rel & ((1u << s->low_bits) - 1), run = s->fields;

    if (!m.words)
        return false;
    for (size_t at = bucket_start(&m, bucket); run == s->fields && at < 64 * m.words; at += run) {
        uint64_t ones = load_u64(m.upper + (at >> 3)) >> (at & 7), equal;
        uint64_t i = at - bucket < m.k ? at - bucket : m.k; /* k only in a damaged file */
        run = (unsigned)__builtin_ctzll(~ones | UINT64_C(1) << s->fields);
        equal = equal_places(s, &m, i, run < m.k - i ? run : m.k - i, low);
        if (equal) {
            i += (unsigned)__builtin_ctzll(equal) / s->low_bits;
            *pos = sample_at(s, m.first + i) * s->rate;
            return true;
        }
    }
    return false;
}

#endif
