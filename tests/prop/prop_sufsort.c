/* prop_sufsort.c - the suffix sorter against a comparison sort, and against a linear check on texts
 * too large for it.
 *
 * The oracle compares two suffixes symbol by symbol; where both reach their document's end, the
 * place decides. The linear check: sa is a permutation, first symbols ascend, document ends stand
 * in place order, and within one first symbol the ranks of the suffixes one further on ascend. By
 * induction on the place that settles the order of all suffixes.
 */
#include "../unit/t.h"

#include <stdbool.h>
#include <stdint.h>

#include "fm/sufsort.h"

enum { MAX_SMALL = 4000 };

struct text {
    uint16_t *sym;
    int64_t n, cap;
};

static const uint16_t *cmp_text;

static int by_suffix(const void *x, const void *y)
{
    int32_t a, b, a0, b0;

    memcpy(&a0, x, sizeof a0);
    memcpy(&b0, y, sizeof b0);
    for (a = a0, b = b0; cmp_text[a] == cmp_text[b]; a++, b++)
        if (cmp_text[a] == 0)
            return (a0 > b0) - (a0 < b0);
    return cmp_text[a] < cmp_text[b] ? -1 : 1;
}

static void add(struct text *t, unsigned c)
{
    if (t->n == t->cap) {
        t->cap = t->cap ? 2 * t->cap : 1024;
        t->sym = realloc(t->sym, (size_t)t->cap * sizeof *t->sym);
        if (!t->sym)
            abort();
    }
    t->sym[t->n++] = (uint16_t)c;
}

/* One sort of t->sym by width (8 or 16) and threads into sa, which has room for n + EXTRA. */
static bool run(const struct text *t, int width, int threads, int32_t *sa)
{
    struct err e = {0};
    int rc;

    if (width == 16) {
        uint16_t *c = malloc((size_t)t->n * 2 + 1); /* exact size: reads past it are seen by ASan */
        if (t->n > 0)
            memcpy(c, t->sym, (size_t)t->n * 2);
        rc = fm_sufsort16(c, sa, t->n, threads, &e);
        free(c);
    } else {
        uint8_t *c = malloc((size_t)t->n + 1), *p = c + 1;
        for (int64_t i = 0; i < t->n; i++)
            p[i] = (uint8_t)t->sym[i];
        rc = fm_sufsort8(p, sa, t->n, threads, &e);
        free(c);
    }
    if (rc < 0)
        printf("%s\n", e.msg);
    return rc == 0;
}

/* What is wrong with sa, or NULL. */
static const char *check_linear(const struct text *t, const int32_t *sa)
{
    int64_t n = t->n;
    int32_t *rank = malloc(((size_t)n + 1) * sizeof *rank);
    const char *bad = NULL;

    for (int64_t i = 0; i < n; i++)
        rank[i] = -1;
    for (int64_t i = 0; i < n && !bad; i++) {
        if (sa[i] < 0 || sa[i] >= n || rank[sa[i]] >= 0)
            bad = "not a permutation";
        else
            rank[sa[i]] = (int32_t)i;
    }
    for (int64_t i = 1; i < n && !bad; i++) {
        int32_t a = sa[i - 1], b = sa[i];
        if (t->sym[a] > t->sym[b])
            bad = "first symbols descend";
        else if (t->sym[a] == t->sym[b] && t->sym[a] == 0 && a > b)
            bad = "document ends out of order";
        else if (t->sym[a] == t->sym[b] && t->sym[a] != 0 && rank[a + 1] > rank[b + 1])
            bad = "suffixes out of order";
    }
    free(rank);
    return bad;
}

/* Both widths where the symbols allow, with 1 and more threads. */
static void check(const struct text *t, const char *what, unsigned long long seed)
{
    static const int threads[] = {1, 2, 3};
    int32_t *want = NULL, *sa = malloc(((size_t)t->n + FM_SUFSORT_EXTRA) * sizeof *sa);
    int32_t *first = malloc(((size_t)t->n + 1) * sizeof *first);
    bool wide = false;

    if (!sa || !first)
        abort();
    for (int64_t i = 0; i < t->n; i++)
        wide |= t->sym[i] > 255;
    if (t->n <= MAX_SMALL) {
        want = malloc(((size_t)t->n + 1) * sizeof *want);
        for (int32_t i = 0; i < t->n; i++)
            want[i] = i;
        cmp_text = t->sym;
        qsort(want, (size_t)t->n, sizeof *want, by_suffix);
    }
    for (int width = wide ? 16 : 8; width <= 16; width += 8) {
        for (int k = 0; k < 3; k++) {
            if (t->n <= MAX_SMALL && k == 2)
                continue;
            memset(sa, 0xee, ((size_t)t->n + FM_SUFSORT_EXTRA) * sizeof *sa);
            bool ok = run(t, width, threads[k], sa);
            T_CHECKF(ok, "%s seed %llu width %d", what, seed, width);
            if (want) {
                T_CHECKF(!memcmp(sa, want, (size_t)t->n * sizeof *sa),
                         "%s seed %llu n %lld width %d threads %d", what, seed, (long long)t->n,
                         width, threads[k]);
                continue;
            }
            if (k == 0) {
                const char *bad = check_linear(t, sa);
                T_CHECKF(!bad, "%s seed %llu width %d: %s", what, seed, width, bad);
                memcpy(first, sa, (size_t)t->n * sizeof *sa);
            }
            T_CHECKF(!memcmp(sa, first, (size_t)t->n * sizeof *sa), "%s seed %llu width %d T %d",
                     what, seed, width, threads[k]);
        }
    }
    free(want);
    free(first);
    free(sa);
}

