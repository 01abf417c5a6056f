/* prop_leanvec.c - the maps of lib/vec/lean.h against the formulas of its head in loops, and
 * leanvec against what its head says of codes, keys and files. */
#include "codec_files.h"

#include "vec/lean.h"

/* ---- maps ---- */

/* Second moments of n rows, about zero. */
static double *moment(const float *x, size_t n, uint32_t dim)
{
    double *k = cf_need((size_t)dim * dim, sizeof *k);

    for (size_t r = 0; r < n; r++)
        for (size_t i = 0; i < dim; i++)
            for (size_t j = 0; j < dim; j++)
                k[i * dim + j] += (double)x[r * dim + i] * (double)x[r * dim + j] / (double)n;
    return k;
}

static void map_product(const double *m, uint32_t r, uint32_t dim, const float *x, double *y)
{
    for (size_t i = 0; i < r; i++) {
        y[i] = 0;
        for (size_t j = 0; j < dim; j++)
            y[i] += m[i * dim + j] * (double)x[j];
    }
}

/* E (<Aq, Bx> - <q, x>)^2, pair by pair. */
static double direct_loss(const double *a, const double *b, uint32_t r, uint32_t dim,
                          const float *q, size_t nq, const float *x, size_t n)
{
    double *aq = cf_need(r, sizeof *aq), *bx = cf_need(r, sizeof *bx), sum = 0;

    for (size_t i = 0; i < nq; i++) {
        map_product(a, r, dim, q + i * dim, aq);
        for (size_t j = 0; j < n; j++) {
            double d = 0;

            map_product(b, r, dim, x + j * dim, bx);
            for (size_t k = 0; k < r; k++)
                d += aq[k] * bx[k];
            for (size_t k = 0; k < dim; k++)
                d -= (double)q[i * dim + k] * (double)x[j * dim + k];
            sum += d * d;
        }
    }
    free(aq);
    free(bx);
    return sum / ((double)nq * (double)n);
}

/* Vectors and queries that spread along different directions. */
static float *turned(size_t n, uint32_t dim, double power, uint64_t seed)
{
    float *z = cf_normal(n, dim, power, seed), *x = cf_need(n * dim, sizeof *x);
    double *q = cf_need((size_t)dim * dim, sizeof *q);
    struct err e;

    T_CHECK(la_orthogonal(q, dim, seed, &e) == 0);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < dim; j++)
            for (size_t k = 0; k < dim; k++)
                x[i * dim + j] += z[i * dim + k] * (float)q[k * dim + j];
    free(z);
    free(q);
    return x;
}

/* The largest singular value of a map. */
static double norm_of(const double *m, uint32_t r, uint32_t dim)
{
    double *copy = cf_need((size_t)r * dim, sizeof *copy), *s = cf_need(r, sizeof *s), most;
    struct err e;

    memcpy(copy, m, (size_t)r * dim * sizeof *copy);
    T_CHECK(la_polar(copy, r, dim, s, &e) == 0);
    most = s[0];
    free(copy);
    free(s);
    return most;
}

/* The sum of the eigenvalues of k, which is used up, from number r on. */
static double tail(double *k, uint32_t dim, uint32_t r)
{
    double *w = cf_need(dim, sizeof *w), sum = 0;
    struct err e;

    T_CHECK(la_eigen(k, dim, w, &e) == 0);
    for (uint32_t i = r; i < dim; i++)
        sum += w[i];
    free(w);
    return sum;
}

/* What no maps of rank r can do better: the tail of W Kx W. */
static double least_loss(const double *kq, const double *kx, uint32_t dim, uint32_t r)
{
    size_t cells = (size_t)dim * dim;
    double *root = cf_need(cells, sizeof *root), *half = cf_need(cells, sizeof *half);
    double *k = cf_need(cells, sizeof *k), sum;
    struct err e;

    T_CHECK(la_roots(kq, dim, 1e-14, root, NULL, &e) == 0);
    la_product(false, false, dim, dim, dim, 1, root, kx, 0, half);
    la_product(false, false, dim, dim, dim, 1, half, root, 0, k);
    sum = tail(k, dim, r);
    free(root);
    free(half);
    free(k);
    return sum;
}

