/* damage.h - what every kind of file of ours is put through (base/sect.h): each byte flipped, every
 * shorter length, garbage behind it; and, as only malice writes it, numbers that no file has, with
 * right checksums.
 *
 * A kind of file is a damage_look: it opens the file and asks of it all that can be asked. What is
 * damaged may be asked too, and must come back; nothing may take memory for what is only said to be
 * there.
 */
#ifndef TESTS_DAMAGE_H
#define TESTS_DAMAGE_H

#include <fcntl.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../unit/t.h"
#include "../unit/tmp.h"
#include "base/hash.h"

enum { DAMAGE_HEADER = 64, DAMAGE_ROW = 32, DAMAGE_MEMORY_MB = 400 };

/* Under a sanitizer each third byte is flipped, and each third length tried: there are virtual
 * machines that take an hour for the mappings of all, and that all are found is shown without. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { DAMAGE_STEP = 3 };
#else
enum { DAMAGE_STEP = 1 };
#endif

/* 0: it was opened, and its check found nothing; else ERR_*. hostile: what is opened is changed and
 * written, too, where the kind can be. */
typedef int damage_look(const char *path, bool hostile, struct err *e);

struct damage_file {
    uint8_t *p;
    size_t len;
};

static inline struct damage_file damage_read(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct damage_file r = {0};
    long len;

    if (!f || fseek(f, 0, SEEK_END) < 0 || (len = ftell(f)) < 0 || fseek(f, 0, SEEK_SET) < 0 ||
        !(r.p = malloc((size_t)len + 1)))
        perror(path), exit(1);
    r.len = fread(r.p, 1, (size_t)len, f);
    fclose(f);
    return r;
}

static inline uint64_t damage_get64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, 8);
    return v;
}

static inline void damage_put64(uint8_t *p, uint64_t v)
{
    memcpy(p, &v, 8);
}

static inline size_t damage_sections(const struct damage_file *f)
{
    uint32_t n;

    memcpy(&n, f->p + 32, 4);
    return n;
}

/* Of the table: id, flags, offset, length, checksum. */
static inline uint8_t *damage_row(const struct damage_file *f, size_t i)
{
    return f->p + damage_get64(f->p + 24) + i * DAMAGE_ROW;
}

/* All checksums right again; `table` and n are where the table is, whatever the header says. */
static inline void damage_seal_at(struct damage_file *f, uint8_t *table, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t *r = table + i * DAMAGE_ROW;
        uint64_t at = damage_get64(r + 8), len = damage_get64(r + 16);

        if (at <= f->len && len <= f->len - at)
            damage_put64(r + 24, hash64(f->p + at, len));
    }
    damage_put64(table + n * DAMAGE_ROW, hash64(table, n * DAMAGE_ROW));
    damage_put64(f->p + 56, hash64(f->p, 56));
}

static inline void damage_seal(struct damage_file *f)
{
    damage_seal_at(f, damage_row(f, 0), damage_sections(f));
}

static inline void damage_found(damage_look *look, const char *name, const char *what, size_t at)
{
    struct err e = {0};

    T_CHECKF(look("damaged", false, &e) < 0 && e.msg[0], "%s: %s %zu is not found", name, what, at);
}

static inline void damage_byte(int fd, size_t at, uint8_t c)
{
    if (pwrite(fd, &c, 1, (off_t)at) != 1)
        perror("pwrite"), exit(1);
}

/* Every byte (DAMAGE_STEP) with another bit, or all of them, flipped; some bytes more; every shorter
 * length. */
static inline size_t damage_small(const char *path, damage_look *look)
{
    struct damage_file f = damage_read(path);
    struct err e = {0};
    int fd;

    tmp_put("damaged", f.p, f.len);
    fd = open("damaged", O_RDWR);
    for (size_t at = 0; at < f.len; at += DAMAGE_STEP) {
        damage_byte(fd, at, f.p[at] ^ (uint8_t)(at % 9 ? 1 << at % 8 : 0xff));
        damage_found(look, path, "flip at", at);
        damage_byte(fd, at, f.p[at]);
    }
    T_CHECKF(look("damaged", false, &e) == 0, "%s: %s", path, e.msg); /* it is as it was */
    for (size_t more = 1; more <= 4097; more += more < 9 ? 1 : 511) {
        damage_byte(fd, f.len + more - 1, more % 2 ? 0 : 0xa5);
        damage_found(look, path, "longer by", more);
    }
    for (size_t len = f.len; len > 0;) {
        len -= len < DAMAGE_STEP ? len : DAMAGE_STEP;
        T_CHECK(ftruncate(fd, (off_t)len) == 0);
        damage_found(look, path, "cut to", len);
    }
    close(fd);
    free(f.p);
    return f.len;
}

