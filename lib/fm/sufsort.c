/* sufsort.c - a suffix sorter for collections, built around hiding cache misses.
 *
 * A suffix is of type S if it is smaller than the next one in the text, else of type L; a document
 * end is of type S; an S suffix after an L suffix is LMS. From the sorted LMS suffixes (the sample,
 * m <= n / 2 of them, in text about n / 3) the order of all follows in two passes over the suffix
 * array, which put the suffix before each one read at the next free place of its symbol's bucket
 * (Nong, Zhang and Chan 2009). Both passes stop at a document's first suffix, and bucket 0 holds
 * the ends in text order from the start, as in gSACA-K (Louza, Gog and Telles 2017), so nothing is
 * compared across documents. We differ in how the sample gets sorted: there, LMS substrings are
 * induced and named and the string of names is sorted by recursion. Here:
 *
 *  1. Collect the LMS positions and scatter them by two symbols.
 *
 *  2. Refine. A slice of 8,192 suffixes is sorted by its next 6 bytes (a 64-bit key, the place in
 *     the slice in its low bits), then what is still tied by the next 6, until it agrees on 20
 *     symbols and on all up to where the next LMS position shows. A group larger than a slice is
 *     first split by one or two symbols. Threads take slices.
 *
 *  3. Name. v[o] is the first place of the group of the o-th LMS position in the text; o is its
 *     ordinal.
 *
 *  4. Rank what is tied (in text, less than half). The members of a group are sorted by the groups
 *     of ordinal + h, for h = 1, 2, 4 and so on as in prefix doubling (Larsson and Sadakane 2007),
 *     but new groups are visible at once, and a sweep goes through the text from right to left: in
 *     a repeat each group waits for the next to its right, so it comes untied from its end on in
 *     one sweep. When the sweep for h begins every group agrees on h names; a document's end is
 *     alone in its group; so ordinal + h never leaves the document.
 *
 *  5. Induce. A bit in each entry says whether the suffix before it is of the running pass's type,
 *     so the text is read once a suffix; entries go through a ring between prefetch and use. With
 *     threads, a block of entries, all of them final, is read in chunks, counted by symbol, and
 *     written, each chunk behind the ones before it: to the same places as with one thread.
 *
 * Naming by the first symbols in place of the LMS substring is sound because where an LMS substring
 * ends is settled by the symbols up to the first rise after it (decided()): groups that agree
 * that far agree on where their next LMS positions are.
 *
 * The array through the stages:
 *
 *     stage  sa[0..m)                            sa[m..n)
 *     1                                          LMS positions in text order (upper half)
 *     2      LMS positions by bin, by group      copy of a group that is being split
 *     3      the same                            group of LMS position p at p / 2; packed
 *     4      ordinals if tied, else positions    v
 *     5      positions, then all suffixes        positions by ordinal, then all suffixes
 *
 * Cost: about linear on text: 15 to 20 MB/s with one thread and 22 to 34 with two on two idle cores
 * (Sapphire Rapids; 200 and 64 MB), where libdivsufsort has 9 to 10. Stages 1 to 3 and 5 use the
 * threads, stage 4 (a sixth of the time) does not. Stage 5 joins them every 10^6 entries, so on
 * cores that others keep busy a second thread can cost more than it brings. Stage 4 is
 * O(m log^2 m) at worst, on a text that is one period or one Fibonacci word throughout: 3 to 7 MB/s
 * at 50 MB.
 */
#include "fm/sufsort.h"

#include <omp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fm/sufsort_int.h"

/* ---- sorting keys ---- */

static void sort_keys(uint64_t *a, uint64_t *tmp, size_t n);

/* Up to 16 keys, by counting for each how many are smaller: no branch to mispredict. */
static void sort_few(uint64_t *a, size_t n)
{
    uint64_t copy[16];
    uint32_t rank[16];

    for (size_t i = 0; i < n; i++) {
        uint32_t r = 0;
        copy[i] = a[i];
        for (size_t j = 0; j < i; j++) {
            uint32_t less = copy[j] < copy[i];
            r += less;
            rank[j] += !less;
        }
        rank[i] = r;
    }
    for (size_t i = 0; i < n; i++)
        a[rank[i]] = copy[i];
}

