/* trace_programs.c - formats in which one thing holds several requests: an agentic session's calls,
 * one after the other with tools between, and HexGen's programs, in stages: neighbouring calls of
 * the same step run side by side, and wait for all of the stage before. They become a queue.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "sim/trace_int.h"

struct call {
    uint64_t program, number; /* the call's in its program */
    uint64_t prompt, output;
    int64_t tool_ns;
    size_t stage, before; /* where its stage begins; where the stage that it waits for does */
    const char *step;
    size_t step_len;
};

struct trace_calls {
    struct json *root;
    struct call *v;
    size_t n, cap, at;
    bool document;    /* steps are categories, the program's number is the session */
    char session[24]; /* document */
    struct buf ids;
};

static struct trace_calls *calls_of(struct trace_reader *r, struct err *e)
{
    if (!r->calls)
        r->calls = mem_zero(1, sizeof *r->calls, e);
    return r->calls;
}

void trace_calls_free(struct trace_calls *c)
{
    if (!c)
        return;
    json_free(c->root);
    free(c->v);
    buf_free(&c->ids);
    free(c);
}

static void clear(struct trace_calls *c)
{
    json_free(c->root);
    c->root = NULL;
    c->n = c->at = 0;
}

/* Tokens, at least 1, perhaps written 12.0: what is missing is 0, which trace_read() refuses. */
static uint64_t tokens(const struct json *call, const char *name)
{
    double v = 0;

    json_double(json_get(call, name), &v);
    return v >= 1 && v <= TRACE_TOKENS_MOST && v == floor(v) ? (uint64_t)v : 0;
}

/* How long the tool behind a call runs. */
static int tool_after(const struct json *call, int64_t *ns, struct err *e)
{
    const struct json *j = json_get(call, "tool_duration_ns");
    double v;

    *ns = TRACE_ABSENT;
    if (json_none(j) || json_i64(j, ns))
        return 0;
    if (!json_double(j, &v) || !(fabs(v) < 9e18))
        return err_set(e, ERR_INPUT, "'tool_duration_ns' is no time");
    *ns = llround(v);
    return 0;
}

static struct call *add(struct trace_calls *c, struct err *e)
{
    if (mem_reserve(&c->v, &c->cap, c->n + 1, sizeof *c->v, e) < 0)
        return NULL;
    c->v[c->n] = (struct call){.tool_ns = TRACE_ABSENT};
    return &c->v[c->n++];
}

/* ---- agentic: {"session_id":..,"arrival_time_ns":..,"sub_requests":[{"input_toks":..,
 * "output_toks":..,"tool_duration_ns":..}]}; the tool runs after its call ---- */

int trace_calls_of_line(struct trace_reader *r, struct err *e)
{
    struct trace_calls *c = calls_of(r, e);
    int64_t tool_ns = TRACE_ABSENT;

    if (!c)
        return e->code;
    clear(c);
    if (!r->rec.session.p)
        return err_set(e, ERR_INPUT, "there is no 'session_id'");
    if (r->call_list.type != JSONL_ARRAY)
        return err_set(e, ERR_INPUT, "there is no list 'sub_requests'");
    if (json_parse(&c->root, r->call_list.p, r->call_list.len, e) < 0)
        return e->code;
    for (size_t i = 0; i < json_len(c->root); i++) {
        const struct json *j = json_at(c->root, i);
        struct call *call = add(c, e);

        if (!call)
            return e->code;
        *call = (struct call){.number = i,
                              .prompt = tokens(j, "input_toks"),
                              .output = tokens(j, "output_toks"),
                              .tool_ns = tool_ns,
                              .stage = i,
                              .before = i ? i - 1 : 0};
        if (tool_after(j, &tool_ns, e) < 0) {
            clear(c);
            return e->code;
        }
    }
    /* Of the others trace_read() says so, in the call that comes after. */
    if (tool_ns != TRACE_ABSENT && tool_ns < 0) {
        clear(c);
        return err_set(e, ERR_INPUT, "the last tool takes less than no time");
    }
    return c->n ? 0 : err_set(e, ERR_INPUT, "'sub_requests' holds no call");
}

/* ---- HexGen: [{"Text2SQLRequest":[{"step":..,"input_length":..,"output_length":..}]}] ---- */

static int add_program(struct trace_calls *c, const struct json *list, uint64_t program,
                       struct err *e)
{
    size_t first = c->n, stage = first, before = first;

