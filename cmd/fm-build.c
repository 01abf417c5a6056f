/* fm-build - makes a full-text index of documents. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/num.h"
#include "base/par.h"
#include "base/progress.h"
#include "base/ram.h"
#include "fm/fm.h"

static const struct cli_prog prog = {
    "fm-build", "FILE...|-",
    "Index the documents of JSON Lines, lines of text or whole files (.zst and .gz too).", 1, -1};

/* Without -o: the one input's name with .fmi in place of its suffixes. */
static const char *default_index(const char *const *paths, int n, struct buf *name, struct err *e)
{
    static const char *const suffixes[] = {".zst", ".gz", ".jsonl", ".ndjson", ".json", ".txt"};
    size_t len = strlen(paths[0]);

    if (n != 1 || strcmp(paths[0], "-") == 0)
        cli_misuse("option '--output' is required with several inputs or a pipe");
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        size_t k = strlen(suffixes[i]);
        if (len > k && memcmp(paths[0] + len - k, suffixes[i], k) == 0)
            len -= k;
    }
    if (buf_add(name, paths[0], len, e) < 0 || buf_adds(name, ".fmi", e) < 0 ||
        buf_addc(name, '\0', e) < 0)
        return NULL;
    return name->p;
}

#define NOT_GIVEN UINT64_MAX

static unsigned sample_rate(uint64_t rate)
{
    if (rate == NOT_GIVEN)
        return 0;
    cli_count_in("--sample-rate", rate, 4, 4096);
    return (unsigned)rate;
}

static void remark(bool quiet, bool ok, const char *index, const struct fm_build_report *r)
{
    if (r->skipped)
        cli_note(quiet, "%llu bad records were passed over", (unsigned long long)r->skipped);
    if (r->parts_left && ok)
        cli_note(quiet, "the index is complete, but '%s.parts' could not be removed", index);
    else if (r->parts_left)
        cli_note(quiet, "the parts that were finished are kept in '%s.parts': --resume goes on",
                 index);
    if (ok && r->docs == 0)
        cli_note(quiet, "the index is empty: there was no document");
}

/* ---- shards: corpus.fmi is the set of corpus.00.fmi, corpus.01.fmi, ... ---- */

struct shards {
    uint64_t n;    /* --shards; not given: one index, no set */
    uint64_t only; /* --shard; not given: all of them */
    struct progress *progress;
    uint64_t now; /* for progress */
    char *left;   /* the shard whose build has failed and left parts */
};

static void check_shards(const struct shards *s)
{
    bool given = s->n != NOT_GIVEN;

    if (given)
        cli_count_in("--shards", s->n, 1, FM_SET_MAX);
    if (s->only == NOT_GIVEN)
        return;
    if (!given)
        cli_misuse("option '--shard' needs '--shards', their number");
    if (s->only >= s->n)
        cli_misuse("option '--shard' wants a number below that of '--shards', from 0, not '%llu'",
                   (unsigned long long)s->only);
}

/* The names sort as the shards do. */
static char *shard_name(const char *set, uint64_t shard, uint64_t n, struct err *e)
{
    size_t len = strlen(set);
    int width = snprintf(NULL, 0, "%llu", (unsigned long long)n - 1);
    char *name = NULL;

    if (len > 4 && strcmp(set + len - 4, ".fmi") == 0)
        len -= 4;
    if (asprintf(&name, "%.*s.%0*llu.fmi", (int)len, set, width, (unsigned long long)shard) < 0) {
        err_set(e, ERR_MEM, "out of memory");
        return NULL;
    }
    return name;
}

static void shard_progress(void *ctx, const char *phase, uint64_t done, uint64_t total)
{
    const struct shards *s = ctx;
    char text[sizeof s->progress->phase];

    snprintf(text, sizeof text, "shard %llu of %llu: %s", (unsigned long long)s->now,
             (unsigned long long)s->n, phase);
    progress_report(s->progress, text, done, total);
}

/* Builds shards [from, to), and fills name[]. */
static int build_some(const char *set, const char *const *paths, size_t n,
                      const struct fm_build_opts *all, struct shards *s, uint64_t from, uint64_t to,
                      char **name, struct fm_build_report *sum, struct err *e)
{
    struct fm_build_opts o = *all;
    struct fm_build_report r;

    o.progress = shard_progress;
    o.progress_ctx = s;
    o.docs.shards = s->n;
    for (uint64_t i = from; i < to; i++) {
        o.docs.shard = s->now = i;
        name[i] = shard_name(set, i, s->n, e);
        if (!name[i])
            return e->code;
        if (fm_build(name[i], paths, n, &o, &r, e) < 0) {
            sum->parts_left = r.parts_left;
            s->left = name[i];
            name[i] = NULL;
            return e->code;
        }
        sum->docs += r.docs;
        sum->bytes += r.bytes;
        sum->skipped += r.skipped;
    }
    return 0;
}

/* All shards and their set, or one shard alone. */
static int build_shards(const char *set, const char *const *paths, size_t n,
                        const struct fm_build_opts *o, struct shards *s,
                        struct fm_build_report *sum, struct err *e)
{
    bool one = s->only != NOT_GIVEN;
    char **name = mem_zero(s->n, sizeof *name, e);
    int rc;

