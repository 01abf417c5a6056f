/* prop_jsonl.c - lib/base/jsonl.c against jansson: random objects, valid ones and mutated ones.
 * Both must accept or both refuse, and what they accept must mean the same.
 *
 * Intended differences, and what is done about them here:
 *   - bytes that are not UTF-8 pass here: jansson gets the line with every byte >= 0x80 replaced by
 *     a letter, unless the line is valid UTF-8;
 *   - a raw NUL byte is an error here everywhere; jansson 2.14 loses some of them, so it gets
 *     another control character in their place;
 *   - \u0000 in names and lone surrogates are decoded here and refused there, and so are numbers
 *     too large for a double: such lines are passed over when jansson says so;
 *   - the nesting limits differ: the lines made here are shallower than both;
 *   - a repeated name is handed out again here, and its last value wins there, so the last one is
 *     compared.
 */
#include "../unit/t.h"

#include <jansson.h>

#include "base/jsonl.h"
#include "base/utf8.h"

static unsigned long long seed, round_seed;
static unsigned long accepted, refused, passed_over;

static unsigned pick(unsigned n)
{
    return (unsigned)(t_rand(&seed) >> 20) % n;
}

static void add(struct buf *b, const char *s)
{
    struct err e;

    if (buf_adds(b, s, &e) < 0)
        abort();
}

static void add_blank(struct buf *b)
{
    static const char *const blanks[] = {"", "", "", "", " ", "  ", "\t", "\r", "\n"};

    add(b, blanks[pick(9)]);
}

/* Pieces by four kinds of text: prose, code, \u-escaped script, runs of backslashes. */
static void add_string(struct buf *b, unsigned most)
{
    static const char *const pieces[4][8] = {
        {"the quick brown fox ", "jumps", "\\n", "\\\"", ", ", "\xC3\xA9t\xC3\xA9", ".", "\\t"},
        {"\\n\\t\\t", "x = \\\"", "{}[]:,", "\\\\", "\\/", "\\b\\f\\r", "n", "\x7F"},
        {"\\u4e2d", "\\u00E9", "\\ud83d\\ude00", "\\u0041", "\\uFfFf", "\\u0000", "\\ud83d", "u"},
        {"\\\\", "\\\\\\\\\\\\", "\\\"", "a", "\\u005c", "\\\\n", "\xF0\x9F\x98\x80", "\xE9"}};
    unsigned kind = pick(4), n = pick(most + 1);

    add(b, "\"");
    for (unsigned i = 0; i < n; i++)
        add(b, pieces[pick(8) ? kind : pick(4)][pick(8)]);
    add(b, "\"");
}

static void add_key(struct buf *b)
{
    static const char *const keys[] = {"\"id\"", "\"text\"", "\"t\\u0065xt\"", "\"\"", "\"a\\n\""};

    if (pick(4))
        add(b, keys[pick(5)]);
    else
        add_string(b, 3);
}

static void add_number(struct buf *b)
{
    static const char *const numbers[] = {"0",
                                          "-0",
                                          "7",
                                          "-12",
                                          "1234567890123",
                                          "0.5",
                                          "1e5",
                                          "1E-7",
                                          "-1.25e+3",
                                          "9007199254740993",
                                          "1e999",
                                          "100000000000000000000000000000"};

    add(b, numbers[pick(12)]);
}

static void add_object(struct buf *b, int depth);

static void add_value(struct buf *b, int depth)
{
    static const char *const literals[] = {"null", "true", "false"};
    unsigned kind = pick(depth > 0 ? 8 : 6);

    if (kind < 3)
        add_string(b, pick(3) ? 6 : 60);
    else if (kind < 5)
        add_number(b);
    else if (kind == 5)
        add(b, literals[pick(3)]);
    else if (kind == 6)
        add_object(b, depth - 1);
    else {
        add(b, "[");
        for (unsigned i = 0, n = pick(5); i < n; i++) {
            add(b, i ? "," : "");
            add_blank(b);
            add_value(b, depth - 1);
            add_blank(b);
        }
        add(b, "]");
    }
}

static void add_object(struct buf *b, int depth)
{
    add(b, "{");
    for (unsigned i = 0, n = pick(5); i < n; i++) {
        add(b, i ? "," : "");
        add_blank(b);
        add_key(b);
        add_blank(b);
        add(b, ":");
        add_blank(b);
        add_value(b, depth);
        add_blank(b);
    }
    add_blank(b);
    add(b, "}");
}

static void mutate(struct buf *b)
{
    static const char nasty[] = "\"\"\\\\{}[]:,0123456789.eE+-truefalsn /\n\t\x01\x80\xC3\xFF";

    for (unsigned i = 0, n = 1 + pick(3); i < n && b->len > 0; i++) {
        size_t at = pick((unsigned)b->len);
        char c = nasty[pick(sizeof nasty)]; /* its '\0' too */
        if (pick(3) == 0) {
            b->p[at] = c;
        } else if (pick(2)) {
            memmove(b->p + at, b->p + at + 1, --b->len - at);
        } else if (pick(8)) {
            add(b, "x");
            memmove(b->p + at + 1, b->p + at, b->len - 1 - at);
            b->p[at] = c;
        } else {
            b->len = at;
        }
    }
}

static int decoded_is(const struct jsonl_span *v, const char *want, size_t len)
{
    struct buf out = {0};
    struct err e;
    int same = jsonl_decode(v, &out, &e) == 0 && out.len == len &&
               (len == 0 || memcmp(out.p, want, len) == 0) && jsonl_equals(v, want, len);

    buf_free(&out);
    return same;
}

enum { FLAGS = JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL };

