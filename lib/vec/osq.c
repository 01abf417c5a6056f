/* osq.c - see osq.h: shapes, turning, classes. */
#include "vec/osq.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 128 }; /* products of one chain */

/* ---- making ---- */

void osq_free(void *state)
{
    struct osq *q = state;

    if (q) {
        free(q->bit);
        free(q->mean);
        free(q->turn);
        free(q->panels);
        free(q->weight);
        free(q->border);
        free(q->point);
    }
    free(q);
}

struct osq *osq_new(struct codec *c, struct err *e)
{
    struct osq *q = c->state = mem_zero(1, sizeof *q, e);

    if (!q)
        return NULL;
    c->code_bytes = (c->dim * c->spec.a + 7) / 8;
    q->ops = CPU_CHOICE(osq, c->cpu);
    q->classes = 1;
    return q;
}

uint64_t osq_budget(const struct codec *c)
{
    uint64_t all = (uint64_t)c->dim * c->spec.a, room = (uint64_t)c->code_bytes * 8 - 1;

    return (all < room ? all : room) - osq_class_bits(c->state);
}

void osq_set_shape(struct codec *c)
{
    struct osq *q = c->state;
    double unit = 0x1p-24, chain = CHUNK + (c->dim + CHUNK - 1) / CHUNK + 8;

    q->shape.bit = q->bit;
    for (uint32_t j = 0; j < c->dim && q->bit[j] > 0; j++) {
        q->active++;
        q->shape.wide += q->bit[j] > OSQ_NARROW;
        q->points += (size_t)1 << q->bit[j];
        q->tables += osq_table(q->bit[j]);
    }
    q->shape.narrow = q->active - q->shape.wide;
    q->borders = q->points + q->active;
    q->tables += q->shape.narrow % 2 * osq_table(OSQ_NARROW);
    q->tables = (q->tables + 15) / 16 * 16;
    q->gross = 1.01 * chain * unit * sqrt(q->active);
    q->stretch = 1 + 1.01 * unit * sqrt(q->active) + 1e-9;
}

int osq_make_room(struct codec *c, struct err *e)
{
    struct osq *q = c->state;

    q->turn = codec_array((size_t)q->active * c->dim, sizeof *q->turn, e);
    q->weight = codec_array(q->active, sizeof *q->weight, e);
    q->border = codec_array(q->classes * q->borders, sizeof *q->border, e);
    q->point = codec_array(q->classes * q->points, sizeof *q->point, e);
    return q->turn && q->weight && q->border && q->point ? 0 : ERR_MEM;
}

int osq_make_panels(struct codec *c, struct err *e)
{
    struct osq *q = c->state;

    q->panels = codec_array((size_t)osq_panels(q) * PANEL * c->dim, sizeof *q->panels, e);
    for (uint32_t p = 0; q->panels && p < q->active; p += PANEL)
        panel_pack_f32(q->turn + (size_t)p * c->dim, c->dim * sizeof *q->turn,
                       q->active - p < PANEL ? q->active - p : PANEL, c->dim,
                       q->panels + (size_t)p * c->dim);
    return q->panels ? 0 : ERR_MEM;
}

/* ---- turning ---- */

/* Chains are short, so that their error is. */
void osq_turn_panel(const struct codec *c, const float *rows, size_t n, uint32_t panel, float *z)
{
    const struct osq *q = c->state;
    const float *columns = q->panels + (size_t)panel * PANEL * c->dim;
    float tile[OSQ_BLOCK * PANEL];

    memset(z, 0, n * PANEL * sizeof *z);
    for (uint32_t k = 0; k < c->dim; k += CHUNK) {
        c->ops->tile_f32(rows + k, c->dim * sizeof *rows, n, columns + (size_t)k * PANEL,
                         c->dim - k < CHUNK ? c->dim - k : CHUNK, tile);
        for (size_t i = 0; i < n * PANEL; i++)
            z[i] += tile[i];
    }
}

void osq_turn_rows(const struct codec *c, const float *rows, size_t n, float *z)
{
    uint32_t panels = osq_panels(c->state);
    float part[OSQ_BLOCK * PANEL];

    for (uint32_t p = 0; p < panels; p++) {
        osq_turn_panel(c, rows, n, p, part);
        for (size_t i = 0; i < n; i++)
            memcpy(z + (i * panels + p) * PANEL, part + i * PANEL, PANEL * sizeof *z);
    }
}

struct osq_measures osq_measure(const struct codec *c, const float *row, const float *z)
{
    const struct osq *q = c->state;
    struct osq_measures s = {.norm = vec_norm2(row, c->dim)};

    s.rest = s.norm;
    for (uint32_t j = 0; j < q->active; j++) {
        s.rest -= (double)z[j] * (double)z[j];
        s.energy += z[j] * z[j] * q->weight[j];
    }
    return s;
}

unsigned osq_class_of(const struct osq *q, float energy)
{
    unsigned class = 0;

    while (class + 1 < q->classes && energy >= q->first[class + 1])
        class ++;
    return class;
}

int osq_too_far(const struct codec *c, double norm, struct err *e)
{
    if (norm <= (double)FLT_MAX / 4)
        return 0;
    return err_set(e, ERR_INPUT,
                   "%s: a vector is too far from the mean, %g: squares do not fit into 32 bits",
                   c->spec.text, sqrt(norm));
}
