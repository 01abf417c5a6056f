/* fixed.h - decimal text as a whole number of small units: "4.314579" seconds are 4314579000 ns, to
 * the digit, which a double would not give.
 */
#ifndef BASE_FIXED_H
#define BASE_FIXED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* p[0..len) is a decimal number (sign, digits, point, exponent: [+-]d*[.d*][e[+-]d*], a digit at
 * least), *v its value times 10^digits, rounded to the nearest, halves away from zero. digits: 0 to
 * 18. False, and *v as it was, if it is no such number or does not fit: INT64_MIN is of no number.
 */
bool fixed_parse(const char *p, size_t len, int digits, int64_t *v);

/* *v times x, rounded the same way; false where that does not fit, or x is not finite. */
bool fixed_scale(int64_t *v, double x);

#endif