static void check_steps(const double *kq, const double *kx, uint32_t dim, uint32_t r, double *a,
                        double *b)
{
    double loss[LEAN_STEPS + 1], rises = 0;
    uint32_t steps;
    struct err e;

    T_CHECK(lean_maps(LEAN_PCA, kq, kx, dim, r, a, b, &e) == 0);
    T_CHECK(lean_frank_wolfe(kq, kx, dim, r, a, b, loss, &steps, &e) == 0);
    T_CHECK(steps >= 1 && steps <= LEAN_STEPS);
    for (uint32_t i = 1; i <= steps; i++)
        rises = fmax(rises, (loss[i] - loss[i - 1]) / (loss[0] + 1));
    T_CHECKF(rises <= 1e-12, "%g", rises);
    T_CHECK(steps == LEAN_STEPS || loss[steps - 1] - loss[steps] <= 1e-3 * loss[steps - 1]);
}

/* The least f of the vectors of 201 mixtures. */
static double grid_search(const double *kq, const double *kx, uint32_t dim, uint32_t r)
{
    size_t cells = (size_t)dim * dim;
    double *k = cf_need(cells, sizeof *k), *w = cf_need(dim, sizeof *w);
    double tq = 0, tx = 0, least = INFINITY, f;
    struct err e;

    for (size_t i = 0; i < dim; i++) {
        tq += kq[i * dim + i];
        tx += kx[i * dim + i];
    }
    for (int t = 0; t <= 200; t++) {
        for (size_t i = 0; i < cells; i++)
            k[i] = t / 200.0 * kq[i] / tq + (1 - t / 200.0) * kx[i] / tx;
        T_CHECK(la_eigen(k, dim, w, &e) == 0);
        T_CHECK(lean_loss(k, k, kq, kx, dim, r, &f, &e) == 0);
        least = fmin(least, f);
    }
    free(k);
    free(w);
    return least;
}

/* Sphering's A q and B x have the same second moment, but for a factor, and on average the same in
 * each component. */
static void check_balance(const double *a, const double *b, const double *kq, const double *kx,
                          uint32_t dim, uint32_t r)
{
    size_t cells = (size_t)r * r;
    double *half = cf_need((size_t)r * dim, sizeof *half), *qq = cf_need(cells, sizeof *qq);
    double *xx = cf_need(cells, sizeof *xx), off = 0, most = 0, sum = 0;

    la_product(false, false, r, dim, dim, 1, a, kq, 0, half);
    la_product(false, true, r, r, dim, 1, half, a, 0, qq);
    la_product(false, false, r, dim, dim, 1, b, kx, 0, half);
    la_product(false, true, r, r, dim, 1, half, b, 0, xx);
    for (size_t i = 0; i < cells; i++)
        off = fmax(off, fabs(qq[i] * xx[0] - xx[i] * qq[0]));
    T_CHECKF(off <= 1e-6 * qq[0] * xx[0], "%g of %g", off, qq[0] * xx[0]);
    for (size_t i = 0; i < r; i++) {
        most = fmax(most, xx[i * r + i]);
        sum += xx[i * r + i];
    }
    T_CHECKF(most < 2.5 * sum / r, "%g of %g", most, sum / r);
    free(half);
    free(qq);
    free(xx);
}

struct spread {
    double x, q;
    bool same; /* queries as vectors */
};

