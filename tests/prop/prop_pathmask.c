/* prop_pathmask.c - ParaThinker's two phases over the blocks that a replay holds: paths fork from a
 * prompt, a summary joins them. Keys and values of every token are put where the replica's lists
 * say, token after token, and attention reads what these lists hold. That must be what one dense
 * attention with a mask gives: a path sees the prompt and itself, at positions that all paths
 * share; the summary sees all. A path's learned vector is added to its keys and values.
 *
 *     prop_pathmask [ROUNDS [SEED]]
 */
#include <math.h>
#include <string.h>

#include "../unit/t.h"
#include "../unit/tmp.h"

#include "base/mem.h"
#include "sim/gen_program.h"
#include "sim/sim.h"

enum { DIM = 16, TOKENS_MOST = 1024, BLOCKS = 200, BLOCK_MOST = 16, PATHS_MOST = 8 };

static unsigned long long rng;

static int below(int n)
{
    return (int)(t_rand(&rng) % (unsigned)n);
}

/* ---- tokens: prompt, paths, summary, one after the other ---- */

struct token {
    int part; /* 0 the prompt, 1.. a path, paths + 1 the summary */
    int position;
    double q[DIM], k[DIM], v[DIM]; /* turned by the position, with the path's vector */
};

struct text {
    int paths, from[PATHS_MOST + 3]; /* where each part begins */
    struct token token[TOKENS_MOST];
    float seen[TOKENS_MOST][DIM]; /* what attention over blocks gave */
    bool is_seen[TOKENS_MOST];
};

static double draw(void)
{
    return (double)t_rand(&rng) / 0x1p64 * 2 - 1;
}

static void turn(double *v, int position)
{
    for (int i = 0; i < DIM; i += 2) {
        double a = position * pow(10000, -(double)i / DIM), x = v[i], y = v[i + 1];

        v[i] = x * cos(a) - y * sin(a);
        v[i + 1] = x * sin(a) + y * cos(a);
    }
}

static void make_tokens(struct text *t, int longest)
{
    double path[PATHS_MOST + 2][DIM] = {{0}};
    int prompt = t->from[1];

    for (int p = 1; p <= t->paths; p++)
        for (int i = 0; i < DIM; i++)
            path[p][i] = draw();
    for (int p = 0; p <= t->paths + 1; p++)
        for (int n = t->from[p]; n < t->from[p + 1]; n++) {
            struct token *x = &t->token[n];

            x->part = p;
            x->position = n - t->from[p] + (p > 0 ? prompt : 0) + (p > t->paths ? longest : 0);
            for (int i = 0; i < DIM; i++) {
                x->q[i] = draw();
                x->k[i] = draw() + path[p][i];
                x->v[i] = draw() + path[p][i];
            }
            turn(x->q, x->position);
            turn(x->k, x->position);
        }
}

/* ---- the mask ---- */

static bool sees(const struct text *t, int n, int other)
{
    int part = t->token[n].part, of = t->token[other].part;

    return other <= n && (of == 0 || of == part || part == t->paths + 1);
}

static double dense_error(const struct text *t, int n)
{
    double weight[TOKENS_MOST], sum = 0, error = 0;

    for (int s = 0; s <= n; s++) {
        double dot = 0;

        for (int i = 0; i < DIM; i++)
            dot += t->token[n].q[i] * t->token[s].k[i];
        weight[s] = sees(t, n, s) ? exp(dot / sqrt(DIM)) : 0;
        sum += weight[s];
    }
    for (int i = 0; i < DIM; i++) {
        double want = 0;

        for (int s = 0; s <= n; s++)
            want += weight[s] / sum * t->token[s].v[i];
        error = fmax(error, fabs(want - (double)t->seen[n][i]));
    }
    return error;
}

/* ---- over blocks ---- */

struct memory {
    struct text *t;
    int at[BLOCKS][BLOCK_MOST]; /* 1 + the token whose keys and values stand there; 0: none */
    uint32_t open;              /* the prompt's last block */
    bool good;
};

/* Token `n` attends to what its list holds, each token once: how many. A running softmax. */
static int attend(struct memory *m, const struct kv_list *l, int block_tokens, int n)
{
    struct text *t = m->t;
    bool done[TOKENS_MOST] = {false};
    float most = -INFINITY, sum = 0, out[DIM] = {0};
    int count = 0;

    for (uint32_t b = 0; b < l->n; b++)
        for (int slot = 0; slot < block_tokens; slot++) {
            int s = m->at[l->id[b]][slot] - 1;
            float dot = 0, scale, weight;

            if (s < 0 || done[s] || !sees(t, n, s))
                continue;
            done[s] = true;
            count++;
            for (int i = 0; i < DIM; i++)
                dot += (float)t->token[n].q[i] * (float)t->token[s].k[i];
            dot /= sqrtf(DIM);
            scale = expf(most - fmaxf(most, dot));
            most = fmaxf(most, dot);
            weight = expf(dot - most);
            sum = sum * scale + weight;
            for (int i = 0; i < DIM; i++)
                out[i] = out[i] * scale + weight * (float)t->token[s].v[i];
        }
    for (int i = 0; i < DIM; i++)
        t->seen[n][i] = out[i] / sum;
    t->is_seen[n] = true;
    return count;
}

