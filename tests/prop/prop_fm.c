/* prop_fm.c - counts, places and documents of an index against a naive scan.
 *
 * Each corpus of corpora.h is indexed at three sample rates, and as a set of three indexes; each
 * index is asked at every instruction-set level that this machine has, with one thread and with
 * two. The questions: every single byte, a substring of every length from 1 to 200, the same with a
 * byte changed, the stretches over two documents' border, the empty pattern, and patterns longer
 * than any document.
 */
#include "corpora.h"

#include <inttypes.h>

#include "base/cpu.h"

enum { SEED = 20240501, MAX_LEN = 200, FEW_STEPS = 60, MANY_STEPS = 30000 };

struct query {
    struct fm_text pat;
    char *bytes;
    bool fold; /* asked without regard to case, too */
    uint64_t folded;
    struct fm_place *place, *folded_place;
};

struct queries {
    struct query *q;
    struct fm_text *pat;
    uint64_t *count, *docs;
    size_t n, cap;
};

/* ---- questions and their answers ---- */

static void ask(struct queries *s, const struct naive_docs *d, const void *p, size_t len)
{
    struct query *q;

    if (s->n == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 1024;
        s->q = realloc(s->q, s->cap * sizeof *s->q);
        s->pat = realloc(s->pat, s->cap * sizeof *s->pat);
        s->count = realloc(s->count, s->cap * sizeof *s->count);
        s->docs = realloc(s->docs, s->cap * sizeof *s->docs);
    }
    q = &s->q[s->n];
    q->bytes = malloc(len + 1); /* exact, but for the empty one: reads past it are seen by ASan */
    memcpy(q->bytes, p, len);
    q->pat = (struct fm_text){q->bytes, len};
    s->pat[s->n] = q->pat;
    s->count[s->n] = naive_places(d, q->pat, false, &q->place);
    if (len == 0)
        s->count[s->n] = naive_count(d, q->pat, false);
    s->docs[s->n] = naive_count_docs(d, q->pat);
    q->fold = s->n % 4 == 0;
    q->folded_place = NULL;
    q->folded = q->fold ? naive_places(d, q->pat, true, &q->folded_place) : 0;
    s->n++;
}

static void free_queries(struct queries *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->q[i].bytes);
        free(s->q[i].place);
        free(s->q[i].folded_place);
    }
    free(s->q);
    free(s->pat);
    free(s->count);
    free(s->docs);
    *s = (struct queries){0};
}

/* A random stretch of the corpus, of this length if a document is as long. */
static struct fm_text stretch(const struct naive_docs *d, rng_t *rng, size_t len)
{
    struct fm_text t = {"", 0};

    for (unsigned tries = 0; tries < 50 && t.len < len; tries++) {
        struct fm_text x = d->doc[rand_below(rng, d->n)];
        if (x.len > t.len)
            t = x;
    }
    if (t.len > len) {
        t.p += rand_below(rng, t.len - len + 1);
        t.len = len;
    }
    return t;
}

static void ask_stretches(struct queries *s, const struct naive_docs *d, rng_t *rng)
{
    char other[MAX_LEN];

    for (size_t len = 1; len <= MAX_LEN; len++) {
        struct fm_text t = stretch(d, rng, len);
        ask(s, d, t.p, t.len);
        if (t.len == 0 || len % 4)
            continue;
        memcpy(other, t.p, t.len);
        size_t at = rand_below(rng, t.len);
        other[at] ^= (char)(rand_below(rng, 3) ? 0x20 : rand_below(rng, 256));
        ask(s, d, other, t.len);
    }
}

/* The last bytes of a document and the first of the next: no match crosses. */
static void ask_borders(struct queries *s, const struct naive_docs *d, rng_t *rng)
{
    for (unsigned i = 0; i < 20 && d->n > 1; i++) {
        size_t k = rand_below(rng, d->n - 1);
        struct fm_text a = d->doc[k], b = d->doc[k + 1];
        size_t m = rand_below(rng, a.len < 9 ? a.len + 1 : 9);
        size_t n = rand_below(rng, b.len < 9 ? b.len + 1 : 9);
        char both[17];
        memcpy(both, a.p + a.len - m, m);
        memcpy(both + m, b.p, n);
        ask(s, d, both, m + n);
        both[m + n] = '\0'; /* what a byte 0 for the end would match */
        ask(s, d, both, m + n + 1);
    }
}

