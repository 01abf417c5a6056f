/* test_linalg.c - lib/vec/linalg.h against slow references: Jacobi's eigenvalues, loops of sums. */
#include "t.h"

#include <math.h>

#include "vec/linalg.h"

static unsigned long long seed = 7;

static double unit(void)
{
    return (double)(t_rand(&seed) >> 11) * 0x1p-53 * 2 - 1;
}

static void *need(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size);

    if (!p)
        abort();
    return p;
}

static double *random_matrix(uint32_t m, uint32_t n)
{
    double *a = need((size_t)m * n, sizeof *a);

    for (size_t i = 0; i < (size_t)m * n; i++)
        a[i] = unit();
    return a;
}

/* ---- references ---- */

static void naive_product(bool ta, bool tb, uint32_t m, uint32_t n, uint32_t k, const double *a,
                          const double *b, double *c)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0;

            for (size_t l = 0; l < k; l++)
                sum += (ta ? a[l * m + i] : a[i * k + l]) * (tb ? b[j * k + l] : b[l * n + j]);
            c[i * n + j] = sum;
        }
}

/* a = sum of w[i] v_i v_i^T of `rank` random vectors: symmetric, not negative. */
static double *random_moment(uint32_t n, uint32_t rank)
{
    double *x = random_matrix(rank, n), *a = need((size_t)n * n, sizeof *a);

    naive_product(true, false, n, n, rank, x, x, a);
    free(x);
    return a;
}

static void rotate(double *a, uint32_t n, uint32_t p, uint32_t q)
{
    double apq = a[(size_t)p * n + q], theta, t, c, s;

    if (apq == 0)
        return;
    theta = (a[(size_t)q * n + q] - a[(size_t)p * n + p]) / (2 * apq);
    t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1));
    c = 1 / sqrt(t * t + 1);
    s = t * c;
    for (size_t k = 0; k < n; k++) {
        double x = a[k * n + p], y = a[k * n + q];

        a[k * n + p] = c * x - s * y;
        a[k * n + q] = s * x + c * y;
    }
    for (size_t k = 0; k < n; k++) {
        double x = a[(size_t)p * n + k], y = a[(size_t)q * n + k];

        a[(size_t)p * n + k] = c * x - s * y;
        a[(size_t)q * n + k] = s * x + c * y;
    }
}

static int falling(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x < y) - (x > y);
}

/* Eigenvalues, largest first. */
static void jacobi(const double *from, uint32_t n, double *w)
{
    double *a = need((size_t)n * n, sizeof *a);

    memcpy(a, from, (size_t)n * n * sizeof *a);
    for (int sweep = 0; sweep < 30; sweep++)
        for (uint32_t p = 0; p < n; p++)
            for (uint32_t q = p + 1; q < n; q++)
                rotate(a, n, p, q);
    for (uint32_t i = 0; i < n; i++)
        w[i] = a[(size_t)i * n + i];
    qsort(w, n, sizeof *w, falling);
    free(a);
}

static double apart(const double *a, const double *b, size_t n)
{
    double most = 0;

    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs(a[i] - b[i]));
    return most;
}

/* How far rows are from orthonormal. */
static double skew(const double *a, uint32_t m, uint32_t n)
{
    double *g = need((size_t)m * m, sizeof *g), most = 0;

    naive_product(false, true, m, m, n, a, a, g);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < m; j++)
            most = fmax(most, fabs(g[i * m + j] - (i == j)));
    free(g);
    return most;
}

/* ---- tests ---- */

static void test_product(uint32_t m, uint32_t n, uint32_t k)
{
    for (int way = 0; way < 4; way++) {
        double *a = random_matrix(m, k), *b = random_matrix(k, n);
        double *c = random_matrix(m, n), *want = need((size_t)m * n, sizeof *want);

        naive_product(way & 1, way & 2, m, n, k, a, b, want);
        for (size_t i = 0; i < (size_t)m * n; i++)
            want[i] = 2 * want[i] - c[i];
        la_product(way & 1, way & 2, m, n, k, 2, a, b, -1, c);
        T_CHECKF(apart(c, want, (size_t)m * n) < 1e-12 * (k + 1), "%u %u %u way %d", m, n, k, way);
        free(a);
        free(b);
        free(c);
        free(want);
    }
}

