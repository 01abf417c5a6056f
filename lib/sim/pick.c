/* pick.c - see pick.h. */
#include "sim/pick.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* The kept values of a column of `size` bytes; a column that is absent stays so. */
static int column(void *to, const void *from, size_t size, const struct trace_set *t,
                  const bool *keep, uint32_t n, struct err *e)
{
    char *out;

    if (!from)
        return 0;
    if (!(out = mem_array(n, size, e)))
        return e->code;
    *(void **)to = out;
    for (uint32_t i = 0; i < t->n; i++)
        if (keep[i]) {
            memcpy(out, (const char *)from + (size_t)i * size, size);
            out += size;
        }
    return 0;
}

#define COLUMN(m) column(&out->m, t->m, sizeof *t->m, t, keep, out->n, e)

/* The kept spans of a column of which request i has [end[i-1], end[i]). */
static int spans(uint64_t **to_end, void *to, const uint64_t *end, const void *from, size_t size,
                 const struct trace_set *t, const bool *keep, uint32_t n, struct err *e)
{
    uint64_t all = 0, k = 0;
    char *out;

    if (!end)
        return 0;
    for (uint32_t i = 0; i < t->n; i++)
        all += keep[i] ? end[i] - (i ? end[i - 1] : 0) : 0;
    if (!(*to_end = mem_array(n, sizeof **to_end, e)) || !(out = mem_array(all, size, e)))
        return e->code;
    *(void **)to = out;
    all = 0;
    for (uint32_t i = 0; i < t->n; i++) {
        uint64_t begin = i ? end[i - 1] : 0, len = end[i] - begin;

        if (!keep[i])
            continue;
        if (len > 0)
            memcpy(out + all * size, (const char *)from + begin * size, len * size);
        all += len;
        (*to_end)[k++] = all;
    }
    return 0;
}

static int links(struct trace_set *out, const struct trace_set *t, const bool *keep, struct err *e)
{
    uint32_t *number, n = 0, k = 0;

    if (!t->after_end)
        return 0;
    number = mem_array(t->n, sizeof *number, e);
    out->after_end = mem_array(out->n, sizeof *out->after_end, e);
    out->after = mem_array(t->n ? t->after_end[t->n - 1] : 0, sizeof *out->after, e);
    for (uint32_t i = 0; number && out->after_end && out->after && i < t->n; i++) {
        uint32_t n_after;
        const uint32_t *after = trace_set_after(t, i, &n_after);

        number[i] = n;
        for (uint32_t a = 0; keep[i] && a < n_after; a++)
            if (keep[after[a]])
                out->after[k++] = number[after[a]];
        if (keep[i])
            out->after_end[n++] = k;
    }
    free(number);
    return number && out->after_end && out->after ? 0 : e->code;
}

/* Races and outputs that go by others are decided: the lengths are what came of them. */
static int programs(struct trace_set *out, const struct trace_set *t, const bool *keep,
                    struct err *e)
{
    struct trace_program *to;

    if (!t->program)
        return 0;
    if (!(to = out->program = mem_array(out->n, sizeof *to, e)))
        return e->code;
    for (uint32_t i = 0; i < t->n; i++) {
        const struct trace_program *p = &t->program[i];
        const uint32_t *joined = t->after && i ? t->after + t->after_end[i - 1] : t->after;

        if (!keep[i])
            continue;
        *to = (struct trace_program){
            .common = p->common, .reuse = p->reuse, .background = p->background};
        for (uint32_t k = 0; k < p->joins; k++)
            to->joins += keep[joined[k]];
        to++;
    }
    return 0;
}

int trace_pick(struct trace_set *out, const struct trace_set *t, const bool *keep, struct err *e)
{
    *out = (struct trace_set){
        .block = t->block, .sessions = t->sessions, .tools = t->tools, .categories = t->categories};
    for (uint32_t i = 0; i < t->n; i++)
        out->n += keep[i];
    if (COLUMN(t_ns) == 0 && COLUMN(prompt) == 0 && COLUMN(output) == 0 && COLUMN(tool_ns) == 0 &&
        COLUMN(priority) == 0 && COLUMN(session) == 0 && COLUMN(tool) == 0 &&
        COLUMN(category) == 0 && COLUMN(model) == 0 &&
        spans(&out->id_end, &out->ids, t->id_end, t->ids, 1, t, keep, out->n, e) == 0 &&
        spans(&out->hash_end, &out->hashes, t->hash_end, t->hashes, sizeof *t->hashes, t, keep,
              out->n, e) == 0 &&
        links(out, t, keep, e) == 0 && programs(out, t, keep, e) == 0)
        return 0;
    trace_set_free(out);
    return e->code;
}
