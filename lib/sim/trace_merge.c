/* trace_merge.c - several traces as one: the earliest of their next records. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rand.h"
#include "sim/trace.h"

enum { NUMBER_MOST = 24 /* of "K/" */, N_NAMES = 4 };

struct source {
    struct trace_reader *reader;
    struct trace_record rec; /* the next one */
    int64_t last_ns;
    bool have, ended;
};

struct trace_merge {
    struct source *v;
    size_t n;
    uint64_t block;     /* tokens of a hash; 0: there were none yet */
    struct source *out; /* whose record was handed out: it is read on at the next call */
    /* What the record of a merge needs anew. */
    struct buf text;
    struct trace_text *after;
    size_t after_cap;
    uint64_t *hashes;
    size_t hashes_cap;
};

int trace_merge_open(struct trace_merge **out, const char *const *paths, size_t n,
                     const struct trace_read_opts *o, struct err *e)
{
    struct trace_merge *m = mem_zero(1, sizeof *m, e);
    int rc = m && (m->v = mem_zero(n, sizeof *m->v, e)) ? 0 : e->code;

    for (; rc == 0 && m->n < n; m->n += rc == 0)
        rc = trace_open(&m->v[m->n].reader, paths[m->n], o, e);
    if (rc < 0) {
        trace_merge_close(m);
        return rc;
    }
    *out = m;
    return 0;
}

void trace_merge_close(struct trace_merge *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->n; i++)
        trace_close(m->v[i].reader);
    free(m->v);
    buf_free(&m->text);
    free(m->after);
    free(m->hashes);
    free(m);
}

/* The record after, into s->rec. A bad one is handed on. */
static int advance(const struct trace_merge *m, struct source *s, struct err *e)
{
    int rc = trace_read(s->reader, &s->rec, e);

    s->have = false;
    s->ended = rc == 0;
    if (rc <= 0)
        return rc;
    if (m->n > 1 && s->rec.t_ns == TRACE_ABSENT)
        return err_set(e, ERR_INPUT, "%s: line %llu has no time, and traces are merged by time",
                       trace_name(s->reader), (unsigned long long)trace_line(s->reader));
    if (m->n > 1 && s->rec.t_ns < s->last_ns)
        return err_set(e, ERR_INPUT,
                       "%s: line %llu comes before the one above it, and traces are "
                       "merged by time",
                       trace_name(s->reader), (unsigned long long)trace_line(s->reader));
    s->last_ns = s->rec.t_ns;
    s->have = true;
    return 1;
}

/* ---- the record of a merge ---- */

/* "K/" and the text, at the end of m->text, which has room. */
static struct trace_text renamed(struct trace_merge *m, size_t k, const struct trace_text *t)
{
    char *p = m->text.p + m->text.len;
    size_t n;

    if (!t->p)
        return *t;
    n = (size_t)snprintf(p, NUMBER_MOST, "%zu/", k);
    memcpy(p + n, t->p, t->len);
    m->text.len += n + t->len;
    return (struct trace_text){p, n + t->len};
}

static int rename_all(struct trace_merge *m, size_t k, struct trace_record *rec, struct err *e)
{
    struct trace_text *const name[] = {&rec->id, &rec->session, &rec->race, &rec->if_ended};
    size_t room = NUMBER_MOST * (rec->n_after + N_NAMES);

    for (size_t i = 0; i < N_NAMES; i++)
        room += name[i]->len;
    for (size_t i = 0; i < rec->n_after; i++)
        room += rec->after[i].len;
    m->text.len = 0;
    if (buf_reserve(&m->text, room, e) < 0 ||
        mem_reserve(&m->after, &m->after_cap, rec->n_after + 1, sizeof *m->after, e) < 0)
        return e->code;
    for (size_t i = 0; i < N_NAMES; i++)
        *name[i] = renamed(m, k, name[i]);
    for (size_t i = 0; i < rec->n_after; i++)
        m->after[i] = renamed(m, k, &rec->after[i]);
    rec->after = m->after;
    return 0;
}

/* Equal hashes of two files are not the same text: those of file k, 0 too, become others by a map
 * of their own, which is one to one, so that those of a file keep apart. Each map scatters all of
 * the 64 bits: what was merged before and is merged again, in whatever order, has gone through
 * another chain of them, and two chains meet as random numbers do. */
static uint64_t rehashed(uint64_t key, uint64_t hash)
{
    uint64_t state = hash ^ key;

    return rand_u64(&state);
}

/* Hashes of all files stand for as many tokens: a trace of several sizes could not be replayed. */
static int check_block(struct trace_merge *m, const struct source *s, struct err *e)
{
    const struct trace_record *rec = &s->rec;

    if (rec->n_hashes + rec->n_out_hashes == 0)
        return 0;
    if (m->block && rec->block != m->block)
        return err_set(e, ERR_USAGE,
                       "%s: line %llu: its hashes stand for %llu tokens each, those of the trace "
                       "so far for %llu, and one trace has one size of blocks",
                       trace_name(s->reader), (unsigned long long)trace_line(s->reader),
                       (unsigned long long)rec->block, (unsigned long long)m->block);
    m->block = rec->block;
    return 0;
}

static int rehash(struct trace_merge *m, size_t k, struct trace_record *rec, struct err *e)
{
    uint64_t state = k, key = rand_u64(&state);
    size_t n = rec->n_hashes + rec->n_out_hashes;

    if (n == 0)
        return 0;
    if (mem_reserve(&m->hashes, &m->hashes_cap, n, sizeof *m->hashes, e) < 0)
        return e->code;
    for (size_t i = 0; i < rec->n_hashes; i++)
        m->hashes[i] = rehashed(key, rec->hashes[i]);
    for (size_t i = 0; i < rec->n_out_hashes; i++)
        m->hashes[rec->n_hashes + i] = rehashed(key, rec->out_hashes[i]);
    rec->hashes = m->hashes;
    rec->out_hashes = m->hashes + rec->n_hashes;
    return 0;
}

int trace_merge_next(struct trace_merge *m, struct trace_record *rec, struct trace_reader **from,
                     struct err *e)
{
    struct source *best = NULL;

    if (m->out)
        m->out->have = false;
    m->out = NULL;
    for (size_t i = 0; i < m->n; i++) {
        struct source *s = &m->v[i];

        if (from)
            *from = s->reader;
        if (!s->have && !s->ended && advance(m, s, e) < 0)
            return e->code;
        if (s->have && (!best || s->rec.t_ns < best->rec.t_ns))
            best = s;
    }
    if (!best)
        return 0;
    m->out = best;
    if (from)
        *from = best->reader;
    *rec = best->rec;
    if (m->n == 1)
        return 1;
    if (check_block(m, best, e) < 0 || rename_all(m, (size_t)(best - m->v), rec, e) < 0 ||
        rehash(m, (size_t)(best - m->v), rec, e) < 0)
        return e->code;
    return 1;
}
