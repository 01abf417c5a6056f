/* alphabet.c - see alphabet.h. */
#include "fm/alphabet.h"

#include <string.h>

void alphabet_make(struct alphabet *a, const bool present[256], int shared)
{
    unsigned code = 1;

    memset(a, 0, sizeof *a);
    a->shared = shared;
    for (unsigned b = 0; b < 256; b++) {
        a->present[b] = present[b];
        if (!present[b] || (int)b == shared)
            continue;
        a->code_of[b] = (uint8_t)code;
        a->byte_of[code++] = (uint8_t)b;
    }
    if (shared != FM_NOT_SHARED)
        a->byte_of[0] = (uint8_t)shared;
    a->sigma = code;
}

static int rarest_byte(const uint64_t freq[256])
{
    int rarest = 0;

    for (int b = 1; b < 256; b++)
        if (freq[b] < freq[rarest])
            rarest = b;
    return rarest;
}

void alphabet_count(struct alphabet *a, const uint64_t freq[256])
{
    bool present[256];
    int distinct = 0;

    for (int b = 0; b < 256; b++) {
        present[b] = freq[b] > 0;
        distinct += present[b];
    }
    alphabet_make(a, present, distinct == 256 ? rarest_byte(freq) : FM_NOT_SHARED);
}
