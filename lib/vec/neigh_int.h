/* neigh_int.h - DiskANN's truth, byte by byte, and lines of text. Inside this domain only.
 *
 *   0  4  queries      4  4  k      8  4 * queries * k  ids (absent: 2^32 - 1), then as many f32
 */
#ifndef VEC_NEIGH_INT_H
#define VEC_NEIGH_INT_H

#include "base/stream.h"
#include "vec/neigh.h"

enum { TRUTH_HEAD = 8 };
#define TRUTH_NONE UINT32_MAX

/* neigh_text.c: a line. */
struct neigh_entry {
    uint64_t query, rank, id;
    float score;
    bool has_score;
};

/* The next line that is no comment: 1; 0 at the end. */
int neigh_entry_next(struct lines *in, bool json, struct names *names, struct neigh_entry *x,
                     struct err *e);
/* ERR_INPUT, with file and line before the sentence in *e. */
int neigh_entry_bad(const struct lines *in, struct err *e);

#endif
