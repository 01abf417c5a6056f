/* ttl.c - see ttl.h. */
#include "sim/ttl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sort.h"

#define COLD_MEAN_S 1.0 /* of a tool of which nothing is known */

int ttl_init(struct ttl *t, size_t tools, struct err *e)
{
    *t = (struct ttl){.tools = tools};
    t->tool = mem_zero(tools, sizeof *t->tool, e);
    return t->tool ? 0 : e->code;
}

void ttl_close(struct ttl *t)
{
    free(t->tool);
    *t = (struct ttl){0};
}

static void learn(struct ttl_history *h, double seconds)
{
    h->v[h->next] = seconds;
    h->next = (h->next + 1) % TTL_WINDOW;
    h->n += h->n < TTL_WINDOW;
}

void ttl_learn(struct ttl *t, size_t tool, double seconds)
{
    learn(&t->all, seconds);
    if (tool < t->tools)
        learn(&t->tool[tool], seconds);
}

static double of_history(const struct ttl_history *h, double lost_s)
{
    double v[TTL_WINDOW], best = 0, most = 0;

    memcpy(v, h->v, h->n * sizeof *v);
    sort_doubles(v, h->n);
    for (size_t i = 0; i < h->n; i++) {
        /* Of equal ones the last counts them all. */
        double worth = (double)(i + 1) / (double)h->n * lost_s - v[i];

        if (worth > most) {
            most = worth;
            best = v[i];
        }
    }
    return best;
}

double ttl_choose(const struct ttl *t, size_t tool, double lost_s)
{
    if (tool < t->tools && t->tool[tool].n > TTL_FEW)
        return of_history(&t->tool[tool], lost_s);
    if (t->all.n > TTL_FEW)
        return of_history(&t->all, lost_s);
    /* (1 - exp(-tau / mean)) lost - tau is largest where lost exp(-tau / mean) = mean. */
    return lost_s > COLD_MEAN_S ? COLD_MEAN_S * log(lost_s / COLD_MEAN_S) : 0;
}
