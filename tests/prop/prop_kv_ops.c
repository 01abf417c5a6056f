/* prop_kv_ops.c - operations on KV blocks: made of random traces, they hold no more than they may
 * and leave nobody out; written, they are read as they were; damaged, reading ends with them or an
 * error.
 *
 *     prop_kv_ops [CASES [SEED]]
 */
#include "../unit/t.h"
#include "../unit/tmp.h"

#include "sim/kv_ops.h"

enum { REQUESTS = 40, TEXT_MOST = 1 << 16 };

static unsigned long long rng;

static uint32_t below(uint32_t n)
{
    return (uint32_t)(t_rand(&rng) % n);
}

/* ---- made ---- */

/* Each request's tokens grow one by one, through all its stays, to what the trace says. */
static bool is_right(const struct kv_ops *o, const struct trace_set *t,
                     const struct kv_ops_opts *how)
{
    uint32_t held[REQUESTS] = {0}, most[REQUESTS] = {0}, all = 0;
    bool live[REQUESTS] = {false};

    for (size_t i = 0; i < o->n; i++) {
        const struct kv_op *op = &o->v[i];
        uint32_t r = op->request;

        if (r >= t->n || live[r] != (op->kind != KV_OP_ALLOC) || (i > 0 && op->t < o->v[i - 1].t))
            return false;
        live[r] = op->kind != KV_OP_FREE;
        /* Who comes again has what it had. */
        if (op->kind == KV_OP_ALLOC && op->blocks < most[r])
            return false;
        all += op->kind == KV_OP_FREE ? -held[r] : op->blocks;
        held[r] = op->kind == KV_OP_FREE ? 0 : held[r] + op->blocks;
        most[r] = held[r] > most[r] ? held[r] : most[r];
        if (all > how->most)
            return false;
    }
    for (uint32_t r = 0; r < t->n; r++) {
        uint32_t need = (t->prompt[r] + t->output[r] + how->block_tokens - 1) / how->block_tokens;

        if (live[r] || most[r] != (need <= how->most ? need : 0))
            return false;
    }
    return all == 0;
}

static bool same_ops(const struct kv_ops *a, const struct kv_ops *b)
{
    uint32_t name[REQUESTS], known = 0; /* the reader numbers them as they come */

    for (size_t i = 0; i < REQUESTS; i++)
        name[i] = UINT32_MAX;
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        const struct kv_op *x = &a->v[i], *y = &b->v[i];

        if (name[x->request] == UINT32_MAX)
            name[x->request] = known++;
        if (x->t != y->t || x->kind != y->kind || x->blocks != y->blocks ||
            y->request != name[x->request])
            return false;
    }
    return b->requests == known;
}

static void write_to(const char *path, const struct kv_ops *ops, bool json)
{
    struct out_opts to = {.path = path, .json = json};
    struct out *o;
    struct err e = {0};

    T_CHECK(out_open(&o, &to, &e) == 0);
    kv_ops_write(ops, o);
    T_CHECK(out_commit(&o, &e) == 0);
}

/* ---- damaged ---- */

static void damage(char *p, size_t *len)
{
    static const char bytes[] = "\t\n#{}\":,0918\\u-ae \r";

    for (uint32_t n = 1 + below(4); n > 0 && *len > 1; n--) {
        size_t at = below((uint32_t)*len), cut = below(8);

        if (below(3) > 0) {
            p[at] = below(4) ? bytes[below(sizeof bytes)] : (char)below(256);
        } else if (at + cut < *len) {
            memmove(p + at, p + at + cut, *len - at - cut);
            *len -= cut;
        }
    }
}

static void try_damage(const char *path, const char *whole, size_t len)
{
    static char text[TEXT_MOST];
    struct kv_ops ops;
    struct err e = {0};
    int rc;

    memcpy(text, whole, len);
    damage(text, &len);
    remove(path); /* a file that is cut and written anew is synced by some systems */
    tmp_put(path, text, len);
    rc = kv_ops_read(&ops, path, &e);
    T_CHECKF(rc == 0 || rc == ERR_INPUT, "%d '%s'", rc, e.msg);
    for (size_t i = 0; rc == 0 && i < ops.n; i++)
        T_CHECK(ops.v[i].request < ops.requests && ops.v[i].blocks <= 1000000000);
    kv_ops_free(&ops);
}

static void damage_often(const char *path)
{
    static char whole[TEXT_MOST];
    FILE *f = fopen(path, "rb");
    size_t len = f ? fread(whole, 1, sizeof whole, f) : 0;

    if (f)
        fclose(f);
    for (int i = 0; i < 40; i++)
        try_damage(path, whole, len);
}

/* Files are synced, which takes its time: not of all. */
static void try_file(const char *path, const struct kv_ops *ops)
{
    struct kv_ops again;
    struct err e = {0};

    for (int json = 0; json < 2; json++) {
        write_to(path, ops, json > 0);
        T_CHECK(kv_ops_read(&again, path, &e) == 0 && same_ops(ops, &again));
        kv_ops_free(&again);
        damage_often(path);
    }
}

static void try(const char *path)
{
    uint32_t prompt[REQUESTS], output[REQUESTS];
    struct trace_set t = {.n = 1 + below(REQUESTS), .prompt = prompt, .output = output};
    struct kv_ops_opts how = {.block_tokens = 1 + below(20), .most = 1 + below(60)};
    struct kv_ops ops;
    struct err e = {0};
    uint32_t size = 1 + below(200);
    int rc;

    for (uint32_t i = 0; i < t.n; i++) {
        prompt[i] = 1 + below(size);
        output[i] = 1 + below(size);
    }
    rc = kv_ops_make(&ops, &t, &how, &e);
    T_CHECK(rc == 0 || (rc == ERR_USAGE && ops.n == 0));
    T_CHECKF(is_right(&ops, &t, &how), "%u requests, %u blocks of %u", t.n, how.most,
             how.block_tokens);
    if (rc == 0 && below(16) == 0)
        try_file(path, &ops);
    kv_ops_free(&ops);
}

int main(int argc, char **argv)
{
    int cases = argc > 1 ? atoi(argv[1]) : 1000;
    unsigned long long from = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;

    tmp_enter();
    for (unsigned long long seed = from; seed < from + (unsigned long long)cases; seed++) {
        rng = seed;
        try("ops");
    }
    tmp_leave();
    return t_done("prop_kv_ops");
}
