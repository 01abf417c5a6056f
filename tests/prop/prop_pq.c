/* prop_pq.c - lib/vec/codec_pq.c against its diagrams: codes are the nearest centroids, packed
 * codes lie where the file head says, keys are distances to decoded vectors within the rounding of
 * the tables; the same bits on all levels and for all threads; damaged files are refused.
 */
#include "../unit/t.h"
#include "../unit/tmp.h"

#include <math.h>
#include <stdbool.h>

#include "base/rand.h"
#include "vec/codec_kind.h"
#include "vec/linalg.h"

static uint64_t seed = 1;
static enum cpu_level most;

static void *need(void *p)
{
    if (!p)
        abort();
    return p;
}

static void *array(size_t n, size_t size)
{
    return need(aligned_alloc(64, (n * size + 64) / 64 * 64));
}

/* ---- a codebook of our own, written as the file head says ---- */

struct book {
    uint32_t dim, parts, bits, k, sub;
    float *centroids; /* [parts][k][sub] */
    float *rotation;  /* or NULL */
};

static struct book book_new(uint32_t dim, uint32_t parts, uint32_t bits, bool rotated)
{
    struct book b = {dim, parts, bits, 1U << bits, dim / parts, NULL, NULL};

    b.centroids = array((size_t)parts * b.k * b.sub, sizeof *b.centroids);
    b.rotation = rotated ? array((size_t)dim * dim, sizeof *b.rotation) : NULL;
    return b;
}

static void book_free(struct book *b)
{
    free(b->centroids);
    free(b->rotation);
}

static void book_spec(const struct book *b, char spec[CODEC_SPEC_MAX])
{
    memset(spec, 0, CODEC_SPEC_MAX);
    snprintf(spec, CODEC_SPEC_MAX, "%spq%ux%u", b->rotation ? "o" : "", b->parts, b->bits);
}

static void write_file(const char *path, const char *spec, uint32_t dim, uint32_t code_bytes,
                       const void *cen, size_t cen_len, const void *rot, size_t rot_len)
{
    unsigned char meta[104] = {0};
    struct sect_writer *w;
    struct err e = {0};

    memcpy(meta, spec, strlen(spec));
    memcpy(meta + 96, &dim, 4);
    memcpy(meta + 100, &code_bytes, 4);
    if (sect_create(&w, path, "vcod", 1, 0, &e) < 0 ||
        sect_put(w, "MET0", SECT_REQUIRED, meta, sizeof meta, &e) < 0 ||
        sect_put(w, "CEN0", SECT_REQUIRED, cen, cen_len, &e) < 0 ||
        (rot && sect_put(w, "ROT0", SECT_REQUIRED, rot, rot_len, &e) < 0) ||
        sect_commit(&w, &e) < 0)
        abort();
}

static uint32_t book_code_bytes(const struct book *b)
{
    return (b->parts * b->bits + 7) / 8;
}

static void book_write(const struct book *b, const char *path)
{
    char spec[CODEC_SPEC_MAX];

    book_spec(b, spec);
    write_file(path, spec, b->dim, book_code_bytes(b), b->centroids,
               (size_t)b->parts * b->k * b->sub * 4, b->rotation, (size_t)b->dim * b->dim * 4);
}

/* The codebook of a file. */
static struct book book_read(const char *path, uint32_t dim, uint32_t parts, uint32_t bits,
                             bool rotated)
{
    struct book b = book_new(dim, parts, bits, rotated);
    struct sect_file *f;
    const void *p;
    struct err e = {0};

    if (sect_open(&f, path, "vcod", 1, &e) < 0 ||
        sect_need(f, "CEN0", (uint64_t)parts * b.k * b.sub, 4, &p, &e) < 0)
        abort();
    memcpy(b.centroids, p, (size_t)parts * b.k * b.sub * 4);
    if (rotated) {
        if (sect_need(f, "ROT0", (uint64_t)dim * dim, 4, &p, &e) < 0)
            abort();
        memcpy(b.rotation, p, (size_t)dim * dim * 4);
    }
    sect_close(f);
    return b;
}

static const float *book_centroid(const struct book *b, uint32_t part, uint32_t j)
{
    return b->centroids + ((size_t)part * b->k + j) * b->sub;
}

static uint32_t book_part(const struct book *b, const uint8_t *code, uint32_t part)
{
    uint32_t v = 0;

    for (uint32_t i = 0; i < b->bits; i++) {
        size_t bit = (size_t)part * b->bits + i;

        v |= (uint32_t)(code[bit / 8] >> bit % 8 & 1) << i;
    }
    return v;
}

static void book_rotate(const struct book *b, const float *x, double *y)
{
    for (uint32_t i = 0; i < b->dim; i++) {
        y[i] = b->rotation ? 0 : (double)x[i];
        for (uint32_t j = 0; b->rotation && j < b->dim; j++)
            y[i] += (double)b->rotation[(size_t)i * b->dim + j] * (double)x[j];
    }
}

