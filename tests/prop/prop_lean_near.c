/* prop_lean_near.c - maps fitted to what lies near queries: for queries that were not seen they
 * lose less there than sphering's, they are the same for any number of threads and on every CPU
 * level, and stay as they were where there is nothing to gain. With few components they find as
 * many of the rows with the largest products as sphering's.
 */
#include "codec_files.h"

#include "vec/lean.h"

enum { TOP = 10, WITHIN = 50 };
enum { ROWS = 5000, SEEN = 1000, FRESH = 100, DIM = 24, NEAR = 30 };

struct set {
    float *x, *q; /* ROWS; SEEN, and FRESH that are not seen */
    double mean[DIM], *kx, *kq;
};

/* x and q spread along other directions, x in clumps; `size` is of all components. */
static struct set make_set(uint64_t seed, float size, bool unit)
{
    struct set s = {.x = cf_normal(ROWS, DIM, 0.4, seed),
                    .q = cf_normal(SEEN + FRESH, DIM, 0.4, seed + 1)};
    float *clump = cf_normal(40, DIM, 0.2, seed + 2);
    struct err e;

    for (size_t i = 0; i < (size_t)ROWS * DIM; i++)
        s.x[i] += 2 * clump[i / DIM % 40 * DIM + i % DIM] + 0.5f;
    for (size_t i = 0; i < SEEN + FRESH; i++) /* like a clump, and the last directions largest */
        for (size_t j = 0; j < DIM / 2; j++) {
            float v = s.q[i * DIM + j];

            s.q[i * DIM + j] = s.q[i * DIM + DIM - 1 - j] + clump[i % 40 * DIM + j];
            s.q[i * DIM + DIM - 1 - j] = v + clump[i % 40 * DIM + DIM - 1 - j];
        }
    for (size_t i = 0; i < ROWS + SEEN + FRESH; i++) {
        float *v = i < ROWS ? s.x + i * DIM : s.q + (i - ROWS) * DIM;
        float by = unit ? 1 / (float)sqrt(vec_norm2(v, DIM)) : 1;

        for (size_t j = 0; j < DIM; j++)
            v[j] *= by * size;
    }
    s.kx = cf_need(DIM * DIM, sizeof *s.kx);
    s.kq = cf_need(DIM * DIM, sizeof *s.kq);
    T_CHECK(la_mean(s.x, ROWS, DIM, s.mean, &e) == 0 &&
            la_moment(s.x, ROWS, DIM, s.mean, s.kx, 1, &e) == 0 &&
            la_moment(s.q, SEEN, DIM, NULL, s.kq, 1, &e) == 0);
    free(clump);
    return s;
}

static void set_free(struct set *s)
{
    free(s->x);
    free(s->q);
    free(s->kx);
    free(s->kq);
}

static void fit(const struct set *s, uint32_t r, int threads, enum cpu_level cpu, double *a,
                double *b)
{
    const struct lean_sample sample = {s->x, s->q, ROWS, SEEN, s->mean, 7, threads, cpu};
    struct err e;

    T_CHECK(lean_maps(LEAN_NEAR, s->kq, s->kx, DIM, r, a, b, &e) == 0);
    T_CHECK(lean_near(&sample, DIM, r, a, b, &e) == 0);
}

/* <Aq, Bx> - <q, x - mean>. */
static double error_of(const struct set *s, const double *a, const double *b, uint32_t r,
                       const float *q, const float *x)
{
    double about = 0, exact = 0;

    for (uint32_t i = 0; i < r; i++) {
        double aq = 0, bx = 0;

        for (uint32_t j = 0; j < DIM; j++) {
            aq += a[i * DIM + j] * (double)q[j];
            bx += b[i * DIM + j] * ((double)x[j] - s->mean[j]);
        }
        about += aq * bx;
    }
    for (uint32_t j = 0; j < DIM; j++)
        exact += (double)q[j] * ((double)x[j] - s->mean[j]);
    return about - exact;
}

