/* fit_table.c - a fitted model as a table of cost_vidur.c. Every term is linear between the places
 * that are written, but for the squares of chunks, whose places are close enough that the lines
 * between them are a thousandth off.
 */
#include "sim/fit.h"

#include <math.h>

#include "sim/card.h"

/* From one chunk to the next, at most. */
#define CHUNK_STEP 1.06

/* Keys of the table. Times are of one layer, so they are divided by how many there are. */
static int put_keys(const struct fit *f, const struct model_card *m, const struct gpu_card *g,
                    double tp, struct buf *out, struct err *e)
{
    double layers = m ? m->layers : 1;

    if (buf_printf(
            out, e,
            "# fitted_steps=%zu\n# num_layers=%.0f\n# num_q_heads=%.0f\n# num_kv_heads=%.0f\n"
            "# token_rounding=1\n# kv_rounding=%.0f\n",
            f->n, layers, m ? ceil(m->q_heads / tp) : 1, m ? ceil(m->kv_heads / tp) : 1,
            f->kv_rounding) < 0)
        return e->code;
    if (m && buf_printf(out, e,
                        "# model=%s\n# embedding_dim=%.0f\n# head_dim=%.0f\n"
                        "# params_per_gpu=%.0f\n# kv_bytes_per_token_per_gpu=%.0f\n",
                        m->name, m->dim, m->head_dim, card_parameters(m) * m->bytes / 2 / tp,
                        card_kv_bytes(m) / tp) < 0)
        return e->code;
    if (g && buf_printf(out, e, "# gpu=%s\n# gpu_mem_gib=%.9g\n", g->name, g->memory_gib) < 0)
        return e->code;
    return buf_adds(out, "op,a,b,us\n", e);
}

static int put_row(struct buf *out, const char *op, double a, double b, double us, struct err *e)
{
    return buf_printf(out, e, "%s,%.0f,%.0f,%.12g\n", op, a, b, us);
}

static int put_linear(const struct fit *f, double layers, struct buf *out, struct err *e)
{
    double us = f->us[FIT_STEP], last = 0;

    if (f->knee[0] > 1 && put_row(out, "linear", 1, 0, (us + f->token_us[0]) / layers, e) < 0)
        return e->code;
    for (size_t i = 0; i < f->knees; i++) {
        us += f->token_us[i] * (f->knee[i] - last);
        last = f->knee[i];
        if (put_row(out, "linear", last, 0, us / layers, e) < 0)
            return e->code;
    }
    return 0;
}

static int put_decodes(const struct fit *f, double layers, struct buf *out, struct err *e)
{
    double decodes[] = {1, f->most_decodes}, kv[] = {0, f->most_kv};

    for (int i = 0; i < 1 + (f->most_decodes > 1); i++)
        for (int k = 0; k < 1 + (f->most_kv > 0); k++)
            if (put_row(out, "attn_decode", decodes[i], kv[k],
                        decodes[i] * (f->us[FIT_DECODE] + kv[k] * f->us[FIT_CONTEXT]) / layers,
                        e) < 0)
                return e->code;
    return 0;
}

static int put_chunk(const struct fit *f, double chunk, double layers, struct buf *out,
                     struct err *e)
{
    double before[] = {0, f->most_before};

    for (int i = 0; i < 1 + (f->most_before > 0); i++)
        if (put_row(out, "attn_prefill", chunk, before[i],
                    (f->us[FIT_PROMPT] + chunk * chunk * f->us[FIT_SQUARE] +
                     before[i] * (f->us[FIT_READ] + chunk * f->us[FIT_BEFORE])) /
                        layers,
                    e) < 0)
            return e->code;
    return 0;
}

static int put_chunks(const struct fit *f, double layers, struct buf *out, struct err *e)
{
    double most = fmax(f->most_chunk, f->most_tokens);

    for (double chunk = 1; chunk < most; chunk = fmax(chunk + 1, floor(chunk * CHUNK_STEP)))
        if (put_chunk(f, chunk, layers, out, e) < 0)
            return e->code;
    return put_chunk(f, most, layers, out, e);
}

int fit_table(const struct fit *f, const char *model, const char *gpu, double tp, struct buf *out,
              struct err *e)
{
    struct model_card m;
    struct gpu_card g;
    double layers;

    if ((model && card_model(&m, model, e) < 0) || (gpu && card_gpu(&g, gpu, e) < 0))
        return e->code;
    layers = model ? m.layers : 1;
    if (put_keys(f, model ? &m : NULL, gpu ? &g : NULL, tp > 1 ? tp : 1, out, e) < 0 ||
        put_linear(f, layers, out, e) < 0 || put_decodes(f, layers, out, e) < 0)
        return e->code;
    return put_chunks(f, layers, out, e);
}
