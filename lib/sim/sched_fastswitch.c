/* sched_fastswitch.c - FastSwitch: vLLM before v1 with priorities that change. Every so many steps
 * they are drawn anew (priority.h), those of the best that fit into the memory run, and the others
 * are driven out (switcher.h). Between, who is best of those that wait, be it for the first time or
 * in the host's memory, is next, as soon as there is room; where a running request finds no block,
 * the worst goes. As in vLLM, prompts come first, and a step is prompts or a token of each.
 *
 * With copies beside the steps, a step waits for who is on the way in only if more are than run. A
 * copy that stays is of use to the next turn of its session, too, where the trace's hashes say that
 * its prompt begins alike.
 *
 * Cost     a step walks over who runs, comes and waits; a draw sorts them.
 * Source   arXiv 2411.18424. Its adaptive choice between waiting and not is given in words only:
 *          the rule is ours; so is which copies are overwritten first (host_copy.h: in the order of
 *          use, not of priority), and no room is set aside for a next turn.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "sim/prefix.h"
#include "sim/sched.h"
#include "sim/switcher.h"

struct rank {
    uint32_t priority, request; /* smaller is better */
};

static const struct rank worst_rank = {UINT32_MAX, UINT32_MAX};

struct fastswitch {
    struct switcher sw;
    uint64_t epoch;     /* draws of priorities, so far */
    uint64_t *drawn_in; /* [n]: 1 + the epoch of which `drawn` is */
    uint32_t *drawn;
    struct rank *ranked; /* of all that are there */
    size_t ranked_cap;
    bool is_known; /* the best that waits, though not where */
    struct rank best;
    uint32_t *last; /* [sessions]: the request that ended last, or UINT32_MAX */
};

static struct fastswitch *state_of(const struct replica *r)
{
    return r->state;
}

static void end(struct replica *r)
{
    struct fastswitch *s = state_of(r);

    if (!s)
        return;
    switcher_close(&s->sw);
    free(s->drawn_in);
    free(s->drawn);
    free(s->ranked);
    free(s->last);
    free(s);
}

static int begin(struct replica *r, struct err *e)
{
    const struct trace_set *t = r->trace;
    struct fastswitch *s = r->state = mem_zero(1, sizeof *s, e);

    if (!s || switcher_init(&s->sw, r, e) < 0 ||
        !(s->drawn_in = mem_zero(t->n, sizeof *s->drawn_in, e)) ||
        !(s->drawn = mem_array(t->n, sizeof *s->drawn, e)) ||
        !(s->last = mem_array(t->sessions, sizeof *s->last, e)))
        return e->code;
    for (uint32_t i = 0; i < t->sessions; i++)
        s->last[i] = UINT32_MAX;
    return 0;
}

static uint32_t session_of(const struct replica *r, uint32_t request)
{
    return r->trace->session ? r->trace->session[request] : UINT32_MAX;
}

/* ---- priorities ---- */

static uint32_t priority_of(const struct replica *r, uint32_t request)
{
    const struct switch_opts *o = &r->o->switching;
    struct fastswitch *s = state_of(r);
    uint32_t session = session_of(r, request);

    if (o->period == 0)
        return r->trace->priority ? (uint32_t)r->trace->priority[request] ^ UINT32_C(1) << 31 : 0;
    if (s->drawn_in[request] != s->epoch + 1) {
        uint64_t key = session != UINT32_MAX ? session : (uint64_t)r->trace->sessions + request;

        s->drawn_in[request] = s->epoch + 1;
        s->drawn[request] = priority_drawn(o->pattern, o->seed, key, s->epoch);
    }
    return s->drawn[request];
}

static struct rank rank_of(const struct replica *r, uint32_t request)
{
    return (struct rank){priority_of(r, request), request};
}

static bool is_better(struct rank a, struct rank b)
{
    return a.priority != b.priority ? a.priority < b.priority : a.request < b.request;
}

static int best_first(const void *a, const void *b)
{
    const struct rank *x = a, *y = b;

    return is_better(*x, *y) ? -1 : is_better(*y, *x);
}

/* To its place among those that run. */
static int run(struct replica *r, uint32_t request, struct err *e)
{
    struct rank rank = rank_of(r, request);
    size_t i;

    if (running_add(r, request, e) < 0)
        return e->code;
    for (i = r->n_running - 1; i > 0 && is_better(rank, rank_of(r, r->running[i - 1])); i--)
        r->running[i] = r->running[i - 1];
    r->running[i] = request;
    return 0;
}

