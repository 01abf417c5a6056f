/* osq_portable.c - the kernel of osq in plain C. */
#include <string.h>

#include "vec/osq.h"

static void sums(const struct osq_shape *s, const float *table, const uint8_t *packed, size_t ld,
                 size_t n, float *sum)
{
    memset(sum, 0, n * sizeof *sum);
    for (uint32_t j = 0; j < s->wide; j++, packed += ld) {
        for (size_t i = 0; i < n; i++)
            sum[i] += table[packed[i]];
        table += osq_table(s->bit[j]);
    }
    for (uint32_t j = 0; j < s->narrow; j += 2, packed += ld) {
        const float *second = table + osq_table(OSQ_NARROW);

        for (size_t i = 0; i < n; i++)
            sum[i] = (sum[i] + table[packed[i] & 15]) + second[packed[i] >> 4];
        table = second + osq_table(OSQ_NARROW);
    }
}

const struct osq_ops osq_portable = {sums};
