/* build.c - documents in, index out: read (collect.c), sort (sufsort.c), encode (encode.c), write.
 *
 * Memory: the text and four bytes a symbol for its suffix array while it is sorted and encoded (the
 * text twice as wide if all 256 byte values occur), then the small sections.
 */
#include <stdlib.h>
#include <string.h>

#include "base/sect.h"
#include "fm/bits.h"
#include "fm/collect.h"
#include "fm/encode.h"
#include "fm/fm.h"
#include "fm/shard.h"
#include "fm/sufsort.h"

struct build {
    struct corpus corpus;
    struct alphabet al;
    struct fm_head head;
    struct sorted sorted;
    uint16_t *wide; /* the text with 257 symbols, else NULL */
    int32_t *sa;
    struct encoded enc;
    const struct fm_build_opts *o;
    struct sect_writer *w;
    int threads;
};

static void report(const struct build *b, const char *phase, uint64_t done, uint64_t total)
{
    if (b->o->progress)
        b->o->progress(b->o->progress_ctx, phase, done, total);
}

/* ---- the alphabet, and the text in its codes ---- */

static int rarest_byte(const uint64_t freq[256])
{
    int rarest = 0;

    for (int b = 1; b < 256; b++)
        if (freq[b] < freq[rarest])
            rarest = b;
    return rarest;
}

static void make_alphabet(struct build *b)
{
    bool present[256];
    int shared = FM_NOT_SHARED, distinct = 0;

    for (int i = 0; i < 256; i++) {
        present[i] = b->corpus.freq[i] > 0;
        distinct += present[i];
        if (present[i])
            bit_set(b->head.present, (uint64_t)i);
    }
    if (distinct == 256)
        shared = rarest_byte(b->corpus.freq);
    alphabet_make(&b->al, present, shared);
}

/* Symbols 1..n in byte order; with all 256 byte values 1..256, and the storage codes apart. */
static void make_store_codes(struct build *b)
{
    unsigned symbol = 1;

    for (unsigned byte = 0; byte < 256; byte++)
        if (b->al.present[byte])
            b->sorted.store_code[symbol++] = b->al.code_of[byte];
    b->sorted.store_code[0] = 0;
}

/* Each document's bytes become symbols, its end 0 as it stands. */
static int make_symbols(struct build *b, struct err *e)
{
    uint8_t *text = (uint8_t *)b->corpus.text.p;
    uint64_t n = b->corpus.text.len;
    const uint64_t *start = b->corpus.start;

    if (b->al.shared != FM_NOT_SHARED) {
        b->wide = mem_array(n, sizeof *b->wide, e);
        if (!b->wide)
            return e->code;
        for (uint64_t i = 0; i < n; i++)
            b->wide[i] = (uint16_t)(text[i] + 1);
        for (uint64_t d = 0; d < b->corpus.docs; d++)
            b->wide[start[d + 1] - 1] = 0;
        corpus_free_text(&b->corpus);
        return 0;
    }
    for (uint64_t d = 0; d < b->corpus.docs; d++)
        for (uint64_t i = start[d]; i + 1 < start[d + 1]; i++)
            text[i] = b->al.code_of[text[i]];
    return 0;
}

/* ---- the order of the suffixes ---- */

static int check_memory(const struct build *b, uint64_t n, struct err *e)
{
    uint64_t width = b->al.shared == FM_NOT_SHARED ? 1 : 3, need = n * (4 + width) + n / 8;

    if (n > (uint64_t)FM_SUFSORT_MAX)
        return err_set(e, ERR_USAGE,
                       "%llu bytes of text are more than one index is built from (2 GiB): build "
                       "several indexes and name them in a set",
                       (unsigned long long)n);
    if (b->o->memory_bytes && need > b->o->memory_bytes)
        return err_set(e, ERR_USAGE,
                       "the build needs %llu bytes of memory, more than --memory allows: build "
                       "several indexes and name them in a set",
                       (unsigned long long)need);
    return 0;
}

static int sort_text(struct build *b, struct err *e)
{
    uint64_t n = b->corpus.text.len;
    int64_t len = (int64_t)n;

    b->sorted.n = n;
    make_alphabet(b);
    make_store_codes(b);
    if (check_memory(b, n, e) < 0 || make_symbols(b, e) < 0)
        return e->code;
    corpus_trim(&b->corpus);
    b->sa = mem_map((n + FM_SUFSORT_EXTRA) * sizeof *b->sa, e);
    if (!b->sa)
        return e->code;
    report(b, "sorting", 0, n);
    if (b->wide ? fm_sufsort16(b->wide, b->sa, len, b->threads, e) < 0
                : fm_sufsort8((uint8_t *)b->corpus.text.p, b->sa, len, b->threads, e) < 0)
        return e->code;
    b->sorted.text8 = b->wide ? NULL : (uint8_t *)b->corpus.text.p;
    b->sorted.text16 = b->wide;
    b->sorted.sa = b->sa;
    b->sorted.start = b->corpus.start;
    b->sorted.docs = b->corpus.docs;
    return 0;
}

