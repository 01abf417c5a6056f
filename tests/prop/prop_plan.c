/* prop_plan.c - which plans there are, against trying all numbers and dealing out devices, heads
 * and experts by hand; and how long a stage takes, against its formula with every ring step
 * counted.
 */
#include "../unit/t.h"
#include "../unit/tmp.h"

#include <math.h>

#include "sim/plan.h"

enum { GPUS = 48 };

static unsigned long long rng = 11;

static int below(int n)
{
    return (int)(t_rand(&rng) % (unsigned)n);
}

static int pick(const int *v, int n)
{
    return v[below(n)];
}

#define PICK(...) pick((const int[]){__VA_ARGS__}, sizeof((int[]){__VA_ARGS__}) / sizeof(int))

/* ---- which there are ---- */

/* Devices 0 to gpus - 1, so many a machine, cut into equal parts in a row: is each part in one
 * machine, or does it have all of every machine that it has some of? */
static bool parts_are_whole(int gpus, int node, int parts)
{
    int size = gpus / parts;

    for (int p = 0; p < parts; p++) {
        int of[GPUS] = {0}, machines = 0;
        bool all = true;

        for (int d = p * size; d < (p + 1) * size; d++)
            of[d / node]++;
        for (int m = 0; m < gpus / node; m++) {
            machines += of[m] > 0;
            all = all && (of[m] == 0 || of[m] == node);
        }
        if (machines > 1 && !all)
            return false;
    }
    return true;
}

/* Dealt out one by one: does each device get one? */
static bool all_busy(int things, int devices)
{
    int has[GPUS] = {0};

    for (int i = 0; i < things; i++)
        has[i % devices]++;
    for (int d = 0; d < devices; d++)
        if (has[d] == 0)
            return false;
    return true;
}

static bool common_divisor(int a, int b)
{
    for (int d = 2; d <= a && d <= b; d++)
        if (a % d == 0 && b % d == 0)
            return true;
    return false;
}

/* r replicas of s stages of g devices, in which a copies of the attention and f of the rest. */
static bool is_plan(const struct model_card *m, int gpus, int node, const int v[6])
{
    int r = v[0], s = v[1], a = v[2], f = v[3], experts = v[4], g = v[5];

    if (r * s * g != gpus || (int)m->layers % s || g % a || g % f)
        return false;
    if (!parts_are_whole(gpus, node, r) || !parts_are_whole(gpus, node, r * s) ||
        !parts_are_whole(gpus, node, r * s * a) || !parts_are_whole(gpus, node, r * s * f))
        return false;
    if (common_divisor(a, f) || (a % f && f % a))
        return false;
    if (!all_busy((int)m->q_heads, g / a))
        return false;
    if (experts)
        return g / f > 1 && m->experts > 0 && all_busy((int)m->experts, g / f);
    return all_busy((int)m->ffn, g / f);
}

static size_t brute(const struct model_card *m, int gpus, int node, const struct plan *got,
                    size_t n)
{
    size_t found = 0;
    int v[6];

    for (v[0] = 1; v[0] <= gpus; v[0]++)
        for (v[1] = 1; v[0] * v[1] <= gpus; v[1]++)
            for (v[2] = 1; v[2] <= gpus; v[2]++)
                for (v[3] = 1; v[3] <= gpus; v[3]++)
                    for (v[4] = 0; v[4] < 2; v[4]++) {
                        const struct plan *p = &got[found];
                        const struct cost_split *s = &p->split;

                        v[5] = gpus / (v[0] * v[1]);
                        if (!is_plan(m, gpus, node, v))
                            continue;
                        T_CHECKF(found < n && (int)p->replicas == v[0] && (int)s->stages == v[1] &&
                                     (int)s->attn_copies == v[2] && (int)s->ffn_copies == v[3] &&
                                     s->by_experts == (v[4] == 1) && (int)s->gpus == v[5] &&
                                     (int)s->node_gpus == node && (int)plan_gpus(p) == gpus,
                                 "plan %zu of %zu: %d %d %d %d %d", found, n, v[0], v[1], v[2],
                                 v[3], v[4]);
                        found++;
                        if (found > n)
                            return found;
                    }
    return found;
}

