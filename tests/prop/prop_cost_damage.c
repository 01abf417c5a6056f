/* prop_cost_damage.c - cost tables, layer folders and cards with numbers and bytes changed: what is
 * opened gives times that a clock can count, whatever the batch; all else is refused in a sentence
 * that names the file.
 *
 *     prop_cost_damage [ROUNDS [SEED]]
 */
#include "../unit/t.h"
#include "../unit/tmp.h"

#include <math.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "sim/cost.h"

static unsigned long long rng;

static size_t below(size_t n)
{
    return (size_t)(t_rand(&rng) % n);
}

/* ---- whole files ---- */

static const char table[] =
    "# num_layers=2\n# tp=2\n# embedding_dim=64\n# num_q_heads=8\n# num_kv_heads=2\n"
    "# head_dim=16\n# gpu_mem_gib=80\n# params_per_gpu=1000000\n"
    "# kv_bytes_per_token_per_gpu=512\n# all_reduce_launch_us=20\n"
    "# decode_batching_overhead=0.1\n# prefill_batching_overhead=0.1\n# token_rounding=8\n"
    "# kv_rounding=64\nop,a,b,us\n"
    "attn_pre_proj,8,0,3\nattn_pre_proj,512,0,90.5\nattn_post_proj,8,0,2\nattn_post_proj,512,0,30\n"
    "attn_rope,8,0,1\nattn_rope,512,0,9\nattn_kv_cache_save,8,0,1\nattn_kv_cache_save,512,0,1e1\n"
    "mlp_up_proj,8,0,4\nmlp_up_proj,512,0,200\nmlp_act,8,0,1\nmlp_act,512,0,5\n"
    "mlp_down_proj,8,0,4\nmlp_down_proj,512,0,100\ninput_layernorm,8,0,1\ninput_layernorm,512,0,2\n"
    "add,8,0,1\nadd,512,0,2\npost_attention_layernorm,8,0,1\npost_attention_layernorm,512,0,2\n"
    "all_reduce,8,0,5\nall_reduce,512,0,60\n"
    "attn_decode,1,64,4\nattn_decode,1,1024,9\nattn_decode,16,64,8\nattn_decode,16,1024,40\n"
    "attn_prefill,16,0,3\nattn_prefill,512,0,60\nattn_prefill,16,1024,6\nattn_prefill,512,1024,99\n";

static const char *const folder[][2] = {
    {"dense.csv",
     "layer,tokens,time_us\nlayernorm,1,1\nlayernorm,512,3\nqkv_proj,1,5\nqkv_proj,512,90\n"
     "rotary_emb,1,1\nrotary_emb,512,2\no_proj,1,4\no_proj,512,40\ngate_up_proj,1,9\n"
     "gate_up_proj,512,200\nact_fn,1,1\nact_fn,512,6\ndown_proj,1,6\ndown_proj,512,99\n"
     "embedding,1,2\nembedding,512,3\nfinal_layernorm,1,1\nfinal_layernorm,512,2\n"},
    {"per_sequence.csv",
     "layer,sequences,time_us\nlm_head,1,700\nlm_head,64,800\nsampler,1,20\nsampler,64,50\n"},
    {"attention.csv",
     "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n0,0,1,16,8\n0,0,1,1024,9\n"
     "0,0,16,16,9\n0,0,16,1024,30\n16,0,0,0,7\n512,0,0,0,80\n512,0,1,16,88\n512,512,0,0,120\n"},
    {"skew_fit.csv",
     "pc,n_label,skew_rate_label,kv_big_label,kp_label,alpha\n0,n<=128,sr<=15%,kvB<=16k,kp=0,0.03\n"
     "0,n>128,sr>15%,kvB<=1k,kp=0,0.5\n"},
    {"meta.yaml", "profiler_version: 1\nmodel: meta-llama/Llama-3.1-8B\nskew:\n  fit:\n    1:\n"
                  "      alpha_default: 0.25\n"},
};

static const char model[] = "{\"name\":\"Mine\",\"layers\":4,\"dim\":64,\"ffn\":256,\"q_heads\":8,"
                            "\"kv_heads\":2,\"head_dim\":16,\"vocab\":999,\"gated\":1,\"tied\":0,"
                            "\"bytes\":2,\"max_tokens\":4096}";
static const char gpu[] = "{\"name\":\"Ours\",\"memory_gib\":8,\"read_gbs\":100,\"tflops\":10,"
                          "\"attention_tflops\":9,\"link_gbs\":5,\"link_us\":20,\"step_us\":100}";

/* ---- damage ---- */

enum { TEXT_MOST = 8192 };

struct text {
    char p[TEXT_MOST];
    size_t len;
};

static void replace(struct text *t, size_t at, size_t len, const char *by)
{
    size_t n = strlen(by);

    len = len < t->len - at ? len : t->len - at;
    if (t->len - len + n > TEXT_MOST)
        return;
    memmove(t->p + at + n, t->p + at + len, t->len - at - len);
    memcpy(t->p + at, by, n);
    t->len += n - len;
}

