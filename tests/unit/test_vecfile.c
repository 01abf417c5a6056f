/* test_vecfile - names of formats, conversions, headers that lie, lines that are no rows, samples,
 * and where the count of a file is written. */
#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "t.h"
#include "tmp.h"
#include "vec/counted.h"
#include "vec/f16.h"
#include "vec/file.h"
#include "vec/sample.h"

static void names(void)
{
    T_CHECK(vec_format_of("a.fvecs") == VEC_FVECS && vec_format_of("x/y.z.NPY.zst") == VEC_NPY);
    T_CHECK(vec_format_of("a.u8bin.gz") == VEC_U8BIN && vec_format_of("a.i8bin") == VEC_I8BIN);
    T_CHECK(vec_format_of("fvecs") == VEC_AUTO && vec_format_of("a.bin") == VEC_AUTO);
    T_CHECK(vec_format_of("") == VEC_AUTO && vec_format_of("d/.csv") == VEC_AUTO);
    T_CHECK(vec_format_of("xcsv") == VEC_AUTO && vec_format_of("a.gz") == VEC_AUTO);
    T_CHECK(vec_format_of("a.jsonl") == VEC_JSONL && strcmp(vec_format_name(VEC_TSV), "tsv") == 0);
    T_CHECK(vec_format_type(VEC_NPY, VEC_I8) == VEC_I8 &&
            vec_format_type(VEC_CSV, VEC_U8) == VEC_U8);
    T_CHECK(vec_format_type(VEC_FBIN, VEC_U8) == VEC_F32);
    T_CHECK(vec_format_type(VEC_HBIN, VEC_F32) == VEC_F16);
}

/* ---- conversions, each component by the obvious rule ---- */

static bool fits(enum vec_type to, double v, double *as)
{
    static const double least[] = {0, 0, 0, -128, -2147483648.0};
    static const double most[] = {0, 0, 255, 127, 2147483647.0};

    if (isnan(v))
        return false;
    *as = rint(v);
    return *as >= least[to] && *as <= most[to];
}

static double value(enum vec_type t, const void *p, size_t i)
{
    float v;

    vec_to_f32(t, (const char *)p + i * vec_type_size(t), 1, &v);
    return (double)v;
}

static void to_integers(void)
{
    static const float edge[] = {
        -128.5f, -128.51f, -129,       -0.5f,        -0.51f,        0.5f,  1.5f, 2.5f,  127.5f,
        127.49f, 255.5f,   255.49f,    256,          1e9f,          -1e9f, 3e9f, -3e9f, INFINITY,
        NAN,     -0.0f,    2147483520, 2147483648.f, -2147483648.f, 1000,  -1000};
    float src[700];
    unsigned char dst[4 * 700];
    unsigned long long seed = 3;

    for (int round = 0; round < 3000; round++) {
        enum vec_type to = (enum vec_type)(VEC_U8 + t_rand(&seed) % 3);
        size_t n = t_rand(&seed) % 700, good = 0;
        double as = 0;
        for (size_t i = 0; i < n; i++)
            src[i] = to == VEC_I8 ? (float)(t_rand(&seed) % 2550) / 10 - 128
                                  : (float)(t_rand(&seed) % 2560) / 10 - .5f;
        if (n && t_rand(&seed) % 2)
            src[t_rand(&seed) % n] = edge[t_rand(&seed) % (sizeof edge / sizeof *edge)];
        while (good < n && fits(to, (double)src[good], &as))
            good++;
        T_CHECK(vec_convert(VEC_F32, src, to, dst, n) == good);
        for (size_t i = 0; i < good; i++) {
            fits(to, (double)src[i], &as);
            T_CHECKF(value(to, dst, i) == (double)(float)as, "%g", (double)src[i]);
        }
    }
}

