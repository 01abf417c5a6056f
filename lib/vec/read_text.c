/* read_text.c - vectors that are lines of text: csv, tsv, and an array in each object of jsonl.
 *
 * The first good row tells the dimension; it waits in the reader until it is asked for. Numbers
 * become f32, or where ids are wanted i32: both have 4 bytes.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "vec/decimal.h"
#include "vec/file_int.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\r';
}

static const char *skip_blanks(const char *p)
{
    while (is_blank(*p))
        p++;
    return p;
}

static char separator(const struct vec_reader *r)
{
    return r->format == VEC_TSV ? '\t' : ',';
}

/* ---- one row ----
 *
 * These give 1 for a good row, which is then r->row[0..r->found), 0 for a bad one with *e filled,
 * or ERR_MEM. The line's number is put before the sentence by the caller. */

static const char *get_component(struct vec_reader *r, const char *p)
{
    int32_t k;

    if (r->type == VEC_F32)
        return decimal_get_f32(p, &r->row[r->found]);
    p = decimal_get_i32(p, &k);
    if (p)
        memcpy(&r->row[r->found], &k, 4);
    return p;
}

/* What stands at p, up to the separator or the array's end. */
static int no_number(const struct vec_reader *r, const char *p, char stop, struct err *e)
{
    int len = 0;

    while (p[len] && p[len] != stop && len < 40 && !(r->format == VEC_JSONL && p[len] == ']'))
        len++;
    err_set(e, ERR_INPUT, "component %zu is no %s: '%.*s'", r->found,
            r->type == VEC_I32 ? "32-bit integer" : "number", len, p);
    return 0;
}

static int not_finite(const struct vec_reader *r, struct err *e)
{
    float v = r->row[r->found];

    err_set(e, ERR_INPUT, "component %zu is %s", r->found,
            isnan(v) ? "no number (NaN)" : "infinite, or beyond f32");
    return 0;
}

/* One component at *p, up to the separator; *p goes on behind it. */
static int take_component(struct vec_reader *r, const char **p, char between, struct err *e)
{
    const char *from = *p, *end;

    if (r->found == VEC_DIM_MAX) {
        err_set(e, ERR_INPUT, "more than %u components", VEC_DIM_MAX);
        return 0;
    }
    if (mem_reserve(&r->row, &r->row_cap, r->found + 1, sizeof *r->row, e) < 0)
        return e->code;
    end = get_component(r, from);
    if (!end)
        return no_number(r, from, between, e);
    *p = skip_blanks(end);
    if (r->type == VEC_F32 && !isfinite(r->row[r->found]))
        return not_finite(r, e);
    r->found++;
    return 1;
}

static int parse_separated(struct vec_reader *r, const char *p, size_t len, struct err *e)
{
    const char *end = p + len, between[] = {separator(r), '\0'};
    int rc;

    r->found = 0;
    for (p = skip_blanks(p);; p = skip_blanks(p + 1)) {
        const char *from = p;
        rc = take_component(r, &p, *between, e);
        if (rc <= 0 || p == end)
            return rc;
        if (*p != *between) {
            r->found--;
            return no_number(r, from, *between, e);
        }
    }
}

