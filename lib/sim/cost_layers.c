/* cost_layers.c - layer tables as LLMServingSim measures them of vLLM: a folder with
 *
 *   dense.csv         layer,tokens,time_us
 *   per_sequence.csv  layer,sequences,time_us: head and sampler
 *   attention.csv     prefill_chunk,kv_prefill,n_decode,kv_decode,time_us
 *   skew_fit.csv      how much of the way from the mean context to the longest counts, by class of
 *                     batch; a class that is absent takes alpha_default
 *   meta.yaml         the model's name and alpha_default
 *
 * A step is embedding, layers times (2 norms, qkv, rotary, attention, o, gate and up, activation,
 * down), the last norm, head and sampler. Attention of a batch is that of all chunks as one, over
 * their mean context, and of the decodes at their mean context, plus alpha times the difference
 * that the longest makes. Values between points are linear along each axis.
 *
 * The number of layers is the model card's: tables are of one layer.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/stream.h"
#include "sim/card.h"
#include "sim/cost_int.h"
#include "sim/csv.h"
#include "sim/grid.h"
#include "sim/axes.h"

/* Layers, and how often a transformer layer has them; 0: once a step. */
static const struct {
    const char *name;
    int times;
    bool needed;
} layers[] = {{"layernorm", 2, true},      {"qkv_proj", 1, true},  {"qk_norm", 1, false},
              {"rotary_emb", 1, true},     {"o_proj", 1, true},    {"gate_up_proj", 1, true},
              {"act_fn", 1, true},         {"down_proj", 1, true}, {"embedding", 0, true},
              {"final_layernorm", 0, true}};
enum { LAYERS = sizeof layers / sizeof *layers, KV_BLOCK = 16 };

/* A class of batches and its alpha. */
struct skew {
    double chunk;
    double n, rate, kv, before; /* upper ends */
    double alpha;
};

struct layered {
    struct cost_opts o;
    struct model_card model;
    double tp, alpha_default;
    char name[CARD_NAME_MOST];
    struct grid dense[LAYERS];
    struct grid head, sampler;
    struct axes attention;
    struct skew *skew;
    size_t skews, skews_cap;
    double most_tokens, most_sequences;
};

/* ---- reading ---- */

/* A number of tokens or requests, or a time. */
static int size(const struct csv_line *l, size_t i, double *v, struct err *e)
{
    if (csv_number(l, i, v, e) < 0)
        return e->code;
    return *v >= 0 ? 0 : err_set(e, ERR_INPUT, "field %zu is below 0", i + 1);
}

static int take_dense(void *ctx, const struct csv_line *l, struct err *e)
{
    struct layered *v = ctx;
    double tokens, us;

    if (strcmp(l->field[0], "layer") == 0)
        return 0;
    if (size(l, 1, &tokens, e) < 0 || size(l, 2, &us, e) < 0)
        return e->code;
    for (int i = 0; i < LAYERS; i++)
        if (strcmp(layers[i].name, l->field[0]) == 0)
            return grid_add(&v->dense[i], tokens, us, e);
    return 0;
}

static int take_sequence(void *ctx, const struct csv_line *l, struct err *e)
{
    struct layered *v = ctx;
    double n, us;

    if (strcmp(l->field[0], "layer") == 0)
        return 0;
    if (size(l, 1, &n, e) < 0 || size(l, 2, &us, e) < 0)
        return e->code;
    if (strcmp(l->field[0], "lm_head") == 0)
        return grid_add(&v->head, n, us, e);
    return strcmp(l->field[0], "sampler") == 0 ? grid_add(&v->sampler, n, us, e) : 0;
}

static int take_attention(void *ctx, const struct csv_line *l, struct err *e)
{
    struct layered *v = ctx;
    double key[AXES], us;

    if (strcmp(l->field[0], "prefill_chunk") == 0)
        return 0;
    for (size_t i = 0; i < AXES; i++)
        if (size(l, i, &key[i], e) < 0)
            return e->code;
    if (size(l, AXES, &us, e) < 0)
        return e->code;
    return axes_add(&v->attention, key, us, e);
}