static void to_floats(void)
{
    float f;
    uint16_t h, back;
    int32_t k = 16777217;
    uint8_t u = 200;
    int8_t i8;

    for (uint32_t v = 0; v < 0x10000; v++) { /* every f16 comes back */
        h = (uint16_t)v;
        if ((h & 0x7c00) == 0x7c00)
            continue;
        T_CHECK(vec_convert(VEC_F16, &h, VEC_F32, &f, 1) == 1);
        T_CHECK(vec_convert(VEC_F32, &f, VEC_F16, &back, 1) == 1 && back == h);
    }
    f = 65519.996f;
    T_CHECK(vec_convert(VEC_F32, &f, VEC_F16, &h, 1) == 1 && h == 0x7bff);
    f = 65520;
    T_CHECK(vec_convert(VEC_F32, &f, VEC_F16, &h, 1) == 0);
    T_CHECK(vec_convert(VEC_I32, &k, VEC_F32, &f, 1) == 1 && f == 16777216);
    T_CHECK(vec_convert(VEC_I32, &k, VEC_F16, &h, 1) == 0);
    T_CHECK(vec_convert(VEC_U8, &u, VEC_I8, &i8, 1) == 0);
    T_CHECK(vec_convert(VEC_U8, &u, VEC_I32, &k, 1) == 1 && k == 200);
    T_CHECK(vec_convert(VEC_F32, NULL, VEC_F32, NULL, 0) == 0);
}

/* ---- files that lie ---- */

static void refused(const char *name, const void *p, size_t len, const char *why)
{
    struct vec_read_opts o = {.raw_ids = vec_format_of(name) < VEC_CSV};
    struct vec_reader *r;
    struct err e = {0};
    float row[64];
    int64_t n;

    tmp_put(name, p, len);
    n = vec_open(&r, name, &o, &e);
    while (n == 0 && vec_reader_dim(r) <= 64 && (n = vec_read(r, row, 1, &e)) > 0)
        n = 0;
    T_CHECKF((n == ERR_INPUT || n == ERR_USAGE) && strstr(e.msg, why) && strstr(e.msg, name),
             "%s: '%s' instead of '%s'", name, e.msg, why);
    vec_close(r);
}

static void npy(const char *dict, const char *why)
{
    char b[600] = "\x93NUMPY\x01\x00";
    size_t len = strlen(dict);

    b[8] = (char)(len & 0xff);
    b[9] = (char)(len >> 8);
    memcpy(b + 10, dict, len);
    refused("x.npy", b, 10 + len + 24, why);
}

#define TAIL "'fortran_order': False, 'shape': "

static void hostile_npy(void)
{
    npy("{'descr': '<f4', " TAIL "(9223372036854775808, 2), }", "beyond");
    npy("{'descr': '<f4', " TAIL "(18446744073709551616, 2), }", "damaged");
    npy("{'descr': '<f4', " TAIL "(4, 4294967297), }", "beyond");
    npy("{'descr': '<f4', " TAIL "(4611686018427387904, 4), }", "beyond");
    npy("{'descr': '<f4', " TAIL "(3, 0), }", "beyond");
    npy("{'descr': '<f4', " TAIL "(5, 2), }", "5 rows of 2 components");
    npy("{'descr': '<f4', " TAIL "(-3, 2), }", "damaged");
    npy("{'descr': '<f4', " TAIL "(3, 2", "damaged");
    npy("{'descr': '<f4', " TAIL "3, }", "damaged");
    npy("{'descr': '<f4', " TAIL "(3, 2), 'more': 1}", "damaged");
    npy("{'descr': '<f4', 'descr': '<f4', " TAIL "(3, 2)}", "damaged");
    npy("{'descr': '<f4', " TAIL "(3, 2), 'shape': (3, 2)}", "damaged");
    npy("{'descr': '<f4', " TAIL "(3, 2), 'fortran_order': False}", "damaged");
    npy("{'descr': '<f4', 'fortran_order': False}", "damaged");
    npy("{'descr': '<f4', 'shape': (3, 2)}", "damaged");
    npy("{" TAIL "(3, 2)}", "damaged");
    npy("{'descr': '<f4', " TAIL "(3, 2)} x", "damaged");
    npy("{'descr': \"<f4', " TAIL "(3, 2)}", "damaged");
    npy("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (3, 2)}", "damaged");
    npy("", "damaged");
    npy("{", "damaged");
    npy("not a dictionary", "damaged");
    npy("{'descr': '<f4', 'fortran_order': True, 'shape': (3, 2), }", "Fortran");
    npy("{'descr': '>f4', " TAIL "(3, 2), }", "big-endian");
    npy("{'descr': '<c8', " TAIL "(3, 1), }", "'<c8'");
    npy("{'descr': '|O', " TAIL "(3, 2), }", "'|O'");
    npy("{'descr': [('a', '<f4')], " TAIL "(3, 2), }", "structure");
    npy("{'descr': '<f4', " TAIL "(), }", "no axes");
    npy("{'descr': '<f4', " TAIL "(1, 2, 3), }", "more than two");
    refused("x.npy", "\x93NUMPY\x04\x00\x10\x00\x00\x00{}", 14, "version 4.0");
    refused("x.npy", "\x93NUMPY\x02\x00\xff\xff\xff\xff{}", 14, "4294967295 bytes");
    refused("x.npy", "\x93NUMPY\x01\x00\xff\xff{}", 12, "cut short");
    refused("x.npy", "\x93NUMPX\x01\x00\x10\x00{}", 12, "not an npy");
    refused("x.npy", "\x93NUM", 4, "cut short");
    refused("x.npy", "", 0, "cut short");
}

