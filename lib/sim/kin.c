/* kin.c - see kin.h. */
#include "sim/kin.h"

#include "sim/background.h"
#include "sim/sched.h"

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* ---- taking over ---- */

/* From now on it may be asked to give up what it holds. */
static void note_kept(struct replica *r, uint32_t request)
{
    struct kin *k = &r->kin[request];

    if (k->listed)
        return;
    k->listed = true;
    k->next_kept = r->kept;
    r->kept = request + 1;
}

/* What a list has so far: of the text's tokens, and its places up to the last of them. */
struct taken {
    uint32_t tokens, places, solid;
    bool any;
};

/* Which block of the request's list has token `at`; for one before its last join, of which that is
 * not known, the first that is not in l too. */
static uint32_t block_of(const struct replica *r, const struct kv_list *l, uint32_t request,
                         uint32_t at)
{
    const struct kv_list *own = &flight_of(r, request)->kv;
    const struct kin *k = &r->kin[request];
    uint32_t n = 0;

    if (at >= k->solid)
        return (at + k->holes) / r->kv.tokens;
    while (n < l->n && n < own->n && l->id[n] == own->id[n])
        n++;
    return n;
}

/* What the parent still has behind the tokens that are in the list already, as far as `most` tokens
 * of the whole text. */
static int take_over(struct replica *r, struct kv_list *l, uint32_t parent, uint32_t common,
                     uint32_t most, struct taken *got, struct err *e)
{
    const struct flight *f = flight_of(r, parent);
    const struct kin *k = &r->kin[parent];
    uint32_t skip = got->any ? common : 0, have = f->computed, to, from, more;

    if (f->replica != r->number || f->kv.n == 0 || have <= skip || got->tokens >= most)
        return 0;
    more = smaller(have - skip, most - got->tokens);
    have = skip + more;
    if (have < f->computed && k->holes > 0 && have <= k->solid)
        return 0;
    to = kv_blocks(&r->kv, (uint64_t)have + k->holes);
    from = smaller(block_of(r, l, parent, skip), to - kv_blocks(&r->kv, more));
    if (kv_refer(&r->kv, l, &f->kv, from, to, e) < 0)
        return e->code;
    got->solid = got->any ? got->tokens + (k->solid > skip ? k->solid - skip : 0) : k->solid;
    got->tokens += more;
    got->places = l->n * r->kv.tokens - (to * r->kv.tokens - have - k->holes);
    got->any = true;
    return 0;
}

int kin_arrive(struct replica *r, uint32_t request, struct err *e)
{
    const struct trace_set *t = r->trace;
    struct flight *f = flight_of(r, request);
    struct kin *k = &r->kin[request];
    uint32_t n, joins = t->program[request].joins;
    const uint32_t *after = trace_set_after(t, request, &n);
    struct taken got = {0};

    for (uint32_t i = 0; i < joins && k->reuse > 0; i++)
        if (take_over(r, &f->kv, after[i], k->common, k->reuse, &got, e) < 0)
            return e->code;
    k->blocks = f->kv.n;
    k->tokens = f->computed = got.tokens;
    k->holes = got.places - got.tokens;
    k->solid = k->holes > 0 ? got.solid : 0;
    k->tail = got.places < f->kv.n * r->kv.tokens;
    r->total.reused_tokens += got.tokens;
    if (k->blocks > 0)
        note_kept(r, request);
    return 0;
}

int kin_take(struct replica *r, struct flight *f, uint32_t more, struct err *e)
{
    struct kin *k = r->kin ? &r->kin[f - r->flight] : NULL;

    if (k && k->tail) {
        if (kv_is_shared(&r->kv, f->kv.id[f->kv.n - 1])) {
            kv_copy_last(&r->kv, &f->kv);
            more--;
        }
        k->tail = false;
    }
    return kv_take(&r->kv, &f->kv, more, e);
}

/* ---- keeping, and giving back ---- */

