/* prop_fit.c - lib/sim/lsq.c against every set of unknowns tried in turn; lib/sim/fit.c on steps
 * whose times are known, with and without noise and outliers; lib/sim/steps.c on damaged files.
 *
 *     prop_fit [ROUNDS [SEED]]
 */
#include "../unit/t.h"
#include "../unit/tmp.h"

#include <math.h>

#include "base/mem.h"
#include "sim/cost.h"
#include "sim/fit.h"

static unsigned long long rng;

static double unit(void)
{
    return (double)(t_rand(&rng) >> 11) * 0x1p-53;
}

static size_t below(size_t n)
{
    return (size_t)(t_rand(&rng) % n);
}

/* ---- least squares ---- */

enum { N = 6, ROWS = 40 };

struct system {
    size_t n, rows;
    double a[ROWS][N + 1];
};

static double misfit(const struct system *s, const double *x)
{
    double sum = 0;

    for (size_t i = 0; i < s->rows; i++) {
        double left = s->a[i][s->n];

        for (size_t j = 0; j < s->n; j++)
            left -= s->a[i][j] * x[j];
        sum += left * left;
    }
    return sum;
}

/* Normal equations of the unknowns in `set`, by elimination; false: they have no one answer. */
static bool solve_set(const struct system *s, unsigned set, double *x)
{
    long double m[N][N + 1] = {{0}};
    size_t at[N], n = 0;

    for (size_t j = 0; j < s->n; j++) {
        x[j] = 0;
        if (set >> j & 1)
            at[n++] = j;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= n; j++)
            for (size_t k = 0; k < s->rows; k++)
                m[i][j] += (long double)s->a[k][at[i]] * s->a[k][j < n ? at[j] : s->n];
    for (size_t i = 0; i < n; i++) {
        if (fabsl(m[i][i]) < 1e-9L)
            return false;
        for (size_t k = 0; k < n; k++)
            for (size_t j = n + 1; k != i && j-- > i;)
                m[k][j] -= m[i][j] * (m[k][i] / m[i][i]);
    }
    for (size_t i = 0; i < n; i++)
        x[at[i]] = (double)(m[i][n] / m[i][i]);
    return true;
}

static double least_misfit(const struct system *s)
{
    double best = INFINITY, x[N];

    for (unsigned set = 0; set < 1U << s->n; set++) {
        bool good = solve_set(s, set, x);

        for (size_t j = 0; j < s->n; j++)
            good = good && x[j] >= 0;
        if (good && misfit(s, x) < best)
            best = misfit(s, x);
    }
    return best;
}

static void check_system(void)
{
    struct system s = {.n = 1 + below(N), .rows = 8 + below(ROWS - 8)};
    struct lsq whole = {.n = s.n}, half[2] = {{.n = s.n}, {.n = s.n}};
    bool dependent[LSQ_MOST];
    double x[LSQ_MOST], y[LSQ_MOST], best;

    for (size_t i = 0; i < s.rows; i++)
        for (size_t j = 0; j <= s.n; j++)
            s.a[i][j] = (double)below(9) - 3 + unit();
    for (size_t i = 0; i < s.rows; i++) {
        lsq_add(&whole, s.a[i]);
        lsq_add(&half[i % 2], s.a[i]);
    }
    lsq_merge(&half[0], &half[1]);
    T_CHECK(!lsq_dependent(&whole, dependent));
    lsq_nonneg(&whole, dependent, x);
    lsq_nonneg(&half[0], dependent, y);
    best = least_misfit(&s);
    for (size_t j = 0; j < s.n; j++)
        T_CHECKF(x[j] >= 0 && fabs(x[j] - y[j]) < 1e-9, "%g %g", x[j], y[j]);
    T_CHECKF(misfit(&s, x) <= best * (1 + 1e-9), "%g %g", misfit(&s, x), best);
}

