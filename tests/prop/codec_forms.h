/* codec_forms.h - the specs that the tests of codecs go through, and vectors to try them on.
 *
 * Every kind of the registry must have a row here: forms_cover_all() says so. A new kind is a row.
 */
#ifndef TESTS_CODEC_FORMS_H
#define TESTS_CODEC_FORMS_H

#include <math.h>

#include "../unit/t.h"
#include "../unit/tmp.h"
#include "base/rand.h"
#include "vec/codec_kind.h"

/* How far a scan's key may be from the one that is computed of the decoded vector and the query q:
 * `tol` times (|q| + L)^2 under l2 and |q| L under ip, L the length of the longest vector, as a
 * codec's steps and tables are made for that. */
struct form {
    const char *spec;
    double tol;
    double loose;  /* at most so many of the lower bounds may be too high; 0: none */
    bool norms;    /* keys under l2 are of the vector's own norm, not the decoded one's: only what
                      lies between two queries' keys can be compared */
    double rough;  /* not 0: keys are estimates that decoded vectors do not give. They are within
                      so much of what the vectors give, and those of the portable level are what
                      all others are compared with */
    uint32_t most; /* dimensions, as training takes long; 0: any number */
};

static const struct form forms[] = {
    {.spec = "sq8", .tol = 1e-4},
    {.spec = "sq4", .tol = 1e-2},
    {.spec = "lvq8", .tol = 1e-3},
    {.spec = "lvq4", .tol = 1e-2},
    {.spec = "lvq4x8", .tol = 1e-3},
    {.spec = "pq1x1", .tol = 2e-2},
    {.spec = "pq8x4", .tol = 2e-2},
    {.spec = "pq4x5", .tol = 2e-2, .most = 48},
    {.spec = "pq2x8", .tol = 2e-2, .most = 48},
    {.spec = "opq8x4", .tol = 2e-2, .most = 48},
    {.spec = "osq1", .tol = 1e-5},
    {.spec = "osq4", .tol = 1e-5, .most = 48},
    {.spec = "osq7", .tol = 1e-5, .most = 48},
    {.spec = "rabitq1", .tol = 1e-5, .loose = .002, .rough = 3},
    {.spec = "rabitq3", .tol = 1e-5, .loose = .002, .rough = .5},
    {.spec = "rabitq4", .tol = 1e-5, .loose = .002, .rough = .25},
    {.spec = "rabitq8", .tol = 1e-5, .loose = .002, .rough = .03},
    {.spec = "leanvec8+sq8", .tol = 1e-4, .norms = true},
    {.spec = "leanvec16:pca+w4g8", .tol = 1e-2, .norms = true},
    {.spec = "leanvec12:es+sq4", .tol = 1e-2, .norms = true, .most = 48},
    {.spec = "leanvec1:fw+sq8", .tol = 1e-4, .norms = true, .most = 48},
    {.spec = "qavq10", .tol = 1e-5, .most = 48},
    {.spec = "qavq300", .tol = 1e-5, .most = 48},
    {.spec = "w4g4", .tol = 1e-2},
    {.spec = "w4g32:f32", .tol = 1e-5},
    {.spec = "w4g128", .tol = 1e-2},
};
enum { FORMS = sizeof forms / sizeof *forms };

static inline void forms_cover_all(void)
{
    const struct codec_kind *k;

    for (size_t i = 0; (k = codec_kind_at(i)); i++) {
        bool there = false;

        for (size_t f = 0; f < FORMS; f++) {
            struct codec_spec s;
            struct err e = {0};

            there |= codec_parse(forms[f].spec, &s, &e) == 0 && s.kind == k;
        }
        T_CHECKF(there, "kind %s has no row in codec_forms.h", k->name);
        T_CHECKF(k->forms && k->what, "kind %s says what it is", k->name);
    }
}

/* ---- vectors ---- */

enum shape {
    NORMAL,
    SPREAD,     /* each dimension of another size, and away from zero */
    CONSTANT,   /* all rows equal */
    ZEROS,      /* all zero, but for a last row */
    DUPLICATES, /* of three rows */
    WHOLE,      /* bytes */
    MIXED,      /* rows of very different length, zeros among them */
    LARGE,      /* 1e14 */
    HUGE,       /* squares beyond it */
    TINY,       /* squares vanish, components are subnormal */
    SHAPES
};

static const char *const shape_name[] = {"normal", "spread", "constant", "zeros", "duplicates",
                                         "whole",  "mixed",  "large",    "huge",  "tiny"};

static float component(enum shape shape, size_t i, size_t n, uint32_t j, uint64_t *seed)
{
    double v = rand_normal(seed);

    switch (shape) {
    case SPREAD:
        return (float)(v * exp2(-(double)(j % 13)) + 3 - (double)(j % 3));
    case CONSTANT:
        return (float)(j % 5) - 1.25F;
    case ZEROS:
        return i + 1 == n ? (float)v : 0;
    case DUPLICATES:
        return (float)((i % 3 + 1) * (j % 7)) - 4;
    case WHOLE:
        return (float)rand_below(seed, 256);
    case MIXED:
        return i % 7 == 3 ? 0 : (float)(v * exp2((double)(i % 41) - 20));
    case LARGE:
        return (float)(v * 1e14);
    case HUGE:
        return (float)(v * 1e30);
    case TINY:
        return (float)(v * (i % 2 ? 1e-30 : 1e-41));
    default:
        return (float)v;
    }
}

static inline void *take(size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 63) / 64 * 64 + (bytes == 0) * 64);

    if (!p)
        exit(1);
    return p;
}

/* n rows in memory that ends where they do. */
static inline float *vectors(enum shape shape, size_t n, uint32_t dim, uint64_t seed)
{
    float *x = malloc(n * dim * sizeof *x + !n);

    if (!x)
        exit(1);
    for (size_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < dim; j++)
            x[i * dim + j] = component(shape, i, n, j, &seed);
    return x;
}

/* A codec, or NULL where the spec cannot work, which must be said. */
static inline struct codec *trained(const char *spec, enum shape shape, size_t n, uint32_t dim,
                                    enum cpu_level cpu, int threads)
{
    float *x = vectors(shape, n, dim, 1), *q = vectors(shape, n, dim, 2);
    struct codec_train t = {
        .x = x, .n = n, .queries = q, .n_queries = n, .seed = 5, .threads = threads};
    struct codec *c = NULL;
    struct err e = {0};
    int rc = codec_train(&c, spec, dim, cpu, &t, &e);

    T_CHECKF((rc == 0) == (c != NULL) && (rc == 0 || ((rc == ERR_USAGE || rc == ERR_INPUT) &&
                                                      rc == e.code && strlen(e.msg) > 10)),
             "%s of %zu %s rows of %u: %d, %s", spec, n, shape_name[shape], dim, rc, e.msg);
    free(x);
    free(q);
    return c;
}

#endif
