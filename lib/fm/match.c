/* match.c - maximal matches of a text in the corpus, by skipping.
 *
 * From left to right. At start s, [s, s + min) is probed backward. If it is absent because of
 * [at - 1, s + min), no match of that length begins before `at`: go on there. If it occurs, its
 * match is prolonged to its greatest end e, and is maximal: its left neighbour has been excluded.
 * The next maximal match ends beyond e, and begins where the longest match that ends at e + 1 does.
 * (After Gagie's search for long maximal matches, 2024, with an index in one direction only.)
 */
#include <stdlib.h>
#include <string.h>

#include "base/par.h"
#include "fm/probe.h"

enum { FILL_CHUNK = 256 };

enum state { FIND_START, PROLONG, NEXT_START };

struct scan {
    struct fm_text text;
    uint64_t min_len;
    bool only_longest; /* keep one match, and let min_len grow with it */
    enum state state;
    uint64_t start, known; /* [start, known) occurs, if known > start */
    struct extend x;
    struct fm_match *match;
    size_t n, cap;
    struct err err;
};

static void keep(struct scan *s, uint64_t start, uint64_t end)
{
    if (s->only_longest)
        s->n = 0;
    if (mem_reserve(&s->match, &s->cap, s->n + 1, sizeof *s->match, &s->err) < 0)
        return;
    s->match[s->n++] = (struct fm_match){.offset = start, .len = end - start};
    if (s->only_longest)
        s->min_len = end - start + 1;
}

static bool ask(struct probe *p, uint64_t from, uint64_t to)
{
    p->from = from;
    p->to = to;
    return true;
}

/* What to ask at s->start; false past the last place where a match can begin. */
static bool ask_start(struct scan *s, struct probe *p)
{
    if (s->min_len > s->text.len || s->start > s->text.len - s->min_len)
        return false;
    if (s->known >= s->start + s->min_len) {
        s->state = PROLONG;
        extend_begin(&s->x, s->start, s->known, s->text.len);
        if (extend_ask(&s->x, p))
            return true;
        keep(s, s->start, s->text.len); /* it reaches the text's end: the last one */
        return false;
    }
    s->state = FIND_START;
    return ask(p, s->start, s->start + s->min_len);
}

static bool next_probe(void *client, struct probe *p, bool first)
{
    struct scan *s = client;

    p->text = s->text.p;
    if (s->err.code)
        return false;
    if (first)
        return ask_start(s, p);
    switch (s->state) {
    case FIND_START:
        if (p->at > p->from)
            s->start = p->at;
        else
            s->known = p->to;
        return ask_start(s, p);
    case PROLONG:
        extend_answer(&s->x, p);
        if (extend_ask(&s->x, p))
            return true;
        keep(s, s->start, s->x.present);
        if (s->x.present == s->text.len)
            return false;
        s->state = NEXT_START;
        return ask(p, s->start + 1, s->x.present + 1);
    case NEXT_START:
        s->start = p->at;
        s->known = p->to;
        return ask_start(s, p);
    }
    return false;
}

/* ---- occurrences and an example for each match ---- */

struct unfilled {
    struct fm_text pat;
    struct fm_match *match;
};

/* In one shard; the example is that of the first shard that has one. */
static void fill_from_shard(const struct fm *fm, size_t shard, const struct fm_text *pat,
                            const struct unfilled *u, size_t n)
{
    const struct shard *s = fm->shard[shard];
    struct fm_range range[FILL_CHUNK];
    uint64_t row[FILL_CHUNK], pos[FILL_CHUNK];
    size_t which[FILL_CHUNK], k = 0;

    shard_search(s, pat, n, range);
    for (size_t i = 0; i < n; i++) {
        uint64_t found = range[i].hi - range[i].lo;
        if (found && !u[i].match->count) {
            which[k] = i;
            row[k++] = range[i].lo;
        }
        u[i].match->count += found;
    }
    shard_locate(s, row, k, pos);
    for (size_t i = 0; i < k; i++)
        u[which[i]].match->doc = fm->first_doc[shard] + shard_doc_at(s, pos[i]);
}

static void fill_chunk(const struct fm *fm, const struct unfilled *u, size_t n)
{
    struct fm_text pat[FILL_CHUNK];

    for (size_t i = 0; i < n; i++) {
        pat[i] = u[i].pat;
        u[i].match->count = u[i].match->doc = 0;
    }
    for (size_t s = 0; s < fm->n_shards; s++)
        fill_from_shard(fm, s, pat, u, n);
}

static int fill_in(const struct fm *fm, const struct scan *scan, const struct fm_text *text,
                   size_t n, int threads, struct err *e)
{
    struct unfilled *u;
    struct par_chunks c;
    size_t total = 0, k = 0;

    for (size_t i = 0; i < n; i++)
        total += scan[i].n;
    u = mem_array(total, sizeof *u, e);
    if (!u)
        return e->code;
    for (size_t i = 0; i < n; i++)
        for (size_t m = 0; m < scan[i].n; m++) {
            struct fm_match *match = &scan[i].match[m];
            u[k++] = (struct unfilled){{text[i].p + match->offset, match->len}, match};
        }
    c = par_split(total, RANK_BATCH, FILL_CHUNK, threads);
#pragma omp parallel for num_threads(c.team) schedule(dynamic) if (c.team > 1)
    for (int64_t i = 0; i < c.count; i++) {
        size_t from = (size_t)i * c.size, len = total - from < c.size ? total - from : c.size;
        fill_chunk(fm, u + from, len);
    }
    free(u);
    return 0;
}

static int run_scans(const struct fm *fm, struct scan *scan, const struct fm_text *text, size_t n,
                     int threads, struct err *e)
{
    int rc = probe_run(fm, scan, n, sizeof *scan, next_probe, threads, e);

    for (size_t i = 0; rc == 0 && i < n; i++)
        if (scan[i].err.code) {
            *e = scan[i].err;
            rc = e->code;
        }
    return rc < 0 ? rc : fill_in(fm, scan, text, n, threads, e);
}

int fm_match(const struct fm *fm, const struct fm_text *text, size_t n, uint64_t min_len,
             struct fm_match **match, int64_t *found, int threads, struct err *e)
{
    struct scan *scan = mem_zero(n, sizeof *scan, e);
    int rc = scan ? 0 : e->code;

    for (size_t i = 0; rc == 0 && i < n; i++)
        scan[i] = (struct scan){.text = text[i], .min_len = min_len ? min_len : 1};
    if (rc == 0)
        rc = run_scans(fm, scan, text, n, threads, e);
    for (size_t i = 0; i < n; i++) {
        if (rc < 0 && scan)
            free(scan[i].match);
        match[i] = rc < 0 ? NULL : scan[i].match;
        found[i] = rc < 0 ? 0 : (int64_t)scan[i].n;
    }
    free(scan);
    return rc;
}

int fm_longest(const struct fm *fm, const struct fm_text *text, size_t n, struct fm_match *out,
               int threads, struct err *e)
{
    struct scan *scan = mem_zero(n, sizeof *scan, e);
    int rc = scan ? 0 : e->code;

    for (size_t i = 0; rc == 0 && i < n; i++)
        scan[i] = (struct scan){.text = text[i], .min_len = 1, .only_longest = true};
    if (rc == 0)
        rc = run_scans(fm, scan, text, n, threads, e);
    for (size_t i = 0; scan && i < n; i++) {
        out[i] = rc == 0 && scan[i].n ? scan[i].match[0] : (struct fm_match){0};
        free(scan[i].match);
    }
    free(scan);
    return rc;
}
