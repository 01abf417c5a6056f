/* gen.h - made-up traces: arrivals, lengths, shared prefixes, sessions of several turns with tools
 * between. The same options and seed give the same records everywhere.
 *
 * A session's first turn arrives by the process; the others wait for the one before and a tool.
 * Each turn's prompt is all of the session so far, and more. Prompts' blocks have hashes where
 * prefixes are shared or sessions have turns.
 */
#ifndef SIM_GEN_H
#define SIM_GEN_H

#include "sim/dist.h"
#include "sim/load.h"

#define GEN_ARRIVALS "poisson|gamma|bursts|diurnal|even|none"
enum gen_arrivals { GEN_POISSON, GEN_GAMMA, GEN_BURSTS, GEN_DIURNAL, GEN_EVEN, GEN_NONE };

struct gen_opts {
    uint64_t sessions; /* or requests, of a turn each */
    enum gen_arrivals arrivals;
    double rate;            /* sessions a second, on average */
    double cv;              /* gamma: of the times between */
    double on_s, off_s;     /* bursts: mean lengths of times with and without arrivals */
    double period_s, swing; /* diurnal: rate x (1 + swing sin(2 pi t / period)), swing up to 1 */
    struct dist prompt, output;      /* of a turn: what is new */
    const struct trace_set *lengths; /* NULL, or where pairs of both are drawn from */
    struct dist turns, tool_s;
    uint64_t prefixes;  /* 0: none are shared */
    double prefix_zipf; /* how much more often the first are used */
    bool shared;        /* instead: of each so many sessions, in random order */
    struct dist sharing;
    bool in_order; /* those of a prefix one after the other */
    struct dist prefix_tokens;
    uint64_t common_tokens; /* that all prefixes begin with */
    uint64_t block;
    uint64_t seed;
};

/* A number of tokens: 1 to TRACE_TOKENS_MOST. */
uint64_t gen_tokens(const struct dist *d, uint64_t *seed);

struct gen;

int gen_new(struct gen **out, const struct gen_opts *o, struct err *e);
/* 1 and a record, 0 at the end. */
int gen_next(struct gen *g, struct trace_record *rec, struct err *e);
void gen_free(struct gen *g); /* NULL is fine */

#endif
