/* axes.c - see axes.h. Points are sorted by their keys; a node is a run of equal keys. */
#include "sim/axes.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/sort.h"

int axes_add(struct axes *t, const double key[AXES], double v, struct err *e)
{
    struct axes_point p = {.v = v};

    for (int k = 0; k < AXES; k++)
        p.key[k] = key[k];
    if (mem_reserve(&t->p, &t->cap, t->n + 1, sizeof *t->p, e) < 0)
        return e->code;
    t->p[t->n++] = p;
    for (int k = 0; k < AXES; k++)
        t->most[k] = key[k] > t->most[k] ? key[k] : t->most[k];
    return 0;
}

static int by_keys(const void *a, const void *b)
{
    const struct axes_point *x = a, *y = b;

    for (int k = 0; k < AXES; k++)
        if (x->key[k] != y->key[k])
            return x->key[k] < y->key[k] ? -1 : 1;
    return 0;
}

static int add_node(struct axes *t, int k, double key, size_t first, struct err *e)
{
    if (mem_reserve(&t->node[k], &t->nodes_cap[k], t->nodes[k] + 1, sizeof **t->node, e) < 0)
        return e->code;
    t->node[k][t->nodes[k]++] = (struct axes_node){key, first, first};
    return 0;
}

/* Point i, which comes after all that have nodes: a new node on every axis from the first key that
 * differs from the last point's. */
static int place(struct axes *t, size_t i, struct err *e)
{
    int k = 0;

    while (i > 0 && k < AXES && t->p[i].key[k] == t->p[i - 1].key[k])
        k++;
    if (k == AXES)
        return err_set(e, ERR_INPUT, "two rows are of %g,%g,%g,%g", t->p[i].key[0], t->p[i].key[1],
                       t->p[i].key[2], t->p[i].key[3]);
    for (; k < AXES; k++) {
        size_t child = k + 1 < AXES ? t->nodes[k + 1] : i;

        if (add_node(t, k, t->p[i].key[k], child, e) < 0)
            return e->code;
    }
    for (k = 0; k < AXES; k++)
        t->node[k][t->nodes[k] - 1].end = k + 1 < AXES ? t->nodes[k + 1] : i + 1;
    return 0;
}

int axes_build(struct axes *t, struct err *e)
{
    if (t->n == 0)
        return err_set(e, ERR_INPUT, "there are no rows");
    qsort(t->p, t->n, sizeof *t->p, by_keys);
    for (size_t i = 0; i < t->n; i++)
        if (place(t, i, e) < 0)
            return e->code;
    return 0;
}

static double at(const struct axes *t, int k, size_t first, size_t end, const double *key);

static double below(const struct axes *t, int k, const struct axes_node *n, const double *key)
{
    return k + 1 < AXES ? at(t, k + 1, n->first, n->end, key) : t->p[n->first].v;
}

static double at(const struct axes *t, int k, size_t first, size_t end, const double *key)
{
    const struct axes_node *node = t->node[k], *a, *b;
    double x = key[k], va, vb;

    if (end - first == 1 || x <= node[first].key)
        return below(t, k, &node[first], key);
    b = &node[sorted_from(node, sizeof *node, first + 1, end - 1, x)];
    if (b->key == x)
        return below(t, k, b, key);
    a = b - 1;
    va = below(t, k, a, key);
    vb = below(t, k, b, key);
    return va + (vb - va) * ((x - a->key) / (b->key - a->key));
}

double axes_at(const struct axes *t, const double key[AXES])
{
    return at(t, 0, 0, t->nodes[0], key);
}

bool axes_holds(const struct axes *t, const double key[AXES], double longest)
{
    for (int k = 0; k < AXES; k++)
        if (key[k] > t->most[k])
            return false;
    return longest <= t->most[AXES - 1];
}

void axes_free(struct axes *t)
{
    free(t->p);
    for (int k = 0; k < AXES; k++)
        free(t->node[k]);
    *t = (struct axes){0};
}
