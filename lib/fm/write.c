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
    const struct encode_opts eo = {.layout = o->layout,
                                   .rate = o->rate,
                                   .threads = o->threads,
                                   .room = o->room,
                                   .progress = o->progress,
                                   .progress_ctx = o->progress_ctx};

    return encode_rows(rows, &eo, w, enc, e);
}

static int put_spool(const struct job *j, const char id[4], const struct spool *x, struct err *e)
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
    struct spool ends = {.room = j->o->room};
    int rc;

    add_first_rows(j);
    rc = put_spool(j, "HYPR", &j->enc->hyper, e);
    if (rc == 0)
        rc = put_spool(j, "SUPR", &j->enc->super, e);
    if (rc == 0)
        rc = put_spool(j, "BDIR", &j->enc->dir, e);
    if (rc == 0 && j->al->shared != FM_NOT_SHARED &&
        (rc = ef_encode((uint64_t *)(void *)j->enc->ends.p, j->t->docs, j->n, &ends, e)) == 0)
        rc = put_spool(j, "ZROW", &ends, e);
    spool_free(&ends);
    return rc;
}

static int put_samples(struct job *j, struct err *e)
{
    struct spool samp = {.room = j->o->room}, sinv = samp;
    uint64_t count = j->enc->perm.len / 4;
    int rc = samples_encode_perm((uint32_t *)(void *)j->enc->perm.p, count, &samp, &sinv, e);

    j->head.backs = 0;
    if (rc == 0) { /* how many pointers there are follows from the marks */
        for (uint64_t i = 0; i < count; i++)
            j->head.backs += bit_get((unsigned char *)sinv.p, i);
        rc = put_spool(j, "MDIR", &j->enc->mark_dir, e);
    }
    if (rc == 0)
        rc = put_spool(j, "MARK", &j->enc->marks, e);
    if (rc == 0)
        rc = put_spool(j, "SAMP", &samp, e);
    if (rc == 0)
        rc = put_spool(j, "SINV", &sinv, e);
    spool_free(&samp);
    spool_free(&sinv);
    return rc;
}

static unsigned doc_bits(const struct tables *t)
{
    return bits_for(t->docs ? t->docs - 1 : 0);
}

static int put_docs(const struct job *j, struct err *e)
{
    const struct tables *t = j->t;
    const uint64_t *doc_order = (const uint64_t *)(const void *)j->enc->doc_order.p;
    struct spool starts = {.room = j->o->room}, order = starts;
    int rc = ef_encode(tables_start(t), t->docs + 1, j->n + 1, &starts, e);

    if (rc == 0)
        rc = put_spool(j, "DOCS", &starts, e);
    if (rc == 0)
        rc = spool_zero(&order, packed_bytes(t->docs, doc_bits(t)), 1, e);
    for (uint64_t i = 0; rc == 0 && i < t->docs; i++)
        packed_set((unsigned char *)order.p, i, doc_bits(t), doc_order[i]);
    if (rc == 0)
        rc = put_spool(j, "DORD", &order, e);
    spool_free(&starts);
    spool_free(&order);
    return rc;
}

static int by_hash(const void *a, const void *b)
{
    const struct id_row *x = a, *y = b;

    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (x->doc > y->doc) - (x->doc < y->doc);
}

/* Those out of indexes are sorted already: then no memory is needed. */
static void sort_ids(struct id_row *id, uint64_t n)
{
    uint64_t i = 1;

    while (i < n && by_hash(&id[i - 1], &id[i]) <= 0)
        i++;
    if (i < n)
        qsort(id, n, sizeof *id, by_hash);
}

static int put_ids(const struct job *j, struct err *e)
{
    const struct tables *t = j->t;
    uint64_t ids = tables_ids(t);
    struct id_row *id = tables_id(t);
    struct spool out = {.room = j->o->room};
    int rc = spool_zero(&out, 4 * ids + packed_bytes(ids, doc_bits(t)), 1, e);

    sort_ids(id, ids);
    for (uint64_t i = 0; rc == 0 && i < ids; i++) {
        memcpy(out.p + 4 * i, &id[i].hash, sizeof id[i].hash);
        packed_set((unsigned char *)out.p + 4 * ids, i, doc_bits(t), id[i].doc);
    }
    if (rc == 0)
        rc = put_spool(j, "IDHS", &out, e);
    spool_free(&out);
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
    h->ids = tables_ids(j->t);
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
    struct job j = {.w = w, .t = t, .al = al, .enc = enc, .o = o, .n = tables_start(t)[t->docs]};

    if (o->progress)
        o->progress(o->progress_ctx, "writing", 0, 0);
    if (put_bwt(&j, e) < 0 || put_samples(&j, e) < 0 || put_docs(&j, e) < 0 || put_ids(&j, e) < 0 ||
        put_names(&j, e) < 0)
        return e->code;
    return put_head(&j, e);
}
