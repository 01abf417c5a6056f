/* codec.c - see codec.h: specs, the registry of kinds, blocks and lists. */
#include "vec/codec.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vec/codec_kind.h"

#define CODEC_ADDRESS(name) &codec_##name,
static const struct codec_kind *const kinds[] = {CODEC_KINDS(CODEC_ADDRESS)};
#undef CODEC_ADDRESS
enum { KINDS = sizeof kinds / sizeof *kinds };

const struct codec_kind *codec_kind_at(size_t i)
{
    return i < KINDS ? kinds[i] : NULL;
}

/* ---- specs ---- */

static int unknown(const char *text, struct err *e)
{
    char all[400] = "";
    size_t len = 0;

    for (size_t i = 0; i < KINDS; i++)
        len += (size_t)snprintf(all + len, sizeof all - len, "%s%s", i ? ", " : "",
                                kinds[i]->forms);
    return err_set(e, ERR_USAGE, "no codec is called '%s': there are %s", text, all);
}

/* The kind whose name is the longest that text begins with. */
static const struct codec_kind *kind_of(const char *text)
{
    const struct codec_kind *best = NULL;

    for (size_t i = 0; i < KINDS; i++)
        if (strncmp(text, kinds[i]->name, strlen(kinds[i]->name)) == 0 &&
            (!best || strlen(kinds[i]->name) > strlen(best->name)))
            best = kinds[i];
    return best;
}

/* Digits, without a leading zero: 1 and the number, 0 if there are none, -1 if they are no such. */
static int take_number(const char **p, uint32_t *v)
{
    const char *from = *p;

    for (*v = 0; **p >= '0' && **p <= '9'; ++*p) {
        if (*p - from == 8)
            return -1;
        *v = 10 * *v + (uint32_t)(**p - '0');
    }
    return *p == from ? 0 : *from == '0' ? -1 : 1;
}

int codec_parse(const char *text, struct codec_spec *s, struct err *e)
{
    const char *p;
    size_t n;
    int has;

    *s = (struct codec_spec){.kind = kind_of(text)};
    if (!s->kind || strlen(text) >= CODEC_SPEC_MAX)
        return unknown(text, e);
    strncpy(s->text, text, CODEC_SPEC_MAX - 1);
    p = text + strlen(s->kind->name);
    has = take_number(&p, &s->a);
    s->has_a = has > 0;
    if (has < 0)
        return unknown(text, e);
    if (s->has_a && *p == 'x') {
        p++;
        s->has_b = take_number(&p, &s->b) > 0;
        if (!s->has_b)
            return unknown(text, e);
    }
    if (*p == ':') {
        n = strcspn(++p, "+");
        if (n == 0 || n >= sizeof s->word)
            return unknown(text, e);
        memcpy(s->word, p, n);
        p += n;
    }
    if (*p == '+') {
        strncpy(s->inner, ++p, CODEC_SPEC_MAX - 1);
        p += strlen(p);
        if (!s->inner[0])
            return unknown(text, e);
    }
    return *p ? unknown(text, e) : 0;
}

/* ---- making ---- */

struct codec *codec_new(const struct codec_spec *s, uint32_t dim, enum cpu_level cpu, struct err *e)
{
    struct codec *c = mem_zero(1, sizeof *c, e);

    if (!c)
        return NULL;
    c->spec = *s;
    c->dim = dim;
    c->cpu = cpu;
    c->ops = ops_for(cpu);
    return c;
}

void codec_free(struct codec *c)
{
    if (c)
        c->spec.kind->free(c->state);
    free(c);
}

int codec_train(struct codec **out, const char *spec, uint32_t dim, enum cpu_level cpu,
                const struct codec_train *t, struct err *e)
{
    struct codec_spec s;
    struct codec *c;

    *out = NULL;
    if (codec_parse(spec, &s, e) < 0 || s.kind->check(&s, dim, e) < 0)
        return e->code;
    if (t->n == 0)
        return err_set(e, ERR_INPUT, "there are no vectors to train on");
    c = codec_new(&s, dim, cpu, e);
    if (!c)
        return e->code;
    if (s.kind->train(c, t, e) < 0) {
        codec_free(c);
        return e->code;
    }
    *out = c;
    return 0;
}

bool codec_all_finite(const float *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(p[i]))
            return false;
    return true;
}

int codec_train_inner(struct codec **out, const struct codec *outer, uint32_t dim,
                      const struct codec_train *t, struct err *e)
{
    *out = NULL;
    if (!codec_all_finite(t->x, t->n * dim) || !codec_all_finite(t->queries, t->n_queries * dim))
        return err_set(e, ERR_INPUT, "%s: the vectors are too large to be mapped",
                       outer->spec.text);
    return codec_train(out, outer->spec.inner, dim, outer->cpu, t, e);
}

/* ---- coding in blocks ---- */

