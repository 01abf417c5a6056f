/* report_pictures.h - the pictures of a report: points, lines "picture series x y [text]", as
 * charts (base/chart.h), or as bars, whose x is a name. */
#ifndef BENCH_REPORT_PICTURES_H
#define BENCH_REPORT_PICTURES_H

#include "base/chart.h"
#include "base/svg.h"
#include "report_rows.h"

struct picture {
    const char *name, *title, *caption;
    struct chart_axis x, y;
    bool bars, no_lines;
};

static const struct picture pictures[] = {
    {"fashion784",
     "fashion784: recall and speed",
     "60,000 pictures of 784 bytes. One thread; above and to the right is better.",
     {"recall@10", CHART_NINES},
     {"queries a second", CHART_LOG},
     false,
     false},
    {"glove100n",
     "glove100n: recall and speed",
     "331,479 word vectors of 100 floats, inner product. One thread.",
     {"recall@10", CHART_NINES},
     {"queries a second", CHART_LOG},
     false,
     false},
    {"brown",
     "glove100n, queries of another law",
     "Means of the words of sentences, of which the index has seen a sample.",
     {"recall@10", CHART_NINES},
     {"queries a second", CHART_LOG},
     false,
     false},
    {"mixture",
     "How it grows: 10 thousand to a million",
     "A synthetic mixture of clouds, 128 floats a row; codes of our choice, one thread.",
     {"recall@10", CHART_NINES},
     {"queries a second", CHART_LOG},
     false,
     false},
    {"fm",
     "Full-text index: size and speed of counting",
     "Patterns of 50 bytes; below and to the left is better.",
     {"index / text", CHART_LINEAR},
     {"ns a pattern byte", CHART_LOG},
     false,
     true},
    {"spann",
     "Lists on the disk",
     "One thread, past the page cache. SPTAG is the code of SPANN's authors.",
     {"recall@10", CHART_NINES},
     {"queries a second", CHART_LOG},
     false,
     false},
    {"codecs-fashion784",
     "Codecs of fashion784: bits and recall",
     "Codes alone, without a look at the vectors.",
     {"bits a dimension", CHART_LOG},
     {"recall@10", CHART_NINES},
     false,
     false},
    {"codecs-glove100n",
     "Codecs of glove100n: bits and recall",
     "Codes alone, without a look at the vectors.",
     {"bits a dimension", CHART_LOG},
     {"recall@10", CHART_NINES},
     false,
     false},
    {"bars-ttft",
     "Schedulers: time to the first token",
     "Azure's conversations at 2 requests a second, Llama 2 7B on an A100; less is better.",
     {"s", CHART_LINEAR},
     {NULL, CHART_LINEAR},
     true,
     false},
    {"bars-tbt",
     "Schedulers: time between tokens",
     "The same runs; less is better.",
     {"s", CHART_LINEAR},
     {NULL, CHART_LINEAR},
     true,
     false},
};
enum { PICTURES = sizeof pictures / sizeof *pictures, SERIES_MOST = 32, POINTS_MOST = 256 };

/* ---- points ---- */

struct points {
    char *name[SERIES_MOST]; /* of series, as they come */
    struct chart_point p[SERIES_MOST][POINTS_MOST];
    char *label[SERIES_MOST][POINTS_MOST]; /* of bars */
    size_t n[SERIES_MOST], series;
};

static inline size_t series_of(struct points *p, char *name)
{
    size_t i = 0;

    while (i < p->series && strcmp(p->name[i], name) != 0)
        i++;
    if (i == SERIES_MOST)
        bench_stop("a picture has too many series");
    p->series = i == p->series ? i + 1 : p->series;
    p->name[i] = name;
    return i;
}

static inline int by_x(const void *a, const void *b)
{
    const struct chart_point *p = a, *q = b;

    return p->x != q->x ? (p->x > q->x) - (p->x < q->x) : (p->y < q->y) - (p->y > q->y);
}

