/* report.h - the contamination bulletin: what fm_contam() found, for people, on one page.
 *
 * Verdict counts, a stacked bar and a histogram of the shares for every benchmark, method, corpus,
 * and the worst entries of all benchmarks with their longest match marked. HTML is one file without
 * script and without anything to fetch; Markdown is GitHub's. No clock, no random number: the same
 * report gives the same bytes.
 *
 * Errors   0 or ERR_MEM; what was appended to *out before is then of no use.
 * Memory   everything pointed to is the caller's and only read. Any bytes may stand in any text.
 */
#ifndef FM_REPORT_H
#define FM_REPORT_H

#include "fm/fm.h"

struct fm_report_entry {
    struct fm_text id;
    struct fm_text text; /* in the searched form, which is what verdict->longest counts in */
    const struct fm_verdict *verdict;
    struct fm_text doc_id; /* of verdict->longest.doc; empty: not known; only the worst need it */
};

struct fm_report_bench {
    const char *name; /* its path */
    const struct fm_report_entry *entry;
    size_t n;
};

struct fm_report {
    const struct fm_report_bench *bench;
    size_t n_bench;
    const char *corpus; /* path of the index */
    uint64_t docs, bytes;
    const struct fm_contam_opts *opts;
    enum text_rule rule;
    size_t worst; /* entries to show, of all benchmarks; FM_REPORT_WORST is a good number */
};

enum { FM_REPORT_WORST = 20 };

/* Names one entry of a report. */
struct fm_report_ref {
    size_t bench, entry;
};

/* The entries that will be shown, worst first: by share, then by longest match, then as they came;
 * entries without any match are not among them. So a caller may fetch document ids for these alone.
 * *n of them, at most r->worst, the caller's to free. */
int fm_report_worst(const struct fm_report *r, struct fm_report_ref **ref, size_t *n,
                    struct err *e);

int fm_report_html(const struct fm_report *r, struct buf *out, struct err *e);
int fm_report_markdown(const struct fm_report *r, struct buf *out, struct err *e);

#endif
