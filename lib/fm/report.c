/* report.c - see report.h: the order of the entries, the counts, the sentences, and what is shown
 * of a long entry. The two forms of the page are in report_html.c and report_md.c.
 *
 * Time and memory: one pass over the verdicts and one sort of them, 40 bytes an entry.
 */
#include "fm/report_int.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/utf8.h"

/* ---- writing ---- */

void report_put(struct report_sink *s, const char *markup)
{
    if (s->rc == 0)
        s->rc = buf_adds(s->out, markup, s->e);
}

void report_putf(struct report_sink *s, const char *fmt, ...)
{
    char piece[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(piece, sizeof piece, fmt, ap);
    va_end(ap);
    report_put(s, piece);
}

void report_text(struct report_sink *s, struct fm_text t)
{
    if (s->rc == 0)
        s->rc = s->add(s->out, t.p, t.len, s->e);
}

void report_cstr(struct report_sink *s, const char *t)
{
    report_text(s, (struct fm_text){t, strlen(t)});
}

/* ---- numbers ---- */

struct report_num report_count(uint64_t v)
{
    struct report_num n;
    char *p = n.s + sizeof n.s - 1, *const end = p;

    *p = 0;
    for (unsigned digits = 0; v || !digits; v /= 10, digits++) {
        if (digits && digits % 3 == 0)
            *--p = ',';
        *--p = (char)('0' + v % 10);
    }
    memmove(n.s, p, (size_t)(end - p) + 1);
    return n;
}

static double clamped(double share)
{
    return !(share > 0) ? 0 : share > 1 ? 1 : share; /* not a number is 0 */
}

/* One digit after the point unless it is exact without; neither none nor all is said of what is
 * only near. */
struct report_num report_share(double share)
{
    struct report_num n;
    double x = clamped(share);
    unsigned tenths = (unsigned)(x * 1000 + 0.5), percent = (unsigned)(x * 100 + 0.5);

    if (x > 0 && tenths == 0)
        snprintf(n.s, sizeof n.s, "under 0.1%%");
    else if (x < 1 && tenths == 1000)
        snprintf(n.s, sizeof n.s, "over 99.9%%");
    else if (fabs(x * 100 - percent) < 1e-9)
        snprintf(n.s, sizeof n.s, "%u%%", percent);
    else
        snprintf(n.s, sizeof n.s, "%u.%u%%", tenths / 10, tenths % 10);
    return n;
}

struct report_num report_part(uint64_t part, uint64_t all)
{
    return report_share(all ? (double)part / (double)all : 0);
}

struct report_num report_entries(uint64_t n)
{
    struct report_num text;

    snprintf(text.s, sizeof text.s, "%.30s %s", report_count(n).s, n == 1 ? "entry" : "entries");
    return text;
}

/* ---- counts ---- */

const enum fm_label report_order[REPORT_LABELS] = {FM_DIRTY, FM_SUSPICIOUS, FM_CLEAN};

const char *report_label(enum fm_label l)
{
    return l == FM_DIRTY ? "dirty" : l == FM_SUSPICIOUS ? "suspicious" : "clean";
}

void report_tally_bench(struct report_tally *t, const struct fm_report_bench *b)
{
    for (size_t i = 0; i < b->n; i++) {
        const struct fm_verdict *v = b->entry[i].verdict;
        size_t bin = (size_t)(clamped(v->share) * REPORT_BINS);
        t->n++;
        t->label[v->label]++;
        t->bin[bin < REPORT_BINS ? bin : REPORT_BINS - 1][v->label]++;
    }
}

struct report_tally report_tally_all(const struct fm_report *r)
{
    struct report_tally t = {0};

    for (size_t i = 0; i < r->n_bench; i++)
        report_tally_bench(&t, &r->bench[i]);
    return t;
}

uint64_t report_bin(const struct report_tally *t, size_t bin)
{
    return t->bin[bin][FM_CLEAN] + t->bin[bin][FM_SUSPICIOUS] + t->bin[bin][FM_DIRTY];
}

uint64_t report_bin_max(const struct report_tally *t)
{
    uint64_t max = 0;

    for (size_t i = 0; i < REPORT_BINS; i++)
        max = report_bin(t, i) > max ? report_bin(t, i) : max;
    return max;
}

unsigned report_log(uint64_t v, uint64_t max, unsigned full)
{
    if (v >= max)
        return v ? full : 0;
    return (unsigned)(log1p((double)v) / log1p((double)max) * full + 0.5);
}

/* ---- the worst ---- */

struct ranked {
    double share;
    uint64_t len;
    struct fm_report_ref ref;
};

static int by_rank(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    if (x->share != y->share)
        return x->share > y->share ? -1 : 1;
    if (x->len != y->len)
        return x->len > y->len ? -1 : 1;
    if (x->ref.bench != y->ref.bench)
        return x->ref.bench < y->ref.bench ? -1 : 1;
    return x->ref.entry < y->ref.entry ? -1 : x->ref.entry > y->ref.entry;
}

static size_t matched_entries(const struct fm_report *r, struct ranked *to)
{
    size_t n = 0;

    for (size_t b = 0; b < r->n_bench; b++) {
        for (size_t i = 0; i < r->bench[b].n; i++) {
            const struct fm_verdict *v = r->bench[b].entry[i].verdict;
            if (v->longest.len)
                to[n++] = (struct ranked){clamped(v->share), v->longest.len, {b, i}};
        }
    }
    return n;
}

int fm_report_worst(const struct fm_report *r, struct fm_report_ref **ref, size_t *n, struct err *e)
{
    size_t entries = 0;
    struct ranked *ranked;

    for (size_t b = 0; b < r->n_bench; b++)
        entries += r->bench[b].n;
    ranked = mem_array(entries, sizeof *ranked, e);
    if (!ranked)
        return e->code;
    *n = matched_entries(r, ranked);
    qsort(ranked, *n, sizeof *ranked, by_rank);
    *n = *n < r->worst ? *n : r->worst;
    *ref = mem_array(*n, sizeof **ref, e);
    *n = *ref ? *n : 0;
    for (size_t i = 0; i < *n; i++)
        (*ref)[i] = ranked[i].ref;
    free(ranked);
    return *ref ? 0 : e->code;
}

/* ---- sentences ---- */

void report_headline(struct report_sink *s, const struct report_tally *t)
{
    uint64_t dirty = t->label[FM_DIRTY];

    if (t->n == 0)
        report_put(s, "There are no entries to judge");
    else if (t->n == 1)
        report_putf(s, "The only entry is %s",
                    report_label(dirty                     ? FM_DIRTY
                                 : t->label[FM_SUSPICIOUS] ? FM_SUSPICIOUS
                                                           : FM_CLEAN));
    else if (dirty == 0)
        report_putf(s, "Not one of %s entries is dirty", report_count(t->n).s);
    else if (dirty == t->n)
        report_putf(s, "All %s entries are dirty", report_count(t->n).s);
    else
        report_putf(s, "%s of %s entries %s dirty", report_count(dirty).s, report_count(t->n).s,
                    dirty == 1 ? "is" : "are");
}

static void windows_sentence(struct report_sink *s, const struct fm_report *r)
{
    const struct fm_contam_opts *o = r->opts;
    bool words = o->method == FM_NGRAM;

    report_putf(
        s,
        "Every entry is cut into windows of %s %s, one from the beginning of each word on "
        "(a shorter entry is one window), and its share is the part of them that the corpus "
        "contains %s; ",
        report_count(words ? o->words : o->window_chars).s, words ? "words" : "characters",
        r->rule == TEXT_NONE ? "verbatim"
                             : "when both are in lower case, without punctuation, and with "
                               "single spaces");
}

void report_method(struct report_sink *s, const struct fm_report *r)
{
    const struct fm_contam_opts *o = r->opts;

    if (o->method == FM_LONGEST)
        report_putf(s,
                    "The share of an entry is the length of its longest match in the corpus, "
                    "compared %s, over its own length; ",
                    r->rule == TEXT_NONE ? "verbatim"
                                         : "in lower case, without punctuation, and with single "
                                           "spaces");
    else
        windows_sentence(s, r);
    report_putf(s, "from %s on an entry is dirty, from %s on suspicious, and below that clean",
                report_share(o->dirty).s, report_share(o->suspicious).s);
}

void report_corpus(struct report_sink *s, const struct fm_report *r)
{
    char human[NUM_HUMAN];

    report_putf(s, "%s document%s, %s bytes", report_count(r->docs).s, r->docs == 1 ? "" : "s",
                report_count(r->bytes).s);
    if (r->bytes >= 1024)
        report_putf(s, " (%s)", num_human_bytes(r->bytes, human));
}

struct range {
    size_t from, to;
};

static struct range match_range(struct fm_text t, const struct fm_match *m)
{
    size_t from = m->offset < t.len ? (size_t)m->offset : t.len;

    return (struct range){from, m->len < t.len - from ? from + (size_t)m->len : t.len};
}

static uint64_t characters(struct fm_text t, struct range r)
{
    return r.to > r.from ? utf8_count(t.p + r.from, r.to - r.from) : 0;
}

void report_match(struct report_sink *s, const struct fm_report_entry *entry)
{
    const struct fm_verdict *v = entry->verdict;
    struct range all = {0, entry->text.len}, m = match_range(entry->text, &v->longest);

    if (v->windows)
        report_putf(s, "%s of %s window%s found. ", report_count(v->found).s,
                    report_count(v->windows).s, v->windows == 1 ? "" : "s");
    if (m.to - m.from == entry->text.len)
        report_putf(s, "All %s characters occur together ",
                    report_count(characters(entry->text, all)).s);
    else
        report_putf(s, "The longest match has %s of %s characters and occurs ",
                    report_count(characters(entry->text, m)).s,
                    report_count(characters(entry->text, all)).s);
    if (v->longest.count == 1)
        report_put(s, "once");
    else
        report_putf(s, "%s times", report_count(v->longest.count).s);
    if (entry->doc_id.len)
        report_putf(s, ", %sin document ", v->longest.count == 1 ? "" : "for example ");
}

/* ---- what is shown of an entry ---- */

/* Bytes: an entry up to WHOLE is shown whole; else AROUND on both sides of the match, and of a long
 * match HEAD and TAIL. Less than SLACK is not worth a cut, and a cut moves so far to a space. */
enum { WHOLE = 900, AROUND = 220, HEAD = 480, TAIL = 240, SLACK = 24 };

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* From `at`, behind the next blank if there is one near, else to a character's beginning. */
static size_t cut_forward(struct fm_text t, size_t at)
{
    for (size_t i = at; i < at + SLACK && i < t.len; i++)
        if (is_blank(t.p[i]))
            return i + 1;
    return utf8_ceil(t.p, t.len, at);
}

static size_t cut_backward(struct fm_text t, size_t at)
{
    for (size_t i = at; i > 0 && i + SLACK > at; i--)
        if (is_blank(t.p[i - 1]))
            return i - 1;
    return utf8_floor(t.p, t.len, at);
}

static void shorten(struct report_cut *c, struct fm_text t)
{
    size_t from = c->from, to = c->to, marked = c->mark_to - c->mark_from;

    if (c->mark_from - from > AROUND + SLACK)
        c->from = cut_forward(t, c->mark_from - AROUND);
    if (to - c->mark_to > AROUND + SLACK)
        c->to = cut_backward(t, c->mark_to + AROUND);
    if (marked > HEAD + TAIL + 3 * SLACK) {
        c->gap_from = cut_backward(t, c->mark_from + HEAD);
        c->gap_to = cut_forward(t, c->mark_to - TAIL);
    }
    c->cut_front = c->from > from;
    c->cut_back = c->to < to;
}

static size_t between(size_t x, size_t lo, size_t hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

struct report_cut report_cut(struct fm_text t, const struct fm_match *match)
{
    struct range m = match_range(t, match);
    struct report_cut c = {.to = t.len};

    while (c.from < c.to && is_blank(t.p[c.from]))
        c.from++;
    while (c.to > c.from && is_blank(t.p[c.to - 1]))
        c.to--;
    c.mark_from = between(utf8_ceil(t.p, t.len, m.from), c.from, c.to);
    c.mark_to = between(utf8_floor(t.p, t.len, m.to), c.mark_from, c.to);
    c.gap_from = c.gap_to = c.mark_to;
    if (c.to - c.from > WHOLE)
        shorten(&c, t);
    return c;
}

static void put_piece(struct report_sink *s, struct fm_text t, size_t from, size_t to)
{
    if (to > from)
        report_text(s, (struct fm_text){t.p + from, to - from});
}

void report_marked(struct report_sink *s, const struct fm_report_entry *entry,
                   const struct report_marks *m)
{
    struct fm_text t = entry->text;
    struct report_cut c = report_cut(t, &entry->verdict->longest);

    report_put(s, c.cut_front ? m->front : "");
    put_piece(s, t, c.from, c.mark_from);
    if (c.mark_to > c.mark_from) {
        report_put(s, m->open);
        put_piece(s, t, c.mark_from, c.gap_from);
        if (c.gap_to > c.gap_from)
            report_putf(s, "%s%s characters left out%s", m->gap_open,
                        report_count(characters(t, (struct range){c.gap_from, c.gap_to})).s,
                        m->gap_close);
        put_piece(s, t, c.gap_to, c.mark_to);
        report_put(s, m->close);
    }
    put_piece(s, t, c.mark_to, c.to);
    report_put(s, c.cut_back ? m->back : "");
}

void report_each_worst(struct report_sink *s, const struct fm_report *r, const char *before,
                       void (*put_entry)(struct report_sink *s, const struct fm_report *r,
                                         struct fm_report_ref ref),
                       const char *after)
{
    struct fm_report_ref *ref = NULL;
    size_t n = 0;

    if (s->rc == 0)
        s->rc = fm_report_worst(r, &ref, &n, s->e);
    report_put(s, n ? before : "");
    for (size_t i = 0; i < n; i++)
        put_entry(s, r, ref[i]);
    report_put(s, n ? after : "");
    free(ref);
}
