/* contam.c - which entries of a benchmark does the corpus contain.
 *
 * An entry is cut in windows, growing in begin and end: of 50 characters at every word (Infini-gram
 * mini, Xu et al. 2025), or of 13 words (Brown et al. 2020). Its share is the part of its windows
 * that occur in the corpus. Most are never looked up. The first stretch tried is all of the entry.
 * Then, as most entries are clean, a chain of stretches of longest_min bytes: each that is absent
 * shows a gap, and the next begins inside of it, so that nothing of that length or more occurs
 * before. If one occurs, windows are tried: an absent stretch excludes every window over it, and
 * after a window that occurs a longer stretch is tried, which proves all windows inside it. The
 * longest match is looked for last, when the probes have shown one that is nearly as long, and not
 * at all behind a whole chain. The answers are those of the naive rule.
 */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "fm/probe.h"

enum { GALLOP_FIRST = 64, GALLOP_MAX = 1024, SETTLED_MAX = 16 };

struct window {
    uint64_t from, to;
};

struct windows {
    struct window *v;
    size_t n, cap;
};

/* ---- cutting ---- */

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int add_window(struct windows *w, uint64_t from, uint64_t to, struct err *e)
{
    if (mem_reserve(&w->v, &w->cap, w->n + 1, sizeof *w->v, e) < 0)
        return e->code;
    w->v[w->n++] = (struct window){from, to};
    return 0;
}

/* Windows of `chars` characters at every word's start; an entry without one is one window. */
static int cut_chars(struct fm_text t, uint64_t chars, struct windows *w, struct err *e)
{
    uint64_t to = 0, ahead = 0; /* [from, to) has `ahead` characters */

    for (uint64_t from = 0; from < t.len;) {
        for (; ahead < chars && to < t.len; ahead++)
            to += utf8_step(t.p + to, t.len - to);
        if (ahead < chars)
            break;
        if (!is_blank(t.p[from]) && (from == 0 || is_blank(t.p[from - 1])) &&
            add_window(w, from, to, e) < 0)
            return e->code;
        from += utf8_step(t.p + from, t.len - from);
        ahead--;
    }
    return w->n || !t.len ? 0 : add_window(w, 0, t.len, e);
}

/* Windows of `words` words, with `pad` bytes more on both sides: the spaces of a normalised text,
 * so that only whole words match. */
static int cut_words(struct fm_text t, uint64_t words, uint64_t pad, struct windows *w,
                     struct err *e)
{
    struct windows word = {0};
    int rc = 0;

    for (uint64_t at = 0; rc == 0 && at < t.len;) {
        uint64_t from = at;
        while (at < t.len && !is_blank(t.p[at]))
            at++;
        if (at > from)
            rc = add_window(&word, from - pad, at + pad, e);
        while (at < t.len && is_blank(t.p[at]))
            at++;
    }
    for (size_t i = 0; rc == 0 && words <= word.n && i <= word.n - words; i++)
        rc = add_window(w, word.v[i].from, word.v[i + words - 1].to, e);
    if (rc == 0 && !w->n && word.n)
        rc = add_window(w, word.v[0].from, word.v[word.n - 1].to, e);
    free(word.v);
    return rc;
}

/* ---- looking up ---- */

/* Windows that are settled before their turn comes. */
struct settled {
    size_t first, last;
};

/* What the probe under way is. */
enum stage { WHOLE, CHAIN, WINDOWS };

struct scan {
    struct fm_text text;
    struct windows windows;
    enum stage stage;
    uint64_t link;                     /* bytes of each of the chain's stretches; 0: no chain */
    uint64_t clear;                    /* no match of so many bytes begins before this */
    size_t i;                          /* the first window that is not settled */
    size_t last;                       /* windows i..last are under the probe */
    struct settled later[SETTLED_MAX]; /* a stack, the nearest on top */
    size_t n_later;
    uint64_t gallop; /* bytes tried beyond window i */
    uint64_t found;
    struct known_match longest;
};

/* First window from i on that begins at or behind `at`. */
static size_t window_from(const struct scan *s, size_t i, uint64_t at)
{
    while (i < s->windows.n && s->windows.v[i].from < at)
        i++;
    return i;
}

static bool ask_windows(struct scan *s, struct probe *p)
{
    const struct window *v = s->windows.v;
    size_t limit;

    while (s->n_later && s->i >= s->later[s->n_later - 1].first) {
        size_t next = s->later[--s->n_later].last + 1;
        s->i = next > s->i ? next : s->i;
    }
    if (s->i >= s->windows.n)
        return false;
    s->stage = WINDOWS;
    limit = s->n_later ? s->later[s->n_later - 1].first : s->windows.n;
    s->last = s->i;
    while (s->last + 1 < limit && v[s->last + 1].to <= v[s->i].to + s->gallop)
        s->last++;
    p->text = s->text.p;
    p->from = v[s->i].from;
    p->to = v[s->last].to;
    return true;
}

