/* test_docs.c - lib/text/docs.c: formats, records, what is bad and what is passed over. */
#include "t.h"
#include "tmp.h"

#include "base/zst.h"
#include "text/docs.h"

static void put(const char *name, const char *text)
{
    tmp_put(name, text, strlen(text));
}

static struct docs *open_docs(const char *const *paths, size_t n, struct docs_opts o)
{
    struct docs *d = NULL;
    struct err e = {0};

    T_CHECKF(docs_open(&d, paths, n, &o, &e) == 0, "%s", e.msg);
    if (!d)
        exit(t_done("docs"));
    return d;
}

static int is(const char *p, size_t len, const char *want)
{
    return want ? p && len == strlen(want) && memcmp(p, want, len) == 0 : !p;
}

/* The next document has this text and id (NULL: none), at this line. */
static void next_is(struct docs *d, const char *text, const char *id, uint64_t line)
{
    struct doc doc;
    struct err e = {0};

    T_CHECKF(docs_next(d, &doc, &e) == 1, "%s: %s", text, e.msg);
    if (e.code < 0)
        return;
    T_CHECKF(is(doc.text, doc.text_len, text), "%.*s, not %s", (int)doc.text_len, doc.text, text);
    T_CHECKF(is(doc.id, doc.id_len, id), "%s: id %.*s", text, doc.id ? (int)doc.id_len : 0, doc.id);
    T_CHECKF(doc.line == line, "%s: line %llu", text, (unsigned long long)doc.line);
}

static void ends(struct docs *d)
{
    struct doc doc;
    struct err e = {0};

    T_CHECKF(docs_next(d, &doc, &e) == 0, "%s", e.msg);
    T_CHECK(docs_next(d, &doc, &e) == 0);
    T_CHECK(docs_raw_pos(d) == docs_raw_size(d));
    docs_close(d);
}

static void fails(struct docs *d, int code, const char *sentence)
{
    struct doc doc;
    struct err e = {0};

    T_CHECK(docs_next(d, &doc, &e) == code);
    T_CHECKF(strcmp(e.msg, sentence) == 0, "%s", e.msg);
    docs_close(d);
}

static const char *const x = "x.jsonl";

static void test_records(void)
{
    put(x, "\xEF\xBB\xBF{\"id\": \"a\", \"text\": \"one\"}\n"
           "\n \t\r\n"
           "  {\"text\":\"t\\nw\\u00e9\",\"id\":12.50}  \r\n"
           "{\"text\":\"\",\"id\":\"\"}\n"
           "{\"id\":null,\"text\":\"no id\"}\n"
           "{\"id\":[1],\"text\":\"nor here\",\"id\":\"second\"}\n"
           "{\"text\":\"first\",\"text\":\"second\",\"text\":3}\n"
           "{\"t\\u0065xt\":\"escaped\",\"\\u0069d\":\"\\\"q\\\"\"}\n"
           "{\"n\":{\"text\":\"inner\"},\"text\":\"\x80\xFF\"}");
    struct docs *d = open_docs(&x, 1, (struct docs_opts){0});
    next_is(d, "one", "a", 1);
    next_is(d, "t\nw\xC3\xA9", "12.50", 4);
    next_is(d, "", "", 5);
    next_is(d, "no id", NULL, 6);
    next_is(d, "nor here", NULL, 7);
    next_is(d, "first", NULL, 8);
    next_is(d, "escaped", "\"q\"", 9);
    next_is(d, "\x80\xFF", NULL, 10);
    T_CHECK(docs_skipped(d) == 0);
    ends(d);
}

static void test_other_fields(void)
{
    put(x, "{\"id\":1,\"text\":2,\"body\":\"b\",\"url\":\"u\"}\n{\"key\":\"both\"}\n");
    struct docs *d = open_docs(&x, 1, (struct docs_opts){.field = "body", .id_field = "url"});
    next_is(d, "b", "u", 1);
    fails(d, ERR_INPUT, "x.jsonl:2: no field 'body'");
    put(x, "{\"key\":\"both\"}\n");
    d = open_docs(&x, 1, (struct docs_opts){.field = "key", .id_field = "key"});
    next_is(d, "both", "both", 1);
    ends(d);
}

