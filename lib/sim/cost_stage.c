/* cost_stage.c - one stage of a pipeline whose layers a table was measured of: its share of the
 * table's time, and sending to the next stage what the GPUs' links carry. A table knows no copies
 * of cells, and is of one number of GPUs.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "sim/comm.h"
#include "sim/cost_int.h"

struct stage {
    struct cost table;
    struct comm_links links;
    double stages, gpus;
    double token_bytes;
};

static void close_stage(void *model)
{
    struct stage *v = model;

    if (v)
        v->table.kind->close(v->table.model);
    free(v);
}

bool cost_fits(const struct cost_memory *table, const struct model_card *m,
               const struct cost_split *s)
{
    return s->attn_copies == 1 && s->ffn_copies == 1 && !s->by_experts && table->tp == s->gpus &&
           table->dim == m->dim && table->layers == m->layers && table->head_dim == m->head_dim &&
           m->experts == 0;
}

int cost_stage_wrap(struct cost *c, const char *path, const struct cost_opts *o, struct err *e)
{
    struct stage *v = mem_zero(1, sizeof *v, e);
    struct model_card m;
    struct gpu_card g;
    struct cost_memory memory;

    if (!v)
        return e->code;
    v->table = *c;
    *c = (struct cost){.kind = &cost_stage, .model = v};
    if (card_model(&m, o->model, e) < 0 || card_gpu(&g, o->gpu, e) < 0)
        return e->code;
    cost_memory(&v->table, &memory);
    if (!cost_fits(&memory, &m, o->split))
        return err_set(e, ERR_USAGE, "%s is not of %s on %u GPUs", path, m.name, o->split->gpus);
    v->stages = o->split->stages;
    v->gpus = o->split->gpus;
    v->token_bytes = m.dim * m.bytes;
    return comm_links_of(&v->links, &g, o, v->stages * v->gpus, e);
}

static int stage_us(const void *model, const struct cost_shape *s, double *us,
                    struct cost_parts *parts, struct err *e)
{
    const struct stage *v = model;
    double send = v->stages > 1 ? comm_us(&v->links, COMM_SEND, v->stages * v->gpus,
                                          s->tokens * v->token_bytes)
                                : 0;

    if (v->table.kind->us(v->table.model, s, us, parts, e) < 0)
        return e->code;
    for (size_t i = 0; parts && i < parts->n; i++)
        parts->v[i].us /= v->stages;
    cost_part(parts, "send", send);
    *us = *us / v->stages + send;
    return 0;
}

static void memory(const void *model, struct cost_memory *m)
{
    const struct stage *v = model;

    v->table.kind->memory(v->table.model, m);
    m->parameter_bytes /= v->stages;
    m->kv_bytes /= v->stages;
    m->layers /= v->stages;
}

const struct cost_kind cost_stage = {"stage", stage_us, memory, close_stage};
