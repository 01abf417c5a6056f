/* rabitq_portable.c - the kernels of rabitq in plain C. */
#include "vec/rabitq_body.h"

/* cells = cells << width | unit u of a plane with fields of that width. Returns the next plane. */
static const uint8_t *add_plane(const uint8_t *plane, uint32_t units, uint32_t u, unsigned width,
                                uint8_t *cells)
{
    unsigned per = 8 / width, down = width * (u % per), mask = (1u << width) - 1;
    const uint8_t *p = plane + (size_t)(u / per) * RABITQ_UNIT;

    for (size_t i = 0; i < RABITQ_UNIT; i++)
        cells[i] = (uint8_t)(cells[i] << width | (p[i] >> down & mask));
    return plane + (size_t)((units + per - 1) / per) * RABITQ_UNIT;
}

static void add_products(const uint8_t *cells, const int8_t *row, int32_t *out)
{
    for (size_t i = 0; i < RABITQ_LANES; i++) {
        const uint8_t *c = cells + 4 * i;

        out[i] += c[0] * row[0] + c[1] * row[1] + c[2] * row[2] + c[3] * row[3];
    }
}

static void dots(unsigned bits, uint32_t units, const uint8_t *planes, const int8_t *const *row,
                 size_t n, int32_t *out)
{
    memset(out, 0, n * RABITQ_LANES * sizeof *out);
    for (uint32_t u = 0; u < units; u++) {
        uint8_t cells[RABITQ_UNIT] = {0};
        const uint8_t *p = planes;

        for (unsigned width = bits == 8 ? 8 : 4; width > 0; width /= 2)
            if (bits & width)
                p = add_plane(p, units, u, width, cells);
        for (size_t k = 0; k < n; k++)
            add_products(cells, row[k] + 4 * (size_t)u, out + k * RABITQ_LANES);
    }
}

const struct rabitq_ops rabitq_portable = {turn, turn_back, best_scale, levels, dots};
