/* prop_ann_attrs.c - attributes in whole indexes: rows that come and go keep theirs, predicates of
 * many queries share what they leave, and damage is found.
 */
#include "ann_data.h"

#include <fcntl.h>

#include "../unit/tmp.h"
#include "ann/kind.h"
#include "attrs_data.h"

enum { DIM = 3 };

static struct err err;

static void build(const struct table *t, const char *path, enum ann_kind_name kind)
{
    struct ann_base b = ann_base_of(DATA_NORMAL, VEC_F32, t->rows, DIM);
    struct ann_attrs attrs;
    struct ann_build_opts o = {.kind = kind,
                               .degree = kind == ANN_GRAPH ? 8 : 0,
                               .attrs = &attrs,
                               .threads = 2,
                               .cpu = cpu_detect()};
    struct ann_build_report report;

    table_attrs(t, &attrs.attrs, o.cpu);
    T_CHECKF(ann_build(path, &b.rows, &o, &report, &err) == 0, "%s", err.msg);
    attrs_close(&attrs.attrs);
    ann_base_free(&b);
}

/* ---- rows come and go ---- */

static void add_one(struct ann_update *u, struct table *t)
{
    float x[DIM] = {(float)t->rows, 1, 2};
    bool told = table_rand(4) > 0, good = table_rand(5) > 0;
    struct buf json = {0};

    t->cell = table_need(realloc(t->cell, (t->rows + 1) * TABLE_COLUMNS * sizeof *t->cell));
    memset(t->cell + t->rows * TABLE_COLUMNS, 0, TABLE_COLUMNS * sizeof *t->cell);
    for (size_t k = 0; k < TABLE_COLUMNS && told; k++)
        if (table_rand(4) > 0)
            t->cell[t->rows * TABLE_COLUMNS + k] = table_cell(k, t->rows, 2000);
    t->rows++;
    table_fit(t, TABLE_JSONL); /* earlier rows are as it leaves them already */
    table_put_row(&json, t, t->rows - 1, TABLE_JSONL);
    if (told)
        T_CHECKF(ann_update_attrs(u, json.p, json.len, &err) == 0, "%s", err.msg);
    if (!good) { /* what was told is forgotten with the row */
        float bad[DIM] = {NAN, 0, 0};

        T_CHECK(ann_update_add(u, NULL, 0, bad, &err) == ERR_INPUT);
        if (table_rand(2))
            T_CHECK(ann_update_attrs(u, "{\"year\":77,\"live\":3}", 20, &err) == ERR_INPUT);
        if (told)
            T_CHECK(ann_update_attrs(u, json.p, json.len, &err) == 0);
    }
    T_CHECK(ann_update_add(u, NULL, 0, x, &err) == 0);
    buf_free(&json);
}

/* Rows of a file with attributes, at once. */
static void add_many(struct ann_update *u, struct table *t)
{
    struct table more = table_make(20, 50);
    float x[DIM] = {9, 9, 9};
    struct ann_attrs attrs;

    table_fit(&more, TABLE_JSONL);
    table_attrs(&more, &attrs.attrs, CPU_PORTABLE);
    for (size_t r = 0; r < more.rows; r++)
        T_CHECK(ann_update_add(u, NULL, 0, x, &err) == 0);
    T_CHECKF(ann_update_attrs_last(u, &attrs, attrs.attrs.rows, NULL, &err) == 0, "%s", err.msg);
    t->cell = table_need(realloc(t->cell, (t->rows + more.rows) * TABLE_COLUMNS * sizeof *t->cell));
    memcpy(t->cell + t->rows * TABLE_COLUMNS, more.cell,
           more.rows * TABLE_COLUMNS * sizeof *t->cell);
    t->rows += more.rows;
    attrs_close(&attrs.attrs);
    free(more.cell);
}

