/* ops_sums_avx512.h - the second half of ops_avx512.c: sums along the components, and filters.
 *
 * Strips: 1, 2, 4, 8 or 16 queries share the sixteen lanes of a vector, each with W = 16, 8, 4, 2
 * or 1 cells side by side, so that a step is W cells of a row, repeated across the lanes as they
 * are loaded, times one line of the strip:
 *
 *     line s of a strip of 4 queries: lane 4 j + c: cell 4 s + c of query j
 *
 * GROUP rows are under way, all at once but for one query. What a group leaves is turned, which
 * adds the W lanes of each query, and each query's sums of GROUP rows lie in one vector. The rows'
 * squares are summed in the same pass: the cells of 16 / W rows, each from W lanes of its vector,
 * make up one that is multiplied by itself, so squares take no loads and as few multiplications as
 * of whole lines. Rows are asked for ahead of time in the order of memory, evenly: else either
 * memory or the multipliers wait for the other.
 */
#ifndef VEC_OPS_SUMS_AVX512_H
#define VEC_OPS_SUMS_AVX512_H

enum {
    GROUP = 16,
    PIECE = 256,              /* bytes of rows that are copied at a time */
    NEAR_STRIDE = PIECE + 64, /* where they go */
    FOUR = 4,                 /* queries whose products are compared at once */
    WIDE = 4,                 /* cells: fewer, and rows are seldom asked for by the processor */
    AHEAD = 12288,            /* bytes behind the rows under way that are asked for */
    AHEAD_MOST = 256 << 10,   /* of the second-level cache */
};

static INLINE __m512i add(const enum kind kind, __m512i a, __m512i b)
{
    if (kind == F32)
        return _mm512_castps_si512(_mm512_add_ps(_mm512_castsi512_ps(a), _mm512_castsi512_ps(b)));
    return _mm512_add_epi32(a, b);
}

/* Lane i of the result is the sum of the lanes of v[i]. */
static INLINE __m512i collapse(const enum kind kind, __m512i v[16])
{
    __m512i t[8], u[4], w[2];

    _Pragma("GCC unroll 8") for (int i = 0; i < 8; i++)
        t[i] = add(kind, _mm512_unpacklo_epi32(v[2 * i], v[2 * i + 1]),
                   _mm512_unpackhi_epi32(v[2 * i], v[2 * i + 1]));
    _Pragma("GCC unroll 4") for (int i = 0; i < 4; i++)
        u[i] = add(kind, _mm512_unpacklo_epi64(t[2 * i], t[2 * i + 1]),
                   _mm512_unpackhi_epi64(t[2 * i], t[2 * i + 1]));
    _Pragma("GCC unroll 2") for (int i = 0; i < 2; i++)
        w[i] = add(kind, _mm512_shuffle_i32x4(u[2 * i], u[2 * i + 1], 0x88),
                   _mm512_shuffle_i32x4(u[2 * i], u[2 * i + 1], 0xdd));
    return add(kind, _mm512_shuffle_i32x4(w[0], w[1], 0x88),
               _mm512_shuffle_i32x4(w[0], w[1], 0xdd));
}

static INLINE __mmask64 first_bytes(size_t n)
{
    return n >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << n) - 1;
}

static void norms_bytes(const void *rows, enum vec_type t, size_t stride, size_t n, uint32_t dim,
                        int32_t *sum, int32_t *norm2)
{
    const __m512i high = _mm512_set1_epi8((char)0x80), one = _mm512_set1_epi8(1);

    for (size_t i = 0; i < n; i++) {
        const unsigned char *row = (const unsigned char *)rows + i * stride;
        __m512i s = _mm512_setzero_si512(), s2 = s;

        for (size_t at = 0; at < dim; at += 64) {
            __m512i x = _mm512_maskz_loadu_epi8(first_bytes(dim - at), row + at);
            __m512i y = _mm512_xor_si512(x, high);
            s = t == VEC_U8 ? _mm512_dpbusd_epi32(s, x, one) : _mm512_dpbusd_epi32(s, one, x);
            s2 = t == VEC_U8 ? _mm512_dpbusd_epi32(s2, x, y) : _mm512_dpbusd_epi32(s2, y, x);
        }
        sum[i] = _mm512_reduce_add_epi32(s);
        norm2[i] = _mm512_reduce_add_epi32(s2) + (t == VEC_U8 ? 128 : -128) * sum[i];
    }
}