static double distance(const float *c, const double *y, uint32_t n)
{
    double sum = 0;

    for (uint32_t d = 0; d < n; d++)
        sum += ((double)c[d] - y[d]) * ((double)c[d] - y[d]);
    return sum;
}

static double product(const float *c, const double *y, uint32_t n)
{
    double sum = 0;

    for (uint32_t d = 0; d < n; d++)
        sum += (double)c[d] * y[d];
    return sum;
}

static double part_key(const struct book *b, enum vec_metric m, const double *q, uint32_t part,
                       uint32_t j)
{
    const float *c = book_centroid(b, part, j);

    return m == VEC_L2 ? distance(c, q + (size_t)part * b->sub, b->sub)
                       : -product(c, q + (size_t)part * b->sub, b->sub);
}

static double range_of(const struct book *b, enum vec_metric m, const double *q, uint32_t part)
{
    double low = INFINITY, high = -INFINITY;

    for (uint32_t j = 0; part < b->parts && j < b->k; j++) {
        low = fmin(low, part_key(b, m, q, part, j));
        high = fmax(high, part_key(b, m, q, part, j));
    }
    return part < b->parts ? high - low : 0;
}

/* The square of the diagonal of a part's box. */
static double box(const struct book *b, uint32_t part)
{
    double sum = 0;

    for (uint32_t d = 0; d < b->sub; d++) {
        double low = INFINITY, high = -INFINITY;

        for (uint32_t j = 0; j < b->k; j++) {
            low = fmin(low, (double)book_centroid(b, part, j)[d]);
            high = fmax(high, (double)book_centroid(b, part, j)[d]);
        }
        sum += (high - low) * (high - low);
    }
    return sum;
}

/* The widest part that is not marked, the first of equals. */
static uint32_t widest_left(const struct book *b, const double *width, const bool *wide)
{
    uint32_t best = UINT32_MAX;

    for (uint32_t part = 0; part < b->parts; part++)
        if (!wide[part] && (best == UINT32_MAX || width[part] > width[best]))
            best = part;
    return best;
}

/* The wide parts, as the file head says; `order` in the order of their places. */
static uint32_t wide_parts(const struct book *b, bool *wide, uint32_t *order)
{
    uint32_t line = b->bits <= 4 ? 4 : 1, n = 0, most_of = b->parts / 4;
    double *width = array(b->parts, sizeof *width), others = 0;

    for (uint32_t part = 0; part < b->parts; part++)
        width[part] = box(b, part);
    most_of = most_of > line ? most_of : line;
    memset(wide, 0, b->parts);
    for (uint32_t i = 0; i < most_of && i < b->parts; i++) {
        order[i] = widest_left(b, width, wide);
        wide[order[i]] = true;
    }
    for (uint32_t part = 0; part < b->parts; part++)
        others += wide[part] ? 0 : width[part] / (b->parts - most_of);
    while (b->parts > most_of && n + line <= most_of && width[order[n]] > 8 * others)
        n += line;
    memset(wide, 0, b->parts);
    for (uint32_t i = 0; i < n; i++)
        wide[order[i]] = true;
    free(width);
    return n;
}

/* The scale that the file head gives. */
static double scale_of(const struct book *b, enum vec_metric m, const double *q)
{
    bool *wide = array(b->parts, sizeof *wide);
    uint32_t *order = array(b->parts + 4, sizeof *order);
    double scale = 0;

    wide_parts(b, wide, order);
    for (uint32_t part = 0; part < b->parts; part++) {
        double range = range_of(b, m, q, part), other;
        uint32_t partner = part / 4 % 2 ? part - 4 : part + 4;

        other = partner < b->parts ? range_of(b, m, q, partner) : 0;
        if (wide[part])
            scale = fmax(scale, range / (b->bits <= 4 ? 16382 : 65534));
        else if (b->bits > 4)
            scale = fmax(scale, range / 255);
        else if (partner < b->parts && wide[partner])
            scale = fmax(scale, range / 126.9);
        else
            scale = fmax(scale, (range + other) / 253.9);
    }
    free(wide);
    free(order);
    return scale;
}

/* What a key may be off by: half a step a part, and float sums of numbers up to `size`. */
static double key_bound(const struct book *b, enum vec_metric m, const double *q, double size)
{
    return b->parts * scale_of(b, m, q) / 2 * 1.0001 + size * 1e-6 * (b->sub + 8);
}

/* ---- checks ---- */

static struct codec *open_at(const char *path, enum cpu_level level)
{
    struct codec *c;
    struct err e = {0};

    if (codec_open(&c, path, level, &e) < 0) {
        printf("%s\n", e.msg);
        abort();
    }
    return c;
}