static void try_list(void)
{
    struct model_card m = {.layers = PICK(1, 2, 4, 6, 12, 32, 80),
                           .dim = 64,
                           .ffn = PICK(1, 3, 8, 1000),
                           .q_heads = PICK(1, 2, 6, 8, 64),
                           .kv_heads = PICK(1, 2, 8),
                           .head_dim = 16,
                           .vocab = 100,
                           .experts = PICK(0, 0, 2, 8, 60),
                           .bytes = 2};
    int nodes = PICK(1, 1, 2, 3, 4), node = PICK(1, 2, 3, 4, 6, 8, 12);
    struct err e = {0};
    struct plan *v;
    size_t n;

    m.active_experts = m.experts > 0;
    T_CHECKF(plan_list(&v, &n, &m, (uint32_t)(nodes * node), (uint32_t)node, &e) == 0, "%s", e.msg);
    T_CHECKF(brute(&m, nodes * node, node, v, n) == n, "%d x %d GPUs", nodes, node);
    free(v);
}

/* APEX's own example: Llama-3-70B on two GPUs has five plans, three of which fit 80 GiB each. */
static void try_known(void)
{
    char name[PLAN_NAME];
    struct model_card m;
    struct err e = {0};
    struct plan *v;
    size_t n, usual = 0;

    T_CHECK(card_model(&m, "Llama-3.1-70B", &e) == 0);
    T_CHECK(plan_list(&v, &n, &m, 2, 2, &e) == 0 && n == 5);
    T_CHECK(strcmp(plan_name(&v[0], name), "dp1.pp1.tp2") == 0 && plan_is_usual(&v[0], 2));
    T_CHECK(strcmp(plan_name(&v[1], name), "dp1.pp1.attn1x2.ffn2x1") == 0);
    T_CHECK(strcmp(plan_name(&v[2], name), "dp1.pp1.attn2x1.ffn1x2") == 0);
    T_CHECK(strcmp(plan_name(&v[3], name), "dp1.pp2.tp1") == 0 && !plan_is_usual(&v[3], 2));
    T_CHECK(strcmp(plan_name(&v[4], name), "dp2.pp1.tp1") == 0);
    free(v);
    /* Of two machines each is a stage. */
    T_CHECK(plan_list(&v, &n, &m, 16, 8, &e) == 0);
    for (size_t i = 0; i < n; i++)
        if (plan_is_usual(&v[i], 16)) {
            usual++;
            T_CHECK(strcmp(plan_name(&v[i], name), "dp1.pp2.tp8") == 0);
        }
    T_CHECK(usual == 1);
    free(v);
    T_CHECK(card_model(&m, "Mixtral-8x7B", &e) == 0);
    T_CHECK(plan_list(&v, &n, &m, 2, 2, &e) == 0 && n == 7);
    T_CHECK(strcmp(plan_name(&v[1], name), "dp1.pp1.attn1x2.ep1x2") == 0);
    free(v);
    T_CHECK(plan_list(&v, &n, &m, 12, 8, &e) == ERR_USAGE && !v);
    T_CHECK(plan_list(&v, &n, &m, 0, 1, &e) == ERR_USAGE);
    T_CHECK(plan_list(&v, &n, &m, PLAN_GPUS_MOST * 2, 1, &e) == ERR_USAGE);
    m.layers = 1.5;
    T_CHECK(plan_list(&v, &n, &m, 2, 2, &e) == ERR_USAGE);
}

/* ---- how long a stage takes ---- */

static const struct gpu_card gpu = {.memory_gib = 8,
                                    .read_gbs = 0.5,
                                    .tflops = 0.01,
                                    .attention_tflops = 0.004,
                                    .step_us = 100,
                                    .link_gbs = 0.2,
                                    .link_us = 3,
                                    .node_gbs = 0.05,
                                    .node_us = 11};

