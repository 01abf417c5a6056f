/* trace-cost - how long a batch takes by a cost model, and where the time goes; a model fitted to
 * measured steps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/jsonl.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/out.h"
#include "sim/fit.h"
#include "sim/overlap.h"
#include "sim/sim.h"

static const struct cli_prog prog = {
    "trace-cost", "[DECODES:CONTEXT | CHUNK@BEFORE]...",
    "Print how long a batch takes by a cost model, or fit one to measured steps.", 0, -1};

struct asked {
    const char *table, *out, *fit, *card_model, *card_gpu;
    bool json, cards, overlap, quiet, verbose;
    struct cost_opts cost;
    char **operand;
    size_t n;
};

/* ---- cards ---- */

static void list_cards(struct out *o)
{
    const struct model_card *m;
    const struct gpu_card *g;

    out_header(o, "kind name parameters_or_gib kv_bytes_or_gbs");
    for (size_t i = 0; (m = card_model_at(i)); i++) {
        out_row(o);
        out_cstr(o, "kind", "model");
        out_cstr(o, "name", m->name);
        out_double(o, "parameters", card_parameters(m), 0);
        out_double(o, "kv_bytes", card_kv_bytes(m), 0);
        out_end_row(o);
    }
    for (size_t i = 0; (g = card_gpu_at(i)); i++) {
        out_row(o);
        out_cstr(o, "kind", "gpu");
        out_cstr(o, "name", g->name);
        out_double(o, "gib", g->memory_gib, 0);
        out_double(o, "gbs", g->read_gbs, 0);
        out_end_row(o);
    }
}

static int print_card(struct out *o, const char *name, size_t n,
                      const char *(*member)(const void *, size_t, double *), const void *card,
                      struct err *e)
{
    struct buf line = {0};
    int rc = buf_adds(&line, "{\"name\":\"", e);

    if (rc == 0)
        rc = jsonl_encode(name, strlen(name), &line, e);
    if (rc == 0)
        rc = buf_addc(&line, '"', e);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        double v;
        const char *key = member(card, i, &v);
        rc = buf_printf(&line, e, ",\"%s\":%.12g", key, v);
    }
    if (rc == 0)
        rc = buf_adds(&line, "}\n", e);
    if (rc == 0)
        out_raw(o, line.p, line.len);
    buf_free(&line);
    return rc;
}

static int print_cards(const struct asked *a, struct out *o, struct err *e)
{
    struct model_card m;
    struct gpu_card g;

    if (a->card_model) {
        if (card_model(&m, a->card_model, e) < 0)
            return e->code;
        if (print_card(o, m.name, card_model_members(), card_model_member, &m, e) < 0)
            return e->code;
    }
    if (a->card_gpu) {
        if (card_gpu(&g, a->card_gpu, e) < 0)
            return e->code;
        if (print_card(o, g.name, card_gpu_members(), card_gpu_member, &g, e) < 0)
            return e->code;
    }
    if (a->cards)
        list_cards(o);
    return 0;
}

/* ---- a batch ---- */

struct batch {
    struct cost_shape s;
    struct cost_piece *piece;
    size_t cap;
};

static void add_decodes(struct batch *b, uint64_t n, uint64_t context)
{
    struct cost_shape *s = &b->s;

    s->kv_min = s->decodes == 0 || context < s->kv_min ? (uint32_t)context : s->kv_min;
    s->kv_max = context > s->kv_max ? (uint32_t)context : s->kv_max;
    s->decodes += (uint32_t)n;
    s->kv_sum += n * context;
    s->tokens += (uint32_t)n;
}

static int add_piece(struct batch *b, uint64_t chunk, uint64_t before, struct err *e)
{
    if (mem_reserve(&b->piece, &b->cap, b->s.n_pieces + 1, sizeof *b->piece, e) < 0)
        return e->code;
    b->piece[b->s.n_pieces++] = (struct cost_piece){(uint32_t)chunk, (uint32_t)before};
    b->s.pieces = b->piece;
    b->s.tokens += (uint32_t)chunk;
    return 0;
}

static int make_batch(const struct asked *a, struct batch *b, struct err *e)
{
    for (size_t i = 0; i < a->n; i++) {
        uint64_t x, y;

        if (step_pair(a->operand[i], ':', &x, &y) && x > 0)
            add_decodes(b, x, y);
        else if (step_pair(a->operand[i], '@', &x, &y) && x > 0) {
            if (add_piece(b, x, y, e) < 0)
                return e->code;
        } else
            cli_misuse("'%s' is neither DECODES:CONTEXT nor CHUNK@BEFORE", a->operand[i]);
    }
    return 0;
}