static void test_eigen(uint32_t n, uint32_t rank)
{
    double *a = random_moment(n, rank), *v = need((size_t)n * n, sizeof *v);
    double *w = need(n, sizeof *w), *want = need(n, sizeof *want);
    double *again = need((size_t)n * n, sizeof *again), most = 0;
    struct err e;

    memcpy(v, a, (size_t)n * n * sizeof *v);
    for (size_t i = 1; i < n; i++) /* the lower triangle is not read */
        for (size_t j = 0; j < i; j++)
            v[i * n + j] = 1e9;
    T_CHECK(la_eigen(v, n, w, &e) == 0);
    jacobi(a, n, want);
    T_CHECKF(apart(w, want, n) < 1e-10 * (n + rank), "n %u rank %u", n, rank);
    T_CHECK(skew(v, n, n) < 1e-12 * n);
    for (size_t r = 0; r < n; r++) { /* a v = w v, and the sign */
        size_t at = 0;

        for (size_t i = 0; i < n; i++) {
            double sum = 0;

            for (size_t j = 0; j < n; j++)
                sum += a[i * n + j] * v[r * n + j];
            most = fmax(most, fabs(sum - w[r] * v[r * n + i]));
            at = fabs(v[r * n + i]) > fabs(v[r * n + at]) ? i : at;
        }
        T_CHECK(v[r * n + at] > 0);
    }
    T_CHECKF(most < 1e-11 * (n + rank), "n %u rank %u: %g", n, rank, most);
    memcpy(again, a, (size_t)n * n * sizeof *v);
    T_CHECK(la_eigen(again, n, want, &e) == 0 && memcmp(v, again, (size_t)n * n * sizeof *v) == 0);
    free(a);
    free(v);
    free(w);
    free(want);
    free(again);
}

static void test_cholesky(uint32_t n)
{
    size_t cells = (size_t)n * n;
    double *a = random_moment(n, 2 * n), *l = need(cells, sizeof *l), *p = need(cells, sizeof *p);
    double *inverse = need(cells, sizeof *inverse);
    struct err e;

    memcpy(l, a, cells * sizeof *l);
    T_CHECK(la_cholesky(l, n, &e) == 0);
    naive_product(false, true, n, n, n, l, l, p);
    T_CHECK(apart(a, p, cells) < 1e-11 * n);
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            T_CHECK(l[i * n + j] == 0);
    memcpy(inverse, l, cells * sizeof *l);
    T_CHECK(la_invert_lower(inverse, n, &e) == 0);
    naive_product(false, false, n, n, n, l, inverse, p);
    for (size_t i = 0; i < n; i++)
        p[i * n + i] -= 1;
    memset(a, 0, cells * sizeof *a);
    T_CHECK(apart(a, p, cells) < 1e-9 * n);
    free(a);
    free(l);
    free(p);
    free(inverse);
}

/* U V^T is the nearest orthonormal matrix: a P with P = (U V^T)^T a symmetric and not negative. */
static void test_polar(uint32_t m, uint32_t n)
{
    double *a = random_matrix(m, n), *u = need((size_t)m * n, sizeof *u);
    double *p = need((size_t)m * m, sizeof *p), *w = need(m, sizeof *w), *s = need(m, sizeof *s);
    double lopsided = 0;
    struct err e;

    memcpy(u, a, (size_t)m * n * sizeof *u);
    T_CHECK(la_polar(u, m, n, s, &e) == 0);
    T_CHECK(skew(u, m, n) < 1e-12 * n);
    naive_product(false, true, m, m, n, a, u, p);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < i; j++)
            lopsided = fmax(lopsided, fabs(p[i * m + j] - p[j * m + i]));
    T_CHECK(lopsided < 1e-11 * n);
    jacobi(p, m, w);
    T_CHECK(apart(w, s, m) < 1e-10 * n && w[m - 1] > -1e-12);
    memcpy(u, a, (size_t)m * n * sizeof *u);
    T_CHECK(la_polar(u, m, n, NULL, &e) == 0 && skew(u, m, n) < 1e-12 * n);
    free(a);
    free(u);
    free(p);
    free(w);
    free(s);
}

static void test_roots(uint32_t n, uint32_t rank)
{
    size_t cells = (size_t)n * n;
    double *a = random_moment(n, rank), *root = need(cells, sizeof *root);
    double *inverse = need(cells, sizeof *inverse), *p = need(cells, sizeof *p);
    double *w = need(n, sizeof *w), zero[4] = {0}, out[4];
    struct err e;

    T_CHECK(la_roots(a, n, 1e-6, root, inverse, &e) == 0);
    naive_product(false, false, n, n, n, root, root, p);
    jacobi(a, n, w);
    /* what the floor adds */
    T_CHECKF(apart(a, p, cells) < 1.01e-6 * w[0] + 1e-10 * n, "n %u rank %u", n, rank);
    naive_product(false, false, n, n, n, root, inverse, p);
    for (size_t i = 0; i < n; i++)
        p[i * n + i] -= 1;
    memset(a, 0, cells * sizeof *a);
    T_CHECK(apart(a, p, cells) < 1e-9 * n);
    T_CHECK(la_roots(zero, 2, 1e-6, out, NULL, &e) == ERR_INPUT);
    free(a);
    free(root);
    free(inverse);
    free(p);
    free(w);
}

