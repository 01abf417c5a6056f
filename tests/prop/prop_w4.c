/* prop_w4.c - w4gG against the formulas written out: codes, decoding, and keys from the decoded
 * rows in double; integer and f32 queries on all CPU levels to the bit. */
#include <math.h>

#include "../unit/t.h"
#include "vec/codec_kind.h"
#include "vec/vec.h"

static unsigned long long seed = 20261125;

static double unit(void)
{
    return (double)(t_rand(&seed) >> 11) * 0x1p-53;
}

/* Kinds of rows: plain, zero, constant, huge, tiny, one spike. */
static void fill(float *x, size_t n, uint32_t dim)
{
    for (size_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < dim; k++) {
            double v = unit() * 2 - 1;

            switch (i % 7) {
            case 1:
                v = 0;
                break;
            case 2:
                v = -0.75;
                break;
            case 3:
                v *= 1e17;
                break;
            case 4:
                v *= 1e-41; /* subnormal */
                break;
            case 5:
                v = k == 1 ? -3 : v * 1e-3;
                break;
            }
            x[i * dim + k] = (float)v;
        }
}

static float bf16_value(uint16_t h)
{
    uint32_t bits = (uint32_t)h << 16;
    float v;

    memcpy(&v, &bits, 4);
    return v;
}

/* The nearest bf16 by looking at both neighbours. */
static uint16_t slow_bf16(float v)
{
    uint32_t bits;
    uint16_t down, up;
    double dd, du;

    memcpy(&bits, &v, 4);
    down = (uint16_t)(bits >> 16);
    up = (uint16_t)(down + 1);
    dd = (double)v - (double)bf16_value(down);
    du = (double)bf16_value(up) - (double)v;
    return dd < du || (dd == du && down % 2 == 0) ? down : up;
}

static void slow_encode(const float *x, uint32_t dim, uint32_t group, uint8_t *code)
{
    uint8_t *scales = code + (dim + 1) / 2;

    memset(code, 0, (dim + 1) / 2 + 2 * ((dim + group - 1) / group));
    for (uint32_t k = 0; k < dim; k++) {
        uint32_t g = k / group, end = g * group + group < dim ? g * group + group : dim;
        float most = 0, s;
        uint16_t h;
        long q = 8;

        for (uint32_t i = g * group; i < end; i++)
            most = fmaxf(most, fabsf(x[i]));
        h = slow_bf16(most / 7.5f);
        s = bf16_value(h);
        if (s > 0)
            q = lrintf(fminf(fmaxf(x[k] / s, -100), 100)) + 8;
        q = q < 0 ? 0 : q > 15 ? 15 : q;
        code[k / 2] |= (uint8_t)(k % 2 ? q << 4 : q);
        memcpy(scales + 2 * g, &h, 2);
    }
}

/* The query as the codec takes it: int8 a group, or as it is. */
static void slow_query(const float *q, uint32_t dim, uint32_t group, bool f32, double *out)
{
    for (uint32_t k = 0; k < dim; k++) {
        uint32_t g = k / group, end = g * group + group < dim ? g * group + group : dim;
        float most = 0, s;

        for (uint32_t i = g * group; i < end; i++)
            most = fmaxf(most, fabsf(q[i]));
        s = most / 127;
        out[k] = f32 ? (double)q[k] : s > 0 ? (double)s * lrintf(q[k] / s) : 0;
    }
}

static void check_keys(struct codec *c, const float *q, size_t nq, const uint8_t *code,
                       const float *back, size_t n, enum vec_metric m)
{
    bool f32 = c->spec.word[0] != 0;
    size_t bytes = (c->spec.kind->query_bytes(c) + 63) / 64 * 64;
    struct codec_list l;
    struct err e = {0};
    float *key = malloc((nq * n + 1) * sizeof *key);
    double *slow = malloc(c->dim * sizeof *slow);
    uint8_t *space = codec_array(nq, bytes, &e);
    const void *query[64];

    for (size_t j = 0; j < nq; j++) {
        query[j] = space + j * bytes;
        c->spec.kind->query_init(c, m, q + j * c->dim, space + j * bytes);
    }
    T_CHECK(codec_list_init(&l, c, code, n, 1, &e) == 0);
    codec_list_scan(c, &l, query, nq, key, NULL);
    for (size_t j = 0; j < nq; j++) {
        slow_query(q + j * c->dim, c->dim, c->spec.a, f32, slow);
        for (size_t i = 0; i < n; i++) {
            double dot = 0, size = 0, want, norm = vec_norm2(back + i * c->dim, c->dim);

            for (uint32_t k = 0; k < c->dim; k++) {
                dot += slow[k] * (double)back[i * c->dim + k];
                size += fabs(slow[k] * (double)back[i * c->dim + k]);
            }
            want = m == VEC_L2 ? vec_norm2(q + j * c->dim, c->dim) + norm - 2 * dot : -dot;
            size += m == VEC_L2 ? norm + vec_norm2(q + j * c->dim, c->dim) : 0;
            T_CHECKF(fabs((double)key[j * n + i] - want) <= 1e-5 * size + 1e-37,
                     "%s dim %u query %zu row %zu: %g, not %g", c->spec.text, c->dim, j, i,
                     (double)key[j * n + i], want);
        }
    }
    codec_list_free(&l);
    free(key);
    free(slow);
    free(space);
}

