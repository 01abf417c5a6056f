/* prop_suit.c - graphs made to suit a sample of queries (graph_suit.h): the first links of a row
 * are those it is found together with most often, and walks begin at rows that answer many, both
 * counted anew from searches of the graph as it was; everything can be reached; the same bytes for
 * any number of threads and on every level; samples that are empty, alone, or all the same.
 */
#include "ann_data.h"

#include "ann/graph.h"
#include "ann/kind.h"

enum { ROWS = 3000, DIM = 20, QUERIES = 300, DEGREE = 16, BEAM = 40, TOP = 10, LIST = 32 };

static struct ann_build_opts opts(const float *q, uint64_t n, int threads, enum cpu_level cpu)
{
    return (struct ann_build_opts){.degree = DEGREE,
                                   .beam = BEAM,
                                   .codec = "int8",
                                   .no_vectors = true,
                                   .queries = q,
                                   .n_queries = n,
                                   .threads = threads,
                                   .cpu = cpu};
}

/* together[a][b]: how many queries have both among their TOP. */
static uint16_t (*count(const uint64_t *id))[ROWS]
{
    uint16_t(*together)[ROWS] = data_need(calloc(ROWS, sizeof *together));

    for (size_t q = 0; q < QUERIES; q++)
        for (size_t a = 0; a < TOP; a++)
            for (size_t b = 0; b < TOP; b++)
                together[id[q * LIST + a]][id[q * LIST + b]] += a != b;
    return together;
}

static void try_links(const struct graph *g, uint16_t (*together)[ROWS])
{
    for (uint32_t row = 0; row < ROWS; row++) {
        uint32_t some = 0, given, last = UINT32_MAX;

        for (uint32_t b = 0; b < ROWS; b++)
            some += together[row][b] > 0;
        given = some < DEGREE / 4 ? some : DEGREE / 4;
        for (uint32_t i = 0; i < given; i++) {
            uint32_t times = together[row][graph_link(g, row, i)], more = 0;

            T_CHECKF(times > 0 && times <= last, "link %u of row %u: %u times", i, row, times);
            last = times;
            for (uint32_t b = 0; b < ROWS; b++)
                more += together[row][b] > times;
            T_CHECKF(more <= i, "%u rows come before link %u of row %u", more, i, row);
        }
        for (uint32_t i = 0; i < DEGREE; i++)
            for (uint32_t j = 0; j < i; j++)
                T_CHECK(graph_link(g, row, i) != graph_link(g, row, j) ||
                        graph_link(g, row, i) == row);
    }
}

/* Each entry behind the first ones covers most of what was left. */
static void try_entries(const struct graph *g, uint32_t had, const uint64_t *id)
{
    static bool covered[QUERIES];

    memset(covered, 0, sizeof covered);
    T_CHECK(g->n_entries > had);
    for (uint32_t i = 0; i < g->n_entries; i++) {
        static uint32_t in[ROWS];
        uint32_t most = 0;

        memset(in, 0, sizeof in);
        for (size_t q = 0; q < QUERIES; q++)
            for (size_t k = 0; k < LIST && !covered[q]; k++)
                in[id[q * LIST + k]]++;
        for (uint32_t r = 0; r < ROWS; r++)
            most = in[r] > most ? in[r] : most;
        if (i >= had)
            T_CHECKF(in[g->entries[i]] == most, "entry %u is in %u lists, another in %u", i,
                     in[g->entries[i]], most);
        for (size_t q = 0; q < QUERIES; q++)
            for (size_t k = 0; k < LIST; k++)
                covered[q] |= id[q * LIST + k] == g->entries[i];
    }
}

static void try_counts(const struct ann_base *b, const float *q)
{
    struct ann_build_opts plain = opts(NULL, 0, 2, cpu_detect());
    struct ann_build_opts suited = opts(q, QUERIES, 2, cpu_detect());
    struct ann_search_opts so = {.k = LIST, .effort = BEAM, .threads = 2};
    uint64_t *id = data_need(malloc(QUERIES * LIST * sizeof *id));
    float *score = data_need(malloc(QUERIES * LIST * sizeof *score));
    uint16_t(*together)[ROWS];
    struct ann *was, *is;
    struct err e = {0};

    ann_make("plain.ann", b, &plain);
    ann_make("suited.ann", b, &suited);
    was = ann_need("plain.ann", cpu_detect());
    is = ann_need("suited.ann", cpu_detect());
    T_CHECK(ann_search(was, &so, q, QUERIES, id, score, NULL, &e) == 0);
    together = count(id);
    try_links(is->state, together);
    try_entries(is->state, ((const struct graph *)was->state)->n_entries, id);
    T_CHECKF(ann_check(is, &e) == 0, "%s", e.msg);
    ann_close(was);
    ann_close(is);
    free(together);
    free(id);
    free(score);
}

static bool same(const char *a, const char *b)
{
    FILE *f = data_need(fopen(a, "rb")), *g = data_need(fopen(b, "rb"));
    int x, y;

    do {
        x = getc(f);
        y = getc(g);
    } while (x == y && x != EOF);
    fclose(f);
    fclose(g);
    return x == y;
}

static void try_same(const struct ann_base *b, const float *q)
{
    static const int threads[] = {1, 7};

    for (size_t i = 0; i < 2; i++)
        for (int cpu = CPU_PORTABLE; cpu <= (int)cpu_detect(); cpu++) {
            struct ann_build_opts o = opts(q, QUERIES, threads[i], (enum cpu_level)cpu);

            ann_make("other.ann", b, &o);
            T_CHECKF(same("suited.ann", "other.ann"), "%d threads, level %d", threads[i], cpu);
        }
}

/* Few rows, few queries, the same query again and again: every row is found. */
static void try_small(const struct ann_base *b, const float *q)
{
    for (size_t rows = 0; rows < 100; rows = 3 * rows + 1)
        for (size_t n = 0; n < 90; n = 5 * n + 1) {
            struct ann_base few = *b;
            struct ann_build_opts o = opts(q, n, 2, cpu_detect());
            struct ann_search_opts so = {.k = 100};
            float *same_query = data_need(malloc(90 * DIM * sizeof(float))), score[100];
            uint64_t id[100], found = 0;
            struct err e = {0};
            struct ann *a;

            for (size_t i = 0; i < 90; i++)
                memcpy(same_query + i * DIM, q, DIM * sizeof(float));
            few.rows.rows = rows;
            o.queries = same_query;
            ann_make("few.ann", &few, &o);
            a = ann_need("few.ann", cpu_detect());
            T_CHECKF(ann_check(a, &e) == 0, "%s", e.msg);
            T_CHECK(ann_search(a, &so, q, 1, id, score, NULL, &e) == 0);
            for (size_t i = 0; i < 100; i++)
                found += id[i] != NEIGH_NONE;
            T_CHECKF(found == rows, "%llu of %zu rows", (unsigned long long)found, rows);
            ann_close(a);
            free(same_query);
        }
}

int main(void)
{
    struct ann_base b = ann_base_of(DATA_NORMAL, VEC_F32, ROWS, DIM);
    float *q = data_make(DATA_NORMAL, QUERIES, DIM);

    tmp_enter();
    for (size_t i = 0; i < QUERIES * DIM; i++) /* in heaps, far from the rows */
        q[i] = q[i] / 4 + (i % DIM == i / DIM % 5 ? 3.0F : 0.0F);
    try_counts(&b, q);
    try_same(&b, q);
    try_small(&b, q);
    free(q);
    ann_base_free(&b);
    tmp_leave();
    return t_done("suit");
}
