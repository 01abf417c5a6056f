/* rows.c - see rows.h. */
#include "sim/rows.h"

#include "base/out.h"

static const char *status_of(const struct flight *f)
{
    switch (f->status) {
    case FLIGHT_ENDED:
        return "ok";
    case FLIGHT_STOPPED:
        return "stopped";
    case FLIGHT_REFUSED:
        return "refused";
    default:
        return "rejected";
    }
}

static void row(struct out *o, const struct replay *p, uint32_t i)
{
    const struct flight *f = &p->flight[i];
    bool ended = flight_gave(f);
    size_t len;
    const char *id = trace_set_id(p->trace, i, &len);

    out_row(o);
    out_str(o, "id", id, len);
    out_i64(o, "arrival_ns", replay_arrival(p, i));
    out_i64(o, "start_ns", ended ? f->start_ns : -1);
    out_i64(o, "first_token_ns", ended ? f->first_ns : -1);
    out_i64(o, "end_ns", ended ? f->last_ns : -1);
    out_u64(o, "prompt", p->trace->prompt[i]);
    out_u64(o, "output", p->trace->output[i]);
    out_u64(o, "prefix_hit_tokens", f->hit_tokens);
    out_u64(o, "preemptions", f->preemptions);
    out_u64(o, "replica", f->replica);
    out_cstr(o, "status", status_of(f));
    out_end_row(o);
}

int rows_write(const char *path, const struct replay *p, struct err *e)
{
    struct out_opts to = {.path = path};
    struct out *o;

    if (!path)
        return 0;
    if (out_open(&o, &to, e) < 0)
        return e->code;
    out_header(o, "id arrival_ns start_ns first_token_ns end_ns prompt output prefix_hit_tokens "
                  "preemptions replica status");
    for (uint32_t i = 0; i < p->trace->n && !out_failed(o); i++)
        row(o, p, i);
    return out_commit(&o, e);
}
