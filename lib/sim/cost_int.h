/* cost_int.h - what a kind of cost model brings. Inside this domain only. */
#ifndef SIM_COST_INT_H
#define SIM_COST_INT_H

#include "sim/cost.h"

struct cost_kind {
    const char *name;
    int (*us)(const void *model, const struct cost_shape *s, double *us, struct cost_parts *parts,
              struct err *e);
    void (*memory)(const void *model, struct cost_memory *m);
    void (*close)(void *model); /* NULL is fine */
};

struct cost {
    const struct cost_kind *kind;
    void *model;
};

extern const struct cost_kind cost_vidur, cost_layers, cost_roofline, cost_stage;

int cost_vidur_open(void **out, const char *path, const struct cost_opts *o, struct err *e);
int cost_layers_open(void **out, const char *folder, const struct cost_opts *o, struct err *e);

int cost_roofline_open(void **out, const struct cost_opts *o, struct err *e);
/* Makes of an open table one stage of o->split. */
int cost_stage_wrap(struct cost *c, const char *path, const struct cost_opts *o, struct err *e);

static inline void cost_part(struct cost_parts *parts, const char *name, double us)
{
    if (parts && parts->n < COST_PARTS_MOST)
        parts->v[parts->n++] = (struct cost_part){name, us};
}

#endif