/* By the first 8 bits that differ, then each part by itself. */
static void sort_radix(uint64_t *a, uint64_t *tmp, size_t n)
{
    uint32_t end[256] = {0}, sum = 0;
    uint64_t diff = 1;

    for (size_t i = 1; i < n; i++)
        diff |= a[i] ^ a[0];
    int top = 63 - __builtin_clzll(diff), shift = top > 7 ? top - 7 : 0;
    for (size_t i = 0; i < n; i++)
        end[a[i] >> shift & 255]++;
    for (size_t b = 0; b < 256; b++) {
        uint32_t len = end[b];
        end[b] = sum;
        sum += len;
    }
    for (size_t i = 0; i < n; i++)
        tmp[end[a[i] >> shift & 255]++] = a[i];
    memcpy(a, tmp, n * sizeof *a);
    if (shift == 0)
        return;
    for (size_t b = 0, from = 0; b < 256; from = end[b++])
        if (end[b] - from > 1)
            sort_keys(a + from, tmp, end[b] - from);
}

/* Moves the keys below a pivot to the front and returns their number, from 1 to n - 1. */
static size_t partition(uint64_t *a, size_t n)
{
    uint64_t x = a[n / 4], y = a[n / 2], z = a[n - n / 4];
    uint64_t lo = x < y ? x : y, hi = x < y ? y : x, pivot = z < lo ? lo : z > hi ? hi : z;
    size_t j = 0;

    for (size_t i = 0; i < n; i++) {
        uint64_t v = a[i];
        a[i] = a[j];
        a[j] = v;
        j += v < pivot;
    }
    return j;
}

/* Sorts distinct keys; tmp has room for n. */
static void sort_keys(uint64_t *a, uint64_t *tmp, size_t n)
{
    if (n == 2) {
        uint64_t x = a[0], y = a[1];
        a[0] = x < y ? x : y;
        a[1] = x < y ? y : x;
        return;
    }
    if (n >= 400) {
        sort_radix(a, tmp, n);
        return;
    }
    while (n > 16) {
        size_t below = partition(a, n);
        sort_keys(a, tmp, below);
        a += below;
        n -= below;
    }
    sort_few(a, n);
}

/* ---- keys: the next symbols as one number, zeros from the first document end on ---- */

/* 6 bytes in the upper 48 bits. */
static inline uint64_t key_u8(const uint8_t *t, int64_t n, int64_t i)
{
    uint64_t v = 0, zero;

    if (__builtin_expect(i + 8 <= n, 1))
        memcpy(&v, t + i, 8);
    else
        memcpy(&v, t + i, (size_t)(n - i));
    zero = (v - 0x0101010101010101u) & ~v & 0x8080808080808080u;
    if (__builtin_expect(zero != 0, 0))
        v &= (zero & -zero) - 1; /* the lowest mark is exact, and the symbols below it stay */
    return __builtin_bswap64(v) & ~(uint64_t)0xffff;
}

/* 5 symbols of 9 bits. */
static inline uint64_t key_u16(const uint16_t *t, int64_t n, int64_t i)
{
    uint64_t v = 0;

    for (int k = 0; k < 5; k++) {
        uint64_t c = i < n ? t[i] : 0;
        v = v << 9 | c;
        i += c > 0;
    }
    return v << SS_KEY_LOW;
}

/* ---- ranking what the symbols left tied ---- */

/* Packs the nonzero entries of v[0..len) to the front; returns their number. */
static uint32_t pack(uint32_t *v, uint32_t len)
{
    uint32_t k = 0;

    for (uint32_t i = 0; i < len; i++) {
        uint32_t x = v[i];
        v[k] = x;
        k += x != 0;
    }
    return k;
}

/* The groups that begin in lms[from..to), a range that begins and ends with a group: writes each
 * member's group number (its first place + 1, SS_FLAG if it has several members) to v[position / 2]
 * and how many members are to come to the group's first entry. */
