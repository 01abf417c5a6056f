/* prop_vec_ops.c - every kernel of every level against plain loops: exact where ops.h says exact,
 * within its bound where it says near. Rows stand at odd addresses and end where their page does.
 */
#include <math.h>
#include <sys/mman.h>

#include "base/rand.h"
#include "../unit/t.h"
#include "vec/ops.h"

enum { ROWS_MOST = 67, DIM_MOST = 2100 };

static const uint32_t dims[] = {1,  2,  3,  4,  5,  7,   8,   9,   15,  16,   17,   31,  33,
                                63, 64, 65, 77, 96, 100, 128, 130, 511, 1024, 1026, 2049};

/* nq columns as dots_f32() and dots_bytes() want them; to be freed. */
static void *dots_packed(const struct vec_ops *o, const void *cols, enum vec_type t, size_t nq,
                         uint32_t dim)
{
    void *packed = aligned_alloc(64, dots_size(t, nq, dim));

    if (!packed)
        exit(1);
    o->dots_pack(cols, t, nq, dim, packed);
    return packed;
}

/* Bytes that end right before a page that must not be touched. */
static unsigned char *guarded(size_t bytes)
{
    size_t page = 4096, whole = (bytes + page - 1) / page * page;
    unsigned char *p = mmap(NULL, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                            -1, 0);

    if (p == MAP_FAILED || mprotect(p + whole, page, PROT_NONE) < 0)
        exit(1);
    return p + whole - bytes;
}

static void release(unsigned char *p, size_t bytes)
{
    size_t page = 4096, whole = (bytes + page - 1) / page * page;

    munmap(p + bytes - whole, whole + page);
}

static float f32_at(const unsigned char *p, size_t k)
{
    float v;

    memcpy(&v, p + 4 * k, 4);
    return v;
}

static int32_t int_at(enum vec_type t, const unsigned char *p, size_t k)
{
    return t == VEC_U8 ? p[k] : (int8_t)p[k];
}

struct set {
    unsigned char *rows;
    size_t n, stride, bytes;
    uint32_t dim;
    float *cols; /* PANEL of them */
    unsigned char *bcols;
};

static struct set make_set(uint64_t *seed, uint32_t dim, size_t size, size_t n, size_t pad)
{
    struct set s = {.n = n, .dim = dim, .stride = dim * size + pad};

    s.bytes = n ? (n - 1) * s.stride + dim * size : 0;
    s.rows = guarded(s.bytes);
    s.cols = malloc(PANEL * dim * sizeof *s.cols);
    s.bcols = malloc((size_t)PANEL * dim);
    if (!s.cols || !s.bcols)
        exit(1);
    for (size_t i = 0; i < s.bytes; i++)
        s.rows[i] = (unsigned char)rand_u64(seed);
    for (size_t i = 0; i < PANEL * (size_t)dim; i++) {
        s.cols[i] = (float)rand_normal(seed);
        s.bcols[i] = (unsigned char)(rand_below(seed, 4) ? rand_u64(seed) : 128);
    }
    for (size_t i = 0; size == 4 && i < n; i++)
        for (size_t k = 0; k < dim; k++) {
            float v = (float)rand_normal(seed);
            memcpy(s.rows + i * s.stride + 4 * k, &v, 4);
        }
    return s;
}

static void free_set(struct set *s)
{
    release(s->rows, s->bytes);
    free(s->cols);
    free(s->bcols);
}

static double product(const struct set *s, size_t i, const float *col, double *size)
{
    double sum = 0, q = 0, x = 0;

    for (size_t k = 0; k < s->dim; k++) {
        double a = f32_at(s->rows + i * s->stride, k), b = (double)col[k];
        sum += a * b;
        x += a * a;
        q += b * b;
    }
    *size = sqrt(q * x);
    return sum;
}

static void check_tile_f32(const struct vec_ops *o, const struct set *s, size_t nc)
{
    static float out[(ROWS_MOST + 1) * PANEL];
    static float panel[DIM_MOST * PANEL] __attribute__((aligned(64)));
    size_t bad = 0;

    panel_pack_f32(s->cols, s->dim * sizeof(float), nc, s->dim, panel);
    out[s->n * PANEL] = 7;
    o->tile_f32(s->rows, s->stride, s->n, panel, s->dim, out);
    for (size_t i = 0; i < s->n; i++)
        for (size_t j = 0; j < PANEL; j++) {
            float want = 0;
            for (size_t k = 0; j < nc && k < s->dim; k++)
                want = fmaf(f32_at(s->rows + i * s->stride, k), s->cols[j * s->dim + k], want);
            bad += memcmp(&want, &out[i * PANEL + j], 4) != 0;
        }
    T_CHECKF(bad == 0 && out[s->n * PANEL] == 7, "%s dim %u n %zu: %zu", o->name, s->dim, s->n,
             bad);
}

