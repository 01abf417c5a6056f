/* test_svg.c - lib/base/svg.c: every shape gives well-formed XML whatever its text and numbers are,
 * inks can be told from the paper.
 */
#include "t.h"
#include "xml.h"

#include <math.h>

#include "base/svg.h"

static char *finish(struct svg *s)
{
    struct buf b = {0};
    struct err e = {0};

    T_CHECK(svg_end(s, &b, &e) == 0 && buf_addc(&b, '\0', &e) == 0);
    return b.p; /* free() it */
}

static void test_checker(void)
{
    T_CHECK(xml_elements("<a>x</a>\n") == 1);
    T_CHECK(xml_elements("<a b=\"1\"><c/>&lt;<d>e</d></a>\n") == 3);
    T_CHECK(xml_elements("<a>x</b>\n") == 0 && xml_elements("<a>x\n") == 0);
    T_CHECK(xml_elements("<a>&x</a>\n") == 0 && xml_elements("<a b=\"<\"/></a>\n") == 0);
    T_CHECK(xml_elements("<a b=\"1\" b=\"2\"></a>\n") == 0 && xml_elements("<a></a><b/>\n") == 0);
    T_CHECK(xml_elements("<a>\x01</a>\n") == 0 && xml_elements("<a>\xFF</a>\n") == 0);
}

static void test_bytes(void)
{
    struct svg s;
    char *p;

    svg_begin(&s, 100, 50.25, "a & b");
    svg_line(&s, 1, 2.5, 3.333, -0.001, &(struct svg_pen){.stroke = SVG_INK, .width = 1.5});
    svg_rect(&s, NAN, INFINITY, -4, 7,
             &(struct svg_pen){.fill = SVG_HUE + SVG_HUES + 1, .tip = "\"<tip>\""});
    svg_text(&s, 5, 6,
             &(struct svg_font){.size = 12, .anchor = SVG_END, .ink = SVG_FAINT, .up = true},
             "</text><script>alert('1')</script>\x01\xFF");
    p = finish(&s);
    T_CHECK(strstr(p, "width=\"100\" height=\"50.25\" viewBox=\"0 0 100 50.25\""));
    T_CHECK(strstr(p, "<title>a &amp; b</title>"));
    T_CHECK(strstr(p, "<line x1=\"1\" y1=\"2.5\" x2=\"3.33\" y2=\"0\" fill=\"none\" "
                      "stroke=\"#1f2328\" stroke-width=\"1.5\" class=\"s2\"/>\n"));
    T_CHECK(strstr(p, "<rect x=\"0\" y=\"0\" width=\"0\" height=\"7\" fill=\"#c94f00\" "
                      "class=\"f6\"><title>&quot;&lt;tip&gt;&quot;</title></rect>\n"));
    T_CHECK(strstr(p, "text-anchor=\"end\" transform=\"rotate(-90 5 6)\" fill=\"#59636e\" "
                      "class=\"f3\">&lt;/text&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"
                      "\xE2\x90\x81\xEF\xBF\xBD</text>\n"));
    T_CHECK(xml_elements(p) == 8);
    free(p);
}

static double number(unsigned long long *seed)
{
    static const double odd[] = {0, -0.0, NAN, INFINITY, -INFINITY, 1e300, -1e300, 1e-300, .005};
    unsigned long long k = t_rand(seed) % 30;

    return k < 9 ? odd[k] : (double)(t_rand(seed) % 100000) / 97;
}

static void random_text(unsigned long long *seed, char *p, size_t cap)
{
    static const char letters[] = "ab<>&\"'/]-\x01\x1F\x7F\x80\xC3\xA9\xFF\xED\xA0\n\t";
    size_t n = t_rand(seed) % cap;

    for (size_t i = 0; i < n; i++)
        p[i] = letters[t_rand(seed) % (sizeof letters - 1)];
    p[n] = '\0';
}

