/* fm.h - a compressed full-text self-index of documents: how often, where, which document, what is
 * its text.
 *
 * An index is one file, described in fm-index(5), mapped read-only and shared between processes, or
 * loaded: copied into huge pages of this process, where searches are faster. A
 * set is a small text file that names several ("sluice-set 1", then a path a line, relative to the
 * set); it is opened like an index: counts add up, and document numbers run on through its shards.
 *
 * fm_open() checks header, section table and every section's length; contents are clamped where
 * they are used, so a damaged file may give wrong numbers but never a wild access. fm_check() reads
 * everything.
 *
 * Errors   functions returning int give 0 (or a count), or a negative ERR_* with a sentence in *e.
 * Memory   the caller owns *out and closes it; close(NULL) does nothing. Buffers stay the caller's.
 * Threads  an open index is immutable: share it freely. `threads` is how many a call may use; no
 *          result depends on it.
 * Source   Ferragina & Manzini 2000 (FM-index); rank.h, sample.h, sufsort.h name what they follow.
 */
#ifndef FM_FM_H
#define FM_FM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/progress_fn.h"
#include "text/docs.h"
#include "text/normalize.h"

/* ---- making indexes (build.c, combine.c) ----
 *
 * The documents that fit into the bound of memory are sorted at once; if there are more, indexes of
 * so many each are made and merged, in a folder INDEX.parts (parts.h). The bytes of the index
 * depend on documents and options alone: not on the bound, the threads, the number of parts.
 */

/* How the rank structure is kept: rank.h. By the numbers in the file. */
enum fm_layout { FM_LAYOUT_DEFAULT, FM_LAYOUT_FAST, FM_LAYOUT_SMALL };
#define FM_LAYOUT_NAMES "fast|small" /* from FM_LAYOUT_FAST on */

struct fm_build_opts {
    struct docs_opts docs;
    enum text_rule normalize;
    unsigned rate;         /* sample every rate-th text position; 0: the default, 60 */
    enum fm_layout layout; /* the default is FAST, or what the index appended to has */
    int threads;           /* 0: one */
    uint64_t memory_bytes; /* for sorting and merging; 0: no bound but 2 GiB of text at once */
    const char *append;    /* an index whose documents come first, made with options that must not
                              be given otherwise; NULL: none */
    bool resume;           /* go on where an interrupted build of the same stopped */
    progress_fn *progress; /* NULL: none */
    void *progress_ctx;
};

struct fm_build_report {
    uint64_t docs, bytes; /* of the index; searchable bytes */
    uint64_t skipped;     /* bad records */
    bool parts_left;      /* after an error: finished parts are kept, for `resume`; after none:
                             they could not be removed */
};

/* Reads the documents of all paths and writes the index, whole or not at all. *report is filled. */
int fm_build(const char *index, const char *const *paths, size_t n, const struct fm_build_opts *o,
             struct fm_build_report *report, struct err *e);

struct fm_merge_opts {
    enum fm_layout layout; /* the default is that of the first */
    int threads;
    uint64_t memory_bytes; /* of merging; indexes are read into memory if they fit; 0: no bound */
    progress_fn *progress;
    void *progress_ctx;
};

/* One index of the documents of several, or of the shards of sets, in order: the bytes that one
 * build of all documents would give. ERR_INPUT when they were made with different options. */
int fm_merge(const char *index, const char *const *paths, size_t n, const struct fm_merge_opts *o,
             struct err *e);

/* A set of the same: the indexes stay, and are named in it. */
int fm_set_of(const char *set, const char *const *paths, size_t n, struct err *e);

/* ---- an open index or set (fm.c) ---- */

struct fm;

struct fm_open_opts {
    enum cpu_level cpu; /* at most this, which the machine must have; {0} is CPU_PORTABLE */
    bool load;          /* copied into memory, not mapped */
    int threads;        /* for loading; 0: one */
    bool bare;          /* without the copies and hints that make searches faster */
    /* What is going to be written, NULL or "-" if no file: ERR_USAGE if an index that is to be read
     * stands in its place. */
    const char *output;
};

/* o == NULL: mapped, with all that the machine has. */
int fm_open(struct fm **out, const char *path, const struct fm_open_opts *o, struct err *e);
void fm_close(struct fm *fm);

