/* cpu.h - which of the three instruction-set levels this machine runs.
 *
 * A level is named by what its kernels are compiled for (Makefile: AVX2_FLAGS, AVX512_FLAGS):
 *   portable   the baseline of the architecture
 *   avx2       AVX2, BMI1, BMI2, POPCNT, LZCNT, FMA, F16C
 *   avx512     the above and AVX512 F, BW, VL, DQ, VBMI, VNNI, VPOPCNTDQ (Ice Lake, Zen 4)
 * Levels are ordered: code for a lower one runs wherever a higher one is detected.
 *
 * Threads  safe from any.
 */
#ifndef BASE_CPU_H
#define BASE_CPU_H

enum cpu_level { CPU_PORTABLE, CPU_AVX2, CPU_AVX512 };

/* The highest level that both the CPU and the operating system support; CPU_PORTABLE on anything
 * but x86-64. Costs a few hundred cycles (much more in a virtual machine): ask once. */
enum cpu_level cpu_detect(void);
/* "portable", "avx2" or "avx512": 0 and *out, or -1 for any other word. */
int cpu_parse(const char *s, enum cpu_level *out);
const char *cpu_name(enum cpu_level level);

/* Kernels come in threes, NAME_portable, NAME_avx2 and NAME_avx512: tables of functions, or
 * functions, each in a file that is compiled for its level and empty where there is no such. What
 * is declared of the three is looked at only through these two, so nothing else need ask for the
 * architecture: CPU_CHOICES initialises an array by level with their addresses, CPU_CHOICE is the
 * address of a level's. */
#if defined(__x86_64__)
#define CPU_CHOICES(name)                              \
    {                                                  \
        &name##_portable, &name##_avx2, &name##_avx512 \
    }
#define CPU_CHOICE(name, level) \
    ((level) >= CPU_AVX512 ? &name##_avx512 : (level) == CPU_AVX2 ? &name##_avx2 : &name##_portable)
#else
#define CPU_CHOICES(name)                                    \
    {                                                        \
        &name##_portable, &name##_portable, &name##_portable \
    }
#define CPU_CHOICE(name, level) ((void)(level), &name##_portable)
#endif

#endif
