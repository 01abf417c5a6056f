/* enum15.c - see enum15.h: the table, written by the preprocessor.
 *
 * Wn_k(p) are all words of n bits with k ones, in growing order, behind the bits p: those that go
 * on with a zero, then those that go on with a one.
 */
#include "fm/enum15.h"

/* clang-format off */
#define ZEROS(p, n) (p) << (n),
#define ONES(p, n) (((p) + 1) << (n)) - 1,
#define W2_1(p) ONES(2 * (p), 1) ZEROS(2 * (p) + 1, 1)
#define W3_1(p) W2_1(2 * (p)) ZEROS(2 * (p) + 1, 2)
#define W3_2(p) ONES(2 * (p), 2) W2_1(2 * (p) + 1)
#define W4_1(p) W3_1(2 * (p)) ZEROS(2 * (p) + 1, 3)
#define W4_2(p) W3_2(2 * (p)) W3_1(2 * (p) + 1)
#define W4_3(p) ONES(2 * (p), 3) W3_2(2 * (p) + 1)
#define W5_1(p) W4_1(2 * (p)) ZEROS(2 * (p) + 1, 4)
#define W5_2(p) W4_2(2 * (p)) W4_1(2 * (p) + 1)
#define W5_3(p) W4_3(2 * (p)) W4_2(2 * (p) + 1)
#define W5_4(p) ONES(2 * (p), 4) W4_3(2 * (p) + 1)
#define W6_1(p) W5_1(2 * (p)) ZEROS(2 * (p) + 1, 5)
#define W6_2(p) W5_2(2 * (p)) W5_1(2 * (p) + 1)
#define W6_3(p) W5_3(2 * (p)) W5_2(2 * (p) + 1)
#define W6_4(p) W5_4(2 * (p)) W5_3(2 * (p) + 1)
#define W6_5(p) ONES(2 * (p), 5) W5_4(2 * (p) + 1)
#define W7_1(p) W6_1(2 * (p)) ZEROS(2 * (p) + 1, 6)
#define W7_2(p) W6_2(2 * (p)) W6_1(2 * (p) + 1)
#define W7_3(p) W6_3(2 * (p)) W6_2(2 * (p) + 1)
#define W7_4(p) W6_4(2 * (p)) W6_3(2 * (p) + 1)
#define W7_5(p) W6_5(2 * (p)) W6_4(2 * (p) + 1)
#define W7_6(p) ONES(2 * (p), 6) W6_5(2 * (p) + 1)
#define W8_1(p) W7_1(2 * (p)) ZEROS(2 * (p) + 1, 7)
#define W8_2(p) W7_2(2 * (p)) W7_1(2 * (p) + 1)
#define W8_3(p) W7_3(2 * (p)) W7_2(2 * (p) + 1)
#define W8_4(p) W7_4(2 * (p)) W7_3(2 * (p) + 1)
#define W8_5(p) W7_5(2 * (p)) W7_4(2 * (p) + 1)
#define W8_6(p) W7_6(2 * (p)) W7_5(2 * (p) + 1)
#define W8_7(p) ONES(2 * (p), 7) W7_6(2 * (p) + 1)
#define W9_1(p) W8_1(2 * (p)) ZEROS(2 * (p) + 1, 8)
#define W9_2(p) W8_2(2 * (p)) W8_1(2 * (p) + 1)
#define W9_3(p) W8_3(2 * (p)) W8_2(2 * (p) + 1)
#define W9_4(p) W8_4(2 * (p)) W8_3(2 * (p) + 1)
#define W9_5(p) W8_5(2 * (p)) W8_4(2 * (p) + 1)
#define W9_6(p) W8_6(2 * (p)) W8_5(2 * (p) + 1)
#define W9_7(p) W8_7(2 * (p)) W8_6(2 * (p) + 1)
#define W9_8(p) ONES(2 * (p), 8) W8_7(2 * (p) + 1)
#define W10_1(p) W9_1(2 * (p)) ZEROS(2 * (p) + 1, 9)
#define W10_2(p) W9_2(2 * (p)) W9_1(2 * (p) + 1)
#define W10_3(p) W9_3(2 * (p)) W9_2(2 * (p) + 1)
#define W10_4(p) W9_4(2 * (p)) W9_3(2 * (p) + 1)
#define W10_5(p) W9_5(2 * (p)) W9_4(2 * (p) + 1)
#define W10_6(p) W9_6(2 * (p)) W9_5(2 * (p) + 1)
#define W10_7(p) W9_7(2 * (p)) W9_6(2 * (p) + 1)
#define W10_8(p) W9_8(2 * (p)) W9_7(2 * (p) + 1)
#define W10_9(p) ONES(2 * (p), 9) W9_8(2 * (p) + 1)
#define W11_1(p) W10_1(2 * (p)) ZEROS(2 * (p) + 1, 10)
#define W11_2(p) W10_2(2 * (p)) W10_1(2 * (p) + 1)
#define W11_3(p) W10_3(2 * (p)) W10_2(2 * (p) + 1)
#define W11_4(p) W10_4(2 * (p)) W10_3(2 * (p) + 1)
#define W11_5(p) W10_5(2 * (p)) W10_4(2 * (p) + 1)
#define W11_6(p) W10_6(2 * (p)) W10_5(2 * (p) + 1)
#define W11_7(p) W10_7(2 * (p)) W10_6(2 * (p) + 1)
#define W11_8(p) W10_8(2 * (p)) W10_7(2 * (p) + 1)
#define W11_9(p) W10_9(2 * (p)) W10_8(2 * (p) + 1)
#define W11_10(p) ONES(2 * (p), 10) W10_9(2 * (p) + 1)
#define W12_1(p) W11_1(2 * (p)) ZEROS(2 * (p) + 1, 11)
#define W12_2(p) W11_2(2 * (p)) W11_1(2 * (p) + 1)
#define W12_3(p) W11_3(2 * (p)) W11_2(2 * (p) + 1)
#define W12_4(p) W11_4(2 * (p)) W11_3(2 * (p) + 1)
#define W12_5(p) W11_5(2 * (p)) W11_4(2 * (p) + 1)
#define W12_6(p) W11_6(2 * (p)) W11_5(2 * (p) + 1)
#define W12_7(p) W11_7(2 * (p)) W11_6(2 * (p) + 1)
#define W12_8(p) W11_8(2 * (p)) W11_7(2 * (p) + 1)
#define W12_9(p) W11_9(2 * (p)) W11_8(2 * (p) + 1)
#define W12_10(p) W11_10(2 * (p)) W11_9(2 * (p) + 1)
#define W12_11(p) ONES(2 * (p), 11) W11_10(2 * (p) + 1)
#define W13_1(p) W12_1(2 * (p)) ZEROS(2 * (p) + 1, 12)
#define W13_2(p) W12_2(2 * (p)) W12_1(2 * (p) + 1)
#define W13_3(p) W12_3(2 * (p)) W12_2(2 * (p) + 1)
#define W13_4(p) W12_4(2 * (p)) W12_3(2 * (p) + 1)
#define W13_5(p) W12_5(2 * (p)) W12_4(2 * (p) + 1)
#define W13_6(p) W12_6(2 * (p)) W12_5(2 * (p) + 1)
#define W13_7(p) W12_7(2 * (p)) W12_6(2 * (p) + 1)
#define W13_8(p) W12_8(2 * (p)) W12_7(2 * (p) + 1)
#define W13_9(p) W12_9(2 * (p)) W12_8(2 * (p) + 1)
#define W13_10(p) W12_10(2 * (p)) W12_9(2 * (p) + 1)
#define W13_11(p) W12_11(2 * (p)) W12_10(2 * (p) + 1)
#define W13_12(p) ONES(2 * (p), 12) W12_11(2 * (p) + 1)
#define W14_1(p) W13_1(2 * (p)) ZEROS(2 * (p) + 1, 13)
#define W14_2(p) W13_2(2 * (p)) W13_1(2 * (p) + 1)
#define W14_3(p) W13_3(2 * (p)) W13_2(2 * (p) + 1)
#define W14_4(p) W13_4(2 * (p)) W13_3(2 * (p) + 1)
#define W14_5(p) W13_5(2 * (p)) W13_4(2 * (p) + 1)
#define W14_6(p) W13_6(2 * (p)) W13_5(2 * (p) + 1)
#define W14_7(p) W13_7(2 * (p)) W13_6(2 * (p) + 1)
#define W14_8(p) W13_8(2 * (p)) W13_7(2 * (p) + 1)
#define W14_9(p) W13_9(2 * (p)) W13_8(2 * (p) + 1)
#define W14_10(p) W13_10(2 * (p)) W13_9(2 * (p) + 1)
#define W14_11(p) W13_11(2 * (p)) W13_10(2 * (p) + 1)
#define W14_12(p) W13_12(2 * (p)) W13_11(2 * (p) + 1)
#define W14_13(p) ONES(2 * (p), 13) W13_12(2 * (p) + 1)
#define W15_1(p) W14_1(2 * (p)) ZEROS(2 * (p) + 1, 14)
#define W15_2(p) W14_2(2 * (p)) W14_1(2 * (p) + 1)
#define W15_3(p) W14_3(2 * (p)) W14_2(2 * (p) + 1)
#define W15_4(p) W14_4(2 * (p)) W14_3(2 * (p) + 1)
#define W15_5(p) W14_5(2 * (p)) W14_4(2 * (p) + 1)
#define W15_6(p) W14_6(2 * (p)) W14_5(2 * (p) + 1)
#define W15_7(p) W14_7(2 * (p)) W14_6(2 * (p) + 1)
#define W15_8(p) W14_8(2 * (p)) W14_7(2 * (p) + 1)
#define W15_9(p) W14_9(2 * (p)) W14_8(2 * (p) + 1)
#define W15_10(p) W14_10(2 * (p)) W14_9(2 * (p) + 1)
#define W15_11(p) W14_11(2 * (p)) W14_10(2 * (p) + 1)
#define W15_12(p) W14_12(2 * (p)) W14_11(2 * (p) + 1)
#define W15_13(p) W14_13(2 * (p)) W14_12(2 * (p) + 1)
#define W15_14(p) ONES(2 * (p), 14) W14_13(2 * (p) + 1)

