/* prop_qavq.c - qavq against the formulas of its head, in loops: the factor, the choice, tables,
 * files, nasty samples; and that it keeps products better than plain k-means. */
#include "codec_files.h"

#include "vec/kmeans.h"

/* H, normalised, with 1e-6 on its diagonal. */
static double *naive_moment(const float *q, size_t n, uint32_t dim)
{
    double *h = cf_need((size_t)dim * dim, sizeof *h), mean = 0;

    for (size_t r = 0; r < n; r++)
        for (size_t i = 0; i < dim; i++)
            for (size_t j = 0; j < dim; j++)
                h[i * dim + j] += (double)q[r * dim + i] * (double)q[r * dim + j];
    for (size_t i = 0; i < (size_t)dim * dim; i++)
        mean += h[i] * h[i] / ((double)dim * dim);
    for (size_t i = 0; i < (size_t)dim * dim; i++)
        h[i] = h[i] / sqrt(mean) + (i % (dim + 1) == 0 ? 1e-6 : 0);
    return h;
}

/* d H d^T of d = a - b. */
static double weighed(const double *h, const float *a, const float *b, uint32_t dim)
{
    double sum = 0;

    for (size_t i = 0; i < dim; i++)
        for (size_t j = 0; j < dim; j++)
            sum += ((double)a[i] - (double)b[i]) * h[i * dim + j] * ((double)a[j] - (double)b[j]);
    return sum;
}

static float chain(const float *a, const float *b, uint32_t dim)
{
    float sum = 0;

    for (uint32_t j = 0; j < dim; j++)
        sum = fmaf(a[j], b[j], sum);
    return sum;
}

static uint32_t naive_nearest(const float *y, const float *centroid, uint32_t k, uint32_t dim)
{
    uint32_t best = 0;
    float least = INFINITY;

    for (uint32_t i = 0; i < k; i++) {
        const float *c = centroid + (size_t)i * dim;
        float key = (float)vec_norm2(c, dim) - 2 * chain(y, c, dim);

        if (key < least) {
            least = key;
            best = i;
        }
    }
    return best;
}

struct sections {
    float *turn, *cen, *org;
};

static void check_sections(const struct sections *s, const double *h, uint32_t dim, uint32_t k)
{
    double worst = 0;

    for (size_t i = 0; i < dim; i++) /* L L^T = H */
        for (size_t j = 0; j < dim; j++) {
            double sum = 0;

            for (size_t l = 0; l < dim; l++)
                sum += (double)s->turn[l * dim + i] * (double)s->turn[l * dim + j];
            worst = fmax(worst, fabs(sum - h[i * dim + j]));
            T_CHECK(j >= i || s->turn[i * dim + j] == 0);
        }
    T_CHECKF(worst < 1e-5 * dim, "%g", worst);
    for (size_t c = 0; c < k; c++) { /* CEN = L^T ORG */
        double off = 0, size = 0;

        for (size_t i = 0; i < dim; i++) {
            double sum = 0;

            for (size_t j = 0; j < dim; j++)
                sum += (double)s->turn[i * dim + j] * (double)s->org[c * dim + j];
            off += pow(sum - (double)s->cen[c * dim + i], 2);
            size += pow((double)s->cen[c * dim + i], 2);
        }
        T_CHECKF(off <= 1e-8 * size, "centroid %zu: %g of %g", c, off, size);
    }
}

