/* sort.h - numbers in order, the smallest first; none is NaN. */
#ifndef BASE_SORT_H
#define BASE_SORT_H

#include <stddef.h>

void sort_doubles(double *v, size_t n);
void sort_floats(float *v, size_t n);

#endif
