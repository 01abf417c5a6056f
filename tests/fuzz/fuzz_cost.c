/* fuzz_cost.c - cost tables of each dialect and measured steps: opened, and asked how long batches
 * take; a table that is fitted to steps can be opened.
 *
 *   0 1 enum    1 1 options (enum)
 *   then a table; of a folder its files, and of roofline two cards, a 0x1e between them
 */
#include "fuzz.h"

#include <math.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "sim/cost.h"
#include "sim/fit.h"
#include "sim/overlap.h"

enum { OF_VIDUR, OF_LAYERS, OF_ROOFLINE, OF_STEPS, KINDS };

enum { OPT_MODEL = 1, OPT_EXTRAPOLATE = 2, OPT_LINK = 4, OPT_SPLIT = 8, OPT_TP = 16 };

static const struct cost_piece pieces[] = {{512, 0}, {100, 3000}, {1, 0}};

static const struct cost_shape shapes[] = {
    {.tokens = 0},
    {.decodes = 1, .kv_sum = 100, .kv_max = 100, .kv_min = 100, .tokens = 1},
    {.decodes = 7, .kv_sum = 7000, .kv_max = 4000, .kv_min = 2, .tokens = 7},
    {.pieces = pieces, .n_pieces = 1, .tokens = 512},
    {.decodes = 3,
     .kv_sum = 30,
     .kv_max = 20,
     .kv_min = 5,
     .pieces = pieces,
     .n_pieces = 3,
     .tokens = 616},
    {.decodes = 60000, .kv_sum = 60000ULL << 20, .kv_max = 1 << 20, .kv_min = 9, .tokens = 60000}};

static void ask(const char *path, const struct cost_opts *o)
{
    struct cost_memory m;
    struct cost_parts parts;
    struct cost *c = NULL;
    struct overlap v;
    struct err e;

    if (cost_open(&c, path, o, &e) < 0)
        return;
    cost_memory(c, &m);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        double us = 0, of_parts = 0;
        int rc = cost_us(c, &shapes[i], &us, NULL, &e);

        FUZZ_CHECK(rc < 0 || us >= 0);
        if (cost_us(c, &shapes[i], &of_parts, &parts, &e) == 0)
            overlap_plan(&v, &parts, of_parts);
    }
    cost_close(c);
}

static const char *folder(struct fuzz_in in)
{
    static const char *const files[] = {"tp/meta.yaml", "tp/dense.csv", "tp/per_sequence.csv",
                                        "tp/attention.csv", "tp/skew_fit.csv"};
    const char *path = fuzz_path("tp");

    mkdir(path, 0700);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct fuzz_in part = fuzz_until(&in, 0x1e);

        fuzz_file(files[i], part.p, part.len);
    }
    return path;
}

static void fit(const char *path, const struct cost_opts *o)
{
    struct buf table = {0};
    struct fit f;
    struct err e;

    if (fit_steps(&f, path, &e) == 0 && fit_table(&f, o->model, o->gpu, o->tp, &table, &e) == 0)
        ask(fuzz_file("fitted", table.p, table.len), o);
    buf_free(&table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Of a table, and of a mixture. */
    static const struct cost_split splits[] = {
        {.stages = 2, .gpus = 2, .attn_copies = 1, .ffn_copies = 1, .node_gpus = 2},
        {.stages = 2,
         .gpus = 4,
         .attn_copies = 2,
         .ffn_copies = 1,
         .by_experts = true,
         .node_gpus = 2}};
    struct fuzz_in in = {data, size}, first;
    unsigned kind = fuzz_pick(&in, KINDS), how = fuzz_byte(&in);
    struct cost_opts o = {.model = how & (OPT_MODEL | OPT_SPLIT) ? "Llama-3-8B" : NULL,
                          .extrapolate = how & OPT_EXTRAPOLATE,
                          .gpu = "A100-80GB",
                          .tp = how & OPT_TP ? 4 : 0,
                          .link_gbs = how & OPT_LINK ? 300 : 0,
                          .link_us = 5,
                          .node_gbs = 50,
                          .node_us = 10,
                          .split = how & OPT_SPLIT ? &splits[kind == OF_ROOFLINE] : NULL};

    switch (kind) {
    case OF_VIDUR:
        ask(fuzz_file("table", in.p, in.len), &o);
        break;
    case OF_LAYERS:
        ask(folder(in), &o);
        break;
    case OF_ROOFLINE:
        first = fuzz_until(&in, 0x1e);
        o.model = fuzz_file("model.json", first.p, first.len);
        if (in.len > 0)
            o.gpu = fuzz_file("gpu.json", in.p, in.len);
        ask("roofline", &o);
        break;
    default:
        fit(fuzz_file("steps", in.p, in.len), &o);
    }
    return 0;
}
