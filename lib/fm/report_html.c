/* report_html.c - the bulletin as one HTML file: its style inside, no script, nothing fetched (a
 * content policy says so to the browser as well). Bars are flexible boxes whose growth is a count,
 * so that they need no arithmetic here and fit every width.
 */
#include "fm/report_int.h"

#include "base/html.h"

/* Colours are named once for light and once for dark: plain for areas, -ink for words. */
static const char *const style[] = {
    ":root{color-scheme:light dark;"
    "--paper:#faf9f6;--card:#fff;--ink:#1c1b19;--soft:#66625a;--line:#e3dfd6;--empty:#ece9e1;"
    "--dirty:#c0362c;--dirty-ink:#a32a21;--suspicious:#eab13c;--suspicious-ink:#845600;"
    "--clean:#8db8a6;--clean-ink:#2f6b55;--mark:#ffe68a;--mark-ink:#1c1b19;"
    "--serif:Charter,'Bitstream Charter','Iowan Old Style','Source Serif 4',Cambria,Georgia,serif;"
    "--sans:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue','Liberation Sans',Arial,"
    "sans-serif;"
    "--mono:ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace}\n"
    "@media (prefers-color-scheme:dark){:root{"
    "--paper:#161513;--card:#1f1e1b;--ink:#ece9e2;--soft:#a39e93;--line:#37342e;--empty:#2b2925;"
    "--dirty:#e5604f;--dirty-ink:#ff8f80;--suspicious:#d9a02f;--suspicious-ink:#efc063;"
    "--clean:#4f8270;--clean-ink:#8fc4ae;--mark:#66520c;--mark-ink:#fff3c9}}\n"
    "*{box-sizing:border-box;margin:0}\n"
    "html{-webkit-text-size-adjust:100%;text-size-adjust:100%}\n"
    "body{background:var(--paper);color:var(--ink);font:1rem/1.5 var(--sans);"
    "font-variant-numeric:tabular-nums;padding:clamp(1.5rem,5vw,4rem) clamp(1rem,4vw,2rem)}\n"
    "main,footer{max-width:46rem;margin:0 auto}\n",

    "h1{font:600 clamp(2rem,7vw,3.25rem)/1.08 var(--serif);letter-spacing:-.015em;"
    "text-wrap:balance;margin:.4rem 0 .9rem;font-variant-numeric:lining-nums}\n"
    "h2{font:600 1.35rem/1.2 var(--serif);margin:3.25rem 0 1rem}\n"
    ".over{font-size:.75rem;font-weight:600;letter-spacing:.12em;text-transform:uppercase;"
    "color:var(--soft)}\n"
    ".lede{font:1.125rem/1.5 var(--serif);color:var(--soft);margin-bottom:2rem;"
    "overflow-wrap:anywhere}\n"
    ".lede b{color:var(--ink);font-weight:600}\n"
    ".prose{font:1.0625rem/1.6 var(--serif);max-width:40rem;hyphens:auto}\n"
    ".bar{display:flex;gap:2px;height:2.25rem;border-radius:.35rem;overflow:hidden;"
    "background:var(--empty)}\n"
    ".bar i{min-width:4px;flex-basis:0}\n"
    ".small .bar{height:1.1rem;border-radius:.2rem}\n"
    "i.dirty,.axis .dirty{background:var(--dirty)}\n"
    "i.suspicious,.axis .suspicious{background:var(--suspicious)}\n"
    "i.clean,.axis .clean{background:var(--clean)}\n"
    ".bar,i,mark,.badge,.axis span{-webkit-print-color-adjust:exact;print-color-adjust:exact}\n"
    ".key{display:grid;grid-template-columns:repeat(3,1fr);gap:1rem;margin-top:1rem}\n"
    ".key div{border-top:3px solid var(--line);padding-top:.6rem}\n"
    ".key .dirty{border-color:var(--dirty)}.key .suspicious{border-color:var(--suspicious)}"
    ".key .clean{border-color:var(--clean)}\n"
    ".key dt{font-size:.875rem;font-weight:600}\n"
    ".dirty dt,.dirty b{color:var(--dirty-ink)}.suspicious dt,.suspicious b"
    "{color:var(--suspicious-ink)}.clean dt,.clean b{color:var(--clean-ink)}\n"
    ".key .n{font:600 clamp(1.6rem,6vw,2.4rem)/1.15 var(--serif);"
    "font-variant-numeric:lining-nums}\n"
    ".key .p{color:var(--soft);font-size:.9375rem}\n",

    ".small{margin:0 0 1.5rem}\n"
    "figcaption{display:flex;flex-wrap:wrap;justify-content:space-between;gap:0 1rem;"
    "margin-bottom:.35rem;font-size:.9375rem}\n"
    "figcaption b{overflow-wrap:anywhere;font-weight:600}\n"
    "figcaption span,.counts{color:var(--soft);font-size:.875rem}\n"
    ".counts{display:flex;flex-wrap:wrap;gap:0 1.25rem;margin-top:.35rem}\n"
    ".counts b{font-weight:600}\n"
    ".plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(20rem,100%),1fr));"
    "gap:2rem;align-items:end}\n"
    ".cols{display:flex;align-items:flex-end;height:11rem}\n"
    ".cols div{flex:1 1 0;height:100%;display:flex;flex-direction:column;"
    "justify-content:flex-end;text-align:center;min-width:0;padding:0 1.5px}\n"
    ".cols b{font-size:.75rem;font-weight:500;color:var(--soft);line-height:1.5}\n"
    ".cols span{display:flex;flex-direction:column;flex:none;min-height:3px;overflow:hidden;"
    "border-radius:.2rem .2rem 0 0}\n"
    ".axis{display:flex;height:4px;margin-top:2px}.axis span{flex-basis:0}\n"
    ".ticks{display:flex;justify-content:space-between;margin:.3rem 0 0;font-size:.75rem;"
    "color:var(--soft)}\n"
    ".ticks span{width:0;display:flex;justify-content:center;white-space:nowrap}\n"
    ".ticks span:first-child{justify-content:flex-start}"
    ".ticks span:last-child{justify-content:flex-end}\n"
    ".note{font-size:.8125rem;color:var(--soft);margin-top:.6rem}\n"
    ".facts{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1.25rem;"
    "margin-top:1.25rem;font-size:.9375rem}\n"
    ".facts dt{color:var(--soft)}.facts dd{overflow-wrap:anywhere}\n",

    ".worst{list-style:none;padding:0;margin-top:1rem}h2+.note{margin-top:-.6rem}\n"
    ".worst li{background:var(--card);border:1px solid var(--line);border-left-width:4px;"
    "border-radius:.4rem;padding:1rem 1.15rem 1.05rem;margin-bottom:1rem}\n"
    ".worst .dirty{border-left-color:var(--dirty)}"
    ".worst .suspicious{border-left-color:var(--suspicious)}"
    ".worst .clean{border-left-color:var(--clean)}\n"
    ".head{display:flex;flex-wrap:wrap;align-items:baseline;gap:.25rem .7rem;"
    "margin-bottom:.6rem}\n"
    ".head h3{font:600 .9375rem/1.4 var(--mono);overflow-wrap:anywhere;min-width:0}\n"
    ".head .of{color:var(--soft);font-size:.8125rem;overflow-wrap:anywhere}\n"
    ".head .share{margin-left:auto;font-weight:600;font-size:1.0625rem;white-space:nowrap}\n"
    ".badge{font-size:.75rem;font-weight:600;line-height:1;padding:.28em .65em .32em;"
    "border-radius:1em}\n"
    ".dirty .badge{background:var(--dirty);color:#fff}"
    ".suspicious .badge{background:var(--suspicious);color:#2a1c00}"
    ".clean .badge{background:var(--empty);color:var(--clean-ink)}\n"
    "blockquote{font:1.0625rem/1.6 var(--serif);white-space:break-spaces;overflow-wrap:anywhere;"
    "tab-size:4;unicode-bidi:isolate}\n"
    "mark{background:var(--mark);color:var(--mark-ink);border-radius:.15em;padding:.08em 0;"
    "-webkit-box-decoration-break:clone;box-decoration-break:clone}\n"
    ".cut{color:var(--soft);font-family:var(--sans);font-size:.8125rem}\n"
    ".where{color:var(--soft);font-size:.875rem;margin-top:.75rem;overflow-wrap:anywhere}\n"
    ".code{font:.8125rem/1.55 var(--mono)}\n"
    "code{font-family:var(--mono);font-size:.92em;color:var(--ink);display:inline-block;"
    "max-width:100%}\n"
    "footer{color:var(--soft);font-size:.8125rem;margin-top:3rem;border-top:1px solid "
    "var(--line);padding-top:.9rem}\n"
    "@media print{:root{--paper:#fff;--card:#fff}html{font-size:9.5pt}body{padding:0}"
    ".note{break-before:avoid}h2,h2+.note{break-after:avoid}figure,.facts,.head,.key{break-inside:avoid}.head{break-after:avoid}"
    ".worst li{break-inside:avoid-page}@page{margin:18mm 16mm}}\n",
};

