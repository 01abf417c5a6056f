/* prop_attrs.c - columns of attributes hold what they were told: kernels of all widths against what
 * is plain, files in three formats, rows copied, types found out, and damage of every byte.
 */
#include <fcntl.h>

#include "../unit/tmp.h"
#include "ann/attrs_int.h"
#include "ann/where.h"
#include "attrs_data.h"

static struct err err;

/* ---- kernels ---- */

static const struct attrs_ops *const levels[] = CPU_CHOICES(attrs_ops);

static uint32_t any_code(unsigned bits)
{
    uint32_t most = (uint32_t)attrs_mask(bits), v = (uint32_t)t_rand(&table_seed) & most;

    return table_rand(4) ? v : table_rand(2) ? 0 : most;
}

static size_t any_ranges(struct attr_range *r, unsigned bits)
{
    size_t n = 1 + table_rand(ATTRS_RANGES_MOST);

    for (size_t i = 0; i < n; i++) {
        uint32_t a = any_code(bits), b = table_rand(3) ? any_code(bits) : a;

        r[i] = (struct attr_range){a < b ? a : b, a < b ? b : a};
    }
    return n;
}

static void kernels(unsigned bits, uint64_t rows)
{
    uint64_t words = ATTRS_WORDS(rows), old[8], got[8];
    uint8_t *codes = table_need(calloc(1, rows * 4 + 8 + ATTRS_SLACK));
    struct attr_range r[ATTRS_RANGES_MOST];
    size_t n = any_ranges(r, bits);

    for (uint64_t i = 0; i < rows; i++)
        attrs_put_at(codes, i * bits, any_code(bits));
    for (uint64_t i = 0; i < words; i++)
        old[i] = t_rand(&table_seed);
    if (words > 0)
        old[words - 1] &= attrs_last(rows);
    for (enum cpu_level cpu = CPU_PORTABLE; cpu <= cpu_detect(); cpu++)
        for (enum attrs_put put = ATTRS_SET; put <= ATTRS_OR; put++) {
            uint64_t wrong = 0, count = 0;

            memcpy(got, old, sizeof got);
            levels[cpu]->scan(codes, bits, rows, r, n, put, got);
            for (uint64_t i = 0; i < 64 * words; i++) {
                bool in = false, was = old[i / 64] >> i % 64 & 1, is = got[i / 64] >> i % 64 & 1;

                for (size_t k = 0; k < n && i < rows; k++) {
                    uint64_t code = attrs_get(codes, bits, i);

                    in |= code >= r[k].lo && code <= r[k].hi;
                }
                wrong += is != (put == ATTRS_SET ? in : put == ATTRS_AND ? in && was : in || was);
                count += is;
            }
            T_CHECKF(wrong == 0, "%s, %u bits, %llu rows", levels[cpu]->name, bits,
                     (unsigned long long)rows);
            T_CHECK(levels[cpu]->count(got, words) == count);
        }
    free(codes);
}

/* ---- lists ---- */

/* Bits of a list as ann-index(5) has them, one by one. */
static void lists(uint64_t c, uint64_t n, bool set)
{
    uint32_t *row = table_need(malloc((n + 1) * sizeof *row));
    uint8_t *p = table_need(calloc(1, n + 8 * c + 64)),
            *want = table_need(calloc(1, n + 8 * c + 64));
    uint64_t got = 0, bits, l = 0;

    for (uint64_t r = 0; r < n; r++)
        if (table_rand((unsigned)(n - r)) < c - got)
            row[got++] = (uint32_t)r;
    while (c > 0 && n / c >> (l + 1))
        l++;
    bits = c * l + c + (n >> l) + 1;
    for (uint64_t i = 0; i < c; i++) {
        uint64_t one = c * l + (row[i] >> l) + i;

        if (set && 32 * c >= n) {
            bits = (n + 63) / 64 * 64;
            want[row[i] / 8] |= (uint8_t)(1 << row[i] % 8);
            continue;
        }
        for (uint64_t k = 0; k < l; k++)
            want[(i * l + k) / 8] |= (uint8_t)((row[i] >> k & 1) << (i * l + k) % 8);
        want[one / 8] |= (uint8_t)(1 << one % 8);
    }
    if (c == 0 || (!set && 64 * c > n))
        bits = 0;
    T_CHECK(list_size(c, n, set) == (bits + 7) / 8);
    list_make(row, c, n, set, p);
    T_CHECK(memcmp(p, want, (bits + 7) / 8) == 0);
    free(row);
    free(p);
    free(want);
}