    if (!name)
        return e->code;
    rc = build_some(set, paths, n, o, s, one ? s->only : 0, one ? s->only + 1 : s->n, name, sum, e);
    if (rc == 0 && !one)
        rc = fm_set_write(set, (const char *const *)name, s->n, e);
    for (uint64_t i = 0; i < s->n; i++)
        free(name[i]);
    free(name);
    return rc;
}

/* Nothing that is written may be an input, a shard neither. */
static void check_outputs(const char *index, const struct shards *s, const char *const *paths,
                          size_t n)
{
    cli_files(&index, 1, paths, n);
    for (uint64_t i = 0; s->n != NOT_GIVEN && i < s->n; i++) {
        struct err e = {0};
        char *name = shard_name(index, i, s->n, &e);
        if (!name)
            exit(cli_fail(&e));
        if (s->only == NOT_GIVEN || s->only == i)
            cli_inputs_stay((const char *const *)&name, 1, paths, n);
        free(name);
    }
}

/* An index that is appended to has its own. */
static void check_fields(const struct fm_build_opts *o)
{
    const char *field = o->docs.field, *id = o->docs.id_field;

    if (o->append && !(field && id))
        return;
    if (strcmp(field ? field : "text", id ? id : "id") == 0)
        cli_misuse("one field cannot be both the text and the id: see '--field' and '--id-field'");
}

int main(int argc, char **argv)
{
    const char *index = NULL;
    bool quiet = false, verbose = false;
    int format = DOCS_AUTO, rule = TEXT_NONE;
    uint64_t rate = NOT_GIVEN;
    int layout = -1;
    struct shards shards = {.n = NOT_GIVEN, .only = NOT_GIVEN};
    struct fm_build_opts o = {0};
    const struct cli_opt opts[] = {
        CLI_STR('o', "output", &index, "IDX", "the index to write (default: FILE's name + .fmi)"),
        CLI_CHOICE('f', "format", &format, "auto|jsonl|lines|text",
                   "what a FILE holds (default: by its name)"),
        CLI_STR(0, "field", &o.docs.field, "NAME", "the field with the text (default text)"),
        CLI_STR(0, "id-field", &o.docs.id_field, "NAME", "the field with the id (default id)"),
        CLI_FLAG(0, "skip-bad", &o.docs.skip_bad, "pass over bad records and count them"),
        CLI_CHOICE(0, "normalize", &rule, TEXT_RULE_NAMES,
                   "index the text under a rule, keep the raw text for display"),
        CLI_U64(0, "sample-rate", &rate, "N", "sample every N-th position (default 60)"),
        CLI_U64(0, "shards", &shards.n, "N", "cut the documents in N indexes, IDX is their set"),
        CLI_U64(0, "shard", &shards.only, "I",
                "build this one of --shards N alone, from 0, and no set"),
        CLI_CHOICE(0, "layout", &layout, FM_LAYOUT_NAMES,
                   "fast to search, or small (default fast)"),
        CLI_SIZE('m', "memory", &o.memory_bytes, "SIZE",
                 "sort and merge in so much memory (default: 3/4 of what is free)"),
        CLI_STR('a', "append", &o.append, "IDX",
                "put the documents of this index first (default -o: IDX)"),
        CLI_FLAG(0, "resume", &o.resume, "go on where an interrupted build stopped"),
        CLI_THREADS(&o.threads),
        CLI_QUIET(&quiet),
        CLI_VERBOSE(&verbose),
        CLI_END,
    };
    int first = cli_parse(&prog, opts, argc, argv);
    const char *const *paths = (const char *const *)(argv + first);
    struct fm_build_report report = {0};
    struct progress progress;
    struct buf name = {0};
    struct err e = {0};
    int ok;

    o.rate = sample_rate(rate);
    o.layout = (enum fm_layout)(layout + 1);
    o.docs.format = (enum docs_format)format;
    o.normalize = (enum text_rule)rule;
    o.threads = par_threads(o.threads);
    check_shards(&shards);
    check_fields(&o);
    if (o.append && shards.n != NOT_GIVEN)
        cli_misuse("options '--append' and '--shards' exclude each other");
    for (int i = first; o.resume && i < argc; i++)
        if (strcmp(argv[i], "-") == 0)
            cli_misuse("standard input cannot be read again: '--resume' does not go with it");
    if (!o.memory_bytes)
        o.memory_bytes = ram_available() / 4 * 3;
    if (!index)
        index = o.append;
    if (!index && !(index = default_index(paths, argc - first, &name, &e)))
        return cli_fail(&e);
    if (strcmp(index, "-") == 0)
        cli_misuse("an index needs a name: it cannot be written to standard output");
    check_outputs(index, &shards, paths, (size_t)(argc - first));
    progress_init(&progress, quiet);
    o.progress = progress_report;
    o.progress_ctx = &progress;
    shards.progress = &progress;
    if (shards.n == NOT_GIVEN)
        ok = fm_build(index, paths, (size_t)(argc - first), &o, &report, &e) == 0;
    else
        ok = build_shards(index, paths, (size_t)(argc - first), &o, &shards, &report, &e) == 0;
    progress_end(&progress);
    remark(quiet, ok, shards.left ? shards.left : index, &report);
    free(shards.left);
    cli_finish(verbose);
    buf_free(&name);
    return ok ? CLI_DONE : cli_fail(&e);
}
