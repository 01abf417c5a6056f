/* test_report.c - lib/fm/report*.c: pages about hostile entries stay pages (every tag closed, no
 * tag that is not the page's own, one line an entry in Markdown), they say what they must, and what
 * is shown of a long entry is right for random texts and matches.
 */
#include "t.h"

#include "base/utf8.h"
#include "fm/report_int.h"

static const struct fm_contam_opts opts = {FM_WINDOW, 50, 13, 0.8, 0.2, false, 0};

enum { MAX_ENTRIES = 64 };

struct fixture {
    struct fm_report_entry entry[MAX_ENTRIES];
    struct fm_verdict verdict[MAX_ENTRIES];
    size_t n;
};

static struct fm_text text_of(const char *s)
{
    return (struct fm_text){s, strlen(s)};
}

static void add_entry(struct fixture *f, struct fm_text id, struct fm_text text, double share,
                      uint64_t offset, uint64_t len)
{
    struct fm_verdict *v = &f->verdict[f->n];
    enum fm_label label = share >= 0.8 ? FM_DIRTY : share >= 0.2 ? FM_SUSPICIOUS : FM_CLEAN;

    *v = (struct fm_verdict){share, label, 10, (uint64_t)(share * 10), {offset, len, 3, 7}};
    f->entry[f->n++] = (struct fm_report_entry){id, text, v, text_of("doc<7>")};
}

static struct fm_report report_on(const struct fm_report_bench *bench, size_t n)
{
    return (struct fm_report){bench, n, "corpus.fm", 12, 34567, &opts, TEXT_NONE, FM_REPORT_WORST};
}

/* ---- the page as a reader sees it ---- */

/* The name of the tag at p ("/mark", "div"): up to a space or '>'. */
static void tag_name(const char *p, char name[16])
{
    size_t n = strcspn(p + 1, " >\n");

    n = n < 15 ? n : 15;
    memcpy(name, p + 1, n);
    name[n] = 0;
}

static int is_void_tag(const char *name)
{
    return strcmp(name, "meta") == 0 || strcmp(name, "!doctype") == 0;
}

static int is_own_tag(const char *name)
{
    static const char *const own =
        " !doctype html head meta title style body main header p h1 h2 h3 b dl dt dd div i section "
        "figure figcaption span ol li blockquote mark code footer ";
    char padded[24];

    snprintf(padded, sizeof padded, " %s ", name);
    return strstr(own, padded) != NULL;
}

/* Closes every tag it opens, in order, and opens none that is not the page's own. */
static int is_balanced(const char *p)
{
    char stack[32][16];
    size_t depth = 0;

    for (p = strchr(p, '<'); p; p = strchr(p + 1, '<')) {
        char name[16];
        tag_name(p, name);
        if (name[0] == '/') {
            if (depth == 0 || strcmp(stack[--depth], name + 1) != 0)
                return 0;
        } else if (!is_own_tag(name) || depth == 32) {
            return 0;
        } else if (!is_void_tag(name)) {
            strcpy(stack[depth++], name);
        }
    }
    return depth == 0;
}

static char *page(int (*make)(const struct fm_report *, struct buf *, struct err *),
                  const struct fm_report *r)
{
    struct buf b = {0}, again = {0};
    struct err e = {0};

    T_CHECK(make(r, &b, &e) == 0 && make(r, &again, &e) == 0);
    T_CHECK(b.len == again.len && memcmp(b.p, again.p, b.len) == 0);
    T_CHECK(utf8_valid(b.p, b.len));
    T_CHECK(!memchr(b.p, 0, b.len));
    T_CHECK(buf_addc(&b, 0, &e) == 0);
    buf_free(&again);
    return b.p;
}

static char *html(const struct fm_report *r)
{
    char *p = page(fm_report_html, r);

    T_CHECKF(is_balanced(p), "%s", strstr(p, "<main>"));
    T_CHECK(strncmp(p, "<!doctype html>\n", 16) == 0);
    T_CHECK(!strstr(p, "src=") && !strstr(p, "href=") && !strstr(p, "url("));
    return p;
}

static size_t occurrences(const char *p, const char *what)
{
    size_t n = 0;

    for (p = strstr(p, what); p; p = strstr(p + 1, what))
        n++;
    return n;
}

/* ---- tests ---- */

static void test_checker(void)
{
    T_CHECK(is_balanced("<p><b>x</b></p>"));
    T_CHECK(!is_balanced("<p><b>x</p></b>"));
    T_CHECK(!is_balanced("<p>"));
    T_CHECK(!is_balanced("</p>"));
    T_CHECK(!is_balanced("<script></script>"));
}