uint64_t fm_docs(const struct fm *fm);
uint64_t fm_bytes(const struct fm *fm); /* searchable bytes, document ends not counted */
enum text_rule fm_normalize(const struct fm *fm);
uint64_t fm_doc_bytes(const struct fm *fm, uint64_t doc); /* searchable bytes of one document */

/* Checksums and structure of every shard. */
int fm_check(const struct fm *fm, progress_fn *progress, void *ctx, struct err *e);

/* ---- sets (set.c) ---- */

#define FM_SET_MAX 65536 /* indexes in a set */

/* Writes the set, whole or not at all. Members in the set's folder or below it are named relative
 * to it; others by the path given if that is absolute, else by their absolute path. ERR_USAGE: none
 * or too many, a newline in a path, a member that has the set's own path. Members are not opened,
 * but their folders must exist. */
int fm_set_write(const char *path, const char *const *members, size_t n, struct err *e);

/* ---- counting (fm.c) ---- */

struct fm_text {
    const char *p;
    size_t len;
};

/* counts[i] = occurrences of pat[i]; overlaps count; the empty pattern occurs at every byte. */
void fm_count(const struct fm *fm, const struct fm_text *pat, size_t n, uint64_t *counts,
              int threads);

/* ---- finding (hits.c) ---- */

struct fm_range {
    uint64_t lo, hi; /* suffix rows [lo, hi) */
};

struct fm_place {
    uint64_t doc, offset; /* offset in bytes of the document's searchable text */
};

/* All occurrences of one pattern, as ranges of rows: cheap however many they are. */
struct fm_hits {
    const struct fm *fm;
    struct hit_range *range;
    size_t n, cap;
    uint64_t count;
};

/* With fold_case the letters A-Z and a-z of the pattern match either case. The empty pattern has no
 * places. */
int fm_hits_find(struct fm_hits *h, const struct fm *fm, struct fm_text pat, bool fold_case,
                 struct err *e);
/* All h->count places, sorted by document and offset. */
void fm_hits_locate(const struct fm_hits *h, struct fm_place *place, int threads);
/* The first k <= h->count of these, sorted; memory grows with k, not with the count. */
int fm_hits_first(const struct fm_hits *h, uint64_t k, struct fm_place *place, int threads,
                  struct err *e);
/* k <= h->count different ones of them, each equally likely, sorted; only these are located. */
int fm_hits_sample(const struct fm_hits *h, uint64_t k, uint64_t seed, struct fm_place *place,
                   int threads, struct err *e);
void fm_hits_free(struct fm_hits *h);

/* Text around a place: `context` bytes before and after, cut where characters begin (utf8.h). */
struct fm_snippet {
    size_t at, len;         /* of the snippet, in the caller's buffer */
    size_t hit_at, hit_len; /* of the occurrence, in the snippet */
};

/* Snippets of n places, of an occurrence of hit_len[i] bytes each; the text is appended to *text.
 */
int fm_snippets(const struct fm *fm, const struct fm_place *place, const uint64_t *hit_len,
                size_t n, uint64_t context, struct fm_snippet *out, struct buf *text, int threads,
                struct err *e);

/* docs[i] = documents that hold pat[i], counted exactly. Patterns are located, or, when that is
 * dearer, looked for in one pass over all text. */
int fm_count_docs(const struct fm *fm, const struct fm_text *pat, size_t n, uint64_t *docs,
                  int threads, progress_fn *progress, void *ctx, struct err *e);

/* ---- reading (fm.c) ---- */

/* Bytes [from, from + len) of a document's searchable text, clipped to it by the caller. */
struct fm_piece {
    uint64_t doc, from, len;
    char *dst;
};

void fm_read(const struct fm *fm, const struct fm_piece *pieces, size_t n, int threads);

/* ---- records (record.c): what the index keeps of a document beside its searchable text ---- */

struct fm_reader; /* belongs to one thread */

