/* search.c - backward search of many patterns in lock step: as soon as one is done, the next takes
 * its place, so that the batch stays full. The last one, or one alone, looks ahead instead. */
#include "fm/shard.h"

struct search {
    const struct fm_text *pat;
    size_t left; /* bytes of the pattern still to go through */
    size_t id;
};

/* Takes the next pattern that needs searching, from its last byte's rows; the empty pattern, or one
 * byte, needs none. */
static bool next_search(const struct shard *s, const struct fm_text *pat, size_t n, size_t *next,
                        struct search *q, struct fm_range *range, struct fm_range *out)
{
    while (*next < n) {
        size_t id = (*next)++;
        size_t left = pat[id].len;
        *range = (struct fm_range){0, s->head.n};
        if (left)
            *range = shard_first(s, (uint8_t)pat[id].p[--left]);
        if (!left || range->lo == range->hi) {
            out[id] = *range;
            continue;
        }
        *q = (struct search){&pat[id], left, id};
        return true;
    }
    return false;
}

void shard_search(const struct shard *s, const struct fm_text *pat, size_t n, struct fm_range *out)
{
    struct search q[RANK_BATCH];
    uint64_t lo[RANK_BATCH], hi[RANK_BATCH];
    uint8_t byte[RANK_BATCH];
    struct fm_range r;
    size_t next = 0, k = 0;

    while (k < s->layout->batch && next_search(s, pat, n, &next, &q[k], &r, out)) {
        lo[k] = r.lo;
        hi[k++] = r.hi;
    }
    while (k) {
        if (k == 1 && next == n) {
            shard_seek(s, (const uint8_t *)q[0].pat->p, q[0].left, &lo[0], &hi[0]);
            out[q[0].id] = (struct fm_range){lo[0], hi[0]};
            return;
        }
        for (size_t i = 0; i < k; i++)
            byte[i] = (uint8_t)q[i].pat->p[--q[i].left];
        shard_step(s, k, byte, lo, hi);
        for (size_t i = 0; i < k;) {
            if (lo[i] < hi[i] && q[i].left) {
                i++;
                continue;
            }
            out[q[i].id] = (struct fm_range){lo[i], hi[i]};
            if (!next_search(s, pat, n, &next, &q[i], &r, out)) {
                k--; /* the last one takes the free place, and is looked at in its turn */
                q[i] = q[k];
                r = (struct fm_range){lo[k], hi[k]};
                lo[i] = r.lo;
                hi[i] = r.hi;
                continue;
            }
            lo[i] = r.lo;
            hi[i++] = r.hi;
        }
    }
}
