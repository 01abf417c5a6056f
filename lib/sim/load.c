/* load.c - records become columns. A column begins when the first record has something for it:
 * those above get nothing. */
#include "sim/load.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/names.h"

struct loader {
    struct trace_set *t;
    const struct trace_load_opts *o;
    size_t cap; /* of every column that there is */
    struct buf ids;
    size_t hashes_cap, after_cap, n_hashes, n_after;
    struct names *id, *session, *tool, *category;
    bool links; /* some record waits for another: ids are kept in `id` */
};

/* ---- columns ---- */

static int widen(void *column, size_t size, size_t from, size_t to, struct err *e)
{
    size_t cap = from;

    return *(void **)column ? mem_reserve(column, &cap, to, size, e) : 0;
}

static int grow(struct loader *l, struct err *e)
{
    struct trace_set *t = l->t;
    size_t to = l->cap ? l->cap + l->cap / 2 : 1024, from = l->cap;

    if (from == 0 && (!(t->t_ns = mem_array(to, sizeof *t->t_ns, e)) ||
                      !(t->prompt = mem_array(to, sizeof *t->prompt, e)) ||
                      !(t->output = mem_array(to, sizeof *t->output, e)) ||
                      !(t->id_end = mem_array(to, sizeof *t->id_end, e))))
        return e->code;
    if (from > 0 && (widen(&t->t_ns, sizeof *t->t_ns, from, to, e) < 0 ||
                     widen(&t->prompt, sizeof *t->prompt, from, to, e) < 0 ||
                     widen(&t->output, sizeof *t->output, from, to, e) < 0 ||
                     widen(&t->id_end, sizeof *t->id_end, from, to, e) < 0 ||
                     widen(&t->hash_end, sizeof *t->hash_end, from, to, e) < 0 ||
                     widen(&t->after_end, sizeof *t->after_end, from, to, e) < 0 ||
                     widen(&t->tool_ns, sizeof *t->tool_ns, from, to, e) < 0 ||
                     widen(&t->priority, sizeof *t->priority, from, to, e) < 0 ||
                     widen(&t->session, sizeof *t->session, from, to, e) < 0 ||
                     widen(&t->tool, sizeof *t->tool, from, to, e) < 0 ||
                     widen(&t->category, sizeof *t->category, from, to, e) < 0))
        return e->code;
    l->cap = to;
    return 0;
}

/* A column of 4 or 8 bytes that begins with record i: `empty` for those above. */
static int begin_column(const struct loader *l, void *column, size_t size, int empty, struct err *e)
{
    void **p = column;

    if (*p)
        return 0;
    if (!(*p = mem_array(l->cap, size, e)))
        return e->code;
    memset(*p, empty, l->t->n * size);
    return 0;
}

/* ---- fields ---- */

static int add_id(struct loader *l, const struct trace_record *rec, struct err *e)
{
    struct trace_set *t = l->t;

    if (buf_add(&l->ids, rec->id.p, rec->id.len, e) < 0)
        return e->code;
    t->id_end[t->n] = l->ids.len;
    return 0;
}

static int add_hashes(struct loader *l, const struct trace_record *rec, struct err *e)
{
    struct trace_set *t = l->t;
    size_t whole = rec->block ? (size_t)(rec->prompt / rec->block) : 0;
    size_t n = rec->n_hashes < whole ? rec->n_hashes : whole;

    if (rec->n_hashes + rec->n_out_hashes == 0 && !t->hash_end)
        return 0;
    if (begin_column(l, &t->hash_end, sizeof *t->hash_end, 0, e) < 0)
        return e->code;
    if (rec->block && t->block && rec->block != t->block)
        return err_set(e, ERR_INPUT, "its hashes stand for %llu tokens each, those above for %u",
                       (unsigned long long)rec->block, t->block);
    t->block = rec->block ? (uint32_t)rec->block : t->block;
    if (mem_reserve(&t->hashes, &l->hashes_cap, l->n_hashes + n + rec->n_out_hashes + 1,
                    sizeof *t->hashes, e) < 0)
        return e->code;
    for (size_t i = 0; i < n; i++)
        t->hashes[l->n_hashes++] = rec->hashes[i];
    for (size_t i = 0; i < rec->n_out_hashes; i++)
        t->hashes[l->n_hashes++] = rec->out_hashes[i];
    t->hash_end[t->n] = l->n_hashes;
    return 0;
}