/* ---- values ---- */

static bool same_buf(const struct buf *a, const struct buf *b)
{
    return a->len == b->len && memcmp(a->p, b->p, a->len) == 0;
}

static bool same(const struct attrs *a, const struct attrs *b)
{
    return same_buf(&a->made->head, &b->made->head) && same_buf(&a->made->dict, &b->made->dict) &&
           same_buf(&a->made->codes, &b->made->codes) && same_buf(&a->made->lists, &b->made->lists);
}

/* ---- files ---- */

static void files(void)
{
    static const char *const names[] = {"t.tsv", "t.csv", "t.jsonl", "t", "t.x", "u"};
    struct buf b = {0};

    for (int i = 0; i < 24; i++) {
        enum table_format f = (enum table_format)(i % 3);
        const char *name = names[f == TABLE_CSV ? 1 : i % 6];
        struct table t = table_make(200, 20);
        struct attrs a, want;

        table_fit(&t, f);
        table_attrs(&t, &want, CPU_PORTABLE);
        table_put(&b, &t, f, i % 2);
        tmp_put(name, b.p, b.len);
        T_CHECKF(attrs_read(&a, name, NULL, t.rows, CPU_PORTABLE, &err) == 0, "%s", err.msg);
        table_holds(&a, &t);
        T_CHECKF(same(&a, &want), "format %d", f);
        attrs_close(&a);
        T_CHECK(attrs_read(&a, name, NULL, t.rows + 1, CPU_PORTABLE, &err) == ERR_INPUT &&
                strstr(err.msg, "attributes of 200 rows end here, and there are 201 vectors"));
        attrs_close(&want);
        free(t.cell);
    }
    buf_free(&b);
}

/* What a file says of some columns, or why it is refused. */
static void reads_some(const char *name, const char *text, const char *only, uint64_t rows,
                       const char *types)
{
    struct attrs a;
    char got[200] = "";
    int rc;

    tmp_put(name, text, strlen(text));
    rc = attrs_read(&a, name, only, rows, CPU_PORTABLE, &err);
    if (rc < 0) {
        T_CHECKF(rc == ERR_INPUT && strstr(err.msg, types), "%s: %s", text, err.msg);
        T_CHECKF(strncmp(err.msg, name, strlen(name)) == 0, "%s", err.msg);
        return;
    }
    for (uint32_t i = 0; i < a.n; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s:%s/%u/%d", i ? " " : "",
                 a.column[i].name, attr_type_name(a.column[i].type), a.column[i].distinct,
                 (int)a.column[i].nulls);
    T_CHECKF(strcmp(got, types) == 0, "%s: %s", text, got);
    attrs_close(&a);
}

static void reads(const char *name, const char *text, uint64_t rows, const char *types)
{
    reads_some(name, text, NULL, rows, types);
}

static void some_columns(void)
{
    reads_some("a.tsv", "a\tb\tc\n1\t2\t3\n", "c,a", 1, "a:int/1/0 c:int/1/0");
    reads_some("a.tsv", "a\tb:int\n1\tx\n", "a", 1, "a:int/1/0");
    reads_some("a.tsv", "a\tb:int\n1\t2\n", "b,d", 1, "a.tsv:1: there is no column 'd'");
    reads_some("a.jsonl", "{\"a\":1,\"v\":[1,2],\"c\":\"x\"}\n{\"v\":{}}\n", "c,a", 2,
               "c:string/1/1 a:int/1/1");
    reads_some("a.jsonl", "{\"a\":1}\n", "a,d", 1, "a.jsonl: there is no column 'd'");
    reads_some("a.jsonl", "{\"a\":1}\n", "a,a", 1, "a:int/1/0");
    reads_some("a.jsonl", "{\"a\":1}\n", "", 1, "no column is asked for");
}

