/* where.c - a predicate's tree becomes a program, and a program a bitmap of rows: where.h. */
#include "ann/where.h"

#include <stdlib.h>
#include <string.h>

#include "ann/attrs_int.h"
#include "base/mem.h"
#include "ann/where_int.h"

/* ---- the tree is made small ---- */

static bool is_test(const struct where_tree *t)
{
    return t->kind != WHERE_AND && t->kind != WHERE_OR;
}

static bool is_never(const struct where_tree *t)
{
    return (t->kind == WHERE_CODES && t->n == 0) || (t->kind == WHERE_OR && !t->child);
}

static bool is_always(const struct where_tree *t)
{
    return t->kind == WHERE_AND && !t->child;
}

static int append(struct where_tree *t, const struct attr_range *r, size_t n, struct err *e)
{
    if (mem_reserve(&t->range, &t->cap, t->n + n, sizeof *r, e) < 0)
        return e->code;
    if (n > 0)
        memcpy(t->range + t->n, r, n * sizeof *r);
    t->n += n;
    return 0;
}

/* Tests among the children that are of one column become the first of them: for an OR all codes of
 * them, for an AND those that all have, which are what is in no complement. `first`: of a column,
 * NULL at the beginning and the end. */
static int join_tests(struct where_tree *t, const struct attrs *a, struct where_tree **first,
                      struct err *e)
{
    bool both = t->kind == WHERE_AND;
    int rc = 0;

    for (struct where_tree **at = &t->child; *at && rc == 0;) {
        struct where_tree *c = *at, **to = &first[c->column];
        const struct attrs_column *column = a->n ? &a->column[c->column] : NULL;

        if (c->kind == WHERE_CODES && column->type != ATTR_SET) {
            rc = both ? where_complement(c, 0, column->distinct, e) : 0;
            if (*to && rc == 0) {
                rc = append(*to, c->range, c->n, e);
                *at = c->next;
                continue;
            }
            *to = c;
        }
        at = &c->next;
    }
    for (struct where_tree *c = t->child; c; c = c->next) {
        if (c->kind != WHERE_CODES || first[c->column] != c)
            continue;
        first[c->column] = NULL;
        c->n = where_settle_ranges(c->range, c->n);
        if (both && rc == 0)
            rc = where_complement(c, 0, a->column[c->column].distinct, e);
    }
    return rc;
}

/* Children of the same kind give way to theirs; those that say nothing go. */
static void flatten(struct where_tree *t)
{
    for (struct where_tree **at = &t->child; *at;) {
        struct where_tree *c = *at;

        if (c->kind == t->kind) {
            struct where_tree **end = &c->child;

            while (*end)
                end = &(*end)->next;
            *end = c->next;
            *at = c->child;
        } else if (t->kind == WHERE_AND ? is_always(c) : is_never(c)) {
            *at = c->next;
        } else {
            at = &c->next;
        }
    }
}

static void settle_constant(struct where_tree *t)
{
    for (const struct where_tree *c = t->child; c; c = c->next)
        if (t->kind == WHERE_AND ? is_never(c) : is_always(c)) {
            t->kind = t->kind == WHERE_AND ? WHERE_OR : WHERE_AND;
            t->child = NULL;
            return;
        }
}

static int shrink(struct where_tree **t, const struct attrs *a, struct where_tree **first,
                  struct err *e)
{
    for (struct where_tree **c = &(*t)->child; *c; c = &(*c)->next)
        if (shrink(c, a, first, e) < 0)
            return e->code;
    if (is_test(*t))
        return 0;
    flatten(*t);
    if (join_tests(*t, a, first, e) < 0)
        return e->code;
    flatten(*t);
    settle_constant(*t);
    if ((*t)->child && !(*t)->child->next) {
        (*t)->child->next = (*t)->next;
        *t = (*t)->child;
    }
    return 0;
}

/* ---- the program ---- */

struct writing {
    struct where *w;
    size_t cap, range_cap;
};

