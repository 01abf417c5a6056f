/* encode.c - see encode.h. */
#include "fm/encode.h"

#include <stdlib.h>
#include <string.h>

#include "fm/bits.h"
#include "fm/sample.h"

enum {
    MARKS_PER_SUPER = RANK_SUPER / SAMPLE_BLOCK,
    BLOCKS_PER_SUPER = RANK_SUPER / RANK_BLOCK_LEAST,
    WINDOW_PER_THREAD = 4,
};

/* One superblock, encoded. */
struct piece {
    struct rows rows;
    struct buf blocks, marks;
    uint32_t block_lines[BLOCKS_PER_SUPER]; /* where each block begins in `blocks`, in lines */
    uint32_t mark_count[MARKS_PER_SUPER], mark_words[MARKS_PER_SUPER]; /* before, within piece */
    unsigned n_blocks, n_marks;
    uint32_t count[256];
    struct err err;
};

static void clear(struct piece *p)
{
    p->rows.mark.len = p->rows.perm.len = p->rows.doc_order.len = p->rows.ends.len = 0;
    p->blocks.len = p->marks.len = 0;
    p->n_blocks = p->n_marks = 0;
    memset(p->count, 0, sizeof p->count);
}

/* `len` rows of the superblock; one that ends at n has the block in which position n falls, too. */
static int encode_blocks(struct piece *p, const struct rank_layout *l, size_t len)
{
    size_t block = (size_t)1 << l->block_log;

    for (size_t at = 0; at < RANK_SUPER && at <= len; at += block) {
        p->block_lines[p->n_blocks++] = (uint32_t)(p->blocks.len / RANK_LINE);
        if (l->encode(p->rows.sym + at, len - at < block ? len - at : block, p->count, &p->blocks,
                      &p->err) < 0)
            return p->err.code;
    }
    return 0;
}

static int encode_marks(struct piece *p, unsigned low_bits, size_t len)
{
    uint16_t *mark = (uint16_t *)(void *)p->rows.mark.p;
    size_t k = 0, n = p->rows.mark.len / sizeof *mark;

    for (size_t at = 0; at < RANK_SUPER && at <= len; at += SAMPLE_BLOCK) {
        size_t first = k;
        for (; k < n && mark[k] < at + SAMPLE_BLOCK; k++)
            mark[k] = (uint16_t)(mark[k] - at);
        p->mark_words[p->n_marks] = (uint32_t)(p->marks.len / 8);
        p->mark_count[p->n_marks++] = (uint32_t)first;
        if (samples_encode_block(mark + first, k - first, low_bits, &p->marks, &p->err) < 0)
            return p->err.code;
    }
    return 0;
}

static void encode_piece(const struct row_source *src, const struct encode_opts *o, struct piece *p,
                         uint64_t super)
{
    uint64_t from = super << RANK_SUPER_LOG;
    size_t len = src->n - from < RANK_SUPER ? (size_t)(src->n - from) : RANK_SUPER;

    clear(p);
    if (src->fill(src, from, len, &p->rows, &p->err) == 0 && encode_blocks(p, o->layout, len) == 0)
        encode_marks(p, samples_low_bits(o->rate), len);
}

/* Rows of SUPR and, at a hyperblock's start, HYPR: the counts before this superblock. */
static int add_counts(struct encoded *out, uint64_t super, unsigned sigma, uint64_t total[256],
                      struct err *e)
{
    unsigned per_hyper_log = RANK_HYPER_LOG - RANK_SUPER_LOG;
    const uint64_t *hyper;
    uint32_t row[256];

    if ((super & ((1u << per_hyper_log) - 1)) == 0 &&
        spool_add(&out->hyper, total, sigma * sizeof *total, e) < 0)
        return e->code;
    hyper = (const uint64_t *)(const void *)(out->hyper.p + out->hyper.len) - sigma;
    for (unsigned c = 0; c < sigma; c++)
        row[c] = (uint32_t)(total[c] - hyper[c]);
    return spool_add(&out->super, row, sigma * sizeof *row, e);
}

