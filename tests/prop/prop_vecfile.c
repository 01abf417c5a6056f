/* prop_vecfile - vector files of every format: what the library reads is what a slow writer put
 * there, what it writes is what that writer would have written; cut and damaged files are errors,
 * never crashes. The slow side knows nothing of the library: bytes one at a time, printf, strtof.
 */
#include <math.h>
#include <stdint.h>

#include "../unit/t.h"
#include "../unit/tmp.h"
#include "vec/file.h"

static unsigned long long seed = 20261125;

static uint64_t below(uint64_t n)
{
    return t_rand(&seed) % n;
}

/* ---- the slow side ---- */

struct bytes {
    unsigned char p[1 << 20];
    size_t len;
};

static void put(struct bytes *b, uint64_t v, int n)
{
    for (int i = 0; i < n; i++)
        b->p[b->len++] = (unsigned char)(v >> 8 * i);
}

/* Rows as numbers of every type, so that each format can say them in its own way. */
struct table {
    enum vec_format format;
    enum vec_type type;
    uint32_t dim;
    uint64_t rows;
    unsigned char *v; /* rows * dim components of `type`, as the library hands them out */
};

static int size_of(enum vec_type t)
{
    return t == VEC_F32 || t == VEC_I32 ? 4 : t == VEC_F16 ? 2 : 1;
}

static uint64_t raw(const struct table *t, uint64_t i)
{
    uint64_t v = 0;

    memcpy(&v, t->v + i * (uint64_t)size_of(t->type), (size_t)size_of(t->type));
    return v;
}

/* Finite, all magnitudes, some of them special. */
static uint32_t random_bits(enum vec_type type)
{
    static const uint32_t special[] = {0,          0x80000000, 1,          0x7fffff,  0x800000,
                                       0x7f7fffff, 0xff7fffff, 0x3f800000, 0x4b7fffff};
    uint32_t v = (uint32_t)t_rand(&seed);

    if (type == VEC_F16)
        return (v & 0x7c00) == 0x7c00 ? v & 0x83ff : v & 0xffff;
    if (type != VEC_F32)
        return v;
    if (below(8) == 0)
        return special[below(sizeof special / sizeof *special)];
    if (below(2))
        return (v & 0x807fffff) | (uint32_t)(120 + below(12)) << 23;
    return (v & 0x7f800000) == 0x7f800000 ? v & 0x807fffff : v;
}

static struct table make_table(enum vec_format f, enum vec_type type)
{
    struct table t = {f, type, (uint32_t)(1 + below(40)), below(60), NULL};

    if (below(10) == 0)
        t.dim = (uint32_t)(1 + below(900));
    if (below(10) == 0)
        t.rows = 0;
    t.v = malloc(t.rows * t.dim * 4 + 4);
    for (uint64_t i = 0; i < t.rows * t.dim; i++) {
        uint32_t bits = random_bits(type);
        memcpy(t.v + i * (uint64_t)size_of(type), &bits, (size_t)size_of(type));
    }
    return t;
}

static const char *npy_name(enum vec_type t)
{
    static const char *const name[] = {"<f4", "<f2", "|u1", "|i1", "<i4"};

    return name[t];
}

static void slow_npy(const struct table *t, struct bytes *b)
{
    char dict[119], text[119];
    int n = snprintf(text, sizeof text,
                     "{'descr': '%s', 'fortran_order': False, 'shape': (%llu, %u), }",
                     npy_name(t->type), (unsigned long long)t->rows, t->dim);

    memset(dict, ' ', sizeof dict);
    memcpy(dict, text, (size_t)n);
    dict[117] = '\n';
    memcpy(b->p, "\x93NUMPY\x01\x00\x76\x00", 10);
    memcpy(b->p + 10, dict, 118);
    b->len = 128;
}

