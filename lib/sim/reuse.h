/* reuse.h - how many blocks of prompts a prefix cache would have had, for every size of cache in
 * one pass (Mattson et al. 1970: of an LRU cache, what a smaller one has a larger one has too).
 *
 * Rule     requests in order; their hashes in order: one that is there moves to the front, and is a
 *          hit only while no earlier hash of the request missed; one that is not is put in, and the
 *          oldest goes at once.
 * Cost     log of the number of different hashes for each; 24 bytes for each of them.
 */
#ifndef SIM_REUSE_H
#define SIM_REUSE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct reuse;

int reuse_new(struct reuse **out, struct err *e);
/* The hashes of one request. */
int reuse_add(struct reuse *r, const uint64_t *hashes, size_t n, struct err *e);
uint64_t reuse_asked(const struct reuse *r);  /* hashes in all */
uint64_t reuse_unique(const struct reuse *r); /* that differ: a larger cache is of no use */
/* Hits of a cache of so many blocks. */
uint64_t reuse_hits(const struct reuse *r, uint64_t blocks);
void reuse_free(struct reuse *r); /* NULL is fine */

#endif
