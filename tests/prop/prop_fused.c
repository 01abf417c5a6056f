/* prop_fused.c - fused.h against fmaf(): whatever floats there are, and sums that lie half-way
 * between two floats but for a part too small for a double to see, of every size from below the
 * smallest float to beyond the largest.
 */
#include <math.h>

#include "../unit/t.h"
#include "vec/fused.h"

static unsigned long long seed = 1;
static size_t tried, halves; /* lines; sums that a double rounds to half-way */

static uint32_t bits_of(float v)
{
    uint32_t b;

    memcpy(&b, &v, sizeof b);
    return b;
}

static float float_of(uint32_t b)
{
    float v;

    memcpy(&v, &b, sizeof v);
    return v;
}

static int below(int n)
{
    return (int)(t_rand(&seed) % (unsigned)n);
}

/* Any of 2^32, or of few bits, or one of those that matter. */
static float any_float(void)
{
    static const uint32_t special[] = {0,          0x80000000, 1,          0x80000001, 0x007fffff,
                                       0x00800000, 0x3f800000, 0xbf800000, 0x7f7fffff, 0xff7fffff,
                                       0x7f800000, 0xff800000, 0x7fc00000, 0x3f7fffff, 0x3f800001};

    switch (below(4)) {
    case 0:
        return float_of((uint32_t)(t_rand(&seed) >> 32));
    case 1:
        return ldexpf((float)(below(1 << 12) - 2048), below(280) - 150);
    case 2:
        return float_of(special[below(sizeof special / sizeof *special)]);
    default:
        return ldexpf((float)below(1 << 24), below(8) - 24);
    }
}

static void check_line(float x, const float *y, const float *from)
{
    float sum[FUSED_LINE];

    memcpy(sum, from, sizeof sum);
    fused_line(x, y, sum);
    for (int j = 0; j < FUSED_LINE; j++) {
        float want = fmaf(x, y[j], from[j]);

        T_CHECKF(bits_of(sum[j]) == bits_of(want) || (isnan(sum[j]) && isnan(want)),
                 "%a * %a + %a is %a, not %a", (double)x, (double)y[j], (double)from[j],
                 (double)want, (double)sum[j]);
    }
    tried++;
}

static void check_any(void)
{
    float y[FUSED_LINE], from[FUSED_LINE];

    for (int j = 0; j < FUSED_LINE; j++) {
        y[j] = any_float();
        from[j] = any_float();
    }
    check_line(any_float(), y, from);
}

/* x y + z half-way between two floats but for a part that a double does not hold: z = m 2^e, x y =
 * (1 / 2 + tiny) 2^e up or down, as (2^k + 1) (2^k - 1) = 2^2k - 1. m has 24 bits, or fewer where
 * 2^e is the smallest float. */
static void half_way(float *x, float *y, float *z)
{
    bool smallest = below(3) == 0;
    int e = smallest ? -149 : below(256) - 149, bits = smallest ? 6 + below(18) : 23;
    int k = smallest ? 23 : 2 + below(22);
    float sign = below(2) ? 1 : -1;

    *z = ldexpf((float)((1 << bits) + below(1 << bits)), e);
    *x = ldexpf((float)((1 << k) + below(3) - 1), -k - 60);
    *y = ldexpf(sign * (float)((1 << k) + below(3) - 1), e - 1 - k + 60);
    if (below(8) == 0) /* far below the double's last bit */
        *y = sign * ldexpf(1, e - 40 - below(40) + 60);
}

static void check_halves(void)
{
    float y[FUSED_LINE], from[FUSED_LINE], x, other;

    half_way(&x, &y[0], &from[0]);
    for (int j = 1; j < FUSED_LINE; j++) {
        half_way(&other, &y[j], &from[j]);
        y[j] = below(4) ? y[0] : y[j];
        from[j] = below(2) ? from[0] : from[j];
    }
    for (int j = 0; j < FUSED_LINE; j++)
        halves += fmaf(x, y[j], from[j]) != (float)((double)x * (double)y[j] + (double)from[j]);
    check_line(x, y, from);
}

int main(void)
{
    for (int i = 0; i < 200000; i++) {
        check_any();
        check_halves();
    }
    T_CHECKF(halves > tried / 100, "%zu of %zu lines were rounded twice", halves, tried);
    return t_done("fused");
}
