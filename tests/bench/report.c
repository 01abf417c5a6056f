/* report.c - the figures of all benchmarks as one HTML page: a summary, what falls short, pictures,
 * and of each family a table whose ratios are drawn beside what is asked. Its style is inside,
 * there is no script, nothing is fetched, and all text is escaped.
 *
 *   report REPORT.tsv POINTS >report.html
 */
#include <stdarg.h>

#include "base/html.h"
#include "report_pictures.h"
#include "report_rows.h"

static struct buf page;
static struct err err;

/* Markup, as it is. */
static void put(const char *markup)
{
    if (buf_adds(&page, markup, &err) < 0)
        bench_stop(err.msg);
}

__attribute__((format(printf, 1, 2))) static void putf(const char *form, ...)
{
    char text[512];
    va_list v;

    va_start(v, form);
    vsnprintf(text, sizeof text, form, v);
    va_end(v);
    put(text);
}

static void put_text(const char *text)
{
    if (html_add(&page, text, strlen(text), &err) < 0)
        bench_stop(err.msg);
}

/* ---- style: colours are named once for light and once for dark ---- */

static const char *const style[] = {
    ":root{color-scheme:light dark;--paper:#fbfaf7;--card:#fff;--ink:#1d1c1a;--soft:#66625a;"
    "--line:#e3dfd6;--yes:#3f8f6b;--yes-ink:#2a6b4e;--no:#c0362c;--no-ink:#a32a21;--none:#b9b4a8;"
    "--out:#d9a93c;--good:#e3f1ea;--bad:#f8e5e2;"
    "--serif:Charter,'Bitstream Charter','Source Serif 4',Cambria,Georgia,serif;"
    "--sans:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue','Liberation Sans',Arial,"
    "sans-serif;--mono:ui-monospace,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace}\n"
    "@media (prefers-color-scheme:dark){:root{--paper:#161513;--card:#1f1e1b;--ink:#ece9e2;"
    "--soft:#a39e93;--line:#37342e;--yes:#4fa981;--yes-ink:#8fc4ae;--no:#e5604f;--no-ink:#ff8f80;"
    "--none:#6d695f;--out:#d9a02f;--good:#1d3329;--bad:#3a211e}}\n"
    "*{box-sizing:border-box;margin:0}\n"
    "body{background:var(--paper);color:var(--ink);font:1rem/1.5 var(--sans);"
    "font-variant-numeric:tabular-nums;padding:clamp(1rem,4vw,3rem)}\n"
    "main,footer{max-width:78rem;margin:0 auto}\n"
    "h1{font:600 clamp(1.9rem,5vw,3rem)/1.1 var(--serif);letter-spacing:-.015em;"
    "font-variant-numeric:lining-nums;margin:.3rem 0 .6rem}\n"
    "h2{font:600 1.4rem/1.2 var(--serif);margin:3rem 0 .9rem}\n"
    ".over{font-size:.75rem;font-weight:600;letter-spacing:.12em;text-transform:uppercase;"
    "color:var(--soft)}\n"
    ".lede{font:1.1rem/1.5 var(--serif);color:var(--soft);margin-bottom:1.4rem;max-width:50rem}\n"
    ".note{color:var(--soft);font-size:.85rem;max-width:50rem;margin-bottom:.9rem}\n"
    "a{color:inherit}\n",

    ".bar{display:flex;gap:2px;height:2rem;border-radius:.35rem;overflow:hidden}\n"
    ".bar i{flex-basis:0;min-width:3px}\n"
    ".v0{background:var(--yes)}.v1{background:var(--no)}.v2{background:var(--none)}"
    ".v3{background:var(--out)}.v4{background:var(--no)}\n"
    ".facts{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1.25rem;"
    "margin-top:1.25rem;font-size:.9rem}\n"
    ".facts dt{color:var(--soft)}.facts dd{overflow-wrap:anywhere}\n"
    ".scroll{overflow-x:auto}\n"
    "table{border-collapse:collapse;width:100%;font-size:.875rem}\n"
    "th{font-weight:600;text-align:left;color:var(--soft);font-size:.75rem;"
    "border-bottom:1px solid var(--line);padding:.3rem .6rem;white-space:nowrap}\n"
    "td{border-bottom:1px solid var(--line);padding:.38rem .6rem;vertical-align:top}\n"
    ".figures{table-layout:fixed;min-width:60rem}\n"
    "td.n,th.n{text-align:right;white-space:nowrap}td.wide{white-space:normal;min-width:6rem}\n"
    "td small,.cmd{display:block;color:var(--soft);font-size:.75rem;overflow-wrap:anywhere}\n"
    ".cmd{font-family:var(--mono);font-size:.7rem}\n"
    "tr.part td{border:0;padding:1.1rem .6rem .2rem;font-weight:600;color:var(--soft);"
    "font-size:.75rem;letter-spacing:.06em}\n"
    ".summary{max-width:44rem;margin-top:1.5rem}.summary .bar{height:.8rem;min-width:10rem}\n"
    "b.yes{color:var(--yes-ink)}b.no{color:var(--no-ink)}\n",

    ".track{position:relative;display:block;max-width:9rem;height:1rem;margin-top:.2rem;"
    "border-radius:.2rem;background:linear-gradient(90deg,var(--bad) 50%,var(--good) 50%)}\n"
    ".track.range{background:linear-gradient(90deg,var(--bad) 25%,var(--good) 25%,"
    "var(--good) 75%,var(--bad) 75%)}\n"
    ".track.plain{background:var(--line)}\n"
    ".track:before{content:'';position:absolute;left:50%;top:0;bottom:0;width:1px;"
    "background:var(--soft)}.track.range:before{display:none}\n"
    ".track i{position:absolute;top:50%;width:.6rem;height:.6rem;margin:-.3rem 0 0 -.3rem;"
    "border-radius:50%;background:var(--none);border:1px solid var(--card)}\n"
    ".yes .track i{background:var(--yes)}.no .track i{background:var(--no)}\n"
    ".pictures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(32rem,100%),1fr));"
    "gap:1.5rem}\n"
    "figure{background:var(--card);border:1px solid var(--line);border-radius:.4rem;"
    "padding:.6rem}figure svg{width:100%;height:auto;display:block}\n"
    "figcaption{color:var(--soft);font-size:.85rem;padding:.3rem .5rem}\n"
    "footer{color:var(--soft);font-size:.8rem;margin-top:3rem;border-top:1px solid var(--line);"
    "padding-top:.9rem}footer p{margin-bottom:.2rem}\n"
    ".bar,.track,.track i{-webkit-print-color-adjust:exact;print-color-adjust:exact}\n"
    "@media print{figure,tr{break-inside:avoid}h2{break-after:avoid}body{padding:0}}\n",
};

