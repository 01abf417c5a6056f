/* merge.c - see merge.h. */
#include "fm/merge.h"

#include <stdlib.h>
#include <string.h>

#include "fm/bits.h"
#include "fm/interleave.h"

/* The rows of both, as encode_rows() takes them. */
struct merged {
    struct row_source rows; /* first */
    const struct shard *a, *b;
    struct alphabet al;
    struct interleave il;
};

/* ---- rows of one superblock ---- */

/* One index's share of a superblock. */
struct side {
    uint64_t from, len; /* rows */
    uint64_t ends;      /* documents' ends before them */
    uint16_t sym[RANK_SUPER];
    size_t next; /* row to take */
};

/* What fill() works with. */
struct scratch {
    struct side a, b;
    struct buf a_rows, a_numbers; /* A's samples */
    size_t a_next, b_next;        /* of the samples */
};

static void read_side(const struct shard *s, uint64_t from, uint64_t len, struct side *out)
{
    out->from = from;
    out->len = len;
    out->next = 0;
    out->ends = shard_ends_before(s, from);
    shard_symbols(s, from, (size_t)len, out->sym);
}

static int by_row(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;

    return (a > b) - (a < b);
}

static int add_mark(struct rows *out, size_t at, uint32_t number, struct err *e)
{
    uint16_t row = (uint16_t)at;

    if (buf_add(&out->mark, &row, sizeof row, e) < 0)
        return e->code;
    return buf_add(&out->perm, &number, sizeof number, e);
}

/* The row's symbol is the next end of its side: which document's. */
static int take_end(const struct merged *m, struct side *side, bool of_b, uint64_t row,
                    struct rows *out, struct err *e)
{
    uint64_t doc = of_b ? m->a->head.docs + shard_doc_of_end(m->b, side->ends)
                        : shard_doc_of_end(m->a, side->ends);

    side->ends++;
    if (m->al.shared != FM_NOT_SHARED && buf_add(&out->ends, &row, sizeof row, e) < 0)
        return e->code;
    return buf_add(&out->doc_order, &doc, sizeof doc, e);
}

/* Is the row a sample? Then it is the next one of its side. */
static int take_sample(const struct merged *m, struct scratch *x, bool of_b, uint64_t row,
                       struct rows *out, struct err *e)
{
    const uint64_t *a_row = (const uint64_t *)(const void *)x->a_rows.p;
    const uint32_t *a_number = (const uint32_t *)(const void *)x->a_numbers.p;
    const struct interleave *il = &m->il;
    size_t at = row & (RANK_SUPER - 1);

    if (of_b) {
        if (x->b_next == il->sample_before[(row >> RANK_SUPER_LOG) + 1] ||
            il->sample[x->b_next] >> 32 != at)
            return 0;
        return add_mark(out, at, (uint32_t)il->sample[x->b_next++], e);
    }
    if (x->a_next * sizeof *a_row == x->a_rows.len || a_row[x->a_next] != x->a.from + x->a.next)
        return 0;
    return add_mark(out, at, a_number[x->a_next++], e);
}

static int weave(const struct merged *m, struct scratch *x, uint64_t from, size_t len,
                 struct rows *out, struct err *e)
{
    for (size_t i = 0; i < len; i++) {
        bool of_b = interleave_of_b(&m->il, from + i);
        struct side *side = of_b ? &x->b : &x->a;
        unsigned sym = side->sym[side->next];
        out->sym[i] = sym ? m->al.code_of[sym - 1] : 0;
        if (sym == 0 && take_end(m, side, of_b, from + i, out, e) < 0)
            return e->code;
        if (take_sample(m, x, of_b, from + i, out, e) < 0)
            return e->code;
        side->next++;
    }
    return 0;
}

static int fill(const struct row_source *src, uint64_t from, size_t len, struct rows *out,
                struct err *e)
{
    const struct merged *m = (const struct merged *)src;
    const struct interleave *il = &m->il;
    uint64_t super = from >> RANK_SUPER_LOG, of_b = il->b_before[super];
    uint64_t b_len = il->b_before[super + 1] - of_b;
    size_t first = il->sample_before[super], samples = il->sample_before[super + 1] - first;
    struct scratch *x = mem_zero(1, sizeof *x, e);
    int rc = -1;

    if (!x)
        return e->code;
    read_side(m->a, from - of_b, len - b_len, &x->a);
    if (b_len)
        read_side(m->b, of_b, b_len, &x->b);
    if (samples) /* nobody else touches this superblock's */
        qsort(il->sample + first, samples, sizeof *il->sample, by_row);
    x->b_next = first;
    if (samples_list(&m->a->samples, x->a.from, x->a.from + x->a.len, &x->a_rows, &x->a_numbers,
                     e) == 0)
        rc = weave(m, x, from, len, out, e);
    buf_free(&x->a_rows);
    buf_free(&x->a_numbers);
    free(x);
    return rc < 0 ? e->code : 0;
}