/* ---- small collections, by the naive sort ---- */

/* len symbols from 1..symbols. */
static void add_random(struct text *t, unsigned long long *s, int64_t len, unsigned symbols)
{
    for (int64_t i = 0; i < len; i++)
        add(t, 1 + (unsigned)(t_rand(s) >> 33) % symbols);
}

/* Appends [from, from + len) again. */
static void add_copy(struct text *t, int64_t from, int64_t len)
{
    for (int64_t i = 0; i < len; i++)
        add(t, t->sym[from + i]);
}

static void small_random(unsigned long long seed)
{
    static const unsigned alphabets[] = {1, 2, 3, 4, 26, 255, 256};
    unsigned long long s = seed * 0x9e3779b97f4a7c15ULL + 1;
    unsigned k = alphabets[seed % 7], docs = (unsigned)(t_rand(&s) >> 40) % 12;
    struct text t = {0};
    int64_t last = 0;

    for (unsigned d = 0; d < docs; d++) {
        int64_t at = t.n, prev = at - 1 - last;
        switch ((t_rand(&s) >> 40) % 8) {
        case 0: /* empty */
            break;
        case 1: /* one symbol */
            add_random(&t, &s, 1, k);
            break;
        case 2: /* the document before again, or a suffix of it */
            if (d > 0) {
                int64_t cut = (int64_t)((t_rand(&s) >> 40) % 3 ? 0 : last / 2);
                add_copy(&t, prev + cut, last - cut);
            }
            break;
        case 3: { /* a period */
            unsigned p = 1 + (unsigned)(t_rand(&s) >> 40) % 7;
            add_random(&t, &s, p, k);
            add_copy(&t, at, (int64_t)((t_rand(&s) >> 40) % 150));
            break;
        }
        case 4: /* one symbol all over */
            add_random(&t, &s, 1, k);
            add_copy(&t, at, (int64_t)((t_rand(&s) >> 40) % 100));
            break;
        default:
            add_random(&t, &s, (int64_t)((t_rand(&s) >> 40) % 120), k);
        }
        last = t.n - at;
        add(&t, 0);
    }
    check(&t, "small", seed);
    free(t.sym);
}

static void fibonacci(int64_t len, unsigned x, unsigned y)
{
    struct text t = {0};
    int64_t a = 1, b = 2;

    add(&t, x);
    add(&t, y);
    while (t.n < len) { /* the word of a, b letters is a prefix of the next; append the one of a */
        add_copy(&t, 0, a);
        int64_t c = a + b;
        a = b;
        b = c;
    }
    t.n = len;
    add(&t, 0);
    check(&t, "fibonacci", (unsigned long long)len);
    free(t.sym);
}

static void special(void)
{
    struct text t = {0};

    check(&t, "nothing", 0);
    for (int i = 0; i < 50; i++) {
        add(&t, 0);
        check(&t, "all empty", (unsigned long long)i);
    }
    t.n = 0;
    for (int i = 0; i < 300; i++) { /* one-symbol documents, all values */
        add(&t, 1 + (unsigned)(i * 7) % 255);
        add(&t, 0);
    }
    check(&t, "one symbol", 0);
    t.n = 0;
    for (int i = 256; i > 0; i--)
        add(&t, (unsigned)i);
    for (int i = 1; i <= 256; i++)
        add(&t, (unsigned)i);
    add(&t, 0);
    check(&t, "all 257", 0);
    free(t.sym);
}

/* ---- medium texts, by the linear check ---- */

/* Words of a skewed vocabulary with copies of earlier stretches: like text, but repetitive. */
static void medium_text(unsigned long long seed, int64_t len, unsigned symbols, int64_t repeat)
{
    unsigned long long s = seed * 0x9e3779b97f4a7c15ULL + 1;
    struct text t = {0}, words = {0};
    int64_t last = 0;

    add_random(&words, &s, 4000, symbols);
    while (t.n < len) {
        unsigned long long r = t_rand(&s);
        if (r >> 40 & 255 && t.n > 2 * repeat) {
            int64_t w = (int64_t)((r >> 20) % 63) * (int64_t)((r >> 50) % 63);
            for (int64_t i = 0; i < 2 + w % 7; i++)
                add(&t, words.sym[w % 3900 + i]);
        } else if (r >> 48 & 1 && t.n > 2 * repeat) {
            int64_t from = (int64_t)(r % (unsigned long long)(t.n - repeat));
            add_copy(&t, from, (int64_t)((r >> 30) % (unsigned long long)repeat));
        } else {
            add_random(&t, &s, 50, symbols);
        }
        if (t.n - last > 20000 || !(r % 97)) {
            add(&t, 0);
            last = t.n;
        }
    }
    add(&t, 0);
    check(&t, "text", seed);
    free(words.sym);
    free(t.sym);
}

