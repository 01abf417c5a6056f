/* report_int.h - what the two forms of the bulletin share: numbers as people write them, counts,
 * sentences, and which part of an entry is shown. Internal to report*.c.
 */
#ifndef FM_REPORT_INT_H
#define FM_REPORT_INT_H

#include "fm/report.h"

/* ---- writing: after the first failure nothing more is written, so only the end asks ---- */

struct report_sink {
    struct buf *out;
    struct err *e;
    int rc;
    int (*add)(struct buf *out, const char *p, size_t len, struct err *e); /* escapes */
};

/* Markup, as it is. A formatted piece has at most 511 bytes. */
void report_put(struct report_sink *s, const char *markup);
void report_putf(struct report_sink *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Text, escaped. */
void report_text(struct report_sink *s, struct fm_text t);
void report_cstr(struct report_sink *s, const char *t);

/* ---- numbers ---- */

struct report_num {
    char s[48];
};

struct report_num report_count(uint64_t v);                 /* 1,319 */
struct report_num report_share(double share);               /* 0.8: 80%, 1/3: 33.3% */
struct report_num report_part(uint64_t part, uint64_t all); /* the same of part / all */
/* "1 entry", "2 entries" */
struct report_num report_entries(uint64_t n);

/* ---- what is counted ---- */

enum { REPORT_LABELS = 3, REPORT_BINS = 10 };

struct report_tally {
    uint64_t n, label[REPORT_LABELS];         /* by enum fm_label */
    uint64_t bin[REPORT_BINS][REPORT_LABELS]; /* shares from 0, 10, ... 90 % on */
};

/* Worst first, the order in which labels are shown. */
extern const enum fm_label report_order[REPORT_LABELS];
const char *report_label(enum fm_label l);

void report_tally_bench(struct report_tally *t, const struct fm_report_bench *b); /* adds */
struct report_tally report_tally_all(const struct fm_report *r);
uint64_t report_bin(const struct report_tally *t, size_t bin);
/* The length, out of `full`, of a bar for v entries when the longest is for `max`: logarithmic, so
 * that a handful of dirty entries is seen beside a thousand clean ones. */
unsigned report_log(uint64_t v, uint64_t max, unsigned full);
uint64_t report_bin_max(const struct report_tally *t);

/* ---- sentences, in plain ASCII without markup characters and without a full stop at the end ----
 */

void report_headline(struct report_sink *s, const struct report_tally *t);
void report_method(struct report_sink *s, const struct fm_report *r);
/* "12 documents, 3,456 bytes" */
void report_corpus(struct report_sink *s, const struct fm_report *r);
/* "5 of 6 windows found. The longest match has 212 of 230 characters and occurs 3 times, for
 * example in document ": the caller puts its id there, if it has one. */
void report_match(struct report_sink *s, const struct fm_report_entry *entry);

/* ---- what is shown of an entry ---- */

/* text[from, mark_from) | marked: [mark_from, gap_from) [gap_to, mark_to) | [mark_to, to). All at
 * the beginnings of characters; there is no gap when gap_from == gap_to. */
struct report_cut {
    size_t from, mark_from, gap_from, gap_to, mark_to, to;
    bool cut_front, cut_back;
};

struct report_cut report_cut(struct fm_text t, const struct fm_match *match);

#define ELLIPSIS "\xE2\x80\xA6"

/* Markup around the parts of it; the gap says how much is left out. */
struct report_marks {
    const char *front, *open, *gap_open, *gap_close, *close, *back;
};

void report_marked(struct report_sink *s, const struct fm_report_entry *entry,
                   const struct report_marks *m);
/* `before`, the worst entries, `after`; nothing when there are none. */
void report_each_worst(struct report_sink *s, const struct fm_report *r, const char *before,
                       void (*put_entry)(struct report_sink *s, const struct fm_report *r,
                                         struct fm_report_ref ref),
                       const char *after);

#endif