static void slow_text(const struct table *t, struct bytes *b)
{
    bool json = t->format == VEC_JSONL;

    for (uint64_t i = 0; i < t->rows; i++) {
        char *p = (char *)b->p + b->len;
        p += sprintf(p, "%s", json ? "{\"id\": 7, \"embedding\": [" : "");
        for (uint32_t k = 0; k < t->dim; k++) {
            uint32_t bits = (uint32_t)raw(t, i * t->dim + k);
            float v;
            memcpy(&v, &bits, 4);
            p += t->type == VEC_I32 ? sprintf(p, "%d", (int32_t)bits)
                                    : sprintf(p, below(2) ? "%.9g" : "%.17g", (double)v);
            *p++ = t->format == VEC_TSV ? '\t' : ',';
        }
        p += sprintf(p - 1, "%s", json ? "]}\n" : "\n") - 1;
        b->len = (size_t)(p - (char *)b->p);
    }
}

static void slow_bytes(const struct table *t, struct bytes *b)
{
    b->len = 0;
    if (t->format >= VEC_CSV) {
        slow_text(t, b);
        return;
    }
    if (t->format == VEC_NPY)
        slow_npy(t, b);
    else if (t->format >= VEC_FBIN)
        put(b, t->rows, 4), put(b, t->dim, 4);
    for (uint64_t i = 0; i < t->rows * t->dim; i++) {
        if (t->format <= VEC_IVECS && i % t->dim == 0)
            put(b, t->dim, 4);
        put(b, raw(t, i), size_of(t->type));
    }
}

static size_t slurp(const char *name, struct bytes *b)
{
    FILE *f = fopen(name, "rb");

    b->len = f ? fread(b->p, 1, sizeof b->p, f) : 0;
    if (f)
        fclose(f);
    return b->len;
}

/* ---- comparing ---- */

static bool holds_type(enum vec_format f, enum vec_type type)
{
    static const enum vec_type only[] = {0,       VEC_F32, VEC_U8, VEC_I32, VEC_F32,
                                         VEC_F16, VEC_U8,  VEC_I8, VEC_I32};

    return f == VEC_NPY || (f >= VEC_CSV ? type == VEC_F32 || type == VEC_I32 : only[f] == type);
}

/* From row `from` on, in calls of random sizes. */
static void check_rows(struct vec_reader *r, const struct table *t, uint64_t from)
{
    size_t row = t->dim * (size_t)size_of(t->type);
    unsigned char *got = malloc(t->rows * row + row);
    struct err e = {0};
    uint64_t at = from;
    int64_t n;

    do {
        uint64_t want = 1 + below(20);
        T_CHECK(vec_reader_next(r) == at);
        n = vec_read(r, got + at * row, want < t->rows + 1 - at ? want : t->rows + 1 - at, &e);
        at += n > 0 ? (uint64_t)n : 0;
    } while (n > 0 && at <= t->rows);
    T_CHECKF(n == 0 && at == t->rows, "%s %s: row %llu of %llu: %s", vec_format_name(t->format),
             vec_type_name(t->type), (unsigned long long)at, (unsigned long long)t->rows, e.msg);
    T_CHECKF(memcmp(got + from * row, t->v + from * row, (t->rows - from) * row) == 0, "%s %s",
             vec_format_name(t->format), vec_type_name(t->type));
    free(got);
}

