/* prop_cost.c - the three cost models against their formulas, as papers and profiles give them,
 * over random tables and batches: a step's time, its parts, and what is beyond the tables.
 */
#include "../unit/t.h"
#include "../unit/tmp.h"

#include <math.h>
#include <sys/stat.h>

#include "sim/cost.h"

enum { PIECES = 3, LINES = 8 };

static unsigned long long rng = 5;

static int below(int n)
{
    return (int)(t_rand(&rng) % (unsigned)n);
}

static double up_to(double x, double step)
{
    return ceil(x / step) * step;
}

/* ---- measured lines: values at the points of an axis, and what lies between ---- */

static double between(const double *x, const double *v, int n, double at)
{
    int i = 1;

    if (at <= x[0])
        return v[0];
    while (i < n - 1 && x[i] < at)
        i++;
    return v[i - 1] + (v[i] - v[i - 1]) * (at - x[i - 1]) / (x[i] - x[i - 1]);
}

static void random_line(double *v, int n)
{
    double sum = below(20);

    for (int i = 0; i < n; i++)
        v[i] = sum += 0.25 * below(400);
}

/* ---- batches ---- */

struct batch {
    struct cost_shape s;
    struct cost_piece piece[PIECES];
    int context[16];
};

static void random_batch(struct batch *b, int most_requests, int most_chunk, int most_kv)
{
    memset(b, 0, sizeof *b);
    b->s.decodes = (uint32_t)below(most_requests + 1);
    b->s.n_pieces = (uint32_t)below(PIECES + 1);
    b->s.n_pieces += b->s.decodes + b->s.n_pieces == 0;
    b->s.pieces = b->piece;
    b->s.tokens = b->s.decodes;
    for (uint32_t i = 0; i < b->s.n_pieces; i++) {
        b->piece[i].chunk = 1 + (uint32_t)below(most_chunk);
        b->piece[i].kv = below(2) ? 0 : (uint32_t)below(most_kv / PIECES);
        b->s.tokens += b->piece[i].chunk;
    }
    for (uint32_t i = 0; i < b->s.decodes; i++) {
        uint32_t kv = 1 + (uint32_t)below(most_kv);

        b->s.kv_sum += kv;
        b->s.kv_max = kv > b->s.kv_max ? kv : b->s.kv_max;
        b->s.kv_min = i == 0 || kv < b->s.kv_min ? kv : b->s.kv_min;
    }
}

static void expect(const struct cost *c, const struct batch *b, double want, const char *what)
{
    struct cost_parts parts;
    struct err e = {0};
    double us = -1, sum = 0;

    T_CHECKF(cost_us(c, &b->s, &us, NULL, &e) == 0 && fabs(us - want) <= 1e-9 * (want + 1),
             "%s: %u decodes, %u pieces: %.9g, not %.9g: %s", what, b->s.decodes, b->s.n_pieces, us,
             want, e.msg);
    T_CHECK(cost_us(c, &b->s, &us, &parts, &e) == 0 && fabs(us - want) <= 1e-9 * (want + 1));
    for (size_t i = 0; i < parts.n; i++)
        sum += parts.v[i].us;
    T_CHECKF(fabs(sum - want) <= 1e-9 * (want + 1), "%s: parts of %.9g are %.9g", what, want, sum);
}

/* ---- Vidur's tables ---- */

static const char *const ops[] = {
    "attn_pre_proj", "attn_post_proj", "attn_rope",         "mlp_up_proj",
    "mlp_act",       "mlp_down_proj",  "input_layernorm",   "post_attention_layernorm",
    "add",           "all_reduce",     "attn_kv_cache_save"};
enum { OPS = sizeof ops / sizeof *ops };

struct vidur {
    double tokens[3], op[OPS][3];
    double n[3], kv[3], decode[3][3]; /* requests, context */
    double chunk[3], before[3], prefill[3][3];
    int layers, tp, q, kv_heads;
};

