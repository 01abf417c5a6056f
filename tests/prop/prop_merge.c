/* prop_merge.c - an index merged, appended to, built in little memory or resumed is, byte for byte,
 * the index that one build makes of all documents. (That this one is right is for prop_fm.c.)
 */
#include "corpora.h"

#include <sys/wait.h>

#include "fm/set.h"

enum { SEED = 11, FILES = 3, PER_BYTE = 10, PER_DOC = 64 /* bytes of memory to sort one */ };

static const char *const inputs[FILES] = {"p0.jsonl", "p1.jsonl", "p2.jsonl"};
static const char *const indexes[FILES] = {"p0.fmi", "p1.fmi", "p2.fmi"};

/* ---- files ---- */

static struct buf slurp(const char *path)
{
    struct buf b = {0};
    struct err e;
    FILE *f = fopen(path, "rb");
    char part[4096];
    size_t n;

    while (f && (n = fread(part, 1, sizeof part, f)) > 0)
        buf_add(&b, part, n, &e);
    if (f)
        fclose(f);
    return b;
}

static bool same_bytes(const char *x, const char *y)
{
    struct buf a = slurp(x), b = slurp(y);
    bool same = a.len > 0 && a.len == b.len && memcmp(a.p, b.p, a.len) == 0;

    buf_free(&a);
    buf_free(&b);
    return same;
}

static bool there(const char *path)
{
    return access(path, F_OK) == 0;
}

/* Records with and without an id and other fields; ids repeat. */
static void write_records(const char *name, const struct naive_docs *d, size_t from, size_t to,
                          rng_t *rng)
{
    struct buf out = {0};
    struct err e;

    for (size_t i = from; i < to; i++) {
        size_t kind = rand_below(rng, 4);
        buf_adds(&out, "{", &e);
        if (kind & 1)
            buf_printf(&out, &e, "\"id\":\"d%zu\",", rand_below(rng, d->n));
        if (kind & 2)
            buf_printf(&out, &e, "\"url\":\"http://x/%zu\",", i);
        buf_adds(&out, "\"text\":\"", &e);
        add_json(&out, d->doc[i]);
        buf_adds(&out, "\"}\n", &e);
        if (rand_below(rng, 10) == 0)
            buf_adds(&out, "\n", &e); /* a blank line: a new run of places */
    }
    tmp_put(name, out.p ? out.p : "", out.len);
    buf_free(&out);
}

/* The documents in three files, cut at random places; a file may be empty. */
static void write_inputs(const struct naive_docs *d, rng_t *rng)
{
    size_t x = rand_below(rng, d->n + 1), y = rand_below(rng, d->n + 1);
    size_t cut[FILES + 1] = {0, x < y ? x : y, x < y ? y : x, d->n};

    for (size_t i = 0; i < FILES; i++)
        write_records(inputs[i], d, cut[i], cut[i + 1], rng);
}

/* ---- ways to the same index ---- */

static int build_from(const char *index, const char *const *in, size_t n,
                      const struct fm_build_opts *o, struct err *e)
{
    struct fm_build_report report;

    *e = (struct err){0};
    return fm_build(index, in, n, o, &report, e);
}

static void must_build(const char *index, const char *const *in, size_t n,
                       const struct fm_build_opts *o)
{
    struct err e;

    T_CHECKF(build_from(index, in, n, o, &e) == 0, "%s: %s", index, e.msg);
    T_CHECKF(e.code == 0 || !there(index), "%s", index);
}

static void is_reference(const char *index, const char *how, const char *what)
{
    char parts[64];

    snprintf(parts, sizeof parts, "%s.parts", index);
    T_CHECKF(same_bytes("all.fmi", index), "%s: %s", what, how);
    T_CHECKF(!there(parts), "%s: %s: the parts are left", what, how);
    remove(index);
}

static int merge_to(const char *index, const char *const *in, size_t n, enum fm_layout layout,
                    int threads, struct err *e)
{
    struct fm_merge_opts o = {.threads = threads, .layout = layout};

    *e = (struct err){0};
    return fm_merge(index, in, n, &o, e);
}

