/* prop_sched.c - replays of small random traces, event by event against naive_sched.h: little
 * memory, so that requests restart; arrivals at the same time and at the end of steps; outputs of
 * one token; prompts longer than a step; shared prefixes, priorities, requests that wait for
 * others and for tools, groups, requests that can never run; and programs, whose requests go on
 * from others, race, or are of the background.
 *
 *     prop_sched [TRACES [SEED]]
 */
#include "../unit/t.h"
#include "naive_run.h"

#include "sim/cost_int.h"
#include "sim/sim.h"

/* ---- a cost model of which each number of a batch's shape matters, in whole microseconds ---- */

/* Tools take seconds, and what Continuum keeps is worth some where steps do. */
static double scale = 1;

static double mix(double tokens, double decodes, double sum, double most, double least,
                  double pieces)
{
    return scale *
           (1 + fmod(3 * tokens + 7 * decodes + 11 * sum + 13 * most + 17 * least + pieces, 61));
}

static double naive_us(int decodes, const int *context, int pieces, const int *chunk, const int *kv)
{
    double tokens = decodes, sum = 0, most = 0, least = 0, of_pieces = 0;

    for (int i = 0; i < decodes; i++) {
        sum += context[i];
        most = fmax(most, context[i]);
        least = i == 0 ? context[i] : fmin(least, context[i]);
    }
    for (int i = 0; i < pieces; i++) {
        tokens += chunk[i];
        of_pieces += 19.0 * chunk[i] * chunk[i] + 23.0 * chunk[i] * kv[i] + 29.0 * kv[i];
    }
    return mix(tokens, decodes, sum, most, least, of_pieces);
}

static double naive_read(double us, int decodes)
{
    return us * decodes / (decodes + 3);
}

static double naive_sent(double us, int decodes, int tokens)
{
    return tokens % 3 == 1 ? (us - naive_read(us, decodes)) / (2 + tokens % 5) : 0;
}

static int test_us(const void *model, const struct cost_shape *s, double *us,
                   struct cost_parts *parts, struct err *e)
{
    double pieces = 0;

    (void)model, (void)e;
    for (uint32_t i = 0; i < s->n_pieces; i++) {
        double chunk = s->pieces[i].chunk, kv = s->pieces[i].kv;

        pieces += 19 * chunk * chunk + 23 * chunk * kv + 29 * kv;
    }
    *us = mix(s->tokens, s->decodes, (double)s->kv_sum, s->kv_max, s->kv_min, pieces);
    cost_part(parts, "attn_decode", naive_read(*us, (int)s->decodes));
    cost_part(parts, "all_reduce", naive_sent(*us, (int)s->decodes, (int)s->tokens));
    return 0;
}

static void test_memory(const void *model, struct cost_memory *m)
{
    (void)model;
    m->kv_bytes = 1000;
}

static const struct cost_kind test_kind = {.name = "test", .us = test_us, .memory = test_memory};
static const struct cost test_cost = {.kind = &test_kind};

/* ---- random traces ---- */

static unsigned long long rng;

static int below(int n)
{
    return (int)(t_rand(&rng) % (unsigned)n);
}

static int pick(const int *v, int n)
{
    return v[below(n)];
}

#define PICK(...) pick((const int[]){__VA_ARGS__}, sizeof((int[]){__VA_ARGS__}) / sizeof(int))

/* Times are whole nanoseconds, or nearly: what is summed up in another order is the same. */
static void make_moves(struct rules *o)
{
    o->moves = (struct moves){.single = below(3) == 0,
                              .async = below(3) > 0,
                              .reuse = below(2),
                              .markov = below(2),
                              .group = PICK(1, 2, 4, 16, 60),
                              .period = PICK(0, 1, 2, 5, 25),
                              .copies = PICK(1, 2, 8),
                              .aside = PICK(0, 4, 20, 100) / 100.0,
                              .dispatch_us = PICK(0, 1, 5, 40) / 4.0,
                              .gbs = 0.128,
                              .half_bytes = PICK(0, 64, 1024),
                              .block_bytes = PICK(64, 512, 4096),
                              .seed = (uint64_t)below(1000)};
    o->priorities = o->moves.period == 0 && below(2);
    o->hashed = below(4) > 0;
    o->swap_blocks = PICK(0, 2, 10, 40, 500);
    o->watermark = PICK(0, 0, 1, 10, 30) / 100.0;
}

