/* trace_fields.c - one value, by the rule of its column or member, into the record. */
#include <string.h>
#include <time.h>

#include "base/fixed.h"
#include "sim/trace_int.h"

/* What is wrong with a value, for people: cut to what fits into a sentence. */
static int bad(const struct trace_rule *rule, const struct jsonl_span *v, const char *what,
               struct err *e)
{
    int len = v->len < 40 ? (int)v->len : 40;

    return err_set(e, ERR_INPUT, "'%s' %s: '%.*s'", rule->name, what, len, v->p);
}

/* A field of CSV: of two quotes one is meant. */
static int single_quotes(const struct jsonl_span *v, struct buf *out, struct err *e)
{
    for (const char *p = v->p, *end = v->p + v->len, *q; p < end; p = q) {
        q = memchr(p, '"', (size_t)(end - p));
        q = q ? q + 2 : end;
        if (buf_add(out, p, (size_t)(q - p) - (q[-1] == '"'), e) < 0)
            return e->code;
    }
    return 0;
}

static int text(struct trace_reader *r, const struct jsonl_span *v, struct trace_text *out,
                struct err *e)
{
    size_t at = r->text.len;

    if (v->type == JSONL_NULL)
        return 0;
    *out = (struct trace_text){v->p, v->len};
    if (!v->escaped)
        return 0;
    if (v->type == JSONL_STRING ? jsonl_decode(v, &r->text, e) < 0
                                : single_quotes(v, &r->text, e) < 0)
        return e->code;
    *out = (struct trace_text){r->text.p + at, r->text.len - at};
    return 0;
}

/* ---- times ---- */

static bool two_digits(const char *p, int *v)
{
    if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
        return false;
    *v = 10 * (p[0] - '0') + (p[1] - '0');
    return true;
}

/* Of a month, 1 to 12. */
static int days(int year, int month)
{
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 ? 28 + leap : 30 + (month + month / 8) % 2;
}

/* "2023-11-16 18:15:46", with T or a blank between: seconds since 1970, in UTC. */
static bool date(const char *p, size_t len, int64_t *seconds)
{
    struct tm t = {0};
    int century, year;

    if (len < 19 || p[4] != '-' || p[7] != '-' || (p[10] != ' ' && p[10] != 'T') || p[13] != ':' ||
        p[16] != ':')
        return false;
    if (!two_digits(p, &century) || !two_digits(p + 2, &year) || !two_digits(p + 5, &t.tm_mon) ||
        !two_digits(p + 8, &t.tm_mday) || !two_digits(p + 11, &t.tm_hour) ||
        !two_digits(p + 14, &t.tm_min) || !two_digits(p + 17, &t.tm_sec))
        return false;
    year += 100 * century;
    if (t.tm_mon < 1 || t.tm_mon > 12 || t.tm_mday < 1 || t.tm_mday > days(year, t.tm_mon) ||
        t.tm_hour > 23 || t.tm_min > 59 || t.tm_sec > 60)
        return false;
    t.tm_year = year - 1900;
    t.tm_mon--;
    *seconds = timegm(&t);
    return true;
}

/* A date and a fraction; an offset from UTC may follow, +00:00 or Z. */
static bool date_ns(const char *p, size_t len, int64_t *ns)
{
    int64_t seconds, fraction = 0;
    size_t end = 19;

    if (!date(p, len, &seconds))
        return false;
    if (end < len && p[end] == '.')
        for (end++; end < len && p[end] >= '0' && p[end] <= '9';)
            end++;
    if (end > 20 && !fixed_parse(p + 19, end - 19, 9, &fraction))
        return false;
    if (__builtin_mul_overflow(seconds, INT64_C(1000000000), ns) ||
        __builtin_add_overflow(*ns, fraction, ns))
        return false;
    return end == len || (len - end == 1 && p[end] == 'Z') ||
           (len - end == 6 && memcmp(p + end, "+00:00", 6) == 0);
}

static int time_of(const struct trace_rule *rule, const struct jsonl_span *v, int64_t *ns,
                   struct err *e)
{
    int digits = rule->unit == UNIT_SECONDS ? 9 : rule->unit == UNIT_MS ? 6 : 0;

