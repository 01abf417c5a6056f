/* fm-find - where does a pattern occur: document, id, offset, and the text around it. */
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/out.h"
#include "base/par.h"
#include "fm/fm.h"

enum { GROUP = 512 }; /* rows whose snippets are read together */

static const struct cli_prog prog = {
    "fm-find", "IDX PATTERN...", "Print where a pattern occurs, with the text around it.", 2, -1};

/* One occurrence, of one of the patterns. */
struct found {
    struct fm_place place;
    uint32_t pattern;
};

struct job {
    const struct fm *fm;
    struct fm_reader *reader;
    struct out *out;
    char **pattern;
    size_t patterns;
    bool json, fold_case, by_doc, all_of;
    uint64_t context, max, sample, seed;
    int threads;
    struct found *found;
    size_t n;
};

/* ---- which occurrences ---- */

static int locate(const struct job *j, struct fm_hits *h, struct fm_place **place, uint64_t *n,
                  struct err *e)
{
    bool few = j->max < h->count && !j->by_doc && !j->all_of;

    *n = few ? j->max : h->count;
    if (j->sample < *n)
        *n = j->sample;
    *place = mem_array(*n, sizeof **place, e);
    if (!*place)
        return e->code;
    if (j->sample < h->count)
        return fm_hits_sample(h, *n, j->seed, *place, j->threads, e);
    if (few)
        return fm_hits_first(h, *n, *place, j->threads, e);
    fm_hits_locate(h, *place, j->threads);
    return 0;
}

static int add_pattern(struct job *j, size_t which, size_t *cap, struct err *e)
{
    struct fm_text pat = {j->pattern[which], strlen(j->pattern[which])};
    struct fm_place *place = NULL;
    struct fm_hits h;
    uint64_t n = 0;
    int rc = fm_hits_find(&h, j->fm, pat, j->fold_case, e);

    if (rc == 0)
        rc = locate(j, &h, &place, &n, e);
    if (rc == 0)
        rc = mem_reserve(&j->found, cap, j->n + n, sizeof *j->found, e);
    for (uint64_t i = 0; rc == 0 && i < n; i++)
        j->found[j->n++] = (struct found){place[i], (uint32_t)which};
    free(place);
    fm_hits_free(&h);
    return rc;
}

static int by_place(const void *a, const void *b)
{
    const struct found *x = a, *y = b;

    if (x->place.doc != y->place.doc)
        return x->place.doc < y->place.doc ? -1 : 1;
    if (x->place.offset != y->place.offset)
        return x->place.offset < y->place.offset ? -1 : 1;
    return (x->pattern > y->pattern) - (x->pattern < y->pattern);
}

static size_t doc_end(const struct job *j, size_t from)
{
    size_t to = from;

    while (to < j->n && j->found[to].place.doc == j->found[from].place.doc)
        to++;
    return to;
}

/* Keeps the documents in which every pattern occurs. */
static int keep_common(struct job *j, struct err *e)
{
    bool *seen = mem_array(j->patterns, sizeof *seen, e);
    size_t kept = 0;

    if (!seen)
        return e->code;
    for (size_t from = 0, to; from < j->n; from = to) {
        size_t distinct = 0;
        to = doc_end(j, from);
        memset(seen, 0, j->patterns * sizeof *seen);
        for (size_t i = from; i < to; i++) {
            distinct += !seen[j->found[i].pattern];
            seen[j->found[i].pattern] = true;
        }
        if (distinct < j->patterns)
            continue;
        memmove(j->found + kept, j->found + from, (to - from) * sizeof *j->found);
        kept += to - from;
    }
    j->n = kept;
    free(seen);
    return 0;
}

static int find_all(struct job *j, struct err *e)
{
    size_t cap = 0;

    for (size_t i = 0; i < j->patterns; i++)
        if (add_pattern(j, i, &cap, e) < 0)
            return e->code;
    if (j->patterns > 1) {
        if (j->n)
            qsort(j->found, j->n, sizeof *j->found, by_place);
        if (keep_common(j, e) < 0)
            return e->code;
    }
    return 0;
}

/* ---- rows ---- */