/* "n<=128", "sr<=15%", "kvB<=4k", "kp=0": the upper end; "n>256": none. */
static int upper_end(const struct csv_line *l, size_t i, double *v, struct err *e)
{
    const char *p = strpbrk(l->field[i], "=>");
    char *end = NULL;

    *v = p ? strtod(p + 1, &end) : 0;
    if (!p || end == p + 1 || !(*v >= 0) || (*end && strcmp(end, "%") && strcmp(end, "k")))
        return err_set(e, ERR_INPUT, "field %zu is no class: '%.40s'", i + 1, l->field[i]);
    *v = *p == '>' ? INFINITY : *end == '%' ? *v / 100 : *end == 'k' ? 1024 * *v : *v;
    return 0;
}

static int take_skew(void *ctx, const struct csv_line *l, struct err *e)
{
    struct layered *v = ctx;
    struct skew s;

    if (strcmp(l->field[0], "pc") == 0)
        return 0;
    if (l->n < 6)
        return err_set(e, ERR_INPUT, "there are %zu fields, 6 are needed", l->n);
    if (csv_number(l, 0, &s.chunk, e) < 0 || upper_end(l, 1, &s.n, e) < 0 ||
        upper_end(l, 2, &s.rate, e) < 0 || upper_end(l, 3, &s.kv, e) < 0 ||
        upper_end(l, 4, &s.before, e) < 0 || csv_number(l, 5, &s.alpha, e) < 0)
        return e->code;
    if (mem_reserve(&v->skew, &v->skews_cap, v->skews + 1, sizeof *v->skew, e) < 0)
        return e->code;
    v->skew[v->skews++] = s;
    return 0;
}

/* What follows `before` at the text's beginning; NULL: it does not begin so. */
static const char *behind(const char *text, const char *before)
{
    size_t len = strlen(before);

    return strncmp(text, before, len) == 0 ? text + len : NULL;
}

/* Of meta.yaml: "model: NAME", and under "    TP:" "alpha_default: X". *tp: of the lines above. */
static int take_meta(struct layered *v, const char *text, size_t len, double *tp, struct err *e)
{
    const char *model = behind(text, "model: "), *alpha = behind(text, "      alpha_default:");

    if (model)
        snprintf(v->name, sizeof v->name, "%.*s", CARD_NAME_MOST - 1, model);
    else if (len > 5 && behind(text, "    ") && text[4] != ' ' && text[len - 1] == ':')
        *tp = strtod(text + 4, NULL);
    else if (alpha && *tp == v->tp && !num_double(alpha + strspn(alpha, " "), &v->alpha_default))
        return err_set(e, ERR_INPUT, "'alpha_default' is no number");
    return 0;
}

static int read_meta(struct layered *v, const char *path, struct err *e)
{
    struct lines *in = NULL;
    const char *p;
    char text[256];
    size_t len;
    double tp = 0;
    int rc = lines_open(&in, path, '\n', 1 << 16, e);

    while (rc >= 0 && (rc = lines_next(in, &p, &len, e)) > 0) {
        len -= len > 0 && p[len - 1] == '\r';
        if (len >= sizeof text)
            continue;
        memcpy(text, p, len);
        text[len] = '\0';
        if ((rc = take_meta(v, text, len, &tp, e)) < 0)
            err_prefix(e, "%s: line %llu", path, (unsigned long long)lines_number(in));
    }
    lines_close(in);
    return rc;
}

static int read_part(struct layered *v, const char *folder, const char *file,
                     int (*line)(void *, const struct csv_line *, struct err *), struct err *e)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/%s", folder, file);
    return line ? csv_read(path, line, v, e) : read_meta(v, path, e);
}

