/* vec-convert - vector files from any format to any other.
 *
 * Rows stream from the inputs to the output. A sample or a shuffle of plain files first chooses row
 * numbers and then reads those rows; of other inputs the chosen rows are held in memory. Both give
 * the same rows.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/num.h"
#include "base/progress.h"
#include "vec/vec.h"

static const struct cli_prog prog = {"vec-convert", "[INPUT...]",
                                     "Convert vector files between formats, row by row.", 0, -1};

struct job {
    /* what is wanted */
    struct vec_inputs in;
    struct vec_cook cook;
    struct vec_write_opts write;
    const char *out;
    bool shuffle, typed, has_sample;
    uint64_t sample, seed, from, to; /* rows from..to of all inputs together */
    /* how far it is */
    enum vec_type have; /* of the first rows, which the others must share unless typed */
    bool begun;
    struct vec_writer *w;
    struct vec_sample *kept; /* NULL: rows go straight to w */
    struct progress progress;
};

/* ---- what the output is ---- */

static int choose_type(struct job *j, struct err *e)
{
    enum vec_format to = j->write.format;

    j->have = vec_cook_from(&j->cook, j->in.r);
    j->write.dim = vec_reader_dim(j->in.r);
    if (j->typed)
        return 0;
    j->write.type = vec_format_type(to, j->have);
    if (j->have == VEC_I32 && j->write.type != VEC_I32 && j->write.dim)
        return err_set(
            e, ERR_USAGE,
            "%s holds 32-bit integers, as for lists of ids; %s would not: give --type if "
            "they are vectors",
            vec_reader_name(j->in.r), vec_format_name(to));
    return 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* How many rows of those wanted there will be. */
static uint64_t count_rows(const struct job *j)
{
    uint64_t end = least(j->in.known, j->to), rows = end > j->from ? end - j->from : 0;

    if (j->in.known == VEC_UNKNOWN)
        return VEC_UNKNOWN;
    return j->has_sample ? least(rows, j->sample) : rows;
}

/* With the first input that has rows, or the last. */
static int begin(struct job *j, struct err *e)
{
    if (choose_type(j, e) < 0)
        return e->code;
    j->cook.dim = j->write.dim;
    j->cook.type = j->write.type;
    if (vec_cook_init(&j->cook, e) < 0)
        return e->code;
    j->begun = true;
    if (j->write.rows == VEC_UNKNOWN)
        j->write.rows = count_rows(j);
    if (vec_create(&j->w, j->out, &j->write, e) < 0)
        return e->code;
    if (j->in.can_seek && (!j->shuffle || vec_inputs_count(&j->in) == 1))
        return 0;
    if (!j->has_sample && !j->shuffle)
        return 0;
    return vec_sample_new(&j->kept, j->has_sample ? j->sample : UINT64_MAX,
                          j->write.dim * vec_type_size(j->write.type), j->seed, e);
}

/* An input's rows must be of the kind of the first one's. */
static int check_input(const struct job *j, struct err *e)
{
    enum vec_type have = vec_cook_from(&j->cook, j->in.r);

    if (vec_reader_dim(j->in.r) != j->write.dim)
        return err_set(e, ERR_INPUT, "%s: dimension %u, and %u before it", vec_reader_name(j->in.r),
                       vec_reader_dim(j->in.r), j->write.dim);
    if (have != j->have && !j->typed && j->write.type == j->have)
        return err_set(e, ERR_USAGE, "%s: %s, and %s before it: give --type",
                       vec_reader_name(j->in.r), vec_type_name(have), vec_type_name(j->have));
    return 0;
}

/* ---- rows ---- */

static int emit(struct job *j, const void *rows, uint64_t n, struct err *e)
{
    return j->kept ? vec_sample_add(j->kept, rows, n, e) : vec_write(j->w, rows, n, e);
}

/* The wanted rows of the open input. */
static int pass_input(struct job *j, struct err *e)
{
    unsigned char *rows;
    bool end = false;

    if (j->from > j->in.base && vec_seek(j->in.r, j->from - j->in.base, e) < 0)
        return e->code;
    vec_stop_at(j->in.r, j->to - j->in.base);
    while (!end) {
        int64_t n = vec_cook_read(&j->cook, j->in.r, j->cook.batch, &rows, &end, e);

        if (n < 0 || emit(j, rows, (uint64_t)n, e) < 0)
            return e->code;
        progress_report(&j->progress, "converting", vec_reader_pos(j->in.r),
                        vec_reader_size(j->in.r));
    }
    return 0;
}

static int pass_all(struct job *j, struct err *e)
{
    size_t n = vec_inputs_count(&j->in);

    for (size_t i = 0; i < n; i++) {
        if (j->begun && j->in.base + vec_reader_next(j->in.r) >= j->to)
            break;
        if (vec_inputs_step(&j->in, i, e) < 0)
            return e->code;
        if (!j->begun && (vec_reader_dim(j->in.r) || i == n - 1) && begin(j, e) < 0)
            return e->code;
        if (j->begun && vec_reader_dim(j->in.r) && (check_input(j, e) < 0 || pass_input(j, e) < 0))
            return e->code;
    }
    return 0;
}

/* The rows that were held in memory. */
static int write_kept(struct job *j, struct err *e)
{
    uint64_t n = vec_sample_count(j->kept);

    (j->shuffle ? vec_sample_shuffle : vec_sample_sort)(j->kept);
    for (uint64_t i = 0; i < n; i++)
        if (vec_write(j->w, vec_sample_row(j->kept, i), 1, e) < 0)
            return e->code;
    return 0;
}

/* ---- rows by number, where all inputs can be sought ---- */

static int choose_numbers(const struct job *j, struct vec_sample **s, struct err *e)
{
    uint64_t end = least(j->in.known, j->to), rows = end > j->from ? end - j->from : 0;

    if (vec_sample_new(s, j->has_sample ? j->sample : UINT64_MAX, 0, j->seed, e) < 0 ||
        vec_sample_add(*s, NULL, rows, e) < 0)
        return e->code;
    (j->shuffle ? vec_sample_shuffle : vec_sample_sort)(*s);
    return 0;
}

/* Makes the input that holds row `row` of all the open one. */
static int find_input(struct job *j, uint64_t row, struct err *e)
{
    if (vec_inputs_find(&j->in, row, e) < 0 || (!j->begun && begin(j, e) < 0))
        return e->code;
    return check_input(j, e);
}

/* Rows row .. row + n, or as many of them as the open input holds; how many. */
static int64_t fetch(struct job *j, uint64_t row, uint64_t n, struct err *e)
{
    unsigned char *rows;
    bool end;
    int64_t got;

    if (find_input(j, row, e) < 0)
        return e->code;
    n = least(least(n, j->cook.batch), j->in.base + vec_reader_rows(j->in.r) - row);
    if (vec_reader_next(j->in.r) != row - j->in.base && vec_seek(j->in.r, row - j->in.base, e) < 0)
        return e->code;
    got = vec_cook_read(&j->cook, j->in.r, n, &rows, &end, e);
    if (got == 0)
        return err_set(e, ERR_IO, "%s has become shorter", vec_reader_name(j->in.r));
    if (got < 0 || vec_write(j->w, rows, (uint64_t)got, e) < 0)
        return e->code;
    return got;
}

static int pass_numbers(struct job *j, struct err *e)
{
    struct vec_sample *s = NULL;
    int64_t got = choose_numbers(j, &s, e);
    uint64_t n = got < 0 ? 0 : vec_sample_count(s);

    for (uint64_t i = 0, run; i < n && got >= 0; i += (uint64_t)got) {
        uint64_t row = vec_sample_number(s, i);

        for (run = 1; i + run < n && vec_sample_number(s, i + run) == row + run;)
            run++;
        got = fetch(j, j->from + row, run, e);
        progress_report(&j->progress, "converting rows", i, n);
    }
    vec_sample_free(s);
    if (got < 0)
        return (int)got;
    return j->begun ? 0 : begin(j, e);
}

/* ---- all of it ---- */

static int nothing_there(const struct job *j, struct err *e)
{
    uint64_t rows = j->in.base + vec_reader_next(j->in.r);

    return err_set(e, ERR_USAGE, "there is no row %llu: only %llu are there",
                   (unsigned long long)j->from, (unsigned long long)rows);
}

static int convert(struct job *j, struct err *e)
{
    bool by_number;

    if (vec_inputs_open(&j->in, e) < 0)
        return e->code;
    by_number = (j->has_sample || j->shuffle) && j->in.can_seek &&
                (!j->shuffle || vec_inputs_count(&j->in) == 1);
    if ((by_number ? pass_numbers(j, e) : pass_all(j, e)) < 0)
        return e->code;
    if (j->from && !by_number && j->in.base + vec_reader_next(j->in.r) < j->from)
        return nothing_there(j, e);
    if (j->kept && write_kept(j, e) < 0)
        return e->code;
    return vec_commit(&j->w, e);
}

static void job_free(struct job *j)
{
    vec_abort(&j->w);
    vec_sample_free(j->kept);
    vec_inputs_close(&j->in);
    vec_cook_free(&j->cook);
}

/* ---- the command line ---- */

/* "A:B", "A:", ":B". */
static bool parse_rows(const char *s, uint64_t *from, uint64_t *to)
{
    const char *colon = strchr(s, ':');
    char first[32];
    size_t len = colon ? (size_t)(colon - s) : 0;

    if (!colon || len >= sizeof first)
        return false;
    memcpy(first, s, len);
    first[len] = '\0';
    return (len == 0 || num_u64(first, from)) && (!colon[1] || num_u64(colon + 1, to)) &&
           *from <= *to;
}

struct asked {
    const char *rows;
    int type;
    bool cat;
    uint64_t total, sample;
};

/* What the table of options cannot say. */
static void check_usage(struct job *j, const struct asked *a)
{
    bool std = cli_is_std(j->out);
    enum vec_format to = j->write.format;

    if (to == VEC_AUTO && !std)
        to = vec_format_of(j->out);

    if (to == VEC_AUTO && std)
        cli_misuse("standard output needs '--to FORMAT'");
    if (to == VEC_AUTO)
        cli_misuse("'%s' tells no format: give '--to FORMAT'", j->out);
    if (!vec_format_is_text(to))
        cli_not_on_terminal(j->out, vec_format_name(to));
    if (a->rows && !parse_rows(a->rows, &j->from, &j->to))
        cli_misuse("'--rows %s' is no range A:B", a->rows);
    if (j->in.n > 1 && !a->cat)
        cli_misuse("several inputs need '--cat'; the output is '-o FILE'");
    cli_std_once((const char *const *)j->in.path, j->in.n);
    j->write.format = to;
    j->in.text_ids = to != VEC_NPY && vec_format_type(to, VEC_F32) == VEC_I32;
    j->write.rows = a->total;
    j->typed = a->type >= 0;
    j->write.type = j->typed ? (enum vec_type)a->type : VEC_F32;
    j->has_sample = a->sample != UINT64_MAX;
    j->sample = a->sample;
    if (j->typed && vec_format_type(to, j->write.type) != j->write.type)
        cli_misuse("%s does not hold %s", vec_format_name(to), vec_type_name(j->write.type));
}

int main(int argc, char **argv)
{
    struct job j = {.to = VEC_UNKNOWN, .seed = 1};
    struct asked a = {.type = -1, .total = VEC_UNKNOWN, .sample = UINT64_MAX};
    bool quiet = false, verbose = false;
    const struct cli_opt opts[] = {
        VEC_READ_OPTIONS(&j.in.read, "the inputs' format"),
        CLI_KIND(0, "to", &j.write.format, VEC_FORMAT_NAMES,
                 "the output's format (default: by its name)"),
        CLI_CHOICE(0, "type", &a.type, "f32|f16|u8|i8", "components become this type"),
        CLI_FLAG(0, "normalize", &j.cook.normalize, "scale every row to length 1"),
        CLI_STR(0, "rows", &a.rows, "A:B", "only rows A to B - 1, from 0"),
        CLI_U64(0, "sample", &a.sample, "N", "only N rows, every choice equally likely"),
        CLI_FLAG(0, "shuffle", &j.shuffle, "in random order"),
        CLI_SEED(&j.seed),
        CLI_FLAG(0, "cat", &a.cat, "take several inputs, one after the other"),
        CLI_U64(0, "rows-total", &a.total, "N", "there will be N rows: another number is an error"),
        CLI_FLAG(0, "skip-bad", &j.in.read.skip_bad, "leave bad rows out and count them"),
        CLI_OUT(&j.out),
        CLI_QUIET(&quiet),
        CLI_VERBOSE(&verbose),
        CLI_END,
    };
    int first = cli_parse(&prog, opts, argc, argv);
    struct err e = {0};
    int ok;

    j.in.path = argv + first;
    j.in.n = (size_t)(argc - first);
    check_usage(&j, &a);
    j.write.field = j.in.read.field;
    j.cook.skip_bad = j.in.read.skip_bad;
    j.write.spool_dir = getenv("TMPDIR");
    progress_init(&j.progress, quiet);
    ok = convert(&j, &e) == 0;
    progress_end(&j.progress);
    job_free(&j);
    if (ok && j.in.skipped + j.cook.skipped)
        cli_note(quiet, "%llu bad rows left out",
                 (unsigned long long)(j.in.skipped + j.cook.skipped));
    cli_finish(verbose);
    return ok ? CLI_DONE : cli_fail(&e);
}