static void make_rules(struct rules *o, enum policy policy)
{
    *o = (struct rules){.policy = policy,
                        .vidur = (policy == VLLM0 || policy == SARATHI) && below(3) == 0,
                        .sharing = (policy == VLLM1 || policy == CONTINUUM || policy == BATCHLLM) &&
                                   below(4) > 0,
                        .priorities = policy == VLLM1 && below(3) == 0,
                        .block_tokens = PICK(1, 2, 4, 16),
                        .most_requests = PICK(1, 2, 3, 8, 64),
                        .most_tokens = PICK(1, 2, 3, 7, 16, 40, 100, 1000),
                        .max_length = below(4) ? 0 : 20 + below(60),
                        .clients = below(6) ? 0 : 1 + below(5),
                        .watermark = PICK(0, 0, 1, 10, 30) / 100.0,
                        .overhead_us = PICK(0, 0, 1, 5) / 2000.0,
                        .background = 1,
                        .swap_us = PICK(0, 1, 5, 40) / 4.0,
                        .tier_us = {PICK(0, 1, 5, 40) / 4.0, PICK(0, 1, 20, 80) / 4.0}};
    o->blocks = PICK(40, 60, 100, 200, 400) / o->block_tokens + 1 + below(4);
    if (policy != VLLM0 && policy != SARATHI && policy != BATCHLLM)
        o->watermark = 0;
    o->hashed = o->sharing && below(4) > 0;
    if (policy == VLLM0 && !o->vidur)
        o->swap_blocks = PICK(0, 0, 2, 10, 40, 500);
    if (policy == FASTSWITCH)
        make_moves(o);
    o->swap_us *= scale;
    for (int i = 0; i < TIERS; i++)
        o->tier_us[i] *= scale;
    for (int i = 0; i < TIERS && o->sharing && policy != BATCHLLM && below(2); i++)
        o->tier[i] = PICK(0, 1, 3, 10, 40, BLOCKS_MOST);
}

/* Hashes of a text that shares its beginning with others: the path in a tree of few branches. */
static void make_hashes(struct request *r, const struct rules *o)
{
    uint64_t at = 1 + (uint64_t)below(2);
    bool chained = below(4) > 0;

    r->n_hashes = (r->prompt + r->output) / o->block_tokens;
    r->n_hashes = r->n_hashes < HASHES_MOST ? r->n_hashes : HASHES_MOST;
    for (int i = 0; i < r->n_hashes; i++) {
        at = (chained ? at * 31 : 1000 * (uint64_t)i) + (uint64_t)(below(8) ? 0 : 1 + below(2));
        r->hash[i] = at;
    }
    if (r->n_hashes > r->prompt / o->block_tokens && below(2))
        r->n_hashes = r->prompt / o->block_tokens;
}

/* A turn that goes on where another has ended, with all its text. */
static void go_on(const struct naive *s, struct request *r, const struct request *before)
{
    int whole = (before->prompt + before->output) / s->o.block_tokens;

    r->session = before->session;
    r->tool = below(3) - 1;
    if (below(3) == 0 || before->prompt + before->output > 100)
        return;
    r->prompt = before->prompt + before->output + below(20);
    if (s->o.hashed)
        make_hashes(r, &s->o);
    for (int i = 0; i < whole && i < r->n_hashes && i < before->n_hashes; i++)
        r->hash[i] = before->hash[i];
}

static bool has_sessions(const struct naive *s)
{
    return s->o.policy == CONTINUUM || s->o.policy == FASTSWITCH;
}

static void make_request(struct naive *s, int i, int64_t t_ns)
{
    struct request *r = &s->r[i];
    int size = PICK(3, 20, 60);

    *r = (struct request){.t_ns = t_ns,
                          .prompt = 1 + below(size),
                          .output = below(4) ? 1 + below(size) : 1,
                          .race = -1,
                          .if_ended = -1,
                          .priority = s->o.priorities ? below(3) - 1 : 0};
    if (s->o.hashed)
        make_hashes(r, &s->o);
    r->session = has_sessions(s) && below(6) ? i : -1;
    r->tool = -1;
    if (i == 0 || s->o.clients > 0 || below(has_sessions(s) ? 3 : 5) > 1)
        return;
    r->n_after = 1 + below(i < 4 ? i : 4) % 3;
    for (int k = 0; k < r->n_after; k++)
        r->after[k] = below(i);
    r->tool_ns = 1000 * (int64_t)scale * PICK(0, 0, 10, 200);
    if (has_sessions(s))
        go_on(s, r, &s->r[r->after[0]]);
}

/* vLLM v1 where a request of low priority that is in the batch already goes while a prompt behind
 * it is half computed, so that it gets what is back of the budget. */
