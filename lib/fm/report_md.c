/* report_md.c - the bulletin as GitHub Flavored Markdown: bars of coloured squares, the histogram
 * in a code block, matches in <mark> (two asterisks are no emphasis beside a space or inside a
 * word).
 */
#include "fm/report_int.h"

#include "base/html.h"

enum { SQUARES = 25, COLUMNS = 40 };

static const char *square(enum fm_label l)
{
    return l == FM_DIRTY        ? "\xF0\x9F\x9F\xA5"
           : l == FM_SUSPICIOUS ? "\xF0\x9F\x9F\xA8"
                                : "\xF0\x9F\x9F\xA9";
}

static void put_times(struct report_sink *s, const char *what, uint64_t n)
{
    while (n--)
        report_put(s, what);
}

/* Every label that occurs has one square at least; the most frequent gives or takes the rest. */
static void put_squares(struct report_sink *s, const struct report_tally *t)
{
    uint64_t n[REPORT_LABELS], sum = 0;
    size_t most = 0;

    for (size_t i = 0; i < REPORT_LABELS; i++) {
        n[i] = t->n ? (uint64_t)((double)t->label[i] / (double)t->n * SQUARES) : 0;
        n[i] += t->label[i] && !n[i];
        sum += n[i];
        most = t->label[i] > t->label[most] ? i : most;
    }
    n[most] = t->n ? n[most] + SQUARES - sum : 0;
    for (size_t i = 0; i < REPORT_LABELS; i++)
        put_times(s, square(report_order[i]), n[report_order[i]]);
}

static void put_counts(struct report_sink *s, const struct report_tally *t)
{
    for (size_t i = 0; i < REPORT_LABELS; i++) {
        enum fm_label l = report_order[i];
        report_putf(s, "%s%s **%s %s** (%s)", i ? " \xC2\xB7 " : "", square(l),
                    report_count(t->label[l]).s, report_label(l), report_part(t->label[l], t->n).s);
    }
    report_put(s, "\n\n");
}

static void put_histogram(struct report_sink *s, const struct report_tally *t)
{
    report_put(s, "```text\n  share  entries\n");
    for (size_t i = 0; i < REPORT_BINS; i++) {
        uint64_t n = report_bin(t, i);
        report_putf(s, "%2zu-%3zu%%  %7s%s", i * 10, i * 10 + 10, report_count(n).s, n ? "  " : "");
        put_times(s, "\xE2\x96\x88", report_log(n, report_bin_max(t), COLUMNS));
        report_put(s, "\n");
    }
    report_put(s, "```\n\n");
}

static void put_bench(struct report_sink *s, const struct fm_report_bench *b)
{
    struct report_tally t = {0};

    report_tally_bench(&t, b);
    report_put(s, "## ");
    report_cstr(s, b->name);
    report_putf(s, "\n\n%s\n\n", report_entries(b->n).s);
    if (!t.n)
        return;
    put_squares(s, &t);
    report_put(s, "\n\n");
    put_counts(s, &t);
    put_histogram(s, &t);
}

static void put_method(struct report_sink *s, const struct fm_report *r)
{
    report_put(s, "## How it was measured\n\n");
    report_method(s, r);
    report_put(s, ". The bars of the histograms are logarithmic.\n\nThe corpus is ");
    report_cstr(s, r->corpus);
    report_put(s, ": ");
    report_corpus(s, r);
    report_put(s, ".\n\n");
}

static const struct report_marks marks = {
    .front = ELLIPSIS " ",
    .open = "<mark>",
    .gap_open = " \\[",
    .gap_close = "\\] ",
    .close = "</mark>",
    .back = " " ELLIPSIS,
};

static void put_entry(struct report_sink *s, const struct fm_report *r, struct fm_report_ref ref)
{
    const struct fm_report_bench *b = &r->bench[ref.bench];
    const struct fm_report_entry *entry = &b->entry[ref.entry];
    enum fm_label l = entry->verdict->label;

    report_putf(s, "### %s ", square(l));
    report_text(s, entry->id);
    report_putf(s, ": %s, %s\n\n", report_label(l), report_share(entry->verdict->share).s);
    report_put(s, "> ");
    report_marked(s, entry, &marks);
    report_put(s, "\n\n");
    if (r->n_bench > 1) {
        report_cstr(s, b->name);
        report_put(s, ". ");
    }
    report_match(s, entry);
    if (entry->doc_id.len) {
        report_put(s, "<code>");
        report_text(s, entry->doc_id);
        report_put(s, "</code>");
    }
    report_put(s, ".\n\n");
}

int fm_report_markdown(const struct fm_report *r, struct buf *out, struct err *e)
{
    struct report_sink s = {out, e, 0, html_add_markdown};
    struct report_tally all = report_tally_all(r);

    report_put(&s, "# ");
    report_headline(&s, &all);
    report_put(&s, "\n\nContamination report\n\n");
    if (r->n_bench != 1)
        put_counts(&s, &all);
    for (size_t i = 0; i < r->n_bench; i++)
        put_bench(&s, &r->bench[i]);
    put_method(&s, r);
    report_each_worst(
        &s, r, "## The worst entries\n\nBy share, then by longest match, which is marked.\n\n",
        put_entry, "");
    return s.rc;
}
