/* prop_prefix_tree.c - prefix trees, what they save, and groups, against BatchLLM's pseudo-code on
 * a tree of lists and against counting; and the paper's figures on prompts of its sizes.
 *
 *     prop_prefix_tree [CASES [SEED]]
 */
#include "../unit/t.h"

#include <stdbool.h>

#include "sim/group.h"

enum { PROMPTS_MOST = 40, ATOMS_MOST = 24 };

static unsigned long long rng;
static unsigned long long more; /* corpora whose groups share more than the pseudo-code's */

static uint32_t below(uint32_t n)
{
    return (uint32_t)(t_rand(&rng) % n);
}

/* ---- prompts ---- */

struct corpus {
    uint64_t atoms[PROMPTS_MOST][ATOMS_MOST];
    struct prompt v[PROMPTS_MOST];
    struct prompts p;
};

/* Texts of few different atoms, many that begin with another, some that are another. */
static void make_corpus(struct corpus *c)
{
    uint32_t letters = 1 + below(4), longest = below(ATOMS_MOST + 1), block = 1 + below(3);

    c->p = (struct prompts){.v = c->v, .n = below(PROMPTS_MOST + 1), .atom_tokens = block};
    for (uint32_t i = 0; i < c->p.n; i++) {
        uint32_t n = below(longest + 1), like = i > 0 && below(4) ? below(i) : i;
        uint32_t same = below(c->v[like].atoms + 1);

        for (uint32_t k = 0; k < n; k++)
            c->atoms[i][k] = like < i && k < same ? c->atoms[like][k] : below(letters);
        /* In memory of its own, so that a step beyond its end is seen. */
        c->v[i] = (struct prompt){malloc(n ? n * sizeof(uint64_t) : 1), n,
                                  n * block + below(block)};
        memcpy((void *)(uintptr_t)c->v[i].atom, c->atoms[i], n * sizeof(uint64_t));
        c->p.tokens += c->v[i].tokens;
    }
}

static void free_corpus(struct corpus *c)
{
    for (uint32_t i = 0; i < c->p.n; i++)
        free((void *)(uintptr_t)c->v[i].atom);
}

static uint32_t same_atoms(const struct prompt *a, const struct prompt *b)
{
    uint32_t n = 0;

    while (n < a->atoms && n < b->atoms && a->atom[n] == b->atom[n])
        n++;
    return n;
}

/* ---- by counting ---- */

/* Atoms of which no prompt above had the text up to them. */
static uint64_t all_levels(const struct prompts *p)
{
    uint64_t fresh = 0, all = 0;

    for (uint32_t i = 0; i < p->n; i++) {
        uint32_t known = 0;

        for (uint32_t k = 0; k < i; k++)
            known = same_atoms(&p->v[i], &p->v[k]) > known ? same_atoms(&p->v[i], &p->v[k]) : known;
        fresh += p->v[i].atoms - known;
        all += p->v[i].atoms;
    }
    return (all - fresh) * p->atom_tokens;
}

/* All prompts with the same first atom share what all of them have. */
static uint64_t first_level(const struct prompts *p)
{
    uint64_t saved = 0;

    for (uint32_t i = 0; i < p->n; i++) {
        uint32_t shared = p->v[i].atoms, n = 0;
        bool first = p->v[i].atoms > 0;

        for (uint32_t k = 0; k < p->n && first; k++) {
            uint32_t same = same_atoms(&p->v[i], &p->v[k]);

            first = same == 0 || k >= i;
            n += same > 0;
            shared = same > 0 && same < shared ? same : shared;
        }
        saved += first ? (uint64_t)(n - 1) * shared * p->atom_tokens : 0;
    }
    return saved;
}

/* ---- the paper's pseudo-code, literally: a prompt is a leaf, the same ones one of several ---- */

struct node {
    int64_t tokens, leaves; /* leaves: of a leaf, how many prompts it is */
    uint32_t prompt[PROMPTS_MOST];
    struct node *child[2 * PROMPTS_MOST];
    int n;
};

static struct node *new_node(int64_t tokens)
{
    struct node *x = calloc(1, sizeof *x);

    if (!x)
        abort();
    x->tokens = tokens;
    return x;
}

/* The prompts v[0..n), which have their first `depth` atoms in common: what follows becomes
 * children of x. */
