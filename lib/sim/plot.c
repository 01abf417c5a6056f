/* plot.c - see plot.h. A curve has some hundreds of points, however many requests there are. */
#include "sim/plot.h"

#include <math.h>
#include <stdlib.h>

#include "base/sort.h"

struct curve {
    struct chart_point p[PLOT_POINTS + 1];
    size_t n;
};

/* ---- shares ---- */

static double *values(struct plot_run *r, enum plot_what what, size_t *n)
{
    *n = what == PLOT_TPOT ? r->times.n_tpot : r->times.n;
    return what == PLOT_TTFT ? r->times.ttft : what == PLOT_TPOT ? r->times.tpot : r->times.e2e;
}

/* The place of point i of PLOT_POINTS among n sorted values: even, or ever closer to the end. */
static size_t place(size_t i, size_t n, bool tail)
{
    double share = (double)i / PLOT_POINTS;

    if (tail)
        share = 1 - pow(1.0 / (double)(n > 1 ? n : 2), share);
    return (size_t)(share * (double)(n - 1) + 0.5);
}

size_t plot_shares(struct chart_point *p, const double *v, size_t n, double unit, bool tail)
{
    size_t points = 0, last = SIZE_MAX;

    for (size_t i = 0; n > 0 && i <= PLOT_POINTS; i++) {
        size_t at = place(i, n, tail);

        if (at == last)
            continue;
        last = at;
        p[points++] = (struct chart_point){.x = unit * v[at], .y = (double)(at + 1) / (double)n};
    }
    return points;
}

static void share_curve(struct curve *c, struct plot_run *r, enum plot_what what, bool tail)
{
    size_t n;
    double *v = values(r, what, &n);

    if (n > 0)
        sort_doubles(v, n);
    c->n = plot_shares(c->p, v, n, 1e-9, tail);
}

/* ---- load ---- */

/* Requests in the system, as many points over the whole time. */
static int load_curve(struct curve *c, const struct plot_run *r, struct err *e)
{
    const struct times *t = &r->times;
    double *ends = mem_array(t->n, sizeof *ends, e), *came = mem_array(t->n, sizeof *came, e);
    size_t begun = 0, done = 0;

    if (ends && came) {
        for (size_t i = 0; i < t->n; i++) {
            came[i] = t->came[i];
            ends[i] = t->came[i] + t->e2e[i];
        }
        sort_doubles(came, t->n);
        sort_doubles(ends, t->n);
        for (c->n = 0; c->n <= PLOT_POINTS; c->n++) {
            double at = came[0] + (ends[t->n - 1] - came[0]) * (double)c->n / PLOT_POINTS;

            while (begun < t->n && came[begun] <= at)
                begun++;
            while (done < t->n && ends[done] <= at)
                done++;
            c->p[c->n] = (struct chart_point){.x = 1e-9 * (at - came[0]),
                                              .y = (double)(begun - done)};
        }
    }
    free(ends);
    free(came);
    return e->code;
}

int plot_draw(struct buf *out, enum plot_what what, struct plot_run *runs, size_t n, bool tail,
              struct err *e)
{
    static const char *const titles[] = {"Time to first token", "Time per output token",
                                         "Time to last token", "Requests in the system"};
    struct chart_axis x = {"seconds", what == PLOT_LOAD ? CHART_LINEAR : CHART_LOG};
    struct chart_axis y = {what == PLOT_LOAD ? "requests" : "share of requests",
                           tail && what != PLOT_LOAD ? CHART_NINES : CHART_LINEAR};
    struct curve *curves = mem_zero(n, sizeof *curves, e);
    struct chart_series *series = mem_zero(n, sizeof *series, e);
    int rc = curves && series ? 0 : e->code;

    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (what == PLOT_LOAD)
            rc = load_curve(&curves[i], &runs[i], e);
        else
            share_curve(&curves[i], &runs[i], what, tail);
        series[i] = (struct chart_series){runs[i].name, curves[i].p, curves[i].n};
    }
    if (rc == 0)
        rc = chart_draw(&(struct chart){.title = titles[what],
                                        .x = x,
                                        .y = y,
                                        .series = series,
                                        .n = n,
                                        .markers = PLOT_POINTS / 8},
                        out, e);
    free(curves);
    free(series);
    return rc;
}
