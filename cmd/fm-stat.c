/* fm-stat - what is in an index, and whether it is whole. */
#include "base/cli.h"
#include "base/out.h"
#include "base/progress.h"
#include "fm/fm.h"

static const struct cli_prog prog = {
    "fm-stat", "IDX", "Print an index's sizes by section, or check that it is whole.", 1, 1};

static double ratio(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : 0;
}

/* In JSON their sizes by their names. */
static void print_sections(struct out *o, const struct fm *fm, size_t shard, uint64_t text_bytes)
{
    bool json = out_is_json(o);

    out_header(o, "section bytes share what");
    if (json)
        out_object(o, "sections");
    for (size_t i = 0; i < fm_shard_sections(fm, shard); i++) {
        struct fm_section s = fm_shard_section(fm, shard, i);

        if (json) {
            out_u64(o, s.id, s.bytes);
            continue;
        }
        out_row(o);
        out_cstr(o, "section", s.id);
        out_u64(o, "bytes", s.bytes);
        out_double(o, "share", ratio(s.bytes, text_bytes), 4);
        out_cstr(o, "what", s.what);
        out_end_row(o);
    }
    if (json)
        out_close_object(o);
}

static void print(struct out *o, const struct fm *fm, size_t shard)
{
    struct fm_info info = fm_shard_info(fm, shard);

    out_facts(o);
    out_word(o, "index", info.path);
    out_word(o, "layout", info.layout);
    out_word(o, "normalize", text_rule_name(info.normalize));
    out_count(o, "documents", info.docs);
    out_count(o, "text_bytes", info.bytes);
    out_count(o, "raw_bytes", info.raw_bytes);
    out_count(o, "alphabet", info.alphabet);
    out_value(o, "entropy_bits", info.entropy, 4);
    out_count(o, "sample_rate", info.sample_rate);
    out_count(o, "file_bytes", info.file_bytes);
    if (!out_is_json(o))
        out_value(o, "file_bytes/text_bytes", ratio(info.file_bytes, info.bytes), 4);
    print_sections(o, fm, shard, info.bytes);
    out_end_facts(o);
}

static int check(const struct fm *fm, bool quiet, struct err *e)
{
    struct progress progress;
    int rc;

    progress_init(&progress, quiet);
    rc = fm_check(fm, progress_report, &progress, e);
    progress_end(&progress);
    return rc;
}

int main(int argc, char **argv)
{
    struct out_opts oo = {0};
    bool do_check = false, quiet = false, verbose = false;
    const struct cli_opt opts[] = {
        CLI_FLAG(0, "check", &do_check, "verify every checksum and the structure, print nothing"),
        CLI_OUT(&oo.path),
        CLI_JSON(&oo.json),
        CLI_QUIET(&quiet),
        CLI_VERBOSE(&verbose),
        CLI_END,
    };
    int first = cli_parse(&prog, opts, argc, argv);
    struct fm *fm = NULL;
    struct out *o = NULL;
    struct err e = {0};
    int ok;

    if (do_check && (oo.path || oo.json))
        cli_misuse("option '--check' prints nothing: '--output' and '--json' do not go with it");
    cli_inputs_stay(&oo.path, 1, (const char *const *)(argv + first), 1);
    ok = fm_open(&fm, argv[first], &(struct fm_open_opts){.cpu = cli_cpu(), .output = oo.path},
                 &e) == 0;
    if (ok && do_check) {
        ok = check(fm, quiet, &e) == 0;
    } else if (ok && (ok = out_open(&o, &oo, &e) == 0)) {
        for (size_t i = 0; i < fm_shards(fm); i++)
            print(o, fm, i);
        ok = out_commit(&o, &e) == 0;
    }
    fm_close(fm);
    cli_finish(verbose);
    return ok ? CLI_DONE : cli_fail(&e);
}
