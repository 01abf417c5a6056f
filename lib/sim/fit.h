/* fit.h - a cost table from measured steps (steps.h): the model of cost_vidur.c with few unknowns,
 *
 *   T = step + linear(n) + d x decode + d x kv x context
 *            + prompt + q^2 x square + q b x before + b x read    where there are chunks
 *
 * of n tokens, d decodes of kv on average, and chunks of which q is the root of their squares' sum
 * and b what is before them.
 *
 * linear(n) is a line with knees, from point to point of powers of 2 and half-way between, as far
 * as measured steps lie between them. No unknown is below 0.
 *
 * Errors are relative: a step of 10 ms may be as far off in per cent as one of 100 ms. Steps that
 * are farther off than the others count less (Huber's weights, scale by the median), so that some
 * outliers bend nothing.
 *
 * What it is worth: each fifth of the steps, drawn by their numbers, is predicted by what was
 * fitted to the other four.
 *
 * Errors   ERR_INPUT, with a sentence: too few steps, no decodes or no chunks among them, or
 *          nothing that tells two parts of the model apart.
 * Memory   48 bytes a step, 8 a chunk.
 */
#ifndef SIM_FIT_H
#define SIM_FIT_H

#include "base/mem.h"
#include "sim/cost.h"
#include "sim/lsq.h"
#include "sim/metrics.h"
#include "sim/steps.h"

enum fit_term {
    FIT_STEP,
    FIT_CONTEXT, /* of decodes, a token */
    FIT_SQUARE,  /* of a chunk's tokens among themselves */
    FIT_DECODE,  /* a request; this and those below are 0 where nothing tells them apart */
    FIT_PROMPT,  /* a step with any chunk */
    FIT_BEFORE,  /* a chunk's tokens times those before it */
    FIT_READ,    /* tokens before a chunk */
    FIT_TERMS
};
extern const char *const fit_term_names[FIT_TERMS];

/* Of steps: decodes alone, chunks alone, both. */
enum fit_region { FIT_DECODES, FIT_CHUNKS, FIT_MIXED, FIT_ALL, FIT_REGIONS };
extern const char *const fit_region_names[FIT_REGIONS];

enum { FIT_KNEES_MOST = LSQ_MOST - FIT_TERMS };

struct fit {
    double us[FIT_TERMS];
    bool untold[FIT_TERMS];          /* nothing tells it from the others */
    double knee[FIT_KNEES_MOST];     /* tokens, increasing; the last is the most measured */
    double token_us[FIT_KNEES_MOST]; /* of a token from the knee before to this */
    size_t knees;
    size_t n, outliers; /* steps; those beyond five times the spread */
    double most_tokens, most_decodes, most_kv, most_chunk, most_before; /* that were measured */
    double kv_rounding;
    struct distribution error[FIT_REGIONS]; /* relative, of steps that were predicted from others */
};

int fit_steps(struct fit *f, const char *path, struct err *e);

/* Appends the table in the form that cost_vidur.c reads, as far as was measured; a chunk may be as
 * long as the longest step, and begin where the longest prompt ended, if any began behind tokens.
 * With what cards say of memory: model and gpu may be NULL. */
int fit_table(const struct fit *f, const char *model, const char *gpu, double tp, struct buf *out,
              struct err *e);

#endif
