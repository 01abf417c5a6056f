/* prop_contam.c - contamination verdicts against the rule carried out window by window.
 *
 * fm_contam() looks up a small part of the windows and infers the rest; the oracle cuts every
 * window of the entry (naive.c) and scans all documents for it. Entries: documents whole and in
 * halves, changed every k bytes, with bytes of UTF-8 torn apart, blanks in front, shorter than a
 * window, empty, of blanks only, and long ones with many gaps.
 */
#include "corpora.h"

#include "base/cpu.h"

enum { SEED = 4242, LONG = 20000 };

/* ---- corpora and entries ---- */

static void make_documents(struct naive_docs *d, rng_t *rng)
{
    for (unsigned i = 0; i < 8; i++) {
        struct buf b = {0};
        add_prose(rng, &b, i == 5 ? LONG : rand_below(rng, 1200));
        naive_add(d, b.p, b.len);
        buf_free(&b);
    }
}

/* Three letters and blanks: of the windows of ten some occur by chance, here and there. */
static void make_dense(struct naive_docs *d, rng_t *rng)
{
    for (unsigned i = 0; i < 4; i++) {
        char p[1500];
        for (size_t k = 0; k < sizeof p; k++)
            p[k] = "ab  "[rand_below(rng, 4)];
        naive_add(d, p, sizeof p);
    }
}

/* The text with one byte in about `every` changed, lost or doubled; 0: none. */
static void add_changed(struct naive_docs *t, struct fm_text x, size_t every, rng_t *rng)
{
    struct buf b = {0};
    struct err e;

    for (size_t i = 0; i < x.len; i++) {
        size_t change = every && rand_below(rng, every) == 0 ? 1 + rand_below(rng, 4) : 0;
        if (change == 1)
            buf_addc(&b, '#', &e);
        else if (change == 2)
            buf_addc(&b, (char)0xC3, &e); /* a lead byte alone: no UTF-8 */
        else if (change != 3)
            buf_addc(&b, x.p[i], &e);
        if (change == 4)
            buf_addc(&b, ' ', &e);
    }
    naive_add(t, b.p, b.len);
    buf_free(&b);
}

static void add_odd(struct naive_docs *t)
{
    static const char *const odd[] = {
        "",
        " ",
        " \t\n\v\f\r ",
        "the",
        " the",
        "the ",
        "  the of and",
        "#",
        "\x80",
        "\xC3",
        "caf\xC3\xA9 caf\xC3\xA9 caf\xC3\xA9 caf\xC3\xA9 caf\xC3\xA9 caf\xC3\xA9 caf\xC3\xA9 caf\xC3\xA9",
        "...",
        "... !!! ---",
        "The,of;and",
        "                                                                  word",
        "0123456789012345678901234567890123456789012345678",
        "01234567890123456789012345678901234567890123456789",
        "012345678901234567890123456789012345678901234567890",
    };

    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        naive_add(t, odd[i], strlen(odd[i]));
}

static void make_entries(struct naive_docs *t, const struct naive_docs *d, rng_t *rng)
{
    static const size_t every[] = {0, 1000, 300, 100, 50, 20, 8};

    add_odd(t);
    for (size_t i = 0; i < d->n; i++) {
        struct fm_text x = d->doc[i];
        size_t cut = rand_below(rng, x.len + 1);
        for (size_t k = 0; k < sizeof every / sizeof *every; k += x.len < LONG ? 1 : 2)
            add_changed(t, x, every[k], rng);
        naive_add(t, x.p + cut, x.len - cut); /* may begin inside a character */
        struct buf b = {0};                   /* half of it is here, then something else */
        struct err e;
        buf_adds(&b, " \n ", &e);
        buf_add(&b, x.p, cut, &e);
        add_prose(rng, &b, b.len + x.len / 2);
        naive_add(t, b.p, b.len);
        buf_free(&b);
        for (size_t k = 0; k < 49;
             k++) /* nothing, then one window that ends where the entry does */
            buf_addc(&b, '#', &e);
        buf_addc(&b, ' ', &e);
        buf_add(&b, x.p, x.len < 50 ? x.len : 50, &e);
        naive_add(t, b.p, b.len);
        buf_free(&b);
    }
}