static void check_reading(const struct table *t, const char *name)
{
    struct vec_read_opts o = {.raw_ids = t->type == VEC_I32};
    struct vec_reader *r;
    struct vec_rows m;
    struct err e = {0};

    T_CHECKF(vec_open(&r, name, &o, &e) == 0, "%s: %s", name, e.msg);
    if (!r)
        return;
    T_CHECK(vec_reader_format(r) == t->format);
    T_CHECK(vec_reader_type(r) == t->type || t->rows == 0);
    T_CHECK(vec_reader_dim(r) == t->dim || t->rows == 0);
    T_CHECK(vec_reader_rows(r) == t->rows ||
            (t->format >= VEC_CSV && vec_reader_rows(r) == VEC_UNKNOWN));
    if (t->rows) {
        uint64_t to = below(t->rows + 1);
        check_rows(r, t, 0);
        if (vec_can_seek(r)) {
            T_CHECK(vec_seek(r, to, &e) == 0);
            check_rows(r, t, to);
            T_CHECK(vec_seek(r, t->rows + 5, &e) == 0 && vec_reader_next(r) == t->rows);
        }
        T_CHECK(vec_mapped(r, &m, NULL) == (t->format < VEC_CSV));
        for (uint64_t i = 0; t->format < VEC_CSV && i < t->rows; i++)
            T_CHECK(m.rows == t->rows && m.dim == t->dim && m.type == t->type &&
                    memcmp(vec_row(&m, i), t->v + i * t->dim * (uint64_t)size_of(t->type),
                           t->dim * (size_t)size_of(t->type)) == 0);
    }
    vec_close(r);
    T_CHECKF(vec_open(&r, name, &o, &e) == 0, "%s", e.msg); /* once more, from the middle */
    if (t->rows) {
        uint64_t from = below(t->rows + 1), stop = from + below(t->rows - from + 1);
        struct table part = *t;
        part.rows = stop;
        T_CHECK(vec_seek(r, from, &e) == 0);
        vec_stop_at(r, stop);
        check_rows(r, &part, from);
    }
    vec_close(r);
}

/* What the library wrote, read by the slow side: to the byte, but for the spelling of numbers. */
static void check_bytes(const struct table *t, const char *name)
{
    static struct bytes got, want;

    slurp(name, &got);
    slow_bytes(t, &want);
    if (t->format < VEC_CSV) {
        T_CHECKF(got.len == want.len && memcmp(got.p, want.p, got.len) == 0, "%s %s",
                 vec_format_name(t->format), vec_type_name(t->type));
        return;
    }
    char *p = (char *)got.p;
    got.p[got.len] = '\0';
    for (uint64_t i = 0; i < t->rows; i++) {
        if (t->format == VEC_JSONL && strncmp(p, "{\"embedding\":[", 14) == 0)
            p += 14;
        for (uint32_t k = 0; k < t->dim; k++) {
            uint32_t bits, right = (uint32_t)raw(t, i * t->dim + k);
            float v;
            if (t->type == VEC_F32) {
                v = strtof(p, &p);
                memcpy(&bits, &v, 4);
            } else {
                bits = (uint32_t)strtol(p, &p, 10);
                v = 0;
            }
            T_CHECKF(bits == right, "%s: %g", name, (double)v);
            if (k + 1 < t->dim)
                p += *p == (t->format == VEC_TSV ? '\t' : ',');
        }
        if (t->format == VEC_JSONL)
            p += strncmp(p, "]}", 2) == 0 ? 2 : 0;
        T_CHECK(*p == '\n');
        p += *p == '\n';
    }
    T_CHECK(*p == '\0');
}

static void check_writing(const struct table *t, const char *name)
{
    struct vec_write_opts o = {.type = t->type, .dim = t->dim};
    struct vec_writer *w;
    struct err e = {0};
    size_t row = t->dim * (size_t)size_of(t->type);

    o.rows = below(2) ? t->rows : VEC_UNKNOWN;
    T_CHECKF(vec_create(&w, name, &o, &e) == 0, "%s", e.msg);
    for (uint64_t i = 0, n; i < t->rows; i += n) {
        n = 1 + below(t->rows - i);
        T_CHECKF(vec_write(w, t->v + i * row, n, &e) == 0, "%s", e.msg);
    }
    T_CHECKF(vec_commit(&w, &e) == 0, "%s", e.msg);
    check_bytes(t, name);
}

static void round_trips(void)
{
    static struct bytes b;
    char name[40];

    for (int round = 0; round < 240; round++) {
        enum vec_format f = (enum vec_format)(VEC_FVECS + below(12));
        enum vec_type type = (enum vec_type)below(5);
        if (!holds_type(f, type))
            continue;
        struct table t = make_table(f, type);
        snprintf(name, sizeof name, "x.%s", vec_format_name(f));
        slow_bytes(&t, &b);
        tmp_put(name, b.p, b.len);
        check_reading(&t, name);
        check_writing(&t, name);
        check_reading(&t, name);
        free(t.v);
    }
}

/* ---- bad rows ---- */

