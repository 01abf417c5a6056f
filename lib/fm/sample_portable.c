/* sample_portable.c - finding marks without any instruction set beyond the baseline. */
#include "fm/bits.h"

#define count_word  word_ones
#define select_word word_select

#include "fm/sample_scan.h"
#include "fm/sample_find.h"

bool samples_find_portable(const struct samples *s, uint64_t row, uint64_t *pos)
{
    return find_mark(s, row, pos);
}