static void make_queries(struct queries *s, const struct naive_docs *d, rng_t *rng)
{
    size_t longest = 0;
    char *p;

    for (unsigned c = 0; c < 256; c++)
        ask(s, d, (char[]){(char)c}, 1);
    ask(s, d, "", 0);
    for (size_t i = 1; i < d->n; i++)
        longest = d->doc[i].len > d->doc[longest].len ? i : longest;
    if (d->n == 0)
        return;
    ask_stretches(s, d, rng);
    ask_borders(s, d, rng);
    p = malloc(d->doc[longest].len + 1);
    memcpy(p, d->doc[longest].p, d->doc[longest].len);
    p[d->doc[longest].len] = 'a';
    ask(s, d, p, d->doc[longest].len);
    ask(s, d, p, d->doc[longest].len + 1);
    free(p);
}

/* ---- the index's answers ---- */

static bool same_places(const struct fm_place *a, const struct fm_place *b, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        if (a[i].doc != b[i].doc || a[i].offset != b[i].offset)
            return false;
    return true;
}

static void check_counts(const struct fm *fm, const struct queries *s, int threads,
                         const char *what)
{
    uint64_t *counts = malloc(s->n * sizeof *counts);

    memset(counts, 0xee, s->n * sizeof *counts);
    fm_count(fm, s->pat, s->n, counts, threads);
    for (size_t i = 0; i < s->n; i++)
        T_CHECKF(counts[i] == s->count[i], "%s: query %zu of %zu bytes: %" PRIu64 ", not %" PRIu64,
                 what, i, s->pat[i].len, counts[i], s->count[i]);
    free(counts);
}

/* All places; the first k; k of them by chance. */
static void check_hits(const struct fm_hits *h, const struct fm_place *want, int threads,
                       rng_t *rng, const char *what)
{
    struct fm_place *place = malloc((h->count + 1) * sizeof *place);
    uint64_t k = rand_below(rng, h->count + 1), seed = rand_below(rng, 1000), at = 0;
    struct err e = {0};

    fm_hits_locate(h, place, threads);
    T_CHECKF(same_places(place, want, h->count), "%s: places", what);
    if (h->count > 1 && rand_below(rng, 6))
        goto done;
    k = rand_below(rng, 4) ? k : h->count;
    memset(place, 0xee, h->count * sizeof *place);
    T_CHECK(fm_hits_first(h, k, place, threads, &e) == 0);
    T_CHECKF(same_places(place, want, k), "%s: the first %" PRIu64, what, k);
    T_CHECK(fm_hits_sample(h, k, seed, place, threads, &e) == 0);
    for (uint64_t i = 0; i < k;
         i++) { /* each one, in order, is one of the places behind the last */
        while (at < h->count && !same_places(&place[i], &want[at], 1))
            at++;
        T_CHECKF(at++ < h->count, "%s: sample of %" PRIu64, what, k);
    }
done:
    free(place);
}

/* Locating costs `walk` steps a hit, so questions with many hits share a budget, from a random
 * question on; of a quick check every sixteenth question is part, and only with few hits. */
static void check_places(const struct fm *fm, const struct queries *s, uint64_t walk, bool quick,
                         rng_t *rng, const char *what)
{
    uint64_t budget = quick ? 0 : MANY_STEPS;
    size_t first = rand_below(rng, s->n);

    for (size_t k = 0; k < s->n; k += quick ? 16 : 1) {
        size_t i = (first + k) % s->n;
        const struct query *q = &s->q[i];
        bool fold = q->fold && rand_below(rng, 2);
        uint64_t want = fold ? q->folded : q->pat.len ? s->count[i] : 0, steps = want * walk;
        struct fm_hits h;
        struct err e = {0};
        T_CHECK(fm_hits_find(&h, fm, q->pat, fold, &e) == 0);
        T_CHECKF(h.count == want, "%s: query %zu, fold %d: %" PRIu64 ", not %" PRIu64, what, i,
                 fold, h.count, want);
        if (h.count == want && steps <= (budget > FEW_STEPS ? budget : FEW_STEPS)) {
            check_hits(&h, fold ? q->folded_place : q->place, k % 64 ? 1 : 2, rng, what);
            budget -= steps > FEW_STEPS ? steps : 0;
        }
        fm_hits_free(&h);
    }
}

static void note_pass(void *ctx, const char *phase, uint64_t done, uint64_t total)
{
    (void)phase, (void)done, (void)total;
    ++*(unsigned *)ctx;
}

static unsigned passes, no_passes; /* how often fm_count_docs() went through the text, and not */

/* For a random third of the questions. */
static void check_doc_counts(const struct fm *fm, const struct queries *s, int threads, rng_t *rng,
                             const char *what)
{
    size_t n = (s->n + 2) / 3, from = rand_below(rng, s->n - n + 1);
    uint64_t *docs = malloc(n * sizeof *docs);
    struct err e = {0};
    unsigned passed = 0;

    memset(docs, 0xee, n * sizeof *docs);
    T_CHECK(fm_count_docs(fm, s->pat + from, n, docs, threads, note_pass, &passed, &e) == 0);
    for (size_t i = 0; i < n; i++)
        T_CHECKF(docs[i] == s->docs[from + i], "%s: query %zu: %" PRIu64 " documents, not %" PRIu64,
                 what, from + i, docs[i], s->docs[from + i]);
    passes += passed > 0;
    no_passes += passed == 0;
    free(docs);
}