/* Exact: integers, of which float sums are exact. Ties go to the smaller number. */
static void check_nearest(const struct book *b, const float *x, size_t n, const uint8_t *code)
{
    double *y = array(b->dim, sizeof *y);
    size_t wrong = 0;

    for (size_t i = 0; i < n; i++) {
        book_rotate(b, x + i * b->dim, y);
        for (uint32_t part = 0; part < b->parts; part++) {
            uint32_t best = 0;

            for (uint32_t j = 1; j < b->k; j++)
                if (part_key(b, VEC_L2, y, part, j) < part_key(b, VEC_L2, y, part, best))
                    best = j;
            wrong += best != book_part(b, code + i * book_code_bytes(b), part);
        }
    }
    T_CHECKF(wrong == 0, "dim %u parts %u bits %u: %zu wrong", b->dim, b->parts, b->bits, wrong);
    free(y);
}

/* Decoded is R^T of the centroids. */
static void check_decoded(const struct book *b, const uint8_t *code, size_t n, const float *x,
                          double tolerance)
{
    float *y = array(b->dim, sizeof *y);
    double off = 0;

    for (size_t i = 0; i < n; i++) {
        for (uint32_t part = 0; part < b->parts; part++)
            memcpy(y + (size_t)part * b->sub,
                   book_centroid(b, part, book_part(b, code + i * book_code_bytes(b), part)),
                   b->sub * sizeof *y);
        for (uint32_t j = 0; j < b->dim; j++) {
            double v = b->rotation ? 0 : (double)y[j];

            for (uint32_t t = 0; b->rotation && t < b->dim; t++)
                v += (double)b->rotation[(size_t)t * b->dim + j] * (double)y[t];
            off = fmax(off, fabs(v - (double)x[i * b->dim + j]));
        }
    }
    T_CHECKF(off <= tolerance, "dim %u parts %u bits %u: off by %g", b->dim, b->parts, b->bits,
             off);
    free(y);
}

static uint32_t packed_value(const struct book *b, const uint8_t *packed, size_t lines, size_t i,
                             size_t place)
{
    if (b->bits > 4)
        return packed[(i / 64 * lines + place) * 64 + i % 64];
    return packed[(i / 32 * lines + place / 4) * 64 + place % 4 * 16 + i % 16] >>
               (i % 32 < 16 ? 0 : 4) &
           15;
}

/* The packed form, by the diagrams. */
static void check_packed(const struct book *b, const struct codec *c, const uint8_t *code, size_t n)
{
    bool *wide = array(b->parts, sizeof *wide);
    uint32_t *order = array(b->parts + 4, sizeof *order), wides = wide_parts(b, wide, order);
    size_t lines = b->bits <= 4 ? wides / 4 + (b->parts + 3) / 4 : wides + b->parts;
    size_t wrong = 0, len = c->spec.kind->packed_bytes(c, n), block = b->bits <= 4 ? 32 : 64;
    uint8_t *packed = array(len, 1), *again = array(n * c->code_bytes, 1);

    T_CHECK(len == (n + block - 1) / block * lines * 64);
    memset(packed, 0xff, len);
    c->spec.kind->pack(c, code, c->code_bytes, n, packed);
    for (size_t i = 0; i < n; i++) {
        const uint8_t *one = code + i * c->code_bytes;

        for (uint32_t w = 0; w < wides; w++)
            wrong += packed_value(b, packed, lines, i, w) != book_part(b, one, order[w]);
        for (uint32_t part = 0; part < b->parts; part++)
            wrong += packed_value(b, packed, lines, i, wides + part) != book_part(b, one, part);
    }
    T_CHECKF(wrong == 0, "parts %u bits %u n %zu wide %u", b->parts, b->bits, n, wides);
    memset(again, 0xff, n * c->code_bytes);
    c->spec.kind->unpack(c, packed, n, again);
    for (size_t i = 0; i < n; i++)
        for (uint32_t part = 0; part < b->parts; part++)
            wrong += book_part(b, again + i * c->code_bytes, part) !=
                     book_part(b, code + i * c->code_bytes, part);
    T_CHECKF(wrong == 0, "unpacked, parts %u bits %u n %zu wide %u", b->parts, b->bits, n, wides);
    free(again);
    free(packed);
    free(wide);
    free(order);
}

/* The same keys from no more memory than packed_bytes() says. */
static void check_exact_room(const struct codec *c, const void *const *query, size_t nq,
                             const uint8_t *code, size_t n, const float *want)
{
    uint8_t *packed = need(aligned_alloc(64, c->spec.kind->packed_bytes(c, n)));
    float *key = need(malloc(n * nq * sizeof *key));

    c->spec.kind->pack(c, code, c->code_bytes, n, packed);
    c->spec.kind->scan(c, query, nq, packed, n, key, NULL, n);
    T_CHECK(memcmp(key, want, n * nq * sizeof *key) == 0);
    free(packed);
    free(key);
}