static void check_merge(const struct fm_build_opts *o, const char *what)
{
    struct err e;

    for (size_t i = 0; i < FILES; i++)
        must_build(indexes[i], &inputs[i], 1, o);
    T_CHECKF(merge_to("m.fmi", indexes, FILES, FM_LAYOUT_DEFAULT, o->threads, &e) == 0, "%s: %s",
             what, e.msg);
    is_reference("m.fmi", "merged", what);
    T_CHECKF(merge_to("m.fmi", (const char *[]){"all.fmi"}, 1, FM_LAYOUT_DEFAULT, 1, &e) == 0, "%s",
             e.msg);
    is_reference("m.fmi", "one alone", what);
    tmp_put("s.set", "sluice-set 1\np1.fmi\np2.fmi\n", 27);
    T_CHECKF(merge_to("m.fmi", (const char *[]){"p0.fmi", "s.set"}, 2, FM_LAYOUT_DEFAULT, 3, &e) ==
                 0,
             "%s: %s", what, e.msg);
    is_reference("m.fmi", "a set merged", what);
}

static void check_append(const struct fm_build_opts *o, const char *what)
{
    struct fm_build_opts more = *o;

    must_build("m.fmi", inputs, 1, o);
    more.append = "m.fmi";
    more.rate = 0; /* as the index has it */
    more.normalize = TEXT_NONE;
    more.layout = FM_LAYOUT_DEFAULT;
    must_build("m.fmi", inputs + 1, 2, &more);
    is_reference("m.fmi", "appended", what);
}

/* The bound that lets `docs` documents of average length be sorted at once, and the longest one. */
static uint64_t bound_for(const struct naive_docs *d, size_t docs)
{
    uint64_t most = d->bytes * docs / (d->n + 1);

    for (size_t i = 0; i < d->n; i++)
        most = d->doc[i].len > most ? d->doc[i].len : most;
    return ((most + 8) * PER_BYTE + docs * PER_DOC) * 4 / 3 + 16;
}

static void check_bounded(const struct naive_docs *d, const struct fm_build_opts *o,
                          const char *what)
{
    static const size_t docs[] = {4, 20};
    struct fm_build_opts little = *o;

    for (size_t i = 0; i < sizeof docs / sizeof *docs; i++) {
        little.memory_bytes = bound_for(d, docs[i]);
        must_build("m.fmi", inputs, FILES, &little);
        is_reference("m.fmi", "in little memory", what);
    }
}

/* ---- interrupted builds ---- */

static void stop_soon(void *ctx, const char *phase, uint64_t done, uint64_t total)
{
    int *left = ctx;

    (void)phase, (void)done, (void)total;
    if ((*left)-- == 0)
        _exit(9);
}