/* ---- numbers ---- */

/* 12,345 or 0.0123; as it was where it is no number. */
static void put_number(double v, const char *as_it_was)
{
    char digits[64];
    size_t n;

    if (isinf(v)) {
        put("&infin;");
        return;
    }
    if (isnan(v) || fabs(v) >= 1e15) {
        put_text(as_it_was);
        return;
    }
    if (fabs(v) < 9999.5) {
        putf("%.4g", v);
        return;
    }
    n = (size_t)snprintf(digits, sizeof digits, "%.0f", fabs(v));
    put(v < 0 ? "-" : "");
    for (size_t i = 0; i < n; i++)
        putf("%s%c", i > 0 && (n - i) % 3 == 0 ? "," : "", digits[i]);
}

static void put_values(const char *cell)
{
    double v[VALUES_MOST];
    size_t n = values_of(cell, v);

    for (size_t i = 0; i < n; i++) {
        put(i ? ", " : "");
        put_number(v[i], n == 1 ? cell : "-");
    }
}

/* ---- counts ---- */

struct tally {
    size_t n[VERDICTS];
};

/* Of a family; NULL: of all. */
static struct tally tally_of(const struct rows *r, const char *family)
{
    struct tally t = {0};

    for (size_t i = 0; i < r->n; i++)
        if (!family || strcmp(r->row[i].cell[FAMILY], family) == 0)
            t.n[r->row[i].verdict]++;
    return t;
}

static bool is_first(const struct rows *r, size_t i, int cell)
{
    return i == 0 || strcmp(r->row[i].cell[cell], r->row[i - 1].cell[cell]) != 0;
}

static void put_bar(const struct tally *t)
{
    static const char *const what[VERDICTS] = {"as asked", "not as asked", "nothing asked",
                                               "left out", "failed"};

    put("<div class=\"bar\">");
    for (int v = 0; v < VERDICTS; v++)
        if (t->n[v])
            putf("<i class=\"v%d\" style=\"flex-grow:%zu\" title=\"%zu %s\"></i>", v, t->n[v],
                 t->n[v], what[v]);
    put("</div>");
}

/* ---- the head ---- */

