/* sample.c - see sample.h. */
#include "fm/sample.h"

#include <stdlib.h>
#include <string.h>

#include "fm/bits.h"
#include "fm/sample_marks.h"

enum { CYCLE_STEP = 8, RANK_GROUP = 512 };

uint64_t samples_blocks(uint64_t n)
{
    return (n >> SAMPLE_BLOCK_LOG) + 1;
}

uint64_t samples_count(uint64_t n, unsigned rate)
{
    return (n + rate - 1) / rate;
}

unsigned samples_low_bits(unsigned rate)
{
    return bits_for(rate) - 1;
}

unsigned samples_bits(uint64_t count)
{
    return bits_for(count ? count - 1 : 0);
}

void samples_init(struct samples *s, uint64_t n, unsigned rate)
{
    *s = (struct samples){.n = n, .rate = rate, .low_bits = samples_low_bits(rate)};
    s->fields = PACKED_MAX_BITS / s->low_bits;
    for (unsigned i = 0; i < s->fields; i++)
        s->field |= UINT64_C(1) << i * s->low_bits;
    s->count = samples_count(n, rate);
    s->bits = samples_bits(s->count);
}

int samples_encode_block(const uint16_t *rel, size_t k, unsigned low_bits, struct buf *out,
                         struct err *e)
{
    size_t up = 8 * upper_words(k, low_bits), low = 8 * lower_words(k, low_bits);
    unsigned char *p;

    if (buf_reserve(out, up + low + PACKED_SLACK, e) < 0)
        return e->code;
    p = (unsigned char *)out->p + out->len;
    memset(p, 0, up + low + PACKED_SLACK);
    for (size_t i = 0; i < k; i++) {
        bit_set(p, ((size_t)rel[i] >> low_bits) + i);
        packed_set(p + up, i, low_bits, rel[i] & ((1u << low_bits) - 1));
    }
    out->len += up + low;
    return 0;
}

static uint64_t word_bytes(uint64_t bits)
{
    return (bits + 63) / 64 * 8;
}

static uint64_t rank_bytes(uint64_t count)
{
    return (4 * (count / RANK_GROUP + 1) + 7) / 8 * 8;
}

uint64_t samples_inverse_bytes(uint64_t count, uint64_t backs)
{
    return word_bytes(count) + rank_bytes(count) + packed_bytes(backs, samples_bits(count));
}

void samples_view_inverse(struct samples *s, const void *sinv, uint64_t backs)
{
    s->has_back = sinv;
    s->back_rank = s->has_back + word_bytes(s->count);
    s->back = s->back_rank + rank_bytes(s->count);
    s->backs = backs;
}

/* Marks every CYCLE_STEP-th element of the cycles longer than that and notes in back[] (by element,
 * as they are few only half of it is touched) the marked element before it. */
static int mark_cycles(const uint32_t *perm, uint64_t count, unsigned char *seen,
                       unsigned char *marked, uint32_t *back, uint64_t *n, struct err *e)
{
    uint64_t marks = 0;

    for (uint64_t first = 0; first < count; first++) {
        uint64_t at = first, len = 0, last = first;
        if (bit_get(seen, first))
            continue;
        do {
            if (perm[at] >= count || bit_get(seen, at)) /* merged out of a damaged index */
                return err_set(e, ERR_CORRUPT, "the samples are damaged: they are no permutation");
            bit_set(seen, at);
            if (len && len % CYCLE_STEP == 0) {
                bit_set(marked, at);
                back[at] = (uint32_t)last;
                marks++;
                last = at;
            }
            at = perm[at];
            len++;
        } while (at != first);
        if (len > CYCLE_STEP) { /* and the cycle's beginning, which closes it */
            bit_set(marked, first);
            back[first] = (uint32_t)last;
            marks++;
        }
    }
    *n = marks;
    return 0;
}

/* SINV from its marks. */
static int put_inverse(const unsigned char *marked, const uint32_t *back, uint64_t count,
                       uint64_t marks, struct spool *sinv, struct err *e)
{
    uint64_t bytes = samples_inverse_bytes(count, marks), k = 0;
    unsigned bits = samples_bits(count);
    unsigned char *p, *rank;

    if (spool_zero(sinv, bytes, 1, e) < 0)
        return e->code;
    p = (unsigned char *)sinv->p + sinv->len - bytes;
    memcpy(p, marked, word_bytes(count));
    rank = p + word_bytes(count);
    for (uint64_t i = 0; i <= count; i++) {
        uint32_t before = (uint32_t)k;
        if (i % RANK_GROUP == 0)
            memcpy(rank + 4 * (i / RANK_GROUP), &before, 4);
        if (i < count && bit_get(marked, i))
            packed_set(rank + rank_bytes(count), k++, bits, back[i]);
    }
    return 0;
}