/* Codes are the naive choice, vectors the centroids, and distances what H says. */
static void check_codes(const struct codec *c, const struct sections *s, const double *h,
                        const float *x, size_t n, uint32_t k)
{
    uint32_t dim = c->dim;
    uint8_t *code = cf_need(n, c->code_bytes);
    float *back = cf_need(n * dim, sizeof *back), *y = cf_need(dim, sizeof *y);
    float *zero = cf_need(dim, sizeof *zero);
    size_t wrong = 0, other = 0, off = 0;
    struct err e;

    T_CHECK(codec_encode(c, x, n, code, 2, &e) == 0 && codec_decode(c, code, n, back, 2, &e) == 0);
    for (size_t i = 0; i < n; i++) {
        uint32_t got = code[i * c->code_bytes], want;
        double there, here;

        if (c->code_bytes == 2)
            got |= (uint32_t)code[2 * i + 1] << 8;
        for (uint32_t j = 0; j < dim; j++)
            y[j] = chain(x + i * dim, s->turn + (size_t)j * dim, dim);
        want = naive_nearest(y, s->cen, k, dim);
        wrong += got != want;
        other += memcmp(back + i * dim, s->org + (size_t)want * dim, dim * sizeof *y) != 0;
        here = weighed(h, x + i * dim, back + i * dim, dim);
        there = 0;
        for (uint32_t j = 0; j < dim; j++)
            there += pow((double)y[j] - (double)s->cen[(size_t)want * dim + j], 2);
        /* what is rounded are the vectors, not their difference */
        off += fabs(here - there) > 1e-3 * here + 1e-12 * weighed(h, x + i * dim, zero, dim);
    }
    T_CHECKF(wrong == 0 && other == 0 && off == 0, "%s: %zu codes, %zu vectors, %zu distances",
             c->spec.text, wrong, other, off);
    free(code);
    free(back);
    free(y);
    free(zero);
}

static void check_scan(const struct codec *c, const float *x, size_t n, const float *q, size_t nq)
{
    uint8_t *code = cf_need(n, c->code_bytes);
    float *ip = cf_need(n * nq, sizeof *ip), *l2 = cf_need(n * nq, sizeof *l2);
    float *back = cf_need(n * c->dim, sizeof *back);
    size_t wrong = 0, off = 0;
    struct err e;

    T_CHECK(codec_encode(c, x, n, code, 1, &e) == 0 && codec_decode(c, code, n, back, 1, &e) == 0);
    cf_scan(c, VEC_IP, code, n, q, nq, ip);
    cf_scan(c, VEC_L2, code, n, q, nq, l2);
    for (size_t j = 0; j < nq; j++)
        for (size_t i = 0; i < n; i++) {
            const float *b = back + i * c->dim, *query = q + j * c->dim;
            double d = 0;

            for (uint32_t l = 0; l < c->dim; l++)
                d += pow((double)b[l] - (double)query[l], 2);
            wrong += ip[j * n + i] != -chain(query, b, c->dim);
            off += fabs(d - (double)l2[j * n + i]) >
                   1e-5 * (vec_norm2(b, c->dim) + vec_norm2(query, c->dim));
        }
    T_CHECKF(wrong == 0 && off == 0, "%zu, %zu", wrong, off);
    free(code);
    free(ip);
    free(l2);
    free(back);
}

static void test_formulas(uint32_t dim, size_t n, uint32_t k, size_t nq, double power)
{
    float *x = cf_normal(n, dim, 0.3, 1), *q = cf_normal(nq, dim, power, 2);
    struct codec_train t = {.x = x, .n = n, .queries = q, .n_queries = nq, .seed = 3};
    double *h = naive_moment(q, nq, dim);
    struct sections s;
    struct codec *c;
    char spec[32];

    snprintf(spec, sizeof spec, "qavq%u", k);
    c = cf_check_same(spec, dim, t);
    T_CHECK(c && c->code_bytes == (k <= 256 ? 1 : 2));
    s.turn = cf_section("codec", "FAC0", (size_t)dim * dim, 4);
    s.cen = cf_section("codec", "CEN0", (size_t)dim * k, 4);
    s.org = cf_section("codec", "ORG0", (size_t)dim * k, 4);
    check_sections(&s, h, dim, k);
    check_codes(c, &s, h, x, n, k);
    check_scan(c, x, n, q, nq < 70 ? nq : 70);
    codec_free(c);
    free(s.turn);
    free(s.cen);
    free(s.org);
    free(h);
    free(x);
    free(q);
}