static void name_range(uint32_t *lms, uint32_t from, uint32_t to, uint32_t *v)
{
    for (uint32_t i = from, j; i < to; i = j) {
        for (j = i + 1; j < to && !(lms[j] & SS_FLAG); j++)
            ;
        for (uint32_t x = i; x < j; x++) {
            uint32_t ahead = x + SS_AHEAD < to ? x + SS_AHEAD : x;
            __builtin_prefetch(v + (lms[ahead] & ~SS_FLAG) / 2, 1);
            v[(lms[x] & ~SS_FLAG) / 2] = (i + 1) | (j > i + 1 ? SS_FLAG : 0);
        }
        if (j > i + 1)
            lms[i] = SS_FLAG | SS_LAST | (j - i - 1);
        else
            lms[i] &= ~SS_FLAG;
    }
}

/* Puts the undecided among the SS_STEP ordinals below o into the ring and asks for the heads of
 * their groups, which are wanted SS_LAG entries later. Returns the ordinal to go on below. */
static inline uint32_t feed_undecided(struct ring *r, const uint32_t *lms, const uint32_t *v,
                                      uint32_t o)
{
    uint32_t stop = o > SS_STEP ? o - SS_STEP : 0, was = r->wr;

    while (o > stop) {
        r->at[r->wr] = --o;
        r->wr += v[o] >> 31;
    }
    for (const uint32_t *p = r->at + was; p < r->at + r->wr; p++)
        __builtin_prefetch(lms + (v[*p] & SS_ORD) - 1, 1);
    return o;
}

/* Fills the places of groups with several members with their ordinals, flagged, the group's last
 * entry with SS_LAST; the first entry counts what is to come. */
static void fill_groups(uint32_t *lms, const uint32_t *v, uint32_t m)
{
    struct ring r;

    r.rd = r.wr = 0;
    for (uint32_t o = m; o > 0 || r.wr > r.rd; ring_trim(&r)) {
        uint32_t keep = o > 0 ? SS_LAG : 0;
        o = feed_undecided(&r, lms, v, o);
        for (; r.wr - r.rd > keep; r.rd++) {
            uint32_t ord = r.at[r.rd], *g = lms + (v[ord] & SS_ORD) - 1;
            uint32_t left = *g & SS_ORD, last = *g & SS_LAST;
            g[left] = ord | SS_FLAG | last;
            if (left > 0)
                *g = SS_FLAG | (left - 1);
        }
    }
}

/* From the flagged groups of the sorted sample lms = sa[0..m) makes v = sa[m..2m), the group number
 * of the o-th LMS position in the text, and puts ordinals for positions in groups that have several
 * members. False if there is none: then nothing but clearing the flags is done. */
static bool name_groups(struct sufsort *s)
{
    uint32_t *lms = s->sa, *v = lms + s->m, m = (uint32_t)s->m, edge[SS_THREADS_MAX + 1];
    int64_t half = (s->n + 1) / 2, tied = 0;
    int threads = s->threads;

#pragma omp parallel for num_threads(threads) schedule(static) reduction(+ : tied)
    for (uint32_t i = 0; i < m; i++)
        tied += !(lms[i] & SS_FLAG);
    if (tied == 0) {
        for (uint32_t i = 0; i < m; i++)
            lms[i] &= ~SS_FLAG;
        return false;
    }
    edge[threads] = m;
    for (int k = 0; k < threads; k++)
        for (edge[k] = (uint32_t)cut(m, k, threads); edge[k] < m && !(lms[edge[k]] & SS_FLAG);)
            edge[k]++;
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int k = 0; k < threads; k++)
        memset(v + cut(half, k, threads), 0,
               (size_t)(cut(half, k + 1, threads) - cut(half, k, threads)) * sizeof *v);
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int k = 0; k < threads; k++)
        name_range(lms, edge[k], edge[k + 1], v);
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int k = 0; k < threads; k++) {
        int64_t from = cut(half, k, threads);
        edge[k] = pack(v + from, (uint32_t)(cut(half, k + 1, threads) - from));
    }
    for (int64_t k = 1, to = edge[0]; k < threads; to += edge[k++])
        memmove(v + to, v + cut(half, (int)k, threads), edge[k] * sizeof *v);
    fill_groups(lms, v, m);
    return true;
}

