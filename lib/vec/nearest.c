/* nearest.c - see nearest.h. */
#include "vec/nearest.h"

#include <stdlib.h>

#include "base/mem.h"
#include "vec/nearest_level.h"

enum { BLOCK = 84 }; /* rows that meet a panel together: whole groups of every level's tile */

/* The level by the name of its table. */
static const struct nearest_ops *kernels(const struct vec_ops *ops)
{
    enum cpu_level level = CPU_PORTABLE;

    (void)cpu_parse(ops->name, &level);
    return CPU_CHOICE(nearest, level);
}

int nearest_init(struct nearest *t, const struct vec_ops *ops, const float *centroids, uint32_t k,
                 uint32_t dim, struct err *e)
{
    size_t room;

    *t = (struct nearest){0};
    if (linmap_init(&t->products, ops, centroids, k, dim, e) < 0)
        return e->code;
    room = linmap_panels(&t->products) * PANEL;
    t->norm = mem_array(room, sizeof *t->norm, e);
    if (!t->norm) {
        nearest_free(t);
        return e->code;
    }
    for (size_t i = 0; i < room; i++)
        t->norm[i] = i < k ? (float)vec_norm2(centroids + i * dim, dim) : __builtin_inff();
    return 0;
}

void nearest_add(struct nearest *t, const float *add)
{
    for (size_t i = 0; i < t->products.out; i++)
        t->norm[i] += add[i];
}

void nearest_free(struct nearest *t)
{
    linmap_free(&t->products);
    free(t->norm);
    *t = (struct nearest){0};
}

static void find_block(const struct nearest *t, const struct nearest_ops *lanes, const float *x,
                       size_t n, uint32_t *best)
{
    float tile[BLOCK * PANEL] __attribute__((aligned(64)));
    float key[BLOCK * PANEL] __attribute__((aligned(64)));
    uint32_t at[BLOCK * PANEL] __attribute__((aligned(64)));

    for (size_t p = 0; p < linmap_panels(&t->products); p++) {
        uint32_t first = (uint32_t)p * PANEL;

        linmap_tile(&t->products, p, x, n, tile);
        lanes->offer(tile, n, t->norm + first, first, p == 0, key, at);
    }
    lanes->settle(key, at, n, best);
}

void nearest_find(const struct nearest *t, const float *x, size_t n, uint32_t *best)
{
    const struct nearest_ops *lanes = kernels(t->products.ops);

    for (size_t i = 0; i < n; i += BLOCK)
        find_block(t, lanes, x + i * t->products.in, n - i < BLOCK ? n - i : BLOCK, best + i);
}
