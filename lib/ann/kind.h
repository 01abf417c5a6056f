/* kind.h - what an index is inside, and what a kind of index brings. Inside this domain only. */
#ifndef ANN_KIND_H
#define ANN_KIND_H

#include "ann/ann.h"
#include "ann/attrs.h"
#include "ann/filter.h"
#include "ann/form.h"
#include "ann/grants.h"
#include "ann/ids.h"
#include "ann/cand.h"
#include "base/sect.h"

/* Section META. */
struct ann_meta {
    uint64_t rows;
    char kind[4];
    uint32_t vectors;                      /* 1: section VECS is there */
    uint32_t degree, width, entries, beam; /* the kind's own */
    double alpha;
    struct form_head form;
};
_Static_assert(sizeof(struct ann_meta) == 88, "META has no holes");

struct ann_kind;

/* A base that comes row after row, once. */
struct ann_stream {
    uint32_t dim;
    enum vec_type type;
    void *ctx;
    /* Up to n rows without gaps, finite; how many, 0 at the end. */
    int64_t (*read)(void *ctx, void *rows, uint64_t n, struct err *e);
};

struct ann {
    const struct ann_kind *kind;
    struct ann_meta meta;
    struct form form;
    const struct cells_ops *ops;
    uint64_t rows, live;
    const uint64_t *dead; /* bits of deleted rows; NULL: there are none */
    struct ids ids;
    struct attrs attrs;
    const uint8_t *vectors;             /* or NULL; codes that are the bytes themselves, too */
    size_t vector_bytes, vector_stride; /* of a row, and from one to the next */
    void *state;                        /* the kind's own */
    struct sect_file *file;
    enum cpu_level cpu;
};

static inline bool ann_is_dead(const uint64_t *dead, uint64_t row)
{
    return dead && dead[row / 64] >> row % 64 & 1;
}

/* An update under way: what `base` adds comes behind the rows of *a. */
struct ann_change {
    const struct ann *a;
    const uint64_t *dead; /* bits, of all rows */
    uint64_t rows, live;  /* of all */
    bool recode;          /* the form is another: all rows are coded anew */
    bool compact;         /* dead rows are left out, and the others numbered anew */
};

struct ann_attrs {
    struct attrs attrs;
};

/* A build or an update under way. */
struct ann_maker {
    const struct ann_build_opts *o;
    const struct vec_rows *base;
    const struct ann_change *change; /* NULL: a build */
    const struct ann_ids *ids;       /* of the rows as they are written; NULL: none */
    const struct attrs *attrs;       /* the same */
    const struct ann_grants *grants; /* of rows as they were numbered before a compaction; NULL:
                                        none */
    struct form form;
    struct ann_meta meta;
    const struct cells_ops *ops;
    void *state;
    const uint32_t *order; /* [meta.rows] of VECS: places in VECS before an update, and behind them
                              rows of the base; NULL: as they come */
    bool base_is_all;      /* an update's base holds all rows, and `order` tells of these only */
    uint64_t repaired;
};

/* A block of queries, finite, and where what is found goes. */
struct ann_queries {
    const float *x; /* [n][dim] */
    size_t n;
    const uint32_t *tenant; /* [1], with tenant_each [n], or NULL */
    bool tenant_each;
    uint64_t *id; /* [n][k] */
    float *score;
    float *us;                         /* [n], or NULL */
    const struct ann_allowed *allowed; /* of the first, and `each` of the next; NULL: all rows */
    bool each;
};

/* What any kind may have; a kind's own follow. */
#define ANN_SECTIONS "METAMEANMAPBVECSIDSTIDSOIDSPDEADTUNE" ATTRS_SECTIONS

