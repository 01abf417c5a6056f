/* gen.c - see gen.h. Arrivals, lengths and the rest have random numbers of their own, so that one
 * option does not change what another gives. */
#include "sim/gen.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rand.h"

enum { ARRIVALS, LENGTHS, SHAPES, PREFIXES, STREAMS, ID_MOST = 48, TURNS_MOST = 1 << 20 };

struct gen {
    struct gen_opts o;
    uint64_t seed[STREAMS];
    uint64_t session; /* under way, from 0 */
    uint64_t turn, turns;
    uint64_t history;               /* tokens of the session so far */
    uint64_t prefix, prefix_tokens; /* prefix: from 1 */
    uint32_t *prefix_of;            /* [sessions], where each has so many */
    double at_s, burst_ends_s;
    bool hashed;
    char id[ID_MOST], before[ID_MOST], name[ID_MOST];
    struct trace_text after;
    uint64_t *hashes;
    size_t hashes_cap;
};

uint64_t gen_tokens(const struct dist *d, uint64_t *seed)
{
    double v = dist_draw(d, seed);

    return v < 1 ? 1 : v > TRACE_TOKENS_MOST ? TRACE_TOKENS_MOST : (uint64_t)llround(v);
}

/* Each prefix as often as was drawn for it, in a random order (Fisher and Yates). */
static int deal_prefixes(struct gen *g, struct err *e)
{
    uint64_t n = g->o.sessions, *seed = &g->seed[PREFIXES];
    uint32_t prefix = 0;

    if (!(g->prefix_of = mem_array(n, sizeof *g->prefix_of, e)))
        return e->code;
    for (uint64_t i = 0; i < n; prefix++)
        for (uint64_t k = gen_tokens(&g->o.sharing, seed); k > 0 && i < n; k--)
            g->prefix_of[i++] = prefix;
    for (uint64_t i = n; i > 1 && !g->o.in_order; i--) {
        uint64_t k = rand_below(seed, i);
        uint32_t other = g->prefix_of[k];

        g->prefix_of[k] = g->prefix_of[i - 1];
        g->prefix_of[i - 1] = other;
    }
    return 0;
}

int gen_new(struct gen **out, const struct gen_opts *o, struct err *e)
{
    struct gen *g = *out = mem_zero(1, sizeof *g, e);
    uint64_t seed = o->seed;

    if (!g)
        return e->code;
    g->o = *o;
    for (int i = 0; i < STREAMS; i++)
        g->seed[i] = rand_u64(&seed);
    g->hashed = o->prefixes > 0 || o->shared || o->turns.kind != DIST_FIXED || o->turns.a > 1;
    return o->shared ? deal_prefixes(g, e) : 0;
}

void gen_free(struct gen *g)
{
    if (!g)
        return;
    free(g->hashes);
    free(g->prefix_of);
    free(g);
}

/* ---- arrivals ---- */

static double exponential(struct gen *g, double mean)
{
    return -mean * log1p(-rand_unit(&g->seed[ARRIVALS]));
}

/* On and off for exponential times; while on, the rate is what gives the mean asked for. */
static void next_in_burst(struct gen *g)
{
    double on = g->o.rate * (g->o.on_s + g->o.off_s) / g->o.on_s;

    if (g->burst_ends_s == 0)
        g->burst_ends_s = exponential(g, g->o.on_s);
    for (;;) {
        double at = g->at_s + exponential(g, 1 / on);

        if (at < g->burst_ends_s) {
            g->at_s = at;
            return;
        }
        g->at_s = g->burst_ends_s + exponential(g, g->o.off_s);
        g->burst_ends_s = g->at_s + exponential(g, g->o.on_s);
    }
}

/* A Poisson process of the highest rate, thinned (Lewis and Shedler 1979). */
static void next_of_day(struct gen *g)
{
    double most = 1 + g->o.swing, now;

    do {
        g->at_s += exponential(g, 1 / (g->o.rate * most));
        now = 1 + g->o.swing * sin(2 * M_PI * g->at_s / g->o.period_s);
    } while (rand_unit(&g->seed[ARRIVALS]) * most > now);
}

static void next_arrival(struct gen *g)
{
    double mean = 1 / g->o.rate;

    switch (g->o.arrivals) {
    case GEN_POISSON:
        g->at_s += exponential(g, mean);
        break;
    case GEN_GAMMA:
        g->at_s += dist_gamma(mean, g->o.cv, &g->seed[ARRIVALS]);
        break;
    case GEN_BURSTS:
        next_in_burst(g);
        break;
    case GEN_DIURNAL:
        next_of_day(g);
        break;
    case GEN_EVEN:
        g->at_s = (double)g->session * mean;
        break;
    default:
        break;
    }
}

/* ---- a record ---- */

static void draw_lengths(struct gen *g, uint64_t *prompt, uint64_t *output)
{
    const struct trace_set *t = g->o.lengths;
    uint64_t *seed = &g->seed[LENGTHS];

    if (t) {
        uint32_t i = (uint32_t)rand_below(seed, t->n);

        *prompt = t->prompt[i];
        *output = t->output[i];
        return;
    }
    *prompt = gen_tokens(&g->o.prompt, seed);
    *output = gen_tokens(&g->o.output, seed);
}