static void test_hostile(void)
{
    static const char evil[] = "</mark></blockquote><script>alert(1)</script>|`*_\0\xFF\xC3"
                               "\r\n\n# head @you $5 https://x.example \xE2\x80\xAE";
    static const struct fm_text text = {evil, sizeof evil - 1};
    struct fixture f = {.n = 0};
    struct fm_report_bench bench[2] = {{"</title>\"'<i>\n|\xFF", NULL, 0}, {"b", NULL, 0}};
    struct fm_report r = report_on(bench, 2);
    char *p;

    add_entry(&f, text, text, 1.0, 3, 20);
    add_entry(&f, text, text, 0.5, 0, sizeof evil - 1);
    f.entry[1].doc_id = text;
    bench[0] = (struct fm_report_bench){bench[0].name, f.entry, f.n};
    bench[1] = (struct fm_report_bench){evil, f.entry, f.n};
    r.corpus = evil;
    p = html(&r);
    T_CHECK(strstr(p, "&lt;/m<mark>ark&gt;&lt;/blockquote&gt;&lt;sc</mark>ript&gt;") != NULL);
    free(p);
    p = page(fm_report_markdown, &r);
    T_CHECK(!strstr(p, "<script") && !strstr(p, "</blockquote") && !strstr(p, "https:"));
    T_CHECK(occurrences(p, "\n> ") == 4);
    T_CHECK(occurrences(p, "<mark>") == 4 && occurrences(p, "</mark>") == 4);
    T_CHECK(strstr(p, "> &lt;/m<mark>ark&gt;&lt;/blockquote&gt;&lt;sc</mark>ript&gt;") != NULL);
    free(p);
}

static void check_headline(const struct fixture *f, const char *want)
{
    struct fm_report_bench bench = {"bench.jsonl", f->entry, f->n};
    struct fm_report r = report_on(&bench, 1);
    char line[128], *p = html(&r);

    snprintf(line, sizeof line, "<h1>%s</h1>", want);
    T_CHECKF(strstr(p, line) != NULL, "%s", want);
    free(p);
    snprintf(line, sizeof line, "# %s\n\n", want);
    p = page(fm_report_markdown, &r);
    T_CHECKF(strncmp(p, line, strlen(line)) == 0, "%s", want);
    free(p);
}

static void test_headlines(void)
{
    struct fm_text t = text_of("How many eggs?");
    struct fixture f = {.n = 0};

    check_headline(&f, "There are no entries to judge");
    add_entry(&f, text_of("1"), t, 0.5, 4, 4);
    check_headline(&f, "The only entry is suspicious");
    add_entry(&f, text_of("2"), t, 0, 4, 0);
    check_headline(&f, "Not one of 2 entries is dirty");
    add_entry(&f, text_of("3"), t, 0.8, 0, 14);
    check_headline(&f, "1 of 3 entries is dirty");
    add_entry(&f, text_of("4"), t, 1, 0, 14);
    check_headline(&f, "2 of 4 entries are dirty");
    f.n = 0;
    add_entry(&f, text_of("1"), t, 1, 0, 14);
    add_entry(&f, text_of("2"), t, 1, 0, 14);
    check_headline(&f, "All 2 entries are dirty");
}

static void test_nothing(void)
{
    struct fm_report r = report_on(NULL, 0);
    char *p = html(&r);

    T_CHECK(strstr(p, "There are no entries") && !strstr(p, "<mark>"));
    free(p);
    p = page(fm_report_markdown, &r);
    T_CHECK(strstr(p, "There are no entries") && !strstr(p, "<mark>"));
    free(p);
}

static void test_counts(void)
{
    struct fixture f = {.n = 0};
    struct fm_report_bench bench = {"bench.jsonl", f.entry, 0};
    struct fm_report r = report_on(&bench, 1);
    struct report_tally t;
    char *p;

    for (size_t i = 0; i < 11; i++)
        add_entry(&f, text_of("id"), text_of("a b c"), (double)i / 10, 2, i % 2);
    bench.n = f.n;
    t = report_tally_all(&r);
    T_CHECK(t.n == 11 && t.label[FM_DIRTY] == 3 && t.label[FM_SUSPICIOUS] == 6);
    for (size_t i = 0; i < REPORT_BINS; i++)
        T_CHECKF(report_bin(&t, i) == (i == 9 ? 2 : 1), "bin %zu", i);
    T_CHECK(t.bin[9][FM_DIRTY] == 2 && t.bin[2][FM_SUSPICIOUS] == 1 && t.bin[1][FM_CLEAN] == 1);
    p = html(&r);
    T_CHECK(strstr(p, "aria-label=\"3 dirty, 6 suspicious, 2 clean\"") != NULL);
    T_CHECK(strstr(p, "<dd class=\"n\">3</dd><dd class=\"p\">27.3%</dd>") != NULL);
    T_CHECK(strstr(p, "windows of 50 characters") && strstr(p, "34,567 bytes"));
    T_CHECK(strstr(p, "in document <code>doc&lt;7&gt;</code>") != NULL);
    T_CHECK(occurrences(p, "<mark>b</mark>") == 5);
    free(p);
}