static void make_tight(struct naive *s)
{
    memset(s, 0, sizeof *s);
    s->o = (struct rules){.policy = VLLM1,
                          .priorities = true,
                          .block_tokens = 1,
                          .most_requests = 8,
                          .most_tokens = 3 + below(6),
                          .blocks = 30 + below(40)};
    s->n = 3 + below(4);
    for (int i = 0; i < s->n; i++)
        s->r[i] = (struct request){.race = -1,
                                   .if_ended = -1,
                                   .t_ns = 1000 * (int64_t)i * below(200),
                                   .prompt = i < 2 ? 1 + below(4) : 1 + below(30),
                                   .output = 1 + below(30),
                                   .priority = i == 0 ? 1 : -below(2)};
    for (int i = 1; i < s->n; i++)
        s->r[i].t_ns = s->r[i].t_ns > s->r[i - 1].t_ns ? s->r[i].t_ns : s->r[i - 1].t_ns;
    s->us = naive_us;
}

/* A few long texts again and again, with little memory of each kind: what goes from one to the next
 * in which order decides what is found. */
static void make_texts(struct naive *s)
{
    int texts = 2 + below(3), blocks = 3 + below(8);

    memset(s, 0, sizeof *s);
    s->o = (struct rules){.policy = VLLM1,
                          .sharing = true,
                          .hashed = true,
                          .block_tokens = PICK(1, 4),
                          .most_requests = 4,
                          .most_tokens = PICK(5, 1000),
                          .blocks = blocks + 2 + below(blocks),
                          .tier = {below(2 * blocks), below(2 * blocks)}};
    s->n = 10 + below(50);
    for (int i = 0; i < s->n; i++) {
        struct request *r = &s->r[i];
        int text = below(texts);

        *r = (struct request){
            .t_ns = 200000 * (int64_t)i, .output = 1 + below(4), .race = -1, .if_ended = -1};
        r->n_hashes = 1 + below(blocks);
        r->prompt = r->n_hashes * s->o.block_tokens;
        for (int k = 0; k < r->n_hashes; k++)
            r->hash[k] = (uint64_t)(100 * (k < 2 ? 0 : text) + k);
    }
    s->us = naive_us;
}

/* ---- programs ---- */

/* Goes on from up to three that stand above, if those are not too long: siblings, whose common
 * beginning counts once, or any, that have none. */
static void join(struct naive *s, int i)
{
    struct request *r = &s->r[i];
    int first = below(i), n = 1 + below(3), text, kept;

    r->n_after = 0;
    for (int k = first; k < i && r->n_after < n; k++) {
        bool siblings = s->r[k].joins == 1 && s->r[first].joins == 1 &&
                        s->r[k].after[0] == s->r[first].after[0] && s->r[k].reuse < 0;

        if (k == first || siblings || (below(8) == 0 && s->r[k].joins == 0))
            r->after[r->n_after++] = k;
        if (k > first && r->n_after > 1 && !siblings && r->after[r->n_after - 1] == k)
            break;
    }
    r->joins = r->n_after;
    if (r->joins > 1 && s->r[r->after[1]].joins == 1 && s->r[first].joins == 1 &&
        s->r[first].reuse < 0)
        r->common = s->r[s->r[first].after[0]].prompt + s->r[s->r[first].after[0]].output - 1;
    text = -(r->joins - 1) * r->common;
    for (int k = 0; k < r->joins; k++)
        text += s->r[r->after[k]].prompt + s->r[r->after[k]].output;
    r->prompt = text + below(6);
    if (text > 150 || text < 1) {
        r->joins = r->common = 0;
        r->prompt = 1 + below(20);
        return;
    }
    if (below(4))
        return;
    /* Some of it is dropped, and what followed is computed again; or nothing is taken over. */
    kept = below(3) ? below(r->prompt) : 0;
    r->reuse = kept;
    r->prompt = kept + 1 + below(r->prompt - kept);
}

static void make_part(struct naive *s, int i, int kind)
{
    struct request *r = &s->r[i];

    if (i > 0 && (kind & 1) && below(3) > 0)
        join(s, i);
    if ((kind & 2) && r->joins > 0 && below(2)) {
        /* All that go on from the same run a race. */
        r->race = r->after[0];
        r->winners = 1 + r->after[0] % 2;
    } else if ((kind & 2) && below(5) == 0) {
        r->race = REQUESTS_MOST;
        r->winners = 2;
    }
    if (i > 0 && (kind & 4) && below(3) == 0) {
        r->if_ended = below(i);
        r->then_output = 1 + below(30);
    }
    r->background = (kind & 8) && below(3) == 0;
}

/* The next requests: paths that fork from `from`, and one that joins them; or one that goes on with
 * some of it. The last one's number. */
