/* block-zoo - a store of models in which equal blocks are kept once. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/mem.h"
#include "base/out.h"
#include "vec/zoo.h"

static const struct cli_prog prog = {"block-zoo", "STORE [MODEL...]",
                                     "Keep models cut into blocks, and equal blocks once.", 1, -1};

/* Beyond any cosine, and what nobody can ask for. */
#define NO_NEAR HUGE_VAL

struct asked {
    const char *out, *store;
    char **model;
    int models;
    double near;
    bool add, get, list, check, json, quiet, verbose;
};

static void settle(const struct asked *a)
{
    if (a->add + a->get + a->list > 1)
        cli_misuse("of '--add', '--get' and '--list' one at most");
    if (a->near != NO_NEAR && !a->add)
        cli_misuse("'--near' goes with '--add'");
    if (a->near != NO_NEAR && !(a->near > 0 && a->near <= 1))
        cli_misuse("'--near' is a cosine, above 0 and up to 1");
    if (a->add ? a->models == 0 : a->get && a->models != 1)
        cli_misuse(a->add ? "'--add' needs models" : "'--get' needs one model");
    if (!a->add && !a->get && a->models > 0)
        cli_misuse("models go with '--add' or '--get'");
    if (a->get && (!a->out || cli_is_std(a->out)))
        cli_misuse("'--get' needs a folder, '-o'");
}

static void write_added(struct out *o, const char *model, const struct zoo_added *sum)
{
    out_row(o);
    out_cstr(o, "model", model);
    out_u64(o, "blocks", sum->blocks);
    out_u64(o, "bytes", sum->bytes);
    out_u64(o, "shared", sum->shared);
    out_u64(o, "near", sum->near);
    out_u64(o, "new_bytes", sum->new_bytes);
    out_end_row(o);
}

static int add(const struct asked *a, struct zoo *z, struct out *o, struct err *e)
{
    out_header(o, "model blocks bytes shared near new_bytes");
    for (int i = 0; i < a->models; i++) {
        struct zoo_added sum;

        if (zoo_add(z, a->model[i], a->near, &sum, e) < 0)
            return e->code;
        write_added(o, a->model[i], &sum);
        if (sum.near > 0)
            cli_note(a->quiet, "'%s': others stand in for %llu blocks, which are not kept",
                     a->model[i], (unsigned long long)sum.near);
    }
    return 0;
}

static int list(const struct zoo *z, struct out *o, struct err *e)
{
    if (zoo_whole(z, e) < 0)
        return e->code;
    out_header(o, "model block object bytes cosine");
    for (size_t i = 0; i < z->models; i++)
        for (size_t k = 0; k < z->model[i].blocks; k++) {
            const struct zoo_block *b = &z->model[i].block[k];

            out_row(o);
            out_cstr(o, "model", z->model[i].name);
            out_cstr(o, "block", b->name);
            out_cstr(o, "object", b->object);
            out_u64(o, "bytes", b->bytes);
            out_double(o, "cosine", b->cosine, 9);
            out_end_row(o);
        }
    return 0;
}

struct sums {
    uint64_t blocks, near, objects, left;
    double bytes, kept, left_bytes; /* left: of objects that no model has */
};

/* Of a store that is whole. */
static int add_up(const struct zoo *z, struct sums *s, struct err *e)
{
    bool *used = mem_zero(z->objects ? z->objects : 1, sizeof *used, e);

    if (!used)
        return e->code;
    for (size_t i = 0; i < z->models; i++)
        for (size_t k = 0; k < z->model[i].blocks; k++) {
            const struct zoo_block *b = &z->model[i].block[k];

            s->blocks++;
            s->near += b->cosine < 1;
            s->bytes += (double)b->bytes;
            used[zoo_object(z, b->object) - z->object] = true;
        }
    for (size_t i = 0; i < z->objects; i++) {
        *(used[i] ? &s->objects : &s->left) += 1;
        *(used[i] ? &s->kept : &s->left_bytes) += (double)z->object[i].bytes;
    }
    free(used);
    return 0;
}

static int summarize_store(const struct zoo *z, struct out *o, struct err *e)
{
    struct sums s = {0};

    if (zoo_whole(z, e) < 0 || add_up(z, &s, e) < 0)
        return e->code;
    out_facts(o);
    out_value(o, "models", (double)z->models, 0);
    out_value(o, "blocks", (double)s.blocks, 0);
    out_value(o, "near_blocks", (double)s.near, 0);
    out_value(o, "objects", (double)s.objects, 0);
    out_value(o, "bytes", s.bytes, 0);
    out_value(o, "kept_bytes", s.kept, 0);
    out_value(o, "saved_bytes", s.bytes - s.kept, 0);
    out_value(o, "kept_share", s.bytes > 0 ? s.kept / s.bytes : 0, 6);
    out_value(o, "left_objects", (double)s.left, 0);
    out_value(o, "left_bytes", s.left_bytes, 0);
    out_end_facts(o);
    return 0;
}

static int tell_near(const struct asked *a, const struct zoo *z)
{
    const struct zoo_model *m = zoo_find(z, a->model[0]);
    size_t near = 0;

    for (size_t k = 0; m && k < m->blocks; k++)
        near += m->block[k].cosine < 1;
    if (near > 0)
        cli_note(a->quiet, "%zu blocks are others that were near", near);
    return 0;
}

static int speak(const struct asked *a, struct zoo *z, struct err *e)
{
    struct out_opts to = {.path = a->out, .json = a->json};
    struct out *o;
    int rc = out_open(&o, &to, e);

    if (rc < 0)
        return rc;
    if (a->add)
        rc = add(a, z, o, e);
    else if (a->list)
        rc = list(z, o, e);
    else
        rc = summarize_store(z, o, e);
    if (rc == 0)
        return out_commit(&o, e);
    out_abort(&o);
    return rc;
}

static int run(const struct asked *a, struct err *e)
{
    struct zoo z;
    int rc = zoo_open(&z, a->store, a->add, e);

    if (rc < 0)
        return rc;
    if (a->check)
        rc = zoo_check(&z, e);
    if (rc == 0 && a->get)
        rc = zoo_get(&z, a->model[0], a->out, e) < 0 ? e->code : tell_near(a, &z);
    else if (rc == 0)
        rc = speak(a, &z, e);
    zoo_close(&z);
    return rc;
}

int main(int argc, char **argv)
{
    struct asked a = {.near = NO_NEAR};
    const struct cli_opt opts[] = {
        CLI_FLAG(0, "add", &a.add, "add models, folders or files, to the store"),
        CLI_FLAG(0, "get", &a.get, "write a model as the folder '-o'"),
        CLI_FLAG(0, "list", &a.list, "a row a block of each model"),
        CLI_FLAG(0, "check", &a.check, "verify every object and list first"),
        CLI_DOUBLE(0, "near", &a.near, "COS",
                   "let npy stand in for others of which the cosine is above COS"),
        CLI_STR('o', "output", &a.out, "FILE", "write to FILE, whole or not at all"),
        CLI_FLAG(0, "json", &a.json, "JSON Lines instead of TSV"),
        CLI_QUIET(&a.quiet),
        CLI_VERBOSE(&a.verbose),
        CLI_END,
    };
    int first = cli_parse(&prog, opts, argc, argv), rc;
    struct err e = {0};

    a.store = argv[first];
    a.model = argv + first + 1;
    a.models = argc - first - 1;
    settle(&a);
    rc = run(&a, &e);
    cli_finish(a.verbose);
    return rc == 0 ? CLI_DONE : cli_fail(&e);
}
