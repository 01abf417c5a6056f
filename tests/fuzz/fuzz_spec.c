/* fuzz_spec.c - short texts that say what is wanted: numbers, lists, codecs, distributions,
 * objectives, machines, cards. What is printed of a number is read as the same number.
 *
 *   0 1 what it is (enum)    1 1 how    then the text
 */
#include "fuzz.h"

#include <math.h>

#include "base/fixed.h"
#include "base/json.h"
#include "base/list.h"
#include "base/num.h"
#include "base/utf8.h"
#include "sim/dist.h"
#include "sim/plan_set.h"
#include "sim/sim.h"
#include "sim/steps.h"
#include "vec/codec_kind.h"
#include "vec/decimal.h"

enum {
    OF_NUMBER,
    OF_FIXED,
    OF_DECIMAL,
    OF_LIST,
    OF_CODEC,
    OF_DIST,
    OF_SIM,
    OF_PLAN,
    OF_JSON,
    KINDS
};

static void number(const char *s)
{
    char again[40];
    uint64_t u = 7, size = 7, v;
    double d = 7;

    if (num_u64(s, &u)) {
        snprintf(again, sizeof again, "%llu", (unsigned long long)u);
        FUZZ_CHECK(num_u64(again, &v) && v == u && num_size(s, &size) && size == u);
    }
    if (num_double(s, &d)) {
        double e;

        FUZZ_CHECK(isfinite(d));
        snprintf(again, sizeof again, "%.17g", d);
        FUZZ_CHECK(num_double(again, &e) && e == d);
    }
    if (num_size(s, &size))
        num_human_bytes(size, again);
}

static void fixed(const char *s, size_t len, int digits)
{
    int64_t v = INT64_MIN, w;
    char again[64];

    if (!fixed_parse(s, len, digits, &v))
        return;
    FUZZ_CHECK(v != INT64_MIN);
    snprintf(again, sizeof again, "%llde-%d", (long long)v, digits);
    FUZZ_CHECK(fixed_parse(again, strlen(again), digits, &w) && w == v);
    fixed_scale(&w, 1.5);
    fixed_scale(&w, -0.3);
    fixed_scale(&v, 1e300);
}

/* libc takes hexadecimal numbers, too: it is shown what was taken. */
static void same_as_libc(const char *s, size_t len, float f)
{
    char *taken = fuzz_text((struct fuzz_in){(const uint8_t *)s, len});

    FUZZ_CHECK(strtof(taken, NULL) == f);
    free(taken);
}

static void decimal(const char *s)
{
    char again[DECIMAL_MAX + 1];
    float f = 0, g = 0;
    int32_t i = 0, k = 0;
    const char *end = decimal_get_f32(s, &f);

    if (end) {
        FUZZ_CHECK(end > s && end <= s + strlen(s));
        if (!isfinite(f))
            return;
        *decimal_put_f32(again, f) = '\0';
        FUZZ_CHECK(decimal_get_f32(again, &g) && memcmp(&f, &g, sizeof f) == 0);
        same_as_libc(s, (size_t)(end - s), f);
    }
    if (decimal_get_i32(s, &i)) {
        *decimal_put_i32(again, i) = '\0';
        FUZZ_CHECK(decimal_get_i32(again, &k) && i == k);
    }
}

static void list(const char *s, size_t len)
{
    double v[8];
    int sched[8];
    size_t n = list_numbers(s, v, 8), items = 0, at;

    FUZZ_CHECK(n <= 8 && setup_scheds(s, sched, 8) <= 8);
    for (const char *p = s, *item; (item = list_item(&p, &at)); items++)
        FUZZ_CHECK(item + at <= s + len && items <= len);
    for (size_t i = 0; i <= len; i++)
        FUZZ_CHECK(utf8_floor(s, len, i) <= i && utf8_ceil(s, len, i) >= i);
    FUZZ_CHECK(utf8_count(s, len) <= len);
}

