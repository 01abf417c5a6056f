/* prop_sq.c - sq8 and sq4 against their formulas, one component at a time: codes and decoded
 * vectors bit for bit, keys within what weights of 16 and 8 bits may lose. All levels, threads and
 * lengths of lists give the same bits.
 */
#include "scalar_data.h"

struct ref {
    float most;
    uint32_t dim;
    float *low, *step;
};

static struct ref ref_of(const char *spec, const float *x, size_t n, uint32_t dim)
{
    struct ref r = {spec[2] == '8' ? 255 : 15, dim, data_need(malloc(dim * sizeof(float))),
                    data_need(malloc(dim * sizeof(float)))};

    for (uint32_t k = 0; k < dim; k++) {
        float low = INFINITY, high = -INFINITY;

        for (size_t i = 0; i < n; i++) {
            low = fminf(low, x[i * dim + k]);
            high = fmaxf(high, x[i * dim + k]);
        }
        r.low[k] = low;
        r.step[k] = (float)(((double)high - (double)low) / (double)r.most);
    }
    return r;
}

static void ref_free(struct ref *r)
{
    free(r->low);
    free(r->step);
}

static unsigned ref_cell(const struct ref *r, uint32_t k, float x)
{
    float at = r->step[k] > 0 ? (x - r->low[k]) / r->step[k] : 0;

    return (unsigned)lrintf(at < 0 ? 0 : at > r->most ? r->most : at);
}

static void check_codes(const struct ref *r, const struct codec *c, const float *x, size_t n)
{
    uint8_t *code = codes_of(c, x, n, 1);
    float *back = data_need(malloc(n * r->dim * sizeof *back));
    size_t wrong = 0, off = 0, ends = 0;
    struct err e = {0};

    T_CHECK(c->code_bytes == (r->most > 15 ? r->dim : (r->dim + 1) / 2));
    T_CHECK(codec_decode(c, code, n, back, 1, &e) == 0);
    for (size_t i = 0; i < n; i++) {
        const uint8_t *p = code + i * c->code_bytes;

        for (uint32_t k = 0; k < r->dim; k++) {
            unsigned cell = ref_cell(r, k, x[i * r->dim + k]);
            float value = r->low[k] + r->step[k] * (float)cell;

            wrong += cell != (r->most > 15 ? p[k] : k % 2 ? p[k / 2] >> 4 : p[k / 2] & 15U);
            off += memcmp(&value, &back[i * r->dim + k], 4) != 0;
        }
        ends += r->most < 16 && r->dim % 2 && p[r->dim / 2] > 15;
    }
    T_CHECKF(wrong == 0 && off == 0 && ends == 0, "%s, d = %u: %zu cells, %zu values, %zu ends",
             c->spec.text, r->dim, wrong, off, ends);
    free(code);
    free(back);
}

/* The key of the decoded vector, and what the integer weights may lose of it. */
static double ref_key(const struct ref *r, const float *x, const float *q, enum vec_metric m,
                      double *lose)
{
    double sum = 0, largest = 0, sizes = 0, away = 0, size = 0;

    for (uint32_t k = 0; k < r->dim; k++) {
        unsigned cell = ref_cell(r, k, x[k]);
        double step = (double)r->step[k], middle = (double)r->low[k] + step * (double)r->most / 2;
        double v = (double)r->low[k] + step * cell, a = (double)q[k], off = v - middle;

        sum += m == VEC_L2 ? (a - v) * (a - v) : -a * v;
        size += m == VEC_L2 ? (a - middle) * (a - middle) + off * off : fabs(a) * fabs(middle);
        a = fabs(m == VEC_L2 ? a - middle : a) * step;
        largest = fmax(largest, a);
        sizes += a;
        away += fabs(cell - (double)r->most / 2);
    }
    *lose = r->most < 16 ? largest / 127 : fmax(largest / 32639, sizes / 8e6);
    *lose *= (m == VEC_L2 ? 1 : 0.5) * away * 1.0001;
    *lose += 2e-6 * (size + sizes * (double)r->most) + 1e-36;
    return sum;
}

