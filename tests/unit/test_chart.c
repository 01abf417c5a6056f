/* test_chart.c - lib/base/chart.c: ticks enclose what they should, in steps that people like, with
 * labels that say what they are; pictures are well-formed and always the same.
 */
#include "t.h"
#include "xml.h"

#include <math.h>

#include "base/chart.h"

/* ---- ticks by hand ---- */

static void check_labels(enum chart_scale scale, struct chart_range r, int most, const char *want)
{
    char got[400] = "", label[CHART_LABEL_MAX];
    struct chart_ticks t;
    size_t len = 0;

    chart_ticks(&t, scale, r, most);
    for (size_t i = 0; i < t.n; i++)
        len += (size_t)snprintf(got + len, sizeof got - len, "%s%s", i ? " " : "",
                                chart_label(&t, i, label));
    T_CHECKF(strcmp(got, want) == 0, "'%s' is not '%s'", got, want);
}

#define LABELS(scale, lo, hi, most, want) \
    check_labels(scale, (struct chart_range){lo, hi, false}, most, want)

static void test_cases(void)
{
    LABELS(CHART_LINEAR, 0, 1, 6, "0 0.2 0.4 0.6 0.8 1");
    LABELS(CHART_LINEAR, 0.01, 97, 6, "0 20 40 60 80 100");
    LABELS(CHART_LINEAR, -3, 12, 6, "-5 0 5 10 15");
    LABELS(CHART_LINEAR, 1200, 9700, 6, "0 2k 4k 6k 8k 10k");
    LABELS(CHART_LINEAR, 1000, 3000, 6, "1k 1.5k 2k 2.5k 3k");
    LABELS(CHART_LINEAR, 100000, 100001, 6, "100000 100000.2 100000.4 100000.6 100000.8 100001");
    LABELS(CHART_LINEAR, 7, 7, 5, "6 6.5 7 7.5 8");
    LABELS(CHART_LINEAR, 0, 0, 5, "-1 -0.5 0 0.5 1");
    LABELS(CHART_LOG, 1500, 39000, 7, "1k 2k 5k 10k 20k 50k");
    LABELS(CHART_LOG, 1, 1e6, 7, "1 10 100 1k 10k 100k 1M");
    LABELS(CHART_LOG, .002, 3, 6, "0.001 0.01 0.1 1 10");
    LABELS(CHART_LOG, 1, 1e12, 7, "1 100 10k 1M 100M 10G 1T");
    LABELS(CHART_LOG, 11000, 12000, 6, "11k 11.2k 11.4k 11.6k 11.8k 12k");
    LABELS(CHART_LOG, 10, 60, 8, "10 20 30 40 50 60");
    LABELS(CHART_LOG, 5, 5, 7, "2 5 10");
    LABELS(CHART_NINES, .82, .993, 9, "0.8 0.9 0.95 0.98 0.99 0.995");
    LABELS(CHART_NINES, .2, .99993, 9, "0 0.9 0.99 0.999 0.9999 0.99999");
    LABELS(CHART_NINES, .9, .9, 9, "0.9 0.95");
    check_labels(CHART_NINES, (struct chart_range){.93, .98, true}, 9, "0.9 0.95 0.98 1");
}

/* ---- ticks of any range ---- */

/* What a label says. */
static double said(const char *label)
{
    char *end;
    double v = strtod(label, &end);
    const char *unit = *end ? strchr("kMGT", *end) : NULL;

    return !*end ? v : unit && !end[1] ? v * pow(1000, (double)(unit - "kMGT" + 1)) : NAN;
}

static void check_ticks(const struct chart_ticks *t, struct chart_range r, int most,
                        unsigned long long seed)
{
    double last = -1;

    T_CHECKF(t->n >= 2 && t->n <= (size_t)most + 4, "seed %llu: %zu ticks", seed, t->n);
    T_CHECKF(t->at[0] <= r.lo + fabs(r.lo) * 1e-9 + 1e-300, "seed %llu: %g", seed, t->at[0]);
    T_CHECKF(t->at[t->n - 1] >= r.hi - fabs(r.hi) * 1e-9, "seed %llu: %g", seed, t->at[t->n - 1]);
    for (size_t i = 0; i < t->n; i++) {
        char label[CHART_LABEL_MAX];
        double step = i ? t->at[i] - t->at[i - 1] : t->at[1] - t->at[0];
        double v = said(chart_label(t, i, label)), place = chart_place(t, t->at[i]);

        T_CHECKF(step > 0, "seed %llu: tick %zu", seed, i);
        T_CHECKF(fabs(v - t->at[i]) <= step * 1e-3, "seed %llu: '%s' is %.17g", seed, label,
                 t->at[i]);
        T_CHECKF(place > last && place <= 1, "seed %llu: place %zu", seed, i);
        last = place;
    }
    T_CHECK(chart_place(t, t->at[0]) <= 0 && last >= 1);
}

