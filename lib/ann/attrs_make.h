/* attrs_make.h - what attrs_make.c collects and attrs_end.c makes sections of: attrs.h. */
#ifndef ANN_ATTRS_MAKE_H
#define ANN_ATTRS_MAKE_H

#include "ann/attrs.h"
#include "base/names.h"

/* A value is kept as a key: bytes in the order of the values, so that every type is collected,
 * sorted and copied in one way: of bool, int and float 8 bytes, of strings their own. A row has the
 * number of its key, 1 and up as they came, 0: none. */
struct make_column {
    char *name;
    size_t name_len;
    enum attr_type type;
    bool declared, text;  /* text: keys are texts, whose type is found at the end */
    struct names *values; /* of a set column: strings in sets */
    uint32_t *number;     /* [rows] of rows so far; of a set column ATTR_SET_* */
    size_t rows, cap;
    uint32_t now;       /* of the row under way */
    uint32_t *member;   /* of a set column: pairs of a number and a row */
    uint32_t *pair_row; /* [pairs] */
    size_t pairs, settled, member_cap, pair_cap;
    uint32_t *last; /* of a number: the row, + 1, that had it last */
    size_t last_cap;
};

struct attrs_maker {
    struct make_column *column;
    uint32_t *touched; /* columns that the row under way has values in */
    size_t cap, touched_cap, n_touched;
    uint32_t n;
    uint64_t rows;
    bool fixed, picks;
};

enum { KEY = 8 };

int64_t key_int(const char *key);
double key_float(const char *key);
/* The key of a value in a column of this type into key[], or of text its own, and *len; NULL: it is
 * a NaN. */
const char *key_of(enum attr_type type, const struct attr_value *v, char key[KEY], size_t *len);

/* attrs_end.c: the column's values become another type's: integers floats, texts what they say.
 * ERR_INPUT: a text is none, and *at is its number. */
int make_convert(struct make_column *c, enum attr_type to, uint32_t *at, struct err *e);
/* attrs_make.c: rows up to here have no value, where they have none yet. */
int make_fill(struct make_column *c, uint64_t rows, struct err *e);
int make_pair(struct make_column *c, uint32_t number, uint32_t row, struct err *e);

#endif