/* ---- strips ---- */

/* Cells of each of so many queries in a line. */
static size_t strip_width(enum vec_type t, size_t nq)
{
    return nq > 8 ? 1 : nq > 4 ? 2 : nq > 2 ? 4 : nq > 1 || t == VEC_F32 ? 8 : 16;
}

/* The queries' sums lie behind a strip of bytes. */
static size_t strip_bytes(size_t nq, size_t bytes)
{
    size_t step = 4 * strip_width(VEC_U8, nq);

    return (bytes + step - 1) / step * 64;
}

/* Lines of the strip, and for bytes a line of the queries' sums. */
static void dots_pack(const void *q, enum vec_type t, size_t nq, uint32_t dim, void *to)
{
    size_t bytes = dim * vec_type_size(t), step = 4 * strip_width(t, nq);
    unsigned char *strip = to;
    int32_t sum[DOTS_MAX], norm2[DOTS_MAX];

    memset(to, 0, dots_size(t, nq, dim));
    for (size_t j = 0; j < nq; j++)
        for (size_t k = 0; k < bytes; k += step)
            memcpy(strip + k / step * 64 + j * step, (const unsigned char *)q + j * bytes + k,
                   bytes - k < step ? bytes - k : step);
    if (t == VEC_F32)
        return;
    norms_bytes(q, t, dim, nq, dim, sum, norm2);
    memcpy(strip + strip_bytes(nq, bytes), sum, nq * sizeof *sum);
}

/* W cells across the lanes; of a whole step, or the first bytes of one. */
static INLINE __m512i spread(const int W, const unsigned char *p)
{
    int64_t two;

    if (W == 1)
        return cell(p);
    if (W == 2) {
        memcpy(&two, p, sizeof two);
        return _mm512_set1_epi64(two);
    }
    if (W == 4)
        return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)p));
    if (W == 8)
        return _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)p));
    return _mm512_loadu_si512(p);
}

static INLINE __m512i spread_some(const int W, const unsigned char *p, size_t bytes)
{
    __m512i v = _mm512_maskz_loadu_epi8(first_bytes(bytes), p);

    if (W == 1)
        return _mm512_broadcastd_epi32(_mm512_castsi512_si128(v));
    if (W == 2)
        return _mm512_broadcastq_epi64(_mm512_castsi512_si128(v));
    if (W == 4)
        return _mm512_broadcast_i32x4(_mm512_castsi512_si128(v));
    return W == 8 ? _mm512_broadcast_i64x4(_mm512_castsi512_si256(v)) : v;
}

/* Rows of a group, from some byte of each on. */
struct group {
    const unsigned char *rows;
    size_t stride;
    const unsigned char *soon; /* what is asked for next; NULL: nothing */
};

static INLINE void ask(const unsigned char **soon, size_t lines)
{
    _Pragma("GCC unroll 16") for (size_t i = 0; i < lines; i++)
        _mm_prefetch((const char *)*soon + 64 * i, _MM_HINT_T0);
    *soon += 64 * lines;
}

/* A line of the strip with `bytes` of each of R rows, 4 * W if whole; and the squares, if f32. */
static INLINE void strip_step(const enum kind kind, const int W, const int R, const int whole,
                              size_t bytes, const unsigned char *const row[6], size_t stride,
                              const unsigned char *line, __m512i flip, __m512i acc[GROUP],
                              __m512i norm[GROUP])
{
    const int share = 16 / W; /* rows whose squares are taken at once */
    __m512i y = _mm512_load_si512(line), z = y;

    _Pragma("GCC unroll 16") for (int r = 0; r < R; r++)
    {
        const unsigned char *p = row[r / 3] + (size_t)(r % 3) * stride;
        const __mmask16 own = (__mmask16)(((1u << W) - 1) << (r % share * W));
        __m512i x = whole ? spread(W, p) : spread_some(W, p, bytes);

        if (kind != F32)
            x = _mm512_xor_si512(x, flip);
        acc[r] = madd(kind, acc[r], x, y);
        __asm__("" : "+v"(acc[r])); /* or compilers load all x first, and move all sums */
        if (kind != F32 || W == 1)
            continue;
        z = r % share ? _mm512_mask_mov_epi32(z, own, x) : x;
        if (r % share == share - 1) {
            norm[r / share] = madd(F32, norm[r / share], z, z);
            __asm__("" : "+v"(norm[r / share]));
        }
    }
}

