/* prop_osq.c - osq against its formulas in double, from what its file says: cells hold what they
 * are said to, codes decode to their points, keys are distances of decoded vectors, and no lower
 * bound is above the true key, of near and of far vectors.
 */
#include "codec_data.h"

#include "vec/osq.h"

enum { DIM_MOST = 130 };

/* ---- training's parts ---- */

static void check_share(void)
{
    for (int round = 0; round < 200; round++) {
        uint32_t d = 1 + (uint32_t)(t_rand(&data_seed) % 40);
        uint64_t budget = t_rand(&data_seed) % (9 * d);
        double variance[40];
        uint8_t bit[40], want[40] = {0};

        for (uint32_t j = 0; j < d; j++)
            variance[j] = j > 0 && t_rand(&data_seed) % 4 == 0 ? variance[j - 1]
                          : t_rand(&data_seed) % 8 == 0        ? 0
                                                               : exp(3 * data_normal());
        for (uint32_t j = 1; j < d; j++) /* largest first */
            for (uint32_t k = j; k > 0 && variance[k] > variance[k - 1]; k--) {
                double v = variance[k];

                variance[k] = variance[k - 1];
                variance[k - 1] = v;
            }
        for (uint64_t b = 0; b < budget; b++) {
            uint32_t best = d;

            for (uint32_t j = 0; j < d; j++)
                if (want[j] < 8 && variance[j] > 0 &&
                    (best == d ||
                     variance[j] / pow(4, want[j]) > variance[best] / pow(4, want[best])))
                    best = j;
            if (best < d)
                want[best]++;
        }
        osq_share_bits(variance, d, budget, bit);
        T_CHECKF(data_same(bit, want, d), "d = %u, %d bits", d, (int)budget);
    }
}

static double line_error(const float *x, size_t n, const float *border, const float *point,
                         uint32_t cells)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        uint32_t k = 0;

        while (k + 1 < cells && border[k + 1] <= x[i])
            k++;
        sum += pow((double)x[i] - (double)point[k], 2);
    }
    return sum;
}

/* The error after 20 more rounds of Lloyd's. */
static double more_rounds(const float *x, size_t n, float *border, float *point, uint32_t cells)
{
    for (int round = 0; round < 20; round++) {
        size_t at = 0;

        for (uint32_t k = 1; k < cells; k++)
            border[k] = (point[k - 1] + point[k]) / 2;
        for (uint32_t k = 0; k < cells; k++) {
            double sum = 0;
            size_t from = at;

            for (; at < n && (k + 1 == cells || x[at] < border[k + 1]); at++)
                sum += (double)x[at];
            if (at > from)
                point[k] = (float)(sum / (double)(at - from));
        }
    }
    return line_error(x, n, border, point, cells);
}

/* Points are means of their cells, and no worse than even steps. */
static void check_line(enum data_kind kind, size_t n, unsigned bits)
{
    float *x = data_make(kind, n, 1), border[257], point[256], even[257], middle[256];
    uint32_t cells = 1u << bits;
    struct err e;
    double error;

    T_CHECK(osq_cells(x, n, bits, border, point, &e) == 0);
    for (size_t i = 1; i < n; i++)
        T_CHECK(x[i - 1] <= x[i]);
    T_CHECK(border[0] <= x[0] && border[cells] >= x[n - 1]);
    for (uint32_t k = 0; k < cells; k++) {
        double sum = 0;
        size_t count = 0;

        for (size_t i = 0; i < n; i++)
            if ((k == 0 || x[i] >= border[k]) && (k + 1 == cells || x[i] < border[k + 1])) {
                sum += (double)x[i];
                count++;
            }
        T_CHECK(border[k] <= border[k + 1]);
        T_CHECKF(border[k] <= point[k] && point[k] <= border[k + 1], "cell %u of %u", k, cells);
        if (count > 0)
            T_CHECKF(fabs(sum / (double)count - (double)point[k]) <=
                         1e-5 * fabs((double)point[k]) + 1e-6,
                     "cell %u of %u", k, cells);
    }
    for (uint32_t k = 0; k <= cells; k++)
        even[k] = x[0] + (x[n - 1] - x[0]) * (float)k / (float)cells;
    for (uint32_t k = 0; k < cells; k++)
        middle[k] = (even[k] + even[k + 1]) / 2;
    T_CHECKF(line_error(x, n, border, point, cells) <=
                 1.02 * line_error(x, n, even, middle, cells) + 1e-6,
             "kind %d, %zu values, %u bits: %g, even steps %g", kind, n, bits,
             line_error(x, n, border, point, cells), line_error(x, n, even, middle, cells));
    error = line_error(x, n, border, point, cells);
    T_CHECKF(error <= 1.01 * more_rounds(x, n, border, point, cells) + 1e-6,
             "kind %d, %zu values, %u bits", kind, n, bits);
    free(x);
}