static void put_summary(const struct rows *r)
{
    put("<div class=\"scroll\"><table class=\"summary\">\n<tr><th>family<th class=\"n\">as asked"
        "<th class=\"n\">not<th class=\"n\">nothing asked<th class=\"n\">parts left out"
        "<th class=\"n\">failed<th></tr>\n");
    for (size_t i = 0; i < r->n; i++) {
        const char *family = r->row[i].cell[FAMILY];
        struct tally t;

        if (!is_first(r, i, FAMILY))
            continue;
        t = tally_of(r, family);
        put("<tr><td><a href=\"#");
        put_text(family);
        put("\">");
        put_text(family);
        put("</a>");
        for (int v = 0; v < VERDICTS; v++)
            putf("<td class=\"n\">%zu", t.n[v]);
        put("<td>");
        put_bar(&t);
        put("</tr>\n");
    }
    put("</table></div>\n");
}

static void put_head(const struct rows *r)
{
    struct tally t = tally_of(r, NULL);

    put("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
        "style-src 'unsafe-inline'\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n"
        "<title>sluice: benchmarks</title>\n<style>\n");
    for (size_t i = 0; i < sizeof style / sizeof *style; i++)
        put(style[i]);
    put("</style>\n</head>\n<body>\n<main>\n<p class=\"over\">sluice &middot; make bench</p>\n");
    putf("<h1>%zu of %zu figures are as asked</h1>\n", t.n[YES], t.n[YES] + t.n[NO]);
    put("<p class=\"lede\">Each is ours beside a peer's, or beside what the machine can do, "
        "measured in the same run. What is asked stands beside it.</p>\n");
    put_bar(&t);
    put_summary(r);
    put("<dl class=\"facts\">\n");
    for (size_t i = 0; i < r->facts; i++) {
        put("<dt>");
        put_text(r->fact[i].name);
        put("</dt><dd>");
        put_text(r->fact[i].value);
        put("</dd>\n");
    }
    put("</dl>\n");
}

/* ---- tables ---- */

/* The values that are asked for, or are compared, as dots. */
static void put_track(const struct row *r)
{
    bool asked = r->verdict == YES || r->verdict == NO, range;
    bool ours = strcmp(r->cell[COMPARE], "ours") == 0;
    struct bounds b = {1, INFINITY};
    double v[VALUES_MOST];
    size_t n;

    if (!asked && (ours || strcmp(r->cell[RATIO], "-") == 0))
        return;
    if (asked)
        b = bounds_of(r->cell[ASKED]);
    range = isfinite(b.lo) && isfinite(b.hi) && b.lo < b.hi;
    n = values_of(r->cell[ours ? OURS : RATIO], v);
    putf("<span class=\"track%s\">", !asked ? " plain" : range ? " range" : "");
    for (size_t i = 0; i < n; i++)
        putf("<i style=\"left:%.1f%%\"></i>", 100 * place_of(b, v[i]));
    put("</span>");
}

static const char *class_of(int verdict)
{
    return verdict == YES ? "yes" : verdict == NO || verdict == FAILED ? "no" : "none";
}

static void put_cell(const char *class, const char *cell)
{
    putf("<td class=\"%s%s\">", class, strchr(cell, ',') ? " wide" : "");
    put_values(cell);
}

/* named: with its family and its part, as it stands among others. */
static void put_row(const struct row *r, bool named)
{
    const char *compare = r->cell[COMPARE];

    putf("<tr class=\"%s\"><td>", class_of(r->verdict));
    put_text(r->cell[FIGURE]);
    put("<span class=\"cmd\">");
    put_text(named ? r->cell[FAMILY] : "");
    put(named ? " " : "");
    put_text(named ? r->cell[PART] : "");
    put(named ? ": " : "");
    put_text(r->cell[COMMAND]);
    put("</span>");
    if (r->verdict == LEFT_OUT || r->verdict == FAILED) {
        putf("<td colspan=\"5\"><td><b class=\"%s\">%s</b></tr>\n", class_of(r->verdict),
             verdict_name[r->verdict]);
        return;
    }
    put_cell("n", r->cell[OURS]);
    put_cell("n", r->cell[BASELINE]);
    put_cell("n", r->cell[RATIO]);
    put(strcmp(compare, "ours") == 0 ? "" : "<small>");
    put_text(strcmp(compare, "ours") == 0 ? "" : compare);
    put(strcmp(compare, "ours") == 0 ? "<td class=\"n\">" : "</small><td class=\"n\">");
    put_text(r->cell[ASKED]);
    put("<td>");
    put_track(r);
    putf("<td><b class=\"%s\">%s</b></tr>\n", class_of(r->verdict), verdict_name[r->verdict]);
}

