/* overlap.c - see overlap.h. */
#include "sim/overlap.h"

#include <math.h>
#include <string.h>

enum { COMPUTE, MEMORY, NETWORK, RESOURCES };
enum { BATCHES = 2, OPS = 6, WARM = 2, LAYERS = 6, NOBODY = -1 };

#define SPLIT_COST (1 / (1 - 0.132))
#define SAME       1e-9 /* ends nearer than this, as a share of the step, are at one moment */

/* Operators of a layer, each with its share of the resource's time: products by their parameters,
 * as Llama-2-70B has them. */
static const struct {
    int resource;
    double share;
} layer[OPS] = {{COMPUTE, .1}, {MEMORY, 1},   {COMPUTE, .1},
                {NETWORK, .5}, {COMPUTE, .8}, {NETWORK, .5}};

static const double tokens[BATCHES] = {768 / 2048.0, 1280 / 2048.0};

struct pipeline {
    double us[RESOURCES];    /* of a layer */
    double share[RESOURCES]; /* R, of memory and network */
    double now, same;
    int at[BATCHES];      /* operators that are done */
    double left[BATCHES]; /* of the one under way, at full speed */
    int user[RESOURCES];  /* the nano-batch that is at it */
};

/* Points of P(R); see overlap.h. */
static double speed(double share)
{
    static const double at[] = {.08, .4, 1}, v[] = {0, .8, 1};
    int i = share > at[1] ? 2 : 1;

    return share <= at[0]
               ? 0
               : v[i - 1] + (v[i] - v[i - 1]) * (share - at[i - 1]) / (at[i] - at[i - 1]);
}

/* The nano-batch's next operator that takes any time. */
static void next_operator(struct pipeline *p, int batch)
{
    do {
        int op = p->at[batch] % OPS;

        p->left[batch] = tokens[batch] * layer[op].share * p->us[layer[op].resource];
    } while (p->left[batch] <= 0 && ++p->at[batch]);
}

static void begin_operators(struct pipeline *p)
{
    int first = p->at[1] < p->at[0];

    for (int i = 0; i < BATCHES; i++) {
        int batch = i == 0 ? first : !first, resource = layer[p->at[batch] % OPS].resource;

        if (p->user[resource] == NOBODY)
            p->user[resource] = batch;
    }
}

static double speed_at(const struct pipeline *p, int resource)
{
    double others = 0;

    for (int r = MEMORY; r < RESOURCES; r++)
        others += p->user[r] != NOBODY ? p->share[r] : 0;
    if (resource == COMPUTE)
        return 1 - others;
    return speed(p->user[COMPUTE] != NOBODY ? p->share[resource] : p->share[resource] / others);
}

/* Until the next operator ends. */
static void go_on(struct pipeline *p)
{
    double v[RESOURCES] = {0}, dt = INFINITY;

    begin_operators(p);
    for (int r = 0; r < RESOURCES; r++)
        if (p->user[r] != NOBODY) {
            v[r] = speed_at(p, r);
            dt = fmin(dt, p->left[p->user[r]] / v[r]);
        }
    p->now += dt;
    for (int r = 0; r < RESOURCES; r++) {
        int batch = p->user[r];

        if (batch == NOBODY || (p->left[batch] -= dt * v[r]) > p->same)
            continue;
        p->user[r] = NOBODY;
        p->at[batch]++;
        next_operator(p, batch);
    }
}

static int layers_done(const struct pipeline *p)
{
    return (p->at[0] < p->at[1] ? p->at[0] : p->at[1]) / OPS;
}

/* How long a layer takes at these shares; more than `most` is as good as for ever. */
static double layer_us(const double us[RESOURCES], double memory, double network, double most)
{
    struct pipeline p = {.share = {0, memory, network}, .user = {NOBODY, NOBODY, NOBODY}};
    double from;

    memcpy(p.us, us, sizeof p.us);
    p.same = SAME * (us[COMPUTE] + us[MEMORY] + us[NETWORK]);
    for (int i = 0; i < BATCHES; i++)
        next_operator(&p, i);
    while (layers_done(&p) < WARM)
        go_on(&p);
    from = p.now;
    while (layers_done(&p) < LAYERS)
        if (p.now - from > most * (LAYERS - WARM))
            return INFINITY;
        else
            go_on(&p);
    return (p.now - from) / (LAYERS - WARM);
}

static int resource_of(const char *part)
{
    if (strcmp(part, "attn_decode") == 0 || strcmp(part, "attention") == 0)
        return MEMORY;
    return strcmp(part, "all_reduce") == 0 ? NETWORK : COMPUTE;
}

/* Of a resource that nobody needs one share is as good as another. */
static int tenths(double us, int most)
{
    return us > 0 ? most : 1;
}

void overlap_plan(struct overlap *o, const struct cost_parts *parts, double all_us)
{
    double us[RESOURCES] = {0};

    for (size_t i = 0; i < parts->n; i++)
        us[resource_of(parts->v[i].name)] += parts->v[i].us;
    us[COMPUTE] = SPLIT_COST * fmax(0, all_us - us[MEMORY] - us[NETWORK]);
    *o = (struct overlap){.split_us = us[COMPUTE] + us[MEMORY] + us[NETWORK]};
    o->overlapped_us = o->split_us;
    if (o->split_us <= 0)
        return;
    for (int memory = 1; memory <= tenths(us[MEMORY], 8); memory++)
        for (int network = 1; network <= tenths(us[NETWORK], 9 - memory); network++)
            o->overlapped_us = fmin(o->overlapped_us,
                                    layer_us(us, memory / 10.0, network / 10.0, o->overlapped_us));
}
