/* trace_sort.h - lines of a trace, held in memory and handed back in the order of their times;
 * equal times as they came. */
#ifndef SIM_TRACE_SORT_H
#define SIM_TRACE_SORT_H

#include "base/mem.h"
#include "sim/trace.h"

struct trace_sort_line {
    int64_t t_ns;
    uint64_t at; /* in text */
};

struct trace_sort { /* {0} is an empty one */
    struct buf text;
    struct trace_sort_line *v;
    size_t n, cap;
};

int trace_sort_add(struct trace_sort *s, const struct trace_record *rec, struct err *e);
/* After the last: s->v is in order. */
void trace_sort_end(struct trace_sort *s);
/* Line i, newline included. */
const char *trace_sort_line(const struct trace_sort *s, size_t i, size_t *len);
void trace_sort_free(struct trace_sort *s);

#endif