static void row(struct out *o, const char *part, double us, double all)
{
    out_row(o);
    out_cstr(o, "part", part);
    out_double(o, "us", us, 3);
    out_double(o, "share", all > 0 ? us / all : 0, 4);
    out_end_row(o);
}

/* The step in nano-batches: one after the other, and side by side. */
static void print_overlap(struct out *o, const struct cost_parts *parts, double us)
{
    struct overlap v;

    overlap_plan(&v, parts, us);
    row(o, "split", v.split_us, us);
    row(o, "overlapped", v.overlapped_us, us);
}

/* NanoFlow's bounds from the cards alone: computing with all parameters, reading all of the memory,
 * sending what all-reduces send. */
static int print_bounds(const struct asked *a, struct out *o, double tokens, double us,
                        struct err *e)
{
    struct model_card m;
    struct gpu_card g;
    double tp = a->cost.tp > 1 ? a->cost.tp : 1, sent;

    if (!a->cost.model || !a->cost.gpu)
        return 0;
    if (card_model(&m, a->cost.model, e) < 0 || card_gpu(&g, a->cost.gpu, e) < 0)
        return e->code;
    sent = tp > 1 ? 4 * tokens * m.dim * m.bytes * m.layers : 0;
    row(o, "all_compute", 2 * tokens * card_active_parameters(&m) / (1e6 * tp * g.tflops), us);
    row(o, "all_memory", g.memory_gib * 0x1p30 / (1e3 * g.read_gbs), us);
    row(o, "all_network", sent > 0 ? sent / (1e3 * g.link_gbs) : 0, us);
    return 0;
}

static int print_batch(const struct asked *a, struct out *o, struct err *e)
{
    struct cost *c = NULL;
    struct cost_parts parts;
    struct batch b = {.piece = NULL};
    double us = 0;
    int rc = make_batch(a, &b, e);

    if (rc == 0)
        rc = cost_open(&c, a->table, &a->cost, e);
    if (rc == 0)
        rc = cost_us(c, &b.s, &us, &parts, e);
    if (rc == 0) {
        out_header(o, "part us share");
        for (size_t i = 0; i < parts.n; i++)
            row(o, parts.v[i].name, parts.v[i].us, us);
        row(o, "step", us, us);
        if (a->overlap)
            print_overlap(o, &parts, us);
    }
    if (rc == 0 && a->overlap)
        rc = print_bounds(a, o, b.s.tokens, us, e);
    cost_close(c);
    free(b.piece);
    return rc;
}

/* ---- a model from measurements ---- */

static void print_terms(struct out *o, const struct fit *f)
{
    char name[40];

    out_value(o, "steps", (double)f->n, 0);
    out_value(o, "outliers", (double)f->outliers, 0);
    for (int i = 0; i < FIT_TERMS; i++) {
        snprintf(name, sizeof name, "%s_us", fit_term_names[i]);
        out_value(o, name, f->us[i], 9);
    }
    for (size_t i = 0; i < f->knees; i++) {
        snprintf(name, sizeof name, "token_to_%.0f_us", f->knee[i]);
        out_value(o, name, f->token_us[i], 9);
    }
}

static void print_errors(struct out *o, const struct fit *f)
{
    out_table(o, "errors", "batches steps mean_error p50_error p99_error max_error");
    for (int i = 0; i < FIT_REGIONS; i++) {
        const struct distribution *error = &f->error[i];

        out_table_row(o);
        out_cstr(o, "batches", fit_region_names[i]);
        out_u64(o, "steps", error->n);
        out_double(o, "mean_error", error->mean, 5);
        out_double(o, "p50_error", error->point[METRIC_P50], 5);
        out_double(o, "p99_error", error->point[METRIC_P99], 5);
        out_double(o, "max_error", error->most, 5);
        out_end_table_row(o);
    }
    out_end_table(o);
}

static void print_fit(struct out *o, const struct fit *f)
{
    out_facts(o);
    print_terms(o, f);
    print_errors(o, f);
    out_end_facts(o);
}

