/* chart.c - see chart.h. From above, chart by chart: the title, the plot with its axes, the legend,
 * a row a series (names may be as long as a path, and a longer one loses its middle), so that
 * nothing lies on the data.
 */
#include "base/chart.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/svg.h"
#include "base/utf8.h"

enum {
    WIDTH = 800,
    PLOT_HEIGHT = 380,
    LOW_HEIGHT = 180, /* where there are several */
    TOP = 48,         /* above the plot */
    RIGHT = 32,       /* of it */
    BELOW = 64,       /* the plot: labels of ticks, the axis' own */
    ROW = 22,         /* of the legend */
    NAME_HALF = 44,   /* characters of each end of a name in it */
    DASHES = 3,       /* kinds of lines */
    TEXT = 13,        /* size of letters */
    TITLE = 16,
    X_TICKS = 9,
    Y_TICKS = 7
};
#define MARKER 4.5
/* What is above 1 - this is 1 on an axis of nines. */
#define WHOLE 5e-6

/* Where things stand. */
struct layout {
    struct chart_ticks x, y;
    double left, right, top, bottom; /* of the plot */
};

/* ---- data ---- */

static bool can_show(enum chart_scale scale, double v)
{
    return isfinite(v) && (scale != CHART_LOG || v > 0);
}

static bool is_shown(const struct chart *c, const struct chart_point *p)
{
    return can_show(c->x.scale, p->x) && can_show(c->y.scale, p->y);
}

static void widen(struct chart_range *r, enum chart_scale scale, double v)
{
    if (scale == CHART_NINES) {
        v = fmax(v, 0);
        if (v > 1 - WHOLE) {
            r->whole = true;
            return;
        }
    }
    r->lo = fmin(r->lo, v);
    r->hi = fmax(r->hi, v);
}

/* Without values, an axis all the same. */
static struct chart_range settle(struct chart_range r, enum chart_scale scale)
{
    if (r.lo > r.hi) {
        r.lo = scale == CHART_LOG ? 1 : scale == CHART_NINES ? .9 : 0;
        r.hi = scale == CHART_LOG ? 10 : scale == CHART_NINES ? .9 : 1;
    }
    return r;
}

static void find_ticks(const struct chart *c, struct layout *l)
{
    struct chart_range x = {INFINITY, -INFINITY, false}, y = x;

    for (size_t i = 0; i < c->n; i++)
        for (size_t k = 0; k < c->series[i].n; k++) {
            const struct chart_point *p = &c->series[i].p[k];
            if (!is_shown(c, p))
                continue;
            widen(&x, c->x.scale, p->x);
            widen(&y, c->y.scale, p->y);
        }
    if (c->y_zero && c->y.scale == CHART_LINEAR) {
        widen(&y, c->y.scale, 0);
        y.hi = y.lo == y.hi ? 1 : y.hi;
    }
    chart_ticks(&l->x, c->x.scale, settle(x, c->x.scale), X_TICKS);
    chart_ticks(&l->y, c->y.scale, settle(y, c->y.scale), Y_TICKS);
}

static double x_of(const struct layout *l, double v)
{
    return l->left + (l->right - l->left) * chart_place(&l->x, v);
}

static double y_of(const struct layout *l, double v)
{
    return l->bottom - (l->bottom - l->top) * chart_place(&l->y, v);
}

/* A chart whose title begins at `from`. */
static struct layout lay_out(const struct chart *c, double from, double height)
{
    struct layout l = {.right = WIDTH - RIGHT, .top = from + TOP, .bottom = from + TOP + height};

    find_ticks(c, &l);
    return l;
}

/* Where the plots begin, beside the widest label of all. */
static double left_of(const struct chart *c, size_t n)
{
    double widest = 0;

    for (size_t k = 0; k < n; k++) {
        struct layout l = lay_out(&c[k], 0, 0);

        for (size_t i = 0; i < l.y.n; i++) {
            char label[CHART_LABEL_MAX];

            widest = fmax(widest, svg_text_width(chart_label(&l.y, i, label), TEXT));
        }
    }
    return round(44 + widest);
}

/* ---- drawing ---- */

static void draw_axes(struct svg *s, const struct chart *c, const struct layout *l)
{
    const struct svg_pen grid = {.stroke = SVG_GRID, .width = 1};
    const struct svg_pen frame = {.stroke = SVG_FAINT, .width = 1};
    const struct svg_font below = {TEXT, SVG_MIDDLE, SVG_FAINT, false, false};
    const struct svg_font beside = {TEXT, SVG_END, SVG_FAINT, false, false};
    const struct svg_font name = {TEXT, SVG_MIDDLE, SVG_INK, false, false};
    const struct svg_font name_up = {TEXT, SVG_MIDDLE, SVG_INK, false, true};
    char label[CHART_LABEL_MAX];

    for (size_t i = 0; i < l->x.n; i++) {
        double x = x_of(l, l->x.at[i]);
        svg_line(s, x, l->top, x, l->bottom, &grid);
        svg_text(s, x, l->bottom + 20, &below, chart_label(&l->x, i, label));
    }
    for (size_t i = 0; i < l->y.n; i++) {
        double y = y_of(l, l->y.at[i]);
        svg_line(s, l->left, y, l->right, y, &grid);
        svg_text(s, l->left - 8, y + TEXT * .35, &beside, chart_label(&l->y, i, label));
    }
    svg_rect(s, l->left, l->top, l->right - l->left, l->bottom - l->top, &frame);
    svg_text(s, (l->left + l->right) / 2, l->bottom + 44, &name, c->x.label);
    svg_text(s, 20, (l->top + l->bottom) / 2, &name_up, c->y.label);
}