struct ann_kind {
    const char *name;
    char id[4]; /* in META */
    const char *sections;
    const char *effort; /* of ann_search_opts */
    uint32_t effort_default, effort_most;
    /* With a slack, where no effort is said: the larger of the first and k times the second. It
     * takes none where the first is 0. */
    uint32_t slack_effort, slack_effort_k;
    bool rerank;            /* of ann_search_opts, it takes */
    bool pool;              /* effort is how many rows are kept on the way: k at least */
    bool parts;             /* the same: near_lists, factor */
    bool own_codes;         /* where there are vectors, the form codes none of them */
    enum filter_how filter; /* what it does where neither few rows nor all are allowed */
    bool attrs_inside;      /* what it has is made of attributes: they cannot be others later */
    /* Sets what the choice depends on that is the kind's own; NULL: nothing is. */
    void (*filter_more)(const struct ann *a, const struct ann_search_opts *o,
                        struct filter_case *c);
    /* Numbers of the rows whose vectors stand at [from, from + n) of VECS, deleted ones among them;
     * NULL: the same. */
    void (*rows_at)(const struct ann *a, uint64_t from, uint64_t n, uint64_t *row);
    /* The part of o->codec that is a form's (form.h), NULL: the form's own choice; checks the rest.
     * NULL: all of it is. */
    int (*form_part)(const struct ann_build_opts *o, uint32_t dim, const char **spec,
                     struct err *e);
    /* Makes what will be written, into m->state, and sets its part of m->meta; writes it; frees it
     * (NULL is fine). */
    int (*make)(struct ann_maker *m, struct err *e);
    int (*save)(const struct ann_maker *m, struct sect_writer *w, struct err *e);
    void (*made_free)(void *state);
    /* Instead of these three: makes and writes an index of rows that come as a stream. */
    int (*stream)(const char *path, const struct ann_stream *s, const struct ann_build_opts *o,
                  struct ann_build_report *report, struct err *e);
    /* The same as `make`, of m->change; NULL: the kind cannot be changed. */
    int (*update)(struct ann_maker *m, struct err *e);
    /* Checks a->meta and the sections, sets a->state; on failure `close` follows. */
    int (*open)(struct ann *a, struct err *e);
    void (*close)(void *state);
    /* How many of n queries a searcher is given at once; not by threads, so that results are not
     * either. */
    uint64_t (*block)(const struct ann *a, const struct ann_search_opts *o, uint64_t n);
    /* A thread's searcher of blocks of up to `block` queries; o->effort is set, but for where a
     * slack goes without. */
    int (*searcher_new)(void **searcher, const struct ann *a, const struct ann_search_opts *o,
                        uint64_t block, struct err *e);
    void (*search)(void *searcher, const struct ann_queries *q);
    /* Adds what was done by it. */
    void (*count)(const void *searcher, struct ann_search_stats *s);
    /* What went wrong; NULL: nothing can. */
    int (*failed)(const void *searcher, struct err *e);
    void (*searcher_free)(void *searcher);
    /* Any of these is NULL: what the kind has none of. */
    int (*links)(const struct ann *a, struct ann_links *l, struct err *e);
    void (*lists)(const struct ann *a, struct ann_lists *l);
    void (*tenants)(const struct ann *a, struct ann_tenants *t);
    /* A kind with tenants: the number of one; and all that they may see, settled, into *g, {0}. */
    uint32_t (*tenant)(const struct ann *a, struct id name);
    int (*grants)(const struct ann *a, struct ann_grants *g, struct err *e);
    int (*check)(const struct ann *a, struct err *e);
    void (*info)(const struct ann *a, struct ann_info *i); /* adds what is its own */
    void (*plan)(struct ann_plan *p, const struct vec_rows *base, const struct ann_build_opts *o);
};

/* build.c: META, the form, what the kind has, vectors, ids, bits of dead rows; not yet there. */
int ann_write(struct sect_writer **w, const char *path, const struct ann_kind *kind,
              const struct ann_maker *m, struct err *e);

/* The i-th of the vectors that were, as VECS has them, and of those that came. */
const void *ann_vector_at(const struct ann_maker *m, uint64_t i);

#define ANN_KIND_DECLARE(upper, name) extern const struct ann_kind ann_kind_##name;
ANN_KINDS(ANN_KIND_DECLARE, )
#undef ANN_KIND_DECLARE

extern const struct ann_kind *const ann_kinds[ANN_KIND_COUNT]; /* by enum ann_kind_name */

/* search.c: ERR_USAGE, what the kind does not take; ERR_INPUT names a query that is not finite, or
 * has no direction under cosine. */
int ann_check_search(const struct ann *a, const struct ann_search_opts *o, const float *queries,
                     uint64_t n, struct err *e);
/* How many of n queries are a block: an eighth, but 32 at least and `most` at most, or as many as
 * `bytes` hold that take `each`. */
struct ann_blocks {
    uint64_t most, bytes, each;
};

uint64_t ann_block(const struct ann_blocks *b, uint64_t n);
/* What to do with so many allowed rows. */
struct filter_plan ann_filter_plan(const struct ann *a, const struct ann_search_opts *o,
                                   uint64_t count);

/* Of the live rows, 0 to 1. */
static inline double ann_allowed_share(const struct ann *a, uint64_t count)
{
    return count < a->live ? (double)count / (double)a->live : 1;
}

/* exact.c: the exact key of a row and a query, as knn.h has it. */
struct exact_query {
    const float *q;       /* [dim], 64-byte aligned */
    const uint8_t *bytes; /* NULL, or the query as the base's bytes, of which it is made */
    double norm;
};

struct exact {
    const struct ann *a;
    struct exact_query now;
    float *q;       /* [dim], 64-byte aligned: room of exact_query() */
    float *row;     /* the same: of what is no f32 */
    uint8_t *bytes; /* as exact_query.bytes */
};

int exact_init(struct exact *x, const struct ann *a, struct err *e);
void exact_free(struct exact *x); /* {0} is fine */
void exact_query(struct exact *x, const float *q);
/* What exact_query() finds out, to be `now` later and again; bytes: room for [dim]. */
struct exact_query exact_prepare(const struct ann *a, const float *q, uint8_t *bytes);
double exact_key(const struct exact *x, uint32_t row);
double exact_key_of(const struct exact *x, const void *vector); /* at a multiple of 4 */
void exact_ask(const struct exact *x, uint32_t row);            /* the row will be read */

/* best.c: what is found of a query. Keys as knn.h has them, of equal ones the smaller row first. */
struct best {
    double key;
    uint32_t row;
};

bool best_before(const struct best *a, const struct best *b);
/* v among the best k that were offered, *n of them so far: a heap, the worst first. */
void best_offer(struct best *b, size_t *n, size_t k, struct best v);
/* The first k of n in order. */
void best_sort(struct best *b, size_t n, size_t k);
/* The first k of n as a search gives them. */
void best_give(const struct best *b, size_t n, size_t k, enum vec_metric m, uint64_t *id,
               float *score);

double now_s(void);

/* index.c: of n lists of these sizes. */
void ann_lists_of(struct ann_lists *l, const uint32_t *size, uint32_t n);

#endif