static void check_tile_bytes(const struct vec_ops *o, const struct set *s, enum vec_type rt,
                             enum vec_type ct)
{
    static int32_t out[(ROWS_MOST + 1) * PANEL], first[ROWS_MOST], sum[ROWS_MOST], norm2[ROWS_MOST];
    static unsigned char panel[DIM_MOST * PANEL] __attribute__((aligned(64)));
    size_t bad = 0;

    panel_pack_bytes(s->bcols, s->dim, PANEL, s->dim, ops_panel_flip(rt, ct), panel);
    o->norms_bytes(s->rows, rt, s->stride, s->n, s->dim, sum, norm2);
    for (size_t i = 0; i < s->n; i++) {
        int32_t a = 0, b = 0;
        for (size_t k = 0; k < s->dim; k++) {
            a += int_at(rt, s->rows + i * s->stride, k);
            b += int_at(rt, s->rows + i * s->stride, k) * int_at(rt, s->rows + i * s->stride, k);
        }
        bad += a != sum[i] || b != norm2[i];
        first[i] = ops_tile_first(rt, ct, sum[i]);
    }
    T_CHECKF(bad == 0, "%s dim %u: sums", o->name, s->dim);
    out[s->n * PANEL] = 7;
    (rt == VEC_U8 ? o->tile_us : o->tile_su)(s->rows, s->stride, s->n, panel, s->dim,
                                             rt == ct ? first : NULL, out);
    for (size_t i = 0; i < s->n; i++)
        for (size_t j = 0; j < PANEL; j++) {
            int32_t want = 0;
            for (size_t k = 0; k < s->dim; k++)
                want += int_at(rt, s->rows + i * s->stride, k) *
                        int_at(ct, s->bcols + j * s->dim, k);
            bad += want != out[i * PANEL + j];
        }
    T_CHECKF(bad == 0 && out[s->n * PANEL] == 7, "%s dim %u n %zu %d %d: %zu", o->name, s->dim,
             s->n, rt, ct, bad);
}

static void check_dots_bytes(const struct vec_ops *o, const struct set *s, enum vec_type rt,
                             enum vec_type ct, size_t nq)
{
    static int32_t out[DOTS_MAX * (ROWS_MOST + 1)];
    size_t bad = 0, ldo = s->n + 1;
    void *packed = dots_packed(o, s->bcols, ct, nq, s->dim);

    for (size_t j = 0; j < nq; j++)
        out[j * ldo + s->n] = 7;
    o->dots_bytes(s->rows, rt, s->stride, s->n, packed, ct, nq, s->dim, out, ldo);
    free(packed);
    for (size_t j = 0; j < nq; j++) {
        for (size_t i = 0; i < s->n; i++) {
            int32_t want = 0;
            for (size_t k = 0; k < s->dim; k++)
                want += int_at(rt, s->rows + i * s->stride, k) *
                        int_at(ct, s->bcols + j * s->dim, k);
            bad += want != out[j * ldo + i];
        }
        bad += out[j * ldo + s->n] != 7;
    }
    T_CHECKF(bad == 0, "%s dim %u n %zu nq %zu %d %d: %zu", o->name, s->dim, s->n, nq, rt, ct, bad);
}

static void check_dots_f32(const struct vec_ops *o, const struct set *s, size_t nq)
{
    static float out[DOTS_MAX * ROWS_MOST], norm2[2][ROWS_MOST + 1];
    size_t bad = 0;
    double size;
    void *packed = dots_packed(o, s->cols, VEC_F32, nq, s->dim);

    norm2[0][s->n] = norm2[1][s->n] = 7;
    o->dots_f32(s->rows, s->stride, s->n, packed, nq, s->dim, out, s->n, norm2[0]);
    o->norms_f32(s->rows, s->stride, s->n, s->dim, norm2[1]);
    free(packed);
    for (size_t j = 0; j < nq; j++)
        for (size_t i = 0; i < s->n; i++) {
            double want = product(s, i, s->cols + j * s->dim, &size);
            bad += !(fabs(want - (double)out[j * s->n + i]) <= OPS_DOT_ERROR(s->dim) * size);
        }
    for (size_t i = 0; i < s->n; i++) {
        double want = 0;
        for (size_t k = 0; k < s->dim; k++)
            want += (double)f32_at(s->rows + i * s->stride, k) *
                    (double)f32_at(s->rows + i * s->stride, k);
        for (int way = 0; way < 2; way++)
            bad += !(fabs(want - (double)norm2[way][i]) <= OPS_DOT_ERROR(s->dim) * want);
    }
    bad += norm2[0][s->n] != 7 || norm2[1][s->n] != 7;
    T_CHECKF(bad == 0, "%s dim %u n %zu nq %zu: %zu", o->name, s->dim, s->n, nq, bad);
}