static void check_sizes(const struct fm *fm, const struct naive_docs *d, const char *what)
{
    struct err e = {0};

    T_CHECKF(fm_docs(fm) == d->n && fm_bytes(fm) == d->bytes, "%s", what);
    for (size_t i = 0; i < d->n; i++)
        T_CHECKF(fm_doc_bytes(fm, i) == d->doc[i].len, "%s: document %zu", what, i);
    T_CHECKF(fm_check(fm, NULL, NULL, &e) == 0, "%s: %s", what, e.msg);
}

/* One index or set, at one level, and quickly at the others unless only the samples are new. */
static void check_index(const char *path, const struct naive_docs *d, const struct queries *s,
                        uint64_t walk, enum cpu_level main_level, bool all_levels, const char *name)
{
    rng_t rng = SEED;

    for (unsigned level = CPU_PORTABLE; level <= (unsigned)cpu_detect(); level++) {
        bool quick = level != (unsigned)main_level;
        if (quick && !all_levels)
            continue;
        struct fm *fm = must_open(path, (enum cpu_level)level);
        char what[100];
        snprintf(what, sizeof what, "%s, %s, %s, seed %d", name, path,
                 cpu_name((enum cpu_level)level), SEED);
        check_counts(fm, s, quick ? 1 : 2, what);
        check_places(fm, s, walk, quick, &rng, what);
        if (!quick)
            check_sizes(fm, d, what);
        if (!quick && strcmp(path, "60.fmi") != 0)
            check_doc_counts(fm, s, 1 + (int)rand_below(&rng, 2), &rng, what);
        fm_close(fm);
    }
}

/* ---- the files ---- */

static struct buf whole(const char *path)
{
    struct buf b = {0};
    struct err e;
    char piece[1 << 16];
    FILE *f = fopen(path, "rb");
    size_t n;

    while (f && (n = fread(piece, 1, sizeof piece, f)) > 0)
        buf_add(&b, piece, n, &e);
    T_CHECKF(f && b.len, "%s", path);
    if (f)
        fclose(f);
    return b;
}

static void check_threads_agree(const char *name)
{
    struct buf a, b;

    build("two.fmi", "in.jsonl", 60, 2);
    a = whole("60.fmi");
    b = whole("two.fmi");
    T_CHECKF(a.len == b.len && memcmp(a.p, b.p, a.len) == 0, "%s: T=1 and T=2 differ", name);
    buf_free(&a);
    buf_free(&b);
}

/* "random 256" and its like must have taken the path of the shared byte. */
static void check_shared(const char *name, const struct naive_docs *d)
{
    struct fm *fm = must_open("60.fmi", CPU_PORTABLE);
    bool seen[256] = {false}, zrow = false;
    unsigned values = 0;

    for (size_t i = 0; i < d->n; i++)
        for (size_t k = 0; k < d->doc[i].len; k++)
            seen[(unsigned char)d->doc[i].p[k]] = true;
    for (unsigned c = 0; c < 256; c++)
        values += seen[c];
    for (size_t i = 0; i < fm_shard_sections(fm, 0); i++)
        zrow |= strcmp(fm_shard_section(fm, 0, i).id, "ZROW") == 0;
    T_CHECKF(fm_shard_info(fm, 0).alphabet == values && zrow == (values == 256), "%s", name);
    T_CHECKF(strstr(name, "256") == NULL || values == 256, "%s: %u values", name, values);
    fm_close(fm);
}

/* About how many steps locating a place of a random byte takes: half the way to a sample or to the
 * document's start. */
static uint64_t mean_walk(const struct naive_docs *d, unsigned every)
{
    double squares = 0, rate = every;

    for (size_t i = 0; i < d->n; i++) {
        double len = (double)d->doc[i].len;
        squares += len * (len < rate ? len : rate);
    }
    return d->bytes ? (uint64_t)(squares / (double)d->bytes / 2) + 1 : 1;
}

static void check_corpus(const struct corpus *c, rng_t *rng)
{
    static const struct {
        const char *path;
        unsigned every;
    } rate[] = {{"4.fmi", 4}, {"60.fmi", 60}, {"4096.fmi", 4096}};
    enum cpu_level top = cpu_detect(), level;
    struct naive_docs d = {0};
    struct queries s = {0};

    c->make(&d, rng);
    make_queries(&s, &d, rng);
    write_jsonl("in.jsonl", &d, 0, d.n);
    for (unsigned i = 0; i < 3; i++) {
        level = (enum cpu_level)rand_below(rng, (size_t)top + 1);
        build(rate[i].path, "in.jsonl", rate[i].every, 1);
        check_index(rate[i].path, &d, &s, mean_walk(&d, rate[i].every), level, i == 1, c->name);
    }
    check_threads_agree(c->name);
    check_shared(c->name, &d);
    build_set("s", &d, rng);
    check_index("s.set", &d, &s, mean_walk(&d, 4096), top, true, c->name);
    free_queries(&s);
    naive_free(&d);
}