/* The same keys to the bit on every level. */
static void check_levels(const char *spec, const float *x, size_t n, uint32_t dim, const float *q,
                         const uint8_t *code)
{
    float *first = malloc((n + 1) * 9 * sizeof *first), *key = malloc((n + 1) * 9 * sizeof *key);
    struct err e = {0};

    for (enum cpu_level cpu = CPU_PORTABLE; cpu <= cpu_detect(); cpu++) {
        struct codec_train t = {.x = x, .n = n, .threads = 1};
        struct codec *c;
        struct codec_list l;
        const void *query[9];
        uint8_t *space;
        size_t bytes;

        T_CHECK(codec_train(&c, spec, dim, cpu, &t, &e) == 0);
        bytes = (c->spec.kind->query_bytes(c) + 63) / 64 * 64;
        space = codec_array(9, bytes, &e);
        for (size_t j = 0; j < 9; j++) {
            query[j] = space + j * bytes;
            c->spec.kind->query_init(c, j % 2 ? VEC_L2 : VEC_IP, q + j * dim, space + j * bytes);
        }
        T_CHECK(codec_list_init(&l, c, code, n, 1, &e) == 0);
        for (size_t nq = 1; nq <= 9; nq++) {
            memset(key, 0xff, (n + 1) * 9 * sizeof *key);
            codec_list_scan(c, &l, query, nq, key, NULL);
            if (cpu == CPU_PORTABLE && nq == 1)
                memset(first, 0, (n + 1) * 9 * sizeof *first);
            if (cpu == CPU_PORTABLE && nq == 9)
                memcpy(first, key, n * 9 * sizeof *key);
            if (cpu != CPU_PORTABLE)
                T_CHECKF(memcmp(first, key, n * nq * sizeof *key) == 0, "%s dim %u nq %zu level %s",
                         spec, dim, nq, cpu_name(cpu));
        }
        codec_list_free(&l);
        free(space);
        codec_free(c);
    }
    free(first);
    free(key);
}

static void check(const char *spec, size_t n, uint32_t dim)
{
    float *x = malloc((n + 1) * dim * sizeof *x), *q = malloc(9 * dim * sizeof *q);
    float *back = malloc((n + 1) * dim * sizeof *back);
    struct codec_train t = {.x = x, .n = n, .threads = 1};
    struct err e = {0};
    struct codec *c;
    uint8_t *code, *slow;

    fill(x, n, dim);
    for (size_t i = 0; i < 9 * dim; i++)
        q[i] = i / dim == 3 ? 0 : (float)(unit() * 4 - 2);
    T_CHECKF(codec_train(&c, spec, dim, cpu_detect(), &t, &e) == 0, "%s", e.msg);
    code = malloc((n + 1) * c->code_bytes);
    slow = malloc(c->code_bytes);
    T_CHECK(codec_encode(c, x, n, code, 2, &e) == 0 && codec_decode(c, code, n, back, 2, &e) == 0);
    for (size_t i = 0; i < n; i++) {
        slow_encode(x + i * dim, dim, c->spec.a, slow);
        T_CHECKF(memcmp(slow, code + i * c->code_bytes, c->code_bytes) == 0, "%s dim %u row %zu",
                 spec, dim, i);
        for (uint32_t k = 0; k < dim; k++) {
            uint32_t g = k / c->spec.a;
            float s, v = back[i * dim + k];
            uint16_t h;

            memcpy(&h, slow + (dim + 1) / 2 + 2 * g, 2);
            s = bf16_value(h);
            T_CHECKF(v == (float)((slow[k / 2] >> 4 * (k % 2) & 15) - 8) * s, "row %zu", i);
            T_CHECKF(fabsf(v - x[i * dim + k]) <= 0.56f * s + 1e-38f, "%s row %zu: %g for %g", spec,
                     i, (double)v, (double)x[i * dim + k]);
        }
    }
    check_keys(c, q, 1, code, back, n, VEC_IP);
    check_keys(c, q, 9, code, back, n, VEC_L2);
    check_levels(spec, x, n, dim, q, code);
    codec_free(c);
    free(x);
    free(q);
    free(back);
    free(code);
    free(slow);
}

static void check_refused(const char *spec)
{
    float x[24] = {0};
    struct codec_train t = {.x = x, .n = 1, .threads = 1};
    struct err e = {0};
    struct codec *c = NULL;

    T_CHECKF(codec_train(&c, spec, 24, CPU_PORTABLE, &t, &e) == ERR_USAGE && !c && e.msg[0], "%s",
             spec);
}

int main(void)
{
    static const uint32_t dims[] = {1, 2, 3, 7, 8, 24, 100, 129, 300};
    static const char *const specs[] = {"w4g4",   "w4g8:f32", "w4g12",
                                        "w4g100", "w4g128",   "w4g128:f32"};
    static const size_t rows[] = {1, 31, 32, 33, 70};

    for (size_t d = 0; d < sizeof dims / sizeof *dims; d++)
        for (size_t s = 0; s < sizeof specs / sizeof *specs; s++)
            check(specs[s], rows[(d + s) % 5], dims[d]);
    check("w4g8", 1100, 24);
    check_refused("w4g");
    check_refused("w4g0");
    check_refused("w4g6");
    check_refused("w4g8192");
    check_refused("w4g8x2");
    check_refused("w4g8:i8");
    check_refused("w4g8+sq8");
    return t_done("prop_w4");
}
