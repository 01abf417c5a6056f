/* attrs.h - attributes of rows: typed columns that a predicate (where.h) chooses rows by. Inside
 * this domain only.
 *
 * A column is a sorted dictionary of its different values, which have the codes 1 .. distinct in
 * their order, and a code a row, 0 where there is none (NULL). So whatever a predicate asks of a
 * value is a few ranges of codes, and what it costs does not depend on the type:
 *   - how many rows have codes of a range is a difference of two sums that the index holds,
 *   - rows of rare values stand in lists (by value, ascending, Elias-Fano coded: 2 + log2(rows/c)
 *     bits a row for a value of c rows), and a narrow range walks them: its time goes by matches,
 *   - a wide range compares the packed codes of all rows, by vector instructions.
 *
 * A set column is a dictionary of the strings in its sets; its rows have the code 0 (NULL), 1 (the
 * empty set) or 2 (a set that has some), and every string its rows: a list, or a bitmap where
 * they are many.
 *
 * Four sections, in an index of any kind, by row number whatever order the kind keeps rows in:
 *   ATTH  struct attrs_head; struct attrs_meta of each column; names, each with a NUL
 *   ATTD  dictionaries       ATTC  codes       ATTL  sums, places and lists
 * each column's part at a multiple of 64, with bytes of zero behind the last, so that kernels
 * may read too far. attrs_int.h has their bytes.
 *
 * A struct attrs is the same thing opened from an index and just made in memory (to be written, or
 * for a kind that looks at attributes while it is built).
 *
 * Whatever the bytes, no look leaves the sections and no row is given that is not there: lengths
 * are checked when opened, codes and lists are clamped where they are used. attrs_check() reads
 * everything.
 *
 * Threads  immutable once it is there: share it.
 */
#ifndef ANN_ATTRS_H
#define ANN_ATTRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"
#include "base/err.h"
#include "base/sect.h"

enum attr_type {
    ATTR_NONE,   /* nothing but NULL: may be compared with anything, and is never true */
    ATTR_BOOL,   /* false before true */
    ATTR_INT,    /* int64 */
    ATTR_FLOAT,  /* float64, -0.0 is 0.0; no NaN: what is none is NULL; infinities are values */
    ATTR_STRING, /* UTF-8, in the order of its bytes */
    ATTR_SET     /* of strings, each once */
};

/* "none", "bool", "int", "float", "string", "set". */
const char *attr_type_name(enum attr_type t);

enum {
    ATTRS_COLUMNS_MOST = 1024,
    ATTRS_NAME_MOST = 255, /* bytes */
    ATTR_SET_NULL = 0,     /* codes of rows of a set column */
    ATTR_SET_EMPTY = 1,
    ATTR_SET_SOME = 2
};
#define ATTRS_DISTINCT_MOST UINT32_C(0xfffffffe)
#define ATTRS_SECTIONS      "ATTHATTDATTCATTL"

/* Bitmaps of rows: bit r % 64 of word r / 64; bits behind the last row are 0 in all that is made
 * here. */
#define ATTRS_WORDS(rows) (((rows) + 63) / 64)

struct attrs_column {
    const char *name; /* UTF-8 and a NUL */
    enum attr_type type;
    uint32_t distinct; /* of a set column: strings */
    uint64_t nulls, rows;
    uint64_t bytes; /* in the index */

    /* private */
    unsigned bits;       /* of a packed code */
    unsigned value_bits; /* of a packed value, or of the end of a string */
    unsigned sum_bits, place_bits;
    int64_t base; /* the least value */
    const uint8_t *values, *codes, *sums, *places, *lists;
    const char *text;
    uint64_t text_bytes, list_bytes, pairs;
};

struct attrs_ops;
struct attrs_made;

struct attrs {
    uint64_t rows;
    uint32_t n;
    struct attrs_column *column; /* [n] in the order of the file they are from */
    const struct attrs_ops *ops; /* kernels of this CPU */
    struct attrs_made *made;     /* what it owns if it was made; else NULL */
};

/* ---- in an index ---- */

/* *a has n = 0 where the sections are missing. */
int attrs_open(struct attrs *a, const struct sect_file *s, uint64_t rows, enum cpu_level cpu,
               struct err *e);
void attrs_close(struct attrs *a); /* also of one that was made; {0} is fine */
/* Dictionaries ascend, codes and lists agree and fill what they should. */
int attrs_check(const struct attrs *a, const struct sect_file *s, struct err *e);
/* Writes the four sections; nothing for n = 0. */
int attrs_save(const struct attrs *a, struct sect_writer *w, struct err *e);

/* ---- looking at it ---- */

#define ATTRS_NO_COLUMN UINT32_MAX

uint32_t attrs_find(const struct attrs *a, const char *name, size_t len);
/* The column whose name is nearest to one that is not there; ATTRS_NO_COLUMN if none is near. */
uint32_t attrs_near(const struct attrs *a, const char *name, size_t len);

/* The code of a row, at most distinct (of a set column: enum ATTR_SET_*). row < rows. */
uint32_t attrs_code(const struct attrs_column *c, uint64_t row);

/* The value of a code, 1 .. distinct (clamped), of a column of that type. */
bool attrs_bool(const struct attrs_column *c, uint32_t code);
int64_t attrs_int(const struct attrs_column *c, uint32_t code);
double attrs_float(const struct attrs_column *c, uint32_t code);
const char *attrs_string(const struct attrs_column *c, uint32_t code, size_t *len); /* and sets */

/* A value to look for: of ATTR_INT and ATTR_FLOAT columns either of both, compared exactly. */
struct attr_value {
    enum attr_type type; /* ATTR_BOOL, INT, FLOAT (no NaN), STRING */
    union {
        bool b;
        int64_t i;
        double f;
        struct {
            const char *p;
            size_t len;
        } s;
    } as;
};

