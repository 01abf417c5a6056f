/* vec-stat - what is in a file of vectors: counts, lengths, ranges, repeats, and how many
 * dimensions it really has. */
#include <math.h>
#include <string.h>

#include "base/cli.h"
#include "base/out.h"
#include "base/par.h"
#include "base/progress.h"
#include "vec/vec.h"

static const struct cli_prog prog = {
    "vec-stat", "[FILE]", "Print what is in a file of vectors, or in those on standard input.", 0,
    1};

enum { BARS = 20, BAR_LEN = 50 };

/* What is printed, and how. */
struct report {
    struct out *o;
    const struct vec_reader *r;
    const struct vec_stat *s;
    bool json, dims, hist;
};

/* Six decimals, and of what is small six digits. */
static int decimals_of(double v)
{
    double size = fabs(v);

    return size > 0 && size < .1 ? 5 - (int)floor(log10(size)) : 6;
}

/* ---- facts ---- */

static void put_size(const struct report *p, const char *what, double v)
{
    out_value(p->o, what, v, decimals_of(v));
}

struct range {
    double least, most, narrowest, widest;
    uint32_t constant; /* dimensions with one value */
};

static struct range range_of(const struct vec_stat *s)
{
    struct range r = {INFINITY, -INFINITY, INFINITY, 0, 0};

    for (uint32_t k = 0; k < s->dim; k++) {
        double width = (double)s->most[k] - (double)s->least[k];
        r.least = fmin(r.least, (double)s->least[k]);
        r.most = fmax(r.most, (double)s->most[k]);
        r.narrowest = fmin(r.narrowest, width);
        r.widest = fmax(r.widest, width);
        r.constant += width == 0;
    }
    return r;
}

static void put_file(const struct report *p)
{
    out_word(p->o, "file", vec_reader_name(p->r));
    out_word(p->o, "format", vec_format_name(vec_reader_format(p->r)));
    out_word(p->o, "type", vec_type_name(vec_reader_type(p->r)));
    out_count(p->o, "rows", p->s->rows);
    out_count(p->o, "dimension", p->s->dim);
    out_count(p->o, "bad_rows", vec_reader_skipped(p->r));
}

static void put_rows(const struct report *p)
{
    const struct vec_stat *s = p->s;
    struct range r = range_of(s);

    put_size(p, "norm_min", s->norm_min);
    put_size(p, "norm_mean", s->norm_mean);
    put_size(p, "norm_max", s->norm_max);
    put_size(p, "norm_sd", s->norm_sd);
    out_count(p->o, "zero_rows", s->zero_rows);
    put_size(p, "component_min", r.least);
    put_size(p, "component_max", r.most);
    put_size(p, "narrowest_range", r.narrowest);
    put_size(p, "widest_range", r.widest);
    out_count(p->o, "constant_dimensions", r.constant);
    out_count(p->o, s->estimated ? "repeated_rows_estimate" : "repeated_rows", s->repeats);
    out_count(p->o, s->estimated ? "largest_group_counted" : "largest_group", s->largest_group);
}

static void put_sample(const struct report *p)
{
    const struct vec_stat *s = p->s;

    out_count(p->o, "sample", s->sampled);
    out_count(p->o, "dimensions_90", s->dims90);
    out_count(p->o, "dimensions_95", s->dims95);
    out_count(p->o, "dimensions_99", s->dims99);
    out_value(p->o, "intrinsic_dimension", s->two_nn, 6);
}

/* ---- tables ---- */

static void put_dims(const struct report *p)
{
    const struct vec_stat *s = p->s;

    out_table(p->o, "ranges", "dimension min mean max");
    for (uint32_t k = 0; k < s->dim; k++) {
        out_table_row(p->o);
        out_u64(p->o, "dimension", k);
        out_double(p->o, "min", (double)s->least[k], decimals_of((double)s->least[k]));
        out_double(p->o, "mean", s->mean[k], decimals_of(s->mean[k]));
        out_double(p->o, "max", (double)s->most[k], decimals_of((double)s->most[k]));
        out_end_table_row(p->o);
    }
    out_end_table(p->o);
}

/* A row of a histogram; the bar is for people. */
static void put_bar(const struct report *p, const char *from, double from_v, int decimals,
                    double share, double largest)
{
    char bar[BAR_LEN];
    size_t len = largest > 0 ? (size_t)(share / largest * BAR_LEN + .5) : 0;

    memset(bar, '#', len);
    out_table_row(p->o);
    out_double(p->o, from, from_v, decimals);
    out_double(p->o, "share", share, 4);
    if (!p->json)
        out_str(p->o, "bar", bar, len);
    out_end_table_row(p->o);
}

