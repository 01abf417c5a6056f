/* report_rows.h - the rows of a report as bench-all.sh writes them, and what its head says. */
#ifndef BENCH_REPORT_ROWS_H
#define BENCH_REPORT_ROWS_H

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "bench.h"

enum { FAMILY, PART, FIGURE, ASKED, OURS, BASELINE, COMPARE, RATIO, AS_ASKED, COMMAND, CELLS };
enum { YES, NO, UNASKED, LEFT_OUT, FAILED, VERDICTS };
enum { VALUES_MOST = 64, LINE_CELLS = 16 };

static const char *const verdict_name[VERDICTS] = {"yes", "NO", "-", "left out", "failed"};

struct row {
    char *cell[CELLS];
    int verdict;
};

struct fact {
    char *name, *value;
};

struct rows {
    char *text; /* where cells are */
    struct row *row;
    size_t n;
    struct fact *fact; /* of the head: "# name<tab>value" */
    size_t facts;
    char **note; /* other lines that begin with # */
    size_t notes;
};

static inline char *read_all(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct buf b = {0};
    struct err e = {0};
    char piece[1 << 16];
    size_t n;

    if (!f)
        bench_stop(path);
    while ((n = fread(piece, 1, sizeof piece, f)) > 0)
        if (buf_add(&b, piece, n, &e) < 0)
            bench_stop(e.msg);
    if (ferror(f) || buf_addc(&b, '\0', &e) < 0)
        bench_stop(path);
    fclose(f);
    return b.p;
}

/* The next line of *at, which is cut; NULL at the end. */
static inline char *next_line(char **at)
{
    char *line = *at, *end = strchr(line, '\n');

    if (*line == '\0')
        return NULL;
    *at = end ? end + 1 : line + strlen(line);
    if (end)
        *end = '\0';
    return line;
}

/* The cells of a line, which is cut: how many; those beyond `most` stay in the last. */
static inline size_t cut_cells(char *line, char **cell, size_t most)
{
    size_t n = 0;

    for (cell[n++] = line; n < most && (line = strchr(line, '\t')); cell[n++] = ++line)
        *line = '\0';
    return n;
}

static inline int verdict_of(const char *word)
{
    for (int v = 0; v < VERDICTS; v++)
        if (strcmp(word, verdict_name[v]) == 0)
            return v;
    return UNASKED;
}

static inline void add_remark(struct rows *r, char *line)
{
    char *cell[2];

    line += strspn(line, "# ");
    if (cut_cells(line, cell, 2) == 2)
        r->fact[r->facts++] = (struct fact){cell[0], cell[1]};
    else
        r->note[r->notes++] = line;
}

static inline struct rows load_rows(const char *path)
{
    struct rows r = {.text = read_all(path)};
    char *at = r.text, *line, *cell[CELLS];
    size_t lines = 1;

    for (const char *p = r.text; *p; p++)
        lines += *p == '\n';
    r.row = bench_need(calloc(lines, sizeof *r.row));
    r.fact = bench_need(calloc(lines, sizeof *r.fact));
    r.note = bench_need(calloc(lines, sizeof *r.note));
    while ((line = next_line(&at))) {
        if (line[0] == '#') {
            add_remark(&r, line);
        } else if (cut_cells(line, cell, CELLS) == CELLS && strcmp(cell[FAMILY], "family") != 0) {
            memcpy(r.row[r.n].cell, cell, sizeof cell);
            r.row[r.n++].verdict = verdict_of(cell[AS_ASKED]);
        }
    }
    return r;
}

static inline void free_rows(struct rows *r)
{
    free(r->row);
    free(r->fact);
    free(r->note);
    free(r->text);
}

/* The numbers of a cell: how many; what is no number is NAN. */
static inline size_t values_of(const char *cell, double *v)
{
    size_t n = 0;

    while (n < VALUES_MOST) {
        char *end;

        v[n] = strtod(cell, &end);
        v[n] = end == cell ? (double)NAN : v[n];
        n++;
        end += strcspn(end, ",");
        if (*end == '\0')
            break;
        cell = end + 1;
    }
    return n;
}

/* What is asked: lo or hi is infinite where there is just one bound. */
struct bounds {
    double lo, hi;
};

static inline struct bounds bounds_of(const char *asked)
{
    const char *dots = strstr(asked, "..");
    double v = strtod(asked + strspn(asked, "<>= "), NULL);

    if (dots)
        return (struct bounds){strtod(asked, NULL), strtod(dots + 2, NULL)};
    if (asked[0] == '<')
        return (struct bounds){-INFINITY, v};
    if (asked[0] == '>')
        return (struct bounds){v, INFINITY};
    return (struct bounds){v, v};
}

/* Where a value stands on a track from 0 to 1: what is asked begins at a half and is to the right,
 * each eighth is a factor of 1.7; of a range the middle half is as asked. */
static inline double place_of(struct bounds b, double v)
{
    double by, at;

    if (isnan(v))
        return 0;
    if (isfinite(b.lo) && isfinite(b.hi) && b.lo < b.hi) {
        at = .25 + .5 * (v - b.lo) / (b.hi - b.lo);
    } else {
        double bound = isfinite(b.lo) ? b.lo : b.hi;

        if (bound <= 0 || v <= 0) {
            bool good = v >= b.lo && v <= b.hi;

            return good ? .75 : .25;
        }
        by = log2(v / bound) / 6;
        at = b.lo == b.hi ? .5 - fabs(by) : isfinite(b.lo) ? .5 + by : .5 - by;
    }
    return fmin(fmax(at, 0), 1);
}

#endif