/* The table to -o; what it is worth to standard output, if that is another. */
static int write_fit(const struct asked *a, const struct fit *f, struct err *e)
{
    struct out_opts report = {.json = a->json};
    struct buf table = {0};
    struct out *o = NULL;
    int rc = fit_table(f, a->cost.model, a->cost.gpu, a->cost.tp, &table, e);

    if (rc == 0)
        rc = out_bytes(a->out, table.p, table.len, e);
    if (rc == 0 && a->out && !cli_is_std(a->out) && (rc = out_open(&o, &report, e)) == 0) {
        print_fit(o, f);
        rc = out_commit(&o, e);
    }
    buf_free(&table);
    return rc;
}

static int fit(const struct asked *a, struct err *e)
{
    struct fit f;

    if (fit_steps(&f, a->fit, e) < 0)
        return e->code;
    for (int i = 0; i < FIT_TERMS; i++)
        if (f.untold[i])
            cli_note(a->quiet, "the steps do not tell '%s' from the rest: it is taken as 0",
                     fit_term_names[i]);
    return write_fit(a, &f, e);
}

/* ---- all ---- */

static int run(const struct asked *a, struct err *e)
{
    struct out_opts to = {.path = a->out, .json = a->json};
    struct out *o = NULL;
    int rc = out_open(&o, &to, e);

    if (rc == 0)
        rc = print_cards(a, o, e);
    if (rc == 0 && a->n > 0)
        rc = print_batch(a, o, e);
    if (rc == 0)
        rc = out_commit(&o, e);
    out_abort(&o);
    return rc;
}

static void settle(const struct asked *a)
{
    const char *const in[] = {a->fit, a->table, a->cost.model, a->cost.gpu};

    cli_files(&a->out, 1, in, sizeof in / sizeof *in);
    if (a->fit && (a->n > 0 || a->table || a->overlap || a->cards || a->card_model || a->card_gpu))
        cli_misuse("'--fit' makes a table, and asks none: no batch, '--cost' or cards with it");
    if (setup_cost_wrong(&a->cost))
        cli_misuse("%s", setup_cost_wrong(&a->cost));
    if (a->fit)
        return;
    if (a->n > 0 && !a->table)
        cli_misuse("'--cost' is needed: a table, a folder of layer tables, or roofline");
    if (a->n > 0 && setup_cards_wrong(a->table, &a->cost))
        cli_misuse("%s", setup_cards_wrong(a->table, &a->cost));
    if (a->overlap && a->n == 0)
        cli_misuse("'--overlap' is of a batch");
    if (a->n == 0 && !a->cards && !a->card_model && !a->card_gpu)
        cli_misuse("a batch is needed, or '--fit', '--cards', '--model-card', '--gpu-card'");
}

int main(int argc, char **argv)
{
    struct asked a = {.cost = {.tp = 1}};
    const struct cli_opt opts[] = {
        CLI_STR(0, "cost", &a.table, "TABLE",
                "the cost model: a table, a folder of tables, or roofline"),
        CLI_STR(0, "model", &a.cost.model, "CARD",
                "the model: for roofline, and where tables are of a layer"),
        CLI_STR(0, "gpu", &a.cost.gpu, "CARD", "the GPU, for roofline"),
        CLI_DOUBLE(0, "tp", &a.cost.tp, "N", "roofline: GPUs that share the model (default 1)"),
        CLI_FLAG(0, "extrapolate", &a.cost.extrapolate, "go on beyond what was measured"),
        CLI_FLAG(0, "overlap", &a.overlap, "also what nanoflow makes of it, and its bounds"),
        CLI_DOUBLE(0, "link-gbs", &a.cost.link_gbs, "X",
                   "GB/s between GPUs, where a table has no all-reduce"),
        CLI_DOUBLE(0, "link-us", &a.cost.link_us, "X", "and its latency"),
        CLI_STR(0, "fit", &a.fit, "STEPS", "make a table of measured batches and times"),
        CLI_FLAG(0, "cards", &a.cards, "list the models and GPUs that are known"),
        CLI_STR(0, "model-card", &a.card_model, "NAME", "print a model's card, as JSON"),
        CLI_STR(0, "gpu-card", &a.card_gpu, "NAME", "print a GPU's card, as JSON"),
        CLI_OUT(&a.out),
        CLI_JSON(&a.json),
        CLI_QUIET(&a.quiet),
        CLI_VERBOSE(&a.verbose),
        CLI_END,
    };
    int first = cli_parse(&prog, opts, argc, argv), rc;
    struct err e = {0};

    a.operand = argv + first;
    a.n = (size_t)(argc - first);
    settle(&a);
    rc = a.fit ? fit(&a, &e) : run(&a, &e);
    cli_finish(a.verbose);
    return rc == 0 ? CLI_DONE : cli_fail(&e);
}
