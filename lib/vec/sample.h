/* sample.h - n rows of a stream, every choice of n equally likely, in one pass and without knowing
 * how many there are: each row draws a random number, the n smallest win. So the choice depends on
 * the seed and the number of rows alone, not on how they came.
 *
 * Cost     a comparison a row; memory for n rows, growing as they come.
 * Errors   ERR_MEM.
 * Threads  one thread.
 */
#ifndef VEC_SAMPLE_H
#define VEC_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct vec_sample;

/* n UINT64_MAX: all rows. row_bytes 0: only the rows' numbers are kept. */
int vec_sample_new(struct vec_sample **out, uint64_t n, size_t row_bytes, uint64_t seed,
                   struct err *e);
/* The next n rows, one after the other (NULL with row_bytes 0). */
int vec_sample_add(struct vec_sample *s, const void *rows, uint64_t n, struct err *e);
/* In the order in which they came, or a random one: after the last vec_sample_add(). */
void vec_sample_sort(struct vec_sample *s);
void vec_sample_shuffle(struct vec_sample *s);
uint64_t vec_sample_count(const struct vec_sample *s);
uint64_t vec_sample_number(const struct vec_sample *s, uint64_t i); /* from 0 */
const void *vec_sample_row(const struct vec_sample *s, uint64_t i);
void vec_sample_free(struct vec_sample *s); /* NULL is fine */

#endif