/* The bar of squares in Markdown: always 25, and one at least of each label that occurs. */
static void test_squares(void)
{
    static const size_t cases[][6] = {
        {1, 1, 30, 1, 1, 23}, {10, 10, 10, 8, 8, 9}, {0, 0, 5, 0, 0, 25}, {3, 0, 1, 19, 0, 6}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const size_t *c = cases[i];
        struct fixture f = {.n = 0};
        struct fm_report_bench bench = {"bench.jsonl", f.entry, c[0] + c[1] + c[2]};
        struct fm_report r = report_on(&bench, 1);
        char *p, *end;
        for (size_t k = 0; k < bench.n; k++)
            add_entry(&f, text_of("id"), text_of("x"),
                      k < c[0]          ? 1
                      : k < c[0] + c[1] ? 0.5
                                        : 0,
                      0, 0);
        p = page(fm_report_markdown, &r);
        end = strstr(p, "**");
        if (end)
            *end = 0; /* the bar and the first square of the counts */
        T_CHECKF(occurrences(p, "\xF0\x9F\x9F\xA5") == c[3] + 1, "case %zu", i);
        T_CHECKF(occurrences(p, "\xF0\x9F\x9F\xA8") == c[4], "case %zu", i);
        T_CHECKF(occurrences(p, "\xF0\x9F\x9F\xA9") == c[5], "case %zu", i);
        free(p);
    }
}

static void test_numbers(void)
{
    T_CHECK(strcmp(report_count(0).s, "0") == 0 && strcmp(report_count(999).s, "999") == 0);
    T_CHECK(strcmp(report_count(1000).s, "1,000") == 0);
    T_CHECK(strcmp(report_count(UINT64_MAX).s, "18,446,744,073,709,551,615") == 0);
    T_CHECK(strcmp(report_share(0.8).s, "80%") == 0 && strcmp(report_share(0).s, "0%") == 0);
    T_CHECK(strcmp(report_part(1, 3).s, "33.3%") == 0 && strcmp(report_part(0, 0).s, "0%") == 0);
    T_CHECK(strcmp(report_part(30, 1483).s, "2.0%") == 0);
    T_CHECK(strcmp(report_part(1, 5000).s, "under 0.1%") == 0);
    T_CHECK(strcmp(report_part(4999, 5000).s, "over 99.9%") == 0);
    T_CHECK(strcmp(report_share(1.5).s, "100%") == 0);
    T_CHECK(report_log(0, 9, 40) == 0 && report_log(9, 9, 40) == 40 && report_log(0, 0, 40) == 0);
    T_CHECK(report_log(1, 1000000, 40) >= 1);
}

static void test_worst(void)
{
    static const double share[] = {0.1, 1, 0, 1, 0, 1};
    static const uint64_t len[] = {3, 4, 0, 9, 2, 4};
    static const struct fm_report_ref want[] = {{1, 0}, {0, 1}, {1, 2}, {0, 0}, {1, 1}};
    struct fixture f = {.n = 0};
    struct fm_report_bench bench[2] = {{"a", f.entry, 3}, {"b", f.entry + 3, 3}};
    struct fm_report r = report_on(bench, 2);
    struct fm_report_ref *ref = NULL;
    struct err e = {0};
    size_t n = 0;

    for (size_t i = 0; i < 6; i++)
        add_entry(&f, text_of("id"), text_of("some text"), share[i], 0, len[i]);
    for (r.worst = 0; r.worst < 8; r.worst++) {
        T_CHECK(fm_report_worst(&r, &ref, &n, &e) == 0);
        T_CHECK(n == (r.worst < 5 ? r.worst : 5));
        for (size_t i = 0; i < n; i++)
            T_CHECKF(ref[i].bench == want[i].bench && ref[i].entry == want[i].entry, "%zu", i);
        free(ref);
    }
}

/* ---- what is shown of an entry, for random ones ---- */

static size_t random_text(unsigned long long *seed, char *p, size_t pieces)
{
    static const char *const piece[] = {"a",        "bc ",     "\n", "\xC3\xA9", "\xF0\x9F\x98\x80",
                                        "\xE2\x82", "longword"};
    size_t len = 0, kinds = 1 + t_rand(seed) % 7;

    for (size_t i = 0; i < pieces; i++) {
        const char *s = piece[t_rand(seed) % kinds];
        memcpy(p + len, s, strlen(s));
        len += strlen(s);
    }
    return len;
}