    for (size_t i = 0; i < json_len(list); i++) {
        const struct json *j = json_at(list, i);
        struct call *call = add(c, e), *last = call ? call - 1 : NULL;

        if (!call)
            return e->code;
        call->program = program;
        call->number = i;
        call->prompt = tokens(j, "input_length");
        call->output = tokens(j, "output_length");
        if (!json_text(json_get(j, "step"), &call->step, &call->step_len))
            return err_set(e, ERR_INPUT, "call %zu of program %llu has no 'step'", i,
                           (unsigned long long)program);
        if (i > 0 && (call->step_len != last->step_len ||
                      (call->step_len && memcmp(call->step, last->step, call->step_len) != 0))) {
            before = stage;
            stage = c->n - 1;
        }
        call->stage = stage;
        call->before = before;
    }
    return c->n > first
               ? 0
               : err_set(e, ERR_INPUT, "program %llu holds no call", (unsigned long long)program);
}

static int read_document(struct trace_reader *r, struct buf *b, struct err *e)
{
    const char *p;
    size_t len;
    int rc = buf_add(b, r->line, r->len, e);

    while (rc == 0 && b->len <= JSON_BYTES_MOST && (rc = lines_next(r->lines, &p, &len, e)) > 0)
        rc = buf_addc(b, '\n', e) < 0 || buf_add(b, p, len, e) < 0 ? e->code : 0;
    return rc;
}

int trace_calls_of_document(struct trace_reader *r, struct err *e)
{
    struct trace_calls *c = calls_of(r, e);
    struct buf b = {0};
    int rc;

    if (!c)
        return e->code;
    c->document = true;
    rc = read_document(r, &b, e);
    if (rc == 0)
        rc = json_parse(&c->root, b.p, b.len, e);
    buf_free(&b);
    for (size_t i = 0; rc == 0 && i < json_len(c->root); i++) {
        const struct json *program = json_at(c->root, i);
        const char *name;

        rc = json_member(program, 1, &name)
                 ? err_set(e, ERR_INPUT, "program %zu is more than one list of calls", i)
                 : add_program(c, json_member(program, 0, &name), i, e);
    }
    return rc;
}

/* ---- the queue ---- */

/* "SESSION.NUMBER" at the end of c->ids, which has room. */
static struct trace_text id_of(struct trace_calls *c, const struct trace_text *session,
                               uint64_t number)
{
    char tail[24];
    size_t at = c->ids.len;
    int n = snprintf(tail, sizeof tail, ".%llu", (unsigned long long)number);

    memcpy(c->ids.p + at, session->p, session->len);
    memcpy(c->ids.p + at + session->len, tail, (size_t)n);
    c->ids.len += session->len + (size_t)n;
    return (struct trace_text){c->ids.p + at, session->len + (size_t)n};
}

/* A call waits for all of the stage before its own. */
static int set_ids(struct trace_reader *r, struct trace_calls *c, const struct call *call,
                   struct err *e)
{
    struct trace_record *rec = &r->rec;
    size_t n = call->stage > call->before ? call->stage - call->before : 0;

    c->ids.len = 0;
    if (buf_reserve(&c->ids, (n + 1) * (rec->session.len + 24), e) < 0 ||
        mem_reserve(&r->after, &r->after_cap, n + 1, sizeof *r->after, e) < 0)
        return e->code;
    rec->id = id_of(c, &rec->session, call->number);
    for (size_t i = 0; i < n; i++)
        r->after[i] = id_of(c, &rec->session, c->v[call->before + i].number);
    rec->after = r->after;
    rec->n_after = n;
    return 0;
}

int trace_calls_next(struct trace_reader *r, struct err *e)
{
    struct trace_calls *c = r->calls;
    struct trace_record *rec = &r->rec;
    const struct call *call;

    if (!c || c->at == c->n)
        return 0;
    call = &c->v[c->at++];
    if (c->document) {
        int n = snprintf(c->session, sizeof c->session, "%llu", (unsigned long long)call->program);

        rec->session = (struct trace_text){c->session, (size_t)n};
        rec->category = (struct trace_text){call->step, call->step_len};
    }
    rec->turn = (int64_t)call->number;
    rec->prompt = call->prompt;
    rec->output = call->output;
    rec->tool_ns = call->tool_ns;
    return set_ids(r, c, call, e) < 0 ? e->code : 1;
}
