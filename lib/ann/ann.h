/* ann.h - approximate nearest neighbours: an index of vectors in one file, made once, mapped by any
 * number of processes.
 *
 * Kinds of index are files behind struct ann_kind (kind.h). There is
 *   graph   rows linked to near ones, walked best first (graph.h)
 *   ivf     rows in lists by their nearest centroid, of which the nearest are scanned (ivf.h)
 *   tenant  a tree of clusters, and in it for each tenant lists of the rows that are the tenant's
 *           (tenant.h)
 *   spann   the same with centroids in a graph and lists on the disk, not in memory (spann.h)
 *   hqi     the same in leaves of a tree that is cut by the predicates of a workload (hqi.h)
 *   osq     few, even lists with small codes, which are left by their signs, then by codes; for
 *           searches that find some rows only (osq_index.h)
 * A search finds candidates by short codes of the vectors (form.h), then computes the distances of
 * the best from the vectors themselves, in double: scores are exact, what may be missed are rows.
 * An index without vectors is smaller, and its scores are estimates.
 *
 * The bytes of an index depend on the base and the options alone: not on threads, and not on the
 * level of CPU. (Maps of leanvec are LAPACK's, whose last bits may differ between processors.)
 *
 * ann-index(5) describes the file. ann_open() checks header, section table and every length;
 * contents are clamped where they are used, so a damaged file may give wrong neighbours but never a
 * wild access. ann_check() reads everything.
 *
 * Errors   0 or a negative ERR_* with a sentence in *e.
 * Memory   the caller owns *out and closes it; close(NULL) does nothing.
 * Threads  an open index is immutable: share it. `threads` is how many a call may use; no result
 *          depends on it.
 */
#ifndef ANN_ANN_H
#define ANN_ANN_H

#include <assert.h>

#include "base/cpu.h"
#include "base/progress_fn.h"
#include "base/reads_by.h"
#include "vec/file.h"

/* ---- making ---- */

/* Every kind: a new one is an entry here, and its table ann_kind_NAME (kind.h). */
#define ANN_KINDS(X, SEP)           \
    X(GRAPH, graph) SEP X(IVF, ivf) \
    SEP X(TENANT, tenant)           \
    SEP X(SPANN, spann)             \
    SEP X(HQI, hqi)                 \
    SEP X(OSQ, osq)

#define ANN_KIND_ENTRY(upper, name) ANN_##upper,
enum ann_kind_name { ANN_KINDS(ANN_KIND_ENTRY, ) ANN_KIND_COUNT };

#define ANN_KIND_STRING(upper, name) #name
#define ANN_KIND_NAMES               ANN_KINDS(ANN_KIND_STRING, "|")

enum {
    ANN_DEGREE_DEFAULT = 64,
    ANN_DEGREE_MAPPED = 32, /* the default where codes are mapped to fewer dimensions: such data is
                               easier than its dimension says */
    ANN_DEGREE_LEAST = 4,
    ANN_DEGREE_MOST = 256,
    ANN_BEAM_DEFAULT = 160,
    ANN_BEAM_MOST = 10000,
    ANN_LISTS_MOST = 1 << 20,
    ANN_REPLICAS_DEFAULT = 3,
    ANN_REPLICAS_MOST = 16,
    ANN_PARTS_MOST = 4096, /* osq: lists */
    ANN_SPEC_MAX = 32
};
#define ANN_ALPHA_DEFAULT 1.06
#define ANN_NO_TENANT     UINT32_MAX

/* Names of rows: one a line of a file, `rows` of them (VEC_UNKNOWN: any number), unique, not empty,
 * UTF-8. ERR_INPUT names file and line. */
struct ann_ids;
int ann_ids_load(struct ann_ids **out, const char *path, uint64_t rows, struct err *e);
void ann_ids_free(struct ann_ids *ids);

/* Attributes of rows, by which searches may choose (attrs_read.c): a file of `rows` rows
 * (VEC_UNKNOWN: any number), TSV, CSV or JSON Lines, of which all columns are taken or `only` those
 * named, with commas between. ERR_INPUT names file and line. */
struct ann_attrs;
int ann_attrs_load(struct ann_attrs **out, const char *path, const char *only, uint64_t rows,
                   enum cpu_level cpu, struct err *e);
