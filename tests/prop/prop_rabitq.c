/* prop_rabitq.c - rabitq against its formulas in double: the rotation written out as a matrix,
 * every scale that matters tried, keys and bounds computed from the bits of a code.
 */
#include "codec_data.h"

enum { ROUNDS = 4, DIM_MOST = 160 };

/* What a codec's file says: the oracle knows nothing else of it. */
struct oracle {
    uint32_t d;
    unsigned bits;
    double mean[DIM_MOST];
    double turn[DIM_MOST][DIM_MOST]; /* r = turn (x - mean) */
};

/* turn = s turn, for s of one step given by its effect on one column. */
static void apply_signs(struct oracle *o, const uint8_t *sign, size_t from)
{
    for (uint32_t i = 0; i < o->d; i++)
        if (sign[(from + i) / 8] >> (from + i) % 8 & 1)
            for (uint32_t j = 0; j < o->d; j++)
                o->turn[i][j] = -o->turn[i][j];
}

static void apply_hadamard(struct oracle *o, uint32_t first, uint32_t n)
{
    static double was[DIM_MOST][DIM_MOST];

    memcpy(was, o->turn, sizeof was);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < o->d; j++) {
            double sum = 0;

            for (uint32_t k = 0; k < n; k++)
                sum += (__builtin_popcount(i & k) % 2 ? -1 : 1) * was[first + k][j];
            o->turn[first + i][j] = sum / sqrt(n);
        }
}

static void apply_pairs(struct oracle *o)
{
    for (uint32_t i = 0; i < o->d / 2; i++)
        for (uint32_t j = 0; j < o->d; j++) {
            double *a = &o->turn[i][j], *b = &o->turn[i + o->d - o->d / 2][j], sum = *a + *b;

            *b = (*a - *b) * sqrt(0.5);
            *a = sum * sqrt(0.5);
        }
}

static struct oracle *oracle_of(const struct codec *c)
{
    static const char kind[4] = {'v', 'c', 'o', 'd'};
    struct oracle *o = data_need(calloc(1, sizeof *o));
    struct sect_file *f = NULL;
    struct err e = {0};
    const void *mean, *sign;
    uint32_t power = 1;

    o->d = c->dim;
    o->bits = c->spec.a;
    T_CHECK(codec_save(c, "oracle", &e) == 0 && sect_open(&f, "oracle", kind, 1, &e) == 0);
    T_CHECK(sect_need(f, "MEA0", o->d, 4, &mean, &e) == 0);
    T_CHECK(sect_need(f, "SGN0", (ROUNDS * o->d + 7) / 8, 1, &sign, &e) == 0);
    while (2 * power <= o->d)
        power *= 2;
    for (uint32_t i = 0; i < o->d; i++) {
        o->mean[i] = (double)((const float *)mean)[i];
        o->turn[i][i] = 1;
    }
    for (uint32_t r = 0; r < ROUNDS; r++) {
        apply_signs(o, sign, r * o->d);
        apply_hadamard(o, r % 2 ? o->d - power : 0, power);
        if (power < o->d)
            apply_pairs(o);
    }
    sect_close(f);
    return o;
}

static void turned(const struct oracle *o, const float *x, bool centred, double *r)
{
    for (uint32_t i = 0; i < o->d; i++) {
        r[i] = 0;
        for (uint32_t j = 0; j < o->d; j++)
            r[i] += o->turn[i][j] * ((double)x[j] - (centred ? o->mean[j] : 0));
    }
}

/* The point of the grid that a code's bits name. */
static void point_of(const struct oracle *o, const uint8_t *code, double *c)
{
    for (uint32_t i = 0; i < o->d; i++) {
        unsigned cell = 0;

        for (uint32_t b = i * o->bits; b < (i + 1) * o->bits; b++)
            cell = 2 * cell + (code[8 + b / 8] >> (7 - b % 8) & 1);
        c[i] = cell - ((1 << o->bits) - 1) / 2.0;
    }
}

static double dot(const double *a, const double *b, uint32_t d)
{
    double sum = 0;

    for (uint32_t i = 0; i < d; i++)
        sum += a[i] * b[i];
    return sum;
}