static void delete_some(struct ann_update *u, struct table *t, bool *dead)
{
    for (size_t r = 0; r < t->rows; r++)
        if (!dead[r] && table_rand(5) == 0) {
            T_CHECK(ann_update_delete_row(u, r, &err) == 0);
            dead[r] = true;
        }
}

/* The table as the file has it: deleted rows have nothing, or are not there. */
static void settle(struct table *t, bool *dead, bool compact)
{
    size_t kept = 0;

    for (size_t r = 0; r < t->rows; r++) {
        for (size_t k = 0; k < TABLE_COLUMNS && dead[r]; k++)
            t->cell[r * TABLE_COLUMNS + k].type = ATTR_NONE;
        if (compact && dead[r])
            continue;
        memmove(t->cell + kept * TABLE_COLUMNS, t->cell + r * TABLE_COLUMNS,
                TABLE_COLUMNS * sizeof *t->cell);
        dead[kept++] = dead[r];
    }
    t->rows = kept;
}

static void updates(void)
{
    static bool dead[5000];
    struct table t = table_make(300, 100);

    table_fit(&t, TABLE_JSONL);
    build(&t, "u.ann", ANN_GRAPH);
    for (int round = 0; round < 12; round++) {
        struct ann_update_opts o = {.compact = round % 3 == 2, .threads = 2};
        struct ann_update_report report;
        struct ann_update *u = NULL;
        struct ann *a = NULL;

        T_CHECKF(ann_update_open(&u, "u.ann", cpu_detect(), &err) == 0, "%s", err.msg);
        for (unsigned n = table_rand(40); n > 0; n--)
            add_one(u, &t);
        if (round % 2)
            add_many(u, &t);
        delete_some(u, &t, dead);
        T_CHECKF(ann_update_write(u, "u.ann", &o, &report, &err) == 0, "%s", err.msg);
        ann_update_close(u);
        settle(&t, dead, o.compact);
        T_CHECKF(ann_open(&a, "u.ann", cpu_detect(), &err) == 0, "%s", err.msg);
        T_CHECKF(ann_check(a, &err) == 0, "%s", err.msg);
        table_holds(&a->attrs, &t);
        ann_close(a);
        memset(dead + t.rows, 0, sizeof dead - t.rows);
        if (o.compact)
            memset(dead, 0, sizeof dead);
    }
    free(t.cell);
}

/* ---- predicates of many queries ---- */

static void shared(void)
{
    struct table t = table_make(500, 100);
    enum { N = 1000, DIFFERENT = 7 };
    struct ann_predicates *s = NULL;
    struct ann_predicate text[N];
    struct ann_allowed allowed[N];
    char words[DIFFERENT][40];
    uint64_t done = 0, evaluated;
    struct ann *a = NULL;
    double seconds;

    build(&t, "p.ann", ANN_IVF);
    T_CHECK(ann_open(&a, "p.ann", cpu_detect(), &err) == 0);
    for (int threads = 1; threads < 8; threads += 3) {
        T_CHECK(ann_predicates_new(&s, a, 0, threads, &err) == 0);
        for (int i = 0; i < DIFFERENT; i++)
            snprintf(words[i], sizeof words[i], "year >= %d", 1990 + 10 * i);
        for (int i = 0; i < N; i++) {
            text[i].p = words[table_rand(DIFFERENT)];
            text[i].len = strlen(text[i].p);
        }
        T_CHECK(ann_predicates_rows(s, text, N, allowed, &done, &err) == 0 && done == N);
        for (int i = 0; i < N; i++) {
            uint64_t wrong = 0, count = 0;

            for (size_t r = 0; r < t.rows; r++) {
                const struct cell *c = table_at(&t, r, 1);
                bool is = c->type && c->i >= atoi(text[i].p + 8);

                wrong += is != (allowed[i].bits[r / 64] >> r % 64 & 1);
                count += is;
            }
            T_CHECK(wrong == 0 && count == allowed[i].count);
        }
        T_CHECK(ann_predicates_rows(s, text, N, allowed, &done, &err) == 0 && done == N);
        ann_predicates_stats(s, &evaluated, &seconds);
        T_CHECK(evaluated == DIFFERENT && seconds > 0);
        text[70] = (struct ann_predicate){"yaer = 5", 8};
        T_CHECK(ann_predicates_rows(s, text, N, allowed, &done, &err) == ERR_USAGE && done == 70);
        ann_predicates_free(s);
    }
    ann_close(a);
    free(t.cell);
}

