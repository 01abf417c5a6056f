/* fm-cat - documents out of an index: their text, or their records. */
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/jsonl.h"
#include "base/num.h"
#include "base/out.h"
#include "base/par.h"
#include "base/stream.h"
#include "fm/fm.h"

enum { GROUP_DOCS = 1024, GROUP_BYTES = 8 << 20 };

static const struct cli_prog prog = {
    "fm-cat", "IDX [DOC...]",
    "Print documents: by number from 0, by id, those of fm-find's output (-), or all.", 1, -1};

struct job {
    const struct fm *fm;
    struct fm_reader *reader;
    struct out *out;
    struct buf text;
    bool nul, json, meta, all, by_id;
    int threads;
};

static int print_doc(struct job *j, uint64_t doc, struct err *e)
{
    j->text.len = 0;
    if (j->json ? fm_reader_record(j->reader, doc, j->meta, &j->text, e) < 0
                : fm_reader_text(j->reader, doc, &j->text, e) < 0)
        return e->code;
    if (buf_addc(&j->text, j->nul ? '\0' : '\n', e) < 0)
        return e->code;
    out_raw(j->out, j->text.p, j->text.len);
    return 0;
}

static int check_doc(const struct job *j, uint64_t doc, struct err *e)
{
    if (doc < fm_docs(j->fm))
        return 0;
    return err_set(e, ERR_USAGE, "there is no document %llu: the index has %llu, numbered from 0",
                   (unsigned long long)doc, (unsigned long long)fm_docs(j->fm));
}

static int print_number(struct job *j, const char *arg, struct err *e)
{
    uint64_t doc;

    if (!num_u64(arg, &doc))
        return err_set(e, ERR_USAGE, "'%s' is no document number (for ids: --id)", arg);
    return check_doc(j, doc, e) < 0 ? e->code : print_doc(j, doc, e);
}

static int print_id(struct job *j, const char *id, struct err *e)
{
    uint64_t *docs;
    int64_t n = fm_reader_find_id(j->reader, id, strlen(id), &docs, e);
    int rc = 0;

    if (n == 0)
        return err_set(e, ERR_USAGE, "no document has the id '%s'", id);
    for (int64_t i = 0; rc == 0 && i < n; i++)
        rc = print_doc(j, docs[i], e);
    free(docs);
    return n < 0 ? (int)n : rc;
}

/* "123", and nothing else. */
static bool is_number(const char *p, size_t len, uint64_t *v)
{
    char digits[24] = "";

    if (len >= sizeof digits || memchr(p, '\0', len))
        return false;
    memcpy(digits, p, len);
    return num_u64(digits, v);
}

/* The document of a row of fm-find: its first column, or the member "doc" of its JSON. */
static int row_doc(const char *p, size_t len, uint64_t *doc, struct err *e)
{
    static const char *const names[] = {"doc"};
    struct jsonl_span v = {0};
    const char *tab = memchr(p, '\t', len);
    size_t blanks = 0;

    while (blanks < len && (p[blanks] == ' ' || p[blanks] == '\t'))
        blanks++;
    if (blanks == len || p[blanks] != '{')
        v = (struct jsonl_span){.p = p, .len = tab ? (size_t)(tab - p) : len, .type = JSONL_NUMBER};
    else if (jsonl_members(p, len, names, &v, 1, e) < 0)
        return e->code;
    if (!v.p || v.type != JSONL_NUMBER || !is_number(v.p, v.len, doc))
        return err_set(e, ERR_INPUT, "this row names no document of the index");
    return 0;
}

/* A line with the names of columns has tabs, a remark has none: the first must be "doc". Other
 * tools' rows begin with numbers too, which are none of documents. */
static int check_header(const char *p, size_t len, struct err *e)
{
    static const char doc[] = "# doc\t";

    if (!memchr(p, '\t', len) || (len >= sizeof doc - 1 && memcmp(p, doc, sizeof doc - 1) == 0))
        return 0;
    return err_set(e, ERR_INPUT, "this is no output of fm-find: the first column is not 'doc'");
}

/* fm-find's output on stdin; a document with several rows in a line is printed once. */
static int print_found(struct job *j, struct err *e)
{
    struct lines *l = NULL;
    const char *p;
    size_t len;
    uint64_t doc = 0, last = UINT64_MAX;
    int rc = lines_open(&l, "-", '\n', 0, e);

    while (rc == 0 && !out_failed(j->out) && (rc = lines_next(l, &p, &len, e)) > 0) {
        rc = 0;
        if (len == 0)
            continue;
        if ((*p == '#' ? check_header(p, len, e)
                       : row_doc(p, len, &doc, e) < 0 || check_doc(j, doc, e) < 0) != 0)
            rc = err_prefix(e, "stdin:%llu", (unsigned long long)lines_number(l));
        else if (*p != '#' && doc != last)
            rc = print_doc(j, last = doc, e);
    }
    lines_close(l);
    return rc;
}