static int fork_and_join(struct naive *s, int from, int next)
{
    const struct request *a = &s->r[from];
    int paths = 2 + below(2), text = a->prompt + a->output;
    struct request *r = &s->r[next];

    r->n_after = r->joins = 1;
    r->after[0] = from;
    r->prompt = text + below(4);
    r->output = 1 + below(12);
    if (below(3) == 0 || next + paths >= s->n) {
        r->reuse = below(text);
        r->prompt = r->reuse + 1 + below(8);
        return next;
    }
    for (int i = 1; i < paths; i++) {
        s->r[next + i] = *r;
        s->r[next + i].output = 1 + below(12);
    }
    r = &s->r[next + paths];
    r->n_after = r->joins = paths;
    r->common = text - 1;
    r->prompt = -(paths - 1) * r->common + below(4);
    for (int i = 0; i < paths; i++) {
        r->after[i] = next + i;
        r->prompt += s->r[next + i].prompt + s->r[next + i].output;
    }
    return next + paths;
}

/* Forks and joins, one after the other. */
static void make_tree(struct naive *s)
{
    int last = 0;

    s->r[0].prompt = 1 + below(12);
    s->r[0].output = 1 + below(8);
    s->r[0].n_after = 0;
    while (last + 1 < s->n && s->r[last].prompt + s->r[last].output < 200)
        last = fork_and_join(s, last, last + 1);
    s->kin = s->n > 1;
}

static void make_programs(struct naive *s)
{
    int kind = 1 + below(15);
    bool tree = below(3) == 0;

    s->programs = true;
    s->o.clients = 0;
    s->o.background = PICK(1, 1, 2, 4, 16);
    for (int i = 0; i < s->n; i++) {
        s->r[i].reuse = -1;
        if (!tree)
            make_part(s, i, kind);
        s->kin = s->kin || s->r[i].joins > 0;
    }
    if (tree)
        make_tree(s);
}

static void make_case(struct naive *s, enum policy policy)
{
    int gap = PICK(1, 10, 60, 300);
    int64_t t = 0;

    scale = 1;
    if (policy == VLLM1 && below(3) == 0) {
        if (below(2))
            make_tight(s);
        else
            make_texts(s);
        return;
    }
    memset(s, 0, sizeof *s);
    scale = policy == CONTINUUM ? PICK(1, 1000, 30000) : 1;
    make_rules(&s->o, policy);
    s->us = naive_us;
    s->read_us = naive_read;
    s->sent_us = naive_sent;
    s->n = 1 + below(below(3) ? 12 : 64);
    if (policy == CONTINUUM && below(30) == 0)
        s->n = REQUESTS_MOST;
    for (int i = 0; i < s->n; i++) {
        make_request(s, i, t);
        t += below(3) ? 1000 * (int64_t)scale * below(gap) : 0;
    }
    if (policy < BATCHLLM && below(2))
        make_programs(s);
}

/* ---- the same for lib/sim ---- */

struct columns {
    int64_t t_ns[REQUESTS_MOST], tool_ns[REQUESTS_MOST];
    uint32_t prompt[REQUESTS_MOST], output[REQUESTS_MOST], after_end[REQUESTS_MOST];
    uint32_t after[4 * REQUESTS_MOST];
    int32_t priority[REQUESTS_MOST];
    uint32_t session[REQUESTS_MOST], tool[REQUESTS_MOST];
    uint64_t id_end[REQUESTS_MOST], hash_end[REQUESTS_MOST], hashes[REQUESTS_MOST * HASHES_MOST];
    char ids[REQUESTS_MOST];
    struct group group[REQUESTS_MOST];
    uint32_t member[REQUESTS_MOST];
    struct groups groups, of_hashes; /* of no memory of its own; what the trace's hashes make */
    struct trace_program program[REQUESTS_MOST];
};

