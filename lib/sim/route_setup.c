/* route_setup.c - see route_setup.h. */
#include "sim/route_setup.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"

static bool within(double v, double least, double most)
{
    return v >= least && v <= most;
}

static const char *wrong(const struct route_setup *r)
{
    if (!within(r->window_s, 1e-3, 1e9))
        return "'--alpha-window' is 0.001 to 1e9 seconds";
    if (!within(r->program_s, 0, 1e9) || !within(r->program_scale, 0, 1e9))
        return "'--program-slo' and '--program-slo-scale' are 0 to 1e9";
    if (r->program_s > 0 && r->program_scale > 0)
        return "'--program-slo' is seconds, '--program-slo-scale' of a program's own: one";
    if (!within(r->overlap_weight, 0, 1e9) || !within(r->temperature, 0, 1e9))
        return "'--overlap-weight' and '--temperature' are 0 to 1e9";
    if (!within(r->fetch_ratio, 1, 1e9))
        return "'--fetch-ratio' is 1 to 1e9";
    if (!within(r->fetch_gbs, 1e-9, 1e9) || !within(r->handoff.link_gbs, 1e-9, 1e9))
        return "'--fetch-gbs' and '--handoff-gbs' are 1e-9 to 1e9";
    if (!within(r->handoff.link_us, 0, 1e12))
        return "'--handoff-us' is 0 to 1e12";
    return NULL;
}

static int set_alpha(const struct route_setup *r, struct route_opts *o, struct err *e)
{
    if (strcmp(r->alpha, "auto") == 0)
        o->alpha = ROUTE_TUNES;
    else if (!num_double(r->alpha, &o->alpha) || !within(o->alpha, 0, 1))
        return err_set(e, ERR_USAGE, "'--alpha' is 0 to 1, or auto");
    return 0;
}

static int set_refusal(const struct route_setup *r, struct route_opts *o, const struct slo *slo,
                       struct err *e)
{
    if (!r->refuse_late)
        return 0;
    if (!(slo->ttft_ns > 0) && !(slo->tbt_ns > 0))
        return err_set(e, ERR_USAGE, "'--refuse-late' goes by the ttft and tbt of '--slo'");
    o->refuse_ttft_ns = slo->ttft_ns;
    o->refuse_tbt_ns = slo->tbt_ns;
    return 0;
}

/* The first compute prompts, the others decode. */
static int set_pools(struct route_setup *r, struct fleet_opts *o, struct err *e)
{
    char *end;
    unsigned long prompts, decodes;

    if (!r->pools)
        return 0;
    if (o->role)
        return err_set(e, ERR_USAGE,
                       "a '--cluster' says itself who computes prompts: no '--pools'");
    prompts = strtoul(r->pools, &end, 10);
    decodes = *end == ':' ? strtoul(end + 1, &end, 10) : 0;
    if (strspn(r->pools, "0123456789:") != strlen(r->pools) || *end || prompts == 0 ||
        decodes == 0 || prompts > o->n || decodes > o->n || prompts + decodes != o->n)
        return err_set(e, ERR_USAGE, "'--pools' is like 3:5, of 8 '--replicas', not '%.40s' of %u",
                       r->pools, o->n);
    if (!(r->role = mem_array(o->n, sizeof *r->role, e)))
        return e->code;
    for (uint32_t i = 0; i < o->n; i++)
        r->role[i] = i < prompts ? ROLE_PREFILL : ROLE_DECODE;
    o->role = r->role;
    return 0;
}

static bool has_pools(const struct fleet_opts *o)
{
    for (uint32_t i = 0; o->role && i < o->n; i++)
        if (o->role[i] != ROLE_BOTH)
            return true;
    return false;
}

int route_setup(struct route_setup *r, struct fleet_opts *o, const struct slo *slo, struct err *e)
{
    const char *what = wrong(r);

    if (what)
        return err_set(e, ERR_USAGE, "%s", what);
    o->route = route_at((size_t)r->dispatch);
    o->route_opts = (struct route_opts){.seed = r->seed,
                                        .window_s = r->window_s,
                                        .overlap_weight = r->overlap_weight,
                                        .temperature = r->temperature,
                                        .fetch_ratio = r->fetch_ratio,
                                        .fetch_gbs = r->fetch_gbs};
    o->urgency = r->queue == QUEUE_URGENCY;
    o->programs = r->program_s > 0 || r->program_scale > 0;
    o->program_s = r->program_s;
    o->program_scale = r->program_scale;
    o->handoff = &r->handoff;
    if (set_alpha(r, &o->route_opts, e) < 0 || set_refusal(r, &o->route_opts, slo, e) < 0 ||
        set_pools(r, o, e) < 0)
        return e->code;
    if (has_pools(o) && (o->migrate || o->scale))
        return err_set(e, ERR_USAGE,
                       "pools of prompts and of decodes neither grow nor send each other requests "
                       "back: no '--autoscale', no '--migrate'");
    return 0;
}

void route_setup_free(struct route_setup *r)
{
    free(r->role);
    r->role = NULL;
}
