/* plan_set.c - see plan_set.h. */
#include "sim/plan_set.h"

#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"

/* ---- clusters ---- */

/* A number and an x: 0 if there is none. */
static uint32_t times(const char **p)
{
    char *end;
    unsigned long v = **p >= '1' && **p <= '9' ? strtoul(*p, &end, 10) : 0;

    if (v == 0 || *end != 'x')
        return 0;
    *p = end + 1;
    return v < UINT32_MAX ? (uint32_t)v : UINT32_MAX;
}

static bool parse_cluster(struct plan_cluster *c, const char *text, size_t len)
{
    const char *card = c->name;
    uint32_t first, second;

    if (len >= sizeof c->name)
        return false;
    memcpy(c->name, text, len);
    c->name[len] = '\0';
    first = times(&card);
    second = first ? times(&card) : 0;
    c->card = card;
    c->gpus = second ? first * second : first;
    c->node_gpus = second ? second : first;
    return first && *card && (uint64_t)first * (second ? second : 1) <= PLAN_GPUS_MOST;
}

bool plan_set_clusters(struct plan_set *s, const char *list)
{
    const char *p;
    size_t len;

    while ((p = list_item(&list, &len)))
        if (s->clusters == PLAN_SET_MOST || !parse_cluster(&s->cluster[s->clusters++], p, len))
            return false;
    return s->clusters > 0;
}

int plan_set_cards(struct plan_set *s, const char *model, struct err *e)
{
    if (card_model(&s->model, model, e) < 0)
        return e->code;
    for (size_t i = 0; i < s->clusters; i++)
        if (card_gpu(&s->cluster[i].gpu, s->cluster[i].card, e) < 0)
            return e->code;
    return 0;
}

/* ---- cost models ---- */

static int open_table(const struct plan_set *s, struct plan_table *t, const struct cost_opts *o,
                      struct err *e)
{
    struct cost_opts whole = *o;
    struct cost *c;

    for (size_t i = 1; i < s->clusters; i++)
        if (strcmp(s->cluster[i].gpu.name, s->cluster[0].gpu.name) != 0)
            return err_set(e, ERR_USAGE, "%s is of one kind of GPU, and the clusters are not",
                           t->path);
    whole.gpu = s->cluster[0].card;
    if (cost_open(&c, t->path, &whole, e) < 0)
        return e->code;
    cost_memory(c, &t->memory);
    cost_close(c);
    return 0;
}

int plan_set_tables(struct plan_set *s, const char *list, const struct cost_opts *o, struct err *e)
{
    const char *p;
    size_t len;

    while ((p = list_item(&list, &len))) {
        struct plan_table *t = &s->table[s->tables];

        if (s->tables == PLAN_SET_MOST || len >= sizeof t->path)
            return err_set(e, ERR_USAGE,
                           "more than %d cost models, or one of a name of %zu letters",
                           PLAN_SET_MOST, len);
        memcpy(t->path, p, len);
        t->path[len] = '\0';
        t->roofline = strcmp(t->path, "roofline") == 0;
        if (!t->roofline && open_table(s, t, o, e) < 0)
            return e->code;
        s->tables++;
    }
    return 0;
}

static const char *table_of(const struct plan_set *s, const struct plan *p)
{
    for (size_t i = 0; i < s->tables; i++)
        if (s->table[i].roofline || cost_fits(&s->table[i].memory, &s->model, &p->split))
            return s->table[i].path;
    return NULL;
}

/* ---- plans ---- */

static int add_plan(struct plan_set *s, const struct plan_cluster *c, const struct plan *p,
                    struct err *e)
{
    if (mem_reserve(&s->v, &s->cap, s->n + s->scheds, sizeof *s->v, e) < 0)
        return e->code;
    for (size_t i = 0; i < s->scheds; i++)
        s->v[s->n++] = (struct plan_try){
            .cluster = c, .plan = *p, .sched = s->sched[i], .table = table_of(s, p)};
    return 0;
}

/* Of so many of its GPUs. */
static int add_plans(struct plan_set *s, const struct plan_cluster *c, uint32_t gpus, bool by_size,
                     struct err *e)
{
    struct plan *v;
    size_t n;
    int rc = plan_list(&v, &n, &s->model, gpus, gpus < c->node_gpus ? gpus : c->node_gpus, e);

    for (size_t i = 0; rc == 0 && i < n; i++)
        if (!by_size || v[i].replicas == 1)
            rc = add_plan(s, c, &v[i], e);
    free(v);
    return rc;
}

int plan_set_make(struct plan_set *s, bool by_size, struct err *e)
{
    for (size_t i = 0; i < s->clusters; i++) {
        const struct plan_cluster *c = &s->cluster[i];

        for (uint32_t g = by_size ? 1 : c->gpus; g <= c->gpus; g++)
            if (c->gpus % g == 0 && (c->node_gpus % g == 0 || g % c->node_gpus == 0) &&
                add_plans(s, c, g, by_size, e) < 0)
                return e->code;
    }
    return 0;
}

void plan_set_free(struct plan_set *s)
{
    free(s->v);
    *s = (struct plan_set){.v = NULL};
}