static void test_maps(uint32_t dim, uint32_t r, size_t n, size_t nq, struct spread s, double *f)
{
    float *x = turned(n, dim, s.x, 1), *q = s.same ? x : turned(nq, dim, s.q, 2);
    double *kx = moment(x, n, dim), *kq = moment(q, s.same ? n : nq, dim), least;
    double *a = cf_need((size_t)r * dim, sizeof *a), *b = cf_need((size_t)r * dim, sizeof *b);
    struct err e;

    for (int m = LEAN_PCA; m <= LEAN_SPHERING; m++) {
        double direct;

        T_CHECK(lean_maps((enum lean_method)m, kq, kx, dim, r, a, b, &e) == 0);
        T_CHECK(lean_loss(a, b, kq, kx, dim, r, &f[m], &e) == 0);
        direct = direct_loss(a, b, r, dim, q, s.same ? n : nq, x, n);
        T_CHECKF(fabs(direct - f[m]) <= 1e-9 * f[LEAN_PCA] + 1e-12, "method %d: %g, %g", m, direct,
                 f[m]);
        if (m != LEAN_SPHERING)
            T_CHECKF(norm_of(a, r, dim) < 1 + 1e-9 && norm_of(b, r, dim) < 1 + 1e-9, "method %d",
                     m);
        if (m == LEAN_PCA || m == LEAN_ES)
            T_CHECK(memcmp(a, b, (size_t)r * dim * sizeof *a) == 0);
    }
    for (int m = LEAN_ES; m <= LEAN_SPHERING; m++)
        T_CHECKF(f[m] <= f[m - 1] + 1e-9 * f[0] + 1e-12, "%u of %u: %g, %g", r, dim, f[m],
                 f[m - 1]);
    least = least_loss(kq, kx, dim, r);
    T_CHECKF(fabs(f[LEAN_SPHERING] - least) <= 1e-6 * f[0] + 1e-10, "%g, %g", f[LEAN_SPHERING],
             least);
    if (r < dim) {
        least = grid_search(kq, kx, dim, r);
        T_CHECKF(f[LEAN_ES] <= least * (1 + 1e-4), "%g, %g", f[LEAN_ES], least);
    }
    if (nq >= dim)
        check_balance(a, b, kq, kx, dim, r);
    check_steps(kq, kx, dim, r, a, b);
    free(x);
    if (!s.same)
        free(q);
    free(kx);
    free(kq);
    free(a);
    free(b);
}

/* With Kq = I, f of pca is the tail of Kx. */
static void test_pca(uint32_t dim, uint32_t r)
{
    float *x = turned(200, dim, 0.5, 3);
    double *kx = moment(x, 200, dim), *kq = cf_need((size_t)dim * dim, sizeof *kq), f, want;
    double *a = cf_need((size_t)r * dim, sizeof *a), *b = cf_need((size_t)r * dim, sizeof *b);
    struct err e;

    for (size_t i = 0; i < dim; i++)
        kq[i * dim + i] = 1;
    T_CHECK(lean_maps(LEAN_PCA, NULL, kx, dim, r, a, b, &e) == 0);
    T_CHECK(lean_loss(a, b, kq, kx, dim, r, &f, &e) == 0);
    want = tail(kx, dim, r);
    T_CHECKF(fabs(f - want) < 1e-12 * dim, "%g, %g", f, want);
    free(x);
    free(kx);
    free(kq);
    free(a);
    free(b);
}

static void test_all_maps(void)
{
    double f[4];

    test_maps(1, 1, 5, 4, (struct spread){0, 0, false}, f);
    test_maps(7, 3, 60, 40, (struct spread){0.5, 0.5, false}, f);
    test_maps(12, 12, 60, 40, (struct spread){0.5, 0.5, false}, f);
    T_CHECK(f[LEAN_PCA] < 1e-20);
    test_maps(12, 5, 60, 4, (struct spread){0.5, 0.5, false}, f); /* 4 queries: rank 4 */
    /* The acceptance of the paper's brief, small. */
    test_maps(48, 12, 400, 200, (struct spread){0.6, 0.6, false}, f);
    T_CHECKF(f[LEAN_FW] <= 0.8 * f[0] && f[LEAN_ES] <= 0.9 * f[0], "%g %g %g", f[0], f[1], f[2]);
    /* Queries of the same kind: pca is best, and none is worse. */
    test_maps(24, 6, 300, 0, (struct spread){0.6, 0, true}, f);
    T_CHECKF(f[LEAN_SPHERING] >= (1 - 1e-9) * f[0], "%g %g", f[0], f[LEAN_SPHERING]);
    test_pca(9, 4);
    test_pca(30, 1);
}

/* ---- the codec ---- */

/* leanvecR+sq8, out of its file. */
struct parts {
    uint32_t r, dim;
    float *mean, *a, *b, *low, *step;
};

static struct parts parts_of(uint32_t r, uint32_t dim)
{
    struct parts p = {.r = r, .dim = dim};

    p.mean = cf_section("codec", "MEA0", dim, 4);
    p.a = cf_section("codec", "MPA0", (size_t)r * dim, 4);
    p.b = cf_section("codec", "MPB0", (size_t)r * dim, 4);
    p.low = cf_section("codec", "LOW1", r, 4);
    p.step = cf_section("codec", "STP1", r, 4);
    return p;
}

