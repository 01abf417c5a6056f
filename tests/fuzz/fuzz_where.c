/* fuzz_where.c - predicates: any text is a program or a sentence. A program gives the same rows on
 * every level of CPU, and none that its negation gives.
 *
 *   0 1 kind: a predicate; a file of them    then the text
 */
#include "fuzz.h"

#include "ann/ann.h"
#include "ann/where.h"

enum { ROWS = 200, WORDS = ATTRS_WORDS(ROWS), LEVELS = CPU_AVX512 + 1 };

static struct attrs table[LEVELS];

/* Columns of all types, with names of words, and rows without a value. */
static void make_tables(void)
{
    char text[ROWS * 160];
    size_t len = 0;
    struct err e;
    const char *path;

    for (int i = 0; i < ROWS; i++)
        len += (size_t)snprintf(
            text + len, sizeof text - len,
            i % 7 == 6 ? "{\"n\":%d}\n"
                       : "{\"n\":%d,\"f\":%d.5,\"ok\":%s,\"s\":\"%c%d\",\"tags\":[\"x%d\",\"y\"],"
                         "\"in\":%d,\"no\":null,\"big\":1%03d000000007}\n",
            i * 37 % 101 - 50, i % 9, i % 3 ? "true" : "false", 'a' + i % 5, i % 20, i % 4, i % 2,
            i * 211 % 199);
    path = fuzz_file("attrs.jsonl", text, len);
    for (enum cpu_level l = CPU_PORTABLE; l <= cpu_detect(); l++)
        fuzz_good(attrs_read(&table[l], path, NULL, ROWS, l, &e), &e);
}

static bool rows_of(enum cpu_level level, const char *text, size_t len, uint64_t *bits)
{
    struct where_space space = {0};
    struct where *w = NULL;
    struct err e;
    uint64_t count;

    if (where_compile(&w, &table[level], text, len, &e) < 0) {
        FUZZ_CHECK(e.code == ERR_USAGE && strncmp(e.msg, "column ", 7) == 0);
        return false;
    }
    FUZZ_CHECK(where_run(w, &space, NULL, bits, &count, &e) == 0);
    FUZZ_CHECK(count == attrs_popcount(&table[level], bits) && count <= ROWS);
    FUZZ_CHECK(w->nodes > 0 && count <= w->node[w->nodes - 1].most);
    where_space_free(&space);
    where_free(w);
    return true;
}

static void predicate(struct fuzz_in in)
{
    uint64_t bits[LEVELS][WORDS] = {{0}}, negated[WORDS];
    char *text = fuzz_text(in), *not = fuzz_need(malloc(in.len + 7));
    bool good = rows_of(CPU_PORTABLE, text, in.len, bits[0]);

    for (enum cpu_level l = CPU_PORTABLE + 1; l <= cpu_detect(); l++) {
        FUZZ_CHECK(rows_of(l, text, in.len, bits[l]) == good);
        FUZZ_CHECK(memcmp(bits[0], bits[l], sizeof bits[0]) == 0);
    }
    memcpy(not, "not (", 5);
    memcpy(not +5, text, in.len);
    memcpy(not +5 + in.len, ")", 2);
    if (good && rows_of(CPU_PORTABLE, not, in.len + 6, negated))
        for (size_t i = 0; i < WORDS; i++)
            FUZZ_CHECK((bits[0][i] & negated[i]) == 0);
    free(text);
    free(not );
}

static void predicates(struct fuzz_in in)
{
    struct ann_predicate_file *f = NULL;
    const struct ann_predicate *p;
    uint64_t bits[WORDS];
    struct err e;
    int64_t n;

    if (ann_predicate_file_open(&f, fuzz_file("where.jsonl", in.p, in.len), &e) < 0)
        return;
    while ((n = ann_predicate_file_read(f, 3, &p, &e)) > 0)
        for (int64_t i = 0; i < n; i++)
            if (p[i].p)
                rows_of(CPU_PORTABLE, p[i].p, p[i].len, bits);
    ann_predicate_file_close(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};

    if (table[0].rows == 0)
        make_tables();
    if (fuzz_pick(&in, 2))
        predicates(in);
    else
        predicate(in);
    return 0;
}