static void head(struct report_sink *s, const struct report_tally *all)
{
    report_put(s, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                  "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                  "style-src 'unsafe-inline'\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                  "<meta name=\"color-scheme\" content=\"light dark\">\n"
                  "<meta name=\"generator\" content=\"sluice fm-contam\">\n<title>");
    report_headline(s, all);
    report_put(s, "</title>\n<style>\n");
    for (size_t i = 0; i < sizeof style / sizeof *style; i++)
        report_put(s, style[i]);
    report_put(s, "</style>\n</head>\n<body>\n<main>\n");
}

/* ---- bars ---- */

static void put_parts(struct report_sink *s, const uint64_t label[REPORT_LABELS])
{
    for (size_t i = 0; i < REPORT_LABELS; i++) {
        enum fm_label l = report_order[i];
        if (label[l])
            report_putf(s, "<i class=\"%s\" style=\"flex-grow:%llu\"></i>", report_label(l),
                        (unsigned long long)label[l]);
    }
}

static void put_bar(struct report_sink *s, const struct report_tally *t)
{
    report_putf(s,
                "<div class=\"bar\" role=\"img\" aria-label=\"%s dirty, %s suspicious, %s clean\">",
                report_count(t->label[FM_DIRTY]).s, report_count(t->label[FM_SUSPICIOUS]).s,
                report_count(t->label[FM_CLEAN]).s);
    put_parts(s, t->label);
    report_put(s, "</div>\n");
}