/* ---- all of it ---- */

int merge_check(const struct shard *a, const struct shard *b, bool for_set, struct err *e)
{
    const char *what = NULL;

    if (a->head.normalize != b->head.normalize)
        what = "--normalize";
    else if (for_set)
        return 0;
    else if (a->head.rate != b->head.rate)
        what = "--sample-rate";
    else if (strcmp(a->field, b->field) != 0)
        what = "--field";
    else if (strcmp(a->id_field, b->id_field) != 0)
        what = "--id-field";
    if (!what)
        return 0;
    return err_set(e, ERR_INPUT, "'%s' and '%s' were built with different values of %s",
                   sect_path(a->file), sect_path(b->file), what);
}

/* Records of both into one section; none when neither has any. */
static int merge_store(const struct store *a, const struct store *b, struct store_writer *out,
                       struct sect_writer *w, const char idx[4], const char blk[4], struct err *e)
{
    if (!a->n_blocks && !(b && b->n_blocks))
        return 0;
    if (store_stream(out, w, blk, e) < 0 || store_copy(out, a, e) < 0 ||
        (b && store_copy(out, b, e) < 0))
        return e->code;
    return store_write(out, w, idx, blk, e);
}

static int merge_records(const struct shard *a, const struct shard *b, struct sect_writer *w,
                         struct err *e)
{
    struct store_writer raw = {.limit_bytes = RAW_BLOCK_BYTES, .level = RAW_LEVEL};
    struct store_writer meta = {.limit_bytes = META_BLOCK_BYTES, .level = META_LEVEL};
    int rc = merge_store(&a->raw, b ? &b->raw : NULL, &raw, w, "RIDX", "RBLK", e);

    if (rc == 0)
        rc = merge_store(&a->meta, b ? &b->meta : NULL, &meta, w, "MIDX", "MBLK", e);
    store_writer_free(&raw);
    store_writer_free(&meta);
    return rc;
}

static int merge_rows(struct merged *m, const struct index_opts *o, struct sect_writer *w,
                      struct encoded *enc, struct err *e)
{
    uint64_t docs = m->a->head.docs + (m->b ? m->b->head.docs : 0);
    int rc = m->b ? interleave_make(&m->il, m->a, m->b, o, e)
                  : interleave_alone(&m->il, m->a->head.n, o->room, e);

    if (rc < 0)
        return rc;
    m->rows = (struct row_source){m->il.n, m->al.sigma, fill};
    if (write_rows(w, &m->rows, o, enc, e) < 0)
        return e->code;
    if (enc->perm.len / 4 != samples_count(m->il.n, o->rate) || enc->doc_order.len / 8 != docs)
        return sect_bad(m->a->file, "BLKS", "does not fit its samples and documents", e);
    return 0;
}

/* What is numbered in the file must fit its numbers, and be taken by shard_open(). */
static int check_size(const struct shard *a, const struct shard *b, struct err *e)
{
    uint64_t n = a->head.n + (b ? b->head.n : 0);

    if (n >> FM_ROWS_LOG || samples_count(n, a->head.rate) > UINT32_MAX)
        return err_set(e, ERR_INPUT,
                       "together they are larger than one index may be: name them in "
                       "a set");
    return 0;
}

int merge_write(const struct shard *a, const struct shard *b, const struct index_opts *o,
                struct sect_writer *w, struct err *e)
{
    struct merged m = {.a = a, .b = b};
    struct index_opts io = *o;
    struct encoded enc = {0};
    struct tables t;
    int rc;

    io.rate = a->head.rate;
    io.normalize = (enum text_rule)a->head.normalize;
    io.field = a->field;
    io.id_field = a->id_field;
    if ((b && merge_check(a, b, false, e) < 0) || check_size(a, b, e) < 0 ||
        tables_init(&t, o->room, e) < 0)
        return e->code;
    rc = tables_add_shards(&t, a, b, e);
    alphabet_count(&m.al, t.freq);
    if (rc == 0)
        rc = merge_records(a, b, w, e);
    if (rc == 0)
        rc = merge_rows(&m, &io, w, &enc, e);
    interleave_free(&m.il);
    if (rc == 0)
        rc = write_rest(w, &t, &m.al, &enc, &io, e);
    encoded_free(&enc);
    tables_free(&t);
    return rc;
}
