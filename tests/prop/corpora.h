/* corpora.h - texts that are hard on an index, and indexes made of them in the test's folder
 * (../unit/tmp.h). All through fm_build() on files, as a user would. */
#ifndef TESTS_CORPORA_H
#define TESTS_CORPORA_H

#include "../unit/t.h"
#include "../unit/tmp.h"
#include "naive.h"

typedef unsigned long long rng_t;

static inline size_t rand_below(rng_t *rng, size_t n)
{
    return (size_t)(t_rand(rng) >> 11) % n;
}

/* ---- texts ---- */

typedef void corpus_fn(struct naive_docs *d, rng_t *rng);

/* Cuts a text in documents: mostly of middling length, some empty, some of one byte. */
static inline void add_cut(struct naive_docs *d, rng_t *rng, const char *p, size_t len)
{
    for (size_t at = 0, n; at < len; at += n) {
        size_t kind = rand_below(rng, 10);
        n = kind == 0 ? 0 : kind == 1 ? 1 : 1 + rand_below(rng, len / 8 + 2);
        n = n < len - at ? n : len - at;
        naive_add(d, p + at, n);
    }
}

static inline void random_of(struct naive_docs *d, rng_t *rng, size_t values, size_t len)
{
    unsigned char set[256];
    char *p = malloc(len);

    for (unsigned i = 0; i < 256; i++) /* a random choice: inside-out shuffle */
        set[i] = (unsigned char)i;
    for (size_t i = 255; i > 0; i--) {
        size_t j = rand_below(rng, i + 1);
        unsigned char c = set[i];
        set[i] = set[j];
        set[j] = c;
    }
    for (size_t i = 0; i < len; i++)
        p[i] = (char)set[rand_below(rng, values)];
    add_cut(d, rng, p, len);
    free(p);
}

static inline void make_random1(struct naive_docs *d, rng_t *rng)
{
    random_of(d, rng, 1, 3000);
}

static inline void make_random2(struct naive_docs *d, rng_t *rng)
{
    random_of(d, rng, 2, 20000);
}

static inline void make_random4(struct naive_docs *d, rng_t *rng)
{
    random_of(d, rng, 4, 35000);
}

static inline void make_random255(struct naive_docs *d, rng_t *rng)
{
    random_of(d, rng, 255, 18000);
}

static inline void make_random256(struct naive_docs *d, rng_t *rng)
{
    random_of(d, rng, 256, 68000);
}

/* Bytes whose order changes nothing: every symbol the same. */
static inline void add_equal(struct naive_docs *d, rng_t *rng, int byte, size_t len)
{
    char *p = malloc(len);

    memset(p, byte, len);
    add_cut(d, rng, p, len);
    free(p);
}

static inline void make_equal_a(struct naive_docs *d, rng_t *rng)
{
    add_equal(d, rng, 'a', 20000);
}

static inline void make_equal_00(struct naive_docs *d, rng_t *rng)
{
    add_equal(d, rng, 0, 2000);
}

static inline void make_equal_ff(struct naive_docs *d, rng_t *rng)
{
    add_equal(d, rng, 0xff, 2000);
}

static inline void make_fibonacci(struct naive_docs *d, rng_t *rng)
{
    enum { LEN = 20000 };
    char *p = malloc(LEN);
    size_t a = 1, b = 2;

    memcpy(p, "ab", 2);
    while (b < LEN) { /* the next word: this one and the one before it */
        size_t n = a < LEN - b ? a : LEN - b;
        memcpy(p + b, p, n);
        a = b;
        b += n;
    }
    naive_add(d, p, LEN);
    add_cut(d, rng, p, LEN / 2);
    free(p);
}

static inline void make_repeats(struct naive_docs *d, rng_t *rng)
{
    enum { LEN = 100000, PERIOD = 4999 };
    char *p = malloc(LEN);

    for (size_t i = 0; i < LEN; i++)
        p[i] = i < PERIOD ? (char)('a' + rand_below(rng, 20)) : p[i - PERIOD];
    naive_add(d, p, LEN);
    naive_add(d, p + 1, PERIOD);
    free(p);
}

static inline void make_periods(struct naive_docs *d, rng_t *rng)
{
    static const size_t period[] = {2, 3, 7, 64, 100};
    char p[6000];

    for (size_t k = 0; k < sizeof period / sizeof *period; k++) {
        for (size_t i = 0; i < sizeof p; i++)
            p[i] = i < period[k] ? (char)('a' + rand_below(rng, 26)) : p[i - period[k]];
        naive_add(d, p, sizeof p - rand_below(rng, 100));
    }
}

