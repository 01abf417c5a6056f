/* columns.h - lines of tables that programs write: TSV or CSV, with or without quotes around
 * fields, in which no separator stands, on any system. Inside this domain only.
 */
#ifndef SIM_COLUMNS_H
#define SIM_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/utf8.h"

/* Off go the return of a line's end, and a byte order mark in front of the first. */
static inline void columns_trim(const char **line, size_t *len, bool first)
{
    size_t mark = first ? utf8_mark(*line, *len) : 0;

    *line += mark;
    *len -= mark;
    *len -= *len > 0 && (*line)[*len - 1] == '\r';
}

/* The field at *p, without quotes around it; *p goes on behind it. False at the line's end. */
static inline bool columns_next(const char **p, const char *end, char between, const char **from,
                                size_t *len)
{
    const char *stop;

    if (*p > end)
        return false;
    stop = memchr(*p, between, (size_t)(end - *p));
    stop = stop ? stop : end;
    *from = *p;
    *len = (size_t)(stop - *p);
    if (*len >= 2 && **from == '"' && stop[-1] == '"') {
        ++*from;
        *len -= 2;
    }
    *p = stop + 1;
    return true;
}

/* A header, behind "# " or not: which field each column is, and how many of them one is. False:
 * there are more than `most` columns. */
static inline bool columns_header(const char *p, size_t len, char between,
                                  int (*named)(const char *p, size_t len), int *column, size_t most,
                                  size_t *columns, size_t *known)
{
    const char *end = p + len, *from;
    size_t at;

    p += len > 2 && memcmp(p, "# ", 2) == 0 ? 2 : 0;
    *known = 0;
    for (*columns = 0; columns_next(&p, end, between, &from, &at); ++*columns) {
        if (*columns == most)
            return false;
        column[*columns] = named(from, at);
        *known += column[*columns] >= 0;
    }
    return true;
}

#endif