/* Sums in double: the same bits as the portable ones, and near the plain sum. */
static void check_f64(const struct vec_ops *o, const struct set *s)
{
    const struct vec_ops *plain = ops_for(CPU_PORTABLE);
    double size;

    for (size_t i = 0; i < s->n && i < 4; i++) {
        const unsigned char *row = s->rows + i * s->stride;
        double dot = o->dot_f64(row, s->cols, s->dim), l2 = o->l2_f64(row, s->cols, s->dim);
        double want = product(s, i, s->cols, &size), d = 0;
        for (size_t k = 0; k < s->dim; k++) {
            double x = (double)f32_at(row, k) - (double)s->cols[k];
            d += x * x;
        }
        T_CHECK(fabs(dot - want) <= 1e-12 * size && fabs(l2 - d) <= 1e-12 * d);
        T_CHECKF(dot == plain->dot_f64(row, s->cols, s->dim) &&
                     l2 == plain->l2_f64(row, s->cols, s->dim),
                 "%s dim %u", o->name, s->dim);
    }
}

static void check_conversions(const struct vec_ops *o, uint64_t *seed)
{
    for (size_t n = 0; n < 70; n++) {
        unsigned char *src = guarded(2 * n);
        float out[80], want[80];
        for (int t = VEC_F16; t <= VEC_I8; t++) {
            for (size_t i = 0; i < 2 * n; i++)
                src[i] = (unsigned char)rand_u64(seed);
            for (size_t i = 0; i < n; i++)
                src[2 * i + 1] &= 0xbf; /* f16: no infinity, no NaN */
            for (size_t i = 0; i < 80; i++)
                want[i] = out[i] = 5;
            vec_to_f32((enum vec_type)t, src, n, want);
            ops_to_f32(o, (enum vec_type)t, src, n, out);
            T_CHECKF(memcmp(want, out, sizeof want) == 0, "%s type %d n %zu", o->name, t, n);
        }
        release(src, 2 * n);
    }
}

/* Filters: small integers, so that all levels must agree; some NaN and infinities. */
static void check_filters(const struct vec_ops *o, uint64_t *seed)
{
    static float p[ROWS_MOST * PANEL], a[ROWS_MOST * PANEL], b[ROWS_MOST * PANEL];
    static int32_t pi[ROWS_MOST * PANEL];
    static struct ops_hit hits[ROWS_MOST * PANEL];
    float mul[PANEL], limit[PANEL];

    for (int round = 0; round < 60; round++) {
        size_t n = rand_below(seed, ROWS_MOST), found, bad = 0, line = rand_below(seed, 500);
        uint32_t got[ROWS_MOST] = {0};
        for (size_t i = 0; i < ROWS_MOST * PANEL; i++) {
            pi[i] = (int32_t)rand_below(seed, 100) - 50;
            p[i] = (float)pi[i];
            a[i] = (float)rand_below(seed, 4);
            b[i] = rand_below(seed, 30) ? (float)rand_below(seed, 9) : NAN;
        }
        for (size_t j = 0; j < PANEL; j++) {
            mul[j] = (float)rand_below(seed, 3) - 2;
            limit[j] = j % 9 == 8 ? INFINITY : -(float)rand_below(seed, 200);
        }
        for (int ints = 0; ints < 2; ints++) {
            memset(got, 0, sizeof got);
            found = ints ? o->tile_below_i32(pi, n, a, b, mul, limit, hits)
                         : o->tile_below_f32(p, n, a, b, mul, limit, hits);
            for (size_t h = 0; h < found; h++)
                got[hits[h].at] = hits[h].lanes;
            for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < PANEL; j++)
                    bad += (got[i] >> j & 1) !=
                           !(p[i * PANEL + j] * (mul[j] * a[i]) + b[i] > limit[j]);
            T_CHECKF(bad == 0, "%s tile %d", o->name, ints);
            memset(got, 0, sizeof got);
            found = ints ? o->line_below_i32(pi, line, a, b, mul[0], limit[0], hits)
                         : o->line_below_f32(p, line, a, b, mul[0], limit[0], hits);
            for (size_t h = 0; h < found; h++)
                got[hits[h].at / PANEL] = hits[h].lanes;
            for (size_t i = 0; i < line; i++)
                bad += (got[i / PANEL] >> i % PANEL & 1) !=
                       !(p[i] * (mul[0] * a[i]) + b[i] > limit[0]);
            if (line % PANEL)
                bad += got[line / PANEL] >> line % PANEL != 0;
            T_CHECKF(bad == 0, "%s line %d of %zu", o->name, ints, line);
        }
    }
}

