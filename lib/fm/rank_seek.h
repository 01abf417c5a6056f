/* rank_seek.h - one search alone, through many symbols: the last part of rank_body.h.
 *
 * A step of a search waits for memory once a level, one after the other, as each level's bits tell
 * where the next one's are; and nothing else is there to do meanwhile. But where they are can be
 * guessed without them: between two counts of ones that stand together with the other counts (of
 * small, the directory; of fast, the hints), about as many ones as lie evenly. So a scout goes a
 * step ahead of the search. It reads headers and counts alone, and asks for the lines that the
 * search will read, at all levels at once, and for the next header. Its error does not grow: each
 * step shrinks it by the share that the symbol has in the block. On text, 97 of 100 guesses are
 * right. The search itself is exact, and the scout's guesses change nothing but its speed.
 *
 * Of the layout:
 *   can_guess()      does the rank have counts to guess from?
 *   fetch_counts()   asks for the rest of a block's header, and for these counts
 *   guess_ones()     about the ones of the block before bit g of it; asks for the memory that a
 *                    look there touches
 */
#ifndef FM_RANK_SEEK_H
#define FM_RANK_SEEK_H

enum { NEAR = 256 }; /* ends of a range that are nearer have one scout: their lines are the same */

/* Where the ends of the range will be: the first `ends` of them are followed. */
struct scout {
    uint64_t row[2];
    unsigned ends;
};

/* The row's block, the next to be read by a scout. */
static inline void fetch_block(const struct rank *r, uint64_t row, unsigned next)
{
    uint64_t i = row <= r->n ? row : r->n;
    const uint8_t *header = block_header(r, i >> BLOCK_LOG);

    fetch_header(header);
    fetch_counts(r, header);
    fetch(&r->super[(i >> RANK_SUPER_LOG) * r->sigma + next]);
}

/* A guess can be off by more than the level has before p. */
static inline uint32_t likely_ones(uint32_t ones, uint32_t p)
{
    ones &= ONES_MASK;
    if (ones > ONES_MASK / 2) /* less than none */
        return 0;
    return ones < p ? ones : p;
}

/* About where position p of the block comes out at the symbol's leaf. */
static inline uint32_t guess_levels(const struct rank *r, const uint8_t *header, struct code code,
                                    uint32_t p)
{
    const uint8_t *level = header + RANK_HEADER_FIXED;
    struct place place = place_of(r, header);
    uint32_t level_at = 0, level_ones = 0;

    for (unsigned l = 0; l < code.len; l++, level += 4) {
        uint32_t len = load_u16(level), zeros = load_u16(level + 2);
        uint32_t ones = likely_ones(guess_ones(r, place, level_at + p) - level_ones, p);
        p = pick_u32(code.path >> l & 1, zeros + ones, p - ones);
        level_at += len;
        level_ones += len - zeros;
    }
    return p;
}

/* About LF(c, *row), into *row. False where the block lacks the symbol. */
static inline bool guess_step(const struct rank *r, unsigned c, uint64_t *row)
{
    uint64_t i = *row <= r->n ? *row : r->n, block = i >> BLOCK_LOG;
    const uint8_t *header = block_header(r, block);
    struct code code;
    uint32_t p;

    if (!has_symbol(header, c))
        return false;
    code = read_code(header, symbol_index(header, c));
    p = guess_levels(r, header, code, (uint32_t)(i & ((1u << BLOCK_LOG) - 1)));
    *row = base_of(r, block, c) + (uint16_t)(code.delta + p);
    return true;
}

/* A step ahead by c; `next` will be the symbol of the step after it. */
static inline void scout_step(const struct rank *r, struct scout *s, unsigned c, unsigned next)
{
    for (unsigned i = 0; i < s->ends; i++)
        if (!guess_step(r, c, &s->row[i])) {
            s->ends = 0;
            return;
        }
    if (s->ends == 2 && s->row[1] - s->row[0] < NEAR)
        s->ends = 1;
    for (unsigned i = 0; i < s->ends; i++)
        fetch_block(r, s->row[i], next);
}

static inline void scout_from(struct scout *s, uint64_t lo, uint64_t hi)
{
    *s = (struct scout){{lo, hi}, hi - lo < NEAR ? 1 : 2};
}

static size_t rank_seek(const struct rank *r, const uint8_t *sym, size_t n, uint64_t *lo,
                        uint64_t *hi)
{
    struct scout s = {.ends = 0};

    for (; n && *lo < *hi; n--) {
        if (n > 2 && can_guess(r)) {
            if (!s.ends) {
                scout_from(&s, *lo, *hi);
                scout_step(r, &s, sym[n - 1], sym[n - 2]);
            }
            scout_step(r, &s, sym[n - 2], sym[n - 3]);
        }
        step_batch(r, 1, &sym[n - 1], lo, hi, !s.ends);
    }
    return n;
}

#endif
