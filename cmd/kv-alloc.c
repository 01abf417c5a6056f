/* kv-alloc - allocators of KV blocks on what requests ask of them. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cli.h"
#include "base/mem.h"
#include "base/out.h"
#include "sim/kv_ops.h"

static const struct cli_prog prog = {"kv-alloc", "[OPS]",
                                     "Measure allocators of KV blocks: runs, waste, time.", 0, 1};

enum { BLOCKS_MOST = 1000000000, BLOCK_MOST = 1 << 20 };

struct asked {
    const char *path, *lengths, *write, *alloc, *out;
    uint64_t blocks, block, group, every;
    double occupancy, from, spare;
    bool json, quiet, verbose;
};

/* Sums over the moments at which enough is held. There are no runs where nothing is. */
struct means {
    double held, unused, run, runs_each, fragmentation;
    uint64_t n, with_runs;
};

/* Is the allocator in the list? NULL: all are. */
static bool wanted(const char *list, const char *name)
{
    size_t len = strlen(name);

    for (const char *p = list; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (strncmp(p, name, len) == 0 && (p[len] == ',' || p[len] == '\0'))
            return true;
    return !list;
}

/* Is every item of the list an allocator? */
static bool all_known(const char *list)
{
    size_t items = 1, known = 0;

    for (const char *p = list; p && *p; p++)
        items += *p == ',';
    for (size_t i = 0; list && kv_alloc_kind_at(i); i++)
        known += wanted(list, kv_alloc_kind_at(i)->name);
    return !list || known == items;
}

static void settle(const struct asked *a)
{
    if (!a->path == !a->lengths)
        cli_misuse("either operations are needed, or '--lengths' to make them of");
    if (a->write && !a->lengths)
        cli_misuse("'--write' goes with '--lengths'");
    cli_outputs_once((const char *const[]){a->write, a->out ? a->out : "-"}, 2,
                     "operations and rows");
    cli_inputs_stay(&a->out, 1, (const char *const[]){a->path, a->lengths}, 2);
    cli_inputs_stay(&a->write, 1, &a->lengths, 1);
    cli_count_in("--blocks", a->blocks, 1, BLOCKS_MOST);
    cli_count_in("--block-size", a->block, 1, BLOCK_MOST);
    cli_count_in("--group", a->group, 1, KV_GROUP_MOST);
    if (a->every < 1)
        cli_misuse("'--every' is 1 or more");
    if (!(a->occupancy > 0 && a->occupancy <= 1 && a->from >= 0 && a->from <= 1))
        cli_misuse("'--occupancy' is above 0 and up to 1, '--from' 0 to 1");
    cli_number_in("--spare", a->spare, 0, 1);
    if (!all_known(a->alloc))
        cli_misuse("'--alloc' is of group, block, buddy, each once, with commas between, not '%s'",
                   a->alloc);
}

/* ---- operations ---- */

static int write_ops(const struct asked *a, const struct kv_ops *ops, struct err *e)
{
    struct out_opts to = {.path = a->write};
    struct out *o;

    if (!a->write)
        return 0;
    if (out_open(&o, &to, e) < 0)
        return e->code;
    kv_ops_write(ops, o);
    return out_commit(&o, e);
}

static int make_ops(const struct asked *a, struct kv_ops *ops, struct err *e)
{
    const struct kv_ops_opts how = {.block_tokens = (uint32_t)a->block,
                                    .most = (uint32_t)(a->occupancy * (double)a->blocks)};
    struct trace_load_opts load = {.read = {.format = TRACE_AUTO}, .any_times = true};
    struct trace_set t = {0};
    uint64_t bad;
    int rc = trace_load(&t, a->lengths, &load, &bad, e);

    if (rc == 0)
        rc = kv_ops_make(ops, &t, &how, e);
    trace_set_free(&t);
    return rc == 0 ? write_ops(a, ops, e) : rc;
}

/* ---- an allocator ---- */

static double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

/* The longest run of blocks that nobody holds. */
static uint32_t longest_free(const struct kv_player *p, unsigned char *map)
{
    uint32_t n = 0, best = 0;

    memset(map, 0, p->a->total);
    for (uint32_t i = 0; i < p->ops->requests; i++) {
        const struct kv_held *h = &p->held[i];

        for (uint32_t k = h->first; k != KV_NONE; k = kv_alloc_next(p->a, h, k))
            memset(map + k, 1, kv_alloc_length(p->a, h, k));
    }
    for (uint32_t b = 0; b < p->a->total; b++) {
        n = map[b] ? 0 : n + 1;
        best = n > best ? n : best;
    }
    return best;
}

static void look(struct means *m, const struct kv_player *p, double from, unsigned char *map)
{
    uint64_t blocks = 0, runs = 0, requests = 0;
    double total = p->a->total, free;

    for (uint32_t i = 0; i < p->ops->requests; i++) {
        blocks += p->held[i].blocks;
        requests += p->held[i].blocks > 0;
        runs += kv_alloc_runs(p->a, &p->held[i], 0, UINT32_MAX);
    }
    if ((double)blocks < from * total)
        return;
    free = total - (double)blocks;
    m->held += (double)blocks / total;
    m->unused += p->a->unused / total;
    if (runs > 0) {
        m->run += (double)blocks / (double)runs;
        m->runs_each += (double)runs / (double)requests;
        m->with_runs++;
    }
    m->fragmentation += free > 0 ? 1 - longest_free(p, map) / free : 0;
    m->n++;
}

static void row(struct out *o, const struct kv_player *p, const struct means *m, double ns)
{
    /* Means of no moments are not numbers. */
    double n = (double)m->n, k = (double)m->with_runs,
           frees = p->done.frees > 0 ? (double)p->done.frees : 1;

    out_row(o);
    out_cstr(o, "alloc", p->a->kind->name);
    out_u64(o, "ops", p->ops->n);
    out_u64(o, "refused", p->done.refused);
    out_double(o, "ns_per_op", ns / (double)p->ops->n, 1);
    out_double(o, "occupancy", m->held / n, 4);
    out_double(o, "mean_run", m->run / k, 2);
    out_double(o, "runs_per_request", m->runs_each / k, 3);
    out_double(o, "copies_per_swap", (double)p->done.copies / frees, 3);
    out_double(o, "waste", m->unused / n, 4);
    out_double(o, "fragmentation", m->fragmentation / n, 4);
    out_end_row(o);
}

/* Once for the time, and once to look at it between. */
static int measure(const struct asked *a, const struct kv_ops *ops,
                   const struct kv_alloc_kind *kind, struct out *o, struct err *e)
{
    const struct kv_alloc_opts places = {
        .blocks = (uint32_t)a->blocks, .group = (uint32_t)a->group, .spare_share = a->spare};
    unsigned char *map = mem_array(a->blocks, 1, e);
    struct means m = {0};
    double ns = 0;
    int rc = map ? 0 : e->code;

    for (int look_too = 0; rc == 0 && look_too < 2; look_too++) {
        struct kv_player p = {0};
        struct kv_alloc *alloc = NULL;
        double begin;

        rc = kv_alloc_open(&alloc, kind, &places, e);
        if (rc == 0)
            rc = kv_player_init(&p, ops, alloc, e);
        begin = now_ns();
        if (rc == 0 && !look_too)
            kv_player_go(&p, SIZE_MAX);
        while (rc == 0 && look_too && p.at < ops->n) {
            kv_player_go(&p, a->every);
            if (p.at % a->every == 0) /* the last operations may be fewer */
                look(&m, &p, a->from, map);
        }
        if (!look_too)
            ns = now_ns() - begin;
        else if (rc == 0)
            row(o, &p, &m, ns);
        kv_player_free(&p);
        kv_alloc_close(alloc);
    }
    free(map);
    return rc;
}

static int measure_all(const struct asked *a, const struct kv_ops *ops, struct err *e)
{
    struct out_opts to = {.path = a->out, .json = a->json};
    struct out *o;
    int rc = out_open(&o, &to, e);

    if (rc < 0)
        return rc;
    out_header(o, "alloc ops refused ns_per_op occupancy mean_run runs_per_request copies_per_swap "
                  "waste fragmentation");
    for (size_t i = 0; rc == 0 && kv_alloc_kind_at(i); i++)
        if (wanted(a->alloc, kv_alloc_kind_at(i)->name))
            rc = measure(a, ops, kv_alloc_kind_at(i), o, e);
    if (rc == 0)
        rc = out_commit(&o, e);
    out_abort(&o);
    return rc;
}

int main(int argc, char **argv)
{
    struct asked a = {
        .blocks = 4096, .block = 16, .group = 60, .every = 1000, .occupancy = 0.9, .spare = 0.04};
    const struct cli_opt opts[] = {
        CLI_STR(0, "alloc", &a.alloc, "LIST", "of group,block,buddy (default all)"),
        CLI_U64(0, "blocks", &a.blocks, "N", "KV blocks that there are (default 4096)"),
        CLI_U64(0, "group", &a.group, "N", "blocks of a group (default 60)"),
        CLI_DOUBLE(0, "spare", &a.spare, "X",
                   "share of the blocks set aside for groups to grow (default 0.04)"),
        CLI_STR(0, "lengths", &a.lengths, "TRACE", "make operations of a serving trace"),
        CLI_DOUBLE(0, "occupancy", &a.occupancy, "X", "the most that they hold (default 0.9)"),
        CLI_U64(0, "block-size", &a.block, "N", "tokens of a block (default 16)"),
        CLI_STR(0, "write", &a.write, "FILE", "write those operations to FILE"),
        CLI_U64(0, "every", &a.every, "N", "look at the blocks every N operations (default 1000)"),
        CLI_DOUBLE(0, "from", &a.from, "X", "only while X of the blocks are held (default 0)"),
        CLI_OUT(&a.out),
        CLI_JSON(&a.json),
        CLI_QUIET(&a.quiet),
        CLI_VERBOSE(&a.verbose),
        CLI_END,
    };
    int first = cli_parse(&prog, opts, argc, argv);
    struct kv_ops ops = {0};
    struct err e = {0};
    int rc;

    a.path = first < argc ? argv[first] : NULL;
    settle(&a);
    rc = a.lengths ? make_ops(&a, &ops, &e) : kv_ops_read(&ops, a.path, &e);
    if (rc == 0)
        rc = measure_all(&a, &ops, &e);
    kv_ops_free(&ops);
    cli_finish(a.verbose);
    return rc == 0 ? CLI_DONE : cli_fail(&e);
}
