/* write.c - see write.h. */
#include "fm/write.h"

#include <stdlib.h>
#include <string.h>

#include "fm/bits.h"

/* What the functions below share. */
struct job {
    struct sect_writer *w;
    struct tables *t;
    const struct alphabet *al;
    struct encoded *enc;
    const struct index_opts *o;
    struct fm_head head;
    uint64_t n;
};

int write_records(struct sect_writer *w, struct store_writer *raw, struct store_writer *meta,
                  struct err *e)
{
    if (store_write(raw, w, "RIDX", "RBLK", e) < 0)
        return e->code;
    return store_write(meta, w, "MIDX", "MBLK", e);
}

int write_rows(struct sect_writer *w, const struct row_source *rows, const struct index_opts *o,
               struct encoded *enc, struct err *e)
{
    const struct encode_opts eo = {o->layout, o->rate, o->threads, o->progress, o->progress_ctx};

    return encode_rows(rows, &eo, w, enc, e);
}

static int put_buf(const struct job *j, const char id[4], const struct buf *x, struct err *e)
{
    return sect_put(j->w, id, SECT_REQUIRED, x->p, x->len, e);
}

/* C + occurrences before: C of a byte counts the document ends and all smaller bytes. The shared
 * byte's is in the head, as code 0 is looked up without. */
static void add_first_rows(struct job *j)
{
    uint64_t *hyper = (uint64_t *)(void *)j->enc->hyper.p, first = j->t->docs;

    for (unsigned byte = 0; byte < 256; byte++) {
        if ((int)byte == j->al->shared)
            j->head.shared_c = first;
        else if (j->al->present[byte])
            for (uint64_t h = 0; h < rank_hypers(j->n); h++)
                hyper[h * j->al->sigma + j->al->code_of[byte]] += first;
        first += j->t->freq[byte];
    }
}

static int put_bwt(struct job *j, struct err *e)
{
    struct buf ends = {0};
    int rc;

    add_first_rows(j);
    rc = put_buf(j, "HYPR", &j->enc->hyper, e);
    if (rc == 0)
        rc = put_buf(j, "SUPR", &j->enc->super, e);
    if (rc == 0)
        rc = put_buf(j, "BDIR", &j->enc->dir, e);
    if (rc == 0 && j->al->shared != FM_NOT_SHARED &&
        (rc = ef_encode((uint64_t *)(void *)j->enc->ends.p, j->t->docs, j->n, &ends, e)) == 0)
        rc = put_buf(j, "ZROW", &ends, e);
    buf_free(&ends);
    return rc;
}

static int put_samples(struct job *j, struct err *e)
{
    struct buf samp = {0}, sinv = {0};
    uint64_t count = j->enc->perm.len / 4;
    int rc = samples_encode_perm((uint32_t *)(void *)j->enc->perm.p, count, &samp, &sinv, e);

    j->head.backs = 0;
    if (rc == 0) { /* how many pointers there are follows from the marks */
        for (uint64_t i = 0; i < count; i++)
            j->head.backs += bit_get((unsigned char *)sinv.p, i);
        rc = put_buf(j, "MDIR", &j->enc->mark_dir, e);
    }
    if (rc == 0)
        rc = put_buf(j, "MARK", &j->enc->marks, e);
    if (rc == 0)
        rc = put_buf(j, "SAMP", &samp, e);
    if (rc == 0)
        rc = put_buf(j, "SINV", &sinv, e);
    buf_free(&samp);
    buf_free(&sinv);
    return rc;
}

static int put_packed(const struct job *j, const char id[4], struct buf *out, const uint64_t *v,
                      uint64_t n, unsigned bits, struct err *e)
{
    uint64_t bytes = packed_bytes(n, bits);

    if (buf_reserve(out, bytes, e) < 0)
        return e->code;
    memset(out->p + out->len, 0, bytes);
    for (uint64_t i = 0; i < n; i++)
        packed_set((unsigned char *)out->p + out->len, i, bits, v[i]);
    out->len += bytes;
    return put_buf(j, id, out, e);
}