/* `bytes` of each of R rows, as many of which are asked for. */
static INLINE void strip(const enum kind kind, const int W, const int R, struct group *g,
                         const unsigned char *line, size_t bytes, __m512i flip, __m512i acc[GROUP],
                         __m512i norm[GROUP])
{
    const int marks = (R + 2) / 3, asks = W * R / 16; /* a pointer to three rows; lines a step */
    const unsigned char *row[6], *soon = g->soon;

    for (int i = 0; i < marks; i++)
        row[i] = g->rows + 3 * (size_t)i * g->stride;
    for (; bytes >= (size_t)4 * W; bytes -= (size_t)4 * W, line += 64) {
        strip_step(kind, W, R, 1, 0, row, g->stride, line, flip, acc, norm);
        _Pragma("GCC unroll 6") for (int i = 0; i < marks; i++) row[i] += 4 * W;
        ask(&soon, (size_t)asks);
    }
    if (bytes) {
        strip_step(kind, W, R, 0, bytes, row, g->stride, line, flip, acc, norm);
        ask(&soon, ((size_t)asks * bytes + 4 * W - 1) / (4 * W));
    }
    g->soon = soon;
}

/* What stage `s` of a transposition takes of two vectors. */
static INLINE __m512i half(const int s, const int high, __m512i a, __m512i b)
{
    if (s == 0)
        return high ? _mm512_unpackhi_epi32(a, b) : _mm512_unpacklo_epi32(a, b);
    if (s == 1)
        return high ? _mm512_unpackhi_epi64(a, b) : _mm512_unpacklo_epi64(a, b);
    return high ? _mm512_shuffle_i32x4(a, b, 0xdd) : _mm512_shuffle_i32x4(a, b, 0x88);
}

/* From a vector a row to a vector a query, the sum of its W lanes. Each stage halves the rows'
 * vectors; what it takes apart by one bit of the lane's number it adds, where the bit counts cells,
 * or keeps both. v[h] is left of the lanes whose bits of the query, in the stages' order, are h. */
static INLINE void turn(const enum kind kind, const int W, __m512i v[GROUP], size_t nq, __mmask16 m,
                        int32_t *out, size_t ldo)
{
    static const int bit[4] = {2, 1, 4, 8};
    int kept = 1;

    _Pragma("GCC unroll 4") for (int s = 0; s < 4; s++)
    {
        const int rows = 8 >> s, adds = bit[s] < W;
        __m512i w[GROUP];

        _Pragma("GCC unroll 16") for (int i = 0; i < rows * kept; i++)
        {
            __m512i *a = &v[i / kept * 2 * kept + i % kept];
            __m512i low = half(s, 0, a[0], a[kept]), high = half(s, 1, a[0], a[kept]);

            if (adds) {
                w[i] = add(kind, low, high);
            } else {
                w[2 * i] = low;
                w[2 * i + 1] = high;
            }
        }
        kept = adds ? kept : 2 * kept;
        _Pragma("GCC unroll 16") for (int i = 0; i < rows * kept; i++) v[i] = w[i];
    }
    _Pragma("GCC unroll 16") for (int h = 0; h < kept; h++)
    {
        int j = 0, left = kept;

        _Pragma("GCC unroll 4") for (int s = 0; s < 4; s++) if (bit[s] >= W)
        {
            left /= 2;
            j += h / left % 2 * bit[s] / W;
        }
        if ((size_t)j < nq)
            _mm512_mask_storeu_epi32(out + (size_t)j * ldo, m, v[h]);
    }
}