void ann_attrs_free(struct ann_attrs *attrs);
/* Which tenant may see which of the `rows`: a line "ROW TAB TENANT", ROW a number, or with ids one
 * of them; or JSON Lines, {"id":ROW,"tenant":"a"} or an array of some. Names are UTF-8. ERR_INPUT
 * names file and line. */
struct ann_grants;
int ann_grants_load(struct ann_grants **out, const char *path, uint64_t rows,
                    const struct ann_ids *ids, struct err *e);
void ann_grants_free(struct ann_grants *g);

struct ann_predicate {
    const char *p;
    size_t len;
};

struct ann_build_opts {
    enum ann_kind_name kind;
    enum vec_metric metric;
    const char *codec; /* form.h; NULL: by the base */
    uint32_t degree;   /* links of a row; 0: the default */
    uint32_t beam;     /* rows that a walk keeps while the graph is made; 0: the default */
    double alpha;      /* 0: the default */
    uint32_t lists;    /* ivf, spann; 0: by the rows */
    /* spann */
    uint32_t replicas; /* lists that a row is in at most; 0: the default */
    uint64_t memory;   /* bytes for what is only used while it is made; the rest lies in files in
                          the target's folder. 0: no bound */
    bool resident;     /* codes of rows stay in memory, and only vectors are read from the disk */
    bool no_vectors;
    /* graph, hqi: queries to suit, a sample of those to come; [n_queries][dim], finite */
    const float *queries;
    uint64_t n_queries;
    /* tenant: who may see what; NULL: nobody anything */
    const struct ann_grants *grants;
    /* hqi: their predicates; both or either may be there, n_wheres is n_queries or one of them 0 */
    const struct ann_predicate *wheres;
    uint64_t n_wheres;
    uint32_t least;                /* hqi: rows of a leaf, at least; 0: the default */
    const struct ann_ids *ids;     /* names of the rows; NULL: they have none */
    const struct ann_attrs *attrs; /* NULL: they have none */
    int threads;
    enum cpu_level cpu;
    progress_fn *progress; /* NULL: none */
    void *progress_ctx;
};

struct ann_build_report {
    uint64_t rows, bytes, repaired;
    double seconds;
};

/* What a build will take, about. */
struct ann_plan {
    uint64_t memory_bytes; /* beside the base */
    uint64_t file_bytes;
    double seconds;
};

/* base: finite; rows at multiples of 4 where its type is f32. ERR_INPUT names a row that is a zero
 * vector under cosine. */
int ann_build(const char *path, const struct vec_rows *base, const struct ann_build_opts *o,
              struct ann_build_report *report, struct err *e);
/* Of rows that come as a stream, which need not fit into memory: kind spann. */
int ann_build_stream(const char *path, struct vec_reader *base, const struct ann_build_opts *o,
                     struct ann_build_report *report, struct err *e);
void ann_plan(struct ann_plan *p, const struct vec_rows *base, const struct ann_build_opts *o);

/* ---- searching ---- */

struct ann;

int ann_open(struct ann **out, const char *path, enum cpu_level cpu, struct err *e);
/* The same, copied into huge pages of this process, where searches are faster. */
int ann_load(struct ann **out, const char *path, enum cpu_level cpu, int threads, struct err *e);
void ann_close(struct ann *a);

enum {
    ANN_EFFORT_MOST = 1 << 20,
    ANN_KEEP_MOST = 100, /* the effort of the kind osq, percent: all */
    ANN_SLACK_RERANK = 4,
    ANN_SLACK_EFFORT = 50,
    ANN_SLACK_EFFORT_LEAST = 500,
    ANN_SLACK_MOST = 100,
    ANN_SHARE_MOST = 1 << 16,
    ANN_FACTOR_MOST = 1 << 20,
    ANN_FAN_MOST = ANN_PARTS_MOST
};

#define ANN_NEAR_LISTS 1.15F
#define ANN_FACTOR     2

/* Rows that may be found: bit r % 64 of bits[r / 64] is row r's, of as many as the index has,
 * deleted ones among them. Those may be set and are not found all the same; bits beyond the last
 * row are not looked at. count: of the bits that are set. */
struct ann_allowed {
    const uint64_t *bits;
    uint64_t count;
    const struct where *program; /* NULL, or what the rows were found by: then a kind may know it of
                                    many rows at once */
};

