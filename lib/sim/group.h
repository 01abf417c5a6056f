/* group.h - prompts in groups, each of which shares one prefix; and the order in which BatchLLM
 * runs them.
 *
 * The less a group has to compute, its prefix once and all that follows it, the sooner it goes: its
 * answers, which are taken to be equally long, come while others' prompts are still computed. Ties
 * go by the first request.
 *
 * File     JSON Lines, a group a line, in that order:
 *          {"group":0,"prefix":2000,"requests":2,"tokens":2400,"saving":2000,"members":["3","17"]}
 *          Reading needs `prefix` and `members`; the order of the lines does not matter.
 * Errors   ERR_INPUT naming file and line.
 * Source   BatchLLM, arXiv 2412.03594.
 */
#ifndef SIM_GROUP_H
#define SIM_GROUP_H

#include "sim/prefix_tree.h"

struct out;

struct group {
    uint32_t prefix;   /* tokens that all begin with */
    uint32_t n;        /* requests */
    uint32_t leader;   /* the first of them */
    uint64_t at;       /* they are member[at..at + n), in increasing order */
    uint64_t computed; /* tokens: the prefix, and what follows it in each */
};

struct groups {
    struct group *v;
    uint32_t n;
    uint32_t *member; /* requests of no group share nothing */
    size_t members;
    uint64_t saved; /* tokens that need not be computed */
};

/* The children of the root, as they are now, that have several requests: each with all that its
 * requests begin with. */
int groups_of_tree(struct groups *g, const struct prefix_tree *t, struct err *e);
/* What MaximizeReuse makes of the blocks that hashes stand for. */
int groups_of_trace(struct groups *g, const struct trace_set *t, struct err *e);
int groups_read(struct groups *g, const char *path, const struct trace_set *t, struct err *e);
void groups_write(struct out *o, const struct groups *g, const struct prompts *p);
void groups_free(struct groups *g); /* {0} is fine */

#endif
