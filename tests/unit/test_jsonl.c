/* test_jsonl.c - lib/base/jsonl.c: sentences, places, escapes, limits. The grammar at large is
 * compared with jansson in tests/prop/prop_jsonl.c. */
#include "t.h"

#include "base/jsonl.h"

/* Scans the whole line; returns the last answer, with the last member in *m. */
static int scan(const char *line, size_t len, struct jsonl_member *m, struct err *e)
{
    struct jsonl j;
    int rc;

    jsonl_begin(&j, line, len);
    while ((rc = jsonl_next(&j, m, e)) > 0)
        ;
    struct err again = {0};
    struct jsonl_member unused;
    T_CHECK(jsonl_next(&j, &unused, &again) == rc); /* an end or an error repeats */
    T_CHECK(strcmp(again.msg, e->msg) == 0);
    return rc;
}

static int accepts(const char *line)
{
    struct jsonl_member m;
    struct err e = {0};

    return scan(line, strlen(line), &m, &e) == 0;
}

static void refused(const char *line, const char *sentence)
{
    struct jsonl_member m;
    struct err e = {0};

    T_CHECKF(scan(line, strlen(line), &m, &e) == ERR_INPUT, "%s", line);
    T_CHECKF(strcmp(e.msg, sentence) == 0, "%s: %s", line, e.msg);
}

static void test_items(void)
{
    static const char line[] = "{\"v\": [ 1 ,\"a]\\\"\",[2,[\"]\"]], {\"b\":[]},null,-3e1 ]}";
    static const char *const want[] = {"1", "a]\\\"", "[2,[\"]\"]]", "{\"b\":[]}", "null", "-3e1"};
    static const enum jsonl_type type[] = {JSONL_NUMBER, JSONL_STRING, JSONL_ARRAY,
                                           JSONL_OBJECT, JSONL_NULL,   JSONL_NUMBER};
    const char *at = NULL;
    struct jsonl_member m;
    struct jsonl_span item;
    struct jsonl j;
    struct err e = {0};
    size_t n = 0;

    jsonl_begin(&j, line, strlen(line));
    T_CHECK(jsonl_next(&j, &m, &e) == 1 && m.value.type == JSONL_ARRAY);
    for (; n < 6 && jsonl_item(&m.value, &at, &item); n++)
        T_CHECKF(item.type == type[n] && item.len == strlen(want[n]) &&
                     memcmp(item.p, want[n], item.len) == 0,
                 "%.*s", (int)item.len, item.p);
    T_CHECK(n == 6 && !jsonl_item(&m.value, &at, &item) && !jsonl_item(&m.value, &at, &item));
    at = NULL;
    m.value = (struct jsonl_span){"[ ]", 3, JSONL_ARRAY, false};
    T_CHECK(!jsonl_item(&m.value, &at, &item));
}

static void test_sentences(void)
{
    refused("", "a JSON object expected but the line ends at byte 0");
    refused("[1]", "a JSON object expected at byte 1");
    refused("  x", "a JSON object expected at byte 3");
    refused("{", "a member's name in quotes expected but the line ends at byte 1");
    refused("{,}", "a member's name in quotes expected at byte 2");
    refused("{\"a\"}", "':' expected at byte 5");
    refused("{\"a\":}", "a value expected at byte 6");
    refused("{\"a\":1", "',' or '}' expected but the line ends at byte 6");
    refused("{\"a\":1 2}", "',' or '}' expected at byte 8");
    refused("{\"a\":1,}", "a member's name in quotes expected at byte 8");
    refused("{\"a\":1} x", "more text after the object at byte 9");
    refused("{\"a\":tru}", "a value expected at byte 6");
    refused("{\"a\":NaN}", "a value expected at byte 6");
    refused("{\"a\":01}", "bad number at byte 6");
    refused("{\"a\":-}", "bad number at byte 6");
    refused("{\"a\":1.}", "bad number at byte 6");
    refused("{\"a\":1e+}", "bad number at byte 6");
    refused("{\"a\":[1,]}", "a value expected at byte 9");
    refused("{\"a\":[1}}", "',' or ']' expected at byte 8");
    refused("{\"a\":{\"b\" 1}}", "':' expected at byte 11");
    refused("{\"id\": 7, \"text\": \"no end", "string without its closing quote at byte 19");
    refused("{\"a\":\"x\\q\"}", "bad escape at byte 8");
    refused("{\"a\":\"\\u12g4\"}", "bad escape at byte 7");
    refused("{\"a\":\"\\u123", "bad escape at byte 7");
    refused("{\"a\":\"x\ty\"}", "control character in a string at byte 8");
}

