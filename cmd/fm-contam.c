/* fm-contam - which entries of a benchmark does the corpus contain? */
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/out.h"
#include "base/par.h"
#include "fm/fm.h"
#include "fm/report.h"

enum { REPORT_NONE, REPORT_MD, REPORT_HTML };

static const struct cli_prog prog = {
    "fm-contam", "IDX", "Report which entries of benchmarks occur in the indexed corpus.", 1, 1};

/* One benchmark: its entries, one after the other in `bytes`, and what was found. */
struct bench {
    const char *path;
    struct buf bytes, ids, doc_ids;
    size_t *end, *id_end, *doc_id_end; /* of entry i */
    size_t n, cap, id_cap;
    struct fm_text *entry;
    struct fm_verdict *verdict;
    size_t count[3]; /* by label */
};

struct job {
    const struct fm *fm;
    const char *index;
    struct out *out;
    struct fm_contam_opts opts;
    struct docs_opts docs;
    struct bench *bench;
    size_t n;
    bool json;
    int report, threads;
    uint64_t worst;
};

static const char *const label_name[] = {
    [FM_CLEAN] = "clean", [FM_SUSPICIOUS] = "suspicious", [FM_DIRTY] = "dirty"};

static struct fm_text span(const struct buf *b, const size_t *end, size_t i)
{
    size_t from = i ? end[i - 1] : 0;

    return (struct fm_text){b->p + from, end[i] - from};
}

/* An entry is kept in the form in which it is searched: normalised, if the index is. */
static int add_entry(struct job *j, struct bench *b, const struct doc *d, struct err *e)
{
    enum text_rule rule = fm_normalize(j->fm);

    if (mem_reserve(&b->end, &b->cap, b->n + 1, sizeof *b->end, e) < 0 ||
        mem_reserve(&b->id_end, &b->id_cap, b->n + 1, sizeof *b->id_end, e) < 0 ||
        fm_normalize_text(rule, (struct fm_text){d->text, d->text_len}, &b->bytes, e) < 0 ||
        (d->id ? buf_add(&b->ids, d->id, d->id_len, e)
               : buf_printf(&b->ids, e, "%llu", (unsigned long long)d->line)) < 0)
        return e->code;
    b->end[b->n] = b->bytes.len;
    b->id_end[b->n++] = b->ids.len;
    return 0;
}

static int read_bench(struct job *j, struct bench *b, struct err *e)
{
    struct docs *docs = NULL;
    struct doc d;
    int rc = docs_open(&docs, &b->path, 1, &j->docs, e);

    while (rc == 0 && (rc = docs_next(docs, &d, e)) > 0)
        rc = add_entry(j, b, &d, e);
    docs_close(docs);
    return rc;
}

static int judge(struct job *j, struct bench *b, struct err *e)
{
    b->entry = mem_array(b->n, sizeof *b->entry, e);
    b->verdict = mem_array(b->n, sizeof *b->verdict, e);
    if (!b->entry || !b->verdict)
        return e->code;
    for (size_t i = 0; i < b->n; i++)
        b->entry[i] = span(&b->bytes, b->end, i);
    if (fm_contam(j->fm, b->entry, b->n, &j->opts, b->verdict, j->threads, e) < 0)
        return e->code;
    for (size_t i = 0; i < b->n; i++)
        b->count[b->verdict[i].label]++;
    return 0;
}

/* The id of each longest match's document; none for an entry without a match. */
static int name_documents(struct job *j, struct bench *b, struct err *e)
{
    struct fm_reader *reader = NULL;
    int rc = fm_reader_new(&reader, j->fm, e);

    b->doc_id_end = mem_array(b->n, sizeof *b->doc_id_end, e);
    if (!b->doc_id_end)
        rc = e->code;
    for (size_t i = 0; rc == 0 && i < b->n; i++) {
        if (b->verdict[i].longest.len)
            rc = fm_reader_id(reader, b->verdict[i].longest.doc, &b->doc_ids, e);
        b->doc_id_end[i] = b->doc_ids.len;
    }
    fm_reader_free(reader);
    return rc;
}

