/* trace_json.c - lines that are JSON objects. */
#include <string.h>

#include "sim/trace_int.h"

static const struct trace_rule *rule_of(const struct trace_layout *l, const struct jsonl_span *key)
{
    for (size_t i = 0; i < l->n_rules; i++)
        if (jsonl_equals(key, l->rules[i].name, strlen(l->rules[i].name)))
            return &l->rules[i];
    return NULL;
}

bool trace_json_is(const struct trace_layout *l, const char *line, size_t len)
{
    struct err e = {0};
    struct jsonl j;
    struct jsonl_member m;
    uint64_t seen = 0, needed = 0;
    int rc;

    jsonl_begin(&j, line, len);
    while ((rc = jsonl_next(&j, &m, &e)) > 0) {
        const struct trace_rule *rule = rule_of(l, &m.key);

        if (rule)
            seen |= UINT64_C(1) << (rule - l->rules);
    }
    for (size_t i = 0; i < l->n_rules; i++)
        needed |= (uint64_t)l->rules[i].needed << i;
    return rc == 0 && (seen & needed) == needed;
}

int trace_json_wrong(const char *line, size_t len, struct err *e)
{
    struct jsonl j;
    struct jsonl_member m;
    int rc;

    jsonl_begin(&j, line, len);
    while ((rc = jsonl_next(&j, &m, e)) > 0)
        ;
    return rc;
}

/* A member that no rule names, as it stands. */
static int keep(struct trace_reader *r, const struct jsonl_member *m, struct err *e)
{
    bool quoted = m->value.type == JSONL_STRING;

    if (buf_adds(&r->rest, ",\"", e) < 0 || buf_add(&r->rest, m->key.p, m->key.len, e) < 0 ||
        buf_adds(&r->rest, quoted ? "\":\"" : "\":", e) < 0 ||
        buf_add(&r->rest, m->value.p, m->value.len, e) < 0 ||
        (quoted && buf_addc(&r->rest, '"', e) < 0))
        return e->code;
    r->rec.rest = (struct trace_text){r->rest.p, r->rest.len};
    return 0;
}

int trace_json_line(struct trace_reader *r, struct err *e)
{
    const struct trace_layout *l = r->layout;
    struct jsonl j;
    struct jsonl_member m;
    uint64_t seen = 0;
    int rc;

    jsonl_begin(&j, r->line, r->len);
    while ((rc = jsonl_next(&j, &m, e)) > 0) {
        const struct trace_rule *rule = rule_of(l, &m.key);
        uint64_t bit = rule ? UINT64_C(1) << (rule - l->rules) : 0;

        if (seen & bit)
            return err_set(e, ERR_INPUT, "'%s' is there twice", rule->name);
        seen |= bit;
        if (rule && trace_set(r, rule, &m.value, e) < 0)
            return e->code;
        if (!rule && l->rest && keep(r, &m, e) < 0)
            return e->code;
    }
    return rc < 0 ? rc : 1;
}