/* Notes that windows first..last are settled; when there is no room they will be probed again. */
static bool settle(struct scan *s, size_t first, size_t last)
{
    if (s->n_later == SETTLED_MAX)
        return false;
    s->later[s->n_later++] = (struct settled){first, last};
    return true;
}

/* The chain's next stretch. At its end no match counts, and no window, as none is shorter, is left.
 */
static bool ask_link(struct scan *s, struct probe *p)
{
    s->stage = CHAIN;
    p->from = s->clear;
    p->to = s->clear + s->link;
    return p->to <= s->text.len;
}

static bool after_whole(struct scan *s, struct probe *p)
{
    if (p->at == p->from) {
        s->found = s->windows.n;
        return false;
    }
    return s->link ? ask_link(s, p) : ask_windows(s, p);
}

static bool after_link(struct scan *s, struct probe *p)
{
    if (p->at == p->from) {
        s->i = window_from(s, s->i, s->clear);
        return ask_windows(s, p);
    }
    s->clear = p->at;
    return ask_link(s, p);
}

static bool after_windows(struct scan *s, struct probe *p)
{
    size_t k;

    if (p->at == p->from) { /* all windows of the stretch occur: try a longer one */
        s->found += s->last - s->i + 1;
        s->i = s->last + 1;
        s->gallop = s->gallop ? 2 * s->gallop : GALLOP_FIRST;
        if (s->gallop > GALLOP_MAX)
            s->gallop = GALLOP_MAX;
        return ask_windows(s, p);
    }
    k = window_from(s, s->i, p->at);
    if (s->last == s->i) { /* one window, absent, and with it all over the gap */
        s->i = k;
        s->gallop = 0;
        return ask_windows(s, p);
    }
    /* Windows from k to last occur; or, if none is left of these, last..k-1 lie over the gap. */
    if (k <= s->last)
        s->found += settle(s, k, s->last) ? s->last - k + 1 : 0;
    else
        settle(s, s->last, k - 1);
    s->gallop = s->gallop > GALLOP_FIRST / 2 ? s->gallop / 2 : 0;
    return ask_windows(s, p);
}

static bool next_probe(void *client, struct probe *p, bool first)
{
    struct scan *s = client;

    if (first) {
        p->text = s->text.p;
        p->from = 0;
        p->to = s->text.len;
        return p->to > 0;
    }
    if (p->to - p->at > s->longest.len) {
        s->longest.len = p->to - p->at;
        s->longest.hits = p->hits;
    }
    switch (s->stage) {
    case WHOLE:
        return after_whole(s, p);
    case CHAIN:
        return after_link(s, p);
    case WINDOWS:
        break;
    }
    return after_windows(s, p);
}

/* ---- verdicts ---- */

static enum fm_label label_of(double share, const struct fm_contam_opts *o)
{
    if (share >= o->dirty)
        return FM_DIRTY;
    return share >= o->suspicious ? FM_SUSPICIOUS : FM_CLEAN;
}

static int cut_entry(struct fm_text t, const struct fm_contam_opts *o, bool normalised,
                     struct windows *w, struct err *e)
{
    switch (o->method) {
    case FM_WINDOW:
        return cut_chars(t, o->window_chars, w, e);
    case FM_NGRAM:
        return cut_words(t, o->words, normalised ? 1 : 0, w, e);
    case FM_LONGEST:
        break;
    }
    return 0;
}

/* The chain's length: that of the shortest match that counts, unless windows are shorter. */
static uint64_t link_bytes(const struct windows *w, uint64_t min_len)
{
    uint64_t link = w->n ? min_len : 0;

    for (size_t i = 0; i < w->n; i++)
        if (w->v[i].to - w->v[i].from < link)
            return 0;
    return link;
}

static int longest_matches(const struct fm *fm, const struct scan *scan,
                           const struct fm_text *entry, size_t n, uint64_t min_len,
                           struct fm_verdict *out, int threads, struct err *e)
{
    struct fm_match *longest = mem_array(n, sizeof *longest, e);
    struct known_match *known = longest ? mem_array(n, sizeof *known, e) : NULL;
    int rc = known ? 0 : e->code;

