/* linmap.c - see linmap.h. */
#include "vec/linmap.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS = 84 }; /* that meet a panel together: whole groups of every level's tile */

int linmap_init(struct linmap *l, const struct vec_ops *ops, const float *m, uint32_t out,
                uint32_t in, struct err *e)
{
    size_t bytes;

    *l = (struct linmap){.ops = ops, .out = out, .in = in};
    if (!__builtin_mul_overflow(linmap_panels(l) * PANEL * sizeof *m, (size_t)in, &bytes))
        l->panels = aligned_alloc(64, bytes);
    if (!l->panels)
        return err_set(e, ERR_MEM, "out of memory for a matrix of %u x %u", out, in);
    for (size_t i = 0; i < out; i += PANEL)
        panel_pack_f32(m + i * in, in * sizeof *m, out - i < PANEL ? out - i : PANEL, in,
                       l->panels + i * in);
    return 0;
}

void linmap_free(struct linmap *l)
{
    free(l->panels);
    *l = (struct linmap){0};
}

static void apply_block(const struct linmap *l, const float *x, size_t n, float *y)
{
    float tile[ROWS * PANEL] __attribute__((aligned(64)));

    for (size_t p = 0; p < linmap_panels(l); p++) {
        size_t first = p * PANEL, some = l->out - first < PANEL ? l->out - first : PANEL;

        linmap_tile(l, p, x, n, tile);
        for (size_t i = 0; i < n; i++)
            memcpy(y + i * l->out + first, tile + i * PANEL, some * sizeof *y);
    }
}

void linmap_apply(const struct linmap *l, const float *x, size_t n, float *y)
{
    for (size_t i = 0; i < n; i += ROWS)
        apply_block(l, x + i * l->in, n - i < ROWS ? n - i : ROWS, y + i * l->out);
}
