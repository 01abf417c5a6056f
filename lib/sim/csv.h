/* csv.h - lines of a small table (field.h), with no quotes inside fields.
 *
 * A table's reader is called with one line after the other, its fields as C strings.
 */
#ifndef SIM_CSV_H
#define SIM_CSV_H

#include <stddef.h>

#include "base/err.h"

enum { CSV_FIELDS_MOST = 16 };

struct csv_line {
    const char *field[CSV_FIELDS_MOST];
    size_t n;
};

/* ERR_INPUT from `line` gets file and line in front. Comment lines ("# key=value") come as one
 * field that begins with '#'. Empty lines are left out. */
int csv_read(const char *path, int (*line)(void *ctx, const struct csv_line *l, struct err *e),
             void *ctx, struct err *e);
/* Field i as a number. */
int csv_number(const struct csv_line *l, size_t i, double *v, struct err *e);

#endif