static void make_set(const struct naive *s, struct columns *c, struct trace_set *t)
{
    uint32_t after = 0;
    uint64_t hashes = 0;

    for (int i = 0; i < s->n; i++) {
        const struct request *r = &s->r[i];

        c->t_ns[i] = r->t_ns;
        c->tool_ns[i] = r->tool_ns;
        c->prompt[i] = (uint32_t)r->prompt;
        c->output[i] = (uint32_t)r->output;
        c->priority[i] = r->priority;
        for (int k = 0; k < r->n_after; k++)
            c->after[after++] = (uint32_t)r->after[k];
        c->after_end[i] = after;
        for (int k = 0; k < r->n_hashes; k++)
            c->hashes[hashes++] = r->hash[k];
        c->hash_end[i] = hashes;
        c->ids[i] = 'a';
        c->id_end[i] = (uint64_t)i + 1;
    }
    *t = (struct trace_set){.n = (uint32_t)s->n,
                            .t_ns = c->t_ns,
                            .prompt = c->prompt,
                            .output = c->output,
                            .ids = c->ids,
                            .id_end = c->id_end,
                            .block = (uint32_t)s->o.block_tokens};
    if (after > 0) {
        t->after_end = c->after_end;
        t->after = c->after;
        t->tool_ns = c->tool_ns;
    }
    for (int i = 0; i < s->n && has_sessions(s); i++) {
        uint32_t session = (uint32_t)s->r[i].session;

        c->session[i] = session;
        c->tool[i] = (uint32_t)s->r[i].tool;
        t->sessions = session != UINT32_MAX && session >= t->sessions ? session + 1 : t->sessions;
    }
    if (has_sessions(s)) {
        t->session = c->session;
        t->tool = c->tool;
        t->tools = 2;
    }
    for (int i = 0; i < s->n && s->programs; i++) {
        const struct request *r = &s->r[i];

        c->program[i] = (struct trace_program){.joins = (uint32_t)r->joins,
                                               .common = (uint32_t)r->common,
                                               .reuse = (uint32_t)(r->reuse + 1),
                                               .race = (uint32_t)(r->race + 1),
                                               .winners = (uint32_t)r->winners,
                                               .if_ended = (uint32_t)(r->if_ended + 1),
                                               .then_output = (uint32_t)r->then_output,
                                               .background = r->background};
    }
    if (s->programs) {
        t->program = c->program;
        t->races = REQUESTS_MOST + 1;
    }
    t->priority = s->o.priorities ? c->priority : NULL;
    if (s->o.hashed) {
        t->hash_end = c->hash_end;
        t->hashes = c->hashes;
    }
}

/* Some that share their first tokens, whatever the trace says; the others are alone. */
static void make_groups(struct naive *s, struct columns *c)
{
    int groups = 1 + below(6);
    struct groups *g = &c->groups;

    *g = (struct groups){.v = c->group, .member = c->member};
    for (int k = 0; k < groups; k++) {
        struct group *v = &g->v[g->n];

        *v = (struct group){.at = g->members, .prefix = UINT32_MAX};
        for (int i = 0; i < s->n; i++)
            if (s->r[i].group == k) {
                g->member[g->members++] = (uint32_t)i;
                v->prefix = c->prompt[i] < v->prefix ? c->prompt[i] : v->prefix;
                v->computed += c->prompt[i];
            }
        v->n = (uint32_t)(g->members - v->at);
        v->prefix = below(3) ? v->prefix : (uint32_t)below((int)(v->prefix % 1000) + 1);
        if (v->n > 0) {
            v->leader = g->member[v->at];
            v->computed -= (uint64_t)(v->n - 1) * v->prefix;
            g->n++;
        }
    }
}

/* The groups for batchllm, and the same for the oracle. */
static void group(struct naive *s, struct columns *c, const struct trace_set *t)
{
    struct err e = {0};
    const struct groups *g = s->o.hashed ? &c->of_hashes : &c->groups;

    groups_free(&c->of_hashes);
    for (int i = 0; i < s->n; i++)
        s->r[i].group = below(4) ? below(8) : -1;
    if (s->o.hashed)
        T_CHECK(groups_of_trace(&c->of_hashes, t, &e) == 0);
    else
        make_groups(s, c);
    for (int i = 0; i < s->n; i++) {
        s->r[i].group = (int)g->n + i;
        s->team[g->n + (uint32_t)i].prefix = 0;
    }
    for (uint32_t k = 0; k < g->n; k++) {
        s->team[k].prefix = (int)g->v[k].prefix;
        for (uint64_t i = g->v[k].at; i < g->v[k].at + g->v[k].n; i++)
            s->r[g->member[i]].group = (int)k;
    }
}

static struct replay_opts options(const struct rules *o, const char *name)
{
    struct replay_opts p = {.engine = {.kv_blocks = (uint32_t)o->blocks,
                                       .block_tokens = (uint32_t)o->block_tokens,
                                       .most_requests = (uint32_t)o->most_requests,
                                       .most_tokens = (uint32_t)o->most_tokens,
                                       .max_length = (uint32_t)o->max_length,
                                       .watermark = o->watermark,
                                       .step_overhead_us = o->overhead_us,
                                       .prefix_cache = o->sharing,
                                       .tier_blocks = {(uint32_t)o->tier[0], (uint32_t)o->tier[1]},
                                       .tier_block_us = {o->tier_us[0], o->tier_us[1]},
                                       .swap_blocks = (uint32_t)o->swap_blocks,
                                       .swap_block_us = o->swap_us,
                                       .background = (uint32_t)o->background,
                                       .vidur = o->vidur},
                            .clients = (uint32_t)o->clients,
                            .check = true};
    const struct moves *m = &o->moves;