struct ann_search_opts {
    uint32_t k;      /* at least 1 */
    uint32_t effort; /* the kind's own, as ann_info() names it; 0: the default.
                        ef: candidates kept on the way; at least k are
                        nprobe: lists scanned
                        reach: rows compared, times the fourth root of the tenant's rows
                        keep: osq, below */
    uint32_t rerank; /* of the candidates, how many get their distance from the vectors.
                        graph: 0 is all, or with a slack, where it is the most, ANN_SLACK_RERANK * k
                        spann: 0 is a few more than k, or with --resident than 2 k
                        ivf and tenant re-rank by bounds */
    float slack;     /* 0: by effort alone. Else effort is the most, and
                        graph: rows are followed whose squared distance is at most the k-th best's,
                        times 1 + slack; effort 0 is the larger of ANN_SLACK_EFFORT * k and
                        ANN_SLACK_EFFORT_LEAST
                        spann: so are lists read, by what is to expect of their rows (spann.h);
                        effort 0 is SPANN_NPROBE_SLACK */
    /* tenant: whose rows are searched, numbers of ann_tenant(), of whom ANN_NO_TENANT and those
     * that are none see nothing; it is needed, and other kinds take none */
    const uint32_t *tenant; /* [1]; with tenant_each [n], one a query */
    bool tenant_each;
    enum reads_by io; /* spann */
    bool direct;      /* spann: O_DIRECT, past the page cache */
    uint32_t share;   /* spann: queries that share what is read; 0: the default */
    int threads;
    /* osq; `effort` is keep: of a list's rows, how many percent stay for their codes; 100: nothing
     * is left out by estimates */
    float near_lists; /* they are visited up to so many times as far as the nearest, and then until
                         there were k rows; 0: ANN_NEAR_LISTS */
    uint32_t factor;  /* of a list's rows, as many times k get their distance from the vectors; 0:
                         ANN_FACTOR */
    uint64_t first_query; /* its number, for messages */
    /* Only these rows are found, k of them if there are as many (filter.h). `effort` stays what it
     * is without: how much more is looked at follows from the count. NULL: all rows. */
    const struct ann_allowed *allowed;
    bool allowed_each; /* allowed[query], else *allowed is every query's */
    bool batch; /* with allowed_each: queries that may find the same rows are brought together */
};

/* The tenant of a name, or ANN_NO_TENANT: there is none, or the kind has none. */
uint32_t ann_tenant(const struct ann *a, const char *name, size_t len);

struct ann_search_stats {
    uint64_t keys, hops, exact; /* of all queries: codes compared, rows left, vectors read */
    uint64_t bytes;             /* read for them */
    uint64_t parts;             /* graph: goes at a row's links but for the last */
    uint64_t lists;             /* spann: scanned, */
    uint64_t pages;             /* and pages of 4096 bytes read for them and for vectors */
    uint64_t signs;             /* osq: rows that may be found, of lists visited */
    double seconds;             /* of the call */
    float *us;                  /* [queries], to be filled; NULL: not wanted */
};

/* n queries of f32 of the index's dimension. id, score: [n][k], best first, scores as printed
 * (types.h); where there is nothing NEIGH_NONE (neigh.h) and NaN. ERR_INPUT names a query that is
 * not finite, or a zero vector under cosine. stats: NULL, or added to. */
int ann_search(const struct ann *a, const struct ann_search_opts *o, const float *queries,
               uint64_t n, uint64_t *id, float *score, struct ann_search_stats *stats,
               struct err *e);

/* The same by processes: one a list, in a tree of which each node starts `fan` others
 * (base/tree.h); what is found is the same. Of kinds that have `parts`; one thread a process. 1:
 * this process is one of these and is done, the caller must _exit(0) at once. ERR_IO: a process
 * died. */
int ann_search_tree(const struct ann *a, const struct ann_search_opts *o, uint32_t fan,
                    const float *queries, uint64_t n, uint64_t *id, float *score,
                    struct ann_search_stats *stats, struct err *e);

/* How a query with so many allowed rows will be searched, and why; of a kind with tenants, that of
 * *o->tenant. */
struct ann_explained {
    const char *plan; /* "none", "exact", "all", or how the kind passes over rows: filter.h */
    char why[200];    /* a sentence without its stop */
};