/* ---- a new draw ---- */

/* v is a heap, the best on top, but for what stands at i. */
static void sift_down(struct rank *v, size_t n, size_t i)
{
    struct rank x = v[i];
    size_t child;

    for (; (child = 2 * i + 1) < n; i = child) {
        child += child + 1 < n && is_better(v[child + 1], v[child]);
        if (!is_better(v[child], x))
            break;
        v[i] = v[child];
    }
    v[i] = x;
}

/* All that run, wait or are out, as a heap. */
static int rank_all(struct replica *r, size_t *n, struct err *e)
{
    struct fastswitch *s = state_of(r);
    size_t most = r->n_running + r->waiting.n + s->sw.out.n, k = 0;

    if (mem_reserve(&s->ranked, &s->ranked_cap, most + 1, sizeof *s->ranked, e) < 0)
        return e->code;
    for (size_t i = 0; i < r->n_running; i++)
        s->ranked[k++] = rank_of(r, r->running[i]);
    for (size_t i = 0; i < r->waiting.n; i++)
        s->ranked[k++] = rank_of(r, deque_at(&r->waiting, i));
    for (size_t i = 0; i < s->sw.out.n; i++)
        s->ranked[k++] = rank_of(r, deque_at(&s->sw.out, i));
    for (size_t i = k / 2; i-- > 0;)
        sift_down(s->ranked, k, i);
    *n = k;
    return 0;
}

static uint32_t watermark(const struct replica *r)
{
    return (uint32_t)(r->o->watermark * r->kv.total);
}

/* Of the heap the best fit, beside those that come, up to the first that does not: which that is.
 * The very best needs no watermark. */
static struct rank first_beyond(const struct replica *r, size_t n)
{
    struct fastswitch *s = state_of(r);
    struct rank *v = s->ranked;
    uint64_t held = watermark(r);
    size_t chosen = s->sw.n_coming;

    for (size_t k = 0; k < chosen; k++)
        held += s->sw.held[s->sw.coming[k].request].blocks;
    for (; n > 0 && chosen < r->o->most_requests; chosen++) {
        held += blocks_due(r, flight_of(r, v[0].request));
        if (held > r->kv.total && chosen > 0)
            break;
        v[0] = v[--n];
        if (n > 0)
            sift_down(v, n, 0);
    }
    return n > 0 ? v[0] : worst_rank;
}

static void sort_running(struct replica *r)
{
    struct rank *v = state_of(r)->ranked;

    for (size_t i = 0; i < r->n_running; i++)
        v[i] = rank_of(r, r->running[i]);
    qsort(v, r->n_running, sizeof *v, best_first);
    for (size_t i = 0; i < r->n_running; i++)
        r->running[i] = v[i].request;
}

/* Those that run and do not fit go, the worst first; the others are in their new order. */
static int drop_others(struct replica *r, struct err *e)
{
    struct rank beyond;
    size_t n = 0;

    if (rank_all(r, &n, e) < 0)
        return e->code;
    beyond = first_beyond(r, n);
    sort_running(r);
    while (r->n_running > 0 && !is_better(rank_of(r, r->running[r->n_running - 1]), beyond))
        if (switch_out(&state_of(r)->sw, r, r->running[--r->n_running], e) < 0)
            return e->code;
    return 0;
}

static int redraw(struct replica *r, struct err *e)
{
    uint32_t period = r->o->switching.period;
    uint64_t epoch = period > 0 ? r->total.steps / period : 0;

    if (epoch == state_of(r)->epoch)
        return 0;
    state_of(r)->epoch = epoch;
    state_of(r)->is_known = false;
    return drop_others(r, e);
}

/* ---- who comes in ---- */

static int land(struct replica *r, int64_t until, struct err *e)
{
    struct switcher *w = &state_of(r)->sw;

    while (w->n_coming > 0 && w->coming[0].ready_ns <= until)
        if (run(r, switch_land(w, r), e) < 0)
            return e->code;
    return 0;
}

/* The best that waits, and where: of w->out, or behind that in the queue. */
static struct rank best_waiting(const struct replica *r, size_t *at)
{
    const struct deque *out = &state_of(r)->sw.out;
    struct rank best = worst_rank;

