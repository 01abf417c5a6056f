/* plan_plot.c - see plan_plot.h. */
#include "sim/plan_plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/chart.h"

struct point {
    double x, y;
    uint32_t i; /* place in the order */
};

enum plan_goal plan_other_goal(const struct plan_try *v, size_t n, enum plan_goal goal)
{
    if (goal != PLAN_LATENCY && goal != PLAN_SLO)
        return goal;
    for (size_t i = 0; i < n; i++)
        if (v[i].price > 0)
            return PLAN_COST;
    return PLAN_TIME;
}

static int by_x(const void *a, const void *b)
{
    const struct point *p = a, *q = b;

    if (p->x != q->x)
        return p->x < q->x ? -1 : 1;
    return p->y != q->y ? (p->y < q->y ? -1 : 1) : (p->i > q->i) - (p->i < q->i);
}

static struct point *points(const struct plan_try *v, const uint32_t *order, size_t n,
                            enum plan_goal goal, struct err *e)
{
    struct point *p = mem_array(n, sizeof *p, e);

    for (uint32_t i = 0; p && i < n; i++)
        p[i] = (struct point){plan_value(&v[order[i]], PLAN_LATENCY),
                              plan_value(&v[order[i]], goal), i};
    return p;
}

int plan_front(bool *front, const struct plan_try *v, const uint32_t *order, size_t n,
               enum plan_goal goal, struct err *e)
{
    struct point *p = points(v, order, n, plan_other_goal(v, n, goal), e);
    double least = INFINITY;

    if (!p)
        return e->code;
    qsort(p, n, sizeof *p, by_x);
    for (size_t i = 0; i < n; i++) {
        front[p[i].i] = p[i].y < least;
        least = fmin(least, p[i].y);
    }
    free(p);
    return 0;
}

/* ---- the picture ---- */

struct picture {
    struct chart_point *point; /* [2 n] */
    char (*tip)[2 * PLAN_NAME];
    struct chart_series *series;
    size_t used, n_series;
};

static void name_tips(const struct picture *g, const struct plan_try *v, const uint32_t *order,
                      size_t n)
{
    char name[PLAN_NAME];

    for (size_t i = 0; i < n; i++) {
        const struct plan_try *p = &v[order[i]];

        snprintf(g->tip[i], sizeof g->tip[i], "%.80s %s %s", p->cluster->name,
                 plan_name(&p->plan, name), sched_at((size_t)p->sched)->name);
    }
}

/* The points at `p` (in the order of x) that are of the cluster, or of the front. */
static void add_series(struct picture *g, const char *name, const struct plan_try *v,
                       const uint32_t *order, const struct point *p, size_t n,
                       const struct plan_cluster *of, const bool *front)
{
    size_t from = g->used;

    for (size_t i = 0; i < n; i++)
        if (of ? v[order[p[i].i]].cluster == of : front[p[i].i])
            g->point[g->used++] = (struct chart_point){p[i].x, p[i].y, g->tip[p[i].i]};
    g->series[g->n_series++] = (struct chart_series){name, &g->point[from], g->used - from};
}

/* Clusters in the order in which they were given. */
static void add_clusters(struct picture *g, const struct plan_try *v, const uint32_t *order,
                         const struct point *p, size_t n)
{
    const struct plan_cluster *last = NULL;

    for (;;) {
        const struct plan_cluster *next = NULL;

        for (size_t i = 0; i < n; i++) {
            const struct plan_cluster *c = v[order[i]].cluster;

            if ((!last || c > last) && (!next || c < next))
                next = c;
        }
        if (!next)
            return;
        add_series(g, next->name, v, order, p, n, next, NULL);
        last = next;
    }
}

int plan_draw(struct buf *out, const struct plan_try *v, const uint32_t *order, const bool *front,
              size_t n, enum plan_goal goal, struct err *e)
{
    static const char *const labels[] = {"seconds for the trace", "", "cost of the trace",
                                         "joules (estimate)",     "", "cost of an hour"};
    enum plan_goal other = plan_other_goal(v, n, goal);
    struct point *p = points(v, order, n, other, e);
    struct picture g = {.point = mem_array(2 * n, sizeof *g.point, e),
                        .tip = mem_array(n, sizeof *g.tip, e),
                        .series = mem_array(n + 1, sizeof *g.series, e)};
    int rc = p && g.point && g.tip && g.series ? 0 : e->code;

    if (rc == 0) {
        qsort(p, n, sizeof *p, by_x);
        name_tips(&g, v, order, n);
        add_series(&g, "none has less of both", v, order, p, n, NULL, front);
        add_clusters(&g, v, order, p, n);
        rc = chart_draw(&(struct chart){.title = "Plans",
                                        .x = {"mean seconds to the last token", CHART_LOG},
                                        .y = {labels[other], CHART_LOG},
                                        .series = g.series,
                                        .n = g.n_series,
                                        .lined = 1},
                        out, e);
    }
    free(p);
    free(g.point);
    free(g.tip);
    free(g.series);
    return rc;
}