/* Without queries: plain k-means. */
static void test_plain(void)
{
    enum { N = 500, DIM = 5, K = 20 };
    float *x = cf_normal(N, DIM, 0, 1), want[K * DIM], *org, *cen;
    struct codec_train t = {.x = x, .n = N, .seed = 9};
    struct kmeans_opts o = {.ops = ops_for(CPU_PORTABLE), .k = K, .seed = 9};
    struct codec *c = cf_check_same("qavq20", DIM, t);
    struct err e;

    T_CHECK(kmeans(x, N, DIM, &o, want, NULL, NULL, &e) == 0);
    org = cf_section("codec", "ORG0", K * DIM, 4);
    cen = cf_section("codec", "CEN0", K * DIM, 4);
    T_CHECK(memcmp(want, org, sizeof want) == 0 && memcmp(want, cen, sizeof want) == 0);
    codec_free(c);
    free(x);
    free(org);
    free(cen);
}

static double mean_weighed(const char *spec, uint32_t dim, const struct codec_train *t,
                           const double *h)
{
    struct codec *c;
    uint8_t *code;
    float *back = cf_need(t->n * dim, sizeof *back);
    double sum = 0;
    struct err e;

    T_CHECK(codec_train(&c, spec, dim, cpu_detect(), t, &e) == 0);
    code = cf_need(t->n, c->code_bytes);
    T_CHECK(codec_encode(c, t->x, t->n, code, 1, &e) == 0);
    T_CHECK(codec_decode(c, code, t->n, back, 1, &e) == 0);
    for (size_t i = 0; i < t->n; i++)
        sum += weighed(h, t->x + i * dim, back + i * dim, dim);
    codec_free(c);
    free(code);
    free(back);
    return sum;
}

/* Queries whose second moment has a condition of 400, along the directions that vectors spread
 * least in. */
static void test_better(void)
{
    enum { N = 4000, NQ = 1000, DIM = 16 };
    float *x = cf_normal(N, DIM, 0.3, 1), *q = cf_normal(NQ, DIM, 1.08, 2), *fresh;
    struct codec_train t = {.x = x, .n = N, .seed = 1};
    double *h, plain, aware;

    for (size_t i = 0; i < NQ; i++)
        for (size_t j = 0; j < DIM / 2; j++) {
            float keep = q[i * DIM + j];

            q[i * DIM + j] = q[i * DIM + DIM - 1 - j];
            q[i * DIM + DIM - 1 - j] = keep;
        }
    fresh = q + (size_t)NQ / 2 * DIM; /* judged by others than it is trained on */
    h = naive_moment(fresh, NQ / 2, DIM);
    plain = mean_weighed("qavq256", DIM, &t, h);
    t.queries = q;
    t.n_queries = NQ / 2;
    aware = mean_weighed("qavq256", DIM, &t, h);
    T_CHECKF(aware <= 0.7 * plain, "%g of %g", aware, plain);
    free(x);
    free(q);
    free(h);
}

static void test_refused(void)
{
    static const char *const bad[] = {"qavq70000", "qavq4x2", "qavq:fw", "qavq+sq8"};
    float x[40] = {0}, zero[8] = {0};
    struct codec_train t = {.x = x, .n = 10, .seed = 1, .threads = 1};
    struct codec *c;
    struct err e;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        T_CHECKF(codec_train(&c, bad[i], 4, CPU_PORTABLE, &t, &e) == ERR_USAGE, "%s", bad[i]);
    T_CHECK(codec_train(&c, "qavq", 20000, CPU_PORTABLE, &t, &e) == ERR_USAGE);
    T_CHECK(codec_train(&c, "qavq", 4, CPU_PORTABLE, &t, &e) == ERR_INPUT &&
            strstr(e.msg, "4096 centroids") && strstr(e.msg, "there are 10"));
    t.queries = zero;
    t.n_queries = 2;
    T_CHECK(codec_train(&c, "qavq2", 4, CPU_PORTABLE, &t, &e) == ERR_INPUT &&
            strstr(e.msg, "all zero"));
}