static inline uint32_t rank_at(const uint32_t *v, uint32_t entry, uint32_t h)
{
    return v[(entry & SS_ORD) + h] & SS_ORD;
}

/* In a large group, fetches what rank_at will want for the entry SS_AHEAD after g[i]. */
static inline void prefetch_rank(const uint32_t *v, const uint32_t *g, uint32_t i, uint32_t len,
                                 uint32_t h)
{
    if (i + SS_AHEAD < len)
        __builtin_prefetch(v + (g[i + SS_AHEAD] & SS_ORD) + h);
}

/* Three-way partition of a large group around some member's rank: places [*lt, *gt) are equal. */
static void split_group(uint32_t *g, uint32_t len, const uint32_t *v, uint32_t h, uint32_t *lt,
                        uint32_t *gt)
{
    uint32_t pick = (uint32_t)((uint64_t)(len * 0x9e3779b1u ^ g[0]) * len >> 32);
    uint32_t pivot = rank_at(v, g[pick], h), i = 0, lo = 0, hi = len;

    while (i < hi) {
        uint32_t x = g[i], r = rank_at(v, x, h);
        prefetch_rank(v, g, i, hi, h);
        if (r < pivot) {
            g[i++] = g[lo];
            g[lo++] = x;
        } else if (r > pivot) {
            g[i] = g[--hi];
            g[hi] = x;
        } else {
            i++;
        }
    }
    *lt = lo;
    *gt = hi;
}

/* Sorts a group, without SS_LAST inside, by the ranks h ordinals on and marks the last of each set
 * of equals with SS_LAST. */
static void sort_group(uint32_t *g, uint32_t len, const uint32_t *v, uint32_t h, struct scratch *w)
{
    while (len > SS_SLICE) {
        uint32_t lt, gt;
        split_group(g, len, v, h, &lt, &gt);
        g[gt - 1] |= SS_LAST;
        if (lt < len - gt) {
            sort_group(g, lt, v, h, w);
            g += gt;
            len -= gt;
        } else {
            sort_group(g + gt, len - gt, v, h, w);
            len = lt;
        }
    }
    for (uint32_t i = 0; i < len; i++) {
        prefetch_rank(v, g, i, len, h);
        w->key[i] = (uint64_t)rank_at(v, g[i], h) << 32 | g[i];
    }
    if (len > 1)
        sort_keys(w->key, w->tmp, len);
    for (uint32_t i = 0; i < len; i++) {
        bool last = i + 1 == len || w->key[i] >> 32 != w->key[i + 1] >> 32;
        g[i] = (uint32_t)w->key[i] | (last ? SS_LAST : 0);
    }
}

/* Sorts the group at `at` and gives its members their new group numbers. */
static void visit(uint32_t *lms, uint32_t at, uint32_t *v, uint32_t h, struct scratch *w)
{
    uint32_t len = 1, *g = lms + at;

    while (!(g[len - 1] & SS_LAST))
        len++;
    g[len - 1] &= ~SS_LAST;
    sort_group(g, len, v, h, w);
    for (uint32_t i = 0, j; i < len; i = j) {
        for (j = i + 1; !(g[j - 1] & SS_LAST); j++)
            ;
        uint32_t bits = j == i + 1 ? 0 : j - i <= SS_SMALL ? SS_FLAG : SS_FLAG | SS_LAST;
        for (uint32_t x = i; x < j; x++) {
            prefetch_rank(v, g, x, len, 0);
            v[g[x] & SS_ORD] = (at + i + 1) | bits;
        }
    }
}