/* Keys of a list against the oracle; left in key[nq][n] for comparing levels. */
static void check_keys(const struct book *b, const struct codec *c, enum vec_metric m,
                       const float *queries, size_t nq, const uint8_t *code, size_t n, float *key)
{
    double *q = array(b->dim, sizeof *q), worst = 0;
    void **query = array(nq, sizeof *query);
    struct codec_list l;
    struct err e = {0};

    for (size_t j = 0; j < nq; j++) {
        query[j] = array(c->spec.kind->query_bytes(c), 1);
        c->spec.kind->query_init(c, m, queries + j * b->dim, query[j]);
    }
    if (codec_list_init(&l, c, code, n, 1, &e) < 0)
        abort();
    codec_list_scan(c, &l, (const void *const *)query, nq, key, NULL);
    if (n <= CODEC_LIST)
        check_exact_room(c, (const void *const *)query, nq, code, n, key);
    for (size_t j = 0; j < nq; j++) {
        double size = 0, bound;

        book_rotate(b, queries + j * b->dim, q);
        for (uint32_t part = 0; part < b->parts; part++)
            size += fabs(part_key(b, m, q, part, 0)) + range_of(b, m, q, part);
        bound = key_bound(b, m, q, size);
        for (size_t i = 0; i < n; i++) {
            double exact = 0;

            for (uint32_t part = 0; part < b->parts; part++)
                exact += part_key(b, m, q, part, book_part(b, code + i * c->code_bytes, part));
            worst = fmax(worst, fabs(exact - (double)key[j * n + i]) / (bound > 0 ? bound : 1e-30));
        }
        free(query[j]);
    }
    T_CHECKF(worst <= 1, "dim %u parts %u bits %u n %zu nq %zu: %g of the bound", b->dim, b->parts,
             b->bits, n, nq, worst);
    codec_list_free(&l);
    free(query);
    free(q);
}

static void fill_any(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)rand_u64(&seed);
}

/* All of a codec file on all levels; exact: its numbers and x are small integers. */
static void check_file(const char *path, const struct book *b, const float *x, size_t n, bool exact)
{
    size_t bytes = book_code_bytes(b);
    uint8_t *code = array(n * bytes, 1), *first = array(n * bytes, 1), *any = array(n * bytes, 1);
    size_t nq = 1 + rand_below(&seed, n < 19 ? n : 19);
    float *y = array(n * b->dim, sizeof *y), *key = array(n * nq, sizeof *key);
    float *first_key = array(n * nq, sizeof *key), *first_y = array(n * b->dim, sizeof *y);
    enum vec_metric m = rand_below(&seed, 2) ? VEC_L2 : VEC_IP;
    struct err e = {0};

    fill_any(any, n * bytes);
    for (enum cpu_level level = CPU_PORTABLE; level <= most; level++) {
        struct codec *c = open_at(path, level);

        T_CHECK(c->code_bytes == bytes);
        T_CHECK(codec_encode(c, x, n, code, 2, &e) == 0);
        T_CHECK(codec_decode(c, code, n, y, 2, &e) == 0);
        if (level == CPU_PORTABLE) {
            memcpy(first, code, n * bytes);
            memcpy(first_y, y, n * b->dim * sizeof *y);
            if (exact)
                check_nearest(b, x, n, code);
            check_decoded(b, code, n, y, exact ? 0 : 1e-5);
            check_packed(b, c, any, n < CODEC_LIST ? n : CODEC_LIST);
        }
        check_keys(b, c, m, x, nq, any, n, key);
        if (level == CPU_PORTABLE)
            memcpy(first_key, key, n * nq * sizeof *key);
        T_CHECKF(memcmp(first, code, n * bytes) == 0, "%s, level %d", c->spec.text, level);
        T_CHECKF(memcmp(first_y, y, n * b->dim * sizeof *y) == 0, "%s, level %d", c->spec.text,
                 level);
        T_CHECKF(memcmp(first_key, key, n * nq * sizeof *key) == 0, "%s, level %d, n %zu nq %zu",
                 c->spec.text, level, n, nq);
        codec_free(c);
    }
    free(code);
    free(first);
    free(any);
    free(y);
    free(first_y);
    free(key);
    free(first_key);
}

/* ---- cases ---- */

static float small_integer(int most_of)
{
    return (float)((int)rand_below(&seed, 2 * (uint64_t)most_of + 1) - most_of);
}

/* A signed permutation: a rotation that keeps integers. */
static void permute(struct book *b)
{
    memset(b->rotation, 0, (size_t)b->dim * b->dim * sizeof *b->rotation);
    for (uint32_t i = 0; i < b->dim; i++)
        b->rotation[(size_t)i * b->dim + (i * 5 + 3) % b->dim] = i % 3 ? 1 : -1;
}

