/* fuzz_stream.c - streams, plain or compressed, their lines, their documents, and JSON Lines: bytes
 * come out the same whatever the sizes of reads; jansson and the scanner agree on what is an
 * object.
 *
 *   0 1 what it is (enum)    1 1 how    then the bytes
 */
#include "fuzz.h"

#include <jansson.h>

#include "base/jsonl.h"
#include "base/stream.h"
#include "text/docs.h"
#include "text/normalize.h"

enum { OF_BYTES, OF_LINES, OF_DOCS, OF_JSON, OF_RULE, KINDS };

enum { BYTES_MOST = 1 << 22 };

/* All bytes, so many at a time at most; *rc is what came at the end. */
static struct buf read_by(const char *path, size_t step, int64_t *rc)
{
    struct stream *s = NULL;
    struct buf b = {0};
    struct err e;

    *rc = stream_open(&s, path, &e);
    while (*rc == 0 && b.len < BYTES_MOST) {
        fuzz_good(buf_reserve(&b, step, &e), &e);
        if ((*rc = stream_read(s, b.p + b.len, step, &e)) <= 0)
            break;
        b.len += (size_t)*rc;
        *rc = 0;
    }
    stream_close(s);
    return b;
}

/* Of a damaged zstd stream the last blocks before the damage may be lost. */
static void bytes(const char *path, bool gzip, unsigned how)
{
    int64_t rc, again;
    struct buf a = read_by(path, 1 << 16, &rc), b = read_by(path, how % 61 + 1, &again);
    size_t len = a.len < b.len ? a.len : b.len;

    FUZZ_CHECK(len >= BYTES_MOST || (rc == again && (a.len == b.len || (rc < 0 && !gzip))));
    FUZZ_CHECK(len == 0 || memcmp(a.p, b.p, len) == 0);
    buf_free(&a);
    buf_free(&b);
}

static void lines(const char *path, unsigned how)
{
    struct lines *l = NULL;
    uint64_t n = 0, total = 0;
    const char *p;
    struct err e;
    size_t len;

    if (lines_open(&l, path, how & 1 ? '\0' : '\n', how & 2 ? 40 : 0, &e) < 0)
        return;
    for (; total < BYTES_MOST && lines_next(l, &p, &len, &e) > 0; total += len + 1) {
        FUZZ_CHECK(p[len] == '\0' && lines_number(l) == ++n);
        FUZZ_CHECK((how & 2) == 0 || len <= 40);
        FUZZ_CHECK(len == 0 || !memchr(p, how & 1 ? '\0' : '\n', len));
    }
    lines_close(l);
}

/* A record is its parts, in order; shards have the documents of the whole. */
static uint64_t count_docs(const char *path, struct docs_opts o)
{
    struct docs *d = NULL;
    struct doc doc;
    struct err e;
    uint64_t n = 0;
    int rc;

    if (docs_open(&d, &path, 1, &o, &e) < 0)
        return UINT64_MAX;
    while ((rc = docs_next(d, &doc, &e)) > 0) {
        FUZZ_CHECK(doc.text || doc.text_len == 0);
        n++;
    }
    docs_close(d);
    return rc < 0 ? UINT64_MAX : n;
}

static void docs(const char *path, unsigned how)
{
    struct docs_opts o = {.format = (enum docs_format)(how % 4), .skip_bad = how & 4};
    uint64_t all = count_docs(path, o), sum = 0;

    for (o.shards = 3; o.shard < o.shards && how & 8 && all != UINT64_MAX; o.shard++) {
        uint64_t n = count_docs(path, o);

        FUZZ_CHECK(n != UINT64_MAX);
        sum += n;
    }
    FUZZ_CHECK(!(how & 8) || all == UINT64_MAX || sum == all);
}

/* Does any text hold what is no UTF-8, a lone surrogate, or a number that jansson has no room for?
 * Those the scanner takes, and jansson does not. */
static bool plain(const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (p[i] >= 0x80 || p[i] == '\\' || p[i] == 0 || (p[i] >= '0' && p[i] <= '9'))
            return false;
    return true;
}

static void json(struct fuzz_in in)
{
    char *line = fuzz_text(in);
    struct jsonl_member m;
    struct buf value = {0}, coded = {0};
    struct jsonl j;
    struct err e;
    json_t *known;
    int rc;

    jsonl_begin(&j, line, in.len);
    while ((rc = jsonl_next(&j, &m, &e)) > 0) {
        struct jsonl_span item;
        const char *at = NULL;

        value.len = coded.len = 0;
        fuzz_good(jsonl_decode(&m.key, &value, &e), &e);
        FUZZ_CHECK(value.len <= m.key.len);
        fuzz_good(jsonl_decode(&m.value, &value, &e), &e);
        fuzz_good(jsonl_encode(value.p, value.len, &coded, &e), &e);
        for (int n = 0; m.value.type == JSONL_ARRAY && jsonl_item(&m.value, &at, &item); n++)
            FUZZ_CHECK(item.p >= m.value.p && item.len <= m.value.len && n < 1 << 16);
    }
    if (plain(in.p, in.len)) {
        known = json_loadb(line, in.len, 0, NULL);
        FUZZ_CHECK((rc == 0) == (known && json_is_object(known)) || strstr(e.msg, "deep"));
        json_decref(known);
    }
    buf_free(&value);
    buf_free(&coded);
    free(line);
}

/* What is normal stays as it is. */
static void rule(struct fuzz_in in)
{
    struct buf once = {0}, twice = {0};
    struct err e;

    fuzz_good(text_normalize(TEXT_GPT3, (const char *)in.p, in.len, &once, &e), &e);
    fuzz_good(text_normalize(TEXT_GPT3, once.p, once.len, &twice, &e), &e);
    FUZZ_CHECK(once.len == twice.len && (once.len == 0 || memcmp(once.p, twice.p, once.len) == 0));
    buf_free(&once);
    buf_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    unsigned kind = fuzz_pick(&in, KINDS), how = fuzz_byte(&in);
    const char *path;

    if (kind == OF_JSON) {
        json(in);
        return 0;
    }
    if (kind == OF_RULE) {
        rule(in);
        return 0;
    }
    path = fuzz_file("stream", in.p, in.len);
    if (kind == OF_BYTES)
        bytes(path, in.len > 0 && in.p[0] == 0x1f, how);
    else
        (kind == OF_LINES ? lines : docs)(path, how);
    return 0;
}