static void hostile_binary(void)
{
    refused("x.fbin", "\xff\xff\xff\xff\xff\xff\xff\xff", 8, "no dimension");
    refused("x.fbin", "\xff\xff\xff\xff\x00\x00\x10\x00", 8, "4294967295 rows");
    refused("x.fbin", "\x01\x00\x00\x00\x00\x00\x00\x00", 8, "no dimension");
    refused("x.fbin", "\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00!", 13, "1 rows of 1");
    refused("x.u8bin", "\x01\x00\x00", 3, "cut short");
    refused("x.u8bin", "", 0, "cut short");
    refused("x.fvecs", "\x00\x00\x00\x00", 4, "no dimension");
    refused("x.fvecs", "\xff\xff\xff\xff", 4, "-1 is no dimension");
    refused("x.fvecs", "\x01\x00\x10\x00", 4, "no dimension");
    refused("x.bvecs", "\x01\x00\x00\x00!\xff\xff\xff\x7f", 9, "row 1");
    refused("x.bvecs", "\x01\x00\x00\x00!\x01\x00", 7, "row 1 is cut short");
    refused("x.bvecs", "\x01\x00\x00\x00", 4, "row 0 is cut short");
    refused("x.ivecs", "\x01\x00", 2, "row 0 is cut short");
    refused("x", "\x01\x00\x00\x00!", 5, "say which");
    refused("y", "", 0, "say which");
}

static void bad_line(const char *name, const char *text, const char *why)
{
    refused(name, text, strlen(text), why);
}

static void bad_lines(void)
{
    bad_line("x.csv", "1,2\n3,x\n", "x.csv:2: component 1 is no number: 'x'");
    bad_line("x.csv", "1,2\n3\n", "x.csv:2: dimension 1, and 2 before it");
    bad_line("x.csv", "1,2\n3,4,5\n", "x.csv:2: dimension 3");
    bad_line("x.csv", "a,b\n1,2\n3,nan\n", "x.csv:3: component 1 is no number (NaN)");
    bad_line("x.csv", "1,2\n1e39,2\n", "x.csv:2: component 0 is infinite");
    bad_line("x.csv", "1,2\n\n3,4\n", "x.csv:2: component 0 is no number: ''");
    bad_line("x.csv", "1,2,\n", "x.csv:1: component 2 is no number: ''");
    bad_line("x.csv", "1 2\n", "x.csv:1: component 0 is no number: '1 2'");
    bad_line("x.csv", "1,a\n", "x.csv:1: component 1 is no number: 'a'");
    bad_line("x.csv", "a,1\n", "x.csv:1: component 0 is no number: 'a'");
    bad_line("x.csv", "\"1\",\"2\"\n", "x.csv:1: component 0 is no number: '\"1\"'");
    bad_line("x.tsv", "1\t2\n3,4\n", "x.tsv:2: component 0 is no number: '3,4'");
    bad_line("x.jsonl", "{\"embedding\":[1]}\n{\"e\":[1]}\n", "x.jsonl:2: no field 'embedding'");
    bad_line("x.jsonl", "{\"embedding\":1}\n", "x.jsonl:1: field 'embedding' is no array");
    bad_line("x.jsonl", "{\"embedding\":[]}\n", "x.jsonl:1: the array is empty");
    bad_line("x.jsonl", "{\"embedding\":[1,null]}\n",
             "x.jsonl:1: component 1 is no number: 'null'");
    bad_line("x.jsonl", "{\"embedding\":[1,[2]]}\n", "x.jsonl:1: component 1 is no number: '[2'");
    bad_line("x.jsonl", "{\"embedding\":[NaN]}\n", "x.jsonl:1: ");
    bad_line("x.jsonl", "[1,2]\n", "x.jsonl:1: ");
}

