/* json.c - jansson, which nothing else includes. */
#include "base/json.h"

#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/stream.h"
#include "base/utf8.h"

enum { CHUNK = 1 << 16 };

static const json_t *value(const struct json *v)
{
    return (const json_t *)v;
}

/* Where jansson gets no memory it says anything, "invalid token" too: so it is seen here. */
static _Thread_local bool no_memory;

static void *allot(size_t n)
{
    void *p = malloc(n);

    no_memory |= !p;
    return p;
}

static void set_memory(void)
{
    json_set_alloc_funcs(allot, free);
}

int json_parse(struct json **out, const char *p, size_t len, struct err *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    json_error_t at;
    json_t *root;

    if (len > JSON_BYTES_MOST)
        return err_set(e, ERR_INPUT, "more than %d bytes of JSON", JSON_BYTES_MOST);
    pthread_once(&once, set_memory);
    no_memory = false;
    root = json_loadb(p, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &at);
    if (!root && no_memory)
        return err_set(e, ERR_MEM, "out of memory for JSON");
    if (!root)
        return err_set(e, ERR_INPUT, "line %d: %s", at.line, at.text);
    *out = (struct json *)root;
    return 0;
}

int json_load(struct json **out, const char *path, struct err *e)
{
    struct buf b = {0};
    struct stream *s = NULL;
    int64_t got = 1;
    size_t mark;
    int rc = stream_open(&s, path, e);

    while (rc == 0 && got > 0) {
        rc = buf_reserve(&b, CHUNK, e);
        if (rc == 0 && (got = stream_read(s, b.p + b.len, CHUNK, e)) > 0)
            b.len += (size_t)got;
        if (b.len > JSON_BYTES_MOST)
            break; /* which is refused below */
    }
    rc = rc == 0 && got < 0 ? (int)got : rc;
    mark = b.len ? utf8_mark(b.p, b.len) : 0;
    if (rc == 0 && (rc = json_parse(out, b.p + mark, b.len - mark, e)) == ERR_INPUT)
        err_prefix(e, "%s", stream_name(s));
    stream_close(s);
    buf_free(&b);
    return rc;
}

void json_free(struct json *root)
{
    json_decref((json_t *)root);
}

const struct json *json_get(const struct json *v, const char *key)
{
    return (const struct json *)json_object_get(value(v), key);
}

size_t json_len(const struct json *v)
{
    return json_array_size(value(v));
}

const struct json *json_at(const struct json *v, size_t i)
{
    return (const struct json *)json_array_get(value(v), i);
}

const struct json *json_member(const struct json *v, size_t i, const char **key)
{
    json_t *o = (json_t *)(uintptr_t)v;
    void *at = json_object_iter(o);

    while (at && i-- > 0)
        at = json_object_iter_next(o, at);
    if (!at)
        return NULL;
    *key = json_object_iter_key(at);
    return (const struct json *)json_object_iter_value(at);
}

bool json_none(const struct json *v)
{
    return !v || json_is_null(value(v));
}

bool json_i64(const struct json *v, int64_t *out)
{
    if (!json_is_integer(value(v)))
        return false;
    *out = json_integer_value(value(v));
    return true;
}

bool json_double(const struct json *v, double *out)
{
    if (!json_is_number(value(v)))
        return false;
    *out = json_number_value(value(v));
    return true;
}

bool json_text(const struct json *v, const char **p, size_t *len)
{
    if (!json_is_string(value(v)))
        return false;
    *p = json_string_value(value(v));
    *len = json_string_length(value(v));
    return true;
}
