/* gen_program.c - see gen_program.h. */
#include "sim/gen_program.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rand.h"

enum { NAME_MOST = 48, QUERIES_MOST = 1 << 20, DEPTH_MOST = 32 };

struct making {
    const struct program_opts *o;
    struct gen *gen;
    program_emit *emit;
    void *ctx;
    uint64_t seed;
    uint64_t number; /* of the program */
    char session[NAME_MOST], id[NAME_MOST], race[NAME_MOST];
    struct trace_text *after;
    char (*name)[NAME_MOST]; /* of those in `after` */
    struct query *query;     /* of all programs */
    size_t n_queries, query_cap;
    struct list *closed; /* of a program, the oldest first */
    size_t n_closed, closed_cap;
};

/* ---- a record ---- */

static struct trace_text named(char *to, uint64_t program, const char *part, uint64_t number)
{
    int n = number == UINT64_MAX
                ? snprintf(to, NAME_MOST, "%" PRIu64 "%s", program, part)
                : snprintf(to, NAME_MOST, "%" PRIu64 "%s%" PRIu64, program, part, number);

    return (struct trace_text){to, (size_t)n};
}

static struct trace_record record(struct making *m, int64_t t_ns, uint64_t prompt, uint64_t output)
{
    struct trace_record rec = TRACE_RECORD_NONE;

    rec.t_ns = t_ns;
    rec.prompt = prompt;
    rec.output = output;
    rec.session = named(m->session, m->number, "", UINT64_MAX);
    return rec;
}

static int put(struct making *m, const struct trace_record *rec, struct err *e)
{
    if (rec->prompt > TRACE_TOKENS_MOST || rec->output > TRACE_TOKENS_MOST)
        return err_set(e, ERR_USAGE, "program %" PRIu64 " grows beyond %d tokens", m->number,
                       TRACE_TOKENS_MOST);
    return m->emit(m->ctx, rec, e);
}

static void wait_for(struct making *m, struct trace_record *rec, size_t at, const char *part,
                     uint64_t number)
{
    m->after[at] = named(m->name[at], m->number, part, number);
    rec->after = m->after;
    rec->n_after = rec->joins = at + 1;
}

/* ---- ParaThinker ---- */

static uint64_t winners(const struct program_opts *o)
{
    return o->stop == STOP_FIRST ? 1 : o->stop == STOP_HALF ? (o->paths + 1) / 2 : o->paths;
}

/* *sum: tokens of the paths with their control tokens. */
static int put_paths(struct making *m, const struct trace_record *first, uint64_t *sum,
                     struct err *e)
{
    const struct program_opts *o = m->o;

    *sum = 0;
    for (uint64_t i = 1; i <= o->paths; i++) {
        uint64_t path = gen_tokens(&o->path, &m->seed);
        struct trace_record rec = record(m, first->t_ns, first->prompt + 1, path);

        rec.id = named(m->id, m->number, ".p", i);
        rec.turn = 1;
        rec.category = (struct trace_text){"path", 4};
        wait_for(m, &rec, 0, ".x", UINT64_MAX);
        if (winners(o) < o->paths) {
            rec.race = named(m->race, m->number, "", UINT64_MAX);
            rec.winners = winners(o);
        }
        if (put(m, &rec, e) < 0)
            return e->code;
        *sum += 1 + path;
    }
    return 0;
}

static int parathink(struct making *m, const struct trace_record *first, struct err *e)
{
    const struct program_opts *o = m->o;
    struct trace_record rec = record(m, first->t_ns, first->prompt, 1);
    uint64_t sum;

    rec.id = named(m->id, m->number, ".x", UINT64_MAX);
    rec.turn = 0;
    rec.category = (struct trace_text){"prompt", 6};
    if (put(m, &rec, e) < 0 || put_paths(m, first, &sum, e) < 0)
        return e->code;
    if (o->summary == SUMMARY_NONE)
        return 0;
    rec = record(m, first->t_ns, first->prompt + sum + 1, gen_tokens(&o->answer, &m->seed));
    rec.id = named(m->id, m->number, ".s", UINT64_MAX);
    rec.turn = 2;
    rec.category = (struct trace_text){"summary", 7};
    for (uint64_t i = 0; i < o->paths; i++)
        wait_for(m, &rec, (size_t)i, ".p", i + 1);
    rec.common = o->paths > 1 ? first->prompt : 0;
    if (o->summary == SUMMARY_REPREFILL)
        rec.reuse = 0;
    return put(m, &rec, e);
}