static void put_key(struct report_sink *s, const struct report_tally *t)
{
    report_put(s, "<dl class=\"key\">\n");
    for (size_t i = 0; i < REPORT_LABELS; i++) {
        enum fm_label l = report_order[i];
        report_putf(s,
                    "<div class=\"%s\"><dt>%s</dt><dd class=\"n\">%s</dd><dd class=\"p\">%s</dd>"
                    "</div>\n",
                    report_label(l), report_label(l), report_count(t->label[l]).s,
                    report_part(t->label[l], t->n).s);
    }
    report_put(s, "</dl>\n");
}

static void put_caption(struct report_sink *s, const struct fm_report_bench *b)
{
    report_put(s, "<figcaption><b>");
    report_cstr(s, b->name);
    report_putf(s, "</b> <span>%s</span></figcaption>\n", report_entries(b->n).s);
}

static void put_bench_bar(struct report_sink *s, const struct fm_report_bench *b)
{
    struct report_tally t = {0};

    report_tally_bench(&t, b);
    report_put(s, "<figure class=\"small\">\n");
    put_caption(s, b);
    put_bar(s, &t);
    report_put(s, "<p class=\"counts\">");
    for (size_t i = 0; i < REPORT_LABELS; i++) {
        enum fm_label l = report_order[i];
        report_putf(s, "<span class=\"%s\"><b>%s %s</b> %s</span> ", report_label(l),
                    report_count(t.label[l]).s, report_label(l), report_part(t.label[l], t.n).s);
    }
    report_put(s, "</p>\n</figure>\n");
}