static void check_keys(const struct ref *r, const struct codec *c, const float *x, size_t n,
                       const float *q, enum vec_metric m)
{
    uint8_t *code = codes_of(c, x, n, 1);
    float *key = keys_of(c, m, q, QUERIES, code, n);

    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < QUERIES; j++) {
            double lose, want = ref_key(r, x + i * r->dim, q + j * r->dim, m, &lose);

            T_CHECKF(fabs((double)key[j * n + i] - want) <= lose,
                     "%s, d = %u, %d: key %zu, %zu is %g, not %g (%g)", c->spec.text, r->dim, m, j,
                     i, (double)key[j * n + i], want, lose);
        }
    free(code);
    free(key);
}

/* Some of the vectors lie outside the ranges. */
static float *strayed(const float *x, uint32_t dim)
{
    float *out = data_need(malloc((size_t)ROWS * dim * sizeof *out));

    memcpy(out, x, (size_t)ROWS * dim * sizeof *out);
    for (uint32_t k = 0; k < dim; k++) {
        out[7 * dim + k] *= 3;
        out[8 * dim + k] = k % 2 ? 3e38F : -3e38F;
    }
    return out;
}

static void check_one(const char *spec, uint32_t dim, enum data_kind kind)
{
    struct scalar_case s = scalar_make(spec, dim, kind);
    struct ref r = ref_of(spec, s.x, ROWS, dim);
    float *x = strayed(s.x, dim);

    check_codes(&r, s.c, x, ROWS);
    check_keys(&r, s.c, x, ROWS, s.q, VEC_L2);
    check_keys(&r, s.c, x, ROWS, s.q, VEC_IP);
    T_CHECK(!s.c->spec.kind->bounds);
    free(x);
    ref_free(&r);
    scalar_end(&s);
}

/* Ranges as wide and as narrow as f32 has them; wider ones are refused. */
static void check_extremes(const char *spec)
{
    float x[] = {-1.7e38F, 1e-44F, 1e30F, 0, 1.7e38F, 3e-44F, -1e30F, -0.0F, 1, 2e-44F, 1, 0};
    float wide[] = {1, -1.8e38F, 2, 1.8e38F};
    struct codec_train t = {.x = wide, .n = 2};
    struct codec *none;
    struct err e = {0};
    struct codec *c = codec_of(spec, cpu_detect(), x, 3, 4, 1);
    struct ref r = ref_of(spec, x, 3, 4);

    check_codes(&r, c, x, 3);
    ref_free(&r);
    codec_free(c);
    T_CHECK(codec_train(&none, spec, 2, cpu_detect(), &t, &e) == ERR_INPUT &&
            strstr(e.msg, "component 1 "));
}

static void check_files(void)
{
    float *x = data_make(DATA_NORMAL, 30, 12), bad[12] = {1, 2, 3, 4, 5, NAN};
    struct codec *c = codec_of("sq4", cpu_detect(), x, 30, 12, 1);

    check_damage(c, "LOW0", bad, sizeof bad);
    check_damage(c, "STP0", bad, sizeof bad);
    bad[5] = -1;
    check_damage(c, "STP0", bad, sizeof bad);
    check_damage(c, "LOW0", x, 11 * sizeof *x);
    check_damage(c, "STP0", NULL, 0);
    check_truncated(c);
    codec_free(c);
    free(x);
}

int main(void)
{
    static const char *const bad[] = {"sq", "sq5", "sq8x8", "sq4:x", "sq8+sq8"};
    static const char *const specs[] = {"sq8", "sq4"};

    tmp_enter();
    for (size_t s = 0; s < 2; s++) {
        for (size_t i = 0; i < SCALAR_DIMS; i++)
            check_one(specs[s], scalar_dims[i], (enum data_kind)((i + s) % DATA_KINDS));
        for (int kind = 0; kind < DATA_KINDS; kind++)
            check_one(specs[s], 29, (enum data_kind)kind);
        check_extremes(specs[s]);
    }
    check_files();
    scalar_bad_specs(bad, sizeof bad / sizeof *bad);
    tmp_leave();
    return t_done("prop_sq");
}
