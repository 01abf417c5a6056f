/* comm.c - see comm.h. Collectives go around a ring: a GPU sends (g - 1) / g of the bytes to the
 * next in a reduce-scatter or an all-gather, and twice that in an all-reduce, which is both. In an
 * all-to-all it keeps its own of g parts of the g-th that it has. Where the GPUs are of several
 * machines, the links between these are what all wait for.
 */
#include "sim/comm.h"

static double first(double asked, double else_this)
{
    return asked > 0 ? asked : else_this;
}

int comm_links_of(struct comm_links *l, const struct gpu_card *g, const struct cost_opts *o,
                  double gpus, struct err *e)
{
    *l = (struct comm_links){.gbs = first(o->link_gbs, g->link_gbs),
                             .us = first(o->link_us, g->link_us),
                             .node_gbs = first(o->node_gbs, g->node_gbs),
                             .node_us = first(o->node_us, g->node_us),
                             .node_gpus = o->split ? o->split->node_gpus : 0};
    if (gpus > 1 && !(l->gbs > 0))
        return err_set(e, ERR_USAGE,
                       "the model is on %g GPUs: '--link-gbs' says what their link "
                       "carries",
                       gpus);
    if (l->node_gpus > 0 && gpus > l->node_gpus && !(l->node_gbs > 0))
        return err_set(e, ERR_USAGE,
                       "the model is on several machines: '--node-gbs' says what a GPU sends "
                       "between them");
    return 0;
}

static double sent(enum comm what, double g, double bytes)
{
    switch (what) {
    case COMM_ALL_REDUCE:
        return 2 * (g - 1) / g * bytes;
    case COMM_ALL_TO_ALL:
        return (g - 1) / g * bytes / g;
    case COMM_SEND:
        return bytes;
    default:
        return (g - 1) / g * bytes;
    }
}

double comm_us(const struct comm_links *l, enum comm what, double gpus, double bytes)
{
    bool far = l->node_gpus > 0 && gpus > l->node_gpus;

    if (gpus <= 1)
        return 0;
    return sent(what, gpus, bytes) / (1e3 * (far ? l->node_gbs : l->gbs)) +
           (far ? l->node_us : l->us);
}
