/* fm-merge - makes one full-text index out of several. */
#include <string.h>

#include "base/cli.h"
#include "base/par.h"
#include "base/progress.h"
#include "fm/fm.h"

static const struct cli_prog prog = {
    "fm-merge", "IDX...", "Merge full-text indexes, or the shards of sets, into one index.", 1, -1};

int main(int argc, char **argv)
{
    const char *index = NULL;
    bool quiet = false, verbose = false;
    struct fm_merge_opts o = {0};
    int layout = -1;
    const struct cli_opt opts[] = {
        CLI_STR('o', "output", &index, "IDX", "the index to write"),
        CLI_CHOICE(0, "layout", &layout, "fast|small", "its layout (default: that of the first)"),
        CLI_SIZE('m', "memory", &o.memory_bytes, "SIZE", "use about so much memory at most"),
        CLI_THREADS(&o.threads),
        CLI_QUIET(&quiet),
        CLI_VERBOSE(&verbose),
        CLI_END,
    };
    int first = cli_parse(&prog, opts, argc, argv);
    struct fm_build_report report;
    struct progress progress;
    struct err e = {0};
    int rc;

    if (!index)
        cli_misuse("option '--output' is required");
    if (strcmp(index, "-") == 0)
        cli_misuse("an index needs a name: it cannot be written to standard output");
    o.layout = layout < 0 ? NULL : layout == 0 ? "fast" : "small";
    o.threads = par_threads(o.threads);
    progress_init(&progress, quiet);
    o.progress = progress_report;
    o.progress_ctx = &progress;
    rc = fm_merge(index, (const char *const *)(argv + first), (size_t)(argc - first), &o, &report,
                  &e);
    progress_end(&progress);
    cli_finish(verbose);
    return rc == 0 ? CLI_DONE : cli_fail(&e);
}
