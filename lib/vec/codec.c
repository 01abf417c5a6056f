/* codec.c - see codec.h: specs, the registry of kinds, blocks and lists. */
#include "vec/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vec/codec_kinds.h"

/* A new kind is a line here and one in codec_kinds.h. */
static const struct codec_kind *const kinds[] = {
    &codec_sq,
    &codec_pq,
    &codec_opq,
};
enum { KINDS = sizeof kinds / sizeof *kinds };

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

/* Digits, without a leading zero; false if there are none or too many. */
static bool take_number(const char **p, uint32_t *v)
{
    const char *from = *p;

    for (*v = 0; **p >= '0' && **p <= '9'; ++*p) {
        if (*p - from == 8)
            return false;
        *v = 10 * *v + (uint32_t)(**p - '0');
    }
    return *p > from && *from != '0';
}

int codec_parse(const char *text, struct codec_spec *s, struct err *e)
{
    const char *p;
    size_t n;

    *s = (struct codec_spec){.kind = kind_of(text)};
    if (!s->kind || strlen(text) >= CODEC_SPEC_MAX)
        return unknown(text, e);
    strncpy(s->text, text, CODEC_SPEC_MAX - 1);
    p = text + strlen(s->kind->name);
    s->has_a = take_number(&p, &s->a);
    if (s->has_a && *p == 'x') {
        p++;
        s->has_b = take_number(&p, &s->b);
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

int codec_train_inner(struct codec **out, const struct codec *outer, uint32_t dim,
                      const struct codec_train *t, struct err *e)
{
    return codec_train(out, outer->spec.inner, dim, outer->cpu, t, e);
}

/* ---- coding in blocks ---- */

int codec_encode(const struct codec *c, const float *x, size_t n, uint8_t *code, int threads,
                 struct err *e)
{
    size_t blocks = (n + CODEC_BLOCK - 1) / CODEC_BLOCK;
    int rc = 0;

#pragma omp parallel for num_threads(threads) if (threads > 1 && blocks > 1)
    for (size_t b = 0; b < blocks; b++) {
        size_t from = b * CODEC_BLOCK, rows = n - from < CODEC_BLOCK ? n - from : CODEC_BLOCK;
        struct err mine = {0};

        if (c->spec.kind->encode(c, x + from * c->dim, rows, code + from * c->code_bytes, &mine) <
            0) {
#pragma omp critical(codec_error)
            {
                *e = mine;
                rc = mine.code;
            }
        }
    }
    return rc;
}

int codec_decode(const struct codec *c, const uint8_t *code, size_t n, float *x, int threads,
                 struct err *e)
{
    size_t blocks = (n + CODEC_BLOCK - 1) / CODEC_BLOCK;
    int rc = 0;

#pragma omp parallel for num_threads(threads) if (threads > 1 && blocks > 1)
    for (size_t b = 0; b < blocks; b++) {
        size_t from = b * CODEC_BLOCK, rows = n - from < CODEC_BLOCK ? n - from : CODEC_BLOCK;
        struct err mine = {0};

        if (c->spec.kind->decode(c, code + from * c->code_bytes, rows, x + from * c->dim, &mine) <
            0) {
#pragma omp critical(codec_error)
            {
                *e = mine;
                rc = mine.code;
            }
        }
    }
    return rc;
}

/* ---- lists ---- */

static size_t piece_bytes(const struct codec *c, size_t n)
{
    const struct codec_kind *k = c->spec.kind;
    size_t bytes = k->packed_bytes ? k->packed_bytes(c, n) : n * c->code_bytes;

    return (bytes + 63) / 64 * 64;
}

int codec_list_init(struct codec_list *l, const struct codec *c, const uint8_t *code, size_t n,
                    struct err *e)
{
    size_t pieces = (n + CODEC_LIST - 1) / CODEC_LIST;

    *l = (struct codec_list){.n = n, .piece = piece_bytes(c, CODEC_LIST)};
    if (__builtin_mul_overflow(pieces ? pieces : 1, l->piece, &l->bytes))
        return err_set(e, ERR_MEM, "%zu codes do not fit into memory", n);
    l->p = mem_map(l->bytes, e);
    if (!l->p)
        return e->code;
    for (size_t i = 0; i < pieces; i++) {
        size_t from = i * CODEC_LIST, rows = n - from < CODEC_LIST ? n - from : CODEC_LIST;
        const uint8_t *src = code + from * c->code_bytes;

        if (c->spec.kind->pack)
            c->spec.kind->pack(c, src, rows, l->p + i * l->piece);
        else
            memcpy(l->p + i * l->piece, src, rows * c->code_bytes);
    }
    return 0;
}

void codec_list_free(struct codec_list *l)
{
    if (l->p)
        mem_unmap(l->p, l->bytes);
    *l = (struct codec_list){0};
}

void codec_list_scan(const struct codec *c, const struct codec_list *l, const void *const *query,
                     size_t nq, float *key, float *low)
{
    for (size_t from = 0, i = 0; from < l->n; from += CODEC_LIST, i++) {
        size_t rows = l->n - from < CODEC_LIST ? l->n - from : CODEC_LIST;

        c->spec.kind->scan(c, query, nq, l->p + i * l->piece, rows, key + from,
                           low ? low + from : NULL, l->n);
    }
}