/* Prefetches what a visit of ord's group will read first. */
static inline void prefetch_visit(const uint32_t *lms, const uint32_t *v, uint32_t ord, uint32_t h)
{
    const uint32_t *g = lms + (v[ord] & SS_ORD) - 1;

    if ((v[ord] & (SS_FLAG | SS_LAST)) != SS_FLAG)
        return;
    for (int i = 0; i < SS_SMALL; i++) {
        __builtin_prefetch(v + h + (g[i] & SS_ORD), 1);
        if (g[i] & SS_LAST)
            return;
    }
}

/* Walks the text from right to left and visits each undecided ordinal's group. Returns how many
 * are left undecided. */
static uint32_t sweep(uint32_t *lms, uint32_t *v, uint32_t m, uint32_t h, struct scratch *w)
{
    struct ring r;
    uint32_t left = 0;

    r.rd = r.wr = 0;
    for (uint32_t o = m; o > 0 || r.wr > r.rd; ring_trim(&r)) {
        uint32_t keep = o > 0 ? SS_LAG : 0;
        o = feed_undecided(&r, lms, v, o);
        for (; r.wr - r.rd > keep; r.rd++) {
            uint32_t ord = r.at[r.rd];
            if (r.wr - r.rd > SS_LAG / 2)
                prefetch_visit(lms, v, r.at[r.rd + SS_LAG / 2], h);
            if ((v[ord] & (SS_FLAG | SS_LAST)) == SS_FLAG)
                visit(lms, (v[ord] & SS_ORD) - 1, v, h, w);
        }
    }
    for (uint32_t o = 0; o < m; o++) {
        left += v[o] >> 31;
        v[o] &= ~SS_LAST;
    }
    return left;
}

static void rank_sample(struct sufsort *s)
{
    uint32_t left = 1;

    for (uint32_t h = 1; left > 0; h *= 2)
        left = sweep(s->sa, s->sa + s->m, (uint32_t)s->m, h, s->w);
}

/* ---- the two symbol types ---- */

#define SYM      uint8_t
#define SYM_K    256u
#define SYM_KEY  6
#define SYM_LAST ((uint64_t)0xff << SS_KEY_LOW)
#define FN(x)    x##_u8
#include "fm/sufsort_body.h"
#undef SYM
#undef SYM_K
#undef SYM_KEY
#undef SYM_LAST
#undef FN

#define SYM      uint16_t
#define SYM_K    257u
#define SYM_KEY  5
#define SYM_LAST ((uint64_t)0x1ff << SS_KEY_LOW)
#define FN(x)    x##_u16
#include "fm/sufsort_body.h"
#undef SYM
#undef SYM_K
#undef SYM_KEY
#undef SYM_LAST
#undef FN

/* ---- public ---- */

static void scratch_free(struct scratch *w)
{
    free(w->hist);
    free(w->digit);
    free(w->todo);
    free(w->key);
    free(w->tmp);
    free(w->place);
    free(w->last);
    free(w->old);
    free(w->run);
    free(w->act[0]);
    free(w->act[1]);
    free(w->types);
}

static int scratch_init(struct scratch *w, int64_t n, size_t k, struct err *e)
{
    bool ok = (w->hist = mem_array(k * k, sizeof *w->hist, e)) &&
              (w->digit = mem_array(SS_DIGITS + 1, sizeof *w->digit, e)) &&
              (w->todo = mem_array((size_t)n / SS_SLICE + 1, sizeof *w->todo, e)) &&
              (w->key = mem_zero(SS_SLICE + 1, sizeof *w->key, e)) &&
              (w->tmp = mem_array(SS_SLICE, sizeof *w->tmp, e)) &&
              (w->place = mem_array(SS_SLICE, sizeof *w->place, e)) &&
              (w->last = mem_zero(SS_SLICE, sizeof *w->last, e)) &&
              (w->old = mem_array(SS_SLICE, sizeof *w->old, e)) &&
              (w->run = mem_array(SS_SLICE + 1, sizeof *w->run, e)) &&
              (w->act[0] = mem_array(SS_SLICE / 2, sizeof(struct span), e)) &&
              (w->act[1] = mem_array(SS_SLICE / 2, sizeof(struct span), e)) &&
              (w->types = mem_array(2 * k, sizeof *w->types, e));

    return ok ? 0 : e->code;
}

