/* test_neigh.c - lists of neighbours: what is written is read, a list at a time and as a whole, in
 * every format; names; counts that are known at the end only.
 */
#include "t.h"
#include "tmp.h"

#include <math.h>

#include "vec/file.h"
#include "vec/neigh.h"

static const char *const file[] = {"f.tsv", "f.jsonl", "f.ivecs", "f.ibin", "f.truth"};

static void make(struct neigh *n, unsigned long long *seed)
{
    struct err e = {0};

    T_CHECK(neigh_init(n, t_rand(seed) % 12, 1 + (uint32_t)(t_rand(seed) % 6), true, &e) == 0);
    for (uint64_t q = 0; q < n->queries; q++) {
        uint32_t have = t_rand(seed) % 2 ? n->k : (uint32_t)(t_rand(seed) % (n->k + 1));
        for (uint32_t i = 0; i < have; i++) {
            n->id[q * n->k + i] = t_rand(seed) % 1000;
            n->score[q * n->k + i] = (float)(t_rand(seed) % 1000) / 8;
        }
    }
}

static void put(const struct neigh *n, const char *path, uint64_t promised)
{
    const struct neigh_write_opts o = {.path = path, .k = n->k, .queries = promised};
    struct neigh_writer *w;
    struct err e = {0};

    T_CHECKF(neigh_create(&w, &o, &e) == 0, "%s", e.msg);
    for (uint64_t q = 0; q < n->queries; q++)
        T_CHECK(neigh_write(w, n->id + q * n->k, n->score + q * n->k, 1, &e) == 0);
    T_CHECKF(neigh_commit(&w, &e) == 0, "%s", e.msg);
}

static bool same_list(const struct neigh *n, uint64_t q, const struct neigh_list *l, bool scores)
{
    uint32_t have = 0;

    while (have < n->k && n->id[q * n->k + have] != NEIGH_NONE)
        have++;
    if (l->n != have || (have && scores && !l->score))
        return false;
    for (uint32_t i = 0; i < have; i++)
        if (l->id[i] != n->id[q * n->k + i] || (scores && l->score[i] != n->score[q * n->k + i]))
            return false;
    return true;
}

static void check_stream(const struct neigh *n, int format, unsigned long long seed)
{
    bool text = format < 2, scores = text || format == 4;
    struct neigh_reader *r;
    struct neigh_list l;
    struct err e = {0};
    uint64_t q = 0;

    T_CHECKF(neigh_open(&r, file[format], NEIGH_AUTO, NULL, &e) == 0, "seed %llu: %s", seed, e.msg);
    T_CHECK(neigh_queries(r) == (text ? VEC_UNKNOWN : n->queries));
    for (; neigh_next(r, &l, &e) > 0; q++)
        T_CHECKF(q < n->queries && same_list(n, q, &l, scores), "seed %llu, %s, query %llu", seed,
                 file[format], (unsigned long long)q);
    T_CHECK(e.code == 0 && neigh_next(r, &l, &e) == 0);
    neigh_close(r);
    for (; text && q < n->queries; q++) /* text does not tell of lists at the end that are empty */
        T_CHECK(n->id[q * n->k] == NEIGH_NONE);
    T_CHECKF(q == n->queries, "seed %llu, %s", seed, file[format]);
}

static void check_load(const struct neigh *n, int format, unsigned long long seed)
{
    bool scores = format < 2 || format == 4;
    struct neigh back;
    struct err e = {0};

    T_CHECKF(neigh_load(&back, file[format], NEIGH_AUTO, &e) == 0, "seed %llu: %s", seed, e.msg);
    T_CHECK(back.queries <= n->queries && back.k <= n->k && (scores || !back.score));
    T_CHECK(format < 2 || n->queries == 0 || (back.queries == n->queries && back.k == n->k));
    for (uint64_t q = 0; q < n->queries; q++) {
        struct neigh_list l = {0};
        if (q < back.queries) {
            l.id = back.id + q * back.k;
            l.score = back.score ? back.score + q * back.k : NULL;
            while (l.n < back.k && l.id[l.n] != NEIGH_NONE)
                l.n++;
        }
        T_CHECKF(same_list(n, q, &l, scores), "seed %llu, %s, query %llu", seed, file[format],
                 (unsigned long long)q);
    }
    neigh_free(&back);
}