/* head + the text's raw bytes + tail is the record. */
static void test_head_and_tail(void)
{
    static const char *const records[][3] = {
        {"{\"text\":\"", "abc", "\"}"},
        {"{\"id\": 1, \"text\" : \"", "a\\u0041\\\\", "\" , \"z\": [1, 2] }"},
        {"{\"text\":\"", "", "\",\"text\":\"\"}"},
    };
    struct doc doc;
    struct err e = {0};
    char line[200];

    for (size_t i = 0; i < 3; i++) {
        const char *const *r = records[i];
        snprintf(line, sizeof line, "\t %s%s%s \t\n", r[0], r[1], r[2]);
        put(x, line);
        struct docs *d = open_docs(&x, 1, (struct docs_opts){0});
        T_CHECK(docs_next(d, &doc, &e) == 1);
        T_CHECKF(is(doc.head, doc.head_len, r[0]), "%.*s", (int)doc.head_len, doc.head);
        T_CHECKF(is(doc.tail, doc.tail_len, r[2]), "%.*s", (int)doc.tail_len, doc.tail);
        T_CHECK(strcmp(doc.path, x) == 0);
        ends(d);
    }
}

static void test_bad_records(void)
{
    static const struct {
        const char *line, *sentence;
    } bad[] = {
        {"{\"id\":7, \"text\":\"x}", "x.jsonl:2: string without its closing quote at byte 17"},
        {"{\"id\":1}", "x.jsonl:2: no field 'text'"},
        {"{\"text\":null}", "x.jsonl:2: field 'text' is not a string"},
        {"{\"text\":1,\"text\":\"x\"}", "x.jsonl:2: field 'text' is not a string"},
        {"[]", "x.jsonl:2: a JSON object expected at byte 1"},
        {"{\"text\":\"good\"} {}", "x.jsonl:2: more text after the object at byte 17"},
        {"  {\"text\":\"\\x\"}", "x.jsonl:2: bad escape at byte 12"},
    };
    char file[200];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(file, sizeof file, "{\"text\":\"a\",\"id\":\"i\"}\n%s\n{\"text\":\"b\"}\n",
                 bad[i].line);
        put(x, file);
        struct docs *d = open_docs(&x, 1, (struct docs_opts){0});
        next_is(d, "a", "i", 1);
        fails(d, ERR_INPUT, bad[i].sentence);
        d = open_docs(&x, 1, (struct docs_opts){.skip_bad = true});
        next_is(d, "a", "i", 1);
        next_is(d, "b", NULL, 3);
        T_CHECK(docs_skipped(d) == 1);
        ends(d);
    }
}

/* Many records, compressed: as they were, and cut off, which skip_bad does not forgive. */
static void test_compressed(void)
{
    static const char *const z = "x.jsonl.zst";
    enum { RECORDS = 20000 };
    char *file = malloc(RECORDS * 64), text[32];
    size_t len = 0, cap;
    struct err e = {0};
    struct doc doc;
    int rc;

    if (!file)
        abort();
    for (int i = 0; i < RECORDS; i++)
        len += (size_t)sprintf(file + len, "{\"id\":%d,\"text\":\"text\\n%d\"}\n", i, i * 7);
    cap = zst_bound(len);
    char *packed = malloc(cap);
    int64_t n = packed ? zst_compress(packed, cap, file, len, 1, &e) : -1;
    if (n < 0)
        abort();
    tmp_put(z, packed, (size_t)n);
    struct docs *d = open_docs(&z, 1, (struct docs_opts){0});
    T_CHECK(docs_raw_size(d) == (uint64_t)n && docs_raw_pos(d) == 0);
    for (int i = 0; i < RECORDS; i++) {
        T_CHECK(docs_next(d, &doc, &e) == 1);
        sprintf(text, "text\n%d", i * 7);
        T_CHECK(is(doc.text, doc.text_len, text) && doc.line == (uint64_t)i + 1);
    }
    ends(d);
    tmp_put(z, packed, (size_t)n - 1);
    d = open_docs(&z, 1, (struct docs_opts){.skip_bad = true});
    while ((rc = docs_next(d, &doc, &e)) > 0)
        ;
    T_CHECK(rc == ERR_INPUT);
    T_CHECKF(strcmp(e.msg, "x.jsonl.zst: compressed data is truncated") == 0, "%s", e.msg);
    docs_close(d);
    free(file);
    free(packed);
}