/* The build in a process of its own, that ends at the n-th report of progress; true if it did. */
static bool interrupted(const struct fm_build_opts *o, int n)
{
    struct fm_build_opts mine = *o;
    struct err e;
    int status = 0;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        mine.threads = 1; /* the parent's threads are not the child's */
        mine.progress = stop_soon;
        mine.progress_ctx = &n;
        _exit(build_from("m.fmi", inputs, FILES, &mine, &e) == 0 ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 9;
}

static void check_resume(const struct naive_docs *d, const struct fm_build_opts *o, rng_t *rng,
                         const char *what)
{
    struct fm_build_opts little = *o, again;

    little.memory_bytes = bound_for(d, 5);
    for (int trial = 0; trial < 2; trial++) {
        int reports = 0;
        while (interrupted(&little, (int)rand_below(rng, 12)) && reports++ < 3)
            T_CHECKF(!there("m.fmi"), "%s: an interrupted build has written the index", what);
        again = little;
        again.resume = trial == 0;
        again.memory_bytes = bound_for(d, 4 + rand_below(rng, 9));
        must_build("m.fmi", inputs, FILES, &again);
        is_reference("m.fmi", again.resume ? "resumed" : "begun anew", what);
    }
}

/* An interrupted build that goes on in several more runs, each interrupted too. */
static int check_resume_often(const struct naive_docs *d, const struct fm_build_opts *o,
                              const char *what)
{
    struct fm_build_opts little = *o;
    int runs = 0;

    little.memory_bytes = bound_for(d, d->n / 8);
    little.resume = true;
    while (runs < 200 && interrupted(&little, 8))
        runs++;
    is_reference("m.fmi", "resumed again and again", what);
    return runs;
}

/* ---- corpora ---- */

static void check_all(const struct naive_docs *d, const struct fm_build_opts *o, rng_t *rng,
                      const char *what)
{
    write_inputs(d, rng);
    must_build("all.fmi", inputs, FILES, o);
    check_merge(o, what);
    check_append(o, what);
    check_bounded(d, o, what);
}

static int check_corpus(const struct corpus *c, rng_t *rng)
{
    struct naive_docs d = {0};
    struct fm_build_opts o = {.threads = 1 + (int)rand_below(rng, 2)};
    int runs = 0;

    c->make(&d, rng);
    o.rate = (unsigned[]){4, 60, 4096}[rand_below(rng, 3)];
    o.layout = rand_below(rng, 2) ? FM_LAYOUT_FAST : FM_LAYOUT_SMALL;
    o.normalize = rand_below(rng, 3) ? TEXT_NONE : TEXT_GPT3;
    check_all(&d, &o, rng, c->name);
    if (d.n > 8 && rand_below(rng, 2)) {
        check_resume(&d, &o, rng, c->name);
        runs = check_resume_often(&d, &o, c->name);
    }
    naive_free(&d);
    return runs;
}

/* ---- documents that are walked in stretches ---- */

static void add_random(struct buf *b, size_t values, size_t len, rng_t *rng)
{
    struct err e;

    for (size_t i = 0; i < len; i++)
        buf_addc(b, (char)('a' + rand_below(rng, values)), &e);
}

static void add_repeated(struct buf *b, const char *p, size_t len, size_t times)
{
    struct err e;

    for (size_t i = 0; i < times; i++)
        buf_add(b, p, len, &e);
}

/* What merging takes lies in memory, in files, or, as it grows, first here and then there. */
static void check_merge_bounds(const char *what)
{
    static const uint64_t bounds[] = {1, 200 << 10, 500 << 10, 900 << 10, 4 << 20};
    struct err e = {0};

    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        struct fm_merge_opts o = {.threads = 2, .memory_bytes = bounds[i]};
        T_CHECKF(fm_merge("m.fmi", indexes, FILES, &o, &e) == 0, "%s: %s", what, e.msg);
        is_reference("m.fmi", "merged within a bound", what);
    }
}

/* Long texts: random, periods, and copies of what stands in an earlier document, so that a walk's
 * rank stays unknown through many stretches. */
static void test_long(rng_t *rng)
{
    struct fm_build_opts o = {.threads = 2};
    struct naive_docs d = {0};
    struct buf b = {0};
    struct err e;

    add_random(&b, 4, 150000, rng);
    naive_add(&d, b.p, b.len);
    naive_add(&d, b.p, 70000);
    naive_add(&d, b.p + 5, 140000);
    naive_add(&d, "short", 5);
    if (buf_reserve(&b, 100000, &e) == 0) /* so that it may be copied into itself */
        buf_add(&b, b.p + 1000, 100000, &e);
    naive_add(&d, b.p, b.len);
    b.len = 0;
    add_repeated(&b, "a", 1, 100000);
    naive_add(&d, b.p, b.len);
    add_repeated(&b, "ab", 2, 50000);
    naive_add(&d, b.p, b.len);
    naive_add(&d, b.p + 1, b.len - 1);
    b.len = 0;
    add_random(&b, 20, 131072, rng);
    naive_add(&d, b.p, b.len);
    for (int trial = 0; trial < 3; trial++) {
        o.rate = (unsigned[]){64, 9, 4096}[trial];
        check_all(&d, &o, rng, "long documents");
        check_merge_bounds("long documents");
    }
    buf_free(&b);
    naive_free(&d);
}

/* ---- shards of one file ---- */

static uint64_t runs_of(const char *index)
{
    struct fm *fm = must_open(index, cpu_detect());
    uint64_t runs = fm->shard[0]->head.runs;

    fm_close(fm);
    return runs;
}

