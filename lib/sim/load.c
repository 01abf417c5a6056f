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
    struct names *id, *session, *tool, *category, *race;
    uint32_t *winners; /* of each race */
    size_t winners_cap;
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
                     widen(&t->program, sizeof *t->program, from, to, e) < 0 ||
                     widen(&t->category, sizeof *t->category, from, to, e) < 0 ||
                     widen(&t->model, sizeof *t->model, from, to, e) < 0))
        return e->code;
    l->cap = to;
    return 0;
}

/* A column that begins with record i: `empty` for those above. */
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
    uint64_t number;

    if (buf_add(&l->ids, rec->id.p, rec->id.len, e) < 0 ||
        (l->links && names_add(l->id, rec->id.p, rec->id.len, &number, e) < 0))
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

/* The number of a request above. */
static int above(const struct loader *l, const struct trace_text *id, const char *how,
                 uint32_t *request, struct err *e)
{
    uint64_t number = names_find(l->id, id->p, id->len);

    if (number == NAMES_NONE)
        return err_set(e, ERR_INPUT, "%s '%.*s', which is no request above", how,
                       (int)(id->len < 80 ? id->len : 80), id->p);
    *request = (uint32_t)number;
    return 0;
}

static int add_after(struct loader *l, const struct trace_record *rec, struct err *e)
{
    struct trace_set *t = l->t;

    if (rec->n_after == 0 && !rec->if_ended.p && !l->links)
        return 0;
    if ((!l->links && know_ids(l, e) < 0) ||
        begin_column(l, &t->after_end, sizeof *t->after_end, 0, e) < 0 ||
        mem_reserve(&t->after, &l->after_cap, l->n_after + rec->n_after + 1, sizeof *t->after, e) <
            0)
        return e->code;
    for (size_t i = 0; i < rec->n_after; i++)
        if (above(l, &rec->after[i], "it waits for", &t->after[l->n_after++], e) < 0)
            return e->code;
    t->after_end[t->n] = (uint32_t)l->n_after;
    if (names_find(l->id, rec->id.p, rec->id.len) != NAMES_NONE)
        return err_set(e, ERR_INPUT, "its id is that of a request above");
    return 0;
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

/* All of a race have the same number of winners. */
static int add_race(struct loader *l, const struct trace_record *rec, struct trace_program *p,
                    struct err *e)
{
    size_t before = names_count(l->race);
    uint64_t number;

    if (names_add(l->race, rec->race.p, rec->race.len, &number, e) < 0 ||
        mem_reserve(&l->winners, &l->winners_cap, (size_t)number + 1, sizeof *l->winners, e) < 0)
        return e->code;
    if (number == before)
        l->winners[number] = (uint32_t)rec->winners;
    if (l->winners[number] != rec->winners)
        return err_set(e, ERR_INPUT, "its race has %u winners above, not %llu", l->winners[number],
                       (unsigned long long)rec->winners);
    p->race = (uint32_t)number + 1;
    p->winners = (uint32_t)rec->winners;
    return 0;
}

/* `after` is there already. */
static int check_joins(const struct loader *l, const struct trace_record *rec, struct err *e)
{
    const struct trace_set *t = l->t;
    size_t first = l->n_after - rec->n_after;

    for (size_t i = 0; i < rec->joins; i++)
        if (rec->common > t->prompt[t->after[first + i]])
            return err_set(e, ERR_INPUT,
                           "'common' is of %llu tokens, and a prompt of %u begins with them",
                           (unsigned long long)rec->common, t->prompt[t->after[first + i]]);
    return 0;
}

static int add_program(struct loader *l, const struct trace_record *rec, struct err *e)
{
    struct trace_set *t = l->t;
    struct trace_program *p;
    uint32_t request = 0;

    if (!rec->joins && !rec->race.p && !rec->if_ended.p && !rec->background && !t->program)
        return 0;
    if (begin_column(l, &t->program, sizeof *t->program, 0, e) < 0 || check_joins(l, rec, e) < 0)
        return e->code;
    p = &t->program[t->n];
    *p = (struct trace_program){.joins = (uint32_t)rec->joins,
                                .common = (uint32_t)rec->common,
                                .then_output = (uint32_t)rec->then_output,
                                .background = rec->background};
    if (rec->joins && rec->reuse != TRACE_ABSENT)
        p->reuse = 1 + (uint32_t)rec->reuse;
    if (rec->if_ended.p) {
        if (above(l, &rec->if_ended, "its output goes by", &request, e) < 0)
            return e->code;
        p->if_ended = request + 1;
    }
    return rec->race.p ? add_race(l, rec, p, e) : 0;
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
        add_program(l, rec, e) < 0 || add_id(l, rec, e) < 0 ||
        add_name(l, &t->session, l->session, &rec->session, e) < 0 ||
        add_name(l, &t->tool, l->tool, &rec->tool, e) < 0 ||
        add_name(l, &t->category, l->category, &rec->category, e) < 0 ||
        add_name(l, &t->model, t->model_names, &rec->model, e) < 0)
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
                    names_new(&l.tool, e) < 0 || names_new(&l.race, e) < 0 ||
                    names_new(&l.category, e) < 0 || names_new(&t->model_names, e) < 0))
        rc = e->code;
    if (rc == 0)
        rc = load_all(&l, r, bad, e);
    trace_close(r);
    t->ids = l.ids.p;
    t->sessions = l.session ? (uint32_t)names_count(l.session) : 0;
    t->races = l.race ? (uint32_t)names_count(l.race) : 0;
    t->tools = l.tool ? (uint32_t)names_count(l.tool) : 0;
    t->categories = l.category ? (uint32_t)names_count(l.category) : 0;
    names_free(l.id);
    names_free(l.session);
    names_free(l.tool);
    names_free(l.race);
    free(l.winners);
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
    free(t->program);
    free(t->category);
    free(t->model);
    names_free(t->model_names);
    *t = (struct trace_set){0};
}