/* ---- what a codec's file says ---- */

struct oracle {
    struct sect_file *f;
    uint32_t d, active, classes;
    size_t borders, points;
    const float *mean, *turn, *weight, *first, *border, *point, *radius;
    const uint8_t *bit;
};

static const void *section(const struct oracle *o, const char *id, size_t n, size_t size)
{
    const void *p = NULL;
    struct err e = {0};

    T_CHECKF(sect_need(o->f, id, n, size, &p, &e) == 0, "%s", e.msg);
    return data_need((void *)(uintptr_t)p);
}

static struct oracle oracle_of(const struct codec *c)
{
    static const char kind[4] = {'v', 'c', 'o', 'd'};
    struct oracle o = {.d = c->dim, .classes = 1};
    struct err e = {0};
    uint64_t len;

    T_CHECK(codec_save(c, "oracle", &e) == 0 && sect_open(&o.f, "oracle", kind, 1, &e) == 0);
    o.bit = section(&o, "BIT0", o.d, 1);
    for (uint32_t j = 0; j < o.d && o.bit[j]; j++) {
        o.active++;
        o.points += (size_t)1 << o.bit[j];
    }
    o.borders = o.points + o.active;
    o.first = sect_get(o.f, "CLS0", &len);
    o.classes += (uint32_t)(len / 4);
    o.mean = section(&o, "MEA0", o.d, 4);
    if (o.active > 0) {
        o.turn = section(&o, "ROT0", (size_t)o.active * o.d, 4);
        o.weight = section(&o, "WGT0", o.active, 4);
        o.border = section(&o, "BRD0", o.classes * o.borders, 4);
        o.point = section(&o, "PNT0", o.classes * o.points, 4);
    }
    o.radius = section(&o, "RAD0", 2, 4);
    return o;
}

static void turned(const struct oracle *o, const float *x, bool centred, double *z)
{
    for (uint32_t j = 0; j < o->active; j++) {
        z[j] = 0;
        for (uint32_t i = 0; i < o->d; i++)
            z[j] += (double)o->turn[j * o->d + i] *
                    ((double)x[i] - (centred ? (double)o->mean[i] : 0));
    }
}

static unsigned bits_at(const uint8_t *code, size_t at, unsigned n)
{
    unsigned v = 0;

    for (size_t b = at; b < at + n; b++)
        v = 2 * v + (code[b / 8] >> (7 - b % 8) & 1);
    return v;
}

/* A code taken apart. */
struct parts {
    unsigned class, cell[DIM_MOST];
    bool outside;
    const float *low[DIM_MOST], *point[DIM_MOST]; /* low[j][0], [1]: borders of the cell */
};

static struct parts parts_of(const struct codec *c, const struct oracle *o, const uint8_t *code)
{
    struct parts p = {.outside = code[c->code_bytes - 1] & 1};
    size_t at = o->classes > 1 ? 2 : 0, border, point;

    p.class = bits_at(code, 0, (unsigned)at);
    border = p.class * o->borders;
    point = p.class * o->points;
    for (uint32_t j = 0; j < o->active; j++) {
        p.cell[j] = bits_at(code, at, o->bit[j]);
        p.low[j] = o->border + border + p.cell[j];
        p.point[j] = o->point + point + p.cell[j];
        at += o->bit[j];
        point += (size_t)1 << o->bit[j];
        border += ((size_t)1 << o->bit[j]) + 1;
    }
    T_CHECK(at <= (size_t)8 * c->code_bytes - 1 && at <= (size_t)o->d * c->spec.a);
    for (; at < (size_t)8 * c->code_bytes - 1; at++)
        T_CHECK(bits_at(code, at, 1) == 0);
    return p;
}