static int print_all_records(struct job *j, struct err *e)
{
    int rc = 0;

    for (uint64_t d = 0; rc == 0 && !out_failed(j->out) && d < fm_docs(j->fm); d++)
        rc = print_doc(j, d, e);
    return rc;
}

/* Texts of [from, to), read together and in parallel, each with its end. */
static int print_group(struct job *j, uint64_t from, uint64_t to, struct err *e)
{
    struct fm_piece *piece = mem_array(to - from, sizeof *piece, e);
    char *at;
    int rc = piece ? 0 : e->code;
    size_t total = 0;

    for (uint64_t d = from; piece && d < to; d++) {
        piece[d - from] = (struct fm_piece){d, 0, fm_doc_bytes(j->fm, d), NULL};
        total += piece[d - from].len + 1;
    }
    j->text.len = 0;
    if (rc == 0)
        rc = buf_reserve(&j->text, total, e);
    if (rc == 0) {
        at = j->text.p;
        for (uint64_t i = 0; i < to - from; i++) {
            piece[i].dst = at;
            at += piece[i].len;
            *at++ = j->nul ? '\0' : '\n';
        }
        fm_read(j->fm, piece, to - from, j->threads);
        out_raw(j->out, j->text.p, total);
    }
    free(piece);
    return rc;
}

static int print_all_texts(struct job *j, struct err *e)
{
    uint64_t docs = fm_docs(j->fm), from = 0, to;
    int rc = 0;

    for (; rc == 0 && !out_failed(j->out) && from < docs; from = to) {
        uint64_t bytes = 0;
        for (to = from; to < docs && to - from < GROUP_DOCS && bytes < GROUP_BYTES; to++)
            bytes += fm_doc_bytes(j->fm, to);
        rc = print_group(j, from, to, e);
    }
    return rc;
}

static int print_wanted(struct job *j, char **arg, int n, struct err *e)
{
    int rc = 0;

    if (j->all)
        return j->json || fm_normalize(j->fm) != TEXT_NONE ? print_all_records(j, e)
                                                           : print_all_texts(j, e);
    for (int i = 0; rc == 0 && i < n; i++) {
        if (strcmp(arg[i], "-") == 0)
            rc = print_found(j, e);
        else
            rc = j->by_id ? print_id(j, arg[i], e) : print_number(j, arg[i], e);
    }
    return rc;
}

int main(int argc, char **argv)
{
    struct out_opts oo = {0};
    struct job j = {0};
    bool quiet = false, verbose = false;
    struct fm_open_opts how = {0};
    const struct cli_opt opts[] = {
        CLI_FLAG('a', "all", &j.all, "print every document"),
        CLI_FLAG(0, "id", &j.by_id, "DOC is an id; a repeated id prints all that have it"),
        CLI_FLAG('0', "null", &j.nul, "end documents with NUL, not newline"),
        CLI_FLAG(0, "json", &j.json, "print a JSON record a line: id and text"),
        CLI_FLAG(0, "meta", &j.meta, "like --json, with all fields as the input had them"),
        CLI_LOAD(&how.load),
        CLI_OUT(&oo.path),
        CLI_THREADS(&j.threads),
        CLI_QUIET(&quiet),
        CLI_VERBOSE(&verbose),
        CLI_END,
    };
    int first = cli_parse(&prog, opts, argc, argv), n = argc - first - 1;
    struct fm *fm = NULL;
    struct err e = {0};
    int ok;

    if (j.all ? n > 0 : n == 0)
        cli_misuse(j.all ? "option '--all' takes no document" : "no document is asked for");
    cli_std_once((const char *const *)(argv + first), (size_t)n + 1);
    cli_inputs_stay(&oo.path, 1, (const char *const *)(argv + first), 1);
    if (j.meta)
        j.json = true;
    oo.json = j.json;
    j.threads = par_threads(j.threads);
    how.cpu = cli_cpu();
    how.output = oo.path;
    how.threads = j.threads;
    ok = fm_open(&fm, argv[first], &how, &e) == 0 && fm_reader_new(&j.reader, fm, &e) == 0 &&
         out_open(&j.out, &oo, &e) == 0;
    j.fm = fm;
    ok = ok && print_wanted(&j, argv + first + 1, n, &e) == 0 && out_commit(&j.out, &e) == 0;
    out_abort(&j.out);
    fm_reader_free(j.reader);
    buf_free(&j.text);
    fm_close(fm);
    cli_finish(verbose);
    return ok ? CLI_DONE : cli_fail(&e);
}
