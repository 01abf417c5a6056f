/* chart_ticks.c - see chart.h: where the ticks of an axis stand. */
#include <math.h>
#include <stdio.h>

#include "base/chart.h"

enum { NINES = 5 }; /* digits of a share that are told from 1 */
#define HUGE_RANGE 1e300

/* ---- linear ---- */

/* 1, 2 or 5 times a power of ten, at least v. */
static double nice_step(double v, int *decimals)
{
    int power = (int)floor(log10(v));
    double ten = pow(10, power), step = ten;

    for (int i = 0; i < 3 && step < v * (1 - 1e-9); i++)
        step = ten * (i == 0 ? 2 : i == 1 ? 5 : 10);
    *decimals = power < 0 ? -power : 0;
    return step;
}

static void linear(struct chart_ticks *t, double lo, double hi, int most)
{
    double step, first;

    if (hi - lo <= fabs(hi) * 1e-9) {
        double around = hi == 0 ? 1 : fabs(hi) / 10;
        lo -= around;
        hi += around;
    }
    step = nice_step((hi - lo) / (most - 1), &t->decimals);
    first = floor(lo / step + 1e-9);
    do {
        t->at[t->n] = (first + (double)t->n) * step;
        t->n++;
    } while (t->n < CHART_TICKS_MAX && t->at[t->n - 1] < hi - step * 1e-9);
}

/* ---- logarithmic ---- */

/* Every `mantissas` of each `every`-th power of ten, from the last below lo to the first above hi;
 * how many, and no more than fit are kept. */
static int powers(struct chart_ticks *t, double lo, double hi, const char *mantissas, int every)
{
    int power = (int)floor(log10(lo) + 1e-12), n = 0;
    double v = 0;

    power -= (power % every + every) % every;
    for (;; power += every) {
        for (const char *m = mantissas; *m; m++) {
            v = (*m - '0') * pow(10, power);
            if (v <= lo * (1 + 1e-12))
                n = 0;
            if (n < CHART_TICKS_MAX)
                t->at[n] = v;
            n++;
            if (v >= hi * (1 - 1e-12))
                return n;
        }
    }
}

static void logarithmic(struct chart_ticks *t, double lo, double hi, int most)
{
    int n = 0, every = 1;

    if (hi <= lo * (1 + 1e-9)) {
        lo /= 2;
        hi *= 2;
    }
    if (hi / lo < 3) {
        linear(t, lo, hi, most < 6 ? 6 : most); /* steps too small to reach 0 */
        return;
    }
    n = powers(t, lo, hi, "123456789", 1);
    if (n > most)
        n = powers(t, lo, hi, "125", 1);
    for (; n > most; every++)
        n = powers(t, lo, hi, "1", every);
    t->n = (size_t)n;
    t->decimals = t->at[0] < 1 ? (int)ceil(-log10(t->at[0]) - 1e-9) : 0;
}

/* ---- nines ---- */

/* 0, .5, .8, .9, .95, .98, .99 ... */
static double nine(int i)
{
    static const double left[3] = {1, .5, .2};

    return 1 - left[i % 3] * pow(10, -(i / 3));
}

static void nines(struct chart_ticks *t, struct chart_range r, int most)
{
    int first = 0, last = 1, every;

    while (first < 3 * NINES - 1 && nine(first + 1) <= r.lo + 1e-12)
        first++;
    while (last < 3 * NINES && (last <= first || nine(last) < r.hi - 1e-12))
        last++;
    every = last - first + 1 > most ? 3 : 1;
    first -= first % every;
    for (int i = first; i < last + every; i += every)
        t->at[t->n++] = nine(i);
    if (r.whole)
        t->at[t->n++] = 1;
}

/* ---- all ---- */

void chart_ticks(struct chart_ticks *t, enum chart_scale scale, struct chart_range r, int most)
{
    *t = (struct chart_ticks){.scale = scale};
    most = most < 4 ? 4 : most > 12 ? 12 : most;
    r.lo = fmax(r.lo, -HUGE_RANGE);
    r.hi = fmin(r.hi, HUGE_RANGE);
    if (scale == CHART_LOG)
        logarithmic(t, r.lo, r.hi, most);
    else if (scale == CHART_NINES)
        nines(t, r, most);
    else
        linear(t, r.lo, r.hi, most);
}

/* v with up to `decimals` digits, those that are 0 at the end left away, and a unit. */
static void label_number(char *p, double v, int decimals, const char *unit)
{
    int n = snprintf(p, CHART_LABEL_MAX - 2, "%.*f", decimals, v);
    bool point = false;

    n = n < CHART_LABEL_MAX - 2 ? n : CHART_LABEL_MAX - 3;
    for (int i = 0; i < n; i++)
        point |= p[i] == '.';
    while (point && p[n - 1] == '0')
        n--;
    n -= point && p[n - 1] == '.';
    snprintf(p + n, (size_t)(CHART_LABEL_MAX - n), "%s", unit);
}

const char *chart_label(const struct chart_ticks *t, size_t i, char *p)
{
    static const struct {
        double size;
        const char *name;
    } units[] = {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}};
    double v = t->at[i] + 0.0, size = fabs(v);
    double step = i ? t->at[i] - t->at[i - 1] : t->at[1] - t->at[0];

    if (size >= 1e15 || (v != 0 && size < 1e-6)) {
        snprintf(p, CHART_LABEL_MAX, "%.*g", 1 + (int)fmax(ceil(log10(size / step)), 0), v);
        return p;
    }
    for (size_t u = 0; u < sizeof units / sizeof *units; u++)
        if (size >= units[u].size && step >= units[u].size * .00099) {
            label_number(p, v / units[u].size, 3, units[u].name);
            return p;
        }
    label_number(p, v, t->scale == CHART_NINES ? NINES + 1 : t->decimals, "");
    return p;
}

/* On a line where equal steps look equal; 1 stands half a nine behind the last before it. */
static double straight(const struct chart_ticks *t, double v)
{
    double last = t->at[t->n - 1];

    if (t->scale == CHART_LOG)
        return log10(v);
    if (t->scale == CHART_LINEAR)
        return v;
    if (last == 1 && v > nine(3 * NINES) + 1e-12)
        return .5 - log10(1 - t->at[t->n - 2]);
    return -log10(1 - fmin(fmax(v, 0), nine(3 * NINES + 3)));
}

double chart_place(const struct chart_ticks *t, double v)
{
    double lo = straight(t, t->at[0]), hi = straight(t, t->at[t->n - 1]);
    double at = (straight(t, v) - lo) / (hi - lo);

    return fmin(fmax(at, 0), 1);
}
