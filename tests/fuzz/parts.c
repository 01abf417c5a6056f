/* parts.c - inputs of sections become containers of base/sect.h: fuzz.h has their bytes.
 *
 * The linker puts this file between the library and three functions of sect.c (--wrap, in the
 * Makefile): what lies between the sections of an open file is poisoned until it is closed.
 */
#include "fuzz.h"

#include <endian.h>

#include "base/hash.h"
#include "base/sect.h"

enum { PARTS_MOST = 64, PART_HEAD = 8, HEADER = 64, ROW = 32, GAP = 4096, WRONG = 128 };

/* ---- an input's sections ---- */

struct part {
    const uint8_t *head, *p;
    size_t len;
};

static size_t cut(struct fuzz_in in, struct part *part)
{
    size_t n = 0;

    while (in.len >= PART_HEAD && n < PARTS_MOST) {
        const uint8_t *h = in.p;
        size_t len = h[5] | (size_t)h[6] << 8 | (size_t)h[7] << 16;

        in.p += PART_HEAD;
        in.len -= PART_HEAD;
        len = len < in.len ? len : in.len;
        part[n++] = (struct part){h, in.p, len};
        in.p += len;
        in.len -= len;
    }
    return n;
}

/* ---- the container ---- */

struct image {
    uint8_t *p;
    size_t len, cap;
};

static void grow(struct image *im, size_t to)
{
    if (to > im->cap) {
        size_t cap = to + to / 2;

        im->p = fuzz_need(realloc(im->p, cap));
        memset(im->p + im->cap, 0, cap - im->cap);
        im->cap = cap;
    }
    im->len = to > im->len ? to : im->len;
}

static void put(struct image *im, size_t at, const void *p, size_t len)
{
    grow(im, at + len);
    if (len > 0)
        memcpy(im->p + at, p, len);
}

static void put64(struct image *im, size_t at, uint64_t v)
{
    v = htole64(v);
    put(im, at, &v, sizeof v);
}

static size_t up_to(size_t v, size_t align)
{
    return (v + align - 1) / align * align;
}

/* A section behind the last, and its row of the table. */
static void put_part(struct image *im, const struct part *s, uint8_t *row)
{
    uint32_t flags = htole32(s->head[4] & (SECT_REQUIRED | SECT_APART));
    size_t at = up_to(im->len + GAP, s->head[4] & SECT_APART ? SECT_APART_ALIGN : SECT_ALIGN);
    uint64_t v[3] = {htole64(at), htole64(s->len),
                     htole64(hash64(s->p, s->len) + (s->head[4] & WRONG ? 1 : 0))};

    put(im, at, s->p, s->len);
    memcpy(row, s->head, 4);
    memcpy(row + 4, &flags, 4);
    memcpy(row + 8, v, sizeof v);
}

static void put_header(struct image *im, const char kind[4], unsigned major, size_t table, size_t n)
{
    static const char magic[8] = {(char)0x89, 'S', 'L', 'U', 'I', 'C', 'E', '\n'};

    put(im, 0, magic, sizeof magic);
    put(im, 8, kind, 4);
    put64(im, 12, major);
    put64(im, 16, im->len);
    put64(im, 24, table);
    put64(im, 32, n);
    put64(im, 56, hash64(im->p, 56));
}

const char *fuzz_container(struct fuzz_in in, const char kind[4], unsigned major)
{
    struct part part[PARTS_MOST];
    uint8_t rows[PARTS_MOST * ROW];
    struct image im = {0};
    size_t n = cut(in, part), table;
    const char *path;

    grow(&im, HEADER);
    for (size_t i = 0; i < n; i++)
        put_part(&im, &part[i], rows + i * ROW);
    table = up_to(im.len + GAP, SECT_ALIGN);
    put(&im, table, rows, n * ROW);
    put64(&im, table + n * ROW, hash64(rows, n * ROW));
    put_header(&im, kind, major, table, n);
    path = fuzz_file("container", im.p, im.len);
    free(im.p);
    return path;
}

/* ---- what lies between sections ---- */

void __asan_poison_memory_region(const volatile void *p, size_t len) __attribute__((weak));
void __asan_unpoison_memory_region(const volatile void *p, size_t len) __attribute__((weak));

int __real_sect_open(struct sect_file **out, const char *path, const char kind[4], uint16_t major,
                     struct err *e);
void __real_sect_close(struct sect_file *f);
int __real_sect_check(const struct sect_file *f, struct err *e);
int __wrap_sect_open(struct sect_file **out, const char *path, const char kind[4], uint16_t major,
                     struct err *e);
void __wrap_sect_close(struct sect_file *f);
int __wrap_sect_check(const struct sect_file *f, struct err *e);

static void mark(const struct sect_file *f, void (*how)(const volatile void *p, size_t len))
{
    for (size_t i = 0; how && i < sect_count(f); i++) {
        struct sect_row row = sect_row(f, i);
        uint64_t len, end = up_to(row.offset + row.len, SECT_ALIGN);
        uint64_t next = i + 1 < sect_count(f) ? sect_row(f, i + 1).offset : sect_size(f);
        const uint8_t *p = sect_get(f, row.id, &len);

        if (p && next > end)
            how(p + (end - row.offset), next - end);
    }
}

int __wrap_sect_open(struct sect_file **out, const char *path, const char kind[4], uint16_t major,
                     struct err *e)
{
    int rc = __real_sect_open(out, path, kind, major, e);

    if (rc == 0)
        mark(*out, __asan_poison_memory_region);
    return rc;
}

void __wrap_sect_close(struct sect_file *f)
{
    if (f)
        mark(f, __asan_unpoison_memory_region);
    __real_sect_close(f);
}

int __wrap_sect_check(const struct sect_file *f, struct err *e)
{
    int rc;

    mark(f, __asan_unpoison_memory_region);
    rc = __real_sect_check(f, e);
    mark(f, __asan_poison_memory_region);
    return rc;
}

/* ---- mutation ---- */

/* libFuzzer's; a replay has none, and does not mutate. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most) __attribute__((weak));

/* The section at `at` gets another length, and what is behind it moves. */
static size_t mutate_part(uint8_t *data, size_t size, size_t most, size_t at, size_t len)
{
    size_t head = at - PART_HEAD, behind = size - at - len;
    size_t room = (most > size ? most - size : 0) + len;
    uint8_t *own;

    room = room < 0xffffff ? room : 0xffffff;
    if (room == 0)
        return size;
    own = fuzz_need(malloc(room));
    memcpy(own, data + at, len);
    room = LLVMFuzzerMutate(own, len, room);
    memmove(data + at + room, data + at + len, behind);
    memcpy(data + at, own, room);
    free(own);
    data[head + 5] = (uint8_t)room;
    data[head + 6] = (uint8_t)(room >> 8);
    data[head + 7] = (uint8_t)(room >> 16);
    return size - len + room;
}

size_t fuzz_mutate_parts(uint8_t *data, size_t size, size_t most, unsigned seed, size_t control)
{
    struct part part[PARTS_MOST];
    size_t n = size > control ? cut((struct fuzz_in){data + control, size - control}, part) : 0;
    const struct part *s = n ? &part[seed / 16 % n] : NULL;

    if (!s || seed % 16 == 0)
        return LLVMFuzzerMutate(data, size, most);
    if (seed % 16 == 1) {
        LLVMFuzzerMutate(data, control, control);
        return size;
    }
    return mutate_part(data, size, most, (size_t)(s->p - data), s->len);
}