/* ---- histogram ---- */

static void put_column(struct report_sink *s, const struct report_tally *t, size_t bin)
{
    uint64_t n = report_bin(t, bin);

    report_putf(s, "<div title=\"%zu-%zu%%: %s\">", bin * 10, bin * 10 + 10, report_entries(n).s);
    if (n) {
        report_putf(s, "<b>%s</b><span style=\"height:%u%%\">", report_count(n).s,
                    report_log(n, report_bin_max(t), 88));
        put_parts(s, t->bin[bin]);
        report_put(s, "</span>");
    }
    report_put(s, "</div>");
}

/* The axis in the colours of the labels, so that the thresholds are seen where nothing stands. */
static void put_axis(struct report_sink *s, const struct fm_contam_opts *o)
{
    double share[2] = {o->suspicious < o->dirty ? o->suspicious : o->dirty, o->dirty};
    unsigned at[4] = {0, 0, 0, 1000};

    for (size_t i = 0; i < 2; i++)
        at[i + 1] = !(share[i] > 0) ? 0 : share[i] >= 1 ? 1000 : (unsigned)(share[i] * 1000);
    report_put(s, "<div class=\"axis\">");
    for (size_t i = 0; i < REPORT_LABELS; i++)
        report_putf(s, "<span class=\"%s\" style=\"flex-grow:%u\"></span>",
                    report_label((enum fm_label)i), at[i + 1] - at[i]);
    report_put(s, "</div>\n<p class=\"ticks\">");
    for (unsigned i = 0; i <= 100; i += 20)
        report_putf(s, "<span>%u%s</span>", i, i == 100 ? "%" : "");
    report_put(s, "</p>\n");
}

static void put_histogram(struct report_sink *s, const struct fm_report_bench *b,
                          const struct fm_contam_opts *o)
{
    struct report_tally t = {0};

    if (!b->n)
        return;
    report_tally_bench(&t, b);
    report_put(s, "<figure>\n");
    put_caption(s, b);
    report_put(s, "<div class=\"cols\">");
    for (size_t i = 0; i < REPORT_BINS; i++)
        put_column(s, &t, i);
    report_put(s, "</div>\n");
    put_axis(s, o);
    report_put(s, "</figure>\n");
}

/* ---- sections ---- */

static void put_lede(struct report_sink *s, const struct fm_report *r)
{
    report_put(s, "<p class=\"lede\"><b>");
    if (r->n_bench == 1)
        report_cstr(s, r->bench[0].name);
    else
        report_putf(s, "%s benchmarks", report_count(r->n_bench).s);
    report_put(s, "</b>, looked for in <b>");
    report_cstr(s, r->corpus);
    report_put(s, "</b></p>\n");
}

static void put_overview(struct report_sink *s, const struct fm_report *r,
                         const struct report_tally *all)
{
    report_put(s, "<header>\n<p class=\"over\">Contamination report</p>\n<h1>");
    report_headline(s, all);
    report_put(s, "</h1>\n");
    put_lede(s, r);
    put_bar(s, all);
    put_key(s, all);
    report_put(s, "</header>\n");
    if (r->n_bench > 1) {
        report_put(s, "<section>\n<h2>Benchmark by benchmark</h2>\n");
        for (size_t i = 0; i < r->n_bench; i++)
            put_bench_bar(s, &r->bench[i]);
        report_put(s, "</section>\n");
    }
}

