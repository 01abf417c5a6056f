/* held.h - which lists hold the rows of a filter, and how many: counted once, before a list is
 * looked at, by who knows of each row which list it is in. So only such lists are met, the nearest
 * first, and when they are enough is known.
 *
 * Cost     about a nanosecond or two for each row that is allowed; queries of the same rows share
 *          it.
 * Threads  a held belongs to one.
 */
#ifndef ANN_HELD_H
#define ANN_HELD_H

#include "ann/allowed.h"
#include "ann/ann.h"

enum { HELD_ROWS = 384 + ALLOWED_ROOM }; /* that are looked at together */

struct held {
    const struct allowed_ops *ops;
    const uint64_t *of; /* their bits; NULL: none yet */
    uint32_t *count;    /* [lists]: rows of each */
    uint32_t *list;     /* [n]: those that hold any */
    size_t n;
    uint64_t rows, kept; /* of all lists; there is room for so many of them */
    uint32_t *row, *in;  /* [rows], unless none are kept: rows, and their lists */
};

/* kept: rows that are allowed are no more; 0: they need not be known afterwards. */
int held_init(struct held *h, uint64_t lists, uint64_t kept, enum cpu_level cpu, struct err *e);
void held_free(struct held *h); /* {0} is fine */
/* Rows `at` gives are counted by list_of[row], which is looked at only where it is below `lists`.
 */
void held_count(struct held *h, struct allowed_at at, const uint32_t *list_of, uint64_t lists);

/* When lists are enough: they hold `seen` of the rows, are `lists`, and hold `rows`. */
struct held_need {
    double seen;
    uint64_t lists, rows;
};

/* How many of near[h->n], the lists as places by their distance, are enough: these come first then,
 * in order. */
size_t held_enough(const struct held *h, uint64_t *near, const struct held_need *need);

#endif
