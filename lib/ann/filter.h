/* filter.h - how a search goes that may find some rows only, by how many they are.
 *
 *   none    no row is allowed
 *   exact   few are: they are gathered, all of them are compared
 *   walk    graph: a walk that looks through rows that are not allowed at those behind them
 *   lists   ivf: lists are scanned in their order until enough allowed rows were met
 *   leaves  hqi: of leaves whose rows may match the nearest lists are scanned
 *   rights  tenant: its lists in their order, of whose rows those that are allowed are compared
 *   disk    spann: of lists that hold allowed rows the nearest are read
 *   all     every row is allowed: no filter
 *
 * Few: to look at all of them costs less than a walk or lists do, which look at more rows the fewer
 * are allowed, of which some are found in vain. What is exact is so but for rows that their codes
 * misjudge grossly (gather.h). A walk that ends with less than k is followed by looking at all
 * allowed rows; lists end when there are k, or no more lists.
 *
 * Both kinds find the same where few rows are allowed; the graph is then several times as fast, as
 * its codes stand ready by row. From some hundredths of the rows on both are about as fast.
 */
#ifndef ANN_FILTER_H
#define ANN_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum filter_how {
    FILTER_NONE,
    FILTER_EXACT,
    FILTER_WALK,
    FILTER_LISTS,
    FILTER_LEAVES,
    FILTER_RIGHTS,
    FILTER_DISK,
    FILTER_ALL
};

/* What a plan depends on. */
struct filter_case {
    enum filter_how kind; /* of the index: none of FILTER_NONE, _EXACT, _ALL */
    uint64_t rows, count; /* rows of the index; allowed ones */
    uint64_t live;        /* of the rows, those that are not deleted */
    uint32_t k, effort;   /* of a search without a filter */
    bool counts;          /* FILTER_LISTS: which lists hold few allowed rows is counted before */
    uint64_t own;         /* FILTER_RIGHTS: rows of the tenant */
    double lists;         /* FILTER_DISK: how many, */
    double pages;         /* and of one on average; 0: rows cannot be read alone */
};

struct filter_plan {
    enum filter_how how;
    uint64_t few; /* up to so many allowed rows are compared one by one */
};

/* FILTER_DISK: so many times `effort` lists would on average hold the allowed rows that are met. */
double filter_growth(double rows, double count);
struct filter_plan filter_plan(const struct filter_case *c);
const char *filter_name(enum filter_how how);
/* Why, as far as it fits. */
void filter_why(const struct filter_case *c, const struct filter_plan *p, char *text, size_t room);

#endif