/* Noise of the dense corpus' kind, with pieces of it in between. */
static void make_dense_entries(struct naive_docs *t, const struct naive_docs *d, rng_t *rng)
{
    for (unsigned i = 0; i < 15; i++) {
        struct buf b = {0};
        struct err e;
        while (b.len < 100 + 130 * i) {
            struct fm_text x = d->n ? d->doc[rand_below(rng, d->n)] : (struct fm_text){"a", 1};
            size_t at = rand_below(rng, x.len), n = rand_below(rng, i % 2 ? 60 : 400);
            buf_add(&b, x.p + at, n < x.len - at ? n : x.len - at, &e);
            for (size_t k = rand_below(rng, 20); k > 0; k--)
                buf_addc(&b, "abc "[rand_below(rng, 4)], &e);
        }
        naive_add(t, b.p, b.len);
        buf_free(&b);
    }
}

/* ---- the rule ---- */

struct rule {
    struct fm_contam_opts o;
    size_t *windows, *found; /* by entry */
};

static void apply(struct rule *r, const struct naive_docs *d, const struct naive_docs *t,
                  bool by_words)
{
    struct naive_windows w = {0};

    r->windows = calloc(t->n, sizeof *r->windows);
    r->found = calloc(t->n, sizeof *r->found);
    for (size_t i = 0; i < t->n; i++) {
        if (r->o.method == FM_WINDOW)
            naive_char_windows(t->doc[i], r->o.window_chars, &w);
        else
            naive_word_windows(t->doc[i], r->o.words, &w);
        r->windows[i] = w.n;
        r->found[i] = by_words ? naive_found_words(d, &w) : naive_found(d, &w);
    }
    free(w.v);
}

static enum fm_label label(double share, const struct fm_contam_opts *o)
{
    return share >= o->dirty ? FM_DIRTY : share >= o->suspicious ? FM_SUSPICIOUS : FM_CLEAN;
}

static unsigned labels[3]; /* how often each was given: all must be */

static void check_rule(const struct fm *fm, const struct naive_docs *entries,
                       const struct fm_match *longest, const struct rule *r, int threads,
                       const char *what)
{
    struct fm_verdict *v = malloc(entries->n * sizeof *v);
    const struct fm_match none = {0};
    struct err e = {0};

    memset(v, 0xee, entries->n * sizeof *v);
    T_CHECKF(fm_contam(fm, entries->doc, entries->n, &r->o, v, threads, &e) == 0, "%s", e.msg);
    for (size_t i = 0; i < entries->n; i++) {
        double n = (double)r->windows[i], share = n > 0 ? (double)r->found[i] / n : 0;
        bool counts = r->found[i] || longest[i].len >= r->o.longest_min;
        T_CHECKF(v[i].windows == r->windows[i] && v[i].found == r->found[i],
                 "%s: entry %zu, method %d, %d chars, %d words: %d of %d, not %zu of %zu", what, i,
                 (int)r->o.method, (int)r->o.window_chars, (int)r->o.words, (int)v[i].found,
                 (int)v[i].windows, r->found[i], r->windows[i]);
        T_CHECKF(v[i].share >= share && v[i].share <= share && v[i].label == label(share, &r->o),
                 "%s: entry %zu: share %g, label %d", what, i, v[i].share, (int)v[i].label);
        T_CHECKF(memcmp(&v[i].longest, counts ? &longest[i] : &none, sizeof none) == 0,
                 "%s: entry %zu, least length %d", what, i, (int)r->o.longest_min);
        labels[v[i].label]++;
    }
    free(v);
}

/* The same with a least length of the longest match: a shorter one counts as none. */
static void check_longest_min(const struct fm *fm, const struct naive_docs *entries,
                              const struct fm_match *longest, enum fm_method method,
                              const char *what)
{
    struct fm_contam_opts o = {.method = method, .window_chars = 10, .dirty = 0.8};
    struct fm_verdict *v = malloc(entries->n * sizeof *v);
    struct err e = {0};

    for (size_t i = 0; i < entries->n && i < 40; i++) {
        o.longest_min = longest[i].len + i % 3; /* one that is it, and one or two above */
        T_CHECKF(fm_contam(fm, entries->doc, entries->n, &o, v, 2, &e) == 0, "%s", e.msg);
        for (size_t k = 0; k < entries->n; k++) {
            struct fm_match none = {0};
            bool counts = v[k].found || longest[k].len >= o.longest_min;
            T_CHECKF(memcmp(&v[k].longest, counts ? &longest[k] : &none, sizeof none) == 0,
                     "%s: entry %zu, least length %zu", what, k, (size_t)o.longest_min);
        }
    }
    free(v);
}

/* Entries as the caller has them; `form` as the index holds them. Gives back each one's longest
 * match, which every method reports. */
