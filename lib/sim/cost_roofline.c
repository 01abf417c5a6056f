/* cost_roofline.c - a step's time from what a model and a GPU are, without a table:
 *
 *   step_us + linear(n) + kv_sum x kv_bytes / read
 *           + sum over chunks (4 c (kv + c/2) q L / attention rate + kv x kv_bytes / read)
 *
 * n tokens, q the width of all query heads, L layers. linear(n) is what was measured of the pair,
 * where that comes with the cards; else the longer of reading the parameters and computing with
 * them, 2 n of them; the head, which only the last token of a request needs, among them. On tp GPUs
 * all of it is shared out, and each layer has two all-reduces, in each of which every GPU sends
 * 2 (tp - 1) / tp times the bytes of the result, as a ring does: over all of them NanoFlow's
 * 4 tp n d bytes a layer, but for what a GPU need not send itself. Source: papers' shared cost
 * model, and the network of NanoFlow's (arXiv 2408.12757, eq. 3).
 */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "sim/card.h"
#include "sim/cost_int.h"
#include "sim/grid.h"

struct roofline {
    struct model_card m;
    struct gpu_card g;
    double tp, link_gbs, link_us;
    struct grid linear; /* us by tokens, or nothing */
    double kv_bytes;    /* of a token, of a GPU */
    double parameters;  /* of a GPU, that every step reads */
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
    size_t n = v->tp > 1 ? 0 : card_linear(&v->m, &v->g, &p);

    for (size_t i = 0; i < n; i++)
        if (grid_add(&v->linear, p[i].tokens, 1e3 * p[i].ms, e) < 0)
            return e->code;
    return 0;
}

int cost_roofline_open(void **out, const struct cost_opts *o, struct err *e)
{
    struct roofline *v = *out = mem_zero(1, sizeof *v, e);

    if (!v)
        return e->code;
    if (!o->model || !o->gpu)
        return err_set(e, ERR_USAGE,
                       "roofline needs a model's card and a GPU's: '--model' and "
                       "'--gpu'");
    if (card_model(&v->m, o->model, e) < 0 || card_gpu(&v->g, o->gpu, e) < 0)
        return e->code;
    v->tp = o->tp > 1 ? o->tp : 1;
    v->link_gbs = o->link_gbs > 0 ? o->link_gbs : v->g.link_gbs;
    v->link_us = o->link_us > 0 ? o->link_us : v->g.link_us;
    if (v->tp > 1 && !(v->link_gbs > 0))
        return err_set(e, ERR_USAGE,
                       "the model is on %g GPUs: '--link-gbs' says what their link "
                       "carries",
                       v->tp);
    v->kv_bytes = card_kv_bytes(&v->m) / v->tp;
    v->parameters = (card_layer_parameters(&v->m) + v->m.dim * v->m.vocab) / v->tp;
    return take_points(v, e);
}

static double linear_us(const struct roofline *v, double tokens)
{
    double read, compute;

    if (v->linear.n > 0)
        return grid_at(&v->linear, tokens);
    read = v->parameters * v->m.bytes / (1e3 * v->g.read_gbs);
    compute = 2 * v->parameters * tokens / (1e6 * v->g.tflops);
    return fmax(read, compute);
}

static double reduce_us(const struct roofline *v, double tokens)
{
    double bytes = 2 * (v->tp - 1) / v->tp * tokens * v->m.dim * v->m.bytes;

    return v->tp > 1 ? 2 * v->m.layers * (bytes / (1e3 * v->link_gbs) + v->link_us) : 0;
}

static double piece_us(const struct roofline *v, const struct cost_piece *p)
{
    double c = p->chunk, kv = p->kv, q = v->m.q_heads * v->m.head_dim / v->tp;

    return 4 * c * (kv + c / 2) * q * v->m.layers / (1e6 * v->g.attention_tflops) +
           kv * v->kv_bytes / (1e3 * v->g.read_gbs);
}

static int roofline_us(const void *model, const struct cost_shape *s, double *us,
                       struct cost_parts *parts, struct err *e)
{
    const struct roofline *v = model;
    double linear = linear_us(v, s->tokens), reduce = reduce_us(v, s->tokens), prompts = 0;
    double decodes = (double)s->kv_sum * v->kv_bytes / (1e3 * v->g.read_gbs);

    (void)e;
    for (uint32_t i = 0; i < s->n_pieces; i++)
        prompts += piece_us(v, &s->pieces[i]);
    *us = v->g.step_us + linear + reduce + decodes + prompts;
    cost_part(parts, "linear", linear);
    cost_part(parts, "attn_decode", decodes);
    cost_part(parts, "attn_prefill", prompts);
    cost_part(parts, "all_reduce", reduce);
    cost_part(parts, "step", v->g.step_us);
    return 0;
}

static void memory(const void *model, struct cost_memory *m)
{
    const struct roofline *v = model;

    m->gpu_bytes = v->g.memory_gib * 0x1p30;
    m->parameter_bytes = card_parameters(&v->m) * v->m.bytes / v->tp;
    m->kv_bytes = v->kv_bytes;
    m->layers = v->m.layers;
    m->kv_heads = ceil(v->m.kv_heads / v->tp);
    m->head_dim = v->m.head_dim;
}

const struct cost_kind cost_roofline = {"roofline", roofline_us, memory, close_roofline};