static void make_vidur(struct vidur *t)
{
    static const struct vidur axes = {.tokens = {8, 64, 1024},
                                      .n = {1, 4, 16},
                                      .kv = {64, 512, 2048},
                                      .chunk = {16, 128, 1024},
                                      .before = {0, 256, 2048}};
    FILE *f = fopen("t.csv", "w");

    *t = axes;
    t->layers = 1 + below(80);
    t->tp = 1 + below(2);
    t->q = 8;
    t->kv_heads = below(2) ? 8 : 2;
    fprintf(f, "# num_layers=%d\n# tp=%d\n# num_q_heads=%d\n# num_kv_heads=%d\n", t->layers, t->tp,
            t->q, t->kv_heads);
    fprintf(f, "# all_reduce_launch_us=20\n# decode_batching_overhead=0.1\n"
               "# prefill_batching_overhead=0.1\nop,a,b,us\n");
    for (int i = 0, n = OPS - below(2); i < n; i++) { /* that of saving may be missing */
        random_line(t->op[i], 3);
        for (int k = 0; k < 3; k++)
            fprintf(f, "%s,%g,0,%.17g\n", ops[i], t->tokens[k], t->op[i][k]);
    }
    for (int i = 0; i < 3; i++) {
        random_line(t->decode[i], 3);
        random_line(t->prefill[i], 3);
        for (int k = 0; k < 3; k++) {
            fprintf(f, "attn_decode,%g,%g,%.17g\n", t->n[i], t->kv[k], t->decode[i][k]);
            fprintf(f, "attn_prefill,%g,%g,%.17g\n", t->chunk[i], t->before[k], t->prefill[i][k]);
        }
    }
    fclose(f);
}

static double square(const double *y, const double *x, double v[3][3], double aty, double atx)
{
    double column[3];

    for (int i = 0; i < 3; i++)
        column[i] = between(x, v[i], 3, atx);
    return between(y, column, 3, aty);
}

/* costmodel/README: layers x (token operations + 2 (all_reduce + launch) + decode + prefill). */
static double vidur_us(struct vidur *t, const struct batch *b)
{
    double tokens = up_to(b->s.tokens, 8), us = 0, squares = 0, before = 0;
    bool grouped = t->kv_heads < t->q;

    for (int i = 0; i < OPS; i++)
        if (strcmp(ops[i], "attn_kv_cache_save") == 0)
            us += between(t->tokens, t->op[i], 3, b->s.tokens);
        else if (strcmp(ops[i], "all_reduce") != 0)
            us += between(t->tokens, t->op[i], 3, tokens);
        else if (t->tp > 1)
            us += 2 * (between(t->tokens, t->op[i], 3, tokens) + 20);
    if (b->s.decodes > 0)
        us += square(t->n, t->kv, t->decode, b->s.decodes,
                     up_to((double)(b->s.kv_sum / b->s.decodes), 64)) *
              (grouped && b->s.decodes > 1 ? 1.1 : 1);
    for (uint32_t i = 0; i < b->s.n_pieces; i++) {
        squares += pow(b->piece[i].chunk, 2);
        before += up_to(b->piece[i].kv, 64);
    }
    if (b->s.n_pieces > 0)
        us += square(t->chunk, t->before, t->prefill, round(sqrt(squares)), before) *
              (grouped && b->s.n_pieces > 1 ? 1.1 : 1);
    return t->layers * us;
}

static void try_vidur(void)
{
    struct cost_opts o = {.extrapolate = false};
    struct vidur t;
    struct batch b;
    struct cost *c;
    struct err e = {0};
    double us;

    make_vidur(&t);
    T_CHECKF(cost_open(&c, "t.csv", &o, &e) == 0, "%s", e.msg);
    for (int i = 0; i < 40; i++) {
        random_batch(&b, 16, 300, 2000);
        expect(c, &b, vidur_us(&t, &b), "vidur");
    }
    /* One more than was measured, of each. */
    for (int i = 0; i < 5; i++) {
        b = (struct batch){.s = {.decodes = 2, .kv_sum = 9, .kv_max = 5, .kv_min = 4, .tokens = 2}};
        b.s.decodes = b.s.tokens = i == 0 ? 17 : 2;
        b.s.kv_sum = i == 1 ? 2 * 2049 : 200;
        b.piece[0] = (struct cost_piece){i == 2 ? 1025 : 9, i == 3 ? 2049 : 9};
        b.s.pieces = b.piece;
        b.s.n_pieces = 1;
        b.s.tokens += b.piece[0].chunk;
        if (i == 4) { /* chunks of a root that is within, and a sum that is not */
            b.piece[0].chunk = b.piece[1].chunk = 600;
            b.s.n_pieces = 2;
            b.s.tokens = 1202;
        }
        T_CHECKF(cost_us(c, &b.s, &us, NULL, &e) == ERR_USAGE && strstr(e.msg, "beyond"), "%d: %s",
                 i, e.msg);
    }
    cost_close(c);
}