/* The ids of all records above, from now on by name. Two that are the same cannot be left out any
 * more. */
static int know_ids(struct loader *l, struct err *e)
{
    uint64_t from = 0, number;

    l->links = true;
    for (uint32_t i = 0; i < l->t->n; i++) {
        if (names_add(l->id, l->ids.p + from, (size_t)(l->t->id_end[i] - from), &number, e) < 0)
            return e->code;
        if (number != i)
            return err_set(e, ERR_USAGE,
                           "two requests above have the id '%.*s', and this one "
                           "waits for another",
                           (int)(l->t->id_end[i] - from), l->ids.p + from);
        from = l->t->id_end[i];
    }
    return 0;
}

static int add_after(struct loader *l, const struct trace_record *rec, struct err *e)
{
    struct trace_set *t = l->t;
    uint64_t number;

    if (rec->n_after == 0 && !l->links)
        return 0;
    if ((!l->links && know_ids(l, e) < 0) ||
        begin_column(l, &t->after_end, sizeof *t->after_end, 0, e) < 0 ||
        mem_reserve(&t->after, &l->after_cap, l->n_after + rec->n_after + 1, sizeof *t->after, e) <
            0)
        return e->code;
    for (size_t i = 0; i < rec->n_after; i++) {
        const struct trace_text *id = &rec->after[i];

        number = names_find(l->id, id->p, id->len);
        if (number == NAMES_NONE)
            return err_set(e, ERR_INPUT, "it waits for '%.*s', which is no request above",
                           (int)(id->len < 80 ? id->len : 80), id->p);
        t->after[l->n_after++] = (uint32_t)number;
    }
    t->after_end[t->n] = (uint32_t)l->n_after;
    if (names_find(l->id, rec->id.p, rec->id.len) != NAMES_NONE)
        return err_set(e, ERR_INPUT, "its id is that of a request above");
    return names_add(l->id, rec->id.p, rec->id.len, &number, e);
}

static int add_name(struct loader *l, uint32_t **column, struct names *names,
                    const struct trace_text *text, struct err *e)
{
    uint64_t number = UINT32_MAX;

    if (!text->p && !*column)
        return 0;
    if (begin_column(l, column, sizeof **column, 0xff, e) < 0 ||
        (text->p && names_add(names, text->p, text->len, &number, e) < 0))
        return e->code;
    (*column)[l->t->n] = (uint32_t)number;
    return 0;
}

static int add_numbers(struct loader *l, const struct trace_record *rec, struct err *e)
{
    struct trace_set *t = l->t;

    if (rec->tool_ns != TRACE_ABSENT || t->tool_ns) {
        if (begin_column(l, &t->tool_ns, sizeof *t->tool_ns, 0, e) < 0)
            return e->code;
        t->tool_ns[t->n] = rec->tool_ns == TRACE_ABSENT ? 0 : rec->tool_ns;
    }
    if (rec->priority != TRACE_ABSENT || t->priority) {
        int64_t p = rec->priority == TRACE_ABSENT ? 0 : rec->priority;

        if (p > INT32_MAX || p < INT32_MIN)
            return err_set(e, ERR_INPUT, "its priority is beyond 32 bits");
        if (begin_column(l, &t->priority, sizeof *t->priority, 0, e) < 0)
            return e->code;
        t->priority[t->n] = (int32_t)p;
    }
    return 0;
}