void ann_explain(const struct ann *a, const struct ann_search_opts *o, uint64_t count,
                 struct ann_explained *x);

/* Predicates over attributes (where.h is their language) become rows that are allowed; equal ones
 * share them. */
struct ann_predicates;

enum { ANN_PREDICATES_BYTES = 64 << 20 }; /* of rows that are held at once, or 16 predicates' */

/* most: different ones that there will be, for which room is made; 0: not known. */
int ann_predicates_new(struct ann_predicates **out, const struct ann *a, uint64_t most, int threads,
                       struct err *e);
void ann_predicates_free(struct ann_predicates *s);
/* Of n predicates the first *done, at least one, for which there is room: their rows, those that
 * are deleted not among them, in allowed[*done], until the next call. ERR_USAGE, of the predicate
 * text[*done]: "column N: ...", and two more lines, its text around the place and a caret. After an
 * error it is only to be freed. */
int ann_predicates_rows(struct ann_predicates *s, const struct ann_predicate *text, uint64_t n,
                        struct ann_allowed *allowed, uint64_t *done, struct err *e);
/* Predicates from JSON Lines, a line each: a string, {"where":"..."}, or null for all rows. */
struct ann_predicate_file;
int ann_predicate_file_open(struct ann_predicate_file **out, const char *path, struct err *e);
void ann_predicate_file_close(struct ann_predicate_file *f);
/* The next n, or all that are left: how many; *text until the next call. ERR_INPUT names the
 * line. */
int64_t ann_predicate_file_read(struct ann_predicate_file *f, uint64_t n,
                                const struct ann_predicate **text, struct err *e);
/* How many were evaluated so far, and the time that all of it took. */
void ann_predicates_stats(const struct ann_predicates *s, uint64_t *evaluated, double *seconds);

/* ---- tuning ---- */

/* What a search is told for a recall, as it was measured with k neighbours. */
struct ann_setting {
    double target;      /* above 0, at most 1 */
    double recall;      /* of the queries that it was not chosen by; of the best setting if not
                           reached */
    double keys, exact; /* of such a query: codes compared, vectors read */
    uint32_t k;
    uint32_t effort; /* ann_search_opts; 0: no setting reached the target */
    uint32_t rerank; /* 0: the kind takes none */
    float slack;
    uint32_t queries; /* that it was measured by */
    uint32_t zero[3];
};
static_assert(sizeof(struct ann_setting) == 64, "section TUNE has no holes");

enum { ANN_SETTINGS_MOST = 1024 };

struct ann_tune_opts {
    uint32_t k;
    const double *targets; /* ascending, each once */
    size_t n_targets;
    const uint32_t *tenant; /* of each query, of a kind with tenants; else NULL */
    int threads;
    progress_fn *progress; /* NULL: none */
    void *progress_ctx;
};

struct neigh;

/* The true neighbours of n queries, by the index's own vectors; ERR_USAGE if it has none. */
int ann_truth(const struct ann *a, const float *queries, uint64_t n, uint32_t k, int threads,
              struct neigh *truth, struct err *e);
/* The same of queries of tenants, each of what its tenant may see; of a kind with tenants. */
struct ann_asked {
    const float *x;
    uint64_t n;
    const uint32_t *tenant; /* [n], numbers of ann_tenant(); NULL: of all rows */
};
int ann_truth_of(const struct ann *a, const struct ann_asked *q, uint32_t k, int threads,
                 struct neigh *truth, struct err *e);
/* The cheapest setting for each target (tune.c): s[n_targets]. Of n >= 2 queries every second
 * chooses, the others confirm. truth: of all of them, k places or more. ERR_INPUT: of one half or
 * the other no query has a true neighbour. */
int ann_tune(const struct ann *a, const struct ann_tune_opts *o, const float *queries, uint64_t n,
             const struct neigh *truth, struct ann_setting *s, struct err *e);

/* The settings that the index holds, by k and target; n at most ANN_SETTINGS_MOST. */
int ann_settings(const struct ann *a, const struct ann_setting **s, size_t *n, struct err *e);
/* Writes the index to `path`, which may be its own, with these settings in the place of all that it
 * holds for their k. */
int ann_save_settings(const struct ann *a, const char *path, const struct ann_setting *s, size_t n,
                      struct err *e);