/* Samples with little in them still make a codec whose vectors are numbers. */
static void test_nasty(void)
{
    enum { N = 40, DIM = 6 };
    static const size_t queries[] = {1, 2, 3};
    float *x = cf_normal(N, DIM, 0, 1), *q = cf_normal(3, DIM, 0, 2);

    for (size_t i = 0; i < N; i++) {
        x[i * DIM + 2] = 7; /* constant */
        if (i % 2)          /* twice the same row */
            memcpy(x + i * DIM, x + (i - 1) * DIM, DIM * sizeof *x);
    }
    for (size_t i = 0; i < 3; i++)
        for (int much = 0; much < 2; much++) {
            struct codec_train t = {
                .x = x, .n = N, .queries = q, .n_queries = queries[i], .seed = 1};
            struct codec *c = cf_check_same(much ? "qavq40" : "qavq7", DIM, t);
            float back[N * DIM];
            uint8_t code[N];
            bool finite = true;
            struct err e;

            T_CHECK(codec_encode(c, x, N, code, 1, &e) == 0);
            T_CHECK(codec_decode(c, code, N, back, 1, &e) == 0);
            for (size_t j = 0; j < N * DIM; j++)
                finite = finite && fabsf(back[j]) < 100;
            T_CHECK(finite);
            codec_free(c);
        }
    free(x);
    free(q);
}

/* Codes of no centroid: decoding says so, a scan puts them last. */
static void test_strange_codes(void)
{
    float x[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, back, key[3], q = 1;
    struct codec_train t = {.x = x, .n = 10, .seed = 1, .threads = 1};
    uint8_t code[3] = {4, 5, 255};
    struct codec *c;
    struct err e;

    T_CHECK(codec_train(&c, "qavq5", 1, CPU_PORTABLE, &t, &e) == 0);
    T_CHECK(codec_decode(c, code, 1, &back, 1, &e) == 0);
    T_CHECK(codec_decode(c, code + 1, 1, &back, 1, &e) == ERR_INPUT && strstr(e.msg, "centroid 5"));
    cf_scan(c, VEC_IP, code, 3, &q, 1, key);
    T_CHECK(isfinite(key[0]) && isinf(key[1]) && isinf(key[2]));
    codec_free(c);
}

static void test_damage(void)
{
    float *x = cf_normal(30, 3, 0, 1);
    struct codec_train t = {.x = x, .n = 30, .queries = x, .n_queries = 9, .seed = 1};

    codec_free(cf_check_same("qavq10", 3, t));
    cf_check_damage("codec", "FAC0CEN0ORG0");
    cf_check_meta("codec", 0, "qavq10", 3, 2);
    cf_check_meta("codec", 0, "qavq11", 3, 1);
    cf_check_meta("codec", 0, "qavq10", 4, 1);
    cf_check_meta("codec", 0, "qavq10", 1 << 20, 1);
    cf_check_meta("codec", 0, "qavq", 3, 2);
    cf_check_meta("codec", 0, "sq8", 3, 3);
    free(x);
}

int main(void)
{
    tmp_enter();
    test_formulas(1, 50, 4, 10, 0);
    test_formulas(3, 1100, 256, 40, 1);
    test_formulas(16, 1500, 257, 300, 0.8);
    test_formulas(33, 300, 32, 100, 0.5);
    test_formulas(5, 64, 64, 20, 0); /* a row, a centroid */
    test_formulas(5, 64, 1, 20, 0);
    test_plain();
    test_better();
    test_refused();
    test_nasty();
    test_strange_codes();
    test_damage();
    tmp_leave();
    return t_done("qavq");
}
