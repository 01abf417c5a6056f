/* fuzz.h - what the fuzz targets share: numbers out of an input, an input as a file, a failure.
 *
 * A target is one file, tests/fuzz/fuzz_NAME.c, with LLVMFuzzerTestOneInput(); README beside this
 * says how to add one. Its first bytes choose what is asked (a format, a size, a level of CPU), the
 * rest are the bytes from outside. Whatever these are, the call must come back, soon, with all
 * memory given back, and what it was told must hold: FUZZ_CHECK().
 *
 * Threads  none: a target runs alone.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(cond)                                                              \
    do {                                                                              \
        if (!(cond)) {                                                                \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #cond); \
            abort();                                                                  \
        }                                                                             \
    } while (0)

/* What must go well, whatever the input. */
static inline void fuzz_good(int rc, const struct err *e)
{
    if (rc < 0)
        fprintf(stderr, "%s\n", e->msg);
    FUZZ_CHECK(rc >= 0);
}

/* What is left of an input. */
struct fuzz_in {
    const uint8_t *p;
    size_t len;
};

/* The next byte; 0 when there are no more. */
static inline unsigned fuzz_byte(struct fuzz_in *in)
{
    if (in->len == 0)
        return 0;
    in->len--;
    return *in->p++;
}

/* 0 to n - 1, n at most 256. */
static inline unsigned fuzz_pick(struct fuzz_in *in, unsigned n)
{
    return fuzz_byte(in) % n;
}

/* A level that the machine has. */
static inline enum cpu_level fuzz_cpu(struct fuzz_in *in)
{
    return (enum cpu_level)fuzz_pick(in, (unsigned)cpu_detect() + 1);
}

/* The bytes up to `end`, or the last one, and on behind it. */
static inline struct fuzz_in fuzz_until(struct fuzz_in *in, char end)
{
    const uint8_t *stop = in->len ? memchr(in->p, end, in->len) : NULL;
    struct fuzz_in part = {in->p, stop ? (size_t)(stop - in->p) : in->len};
    size_t used = part.len + (stop != NULL);

    in->p += used;
    in->len -= used;
    return part;
}

/* Memory that must be there. */
static inline void *fuzz_need(void *p)
{
    FUZZ_CHECK(p);
    return p;
}

/* A copy of its own size and a NUL, to be freed: reading past it is found. */
static inline char *fuzz_text(struct fuzz_in in)
{
    char *s = fuzz_need(malloc(in.len + 1));

    if (in.len > 0)
        memcpy(s, in.p, in.len);
    s[in.len] = '\0';
    return s;
}

/* ---- files (fuzz.c) ---- */

/* The path of a file with these bytes, in a folder that goes when the process ends. The path is
 * the same for the same name, and lives as long as the process. */
const char *fuzz_file(const char *name, const void *p, size_t len);
/* Where something may be written: FOLDER/name. */
const char *fuzz_path(const char *name);
void fuzz_drop(const char *name); /* a file, or a folder and all in it */

/* ---- our own containers (parts.c) ----
 *
 * The checksums of base/sect.h would keep every changed byte from its reader. So inputs hold
 * sections alone, and the container is made of them, with right sums:
 *
 *   control   as many bytes as the target takes
 *   sections  0 4 id    4 1 flags: of sect.h; 128: its checksum is wrong    5 3 length
 *             then so many bytes, of the last one all that are left
 *
 * Between two sections lie bytes that ASan keeps from being read (but for those up to a multiple of
 * 64, which sect.h's readers may): whoever leaves a section is found. tests/fuzz/pack makes an
 * input of a file. */
const char *fuzz_container(struct fuzz_in in, const char kind[4], unsigned major);
/* A custom mutator for such inputs: changes one section, or a control byte. */
size_t fuzz_mutate_parts(uint8_t *data, size_t size, size_t most, unsigned seed, size_t control);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);

#endif
