/* sufsort.c - see sufsort.h. */
#include "fm/sufsort.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fm/sufsort_int.h"

/* Distinct 64-bit keys, ascending. tmp has room for n. */
static void sort_keys(uint64_t *a, uint64_t *tmp, size_t n)
{
    while (n > 16) {
        if (n >= 400) {
            uint32_t count[256] = {0}, sum = 0;
            uint64_t diff = 0;
            for (size_t i = 1; i < n; i++)
                diff |= a[i] ^ a[0];
            int top = 63 - __builtin_clzll(diff | 1), shift = top > 7 ? top - 7 : 0;
            for (size_t i = 0; i < n; i++)
                count[a[i] >> shift & 255]++;
            for (size_t b = 0; b < 256; b++) {
                uint32_t len = count[b];
                count[b] = sum;
                sum += len;
            }
            for (size_t i = 0; i < n; i++)
                tmp[count[a[i] >> shift & 255]++] = a[i];
            memcpy(a, tmp, n * sizeof *a);
            for (size_t b = 0, from = 0; b < 256; from = count[b++])
                if (shift && count[b] - from > 1)
                    sort_keys(a + from, tmp, count[b] - from);
            return;
        }
        /* Quicksort: branchless partition. */
        uint64_t x = a[n / 4], y = a[n / 2], z = a[n - n / 4];
        uint64_t lo = x < y ? x : y, hi = x < y ? y : x;
        uint64_t pivot = z < lo ? lo : z > hi ? hi : z;
        size_t j = 0;
        for (size_t i = 0; i < n; i++) {
            uint64_t v = a[i];
            a[i] = a[j];
            a[j] = v;
            j += v < pivot;
        }
        /* All keys below the pivot are in [0, j). */
        sort_keys(a, tmp, j);
        a += j;
        n -= j;
    }
    uint32_t rank[20];
    if (n == 2) {
        uint64_t x = a[0], y = a[1];
        a[0] = x < y ? x : y;
        a[1] = x < y ? y : x;
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t r = 0;
        tmp[i] = a[i];
        for (uint32_t j = 0; j < i; j++) {
            uint32_t less = a[j] < a[i];
            r += less;
            rank[j] += !less;
        }
        rank[i] = r;
    }
    for (uint32_t i = 0; i < n; i++)
        a[rank[i]] = tmp[i];
}

/* The next 6 bytes at i as a big-endian number in the upper 48 bits; zeros from the first 0 on. */
static inline uint64_t key_u8(const uint8_t *t, int64_t n, int64_t i)
{
    uint64_t v = 0;

    if (__builtin_expect(i + 8 <= n, 1))
        memcpy(&v, t + i, 8);
    else
        memcpy(&v, t + i, (size_t)(n - i));
    uint64_t zero = (v - 0x0101010101010101u) & ~v & 0x8080808080808080u;
    if (__builtin_expect(zero != 0, 0))
        v &= (zero & -zero) - 1;
    return __builtin_bswap64(v) & ~(uint64_t)0xffff;
}

/* The next 5 symbols, 9 bits each, in bits 16 to 61 */
static inline uint64_t key_u16(const uint16_t *t, int64_t n, int64_t i)
{
    uint64_t v = 0;

    for (int k = 0; k < 5; k++) {
        uint64_t c = i < n ? t[i] : 0;
        v = v << 9 | c;
        i += c > 0;
    }
    return v << SS_BITS;
}

/* names: groups get ordinals */
static bool name_sample(struct sufsort *s, struct scratch *w)
{
    uint32_t *lms = s->sa, *v = s->sa + s->m, m = (uint32_t)s->m, k = 0, many = 0;
    size_t half = (size_t)(s->n + 1) / 2;

    (void)w;
    for (uint32_t i = 0; i < m; i++)
        many += !(lms[i] >> 31);
    if (many == 0) {
        for (uint32_t i = 0; i < m; i++)
            lms[i] &= ~SS_FLAG;
        return false;
    }
    memset(v, 0, half * sizeof *v);
    for (uint32_t i = 0, j; i < m; i = j) {
        for (j = i + 1; j < m && !(lms[j] >> 31); j++)
            ;
        lms[i] &= ~SS_FLAG;
        if (j == i + 1) {
            __builtin_prefetch(v + (lms[i + SS_AHEAD < m ? i + SS_AHEAD : i] & ~SS_FLAG) / 2, 1);
            v[lms[i] / 2] = i + 1;
            continue;
        }
        for (uint32_t x = i; x < j; x++) {
            __builtin_prefetch(v + (lms[x + SS_AHEAD < m ? x + SS_AHEAD : x] & ~SS_FLAG) / 2, 1);
            v[lms[x] / 2] = (i + 1) | SS_FLAG;
        }
        lms[i] = SS_FLAG | SS_LAST | (j - i - 1);
    }
    for (size_t i = 0; i < half; i++) {
        uint32_t x = v[i];
        v[k] = x;
        k += x != 0;
    }
    /* Ordinals into their groups, from the right. A group's first entry counts what is missing. */
    uint32_t ring[SS_RING], rd = 0, wr = 0;
    for (uint32_t o = m; o > 0 || wr > rd;) {
        uint32_t stop = o > SS_STEP ? o - SS_STEP : 0, was = wr, keep = o > 0 ? SS_LAG : 0;
        while (o > stop) {
            ring[wr] = --o;
            wr += v[o] >> 31;
        }
        for (; was < wr; was++)
            __builtin_prefetch(lms + (v[ring[was]] & ~SS_FLAG) - 1, 1);
        for (; wr - rd > keep; rd++) {
            uint32_t *g = lms + (v[ring[rd]] & ~SS_FLAG) - 1;
            uint32_t left = *g & (SS_LAST - 1), last = *g & SS_LAST;
            g[left] = ring[rd] | SS_FLAG | last;
            if (left)
                *g = SS_FLAG | (left - 1);
        }
        if (wr > SS_RING - SS_STEP) {
            memmove(ring, ring + rd, (wr - rd) * sizeof *ring);
            wr -= rd;
            rd = 0;
        }
    }
    return true;
}

