/* prop_lvq.c - lvq8, lvq4 and lvq4x8 against their formulas, taken one component at a time and in
 * double where the codec's own arithmetic is not what is tested: codes and decoded vectors bit for
 * bit, keys within what weights of 8 and 16 bits may lose, bounds never above the true key and not
 * far below. All levels, threads and lengths of lists give the same bits.
 */
#include "codec_data.h"

static const char *const specs[] = {"lvq8", "lvq4", "lvq4x8"};
enum { SPECS = sizeof specs / sizeof *specs, ROWS = 83, QUERIES = 11 };

/* ---- the formulas ---- */

struct ref {
    bool four, two;
    uint32_t dim;
    float *mean;
};

static struct ref ref_of(const char *spec, const float *x, size_t n, uint32_t dim)
{
    struct ref r = {spec[3] == '4', strlen(spec) > 4, dim, data_need(malloc(dim * sizeof(float)))};

    for (uint32_t k = 0; k < dim; k++) {
        double sum = 0;

        for (size_t i = 0; i < n; i++)
            sum += (double)x[i * dim + k];
        r.mean[k] = (float)(sum / (double)n);
    }
    return r;
}

static float from_bf16(uint16_t v)
{
    uint32_t bits = (uint32_t)v << 16;
    float x;

    memcpy(&x, &bits, 4);
    return x;
}

/* The largest bf16 that is not above x / the smallest that is not below, by trying neighbours. */
static uint16_t bf16_near(float x, bool up)
{
    uint32_t bits;
    uint16_t v;

    if (x == 0)
        return 0;
    memcpy(&bits, &x, 4);
    v = (uint16_t)(bits >> 16); /* toward 0 */
    if ((up && from_bf16(v) < x) || (!up && from_bf16(v) > x))
        v++;
    return v;
}

struct cells {
    float low, step;
    unsigned first[2000], second[2000];
};

static unsigned nearest(float v, float most)
{
    return (unsigned)lrintf(v < 0 ? 0 : v > most ? most : v);
}

static void ref_cells(const struct ref *r, const float *x, struct cells *c)
{
    float most = r->four ? 15 : 255, least = INFINITY, largest = -INFINITY;

    for (uint32_t k = 0; k < r->dim; k++) {
        least = fminf(least, x[k] - r->mean[k]);
        largest = fmaxf(largest, x[k] - r->mean[k]);
    }
    c->low = from_bf16(bf16_near(least, false));
    c->step = from_bf16(bf16_near((largest - c->low) / most, true));
    for (uint32_t k = 0; k < r->dim; k++) {
        float y = x[k] - r->mean[k], rest;

        c->first[k] = c->second[k] = 0;
        if (c->step == 0)
            continue;
        c->first[k] = nearest((y - c->low) / c->step, most);
        rest = y - (c->low + c->step * (float)c->first[k]);
        c->second[k] = nearest(rest / c->step * 255 + 127.5F, 255);
    }
}

static void put16(uint8_t *p, float v)
{
    uint32_t bits;

    memcpy(&bits, &v, 4);
    p[0] = (uint8_t)(bits >> 16);
    p[1] = (uint8_t)(bits >> 24);
}

static void ref_code(const struct ref *r, const struct cells *c, uint8_t *code)
{
    put16(code, c->low == 0 ? 0 : c->low);
    put16(code + 2, c->step);
    code += 4;
    if (!r->four)
        for (uint32_t k = 0; k < r->dim; k++)
            *code++ = (uint8_t)c->first[k];
    else
        for (uint32_t k = 0; k < r->dim; k += 2)
            *code++ = (uint8_t)(c->first[k] | (k + 1 < r->dim ? c->first[k + 1] << 4 : 0));
    for (uint32_t k = 0; r->two && k < r->dim; k++)
        *code++ = (uint8_t)c->second[k];
}

/* What is decoded, less the mean, exactly. */
static double ref_value(const struct ref *r, const struct cells *c, uint32_t k)
{
    double low = (double)c->low, step = (double)c->step;

    if (!r->two)
        return low + step * c->first[k];
    return low + step * (c->first[k] + (c->second[k] - 127.5) / 255);
}

/* ---- codes and vectors ---- */