static int print_row(struct job *j, const struct found *f, size_t count, const char *text,
                     const struct fm_snippet *s, struct buf *id, struct err *e)
{
    id->len = 0;
    if (fm_reader_id(j->reader, f->place.doc, id, e) < 0)
        return e->code;
    out_row(j->out);
    out_u64(j->out, "doc", f->place.doc);
    out_str(j->out, "id", id->p, id->len);
    if (j->by_doc)
        out_u64(j->out, "count", count);
    out_u64(j->out, "offset", f->place.offset);
    if (j->json && j->all_of)
        out_cstr(j->out, "pattern", j->pattern[f->pattern]);
    out_str_marked(j->out, "snippet", text + s->at, s->len, s->hit_at, s->hit_len);
    out_end_row(j->out);
    return 0;
}

/* Rows of the occurrences first[0..n): each alone, or the first of its document's count[i]. */
static int print_group(struct job *j, const size_t *first, const size_t *count, size_t n,
                       struct err *e)
{
    struct fm_place place[GROUP];
    uint64_t hit_len[GROUP];
    struct fm_snippet snippet[GROUP];
    struct buf text = {0}, id = {0};
    int rc;

    for (size_t i = 0; i < n; i++) {
        place[i] = j->found[first[i]].place;
        hit_len[i] = strlen(j->pattern[j->found[first[i]].pattern]);
    }
    rc = fm_snippets(j->fm, place, hit_len, n, j->context, snippet, &text, j->threads, e);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = print_row(j, &j->found[first[i]], count[i], text.p, &snippet[i], &id, e);
    buf_free(&text);
    buf_free(&id);
    return rc;
}

static int print_all(struct job *j, struct err *e)
{
    size_t first[GROUP], count[GROUP], n = 0;
    uint64_t rows = 0;
    int rc = 0;

    out_header(j->out, j->by_doc ? "doc id count offset snippet" : "doc id offset snippet");
    for (size_t i = 0; rc == 0 && i < j->n && rows < j->max && !out_failed(j->out); rows++) {
        first[n] = i;
        count[n] = j->by_doc ? doc_end(j, i) - i : 1;
        i += count[n++];
        if (n == GROUP) {
            rc = print_group(j, first, count, n, e);
            n = 0;
        }
    }
    return rc == 0 && n ? print_group(j, first, count, n, e) : rc;
}

int main(int argc, char **argv)
{
    struct cli_common co = {0};
    struct job j = {.context = 40, .max = UINT64_MAX, .sample = UINT64_MAX, .seed = 1};
    struct fm_open_opts how = {0};
    const struct cli_opt opts[] = {
        CLI_FLAG('i', "ignore-case", &j.fold_case, "letters A-Z match in either case"),
        CLI_U64('C', "context", &j.context, "N", "bytes of text around (default 40)"),
        CLI_FLAG(0, "and", &j.all_of, "several patterns, which must share a document"),
        CLI_FLAG(0, "by-doc", &j.by_doc, "one row a document: its count and first occurrence"),
        CLI_U64(0, "max", &j.max, "N", "the first N rows only"),
        CLI_U64(0, "sample", &j.sample, "N", "N occurrences, each equally likely"),
        CLI_SEED(&j.seed),
        CLI_LOAD(&how.load),
        CLI_COMMON(&co),
        CLI_END,
    };
    int first = cli_parse(&prog, opts, argc, argv);
    struct fm *fm = NULL;
    struct err e = {0};
    int ok;

    j.pattern = argv + first + 1;
    j.patterns = (size_t)(argc - first - 1);
    j.json = co.json;
    j.threads = par_threads(co.threads);
    how.cpu = cli_cpu();
    how.output = co.out;
    how.threads = j.threads;
    if (j.patterns > 1 && !j.all_of)
        cli_misuse("several patterns need the option '--and'");
    if (j.all_of && j.sample != UINT64_MAX)
        cli_misuse("options '--and' and '--sample' cannot be combined");
    cli_inputs_stay(&co.out, 1, (const char *const *)(argv + first), 1);
    for (size_t i = 0; i < j.patterns; i++)
        if (!j.pattern[i][0])
            cli_misuse("an empty pattern has no places");
    ok = fm_open(&fm, argv[first], &how, &e) == 0;
    j.fm = fm;
    ok = ok && fm_reader_new(&j.reader, fm, &e) == 0 && find_all(&j, &e) == 0 &&
         out_open(&j.out, &(struct out_opts){co.out, co.json, false}, &e) == 0 &&
         print_all(&j, &e) == 0 && out_commit(&j.out, &e) == 0;
    out_abort(&j.out);
    free(j.found);
    fm_reader_free(j.reader);
    fm_close(fm);
    cli_finish(co.verbose);
    return ok ? CLI_DONE : cli_fail(&e);
}