/* Files of any parts come to an end: with an error, or with columns that pass all checks. */
static void noise(void)
{
    static const char *const part[] = {
        "a", "\t", "\n",  "\n",     ",",   "\"",   "\"\"",     ":int",        ":set",
        "1", "-",  "2.5", "\\",     "\\t", "nan",  "true",     "{\"a\":1}\n", "{\"a\":[\"x\",",
        "]", "}",  "{",   "\"b\":", "[]",  "\xff", "\xc3\xa9", "\r\n",        "9223372036854775808",
        "#", " ",  "null"};
    static const char *const names[] = {"n.tsv", "n.csv", "n.jsonl", "n"};
    struct buf b = {0};

    for (int i = 0; i < 3000; i++) {
        struct attrs a;
        int rc;

        b.len = 0;
        for (unsigned n = table_rand(25); n > 0; n--)
            buf_adds(&b, TABLE_SOME(part), &err);
        tmp_put(names[i % 4], b.p ? b.p : "", b.len);
        rc = attrs_read(&a, names[i % 4], i % 7 ? NULL : "a", table_rand(4), CPU_PORTABLE, &err);
        T_CHECKF(rc == 0 || rc == ERR_INPUT, "%s", err.msg);
        if (rc == 0)
            attrs_close(&a);
    }
    buf_free(&b);
}

