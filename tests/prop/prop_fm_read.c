/* prop_fm_read.c - what an index gives back: pieces, texts, records, ids and snippets, against the
 * documents that it was made of.
 */
#include "corpora.h"

#include "base/cpu.h"

enum { SEED = 7, GUARD = 16 };

/* ---- pieces ---- */

struct pieces {
    struct fm_piece *v;
    size_t n;
    char *dst; /* all of them, one behind the other, and GUARD bytes that nobody may touch */
    size_t len;
};

static void free_pieces(struct pieces *p)
{
    free(p->v);
    free(p->dst);
}

static void check_read(const struct fm *fm, const struct naive_docs *d, struct pieces *p,
                       int threads, const char *what)
{
    size_t at = 0;

    p->len = 0;
    for (size_t i = 0; i < p->n; i++)
        p->len += p->v[i].len;
    p->dst = malloc(p->len + GUARD);
    memset(p->dst, 0x5a, p->len + GUARD);
    for (size_t i = 0; i < p->n; at += p->v[i++].len)
        p->v[i].dst = p->dst + at;
    fm_read(fm, p->v, p->n, threads);
    for (size_t i = 0; i < p->n; i++) {
        const struct fm_piece *x = &p->v[i];
        T_CHECKF(memcmp(x->dst, d->doc[x->doc].p + x->from, x->len) == 0,
                 "%s: piece %zu: document %zu from %zu, %zu bytes", what, i, (size_t)x->doc,
                 (size_t)x->from, (size_t)x->len);
    }
    for (size_t i = 0; i < GUARD; i++)
        T_CHECKF(p->dst[p->len + i] == 0x5a, "%s: written behind the pieces", what);
}

/* Document by document, whole, forward or backward. */
static void check_whole(const struct fm *fm, const struct naive_docs *d, bool backward, int threads,
                        const char *what)
{
    struct pieces p = {.v = calloc(d->n + 1, sizeof *p.v), .n = d->n};

    for (size_t i = 0; i < d->n; i++) {
        size_t doc = backward ? d->n - 1 - i : i;
        p.v[i] = (struct fm_piece){doc, 0, d->doc[doc].len, NULL};
    }
    check_read(fm, d, &p, threads, what);
    free_pieces(&p);
}

/* Random pieces: empty ones, from the begin, to the end, of one byte, of a document's length. */
static void check_random(const struct fm *fm, const struct naive_docs *d, size_t n, int threads,
                         rng_t *rng, const char *what)
{
    struct pieces p = {.v = calloc(n + 1, sizeof *p.v), .n = d->n ? n : 0};
    size_t total = 0;

    for (size_t i = 0; i < p.n; i++) {
        size_t doc = rand_below(rng, d->n), len = d->doc[doc].len, kind = rand_below(rng, 4);
        size_t from = kind == 0 ? 0 : rand_below(rng, len + 1);
        size_t k = kind == 1 ? len - from : rand_below(rng, kind == 2 ? 3 : len - from + 1);
        k = k < len - from ? k : len - from;
        if ((total += k) > 60000)
            k = 0;
        p.v[i] = (struct fm_piece){doc, from, k, NULL};
    }
    check_read(fm, d, &p, threads, what);
    free_pieces(&p);
}

/* ---- readers ---- */

static void check_reader(const struct fm *fm, const struct naive_docs *d, const char *what)
{
    struct fm_reader *r;
    struct buf text = {0};
    struct err e = {0};

    T_CHECK(fm_reader_new(&r, fm, &e) == 0);
    for (size_t i = 0; i < d->n; i += 1 + d->n / 300) {
        text.len = 0;
        buf_addc(&text, '>', &e); /* it is appended */
        T_CHECK(fm_reader_text(r, i, &text, &e) == 0);
        T_CHECKF(text.len == d->doc[i].len + 1 && text.p[0] == '>' &&
                     memcmp(text.p + 1, d->doc[i].p, d->doc[i].len) == 0,
                 "%s: text of document %zu", what, i);
    }
    buf_free(&text);
    fm_reader_free(r);
}

/* ---- snippets ---- */

/* The same of a whole document: from the first character that begins inside the context to the
 * last that ends inside, but never less than the occurrence. */
