/* fuzz_codec.c - codec files whose sections are any bytes, and codes that are any bytes: decoded,
 * and searched as they are.
 *
 *   0 1 level of CPU    1 1 seed of codes and vectors    2 1 how they are made    3 1 metric
 *   then the sections (fuzz.h)
 */
#include "fuzz.h"

#include "base/rand.h"
#include "vec/codec_kind.h"
#include "vec/codes.h"

enum { CONTROL = 4, ROWS = 37, QUERIES = 2, BYTES_MOST = 1 << 20 };

struct data {
    float *x, *y; /* [ROWS][dim] */
    uint8_t *code;
    unsigned how;
};

static void make(struct data *d, const struct codec *c, uint64_t seed)
{
    size_t cells = (size_t)ROWS * c->dim, bytes = (size_t)ROWS * c->code_bytes;

    d->x = fuzz_need(malloc((cells + 1) * sizeof *d->x));
    d->y = fuzz_need(malloc((cells + 1) * sizeof *d->y));
    d->code = fuzz_need(malloc(bytes + 1));
    for (size_t i = 0; i < cells; i++)
        d->x[i] = (float)((double)(int64_t)rand_u64(&seed) * 0x1p-61);
    for (size_t i = 0; i < bytes; i++)
        d->code[i] = (uint8_t)(d->how & 1 ? rand_u64(&seed) & 255 : d->how);
}

static void search(const struct codec *c, const struct data *d, enum vec_metric m)
{
    size_t query_bytes = (c->spec.kind->query_bytes(c) + 63) / 64 * 64;
    const void *query[QUERIES];
    struct codec_list l = {0};
    float *key, *low;
    struct err e;
    char *room;

    if (query_bytes > BYTES_MOST || codec_list_init(&l, c, d->code, ROWS, 1, &e) < 0)
        return;
    room = fuzz_need(aligned_alloc(64, QUERIES * query_bytes + 64));
    key = fuzz_need(malloc(QUERIES * ROWS * sizeof *key));
    low = fuzz_need(malloc(QUERIES * ROWS * sizeof *low));
    for (size_t q = 0; q < QUERIES; q++) {
        query[q] = room + q * query_bytes;
        c->spec.kind->query_init(c, m, d->x + q * c->dim, room + q * query_bytes);
        if (c->spec.kind->rounding)
            c->spec.kind->rounding(c, query[q]);
    }
    codec_list_scan(c, &l, query, QUERIES, key, c->spec.kind->bounds ? low : NULL);
    codec_list_free(&l);
    free(room);
    free(key);
    free(low);
}

static void ask(const struct codec *c, unsigned how, enum vec_metric m, unsigned seed)
{
    struct data d = {.how = how};
    struct err e;

    make(&d, c, seed);
    codec_decode(c, d.code, ROWS, d.y, 1, &e);
    search(c, &d, m);
    if (how & 2 && codec_encode(c, d.x, ROWS, d.code, 1, &e) == 0) {
        codec_decode(c, d.code, ROWS, d.y, 1, &e);
        search(c, &d, m);
    }
    free(d.x);
    free(d.y);
    free(d.code);
}

static void codes(const char *path, const struct codec *c)
{
    struct codes_reader *r = NULL;
    uint8_t *code = fuzz_need(malloc((size_t)c->code_bytes * 3 + 1));
    struct err e;

    if (codes_open(&r, path, c, &e) == 0)
        while (codes_read(r, code, 3, &e) > 0)
            ;
    codes_close(r);
    free(code);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    enum cpu_level cpu = fuzz_cpu(&in);
    unsigned seed = fuzz_byte(&in), how = fuzz_byte(&in), metric = fuzz_pick(&in, 2);
    struct codec *c = NULL;
    struct err e;

    if (codec_open(&c, fuzz_container(in, "vcod", 1), cpu, &e) < 0)
        return 0;
    if ((size_t)c->dim * ROWS * 4 <= BYTES_MOST && (size_t)c->code_bytes * ROWS <= BYTES_MOST)
        ask(c, how, (enum vec_metric)metric, seed);
    if (how & 4)
        codes(fuzz_file("codes", data, size), c);
    codec_free(c);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    return fuzz_mutate_parts(data, size, most, seed, CONTROL);
}
