/* fm-merge - makes one full-text index out of several. */
#include <string.h>

#include "base/cli.h"
#include "base/par.h"
#include "base/progress.h"
#include "base/ram.h"
#include "fm/fm.h"

static const struct cli_prog prog = {
    "fm-merge", "IDX...", "Merge full-text indexes, or the shards of sets, into one index.", 1, -1};

int main(int argc, char **argv)
{
    const char *index = NULL;
    bool quiet = false, verbose = false, set = false;
    struct fm_merge_opts o = {0};
    int layout = -1;
    const struct cli_opt opts[] = {
        CLI_STR('o', "output", &index, "IDX", "the index, or with --set the set, to write"),
        CLI_FLAG(0, "set", &set, "write a set that names the indexes, and leave them as they are"),
        CLI_CHOICE(0, "layout", &layout, FM_LAYOUT_NAMES,
                   "its layout (default: that of the first)"),
        CLI_SIZE('m', "memory", &o.memory_bytes, "SIZE",
                 "merge in so much memory (default: 3/4 of what is free)"),
        CLI_THREADS(&o.threads),
        CLI_QUIET(&quiet),
        CLI_VERBOSE(&verbose),
        CLI_END,
    };
    int first = cli_parse(&prog, opts, argc, argv);
    const char *const *paths = (const char *const *)(argv + first);
    size_t n = (size_t)(argc - first);
    struct progress progress;
    struct err e = {0};
    int rc;

    if (set && (layout >= 0 || o.memory_bytes))
        cli_misuse("option '--set' merges nothing: '--layout' and '--memory' do not go with it");
    if (!index)
        cli_misuse("option '--output' is required");
    if (strcmp(index, "-") == 0)
        cli_misuse("an index needs a name: it cannot be written to standard output");
    o.layout = (enum fm_layout)(layout + 1);
    o.threads = par_threads(o.threads);
    if (!o.memory_bytes)
        o.memory_bytes = ram_available() / 4 * 3;
    progress_init(&progress, quiet);
    o.progress = progress_report;
    o.progress_ctx = &progress;
    rc = set ? fm_set_of(index, paths, n, &e) : fm_merge(index, paths, n, &o, &e);
    progress_end(&progress);
    cli_finish(verbose);
    return rc == 0 ? CLI_DONE : cli_fail(&e);
}
