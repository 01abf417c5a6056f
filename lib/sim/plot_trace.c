/* plot_trace.c - see plot_trace.h. */
#include "sim/plot_trace.h"

#include <math.h>
#include <stdlib.h>

#include "sim/plot.h"

enum { SLOTS = 120, CHARTS = 3, SIZES = 80 };

/* All that a picture's charts point to. */
struct points {
    struct chart_point arrival[SLOTS], prompt[PLOT_POINTS + 1], output[PLOT_POINTS + 1];
    struct chart_point reuse[SIZES + 1];
    struct chart_series series[CHARTS][2];
    struct chart chart[CHARTS];
    size_t charts;
};

/* Requests a second, slot by slot. */
static void draw_arrivals(struct points *p, const struct plot_trace *t)
{
    double from = INFINITY, to = -INFINITY, slot;

    for (size_t i = 0; i < t->n_arrivals; i++) {
        from = fmin(from, t->arrival_ns[i]);
        to = fmax(to, t->arrival_ns[i]);
    }
    slot = to > from ? (to - from) / SLOTS : 1e9;
    for (int k = 0; k < SLOTS; k++)
        p->arrival[k] = (struct chart_point){.x = 1e-9 * slot * (k + .5)};
    for (size_t i = 0; i < t->n_arrivals; i++) {
        size_t k = (size_t)((t->arrival_ns[i] - from) / slot);

        p->arrival[k < SLOTS ? k : SLOTS - 1].y += 1e9 / slot;
    }
    p->series[p->charts][0] = (struct chart_series){"requests", p->arrival, SLOTS};
    p->chart[p->charts] = (struct chart){.title = "Arrivals",
                                         .x = {"seconds", CHART_LINEAR},
                                         .y = {"requests a second", CHART_LINEAR},
                                         .series = p->series[p->charts],
                                         .n = 1,
                                         .no_legend = true,
                                         .y_zero = true,
                                         .markers = 3 * SLOTS};
    p->charts++;
}

static void draw_lengths(struct points *p, const struct plot_trace *t)
{
    struct chart_series *s = p->series[p->charts];

    s[0] = (struct chart_series){"prompts", p->prompt,
                                 plot_shares(p->prompt, t->prompt, t->n, 1, false)};
    s[1] = (struct chart_series){"outputs", p->output,
                                 plot_shares(p->output, t->output, t->n, 1, false)};
    p->chart[p->charts++] = (struct chart){.title = "Lengths",
                                           .x = {"tokens", CHART_LOG},
                                           .y = {"share of requests", CHART_LINEAR},
                                           .series = s,
                                           .n = 2,
                                           .y_zero = true,
                                           .markers = PLOT_POINTS / 8};
}

/* Sizes of caches from 1 to what holds all, each as many times the last. */
static void draw_reuse(struct points *p, const struct plot_trace *t)
{
    double asked = (double)reuse_asked(t->reuse), all = (double)reuse_unique(t->reuse), last = 0;
    size_t n = 0;

    for (int i = 0; i <= SIZES && asked > 0; i++) {
        double size = floor(pow(all, (double)i / SIZES) + .5);

        if (size == last)
            continue;
        last = size;
        p->reuse[n++] = (struct chart_point){
            .x = size, .y = (double)reuse_hits(t->reuse, (uint64_t)size) / asked};
    }
    p->series[p->charts][0] = (struct chart_series){"hits", p->reuse, n};
    p->chart[p->charts] = (struct chart){.title = "Shared prefixes",
                                         .x = {"blocks of a cache", CHART_LOG},
                                         .y = {"share of hashes found", CHART_LINEAR},
                                         .series = p->series[p->charts],
                                         .n = 1,
                                         .no_legend = true,
                                         .y_zero = true,
                                         .markers = 3 * SIZES};
    p->charts++;
}

int plot_trace_draw(struct buf *out, const struct plot_trace *t, struct err *e)
{
    struct points *p = mem_zero(1, sizeof *p, e);
    int rc;

    if (!p)
        return e->code;
    if (t->n_arrivals > 0)
        draw_arrivals(p, t);
    draw_lengths(p, t);
    if (t->reuse)
        draw_reuse(p, t);
    rc = chart_draw_all("A serving trace", p->chart, p->charts, out, e);
    free(p);
    return rc;
}
