/* prefix_tree.c - see prefix_tree.h. */
#include "sim/prefix_tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* ---- order ---- */

static uint32_t common(const struct prompt *a, const struct prompt *b)
{
    enum { STEP = 16 };
    uint32_t n = a->atoms < b->atoms ? a->atoms : b->atoms, i = 0;

    while (n - i >= STEP && memcmp(a->atom + i, b->atom + i, STEP * sizeof *a->atom) == 0)
        i += STEP;
    while (i < n && a->atom[i] == b->atom[i])
        i++;
    return i;
}

uint64_t prefix_tree_shared(const struct prefix_tree *t, uint32_t i, uint32_t j)
{
    const struct prompt *v = t->prompts->v;

    return (uint64_t)common(&v[t->order[i]], &v[t->order[j]]) * t->prompts->atom_tokens;
}

/* By the first atom that differs, the shorter one first. */
static int by_atoms(const void *x, const void *y)
{
    const struct prompt *a = *(const struct prompt *const *)x,
                        *b = *(const struct prompt *const *)y;
    uint32_t at = common(a, b);

    if (at == a->atoms || at == b->atoms)
        return (at == b->atoms) - (at == a->atoms);
    return a->atom[at] < b->atom[at] ? -1 : 1;
}

static int sort_prompts(struct prefix_tree *t, struct err *e)
{
    const struct prompts *p = t->prompts;
    const struct prompt **v = mem_array(p->n, sizeof *v, e);

    t->order = mem_array(p->n, sizeof *t->order, e);
    if (!v || !t->order) {
        free(v);
        return e->code;
    }
    for (uint32_t i = 0; i < p->n; i++)
        v[i] = &p->v[i];
    qsort(v, p->n, sizeof *v, by_atoms);
    for (uint32_t i = 0; i < p->n; i++)
        t->order[i] = (uint32_t)(v[i] - p->v);
    free(v);
    return 0;
}

/* ---- the tree ---- */

/* The way from the root to the prompt that came last. */
struct path {
    struct prefix_tree *t;
    uint32_t *node, *depth; /* depth: atoms from the root */
    uint32_t n, done;       /* done: nodes that are complete, in t->post */
};

static void push(struct path *p, uint32_t depth, uint32_t own, uint32_t own_end)
{
    struct prefix_tree *t = p->t;

    t->node[t->nodes] = (struct prefix_node){.leaves = own_end - own,
                                             .own = own,
                                             .own_end = own_end,
                                             .parent = PREFIX_NONE,
                                             .child = PREFIX_NONE,
                                             .sibling = PREFIX_NONE};
    p->node[p->n] = t->nodes++;
    p->depth[p->n++] = depth;
}

/* The last node is complete; its parent is the one before it or, if that stands above `floor`, a
 * new one there. */
static void pop(struct path *p, uint32_t floor)
{
    struct prefix_tree *t = p->t;
    uint32_t x = p->node[--p->n], depth = p->depth[p->n], up;
    struct prefix_node *node = &t->node[x];

    if (p->depth[p->n - 1] < floor)
        push(p, floor, 0, 0);
    up = p->node[p->n - 1];
    node->span = (uint64_t)(depth - p->depth[p->n - 1]) * t->prompts->atom_tokens;
    node->parent = up;
    node->sibling = t->node[up].child;
    t->node[up].child = x;
    t->node[up].leaves += node->leaves;
    t->post[p->done++] = x;
}

static void grow(struct path *p)
{
    const struct prompt *v = p->t->prompts->v, *before = NULL;
    const uint32_t *order = p->t->order;

    push(p, 0, 0, 0);
    for (uint32_t i = 0; i < p->t->prompts->n; i++) {
        const struct prompt *now = &v[order[i]];
        uint32_t same = before ? common(before, now) : 0;
        struct prefix_node *last;

        while (p->depth[p->n - 1] > same)
            pop(p, same);
        last = &p->t->node[p->node[p->n - 1]];
        if (now->atoms > same) {
            push(p, now->atoms, i, i + 1);
        } else { /* the one before again, or no text at all */
            last->own = last->own_end > last->own ? last->own : i;
            last->own_end = i + 1;
            last->leaves++;
        }
        before = now;
    }
    while (p->n > 1)
        pop(p, 0);
    p->t->post[p->done++] = p->node[0];
}

int prefix_tree_make(struct prefix_tree *t, const struct prompts *prompts, struct err *e)
{
    /* A prompt brings a node of its own, and one where it leaves the way of the one before. */
    size_t most = 2 * (size_t)prompts->n + 2;
    struct path p = {.t = t};
    int rc = ERR_MEM;

    *t = (struct prefix_tree){.prompts = prompts};
    if (prompts->n > UINT32_MAX / 2 - 1)
        return err_set(e, ERR_USAGE, "a tree is of fewer than 2^31 prompts");
    if (sort_prompts(t, e) == 0 && (t->node = mem_array(most, sizeof *t->node, e)) &&
        (t->post = mem_array(most, sizeof *t->post, e)) &&
        (p.node = mem_array(most, sizeof *p.node, e)) &&
        (p.depth = mem_array(most, sizeof *p.depth, e))) {
        grow(&p);
        rc = 0;
    }
    free(p.node);
    free(p.depth);
    return rc;
}

void prefix_tree_free(struct prefix_tree *t)
{
    free(t->order);
    free(t->node);
    free(t->post);
    *t = (struct prefix_tree){0};
}

/* ---- what it saves ---- */

static uint64_t saves(const struct prefix_node *n)
{
    return n->leaves > 1 ? (n->leaves - 1) * n->span : 0;
}

uint64_t prefix_tree_saves_all(const struct prefix_tree *t)
{
    uint64_t sum = 0;

    for (uint32_t i = 1; i < t->nodes; i++)
        sum += saves(&t->node[i]);
    return sum;
}

uint64_t prefix_tree_saves_first(const struct prefix_tree *t)
{
    uint64_t sum = 0;

    for (uint32_t i = t->node[0].child; i != PREFIX_NONE; i = t->node[i].sibling)
        sum += saves(&t->node[i]);
    return sum;
}

/* Children of c whose sharing is worth more than a copy of c's run become children of c's parent,
 * with a run that begins with that copy. */
static void raise_children(struct prefix_tree *t, uint32_t c)
{
    struct prefix_node *node = &t->node[c], *up = &t->node[node->parent];

    for (uint32_t *at = &node->child; *at != PREFIX_NONE;) {
        uint32_t g = *at;
        struct prefix_node *grandchild = &t->node[g];

        if (saves(grandchild) <= node->span) {
            at = &grandchild->sibling;
            continue;
        }
        *at = grandchild->sibling;
        node->leaves -= grandchild->leaves;
        grandchild->span += node->span;
        grandchild->parent = node->parent;
        grandchild->sibling = up->child;
        up->child = g;
    }
}

/* The recursion's order: what comes up to c has done so before c's own children do. Each node moves
 * up no more often than its prompts have atoms. */
void prefix_tree_reuse_most(struct prefix_tree *t)
{
    for (uint32_t i = 0; i < t->nodes; i++)
        if (t->node[t->post[i]].parent != PREFIX_NONE)
            raise_children(t, t->post[i]);
}