/* Centroids among few integers, so that there are many ties and the same one twice. */
static void integers(uint32_t dim, uint32_t parts, uint32_t bits, bool rotated, size_t n)
{
    struct book b = book_new(dim, parts, bits, rotated);
    float *x = array(n * dim, sizeof *x);

    for (size_t i = 0; i < (size_t)parts * b.k * b.sub; i++)
        b.centroids[i] = small_integer(3);
    if (rotated)
        permute(&b);
    for (size_t i = 0; i < n * dim; i++)
        x[i] = small_integer(5);
    book_write(&b, "integers");
    check_file("integers", &b, x, n, true);
    book_free(&b);
    free(x);
}

static void exact_cases(void)
{
    static const size_t sizes[] = {1, 31, 32, 33, 63, 64, 65, 127, 255, 256, 257, 500};

    for (uint32_t bits = 1; bits <= 8; bits++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            uint32_t sub = 1 + (uint32_t)rand_below(&seed, 5);
            uint32_t parts = 1 + (uint32_t)rand_below(&seed, 19);

            integers(parts * sub, parts, bits, false, sizes[i]);
        }
    for (uint32_t parts = 1; parts <= 18; parts++)
        integers(parts * 2, parts, 4, false, 70);
    integers(1, 1, 4, false, 40);
    integers(7, 7, 8, false, 1025);
    integers(9, 3, 4, false, 2100);
    integers(16, 4, 4, true, 100); /* 5 and 3 are coprime to 16: a permutation */
    integers(32, 8, 8, true, 100);
    integers(21, 7, 3, true, 100);
}

/* Sums far beyond 16 bits: every code the farthest. */
static void long_sums(uint32_t parts, uint32_t bits)
{
    struct book b = book_new(parts, parts, bits, false);
    size_t n = 70, bytes = book_code_bytes(&b), wrong = 0;
    uint8_t *code = array(n * bytes, 1);
    float *q = array(parts, sizeof *q), key[70];

    for (uint32_t i = 0; i < parts * b.k; i++)
        b.centroids[i] = (float)(i % b.k) / (float)(b.k - 1);
    memset(q, 0, parts * sizeof *q);
    memset(code, 0xff, n * bytes);
    book_write(&b, "long");
    for (enum cpu_level level = CPU_PORTABLE; level <= most; level++) {
        struct codec *c = open_at("long", level);

        check_keys(&b, c, VEC_L2, q, 1, code, n, key);
        for (size_t i = 0; i < n; i++)
            wrong += fabsf(key[i] - (float)parts) > 0.01F * (float)parts;
        codec_free(c);
    }
    T_CHECKF(wrong == 0, "%u parts of %u bits: %zu wrong, %g", parts, bits, wrong, (double)key[0]);
    book_free(&b);
    free(code);
    free(q);
}

/* Few parts that span much more than the others: their codes weigh in full, and the others keep
 * their steps. */
static void wide_spans(uint32_t parts, uint32_t bits, uint32_t wides, float more)
{
    struct book b = book_new(parts * 2, parts, bits, false);
    bool *wide = array(parts, sizeof *wide);
    uint32_t *order = array(parts + 4, sizeof *order);
    size_t n = 150;
    float *x = array(n * b.dim, sizeof *x);

    for (size_t i = 0; i < (size_t)parts * b.k * 2; i++)
        b.centroids[i] = (i / b.k / 2 * 7 % parts < wides ? more : 1) *
                         (float)(rand_unit(&seed) - 0.5);
    for (size_t i = 0; i < n * b.dim; i++)
        x[i] = (i % b.dim / 2 * 7 % parts < wides ? more : 1) * (float)(rand_unit(&seed) - 0.5);
    T_CHECKF(wide_parts(&b, wide, order) == (bits <= 4 ? (wides + 3) / 4 * 4 : wides),
             "%u parts of %u bits: %u wide", parts, bits, wide_parts(&b, wide, order));
    book_write(&b, "wide");
    check_file("wide", &b, x, n, false);
    book_free(&b);
    free(x);
    free(wide);
    free(order);
}

/* Rows that a few directions make up, and a little noise. */
static float *correlated(size_t n, uint32_t dim, double noise)
{
    enum { RANK = 6 };
    float *x = array(n * dim, sizeof *x);
    double *direction = array((size_t)RANK * dim, sizeof *direction);

    for (size_t i = 0; i < (size_t)RANK * dim; i++)
        direction[i] = rand_normal(&seed);
    for (size_t i = 0; i < n; i++) {
        double weight[RANK];

        for (int r = 0; r < RANK; r++)
            weight[r] = rand_normal(&seed) / (1 + r);
        for (uint32_t j = 0; j < dim; j++) {
            double v = noise * rand_normal(&seed) + (j == 0 ? 3 : 0);

            for (int r = 0; r < RANK; r++)
                v += weight[r] * direction[(size_t)r * dim + j];
            x[i * dim + j] = (float)v;
        }
    }
    free(direction);
    return x;
}

