/* prop_zoo.c - a store of blocks against the files themselves: what comes out is what went in,
 * equal blocks are there once, near ones stand in only where they may, and damage is found.
 */
#include <math.h>
#include <sys/stat.h>

#include "../unit/t.h"
#include "../unit/tmp.h"
#include "base/hash.h"
#include "base/map.h"
#include "vec/file.h"
#include "vec/zoo.h"

static unsigned long long seed = 1;

static uint32_t below(uint32_t n)
{
    return (uint32_t)(t_rand(&seed) >> 33) % n;
}

/* Is the file this? */
static bool holds(const char *path, const void *p, size_t len)
{
    struct map m;
    struct err e;
    bool same = map_open(&m, path, &e) == 0 && m.len == len && memcmp(m.p, p, len) == 0;

    map_close(&m);
    return same;
}

/* ---- exact ---- */

enum { MODELS = 12, BLOCKS = 9, KINDS = 14, LONGEST = 40 };

/* What a kind of block holds: some are empty, or begin alike. */
static size_t content(uint32_t kind, unsigned char *p)
{
    size_t len = kind == 0 ? 0 : 1 + kind % 5 * 9;

    for (size_t i = 0; i < len; i++)
        p[i] = (unsigned char)(i + 1 < len ? 7 : kind);
    return len;
}

/* Models of blocks of a few kinds into a store with short hashes, and out again. */
static void try_exact(int hash_bits)
{
    bool seen[KINDS] = {false};
    uint32_t kind[MODELS][BLOCKS], blocks[MODELS];
    struct zoo z;
    struct err e = {0};
    unsigned char p[LONGEST];
    char name[64];
    size_t kinds = 0;

    T_CHECKF(zoo_open(&z, "exact", true, &e) == 0, "%s", e.msg);
    z.hash_bits = hash_bits;
    for (uint32_t m = 0; m < MODELS; m++) {
        struct zoo_added sum;
        uint64_t fresh = 0, bytes = 0;

        snprintf(name, sizeof name, "m%u", m);
        mkdir(name, 0777);
        blocks[m] = 1 + below(BLOCKS);
        for (uint32_t b = 0; b < blocks[m]; b++) {
            uint32_t k = kind[m][b] = below(KINDS);
            size_t len = content(k, p);

            snprintf(name, sizeof name, "m%u/b%u", m, b);
            tmp_put(name, p, len);
            bytes += len;
            fresh += seen[k] ? 0 : len;
            kinds += !seen[k];
            seen[k] = true;
        }
        snprintf(name, sizeof name, "m%u%s", m, below(2) ? "/" : "");
        T_CHECKF(zoo_add(&z, name, 2, &sum, &e) == 0, "%s", e.msg);
        T_CHECK(sum.blocks == blocks[m] && sum.bytes == bytes && sum.new_bytes == fresh &&
                sum.near == 0);
        T_CHECK(zoo_add(&z, name, 2, &sum, &e) == ERR_USAGE);
    }
    T_CHECKF(z.objects == kinds, "%zu objects of %zu kinds", z.objects, kinds);
    T_CHECK(zoo_check(&z, &e) == 0);
    zoo_close(&z);
    T_CHECK(zoo_open(&z, "exact", false, &e) == 0);
    z.hash_bits = hash_bits;
    T_CHECK(z.models == MODELS && z.objects == kinds && zoo_check(&z, &e) == 0);
    for (uint32_t m = 0; m < MODELS; m++) {
        snprintf(name, sizeof name, "m%u", m);
        T_CHECKF(zoo_get(&z, name, "out", &e) == 0, "%s", e.msg);
        T_CHECK(zoo_get(&z, name, "out", &e) == ERR_IO);
        for (uint32_t b = 0; b < blocks[m]; b++) {
            size_t len = content(kind[m][b], p);

            snprintf(name, sizeof name, "out/b%u", b);
            T_CHECK(holds(name, p, len));
            remove(name);
        }
        T_CHECK(rmdir("out") == 0);
    }
    T_CHECK(zoo_get(&z, "none", "out", &e) == ERR_USAGE);
    zoo_close(&z);
    T_CHECK(system("rm -r exact m*") == 0);
}

/* ---- near ---- */

static float normal(void)
{
    double u = ((double)(t_rand(&seed) >> 11) + 1) * 0x1p-53;

    return (float)(sqrt(-2 * log(u)) * cos(2 * M_PI * below(1 << 30) * 0x1p-30));
}

