/* trace-prefix - which prompts share what they begin with? */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/cli.h"
#include "base/list.h"
#include "base/out.h"
#include "base/progress.h"
#include "sim/sim.h"

static const struct cli_prog prog = {"trace-prefix", "PROMPTS",
                                     "Group prompts by the prefixes that they share.", 1, 1};

enum { SIZES_MOST = 256, BLOCK_USUAL = 16 };

struct asked {
    const char *path, *groups, *sizes;
    bool json, quiet, verbose;
    int from;
    uint64_t block; /* 0: not given */
    double size[SIZES_MOST];
    size_t n_sizes;
};

/* What all comes to. */
struct parts {
    struct prompts prompts;
    struct prefix_tree tree;
    struct groups groups;
    struct reuse *reuse;
    uint32_t block;
    uint64_t first, all; /* tokens that need not be computed */
};

static int look_up(const struct asked *a, struct parts *p, struct err *e)
{
    uint32_t atom = p->prompts.atom_tokens;

    p->block = a->block ? (uint32_t)a->block : atom > 1 ? atom : BLOCK_USUAL;
    if (p->block % atom != 0)
        return err_set(e, ERR_USAGE, "'--block' is a multiple of the %u tokens of a hash", atom);
    if (a->n_sizes == 0)
        return 0;
    return reuse_new(&p->reuse, e) < 0 ? e->code
                                       : prompts_reuse(&p->prompts, p->block, p->reuse, e);
}

static int make(const struct asked *a, struct parts *p, struct progress *progress, struct err *e)
{
    const struct prompts_opts how = {
        .kind = (enum prompts_kind)a->from, .progress = progress_report, .progress_ctx = progress};

    if (prompts_read(&p->prompts, a->path, &how, e) < 0 || look_up(a, p, e) < 0 ||
        prefix_tree_make(&p->tree, &p->prompts, e) < 0)
        return e->code;
    p->first = prefix_tree_saves_first(&p->tree);
    p->all = prefix_tree_saves_all(&p->tree);
    prefix_tree_reuse_most(&p->tree);
    return groups_of_tree(&p->groups, &p->tree, e);
}

static int write_groups(const struct asked *a, const struct parts *p, struct err *e)
{
    const struct out_opts to = {.path = a->groups, .json = true};
    struct out *o = NULL;

    if (out_open(&o, &to, e) < 0)
        return e->code;
    groups_write(o, &p->groups, &p->prompts);
    return out_commit(&o, e);
}

static double share(const struct parts *p, uint64_t tokens)
{
    return p->prompts.tokens ? (double)tokens / (double)p->prompts.tokens : 0;
}

static void print_summary(struct out *o, const struct asked *a, const struct parts *p)
{
    out_facts(o);
    out_value(o, "prompts", p->prompts.n, 0);
    out_value(o, "tokens", (double)p->prompts.tokens, 0);
    out_value(o, "computed_tokens", (double)(p->prompts.tokens - p->groups.saved), 0);
    out_value(o, "groups", p->groups.n, 0);
    out_value(o, "grouped_prompts", (double)p->groups.members, 0);
    out_value(o, "saving", share(p, p->groups.saved), 6);
    out_value(o, "first_level_saving", share(p, p->first), 6);
    out_value(o, "all_levels_saving", share(p, p->all), 6);
    for (size_t i = 0; i < a->n_sizes; i++) {
        uint64_t size = (uint64_t)a->size[i];
        char name[48];

        snprintf(name, sizeof name, "lru_%" PRIu64 "_saving", size);
        out_value(o, name, share(p, reuse_hits(p->reuse, size / p->block) * p->block), 6);
    }
    out_end_facts(o);
}

static int write_summary(const struct asked *a, const struct parts *p, struct err *e)
{
    const struct out_opts to = {.json = a->json};
    struct out *o = NULL;

    if (a->groups && cli_is_std(a->groups))
        return 0;
    if (out_open(&o, &to, e) < 0)
        return e->code;
    print_summary(o, a, p);
    return out_commit(&o, e);
}

static int run(const struct asked *a, struct progress *progress, struct err *e)
{
    struct parts p = {.block = 0};
    int rc = make(a, &p, progress, e);

    if (rc == 0 && a->groups)
        rc = write_groups(a, &p, e);
    if (rc == 0)
        rc = write_summary(a, &p, e);
    reuse_free(p.reuse);
    groups_free(&p.groups);
    prefix_tree_free(&p.tree);
    prompts_free(&p.prompts);
    return rc;
}

static void settle(struct asked *a)
{
    if (a->block > TRACE_TOKENS_MOST)
        cli_misuse("'--block' is 1 to %d", TRACE_TOKENS_MOST);
    if (a->sizes && !(a->n_sizes = list_numbers(a->sizes, a->size, SIZES_MOST)))
        cli_misuse("'--kv-tokens' is a list of up to %d numbers, not '%s'", SIZES_MOST, a->sizes);
    for (size_t i = 0; i < a->n_sizes; i++)
        if (!(a->size[i] >= 0 && a->size[i] <= 1e15 && a->size[i] == floor(a->size[i])))
            cli_misuse("'--kv-tokens' are whole numbers from 0 to 1e15");
}

int main(int argc, char **argv)
{
    struct asked a = {.from = PROMPTS_AUTO};
    const struct cli_opt opts[] = {
        CLI_CHOICE(0, "from", &a.from, PROMPTS_KINDS, "the format (default: by the first line)"),
        CLI_STR(0, "kv-tokens", &a.sizes, "LIST", "what LRU caches of so many tokens would save"),
        CLI_U64(0, "block", &a.block, "N", "tokens of their blocks (default 16, or a hash's)"),
        CLI_STR('o', "output", &a.groups, "FILE", "the groups, as JSON Lines"),
        CLI_FLAG(0, "json", &a.json, "the summary as JSON"),
        CLI_QUIET(&a.quiet),
        CLI_VERBOSE(&a.verbose),
        CLI_END,
    };
    struct progress progress;
    struct err e = {0};
    int rc;

    a.path = argv[cli_parse(&prog, opts, argc, argv)];
    settle(&a);
    cli_inputs_stay(&a.groups, 1, &a.path, 1);
    progress_init(&progress, a.quiet);
    rc = run(&a, &progress, &e);
    progress_end(&progress);
    cli_finish(a.verbose);
    return rc == 0 ? CLI_DONE : cli_fail(&e);
}