static void parts_free(struct parts *p)
{
    free(p->mean);
    free(p->a);
    free(p->b);
    free(p->low);
    free(p->step);
}

static void naive_map(const float *m, uint32_t r, uint32_t dim, const float *x, float *y)
{
    for (size_t i = 0; i < r; i++) {
        y[i] = 0;
        for (size_t j = 0; j < dim; j++)
            y[i] = fmaf(x[j], m[i * dim + j], y[i]);
    }
}

/* The code, and what it decodes to. */
static void naive_code(const struct parts *p, const float *x, uint8_t *code, float *back)
{
    float *centred = cf_need(p->dim, sizeof *centred), *y = cf_need(p->r, sizeof *y), norm;

    for (uint32_t j = 0; j < p->dim; j++)
        centred[j] = x[j] - p->mean[j];
    naive_map(p->b, p->r, p->dim, centred, y);
    for (uint32_t i = 0; i < p->r; i++) {
        float at = p->step[i] > 0 ? (y[i] - p->low[i]) / p->step[i] : 0;

        code[i] = (uint8_t)lrintf(at < 0 ? 0 : at > 255 ? 255 : at);
        y[i] = p->low[i] + p->step[i] * (float)code[i];
    }
    norm = (float)vec_norm2(centred, p->dim);
    memcpy(code + p->r, &norm, 4);
    for (size_t j = 0; j < p->dim; j++) {
        back[j] = 0;
        for (size_t i = 0; i < p->r; i++)
            back[j] = fmaf(y[i], p->a[i * p->dim + j], back[j]);
        back[j] += p->mean[j];
    }
    free(centred);
    free(y);
}

/* The key by the formula: |x - mu|^2 + |q - mu|^2 - 2<q - mu, back - mu>, or -<q, back>. */
static double naive_key(const struct parts *p, enum vec_metric m, const float *q, const float *back,
                        const uint8_t *code, double *size)
{
    double along = 0, qq = 0, xx = 0;
    float norm;

    for (uint32_t j = 0; j < p->dim; j++) {
        double mu = (double)p->mean[j];
        double a = (double)q[j] - (m == VEC_L2 ? mu : 0),
               b = (double)back[j] - (m == VEC_L2 ? mu : 0);

        along += a * b;
        qq += a * a;
        xx += b * b;
    }
    memcpy(&norm, code + p->r, 4);
    *size = qq + xx + (double)norm;
    return m == VEC_L2 ? (double)norm + qq - 2 * along : -along;
}

static void check_keys(const struct codec *c, const struct parts *p, const uint8_t *code,
                       const float *back, size_t n, const float *q, size_t nq)
{
    float *key = cf_need(n * nq, sizeof *key);

    for (int m = VEC_L2; m <= VEC_IP; m++) {
        double worst = 0;

        cf_scan(c, (enum vec_metric)m, code, n, q, nq, key);
        for (size_t j = 0; j < nq; j++)
            for (size_t i = 0; i < n; i++) {
                double size, want = naive_key(p, (enum vec_metric)m, q + j * p->dim,
                                              back + i * p->dim, code + i * c->code_bytes, &size);

                worst = fmax(worst, fabs((double)key[j * n + i] - want) / (size + 1e-30));
            }
        /* sq8 takes queries in 16 bits. */
        T_CHECKF(worst < 1e-4, "%s, metric %d: %g", c->spec.text, m, worst);
    }
    free(key);
}

static void test_codec(const char *method, uint32_t r, uint32_t dim, size_t n, size_t nq)
{
    float *x = turned(n, dim, 0.5, 1), *q = turned(nq, dim, 0.5, 2), *back, *want;
    struct codec_train t = {.x = x, .n = n, .queries = q, .n_queries = nq, .seed = 3};
    uint8_t *code, *expect;
    struct parts p;
    struct codec *c;
    char spec[64];
    struct err e;

    for (size_t i = 0; i < n * dim; i++)
        x[i] += 0.5f;
    snprintf(spec, sizeof spec, "leanvec%u%s+sq8", r, method);
    c = cf_check_same(spec, dim, t);
    T_CHECK(c && c->code_bytes == r + 4);
    p = parts_of(r, dim);
    code = cf_need(n, r + 4);
    expect = cf_need(n, r + 4);
    back = cf_need(n * dim, sizeof *back);
    want = cf_need(n * dim, sizeof *want);
    T_CHECK(codec_encode(c, x, n, code, 2, &e) == 0 && codec_decode(c, code, n, back, 2, &e) == 0);
    for (size_t i = 0; i < n; i++)
        naive_code(&p, x + i * dim, expect + i * (r + 4), want + i * dim);
    T_CHECKF(memcmp(code, expect, n * (r + 4)) == 0, "%s", spec);
    T_CHECKF(memcmp(back, want, n * dim * sizeof *back) == 0, "%s", spec);
    check_keys(c, &p, code, back, n, q, nq < 70 ? nq : 70);
    codec_free(c);
    parts_free(&p);
    free(x);
    free(q);
    free(code);
    free(expect);
    free(back);
    free(want);
}

