/* codec_data.h - vectors to try codecs on, and what every codec must do whatever its formulas: the
 * same codes on all levels and with any number of threads, the same after a file, keys of lists of
 * any length and any number of queries, and no damaged file that opens.
 */
#ifndef TESTS_CODEC_DATA_H
#define TESTS_CODEC_DATA_H

#include "vec_data.h"

#include "vec/codec_kind.h"

static double data_l2(const float *a, const float *b, uint32_t d)
{
    double sum = 0;

    for (uint32_t j = 0; j < d; j++)
        sum += ((double)a[j] - (double)b[j]) * ((double)a[j] - (double)b[j]);
    return sum;
}

static double data_dot(const float *a, const float *b, uint32_t d)
{
    double sum = 0;

    for (uint32_t j = 0; j < d; j++)
        sum += (double)a[j] * (double)b[j];
    return sum;
}

static inline double data_key(enum vec_metric m, const float *x, const float *q, uint32_t d)
{
    return m == VEC_L2 ? data_l2(x, q, d) : -data_dot(x, q, d);
}

static struct codec *codec_of(const char *spec, enum cpu_level cpu, const float *x, size_t n,
                              uint32_t d, int threads)
{
    const struct codec_train t = {.x = x, .n = n, .seed = 7, .threads = threads};
    struct codec *c = NULL;
    struct err e = {0};

    if (codec_train(&c, spec, d, cpu, &t, &e) < 0)
        printf("%s: %s\n", spec, e.msg);
    return data_need(c);
}

static uint8_t *codes_of(const struct codec *c, const float *x, size_t n, int threads)
{
    uint8_t *code = data_need(malloc(n * c->code_bytes + 1));
    struct err e = {0};

    T_CHECKF(codec_encode(c, x, n, code, threads, &e) == 0, "%s: %s", c->spec.text, e.msg);
    return code;
}

/* Queries of one codec, prepared. */
struct queries {
    const void **p;
    uint8_t *all;
    size_t n;
};

static struct queries queries_of(const struct codec *c, enum vec_metric m, const float *q, size_t n)
{
    size_t bytes = (c->spec.kind->query_bytes(c) + 63) / 64 * 64;
    struct queries s = {data_need(calloc(n, sizeof *s.p)), data_need(aligned_alloc(64, n * bytes)),
                        n};

    for (size_t i = 0; i < n; i++) {
        c->spec.kind->query_init(c, m, q + i * c->dim, s.all + i * bytes);
        s.p[i] = s.all + i * bytes;
    }
    return s;
}

static void queries_free(struct queries *s)
{
    free(s->p);
    free(s->all);
}

/* Keys [nq][n], and lower bounds behind them when the kind has them. */
static float *keys_of(const struct codec *c, enum vec_metric m, const float *q, size_t nq,
                      const uint8_t *code, size_t n)
{
    struct queries s = queries_of(c, m, q, nq);
    float *key = data_need(calloc(2 * nq * n, sizeof *key));
    struct codec_list l;
    struct err e = {0};

    T_CHECK(codec_list_init(&l, c, code, n, 1, &e) == 0);
    codec_list_scan(c, &l, s.p, nq, key, c->spec.kind->bounds ? key + nq * n : NULL);
    codec_list_free(&l);
    queries_free(&s);
    return key;
}

static bool data_same(const void *a, const void *b, size_t n)
{
    return memcmp(a, b, n) == 0;
}

/* Another level, other threads, a file: the same codes, vectors and keys. */
static void check_same(const struct codec *c, const struct codec *o, const float *x, size_t n,
                       const float *q, size_t nq, int threads, const char *what)
{
    uint8_t *code = codes_of(c, x, n, 1), *other = codes_of(o, x, n, threads);
    float *back = data_need(malloc(n * c->dim * sizeof *back)),
          *back2 = data_need(malloc(n * c->dim * sizeof *back));
    struct err e = {0};

    T_CHECKF(c->code_bytes == o->code_bytes && data_same(code, other, n * c->code_bytes),
             "%s, d = %u: codes differ: %s", c->spec.text, c->dim, what);
    codec_decode(c, code, n, back, 1, &e);
    codec_decode(o, code, n, back2, threads, &e);
    T_CHECKF(data_same(back, back2, n * c->dim * sizeof *back), "%s, d = %u: vectors: %s",
             c->spec.text, c->dim, what);
    for (int m = 0; m < 2; m++) {
        float *key = keys_of(c, m ? VEC_IP : VEC_L2, q, nq, code, n),
              *key2 = keys_of(o, m ? VEC_IP : VEC_L2, q, nq, code, n);

        T_CHECKF(data_same(key, key2, 2 * nq * n * sizeof *key), "%s, d = %u: keys: %s",
                 c->spec.text, c->dim, what);
        free(key);
        free(key2);
    }
    free(code);
    free(other);
    free(back);
    free(back2);
}

