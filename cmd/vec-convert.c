/* vec-convert - vector files from any format to any other.
 *
 * Rows stream from the inputs to the output. A sample or a shuffle of plain files first chooses row
 * numbers and then reads those rows; of other inputs the chosen rows are held in memory. Both give
 * the same rows.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/progress.h"
#include "vec/sample.h"
#include "vec/vec.h"

enum { BATCH_BYTES = 1 << 20 };

static const struct cli_prog prog = {"vec-convert", "[INPUT...]",
                                     "Convert vector files between formats, row by row.", 0, -1};

struct job {
    /* what is wanted */
    char **inputs;
    size_t n_inputs;
    struct vec_read_opts read;
    struct vec_write_opts write;
    const char *out;
    bool normalize, shuffle, typed, has_sample, all_seek;
    uint64_t sample, seed, from, to; /* rows from..to of all inputs together */
    /* how far it is */
    struct vec_reader *r; /* the input that is open: inputs[at], whose first row is number `base` */
    size_t at;
    uint64_t base, known; /* known: rows of all inputs; VEC_UNKNOWN */
    uint64_t skipped;
    enum vec_type have; /* of the first rows, which the others must share unless typed */
    bool begun;
    struct vec_writer *w;
    struct vec_sample *kept; /* NULL: rows go straight to w */
    uint64_t batch;          /* rows */
    unsigned char *raw, *cooked;
    struct progress progress;
};

/* ---- opening inputs ---- */

static const char *input_path(const struct job *j, size_t i)
{
    return j->n_inputs ? j->inputs[i] : "-";
}

static size_t input_count(const struct job *j)
{
    return j->n_inputs ? j->n_inputs : 1;
}

/* Ids, which only some formats hold, are read as what they are. */
static int open_input(const struct job *j, size_t i, struct vec_reader **r, struct err *e)
{
    const char *path = input_path(j, i);
    struct vec_read_opts o = j->read;
    enum vec_format f = o.format ? o.format : vec_format_of(path);

    o.raw_ids = !vec_format_is_text(f) || (j->write.format != VEC_NPY &&
                                           vec_format_type(j->write.format, VEC_F32) == VEC_I32);
    return vec_open(r, path, &o, e);
}