static void good_lines(void)
{
    static const char text[] = "\xef\xbb\xbfx , y\r\n 1 , -2.5e0\r\n+3,\t4";
    static const char json[] =
        "{\"a\":{\"embedding\":[9]}, \"embedding\" : [ 1 ,\t-2.5 ] ,\"b\":[]}\n"
        "{\"embed\\u0064ing\":[3,4],\"embedding\":[5]}";
    static const float want[] = {1, -2.5f, 3, 4};
    struct vec_matrix m;
    struct err e = {0};

    tmp_put("x.csv", text, sizeof text - 1);
    T_CHECK(vec_load_f32(&m, "x.csv", NULL, 0, false, &e) ==
            ERR_INPUT); /* a tab is no blank here */
    tmp_put("x.csv", text, sizeof text - 3);
    T_CHECK(vec_load_f32(&m, "x.csv", NULL, 1, false, &e) == 0 && m.rows == 1 && m.dim == 2 &&
            memcmp(m.v, want, 8) == 0);
    vec_matrix_free(&m);
    tmp_put("x.jsonl", json, sizeof json - 1);
    T_CHECKF(vec_load_f32(&m, "x.jsonl", NULL, 0, false, &e) == 0 && m.rows == 2 && m.dim == 2 &&
                 memcmp(m.v, want, 16) == 0,
             "%s", e.msg);
    vec_matrix_free(&m);
}

/* ---- loading ---- */

static void loads(uint64_t rows, uint64_t most, const char *name)
{
    struct vec_write_opts o = {.type = VEC_F32, .dim = 1, .rows = VEC_UNKNOWN};
    struct vec_writer *w;
    struct vec_matrix m;
    struct err e = {0};
    uint64_t want = most && most < rows ? most : rows;

    T_CHECK(vec_create(&w, name, &o, &e) == 0);
    for (uint64_t i = 0; i < rows; i++) {
        float v = (float)i;
        T_CHECK(vec_write(w, &v, 1, &e) == 0);
    }
    T_CHECK(vec_commit(&w, &e) == 0);
    T_CHECK(vec_load_f32(&m, name, NULL, most, false, &e) == 0 && m.rows == want);
    for (uint64_t i = 0; i < want; i++)
        T_CHECK(m.v[i] == (float)i);
    vec_matrix_free(&m);
    T_CHECK(vec_load_f32(&m, name, NULL, most, true, &e) == 0 && m.rows == want);
    for (uint64_t i = 0; i < want; i++) /* evenly, to within a step of a stream's choice */
        T_CHECKF(fabs((double)m.v[i] - (double)(i * rows / want)) <=
                     (strstr(name, "csv") ? (double)rows / (double)want + 1 : 1),
                 "%s %llu of %llu: [%llu] is %g", name, (unsigned long long)most,
                 (unsigned long long)rows, (unsigned long long)i, (double)m.v[i]);
    vec_matrix_free(&m);
}

/* ---- samples ---- */

static void samples(void)
{
    enum { N = 20, K = 5, ROUNDS = 20000 };
    static int hits[N];
    struct vec_sample *s;
    struct err e = {0};
    uint32_t rows[N];

    for (uint32_t i = 0; i < N; i++)
        rows[i] = i * 7;
    for (uint64_t seed = 0; seed < ROUNDS; seed++) {
        T_CHECK(vec_sample_new(&s, K, 4, seed * 1000003, &e) == 0);
        vec_sample_add(s, rows, 9, &e);
        vec_sample_add(s, rows + 9, N - 9, &e);
        (seed & 1 ? vec_sample_sort : vec_sample_shuffle)(s);
        T_CHECK(vec_sample_count(s) == K);
        for (uint64_t i = 0; i < K; i++) {
            uint64_t n = vec_sample_number(s, i);
            T_CHECK(n < N && memcmp(vec_sample_row(s, i), &rows[n], 4) == 0);
            T_CHECK(i == 0 || !(seed & 1) || n > vec_sample_number(s, i - 1));
            hits[n]++;
        }
        vec_sample_free(s);
    }
    for (int i = 0; i < N; i++) /* five standard deviations */
        T_CHECKF(fabs(hits[i] - ROUNDS * .25) < 5 * sqrt(ROUNDS * .25 * .75), "%d: %d", i, hits[i]);
}