    if (v->type == JSONL_NULL)
        return 0;
    if (rule->unit == UNIT_DATE) {
        bool letter = v->len == 0 || (v->p[0] >= 'A' && v->p[0] <= 'Z');

        if (!letter && !date_ns(v->p, v->len, ns))
            return bad(rule, v, "is no date and time", e);
        return 0;
    }
    if (v->type != JSONL_NUMBER || !fixed_parse(v->p, v->len, digits, ns))
        return bad(rule, v, "is no time", e);
    return 0;
}

/* ---- numbers ---- */

static bool plain_digits(const struct jsonl_span *v, uint64_t *out)
{
    uint64_t x = 0;

    for (size_t i = 0; i < v->len; i++) {
        unsigned d = (unsigned char)v->p[i] - '0';

        if (d > 9 || x > (UINT64_MAX - d) / 10)
            return false;
        x = 10 * x + d;
    }
    *out = x;
    return v->len > 0;
}

/* A whole number, perhaps written 12.0. */
static int whole(const struct trace_rule *rule, const struct jsonl_span *v, int64_t *out,
                 struct err *e)
{
    int64_t x, tenth;

    if (v->type == JSONL_NULL)
        return 0;
    if (v->type != JSONL_NUMBER || !fixed_parse(v->p, v->len, 0, &x) ||
        !fixed_parse(v->p, v->len, 6, &tenth) || tenth != x * 1000000)
        return bad(rule, v, "is no whole number", e);
    *out = x;
    return 0;
}

static int tokens(const struct trace_rule *rule, const struct jsonl_span *v, uint64_t *out,
                  struct err *e)
{
    int64_t x = -1;

    if (v->type == JSONL_NUMBER && plain_digits(v, out) && *out <= TRACE_TOKENS_MOST)
        return 0;
    if (whole(rule, v, &x, e) < 0)
        return e->code;
    if (x < 0 || x > TRACE_TOKENS_MOST)
        return bad(rule, v, "is no number of tokens", e);
    *out = (uint64_t)x;
    return 0;
}

/* The same where it may be null. */
static int count(const struct trace_rule *rule, const struct jsonl_span *v, uint64_t *out,
                 struct err *e)
{
    return v->type == JSONL_NULL ? 0 : tokens(rule, v, out, e);
}

static int reuse(const struct trace_rule *rule, const struct jsonl_span *v, int64_t *out,
                 struct err *e)
{
    uint64_t x;

    if (v->type == JSONL_NULL)
        return 0;
    if (tokens(rule, v, &x, e) < 0)
        return e->code;
    *out = (int64_t)x;
    return 0;
}

static int yes(const struct trace_rule *rule, const struct jsonl_span *v, bool *out, struct err *e)
{
    if (v->type == JSONL_NULL)
        return 0;
    if (v->type != JSONL_BOOL)
        return bad(rule, v, "is neither true nor false", e);
    *out = v->p[0] == 't';
    return 0;
}

/* ---- lists ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static const char *blanks(const char *p)
{
    while (is_blank(*p))
        p++;
    return p;
}

/* [1,2,...], known to be JSON. */
static int numbers(struct trace_reader *r, const struct trace_rule *rule,
                   const struct jsonl_span *v, unsigned which, struct err *e)
{
    size_t n = 0;
    const char *p, *end = v->p + v->len - 1;

    if (v->type == JSONL_NULL)
        return 0;
    if (v->type != JSONL_ARRAY)
        return bad(rule, v, "is no list", e);
    if (mem_reserve(&r->number_v[which], &r->number_cap[which], v->len / 2 + 1,
                    sizeof *r->number_v[which], e) < 0)
        return e->code;
    for (p = blanks(v->p + 1); p < end; n++) {
        struct jsonl_span one = {.p = p, .type = JSONL_NUMBER};

        while (p < end && *p != ',' && !is_blank(*p))
            p++;
        one.len = (size_t)(p - one.p);
        if (!plain_digits(&one, &r->number_v[which][n]))
            return bad(rule, &one, "holds what is no whole number from 0 to 2^64", e);
        p = blanks(p);
        p = p < end ? blanks(p + 1) : p;
    }
    if (which == 0) {
        r->rec.hashes = r->number_v[0];
        r->rec.n_hashes = n;
    } else {
        r->rec.out_hashes = r->number_v[1];
        r->rec.n_out_hashes = n;
    }
    return 0;
}

