/* cost_roofline.c - a step's time from what a model and a GPU are, without a table:
 *
 *   step_us + linear(n) + kv_sum x kv_bytes / read
 *           + sum over chunks (4 c (kv + c/2) q L / attention rate + kv x kv_bytes / read)
 *
 * n tokens, q the width of all query heads, L layers. linear(n) is what was measured of the pair,
 * where that comes with the cards; else the longer of reading the parameters and computing with
 * them, 2 n of them; the head, which only the last token of a request needs, among them. Of a
 * mixture's experts those are read that some of the n tokens go through, all as likely, and a token
 * is computed with its few. On tp GPUs all of it is shared out, and each layer has two all-reduces,
 * in each of which every GPU sends 2 (tp - 1) / tp times the bytes of the result, as a ring does:
 * over all of them NanoFlow's 4 tp n d bytes a layer, but for what a GPU need not send itself.
 * Source: papers' shared cost model, and the network of NanoFlow's (arXiv 2408.12757, eq. 3).
 *
 * With a split (cost.h) it is one stage, and on the GPU that has most of it: heads, columns and
 * experts are shared out whole. What is sent between the cells of a layer is as APEX has it (arXiv
 * 2411.17651, reshard): where attention and feed-forward are in as many copies, all-reduces; where
 * not, the sum is scattered over the GPUs of one copy and gathered by those of the other; where
 * experts are whole on a GPU, tokens go to theirs and back by all-to-all. APEX has two more
 * operations behind a gated feed-forward, of which Megatron's way needs none, and neither has this.
 * The head, the step's own time and linear layers that were measured are shared out over stages.
 */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "sim/card.h"
#include "sim/comm.h"
#include "sim/cost_int.h"
#include "sim/grid.h"

struct roofline {
    struct model_card m;
    struct gpu_card g;
    struct comm_links links;
    struct grid linear; /* us by tokens, or nothing */
    /* GPUs that hold the model: of a stage, of a copy of its attention, its feed-forward. */
    double stages, gpus, attn_gpus, ffn_gpus, attn_copies, ffn_copies;
    bool split, by_experts;
    /* Of a GPU: */
    double layers, q_width;
    double kv_bytes;        /* of a token */
    double attn, ffn, head; /* parameters; ffn: of all its experts */
};

static void close_roofline(void *model)
{
    struct roofline *v = model;

    if (v)
        grid_free(&v->linear);
    free(v);
}

static int take_points(struct roofline *v, struct err *e)
{
    const struct card_point *p = NULL;
    size_t n = v->gpus > 1 ? 0 : card_linear(&v->m, &v->g, &p);

    for (size_t i = 0; i < n; i++)
        if (grid_add(&v->linear, p[i].tokens, 1e3 * p[i].ms, e) < 0)
            return e->code;
    return 0;
}

/* Of n heads, columns or experts what one of `over` GPUs has. */
static double share(const struct roofline *v, double n, double over)
{
    return v->split ? ceil(n / over) : n / over;
}

static void set_shares(struct roofline *v)
{
    const struct model_card *m = &v->m;
    double kv = share(v, m->kv_heads, v->attn_gpus), q = share(v, m->q_heads, v->attn_gpus);
    double experts = card_experts(m);

    v->layers = m->layers / v->stages;
    v->q_width = q * m->head_dim;
    v->kv_bytes = 2 * v->layers * kv * m->head_dim * m->bytes;
    v->attn = v->layers * m->dim * m->head_dim * 2 * (q + kv);
    v->ffn = v->layers * card_ffn_parameters(m) *
             (v->by_experts ? share(v, experts, v->ffn_gpus)
                            : experts * share(v, m->ffn, v->ffn_gpus) / m->ffn);
    v->head = m->dim * m->vocab / (v->gpus * v->stages);
}

int cost_roofline_open(void **out, const struct cost_opts *o, struct err *e)
{
    const struct cost_split *s = o->split;
    struct roofline *v = *out = mem_zero(1, sizeof *v, e);

    if (!v)
        return e->code;
    if (!o->model || !o->gpu)
        return err_set(e, ERR_USAGE,
                       "roofline needs a model's card and a GPU's: '--model' and "
                       "'--gpu'");
    if (card_model(&v->m, o->model, e) < 0 || card_gpu(&v->g, o->gpu, e) < 0)
        return e->code;
    v->split = s;
    v->by_experts = s && s->by_experts;
    v->stages = s ? s->stages : 1;
    v->gpus = s ? s->gpus : o->tp > 1 ? o->tp : 1;
    v->attn_copies = s ? s->attn_copies : 1;
    v->ffn_copies = s ? s->ffn_copies : 1;
    v->attn_gpus = v->gpus / v->attn_copies;
    v->ffn_gpus = v->gpus / v->ffn_copies;
    set_shares(v);
    if (comm_links_of(&v->links, &v->g, o, v->stages * v->gpus, e) < 0)
        return e->code;
    return take_points(v, e);
}