/* The chunks of the parallel induction hold n / 100 entries of 6 bytes. */
static int chunks_init(struct sufsort *s, size_t k, struct err *e)
{
    int64_t most = s->n / 100 / SS_CHUNK, least = 2 * s->threads;
    size_t room;

    if (s->threads == 1)
        return 0;
    most = most < SS_CHUNKS ? most : SS_CHUNKS;
    s->nchunks = (uint32_t)(most > least ? most : least);
    room = (size_t)s->nchunks * SS_CHUNK;
    s->chunk = mem_array(s->nchunks, sizeof *s->chunk, e);
    s->val = mem_array(room, sizeof *s->val, e);
    s->sym = mem_array(room, sizeof *s->sym, e);
    s->count = mem_array(s->nchunks * k, sizeof *s->count, e);
    if (!s->chunk || !s->val || !s->sym || !s->count)
        return e->code;
    for (uint32_t i = 0; i < s->nchunks; i++)
        s->chunk[i] = (struct chunk){.val = s->val + (size_t)i * SS_CHUNK,
                                     .sym = s->sym + (size_t)i * SS_CHUNK,
                                     .count = s->count + i * k};
    return 0;
}

/* Exactly one of t8 and t16 is the text. */
static int sort_text(const uint8_t *t8, const uint16_t *t16, int32_t *sa, int64_t n, int threads,
                     struct err *e)
{
    struct sufsort s = {.sa = (uint32_t *)sa, .n = n};
    size_t k = t8 ? 256 : 257;
    uint32_t *ends = NULL, *jobs = NULL;
    int rc = -1;

    s.threads = threads < 1 || n <= SS_SERIAL ? 1
                : threads < SS_THREADS_MAX    ? threads
                                              : SS_THREADS_MAX;
    s.w = mem_zero((size_t)s.threads, sizeof *s.w, e);
    if (!s.w)
        return e->code;
    for (int i = 0; i < s.threads; i++)
        if (scratch_init(s.w + i, n, k, e) < 0)
            goto done;
    if (chunks_init(&s, k, e) < 0)
        goto done;
    ends = mem_array(k * k, sizeof *ends, e);
    jobs = ends ? mem_array(k * k + 1, sizeof *jobs, e) : NULL;
    if (!jobs)
        goto done;
    if (t8)
        sufsort_u8(&s, t8, ends, jobs);
    else
        sufsort_u16(&s, t16, ends, jobs);
    rc = 0;
done:
    for (int i = 0; i < s.threads; i++)
        scratch_free(s.w + i);
    free(s.w);
    free(s.chunk);
    free(s.val);
    free(s.sym);
    free(s.count);
    free(ends);
    free(jobs);
    return rc < 0 ? e->code : 0;
}

static int bad_length(int64_t n, struct err *e)
{
    return err_set(e, ERR_USAGE, "text of %lld symbols: at most %lld can be sorted at once",
                   (long long)n, (long long)FM_SUFSORT_MAX);
}

static int bad_text(struct err *e)
{
    return err_set(e, ERR_USAGE,
                   "text to be sorted does not end with a document's end or has a "
                   "symbol above 256");
}

int fm_sufsort8(const uint8_t *text, int32_t *sa, int64_t n, int threads, struct err *e)
{
    if (n < 0 || n > FM_SUFSORT_MAX)
        return bad_length(n, e);
    if (n == 0)
        return 0;
    if (text[n - 1] != 0)
        return bad_text(e);
    return sort_text(text, NULL, sa, n, threads, e);
}

int fm_sufsort16(const uint16_t *text, int32_t *sa, int64_t n, int threads, struct err *e)
{
    uint16_t most = 0;

    if (n < 0 || n > FM_SUFSORT_MAX)
        return bad_length(n, e);
    if (n == 0)
        return 0;
    for (int64_t i = 0; i < n; i++)
        most = text[i] > most ? text[i] : most;
    if (most > 256 || text[n - 1] != 0)
        return bad_text(e);
    return sort_text(NULL, text, sa, n, threads, e);
}