/* ---- LLMServingSim's layer tables ---- */

static const char *const layers[] = {"layernorm", "qkv_proj",     "rotary_emb",
                                     "o_proj",    "gate_up_proj", "act_fn",
                                     "down_proj", "embedding",    "final_layernorm"};
enum { LAYERS = sizeof layers / sizeof *layers, MODEL_LAYERS = 32 };

struct tables {
    double tokens[3], layer[LAYERS][3];
    double sequences[2], head[2], sampler[2];
    double axis[4][2], attention[2][2][2][2];
    double alpha, of_decodes;
};

static void make_tables(struct tables *t)
{
    static const struct tables axes = {.tokens = {1, 64, 1024},
                                       .sequences = {1, 32},
                                       .axis = {{0, 1024}, {0, 2048}, {0, 16}, {0, 2048}}};
    FILE *f = fopen("f/dense.csv", "w");

    *t = axes;
    fprintf(f, "layer,tokens,time_us\n");
    for (int i = 0; i < LAYERS; i++) {
        random_line(t->layer[i], 3);
        for (int k = 0; k < 3; k++)
            fprintf(f, "%s,%g,%.17g\n", layers[i], t->tokens[k], t->layer[i][k]);
    }
    fclose(f);
    f = fopen("f/per_sequence.csv", "w");
    fprintf(f, "layer,sequences,time_us\n");
    random_line(t->head, 2);
    random_line(t->sampler, 2);
    for (int k = 0; k < 2; k++)
        fprintf(f, "lm_head,%g,%.17g\nsampler,%g,%.17g\n", t->sequences[k], t->head[k],
                t->sequences[k], t->sampler[k]);
    fclose(f);
    f = fopen("f/attention.csv", "w");
    fprintf(f, "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n");
    for (int i = 0; i < 16; i++) {
        double *v = &t->attention[i >> 3][i >> 2 & 1][i >> 1 & 1][i & 1];

        *v = 100 + below(1000);
        fprintf(f, "%g,%g,%g,%g,%.17g\n", t->axis[0][i >> 3], t->axis[1][i >> 2 & 1],
                t->axis[2][i >> 1 & 1], t->axis[3][i & 1], *v);
    }
    fclose(f);
    /* A class of up to 8 decodes alone whose longest is up to 1,024; all else takes the default. */
    t->alpha = 0.01 * below(100);
    t->of_decodes = 0.01 * below(100);
    f = fopen("f/skew_fit.csv", "w");
    fprintf(f,
            "pc,n_label,skew_rate_label,kv_big_label,kp_label,alpha\n"
            "0,n<=8,sr<=100%%,kvB<=1k,kp=0,%.17g\n",
            t->of_decodes);
    fclose(f);
    f = fopen("f/meta.yaml", "w");
    fprintf(f,
            "model: meta-llama/Llama-3.1-8B\nskew:\n  fit:\n    1:\n      alpha_default: %.17g\n",
            t->alpha);
    fclose(f);
}

static double attention_at(const struct tables *t, const double key[4])
{
    double sum = 0;

    for (int i = 0; i < 16; i++) {
        double weight = 1;

        for (int k = 0; k < 4; k++) {
            double high = key[k] / t->axis[k][1];

            weight *= i >> (3 - k) & 1 ? high : 1 - high;
        }
        sum += weight * t->attention[i >> 3][i >> 2 & 1][i >> 1 & 1][i & 1];
    }
    return sum;
}

