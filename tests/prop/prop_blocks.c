/* prop_blocks.c - serving by blocks against a slow simulation of it (naive_blocks.h): every time of
 * every request, on small random clusters, applications and traces.
 */
#include "naive_blocks.h"

#include "../unit/t.h"
#include "../unit/tmp.h"
#include "base/mem.h"

static unsigned long long seed = 1;

static uint32_t below(uint32_t n)
{
    return (uint32_t)(t_rand(&seed) >> 33) % n;
}

/* ---- what is tried ---- */

enum { MOST_BLOCKS = 12, MOST_APPS = 5, MOST_LENGTH = 6 };

static void add_block(struct buf *b, uint32_t i, struct err *e)
{
    static const char *const kind[] = {"embed", "ffn", "head", "adapter"};
    bool attends = i % 3 == 1;
    uint32_t bytes = 1 + below(40);

    buf_printf(b, e, "%s{\"id\":\"b%u\",\"kind\":\"%s\",\"bytes\":%u,\"us\":%u", i ? "," : "", i,
               attends ? "attention" : kind[below(4)], bytes * 1000, below(4) ? below(300) : 0);
    if (below(4))
        buf_printf(b, e, ",\"token_us\":%u.%u", below(4), below(10));
    if (attends && below(8))
        buf_printf(b, e, ",\"kv_bytes\":%u,\"context_us\":0.%u", 20, below(100));
    else if (attends)
        buf_adds(b, ",\"kv_bytes\":20", e);
    if (below(4) == 0)
        buf_printf(b, e, ",\"batch\":%u", 1 + below(3));
    if (below(5) == 0)
        buf_printf(b, e, ",\"surrogate\":{\"us\":%u,\"token_us\":0.1,\"accept\":0.%u}", below(60),
                   1 + below(9));
    buf_addc(b, '}', e);
}

static void make_apps(struct block_set *s, uint32_t blocks, uint32_t apps, struct err *e)
{
    struct buf b = {0};

    buf_printf(&b, e, "{\"activation_bytes\":%u,\"blocks\":[", below(2000));
    for (uint32_t i = 0; i < blocks; i++)
        add_block(&b, i, e);
    buf_adds(&b, "],\"apps\":[", e);
    for (uint32_t a = 0; a < apps; a++) {
        uint32_t n = 1 + below(MOST_LENGTH);

        buf_printf(&b, e, "%s{\"id\":\"a%u\",\"chain\":[", a ? "," : "", a);
        for (uint32_t i = 0; i < n; i++)
            buf_printf(&b, e, "%s\"b%u\"", i ? "," : "", below(blocks));
        buf_adds(&b, "]}", e);
    }
    buf_adds(&b, "]", e);
    if (blocks >= 8 && below(2))
        buf_adds(&b, ",\"equivalent\":[[\"b1\",\"b4\"],[\"b2\",\"b6\"]]", e);
    buf_adds(&b, "}", e);
    tmp_put("apps.json", b.p, b.len);
    buf_free(&b);
    T_CHECKF(block_set_load(s, "apps.json", e) == 0, "%s", e->msg);
}

static void make_trace(struct trace_set *t, uint32_t n, uint32_t apps, struct err *e)
{
    struct buf b = {0};
    struct trace_load_opts how = {.read = {.format = TRACE_AUTO}};
    uint64_t at = 0, bad;
    uint32_t gap = 1 + below(3) * below(400000);

    for (uint32_t a = 0; a < apps; a++) /* so that models have the applications' numbers */
        buf_printf(&b, e,
                   "{\"id\":\"m%u\",\"t_ns\":0,\"prompt\":1,\"output\":1,\"model\":\"a%u\"}\n", a,
                   a);
    for (uint32_t i = apps; i < n; i++) {
        at += below(2) ? below(gap) : 0;
        buf_printf(&b, e, "{\"id\":\"r%u\",\"t_ns\":%llu,\"prompt\":%u,\"output\":%u", i,
                   (unsigned long long)at, 1 + below(40), 1 + below(8));
        buf_printf(&b, e, ",\"model\":\"a%u\"", below(apps));
        if (i > apps && below(6) == 0)
            buf_printf(&b, e, ",\"after\":[\"r%u\"],\"tool_ns\":%u", apps + below(i - apps),
                       below(100000));
        buf_adds(&b, "}\n", e);
    }
    tmp_put("trace.jsonl", b.p, b.len);
    buf_free(&b);
    T_CHECKF(trace_load(t, "trace.jsonl", &how, &bad, e) == 0, "%s", e->msg);
}