static void check_dependent(void)
{
    struct lsq l = {.n = 4};
    bool dependent[LSQ_MOST];
    double x[LSQ_MOST], a = 1 + unit(), b = 1 + unit();

    for (int i = 0; i < 20; i++) {
        double row[5] = {1, 1e6 * unit(), 0, 0, 3};

        row[2] = a + b * row[1];
        row[4] += 2 * row[1];
        lsq_add(&l, row);
    }
    T_CHECK(lsq_dependent(&l, dependent));
    T_CHECK(!dependent[0] && !dependent[1] && dependent[2] && dependent[3]);
    lsq_nonneg(&l, dependent, x);
    T_CHECKF(fabs(x[0] - 3) < 1e-6 && fabs(x[1] - 2) < 1e-9 && x[2] == 0 && x[3] == 0, "%g %g",
             x[0], x[1]);
}

/* ---- a model ---- */

struct batch {
    unsigned decodes, kv, chunk, before;
};

static struct batch any_batch(void)
{
    struct batch b = {0};

    if (below(3))
        b = (struct batch){.decodes = 1 + (unsigned)below(128), .kv = 16 * (unsigned)below(200)};
    if (below(2) || b.decodes == 0) {
        b.chunk = 1 + (unsigned)below(below(2) ? 512 : 64);
        b.before = below(2) ? 16 * (unsigned)below(100) : 0;
    }
    return b;
}

static double true_us(const struct batch *b)
{
    double n = b->decodes + b->chunk;

    return 8000 + 5 * fmin(n, 64) + 60 * fmax(n - 64, 0) + .3 * b->decodes * b->kv +
           .004 * b->chunk * b->chunk + .008 * b->chunk * b->before + .3 * b->before;
}

enum form { AS_TSV, AS_CSV, AS_JSON, AS_LISTS, FORMS };

static void put_step(struct buf *out, enum form form, const struct batch *b, double us)
{
    struct err e;
    double sum = (double)b->decodes * b->kv;

    if (form == AS_CSV)
        buf_printf(out, &e, "%u:%u%s", b->decodes, b->kv, b->chunk ? " " : "");
    if (form == AS_TSV)
        buf_printf(out, &e, "%.6f\tx\t%u\t%.0f\t", us * 1e3, b->decodes, sum);
    if (form == AS_JSON)
        buf_printf(out, &e, "{\"ms\":%.9f,\"decodes\":%u,\"kv_mean\":%u,\"pieces\":\"", us / 1e3,
                   b->decodes, b->kv);
    if (form == AS_LISTS) {
        buf_printf(out, &e, "{\"other\":[1,{}],\"us\":%.6f,\"decodes\":[", us);
        for (unsigned i = 0; i < b->decodes; i++)
            buf_printf(out, &e, "%s%u", i ? "," : "", b->kv);
        if (b->chunk)
            buf_printf(out, &e, "],\"pieces\":[[%u,%u]]}\n", b->chunk, b->before);
        else
            buf_printf(out, &e, "],\"pieces\":[]}\n");
        return;
    }
    if (b->chunk)
        buf_printf(out, &e, "%u@%u", b->chunk, b->before);
    else if (form == AS_TSV)
        buf_adds(out, "-", &e);
    if (form == AS_CSV)
        buf_printf(out, &e, ",%.6f", us);
    buf_adds(out, form == AS_JSON ? "\"}\n" : "\n", &e);
}

static void put_steps(enum form form, size_t n, double noise, double outliers)
{
    static const char *const header[FORMS] = {"# ns\tname\tdecodes\tkv_sum\tpieces\n", "batch,us\n",
                                              "", ""};
    struct buf out = {0};
    struct err e;

    buf_adds(&out, header[form], &e);
    for (size_t i = 0; i < n; i++) {
        struct batch b = any_batch();
        double us = true_us(&b) * (1 + noise * (unit() + unit() + unit() - 1.5) * 2);

        if (unit() < outliers)
            us *= below(3) ? 20 : .05;
        put_step(&out, form, &b, us);
    }
    tmp_put("steps", out.p, out.len);
    buf_free(&out);
}