/* All dimensions kept: what comes back is what went in, but for the steps of sq8. */
static void test_all_kept(const char *spec, size_t nq)
{
    enum { N = 300, DIM = 10 };
    float *x = turned(N, DIM, 0.3, 1), *q = turned(nq, DIM, 0.3, 2), back[N * DIM];
    struct codec_train t = {.x = x, .n = N, .queries = q, .n_queries = nq, .seed = 3};
    struct codec *c = cf_check_same(spec, DIM, t);
    uint8_t code[N * (DIM + 4)];
    double worst = 0;
    struct err e;

    T_CHECK(codec_encode(c, x, N, code, 1, &e) == 0 && codec_decode(c, code, N, back, 1, &e) == 0);
    for (size_t i = 0; i < N * DIM; i++)
        worst = fmax(worst, fabs((double)back[i] - (double)x[i]));
    T_CHECKF(worst < 0.05, "%s, %zu queries: %g", spec, nq, worst);
    codec_free(c);
    free(x);
    free(q);
}

/* Little in the sample: constant dimensions, one vector, queries all the same or in a plane. Keys
 * are numbers, and right for the queries that it was trained on. */
static void test_nasty(void)
{
    static const char *const specs[] = {"leanvec3+sq8", "leanvec3:pca+sq8", "leanvec3:es+sq8",
                                        "leanvec3:fw+sq8", "leanvec6+sq8"};
    enum { N = 50, DIM = 6, NQ = 2 };
    float *x = turned(N, DIM, 0.3, 1), *q = turned(NQ, DIM, 0.3, 2);

    for (size_t i = 0; i < N; i++)
        x[i * DIM + 1] = 0, x[i * DIM + 2] = 5;
    for (size_t s = 0; s < sizeof specs / sizeof *specs; s++)
        for (size_t n = 1; n <= N; n += N - 1)
            for (size_t nq = 1; nq <= NQ; nq++) {
                struct codec_train t = {.x = x, .n = n, .queries = q, .n_queries = nq, .seed = 1};
                struct codec *c = cf_check_same(specs[s], DIM, t);
                uint8_t code[N * 16];
                float key[N * NQ], worst = 0;
                struct err e;

                T_CHECK(codec_encode(c, x, n, code, 1, &e) == 0);
                cf_scan(c, VEC_IP, code, n, q, nq, key);
                for (size_t i = 0; i < n * nq; i++) {
                    float want = 0;

                    for (size_t j = 0; j < DIM; j++)
                        want -= x[i % n * DIM + j] * q[i / n * DIM + j];
                    worst = fabsf(key[i] - want) <= worst ? worst : fabsf(key[i] - want);
                }
                /* Two queries need two dimensions: sphering sees that. */
                T_CHECKF(worst < (strchr(specs[s], ':') ? 10.0f : 0.05f), "%s, %zu, %zu: %g",
                         specs[s], n, nq, (double)worst);
                codec_free(c);
            }
    free(x);
    free(q);
}