static void naive_snippet(struct fm_text t, uint64_t hit, uint64_t hit_len, uint64_t context,
                          uint64_t *from, uint64_t *to)
{
    size_t *at, n = naive_chars(t, &at);
    uint64_t low = hit > context ? hit - context : 0, high = hit + hit_len + context;

    *from = hit;
    *to = hit + hit_len;
    for (size_t i = n + 1; i-- > 0;)
        if (at[i] >= low && at[i] < *from)
            *from = at[i];
    for (size_t i = 0; i <= n; i++)
        if (at[i] <= high && at[i] > *to)
            *to = at[i];
    free(at);
}

static void check_snippets(const struct fm *fm, const struct naive_docs *d, rng_t *rng,
                           const char *what)
{
    enum { N = 40 };
    struct fm_place place[N];
    uint64_t hit_len[N], context = rand_below(rng, 3) ? rand_below(rng, 40) : rand_below(rng, 6000);
    struct fm_snippet s[N];
    struct buf text = {0};
    struct err e = {0};

    for (size_t i = 0; i < N; i++) {
        size_t doc = rand_below(rng, d->n), len = d->doc[doc].len;
        place[i] = (struct fm_place){doc, rand_below(rng, len + 1)};
        hit_len[i] = rand_below(rng, 30);
        if (hit_len[i] > len - place[i].offset)
            hit_len[i] = len - place[i].offset;
    }
    buf_adds(&text, "before", &e);
    T_CHECK(fm_snippets(fm, place, hit_len, N, context, s, &text, 1 + (int)rand_below(rng, 2),
                        &e) == 0);
    T_CHECK(memcmp(text.p, "before", 6) == 0);
    for (size_t i = 0; i < N; i++) {
        struct fm_text t = d->doc[place[i].doc];
        uint64_t from, to;
        naive_snippet(t, place[i].offset, hit_len[i], context, &from, &to);
        T_CHECKF(s[i].at >= 6 && s[i].at + s[i].len <= text.len && s[i].len == to - from &&
                     s[i].hit_at == place[i].offset - from && s[i].hit_len == hit_len[i] &&
                     memcmp(text.p + s[i].at, t.p + from, s[i].len) == 0,
                 "%s: %zu + %zu in document %zu, context %zu", what, (size_t)place[i].offset,
                 (size_t)hit_len[i], (size_t)place[i].doc, (size_t)context);
    }
    buf_free(&text);
}

/* ---- the corpora ---- */

static void check_index(const char *path, const struct naive_docs *d, rng_t *rng, const char *name)
{
    enum cpu_level level = (enum cpu_level)rand_below(rng, (size_t)cpu_detect() + 1);
    struct fm *fm = must_open(path, level);
    char what[100];

    snprintf(what, sizeof what, "%s, %s, %s, seed %d", name, path, cpu_name(level), SEED);
    check_whole(fm, d, false, 1, what);
    check_whole(fm, d, true, 2, what);
    check_random(fm, d, 1, 1, rng, what);
    check_random(fm, d, 63 + rand_below(rng, 4), 1, rng, what);
    check_random(fm, d, 400, 2, rng, what);
    check_reader(fm, d, what);
    for (unsigned i = 0; i < 3 && d->n; i++)
        check_snippets(fm, d, rng, what);
    fm_close(fm);
}

static void check_corpus(const struct corpus *c, rng_t *rng)
{
    struct naive_docs d = {0};

    c->make(&d, rng);
    write_jsonl("in.jsonl", &d, 0, d.n);
    for (size_t i = 0; i < 3; i++) {
        build("in.fmi", "in.jsonl", (unsigned[]){4, 125, 4096}[i], 1);
        check_index("in.fmi", &d, rng, c->name);
    }
    build_set("s", &d, rng);
    check_index("s.set", &d, rng, c->name);
    naive_free(&d);
}

/* ---- records and ids ---- */

static void record_is(struct fm_reader *r, uint64_t doc, bool meta, const char *want)
{
    struct buf out = {0};
    struct err e = {0};

    T_CHECKF(fm_reader_record(r, doc, meta, &out, &e) == 0, "%s", e.msg);
    T_CHECKF(out.len == strlen(want) && memcmp(out.p, want, out.len) == 0, "%.*s, not %s",
             (int)out.len, out.p, want);
    buf_free(&out);
}

