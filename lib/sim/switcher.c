/* switcher.c - see switcher.h. */
#include "sim/switcher.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim/clock.h"

int switcher_init(struct switcher *s, const struct replica *r, struct err *e)
{
    const struct switch_opts *o = s->o = &r->o->switching;
    struct kv_alloc_opts places = o->places;

    places.blocks = r->o->kv_blocks;
    if (kv_alloc_open(&s->alloc, o->alloc ? o->alloc : &kv_alloc_group, &places, e) < 0 ||
        !(s->held = mem_array(r->trace->n, sizeof *s->held, e)) ||
        !(s->leaving_ns = mem_zero(r->o->kv_blocks, sizeof *s->leaving_ns, e)) ||
        host_copies_init(&s->host, r->trace->n, r->o->swap_blocks, r->o->block_tokens, e) < 0)
        return e->code;
    for (uint32_t i = 0; i < r->trace->n; i++)
        s->held[i] = KV_HELD_NONE;
    return 0;
}

void switcher_close(struct switcher *s)
{
    kv_alloc_close(s->alloc);
    host_copies_close(&s->host);
    free(s->held);
    free(s->leaving_ns);
    free(s->out.v);
    free(s->coming);
}

/* ---- blocks ---- */

/* Until when some of the request's blocks from number `from` on are on their way out. */
static int64_t leaving(const struct switcher *s, uint32_t request, uint32_t from)
{
    const struct kv_held *h = &s->held[request];
    int64_t last = 0;
    uint32_t at = 0;

    for (uint32_t p = h->first; p != KV_NONE; p = kv_alloc_next(s->alloc, h, p))
        for (uint32_t b = p, end = p + kv_alloc_length(s->alloc, h, p); b < end; b++, at++)
            if (at >= from && s->leaving_ns[b] > last)
                last = s->leaving_ns[b];
    return last;
}

static int take(struct switcher *s, struct replica *r, uint32_t request, uint32_t blocks,
                struct err *e)
{
    struct kv_held *h = &s->held[request];
    uint32_t more = blocks > h->blocks ? blocks - h->blocks : 0;

    if (!kv_alloc_grow(s->alloc, h, more))
        return err_set(e, ERR_CORRUPT, "KV blocks that were counted are not there");
    return kv_take(&r->kv, &flight_of(r, request)->kv, more, e);
}

static void count_conflict(struct switcher *s, int64_t from_ns, int64_t until_ns)
{
    s->count.conflicts++;
    s->count.conflict_us += 1e-3 * (double)(until_ns - from_ns);
}

int switcher_take(struct switcher *s, struct replica *r, uint32_t request, struct err *e)
{
    uint32_t before = s->held[request].blocks;
    int64_t until, ready = s->wait_ns > r->now ? s->wait_ns : r->now;

    if (take(s, r, request, blocks_due(r, flight_of(r, request)), e) < 0)
        return e->code;
    if (!s->o->async || s->held[request].blocks == before)
        return 0;
    until = leaving(s, request, before);
    if (until > ready) {
        count_conflict(s, ready, until);
        s->wait_ns = until;
    }
    return 0;
}

/* All its blocks are given back. */
static void give(struct switcher *s, struct replica *r, uint32_t request)
{
    kv_alloc_release(s->alloc, &s->held[request]);
    kv_give_back(&r->kv, &flight_of(r, request)->kv);
}

/* ---- the link ---- */

/* Counts the copies of the request's blocks [from, to): how long they take. */
static double copy_us(struct switcher *s, uint32_t request, uint32_t from, uint32_t to,
                      double *bytes)
{
    uint64_t copies = (uint64_t)kv_alloc_copies(s->alloc, &s->held[request], from, to) *
                      s->o->copies;
    double more = (to - from) * s->o->block_bytes;

    s->count.copies += copies;
    *bytes += more;
    return (double)copies * (s->o->dispatch_us + s->o->half_bytes / (1e3 * s->o->gbs)) +
           more / (1e3 * s->o->gbs);
}

/* One way of the link is busy for so long, from now, or when it is free, or `after`: *way_ns is
 * until when. */
static int send(int64_t *way_ns, int64_t now, int64_t after, double us, struct err *e)
{
    int64_t begin = *way_ns > now ? *way_ns : now;

    return clock_moved(after > begin ? after : begin, us, way_ns, e);
}

/* The request's blocks [from, to) are on their way. */
static void set_leaving(struct switcher *s, uint32_t request, uint32_t from, uint32_t to,
                        int64_t until)
{
    const struct kv_held *h = &s->held[request];
    uint32_t at = 0;

    for (uint32_t p = h->first; p != KV_NONE; p = kv_alloc_next(s->alloc, h, p))
        for (uint32_t b = p, end = p + kv_alloc_length(s->alloc, h, p); b < end; b++, at++)
            if (at >= from && at < to)
                s->leaving_ns[b] = until;
}

/* ---- out ---- */

