/* cost.c - a model is told by what its path is: a folder of layer tables, one table, a word. */
#include "sim/cost_int.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"

/* Eleven days. Lines that fall are below 0 somewhere beyond their last points. */
#define STEP_US_MOST 1e12

int cost_open(struct cost **out, const char *path, const struct cost_opts *o, struct err *e)
{
    struct cost *c = mem_zero(1, sizeof *c, e);
    struct stat st;
    int rc;

    if (!c)
        return e->code;
    if (strcmp(path, "roofline") == 0) {
        c->kind = &cost_roofline;
        rc = cost_roofline_open(&c->model, o, e);
    } else if (stat(path, &st) < 0)
        rc = err_sys(e, "cannot open", path);
    else if (S_ISDIR(st.st_mode)) {
        c->kind = &cost_layers;
        rc = cost_layers_open(&c->model, path, o, e);
    } else {
        c->kind = &cost_vidur;
        rc = cost_vidur_open(&c->model, path, o, e);
    }
    if (rc == 0 && o->split && c->kind != &cost_roofline)
        rc = cost_stage_wrap(c, path, o, e);
    if (rc < 0) {
        cost_close(c);
        return rc;
    }
    *out = c;
    return 0;
}

void cost_close(struct cost *c)
{
    if (c && c->kind)
        c->kind->close(c->model);
    free(c);
}

void cost_memory(const struct cost *c, struct cost_memory *m)
{
    *m = (struct cost_memory){0};
    c->kind->memory(c->model, m);
}

int cost_us(const struct cost *c, const struct cost_shape *s, double *us, struct cost_parts *parts,
            struct err *e)
{
    int rc;

    if (parts)
        parts->n = 0;
    rc = c->kind->us(c->model, s, us, parts, e);
    if (rc == 0 && !(*us >= 0 && *us < STEP_US_MOST))
        return err_set(e, ERR_USAGE,
                       "the cost model says that a step of %u tokens takes %g us, which is no "
                       "time",
                       s->tokens, *us);
    return rc;
}
