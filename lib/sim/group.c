/* group.c - see group.h. */
#include "sim/group.h"

#include <stdlib.h>

#include "base/jsonl.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/num.h"
#include "base/out.h"
#include "base/stream.h"
#include "sim/record.h"

void groups_free(struct groups *g)
{
    free(g->v);
    free(g->member);
    *g = (struct groups){0};
}

/* ---- making ---- */

static int rising(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static int sooner(const void *a, const void *b)
{
    const struct group *x = a, *y = b;

    if (x->computed != y->computed)
        return x->computed < y->computed ? -1 : 1;
    return (x->leader > y->leader) - (x->leader < y->leader);
}

/* The members from `at` on are a group, of at least one. */
static void add_group(struct groups *g, uint32_t prefix, size_t at, uint64_t tokens)
{
    uint32_t n = (uint32_t)(g->members - at);

    qsort(g->member + at, n, sizeof *g->member, rising);
    g->v[g->n++] = (struct group){.prefix = prefix,
                                  .n = n,
                                  .leader = g->member[at],
                                  .at = at,
                                  .computed = tokens - (uint64_t)(n - 1) * prefix};
    g->saved += (uint64_t)(n - 1) * prefix;
}

/* Prompts in the tree's order. */
struct gathered {
    uint64_t tokens;
    uint32_t first, last;
};

/* All prompts at node c and below. */
static struct gathered gather(struct groups *g, const struct prefix_tree *t, uint32_t c)
{
    struct gathered all = {.first = UINT32_MAX};

    for (uint32_t x = c;;) {
        for (uint32_t i = t->node[x].own; i < t->node[x].own_end; i++) {
            g->member[g->members++] = t->order[i];
            all.tokens += t->prompts->v[t->order[i]].tokens;
            all.first = i < all.first ? i : all.first;
            all.last = i > all.last ? i : all.last;
        }
        if (t->node[x].child != PREFIX_NONE) {
            x = t->node[x].child;
            continue;
        }
        while (x != c && t->node[x].sibling == PREFIX_NONE)
            x = t->node[x].parent;
        if (x == c)
            return all;
        x = t->node[x].sibling;
    }
}

/* The prefix is what all have in common: more than the node's text where those that differed have
 * moved up. */
int groups_of_tree(struct groups *g, const struct prefix_tree *t, struct err *e)
{
    uint32_t n = t->prompts->n;

    *g = (struct groups){.v = mem_array((size_t)n / 2 + 1, sizeof *g->v, e),
                         .member = mem_array(n, sizeof *g->member, e)};
    if (!g->v || !g->member)
        return ERR_MEM;
    for (uint32_t i = t->node[0].child; i != PREFIX_NONE; i = t->node[i].sibling) {
        size_t at = g->members;
        struct gathered all;

        if (t->node[i].leaves < 2)
            continue;
        all = gather(g, t, i);
        add_group(g, (uint32_t)prefix_tree_shared(t, all.first, all.last), at, all.tokens);
    }
    qsort(g->v, g->n, sizeof *g->v, sooner);
    return 0;
}

int groups_of_trace(struct groups *g, const struct trace_set *t, struct err *e)
{
    struct prompts p = {0};
    struct prefix_tree tree = {0};
    int rc = prompts_of_trace(&p, t, e);

    *g = (struct groups){0};
    if (rc == 0)
        rc = prefix_tree_make(&tree, &p, e);
    if (rc == 0) {
        prefix_tree_reuse_most(&tree);
        rc = groups_of_tree(g, &tree, e);
    }
    prefix_tree_free(&tree);
    prompts_free(&p);
    return rc;
}

/* ---- a file ---- */

void groups_write(struct out *o, const struct groups *g, const struct prompts *p)
{
    for (uint32_t i = 0; i < g->n && !out_failed(o); i++) {
        const struct group *v = &g->v[i];

        out_row(o);
        out_u64(o, "group", i);
        out_u64(o, "prefix", v->prefix);
        out_u64(o, "requests", v->n);
        out_u64(o, "tokens", v->computed + (uint64_t)(v->n - 1) * v->prefix);
        out_u64(o, "saving", (uint64_t)(v->n - 1) * v->prefix);
        out_array(o, "members");
        for (uint64_t k = v->at; k < v->at + v->n; k++) {
            size_t len;
            const char *id = prompt_id(p, g->member[k], &len);

            out_str(o, NULL, id, len);
        }
        out_close_array(o);
        out_end_row(o);
    }
}

struct group_reader {
    struct groups *g;
    const struct trace_set *trace;
    struct names *ids;
    bool *taken; /* [trace->n]: is of a group */
    size_t cap;
    struct buf text;
};

static int know_ids(struct group_reader *r, struct err *e)
{
    const struct trace_set *t = r->trace;

    if (names_new(&r->ids, e) < 0)
        return e->code;
    for (uint32_t i = 0; i < t->n; i++) {
        uint64_t number;
        size_t len;
        const char *id = trace_set_id(t, i, &len);

        if (names_add(r->ids, id, len, &number, e) < 0)
            return e->code;
        if (number != i)
            return err_set(e, ERR_USAGE,
                           "two requests have the id '%.*s', by which groups name them",
                           (int)(len < 80 ? len : 80), id);
    }
    return 0;
}

static int add_member(struct group_reader *r, const struct jsonl_span *id, uint64_t *tokens,
                      uint32_t *shortest, struct err *e)
{
    uint64_t i;

    r->text.len = 0;
    if (id->type != JSONL_STRING && id->type != JSONL_NUMBER)
        return err_set(e, ERR_INPUT, "'members' holds what is no id");
    if (jsonl_decode(id, &r->text, e) < 0)
        return e->code;
    i = names_find(r->ids, r->text.p, r->text.len);
    if (i == NAMES_NONE || r->taken[i])
        return err_set(e, ERR_INPUT, "member '%.*s' is %s",
                       (int)(r->text.len < 80 ? r->text.len : 80), r->text.p,
                       i == NAMES_NONE ? "no request of the trace" : "in a group already");
    r->taken[i] = true;
    r->g->member[r->g->members++] = (uint32_t)i;
    *tokens += r->trace->prompt[i];
    *shortest = r->trace->prompt[i] < *shortest ? r->trace->prompt[i] : *shortest;
    return 0;
}

enum { PREFIX, MEMBERS, FIELDS };

static int read_fields(const char *line, size_t len, struct jsonl_span v[FIELDS], struct err *e)
{
    static const char *const names[FIELDS] = {[PREFIX] = "prefix", [MEMBERS] = "members"};

    if (jsonl_members(line, len, names, v, FIELDS, e) < 0)
        return e->code;
    if (v[PREFIX].type != JSONL_NUMBER || v[MEMBERS].type != JSONL_ARRAY)
        return err_set(e, ERR_INPUT, "a group has 'prefix', a number, and 'members', a list");
    return 0;
}

static int add_line(void *ctx, const struct record_line *l, struct err *e)
{
    struct group_reader *r = ctx;
    struct jsonl_span v[FIELDS], one;
    size_t from = r->g->members;
    uint64_t tokens = 0;
    uint64_t shared;
    uint32_t shortest = UINT32_MAX;
    const char *at = NULL;

    if (jsonl_is_blank(l->p, l->len))
        return 0;
    if (read_fields(l->p, l->len, v, e) < 0 ||
        mem_reserve(&r->g->v, &r->cap, (size_t)r->g->n + 1, sizeof *r->g->v, e) < 0)
        return e->code;
    while (jsonl_item(&v[MEMBERS], &at, &one))
        if (add_member(r, &one, &tokens, &shortest, e) < 0)
            return e->code;
    if (r->g->members == from)
        return err_set(e, ERR_INPUT, "a group has a member at least");
    r->text.len = 0;
    if (jsonl_decode(&v[PREFIX], &r->text, e) < 0 || buf_addc(&r->text, '\0', e) < 0)
        return e->code;
    if (!num_u64(r->text.p, &shared) || shared > shortest)
        return err_set(e, ERR_INPUT,
                       "its prefix is longer than a prompt of its members, or no number of tokens");
    add_group(r->g, (uint32_t)shared, from, tokens);
    return 0;
}

int groups_read(struct groups *g, const char *path, const struct trace_set *t, struct err *e)
{
    struct group_reader r = {.g = g, .trace = t};
    int rc = ERR_MEM;

    *g = (struct groups){.member = mem_array(t->n, sizeof *g->member, e)};
    if (g->member && (r.taken = mem_zero(t->n, sizeof *r.taken, e)))
        rc = know_ids(&r, e);
    if (rc == 0)
        rc = record_lines(path, 0, add_line, &r, e);
    if (rc == 0 && g->n > 0)
        qsort(g->v, g->n, sizeof *g->v, sooner);
    names_free(r.ids);
    free(r.taken);
    buf_free(&r.text);
    if (rc < 0)
        groups_free(g);
    return rc;
}