static void free_sorted(struct build *b)
{
    mem_unmap(b->sa, (b->sorted.n + FM_SUFSORT_EXTRA) * sizeof *b->sa);
    b->sa = NULL;
    free(b->wide);
    b->wide = NULL;
    corpus_free_text(&b->corpus);
}

/* ---- the sections ---- */

static int put_buf(struct build *b, const char id[4], const struct buf *x, struct err *e)
{
    return sect_put(b->w, id, SECT_REQUIRED, x->p, x->len, e);
}

/* C + occurrences before: C of a byte counts the document ends and all smaller bytes. The shared
 * byte's is in the head, as code 0 is looked up without. */
static void add_first_rows(struct build *b)
{
    uint64_t *hyper = (uint64_t *)(void *)b->enc.hyper.p, first = b->corpus.docs;

    for (unsigned byte = 0; byte < 256; byte++) {
        if ((int)byte == b->al.shared)
            b->head.shared_c = first;
        else if (b->al.present[byte])
            for (uint64_t h = 0; h < rank_hypers(b->sorted.n); h++)
                hyper[h * b->al.sigma + b->al.code_of[byte]] += first;
        first += b->corpus.freq[byte];
    }
}

static int put_bwt(struct build *b, struct err *e)
{
    struct buf ends = {0};
    int rc;

    add_first_rows(b);
    rc = put_buf(b, "HYPR", &b->enc.hyper, e);
    if (rc == 0)
        rc = put_buf(b, "SUPR", &b->enc.super, e);
    if (rc == 0)
        rc = put_buf(b, "BDIR", &b->enc.dir, e);
    if (rc == 0 && b->al.shared != FM_NOT_SHARED &&
        (rc = ef_encode((uint64_t *)(void *)b->enc.ends.p, b->corpus.docs, b->sorted.n, &ends,
                        e)) == 0)
        rc = put_buf(b, "ZROW", &ends, e);
    buf_free(&ends);
    return rc;
}

static int put_samples(struct build *b, struct err *e)
{
    struct buf samp = {0}, sinv = {0};
    uint64_t count = b->enc.perm.len / 4;
    int rc = samples_encode_perm((uint32_t *)(void *)b->enc.perm.p, count, &samp, &sinv, e);

    b->head.backs = 0;
    if (rc == 0) { /* how many pointers there are follows from the marks */
        for (uint64_t i = 0; i < count; i++)
            b->head.backs += bit_get((unsigned char *)sinv.p, i);
        rc = put_buf(b, "MDIR", &b->enc.mark_dir, e);
    }
    if (rc == 0)
        rc = put_buf(b, "MARK", &b->enc.marks, e);
    if (rc == 0)
        rc = put_buf(b, "SAMP", &samp, e);
    if (rc == 0)
        rc = put_buf(b, "SINV", &sinv, e);
    buf_free(&samp);
    buf_free(&sinv);
    return rc;
}

static int put_packed(struct build *b, const char id[4], struct buf *out, const uint64_t *v,
                      uint64_t n, unsigned bits, struct err *e)
{
    uint64_t bytes = packed_bytes(n, bits);

    if (buf_reserve(out, bytes, e) < 0)
        return e->code;
    memset(out->p + out->len, 0, bytes);
    for (uint64_t i = 0; i < n; i++)
        packed_set((unsigned char *)out->p + out->len, i, bits, v[i]);
    out->len += bytes;
    return put_buf(b, id, out, e);
}

