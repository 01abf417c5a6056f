/* predicates_read.c - predicates from JSON Lines, one a query: "year>=2020", {"where":"..."}, or
 * null where all rows may be found.
 */
#include <stdlib.h>
#include <string.h>

#include "ann/ann.h"
#include "ann/where.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/stream.h"

struct ann_predicate_file {
    struct lines *l;
    struct buf text; /* of those that were read last */
    size_t *end;     /* of each in it */
    struct ann_predicate *one;
    size_t end_cap, cap;
};

int ann_predicate_file_open(struct ann_predicate_file **out, const char *path, struct err *e)
{
    struct ann_predicate_file *f = mem_zero(1, sizeof *f, e);

    *out = NULL;
    if (!f)
        return e->code;
    if (lines_open(&f->l, path, '\n', 8 * WHERE_TEXT_MOST, e) < 0) {
        free(f);
        return e->code;
    }
    *out = f;
    return 0;
}

void ann_predicate_file_close(struct ann_predicate_file *f)
{
    if (!f)
        return;
    lines_close(f->l);
    buf_free(&f->text);
    free(f->end);
    free(f->one);
    free(f);
}

static int add_text(struct ann_predicate_file *f, const struct json *v, struct err *e)
{
    const char *p = "true";
    size_t len = strlen(p);

    if (json_get(v, "where"))
        v = json_get(v, "where");
    if (!json_none(v) && !json_text(v, &p, &len))
        return err_set(e, ERR_INPUT,
                       "a predicate is a string, {\"where\":\"...\"}, or null for all rows");
    return buf_add(&f->text, p, len, e);
}

static int add_line(struct ann_predicate_file *f, const char *p, size_t len, size_t i,
                    struct err *e)
{
    struct json *v = NULL;
    int rc = json_parse(&v, p, len, e);

    if (rc == 0)
        rc = mem_reserve(&f->end, &f->end_cap, i + 1, sizeof *f->end, e);
    if (rc == 0)
        rc = add_text(f, v, e);
    if (rc == 0)
        f->end[i] = f->text.len;
    json_free(v);
    return rc;
}

int64_t ann_predicate_file_read(struct ann_predicate_file *f, uint64_t n,
                                const struct ann_predicate **text, struct err *e)
{
    uint64_t got = 0;
    const char *p;
    size_t len;
    int rc = 1;

    f->text.len = 0;
    while (got < n && (rc = lines_next(f->l, &p, &len, e)) > 0) {
        if (add_line(f, p, len, got, e) < 0)
            return err_prefix(e, "%s:%llu", stream_name(lines_stream(f->l)),
                              (unsigned long long)lines_number(f->l));
        got++;
    }
    if (rc < 0 || buf_reserve(&f->text, 1, e) < 0 ||
        mem_reserve(&f->one, &f->cap, got, sizeof *f->one, e) < 0)
        return e->code;
    for (uint64_t i = 0; i < got; i++) {
        size_t from = i ? f->end[i - 1] : 0;

        f->one[i] = (struct ann_predicate){f->text.p + from, f->end[i] - from};
    }
    *text = f->one;
    return (int64_t)got;
}
