/* neigh_text.c - lines of neighbours: query TAB rank TAB id [TAB score], or an object a line. */
#include <math.h>
#include <string.h>

#include "base/jsonl.h"
#include "base/mem.h"
#include "base/num.h"
#include "vec/decimal.h"
#include "vec/neigh_int.h"

enum { NUMBER = 40 };

/* A span that is no string of its own yet. */
static bool span_u64(const char *p, size_t len, uint64_t *v)
{
    char text[NUMBER];

    if (len >= sizeof text)
        return false;
    memcpy(text, p, len);
    text[len] = '\0';
    return num_u64(text, v);
}

static bool span_score(const char *p, size_t len, float *v)
{
    char text[NUMBER];
    const char *end;

    if (len >= sizeof text)
        return false;
    memcpy(text, p, len);
    text[len] = '\0';
    end = decimal_get_f32(text, v);
    return end && *end == '\0';
}

/* ---- names ---- */

/* The byte that stands behind a backslash in tsv. */
static char unescaped(char c)
{
    return c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c;
}

static int tsv_name(const char *p, size_t len, struct names *names, uint64_t *id, struct err *e)
{
    struct buf text = {0};
    int rc = buf_reserve(&text, len + 1, e);

    for (size_t i = 0; i < len && rc == 0; i++) {
        bool escape = p[i] == '\\' && i + 1 < len;
        text.p[text.len++] = escape ? unescaped(p[++i]) : p[i];
    }
    if (rc == 0)
        rc = names_add(names, text.p, text.len, id, e);
    buf_free(&text);
    return rc;
}

/* A string, or a number as it stands. */
static int json_name(const struct jsonl_span *v, struct names *names, uint64_t *id, struct err *e)
{
    struct buf text = {0};
    int rc;

    if (v->type != JSONL_STRING && v->type != JSONL_NUMBER)
        return err_set(e, ERR_INPUT, "member 'id' is no string");
    rc = jsonl_decode(v, &text, e);
    if (rc == 0)
        rc = names_add(names, text.p ? text.p : "", text.len, id, e);
    buf_free(&text);
    return rc;
}

/* ---- lines ---- */

static int tsv_field(struct neigh_entry *x, int field, const char *p, size_t n, struct names *names,
                     struct err *e)
{
    static const char *const name[] = {"query", "rank", "id", "score"};
    uint64_t *const to[] = {&x->query, &x->rank, &x->id};

    if (field == 2 && names)
        return tsv_name(p, n, names, &x->id, e);
    if (field < 3 ? !span_u64(p, n, to[field]) : !span_score(p, n, &x->score))
        return err_set(e, ERR_INPUT, "no %s in field %d", name[field], field + 1);
    return 0;
}

static int tsv_entry(struct neigh_entry *x, const char *p, size_t len, struct names *names,
                     struct err *e)
{
    const char *end = p + len;

    for (int field = 0; field < 4; field++) {
        const char *tab = memchr(p, '\t', (size_t)(end - p));

        x->has_score = field == 3;
        if (tsv_field(x, field, p, (size_t)((tab ? tab : end) - p), names, e) < 0)
            return e->code;
        if (!tab)
            return field < 2 ? err_set(e, ERR_INPUT, "fewer than three fields") : 0;
        p = tab + 1;
    }
    return err_set(e, ERR_INPUT, "more than four fields");
}

/* A member that is one of query, rank and id: its bit, 0 for others. */
static int json_member(struct neigh_entry *x, const struct jsonl_member *m, struct names *names,
                       struct err *e)
{
    static const char *const name[] = {"query", "rank", "id"};
    uint64_t *const to[] = {&x->query, &x->rank, &x->id};
    int i = 0;

    while (i < 3 && !jsonl_equals(&m->key, name[i], strlen(name[i])))
        i++;
    if (i == 3)
        return 0;
    if (i == 2 && names)
        return json_name(&m->value, names, &x->id, e) < 0 ? e->code : 4;
    if (m->value.type != JSONL_NUMBER || !span_u64(m->value.p, m->value.len, to[i]))
        return err_set(e, ERR_INPUT, "member '%s' is no whole number", name[i]);
    return 1 << i;
}

static int json_entry(struct neigh_entry *x, const char *p, size_t len, struct names *names,
                      struct err *e)
{
    int seen = 0, rc;
    struct jsonl j;
    struct jsonl_member m;

    jsonl_begin(&j, p, len);
    while ((rc = jsonl_next(&j, &m, e)) > 0) {
        int bit = json_member(x, &m, names, e);
        if (bit < 0)
            return bit;
        seen |= bit;
        if (jsonl_equals(&m.key, "score", 5) && m.value.type != JSONL_NULL) {
            x->has_score = m.value.type == JSONL_NUMBER &&
                           span_score(m.value.p, m.value.len, &x->score);
            if (!x->has_score)
                return err_set(e, ERR_INPUT, "member 'score' is no number");
        }
    }
    if (rc == 0 && seen != 7)
        return err_set(e, ERR_INPUT, "not all of query, rank and id are there");
    return rc;
}

int neigh_entry_bad(const struct lines *in, struct err *e)
{
    return err_prefix(e, "%s:%llu", stream_name(lines_stream(in)),
                      (unsigned long long)lines_number(in));
}

int neigh_entry_next(struct lines *in, bool json, struct names *names, struct neigh_entry *x,
                     struct err *e)
{
    const char *p;
    size_t len;
    int rc;

    do {
        rc = json ? lines_next(in, &p, &len, e) : lines_next_text(in, &p, &len, e);
    } while (rc > 0 && !json && (len == 0 || *p == '#'));
    if (rc <= 0)
        return rc;
    *x = (struct neigh_entry){.score = NAN};
    rc = json ? json_entry(x, p, len, names, e) : tsv_entry(x, p, len, names, e);
    if (rc == ERR_INPUT)
        return neigh_entry_bad(in, e);
    return rc < 0 ? rc : 1;
}