static void build(const struct prompts *p, struct node *x, const uint32_t *v, int n, uint32_t depth)
{
    bool done[PROMPTS_MOST] = {false};

    for (int i = 0; i < n; i++) {
        uint32_t part[PROMPTS_MOST], shared = p->v[v[i]].atoms;
        struct node *c = new_node(0);
        int parts = 0, ends = 0;

        for (int k = i; k < n && !done[i]; k++) {
            uint32_t same = same_atoms(&p->v[v[i]], &p->v[v[k]]);
            bool twin = same == p->v[v[i]].atoms && same == p->v[v[k]].atoms;

            if (k == i || (same > depth && p->v[v[i]].atoms > depth) || twin) {
                part[parts++] = v[k];
                shared = same < shared ? same : shared;
                done[k] = k != i || done[k];
            }
        }
        for (int k = 0; k < parts; k++)
            ends += p->v[part[k]].atoms == shared;
        if (done[i]) {
            free(c);
            continue;
        }
        c->tokens = (int64_t)(shared - depth) * p->atom_tokens;
        if (ends == parts) {
            c->leaves = parts;
            memcpy(c->prompt, part, sizeof part);
        } else {
            build(p, c, part, parts, shared);
        }
        x->child[x->n++] = c;
    }
}

static int64_t leaves(const struct node *x)
{
    int64_t n = x->n == 0 ? x->leaves : 0;

    for (int i = 0; i < x->n; i++)
        n += leaves(x->child[i]);
    return n;
}

static void maximize_reuse(struct node *d)
{
    if (d->n == 0)
        return;
    for (int i = 0; i < d->n; i++) { /* those too that are added on the way */
        struct node *child = d->child[i];

        maximize_reuse(child);
        for (int k = 0; k < child->n;) {
            struct node *g = child->child[k];

            if ((leaves(g) - 1) * g->tokens <= child->tokens) {
                k++;
                continue;
            }
            g->tokens += child->tokens;
            memmove(&child->child[k], &child->child[k + 1],
                    (size_t)(--child->n - k) * sizeof *child->child);
            d->child[d->n++] = g;
        }
        if (child->n == 0 && child->leaves == 0)
            child->tokens = 0;
    }
}

static void free_node(struct node *x)
{
    for (int i = 0; i < x->n; i++)
        free_node(x->child[i]);
    free(x);
}

static int gather(const struct node *x, uint32_t *v, int n)
{
    for (int64_t i = 0; x->n == 0 && i < x->leaves; i++)
        v[n++] = x->prompt[i];
    for (int i = 0; i < x->n; i++)
        n = gather(x->child[i], v, n);
    return n;
}

