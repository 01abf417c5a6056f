/* test_codes.c - streams of codes: what is written is read, and nothing else is believed. */
#include "t.h"
#include "tmp.h"

#include "base/hash.h"
#include "vec/codes.h"
#include "vec/file.h"

enum { DIM = 6, ROWS = 300, HEADER = 64 };

/* A codec with an identity, as of a file. */
static struct codec *make_codec(const char *spec)
{
    float x[4 * DIM];
    struct codec_train t = {.x = x, .n = 4, .threads = 1};
    struct codec *c = NULL;
    struct err e = {0};

    for (int i = 0; i < 4 * DIM; i++)
        x[i] = (float)(i * i % 17);
    if (codec_train(&c, spec, DIM, CPU_PORTABLE, &t, &e) < 0 || codec_save(c, spec, &e) < 0)
        exit(1);
    codec_free(c);
    if (codec_open(&c, spec, CPU_PORTABLE, &e) < 0)
        exit(1);
    T_CHECK(c->id != 0);
    return c;
}

static void fill(uint8_t *p, size_t n)
{
    unsigned long long s = 9;

    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(t_rand(&s) >> 32);
}

static int write_codes(const char *path, const struct codec *c, const uint8_t *code, uint64_t n,
                       uint64_t promised, struct err *e)
{
    struct codes_writer *w = NULL;
    int rc = codes_create(&w, path, c, promised, NULL, e);

    for (uint64_t from = 0, step; rc == 0 && from < n; from += step) {
        step = n - from < 1 + from ? n - from : 1 + from;
        rc = codes_write(w, code + from * c->code_bytes, step, e);
    }
    if (rc == 0)
        return codes_commit(&w, e);
    codes_abort(&w);
    return rc;
}

/* How many rows come, or a negative error. */
static int64_t read_codes(const char *path, const struct codec *c, uint8_t *code, uint64_t step,
                          struct err *e)
{
    struct codes_reader *r = NULL;
    int64_t got, all = 0;

    if (codes_open(&r, path, c, e) < 0)
        return e->code;
    while ((got = codes_read(r, code + (uint64_t)all * c->code_bytes, step, e)) > 0)
        all += got;
    if (got == 0)
        T_CHECK((uint64_t)all == codes_rows(r));
    codes_close(r);
    return got < 0 ? got : all;
}

static void check_round(const struct codec *c, const uint8_t *code)
{
    static const uint64_t rows[] = {0, 1, 2, 255, ROWS};
    uint8_t *back = malloc(ROWS * c->code_bytes);
    struct err e = {0};

    for (size_t i = 0; i < 5; i++)
        for (uint64_t step = 1; step <= 512; step *= 8) {
            T_CHECK(write_codes("known", c, code, rows[i], rows[i], &e) == 0);
            T_CHECK(write_codes("unknown", c, code, rows[i], VEC_UNKNOWN, &e) == 0);
            T_CHECK(read_codes("known", c, back, step, &e) == (int64_t)rows[i]);
            T_CHECK(memcmp(back, code, rows[i] * c->code_bytes) == 0);
            memset(back, 0, ROWS * c->code_bytes);
            T_CHECK(read_codes("unknown", c, back, step, &e) == (int64_t)rows[i]);
            T_CHECK(memcmp(back, code, rows[i] * c->code_bytes) == 0);
        }
    free(back);
}

static void check_promises(const struct codec *c, const uint8_t *code)
{
    struct err e = {0};

    T_CHECK(write_codes("few", c, code, 10, 11, &e) == ERR_INPUT);
    T_CHECK(strstr(e.msg, "10") && strstr(e.msg, "11") && strstr(e.msg, "few"));
    T_CHECK(access("few", F_OK) != 0);
    T_CHECK(write_codes("many", c, code, 11, 10, &e) == ERR_INPUT);
    T_CHECK(access("many", F_OK) != 0);
    T_CHECK(write_codes("no/such", c, code, 1, 1, &e) == ERR_IO);
}

/* Changes byte `at` and, when `seal` is set, makes the header's checksum right again. */
static void check_changed(const struct codec *c, const uint8_t *file, size_t len, size_t at,
                          uint8_t by, bool seal)
{
    uint8_t *copy = malloc(len), *back = malloc(ROWS * c->code_bytes);
    struct err e = {0};
    uint64_t sum;

    memcpy(copy, file, len);
    copy[at] ^= by;
    if (seal) {
        sum = hash64(copy, 56);
        memcpy(copy + 56, &sum, 8);
    }
    tmp_put("bad", copy, len);
    T_CHECKF(read_codes("bad", c, back, 64, &e) == ERR_INPUT, "byte %zu", at);
    T_CHECKF(strncmp(e.msg, "bad: ", 5) == 0, "%s", e.msg);
    if (seal && at == 9)
        T_CHECKF(strstr(e.msg, "is newer than"), "%s", e.msg);
    free(copy);
    free(back);
}

static void check_damage(const struct codec *c, const uint8_t *code)
{
    uint8_t file[HEADER + 8 * DIM + 1], back[8 * DIM];
    size_t len = HEADER + 7 * c->code_bytes;
    struct err e = {0};
    FILE *f;

    T_CHECK(write_codes("good", c, code, 7, 7, &e) == 0);
    f = fopen("good", "rb");
    T_CHECK(f && fread(file, 1, sizeof file, f) == len);
    if (f)
        fclose(f);
    for (size_t at = 0; at < HEADER; at++)
        check_changed(c, file, len, at, (uint8_t)(1 << at % 8), false);
    for (size_t at = 0; at < HEADER - 8; at++)
        check_changed(c, file, len, at, (uint8_t)(1 << at % 8), true);
    for (size_t cut = 0; cut < len; cut++) {
        tmp_put("bad", file, cut);
        T_CHECK(read_codes("bad", c, back, 3, &e) == ERR_INPUT);
    }
    file[len] = 0;
    tmp_put("bad", file, len + 1);
    T_CHECK(read_codes("bad", c, back, 3, &e) == ERR_INPUT);
    T_CHECK(read_codes("missing", c, back, 3, &e) == ERR_IO);
}

static void check_other(const struct codec *c, const struct codec *other, const uint8_t *code)
{
    uint8_t back[8 * DIM];
    struct err e = {0};

    T_CHECK(write_codes("good", c, code, 7, 7, &e) == 0);
    T_CHECK(read_codes("good", other, back, 7, &e) == ERR_INPUT);
    T_CHECK(strstr(e.msg, "another codec") != NULL);
}

int main(void)
{
    struct codec *c, *other;
    uint8_t *code;

    tmp_enter();
    c = make_codec("sq8");
    other = make_codec("sq4");
    code = malloc(ROWS * DIM);
    fill(code, ROWS * DIM);
    check_round(c, code);
    check_round(other, code);
    check_promises(c, code);
    check_damage(c, code);
    check_other(c, other, code);
    free(code);
    codec_free(c);
    codec_free(other);
    tmp_leave();
    return t_done("codes");
}
