/* ops_sums_avx512.h - the second half of ops_avx512.c: sums along the components, and filters.
 *
 * Strips: 1, 2, 4, 8 or 16 queries share the sixteen lanes of a vector, each with W = 16, 8, 4, 2
 * or 1 cells side by side, so that a step is W cells of a row, repeated across the lanes as they
 * are loaded, times one line of the strip; of 8 queries and short rows, times V = 2 lines, each of
 * four:
 *
 *     line s of a strip of 4 queries:       lane 4 j + c: cell 4 s + c of query j
 *     line 2 s + v of a strip of 8 queries: lane 4 j + c: cell 4 s + c of query 4 v + j
 *
 * GROUP / V rows are under way at once. What a group leaves is turned, which adds the W lanes of
 * each query, and each query's sums of GROUP rows lie in one vector. Strips of a few queries go
 * over the rows as they lie; of more, where there is more to multiply than to load, over PIECE
 * bytes of each row, which stay in the first level between the squares and the products. Rows are
 * asked for ahead of time in the order of memory, evenly: else either memory or the multipliers
 * wait for the other.
 */
#ifndef VEC_OPS_SUMS_AVX512_H
#define VEC_OPS_SUMS_AVX512_H

enum {
    GROUP = 16,
    LONG = 1024,             /* bytes of a row, above which */
    PIECE = 256,             /* bytes of a row */
    FOUR = 4,                /* queries whose products are compared at once */
    WIDE = 4,                /* cells, from which on rows are taken whole */
    AHEAD = 8192,            /* bytes behind the rows under way that are asked for */
    AHEAD_MOST = 256 << 10,  /* of the second-level cache */
    NEAR_STRIDE = PIECE + 64 /* of rows that are copied */
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

/* Of so many queries, and rows of so many bytes? Of eight queries V = 2 takes fewer loads; but from
 * memory long rows come faster sixteen at a time, unless they all lie in the same sets. */
struct shape {
    size_t width, lines;
};

static struct shape shape_of(size_t nq, size_t bytes)
{
    if (nq > 8)
        return (struct shape){1, 1};
    if (nq > 4)
        return bytes > LONG && bytes % ALIAS ? (struct shape){2, 1} : (struct shape){4, 2};
    return (struct shape){nq > 2 ? 4 : nq > 1 ? 8 : 16, 1};
}

static size_t strip_lines(size_t nq, size_t bytes)
{
    struct shape s = shape_of(nq, bytes);

    return (bytes + 4 * s.width - 1) / (4 * s.width) * s.lines;
}

/* Lines of the strip, and for bytes a line of the queries' sums. */
static void dots_pack(const void *q, enum vec_type t, size_t nq, uint32_t dim, void *to)
{
    size_t bytes = dim * vec_type_size(t);
    struct shape s = shape_of(nq, bytes);
    size_t step = 4 * s.width, line = 64 * s.lines;
    unsigned char *strip = to;
    int32_t sum[DOTS_MAX], norm2[DOTS_MAX];

    memset(to, 0, dots_size(t, nq, dim));
    for (size_t j = 0; j < nq; j++)
        for (size_t k = 0; k < bytes; k += step)
            memcpy(strip + k / step * line + j * step, (const unsigned char *)q + j * bytes + k,
                   bytes - k < step ? bytes - k : step);
    if (t == VEC_F32)
        return;
    norms_bytes(q, t, dim, nq, dim, sum, norm2);
    memcpy(strip + strip_lines(nq, bytes) * 64, sum, nq * sizeof *sum);
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

/* V lines of the strip with `bytes` of each of GROUP / V rows, 4 * W if whole. */
static INLINE void strip_step(const enum kind kind, const int W, const int V, const int whole,
                              size_t bytes, const unsigned char *const row[6], size_t stride,
                              const unsigned char *line, __m512i flip, __m512i acc[GROUP])
{
    __m512i y[2];

    _Pragma("GCC unroll 2") for (int v = 0; v < V; v++) y[v] = _mm512_load_si512(line + 64 * v);
    _Pragma("GCC unroll 16") for (int r = 0; r < GROUP / V; r++)
    {
        const unsigned char *p = row[r / 3] + (size_t)(r % 3) * stride;
        __m512i x = whole ? spread(W, p) : spread_some(W, p, bytes);

        if (kind != F32)
            x = _mm512_xor_si512(x, flip);
        _Pragma("GCC unroll 2") for (int v = 0; v < V; v++)
        {
            __m512i *sum = &acc[v * (GROUP / V) + r];

            *sum = madd(kind, *sum, x, y[v]);
            __asm__("" : "+v"(*sum)); /* or compilers load all x first, and move all sums */
        }
    }
}

/* `bytes` of each row; `asks` lines are asked for a step. */
static INLINE void strip(const enum kind kind, const int W, const int V, struct group *g,
                         const int asks, const unsigned char *line, size_t bytes, __m512i flip,
                         __m512i acc[GROUP])
{
    const int marks = (GROUP / V + 2) / 3; /* a pointer to three rows */
    const unsigned char *row[6], *soon = g->soon;

    for (int i = 0; i < marks; i++)
        row[i] = g->rows + 3 * (size_t)i * g->stride;
    for (; bytes >= (size_t)4 * W; bytes -= (size_t)4 * W, line += 64 * V) {
        strip_step(kind, W, V, 1, 0, row, g->stride, line, flip, acc);
        _Pragma("GCC unroll 6") for (int i = 0; i < marks; i++) row[i] += 4 * W;
        ask(&soon, (size_t)asks);
    }
    if (bytes) {
        strip_step(kind, W, V, 0, bytes, row, g->stride, line, flip, acc);
        ask(&soon, ((size_t)asks * bytes + 4 * W - 1) / (4 * W));
    }
    g->soon = soon;
}

/* The squares of R rows, a row after the other; `asks` lines are asked for a pair of lines. */
static INLINE void squares(struct group *g, const int R, const int asks, size_t bytes,
                           __m512i acc[GROUP])
{
    const unsigned char *soon = g->soon;

    for (size_t r = 0; r < (size_t)R; r++) {
        const unsigned char *row = g->rows + r * g->stride;
        __m512i sum = acc[r], x;
        size_t k = 0;

        for (; k + 64 <= bytes; k += 64) {
            x = _mm512_loadu_si512(row + k);
            sum = madd(F32, sum, x, x);
            if (asks == 2 || (asks == 1 && k % 128 == 0))
                ask(&soon, 1);
        }
        if (k < bytes) {
            x = _mm512_maskz_loadu_epi8(first_bytes(bytes - k), row + k);
            sum = madd(F32, sum, x, x);
        }
        acc[r] = sum;
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

/* Sums of GROUP / V rows with V lines of queries: acc[v][row]; and of their squares. */
static INLINE void strip_rows(const enum kind kind, const int W, const int V, struct group *g,
                              const unsigned char *line, size_t bytes, __m512i flip,
                              __m512i acc[GROUP], __m512i *norms)
{
    unsigned char near[GROUP * NEAR_STRIDE] __attribute__((aligned(64)));
    const int R = GROUP / V, pieces = W < WIDE || V > 1;
    const int alias = W < WIDE && g->stride && g->stride % ALIAS == 0;
    const size_t piece = pieces ? PIECE : bytes;
    /* Of the lines that are asked for, while the squares are summed: which take most of the time,
     * half of it or little. */
    const int halves = kind != F32 || pieces ? 0 : W == WIDE ? 1 : 2;

    for (size_t at = 0; at < bytes; at += piece, line += piece / W * 16 * V) {
        size_t len = bytes - at < piece ? bytes - at : piece;
        struct group p = {g->rows + at, g->stride, g->soon};

        if (alias)
            p = (struct group){apart(near, NEAR_STRIDE, p.rows, g->stride, (size_t)R, len),
                               NEAR_STRIDE, g->soon};
        if (kind == F32)
            squares(&p, R, halves, len, norms);
        __asm__("" : "+r"(norms) : : "memory"); /* in memory: acc takes the registers */
        strip(kind, W, V, &p, W * R * (2 - halves) / (2 * GROUP), line, len, flip, acc);
        g->soon = p.soon;
    }
}

/* Sums of GROUP rows, of which those of `m` are wanted. */
static INLINE void strip_group(const enum kind kind, const int W, const int V, struct group g,
                               const unsigned char *line, size_t nq, size_t bytes, __m512i flip,
                               __mmask16 m, int32_t *out, size_t ldo, float *norm2)
{
    const int R = GROUP / V;
    __m512i sums[2][GROUP], norm[GROUP];

    _Pragma("GCC unroll 16") for (int r = 0; r < GROUP; r++) norm[r] = _mm512_setzero_si512();
    _Pragma("GCC unroll 2") for (int part = 0; part < V; part++)
    {
        __m512i acc[GROUP];

        _Pragma("GCC unroll 16") for (int r = 0; r < GROUP; r++) acc[r] = _mm512_setzero_si512();
        strip_rows(kind, W, V, &g, line, bytes, flip, acc, norm + part * R);
        _Pragma("GCC unroll 16") for (int r = 0; r < GROUP; r++)
            sums[r / R][part * R + r % R] = acc[r];
        g.rows += (size_t)R * g.stride;
    }
    _Pragma("GCC unroll 2") for (int v = 0; v < V; v++) turn(
        kind, W, sums[v], nq - (size_t)(v * (16 / W)), m, out + (size_t)(v * (16 / W)) * ldo, ldo);
    if (kind == F32)
        _mm512_mask_storeu_ps(norm2, m, _mm512_castsi512_ps(collapse(kind, norm)));
}

static INLINE void strips(const enum kind kind, const int W, const int V, const unsigned char *rows,
                          size_t stride, size_t n, const unsigned char *q, size_t nq, size_t bytes,
                          __m512i flip, int32_t *out, size_t ldo, float *norm2)
{
    size_t span = W > WIDE ? 0 : GROUP / V * stride, i = 0; /* that is under way at once */
    size_t ahead = span < AHEAD_MOST ? span + AHEAD : AHEAD_MOST;

    for (; i + GROUP <= n; i += GROUP) {
        struct group g = {rows + i * stride, stride, rows + i * stride + ahead};
        strip_group(kind, W, V, g, q, nq, bytes, flip, 0xffff, out + i, ldo,
                    kind == F32 ? norm2 + i : NULL);
    }
    for (; i < n; i++) { /* the last rows: each is the whole group */
        struct group g = {rows + i * stride, 0, rows + i * stride};
        strip_group(kind, W, V, g, q, nq, bytes, flip, 1, out + i, ldo,
                    kind == F32 ? norm2 + i : NULL);
    }
}

#define STRIPS(name, kind)                                                                       \
    static void name(const unsigned char *rows, size_t stride, size_t n, const unsigned char *q, \
                     size_t nq, size_t bytes, __m512i flip, int32_t *out, size_t ldo,            \
                     float *norm2)                                                               \
    {                                                                                            \
        if (nq > 8)                                                                              \
            strips(kind, 1, 1, rows, stride, n, q, nq, bytes, flip, out, ldo, norm2);            \
        else if (nq > 4 && shape_of(nq, bytes).lines == 1)                                       \
            strips(kind, 2, 1, rows, stride, n, q, nq, bytes, flip, out, ldo, norm2);            \
        else if (nq > 4)                                                                         \
            strips(kind, 4, 2, rows, stride, n, q, nq, bytes, flip, out, ldo, norm2);            \
        else if (nq > 2)                                                                         \
            strips(kind, 4, 1, rows, stride, n, q, nq, bytes, flip, out, ldo, norm2);            \
        else if (nq > 1)                                                                         \
            strips(kind, 8, 1, rows, stride, n, q, nq, bytes, flip, out, ldo, norm2);            \
        else                                                                                     \
            strips(kind, 16, 1, rows, stride, n, q, nq, bytes, flip, out, ldo, norm2);           \
    }

STRIPS(strips_f32, F32)
STRIPS(strips_us, US)
STRIPS(strips_su, SU)

static void dots_f32(const void *rows, size_t stride, size_t n, const void *packed, size_t nq,
                     uint32_t dim, float *out, size_t ldo, float *norm2)
{
    strips_f32(rows, stride, n, packed, nq, 4 * (size_t)dim, _mm512_setzero_si512(),
               (int32_t *)(void *)out, ldo, norm2);
}

static void dots_bytes(const void *rows, enum vec_type rt, size_t stride, size_t n,
                       const void *packed, enum vec_type qt, size_t nq, uint32_t dim, int32_t *out,
                       size_t ldo)
{
    const __m512i flip = _mm512_set1_epi8(rt == qt ? (char)0x80 : 0);
    int32_t sum[DOTS_MAX];

    if ((rt == VEC_U8) == (rt == qt))
        strips_su(rows, stride, n, packed, nq, dim, flip, out, ldo, NULL);
    else
        strips_us(rows, stride, n, packed, nq, dim, flip, out, ldo, NULL);
    if (rt != qt)
        return;
    /* A row less 128 met a u8 query, a row and 128 an i8 one. */
    memcpy(sum, (const unsigned char *)packed + strip_lines(nq, dim) * 64, nq * sizeof *sum);
    for (size_t j = 0; j < nq; j++) {
        int32_t more = (rt == VEC_U8 ? 128 : -128) * sum[j];
        for (size_t i = 0; i < n; i++)
            out[j * ldo + i] += more;
    }
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

/* The same of FOUR queries, or the nq that are left; any[j]: of query j. */
static INLINE void four_below(const float *p, size_t n, size_t nq, const float *norm2,
                              const float *a, float by, float off, const float *mul,
                              const float *limit, __mmask16 any[FOUR])
{
    const float *line[FOUR];
    __m512 m[FOUR], t[FOUR];

    _Pragma("GCC unroll 4") for (size_t j = 0; j < FOUR; j++)
    {
        size_t q = j < nq ? j : 0;
        line[j] = p + q * n;
        m[j] = _mm512_set1_ps(mul[q]);
        t[j] = _mm512_set1_ps(limit[q]);
        any[j] = 0;
    }
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 in = (__mmask16)first_bytes(n - i);
        __m512 x = _mm512_maskz_loadu_ps(in, norm2 + i), by16 = _mm512_set1_ps(by);
        __m512 b = _mm512_sub_ps(_mm512_mul_ps(x, by16), _mm512_set1_ps(off));
        __m512 one = a ? _mm512_maskz_loadu_ps(in, a + i) : _mm512_set1_ps(1);

        _Pragma("GCC unroll 4") for (size_t j = 0; j < FOUR; j++)
        {
            __m512 v = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(in, line[j] + i),
                                       _mm512_mul_ps(m[j], one), b);
            any[j] |= _mm512_mask_cmp_ps_mask(in, v, t[j], _CMP_NGT_UQ);
        }
    }
}

static uint32_t any_below(const float *p, size_t n, size_t nq, const float *norm2, const float *a,
                          float by, float off, const float *mul, const float *limit)
{
    const __m512 low = _mm512_set1_ps(norm2_low), high = _mm512_set1_ps(norm2_high);
    __mmask16 odd = 0, any[FOUR];
    uint32_t found = 0;

    for (size_t i = 0; i < n; i += 16) {
        __mmask16 in = (__mmask16)first_bytes(n - i);
        __m512 x = _mm512_maskz_loadu_ps(in, norm2 + i);
        odd |= _mm512_mask_cmp_ps_mask(in, x, low, _CMP_NGT_UQ);
        odd |= _mm512_mask_cmp_ps_mask(in, x, high, _CMP_NLT_UQ);
    }
    if (odd)
        return ~0u;
    for (size_t q = 0; q < nq; q += FOUR) {
        if (a)
            four_below(p + q * n, n, nq - q, norm2, a, by, off, mul + q, limit + q, any);
        else
            four_below(p + q * n, n, nq - q, norm2, NULL, by, off, mul + q, limit + q, any);
        for (size_t j = 0; j < FOUR && q + j < nq; j++)
            found |= (uint32_t)(any[j] != 0) << (q + j);
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
