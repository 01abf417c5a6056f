/* naive.c - see naive.h. */
#include "naive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *grow(void *p, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return p;
    *cap = *cap ? 2 * *cap : 16;
    p = realloc(p, *cap * size);
    if (!p)
        abort();
    return p;
}

void naive_add(struct naive_docs *d, const void *p, size_t len)
{
    char *copy = malloc(len ? len : 1);

    d->doc = grow(d->doc, d->n, &d->cap, sizeof *d->doc);
    if (!copy)
        abort();
    if (len)
        memcpy(copy, p, len);
    d->doc[d->n++] = (struct fm_text){copy, len};
    d->bytes += len;
}

void naive_free(struct naive_docs *d)
{
    for (size_t i = 0; i < d->n; i++)
        free((void *)(uintptr_t)d->doc[i].p);
    free(d->doc);
    *d = (struct naive_docs){0};
}

/* ---- occurrences ---- */

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static bool same(char a, char b, bool fold)
{
    return fold ? lower(a) == lower(b) : a == b;
}

static bool occurs_at(struct fm_text t, size_t at, struct fm_text pat, bool fold)
{
    for (size_t i = 0; i < pat.len; i++)
        if (!same(t.p[at + i], pat.p[i], fold))
            return false;
    return true;
}

static uint64_t count_in(struct fm_text t, struct fm_text pat, bool fold)
{
    uint64_t n = 0;

    for (size_t at = 0; at < t.len && at + pat.len <= t.len; at++)
        n += occurs_at(t, at, pat, fold);
    return n;
}

bool naive_has(const struct naive_docs *d, struct fm_text pat)
{
    for (size_t i = 0; i < d->n; i++)
        if (memmem(d->doc[i].p, d->doc[i].len, pat.p, pat.len))
            return true;
    return false;
}

uint64_t naive_count(const struct naive_docs *d, struct fm_text pat, bool fold)
{
    uint64_t n = 0;

    for (size_t i = 0; i < d->n; i++)
        n += count_in(d->doc[i], pat, fold);
    return n;
}

uint64_t naive_count_docs(const struct naive_docs *d, struct fm_text pat)
{
    uint64_t n = 0;

    for (size_t i = 0; i < d->n; i++)
        n += d->doc[i].len > 0 && memmem(d->doc[i].p, d->doc[i].len, pat.p, pat.len) != NULL;
    return n;
}

uint64_t naive_places(const struct naive_docs *d, struct fm_text pat, bool fold,
                      struct fm_place **place)
{
    size_t n = 0, cap = 0;

    *place = NULL;
    for (size_t i = 0; pat.len && i < d->n; i++)
        for (size_t at = 0; at + pat.len <= d->doc[i].len; at++)
            if (occurs_at(d->doc[i], at, pat, fold)) {
                *place = grow(*place, n, &cap, sizeof **place);
                (*place)[n++] = (struct fm_place){i, at};
            }
    return n;
}

/* ---- matches ---- */

/* The end of the longest stretch from `from` on that occurs; it is at least `known`. */
static size_t longest_from(const struct naive_docs *d, struct fm_text t, size_t from, size_t known)
{
    size_t end = known;

    while (end < t.len && naive_has(d, (struct fm_text){t.p + from, end + 1 - from}))
        end++;
    return end;
}

size_t naive_matches(const struct naive_docs *d, struct fm_text t, uint64_t min_len,
                     struct fm_match **match)
{
    size_t n = 0, cap = 0, before = 0;

    *match = NULL;
    for (size_t from = 0; from < t.len; from++) {
        /* What occurs from one byte earlier on occurs from here, too; and if it is not longer, what
         * begins here lies inside it. */
        size_t end = longest_from(d, t, from, before > from ? before : from);
        if (end > before && end > from && end - from >= min_len) {
            struct fm_text m = {t.p + from, end - from};
            *match = grow(*match, n, &cap, sizeof **match);
            (*match)[n++] = (struct fm_match){from, m.len, naive_count(d, m, false), 0};
        }
        before = end;
    }
    return n;
}

struct fm_match naive_longest(const struct fm_match *match, size_t n)
{
    struct fm_match best = {0};

    for (size_t i = 0; i < n; i++)
        if (match[i].len > best.len)
            best = match[i];
    return best;
}

/* ---- windows ---- */