/* Documents on consecutive lines are one run, across the border of two shards too. */
static void test_places(rng_t *rng)
{
    struct fm_build_opts o = {.docs.shards = 3};
    const char *const in = "all.jsonl";
    struct naive_docs d = {0};
    struct err e;

    make_affixes(&d, rng);
    write_jsonl(in, &d, 0, d.n);
    must_build("all.fmi", &in, 1, &(struct fm_build_opts){0});
    T_CHECK(runs_of("all.fmi") == 1);
    for (; o.docs.shard < 3; o.docs.shard++) {
        must_build(indexes[o.docs.shard], &in, 1, &o);
        T_CHECK(runs_of(indexes[o.docs.shard]) == 1);
    }
    T_CHECKF(merge_to("m.fmi", indexes, FILES, FM_LAYOUT_DEFAULT, 1, &e) == 0, "%s", e.msg);
    is_reference("m.fmi", "shards merged", "affixes");
    naive_free(&d);
}

/* ---- what cannot be merged or resumed ---- */

static void refused(int rc, const struct err *e, const char *part)
{
    T_CHECKF(rc == ERR_INPUT && strstr(e->msg, part), "%d: %s", rc, e->msg);
}

static void test_refusals(void)
{
    static const char line[] = "{\"text\":\"t\",\"body\":\"b\"}\n";
    const char *const in = "r.jsonl", *const both[2] = {"r.fmi", "q.fmi"};
    const struct {
        struct fm_build_opts o;
        const char *name;
    } other[] = {{{.rate = 37}, "--sample-rate"},
                 {{.normalize = TEXT_GPT3}, "--normalize"},
                 {{.docs.field = "body"}, "--field"},
                 {{.docs.id_field = "body"}, "--id-field"}};
    struct fm_build_opts o = {0};
    struct err e;
    int rc;

    tmp_put(in, line, sizeof line - 1);
    must_build("r.fmi", &in, 1, &o);
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        must_build("q.fmi", &in, 1, &other[i].o);
        rc = merge_to("m.fmi", both, 2, FM_LAYOUT_DEFAULT, 1, &e);
        refused(rc, &e, other[i].name);
        o = other[i].o;
        o.append = "r.fmi";
        rc = build_from("m.fmi", &in, 1, &o, &e);
        refused(rc, &e, "other options");
        T_CHECK(!there("m.fmi") && !there("m.fmi.parts"));
    }
}

static void test_other_state(rng_t *rng)
{
    struct fm_build_opts o = {.rate = 16};
    struct naive_docs d = {0};
    struct err e;
    int rc;

    make_affixes(&d, rng);
    write_inputs(&d, rng);
    o.memory_bytes = bound_for(&d, 30);
    for (int n = 4; n < 40 && !there("m.fmi.parts/000000-000000.fmi"); n++)
        T_CHECK(interrupted(&o, n));
    T_CHECK(there("m.fmi.parts/000000-000000.fmi"));
    T_CHECK(there("m.fmi.parts/state"));
    o.resume = true;
    o.rate = 37;
    rc = build_from("m.fmi", inputs, FILES, &o, &e);
    refused(rc, &e, "other inputs or options");
    o.rate = 16;
    rc = build_from("m.fmi", inputs, 1, &o, &e);
    refused(rc, &e, "other inputs or options");
    rc = build_from("m.fmi", (const char *[]){"-"}, 1, &o, &e);
    T_CHECK(rc == ERR_USAGE);
    T_CHECK(there("m.fmi.parts/state"));
    o.memory_bytes = bound_for(&d, 90);
    must_build("all.fmi", inputs, FILES, &(struct fm_build_opts){.rate = 16});
    must_build("m.fmi", inputs, FILES, &o);
    is_reference("m.fmi", "resumed after refusals", "affixes");
    o.memory_bytes = 100;
    rc = build_from("m.fmi", inputs, FILES, &o, &e);
    refused(rc, &e, "more than --memory allows");
    naive_free(&d);
}

int main(void)
{
    rng_t rng = SEED;
    int runs = 0;

    tmp_enter();
    for (size_t i = 0; i < CORPORA; i++)
        runs += check_corpus(&corpora[i], &rng);
    T_CHECKF(runs > 10, "%d runs were interrupted, too few to be a test", runs);
    test_long(&rng);
    test_places(&rng);
    test_refusals();
    test_other_state(&rng);
    tmp_leave();
    return t_done("merge");
}