static inline void make_one_byte(struct naive_docs *d, rng_t *rng)
{
    for (unsigned i = 0; i < 3000; i++) {
        char c = (char)rand_below(rng, 40);
        naive_add(d, &c, 1);
    }
}

static inline void make_mostly_empty(struct naive_docs *d, rng_t *rng)
{
    for (unsigned i = 0; i < 5000; i++)
        naive_add(d, "word", i % 997 == 3 ? 1 + rand_below(rng, 4) : 0);
}

static inline void make_all_empty(struct naive_docs *d, rng_t *rng)
{
    (void)rng;
    for (unsigned i = 0; i < 300; i++)
        naive_add(d, "", 0);
}

static inline void make_duplicates(struct naive_docs *d, rng_t *rng)
{
    char p[300];

    for (unsigned i = 0; i < 40; i++) {
        size_t len = rand_below(rng, sizeof p);
        for (size_t k = 0; k < len; k++)
            p[k] = (char)('a' + rand_below(rng, 3));
        for (unsigned k = 0; k < 10; k++)
            naive_add(d, p, len);
    }
}

static inline void make_affixes(struct naive_docs *d, rng_t *rng)
{
    char p[150];

    for (size_t i = 0; i < sizeof p; i++)
        p[i] = (char)('a' + rand_below(rng, 2));
    for (size_t i = 0; i <= sizeof p; i++) {
        naive_add(d, p, i);
        naive_add(d, p + i, sizeof p - i);
    }
}

static inline void make_none(struct naive_docs *d, rng_t *rng)
{
    (void)d, (void)rng;
}

static inline void make_one_empty(struct naive_docs *d, rng_t *rng)
{
    (void)rng;
    naive_add(d, "", 0);
}

/* All 256 byte values, `rare` the rarest by far: at a document's begin and end, alone, in a row. */
static inline void add_256(struct naive_docs *d, rng_t *rng, int rare)
{
    enum { LEN = 18000 };
    char *p = malloc(LEN), r = (char)rare;

    for (size_t i = 0; i < LEN; i++)
        do
            p[i] = (char)rand_below(rng, 256);
        while (p[i] == r);
    p[0] = p[500] = p[501] = p[502] = p[LEN - 1] = r;
    naive_add(d, p, LEN);
    naive_add(d, &r, 1);
    naive_add(d, "", 0);
    naive_add(d, p + 500, 3);
    add_cut(d, rng, p + 501, LEN / 3);
    free(p);
}

static inline void make_256_00(struct naive_docs *d, rng_t *rng)
{
    add_256(d, rng, 0);
}

static inline void make_256_ff(struct naive_docs *d, rng_t *rng)
{
    add_256(d, rng, 0xff);
}

static inline void make_256_a(struct naive_docs *d, rng_t *rng)
{
    add_256(d, rng, 'a');
}

/* Words from a small vocabulary, as prose is: frequent ones and rare ones, UTF-8 among them. */
static inline void add_prose(rng_t *rng, struct buf *out, size_t len)
{
    static const char *const word[] = {"the",
                                       "of",
                                       "and",
                                       "a",
                                       "to",
                                       "in",
                                       "is",
                                       "was",
                                       "he",
                                       "for",
                                       "it",
                                       "on",
                                       "The",
                                       "And",
                                       "are",
                                       "I",
                                       "caf\xC3\xA9",
                                       "\xE2\x82\xAC-5",
                                       "\xF0\x9F\x98\x80",
                                       "na\xC3\xAFve"};
    static const char *const gap[] = {" ", " ", " ", " ", " ", " ", ", ", ". ", "\n", "  "};
    struct err e;

    while (out->len < len) {
        if (rand_below(rng, 3)) {
            buf_adds(out, word[rand_below(rng, sizeof word / sizeof *word)], &e);
        } else {
            for (size_t i = 1 + rand_below(rng, 9); i > 0; i--) {
                size_t top = 1 + rand_below(rng, 26);
                buf_addc(out, (char)('a' + rand_below(rng, top)), &e);
            }
        }
        buf_adds(out, gap[rand_below(rng, sizeof gap / sizeof *gap)], &e);
    }
}

static inline void make_prose(struct naive_docs *d, rng_t *rng)
{
    for (unsigned i = 0; i < 50; i++) {
        struct buf b = {0};
        add_prose(rng, &b, i == 30 ? 70000 : rand_below(rng, 2000));
        naive_add(d, b.p, b.len);
        buf_free(&b);
    }
}

