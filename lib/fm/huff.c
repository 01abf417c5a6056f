/* huff.c - see huff.h. Package-merge over m <= 256 symbols and 12 levels: about 6,000 steps a
 * block of 16,384 symbols, a few per cent of encoding it. */
#include "fm/huff.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_ITEMS = 2 * HUFF_SYMBOLS };

struct weighted {
    uint32_t count;
    uint16_t symbol;
};

static int by_count(const void *a, const void *b)
{
    const struct weighted *x = a, *y = b;

    if (x->count != y->count)
        return x->count < y->count ? -1 : 1;
    return (x->symbol > y->symbol) - (x->symbol < y->symbol);
}

/* Package-merge: list[t] at level t is the sorted merge of the leaves and the pairs ("packages") of
 * the level below. from_leaf[t] remembers which items were leaves; walking down from the first
 * 2m - 2 items of the top level counts for each leaf how often it is taken: its code length. */
static void code_lengths(const struct weighted *leaf, unsigned m, uint8_t *len)
{
    uint32_t below[MAX_ITEMS] = {0}, level[MAX_ITEMS] = {0};
    uint8_t from_leaf[HUFF_LIMIT][MAX_ITEMS];
    unsigned n = 0, take = 2 * m - 2;

    for (unsigned t = 0; t < HUFF_LIMIT; t++) {
        unsigned i = 0, p = 0, k = 0, packages = n / 2;
        while (i < m || p < packages) {
            uint32_t package = p < packages ? below[2 * p] + below[2 * p + 1] : 0;
            if (i < m && (p >= packages || leaf[i].count <= package)) {
                from_leaf[t][k] = 1;
                level[k++] = leaf[i++].count;
            } else {
                from_leaf[t][k] = 0;
                level[k++] = package;
                p++;
            }
        }
        n = k;
        memcpy(below, level, n * sizeof *below);
    }
    for (unsigned t = HUFF_LIMIT; t-- > 0;) {
        unsigned leaves = 0;
        for (unsigned i = 0; i < take; i++)
            leaves += from_leaf[t][i];
        for (unsigned i = 0; i < leaves; i++)
            len[leaf[i].symbol]++;
        take = 2 * (take - leaves);
    }
}

/* Numbers the nodes and reads off the paths. Symbols of one length stand in symbol order. */
static void shape(struct huff *h)
{
    unsigned per_len[HUFF_LIMIT + 1] = {0}, next[HUFF_LIMIT + 1] = {0}, inner = 1, first = 0;

    for (unsigned s = 0; s < HUFF_SYMBOLS; s++)
        if (h->len[s]) {
            per_len[h->len[s]]++;
            h->depth = h->len[s] > h->depth ? h->len[s] : h->depth;
        }
    h->inner[0] = 1;
    for (unsigned d = 1; d <= h->depth; d++) {
        inner = 2 * inner - per_len[d];
        h->inner[d] = (uint8_t)inner;
        next[d] = first; /* where this depth's leaves begin in leaf_symbol */
        first += per_len[d];
    }
    memcpy(per_len, next, sizeof per_len); /* now: each depth's first leaf */
    for (unsigned s = 0; s < HUFF_SYMBOLS; s++) {
        unsigned d = h->len[s], node;
        if (!d)
            continue;
        node = h->inner[d] + next[d] - per_len[d];
        h->leaf_symbol[next[d]++] = (uint8_t)s;
        while (d-- > 0) { /* up to the root */
            unsigned bit = node >= h->inner[d];
            h->path[s] |= (uint16_t)(bit << d);
            node -= bit * h->inner[d];
        }
    }
}

void huff_make(const uint32_t counts[HUFF_SYMBOLS], struct huff *h)
{
    struct weighted leaf[HUFF_SYMBOLS];
    unsigned m = 0;

    memset(h, 0, sizeof *h);
    for (unsigned s = 0; s < HUFF_SYMBOLS; s++)
        if (counts[s])
            leaf[m++] = (struct weighted){counts[s], (uint16_t)s};
    h->symbols = m;
    if (m == 1)
        h->leaf_symbol[0] = (uint8_t)leaf[0].symbol;
    if (m < 2)
        return;
    qsort(leaf, m, sizeof *leaf, by_count);
    code_lengths(leaf, m, h->len);
    shape(h);
}
