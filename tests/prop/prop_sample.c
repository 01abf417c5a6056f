/* prop_sample.c - lib/fm/sample.c: every row and every sample against the arrays that they were
 * made from, and damage stays inside.
 */
#include "../unit/t.h"

#include "fm/bits.h"
#include "fm/sample.h"

#include <stdbool.h>

static unsigned long long seed = 3;

static uint64_t below(uint64_t n)
{
    return t_rand(&seed) % n;
}

static void *need(void *p)
{
    if (!p)
        abort();
    return p;
}

/* ---- samples in memory, each array exactly as long as it must be ---- */

/* Which rows are samples, and of which text positions. */
struct truth {
    uint64_t n, count;
    unsigned rate;
    bool *marked;   /* by row; count of them */
    uint32_t *perm; /* sample number by marked row in order */
    uint64_t *row;  /* row by sample number */
};

struct made {
    struct samples s;
    struct {
        unsigned char *p;
        size_t len;
    } dir, marks, perm, inverse;
};

static unsigned char *exact(const char *from, size_t n, size_t *len)
{
    unsigned char *p = need(malloc(n ? n : 1));

    memcpy(p, from, n);
    *len = n;
    return p;
}

static void make_blocks(struct made *m, const struct truth *t)
{
    static uint16_t rel[SAMPLE_BLOCK];
    struct buf dir = {0}, marks = {0};
    struct err e = {0};
    uint32_t before[2] = {0, 0};
    unsigned low_bits = 0;
    int rc = 0;

    while (2u << low_bits <= t->rate)
        low_bits++;

    for (uint64_t b = 0; b < samples_blocks(t->n); b++) {
        size_t k = 0;
        for (uint64_t i = b << SAMPLE_BLOCK_LOG; i < t->n && i >> SAMPLE_BLOCK_LOG == b; i++)
            if (t->marked[i])
                rel[k++] = (uint16_t)(i & (SAMPLE_BLOCK - 1));
        rc |= buf_add(&dir, before, sizeof before, &e);
        rc |= samples_encode_block(rel, k, low_bits, &marks, &e);
        /* ones and zeros, and the places, each filled up to words */
        rc |= marks.len / 8 !=
              before[1] + (k + (SAMPLE_BLOCK >> low_bits) + 63) / 64 + (k * low_bits + 63) / 64;
        before[0] += (uint32_t)k;
        before[1] = (uint32_t)(marks.len / 8);
    }
    rc |= buf_add(&dir, before, sizeof before, &e);
    T_CHECK(rc == 0 && marks.len % 8 == 0);
    m->s.mark_words = marks.len / 8;
    rc = buf_add(&marks, "\0\0\0\0\0\0\0", PACKED_SLACK, &e);
    m->dir.p = exact(dir.p, dir.len, &m->dir.len);
    m->marks.p = exact(marks.p, marks.len, &m->marks.len);
    buf_free(&dir);
    buf_free(&marks);
}

/* A pointer for each eighth element of a cycle of more than eight, as sample.h says. */
static uint64_t pointers(const struct truth *t)
{
    bool *seen = need(calloc(t->count + 1, 1));
    uint64_t n = 0;

    for (uint64_t i = 0; i < t->count; i++) {
        uint64_t len = 0;
        for (uint64_t at = i; !seen[at]; at = t->perm[at], len++)
            seen[at] = true;
        n += len > 8 ? (len + 7) / 8 : 0;
    }
    free(seen);
    return n;
}

static void make(struct made *m, const struct truth *t)
{
    struct spool samp = {0}, inverse = {0};
    struct err e = {0};
    uint64_t backs = pointers(t);

    *m = (struct made){0};
    samples_init(&m->s, t->n, t->rate);
    make_blocks(m, t);
    T_CHECK(samples_encode_perm(t->perm, t->count, &samp, &inverse, &e) == 0);
    T_CHECK(m->s.count == t->count && samp.len == packed_bytes(t->count, m->s.bits));
    T_CHECKF(inverse.len == samples_inverse_bytes(t->count, backs), "%llu samples",
             (unsigned long long)t->count);
    m->perm.p = exact(samp.p, samp.len, &m->perm.len);
    m->inverse.p = exact(inverse.p, inverse.len, &m->inverse.len);
    spool_free(&samp);
    spool_free(&inverse);
    m->s.dir = (const uint32_t *)(const void *)m->dir.p;
    m->s.marks = m->marks.p;
    m->s.perm = m->perm.p;
    samples_view_inverse(&m->s, m->inverse.p, backs);
}