static int add_directories(struct encoded *out, const struct piece *p, uint64_t lines,
                           struct err *e)
{
    if (lines + p->blocks.len / RANK_LINE > UINT32_MAX || out->marks.len / 8 > UINT32_MAX)
        return err_set(e, ERR_INPUT, "there is more text than one index holds");
    for (unsigned b = 0; b < p->n_blocks; b++) {
        uint32_t line = (uint32_t)(lines + p->block_lines[b]);
        if (spool_add(&out->dir, &line, sizeof line, e) < 0)
            return e->code;
    }
    for (unsigned b = 0; b < p->n_marks; b++) {
        uint32_t mark[2] = {(uint32_t)(out->perm.len / 4) + p->mark_count[b],
                            (uint32_t)(out->marks.len / 8) + p->mark_words[b]};
        if (spool_add(&out->mark_dir, mark, sizeof mark, e) < 0)
            return e->code;
    }
    return 0;
}

static int append(struct spool *to, const struct buf *from, struct err *e)
{
    return spool_add(to, from->p, from->len, e);
}

static int put_piece(const struct piece *p, uint64_t super, unsigned sigma, uint64_t total[256],
                     uint64_t *lines, struct sect_writer *w, struct encoded *out, struct err *e)
{
    if (p->err.code) {
        *e = p->err;
        return e->code;
    }
    if (add_counts(out, super, sigma, total, e) < 0 || add_directories(out, p, *lines, e) < 0 ||
        append(&out->marks, &p->marks, e) < 0 || append(&out->perm, &p->rows.perm, e) < 0 ||
        append(&out->doc_order, &p->rows.doc_order, e) < 0 ||
        append(&out->ends, &p->rows.ends, e) < 0 || sect_add(w, p->blocks.p, p->blocks.len, e) < 0)
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

    if (spool_add(&out->mark_dir, mark, sizeof mark, e) < 0 ||
        spool_add(&out->marks, zero, PACKED_SLACK, e) < 0 || sect_add(w, zero, sizeof zero, e) < 0)
        return e->code;
    return sect_end(w, e);
}

static void free_pieces(struct piece *piece, size_t n)
{
    for (size_t i = 0; piece && i < n; i++) {
        buf_free(&piece[i].blocks);
        buf_free(&piece[i].marks);
        buf_free(&piece[i].rows.mark);
        buf_free(&piece[i].rows.perm);
        buf_free(&piece[i].rows.doc_order);
        buf_free(&piece[i].rows.ends);
    }
    free(piece);
}

static struct encoded nothing_in(struct spool_room *room)
{
    const struct spool empty = {.room = room};

    return (struct encoded){empty, empty, empty, empty, empty, empty, empty, empty};
}

int encode_rows(const struct row_source *src, const struct encode_opts *o, struct sect_writer *w,
                struct encoded *out, struct err *e)
{
    uint64_t supers = rank_supers(src->n), total[256] = {0}, lines = 0;
    size_t window = (size_t)o->threads * WINDOW_PER_THREAD;
    struct piece *piece = mem_zero(window, sizeof *piece, e);
    int rc;

    *out = nothing_in(o->room);
    rc = piece ? spool_reserve(&out->perm, 4 * samples_count(src->n, o->rate), e) : ERR_MEM;
    if (rc == 0)
        rc = sect_begin(w, "BLKS", SECT_REQUIRED, e);
    for (uint64_t s = 0; rc == 0 && s < supers; s += window) {
        int k = (int)(supers - s < window ? supers - s : window);
#pragma omp parallel for num_threads(k < o->threads ? k : o->threads) schedule(dynamic) if (k > 1)
        for (int i = 0; i < k; i++)
            encode_piece(src, o, &piece[i], s + (uint64_t)i);
        for (int i = 0; rc == 0 && i < k; i++)
            rc = put_piece(&piece[i], s + (uint64_t)i, src->sigma, total, &lines, w, out, e);
        if (o->progress)
            o->progress(o->progress_ctx, "encoding", (s + (uint64_t)k) << RANK_SUPER_LOG, src->n);
    }
    if (rc == 0)
        rc = finish(out, w, e);
    free_pieces(piece, window);
    return rc;
}

void encoded_free(struct encoded *x)
{
    spool_free(&x->super);
    spool_free(&x->dir);
    spool_free(&x->mark_dir);
    spool_free(&x->marks);
    spool_free(&x->perm);
    spool_free(&x->doc_order);
    spool_free(&x->ends);
    spool_free(&x->hyper);
}