uint32_t kin_restart(struct replica *r, uint32_t request)
{
    struct flight *f = flight_of(r, request);
    struct kin *k = &r->kin[request];
    uint32_t n = 0, places;

    while (n < k->blocks && kv_is_shared(&r->kv, f->kv.id[n]))
        n++;
    places = n * r->kv.tokens;
    if (n < k->blocks && k->holes > 0 && places <= (uint64_t)k->solid + k->holes)
        n = places = 0;
    if (n < k->blocks)
        k->tokens = places > k->holes ? places - k->holes : 0;
    k->blocks = n;
    if (n == 0)
        k->holes = k->solid = 0;
    kv_cut(&r->kv, &f->kv, n);
    if (n > 0)
        note_kept(r, request);
    return k->tokens;
}

bool kin_keeps(struct replica *r, uint32_t request)
{
    struct flight *f = flight_of(r, request);

    if (!r->kin || r->kin[request].heirs == 0)
        return false;
    kv_cut(&r->kv, &f->kv, kv_blocks(&r->kv, (uint64_t)f->computed + r->kin[request].holes));
    note_kept(r, request);
    return true;
}

void kin_release(struct replica *r, uint32_t request)
{
    kv_give_back(&r->kv, &flight_of(r, request)->kv);
}

/* ---- giving up ---- */

/* One that waits computes all of its prompt itself. */
static void disinherit(struct replica *r, uint32_t request)
{
    struct flight *f = flight_of(r, request);
    struct kin *k = &r->kin[request];

    kv_give_back(&r->kv, &f->kv);
    r->due_tokens += is_background(r, request) ? 0 : f->computed;
    f->computed = 0;
    *k = (struct kin){.heirs = k->heirs, .listed = k->listed, .next_kept = k->next_kept};
}

/* It waits, or has ended, and keeps blocks. */
static bool is_kept(const struct replica *r, uint32_t request)
{
    const struct flight *f = flight_of(r, request);

    return f->replica == r->number && f->kv.n > 0 &&
           (f->status == FLIGHT_WAITING || f->status == FLIGHT_ENDED ||
            f->status == FLIGHT_STOPPED);
}

static bool has_own(const struct replica *r, const struct kv_list *l)
{
    for (uint32_t i = l->n; i-- > 0;)
        if (!kv_is_shared(&r->kv, l->id[i]))
            return true;
    return false;
}

/* Of those that keep some the last of the trace, but `spared`; own: some that nobody else holds. */
static bool give_up_last(struct replica *r, uint32_t spared, bool own)
{
    uint32_t last = UINT32_MAX, *at = &r->kept;

    while (*at > 0) {
        uint32_t x = *at - 1;
        struct kin *k = &r->kin[x];

        if (!is_kept(r, x)) {
            *at = k->next_kept;
            k->listed = false;
            continue;
        }
        if (x != spared && (last == UINT32_MAX || x > last) &&
            (!own || has_own(r, &flight_of(r, x)->kv)))
            last = x;
        at = &k->next_kept;
    }
    if (last == UINT32_MAX)
        return false;
    if (flight_of(r, last)->status == FLIGHT_WAITING)
        disinherit(r, last);
    else
        kv_give_back(&r->kv, &flight_of(r, last)->kv);
    return true;
}

void kin_make_way(struct replica *r)
{
    uint64_t want = r->n_running;
    uint32_t first = r->waiting.n > 0 ? deque_front(&r->waiting) : UINT32_MAX;

    if (first != UINT32_MAX && r->n_running < r->o->most_requests) {
        const struct flight *f = flight_of(r, first);

        want += blocks_more(r, f, r->sched->reserves ? r->longest : f->need) +
                (uint64_t)(r->o->watermark * r->kv.total);
    }
    while (r->kv.free < want && give_up_last(r, first, true))
        ;
}

bool kin_give_up(struct replica *r)
{
    const struct deque *d = r->waiting.n > 0 ? &r->waiting : &r->background;
    uint32_t first = d->n > 0 ? deque_front(d) : UINT32_MAX;

    if (d->n + r->swapped.n + r->paused.n == 0)
        return false;
    return give_up_last(r, first, false) ||
           (first != UINT32_MAX && give_up_last(r, UINT32_MAX, false));
}
