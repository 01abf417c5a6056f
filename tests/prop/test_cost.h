/* test_cost.h - a cost model whose steps take as long as a test says: its step_us(), which stands
 * above where this is included.
 */
#ifndef PROP_TEST_COST_H
#define PROP_TEST_COST_H

#include "sim/cost_int.h"

static int test_us(const void *model, const struct cost_shape *s, double *us,
                   struct cost_parts *parts, struct err *e)
{
    (void)model, (void)parts, (void)e;
    *us = step_us(s);
    return 0;
}

static void test_memory(const void *model, struct cost_memory *m)
{
    (void)model;
    *m = (struct cost_memory){.kv_bytes = 1000};
}

static const struct cost_kind test_kind = {.name = "test", .us = test_us, .memory = test_memory};
static const struct cost test_cost = {.kind = &test_kind};

#endif