/* What filters need of rows: the same bits on all levels. */
static void check_weights(const struct vec_ops *o, uint64_t *seed)
{
    enum { MOST = 200 };
    static const float odd_ones[] = {0, 0x1p-100f, 0x1p120f, 0x1p127f, INFINITY, NAN};
    float v[MOST], lo[MOST], step[MOST], out[MOST + 1];

    for (int round = 0; round < 200; round++) {
        size_t n = rand_below(seed, MOST) + 1, bad = 0;
        float k[4], most = 0;
        bool odd, want = round % 2;
        for (size_t i = 0; i < n; i++) {
            v[i] = (float)exp(60 * rand_normal(seed) / 6);
            lo[i] = (float)rand_normal(seed);
            step[i] = (float)rand_unit(seed);
        }
        if (want)
            v[rand_below(seed, n)] = odd_ones[rand_below(seed, 6)];
        for (size_t i = 0; i < n; i++)
            most = v[i] < 0x1p120f && v[i] > most ? v[i] : most;
        for (size_t i = 0; i < 4; i++)
            k[i] = (float)rand_normal(seed);
        T_CHECKF(o->longest(v, n, &odd) == most && odd == want, "%s longest of %zu", o->name, n);
        out[n] = 7;
        o->bounds(v, n, k[0], k[1], out);
        for (size_t i = 0; i < n; i++)
            bad += out[i] != v[i] * k[0] - k[1] && !isnan(v[i]);
        o->inverse_roots(v, n, out);
        for (size_t i = 0; i < n; i++)
            bad += out[i] != 1 / sqrtf(v[i]) && !isnan(v[i]);
        o->sketch_bounds(lo, step, v, n, k, out);
        for (size_t i = 0; i < n; i++) {
            float sum = v[i] * (v[i] * k[0] + k[1]) + (lo[i] * k[2] + step[i] * k[3]);
            bad += out[i] != sum && !isnan(sum);
        }
        T_CHECKF(bad == 0 && out[n] == 7, "%s weights of %zu: %zu", o->name, n, bad);
    }
}

/* One look at all products says which queries have any that pass. */
static void check_any_below(const struct vec_ops *o, uint64_t *seed)
{
    enum { MOST = 150 };
    static const float odd_ones[] = {0, 0x1p-100f, 0x1p120f, INFINITY, NAN};
    static float p[DOTS_MAX * MOST], a[MOST], norm2[MOST];

    for (int round = 0; round < 2000; round++) {
        size_t n = 1 + rand_below(seed, MOST), nq = 1 + rand_below(seed, DOTS_MAX);
        float mul[DOTS_MAX], limit[DOTS_MAX], by = (float)rand_below(seed, 3);
        bool roots = round % 2, odd = round % 8 == 0;
        uint32_t want = 0, got;
        for (size_t i = 0; i < n; i++) {
            a[i] = (float)(1 + rand_below(seed, 3));
            norm2[i] = (float)(1 + rand_below(seed, 9));
        }
        for (size_t q = 0; q < nq; q++) {
            mul[q] = -(float)(1 + rand_below(seed, 2));
            limit[q] = -(float)rand_below(seed, 700);
            for (size_t i = 0; i < n; i++)
                p[q * n + i] = rand_below(seed, 3000) ? (float)rand_below(seed, 100) : NAN;
        }
        if (odd)
            norm2[rand_below(seed, n)] = odd_ones[rand_below(seed, 5)];
        for (size_t i = 0; i < nq * n; i++) {
            float by_a = mul[i / n] * (roots ? a[i % n] : 1);
            want |= (uint32_t) !(p[i] * by_a + (by * norm2[i % n] - 5) > limit[i / n]) << i / n;
        }
        got = o->any_below(p, n, nq, norm2, roots ? a : NULL, by, 5, mul, limit);
        T_CHECKF(got == (odd ? ~0u : want), "%s any of %zu x %zu: %x, not %x", o->name, nq, n, got,
                 want);
    }
}

