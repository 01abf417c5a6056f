/* steps.h - the steps of an engine as rows: what was in each, and how long it took. A replay writes
 * them, and they are read again to draw them, or to fit a cost model to (fit.h); what a real engine
 * measured is read as well.
 *
 * Written: TSV with a header line,
 *
 *   begin_ns end_ns tokens decodes kv_sum kv_min kv_max running waiting kv_blocks pieces
 *   transfer_ns replica
 *
 * pieces are the parts of prompts, "CHUNK@BEFORE CHUNK@BEFORE", or "-"; transfer_ns is what the
 * step waits for KV blocks to move; running, waiting and kv_blocks are how things stand at the
 * step's end, before any of its requests leaves.
 *
 * Read: TSV or CSV with a header line, or JSON Lines, told by the first line, with these fields in
 * any order, others left alone:
 *
 *   the time   ns, us, ms or s; or begin_ns and end_ns; less transfer_ns, which is no batch's
 *   the batch  batch, "DECODES:CONTEXT CHUNK@BEFORE" as trace-cost takes it; or decodes, with
 *              kv_sum or kv_mean, and pieces. In JSON decodes may be a list of contexts, and
 *              pieces a list of [chunk, before].
 *
 * Errors   ERR_INPUT names file and line.
 */
#ifndef SIM_STEPS_H
#define SIM_STEPS_H

#include "base/mem.h"
#include "base/out.h"
#include "sim/engine.h"

/* ---- out ---- */

struct steps_writer {
    struct out *out;
    struct buf pieces;
};

void steps_begin(struct steps_writer *w);
/* A step of r ends: before any of its requests leaves. */
int steps_write(struct steps_writer *w, const struct replica *r, struct err *e);

/* ---- in ---- */

enum step_field {
    STEP_BEGIN,
    STEP_END,
    STEP_NS,
    STEP_US,
    STEP_MS,
    STEP_S,
    STEP_BATCH,
    STEP_DECODES,
    STEP_KV_SUM,
    STEP_KV_MEAN,
    STEP_PIECES,
    STEP_RUNNING,
    STEP_WAITING,
    STEP_KV_BLOCKS,
    STEP_TRANSFER,
    STEP_FIELDS
};

struct step {
    unsigned has; /* bits: 1 << STEP_* */
    double begin_ns, end_ns, us;
    double decodes, kv_sum;
    const struct cost_piece *piece;
    size_t n_pieces;
    double prompt_tokens; /* of the pieces */
    double running, waiting, kv_blocks, transfer_ns;
};

/* Calls take for each row. needed: bits of the fields that each must have. A row has its time as
 * us, and its batch as decodes, kv_sum and pieces, whichever way they were written. */
int steps_read(const char *path, unsigned needed,
               int (*take)(void *ctx, const struct step *s, struct err *e), void *ctx,
               struct err *e);

/* A part of a batch in the form that trace-cost takes, DECODES:CONTEXT or CHUNK@BEFORE: two
 * numbers with `between` in the middle. False if it is not like that, or one is beyond 2^30. */
bool step_pair(const char *text, char between, uint64_t *a, uint64_t *b);

#endif
