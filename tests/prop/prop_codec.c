/* prop_codec.c - every codec on data of every shape.
 *
 * A trained codec is the same file for 1, 2 and 7 threads and on every CPU level, and so are codes
 * and decoded vectors; a codec that was read from a file makes the same codes. Keys of scans are
 * compared with what the decoded vectors give, in double; lower bounds with what the vectors give
 * themselves. Buffers end where their contents do, so that the sanitizer sees who goes further.
 */
#include "codec_forms.h"

static const struct {
    enum shape shape;
    size_t n;
    uint32_t dim;
} sets[] = {
    {NORMAL, 700, 24}, {NORMAL, 1, 24},       {NORMAL, 300, 31},  {NORMAL, 400, 1},
    {NORMAL, 70, 2},   {SPREAD, 400, 48},     {SPREAD, 320, 784}, {CONSTANT, 100, 12},
    {ZEROS, 90, 16},   {DUPLICATES, 600, 24}, {WHOLE, 500, 20},   {MIXED, 410, 32},
    {LARGE, 300, 24},  {HUGE, 300, 24},       {TINY, 300, 24},
};
enum { SETS = sizeof sets / sizeof *sets };

/* What is being tried, for messages. */
struct trial {
    const struct form *form;
    enum shape shape;
    size_t n;
    uint32_t dim;
    char text[120];
};

/* ---- files ---- */

static uint8_t *slurp(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    uint8_t *p;

    if (!f || fseek(f, 0, SEEK_END) < 0)
        exit(1);
    *len = (size_t)ftell(f);
    rewind(f);
    p = malloc(*len + 1);
    if (!p || fread(p, 1, *len, f) != *len)
        exit(1);
    fclose(f);
    return p;
}

static bool same_files(const char *a, const char *b)
{
    size_t na, nb;
    uint8_t *pa = slurp(a, &na), *pb = slurp(b, &nb);
    bool same = na == nb && na > 0 && memcmp(pa, pb, na) == 0;

    free(pa);
    free(pb);
    return same;
}

static bool opens(const char *path)
{
    struct codec *c = NULL;
    struct err e = {0};
    int rc = codec_open(&c, path, CPU_PORTABLE, &e);

    T_CHECKF(rc == 0, "%s", e.msg);
    codec_free(c);
    return rc == 0;
}

static const int team[] = {1, 2, 7};

/* Trained on every level and by every team, the file `one` is always the same. false: the spec
 * cannot work. */
static bool check_training(const struct trial *t)
{
    const int top = (int)cpu_detect();
    const struct {
        int level, threads;
    } way[] = {{top, 1}, {CPU_PORTABLE, 2}, {top > CPU_AVX2 ? CPU_AVX2 : top, 7}, {top, 2}};
    struct err e = {0};
    struct codec *c;

    for (size_t i = 0; i < (t->dim > 64 ? 2 : 4); i++) {
        c = trained(t->form->spec, t->shape, t->n, t->dim, (enum cpu_level)way[i].level,
                    way[i].threads);
        if (!c && i == 0)
            return false;
        if (!c || codec_save(c, i ? "other" : "one", &e) < 0)
            T_CHECKF(0, "%s at level %d: %s", t->text, way[i].level, e.msg);
        else if (i)
            T_CHECKF(same_files("one", "other"), "%s: level %d, %d threads", t->text, way[i].level,
                     way[i].threads);
        codec_free(c);
    }
    if (opens("one"))
        return true;
    printf("which is %s\n", t->text);
    return false;
}

/* ---- codes ---- */

static struct codec *opened(const char *path, int level)
{
    struct codec *c = NULL;
    struct err e = {0};

    if (codec_open(&c, path, (enum cpu_level)level, &e) < 0) {
        printf("%s\n", e.msg);
        exit(1);
    }
    return c;
}

/* Codes of x and what they stand for, of one level and one number of threads. */
static void code(const struct codec *c, const float *x, size_t n, int threads, uint8_t *codes,
                 float *back)
{
    struct err e = {0};

    T_CHECK(codec_encode(c, x, n, codes, threads, &e) == 0);
    T_CHECKF(codec_decode(c, codes, n, back, threads, &e) == 0, "%s: %s", c->spec.text, e.msg);
}