static void put_npy(const char *name, const float *v, uint64_t rows, uint32_t dim)
{
    struct vec_write_opts o = {.format = VEC_NPY, .type = VEC_F32, .dim = dim, .rows = rows};
    struct vec_writer *w;
    struct err e;

    T_CHECK(vec_create(&w, name, &o, &e) == 0 && vec_write(w, v, rows, &e) == 0 &&
            vec_commit(&w, &e) == 0);
}

static double cosine(const float *x, const float *y, size_t n)
{
    double xy = 0, xx = 0, yy = 0;

    for (size_t i = 0; i < n; i++) {
        xy += (double)x[i] * y[i];
        xx += (double)x[i] * x[i];
        yy += (double)y[i] * y[i];
    }
    return xy / sqrt(xx * yy);
}

enum { NEAR_MOST = 40000 };
static float base[NEAR_MOST], other[NEAR_MOST], far[NEAR_MOST];

/* A base, one that is far from it, and one with so much noise, of which only one part may have it.
 */
static void try_near(uint64_t rows, uint32_t dim, float noise, double bound)
{
    size_t n = (size_t)rows * dim;
    const struct zoo_model *m;
    struct zoo_added sum;
    struct zoo z;
    struct err e = {0};
    double c;

    for (size_t i = 0; i < n; i++) {
        base[i] = normal();
        far[i] = normal();
        other[i] = base[i] + (i > n / 4 ? noise * normal() : 0);
    }
    put_npy("base.npy", base, rows, dim);
    put_npy("far.npy", far, rows, dim);
    put_npy("other.npy", other, rows, dim);
    put_npy("flat.npy", other, 1, (uint32_t)n); /* another shape */
    c = cosine(base, other, n);
    T_CHECKF(zoo_open(&z, "near", true, &e) == 0, "%s", e.msg);
    T_CHECK(zoo_add(&z, "base.npy", bound, &sum, &e) == 0 && sum.near == 0);
    T_CHECK(zoo_add(&z, "far.npy", bound, &sum, &e) == 0 && sum.near == 0 && z.objects == 2);
    T_CHECK(zoo_add(&z, "other.npy", bound, &sum, &e) == 0);
    T_CHECKF(sum.near == (c > bound), "%g %g", c, bound);
    T_CHECK(sum.new_bytes == (c > bound ? 0 : sum.bytes));
    m = zoo_find(&z, "other.npy");
    T_CHECK(m && fabs(m->block[0].cosine - (c > bound ? c : 1)) < 1e-9);
    if (c > bound)
        T_CHECK(strcmp(m->block[0].object, zoo_find(&z, "base.npy")->block[0].object) == 0);
    T_CHECK(rows == 1 || (zoo_add(&z, "flat.npy", bound, &sum, &e) == 0 && sum.near == 0));
    zoo_close(&z);
    T_CHECK(zoo_open(&z, "near", false, &e) == 0 && zoo_check(&z, &e) == 0);
    m = zoo_find(&z, "other.npy");
    T_CHECK(m && fabs(m->block[0].cosine - (c > bound ? c : 1)) < 1e-8);
    zoo_close(&z);
    /* Not asked for: nothing stands in. */
    T_CHECK(system("rm -r near") == 0 && zoo_open(&z, "near", true, &e) == 0);
    T_CHECK(zoo_add(&z, "base.npy", 2, &sum, &e) == 0);
    T_CHECK(zoo_add(&z, "other.npy", 2, &sum, &e) == 0 && sum.near == 0 && z.objects == 2);
    zoo_close(&z);
    T_CHECK(system("rm -r near") == 0);
}

/* What is as long again has a cosine of 1, and is another all the same. */
static void try_longer(void)
{
    struct zoo_added sum;
    struct zoo z;
    struct err e = {0};

    for (size_t i = 0; i < 100; i++)
        other[i] = 2 * (base[i] = normal());
    put_npy("base.npy", base, 10, 10);
    put_npy("other.npy", other, 10, 10);
    T_CHECK(zoo_open(&z, "near", true, &e) == 0);
    T_CHECK(zoo_add(&z, "base.npy", 0.98, &sum, &e) == 0 && sum.near == 0);
    T_CHECK(zoo_add(&z, "other.npy", 0.98, &sum, &e) == 0 && sum.near == 1);
    zoo_close(&z);
    T_CHECK(zoo_open(&z, "near", false, &e) == 0);
    T_CHECK(zoo_find(&z, "base.npy")->block[0].cosine == 1);
    T_CHECK(zoo_find(&z, "other.npy")->block[0].cosine < 1);
    zoo_close(&z);
    T_CHECK(system("rm -r near") == 0);
}

