/* jsonl.c - see jsonl.h.
 *
 * A corpus line is a few short members and one string of kilobytes, with an escaped newline or
 * quote every 20 to 80 bytes. Its cost is that of finding what matters inside the string, and, were
 * it done escape by escape, of one mispredicted branch for each. So once a string has shown an
 * escape it goes in steps of 64 bytes turned into bit masks (where are backslashes, quotes, ...),
 * and integer arithmetic tells which characters are escaped, as simdjson does (Langdale and Lemire,
 * "Parsing gigabytes of JSON per second", VLDB Journal 2019, section 3.1.1); there is no second
 * stage and no table of positions here, as the scanner pulls. jsonl_decode() copies 64 bytes for
 * every run between escapes and then takes as many as the run is long.
 *
 * The masks come from SSE2, which every x86-64 has, or from arithmetic in 64-bit words elsewhere.
 *
 * Nested values nobody has asked for are checked by a loop with an explicit stack of brackets, so
 * no input can exhaust the C stack.
 *
 * An error changes nothing in struct jsonl: the next call finds it again.
 */
#include "base/jsonl.h"

#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/utf8.h"

enum state { BEFORE_OBJECT, FIRST_MEMBER, NEXT_MEMBER, AFTER_OBJECT };

/* The next BLOCK bytes; bit i of a mask is about byte i. */
#ifdef __SSE2__

enum { BLOCK = 16 };
typedef __m128i block;

static inline block load(const char *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline uint64_t find_char(block b, char c)
{
    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(b, _mm_set1_epi8(c)));
}

static inline uint64_t find_control(block b) /* below 0x20 */
{
    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(b, _mm_set1_epi8(0x1F)), b));
}

static inline uint64_t find_high(block b) /* from 0x80 up */
{
    return (unsigned)_mm_movemask_epi8(b);
}

#else

enum { BLOCK = 8 };
typedef uint64_t block;

static const uint64_t ones = 0x0101010101010101U, highs = 0x8080808080808080U;

static inline block load(const char *p)
{
    block b;

    memcpy(&b, p, sizeof b);
    return b;
}

static inline uint64_t find_high(block b)
{
    return ((b & highs) >> 7) * 0x0102040810204080U >> 56; /* gathers the bits; little-endian */
}

static inline uint64_t find_zero(block b)
{
    return find_high(~(((b & ~highs) + ~highs) | b));
}

static inline uint64_t find_char(block b, char c)
{
    return find_zero(b ^ (ones * (unsigned char)c));
}

static inline uint64_t find_control(block b)
{
    return find_zero(b & (ones * 0xE0));
}

#endif

enum { STEP = 64 };

/* Which of the STEP bytes from p on are c? */
static inline uint64_t step_char(const char *p, char c)
{
    uint64_t m = 0;

    for (int i = 0; i < STEP; i += BLOCK)
        m |= find_char(load(p + i), c) << i;
    return m;
}

static inline uint64_t step_control(const char *p)
{
    uint64_t m = 0;

    for (int i = 0; i < STEP; i += BLOCK)
        m |= find_control(load(p + i)) << i;
    return m;
}

/* Which characters of a step are escaped, given its backslashes? *carry: is the first one, by the
 * step before; is the first of the next. In a run of backslashes every other one escapes: adding a
 * run's first bit to the run carries out behind it, so runs that begin at odd places can be told
 * from the others without a loop. */
static inline uint64_t step_escaped(uint64_t slash, uint64_t *carry)
{
    const uint64_t even = 0x5555555555555555U;
    uint64_t behind, ends;

    slash &= ~*carry;
    behind = slash << 1 | *carry;
    *carry = __builtin_add_overflow(slash & ~even & ~behind, slash, &ends);
    return (even ^ ends << 1) & behind;
}

static inline bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline const char *skip_blanks(const char *p, const char *end)
{
    while (p < end && is_blank(*p))
        p++;
    return p;
}

static int fail(const struct jsonl *j, const char *at, const char *what, struct err *e)
{
    return err_set(e, ERR_INPUT, "%s at byte %zu", what, (size_t)(at - j->start) + 1);
}