    for (size_t i = 0; rc == 0 && i < n; i++) {
        known[i] = scan[i].longest;
        known[i].from = scan[i].clear;
        known[i].min_len = scan[i].found ? 1 : min_len;
    }
    if (rc == 0)
        rc = match_longest(fm, entry, known, n, longest, threads, e);
    for (size_t i = 0; rc == 0 && i < n; i++)
        out[i].longest = longest[i];
    free(known);
    free(longest);
    return rc;
}

static int scan_entries(const struct fm *fm, const struct fm_text *entry, size_t n,
                        const struct fm_contam_opts *o, struct fm_verdict *out, int threads,
                        struct err *e)
{
    bool normalised = fm_normalize(fm) != TEXT_NONE;
    struct scan *scan = mem_zero(n, sizeof *scan, e);
    int rc = scan ? 0 : e->code;

    for (size_t i = 0; rc == 0 && i < n; i++) {
        scan[i].text = entry[i];
        rc = cut_entry(entry[i], o, normalised, &scan[i].windows, e);
        scan[i].link = link_bytes(&scan[i].windows, o->longest_min);
    }
    if (rc == 0)
        rc = probe_run(fm, scan, n, sizeof *scan, next_probe, threads, e);
    if (rc == 0)
        rc = longest_matches(fm, scan, entry, n, o->longest_min, out, threads, e);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        out[i].windows = scan[i].windows.n;
        out[i].found = scan[i].found;
        out[i].share = out[i].windows ? (double)out[i].found / (double)out[i].windows : 0;
    }
    for (size_t i = 0; scan && i < n; i++)
        free(scan[i].windows.v);
    free(scan);
    return rc;
}

/* Entries in the form in which the index holds its texts: normalised, with a space at both ends. */
static int normalise_entries(const struct fm_text *entry, size_t n, enum text_rule rule,
                             struct buf *bytes, struct fm_text *out, struct err *e)
{
    size_t *at = mem_array(n + 1, sizeof *at, e);
    int rc = at ? 0 : e->code;

    for (size_t i = 0; rc == 0 && i < n; i++) {
        at[i] = bytes->len;
        rc = fm_normalize_text(rule, entry[i], bytes, e);
        at[i + 1] = bytes->len;
    }
    for (size_t i = 0; rc == 0 && i < n; i++)
        out[i] = (struct fm_text){bytes->p + at[i], at[i + 1] - at[i]};
    free(at);
    return rc;
}

static int judge(const struct fm *fm, const struct fm_text *entry, size_t n,
                 const struct fm_contam_opts *o, struct fm_verdict *out, int threads, struct err *e)
{
    memset(out, 0, n * sizeof *out);
    if (scan_entries(fm, entry, n, o, out, threads, e) < 0)
        return e->code;
    for (size_t i = 0; i < n; i++) {
        if (o->method == FM_LONGEST && entry[i].len)
            out[i].share = (double)out[i].longest.len / (double)entry[i].len;
        out[i].label = label_of(out[i].share, o);
    }
    return 0;
}

int fm_contam(const struct fm *fm, const struct fm_text *entry, size_t n,
              const struct fm_contam_opts *o, struct fm_verdict *out, int threads, struct err *e)
{
    enum text_rule rule = fm_normalize(fm);
    struct fm_text *normalised;
    struct buf bytes = {0};
    int rc;

    if (o->method == FM_NGRAM && rule == TEXT_NONE && !o->verbatim)
        return err_set(e, ERR_USAGE,
                       "the ngram method compares normalised words, and this index was built "
                       "without --normalize gpt3 (--verbatim compares raw strings)");
    if ((o->method == FM_WINDOW && !o->window_chars) || (o->method == FM_NGRAM && !o->words))
        return err_set(e, ERR_USAGE, "a window must have at least one character or word");
    if (rule == TEXT_NONE)
        return judge(fm, entry, n, o, out, threads, e);
    normalised = mem_array(n, sizeof *normalised, e);
    rc = normalised ? normalise_entries(entry, n, rule, &bytes, normalised, e) : e->code;
    if (rc == 0)
        rc = judge(fm, normalised, n, o, out, threads, e);
    buf_free(&bytes);
    free(normalised);
    return rc;
}

int fm_normalize_text(enum text_rule rule, struct fm_text t, struct buf *out, struct err *e)
{
    size_t before = out->len;

    if (rule == TEXT_NONE)
        return buf_add(out, t.p, t.len, e);
    if (buf_addc(out, ' ', e) < 0 || text_normalize(rule, t.p, t.len, out, e) < 0)
        return e->code;
    if (out->len == before + 1) {
        out->len = before; /* nothing is left: no words, no spaces */
        return 0;
    }
    return buf_addc(out, ' ', e);
}
