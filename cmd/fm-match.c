/* fm-match - which parts of each text occur in the corpus? */
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/jsonl.h"
#include "base/out.h"
#include "base/par.h"
#include "fm/fm.h"

enum { BATCH_TEXTS = 256, BATCH_BYTES = 1 << 20 };

static const struct cli_prog prog = {
    "fm-match", "IDX [FILE...]",
    "Print each text's maximal matches in the corpus: texts from stdin, a line each, or FILEs.", 1,
    -1};

struct job {
    const struct fm *fm;
    struct out *out;
    uint64_t min_len;
    bool show;
    int threads;
    /* one batch of texts, one after the other in `bytes` */
    struct buf bytes;
    size_t end[BATCH_TEXTS];
    uint64_t number[BATCH_TEXTS];
    size_t n;
};

static void print_match(const struct job *j, uint64_t number, struct fm_text text,
                        const struct fm_match *m)
{
    out_row(j->out);
    out_u64(j->out, "text", number);
    out_u64(j->out, "offset", m->offset);
    out_u64(j->out, "len", m->len);
    out_u64(j->out, "count", m->count);
    out_u64(j->out, "doc", m->doc);
    if (j->show)
        out_str(j->out, "match", text.p + m->offset, m->len);
    out_end_row(j->out);
}

static int flush_batch(struct job *j, struct err *e)
{
    struct fm_match *match[BATCH_TEXTS] = {NULL};
    int64_t found[BATCH_TEXTS];
    struct fm_text text[BATCH_TEXTS];
    int rc;

    for (size_t i = 0; i < j->n; i++) {
        size_t from = i ? j->end[i - 1] : 0;
        text[i] = (struct fm_text){j->bytes.p + from, j->end[i] - from};
    }
    rc = fm_match(j->fm, text, j->n, j->min_len, match, found, j->threads, e);
    for (size_t i = 0; i < j->n; i++) {
        for (int64_t k = 0; rc == 0 && k < found[i]; k++)
            print_match(j, j->number[i], text[i], &match[i][k]);
        free(match[i]);
    }
    j->n = 0;
    j->bytes.len = 0;
    return rc;
}

/* The texts are numbered from 0, all inputs through. */
static int match_all(struct job *j, const struct docs_opts *o, const char *const *paths, size_t n,
                     struct err *e)
{
    struct docs *docs = NULL;
    struct doc d;
    uint64_t number = 0;
    int rc = docs_open(&docs, paths, n, o, e);

    while (rc == 0 && !out_failed(j->out) && (rc = docs_next(docs, &d, e)) > 0) {
        rc = fm_normalize_text(fm_normalize(j->fm), (struct fm_text){d.text, d.text_len}, &j->bytes,
                               e);
        j->number[j->n] = number++;
        j->end[j->n++] = j->bytes.len;
        if (rc == 0 && (j->n == BATCH_TEXTS || j->bytes.len >= BATCH_BYTES))
            rc = flush_batch(j, e);
    }
    docs_close(docs);
    return rc < 0 ? rc : flush_batch(j, e);
}

int main(int argc, char **argv)
{
    static const char *const standard_input[] = {"-"};
    struct cli_common co = {0};
    struct docs_opts docs = {0};
    struct job j = {.min_len = 32};
    int format = DOCS_AUTO;
    struct fm_open_opts how = {0};
    const struct cli_opt opts[] = {
        CLI_U64('l', "min-length", &j.min_len, "N", "matches of at least N bytes (default 32)"),
        CLI_CHOICE('f', "format", &format, "auto|jsonl|lines|text",
                   "what the texts are in (default: by name; stdin: lines)"),
        CLI_STR(0, "field", &docs.field, "NAME", "texts are this field of JSON Lines"),
        CLI_FLAG(0, "show", &j.show, "print the matched text as the last column"),
        CLI_LOAD(&how.load),
        CLI_COMMON(&co),
        CLI_END,
    };
    int first = cli_parse(&prog, opts, argc, argv), n = argc - first - 1;
    const char *const *paths = n ? (const char *const *)(argv + first + 1) : standard_input;
    struct fm *fm = NULL;
    struct err e = {0};
    int ok;

    if (j.min_len == 0)
        cli_misuse("option '--min-length' wants at least 1");
    cli_files(&co.out, 1, paths, n ? (size_t)n : 1);
    cli_inputs_stay(&co.out, 1, (const char *const *)(argv + first), 1);
    if (format == DOCS_AUTO && docs.field)
        format = DOCS_JSONL;
    else if (format == DOCS_AUTO && (n == 0 || (n == 1 && strcmp(paths[0], "-") == 0)))
        format = DOCS_LINES;
    docs.format = (enum docs_format)format;
    j.threads = par_threads(co.threads);
    how.cpu = cli_cpu();
    how.output = co.out;
    how.threads = j.threads;
    ok = fm_open(&fm, argv[first], &how, &e) == 0 &&
         out_open(&j.out, &(struct out_opts){co.out, co.json, false}, &e) == 0;
    j.fm = fm;
    if (ok)
        out_header(j.out, j.show ? "text offset len count doc match" : "text offset len count doc");
    ok = ok && match_all(&j, &docs, paths, n ? (size_t)n : 1, &e) == 0 &&
         out_commit(&j.out, &e) == 0;
    out_abort(&j.out);
    buf_free(&j.bytes);
    fm_close(fm);
    cli_finish(co.verbose);
    return ok ? CLI_DONE : cli_fail(&e);
}
