/* base.h - all rows of a file in memory, in the file's own type: for what reads them at random and
 * many times. Any format that file.h reads; every row is checked.
 *
 * Memory   the rows, in huge pages; twice that for a moment where the input does not say how many.
 */
#ifndef VEC_BASE_H
#define VEC_BASE_H

#include "vec/file.h"

struct vec_base {
    struct vec_rows rows;
    void *p;
    size_t bytes; /* of the mapping */
};

int vec_base_load(struct vec_base *b, const char *path, const struct vec_read_opts *o,
                  struct err *e);
void vec_base_free(struct vec_base *b); /* {0} is fine */

#endif
