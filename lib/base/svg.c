/* svg.c - see svg.h. */
#include "base/svg.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/html.h"
#include "base/utf8.h"

enum { FAR = 1000000 };

/* By enum svg_ink. Hues after Okabe & Ito and Tol, lighter or darker until they are 3 to 1 against
 * the paper. */
static const struct {
    const char *light, *dark;
} color[SVG_HUE + SVG_HUES] = {
    {"none", "none"},       {"#ffffff", "#16191d"}, {"#1f2328", "#f0f3f6"}, {"#59636e", "#a5adb6"},
    {"#d8dee4", "#3a4149"}, {"#0072b2", "#56b4e9"}, {"#c94f00", "#ff9147"}, {"#00805c", "#35c999"},
    {"#aa4499", "#e08ccb"}, {"#8a6d00", "#e6c229"}, {"#4b4fc4", "#a3a6ff"}, {"#a3243b", "#ff8593"},
    {"#666666", "#b8b8b8"},
};

static int ink_of(int ink)
{
    return ink < SVG_HUE ? ink : SVG_HUE + (ink - SVG_HUE) % SVG_HUES;
}

/* ---- pieces of markup ---- */

static void put(struct svg *s, const char *markup)
{
    if (s->err.code == 0)
        buf_adds(&s->out, markup, &s->err);
}

static void put_text(struct svg *s, const char *text)
{
    if (s->err.code == 0)
        html_add(&s->out, text, strlen(text), &s->err);
}

/* In hundredths, without zeros at the end. */
static void put_number(struct svg *s, double v)
{
    char text[32];
    size_t n;

    v = isfinite(v) ? fmin(fmax(v, -FAR), FAR) : 0;
    n = (size_t)snprintf(text, sizeof text, "%.2f", round(v * 100) / 100 + 0.0);
    while (text[n - 1] == '0')
        n--;
    n -= text[n - 1] == '.';
    text[n] = '\0';
    put(s, strcmp(text, "-0") == 0 ? "0" : text);
}

static void put_attribute(struct svg *s, const char *name, double v)
{
    put(s, " ");
    put(s, name);
    put(s, "=\"");
    put_number(s, v);
    put(s, "\"");
}

/* fill="#..." or stroke="#...". */
static void put_color(struct svg *s, const char *name, int ink)
{
    put(s, " ");
    put(s, name);
    put(s, "=\"");
    put(s, color[ink_of(ink)].light);
    put(s, "\"");
}

/* The classes f2, s7: for the style sheet. */
static void put_classes(struct svg *s, int fill, int stroke)
{
    char text[40];

    if (fill == SVG_NONE && stroke == SVG_NONE)
        return;
    if (stroke == SVG_NONE)
        snprintf(text, sizeof text, " class=\"f%d\"", ink_of(fill));
    else if (fill == SVG_NONE)
        snprintf(text, sizeof text, " class=\"s%d\"", ink_of(stroke));
    else
        snprintf(text, sizeof text, " class=\"f%d s%d\"", ink_of(fill), ink_of(stroke));
    put(s, text);
}

/* The end of a shape's tag, and of the shape. */
static void put_pen(struct svg *s, const char *name, const struct svg_pen *pen)
{
    put_color(s, "fill", pen->fill);
    if (pen->stroke != SVG_NONE) {
        put_color(s, "stroke", pen->stroke);
        put_attribute(s, "stroke-width", pen->width);
    }
    if (pen->dash) {
        put(s, " stroke-dasharray=\"");
        put_text(s, pen->dash);
        put(s, "\"");
    }
    put_classes(s, pen->fill, pen->stroke);
    if (!pen->tip) {
        put(s, "/>\n");
        return;
    }
    put(s, "><title>");
    put_text(s, pen->tip);
    put(s, "</title></");
    put(s, name);
    put(s, ">\n");
}

static void put_points(struct svg *s, const struct svg_point *p, size_t n)
{
    put(s, " points=\"");
    for (size_t i = 0; i < n; i++) {
        put(s, i ? " " : "");
        put_number(s, p[i].x);
        put(s, ",");
        put_number(s, p[i].y);
    }
    put(s, "\"");
}

/* ---- shapes ---- */

static void put_style(struct svg *s)
{
    put(s, "<style>@media (prefers-color-scheme: dark) {");
    for (int i = SVG_PAPER; i < SVG_HUE + SVG_HUES && s->err.code == 0; i++)
        buf_printf(&s->out, &s->err, " .f%d { fill: %s } .s%d { stroke: %s }", i, color[i].dark, i,
                   color[i].dark);
    put(s, " }</style>\n");
}