static void repeated_documents(void)
{
    unsigned long long s = 77;
    struct text t = {0};

    add_random(&t, &s, 100000, 20);
    add(&t, 0);
    for (int i = 0; i < 6; i++) {
        add_random(&t, &s, i, 20);
        add_copy(&t, 0, 100001);
    }
    check(&t, "100 kB documents", 0);
    t.n = 0;
    for (int i = 0; i < 20000; i++) { /* one line of a licence in many files */
        for (const char *p = "    Permission is hereby granted, free of charge, to any person"; *p;
             p++)
            add(&t, (unsigned char)*p);
        add_random(&t, &s, (int64_t)(t_rand(&s) >> 40) % 3, 4);
        if (i % 3)
            add(&t, 0);
    }
    add(&t, 0);
    check(&t, "licence", 0);
    t.n = 0;
    for (int i = 0; i < 140000; i++) { /* a group that meets its documents' ends in a pair */
        add(&t, 'p' + (unsigned)(i * 31 % 11));
        for (const char *p = "abc"; *p; p++)
            add(&t, (unsigned char)*p);
        add(&t, 0);
    }
    check(&t, "equal ends", 0);
    free(t.sym);
}

static void periods(int64_t len, size_t many)
{
    static const char *const period[] = {"ab", "a", "aab", "abcabd",
                                         "bbbbbbbbbbbbbbbbbbbbbbbbbbba"};
    struct text t = {0};

    for (size_t k = 0; k < many; k++) {
        size_t p = strlen(period[k]);
        t.n = 0;
        for (int64_t i = 0; i < len; i++)
            add(&t, (unsigned char)period[k][(size_t)i % p]);
        add(&t, 0);
        for (int64_t i = 0; i < len / 3; i++)
            add(&t, (unsigned char)period[k][(size_t)i % p]);
        add(&t, 0);
        check(&t, "period", k);
    }
    free(t.sym);
}

/* Runs of growing length with a low symbol between: LMS substrings longer than any fixed key. */
static void long_runs(void)
{
    struct text t = {0};

    for (int r = 0; r < 30; r++) {
        for (int i = 0; i < 400; i++) {
            for (int k = 0; k < (i * 37 + r) % 90; k++)
                add(&t, 'b');
            add(&t, i % 3 ? 'a' : 'c');
        }
        add(&t, 0);
    }
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 100000; k++)
            add(&t, 'z');
        add(&t, 'y' + (unsigned)i);
        add(&t, 0);
    }
    check(&t, "runs", 0);
    t.n = 0;
    for (int i = 0; i < 20000; i++) { /* as many, in one group larger than a slice */
        add(&t, 'a');
        for (int k = 0; k < 26 + i * 37 % 5; k++)
            add(&t, 'b');
        add(&t, i * 53 % 7 < 3 ? 'a' : 'c');
        if (i % 50 == 0)
            add(&t, 0);
    }
    add(&t, 0);
    check(&t, "runs in one group", 0);
    free(t.sym);
}

static void refusals(void)
{
    const uint8_t open8[] = "abc";
    const uint16_t open16[] = {5, 0, 7}, high[] = {5, 257, 0};
    int32_t sa[3 + FM_SUFSORT_EXTRA];
    struct err e;

    T_CHECK(fm_sufsort8(open8, sa, 3, 1, &e) == ERR_USAGE);
    T_CHECK(fm_sufsort16(open16, sa, 3, 1, &e) == ERR_USAGE);
    T_CHECK(fm_sufsort16(high, sa, 3, 1, &e) == ERR_USAGE);
    T_CHECK(fm_sufsort8(open8, sa, FM_SUFSORT_MAX + 1, 1, &e) == ERR_USAGE);
    T_CHECK(fm_sufsort8(open8, sa, -1, 1, &e) == ERR_USAGE);
    T_CHECK(fm_sufsort8(open8, sa, 4, 0, &e) == 0 && sa[0] == 3 && sa[1] == 0 && sa[3] == 2);
}

int main(void)
{
    refusals();
    special();
    for (unsigned long long seed = 0; seed < 1500; seed++)
        small_random(seed);
    for (int64_t len = 2; len < 60; len++)
        fibonacci(len, 1 + 6 * (len % 2), 4);
    fibonacci(3000, 2, 1);
    fibonacci(200000, 1, 2);
    periods(500, 5);
    periods(100000, 5);
    periods(600000, 1); /* a group that is split by pairs, longer than the digits kept */
    long_runs();
    repeated_documents();
    medium_text(1, 1000000, 26, 300);
    medium_text(2, 600000, 4, 20000);
    medium_text(3, 600000, 255, 100);
    return t_done("sufsort");
}
