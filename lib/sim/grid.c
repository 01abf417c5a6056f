/* grid.c - see grid.h. */
#include "sim/grid.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sort.h"

int grid_add(struct grid *g, double x, double v, struct err *e)
{
    if (mem_reserve(&g->p, &g->cap, g->n + 1, sizeof *g->p, e) < 0)
        return e->code;
    g->p[g->n++] = (struct grid_point){x, v};
    return 0;
}

static int by_x(const void *a, const void *b)
{
    const struct grid_point *x = a, *y = b;

    return (x->x > y->x) - (x->x < y->x);
}

void grid_sort(struct grid *g)
{
    size_t n = 0;

    if (g->n > 0)
        qsort(g->p, g->n, sizeof *g->p, by_x);
    for (size_t i = 0, same; i < g->n; i += same) {
        double sum = 0;

        for (same = 0; i + same < g->n && g->p[i + same].x == g->p[i].x; same++)
            sum += g->p[i + same].v;
        g->p[n++] = (struct grid_point){g->p[i].x, sum / (double)same};
    }
    g->n = n;
}

static double between(double x0, double v0, double x1, double v1, double x)
{
    return v0 + (v1 - v0) * ((x - x0) / (x1 - x0));
}

double grid_at(const struct grid *g, double x)
{
    size_t i;

    if (g->n == 1 || x <= g->p[0].x)
        return g->p[0].v;
    i = sorted_from(g->p, sizeof *g->p, 1, g->n - 1, x);
    return between(g->p[i - 1].x, g->p[i - 1].v, g->p[i].x, g->p[i].v, x);
}

double grid_last(const struct grid *g)
{
    return g->n ? g->p[g->n - 1].x : 0;
}

void grid_free(struct grid *g)
{
    free(g->p);
    *g = (struct grid){0};
}

/* The row of y, made if it is new; rows are in order. */
static struct grid *row_of(struct grid2 *g, double y, struct err *e)
{
    size_t at = sorted_from(g->row, sizeof *g->row, 0, g->n, y);

    if (at < g->n && g->row[at].y == y)
        return &g->row[at].g;
    if (mem_reserve(&g->row, &g->cap, g->n + 1, sizeof *g->row, e) < 0)
        return NULL;
    memmove(g->row + at + 1, g->row + at, (g->n++ - at) * sizeof *g->row);
    g->row[at] = (struct grid_row){.y = y};
    return &g->row[at].g;
}

int grid2_add(struct grid2 *g, double y, double x, double v, struct err *e)
{
    struct grid *row = row_of(g, y, e);

    return row ? grid_add(row, x, v, e) : e->code;
}

void grid2_sort(struct grid2 *g)
{
    for (size_t i = 0; i < g->n; i++)
        grid_sort(&g->row[i].g);
}

static double row_at(const struct grid *g, double x, double x_most)
{
    return grid_at(g, x <= x_most && x > grid_last(g) ? grid_last(g) : x);
}

double grid2_at(const struct grid2 *g, double y, double x, double x_most)
{
    size_t i;

    if (g->n == 1 || y <= g->row[0].y)
        return row_at(&g->row[0].g, x, x_most);
    i = sorted_from(g->row, sizeof *g->row, 1, g->n - 1, y);
    if (g->row[i].y == y)
        return row_at(&g->row[i].g, x, x_most);
    return between(g->row[i - 1].y, row_at(&g->row[i - 1].g, x, x_most), g->row[i].y,
                   row_at(&g->row[i].g, x, x_most), y);
}

double grid2_widest(const struct grid2 *g)
{
    double most = 0;

    for (size_t i = 0; i < g->n; i++)
        most = grid_last(&g->row[i].g) > most ? grid_last(&g->row[i].g) : most;
    return most;
}

void grid2_free(struct grid2 *g)
{
    for (size_t i = 0; i < g->n; i++)
        grid_free(&g->row[i].g);
    free(g->row);
    *g = (struct grid2){0};
}
