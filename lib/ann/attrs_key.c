/* attrs_key.c - values as keys that are in their order, and texts as values: attrs_make.h. */
#include <endian.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "ann/attrs_make.h"
#include "base/num.h"

/* ---- keys ---- */

static void put_key(uint64_t v, char key[KEY])
{
    v = htobe64(v);
    memcpy(key, &v, sizeof v);
}

static void key_of_int(int64_t v, char key[KEY])
{
    put_key((uint64_t)v ^ UINT64_C(1) << 63, key);
}

static void key_of_float(double v, char key[KEY])
{
    uint64_t u;

    v = v == 0 ? 0 : v; /* -0.0 too */
    memcpy(&u, &v, sizeof u);
    put_key(u >> 63 ? ~u : u | UINT64_C(1) << 63, key);
}

static uint64_t get_key(const char *key)
{
    uint64_t v;

    memcpy(&v, key, sizeof v);
    return be64toh(v);
}

int64_t key_int(const char *key)
{
    return (int64_t)(get_key(key) ^ UINT64_C(1) << 63);
}

double key_float(const char *key)
{
    uint64_t u = get_key(key);
    double v;

    u = u >> 63 ? u & ~(UINT64_C(1) << 63) : ~u;
    memcpy(&v, &u, sizeof v);
    return v;
}

const char *key_of(enum attr_type type, const struct attr_value *v, char key[KEY], size_t *len)
{
    *len = KEY;
    if (v->type == ATTR_STRING) {
        *len = v->as.s.len;
        return v->as.s.p;
    }
    if (v->type == ATTR_FLOAT && isnan(v->as.f))
        return NULL;
    if (type == ATTR_FLOAT)
        key_of_float(v->type == ATTR_FLOAT ? v->as.f : (double)v->as.i, key);
    else
        key_of_int(v->type == ATTR_BOOL    ? v->as.b
                   : v->type == ATTR_FLOAT ? (int64_t)v->as.f
                                           : v->as.i,
                   key);
    return key;
}

/* ---- text ---- */

static bool word_is(const char *p, size_t len, const char *word)
{
    return len == strlen(word) && strncasecmp(p, word, len) == 0;
}

/* A sign, and digits without a zero before them: 1 and *v; -1: digits, but too large. */
static int parse_int(const char *p, size_t len, int64_t *v)
{
    bool minus = len > 0 && *p == '-';
    size_t i = minus;
    bool large = false;
    int64_t x = 0;

    if (i == len || (p[i] == '0' && len > i + 1))
        return 0;
    for (; i < len; i++) {
        int digit = p[i] - '0';

        if (digit < 0 || digit > 9)
            return 0;
        large |= __builtin_mul_overflow(x, (int64_t)10, &x) ||
                 __builtin_add_overflow(x, (int64_t)(minus ? -digit : digit), &x);
    }
    *v = x;
    return large ? -1 : 1;
}

/* The same with a fraction and an exponent; also inf and nan. */
static bool parse_float(const char *p, size_t len, double *v)
{
    bool sign = len > 0 && (*p == '-' || *p == '+');
    const char *q = p + sign;
    size_t n = len - sign;
    char text[400];

    *v = sign && *p == '-' ? -INFINITY : INFINITY;
    if (word_is(q, n, "inf") || word_is(q, n, "infinity"))
        return true;
    if (word_is(q, n, "nan")) {
        *v = NAN;
        return true;
    }
    if (*p == '+' || len >= sizeof text || (n > 1 && *q == '0' && q[1] >= '0' && q[1] <= '9'))
        return false;
    memcpy(text, p, len);
    text[len] = '\0';
    return strlen(text) == len && num_double(text, v);
}

bool attr_parse(enum attr_type type, const char *p, size_t len, struct attr_value *v)
{
    *v = (struct attr_value){.type = type};
    if (len == 0 && type != ATTR_STRING)
        return false;
    switch (type) {
    case ATTR_BOOL:
        v->as.b = word_is(p, len, "true");
        return v->as.b || word_is(p, len, "false");
    case ATTR_INT:
        return parse_int(p, len, &v->as.i) > 0;
    case ATTR_FLOAT:
        if (!parse_float(p, len, &v->as.f))
            return false;
        v->type = isnan(v->as.f) ? ATTR_NONE : ATTR_FLOAT;
        return true;
    case ATTR_STRING:
        v->as.s.p = p;
        v->as.s.len = len;
        return true;
    case ATTR_NONE:
    case ATTR_SET:
        break;
    }
    return false;
}