static inline void damage_try(damage_look *look, struct damage_file *f, uint8_t *table, size_t n)
{
    struct err e = {0};

    damage_seal_at(f, table, n);
    tmp_put("hostile", f->p, f->len);
    look("hostile", true, &e);
    t_passed++;
}

/* Counts that no file has, in the bytes [at, at + len), all of them or the first. */
static inline void damage_numbers(damage_look *look, struct damage_file *f, uint64_t at,
                                  uint64_t len)
{
    static const uint64_t big[] = {UINT64_C(1) << 63,       UINT64_MAX,
                                   UINT64_MAX - 63,         UINT64_C(1) << 32,
                                   (UINT64_C(1) << 32) + 1, (UINT64_C(1) << 32) - 1,
                                   UINT64_C(1) << 40,       0};
    static const uint32_t word[] = {0x80000000, 0xffffffff, 0x7fffffff, 0x10000, 0x1000000, 0};
    enum { BIG = sizeof big / sizeof *big, WORDS = sizeof word / sizeof *word, SOME = 16 };
    uint8_t *table = damage_row(f, 0), old[8];
    size_t n = damage_sections(f);
    bool all = len <= 128;

    for (uint64_t i = at; i + 4 <= at + len && (all || i < at + SOME); i += 4) {
        size_t wide = i % 8 == 0 && i + 8 <= at + len ? 8 : 4;

        memcpy(old, f->p + i, wide);
        for (size_t k = all ? 0 : i / 4 % 3; k < BIG && wide == 8; k += all ? 1 : 3) {
            damage_put64(f->p + i, big[k]);
            damage_try(look, f, table, n);
        }
        memcpy(f->p + i, old, wide);
        for (size_t k = all ? 0 : i / 4 % 3; k < WORDS; k += all ? 1 : 3) {
            memcpy(f->p + i, &word[k], 4);
            damage_try(look, f, table, n);
        }
        memcpy(f->p + i, old, wide);
    }
}

/* Of the header, of the table, of each section. The most memory that the process ever had stays
 * small. (A sanitizer's own is no measure.) */
static inline void damage_hostile(const char *path, damage_look *look)
{
    struct damage_file f = damage_read(path);
    struct rusage usage;
    uint64_t table = damage_get64(f.p + 24);
    size_t n = damage_sections(&f);

    damage_numbers(look, &f, 8, 32);
    for (size_t i = 0; i < n; i++) { /* flags, offset, length; then what is there */
        damage_numbers(look, &f, table + i * DAMAGE_ROW + 4, 20);
        damage_numbers(look, &f, damage_get64(f.p + table + i * DAMAGE_ROW + 8),
                       damage_get64(f.p + table + i * DAMAGE_ROW + 16));
    }
    free(f.p);
    getrusage(RUSAGE_SELF, &usage);
#ifndef __SANITIZE_ADDRESS__
    T_CHECKF(usage.ru_maxrss >> 10 < DAMAGE_MEMORY_MB, "%s: %ld MB", path, usage.ru_maxrss >> 10);
#endif
}

/* A major version more is refused, and that it is newer is said; a minor one is taken; a section
 * more that must be known is refused, another is passed over. */
static inline void damage_versions(const char *path, damage_look *look)
{
    struct damage_file f = damage_read(path);
    struct err e = {0};
    uint8_t *r = damage_row(&f, damage_sections(&f) / 2);

    f.p[12]++;
    damage_seal(&f);
    tmp_put("newer", f.p, f.len);
    T_CHECKF(look("newer", false, &e) == ERR_CORRUPT && strstr(e.msg, "is newer than"), "%s: %s",
             path, e.msg);
    f.p[12]--;
    f.p[14]++;
    damage_seal(&f);
    tmp_put("newer", f.p, f.len);
    T_CHECKF(look("newer", false, &e) == 0, "%s: %s", path, e.msg);
    memcpy(r, "NEW0", 4);
    r[4] |= 1;
    damage_seal(&f);
    tmp_put("newer", f.p, f.len);
    T_CHECKF(look("newer", false, &e) == ERR_CORRUPT &&
                 (strstr(e.msg, "needs a newer program, that knows section 'NEW0'") ||
                  strstr(e.msg, "is missing")),
             "%s: %s", path, e.msg);
    free(f.p);
}

#endif