/* Blocks [from, to) go into its copy. */
static int copy_out(struct switcher *s, struct replica *r, uint32_t request, uint32_t from,
                    uint32_t to, struct err *e)
{
    double us = copy_us(s, request, from, to, &s->count.out_bytes);

    if (!s->o->async) {
        r->transfer_us += us;
    } else if (from < to) {
        if (send(&s->out_ns, r->now, 0, us, e) < 0)
            return e->code;
        s->host.copy[request].ready_ns = s->out_ns;
        set_leaving(s, request, from, to, s->out_ns);
    }
    return 0;
}

/* It was admitted, and no step has been: as if it had not. */
static int put_back(struct switcher *s, struct replica *r, uint32_t request, struct err *e)
{
    give(s, r, request);
    flight_of(r, request)->status = FLIGHT_WAITING;
    r->queued_blocks += kv_blocks(&r->kv, flight_of(r, request)->need);
    return deque_push_front(&r->waiting, request, e);
}

int switch_out(struct switcher *s, struct replica *r, uint32_t request, struct err *e)
{
    struct flight *f = flight_of(r, request);
    uint32_t there = s->host.copy[request].tokens, to = kv_blocks(&r->kv, f->computed);

    if (f->computed == 0)
        return put_back(s, r, request, e);
    if (!host_copy_hold(&s->host, request, f->computed)) {
        kv_alloc_release(s->alloc, &s->held[request]);
        return restart(r, request, e);
    }
    /* A block that was copied when it was not full is copied again. */
    if (copy_out(s, r, request, there == f->computed ? to : there / r->kv.tokens, to, e) < 0)
        return e->code;
    give(s, r, request);
    /* Replicas count what is due of those that wait and run, not of those that are elsewhere. */
    r->due_tokens -= prompt_due(f);
    f->status = FLIGHT_SWAPPED;
    f->preemptions++;
    r->total.preemptions++;
    r->total.swaps++;
    s->count.out++;
    return deque_push_back(&s->out, request, e);
}

/* ---- in ---- */

uint32_t switch_copied(const struct switcher *s, const struct flight *f, uint32_t request)
{
    uint32_t tokens = s->host.copy[request].tokens;

    return tokens < f->need ? tokens : f->need - 1;
}

/* A prompt of which the beginning comes. */
static void begin_copied(struct switcher *s, struct replica *r, uint32_t request)
{
    struct flight *f = flight_of(r, request);

    r->due_tokens -= prompt_due(f);
    r->queued_blocks -= kv_blocks(&r->kv, f->need);
    f->computed = switch_copied(s, f, request);
    f->status = FLIGHT_SWAPPED;
    host_copy_cut(&s->host, request, f->computed);
    host_copy_hold(&s->host, request, f->computed);
}

/* It begins when the link is free, its copy is whole, and its blocks are nobody's on their way out:
 * s->in_ns is until when. */
static int bring(struct switcher *s, const struct replica *r, uint32_t request, double us,
                 struct err *e)
{
    int64_t ready = s->host.copy[request].ready_ns, gone = leaving(s, request, 0);

    s->count.conflicts += gone > r->now;
    return send(&s->in_ns, r->now, gone > ready ? gone : ready, us, e);
}

int switch_in(struct switcher *s, struct replica *r, uint32_t request, struct err *e)
{
    struct flight *f = flight_of(r, request);
    double us;

    if (mem_reserve(&s->coming, &s->coming_cap, s->n_coming + 1, sizeof *s->coming, e) < 0)
        return e->code;
    if (f->status == FLIGHT_WAITING)
        begin_copied(s, r, request);
    if (take(s, r, request, kv_blocks(&r->kv, f->computed), e) < 0)
        return e->code;
    us = copy_us(s, request, 0, s->held[request].blocks, &s->count.in_bytes);
    if (take(s, r, request, blocks_due(r, f), e) < 0)
        return e->code;
    if (!s->o->async)
        r->transfer_us += us;
    else if (bring(s, r, request, us, e) < 0)
        return e->code;
    s->coming[s->n_coming++] = (struct coming){request, s->o->async ? s->in_ns : r->now};
    s->count.in++;
    return 0;
}

uint32_t switch_land(struct switcher *s, struct replica *r)
{
    uint32_t request = s->coming[0].request;

    r->due_tokens += prompt_due(flight_of(r, request));
    s->n_coming--;
    memmove(s->coming, s->coming + 1, s->n_coming * sizeof *s->coming);
    if (s->o->reuse)
        host_copy_spare(&s->host, request);
    else
        host_copy_cut(&s->host, request, 0);
    return request;
}

/* ---- for --check ---- */

/* Every request's blocks are in both ways of counting them. */
const char *switcher_wrong(const struct switcher *s, const struct replica *r)
{
    uint64_t held = 0;

    for (uint32_t i = 0; i < r->trace->n; i++) {
        const struct flight *f = &r->flight[i];

        if (s->held[i].blocks != (f->replica == r->number ? f->kv.n : 0))
            return "KV blocks that have places are not those that are counted";
        held += s->held[i].blocks;
    }
    if (held + r->kv.free != r->kv.total || s->alloc->left > r->kv.free)
        return "KV blocks are lost, or held twice";
    return host_copies_consistent(&s->host) ? NULL : "copies in the host's memory are lost";
}