static void put_histograms(struct report_sink *s, const struct fm_report *r,
                           const struct report_tally *all)
{
    if (!all->n)
        return;
    report_put(s, "<section>\n<h2>How much of an entry the corpus contains</h2>\n"
                  "<div class=\"plots\">\n");
    for (size_t i = 0; i < r->n_bench; i++)
        put_histogram(s, &r->bench[i], r->opts);
    report_put(s, "</div>\n<p class=\"note\">Entries by share, in steps of 10%; heights are "
                  "logarithmic, so that a few are seen beside many.</p>\n</section>\n");
}

static void put_facts(struct report_sink *s, const struct fm_report *r)
{
    report_put(s, "<section>\n<h2>How it was measured</h2>\n<p class=\"prose\">");
    report_method(s, r);
    report_put(s, ".</p>\n<dl class=\"facts\">\n<dt>Corpus</dt><dd>");
    report_cstr(s, r->corpus);
    report_put(s, "</dd>\n<dt>Size</dt><dd>");
    report_corpus(s, r);
    report_put(s, "</dd>\n");
    report_put(s, "</dl>\n</section>\n");
}

/* ---- entries ---- */

static const struct report_marks marks = {
    .front = "<span class=\"cut\">" ELLIPSIS " </span>",
    .open = "<mark>",
    .gap_open = "<span class=\"cut\"> [",
    .gap_close = "] </span>",
    .close = "</mark>",
    .back = "<span class=\"cut\"> " ELLIPSIS "</span>",
};

/* Code and tables want letters of one width. */
static bool is_indented(struct fm_text t)
{
    for (size_t i = 0; i + 2 < t.len; i++)
        if (t.p[i] == '\n' && (t.p[i + 1] == '\t' || (t.p[i + 1] == ' ' && t.p[i + 2] == ' ')))
            return true;
    return false;
}

static void put_entry(struct report_sink *s, const struct fm_report *r, struct fm_report_ref ref)
{
    const struct fm_report_bench *b = &r->bench[ref.bench];
    const struct fm_report_entry *entry = &b->entry[ref.entry];
    const char *label = report_label(entry->verdict->label);

    report_putf(s, "<li class=\"%s\">\n<div class=\"head\"><span class=\"badge\">%s</span><h3>",
                label, label);
    report_text(s, entry->id);
    report_put(s, "</h3>");
    if (r->n_bench > 1) {
        report_put(s, "<span class=\"of\">");
        report_cstr(s, b->name);
        report_put(s, "</span>");
    }
    report_putf(s, "<span class=\"share\">%s</span></div>\n<blockquote dir=\"auto\"%s>",
                report_share(entry->verdict->share).s,
                is_indented(entry->text) ? " class=\"code\"" : "");
    report_marked(s, entry, &marks);
    report_put(s, "</blockquote>\n<p class=\"where\">");
    report_match(s, entry);
    if (entry->doc_id.len) {
        report_put(s, "<code>");
        report_text(s, entry->doc_id);
        report_put(s, "</code>");
    }
    report_put(s, entry->doc_id.len ? "</p>\n</li>\n" : ".</p>\n</li>\n");
}

int fm_report_html(const struct fm_report *r, struct buf *out, struct err *e)
{
    struct report_sink s = {out, e, 0, html_add};
    struct report_tally all = report_tally_all(r);

    head(&s, &all);
    put_overview(&s, r, &all);
    put_histograms(&s, r, &all);
    put_facts(&s, r);
    report_each_worst(&s, r,
                      "<section>\n<h2>The worst entries</h2>\n<p class=\"note\">By share, then by "
                      "longest match, which is marked.</p>\n<ol class=\"worst\">\n",
                      put_entry, "</ol>\n</section>\n");
    report_put(&s, "</main>\n<footer>Made by sluice fm-contam. Everything on this page is in this "
                   "one file.</footer>\n</body>\n</html>\n");
    return s.rc;
}