static void check_codes(const struct trial *t, const float *x, size_t n, const uint8_t *want,
                        const float *want_back)
{
    for (int level = CPU_PORTABLE; level <= (int)cpu_detect(); level++) {
        struct codec *c = opened("one", level);
        uint8_t *codes = malloc(n * c->code_bytes);
        float *back = malloc(n * c->dim * sizeof *back);

        for (size_t i = 0; i < 3; i++) {
            if (level < (int)cpu_detect() && i != (size_t)level % 3) /* a team a level will do */
                continue;
            memset(codes, 0xa5, n * c->code_bytes);
            code(c, x, n, team[i], codes, back);
            T_CHECKF(memcmp(codes, want, n * c->code_bytes) == 0, "%s: codes at level %d, %d",
                     t->text, level, team[i]);
            T_CHECKF(memcmp(back, want_back, n * c->dim * sizeof *back) == 0,
                     "%s: decoded at level %d, %d", t->text, level, team[i]);
        }
        free(codes);
        free(back);
        codec_free(c);
    }
}

/* One vector at a time gives what many do. */
static void check_single(const struct trial *t, const struct codec *c, const float *x, size_t n,
                         const uint8_t *want)
{
    uint8_t *one = malloc(c->code_bytes);
    struct err e = {0};

    for (size_t i = 0; i < n; i += 1 + n / 40) {
        T_CHECK(codec_encode(c, x + i * c->dim, 1, one, 1, &e) == 0);
        T_CHECKF(memcmp(one, want + i * c->code_bytes, c->code_bytes) == 0, "%s: row %zu alone",
                 t->text, i);
    }
    free(one);
}

/* ---- keys ---- */

static double norm(const float *x, uint32_t dim)
{
    return sqrt(vec_norm2(x, dim));
}

static double true_key(enum vec_metric m, const float *x, const float *q, uint32_t dim)
{
    double sum = 0;

    for (uint32_t j = 0; j < dim; j++) {
        double a = x[j], b = q[j];

        sum += m == VEC_L2 ? (a - b) * (a - b) : -a * b;
    }
    return sum;
}

enum { QUERIES = 19 };

/* What f32 cannot tell from zero. */
#define VANISHING 1e-37

/* What keys should be: [QUERIES][n]. */
struct truth {
    size_t n;
    double *decoded; /* of the decoded vectors */
    double *own;     /* of the vectors */
    double *scale;   /* what the tolerance is of */
};

static struct truth truth_of(enum vec_metric m, const float *x, const float *back, size_t n,
                             const float *q, uint32_t dim)
{
    struct truth t = {.n = n};
    double least = 0;

    t.decoded = take(QUERIES * n * sizeof(double));
    t.own = take(QUERIES * n * sizeof(double));
    t.scale = take(QUERIES * n * sizeof(double));
    for (size_t i = 0; i < n; i++)
        least = fmax(least, norm(x + i * dim, dim));
    for (size_t k = 0; k < QUERIES; k++)
        for (size_t i = 0; i < n; i++) {
            double a = norm(q + k * dim, dim), b = fmax(norm(back + i * dim, dim), least);

            t.decoded[k * n + i] = true_key(m, back + i * dim, q + k * dim, dim);
            t.own[k * n + i] = true_key(m, x + i * dim, q + k * dim, dim);
            t.scale[k * n + i] = m == VEC_L2 ? (a + b) * (a + b) : a * b;
        }
    return t;
}

static void truth_free(struct truth *t)
{
    free(t->decoded);
    free(t->own);
    free(t->scale);
}

struct scan {
    const struct trial *t;
    const struct codec *c;
    enum vec_metric metric;
    const struct truth *truth;
    const float *q;
    size_t nq;
    size_t bounds, broken;
};