/* Four parts of two components, each of the sixteen points of a grid and a little noise, turned:
 * the same variance in all directions, so that eigenvectors say nothing. */
static float *turned(size_t n)
{
    enum { DIM = 8 };
    double q[DIM * DIM], row[DIM];
    float *x = array(n * DIM, sizeof *x);
    struct err e;

    if (la_orthogonal(q, DIM, 5, &e) < 0)
        abort();
    for (size_t i = 0; i < n; i++) {
        for (int j = 0; j < DIM; j++)
            row[j] = (double)rand_below(&seed, 4) + 0.02 * rand_normal(&seed);
        for (int j = 0; j < DIM; j++) {
            double v = 0;

            for (int d = 0; d < DIM; d++)
                v += q[j * DIM + d] * row[d];
            x[i * DIM + j] = (float)v;
        }
    }
    return x;
}

static double mean_error(const struct codec *c, const float *x, size_t n)
{
    uint8_t *code = array(n * c->code_bytes, 1);
    float *y = array(n * c->dim, sizeof *y);
    double sum = 0;
    struct err e = {0};

    T_CHECK(codec_encode(c, x, n, code, 1, &e) == 0 && codec_decode(c, code, n, y, 1, &e) == 0);
    for (size_t i = 0; i < n * c->dim; i++)
        sum += ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]) / (double)n;
    free(code);
    free(y);
    return sum;
}

static size_t read_all(const char *path, uint8_t **p)
{
    FILE *f = fopen(path, "rb");
    size_t len;

    *p = array(1 << 20, 1);
    len = fread(*p, 1, 1 << 20, need(f));
    fclose(f);
    return len;
}

static bool same_file(const char *a, const char *b)
{
    uint8_t *pa, *pb;
    size_t na = read_all(a, &pa), nb = read_all(b, &pb);
    bool same = na == nb && memcmp(pa, pb, na) == 0;

    free(pa);
    free(pb);
    return same;
}

/* Trained: the same file for all threads and levels, and what it holds is right. Its mean error on
 * the sample. */
static double trained(const char *spec, uint32_t dim, const float *x, size_t n)
{
    struct codec_train t = {.x = x, .n = n, .seed = 7};
    struct codec_spec s;
    struct book b;
    struct codec *c;
    struct err e = {0};
    double error = 0;
    int run = 0;

    for (enum cpu_level level = CPU_PORTABLE; level <= most; level++, run++) {
        t.threads = run == 0 ? 1 : run == 1 ? 2 : 7;
        T_CHECKF(codec_train(&c, spec, dim, level, &t, &e) == 0, "%s", e.msg);
        T_CHECK(codec_save(c, run ? "again" : "trained", &e) == 0);
        T_CHECKF(run == 0 || same_file("trained", "again"), "%s, level %d, %d threads", spec, level,
                 t.threads);
        error = mean_error(c, x, n);
        s = c->spec;
        codec_free(c);
    }
    b = book_read("trained", dim, s.a, s.b, spec[0] == 'o');
    check_file("trained", &b, x, n, false);
    for (uint32_t i = 0; b.rotation && i < dim; i++)
        for (uint32_t j = 0; j <= i; j++) {
            double dot = i == j ? -1 : 0;

            for (uint32_t d = 0; d < dim; d++)
                dot += (double)b.rotation[i * dim + d] * (double)b.rotation[j * dim + d];
            if (fabs(dot) > 1e-6)
                T_CHECKF(false, "rows %u and %u of the rotation: off by %g", i, j, dot);
        }
    book_free(&b);
    return error;
}

static void training(void)
{
    enum { N = 400, DIM = 24 };
    float *x = correlated(N, DIM, 0.1), *same = array(N * DIM, sizeof *same), *grid;
    double pq = trained("pq6x4", DIM, x, N), opq = trained("opq6x4", DIM, x, N);

    T_CHECKF(opq < 0.8 * pq, "opq %g, pq %g", opq, pq);
    pq = trained("pq4x6", DIM, x, N);
    opq = trained("opq4x6", DIM, x, N);
    T_CHECKF(opq < 0.9 * pq, "opq %g, pq %g", opq, pq);
    grid = turned(2000);
    pq = trained("pq4x4", 8, grid, 2000);
    opq = trained("opq4x4", 8, grid, 2000);
    T_CHECKF(opq < 0.5 * pq, "opq %g, pq %g", opq, pq);
    trained("pq24x1", DIM, x, N);
    trained("opq1x8", DIM, x, N);
    trained("pq3x8", DIM, x, 256); /* as many as centroids: each its own */
    T_CHECK(trained("pq1x4", DIM, x, 16) < 1e-9);
    trained("opq1x2", 1, x, N);
    for (size_t i = 0; i < N * DIM; i++)
        same[i] = (float)(i % DIM);
    T_CHECK(trained("pq6x4", DIM, same, N) == 0);
    T_CHECK(trained("opq6x4", DIM, same, N) < 1e-8);
    free(x);
    free(same);
    free(grid);
}

