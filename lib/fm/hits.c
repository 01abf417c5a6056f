/* hits.c - occurrences as ranges of rows, and their places. */
#include <stdlib.h>
#include <string.h>

#include "base/par.h"
#include "base/rand.h"
#include "fm/set.h"

enum { LOCATE_LEAST = 256, LOCATE_CHUNK = 2048, FIRST_SLICE = 1 << 18 };

static int add_range(struct fm_hits *h, size_t shard, struct fm_range r, struct err *e)
{
    if (r.lo >= r.hi)
        return 0;
    if (mem_reserve(&h->range, &h->cap, h->n + 1, sizeof *h->range, e) < 0)
        return e->code;
    h->range[h->n++] = (struct hit_range){shard, r};
    h->count += r.hi - r.lo;
    return 0;
}

/* ---- either case ---- */

struct fold {
    struct fm_range *now, *then; /* ranges before and after one more byte */
    size_t n, n_then, cap, cap_then;
};

static bool is_letter(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static int fold_step(const struct shard *s, struct fold *f, uint8_t c, struct err *e)
{
    uint8_t byte[RANK_BATCH];
    uint64_t lo[RANK_BATCH], hi[RANK_BATCH];

    for (size_t at = 0; at < f->n; at += RANK_BATCH) {
        size_t k = f->n - at < RANK_BATCH ? f->n - at : RANK_BATCH;
        for (size_t i = 0; i < k; i++) {
            byte[i] = c;
            lo[i] = f->now[at + i].lo;
            hi[i] = f->now[at + i].hi;
        }
        shard_step(s, k, byte, lo, hi);
        if (mem_reserve(&f->then, &f->cap_then, f->n_then + k, sizeof *f->then, e) < 0)
            return e->code;
        for (size_t i = 0; i < k; i++)
            if (lo[i] < hi[i])
                f->then[f->n_then++] = (struct fm_range){lo[i], hi[i]};
    }
    return 0;
}

static uint64_t rows_of(const struct fm_range *r, size_t n)
{
    uint64_t rows = 0;

    for (size_t i = 0; i < n; i++)
        rows += r[i].hi - r[i].lo;
    return rows;
}

/* Every spelling that occurs is a range of its own: no more of them than occurrences. A step never
 * leads from more rows to more, and in a damaged file that alone keeps the ranges few. */
static int find_folded(struct fm_hits *h, size_t shard, struct fm_text pat, struct err *e)
{
    const struct shard *s = h->fm->shard[shard];
    struct fold f = {0};
    int rc = mem_reserve(&f.now, &f.cap, 1, sizeof *f.now, e);

    if (rc == 0)
        f.now[f.n++] = (struct fm_range){0, s->head.n};
    for (size_t i = pat.len; rc == 0 && i-- > 0;) {
        uint8_t c = (uint8_t)pat.p[i];
        f.n_then = 0;
        rc = fold_step(s, &f, c, e);
        if (rc == 0 && is_letter(c))
            rc = fold_step(s, &f, c ^ 0x20, e);
        if (rc == 0 && rows_of(f.then, f.n_then) > rows_of(f.now, f.n))
            rc = sect_bad(s->file, "BLKS", "one row is reached from two", e);
        f = (struct fold){f.then, f.now, f.n_then, 0, f.cap_then, f.cap};
    }
    for (size_t i = 0; rc == 0 && i < f.n; i++)
        rc = add_range(h, shard, f.now[i], e);
    free(f.now);
    free(f.then);
    return rc;
}

int fm_hits_find(struct fm_hits *h, const struct fm *fm, struct fm_text pat, bool fold_case,
                 struct err *e)
{
    int rc = 0;

    *h = (struct fm_hits){.fm = fm};
    for (size_t i = 0; rc == 0 && pat.len > 0 && i < fm->n_shards; i++) {
        struct fm_range r;
        if (fold_case) {
            rc = find_folded(h, i, pat, e);
        } else {
            shard_search(fm->shard[i], &pat, 1, &r);
            rc = add_range(h, i, r, e);
        }
    }
    if (rc < 0)
        fm_hits_free(h);
    return rc;
}

void fm_hits_free(struct fm_hits *h)
{
    free(h->range);
    *h = (struct fm_hits){0};
}

/* ---- places ---- */

/* The places of rows that are given by their number among all hits, growing. */
static void locate_chunk(const struct fm_hits *h, const uint64_t *number, uint64_t first, size_t n,
                         struct fm_place *place)
{
    uint64_t row[LOCATE_CHUNK], pos[LOCATE_CHUNK], before = 0;
    size_t r = 0, i = 0;

    while (i < n) {
        size_t k = 0;
        uint64_t at;
        const struct shard *s;
        for (; at = number ? number[i] : first + i,
               at - before >= h->range[r].rows.hi - h->range[r].rows.lo;
             r++)
            before += h->range[r].rows.hi - h->range[r].rows.lo;
        s = h->fm->shard[h->range[r].shard];
        for (; i + k < n; k++) {
            at = number ? number[i + k] : first + i + k;
            if (at - before >= h->range[r].rows.hi - h->range[r].rows.lo)
                break;
            row[k] = h->range[r].rows.lo + (at - before);
        }
        shard_locate(s, row, k, pos);
        for (size_t j = 0; j < k; j++) {
            uint64_t doc = shard_doc_at(s, pos[j]);
            place[i + j] = (struct fm_place){h->fm->first_doc[h->range[r].shard] + doc,
                                             pos[j] - shard_doc_start(s, doc)};
        }
        i += k;
    }
}

static int by_place(const void *a, const void *b)
{
    const struct fm_place *x = a, *y = b;

    if (x->doc != y->doc)
        return x->doc < y->doc ? -1 : 1;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

/* Places of the hits `number[0..n)`, or of first, first + 1, ... when there are no numbers. */
static void locate_numbers(const struct fm_hits *h, const uint64_t *number, uint64_t first,
                           uint64_t n, struct fm_place *place, int threads)
{
    struct par_chunks c = par_split(n, LOCATE_LEAST, LOCATE_CHUNK, threads);

#pragma omp parallel for num_threads(c.team) schedule(dynamic) if (c.team > 1)
    for (int64_t i = 0; i < c.count; i++) {
        uint64_t from = (uint64_t)i * c.size;
        size_t k = n - from < c.size ? (size_t)(n - from) : (size_t)c.size;
        locate_chunk(h, number ? number + from : NULL, first + from, k, place + from);
    }
}

static void sort_places(struct fm_place *place, uint64_t n)
{
    if (n)
        qsort(place, n, sizeof *place, by_place);
}

void hits_locate_some(const struct fm_hits *h, uint64_t first, uint64_t n, struct fm_place *place,
                      int threads)
{
    locate_numbers(h, NULL, first, n, place, threads);
}

void fm_hits_locate(const struct fm_hits *h, struct fm_place *place, int threads)
{
    locate_numbers(h, NULL, 0, h->count, place, threads);
    sort_places(place, h->count);
}

int fm_hits_first(const struct fm_hits *h, uint64_t k, struct fm_place *place, int threads,
                  struct err *e)
{
    uint64_t slice = k > FIRST_SLICE ? k : FIRST_SLICE, have = 0;
    struct fm_place *all;

    if (slice > h->count)
        slice = h->count;
    all = mem_array(k + slice, sizeof *all, e);
    if (!all)
        return e->code;
    for (uint64_t from = 0; from < h->count; from += slice) {
        uint64_t n = h->count - from < slice ? h->count - from : slice;
        locate_numbers(h, NULL, from, n, all + have, threads);
        sort_places(all, have + n);
        have = have + n < k ? have + n : k;
    }
    memcpy(place, all, have * sizeof *place);
    free(all);
    return 0;
}

/* ---- a uniform sample (Floyd 1987): k different numbers below n, with k draws ---- */

struct chosen {
    uint64_t *slot; /* open addressing; 0 is free, else the number plus one */
    uint64_t mask;
};

static bool choose(struct chosen *c, uint64_t v)
{
    uint64_t i = (v * UINT64_C(0x9e3779b97f4a7c15)) >> 20;

    for (;; i++) {
        uint64_t *slot = &c->slot[i & c->mask];
        if (*slot == v + 1)
            return false;
        if (*slot == 0) {
            *slot = v + 1;
            return true;
        }
    }
}

static int by_number(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

int fm_hits_sample(const struct fm_hits *h, uint64_t k, uint64_t seed, struct fm_place *place,
                   int threads, struct err *e)
{
    struct chosen c = {.mask = 1};
    uint64_t *number, state = seed;

    while (c.mask < 2 * k)
        c.mask = 2 * c.mask + 1;
    c.slot = mem_zero(c.mask + 1, sizeof *c.slot, e);
    number = mem_array(k, sizeof *number, e);
    if (!c.slot || !number) {
        free(c.slot);
        free(number);
        return e->code;
    }
    for (uint64_t i = 0; i < k; i++) {
        uint64_t top = h->count - k + i, v = rand_below(&state, top + 1);
        if (!choose(&c, v)) {
            choose(&c, top);
            v = top;
        }
        number[i] = v;
    }
    free(c.slot);
    if (k)
        qsort(number, k, sizeof *number, by_number);
    locate_numbers(h, number, 0, k, place, threads);
    sort_places(place, k);
    free(number);
    return 0;
}
