/* fuzz_sect.c - containers of base/sect.h that are any bytes, from a file and in memory: what can
 * be opened of the one can be of the other, and whoever checks it finds that it can be copied.
 *
 *   0 1 bits: 1 the header's checksum is made right, 2 that of the table, 4 those of the sections
 *   then the file
 */
#include "fuzz.h"

#include <endian.h>

#include "base/hash.h"
#include "base/sect.h"

enum { HEADER = 64, ROW = 32, SUM_HEADER = 1, SUM_TABLE = 2, SUM_SECTIONS = 4 };

static uint64_t get64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return le64toh(v);
}

static void put64(uint8_t *p, uint64_t v)
{
    v = htole64(v);
    memcpy(p, &v, sizeof v);
}

static void seal(uint8_t *p, size_t len, unsigned which)
{
    uint64_t table = len >= HEADER ? get64(p + 24) : 0, rows;

    if (len < HEADER)
        return;
    rows = get64(p + 32) & 0xffffffff;
    if (table <= len && rows <= (len - table) / ROW && len - table - rows * ROW >= 8) {
        for (uint64_t i = 0; i < rows && which & SUM_SECTIONS; i++) {
            uint8_t *row = p + table + i * ROW;
            uint64_t at = get64(row + 8), n = get64(row + 16);

            if (at <= len && n <= len - at)
                put64(row + 24, hash64(p + at, n));
        }
        if (which & SUM_TABLE)
            put64(p + table + rows * ROW, hash64(p + table, rows * ROW));
    }
    if (which & SUM_HEADER)
        put64(p + 56, hash64(p, 56));
}

static bool copy(const struct sect_file *f)
{
    struct sect_writer *w = NULL;
    struct err e;
    bool good;

    fuzz_good(sect_create(&w, fuzz_path("copy"), "test", 1, 0, &e), &e);
    good = sect_copy(w, f, "DROP", &e) == 0;
    sect_abort(&w);
    return good;
}

static void look(const struct sect_file *f)
{
    struct err e;
    bool sound = true;
    uint64_t len;

    for (size_t i = 0; i < sect_count(f); i++) {
        struct sect_row row = sect_row(f, i);
        const uint8_t *p = sect_get(f, row.id, &len);
        uint64_t sum = 0;
        uint8_t some[16];

        for (size_t k = 0; p && k < len; k++)
            sum += p[k];
        FUZZ_CHECK(sum <= 255 * len && row.offset + row.len <= sect_size(f));
        if (row.len >= sizeof some)
            sect_read(f, row.id, row.len - sizeof some, some, sizeof some, &e);
        sound = sect_verify(f, row.id, &e) == 0 && sound;
    }
    sect_known(f, "DATAMORE", &e);
    FUZZ_CHECK(sect_check(f, &e) < 0 || (sound && copy(f)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    unsigned which = fuzz_byte(&in);
    uint8_t *p = fuzz_need(aligned_alloc(64, (in.len + 127) / 64 * 64));
    struct sect_file *f = NULL, *m = NULL;
    struct err e;
    const char *path;
    int rc;

    if (in.len > 0)
        memcpy(p, in.p, in.len);
    seal(p, in.len, which);
    path = fuzz_file("container", p, in.len);
    rc = sect_open(&f, path, "test", 1, &e);
    FUZZ_CHECK((sect_open_mem(&m, p, in.len, "memory", "test", 1, &e) == 0) == (rc == 0));
    if (rc == 0) {
        look(f);
        look(m);
    }
    sect_close(f);
    sect_close(m);
    if (which & 8 && sect_load(&f, path, "test", 1, 1, &e) == 0) {
        look(f);
        sect_close(f);
    }
    free(p);
    return 0;
}