/* From W vectors of 16 / W rows each to one of GROUP rows' sums: neighbours are added. */
static INLINE __m512i fold(const int W, __m512i v[GROUP])
{
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28,
                                           30);
    const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));

    _Pragma("GCC unroll 4") for (int left = W; left > 1; left /= 2)
        _Pragma("GCC unroll 8") for (int i = 0; i < left / 2; i++)
            v[i] = add(F32, _mm512_permutex2var_epi32(v[2 * i], even, v[2 * i + 1]),
                       _mm512_permutex2var_epi32(v[2 * i], odd, v[2 * i + 1]));
    return v[0];
}

/* The squares' sums of 16 rows; rows behind the n-th are the n-th again. */
static INLINE __m512i squares16(const unsigned char *rows, size_t stride, size_t n, size_t bytes)
{
    __m512i acc[16];
    const unsigned char *row[16];

    _Pragma("GCC unroll 16") for (size_t r = 0; r < 16; r++)
    {
        row[r] = rows + (r < n ? r : n - 1) * stride;
        acc[r] = _mm512_setzero_si512();
    }
    for (size_t at = 0; at < bytes; at += 64) {
        __mmask64 m = first_bytes(bytes - at);
        _Pragma("GCC unroll 16") for (int r = 0; r < 16; r++)
        {
            __m512i x = _mm512_maskz_loadu_epi8(m, row[r] + at);
            acc[r] = madd(F32, acc[r], x, x);
        }
    }
    return collapse(F32, acc);
}

/* Sums of GROUP rows, of which those of `m` are wanted. */
static INLINE void strip_group(const enum kind kind, const int W, const int R, struct group g,
                               const unsigned char *line, size_t nq, size_t bytes, __m512i flip,
                               __mmask16 m, int32_t *out, size_t ldo, float *norm2)
{
    const int squares = kind == F32 && W > 1 ? R * W / 16 : 0; /* vectors of a part's rows */
    __m512i sum[GROUP], square[GROUP];

    if (kind == F32 && W == 1)
        square[0] = squares16(g.rows, g.stride, GROUP, bytes);
    _Pragma("GCC unroll 8") for (int part = 0; part < GROUP / R; part++)
    {
        __m512i acc[GROUP], norm[GROUP];

        _Pragma("GCC unroll 16") for (int r = 0; r < R; r++)
            acc[r] = norm[r] = _mm512_setzero_si512();
        strip(kind, W, R, &g, line, bytes, flip, acc, norm);
        _Pragma("GCC unroll 16") for (int r = 0; r < R; r++) sum[part * R + r] = acc[r];
        _Pragma("GCC unroll 16") for (int r = 0; r < squares; r++)
            square[part * squares + r] = norm[r];
        g.rows += (size_t)R * g.stride;
    }
    turn(kind, W, sum, nq, m, out, ldo);
    if (kind == F32)
        _mm512_mask_storeu_epi32(norm2, m, fold(W, square));
}

static INLINE void strips(const enum kind kind, const int W, const int R, const unsigned char *rows,
                          size_t stride, size_t n, const unsigned char *q, size_t nq, size_t bytes,
                          __m512i flip, int32_t *out, size_t ldo, float *norm2)
{
    size_t span = W > WIDE ? 0 : (size_t)R * stride, i = 0; /* that is under way at once */
    size_t ahead = span < AHEAD_MOST ? span + AHEAD : AHEAD_MOST;

    for (; i + GROUP <= n; i += GROUP) {
        struct group g = {rows + i * stride, stride, rows + i * stride + ahead};
        strip_group(kind, W, R, g, q, nq, bytes, flip, 0xffff, out + i, ldo,
                    kind == F32 ? norm2 + i : NULL);
    }
    for (; i < n; i++) { /* the last rows: each is the whole group */
        struct group g = {rows + i * stride, 0, rows + i * stride};
        strip_group(kind, W, R, g, q, nq, bytes, flip, 1, out + i, ldo,
                    kind == F32 ? norm2 + i : NULL);
    }
}

