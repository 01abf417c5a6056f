/* pack.c - a container of base/sect.h as an input of a fuzz target (fuzz.h), to standard output.
 *
 *   pack FILE KIND MAJOR CONTROL...    CONTROL: the target's first bytes, as numbers
 */
#include "fuzz.h"

#include "base/sect.h"

int main(int argc, char **argv)
{
    struct sect_file *f = NULL;
    struct err e = {0};

    FUZZ_CHECK(argc > 4);
    if (sect_open(&f, argv[1], argv[2], (uint16_t)strtoul(argv[3], NULL, 0), &e) < 0) {
        fprintf(stderr, "pack: %s\n", e.msg);
        return 1;
    }
    for (int i = 4; i < argc; i++)
        putchar((int)strtoul(argv[i], NULL, 0));
    for (size_t i = 0; i < sect_count(f); i++) {
        struct sect_row row = sect_row(f, i);
        char *p = fuzz_need(malloc(row.len + 1));

        FUZZ_CHECK(row.len <= 0xffffff && sect_read(f, row.id, 0, p, row.len, &e) == 0);
        fwrite(row.id, 1, 4, stdout);
        putchar((int)row.flags);
        putchar((int)(row.len & 255));
        putchar((int)(row.len >> 8 & 255));
        putchar((int)(row.len >> 16));
        fwrite(p, 1, row.len, stdout);
        free(p);
    }
    sect_close(f);
    return fflush(stdout) != 0;
}