/* The setting for a recall of k neighbours: of the smallest K that is at least k and was tuned, the
 * smallest target that is at least `recall`. ERR_INPUT when there is none, or it was not reached.
 */
int ann_setting_for(const struct ann *a, double recall, uint32_t k, struct ann_setting *s,
                    struct err *e);

/* ---- changing it ---- */

/* An index and what is to become of it: rows are deleted and added in memory, then all is written
 * at once. A row keeps its number for good, and no number is given twice, unless compact. */
struct ann_update;

struct ann_update_opts {
    bool compact;    /* leave deleted rows out, and number the others anew, in their order */
    const char *map; /* with compact: a file of i32 in any format of vec/file.h, the new number of
                        each row or -1; NULL: none */
    int threads;
    progress_fn *progress; /* NULL: none */
    void *progress_ctx;
};

struct ann_update_report {
    uint64_t first, added, deleted; /* numbers of added rows begin at `first` */
    uint64_t granted, revoked;
    uint64_t rows, live; /* in the file written */
    double seconds;
};

/* Reads all of the file: ERR_CORRUPT if it is damaged. ERR_USAGE: this kind cannot be changed. */
int ann_update_open(struct ann_update **out, const char *path, enum cpu_level cpu, struct err *e);
void ann_update_close(struct ann_update *u);
/* From now on what would need more than `bytes` of memory with so many threads is refused: ERR_MEM.
 * 0: no bound. */
int ann_update_bound(struct ann_update *u, uint64_t bytes, int threads, struct err *e);
/* The index as it was. */
const struct ann *ann_update_index(const struct ann_update *u);
/* These change nothing where they fail. ERR_INPUT: no such row, an id that is there, a vector that
 * cannot be one of this index; ERR_USAGE: what no vector could do. Of names where the index has
 * them; else id is NULL. */
int ann_update_add(struct ann_update *u, const char *id, size_t len, const float *vector,
                   struct err *e);
/* Attributes of the row that is added next, as members of a JSON object p[0..len). ERR_INPUT: the
 * index has no such column, or one of another type. */
int ann_update_attrs(struct ann_update *u, const char *p, size_t len, struct err *e);
/* Of the `added` rows that were added last, none of which has any yet: those of attrs whose bit in
 * `without` is not set (NULL: all of them), in their order. */
int ann_update_attrs_last(struct ann_update *u, const struct ann_attrs *attrs, uint64_t added,
                          const uint64_t *without, struct err *e);
int ann_update_delete(struct ann_update *u, const char *id, size_t len, struct err *e);
int ann_update_delete_row(struct ann_update *u, uint64_t row, struct err *e);
uint64_t ann_update_next(const struct ann_update *u); /* the number of the next row added */
/* The row of an id: UINT64_MAX if none has it. */
uint64_t ann_update_find(const struct ann_update *u, const char *id, size_t len);
/* tenant: from now on the tenant may see the row, or may not. ERR_INPUT: there is no such row, or,
 * to be revoked, no such right; ERR_USAGE: the kind has no tenants. */
int ann_update_grant(struct ann_update *u, uint64_t row, const char *tenant, size_t len,
                     struct err *e);
int ann_update_revoke(struct ann_update *u, uint64_t row, const char *tenant, size_t len,
                      struct err *e);
/* Would it go? Nothing is done. */
int ann_update_may_revoke(const struct ann_update *u, uint64_t row, const char *tenant, size_t len,
                          struct err *e);
/* update_read.c: changes from JSON Lines, {"op":"add|delete|grant|revoke","id":...,"vector":[...],
 * "tenant":...,"attrs":{...}}. ERR_INPUT names file and line, unless skip_bad: then they are
 * counted. */
int ann_update_read(struct ann_update *u, const char *path, bool skip_bad, uint64_t *skipped,
                    struct err *e);
/* Rows in files. how->skip_bad: rows and names that cannot be are counted, and their attributes are
 * passed over with them. */
struct ann_add_file {
    const char *path;
    const struct vec_read_opts *how;
    const char *ids;          /* their names, where the index has them; else NULL */
    const char *attrs, *only; /* as ann_attrs_load() takes them; attrs NULL: they have none */
};
int ann_update_add_file(struct ann_update *u, const struct ann_add_file *from, uint64_t *skipped,
                        struct err *e);