static unsigned doc_bits(const struct tables *t)
{
    return bits_for(t->docs ? t->docs - 1 : 0);
}

static int put_docs(const struct job *j, struct err *e)
{
    const struct tables *t = j->t;
    struct buf starts = {0}, order = {0};
    int rc = ef_encode(t->start, t->docs + 1, j->n + 1, &starts, e);

    if (rc == 0)
        rc = put_buf(j, "DOCS", &starts, e);
    if (rc == 0)
        rc = put_packed(j, "DORD", &order, (uint64_t *)(void *)j->enc->doc_order.p, t->docs,
                        doc_bits(t), e);
    buf_free(&starts);
    buf_free(&order);
    return rc;
}

static int by_hash(const void *a, const void *b)
{
    const struct id_row *x = a, *y = b;

    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (x->doc > y->doc) - (x->doc < y->doc);
}

static int put_ids(const struct job *j, struct err *e)
{
    struct tables *t = j->t;
    struct buf out = {0};
    uint64_t *doc = mem_array(t->ids, sizeof *doc, e);
    int rc = doc ? 0 : ERR_MEM;

    if (t->ids)
        qsort(t->id, t->ids, sizeof *t->id, by_hash);
    for (size_t i = 0; rc == 0 && i < t->ids; i++) {
        doc[i] = t->id[i].doc;
        rc = buf_add(&out, &t->id[i].hash, sizeof t->id[i].hash, e);
    }
    if (rc == 0)
        rc = put_packed(j, "IDHS", &out, doc, t->ids, doc_bits(t), e);
    free(doc);
    buf_free(&out);
    return rc;
}

static int put_names(const struct job *j, struct err *e)
{
    const struct tables *t = j->t;

    if (sect_begin(j->w, "FLDS", SECT_REQUIRED, e) < 0 ||
        sect_add(j->w, j->o->field, strlen(j->o->field) + 1, e) < 0 ||
        sect_add(j->w, j->o->id_field, strlen(j->o->id_field) + 1, e) < 0 ||
        sect_end(j->w, e) < 0 || sect_begin(j->w, "RUNS", SECT_REQUIRED, e) < 0 ||
        sect_add(j->w, t->runs.p, t->runs.len, e) < 0 ||
        sect_add(j->w, t->paths.p, t->paths.len, e) < 0)
        return e->code;
    return sect_end(j->w, e);
}

static int put_head(struct job *j, struct err *e)
{
    struct fm_head *h = &j->head;

    h->n = j->n;
    h->docs = j->t->docs;
    h->raw_bytes = j->t->raw_bytes;
    h->ids = j->t->ids;
    h->runs = j->t->runs.len / FM_RUN_BYTES;
    h->layout = j->o->layout->id;
    h->rate = j->o->rate;
    h->normalize = j->o->normalize;
    h->shared = (uint32_t)j->al->shared;
    for (unsigned b = 0; b < 256; b++)
        if (j->al->present[b])
            bit_set(h->present, b);
    return sect_put(j->w, "HEAD", SECT_REQUIRED, h, sizeof *h, e);
}

int write_rest(struct sect_writer *w, struct tables *t, const struct alphabet *al,
               struct encoded *enc, const struct index_opts *o, struct err *e)
{
    struct job j = {.w = w, .t = t, .al = al, .enc = enc, .o = o, .n = t->start[t->docs]};

    if (o->progress)
        o->progress(o->progress_ctx, "writing", 0, 0);
    if (put_bwt(&j, e) < 0 || put_samples(&j, e) < 0 || put_docs(&j, e) < 0 || put_ids(&j, e) < 0 ||
        put_names(&j, e) < 0)
        return e->code;
    return put_head(&j, e);
}
