/* flips.c - random flips in large files of ours: each must be found by opening or checking, and
 * what opens must answer and come back.
 *
 *     flips N SEED FILE...
 *
 * The files are changed in place, and put back: give it copies. A row is printed for each: its
 * kind, bytes, flips, how many opening found, how many the check did, and how many went unseen,
 * which must be none. large.sh makes files and runs it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ann/ann.h"
#include "base/rand.h"
#include "fm/fm.h"
#include "vec/codec.h"

enum { K = 10 };

static enum cpu_level cpu; /* asked once: virtual machines take their time to say */

struct seen {
    uint64_t opening, check, missed;
};

static int tell(struct seen *s, int rc)
{
    s->check += rc < 0;
    s->missed += rc == 0;
    return rc;
}

static void look_fm(const char *path, struct seen *s)
{
    static const struct fm_text pattern[] = {{"e", 1}, {"w1 w2", 5}, {"w77", 3}};
    uint64_t count[3];
    struct err e = {0};
    struct fm_hits h;
    struct fm_place place[K];
    struct fm_reader *r;
    struct buf text = {0};
    struct fm *fm;

    if (fm_open(&fm, path, &(struct fm_open_opts){.cpu = cpu, .bare = true}, &e) < 0) {
        s->opening++;
        return;
    }
    fm_count(fm, pattern, 3, count, 1);
    if (fm_hits_find(&h, fm, pattern[2], false, &e) == 0) {
        fm_hits_first(&h, h.count < K ? h.count : K, place, 1, &e);
        fm_hits_free(&h);
    }
    if (fm_docs(fm) && fm_reader_new(&r, fm, &e) == 0) {
        fm_reader_record(r, count[0] % fm_docs(fm), true, &text, &e);
        fm_reader_free(r);
    }
    buf_free(&text);
    tell(s, fm_check(fm, NULL, NULL, &e));
    fm_close(fm);
}

static void look_ann(const char *path, struct seen *s)
{
    static float q[1 << 16];
    const uint32_t tenant = 1;
    struct ann_search_opts o = {.k = K};
    struct err e = {0};
    struct ann_info i;
    uint64_t id[K];
    float score[K];
    struct ann *a = NULL;

    if (ann_open(&a, path, cpu, &e) < 0) {
        s->opening++;
        return;
    }
    ann_info(a, &i);
    q[0] = 1;
    o.tenant = i.has_tenants ? &tenant : NULL;
    ann_search(a, &o, q, 1, id, score, NULL, &e);
    tell(s, ann_check(a, &e));
    ann_close(a);
}

static void look_codec(const char *path, struct seen *s)
{
    struct codec *c = NULL;
    struct err e = {0};

    if (codec_open(&c, path, cpu, &e) < 0)
        s->opening++;
    else
        s->missed++;
    codec_free(c);
}

/* A new kind of file is a row. */
static const struct kind {
    char letters[5];
    void (*look)(const char *path, struct seen *s);
} kinds[] = {{"fm  ", look_fm}, {"ann ", look_ann}, {"vcod", look_codec}};

static void get(int fd, void *p, size_t len, uint64_t at)
{
    if (pread(fd, p, len, (off_t)at) != (ssize_t)len)
        perror("pread"), exit(1);
}

static void flip(int fd, uint64_t at, unsigned bit)
{
    unsigned char c;

    get(fd, &c, 1, at);
    c = (unsigned char)(c ^ 1U << bit);
    if (pwrite(fd, &c, 1, (off_t)at) != 1)
        perror("pwrite"), exit(1);
}

static uint64_t damage(const char *path, uint64_t n, uint64_t seed)
{
    const struct kind *kind = NULL;
    struct seen seen = {0};
    int fd = open(path, O_RDWR);
    off_t len = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    char letters[4];

    if (len < 64)
        perror(path), exit(1);
    get(fd, letters, 4, 8);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (memcmp(letters, kinds[i].letters, 4) == 0)
            kind = &kinds[i];
    for (uint64_t i = 0; kind && i < n; i++) {
        uint64_t at = rand_below(&seed, (uint64_t)len), bit = rand_below(&seed, 8);

        flip(fd, at, (unsigned)bit);
        kind->look(path, &seen);
        flip(fd, at, (unsigned)bit);
    }
    close(fd);
    printf("%s\t%.4s\t%lld\t%llu\t%llu\t%llu\t%llu\n", path, letters, (long long)len,
           (unsigned long long)n, (unsigned long long)seen.opening, (unsigned long long)seen.check,
           (unsigned long long)seen.missed);
    fflush(stdout);
    return kind ? seen.missed : 1;
}

int main(int argc, char **argv)
{
    uint64_t missed = 0;

    if (argc < 4)
        return 2;
    cpu = cpu_detect();
    printf("# file\tkind\tbytes\tflips\topening\tcheck\tmissed\n");
    for (int i = 3; i < argc; i++)
        missed += damage(argv[i], strtoull(argv[1], NULL, 10), strtoull(argv[2], NULL, 10));
    return missed > 0;
}
