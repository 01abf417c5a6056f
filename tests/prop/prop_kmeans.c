/* prop_kmeans.c - k-means against loops that anyone can read: the choice of a centroid, Lloyd's
 * iterations from the same beginning, what it begins with, and rows of every nasty kind. The same
 * bytes for 1, 2 and 7 threads and on every level of CPU. */
#include "../unit/t.h"

#include <math.h>

#include "base/rand.h"
#include "vec/kmeans.h"
#include "vec/kmeans_seed.h"
#include "vec/nearest.h"

static unsigned long long seed = 3;

static void *need(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size);

    if (!p)
        abort();
    return p;
}

static uint64_t below(uint64_t n)
{
    return t_rand(&seed) % n;
}

enum shape { NORMAL, GRID, SAME, FAR, SHAPES };

/* NORMAL numbers; a GRID of small integers, with many equal rows; the SAME row; FAR from zero. */
static float *rows_of(enum shape s, size_t n, uint32_t dim)
{
    float *x = need(n * dim, sizeof *x);
    uint64_t state = below(1u << 30);

    for (size_t i = 0; i < n * dim; i++) {
        if (s == NORMAL || s == FAR)
            x[i] = (float)rand_normal(&state) + (s == FAR ? 1000.0f : 0.0f);
        else
            x[i] = s == GRID ? (float)below(3) - 1 : (float)(i % dim);
    }
    return x;
}

/* ---- references ---- */

static float naive_key(const float *x, const float *c, uint32_t dim)
{
    float product = 0;
    double norm = 0;

    for (uint32_t j = 0; j < dim; j++) {
        product = fmaf(x[j], c[j], product);
        norm += (double)c[j] * (double)c[j];
    }
    return (float)norm - 2 * product;
}

static uint32_t naive_nearest(const float *x, const float *c, uint32_t k, uint32_t dim)
{
    uint32_t best = 0;
    float least = INFINITY;

    for (uint32_t i = 0; i < k; i++) {
        float key = naive_key(x, c + (size_t)i * dim, dim);

        if (key < least) {
            least = key;
            best = i;
        }
    }
    return best;
}

static double naive_distance(const float *a, const float *b, uint32_t dim)
{
    double sum = 0;

    for (uint32_t j = 0; j < dim; j++)
        sum += ((double)a[j] - (double)b[j]) * ((double)a[j] - (double)b[j]);
    return sum;
}

/* The farthest row of a cluster of two or more. */
static size_t naive_farthest(const float *x, size_t n, uint32_t dim, const float *c,
                             const uint32_t *assign, const uint32_t *own, const bool *taken,
                             const size_t *size)
{
    size_t far = n;
    double most = 0;

    for (size_t i = 0; i < n; i++) {
        double d = ops_for(CPU_PORTABLE)->l2_f64(x + i * dim, c + (size_t)own[i] * dim, dim);

        if (!taken[i] && size[assign[i]] > 1 && d > most) {
            most = d;
            far = i;
        }
    }
    return far;
}

static void naive_fill(const float *x, size_t n, uint32_t dim, const float *c, uint32_t k,
                       uint32_t *assign)
{
    uint32_t *own = need(n, sizeof *own);
    bool *taken = need(n, sizeof *taken);

    memcpy(own, assign, n * sizeof *own);
    for (uint32_t i = 0; i < k; i++) {
        size_t *size = need(k, sizeof *size), far;

        for (size_t r = 0; r < n; r++)
            size[assign[r]]++;
        far = size[i] ? n : naive_farthest(x, n, dim, c, assign, own, taken, size);
        if (far < n) {
            assign[far] = i;
            taken[far] = true;
        }
        free(size);
    }
    free(own);
    free(taken);
}

