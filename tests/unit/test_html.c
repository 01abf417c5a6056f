/* test_html.c - lib/base/html.c: cases by hand; then random bytes, whose HTML is read back with a
 * small decoder and compared with what a decoder of code points says must be shown.
 */
#include "t.h"

#include "base/html.h"
#include "base/utf8.h"

static void check_one(int (*add)(struct buf *, const char *, size_t, struct err *), const char *in,
                      size_t len, const char *want)
{
    struct buf b = {0};
    struct err e = {0};

    T_CHECK(buf_adds(&b, "x", &e) == 0 && add(&b, in, len, &e) == 0 && buf_addc(&b, 0, &e) == 0);
    T_CHECKF(strcmp(b.p + 1, want) == 0, "'%s' is not '%s'", b.p + 1, want);
    buf_free(&b);
}

#define HTML(in, want)     check_one(html_add, in, sizeof(in) - 1, want)
#define MARKDOWN(in, want) check_one(html_add_markdown, in, sizeof(in) - 1, want)

#define BAD "\xEF\xBF\xBD"

static void test_html_cases(void)
{
    HTML("", "");
    HTML("plain", "plain");
    HTML("</mark><script>alert('x')</script>",
         "&lt;/mark&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;");
    HTML("a & b &amp; \"c\"", "a &amp; b &amp;amp; &quot;c&quot;");
    HTML("tab\tline\nend", "tab\tline\nend");
    HTML("a\r\nb\rc\r", "a\nb\nc\n");
    HTML("nul\0del\x7F"
         "esc\x1B",
         "nul\xE2\x90\x80"
         "del\xE2\x90\xA1"
         "esc\xE2\x90\x9B");
    HTML("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
    HTML("\xFF\xC3", BAD BAD);
    HTML("\xE2\x82", BAD BAD);
    HTML("\xC0\xBC\xED\xA0\x80", BAD BAD BAD BAD BAD); /* overlong '<', a surrogate */
    HTML("\xC2\x85\xC2\xA0", BAD "\xC2\xA0");
    HTML("\xE2\x80\xAE\xE2\x81\xA6\xE2\x80\x8F", BAD BAD "\xE2\x80\x8F");
    HTML("\xEF\xBF\xBE\xEF\xBF\xBD", BAD BAD);
}

static void test_markdown_cases(void)
{
    MARKDOWN("", "");
    MARKDOWN("a|b `c` *d* _e_ ~f~ [g](h)", "a\\|b \\`c\\` \\*d\\* \\_e\\_ \\~f\\~ \\[g\\](h)");
    MARKDOWN("</mark><b>&", "&lt;/mark&gt;&lt;b&gt;&amp;");
    MARKDOWN("a\nb\r\n\r\nc", "a<br>b<br><br>c");
    MARKDOWN("- a - b", "\\- a - b");
    MARKDOWN("1. a 2) b", "1\\. a 2\\) b");
    MARKDOWN("# a", "<span>#</span> a");
    MARKDOWN("    code", "&#32;&nbsp;&nbsp;&nbsp;code");
    MARKDOWN("a \tb", "a &nbsp;b");
    MARKDOWN("@you $5 at 10:00: see https://x www.y",
             "<span>@</span>you <span>$</span>5 at 10<span>:</span>00: see https<span>:</span>//x "
             "www\\.y");
    MARKDOWN("back\\slash", "back\\\\slash");
    MARKDOWN("\0\xFF\"'", "\xE2\x90\x80" BAD "\"'");
}

/* ---- random bytes ---- */

static unsigned long decode(const unsigned char *p, size_t n)
{
    unsigned long c = n == 1 ? p[0] : p[0] & (0xFFU >> (n + 1));

    for (size_t i = 1; i < n; i++)
        c = c * 64 + (p[i] & 63);
    return n == 1 && c >= 0x80 ? 0xFFFD : c;
}

static unsigned long must_show(unsigned long c)
{
    if ((c >= 0x80 && c < 0xA0) || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) ||
        c == 0xFFFE || c == 0xFFFF)
        return 0xFFFD;
    if (c == 0x7F)
        return 0x2421;
    return c < 0x20 && c != '\t' && c != '\n' ? 0x2400 + c : c;
}