static struct fm_match *check_longest(const struct fm *fm, const struct naive_docs *entries,
                                      const struct naive_docs *form, const char *what)
{
    struct fm_contam_opts o = {.method = FM_LONGEST, .dirty = 0.8, .suspicious = 0.2};
    struct fm_verdict *v = malloc(entries->n * sizeof *v);
    struct fm_match *longest = malloc(entries->n * sizeof *longest);
    struct err e = {0};

    T_CHECK(fm_contam(fm, entries->doc, entries->n, &o, v, 2, &e) == 0);
    T_CHECK(fm_longest(fm, form->doc, form->n, longest, 1, &e) == 0);
    for (size_t i = 0; i < entries->n; i++) {
        double len = (double)form->doc[i].len;
        double share = len > 0 ? (double)longest[i].len / len : 0;
        T_CHECKF(v[i].windows == 0 && v[i].found == 0 && v[i].label == label(share, &o) &&
                     v[i].share >= share && v[i].share <= share &&
                     memcmp(&v[i].longest, &longest[i], sizeof *longest) == 0,
                 "%s: entry %zu: share %g, not %g", what, i, v[i].share, share);
    }
    free(v);
    check_longest_min(fm, entries, longest, FM_LONGEST, what);
    check_longest_min(fm, entries, longest, FM_WINDOW, what);
    return longest;
}

/* ---- indexes that are not normalised ---- */

static void check_raw(corpus_fn *make,
                      void (*make_texts)(struct naive_docs *, const struct naive_docs *, rng_t *),
                      const char *name, rng_t *rng)
{
    struct rule rule[] = {
        {.o = {FM_WINDOW, 50, 0, 0.8, 0.2, false, 0}},
        {.o = {FM_WINDOW, 10, 0, 0.5, 0.1, false, 0}},
        {.o = {FM_WINDOW, 1, 0, 1.0, 0.0, false, 0}},
        {.o = {FM_WINDOW, 50, 0, 0.8, 0.2, false, 50}}, /* with a least length, gaps are chained */
        {.o = {FM_WINDOW, 50, 0, 0.8, 0.2, false, 32}},
        {.o = {FM_WINDOW, 50, 0, 0.8, 0.2, false, 12}},
        {.o = {FM_WINDOW, 10, 0, 0.5, 0.1, false, 9}},
        {.o = {FM_WINDOW, 10, 0, 0.5, 0.1, false, 20}}, /* which windows are shorter than */
        {.o = {FM_NGRAM, 0, 13, 0.8, 0.2, true, 0}},
        {.o = {FM_NGRAM, 0, 13, 0.8, 0.2, true, 20}},
        {.o = {FM_NGRAM, 0, 3, 0.8, 0.2, true, 0}},
        {.o = {FM_NGRAM, 0, 1, 0.8, 0.2, true, 0}},
    };
    static const char *const path[] = {"in.fmi", "s.set"};
    struct naive_docs d = {0}, t = {0};

    make(&d, rng);
    make_texts(&t, &d, rng);
    write_jsonl("in.jsonl", &d, 0, d.n);
    build("in.fmi", "in.jsonl", 60, 1);
    build_set("s", &d, rng);
    for (size_t k = 0; k < sizeof rule / sizeof *rule; k++)
        apply(&rule[k], &d, &t, false);
    for (int i = 0; i < 2; i++) {
        struct fm *fm = must_open(path[i], cpu_detect());
        char what[100];
        snprintf(what, sizeof what, "%s, %s, seed %d", name, path[i], SEED);
        struct fm_match *longest = check_longest(fm, &t, &t, what);
        for (size_t k = 0; k < sizeof rule / sizeof *rule; k++)
            check_rule(fm, &t, longest, &rule[k], 1 + i, what);
        free(longest);
        fm_close(fm);
    }
    for (size_t k = 0; k < sizeof rule / sizeof *rule; k++) {
        free(rule[k].windows);
        free(rule[k].found);
    }
    naive_free(&d);
    naive_free(&t);
}

/* ---- a normalised index ---- */

/* Every text under the rule, without and with the spaces around it that an index has. */
static void normalise(const struct naive_docs *d, struct naive_docs *plain,
                      struct naive_docs *padded)
{
    for (size_t i = 0; i < d->n; i++) {
        struct buf b = {0};
        struct err e;
        buf_addc(&b, ' ', &e);
        text_normalize(TEXT_GPT3, d->doc[i].p, d->doc[i].len, &b, &e);
        buf_addc(&b, ' ', &e);
        naive_add(plain, b.p + 1, b.len - 2);
        naive_add(padded, b.p, b.len > 2 ? b.len : 0);
        buf_free(&b);
    }
}

