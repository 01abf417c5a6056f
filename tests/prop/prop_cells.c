/* prop_cells.c - the kernels of cells.h against their formula, bit for bit on every level: rows of
 * one to several lines, any number of them, with the extremes of cells and weights.
 */
#include "../unit/t.h"

#include <math.h>
#include <stdlib.h>

#include "ann/cells.h"
#include "ann/graph.h"

enum { ROWS = 67, LINES = 5, ROUNDS = 60 };

static unsigned long long seed = 20251125;

static uint8_t cells[ROWS * LINES * CELLS_LINE] __attribute__((aligned(64)));
static int8_t weights[3 * LINES * CELLS_LINE] __attribute__((aligned(64)));

static unsigned dice(unsigned n)
{
    return (unsigned)(t_rand(&seed) >> 33) % n;
}

static void fill(size_t stride)
{
    bool extreme = dice(4) == 0;

    for (size_t i = 0; i < ROWS * stride; i++)
        cells[i] = (uint8_t)(extreme ? 255 * dice(2) : dice(256));
    for (size_t i = 0; i < ROWS; i++) {
        float norm = (float)dice(1000000) / 4;

        memcpy(cells + (i + 1) * stride - CELLS_NORM, &norm, CELLS_NORM);
    }
    for (size_t i = 0; i < 3 * stride; i++)
        weights[i] = (int8_t)(i % stride >= stride - CELLS_NORM ? 0
                              : extreme                         ? (dice(2) ? 127 : -128)
                                                                : (int)dice(256) - 128);
}

/* Of mixed rows no weight is under what is no cell of its sort. */
static void clear_weights(size_t stride, size_t wide)
{
    memset(weights, 0, wide);
    memset(weights + stride, 0, wide);
    memset(weights + 2 * stride + wide, 0, stride - wide);
}

/* As cells.h says it, component by component; the first `wide` bytes are cells of 8 bits. */
static float formula(const struct cells_query *q, const uint8_t *row, size_t stride, unsigned bits,
                     size_t wide)
{
    size_t half = stride - CELLS_NORM, narrow = half - wide;
    const int8_t *whole = q->weights + (bits == 8 ? 0 : 2 * stride);
    long long sum = 0;
    float norm, a, b;

    for (size_t k = 0; k < wide; k++)
        sum += row[k] * whole[k];
    for (size_t k = 0; k < 2 * narrow; k++) {
        size_t at = wide + k % narrow;
        int c = k < narrow ? row[at] & 15 : row[at] >> 4;

        sum += c * q->weights[k < narrow ? at : at + stride];
    }
    memcpy(&norm, row + half, sizeof norm);
    a = q->take * norm;
    b = q->scale * (float)(int)(sum - q->middle);
    return a + b;
}

static void try_keys(size_t lines, unsigned bits, const struct cells_ops *ops)
{
    size_t stride = lines * CELLS_LINE, n = dice(ROWS + 1), half = stride - CELLS_NORM;
    size_t wide = bits == 8 ? half : bits == 4 ? 0 : dice((unsigned)half);
    struct cells_query q = {weights, (int)dice(100000) - 50000, (float)dice(2),
                            -(float)(1 + dice(1000)) / 64, (uint32_t)wide};
    uint32_t id[ROWS];
    float key[ROWS + 1];

    fill(stride);
    if (bits == CELLS_MIXED)
        clear_weights(stride, wide);
    for (size_t i = 0; i < n; i++)
        id[i] = dice(ROWS);
    key[n] = 77;
    (bits == 8 ? ops->keys8 : bits == 4 ? ops->keys4 : ops->keys84)(&q, cells, stride, id, n, key);
    T_CHECKF(key[n] == 77, "%s wrote behind %zu keys", ops->name, n);
    for (size_t i = 0; i < n; i++) {
        float want = formula(&q, cells + id[i] * stride, stride, bits, wide);

        T_CHECKF(memcmp(&want, &key[i], sizeof want) == 0, "%s, %u bits, %zu lines: %g for %g",
                 ops->name, bits, lines, (double)key[i], (double)want);
    }
}