static void put_cards(const struct model_card *m)
{
    char text[1024];
    int n = snprintf(text, sizeof text,
                     "{\"layers\":%g,\"dim\":%g,\"ffn\":%g,\"q_heads\":%g,\"kv_heads\":%g,"
                     "\"head_dim\":%g,\"vocab\":%g,\"experts\":%g,\"active_experts\":%g,"
                     "\"tied\":%g}",
                     m->layers, m->dim, m->ffn, m->q_heads, m->kv_heads, m->head_dim, m->vocab,
                     m->experts, m->active_experts, m->tied);

    tmp_put("m.json", text, (size_t)n);
    n = snprintf(text, sizeof text,
                 "{\"memory_gib\":%g,\"read_gbs\":%g,\"tflops\":%g,\"attention_tflops\":%g,"
                 "\"step_us\":%g,\"link_gbs\":%g,\"link_us\":%g,\"node_gbs\":%g,\"node_us\":%g}",
                 gpu.memory_gib, gpu.read_gbs, gpu.tflops, gpu.attention_tflops, gpu.step_us,
                 gpu.link_gbs, gpu.link_us, gpu.node_gbs, gpu.node_us);
    tmp_put("g.json", text, (size_t)n);
}

/* The most that a device gets of things dealt out one by one. */
static double most_of(double things, int devices)
{
    int has[GPUS] = {0}, most = 0;

    for (int i = 0; i < (int)things; i++)
        most = ++has[i % devices] > most ? has[i % devices] : most;
    return most;
}

/* Messages of so many bytes that a device sends one after the other. */
static double messages(int g, int node, double n, double bytes)
{
    double gbs = g > node ? gpu.node_gbs : gpu.link_gbs;
    double us = g > node ? gpu.node_us : gpu.link_us;

    return g > 1 ? n * bytes / (1e3 * gbs) + us : 0;
}

static double longer(double parameters, double computed, double tokens)
{
    double read = 2 * parameters / (1e3 * gpu.read_gbs);
    double compute = 2 * computed * tokens / (1e6 * gpu.tflops);

    return read > compute ? read : compute;
}

struct stage {
    double us, parameters, kv_bytes;
};

static struct stage by_hand(const struct model_card *m, const struct cost_split *s,
                            const struct cost_shape *b)
{
    int ga = (int)(s->gpus / s->attn_copies), gf = (int)(s->gpus / s->ffn_copies);
    int node = (int)s->node_gpus, mixture = m->experts > 0;
    double q = most_of(m->q_heads, ga), kv = most_of(m->kv_heads, ga), n = b->tokens;
    double all = b->stage_tokens ? b->stage_tokens : n * s->attn_copies, mine = all / s->ffn_copies;
    double experts = mixture ? m->experts : 1, active = mixture ? m->active_experts : 1, met = 0;
    double one = 3 * m->dim * m->ffn, token = 2 * m->dim;
    double attn = 2 * m->dim * m->head_dim * (q + kv), held, layer, us;
    double embedding = m->dim * m->vocab / s->gpus, layers = m->layers / s->stages;
    struct stage v;

    if (s->by_experts)
        held = most_of(experts, gf) * one;
    else
        held = experts * 3 * m->dim * most_of(m->ffn, gf);
    /* An expert is met unless all tokens miss it. */
    met = mixture ? 1 - pow(1 - active / experts, mine) : 1;
    layer = longer(attn, attn, n) + longer(held * met, held * active / experts, mine);
    if (s->by_experts) {
        double copies = active < gf ? active : gf;

        layer += 2 * messages(ga, node, ga - 1, n * token / ga);
        layer += 2 * messages(gf, node, gf - 1, copies * mine * token / gf / gf);
    } else if (s->attn_copies == s->ffn_copies)
        layer += messages(ga, node, 2 * (ga - 1), n * token / ga) +
                 messages(gf, node, 2 * (gf - 1), mine * token / gf);
    else
        layer += 2 * messages(ga, node, ga - 1, n * token / ga) +
                 2 * messages(gf, node, gf - 1, mine * token / gf);
    for (uint32_t i = 0; i < b->n_pieces; i++) {
        double c = b->pieces[i].chunk, before = b->pieces[i].kv;

        layer += 4 * c * (before + c / 2) * q * m->head_dim / (1e6 * gpu.attention_tflops) +
                 before * 4 * kv * m->head_dim / (1e3 * gpu.read_gbs);
    }
    layer += (double)b->kv_sum * 4 * kv * m->head_dim / (1e3 * gpu.read_gbs);
    us = layers * layer + gpu.step_us / s->stages;
    us += longer(embedding / s->stages, embedding / s->stages, all);
    if (s->stages > 1)
        us += messages((int)(s->stages * s->gpus), node, 1, n * token);
    v.us = us;
    v.parameters = 2 *
                   (layers * (attn + held) + embedding * (s->stages == 1 && m->tied == 0 ? 2 : 1));
    v.kv_bytes = 4 * layers * kv * m->head_dim;
    return v;
}