/* Unicode's table 3-7, row by row: lead, second byte's range, length. */
static size_t char_len(const unsigned char *p, size_t len)
{
    static const unsigned char row[][5] = {
        {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
        {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
        {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };

    for (size_t r = 0; r < sizeof row / sizeof *row; r++) {
        size_t n = row[r][4];
        bool good = p[0] >= row[r][0] && p[0] <= row[r][1] && n <= len && p[1] >= row[r][2] &&
                    p[1] <= row[r][3];
        for (size_t i = 2; good && i < n; i++)
            good = p[i] >= 0x80 && p[i] <= 0xBF;
        if (good)
            return n;
    }
    return 1;
}

size_t naive_chars(struct fm_text t, size_t **at)
{
    size_t n = 0;

    *at = malloc((t.len + 1) * sizeof **at);
    if (!*at)
        abort();
    for (size_t i = 0; i < t.len; i += char_len((const unsigned char *)t.p + i, t.len - i))
        (*at)[n++] = i;
    (*at)[n] = t.len;
    return n;
}

static bool blank(char c)
{
    return c != '\0' && strchr(" \t\n\v\f\r", c) != NULL;
}

static bool word_begins(struct fm_text t, size_t at)
{
    return !blank(t.p[at]) && (at == 0 || blank(t.p[at - 1]));
}

static void add_window(struct naive_windows *w, struct fm_text t, size_t from, size_t to)
{
    w->v = grow(w->v, w->n, &w->cap, sizeof *w->v);
    w->v[w->n++] = (struct fm_text){t.p + from, to - from};
}

void naive_char_windows(struct fm_text t, uint64_t chars, struct naive_windows *w)
{
    size_t *at, n = naive_chars(t, &at);

    w->n = 0;
    for (size_t i = 0; i < n; i++)
        if (word_begins(t, at[i]) && n - i >= chars)
            add_window(w, t, at[i], at[i + chars]);
    if (w->n == 0 && t.len)
        add_window(w, t, 0, t.len);
    free(at);
}

/* The words of a text, as windows of one each. */
static void words_of(struct fm_text t, struct naive_windows *w)
{
    w->n = 0;
    for (size_t i = 0; i < t.len; i++) {
        size_t end = i;
        if (!word_begins(t, i))
            continue;
        while (end < t.len && !blank(t.p[end]))
            end++;
        add_window(w, t, i, end);
    }
}

void naive_word_windows(struct fm_text t, uint64_t words, struct naive_windows *w)
{
    struct naive_windows word = {0};

    words_of(t, &word);
    w->n = 0;
    for (size_t i = 0; i < word.n; i++) {
        size_t last = word.n < words ? word.n - 1 : i + (size_t)words - 1;
        if (last < word.n && (word.n >= words || i == 0))
            add_window(w, t, (size_t)(word.v[i].p - t.p),
                       (size_t)(word.v[last].p - t.p) + word.v[last].len);
    }
    free(word.v);
}

size_t naive_found(const struct naive_docs *d, const struct naive_windows *w)
{
    size_t n = 0;

    for (size_t i = 0; i < w->n; i++)
        n += naive_has(d, w->v[i]);
    return n;
}

static bool same_words(const struct fm_text *a, const struct fm_text *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (a[i].len != b[i].len || memcmp(a[i].p, b[i].p, a[i].len) != 0)
            return false;
    return true;
}

static bool has_words(const struct naive_windows *doc, const struct naive_windows *window)
{
    for (size_t i = 0; i + window->n <= doc->n; i++)
        if (same_words(doc->v + i, window->v, window->n))
            return true;
    return false;
}

size_t naive_found_words(const struct naive_docs *d, const struct naive_windows *w)
{
    struct naive_windows *doc = calloc(d->n + 1, sizeof *doc), window = {0};
    size_t n = 0;

    if (!doc)
        abort();
    for (size_t k = 0; k < d->n; k++)
        words_of(d->doc[k], &doc[k]);
    for (size_t i = 0; i < w->n; i++) {
        bool found = false;
        words_of(w->v[i], &window);
        for (size_t k = 0; k < d->n && !found; k++)
            found = has_words(&doc[k], &window);
        n += found;
    }
    for (size_t k = 0; k < d->n; k++)
        free(doc[k].v);
    free(doc);
    free(window.v);
    return n;
}
