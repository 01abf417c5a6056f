/* prop_match.c - maximal and longest matches against brute force, on indexes and on sets.
 *
 * Texts are made of changed pieces of the corpus, so that matches of all lengths meet, overlap and
 * touch; and of repeats, of bytes that the corpus lacks, of whole documents and more than these.
 */
#include "corpora.h"

#include "base/cpu.h"

enum { SEED = 99, TEXTS = 90 }; /* more than one chunk of clients (64) */

static void make_abab(struct naive_docs *d, rng_t *rng)
{
    random_of(d, rng, 2, 600);
}

static void make_aaaa(struct naive_docs *d, rng_t *rng)
{
    (void)rng;
    naive_add(d, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 30);
    naive_add(d, "baaaaaaaaab", 11);
    naive_add(d, "", 0);
    naive_add(d, "ca", 2);
}

static void make_short_prose(struct naive_docs *d, rng_t *rng)
{
    for (unsigned i = 0; i < 20; i++) {
        struct buf b = {0};
        add_prose(rng, &b, rand_below(rng, 400));
        naive_add(d, b.p, b.len);
        buf_free(&b);
    }
}

static void make_short_256(struct naive_docs *d, rng_t *rng)
{
    random_of(d, rng, 256, 1500);
}

static const struct corpus small[] = {
    {"none", make_none},       {"all empty", make_all_empty}, {"aaaa", make_aaaa},
    {"two values", make_abab}, {"prose", make_short_prose},   {"256 values", make_short_256},
    {"affixes", make_affixes},
};

static void add_text(struct naive_docs *d, const char *s)
{
    naive_add(d, s, strlen(s));
}

/* The texts to match, each in memory of its own. */
static void make_texts(struct naive_docs *t, const struct naive_docs *d, rng_t *rng)
{
    static const size_t every[] = {3, 15, 60, 1000};

    add_text(t, "");
    add_text(t, "a");
    add_text(t, "\xfe");
    add_text(t, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    add_text(t, "aaaaaaaaaaaaaaaaaaaaabaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaacaaaaaaaa");
    for (size_t i = 0; i + 1 < d->n && i < 6; i++) { /* longer than the document */
        struct buf b = {0};
        struct err e;
        buf_add(&b, d->doc[i].p, d->doc[i].len, &e);
        buf_add(&b, d->doc[i + 1].p, d->doc[i + 1].len, &e);
        if (b.len <= 400)
            naive_add(t, b.p, b.len);
        buf_free(&b);
    }
    while (t->n < TEXTS) {
        struct buf b = {0};
        add_mutated(&b, d, rng, rand_below(rng, 200), every[t->n % 4]);
        naive_add(t, b.p, b.len);
        buf_free(&b);
    }
}

/* What brute force finds in each text, of any length: those of at least so many bytes are among
 * them, as what lies in a longer one does so whatever length is asked for. */
struct answers {
    struct fm_match *match[TEXTS], longest[TEXTS];
    size_t n[TEXTS];
};

static void make_answers(struct answers *a, const struct naive_docs *d, const struct naive_docs *t)
{
    for (size_t i = 0; i < t->n; i++) {
        a->n[i] = naive_matches(d, t->doc[i], 1, &a->match[i]);
        a->longest[i] = naive_longest(a->match[i], a->n[i]);
    }
}

static bool same(const struct naive_docs *d, struct fm_text t, const struct fm_match *got,
                 const struct fm_match *want)
{
    const struct fm_text *doc = &d->doc[got->doc < d->n ? got->doc : 0];

    return got->offset == want->offset && got->len == want->len && got->count == want->count &&
           got->doc < d->n && memmem(doc->p, doc->len, t.p + got->offset, got->len) != NULL;
}

static void check_matches(const struct fm *fm, const struct naive_docs *d,
                          const struct naive_docs *t, const struct answers *a, uint64_t min_len,
                          int threads, const char *what)
{
    struct fm_match *match[TEXTS];
    int64_t found[TEXTS];
    struct err e = {0};

    T_CHECK(fm_match(fm, t->doc, t->n, min_len, match, found, threads, &e) == 0);
    for (size_t i = 0; i < t->n; i++) {
        int64_t n = 0;
        for (size_t k = 0; k < a->n[i]; k++) {
            const struct fm_match *want = &a->match[i][k];
            if (want->len < min_len)
                continue;
            T_CHECKF(n < found[i] && same(d, t->doc[i], &match[i][n], want),
                     "%s: text %zu, from %d: match %d: not %d + %d", what, i, (int)min_len, (int)n,
                     (int)want->offset, (int)want->len);
            n++;
        }
        T_CHECKF(found[i] == n, "%s: text %zu, from %d: %d matches, not %d", what, i, (int)min_len,
                 (int)found[i], (int)n);
        free(match[i]);
    }
}

static void check_longest(const struct fm *fm, const struct naive_docs *d,
                          const struct naive_docs *t, const struct answers *a, int threads,
                          const char *what)
{
    struct fm_match out[TEXTS];
    struct err e = {0};

    memset(out, 0xee, sizeof out);
    T_CHECK(fm_longest(fm, t->doc, t->n, out, threads, &e) == 0);
    for (size_t i = 0; i < t->n; i++)
        T_CHECKF(a->longest[i].len ? same(d, t->doc[i], &out[i], &a->longest[i])
                                   : out[i].len == 0 && out[i].count == 0,
                 "%s: text %zu: longest %d + %d, not %d + %d", what, i, (int)out[i].offset,
                 (int)out[i].len, (int)a->longest[i].offset, (int)a->longest[i].len);
}

static void check_corpus(const struct corpus *c, rng_t *rng)
{
    static const uint64_t min_len[] = {1, 2, 5, 20, 50};
    static const char *const path[] = {"in.fmi", "s.set"};
    struct naive_docs d = {0}, t = {0};
    struct answers a;

    c->make(&d, rng);
    make_texts(&t, &d, rng);
    make_answers(&a, &d, &t);
    write_jsonl("in.jsonl", &d, 0, d.n);
    build("in.fmi", "in.jsonl", 60, 1);
    build_set("s", &d, rng);
    for (unsigned i = 0; i < 2; i++) {
        struct fm *fm = must_open(path[i], cpu_detect());
        char what[100];
        snprintf(what, sizeof what, "%s, %s, seed %d", c->name, path[i], SEED);
        for (size_t k = 0; k < sizeof min_len / sizeof *min_len; k++)
            check_matches(fm, &d, &t, &a, min_len[k], 1 + (int)((i + k) & 1), what);
        check_longest(fm, &d, &t, &a, 1 + (int)i, what);
        fm_close(fm);
    }
    for (size_t i = 0; i < t.n; i++)
        free(a.match[i]);
    naive_free(&d);
    naive_free(&t);
}

int main(void)
{
    rng_t rng = SEED;

    tmp_enter();
    for (unsigned round = 0; round < 2; round++)
        for (size_t i = 0; i < sizeof small / sizeof *small; i++)
            check_corpus(&small[i], &rng);
    tmp_leave();
    return t_done("match");
}