/* Writes to `path`, which may be that of the index. */
int ann_update_write(struct ann_update *u, const char *path, const struct ann_update_opts *o,
                     struct ann_update_report *report, struct err *e);

/* Writes the index to `path`, which may be its own, with these attributes of its rows in the place
 * of those that it has. ERR_USAGE: the kind is made of its attributes. */
int ann_save_attrs(const struct ann *a, const char *path, const struct ann_attrs *attrs,
                   struct err *e);

/* ---- looking at it ---- */

struct ann_info {
    const char *kind;
    const char *effort; /* what a search of it is told: "ef", "nprobe", "reach", "keep" */
    uint32_t effort_default, effort_most;
    bool slack, rerank; /* it takes these of ann_search_opts */
    bool parts;         /* its lists can be searched apart: ann_search_tree(), near_lists, factor */
    bool has_links;     /* ann_links() */
    bool has_lists;     /* ann_lists() */
    bool has_tenants;   /* ann_tenants() */
    char codec[ANN_SPEC_MAX];
    uint64_t rows, live, bytes; /* live: not deleted */
    uint32_t dim;
    enum vec_type type;
    enum vec_metric metric;
    bool vectors, ids;
    uint32_t columns;                /* of attributes */
    uint32_t code_bytes, link_bytes; /* of a row */
    uint32_t degree, beam, entries;
    double alpha;
    uint32_t lists;
    double spread;     /* of errors: ivf.h, tenant.h */
    double entry_mean; /* spann: lists that a row is in, on average */
    uint64_t apart;    /* bytes of sections that are not mapped */
    /* of a tree: hqi.h */
    uint32_t leaves, depth; /* leaves: 0 where there is none */
    uint64_t leaf_least, leaf_most, workload;
};

void ann_info(const struct ann *a, struct ann_info *i);
/* What effort 0 is with a slack, of an index that takes one. */
uint32_t ann_slack_effort(const struct ann *a, uint32_t k);
/* The name of a row below i.rows, where i.ids is set: *len bytes of UTF-8, without a NUL; a deleted
 * row has none. */
const char *ann_id(const struct ann *a, uint64_t row, size_t *len);
bool ann_deleted(const struct ann *a, uint64_t row);
/* Columns of attributes, from 0 to i.columns - 1. */
struct ann_column {
    const char *name, *type;
    uint32_t distinct;     /* different values; of a set column: strings in sets */
    uint64_t nulls, bytes; /* bytes: in the index */
};
struct ann_column ann_column(const struct ann *a, uint32_t i);
/* Sections, from 0; false after the last. */
struct ann_section {
    char id[5];
    uint64_t offset, len;
};
bool ann_section(const struct ann *a, size_t i, struct ann_section *s);

struct ann_links {
    uint64_t links, none; /* in all; rows without any; deleted rows do not count */
    uint32_t least, most; /* of a row */
    uint64_t reached;     /* rows, from the first entry */
    uint64_t by_degree[ANN_DEGREE_MOST + 1];
};

/* Of a kind with links. */
int ann_links(const struct ann *a, struct ann_links *l, struct err *e);

struct ann_lists {
    uint64_t least, most, none; /* rows of a list; lists without any */
    double mean, imbalance;     /* sum of squared sizes by that of even ones: 1 and above */
};

/* Of a kind with lists. */
void ann_lists(const struct ann *a, struct ann_lists *l);
struct ann_tenants {
    uint64_t tenants, grants;
    uint64_t nodes, leaves, leaf_most; /* of the tree; rows of a leaf */
    uint32_t depth;                    /* of the lowest leaf, the root's being 0 */
    uint64_t lists, list_most;         /* short lists, rows of one */
    uint64_t list_bytes;               /* coded, with what finds them */
    uint64_t filter_bits;              /* of all Bloom filters */
    double filter_fill;                /* share of them that is set */
};

/* Of a kind with tenants. */
void ann_tenants(const struct ann *a, struct ann_tenants *t);
/* Every checksum; every link and entry is to a row that is not deleted, all of those are reached;
 * lists hold each row once; ids are different; tenants' lists hold rows that are there, each once,
 * and filters let pass what they must. */
int ann_check(const struct ann *a, struct err *e);

#endif