static void naive_lloyd(const float *x, size_t n, uint32_t dim, uint32_t k, uint32_t iterations,
                        float *c, uint32_t *assign)
{
    uint32_t *before = need(n, sizeof *before);

    for (uint32_t it = 0;; it++) {
        for (size_t i = 0; i < n; i++)
            assign[i] = naive_nearest(x + i * dim, c, k, dim);
        if (it == iterations || (it > 0 && memcmp(assign, before, n * sizeof *assign) == 0))
            break;
        naive_fill(x, n, dim, c, k, assign);
        memcpy(before, assign, n * sizeof *assign);
        for (uint32_t i = 0; i < k; i++)
            for (uint32_t j = 0; j < dim; j++) {
                double sum = 0, count = 0;

                for (size_t r = 0; r < n; r++)
                    if (assign[r] == i) {
                        sum += (double)x[r * dim + j];
                        count++;
                    }
                if (count > 0)
                    c[(size_t)i * dim + j] = (float)(sum / count);
            }
    }
    free(before);
}

/* ---- tests ---- */

static const int threads[] = {1, 2, 7};
enum { THREADS = sizeof threads / sizeof *threads };

static void test_assign(enum shape s, size_t n, uint32_t dim, uint32_t k)
{
    float *x = rows_of(s, n, dim), *c = rows_of(s, k, dim);
    float *distance = need(n, sizeof *distance);
    uint32_t *assign = need(n, sizeof *assign);
    struct err e;

    for (int level = 0; level <= (int)cpu_detect(); level++)
        for (int t = 0; t < THREADS; t++) {
            size_t wrong = 0, off = 0;

            memset(assign, 0xff, n * sizeof *assign);
            T_CHECK(kmeans_assign(ops_for((enum cpu_level)level), x, n, dim, c, k, assign, distance,
                                  threads[t], &e) == 0);
            for (size_t i = 0; i < n; i++) {
                uint32_t want = naive_nearest(x + i * dim, c, k, dim);
                double d = naive_distance(x + i * dim, c + (size_t)want * dim, dim);

                wrong += assign[i] != want;
                off += fabs((double)distance[i] - d) > 1e-6 * d;
            }
            T_CHECKF(wrong == 0 && off == 0, "shape %d, %zu x %u, k %u, level %d: %zu, %zu", s, n,
                     dim, k, level, wrong, off);
        }
    free(x);
    free(c);
    free(distance);
    free(assign);
}

/* What cannot be compared: the first centroid, as of no key. */
static void test_overflow(void)
{
    float x[2] = {3e38f, -3e38f}, c[80];
    uint32_t assign[2] = {9, 9};
    struct err e;

    for (int i = 0; i < 80; i++)
        c[i] = i % 2 ? 3e38f : -3e38f;
    for (int level = 0; level <= (int)cpu_detect(); level++) {
        T_CHECK(kmeans_assign(ops_for((enum cpu_level)level), x, 1, 2, c, 40, assign, NULL, 1,
                              &e) == 0);
        T_CHECK(assign[0] == naive_nearest(x, c, 40, 2));
    }
}

static double naive_error(const float *x, size_t n, uint32_t dim, const float *c,
                          const uint32_t *assign)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += naive_distance(x + i * dim, c + (size_t)assign[i] * dim, dim);
    return sum / (double)n;
}