static int rising(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* ---- comparing ---- */

/* Is this a group, of these members in order? Each is one member's at most. */
static const struct group *group_with(const struct groups *g, uint32_t leader)
{
    for (uint32_t i = 0; i < g->n; i++)
        if (g->v[i].leader == leader)
            return &g->v[i];
    return NULL;
}

static uint32_t shared_by_all(const struct prompts *p, const uint32_t *v, int n)
{
    uint32_t shared = p->v[v[0]].atoms;

    for (int i = 1; i < n; i++) {
        uint32_t same = same_atoms(&p->v[v[0]], &p->v[v[i]]);

        shared = same < shared ? same : shared;
    }
    return shared * p->atom_tokens;
}

/* The same requests in the same groups. The pseudo-code's prefix is a part of what they share: to
 * `saved` goes what it saves. */
static bool same_groups(const struct groups *g, const struct node *root, const struct prompts *p,
                        uint64_t *saved)
{
    uint32_t groups = 0;

    *saved = 0;

    for (int i = 0; i < root->n; i++) {
        uint32_t v[PROMPTS_MOST];
        int n = gather(root->child[i], v, 0);
        const struct group *same;

        if (n < 2 || root->child[i]->tokens == 0)
            continue;
        qsort(v, (size_t)n, sizeof *v, rising);
        same = group_with(g, v[0]);
        groups++;
        *saved += (uint64_t)(n - 1) * (uint64_t)root->child[i]->tokens;
        if (!same || same->n != (uint32_t)n || same->prefix != shared_by_all(p, v, n) ||
            memcmp(v, g->member + same->at, (size_t)n * sizeof *v) != 0)
            return false;
    }
    return groups == g->n;
}

/* What each shares it has, what it computes is counted, and the least comes first. */
static bool groups_are_right(const struct groups *g, const struct prompts *p)
{
    uint64_t saved = 0;

    for (uint32_t i = 0; i < g->n; i++) {
        const struct group *v = &g->v[i];
        uint64_t computed = v->prefix;

        for (uint64_t k = v->at; k < v->at + v->n; k++) {
            const struct prompt *a = &p->v[g->member[v->at]], *b = &p->v[g->member[k]];

            if (same_atoms(a, b) * p->atom_tokens < v->prefix)
                return false;
            computed += b->tokens - v->prefix;
        }
        saved += (uint64_t)(v->n - 1) * v->prefix;
        if (computed != v->computed ||
            (i > 0 && (v[-1].computed > computed ||
                       (v[-1].computed == computed && v[-1].leader >= v->leader))))
            return false;
    }
    return saved == g->saved;
}

static void check_corpus(unsigned long long seed)
{
    struct corpus c;
    struct prefix_tree t;
    struct groups g;
    struct err e = {0};
    struct node *root = new_node(0);
    uint32_t all[PROMPTS_MOST];
    uint64_t saved;

    make_corpus(&c);
    for (uint32_t i = 0; i < c.p.n; i++)
        all[i] = i;
    build(&c.p, root, all, (int)c.p.n, 0);
    maximize_reuse(root);
    T_CHECK(prefix_tree_make(&t, &c.p, &e) == 0);
    T_CHECKF(prefix_tree_saves_all(&t) == all_levels(&c.p), "seed %llu", seed);
    T_CHECKF(prefix_tree_saves_first(&t) == first_level(&c.p), "seed %llu", seed);
    prefix_tree_reuse_most(&t);
    T_CHECK(groups_of_tree(&g, &t, &e) == 0);
    T_CHECKF(same_groups(&g, root, &c.p, &saved), "seed %llu: %u groups", seed, g.n);
    T_CHECKF(g.saved >= saved, "seed %llu", seed);
    more += g.saved > saved;
    T_CHECKF(groups_are_right(&g, &c.p), "seed %llu", seed);
    T_CHECKF(g.saved >= first_level(&c.p) && g.saved <= all_levels(&c.p), "seed %llu", seed);
    groups_free(&g);
    prefix_tree_free(&t);
    free_node(root);
    free_corpus(&c);
}

/* ---- LRU: blocks in the order of their last use ---- */

struct used {
    uint32_t prompt, atoms; /* the text up to its end */
};

static bool same_text(const struct prompts *p, struct used a, struct used b)
{
    return a.atoms == b.atoms && same_atoms(&p->v[a.prompt], &p->v[b.prompt]) >= a.atoms;
}

static uint64_t lru_hits(const struct prompts *p, uint32_t block, int most)
{
    static struct used list[PROMPTS_MOST * ATOMS_MOST + 1];
    uint64_t hits = 0;
    int n = 0;

    for (uint32_t i = 0; i < p->n; i++) {
        bool unbroken = true;

        for (uint32_t k = block; k <= p->v[i].atoms; k += block) {
            struct used x = {i, k};
            int at = 0;

            while (at < n && !same_text(p, list[at], x))
                at++;
            unbroken = unbroken && at < n;
            hits += unbroken;
            n += at == n;
            memmove(&list[1], &list[0], (size_t)at * sizeof *list);
            list[0] = x;
            n = n > most ? most : n;
        }
    }
    return hits;
}

static void check_lru(unsigned long long seed)
{
    struct corpus c;
    struct reuse *r;
    struct err e = {0};
    uint32_t block = 1 + below(4);

    make_corpus(&c);
    T_CHECK(reuse_new(&r, &e) == 0);
    T_CHECK(prompts_reuse(&c.p, block * c.p.atom_tokens, r, &e) == 0);
    for (int most = 0; most < 30; most += 1 + (int)below(5))
        T_CHECKF(reuse_hits(r, (uint64_t)most) == lru_hits(&c.p, block, most),
                 "seed %llu, %d blocks of %u", seed, most, block);
    reuse_free(r);
    free_corpus(&c);
}

/* ---- the paper's prompts: n of them, `sharing` with the same prefix, in random order ---- */

struct sizes {
    uint32_t n, sharing, common, prefix, distinct;
};

static void make_prompts(struct prompts *p, const struct sizes *s)
{
    uint32_t tokens = s->prefix + s->distinct;

    *p = (struct prompts){.v = calloc(s->n, sizeof *p->v), .n = s->n, .atom_tokens = 1};
    p->atoms = malloc((size_t)s->n * tokens * sizeof *p->atoms);
    if (!p->v || !p->atoms)
        abort();
    for (uint32_t i = 0; i < s->n; i++)
        p->v[i] = (struct prompt){p->atoms + (size_t)i * tokens, tokens, tokens};
    for (uint32_t i = 0; i < s->n; i++) {
        uint64_t *atom = p->atoms + (size_t)i * tokens;
        /* As far from others of its prefix as a random order has them. */
        unsigned long long of_prefix = 1 + i / s->sharing, own = ~(unsigned long long)i;

        for (uint32_t k = 0; k < tokens; k++)
            atom[k] = k < s->common   ? k
                      : k < s->prefix ? t_rand(&of_prefix) % 128000
                                      : t_rand(&own) % 128000;
    }
    for (uint32_t i = s->n; i > 1; i--) {
        uint32_t k = below(i);
        struct prompt other = p->v[k];

        p->v[k] = p->v[i - 1];
        p->v[i - 1] = other;
    }
    p->tokens = (uint64_t)s->n * tokens;
}

static double share(const struct prompts *p, uint64_t tokens)
{
    return (double)tokens / (double)p->tokens;
}

static void measure(const struct sizes *s, double *saved, double *first, double *all, double *lru)
{
    struct prompts p;
    struct prefix_tree t;
    struct groups g;
    struct reuse *r;
    struct err e = {0};

    make_prompts(&p, s);
    T_CHECK(prefix_tree_make(&t, &p, &e) == 0);
    *first = share(&p, prefix_tree_saves_first(&t));
    *all = share(&p, prefix_tree_saves_all(&t));
    prefix_tree_reuse_most(&t);
    T_CHECK(groups_of_tree(&g, &t, &e) == 0);
    *saved = share(&p, g.saved);
    T_CHECK(reuse_new(&r, &e) == 0);
    T_CHECK(prompts_reuse(&p, 16, r, &e) == 0);
    *lru = share(&p, 16 * reuse_hits(r, 430000 / 16));
    printf("%u x %u tokens, %u share %u: groups save %.4f, the first level %.4f, all %.4f; LRU at "
           "430,000 tokens %.4f\n",
           s->n, s->prefix + s->distinct, s->sharing, s->prefix, *saved, *first, *all, *lru);
    reuse_free(r);
    groups_free(&g);
    prefix_tree_free(&t);
    prompts_free(&p);
}

static void check_figures(void)
{
    double saved, first, all, lru;

    for (int i = 0; i < 3; i++) {
        measure(&(struct sizes){6400, 16, 0, 2000, 200}, &saved, &first, &all, &lru);
        T_CHECK(saved > .851 && saved < .853 && lru >= .35 && lru <= .45);
        measure(&(struct sizes){6400, 4, 0, 2000, 200}, &saved, &first, &all, &lru);
        T_CHECK(saved > .681 && saved < .683 && lru <= .15);
    }
    /* A system prompt that all begin with, and texts of which several ask. */
    measure(&(struct sizes){8000, 16, 100, 1400, 200}, &saved, &first, &all, &lru);
    T_CHECK(saved >= .98 * all && first < .5 * all);
    /* Nothing is shared: there is nothing to save. */
    measure(&(struct sizes){2000, 1, 0, 2000, 200}, &saved, &first, &all, &lru);
    T_CHECK(all < .001 && saved <= all && lru < .001);
}

int main(int argc, char **argv)
{
    unsigned long long cases = argc > 1 ? strtoull(argv[1], NULL, 10) : 3000;
    unsigned long long from = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;

    for (unsigned long long seed = from; seed < from + cases && t_failed == 0; seed++) {
        rng = seed * 77;
        check_corpus(seed);
        check_lru(seed);
    }
    T_CHECKF(cases < 1000 || more > 0, "no group shares more than its node has");
    rng = from;
    check_figures();
    return t_done("prop_prefix_tree");
}