    for (size_t i = 0; i < out->n + r->waiting.n; i++) {
        uint32_t request = i < out->n ? deque_at(out, i) : deque_at(&r->waiting, i - out->n);
        struct rank rank = rank_of(r, request);

        if (is_better(rank, best)) {
            best = rank;
            *at = i;
        }
    }
    return best;
}

static void remove_waiting(struct replica *r, size_t at)
{
    struct deque *out = &state_of(r)->sw.out;

    if (at < out->n)
        deque_drop(out, at);
    else
        deque_drop(&r->waiting, at - out->n);
}

static bool has_room(const struct replica *r, uint32_t request)
{
    size_t others = r->n_running + state_of(r)->sw.n_coming;
    uint64_t reserve = others > 0 ? watermark(r) : 0;

    return others < r->o->most_requests &&
           blocks_due(r, flight_of(r, request)) + reserve <= r->kv.free;
}

/* Tokens of prompts that are admitted and not computed. */
static uint64_t prompts_due(const struct replica *r)
{
    const struct switcher *w = &state_of(r)->sw;
    uint64_t tokens = 0;

    for (size_t i = 0; i < r->n_running + w->n_coming; i++) {
        uint32_t request = i < r->n_running ? r->running[i] : w->coming[i - r->n_running].request;

        tokens += prompt_due(flight_of(r, request));
    }
    return tokens;
}

/* From the queue. */
static int start(struct replica *r, uint32_t request, uint32_t copied, struct err *e)
{
    struct switcher *w = &state_of(r)->sw;

    if (copied > 0)
        return switch_in(w, r, request, e);
    return switcher_take(w, r, request, e) < 0 ? e->code : run(r, request, e);
}

/* The best first, and none before a better one. Who it is is looked for only if it may have room.
 */
static int admit(struct replica *r, struct err *e)
{
    struct fastswitch *s = state_of(r);
    struct switcher *w = &s->sw;
    uint64_t due = prompts_due(r);

    while (r->waiting.n + w->out.n > 0 && !(s->is_known && !has_room(r, s->best.request))) {
        size_t at = 0;
        uint32_t request = (s->best = best_waiting(r, &at)).request;
        const struct flight *f = flight_of(r, request);
        bool queued = at >= w->out.n;
        uint32_t copied = queued ? switch_copied(w, f, request) : f->computed;
        uint32_t tokens = is_prompt(f) ? f->need - copied : 0;

        /* A prompt beyond the budget goes alone, lest it wait for ever. */
        s->is_known = !has_room(r, request);
        if (s->is_known || (queued && due > 0 && due + tokens > r->o->most_tokens))
            return 0;
        due += tokens;
        remove_waiting(r, at);
        if ((queued ? start(r, request, copied, e) : switch_in(w, r, request, e)) < 0)
            return e->code;
    }
    return 0;
}

/* The GPU waits as long as more are on their way than run, and no prompt is there. */
static int await(struct replica *r, struct err *e)
{
    struct switcher *w = &state_of(r)->sw;

    if (land(r, r->now, e) < 0)
        return e->code;
    while (w->n_coming > r->n_running) {
        for (size_t i = 0; i < r->n_running; i++)
            if (is_prompt(flight_of(r, r->running[i])))
                return 0;
        if (w->coming[0].ready_ns > w->wait_ns)
            w->wait_ns = w->coming[0].ready_ns;
        if (land(r, w->coming[0].ready_ns, e) < 0)
            return e->code;
    }
    return 0;
}

/* ---- a step ---- */

static int prompts(struct replica *r, struct err *e)
{
    for (size_t i = 0; i < r->n_running; i++) {
        struct flight *f = flight_of(r, r->running[i]);

        if (!is_prompt(f))
            continue;
        if (r->n_batch > 0 && (uint64_t)r->shape.tokens + tokens_due(f) > r->o->most_tokens)
            return 0;
        /* What was in a copy. */
        if (f->start_ns == FLIGHT_NEVER)
            r->total.tier_tokens[KV_HOST] += f->computed;
        prefix_count(r, f);
        if (batch_add(r, r->running[i], tokens_due(f), e) < 0)
            return e->code;
    }
    return 0;
}