/* Keys of n codes from `first` on. */
static void compare_keys(struct scan *s, size_t first, size_t n, const float *key, const float *low)
{
    bool between = s->t->form->norms && s->metric == VEC_L2;
    double worst = 0;

    for (size_t k = 0; k < s->nq; k++)
        for (size_t i = 0; i < n; i++) {
            size_t at = k * s->truth->n + first + i;
            double scale = s->truth->scale[at];
            double off = (double)key[k * n + i] - s->truth->decoded[at];

            if (between)
                off -= (double)key[i] - s->truth->decoded[first + i];
            if (!(fabs(off) <= s->t->form->tol * scale + 1e-30) && !(fabs(off) / scale <= worst))
                worst = fabs(off) / scale;
            if (low) {
                s->bounds++;
                s->broken += !((double)low[k * n + i] <= s->truth->own[at] + VANISHING);
            }
        }
    T_CHECKF(worst == 0, "%s: %s keys of %zu codes, %zu queries at level %s are off by %g",
             s->t->text, vec_metric_name(s->metric), n, s->nq, cpu_name(s->c->cpu), worst);
}

static void *prepared(const struct scan *s, size_t k)
{
    size_t bytes = s->c->spec.kind->query_bytes(s->c);
    void *p = take(bytes);

    s->c->spec.kind->query_init(s->c, s->metric, s->q + k * s->c->dim, p);
    return p;
}

/* One piece of n codes, as a kind is called. */
static void check_piece(struct scan *s, const void *const *query, const uint8_t *codes,
                        size_t first, size_t n)
{
    const struct codec_kind *kind = s->c->spec.kind;
    size_t bytes = kind->packed_bytes ? kind->packed_bytes(s->c, n) : n * s->c->code_bytes;
    uint8_t *packed = take(bytes);
    float *key = malloc(s->nq * n * sizeof *key + !n), *low = NULL;

    if (kind->bounds)
        low = malloc(s->nq * n * sizeof *low + !n);
    memset(packed, 0x5a, bytes);
    if (kind->pack)
        kind->pack(s->c, codes + first * s->c->code_bytes, s->c->code_bytes, n, packed);
    else
        memcpy(packed, codes + first * s->c->code_bytes, bytes);
    kind->scan(s->c, query, s->nq, packed, n, key, NULL, n);
    compare_keys(s, first, n, key, NULL);
    if (low) {
        kind->scan(s->c, query, s->nq, packed, n, key, low, n);
        compare_keys(s, first, n, key, low);
    }
    free(packed);
    free(key);
    free(low);
}

/* A list of all n codes, of several pieces. */
static void check_list(struct scan *s, const void *const *query, const uint8_t *codes, size_t n)
{
    struct codec_list l;
    struct err e = {0};
    float *key = malloc(s->nq * n * sizeof *key + !n);

    T_CHECK(codec_list_init(&l, s->c, codes, n, team[s->nq % 3], &e) == 0);
    codec_list_scan(s->c, &l, query, s->nq, key, NULL);
    compare_keys(s, 0, n, key, NULL);
    codec_list_free(&l);
    free(key);
}

static void check_scans(struct scan *s, const uint8_t *codes, size_t n)
{
    static const size_t size[] = {0, 1, 31, 32, 33, 1023, 1024};
    const void **query = malloc(s->nq * sizeof *query);
    void **own = malloc(s->nq * sizeof *own);

    for (size_t k = 0; k < s->nq; k++)
        query[k] = own[k] = prepared(s, k);
    for (size_t i = 0; i < sizeof size / sizeof *size; i++)
        if (size[i] <= n)
            check_piece(s, query, codes, size[i] % 3 && size[i] < n, size[i]);
    check_list(s, query, codes, n);
    for (size_t k = 0; k < s->nq; k++)
        free(own[k]);
    free(query);
    free(own);
    T_CHECKF(s->broken <= s->t->form->loose * (double)s->bounds,
             "%s: %zu of %zu lower bounds under %s are too high at level %s", s->t->text, s->broken,
             s->bounds, vec_metric_name(s->metric), cpu_name(s->c->cpu));
}

/* ---- all of it ---- */

/* Where decoded vectors do not tell: the keys of the portable level, a query at a time, which must
 * be near what the vectors give. */