static double largest_of(const double *v, uint32_t n)
{
    double most = 0;

    for (uint32_t i = 0; i < n; i++)
        most = fmax(most, v[i]);
    return most;
}

static void put_norms(const struct report *p)
{
    const struct vec_stat *s = p->s;
    double share[BARS] = {0}, from = s->sampled ? s->norms[0] : 0;
    double width = s->sampled ? (s->norms[s->sampled - 1] - from) / BARS : 0;
    /* lengths that are the same but for rounding are one bar */
    uint32_t bars = width > from * 1e-6 ? BARS : s->sampled > 0;

    for (uint64_t i = 0; i < s->sampled; i++) {
        uint32_t at = bars == BARS ? (uint32_t)((s->norms[i] - from) / width) : 0;
        share[at < BARS ? at : BARS - 1] += 1 / (double)s->sampled;
    }
    out_table(p->o, "norms", "norm share bar");
    for (uint32_t i = 0; i < bars; i++)
        put_bar(p, "norm", from + i * width, decimals_of(from + width), share[i],
                largest_of(share, bars));
    out_end_table(p->o);
}

/* The shares of the variance that each twentieth of the directions holds. */
static void put_spectrum(const struct report *p)
{
    const struct vec_stat *s = p->s;
    uint32_t n = s->spectrum_len, bars = n < BARS ? n : BARS;
    double share[BARS] = {0};

    for (uint32_t i = 0; i < n; i++)
        share[(uint64_t)i * bars / n] += s->spectrum[i];
    out_table(p->o, "spectrum", "direction share bar");
    for (uint32_t i = 0; i < bars; i++) /* the first direction of the bar: ceil(i n / bars) */
        put_bar(p, "direction", (double)(((uint64_t)i * n + bars - 1) / bars), 0, share[i],
                largest_of(share, bars));
    out_end_table(p->o);
}

static void put_all(const struct report *p)
{
    out_facts(p->o);
    put_file(p);
    if (p->s->rows) {
        put_rows(p);
        put_sample(p);
    }
    if (p->dims)
        put_dims(p);
    if (p->hist) {
        put_norms(p);
        put_spectrum(p);
    }
    out_end_facts(p->o);
}

int main(int argc, char **argv)
{
    struct cli_common co = {0};
    struct vec_read_opts how = {0};
    struct vec_stat_opts so = {.sample = 3000, .seed = 1, .memory = UINT64_C(256) << 20};
    struct report p = {0};
    const struct cli_opt opts[] = {
        VEC_READ_OPTIONS(&how, "the input's format"),
        CLI_FLAG(0, "dims", &p.dims, "the range of every dimension too"),
        CLI_FLAG(0, "hist", &p.hist, "draw the lengths and the spectrum as bars"),
        CLI_U64(0, "sample", &so.sample, "N",
                "rows for spectrum and intrinsic dimension (default 3000)"),
        CLI_SEED(&so.seed),
        CLI_FLAG(0, "skip-bad", &how.skip_bad, "leave bad rows out and count them"),
        CLI_SIZE('m', "memory", &so.memory, "SIZE",
                 "for telling repeated rows (default 256M: 32 million rows)"),
        CLI_COMMON(&co),
        CLI_END,
    };
    int first = cli_parse(&prog, opts, argc, argv);
    struct progress progress;
    struct vec_reader *r = NULL;
    struct vec_stat s = {0};
    struct err e = {0};
    const char *path;
    int ok;

    p.json = co.json;
    if (argc == first && how.format == VEC_AUTO)
        cli_misuse("standard input needs '--from FORMAT'");
    path = argc > first ? argv[first] : "-";
    cli_inputs_stay(&co.out, 1, &path, 1);
    how.raw_ids = !vec_format_is_text(how.format == VEC_AUTO ? vec_format_of(path)
                                                             : how.format); /* ids too */
    so.threads = par_threads(co.threads);
    so.ops = ops_for(cli_cpu());
    so.progress = progress_report;
    so.ctx = &progress;
    progress_init(&progress, co.quiet);
    ok = vec_open(&r, path, &how, &e) == 0 && vec_stat(&s, r, &so, &e) == 0;
    progress_end(&progress);
    p.r = r;
    p.s = &s;
    ok = ok && out_open(&p.o, &(struct out_opts){co.out, co.json, false}, &e) == 0;
    if (ok) {
        put_all(&p);
        ok = out_commit(&p.o, &e) == 0;
    }
    vec_stat_free(&s);
    vec_close(r);
    cli_finish(co.verbose);
    return ok ? CLI_DONE : cli_fail(&e);
}
