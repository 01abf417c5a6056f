/* rabitq_dots.h - integer products of a block of codes with query rows, for vectors of any width.
 *
 * The including file has: V, a vector; v_zero(), v_load(p), v_store(p, v); v_field(v, down, up,
 * mask): ((v >> down) << up) & (mask << up) in each byte, of constants; v_or(); v_row(p), 4 bytes
 * everywhere; v_dot(acc, u, q): acc plus the products of unsigned and signed bytes by fours.
 *
 * As 16 codes lie side by side, 4 dimensions in each 32-bit lane, sums need no reduction.
 * Everything that is constant in a call of tile() must be so for the compiler, too: hence the
 * switches.
 */
#ifndef VEC_RABITQ_DOTS_H
#define VEC_RABITQ_DOTS_H

enum { PARTS = RABITQ_UNIT / sizeof(V) };

/* Where the planes of a block begin. */
struct planes {
    const uint8_t *four, *two, *one;
};

static inline __attribute__((always_inline)) struct planes planes_of(unsigned bits, uint32_t units,
                                                                     const uint8_t *p)
{
    struct planes s = {p, p, p};

    s.two += bits & 4 ? (size_t)((units + 1) / 2) * RABITQ_UNIT : 0;
    s.one = s.two + (bits & 2 ? (size_t)((units + 3) / 4) * RABITQ_UNIT : 0);
    return s;
}

/* Cells of unit u + j, u a multiple of 8. */
static inline __attribute__((always_inline)) V unit_cells(unsigned bits, struct planes p,
                                                          uint32_t u, unsigned j)
{
    V cells = v_zero();

    if (bits == 8)
        return v_load(p.four + (size_t)(u + j) * RABITQ_UNIT);
    if (bits & 4)
        cells = v_field(v_load(p.four + (size_t)(u + j) / 2 * RABITQ_UNIT), j % 2 * 4, bits - 4,
                        15);
    if (bits & 2)
        cells = v_or(cells, v_field(v_load(p.two + (size_t)(u + j) / 4 * RABITQ_UNIT), j % 4 * 2,
                                    bits & 1, 3));
    if (bits & 1)
        cells = v_or(cells, v_field(v_load(p.one + (size_t)u / 8 * RABITQ_UNIT), j, 0, 1));
    return cells;
}

/* Sums of n rows, in 8 chains, as the latency of one would be the bound. */
static inline __attribute__((always_inline)) void tile(unsigned bits, uint32_t units,
                                                       struct planes p, const int8_t *const *row,
                                                       size_t n, int32_t *out)
{
    const size_t chains = 8 / n;
    V acc[8];
    uint32_t u = 0;

    for (size_t k = 0; k < n * chains; k++)
        acc[k] = v_zero();
    for (; u + 8 <= units; u += 8)
#pragma GCC unroll 8
        for (unsigned j = 0; j < 8; j++) {
            V cells = unit_cells(bits, p, u, j);

            for (size_t k = 0; k < n; k++)
                acc[k * chains + j % chains] = v_dot(acc[k * chains + j % chains], cells,
                                                     v_row(row[k] + 4 * (u + j)));
        }
#pragma GCC unroll 8
    for (unsigned j = 0; j < 7; j++)
        if (u + j < units) {
            V cells = unit_cells(bits, p, u, j);

            for (size_t k = 0; k < n; k++)
                acc[k * chains] = v_dot(acc[k * chains], cells, v_row(row[k] + 4 * (u + j)));
        }
    for (size_t k = 0; k < n; k++) {
        V sum = acc[k * chains];

        for (size_t i = 1; i < chains; i++)
            sum = v_add(sum, acc[k * chains + i]);
        v_store(out + k * RABITQ_LANES, sum);
    }
}

static inline __attribute__((always_inline)) void tiles(unsigned bits, uint32_t units,
                                                        const uint8_t *planes,
                                                        const int8_t *const *row, size_t n,
                                                        int32_t *out)
{
    for (size_t part = 0; part < PARTS; part++) {
        struct planes p = planes_of(bits, units, planes + part * sizeof(V));
        int32_t *to = out + part * sizeof(V) / sizeof *out;

        if (n == 4)
            tile(bits, units, p, row, 4, to);
        if (n & 2 && n < 4)
            tile(bits, units, p, row, 2, to);
        if (n & 1)
            tile(bits, units, p, row + (n & 2), 1, to + (n & 2) * RABITQ_LANES);
    }
}

static void dots(unsigned bits, uint32_t units, const uint8_t *planes, const int8_t *const *row,
                 size_t n, int32_t *out)
{
    switch (bits) {
    case 1:
        tiles(1, units, planes, row, n, out);
        break;
    case 2:
        tiles(2, units, planes, row, n, out);
        break;
    case 3:
        tiles(3, units, planes, row, n, out);
        break;
    case 4:
        tiles(4, units, planes, row, n, out);
        break;
    case 5:
        tiles(5, units, planes, row, n, out);
        break;
    case 6:
        tiles(6, units, planes, row, n, out);
        break;
    case 7:
        tiles(7, units, planes, row, n, out);
        break;
    default:
        tiles(8, units, planes, row, n, out);
    }
}

#endif