/* ---- Sleep-time compute ---- */

/* The context itself, where `turn` is 0. */
struct query {
    int64_t t_ns;
    uint64_t program, turn, prompt;
    bool slept, useful;
};

static int add_query(struct making *m, struct query q, struct err *e)
{
    if (mem_reserve(&m->query, &m->query_cap, m->n_queries + 1, sizeof *m->query, e) < 0)
        return e->code;
    m->query[m->n_queries++] = q;
    return 0;
}

static int sleep_time(struct making *m, const struct trace_record *first, struct err *e)
{
    const struct program_opts *o = m->o;
    double drawn = dist_draw(&o->queries, &m->seed), at = 1e-9 * (double)first->t_ns;
    uint64_t n = drawn > QUERIES_MOST ? QUERIES_MOST : (uint64_t)llround(drawn);
    double worth = (double)n * o->weight * ((double)o->before - (double)o->after) * o->useful;
    bool sleeps = o->policy == POLICY_ALWAYS ||
                  (o->policy == POLICY_RHO && worth > (double)o->sleep);
    struct query q = {
        .t_ns = first->t_ns, .program = m->number, .prompt = first->prompt, .slept = sleeps};

    if (sleeps && add_query(m, q, e) < 0)
        return e->code;
    for (uint64_t i = 0; i < n; i++) {
        at += dist_draw(&o->wait_s, &m->seed);
        if (!(at < 9e9))
            return err_set(e, ERR_USAGE, "the trace would take centuries");
        q.t_ns = llround(1e9 * at);
        q.turn = i + 1;
        q.prompt = first->prompt + gen_tokens(&o->question, &m->seed);
        q.useful = rand_unit(&m->seed) < o->useful;
        if (add_query(m, q, e) < 0)
            return e->code;
    }
    return 0;
}

static int by_time(const void *a, const void *b)
{
    const struct query *x = a, *y = b;

    if (x->t_ns != y->t_ns)
        return x->t_ns < y->t_ns ? -1 : 1;
    if (x->program != y->program)
        return x->program < y->program ? -1 : 1;
    return x->turn < y->turn ? -1 : 1;
}

static int put_query(struct making *m, const struct query *q, struct err *e)
{
    const struct program_opts *o = m->o;
    struct trace_record rec;

    m->number = q->program;
    rec = record(m, q->t_ns, q->prompt, q->turn ? o->before : o->sleep);
    rec.turn = (int64_t)q->turn;
    if (q->turn == 0) {
        rec.id = named(m->id, m->number, ".z", UINT64_MAX);
        rec.category = (struct trace_text){"sleep", 5};
        rec.background = true;
        return put(m, &rec, e);
    }
    rec.id = named(m->id, m->number, ".q", q->turn - 1);
    rec.category = (struct trace_text){"query", 5};
    if (q->slept && q->useful) {
        rec.if_ended = named(m->race, m->number, ".z", UINT64_MAX);
        rec.then_output = o->after;
    }
    return put(m, &rec, e);
}

static int put_queries(struct making *m, struct err *e)
{
    if (m->n_queries > 0)
        qsort(m->query, m->n_queries, sizeof *m->query, by_time);
    for (size_t i = 0; i < m->n_queries; i++)
        if (put_query(m, &m->query[i], e) < 0)
            return e->code;
    return 0;
}

/* ---- TIM ---- */

struct list {
    uint64_t from, len; /* in the context that is left */
};

struct chain {
    struct trace_record rec;   /* under way: its output grows */
    uint64_t turn, live;       /* tokens of context */
    uint64_t open[DEPTH_MOST]; /* where the list of a task of each depth begins */
};

