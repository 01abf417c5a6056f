/* spann_seek.h - the searcher of the kind "spann", inside: spann_search.c, and spann_allowed.c
 * where only some rows may be found.
 */
#ifndef ANN_SPANN_SEEK_H
#define ANN_SPANN_SEEK_H

#include "ann/held.h"
#include "ann/spann.h"
#include "base/reads.h"

enum { SPANN_PAGE = 4096 };

struct asker {
    struct ivf_asked in;
    struct exact_query exact;
    void *table;    /* the codec's */
    uint64_t *pool; /* [rerank] best by codes, in order */
    size_t have;
    float limit;          /* key that none above is taken */
    size_t near, n, soon; /* where in seeker.near the lists begin that it may visit, how many, and
                             how many in any case */
    struct best *best;    /* [rerank] */
    const uint64_t *bits; /* of rows that may be found; NULL: all */
    const struct ann_allowed *few; /* rows that are read instead of lists, or NULL */
};

/* A piece of the file: a list that some queries visit, or a vector that a query wants. */
struct item {
    uint64_t at, len;
    union {
        struct {
            size_t first; /* visitor, in seeker.sorted */
            uint32_t list, visitors;
        };
        struct {
            uint32_t query, which; /* which: of its pool, or for `few` the row */
        };
    };
};

/* A read under way, by its buffer. */
struct run {
    size_t first, n; /* items */
    uint64_t from;   /* where it begins in the file */
};

struct seeker {
    const struct ann *a;
    const struct spann *v;
    struct ann_search_opts o;
    uint32_t nprobe, rerank;
    uint64_t cap; /* queries of a block */
    struct graph_walker walker;
    struct exact exact;
    struct form_query fq;
    float *x, *xq, *room; /* of a query in space */
    int8_t *weights;
    float *key; /* [TEAM][CODEC_LIST] */
    struct asker *asker;
    uint8_t *table, *bytes;
    float *q;
    uint64_t *pool;
    struct best *best;
    uint64_t *near, *sorted; /* lists as candidates by squared distance; list and query */
    struct item *item;
    size_t nears, near_cap, sorted_cap, item_cap;
    struct reads *reads;
    int fd;         /* of O_DIRECT, or NONE */
    uint32_t align; /* of reads */
    uint8_t *buffer;
    size_t buffer_bytes;
    unsigned buffers, n_free;
    unsigned *free; /* [buffers] */
    struct run *run;
    uint64_t keys, exacts, lists, pages, read; /* read: bytes */
    struct held held;                          /* where rows are allowed */
    float *held_key;                           /* [lists] */
    struct err err;
};

/* spann_allowed.c: what may be found of a query, whose head's key is t->fq: its lists, behind those
 * that are in t->near, or the rows that are read. */
int spann_choose(struct seeker *t, struct asker *s, const struct ann_allowed *m);
int spann_allowed_init(struct seeker *t, struct err *e);
void spann_allowed_free(struct seeker *t);
void spann_filter_more(const struct ann *a, const struct ann_search_opts *o, struct filter_case *c);

#endif