/* At most so many rows. */
static uint64_t most_rows(const struct where_tree *t, const struct attrs *a)
{
    const struct attrs_column *c = a->n ? &a->column[t->column] : NULL;
    uint64_t sum = t->kind == WHERE_AND ? a->rows : 0;

    if (is_test(t) && t->kind != WHERE_CODES)
        return a->rows - c->nulls;
    for (size_t i = 0; t->kind == WHERE_CODES && i < t->n; i++)
        sum += attrs_count(c, t->range[i]);
    for (const struct where_tree *k = t->child; k; k = k->next) {
        uint64_t n = most_rows(k, a);

        sum = t->kind == WHERE_OR ? sum + n : n < sum ? n : sum;
    }
    return sum < a->rows ? sum : a->rows;
}

struct ordered {
    struct where_tree *t;
    uint64_t most;
    size_t at;
};

static int by_most(const void *a, const void *b)
{
    const struct ordered *x = a, *y = b;

    if (x->most != y->most)
        return x->most > y->most ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* Children of an AND, the fewest rows last: as a run goes, first. */
static int order(struct where_tree *t, const struct attrs *a, struct err *e)
{
    struct ordered *o;
    size_t n = 0;

    for (const struct where_tree *c = t->child; c; c = c->next)
        n++;
    o = mem_array(n, sizeof *o, e);
    if (!o)
        return e->code;
    n = 0;
    for (struct where_tree *c = t->child; c; c = c->next, n++)
        o[n] = (struct ordered){c, most_rows(c, a), n};
    qsort(o, n, sizeof *o, by_most);
    t->child = NULL;
    while (n-- > 0) {
        o[n].t->next = t->child;
        t->child = o[n].t;
    }
    free(o);
    return 0;
}

/* Nodes of a tree behind those that are there; temps: bitmaps that it needs. */
static int emit(struct writing *to, struct where_tree *t, uint32_t *temps, struct err *e)
{
    struct where *w = to->w;
    struct where_node node = {.kind = t->kind, .column = t->column, .ranges = (uint32_t)t->n};
    size_t began = w->nodes;

    *temps = 0;
    if (t->kind == WHERE_AND && order(t, w->attrs, e) < 0)
        return e->code;
    for (struct where_tree *c = t->child; c; c = c->next, node.args++) {
        uint32_t need;

        if (emit(to, c, &need, e) < 0)
            return e->code;
        need += !is_test(c);
        *temps = need > *temps ? need : *temps;
    }
    if (mem_reserve(&w->node, &to->cap, w->nodes + 1, sizeof *w->node, e) < 0 ||
        mem_reserve(&w->range, &to->range_cap, w->n_ranges + t->n, sizeof *w->range, e) < 0)
        return e->code;
    node.first = (uint32_t)w->n_ranges;
    if (t->n > 0)
        memcpy(w->range + w->n_ranges, t->range, t->n * sizeof *w->range);
    w->n_ranges += t->n;
    node.most = most_rows(t, w->attrs);
    node.size = (uint32_t)(w->nodes - began + 1);
    w->node[w->nodes++] = node;
    return 0;
}

static void free_trees(struct where_tree *t)
{
    while (t) {
        struct where_tree *before = t->made;

        free(t->range);
        free(t);
        t = before;
    }
}

int where_compile(struct where **out, const struct attrs *a, const char *text, size_t len,
                  struct err *e)
{
    struct where_tree *root, *all, **first = mem_zero(a->n + 1u, sizeof(void *), e);
    struct writing to = {.w = mem_zero(1, sizeof *to.w, e)};
    int rc = first && to.w ? where_parse(&root, &all, a, text, len, e) : e->code;

    *out = NULL;
    if (first && to.w) {
        to.w->attrs = a;
        if (rc == 0)
            rc = shrink(&root, a, first, e);
        if (rc == 0 && is_never(root)) {
            root->kind = WHERE_OR;
            root->n = 0;
        }
        if (rc == 0)
            rc = emit(&to, root, &to.w->temps, e);
        free_trees(all);
    }
    free(first);
    if (rc == 0)
        *out = to.w;
    else
        where_free(to.w);
    return rc;
}

void where_free(struct where *w)
{
    if (!w)
        return;
    free(w->node);
    free(w->range);
    free(w);
}

/* ---- running it ---- */

enum { PROBE_SHARE = 256 }; /* so few rows are looked at one by one */

/* A run: two bitmaps that tests use, and those of nodes that stand below others. */
struct run {
    const struct where *w;
    uint64_t *spare[2], *temp;
    size_t words;
};

void where_space_free(struct where_space *s)
{
    free(s->words);
    *s = (struct where_space){0};
}

static void join(uint64_t *bits, const uint64_t *with, size_t words, enum attrs_put put)
{
    for (size_t i = 0; i < words; i++)
        bits[i] = attrs_join(bits[i], with[i], put);
}

static void lacks(const struct run *r, const struct where_node *n, enum attrs_put put,
                  uint64_t *bits)
{
    const struct attr_range has_set = {ATTR_SET_EMPTY, ATTR_SET_SOME};
    uint64_t *has = r->spare[0], *is = r->spare[1];

    attrs_rows_state(r->w->attrs, n->column, has_set, ATTRS_SET, is);
    attrs_rows(r->w->attrs, n->column, r->w->range + n->first, n->ranges, ATTRS_SET, has, NULL);
    for (size_t i = 0; i < r->words; i++)
        is[i] &= ~has[i];
    join(bits, is, r->words, put);
}

static void test(const struct run *r, const struct where_node *n, enum attrs_put put,
                 uint64_t *bits)
{
    const struct attr_range *range = r->w->range + n->first;

    if (n->kind == WHERE_CODES)
        attrs_rows(r->w->attrs, n->column, range, n->ranges, put, bits, r->spare[0]);
    else if (n->kind == WHERE_LACKS)
        lacks(r, n, put, bits);
    else
        attrs_rows_state(r->w->attrs, n->column, *range, put, bits);
}

/* The test, of the few rows in bits alone. */
static void probe(const struct run *r, const struct where_node *n, uint64_t *bits)
{
    const struct attrs_column *c = &r->w->attrs->column[n->column];
    const struct attr_range *range = r->w->range + n->first;

    for (size_t i = 0; i < r->words; i++)
        for (uint64_t left = bits[i]; left; left &= left - 1) {
            unsigned bit = (unsigned)__builtin_ctzll(left);

            if (!attrs_in(attrs_code(c, 64 * i + bit), range, n->ranges))
                bits[i] &= ~(UINT64_C(1) << bit);
        }
}

static bool can_probe(const struct run *r, const struct where_node *n)
{
    return n->kind == WHERE_CODES && n->ranges <= ATTRS_RANGES_MOST &&
           r->w->attrs->column[n->column].type != ATTR_SET;
}

/* The node `at` into bits; `level`: temps in use. Nodes are as deep as where.h bounds them. */
static void eval(const struct run *r, size_t at, enum attrs_put put, uint64_t *bits, size_t level)
{
    const struct where_node *n = &r->w->node[at], *c = n - 1;
    uint64_t *to = put == ATTRS_SET ? bits : r->temp + level * r->words, few = UINT64_MAX;
    bool both = n->kind == WHERE_AND;

    if (!both && n->kind != WHERE_OR) {
        test(r, n, put, bits);
        return;
    }
    level += put != ATTRS_SET;
    if (n->args == 0)
        memset(to, both ? 0xff : 0, r->words * sizeof *to);
    for (uint32_t i = 0; i < n->args; i++, c -= c->size) {
        if (both && few <= r->w->attrs->rows / PROBE_SHARE && can_probe(r, c))
            probe(r, c, to);
        else
            eval(r, (size_t)(c - r->w->node),
                 i == 0 ? ATTRS_SET
                 : both ? ATTRS_AND
                        : ATTRS_OR,
                 to, level);
        few = c->most < few ? c->most : few;
    }
    if (put != ATTRS_SET)
        join(bits, to, r->words, put);
}

int where_run(const struct where *w, struct where_space *s, const uint64_t *without, uint64_t *bits,
              uint64_t *count, struct err *e)
{
    const struct attrs *a = w->attrs;
    size_t words = ATTRS_WORDS(a->rows);
    struct run r = {.w = w, .words = words};

    if (mem_reserve(&s->words, &s->cap, (w->temps + 2ull) * (words + 1), sizeof *s->words, e) < 0)
        return e->code;
    r.spare[0] = s->words;
    r.spare[1] = s->words + words + 1;
    r.temp = s->words + 2 * (words + 1);
    eval(&r, w->nodes - 1, ATTRS_SET, bits, 0);
    for (size_t i = 0; without && i < words; i++)
        bits[i] &= ~without[i];
    if (words > 0)
        bits[words - 1] &= attrs_last(a->rows);
    *count = attrs_popcount(a, bits);
    return 0;
}