/* ---- damage ---- */

/* One byte of the file is another, or it is shorter: opening or checking says so. */
static void try_damage(const char *path)
{
    struct map m;
    struct err e = {0};
    unsigned char p[4096];
    size_t len;

    T_CHECK(map_open(&m, path, &e) == 0 && m.len > 0 && m.len < sizeof p);
    len = m.len;
    memcpy(p, m.p, len);
    map_close(&m);
    for (size_t i = 0; i < 2 * len; i += 1 + below(9)) {
        size_t at = i / 2;
        unsigned char bit = (unsigned char)(1 << below(8));
        struct zoo z;
        int rc;

        p[at] ^= bit;
        tmp_put(path, p, i % 2 ? at : len);
        p[at] ^= bit;
        rc = zoo_open(&z, "store", false, &e);
        if (rc == 0)
            rc = zoo_check(&z, &e);
        T_CHECKF(rc == ERR_CORRUPT || rc == ERR_INPUT, "%s, byte %zu: %d", path, at, rc);
        zoo_close(&z);
    }
    tmp_put(path, p, len);
}

/* Lists whose checksum is theirs, but not what is in them. */
static void try_lists(void)
{
    static const char *const text[] = {"no tabs\n",
                                       "\n",
                                       "0123456789abcdef\t1\n",
                                       "0123456789abcdef\t1\t1\n",
                                       "0123456789abcdef\t1\t1\t\n",
                                       "0123456789abcdef\tx\t1\tname\n",
                                       "0123456789abcdef\t1\tx\tname\n",
                                       "0123456789abcdef\t1\t1\t../name\n",
                                       "0123456789abcdeg\t1\t1\tname\n",
                                       "0123456789abcdef\t1\t1\tname\nno tabs\n",
                                       "0123456789abcdef\t1\t1\tname\n"};
    enum { LISTS = sizeof text / sizeof *text };

    for (int i = 0; i < LISTS; i++) {
        struct zoo z;
        struct err e = {0};
        char list[200];
        int rc;

        snprintf(list, sizeof list, "%s# %016llx\n", text[i],
                 (unsigned long long)hash64(text[i], strlen(text[i])));
        tmp_put("store/models/list", list, strlen(list));
        rc = zoo_open(&z, "store", false, &e);
        if (i + 1 == LISTS) { /* that one is, and has no object */
            T_CHECK(rc == 0 && zoo_check(&z, &e) == ERR_CORRUPT);
            T_CHECKF(strstr(e.msg, "store/models/list"), "%s", e.msg);
            e.msg[0] = 0;
            T_CHECK(zoo_get(&z, "list", "out", &e) == ERR_CORRUPT);
            T_CHECKF(strstr(e.msg, "store/models/list"), "%s", e.msg);
        } else
            T_CHECKF(rc == ERR_CORRUPT, "list %d: %d", i, rc);
        zoo_close(&z);
    }
    remove("store/models/list");
}

static void try_all_damage(void)
{
    struct zoo z;
    struct zoo_added sum;
    struct err e = {0};
    char path[100];

    mkdir("model", 0777);
    tmp_put("model/one", "some bytes of a block", 21);
    tmp_put("model/two", "others", 6);
    T_CHECK(zoo_open(&z, "store", true, &e) == 0 && zoo_add(&z, "model", 2, &sum, &e) == 0);
    snprintf(path, sizeof path, "store/objects/%s", z.object[0].name);
    zoo_close(&z);
    try_damage(path);
    T_CHECK(system("rm -r store") == 0);
    T_CHECK(zoo_open(&z, "store", true, &e) == 0 && zoo_add(&z, "model", 2, &sum, &e) == 0);
    zoo_close(&z);
    try_lists();
    try_damage("store/models/model");
    T_CHECK(system("rm -r store model") == 0);
}

int main(void)
{
    static const int bits[] = {64, 1, 3};
    static const float noise[] = {0.01F, 0.15F, 0.22F, 0.3F, 1};

    tmp_enter();
    for (int i = 0; i < 3; i++)
        try_exact(bits[i % 3]);
    for (size_t i = 0; i < sizeof noise / sizeof *noise; i++) {
        try_near(100, 399, noise[i], 0.98);
        try_near(1, 1000, noise[i], 0.98);
        try_near(7, 3, noise[i], 0.9);
    }
    try_longer();
    try_all_damage();
    tmp_leave();
    return t_done("prop_zoo");
}
