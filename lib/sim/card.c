/* card.c - cards by name or file. */
#include <math.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "sim/card_int.h"

/* A member, and where it goes. */
struct member {
    const char *name;
    size_t at;
    bool needed;
};

static const struct member model_members[] = {
    {"layers", offsetof(struct model_card, layers), true},
    {"dim", offsetof(struct model_card, dim), true},
    {"ffn", offsetof(struct model_card, ffn), true},
    {"q_heads", offsetof(struct model_card, q_heads), true},
    {"kv_heads", offsetof(struct model_card, kv_heads), true},
    {"head_dim", offsetof(struct model_card, head_dim), true},
    {"vocab", offsetof(struct model_card, vocab), true},
    {"gated", offsetof(struct model_card, gated), false},
    {"tied", offsetof(struct model_card, tied), false},
    {"bytes", offsetof(struct model_card, bytes), false},
    {"max_tokens", offsetof(struct model_card, max_tokens), false},
    {"experts", offsetof(struct model_card, experts), false},
    {"active_experts", offsetof(struct model_card, active_experts), false},
};

static const struct member gpu_members[] = {
    {"memory_gib", offsetof(struct gpu_card, memory_gib), true},
    {"read_gbs", offsetof(struct gpu_card, read_gbs), true},
    {"tflops", offsetof(struct gpu_card, tflops), true},
    {"attention_tflops", offsetof(struct gpu_card, attention_tflops), false},
    {"link_gbs", offsetof(struct gpu_card, link_gbs), false},
    {"link_us", offsetof(struct gpu_card, link_us), false},
    {"step_us", offsetof(struct gpu_card, step_us), false},
    {"node_gbs", offsetof(struct gpu_card, node_gbs), false},
    {"node_us", offsetof(struct gpu_card, node_us), false},
    {"idle_w", offsetof(struct gpu_card, idle_w), false},
    {"busy_w", offsetof(struct gpu_card, busy_w), false},
    {"hour_price", offsetof(struct gpu_card, hour_price), false},
};

#define N(a) (a), sizeof(a) / sizeof *(a)

/* The name, and its part behind the last '/'. */
static bool same_name(const char *card, const char *name)
{
    const char *tail = strrchr(name, '/');

    return strcasecmp(card, name) == 0 || (tail && strcasecmp(card, tail + 1) == 0);
}

static int take(void *card, const struct member *m, size_t n, const struct json *root,
                const char *path, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        const struct json *v = json_get(root, m[i].name);
        double x = 0;

        if (!v && !m[i].needed)
            continue;
        if (!json_double(v, &x) || x < 0 || (m[i].needed && x == 0))
            return err_set(e, ERR_INPUT, "%s: '%s' is no number above 0, or missing", path,
                           m[i].name);
        memcpy((char *)card + m[i].at, &x, sizeof x);
    }
    return 0;
}

static int load(void *card, char *name, const struct member *m, size_t n, const char *path,
                const char *what, struct err *e)
{
    struct json *root = NULL;
    const char *p;
    size_t len;
    int rc = json_load(&root, path, e);

    if (rc == ERR_IO)
        return err_set(e, ERR_IO, "'%s' is no %s that comes with the tools, and no file", path,
                       what);
    if (rc == 0)
        rc = take(card, m, n, root, path, e);
    if (rc == 0 && json_text(json_get(root, "name"), &p, &len)) {
        for (size_t i = 0; rc == 0 && i < len; i++)
            if ((unsigned char)p[i] < ' ') /* tables have it in a line */
                rc = err_set(e, ERR_INPUT, "%s: a 'name' has no control characters", path);
        len = len < CARD_NAME_MOST ? len : CARD_NAME_MOST - 1;
        memcpy(name, p, len);
        name[len] = '\0';
    }
    json_free(root);
    return rc;
}

int card_model(struct model_card *m, const char *name, struct err *e)
{
    for (size_t i = 0; i < card_models_n; i++)
        if (same_name(card_models[i].name, name)) {
            *m = card_models[i];
            return 0;
        }
    *m = (struct model_card){.gated = 1, .bytes = 2};
    if (load(m, m->name, N(model_members), name, "model", e) < 0)
        return e->code;
    if (m->experts > 0 ? m->active_experts < 1 || m->active_experts > m->experts
                       : m->active_experts > 0)
        return err_set(e, ERR_INPUT, "%s: 'active_experts' is 1 to 'experts'", name);
    return 0;
}

int card_gpu(struct gpu_card *g, const char *name, struct err *e)
{
    for (size_t i = 0; i < card_gpus_n; i++)
        if (same_name(card_gpus[i].name, name)) {
            *g = card_gpus[i];
            return 0;
        }
    *g = (struct gpu_card){.step_us = 0};
    if (load(g, g->name, N(gpu_members), name, "GPU", e) < 0)
        return e->code;
    g->attention_tflops = g->attention_tflops > 0 ? g->attention_tflops : g->tflops;
    return 0;
}

const struct model_card *card_model_at(size_t i)
{
    return i < card_models_n ? &card_models[i] : NULL;
}

const struct gpu_card *card_gpu_at(size_t i)
{
    return i < card_gpus_n ? &card_gpus[i] : NULL;
}

double card_experts(const struct model_card *m)
{
    return m->experts > 0 ? m->experts : 1;
}

double card_experts_met(const struct model_card *m, double tokens)
{
    return m->experts > 0 ? m->experts * (1 - pow(1 - m->active_experts / m->experts, tokens)) : 1;
}

double card_ffn_parameters(const struct model_card *m)
{
    return (m->gated > 0 ? 3 : 2) * m->dim * m->ffn;
}

static double layer_parameters(const struct model_card *m)
{
    double q = m->q_heads * m->head_dim, kv = m->kv_heads * m->head_dim;

    return m->layers * (m->dim * (2 * q + 2 * kv) + card_experts(m) * card_ffn_parameters(m));
}

double card_parameters(const struct model_card *m)
{
    return layer_parameters(m) + (m->tied > 0 ? 1 : 2) * m->dim * m->vocab;
}

double card_active_parameters(const struct model_card *m)
{
    double idle = m->experts > 0 ? m->experts - m->active_experts : 0;

    return card_parameters(m) - m->layers * idle * card_ffn_parameters(m);
}

double card_kv_bytes(const struct model_card *m)
{
    return 2 * m->layers * m->kv_heads * m->head_dim * m->bytes;
}

size_t card_linear(const struct model_card *m, const struct gpu_card *g,
                   const struct card_point **points)
{
    for (size_t i = 0; i < card_pairs_n; i++)
        if (strcmp(card_pairs[i].model, m->name) == 0 && strcmp(card_pairs[i].gpu, g->name) == 0) {
            *points = card_pairs[i].point;
            return card_pairs[i].n;
        }
    return 0;
}

static const char *member_of(const struct member *m, const void *card, double *v)
{
    memcpy(v, (const char *)card + m->at, sizeof *v);
    return m->name;
}

size_t card_model_members(void)
{
    return sizeof model_members / sizeof *model_members;
}

size_t card_gpu_members(void)
{
    return sizeof gpu_members / sizeof *gpu_members;
}

const char *card_model_member(const void *model_card, size_t i, double *v)
{
    return member_of(&model_members[i], model_card, v);
}

const char *card_gpu_member(const void *gpu_card, size_t i, double *v)
{
    return member_of(&gpu_members[i], gpu_card, v);
}
