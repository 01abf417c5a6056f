/* snippet.c - the text around places, cut at characters' beginnings. */
#include <stdlib.h>

#include "base/utf8.h"
#include "fm/set.h"

enum { CHAR_MAX_BYTES = 4 };

/* What is read for a snippet: a little more on both sides than asked for, as the cut is moved
 * inward to a character's beginning, which depends on the bytes around it. */
struct window {
    uint64_t from, to;   /* read, in the document */
    uint64_t want, stop; /* asked for */
};

static struct window window_of(struct fm_place p, uint64_t hit_len, uint64_t context,
                               uint64_t doc_len)
{
    struct window w;
    uint64_t end = p.offset + hit_len < doc_len ? p.offset + hit_len : doc_len;

    w.want = p.offset > context ? p.offset - context : 0;
    w.stop = doc_len - end > context ? end + context : doc_len;
    w.from = w.want > CHAR_MAX_BYTES ? w.want - CHAR_MAX_BYTES : 0;
    w.to = doc_len - w.stop > CHAR_MAX_BYTES ? w.stop + CHAR_MAX_BYTES : doc_len;
    return w;
}

/* The occurrence itself is never cut, even if it begins or ends inside a character. */
static struct fm_snippet cut(const char *p, const struct window *w, struct fm_place place,
                             uint64_t hit_len)
{
    size_t len = (size_t)(w->to - w->from), hit = (size_t)(place.offset - w->from);
    size_t from = utf8_ceil(p, len, (size_t)(w->want - w->from));
    size_t to = utf8_floor(p, len, (size_t)(w->stop - w->from));

    if (hit_len > len - hit)
        hit_len = len - hit;
    if (from > hit)
        from = hit;
    if (to < hit + hit_len)
        to = hit + hit_len;
    return (struct fm_snippet){from, to - from, hit - from, hit_len};
}

int fm_snippets(const struct fm *fm, const struct fm_place *place, const uint64_t *hit_len,
                size_t n, uint64_t context, struct fm_snippet *out, struct buf *text, int threads,
                struct err *e)
{
    struct fm_piece *piece = mem_array(n, sizeof *piece, e);
    struct window *w = mem_array(n, sizeof *w, e);
    size_t at = text->len, total = 0;
    int rc = piece && w ? 0 : e->code;

    for (size_t i = 0; rc == 0 && i < n; i++) {
        uint64_t len = fm_doc_bytes(fm, place[i].doc);
        struct fm_place p = place[i];
        if (p.offset > len)
            p.offset = len; /* only in a damaged index */
        w[i] = window_of(p, hit_len[i], context, len);
        piece[i] = (struct fm_piece){p.doc, w[i].from, w[i].to - w[i].from, NULL};
        total += piece[i].len;
    }
    if (rc == 0)
        rc = buf_reserve(text, total, e);
    if (rc == 0) {
        for (size_t i = 0; i < n; at += piece[i++].len)
            piece[i].dst = text->p + at;
        fm_read(fm, piece, n, threads);
        for (size_t i = 0; i < n; i++) {
            struct fm_place p = place[i];
            if (p.offset > w[i].to)
                p.offset = w[i].to;
            out[i] = cut(piece[i].dst, &w[i], p, hit_len[i]);
            out[i].at += (size_t)(piece[i].dst - text->p);
        }
        text->len += total;
    }
    free(piece);
    free(w);
    return rc;
}
