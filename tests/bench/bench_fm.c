/* bench_fm.c - one index's speed, in one process and one thread, in the peer's units and line
 * format (fm_sdsl.cpp): "name value unit".
 *
 *   bench_fm [--load] count INDEX < PATTERNS  a pattern a line: batched, then one at a time
 *   bench_fm [--load] locate INDEX N          N random rows
 *   bench_fm [--load] extract INDEX LEN N     N random pieces of LEN bytes, together and one at a
 *                                             time
 *   bench_fm [--load] contam INDEX < ENTRIES  an entry a line: windows of 50 characters, with the
 *                                             longest match and with the longest from 32 bytes on
 *   bench_fm [--load] contam INDEX LEN N      the same of N random pieces of the text: all dirty
 *   bench_fm [--load] open INDEX              time to open: of all modes, printed with --load
 *   bench_fm memory INDEX < PATTERNS          what a process that searches a mapped index holds
 *   bench_fm pages INDEX N < PATTERNS         pages read from a cold file, for the first 20 bytes
 *                                             of the first N patterns, each searched alone
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "base/num.h"
#include "base/stream.h"
#include "fm/set.h"

static uint64_t draw(uint64_t *s, uint64_t n)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s % n;
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
        bench_stop(e.msg);
    while (lines_next(l, &line, &len, &e) > 0) {
        if (len == 0)
            continue;
        if (buf_add(&p->bytes, line, len, &e) < 0 ||
            mem_reserve(&p->pat, &p->cap, p->n + 1, sizeof *p->pat, &e) < 0)
            bench_stop(e.msg);
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
        bench_stop("out of memory");
    shard_search(s, p.pat, p.n < 1000 ? p.n : 1000, range); /* the pages, once */
    t = bench_now();
    shard_search(s, p.pat, p.n, range);
    batched = bench_now() - t;
    for (size_t i = 0; i < p.n; i++)
        hits += range[i].hi - range[i].lo;
    t = bench_now();
    for (size_t i = 0; i < p.n; i++)
        shard_search(s, &p.pat[i], 1, &range[i]);
    one = bench_now() - t;
    for (size_t i = 0; i < p.n; i++)
        single += range[i].hi - range[i].lo;
    if (single != hits)
        bench_stop("one at a time and batched counts differ");
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
        bench_stop("out of memory");
    for (uint64_t i = 0; i < n; i++)
        row[i] = draw(&seed, s->head.n);
    t = bench_now();
    shard_locate(s, row, n, pos);
    printf("locate %.3f us/occurrence\n", (bench_now() - t) / (double)n * 1e6);
    free(row);
    free(pos);
}

/* n random pieces of the text, each within its document and so at most len bytes. */
static struct shard_piece *draw_pieces(const struct shard *s, uint64_t len, uint64_t n,
                                       uint64_t *bytes)
{
    struct shard_piece *piece = malloc((n + 1) * sizeof *piece);
    char *text = malloc(len * n + 1);
    uint64_t seed = 42;

    if (!piece || !text)
        bench_stop("out of memory");
    *bytes = 0;
    piece[0].dst = text;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t doc = shard_doc_at(s, draw(&seed, s->head.n)), has = shard_doc_len(s, doc);
        uint64_t take = has < len ? has : len;
        piece[i] = (struct shard_piece){doc, draw(&seed, has - take + 1), take, text + i * len};
        *bytes += take;
    }
    return piece;
}

static void extract(const struct shard *s, uint64_t len, uint64_t n)
{
    uint64_t bytes;
    struct shard_piece *piece = draw_pieces(s, len, n, &bytes);
    double t, together;

    t = bench_now();
    shard_read(s, piece, n);
    together = bench_now() - t;
    t = bench_now();
    for (uint64_t i = 0; i < n; i++)
        shard_read(s, &piece[i], 1);
    printf("extract_batched %.1f ns/byte\nextract_single %.1f ns/byte\n",
           together / (double)bytes * 1e9, (bench_now() - t) / (double)bytes * 1e9);
    free(piece[0].dst);
    free(piece);
}

/* ---- contamination ---- */

/* Pieces of the index's own text. */
static void take_pieces(const struct fm *fm, uint64_t len, uint64_t n, struct patterns *p)
{
    uint64_t bytes;
    struct shard_piece *piece = draw_pieces(fm->shard[0], len, n, &bytes);
    struct err e;

    shard_read(fm->shard[0], piece, n);
    if (mem_reserve(&p->pat, &p->cap, n, sizeof *p->pat, &e) < 0)
        bench_stop(e.msg);
    for (; p->n < n; p->n++)
        p->pat[p->n] = (struct fm_text){piece[p->n].dst, piece[p->n].len};
    p->bytes = (struct buf){piece[0].dst, bytes, bytes};
    free(piece);
}

