/* test_json.c - small JSON documents: what is there, what is not, what is of another type. */
#include "t.h"
#include "tmp.h"

#include "base/json.h"

static struct json *parse(const char *text)
{
    struct json *root = NULL;
    struct err e = {0};

    T_CHECKF(json_parse(&root, text, strlen(text), &e) == 0, "%s: %s", text, e.msg);
    return root;
}

static void values(void)
{
    struct json *root = parse(
        "{\"i\":-5,\"d\":2.5,\"big\":9223372036854775807,\"t\":\"a\\u00e9b\",\"n\":null,"
        "\"y\":true,\"no\":false,\"l\":[1,[2,3],{}],\"o\":{\"k\":{\"z\":7}},\"\":1}");
    const struct json *list = json_get(root, "l");
    const char *p = "old", *key;
    double d = 42;
    int64_t i = 42;
    size_t len = 42;

    T_CHECK(json_i64(json_get(root, "i"), &i) && i == -5);
    T_CHECK(json_i64(json_get(root, "big"), &i) && i == INT64_MAX);
    T_CHECK(json_double(json_get(root, "d"), &d) && d == 2.5);
    T_CHECK(json_double(json_get(root, "i"), &d) && d == -5);
    T_CHECK(json_text(json_get(root, "t"), &p, &len) && len == 4 &&
            memcmp(p,
                   "a\xc3\xa9"
                   "b",
                   4) == 0);
    T_CHECK(json_len(list) == 3 && json_len(json_at(list, 1)) == 2);
    T_CHECK(json_i64(json_at(json_at(list, 1), 1), &i) && i == 3);
    T_CHECK(json_i64(json_get(json_get(json_get(root, "o"), "k"), "z"), &i) && i == 7);
    T_CHECK(json_i64(json_get(root, ""), &i) && i == 1);

    /* What is absent, or of another type, leaves the value as it was, at any depth. */
    i = 42;
    d = 42;
    p = "old";
    T_CHECK(!json_i64(json_get(root, "d"), &i) && !json_i64(json_get(root, "t"), &i) && i == 42);
    T_CHECK(!json_i64(json_get(json_get(json_get(root, "none"), "k"), "z"), &i) && i == 42);
    T_CHECK(!json_double(json_get(root, "t"), &d) && !json_double(NULL, &d) && d == 42);
    T_CHECK(!json_text(json_get(root, "i"), &p, &len) && strcmp(p, "old") == 0);
    T_CHECK(json_len(NULL) == 0 && json_len(json_get(root, "o")) == 0 && !json_at(list, 3));
    T_CHECK(!json_at(json_get(root, "o"), 0) && !json_get(list, "x") && !json_get(NULL, "x"));
    T_CHECK(json_none(NULL) && json_none(json_get(root, "n")) && !json_none(json_get(root, "no")));

    /* Members in the document's order. */
    T_CHECK(json_member(root, 0, &key) && strcmp(key, "i") == 0);
    T_CHECK(json_member(root, 9, &key) && strcmp(key, "") == 0);
    T_CHECK(!json_member(root, 10, &key) && !json_member(list, 0, &key) &&
            !json_member(NULL, 0, &key));
    json_free(root);
    json_free(NULL);
}

static void refused(void)
{
    static const char *const bad[] = {
        "",     "{",     "[1,]", "{\"a\":1,\"a\":2}", "nul",   "1 2", "\"a", "{\"a\" 1}", "[1e999]",
        "[01]", "{a:1}", "'a'",  "[\"\\ud800\"]",     "[nan]", "[1]x"};
    struct json *root = NULL;
    struct err e = {0};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        T_CHECKF(json_parse(&root, bad[i], strlen(bad[i]), &e) == ERR_INPUT, "%s", bad[i]);
        T_CHECKF(strncmp(e.msg, "line 1: ", 8) == 0, "%s", e.msg);
    }
    T_CHECK(json_parse(&root, "[1,\n\n,2]", 8, &e) == ERR_INPUT &&
            strncmp(e.msg, "line 3: ", 8) == 0);
    T_CHECK(!root);
}

static void files(void)
{
    struct json *root = NULL;
    struct err e = {0};
    size_t n = 1 << 18;
    char *big = malloc(n);

    memset(big, ' ', n);
    memcpy(big, "[1,", 3);
    memcpy(big + n - 2, "2]", 2);
    tmp_put("big", big, n);
    free(big);
    T_CHECK(json_load(&root, "big", &e) == 0 && json_len(root) == 2);
    json_free(root);
    tmp_put("bad", "[1,\n2", 6);
    T_CHECK(json_load(&root, "bad", &e) == ERR_INPUT && strncmp(e.msg, "bad: line 2: ", 13) == 0);
    tmp_put("empty", "", 0);
    T_CHECK(json_load(&root, "empty", &e) == ERR_INPUT);
    T_CHECK(json_load(&root, "none", &e) == ERR_IO && json_load(&root, ".", &e) < 0);
}

int main(void)
{
    tmp_enter();
    values();
    refused();
    files();
    tmp_leave();
    return t_done("test_json");
}
