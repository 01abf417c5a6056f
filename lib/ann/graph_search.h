/* graph_search.h - the searcher of the kind "graph", as struct ann_kind wants it. */
#ifndef ANN_GRAPH_SEARCH_H
#define ANN_GRAPH_SEARCH_H

#include "ann/graph.h"
#include "ann/kind.h"

enum { GRAPH_SEARCH_BLOCK = 28 };

uint64_t graph_search_block(const struct ann *a, const struct ann_search_opts *o, uint64_t n);
int graph_searcher_new(void **searcher, const struct ann *a, const struct ann_search_opts *o,
                       uint64_t block, struct err *e);
void graph_search(void *searcher, const struct ann_queries *q);
void graph_search_count(const void *searcher, struct ann_search_stats *s);
void graph_searcher_free(void *searcher);

#endif