static int check(const struct loader *l, const struct trace_record *rec, struct err *e)
{
    const struct trace_set *t = l->t;
    uint64_t most = l->o->most_tokens;

    if (t->n == UINT32_MAX - 1)
        return err_set(e, ERR_USAGE, "a trace has fewer than 2^32 requests");
    if (rec->t_ns == TRACE_ABSENT && !l->o->any_times)
        return err_set(e, ERR_INPUT, "it has no time");
    if (rec->t_ns > TRACE_NS_MOST || rec->tool_ns > TRACE_NS_MOST)
        return err_set(e, ERR_INPUT, "its time, or its tool's, is beyond 146 years");
    if (t->n > 0 && rec->t_ns < t->t_ns[t->n - 1] && !l->o->any_times)
        return err_set(e, ERR_INPUT, "its time goes back, %lld ns before the request above",
                       (long long)(t->t_ns[t->n - 1] - rec->t_ns));
    if (most && rec->prompt + rec->output > most)
        return err_set(e, ERR_INPUT, "its %llu tokens are more than the %llu there is room for",
                       (unsigned long long)(rec->prompt + rec->output), (unsigned long long)most);
    return 0;
}

static int add_fields(struct loader *l, const struct trace_record *rec, struct err *e)
{
    struct trace_set *t = l->t;

    if (add_numbers(l, rec, e) < 0 || add_hashes(l, rec, e) < 0 || add_after(l, rec, e) < 0 ||
        add_id(l, rec, e) < 0 || add_name(l, &t->session, l->session, &rec->session, e) < 0 ||
        add_name(l, &t->tool, l->tool, &rec->tool, e) < 0 ||
        add_name(l, &t->category, l->category, &rec->category, e) < 0)
        return e->code;
    t->t_ns[t->n] = rec->t_ns;
    t->prompt[t->n] = (uint32_t)rec->prompt;
    t->output[t->n] = (uint32_t)rec->output;
    t->n++;
    return 0;
}

/* A record that is refused leaves nothing behind. */
static int add(struct loader *l, const struct trace_record *rec, struct err *e)
{
    size_t hashes = l->n_hashes, after = l->n_after, ids = l->ids.len;

    if (check(l, rec, e) == 0 && (l->t->n < l->cap || grow(l, e) == 0) &&
        add_fields(l, rec, e) == 0)
        return 0;
    l->n_hashes = hashes;
    l->n_after = after;
    l->ids.len = ids;
    return e->code;
}

static int load_all(struct loader *l, struct trace_reader *r, uint64_t *bad, struct err *e)
{
    struct trace_record rec;
    int rc;

    while ((rc = trace_read(r, &rec, e)) != 0) {
        if (rc > 0 && (rc = add(l, &rec, e)) < 0 && rc != ERR_MEM)
            err_prefix(e, "%s: line %llu", trace_name(r), (unsigned long long)trace_line(r));
        if (rc == ERR_INPUT && l->o->skip_bad) {
            ++*bad;
            continue;
        }
        if (rc < 0)
            return rc;
        if (l->o->progress)
            l->o->progress(l->o->progress_ctx, "reading", trace_pos(r), trace_size(r));
    }
    return 0;
}

int trace_load(struct trace_set *t, const char *path, const struct trace_load_opts *o,
               uint64_t *bad, struct err *e)
{
    struct loader l = {.t = t, .o = o};
    struct trace_reader *r = NULL;
    int rc = trace_open(&r, path, &o->read, e);

    *t = (struct trace_set){0};
    *bad = 0;
    if (rc == 0 && (names_new(&l.id, e) < 0 || names_new(&l.session, e) < 0 ||
                    names_new(&l.tool, e) < 0 || names_new(&l.category, e) < 0))
        rc = e->code;
    if (rc == 0)
        rc = load_all(&l, r, bad, e);
    trace_close(r);
    t->ids = l.ids.p;
    t->sessions = l.session ? (uint32_t)names_count(l.session) : 0;
    t->tools = l.tool ? (uint32_t)names_count(l.tool) : 0;
    t->categories = l.category ? (uint32_t)names_count(l.category) : 0;
    names_free(l.id);
    names_free(l.session);
    names_free(l.tool);
    names_free(l.category);
    if (rc < 0)
        trace_set_free(t);
    return rc;
}

void trace_set_free(struct trace_set *t)
{
    free(t->t_ns);
    free(t->prompt);
    free(t->output);
    free(t->ids);
    free(t->id_end);
    free(t->hash_end);
    free(t->hashes);
    free(t->after_end);
    free(t->after);
    free(t->tool_ns);
    free(t->priority);
    free(t->session);
    free(t->tool);
    free(t->category);
    *t = (struct trace_set){0};
}
