/* test_huff.c - lib/fm/huff.c: the code is a best one under the limit, by two other algorithms
 * (Huffman's without a limit, a table over the levels of the tree with one), and has the shape that
 * huff.h describes.
 */
#include "t.h"

#include "fm/huff.h"

#include <stdbool.h>

static unsigned long long seed = 7;

static unsigned below(unsigned n)
{
    return (unsigned)((t_rand(&seed) >> 33) % n);
}

/* ---- oracles ---- */

/* The counts that are not 0, largest first. */
static unsigned sorted_counts(const uint32_t counts[256], uint32_t *v)
{
    unsigned m = 0;

    for (unsigned s = 0; s < 256; s++) {
        unsigned i = m;
        if (!counts[s])
            continue;
        for (; i > 0 && v[i - 1] < counts[s]; i--)
            v[i] = v[i - 1];
        v[i] = counts[s];
        m++;
    }
    return m;
}

/* Huffman's algorithm: the two smallest are joined until one is left. */
static uint64_t huffman_cost(const uint32_t counts[256])
{
    uint32_t v[256];
    unsigned m = sorted_counts(counts, v);
    uint64_t cost = 0;

    for (; m > 1; m--) {
        uint32_t sum = v[m - 1] + v[m - 2];
        unsigned i = m - 2;
        for (; i > 0 && v[i - 1] < sum; i--)
            v[i] = v[i - 1];
        v[i] = sum;
        cost += sum;
    }
    return cost;
}

/* The least cost of a tree no deeper than `limit`. best[a][j]: a nodes at a depth, the j largest
 * counts placed above it; t of the nodes become leaves, the others have two children. Each level
 * costs the counts that are not yet placed. */
static uint64_t limited_cost(const uint32_t counts[256], unsigned limit)
{
    static uint64_t now[257][257], below_it[257][257];
    uint32_t v[256];
    uint64_t rest[257] = {0};
    unsigned m = sorted_counts(counts, v);

    for (unsigned j = m; j-- > 0;)
        rest[j] = rest[j + 1] + v[j];
    for (unsigned d = limit + 1; d-- > 0;) {
        for (unsigned j = 0; j <= m; j++)
            for (unsigned a = 0; a <= m - j; a++) {
                uint64_t best = UINT64_MAX;
                if (a == m - j)
                    best = 0; /* all the rest are leaves here */
                for (unsigned t = 0; d < limit && t < a; t++) {
                    unsigned next = 2 * (a - t);
                    if (next > m - j - t || below_it[next][j + t] == UINT64_MAX)
                        continue;
                    if (rest[j + t] + below_it[next][j + t] < best)
                        best = rest[j + t] + below_it[next][j + t];
                }
                now[a][j] = best;
            }
        memcpy(below_it, now, sizeof now);
    }
    return below_it[1][0];
}

/* ---- what the header promises ---- */

static unsigned longest(const struct huff *h)
{
    unsigned max = 0;

    for (unsigned s = 0; s < 256; s++)
        max = h->len[s] > max ? h->len[s] : max;
    return max;
}

/* Lengths alone: absent symbols have none, the others fill the tree; ties go by symbol. */
static bool lengths_are_right(const uint32_t counts[256], const struct huff *h)
{
    unsigned kraft = 0, m = 0;

    for (unsigned s = 0; s < 256; s++) {
        m += counts[s] > 0;
        if (h->len[s] > HUFF_LIMIT || (h->len[s] && !counts[s]))
            return false;
        kraft += h->len[s] ? 1u << (HUFF_LIMIT - h->len[s]) : 0;
        for (unsigned t = s + 1; t < 256; t++)
            if (counts[t] && (counts[s] < counts[t]    ? h->len[s] < h->len[t] && counts[s]
                              : counts[s] == counts[t] ? h->len[s] < h->len[t]
                                                       : h->len[s] > h->len[t]))
                return false;
    }
    return h->symbols == m && kraft == (m >= 2 ? 1u << HUFF_LIMIT : 0) && h->depth == longest(h);
}

/* Walks the tree level by level by the numbering rule, and meets every symbol once, in order, by
 * the path that it has. */
static bool shape_is_right(const struct huff *h)
{
    uint16_t path[256] = {0}, next[512];
    bool met[256] = {false};
    unsigned nodes = 1, leaf = 0;

    if (h->symbols < 2)
        return h->depth == 0 && h->inner[0] == 0;
    for (unsigned d = 0; d <= h->depth; d++) {
        unsigned inner = h->inner[d];
        if (inner > nodes || (d == h->depth) != (inner == 0))
            return false;
        for (unsigned i = inner; i < nodes; i++, leaf++) {
            uint8_t s = h->leaf_symbol[leaf];
            if (leaf >= h->symbols || met[s] || h->len[s] != d || h->path[s] != path[i])
                return false;
            if (i > inner && s < h->leaf_symbol[leaf - 1])
                return false;
            met[s] = true;
        }
        for (unsigned i = 0; i < inner; i++) {
            next[i] = path[i];
            next[inner + i] = (uint16_t)(path[i] | 1u << d);
        }
        nodes = 2 * inner;
        if (nodes > 256)
            return false;
        memcpy(path, next, nodes * sizeof *path);
    }
    for (unsigned s = 0; s < 256; s++)
        if (!met[s] && (h->len[s] || h->path[s]))
            return false;
    return leaf == h->symbols;
}

static uint64_t cost_of(const uint32_t counts[256], const struct huff *h)
{
    uint64_t cost = 0;

    for (unsigned s = 0; s < 256; s++)
        cost += (uint64_t)counts[s] * h->len[s];
    return cost;
}