static bool is_file(const char *path)
{
    struct stat st;

    return strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* Looks at every input that can be opened twice: how many rows are there, and can they be sought?
 * The first stays open. */
static int survey(struct job *j, struct err *e)
{
    size_t n = input_count(j);

    if (open_input(j, 0, &j->r, e) < 0)
        return e->code;
    j->known = vec_reader_rows(j->r);
    j->all_seek = vec_can_seek(j->r);
    for (size_t i = 1; i < n && j->known != VEC_UNKNOWN; i++) {
        struct vec_reader *r = NULL;
        uint64_t rows = VEC_UNKNOWN;

        if (is_file(input_path(j, i))) {
            if (open_input(j, i, &r, e) < 0)
                return e->code;
            rows = vec_reader_rows(r);
            j->all_seek = j->all_seek && vec_can_seek(r);
            vec_close(r);
        }
        j->known = rows == VEC_UNKNOWN ? rows : j->known + rows;
    }
    if (j->read.skip_bad) /* how many will be left is not known */
        j->known = VEC_UNKNOWN;
    j->all_seek = j->all_seek && j->known != VEC_UNKNOWN;
    return 0;
}

/* Goes on to input i. */
static int step_to(struct job *j, size_t i, struct err *e)
{
    if (i == j->at)
        return 0;
    j->base += vec_reader_rows(j->r) != VEC_UNKNOWN ? vec_reader_rows(j->r) : vec_reader_next(j->r);
    j->skipped += vec_reader_skipped(j->r);
    vec_close(j->r);
    j->r = NULL;
    j->at = i;
    return open_input(j, i, &j->r, e);
}

/* ---- what the output is ---- */

static int choose_type(struct job *j, struct err *e)
{
    enum vec_format to = j->write.format;

    j->have = j->normalize ? VEC_F32 : vec_reader_type(j->r);
    j->write.dim = vec_reader_dim(j->r);
    if (j->typed)
        return 0;
    j->write.type = vec_format_type(to, j->have);
    if (j->have == VEC_I32 && j->write.type != VEC_I32 && j->write.dim)
        return err_set(
            e, ERR_USAGE,
            "%s holds 32-bit integers, as for lists of ids; %s would not: give --type if "
            "they are vectors",
            vec_reader_name(j->r), vec_format_name(to));
    return 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* How many rows of those wanted there will be. */
static uint64_t count_rows(const struct job *j)
{
    uint64_t end = least(j->known, j->to), rows = end > j->from ? end - j->from : 0;

    if (j->known == VEC_UNKNOWN)
        return VEC_UNKNOWN;
    return j->has_sample ? least(rows, j->sample) : rows;
}

static int make_room(struct job *j, struct err *e)
{
    size_t row = (size_t)j->write.dim * sizeof(float);

    j->batch = row < BATCH_BYTES && row ? BATCH_BYTES / row : 1;
    j->raw = mem_array(j->batch, row, e);
    j->cooked = mem_array(j->batch, row, e);
    return j->raw && j->cooked ? 0 : e->code;
}

/* With the first input that has rows, or the last. */
static int begin(struct job *j, struct err *e)
{
    if (choose_type(j, e) < 0 || make_room(j, e) < 0)
        return e->code;
    j->begun = true;
    if (j->write.rows == VEC_UNKNOWN)
        j->write.rows = count_rows(j);
    if (vec_create(&j->w, j->out, &j->write, e) < 0)
        return e->code;
    if (j->all_seek && (!j->shuffle || input_count(j) == 1))
        return 0;
    if (!j->has_sample && !j->shuffle)
        return 0;
    return vec_sample_new(&j->kept, j->has_sample ? j->sample : UINT64_MAX,
                          j->write.dim * vec_type_size(j->write.type), j->seed, e);
}

/* An input's rows must be of the kind of the first one's. */
static int check_input(const struct job *j, struct err *e)
{
    enum vec_type have = j->normalize ? VEC_F32 : vec_reader_type(j->r);

    if (vec_reader_dim(j->r) != j->write.dim)
        return err_set(e, ERR_INPUT, "%s: dimension %u, and %u before it", vec_reader_name(j->r),
                       vec_reader_dim(j->r), j->write.dim);
    if (have != j->have && !j->typed && j->write.type == j->have)
        return err_set(e, ERR_USAGE, "%s: %s, and %s before it: give --type", vec_reader_name(j->r),
                       vec_type_name(have), vec_type_name(j->have));
    return 0;
}

/* ---- rows ---- */

static bool to_unit_length(float *x, uint32_t dim)
{
    double norm2 = vec_norm2(x, dim), scale;

    if (!(norm2 > 0))
        return false;
    scale = 1 / sqrt(norm2);
    for (uint32_t k = 0; k < dim; k++)
        x[k] = (float)(x[k] * scale);
    return true;
}

/* 1; 0: a bad row, with *e filled. `row` is its number. */
static int cook_row(struct job *j, uint64_t row, unsigned char *raw, unsigned char *cooked,
                    struct err *e)
{
    enum vec_type type = j->normalize ? VEC_F32 : vec_reader_type(j->r);
    size_t fit;

    if (j->normalize && !to_unit_length((float *)(void *)raw, j->write.dim)) {
        err_set(e, ERR_INPUT, "%s: row %llu is zero and has no direction", vec_reader_name(j->r),
                (unsigned long long)row);
        return 0;
    }
    fit = vec_convert(type, raw, j->write.type, cooked, j->write.dim);
    if (fit == j->write.dim)
        return 1;
    float v;
    vec_to_f32(type, raw + fit * vec_type_size(type), 1, &v);
    err_set(e, ERR_INPUT, "%s: row %llu: component %zu, %g, does not fit into %s",
            vec_reader_name(j->r), (unsigned long long)row, fit, (double)v,
            vec_type_name(j->write.type));
    return 0;
}

/* Up to n <= batch rows as they are written, at *rows; how many of them are good. *end is set where
 * no more will come. */
static int64_t read_rows(struct job *j, uint64_t n, unsigned char **rows, bool *end, struct err *e)
{
    uint64_t first = vec_reader_next(j->r), kept = 0;
    enum vec_type type = j->normalize ? VEC_F32 : vec_reader_type(j->r);
    size_t from = j->write.dim * vec_type_size(type);
    size_t to = j->write.dim * vec_type_size(j->write.type);
    int64_t got = j->normalize ? vec_read_f32(j->r, (float *)(void *)j->raw, n, e)
                               : vec_read(j->r, j->raw, n, e);

    *end = got == 0;
    *rows = j->raw;
    if (got <= 0 || (!j->normalize && type == j->write.type))
        return got;
    for (uint64_t i = 0; i < (uint64_t)got; i++) {
        if (cook_row(j, first + i, j->raw + i * from, j->cooked + kept * to, e))
            kept++;
        else if (!j->read.skip_bad)
            return e->code;
        else
            j->skipped++;
    }
    *rows = j->cooked;
    return (int64_t)kept;
}

static int emit(struct job *j, const void *rows, uint64_t n, struct err *e)
{
    return j->kept ? vec_sample_add(j->kept, rows, n, e) : vec_write(j->w, rows, n, e);
}

/* The wanted rows of the open input. */
static int pass_input(struct job *j, struct err *e)
{
    unsigned char *rows;
    bool end = false;

    if (j->from > j->base && vec_seek(j->r, j->from - j->base, e) < 0)
        return e->code;
    vec_stop_at(j->r, j->to - j->base);
    while (!end) {
        int64_t n = read_rows(j, j->batch, &rows, &end, e);

        if (n < 0 || emit(j, rows, (uint64_t)n, e) < 0)
            return e->code;
        progress_report(&j->progress, "converting", vec_reader_pos(j->r), vec_reader_size(j->r));
    }
    return 0;
}

static int pass_all(struct job *j, struct err *e)
{
    size_t n = input_count(j);

    for (size_t i = 0; i < n; i++) {
        if (j->begun && j->base + vec_reader_next(j->r) >= j->to)
            break;
        if (step_to(j, i, e) < 0)
            return e->code;
        if (!j->begun && (vec_reader_dim(j->r) || i == n - 1) && begin(j, e) < 0)
            return e->code;
        if (j->begun && vec_reader_dim(j->r) && (check_input(j, e) < 0 || pass_input(j, e) < 0))
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
    uint64_t end = least(j->known, j->to), rows = end > j->from ? end - j->from : 0;

    if (vec_sample_new(s, j->has_sample ? j->sample : UINT64_MAX, 0, j->seed, e) < 0 ||
        vec_sample_add(*s, NULL, rows, e) < 0)
        return e->code;
    (j->shuffle ? vec_sample_shuffle : vec_sample_sort)(*s);
    return 0;
}

/* Makes the input that holds row `row` of all the open one. */
static int find_input(struct job *j, uint64_t row, struct err *e)
{
    while (row - j->base >= vec_reader_rows(j->r))
        if (step_to(j, j->at + 1, e) < 0)
            return e->code;
    if (!j->begun && begin(j, e) < 0)
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
    n = least(least(n, j->batch), j->base + vec_reader_rows(j->r) - row);
    if (vec_reader_next(j->r) != row - j->base && vec_seek(j->r, row - j->base, e) < 0)
        return e->code;
    got = read_rows(j, n, &rows, &end, e);
    if (got == 0)
        return err_set(e, ERR_IO, "%s has become shorter", vec_reader_name(j->r));
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
    uint64_t rows = j->base + vec_reader_next(j->r);

    return err_set(e, ERR_USAGE, "there is no row %llu: only %llu are there",
                   (unsigned long long)j->from, (unsigned long long)rows);
}

static int convert(struct job *j, struct err *e)
{
    bool by_number;

    if (survey(j, e) < 0)
        return e->code;
    by_number = (j->has_sample || j->shuffle) && j->all_seek &&
                (!j->shuffle || input_count(j) == 1);
    if ((by_number ? pass_numbers(j, e) : pass_all(j, e)) < 0)
        return e->code;
    if (j->from && !by_number && j->base + vec_reader_next(j->r) < j->from)
        return nothing_there(j, e);
    if (j->kept && write_kept(j, e) < 0)
        return e->code;
    j->skipped += vec_reader_skipped(j->r);
    return vec_commit(&j->w, e);
}

static void job_free(struct job *j)
{
    vec_abort(&j->w);
    vec_sample_free(j->kept);
    vec_close(j->r);
    free(j->raw);
    free(j->cooked);
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
    int from, to, type;
    bool cat;
    uint64_t total, sample;
};

/* What the table of options cannot say. */
static void check_usage(struct job *j, const struct asked *a)
{
    bool std = !j->out || strcmp(j->out, "-") == 0;
    enum vec_format to = a->to >= 0 ? (enum vec_format)(a->to + 1)
                         : std      ? VEC_AUTO
                                    : vec_format_of(j->out);

    if (to == VEC_AUTO && std)
        cli_misuse("standard output needs '--to FORMAT'");
    if (to == VEC_AUTO)
        cli_misuse("'%s' tells no format: give '--to FORMAT'", j->out);
    if (std && !vec_format_is_text(to) && isatty(STDOUT_FILENO))
        cli_misuse("binary is not written to a terminal");
    if (a->rows && !parse_rows(a->rows, &j->from, &j->to))
        cli_misuse("'--rows %s' is no range A:B", a->rows);
    if (j->n_inputs > 1 && !a->cat)
        cli_misuse("several inputs need '--cat'; the output is '-o FILE'");
    j->write.format = to;
    j->write.rows = a->total;
    j->read.format = a->from >= 0 ? (enum vec_format)(a->from + 1) : VEC_AUTO;
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
    struct asked a = {NULL, -1, -1, -1, false, VEC_UNKNOWN, UINT64_MAX};
    bool quiet = false, verbose = false;
    const struct cli_opt opts[] = {
        CLI_CHOICE(0, "from", &a.from, VEC_FORMAT_NAMES, "the inputs' format"),
        CLI_CHOICE(0, "to", &a.to, VEC_FORMAT_NAMES, "the output's format (default: by its name)"),
        CLI_STR(0, "field", &j.read.field, "NAME", "jsonl: the member (default embedding)"),
        CLI_CHOICE(0, "type", &a.type, "f32|f16|u8|i8", "components become this type"),
        CLI_FLAG(0, "normalize", &j.normalize, "scale every row to length 1"),
        CLI_STR(0, "rows", &a.rows, "A:B", "only rows A to B - 1, from 0"),
        CLI_U64(0, "sample", &a.sample, "N", "only N rows, every choice equally likely"),
        CLI_FLAG(0, "shuffle", &j.shuffle, "in random order"),
        CLI_SEED(&j.seed),
        CLI_FLAG(0, "cat", &a.cat, "take several inputs, one after the other"),
        CLI_U64(0, "rows-total", &a.total, "N", "there will be N rows: another number is an error"),
        CLI_FLAG(0, "skip-bad", &j.read.skip_bad, "leave bad rows out and count them"),
        CLI_OUT(&j.out),
        CLI_QUIET(&quiet),
        CLI_VERBOSE(&verbose),
        CLI_END,
    };
    int first = cli_parse(&prog, opts, argc, argv);
    struct err e = {0};
    int ok;

    j.inputs = argv + first;
    j.n_inputs = (size_t)(argc - first);
    check_usage(&j, &a);
    j.write.field = j.read.field;
    j.write.spool_dir = getenv("TMPDIR");
    progress_init(&j.progress, quiet);
    ok = convert(&j, &e) == 0;
    progress_end(&j.progress);
    if (ok && j.skipped)
        cli_note(quiet, "%llu bad rows left out", (unsigned long long)j.skipped);
    job_free(&j);
    cli_finish(verbose);
    return ok ? CLI_DONE : cli_fail(&e);
}