static void test_refused(void)
{
    static const char *const bad[] = {
        "leanvec",        "leanvec3",          "leanvec3+",         "leanvec+sq8",
        "leanvec0+sq8",   "leanvec5+sq8",      "leanvec3:best+sq8", "leanvec3+sq5",
        "leanvec3x2+sq8", "leanvec3+no",       "leanvec3:pca",      "leanvec3+leanvec2+sq8",
        "leanvec3:+sq8",  "leanvec3+leanvec2", "leanvec3:PCA+sq8",
    };
    static const char *const knowing[] = {"leanvec2:es+sq8", "leanvec2:fw+sq8",
                                          "leanvec2:sphering+sq8"};
    float x[40], zero[8] = {0};
    struct codec_train t = {.x = x, .n = 10, .seed = 1, .threads = 1};
    struct codec *c;
    struct err e;

    for (int i = 0; i < 40; i++)
        x[i] = (float)(i * i % 7);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        T_CHECKF(codec_train(&c, bad[i], 4, CPU_PORTABLE, &t, &e) == ERR_USAGE, "%s", bad[i]);
    for (size_t i = 0; i < 3; i++)
        T_CHECKF(codec_train(&c, knowing[i], 4, CPU_PORTABLE, &t, &e) == ERR_USAGE &&
                     strstr(e.msg, "--queries"),
                 "%s", knowing[i]);
    T_CHECK(codec_train(&c, "leanvec2+sq8", 20000, CPU_PORTABLE, &t, &e) == ERR_USAGE);
    T_CHECK(codec_train(&c, "leanvec2+qavq20", 4, CPU_PORTABLE, &t, &e) == ERR_INPUT &&
            strstr(e.msg, "20 centroids"));
    t.queries = zero;
    t.n_queries = 2;
    T_CHECK(codec_train(&c, "leanvec2+sq8", 4, CPU_PORTABLE, &t, &e) == ERR_INPUT &&
            strstr(e.msg, "all zero"));
}

/* Another codec that knows the queries inside gets them mapped: its factor is that of their second
 * moment, divided by the root of its mean square. */
static void test_inside(void)
{
    enum { N = 400, DIM = 8, NQ = 50, R = 4 };
    float *x = turned(N, DIM, 0.3, 1), *q = turned(NQ, DIM, 0.3, 2), mapped[NQ * R];
    struct codec_train t = {.x = x, .n = N, .queries = q, .n_queries = NQ, .seed = 1};
    struct codec *c = cf_check_same("leanvec4+qavq16", DIM, t);
    float *factor = cf_section("codec", "FAC1", R * R, 4),
          *a = cf_section("codec", "MPA0", R * DIM, 4);
    double *want, size = 0, off = 0;

    T_CHECK(c && c->code_bytes == 5);
    for (size_t i = 0; i < NQ; i++)
        naive_map(a, R, DIM, q + i * DIM, mapped + i * R);
    want = moment(mapped, NQ, R);
    for (size_t i = 0; i < R * R; i++)
        size += want[i] * want[i] / (R * R);
    for (size_t i = 0; i < R; i++)
        for (size_t j = 0; j < R; j++) {
            double sum = 0;

            for (size_t k = 0; k < R; k++)
                sum += (double)factor[k * R + i] * (double)factor[k * R + j];
            off = fmax(off, fabs(sum - want[i * R + j] / sqrt(size)));
        }
    T_CHECKF(off < 1e-5, "%g", off);
    codec_free(c);
    free(x);
    free(q);
    free(factor);
    free(a);
    free(want);
}

/* Codes inside that are packed for scanning: decoded vectors say what the keys must be. */
static void test_packed_inside(const char *spec)
{
    enum { N = 1100, DIM = 40, NQ = 35 };
    float *x = turned(N, DIM, 0.3, 1), *q = turned(NQ, DIM, 0.3, 2);
    float *back = cf_need(N * DIM, sizeof *back), *key = cf_need(N * NQ, sizeof *key);
    struct codec_train t = {.x = x, .n = N, .queries = q, .n_queries = NQ, .seed = 1};
    struct codec *c = cf_check_same(spec, DIM, t);
    uint8_t *code = cf_need(N, c->code_bytes);
    double worst = 0;
    struct err e;

    T_CHECK(codec_encode(c, x, N, code, 1, &e) == 0 && codec_decode(c, code, N, back, 1, &e) == 0);
    cf_scan(c, VEC_IP, code, N, q, NQ, key);
    for (size_t j = 0; j < NQ; j++)
        for (size_t i = 0; i < N; i++) {
            double want = 0;

            for (size_t k = 0; k < DIM; k++)
                want -= (double)q[j * DIM + k] * (double)back[i * DIM + k];
            worst = fmax(worst, fabs(want - (double)key[j * N + i]));
        }
    T_CHECKF(worst < 0.1, "%s: %g", spec, worst); /* queries may be rounded to bytes inside */
    codec_free(c);
    free(x);
    free(q);
    free(back);
    free(key);
    free(code);
}