static int value_is(const struct jsonl_span *v, const json_t *want)
{
    json_t *nested;
    int same;

    switch (v->type) {
    case JSONL_NULL:
        return json_is_null(want);
    case JSONL_BOOL:
        return json_is_boolean(want) && json_is_true(want) == (v->len == 4);
    case JSONL_NUMBER:
        return json_is_real(want) && strtod(v->p, NULL) == json_real_value(want);
    case JSONL_STRING:
        return json_is_string(want) &&
               decoded_is(v, json_string_value(want), json_string_length(want));
    default:
        nested = json_loadb(v->p, v->len, FLAGS, NULL);
        same = nested && json_equal(nested, want) && json_is_array(want) == (*v->p == '[');
        json_decref(nested);
        return same;
    }
}

/* Finds the member that jansson kept under this one's name, and whether it is this one. */
static void check_member(const struct jsonl *after, const struct jsonl_member *m,
                         const json_t *object)
{
    struct jsonl rest = *after;
    struct jsonl_member later;
    struct buf key = {0};
    struct err e;
    int last = 1;

    if (jsonl_decode(&m->key, &key, &e) < 0)
        abort();
    while (jsonl_next(&rest, &later, &e) > 0)
        last = last && !jsonl_equals(&later.key, key.p, key.len);
    const json_t *want = json_object_getn(object, key.p ? key.p : "", key.len);
    T_CHECKF(want && (!last || value_is(&m->value, want)), "seed %llu: %.*s", round_seed,
             (int)m->value.len, m->value.p);
    buf_free(&key);
}

static void check_members(const char *line, size_t len, const json_t *object)
{
    struct jsonl_member m;
    struct jsonl j;
    struct err e;

    jsonl_begin(&j, line, len);
    while (jsonl_next(&j, &m, &e) > 0)
        check_member(&j, &m, object);
}

static int accepts(const char *line, size_t len)
{
    struct jsonl_member m;
    struct jsonl j;
    struct err e = {0};
    int rc;

    jsonl_begin(&j, line, len);
    while ((rc = jsonl_next(&j, &m, &e)) > 0)
        ;
    T_CHECKF(rc == 0 || (e.code == ERR_INPUT && strstr(e.msg, " at byte ")), "seed %llu: %s",
             round_seed, e.msg);
    return rc == 0;
}

static void check_line(const char *line, size_t len)
{
    char *copy = malloc(len + 1); /* to the byte, so that a read beyond it is seen */
    json_error_t why;

    if (!copy)
        abort();
    copy = realloc(copy, len ? len : 1);
    for (size_t i = 0, valid = utf8_valid(line, len); i < len; i++)
        copy[i] = !valid && (unsigned char)line[i] >= 0x80 ? 'y' : line[i] ? line[i] : '\x01';
    json_t *oracle = json_loadb(copy, len, FLAGS, &why);
    int theirs = oracle && json_is_object(oracle);
    if (!oracle && (strstr(why.text, "invalid Unicode '\\u") || strstr(why.text, "NUL byte in") ||
                    strstr(why.text, "real number overflow"))) {
        passed_over++;
    } else {
        T_CHECKF(accepts(copy, len) == theirs, "seed %llu: jansson %s %s: %.*s", round_seed,
                 theirs ? "accepts" : "refuses", theirs ? "" : why.text, (int)len, line);
        if (theirs)
            check_members(copy, len, oracle);
        memcpy(copy, line, len);
        T_CHECKF(accepts(copy, len) == theirs, "seed %llu, with its odd bytes", round_seed);
        accepted += (unsigned long)theirs;
        refused += (unsigned long)!theirs;
    }
    json_decref(oracle);
    free(copy);
}

/* Random bytes in, a JSON string out: jansson reads back the bytes, U+FFFD where they were bad. */
static void check_encode(void)
{
    struct buf in = {0}, want = {0}, line = {0};
    struct err e;

    for (unsigned i = 0, n = pick(60); i < n; i++) {
        char c = pick(2) ? (char)pick(256) : "ab\"\\\n\xC3\xA9\xE2\x82\xAC"[pick(10)];
        if (buf_addc(&in, c, &e) < 0)
            abort();
    }
    for (size_t i = 0, n; i < in.len; i += n) {
        n = utf8_step(in.p + i, in.len - i);
        int bad = n == 1 && (unsigned char)in.p[i] >= 0x80;
        if (buf_add(&want, bad ? "\xEF\xBF\xBD" : in.p + i, bad ? 3 : n, &e) < 0)
            abort();
    }
    add(&line, "{\"k\":\"");
    T_CHECK(jsonl_encode(in.p ? in.p : "", in.len, &line, &e) == 0);
    add(&line, "\"}");
    json_t *oracle = json_loadb(line.p, line.len, FLAGS, NULL);
    const json_t *k = json_object_get(oracle, "k");
    T_CHECKF(json_is_string(k) && json_string_length(k) == want.len &&
                 (want.len == 0 || memcmp(json_string_value(k), want.p, want.len) == 0),
             "seed %llu: %.*s", round_seed, (int)line.len, line.p);
    check_line(line.p, line.len);
    json_decref(oracle);
    buf_free(&in);
    buf_free(&want);
    buf_free(&line);
}

int main(void)
{
    struct buf line = {0};

    for (round_seed = 1; round_seed <= 20000; round_seed++) {
        seed = round_seed * 0x9E3779B97F4A7C15U;
        line.len = 0;
        add_blank(&line);
        add_object(&line, 3);
        add_blank(&line);
        check_line(line.p, line.len);
        mutate(&line);
        check_line(line.p, line.len);
        check_encode();
    }
    buf_free(&line);
    printf("%lu accepted, %lu refused, %lu passed over\n", accepted, refused, passed_over);
    T_CHECK(accepted > 20000 && refused > 5000 && passed_over < 20000); /* the mix is a good one */
    return t_done("prop_jsonl");
}