/* Rows that lie in the same sets of the first-level cache are under way eight at a time, as it has
 * ways for. */
static void strips_f32(const unsigned char *rows, size_t stride, size_t n, const unsigned char *q,
                       size_t nq, size_t bytes, int32_t *out, size_t ldo, float *norm2)
{
    const __m512i none = _mm512_setzero_si512();
    const bool crowd = stride % ALIAS == 0;

    if (nq > 8 && crowd)
        strips(F32, 1, 8, rows, stride, n, q, nq, bytes, none, out, ldo, norm2);
    else if (nq > 8)
        strips(F32, 1, 16, rows, stride, n, q, nq, bytes, none, out, ldo, norm2);
    else if (nq > 4 && crowd)
        strips(F32, 2, 8, rows, stride, n, q, nq, bytes, none, out, ldo, norm2);
    else if (nq > 4)
        strips(F32, 2, 16, rows, stride, n, q, nq, bytes, none, out, ldo, norm2);
    else if (nq > 2)
        strips(F32, 4, 4, rows, stride, n, q, nq, bytes, none, out, ldo, norm2);
    else
        strips(F32, 8, 2, rows, stride, n, q, nq, bytes, none, out, ldo, norm2);
}

#define STRIPS(name, kind)                                                                       \
    static void name(const unsigned char *rows, size_t stride, size_t n, const unsigned char *q, \
                     size_t nq, size_t bytes, __m512i flip, int32_t *out, size_t ldo)            \
    {                                                                                            \
        if (nq > 8 && stride % ALIAS == 0)                                                       \
            strips(kind, 1, 8, rows, stride, n, q, nq, bytes, flip, out, ldo, NULL);             \
        else if (nq > 8)                                                                         \
            strips(kind, 1, 16, rows, stride, n, q, nq, bytes, flip, out, ldo, NULL);            \
        else if (nq > 4 && stride % ALIAS == 0)                                                  \
            strips(kind, 2, 8, rows, stride, n, q, nq, bytes, flip, out, ldo, NULL);             \
        else if (nq > 4)                                                                         \
            strips(kind, 2, 16, rows, stride, n, q, nq, bytes, flip, out, ldo, NULL);            \
        else if (nq > 2)                                                                         \
            strips(kind, 4, 16, rows, stride, n, q, nq, bytes, flip, out, ldo, NULL);            \
        else if (nq > 1)                                                                         \
            strips(kind, 8, 16, rows, stride, n, q, nq, bytes, flip, out, ldo, NULL);            \
        else                                                                                     \
            strips(kind, 16, 16, rows, stride, n, q, nq, bytes, flip, out, ldo, NULL);           \
    }

STRIPS(strips_us, US)
STRIPS(strips_su, SU)

static void dots_f32(const void *rows, size_t stride, size_t n, const void *packed, size_t nq,
                     uint32_t dim, float *out, size_t ldo, float *norm2)
{
    strips_f32(rows, stride, n, packed, nq, 4 * (size_t)dim, (int32_t *)(void *)out, ldo, norm2);
}

static void dots_bytes(const void *rows, enum vec_type rt, size_t stride, size_t n,
                       const void *packed, enum vec_type qt, size_t nq, uint32_t dim, int32_t *out,
                       size_t ldo)
{
    const __m512i flip = _mm512_set1_epi8(rt == qt ? (char)0x80 : 0);
    int32_t sum[DOTS_MAX];

    if ((rt == VEC_U8) == (rt == qt))
        strips_su(rows, stride, n, packed, nq, dim, flip, out, ldo);
    else
        strips_us(rows, stride, n, packed, nq, dim, flip, out, ldo);
    if (rt != qt)
        return;
    /* A row less 128 met a u8 query, a row and 128 an i8 one. */
    memcpy(sum, (const unsigned char *)packed + strip_bytes(nq, dim), nq * sizeof *sum);
    for (size_t j = 0; j < nq; j++) {
        int32_t more = (rt == VEC_U8 ? 128 : -128) * sum[j];
        for (size_t i = 0; i < n; i++)
            out[j * ldo + i] += more;
    }
}

