/* blocks_apps.c - the file of blocks and applications, and the same applications as models.
 *
 *   {"activation_bytes": 8192,
 *    "blocks": [{"id": "a0", "kind": "attention", "bytes": 134217728, "us": 90, "token_us": 0.7,
 *                "context_us": 0.01, "kv_bytes": 16384}, ...],
 *    "apps": [{"id": "base", "chain": ["embed", "a0", "f0", "head"]}, ...],
 *    "equivalent": [["f0", "f0-tuned"]]}
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "sim/blocks.h"

static const char *const kind_names[] = {"embed", "attention", "ffn", "head", "adapter"};

enum { KINDS = sizeof kind_names / sizeof *kind_names };

/* ---- the file ---- */

/* A number from 0 to `most`; `usual` if it is not there. False: it is something else. */
static bool number(const struct json *v, const char *name, double usual, double most, double *out)
{
    const struct json *member = json_get(v, name);

    *out = usual;
    return !member || (json_double(member, out) && *out >= 0 && *out <= most);
}

static int take_id(struct names *names, const struct json *v, uint32_t expected, const char *what,
                   struct err *e)
{
    const char *p;
    size_t len;
    uint64_t n;

    if (!json_text(json_get(v, "id"), &p, &len) || len == 0)
        return err_set(e, ERR_INPUT, "%s %u has no 'id'", what, expected);
    if (names_add(names, p, len, &n, e) < 0)
        return e->code;
    return n == expected ? 0 : err_set(e, ERR_INPUT, "two %ss are called '%.80s'", what, p);
}

static const char *const block_members[] = {
    "id", "kind", "bytes", "us", "token_us", "context_us", "kv_bytes", "batch", "surrogate", NULL};
static const char *const guess_members[] = {"us", "token_us", "accept", NULL};
static const char *const app_members[] = {"id", "chain", NULL};

/* A member with another name would be one of ours, mistyped, and its value 0. */
static int all_known(const struct json *v, const char *const *names, const char *what,
                     const char *id, struct err *e)
{
    const char *key;

    for (size_t i = 0; json_member(v, i, &key); i++) {
        const char *const *n = names;

        while (*n && strcmp(*n, key) != 0)
            n++;
        if (!*n)
            return err_set(e, ERR_INPUT, "%s '%.80s': '%.80s' is not known", what, id, key);
    }
    return 0;
}

static int take_kind(struct block *b, const struct json *v, const char *id, struct err *e)
{
    const char *p;
    size_t len, k = 0;

    if (json_text(json_get(v, "kind"), &p, &len))
        while (k < KINDS && strcmp(p, kind_names[k]) != 0)
            k++;
    else
        k = KINDS;
    if (k == KINDS)
        return err_set(e, ERR_INPUT,
                       "block '%.80s': 'kind' is embed, attention, ffn, head or adapter", id);
    b->kind = (enum block_kind)k;
    return 0;
}

static int take_block(struct block_set *s, const struct json *v, struct err *e)
{
    struct block *b = &s->block[s->blocks];
    const struct json *guess = json_get(v, "surrogate");
    double bytes, kv, batch;
    size_t len;
    const char *id;

    if (take_id(s->block_id, v, s->blocks, "block", e) < 0)
        return e->code;
    id = names_of(s->block_id, s->blocks, &len);
    if (all_known(v, block_members, "block", id, e) < 0 ||
        all_known(guess, guess_members, "surrogate of block", id, e) < 0)
        return e->code;
    b->alike = s->blocks++;
    if (!(b->part = mem_zero(1, sizeof *b->part, e)) || take_kind(b, v, id, e) < 0)
        return e->code;
    b->parts = 1;
    if (!number(v, "bytes", -1, 0x1p50, &bytes) || bytes < 0 ||
        !number(v, "us", -1, 1e9, &b->part->us) || b->part->us < 0 ||
        !number(v, "token_us", 0, 1e6, &b->part->token_us) ||
        !number(v, "context_us", 0, 1e6, &b->context_us) ||
        !number(v, "kv_bytes", 0, 0x1p30, &kv) || !number(v, "batch", 0, 0x1p20, &batch))
        return err_set(e, ERR_INPUT,
                       "block '%.80s': 'bytes' and 'us' are numbers from 0 to 2^50 and 1e9, and, "
                       "where they are there, 'token_us' and 'context_us' to 1e6, 'kv_bytes' to "
                       "2^30, 'batch' to 2^20",
                       id);
    if (kv > 0 && b->kind != BLOCK_ATTENTION)
        return err_set(e, ERR_INPUT, "block '%.80s': only attention has 'kv_bytes'", id);
    if (guess && (!number(guess, "us", -1, 1e9, &b->guess.us) || b->guess.us < 0 ||
                  !number(guess, "token_us", 0, 1e6, &b->guess.token_us) ||
                  !number(guess, "accept", -1, 1, &b->accept) || b->accept <= 0))
        return err_set(e, ERR_INPUT,
                       "block '%.80s': a surrogate has 'us', and 'accept' above 0 and up to 1", id);
    b->bytes = (uint64_t)bytes;
    b->kv_bytes = (uint64_t)kv;
    b->batch = (uint32_t)batch;
    return 0;
}