/* Of fresh queries and the NEAR rows of largest product: the variance of errors. */
static double near_loss(const struct set *s, const double *a, const double *b, uint32_t r)
{
    double all = 0, *product = cf_need(ROWS, sizeof *product);

    for (size_t i = 0; i < FRESH; i++) {
        const float *q = s->q + (SEEN + i) * DIM;
        double sum = 0, squares = 0;

        for (size_t k = 0; k < ROWS; k++) {
            product[k] = 0;
            for (size_t j = 0; j < DIM; j++)
                product[k] += (double)q[j] * (double)s->x[k * DIM + j];
        }
        for (size_t n = 0; n < NEAR; n++) {
            size_t best = 0;
            double err;

            for (size_t k = 1; k < ROWS; k++)
                best = product[k] > product[best] ? k : best;
            product[best] = -INFINITY;
            err = error_of(s, a, b, r, q, s->x + best * DIM);
            sum += err;
            squares += err * err;
        }
        all += squares / NEAR - sum / NEAR * (sum / NEAR);
    }
    free(product);
    return all / FRESH;
}

static void test_gain(uint64_t seed, uint32_t r, float size, bool unit, double most)
{
    struct set s = make_set(seed, size, unit);
    double a[DIM * DIM], b[DIM * DIM], a0[DIM * DIM], b0[DIM * DIM], before, after;
    struct err e;

    T_CHECK(lean_maps(LEAN_SPHERING, s.kq, s.kx, DIM, r, a0, b0, &e) == 0);
    fit(&s, r, 1, cpu_detect(), a, b);
    before = near_loss(&s, a0, b0, r);
    after = near_loss(&s, a, b, r);
    T_CHECKF(after < most * before, "seed %d, %u of %d: %g, before %g", (int)seed, r, DIM, after,
             before);
    set_free(&s);
}

static double product_of(const float *q, const float *x)
{
    double sum = 0;

    for (size_t j = 0; j < DIM; j++)
        sum += (double)q[j] * (double)x[j];
    return sum;
}

/* Of fresh queries and the TOP rows of largest product: how many the maps have among WITHIN. */
static size_t found_by(const struct set *s, const double *a, const double *b, uint32_t r)
{
    double *truth = cf_need(ROWS, sizeof *truth), *about = cf_need(ROWS, sizeof *about);
    size_t found = 0;

    for (size_t i = 0; i < FRESH; i++) {
        const float *q = s->q + (SEEN + i) * DIM;

        for (size_t k = 0; k < ROWS; k++) {
            truth[k] = product_of(q, s->x + k * DIM);
            about[k] = truth[k] + error_of(s, a, b, r, q, s->x + k * DIM);
        }
        for (size_t k = 0; k < ROWS; k++) {
            size_t larger = 0, before = 0;

            for (size_t j = 0; j < ROWS && larger < TOP; j++)
                larger += truth[j] > truth[k];
            for (size_t j = 0; j < ROWS && larger < TOP; j++)
                before += about[j] > about[k];
            found += larger < TOP && before < WITHIN;
        }
    }
    free(truth);
    free(about);
    return found;
}

/* What errors gain is nothing, if the order of rows loses by it. */
static void test_few(uint64_t seed, uint32_t r, bool unit)
{
    struct set s = make_set(seed, 1, unit);
    double a[DIM * DIM], b[DIM * DIM], a0[DIM * DIM], b0[DIM * DIM];
    size_t before, after;
    struct err e;

    T_CHECK(lean_maps(LEAN_SPHERING, s.kq, s.kx, DIM, r, a0, b0, &e) == 0);
    fit(&s, r, 2, cpu_detect(), a, b);
    before = found_by(&s, a0, b0, r);
    after = found_by(&s, a, b, r);
    T_CHECKF(100 * after >= 98 * before, "seed %d, %u of %d: %zu, before %zu", (int)seed, r, DIM,
             after, before);
    set_free(&s);
}

