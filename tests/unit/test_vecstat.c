/* test_vecstat - the intrinsic dimension against all distances in double, the spectrum of rows
 * whose covariance is known, and everything at once on rows that repeat. */
#include <math.h>

#include "t.h"
#include "tmp.h"
#include "vec/file.h"
#include "vec/stat.h"

static unsigned long long seed = 42;

static float unit(void)
{
    return (float)(t_rand(&seed) >> 40) / (float)(1 << 24);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Facco et al.: sort the ratios, drop the largest tenth, fit a line through the origin. */
static double slow_two_nn(const float *x, size_t n, uint32_t dim)
{
    double ratio[1000], xy = 0, xx = 0;
    size_t m = 0;

    for (size_t i = 0; i < n; i++) {
        double first = INFINITY, second = INFINITY;
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (uint32_t k = 0; k < dim; k++)
                sum += pow((double)x[i * dim + k] - (double)x[j * dim + k], 2);
            if (sum > 0 && sum < first)
                second = first, first = sum;
            else if (sum > 0 && sum < second)
                second = sum;
        }
        if (isfinite(second))
            ratio[m++] = log(sqrt(second) / sqrt(first));
    }
    if (m < 10)
        return NAN;
    qsort(ratio, m, sizeof *ratio, by_size);
    for (size_t i = 0; i < m - m / 10; i++) {
        double y = -log(1 - (double)(i + 1) / (double)(m + 1));
        xy += ratio[i] * y;
        xx += ratio[i] * ratio[i];
    }
    return xy / xx;
}

static void intrinsic_dimensions(void)
{
    for (int round = 0; round < 60; round++) {
        size_t n = t_rand(&seed) % 600;
        uint32_t dim = (uint32_t)(1 + t_rand(&seed) % 20);
        float *x = malloc(n * dim * sizeof *x + 4);
        double got = -1, want;
        struct err e = {0};

        for (size_t i = 0; i < n * dim; i++)
            x[i] = unit() + (float)(round % 3 * 10);
        for (size_t i = 1; i < n; i++) /* some rows twice, but not more often */
            if (round % 2 && i % 10 == 0)
                memcpy(x + i * dim, x + (i - 1) * dim, dim * sizeof *x);
        want = slow_two_nn(x, n, dim);
        T_CHECK(stat_two_nn(x, n, dim, ops_for(CPU_PORTABLE), 1 + round % 3, &got, &e) == 0);
        T_CHECKF(isnan(want) ? isnan(got) : fabs(got - want) <= 1e-3 * want, "%zu x %u: %g, not %g",
                 n, dim, got, want);
        free(x);
    }
}

/* Rows +-s_k along each axis: the shares are s_k^2 over their sum. */
static void spectra(void)
{
    static const uint32_t dims[] = {1, 2, 7, 40};

    for (size_t t = 0; t < 8; t++) {
        uint32_t dim = dims[t / 2], len,
                 extra = t % 2 ? 3 * dim : 0; /* fewer rows than dimensions */
        uint32_t wide = dim + extra;
        size_t n = 2 * (size_t)dim;
        float *x = calloc(n * wide, sizeof *x);
        double sum = 0, *w = NULL;
        struct err e = {0};

        for (uint32_t k = 0; k < dim; k++) {
            float s = (float)(dim - k);
            x[2 * k * wide + k] = s + 5; /* about a mean that is not zero */
            x[(2 * k + 1) * wide + k] = -s + 5;
            for (size_t i = 0; i < n; i++)
                if (i / 2 != k)
                    x[i * wide + k] = 5;
            sum += (double)s * (double)s;
        }
        T_CHECKF(stat_spectrum(x, n, wide, ops_for(CPU_PORTABLE), 2, &w, &len, &e) == 0, "%s",
                 e.msg);
        T_CHECK(len == (n < wide ? n : wide));
        for (uint32_t k = 0; k < len; k++) {
            double want = k < dim ? pow(dim - k, 2) / sum : 0;
            T_CHECKF(fabs(w[k] - want) < 1e-5, "%u: [%u] %g, not %g", dim, k, w[k], want);
        }
        free(w);
        free(x);
    }
}

static void whole_file(void)
{
    static struct {
        uint32_t dim;
        float v[2];
    } row[9000];
    struct vec_stat_opts so = {1000, 1, 1 << 20, 2, ops_for(CPU_PORTABLE), NULL, NULL};
    struct vec_reader *r;
    struct vec_stat s;
    struct err e = {0};
    double sum = 0, sum2 = 0;

    for (int i = 0; i < 9000; i++) {
        double norm = sqrt(pow(i % 3000, 2) + 1);
        row[i].dim = 2;
        row[i].v[0] = (float)(i % 3000);
        row[i].v[1] = 1;
        sum += norm;
        sum2 += norm * norm;
    }
    tmp_put("x.fvecs", row, sizeof row);
    T_CHECK(vec_open(&r, "x.fvecs", NULL, &e) == 0 && vec_stat(&s, r, &so, &e) == 0);
    T_CHECK(s.rows == 9000 && s.dim == 2 && s.zero_rows == 0 && s.sampled == 1000);
    T_CHECK(s.repeats == 6000 && s.largest_group == 3 && !s.estimated);
    T_CHECK(s.least[0] == 0 && s.most[0] == 2999 && s.least[1] == 1 && s.most[1] == 1);
    T_CHECK(fabs(s.mean[0] - 1499.5) < 1e-9 && s.mean[1] == 1);
    T_CHECK(s.norm_min == 1 && fabs(s.norm_max - sqrt(2999. * 2999 + 1)) < 1e-9);
    T_CHECK(fabs(s.norm_mean - sum / 9000) < 1e-9);
    T_CHECK(fabs(s.norm_sd - sqrt(sum2 / 9000 - sum / 9000 * (sum / 9000))) < 1e-6);
    T_CHECK(s.dims90 == 1 && s.dims95 == 1 && s.dims99 == 1 && s.spectrum[0] == 1);
    vec_stat_free(&s);
    vec_close(r);
}

int main(void)
{
    tmp_enter();
    intrinsic_dimensions();
    spectra();
    whole_file();
    tmp_leave();
    return t_done("test_vecstat");
}
