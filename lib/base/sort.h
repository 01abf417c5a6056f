/* sort.h - numbers in order, the smallest first; none is NaN. */
#ifndef BASE_SORT_H
#define BASE_SORT_H

#include <stddef.h>

void sort_doubles(double *v, size_t n);
void sort_floats(float *v, size_t n);
/* Of n in order, the one that a share p of them stays below: v[floor(p n)], or the last; 0 of none.
 */
float sorted_at(const float *v, size_t n, double p);

#endif
