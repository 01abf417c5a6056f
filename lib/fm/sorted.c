/* sorted.c - see sorted.h. */
#include "fm/sorted.h"

enum { AHEAD = 32 /* rows whose text is fetched before it is needed */ };

static uint64_t doc_at(const struct sorted *t, uint64_t pos)
{
    uint64_t lo = 0, hi = t->docs;

    while (hi - lo > 1) {
        uint64_t mid = lo + (hi - lo) / 2;
        if (t->start[mid] <= pos)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

static inline unsigned symbol_before(const struct sorted *t, uint64_t pos)
{
    if (pos == 0)
        return 0; /* the first document's start; at the others stands the end of the one before */
    return t->text16 ? t->text16[pos - 1] : t->text8[pos - 1];
}

static inline void fetch_before(const struct sorted *t, uint64_t row)
{
    uint64_t pos = row < t->rows.n ? (uint64_t)t->sa[row] : 1;

    __builtin_prefetch(t->text16 ? (const void *)(t->text16 + pos - (pos > 0))
                                 : (const void *)(t->text8 + pos - (pos > 0)));
}

static int note_doc_start(const struct sorted *t, struct rows *out, uint64_t row, uint64_t pos,
                          struct err *e)
{
    uint64_t doc = doc_at(t, pos);

    if (t->text16 && buf_add(&out->ends, &row, sizeof row, e) < 0)
        return e->code;
    return buf_add(&out->doc_order, &doc, sizeof doc, e);
}

/* Is pos a multiple of the rate? A product instead of a division (Lemire, Kaser & Kurz 2019): exact
 * for 32 bits, and a chunk's positions have 31. */
static uint64_t sample_every(unsigned rate)
{
    return UINT64_MAX / rate + 1;
}

static inline bool is_sample(uint32_t pos, uint64_t every)
{
    return pos * every <= every - 1;
}

static int fill(const struct row_source *src, uint64_t from, size_t len, struct rows *out,
                struct err *e)
{
    const struct sorted *t = (const struct sorted *)src;
    const uint64_t every = sample_every(t->rate);

    for (size_t i = 0; i < len; i++) {
        uint64_t pos = (uint64_t)t->sa[from + i];
        unsigned s = symbol_before(t, pos);
        fetch_before(t, from + i + AHEAD);
        out->sym[i] = t->store_code[s];
        if (s == 0 && note_doc_start(t, out, from + i, pos, e) < 0)
            return e->code;
        if (is_sample((uint32_t)pos, every)) {
            uint32_t k = (uint32_t)pos / t->rate;
            uint16_t at = (uint16_t)i;
            if (buf_add(&out->mark, &at, sizeof at, e) < 0 ||
                buf_add(&out->perm, &k, sizeof k, e) < 0)
                return e->code;
        }
    }
    return 0;
}

void sorted_ready(struct sorted *t, uint64_t n, unsigned sigma)
{
    t->rows = (struct row_source){n, sigma, fill};
}