/* How many codes have a value less than v: so v's own code, if it is there, is the next; *there
 * says so. Column and value must be comparable (attrs_comparable). */
uint32_t attrs_below(const struct attrs_column *c, const struct attr_value *v, bool *there);
/* The code's value against v: below 0, 0, above 0. */
int attr_order(const struct attrs_column *c, uint32_t code, const struct attr_value *v);
bool attrs_comparable(enum attr_type column, enum attr_type value);

/* ---- rows of codes ---- */

/* Codes lo .. hi, hi included; lo <= hi <= distinct; 0 is NULL. */
struct attr_range {
    uint32_t lo, hi;
};

/* Exact number of rows with a code of the range, from the sums alone (of a set column: of pairs of
 * row and string). */
uint64_t attrs_count(const struct attrs_column *c, struct attr_range r);

/* What to do with a bitmap's words. */
enum attrs_put {
    ATTRS_SET, /* they are made */
    ATTRS_AND,
    ATTRS_OR
};

/* Rows whose code is in one of n ranges (ascending, apart) into bits[ATTRS_WORDS(rows)]. Of a set
 * column codes are of strings, 0 is in no range, and rows are those that have at least one of
 * them. spare: ATTRS_WORDS(rows) + 1 words. */
void attrs_rows(const struct attrs *a, uint32_t column, const struct attr_range *r, size_t n,
                enum attrs_put put, uint64_t *bits, uint64_t *spare);
/* The same of a set column by the codes of its rows, ATTR_SET_*. */
void attrs_rows_state(const struct attrs *a, uint32_t column, struct attr_range r,
                      enum attrs_put put, uint64_t *bits);
/* How many bits are set. */
uint64_t attrs_popcount(const struct attrs *a, const uint64_t *bits);

/* ---- making (attrs_make.c) ---- */

/* Rows are told one after the other: for each the columns that have a value, in any order, then
 * attrs_make_row(). */
struct attrs_maker;

int attrs_make(struct attrs_maker **m, struct err *e);
void attrs_make_free(struct attrs_maker *m); /* NULL is fine */
/* A new column, whose earlier rows are NULL; type ATTR_NONE: that of its values, where int and
 * float give float. ERR_INPUT: a name that is there, is empty or too long or no UTF-8; too many. */
int attrs_make_column(struct attrs_maker *m, const char *name, size_t len, enum attr_type type,
                      uint32_t *column, struct err *e);
enum attr_type attrs_make_type(const struct attrs_maker *m, uint32_t column);
const char *attrs_make_name(const struct attrs_maker *m, uint32_t column);
uint32_t attrs_make_find(const struct attrs_maker *m, const char *name, size_t len);
/* The value of the row under way. ERR_INPUT: another type than the column's, a second value, a
 * string that is no UTF-8: sentences that do not name the column. A NaN is NULL. */
int attrs_make_value(struct attrs_maker *m, uint32_t column, const struct attr_value *v,
                     struct err *e);
/* The same as text, of a column that has no other values: at the end it is of the type that all its
 * texts are: int, float, bool, else string. */
int attrs_make_text(struct attrs_maker *m, uint32_t column, const char *p, size_t len,
                    struct err *e);
/* Text as a value of a type (no set); false if it is none. *v of type ATTR_NONE: NULL. */
bool attr_parse(enum attr_type type, const char *p, size_t len, struct attr_value *v);
/* The row has a set there, so far empty; then its strings, twice counts once. */
int attrs_make_set(struct attrs_maker *m, uint32_t column, struct err *e);
int attrs_make_member(struct attrs_maker *m, uint32_t column, const char *p, size_t len,
                      struct err *e);
int attrs_make_row(struct attrs_maker *m, struct err *e); /* the row is at its end */
uint64_t attrs_make_rows(const struct attrs_maker *m);
/* Takes back what the row under way was told. */
void attrs_make_undo(struct attrs_maker *m);
/* From now on no column comes to be, and none changes its type. */
void attrs_make_fix(struct attrs_maker *m);
/* Members of objects that are of no column that is there are passed over. */
void attrs_make_pick(struct attrs_maker *m);
bool attrs_make_picks(const struct attrs_maker *m);
/* All rows of others; those whose bit first + row is in `dead` (NULL: none) are left out if
 * compact, else have no values. Columns that are not there yet come to be. */
struct attrs_copy {
    const struct attrs *from;
    const uint64_t *dead;
    uint64_t first;
    bool compact;
};
int attrs_make_copy(struct attrs_maker *m, const struct attrs_copy *copy, struct err *e);
/* All that was told, in *a, whose close frees it. The same
 * bytes for the same rows, whatever the order in which values came. On ERR_INPUT, of a text that is
 * an integer too large, *row is the row it is of. */
int attrs_make_end(struct attrs_maker *m, struct attrs *a, enum cpu_level cpu, uint64_t *row,
                   struct err *e);

/* ---- from a file (attrs_read.c) ---- */

/* A file of `rows` rows (VEC_UNKNOWN: of any number): all of its columns, or `only` those named,
 * with commas between: ERR_INPUT names file, line and, where they differ, both counts. */
int attrs_read(struct attrs *a, const char *path, const char *only, uint64_t rows,
               enum cpu_level cpu, struct err *e);
/* One row, from the members of a JSON object p[0..len): {"year":2020,"tags":["a"]}. Where it fails
 * the row under way is taken back. */
int attrs_read_object(struct attrs_maker *m, const char *p, size_t len, struct err *e);

#endif
