/* cost_vidur.c - tables in the form of Vidur's profiles: microseconds of each operation of one
 * layer, as "op,a,b,us" rows after "# key=value" lines.
 *
 *   token operations  a tokens of the batch, rounded up to 8; all_reduce too. But saving to the
 *                     cache, attn_kv_cache_save, counts them as they are. "linear" is all of them
 *                     where they were not measured apart, as of a table that was fitted (fit.h)
 *   attn_decode       a requests, b their mean context, rounded up to 64
 *   attn_prefill      a tokens of the chunk, b tokens before it
 *
 * A step is layers times (token operations + 2 all-reduces + both attentions); several prompts'
 * chunks count as one of the root of their squares' sum, over the sum of their contexts; grouped
 * heads cost *_batching_overhead more where several requests share a kernel. Embedding, head and
 * sampling are not in it, as in Vidur: rows of operations that are not named here are left alone.
 * Source: microsoft/vidur, execution_time_predictor.
 *
 * Cost     sums of token operations are tabled by tokens, decode attention by its two keys, so a
 *          step of decodes is two look-ups.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "sim/cost_int.h"
#include "sim/csv.h"
#include "sim/grid.h"

static const char *const token_ops[] = {"linear",    "attn_pre_proj",           "attn_post_proj",
                                        "attn_rope", "attn_kv_cache_save",      "mlp_up_proj",
                                        "mlp_act",   "mlp_down_proj",           "input_layernorm",
                                        "add",       "post_attention_layernorm"};
enum {
    LINEAR,
    KV_SAVE = 4,
    TOKEN_OPS = sizeof token_ops / sizeof *token_ops,
    COLUMNS = 4,
    ENTRIES_MOST = 1 << 22
};

/* "# key=value" lines that are used. */
enum key {
    KEY_TP,
    KEY_LAYERS,
    KEY_DIM,
    KEY_Q_HEADS,
    KEY_KV_HEADS,
    KEY_HEAD_DIM,
    KEY_GPU_GIB,
    KEY_PARAMS,
    KEY_KV_BYTES,
    KEY_LAUNCH_US,
    KEY_DECODE_OVERHEAD,
    KEY_PREFILL_OVERHEAD,
    KEY_TOKEN_ROUNDING,
    KEY_KV_ROUNDING,
    KEYS
};
static const char *const key_names[KEYS] = {"tp",
                                            "num_layers",
                                            "embedding_dim",
                                            "num_q_heads",
                                            "num_kv_heads",
                                            "head_dim",
                                            "gpu_mem_gib",
                                            "params_per_gpu",
                                            "kv_bytes_per_token_per_gpu",
                                            "all_reduce_launch_us",
                                            "decode_batching_overhead",
                                            "prefill_batching_overhead",
                                            "token_rounding",
                                            "kv_rounding"};

struct vidur {
    struct cost_opts o;
    double key[KEYS];
    unsigned given; /* a bit a key */
    struct grid token[TOKEN_OPS];
    struct grid all_reduce;
    struct grid2 decode, prefill; /* y requests, x context; y chunk, x context */
    double most_tokens, most_requests, most_kv, most_chunk, most_before;
    double *dense;        /* [most_tokens / rounding + 1]: of a layer */
    double *decode_table; /* [most_requests + 1][kvs] */
    size_t kvs;
    bool grouped;
};

/* ---- reading ---- */

/* Is it a number of things? */
static bool is_count(int key)
{
    return key <= KEY_HEAD_DIM || key >= KEY_TOKEN_ROUNDING;
}

/* Its number, or KEYS where it is none that is used. */
static int key_named(const char *name, size_t len)
{
    int k = 0;

    while (k < KEYS && (strlen(key_names[k]) != len || memcmp(key_names[k], name, len) != 0))
        k++;
    return k;
}

/* "# key=value", or a remark. */
static int take_key(struct vidur *v, const char *line, struct err *e)
{
    const char *name = line + 1 + strspn(line + 1, " "), *value = strchr(name, '=');
    size_t len = value ? (size_t)(value - name) : 0;
    int k;

    while (len > 0 && name[len - 1] == ' ')
        len--;
    if ((k = key_named(name, len)) == KEYS)
        return 0;
    value += 1 + strspn(value + 1, " ");
    if (v->given >> k & 1)
        return err_set(e, ERR_INPUT, "'%s' is there twice", key_names[k]);
    v->given |= 1U << k;
    if (!num_double(value, &v->key[k]) || v->key[k] < 0)
        return err_set(e, ERR_INPUT, "'%s' is no number of 0 or more: '%.40s'", key_names[k],
                       value);
    if (is_count(k) && v->key[k] != floor(v->key[k]))
        return err_set(e, ERR_INPUT, "'%s' is no whole number: '%.40s'", key_names[k], value);
    return 0;
}

