/* graph_suit.h - entries and links for queries that are like those of a sample. */
#ifndef ANN_GRAPH_SUIT_H
#define ANN_GRAPH_SUIT_H

#include "ann/form.h"
#include "ann/graph.h"

struct graph_sample {
    const struct form *form;
    const float *x; /* [n][form->dim], finite */
    uint64_t n;
    uint32_t beam;
    int threads;
};

/* g: m's links, of 4 bytes, with the cells of the form. More links may be m's, and more entries
 * m's and g's; rows may have become out of reach. */
int graph_suit(struct graph_made *m, struct graph *g, const struct graph_sample *s, struct err *e);
/* Bytes that it takes. */
uint64_t graph_suit_bytes(uint64_t rows, uint64_t queries);

#endif
