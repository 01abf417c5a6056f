/* codec_files.h - codec files for tests: read back section by section, and written again with one
 * thing wrong and every checksum right, as only malice writes them. */
#ifndef TESTS_CODEC_FILES_H
#define TESTS_CODEC_FILES_H

#include "../unit/t.h"
#include "../unit/tmp.h"

#include <math.h>

#include "base/rand.h"
#include "vec/codec_kind.h"

static const char cf_kind[4] = {'v', 'c', 'o', 'd'};

static inline void *cf_need(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size);

    if (!p)
        abort();
    return p;
}

/* n rows of normal numbers, standard deviations (1 + j)^-power. */
static inline float *cf_normal(size_t n, uint32_t dim, double power, uint64_t seed)
{
    float *x = cf_need(n * dim, sizeof *x);

    for (size_t i = 0; i < n * dim; i++)
        x[i] = (float)(rand_normal(&seed) * pow(1 + (double)(i % dim), -power));
    return x;
}

/* A section of a file, copied; aborts when it has another length. */
static inline void *cf_section(const char *path, const char *id, size_t n, size_t size)
{
    struct sect_file *f;
    const void *p;
    void *copy = cf_need(n, size);
    struct err e;

    if (sect_open(&f, path, cf_kind, 1, &e) < 0 || sect_need(f, id, n, size, &p, &e) < 0) {
        printf("%s\n", e.msg);
        abort();
    }
    memcpy(copy, p, n * size);
    sect_close(f);
    return copy;
}

enum cf_damage { CF_NONE, CF_MISSING, CF_SHORT, CF_LONG, CF_NAN, CF_DAMAGES };

/* Writes `path` again as `to`, with `damage` to section number `at`; or, where text is not NULL,
 * that as its first bytes. */
static inline void cf_rewrite(const char *path, const char *to, size_t at, enum cf_damage damage,
                              const void *text, size_t len)
{
    static const float bad = NAN;
    struct sect_file *f;
    struct sect_writer *w;
    struct err e;

    if (sect_open(&f, path, cf_kind, 1, &e) < 0 || sect_create(&w, to, cf_kind, 1, 0, &e) < 0)
        abort();
    for (size_t i = 0; i < sect_count(f); i++) {
        struct sect_row row = sect_row(f, i);
        const char *p = sect_get(f, row.id, &row.len);
        char *copy = cf_need(row.len + 4, 1);
        enum cf_damage d = i == at ? damage : CF_NONE;

        memcpy(copy, p, row.len);
        if (i == at && text)
            memcpy(copy, text, len);
        if (d == CF_NAN)
            memcpy(copy + row.len / 8 * 4, &bad, 4);
        row.len += d == CF_LONG ? 4 : 0;
        row.len -= d == CF_SHORT ? 4 : 0;
        if (d != CF_MISSING && sect_put(w, row.id, row.flags, copy, row.len, &e) < 0)
            abort();
        free(copy);
    }
    if (sect_commit(&w, &e) < 0)
        abort();
    sect_close(f);
}

/* Every section of a codec's file, damaged every way: refused as damaged, and nothing else.
 * `floats` names sections of floats, four letters each: "MEA0MPA0". */
static inline void cf_check_damage(const char *path, const char *floats)
{
    struct sect_file *f;
    struct codec *c;
    struct err e;
    size_t n;

    if (sect_open(&f, path, cf_kind, 1, &e) < 0)
        abort();
    n = sect_count(f);
    for (size_t at = 0; at < n; at++) {
        struct sect_row row = sect_row(f, at);

        for (int d = CF_NONE; d < CF_DAMAGES; d++) {
            if (d == CF_NAN && !strstr(floats, row.id))
                continue;
            cf_rewrite(path, "damaged", at, (enum cf_damage)d, NULL, 0);
            T_CHECKF(codec_open(&c, "damaged", CPU_PORTABLE, &e) ==
                         (d == CF_NONE ? 0 : ERR_CORRUPT),
                     "section %s, damage %d", row.id, d);
            codec_free(c);
        }
    }
    sect_close(f);
}

