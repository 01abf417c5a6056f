/* chart.h - a chart of points and lines as SVG: title, axes, grid, legend, several series, each
 * with a colour and a marker of its own.
 *
 * An axis is linear, logarithmic, or of nines: for shares near 1 (recall, availability), where .9,
 * .99 and .999 are equally far apart. It begins and ends at a tick. Points that an axis cannot show
 * (not finite, or not positive on a logarithmic axis) are left out; shares below 0 and above 1 are
 * shown at 0 and 1.
 *
 * Errors  0 or ERR_MEM.
 */
#ifndef BASE_CHART_H
#define BASE_CHART_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"

enum chart_scale { CHART_LINEAR, CHART_LOG, CHART_NINES };

struct chart_axis {
    const char *label;
    enum chart_scale scale;
};

struct chart_point {
    double x, y;
    const char *tip; /* what the pointer shows; NULL: nothing */
};

struct chart_series {
    const char *name; /* in the legend */
    const struct chart_point *p;
    size_t n;
};

struct chart {
    const char *title;
    struct chart_axis x, y;
    const struct chart_series *series;
    size_t n;
    bool y_zero;    /* a linear y axis has 0 on it, whatever the points */
    bool no_lines;  /* points alone */
    size_t lined;   /* only the first so many series have lines; 0: all, unless no_lines */
    bool no_legend; /* of several charts with the same series one is enough */
    size_t markers; /* one at every so many points, for curves of many; 0: at each, and where there
                       is just one */
};

/* Appends the picture to *out. */
int chart_draw(const struct chart *c, struct buf *out, struct err *e);

/* n charts, one below the other, their axes in line; several are lower than one. title: of the
 * picture, which is not drawn. */
int chart_draw_all(const char *title, const struct chart *c, size_t n, struct buf *out,
                   struct err *e);

/* ---- ticks ---- */

enum { CHART_TICKS_MAX = 24, CHART_LABEL_MAX = 32 };

/* An axis from at[0] to at[n - 1], n at least 2. */
struct chart_ticks {
    enum chart_scale scale;
    double at[CHART_TICKS_MAX];
    size_t n;
    int decimals; /* of labels */
};

struct chart_range {
    double lo, hi;
    bool whole; /* nines: there are values of 1, too, and hi is the largest below */
};

/* Ticks around lo <= hi, finite (and positive, for a logarithmic axis), about `most` of them (4 to
 * 12): at 1, 2 and 5 times powers of ten, or of ten alone; nines at .5 .8 .9 .95 .98 and so on. */
void chart_ticks(struct chart_ticks *t, enum chart_scale scale, struct chart_range r, int most);
/* The label of tick i: 0.25, 1.5k or 20M. Returns p, of CHART_LABEL_MAX bytes. */
const char *chart_label(const struct chart_ticks *t, size_t i, char *p);
/* Where v stands: 0 at the first tick, 1 at the last. */
double chart_place(const struct chart_ticks *t, double v);

#endif
