/* test_ef.c - lib/fm/ef.c and the packed arrays below it: what is encoded is read back, a count is
 * what a scan counts, and damage stays inside.
 */
#include "t.h"

#include "fm/bits.h"
#include "fm/ef.h"

static unsigned long long seed = 11;

static uint64_t below(uint64_t n)
{
    return t_rand(&seed) % n;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* The encoding in memory of its own, without a byte to spare: ASan sees a read past it. */
static unsigned char *encode(const uint64_t *v, uint64_t n, uint64_t universe)
{
    struct spool out = {0};
    struct err e = {0};
    unsigned char *p;

    T_CHECK(spool_add(&out, "already there", 13, &e) == 0); /* it is appended */
    T_CHECK(ef_encode(v, n, universe, &out, &e) == 0);
    T_CHECK(out.len == 13 + ef_bytes(n, universe) && memcmp(out.p, "already there", 13) == 0);
    p = malloc(out.len - 13);
    if (!p)
        abort();
    memcpy(p, out.p + 13, out.len - 13);
    spool_free(&out);
    return p;
}

static uint64_t scan(const uint64_t *v, uint64_t n, uint64_t x)
{
    uint64_t k = 0;

    while (k < n && v[k] <= x)
        k++;
    return k;
}

/* v[0..n), sorted, below universe. */
static void check(const uint64_t *v, uint64_t n, uint64_t universe, const char *what)
{
    unsigned char *p = encode(v, n, universe);
    uint64_t wrong = 0, bytes = ef_bytes(n, universe), floor_log = 0;
    struct ef f;

    ef_view(&f, p, n, universe);
    for (uint64_t i = 0; i < n; i++)
        wrong += ef_get(&f, i) != v[i];
    T_CHECKF(wrong == 0, "%s: %llu of %llu", what, (unsigned long long)wrong,
             (unsigned long long)n);
    wrong = ef_count_to(&f, 0) != scan(v, n, 0);
    wrong += ef_count_to(&f, universe) != n;
    wrong += ef_count_to(&f, UINT64_MAX) != n;
    for (int trial = 0; trial < 300; trial++) {
        uint64_t x = trial % 2 || n == 0 ? below(universe + 1) : v[below(n)] + below(3) - 1;
        if (x <= universe)
            wrong += ef_count_to(&f, x) != scan(v, n, x);
    }
    T_CHECKF(wrong == 0, "%s: %llu counts", what, (unsigned long long)wrong);
    while (n && universe / n >> (floor_log + 1))
        floor_log++;
    T_CHECKF(bytes % 8 == 0 && bytes * 8 <= n * (floor_log + 4) + n / 4 + 320, "%s: %llu bytes",
             what, (unsigned long long)bytes);
    free(p);
}

static void random_sorted(uint64_t *v, uint64_t n, uint64_t universe)
{
    for (uint64_t i = 0; i < n; i++)
        v[i] = below(universe);
    qsort(v, n, sizeof *v, by_value);
}

static void test_shapes(void)
{
    static const uint64_t lengths[] = {0, 1, 2, 63, 64, 65, 255, 256, 257, 511, 512, 513, 3000};
    static const uint64_t universes[] = {
        1, 2, 3, 64, 255, 256, 257, 4096, 65537, 1u << 20, UINT64_C(1) << 40};
    static uint64_t v[3000];
    char what[80];

    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++)
        for (size_t u = 0; u < sizeof universes / sizeof *universes; u++) {
            uint64_t n = lengths[l], universe = universes[u];
            snprintf(what, sizeof what, "n %llu universe %llu", (unsigned long long)n,
                     (unsigned long long)universe);
            random_sorted(v, n, universe);
            check(v, n, universe, what);
            for (uint64_t i = 0; i < n; i++) /* all the same, the largest */
                v[i] = universe - 1;
            check(v, n, universe, what);
            for (uint64_t i = 0; i < n; i++) /* none, then a jump over the whole universe */
                v[i] = i < n / 2 ? 0 : universe - 1;
            check(v, n, universe, what);
        }
}