static void test_lloyd(enum shape s, size_t n, uint32_t dim, uint32_t k, uint32_t iterations)
{
    float *x = rows_of(s, n, dim), *want = need(k, dim * sizeof *want);
    float *c = need(k, dim * sizeof *c);
    uint32_t *expect = need(n, sizeof *expect), *assign = need(n, sizeof *assign);
    double error = -1, slow;
    struct kmeans_opts o = {.k = k, .iterations = iterations, .seed = below(1000), .threads = 1};
    struct err e;

    o.ops = ops_for(CPU_PORTABLE);
    T_CHECK(kmeans_seed(x, n, dim, &o, want, &e) == 0);
    naive_lloyd(x, n, dim, k, iterations ? iterations : 25, want, expect);
    slow = naive_error(x, n, dim, want, expect);
    for (int level = 0; level <= (int)cpu_detect(); level++)
        for (int t = 0; t < THREADS; t++) {
            o.ops = ops_for((enum cpu_level)level);
            o.threads = threads[t];
            memset(c, 0xff, k * dim * sizeof *c);
            T_CHECK(kmeans(x, n, dim, &o, c, assign, &error, &e) == 0);
            T_CHECKF(memcmp(c, want, k * dim * sizeof *c) == 0 &&
                         memcmp(assign, expect, n * sizeof *assign) == 0,
                     "shape %d, %zu x %u, k %u, level %d, %d threads", s, n, dim, k, level,
                     threads[t]);
            T_CHECK(fabs(error - slow) <= 1e-12 * slow);
        }
    free(x);
    free(want);
    free(c);
    free(expect);
    free(assign);
}

static bool is_row(const float *c, const float *x, size_t n, uint32_t dim)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(c, x + i * dim, dim * sizeof *c) == 0)
            return true;
    return false;
}

/* It begins with rows, and with different ones while there are. */
static void test_seed(enum shape s, size_t n, uint32_t dim, uint32_t k)
{
    float *x = rows_of(s, n, dim), *c = need(k, dim * sizeof *c);
    struct kmeans_opts o = {.ops = ops_for(CPU_PORTABLE), .k = k, .seed = below(99), .threads = 2};
    size_t strange = 0, twice = 0;
    struct err e;

    T_CHECK(kmeans_seed(x, n, dim, &o, c, &e) == 0);
    for (uint32_t i = 0; i < k; i++) {
        strange += !is_row(c + (size_t)i * dim, x, n, dim);
        twice += is_row(c + (size_t)i * dim, c, i, dim);
    }
    T_CHECKF(strange == 0 && (s != NORMAL || twice == 0), "shape %d, %zu x %u, k %u: %zu, %zu", s,
             n, dim, k, strange, twice);
    free(x);
    free(c);
}

/* Clusters that stand apart are found, all of them. */
static void test_found(uint32_t clusters, double spread, uint64_t times)
{
    enum { DIM = 4, EACH = 50 };
    size_t n = (size_t)clusters * EACH;
    float *x = need(n * DIM, sizeof *x), *c = need(clusters, DIM * sizeof *c);
    uint32_t *assign = need(n, sizeof *assign);
    uint64_t state = 5;
    struct err e;

    for (uint64_t s = 0; s < times; s++) {
        struct kmeans_opts o = {.ops = ops_for(cpu_detect()), .k = clusters, .seed = s};
        size_t torn = 0;
        double error;

        for (uint32_t k = 0; k < clusters; k++) {
            double centre[DIM];

            for (int j = 0; j < DIM; j++)
                centre[j] = 100 * rand_normal(&state);
            centre[0] = 60.0 * k;
            for (size_t i = 0; i < (size_t)EACH * DIM; i++) /* row i of all clusters in turn */
                x[(i / DIM * clusters + k) * DIM + i % DIM] = (float)(centre[i % DIM] +
                                                                      spread * rand_normal(&state));
        }
        T_CHECK(kmeans(x, n, DIM, &o, c, assign, &error, &e) == 0);
        for (size_t i = 0; i < n; i++)
            torn += assign[i] != assign[i % clusters];
        T_CHECKF(torn == 0 && error < 2 * DIM * spread * spread, "%u clusters, seed %zu: %zu, %g",
                 clusters, (size_t)s, torn, error);
    }
    free(x);
    free(c);
    free(assign);
}

/* Drawn by squared distance: of rows at 0, 1 and 3 with 0 first, 3 follows in 9 of 10 cases, and 1
 * in one. Of 40 rows at 0 to 39, beginning at 0, what is second is (i / sum of squares) likely; the
 * panel's draws must show it too. */
