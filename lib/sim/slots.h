/* slots.h - places of an array that grows: one is taken by who needs it, and used again once it is
 * given back, the one that has been free the longest first. Inside this domain only.
 */
#ifndef SIM_SLOTS_H
#define SIM_SLOTS_H

#include "sim/engine.h"

struct slots {     /* {0}: of an empty array */
    size_t n, cap; /* of the array */
    struct deque spare;
};

/* *v, a pointer to a pointer as in mem_reserve(), is the array; what is in the place is the
 * caller's to fill. */
int slots_take(struct slots *s, void *v, size_t size, uint32_t *slot, struct err *e);
int slots_give_back(struct slots *s, uint32_t slot, struct err *e);
void slots_free(struct slots *s); /* not the array */

#endif
