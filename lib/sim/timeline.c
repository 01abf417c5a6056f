/* timeline.c - see timeline.h. */
#include "sim/timeline.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/jsonl.h"
#include "base/mem.h"

enum { EVENT_MOST = 512 };

/* Nanoseconds as microseconds with three decimals; those before 0 have them, too. */
#define US       "%s%lld.%03d"
#define US_OF(t) (t) < 0 ? "-" : "", llabs(t) / 1000, (int)(llabs(t) % 1000)

static void put(struct timeline *t, const char *text, int n)
{
    out_raw(t->out, t->begun ? ",\n" : "[\n", 2);
    out_raw(t->out, text, (size_t)n);
    t->begun = true;
}

void timeline_begin(struct timeline *t, uint32_t replicas)
{
    char s[EVENT_MOST];

    for (uint32_t i = 0; i < replicas; i++)
        put(t, s,
            snprintf(s, sizeof s,
                     "{\"ph\":\"M\",\"pid\":%u,\"name\":\"process_name\",\"args\":{\"name\":"
                     "\"replica %u\"}}",
                     i, i));
}

static void counter(struct timeline *t, const struct replica *r, const char *name, uint64_t v)
{
    char s[EVENT_MOST];

    put(t, s,
        snprintf(s, sizeof s,
                 "{\"ph\":\"C\",\"pid\":%u,\"name\":\"%s\",\"ts\":" US ",\"args\":{\"%s\":%" PRIu64
                 "}}",
                 r->number, name, US_OF(r->end_ns), name, v));
}

void timeline_step(struct timeline *t, const struct replica *r)
{
    const struct cost_shape *b = &r->shape;
    char s[EVENT_MOST];

    put(t, s,
        snprintf(s, sizeof s,
                 "{\"ph\":\"X\",\"pid\":%u,\"tid\":0,\"name\":\"%s\",\"ts\":" US ",\"dur\":" US
                 ",\"args\":{\"tokens\":%u,\"decodes\":%u,\"prompts\":%u,\"context\":%" PRIu64 "}}",
                 r->number,
                 b->n_pieces == 0  ? "decode"
                 : b->decodes == 0 ? "prefill"
                                   : "mixed",
                 US_OF(r->began_ns), US_OF(r->end_ns - r->began_ns), b->tokens, b->decodes,
                 b->n_pieces, b->kv_sum));
    counter(t, r, "running", r->n_running);
    counter(t, r, "waiting", r->waiting.n);
    counter(t, r, "kv_blocks", r->kv.total - r->kv.free);
}

/* What moved is told by its number, from 0. */
void timeline_mark(void *ctx, int64_t t_ns, enum fleet_mark what, uint32_t replica,
                   uint32_t request)
{
    static const char *const names[MARKS] = {"a request moves in", "starts", "opens", "drains",
                                             "goes off",           "fails"};
    struct timeline *t = ctx;
    char s[EVENT_MOST], args[40] = "";

    if (what == MARK_MIGRATED)
        snprintf(args, sizeof args, ",\"args\":{\"request\":%u}", request);
    put(t, s,
        snprintf(s, sizeof s,
                 "{\"ph\":\"i\",\"s\":\"p\",\"pid\":%u,\"tid\":0,\"name\":\"%s\",\"ts\":" US "%s}",
                 replica, names[what], US_OF(t_ns), args));
}

/* A span of a request, as a pair of async events. */
static void span(struct timeline *t, const char *name, const char *id, uint32_t i, int64_t from,
                 int64_t to)
{
    char s[EVENT_MOST];

    put(t, s,
        snprintf(s, sizeof s,
                 "{\"ph\":\"b\",\"cat\":\"request\",\"id\":%u,\"pid\":%u,\"name\":\"%s\",\"ts\":" US
                 ",\"args\":{\"request\":\"%s\"}}",
                 i, t->pid, name, US_OF(from), id));
    put(t, s,
        snprintf(s, sizeof s,
                 "{\"ph\":\"e\",\"cat\":\"request\",\"id\":%u,\"pid\":%u,\"name\":\"%s\",\"ts\":" US
                 "}",
                 i, t->pid, name, US_OF(to)));
}

int timeline_end(struct timeline *t, const struct replay *p, struct err *e)
{
    struct buf id = {0};
    int rc = 0;

    for (uint32_t i = 0; i < p->trace->n; i++) {
        const struct flight *f = &p->flight[i];
        size_t len;
        const char *text = trace_set_id(p->trace, i, &len);

        if (!flight_gave(f))
            continue;
        id.len = 0;
        /* A long id is cut, at 64 bytes of at most 6 each. */
        if (jsonl_encode(text, len < 40 ? len : 40, &id, e) < 0 || buf_addc(&id, '\0', e) < 0) {
            rc = e->code;
            break;
        }
        t->pid = f->replica;
        span(t, "wait", id.p, i, replay_arrival(p, i), f->start_ns);
        span(t, "prefill", id.p, i, f->start_ns, f->first_ns);
        span(t, "decode", id.p, i, f->first_ns, f->last_ns);
    }
    buf_free(&id);
    out_raw(t->out, "\n]\n", 3);
    return rc;
}