/* The block that a value names, or NAMES_NONE. */
static uint64_t block_named(const struct block_set *s, const struct json *v)
{
    const char *p;
    size_t len;

    return json_text(v, &p, &len) ? names_find(s->block_id, p, len) : NAMES_NONE;
}

static int take_app(struct block_set *s, const struct json *v, struct err *e)
{
    const struct json *chain = json_get(v, "chain");
    struct block_app *a = &s->app[s->apps];
    size_t n = json_len(chain), len;
    const char *id;

    if (take_id(s->app_id, v, s->apps, "application", e) < 0)
        return e->code;
    id = names_of(s->app_id, s->apps++, &len);
    if (all_known(v, app_members, "application", id, e) < 0)
        return e->code;
    if (n == 0 || n > BLOCK_CHAIN_MOST)
        return err_set(e, ERR_INPUT, "application '%.80s': 'chain' is a list of 1 to %d blocks", id,
                       BLOCK_CHAIN_MOST);
    if (!(a->chain = mem_array(n, sizeof *a->chain, e)))
        return e->code;
    for (size_t i = 0; i < n; i++) {
        uint64_t b = block_named(s, json_at(chain, i));

        if (b == NAMES_NONE)
            return err_set(e, ERR_INPUT, "application '%.80s': item %zu of 'chain' is no block", id,
                           i + 1);
        a->chain[a->n++] = (uint32_t)b;
    }
    return 0;
}

static int take_alike(struct block_set *s, const struct json *list, struct err *e)
{
    uint32_t first = UINT32_MAX;

    for (size_t i = 0; i < json_len(list); i++) {
        uint64_t at = block_named(s, json_at(list, i));
        struct block *b = at == NAMES_NONE ? NULL : &s->block[at];

        if (!b || b->alike != at || (uint32_t)at == first)
            return err_set(e, ERR_INPUT,
                           "'equivalent' lists blocks, each in one list at most, and once");
        first = i == 0 ? (uint32_t)at : first;
        if (b->kv_bytes != s->block[first].kv_bytes)
            return err_set(e, ERR_INPUT, "equivalent blocks keep equally much KV");
        b->alike = first;
    }
    return 0;
}

/* How far a block is from a chain's beginning, of all chains the least; first blocks are last. */
static void rank(struct block_set *s)
{
    for (uint32_t b = 0; b < s->blocks; b++)
        s->block[b].rank = BLOCK_RANK_LAST;
    for (uint32_t a = 0; a < s->apps; a++)
        for (uint32_t i = 1; i < s->app[a].n; i++) {
            struct block *b = &s->block[s->app[a].chain[i]];
            uint32_t far = (uint32_t)(((uint64_t)i << 16) / s->app[a].n);

            b->rank = far < b->rank ? far : b->rank;
        }
    for (uint32_t a = 0; a < s->apps; a++)
        s->block[s->app[a].chain[0]].rank = BLOCK_RANK_LAST;
}

static int room(struct block_set *s, size_t blocks, size_t apps, struct err *e)
{
    if (!(s->block = mem_zero(blocks, sizeof *s->block, e)) ||
        !(s->app = mem_zero(apps, sizeof *s->app, e)) || names_new(&s->block_id, e) < 0)
        return e->code;
    return names_new(&s->app_id, e);
}

static int take(struct block_set *s, const struct json *root, struct err *e)
{
    const struct json *blocks = json_get(root, "blocks"), *apps = json_get(root, "apps");
    const struct json *alike = json_get(root, "equivalent");
    size_t n = json_len(blocks), m = json_len(apps);

    if (n == 0 || n > BLOCKS_MOST || m == 0 || m > BLOCKS_MOST)
        return err_set(e, ERR_INPUT, "'blocks' and 'apps' are lists of 1 to %d", BLOCKS_MOST);
    if (!number(root, "activation_bytes", 0, 0x1p30, &s->activation_bytes))
        return err_set(e, ERR_INPUT, "'activation_bytes' is a number of bytes");
    if (room(s, n, m, e) < 0)
        return e->code;
    for (size_t i = 0; i < n; i++)
        if (take_block(s, json_at(blocks, i), e) < 0)
            return e->code;
    for (size_t i = 0; i < m; i++)
        if (take_app(s, json_at(apps, i), e) < 0)
            return e->code;
    for (size_t i = 0; i < json_len(alike); i++)
        if (take_alike(s, json_at(alike, i), e) < 0)
            return e->code;
    rank(s);
    return 0;
}