static void check_code(const struct codec *c, const struct oracle *o, const float *x,
                       const uint8_t *code, const float *back)
{
    struct parts p = parts_of(c, o, code);
    double z[DIM_MOST], energy = 0, scale = 0;
    bool outside = false, near = false;

    turned(o, x, true, z);
    for (uint32_t i = 0; i < o->d; i++)
        scale += pow((double)x[i] - (double)o->mean[i], 2);
    scale = 1e-5 * sqrt(scale);
    for (uint32_t j = 0; j < o->active; j++) {
        unsigned last = (1u << o->bit[j]) - 1;
        const float *all = p.low[j] - p.cell[j];

        energy += z[j] * z[j] * (double)o->weight[j];
        T_CHECK(p.cell[j] == 0 || z[j] >= (double)p.low[j][0] - scale);
        T_CHECK(p.cell[j] == last || z[j] <= (double)p.low[j][1] + scale);
        outside |= z[j] < (double)all[0] - scale || z[j] > (double)all[last + 1] + scale;
        near |= z[j] < (double)all[0] + scale || z[j] > (double)all[last + 1] - scale;
    }
    T_CHECK(p.outside || !outside);
    near |= scale * 1e5 > 0.99 * (double)o->radius[0];
    T_CHECK(!p.outside || near || o->active < o->d);
    for (uint32_t k = 1; k < o->classes; k++)
        T_CHECK(fabs(energy - (double)o->first[k - 1]) < 1e-4 * energy ||
                (energy >= (double)o->first[k - 1]) == (p.class >= k));
    for (uint32_t i = 0; i < o->d; i++) {
        double want = (double)o->mean[i], size = fabs(want);

        for (uint32_t j = 0; j < o->active; j++) {
            double part = (double)o->turn[j * o->d + i] * (double)*p.point[j];

            want += part;
            size += fabs(part);
        }
        T_CHECKF(fabs((double)back[i] - want) <= 1e-5 * size, "%g, should be %g", (double)back[i],
                 want);
    }
}

/* The bound without room for rounding. */
static double plain_low(const struct oracle *o, enum vec_metric m, const float *q,
                        const struct parts *p)
{
    double z[DIM_MOST], sum = 0, rest = 0;

    turned(o, q, m == VEC_L2, z);
    for (uint32_t i = 0; m == VEC_IP && i < o->d; i++) {
        sum -= (double)q[i] * (double)o->mean[i];
        rest += (double)q[i] * (double)q[i];
    }
    for (uint32_t j = 0; j < o->active; j++) {
        unsigned last = (1u << o->bit[j]) - 1;
        double low = (double)p->low[j][0], high = (double)p->low[j][1];

        if (m == VEC_IP) {
            sum -= fmax(z[j] * low, z[j] * high);
            rest -= z[j] * z[j];
        } else if (p->cell[j] > 0 && z[j] < low) {
            sum += pow(low - z[j], 2);
        } else if (p->cell[j] < last && z[j] > high) {
            sum += pow(z[j] - high, 2);
        }
    }
    return m == VEC_IP ? sum - sqrt(fmax(0, rest)) * (double)o->radius[1] : sum;
}

