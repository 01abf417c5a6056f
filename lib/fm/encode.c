/* encode.c - see encode.h. */
#include "fm/encode.h"

#include <stdlib.h>
#include <string.h>

#include "fm/bits.h"

enum {
    BLOCKS_PER_SUPER = RANK_SUPER / RANK_BLOCK,
    WINDOW_PER_THREAD = 4,
    AHEAD = 32, /* rows whose text is fetched before it is needed */
};

/* One superblock, encoded. */
struct piece {
    struct buf blocks, marks, perm, doc_order, ends;
    uint32_t block_lines[BLOCKS_PER_SUPER]; /* where each block begins in `blocks`, in lines */
    uint32_t mark_count[BLOCKS_PER_SUPER], mark_words[BLOCKS_PER_SUPER]; /* before, within piece */
    unsigned n_blocks;
    uint32_t count[256];
    struct err err;
};

static uint64_t doc_at(const struct sorted *t, uint64_t pos)
{
    uint64_t lo = 0, hi = t->docs;

    while (hi - lo > 1) {
        uint64_t mid = lo + (hi - lo) / 2;
        if (t->start[mid] <= pos)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

static inline unsigned symbol_before(const struct sorted *t, uint64_t pos)
{
    if (pos == 0)
        return 0; /* the first document's start; at the others stands the end of the one before */
    return t->text16 ? t->text16[pos - 1] : t->text8[pos - 1];
}

static inline void fetch_before(const struct sorted *t, uint64_t row)
{
    uint64_t pos = row < t->n ? (uint64_t)t->sa[row] : 1;

    __builtin_prefetch(t->text16 ? (const void *)(t->text16 + pos - (pos > 0))
                                 : (const void *)(t->text8 + pos - (pos > 0)));
}

static int note_doc_start(const struct sorted *t, struct piece *p, uint64_t row, uint64_t pos)
{
    uint64_t doc = doc_at(t, pos);

    if (t->text16 && buf_add(&p->ends, &row, sizeof row, &p->err) < 0)
        return p->err.code;
    return buf_add(&p->doc_order, &doc, sizeof doc, &p->err);
}

/* Symbols of rows [from, from + len) as storage codes; the samples among them into rel[]. */
static int gather(const struct sorted *t, struct piece *p, uint64_t from, size_t len,
                  unsigned rate_log, uint8_t *sym, uint16_t *rel, size_t *marked)
{
    uint64_t mask = (UINT64_C(1) << rate_log) - 1;

    *marked = 0;
    for (size_t i = 0; i < len; i++) {
        uint64_t pos = (uint64_t)t->sa[from + i];
        unsigned s = symbol_before(t, pos);
        fetch_before(t, from + i + AHEAD);
        sym[i] = t->store_code[s];
        if (s == 0 && note_doc_start(t, p, from + i, pos) < 0)
            return p->err.code;
        if ((pos & mask) == 0) {
            uint32_t k = (uint32_t)(pos >> rate_log);
            rel[(*marked)++] = (uint16_t)i;
            if (buf_add(&p->perm, &k, sizeof k, &p->err) < 0)
                return p->err.code;
        }
    }
    return 0;
}

static void encode_piece(const struct sorted *t, struct piece *p, uint64_t super, unsigned rate_log)
{
    uint8_t sym[RANK_BLOCK];
    uint16_t rel[RANK_BLOCK];
    uint64_t first = super << RANK_SUPER_LOG, blocks = rank_blocks(t->n);
    uint64_t block = super * BLOCKS_PER_SUPER;

    p->n_blocks = 0;
    p->blocks.len = p->marks.len = p->perm.len = p->doc_order.len = p->ends.len = 0;
    memset(p->count, 0, sizeof p->count);
    for (unsigned b = 0; b < BLOCKS_PER_SUPER && block + b < blocks; b++) {
        uint64_t from = first + (uint64_t)b * RANK_BLOCK;
        size_t len = t->n - from < RANK_BLOCK ? (size_t)(t->n - from) : RANK_BLOCK, marked;
        p->block_lines[b] = (uint32_t)(p->blocks.len / RANK_LINE);
        p->mark_words[b] = (uint32_t)(p->marks.len / 8);
        p->mark_count[b] = (uint32_t)(p->perm.len / 4);
        p->n_blocks++;
        if (gather(t, p, from, len, rate_log, sym, rel, &marked) < 0 ||
            rank_encode_block(sym, len, p->count, &p->blocks, &p->err) < 0 ||
            samples_encode_block(rel, marked, rate_log, &p->marks, &p->err) < 0)
            return;
    }
}

/* Rows of SUPR and, at a hyperblock's start, HYPR: the counts before this superblock. */
static int add_counts(struct encoded *out, uint64_t super, unsigned sigma, uint64_t total[256],
                      struct err *e)
{
    unsigned per_hyper_log = RANK_HYPER_LOG - RANK_SUPER_LOG;
    const uint64_t *hyper;
    uint32_t row[256];

    if ((super & ((1u << per_hyper_log) - 1)) == 0 &&
        buf_add(&out->hyper, total, sigma * sizeof *total, e) < 0)
        return e->code;
    hyper = (const uint64_t *)(const void *)(out->hyper.p + out->hyper.len) - sigma;
    for (unsigned c = 0; c < sigma; c++)
        row[c] = (uint32_t)(total[c] - hyper[c]);
    return buf_add(&out->super, row, sigma * sizeof *row, e);
}

static int add_directories(struct encoded *out, const struct piece *p, uint64_t lines,
                           struct err *e)
{
    for (unsigned b = 0; b < p->n_blocks; b++) {
        uint32_t line = (uint32_t)(lines + p->block_lines[b]);
        uint32_t mark[2] = {(uint32_t)(out->perm.len / 4) + p->mark_count[b],
                            (uint32_t)(out->marks.len / 8) + p->mark_words[b]};
        if (buf_add(&out->dir, &line, sizeof line, e) < 0 ||
            buf_add(&out->mark_dir, mark, sizeof mark, e) < 0)
            return e->code;
    }
    return 0;
}

static int append(struct buf *to, const struct buf *from, struct err *e)
{
    return buf_add(to, from->p, from->len, e);
}

static int put_piece(const struct piece *p, uint64_t super, unsigned sigma, uint64_t total[256],
                     uint64_t *lines, struct sect_writer *w, struct encoded *out, struct err *e)
{
    if (p->err.code) {
        *e = p->err;
        return e->code;
    }
    if (add_counts(out, super, sigma, total, e) < 0 || add_directories(out, p, *lines, e) < 0 ||
        append(&out->marks, &p->marks, e) < 0 || append(&out->perm, &p->perm, e) < 0 ||
        append(&out->doc_order, &p->doc_order, e) < 0 || append(&out->ends, &p->ends, e) < 0 ||
        sect_add(w, p->blocks.p, p->blocks.len, e) < 0)
        return e->code;
    *lines += p->blocks.len / RANK_LINE;
    for (unsigned c = 0; c < 256; c++)
        total[c] += p->count[c];
    return 0;
}

/* The directory's last row, the guard lines, the slack. */
static int finish(struct encoded *out, struct sect_writer *w, struct err *e)
{
    static const uint8_t zero[RANK_GUARD_LINES * RANK_LINE];
    uint32_t mark[2] = {(uint32_t)(out->perm.len / 4), (uint32_t)(out->marks.len / 8)};

    if (buf_add(&out->mark_dir, mark, sizeof mark, e) < 0 ||
        buf_add(&out->marks, zero, PACKED_SLACK, e) < 0 || sect_add(w, zero, sizeof zero, e) < 0)
        return e->code;
    return sect_end(w, e);
}

int encode_rows(const struct sorted *t, unsigned sigma, unsigned rate_log, int threads,
                struct sect_writer *w, struct encoded *out, progress_fn *progress, void *ctx,
                struct err *e)
{
    uint64_t supers = rank_supers(t->n), total[256] = {0}, lines = 0;
    size_t window = (size_t)threads * WINDOW_PER_THREAD;
    struct piece *piece = mem_zero(window, sizeof *piece, e);
    int rc = piece ? sect_begin(w, "BLKS", SECT_REQUIRED, e) : ERR_MEM;

    for (uint64_t s = 0; rc == 0 && s < supers; s += window) {
        int k = (int)(supers - s < window ? supers - s : window);
#pragma omp parallel for num_threads(threads) schedule(dynamic)
        for (int i = 0; i < k; i++)
            encode_piece(t, &piece[i], s + (uint64_t)i, rate_log);
        for (int i = 0; rc == 0 && i < k; i++)
            rc = put_piece(&piece[i], s + (uint64_t)i, sigma, total, &lines, w, out, e);
        if (progress)
            progress(ctx, "encoding", (s + (uint64_t)k) << RANK_SUPER_LOG, t->n);
    }
    if (rc == 0)
        rc = finish(out, w, e);
    for (size_t i = 0; piece && i < window; i++) {
        buf_free(&piece[i].blocks);
        buf_free(&piece[i].marks);
        buf_free(&piece[i].perm);
        buf_free(&piece[i].doc_order);
        buf_free(&piece[i].ends);
    }
    free(piece);
    return rc;
}

void encoded_free(struct encoded *x)
{
    buf_free(&x->super);
    buf_free(&x->dir);
    buf_free(&x->mark_dir);
    buf_free(&x->marks);
    buf_free(&x->perm);
    buf_free(&x->doc_order);
    buf_free(&x->ends);
    buf_free(&x->hyper);
}
