/* prefix_tree.h - all prompts in one compact prefix tree, whose edges are runs of atoms, and
 * BatchLLM's way to make one level of sharing of its many.
 *
 * A node stands for the text from the root to it; prompts that end there, and all below, begin with
 * that text. If each run is computed once, that is the most that sharing can save. An engine that
 * shares one prefix a request can have but the children of the root: prefix_tree_reuse_most() moves
 * nodes up to there, where what their requests share is worth more than the copy that each such
 * move takes of what stands above.
 *
 * Build    prompts are sorted by their atoms; what neighbours have in common gives the tree.
 * Cost     log n comparisons of atoms, 16 at a time, for each of n prompts; then linear. 76 bytes a
 *          prompt beside the prompts themselves, and 16 while it is built.
 * Source   BatchLLM, arXiv 2412.03594, section 4 (MaximizeReuse).
 */
#ifndef SIM_PREFIX_TREE_H
#define SIM_PREFIX_TREE_H

#include "sim/prompts.h"

#define PREFIX_NONE UINT32_MAX

struct prefix_node {
    uint64_t span;                   /* tokens of the run that leads here */
    uint32_t leaves;                 /* prompts here and below */
    uint32_t own, own_end;           /* order[own..own_end) end here */
    uint32_t parent, child, sibling; /* PREFIX_NONE: there is none */
};

struct prefix_tree {
    const struct prompts *prompts;
    uint32_t *order;          /* [prompts->n], sorted */
    struct prefix_node *node; /* [nodes]; 0 is the root, of no text */
    uint32_t nodes;
    uint32_t *post; /* [nodes]: each after all that are below it */
};

int prefix_tree_make(struct prefix_tree *t, const struct prompts *p, struct err *e);
void prefix_tree_free(struct prefix_tree *t); /* {0} is fine */

/* Tokens of atoms that order[i] and order[j] begin with, both; all in between do, too. */
uint64_t prefix_tree_shared(const struct prefix_tree *t, uint32_t i, uint32_t j);

/* Tokens that need not be computed: if each run is computed once; if each child of the root is. */
uint64_t prefix_tree_saves_all(const struct prefix_tree *t);
uint64_t prefix_tree_saves_first(const struct prefix_tree *t);

/* MaximizeReuse(root). After it a node that has lost all its prompts stays, with no leaves. */
void prefix_tree_reuse_most(struct prefix_tree *t);

#endif