static struct blocks_opts make_opts(void)
{
    static const double hop[] = {0, 5, 100}, stay[] = {0, 50, 1000}, scale[] = {0, 1, 1e6};

    return (struct blocks_opts){
        .servers = 1 + below(2),
        .devices = 1 + below(3),
        .memory = 30000 + below(200) * 1000,
        .kv_share = 0.1 * below(5),
        .link_gbs = 0.001 + 0.01 * below(100),
        .link_us = below(30),
        .bus_gbs = 0.1 + below(10),
        .load_gbs = 0.01 + 0.1 * below(10),
        .hop_us = hop[below(3)],
        .stay_us = stay[below(3)],
        .scale_us = scale[below(3)],
        .idle_us = below(2) * 300,
        .most_requests = 1 + below(6),
        .most_tokens = 1 + below(60),
        .choice = (enum block_choice)below(3),
        .seed = below(1000),
        .check = true,
    };
}

/* ---- merged blocks ---- */

/* Are the merged blocks of an application together what its blocks are? */
static void check_sums(const struct block_set *of, const struct block_set *s, uint32_t app)
{
    double context = 0, us = 0, token_us = 0;
    uint64_t kv = 0, bytes = 0;

    for (uint32_t i = 0; i < of->app[app].n; i++) {
        const struct block *k = &of->block[of->app[app].chain[i]];

        context -= k->context_us;
        us -= k->part->us;
        token_us -= k->part->token_us;
        kv -= k->kv_bytes;
    }
    for (uint32_t i = 0; i < s->app[app].n; i++) {
        const struct block *k = &s->block[s->app[app].chain[i]];

        context += k->context_us;
        kv += k->kv_bytes;
        bytes += k->bytes;
        for (uint32_t p = 0; p < k->parts; p++) {
            us += k->part[p].us;
            token_us += k->part[p].token_us;
        }
    }
    T_CHECK(kv == 0 && fabs(context) < 1e-9 && fabs(us) < 1e-6 && fabs(token_us) < 1e-6);
    T_CHECK(bytes == block_chain_bytes(of, app));
}

/* The chain without its adapters, as text. */
static const char *model_of(const struct block_set *s, uint32_t app, char text[100])
{
    size_t len = 0;

    text[0] = '\0';
    for (uint32_t i = 0; i < s->app[app].n; i++)
        if (s->block[s->app[app].chain[i]].kind != BLOCK_ADAPTER)
            len += (size_t)snprintf(text + len, 100 - len, " %u", s->app[app].chain[i]);
    return text;
}

static void check_merged(const struct block_set *of, const struct block_set *s,
                         enum block_serving how)
{
    for (uint32_t a = 0; a < of->apps; a++) {
        char text[100], other[100];
        const char *model = model_of(of, a, text);

        check_sums(of, s, a);
        T_CHECK(how == SERVE_SHARING || s->app[a].n == 1);
        for (uint32_t b = 0; b < a; b++)
            T_CHECK((s->app[a].chain[0] == s->app[b].chain[0]) ==
                    (how == SERVE_SHARING && *model && strcmp(model, model_of(of, b, other)) == 0));
    }
}

/* ---- the comparison ---- */

