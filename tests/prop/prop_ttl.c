/* prop_ttl.c - how long a cache is kept, against trying every length there is; and made-up numbers
 * against the moments that their distributions have.
 */
#include <math.h>

#include "../unit/t.h"
#include "sim/dist.h"
#include "sim/ttl.h"

enum { TOOLS = 3, LENGTHS = 900 };

static unsigned long long seed = 1;

static double unit(void)
{
    return (double)(t_rand(&seed) >> 11) * 0x1p-53;
}

/* ---- ttl ---- */

/* What keeping it for tau is worth, by the last of v[0..n). */
static double worth(const double *v, size_t n, double tau, double lost)
{
    size_t from = n > TTL_WINDOW ? n - TTL_WINDOW : 0, within = 0;

    for (size_t i = from; i < n; i++)
        within += v[i] <= tau;
    return (double)within / (double)(n - from) * lost - tau;
}

static void check(const struct ttl *t, size_t tool, const double *v, size_t n, double lost)
{
    double got = ttl_choose(t, tool, lost), best = worth(v, n, 0, lost);
    bool known = got == 0;

    for (size_t i = n > TTL_WINDOW ? n - TTL_WINDOW : 0; i < n; i++) {
        best = fmax(best, worth(v, n, v[i], lost));
        known |= got == v[i];
    }
    T_CHECKF(known, "%g is no length that was", got);
    T_CHECKF(fabs(worth(v, n, got, lost) - best) < 1e-9, "%zu lengths, lost %g", n, lost);
}

static double length(int kind)
{
    return kind == 0 ? floor(4 * unit()) : kind == 1 ? 1 : exp(3 * unit() - 2);
}

static void try_history(int kind)
{
    static double v[TOOLS][LENGTHS], all[TOOLS * LENGTHS];
    size_t n[TOOLS] = {0}, n_all = 0;
    struct ttl t;
    struct err e = {0};

    T_CHECK(ttl_init(&t, TOOLS, &e) == 0);
    for (int i = 0; i < LENGTHS; i++) {
        size_t tool = t_rand(&seed) % 8 ? 0 : 1 + t_rand(&seed) % 2;
        double s = length(kind), lost = 10 * unit() * unit();

        ttl_learn(&t, tool, s);
        v[tool][n[tool]++] = all[n_all++] = s;
        if (n_all <= TTL_FEW)
            continue;
        for (size_t k = 0; k < TOOLS; k++)
            check(&t, k, n[k] > TTL_FEW ? v[k] : all, n[k] > TTL_FEW ? n[k] : n_all, lost);
        check(&t, SIZE_MAX, all, n_all, lost);
        T_CHECK(ttl_choose(&t, 0, 0) == 0);
    }
    ttl_close(&t);
}

/* Of nothing known: where the derivative of (1 - exp(-tau)) lost - tau is 0. */
static void try_cold(void)
{
    struct ttl t;
    struct err e = {0};

    T_CHECK(ttl_init(&t, 1, &e) == 0);
    T_CHECK(ttl_choose(&t, 0, 0.5) == 0 && ttl_choose(&t, 0, 1) == 0);
    for (double lost = 1.1; lost < 100; lost *= 1.3) {
        double tau = ttl_choose(&t, 0, lost), here = (1 - exp(-tau)) * lost - tau;

        for (double other = 0; other < 10; other += 0.01)
            T_CHECK((1 - exp(-other)) * lost - other <= here + 1e-12);
    }
    ttl_close(&t);
}

/* ---- dist ---- */

static void moments(const char *text, double mean, double sd)
{
    enum { N = 200000 };
    struct dist d;
    uint64_t s = 7;
    double sum = 0, square = 0, least = INFINITY;

    T_CHECKF(dist_parse(&d, text), "%s", text);
    for (int i = 0; i < N; i++) {
        double x = dist_draw(&d, &s);

        least = fmin(least, x);
        sum += x;
        square += x * x;
    }
    sum /= N;
    square = sqrt(fmax(0, square / N - sum * sum));
    T_CHECKF(fabs(sum - mean) <= 0.03 * mean + 5 * sd / sqrt(N), "%s: mean %g", text, sum);
    T_CHECKF(fabs(square - sd) <= 0.06 * sd + 1e-6, "%s: deviation %g", text, square);
    T_CHECK(least >= 0);
}

/* Each number of a Zipf distribution is as frequent as its rank says. */
static void try_zipf(double s, int most)
{
    enum { N = 300000 };
    static double seen[101];
    struct dist d = {.kind = DIST_ZIPF, .a = s, .b = most};
    uint64_t state = 3;
    double all = 0;

    for (int k = 1; k <= most; k++) {
        seen[k] = 0;
        all += pow(k, -s);
    }
    for (int i = 0; i < N; i++) {
        double k = dist_draw(&d, &state);

        T_CHECK(k >= 1 && k <= most && k == floor(k));
        seen[(int)k]++;
    }
    for (int k = 1; k <= most; k++) {
        double p = pow(k, -s) / all, off = fabs(seen[k] / N - p);

        T_CHECKF(off <= 5 * sqrt(p / N) + 1e-6, "zipf:%g,%d: %d is off by %g", s, most, k, off);
    }
}

static void try_texts(void)
{
    static const char *const bad[] = {"",         "x",         "fixed:",        "fixed:1,2",
                                      "normal:1", "zipf:1,0",  "uniform:2,1",   "gamma:0,1",
                                      "exp:-1",   "uniform:1", "lognormal:1,0", "normal:1,2,3"};
    struct dist d;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        T_CHECKF(!dist_parse(&d, bad[i]), "'%s'", bad[i]);
    T_CHECK(dist_parse(&d, "2.5") && d.kind == DIST_FIXED && d.a == 2.5);
}

int main(void)
{
    for (int kind = 0; kind < 3; kind++)
        try_history(kind);
    try_cold();
    try_texts();
    moments("7", 7, 0);
    moments("uniform:2,10", 6, 8 / sqrt(12));
    moments("exp:3", 3, 3);
    moments("normal:100,5", 100, 5);
    moments("lognormal:10,4", 10, 4);
    moments("gamma:10,0.5", 10, 5);
    moments("gamma:10,2", 10, 20);
    try_zipf(0, 10);
    try_zipf(1, 100);
    try_zipf(1.3, 30);
    try_zipf(1, 1);
    return t_done("prop_ttl");
}