/* The same faults far into a long string with escapes, where the scanner goes by steps. */
static void test_places_in_long_strings(void)
{
    static const char *const faults[] = {"\\q", "\\u00x0", "\x01", "\\u12"};
    static const char *const sentences[] = {"bad escape", "bad escape",
                                            "control character in a string", "bad escape"};
    char line[600], want[100];
    struct jsonl_member m;
    struct err e = {0};

    for (size_t f = 0; f < 4; f++) {
        for (size_t at = 8; at < 300; at++) {
            memcpy(line, "{\"a\":\"\\n", 8);
            memset(line + 8, 'x', sizeof line - 8);
            memcpy(line + sizeof line - 2, "\"}", 2);
            memcpy(line + at, faults[f], strlen(faults[f]));
            snprintf(want, sizeof want, "%s at byte %zu", sentences[f], at + 1);
            T_CHECKF(scan(line, sizeof line, &m, &e) == ERR_INPUT, "%zu %zu", f, at);
            T_CHECKF(strcmp(e.msg, want) == 0, "%s, not %s", e.msg, want);
        }
    }
}

static void test_depth(void)
{
    char line[2 * JSONL_DEPTH + 16];

    for (int depth = JSONL_DEPTH - 2; depth <= JSONL_DEPTH + 1; depth++) {
        size_t n = (size_t)depth - 1; /* brackets inside the line's object */
        memcpy(line, "{\"a\":", 5);
        memset(line + 5, '[', n);
        memset(line + 5 + n, ']', n);
        memcpy(line + 5 + 2 * n, "}", 2);
        T_CHECKF(accepts(line) == (depth <= JSONL_DEPTH), "depth %d", depth);
    }
    memset(line, '[', sizeof line - 1);
    memcpy(line, "{\"a\":", 5);
    line[sizeof line - 1] = '\0';
    refused(line, "nested too deep at byte 133");
}

static void test_spans(void)
{
    static const struct {
        const char *line, *raw;
        enum jsonl_type type;
    } cases[] = {
        {"{\"a\":null}", "null", JSONL_NULL},
        {" { \"a\" : true } \r", "true", JSONL_BOOL},
        {"{\"a\":false}", "false", JSONL_BOOL},
        {"{\"x\":1,\"a\":-0.5e+10 }", "-0.5e+10", JSONL_NUMBER},
        {"{\"a\":123456789012345678901234567890}", "123456789012345678901234567890", JSONL_NUMBER},
        {"{\"a\":\"\"}", "", JSONL_STRING},
        {"{\"a\":\"\\\"\\\\\"}", "\\\"\\\\", JSONL_STRING},
        {"{\"a\":\"\x80\xFF\x7F\"}", "\x80\xFF\x7F", JSONL_STRING},
        {"{\"a\":[ ]}", "[ ]", JSONL_ARRAY},
        {"{\"a\": [1,[\"]\"],{\"b\":{}}] }", "[1,[\"]\"],{\"b\":{}}]", JSONL_ARRAY},
        {"{\"a\":{\"b\":[{},[]],\"}\":1}}", "{\"b\":[{},[]],\"}\":1}", JSONL_OBJECT},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct jsonl_member m = {0};
        struct err e = {0};
        T_CHECKF(scan(cases[i].line, strlen(cases[i].line), &m, &e) == 0, "%s: %s", cases[i].line,
                 e.msg);
        T_CHECK(m.value.type == cases[i].type);
        T_CHECK(m.key.type == JSONL_STRING && m.key.len == 1 && *m.key.p == 'a');
        T_CHECKF(m.value.len == strlen(cases[i].raw) &&
                     memcmp(m.value.p, cases[i].raw, m.value.len) == 0,
                 "%s: %.*s", cases[i].line, (int)m.value.len, m.value.p);
        T_CHECK(m.value.escaped ==
                (m.value.type == JSONL_STRING && strchr(cases[i].raw, '\\') != NULL));
    }
    T_CHECK(accepts("{}") && accepts(" {\t} "));
}

static void decodes_to(const char *raw, const char *want, size_t len)
{
    struct jsonl_span v = {raw, strlen(raw), JSONL_STRING, strchr(raw, '\\') != NULL};
    struct buf out = {0};
    struct err e = {0};

    T_CHECK(buf_adds(&out, "kept ", &e) == 0 && jsonl_decode(&v, &out, &e) == 0);
    T_CHECKF(out.len == 5 + len && memcmp(out.p + 5, want, len) == 0, "%s", raw);
    T_CHECKF(jsonl_equals(&v, want, len), "%s", raw);
    T_CHECKF(len == 0 || !jsonl_equals(&v, want, len - 1), "%s", raw);
    T_CHECK(!jsonl_equals(&v, "no such thing here", 18));
    v.type = JSONL_ARRAY;
    T_CHECK(!jsonl_equals(&v, want, len));
    buf_free(&out);
}

