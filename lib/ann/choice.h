/* choice.h - which rows each query of a file may find: those of which a predicate is true, one for
 * all queries or a file of them, and those of a tenant, one for all or a file of them. All of them
 * come in the order of the queries.
 *
 *   ann_choice_open(&c, ...);
 *   while (there are n more queries) {
 *       ann_choice_take(c, n, e);
 *       for (at = 0; at < n; at += done)
 *           ann_choice_next(c, &opts, &done, e), and search `done` queries
 *   }
 *   ann_choice_end(c, e);
 *
 * Errors   ERR_INPUT, ERR_USAGE name the file and the line, or what a predicate is called. A tenant
 *          whom the index does not know is none: who is told of that decides.
 * Threads  a choice belongs to one.
 */
#ifndef ANN_CHOICE_H
#define ANN_CHOICE_H

#include "ann/ann.h"

#define ANN_ALL_QUERIES UINT64_MAX

struct ann_choice_opts {
    const char *where, *where_file; /* a predicate, or a file of them: not both; NULL: all rows */
    const char *where_name;         /* what `where` is called */
    const char *tenant, *tenants;   /* a name, or a file of names, of a kind with tenants */
    int threads;
    uint64_t most; /* queries that are taken at once */
    void *ctx;
    /* Told of each predicate, how its query (ANN_ALL_QUERIES) is searched; NULL: nobody is. */
    void (*explained)(void *ctx, uint64_t query, const struct ann_explained *x);
    /* Told of the first tenant that the index does not know. */
    void (*stranger)(void *ctx, const char *name, size_t len);
};

struct ann_choice;

int ann_choice_open(struct ann_choice **out, const struct ann *a, const struct ann_choice_opts *o,
                    struct err *e);
void ann_choice_close(struct ann_choice *c); /* NULL is fine */
/* The next n queries, at most o->most. */
int ann_choice_take(struct ann_choice *c, uint64_t n, struct err *e);
/* Of those taken the first *done, at least one, that were not given yet, as many as there is room
 * for: s->allowed, s->tenant and what goes with them, until the next call. */
int ann_choice_next(struct ann_choice *c, struct ann_search_opts *s, uint64_t *done, struct err *e);
/* There are no more queries: nothing may be left over. */
int ann_choice_end(struct ann_choice *c, struct err *e);

struct ann_choice_stats {
    bool predicates;    /* there are some */
    uint64_t evaluated; /* of them */
    double seconds;     /* that it took */
    uint64_t strangers; /* queries of tenants whom the index does not know */
};

struct ann_choice_stats ann_choice_stats(const struct ann_choice *c);

#endif
