/* read.c - text out of the index: pieces are cut into stretches, and the stretches walked backward
 * by LF in lock step.
 *
 * A walk begins at a row whose text position is known: a document's end (row d) or a sample. So a
 * stretch ends at a document's end or is prolonged to the next sample, and what it meets past its
 * own end is thrown away.
 */
#include "fm/shard.h"

enum { STRETCH_MAX = 2048 };

struct stretch {
    char *dst; /* where the byte at the stretch's first position goes */
    uint64_t row;
    uint64_t len;  /* bytes to write */
    uint64_t over; /* bytes to throw away first */
};

/* Where the next stretch is to be cut from. */
struct cutter {
    const struct shard_piece *piece;
    size_t n, i;
    uint64_t done; /* bytes of piece i already given out */
    uint64_t size; /* of a stretch */
};

static uint64_t stretch_size(const struct shard *s, const struct shard_piece *p, size_t n)
{
    uint64_t total = 0, size, rate = s->head.rate;

    for (size_t i = 0; i < n && total < (uint64_t)STRETCH_MAX * RANK_BATCH; i++)
        total += p[i].len;
    size = total / s->layout->batch / rate * rate;
    if (size > STRETCH_MAX)
        size = STRETCH_MAX;
    return size < rate ? rate : size;
}

static bool next_stretch(const struct shard *s, struct cutter *c, struct stretch *st)
{
    const struct shard_piece *p;
    uint64_t start, doc_end, from, to, rate = s->head.rate, sample;

    while (c->i < c->n && c->done >= c->piece[c->i].len) {
        c->i++;
        c->done = 0;
    }
    if (c->i == c->n)
        return false;
    p = &c->piece[c->i];
    start = shard_doc_start(s, p->doc);
    doc_end = start + shard_doc_len(s, p->doc);
    from = start + p->from + c->done;
    to = from + c->size;
    sample = to / rate;
    to = sample * rate > from ? sample * rate : to; /* a cut at a sample costs nothing */
    if (to > start + p->from + p->len)
        to = start + p->from + p->len;
    sample = (to + rate - 1) / rate;
    st->dst = p->dst + c->done;
    st->len = to - from;
    if (sample * rate >= doc_end || sample >= s->samples.count) {
        st->row = p->doc;
        st->over = doc_end - to;
    } else {
        st->row = samples_row(&s->samples, sample);
        st->over = sample * rate - to;
    }
    c->done += st->len;
    return true;
}

void shard_read(const struct shard *s, const struct shard_piece *pieces, size_t n)
{
    struct cutter c = {pieces, n, 0, 0, stretch_size(s, pieces, n)};
    struct stretch st[RANK_BATCH];
    uint64_t row[RANK_BATCH];
    uint8_t byte[RANK_BATCH];
    bool end[RANK_BATCH];
    size_t k = 0;

    for (;;) {
        for (; k < s->layout->batch && next_stretch(s, &c, &st[k]); k++)
            row[k] = st[k].row;
        if (!k)
            return;
        shard_lf(s, k, row, byte, end);
        for (size_t i = k; i-- > 0;) {
            if (st[i].over)
                st[i].over--;
            else
                st[i].dst[--st[i].len] = end[i] ? 0 : (char)byte[i];
            if (!st[i].len) {
                st[i] = st[--k];
                row[i] = row[k];
            } else if (end[i]) {
                row[i] = 0; /* only in a damaged file: a document's text has no end inside */
            }
        }
    }
}
