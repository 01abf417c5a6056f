/* enum15.h - 15 bits as a class, how many of them are ones, and a place among the words of the
 * class in growing order (Raman, Raman & Rao 2002): at most 4 + 13 bits. The table takes 64 KB.
 */
#ifndef FM_ENUM15_H
#define FM_ENUM15_H

#include <stdint.h>

enum { ENUM15_BITS = 15, ENUM15_MASK = 0x7fff };

extern const uint16_t enum15_words[1 << ENUM15_BITS]; /* by class, then in growing order */
extern const uint16_t enum15_base[16];                /* where each class begins */

/* Bits that a place takes in each class, also as 4-bit values for vectors. */
#define ENUM15_LENGTHS 0, 4, 7, 9, 11, 12, 13, 13, 13, 13, 12, 11, 9, 7, 4, 0

/* The word at a place; too large a place gives some word. */
static inline unsigned enum15_decode(unsigned class, unsigned place)
{
    return enum15_words[(enum15_base[class] + place) & ENUM15_MASK];
}

/* The place of a word of that class. */
unsigned enum15_encode(unsigned class, unsigned word);

#endif