static void check_codes(const struct ref *r, const struct codec *c, const float *x, size_t n)
{
    static struct cells cells;
    uint8_t *code = codes_of(c, x, n, 1), *want = data_need(malloc(c->code_bytes));
    float *back = data_need(malloc(n * r->dim * sizeof *back));
    struct err e = {0};

    T_CHECK(c->code_bytes == 4 + (r->four ? (r->dim + 1) / 2 : r->dim) + (r->two ? r->dim : 0));
    T_CHECK(codec_decode(c, code, n, back, 1, &e) == 0);
    for (size_t i = 0; i < n; i++) {
        double part = r->two ? 0.5 / 255 : 0.5, worst = 0, off = 0;

        ref_cells(r, x + i * r->dim, &cells);
        ref_code(r, &cells, want);
        T_CHECKF(data_same(want, code + i * c->code_bytes, c->code_bytes), "%s, d = %u: code %zu",
                 c->spec.text, r->dim, i);
        for (uint32_t k = 0; k < r->dim; k++) {
            double value = (double)r->mean[k] + ref_value(r, &cells, k);
            double size = fabs((double)r->mean[k]) + fabs((double)cells.low) +
                          16 * (double)cells.step * (r->four ? 1 : 16);

            worst = fmax(worst, fabs((double)back[i * r->dim + k] - value) / (size + 1e-40));
            off = fmax(off, fabs((double)x[i * r->dim + k] - value) - 1e-6 * size);
        }
        T_CHECKF(worst < 4e-7, "%s, d = %u: decoded %zu off by %g", c->spec.text, r->dim, i, worst);
        T_CHECKF(off <= (double)cells.step * part, "%s, d = %u: vector %zu is %g from its code",
                 c->spec.text, r->dim, i, off / (double)cells.step);
    }
    free(code);
    free(want);
    free(back);
}

/* ---- keys ---- */

/* The key of the decoded vector, and what the integer weights may lose of it. */
static double ref_key(const struct ref *r, const struct cells *c, const float *q, enum vec_metric m,
                      double *lose)
{
    double sum = 0, largest = 0, away = 0, sizes = 0, size = 0;

    for (uint32_t k = 0; k < r->dim; k++) {
        double v = ref_value(r, c, k), mean = (double)r->mean[k];
        double a = m == VEC_L2 ? (double)q[k] - mean : (double)q[k];

        sum += m == VEC_L2 ? (a - v) * (a - v) : -a * (mean + v);
        size += m == VEC_L2 ? a * a + v * v : fabs(a * mean) + fabs(a * v);
        largest = fmax(largest, fabs(a));
        sizes += fabs(a);
        away += fabs(v - (double)c->low - (double)c->step * (r->four ? 7.5 : 127.5));
    }
    *lose = r->four && !r->two ? largest / 127 : fmax(largest / 32639, sizes / 8e6);
    *lose *= (m == VEC_L2 ? 1 : 0.5) * away * 1.0001;
    size += sizes * (fabs((double)c->low) + (double)c->step * (r->four ? 8 : 128));
    *lose += 2e-6 * size + 1e-36;
    return sum;
}

static void check_keys(const struct ref *r, const struct codec *c, const float *x, size_t n,
                       const float *q, enum vec_metric m)
{
    static struct cells cells;
    uint8_t *code = codes_of(c, x, n, 1);
    float *key = keys_of(c, m, q, QUERIES, code, n), *low = key + QUERIES * n;
    size_t far = 0;

    for (size_t i = 0; i < n; i++) {
        ref_cells(r, x + i * r->dim, &cells);
        for (size_t j = 0; j < QUERIES; j++) {
            const float *one = q + j * r->dim;
            double lose, want = ref_key(r, &cells, one, m, &lose);
            double exact = data_key(m, x + i * r->dim, one, r->dim), slack;
            double got = (double)key[j * n + i], bound = (double)low[j * n + i];

            T_CHECKF(fabs(got - want) <= lose, "%s, d = %u, %d: key %zu, %zu is %g, not %g (%g)",
                     c->spec.text, r->dim, m, j, i, got, want, lose);
            T_CHECKF(bound <= exact + 1e-37 && bound <= got,
                     "%s, d = %u, %d: bound %zu, %zu is %g, above %g", c->spec.text, r->dim, m, j,
                     i, bound, exact);
            /* a box of this half width around what is decoded */
            slack = (double)cells.step * (r->two ? 0.5 / 255 : 0.5) * sqrt(r->dim);
            slack = m == VEC_L2 ? 2 * sqrt(fabs(want)) * slack + slack * slack
                                : sqrt(data_dot(one, one, r->dim)) * slack;
            far += got - bound > 1.1 * slack + 4 * (double)r->dim * lose + 1e-5 * fabs(got) + 1e-36;
        }
    }
    T_CHECKF(far == 0, "%s, d = %u, %d: %zu bounds are far too low", c->spec.text, r->dim, m, far);
    free(code);
    free(key);
}

/* ---- all of it ---- */

static void check_one(const char *spec, uint32_t dim, enum data_kind kind)
{
    float *x = data_make(kind, ROWS, dim), *q = data_make(kind, QUERIES, dim);
    struct codec *c = codec_of(spec, cpu_detect(), x, ROWS, dim, 1);
    struct ref r = ref_of(spec, x, ROWS, dim);

    memcpy(q, x + 5 * dim, dim * sizeof *q); /* one that is there */
    memset(q + dim, 0, dim * sizeof *q);
    q[2 * dim + dim / 2] = 1e4F; /* one component outweighs the others */
    check_codes(&r, c, x, ROWS);
    check_keys(&r, c, x, ROWS, q, VEC_L2);
    check_keys(&r, c, x, ROWS, q, VEC_IP);
    check_levels(spec, x, ROWS, dim, q, QUERIES);
    check_lists(c, x, ROWS, q, QUERIES);
    free(r.mean);
    free(x);
    free(q);
    codec_free(c);
}