static int fail_expected(const struct jsonl *j, const char *at, const char *what, struct err *e)
{
    if (at == j->end)
        return err_set(e, ERR_INPUT, "%s expected but the line ends at byte %zu", what,
                       (size_t)(at - j->start));
    return err_set(e, ERR_INPUT, "%s expected at byte %zu", what, (size_t)(at - j->start) + 1);
}

/* Value of four hexadecimal digits, or -1. */
static int hex4(const char *p)
{
    int v = 0;

    for (int i = 0; i < 4; i++) {
        int c = (unsigned char)p[i], d;
        if (c >= '0' && c <= '9')
            d = c - '0';
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            d = (c | 0x20) - 'a' + 10;
        else
            return -1;
        v = v << 4 | d;
    }
    return v;
}

/* What a one-letter escape stands for; '\0' for a letter that is none. */
static char simple_escape(char c)
{
    static const char table[256] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                    ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};

    return table[(unsigned char)c];
}

/* Length of the escape at p (a backslash), or 0 when it is none. */
static size_t check_escape(const char *p, const char *end)
{
    if (end - p >= 2 && simple_escape(p[1]))
        return 2;
    return end - p >= 6 && p[1] == 'u' && hex4(p + 2) >= 0 ? 6 : 0;
}

/* First quote, backslash or control character, and with `high` also byte from 0x80 up, of
 * p[0..end); or end. */
static inline const char *find_in_string(const char *p, const char *end, bool high)
{
    for (; end - p >= BLOCK; p += BLOCK) {
        block b = load(p);
        uint64_t m = find_control(b) | find_char(b, '"') | find_char(b, '\\');
        if (high)
            m |= find_high(b);
        if (m)
            return p + __builtin_ctzll(m);
    }
    for (; p < end; p++) {
        unsigned char c = (unsigned char)*p;
        if (c < 0x20 || c == '"' || c == '\\' || (high && c >= 0x80))
            break;
    }
    return p;
}

/* Are the escapes whose letters stand at the mask's places in the step at p good ones? */
static inline bool letters_good(const char *p, const char *end, uint64_t letters)
{
    for (; letters; letters &= letters - 1)
        if (!check_escape(p + __builtin_ctzll(letters) - 1, end))
            return false;
    return true;
}

/* From p inside a string, not behind a backslash, on to its closing quote, or to less than a step
 * before it, an error or the line's end, again not behind a backslash. */
static const char *skip_steps(const char *p, const char *end)
{
    uint64_t carry = 0;

    for (; end - p >= STEP; p += STEP) {
        uint64_t before = carry, slash = step_char(p, '\\'), quote = step_char(p, '"');
        uint64_t escaped = step_escaped(slash, &carry);
        uint64_t common = slash | quote | step_char(p, 'n') | step_char(p, 't');
        uint64_t closing = quote & ~escaped;
        uint64_t inside = (closing & -closing) - 1; /* the bits below the first, or all */
        if ((step_control(p) & inside) || !letters_good(p, end, escaped & ~common & inside))
            return p - before;
        if (closing)
            return p + __builtin_ctzll(closing);
    }
    return p - carry;
}

/* The string whose opening quote is at p. Returns what follows it, or NULL with *e filled. */
static const char *scan_string(const struct jsonl *j, const char *p, struct jsonl_span *v,
                               struct err *e)
{
    const char *open = p++;

    v->p = p;
    v->type = JSONL_STRING;
    p = find_in_string(p, j->end, false);
    v->escaped = p < j->end && *p == '\\';
    if (v->escaped)
        p = skip_steps(p, j->end);
    for (;;) {
        p = find_in_string(p, j->end, false);
        if (p == j->end) {
            fail(j, open, "string without its closing quote", e);
            return NULL;
        }
        if (*p == '"')
            break;
        size_t n = *p == '\\' ? check_escape(p, j->end) : 0;
        if (n == 0) {
            fail(j, p, *p == '\\' ? "bad escape" : "control character in a string", e);
            return NULL;
        }
        p += n;
    }
    v->len = (size_t)(p - v->p);
    return p + 1;
}

static inline const char *skip_digits(const char *p, const char *end)
{
    while (p < end && is_digit(*p))
        p++;
    return p;
}

