/* allowed_body.h - kernels of allowed.h in plain C, which are as good on some levels when they are
 * compiled for them. Included by these levels' files.
 */
#include "ann/allowed.h"
#include "ann/row_bytes.h"

/* Most words have few bits, and how many cannot be guessed: two are written whatever there are. */
static inline size_t next(struct allowed_at *s, uint32_t *row, size_t room)
{
    const uint64_t words = (s->rows + 63) / 64, high = UINT64_C(1) << 63;
    size_t n = 0;

    for (; s->word < words && n + 64 + 2 <= room; s->word++) {
        uint64_t left = allowed_word(s, s->word);
        uint32_t base = (uint32_t)(s->word * 64);
        size_t at = n;

        n += (size_t)__builtin_popcountll(left);
        row[at++] = base + (uint32_t)__builtin_ctzll(left | high);
        left &= left - 1;
        row[at++] = base + (uint32_t)__builtin_ctzll(left | high);
        for (left &= left - 1; at < n; left &= left - 1)
            row[at++] = base + (uint32_t)__builtin_ctzll(left);
    }
    return n;
}

#if !defined(ALLOWED_VECTORS)
static size_t links(const uint64_t *bits, const uint8_t *link, unsigned width, uint32_t n,
                    uint32_t last, uint32_t *to)
{
    size_t got = 0;

    for (uint32_t i = 0; i < n; i++, link += width) {
        uint32_t row = width == 3 ? row_read(link, 3) : row_read(link, width);

        row = row < last ? row : last;
        to[got] = row;
        got += allowed_row(bits, row);
    }
    return got;
}

static size_t mask(const uint64_t *bits, const uint32_t *row, size_t n, uint32_t *mask)
{
    size_t got = 0;

    for (size_t i = 0; i < n; i += ALLOWED_LANES) {
        uint32_t word = 0;

        for (size_t j = i; j < n && j < i + ALLOWED_LANES; j++)
            word |= (uint32_t)allowed_row(bits, row[j]) << (j - i);
        mask[i / ALLOWED_LANES] = word;
        got += (size_t)__builtin_popcount(word);
    }
    return got;
}
#endif