void svg_begin(struct svg *s, double width, double height, const char *title)
{
    *s = (struct svg){0};
    put(s, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
           "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\"");
    put_attribute(s, "width", width);
    put_attribute(s, "height", height);
    put(s, " viewBox=\"0 0 ");
    put_number(s, width);
    put(s, " ");
    put_number(s, height);
    put(s, "\" font-family=\"Helvetica, Arial, sans-serif\">\n<title>");
    put_text(s, title);
    put(s, "</title>\n");
    put_style(s);
    svg_rect(s, 0, 0, width, height, &(struct svg_pen){.fill = SVG_PAPER});
}

void svg_rect(struct svg *s, double x, double y, double width, double height,
              const struct svg_pen *pen)
{
    put(s, "<rect");
    put_attribute(s, "x", x);
    put_attribute(s, "y", y);
    put_attribute(s, "width", fmax(width, 0));
    put_attribute(s, "height", fmax(height, 0));
    put_pen(s, "rect", pen);
}

void svg_line(struct svg *s, double x1, double y1, double x2, double y2, const struct svg_pen *pen)
{
    put(s, "<line");
    put_attribute(s, "x1", x1);
    put_attribute(s, "y1", y1);
    put_attribute(s, "x2", x2);
    put_attribute(s, "y2", y2);
    put_pen(s, "line", pen);
}

void svg_polyline(struct svg *s, const struct svg_point *p, size_t n, const struct svg_pen *pen)
{
    put(s, "<polyline stroke-linejoin=\"round\"");
    put_points(s, p, n);
    put_pen(s, "polyline", pen);
}

/* A cross is four arms, turned by an eighth for the one that stands on two of them. */
static void put_arms(struct svg *s, enum svg_marker m, double x, double y, double r,
                     const struct svg_pen *pen)
{
    struct svg_pen arms = {.stroke = pen->fill, .width = r / 2, .tip = pen->tip};
    double a = m == SVG_CROSS ? r * .8 : r, b = m == SVG_CROSS ? a : 0;
    const struct svg_point p[6] = {{x - a, y - b}, {x + a, y + b}, {x, y},
                                   {x + b, y - a}, {x - b, y + a}, {x, y}};

    svg_polyline(s, p, 6, &arms);
}

void svg_marker(struct svg *s, enum svg_marker m, double x, double y, double r,
                const struct svg_pen *pen)
{
    const struct svg_point triangle[3] = {
        {x, y - r}, {x + r * .95, y + r * .75}, {x - r * .95, y + r * .75}};
    const struct svg_point down[3] = {
        {x, y + r}, {x + r * .95, y - r * .75}, {x - r * .95, y - r * .75}};
    const struct svg_point diamond[4] = {{x, y - r}, {x + r, y}, {x, y + r}, {x - r, y}};

    if (m == SVG_CROSS || m == SVG_PLUS) {
        put_arms(s, m, x, y, r, pen);
    } else if (m == SVG_SQUARE) {
        svg_rect(s, x - r * .85, y - r * .85, r * 1.7, r * 1.7, pen);
    } else if (m == SVG_CIRCLE) {
        put(s, "<circle");
        put_attribute(s, "cx", x);
        put_attribute(s, "cy", y);
        put_attribute(s, "r", r);
        put_pen(s, "circle", pen);
    } else {
        put(s, "<polygon");
        put_points(s,
                   m == SVG_DIAMOND ? diamond
                   : m == SVG_DOWN  ? down
                                    : triangle,
                   m == SVG_DIAMOND ? 4 : 3);
        put_pen(s, "polygon", pen);
    }
}

void svg_text(struct svg *s, double x, double y, const struct svg_font *f, const char *text)
{
    put(s, "<text");
    put_attribute(s, "x", x);
    put_attribute(s, "y", y);
    put_attribute(s, "font-size", f->size);
    if (f->anchor != SVG_START)
        put(s, f->anchor == SVG_END ? " text-anchor=\"end\"" : " text-anchor=\"middle\"");
    if (f->bold)
        put(s, " font-weight=\"bold\"");
    if (f->up) {
        put(s, " transform=\"rotate(-90 ");
        put_number(s, x);
        put(s, " ");
        put_number(s, y);
        put(s, ")\"");
    }
    put_color(s, "fill", f->ink);
    put_classes(s, f->ink, SVG_NONE);
    put(s, ">");
    put_text(s, text);
    put(s, "</text>\n");
}

int svg_end(struct svg *s, struct buf *out, struct err *e)
{
    put(s, "</svg>\n");
    if (s->err.code == 0)
        buf_add(out, s->out.p, s->out.len, &s->err);
    if (s->err.code)
        *e = s->err;
    buf_free(&s->out);
    return s->err.code;
}

double svg_text_width(const char *text, double size)
{
    return .56 * size * (double)utf8_count(text, strlen(text));
}