static void test_moment(size_t n, uint32_t d)
{
    size_t cells = (size_t)d * d;
    float *x = need(n * d, sizeof *x);
    double *mean = need(d, sizeof *mean), *want = need(d, sizeof *want);
    double *k = need(cells, sizeof *k), *slow = need(cells, sizeof *slow);
    static const int threads[] = {1, 2, 7, 0};
    struct err e;

    for (size_t i = 0; i < n * d; i++) {
        x[i] = (float)(unit() + 3);
        want[i % d] += (double)x[i] / (double)n;
    }
    T_CHECK(la_mean(x, n, d, mean, &e) == 0 && apart(mean, want, d) < 1e-12 * (double)n);
    for (int about = 0; about < 2; about++) {
        double *first = NULL;

        memset(slow, 0, cells * sizeof *slow);
        for (size_t r = 0; r < n; r++)
            for (size_t i = 0; i < d; i++)
                for (size_t j = 0; j < d; j++)
                    slow[i * d + j] += ((double)x[r * d + i] - (about ? mean[i] : 0)) *
                                       ((double)x[r * d + j] - (about ? mean[j] : 0)) / (double)n;
        for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
            T_CHECK(la_moment(x, n, d, about ? mean : NULL, k, threads[t], &e) == 0);
            T_CHECKF(apart(k, slow, cells) < 1e-12 * (double)(n + 10), "n %zu d %u", n, d);
            if (!first)
                first = memcpy(need(cells, sizeof *first), k, cells * sizeof *k);
            T_CHECK(memcmp(first, k, cells * sizeof *k) == 0);
        }
        free(first);
    }
    free(x);
    free(mean);
    free(want);
    free(k);
    free(slow);
}

static void test_orthogonal(uint32_t n)
{
    double *q = need((size_t)n * n, sizeof *q), *r = need((size_t)n * n, sizeof *r);
    struct err e;

    T_CHECK(la_orthogonal(q, n, 1, &e) == 0 && skew(q, n, n) < 1e-12 * n);
    T_CHECK(la_orthogonal(r, n, 1, &e) == 0 && memcmp(q, r, (size_t)n * n * sizeof *q) == 0);
    T_CHECK(la_orthogonal(r, n, 2, &e) == 0 && (n < 2 || apart(q, r, (size_t)n * n) > 1e-3));
    free(q);
    free(r);
}

/* Not favouring a side: entries of many have mean 0 and mean square 1 / n. */
static void test_uniform(void)
{
    enum { N = 4, TIMES = 4000 };
    double sum[N * N] = {0}, square[N * N] = {0}, q[N * N];
    struct err e;

    for (uint64_t s = 0; s < TIMES; s++) {
        T_CHECK(la_orthogonal(q, N, s, &e) == 0);
        for (int i = 0; i < N * N; i++) {
            sum[i] += q[i] / TIMES;
            square[i] += q[i] * q[i] / TIMES;
        }
    }
    for (int i = 0; i < N * N; i++)
        T_CHECKF(fabs(sum[i]) < 0.04 && fabs(square[i] - 0.25) < 0.02, "%g %g", sum[i], square[i]);
}

static void test_refused(void)
{
    static const double bad[] = {NAN, INFINITY, -INFINITY};
    double w[2], none[1];
    float x[1] = {1};
    struct err e;

    for (size_t i = 0; i < 3; i++) {
        double a[4] = {1, bad[i], bad[i], 1}, b[4] = {1, bad[i], bad[i], 1};
        double c[4] = {1, 0, bad[i], 1}, d[4] = {1, bad[i], 0, 1};

        T_CHECK(la_eigen(a, 2, w, &e) == ERR_INPUT);
        T_CHECK(la_cholesky(b, 2, &e) == ERR_INPUT);
        T_CHECK(la_invert_lower(c, 2, &e) == ERR_INPUT);
        T_CHECK(la_polar(d, 2, 2, NULL, &e) == ERR_INPUT);
    }
    {
        double indefinite[4] = {1, 2, 2, 1}, singular[4] = {1, 0, 1, 0};

        T_CHECK(la_cholesky(indefinite, 2, &e) == ERR_INPUT && strstr(e.msg, "Cholesky"));
        T_CHECK(la_invert_lower(singular, 2, &e) == ERR_INPUT);
    }
    T_CHECK(la_mean(x, 0, 1, w, &e) == ERR_INPUT);
    T_CHECK(la_moment(x, 0, 1, NULL, w, 1, &e) == ERR_INPUT);
    T_CHECK(la_eigen(none, 0, w, &e) == 0 && la_cholesky(none, 0, &e) == 0);
}

int main(void)
{
    static const uint32_t sizes[] = {1, 2, 3, 17, 40};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint32_t n = sizes[i];

        test_product(n, n + 2, n / 2 + 1);
        test_eigen(n, 2 * n);
        test_eigen(n, n / 2 + 1); /* some eigenvalues are 0 */
        test_cholesky(n);
        test_polar(n, n);
        test_polar(n, 2 * n + 1);
        test_roots(n, 2 * n);
        test_roots(n, n / 2 + 1);
        test_orthogonal(n);
    }
    test_moment(1, 1);
    test_moment(5, 3);
    test_moment(2048, 2);
    test_moment(7000, 5);
    test_uniform();
    test_refused();
    return t_done("linalg");
}