static int is_boundary(struct fm_text t, size_t at)
{
    return at <= t.len && utf8_floor(t.p, t.len, at) == at;
}

static void check_cut(struct fm_text t, struct fm_match m, unsigned long long i)
{
    struct report_cut c = report_cut(t, &m);
    const size_t at[] = {0, c.from, c.mark_from, c.gap_from, c.gap_to, c.mark_to, c.to, t.len};
    size_t to = m.offset + m.len < t.len ? (size_t)(m.offset + m.len) : t.len;

    for (size_t k = 0; k + 1 < sizeof at / sizeof *at; k++)
        T_CHECKF(at[k] <= at[k + 1] && is_boundary(t, at[k]), "seed %llu, place %zu", i, k);
    T_CHECKF(c.to - c.from - (c.gap_to - c.gap_from) <= 1300, "seed %llu: too long", i);
    T_CHECKF(c.mark_from == c.mark_to || (c.mark_from >= m.offset && c.mark_to <= to),
             "seed %llu: more is marked than matches", i);
    if (t.len <= 900)
        T_CHECKF(!c.cut_front && !c.cut_back && c.gap_from == c.gap_to, "seed %llu: cut", i);
    if (to > m.offset + 8 && !strchr(" \n", t.p[m.offset]) && !strchr(" \n", t.p[to - 1]))
        T_CHECKF(c.mark_from < m.offset + 4 && c.mark_to + 4 > to, "seed %llu: not marked", i);
    for (size_t k = 0; k < t.len && !c.cut_front && k < c.from; k++)
        T_CHECKF(strchr(" \n", t.p[k]), "seed %llu: lost", i);
    for (size_t k = c.to; k < t.len && !c.cut_back; k++)
        T_CHECKF(strchr(" \n", t.p[k]), "seed %llu: lost", i);
}

static void test_cuts(void)
{
    static char p[40000];

    for (unsigned long long i = 1; i <= 3000; i++) {
        unsigned long long seed = i * 7919;
        struct fm_text t = {p, random_text(&seed, p, t_rand(&seed) % (i % 3 ? 100 : 5000))};
        struct fm_match m = {t_rand(&seed) % (t.len + 1), t_rand(&seed) % (t.len + 1), 1, 0};
        check_cut(t, m, i);
        m.len %= 60;
        check_cut(t, m, i);
    }
    check_cut((struct fm_text){p, 100}, (struct fm_match){200, 300, 1, 0}, 0);
    check_cut((struct fm_text){NULL, 0}, (struct fm_match){0}, 0);
}

/* A long entry on a page: what is left out is said, and the page is still whole. */
static void test_long_entry(void)
{
    static char p[40000];
    unsigned long long seed = 5;
    struct fm_text t = {p, random_text(&seed, p, 5000)};
    struct fixture f = {.n = 0};
    struct fm_report_bench bench = {"bench.jsonl", f.entry, 1};
    struct fm_report r = report_on(&bench, 1);
    char *s;

    add_entry(&f, text_of("long"), t, 1, 2000, 3000);
    s = html(&r);
    T_CHECK(strstr(s, "characters left out]") && occurrences(s, ELLIPSIS) == 2);
    T_CHECK(strstr(s, "<mark>") && strlen(strstr(s, "<mark>")) < 6000);
    free(s);
    s = page(fm_report_markdown, &r);
    T_CHECK(strstr(s, "characters left out\\]") && occurrences(s, ELLIPSIS) == 2);
    free(s);
}

static void test_methods(void)
{
    static const char *const want[] = {"windows of 50 characters", "windows of 13 words",
                                       "length of its longest match"};
    struct fm_contam_opts o = opts;
    struct fm_report r = report_on(NULL, 0);

    r.opts = &o;
    for (int m = FM_WINDOW; m <= FM_LONGEST; m++) {
        for (int rule = TEXT_NONE; rule <= TEXT_GPT3; rule++) {
            char *p;
            o.method = (enum fm_method)m;
            r.rule = (enum text_rule)rule;
            p = html(&r);
            T_CHECK(strstr(p, want[m]) != NULL);
            T_CHECK(strstr(p, rule == TEXT_NONE ? "verbatim" : "lower case") != NULL);
            T_CHECK(strstr(p, "from 80% on") && strstr(p, "from 20% on suspicious"));
            free(p);
        }
    }
}

int main(void)
{
    test_checker();
    test_hostile();
    test_headlines();
    test_nothing();
    test_counts();
    test_squares();
    test_numbers();
    test_worst();
    test_cuts();
    test_long_entry();
    test_methods();
    return t_done("report");
}