static void print_row(const struct job *j, const struct bench *b, size_t i)
{
    const struct fm_verdict *v = &b->verdict[i];
    struct fm_text id = span(&b->ids, b->id_end, i);

    out_row(j->out);
    out_str(j->out, "id", id.p, id.len);
    out_cstr(j->out, "label", label_name[v->label]);
    out_double(j->out, "share", v->share, 4);
    out_u64(j->out, "longest", v->longest.len);
    out_i64(j->out, "doc", v->longest.len ? (int64_t)v->longest.doc : -1);
    if (j->json) {
        struct fm_text doc_id = span(&b->doc_ids, b->doc_id_end, i);
        out_str(j->out, "doc_id", doc_id.p, doc_id.len);
        out_u64(j->out, "windows", v->windows);
        out_u64(j->out, "found", v->found);
        out_u64(j->out, "longest_offset", v->longest.offset);
        out_u64(j->out, "longest_count", v->longest.count);
    }
    if (j->n > 1)
        out_cstr(j->out, "bench", b->path);
    out_end_row(j->out);
}

static void print_summary(const struct job *j, const struct bench *b)
{
    if (!j->json) {
        out_comment(j->out, "%s: %zu entries, %zu dirty, %zu suspicious, %zu clean", b->path, b->n,
                    b->count[FM_DIRTY], b->count[FM_SUSPICIOUS], b->count[FM_CLEAN]);
        return;
    }
    out_row(j->out);
    out_object(j->out, "summary");
    out_cstr(j->out, "bench", b->path);
    out_u64(j->out, "entries", b->n);
    for (int l = FM_DIRTY; l >= FM_CLEAN; l--)
        out_u64(j->out, label_name[l], b->count[l]);
    out_close_object(j->out);
    out_end_row(j->out);
}

static void print_rows(const struct job *j)
{
    out_header(j->out,
               j->n > 1 ? "id label share longest doc bench" : "id label share longest doc");
    for (size_t k = 0; k < j->n; k++) {
        for (size_t i = 0; i < j->bench[k].n; i++)
            print_row(j, &j->bench[k], i);
        print_summary(j, &j->bench[k]);
    }
}

/* ---- the bulletin ---- */

static int report_bench(const struct bench *b, struct fm_report_bench *r, struct err *e)
{
    struct fm_report_entry *entry = mem_array(b->n, sizeof *entry, e);

    if (!entry)
        return e->code;
    for (size_t i = 0; i < b->n; i++)
        entry[i] = (struct fm_report_entry){.id = span(&b->ids, b->id_end, i),
                                            .text = b->entry[i],
                                            .verdict = &b->verdict[i],
                                            .doc_id = span(&b->doc_ids, b->doc_id_end, i)};
    *r = (struct fm_report_bench){.name = b->path, .entry = entry, .n = b->n};
    return 0;
}

static int print_report(const struct job *j, struct err *e)
{
    struct fm_report_bench *bench = mem_zero(j->n, sizeof *bench, e);
    struct fm_report r = {.corpus = j->index,
                          .docs = fm_docs(j->fm),
                          .bytes = fm_bytes(j->fm),
                          .opts = &j->opts,
                          .rule = fm_normalize(j->fm),
                          .bench = bench,
                          .n_bench = j->n,
                          .worst = (size_t)j->worst};
    struct buf page = {0};
    int rc = bench ? 0 : e->code;

    for (size_t k = 0; rc == 0 && k < j->n; k++)
        rc = report_bench(&j->bench[k], &bench[k], e);
    if (rc == 0)
        rc = j->report == REPORT_HTML ? fm_report_html(&r, &page, e)
                                      : fm_report_markdown(&r, &page, e);
    if (rc == 0)
        out_raw(j->out, page.p, page.len);
    buf_free(&page);
    for (size_t k = 0; bench && k < j->n; k++)
        free((void *)(uintptr_t)bench[k].entry);
    free(bench);
    return rc;
}

/* ---- */

static int run(struct job *j, const struct cli_list *paths, struct err *e)
{
    j->bench = mem_zero(paths->n, sizeof *j->bench, e);
    if (!j->bench)
        return e->code;
    j->n = paths->n;
    for (size_t k = 0; k < j->n; k++) {
        j->bench[k].path = paths->v[k];
        if (read_bench(j, &j->bench[k], e) < 0 || judge(j, &j->bench[k], e) < 0 ||
            name_documents(j, &j->bench[k], e) < 0)
            return e->code;
    }
    if (j->report != REPORT_NONE)
        return print_report(j, e);
    print_rows(j);
    return 0;
}