static void try_batches(const struct cost *c, const struct model_card *m,
                        const struct cost_split *s, const char *name)
{
    struct cost_piece pieces[3];
    struct cost_memory memory;
    struct err e = {0};
    struct stage want = {0};

    for (int i = 0; i < 10; i++) {
        struct cost_shape b = {
            .decodes = (uint32_t)below(9), .n_pieces = (uint32_t)below(4), .pieces = pieces};
        double us = -1;

        b.tokens = b.decodes;
        b.kv_sum = b.decodes * (uint64_t)(1 + below(1000));
        for (uint32_t k = 0; k < b.n_pieces; k++) {
            pieces[k] = (struct cost_piece){1 + (uint32_t)below(500), (uint32_t)below(500)};
            b.tokens += pieces[k].chunk;
        }
        if (b.tokens == 0)
            continue;
        b.stage_tokens = below(2) ? 0 : b.tokens + (uint32_t)below(300);
        want = by_hand(m, s, &b);
        T_CHECKF(cost_us(c, &b, &us, NULL, &e) == 0 && fabs(us - want.us) <= 1e-9 * want.us,
                 "%s: %u tokens of %u: %.9g, not %.9g", name, b.tokens, b.stage_tokens, us,
                 want.us);
        cost_memory(c, &memory);
        T_CHECKF(fabs(memory.parameter_bytes - want.parameters) <= 1e-9 * want.parameters &&
                     fabs(memory.kv_bytes - want.kv_bytes) <= 1e-9 * want.kv_bytes,
                 "%s: %g parameters, not %g; %g of a token, not %g", name, memory.parameter_bytes,
                 want.parameters, memory.kv_bytes, want.kv_bytes);
    }
}

static void try_stages(void)
{
    struct model_card m = {.layers = PICK(2, 4, 12),
                           .dim = 64,
                           .ffn = PICK(8, 250, 256),
                           .q_heads = PICK(3, 8, 12),
                           .kv_heads = PICK(1, 2, 3),
                           .head_dim = 16,
                           .vocab = 1000,
                           .tied = below(2),
                           .experts = PICK(0, 0, 4, 9)};
    int nodes = PICK(1, 2), node = PICK(1, 2, 3, 4, 8);
    char name[PLAN_NAME];
    struct err e = {0};
    struct plan *v;
    size_t n;

    m.active_experts = m.experts > 0 ? PICK(1, 2, 4) : 0;
    put_cards(&m);
    T_CHECK(plan_list(&v, &n, &m, (uint32_t)(nodes * node), (uint32_t)node, &e) == 0);
    for (size_t i = 0; i < n; i++) {
        struct cost_opts o = {.model = "m.json", .gpu = "g.json", .split = &v[i].split};
        struct cost *c = NULL;

        plan_name(&v[i], name);
        T_CHECKF(cost_open(&c, "roofline", &o, &e) == 0, "%s: %s", name, e.msg);
        try_batches(c, &m, &v[i].split, name);
        cost_close(c);
    }
    free(v);
}

/* ---- a stage of a table ---- */