/* Seconds of the best of three runs. */
static double contam_time(const struct fm *fm, const struct patterns *p, uint64_t longest_min,
                          struct fm_verdict *verdict)
{
    const struct fm_contam_opts o = {.method = FM_WINDOW,
                                     .window_chars = 50,
                                     .dirty = 0.8,
                                     .suspicious = 0.2,
                                     .longest_min = longest_min};
    double best = 1e9;
    struct err e;

    for (int round = 0; round < 3; round++) {
        double t = bench_now();
        if (fm_contam(fm, p->pat, p->n, &o, verdict, 1, &e) < 0)
            bench_stop(e.msg);
        t = bench_now() - t;
        best = t < best ? t : best;
    }
    return best;
}

static void contam(const char *index, const struct fm_open_opts *how, uint64_t len, uint64_t n)
{
    struct patterns p = {0};
    struct fm_verdict *verdict;
    struct fm *fm;
    struct err e;
    size_t label[3] = {0};
    double exact, from_32;

    if (fm_open(&fm, index, how, &e) < 0)
        bench_stop(e.msg);
    if (n)
        take_pieces(fm, len, n, &p);
    else
        read_patterns(&p);
    verdict = malloc((p.n + 1) * sizeof *verdict);
    if (!verdict)
        bench_stop("out of memory");
    exact = contam_time(fm, &p, 1, verdict);
    from_32 = contam_time(fm, &p, 32, verdict);
    for (size_t i = 0; i < p.n; i++)
        label[verdict[i].label]++;
    printf("contam %.2f MB/s\ncontam_32 %.2f MB/s\nclean %zu\nsuspicious %zu\ndirty %zu\n",
           (double)p.bytes.len / exact / 1e6, (double)p.bytes.len / from_32 / 1e6, label[FM_CLEAN],
           label[FM_SUSPICIOUS], label[FM_DIRTY]);
    fm_close(fm);
    free(verdict);
    free(p.pat);
    buf_free(&p.bytes);
}

/* ---- memory ---- */

/* Bytes of one row of the kernel's sum over all mappings. */
static uint64_t resident(const char *row)
{
    FILE *f = fopen("/proc/self/smaps_rollup", "re");
    char line[256];
    unsigned long long kb = 0;

    if (!f)
        bench_stop("cannot read /proc/self/smaps_rollup");
    while (fgets(line, sizeof line, f))
        if (strncmp(line, row, strlen(row)) == 0 && line[strlen(row)] == ':')
            kb = strtoull(line + strlen(row) + 1, NULL, 10);
    fclose(f);
    return (uint64_t)kb << 10;
}

/* Private is what no other process can share: anonymous pages. The file's pages, which the kernel
 * may take back at any time and all processes share, are told apart. */
static void memory(const struct shard *s)
{
    struct patterns p = {0};
    uint64_t before = resident("Anonymous"), opened_files = resident("Rss") - before, bench;
    struct fm_range *range;

    read_patterns(&p);
    range = calloc(p.n + 1, sizeof *range);
    if (!range)
        bench_stop("out of memory");
    bench = resident("Anonymous"); /* with the patterns, which are not the index's */
    shard_search(s, p.pat, p.n, range);
    printf("private_open %.2f MB\nprivate_search %.2f MB\n", (double)before / 1e6,
           (double)(resident("Anonymous") - (bench - before)) / 1e6);
    printf("file_open %.2f MB\nfile_search %.2f MB\nprivate_allowed %.2f MB\n",
           (double)opened_files / 1e6, (double)(resident("Rss") - resident("Anonymous")) / 1e6,
           10 + 0.012 * (double)(s->head.n - s->head.docs) / 1e6);
    free(range);
    free(p.pat);
    buf_free(&p.bytes);
}

/* ---- cold pages ---- */

enum { PAGE = 4096, COLD_LEN = 20 };

struct cold {
    const struct shard *s;
    unsigned char *base; /* of the mapped file */
    size_t len, pages;
    int fd;
    unsigned char *in_core;
    uint64_t by_section[SECT_MAX];
};

