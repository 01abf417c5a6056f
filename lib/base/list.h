/* list.h - numbers and words with commas between them, as options take them: "16,32,64". */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stddef.h>

/* How many there are; 0: something is no number (num.h), or there are more than `most`. */
size_t list_numbers(const char *s, double *v, size_t most);
/* The next item, of *len bytes, and *list behind it; NULL after the last. */
const char *list_item(const char **list, size_t *len);

#endif