static void id_is(struct fm_reader *r, uint64_t doc, const char *want)
{
    struct buf out = {0};
    struct err e = {0};

    T_CHECKF(fm_reader_id(r, doc, &out, &e) == 0, "%s", e.msg);
    T_CHECKF(out.len == strlen(want) && memcmp(out.p ? out.p : "", want, out.len) == 0,
             "%.*s, not %s", (int)out.len, out.p, want);
    buf_free(&out);
}

/* The documents with this id: `want` is a list that -1 ends. */
static void found_are(struct fm_reader *r, const char *id, const int *want)
{
    uint64_t *docs;
    struct err e = {0};
    int64_t n = fm_reader_find_id(r, id, strlen(id), &docs, &e);

    for (int64_t i = 0; i < n; i++)
        T_CHECKF(want[i] >= 0 && docs[i] == (uint64_t)want[i], "id %s", id);
    T_CHECKF(n >= 0 && want[n] == -1, "id %s: %d", id, (int)n);
    free(docs);
}

static void build_from(const char *index, const char *const *paths, size_t n,
                       struct fm_build_opts o)
{
    struct fm_build_report report;
    struct err e = {0};

    T_CHECKF(fm_build(index, paths, n, &o, &report, &e) == 0, "%s", e.msg);
}

static struct fm_reader *reader(const struct fm *fm)
{
    struct fm_reader *r;
    struct err e = {0};

    T_CHECK(fm_reader_new(&r, fm, &e) == 0);
    return r;
}

static void put(const char *name, const char *text)
{
    tmp_put(name, text, strlen(text));
}

static void test_records(enum text_rule rule)
{
    static const char *const paths[] = {"a.jsonl", "b.jsonl"};
    struct fm *fm;
    struct fm_reader *r;

    put("a.jsonl", "{\"id\":\"one\", \"text\" : \"A, b!\" , \"z\":[1, {\"text\":2}]}\n"
                   "\n"
                   "{\"text\":\"\\u0000\\\"\\\\ \",\"n\":1.50}\n"
                   "{\"id\":1.50,\"text\":\"\"}\n"
                   "{\"text\":\"caf\\u00e9\",\"id\":\"q\\\"\\u00e9\"}\n"
                   "{\"id\":\"\",\"text\":\"empty id\"}\n");
    put("b.jsonl", "{\"id\":\"one\",\"text\":\"again\"}\n"
                   "{\"id\":[\"one\"],\"text\":\"x\"}\n"
                   "{\"text\":\"y\"}\n");
    build_from("r.fmi", paths, 2, (struct fm_build_opts){.normalize = rule});
    fm = must_open("r.fmi", CPU_PORTABLE);
    r = reader(fm);
    record_is(r, 0, true, "{\"id\":\"one\", \"text\" : \"A, b!\" , \"z\":[1, {\"text\":2}]}");
    record_is(r, 0, false, "{\"id\":\"one\",\"text\":\"A, b!\"}");
    record_is(r, 1, true, "{\"text\":\"\\u0000\\\"\\\\ \",\"n\":1.50}");
    record_is(r, 1, false, "{\"id\":\"a.jsonl:3\",\"text\":\"\\u0000\\\"\\\\ \"}");
    record_is(r, 2, true, "{\"id\":1.50,\"text\":\"\"}");
    record_is(r, 3, true, "{\"text\":\"caf\xC3\xA9\",\"id\":\"q\\\"\\u00e9\"}");
    record_is(r, 3, false, "{\"id\":\"q\\\"\xC3\xA9\",\"text\":\"caf\xC3\xA9\"}");
    record_is(r, 4, false, "{\"id\":\"\",\"text\":\"empty id\"}");
    id_is(r, 6, "b.jsonl:2");
    id_is(r, 7, "b.jsonl:3");
    fm_reader_free(r);
    r = reader(fm); /* a fresh one: its buffers are not there yet */
    found_are(r, "", (int[]){4, -1});
    found_are(r, "one", (int[]){0, 5, -1});
    found_are(r, "1.50", (int[]){2, -1});
    found_are(r, "q\"\xC3\xA9", (int[]){3, -1});
    found_are(r, "a.jsonl:3", (int[]){1, -1});
    found_are(r, "a.jsonl:1", (int[]){-1}); /* has an id of its own */
    found_are(r, "a.jsonl:7", (int[]){-1});
    found_are(r, "b.jsonl:2", (int[]){6, -1});
    found_are(r, "none", (int[]){-1});
    fm_reader_free(r);
    fm_close(fm);
}

