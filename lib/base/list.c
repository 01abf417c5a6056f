/* list.c - see list.h. */
#include "base/list.h"

#include <string.h>

#include "base/num.h"

enum { NUMBER = 40 };

size_t list_numbers(const char *s, double *v, size_t most)
{
    size_t n = 0;

    for (;; n++) {
        size_t len = strcspn(s, ",");
        char text[NUMBER];
        if (n == most || len >= sizeof text)
            return 0;
        memcpy(text, s, len);
        text[len] = '\0';
        if (!num_double(text, &v[n]))
            return 0;
        if (!s[len])
            return n + 1;
        s += len + 1;
    }
}

const char *list_item(const char **list, size_t *len)
{
    const char *p = *list;

    if (!p || !*p)
        return NULL;
    *len = strcspn(p, ",");
    *list = p + *len + (p[*len] == ',');
    return p;
}
