/* doccount.c - in how many documents does each pattern occur, exactly.
 *
 * Two ways: locate every occurrence and mark its document, about half a sampling distance of LF
 * steps each; or read all the text once, one step a byte, and look each pattern up in it. Frequent
 * patterns share one pass when that is cheaper; the others are located.
 */
#include <stdlib.h>
#include <string.h>

#include "fm/set.h"

enum {
    SCAN_PER_STEP = 32, /* bytes that memmem() goes through in the time of one LF step */
    SLICE = 1 << 16,    /* occurrences located at a time */
    GROUP_BYTES = 1 << 20,
    GROUP_DOCS = 256,
};

struct dense {
    const struct fm_text *pat;
    size_t *which; /* patterns that the pass looks for */
    size_t n;
};

/* Half a sampling distance; of a set, the mean over its text. */
static uint64_t mean_walk(const struct fm *fm)
{
    double steps = 0, rows = 0;

    for (size_t i = 0; i < fm->n_shards; i++) {
        const struct fm_head *h = &fm->shard[i]->head;
        steps += (double)h->n * (double)(h->rate / 2);
        rows += (double)h->n;
    }
    return rows > 0 ? (uint64_t)(steps / rows) : 1;
}

/* Which patterns one pass over the text is worth: all whose own share of it, the looking up, is
 * less than their locating, if together they pay for the reading too. */
static void choose_dense(const struct fm *fm, const struct fm_text *pat, size_t n,
                         const uint64_t *count, struct dense *d)
{
    uint64_t own = fm->bytes / SCAN_PER_STEP, gain = 0, walk = mean_walk(fm);

    for (size_t i = 0; i < n; i++) {
        uint64_t locate = count[i] * walk;
        if (pat[i].len == 0 || locate <= own)
            continue;
        d->which[d->n++] = i;
        gain += locate - own;
    }
    if (gain <= fm->bytes)
        d->n = 0;
}

/* Documents [from, to) read in one go and searched; counts are added to found[]. */
static int scan_group(const struct fm *fm, const struct dense *d, uint64_t from, uint64_t to,
                      uint64_t *found, struct err *e)
{
    uint64_t total = 0, docs = to - from;
    struct fm_piece *piece = mem_array(docs, sizeof *piece, e);
    char *text = NULL;

    for (uint64_t i = 0; piece && i < docs; i++) {
        piece[i] = (struct fm_piece){from + i, 0, fm_doc_bytes(fm, from + i), NULL};
        total += piece[i].len;
    }
    text = piece ? mem_array(total, 1, e) : NULL;
    if (text) {
        uint64_t at = 0;
        for (uint64_t i = 0; i < docs; at += piece[i++].len)
            piece[i].dst = text + at;
        fm_read(fm, piece, docs, 1);
        for (size_t k = 0; k < d->n; k++) {
            struct fm_text p = d->pat[d->which[k]];
            for (uint64_t i = 0; i < docs; i++)
                found[k] += memmem(piece[i].dst, piece[i].len, p.p, p.len) != NULL;
        }
    }
    free(piece);
    free(text);
    return text ? 0 : e->code;
}

static uint64_t group_end(const struct fm *fm, uint64_t from)
{
    uint64_t to = from, bytes = 0, docs = fm_docs(fm);

    while (to < docs && to - from < GROUP_DOCS && bytes < GROUP_BYTES)
        bytes += fm_doc_bytes(fm, to++);
    return to;
}