/* [1, 2.5, ...], known to be JSON. */
static int parse_array(struct vec_reader *r, const char *p, struct err *e)
{
    int rc;

    r->found = 0;
    do {
        for (p++; *p == ' ' || *p == '\t' || *p == '\r' || *p == '\n';)
            p++;
        if (*p == ']') {
            err_set(e, ERR_INPUT, "the array is empty");
            return 0;
        }
        rc = take_component(r, &p, ',', e);
        while (rc > 0 && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
            p++;
    } while (rc > 0 && *p == ',');
    return rc;
}

static int parse_object(struct vec_reader *r, const char *line, size_t len, struct err *e)
{
    struct jsonl j;
    struct jsonl_member m, found = {0};
    int rc;

    jsonl_begin(&j, line, len);
    while ((rc = jsonl_next(&j, &m, e)) > 0)
        if (!found.value.p && jsonl_equals(&m.key, r->field, strlen(r->field)))
            found = m;
    if (rc < 0)
        return rc == ERR_INPUT ? 0 : rc;
    if (found.value.p && found.value.type == JSONL_ARRAY)
        return parse_array(r, found.value.p, e);
    err_set(e, ERR_INPUT, found.value.p ? "field '%s' is no array" : "no field '%s'", r->field);
    return 0;
}

static int parse(struct vec_reader *r, const char *line, size_t len, struct err *e)
{
    int rc = r->format == VEC_JSONL ? parse_object(r, line, len, e)
                                    : parse_separated(r, line, len, e);

    if (rc > 0 && r->dim && r->found != r->dim) {
        err_set(e, ERR_INPUT, "dimension %zu, and %u before it", r->found, r->dim);
        return 0;
    }
    return rc;
}

/* ---- rows ---- */

/* Does a field begin with digits, or is it nan or inf, of which info and nano only remind? */
static bool like_number(const struct vec_reader *r, const char *p)
{
    const char *end;
    float v;

    p += *p == '"'; /* "1" is a number that is wrongly quoted, no name */
    p = skip_blanks(p);
    end = decimal_get_f32(p, &v);
    if (!end)
        return false;
    p += *p == '-' || *p == '+';
    if (*p == '.' || (*p >= '0' && *p <= '9'))
        return true;
    end = skip_blanks(end);
    return *end == '\0' || *end == separator(r) || *end == '"';
}

/* Is no field of the first line like a number? */
static bool is_header(const struct vec_reader *r, const char *p)
{
    if (*skip_blanks(p) == '\0')
        return false;
    for (;; p++) {
        if (like_number(r, p))
            return false;
        p = strchr(p, separator(r));
        if (!p)
            return true;
    }
}

static bool passes_over(const struct vec_reader *r, const char **line, size_t *len)
{
    size_t mark;

    if (lines_number(r->l) != 1 || r->format == VEC_JSONL)
        return false;
    mark = utf8_mark(*line, *len);
    *line += mark;
    *len -= mark;
    return is_header(r, *line);
}

/* The next good row into r->row: 1; 0 at the end. With `look` false any row, unseen. */
static int next_row(struct vec_reader *r, bool look, struct err *e)
{
    const char *line;
    size_t len;
    int rc;

    if (r->next >= r->stop) /* bad rows were left out on the way */
        return 0;
    while ((rc = lines_next(r->l, &line, &len, e)) > 0) {
        if (passes_over(r, &line, &len))
            continue;
        rc = look ? parse(r, line, len, e) : 1;
        if (rc != 0)
            return rc;
        if (!r->skip_bad)
            return err_prefix(e, "%s:%llu", vec_reader_name(r),
                              (unsigned long long)lines_number(r->l));
        r->skipped++;
        if (++r->next >= r->stop)
            return 0;
    }
    return rc;
}

/* r->row waits: the first one, read by vec_open(). */
static bool take_waiting(struct vec_reader *r)
{
    bool was = r->waits;

    r->waits = false;
    return was;
}

static int64_t step_text(struct vec_reader *r, void *rows, uint64_t n, struct err *e)
{
    for (uint64_t done = 0; done < n; done++) {
        int rc = take_waiting(r) ? 1 : next_row(r, rows != NULL, e);
        if (rc < 0)
            return rc;
        r->at_end = rc == 0;
        if (r->at_end)
            return (int64_t)done;
        if (rows)
            memcpy((unsigned char *)rows + done * r->row_bytes, r->row, r->row_bytes);
        r->next++;
    }
    return (int64_t)n;
}

int vec_read_text_open(struct vec_reader *r, struct err *e)
{
    int rc;

    r->step = step_text;
    r->rows = VEC_UNKNOWN;
    r->type = r->raw_ids ? VEC_I32 : VEC_F32;
    if (lines_open(&r->l, r->path, '\n', 0, e) < 0)
        return e->code;
    rc = next_row(r, true, e);
    if (rc < 0)
        return rc;
    r->waits = rc > 0;
    r->at_end = rc == 0;
    r->dim = rc > 0 ? (uint32_t)r->found : 0;
    r->row_bytes = r->dim * sizeof *r->row;
    if (rc == 0)
        r->rows = 0;
    return 0;
}