/* Codecs that fit are trained on a little, and code it; a text of its own gives the same spec. */
static void codec(const char *s, unsigned how)
{
    static const uint32_t dims[] = {1, 5, 8, 64};
    uint32_t dim = dims[how % 4];
    float x[20 * 64], y[64];
    uint8_t code[4096];
    struct codec_train t = {.x = x, .n = 20, .seed = 1, .threads = 1};
    struct codec_spec spec;
    struct codec *c = NULL;
    struct err e;

    if (codec_parse(s, &spec, &e) < 0 || spec.kind->check(&spec, dim, &e) < 0)
        return;
    for (size_t i = 0; i < 20 * dim; i++)
        x[i] = (float)(i * 37 % 101) / 16 - 3;
    if (codec_train(&c, s, dim, fuzz_cpu(&(struct fuzz_in){(const uint8_t *)s, 1}), &t, &e) < 0)
        return;
    if (c->code_bytes <= sizeof code) {
        fuzz_good(codec_encode(c, x, 1, code, 1, &e), &e);
        fuzz_good(codec_decode(c, code, 1, y, 1, &e), &e);
    }
    codec_free(c);
}

static void dist(const char *s)
{
    struct dist d;
    uint64_t seed = 5;

    if (dist_parse(&d, s))
        for (int i = 0; i < 20; i++)
            FUZZ_CHECK(dist_draw(&d, &seed) >= 0);
}

static void sim(const char *s, unsigned how)
{
    struct fleet_opts o = {.n = how % 20};
    struct fleet_setup f = FLEET_SETUP_INIT;
    struct slo slo = {0};
    uint64_t a, b;
    struct err e;

    setup_slo(&slo, s);
    step_pair(s, how & 1 ? ':' : '@', &a, &b);
    f.autoscale = how & 1 ? s : NULL;
    f.fail = how & 2 ? s : NULL;
    fleet_setup(&f, &o, how & 4, &e);
    fleet_setup_free(&f);
}

static void plan(const char *s, unsigned how)
{
    static struct plan_set set;
    struct err e;
    char name[PLAN_NAME];

    set = (struct plan_set){.scheds = 1, .sched = {SCHED_VLLM1}};
    if (!plan_set_clusters(&set, s) ||
        plan_set_cards(&set, how & 1 ? "Mixtral-8x7B" : "Llama-3-8B", &e) < 0)
        return;
    for (size_t i = 0; i < set.clusters; i++)
        if (set.cluster[i].gpus > 64)
            return;
    if (plan_set_make(&set, how & 2, &e) == 0)
        for (size_t i = 0; i < set.n; i++)
            FUZZ_CHECK(strlen(plan_name(&set.v[i].plan, name)) < PLAN_NAME);
    plan_set_free(&set);
}

static void walk(const struct json *v, int depth)
{
    const struct json *m;
    const char *key;
    int64_t i;
    double d;
    size_t len;

    FUZZ_CHECK(depth < 10000);
    if (json_i64(v, &i))
        FUZZ_CHECK(json_double(v, &d));
    if (json_text(v, &key, &len))
        FUZZ_CHECK(key[len] == '\0');
    for (size_t k = 0; k < json_len(v); k++)
        walk(json_at(v, k), depth + 1);
    for (size_t k = 0; (m = json_member(v, k, &key)); k++) {
        walk(m, depth + 1);
        FUZZ_CHECK(json_get(v, key) == m);
    }
}

static void json(const char *s, size_t len)
{
    struct json *v = NULL;
    struct err e;

    if (json_parse(&v, s, len, &e) == 0)
        walk(v, 0);
    json_free(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    unsigned kind = fuzz_pick(&in, KINDS), how = fuzz_byte(&in);
    char *s = fuzz_text(in);

    switch (kind) {
    case OF_NUMBER:
        number(s);
        break;
    case OF_FIXED:
        fixed(s, in.len, (int)(how % 19));
        break;
    case OF_DECIMAL:
        decimal(s);
        break;
    case OF_LIST:
        list(s, in.len);
        break;
    case OF_CODEC:
        codec(s, how);
        break;
    case OF_DIST:
        dist(s);
        break;
    case OF_SIM:
        sim(s, how);
        break;
    case OF_PLAN:
        plan(s, how);
        break;
    default:
        json(s, in.len);
    }
    free(s);
    return 0;
}