/* The number at p, a '-' or a digit: -? (0 | [1-9][0-9]*) (.[0-9]+)? ([eE][+-]?[0-9]+)? */
static const char *scan_number(const struct jsonl *j, const char *p, struct err *e)
{
    const char *begin = p, *end = j->end, *digits;

    p += *p == '-';
    digits = p;
    p = skip_digits(p, end);
    bool good = p > digits && (*digits != '0' || p == digits + 1);
    if (good && p < end && *p == '.') {
        digits = ++p;
        p = skip_digits(p, end);
        good = p > digits;
    }
    if (good && p < end && (*p | 0x20) == 'e') {
        p++;
        p += p < end && (*p == '+' || *p == '-');
        digits = p;
        p = skip_digits(p, end);
        good = p > digits;
    }
    if (good)
        return p;
    fail(j, begin, "bad number", e);
    return NULL;
}

static const char *scan_literal(const struct jsonl *j, const char *p, struct jsonl_span *v,
                                struct err *e)
{
    static const struct {
        const char *word;
        size_t len;
        enum jsonl_type type;
    } literals[] = {{"null", 4, JSONL_NULL}, {"true", 4, JSONL_BOOL}, {"false", 5, JSONL_BOOL}};

    for (size_t i = 0; i < sizeof literals / sizeof *literals; i++) {
        size_t len = literals[i].len;
        if ((size_t)(j->end - p) >= len && memcmp(p, literals[i].word, len) == 0) {
            v->type = literals[i].type;
            return p + len;
        }
    }
    fail_expected(j, p, "a value", e);
    return NULL;
}

/* A string, number or literal at p. Returns what follows it, or NULL with *e filled. */
static const char *scan_scalar(const struct jsonl *j, const char *p, struct jsonl_span *v,
                               struct err *e)
{
    const char *after;

    if (p < j->end && *p == '"')
        return scan_string(j, p, v, e);
    if (p < j->end && (*p == '-' || is_digit(*p))) {
        v->type = JSONL_NUMBER;
        after = scan_number(j, p, e);
    } else {
        after = scan_literal(j, p, v, e);
    }
    v->p = p;
    v->len = after ? (size_t)(after - p) : 0;
    v->escaped = false;
    return after;
}

/* The key at p, blanks skipped, and its colon. Returns the place of the value. */
static const char *scan_key(const struct jsonl *j, const char *p, struct jsonl_span *key,
                            struct err *e)
{
    p = skip_blanks(p, j->end);
    if (p == j->end || *p != '"') {
        fail_expected(j, p, "a member's name in quotes", e);
        return NULL;
    }
    p = scan_string(j, p, key, e);
    if (!p)
        return NULL;
    p = skip_blanks(p, j->end);
    if (p == j->end || *p != ':') {
        fail_expected(j, p, "':'", e);
        return NULL;
    }
    return skip_blanks(p + 1, j->end);
}

/* The closing brackets that are owed inside a nested value. The line's object is one level. */
struct brackets {
    int depth;
    char close[JSONL_DEPTH - 1];
};

/* After a value inside brackets: closes as many as close here, passes the comma. Returns the next
 * value's or key's place, or the end of the outermost value with depth 0; NULL on error. */
static const char *scan_between(const struct jsonl *j, const char *p, struct brackets *b,
                                struct err *e)
{
    while (b->depth > 0) {
        char close = b->close[b->depth - 1];
        p = skip_blanks(p, j->end);
        if (p < j->end && *p == ',')
            return skip_blanks(p + 1, j->end);
        if (p == j->end || *p != close) {
            fail_expected(j, p, close == '}' ? "',' or '}'" : "',' or ']'", e);
            return NULL;
        }
        p++;
        b->depth--;
    }
    return p;
}

/* Inside an object the key and colon come first. Returns the place of the value. */
static const char *scan_to_value(const struct jsonl *j, const char *p, const struct brackets *b,
                                 struct err *e)
{
    struct jsonl_span key;

    return b->close[b->depth - 1] == '}' ? scan_key(j, p, &key, e) : p;
}