/* Keys and bounds of all pairs. */
static size_t check_pairs(const struct codec *c, const struct oracle *o, enum vec_metric m,
                          const float *x, size_t n, const uint8_t *code, const float *back,
                          const float *q, size_t nq, bool formulas)
{
    float *key = keys_of(c, m, q, nq, code, n);
    size_t above = 0;

    for (size_t i = 0; i < n * nq; i++) {
        const float *a = x + i % n * c->dim, *b = q + i / n * c->dim;
        double truth = data_key(m, a, b, c->dim), low = (double)key[n * nq + i], want, size, room;
        struct parts p;

        above += !(low <= truth);
        if (!formulas)
            continue;
        want = data_key(m, back + i % n * c->dim, b, c->dim);
        size = data_dot(a, a, c->dim) + data_dot(b, b, c->dim) +
               data_dot(back + i % n * c->dim, back + i % n * c->dim, c->dim);
        T_CHECKF(fabs((double)key[i] - want) <= 1e-5 * size, "key %g, should be %g", (double)key[i],
                 want);
        room = m == VEC_IP ? 0.02 * (double)o->radius[0] * sqrt(data_dot(b, b, c->dim)) : 0;
        p = parts_of(c, o, code + i % n * c->code_bytes);
        want = plain_low(o, m, b, &p);
        if (m == VEC_IP && p.outside)
            T_CHECK(low < -1e30);
        else
            T_CHECKF(low <= want + 1e-6 * size && low >= want - 0.01 * size - room,
                     "low %g, about %g", low, want);
    }
    T_CHECKF(above == 0, "%s, d = %u, metric %d: %zu bounds above", c->spec.text, c->dim, m, above);
    free(key);
    return n * nq;
}

static size_t check_formulas(const char *spec, uint32_t d, enum data_kind kind, size_t sample)
{
    enum { N = 300, Q = 20 };
    float *x = data_make(kind, sample + N, d), *q = data_make(kind, Q, d), *back, *y;
    struct codec *c = codec_of(spec, cpu_detect(), x, sample, d, 2);
    struct oracle o = oracle_of(c);
    struct err e = {0};
    uint8_t *code;
    size_t pairs = 0;

    for (uint32_t j = 0; j < o.active; j++)
        for (uint32_t k = 0; k <= j; k++)
            T_CHECK(fabs(data_dot(o.turn + j * d, o.turn + k * d, d) - (j == k)) < 1e-5);
    y = x + sample * d; /* not in the sample */
    memcpy(y, x, 50 * d * sizeof *x);
    for (uint32_t j = 0; j < d; j++) {
        y[60 * d + j] = o.mean[j];
        y[61 * d + j] *= 1000;
        y[62 * d + j] = 1e6F * (float)(j == 0);
        y[63 * d + j] = q[j];
        q[(Q - 1) * d + j] *= 300;
        q[(Q - 2) * d + j] = o.mean[j];
    }
    code = codes_of(c, y, N, 1);
    back = data_need(malloc(N * d * sizeof *back));
    T_CHECK(codec_decode(c, code, N, back, 1, &e) == 0);
    for (size_t i = 0; i < N; i++)
        check_code(c, &o, y + i * d, code + i * c->code_bytes, back + i * d);
    for (int m = 0; m < 2; m++)
        pairs += check_pairs(c, &o, m ? VEC_IP : VEC_L2, y, N, code, back, q, Q, true);
    sect_close(o.f);
    free(code);
    free(back);
    codec_free(c);
    free(x);
    free(q);
    return pairs;
}

/* Many pairs, bounds only. */
static size_t check_bounds(const char *spec, uint32_t d, enum data_kind kind)
{
    enum { N = 6000, Q = 30 };
    float *x = data_make(kind, N, d), *q = data_make(kind, Q, d);
    struct codec *c = codec_of(spec, cpu_detect(), x, N, d, 2);
    uint8_t *code = codes_of(c, x, N, 2);
    size_t pairs;

    memcpy(q, x, Q / 2 * d * sizeof *x);
    for (uint32_t j = 0; j < d; j++) /* one next to a vector */
        q[j] += 1e-4F * (float)data_normal();
    pairs = check_pairs(c, NULL, VEC_L2, x, N, code, NULL, q, Q, false);
    pairs += check_pairs(c, NULL, VEC_IP, x, N, code, NULL, q, Q, false);
    free(code);
    codec_free(c);
    free(x);
    free(q);
    return pairs;
}

/* With a query not so near: products of 128 components may be off by 2^-24 of the whole each, so
 * that a bound that counts on less is wrong, even if no pair shows it. */