/* Rows that are unlike the sample: sizes from subnormal to the limit, all equal, minus zero. */
static void check_extremes(const char *spec)
{
    enum { DIM = 19, N = 9 };
    static const float size[N] = {0, 1e-44F, 1e-38F, 1e-20F, 1, 65504, 1e6F, 1e12F, 8e15F};
    static struct cells cells;
    float *sample = data_make(DATA_NORMAL, ROWS, DIM), x[N * DIM];
    struct codec *c;
    struct ref r;

    for (size_t i = 0; i < (size_t)ROWS * DIM; i++)
        sample[i] *= 0x1p-60F;
    c = codec_of(spec, cpu_detect(), sample, ROWS, DIM, 1);
    r = ref_of(spec, sample, ROWS, DIM);
    for (size_t i = 0; i < N; i++)
        for (uint32_t k = 0; k < DIM; k++)
            x[i * DIM + k] = size[i] * (float)(k == 3 ? -1 : data_unit() * 2 - 1);
    check_codes(&r, c, x, N);
    for (uint32_t k = 0; k < DIM; k++)
        x[k] = r.mean[k] + 0x1p-61F, x[DIM + k] = r.mean[k], x[2 * DIM + k] = -0.0F;
    check_codes(&r, c, x, 3);
    ref_cells(&r, x + DIM, &cells);
    T_CHECK(cells.step == 0 && cells.low == 0);
    free(r.mean);
    free(sample);
    codec_free(c);
}

/* What cannot be coded, and codes that are none. */
static void check_refused(const char *spec)
{
    static const float bad[] = {1e16F, -1e16F, 3e38F, -3e38F};
    float x[40] = {1, 2, 3}, back[40];
    struct codec *c = codec_of(spec, cpu_detect(), x, 4, 10, 1);
    uint8_t code[4 * 64];
    struct err e = {0};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        x[25] = bad[i];
        T_CHECK(codec_encode(c, x, 4, code, 1, &e) == ERR_INPUT && strstr(e.msg, spec));
    }
    x[25] = 9e15F;
    T_CHECK(codec_encode(c, x, 4, code, 1, &e) == 0);
    for (unsigned i = 0; i < 4; i++) {
        static const float word[] = {INFINITY, NAN, 1e30F, -1};
        uint8_t *p = code + c->code_bytes + (i == 3 ? 2 : 0), was[2] = {p[0], p[1]};

        put16(p, word[i]);
        T_CHECKF(codec_decode(c, code, 4, back, 1, &e) == ERR_INPUT && strstr(e.msg, spec), "%u",
                 i);
        memcpy(p, was, 2);
    }
    T_CHECK(codec_decode(c, code, 4, back, 1, &e) == 0);
    codec_free(c);
}

static void check_files(void)
{
    float *x = data_make(DATA_NORMAL, 30, 12);
    struct codec *c = codec_of("lvq4x8", cpu_detect(), x, 30, 12, 1);
    float mean[12] = {1, 2, 3, 4, 5, NAN};

    check_damage(c, "MEA0", mean, sizeof mean);
    check_damage(c, "MEA0", x, 11 * sizeof *x);
    check_damage(c, "MEA0", NULL, 0);
    check_truncated(c);
    codec_free(c);
    free(x);
}

static void check_specs(void)
{
    static const char *const bad[] = {"lvq",    "lvq5",     "lvq8x8",  "lvq4x4",
                                      "lvq8:x", "lvq8+sq8", "lvq4x8x8"};
    const struct codec_train t = {.x = (const float[]){1}, .n = 1, .threads = 1};
    struct codec *c;
    struct err e;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        T_CHECKF(codec_train(&c, bad[i], 1, CPU_PORTABLE, &t, &e) == ERR_USAGE && !c, "%s", bad[i]);
}

int main(void)
{
    static const uint32_t dims[] = {1,  2,  3,  4,  5,  7,   8,   9,   12,  15,  16,
                                    17, 31, 33, 63, 64, 100, 255, 256, 257, 784, 1500};

    tmp_enter();
    for (size_t s = 0; s < SPECS; s++) {
        for (size_t i = 0; i < sizeof dims / sizeof *dims; i++)
            check_one(specs[s], dims[i], (enum data_kind)((i + s) % DATA_KINDS));
        for (int kind = 0; kind < DATA_KINDS; kind++)
            check_one(specs[s], 29, (enum data_kind)kind);
        check_extremes(specs[s]);
        check_refused(specs[s]);
    }
    check_files();
    check_specs();
    tmp_leave();
    return t_done("prop_lvq");
}
