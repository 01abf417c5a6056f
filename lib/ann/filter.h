/* filter.h - how a search goes that may find some rows only, by how many they are.
 *
 *   none    no row is allowed
 *   exact   few are: they are gathered, all of them are compared
 *   walk    graph: a walk that looks through rows that are not allowed at those behind them
 *   lists   ivf: lists are scanned in their order until enough allowed rows were met
 *   leaves  hqi: of leaves whose rows may match the nearest lists are scanned
 *   all     every row is allowed: no filter
 *
 * Few: what a walk or lists would look at costs more. Both look at more rows the fewer are allowed,
 * of which some are found in vain; where they end with less than k, or where a walk would go on
 * for longer than looking at all allowed rows takes, these are looked at.
 */
#ifndef ANN_FILTER_H
#define ANN_FILTER_H

#include <stddef.h>
#include <stdint.h>

enum filter_how { FILTER_NONE, FILTER_EXACT, FILTER_WALK, FILTER_LISTS, FILTER_LEAVES, FILTER_ALL };

/* What a plan depends on. */
struct filter_case {
    enum filter_how kind; /* of the index: FILTER_WALK, _LISTS or _LEAVES */
    uint64_t rows, count; /* rows of the index; allowed ones */
    uint32_t k, effort;   /* of a search without a filter */
};

struct filter_plan {
    enum filter_how how;
    uint64_t few; /* up to so many allowed rows are compared one by one */
};

struct filter_plan filter_plan(const struct filter_case *c);
const char *filter_name(enum filter_how how);
/* Why, as far as it fits. */
void filter_why(const struct filter_case *c, const struct filter_plan *p, char *text, size_t room);

#endif