/* Vectors to codes, or, where `to` is NULL, codes to vectors. */
struct blocks {
    const struct codec *c;
    const float *x;
    uint8_t *to;
    const uint8_t *code;
    float *back;
};

static int do_block(const struct blocks *b, size_t from, size_t rows, struct err *e)
{
    const struct codec_kind *k = b->c->spec.kind;
    size_t at_x = from * b->c->dim, at_code = from * b->c->code_bytes;

    if (b->to)
        return k->encode(b->c, b->x + at_x, rows, b->to + at_code, e);
    return k->decode(b->c, b->code + at_code, rows, b->back + at_x, e);
}

/* The error is the first block's that has one, whatever the threads. */
static int do_blocks(const struct blocks *b, size_t n, int threads, struct err *e)
{
    size_t blocks = (n + CODEC_BLOCK - 1) / CODEC_BLOCK, bad = blocks;

#pragma omp parallel for schedule(dynamic) num_threads(threads) if (threads > 1 && blocks > 1)
    for (size_t i = 0; i < blocks; i++) {
        size_t from = i * CODEC_BLOCK, rows = n - from < CODEC_BLOCK ? n - from : CODEC_BLOCK;
        struct err mine = {0};

        if (do_block(b, from, rows, &mine) < 0) {
#pragma omp critical(codec_error)
            if (i < bad) {
                bad = i;
                *e = mine;
            }
        }
    }
    return bad < blocks ? e->code : 0;
}

int codec_encode(const struct codec *c, const float *x, size_t n, uint8_t *code, int threads,
                 struct err *e)
{
    struct blocks b = {.c = c, .x = x, .to = code};

    return do_blocks(&b, n, threads, e);
}

size_t codec_first_bad(const struct codec *c, const float *x, size_t n, uint8_t *code)
{
    struct err ignored = {0};
    size_t i = 0;

    while (i + 1 < n && c->spec.kind->encode(c, x + i * c->dim, 1, code, &ignored) == 0)
        i++;
    return i;
}

int codec_decode(const struct codec *c, const uint8_t *code, size_t n, float *x, int threads,
                 struct err *e)
{
    struct blocks b = {.c = c, .code = code, .back = x};

    return do_blocks(&b, n, threads, e);
}

/* ---- queries and lists ---- */

size_t codec_query_bytes(const struct codec *c)
{
    return c->spec.kind->query_bytes(c);
}

void codec_query(const struct codec *c, enum vec_metric m, const float *q, void *query)
{
    c->spec.kind->query_init(c, m, q, query);
}

static size_t piece_bytes(const struct codec *c, size_t n)
{
    const struct codec_kind *k = c->spec.kind;
    size_t bytes = k->packed_bytes ? k->packed_bytes(c, n) : n * c->code_bytes;

    return (bytes + 63) / 64 * 64;
}

static void pack_piece(const struct codec_list *l, const struct codec *c, const uint8_t *code,
                       size_t i)
{
    size_t from = i * CODEC_LIST, rows = l->n - from < CODEC_LIST ? l->n - from : CODEC_LIST;
    const uint8_t *src = code + from * c->code_bytes;

    if (c->spec.kind->pack)
        c->spec.kind->pack(c, src, c->code_bytes, rows, l->p + i * l->piece);
    else
        memcpy(l->p + i * l->piece, src, rows * c->code_bytes);
}

int codec_list_init(struct codec_list *l, const struct codec *c, const uint8_t *code, size_t n,
                    int threads, struct err *e)
{
    size_t pieces = (n + CODEC_LIST - 1) / CODEC_LIST;

    *l = (struct codec_list){.n = n, .piece = piece_bytes(c, CODEC_LIST)};
    if (__builtin_mul_overflow(pieces ? pieces : 1, l->piece, &l->bytes))
        return err_set(e, ERR_MEM, "%zu codes do not fit into memory", n);
    l->p = mem_map(l->bytes, e);
    if (!l->p)
        return e->code;
#pragma omp parallel for num_threads(threads) if (threads > 1 && pieces > 1)
    for (size_t i = 0; i < pieces; i++)
        pack_piece(l, c, code, i);
    return 0;
}

void codec_list_free(struct codec_list *l)
{
    if (l->p)
        mem_unmap(l->p, l->bytes);
    *l = (struct codec_list){0};
}

size_t codec_list_piece(const struct codec *c, const struct codec_list *l, size_t i,
                        const void *const *query, size_t nq, float *key, float *low, size_t ld)
{
    size_t from = i * CODEC_LIST, rows = l->n - from < CODEC_LIST ? l->n - from : CODEC_LIST;

    c->spec.kind->scan(c, query, nq, l->p + i * l->piece, rows, key, low, ld);
    return rows;
}

void codec_list_scan(const struct codec *c, const struct codec_list *l, const void *const *query,
                     size_t nq, float *key, float *low)
{
    for (size_t from = 0, i = 0; from < l->n; i++)
        from += codec_list_piece(c, l, i, query, nq, key + from, low ? low + from : NULL, l->n);
}
