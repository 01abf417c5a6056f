/* plot_steps.c - see plot_steps.h. Time is cut into some hundred slots, and a point is the mean
 * over one of them: steps by how long they are, and nothing where there is none.
 */
#include "sim/plot_steps.h"

#include <math.h>
#include <stdlib.h>

#include "base/chart.h"
#include "sim/steps.h"

enum { SLOTS = 200, VALUES = 4 };

static int take(void *ctx, const struct step *s, struct err *e)
{
    struct plot_steps *p = ctx;

    if (s->end_ns <= s->begin_ns)
        return err_set(e, ERR_INPUT, "the step ends before it begins");
    if (mem_reserve(&p->v, &p->cap, p->n + 1, sizeof *p->v, e) < 0)
        return e->code;
    p->v[p->n++] = (struct plot_step){
        s->begin_ns, s->end_ns, {s->prompt_tokens, s->decodes, s->waiting, s->kv_blocks}};
    return 0;
}

int plot_steps_load(struct plot_steps *s, const char *path, struct err *e)
{
    unsigned needed = 1U << STEP_BEGIN | 1U << STEP_END | 1U << STEP_WAITING | 1U << STEP_KV_BLOCKS;

    return steps_read(path, needed, take, s, e);
}

void plot_steps_free(struct plot_steps *s)
{
    free(s->v);
    *s = (struct plot_steps){0};
}

/* ---- means ---- */

struct curve {
    struct chart_point p[VALUES][SLOTS];
};

/* The step's share of each slot that it reaches into. */
static void add_step(struct curve *c, const struct plot_step *s, double from, double slot)
{
    size_t first = (size_t)((s->begin_ns - from) / slot);

    for (size_t k = first; k < SLOTS; k++) {
        double begin = fmax(s->begin_ns, from + slot * (double)k);
        double end = fmin(s->end_ns, from + slot * (double)(k + 1));

        if (k > first && end <= begin)
            return;
        for (int i = 0; i < VALUES && end > begin; i++)
            c->p[i][k].y += s->value[i] * (end - begin) / slot;
    }
}

static void make_curve(struct curve *c, const struct plot_steps *s)
{
    double from = INFINITY, to = -INFINITY, slot;

    for (size_t i = 0; i < s->n; i++) {
        from = fmin(from, s->v[i].begin_ns);
        to = fmax(to, s->v[i].end_ns);
    }
    slot = (to - from) / SLOTS;
    for (int i = 0; i < VALUES; i++)
        for (int k = 0; k < SLOTS; k++)
            c->p[i][k] = (struct chart_point){.x = 1e-9 * slot * (k + .5)};
    for (size_t i = 0; i < s->n; i++)
        add_step(c, &s->v[i], from, slot);
}

int plot_steps_draw(struct buf *out, const struct plot_steps *runs, size_t n, struct err *e)
{
    static const char *const title[VALUES] = {"Prompt tokens in a step", "Decodes in a step",
                                              "Requests that wait", "KV blocks held"};
    static const char *const unit[VALUES] = {"tokens", "requests", "requests", "blocks"};
    struct curve *curves = mem_zero(n, sizeof *curves, e);
    struct chart_series *series = mem_zero(VALUES * n, sizeof *series, e);
    struct chart charts[VALUES];
    int rc = curves && series ? 0 : e->code;

    for (size_t i = 0; rc == 0 && i < n; i++)
        make_curve(&curves[i], &runs[i]);
    for (size_t v = 0; rc == 0 && v < VALUES; v++) {
        for (size_t i = 0; i < n; i++)
            series[v * n + i] = (struct chart_series){runs[i].name, curves[i].p[v], SLOTS};
        charts[v] = (struct chart){.title = title[v],
                                   .x = {"seconds", CHART_LINEAR},
                                   .y = {unit[v], CHART_LINEAR},
                                   .series = &series[v * n],
                                   .n = n,
                                   .y_zero = true,
                                   .no_legend = v + 1 < VALUES,
                                   .markers = SLOTS / 8};
    }
    if (rc == 0)
        rc = chart_draw_all("What is in the steps", charts, VALUES, out, e);
    free(curves);
    free(series);
    return rc;
}
