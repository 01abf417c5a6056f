/* prefix.c - see prefix.h. */
#include "sim/prefix.h"

#include "base/mem.h"
#include "base/rand.h"
#include "sim/sched.h"

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* What a request took over from others (kin.h) need not stand where its own text would. */
static bool took_over(const struct replica *r, uint32_t request)
{
    return r->kin && r->kin[request].blocks > 0;
}

/* ---- hashes ---- */

/* Of a block that is like no other. */
static uint64_t own_hash(uint32_t request, uint32_t block)
{
    uint64_t state = (uint64_t)request << 32 | block;

    return rand_u64(&state);
}

/* Hashes of the first n blocks; the trace's own array where that has so many. */
static const uint64_t *first_hashes(struct replica *r, uint32_t request, uint32_t n, struct err *e)
{
    uint32_t given;
    const uint64_t *hashes = trace_set_hashes(r->trace, request, &given);

    if (n <= given)
        return hashes;
    if (mem_reserve(&r->hashes, &r->hashes_cap, n, sizeof *r->hashes, e) < 0)
        return NULL;
    for (uint32_t i = 0; i < n; i++)
        r->hashes[i] = i < given ? hashes[i] : own_hash(request, i);
    return r->hashes;
}

int prefix_name_more(struct replica *r, uint32_t request, uint32_t tokens, struct err *e)
{
    struct flight *f = flight_of(r, request);
    uint32_t full = tokens / r->kv.tokens;
    const uint64_t *hashes;

    if (r->finds && !took_over(r, request)) {
        if (!(hashes = first_hashes(r, request, full, e)))
            return e->code;
        kv_name(&r->kv, &f->kv, f->named, full, hashes);
    }
    f->named = full;
    return 0;
}

/* ---- without hashes ---- */

void prefix_leave(struct replica *r, uint32_t request)
{
    struct flight *f = flight_of(r, request);

    f->left_at = r->kv.queue.back;
    f->left = r->own_prefix ? f->named : 0;
    f->named = 0;
}

/* The first block joined the queue last, so it is there for longest. */
static void find_own(const struct replica *r, const struct flight *f, struct prefix *p)
{
    uint64_t there = f->left_at > r->kv.queue.front ? f->left_at - r->kv.queue.front : 0;

    p->shared = smaller(f->left, p->most);
    if (p->shared > there)
        p->shared = (uint32_t)there;
    p->idle = p->shared;
}

/* ---- what is there ---- */

int prefix_find(struct replica *r, uint32_t request, struct prefix *p, struct err *e)
{
    const struct flight *f = flight_of(r, request);
    uint32_t given;

    *p = (struct prefix){.most = took_over(r, request) ? 0 : (f->need - 1) / r->kv.tokens};
    if (!r->finds) {
        find_own(r, f, p);
        return 0;
    }
    trace_set_hashes(r->trace, request, &given);
    /* Before it has run, none can have blocks of its own. */
    p->most = f->preemptions > 0 ? p->most : smaller(given, p->most);
    if (p->most > 0 && !(p->hashes = first_hashes(r, request, p->most, e)))
        return e->code;
    p->shared = kv_find(&r->kv, p->hashes, p->most);
    p->idle = kv_find_free(&r->kv, p->hashes, p->shared);
    return 0;
}

/* ---- what is loaded ---- */

int prefix_choose(struct replica *r, uint32_t request, struct prefix *p, struct err *e)
{
    uint32_t need = flight_of(r, request)->need, found[KV_TIERS] = {0}, i = p->shared;
    enum kv_tier tier = i < p->most && r->tiers ? kv_beside(&r->kv, p->hashes[i]) : KV_NOWHERE;
    double load_us = 0, least, us;

    if (tier == KV_NOWHERE)
        return 0;
    if (sched_prefill_us(r, i * r->kv.tokens, need, &least, e) < 0)
        return e->code;
    while (tier != KV_NOWHERE) {
        enum kv_tier next = tier;

        for (; next == tier; i++) {
            found[tier]++;
            load_us += r->o->tier_block_us[tier];
            next = i + 1 < p->most ? kv_beside(&r->kv, p->hashes[i + 1]) : KV_NOWHERE;
        }
        if (sched_prefill_us(r, i * r->kv.tokens, need, &us, e) < 0)
            return e->code;
        if (load_us + us < least) {
            least = load_us + us;
            p->load_us = load_us;
            for (int k = 0; k < KV_TIERS; k++)
                p->loaded[k] = found[k];
        }
        tier = next;
    }
    return 0;
}

void prefix_count(struct replica *r, struct flight *f)
{
    if (f->start_ns != FLIGHT_NEVER)
        return;
    f->hit_tokens = f->computed;
    r->total.hit_tokens += f->computed;
    r->total.asked_tokens += f->need;
}

int prefix_hold(struct replica *r, uint32_t request, const struct prefix *p, struct err *e)
{
    struct flight *f = flight_of(r, request);
    uint32_t end = p->shared + p->loaded[KV_HOST] + p->loaded[KV_DISK];
    int rc;

    if (took_over(r, request))
        return 0;
    rc = r->finds ? kv_share(&r->kv, &f->kv, p->hashes, p->shared, e)
                  : kv_regain(&r->kv, &f->kv, f->left_at - p->shared + 1, p->shared, e);

    for (uint32_t i = end; i-- > p->shared;)
        tier_touch(&r->kv.tier[kv_beside(&r->kv, p->hashes[i])], p->hashes[i]);
    r->transfer_us += p->load_us;
    f->computed = end * r->kv.tokens;
    r->due_tokens -= f->computed;
    f->named = p->shared;
    f->left = 0;
    for (int i = 0; i < KV_TIERS && f->start_ns == FLIGHT_NEVER; i++)
        r->total.tier_tokens[i] += (uint64_t)p->loaded[i] * r->kv.tokens;
    prefix_count(r, f);
    return rc;
}

int prefix_put(struct replica *r, uint32_t request, uint32_t blocks, struct err *e)
{
    struct kv_list l = {0};
    uint32_t n, shared, more;
    const uint64_t *hashes = trace_set_hashes(r->trace, request, &n);
    int rc;

    if (!r->kv.sharing)
        return 0;
    n = smaller(n, blocks);
    shared = kv_find(&r->kv, hashes, n);
    rc = kv_share(&r->kv, &l, hashes, shared, e);
    more = smaller(n - shared, r->kv.free);
    if (rc == 0)
        rc = kv_take(&r->kv, &l, more, e);
    if (rc == 0)
        kv_name(&r->kv, &l, shared, shared + more, hashes);
    kv_give_back(&r->kv, &l);
    return rc;
}