static void check_steps(const struct chart_ticks *t, unsigned long long seed)
{
    double step = t->at[1] - t->at[0], ten = pow(10, floor(log10(step) + 1e-6));
    double m = step / ten;

    T_CHECKF(fabs(m - 1) < 1e-4 || fabs(m - 2) < 1e-4 || fabs(m - 5) < 1e-4, "seed %llu: %g", seed,
             step);
}

static void test_random(void)
{
    for (unsigned long long i = 1; i <= 20000; i++) {
        unsigned long long s = i * 7919;
        double lo = (double)(t_rand(&s) % 2000000) / 1e6 - 1, size = (double)(t_rand(&s) % 24);
        double width = pow(10, -(double)(t_rand(&s) % 50) / 10);
        int most = (int)(4 + t_rand(&s) % 9);
        struct chart_range r = {lo * pow(10, size - 8), 0, false};
        struct chart_ticks t;

        r.hi = r.lo + fabs(r.lo) * width + (t_rand(&s) % 2 ? pow(10, size - 8) : 0);
        chart_ticks(&t, CHART_LINEAR, r, most);
        check_ticks(&t, r, most, i);
        check_steps(&t, i);
        r.lo = pow(10, size / 2 - 5) * (1.001 + lo);
        r.hi = r.lo * pow(10, 12 * width);
        chart_ticks(&t, CHART_LOG, r, most);
        check_ticks(&t, r, most < 6 ? 6 : most, i);
        r.lo = (1 + lo) / 2;
        r.hi = fmax(r.lo, 1 - pow(10, -5 * (double)(t_rand(&s) % 100) / 100));
        r.whole = t_rand(&s) % 2;
        r.lo = fmin(r.lo, 1 - 1e-5);
        r.hi = fmin(r.hi, 1 - 1e-5);
        chart_ticks(&t, CHART_NINES, r, most);
        check_ticks(&t, r, most, i);
        T_CHECK(!r.whole || t.at[t.n - 1] == 1);
    }
}

static void test_places(void)
{
    struct chart_ticks t;

    chart_ticks(&t, CHART_NINES, (struct chart_range){.9, .999, true}, 12);
    T_CHECK(fabs(chart_place(&t, .99) * 2.5 - 1) < 1e-9);
    T_CHECK(chart_place(&t, 1) == 1 && chart_place(&t, 2) == 1 && chart_place(&t, -1) == 0);
    chart_ticks(&t, CHART_LOG, (struct chart_range){1, 1000, false}, 7);
    T_CHECK(fabs(chart_place(&t, 10) * 3 - 1) < 1e-9);
}

/* ---- pictures ---- */

static char *draw(const struct chart *c)
{
    struct buf b = {0};
    struct err e = {0};

    T_CHECK(chart_draw(c, &b, &e) == 0 && buf_addc(&b, '\0', &e) == 0);
    return b.p;
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;

    for (; (text = strstr(text, what)); text++)
        n++;
    return n;
}

static void test_pictures(void)
{
    const struct chart_point a[] = {{.9, 1000, "ef <16>"}, {.95, 800, NULL}, {1, 100, NULL}};
    const struct chart_point b[] = {{.5, 0, "not on a log axis"},
                                    {.97, NAN, "nor this"},
                                    {INFINITY, 5, "nor this"},
                                    {.99, 2000, "one"}};
    const struct chart_series series[] = {{"a & \"b\" \xFF", a, 3}, {"<b>", b, 4}, {"none", b, 0}};
    struct chart c = {.title = "one < two",
                      .x = {"recall@10", CHART_NINES},
                      .y = {"queries/s", CHART_LOG},
                      .series = series,
                      .n = 3};
    char *p = draw(&c), *again = draw(&c);

    T_CHECK(xml_elements(p) > 40 && strcmp(p, again) == 0);
    T_CHECK(count(p, "<circle") == 4 && count(p, "<title>ef &lt;16&gt;</title></circle>") == 1);
    T_CHECK(count(p, "<polyline") == 1 && count(p, "nor this") == 0 && count(p, "not on") == 0);
    T_CHECK(count(p, "a &amp; &quot;b&quot; \xEF\xBF\xBD</text>") == 1 && count(p, ">none<") == 1);
    T_CHECK(!strstr(p, "nan") && !strstr(p, "inf"));
    T_CHECK(count(p, ">1</text>") == 1 && count(p, "<circle cx=\"768\"") == 1); /* the share 1 */
    free(p);
    free(again);
    c.no_lines = true;
    p = draw(&c);
    T_CHECK(xml_elements(p) > 30 && count(p, "<polyline") == 0);
    free(p);
    for (int i = 0; i < 9; i++) {
        c.n = 0;
        c.x.scale = (enum chart_scale)(i / 3);
        c.y.scale = (enum chart_scale)(i % 3);
        p = draw(&c);
        T_CHECK(xml_elements(p) > 10);
        free(p);
    }
}

