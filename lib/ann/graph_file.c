/* graph_file.c - see graph_file.h. */
#include "ann/graph_file.h"

/* Links in the bytes that they need. */
static int put_links(struct sect_writer *w, const struct graph *g, const struct graph_made *m,
                     const struct graph_kept *kept, struct err *e)
{
    uint8_t bytes[GRAPH_DEGREE_MAX * sizeof(uint32_t)];

    if (sect_begin(w, "LINK", SECT_REQUIRED, e) < 0)
        return e->code;
    for (uint64_t row = 0; row < kept->rows; row++) {
        const uint32_t *link = m->link + row * g->degree;

        for (uint32_t i = 0; i < g->degree; i++)
            row_write(bytes + i * kept->width, kept->width, link[i]);
        if (sect_add(w, bytes, (size_t)g->degree * kept->width, e) < 0)
            return e->code;
    }
    return sect_end(w, e);
}

int graph_put(struct sect_writer *w, const struct graph *g, const struct graph_made *m,
              const struct graph_kept *kept, struct err *e)
{
    if (sect_put(w, "ENTR", SECT_REQUIRED, m->entry, g->n_entries * sizeof(uint32_t), e) < 0 ||
        sect_put(w, "CODE", SECT_REQUIRED, kept->cells, kept->rows * kept->stride, e) < 0)
        return e->code;
    return put_links(w, g, m, kept, e);
}

int graph_open(struct graph *g, const struct sect_file *f, struct err *e)
{
    const void *code, *link, *entries;

    if (g->rows > GRAPH_ROWS_MAX || g->degree < 1 || g->degree > GRAPH_DEGREE_MAX ||
        g->width != row_width(g->rows) || g->n_entries > GRAPH_ENTRIES_MAX ||
        (g->n_entries == 0) != (g->live == 0))
        return sect_bad(f, "META", "its numbers contradict each other", e);
    if (sect_need(f, "ENTR", g->n_entries, sizeof(uint32_t), &entries, e) < 0 ||
        sect_need(f, "CODE", g->rows, g->stride, &code, e) < 0 ||
        sect_need(f, "LINK", g->rows, (uint64_t)g->degree * g->width, &link, e) < 0)
        return e->code;
    g->entries = entries;
    g->cells = code;
    g->links = link;
    for (uint32_t i = 0; i < g->n_entries; i++)
        if (g->entries[i] >= g->rows)
            return sect_bad(f, "ENTR", "a walk begins at no row", e);
    return 0;
}

static int check_row(const struct graph *g, const struct sect_file *f, uint64_t row, struct err *e)
{
    for (uint32_t i = 0; i < g->degree; i++) {
        uint32_t to = row_read(g->links + (row * g->degree + i) * g->width, g->width);

        if (to >= g->rows)
            return sect_bad(f, "LINK", "a link leads to no row", e);
        if (to != row && (graph_is_dead(g, row) || graph_is_dead(g, to)))
            return sect_bad(f, "LINK", "a deleted row is linked", e);
    }
    return 0;
}

int graph_check(const struct graph *g, const struct sect_file *f, struct err *e)
{
    uint64_t reached;

    for (uint64_t row = 0; row < g->rows; row++)
        if (check_row(g, f, row, e) < 0)
            return e->code;
    for (uint32_t i = 0; i < g->n_entries; i++)
        if (graph_is_dead(g, g->entries[i]))
            return sect_bad(f, "ENTR", "a walk begins at a deleted row", e);
    if (graph_reach(g, &reached, e) < 0)
        return e->code;
    if (reached < g->live)
        return sect_bad(f, "LINK", "there are rows that no walk reaches", e);
    return 0;
}
