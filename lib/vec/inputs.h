/* inputs.h - several vector files as one run of rows, one after the other.
 *
 * All but the open one are closed; rows are numbered through all of them.
 *
 * Errors   those of file.h.
 * Memory   the caller owns it and closes it; paths stay the caller's.
 * Threads  one thread.
 */
#ifndef VEC_INPUTS_H
#define VEC_INPUTS_H

#include "vec/file.h"

struct vec_inputs {
    char *const *path; /* n of them; n 0: standard input */
    size_t n;
    struct vec_read_opts read;
    bool text_ids; /* text holds ids: in binary files they are told by the type */
    /* kept up by the functions below */
    struct vec_reader
        *r; /* the input that is open: number `at`, whose first row is number `base` */
    size_t at;
    uint64_t base;
    uint64_t known;   /* rows of all, good and bad; VEC_UNKNOWN */
    bool can_seek;    /* all of them, and how many rows there are is known */
    uint64_t skipped; /* bad rows of those that are closed */
};

/* Opens the first, and looks at every other that can be opened twice. path, n, read and text_ids
 * are the caller's. */
int vec_inputs_open(struct vec_inputs *in, struct err *e);
size_t vec_inputs_count(const struct vec_inputs *in);
/* Goes on to input i, which may be the open one. */
int vec_inputs_step(struct vec_inputs *in, size_t i, struct err *e);
/* Goes on to the input that holds row `row` of all, which is not before the open one's; every
 * input's rows are known. */
int vec_inputs_find(struct vec_inputs *in, uint64_t row, struct err *e);
void vec_inputs_close(struct vec_inputs *in);

#endif