static void types(void)
{
    reads("a.tsv", "a\tb\n1\tx\n2\ty\n\t\n", 3, "a:int/2/1 b:string/2/1");
    reads("a.tsv", "a\n1\n2.5\n-0\n-0.0\n+1\n", 5, "a:string/5/0");
    reads("a.tsv", "a\n1\n2.5\n-0\n-0.0\n1.0\n", 5, "a:float/3/0");
    reads("a.tsv", "a\n1\nnan\nNaN\n-inf\ninf\n", 5, "a:float/3/2");
    reads("a.tsv", "a\nnan\ninf\n", 2, "a:string/2/0");
    reads("a.tsv", "a\n02139\n1\n", 2, "a:string/2/0");
    reads("a.tsv", "a\ntrue\nFalse\nTRUE\n", 3, "a:bool/2/0");
    reads("a.tsv", "a\ntrue\n1\n", 2, "a:string/2/0");
    reads("a.tsv", "a\n\n\n", 2, "a:none/0/2");
    reads("a.tsv", "a:int\n\n\n", 2, "a:int/0/2");
    reads("a.tsv", "a:float\n1\n1.0\nnan\n", 3, "a:float/1/1");
    reads("a.tsv", "a:string\n1\n1.0\n", 2, "a:string/2/0");
    reads("a.tsv", "# a:set\tb:c\nx,,y,x\t1\n,\t2\n\t\n", 3, "a:set/2/1 b:c:int/2/1");
    reads("a.tsv", "#a:set|\nx,|y\n", 1, "a:set/2/0");
    reads("a.tsv",
          "\xef\xbb\xbf"
          "a\nx\\ty\\q\n",
          1, "a:string/1/0");
    reads("a.tsv", "a\n9223372036854775807\n-9223372036854775808\n", 2, "a:int/2/0");
    reads("a.tsv", "a\n1\n9223372036854775808\n", 2,
          "a.tsv:3: column 'a' is of integers, and 9223372036854775808 has more than 64 bits");
    reads("a.tsv", "a:int\n1\nx\n", 2, "a.tsv:3: column 'a': 'x' is no integer");
    reads("a.tsv", "a:bool\nyes\n", 1, "a.tsv:2: column 'a': 'yes' is no bool");
    reads("a.tsv", "a\tb\n1\n", 1, "a.tsv:2: 1 fields, and the first line names 2 columns");
    reads("a.tsv", "a\n1\t2\n", 1, "a.tsv:2: 2 fields, and the first line names 1 columns");
    reads("a.tsv", "a\ta\n", 0, "a.tsv:1: there are two columns 'a'");
    reads("a.tsv", "a\t\n", 0, "a.tsv:1: a column has no name");
    reads("a.tsv", "a\n\xff\n", 1, "a.tsv:2: column 'a': a string is no UTF-8");
    reads("a.tsv", "a\n1\n2\n", 1,
          "a.tsv:3: attributes of 2 rows end here, and there are 1 vectors");
    reads("a.tsv", "", 1, "a.tsv: it is empty, and there are vectors");
    reads("a.csv", "a,b\n\"x,\"\"y\"\"\",\"\"\nz,\n", 2, "a:string/2/0 b:string/1/1");
    reads("a.csv", "a\n\"x\n", 1, "a.csv:2: a quote is not closed");
    reads("a.csv", "a\n\"x\"y\n", 1, "a.csv:2: there is more behind a quoted field");
    reads("a.jsonl", "{\"a\":1}\n\n{\"b\":\"x\",\"a\":2.5}\n{}\n", 3, "a:float/2/1 b:string/1/2");
    reads("a.jsonl", "{\"a\":true,\"b\":[],\"c\":null}\n{\"b\":[\"x\",\"\\u0041\",\"A\",\"x\"]}\n",
          2, "a:bool/1/1 b:set/2/0 c:none/0/2");
    reads("a.jsonl", "{\"a\":1,\"a\":2}\n", 1, "a.jsonl:1: column 'a': a row has two values");
    reads("a.jsonl", "{\"a\":1}\n{\"a\":\"x\"}\n", 2,
          "a.jsonl:2: column 'a': it is of type int, and this is a string");
    reads("a.jsonl", "{\"a\":[1]}\n", 1, "a.jsonl:1: column 'a': an array is a set");
    reads("a.jsonl", "{\"a\":{}}\n", 1, "an object is no value");
    reads("a.jsonl", "{\"a\":9223372036854775808}\n", 1, "too large a number");
    reads("a.jsonl", "{\"a\":1e999}\n", 1, "too large a number");
    reads("a.jsonl", "{\"a\":1\n", 1, "a.jsonl:1: ");
    reads("a.jsonl", "{\"\":1}\n", 1, "a column has no name");
}

/* ---- rows of others ---- */

static void copies(size_t rows, bool compact)
{
    struct table t = table_make(rows, 30);
    size_t cut = rows / 3, kept = 0;
    uint64_t *dead = table_need(calloc(ATTRS_WORDS(rows) + 1, 8));
    struct attrs part[2], got, want;
    struct attrs_maker *m = NULL;

    for (int i = 0; i < 2; i++) {
        T_CHECK(attrs_make(&m, &err) == 0);
        table_tell_rows(m, &t, i ? cut : 0, i ? rows : cut);
        table_end(m, &part[i], CPU_PORTABLE);
    }
    T_CHECK(attrs_make(&m, &err) == 0);
    for (size_t r = 0; r < rows; r++) {
        if (table_rand(3) == 0)
            dead[r / 64] |= UINT64_C(1) << r % 64;
        for (size_t k = 0; k < TABLE_COLUMNS && dead[r / 64] >> r % 64 & 1; k++)
            t.cell[r * TABLE_COLUMNS + k].type = ATTR_NONE;
    }
    for (int i = 0; i < 2; i++) {
        struct attrs_copy how = {&part[i], dead, i ? cut : 0, compact};

        T_CHECKF(attrs_make_copy(m, &how, &err) == 0, "%s", err.msg);
        attrs_close(&part[i]);
    }
    table_end(m, &got, CPU_PORTABLE);
    for (size_t r = 0; r < rows; r++)
        if (!(compact && dead[r / 64] >> r % 64 & 1))
            memmove(&t.cell[kept++ * TABLE_COLUMNS], &t.cell[r * TABLE_COLUMNS],
                    TABLE_COLUMNS * sizeof *t.cell);
    t.rows = kept;
    table_attrs(&t, &want, CPU_PORTABLE);
    table_holds(&got, &t);
    T_CHECK(same(&got, &want));
    attrs_close(&got);
    attrs_close(&want);
    free(dead);
    free(t.cell);
}

