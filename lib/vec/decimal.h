/* decimal.h - components as text: read to the nearest f32, written as few digits as read back
 * equal.
 *
 * Cost     about 20 ns a number either way.
 * Threads  safe from any. Numbers are the C locale's.
 */
#ifndef VEC_DECIMAL_H
#define VEC_DECIMAL_H

#include <stdint.h>

enum { DECIMAL_MAX = 24 }; /* more than any of them takes */

/* The number that begins at s: a sign, digits with or without a point, an exponent; or nan, inf,
 * infinity in any case. Returns where it ends; NULL when none begins there. The text ends in a byte
 * that is no part of a number. Ties of the nearest go to even; what is too large is infinite. */
const char *decimal_get_f32(const char *s, float *v);
/* A sign and digits; NULL also when it does not fit, or goes on like a fraction. */
const char *decimal_get_i32(const char *s, int32_t *v);

/* Both return the end of what they wrote. v is finite. */
char *decimal_put_f32(char *p, float v);
char *decimal_put_i32(char *p, int32_t v);

#endif
