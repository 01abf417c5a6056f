/* linear.c - see linear.h. */
#include "vec/linear.h"

#include <string.h>

enum { ROWS = 64 }; /* that meet all panels before the next */

int linear_init(struct linear *l, const float *m, uint32_t out, uint32_t in, struct err *e)
{
    size_t panels = ((size_t)out + PANEL - 1) / PANEL;

    *l = (struct linear){.out = out, .in = in};
    if (vec_matrix_init(&l->panels, panels * PANEL, in, e) < 0)
        return e->code;
    for (size_t p = 0; p < panels; p++)
        panel_pack_f32(m + p * PANEL * in, in * sizeof *m,
                       out - p * PANEL < PANEL ? out - p * PANEL : PANEL, in,
                       l->panels.v + p * PANEL * in);
    return 0;
}

void linear_free(struct linear *l)
{
    vec_matrix_free(&l->panels);
    *l = (struct linear){0};
}

static void apply_block(const struct linear *l, const struct vec_ops *ops, const float *x, size_t n,
                        float *y)
{
    float tile[ROWS * PANEL];

    for (uint32_t j = 0; j < l->out; j += PANEL) {
        size_t cols = l->out - j < PANEL ? l->out - j : PANEL;

        ops->tile_f32(x, l->in * sizeof *x, n, l->panels.v + (size_t)j * l->in, l->in, tile);
        for (size_t i = 0; i < n; i++)
            memcpy(y + i * l->out + j, tile + i * PANEL, cols * sizeof *y);
    }
}

void linear_apply(const struct linear *l, const struct vec_ops *ops, const float *x, size_t n,
                  float *y)
{
    for (size_t i = 0; i < n; i += ROWS)
        apply_block(l, ops, x + i * l->in, n - i < ROWS ? n - i : ROWS, y + i * l->out);
}