    p.engine.switching = (struct switch_opts){
        .alloc = m->single ? &kv_alloc_block : &kv_alloc_group,
        .places = {.group = (uint32_t)m->group, .spare_share = m->aside},
        .async = m->async,
        .reuse = m->reuse,
        .pattern = m->markov ? PRIORITY_MARKOV : PRIORITY_RANDOM,
        .period = (uint32_t)m->period,
        .seed = m->seed,
        .dispatch_us = m->dispatch_us,
        .gbs = m->gbs,
        .half_bytes = m->half_bytes,
        .copies = (uint32_t)m->copies,
        .block_bytes = m->block_bytes};

    for (size_t i = 0; sched_at(i); i++)
        if (strcmp(sched_at(i)->name, name) == 0)
            p.sched = sched_at(i);
    return p;
}

/* ---- what holds at every step ---- */

/* After a step: none is in it twice, and all that is computed has its place. */
static void watch(void *ctx, const struct replica *r)
{
    uint64_t tokens = 0, decodes = 0, held = 0;
    bool *good = ctx;

    for (size_t i = 0; i < r->n_batch; i++) {
        tokens += r->batch[i].tokens;
        decodes += r->batch[i].tokens == 1;
        for (size_t k = 0; k < i; k++)
            *good = *good && r->batch[k].request != r->batch[i].request;
    }
    for (size_t i = 0; i < r->n_running; i++) {
        const struct flight *f = flight_of(r, r->running[i]);

        *good = *good && (uint64_t)f->kv.n * r->kv.tokens >= f->computed;
        held += f->kv.n;
    }
    *good = *good && r->n_batch <= r->o->most_requests && r->kv.free <= r->kv.total &&
            (tokens <= r->o->most_tokens || tokens == decodes || r->n_batch == 1) &&
            (r->kv.sharing || held + r->kv.free <= r->kv.total);
}

/* ---- comparing ---- */

static const char *about(const struct naive *s, unsigned long long seed)
{
    static char text[300];
    const struct rules *o = &s->o;

    snprintf(text, sizeof text,
             "seed %llu policy %d%s%s%s, %d requests, %d blocks of %d, %d requests and %d tokens a "
             "step, max length %d, watermark %g, overhead %g, %d clients, tiers %d %d, swap %d",
             seed, o->policy, o->vidur ? " vidur" : "", o->sharing ? " sharing" : "",
             o->priorities ? " priorities" : "", s->n, o->blocks, o->block_tokens, o->most_requests,
             o->most_tokens, o->max_length, o->watermark, o->overhead_us, o->clients, o->tier[0],
             o->tier[1], o->swap_blocks);
    return text;
}

static int64_t known(int64_t t)
{
    return t == FLIGHT_NEVER ? -1 : t;
}

static bool same_request(const struct naive *s, const struct replay *p, int i)
{
    const struct request *r = &s->r[i];
    const struct flight *f = &p->flight[i];

    if ((r->state == REJECTED) != (f->status == FLIGHT_REJECTED) ||
        (r->state == STOPPED) != (f->status == FLIGHT_STOPPED) || r->given != (int)f->given)
        return false;
    return (r->came == 0 || r->arrival == replay_arrival(p, (uint32_t)i)) &&
           r->start == known(f->start_ns) && r->first == known(f->first_ns) &&
           r->last == known(f->last_ns) && r->preemptions == (int)f->preemptions &&
           r->hits == (int)f->hit_tokens;
}

static void show(const struct naive *s, const struct replay *p)
{
    for (int i = 0; i < s->n; i++) {
        const struct request *r = &s->r[i];
        const struct flight *f = &p->flight[i];

        printf(
            "  %s %d: t %lld p %d/%d o %d/%d joins %d common %d reuse %d race %d/%d if %d:%d%s given "
            "%d/%u prio %d after %d | arrival %lld start %lld first %lld "
            "last %lld preempt %d hit %d state %d | %lld %lld %lld %lld %u %u %d\n",
            same_request(s, p, i) ? " " : "!", i, (long long)r->t_ns, r->prompt, r->given_prompt,
            r->output, r->given_output, r->joins, r->common, r->reuse, r->race, r->winners,
            r->if_ended, r->then_output, r->background ? " bg" : "", r->given, f->given,
            r->priority, r->n_after, (long long)r->arrival, (long long)r->start,
            (long long)r->first, (long long)r->last, r->preemptions, r->hits, (int)r->state,
            (long long)replay_arrival(p, (uint32_t)i), (long long)known(f->start_ns),
            (long long)known(f->first_ns), (long long)known(f->last_ns), f->preemptions,
            f->hit_tokens, f->status);
    }
    printf("  steps %ld preemptions %ld computed %ld | %llu %llu %llu\n", s->steps, s->preemptions,
           s->computed, (unsigned long long)p->total.steps,
           (unsigned long long)p->total.preemptions, (unsigned long long)p->total.tokens);
}