/* The largest squared cosine over all scales: each at which some magnitude enters a cell. */
static double best_cosine2(const struct oracle *o, const double *r)
{
    int top = (1 << (o->bits - 1)) - 1;
    double best = 0, norm = dot(r, r, o->d);

    for (uint32_t i = 0; i < o->d; i++)
        for (int k = top ? 1 : 0; k <= top; k++) {
            double t = k == 0 ? 1 : k / fabs(r[i]) * (1 + 1e-12), s = 0, n = 0;

            if (!isfinite(t))
                continue;
            for (uint32_t j = 0; j < o->d; j++) {
                double w = fmin(floor(t * fabs(r[j])), top) + 0.5;

                s += w * fabs(r[j]);
                n += w * w;
            }
            best = fmax(best, s * s / n / norm);
        }
    return best;
}

/* Bits and factors of one code. */
static void check_code(const struct oracle *o, const float *x, const uint8_t *code, double most)
{
    double r[DIM_MOST], c[DIM_MOST], norm, cr, best;
    float factor[2];

    turned(o, x, true, r);
    point_of(o, code, c);
    memcpy(factor, code, sizeof factor);
    norm = dot(r, r, o->d);
    cr = dot(c, r, o->d);
    T_CHECKF(fabs((double)factor[0] - norm) <= 1e-5 * norm, "|r|^2 %g, %g", (double)factor[0],
             norm);
    if (factor[0] <= 0) {
        T_CHECK(factor[1] >= 0 && norm <= 1e-30);
        return;
    }
    T_CHECKF(fabs((double)factor[1] - norm / cr) <= 1e-5 * norm / cr, "F %g, %g", (double)factor[1],
             norm / cr);
    best = best_cosine2(o, r);
    cr = cr * cr / dot(c, c, o->d) / norm;
    /* Spikes have no broad top as normal components have it. */
    T_CHECKF(1 - cr <= (o->d <= 16 ? 1.01 : most) * (1 - best) + 1e-6,
             "d = %u, %u bits: 1 - cos^2 is %g, could be %g", o->d, o->bits, 1 - cr, 1 - best);
}

/* One key and bound against the formulas; counts bounds that fail. */
static void check_key(const struct oracle *o, enum vec_metric m, const float *q,
                      const uint8_t *code, float key, float low)
{
    double y[DIM_MOST], c[DIM_MOST], qq, most = 0, f, norm, want, e, part, lost, two, across;
    float factor[2], x0[DIM_MOST] = {0};

    for (uint32_t j = 0; j < o->d; j++)
        x0[j] = (float)o->mean[j];
    memcpy(factor, code, sizeof factor);
    norm = (double)factor[0];
    f = (double)factor[1];
    turned(o, q, m == VEC_L2, y);
    point_of(o, code, c);
    qq = dot(y, y, o->d);
    for (uint32_t i = 0; i < o->d; i++)
        most = fmax(most, fabs(y[i]));
    want = m == VEC_L2 ? norm + qq - 2 * f * dot(c, y, o->d)
                       : -data_dot(x0, q, o->d) - f * dot(c, y, o->d);
    two = m == VEC_L2 ? 2 : 1;
    /* A row's rounding is half a step of 127, of two rows that again of 127, 8 bits have 63. */
    lost = sqrt(o->d) * most / (o->bits == 8 ? 2 * 63 * 126 : o->bits == 7 ? 2 * 127 * 254 : 254);
    e = 1e-5 * (norm + qq + fabs(want));
    T_CHECKF(fabs((double)key - want) <= two * f * sqrt(dot(c, c, o->d)) * lost + e,
             "d = %u, %u bits: key %g, should be %g", o->d, o->bits, (double)key, want);
    part = o->d > 1 ? fmin(1, 3.3 / sqrt(o->d - 1.0)) : 1;
    across = fmax(0, f * f * dot(c, c, o->d) - norm);
    want = (double)key - two * part * sqrt(across * qq);
    T_CHECKF(low <= fmaxf(key, 0) + (float)e && (double)low <= fmax(want, 0) + 2 * e,
             "d = %u, %u bits: low %g, at most %g", o->d, o->bits, (double)low, want);
    /* |r|^2 and F are rounded to f32. */
    want = (double)key - two * part * sqrt((across + 0x1p-20 * norm) * qq);
    want -= two * part * f * sqrt(dot(c, c, o->d)) * lost;
    T_CHECKF((double)low >= want - 2 * e, "d = %u, %u bits: low %g, at least %g", o->d, o->bits,
             (double)low, want);
}

