/* read.h - plain reading, which is all that memory can give: the sum of words, to be compared with.
 * Words are at multiples of 64 bytes, and multiples of 32 many. */
#ifndef BENCH_READ_H
#define BENCH_READ_H

#include <stddef.h>
#include <stdint.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/cpu.h"

static uint64_t read_words(const uint64_t *a, size_t words)
{
    uint64_t sum[8] = {0};

    for (size_t i = 0; i < words; i += 8)
        for (int k = 0; k < 8; k++)
            sum[k] += a[i + k];
    return sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7];
}

#if defined(__x86_64__)
/* Whole lines at a time: plain words are not what a processor reads fastest. */
__attribute__((target("avx512f"))) static uint64_t read_lines(const uint64_t *a, size_t words)
{
    __m512i sum[4] = {_mm512_setzero_si512()};

    sum[1] = sum[2] = sum[3] = sum[0];
    for (size_t i = 0; i < words; i += 32)
        _Pragma("GCC unroll 4") for (int k = 0; k < 4; k++)
            sum[k] = _mm512_add_epi64(sum[k], _mm512_load_si512(a + i + 8 * k));
    sum[0] = _mm512_add_epi64(_mm512_add_epi64(sum[0], sum[1]), _mm512_add_epi64(sum[2], sum[3]));
    return (uint64_t)_mm512_reduce_add_epi64(sum[0]);
}
#endif

static inline uint64_t (*fastest_read(void))(const uint64_t *, size_t)
{
#if defined(__x86_64__)
    if (cpu_detect() == CPU_AVX512)
        return read_lines;
#endif
    return read_words;
}

#endif