static void made_free(struct made *m)
{
    free(m->dir.p);
    free(m->marks.p);
    free(m->perm.p);
    free(m->inverse.p);
}

/* ---- the cases ---- */

enum spread { ANYWHERE, FIRST, LAST, EVEN, BUNCHES, SPREADS };
enum order { SHUFFLED, IDENTITY, ONE_CYCLE, CYCLES_8, CYCLES_9, CYCLES_17, ORDERS };

static void mark(struct truth *t, enum spread spread)
{
    uint64_t n = t->n, left = t->count, row = 0;

    for (uint64_t i = 0; i < n && spread == ANYWHERE; i++)
        if (below(n - i) < left) {
            t->marked[i] = true;
            left--;
        }
    for (uint64_t i = 0; i < t->count && spread != ANYWHERE && spread != BUNCHES; i++)
        t->marked[spread == FIRST ? i : spread == LAST ? n - 1 - i : i * t->rate] = true;
    for (; spread == BUNCHES && left; row = (row + 1 + below(200)) % n)
        for (uint64_t run = below(100); run && left; run--, row = (row + 1) % n)
            if (!t->marked[row]) {
                t->marked[row] = true;
                left--;
            }
}

static void cycles(uint32_t *perm, uint64_t count, uint64_t len)
{
    for (uint64_t i = 0; i < count; i++) {
        uint64_t first = i / len * len, end = first + len < count ? first + len : count;
        perm[i] = (uint32_t)(i + 1 < end ? i + 1 : first);
    }
}

/* Renames the elements, so that a cycle's do not stand side by side. */
static void rename_elements(uint32_t *perm, uint64_t count)
{
    uint32_t *name = need(malloc((count + 1) * sizeof *name));
    uint32_t *old = need(malloc((count + 1) * sizeof *old));

    for (uint64_t i = 0; i < count; i++) {
        uint64_t j = below(i + 1);
        name[i] = name[j];
        name[j] = (uint32_t)i;
    }
    memcpy(old, perm, count * sizeof *old);
    for (uint64_t i = 0; i < count; i++)
        perm[name[i]] = name[old[i]];
    free(name);
    free(old);
}

static void permute(struct truth *t, enum order order)
{
    static const unsigned len[ORDERS] = {
        [IDENTITY] = 1, [CYCLES_8] = 8, [CYCLES_9] = 9, [CYCLES_17] = 17};

    if (order == SHUFFLED) {
        for (uint64_t i = 0; i < t->count; i++) {
            uint64_t j = below(i + 1);
            t->perm[i] = t->perm[j];
            t->perm[j] = (uint32_t)i;
        }
        return;
    }
    cycles(t->perm, t->count, order == ONE_CYCLE ? t->count : len[order]);
    if (below(2))
        rename_elements(t->perm, t->count);
}

static void truth_make(struct truth *t, uint64_t n, unsigned rate, enum spread spread,
                       enum order order)
{
    uint64_t j = 0;

    *t = (struct truth){.n = n, .rate = rate};
    t->count = n / rate + (n % rate != 0);
    t->marked = need(calloc(n + 1, sizeof *t->marked));
    t->perm = need(malloc((t->count + 1) * sizeof *t->perm));
    t->row = need(malloc((t->count + 1) * sizeof *t->row));
    if (t->count == 0)
        return;
    mark(t, spread);
    permute(t, order);
    for (uint64_t i = 0; i < n; i++)
        if (t->marked[i])
            t->row[t->perm[j++]] = i;
    T_CHECK(j == t->count);
}

static void truth_free(struct truth *t)
{
    free(t->marked);
    free(t->perm);
    free(t->row);
}

static enum cpu_level cpu_detected;