/* ---- counted files ---- */

/* What a reader of the FIFO gets from a writer that knows the header at the end only. */
static void through_pipe(size_t len, bool known)
{
    struct counted *c;
    struct err e = {0};
    unsigned char *got = malloc(len + 100), *data = malloc(len + 1);
    size_t n = 0;
    ssize_t k;
    int ends[2], status;

    for (size_t i = 0; i < len; i++)
        data[i] = (unsigned char)(i * 31 % 251);
    T_CHECK(mkfifo("fifo", 0600) == 0 && pipe(ends) == 0);
    if (fork() == 0) {
        size_t at = 0;
        if (counted_open(&c, "fifo", known ? "header!" : NULL, 7, NULL, &e) < 0)
            _exit(1);
        for (size_t step = 1; at < len; at += step, step = step * 3 % 300007)
            if (step = step < len - at ? step : len - at, counted_write(c, data + at, step, &e) < 0)
                _exit(2);
        _exit(counted_commit(&c, "header!", &e) < 0 ? 3 : 0);
    }
    int fd = open("fifo", O_RDONLY);
    while ((k = read(fd, got + n, len + 100 - n)) > 0)
        n += (size_t)k;
    close(fd);
    wait(&status);
    T_CHECK(status == 0);
    T_CHECK(n == len + 7 && memcmp(got, "header!", 7) == 0 && memcmp(got + 7, data, len) == 0);
    T_CHECK(remove("fifo") == 0);
    close(ends[0]);
    close(ends[1]);
    free(got);
    free(data);
}

static void counted_files(void)
{
    struct counted *c;
    struct err e = {0};
    struct stat st;

    through_pipe(0, false);
    through_pipe(5, false);
    through_pipe(3000000, false);
    through_pipe(3000000, true);
    T_CHECK(counted_open(&c, "whole", NULL, 300, NULL, &e) == 0);
    T_CHECK(counted_write(c, "abc", 3, &e) == 0 && stat("whole", &st) < 0);
    counted_abort(&c);
    T_CHECK(c == NULL && stat("whole", &st) < 0);
    T_CHECK(counted_open(&c, "no/such/folder", NULL, 3, NULL, &e) == ERR_IO);
    mkfifo("fifo", 0600);
    int keep = open("fifo", O_RDWR);
    T_CHECK(counted_open(&c, "fifo", NULL, 3, "no/such/folder", &e) == ERR_IO &&
            strstr(e.msg, "no/such/folder"));
    close(keep);
}

static void promises(void)
{
    struct vec_write_opts o = {.type = VEC_F32, .dim = 2, .rows = 2};
    struct vec_writer *w;
    struct err e = {0};
    float v[6] = {0};

    T_CHECK(vec_create(&w, "p.fbin", &o, &e) == 0 && vec_write(w, v, 1, &e) == 0);
    T_CHECK(vec_commit(&w, &e) == ERR_INPUT && strstr(e.msg, "2 rows were told, and 1 came"));
    T_CHECK(vec_create(&w, "p.fbin", &o, &e) == 0 && vec_write(w, v, 3, &e) == ERR_INPUT);
    vec_abort(&w);
    T_CHECK(access("p.fbin", F_OK) < 0);
    o.rows = UINT64_C(1) << 32;
    T_CHECK(vec_create(&w, "p.fbin", &o, &e) == ERR_INPUT);
    T_CHECK(vec_create(&w, "p.npy.zst", &o, &e) == ERR_USAGE &&
            vec_create(&w, "p", &o, &e) == ERR_USAGE);
    T_CHECK(vec_create(&w, "p.u8bin", &o, &e) == ERR_USAGE &&
            strstr(e.msg, "u8bin holds u8, not f32"));
}

int main(void)
{
    static const uint64_t rows[] = {0, 1, 2, 10, 100, 5000},
                          most[] = {0, 1, 3, 10, 99, 1024, 5000, 9000};

    tmp_enter();
    names();
    to_integers();
    to_floats();
    hostile_npy();
    hostile_binary();
    bad_lines();
    good_lines();
    for (size_t i = 0; i < 6; i++)
        for (size_t k = i; k < 8; k += 2) {
            loads(rows[i], most[k], "l.fvecs");
            loads(rows[i], most[k], "l.csv");
        }
    samples();
    counted_files();
    promises();
    tmp_leave();
    return t_done("test_vecfile");
}