static void refuses(const char *spec, uint32_t dim, size_t n, int code, const char *what)
{
    float *x = correlated(n, dim, 1);
    struct codec_train t = {.x = x, .n = n, .seed = 1, .threads = 1};
    struct codec *c = NULL;
    struct err e = {0};

    T_CHECKF(codec_train(&c, spec, dim, most, &t, &e) == code, "%s", spec);
    T_CHECKF(strstr(e.msg, what) != NULL, "%s: '%s' says not '%s'", spec, e.msg, what);
    T_CHECK(c == NULL);
    free(x);
}

static void bad_specs(void)
{
    refuses("pq7x4", 24, 100, ERR_USAGE, "24 dimensions are not a multiple of 7");
    refuses("opq7x4", 24, 100, ERR_USAGE, "24 dimensions are not a multiple of 7");
    refuses("pq48x4", 24, 100, ERR_USAGE, "not a multiple");
    refuses("pq6x9", 24, 100, ERR_USAGE, "1 to 8 bits");
    refuses("pq6", 24, 100, ERR_USAGE, "pqMxB");
    refuses("opq6", 24, 100, ERR_USAGE, "opqMxB");
    refuses("pq6x4:es", 24, 100, ERR_USAGE, "pqMxB");
    refuses("pq6x4+sq8", 24, 100, ERR_USAGE, "pqMxB");
    refuses("pq0x4", 24, 100, ERR_USAGE, "");
    refuses("pq6x8", 24, 255, ERR_INPUT,
            "pq6x8: 256 centroids need as many vectors, and there are 255");
    refuses("opq6x4", 24, 15, ERR_INPUT,
            "opq6x4: 16 centroids need as many vectors, and there are 15");
    refuses("opq2x4", 8194, 17, ERR_USAGE, "up to 8192");
}

/* Keys of one query with a list. */
static void keys_of(const struct codec *c, enum vec_metric m, const float *q, const uint8_t *code,
                    size_t n, float *key)
{
    void *query = array(c->spec.kind->query_bytes(c), 1);
    const void *const one = query;
    struct codec_list l;
    struct err e = {0};

    c->spec.kind->query_init(c, m, q, query);
    if (codec_list_init(&l, c, code, n, 1, &e) < 0)
        abort();
    codec_list_scan(c, &l, &one, 1, key, NULL);
    codec_list_free(&l);
    free(query);
}

/* Huge and tiny numbers give some key, never NaN, and the same on all levels. */
static void extremes(void)
{
    static const float scales[] = {1e-45F, 1e-38F, 1e-20F, 1e18F, 1e19F, 1e30F, 3e38F};
    enum { N = 64, DIM = 8 };
    uint8_t code[N * 4], first[N * 4];
    float x[N * DIM], key[N], first_key[N];
    struct err e = {0};

    for (size_t s = 0; s < sizeof scales / sizeof *scales; s++) {
        struct book b = book_new(DIM, 4, s % 2 ? 8 : 4, false);
        size_t bytes = book_code_bytes(&b), nan = 0;

        for (size_t i = 0; i < (size_t)b.parts * b.k * b.sub; i++)
            b.centroids[i] = scales[s] * (float)(rand_unit(&seed) - 0.5);
        for (size_t i = 0; i < N * DIM; i++)
            x[i] = scales[s] * (float)(rand_unit(&seed) - 0.5);
        book_write(&b, "extreme");
        for (enum cpu_level level = CPU_PORTABLE; level <= most; level++) {
            struct codec *c = open_at("extreme", level);

            T_CHECK(codec_encode(c, x, N, code, 1, &e) == 0);
            keys_of(c, s % 3 ? VEC_L2 : VEC_IP, x, code, N, key);
            for (size_t i = 0; i < N; i++)
                nan += isnan(key[i]);
            T_CHECK(level == CPU_PORTABLE || (memcmp(code, first, N * bytes) == 0 &&
                                              memcmp(key, first_key, sizeof key) == 0));
            memcpy(first, code, N * bytes);
            memcpy(first_key, key, sizeof key);
            codec_free(c);
        }
        T_CHECKF(nan == 0, "scale %g", (double)scales[s]);
        book_free(&b);
    }
}

/* The product with one centroid alone is infinity less infinity: keys are numbers all the same, and
 * tell nothing apart. */