/* The folder's name ends in _tpN. */
static double tp_of(const char *folder)
{
    const char *p = strstr(folder, "_tp"), *next;

    while (p && (next = strstr(p + 1, "_tp")))
        p = next;
    return p && strtod(p + 3, NULL) >= 1 ? strtod(p + 3, NULL) : 1;
}

static int check(struct layered *v, const char *folder, struct err *e)
{
    v->most_tokens = INFINITY;
    for (int i = 0; i < LAYERS; i++) {
        grid_sort(&v->dense[i]);
        if (v->dense[i].n == 0 && layers[i].needed)
            return err_set(e, ERR_INPUT, "%s/dense.csv: there are no rows of %s", folder,
                           layers[i].name);
        if (v->dense[i].n > 0 && grid_last(&v->dense[i]) < v->most_tokens)
            v->most_tokens = grid_last(&v->dense[i]);
    }
    grid_sort(&v->head);
    grid_sort(&v->sampler);
    if (v->head.n == 0 || v->sampler.n == 0)
        return err_set(e, ERR_INPUT, "%s/per_sequence.csv: there are no rows of %s", folder,
                       v->head.n ? "sampler" : "lm_head");
    v->most_sequences = fmin(grid_last(&v->head), grid_last(&v->sampler));
    if (v->tp > 1 && !(v->o.link_gbs > 0))
        return err_set(e, ERR_USAGE,
                       "%s: the model is on %g GPUs: '--link-gbs' says what their "
                       "link carries",
                       folder, v->tp);
    return axes_build(&v->attention, e) < 0 ? err_prefix(e, "%s/attention.csv", folder) : 0;
}

static void close_layers(void *model)
{
    struct layered *v = model;

    if (!v)
        return;
    for (int i = 0; i < LAYERS; i++)
        grid_free(&v->dense[i]);
    grid_free(&v->head);
    grid_free(&v->sampler);
    axes_free(&v->attention);
    free(v->skew);
    free(v);
}

int cost_layers_open(void **out, const char *folder, const struct cost_opts *o, struct err *e)
{
    struct layered *v = *out = mem_zero(1, sizeof *v, e);

    if (!v)
        return e->code;
    v->o = *o;
    v->tp = tp_of(folder);
    if (read_part(v, folder, "meta.yaml", NULL, e) < 0 ||
        read_part(v, folder, "dense.csv", take_dense, e) < 0 ||
        read_part(v, folder, "per_sequence.csv", take_sequence, e) < 0 ||
        read_part(v, folder, "attention.csv", take_attention, e) < 0 ||
        read_part(v, folder, "skew_fit.csv", take_skew, e) < 0)
        return e->code;
    if (!o->model && !v->name[0])
        return err_set(e, ERR_USAGE, "%s/meta.yaml names no model: '--model' is needed", folder);
    if (card_model(&v->model, o->model ? o->model : v->name, e) < 0)
        return e->code;
    return check(v, folder, e);
}

/* ---- a batch ---- */

/* The chunks as one: their sum, and the mean context that their tokens see before them. */
static void join_pieces(const struct cost_shape *s, double *chunk, double *before)
{
    double weighted = 0;

    *chunk = *before = 0;
    for (uint32_t i = 0; i < s->n_pieces; i++) {
        *chunk += s->pieces[i].chunk;
        weighted += (double)s->pieces[i].chunk * s->pieces[i].kv;
    }
    if (*chunk > 0)
        *before = weighted / *chunk;
}

/* The class of a batch: the narrowest that holds it of those of just its chunk, which the profile
 * measured some of. */
static double alpha_of(const struct layered *v, double chunk, double before,
                       const struct cost_shape *s, double rate)
{
    const struct skew *best = NULL;

    for (size_t i = 0; i < v->skews; i++) {
        const struct skew *k = &v->skew[i];

        if (k->chunk != chunk || s->decodes > k->n || rate > k->rate || s->kv_max > k->kv ||
            before > k->before)
            continue;
        if (!best || k->n < best->n || k->rate < best->rate || k->kv < best->kv ||
            k->before < best->before)
            best = k;
    }
    return best ? best->alpha : v->alpha_default;
}