static int rising(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* The times between tokens, and percentiles of them. */
static bool same_gaps(struct naive *s, const struct replay *p)
{
    size_t at = 0;

    qsort(s->gap, (size_t)s->gaps, sizeof *s->gap, rising);
    if (p->gaps.n != (uint64_t)s->gaps)
        return false;
    for (size_t i = 0; i < p->gaps.used; i++)
        for (uint64_t k = 0; k < p->gaps.v[i].n; k++)
            if (p->gaps.v[i].ns != s->gap[at++])
                return false;
    for (int i = 0; i <= 20 && s->gaps > 0; i++) {
        long rank = (long)floor(i / 20.0 * (double)s->gaps);

        rank = rank < s->gaps ? rank : s->gaps - 1;
        if (gaps_percentile(&p->gaps, i / 20.0) != s->gap[rank])
            return false;
    }
    return true;
}

/* What was moved, and how. */
static bool same_moves(const struct naive *s, const struct replay *p)
{
    const struct switch_counts *c;

    if (s->o.policy != FASTSWITCH)
        return true;
    c = p->fleet.replica[0].sched->switched(&p->fleet.replica[0]);
    return (uint64_t)s->moves == c->out + c->in && (uint64_t)s->copies == c->copies &&
           s->moved_bytes == c->out_bytes + c->in_bytes && (uint64_t)s->conflicts == c->conflicts &&
           (uint64_t)s->lost_blocks == c->lost_blocks;
}

static bool same_totals(struct naive *s, const struct replay *p)
{
    return (uint64_t)s->steps == p->total.steps &&
           (uint64_t)s->preemptions == p->total.preemptions &&
           (uint64_t)s->computed == p->total.tokens &&
           (uint64_t)s->reused == p->total.reused_tokens && (uint32_t)s->peak == p->total.kv_peak &&
           (uint64_t)s->swaps == p->total.swaps &&
           (uint64_t)s->tier_tokens[0] == p->total.tier_tokens[KV_HOST] &&
           (uint64_t)s->tier_tokens[1] == p->total.tier_tokens[KV_DISK] && same_gaps(s, p) &&
           same_moves(s, p);
}

static const char *const policies[] = {"static",   "orca",      "vllm0",     "vllm1",
                                       "sarathi",  "splitfuse", "lightllm",  "continuum",
                                       "nanoflow", "batchllm",  "fastswitch"};

static bool compare(struct naive *s, const struct columns *c, const struct trace_set *t,
                    bool repeats, unsigned long long seed)
{
    struct replay_opts o = options(&s->o, policies[s->o.policy]);
    struct replay p;
    struct err e = {0};
    bool same, good = true;
    int rc;

    o.engine.no_repeats = !repeats;
    o.engine.groups = s->o.policy == BATCHLLM && !s->o.hashed ? &c->groups : NULL;
    if (s->o.policy >= CONTINUUM) {
        o.step = watch;
        o.step_ctx = &good;
    }
    rc = replay_run(&p, t, &test_cost, &o, &e);
    same = good && (s->stuck ? rc == ERR_USAGE : rc == 0);
    for (int i = 0; i < s->n && same; i++)
        same = same_request(s, &p, i);
    if (same && rc == 0)
        same = same_totals(s, &p);
    T_CHECKF(same, "%s, %s repeats: %s, rc %d '%s'", about(s, seed), repeats ? "with" : "without",
             s->stuck ? "stuck" : "done", rc, e.msg);
    if (!same && p.flight)
        show(s, &p);
    replay_free(&p);
    return same;
}

#include "sched_fleet.h"

/* ---- that --check finds what is wrong ---- */

struct harm {
    int kind, at; /* what, after which step */
    bool done;
};

static bool is_ending(const struct replica *r, uint32_t request)
{
    return r->trace->output[request] < flight_of(r, request)->given + 3;
}

/* Spoils the replica, if it is in a state that can be spoilt so. */
static void spoil(void *ctx, const struct replica *given)
{
    struct replica *r = (struct replica *)(uintptr_t)given;
    struct harm *h = ctx;
    struct flight *f = r->n_running > 0 ? flight_of(r, r->running[0]) : NULL;

    if (h->done || r->total.steps < (uint64_t)h->at || !f || is_ending(r, r->running[0]) ||
        is_ending(r, r->running[r->n_running - 1]) ||
        (h->kind == 7 && (!r->kv.sharing || f->kv.n == 0)))
        return;
    h->done = true;
    switch (h->kind) {
    case 0:
        r->kv.free--;
        break;
    case 1:
        f->computed += is_prompt(f) ? f->need - f->computed + 1 : 1;
        break;
    case 2:
        f->given += r->trace->output[r->running[0]];
        break;
    case 3:
        r->swap_free++;
        break;
    case 4:
        f->start_ns = f->came_ns - 1;
        break;
    case 5:
        r->aside++;
        break;
    case 6:
        f->replica++;
        break;
    case 7:
        r->kv.block[f->kv.id[0]].holders++;
        break;
    default: /* it runs no more, and is nowhere else */
        r->n_running--;
        break;
    }
}

static void try_harm(struct naive *s, struct columns *c, int kind, enum policy policy)
{
    struct harm h = {.kind = kind, .at = 3 + below(10)};
    struct trace_set t;
    struct replay_opts o;
    struct replay p;
    struct err e = {0};
    int rc;

    do
        make_case(s, policy);
    while (s->programs);
    s->o.vidur = false;
    make_set(s, c, &t);
    if (policy == BATCHLLM)
        group(s, c, &t);
    o = options(&s->o, policy == BATCHLLM ? "batchllm" : "vllm0");
    o.engine.groups = policy == BATCHLLM && !s->o.hashed ? &c->groups : NULL;
    o.engine.no_repeats = true;
    o.step = spoil;
    o.step_ctx = &h;
    rc = replay_run(&p, &t, &test_cost, &o, &e);
    /* Without those blocks nobody may be able to run any more. */
    T_CHECKF(!h.done || rc == ERR_CORRUPT || (kind == 8 && rc == ERR_USAGE),
             "harm %d after step %d of %s: %d '%s'", kind, h.at, about(s, 0), rc, e.msg);
    replay_free(&p);
}

int main(int argc, char **argv)
{
    int traces = argc > 1 ? atoi(argv[1]) : 1500;
    unsigned long long from = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    struct naive *s = malloc(sizeof *s);
    struct naive *fleet = calloc(REPLICAS_MOST, sizeof *fleet);
    struct columns *c = calloc(1, sizeof *c);
    uint64_t life[4] = {0};
    long restarts[POLICIES] = {0}, stuck[POLICIES] = {0}, wrong[POLICIES] = {0};
    long moves = 0, conflicts = 0, lost = 0, found = 0;

    for (unsigned long long seed = from;
         s && fleet && c && seed < from + (unsigned long long)traces; seed++)
        for (int policy = 0; policy < POLICIES; policy++) {
            struct trace_set t;

            /* Its overlap is slow to search naively. */
            if (wrong[policy] || (policy == NANOFLOW && (seed - from) % 3 != 0))
                continue;
            rng = seed * (POLICIES + 2) + (unsigned)policy + 1;
            make_case(s, (enum policy)policy);
            make_set(s, c, &t);
            if (policy == BATCHLLM)
                group(s, c, &t);
            naive_run(s);
            wrong[policy] += !compare(s, c, &t, true, seed) || !compare(s, c, &t, false, seed);
            restarts[policy] += s->preemptions;
            stuck[policy] += s->stuck;
            moves += s->moves;
            conflicts += s->conflicts;
            lost += s->lost_blocks;
            found += policy == FASTSWITCH ? s->tier_tokens[0] : 0;
            if (seed % 2 || s->programs)
                continue;
            try_life(s, &t, seed, life);
            /* Groups are of the whole trace, wherever requests go; maps of one replica. */
            if (policy == BATCHLLM || policy == FASTSWITCH)
                continue;
            make_case(s, (enum policy)policy);
            make_set(s, c, &t);
            if (!s->programs)
                compare_fleet(s, fleet, &t, seed);
        }
    for (int i = 0; s && c && i < 300; i++)
        try_harm(s, c, i % 9, i % 18 < 9 ? VLLM0 : BATCHLLM);
    for (int policy = 0; policy < POLICIES; policy++)
        printf("policy %d: %ld restarts, %ld traces stuck\n", policy, restarts[policy],
               stuck[policy]);
    printf("%llu migrations, %llu given up, %llu restarts of failed replicas, %llu stuck\n",
           (unsigned long long)life[0], (unsigned long long)life[1], (unsigned long long)life[2],
           (unsigned long long)life[3]);
    if (c)
        groups_free(&c->of_hashes);
    printf("%ld moves, %ld conflicts, %ld blocks of copies lost, %ld tokens found in them\n", moves,
           conflicts, lost, found);
    free(s);
    free(fleet);
    free(c);
    return t_done("prop_sched");
}