static void check_room(const struct codec *c, const struct oracle *o, const float *far,
                       const uint8_t *code, const struct parts *p)
{
    float q[DIM_MOST], *key;
    double norm = 0, room, low;

    for (uint32_t j = 0; j < c->dim; j++) {
        q[j] = far[j] + 30 * (float)data_normal();
        norm += pow((double)q[j] - (double)o->mean[j], 2);
    }
    key = keys_of(c, VEC_L2, q, 1, code, 1);
    room = 2 * 128 * 0x1p-24 * sqrt(o->active * norm);
    low = fmax(0, sqrt(plain_low(o, VEC_L2, q, p)) - room);
    T_CHECKF((double)key[1] <= low * low, "low %g, at most %g", (double)key[1], low * low);
    T_CHECKF(key[1] > 0, "with room %g no bound is left", room);
    free(key);
}

/* Vectors and queries that differ in the last bit of one component, and are so far from the mean
 * that the rounding of products is more than there is between them. */
static void check_far(void)
{
    enum { N = 1500, D = 128, S = 3000 };
    static float y[N * D], q[N * D];
    float *x = data_make(DATA_NORMAL, S, D), *key;
    struct codec *c;
    struct oracle o;
    uint8_t *code;
    size_t apart = 0;

    for (size_t i = 0; i < S; i++) { /* one direction with much variance, of all components */
        float long_way = 3 * (float)data_normal();

        for (uint32_t j = 0; j < D; j++)
            x[i * D + j] += j % 2 ? long_way : -long_way;
    }
    c = codec_of("osq6", cpu_detect(), x, S, D, 1);
    o = oracle_of(c);
    for (size_t i = 0; i < N; i++) {
        for (uint32_t j = 0; j < D; j++)
            q[i * D + j] = y[i * D + j] = x[i * D + j] + 1e5F * o.turn[j];
        q[i * D + i % D] = nextafterf(q[i * D + i % D], 0);
    }
    code = codes_of(c, y, N, 1);
    for (size_t i = 0; i < N; i++) {
        struct parts p = parts_of(c, &o, code + i * c->code_bytes);

        key = keys_of(c, VEC_L2, q + i * D, 1, code + i * c->code_bytes, 1);
        apart += plain_low(&o, VEC_L2, q + i * D, &p) > data_l2(y + i * D, q + i * D, D);
        T_CHECKF((double)key[1] <= data_l2(y + i * D, q + i * D, D), "%g", (double)key[1]);
        free(key);
        check_room(c, &o, q + i * D, code + i * c->code_bytes, &p);
    }
    T_CHECKF(apart > N / 20, "%zu pairs test anything", apart);
    sect_close(o.f);
    free(code);
    codec_free(c);
    free(x);
}

/* A vector that is long only where there are no bits is marked. */
static void check_rest(void)
{
    enum { D = 60, S = 500 };
    float *x = data_make(DATA_DECAY, S, D);
    struct codec *c = codec_of("osq1", cpu_detect(), x, S, D, 1);
    struct oracle o = oracle_of(c);
    double z[DIM_MOST], norm = 0;
    uint8_t *code;

    T_CHECK(o.active < D && o.radius[1] < 0.8F * o.radius[0]);
    turned(&o, x, true, z);
    for (uint32_t i = 0; i < D; i++) {
        double rest = (double)x[i] - (double)o.mean[i];

        for (uint32_t j = 0; j < o.active; j++)
            rest -= z[j] * (double)o.turn[j * D + i];
        x[D + i] = (float)rest;
        norm += rest * rest;
    }
    for (uint32_t i = 0; i < D; i++)
        x[D + i] = o.mean[i] + x[D + i] * (float)(0.9 * (double)o.radius[0] / sqrt(norm));
    code = codes_of(c, x, 2, 1);
    T_CHECK(!(code[c->code_bytes - 1] & 1) && code[2 * c->code_bytes - 1] & 1);
    sect_close(o.f);
    free(code);
    codec_free(c);
    free(x);
}