static void job_free(struct job *j)
{
    for (size_t k = 0; j->bench && k < j->n; k++) {
        struct bench *b = &j->bench[k];
        buf_free(&b->bytes);
        buf_free(&b->ids);
        buf_free(&b->doc_ids);
        free(b->end);
        free(b->id_end);
        free(b->doc_id_end);
        free(b->entry);
        free(b->verdict);
    }
    free(j->bench);
}

static void check_options(const struct job *j, const struct cli_list *paths)
{
    const struct fm_contam_opts *o = &j->opts;

    if (paths->n == 0)
        cli_misuse("option '--bench' is required");
    if (o->window_chars == 0 || o->words == 0)
        cli_misuse("a window has at least one character or word");
    if (o->dirty < 0 || o->dirty > 1 || o->suspicious < 0 || o->suspicious > o->dirty)
        cli_misuse("shares go from 0 to 1, and --suspicious is at most --dirty");
    if (j->json && j->report != REPORT_NONE)
        cli_misuse("options '--json' and '--report' cannot be combined");
}

int main(int argc, char **argv)
{
    struct cli_common co = {0};
    struct cli_list paths = {0};
    struct job j = {
        .opts = {.window_chars = 50, .words = 13, .dirty = 0.8, .suspicious = 0.2},
        .docs = {.field = "question"},
        .worst = FM_REPORT_WORST,
    };
    int method = FM_WINDOW, format = DOCS_AUTO;
    uint64_t longest_min = UINT64_MAX; /* not given */
    struct fm_open_opts how = {0};
    const struct cli_opt opts[] = {
        CLI_LIST('b', "bench", &paths, "FILE", "a benchmark; may be given several times"),
        CLI_STR(0, "field", &j.docs.field, "NAME", "the field to look for (default question)"),
        CLI_STR(0, "id-field", &j.docs.id_field, "NAME",
                "the field with the entry's id (default: id, else the line)"),
        CLI_CHOICE('f', "format", &format, "auto|jsonl|lines|text",
                   "what the benchmark is in (default: by its name)"),
        CLI_CHOICE(0, "method", &method, "window|ngram|longest", "how to compare (default window)"),
        CLI_U64(0, "window", &j.opts.window_chars, "N", "window: characters (default 50)"),
        CLI_U64(0, "words", &j.opts.words, "N", "ngram: words (default 13)"),
        CLI_U64(0, "longest-min", &longest_min, "N",
                "least bytes of a clean entry's longest part (default 32)"),
        CLI_FLAG(0, "verbatim", &j.opts.verbatim, "ngram: raw strings, on any index"),
        CLI_DOUBLE(0, "dirty", &j.opts.dirty, "SHARE", "dirty from this share on (default 0.8)"),
        CLI_DOUBLE(0, "suspicious", &j.opts.suspicious, "SHARE",
                   "suspicious from this share on (default 0.2)"),
        CLI_CHOICE(0, "report", &j.report, "none|md|html", "write a bulletin instead of rows"),
        CLI_U64(0, "worst", &j.worst, "N", "entries shown in the bulletin (default 20)"),
        CLI_LOAD(&how.load),
        CLI_COMMON(&co),
        CLI_END,
    };
    int first = cli_parse(&prog, opts, argc, argv);
    struct fm *fm = NULL;
    struct err e = {0};
    int ok;

    j.opts.method = (enum fm_method)method;
    if (longest_min == UINT64_MAX)
        longest_min = method == FM_LONGEST ? 1 : 32;
    j.opts.longest_min = longest_min;
    j.docs.format = (enum docs_format)format;
    j.json = co.json;
    j.index = argv[first];
    j.threads = par_threads(co.threads);
    how.cpu = cli_cpu();
    how.output = co.out;
    how.threads = j.threads;
    check_options(&j, &paths);
    cli_files(&co.out, 1, paths.v, paths.n);
    cli_inputs_stay(&co.out, 1, &j.index, 1);
    ok = fm_open(&fm, j.index, &how, &e) == 0 &&
         out_open(&j.out, &(struct out_opts){co.out, co.json, false}, &e) == 0;
    j.fm = fm;
    ok = ok && run(&j, &paths, &e) == 0 && out_commit(&j.out, &e) == 0;
    out_abort(&j.out);
    job_free(&j);
    cli_list_free(&paths);
    fm_close(fm);
    cli_finish(co.verbose);
    return ok ? CLI_DONE : cli_fail(&e);
}