static void check_level(const struct vec_ops *o)
{
    uint64_t seed = 5;

    for (size_t d = 0; d < sizeof dims / sizeof *dims; d++) {
        size_t n = dims[d] > 200 ? 15 + d % 5 : rand_below(&seed, ROWS_MOST), pad = d % 3 * 5;
        struct set s = make_set(&seed, dims[d], 4, n, pad), b = make_set(&seed, dims[d], 1, n, pad);

        check_tile_f32(o, &s, 1 + rand_below(&seed, PANEL));
        check_f64(o, &s);
        for (size_t nq = 1; nq <= DOTS_MAX; nq += 1 + (dims[d] > 200) * 3)
            check_dots_f32(o, &s, nq);
        for (int t = 0; t < 4; t++) {
            enum vec_type rt = t & 1 ? VEC_U8 : VEC_I8, ct = t & 2 ? VEC_U8 : VEC_I8;
            check_tile_bytes(o, &b, rt, ct);
            for (size_t nq = 1; nq <= DOTS_MAX; nq += 1 + (dims[d] > 200) * 3)
                check_dots_bytes(o, &b, rt, ct, nq);
        }
        free_set(&s);
        free_set(&b);
    }
    check_conversions(o, &seed);
    check_filters(o, &seed);
    check_weights(o, &seed);
    check_any_below(o, &seed);
}

/* The most that 32 bits hold: all components at their ends. */
static void check_extremes(const struct vec_ops *o)
{
    enum { N = 3 };
    uint32_t dim = DOT_I32_DIM_MAX;
    unsigned char *rows = malloc((size_t)N * dim), *panel = aligned_alloc(64, panel_bytes(dim));
    int32_t sum[N], norm2[N], out[N * PANEL] = {0}, first[N], dots[N];
    void *packed;

    if (!rows || !panel)
        exit(1);
    for (int t = 0; t < 4; t++) {
        enum vec_type rt = t & 1 ? VEC_U8 : VEC_I8, ct = t & 2 ? VEC_U8 : VEC_I8;
        unsigned char end = rt == VEC_U8 ? 255 : 128, cend = ct == VEC_U8 ? 255 : 128;
        int64_t want = (int64_t)(rt == VEC_U8 ? 255 : -128) * (ct == VEC_U8 ? 255 : -128) * dim;
        memset(rows, cend, (size_t)N * dim);
        panel_pack_bytes(rows, dim, N, dim, ops_panel_flip(rt, ct), panel);
        packed = dots_packed(o, rows, ct, 1, dim);
        o->dots_bytes(rows, ct, dim, 1, packed, ct, 1, dim, dots, 1);
        free(packed);
        T_CHECK(dots[0] == (int64_t)(ct == VEC_U8 ? 255 * 255 : 128 * 128) * dim);
        memset(rows, end, (size_t)N * dim);
        o->norms_bytes(rows, rt, dim, N, dim, sum, norm2);
        for (int i = 0; i < N; i++)
            first[i] = ops_tile_first(rt, ct, sum[i]);
        (rt == VEC_U8 ? o->tile_us : o->tile_su)(rows, dim, N, panel, dim, first, out);
        T_CHECKF(out[0] == want && out[PANEL + 1] == want && out[2 * PANEL + 2] == want, "%s %d %d",
                 o->name, rt, ct);
    }
    free(rows);
    free(panel);
}

static void check_products(const struct vec_ops *o)
{
    enum { NA = 131, NB = 45, DIM = 37 };
    static float a[NA * DIM], b[NB * DIM], out[NA * (NB + 2)], want;
    uint64_t seed = 9;
    struct err e;

    for (size_t i = 0; i < NA * DIM; i++)
        a[i] = (float)rand_normal(&seed);
    for (size_t i = 0; i < NB * DIM; i++)
        b[i] = (float)rand_normal(&seed);
    for (int threads = 1; threads < 8; threads += 3) {
        size_t bad = 0;
        T_CHECK(vec_products(o, a, NA, b, NB, DIM, out, NB + 2, threads, &e) == 0);
        for (size_t i = 0; i < NA; i++)
            for (size_t j = 0; j < NB; j++) {
                want = 0;
                for (size_t k = 0; k < DIM; k++)
                    want = fmaf(a[i * DIM + k], b[j * DIM + k], want);
                bad += want != out[i * (NB + 2) + j];
            }
        T_CHECKF(bad == 0, "%s %d threads: %zu", o->name, threads, bad);
    }
}

int main(void)
{
    for (int l = CPU_PORTABLE; l <= (int)cpu_detect(); l++) {
        const struct vec_ops *o = ops_for((enum cpu_level)l);
        T_CHECK(strcmp(o->name, cpu_name((enum cpu_level)l)) == 0);
        check_level(o);
        check_extremes(o);
        check_products(o);
    }
    return t_done("vec_ops");
}