static void put_table_head(void)
{
    put("<div class=\"scroll\"><table class=\"figures\">\n<col style=\"width:33%\"><col "
        "style=\"width:13%\"><col style=\"width:13%\"><col style=\"width:12%\"><col "
        "style=\"width:8%\"><col><col style=\"width:5.5rem\">\n<tr><th>figure<th class=\"n\">ours"
        "<th class=\"n\">compared with<th class=\"n\">ratio<th class=\"n\">asked<th><th></tr>\n");
}

static void put_family(const struct rows *r, size_t first)
{
    const char *family = r->row[first].cell[FAMILY];

    put("<h2 id=\"");
    put_text(family);
    put("\">");
    put_text(family);
    put("</h2>\n");
    put_table_head();
    for (size_t i = first; i < r->n && strcmp(r->row[i].cell[FAMILY], family) == 0; i++) {
        if (i == first || is_first(r, i, PART)) {
            put("<tr class=\"part\"><td colspan=\"7\">");
            put_text(r->row[i].cell[PART]);
            put("</tr>\n");
        }
        put_row(&r->row[i], false);
    }
    put("</table></div>\n");
}

/* What somebody should look at: figures that are not as asked, parts that have failed. */
static void put_short(const struct rows *r)
{
    struct tally t = tally_of(r, NULL);

    if (t.n[NO] + t.n[FAILED] == 0)
        return;
    put("<h2>What falls short</h2>\n");
    put_table_head();
    for (size_t i = 0; i < r->n; i++)
        if (r->row[i].verdict == NO || r->row[i].verdict == FAILED)
            put_row(&r->row[i], true);
    put("</table></div>\n");
}

static void put_tables(const struct rows *r)
{
    put("<h2>All figures</h2>\n<p class=\"note\">A dot is a value, of several runs several; the "
        "line is what is asked, and right of it is better: each step of a sixth of the way from "
        "the middle is a factor of two. Of a range that is asked the green part is in it. Without "
        "anything asked the line is where both are equal. Values of several seeds are joined by "
        "commas, and all must be as asked.</p>\n");
    for (size_t i = 0; i < r->n; i++)
        if (is_first(r, i, FAMILY))
            put_family(r, i);
}

/* ---- pictures ---- */

static void put_picture(const struct picture *which, const struct points *p)
{
    struct buf svg = {0};

    if ((which->bars ? draw_bars : draw_curves)(which, p, &svg, &err) < 0 ||
        buf_addc(&svg, '\0', &err) < 0)
        bench_stop(err.msg);
    put("<figure>");
    put(strstr(svg.p, "<svg")); /* without its XML declaration, which HTML has none of */
    buf_free(&svg);
    put("<figcaption>");
    put_text(which->caption);
    put("</figcaption></figure>\n");
}

static void put_pictures(char *text)
{
    size_t lines = 1, n = 0;
    struct points *p = bench_need(malloc(sizeof *p));
    char **line, *next;

    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    line = bench_need(calloc(lines * LINE_CELLS, sizeof *line));
    while ((next = next_line(&text)))
        cut_cells(next, line + n++ * LINE_CELLS, LINE_CELLS);
    put("<h2>Pictures</h2>\n<div class=\"pictures\">\n");
    for (size_t i = 0; i < PICTURES; i++) {
        take_points(p, &pictures[i], line, n);
        if (p->series)
            put_picture(&pictures[i], p);
    }
    put("</div>\n");
    free(line);
    free(p);
}

int main(int argc, char **argv)
{
    struct rows r;
    char *points;

    if (argc != 3) {
        fprintf(stderr, "usage: report REPORT.tsv POINTS >report.html\n");
        return 2;
    }
    r = load_rows(argv[1]);
    points = read_all(argv[2]);
    put_head(&r);
    put_short(&r);
    put_pictures(points);
    put_tables(&r);
    put("</main>\n<footer>\n");
    for (size_t i = 0; i < r.notes; i++) {
        put("<p>");
        put_text(r.note[i]);
        put("</p>\n");
    }
    put("<p>Made by make bench. Everything on this page is in this one file.</p>\n</footer>\n"
        "</body>\n</html>\n");
    if (fwrite(page.p, 1, page.len, stdout) != page.len || fflush(stdout) != 0)
        bench_stop("the page could not be written");
    buf_free(&page);
    free_rows(&r);
    free(points);
    return 0;
}
