/* osq_cells.c - see osq.h: sharing bits, cells of one dimension.
 *
 * Cells begin as the density asks for. As values are sorted once and their sums known, a round
 * of Lloyd's is a binary search a border, whatever the number of values. A cell that loses all
 * values keeps the middle of its borders, so that nothing is left to chance.
 */
#include "vec/osq.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { ROUNDS = 200, GROUPS = 1024, RADIX_BITS = 11, RADIX = 1 << RADIX_BITS };

/* A round that gains less than this share is the last. */
static const double gain_least = 1e-4;
/* What outer borders leave around the sample, of its range. */
static const float margin = 0x1p-4f;

void osq_share_bits(const double *variance, uint32_t d, uint64_t budget, uint8_t *bit)
{
    memset(bit, 0, d);
    for (; budget > 0; budget--) {
        uint32_t best = d;
        double most = 0;

        for (uint32_t j = 0; j < d; j++) {
            double energy = ldexp(variance[j], -2 * bit[j]);

            if (bit[j] < OSQ_BITS_MAX && energy > most) {
                most = energy;
                best = j;
            }
            if (bit[j] == 0) /* the following have no more variance, and no bits */
                break;
        }
        if (best == d)
            return;
        bit[best]++;
    }
}

/* ---- sorting ---- */

/* Floats in order are these in order. */
static inline uint32_t rank_of(uint32_t bits)
{
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

/* One pass by RADIX_BITS digits from `shift` on. */
static void sort_pass(const uint32_t *from, uint32_t *to, size_t n, unsigned shift)
{
    size_t at[RADIX] = {0}, sum = 0;

    for (size_t i = 0; i < n; i++)
        at[rank_of(from[i]) >> shift & (RADIX - 1)]++;
    for (size_t k = 0; k < RADIX; k++) {
        size_t count = at[k];

        at[k] = sum;
        sum += count;
    }
    for (size_t i = 0; i < n; i++)
        to[at[rank_of(from[i]) >> shift & (RADIX - 1)]++] = from[i];
}

int osq_sort(float *x, size_t n, struct err *e)
{
    uint32_t *a = mem_array(2 * n, sizeof *a, e), *b;

    if (!a)
        return ERR_MEM;
    b = a + n;
    memcpy(a, x, n * sizeof *x);
    sort_pass(a, b, n, 0);
    sort_pass(b, a, n, RADIX_BITS);
    sort_pass(a, b, n, 2 * RADIX_BITS);
    memcpy(x, b, n * sizeof *x);
    free(a);
    return 0;
}

/* ---- cells ---- */

/* Sorted values and the sums of all before each. */
struct values {
    const float *x;
    const double *sum;
    size_t n;
};

/* How many are below the border. */
static size_t below(const struct values *v, float border)
{
    size_t low = 0, high = v->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (v->x[mid] < border)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* point[k] of each cell; returns what the cells explain: sum count * mean^2. */
static double find_points(const struct values *v, const float *border, uint32_t cells, float *point)
{
    double explained = 0;
    size_t from = 0;

    for (uint32_t k = 0; k < cells; k++) {
        size_t to = k + 1 < cells ? below(v, border[k + 1]) : v->n;

        if (to > from) {
            double sum = v->sum[to] - v->sum[from], mean = sum / (double)(to - from);

            explained += sum * mean;
            point[k] = (float)mean;
        } else {
            point[k] = border[k] + (border[k + 1] - border[k]) / 2;
        }
        from = to;
    }
    return explained;
}

static void lloyd(const struct values *v, double energy, uint32_t cells, float *border,
                  float *point)
{
    double explained = find_points(v, border, cells, point);

    for (int round = 0; round < ROUNDS; round++) {
        double before = explained;

        for (uint32_t k = 1; k < cells; k++)
            border[k] = point[k - 1] + (point[k] - point[k - 1]) / 2;
        explained = find_points(v, border, cells, point);
        if (explained - before <= gain_least * (energy - before))
            return;
    }
}

/* Group g's first value. */
static double edge(const float *x, size_t n, size_t g)
{
    return (double)x[g * (n - 1) / GROUPS];
}

/* A group's share of borders. */
static double share(const float *x, size_t n, size_t g)
{
    double width = edge(x, n, g + 1) - edge(x, n, g);

    return cbrt(width * width);
}

/* Borders as the density asks for when cells are many: as many of them in a piece of the line as
 * the integral of density^(1/3) has there (Panter & Dite 1951). A group of equally many values on a
 * width w has w^(2/3) of it. */
static void begin(const float *x, size_t n, uint32_t cells, float *border)
{
    double all = 0, before = 0;
    size_t g = 0;

    for (size_t i = 0; i < GROUPS; i++)
        all += share(x, n, i);
    border[0] = x[0];
    for (uint32_t k = 1; k < cells; k++) {
        double want = all * k / cells, part;

        while (part = share(x, n, g), before + part < want && g + 1 < GROUPS) {
            before += part;
            g++;
        }
        part = part > 0 ? fmin(1, (want - before) / part) : 0;
        border[k] = (float)(edge(x, n, g) + part * (edge(x, n, g + 1) - edge(x, n, g)));
    }
    border[cells] = x[n - 1];
}

int osq_cells(float *x, size_t n, unsigned bits, float *border, float *point, struct err *e)
{
    double *sum = mem_array(n + 1, sizeof *sum, e), energy = 0;
    const struct values v = {x, sum, n};
    uint32_t cells = 1u << bits;
    float outside;

    if (!sum || osq_sort(x, n, e) < 0) {
        free(sum);
        return ERR_MEM;
    }
    sum[0] = 0;
    for (size_t i = 0; i < n; i++) {
        sum[i + 1] = sum[i] + (double)x[i];
        energy += (double)x[i] * (double)x[i];
    }
    begin(x, n, cells, border);
    lloyd(&v, energy, cells, border, point);
    outside = margin * (x[n - 1] - x[0]);
    border[0] -= outside;
    border[cells] += outside;
    free(sum);
    return 0;
}
