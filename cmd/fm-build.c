/* fm-build - makes a full-text index of documents. */
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/num.h"
#include "base/par.h"
#include "base/progress.h"
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

static unsigned rate_log(uint64_t rate)
{
    if (rate < 4 || rate > 4096 || (rate & (rate - 1)))
        cli_misuse("option '--sample-rate' wants a power of two from 4 to 4096, not '%llu'",
                   (unsigned long long)rate);
    return (unsigned)__builtin_ctzll(rate);
}

static void remark(bool quiet, const struct fm_build_report *r)
{
    if (r->skipped)
        cli_note(quiet, "%llu bad records were passed over", (unsigned long long)r->skipped);
    if (r->docs == 0)
        cli_note(quiet, "the index is empty: there was no document");
}

int main(int argc, char **argv)
{
    const char *index = NULL;
    bool quiet = false, verbose = false;
    int format = DOCS_AUTO, rule = TEXT_NONE;
    uint64_t rate = 64;
    struct fm_build_opts o = {0};
    const struct cli_opt opts[] = {
        CLI_STR('o', "output", &index, "IDX", "the index to write (default: FILE's name + .fmi)"),
        CLI_CHOICE('f', "format", &format, "auto|jsonl|lines|text",
                   "what a FILE holds (default: by its name)"),
        CLI_STR(0, "field", &o.docs.field, "NAME", "the field with the text (default: text)"),
        CLI_STR(0, "id-field", &o.docs.id_field, "NAME", "the field with the id (default: id)"),
        CLI_FLAG(0, "skip-bad", &o.docs.skip_bad, "pass over bad records and count them"),
        CLI_CHOICE(0, "normalize", &rule, TEXT_RULE_NAMES,
                   "index the text under a rule, keep the raw text for display"),
        CLI_U64(0, "sample-rate", &rate, "N", "sample every N-th position (default 64)"),
        CLI_SIZE('m', "memory", &o.memory_bytes, "SIZE", "refuse to use more memory than this"),
        CLI_THREADS(&o.threads),
        CLI_QUIET(&quiet),
        CLI_VERBOSE(&verbose),
        CLI_END,
    };
    int first = cli_parse(&prog, opts, argc, argv);
    const char *const *paths = (const char *const *)(argv + first);
    struct fm_build_report report;
    struct progress progress;
    struct buf name = {0};
    struct err e = {0};
    int ok;

    o.rate_log = rate_log(rate);
    o.docs.format = (enum docs_format)format;
    o.normalize = (enum text_rule)rule;
    o.threads = par_threads(o.threads);
    if (!index && !(index = default_index(paths, argc - first, &name, &e)))
        return cli_fail(&e);
    if (strcmp(index, "-") == 0)
        cli_misuse("an index needs a name: it cannot be written to standard output");
    progress_init(&progress, quiet);
    o.progress = progress_report;
    o.progress_ctx = &progress;
    ok = fm_build(index, paths, (size_t)(argc - first), &o, &report, &e) == 0;
    progress_end(&progress);
    if (ok)
        remark(quiet, &report);
    cli_finish(verbose);
    buf_free(&name);
    return ok ? CLI_DONE : cli_fail(&e);
}