/* n predicates, of which `most` (0: not said) are held at once, so that they come in so many turns. */
static void in_turns(int n, uint64_t most, size_t want_turns)
{
    struct table t = table_make(2, 3);
    struct ann_predicate *text = table_need(malloc((size_t)n * sizeof *text));
    struct ann_allowed *allowed = table_need(malloc((size_t)n * sizeof *allowed));
    char(*words)[24] = table_need(malloc((size_t)n * sizeof *words));
    struct ann_predicates *s = NULL;
    struct ann *a = NULL;
    size_t turns = 0;

    build(&t, "p.ann", ANN_GRAPH);
    T_CHECK(ann_open(&a, "p.ann", cpu_detect(), &err) == 0);
    T_CHECK(ann_predicates_new(&s, a, most, 2, &err) == 0);
    for (int i = 0; i < n; i++)
        text[i] = (struct ann_predicate){
            words[i], (size_t)snprintf(words[i], sizeof *words, "year >= %d", 1900 + i)};
    for (uint64_t at = 0, done = 0; at < (uint64_t)n; at += done, turns++) {
        T_CHECK(ann_predicates_rows(s, text + at, (uint64_t)n - at, allowed, &done, &err) == 0);
        T_CHECK(done > 0);
        for (uint64_t i = 0; i < done; i++) {
            uint64_t want = 0;

            for (size_t r = 0; r < 2; r++)
                want += table_at(&t, r, 1)->type &&
                        table_at(&t, r, 1)->i >= 1900 + (int64_t)(at + i);
            if (allowed[i].count != want)
                T_CHECKF(0, "%llu", (unsigned long long)(at + i));
        }
        if (done == 0)
            break;
    }
    T_CHECK(turns == want_turns);
    ann_predicates_free(s);
    ann_close(a);
    free(words);
    free(allowed);
    free(text);
    free(t.cell);
}

/* ---- damage ---- */

static void damage(void)
{
    struct table t = table_make(60, 10);
    struct ann_section at;
    struct ann *a = NULL;
    int fd;

    build(&t, "d.ann", ANN_GRAPH);
    T_CHECK(ann_open(&a, "d.ann", cpu_detect(), &err) == 0);
    fd = open("d.ann", O_RDWR);
    for (size_t i = 0; ann_section(a, i, &at); i++)
        for (int k = 0; k < 60 && memcmp(at.id, "ATT", 3) == 0; k++) {
            off_t place = (off_t)(at.offset + table_rand((unsigned)at.len));
            struct ann *bad = NULL;
            char c, other;

            T_CHECK(pread(fd, &c, 1, place) == 1);
            other = (char)(c ^ 1 << k % 8);
            T_CHECK(pwrite(fd, &other, 1, place) == 1);
            if (ann_open(&bad, "d.ann", cpu_detect(), &err) == 0)
                T_CHECK(ann_check(bad, &err) == ERR_CORRUPT);
            ann_close(bad);
            T_CHECK(strstr(err.msg, at.id) != NULL);
            T_CHECK(pwrite(fd, &c, 1, place) == 1);
        }
    close(fd);
    T_CHECK(ann_check(a, &err) == 0);
    ann_close(a);
    free(t.cell);
}

int main(void)
{
    tmp_enter();
    updates();
    shared();
    in_turns(140000, 0, 3);
    in_turns(10, 4, 3);
    in_turns(4, 4, 1);
    damage();
    tmp_leave();
    return t_done("prop_ann_attrs");
}