static void check(const uint32_t counts[256], const char *what, int trial, bool exact)
{
    struct huff h, again;
    uint64_t cost, free_cost = huffman_cost(counts);

    memset(&h, 0xaa, sizeof h);
    memset(&again, 0x55, sizeof again);
    huff_make(counts, &h);
    huff_make(counts, &again);
    T_CHECKF(memcmp(&h, &again, sizeof h) == 0, "%s %d", what, trial);
    T_CHECKF(lengths_are_right(counts, &h), "%s %d", what, trial);
    T_CHECKF(shape_is_right(&h), "%s %d", what, trial);
    cost = cost_of(counts, &h);
    if (h.depth < HUFF_LIMIT) /* then the limit has not changed anything */
        T_CHECKF(cost == free_cost, "%s %d: %llu, best %llu", what, trial, (unsigned long long)cost,
                 (unsigned long long)free_cost);
    T_CHECKF(cost >= free_cost, "%s %d", what, trial);
    if (exact)
        T_CHECKF(cost == limited_cost(counts, HUFF_LIMIT), "%s %d: %llu, best %llu", what, trial,
                 (unsigned long long)cost, (unsigned long long)limited_cost(counts, HUFF_LIMIT));
}

/* ---- inputs ---- */

/* m counts, at symbols drawn without order. */
static void scatter(const uint32_t *v, unsigned m, uint32_t counts[256])
{
    memset(counts, 0, 256 * sizeof *counts);
    for (unsigned i = 0; i < m; i++) {
        unsigned s = m == 256 ? i : below(256);
        while (counts[s])
            s = (s + 1) & 255;
        counts[s] = v[i];
    }
}

static void test_few(void)
{
    uint32_t counts[256] = {0};
    struct huff h;

    check(counts, "none", 0, false);
    for (unsigned s = 0; s < 256; s += 51) {
        memset(counts, 0, sizeof counts);
        counts[s] = 1 + s * 60;
        check(counts, "one", (int)s, false);
        huff_make(counts, &h);
        T_CHECK(h.symbols == 1 && h.depth == 0 && h.leaf_symbol[0] == s && h.len[s] == 0);
        counts[255 - s] = 16384 - counts[s];
        check(counts, "two", (int)s, true);
    }
}

/* Fibonacci numbers make the deepest trees: 20 of them, 1 to 6765, would need 19 bits. */
static void test_skewed(void)
{
    uint32_t v[256], counts[256];

    for (unsigned m = 2; m <= 21; m++) {
        uint32_t sum = 0;
        for (unsigned i = 0; i < m; i++)
            sum += v[i] = i < 2 ? 1 : v[i - 1] + v[i - 2];
        scatter(v, m, counts);
        check(counts, "fibonacci", (int)m, true);
        if (m <= 13)
            continue;
        struct huff h;
        huff_make(counts, &h);
        T_CHECKF(h.depth == HUFF_LIMIT, "%u fibonacci counts, sum %u", m, sum);
    }
    for (unsigned m = 2; m <= 15; m++) { /* powers of two, to 2^14 in all */
        for (unsigned i = 0; i < m; i++)
            v[i] = i < 2 ? 1 : 1u << (i - 1);
        scatter(v, m, counts);
        check(counts, "powers", (int)m, true);
    }
    for (unsigned i = 0; i < 256; i++) /* a tail of ones below a few large ones */
        v[i] = i < 250 ? 1 : 16u << 2 * (i - 250);
    scatter(v, 256, counts);
    check(counts, "tail", 256, true);
}

static void test_even(void)
{
    uint32_t v[256], counts[256];
    struct huff h;

    for (unsigned m = 2; m <= 256; m = m < 254 ? m + 7 : m + 1) {
        for (unsigned i = 0; i < m; i++)
            v[i] = 16384 / m;
        scatter(v, m, counts);
        check(counts, "even", (int)m, m <= 64);
    }
    huff_make(counts, &h);
    T_CHECK(h.depth == 8 && h.inner[7] == 128 && h.leaf_symbol[255] == 255 && h.path[1] == 1);
}

static uint32_t draw(unsigned kind)
{
    switch (kind) {
    case 0:
        return 1 + below(3);
    case 1:
        return 1 + below(64);
    case 2:
        return 1u << below(12);
    default:
        return 1 + below(1u << below(11));
    }
}

static void test_random(void)
{
    uint32_t v[256], counts[256];

    for (int trial = 0; trial < 600; trial++) {
        unsigned m = 2 + below(trial % 3 ? 40 : 255);
        for (unsigned i = 0; i < m; i++)
            v[i] = draw((unsigned)trial % 4);
        scatter(v, m, counts);
        check(counts, "random", trial, m <= 40 || trial % 100 == 0);
    }
}

/* Two best codes for the same counts: the shallow one is taken. Blocks already written keep theirs,
 * but an index must not depend on which version built it. */
static void test_ties(void)
{
    uint32_t counts[256] = {0};
    struct huff h;

    counts['a'] = counts['b'] = counts['c'] = 1;
    counts['d'] = 2;
    huff_make(counts, &h);
    T_CHECK(h.depth == 2 && h.inner[0] == 1 && h.inner[1] == 2 && h.inner[2] == 0);
    T_CHECK(memcmp(h.leaf_symbol, "abcd", 4) == 0);
    T_CHECK(h.path['a'] == 0 && h.path['b'] == 1 && h.path['c'] == 2 && h.path['d'] == 3);
}

int main(void)
{
    test_few();
    test_skewed();
    test_even();
    test_random();
    test_ties();
    return t_done("huff");
}