/* Those of a picture, from the text of all, which is not changed but for tabs and newlines. */
static inline void take_points(struct points *p, const struct picture *which, char **line, size_t n)
{
    *p = (struct points){0};
    for (size_t i = 0; i < n; i++) {
        char **cell = line + i * LINE_CELLS;
        size_t s, at;

        if (!cell[3] || strcmp(cell[0], which->name) != 0)
            continue;
        s = series_of(p, cell[1]);
        at = p->n[s]++;
        if (at == POINTS_MOST)
            bench_stop("a picture has too many points");
        p->label[s][at] = cell[2];
        p->p[s][at] = (struct chart_point){strtod(cell[2], NULL), strtod(cell[3], NULL), cell[4]};
    }
    for (size_t s = 0; s < p->series && !which->bars; s++)
        qsort(p->p[s], p->n[s], sizeof *p->p[s], by_x);
}

/* ---- drawing ---- */

static inline int draw_curves(const struct picture *which, const struct points *p, struct buf *out,
                              struct err *e)
{
    struct chart_series series[SERIES_MOST];
    struct chart c = {.title = which->title,
                      .x = which->x,
                      .y = which->y,
                      .series = series,
                      .n = p->series,
                      .no_lines = which->no_lines};

    for (size_t s = 0; s < p->series; s++)
        series[s] = (struct chart_series){p->name[s], p->p[s], p->n[s]};
    return chart_draw(&c, out, e);
}

enum { BAR = 15, GAP = 14, ABOVE = 84, LEFT = 110, WIDE = 760, RIGHT = 90, SMALL = 13 };

/* Groups of bars, of each label one a series, from left to right. */
static inline int draw_bars(const struct picture *which, const struct points *p, struct buf *out,
                            struct err *e)
{
    const struct svg_font title = {17, SVG_START, SVG_INK, true, false};
    const struct svg_font beside = {SMALL, SVG_END, SVG_INK, false, false};
    const struct svg_font value = {SMALL, SVG_START, SVG_FAINT, false, false};
    const struct svg_font key = {SMALL, SVG_START, SVG_INK, false, false};
    double most = 0, group = BAR * (double)p->series + GAP;
    struct chart_ticks t;
    struct svg s;

    for (size_t i = 0; i < p->series; i++)
        for (size_t k = 0; k < p->n[i]; k++)
            most = fmax(most, p->p[i][k].y);
    chart_ticks(&t, CHART_LINEAR, (struct chart_range){0, most > 0 ? most : 1, false}, 6);
    svg_begin(&s, WIDE, ABOVE + group * (double)p->n[0] + 8, which->title);
    svg_text(&s, LEFT, 30, &title, which->title);
    for (size_t i = 0; i < p->series; i++) {
        double x = LEFT + 90 * (double)i;

        svg_rect(&s, x, 46, 12, 12, &(struct svg_pen){.fill = SVG_HUE + (int)i});
        svg_text(&s, x + 18, 57, &key, p->name[i]);
    }
    for (size_t i = 0; i < p->series; i++)
        for (size_t k = 0; k < p->n[i]; k++) {
            double y = ABOVE + group * (double)k + BAR * (double)i;
            double w = (WIDE - LEFT - RIGHT) * chart_place(&t, p->p[i][k].y);
            char text[48];

            snprintf(text, sizeof text, "%.3g %s", p->p[i][k].y, which->x.label);
            svg_rect(&s, LEFT, y, fmax(w, 1), BAR - 2,
                     &(struct svg_pen){.fill = SVG_HUE + (int)i, .tip = text});
            svg_text(&s, LEFT + fmax(w, 1) + 6, y + 11, &value, text);
            if (i == 0)
                svg_text(&s, LEFT - 10, y + BAR * (double)p->series / 2 + 4, &beside,
                         p->label[i][k]);
        }
    return svg_end(&s, out, e);
}

#endif