static void compare(const struct blocks_run *got, const struct nb *want, int round)
{
    const struct blocks_totals *g = &got->total;

    for (uint32_t i = 0; i < want->t->n; i++) {
        const struct flight *f = &got->times.flight[i];
        const struct nb_request *r = &want->r[i];

        T_CHECKF(f->status == r->status && f->start_ns == r->start_ns &&
                     f->first_ns == r->first_ns && f->last_ns == r->last_ns &&
                     f->given == (uint32_t)r->given,
                 "round %d, request %u: status %d %d, start %lld %lld, first %lld %lld, last %lld "
                 "%lld",
                 round, i, f->status, r->status, (long long)f->start_ns, (long long)r->start_ns,
                 (long long)f->first_ns, (long long)r->first_ns, (long long)f->last_ns,
                 (long long)r->last_ns);
    }
    T_CHECKF(g->hops == want->hops && g->remote_hops == want->remote && g->moves == want->moves &&
                 g->recomputes == want->again && g->loads == want->loads &&
                 g->evictions == want->evictions && g->kv_moved == want->kv_moved &&
                 g->busy_ns == (double)want->busy_ns,
             "round %d: hops %llu %llu, moves %llu %llu, again %llu %llu, loads %llu %llu, "
             "evictions %llu %llu, kv %g %g, busy %g %lld",
             round, (unsigned long long)g->hops, (unsigned long long)want->hops,
             (unsigned long long)g->moves, (unsigned long long)want->moves,
             (unsigned long long)g->recomputes, (unsigned long long)want->again,
             (unsigned long long)g->loads, (unsigned long long)want->loads,
             (unsigned long long)g->evictions, (unsigned long long)want->evictions, g->kv_moved,
             want->kv_moved, g->busy_ns, (long long)want->busy_ns);
}

/* What the rounds together have met: a test of what never happens is none. */
static struct blocks_totals met;
static uint32_t met_rejected;

static void add_up(const struct blocks_run *r)
{
    met.moves += r->total.moves;
    met.recomputes += r->total.recomputes;
    met.alike_hops += r->total.alike_hops;
    met.loads += r->total.loads;
    met.evictions += r->total.evictions;
    met.copies += r->total.copies;
    met.guesses += r->total.guesses;
    met.right += r->total.right;
    met_rejected += r->times.rejected;
}

static void try_once(int round)
{
    static struct nb want;
    uint32_t blocks = 2 + below(MOST_BLOCKS - 1), apps = 1 + below(MOST_APPS);
    struct blocks_opts o = make_opts();
    struct block_set whole = {0}, merged = {0}, *s = &whole;
    struct trace_set t = {0};
    struct blocks_run got;
    struct err e = {0};
    int rc;

    make_apps(&whole, blocks, apps, &e);
    make_trace(&t, apps + 1 + below(30), apps, &e);
    if (below(3) == 0) {
        enum block_serving how = below(2) ? SERVE_MODELS : SERVE_SHARING;

        T_CHECK(block_set_merge(&merged, &whole, how, &e) == 0);
        check_merged(&whole, &merged, how);
        s = &merged;
    }
    rc = blocks_run(&got, &t, s, &o, &e);
    T_CHECKF(rc == 0, "round %d: %s", round, e.msg);
    memset(&want, 0, sizeof want);
    want.t = &t;
    want.s = s;
    want.o = &o;
    nb_run(&want);
    if (rc == 0)
        compare(&got, &want, round);
    add_up(&got);
    blocks_run_free(&got);
    block_set_free(&whole);
    block_set_free(&merged);
    trace_set_free(&t);
}

int main(void)
{
    tmp_enter();
    for (int round = 0; round < 1500 && t_failed == 0; round++)
        try_once(round);
    T_CHECK(met.moves > 0 && met.recomputes > 0 && met.alike_hops > 0 && met.loads > 0);
    T_CHECK(met.evictions > 0 && met.copies > 0 && met.guesses > met.right && met.right > 0);
    T_CHECK(met_rejected > 0);
    tmp_leave();
    return t_done("prop_blocks");
}