static void check_normalised(rng_t *rng)
{
    struct rule ngram[] = {{.o = {FM_NGRAM, 0, 13, 0.8, 0.2, false, 0}},
                           {.o = {FM_NGRAM, 0, 2, 0.8, 0.2, false, 0}},
                           {.o = {FM_NGRAM, 0, 1, 0.8, 0.2, true, 0}}};
    struct rule window = {.o = {FM_WINDOW, 50, 0, 0.8, 0.2, false, 0}};
    struct naive_docs d = {0}, t = {0}, d_plain = {0}, d_padded = {0}, t_plain = {0},
                      t_padded = {0};
    struct fm_build_opts o = {.normalize = TEXT_GPT3};
    struct fm_build_report report;
    const char *input = "in.jsonl";
    struct fm_match *longest;
    struct fm *fm;
    struct err e = {0};

    make_documents(&d, rng);
    naive_add(&d, "...", 3); /* nothing is left of it */
    make_entries(&t, &d, rng);
    normalise(&d, &d_plain, &d_padded);
    normalise(&t, &t_plain, &t_padded);
    write_jsonl(input, &d, 0, d.n);
    T_CHECK(fm_build("n.fmi", &input, 1, &o, &report, &e) == 0);
    T_CHECK(report.docs == d.n && report.bytes == d_padded.bytes);
    fm = must_open("n.fmi", cpu_detect());
    T_CHECK(fm_normalize(fm) == TEXT_GPT3 && fm_bytes(fm) == d_padded.bytes);
    longest = check_longest(fm, &t, &t_padded, "normalised");
    for (size_t k = 0; k < sizeof ngram / sizeof *ngram; k++) {
        apply(&ngram[k], &d_plain, &t_plain, true);
        check_rule(fm, &t, longest, &ngram[k], 2, "normalised");
        free(ngram[k].windows);
        free(ngram[k].found);
    }
    apply(&window, &d_padded, &t_padded, false);
    check_rule(fm, &t, longest, &window, 1, "normalised");
    free(longest);
    free(window.windows);
    free(window.found);
    fm_close(fm);
    naive_free(&d);
    naive_free(&t);
    naive_free(&d_plain);
    naive_free(&d_padded);
    naive_free(&t_plain);
    naive_free(&t_padded);
}

/* ---- what is refused, and the ends of the options' ranges ---- */

static void test_options(void)
{
    struct naive_docs d = {0};
    struct fm_text text = {"a b c", 5};
    struct fm_contam_opts o = {
        .method = FM_NGRAM, .window_chars = 50, .words = 13, .dirty = 0.8, .suspicious = 0.2};
    struct fm_verdict v;
    struct fm *fm;
    struct err e = {0};

    naive_add(&d, "a b c d", 7);
    write_jsonl("in.jsonl", &d, 0, d.n);
    build("in.fmi", "in.jsonl", 60, 1);
    fm = must_open("in.fmi", cpu_detect());
    T_CHECK(fm_contam(fm, &text, 1, &o, &v, 1, &e) == ERR_USAGE);
    o.verbatim = true;
    o.words = UINT64_MAX; /* more than there are: all of them */
    T_CHECK(fm_contam(fm, &text, 1, &o, &v, 1, &e) == 0 && v.windows == 1 && v.found == 1);
    o.words = 0;
    T_CHECK(fm_contam(fm, &text, 1, &o, &v, 1, &e) == ERR_USAGE);
    o.method = FM_WINDOW;
    o.window_chars = UINT64_MAX;
    T_CHECK(fm_contam(fm, &text, 1, &o, &v, 1, &e) == 0 && v.windows == 1 && v.found == 1);
    o.window_chars = 0;
    T_CHECK(fm_contam(fm, &text, 1, &o, &v, 1, &e) == ERR_USAGE);
    T_CHECK(fm_contam(fm, &text, 0, &(struct fm_contam_opts){.method = FM_LONGEST}, &v, 1, &e) ==
            0);
    fm_close(fm);
    naive_free(&d);
}

int main(void)
{
    rng_t rng = SEED;

    tmp_enter();
    check_raw(make_documents, make_entries, "prose", &rng);
    for (unsigned i = 0; i < 2; i++)
        check_raw(make_dense, make_dense_entries, "dense", &rng);
    check_raw(make_none, make_dense_entries, "none", &rng);
    check_normalised(&rng);
    test_options();
    T_CHECKF(labels[0] > 100 && labels[1] > 100 && labels[2] > 100, "%u clean, %u, %u dirty",
             labels[0], labels[1], labels[2]);
    tmp_leave();
    return t_done("contam");
}
