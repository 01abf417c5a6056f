/* bench_fm.c - one index's speed, in one process and one thread, in the peer's units and line
 * format (fm_sdsl.cpp): "name value unit".
 *
 *   bench_fm count INDEX < PATTERNS     a pattern a line: batched, then one at a time
 *   bench_fm locate INDEX N             N random rows
 *   bench_fm extract INDEX LEN N        N random pieces of LEN bytes, together and one at a time
 *   bench_fm open INDEX                 time to open
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/num.h"
#include "base/stream.h"
#include "fm/shard.h"

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint64_t draw(uint64_t *s, uint64_t n)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s % n;
}

static void fail(const char *why)
{
    fprintf(stderr, "bench_fm: %s\n", why);
    exit(1);
}

struct patterns {
    struct buf bytes;
    struct fm_text *pat;
    size_t n, cap;
};

static void read_patterns(struct patterns *p)
{
    struct lines *l;
    const char *line;
    size_t len, at = 0;
    struct err e;

    if (lines_open(&l, "-", '\n', 0, &e) < 0)
        fail(e.msg);
    while (lines_next(l, &line, &len, &e) > 0) {
        if (len == 0)
            continue;
        if (buf_add(&p->bytes, line, len, &e) < 0 ||
            mem_reserve(&p->pat, &p->cap, p->n + 1, sizeof *p->pat, &e) < 0)
            fail(e.msg);
        p->pat[p->n++].len = len;
    }
    for (size_t i = 0; i < p->n; at += p->pat[i++].len)
        p->pat[i].p = p->bytes.p + at;
    lines_close(l);
}

static void count(const struct shard *s)
{
    struct patterns p = {0};
    struct fm_range *range;
    uint64_t hits = 0, single = 0;
    double t, batched, one;

    read_patterns(&p);
    range = malloc((p.n + 1) * sizeof *range);
    if (!range)
        fail("out of memory");
    shard_search(s, p.pat, p.n < 1000 ? p.n : 1000, range); /* the pages, once */
    t = now_s();
    shard_search(s, p.pat, p.n, range);
    batched = now_s() - t;
    for (size_t i = 0; i < p.n; i++)
        hits += range[i].hi - range[i].lo;
    t = now_s();
    for (size_t i = 0; i < p.n; i++)
        shard_search(s, &p.pat[i], 1, &range[i]);
    one = now_s() - t;
    for (size_t i = 0; i < p.n; i++)
        single += range[i].hi - range[i].lo;
    if (single != hits)
        fail("one at a time and batched counts differ");
    printf(
        "count_batched %.1f ns/byte\ncount_single %.1f ns/byte\npatterns %zu\noccurrences %llu\n",
        batched / (double)p.bytes.len * 1e9, one / (double)p.bytes.len * 1e9, p.n,
        (unsigned long long)hits);
    free(range);
    free(p.pat);
    buf_free(&p.bytes);
}

static void locate(const struct shard *s, uint64_t n)
{
    uint64_t *row = malloc(n * sizeof *row), *pos = malloc(n * sizeof *pos), seed = 42;
    double t;

    if (!row || !pos)
        fail("out of memory");
    for (uint64_t i = 0; i < n; i++)
        row[i] = draw(&seed, s->head.n);
    t = now_s();
    shard_locate(s, row, n, pos);
    printf("locate %.3f us/occurrence\n", (now_s() - t) / (double)n * 1e6);
    free(row);
    free(pos);
}

static void extract(const struct shard *s, uint64_t len, uint64_t n)
{
    struct shard_piece *piece = malloc(n * sizeof *piece);
    char *text = malloc(len * n);
    uint64_t seed = 42, bytes = 0;
    double t, together;

    if (!piece || !text)
        fail("out of memory");
    for (uint64_t i = 0; i < n; i++) { /* at a random place of the text, within its document */
        uint64_t doc = shard_doc_at(s, draw(&seed, s->head.n)), has = shard_doc_len(s, doc);
        uint64_t take = has < len ? has : len;
        piece[i] = (struct shard_piece){doc, draw(&seed, has - take + 1), take, text + i * len};
        bytes += take;
    }
    t = now_s();
    shard_read(s, piece, n);
    together = now_s() - t;
    t = now_s();
    for (uint64_t i = 0; i < n; i++)
        shard_read(s, &piece[i], 1);
    printf("extract_batched %.1f ns/byte\nextract_single %.1f ns/byte\n",
           together / (double)bytes * 1e9, (now_s() - t) / (double)bytes * 1e9);
    free(piece);
    free(text);
}

int main(int argc, char **argv)
{
    struct shard *s;
    struct err e;
    uint64_t a = 0, b = 0;
    double t = now_s();

    if (argc < 3)
        fail("usage: bench_fm count|locate|extract|open INDEX [N...]");
    if (shard_open(&s, argv[2], cpu_detect(), &e) < 0)
        fail(e.msg);
    t = now_s() - t;
    if ((argc > 3 && !num_u64(argv[3], &a)) || (argc > 4 && !num_u64(argv[4], &b)))
        fail("a number is expected");
    if (strcmp(argv[1], "count") == 0)
        count(s);
    else if (strcmp(argv[1], "locate") == 0)
        locate(s, a);
    else if (strcmp(argv[1], "extract") == 0)
        extract(s, a, b);
    else
        printf("open %.3f ms\n", t * 1e3);
    shard_close(s);
    return 0;
}