static int seen_by_mask(const struct text *t, int n)
{
    int count = 0;

    for (int s = 0; s <= n; s++)
        count += sees(t, n, s);
    return count;
}

/* A request that begins has a copy of the prompt's last block where that is not its own. */
static void copy_open(struct memory *m, const struct replica *r, uint32_t request)
{
    const struct kin *k = &r->kin[request];
    uint32_t last = k->blocks ? flight_of(r, request)->kv.id[k->blocks - 1] : 0;

    if (k->blocks > 0 && request <= (uint32_t)m->t->paths && k->tokens % r->kv.tokens != 0 &&
        last != m->open)
        memcpy(m->at[last], m->at[m->open], sizeof m->at[last]);
}

static void step(void *ctx, const struct replica *r)
{
    struct memory *m = ctx;

    for (size_t i = 0; i < r->n_batch; i++) {
        uint32_t request = r->batch[i].request;
        const struct flight *f = flight_of(r, request);
        const struct kin *k = &r->kin[request];
        uint32_t to = f->computed + r->batch[i].tokens;

        if (f->computed == k->tokens)
            copy_open(m, r, request);
        for (uint32_t n = f->computed; n < to; n++) {
            uint32_t place = n + k->holes;
            int token = m->t->from[request] + (int)(n - k->tokens);

            m->at[f->kv.id[place / r->kv.tokens]][place % r->kv.tokens] = token + 1;
            m->good = m->good &&
                      attend(m, &f->kv, (int)r->kv.tokens, token) == seen_by_mask(m->t, token);
        }
        if (request == 0)
            m->open = f->kv.id[f->kv.n - 1];
    }
}

/* ---- a round ---- */

static double step_us(const struct cost_shape *s)
{
    return 1 + s->tokens;
}

#include "test_cost.h"

static int add_line(void *ctx, const struct trace_record *rec, struct err *e)
{
    return trace_append(ctx, rec, e);
}

/* Parts are as long as their requests' keys and values. */
static void lay_out(struct text *t, const struct trace_set *set)
{
    int longest = 0;

    t->paths = (int)set->n - 2;
    t->from[1] = (int)set->prompt[0];
    for (int p = 1; p <= t->paths; p++) {
        int tokens = (int)set->output[p];

        longest = tokens > longest ? tokens : longest;
        t->from[p + 1] = t->from[p] + tokens;
    }
    t->from[t->paths + 2] = t->from[t->paths + 1] + t->paths + (int)set->output[t->paths + 1];
    if (t->from[t->paths + 2] > TOKENS_MOST)
        abort();
    make_tokens(t, longest);
}

static void one_round(struct text *t, struct memory *m, unsigned long long seed)
{
    struct program_opts o = {
        .gen = {.sessions = 1, .arrivals = GEN_NONE, .block = 16, .seed = seed},
        .paths = 2 + (uint64_t)below(PATHS_MOST - 1),
        .path = {DIST_UNIFORM, 1, 40},
        .answer = {DIST_UNIFORM, 1, 20}};
    struct replay_opts how = {.engine = {.kv_blocks = BLOCKS,
                                         .block_tokens = 4U << below(3),
                                         .most_requests = 64,
                                         .most_tokens = 1 + (uint32_t)below(64)},
                              .sched = &sched_vllm1,
                              .check = true,
                              .step = step,
                              .step_ctx = m};
    struct trace_load_opts load = {.read = {.format = TRACE_AUTO}};
    struct buf lines = {0};
    struct trace_set set = {0};
    struct replay p = {0};
    struct err e = {0};
    uint64_t bad;
    double error = 0;
    int rc;

    o.gen.prompt = (struct dist){DIST_UNIFORM, 1, 60, 0};
    o.gen.output = o.gen.turns = (struct dist){DIST_FIXED, 1, 0, 0};
    rc = program_generate(&o, add_line, &lines, &e);
    T_CHECK(rc == 0);
    tmp_put("paths.jsonl", lines.p, lines.len);
    T_CHECK(trace_load(&set, "paths.jsonl", &load, &bad, &e) == 0);
    memset(t, 0, sizeof *t);
    lay_out(t, &set);
    *m = (struct memory){.t = t, .good = true};
    rc = replay_run(&p, &set, &test_cost, &how, &e);
    T_CHECKF(rc == 0 && m->good, "seed %llu: rc %d '%s', %s", seed, rc, e.msg,
             m->good ? "good" : "a token saw more or less than it should");
    for (int n = 0; n < t->from[t->paths + 2]; n++)
        error = t->is_seen[n] ? fmax(error, dense_error(t, n)) : INFINITY;
    T_CHECKF(error < 1e-5, "seed %llu: error %g", seed, error);
    replay_free(&p);
    trace_set_free(&set);
    buf_free(&lines);
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 40;
    unsigned long long from = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    struct text *t = malloc(sizeof *t);
    struct memory *m = malloc(sizeof *m);

    tmp_enter();
    for (unsigned long long seed = from; t && m && seed < from + (unsigned long long)rounds;
         seed++) {
        rng = seed;
        one_round(t, m, seed);
    }
    tmp_leave();
    free(t);
    free(m);
    return t_done("prop_pathmask");
}
