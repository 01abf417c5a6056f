/* fuzz_blocks.c - blocks of models: lists of applications, replayed with a trace; stores of models.
 *
 *   0 1 what it is (enum)    1 1 how
 *   then of applications their JSON, a 0x1e, and a trace; of a store its file, a model's list and
 *   an object, with 0x1e between them
 */
#include "fuzz.h"

#include <sys/stat.h>

#include "base/hash.h"
#include "base/mem.h"
#include "sim/blocks.h"
#include "vec/zoo.h"

enum { OF_APPS, OF_STORE, KINDS };

enum { TOKENS_MOST = 1500, REQUESTS_MOST = 40 };

static bool small(const struct trace_set *t, const struct block_set *s)
{
    uint64_t tokens = 0;

    for (uint32_t i = 0; i < t->n; i++)
        tokens += (uint64_t)t->prompt[i] + t->output[i];
    return t->n <= REQUESTS_MOST && tokens <= TOKENS_MOST && s->blocks <= 64 && s->apps <= 64;
}

static void replay(const struct block_set *s, const struct trace_set *t, unsigned how)
{
    struct blocks_opts o = {.servers = how % 3 + 1,
                            .devices = how / 4 % 3 + 1,
                            .memory = UINT64_C(1) << (how / 16 % 8 + 20),
                            .kv_share = 0.3,
                            .link_gbs = 12.5,
                            .link_us = 10,
                            .bus_gbs = 300,
                            .load_gbs = 25,
                            .hop_us = 100,
                            .stay_us = 100,
                            .scale_us = 2e5,
                            .idle_us = 1e6,
                            .most_requests = 8,
                            .most_tokens = 64,
                            .choice = (enum block_choice)(how % 3),
                            .seed = 1,
                            .check = true};
    struct blocks_run run = {0};
    struct err e = {0};
    int rc = blocks_run(&run, t, s, &o, &e);

    if (rc == ERR_CORRUPT)
        fuzz_good(rc, &e);
    blocks_run_free(&run);
}

static void apps(struct fuzz_in in, unsigned how)
{
    struct trace_load_opts load = {.read = {.format = TRACE_AUTO}, .skip_bad = true};
    struct fuzz_in first = fuzz_until(&in, 0x1e);
    struct block_set s = {0}, merged = {0};
    struct trace_set t = {0};
    struct err e;
    uint64_t bad;

    if (block_set_load(&s, fuzz_file("apps.json", first.p, first.len), &e) == 0) {
        for (uint32_t i = 0; i < s.apps && i < 64; i++)
            block_chain_bytes(&s, i);
        if (how & 128)
            block_set_merge(&merged, &s, how & 64 ? SERVE_SHARING : SERVE_MODELS, &e);
        if (trace_load(&t, fuzz_file("trace", in.p, in.len), &load, &bad, &e) == 0 && small(&t, &s))
            replay(merged.blocks ? &merged : &s, &t, how);
    }
    trace_set_free(&t);
    block_set_free(&merged);
    block_set_free(&s);
}

/* A model's list with its checksum; a byte 1 in it stands for the object's name. */
static void write_list(struct fuzz_in list, const char *object)
{
    struct buf b = {0};
    struct err e;

    for (size_t i = 0; i < list.len; i++)
        fuzz_good(list.p[i] == 1 ? buf_adds(&b, object, &e) : buf_addc(&b, (char)list.p[i], &e),
                  &e);
    fuzz_good(buf_printf(&b, &e, "# %016llx\n", (unsigned long long)hash64(b.p, b.len)), &e);
    fuzz_file("store/models/m", b.p, b.len);
    buf_free(&b);
}

static void make_store(struct fuzz_in *in)
{
    struct fuzz_in mark = fuzz_until(in, 0x1e), list = fuzz_until(in, 0x1e);
    struct fuzz_in object = fuzz_until(in, 0x1e);
    char name[64];

    mkdir(fuzz_path("store"), 0700);
    mkdir(fuzz_path("store/models"), 0700);
    mkdir(fuzz_path("store/objects"), 0700);
    fuzz_file("store/zoo", mark.p, mark.len);
    snprintf(name, sizeof name, "store/objects/%016llx",
             (unsigned long long)hash64(object.p, object.len));
    fuzz_file(name, object.p, object.len);
    write_list(list, strrchr(name, '/') + 1);
}

static void store(struct fuzz_in in)
{
    struct zoo_added sum;
    struct zoo z = {0};
    struct err e;

    make_store(&in);
    if (zoo_open(&z, fuzz_path("store"), false, &e) == 0) {
        zoo_check(&z, &e);
        for (size_t i = 0; i < z.models; i++)
            FUZZ_CHECK(zoo_find(&z, z.model[i].name) == &z.model[i]);
        zoo_get(&z, "m", fuzz_path("got"), &e);
        if (in.len > 0)
            zoo_add(&z, fuzz_file("new.npy", in.p, in.len), 0.5, &sum, &e);
    }
    zoo_close(&z);
    fuzz_drop("store");
    fuzz_drop("got");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    unsigned kind = fuzz_pick(&in, KINDS), how = fuzz_byte(&in);

    if (kind == OF_APPS)
        apps(in, how);
    else
        store(in);
    return 0;
}
