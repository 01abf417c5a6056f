/* locate.c - the text positions of many rows: walks by LF, in lock step, each until it meets a
 * marked row or its document's start. */
#include "fm/shard.h"

struct batch {
    uint64_t row[RANK_BATCH];
    size_t id[RANK_BATCH];
    uint32_t steps[RANK_BATCH];
    size_t k;
};

/* Takes walk i off: the last one moves into its place. */
static void drop(struct batch *b, size_t i)
{
    b->k--;
    b->row[i] = b->row[b->k];
    b->id[i] = b->id[b->k];
    b->steps[i] = b->steps[b->k];
}

static void refill(const struct shard *s, struct batch *b, const uint64_t *rows, size_t n,
                   size_t *next)
{
    for (; b->k < s->layout->batch && *next < n; b->k++, (*next)++) {
        b->row[b->k] = rows[*next] < s->head.n ? rows[*next] : 0;
        b->id[b->k] = *next;
        b->steps[b->k] = 0;
    }
}

void shard_locate(const struct shard *s, const uint64_t *rows, size_t n, uint64_t *pos)
{
    const uint32_t limit = s->head.rate; /* no walk is longer, but for damage */
    struct batch b = {.k = 0};
    uint8_t byte[RANK_BATCH];
    bool end[RANK_BATCH];
    size_t next = 0;
    uint64_t at;

    for (refill(s, &b, rows, n, &next); b.k; refill(s, &b, rows, n, &next)) {
        for (size_t i = 0; i < b.k; i++)
            samples_fetch(&s->samples, b.row[i]);
        for (size_t i = 0; i < b.k;) {
            bool found = s->samples.find(&s->samples, b.row[i], &at);
            if (!found && b.steps[i] < limit) {
                i++;
                continue;
            }
            pos[b.id[i]] = found ? at + b.steps[i] : 0;
            drop(&b, i);
        }
        shard_lf(s, b.k, b.row, byte, end);
        for (size_t i = b.k; i-- > 0;) {
            if (end[i]) {
                pos[b.id[i]] = shard_doc_start(s, shard_doc_of_end(s, b.row[i])) + b.steps[i];
                drop(&b, i);
            } else {
                b.steps[i]++;
            }
        }
    }
}