/* A line of the columns' names. */
static int check_header(const struct csv_line *l, struct err *e)
{
    static const char *const names[COLUMNS] = {"op", "a", "b", "us"};
    bool good = l->n == COLUMNS;

    for (size_t i = 0; good && i < COLUMNS; i++)
        good = strcmp(l->field[i], names[i]) == 0;
    return good ? 0
                : err_set(e, ERR_INPUT, "the columns of a cost table are op,a,b,us, in this order");
}

static struct grid *token_grid(struct vidur *v, const char *op)
{
    if (strcmp(op, "all_reduce") == 0)
        return &v->all_reduce;
    for (int i = 0; i < TOKEN_OPS; i++)
        if (strcmp(op, token_ops[i]) == 0)
            return &v->token[i];
    return NULL;
}

static int take_line(void *ctx, const struct csv_line *l, struct err *e)
{
    struct vidur *v = ctx;
    struct grid *g;
    double a, b, us;

    if (l->field[0][0] == '#')
        return take_key(v, l->field[0], e);
    if (strcmp(l->field[0], "op") == 0)
        return check_header(l, e);
    if (l->n > COLUMNS)
        return err_set(e, ERR_INPUT, "there are %zu fields, and op,a,b,us are %d", l->n, COLUMNS);
    if (csv_number(l, 1, &a, e) < 0 || csv_number(l, 2, &b, e) < 0 || csv_number(l, 3, &us, e) < 0)
        return e->code;
    if (a < 0 || b < 0 || us < 0)
        return err_set(e, ERR_INPUT, "a size or time is below 0");
    if (strcmp(l->field[0], "attn_decode") == 0)
        return grid2_add(&v->decode, a, b, us, e);
    if (strcmp(l->field[0], "attn_prefill") == 0)
        return grid2_add(&v->prefill, a, b, us, e);
    g = token_grid(v, l->field[0]);
    return g ? grid_add(g, a, us, e) : 0;
}

/* ---- a layer ---- */

static double rounded_up(double x, double to)
{
    return ceil(x / to) * to;
}

/* All but attn_kv_cache_save. */
static double token_us(const struct vidur *v, double tokens, struct cost_parts *parts)
{
    double sum = 0, layers = v->key[KEY_LAYERS];

    for (int i = 0; i < TOKEN_OPS; i++)
        if (v->token[i].n > 0 && i != KV_SAVE) {
            double us = grid_at(&v->token[i], tokens);

            cost_part(parts, token_ops[i], layers * us);
            sum += us;
        }
    return sum;
}

/* Keys and values are written of just the tokens that there are. */
static double save_us(const struct vidur *v, double tokens, struct cost_parts *parts)
{
    double us = v->token[KV_SAVE].n > 0 ? grid_at(&v->token[KV_SAVE], tokens) : 0;

    if (v->token[KV_SAVE].n > 0)
        cost_part(parts, token_ops[KV_SAVE], v->key[KEY_LAYERS] * us);
    return us;
}

static double all_reduce_us(const struct vidur *v, double tokens)
{
    if (v->key[KEY_TP] <= 1)
        return 0;
    if (v->all_reduce.n > 0)
        return 2 * (grid_at(&v->all_reduce, tokens) + v->key[KEY_LAUNCH_US]);
    return 2 * (2 * tokens * v->key[KEY_DIM] / (1e3 * v->o.link_gbs) + v->o.link_us);
}

static double decode_us(const struct vidur *v, double requests, double kv)
{
    return grid2_at(&v->decode, requests, kv, v->most_kv) *
           (v->grouped && requests > 1 ? 1 + v->key[KEY_DECODE_OVERHEAD] : 1);
}

/* ---- opening ---- */

