/* gen_program.h - made-up programs: several requests that go on from each other, trace(5). What
 * arrives, and its prompt, is drawn by gen.h; each becomes a session.
 *
 *   parathink  ParaThinker (arXiv 2509.04475): a prompt K.x, paths K.p1 to K.pP that fork from it,
 *              of which so many win as the rule says, and K.s, which joins them. A path begins with
 *              its control token, the one that K.x gave, so that KV of a path is its tokens.
 *   sleep      Sleep-time compute (arXiv 2504.13171): a context arrives; K.z thinks about it in the
 *              background, if that is expected to pay; queries K.q0, K.q1 ... need fewer tokens if
 *              it has ended, and if they are such as were foreseen.
 *   prune      TIM (arXiv 2507.16784): a tree of tasks, of which the list of a task's parts is
 *              dropped once it is closed and `buffer` more have been: the next request, K.1, K.2
 *              ..., goes on with what is left, and computes anew what followed the list.
 *
 * The same options and seed give the same records everywhere.
 */
#ifndef SIM_GEN_PROGRAM_H
#define SIM_GEN_PROGRAM_H

#include "sim/gen.h"

#define PROGRAM_KINDS "parathink|sleep|prune"
enum program_kind { PROGRAM_PARATHINK, PROGRAM_SLEEP, PROGRAM_PRUNE };
#define PROGRAM_STOPS "last|half|first"
enum program_stop { STOP_LAST, STOP_HALF, STOP_FIRST };
#define PROGRAM_SUMMARIES "reuse|reprefill|none"
enum program_summary { SUMMARY_REUSE, SUMMARY_REPREFILL, SUMMARY_NONE };
#define PROGRAM_POLICIES "rho|always|never"
enum program_policy { POLICY_RHO, POLICY_ALWAYS, POLICY_NEVER };

struct program_opts {
    struct gen_opts gen; /* programs, and their prompts */
    int kind;
    /* parathink */
    uint64_t paths;
    struct dist path, answer; /* tokens */
    int stop, summary;
    /* sleep */
    struct dist queries, wait_s, question; /* of a context; before the first and between; tokens */
    uint64_t sleep, before, after;         /* tokens: of thinking; of an answer without, and with */
    double useful, weight; /* share of queries that are foreseen; of a token that is waited for */
    int policy;
    /* prune */
    uint64_t tasks, depth, fanout, thought, leaf, conclusion;
    uint64_t buffer; /* lists that are closed and kept; UINT64_MAX: nothing is dropped */
};

typedef int program_emit(void *ctx, const struct trace_record *rec, struct err *e);
int program_generate(const struct program_opts *o, program_emit *emit, void *ctx, struct err *e);

#endif