/* The array or object at p, with all that is in it. */
static const char *scan_nested(const struct jsonl *j, const char *p, struct err *e)
{
    struct brackets b = {.depth = 0};
    struct jsonl_span v;

    for (;;) {
        bool opens = p < j->end && (*p == '[' || *p == '{'), empty = false;
        if (opens) {
            if (b.depth == JSONL_DEPTH - 1) {
                fail(j, p, "nested too deep", e);
                return NULL;
            }
            b.close[b.depth++] = *p == '[' ? ']' : '}';
            p = skip_blanks(p + 1, j->end);
            empty = p < j->end && *p == b.close[b.depth - 1];
        } else {
            p = scan_scalar(j, p, &v, e);
        }
        if (p && (!opens || empty))
            p = scan_between(j, p, &b, e);
        if (!p || b.depth == 0)
            return p;
        p = scan_to_value(j, p, &b, e);
        if (!p)
            return NULL;
    }
}

static const char *scan_value(const struct jsonl *j, const char *p, struct jsonl_span *v,
                              struct err *e)
{
    if (p == j->end || (*p != '[' && *p != '{'))
        return scan_scalar(j, p, v, e);
    const char *after = scan_nested(j, p, e);
    v->p = p;
    v->len = after ? (size_t)(after - p) : 0;
    v->type = *p == '[' ? JSONL_ARRAY : JSONL_OBJECT;
    v->escaped = false;
    return after;
}

bool jsonl_is_blank(const char *line, size_t len)
{
    return skip_blanks(line, line + len) == line + len;
}

void jsonl_begin(struct jsonl *j, const char *line, size_t len)
{
    *j = (struct jsonl){
        .start = line, .p = line + utf8_mark(line, len), .end = line + len, .state = BEFORE_OBJECT};
}

/* After the closing brace at p - 1. */
static int end_object(struct jsonl *j, const char *p, struct err *e)
{
    const char *rest = skip_blanks(p, j->end);

    if (rest < j->end)
        return fail(j, rest, "more text after the object", e);
    j->p = p;
    j->state = AFTER_OBJECT;
    return 0;
}

int jsonl_next(struct jsonl *j, struct jsonl_member *m, struct err *e)
{
    const char *p = skip_blanks(j->p, j->end);

    if (j->state == AFTER_OBJECT)
        return 0;
    if (j->state == BEFORE_OBJECT) {
        if (p == j->end || *p != '{')
            return fail_expected(j, p, "a JSON object", e);
        j->p = ++p;
        j->state = FIRST_MEMBER;
        p = skip_blanks(p, j->end);
    }
    if (p < j->end && *p == '}')
        return end_object(j, p + 1, e);
    if (j->state == NEXT_MEMBER) {
        if (p == j->end || *p != ',')
            return fail_expected(j, p, "',' or '}'", e);
        p++;
    }
    p = scan_key(j, p, &m->key, e);
    if (p)
        p = scan_value(j, p, &m->value, e);
    if (!p)
        return e->code;
    j->p = p;
    j->state = NEXT_MEMBER;
    return 1;
}

int jsonl_members(const char *line, size_t len, const char *const *names, struct jsonl_span *v,
                  size_t n, struct err *e)
{
    struct jsonl j;
    struct jsonl_member m;
    int rc;

    for (size_t i = 0; i < n; i++)
        v[i] = (struct jsonl_span){.p = NULL};
    jsonl_begin(&j, line, len);
    while ((rc = jsonl_next(&j, &m, e)) > 0)
        for (size_t i = 0; i < n; i++)
            if (jsonl_equals(&m.key, names[i], strlen(names[i])))
                v[i] = m.value;
    return rc;
}

bool jsonl_item(const struct jsonl_span *array, const char **at, struct jsonl_span *item)
{
    const struct jsonl j = {.start = array->p, .end = array->p + array->len};
    struct err e = {0};
    const char *p = skip_blanks(*at ? *at : array->p + 1, j.end);

    if (*p == ',')
        p = skip_blanks(p + 1, j.end);
    *at = *p == ']' ? p : scan_value(&j, p, item, &e);
    return *p != ']' && *at;
}

/* Writes c as 1 to 3 bytes, or 4 above U+FFFF. */
static size_t put_utf8(char *out, unsigned c)
{
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(n == 1 ? c : (0xF00U >> n & 0xFF) | c);
    return n;
}