/* Squares come after products, or before tiles: their rows are near already. */
static void norms_f32(const void *rows, size_t stride, size_t n, uint32_t dim, float *norm2)
{
    for (size_t i = 0; i < n; i += 16) {
        size_t left = n - i < 16 ? n - i : 16;
        __m512i s = squares16((const unsigned char *)rows + i * stride, stride, left,
                              4 * (size_t)dim);
        _mm512_mask_storeu_epi32(norm2 + i, (__mmask16)((1u << left) - 1), s);
    }
}

static void inverse_roots(const float *v, size_t n, float *out)
{
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 m = (__mmask16)first_bytes(n - i);
        __m512 root = _mm512_sqrt_ps(_mm512_maskz_loadu_ps(m, v + i));
        _mm512_mask_storeu_ps(out + i, m, _mm512_div_ps(_mm512_set1_ps(1), root));
    }
}

/* ---- filters ---- */

static INLINE __m512 product(const int ints, const void *p, __mmask16 m)
{
    if (ints)
        return _mm512_cvtepi32_ps(_mm512_maskz_loadu_epi32(m, p));
    return _mm512_maskz_loadu_ps(m, p);
}

static INLINE size_t tile_below(const int ints, const int32_t *p, size_t n, const float *a,
                                const float *b, const float *mul, const float *limit,
                                struct ops_hit *hits)
{
    const __m512 m0 = _mm512_loadu_ps(mul), m1 = _mm512_loadu_ps(mul + 16);
    const __m512 t0 = _mm512_loadu_ps(limit), t1 = _mm512_loadu_ps(limit + 16);
    size_t found = 0;

    for (size_t i = 0; i < n; i++, p += PANEL) {
        __m512 va = _mm512_set1_ps(a[i]), vb = _mm512_set1_ps(b[i]);
        __m512 v0 = _mm512_fmadd_ps(product(ints, p, 0xffff), _mm512_mul_ps(m0, va), vb);
        __m512 v1 = _mm512_fmadd_ps(product(ints, p + 16, 0xffff), _mm512_mul_ps(m1, va), vb);
        uint32_t lo = _mm512_cmp_ps_mask(v0, t0, _CMP_NGT_UQ);
        uint32_t hi = _mm512_cmp_ps_mask(v1, t1, _CMP_NGT_UQ);

        hits[found] = (struct ops_hit){(uint32_t)i, lo | hi << 16};
        found += (lo | hi) != 0;
    }
    return found;
}

/* Of sixteen rows from `at` on, those of `in`. */
static INLINE uint32_t below(const int ints, const int32_t *p, size_t at, __mmask16 in,
                             const float *a, const float *b, __m512 mul, __m512 limit)
{
    __m512 v = _mm512_fmadd_ps(product(ints, p + at, in),
                               _mm512_mul_ps(mul, _mm512_maskz_loadu_ps(in, a + at)),
                               _mm512_maskz_loadu_ps(in, b + at));

    return _mm512_mask_cmp_ps_mask(in, v, limit, _CMP_NGT_UQ);
}

static INLINE size_t line_below(const int ints, const int32_t *p, size_t n, const float *a,
                                const float *b, float mul, float limit, struct ops_hit *hits)
{
    const __m512 m = _mm512_set1_ps(mul), t = _mm512_set1_ps(limit);
    size_t found = 0, i = 0;
    uint32_t lanes;

    for (; i + PANEL <= n; i += PANEL) {
        lanes = below(ints, p, i, 0xffff, a, b, m, t);
        lanes |= below(ints, p, i + 16, 0xffff, a, b, m, t) << 16;
        hits[found] = (struct ops_hit){(uint32_t)i, lanes};
        found += lanes != 0;
    }
    if (i < n) {
        uint32_t in = (1u << (n - i)) - 1;

        lanes = below(ints, p, i, (__mmask16)in, a, b, m, t);
        if (in >> 16)
            lanes |= below(ints, p, i + 16, (__mmask16)(in >> 16), a, b, m, t) << 16;
        hits[found] = (struct ops_hit){(uint32_t)i, lanes};
        found += lanes != 0;
    }
    return found;
}

