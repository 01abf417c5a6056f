/* kv_queue.h - the queue of free blocks as numbers alone, for traces without hashes: blocks join it
 * at the back and are taken from the front, and what a place in it has become is known without the
 * blocks themselves. A request that restarts finds there its own blocks again, as long as nobody
 * has taken them, and pulls them out of the middle.
 *
 * Cost     a few additions a call; a little more for each stretch that was pulled out.
 */
#ifndef SIM_KV_QUEUE_H
#define SIM_KV_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct kv_hole {
    uint64_t from, to; /* places [from, to) were pulled out */
};

struct kv_queue {         /* {0} is empty */
    uint64_t front, back; /* the last place that was taken; that joined. The first is 1 */
    struct kv_hole *hole; /* [holes]: in order, all behind the front */
    size_t holes, cap;
};

static inline void kv_queue_join(struct kv_queue *q, uint32_t n)
{
    q->back += n;
}
/* The front has come to a hole. */
void kv_queue_pass(struct kv_queue *q);
/* There are as many. */
static inline void kv_queue_take(struct kv_queue *q, uint32_t n)
{
    q->front += n;
    if (q->holes > 0 && q->hole[0].from <= q->front)
        kv_queue_pass(q);
}
/* Places [from, to), which are behind the front, and not out yet. */
int kv_queue_pull(struct kv_queue *q, uint64_t from, uint64_t to, struct err *e);
uint64_t kv_queue_length(const struct kv_queue *q);
void kv_queue_free(struct kv_queue *q);

#endif
