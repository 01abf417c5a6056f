/* ids.c - names of rows: ids.h.
 *
 * They are sorted by their first eight bytes as one number, so that few are read to the end.
 */
#include "ann/ids.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/stream.h"
#include "base/utf8.h"

static int compare(struct id a, struct id b)
{
    int c = memcmp(a.p, b.p, a.len < b.len ? a.len : b.len);

    return c ? c : (a.len > b.len) - (a.len < b.len);
}

/* The i-th id in order, and its row. */
typedef struct id id_in_order(const void *ids, uint64_t i, uint64_t *row);

/* The row that has the id, of n in order. */
static uint64_t find(const void *ids, id_in_order *at, uint64_t n, struct id id)
{
    uint64_t from = 0, to = n, row;

    while (from < to) {
        uint64_t middle = from + (to - from) / 2;
        int c = compare(at(ids, middle, &row), id);

        if (c == 0)
            return row;
        if (c < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return IDS_NO_ROW;
}

/* ---- in an index ---- */

/* The name of a section: prefix and two letters. */
struct section {
    char id[5];
};

static struct section section(const char *prefix, const char *what)
{
    return (struct section){{prefix[0], prefix[1], what[0], what[1], 0}};
}

static int bad(const struct ids *ids, const struct sect_file *s, const char *what, const char *why,
               struct err *e)
{
    return sect_bad(s, section(ids->prefix, what).id, why, e);
}

int ids_open(struct ids *ids, const struct sect_file *s, const char *prefix, uint64_t rows,
             uint64_t live, struct err *e)
{
    const void *ends, *sorted;

    *ids = (struct ids){.prefix = prefix, .rows = rows, .live = live};
    ids->text = sect_get(s, section(prefix, "ST").id, &ids->text_len);
    if (!ids->text)
        return 0;
    if (rows > IDS_ROWS_MAX)
        return bad(ids, s, "ST", "there are more rows than ids can be", e);
    ids->width = ids->text_len >> 32 ? 8 : 4;
    if (sect_need(s, section(prefix, "SO").id, rows + 1, ids->width, &ends, e) < 0 ||
        sect_need(s, section(prefix, "SP").id, live, sizeof *ids->sorted, &sorted, e) < 0)
        return e->code;
    ids->ends = ends;
    ids->sorted = sorted;
    return 0;
}

static uint64_t place(const struct ids *ids, uint64_t i)
{
    uint64_t at = 0;

    memcpy(&at, ids->ends + i * ids->width, ids->width);
    return le64toh(at);
}

struct id ids_of(const struct ids *ids, uint64_t row)
{
    uint64_t from = place(ids, row), to = place(ids, row + 1);

    if (from > to || to > ids->text_len)
        return (struct id){ids->text, 0};
    return (struct id){ids->text + from, (size_t)(to - from)};
}

/* The row of the i-th id in order. */
static uint64_t row_at(const struct ids *ids, uint64_t i)
{
    return ids->sorted[i] < ids->rows ? ids->sorted[i] : ids->rows - 1;
}

static struct id sorted_id(const void *ids, uint64_t i, uint64_t *row)
{
    *row = row_at(ids, i);
    return ids_of(ids, *row);
}

uint64_t ids_find(const struct ids *ids, struct id id)
{
    return find(ids, sorted_id, ids->live, id);
}

static int check_row(const struct ids *ids, const struct sect_file *s, uint64_t row, bool dead,
                     struct err *e)
{
    uint64_t from = place(ids, row), to = place(ids, row + 1);
    struct id id = ids_of(ids, row);
    struct err why = {0};

    if (from > to || to > ids->text_len)
        return bad(ids, s, "SO", "an id does not lie in the text", e);
    if (dead)
        return id.len ? bad(ids, s, "SO", "a deleted row has an id", e) : 0;
    return ids_good(id, &why) < 0 ? bad(ids, s, "ST", why.msg, e) : 0;
}

int ids_check(const struct ids *ids, const struct sect_file *s, const uint64_t *dead, struct err *e)
{
    if (!ids->text)
        return 0;
    if (place(ids, 0) != 0 || place(ids, ids->rows) != ids->text_len)
        return bad(ids, s, "SO", "ids do not fill the text", e);
    for (uint64_t row = 0; row < ids->rows; row++)
        if (check_row(ids, s, row, dead && dead[row / 64] >> row % 64 & 1, e) < 0)
            return e->code;
    for (uint64_t i = 0; i < ids->live; i++) {
        uint64_t row = ids->sorted[i];

        if (row >= ids->rows || ids_of(ids, row).len == 0)
            return bad(ids, s, "SP", "it names a row without an id", e);
        if (i > 0 && compare(ids_of(ids, ids->sorted[i - 1]), ids_of(ids, row)) >= 0)
            return bad(ids, s, "SP", "ids are not different and in order", e);
    }
    return 0;
}

/* ---- being written ---- */

int ids_good(struct id id, struct err *e)
{
    if (id.len == 0)
        return err_set(e, ERR_INPUT, "an id is empty");
    if (!utf8_valid(id.p, id.len))
        return err_set(e, ERR_INPUT, "an id is not UTF-8");
    return 0;
}

int ids_add(struct ann_ids *m, struct id id, struct err *e)
{
    if (mem_reserve(&m->end, &m->cap, m->n + 1, sizeof *m->end, e) < 0 ||
        buf_add(&m->text, id.p, id.len, e) < 0)
        return e->code;
    m->end[m->n++] = m->text.len;
    return 0;
}

struct sort_key {
    uint64_t first; /* eight bytes, zeros behind what is shorter */
    uint32_t row;
};

static int by_id(const void *a, const void *b, void *maker)
{
    const struct sort_key *x = a, *y = b;
    int c;

    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    c = compare(ids_made(maker, x->row), ids_made(maker, y->row));
    return c ? c : (x->row > y->row) - (x->row < y->row);
}

static uint64_t first_bytes(struct id id)
{
    uint64_t v = 0;

    memcpy(&v, id.p, id.len < sizeof v ? id.len : sizeof v);
    return be64toh(v);
}

/* In order already but for that: are they different? */
static int check_different(const struct ann_ids *m, uint64_t rows[2], struct err *e)
{
    for (uint64_t i = 1; i < m->live; i++) {
        uint32_t a = m->sorted[i - 1], b = m->sorted[i];

        if (compare(ids_made(m, a), ids_made(m, b)) != 0)
            continue;
        rows[0] = a;
        rows[1] = b;
        return err_set(e, ERR_INPUT, "rows %u and %u have the same id", a, b);
    }
    return 0;
}

int ids_sort(struct ann_ids *m, uint64_t rows[2], struct err *e)
{
    struct sort_key *key;

    if (m->n > IDS_ROWS_MAX)
        return err_set(e, ERR_USAGE, "up to %llu rows can have ids",
                       (unsigned long long)IDS_ROWS_MAX);
    key = mem_array(m->n, sizeof *key, e);
    free(m->sorted);
    m->sorted = mem_array(m->n, sizeof *m->sorted, e);
    if (!key || !m->sorted) {
        free(key);
        return e->code;
    }
    m->live = 0;
    for (size_t i = 0; i < m->n; i++)
        if (ids_made(m, i).len)
            key[m->live++] = (struct sort_key){first_bytes(ids_made(m, i)), (uint32_t)i};
    qsort_r(key, m->live, sizeof *key, by_id, m);
    for (uint64_t i = 0; i < m->live; i++)
        m->sorted[i] = key[i].row;
    free(key);
    return check_different(m, rows, e);
}

static struct id sorted_made(const void *made, uint64_t i, uint64_t *row)
{
    const struct ann_ids *m = made;

    *row = m->sorted[i];
    return ids_made(m, *row);
}

uint64_t ids_find_made(const struct ann_ids *m, struct id id)
{
    return find(m, sorted_made, m->live, id);
}

static int save_ends(const struct ann_ids *m, const char *prefix, struct sect_writer *w,
                     struct err *e)
{
    unsigned width = (uint64_t)m->text.len >> 32 ? 8 : 4;
    uint64_t at = 0;

    if (sect_begin(w, section(prefix, "SO").id, SECT_REQUIRED, e) < 0 ||
        sect_add(w, &at, width, e) < 0)
        return e->code;
    for (size_t i = 0; i < m->n; i++) {
        at = htole64(m->end[i]);
        if (sect_add(w, &at, width, e) < 0)
            return e->code;
    }
    return sect_end(w, e);
}

int ids_save(const struct ann_ids *m, const char *prefix, struct sect_writer *w, struct err *e)
{
    if (sect_put(w, section(prefix, "ST").id, SECT_REQUIRED, m->text.p ? m->text.p : "",
                 m->text.len, e) < 0 ||
        save_ends(m, prefix, w, e) < 0)
        return e->code;
    return sect_put(w, section(prefix, "SP").id, SECT_REQUIRED, m->sorted,
                    m->live * sizeof *m->sorted, e);
}

void ids_free(struct ann_ids *m)
{
    buf_free(&m->text);
    free(m->end);
    free(m->sorted);
    *m = (struct ann_ids){0};
}

/* ---- a table of them ---- */

uint32_t *ids_slot(const struct ids_table *t, const struct ann_ids *m, struct id id)
{
    size_t at = (size_t)hash64(id.p, id.len) & (t->slots - 1);

    for (; t->slot[at]; at = (at + 1) & (t->slots - 1))
        if (compare(ids_made(m, t->slot[at] - 1), id) == 0)
            break;
    return &t->slot[at];
}

int ids_table_room(struct ids_table *t, const struct ann_ids *m, struct err *e)
{
    struct ids_table more = {.slots = t->slots ? 2 * t->slots : 1024, .used = t->used};

    if (2 * t->used < t->slots)
        return 0;
    if (!(more.slot = mem_zero(more.slots, sizeof *more.slot, e)))
        return e->code;
    for (size_t i = 0; i < t->slots; i++)
        if (t->slot[i])
            *ids_slot(&more, m, ids_made(m, t->slot[i] - 1)) = t->slot[i];
    free(t->slot);
    *t = more;
    return 0;
}

/* ---- a file of them ---- */

static int take_lines(struct ann_ids *m, struct lines *l, uint64_t rows, struct err *e)
{
    struct id id;
    int rc;

    while ((rc = lines_next_text(l, &id.p, &id.len, e)) > 0) {
        uint64_t line = lines_number(l);

        rc = line > rows ? err_set(e, ERR_INPUT, "an id more than the %llu vectors",
                                   (unsigned long long)rows)
                         : ids_good(id, e);
        if (rc == 0)
            rc = ids_add(m, id, e);
        if (rc < 0)
            return rc == ERR_INPUT ? err_prefix(e, "%s:%llu", stream_name(lines_stream(l)),
                                                (unsigned long long)line)
                                   : rc;
    }
    if (rc == 0 && rows != VEC_UNKNOWN && m->n < rows)
        return err_set(e, ERR_INPUT, "%s: it ends after line %zu, and there are %llu vectors",
                       stream_name(lines_stream(l)), m->n, (unsigned long long)rows);
    return rc;
}

int ann_ids_load(struct ann_ids **out, const char *path, uint64_t rows, struct err *e)
{
    struct ann_ids *m = mem_zero(1, sizeof *m, e);
    struct lines *l = NULL;
    uint64_t same[2];
    int rc;

    *out = NULL;
    if (!m)
        return e->code;
    rc = lines_open(&l, path, '\n', 0, e);
    if (rc == 0)
        rc = take_lines(m, l, rows, e);
    if (rc == 0 && (rc = ids_sort(m, same, e)) == ERR_INPUT)
        rc = err_set(e, ERR_INPUT, "%s:%llu: the id of line %llu again",
                     stream_name(lines_stream(l)), (unsigned long long)same[1] + 1,
                     (unsigned long long)same[0] + 1);
    lines_close(l);
    if (rc == 0)
        *out = m;
    else
        ann_ids_free(m);
    return rc;
}

void ann_ids_free(struct ann_ids *m)
{
    if (m)
        ids_free(m);
    free(m);
}
