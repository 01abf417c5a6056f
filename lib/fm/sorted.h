/* sorted.h - rows out of a text and its suffix array. */
#ifndef FM_SORTED_H
#define FM_SORTED_H

#include <stdint.h>

#include "fm/encode.h"

/* Symbols are codes that sort as the bytes do, 0 the document end: in text8, or in text16 when the
 * bytes use all 256 values. */
struct sorted {
    struct row_source rows; /* first: what encode_rows() is given */
    const uint8_t *text8;
    const uint16_t *text16;
    const int32_t *sa;
    const uint64_t *start; /* docs + 1 text positions */
    uint64_t docs;
    unsigned rate;
    uint8_t store_code[257]; /* by symbol: its storage code */
};

/* The others filled in, makes `rows` usable. */
void sorted_ready(struct sorted *t, uint64_t n, unsigned sigma);

#endif