/* A codec of another spec, dimension or size of codes than its sections are. */
static inline void cf_check_meta(const char *path, size_t at, const char *spec, uint32_t dim,
                                 uint32_t code_bytes)
{
    unsigned char meta[CODEC_SPEC_MAX + 8] = {0};
    struct codec *c;
    struct err e;

    memcpy(meta, spec, strlen(spec));
    memcpy(meta + CODEC_SPEC_MAX, &dim, 4);
    memcpy(meta + CODEC_SPEC_MAX + 4, &code_bytes, 4);
    cf_rewrite(path, "damaged", at, CF_NONE, meta, sizeof meta);
    T_CHECKF(codec_open(&c, "damaged", CPU_PORTABLE, &e) == ERR_CORRUPT, "%s, %u, %u", spec, dim,
             code_bytes);
    codec_free(c);
}

static inline bool cf_same_files(const char *a, const char *b)
{
    char command[128];

    snprintf(command, sizeof command, "cmp -s %s %s", a, b);
    return system(command) == 0;
}

/* Trained and encoded with 1, 2 and 7 threads, on every level, opened again: the same file and the
 * same codes, decoded to the same bytes. The file stays as "codec", and is returned open. */
static inline struct codec *cf_check_same(const char *spec, uint32_t dim, struct codec_train t)
{
    static const int threads[] = {1, 2, 7};
    uint8_t *first = NULL;
    float *vectors = NULL;
    struct codec *c = NULL;
    struct err e;

    for (int level = (int)cpu_detect(); level >= 0; level--)
        for (int i = 0; i < 3; i++) {
            uint8_t *code;
            float *x = cf_need(t.n * dim, sizeof *x);

            codec_free(c);
            t.threads = threads[i];
            T_CHECKF(codec_train(&c, spec, dim, (enum cpu_level)level, &t, &e) == 0, "%s: %s", spec,
                     e.msg);
            if (!c)
                return NULL;
            T_CHECK(codec_save(c, first ? "again" : "codec", &e) == 0);
            codec_free(c);
            T_CHECKF(codec_open(&c, first ? "again" : "codec", (enum cpu_level)level, &e) == 0,
                     "%s", e.msg);
            code = cf_need(t.n, c->code_bytes);
            T_CHECK(codec_encode(c, t.x, t.n, code, threads[i], &e) == 0);
            T_CHECK(codec_decode(c, code, t.n, x, threads[i], &e) == 0);
            if (first) {
                T_CHECKF(cf_same_files("codec", "again"), "%s, level %d, %d threads", spec, level,
                         threads[i]);
                T_CHECK(memcmp(first, code, t.n * c->code_bytes) == 0);
                T_CHECK(memcmp(vectors, x, t.n * dim * sizeof *x) == 0);
                free(code);
                free(x);
            } else {
                first = code;
                vectors = x;
            }
        }
    free(first);
    free(vectors);
    return c;
}

/* out[j * n + i]: the key of query j with vector i by the codec's own scan. */
static inline void cf_scan(const struct codec *c, enum vec_metric m, const uint8_t *code, size_t n,
                           const float *q, size_t nq, float *out)
{
    size_t bytes = (c->spec.kind->query_bytes(c) + 63) / 64 * 64;
    void **query = cf_need(nq, sizeof *query);
    struct codec_list list;
    struct err e;

    for (size_t j = 0; j < nq; j++) {
        query[j] = aligned_alloc(64, bytes);
        c->spec.kind->query_init(c, m, q + j * c->dim, query[j]);
    }
    T_CHECK(codec_list_init(&list, c, code, n, 1, &e) == 0);
    codec_list_scan(c, &list, (const void *const *)query, nq, out, NULL);
    codec_list_free(&list);
    for (size_t j = 0; j < nq; j++)
        free(query[j]);
    free(query);
}

#endif
