/* where.h - predicates over attributes (attrs.h): text, a program, a bitmap of rows. Inside this
 * domain only.
 *
 *   predicate   or-ed     and-ed {or and-ed}
 *               and-ed    factor {and factor}
 *               factor    not factor | ( or-ed ) | true | false | test
 *               test      column                                of type bool
 *                         column = != < <= > >= value           == and <> too; value first, too
 *                         column [not] in ( value, ... )
 *                         column [not] between value and value
 *                         column is [not] null
 *                         column [not] has "x"                  of type set; `contains` too
 *                         column [not] has any|all ( "x", ... )
 *                         column is [not] empty                 of type set
 *               column    a word: letter, _ or byte above 127, then digits too; or any text in
 * `...` value     number | "text" | 'text' | true | false Words of the language in either case; a
 * column named like one stands in `...`. In a text a quote is doubled or has \ before it, and \\ \n
 * \t \r \uXXXX are what they are in JSON. Numbers are decimal, an integer of 64 bits is exact.
 *
 * Three values as in SQL: a test of a NULL is neither true nor false, but for `is null`; so neither
 * p nor not p has the row. `not` is carried down to the tests, where it is the complement among the
 * codes that are not NULL; then only "true" is left to be found, and a program is tests, and, or.
 *
 * Errors   ERR_USAGE with "column N: what is wrong", and a second and third line in *e: the part of
 *          the text around the place, and a caret under it. Column N counts characters, from 1.
 *          Bounds WHERE_TEXT_MOST bytes, WHERE_DEPTH_MOST open parentheses and `not`s,
 *          WHERE_OPS_MOST.
 * Threads  a program is immutable: share it; a space belongs to one thread.
 */
#ifndef ANN_WHERE_H
#define ANN_WHERE_H

#include "ann/attrs.h"

enum { WHERE_TEXT_MOST = 1 << 20, WHERE_DEPTH_MOST = 64, WHERE_OPS_MOST = 1 << 16 };

enum where_kind {
    WHERE_CODES, /* rows whose code is in the ranges; of a set: that have one of the strings */
    WHERE_LACKS, /* of a set: rows that have a set (not NULL) with none of the strings */
    WHERE_STATE, /* of a set: rows whose ATTR_SET_* is in the one range */
    WHERE_AND,   /* of the `args` nodes before it, each with all that is its own */
    WHERE_OR
};

/* A program is an array of nodes, arguments before what joins them; the last one is its whole. No
 * argument of an AND is an AND, none of an OR an OR; what is asked of one column that is no set, in
 * arguments of one node, is one test, and arguments of an AND that fewer rows fulfil stand behind
 * others: a run begins with the last. Never true: one OR without arguments; always: one AND
 * without. */
struct where_node {
    enum where_kind kind;
    uint32_t column;        /* of tests */
    uint32_t ranges, first; /* how many, and where they begin in `range` */
    uint64_t most;          /* rows that it is true of are no more */
    uint32_t args, size;    /* size: nodes that are its own, itself too */
};

struct where {
    const struct attrs *attrs; /* outlives it */
    struct where_node *node;
    size_t nodes;
    struct attr_range *range;
    size_t n_ranges;
    uint32_t temps; /* bitmaps that a run needs beside the result */
};

int where_compile(struct where **out, const struct attrs *a, const char *text, size_t len,
                  struct err *e);
void where_free(struct where *w); /* NULL is fine */

/* Room for runs: grows with the programs that are run in it. {0} is an empty one. */
struct where_space {
    uint64_t *words;
    size_t cap;
};

void where_space_free(struct where_space *s);

/* Rows for which the predicate is true, without those of `without` (bits of deleted rows; or
 * NULL), into bits[ATTRS_WORDS(rows)]; *count is their exact number. ERR_MEM. */
int where_run(const struct where *w, struct where_space *s, const uint64_t *without, uint64_t *bits,
              uint64_t *count, struct err *e);

#endif