static void take_estimates(const struct trial *t, struct truth *truth, enum vec_metric m,
                           const uint8_t *codes, const float *q)
{
    struct codec *c = opened("one", CPU_PORTABLE);
    float *key = malloc(truth->n * sizeof *key);
    void *query = take(c->spec.kind->query_bytes(c));
    const void *queries[] = {query};
    struct codec_list l;
    struct err e = {0};
    double worst = 0;

    T_CHECK(codec_list_init(&l, c, codes, truth->n, 1, &e) == 0);
    for (size_t k = 0; k < QUERIES; k++) {
        c->spec.kind->query_init(c, m, q + k * t->dim, query);
        codec_list_scan(c, &l, queries, 1, key, NULL);
        for (size_t i = 0; i < truth->n; i++) {
            size_t at = k * truth->n + i;

            truth->decoded[at] = (double)key[i];
            if (truth->scale[at] > 1e-25)
                worst = fmax(worst, fabs((double)key[i] - truth->own[at]) / truth->scale[at]);
        }
    }
    T_CHECKF(worst <= t->form->rough, "%s: estimates of %s are off by %g", t->text,
             vec_metric_name(m), worst);
    codec_list_free(&l);
    free(query);
    free(key);
    codec_free(c);
}

static void check_all_scans(const struct trial *t, const float *x, size_t n, const uint8_t *codes,
                            const float *back)
{
    static const size_t nq[][2] = {[VEC_L2] = {1, QUERIES}, [VEC_IP] = {2, QUERIES}};
    float *q = vectors(t->shape, QUERIES, t->dim, 77);

    memcpy(q, x, t->dim * sizeof *q); /* one that is there */
    for (int m = VEC_L2; m <= VEC_IP; m++) {
        struct truth truth = truth_of((enum vec_metric)m, x, back, n, q, t->dim);

        if (t->form->rough > 0)
            take_estimates(t, &truth, (enum vec_metric)m, codes, q);
        for (int level = CPU_PORTABLE; level <= (int)cpu_detect(); level++) {
            struct codec *c = opened("one", level);

            for (size_t i = 0; i < 2; i++) {
                struct scan s = {t, c, (enum vec_metric)m, &truth, q, nq[m][i], 0, 0};

                check_scans(&s, codes, n);
            }
            codec_free(c);
        }
        truth_free(&truth);
    }
    free(q);
}

static void check_coding(const struct trial *t, const struct codec *c, const float *x, size_t n)
{
    uint8_t *codes = malloc(n * c->code_bytes);
    float *back = malloc(n * c->dim * sizeof *back);

    code(c, x, n, 1, codes, back);
    check_single(t, c, x, n, codes);
    check_codes(t, x, n, codes, back);
    if (t->shape != HUGE)
        check_all_scans(t, x, n, codes, back);
    free(back);
    free(codes);
}

/* Where squares overflow a kind may refuse. */
static bool refuses(const struct trial *t, const struct codec *c, const float *x, size_t n)
{
    uint8_t *codes = malloc(n * c->code_bytes);
    struct err e = {0};
    int rc = codec_encode(c, x, n, codes, 1, &e);

    free(codes);
    T_CHECKF(rc == 0 || (t->shape == HUGE && rc == ERR_INPUT && strlen(e.msg) > 10), "%s: %s",
             t->text, e.msg);
    return rc < 0;
}

static void run(const struct trial *t)
{
    size_t n = t->dim > 64 ? 1030 : 1025 + 1200 * (t->dim == 24);
    float *x = vectors(t->shape, n, t->dim, 3);

    if (check_training(t)) {
        struct codec *c = opened("one", (int)cpu_detect());

        if (!refuses(t, c, x, n))
            check_coding(t, c, x, n);
        codec_free(c);
    }
    free(x);
}

int main(void)
{
    forms_cover_all();
    tmp_enter();
    for (size_t f = 0; f < FORMS; f++)
        for (size_t i = 0; i < SETS; i++) {
            struct trial t = {&forms[f], sets[i].shape, sets[i].n, sets[i].dim, ""};

            if (t.form->most && t.dim > t.form->most)
                continue;
            snprintf(t.text, sizeof t.text, "%s, %zu %s rows of %u", t.form->spec, t.n,
                     shape_name[t.shape], t.dim);
            run(&t);
        }
    tmp_leave();
    return t_done("codec");
}