static void test_random(void)
{
    for (unsigned long long i = 1; i <= 30; i++) {
        unsigned long long seed = i * 7919;
        struct neigh n;

        make(&n, &seed);
        for (int f = 0; f < 5; f++) {
            put(&n, file[f], t_rand(&seed) % 2 ? n.queries : VEC_UNKNOWN);
            check_stream(&n, f, i);
            check_load(&n, f, i);
        }
        neigh_free(&n);
    }
}

/* ---- names ---- */

static bool is_name(const struct names *n, uint64_t number, const char *want, size_t len)
{
    size_t got;
    const char *p = names_of(n, number, &got);

    return got == len && memcmp(p, want, len) == 0 && p[len] == '\0';
}

static void test_names(void)
{
    static const char tsv[] =
        "0\t0\ta\\tb\\\\\\n\\r\t1\n0\t1\t12\t2\n2\t0\t\t3\n2\t1\ta\\tb\\\\\\n\\r\t4\n";
    static const char json[] = "{\"id\":\"a\\tb\\\\\\n\\r\",\"query\":0,\"rank\":0}\n"
                               "{\"query\":0,\"rank\":1,\"id\":12}\n";
    struct names *names;
    struct neigh_reader *r = NULL;
    struct neigh_list l;
    struct err e = {0};

    tmp_put("n.tsv", tsv, sizeof tsv - 1);
    tmp_put("n.jsonl", json, sizeof json - 1);
    T_CHECK(names_new(&names, &e) == 0 && neigh_open(&r, "n.tsv", NEIGH_AUTO, names, &e) == 0);
    T_CHECK(neigh_next(r, &l, &e) == 1 && l.n == 2 && l.id[0] == 0 && l.id[1] == 1);
    T_CHECK(neigh_next(r, &l, &e) == 1 && l.n == 0);
    T_CHECK(neigh_next(r, &l, &e) == 1 && l.n == 2 && l.id[0] == 2 && l.id[1] == 0);
    T_CHECK(neigh_next(r, &l, &e) == 0);
    neigh_close(r);
    T_CHECK(neigh_open(&r, "n.jsonl", NEIGH_AUTO, names, &e) == 0);
    T_CHECK(neigh_next(r, &l, &e) == 1 && l.n == 2 && l.id[0] == 0 && l.id[1] == 1 && !l.score);
    neigh_close(r);
    T_CHECK(is_name(names, 0, "a\tb\\\n\r", 6) && is_name(names, 1, "12", 2) &&
            is_name(names, 2, "", 0));
    tmp_put("n.jsonl", "{\"id\":\"\\u0000\",\"query\":0,\"rank\":0}\n", 36);
    T_CHECK(neigh_open(&r, "n.jsonl", NEIGH_AUTO, names, &e) == 0 && is_name(names, 3, "", 1));
    neigh_close(r);
    tmp_put("n.jsonl", "{\"id\":[],\"query\":0,\"rank\":0}\n", 30);
    T_CHECK(neigh_open(&r, "n.jsonl", NEIGH_AUTO, names, &e) == ERR_INPUT &&
            strstr(e.msg, "n.jsonl:1"));
    names_free(names);
    names_free(NULL);
}

static void test_many_names(void)
{
    struct names *names;
    struct err e = {0};
    uint64_t number;
    char text[24];

    T_CHECK(names_new(&names, &e) == 0);
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < 20000; i++) {
            int len = snprintf(text, sizeof text, "%d-name", i * 7919);
            T_CHECK(names_add(names, text, (size_t)len, &number, &e) == 0);
            T_CHECKF(number == (uint64_t)i, "%d", i);
            T_CHECK(is_name(names, (uint64_t)i, text, (size_t)len));
        }
    T_CHECK(names_add(names, "1-", 1, &number, &e) == 0 && number == 20000);
    T_CHECK(names_add(names, "1\0b", 3, &number, &e) == 0 && number == 20001);
    T_CHECK(names_compare(names, 20000, 20001) < 0 && names_compare(names, 20001, 0) > 0);
    T_CHECK(names_compare(names, 0, 0) == 0 && names_compare(names, 20001, 20000) > 0);
    names_free(names);
}

int main(void)
{
    tmp_enter();
    test_random();
    test_names();
    test_many_names();
    tmp_leave();
    return t_done("neigh");
}
