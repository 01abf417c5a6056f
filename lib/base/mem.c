/* mem.c - see mem.h. */
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

static int no_memory(struct err *e, size_t n, size_t size)
{
    return err_set(e, ERR_MEM, "out of memory (%zu x %zu bytes)", n, size);
}

void *mem_array(size_t n, size_t size, struct err *e)
{
    size_t bytes;
    void *p = NULL;

    if (!__builtin_mul_overflow(n, size, &bytes))
        p = malloc(bytes ? bytes : 1);
    if (!p)
        no_memory(e, n, size);
    return p;
}

void *mem_zero(size_t n, size_t size, struct err *e)
{
    void *p = calloc(n ? n : 1, size ? size : 1);

    if (!p)
        no_memory(e, n, size);
    return p;
}

int mem_reserve(void *pp, size_t *cap, size_t need, size_t size, struct err *e)
{
    size_t want = *cap + *cap / 2, bytes;
    void *old, *p;

    if (need <= *cap)
        return 0;
    if (want < need)
        want = need;
    if (want < 16)
        want = 16;
    if (__builtin_mul_overflow(want, size, &bytes))
        return no_memory(e, want, size);
    memcpy(&old, pp, sizeof old); /* *pp is a pointer of the caller's type */
    p = realloc(old, bytes);
    if (!p)
        return no_memory(e, want, size);
    memcpy(pp, &p, sizeof p);
    *cap = want;
    /* cppcheck-suppress memleak ; p has just become the caller's array */
    return 0;
}

void *mem_map(size_t bytes, struct err *e)
{
    void *p = mmap(NULL, bytes ? bytes : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                   0);

    if (p == MAP_FAILED) {
        no_memory(e, bytes, 1);
        return NULL;
    }
    madvise(p, bytes, MADV_HUGEPAGE); /* a wish: without it the mapping works as well */
    return p;
}

void mem_unmap(void *p, size_t bytes)
{
    if (p)
        munmap(p, bytes ? bytes : 1);
}

void mem_trim(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

int buf_reserve(struct buf *b, size_t extra, struct err *e)
{
    size_t need;

    if (__builtin_add_overflow(b->len, extra, &need))
        return no_memory(e, b->len, 1);
    return mem_reserve(&b->p, &b->cap, need, 1, e);
}

int buf_add(struct buf *b, const void *p, size_t n, struct err *e)
{
    if (b->cap - b->len < n && buf_reserve(b, n, e) < 0)
        return e->code;
    if (n)
        memcpy(b->p + b->len, p, n);
    b->len += n;
    return 0;
}

int buf_addc(struct buf *b, char c, struct err *e)
{
    return buf_add(b, &c, 1, e);
}

int buf_adds(struct buf *b, const char *s, struct err *e)
{
    return buf_add(b, s, strlen(s), e);
}

int buf_printf(struct buf *b, struct err *e, const char *fmt, ...)
{
    va_list ap, again;

    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    int rc = n < 0 ? err_set(e, ERR_MEM, "cannot format a message")
                   : buf_reserve(b, (size_t)n + 1, e);
    if (rc == 0) {
        vsnprintf(b->p + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
    return rc;
}

void buf_free(struct buf *b)
{
    free(b->p);
    *b = (struct buf){0};
}