static void check_decoded(const struct oracle *o, const uint8_t *code, const float *back)
{
    double c[DIM_MOST], scale;
    float factor[2];

    point_of(o, code, c);
    memcpy(factor, code, sizeof factor);
    scale = factor[1] > 0 ? (double)(factor[0] / factor[1]) / dot(c, c, o->d) : 0;
    for (uint32_t j = 0; j < o->d; j++) {
        double want = o->mean[j];

        for (uint32_t i = 0; i < o->d; i++)
            want += o->turn[i][j] * scale * c[i];
        T_CHECKF(fabs((double)back[j] - want) <=
                     1e-5 * (fabs(o->mean[j]) + (double)sqrtf(factor[0])),
                 "d = %u, %u bits: %g, should be %g", o->d, o->bits, (double)back[j], want);
    }
}

static void check_formulas(unsigned bits, uint32_t d, enum data_kind kind)
{
    enum { N = 40, Q = 3 };
    char spec[16];
    float *x = data_make(kind, N, d), *q = data_make(kind, Q, d), *back;
    struct codec *c;
    struct oracle *o;
    uint8_t *code;
    struct err e = {0};

    snprintf(spec, sizeof spec, "rabitq%u", bits);
    c = codec_of(spec, cpu_detect(), x, N, d, 1);
    o = oracle_of(c);
    /* And the mean itself. */
    for (uint32_t j = 0; j < d; j++)
        x[(N - 1) * d + j] = q[(Q - 1) * d + j] = (float)o->mean[j];
    code = codes_of(c, x, N, 1);
    back = data_need(malloc(N * d * sizeof *back));
    T_CHECK(codec_decode(c, code, N, back, 1, &e) == 0);
    for (size_t i = 0; i < N; i++) {
        check_code(o, x + i * d, code + i * c->code_bytes,
                   d >= 100 && kind != DATA_SPIKES ? 1.25 : 1.7);
        check_decoded(o, code + i * c->code_bytes, back + i * d);
    }
    for (int m = 0; m < 2; m++) {
        enum vec_metric metric = m ? VEC_IP : VEC_L2;
        float *key = keys_of(c, metric, q, Q, code, N);

        for (size_t i = 0; i < N * Q; i++)
            check_key(o, metric, q + i / N * d, code + i % N * c->code_bytes, key[i],
                      key[Q * N + i]);
        free(key);
    }
    free(back);
    free(code);
    free(o);
    codec_free(c);
    free(x);
    free(q);
}

/* The estimator's bias, and the share of pairs whose bound holds. */
static void check_statistics(unsigned bits, uint32_t d, enum data_kind kind, enum vec_metric m)
{
    enum { N = 2000, Q = 40 };
    char spec[16];
    float *x = data_make(kind, N, d), *q = data_make(kind, Q, d), *key;
    double bias = 0;
    size_t failed = 0, above = 0;
    struct codec *c;
    uint8_t *code;

    snprintf(spec, sizeof spec, "rabitq%u", bits);
    c = codec_of(spec, cpu_detect(), x, N, d, 1);
    code = codes_of(c, x, N, 1);
    key = keys_of(c, m, q, Q, code, N);
    for (size_t i = 0; i < (size_t)N * Q; i++) {
        const float *a = x + i % N * d, *b = q + i / N * d;
        double truth = data_key(m, a, b, d), k = (double)key[i], low = (double)key[N * Q + i];

        bias += (k - truth) / sqrt(data_dot(a, a, d) * data_dot(b, b, d));
        failed += low > truth;
        above += truth > k + (k - low);
    }
    bias /= N * Q;
    /* In few dimensions one rotation is no average of all. */
    T_CHECKF(fabs(bias) < (d < 16 ? 1e-2 : 1e-3), "%s, d = %u: bias %g", spec, d, bias);
    T_CHECKF(failed <= N * Q / 1000 && above <= N * Q / 1000,
             "%s, d = %u: %zu and %zu bounds of %d fail", spec, d, failed, above, N * Q);
    free(x);
    free(q);
    free(key);
    free(code);
    codec_free(c);
}

