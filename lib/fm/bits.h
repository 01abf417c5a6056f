/* bits.h - packed integers and words of bits.
 *
 * A packed array holds values of 1..57 bits one after the other, lowest bits first, in
 * little-endian words. Arrays carry PACKED_SLACK bytes past their last value, so that one unaligned
 * 8-byte load reads any value.
 */
#ifndef FM_BITS_H
#define FM_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { PACKED_SLACK = 8, PACKED_MAX_BITS = 57 };

static inline uint64_t load_u64(const void *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint32_t load_u32(const void *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint16_t load_u16(const void *p)
{
    uint16_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

/* Bits needed to write the values 0..max: at least 1. */
static inline unsigned bits_for(uint64_t max)
{
    return max ? 64 - (unsigned)__builtin_clzll(max) : 1;
}

static inline uint64_t packed_bytes(uint64_t n, unsigned bits)
{
    return (n * bits + 7) / 8 + PACKED_SLACK;
}

static inline uint64_t packed_get(const unsigned char *a, uint64_t i, unsigned bits)
{
    uint64_t at = i * bits;

    return load_u64(a + (at >> 3)) >> (at & 7) & ((UINT64_C(1) << bits) - 1);
}

/* The array must have been zero where it is set. */
static inline void packed_set(unsigned char *a, uint64_t i, unsigned bits, uint64_t v)
{
    uint64_t at = i * bits, w = load_u64(a + (at >> 3)) | v << (at & 7);

    memcpy(a + (at >> 3), &w, sizeof w);
}

static inline bool bit_get(const unsigned char *a, uint64_t i)
{
    return a[i >> 3] >> (i & 7) & 1;
}

static inline void bit_set(unsigned char *a, uint64_t i)
{
    a[i >> 3] |= (unsigned char)(1u << (i & 7));
}

/* Position of the k-th (from 0) set bit of w; w must have more than k. */
static inline unsigned word_select(uint64_t w, unsigned k)
{
    while (k--)
        w &= w - 1;
    return (unsigned)__builtin_ctzll(w);
}

#endif