/* A row that is taken back leaves nothing, and told twice is the same. */
static void undone(void)
{
    struct table t = table_make(50, 30), other = table_make(50, 3000);
    struct attrs got, want, again;
    struct attrs_maker *m = NULL;
    uint64_t row;

    T_CHECK(attrs_make(&m, &err) == 0);
    for (size_t r = 0; r < 50; r++) {
        table_tell_rows(m, &t, r, r);
        for (size_t k = 0; k < TABLE_COLUMNS && r > 0; k++)
            table_tell(m, (uint32_t)k, table_at(&other, r, k), &err);
        attrs_make_undo(m);
        table_tell_rows(m, &t, r, r + 1);
    }
    attrs_make_fix(m);
    T_CHECK(attrs_make_end(m, &again, CPU_PORTABLE, &row, &err) == 0);
    T_CHECK(attrs_read_object(m, "{\"year\":1.5}", 12, &err) == ERR_INPUT);
    T_CHECK(attrs_read_object(m, "{\"yaer\":1}", 10, &err) == ERR_INPUT &&
            strstr(err.msg, "no column 'yaer'"));
    T_CHECK(attrs_read_object(m, "{\"year\":1.0}", 12, &err) == 0);
    attrs_make_undo(m);
    table_end(m, &got, CPU_PORTABLE);
    table_attrs(&t, &want, CPU_PORTABLE);
    T_CHECK(same(&got, &want) && same(&again, &want));
    attrs_close(&got);
    attrs_close(&again);
    attrs_close(&want);
    free(t.cell);
    free(other.cell);
}

static int told(struct attrs_maker *m, const char *object)
{
    return attrs_read_object(m, object, strlen(object), &err);
}

/* Sets that were copied stay where a row behind them is taken back. */
static void undone_behind_copies(void)
{
    struct table t = table_make(50, 30);
    struct attrs got, want;
    struct attrs_copy how = {.from = &want};
    struct attrs_maker *m = NULL;

    table_attrs(&t, &want, CPU_PORTABLE);
    T_CHECK(attrs_make(&m, &err) == 0 && attrs_make_copy(m, &how, &err) == 0);
    T_CHECK(told(m, "{\"tags\":[\"a\",\"new\"],\"year\":7}") == 0);
    attrs_make_undo(m);
    table_end(m, &got, CPU_PORTABLE);
    T_CHECK(same(&got, &want));
    attrs_close(&got);
    attrs_close(&want);
    free(t.cell);
}

/* Nor does a first row that is taken back leave the types of its values. */
static void undone_types(void)
{
    struct attrs_maker *m = NULL;

    T_CHECK(attrs_make(&m, &err) == 0);
    T_CHECK(told(m, "{\"a\":1,\"b\":{}}") == ERR_INPUT);
    T_CHECK(attrs_make_type(m, 0) == ATTR_NONE);
    T_CHECK(told(m, "{\"a\":\"text\"}") == 0 && attrs_make_row(m, &err) == 0);
    T_CHECK(told(m, "{\"a\":[]}") == ERR_INPUT && attrs_make_type(m, 0) == ATTR_STRING);
    attrs_make_free(m);
}

/* ---- damage ---- */

