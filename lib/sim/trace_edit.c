/* trace_edit.c - changes of one record: cut lengths, drawn arrivals, the choice of a sample. */
#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/names.h"
#include "base/rand.h"
#include "sim/trace.h"

static size_t at_most(size_t have, uint64_t most)
{
    return have < most ? have : (size_t)most;
}

/* An output's hashes stand for the prompt before it, too, and go with the end of that. */
bool trace_clip(struct trace_record *rec, uint64_t most)
{
    uint64_t prompt = rec->prompt, block = rec->block;

    if (rec->prompt + rec->output <= most)
        return false;
    if (rec->output > most - 1)
        rec->output = most - 1;
    rec->prompt = most - rec->output;
    if (rec->reuse != TRACE_ABSENT && (uint64_t)rec->reuse >= rec->prompt)
        rec->reuse = (int64_t)rec->prompt - 1;
    if (block == 0)
        return true;
    rec->n_hashes = at_most(rec->n_hashes, (rec->prompt + block - 1) / block);
    rec->n_out_hashes = at_most(rec->n_out_hashes,
                                rec->prompt < prompt ? 0 : most / block - prompt / block);
    return true;
}

/* ---- arrivals ---- */

static bool follows(const struct trace_poisson *p, const struct trace_record *rec)
{
    size_t len = rec->session.len < sizeof p->session ? rec->session.len : sizeof p->session;

    return rec->session.p && p->session_len == rec->session.len &&
           memcmp(p->session, rec->session.p, len) == 0;
}

static void remember(struct trace_poisson *p, const struct trace_record *rec)
{
    size_t len = rec->session.len < sizeof p->session ? rec->session.len : sizeof p->session;

    p->session_len = rec->session.p ? rec->session.len : SIZE_MAX;
    if (rec->session.p)
        memcpy(p->session, rec->session.p, len);
}

int trace_poisson(struct trace_poisson *p, struct trace_record *rec, struct err *e)
{
    if (!p->begun || (rec->n_after == 0 && !follows(p, rec))) {
        p->at_s -= log1p(-rand_unit(&p->seed)) / p->rate;
        if (!(p->at_s < 9e9))
            return err_set(e, ERR_USAGE, "at %g requests a second the trace would take centuries",
                           p->rate);
        p->t_ns = (int64_t)llround(1e9 * p->at_s);
    }
    p->begun = true;
    remember(p, rec);
    rec->t_ns = p->t_ns;
    return 0;
}

/* ---- samples ---- */

/* What it waits for is above it: in the sample, or left out. */
static int check_kept(const struct trace_sample *s, const struct trace_text *id, struct err *e)
{
    if (s->kept && names_find(s->kept, id->p, id->len) != NAMES_NONE)
        return 0;
    return err_set(e, ERR_INPUT,
                   "it waits for '%.*s', which is of another session, or none, and not in the "
                   "sample",
                   (int)at_most(id->len, 40), id->p);
}

static int keep(struct trace_sample *s, const struct trace_record *rec, struct err *e)
{
    uint64_t number;

    for (size_t i = 0; i < rec->n_after; i++)
        if (check_kept(s, &rec->after[i], e) < 0)
            return e->code;
    if (rec->if_ended.p && check_kept(s, &rec->if_ended, e) < 0)
        return e->code;
    if (!s->kept && names_new(&s->kept, e) < 0)
        return e->code;
    return names_add(s->kept, rec->id.p, rec->id.len, &number, e);
}

int trace_sampled(struct trace_sample *s, const struct trace_record *rec, struct err *e)
{
    const struct trace_text *t = rec->session.p ? &rec->session : &rec->id;
    uint64_t state;

    if ((rec->n_after > 0 || rec->race.p || rec->if_ended.p) && !rec->session.p)
        return err_set(e, ERR_INPUT,
                       "it waits for others, or races them, and is of no session: a sample would "
                       "part them");
    state = hash64(t->p, t->len) ^ s->seed;
    if (!(rand_unit(&state) < s->share))
        return 0;
    return keep(s, rec, e) < 0 ? e->code : 1;
}

void trace_sample_free(struct trace_sample *s)
{
    names_free(s->kept);
    s->kept = NULL;
}