static void check_same_everywhere(void)
{
    static const uint32_t dims[] = {1, 3, 8, 33, 64, 100};
    enum { N = 5000, Q = 5 };

    for (int i = 0; i < 8; i++) {
        uint32_t d = dims[i % 6];
        float *x = data_make(i % DATA_KINDS, N, d), *q = data_make(i % DATA_KINDS, Q, d);
        char spec[8];
        struct codec *c;

        snprintf(spec, sizeof spec, "osq%d", 1 + i);
        check_levels(spec, x, i == 4 ? N : 200, d, q, Q);
        c = codec_of(spec, cpu_detect(), x, N, d, 1);
        check_lists(c, x, 1, q, 1);
        check_lists(c, x, 1023, q, 2);
        check_lists(c, x, 1200, q, Q);
        codec_free(c);
        free(x);
        free(q);
    }
}

static void check_files(void)
{
    float *x = data_make(DATA_DECAY, 4096, 64), bad[4096] = {1, 0};
    struct codec *c = codec_of("osq4", cpu_detect(), x, 4096, 64, 1);
    static const char *const ids[] = {"MEA0", "BIT0", "ROT0", "WGT0",
                                      "CLS0", "BRD0", "PNT0", "RAD0"};
    uint8_t bits[64] = {3, 4}, many[64];

    memset(many, 8, sizeof many);
    check_damage(c, "BIT0", bits, sizeof bits);
    check_damage(c, "BIT0", many, sizeof many);
    check_damage(c, "BRD0", bad, sizeof bad);
    bad[0] = NAN;
    check_damage(c, "CLS0", bad, 3 * sizeof *bad);
    check_damage(c, "MEA0", bad, 64 * sizeof *bad);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        check_damage(c, ids[i], NULL, 0);
        check_damage(c, ids[i], bad, 2 * sizeof *bad + 1);
    }
    check_truncated(c);
    codec_free(c);
    free(x);
}

static void check_refused(void)
{
    static const char *const bad[] = {"osq", "osq0", "osq9", "osq4x2", "osq4:x", "osq4+sq8"};
    float huge[] = {0, 0, 3e38F, 3e38F};
    struct codec_train t = {.x = huge, .n = 2, .threads = 1};
    struct codec *c;
    struct err e;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        T_CHECKF(codec_train(&c, bad[i], 1, CPU_PORTABLE, &t, &e) == ERR_USAGE && !c, "%s", bad[i]);
    T_CHECK(codec_train(&c, "osq4", 8193, CPU_PORTABLE, &t, &e) == ERR_USAGE && !c);
    T_CHECK(codec_train(&c, "osq4", 2, CPU_PORTABLE, &t, &e) == ERR_INPUT && !c);
    t = (struct codec_train){.x = huge, .n = 1, .threads = 1};
    T_CHECK(codec_train(&c, "osq4", 2, CPU_PORTABLE, &t, &e) == 0);
    T_CHECK(codec_encode(c, huge + 2, 1, (uint8_t[4]){0}, 1, &e) == ERR_INPUT &&
            strstr(e.msg, "too far"));
    codec_free(c);
}

int main(void)
{
    static const uint32_t dims[] = {1, 2, 3, 17, 64, 100, 128};
    static const size_t sizes[] = {1, 2, 3, 50, 700, 5000};
    size_t pairs = 0;
    char spec[8];

    tmp_enter();
    check_share();
    for (unsigned bits = 1; bits <= 8; bits++)
        for (int kind = 0; kind < DATA_KINDS; kind++)
            check_line(kind, sizes[((unsigned)kind + bits) % 6], bits);
    for (unsigned i = 0; i < 21; i++) {
        snprintf(spec, sizeof spec, "osq%u", 1 + i % 8);
        pairs += check_formulas(spec, dims[i % 7], i * 5 % DATA_KINDS, i % 5 == 0 ? 5000 : 200);
    }
    for (int kind = 0; kind < DATA_KINDS; kind++) {
        pairs += check_bounds("osq4", 100, kind);
        pairs += check_bounds("osq2", 24, kind);
    }
    T_CHECKF(pairs >= 1000000, "%zu pairs", pairs);
    check_far();
    check_rest();
    check_same_everywhere();
    check_files();
    check_refused();
    tmp_leave();
    return t_done("prop_osq");
}
