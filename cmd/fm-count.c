/* fm-count - how often does each pattern occur in an indexed text? */
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/jsonl.h"
#include "base/out.h"
#include "base/par.h"
#include "base/progress.h"
#include "base/stream.h"
#include "fm/fm.h"

enum { BATCH = 1 << 16, BATCH_BYTES = 16 << 20 };

static const struct cli_prog prog = {
    "fm-count", "IDX [PATTERN...]",
    "Print how often each pattern occurs: given as arguments, else one a line on stdin.", 1, -1};

struct job {
    const struct fm *fm;
    struct out *out;
    const char *field;
    bool nul, docs;
    int threads;
    struct progress *progress;
    /* one batch: patterns lie in `bytes` one after the other */
    struct buf bytes;
    size_t *end;
    struct fm_text *pat;
    uint64_t *count, *doc_count;
    size_t n;
};

static int flush_batch(struct job *j, struct err *e)
{
    for (size_t i = 0; i < j->n; i++) {
        size_t from = i ? j->end[i - 1] : 0;
        j->pat[i] = (struct fm_text){j->bytes.p + from, j->end[i] - from};
    }
    fm_count(j->fm, j->pat, j->n, j->count, j->threads);
    if (j->docs && fm_count_docs(j->fm, j->pat, j->n, j->doc_count, j->threads, progress_report,
                                 j->progress, e) < 0)
        return e->code;
    for (size_t i = 0; i < j->n; i++) {
        out_row(j->out);
        out_u64(j->out, "count", j->count[i]);
        if (j->docs)
            out_u64(j->out, "docs", j->doc_count[i]);
        out_str(j->out, "pattern", j->pat[i].p, j->pat[i].len);
        out_end_row(j->out);
    }
    j->n = 0;
    j->bytes.len = 0;
    return 0;
}

static int batch_added(struct job *j, struct err *e)
{
    j->end[j->n++] = j->bytes.len;
    if (j->n < BATCH && j->bytes.len < BATCH_BYTES)
        return 0;
    return flush_batch(j, e);
}

static int add_pattern(struct job *j, const char *p, size_t len, struct err *e)
{
    if (buf_add(&j->bytes, p, len, e) < 0)
        return e->code;
    return batch_added(j, e);
}

/* The field of one JSON line is the pattern. */
static int add_field(struct job *j, const char *line, size_t len, struct err *e)
{
    struct jsonl s;
    struct jsonl_member m;
    int rc;

    jsonl_begin(&s, line, len);
    while ((rc = jsonl_next(&s, &m, e)) > 0) {
        if (!jsonl_equals(&m.key, j->field, strlen(j->field)))
            continue;
        if (m.value.type != JSONL_STRING)
            return err_set(e, ERR_INPUT, "field '%s' is not a string", j->field);
        if (jsonl_decode(&m.value, &j->bytes, e) < 0)
            return e->code;
        while ((rc = jsonl_next(&s, &m, e)) > 0)
            ; /* the rest of the line must be JSON too */
        return rc < 0 ? rc : batch_added(j, e);
    }
    return rc < 0 ? rc : err_set(e, ERR_INPUT, "no field '%s'", j->field);
}

static int read_patterns(struct job *j, struct err *e)
{
    struct lines *l = NULL;
    const char *p;
    size_t len;
    int rc = lines_open(&l, "-", j->nul ? '\0' : '\n', 0, e);

    while (rc == 0 && !out_failed(j->out) && (rc = lines_next(l, &p, &len, e)) > 0) {
        rc = j->field ? add_field(j, p, len, e) : add_pattern(j, p, len, e);
        if (rc < 0 && j->field && e->code == ERR_INPUT)
            err_prefix(e, "stdin:%llu", (unsigned long long)lines_number(l));
    }
    lines_close(l);
    return rc;
}

static int count_all(struct job *j, char **patterns, int n, struct err *e)
{
    int rc = 0;

    j->end = mem_array(BATCH, sizeof *j->end, e);
    j->pat = mem_array(BATCH, sizeof *j->pat, e);
    j->count = mem_array(BATCH, sizeof *j->count, e);
    j->doc_count = mem_array(BATCH, sizeof *j->doc_count, e);
    if (!j->end || !j->pat || !j->count || !j->doc_count)
        return e->code;
    for (int i = 0; rc == 0 && i < n; i++)
        rc = add_pattern(j, patterns[i], strlen(patterns[i]), e);
    if (rc == 0 && n == 0)
        rc = read_patterns(j, e);
    return rc < 0 ? rc : flush_batch(j, e);
}

static void job_free(struct job *j)
{
    buf_free(&j->bytes);
    free(j->end);
    free(j->pat);
    free(j->count);
    free(j->doc_count);
}

int main(int argc, char **argv)
{
    struct cli_common co = {0};
    struct out_opts oo;
    struct job j = {0};
    struct fm_open_opts how = {0};
    const struct cli_opt opts[] = {
        CLI_FLAG('0', "null", &j.nul, "patterns end in NUL, and so do the rows"),
        CLI_STR(0, "field", &j.field, "NAME", "stdin is JSON Lines: take this field"),
        CLI_FLAG(0, "docs", &j.docs, "count the documents too, exactly"),
        CLI_LOAD(&how.load),
        CLI_COMMON(&co),
        CLI_END,
    };
    int first = cli_parse(&prog, opts, argc, argv);
    struct progress progress;
    struct fm *fm = NULL;
    struct err e = {0};
    int ok;

    if (j.nul && j.field)
        cli_misuse("options '--null' and '--field' cannot be combined");
    cli_inputs_stay(&co.out, 1, (const char *const *)(argv + first), 1);
    oo = (struct out_opts){co.out, co.json, j.nul && !co.json};
    j.threads = par_threads(co.threads);
    how.cpu = cli_cpu();
    how.output = co.out;
    how.threads = j.threads;
    progress_init(&progress, co.quiet);
    j.progress = &progress;
    ok = fm_open(&fm, argv[first], &how, &e) == 0 && out_open(&j.out, &oo, &e) == 0;
    j.fm = fm;
    if (ok)
        out_header(j.out, j.docs ? "count docs pattern" : "count pattern");
    ok = ok && count_all(&j, argv + first + 1, argc - first - 1, &e) == 0;
    progress_end(&progress);
    ok = ok && out_commit(&j.out, &e) == 0;
    out_abort(&j.out);
    job_free(&j);
    fm_close(fm);
    cli_finish(co.verbose);
    return ok ? CLI_DONE : cli_fail(&e);
}