static void test_decode(void)
{
    decodes_to("", "", 0);
    decodes_to("plain", "plain", 5);
    decodes_to("\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t", 8);
    decodes_to("a\\u0000b", "a\0b", 3);
    decodes_to("\\u0041\\u00e9\\u20AC\\uFFFF", "A\xC3\xA9\xE2\x82\xAC\xEF\xBF\xBF", 9);
    decodes_to("\\ud83d\\ude00", "\xF0\x9F\x98\x80", 4);
    decodes_to("\\uD800\\uDC00\\uDBFF\\uDFFF", "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", 8);
    decodes_to("\\ud83d", "\xED\xA0\xBD", 3);
    decodes_to("\\ude00x", "\xED\xB8\x80x", 4);
    decodes_to("\\ud83dx", "\xED\xA0\xBDx", 4);
    decodes_to("\\ud83d\\n", "\xED\xA0\xBD\n", 4);
    decodes_to("\\ud83d\\ud83d\\ude00", "\xED\xA0\xBD\xF0\x9F\x98\x80", 7);
    decodes_to("\\\\u0041", "\\u0041", 6);
}

/* One escape at every place of a string of several steps. */
static void test_decode_at_every_place(void)
{
    static const char *const raw[] = {"\\n", "\\u20ac", "\\ud83d\\ude00", "\\\\\\\\\\\\"};
    static const char *const plain[] = {"\n", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\\\\\\"};
    char text[301], want[301];

    for (size_t k = 0; k < 4; k++) {
        for (size_t at = 0; at < 280; at++) {
            size_t n = strlen(raw[k]), m = strlen(plain[k]);
            for (size_t i = 0; i < 300; i++)
                text[i] = want[i] = (char)('a' + i % 26);
            memcpy(text + at, raw[k], n);
            memcpy(want + at, plain[k], m);
            memcpy(want + at + m, text + at + n, 300 - at - n);
            text[300] = '\0';
            decodes_to(text, want, 300 - n + m);
        }
    }
}

static void encodes_to(const char *p, size_t len, const char *want)
{
    struct buf out = {0};
    struct err e = {0};

    T_CHECK(jsonl_encode(p, len, &out, &e) == 0);
    T_CHECKF(out.len == strlen(want) && memcmp(out.p, want, out.len) == 0, "%.*s, not %s",
             (int)out.len, out.p, want);
    buf_free(&out);
}

static void test_escape(void)
{
    static const char bytes[] = "\xFF\"\0 a longer one of many bytes \xC3\xA9\xFE\\\n\xE2";
    static const char want[] = "\xFF\\\"\\u0000 a longer one of many bytes \xC3\xA9\xFE\\\\\\n\xE2";
    struct buf out = {0};
    struct err e = {0};

    T_CHECK(jsonl_escape(bytes, sizeof bytes - 1, &out, &e) == 0);
    T_CHECK(out.len == sizeof want - 1 && memcmp(out.p, want, out.len) == 0);
    buf_free(&out);
}

static void test_encode(void)
{
    encodes_to("a plain text of more than sixteen bytes", 39,
               "a plain text of more than sixteen bytes");
    encodes_to("\"\\/\b\f\n\r\t", 8, "\\\"\\\\/\\b\\f\\n\\r\\t");
    encodes_to("\0\x01\x1F\x7F", 4, "\\u0000\\u0001\\u001f\x7F");
    encodes_to("\xC3\xA9\xF0\x9F\x98\x80", 6, "\xC3\xA9\xF0\x9F\x98\x80");
    encodes_to("a\x80z\xE2\x82", 5, "a\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD");
    encodes_to("\xED\xA0\xBD", 3, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

static void test_blank(void)
{
    T_CHECK(jsonl_is_blank("", 0) && jsonl_is_blank(" \t\r\n", 4) && jsonl_is_blank("  {", 2));
    T_CHECK(!jsonl_is_blank("  {", 3) && !jsonl_is_blank("}  ", 3) && !jsonl_is_blank("\0", 1));
}

int main(void)
{
    test_blank();
    test_items();
    test_sentences();
    test_places_in_long_strings();
    test_depth();
    test_spans();
    test_decode();
    test_decode_at_every_place();
    test_encode();
    test_escape();
    return t_done("jsonl");
}