/* Everything that may be asked of columns comes back, and no row is given that is not there. */
static void ask(const struct attrs *a)
{
    static const char *const text[] = {"year > 1995 and genre in ('a','b','rock')",
                                       "not live or big between -1 and 1",
                                       "score <= 0.5",
                                       "key = 'key0' or key > 'key9'",
                                       "tags has any ('a','b','rare1')",
                                       "not tags has 'a'",
                                       "tags is empty or tags is null",
                                       "nothing is null and `odd name` != 3",
                                       "not key < 'key5'"};
    uint64_t words = ATTRS_WORDS(a->rows), count, *bits = table_need(malloc(8 * words + 8));
    uint32_t *row = table_need(malloc(4 * a->rows + 4));
    struct where_space space = {0};

    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        struct where *w = NULL;

        if (where_compile(&w, a, text[i], strlen(text[i]), &err) < 0)
            continue;
        T_CHECK(where_run(w, &space, NULL, bits, &count, &err) == 0);
        T_CHECK(count <= a->rows && (bits[words - 1] & ~attrs_last(a->rows)) == 0);
        where_free(w);
    }
    for (uint32_t k = 0; k < a->n; k++) {
        struct attr_range all = {1, a->column[k].distinct};
        uint64_t *spare = table_need(malloc(8 * words + 16));

        if (all.hi > 0)
            attrs_rows(a, k, &all, 1, ATTRS_SET, bits, spare);
        T_CHECK(all.hi == 0 || (bits[words - 1] & ~attrs_last(a->rows)) == 0);
        free(spare);
    }
    for (uint32_t k = 0; k < a->n; k++)
        for (uint64_t r = 0; r < a->rows; r++) {
            uint32_t code = attrs_code(&a->column[k], r);
            size_t len, sum = 0;
            const char *p = attrs_string(&a->column[k], code, &len);

            for (size_t i = 0; i < len && attrs_is_text(a->column[k].type); i++)
                sum += (unsigned char)p[i];
            T_CHECK(code <=
                    (a->column[k].type == ATTR_SET ? ATTR_SET_SOME : a->column[k].distinct));
            T_CHECK(sum <= 255 * len && list_rows(&a->column[k], code, row) <= a->rows);
        }
    where_space_free(&space);
    free(row);
    free(bits);
}

static void look(const char *path, uint64_t rows, bool must)
{
    struct sect_file *s = NULL;
    struct attrs a = {0};

    if (sect_open(&s, path, "test", 1, &err) == 0) {
        if (attrs_open(&a, s, rows, cpu_detect(), &err) == 0 && a.n > 0) {
            T_CHECK(!must || sect_check(s, &err) < 0 || attrs_check(&a, s, &err) < 0);
            attrs_check(&a, s, &err);
            ask(&a);
        }
        attrs_close(&a);
    }
    sect_close(s);
}

static void flipped(const char *path, uint64_t rows)
{
    int fd = open(path, O_RDWR);
    off_t len = lseek(fd, 0, SEEK_END);

    for (off_t at = 0; at < len; at++) {
        char c, bad;

        T_CHECK(pread(fd, &c, 1, at) == 1);
        bad = (char)(c ^ 1 << at % 8);
        T_CHECK(pwrite(fd, &bad, 1, at) == 1);
        look(path, rows, true);
        T_CHECK(pwrite(fd, &c, 1, at) == 1);
    }
    close(fd);
}

/* Bytes changed, as if checksums over them were right. s: a file that messages are of. */
static void forged(struct attrs *a, const struct sect_file *s)
{
    struct buf *part[] = {&a->made->head, &a->made->dict, &a->made->codes, &a->made->lists};

    for (int i = 0; i < 6000; i++) {
        struct buf *b = part[table_rand(4)];
        size_t at = table_rand((unsigned)b->len), n = 1 + table_rand(i % 3 ? 2 : 60);
        struct attrs bad;
        char old[64];

        n = n < b->len - at ? n : b->len - at;
        memcpy(old, b->p + at, n);
        for (size_t k = 0; k < n; k++)
            b->p[at + k] = (char)(table_rand(3) ? (int)table_rand(256) : table_rand(2) ? 0xff : 0);
        if (attrs_open_made(&bad, a->made, a->rows, cpu_detect(), &err) == 0) {
            attrs_check(&bad, s, &err);
            ask(&bad);
        }
        bad.made = NULL;
        attrs_close(&bad);
        memcpy(b->p + at, old, n);
    }
}