/* Kernels read whole blocks, and the profile is of such. */
static double whole_blocks(double kv)
{
    return ceil(kv / KV_BLOCK) * KV_BLOCK;
}

static int attention_us(const struct layered *v, const struct cost_shape *s, double *us,
                        struct err *e)
{
    double key[AXES] = {0, 0, s->decodes, 0}, mean, longest;

    join_pieces(s, &key[0], &key[1]);
    if (s->decodes)
        key[3] = whole_blocks((double)s->kv_sum / s->decodes);
    if (!v->o.extrapolate && !axes_holds(&v->attention, key, s->kv_max))
        return err_set(e, ERR_USAGE,
                       "a step of %.0f prompt tokens after %.0f, and %u decodes of up "
                       "to %u tokens, is beyond attention.csv",
                       key[0], key[1], s->decodes, s->kv_max);
    *us = axes_at(&v->attention, key);
    if (s->decodes < 2 || s->kv_max == s->kv_min)
        return 0;
    mean = (double)s->kv_sum / s->decodes;
    key[3] = whole_blocks(s->kv_max);
    longest = axes_at(&v->attention, key);
    *us += (longest - *us) *
           alpha_of(v, key[0], key[1], s, (mean - s->kv_min) / (double)(s->kv_max - s->kv_min));
    return 0;
}

static double all_reduce_us(const struct layered *v, double tokens)
{
    if (v->tp <= 1)
        return 0;
    return 2 * (2 * tokens * v->model.dim / (1e3 * v->o.link_gbs) + v->o.link_us);
}

static double dense_us(const struct layered *v, double tokens, struct cost_parts *parts)
{
    double sum = 0;

    for (int i = 0; i < LAYERS; i++) {
        double times = layers[i].times ? layers[i].times * v->model.layers : 1;
        double us = v->dense[i].n ? times * grid_at(&v->dense[i], tokens) : 0;

        if (v->dense[i].n)
            cost_part(parts, layers[i].name, us);
        sum += us;
    }
    return sum;
}

static int layers_us(const void *model, const struct cost_shape *s, double *us,
                     struct cost_parts *parts, struct err *e)
{
    const struct layered *v = model;
    double sequences = s->decodes + s->n_pieces, attention = 0, head, sampler, reduce;

    if (!v->o.extrapolate && (s->tokens > v->most_tokens || sequences > v->most_sequences))
        return err_set(e, ERR_USAGE,
                       "a step of %u tokens of %.0f requests is beyond the tables' "
                       "%.0f of %.0f",
                       s->tokens, sequences, v->most_tokens, v->most_sequences);
    if (attention_us(v, s, &attention, e) < 0)
        return e->code;
    attention *= v->model.layers;
    head = grid_at(&v->head, sequences);
    sampler = grid_at(&v->sampler, sequences);
    reduce = v->model.layers * all_reduce_us(v, s->tokens);
    *us = dense_us(v, s->tokens, parts) + attention + head + sampler + reduce;
    cost_part(parts, "attention", attention);
    cost_part(parts, "lm_head", head);
    cost_part(parts, "sampler", sampler);
    cost_part(parts, "all_reduce", reduce);
    return 0;
}

static void memory(const void *model, struct cost_memory *m)
{
    const struct layered *v = model;

    m->parameter_bytes = card_parameters(&v->model) * v->model.bytes / v->tp;
    m->kv_bytes = card_kv_bytes(&v->model) / v->tp;
    m->layers = v->model.layers;
    m->kv_heads = ceil(v->model.kv_heads / v->tp);
    m->head_dim = v->model.head_dim;
    m->most_requests = v->most_sequences;
    m->most_tokens = v->most_tokens;
    m->tp = v->tp;
    m->dim = v->model.dim;
}

const struct cost_kind cost_layers = {"layers", layers_us, memory, close_layers};
