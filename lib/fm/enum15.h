/* enum15.h - 15 bits as a class, how many of them are ones, and a place among the words of the
 * class (Raman, Raman & Rao 2002): at most 4 + 13 bits.
 *
 * The usual table of 2^15 words takes 64 KB and its look-ups leave the first cache. Here a word is
 * 7 bits (its upper ones) above 8. Words of a class are ordered by the ones in the upper part, then
 * by the upper part, then by the lower, each among its equals by value; so the tables are those of
 * 8 bits, 0.9 KB, and a division by a small constant takes the place of the large look-up.
 */
#ifndef FM_ENUM15_H
#define FM_ENUM15_H

#include <stdint.h>

enum { ENUM15_BITS = 15, ENUM15_MASK = 0x7fff };

extern const uint8_t enum15_word[256];     /* the bytes, by number of ones, then by value */
extern const uint8_t enum15_place[256];    /* a byte's place among those of as many ones */
extern const uint8_t enum15_base[9];       /* where those of k ones begin in enum15_word */
extern const uint32_t enum15_choose[9];    /* how many they are */
extern const uint32_t enum15_inverse[9];   /* 2^18 / that, rounded up */
extern const uint16_t enum15_first[16][8]; /* [class][ones of the upper part]: first place */

/* Bits that a place takes in each class, also as 4-bit values for vectors. */
#define ENUM15_LENGTHS 0, 4, 7, 9, 11, 12, 13, 13, 13, 13, 12, 11, 9, 7, 4, 0

/* The word at a place; any number below 2^13 may be given as a place, and gives some word. */
static inline unsigned enum15_decode(unsigned class, unsigned place)
{
    const uint16_t *first = enum15_first[class];
    unsigned up = 0, low, rest, high;

    for (unsigned i = 1; i < 8; i++)
        up += first[i] <= place;
    low = class - up;
    rest = place - first[up];
    high = rest * enum15_inverse[low] >> 18;
    rest -= high * enum15_choose[low];
    return (enum15_word[(enum15_base[up] + high) & 255] & 127u) << 8 |
           enum15_word[(enum15_base[low] + rest) & 255];
}

/* The place of a word of that class. */
static inline unsigned enum15_encode(unsigned class, unsigned word)
{
    unsigned up = (unsigned)__builtin_popcount(word >> 8), low = class - up;

    return enum15_first[class][up] + enum15_place[word >> 8] * enum15_choose[low] +
           enum15_place[word & 255];
}

#endif
