/* cook.h - rows as they are to be written: of another type, of length 1.
 *
 * Errors   those of vec_read(), and ERR_INPUT naming file, row and what does not fit.
 * Memory   room for `batch` rows, twice.
 * Threads  one thread.
 */
#ifndef VEC_COOK_H
#define VEC_COOK_H

#include "vec/file.h"

struct vec_cook {
    uint32_t dim;
    enum vec_type type; /* that rows become */
    bool normalize;     /* they become f32 first, of length 1; a zero row is bad */
    bool skip_bad;      /* rows that cannot become so are left out and counted */
    uint64_t batch;     /* rows at a time; set here, as are the following */
    uint64_t skipped;
    unsigned char *raw, *cooked;
};

/* dim, type, normalize and skip_bad are the caller's. */
int vec_cook_init(struct vec_cook *c, struct err *e);
void vec_cook_free(struct vec_cook *c);
/* The type of rows before they become another. */
enum vec_type vec_cook_from(const struct vec_cook *c, const struct vec_reader *r);
/* Up to n <= batch rows of r as they are to be, at *rows; how many of them are good. *end is set
 * where no more will come. */
int64_t vec_cook_read(struct vec_cook *c, struct vec_reader *r, uint64_t n, unsigned char **rows,
                      bool *end, struct err *e);

#endif