static void cold_open(struct cold *c, const struct shard *s)
{
    uint64_t unused;
    size_t head = 0;

    while (strcmp(sect_row(s->file, head).id, "HEAD") != 0)
        head++;
    *c = (struct cold){.s = s, .len = sect_size(s->file)};
    c->base = (unsigned char *)(uintptr_t)sect_get(s->file, "HEAD", &unused) -
              sect_row(s->file, head).offset;
    c->pages = (c->len + PAGE - 1) / PAGE;
    c->in_core = malloc(c->pages);
    c->fd = open(sect_path(s->file), O_RDONLY | O_CLOEXEC);
    if (!c->in_core || c->fd < 0)
        bench_stop("cannot open the file once more");
    fsync(c->fd); /* what is not written yet cannot be dropped */
    sect_random(s->file);
}

static uint64_t cold_resident(const struct cold *c)
{
    uint64_t n = 0;

    if (mincore(c->base, c->len, c->in_core) < 0)
        bench_stop("mincore failed");
    for (size_t i = 0; i < c->pages; i++)
        n += c->in_core[i] & 1;
    return n;
}

static void cold_drop(const struct cold *c)
{
    madvise(c->base, c->len, MADV_DONTNEED);
    posix_fadvise(c->fd, 0, 0, POSIX_FADV_DONTNEED);
}

/* Each page to the section in which it begins. */
static void cold_note(struct cold *c)
{
    size_t k = 0;

    for (size_t i = 0; i < c->pages; i++) {
        while (k + 1 < sect_count(c->s->file) && sect_row(c->s->file, k + 1).offset <= i * PAGE)
            k++;
        c->by_section[k] += c->in_core[i] & 1;
    }
}

static void pages(const struct shard *s, uint64_t n)
{
    struct patterns p = {0};
    struct cold c;
    uint64_t before = 0, touched = 0, bytes = 0;
    struct fm_range range;
    double t, waited = 0;

    read_patterns(&p);
    cold_open(&c, s);
    for (size_t i = 0; i < p.n && i < n; i++) {
        struct fm_text cut = {p.pat[i].p, p.pat[i].len < COLD_LEN ? p.pat[i].len : COLD_LEN};
        cold_drop(&c);
        before += cold_resident(&c);
        t = bench_now();
        shard_search(s, &cut, 1, &range);
        waited += bench_now() - t;
        touched += cold_resident(&c);
        bytes += cut.len;
        cold_note(&c);
    }
    printf("pages %.2f /byte\npages_left_before %llu pages\ncold_search %.1f us/byte\n",
           (double)(touched - before) / (double)bytes, (unsigned long long)before,
           waited / (double)bytes * 1e6);
    for (size_t k = 0; k < sect_count(s->file); k++)
        if (c.by_section[k])
            printf("pages_%s %.3f /byte\n", sect_row(s->file, k).id,
                   (double)c.by_section[k] / (double)bytes);
    close(c.fd);
    free(c.in_core);
    free(p.pat);
    buf_free(&p.bytes);
}

int main(int argc, char **argv)
{
    struct fm_open_opts how = {.cpu = cpu_detect(), .threads = 1};
    struct shard *s;
    struct err e;
    uint64_t a = 0, b = 0;
    double t;

    if (argc > 1 && strcmp(argv[1], "--load") == 0) {
        how.load = true;
        argc--;
        argv++;
    }
    if (argc < 3)
        bench_stop(
            "usage: bench_fm [--load] count|locate|extract|contam|open|memory|pages INDEX [N...]");
    if ((argc > 3 && !num_u64(argv[3], &a)) || (argc > 4 && !num_u64(argv[4], &b)))
        bench_stop("a number is expected");
    if (strcmp(argv[1], "contam") == 0) {
        contam(argv[2], &how, a, b);
        return 0;
    }
    t = bench_now();
    if (shard_open(&s, argv[2], &how, &e) < 0)
        bench_stop(e.msg);
    t = bench_now() - t;
    if (how.load || strcmp(argv[1], "open") == 0)
        printf("%s %.3f ms\n", how.load ? "load" : "open", t * 1e3);
    if (strcmp(argv[1], "count") == 0)
        count(s);
    else if (strcmp(argv[1], "locate") == 0)
        locate(s, a);
    else if (strcmp(argv[1], "extract") == 0)
        extract(s, a, b);
    else if (strcmp(argv[1], "memory") == 0)
        memory(s);
    else if (strcmp(argv[1], "pages") == 0)
        pages(s, a);
    shard_close(s);
    return 0;
}