static void put_table(int tp)
{
    FILE *f = fopen("t.csv", "w");

    fprintf(f,
            "# tp=%d\n# num_layers=4\n# embedding_dim=64\n# num_q_heads=8\n# num_kv_heads=2\n"
            "# head_dim=16\n# params_per_gpu=1000\n# kv_bytes_per_token_per_gpu=512\nop,a,b,us\n"
            "linear,8,0,70\nlinear,4096,0,9000\nall_reduce,8,0,5\nall_reduce,4096,0,50\n",
            tp);
    for (int i = 0; i < 4; i++)
        fprintf(f, "attn_decode,%d,%d,%d\nattn_prefill,%d,%d,%d\n", i & 1 ? 64 : 1,
                i & 2 ? 4096 : 0, 10 + 20 * i, i & 1 ? 4096 : 1, i & 2 ? 4096 : 0, 30 + 40 * i);
    fclose(f);
}

static void try_table(int tp, int stages)
{
    struct model_card m = {.layers = 4,
                           .dim = 64,
                           .ffn = 256,
                           .q_heads = 8,
                           .kv_heads = 2,
                           .head_dim = 16,
                           .vocab = 1000};
    struct cost_split s = {.stages = (uint32_t)stages,
                           .gpus = (uint32_t)tp,
                           .attn_copies = 1,
                           .ffn_copies = 1,
                           .node_gpus = 4};
    struct cost_opts o = {.model = "m.json", .gpu = "g.json"};
    struct cost_shape b = {.decodes = 7, .kv_sum = 7000, .tokens = 7};
    struct cost_memory whole, part;
    struct cost *all = NULL, *one = NULL;
    struct cost_parts parts;
    double us = 0, stage_us = 0, sum = 0, send;
    struct err e = {0};

    put_cards(&m);
    put_table(tp);
    T_CHECKF(cost_open(&all, "t.csv", &o, &e) == 0, "%s", e.msg);
    o.split = &s;
    T_CHECKF(cost_open(&one, "t.csv", &o, &e) == 0, "%s", e.msg);
    cost_memory(all, &whole);
    cost_memory(one, &part);
    T_CHECK(cost_fits(&whole, &m, &s) && whole.parameter_bytes == stages * part.parameter_bytes &&
            whole.kv_bytes == stages * part.kv_bytes && whole.layers == stages * part.layers);
    send = stages > 1 ? messages(tp * stages, 4, 1, 7 * 2 * 64.0) : 0;
    T_CHECK(cost_us(all, &b, &us, NULL, &e) == 0);
    T_CHECK(cost_us(one, &b, &stage_us, &parts, &e) == 0);
    T_CHECKF(fabs(stage_us - (us / stages + send)) < 1e-9 * us, "%g of %g, and %g", stage_us, us,
             send);
    for (size_t i = 0; i < parts.n; i++)
        sum += parts.v[i].us;
    T_CHECK(fabs(sum - stage_us) < 1e-9 * us);
    cost_close(all);
    cost_close(one);
    /* Of other GPUs, of copies, of another model it is not. */
    s.gpus = (uint32_t)tp * 2;
    T_CHECK(!cost_fits(&whole, &m, &s) && cost_open(&one, "t.csv", &o, &e) == ERR_USAGE);
    s.attn_copies = 2;
    T_CHECK(!cost_fits(&whole, &m, &s));
    s = (struct cost_split){.stages = 1, .gpus = (uint32_t)tp, .attn_copies = 1, .ffn_copies = 1};
    T_CHECK(cost_fits(&whole, &m, &s));
    m.layers = 8;
    T_CHECK(!cost_fits(&whole, &m, &s));
}

int main(void)
{
    tmp_enter();
    for (int i = 0; i < 150; i++)
        try_list();
    try_known();
    for (int i = 0; i < 60; i++)
        try_stages();
    for (int tp = 1; tp <= 2; tp++)
        for (int stages = 1; stages <= 4; stages *= 2)
            try_table(tp, stages);
    tmp_leave();
    return t_done("prop_plan");
}