/* A number becomes another. */
static void renumber(struct text *t)
{
    static const char *const number[] = {
        "0",          "-1",  "1",   "1e300", "-1e300", "1e18", "1e9",   "1e-9", "1e-300",
        "4294967296", "nan", "inf", "x",     "",       "0.5",  "1e400", "3",    "2147483648"};
    size_t at = below(t->len), len = 0;

    while (at < t->len && (t->p[at] < '0' || t->p[at] > '9'))
        at++;
    if (at == t->len)
        return;
    while (at + len < t->len && strchr("0123456789.e", t->p[at + len]))
        len++;
    replace(t, at, len, number[below(sizeof number / sizeof *number)]);
}

static void damage(struct text *t)
{
    static const char *const words[] = {",", "\n", "#", "=", "-", "\"",
                                        "}", "{",  ":", "e", ".", "0"};
    size_t at = below(t->len);

    if (below(3))
        renumber(t);
    else if (below(3) == 0)
        t->p[at] = (char)below(256);
    else if (below(2))
        replace(t, at, 1 + below(40), "");
    else
        replace(t, at, 0, words[below(sizeof words / sizeof *words)]);
    if (below(40) == 0)
        t->len = at;
}

/* The file, damaged if it is its turn. */
static void put(const char *name, const char *text, bool turn)
{
    struct text t;

    t.len = strlen(text);
    memcpy(t.p, text, t.len);
    for (size_t n = turn ? 1 + below(3) : 0; n > 0 && t.len > 0; n--)
        damage(&t);
    tmp_put(name, t.p, t.len);
}

/* ---- what is opened ---- */

static void ask(const struct cost *c)
{
    struct cost_parts parts;
    struct err e = {0};
    struct cost_memory m;

    cost_memory(c, &m);
    for (int i = 0; i < 20; i++) {
        struct cost_piece piece[3];
        struct cost_shape s = {.decodes = (uint32_t)below(40), .pieces = piece};
        double us = 0, sum = 0;
        int rc;

        s.n_pieces = (uint32_t)below(s.decodes ? 4 : 3) + !s.decodes;
        s.tokens = s.decodes;
        for (uint32_t k = 0; k < s.n_pieces; k++) {
            piece[k] = (struct cost_piece){1 + (uint32_t)below(600),
                                           (uint32_t)below(2) * (uint32_t)below(2000)};
            s.tokens += piece[k].chunk;
        }
        s.kv_min = s.decodes ? 1 + (uint32_t)below(900) : 0;
        s.kv_max = s.decodes > 1 ? s.kv_min + (uint32_t)below(900) : s.kv_min;
        s.kv_sum = s.decodes ? s.kv_max + (uint64_t)(s.decodes - 1) * s.kv_min : 0;
        rc = cost_us(c, &s, &us, below(2) ? &parts : NULL, &e);
        T_CHECKF(rc == 0 ? us >= 0 && us < 1e15 : rc == ERR_USAGE && e.msg[0], "%d: %g us: %s", rc,
                 us, e.msg);
        rc = rc == 0 ? cost_us(c, &s, &us, &parts, &e) : rc;
        for (size_t k = 0; rc == 0 && k < parts.n; k++)
            sum += parts.v[k].us;
        T_CHECKF(rc < 0 || fabs(sum - us) <= 1e-6 * us + 1e-6, "parts of %g us are %g", us, sum);
    }
}

static long opened, refused;

static void try_open(const char *path, struct cost_opts o, bool whole)
{
    struct cost *c;
    struct err e = {0};
    int rc;

    o.extrapolate = below(2);
    o.tp = (double)(1 + below(2));
    o.link_gbs = 100;
    rc = cost_open(&c, path, &o, &e);
    opened += rc == 0;
    refused += rc < 0;
    if (rc == 0) {
        ask(c);
        cost_close(c);
        return;
    }
    T_CHECKF(!whole, "%s: %s", path, e.msg);
    T_CHECKF((rc == ERR_INPUT || rc == ERR_USAGE || rc == ERR_IO) && e.msg[0], "%d: %s", rc, e.msg);
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 600;

    rng = argc > 2 ? strtoull(argv[2], NULL, 10) : 3;
    tmp_enter();
    T_CHECK(mkdir("f_tp1", 0700) == 0);
    for (int round = 0; round < rounds; round++) {
        size_t files = sizeof folder / sizeof *folder, which = below(files);

        put("t.csv", table, round > 0);
        try_open("t.csv", (struct cost_opts){.model = NULL}, round == 0);
        for (size_t i = 0; i < files; i++) {
            char path[64];

            snprintf(path, sizeof path, "f_tp1/%s", folder[i][0]);
            put(path, folder[i][1], round > 0 && i == which);
        }
        try_open("f_tp1", (struct cost_opts){.model = below(2) ? "Llama-3.1-8B" : NULL},
                 round == 0);
        put("m.json", model, round > 0 && below(2));
        put("g.json", gpu, round > 0);
        try_open("roofline", (struct cost_opts){.model = "m.json", .gpu = "g.json"}, round == 0);
    }
    printf("%ld were opened, %ld refused\n", opened, refused);
    tmp_leave();
    return t_done("prop_cost_damage");
}