static void check_same_everywhere(void)
{
    static const uint32_t dims[] = {1, 2, 3, 4, 5, 17, 64, 100, 129, 260};
    enum { N = 1100, Q = 5 };

    for (unsigned bits = 1; bits <= 8; bits++)
        for (int k = 0; k < 3; k++) {
            uint32_t d = dims[(bits + 3 * (unsigned)k) % 10];
            enum data_kind kind = (bits + (unsigned)k) % DATA_KINDS;
            float *x = data_make(kind, N, d), *q = data_make(kind, Q, d);
            char spec[16];
            struct codec *c;

            snprintf(spec, sizeof spec, "rabitq%u", bits);
            check_levels(spec, x, 200, d, q, Q);
            c = codec_of(spec, cpu_detect(), x, N, d, 1);
            for (size_t n = 1; n <= 4; n++)
                check_lists(c, x, n == 4 ? N : 15 * n, q, n);
            check_lists(c, x, 1024, q, Q);
            codec_free(c);
            free(x);
            free(q);
        }
}

static void check_extremes(void)
{
    enum { D = 20 };
    float *x = data_make(DATA_NORMAL, 50, D), huge[D], back[D];
    struct codec *c = codec_of("rabitq4", cpu_detect(), x, 50, D, 1);
    uint8_t *code = data_need(malloc(50 * c->code_bytes));
    struct err e = {0};
    float *key;

    for (uint32_t j = 0; j < D; j++)
        huge[j] = 1.5e18F;
    T_CHECK(codec_encode(c, huge, 1, code, 1, &e) == 0);
    T_CHECK(codec_decode(c, code, 1, back, 1, &e) == 0);
    T_CHECK(data_l2(back, huge, D) < 0.1 * data_dot(huge, huge, D));
    key = keys_of(c, VEC_L2, huge, 1, code, 1);
    T_CHECK(isfinite(key[0]) && key[1] <= fmaxf(key[0], 0));
    free(key);
    huge[3] = 1e30F;
    T_CHECK(codec_encode(c, huge, 1, code, 1, &e) == ERR_INPUT && strstr(e.msg, "too far"));
    for (uint32_t j = 0; j < D; j++)
        huge[j] = 1e-42F;
    free(code);
    code = codes_of(c, x, 50, 1);
    key = keys_of(c, VEC_IP, huge, 1, code, 50);
    for (size_t i = 0; i < 50; i++)
        T_CHECK(fabsf(key[i]) < 1e-30F);
    free(key);
    free(code);
    codec_free(c);
    free(x);
}

static void check_files(void)
{
    float *x = data_make(DATA_NORMAL, 30, 12);
    struct codec *c = codec_of("rabitq3", cpu_detect(), x, 30, 12, 1);
    float mean[12] = {1, 2, 3, 4, 5, NAN};

    check_damage(c, "MEA0", mean, sizeof mean);
    check_damage(c, "MEA0", x, 11 * sizeof *x);
    check_damage(c, "MEA0", NULL, 0);
    check_damage(c, "SGN0", "123456", 5);
    check_damage(c, "SGN0", NULL, 0);
    check_truncated(c);
    codec_free(c);
    free(x);
}

static void check_specs(void)
{
    static const char *const bad[] = {"rabitq",    "rabitq0",   "rabitq9",
                                      "rabitq4x2", "rabitq4:x", "rabitq4+sq8"};
    const struct codec_train t = {.x = (const float[]){1}, .n = 1, .threads = 1};
    struct codec *c;
    struct err e;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        T_CHECKF(codec_train(&c, bad[i], 1, CPU_PORTABLE, &t, &e) == ERR_USAGE && !c, "%s", bad[i]);
    T_CHECK(codec_train(&c, "rabitq4", 32769, CPU_PORTABLE, &t, &e) == ERR_USAGE && !c);
}

int main(void)
{
    static const uint32_t dims[] = {1, 2, 3, 8, 31, 100, 128, 150};

    tmp_enter();
    for (unsigned bits = 1; bits <= 8; bits++)
        for (unsigned i = 0; i < 8; i++)
            check_formulas(bits, dims[i], (bits + i) % DATA_KINDS);
    for (unsigned bits = 1; bits <= 8; bits++) {
        check_statistics(bits, 100, DATA_DECAY, VEC_IP);
        check_statistics(bits, 96, DATA_NORMAL, VEC_L2);
        check_statistics(bits, 5, DATA_NORMAL, VEC_IP);
    }
    check_same_everywhere();
    check_extremes();
    check_files();
    check_specs();
    tmp_leave();
    return t_done("prop_rabitq");
}