/* By all that this machine can do, which must agree. */
static bool find(const struct samples *s, uint64_t row, uint64_t *pos)
{
    uint64_t first = UINT64_MAX, other = UINT64_MAX;
    bool found = samples_find_portable(s, row, &first);

    for (int level = CPU_AVX2; level <= (int)cpu_detected; level++)
        T_CHECK(samples_find_for((enum cpu_level)level)(s, row, &other) == found && other == first);
    *pos = first;
    return found;
}

static void check(uint64_t n, unsigned rate, enum spread spread, enum order order)
{
    struct truth t;
    struct made m;
    uint64_t wrong = 0, pos, j = 0;

    truth_make(&t, n, rate, spread, order);
    make(&m, &t);
    for (uint64_t i = 0; i < n; i++) {
        bool found;
        pos = UINT64_MAX;
        samples_fetch(&m.s, i);
        found = find(&m.s, i, &pos);
        wrong += found != t.marked[i] || (found && pos != (uint64_t)t.perm[j] * rate);
        j += t.marked[i];
    }
    T_CHECKF(wrong == 0, "n %llu rate %u spread %d order %d: %llu rows", (unsigned long long)n,
             rate, spread, order, (unsigned long long)wrong);
    wrong = 0;
    for (uint64_t k = 0; k < t.count; k++)
        wrong += samples_row(&m.s, k) != t.row[k];
    T_CHECKF(wrong == 0, "n %llu rate %u spread %d order %d: %llu samples", (unsigned long long)n,
             rate, spread, order, (unsigned long long)wrong);
    made_free(&m);
    truth_free(&t);
}

static void test_all(void)
{
    static const uint64_t lengths[] = {0,    1,     2,     3,     5,     40,    500,
                                       4096, 16383, 16384, 16385, 32768, 65537, 100000};

    static const unsigned rates[] = {
        SAMPLE_RATE_MIN, 5, 7, 8, 16, 31, 33, 48, 60, 64, 100, 500, 1024, 2047, 2048,
        SAMPLE_RATE_MAX};

    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++)
        for (size_t r = 0; r < sizeof rates / sizeof *rates; r++) {
            unsigned rate = rates[r];
            int spread = (int)below(SPREADS), order = (int)below(ORDERS);
            check(lengths[l], rate, (enum spread)spread, (enum order)order);
            if (lengths[l] > 40000)
                continue;
            for (spread = 0; spread < SPREADS; spread++)
                check(lengths[l], rate, (enum spread)spread, (enum order)below(ORDERS));
            for (order = 0; order < ORDERS; order++)
                check(lengths[l], rate, (enum spread)below(SPREADS), (enum order)order);
        }
    for (int spread = 0; spread < SPREADS; spread++) /* whole blocks marked, others empty */
        check(150000, SAMPLE_RATE_MIN, (enum spread)spread, (enum order)spread);
}

/* A pair of equal numbers, or one too large: an error, not an endless walk. */
static void test_no_permutation(void)
{
    uint32_t perm[] = {3, 1, 0, 2, 5, 4};
    struct spool samp = {0}, inverse = {0};
    struct err e;

    T_CHECK(samples_encode_perm(perm, 6, &samp, &inverse, &e) == 0);
    for (uint32_t i = 0; i < 6; i++)
        for (uint32_t v = 0; v < 8; v++) {
            uint32_t old = perm[i];
            perm[i] = v;
            if (v != old)
                T_CHECK(samples_encode_perm(perm, 6, &samp, &inverse, &e) == ERR_CORRUPT);
            perm[i] = old;
        }
    spool_free(&samp);
    spool_free(&inverse);
}

static void test_sizes(void)
{
    T_CHECK(samples_count(0, 4) == 0 && samples_count(1, 4096) == 1);
    T_CHECK(samples_count(4096, 4096) == 1 && samples_count(4097, 4096) == 2);
    T_CHECK(samples_low_bits(4) == 2 && samples_low_bits(7) == 2 && samples_low_bits(4096) == 12);
    T_CHECK(samples_bits(0) == 1 && samples_bits(1) == 1 && samples_bits(2) == 1);
    /* 2,000 bits; four counts of 4 bytes; 50 pointers of 11 bits and the slack */
    T_CHECK(samples_inverse_bytes(2000, 50) == 256 + 16 + 69 + 8);
    T_CHECK(samples_bits(3) == 2 && samples_bits(1u << 20) == 20);
}