/* Fifty curves have fifty looks. */
static void test_many(void)
{
    const struct chart_point p[] = {{1, 1, NULL}, {2, 2, NULL}};
    struct chart_series series[50];
    struct chart c = {
        .title = "", .x = {"", CHART_LINEAR}, .y = {"", CHART_LINEAR}, .series = series, .n = 50};
    size_t all;
    char *text;

    for (int i = 0; i < 50; i++)
        series[i] = (struct chart_series){"s", p, 2};
    text = draw(&c);
    T_CHECK(xml_elements(text) > 200 && count(text, "stroke-dasharray=\"7 3\"") == 32);
    all = count(text, "<polyline"); /* markers among them */
    free(text);
    c.lined = 3; /* the others are points */
    text = draw(&c);
    T_CHECK(xml_elements(text) > 150 && count(text, "<polyline") == all - 47);
    free(text);
}

/* Several: axes in line, whatever their labels; one legend, where that is enough; 0 where asked. */
static void test_sheet(void)
{
    const struct chart_point p[] = {{1, 11, NULL}, {2, 12, NULL}}, q[] = {{1, 5e6, NULL}};
    const struct chart_series few = {"few", p, 2}, many = {"many", q, 1};
    const struct chart charts[] = {{.title = "above",
                                    .x = {"s", CHART_LINEAR},
                                    .y = {"n", CHART_LINEAR},
                                    .series = &few,
                                    .n = 1,
                                    .y_zero = true,
                                    .no_legend = true},
                                   {.title = "below",
                                    .x = {"s", CHART_LINEAR},
                                    .y = {"n", CHART_LINEAR},
                                    .series = &many,
                                    .n = 1}};
    struct buf b = {0};
    struct err e = {0};
    const char *above, *below;

    T_CHECK(chart_draw_all("both", charts, 2, &b, &e) == 0 && buf_addc(&b, '\0', &e) == 0);
    T_CHECK(xml_elements(b.p) > 20);
    T_CHECK(count(b.p, ">few<") == 0 && count(b.p, ">many<") == 1 && count(b.p, "both") >= 1);
    T_CHECK(count(b.p, ">0</text>") == 1); /* the upper y axis */
    above = strstr(b.p, ">above<");
    below = strstr(b.p, ">below<");
    T_CHECK(above && below && above < below);
    while (above > b.p && strncmp(above, "<text", 5) != 0)
        above--;
    while (below > b.p && strncmp(below, "<text", 5) != 0)
        below--;
    T_CHECK(strncmp(above, below, strcspn(above, "y")) == 0); /* begin at the same x */
    buf_free(&b);
}

/* A name that is too long for the legend loses its middle, between characters. */
static void test_long_names(void)
{
    static const struct chart_point a[] = {{1, 1, NULL}};
    char just[178 + 1] = "", longer[180 + 1] = "";
    const struct chart_series series[] = {{just, a, 1}, {longer, a, 1}};
    struct chart c = {
        .title = "t", .x = {"x", CHART_LINEAR}, .y = {"y", CHART_LINEAR}, .series = series, .n = 2};
    char *p;

    for (size_t i = 0; i < 89; i++)
        memcpy(just + 2 * i, "\xC3\xA9", 2);
    for (size_t i = 0; i < 90; i++)
        memcpy(longer + 2 * i, i < 45 ? "\xC3\xA4" : "\xC3\xB6", 2);
    p = draw(&c);
    T_CHECK(xml_elements(p) > 10 && strstr(p, just));
    T_CHECK(!strstr(p, longer) && strstr(p, "\xC3\xA4\xE2\x80\xA6\xC3\xB6"));
    T_CHECK(count(p, "\xC3\xA4") == 44 && count(p, "\xC3\xB6") == 44);
    free(p);
}

int main(void)
{
    test_sheet();
    test_cases();
    test_random();
    test_places();
    test_pictures();
    test_many();
    test_long_names();
    return t_done("chart");
}