static int encode_inverse(const uint32_t *perm, uint64_t count, struct spool *sinv, struct err *e)
{
    struct spool seen = {.room = sinv->room}, marked = seen, back = seen;
    uint64_t marks = 0;
    int rc;

    if ((rc = spool_zero(&seen, word_bytes(count), 1, e)) == 0 &&
        (rc = spool_zero(&marked, word_bytes(count), 1, e)) == 0 &&
        (rc = spool_zero(&back, count, sizeof *perm, e)) == 0 &&
        (rc = mark_cycles(perm, count, (unsigned char *)seen.p, (unsigned char *)marked.p,
                          (uint32_t *)(void *)back.p, &marks, e)) == 0)
        rc = put_inverse((unsigned char *)marked.p, (uint32_t *)(void *)back.p, count, marks, sinv,
                         e);
    spool_free(&seen);
    spool_free(&marked);
    spool_free(&back);
    return rc;
}

int samples_encode_perm(const uint32_t *perm, uint64_t count, struct spool *samp,
                        struct spool *sinv, struct err *e)
{
    unsigned bits = samples_bits(count);
    uint64_t bytes = packed_bytes(count, bits);

    if (spool_zero(samp, bytes, 1, e) < 0)
        return e->code;
    for (uint64_t i = 0; i < count; i++)
        packed_set((unsigned char *)samp->p + samp->len - bytes, i, bits, perm[i]);
    return encode_inverse(perm, count, sinv, e);
}

/* At the usual rates a block's marks are five lines: they are searched from the first to the last.
 */
void samples_fetch(const struct samples *s, uint64_t row)
{
    enum { LINE = 64, LINES = 5 };
    struct marks m = block_marks(s, row >> SAMPLE_BLOCK_LOG);

    if (m.words)
        for (unsigned i = 0; i < LINES; i++)
            __builtin_prefetch(m.upper + i * LINE, 0, 3);
}

samples_find_fn *samples_find_for(enum cpu_level level)
{
    return CPU_CHOICE(samples_find, level);
}

/* The marks of one block that lie in [from, to). */
static int list_block(const struct samples *s, uint64_t block, uint64_t from, uint64_t to,
                      struct buf *rows, struct buf *numbers, struct err *e)
{
    struct marks m = block_marks(s, block);
    uint32_t i = 0;

    for (size_t at = 0; i < m.k && at < 64 * m.words; at++) {
        if (!bit_get(m.upper, at))
            continue;
        uint64_t row = (block << SAMPLE_BLOCK_LOG) + ((uint64_t)(at - i) << s->low_bits) +
                       packed_get(m.lower, i, s->low_bits);
        uint32_t number = (uint32_t)sample_at(s, m.first + i++);
        if (row >= from && row < to &&
            (buf_add(rows, &row, sizeof row, e) < 0 ||
             buf_add(numbers, &number, sizeof number, e) < 0))
            return e->code;
    }
    return 0;
}

int samples_list(const struct samples *s, uint64_t from, uint64_t to, struct buf *rows,
                 struct buf *numbers, struct err *e)
{
    for (uint64_t b = from >> SAMPLE_BLOCK_LOG; b << SAMPLE_BLOCK_LOG < to; b++)
        if (list_block(s, b, from, to, rows, numbers, e) < 0)
            return e->code;
    return 0;
}

/* The pointer of element j, if it has one. */
static bool back_of(const struct samples *s, uint64_t j, uint64_t *to)
{
    uint64_t group = j / RANK_GROUP * RANK_GROUP, rank, at;

    if (!bit_get(s->has_back, j))
        return false;
    rank = load_u32(s->back_rank + 4 * (j / RANK_GROUP));
    for (at = group; at + 64 <= j; at += 64)
        rank += word_ones(load_u64(s->has_back + at / 8));
    rank += word_ones(load_u64(s->has_back + at / 8) & ~(~UINT64_C(0) << (j & 63)));
    if (rank >= s->backs)
        return false;
    *to = packed_get(s->back, rank, s->bits);
    return *to < s->count;
}

/* The j with perm[j] == k. */
static uint64_t inverse(const struct samples *s, uint64_t k)
{
    uint64_t j = k, to;
    bool jumped = false;

    for (unsigned steps = 0; steps < 4 * CYCLE_STEP; steps++) {
        if (!jumped && back_of(s, j, &to)) {
            j = to;
            jumped = true;
        }
        to = sample_at(s, j);
        if (to == k)
            return j;
        j = to;
    }
    return 0; /* damaged */
}

/* The block of the j-th mark: the last one with at most j marks before it. */
static uint64_t mark_block(const struct samples *s, uint64_t j)
{
    uint64_t lo = 0, hi = samples_blocks(s->n);

    while (hi - lo > 1) {
        uint64_t mid = lo + (hi - lo) / 2;
        if (s->dir[2 * mid] <= j)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

uint64_t samples_row(const struct samples *s, uint64_t k)
{
    uint64_t j = inverse(s, k), block = mark_block(s, j), row = 0;
    struct marks m = block_marks(s, block);
    uint64_t i = j - m.first, skip = i;

    for (size_t word = 0; i < m.k && word < m.words; word++) {
        uint64_t w = load_u64(m.upper + 8 * word);
        unsigned ones = word_ones(w);
        if (skip < ones) {
            uint64_t bucket = 64 * word + word_select(w, (unsigned)skip) - i;
            row = (block << SAMPLE_BLOCK_LOG) + (bucket << s->low_bits) +
                  packed_get(m.lower, i, s->low_bits);
            break;
        }
        skip -= ones;
    }
    return row < s->n ? row : 0;
}
