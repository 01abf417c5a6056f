/* lsq.c - see lsq.h. */
#include "sim/lsq.h"

#include <math.h>
#include <string.h>

/* Of a column's length, what is no more than rounding. */
#define ROUNDING 1e-9

void lsq_add(struct lsq *l, const double *row)
{
    double v[LSQ_MOST + 1];
    size_t n = l->n;

    memcpy(v, row, (n + 1) * sizeof *v);
    for (size_t j = 0; j < n; j++) {
        double h, c, s;

        if (v[j] == 0)
            continue;
        h = hypot(l->r[j][j], v[j]);
        c = l->r[j][j] / h;
        s = v[j] / h;
        for (size_t k = j; k <= n; k++) {
            double up = l->r[j][k];

            l->r[j][k] = c * up + s * v[k];
            v[k] = c * v[k] - s * up;
        }
    }
}

void lsq_merge(struct lsq *l, const struct lsq *other)
{
    for (size_t i = 0; i < other->n; i++)
        lsq_add(l, other->r[i]);
}

static double length(const struct lsq *l, size_t column)
{
    double sum = 0;

    for (size_t i = 0; i <= column && i < l->n; i++)
        sum += l->r[i][column] * l->r[i][column];
    return sqrt(sum);
}

bool lsq_dependent(const struct lsq *l, bool *dependent)
{
    bool any = false;

    for (size_t j = 0; j < l->n; j++) {
        dependent[j] = !(fabs(l->r[j][j]) > ROUNDING * length(l, j));
        any = any || dependent[j];
    }
    return any;
}

/* The unknowns that are in, without bounds: z. */
static void solve(const struct lsq *l, const bool *in, double *z)
{
    struct lsq part = {.n = 0};
    size_t column[LSQ_MOST] = {0}, n = 0;

    for (size_t j = 0; j < l->n; j++)
        if (in[j])
            column[n++] = j;
    part.n = n;
    for (size_t i = 0; i < l->n; i++) {
        double row[LSQ_MOST + 1];

        for (size_t k = 0; k < n; k++)
            row[k] = l->r[i][column[k]];
        row[n] = l->r[i][l->n];
        lsq_add(&part, row);
    }
    memset(z, 0, l->n * sizeof *z);
    for (size_t k = n; k-- > 0;) {
        double v = part.r[k][n];

        for (size_t m = k + 1; m < n; m++)
            v -= part.r[k][m] * z[column[m]];
        z[column[k]] = part.r[k][k] != 0 ? v / part.r[k][k] : 0;
    }
}

/* How much closer unknown j would bring it, a unit of its column's length. */
static double gain(const struct lsq *l, const double *x, size_t j)
{
    double sum = 0;

    for (size_t i = 0; i <= j; i++) {
        double left = l->r[i][l->n];

        for (size_t k = i; k < l->n; k++)
            left -= l->r[i][k] * x[k];
        sum += left * l->r[i][j];
    }
    return sum / length(l, j);
}

/* The unknown outside whose gain is largest; n: none has any. */
static size_t next_in(const struct lsq *l, const bool *in, const bool *left_out, const double *x)
{
    double most = ROUNDING * length(l, l->n);
    size_t best = l->n;

    for (size_t j = 0; j < l->n; j++) {
        double g = in[j] || left_out[j] ? 0 : gain(l, x, j);

        if (g > most) {
            most = g;
            best = j;
        }
    }
    return best;
}

/* From x as far towards z as none that is in falls below 0; what comes to 0 goes out. False: z was
 * reached. */
static bool step_back(const struct lsq *l, bool *in, double *x, const double *z)
{
    double share = 1;
    size_t first = l->n;

    for (size_t j = 0; j < l->n; j++)
        if (in[j] && z[j] <= 0 && x[j] / (x[j] - z[j]) <= share) {
            share = x[j] - z[j] > 0 ? x[j] / (x[j] - z[j]) : 0;
            first = j;
        }
    for (size_t j = 0; j < l->n; j++)
        x[j] += share * (z[j] - x[j]);
    if (first == l->n)
        return false;
    in[first] = false;
    for (size_t j = 0; j < l->n; j++) {
        in[j] = in[j] && x[j] > 0;
        x[j] = in[j] ? x[j] : 0;
    }
    return true;
}

void lsq_nonneg(const struct lsq *l, const bool *left_out, double *x)
{
    bool in[LSQ_MOST] = {false};
    double z[LSQ_MOST];
    size_t j;

    memset(x, 0, l->n * sizeof *x);
    /* Each set is better than all before it, so it ends; rounding is what the bound is for. */
    for (size_t turn = 0; turn < 10 * l->n; turn++) {
        if ((j = next_in(l, in, left_out, x)) == l->n)
            return;
        in[j] = true;
        do
            solve(l, in, z);
        while (step_back(l, in, x, z));
    }
}