static double tables_us(const struct tables *t, const struct batch *b)
{
    double key[4] = {0, 0, b->s.decodes, 0}, mean, longest, us, alpha, all = 0;
    double sequences = b->s.decodes + b->s.n_pieces;

    for (uint32_t i = 0; i < b->s.n_pieces; i++) {
        key[0] += b->piece[i].chunk;
        key[1] += (double)b->piece[i].chunk * b->piece[i].kv;
    }
    key[1] = key[0] > 0 ? key[1] / key[0] : 0;
    key[3] = b->s.decodes ? up_to((double)b->s.kv_sum / b->s.decodes, 16) : 0;
    mean = attention_at(t, key);
    key[3] = up_to(b->s.kv_max, 16);
    longest = attention_at(t, key);
    alpha = key[0] == 0 && b->s.decodes <= 8 && b->s.kv_max <= 1024 ? t->of_decodes : t->alpha;
    us = mean + (b->s.decodes > 1 && b->s.kv_max > b->s.kv_min ? alpha * (longest - mean) : 0);
    for (int i = 0; i < LAYERS; i++) {
        double v = between(t->tokens, t->layer[i], 3, b->s.tokens);

        if (strcmp(layers[i], "embedding") == 0 || strcmp(layers[i], "final_layernorm") == 0)
            all += v;
        else
            us += (strcmp(layers[i], "layernorm") == 0 ? 2 : 1) * v;
    }
    return all + MODEL_LAYERS * us + between(t->sequences, t->head, 2, sequences) +
           between(t->sequences, t->sampler, 2, sequences);
}

static void try_tables(void)
{
    struct cost_opts o = {.extrapolate = false};
    struct tables t;
    struct cost *c;
    struct batch b;
    struct err e = {0};

    make_tables(&t);
    T_CHECKF(cost_open(&c, "f", &o, &e) == 0, "%s", e.msg);
    for (int i = 0; i < 40; i++) {
        random_batch(&b, 16, 300, below(2) ? 2000 : 1000);
        expect(c, &b, tables_us(&t, &b), "layers");
    }
    cost_close(c);
}

/* ---- roofline ---- */

/* papers' shared cost model, in microseconds: linear layers, contexts read, chunks, the step. */
static void try_roofline(double tp)
{
    static const char model[] = "{\"layers\":4,\"dim\":64,\"ffn\":256,\"q_heads\":8,\"kv_heads\":2,"
                                "\"head_dim\":16,\"vocab\":1000}";
    static const char gpu[] = "{\"memory_gib\":8,\"read_gbs\":0.5,\"tflops\":0.01,"
                              "\"attention_tflops\":0.004,\"step_us\":100,"
                              "\"link_gbs\":0.2,\"link_us\":3}";
    /* q and o, k and v, three matrices of the feed-forward; the head. */
    double parameters = 4 * (2.0 * 64 * 128 + 2 * 64 * 32 + 3 * 64 * 256) + 64 * 1000;
    double kv_bytes = 2.0 * 4 * 2 * 16 * 2, us;
    struct cost_opts o = {.model = "m.json", .gpu = "g.json", .tp = tp};
    struct cost *c;
    struct batch b;
    struct err e = {0};

    tmp_put("m.json", model, strlen(model));
    tmp_put("g.json", gpu, strlen(gpu));
    T_CHECKF(cost_open(&c, "roofline", &o, &e) == 0, "%s", e.msg);
    for (int i = 0; i < 500; i++) {
        random_batch(&b, 16, below(2) ? 4 : 400, 2000);
        us = 100 + fmax(parameters * 2 / 500, 2 * parameters * b.s.tokens / 1e4) +
             (double)b.s.kv_sum * kv_bytes / 500;
        for (uint32_t k = 0; k < b.s.n_pieces; k++) {
            double chunk = b.piece[k].chunk, kv = b.piece[k].kv;

            us += 4 * chunk * (kv + chunk / 2) * 128 * 4 / 4e3 + kv * kv_bytes / 500;
        }
        us = 100 + (us - 100) / tp;
        /* A ring: every GPU sends a tp-th of 64 numbers a token to the next, 2 (tp - 1) times. */
        if (tp > 1)
            us += 4 * 2 * (2 * (tp - 1) * (64 * 2 / tp) * b.s.tokens / 200 + 3);
        expect(c, &b, us, "roofline");
    }
    cost_close(c);
}

int main(void)
{
    tmp_enter();
    T_CHECK(mkdir("f", 0700) == 0);
    for (int i = 0; i < 60; i++) {
        try_vidur();
        try_tables();
    }
    for (double tp = 1; tp <= 8; tp *= 2)
        try_roofline(tp);
    tmp_leave();
    return t_done("prop_cost");
}
