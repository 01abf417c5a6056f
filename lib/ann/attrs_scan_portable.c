/* attrs_scan_portable.c - packed codes against ranges, one after the other: attrs_int.h. */
#include "ann/attrs_int.h"

static void scan(const uint8_t *codes, unsigned bits, uint64_t rows, const struct attr_range *r,
                 size_t n, enum attrs_put put, uint64_t *out)
{
    for (uint64_t at = 0; at < rows; at += 64) {
        unsigned many = rows - at < 64 ? (unsigned)(rows - at) : 64;
        uint64_t hit = 0;

        for (unsigned i = 0; i < many; i++) {
            uint32_t code = (uint32_t)attrs_get(codes, bits, at + i);

            hit |= (uint64_t)attrs_in(code, r, n) << i;
        }
        out[at / 64] = attrs_join(out[at / 64], hit, put);
    }
}

static uint64_t count(const uint64_t *words, size_t n)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (uint64_t)__builtin_popcountll(words[i]);
    return sum;
}

const struct attrs_ops attrs_ops_portable = {.name = "portable", .scan = scan, .count = count};
