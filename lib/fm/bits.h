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

/* c ? a : b, never as a branch: for what cannot be guessed. */
static inline uint32_t pick_u32(bool c, uint32_t a, uint32_t b)
{
    return b ^ ((a ^ b) & (0 - (uint32_t)c));
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

/* Ones of each byte of w, in that byte. */
static inline uint64_t byte_ones(uint64_t w)
{
    w -= w >> 1 & UINT64_C(0x5555555555555555);
    w = (w & UINT64_C(0x3333333333333333)) + (w >> 2 & UINT64_C(0x3333333333333333));
    return (w + (w >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
}

/* Ones of w, fast without an instruction for it, too. */
static inline unsigned word_ones(uint64_t w)
{
    return (unsigned)(byte_ones(w) * UINT64_C(0x0101010101010101) >> 56);
}

/* Position of the k-th (from 0) set bit of w; w must have more than k. */
static inline unsigned word_select(uint64_t w, unsigned k)
{
    const uint64_t each = UINT64_C(0x0101010101010101), high = each << 7;
    uint64_t upto = byte_ones(w) * each;                 /* ones up to each byte's end */
    uint64_t before = ((k * each | high) - upto) & high; /* bytes that end with k ones or less */
    unsigned byte = (unsigned)((before >> 7) * each >> 56) & 7;

    k -= (unsigned)(upto << 8 >> 8 * byte) & 0xff;
    w = w >> 8 * byte & 0xff;
    while (k--)
        w &= w - 1;
    return 8 * byte + (unsigned)__builtin_ctzll(w | 0x80);
}

#endif