/* A token of each, the best first; where there is no block the worst goes, or it does itself. */
static int decodes(struct replica *r, struct err *e)
{
    struct switcher *w = &state_of(r)->sw;

    for (size_t i = 0; i < r->n_running; i++) {
        uint32_t request = r->running[i];
        const struct flight *f = flight_of(r, request);

        while (blocks_more(r, f, (uint64_t)f->computed + 1) > r->kv.free) {
            uint32_t victim = r->running[--r->n_running];

            state_of(r)->is_known = false;
            if (switch_out(w, r, victim, e) < 0)
                return e->code;
            if (victim == request)
                return 0;
        }
        if (switcher_take(w, r, request, e) < 0 || batch_add(r, request, 1, e) < 0)
            return e->code;
    }
    return 0;
}

static int form(struct replica *r, struct err *e)
{
    struct switcher *w = &state_of(r)->sw;

    w->wait_ns = 0;
    if (land(r, r->now, e) < 0 || redraw(r, e) < 0 || admit(r, e) < 0 || await(r, e) < 0 ||
        prompts(r, e) < 0 || (r->n_batch == 0 && decodes(r, e) < 0))
        return e->code;
    if (r->n_batch > 0 && w->wait_ns > r->now)
        r->transfer_us += 1e-3 * (double)(w->wait_ns - r->now);
    return 0;
}

/* ---- turns of a session ---- */

/* So many tokens of the prompt are the beginning of what the other one was, and answered. */
static uint32_t tokens_alike(const struct trace_set *t, uint32_t before, uint32_t request)
{
    uint32_t n, m, i = 0;
    const uint64_t *a = trace_set_hashes(t, before, &n), *b = trace_set_hashes(t, request, &m);

    while (i < n && i < m && (i + 1) * (uint64_t)t->block <= t->prompt[request] && a[i] == b[i])
        i++;
    return i * t->block;
}

static void forget_last(struct fastswitch *s, uint32_t session)
{
    if (s->last[session] != UINT32_MAX)
        host_copy_cut(&s->sw.host, s->last[session], 0);
    s->last[session] = UINT32_MAX;
}

static void arrived(struct replica *r, uint32_t request)
{
    struct fastswitch *s = state_of(r);
    uint32_t session = session_of(r, request), before;

    s->is_known = s->is_known && is_better(s->best, rank_of(r, request));
    if (session == UINT32_MAX || s->last[session] == UINT32_MAX)
        return;
    before = s->last[session];
    host_copy_cut(&s->sw.host, before, tokens_alike(r->trace, before, request));
    host_copy_pass(&s->sw.host, before, request);
    s->last[session] = UINT32_MAX;
}

/* A turn has ended: its blocks go, its copy may be of use. */
static int keep(struct replica *r, uint32_t request, struct err *e)
{
    struct fastswitch *s = state_of(r);
    uint32_t session = session_of(r, request);

    (void)e;
    kv_alloc_release(s->sw.alloc, &s->sw.held[request]);
    if (session == UINT32_MAX) {
        host_copy_cut(&s->sw.host, request, 0);
        return 0;
    }
    forget_last(s, session);
    s->last[session] = request;
    return 0;
}

static const struct switch_counts *switched(const struct replica *r)
{
    struct switcher *w = &state_of(r)->sw;

    w->count.lost_blocks = w->host.lost;
    return &w->count;
}

static const char *wrong(const struct replica *r)
{
    return switcher_wrong(&state_of(r)->sw, r);
}

/* Those that were driven out, and those on their way in. */
static size_t own(const struct replica *r, uint32_t *v)
{
    const struct switcher *w = &state_of(r)->sw;

    for (size_t i = 0; v && i < w->out.n; i++)
        v[i] = deque_at(&w->out, i);
    for (size_t i = 0; v && i < w->n_coming; i++)
        v[w->out.n + i] = w->coming[i].request;
    return w->out.n + w->n_coming;
}

const struct sched sched_fastswitch = {.name = "fastswitch",
                                       .own = own,
                                       .most_requests = 256,
                                       .most_tokens = 4096,
                                       .watermark = 0.01,
                                       .begin = begin,
                                       .end = end,
                                       .arrived = arrived,
                                       .keep = keep,
                                       .switched = switched,
                                       .wrong = wrong,
                                       .form = form};
