/* list.h - numbers with commas between them, as options take them: "16,32,64". */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stddef.h>

/* How many there are; 0: something is no number (num.h), or there are more than `most`. */
size_t list_numbers(const char *s, double *v, size_t most);

#endif
