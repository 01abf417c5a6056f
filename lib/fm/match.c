/* match.c - maximal matches of a text in the corpus, by skipping.
 *
 * From left to right. At start s, [s, s + min) is probed backward. If it is absent because of
 * [at - 1, s + min), no match of that length begins before `at`: go on there. If it occurs, its
 * match is prolonged to its greatest end e, and is maximal: its left neighbour has been excluded.
 * The next maximal match ends beyond e, and begins where the longest match that ends at e + 1 does:
 * where the probe has stopped that found [s, e + 1) absent.
 * (After Gagie's search for long maximal matches, 2024, with an index in one direction only.)
 */
#include <stdlib.h>
#include <string.h>

#include "base/par.h"
#include "fm/probe.h"

enum { FILL_CHUNK = 256, NEAR_STEP = 1, FAR_STEP = 16 };

enum state { FIND_START, PROLONG };

struct scan {
    struct fm_text text;
    uint64_t min_len;
    bool only_longest; /* keep one match, and let min_len grow with it */
    enum state state;
    uint64_t start, known;  /* [start, known) occurs, if known > start */
    struct probe_hits hits; /* of that */
    uint64_t next;          /* [next, x.absent) occurs, as much as there is */
    struct probe_hits next_hits;
    struct extend x;
    struct fm_match *match;
    struct probe_hits *example; /* of each match */
    size_t n, cap, cap_example;
    struct err err;
};

static void keep(struct scan *s, uint64_t start, uint64_t end)
{
    if (s->only_longest)
        s->n = 0;
    if (mem_reserve(&s->match, &s->cap, s->n + 1, sizeof *s->match, &s->err) < 0 ||
        mem_reserve(&s->example, &s->cap_example, s->n + 1, sizeof *s->example, &s->err) < 0)
        return;
    s->match[s->n] = (struct fm_match){start, end - start, s->hits.count, 0};
    s->example[s->n++] = s->hits;
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
        extend_begin(&s->x, s->start, s->known, s->text.len,
                     s->only_longest ? NEAR_STEP : FAR_STEP);
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
        if (p->at > p->from) {
            s->start = p->at;
        } else {
            s->known = p->to;
            s->hits = p->hits;
        }
        return ask_start(s, p);
    case PROLONG:
        extend_answer(&s->x, p);
        if (p->at == p->from) {
            s->hits = p->hits;
        } else {
            s->next = p->at;
            s->next_hits = p->hits;
        }
        if (extend_ask(&s->x, p))
            return true;
        keep(s, s->start, s->x.present);
        if (s->x.present == s->text.len)
            return false;
        s->start = s->next;
        s->known = s->x.absent;
        s->hits = s->next_hits;
        return ask_start(s, p);
    }
    return false;
}

/* ---- an example of each match ---- */

struct unfilled {
    struct probe_hits at;
    struct fm_match *match;
};

static void fill_from_shard(const struct fm *fm, size_t shard, const struct unfilled *u, size_t n)
{
    const struct shard *s = fm->shard[shard];
    uint64_t row[FILL_CHUNK], pos[FILL_CHUNK];
    size_t which[FILL_CHUNK], k = 0;

    for (size_t i = 0; i < n; i++)
        if (u[i].at.shard == shard) {
            which[k] = i;
            row[k++] = u[i].at.row;
        }
    if (!k)
        return;
    shard_locate(s, row, k, pos);
    for (size_t i = 0; i < k; i++)
        u[which[i]].match->doc = fm->first_doc[shard] + shard_doc_at(s, pos[i]);
}

static int fill_in(const struct fm *fm, const struct scan *scan, size_t n, int threads,
                   struct err *e)
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
        for (size_t m = 0; m < scan[i].n; m++)
            u[k++] = (struct unfilled){scan[i].example[m], &scan[i].match[m]};
    c = par_split(total, RANK_BATCH, FILL_CHUNK, threads);
#pragma omp parallel for num_threads(c.team) schedule(dynamic) if (c.team > 1)
    for (int64_t i = 0; i < c.count; i++) {
        size_t from = (size_t)i * c.size, len = total - from < c.size ? total - from : c.size;
        for (size_t s = 0; s < fm->n_shards; s++)
            fill_from_shard(fm, s, u + from, len);
    }
    free(u);
    return 0;
}

static int run_scans(const struct fm *fm, struct scan *scan, size_t n, int threads, struct err *e)
{
    int rc = probe_run(fm, scan, n, sizeof *scan, next_probe, threads, e);

    for (size_t i = 0; rc == 0 && i < n; i++)
        if (scan[i].err.code) {
            *e = scan[i].err;
            rc = e->code;
        }
    if (rc == 0)
        rc = fill_in(fm, scan, n, threads, e);
    for (size_t i = 0; i < n; i++)
        free(scan[i].example);
    return rc;
}

int fm_match(const struct fm *fm, const struct fm_text *text, size_t n, uint64_t min_len,
             struct fm_match **match, int64_t *found, int threads, struct err *e)
{
    struct scan *scan = mem_zero(n, sizeof *scan, e);
    int rc = scan ? 0 : e->code;

    for (size_t i = 0; rc == 0 && i < n; i++)
        scan[i] = (struct scan){.text = text[i], .min_len = min_len ? min_len : 1};
    if (rc == 0)
        rc = run_scans(fm, scan, n, threads, e);
    for (size_t i = 0; i < n; i++) {
        if (rc < 0 && scan)
            free(scan[i].match);
        match[i] = rc < 0 ? NULL : scan[i].match;
        found[i] = rc < 0 ? 0 : (int64_t)scan[i].n;
    }
    free(scan);
    return rc;
}

/* The first match of the known length or more will be found, be it the known one or another. */
static void begin_longest(struct scan *s, struct fm_text text, const struct known_match *known)
{
    *s = (struct scan){.text = text, .only_longest = true, .min_len = 1};
    if (!known)
        return;
    s->start = known->from;
    if (known->min_len > s->min_len)
        s->min_len = known->min_len;
    if (known->len > s->min_len)
        s->min_len = known->len;
    if (known->len && known->len == text.len) {
        s->known = text.len;
        s->hits = known->hits;
    }
}

int match_longest(const struct fm *fm, const struct fm_text *text, const struct known_match *known,
                  size_t n, struct fm_match *out, int threads, struct err *e)
{
    struct scan *scan = mem_zero(n, sizeof *scan, e);
    int rc = scan ? 0 : e->code;

    for (size_t i = 0; rc == 0 && i < n; i++)
        begin_longest(&scan[i], text[i], known ? &known[i] : NULL);
    if (rc == 0)
        rc = run_scans(fm, scan, n, threads, e);
    for (size_t i = 0; scan && i < n; i++) {
        out[i] = rc == 0 && scan[i].n ? scan[i].match[0] : (struct fm_match){0};
        free(scan[i].match);
    }
    free(scan);
    return rc;
}

int fm_longest(const struct fm *fm, const struct fm_text *text, size_t n, struct fm_match *out,
               int threads, struct err *e)
{
    return match_longest(fm, text, NULL, n, out, threads, e);
}