static void test_lines_format(void)
{
    static const char *const paths[] = {"a.txt", "empty.txt", "b.txt"};
    struct doc doc;
    struct err e = {0};

    put("a.txt", "\xEF\xBB\xBFone\r\n\n{\"text\":\"x\"}\n");
    put("empty.txt", "");
    put("b.txt", "last");
    struct docs *d = open_docs(paths, 3, (struct docs_opts){0});
    next_is(d, "\xEF\xBB\xBFone\r", NULL, 1);
    next_is(d, "", NULL, 2);
    next_is(d, "{\"text\":\"x\"}", NULL, 3);
    T_CHECK(docs_next(d, &doc, &e) == 1 && is(doc.text, doc.text_len, "last") && doc.line == 1);
    T_CHECK(doc.head_len == 0 && doc.tail_len == 0 && strcmp(doc.path, "b.txt") == 0);
    ends(d);
}

static void test_text_format(void)
{
    static const char *const paths[] = {"a.txt", "empty.txt", "big"};
    size_t len = 300000;
    char *big = malloc(len);
    struct doc doc;
    struct err e = {0};

    if (!big)
        abort();
    for (size_t i = 0; i < len; i++)
        big[i] = (char)(i * i >> 7);
    put("a.txt", "one\ntwo\n");
    put("empty.txt", "");
    tmp_put("big", big, len);
    struct docs *d = open_docs(paths, 3, (struct docs_opts){.format = DOCS_TEXT});
    next_is(d, "one\ntwo\n", "a.txt", 0);
    next_is(d, "", "empty.txt", 0);
    T_CHECK(docs_next(d, &doc, &e) == 1 && doc.text_len == len && !memcmp(doc.text, big, len));
    T_CHECK(doc.head_len == 0 && doc.tail_len == 0);
    ends(d);
    free(big);
}

/* AUTO goes by the name; compressed names by what is before the suffix. */
static void test_auto(void)
{
    static const char *const lines[] = {"x.txt", "x.txt.zst", "x.txt.gz", ".txt"};
    static const char *const jsonl[] = {"x.json", "x.ndjson", "x", "txt", "x.txt.bz2", "x.zst"};

    for (size_t i = 0; i < 4; i++) {
        put(lines[i], "{\"text\":\"a\"}"); /* plain whatever the name says */
        struct docs *d = open_docs(&lines[i], 1, (struct docs_opts){0});
        next_is(d, "{\"text\":\"a\"}", NULL, 1);
        ends(d);
        d = open_docs(&lines[i], 1, (struct docs_opts){.format = DOCS_JSONL});
        next_is(d, "a", NULL, 1);
        ends(d);
    }
    for (size_t i = 0; i < 6; i++) {
        put(jsonl[i], "{\"text\":\"a\"}");
        struct docs *d = open_docs(&jsonl[i], 1, (struct docs_opts){0});
        next_is(d, "a", NULL, 1);
        ends(d);
        d = open_docs(&jsonl[i], 1, (struct docs_opts){.format = DOCS_LINES});
        next_is(d, "{\"text\":\"a\"}", NULL, 1);
        ends(d);
    }
}

static void test_open(void)
{
    static const char *const absent[] = {"x.jsonl", "absent"}, *const folder[] = {"/tmp"};
    static const char *const device[] = {"x.jsonl", "/dev/null"};
    struct docs *d;
    struct doc doc;
    struct err e = {0};

    put(x, "{\"text\":\"a\"}");
    T_CHECK(docs_open(&d, absent, 2, &(struct docs_opts){0}, &e) == ERR_IO && d == NULL);
    T_CHECKF(strcmp(e.msg, "cannot open 'absent': No such file or directory") == 0, "%s", e.msg);
    T_CHECK(docs_open(&d, folder, 1, &(struct docs_opts){0}, &e) == ERR_IO && d == NULL);
    T_CHECKF(strcmp(e.msg, "cannot read '/tmp': it is a directory") == 0, "%s", e.msg);
    d = open_docs(device, 2, (struct docs_opts){0});
    T_CHECK(docs_raw_size(d) == 0); /* not known of a device */
    T_CHECK(docs_next(d, &doc, &e) == 1 && docs_next(d, &doc, &e) == 0);
    docs_close(d);
    ends(open_docs(NULL, 0, (struct docs_opts){0}));
    docs_close(NULL);
}

int main(void)
{
    tmp_enter();
    test_records();
    test_other_fields();
    test_head_and_tail();
    test_bad_records();
    test_compressed();
    test_lines_format();
    test_text_format();
    test_auto();
    test_open();
    tmp_leave();
    return t_done("docs");
}