static int put_turn(struct making *m, struct chain *c, struct err *e)
{
    c->rec.id = named(m->id, m->number, ".", c->turn);
    c->rec.turn = (int64_t)c->turn;
    if (c->turn > 0)
        wait_for(m, &c->rec, 0, ".", c->turn - 1);
    return put(m, &c->rec, e);
}

/* The oldest list goes, with those inside it; the request ends, and another goes on. */
static int drop_oldest(struct making *m, struct chain *c, struct err *e)
{
    struct list gone = m->closed[0];
    size_t kept = 0;

    if (put_turn(m, c, e) < 0)
        return e->code;
    for (size_t i = 1; i < m->n_closed; i++) {
        struct list l = m->closed[i];

        if (l.from >= gone.from && l.from + l.len <= gone.from + gone.len)
            continue;
        if (l.from >= gone.from + gone.len)
            l.from -= gone.len;
        else
            l.len -= gone.len;
        m->closed[kept++] = l;
    }
    m->n_closed = kept;
    for (size_t i = 0; i < DEPTH_MOST; i++)
        c->open[i] -= c->open[i] >= gone.from + gone.len ? gone.len : 0;
    c->live -= gone.len;
    c->turn++;
    c->rec = record(m, c->rec.t_ns, c->live, 0);
    c->rec.reuse = (int64_t)(gone.from < c->live ? gone.from : c->live - 1);
    return 0;
}

static int write_task(struct making *m, struct chain *c, uint64_t depth, struct err *e)
{
    const struct program_opts *o = m->o;
    uint64_t own = o->thought + (depth == 0 ? o->leaf : 0);

    c->rec.output += own;
    c->live += own;
    c->open[depth] = c->live;
    for (uint64_t i = 0; depth > 0 && i < o->fanout; i++)
        if (write_task(m, c, depth - 1, e) < 0)
            return e->code;
    if (depth > 0) {
        if (mem_reserve(&m->closed, &m->closed_cap, m->n_closed + 1, sizeof *m->closed, e) < 0)
            return e->code;
        m->closed[m->n_closed++] = (struct list){c->open[depth], c->live - c->open[depth]};
        if (m->n_closed > o->buffer && drop_oldest(m, c, e) < 0)
            return e->code;
    }
    c->rec.output += o->conclusion;
    c->live += o->conclusion;
    return 0;
}

static int prune(struct making *m, const struct trace_record *first, struct err *e)
{
    struct chain c = {.rec = record(m, first->t_ns, first->prompt, 0), .live = first->prompt};

    m->n_closed = 0;
    for (uint64_t i = 0; i < m->o->tasks; i++)
        if (write_task(m, &c, m->o->depth, e) < 0)
            return e->code;
    return put_turn(m, &c, e);
}

/* ---- all ---- */

static int programs(struct making *m, struct err *e)
{
    static int (*const make[])(struct making *, const struct trace_record *,
                               struct err *) = {parathink, sleep_time, prune};
    struct trace_record first;
    int rc;

    for (m->number = 0; (rc = gen_next(m->gen, &first, e)) > 0; m->number++)
        if (make[m->o->kind](m, &first, e) < 0)
            return e->code;
    return rc < 0 ? rc : put_queries(m, e);
}

int program_generate(const struct program_opts *o, program_emit *emit, void *ctx, struct err *e)
{
    struct making m = {.o = o, .emit = emit, .ctx = ctx, .seed = ~o->gen.seed};
    size_t names = o->paths > 1 ? (size_t)o->paths : 1;
    int rc = gen_new(&m.gen, &o->gen, e);

    if (rc == 0 && (!(m.after = mem_array(names, sizeof *m.after, e)) ||
                    !(m.name = mem_array(names, sizeof *m.name, e))))
        rc = e->code;
    if (rc == 0)
        rc = programs(&m, e);
    gen_free(m.gen);
    free(m.after);
    free(m.name);
    free(m.query);
    free(m.closed);
    return rc;
}