static bool has_line(const struct chart *c, size_t i)
{
    return !c->no_lines && (c->lined == 0 || i < c->lined);
}

/* Series i of the chart: hue, marker and dashes have different periods, so that two share all
 * three only when there are more than 168. */
static struct svg_pen line_of(size_t i)
{
    static const char *const dash[DASHES] = {NULL, "7 3", "2 3"};

    return (struct svg_pen){
        .stroke = SVG_HUE + (int)(i % SVG_HUES), .width = 2, .dash = dash[i / SVG_HUES % DASHES]};
}

static void draw_marker(struct svg *s, size_t i, double x, double y, const char *tip)
{
    const struct svg_pen pen = {.fill = SVG_HUE + (int)(i % SVG_HUES), .tip = tip};

    svg_marker(s, (enum svg_marker)(i % SVG_MARKERS), x, y, MARKER, &pen);
}

static int draw_series(struct svg *s, const struct chart *c, const struct layout *l, size_t i,
                       struct err *e)
{
    const struct chart_series *series = &c->series[i];
    const struct svg_pen pen = line_of(i);
    struct svg_point *p = mem_array(series->n, sizeof *p, e);
    size_t n = 0;

    if (!p)
        return e->code;
    for (size_t k = 0; k < series->n; k++)
        if (is_shown(c, &series->p[k]))
            p[n++] = (struct svg_point){x_of(l, series->p[k].x), y_of(l, series->p[k].y)};
    if (n > 1 && has_line(c, i))
        svg_polyline(s, p, n, &pen);
    n = 0;
    for (size_t k = 0; k < series->n; k++)
        if (is_shown(c, &series->p[k])) {
            if (c->markers == 0 || series->n == 1 || n % c->markers == c->markers / 2)
                draw_marker(s, i, p[n].x, p[n].y, series->p[k].tip);
            n++;
        }
    free(p);
    return 0;
}

/* The name, or both its ends, so that it stays in the picture: `room` for them. */
static const char *fitting(const char *name, char *room, size_t size)
{
    size_t len = strlen(name), head = 0, tail = 0, chars = utf8_count(name, len);

    if (chars <= 2 * NAME_HALF + 1)
        return name;
    for (size_t i = 0; i < NAME_HALF; i++)
        head += utf8_step(name + head, len - head);
    for (size_t i = 0; i < chars - NAME_HALF; i++)
        tail += utf8_step(name + tail, len - tail);
    snprintf(room, size, "%.*s\xE2\x80\xA6%s", (int)head, name, name + tail);
    return room;
}

static void draw_legend(struct svg *s, const struct chart *c, const struct layout *l)
{
    const struct svg_font font = {TEXT, SVG_START, SVG_INK, false, false};

    for (size_t i = 0; i < c->n; i++) {
        const struct svg_pen pen = line_of(i);
        double y = l->bottom + BELOW + ROW * (double)i;
        char room[8 * NAME_HALF + 4];
        if (has_line(c, i))
            svg_line(s, l->left, y, l->left + 32, y, &pen);
        draw_marker(s, i, l->left + 16, y, NULL);
        svg_text(s, l->left + 42, y + TEXT * .35, &font,
                 fitting(c->series[i].name, room, sizeof room));
    }
}

static double height_of(const struct chart *c, double plot)
{
    return TOP + plot + BELOW + ROW * (double)(c->no_legend ? 0 : c->n);
}

/* at: left, and from above. */
static int draw_chart(struct svg *s, const struct chart *c, struct svg_point at, double plot,
                      struct err *e)
{
    const struct svg_font title = {TITLE, SVG_START, SVG_INK, true, false};
    struct layout l = lay_out(c, at.y, plot);
    int rc = 0;

    l.left = at.x;
    svg_text(s, l.left, at.y + 30, &title, c->title);
    draw_axes(s, c, &l);
    for (size_t i = 0; i < c->n && rc == 0; i++)
        rc = draw_series(s, c, &l, i, e);
    if (!c->no_legend)
        draw_legend(s, c, &l);
    return rc;
}

int chart_draw_all(const char *title, const struct chart *c, size_t n, struct buf *out,
                   struct err *e)
{
    double plot = n > 1 ? LOW_HEIGHT : PLOT_HEIGHT, height = 0;
    struct svg_point at = {left_of(c, n), 0};
    struct svg s;
    int rc = 0;

    for (size_t i = 0; i < n; i++)
        height += height_of(&c[i], plot);
    svg_begin(&s, WIDTH, height, title);
    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = draw_chart(&s, &c[i], at, plot, e);
        at.y += height_of(&c[i], plot);
    }
    return svg_end(&s, out, e) < 0 ? e->code : rc;
}

int chart_draw(const struct chart *c, struct buf *out, struct err *e)
{
    return chart_draw_all(c->title, c, 1, out, e);
}
