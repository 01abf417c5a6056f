/* osq_seek.h - the searcher of the kind "osq", inside: osq_search.c finds each query's lists,
 * osq_visit.c looks into one, osq_tree.c shares lists out to processes.
 */
#ifndef ANN_OSQ_SEEK_H
#define ANN_OSQ_SEEK_H

#include "ann/allowed.h"
#include "ann/osq_index.h"

/* A query on its way. */
struct osq_asker {
    struct ivf_asked in;
    struct exact_query exact;
    const uint64_t *bits; /* of rows that may be found; NULL: all */
    struct best *best;    /* [k], a heap: the worst first */
    size_t n;
    float *raw, *q, *turned;
    void *table; /* of the codec */
    bool none;   /* nothing can be found */
    bool all;    /* all lists, and all that they hold: few rows may be found */
};

/* Query number and its list. */
struct osq_visit {
    uint32_t query, list;
};

/* The rows of a list that may be found, by the bits of `bits`. */
struct osq_room {
    const uint64_t *bits;
    uint32_t list;
    bool there;
    size_t n;
    uint32_t *place; /* [largest]: from the list's first on */
};

struct osq_seeker {
    const struct ann *a;
    const struct osq_index *v;
    struct ann_search_opts o; /* nothing is 0 that has a default */
    size_t cap;               /* queries there is room for */
    const struct allowed_ops *ops;
    struct osq_asker *asker; /* [cap] */
    struct best *best;       /* [cap][k] */
    float *raw, *q, *turned; /* [cap][dim rounded up] */
    size_t raw_dim, table_bytes, sign_bytes;
    uint8_t *table, *bytes; /* [cap][table_bytes]; [cap][dim] */
    struct exact exact;
    float *row;                         /* [dim]: room of turning */
    uint64_t *near;                     /* [lists] */
    struct osq_visit *first;            /* [cap]: each query's nearest list */
    struct osq_visit *visit, *together; /* [cap * lists] each: the others; those of a list */
    uint32_t *at_list;                  /* [lists + 1] */
    uint64_t *counted; /* [lists]: what osq_rows_of() said by `counted_bits`, plus 1; 0: nothing */
    const uint64_t *counted_bits;
    struct osq_room room;
    uint32_t *mask;           /* [CODEC_LIST / ALLOWED_LANES] */
    uint32_t *id;             /* [CODEC_LIST] */
    int16_t *weight;          /* [sign_bytes * 8] */
    int16_t *signs;           /* [sign_bytes][256]: sums of what a byte's signs weigh */
    uint64_t *order, *chosen; /* [largest] */
    uint8_t *code, *packed;   /* [CODEC_LIST] */
    float *key, *low;         /* [largest] */
    uint64_t rows, keys, lists, exacts;
};

static inline bool osq_full(const struct osq_seeker *t, const struct osq_asker *q)
{
    return q->n == t->o.k;
}

/* osq_search.c: queries become askers 0 ..., and the first of their best is empty. With `tables`
 * what visits need, else what lists are found by. */
void osq_prepare(struct osq_seeker *t, const struct ann_queries *q, bool tables);
/* How many lists the query visits: the first of t->near. */
uint32_t osq_find_lists(struct osq_seeker *t, const struct osq_asker *q);
/* osq_visit.c: what list l has for the query, into its best. */
void osq_look(struct osq_seeker *t, struct osq_asker *q, uint32_t l);
/* Rows of list l that may be found by `bits`, or k of them and more. */
uint64_t osq_rows_of(struct osq_seeker *t, uint32_t l, const uint64_t *bits);

#endif
