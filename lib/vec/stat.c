/* stat.c - see stat.h: the pass over all rows. */
#include "vec/stat.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "vec/sample.h"

enum { BATCH_BYTES = 512 << 10, LEAST_HASHES = 1024 };

struct pass {
    struct vec_stat *s;
    struct vec_reader *r;
    const struct vec_stat_opts *o;
    uint64_t batch;
    unsigned char *raw;
    float *rows;
    struct vec_sample *sample;
    double m2; /* sum of squared differences of the norms from their mean */
    /* hashes of rows, all or those with (hash & mask) == 0 */
    uint64_t *hash, mask;
    size_t hashes, hash_cap, hash_max;
};

/* ---- repeats ---- */

/* Half of them go, whatever rows they are of. */
static void thin_hashes(struct pass *p)
{
    size_t kept = 0;

    p->mask = p->mask * 2 + 1;
    for (size_t i = 0; i < p->hashes; i++)
        if ((p->hash[i] & p->mask) == 0)
            p->hash[kept++] = p->hash[i];
    p->hashes = kept;
}

static int add_hash(struct pass *p, uint64_t h, struct err *e)
{
    while (p->hashes == p->hash_max && p->mask != UINT64_MAX)
        thin_hashes(p);
    if ((h & p->mask) != 0 || p->hashes == p->hash_max) /* full of one and the same */
        return 0;
    if (p->hashes == p->hash_cap) {
        size_t want = p->hash_cap < p->hash_max / 2 ? p->hash_cap * 2 + 1024 : p->hash_max;
        want = want < p->hash_max ? want : p->hash_max;
        if (mem_reserve(&p->hash, &p->hash_cap, want, sizeof *p->hash, e) < 0)
            return e->code;
    }
    p->hash[p->hashes++] = h;
    return 0;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void count_repeats(struct pass *p)
{
    uint64_t repeats = 0, group = 0;

    if (p->hashes)
        qsort(p->hash, p->hashes, sizeof *p->hash, by_value);
    for (size_t i = 0; i < p->hashes; i++) {
        bool again = i && p->hash[i] == p->hash[i - 1];
        group = again ? group + 1 : 1;
        repeats += again;
        if (group > p->s->largest_group)
            p->s->largest_group = group;
    }
    p->s->estimated = p->mask != 0;
    p->s->repeats = repeats * (p->mask + 1);
    if (p->s->estimated && p->s->repeats > p->s->rows - 1)
        p->s->repeats = p->s->rows - 1; /* the first is none */
}

/* ---- rows ---- */

/* Mean and variance by Welford's updates. */
static void add_norm(struct pass *p, double norm)
{
    struct vec_stat *s = p->s;
    double from_mean = norm - s->norm_mean;

    s->norm_min = s->rows == 0 || norm < s->norm_min ? norm : s->norm_min;
    s->norm_max = s->rows == 0 || norm > s->norm_max ? norm : s->norm_max;
    s->rows++;
    s->zero_rows += norm == 0;
    s->norm_mean += from_mean / (double)s->rows;
    p->m2 += from_mean * (norm - s->norm_mean);
}

static void add_row(struct pass *p, const float *x)
{
    struct vec_stat *s = p->s;

    for (uint32_t k = 0; k < s->dim; k++) {
        s->least[k] = x[k] < s->least[k] ? x[k] : s->least[k];
        s->most[k] = x[k] > s->most[k] ? x[k] : s->most[k];
        s->mean[k] += (double)x[k];
    }
    add_norm(p, sqrt(vec_norm2(x, s->dim)));
}

static int add_batch(struct pass *p, uint64_t n, struct err *e)
{
    enum vec_type type = vec_reader_type(p->r);
    size_t bytes = p->s->dim * vec_type_size(type);

    vec_to_f32(type, p->raw, n * p->s->dim, p->rows);
    for (uint64_t i = 0; i < n; i++) {
        add_row(p, p->rows + i * p->s->dim);
        if (add_hash(p, hash64(p->raw + i * bytes, bytes), e) < 0)
            return e->code;
    }
    return vec_sample_add(p->sample, p->rows, n, e);
}

static int read_all(struct pass *p, struct err *e)
{
    int64_t n;

    while ((n = vec_read(p->r, p->raw, p->batch, e)) > 0) {
        if (add_batch(p, (uint64_t)n, e) < 0)
            return e->code;
        if (p->o->progress)
            p->o->progress(p->o->ctx, "reading", vec_reader_pos(p->r), vec_reader_size(p->r));
    }
    return (int)n;
}

static int make_room(struct pass *p, struct err *e)
{
    struct vec_stat *s = p->s;
    size_t row = s->dim * sizeof(float);
    uint64_t most = row ? STAT_SAMPLE_BYTES / row : 0;

    p->batch = row && row < BATCH_BYTES ? BATCH_BYTES / row : 1;
    p->hash_max = p->o->memory / sizeof *p->hash;
    p->hash_max = p->hash_max < LEAST_HASHES ? LEAST_HASHES : p->hash_max;
    p->raw = mem_array(p->batch, row, e);
    p->rows = mem_array(p->batch, row, e);
    s->least = mem_array(s->dim, sizeof *s->least, e);
    s->most = mem_array(s->dim, sizeof *s->most, e);
    s->mean = mem_zero(s->dim, sizeof *s->mean, e);
    if (!p->raw || !p->rows || !s->least || !s->most || !s->mean)
        return e->code;
    for (uint32_t k = 0; k < s->dim; k++) {
        s->least[k] = INFINITY;
        s->most[k] = -INFINITY;
    }
    return vec_sample_new(&p->sample, p->o->sample < most ? p->o->sample : most, row, p->o->seed,
                          e);
}

static void finish_pass(struct pass *p)
{
    struct vec_stat *s = p->s;

    for (uint32_t k = 0; k < s->dim && s->rows; k++)
        s->mean[k] /= (double)s->rows;
    s->norm_sd = s->rows ? sqrt(p->m2 / (double)s->rows) : 0;
    count_repeats(p);
}

/* ---- the sample ---- */

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static int sample_norms(struct vec_stat *s, const float *x, struct err *e)
{
    s->norms = mem_array(s->sampled, sizeof *s->norms, e);
    if (!s->norms)
        return e->code;
    for (uint64_t i = 0; i < s->sampled; i++)
        s->norms[i] = sqrt(vec_norm2(x + i * s->dim, s->dim));
    qsort(s->norms, s->sampled, sizeof *s->norms, by_size);
    return 0;
}

/* Neither spectrum nor intrinsic dimension knows a unit: the longest row gets a length of 1/2 to 1,
 * by a power of two, so that no square is too large for a float or too small. */
static void scale_sample(const struct vec_stat *s, float *x)
{
    int power = 0;
    double by;

    if (s->sampled)
        frexp(s->norms[s->sampled - 1], &power);
    by = ldexp(1, -power);
    for (size_t i = 0; i < s->sampled * s->dim; i++)
        x[i] = (float)((double)x[i] * by);
}

/* How many of the largest hold this share of the whole. */
static uint32_t holding(const struct vec_stat *s, double share)
{
    double sum = 0;
    uint32_t n = 0;

    while (n < s->spectrum_len && s->spectrum[n] > 0 && sum < share * (1 - 1e-12))
        sum += s->spectrum[n++];
    return n;
}

static void report(const struct vec_stat_opts *o, const char *what)
{
    if (o->progress)
        o->progress(o->ctx, what, 0, 0);
}

static int look_at_sample(struct vec_stat *s, struct vec_sample *sample,
                          const struct vec_stat_opts *o, struct err *e)
{
    struct vec_matrix x;
    int rc;

    s->sampled = vec_sample_count(sample);
    if (vec_matrix_init(&x, s->sampled, s->dim, e) < 0)
        return e->code;
    vec_sample_sort(sample);
    for (uint64_t i = 0; i < s->sampled; i++)
        memcpy(vec_matrix_row(&x, i), vec_sample_row(sample, i), s->dim * sizeof *x.v);
    rc = sample_norms(s, x.v, e);
    if (rc == 0)
        scale_sample(s, x.v);
    report(o, "intrinsic dimension");
    if (rc == 0)
        rc = stat_two_nn(x.v, s->sampled, s->dim, o->ops, o->threads, &s->two_nn, e);
    report(o, "variance spectrum");
    if (rc == 0)
        rc = stat_spectrum(x.v, s->sampled, s->dim, o->ops, o->threads, &s->spectrum,
                           &s->spectrum_len, e);
    vec_matrix_free(&x);
    if (rc < 0)
        return rc;
    s->dims90 = holding(s, .90);
    s->dims95 = holding(s, .95);
    s->dims99 = holding(s, .99);
    return 0;
}

int vec_stat(struct vec_stat *s, struct vec_reader *r, const struct vec_stat_opts *o, struct err *e)
{
    struct pass p = {.s = s, .r = r, .o = o};
    int rc;

    *s = (struct vec_stat){.dim = vec_reader_dim(r), .two_nn = NAN};
    rc = make_room(&p, e);
    if (rc == 0)
        rc = read_all(&p, e);
    if (rc == 0)
        finish_pass(&p);
    free(p.raw);
    free(p.rows);
    free(p.hash);
    if (rc == 0)
        rc = look_at_sample(s, p.sample, o, e);
    vec_sample_free(p.sample);
    if (rc < 0)
        vec_stat_free(s);
    return rc;
}

void vec_stat_free(struct vec_stat *s)
{
    free(s->least);
    free(s->most);
    free(s->mean);
    free(s->norms);
    free(s->spectrum);
    *s = (struct vec_stat){0};
}