int block_set_load(struct block_set *s, const char *path, struct err *e)
{
    struct json *root = NULL;
    int rc = json_load(&root, path, e);

    *s = (struct block_set){0};
    if (rc == 0 && (rc = take(s, root, e)) == ERR_INPUT)
        err_prefix(e, "%s", path);
    json_free(root);
    if (rc < 0)
        block_set_free(s);
    return rc;
}

void block_set_free(struct block_set *s)
{
    for (uint32_t i = 0; i < s->blocks; i++)
        free(s->block[i].part);
    for (uint32_t i = 0; i < s->apps; i++)
        free(s->app[i].chain);
    free(s->block);
    free(s->app);
    names_free(s->block_id);
    names_free(s->app_id);
    *s = (struct block_set){0};
}

/* ---- as models ---- */

static bool met_before(const struct block_app *a, uint32_t i)
{
    for (uint32_t k = 0; k < i; k++)
        if (a->chain[k] == a->chain[i])
            return true;
    return false;
}

uint64_t block_chain_bytes(const struct block_set *s, uint32_t app)
{
    const struct block_app *a = &s->app[app];
    uint64_t sum = 0;

    for (uint32_t i = 0; i < a->n; i++)
        sum += met_before(a, i) ? 0 : s->block[a->chain[i]].bytes;
    return sum;
}

enum half { ALL, MODEL, ADAPTERS };

static bool is_of(const struct block *b, enum half half)
{
    return half == ALL || (b->kind == BLOCK_ADAPTER) == (half == ADAPTERS);
}

static uint32_t count(const struct block_set *s, uint32_t app, enum half half)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < s->app[app].n; i++)
        n += is_of(&s->block[s->app[app].chain[i]], half);
    return n;
}

/* One block that does what those of the chain do, one after the other. */
static int merge(struct block *to, const struct block_set *s, uint32_t app, enum half half,
                 struct err *e)
{
    const struct block_app *a = &s->app[app];

    to->kind = BLOCK_MERGED;
    if (!(to->part = mem_array(a->n, sizeof *to->part, e)))
        return e->code;
    for (uint32_t i = 0; i < a->n; i++) {
        const struct block *b = &s->block[a->chain[i]];

        if (!is_of(b, half))
            continue;
        to->bytes += met_before(a, i) ? 0 : b->bytes;
        to->kv_bytes += b->kv_bytes;
        to->context_us += b->context_us;
        to->batch = b->batch && (!to->batch || b->batch < to->batch) ? b->batch : to->batch;
        to->part[to->parts++] = b->part[0];
    }
    return 0;
}

/* Is, without adapters, one the other? */
static bool same_model(const struct block_set *s, uint32_t a, uint32_t b)
{
    const struct block_app *x = &s->app[a], *y = &s->app[b];
    uint32_t i = 0, k = 0;

    for (;;) {
        while (i < x->n && s->block[x->chain[i]].kind == BLOCK_ADAPTER)
            i++;
        while (k < y->n && s->block[y->chain[k]].kind == BLOCK_ADAPTER)
            k++;
        if (i == x->n || k == y->n)
            return i == x->n && k == y->n;
        if (x->chain[i++] != y->chain[k++])
            return false;
    }
}

/* Puts a merged block at the end of the application's chain: what it is of, or the one that an
 * application above has for the same model. */
static int add_merged(struct block_set *out, const struct block_set *s, uint32_t app,
                      enum half half, struct err *e)
{
    struct block_app *a = &out->app[app];
    uint32_t other = 0;

    while (half == MODEL && other < app && !same_model(s, other, app))
        other++;
    if (half == MODEL && other < app) {
        a->chain[a->n++] = out->app[other].chain[0];
        return 0;
    }
    out->block[out->blocks].alike = out->blocks;
    a->chain[a->n++] = out->blocks;
    return merge(&out->block[out->blocks++], s, app, half, e);
}

int block_set_merge(struct block_set *out, const struct block_set *s, enum block_serving how,
                    struct err *e)
{
    int rc;

    *out = (struct block_set){.activation_bytes = s->activation_bytes};
    rc = room(out, 2 * (size_t)s->apps, s->apps, e);
    for (uint32_t i = 0; rc == 0 && i < s->apps; i++) {
        size_t len;
        const char *id = names_of(s->app_id, i, &len);
        uint32_t adapters = how == SERVE_SHARING ? count(s, i, ADAPTERS) : 0;
        bool model = how == SERVE_MODELS || count(s, i, MODEL) > 0;
        uint64_t n;

        if (!(out->app[i].chain = mem_array(2, sizeof *out->app[i].chain, e)) ||
            names_add(out->app_id, id, len, &n, e) < 0)
            rc = e->code;
        out->apps = i + 1;
        if (rc == 0 && model)
            rc = add_merged(out, s, i, how == SERVE_MODELS ? ALL : MODEL, e);
        if (rc == 0 && adapters > 0)
            rc = add_merged(out, s, i, ADAPTERS, e);
    }
    if (rc == 0)
        rank(out);
    else
        block_set_free(out);
    return rc;
}
