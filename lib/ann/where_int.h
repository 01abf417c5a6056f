/* where_int.h - the tree that where_parse.c reads from a text and where.c makes a program of. */
#ifndef ANN_WHERE_INT_H
#define ANN_WHERE_INT_H

#include "ann/where.h"

/* A test, or what joins trees: below AND and OR `child` is the first, `next` the one beside. */
struct where_tree {
    enum where_kind kind;
    uint32_t column;
    struct attr_range *range;
    size_t n, cap;
    struct where_tree *child, *next;
    struct where_tree *made; /* all that were made, to be freed: the one before */
};

/* Ranges of codes, ascending and apart, of the same codes. */
size_t where_settle_ranges(struct attr_range *r, size_t n);
/* Codes from .. to that were in no range of t, which are settled. */
int where_complement(struct where_tree *t, uint32_t from, uint32_t to, struct err *e);
/* *root is the predicate, without negations; *all the tree made last, whose chain is to be freed
 * also on failure. */
int where_parse(struct where_tree **root, struct where_tree **all, const struct attrs *a,
                const char *text, size_t len, struct err *e);

#endif
