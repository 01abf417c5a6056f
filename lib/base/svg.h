/* svg.h - pictures as SVG: lines, boxes, markers and text, in colours that can be read on white and
 * on black.
 *
 *     struct svg s;
 *     svg_begin(&s, 640, 400, "title");
 *     svg_line(&s, 0, 0, 640, 400, &(struct svg_pen){.stroke = SVG_INK, .width = 1});
 *     rc = svg_end(&s, &bytes, e);
 *
 * Shapes name an ink, not a colour. Each is written with its colour on white paper as an attribute,
 * which every viewer knows, and with a class, to which a style sheet gives another colour where the
 * viewer prefers dark: such a picture can stand on a web page of either kind. The hues are told
 * apart by those who see few colours, and are at least 3 to 1 against the paper; what matters
 * should differ in its marker or dashes, too.
 *
 * Coordinates are pixels from the upper left corner, written in hundredths; what is not finite is
 * 0. The same calls give the same bytes.
 *
 * Escaping  all text that is handed in is text: any bytes, shown as html.h says.
 * Errors    kept inside: after a failure every call does nothing, and svg_end() returns it.
 */
#ifndef BASE_SVG_H
#define BASE_SVG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"

enum { SVG_HUES = 8 };

enum svg_ink {
    SVG_NONE,
    SVG_PAPER,
    SVG_INK,   /* text and axes */
    SVG_FAINT, /* what is less important */
    SVG_GRID,
    SVG_HUE, /* SVG_HUE + i: the hue i modulo SVG_HUES */
};

struct svg_pen {
    int fill, stroke;
    double width;     /* of the stroke */
    const char *dash; /* stroke-dasharray, as "4 2"; NULL: an unbroken line */
    const char *tip;  /* shown when the pointer rests on the shape; NULL: nothing */
};

enum svg_marker {
    SVG_CIRCLE,
    SVG_SQUARE,
    SVG_TRIANGLE,
    SVG_DIAMOND,
    SVG_DOWN, /* a triangle on its tip */
    SVG_CROSS,
    SVG_PLUS,
    SVG_MARKERS
};

enum svg_anchor { SVG_START, SVG_MIDDLE, SVG_END };

struct svg_font {
    double size;
    enum svg_anchor anchor; /* which part of the text is at its x */
    int ink;
    bool bold;
    bool up; /* it reads from below to above */
};

struct svg_point {
    double x, y;
};

struct svg { /* private */
    struct buf out;
    struct err err;
};

/* Paper of this size. The title is for those who cannot see it, and not drawn. */
void svg_begin(struct svg *s, double width, double height, const char *title);
void svg_rect(struct svg *s, double x, double y, double width, double height,
              const struct svg_pen *pen);
void svg_line(struct svg *s, double x1, double y1, double x2, double y2, const struct svg_pen *pen);
void svg_polyline(struct svg *s, const struct svg_point *p, size_t n, const struct svg_pen *pen);
/* About 2 r wide and high, around (x, y). Cross and plus have no inside: they are drawn in the
 * colour of pen->fill. */
void svg_marker(struct svg *s, enum svg_marker m, double x, double y, double r,
                const struct svg_pen *pen);
void svg_text(struct svg *s, double x, double y, const struct svg_font *f, const char *text);
/* Appends the picture to *out, and frees what s holds, either way. */
int svg_end(struct svg *s, struct buf *out, struct err *e);

/* How wide a text will be, about: fonts differ. */
double svg_text_width(const char *text, double size);

#endif
