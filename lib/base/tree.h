/* tree.h - one piece of work shared out to processes that start each other.
 *
 * Node 0 is the caller's process; node i starts nodes fan * i + 1 ... fan * i + fan, as far as
 * there are so many, and only then does its own part: all are started after log(nodes) rounds of
 * `fan`, where one process that starts all needs as many as there are (SQUASH, arXiv 2502.01528). A
 * node then takes what its children have found, in their order, and gives all of it to its parent.
 * As processes are forked they have what the caller has in memory; only what was found is sent.
 *
 *   through a pipe  0 8 i64 code    8 8 u64 bytes, of what was found (code 0) or of the sentence
 *                   (code < 0); then these
 *
 * A child that fails is an error here with its own sentence; one that dies is ERR_IO with its
 * number. The others are then killed. When a process of the tree dies its children are killed by
 * the kernel; none is left behind or waited for in vain, and all are reaped.
 *
 * A forked child must not use OpenMP, nor locks that other threads may have held.
 */
#ifndef BASE_TREE_H
#define BASE_TREE_H

#include "base/mem.h"

enum { TREE_CHILD = 1 /* what tree_run() returns in a child */ };

struct tree {
    uint32_t nodes, fan; /* with node 0; fan at least 1 */
    const char *what;    /* "list": messages count what nodes do from 0, node 1's first */
    void *ctx;
    int (*work)(void *ctx, uint32_t node, struct err *e); /* not of node 0 */
    /* What a child's part of the tree has found. ERR_CORRUPT: it cannot be. */
    int (*take)(void *ctx, const void *p, size_t len, struct err *e);
    int (*give)(void *ctx, struct buf *out, struct err *e);
};

/* 0: all is done and taken. TREE_CHILD: this process is a child that is done: the caller must
 * _exit(0) at once. */
int tree_run(const struct tree *t, struct err *e);

#endif