static inline uint32_t rank_at(const uint32_t *v, uint32_t entry, uint32_t h)
{
    return v[(entry & (SS_LAST - 1)) + h] & (SS_LAST - 1);
}

/* Sorts one group (no SS_LAST inside) by the rank h ordinals on and puts SS_LAST on the last of
 * each subgroup, the leftmost ordinal first. */
static void sort_group(uint32_t *g, uint32_t len, const uint32_t *v, uint32_t h, struct scratch *w)
{
    while (len > SS_SLICE) {
        uint32_t pivot = rank_at(v, g[len / 2], h), lt = 0, i = 0, gt = len, first;
        while (i < gt) {
            uint32_t x = g[i], r = rank_at(v, x, h);
            if (r < pivot) {
                g[i++] = g[lt];
                g[lt++] = x;
            } else if (r > pivot) {
                g[i] = g[--gt];
                g[gt] = x;
            } else {
                i++;
            }
        }
        if (lt)
            sort_group(g, lt, v, h, w);
        first = lt;
        for (i = lt; i < gt; i++)
            first = g[i] < g[first] ? i : first;
        uint32_t x = g[first];
        g[first] = g[lt];
        g[lt] = x;
        g[gt - 1] |= SS_LAST;
        g += gt;
        len -= gt;
    }
    for (uint32_t i = 0; i < len; i++)
        w->key[i] = (uint64_t)rank_at(v, g[i], h) << 32 | g[i];
    sort_keys(w->key, w->tmp, len);
    for (uint32_t i = 0; i < len; i++) {
        bool last = i + 1 == len || w->key[i] >> 32 != w->key[i + 1] >> 32;
        g[i] = (uint32_t)w->key[i] | (last ? SS_LAST : 0);
    }
}

/* Returns the group's size. */
static uint32_t visit(uint32_t *lms, uint32_t at, uint32_t *v, uint32_t h, struct scratch *w)
{
    uint32_t len = 1, *g = lms + at;

    while (!(g[len - 1] & SS_LAST))
        len++;
    g[len - 1] &= ~SS_LAST;
    sort_group(g, len, v, h, w);
    for (uint32_t i = 0, j; i < len; i = j) {
        for (j = i + 1; !(g[j - 1] & SS_LAST); j++)
            ;
        uint32_t many = j - i == 1 ? 0 : j - i <= SS_SMALL ? SS_FLAG : SS_FLAG | SS_LAST;
        for (uint32_t x = i; x < j; x++)
            v[g[x] & (SS_LAST - 1)] = (at + i + 1) | many;
    }
    return len;
}

static uint32_t sweep(uint32_t *lms, uint32_t *v, uint32_t m, uint32_t h, struct scratch *w,
                      int64_t *budget)
{
    uint32_t ring[SS_RING], rd = 0, wr = 0, left = 0;

    for (uint32_t o = m; o > 0 || wr > rd;) {
        uint32_t stop = o > SS_STEP ? o - SS_STEP : 0, was = wr, keep = o > 0 ? SS_LAG : 0;
        while (o > stop) {
            ring[wr] = --o;
            wr += v[o] >> 31;
        }
        for (; was < wr; was++)
            __builtin_prefetch(lms + (v[ring[was]] & (SS_LAST - 1)) - 1, 1);
        for (; wr - rd > keep; rd++) {
            if (wr - rd > SS_LAG / 2) {
                uint32_t x = v[ring[rd + SS_LAG / 2]], i = 0;
                if ((x & (SS_FLAG | SS_LAST)) == SS_FLAG) {
                    const uint32_t *g = lms + (x & (SS_LAST - 1)) - 1;
                    do
                        __builtin_prefetch(v + h + (g[i] & (SS_LAST - 1)), 1);
                    while (!(g[i] & SS_LAST) && ++i < 8);
                }
            }
            uint32_t x = v[ring[rd]], at = (x & (SS_LAST - 1)) - 1;
            if ((x & (SS_FLAG | SS_LAST)) == SS_FLAG)
                *budget -= visit(lms, at, v, h, w);
        }
        if (wr > SS_RING - SS_STEP) {
            memmove(ring, ring + rd, (wr - rd) * sizeof *ring);
            wr -= rd;
            rd = 0;
        }
    }
    for (uint32_t o = 0; o < m; o++) {
        left += v[o] >> 31;
        v[o] &= ~SS_LAST;
    }
    return left;
}

