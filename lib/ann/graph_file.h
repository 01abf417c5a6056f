/* graph_file.h - a graph in a file: sections ENTR (u32 [entries]: rows that walks begin at), CODE
 * (rows of cells) and LINK ([rows][degree] links of `width` bytes). */
#ifndef ANN_GRAPH_FILE_H
#define ANN_GRAPH_FILE_H

#include "ann/graph.h"
#include "base/sect.h"

/* What is kept of a graph that was made: its cells may be others than it was made with. */
struct graph_kept {
    const uint8_t *cells;
    size_t stride;
    uint64_t rows;
    unsigned width;
};

int graph_put(struct sect_writer *w, const struct graph *g, const struct graph_made *m,
              const struct graph_kept *kept, struct err *e);
/* Sets entries, cells and links; all else is there, and is checked as META's. */
int graph_open(struct graph *g, const struct sect_file *f, struct err *e);
/* Every link and entry is to a row that is not deleted, and all of those are reached. */
int graph_check(const struct graph *g, const struct sect_file *f, struct err *e);

#endif