static int check(const struct vidur *v, const char *path, struct err *e)
{
    static const enum key needed[] = {KEY_LAYERS, KEY_Q_HEADS, KEY_KV_HEADS};

    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!(v->key[needed[i]] > 0))
            return err_set(e, ERR_INPUT, "%s: there is no line '# %s=', or its value is none", path,
                           key_names[needed[i]]);
    for (enum key k = KEY_TOKEN_ROUNDING; k <= KEY_KV_ROUNDING; k++)
        if (!(v->key[k] >= 1 && v->key[k] <= 65536))
            return err_set(e, ERR_INPUT, "%s: '%s' is not from 1 to 65536", path, key_names[k]);
    if (v->decode.n == 0 || v->prefill.n == 0)
        return err_set(e, ERR_INPUT, "%s: there are no rows of %s", path,
                       v->decode.n ? "attn_prefill" : "attn_decode");
    for (int i = LINEAR + 1; i < TOKEN_OPS && v->token[LINEAR].n == 0; i++)
        if (v->token[i].n == 0 && strcmp(token_ops[i], "attn_kv_cache_save") != 0 &&
            strcmp(token_ops[i], "post_attention_layernorm") != 0)
            return err_set(e, ERR_INPUT,
                           "%s: there are no rows of %s; if another operation's times have it, a "
                           "row '%s,1000000,0,0' says so",
                           path, token_ops[i], token_ops[i]);
    if (v->key[KEY_TP] > 1 && v->all_reduce.n == 0 && !(v->o.link_gbs > 0))
        return err_set(e, ERR_USAGE,
                       "%s: there are no rows of all_reduce, and the model is on %g "
                       "GPUs: '--link-gbs' says what their link carries",
                       path, v->key[KEY_TP]);
    return 0;
}

static void measure(struct vidur *v)
{
    v->most_tokens = INFINITY;
    for (int i = 0; i < TOKEN_OPS; i++) {
        grid_sort(&v->token[i]);
        if (v->token[i].n > 0 && grid_last(&v->token[i]) < v->most_tokens)
            v->most_tokens = grid_last(&v->token[i]);
    }
    grid_sort(&v->all_reduce);
    grid2_sort(&v->decode);
    grid2_sort(&v->prefill);
    v->most_requests = v->decode.row[v->decode.n - 1].y;
    v->most_chunk = v->prefill.row[v->prefill.n - 1].y;
    v->most_kv = fmax(grid2_widest(&v->decode), v->most_chunk);
    v->most_before = fmax(grid2_widest(&v->prefill), v->most_chunk);
}

/* Do times fit into memory, one for each number of tokens, and for each of requests and contexts?
 */
static int check_size(const struct vidur *v, const char *path, struct err *e)
{
    double step = v->key[KEY_TOKEN_ROUNDING], kv_step = v->key[KEY_KV_ROUNDING];
    double decodes = (v->most_requests + 1) * (v->most_kv / kv_step + 2);

    if (!(v->most_tokens / step < ENTRIES_MOST))
        return err_set(e, ERR_INPUT,
                       "%s: steps of up to %g tokens, by %g, are more than %d times: a larger "
                       "'# token_rounding=' makes fewer",
                       path, v->most_tokens, step, ENTRIES_MOST);
    if (!(decodes < ENTRIES_MOST))
        return err_set(e, ERR_INPUT,
                       "%s: up to %g decodes at up to %g tokens of context, by %g, are more than "
                       "%d times: a larger '# kv_rounding=' makes fewer",
                       path, v->most_requests, v->most_kv, kv_step, ENTRIES_MOST);
    return 0;
}

static int tabulate(struct vidur *v, const char *path, struct err *e)
{
    double step = v->key[KEY_TOKEN_ROUNDING], kv_step = v->key[KEY_KV_ROUNDING];
    size_t n, requests;

    if (check_size(v, path, e) < 0)
        return e->code;
    n = (size_t)(v->most_tokens / step) + 1;
    requests = (size_t)v->most_requests;
    v->kvs = (size_t)ceil(v->most_kv / kv_step) + 1;
    v->dense = mem_array(n, sizeof *v->dense, e);
    v->decode_table = v->dense ? mem_array((requests + 1) * v->kvs, sizeof *v->decode_table, e)
                               : NULL;
    if (!v->decode_table)
        return e->code;
    for (size_t i = 0; i < n; i++)
        v->dense[i] = token_us(v, step * (double)i, NULL) + all_reduce_us(v, step * (double)i);
    for (size_t r = 0; r <= requests; r++)
        for (size_t k = 0; k < v->kvs; k++)
            v->decode_table[r * v->kvs + k] = r ? decode_us(v, (double)r, kv_step * (double)k) : 0;
    return 0;
}

static void close_vidur(void *model)
{
    struct vidur *v = model;

    if (!v)
        return;
    for (int i = 0; i < TOKEN_OPS; i++)
        grid_free(&v->token[i]);
    grid_free(&v->all_reduce);
    grid2_free(&v->decode);
    grid2_free(&v->prefill);
    free(v->dense);
    free(v->decode_table);
    free(v);
}

int cost_vidur_open(void **out, const char *path, const struct cost_opts *o, struct err *e)
{
    struct vidur *v = *out = mem_zero(1, sizeof *v, e);
    int rc;

    if (!v)
        return e->code;
    v->o = *o;
    v->key[KEY_TP] = 1;
    v->key[KEY_TOKEN_ROUNDING] = 8;
    v->key[KEY_KV_ROUNDING] = 64;
    rc = csv_read(path, take_line, v, e);
    if (rc == 0)
        rc = check(v, path, e);
    if (rc < 0)
        return rc;
    v->grouped = v->key[KEY_KV_HEADS] < v->key[KEY_Q_HEADS];
    measure(v);
    return tabulate(v, path, e);
}