static const struct corpus {
    const char *name;
    corpus_fn *make;
} corpora[] = {
    {"none", make_none},
    {"one empty", make_one_empty},
    {"all empty", make_all_empty},
    {"mostly empty", make_mostly_empty},
    {"one byte", make_one_byte},
    {"random 1", make_random1},
    {"random 2", make_random2},
    {"random 4", make_random4},
    {"random 255", make_random255},
    {"random 256", make_random256},
    {"equal a", make_equal_a},
    {"equal 00", make_equal_00},
    {"equal ff", make_equal_ff},
    {"fibonacci", make_fibonacci},
    {"repeats", make_repeats},
    {"periods", make_periods},
    {"duplicates", make_duplicates},
    {"affixes", make_affixes},
    {"256, rare 00", make_256_00},
    {"256, rare ff", make_256_ff},
    {"256, rare a", make_256_a},
    {"prose", make_prose},
};

enum { CORPORA = sizeof corpora / sizeof *corpora };

/* ---- files ---- */

/* Appends the inside of a JSON string that decodes to exactly these bytes. */
static inline void add_json(struct buf *out, struct fm_text t)
{
    struct err e;

    for (size_t i = 0; i < t.len; i++) {
        unsigned char c = (unsigned char)t.p[i];
        if (c < 0x20 || c == '"' || c == '\\')
            buf_printf(out, &e, "\\u%04x", c);
        else
            buf_addc(out, t.p[i], &e);
    }
}

/* Documents [from, to) as JSON Lines. */
static inline void write_jsonl(const char *name, const struct naive_docs *d, size_t from, size_t to)
{
    struct buf out = {0};
    struct err e;

    for (size_t i = from; i < to; i++) {
        buf_adds(&out, "{\"text\":\"", &e);
        add_json(&out, d->doc[i]);
        buf_adds(&out, "\"}\n", &e);
    }
    tmp_put(name, out.p ? out.p : "", out.len);
    buf_free(&out);
}

/* The layouts take turns. */
static inline void build(const char *index, const char *input, unsigned rate, int threads)
{
    static unsigned turn;
    struct fm_build_opts o = {
        .rate = rate, .threads = threads, .layout = turn++ % 2 ? FM_LAYOUT_SMALL : FM_LAYOUT_FAST};
    struct fm_build_report report;
    struct err e = {0};

    T_CHECKF(fm_build(index, &input, 1, &o, &report, &e) == 0, "%s: %s", index, e.msg);
    if (e.code)
        exit(t_done("build"));
}

static inline struct fm *must_open(const char *path, enum cpu_level level)
{
    struct fm *fm;
    struct err e = {0};

    T_CHECKF(fm_open(&fm, path, &(struct fm_open_opts){.cpu = level}, &e) == 0, "%s: %s", path,
             e.msg);
    if (!fm)
        exit(t_done("open"));
    return fm;
}

/* Cuts the documents in three at random places (a part may be empty), builds an index of each and
 * writes the set "NAME.set". */
static inline void build_set(const char *name, const struct naive_docs *d, rng_t *rng)
{
    static const unsigned rate[] = {4, 60, 4096};
    size_t cut[4] = {0, 0, 0, d->n};
    char path[64], input[64];
    FILE *f;

    cut[1] = rand_below(rng, d->n + 1);
    cut[2] = rand_below(rng, d->n + 1);
    if (cut[1] > cut[2]) {
        size_t c = cut[1];
        cut[1] = cut[2];
        cut[2] = c;
    }
    snprintf(path, sizeof path, "%s.set", name);
    f = fopen(path, "w");
    fputs("sluice-set 1\n", f);
    for (unsigned i = 0; i < 3; i++) {
        snprintf(input, sizeof input, "%s.%u.jsonl", name, i);
        snprintf(path, sizeof path, "%s.%u.fmi", name, i);
        write_jsonl(input, d, cut[i], cut[i + 1]);
        build(path, input, rate[i], 1);
        fprintf(f, "%s\n", path);
    }
    fclose(f);
}

/* A changed copy of a piece of the corpus: pieces put together, bytes changed, left out, doubled.
 */
static inline void add_mutated(struct buf *out, const struct naive_docs *d, rng_t *rng, size_t len,
                               size_t every)
{
    struct err e;

    while (out->len < len && d->bytes) {
        struct fm_text t = d->doc[rand_below(rng, d->n)];
        size_t at = rand_below(rng, t.len + 1), n = rand_below(rng, t.len - at + 1);
        for (size_t i = at; i < at + n && out->len < len; i++) {
            size_t change = rand_below(rng, every) ? 9 : rand_below(rng, 3);
            if (change != 1) /* 1: left out */
                buf_addc(out,
                         change == 0 ? (char)(t.p[i] ^ (char)(1 + rand_below(rng, 255))) : t.p[i],
                         &e);
            if (change == 2)
                buf_addc(out, t.p[i], &e);
        }
    }
}

#endif