/* ---- many hits: every slice of the loops that cut them ---- */

static void test_many_hits(void)
{
    enum { LEN = 616000, FIRST = 1000 };
    struct naive_docs d = {0};
    rng_t rng = SEED;
    char *p = malloc(LEN);
    struct fm_text pat = {"a", 1};
    struct fm_place *want, *place;
    struct fm_hits h;
    struct fm *fm;
    uint64_t docs;
    unsigned passed = 0;
    struct err e = {0};

    for (size_t i = 0; i < LEN; i++)
        p[i] = rand_below(&rng, 16) < 7 ? 'a' : (char)('b' + rand_below(&rng, 2));
    for (size_t at = 0; at < LEN; at += LEN / 7)
        naive_add(&d, p + at, LEN / 7);
    write_jsonl("in.jsonl", &d, 0, d.n);
    build("many.fmi", "in.jsonl", 4, 2);
    fm = must_open("many.fmi", cpu_detect());
    uint64_t n = naive_places(&d, pat, false, &want);
    T_CHECK(n > 1 << 18);
    place = malloc(n * sizeof *place);
    T_CHECK(fm_hits_find(&h, fm, pat, false, &e) == 0 && h.count == n);
    fm_hits_locate(&h, place, 2);
    T_CHECK(same_places(place, want, n));
    memset(place, 0, n * sizeof *place);
    T_CHECK(fm_hits_first(&h, FIRST, place, 2, &e) == 0);
    T_CHECK(same_places(place, want, FIRST));
    T_CHECK(fm_hits_first(&h, n - 5, place, 1, &e) == 0);
    T_CHECK(same_places(place, want, n - 5));
    fm_hits_free(&h);
    T_CHECK(fm_count_docs(fm, &pat, 1, &docs, 2, note_pass, &passed, &e) == 0);
    T_CHECK(passed == 0 && docs == 7); /* located, slice by slice */
    fm_close(fm);
    free(want);
    free(place);
    free(p);
    naive_free(&d);
}

/* ---- a sample is uniform, and the same for the same seed ---- */

static void test_sample(void)
{
    enum { HITS = 20, K = 5, RUNS = 4000 };
    struct naive_docs d = {0};
    struct fm_place place[HITS], again[HITS];
    unsigned seen[HITS] = {0}, pairs = 0;
    struct fm_hits h;
    struct fm *fm;
    struct err e = {0};

    for (unsigned i = 0; i < HITS; i++)
        naive_add(&d, "..x..", 5);
    write_jsonl("in.jsonl", &d, 0, d.n);
    build("sample.fmi", "in.jsonl", 60, 1);
    fm = must_open("sample.fmi", CPU_PORTABLE);
    T_CHECK(fm_hits_find(&h, fm, (struct fm_text){"x", 1}, false, &e) == 0 && h.count == HITS);
    for (unsigned seed = 0; seed < RUNS; seed++) {
        T_CHECK(fm_hits_sample(&h, K, seed, place, 1, &e) == 0);
        T_CHECK(fm_hits_sample(&h, K, seed, again, 2, &e) == 0);
        T_CHECK(same_places(place, again, K));
        for (unsigned i = 0; i < K; i++)
            seen[place[i].doc]++;
        for (unsigned i = 0; i + 1 < K; i++)
            pairs += place[i + 1].doc == place[i].doc + 1;
    }
    /* Each is in a quarter of the samples: 1000 +- 27. Neighbours: 4000 x 19 x 5/20 x 4/19 = 4000.
     */
    for (unsigned i = 0; i < HITS; i++)
        T_CHECKF(seen[i] > 850 && seen[i] < 1150, "hit %u: %u of %d", i, seen[i], RUNS);
    T_CHECKF(pairs > 3600 && pairs < 4400, "%u", pairs);
    fm_hits_free(&h);
    fm_close(fm);
    naive_free(&d);
}

int main(void)
{
    rng_t rng = SEED;

    tmp_enter();
    for (size_t i = 0; i < CORPORA; i++)
        check_corpus(&corpora[i], &rng);
    T_CHECKF(passes > 10 && no_passes > 10, "%u, %u", passes, no_passes);
    test_many_hits();
    test_sample();
    tmp_leave();
    return t_done("fm");
}