static int add_after(struct trace_reader *r, const struct jsonl_span *v, struct err *e)
{
    size_t n = r->rec.n_after;

    if (mem_reserve(&r->after, &r->after_cap, n + 1, sizeof *r->after, e) < 0 ||
        text(r, v, &r->after[n], e) < 0)
        return e->code;
    r->rec.after = r->after;
    r->rec.n_after = n + 1;
    return 0;
}

static int after_list(struct trace_reader *r, const struct trace_rule *rule,
                      const struct jsonl_span *v, struct err *e)
{
    const char *at = NULL;
    struct jsonl_span one;

    if (v->type == JSONL_NULL)
        return 0;
    if (v->type != JSONL_ARRAY)
        return bad(rule, v, "is no list", e);
    while (jsonl_item(v, &at, &one)) {
        if (one.type != JSONL_STRING && one.type != JSONL_NUMBER)
            return bad(rule, v, "is no list of ids", e);
        if (add_after(r, &one, e) < 0)
            return e->code;
    }
    return 0;
}

static int after(struct trace_reader *r, const struct trace_rule *rule, const struct jsonl_span *v,
                 struct err *e)
{
    if (rule->unit == UNIT_LIST)
        return after_list(r, rule, v, e);
    if (v->type == JSONL_NULL || v->len == 0 || v->p[0] == '-')
        return 0;
    return add_after(r, v, e);
}

/* ---- all ---- */

static struct trace_text *text_field(struct trace_record *rec, enum trace_field f)
{
    switch (f) {
    case FIELD_SESSION:
        return &rec->session;
    case FIELD_TOOL:
        return &rec->tool;
    case FIELD_TENANT:
        return &rec->tenant;
    case FIELD_CATEGORY:
        return &rec->category;
    case FIELD_MODEL:
        return &rec->model;
    case FIELD_RACE:
        return &rec->race;
    case FIELD_IF_ENDED:
        return &rec->if_ended;
    default:
        return &rec->id;
    }
}

/* Of a program; 1: the field is none of these. */
static int program(struct trace_record *rec, const struct trace_rule *rule,
                   const struct jsonl_span *v, struct err *e)
{
    switch (rule->field) {
    case FIELD_JOINS:
        return count(rule, v, &rec->joins, e);
    case FIELD_COMMON:
        return count(rule, v, &rec->common, e);
    case FIELD_REUSE:
        return reuse(rule, v, &rec->reuse, e);
    case FIELD_WINNERS:
        return count(rule, v, &rec->winners, e);
    case FIELD_THEN_OUTPUT:
        return count(rule, v, &rec->then_output, e);
    case FIELD_BACKGROUND:
        return yes(rule, v, &rec->background, e);
    default:
        return 1;
    }
}

int trace_set(struct trace_reader *r, const struct trace_rule *rule, const struct jsonl_span *v,
              struct err *e)
{
    struct trace_record *rec = &r->rec;
    int rc = program(rec, rule, v, e);

    if (rc <= 0)
        return rc;
    switch (rule->field) {
    case FIELD_T:
        return time_of(rule, v, &rec->t_ns, e);
    case FIELD_TOOL_NS:
        return time_of(rule, v, &rec->tool_ns, e);
    case FIELD_DEADLINE:
        return time_of(rule, v, &rec->deadline_ns, e);
    case FIELD_PROMPT:
        return tokens(rule, v, &rec->prompt, e);
    case FIELD_OUTPUT:
        return tokens(rule, v, &rec->output, e);
    case FIELD_BLOCK:
        return count(rule, v, &rec->block, e);
    case FIELD_TURN:
        return whole(rule, v, &rec->turn, e);
    case FIELD_PRIORITY:
        return whole(rule, v, &rec->priority, e);
    case FIELD_HASHES:
        return numbers(r, rule, v, 0, e);
    case FIELD_OUT_HASHES:
        return numbers(r, rule, v, 1, e);
    case FIELD_AFTER:
        return after(r, rule, v, e);
    case FIELD_CALLS:
        r->call_list = *v;
        return 0;
    default:
        break;
    }
    if (v->type == JSONL_ARRAY || v->type == JSONL_OBJECT)
        return bad(rule, v, "is no text", e);
    return text(r, v, text_field(rec, rule->field), e);
}
