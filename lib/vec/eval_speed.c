/* eval_speed.c - how fast a codec encodes and scans, on one thread. Each loop runs until some
 * tenths of a second are over, and at least once. */
#include <stdlib.h>
#include <time.h>

#include "vec/eval_int.h"

#define LEAST_S 0.3

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int encode_speed(struct eval_result *r, const struct eval *v, struct err *e)
{
    uint8_t *code = mem_array(CODEC_BLOCK, v->c->code_bytes, e);
    double began = now_s(), took = 0, done = 0;
    uint64_t from = 0;
    int rc = code ? 0 : e->code;

    while (rc == 0 && took < LEAST_S) {
        size_t n = v->d->rows - from < CODEC_BLOCK ? v->d->rows - from : CODEC_BLOCK;

        rc = v->c->spec.kind->encode(v->c, v->d->base + from * v->c->dim, n, code, e);
        done += (double)n;
        from = from + n < v->d->rows ? from + n : 0;
        took = now_s() - began;
    }
    free(code);
    r->encode_vps = done / took;
    return rc;
}

static void prepare_speed(struct eval_result *r, const struct eval *v, const struct eval_queries *q)
{
    double began = now_s(), took = 0, done = 0;

    while (took < LEAST_S / 3) {
        for (size_t i = 0; i < q->n; i++)
            v->c->spec.kind->query_init(v->c, v->metric, v->d->queries + i * v->c->dim,
                                        q->p + i * q->bytes);
        done += (double)q->n;
        took = now_s() - began;
    }
    r->prepare_us = took / done * 1e6;
}

/* Codes a second, all queries of a scan added; `each` queries at a time. */
static double scan_speed(const struct eval *v, const struct eval_queries *q, size_t each,
                         float *key)
{
    double began = now_s(), took = 0, done = 0;
    size_t at = 0;

    while (took < LEAST_S) {
        for (uint64_t from = 0, piece = 0; from < v->d->rows; piece++)
            from += codec_list_piece(v->c, &v->list, piece, q->at + at, each, key, NULL,
                                     CODEC_LIST);
        done += (double)v->d->rows * (double)each;
        at = (at + each) % q->n;
        took = now_s() - began;
    }
    return done / took;
}

int eval_speed(struct eval_result *r, const struct eval *v, struct err *e)
{
    size_t n = v->d->n_queries < EVAL_BATCH ? v->d->n_queries : EVAL_BATCH;
    float *key = codec_array((size_t)EVAL_BATCH * CODEC_LIST, sizeof *key, e);
    struct eval_queries q = {0};
    int rc = key ? eval_prepare(&q, v->c, v->metric, v->d->queries, n, e) : e->code;

    if (rc == 0)
        rc = encode_speed(r, v, e);
    if (rc == 0) {
        prepare_speed(r, v, &q);
        r->scan_vps = scan_speed(v, &q, 1, key);
        r->batch_vps = scan_speed(v, &q, n, key);
    }
    eval_forget(&q);
    free(key);
    return rc;
}