/* Rows with NaN or infinity among good ones: an error that names the first, or left out. */
static void bad_rows(enum vec_format f, enum vec_type type)
{
    static struct bytes b;
    struct table t = make_table(f, type);
    char name[40], want[40];
    struct vec_reader *r;
    struct err e = {0};
    uint64_t good = 0, first_bad = t.rows, from_bad = 0;
    size_t row = t.dim * (size_t)size_of(type);
    unsigned char *left = malloc(t.rows * row + 1), *got = malloc(t.rows * row + row);

    for (uint64_t i = 0; i < t.rows; i++) {
        if (below(3) == 0) {
            uint32_t nan = type == VEC_F16 ? 0xfc00u + (uint32_t)below(3)
                                           : 0x7f800000u + (uint32_t)below(3);
            memcpy(t.v + i * row + below(t.dim) * (size_t)size_of(type), &nan,
                   (size_t)size_of(type));
            first_bad = i < first_bad ? i : first_bad;
            from_bad++;
        } else {
            memcpy(left + good++ * row, t.v + i * row, row);
        }
    }
    snprintf(name, sizeof name, "x.%s", vec_format_name(f));
    slow_bytes(&t, &b);
    tmp_put(name, b.p, b.len);
    if (first_bad < t.rows) {
        int64_t n = vec_open(&r, name, NULL, &e);
        while (n == 0 && (n = vec_read(r, got, 1 + below(9), &e)) > 0)
            n = 0;
        snprintf(want, sizeof want, f >= VEC_CSV ? ":%llu: " : ": row %llu: ",
                 (unsigned long long)(first_bad + (f >= VEC_CSV)));
        T_CHECKF(n == ERR_INPUT && strstr(e.msg, want), "%s: %s", want, e.msg);
        vec_close(r);
    }
    T_CHECK(vec_open(&r, name, &(struct vec_read_opts){.skip_bad = true}, &e) == 0);
    T_CHECK(vec_read(r, got, t.rows + 1, &e) == (int64_t)good);
    T_CHECK(vec_reader_skipped(r) == from_bad && memcmp(got, left, good * row) == 0);
    vec_close(r);
    free(t.v);
    free(left);
    free(got);
}

/* Rows of another dimension, in the formats that can say it. */
static void other_dimensions(enum vec_format f)
{
    static struct bytes b;
    struct table t = make_table(f, f == VEC_BVECS ? VEC_U8 : VEC_F32);
    struct vec_reader *r;
    struct err e = {0};
    uint64_t others = 0, at = 0;
    size_t row = t.dim * (size_t)size_of(t.type);
    unsigned char *got = malloc(t.rows * row + row);
    char name[40], want[60] = "";

    b.len = 0;
    for (uint64_t i = 0; i < t.rows; i++) {
        struct table one = {f, t.type, t.dim, 1, t.v + i * row};
        static struct bytes part;
        while (i && below(3) == 0) { /* some of another, before this one */
            struct table other = make_table(f, t.type);
            other.rows = other.rows > 0;
            other.dim += other.dim == t.dim;
            if (other.rows && b.len < 500000) {
                other.v = realloc(other.v, other.dim * 4 + 4);
                memset(other.v, 0, other.dim * 4);
                slow_bytes(&other, &part);
                memcpy(b.p + b.len, part.p, part.len);
                b.len += part.len;
                if (!others++)
                    snprintf(want, sizeof want, f >= VEC_CSV ? ":%llu: dimension" : "row %llu has",
                             (unsigned long long)(i + (f >= VEC_CSV)));
            }
            free(other.v);
        }
        slow_bytes(&one, &part);
        memcpy(b.p + b.len, part.p, part.len);
        b.len += part.len;
    }
    snprintf(name, sizeof name, "x.%s", vec_format_name(f));
    tmp_put(name, b.p, b.len);
    T_CHECK(vec_open(&r, name, &(struct vec_read_opts){.skip_bad = true}, &e) == 0);
    for (int64_t n = 1; n > 0 && at <= t.rows;) {
        n = vec_read(r, got + at * row, below(4) ? 1 : t.rows + 1 - at, &e);
        at += n > 0 ? (uint64_t)n : 0;
    }
    T_CHECKF(at == t.rows && vec_reader_skipped(r) == others, "%s: %llu of %llu, %s", name,
             (unsigned long long)at, (unsigned long long)t.rows, e.msg);
    T_CHECK(memcmp(got, t.v, t.rows * row) == 0);
    vec_close(r);
    if (others && vec_open(&r, name, NULL, &e) == 0) {
        int64_t n = 1;
        while (n > 0)
            n = vec_read(r, got, 1, &e);
        T_CHECKF(n == ERR_INPUT && strstr(e.msg, want), "%s: %s", want, e.msg);
        vec_close(r);
    }
    free(got);
    free(t.v);
}