static void test_drawn(void)
{
    enum { N = 60, K = 33, TIMES = 4000 };
    float x[N], c[K];
    double expected[N] = {0}, seen[N] = {0}, off = 0;
    struct err e;

    for (int i = 0; i < N; i++)
        x[i] = (float)(i * i % 61);
    for (uint64_t s = 0; s < TIMES; s++) {
        struct kmeans_opts o = {.ops = ops_for(CPU_PORTABLE), .k = K, .seed = s};
        double sum = 0;

        T_CHECK(kmeans_seed(x, N, 1, &o, c, &e) == 0);
        /* Given the first two, how likely was each third? */
        for (int i = 0; i < N; i++)
            sum += fmin(pow((double)x[i] - (double)c[0], 2), pow((double)x[i] - (double)c[1], 2));
        for (int i = 0; i < N; i++) {
            double d = fmin(pow((double)x[i] - (double)c[0], 2),
                            pow((double)x[i] - (double)c[1], 2));

            expected[i] += d / sum;
            seen[i] += x[i] == c[2] && !is_row(&x[i], x, (size_t)i, 1);
        }
    }
    for (int i = 0; i < N; i++) /* equal rows together */
        for (int j = 0; j < i; j++)
            if (x[i] == x[j]) {
                expected[j] += expected[i];
                expected[i] = 0;
                break;
            }
    for (int i = 0; i < N; i++)
        off += expected[i] > 0 ? pow(seen[i] - expected[i], 2) / expected[i] : 0;
    T_CHECKF(off < 90, "chi squared %g", off); /* of some 30 degrees of freedom: p < 1e-6 */
}

/* Fewer different rows than centroids: the error is 0, and every row keeps its own. */
static void test_few(uint32_t different, size_t n, uint32_t k)
{
    enum { DIM = 3 };
    float *x = need(n * DIM, sizeof *x), *c = need(k, DIM * sizeof *c);
    uint32_t *assign = need(n, sizeof *assign);
    struct kmeans_opts o = {.ops = ops_for(cpu_detect()), .k = k, .seed = 1, .threads = 2};
    double error = 1;
    size_t wrong = 0;
    struct err e;

    for (size_t i = 0; i < n * DIM; i++)
        x[i] = 0.1f * (float)(i / DIM % different) + (float)(i % DIM);
    T_CHECK(kmeans(x, n, DIM, &o, c, assign, &error, &e) == 0);
    for (size_t i = 0; i < n; i++)
        wrong += memcmp(c + (size_t)assign[i] * DIM, x + i * DIM, DIM * sizeof *x) != 0;
    T_CHECKF(wrong == 0 && error == 0, "%u different of %zu, k %u: %zu, %g", different, n, k, wrong,
             error);
    free(x);
    free(c);
    free(assign);
}

static double unevenness(const uint32_t *assign, size_t n, uint32_t k)
{
    double *size = need(k, sizeof *size), sum = 0;

    for (size_t i = 0; i < n; i++)
        size[assign[i]]++;
    for (uint32_t c = 0; c < k; c++)
        sum += size[c] * size[c];
    free(size);
    return sum * k / ((double)n * (double)n);
}

/* Balanced clusters are evener, by a share of what they are uneven, and the penalties say who is in
 * which; the same for all. */