/* What cannot be mapped into f32 does not reach the codec inside: vectors are refused, and of
 * queries every key is the same. */
static void test_too_large(const char *inside)
{
    enum { N = 300, DIM = 16 };
    float *x = cf_normal(N, DIM, 0, 1), *q = cf_normal(N, DIM, 0, 2), *a, key[N];
    struct codec_train t = {.x = x, .n = N, .queries = q, .n_queries = N, .seed = 1};
    struct codec *c;
    size_t wrong = 0;
    uint8_t *code;
    char spec[64];
    struct err e;

    snprintf(spec, sizeof spec, "leanvec8:pca+%s", inside);
    c = cf_check_same(spec, DIM, t);
    code = cf_need(N, c->code_bytes);
    a = cf_section("codec", "MPA0", (size_t)8 * DIM, 4);
    T_CHECK(codec_encode(c, x, N, code, 1, &e) == 0);
    for (size_t j = 0; j < DIM; j++) /* along a row of A, which is B */
        q[j] = x[j] = a[j] < 0 ? -3e38F : 3e38F;
    cf_scan(c, VEC_IP, code, N, q, 1, key);
    for (size_t i = 0; i < N; i++)
        wrong += isnan(key[i]) || key[i] != key[0];
    T_CHECKF(wrong == 0, "%s: %zu keys", spec, wrong);
    T_CHECKF(codec_encode(c, x, N, code, 1, &e) == ERR_INPUT && strstr(e.msg, "too large"), "%s",
             spec);
    codec_free(c);
    free(x);
    free(q);
    free(a);
    free(code);
}

static void test_damage(void)
{
    float *x = cf_normal(60, 4, 0, 1);
    struct codec_train t = {.x = x, .n = 60, .queries = x, .n_queries = 9, .seed = 1};

    codec_free(cf_check_same("leanvec2+sq8", 4, t));
    cf_check_damage("codec", "MEA0MPA0MPB0LOW1STP1");
    cf_check_meta("codec", 0, "leanvec2+sq8", 4, 7);
    cf_check_meta("codec", 0, "leanvec3+sq8", 4, 7);
    cf_check_meta("codec", 0, "leanvec2+sq8", 5, 6);
    cf_check_meta("codec", 0, "leanvec2+sq8", 1 << 20, 6);
    cf_check_meta("codec", 0, "leanvec2+sq4", 4, 5);
    cf_check_meta("codec", 0, "leanvec2+leanvec1+sq8", 4, 6);
    cf_check_meta("codec", 0, "sq8", 4, 4);
    cf_check_meta("codec", 4, "sq8", 3, 3);
    cf_check_meta("codec", 4, "sq4", 2, 1);
    cf_check_meta("codec", 4, "leanvec2+sq8", 2, 6);
    free(x);
}

int main(void)
{
    static const char *const inside[] = {"sq8",   "sq4",    "lvq8",    "lvq4x8",  "pq4x4",
                                         "pq4x5", "opq4x4", "osq4",    "rabitq1", "rabitq8",
                                         "w4g4",  "qavq10", "w4g8:f32"};

    tmp_enter();
    test_all_maps();
    test_codec("", 1, 1, 60, 9);
    test_codec("", 5, 10, 1300, 90);
    test_codec(":pca", 5, 10, 300, 90);
    test_codec(":es", 33, 40, 90, 60);
    test_codec(":fw", 32, 33, 90, 60);
    test_codec(":sphering", 33, 100, 200, 120);
    test_all_kept("leanvec10+sq8", 50);
    test_all_kept("leanvec10:pca+sq8", 50);
    test_all_kept("leanvec10:es+sq8", 50);
    test_all_kept("leanvec10:fw+sq8", 50);
    test_nasty();
    test_refused();
    test_inside();
    test_packed_inside("leanvec20+lvq8");
    test_packed_inside("leanvec20+lvq4");
    test_packed_inside("leanvec20+lvq4x8");
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++)
        test_too_large(inside[i]);
    test_damage();
    tmp_leave();
    return t_done("leanvec");
}
