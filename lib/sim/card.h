/* card.h - what a model and a GPU are, as far as a replay needs to know.
 *
 * Common ones come with the tools (card_table.c); others are small JSON files with the members that
 * are named here: {"name":"my-model","layers":32,"dim":4096,...}. trace-cost prints any as such.
 *
 * Errors   ERR_INPUT names file and member.
 */
#ifndef SIM_CARD_H
#define SIM_CARD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { CARD_NAME_MOST = 64 };

struct model_card {
    char name[CARD_NAME_MOST];
    double layers, dim, ffn; /* ffn: the inner dimension */
    double q_heads, kv_heads, head_dim;
    double vocab;
    double gated;      /* 1: three matrices of the feed-forward, 0: two */
    double tied;       /* 1: the head is the embedding */
    double bytes;      /* of a parameter, and of a number of the KV cache */
    double max_tokens; /* of a prompt and its output */
    /* Of a mixture: its feed-forwards of a layer, and how many a token goes through; 0: it is none.
     * The router, a thousandth of one, is not counted. */
    double experts, active_experts;
};

struct gpu_card {
    char name[CARD_NAME_MOST];
    double memory_gib;
    double read_gbs; /* what kernels reach, GB/s */
    double tflops;   /* the same, dense 16-bit products */
    double attention_tflops;
    double link_gbs, link_us; /* between GPUs */
    double step_us;           /* of each step, whatever is in it */
    double node_gbs, node_us; /* of a GPU, between machines */
    /* For plans: what it draws when nothing runs and when something does, and what an hour of it
     * costs, in whatever money. 0: not known. */
    double idle_w, busy_w, hour_price;
};

/* A name that comes with the tools, whatever its case (the part behind a '/' is enough), or a file.
 */
int card_model(struct model_card *m, const char *name, struct err *e);
int card_gpu(struct gpu_card *g, const char *name, struct err *e);

/* Milliseconds of all linear layers by tokens, where they were measured for a pair: n points of
 * increasing tokens, or 0. */
struct card_point {
    double tokens, ms;
};
size_t card_linear(const struct model_card *m, const struct gpu_card *g,
                   const struct card_point **points);

/* All that come with the tools: NULL after the last. */
const struct model_card *card_model_at(size_t i);
const struct gpu_card *card_gpu_at(size_t i);

/* A card's numbers by name, as its JSON has them: member i, below card_*_members(). */
size_t card_model_members(void);
size_t card_gpu_members(void);
const char *card_model_member(const void *model_card, size_t i, double *v);
const char *card_gpu_member(const void *gpu_card, size_t i, double *v);

/* Feed-forwards of a layer; those of them that a batch of n tokens goes through, on average, where
 * all are as likely. */
double card_experts(const struct model_card *m);
double card_experts_met(const struct model_card *m, double tokens);
/* Of one of them. */
double card_ffn_parameters(const struct model_card *m);

/* Parameters in all, and those that a token is computed with. */
double card_parameters(const struct model_card *m);
double card_active_parameters(const struct model_card *m);
/* Bytes of a token's keys and values, all layers. */
double card_kv_bytes(const struct model_card *m);

#endif