static void no_sum(uint32_t bits)
{
    enum { N = 64, DIM = 8, PARTS = 4 };
    struct book b = book_new(DIM, PARTS, bits, false);
    uint8_t code[N * PARTS];
    float q[DIM], key[N];
    size_t wrong = 0;

    for (size_t i = 0; i < (size_t)PARTS * b.k * b.sub; i++)
        b.centroids[i] = (float)rand_unit(&seed);
    b.centroids[0] = 3e38F;
    b.centroids[1] = -3e38F;
    for (size_t i = 0; i < DIM; i++)
        q[i] = 10;
    for (size_t i = 0; i < sizeof code; i++)
        code[i] = (uint8_t)rand_u64(&seed);
    book_write(&b, "extreme");
    for (enum cpu_level level = CPU_PORTABLE; level <= most; level++) {
        struct codec *c = open_at("extreme", level);

        keys_of(c, VEC_IP, q, code, N, key);
        for (size_t i = 0; i < N; i++)
            wrong += !isfinite(key[i]) || key[i] != key[0];
        codec_free(c);
    }
    T_CHECKF(wrong == 0, "bits %u: %zu keys", bits, wrong);
    book_free(&b);
}

static void refuses_file(const char *what)
{
    struct codec *c = NULL;
    struct err e = {0};

    T_CHECKF(codec_open(&c, "hostile", most, &e) == ERR_CORRUPT && c == NULL, "%s", what);
    T_CHECKF(strstr(e.msg, "hostile") != NULL, "%s: %s", what, e.msg);
    codec_free(c);
}

static void hostile(void)
{
    enum { CELLS = 24 * 16, SQUARE = 24 * 24 };
    float cen[CELLS], rot[SQUARE];

    memset(cen, 0, sizeof cen);
    memset(rot, 0, sizeof rot);
    for (int i = 0; i < 24; i++)
        rot[i * 25] = 1;
    write_file("hostile", "pq6x9", 24, 7, cen, sizeof cen, NULL, 0);
    refuses_file("bits");
    write_file("hostile", "pq7x4", 24, 4, cen, sizeof cen, NULL, 0);
    refuses_file("parts");
    write_file("hostile", "pq6x4", 24, 4, cen, sizeof cen, NULL, 0);
    refuses_file("size of a code");
    write_file("hostile", "pq6x4", 24, 3, cen, sizeof cen - 4, NULL, 0);
    refuses_file("a centroid short");
    write_file("hostile", "pq6x5", 24, 4, cen, sizeof cen, NULL, 0);
    refuses_file("half of the centroids");
    write_file("hostile", "pq1x1", 1U << 20, 1, cen, sizeof cen, NULL, 0);
    refuses_file("dimensions");
    write_file("hostile", "opq6x4", 24, 3, cen, sizeof cen, NULL, 0);
    refuses_file("no rotation");
    write_file("hostile", "opq6x4", 24, 3, cen, sizeof cen, rot, sizeof rot / 2);
    refuses_file("half a rotation");
    rot[25] = 2;
    write_file("hostile", "opq6x4", 24, 3, cen, sizeof cen, rot, sizeof rot);
    refuses_file("no rotation at all");
    rot[25] = NAN;
    write_file("hostile", "opq6x4", 24, 3, cen, sizeof cen, rot, sizeof rot);
    refuses_file("NaN in the rotation");
    cen[100] = NAN;
    write_file("hostile", "pq6x4", 24, 3, cen, sizeof cen, NULL, 0);
    refuses_file("NaN");
    cen[100] = INFINITY;
    write_file("hostile", "pq6x4", 24, 3, cen, sizeof cen, NULL, 0);
    refuses_file("infinity");
}

/* Cut off anywhere, or one bit other than it was. */
static void damaged(void)
{
    uint8_t *p;
    size_t len = read_all("trained", &p);

    for (size_t i = 0; i < 60; i++) {
        size_t at = rand_below(&seed, len);

        tmp_put("hostile", p, at);
        refuses_file("cut off");
        p[at] ^= (uint8_t)(1 << i % 8);
        tmp_put("hostile", p, len);
        refuses_file("a bit");
        p[at] ^= (uint8_t)(1 << i % 8);
    }
    free(p);
}

int main(void)
{
    tmp_enter();
    most = cpu_detect();
    exact_cases();
    long_sums(2100, 1);
    long_sums(2103, 4);
    long_sums(600, 8);
    wide_spans(17, 4, 1, 100);
    wide_spans(40, 4, 7, 20);
    wide_spans(1101, 4, 270, 30);
    wide_spans(16, 3, 3, 1000);
    wide_spans(40, 8, 7, 20);
    wide_spans(1101, 5, 270, 30);
    training();
    bad_specs();
    extremes();
    no_sum(4);
    no_sum(5);
    no_sum(8);
    hostile();
    damaged();
    tmp_leave();
    return t_done("prop_pq");
}