static void test_balance(double heap, uint32_t dim, double share)
{
    enum { N = 3000, MANY = 60 };
    float *x = rows_of(NORMAL, N, dim), *c[2], penalty[2][MANY];
    uint32_t *assign = need(N, sizeof *assign), *again = need(N, sizeof *again);
    struct kmeans_opts o = {.k = MANY, .iterations = 12, .seed = 4, .penalty = penalty[0]};
    struct nearest near;
    double without;
    struct err e;

    c[0] = need(MANY, dim * sizeof **c);
    c[1] = need(MANY, dim * sizeof **c);
    for (size_t i = 0; i < N * (size_t)dim; i++) /* some rows stand near zero together */
        x[i] *= i / dim % 3 ? 1 : (float)heap;
    o.ops = ops_for(cpu_detect());
    T_CHECK(kmeans(x, N, dim, &o, c[0], assign, NULL, &e) == 0);
    without = unevenness(assign, N, MANY);
    o.balance = 0.06;
    for (int level = 0; level <= (int)cpu_detect(); level++)
        for (int t = 0; t < THREADS; t++) {
            int at = level + t > 0;

            o.ops = ops_for((enum cpu_level)level);
            o.threads = threads[t];
            o.penalty = penalty[at];
            T_CHECK(kmeans(x, N, dim, &o, c[at], assign, NULL, &e) == 0);
            T_CHECK(memcmp(c[0], c[at], MANY * dim * sizeof **c) == 0 &&
                    memcmp(penalty[0], penalty[at], sizeof *penalty) == 0);
        }
    T_CHECKF(unevenness(assign, N, MANY) < 1 + share * (without - 1), "dim %u: %.3f of %.3f", dim,
             unevenness(assign, N, MANY), without);
    T_CHECK(nearest_init(&near, o.ops, c[0], MANY, dim, &e) == 0);
    nearest_add(&near, penalty[0]);
    nearest_find(&near, x, N, again);
    T_CHECK(memcmp(again, assign, N * sizeof *assign) == 0);
    nearest_free(&near);
    free(x);
    free(c[0]);
    free(c[1]);
    free(assign);
    free(again);
}

static void test_refused(void)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY, 3e19f};
    float c[4];
    struct kmeans_opts o = {.ops = ops_for(CPU_PORTABLE), .k = 2};
    struct err e;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        float x[6] = {0, 1, 2, bad[i], 4, 5};

        T_CHECK(kmeans(x, 3, 2, &o, c, NULL, NULL, &e) == ERR_INPUT && strstr(e.msg, "row 1 "));
        o.k = 4;
        T_CHECK(kmeans(x, 3, 2, &o, c, NULL, NULL, &e) == ERR_INPUT &&
                strstr(e.msg, "there are 3"));
        o.k = 0;
        T_CHECK(kmeans(x, 3, 2, &o, c, NULL, NULL, &e) == ERR_INPUT);
        o.k = 2;
    }
}

int main(void)
{
    static const uint32_t dims[] = {1, 2, 7, 16, 33}, ks[] = {1, 2, 31, 32, 33, 100};

    for (int s = 0; s < SHAPES; s++)
        for (size_t d = 0; d < sizeof dims / sizeof *dims; d++)
            for (size_t k = 0; k < sizeof ks / sizeof *ks; k++) {
                test_assign((enum shape)s, 1 + below(260), dims[d], ks[k]);
                test_lloyd((enum shape)s, ks[k] + below(200), dims[d], ks[k],
                           1 + (uint32_t)below(6));
                test_seed((enum shape)s, ks[k] + below(200), dims[d], ks[k]);
            }
    test_assign(NORMAL, 2500, 5, 40);
    test_lloyd(NORMAL, 1, 3, 1, 0);
    test_lloyd(NORMAL, 50, 3, 50, 0);
    test_lloyd(GRID, 50, 3, 50, 0);
    test_lloyd(NORMAL, 1500, 2, 5, 0);
    test_lloyd(NORMAL, 5000, 17, 40, 3); /* more than it begins with */
    test_lloyd(GRID, 5000, 17, 70, 2);
    test_found(7, 1, 60);
    test_found(40, 0.01, 10);
    test_drawn();
    test_few(1, 10, 4);
    test_few(5, 100, 20);
    test_few(20, 20, 20);
    test_few(40, 3000, 100);
    test_overflow();
    test_balance(1, 30, 0.9);
    test_balance(0.5, 20, 0.9);
    test_balance(0.3, 6, 0.9);
    test_balance(0.02, 3, 1.1); /* too much in one place */
    test_refused();
    return t_done("kmeans");
}
