/* test_docs.c - lib/text/docs.c: formats, records, what is bad and what is passed over. */
#include "t.h"
#include "tmp.h"

#include "base/mem.h"
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
    static const char *const lines[] = {"x.txt", "x.txt.zst", "x.txt.gz", "X.TXT.GZ"};
    static const char *const jsonl[] = {"x.json",    "x.ndjson", "x",   "txt",
                                        "x.txt.bz2", "x.zst",    ".txt"};

    for (size_t i = 0; i < 4; i++) {
        put(lines[i], "{\"text\":\"a\"}"); /* plain whatever the name says */
        struct docs *d = open_docs(&lines[i], 1, (struct docs_opts){0});
        next_is(d, "{\"text\":\"a\"}", NULL, 1);
        ends(d);
        d = open_docs(&lines[i], 1, (struct docs_opts){.format = DOCS_JSONL});
        next_is(d, "a", NULL, 1);
        ends(d);
    }
    for (size_t i = 0; i < 7; i++) {
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

/* ---- shards ---- */

/* What was read of some documents: a row each. */
struct rows {
    struct buf b;
    uint64_t docs;
};

static void add_row(struct rows *r, const struct doc *d)
{
    const char *part[] = {d->text, d->id ? d->id : "", d->head, d->tail};
    size_t len[] = {d->text_len, d->id_len, d->head_len, d->tail_len};
    struct err e;
    int rc = buf_printf(&r->b, &e, "%s:%llu", d->path, (unsigned long long)d->line);

    for (int i = 0; rc == 0 && i < 4; i++)
        if ((rc = buf_addc(&r->b, ' ', &e)) == 0)
            rc = buf_add(&r->b, part[i], len[i], &e);
    if (rc < 0 || buf_addc(&r->b, '\n', &e) < 0)
        abort();
    r->docs++;
}

/* Adds the documents of a shard; how many they are. */
static uint64_t read_shard(struct rows *r, const char *const *paths, size_t n, struct docs_opts o)
{
    struct docs *d = open_docs(paths, n, o);
    uint64_t before = r->docs;
    struct err e = {0};
    struct doc doc;
    int rc;

    while ((rc = docs_next(d, &doc, &e)) > 0)
        add_row(r, &doc);
    T_CHECKF(rc == 0, "%s", e.msg);
    ends(d);
    return r->docs - before;
}

/* All shards, one after the other, are the documents, whatever their number, up to `most`. Returns
 * into how many of 3 shards they fall. */
static unsigned same_in_shards(const char *const *paths, size_t n, enum docs_format format,
                               uint64_t most)
{
    static const uint64_t counts[] = {1, 3, 7, 2, 5, 16, 97, 1000};
    struct docs_opts o = {.format = format};
    struct rows whole = {0}, parts = {0};
    unsigned filled = 0;

    read_shard(&whole, paths, n, o);
    for (size_t i = 0; i < 8 && counts[i] <= most; i++) {
        o.shards = counts[i];
        parts.b.len = parts.docs = 0;
        for (o.shard = 0; o.shard < o.shards; o.shard++)
            filled += read_shard(&parts, paths, n, o) > 0 && o.shards == 3;
        T_CHECKF(whole.docs == parts.docs && whole.b.len == parts.b.len &&
                     (!whole.b.len || memcmp(whole.b.p, parts.b.p, whole.b.len) == 0),
                 "%s ..., %llu shards: %llu documents, not %llu", n ? paths[0] : "no file",
                 (unsigned long long)o.shards, (unsigned long long)parts.docs,
                 (unsigned long long)whole.docs);
    }
    buf_free(&whole.b);
    buf_free(&parts.b);
    return filled;
}

static void shell(const char *command)
{
    T_CHECKF(system(command) == 0, "%s", command); // NOLINT(cert-env33-c)
}

/* Records that do not compress well: some blocks of compressed bytes. */
static void put_records(const char *name, int records, unsigned long long seed)
{
    FILE *f = fopen(name, "wb");

    if (!f)
        abort();
    for (int i = 0; i < records; i++) {
        fprintf(f, "{\"id\":%d,\"text\":\"", i);
        for (unsigned long long k = t_rand(&seed) % 20; k; k--)
            fprintf(f, "%llx", t_rand(&seed));
        fputs("\"}\n", f);
    }
    fclose(f);
}

/* Files as they should not be, alone and together, as JSON Lines, lines and whole files. */
static void test_shards_of_odd_files(void)
{
    static const char *const odd[] = {
        "",
        "{\"text\":\"no newline\"}",
        "\n\n  \r\n\n",
        "\xEF\xBB\xBF{\"text\":\"bom\"}\n{\"text\":\"\"}\n",
        "\xEF\xBB\xBF",
        "\n\n{\"text\":\"after blanks\"}\n\n\n{\"text\":\"last\"}",
        "",
        "{\"text\":\"one\",\"id\":1}\n",
        "{\"text\":\"a long one, longer than some shards and than all of the other files, so that one of "
        "its neighbours has a range without a line that begins there\"}\n{\"text\":\"b\"}\n",
        "\n",
        "",
    };
    enum { FILES = sizeof odd / sizeof *odd };
    char names[FILES][8];
    const char *paths[FILES];
    static const enum docs_format formats[] = {DOCS_JSONL, DOCS_LINES, DOCS_TEXT};

    for (size_t i = 0; i < FILES; i++) {
        snprintf(names[i], sizeof names[i], "odd%zu", i);
        paths[i] = names[i];
        put(names[i], odd[i]);
    }
    for (size_t f = 0; f < 3; f++)
        for (size_t from = 0; from <= FILES; from++) {
            same_in_shards(paths + from, FILES - from, formats[f], from ? 16 : 1000);
            if (from < FILES)
                same_in_shards(paths + from, 1, formats[f], 97);
        }
}

static void test_shards_of_compressed_files(void)
{
    static const char *const paths[] = {"r.jsonl",  "r.jsonl.gz", "odd1",      "r.jsonl.zst",
                                        "empty.gz", "many.gz",    "odd5",      "many.zst",
                                        "odd0",     "empty.zst",  "small.zst", "r.jsonl"};
    static const char *const twins[] = {"small.zst", "small.zst"};
    enum { FILES = sizeof paths / sizeof *paths };

    put_records("r.jsonl", 12000, 7);
    put_records("small", 20, 8);
    shell("gzip -1c r.jsonl >r.jsonl.gz && zstd -q1c r.jsonl >r.jsonl.zst && zstd -qc small "
          ">small.zst && gzip -c odd0 >empty.gz && zstd -qc odd0 >empty.zst && "
          "cat small.zst empty.zst r.jsonl.zst empty.zst small.zst >many.zst && "
          "gzip -c small >small.gz && cat small.gz r.jsonl.gz empty.gz small.gz >many.gz");
    same_in_shards(paths, FILES, DOCS_AUTO, 7);
    same_in_shards(paths, FILES, DOCS_TEXT, 7);
    same_in_shards(twins, 2, DOCS_JSONL, 16); /* a range that begins with the second file */
    for (size_t i = 0; i < FILES; i++) {
        unsigned filled = same_in_shards(paths + i, 1, DOCS_AUTO, 3);
        T_CHECKF(filled == 3 || !strchr("rm", paths[i][0]), "%s: %u of 3", paths[i], filled);
    }
}

/* The rule itself: a line is of the shard floor(shards * place / size). */
static void test_shard_of_a_line(void)
{
    static const char file[] = "a\n\nccc\ndd\n\n\nlonger line\nx";
    const size_t size = sizeof file - 1;
    const char *paths[] = {"l1", "l2"};
    struct doc doc;
    struct err e = {0};

    tmp_put("l1", file, 9);
    tmp_put("l2", file + 9, size - 9); /* cut behind "dd", before its newline */
    for (uint64_t shards = 2; shards < 40; shards++)
        for (uint64_t s = 0; s < shards; s++) {
            struct docs_opts o = {.format = DOCS_LINES, .shard = s, .shards = shards};
            struct docs *d = open_docs(paths, 2, o);
            for (size_t at = 0, end; at < size; at = end) {
                end = at;
                while (end < size && file[end++] != '\n' && end != 9)
                    ;
                if (shards * at / size != s)
                    continue;
                T_CHECK(docs_next(d, &doc, &e) == 1);
                T_CHECKF(doc.text_len <= end - at && memcmp(doc.text, file + at, doc.text_len) == 0,
                         "%llu of %llu at %zu", (unsigned long long)s, (unsigned long long)shards,
                         at);
            }
            ends(d);
        }
}

/* What lies outside of the range is not parsed, and where whole files do, not opened. */
static void test_shard_alone(void)
{
    static const char *const three[] = {"s1", "s2", "s3"};
    struct docs_opts o = {.shard = 1, .shards = 3};

    put("s2", "{\"text\":\"mine\"}\n");
    for (int k = 1; k <= 3; k += 2)
        put(three[k - 1], "{\"text\":\"not m\"\n");
    struct docs *d = open_docs(three, 3, o);
    unlink("s1");
    unlink("s3");
    next_is(d, "mine", NULL, 1);
    ends(d);

    put(x, "bad\n\n{\"text\":\"the second of shards\"}\n{\"text\":1}\nbad\nbad\nbad\nbad\nb\n");
    o.shard = 0, o.shards = 2;
    fails(open_docs(&x, 1, o), ERR_INPUT, "x.jsonl:1: a JSON object expected at byte 1");
    o.skip_bad = true;
    d = open_docs(&x, 1, o);
    next_is(d, "the second of shards", NULL, 3);
    T_CHECK(docs_skipped(d) == 1);
    ends(d);
    o.shard = 1;
    d = open_docs(&x, 1, o);
    struct doc doc;
    struct err e = {0};
    T_CHECK(docs_next(d, &doc, &e) == 0 && docs_skipped(d) == 6);
    ends(d);
}

static void test_shard_misuse(void)
{
    static const char *const in[] = {"x.jsonl", "-"}, *const device[] = {"/dev/null"};
    struct docs *d;
    struct err e = {0};

    put(x, "{\"text\":\"a\"}\n");
    T_CHECK(docs_open(&d, in, 2, &(struct docs_opts){.shards = 2}, &e) == ERR_USAGE && !d);
    T_CHECKF(strstr(e.msg, "standard input"), "%s", e.msg);
    T_CHECK(docs_open(&d, device, 1, &(struct docs_opts){.shards = 2}, &e) == ERR_USAGE && !d);
    T_CHECKF(strstr(e.msg, "'/dev/null'"), "%s", e.msg);
    for (uint64_t shards = 0; shards < 3; shards++) {
        struct docs_opts o = {.shard = shards ? shards : 1, .shards = shards};
        T_CHECK(docs_open(&d, &x, 1, &o, &e) == ERR_USAGE && !d);
    }
    T_CHECK(docs_open(&d, &x, 1, &(struct docs_opts){.shards = UINT64_MAX}, &e) == ERR_USAGE);
    same_in_shards(NULL, 0, DOCS_AUTO, 7);
    T_CHECK(same_in_shards(&x, 1, DOCS_AUTO, 1000) == 1);
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
    test_shards_of_odd_files();
    test_shards_of_compressed_files();
    test_shard_of_a_line();
    test_shard_alone();
    test_shard_misuse();
    tmp_leave();
    return t_done("docs");
}