static void try_l2(const struct cells_ops *ops)
{
    uint32_t dim = 1 + dice(300);
    uint8_t a[300], b[300], flip = dice(2) ? 0x80 : 0;
    unsigned long long want = 0;

    for (uint32_t k = 0; k < dim; k++) {
        int d;

        a[k] = (uint8_t)(dice(3) ? dice(256) : 255 * dice(2));
        b[k] = (uint8_t)(dice(3) ? dice(256) : 255 * dice(2));
        d = flip ? (int8_t)a[k] - (int8_t)b[k] : a[k] - b[k];
        want += (unsigned long long)(d * d);
    }
    T_CHECKF(ops->l2_bytes(a, b, dim, flip) == want, "%s, dim %u", ops->name, dim);
}

/* A row as a query: its key and its norm are the squared distance. */
static void try_rows(const struct cells_ops *ops)
{
    size_t stride = (1 + dice(LINES)) * CELLS_LINE, half = stride - CELLS_NORM;
    static int8_t room[LINES * CELLS_LINE] __attribute__((aligned(64)));
    struct cells_query q;
    uint32_t other = 1;
    long long want = 0;
    float key;

    fill(stride);
    for (size_t i = 0; i < 2; i++) {
        float norm = 0;

        for (size_t k = 0; k < half; k++)
            norm += (float)((cells[i * stride + k] - 128) * (cells[i * stride + k] - 128));
        memcpy(cells + (i + 1) * stride - CELLS_NORM, &norm, CELLS_NORM);
    }
    for (size_t k = 0; k < half; k++)
        want += (cells[k] - cells[stride + k]) * (cells[k] - cells[stride + k]);
    cells_query_row(cells, stride, room, &q);
    ops->keys8(&q, cells, stride, &other, 1, &key);
    T_CHECKF(key + cells_norm(cells, stride) == (float)want, "%s: %g for %lld", ops->name,
             (double)key, want);
}

/* A copy of just so many keys, so that a look behind them is seen. */
static void try_within(const struct cells_ops *ops)
{
    static const float some[] = {-INFINITY, -1, -0.0F, 0, 1e-40F, 1, 2, 3e38F, INFINITY, NAN};
    size_t n = dice(70), want = 0, got;
    float *key = malloc(n * sizeof *key + 1), limit = some[dice(10)];
    uint16_t *hit = malloc(n * sizeof *hit + 1);

    for (size_t i = 0; i < n; i++)
        key[i] = some[dice(10)];
    got = ops->within(key, n, limit, hit);
    for (size_t i = 0; i < n; i++)
        if (!(key[i] > limit)) {
            T_CHECKF(want < got && hit[want] == i, "%s: key %zu, %g, is within %g", ops->name, i,
                     (double)key[i], (double)limit);
            want++;
        }
    T_CHECKF(got == want, "%s: %zu of %zu are within, not %zu", ops->name, want, n, got);
    free(key);
    free(hit);
}

static void try_places(void)
{
    static const float some[] = {-3e38F, -1, -1e-40F, 0, 1e-40F, 1, 2, 3e38F};

    for (size_t i = 0; i + 1 < sizeof some / sizeof *some; i++) {
        T_CHECK(cand_of(some[i], 9) < cand_of(some[i + 1], 3));
        T_CHECK(cand_of(some[i], 3) < cand_of(some[i], 9));
        T_CHECK(cand_key(cand_of(some[i], 7) | 1) == some[i]);
        T_CHECK(cand_row(cand_of(some[i], 0x7ffffffe) | 1) == 0x7ffffffe);
    }
}

int main(void)
{
    for (int level = CPU_PORTABLE; level <= (int)cpu_detect(); level++) {
        const struct cells_ops *ops = cells_ops_for((enum cpu_level)level);

        for (int round = 0; round < ROUNDS; round++) {
            for (size_t lines = 1; lines <= LINES; lines++) {
                try_keys(lines, 8, ops);
                try_keys(lines, 4, ops);
                try_keys(lines, CELLS_MIXED, ops);
            }
            try_l2(ops);
            try_rows(ops);
            try_within(ops);
        }
    }
    try_places();
    return t_done("cells");
}