/* The longer of reading some of a GPU's parameters and computing with them, a token with `active`
 * of them. */
static double product_us(const struct roofline *v, double read, double active, double tokens)
{
    return fmax(read * v->m.bytes / (1e3 * v->g.read_gbs),
                2 * active * tokens / (1e6 * v->g.tflops));
}

/* Tokens of a copy of the attention, and of a stage. */
static double linear_us(const struct roofline *v, double tokens, double all)
{
    double experts = card_experts(&v->m), met = card_experts_met(&v->m, all / v->ffn_copies);
    double active = v->m.experts > 0 ? v->m.active_experts : 1;

    if (v->linear.n > 0)
        return grid_at(&v->linear, tokens) / v->stages;
    return product_us(v, v->attn, v->attn, tokens) + product_us(v, v->head, v->head, all) +
           product_us(v, v->ffn * met / experts, v->ffn * active / experts, all / v->ffn_copies);
}

/* What the cells of a layer send each other. */
static void sends_us(const struct roofline *v, double tokens, double all, double *reduce,
                     double *all_to_all)
{
    const struct comm_links *l = &v->links;
    double token = v->m.dim * v->m.bytes, attn = tokens * token, ffn = all / v->ffn_copies * token;

    *all_to_all = 0;
    if (v->by_experts) {
        double went = fmin(v->m.active_experts, v->ffn_gpus) * ffn;

        *all_to_all = 2 * v->layers * comm_us(l, COMM_ALL_TO_ALL, v->ffn_gpus, went);
        *reduce = comm_us(l, COMM_REDUCE_SCATTER, v->attn_gpus, attn) +
                  comm_us(l, COMM_ALL_GATHER, v->attn_gpus, attn);
    } else if (v->attn_copies == v->ffn_copies)
        *reduce = comm_us(l, COMM_ALL_REDUCE, v->attn_gpus, attn) +
                  comm_us(l, COMM_ALL_REDUCE, v->ffn_gpus, ffn);
    else
        *reduce = comm_us(l, COMM_REDUCE_SCATTER, v->attn_gpus, attn) +
                  comm_us(l, COMM_ALL_GATHER, v->ffn_gpus, ffn) +
                  comm_us(l, COMM_REDUCE_SCATTER, v->ffn_gpus, ffn) +
                  comm_us(l, COMM_ALL_GATHER, v->attn_gpus, attn);
    *reduce *= v->layers;
}

static double piece_us(const struct roofline *v, const struct cost_piece *p)
{
    double c = p->chunk, kv = p->kv;

    return 4 * c * (kv + c / 2) * v->q_width * v->layers / (1e6 * v->g.attention_tflops) +
           kv * v->kv_bytes / (1e3 * v->g.read_gbs);
}

static int roofline_us(const void *model, const struct cost_shape *s, double *us,
                       struct cost_parts *parts, struct err *e)
{
    const struct roofline *v = model;
    double all = s->stage_tokens ? s->stage_tokens : s->tokens * v->attn_copies;
    double linear = linear_us(v, s->tokens, all), prompts = 0, step = v->g.step_us / v->stages;
    double decodes = (double)s->kv_sum * v->kv_bytes / (1e3 * v->g.read_gbs);
    double reduce, all_to_all, send = 0;

    (void)e;
    sends_us(v, s->tokens, all, &reduce, &all_to_all);
    if (v->stages > 1)
        send = comm_us(&v->links, COMM_SEND, v->stages * v->gpus,
                       s->tokens * v->m.dim * v->m.bytes);
    for (uint32_t i = 0; i < s->n_pieces; i++)
        prompts += piece_us(v, &s->pieces[i]);
    *us = step + linear + reduce + all_to_all + send + decodes + prompts;
    cost_part(parts, "linear", linear);
    cost_part(parts, "attn_decode", decodes);
    cost_part(parts, "attn_prefill", prompts);
    cost_part(parts, "all_reduce", reduce);
    if (v->split) {
        cost_part(parts, "all_to_all", all_to_all);
        cost_part(parts, "send", send);
    }
    cost_part(parts, "constant", step);
    return 0;
}

/* The first stage has the embedding and the last the head, which may be the same. */
static double embeddings(const struct roofline *v)
{
    double all = v->m.dim * v->m.vocab / v->gpus;

    return v->stages > 1 || v->m.tied > 0 ? all : 2 * all;
}

static void memory(const void *model, struct cost_memory *m)
{
    const struct roofline *v = model;

    m->gpu_bytes = v->g.memory_gib * 0x1p30;
    m->parameter_bytes = (v->attn + v->ffn + embeddings(v)) * v->m.bytes;
    m->kv_bytes = v->kv_bytes;
    m->layers = v->layers;
    m->kv_heads = ceil(v->m.kv_heads / v->attn_gpus);
    m->head_dim = v->m.head_dim;
}

const struct cost_kind cost_roofline = {"roofline", roofline_us, memory, close_roofline};