static int put_docs(struct build *b, struct err *e)
{
    const struct corpus *c = &b->corpus;
    unsigned bits = bits_for(c->docs ? c->docs - 1 : 0);
    struct buf starts = {0}, order = {0};
    int rc = ef_encode(c->start, c->docs + 1, b->sorted.n + 1, &starts, e);

    if (rc == 0)
        rc = put_buf(b, "DOCS", &starts, e);
    if (rc == 0)
        rc = put_packed(b, "DORD", &order, (uint64_t *)(void *)b->enc.doc_order.p, c->docs, bits,
                        e);
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

static int put_ids(struct build *b, struct err *e)
{
    struct corpus *c = &b->corpus;
    struct buf out = {0};
    uint64_t *doc = mem_array(c->ids, sizeof *doc, e);
    int rc = doc ? 0 : ERR_MEM;

    if (c->ids)
        qsort(c->id, c->ids, sizeof *c->id, by_hash);
    for (size_t i = 0; rc == 0 && i < c->ids; i++) {
        doc[i] = c->id[i].doc;
        rc = buf_add(&out, &c->id[i].hash, sizeof c->id[i].hash, e);
    }
    if (rc == 0)
        rc = put_packed(b, "IDHS", &out, doc, c->ids, bits_for(c->docs ? c->docs - 1 : 0), e);
    free(doc);
    buf_free(&out);
    return rc;
}

static int put_records(struct build *b, struct err *e)
{
    struct corpus *c = &b->corpus;
    const struct docs_opts *d = &b->o->docs;
    const char *names[2] = {d->field ? d->field : "text", d->id_field ? d->id_field : "id"};

    if (store_write(&c->meta, b->w, "MIDX", "MBLK", e) < 0 ||
        store_write(&c->raw, b->w, "RIDX", "RBLK", e) < 0 || put_ids(b, e) < 0 ||
        sect_begin(b->w, "FLDS", SECT_REQUIRED, e) < 0 ||
        sect_add(b->w, names[0], strlen(names[0]) + 1, e) < 0 ||
        sect_add(b->w, names[1], strlen(names[1]) + 1, e) < 0 || sect_end(b->w, e) < 0 ||
        sect_begin(b->w, "RUNS", SECT_REQUIRED, e) < 0 ||
        sect_add(b->w, c->runs.p, c->runs.len, e) < 0 ||
        sect_add(b->w, c->paths.p, c->paths.len, e) < 0)
        return e->code;
    return sect_end(b->w, e);
}

static int put_head(struct build *b, struct err *e)
{
    struct fm_head *h = &b->head;

    h->n = b->sorted.n;
    h->docs = b->corpus.docs;
    h->raw_bytes = b->corpus.raw_bytes;
    h->ids = b->corpus.ids;
    h->runs = b->corpus.runs.len / FM_RUN_BYTES;
    h->layout = FM_LAYOUT_FAST;
    h->normalize = b->o->normalize;
    h->shared = (uint32_t)b->al.shared;
    return sect_put(b->w, "HEAD", SECT_REQUIRED, h, sizeof *h, e);
}

static int build_index(struct build *b, const char *const *paths, size_t n, struct err *e)
{
    const struct fm_build_opts *o = b->o;

    if (corpus_read(&b->corpus, paths, n, o, e) < 0 || sort_text(b, e) < 0 ||
        encode_rows(&b->sorted, b->al.sigma, b->head.rate_log, b->threads, b->w, &b->enc,
                    o->progress, o->progress_ctx, e) < 0)
        return e->code;
    free_sorted(b);
    report(b, "writing", 0, 0);
    if (put_bwt(b, e) < 0 || put_samples(b, e) < 0 || put_docs(b, e) < 0 || put_records(b, e) < 0 ||
        put_head(b, e) < 0)
        return e->code;
    return sect_commit(&b->w, e);
}

int fm_build(const char *index, const char *const *paths, size_t n, const struct fm_build_opts *o,
             struct fm_build_report *r, struct err *e)
{
    struct build b = {.o = o, .threads = o->threads > 0 ? o->threads : 1};
    int rc;

    b.head.rate_log = o->rate_log ? o->rate_log : SAMPLE_RATE_LOG_DEFAULT;
    if (b.head.rate_log < SAMPLE_RATE_LOG_MIN || b.head.rate_log > SAMPLE_RATE_LOG_MAX)
        return err_set(e, ERR_USAGE, "the sample rate must be a power of two from %d to %d",
                       1 << SAMPLE_RATE_LOG_MIN, 1 << SAMPLE_RATE_LOG_MAX);
    if (strcmp(o->docs.field ? o->docs.field : "text",
               o->docs.id_field ? o->docs.id_field : "id") == 0)
        return err_set(e, ERR_USAGE, "one field cannot be both the text and the id");
    /* The target is opened first: a folder that cannot be written is known before hours of work. */
    if (sect_create(&b.w, index, FM_KIND, FM_MAJOR, FM_MINOR, e) < 0)
        return e->code;
    rc = build_index(&b, paths, n, e);
    if (rc == 0)
        *r = (struct fm_build_report){b.corpus.docs, b.sorted.n - b.corpus.docs, b.corpus.skipped};
    sect_abort(&b.w);
    free_sorted(&b);
    encoded_free(&b.enc);
    corpus_free(&b.corpus);
    return rc;
}