static void test_dense_and_runs(void)
{
    static uint64_t v[20000];
    uint64_t n = 20000, at = 0;

    for (uint64_t i = 0; i < n; i++)
        v[i] = i;
    check(v, n, n, "every number");
    check(v, n, n + 1, "every number but the last");
    check(v, n, n * 1000, "every number, then nothing");
    for (uint64_t i = 0; i < n; i++)
        v[i] = i / 300 * 77;
    check(v, n, 77 * 67, "repeated");
    for (uint64_t i = 0; i < n; i++) /* runs of neighbours, far apart */
        v[i] = at += below(40) ? 1 : below(1u << 24);
    check(v, n, at + 1, "runs");
}

static void test_size(void)
{
    /* 2 bits and a low half of 10 a number, 64 bits for every 256; see ef.h */
    T_CHECK(ef_bytes(1024, 1u << 20) == 1288 + 264 + 40);
    T_CHECK(ef_bytes(0, 0) == 16 && ef_bytes(0, UINT64_C(1) << 40) == 16);
}

static void read_damaged(const unsigned char *p, uint64_t n, uint64_t universe, const char *what,
                         size_t at)
{
    struct ef f;
    uint64_t outside = 0;

    ef_view(&f, p, n, universe);
    for (uint64_t i = 0; i < n; i++)
        outside += ef_get(&f, i) >= universe;
    for (int trial = 0; trial < 8; trial++)
        outside += ef_count_to(&f, below(universe + 1)) > n;
    T_CHECKF(outside == 0, "%s byte %zu", what, at);
}

static void damage(uint64_t n, uint64_t universe, const char *what)
{
    static uint64_t v[700];
    unsigned char *p;
    size_t len = ef_bytes(n, universe);

    random_sorted(v, n, universe);
    p = encode(v, n, universe);
    for (size_t i = 0; i < len; i++)
        for (int bit = -1; bit < 8; bit += 3) { /* all bits, then one */
            unsigned char old = p[i];
            p[i] ^= bit < 0 ? 0xff : (unsigned char)(1u << bit);
            read_damaged(p, n, universe, what, i);
            p[i] = old;
        }
    for (int fill = 0; fill < 256; fill += 51) {
        memset(p, fill, len);
        read_damaged(p, n, universe, what, (size_t)fill);
    }
    for (int trial = 0; trial < 200; trial++) {
        for (size_t i = 0; i < len; i++)
            p[i] = (unsigned char)below(256);
        read_damaged(p, n, universe, what, (size_t)trial);
    }
    free(p);
}

static void test_damage(void)
{
    damage(1, 1, "damaged, one");
    damage(5, 1000, "damaged, few");
    damage(300, 200, "damaged, dense");
    damage(600, UINT64_C(1) << 40, "damaged, sparse");
}

static void test_packed(void)
{
    for (unsigned bits = 1; bits <= PACKED_MAX_BITS; bits++) {
        enum { N = 200 };
        uint64_t v[N], wrong = 0;
        unsigned char *p = calloc(packed_bytes(N, bits), 1);
        if (!p)
            abort();
        for (size_t i = 0; i < N; i++) {
            v[i] = t_rand(&seed) >> (64 - bits);
            packed_set(p, i, bits, v[i]);
        }
        for (size_t i = 0; i < N; i++)
            wrong += packed_get(p, i, bits) != v[i];
        T_CHECKF(wrong == 0, "%u bits", bits);
        T_CHECK(bits_for((UINT64_C(1) << bits) - 1) == bits);
        T_CHECK(bits_for(UINT64_C(1) << bits) == bits + 1);
        free(p);
    }
    T_CHECK(bits_for(0) == 1 && bits_for(1) == 1 && bits_for(UINT64_MAX) == 64);
}

static void test_word_select(void)
{
    for (int trial = 0; trial < 1000; trial++) {
        uint64_t w = t_rand(&seed) & (trial % 2 ? t_rand(&seed) : ~UINT64_C(0));
        unsigned k = 0, wrong = 0;
        for (unsigned i = 0; i < 64; i++)
            if (w >> i & 1)
                wrong += word_select(w, k++) != i;
        T_CHECKF(wrong == 0, "%llx", (unsigned long long)w);
    }
    T_CHECK(word_select(UINT64_MAX, 63) == 63 && word_select(UINT64_C(1) << 63, 0) == 63);
}

int main(void)
{
    test_packed();
    test_word_select();
    test_shapes();
    test_dense_and_runs();
    test_size();
    test_damage();
    return t_done("ef");
}