const uint16_t enum15_words[1 << ENUM15_BITS] = {
#if defined(__GNUC__) /* not for cppcheck: it would take minutes */
    ZEROS(0, 15) W15_1(0) W15_2(0) W15_3(0) W15_4(0) W15_5(0) W15_6(0) W15_7(0)
    W15_8(0) W15_9(0) W15_10(0) W15_11(0) W15_12(0) W15_13(0) W15_14(0) ONES(0, 15)
#endif
};
/* clang-format on */

const uint16_t enum15_base[16] = {0,     1,     16,    121,   576,   1941,  4944,  9949,
                                  16384, 22819, 27824, 30827, 32192, 32647, 32752, 32767};
static const uint16_t count_of[16] = {1,    15,   105,  455,  1365, 3003, 5005, 6435,
                                      6435, 5005, 3003, 1365, 455,  105,  15,   1};

unsigned enum15_encode(unsigned class, unsigned word)
{
    const uint16_t *words = enum15_words + enum15_base[class];
    unsigned at = 0;

    /* The last place whose word is not above: 13 bits find any. */
    for (unsigned step = 1u << 12; step > 0; step >>= 1) {
        unsigned next = at + step < count_of[class] ? at + step : at;
        at = words[next] <= word ? next : at;
    }
    return at;
}