int fm_reader_new(struct fm_reader **out, const struct fm *fm, struct err *e);
/* The document's id: its own, or "PATH:LINE" where it came from. Appended to *out. */
int fm_reader_id(struct fm_reader *r, uint64_t doc, struct buf *out, struct err *e);
/* The text as it came in: for a normalised index the raw text that is kept beside it. Appended. */
int fm_reader_text(struct fm_reader *r, uint64_t doc, struct buf *out, struct err *e);
/* One JSON line, without its newline: {"id":...,"text":...}, or with `meta` all fields of the input
 * record, in their order and with the bytes they had; the text alone is written anew. Appended. */
int fm_reader_record(struct fm_reader *r, uint64_t doc, bool meta, struct buf *out, struct err *e);
/* The documents with this id, as fm_reader_id() gives it; growing: *docs is the caller's to free. A
 * count, or negative. */
int64_t fm_reader_find_id(struct fm_reader *r, const char *id, size_t len, uint64_t **docs,
                          struct err *e);
void fm_reader_free(struct fm_reader *r);

/* ---- matching (match.c) ---- */

struct fm_match {
    uint64_t offset, len; /* in the query text, bytes */
    uint64_t count;       /* occurrences in the corpus */
    uint64_t doc;         /* an example: of the first row in the first shard */
};

/* The maximal matches of at least min_len bytes of each text: substrings that occur in the corpus
 * and are contained in no longer one that does. match[i], growing in offset, is the caller's to
 * free; found[i] is how many. 0, or negative and nothing is left to free. */
int fm_match(const struct fm *fm, const struct fm_text *text, size_t n, uint64_t min_len,
             struct fm_match **match, int64_t *found, int threads, struct err *e);
/* The longest of each text's matches, the first of equals; len 0 when not one byte occurs. */
int fm_longest(const struct fm *fm, const struct fm_text *text, size_t n, struct fm_match *out,
               int threads, struct err *e);

/* ---- contamination (contam.c) ---- */

enum fm_method { FM_WINDOW, FM_NGRAM, FM_LONGEST };
enum fm_label { FM_CLEAN, FM_SUSPICIOUS, FM_DIRTY };

struct fm_contam_opts {
    enum fm_method method;
    uint64_t window_chars;    /* FM_WINDOW: code points a window (50) */
    uint64_t words;           /* FM_NGRAM: words a window (13) */
    double dirty, suspicious; /* shares from which the labels hold (0.8, 0.2) */
    bool verbatim;            /* FM_NGRAM on an index that is not normalised */
    uint64_t longest_min;     /* bytes: of an entry without a window that is found, a longest match
                                 below it counts as none (0: all count). Looking for such is most
                                 of the work on clean entries */
};

struct fm_verdict {
    double share; /* windows found / windows; FM_LONGEST: longest match / length */
    enum fm_label label;
    uint64_t windows, found;
    struct fm_match longest; /* the longest verbatim match, subject to longest_min, or len 0; its
                                offset is in the searched form of the entry */
};

/* One verdict an entry. On a normalised index entries are normalised first, and offsets are those
 * of the normalised entry (fm_normalize_text). FM_NGRAM on an index that is not: ERR_USAGE, unless
 * verbatim; a window of no characters or words: ERR_USAGE. */
int fm_contam(const struct fm *fm, const struct fm_text *entry, size_t n,
              const struct fm_contam_opts *o, struct fm_verdict *out, int threads, struct err *e);

/* Appends a text in the form in which an index of that rule holds it: under gpt3, with one space at
 * both ends too, so that a space stands on both sides of every word. */
int fm_normalize_text(enum text_rule rule, struct fm_text t, struct buf *out, struct err *e);

/* ---- what is in the file (stat.c) ---- */

struct fm_info {
    const char *path;
    uint64_t docs, bytes, raw_bytes, file_bytes, rows, sample_rate;
    unsigned alphabet; /* bytes that occur */
    enum text_rule normalize;
    const char *layout;
    double entropy; /* order 0, bits a byte */
};

struct fm_section {
    char id[5];
    const char *what; /* for people */
    uint64_t bytes;
};

size_t fm_shards(const struct fm *fm);
struct fm_info fm_shard_info(const struct fm *fm, size_t shard);
size_t fm_shard_sections(const struct fm *fm, size_t shard);
struct fm_section fm_shard_section(const struct fm *fm, size_t shard, size_t i);

#endif