/* Decodes the validated escape at *p, moves *p behind it, writes at most 4 bytes. */
static size_t decode_escape(const char **p, const char *end, char *out)
{
    const char *s = *p;

    if (s[1] != 'u') {
        *p += 2;
        out[0] = simple_escape(s[1]);
        return 1;
    }
    unsigned c = (unsigned)hex4(s + 2);
    *p += 6;
    if (c >> 10 == 0xD800 >> 10 && end - *p >= 6 && s[6] == '\\' && s[7] == 'u') {
        unsigned low = (unsigned)hex4(s + 8);
        if (low >> 10 == 0xDC00 >> 10) {
            *p += 6;
            c = 0x10000 + ((c & 0x3FF) << 10) + (low & 0x3FF);
        }
    }
    return put_utf8(out, c);
}

bool jsonl_equals(const struct jsonl_span *v, const char *s, size_t len)
{
    const char *p = v->p, *end = v->p + v->len;
    char c[4];

    if (v->type != JSONL_STRING)
        return false;
    if (!v->escaped)
        return v->len == len && (len == 0 || memcmp(p, s, len) == 0);
    while (p < end) {
        size_t n = 1;
        if (*p == '\\')
            n = decode_escape(&p, end, c);
        else
            c[0] = *p++;
        if (n > len || memcmp(c, s, n) != 0)
            return false;
        s += n;
        len -= n;
    }
    return len == 0;
}

/* Decodes the step at *p, or a little more; moves *p on. Reads two steps of *p and may write two
 * steps at `to`. Returns the end of what counts. */
static inline char *decode_step(const char **p, const char *end, char *to)
{
    const char *from = *p, *step_end = from + STEP;
    uint64_t slash = step_char(from, '\\');

    while (slash) {
        const char *at = *p + __builtin_ctzll(slash);
        memcpy(to, from, STEP);
        to += at - from;
        from = at;
        to += decode_escape(&from, end, to);
        slash = from < step_end ? slash & ~(uint64_t)0 << (from - *p) : 0;
    }
    if (from < step_end) {
        memcpy(to, from, STEP);
        to += step_end - from;
        from = step_end;
    }
    *p = from;
    return to;
}

int jsonl_decode(const struct jsonl_span *v, struct buf *out, struct err *e)
{
    const char *p = v->p, *end = v->p + v->len;

    if (!v->escaped)
        return buf_add(out, v->p, v->len, e);
    if (buf_reserve(out, v->len, e) < 0)
        return e->code;
    char *to = out->p + out->len;
    while (end - p >= 2 * STEP) /* escapes only shrink, so what may be read there may be written */
        to = decode_step(&p, end, to);
    while (p < end) {
        if (*p == '\\')
            to += decode_escape(&p, end, to);
        else
            *to++ = *p++;
    }
    out->len = (size_t)(to - out->p);
    return 0;
}

/* The escape for a byte that cannot stand in a string. */
static int add_escape(struct buf *out, unsigned char c, struct err *e)
{
    static const char letters[] = "\"\"\\\\\bb\ff\nn\rr\tt";

    for (const char *l = letters; *l; l += 2)
        if ((unsigned char)*l == c)
            return buf_add(out, (char[]){'\\', l[1]}, 2, e);
    return buf_printf(out, e, "\\u%04x", c);
}

/* replace: what is not UTF-8; else it stays. */
static int encode(const char *p, size_t len, bool replace, struct buf *out, struct err *e)
{
    const char *end = p + len, *done = p; /* what stands before `done` is in out */
    int rc = 0;

    while (rc == 0 && (p = find_in_string(p, end, replace)) < end) {
        unsigned char c = (unsigned char)*p;
        size_t n = utf8_step(p, (size_t)(end - p));
        if (n == 1) {
            rc = buf_add(out, done, (size_t)(p - done), e);
            if (rc == 0)
                rc = c < 0x80 ? add_escape(out, c, e) : buf_add(out, "\xEF\xBF\xBD", 3, e);
            done = p + 1;
        }
        p += n;
    }
    return rc < 0 ? rc : buf_add(out, done, (size_t)(end - done), e);
}

int jsonl_encode(const char *p, size_t len, struct buf *out, struct err *e)
{
    return encode(p, len, true, out, e);
}

int jsonl_escape(const char *p, size_t len, struct buf *out, struct err *e)
{
    return encode(p, len, false, out, e);
}
