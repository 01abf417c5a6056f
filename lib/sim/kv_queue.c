/* kv_queue.c - see kv_queue.h. */
#include "sim/kv_queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void kv_queue_pass(struct kv_queue *q)
{
    size_t passed = 0;

    for (; passed < q->holes && q->hole[passed].from <= q->front; passed++)
        q->front += q->hole[passed].to - q->hole[passed].from;
    q->holes -= passed;
    memmove(q->hole, q->hole + passed, q->holes * sizeof *q->hole);
}

int kv_queue_pull(struct kv_queue *q, uint64_t from, uint64_t to, struct err *e)
{
    size_t at = q->holes;

    if (mem_reserve(&q->hole, &q->cap, q->holes + 1, sizeof *q->hole, e) < 0)
        return e->code;
    for (q->holes++; at > 0 && q->hole[at - 1].from > from; at--)
        q->hole[at] = q->hole[at - 1];
    q->hole[at] = (struct kv_hole){from, to};
    return 0;
}

uint64_t kv_queue_length(const struct kv_queue *q)
{
    uint64_t n = q->back - q->front;

    for (size_t i = 0; i < q->holes; i++)
        n -= q->hole[i].to - q->hole[i].from;
    return n;
}

void kv_queue_free(struct kv_queue *q)
{
    free(q->hole);
    *q = (struct kv_queue){0};
}