static void test_random(void)
{
    for (unsigned long long i = 1; i <= 2000; i++) {
        unsigned long long r = i * 7919;
        char text[20], tip[20], dash[6];
        struct svg s;
        size_t elements = 4;
        char *p;

        random_text(&r, text, sizeof text);
        random_text(&r, tip, sizeof tip);
        random_text(&r, dash, sizeof dash);
        svg_begin(&s, number(&r), number(&r), text);
        for (int k = 0; k < 8; k++, elements++) {
            struct svg_pen pen = {.fill = (int)(t_rand(&r) % 30),
                                  .stroke = (int)(t_rand(&r) % 30),
                                  .width = number(&r),
                                  .dash = t_rand(&r) % 2 ? dash : NULL,
                                  .tip = t_rand(&r) % 2 ? tip : NULL};
            struct svg_point at[2] = {{number(&r), number(&r)}, {number(&r), number(&r)}};
            unsigned long long kind = t_rand(&r) % 5;

            elements += pen.tip && kind < 4;
            if (kind == 0)
                svg_line(&s, at[0].x, at[0].y, at[1].x, at[1].y, &pen);
            else if (kind == 1)
                svg_rect(&s, at[0].x, at[0].y, at[1].x, at[1].y, &pen);
            else if (kind == 2)
                svg_polyline(&s, at, t_rand(&r) % 3, &pen);
            else if (kind == 3)
                svg_marker(&s, (enum svg_marker)(t_rand(&r) % SVG_MARKERS), at[0].x, at[0].y, 4,
                           &pen);
            else
                svg_text(&s, at[0].x, at[0].y,
                         &(struct svg_font){number(&r), (enum svg_anchor)(t_rand(&r) % 3),
                                            (int)(t_rand(&r) % 30), t_rand(&r) % 2, t_rand(&r) % 2},
                         text);
        }
        p = finish(&s);
        T_CHECKF(xml_elements(p) == elements, "seed %llu", i);
        free(p);
    }
}

/* ---- inks ---- */

static double luminance(const char *hex)
{
    double part[3];

    for (int i = 0; i < 3; i++) {
        unsigned v;
        T_CHECK(sscanf(hex + 2 * i, "%2x", &v) == 1);
        part[i] = v / 255.0 <= .03928 ? v / 255.0 / 12.92 : pow((v / 255.0 + .055) / 1.055, 2.4);
    }
    return .2126 * part[0] + .7152 * part[1] + .0722 * part[2];
}

static double contrast(double a, double b)
{
    return (fmax(a, b) + .05) / (fmin(a, b) + .05);
}

/* The colour behind `before`. */
static double luminance_at(const char *text, const char *before)
{
    const char *at = strstr(text, before);

    T_CHECKF(at, "no %s", before);
    return at ? luminance(at + strlen(before)) : 0;
}

static void test_contrast(void)
{
    double paper, dark;
    struct svg s;
    char *p;

    svg_begin(&s, 1, 1, "");
    for (int i = SVG_PAPER; i < SVG_HUE + SVG_HUES; i++)
        svg_line(&s, i, 0, 0, 0, &(struct svg_pen){.stroke = i});
    p = finish(&s);
    paper = luminance_at(p, "x1=\"1\" y1=\"0\" x2=\"0\" y2=\"0\" fill=\"none\" stroke=\"#");
    dark = luminance_at(p, ".s1 { stroke: #");
    T_CHECK(paper > .9 && dark < .02);
    for (int i = SVG_INK; i < SVG_HUE + SVG_HUES; i++) {
        double least = i == SVG_GRID ? 1.2 : i == SVG_INK ? 7 : 3;
        char name[80];
        snprintf(name, sizeof name, "x1=\"%d\" y1=\"0\" x2=\"0\" y2=\"0\" fill=\"none\" stroke=\"#",
                 i);
        T_CHECKF(contrast(luminance_at(p, name), paper) >= least, "ink %d on white", i);
        snprintf(name, sizeof name, ".s%d { stroke: #", i);
        T_CHECKF(contrast(luminance_at(p, name), dark) >= least, "ink %d on black", i);
    }
    free(p);
}

int main(void)
{
    test_checker();
    test_bytes();
    test_random();
    test_contrast();
    return t_done("svg");
}
