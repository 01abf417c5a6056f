/* graph_int.h - what makes a graph (graph_build.c) and what changes one (graph_update.c) share. */
#ifndef ANN_GRAPH_INT_H
#define ANN_GRAPH_INT_H

#include "ann/graph.h"

enum { GRAPH_SEED = 1 };

/* What a thread needs. */
struct hand {
    struct graph_walker w;
    struct cells_query q;
    int8_t *room;   /* [stride] of the row at hand, [stride] of a chosen one */
    uint64_t *cand; /* [cand_cap] */
    float *d;       /* the same: of the row at hand and the candidate */
    uint32_t *id;
    float *key;
    uint32_t *chosen; /* [GRAPH_DEGREE_MAX] */
};

struct builder {
    struct graph *g;
    const struct graph_opts *o;
    uint32_t *link; /* [rows][wide] */
    uint32_t wide;
    uint32_t *order;         /* rows as they are inserted */
    uint64_t *back, *sorted; /* (to, from) of a batch */
    uint64_t *group;         /* where another `to` begins */
    size_t cand_cap;
    double alpha2;
    int threads;
    struct hand *hand; /* [threads] */
};

/* Room for all that is above, cand_cap at least `most`; walks go through b->link from now on. */
int graph_builder_init(struct builder *b, struct graph *g, const struct graph_opts *o, size_t most,
                       struct err *e);
void graph_builder_free(struct builder *b);

/* The links of a row are these, at most b->wide. */
void graph_put_links(const struct builder *b, uint32_t row, const uint32_t *to, uint32_t n);
uint32_t graph_count_links(const struct builder *b, uint32_t row);
/* Those of n rows in h->id that the rule chooses, of the `nearest` ones. */
void graph_link_anew(const struct builder *b, struct hand *h, uint32_t row, size_t n,
                     size_t nearest);
/* Puts rows [from, n) of b->order into the graph, where walks begin at its entries. Batches are as
 * large as all before them in b->order, whatever else is in the graph: new rows may be near to none
 * but each other, and those of one batch do not meet. */
void graph_insert(struct builder *b, uint64_t from, uint64_t n);
/* The row nearest to the mean of all that are not dead. */
int graph_middle(const struct graph *g, uint32_t *middle, struct err *e);
/* Entries as many as suit the graph: those that are missing from rows [from, n) of b->order. */
void graph_fill_entries(const struct builder *b, struct graph_made *m, uint64_t from, uint64_t n);
/* What is more than a row's degree is dropped, and the links are m's; rows that no walk reaches are
 * linked to. */
int graph_finish(struct builder *b, struct graph_made *m, struct err *e);

#endif
