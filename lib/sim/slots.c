/* slots.c - see slots.h. */
#include "sim/slots.h"

#include <stdlib.h>

#include "base/mem.h"

int slots_take(struct slots *s, void *v, size_t size, uint32_t *slot, struct err *e)
{
    if (s->spare.n > 0) {
        *slot = deque_pop_front(&s->spare);
        return 0;
    }
    if (mem_reserve(v, &s->cap, s->n + 1, size, e) < 0)
        return e->code;
    *slot = (uint32_t)s->n++;
    return 0;
}

int slots_give_back(struct slots *s, uint32_t slot, struct err *e)
{
    return deque_push_back(&s->spare, slot, e);
}

void slots_free(struct slots *s)
{
    free(s->spare.v);
    *s = (struct slots){0};
}
