/* dist.c - see dist.h. */
#include "sim/dist.h"

#include <math.h>
#include <string.h>

#include "base/num.h"
#include "base/rand.h"

static const struct {
    const char *name;
    enum dist_kind kind;
    int numbers;
} kinds[] = {
    {"fixed:", DIST_FIXED, 1},   {"uniform:", DIST_UNIFORM, 2},     {"exp:", DIST_EXP, 1},
    {"normal:", DIST_NORMAL, 2}, {"lognormal:", DIST_LOGNORMAL, 2}, {"gamma:", DIST_GAMMA, 2},
    {"zipf:", DIST_ZIPF, 2},     {"pareto:", DIST_PARETO, 3},
};

/* n of them, with commas between, 0 or more each. */
static bool numbers(struct dist *d, const char *text, int n)
{
    double *const to[] = {&d->a, &d->b, &d->c};

    for (int i = 0; i < n; i++) {
        size_t len = strcspn(text, ",");
        char number[40];

        if (len >= sizeof number || (text[len] == ',') != (i + 1 < n))
            return false;
        memcpy(number, text, len);
        number[len] = '\0';
        if (!num_double(number, to[i]) || *to[i] < 0)
            return false;
        text += len + 1;
    }
    return true;
}

bool dist_parse(struct dist *d, const char *text)
{
    *d = (struct dist){.kind = DIST_FIXED};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t len = strlen(kinds[i].name);

        if (strncmp(text, kinds[i].name, len) != 0)
            continue;
        d->kind = kinds[i].kind;
        if (!numbers(d, text + len, kinds[i].numbers))
            return false;
        if (d->kind == DIST_UNIFORM)
            return d->a <= d->b;
        if (d->kind == DIST_LOGNORMAL || d->kind == DIST_GAMMA)
            return d->a > 0 && d->b > 0;
        if (d->kind == DIST_PARETO)
            return d->a > 0 && d->b > 0 && d->b <= d->c;
        return d->kind != DIST_ZIPF || (d->b >= 1 && d->b <= 1e15);
    }
    return numbers(d, text, 1);
}

/* Shape k, scale 1. */
static double gamma_of_shape(double k, uint64_t *seed)
{
    double d, c;

    if (k < 1) /* of k + 1, times a power of a uniform number */
        return gamma_of_shape(k + 1, seed) * pow(1 - rand_unit(seed), 1 / k);
    d = k - 1.0 / 3;
    c = 1 / sqrt(9 * d);
    for (;;) {
        double x = rand_normal(seed), v = 1 + c * x, u = 1 - rand_unit(seed);

        v = v * v * v;
        if (v > 0 && log(u) < 0.5 * x * x + d - d * v + d * log(v))
            return d * v;
    }
}

double dist_gamma(double mean, double cv, uint64_t *seed)
{
    double k = 1 / (cv * cv), x;

    /* What varies by less than numbers tell apart does not. */
    if (!isfinite(k))
        return mean;
    x = gamma_of_shape(k, seed);
    return x > 0 ? mean * cv * cv * x : 0; /* not infinity times 0 */
}

/* By rejection-inversion (Hoermann and Derflinger 1996). */
static double h_integral(double x, double s)
{
    double l = log(x);

    return s == 1 ? l : expm1((1 - s) * l) / (1 - s);
}

static double h_inverse(double y, double s)
{
    return s == 1 ? exp(y) : exp(log1p(fmax(y * (1 - s), -1)) / (1 - s));
}

static double zipf(double s, double most, uint64_t *seed)
{
    double low = h_integral(1.5, s) - 1, high = h_integral(most + 0.5, s);

    for (;;) {
        double u = high + rand_unit(seed) * (low - high), x = h_inverse(u, s);
        double k = fmin(fmax(nearbyint(x), 1), most);

        if (u >= h_integral(k + 0.5, s) - pow(k, -s))
            return k;
    }
}

static double lognormal(double mean, double sd, uint64_t *seed)
{
    double ratio = sd / mean; /* its square may be infinite */
    double spread = ratio < 1e100 ? log1p(ratio * ratio) : 2 * (log(sd) - log(mean));

    return exp(log(mean) - spread / 2 + sqrt(spread) * rand_normal(seed));
}

double dist_draw(const struct dist *d, uint64_t *seed)
{
    switch (d->kind) {
    case DIST_UNIFORM:
        return d->a + (d->b - d->a) * rand_unit(seed);
    case DIST_EXP:
        return -d->a * log1p(-rand_unit(seed));
    case DIST_NORMAL:
        return fmax(0, d->a + d->b * rand_normal(seed));
    case DIST_LOGNORMAL:
        return lognormal(d->a, d->b, seed);
    case DIST_GAMMA:
        return dist_gamma(d->a, d->b, seed);
    case DIST_PARETO:
        return fmin(d->b * pow(1 - rand_unit(seed), -1 / d->a), d->c);
    case DIST_ZIPF:
        return zipf(d->a, d->b, seed);
    default:
        return d->a;
    }
}
