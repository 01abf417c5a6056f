/* ann-update - rows are added to an index of ann-build, deleted from it, and given to tenants. */
#include <string.h>

#include "ann/ann.h"
#include "base/cli.h"
#include "base/par.h"
#include "base/progress.h"
#include "base/ram.h"
#include "vec/vec.h"

static const struct cli_prog prog = {
    "ann-update", "IDX [CHANGES]",
    "Add rows to an index made by ann-build, delete some, and mend what was linked to them.", 1, 2};

struct asked {
    struct cli_common co;
    const char *index, *changes, *add, *ids, *attrs, *columns;
    struct vec_read_opts read; /* what is added */
    uint64_t memory;
    struct ann_update_opts o;
};

/* IDX alone may be read and written. */
static void check_files(const struct asked *a)
{
    const char *const in[] = {a->changes, a->add, a->ids, a->attrs, a->index};
    const char *const out[] = {a->co.out ? a->co.out : a->index, a->o.map};

    cli_outputs_once(out, 2, "index and map");
    cli_files(out, 2, in, 4);
    cli_inputs_stay(&a->o.map, 1, &a->index, 1);
}

static void settle(struct asked *a, struct progress *p)
{
    if (strcmp(a->index, "-") == 0)
        cli_misuse("an index is a file, not standard input");
    if (a->co.out && strcmp(a->co.out, "-") == 0)
        cli_misuse("an index is a file: it cannot be written to standard output");
    if (a->ids && !a->add)
        cli_misuse("'--ids' names the rows of '--add'");
    if (a->columns && !a->attrs)
        cli_misuse("'--columns' are some of '--attrs'");
    if (a->attrs && !a->add && (a->changes || a->o.compact))
        cli_misuse("'--attrs' without '--add' is of all rows, and goes with nothing else");
    if (a->o.map && !a->o.compact)
        cli_misuse("'--map' is written by '--compact': without it no row has another number");
    if (!a->changes && !a->add && !a->o.compact && !a->attrs)
        a->changes = "-";
    check_files(a);
    a->o.threads = par_threads(a->co.threads);
    a->o.progress = progress_report;
    a->o.progress_ctx = p;
}

static void say(const struct asked *a, const struct ann_update_report *r, uint64_t lines,
                uint64_t vectors)
{
    bool quiet = a->co.quiet;

    if (r->added)
        cli_note(quiet, "added %llu rows, numbers %llu to %llu", (unsigned long long)r->added,
                 (unsigned long long)r->first, (unsigned long long)(r->first + r->added - 1));
    if (r->deleted)
        cli_note(quiet, "deleted %llu rows", (unsigned long long)r->deleted);
    if (r->granted || r->revoked)
        cli_note(quiet, "granted %llu rights, revoked %llu", (unsigned long long)r->granted,
                 (unsigned long long)r->revoked);
    if (a->o.compact && r->rows == 0)
        cli_note(quiet, "no rows are left");
    else if (a->o.compact)
        cli_note(quiet, "rows are numbered anew, 0 to %lld", (long long)r->rows - 1);
    if (lines)
        cli_note(quiet, "%llu bad lines were passed over", (unsigned long long)lines);
    if (vectors)
        cli_note(quiet, "%llu bad vectors were passed over", (unsigned long long)vectors);
    cli_note(quiet, "%llu rows are live, after %.1f s", (unsigned long long)r->live, r->seconds);
}

/* --attrs without --add: other attributes for all rows. */
static int set_attrs(const struct asked *a, struct err *e)
{
    struct ann_attrs *attrs = NULL;
    struct ann *ann = NULL;
    struct ann_info i;
    int rc = ann_open(&ann, a->index, cli_cpu(), e);

    if (rc == 0) {
        ann_info(ann, &i);
        rc = ann_attrs_load(&attrs, a->attrs, a->columns, i.rows, cli_cpu(), e);
    }
    if (rc == 0)
        rc = ann_save_attrs(ann, a->co.out ? a->co.out : a->index, attrs, e);
    ann_attrs_free(attrs);
    ann_close(ann);
    return rc;
}

static int update(struct asked *a, struct err *e)
{
    const struct ann_add_file from = {a->add, &a->read, a->ids, a->attrs, a->columns};
    struct ann_update_report report;
    struct ann_update *u = NULL;
    uint64_t lines = 0, vectors = 0;
    int rc = ann_update_open(&u, a->index, cli_cpu(), e);

    if (rc == 0)
        rc = ann_update_bound(u, a->memory ? a->memory : ram_available(), a->o.threads, e);
    if (rc == 0 && a->changes)
        rc = ann_update_read(u, a->changes, a->read.skip_bad, &lines, e);
    if (rc == 0 && a->add)
        rc = ann_update_add_file(u, &from, &vectors, e);
    if (rc == 0)
        rc = ann_update_write(u, a->co.out ? a->co.out : a->index, &a->o, &report, e);
    if (rc == 0)
        say(a, &report, lines, vectors);
    ann_update_close(u);
    return rc;
}

int main(int argc, char **argv)
{
    struct asked a = {0};
    const struct cli_opt opts[] = {
        CLI_STR(0, "add", &a.add, "FILE", "add all vectors of FILE, after CHANGES"),
        CLI_STR(0, "ids", &a.ids, "FILE", "their ids, one a line, where the index has ids"),
        CLI_STR(0, "attrs", &a.attrs, "FILE",
                "their attributes: TSV, CSV or JSON Lines; without --add those of all rows, anew"),
        CLI_STR(0, "columns", &a.columns, "NAMES",
                "only these columns of --attrs, with commas between"),
        VEC_READ_OPTIONS(&a.read, "the format of those vectors"),
        CLI_FLAG(0, "compact", &a.o.compact, "leave deleted rows out, and number the others anew"),
        CLI_STR(0, "map", &a.o.map, "FILE", "the new number of each row, or -1, any vec- format"),
        CLI_FLAG(0, "skip-bad", &a.read.skip_bad,
                 "pass over bad lines and vectors, and count them"),
        CLI_STR('o', "output", &a.co.out, "FILE", "write to FILE, and leave IDX as it is"),
        CLI_SIZE('m', "memory", &a.memory, "SIZE",
                 "refuse what needs more (default: what is available)"),
        CLI_THREADS(&a.co.threads),
        CLI_QUIET(&a.co.quiet),
        CLI_VERBOSE(&a.co.verbose),
        CLI_END,
    };
    int first = cli_parse(&prog, opts, argc, argv);
    struct progress progress;
    struct err e = {0};
    int ok;

    a.index = argv[first];
    a.changes = first + 1 < argc ? argv[first + 1] : NULL;
    settle(&a, &progress);
    progress_init(&progress, a.co.quiet);
    ok = (a.attrs && !a.add ? set_attrs(&a, &e) : update(&a, &e)) == 0;
    progress_end(&progress);
    cli_finish(a.co.verbose);
    return ok ? CLI_DONE : cli_fail(&e);
}