/* The table's time of any batch in its range, beside the true one. */
static void check_table(const struct fit *f, double bound)
{
    struct cost_opts o = {0};
    struct cost *c = NULL;
    struct buf table = {0};
    struct err e = {0};

    T_CHECK(fit_table(f, NULL, NULL, 0, &table, &e) == 0);
    tmp_put("table", table.p, table.len);
    buf_free(&table);
    T_CHECKF(cost_open(&c, "table", &o, &e) == 0, "%s", e.msg);
    for (int i = 0; c && i < 200; i++) {
        struct batch b = any_batch();
        struct cost_piece piece = {b.chunk, b.before};
        struct cost_shape s = {.decodes = b.decodes,
                               .kv_sum = (uint64_t)b.decodes * b.kv,
                               .kv_max = b.kv,
                               .kv_min = b.kv,
                               .pieces = &piece,
                               .n_pieces = b.chunk > 0,
                               .tokens = b.decodes + b.chunk};
        double us = 0;

        if (s.tokens > f->most_tokens || b.decodes > f->most_decodes || b.kv > f->most_kv ||
            b.before > f->most_before)
            continue;
        T_CHECKF(cost_us(c, &s, &us, NULL, &e) == 0, "%s", e.msg);
        T_CHECKF(fabs(us / true_us(&b) - 1) <= bound, "%u:%u %u@%u: %g, %g", b.decodes, b.kv,
                 b.chunk, b.before, us, true_us(&b));
    }
    cost_close(c);
}

static void check_fit(enum form form, size_t n, double noise, double outliers, double bound)
{
    struct fit f;
    struct err e = {0};

    put_steps(form, n, noise, outliers);
    if (fit_steps(&f, "steps", &e) < 0) {
        T_CHECKF(false, "%s", e.msg);
        return;
    }
    T_CHECK(f.n == n && f.error[FIT_ALL].n == n);
    T_CHECKF(f.error[FIT_ALL].point[METRIC_P50] <= 2 * noise + 1e-4, "%g",
             f.error[FIT_ALL].point[METRIC_P50]);
    T_CHECKF(fabs((double)f.outliers - outliers * (double)n) <= .3 * outliers * (double)n + .5,
             "%zu", f.outliers);
    check_table(&f, bound);
}

/* ---- damage ---- */

static void damage_steps(void)
{
    static const char *const words[] = {"\t",    ",",           "@",  ":",    "-1", "nan",
                                        "1e400", "\n",          "[",  "{",    "\"", "#",
                                        "\r",    "99999999999", "us", "batch"};
    char text[2000];
    struct fit f;
    struct err e = {0};
    size_t len;
    FILE *in;

    put_steps((enum form)below(FORMS), 30, 0, 0);
    in = fopen("steps", "rb");
    len = in ? fread(text, 1, sizeof text, in) : 0;
    if (in)
        fclose(in);
    for (size_t n = below(4); n > 0; n--) {
        const char *word = words[below(sizeof words / sizeof *words)];
        size_t at = below(len - 20);

        if (below(3))
            memcpy(text + at, word, strlen(word));
        else
            text[at] = (char)below(256);
    }
    tmp_put("steps", text, below(4) ? len : below(len));
    if (fit_steps(&f, "steps", &e) < 0)
        T_CHECKF(e.code == ERR_INPUT && strncmp(e.msg, "steps", 5) == 0, "%s", e.msg);
    else
        T_CHECK(isfinite(f.error[FIT_ALL].mean) && f.us[FIT_STEP] >= 0);
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 300;

    rng = argc > 2 ? strtoull(argv[2], NULL, 10) : 3;
    tmp_enter();
    for (int i = 0; i < rounds; i++) {
        check_system();
        check_dependent();
        damage_steps();
    }
    for (int form = 0; form < FORMS; form++)
        check_fit((enum form)form, 1500, 0, 0, .002);
    for (int i = 0; i < 4; i++) {
        check_fit(AS_CSV, 4000, .03, 0, .03);
        check_fit(AS_TSV, 4000, .02, .05, .03);
    }
    tmp_leave();
    return t_done("prop_fit");
}