/* Many documents: several blocks of records, ids in any order of asking. */
static void test_many_records(void)
{
    enum { DOCS = 3000 };
    const char *path = "m.jsonl";
    struct buf b = {0};
    struct err e;
    struct fm *fm;
    struct fm_reader *r;
    rng_t rng = SEED;
    char id[40], want[200];

    for (unsigned i = 0; i < DOCS; i++)
        buf_printf(&b, &e, "{\"id\":\"d%u\",\"note\":\"%llx\",\"text\":\"text %u\"}\n", i / 2,
                   t_rand(&rng), i);
    tmp_put(path, b.p, b.len);
    build_from("m.fmi", &path, 1, (struct fm_build_opts){0});
    put("m.set", "sluice-set 1\nm.fmi\n\nm.fmi\n");
    fm = must_open("m.set", CPU_PORTABLE);
    T_CHECK(fm_docs(fm) == 2 * DOCS);
    r = reader(fm);
    for (unsigned k = 0; k < 500; k++) {
        int i = (int)rand_below(&rng, 2 * DOCS), j = i % DOCS;
        const char *line = b.p;
        snprintf(id, sizeof id, "d%d", j / 2);
        id_is(r, (uint64_t)i, id);
        if (k % 10)
            continue;
        found_are(r, id,
                  (int[]){j / 2 * 2, j / 2 * 2 + 1, DOCS + j / 2 * 2, DOCS + j / 2 * 2 + 1, -1});
        for (int l = 0; l < j; l++)
            line = strchr(line, '\n') + 1;
        snprintf(want, sizeof want, "%.*s", (int)(strchr(line, '\n') - line), line);
        record_is(r, (uint64_t)i, true, want);
    }
    fm_reader_free(r);
    fm_close(fm);
    buf_free(&b);
}

/* The other formats; field names of one's own. */
static void test_formats(void)
{
    static const char *const lines[] = {"l.txt", "m.txt"}, *const files[] = {"l.txt", "x.jsonl"};
    struct fm *fm;
    struct fm_reader *r;

    put("l.txt", "first\n\nthird");
    put("m.txt", "\xff\n");
    put("x.jsonl", "{\"url\":\"u\",\"body\":\"b\",\"id\":\"no\",\"text\":\"no\"}\n");
    build_from("l.fmi", lines, 2, (struct fm_build_opts){0});
    fm = must_open("l.fmi", CPU_PORTABLE);
    r = reader(fm);
    T_CHECK(fm_docs(fm) == 4 && fm_doc_bytes(fm, 1) == 0);
    id_is(r, 2, "l.txt:3");
    id_is(r, 3, "m.txt:1");
    record_is(r, 0, true, "{\"id\":\"l.txt:1\",\"text\":\"first\"}");
    record_is(r, 3, false, "{\"id\":\"m.txt:1\",\"text\":\"\xEF\xBF\xBD\"}");
    fm_reader_free(r);
    fm_close(fm);
    for (unsigned own = 0; own < 2; own++) {
        struct docs_opts d = {.format = DOCS_TEXT, .id_field = own ? "url" : NULL};
        build_from("t.fmi", files, 2, (struct fm_build_opts){.docs = d});
        fm = must_open("t.fmi", CPU_PORTABLE);
        r = reader(fm);
        id_is(r, 0, "l.txt");
        found_are(r, "x.jsonl", (int[]){1, -1});
        record_is(r, 0, false, "{\"id\":\"l.txt\",\"text\":\"first\\n\\nthird\"}");
        fm_reader_free(r);
        fm_close(fm);
    }
    build_from("f.fmi", &files[1], 1,
               (struct fm_build_opts){.docs = {.field = "body", .id_field = "url"}});
    fm = must_open("f.fmi", CPU_PORTABLE);
    r = reader(fm);
    found_are(r, "u", (int[]){0, -1});
    record_is(r, 0, true, "{\"url\":\"u\",\"body\":\"b\",\"id\":\"no\",\"text\":\"no\"}");
    fm_reader_free(r);
    fm_close(fm);
}

int main(void)
{
    rng_t rng = SEED;

    tmp_enter();
    for (size_t i = 0; i < CORPORA; i++)
        check_corpus(&corpora[i], &rng);
    test_records(TEXT_NONE);
    test_records(TEXT_GPT3);
    test_many_records();
    test_formats();
    tmp_leave();
    return t_done("fm_read");
}