/* ---- damage ---- */

static void use_damaged(const struct made *m, const char *what, int trial)
{
    uint64_t wrong = 0, pos, n = m->s.n;

    for (uint64_t i = 0; i < n; i += n < 1000 ? 1 : 1 + below(n / 300)) {
        samples_fetch(&m->s, i);
        if (find(&m->s, i, &pos))
            wrong += pos / m->s.rate >= m->s.count;
    }
    for (uint64_t k = 0; k < m->s.count; k += n < 1000 ? 1 : 1 + below(m->s.count / 100 + 1))
        wrong += samples_row(&m->s, k) >= n;
    T_CHECKF(wrong == 0, "%s, trial %d", what, trial);
}

struct part {
    unsigned char *p, *saved;
    size_t len;
};

enum { DIR, MARKS, PERM, INVERSE, PARTS };

static void restore(const struct part part[PARTS])
{
    for (int p = 0; p < PARTS; p++)
        memcpy(part[p].p, part[p].saved, part[p].len);
}

static void damage_bytes(const struct made *m, const struct part part[PARTS], const char *what)
{
    for (int trial = 0; trial < 400; trial++) {
        if (trial % 5 == 0) /* else damage gathers */
            restore(part);
        for (uint64_t flips = 1 + below(8); flips; flips--) {
            const struct part *x = &part[trial % 7 ? trial % PARTS : (int)below(PARTS)];
            size_t at = below(x->len);
            x->p[at] = below(2) ? (unsigned char)below(256)
                                : (unsigned char)(x->p[at] ^ 1u << below(8));
        }
        use_damaged(m, what, trial);
    }
    for (int value = 0; value < 256; value += 51)
        for (int set = 1; set < 1 << PARTS; set++) { /* all of some parts */
            restore(part);
            for (int p = 0; p < PARTS; p++)
                if (set >> p & 1)
                    memset(part[p].p, value, part[p].len);
            use_damaged(m, what, value);
        }
}

/* The directory's marks (field 0) or offsets (1) moved by `by` from some row on: what random bytes
 * seldom do. */
static void damage_directory(const struct made *m, const struct part part[PARTS], const char *what)
{
    for (int trial = 0; trial < 200; trial++) {
        size_t field = below(2), from = below(3) * 2;
        uint32_t by = (uint32_t)(below(400) - below(100)), v;
        restore(part);
        if (below(2))
            memset(part[MARKS].p, below(2) ? 0xff : 0, part[MARKS].len);
        for (size_t at = 4 * (from + field); at < part[DIR].len; at += 8) {
            memcpy(&v, part[DIR].p + at, 4);
            v += by;
            memcpy(part[DIR].p + at, &v, 4);
        }
        use_damaged(m, what, trial);
    }
}

static void damage(uint64_t n, unsigned rate, const char *what)
{
    struct truth t;
    struct made m;

    truth_make(&t, n, rate, ANYWHERE, below(2) ? SHUFFLED : ONE_CYCLE);
    make(&m, &t);
    struct part part[PARTS] = {[DIR] = {m.dir.p, NULL, m.dir.len},
                               [MARKS] = {m.marks.p, NULL, m.marks.len},
                               [PERM] = {m.perm.p, NULL, m.perm.len},
                               [INVERSE] = {m.inverse.p, NULL, m.inverse.len}};
    for (int p = 0; p < PARTS; p++)
        part[p].saved = memcpy(need(malloc(part[p].len)), part[p].p, part[p].len);
    damage_bytes(&m, part, what);
    damage_directory(&m, part, what);
    for (int p = 0; p < PARTS; p++)
        free(part[p].saved);
    made_free(&m);
    truth_free(&t);
}

static void test_damage(void)
{
    damage(1, 4, "damaged, one row");
    damage(300, 4, "damaged, 300 rows");
    damage(900, 37, "damaged, 900 rows");
    damage(50000, 9, "damaged, 50,000 rows");
    damage(40000, 4096, "damaged, rate 4096");
}

int main(void)
{
    cpu_detected = cpu_detect();
    test_sizes();
    test_no_permutation();
    test_all();
    test_damage();
    return t_done("prop_sample");
}