/* The next character of HTML that has no tags; 0 for what must not be there. */
static unsigned long next_shown(const char *p, size_t len, size_t *at)
{
    static const struct {
        const char *name;
        unsigned long c;
    } names[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#39;", '\''}};
    size_t n = utf8_step(p + *at, len - *at);
    unsigned long c = decode((const unsigned char *)p + *at, n);

    for (size_t i = 0; c == '&' && i < 5; i++) {
        if (strncmp(p + *at, names[i].name, strlen(names[i].name)) == 0) {
            *at += strlen(names[i].name);
            return names[i].c;
        }
    }
    *at += n;
    return strchr("&<>\"'", (int)(c < 0x80 ? c : 'x')) ? 0 : c;
}

static size_t random_bytes(unsigned long long *seed, char *p)
{
    static const char *const pieces[] = {"<",    "&",        "\"",       "'",    "&lt;",
                                         "\r\n", "\xC2\x85", "\xE2\x80", "\xAE", "\xEF\xBF\xBF",
                                         "word", "\xF0\x9F"};
    size_t n = t_rand(seed) % 30, len = 0;

    for (size_t i = 0; i < n; i++) {
        size_t k = t_rand(seed) % 20;
        if (k < 12) {
            memcpy(p + len, pieces[k], strlen(pieces[k]));
            len += strlen(pieces[k]);
        } else {
            p[len++] = (char)t_rand(seed);
        }
    }
    return len;
}

static void check_html(const char *p, size_t len, unsigned long long i)
{
    struct buf b = {0};
    struct err e = {0};
    size_t at = 0;

    T_CHECK(html_add(&b, p, len, &e) == 0 && buf_addc(&b, 0, &e) == 0);
    T_CHECKF(utf8_valid(b.p, b.len), "seed %llu", i);
    b.len--;
    for (size_t k = 0, n; k < len; k += n) {
        unsigned long want;
        n = utf8_step(p + k, len - k);
        want = must_show(decode((const unsigned char *)p + k, n));
        if (p[k] == '\r') {
            want = '\n';
            n = k + 1 < len && p[k + 1] == '\n' ? 2 : 1;
        }
        T_CHECKF(at < b.len && next_shown(b.p, b.len, &at) == want, "seed %llu, byte %zu", i, k);
    }
    T_CHECKF(at == b.len, "seed %llu", i);
    buf_free(&b);
}

static void test_all_characters(void)
{
    for (unsigned c = 1; c < 0x10000; c++) {
        char p[3] = {(char)(0xE0 | c >> 12), (char)(0x80 | (c >> 6 & 63)), (char)(0x80 | (c & 63))};
        if (c < 0x80)
            p[0] = (char)c;
        else if (c < 0x800)
            p[0] = (char)(0xC0 | c >> 6), p[1] = p[2];
        check_html(p, c < 0x80 ? 1 : c < 0x800 ? 2 : 3, c);
    }
}

/* One line of valid UTF-8, and no character that could be markup without its escape. */
static void check_markdown(const char *p, size_t len, unsigned long long i)
{
    struct buf b = {0};
    struct err e = {0};

    T_CHECK(html_add_markdown(&b, p, len, &e) == 0 && buf_addc(&b, 0, &e) == 0);
    T_CHECKF(utf8_valid(b.p, b.len), "seed %llu", i);
    for (size_t k = 0; k + 1 < b.len; k++) {
        T_CHECKF((unsigned char)b.p[k] >= ' ', "seed %llu: a control character", i);
        if (b.p[k] == '\\')
            k++;
        else
            T_CHECKF(!strchr("`*_~[]|", b.p[k]), "seed %llu: a bare %c", i, b.p[k]);
        if (b.p[k] == '<')
            T_CHECKF(strncmp(b.p + k, "<br>", 4) == 0 || strncmp(b.p + k, "<span>", 6) == 0 ||
                         strncmp(b.p + k, "</span>", 7) == 0,
                     "seed %llu: a tag", i);
    }
    buf_free(&b);
}

int main(void)
{
    char p[512];

    test_html_cases();
    test_markdown_cases();
    test_all_characters();
    for (unsigned long long i = 1; i <= 5000; i++) {
        unsigned long long seed = i * 7919;
        size_t len = random_bytes(&seed, p);
        check_html(p, len, i);
        check_markdown(p, len, i);
    }
    return t_done("html");
}
