/* fuzz_prompts.c - prompts, groups of them, operations on KV blocks, and times of requests, from
 * files of all their forms: trees and groups are made of them, operations played.
 *
 *   0 1 what it is (enum)    1 1 how    then the file; of groups a trace, a 0x1e, and the groups
 */
#include "fuzz.h"

#include "sim/group.h"
#include "sim/kv_ops.h"
#include "sim/times.h"

enum { OF_PROMPTS, OF_GROUPS, OF_OPS, OF_TIMES, OF_MADE_OPS, KINDS };

enum { BLOCKS = 64, TOKENS_MOST = 100000 };

static void reuse_of(const struct prompts *p, unsigned how)
{
    struct reuse *r = NULL;
    struct err e;

    fuzz_good(reuse_new(&r, &e), &e);
    if (prompts_reuse(p, p->atom_tokens * (how % 4 + 1), r, &e) == 0) {
        FUZZ_CHECK(reuse_hits(r, 3) <= reuse_hits(r, 1000));
        FUZZ_CHECK(reuse_hits(r, 1000) <= reuse_asked(r));
    }
    reuse_free(r);
}

static void prompts(const char *path, unsigned how)
{
    struct prompts_opts o = {.kind = (enum prompts_kind)((int)(how % 4) - 1)};
    struct prompts p = {0};
    struct prefix_tree t = {0};
    struct groups g = {0};
    struct err e;
    size_t len;

    if (prompts_read(&p, path, &o, &e) == 0 && prefix_tree_make(&t, &p, &e) == 0) {
        uint64_t all = prefix_tree_saves_all(&t), first = prefix_tree_saves_first(&t);

        FUZZ_CHECK(first <= all && all <= p.tokens);
        prefix_tree_reuse_most(&t);
        FUZZ_CHECK(prefix_tree_saves_first(&t) >= first && prefix_tree_saves_first(&t) <= all);
        fuzz_good(groups_of_tree(&g, &t, &e), &e);
        FUZZ_CHECK(g.saved <= all);
        for (uint32_t i = 0; i < p.n; i++)
            prompt_id(&p, i, &len);
        reuse_of(&p, how / 4);
    }
    groups_free(&g);
    prefix_tree_free(&t);
    prompts_free(&p);
}

static int load(struct trace_set *t, struct fuzz_in in)
{
    struct trace_load_opts how = {.read = {.format = TRACE_AUTO}, .any_times = true};
    struct err e;
    uint64_t bad;

    return trace_load(t, fuzz_file("trace", in.p, in.len), &how, &bad, &e);
}

static void groups(struct fuzz_in in)
{
    struct fuzz_in first = fuzz_until(&in, 0x1e);
    struct groups read = {0}, made = {0};
    struct trace_set t = {0};
    struct err e;

    if (load(&t, first) == 0) {
        if (groups_read(&read, fuzz_file("groups", in.p, in.len), &t, &e) == 0)
            for (size_t i = 0; i < read.members; i++)
                FUZZ_CHECK(read.member[i] < t.n);
        fuzz_good(groups_of_trace(&made, &t, &e), &e);
    }
    groups_free(&read);
    groups_free(&made);
    trace_set_free(&t);
}

static void play(const struct kv_ops *ops, unsigned how)
{
    struct kv_alloc_opts o = {.blocks = BLOCKS, .group = how % 8 + 1, .spare_share = 0.1};
    struct kv_player p = {0};
    struct kv_alloc *a = NULL;
    struct err e;

    if (kv_alloc_open(&a, kv_alloc_kind_at(how / 8 % KV_ALLOC_KINDS), &o, &e) < 0)
        return;
    fuzz_good(kv_player_init(&p, ops, a, &e), &e);
    while (kv_player_go(&p, 100))
        FUZZ_CHECK(a->left <= a->total && a->unused <= a->total);
    kv_player_free(&p);
    kv_alloc_close(a);
}

static void made_ops(struct fuzz_in in, unsigned how)
{
    struct kv_ops_opts o = {.block_tokens = how % 16 + 1, .most = BLOCKS};
    struct trace_set t = {0};
    struct kv_ops ops = {0};
    uint64_t tokens = 0;
    struct err e;

    if (load(&t, in) == 0) {
        for (uint32_t i = 0; i < t.n; i++)
            tokens += t.output[i];
        if (tokens <= TOKENS_MOST && kv_ops_make(&ops, &t, &o, &e) == 0)
            play(&ops, how);
    }
    kv_ops_free(&ops);
    trace_set_free(&t);
}

static void read_ops(const char *path, unsigned how)
{
    struct kv_ops ops = {0};
    struct err e;

    if (kv_ops_read(&ops, path, &e) == 0)
        play(&ops, how);
    kv_ops_free(&ops);
}

static void times(const char *path)
{
    struct times t = {0};
    struct err e;

    if (times_load(&t, path, &e) == 0)
        for (size_t i = 0; i < t.n; i++)
            FUZZ_CHECK(t.e2e[i] >= t.ttft[i]);
    times_free(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    unsigned kind = fuzz_pick(&in, KINDS), how = fuzz_byte(&in);

    switch (kind) {
    case OF_PROMPTS:
        prompts(fuzz_file("prompts", in.p, in.len), how);
        break;
    case OF_GROUPS:
        groups(in);
        break;
    case OF_OPS:
        read_ops(fuzz_file("ops", in.p, in.len), how);
        break;
    case OF_TIMES:
        times(fuzz_file("times", in.p, in.len));
        break;
    default:
        made_ops(in, how);
    }
    return 0;
}
