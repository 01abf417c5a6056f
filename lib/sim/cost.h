/* cost.h - how long one step of an engine takes: a batch's shape in, microseconds out.
 *
 * Kinds of model are files behind struct cost_kind: Vidur's tables (cost_vidur.c), the layer tables
 * of LLMServingSim (cost_layers.c), and what the cards say without a table (cost_roofline.c).
 *
 * Errors   ERR_INPUT for bad tables, with file and line; ERR_USAGE for a batch beyond what was
 *          measured, unless extrapolating was asked for.
 * Threads  an open model is immutable: share it.
 */
#ifndef SIM_COST_H
#define SIM_COST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* A part of a prompt: `chunk` tokens after the `kv` whose keys and values are there. */
struct cost_piece {
    uint32_t chunk, kv;
};

/* A batch. Requests that are past their prompt compute one token each. */
struct cost_shape {
    uint32_t decodes;
    uint64_t kv_sum; /* of their context, the token under way counted */
    uint32_t kv_max, kv_min;
    const struct cost_piece *pieces;
    uint32_t n_pieces;
    uint32_t tokens; /* of all: decodes and chunks */
    /* Where several copies of the attention share their feed-forwards (cost_split): the tokens of
     * all of them; 0: as many as these for each copy. */
    uint32_t stage_tokens;
};

/* Where the time goes. */
enum { COST_PARTS_MOST = 32 };
struct cost_part {
    const char *name;
    double us;
};
struct cost_parts {
    struct cost_part v[COST_PARTS_MOST];
    size_t n;
};

struct cost;

/* How GPUs share a model: its layers over stages, each of so many GPUs. Those of a stage hold so
 * many copies of the attention, each over its part of them by heads, and so many of the
 * feed-forward, over its part by columns; of a mixture also by experts, each whole on a GPU. One
 * number of copies is 1. */
struct cost_split {
    uint32_t stages, gpus; /* gpus: of a stage */
    uint32_t attn_copies, ffn_copies;
    bool by_experts;
    uint32_t node_gpus; /* of a machine, numbered one after the other */
};

static inline uint32_t split_attn_gpus(const struct cost_split *s) /* of a copy */
{
    return s->gpus / s->attn_copies;
}
static inline uint32_t split_ffn_gpus(const struct cost_split *s)
{
    return s->gpus / s->ffn_copies;
}

struct cost_opts {
    const char *model; /* a card's name or file, where the tables are of a layer; NULL: theirs */
    bool extrapolate;
    const char *gpu;          /* the same, for roofline */
    double tp;                /* GPUs that share a model, for roofline; 0: 1 */
    double link_gbs, link_us; /* all-reduce, where a table has none: bytes a ns, and its latency */
    double node_gbs, node_us; /* the same between machines, for `split` */
    /* Times are of one of its stages, and a stage's sending to the next is in them; a GPU's share
     * is that of the fullest. NULL: tp GPUs that share all evenly. */
    const struct cost_split *split;
};

/* What the model's memory is, as far as the table says; 0: it does not. */
struct cost_memory {
    double gpu_bytes;
    double parameter_bytes;            /* of a GPU */
    double kv_bytes;                   /* of a token, of a GPU */
    double layers, kv_heads, head_dim; /* of a GPU's share */
    double most_requests, most_tokens; /* of a step, that were measured */
    double tp, dim;                    /* of a table: GPUs that share the model, and its width */
};

/* path: a table, a folder of layer tables, or "roofline". With `split` a table must be of its GPUs
 * of a stage: ERR_USAGE. */
int cost_open(struct cost **out, const char *path, const struct cost_opts *o, struct err *e);
void cost_close(struct cost *c); /* NULL is fine */

void cost_memory(const struct cost *c, struct cost_memory *m);
/* Is a table with this memory of the model, shared as the split has it but for its stages? */
struct model_card;
bool cost_fits(const struct cost_memory *table, const struct model_card *m,
               const struct cost_split *s);
/* *us: of the whole step. parts: NULL, or filled. */
int cost_us(const struct cost *c, const struct cost_shape *s, double *us, struct cost_parts *parts,
            struct err *e);

#endif