/* ---- damage ---- */

/* Reads all there is; the result does not matter, only that it ends well. */
static int64_t read_through(const char *name, enum vec_format f, bool skip_bad, struct err *e)
{
    struct vec_read_opts o = {.format = f, .raw_ids = true, .skip_bad = skip_bad};
    struct vec_reader *r;
    struct vec_rows m;
    int64_t n = vec_open(&r, name, &o, e), all = 0;
    unsigned char *rows = NULL;

    if (n == 0) {
        rows = malloc(((size_t)vec_reader_dim(r) * 4 + 4) * 7);
        while ((n = vec_read(r, rows, 7, e)) > 0)
            all += n;
        if (vec_mapped(r, &m, NULL) && m.rows) /* the last byte can be read */
            memcpy(rows, (const unsigned char *)vec_row(&m, m.rows - 1) + m.dim - 1, 1);
    }
    vec_close(r);
    free(rows);
    return n < 0 ? n : all;
}

static void damage(void)
{
    static struct bytes b;
    char name[40];

    for (int round = 0; round < 60; round++) {
        enum vec_format f = (enum vec_format)(VEC_FVECS + round % 12);
        enum vec_type type = vec_format_type(f, VEC_F32);
        struct table t = make_table(f, type);
        struct err e = {0};

        t.dim = t.dim > 40 ? 40 : t.dim;
        t.rows = t.rows > 9 ? 9 : t.rows;
        snprintf(name, sizeof name, "x.%s", vec_format_name(f));
        slow_bytes(&t, &b);
        for (int cut = 0; cut < 20 && b.len; cut++) {
            size_t len = below(b.len);
            tmp_put(name, b.p, len);
            int64_t n = read_through(name, VEC_AUTO, cut & 1, &e);
            if (f >= VEC_FBIN && f <= VEC_NPY)
                T_CHECKF(n < 0 && strstr(e.msg, name), "%s cut to %zu", name, len);
            else if (f < VEC_FBIN)
                T_CHECK(n < 0 || len % (4 + t.dim * (size_t)size_of(type)) == 0);
        }
        for (int flip = 0; flip < 40 && b.len; flip++) {
            size_t at = below(flip & 1 ? b.len : b.len < 130 ? b.len : 130);
            unsigned char was = b.p[at];
            b.p[at] = (unsigned char)below(256);
            tmp_put(name, b.p, b.len);
            read_through(name, VEC_AUTO, flip & 2, &e);
            read_through(name, (enum vec_format)(VEC_FVECS + below(12)), flip & 2, &e);
            b.p[at] = was;
        }
        free(t.v);
    }
}

int main(void)
{
    tmp_enter();
    round_trips();
    for (int i = 0; i < 40; i++) {
        bad_rows(VEC_FVECS, VEC_F32);
        bad_rows(VEC_FBIN, VEC_F32);
        bad_rows(VEC_HBIN, VEC_F16);
        bad_rows(VEC_NPY, i & 1 ? VEC_F16 : VEC_F32);
        bad_rows(i & 1 ? VEC_CSV : VEC_TSV, VEC_F32);
        other_dimensions(VEC_FVECS);
        other_dimensions(VEC_BVECS);
        other_dimensions(i & 1 ? VEC_CSV : VEC_JSONL);
    }
    damage();
    tmp_leave();
    return t_done("prop_vecfile");
}
