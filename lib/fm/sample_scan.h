/* sample_scan.h - bucket_start() of sample_find.h, word by word. The including file defines
 * count_word(w), the ones of a word, and select_word(w, k), the place of its k-th one (from 0). */
#ifndef FM_SAMPLE_SCAN_H
#define FM_SAMPLE_SCAN_H

#include "fm/sample_marks.h"

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

#endif
