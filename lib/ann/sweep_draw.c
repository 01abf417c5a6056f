/* sweep_draw.c - see sweep.h: the picture. Recall on an axis of nines, as the way from .99 to .999
 * matters as much as that from .9 to .99; queries a second on a logarithmic one.
 */
#include <stdio.h>
#include <stdlib.h>

#include "ann/sweep.h"
#include "base/chart.h"

enum { NAME = 400, TIP = 100, TITLE = 100 };

/* A series and the text that it points to. */
struct curve {
    struct chart_point *p;
    char (*tip)[TIP];
    char name[NAME];
};

static void curve_free(struct curve *c)
{
    free(c->p);
    free(c->tip);
}

static void put_tip(char tip[TIP], const struct ann_info *i, const struct sweep_point *p)
{
    const struct sweep_setting *s = &p->setting;
    int n = 0;

    if (s->target > 0)
        n = snprintf(tip, TIP, "tuned for %g: ", s->target);
    if (s->slack > 0)
        n += snprintf(tip + n, TIP - (size_t)n, "slack %.4g", (double)s->slack);
    else
        n += snprintf(tip + n, TIP - (size_t)n, "%s %u", i->effort, s->effort);
    snprintf(tip + n, TIP - (size_t)n, ": recall %.4f, %.0f queries/s", p->recall, p->qps);
}

static int curve_init(struct curve *c, const struct sweep *s, struct err *e)
{
    const struct ann_info *i = &s->info;

    c->p = mem_array(s->n, sizeof *c->p, e);
    c->tip = mem_array(s->n, sizeof *c->tip, e);
    if (!c->p || !c->tip)
        return e->code;
    snprintf(c->name, sizeof c->name, "%s%s: %s, %s, %.0f bytes a vector", s->name,
             s->what ? s->what : "", i->kind, i->codec,
             i->rows ? (double)i->bytes / (double)i->rows : 0);
    for (size_t k = 0; k < s->n; k++) {
        const struct sweep_point *p = &s->point[k];

        put_tip(c->tip[k], i, p);
        c->p[k] = (struct chart_point){p->recall, p->qps, c->tip[k]};
    }
    return 0;
}

static int draw(const struct curve *c, const struct sweep *s, size_t n, const struct sweep_opts *o,
                struct buf *out, struct err *e)
{
    char title[TITLE], x[TITLE];
    struct chart_series *series = mem_array(n, sizeof *series, e);
    const struct chart chart = {.title = title,
                                .x = {x, CHART_NINES},
                                .y = {"queries/s", CHART_LOG},
                                .series = series,
                                .n = n};
    int rc;

    if (!series)
        return e->code;
    snprintf(x, sizeof x, "recall@%u", o->k);
    snprintf(title, sizeof title, "Recall against speed, %d thread%s", o->threads,
             o->threads == 1 ? "" : "s");
    for (size_t i = 0; i < n; i++)
        series[i] = (struct chart_series){c[i].name, c[i].p, s[i].n};
    rc = chart_draw(&chart, out, e);
    free(series);
    return rc;
}

int sweep_draw(const struct sweep *s, size_t n, const struct sweep_opts *o, struct buf *out,
               struct err *e)
{
    struct curve *c = mem_zero(n, sizeof *c, e);
    int rc = c ? 0 : e->code;

    for (size_t i = 0; i < n && rc == 0; i++)
        rc = curve_init(&c[i], &s[i], e);
    if (rc == 0)
        rc = draw(c, s, n, o, out, e);
    for (size_t i = 0; c && i < n; i++)
        curve_free(&c[i]);
    free(c);
    return rc;
}