static void test_same(void)
{
    static const int team[] = {1, 2, 7};
    struct set s = make_set(5, 1, false);
    double a[DIM * DIM], b[DIM * DIM], a1[DIM * DIM], b1[DIM * DIM];

    fit(&s, 9, 1, CPU_PORTABLE, a, b);
    for (int level = CPU_PORTABLE; level <= (int)cpu_detect(); level++) {
        fit(&s, 9, team[level], (enum cpu_level)level, a1, b1);
        T_CHECKF(memcmp(a, a1, 9 * DIM * sizeof *a) == 0 && memcmp(b, b1, 9 * DIM * sizeof *b) == 0,
                 "level %d", level);
    }
    set_free(&s);
}

/* All dimensions kept, or numbers whose squares are too large: as sphering left them. */
static void test_kept(uint32_t r, float size)
{
    struct set s = make_set(6, size, false);
    double a[DIM * DIM], b[DIM * DIM], a0[DIM * DIM], b0[DIM * DIM];
    struct err e;

    T_CHECK(lean_maps(LEAN_SPHERING, s.kq, s.kx, DIM, r, a0, b0, &e) == 0);
    fit(&s, r, 2, cpu_detect(), a, b);
    T_CHECKF(memcmp(a, a0, (size_t)r * DIM * sizeof *a) == 0 &&
                 memcmp(b, b0, (size_t)r * DIM * sizeof *b) == 0,
             "%u of %d", r, DIM);
    set_free(&s);
}

/* The codec: `near` is what many vectors and queries give, and what few cannot. */
static void test_codec(void)
{
    struct set s = make_set(1, 1, true);
    struct codec_train t = {
        .x = s.x, .n = ROWS, .queries = s.q, .n_queries = SEEN, .seed = 1, .threads = 2};
    static const char *const spec[] = {"leanvec8+sq8", "leanvec8:near+sq8",
                                       "leanvec8:sphering+sq8"};
    uint8_t *code[3];
    struct codec *c;
    struct err e;

    for (int i = 0; i < 3; i++) {
        T_CHECK(codec_train(&c, spec[i], DIM, cpu_detect(), &t, &e) == 0);
        code[i] = cf_need(ROWS, c->code_bytes);
        T_CHECK(codec_encode(c, s.x, ROWS, code[i], 2, &e) == 0);
        codec_free(c);
    }
    T_CHECK(memcmp(code[0], code[1], (size_t)ROWS * 10) == 0);
    T_CHECK(memcmp(code[0], code[2], (size_t)ROWS * 10) != 0);
    codec_free(cf_check_same("leanvec6:near+sq8", DIM, t));
    t.n_queries = LEAN_NEAR_QUERIES - 1;
    T_CHECK(codec_train(&c, spec[1], DIM, cpu_detect(), &t, &e) == ERR_INPUT &&
            strstr(e.msg, "511"));
    t.n_queries = SEEN;
    t.n = LEAN_NEAR_ROWS - 1;
    T_CHECK(codec_train(&c, spec[1], DIM, cpu_detect(), &t, &e) == ERR_INPUT &&
            strstr(e.msg, "4095"));
    for (int i = 0; i < 3; i++)
        free(code[i]);
    set_free(&s);
}

int main(void)
{
    tmp_enter();
    test_gain(1, 8, 1, true, 0.9);
    test_gain(2, 12, 1, true, 0.9);
    test_gain(2, 12, 1e8f, true, 0.9);
    test_gain(2, 12, 1e-8f, true, 0.9);
    test_few(1, 1, true);
    test_few(1, 2, false);
    test_few(1, 6, true);
    test_same();
    test_kept(DIM, 1);
    test_kept(12, 1e36f);
    test_codec();
    tmp_leave();
    return t_done("lean_near");
}