static int scan_all(const struct fm *fm, const struct dense *d, uint64_t *docs, int threads,
                    progress_fn *progress, void *ctx, struct err *e)
{
    size_t slots = (size_t)threads;
    uint64_t *found = mem_zero(slots * d->n, sizeof *found, e), next = 0;
    uint64_t *end = mem_array(slots + 1, sizeof *end, e);
    struct err *errs = mem_zero(slots, sizeof *errs, e);
    int rc = found && end && errs ? 0 : e->code;

    while (rc == 0 && next < fm_docs(fm)) {
        end[0] = next;
        for (size_t t = 0; t < slots; t++)
            end[t + 1] = group_end(fm, end[t]);
        next = end[slots];
#pragma omp parallel for num_threads(threads) schedule(dynamic)
        for (size_t t = 0; t < slots; t++)
            if (end[t] < end[t + 1])
                scan_group(fm, d, end[t], end[t + 1], found + t * d->n, &errs[t]);
        for (size_t t = 0; rc == 0 && t < slots; t++)
            if (errs[t].code) {
                *e = errs[t];
                rc = e->code;
            }
        if (progress)
            progress(ctx, "reading documents", next, fm_docs(fm));
    }
    for (size_t k = 0; rc == 0 && k < d->n; k++) {
        docs[d->which[k]] = 0;
        for (size_t t = 0; t < slots; t++)
            docs[d->which[k]] += found[t * d->n + k];
    }
    free(found);
    free(end);
    free(errs);
    return rc;
}

/* A bit for each document, a count of the set ones. */
struct seen {
    unsigned char *bits;
    uint64_t bytes, docs;
};

static void mark(struct seen *s, uint64_t doc)
{
    unsigned char bit = (unsigned char)(1u << (doc & 7));

    s->docs += !(s->bits[doc >> 3] & bit);
    s->bits[doc >> 3] |= bit;
}

static int count_located(const struct fm *fm, struct fm_text pat, struct fm_place *place,
                         struct seen *seen, int threads, struct err *e)
{
    struct fm_hits h;

    seen->docs = 0;
    memset(seen->bits, 0, seen->bytes);
    if (fm_hits_find(&h, fm, pat, false, e) < 0)
        return e->code;
    for (uint64_t from = 0; from < h.count; from += SLICE) {
        uint64_t k = h.count - from < SLICE ? h.count - from : SLICE;
        hits_locate_some(&h, from, k, place, threads);
        for (uint64_t i = 0; i < k; i++)
            mark(seen, place[i].doc);
    }
    fm_hits_free(&h);
    return 0;
}

static uint64_t nonempty_docs(const struct fm *fm)
{
    uint64_t n = 0;

    for (uint64_t d = 0; d < fm_docs(fm); d++)
        n += fm_doc_bytes(fm, d) > 0;
    return n;
}

static int locate_rest(const struct fm *fm, const struct fm_text *pat, size_t n,
                       const struct dense *d, uint64_t *docs, int threads, struct err *e)
{
    struct fm_place *place = mem_array(SLICE, sizeof *place, e);
    struct seen seen = {.bytes = fm_docs(fm) / 8 + 1};
    size_t k = 0;
    int rc = 0;

    seen.bits = mem_array(seen.bytes, 1, e);
    if (!place || !seen.bits)
        rc = e->code;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (k < d->n && d->which[k] == i) {
            k++;
        } else if (pat[i].len == 0) {
            docs[i] = nonempty_docs(fm);
        } else {
            rc = count_located(fm, pat[i], place, &seen, threads, e);
            docs[i] = seen.docs;
        }
    }
    free(place);
    free(seen.bits);
    return rc;
}

int fm_count_docs(const struct fm *fm, const struct fm_text *pat, size_t n, uint64_t *docs,
                  int threads, progress_fn *progress, void *ctx, struct err *e)
{
    struct dense d = {.pat = pat};
    uint64_t *count = mem_array(n, sizeof *count, e);
    int rc = 0;

    threads = threads > 0 ? threads : 1;
    d.which = mem_array(n, sizeof *d.which, e);
    if (!count || !d.which) {
        free(count);
        free(d.which);
        return e->code;
    }
    fm_count(fm, pat, n, count, threads);
    choose_dense(fm, pat, n, count, &d);
    if (d.n)
        rc = scan_all(fm, &d, docs, threads, progress, ctx, e);
    if (rc == 0)
        rc = locate_rest(fm, pat, n, &d, docs, threads, e);
    free(count);
    free(d.which);
    return rc;
}