static int rank_sample(struct sufsort *s, struct scratch *w, struct err *e)
{
    uint32_t *lms = s->sa, *v = s->sa + s->m, m = (uint32_t)s->m, left = 1;
    int64_t budget = 0;

    (void)e;
    for (uint32_t h = 1; left > 0; h *= 2) {
        left = sweep(lms, v, m, h, w, &budget);
    }
    return 0;
}

#define SYM       uint8_t
#define SYM_K     256u
#define SYM_KEY   6
#define SYM_WIDTH 8
#define SYM_PAD   16
#define FN(x)     x##_u8
#include "fm/sufsort_body.h"
#undef SYM
#undef SYM_K
#undef SYM_KEY
#undef SYM_WIDTH
#undef SYM_PAD
#undef FN

#define SYM       uint16_t
#define SYM_K     257u
#define SYM_KEY   5
#define SYM_WIDTH 9
#define SYM_PAD   16
#define FN(x)     x##_u16
#include "fm/sufsort_body.h"
#undef SYM
#undef SYM_K
#undef SYM_KEY
#undef SYM_WIDTH
#undef SYM_PAD
#undef FN

static void scratch_free(struct scratch *w)
{
    free(w->key);
    free(w->tmp);
    free(w->old);
    free(w->act[0]);
    free(w->act[1]);
    free(w->place);
    free(w->last);
    free(w->run);
    free(w->digit);
    free(w->hist);
    free(w->todo);
}

static int scratch_init(struct scratch *w, int64_t n, size_t k, struct err *e)
{
    *w = (struct scratch){0};
    w->key = mem_array(SS_SLICE + 1, sizeof *w->key, e);
    w->tmp = mem_array(SS_SLICE, sizeof *w->tmp, e);
    w->old = mem_array(SS_SLICE, sizeof *w->old, e);
    w->act[0] = mem_array(SS_SLICE, sizeof(struct span), e);
    w->act[1] = mem_array(SS_SLICE, sizeof(struct span), e);
    w->place = mem_array(SS_SLICE, sizeof *w->place, e);
    w->last = mem_zero(SS_SLICE, 1, e);
    w->run = mem_array(SS_SLICE + 1, sizeof *w->run, e);
    w->digit = mem_array(SS_DIGITS + 1, sizeof *w->digit, e);
    w->hist = mem_array(k * k, sizeof *w->hist, e);
    w->todo = mem_array((size_t)n / SS_SLICE + 2, sizeof *w->todo, e);
    if (w->place && w->last && w->run && w->digit && w->key && w->tmp && w->old && w->act[0] &&
        w->act[1] && w->hist && w->todo)
        return 0;
    scratch_free(w);
    return e->code;
}

static int check_size(int64_t n, struct err *e)
{
    if (n < 0 || n > FM_SUFSORT_MAX)
        return err_set(e, ERR_USAGE, "text of %lld symbols: at most %lld can be sorted at once",
                       (long long)n, (long long)FM_SUFSORT_MAX);
    return 0;
}

int fm_sufsort8(const uint8_t *text, int32_t *sa, int64_t n, int threads, struct err *e)
{
    struct sufsort s = {.sa = (uint32_t *)sa, .n = n, .threads = threads};
    struct scratch w;
    int rc;

    if (n == 0 || check_size(n, e) < 0)
        return n ? e->code : 0;
    if (scratch_init(&w, n, 256, e) < 0)
        return e->code;
    rc = sufsort_u8(&s, text, &w, e);
    scratch_free(&w);
    return rc;
}

int fm_sufsort16(const uint16_t *text, int32_t *sa, int64_t n, int threads, struct err *e)
{
    struct sufsort s = {.sa = (uint32_t *)sa, .n = n, .threads = threads};
    struct scratch w;
    int rc;

    if (n == 0 || check_size(n, e) < 0)
        return n ? e->code : 0;
    if (scratch_init(&w, n, 257, e) < 0)
        return e->code;
    rc = sufsort_u16(&s, text, &w, e);
    scratch_free(&w);
    return rc;
}