/* ---- a batch ---- */

static int beyond(const char *what, double v, double most, struct err *e)
{
    return err_set(e, ERR_USAGE, "a step of %.0f %s is beyond the cost table's %.0f", v, what,
                   most);
}

static int dense_us(const struct vidur *v, const struct cost_shape *s, double *us,
                    struct cost_parts *parts, struct err *e)
{
    double step = v->key[KEY_TOKEN_ROUNDING], tokens = rounded_up(s->tokens, step);
    double layers = v->key[KEY_LAYERS];

    if (tokens <= v->most_tokens && !parts) {
        *us = layers * (v->dense[(size_t)(tokens / step)] + save_us(v, s->tokens, NULL));
        return 0;
    }
    if (tokens > v->most_tokens && !v->o.extrapolate)
        return beyond("tokens", tokens, v->most_tokens, e);
    *us = layers * (token_us(v, tokens, parts) + save_us(v, s->tokens, parts));
    cost_part(parts, "all_reduce", layers * all_reduce_us(v, tokens));
    *us += layers * all_reduce_us(v, tokens);
    return 0;
}

static int decodes_us(const struct vidur *v, const struct cost_shape *s, double *us, struct err *e)
{
    double step = v->key[KEY_KV_ROUNDING];
    double kv = rounded_up((double)(s->kv_sum / s->decodes), step);
    size_t at = (size_t)(kv / step);

    if (s->decodes <= v->most_requests && at < v->kvs) {
        *us = v->key[KEY_LAYERS] * v->decode_table[s->decodes * v->kvs + at];
        return 0;
    }
    if (!v->o.extrapolate)
        return s->decodes > v->most_requests ? beyond("requests", s->decodes, v->most_requests, e)
                                             : beyond("tokens of mean context", kv, v->most_kv, e);
    *us = v->key[KEY_LAYERS] * decode_us(v, s->decodes, kv);
    return 0;
}

static int pieces_us(const struct vidur *v, const struct cost_shape *s, double *us, struct err *e)
{
    double squares = 0, kv = 0, chunk;

    for (uint32_t i = 0; i < s->n_pieces; i++) {
        squares += (double)s->pieces[i].chunk * s->pieces[i].chunk;
        kv += rounded_up(s->pieces[i].kv, v->key[KEY_KV_ROUNDING]);
    }
    chunk = nearbyint(sqrt(squares));
    if (chunk > v->most_chunk && !v->o.extrapolate)
        return beyond("prompt tokens", chunk, v->most_chunk, e);
    if (kv > v->most_before && !v->o.extrapolate)
        return beyond("tokens before a prompt's", kv, v->most_before, e);
    *us = v->key[KEY_LAYERS] * grid2_at(&v->prefill, chunk, kv, v->most_before) *
          (v->grouped && s->n_pieces > 1 ? 1 + v->key[KEY_PREFILL_OVERHEAD] : 1);
    return 0;
}

static int vidur_us(const void *model, const struct cost_shape *s, double *us,
                    struct cost_parts *parts, struct err *e)
{
    const struct vidur *v = model;
    double dense = 0, decode = 0, prefill = 0;

    if (dense_us(v, s, &dense, parts, e) < 0 || (s->decodes && decodes_us(v, s, &decode, e) < 0) ||
        (s->n_pieces && pieces_us(v, s, &prefill, e) < 0))
        return e->code;
    cost_part(parts, "attn_decode", decode);
    cost_part(parts, "attn_prefill", prefill);
    *us = dense + decode + prefill;
    return 0;
}

static void memory(const void *model, struct cost_memory *m)
{
    const struct vidur *v = model;
    double tp = v->key[KEY_TP];

    m->gpu_bytes = v->key[KEY_GPU_GIB] * 0x1p30;
    m->parameter_bytes = 2 * v->key[KEY_PARAMS];
    m->kv_bytes = v->key[KEY_KV_BYTES];
    m->layers = v->key[KEY_LAYERS];
    m->kv_heads = ceil(v->key[KEY_KV_HEADS] / tp);
    m->head_dim = v->key[KEY_HEAD_DIM];
    m->most_requests = v->most_requests;
    m->most_tokens = v->most_tokens;
    m->tp = tp;
    m->dim = v->key[KEY_DIM];
}

const struct cost_kind cost_vidur = {"vidur", vidur_us, memory, close_vidur};