/* One bit of codes, sums, places and lists is another, or the head counts otherwise: the others
 * tell. (But of lists of a set's strings, which alone know them.) */
static void told_by_others(struct attrs *a, const struct sect_file *s)
{
    for (uint32_t k = 0; k < a->n; k++) {
        const struct attrs_column *c = &a->column[k];
        struct attrs_meta *m = (struct attrs_meta *)(void *)(a->made->head.p +
                                                             sizeof(struct attrs_head)) +
                               k;
        uint64_t code_bits = c->rows * c->bits, list_bits = 8 * (uint64_t)(c->lists - c->sums);

        list_bits += c->type == ATTR_SET ? 0 : 8 * c->list_bytes;

        for (uint64_t i = 0; i < code_bits + list_bits; i++) {
            struct buf *b = i < code_bits ? &a->made->codes : &a->made->lists;
            char *p = b->p + ((const char *)(i < code_bits ? c->codes : c->sums) - b->p);
            uint64_t at = i < code_bits ? i : i - code_bits;

            p[at / 8] ^= (char)(1 << at % 8);
            T_CHECKF(attrs_check(a, s, &err) == ERR_CORRUPT, "%s: bit %llu", c->name,
                     (unsigned long long)i);
            p[at / 8] ^= (char)(1 << at % 8);
        }
        if (c->type == ATTR_SET) {
            struct attrs bad;

            m->nulls++;
            T_CHECK(attrs_open_made(&bad, a->made, a->rows, CPU_PORTABLE, &err) == 0 &&
                    attrs_check(&bad, s, &err) == ERR_CORRUPT);
            m->nulls--;
            bad.made = NULL;
            attrs_close(&bad);
        }
    }
    T_CHECK(attrs_check(a, s, &err) == 0);
}

static void damage(void)
{
    struct table t = table_make(150, 20);
    struct attrs a, again = {0};
    struct sect_file *s = NULL;

    table_attrs(&t, &a, cpu_detect());
    table_file(&a, &again, &s, "d.sect", cpu_detect());
    T_CHECKF(attrs_check(&again, s, &err) == 0, "%s", err.msg);
    table_holds(&again, &t);
    attrs_close(&again);
    T_CHECK(attrs_open(&again, s, a.rows + 1, cpu_detect(), &err) == ERR_CORRUPT);
    attrs_close(&again);
    forged(&a, s);
    told_by_others(&a, s);
    sect_close(s);
    flipped("d.sect", a.rows);
    attrs_close(&a);
    free(t.cell);
}

int main(void)
{
    tmp_enter();
    for (unsigned bits = 1; bits <= 32; bits++)
        for (uint64_t rows = 0; rows < 500 && bits != 31; rows += rows < 3 ? 1 : 31 + rows / 3)
            kernels(bits, rows);
    for (uint64_t n = 1; n < 5000; n += 1 + n / 3)
        for (uint64_t c = 0; c <= n; c += 1 + c / 2) {
            lists(c, n, false);
            lists(c, n, true);
        }
    for (size_t rows = 0; rows < 30000; rows = 3 * rows + 1) {
        struct table t = table_make(rows, 1000);
        struct attrs a;

        table_attrs(&t, &a, cpu_detect());
        table_holds(&a, &t);
        attrs_close(&a);
        free(t.cell);
    }
    files();
    types();
    some_columns();
    noise();
    for (size_t rows = 1; rows < 3000; rows *= 3) {
        copies(rows, true);
        copies(rows, false);
    }
    undone();
    undone_behind_copies();
    undone_types();
    damage();
    tmp_leave();
    return t_done("prop_attrs");
}