static void check_levels(const char *spec, const float *x, size_t n, uint32_t d, const float *q,
                         size_t nq)
{
    struct codec *c = codec_of(spec, CPU_PORTABLE, x, n, d, 1);
    static const int threads[] = {1, 2, 7};
    struct err e = {0};

    T_CHECKF(codec_save(c, "codec", &e) == 0, "%s", e.msg);
    for (enum cpu_level level = CPU_PORTABLE; level <= cpu_detect(); level++) {
        struct codec *o = codec_of(spec, level, x, n, d, threads[level]), *f = NULL;

        check_same(c, o, x, n, q, nq, threads[level], cpu_name(level));
        T_CHECKF(codec_open(&f, "codec", level, &e) == 0, "%s", e.msg);
        check_same(c, f, x, n, q, nq, threads[level], "from a file");
        codec_free(o);
        codec_free(f);
    }
    codec_free(c);
}

/* A list of n codes has the keys that a list of each alone has. */
static void check_lists(const struct codec *c, const float *x, size_t n, const float *q, size_t nq)
{
    uint8_t *code = codes_of(c, x, n, 1);
    float *key = keys_of(c, VEC_L2, q, nq, code, n);

    for (size_t i = 0; i < n; i += 1 + n / 7) {
        float *one = keys_of(c, VEC_L2, q, 1, code + i * c->code_bytes, 1);

        T_CHECKF(data_same(one, key + i, sizeof *one), "%s: code %zu of %zu", c->spec.text, i, n);
        free(one);
    }
    for (size_t j = 0; j < nq; j++) {
        float *one = keys_of(c, VEC_L2, q + j * c->dim, 1, code, n);

        T_CHECKF(data_same(one, key + j * n, n * sizeof *one) &&
                     data_same(one + n, key + (nq + j) * n, n * sizeof *one),
                 "%s: query %zu of %zu", c->spec.text, j, nq);
        free(one);
    }
    free(code);
    free(key);
}

/* A codec's file with one section replaced (NULL: left out) does not open. */
static void check_damage(const struct codec *c, const char id[4], const void *p, size_t len)
{
    static const char kind[4] = {'v', 'c', 'o', 'd'};
    struct sect_file *f = NULL;
    struct sect_writer *w = NULL;
    struct codec *o = NULL;
    struct err e = {0};

    T_CHECK(codec_save(c, "whole", &e) == 0 && sect_open(&f, "whole", kind, 1, &e) == 0);
    T_CHECK(sect_create(&w, "damaged", kind, 1, 0, &e) == 0);
    for (size_t i = 0; i < sect_count(f); i++) {
        struct sect_row row = sect_row(f, i);
        uint64_t n;
        const void *was = sect_get(f, row.id, &n);

        if (memcmp(row.id, id, 4) == 0) {
            was = p;
            n = len;
        }
        if (was)
            T_CHECK(sect_put(w, row.id, row.flags, was, n, &e) == 0);
    }
    T_CHECK(sect_commit(&w, &e) == 0);
    sect_close(f);
    T_CHECKF(codec_open(&o, "damaged", CPU_PORTABLE, &e) == ERR_CORRUPT && strstr(e.msg, "damaged"),
             "%s %.4s: %s", c->spec.text, id, e.msg);
    codec_free(o);
}

/* No beginning of a codec's file opens. */
static void check_truncated(const struct codec *c)
{
    static char file[1 << 20];
    struct codec *o = NULL;
    struct err e = {0};
    size_t len;
    FILE *f;

    T_CHECK(codec_save(c, "whole", &e) == 0);
    f = data_need(fopen("whole", "rb"));
    len = fread(file, 1, sizeof file, f);
    fclose(f);
    for (size_t n = 0; n < len; n += 1 + len / 50) {
        tmp_put("cut", file, n);
        T_CHECKF(codec_open(&o, "cut", CPU_PORTABLE, &e) < 0 && !o, "%s: %zu bytes of %zu",
                 c->spec.text, n, len);
    }
}

#endif