/* Which one, and how long it is: always the same of the same one. */
static void choose_prefix(struct gen *g)
{
    const struct dist zipf = {DIST_ZIPF, g->o.prefix_zipf, (double)g->o.prefixes, 0};
    uint64_t seed = g->seed[PREFIXES];

    g->prefix = g->o.shared ? 1 + (uint64_t)g->prefix_of[g->session]
                            : (uint64_t)dist_draw(&zipf, &g->seed[SHAPES]);
    seed ^= g->prefix;
    g->prefix_tokens = gen_tokens(&g->o.prefix_tokens, &seed);
}

static void begin_session(struct gen *g)
{
    double turns = dist_draw(&g->o.turns, &g->seed[SHAPES]);

    next_arrival(g);
    g->turn = 0;
    g->turns = turns < 1 ? 1 : turns > TURNS_MOST ? TURNS_MOST : (uint64_t)llround(turns);
    if (g->o.prefixes || g->o.shared)
        choose_prefix(g);
    g->history = g->prefix_tokens;
}

/* Block i of a session: of all prefixes, or of its own, as far as they fill whole blocks; else of
 * the session alone. */
static uint64_t hash_of(const struct gen *g, uint64_t i)
{
    bool shared = (i + 1) * g->o.block <= g->prefix_tokens;
    bool common = shared && (i + 1) * g->o.block <= g->o.common_tokens;
    uint64_t state = common ? UINT64_MAX : shared ? ~g->prefix : g->session;

    state = rand_u64(&state) + i;
    return rand_u64(&state);
}

static int set_hashes(struct gen *g, struct trace_record *rec, struct err *e)
{
    size_t all = (size_t)((rec->prompt + rec->output) / g->o.block);

    if (!g->hashed)
        return 0;
    if (mem_reserve(&g->hashes, &g->hashes_cap, all + 1, sizeof *g->hashes, e) < 0)
        return e->code;
    for (size_t i = 0; i < all; i++)
        g->hashes[i] = hash_of(g, i);
    rec->block = g->o.block;
    rec->hashes = g->hashes;
    rec->n_hashes = (size_t)(rec->prompt / g->o.block);
    rec->out_hashes = g->hashes + rec->n_hashes;
    rec->n_out_hashes = all - rec->n_hashes;
    return 0;
}

static int set_session(struct gen *g, struct trace_record *rec, struct err *e)
{
    int n = snprintf(g->name, sizeof g->name, "%" PRIu64, g->session);
    double tool_s;

    rec->session = (struct trace_text){g->name, (size_t)n};
    rec->turn = (int64_t)g->turn;
    if (g->turn == 0)
        return 0;
    tool_s = dist_draw(&g->o.tool_s, &g->seed[SHAPES]);
    if (!(tool_s < 9e9))
        return err_set(e, ERR_USAGE, "the trace would take centuries");
    n = snprintf(g->before, sizeof g->before, "%" PRIu64 ".%" PRIu64, g->session, g->turn - 1);
    g->after = (struct trace_text){g->before, (size_t)n};
    rec->after = &g->after;
    rec->n_after = 1;
    rec->tool_ns = llround(1e9 * tool_s);
    return 0;
}

static void set_id(struct gen *g, struct trace_record *rec, bool sessions)
{
    int n = sessions ? snprintf(g->id, sizeof g->id, "%" PRIu64 ".%" PRIu64, g->session, g->turn)
                     : snprintf(g->id, sizeof g->id, "%" PRIu64, g->session);

    rec->id = (struct trace_text){g->id, (size_t)n};
}

int gen_next(struct gen *g, struct trace_record *rec, struct err *e)
{
    bool sessions = g->o.turns.kind != DIST_FIXED || g->o.turns.a > 1;
    uint64_t prompt, output;

    if (g->turn == g->turns && g->turns > 0) {
        g->session++;
        g->turns = 0;
    }
    if (g->session >= g->o.sessions)
        return 0;
    if (g->turns == 0)
        begin_session(g);
    if (!(g->at_s < 9e9))
        return err_set(e, ERR_USAGE, "the trace would take centuries");
    draw_lengths(g, &prompt, &output);
    *rec = TRACE_RECORD_NONE;
    rec->t_ns = llround(1e9 * g->at_s);
    rec->prompt = g->history + prompt;
    rec->output = output;
    if (rec->prompt + output > TRACE_TOKENS_MOST)
        return err_set(e, ERR_USAGE, "session %" PRIu64 " grows beyond %d tokens", g->session,
                       TRACE_TOKENS_MOST);
    set_id(g, rec, sessions);
    if (sessions && set_session(g, rec, e) < 0)
        return e->code;
    if (set_hashes(g, rec, e) < 0)
        return e->code;
    g->history = rec->prompt + output;
    g->turn++;
    return 1;
}