/* FOUR queries, or the nq that are left, and rows of `in` from `at` on: above[j] keeps the lanes in
 * which all of query j's were above its limit. */
struct four {
    const float *line[FOUR];
    __m512 mul[FOUR], limit[FOUR];
    __mmask16 above[FOUR];
};

static INLINE void four_above(struct four *f, size_t at, __mmask16 in, const float *norm2,
                              const float *a, __m512 by, __m512 off)
{
    __m512 b = _mm512_sub_ps(_mm512_mul_ps(_mm512_maskz_loadu_ps(in, norm2 + at), by), off);

    _Pragma("GCC unroll 4") for (size_t j = 0; j < FOUR; j++)
    {
        __m512 mul = a ? _mm512_mul_ps(f->mul[j], _mm512_maskz_loadu_ps(in, a + at)) : f->mul[j];
        __m512 v = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(in, f->line[j] + at), mul, b);

        if (in != 0xffff)
            f->above[j] &= (__mmask16)(_mm512_cmp_ps_mask(v, f->limit[j], _CMP_GT_OQ) | ~in);
        else
            f->above[j] = _mm512_mask_cmp_ps_mask(f->above[j], v, f->limit[j], _CMP_GT_OQ);
    }
}

/* Bit j: has query j any that is not above its limit? */
static INLINE uint32_t four_below(const float *p, size_t n, size_t nq, const float *norm2,
                                  const float *a, float by, float off, const float *mul,
                                  const float *limit)
{
    const __m512 by16 = _mm512_set1_ps(by), off16 = _mm512_set1_ps(off);
    struct four f;
    size_t i = 0;
    uint32_t found = 0;

    _Pragma("GCC unroll 4") for (size_t j = 0; j < FOUR; j++)
    {
        size_t q = j < nq ? j : 0;
        f.line[j] = p + q * n;
        f.mul[j] = _mm512_set1_ps(mul[q]);
        f.limit[j] = _mm512_set1_ps(limit[q]);
        f.above[j] = 0xffff;
    }
    for (; i + 16 <= n; i += 16)
        four_above(&f, i, 0xffff, norm2, a, by16, off16);
    if (i < n)
        four_above(&f, i, (__mmask16)first_bytes(n - i), norm2, a, by16, off16);
    _Pragma("GCC unroll 4") for (size_t j = 0; j < FOUR; j++) if (j < nq)
        found |= (uint32_t)(f.above[j] != 0xffff) << j;
    return found;
}

/* Are all norms such as the bounds hold for? */
static INLINE bool norms_are_fit(const float *norm2, size_t n)
{
    const __m512 low = _mm512_set1_ps(norm2_low), high = _mm512_set1_ps(norm2_high);
    const __m512 one = _mm512_set1_ps(1);
    __mmask16 fit = 0xffff;

    for (size_t i = 0; i < n; i += 16) {
        __m512 x = _mm512_mask_loadu_ps(one, (__mmask16)first_bytes(n - i), norm2 + i);
        fit = _mm512_mask_cmp_ps_mask(fit, x, low, _CMP_GT_OQ);
        fit = _mm512_mask_cmp_ps_mask(fit, x, high, _CMP_LT_OQ);
    }
    return fit == 0xffff;
}

static uint32_t any_below(const float *p, size_t n, size_t nq, const float *norm2, const float *a,
                          float by, float off, const float *mul, const float *limit)
{
    uint32_t found = 0;

    if (!norms_are_fit(norm2, n))
        return ~0u;
    for (size_t q = 0; q < nq; q += FOUR) {
        const float *line = p + q * n, *m = mul + q, *t = limit + q;
        uint32_t four = a ? four_below(line, n, nq - q, norm2, a, by, off, m, t)
                          : four_below(line, n, nq - q, norm2, NULL, by, off, m, t);
        found |= four << q;
    }
    return found;
}

#define INTS    0
#define TYPE    float
#define NAME(x) x##_f32
#include "vec/ops_below.h"
#define INTS    1
#define TYPE    int32_t
#define NAME(x) x##_i32
#include "vec/ops_below.h"

#endif
