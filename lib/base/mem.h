/* mem.h - checked memory: products that cannot overflow, growth, and huge pages.
 *
 * Sizes often come from files, so a failed allocation is an error for the caller to report, never
 * an abort. Every pointer from mem_array, mem_zero and mem_reserve is released with free().
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* n objects of `size` bytes, uninitialised / zeroed; NULL with *e filled when the product overflows
 * or memory is out. n == 0 gives a valid pointer. */
void *mem_array(size_t n, size_t size, struct err *e);
void *mem_zero(size_t n, size_t size, struct err *e);

/* Makes room for `need` objects in the array *pp (a pointer to a pointer, of any object type) with
 * capacity *cap, growing by half at least. 0 or ERR_MEM; on failure the array is as it was. */
int mem_reserve(void *pp, size_t *cap, size_t need, size_t size, struct err *e);

/* A zeroed anonymous mapping that asks for huge pages: for arrays of megabytes that are read at
 * random. Released with mem_unmap() and the same size. */
void *mem_map(size_t bytes, struct err *e);
void mem_unmap(void *p, size_t bytes);

/* Pages that free() has kept go back to the system: after much was freed, before much is taken. */
void mem_trim(void);

/* Growable byte buffer. {0} is an empty one; buf_free() leaves it empty again. */
struct buf {
    char *p;
    size_t len, cap;
};

int buf_reserve(struct buf *b, size_t extra, struct err *e); /* room for `extra` bytes past len */
int buf_add(struct buf *b, const void *p, size_t n, struct err *e);
int buf_addc(struct buf *b, char c, struct err *e);
int buf_adds(struct buf *b, const char *s, struct err *e);
int buf_printf(struct buf *b, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void buf_free(struct buf *b);

#endif
