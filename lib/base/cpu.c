/* cpu.c - see cpu.h.
 *
 * CPUID tells what the processor has, XGETBV which registers the operating system saves: a level
 * counts only with both (Intel SDM vol. 1, "Detection of AVX Instructions" and "Detection of
 * AVX-512 Foundation Instructions"). Not __builtin_cpu_supports, since clang 14 does not know
 * "lzcnt".
 */
#include "base/cpu.h"

#include <stddef.h>
#include <string.h>

static const char *const names[] = {"portable", "avx2", "avx512"};

#ifdef __x86_64__
#include <cpuid.h>
#include <stdint.h>

static int has(uint32_t word, uint32_t bits)
{
    return (word & bits) == bits;
}

static uint32_t saved_registers(void)
{
    uint32_t lo, hi;

    __asm__("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    (void)hi;
    return lo;
}

enum cpu_level cpu_detect(void)
{
    const uint32_t fma = 1u << 12, popcnt = 1u << 23, osxsave = 1u << 27;     /* 1: ecx */
    const uint32_t avx = 1u << 28, f16c = 1u << 29;                           /* 1: ecx */
    const uint32_t bmi1 = 1u << 3, avx2 = 1u << 5, bmi2 = 1u << 8;            /* 7: ebx */
    const uint32_t f = 1u << 16, dq = 1u << 17, bw = 1u << 30, vl = 1u << 31; /* 7: ebx */
    const uint32_t vbmi = 1u << 1, vnni = 1u << 11, vpopcntdq = 1u << 14;     /* 7: ecx */
    const uint32_t lzcnt = 1u << 5;                                           /* 0x80000001: ecx */
    const uint32_t ymm = 0x06, zmm = 0xe6; /* XCR0: SSE and AVX state; and opmask, ZMM0-31 */
    uint32_t a, b1, c1, d, b7, c7, bx, cx;

    if (!__get_cpuid(1, &a, &b1, &c1, &d) || !__get_cpuid_count(7, 0, &a, &b7, &c7, &d) ||
        !__get_cpuid(0x80000001, &a, &bx, &cx, &d))
        return CPU_PORTABLE;
    if (!has(c1, fma | popcnt | osxsave | avx | f16c) || !has(b7, bmi1 | avx2 | bmi2) ||
        !has(cx, lzcnt) || !has(saved_registers(), ymm))
        return CPU_PORTABLE;
    if (!has(b7, f | dq | bw | vl) || !has(c7, vbmi | vnni | vpopcntdq) ||
        !has(saved_registers(), zmm))
        return CPU_AVX2;
    return CPU_AVX512;
}
#else
enum cpu_level cpu_detect(void)
{
    return CPU_PORTABLE;
}
#endif

int cpu_parse(const char *s, enum cpu_level *out)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(s, names[i]) == 0) {
            *out = (enum cpu_level)i;
            return 0;
        }
    return -1;
}

const char *cpu_name(enum cpu_level level)
{
    return names[level];
}
