/* load.h - a trace in memory, a column a field: what a replay walks over.
 *
 * Cost     24 bytes a request and its id; 8 more a hash, a few more for each kind of field that any
 *          record has.
 * Errors   as trace.h; ERR_INPUT too where times go back or are beyond TRACE_NS_MOST, `after` names
 *          no request above, a hash stands for another number of tokens than elsewhere, a
 *          request has no time, or parts of a program do not agree.
 */
#ifndef SIM_LOAD_H
#define SIM_LOAD_H

#include "base/names.h"
#include "base/progress_fn.h"
#include "sim/trace.h"

/* 146 years: of an arrival, or of what a tool takes. A clock that begins there still counts. */
#define TRACE_NS_MOST (INT64_C(1) << 62)

/* A request of a program: trace(5). All 0: it is of none. */
struct trace_program {
    uint32_t joins, common;
    uint32_t reuse; /* 1 + tokens; 0: all */
    uint32_t race;  /* 1 + its number; 0: none */
    uint32_t winners;
    uint32_t if_ended; /* 1 + the request; 0: none */
    uint32_t then_output;
    bool background;
};

/* Requests are numbered from 0 in the order of their times. Columns that no record fills are NULL.
 */
struct trace_set {
    uint32_t n;
    int64_t *t_ns;
    uint32_t *prompt, *output;
    char *ids; /* of all, one after the other */
    uint64_t *id_end;
    uint32_t block;      /* tokens of a hash; 0: there are none */
    uint64_t *hash_end;  /* request i has hashes [hash_end[i-1], hash_end[i]) */
    uint64_t *hashes;    /* of the whole blocks of its prompt, then of prompt and output */
    uint32_t *after_end; /* the same of `after` */
    uint32_t *after;     /* numbers of requests, each below its own */
    int64_t *tool_ns;    /* 0: none */
    int32_t *priority;
    uint32_t *session; /* numbered by first appearance; UINT32_MAX: none */
    uint32_t sessions;
    uint32_t *tool; /* the same of tools' names */
    uint32_t tools;
    uint32_t *category; /* and of categories: the steps of programs */
    uint32_t categories;
    uint32_t *model; /* the same of models' names, which are kept */
    struct names *model_names;
    struct trace_program *program;
    uint32_t races;
};

struct trace_load_opts {
    struct trace_read_opts read;
    bool skip_bad;
    bool any_times;       /* times may be absent, or go back: they will be replaced */
    uint64_t most_tokens; /* requests of more are too long; 0: none is */
    progress_fn *progress;
    void *progress_ctx;
};

/* *bad: how many records were left out. */
int trace_load(struct trace_set *t, const char *path, const struct trace_load_opts *o,
               uint64_t *bad, struct err *e);
void trace_set_free(struct trace_set *t); /* {0} is fine */

static inline const char *trace_set_id(const struct trace_set *t, uint32_t i, size_t *len)
{
    uint64_t from = i ? t->id_end[i - 1] : 0;

    *len = (size_t)(t->id_end[i] - from);
    return t->ids + from;
}

/* Hashes of a request: *n of them, which may be none. */
static inline const uint64_t *trace_set_hashes(const struct trace_set *t, uint32_t i, uint32_t *n)
{
    uint64_t from = t->hash_end && i ? t->hash_end[i - 1] : 0;

    *n = t->hash_end ? (uint32_t)(t->hash_end[i] - from) : 0;
    return t->hashes ? t->hashes + from : NULL;
}

/* Those that it waits for, the same. */
static inline const uint32_t *trace_set_after(const struct trace_set *t, uint32_t i, uint32_t *n)
{
    uint32_t from = t->after_end && i ? t->after_end[i - 1] : 0;

    *n = t->after_end ? t->after_end[i] - from : 0;
    return t->after ? t->after + from : NULL;
}

#endif
